/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The process platform: guest code in ordinary host processes that may do nothing by themselves.
 *
 *   nursery   a template process, and the thread that notices when stubs end. Machines that are
 *             alike share one (struct machine_kin); any other has its own
 *   machine   the control file: the pages its stubs and the monitor share (layout.h)
 *   space     a stub process, forked from the template, which passes it its machine's files; its
 *             first thread, the helper, maps memory and makes threads at our command. Where there
 *             is much to map a second one, the mapper, does that by notifications of its own
 *   context   a guest thread: a filtered thread of the stub. Its system calls come as seccomp
 *             notifications
 *
 * What makes it fast: the next stub is forked ahead (spare.c), or is one that was used, emptied
 * (used.c). All that is mapped in a space before guest code runs there is one command (struct
 * batch). A thread whose context has ended waits in its last system call for the next context
 * (thread.c). A notification hands a system call over to the monitor and back on one CPU, which no
 * other means does.
 *
 * A guest thread is always in one of these states:
 *
 *   NONE     there is no host thread yet: the registers are in the context
 *   RUNS     guest code runs (or is about to, or its handler is)
 *   CALLED   stopped in a system call that the host kernel has latched; answered by its result
 *   LINED    in a system call that was made by its line (line.c): it looks for the answer there,
 *            or sleeps. Nothing keeps a guest from going on
 *   REPORTED stopped in the stub's signal handler: faults, interruptions, the few system calls
 *            that the filter traps, and whenever all registers are wanted. They are in the frame
 *            on the thread's signal stack, which the guest can write, too: whatever is there is
 *            the guest's own state, is read once, and every pointer in it is checked against the
 *            stack
 *
 *   CALLED becomes REPORTED by a signal that stays pending until the call is answered
 *   (WAIT_KILLABLE_RECV), so that the handler sees the thread behind its system call.
 *
 * A system call may also come by a line of shared memory (line.c), from text that is patched
 * (sites.c), where the environment says so.
 *
 * What the guest cannot do: make a host system call (the filter lets one pass, sigreturn, which is
 * harmless with any arguments); forge a system call of another thread, but for those that the
 * filter traps, and then only of a thread whose memory it has; forge the answer of the
 * helper or the mapper; reach the stub's text and command page. The mapper answers by registers
 * that the host kernel latched, as it latches those of a system call.
 *
 * A stub that was killed need not be waited for if all its guest threads stand in notifications: a
 * thread with SIGKILL pending never comes back from there, so the memory may be given to others at
 * once.
 */
#ifndef HL_PLATFORM_PROCESS_PROCESS_H
#define HL_PLATFORM_PROCESS_PROCESS_H

#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <ucontext.h>

#include "platform/platform.h"
#include "platform/process/layout.h"
#include "util/list.h"
#include "util/lock.h"
#include "util/ref.h"

#ifndef SECCOMP_IOCTL_NOTIF_SET_FLAGS
#define SECCOMP_IOCTL_NOTIF_SET_FLAGS      SECCOMP_IOW(4, __u64)
#define SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP 1
#endif

struct process_machine;

/* ---- slots.c: numbers of pages and stacks in the control file ---- */

struct slots {
	struct mutex lock;
	uint32_t *free;
	uint32_t nr_free, room, next, max;
};
void slots_init(struct slots *s, uint32_t max);
void slots_destroy(struct slots *s);
int slots_take(struct slots *s, uint32_t *out); /* -EAGAIN, -ENOMEM */
void slots_give(struct slots *s, uint32_t slot);

/* The stacks of one stub. They stay mapped in it when their thread has ended: no other stub may
 * have them before this one is gone. */
struct slot_set {
	uint32_t *free;
	uint32_t nr_free, nr, room;
};
int slot_set_take(struct slot_set *set, struct slots *from, uint32_t *out,
		  bool *fresh); /* fresh: not mapped there yet */
/* One that is mapped and in use there already belongs to the set from now on: to be given back like
 * any other. */
int slot_set_adopt(struct slot_set *set);
void slot_set_give(struct slot_set *set, uint32_t slot);

/* ---- stub.c: a stub process and the commands it takes ---- */

struct step {
	uint64_t nr, args[6], flags;
};
_Static_assert(sizeof(struct step) == STEP_SIZE, "layout.h");

struct stub {
	struct mutex lock; /* one command at a time */
	int socket, pidfd;
	pid_t pid;
	char *page; /* the command page, in the monitor */
	uint32_t slot;
	_Atomic bool dead;
	_Atomic bool starved; /* killed because the host gave no more threads */
	/* Its mapper, which is made when there is enough to do for it. */
	int mapper;         /* listener; -1: none */
	uint64_t mapper_id; /* of the notification in which it waits for orders */
	unsigned nr_commands;
	bool ordered; /* a command whose answer nobody has asked for yet; lock */
};

void stub_init(struct stub *st);
void stub_destroy(struct stub *st);
/* Its command page, as the monitor sees it: to be called before there is a process. */
void stub_page_set(struct stub *st, char *page);
/* Does the steps in order until one fails: 0 or its -errno; -EIO when the stub is gone. `pass` (-1:
 * none) becomes STUB_FD_PASSED in the stub; *received (may be NULL) gets a descriptor that a step
 * sent. */
int stub_command(struct stub *st, const struct step *steps, unsigned n, int pass, int *received);
/* The two halves of it, stub.lock held: passed descriptors have the numbers from STUB_FD_PASSED
 * on. */
int stub_begin(struct stub *st, const struct step *steps, unsigned n, const int *pass,
	       unsigned nr_pass);
int stub_end(struct stub *st);
/* Does its mapper run on the CPU of whoever orders, which waits for it, or beside it? */
void stub_hand_over(struct stub *st, bool same_cpu);
/* Asks for the answer that `ordered` tells of. -EIO, -errno: the command has failed. */
int stub_settle(struct stub *st);
/* The same by the helper alone: with STEP_REPLY the answer is a value. */
int stub_order(struct stub *st, const struct step *steps, unsigned n, const int *pass,
	       unsigned nr_pass);
int stub_answer(struct stub *st, int *received, int64_t *value);
bool stub_has_ended(const struct stub *st);
/* From here on no thread of it that waits in the host kernel comes back from there. */
void stub_send_kill(struct stub *st);
/* The same; returns when no thread of it runs any more. */
void stub_kill(struct stub *st);
/* Takes the descriptor of a killed stub over, which may be -1. Few are ever around: waits for the
 * oldest one when there are too many. */
void stub_reap_later(struct process_machine *m, int pidfd);

/* ---- machine.c ---- */

#define DYING_MAX 16

/* nursery.lock guards it. */
struct reaper_errand {
	int (*fn)(void *arg);
	void *arg;
	int err;
	bool done;
};

struct nursery {
	struct ref refs;
	struct process_machine *founder; /* until it is made */
	int control_fd;                  /* of one page, the template's */
	char *control;
	struct stub template;
	/* Which machine has a spare that is not settled, template.lock: the template can be given
	 * another order when it is. */
	struct process_machine *unsettled;
	/* The thread that notices stubs that end by themselves, and is the template's parent. */
	pthread_t reaper;
	bool reaper_runs, ending;
	int reaper_epoll, reaper_wake;
	struct mutex lock;
	struct list spaces;
	/* of whose space the reaper is telling that it has ended; NULL: nobody's */
	struct process_machine *noticed;
	int start_err;
	bool started;
	struct cond reaper_cond;
	struct reaper_errand *errand; /* what the reaper is to do when it wakes; NULL: to end */
};

/* The stub of the next space, forked ahead (spare.c). template.lock guards it. */
enum spare_state {
	SPARE_NONE,
	SPARE_ORDERED, /* nobody has asked for the answer */
	SPARE_SETTLED, /* it is ready, or has failed */
};

struct spare {
	enum spare_state state;
	int err;
	struct stub stub;
	uint32_t stack; /* of its first thread */
	int listener;   /* of that; -1: none */
};

struct process_machine {
	struct physmem *pm;
	struct nursery *nursery;
	bool founded;             /* it: no other machine was there before */
	struct machine_hook hook; /* then, of the reaper, when it has made the template */
	int control_fd;
	char *control;
	struct slots pages, stacks;
	_Atomic bool scheduled; /* sched.c: threads may not all run alike */
	struct spare spare;
	_Atomic unsigned spares_taken;
	_Atomic unsigned run_fds; /* descriptors of thread_clock.run_fd */
	uint64_t xcr0;
	size_t fp_size, pkru_at; /* where PKRU is in it; 0: it is not */
	struct mutex lock;
	struct list used; /* spaces that were emptied (used.c) */
	unsigned nr_used;
	_Atomic bool has_space; /* or had */
	bool has_lines, lines_eager;
	/* line.c: when the machine was made, by two clocks; what follows from it, 0: nothing yet */
	uint64_t made_ticks, made_ns;
	_Atomic uint64_t ns_per_tick; /* times 2^32 */
	_Atomic uint32_t looks;       /* of a guest, before it sleeps */
	_Atomic int loadavg;          /* cpus_look(), or CPUS_UNASKED */
	/* pidfds of stubs that were killed and may not be gone yet, by age from next_dying on */
	int dying[DYING_MAX];
	unsigned next_dying;
};

/* ---- line.c: system calls without the host's kernel ---- */

#define LINE_SITES       64
#define LINE_PATCH_AFTER 32U
#define LINE_PATCH_TRIES 2U
#define LINE_FOREIGN_MAX 16U
#define LINE_TEST_NR     500 /* a call that the platform's tests make */

/* Calls, by where they were made: how many came by notifications. */
struct line_site {
	uint64_t ip; /* behind the `syscall` */
	uint32_t calls;
	uint16_t tries; /* to patch it */
	bool patched;
};

struct line {
	bool on;    /* the monitor looks, and the guest has another CPU */
	bool first; /* for the first time */
	bool owed;  /* an answer, to a thread that sleeps or will */
	bool held;  /* THREAD_LINED: it stands in a notification */
	enum { LINE_STOPPED_ELSEWHERE, LINE_STOPPED_AT_SITE, LINE_STOPPED_AT_CALL } stopped;
	uint64_t stopped_at;
	/* Calls of patched sites that were quick, less all others; of all sites, less those that
	 * were not. */
	unsigned credit, pace;
	unsigned foreign;
	/* ns of the CPU's counter: */
	uint64_t taken, on_since, banned_until, ban, asked, ask_every, idle_until;
	uint64_t key_fault; /* the address of the last one */
	struct line_site sites[LINE_SITES];
};

/* ---- sites.c: text that is patched ---- */

struct text;
struct site;
struct patched;

/* space.lock guards it. */
struct sites {
	struct list texts; /* ranges that may be patched */
	struct list pages; /* those that are */
	struct list left;  /* slots that are given back with the space */
	unsigned nr_texts, nr_pages;
	_Atomic unsigned nr; /* sites; none is ever taken back */
	struct site *at;     /* NULL: there is no table */
	_Atomic bool any;
	bool ended; /* there will be no more */
	uint32_t table, code[SITES_CODE_SIZE / PAGE_SIZE];
};

#define CONTROL_PAGES     65536U
#define CONTROL_STACKS    31000U
#define CONTROL_STACK_OFF ((uint64_t)CONTROL_PAGES * PAGE_SIZE)
#define CONTROL_FILE_SIZE (CONTROL_STACK_OFF + ((uint64_t)CONTROL_STACKS << STACK_SHIFT))

/* What is to be mapped in a space where no guest code has run yet, or at the end of many mappings
 * (space_flush): it is one command. */
#define BATCH_STEPS (COMMAND_STEPS - COMMAND_FILES)

struct batch {
	struct step steps[COMMAND_STEPS];
	struct memfile *files[COMMAND_FILES]; /* a reference each */
	unsigned n, nr_files;
};

/* Lives until the last context that has a thread in it has let go, which may be after
 * space_destroy. */
struct process_space {
	struct process_machine *m;
	struct ref refs;
	_Atomic bool destroyed;
	_Atomic bool stopped; /* its stub is being killed */
	struct list node;     /* nursery.spaces, or process_machine.used */
	struct stub stub;
	struct mutex lock;
	struct list contexts; /* with a thread here; guarded by lock, as are these: */
	struct list parked;   /* threads without a context */
	unsigned nr_parked;
	struct slot_set stacks;
	struct batch *batch; /* what is put off; NULL: nothing is */
	struct sites sites;
};

/* space.c, space.lock held: what was put off is done, and will not be put off again. */
int space_open(struct process_space *s);

/* ---- spare.c ---- */

/* Gives the space its stub, whose first thread is parked there; space.lock held. */
int spare_take(struct process_space *s);
/* Has the next one forked. A failure shows when it is wanted. */
void spare_order(struct process_machine *m);
/* False: it is known to be of no use. */
bool spare_works(struct process_machine *m);
void spare_destroy(struct process_machine *m);

/* ---- used.c ---- */

/* The stub of a space that is being destroyed, and that the reaper does not watch any more, is kept
 * for another one; false: it is of no use. */
bool used_keep(struct process_space *s);
/* Gives the space such a stub; space.lock held. */
bool used_take(struct process_space *s);
void used_destroy(struct process_machine *m);

/* ---- cputime.c ---- */

struct thread_clock {
	struct mutex lock;
	pid_t pid, tid; /* 0: no thread now */
	/* of threads that are gone, and what was last seen of this one */
	struct cpu_time before, thread;
	/* what this one had used before it became ours, and the one before this in all */
	struct cpu_time base, last;
	uint64_t runs_seen; /* context.runs when it was looked at last, and did not run */
	/* what this one had used when it was asked last how much of that is system time, and the
	 * answer */
	uint64_t split_ns, split_system_ns;
	unsigned looks; /* at this one */
	int run_fd;     /* thread_run_open of it; -1: none */
};
void clock_init(struct thread_clock *k);
void clock_destroy(struct thread_clock *k);
/* *used: by another context before. */
void clock_start(struct thread_clock *k, pid_t pid, pid_t tid, const struct cpu_time *used);
void clock_stop(struct thread_clock *k);
/* What the thread that was stopped last had used. */
struct cpu_time clock_last(struct thread_clock *k);

enum thread_state { THREAD_NONE, THREAD_RUNS, THREAD_CALLED, THREAD_LINED, THREAD_REPORTED };

struct process_context {
	struct process_machine *m;
	struct process_space *s; /* where the thread is; NULL in THREAD_NONE */
	struct list node;
	_Atomic(enum thread_state) state;
	pid_t tid;
	int listener;     /* in THREAD_NONE a descriptor that keeps its place */
	uint32_t stack;   /* slot */
	char *stack_base; /* in the monitor */
	uint64_t id;      /* of the pending notification */
	uint64_t result;  /* CALLED: what rax will hold */
	bool preempted;   /* a preempt signal is on its way */
	bool fp_dirty;
	struct cpu_regs regs;
	char *fp;        /* fp_size bytes; NULL: fresh */
	siginfo_t *info; /* REPORTED: in the monitor's view of the stack */
	ucontext_t *uc;
	char *frame_fp;
	size_t frame_fp_size;
	_Atomic(struct kick *) kick; /* of the thread in run, where `died` does not tell it */
	void (*died)(void *arg);     /* context_watch */
	void *died_arg;
	_Atomic uint64_t runs, own_runs; /* own: behind what was no event */
	struct thread_clock clock;
	struct thread_breaks *breaks; /* NULL: the thread has none */
	struct line line;
};

/* sched.c */
void stub_thread_inherit(struct process_context *c);
/* The thread, which waits, goes on on another CPU than the caller's; false: it has no other. */
bool stub_thread_part(struct process_context *c);
/* It may run where the caller may. */
void stub_thread_join(struct process_context *c);
/* What tells how many threads run, to be asked as often as needed: a descriptor; -1: nothing does,
 * or CPU time is not to be had for the asking, because the host bounds it. */
int cpus_look(void);
#define CPUS_UNASKED (-2) /* what a caller may keep in the place of the first */
/* Do so few threads run, of which the caller is one, that `more` would have a CPU each? False:
 * nobody knows. */
bool cpus_have_room(int look, unsigned more);

/* The objects behind the handles of platform.h. */
static inline struct process_machine *to_process_machine(struct machine *m)
{
	return (struct process_machine *)m;
}

static inline struct process_space *to_process_space(struct space *s)
{
	return (struct process_space *)s;
}

static inline struct process_context *to_process_context(struct context *c)
{
	return (struct process_context *)c;
}

static inline bool is_canonical(uint64_t addr)
{
	return (uint64_t)((int64_t)(addr << 16) >> 16) == addr;
}

/* ---- thread.c ---- */

int notif_answer(struct process_context *c, int64_t val, uint32_t flags);
/* The next one: 0, -EINTR (kicked, `k` given), or -EIO when there will be none. */
int notif_receive(struct process_context *c, struct kick *k, struct seccomp_notif *n);
/* As above, of a thread that must report without delay. What does not (it has blocked the signal)
 * is killed. */
int notif_await(struct process_context *c, struct seccomp_notif *n);
bool notif_is_report(const struct seccomp_notif *n);
bool notif_is_wait(const struct seccomp_notif *n);

int stub_thread_start(struct process_context *c, struct process_space *s);
/* To REPORTED: see above. Where the space is being taken away, which may be at any moment, the
 * registers are what they were last. */
int stub_thread_stop(struct process_context *c);
int stub_thread_take_report(struct process_context *c, const struct seccomp_notif *n);
/* Ends the thread, or parks it. */
void stub_thread_end(struct process_context *c);
/* The thread is gone: the context keeps its registers and lets go of all else. */
void stub_thread_detach(struct process_context *c);
#define THREAD_STEPS 4
/* The steps that make a thread with this stack and send its listener. */
void stub_thread_steps(struct process_machine *m, uint32_t stack, struct step steps[THREAD_STEPS]);
/* A thread so made that nobody has heard of yet; takes listener and stack over. space.lock held. */
int stub_thread_keep(struct process_space *s, int listener, uint32_t stack);
/* space.lock held: what its parked threads have left on their stacks, which guest code could read,
 * goes. */
void stub_threads_scrub(struct process_space *s);
/* The space's parked threads: none of them can run any more, and nobody else has the space. */
void stub_threads_forget(struct process_space *s);
/* The only parked thread of a space becomes as a new one is, whatever its guest has made of it. */
int stub_thread_renew(struct process_space *s);

/* ---- frame.c ---- */

/* The frame of a report: 0, or -EIO when it lies outside the stack. */
int frame_locate(struct process_context *c, const uint64_t *args);
void frame_load_regs(struct process_context *c, const uint64_t *args);
void frame_store(struct process_context *c);
void frame_fp_load(struct process_context *c, void *buf);
/* What a report of signal `sig` means. False: nothing to the guest. */
bool frame_event(struct process_context *c, uint64_t sig, struct event *ev);

/* ---- breaks.c ---- */

/* As `hw_break`s of platform.h; the thread's events of the host's perf(1), from its first to its
 * last. */
int process_breaks_set(struct context *c, struct space *s, const struct hw_break list[HW_BREAKS]);
/* Those of the thread go. */
void thread_breaks_drop(struct process_context *c);
/* Which were hit since this was asked last: bit n. */
unsigned thread_breaks_hit(struct process_context *c);

/* ---- line.c ---- */

void lines_init(struct process_machine *m);
void lines_save_cpu(struct process_machine *m); /* none is on from now on */
void lines_destroy(struct process_machine *m);
/* A thread begins, or ends; between, all of these are its own host thread's. */
void line_init(struct process_context *c);
void line_end(struct process_context *c);
/* Where it is in the guest: its GS base. */
uint64_t line_address(const struct process_context *c);
/* Before a notification is answered. */
void line_prepare(struct process_context *c);
/* Of a call that came by one. */
void line_notified(struct process_context *c, uint64_t ip, uint32_t nr);
/* True: a call has come by the line. False: the next event is a notification. */
bool line_watch(struct process_context *c, const struct kick *k, struct event *ev);
/* THREAD_LINED ends: c->result is the answer. */
int line_answer(struct process_context *c);
/* THREAD_LINED: no code of the thread runs from here on until it is answered. */
int line_hold(struct process_context *c);
/* The notification by which a thread waits for an answer by the line. */
bool line_is_wait(const struct process_context *c, const struct seccomp_notif *n);
int line_wake(struct process_context *c);
/* The registers of a report become those of guest code. `called`: behind the call that it has made
 * by the line; else, where it was about to make one, or had, before it or behind it. */
void line_settle(struct process_context *c, bool called);
bool line_reported(struct process_context *c, uint64_t sig, uint64_t trap, uint64_t error,
		   uint64_t addr);

/* ---- sites.c ---- */

void sites_init(struct process_space *s);
/* The space is being destroyed: its files are let go. */
void sites_forget(struct process_space *s);
/* Nothing of it is mapped in a stub any more. */
void sites_destroy(struct process_space *s);
/* Patches the call `nr` that ends at `ip`, if that can be done; true: it is. */
bool sites_patch(struct process_space *s, uint64_t ip, uint32_t nr);
/* The page of a load that faulted is its original again. False: it is not patched. */
bool sites_give_back(struct process_space *s, uint64_t addr);
void sites_end(struct process_space *s);
/* Does a call that is or was patched end at `ip`? */
bool sites_has_call(struct process_space *s, uint64_t ip);
/* Where a thread whose next instruction is one of a site's is in the program: at the site's first
 * instruction, or at its call; 0: it is at none. */
uint64_t sites_find(struct process_space *s, uint64_t rip, bool *at_call);
/* Text is mapped. Something will be unmapped or replaced; or have other rights, and `stays` text.
 */
void sites_mapped(struct process_space *s, uint64_t addr, uint64_t len, struct memfile *mf,
		  uint64_t off);
void sites_unmapping(struct process_space *s, uint64_t addr, uint64_t len);
void sites_protecting(struct process_space *s, uint64_t addr, uint64_t len, bool stays);

void space_put(struct process_space *s);
/* Nothing is put off, and nothing is noted. */
int space_map_now(struct process_space *s, gva_t addr, uint64_t len, unsigned prot,
		  struct memfile *mf, uint64_t off);

/* context.c: makes sure that there is c->fp; that the thread is in the space (-EIO: which is
 * gone). */
int context_own_fp(struct process_context *c);
int context_enter(struct process_context *c, struct process_space *s);

/* checks.c */
extern const struct check process_checks[];

/* ---- nursery.c ---- */

/* The machine gets its nursery, which may be made meanwhile. */
int nursery_enter(struct process_machine *m, struct machine_kin *kin);
/* Until it is made: 0 or why it could not be. */
int nursery_await(struct nursery *n);
/* Is it made, and its template still there? */
bool nursery_works(struct nursery *n);
/* The machine, whose spaces are gone, ends: what is no other's goes, and is gone. */
void nursery_let_go(struct nursery *n);
void nursery_leave(struct nursery *n, const struct process_machine *m);
/* The space's stub is watched from here on, or no more. */
int nursery_watch(struct nursery *n, struct process_space *s);
void nursery_forget(struct nursery *n, struct process_space *s);
int nursery_each_thread(struct nursery *n, int (*fn)(void *arg), void *arg);

/* ---- template.c ---- */

/* An empty memory file that can be executed, for the stub's image; -errno. */
int stub_memfd(void);

/* Its parent is the calling thread, with which it ends. */
int template_start(struct nursery *n);
void template_end(struct nursery *n);

/* space.c and context.c: platform.h's functions */
int process_space_create(struct machine *m, struct space **out);
void process_space_destroy(struct space *s);
void process_space_stop(struct space *s);
int process_space_rest(struct space *s);
int process_space_gather(struct space *s);
int process_space_flush(struct space *s);
int process_space_map(struct space *s, gva_t addr, uint64_t len, unsigned prot, struct memfile *mf,
		      uint64_t off);
int process_space_unmap(struct space *s, gva_t addr, uint64_t len);
int process_space_protect(struct space *s, gva_t addr, uint64_t len, unsigned prot);
int process_context_create(struct machine *m, struct context **out);
void process_context_destroy(struct context *c);
void process_context_leave(struct context *c);
void process_context_halt(struct context *c);
void process_context_watch(struct context *c, void (*died)(void *arg), void *arg);
int process_run(struct context *c, struct space *s, struct kick *k, struct event *ev);
void process_syscall_result(struct context *c, uint64_t rax);
int process_regs_get(struct context *c, struct cpu_regs *out);
int process_regs_set(struct context *c, const struct cpu_regs *in);
int process_fp_get(struct context *c, void *buf, size_t size);
int process_fp_set(struct context *c, const void *buf, size_t size);
uint64_t process_runs(const struct context *c);
bool process_cpu_time(struct context *c, struct cpu_time *out);
bool process_space_clock(struct space *s, clockid_t *out);
void process_schedule_as(struct context *c, pid_t host_tid);

#endif
