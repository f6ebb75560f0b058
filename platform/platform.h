/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What runs guest code. Everything above this interface is the same for every platform; nothing
 * above asks which one it is.
 *
 *   machine   one per sandbox
 *   space     one guest address space of a machine
 *   context   the CPU state of one guest thread of a machine
 *
 * A guest thread is a host thread in a loop:  run(context, space) -> event -> handle -> run ...
 *
 * Thread safety: a context belongs to one host thread at a time, and only its kick may be used by
 * others. The mapping calls of one space are serialised by the caller, and may run while contexts
 * run in that space. When space_unmap, space_protect with fewer rights, or a space_map that
 * replaces something returns, no CPU can use the old mapping any more. Errors are -errno; -EIO
 * means that the machine is broken and the sandbox must end.
 */
#ifndef HL_PLATFORM_PLATFORM_H
#define HL_PLATFORM_PLATFORM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "arch/regs.h"
#include "arch/trap.h"
#include "host/kick.h"
#include "platform/physmem.h"
#include "util/errmsg.h"
#include "util/check.h"
#include "util/gva.h"
#include "util/lock.h"

struct machine;
struct space;
struct context;

/* Guest page rights; PROT_READ is implied by the others, as on x86. GUEST_TEXT, beside EXEC and
 * without WRITE, is none: what is there does not change without a call here. */
enum { GUEST_READ = 1, GUEST_WRITE = 2, GUEST_EXEC = 4, GUEST_TEXT = 8 };

enum event_kind {
	EVENT_SYSCALL, /* the guest made a system call; the context is stopped behind it */
	/* a memory access the space does not allow; the instruction has not executed */
	EVENT_FAULT,
	EVENT_EXCEPTION,   /* any other CPU exception of user code */
	EVENT_INTERRUPTED, /* a kick */
	/* a mapped page has no memory behind it any more (host file truncated); address unknown */
	EVENT_LOST_PAGE,
	/* this space can not run on: its platform side was destroyed. The process has been
	 * killed */
	EVENT_DEAD,
};

struct event {
	enum event_kind kind;
	union {
		struct {
			/* as the guest has it, unchecked; Linux and some platforms know its low 32
			 * bits alone */
			uint64_t nr;
			uint64_t args[6];
			uint64_t ip; /* of the instruction after that of the call */
		} syscall;
		struct {
			/* faulting linear address, as reported by the CPU; may be anything */
			gva_t addr;
			unsigned access; /* one of GUEST_READ, GUEST_WRITE, GUEST_EXEC */
		} fault;
		struct trap exception;
		const char *dead; /* a sentence */
	};
};

/* CPU time of a guest thread. */
struct cpu_time {
	uint64_t user_ns, system_ns;
};

/* What a probe found. */
struct platform_report {
	bool usable;
	char text[256];         /* why not */
	char advice[256];       /* and what to do about it; "": nothing known */
	uint64_t round_trip_ns; /* measured cost of one exit and re-entry; 0: not measured */
};

/* What differs between platforms in numbers, never in meaning. */
struct machine_props {
	uint64_t arena_max;  /* largest arena this machine can address, bytes */
	uint64_t window_max; /* the same for the window of host files */
	/* anonymous memory up to this size is best mapped when it is created */
	uint64_t eager_map_max;
	/* larger memory is best mapped in aligned units of this size when touched; power of two */
	uint64_t fault_map_unit;
	/* guest addresses from here on are the platform's own; at most GUEST_TASK_SIZE */
	uint64_t user_end;
	/* pages worth copying around one copy-on-write fault; power of two */
	unsigned cow_copy_pages;
	/* Guests touch pages of host files slowly here: private mappings are best copied into the
	 * arena, even those that are only read. */
	bool copy_files;
};

/* What each thread of the machine's own calls once, when it has made what takes more rights than it
 * keeps. fn NULL: nothing. `confined`: whoever makes the machine has not these rights any more, and
 * it has to do with what its kin have. */
struct machine_hook {
	void (*fn)(void *arg);
	void *arg;
	bool confined;
};

/*
 * What machines of one platform may have in common, because they are alike (their monitors are
 * confined alike, and their threads inherit the same): processes and threads that serve no guest.
 * Whoever makes several such machines has one of these, until after the last machine's creation; it
 * is all zeroes but for the lock.
 */
struct machine_kin {
	struct mutex lock;
	void *shared; /* the platform's; NULL: nothing yet */
	void (*put)(void *shared);
};

struct platform {
	const char *name;
	const struct check *checks; /* what it needs of the host, and what makes it slow */

	int (*machine_create)(struct machine **out, struct errmsg *errmsg);
	void (*machine_props)(const struct machine *m, struct machine_props *out);
	/* Once: the memory all mappings will come from. What it takes besides is made meanwhile.
	 * `kin`: what it may share with others; NULL: it has none. Threads that are shared are
	 * those of the machine that was the first. -EAGAIN: nothing is there to be shared, and
	 * the caller is confined. */
	int (*machine_attach)(struct machine *m, struct physmem *pm, struct machine_kin *kin,
			      const struct machine_hook *hook, struct errmsg *errmsg);
	/* Waits for that, before the first space. Only then all the machine's threads have called
	 * the hook. NULL: there is nothing to wait for. */
	int (*machine_ready)(struct machine *m, struct errmsg *errmsg);
	/* Before the first space: is what it was made of still there? NULL: nothing of it can
	 * end. */
	bool (*machine_works)(struct machine *m);
	/* Has each thread that the machine has, once it is ready, call fn once, and waits for that:
	 * for what a thread can only do to itself. 0 or what fn gave. NULL: there are none. */
	int (*machine_each_thread)(struct machine *m, int (*fn)(void *arg), void *arg);
	/* Before guest code runs: CPU time is bounded, and none is to be spent for speed. NULL:
	 * none ever is. */
	void (*machine_save_cpu)(struct machine *m);
	/* All spaces and contexts must be gone. */
	void (*machine_destroy)(struct machine *m);

	int (*space_create)(struct machine *m, struct space **out);
	void (*space_destroy)(struct space *s);
	/* Guest code of the space is to run no more, at once: its process is being killed, and its
	 * contexts are kicked. Any thread. NULL: a kick stops a guest as soon as it would run. */
	void (*space_stop)(struct space *s);
	/* Guest code does not run in it until the next run: what its contexts have left in the
	 * platform, which guest code could see, goes, and mappings may be put off until then. NULL:
	 * there is nothing to do. */
	int (*space_rest)(struct space *s);
	/* Mappings from now on need not be there before space_flush, which is called soon: as one
	 * they cost less. Until then guest code may see what they replace. After a failure of
	 * space_flush the space is of no use. NULL: one by one costs no more. */
	int (*space_gather)(struct space *s);
	int (*space_flush)(struct space *s);
	/* Maps [addr, addr+len) to mf at `off`; replaces whatever was there. All page-aligned,
	 * inside the user half and not below GUEST_MMAP_MIN. prot 0 is the same as space_unmap.
	 * -ENOMEM leaves the range unmapped. */
	int (*space_map)(struct space *s, gva_t addr, uint64_t len, unsigned prot,
			 struct memfile *mf, uint64_t off);
	int (*space_unmap)(struct space *s, gva_t addr, uint64_t len);
	/* Changes the rights of what is mapped in the range; holes stay holes, and may cost more
	 * than what is mapped. prot 0: unmap. */
	int (*space_protect)(struct space *s, gva_t addr, uint64_t len, unsigned prot);

	/* New contexts have the registers of regs_start(0, 0), and the FP state of a fresh
	 * process. */
	int (*context_create)(struct machine *m, struct context **out);
	void (*context_destroy)(struct context *c);
	/* It will run in another space, if it runs again, and with registers that are set before:
	 * what it has in this one is free for others. By its own thread. NULL: it has nothing. */
	void (*context_leave)(struct context *c);
	/* Guest code of it is to run no more until the next run: its task is going to sleep or to
	 * rest. By its own thread. NULL: none does when an event has come. */
	void (*context_halt)(struct context *c);
	/* NULL: spaces of this platform do not end by themselves. `died` is called when the space
	 * the context ran in last has ended while it was not running, so that what its thread waits
	 * for may be given up: the next run gives EVENT_DEAD. From a thread of the platform's,
	 * which holds locks: it may wake, and nothing else. */
	void (*context_watch)(struct context *c, void (*died)(void *arg), void *arg);
	/* Runs until there is an event. `k` is the kick of the calling thread: kick_send(k) ends
	 * the run with EVENT_INTERRUPTED and leaves the kick pending. The space may differ from the
	 * last run's (execve). */
	int (*run)(struct context *c, struct space *s, struct kick *k, struct event *ev);

	/* After EVENT_SYSCALL: what regs_result will be. The cheap way back; regs_set after it
	 * overrides it. */
	void (*syscall_result)(struct context *c, uint64_t result);
	/* The whole integer state. After EVENT_SYSCALL as the kernel leaves it, with `nr` in the
	 * place of the result until syscall_result where the two share a register. regs_set forces
	 * the flags that are not user code's; addresses no guest can have are -EINVAL. */
	int (*regs_get)(struct context *c, struct cpu_regs *out);
	int (*regs_set)(struct context *c, const struct cpu_regs *in);

	/* Extended (floating-point, vector) state as signal frames hold it, fp_size() bytes, and
	 * which parts of it guests of this machine have: sigframe.h of the architecture. fp_set
	 * checks what it is given and gives -EINVAL; buf NULL: the state of a fresh process. */
	size_t (*fp_size)(const struct machine *m, uint64_t *features);
	int (*fp_get)(struct context *c, void *buf, size_t size);
	int (*fp_set)(struct context *c, const void *buf, size_t size);

	/* The breakpoints and watchpoints of the context, which are EVENT_EXCEPTIONs of the
	 * architecture's debug exception; addresses are guests'. They replace those before, and
	 * concern user code alone. -ENOSPC: the host has none to give, or not so many; then there
	 * are none. `s`: the space that the context runs in next. */
	int (*breaks_set)(struct context *c, struct space *s,
			  const struct hw_break list[HW_BREAKS]);

	/* Counters for --stats: number of entries into the guest since creation. */
	uint64_t (*runs)(const struct context *c);

	/* True: guest code runs in host threads of the platform's own, and `out` is the CPU time
	 * they have used for this context; what the caller of `run` uses comes on top. False: it
	 * runs in the caller of `run`. From any thread. */
	bool (*cpu_time)(struct context *c, struct cpu_time *out);
	/* Where that is true: a host clock for timer_create(2) that goes on at least as fast as all
	 * contexts in the space use CPU time. It may take long the first time. */
	bool (*space_clock)(struct space *s, clockid_t *out);
	/* Guest code of the context is to run on the CPUs and with the priority that host thread
	 * `host_tid`, which calls `run` for it, has from now on. From any thread. */
	void (*schedule_as)(struct context *c, pid_t host_tid);
};

extern const struct platform platform_kvm, platform_process;

/* The check that all of them share: memory files. */
void look_memfd(struct check_result *r, bool thorough);
/* Does it work here? Leaves nothing behind. `measure`: also run a guest, and find round_trip_ns; a
 * few milliseconds. */
void platform_probe(const struct platform *pf, struct platform_report *out, bool measure);

#endif
