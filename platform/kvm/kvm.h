/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kvm platform's own structures.
 *
 *   machine   a VM. Guest-physical addresses:
 *               0             control memory: the shim, a block per vCPU, page tables. The
 *                             monitor's own; no guest mapping leads there but the supervisor-only
 *                             one of the shim.
 *               PHYSMEM_GPA   the sandbox's struct physmem, linearly: memory slots are added where
 *                             first needed.
 *   space     a page table root
 *   context   what a thread's CPU holds while no vCPU does
 *   vcpu      runs contexts; stays with the last one until another needs it
 *
 * Locks, in this order: machine.pool_lock, machine.mem_lock.
 */
#ifndef HL_PLATFORM_KVM_KVM_H
#define HL_PLATFORM_KVM_KVM_H

#include <linux/kvm.h>
#include <stdatomic.h>

#include "arch/x86_64/shim.h"
#include "platform/platform.h"
#include "util/list.h"
#include "util/lock.h"

#define CONTROL_MEMORY_SIZE (3UL << 30) /* below the holes that KVM keeps for itself near 4 GiB */
#define PHYSMEM_GPA         (4UL << 30)
#define VCPU_MAX            4096
#define KVM_DEVICE          "/dev/kvm"

/* Offsets in control memory. */
#define CONTROL_BLOCKS PAGE_SIZE /* behind the shim's code */
#define CONTROL_TABLES (CONTROL_BLOCKS + VCPU_MAX * sizeof(struct shim_block))

/* What this host's KVM offers; found once per process (host.c). */
struct kvm_host {
	struct kvm_cpuid2 *cpuid; /* for guests */
	uint64_t xcr0;
	size_t xsave_size;
	size_t run_size; /* of a vCPU's mapping */
	unsigned phys_bits;
	unsigned slots;
	unsigned vcpus;
	bool smep, fsgsbase, rdtscp;
	/* to run a vCPU in another thread than before waits for an RCU grace period */
	bool moves_slowly;
	/* two-dimensional paging: the hardware's. Else KVM shadows page tables, and faults are
	 * expensive */
	bool tdp;
	/* are breakpoints in debug registers honoured? Found when one is wanted */
	_Atomic enum { BREAKS_UNKNOWN, BREAKS_WORK, BREAKS_FAIL } breaks;
};

struct table_list {
	/* guest-physical; linked through their first entry, which reads as not present */
	uint64_t first, last;
	uint64_t count;
};

struct kvm_machine {
	int fd;
	struct kvm_host *host;
	struct physmem *pm;
	char *control; /* host address of guest-physical 0 */

	struct mutex mem_lock;
	uint64_t control_end;    /* what has a memory slot */
	uint64_t table_next;     /* never used from here on */
	struct table_list free;  /* may be used again */
	struct table_list stale; /* KVM may still hold shadows of them */
	uint64_t shim_root;      /* page table root with nothing but the shim */
	_Atomic uint64_t *slots; /* bitmap: slots of physmem that exist; set under mem_lock */

	struct mutex pool_lock;
	struct list vcpus;       /* all, least recently bound first */
	struct list waiters;     /* first come, first served */
	_Atomic unsigned queued; /* length of waiters; read without the lock */
	unsigned vcpu_count;
	/* above this many, an idle context gives up its vCPU rather than one is added */
	unsigned vcpu_soft;
	unsigned vcpu_hard;
};

struct kvm_space {
	struct kvm_machine *m;
	uint64_t root;
};

#define XSAVE_BUFFER 4096 /* of KVM_GET_XSAVE; larger than all state we offer */
#define XSAVE_SSE    2UL

/* The fixed part of extended state, SDM vol. 1 13.4. */
struct xsave_head {
	uint16_t fcw, fsw;
	uint8_t x87[20];
	uint32_t mxcsr, mxcsr_mask;
	uint8_t st[128], xmm[256], reserved[48], software[48];
	uint64_t parts, compact, zero[6];
};

_Static_assert(offsetof(struct xsave_head, parts) == 512 && sizeof(struct xsave_head) == 576,
	       "SDM");

/* Where a stopped vCPU stands. */
enum stop {
	STOP_USER,    /* in user mode */
	STOP_SYSCALL, /* in supervisor mode, in the shim's system call entry */
	STOP_FRAME,   /* in supervisor mode, in an exception stub */
};

struct vcpu {
	struct kvm_machine *m;
	int fd;
	struct kvm_run *run;
	struct shim_block *block;
	uint64_t tss; /* guest address of block */
	struct list link;
	struct kvm_context *owner;
	pid_t tid; /* of the last one to run it; under pool_lock */
	/* when its owner could begin to run, ns; UINT64_MAX: not yet. Under pool_lock */
	uint64_t since;
	_Atomic bool preempt; /* somebody waits for a vCPU: the owner is to give this one up */

	/* Used by the owner while it runs. */
	bool used;   /* extended state is not that of a new vCPU */
	bool breaks; /* its debug registers are in use */
	bool stray;  /* KVM may hold an exception for an instruction that will not be resumed */
	bool dead;
	/* a system call is expected next: the exit for an open interrupt window catches it */
	bool window;
	enum stop stop;
	uint32_t tsc_aux;
	uint64_t root; /* CR3; 0: everything must be loaded */
};

/* Everything of user segments that a program can change. */
struct segments {
	struct kvm_segment ds, es, fs, gs;
};

/* Who may touch a context's vCPU: nobody now; its thread; one who takes the vCPU away (under
 * pool_lock). */
enum hold { HOLD_NONE, HOLD_OWNER, HOLD_TAKER };

struct kvm_context {
	struct kvm_machine *m;
	_Atomic uint32_t hold;
	struct vcpu *vcpu;           /* may be NULL */
	_Atomic(struct kick *) kick; /* of the thread that is in `run` */

	/* the truth while not running, but for the bases, which are in segs */
	struct cpu_regs regs;
	/* the truth if segs_known, which is always so without a vCPU */
	struct segments segs;
	bool segs_known, segs_dirty; /* dirty: the vCPU has not got them */
	/* extended state while no vCPU holds it; NULL: that of a new process */
	void *fp;
	struct hw_break breaks[HW_BREAKS];
	bool breaks_on, breaks_dirty; /* dirty: the vCPU has not got them */
	_Atomic uint64_t runs;        /* others read it while it counts */
};

/* The objects behind the handles of platform.h. */
static inline struct kvm_machine *to_kvm_machine(struct machine *m)
{
	return (struct kvm_machine *)m;
}

static inline struct kvm_space *to_kvm_space(struct space *s)
{
	return (struct kvm_space *)s;
}

static inline struct kvm_context *to_kvm_context(struct context *c)
{
	return (struct kvm_context *)c;
}

/* device.c */
int kvm_device_open(struct errmsg *errmsg);
/* The device could not be opened with errno `err`: says why, and the way out. */
void kvm_device_explain(struct check_result *r, int err);

/* host.c */
struct kvm_host *host_get(struct errmsg *errmsg);

/* checks.c */
extern const struct check kvm_checks[];
/* Is this host a virtual machine itself? */
bool host_is_virtual(void);

/* memory.c: guest-physical memory of a machine */
int control_create(struct kvm_machine *m, struct errmsg *errmsg);
void control_destroy(struct kvm_machine *m);
void *control_ptr(const struct kvm_machine *m, uint64_t gpa);
/* A zeroed page table; 0: no memory. */
uint64_t table_alloc(struct kvm_machine *m);
/* Gives back tables that no live root leads to any more. */
void tables_free(struct kvm_machine *m, struct table_list *list);
void table_list_add(const struct kvm_machine *m, struct table_list *list, uint64_t gpa);
/* The guest-physical address of physmem memory, with a memory slot behind [hva, hva+len). */
int physmem_gpa(struct kvm_machine *m, const void *hva, uint64_t len, uint64_t *gpa);
/* Drops every translation of every vCPU that leads to [gpa, gpa+len). `again`: guests will use the
 * pages again. */
int translations_drop(struct kvm_machine *m, uint64_t gpa, uint64_t len, bool again);
/* Under shadow paging, makes a guest's first touch of new arena memory cheap. */
void memory_warm(struct kvm_machine *m, void *hva, uint64_t len);

/* space.c */
int kvm_space_create(struct machine *m, struct space **out);
void kvm_space_destroy(struct space *s);
int kvm_space_map(struct space *s, gva_t addr, uint64_t len, unsigned prot, struct memfile *mf,
		  uint64_t off);
int kvm_space_unmap(struct space *s, gva_t addr, uint64_t len);
int kvm_space_protect(struct space *s, gva_t addr, uint64_t len, unsigned prot);
/* Does the page table allow this access? */
bool kvm_space_allows(const struct kvm_space *s, uint64_t addr, unsigned access);
/* The byte at `addr`, read once; false: there is none. */
bool kvm_space_peek(const struct kvm_space *s, uint64_t addr, uint8_t *out);
int shim_map(struct kvm_machine *m);

/* vcpu.c: one of nobody's; the pool */
int vcpu_make(struct kvm_machine *m, struct vcpu **out);
void vcpu_free(struct vcpu *v);
void vcpus_destroy(struct kvm_machine *m);
/* Before each run: RDTSCP and RDPID of the guest tell the host CPU we are on, as Linux has them
 * do. */
void vcpu_note_cpu(struct vcpu *v);
/* Gives a context that is about to run and has no vCPU one. `k` as in run; -EINTR: kicked while
 * waiting; -ENOMEM: the machine has none, and none can be made. */
int vcpu_bind(struct kvm_context *c, struct kick *k);
/* Takes it away again; the state stays in the context. */
int vcpu_unbind(struct kvm_context *c);
/* For a context that ends: no state is kept. */
void vcpu_forget(struct kvm_context *c);

/*
 * Two kinds of host. On hardware `syscall` enters the shim in supervisor mode, and the shim's
 * sysretq and iretq are the cheap way back. A nested KVM without hardware page tables interprets
 * supervisor code; there `syscall` arrives at LSTAR still in user mode, so that fetching the shim's
 * first instruction faults, and the way back is to set all state. Such a vCPU shares its sregs with
 * every exit. It is taken to be of that kind until a system call shows otherwise.
 *
 * There the fault, the exception's delivery and the interpreted OUT cost as much again as the
 * `syscall` itself. KVM looks, after each exit it handled by itself, whether user space asked to be
 * told of an open interrupt window (request_interrupt_window, Documentation/virt/kvm/api.rst): so
 * asked, KVM_RUN ends right behind the `syscall`. No interrupt is ever injected; RFLAGS.IF is
 * always set in user code and SFMASK leaves it alone.
 */
static inline bool vcpu_interpreted(const struct vcpu *v)
{
	return v->run->kvm_valid_regs & KVM_SYNC_X86_SREGS;
}

/* state.c: user state into and out of a vCPU. All under the context's hold. */
void segments_init(struct segments *segs);
int segments_fetch(struct kvm_context *c);
int state_load(struct kvm_context *c, uint64_t root);
void state_store(struct kvm_context *c);
/* What user code of the context runs with. */
void sregs_fill(struct kvm_sregs *sr, const struct kvm_context *c, uint64_t root);
/* CR2, and the privilege level, of a stopped vCPU. */
int sregs_get(struct vcpu *v, struct kvm_sregs *out);
int fp_fetch(struct kvm_context *c, void *buf);
int fp_load(struct kvm_context *c, void *buf);
void fp_init(void *buf);

/* context.c */
int kvm_context_create(struct machine *m, struct context **out);
void kvm_context_destroy(struct context *c);
int kvm_context_run(struct context *c, struct space *s, struct kick *k, struct event *ev);
void kvm_context_syscall_result(struct context *c, uint64_t rax);
int kvm_context_regs_get(struct context *c, struct cpu_regs *out);
int kvm_context_regs_set(struct context *c, const struct cpu_regs *in);
int kvm_context_fp_get(struct context *c, void *buf, size_t size);
int kvm_context_fp_set(struct context *c, const void *buf, size_t size);
uint64_t kvm_context_runs(const struct context *c);
bool kvm_context_cpu_time(struct context *c, struct cpu_time *out);
bool kvm_space_clock(struct space *s, clockid_t *out);
void kvm_context_schedule_as(struct context *c, pid_t host_tid);

/* breaks.c: a context's breakpoints, and the debug registers of its vCPU */
int kvm_breaks_set(struct context *c, struct space *s, const struct hw_break list[HW_BREAKS]);
int vcpu_breaks_load(struct kvm_context *c);
/* Which were hit: bit n; for a debug exception. */
unsigned vcpu_breaks_hit(struct kvm_context *c);

/* event.c: why a vCPU stopped. False: nothing the caller has to know, run on. */
bool event_decode(struct kvm_context *c, struct kvm_space *s, long result, struct event *ev);

#endif
