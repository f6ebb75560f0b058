/* SPDX-License-Identifier: Apache-2.0 */
/* Everything of one sandbox hangs here; there is no global state. */
#ifndef HL_KERNEL_SANDBOX_H
#define HL_KERNEL_SANDBOX_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>

#include "fs/vfs.h"
#include "host/clock.h"
#include "host/freezer.h"
#include "ipc/ipc.h"
#include "kernel/aio.h"
#include "kernel/coredump.h"
#include "kernel/cpus.h"
#include "kernel/devhl.h"
#include "kernel/freeze.h"
#include "kernel/limits.h"
#include "kernel/observer.h"
#include "kernel/pid.h"
#include "kernel/rusage.h"
#include "kernel/sched.h"
#include "kernel/uts.h"
#include "keys/key.h"
#include "loader/foreign.h"
#include "mm/mm.h"
#include "net/namespace.h"
#include "platform/platform.h"
#include "util/errmsg.h"
#include "util/list.h"
#include "util/lock.h"

struct process;
struct pty_table;
struct task;
struct tty;
struct epoll_domain;
struct fasync_domain;
struct futex_table;
struct net_policy;
struct nsproxy;
struct savepoint;
struct siguser;
struct snapshot_kept;
struct bandwidth;
struct cputimer_thread;
struct ktimer_thread;
struct vdso_clock;

/* Does the system call in t->event; its result or -errno (or -ERESTART*, kernel/restart.h). */
typedef int64_t sandbox_syscall(struct task *t);

struct sandbox {
	const struct platform *platform;
	sandbox_syscall *syscall;
	struct machine *machine;
	struct physmem *physmem;
	struct arena *arena;
	struct translators translators; /* constant while guests run; owned */
	uint64_t withheld_caps;     /* capabilities that nobody has whose credentials are loaded */
	uint64_t mounts_made;       /* of vfs.mount_event, when its tree was complete */
	struct memfile *image;      /* of the snapshot that it was made from; NULL: none */
	struct snapshot_kept *kept; /* what a reset goes back to: snapshot/kept.h; NULL: nothing */
	bool reusable; /* constant: its memory is used again when its tasks have ended */
	struct mm_host mem;
	struct vfs *vfs;
	struct nsproxy *nsproxy; /* the namespaces it starts with; constant */
	struct futex_table *futexes;
	struct epoll_domain *epolls; /* lock; NULL before the first epoll instance */
	struct net_domain nets;
	const struct net_policy *net_policy; /* of the first network; constant */
	struct fasync_domain *fasyncs; /* lock; NULL before the first file that signals tell of */
	struct observer *observer;     /* NULL: none; not owned */
	struct core_store *core_store; /* NULL: none; not owned, constant */
	/* main ended, stopped or continued; lock held; NULL: nobody asks */
	void (*notify)(void *arg);
	void *notify_arg;
	struct guest_clock clock;     /* changes while there is no task alone */
	struct clock_steps steps;     /* of it, where it stands */
	struct sandbox_limits limits; /* constant */
	struct uts_changes uts_changes;
	_Atomic unsigned nr_uts_ns;
	struct ipc_domain ipc;
	struct aio_domain aio;
	struct key_domain keys;
	struct cpus cpus;   /* constant */
	struct sched sched; /* what the monitor was started with; constant */
	/* host descriptors from this one on are kept for forks, threads and execs: -ENFILE */
	int files_max;
	/* kernel/sched.h: the host's threads get what guests ask for; constant */
	bool host_priority;

	struct guest_copy copy;      /* changes while there is no task alone */
	struct calls *calls;         /* between it and the host; constant, not owned; or NULL */
	struct savepoint *savepoint; /* NULL: nobody wants to save it; constant */

	struct mutex freeze_lock; /* one freeze or thaw at a time */
	unsigned freezes;         /* that were not thawed; freeze_lock */
	struct freezer freezer;   /* all linked tasks; its own lock */

	struct mutex lock; /* the process tree, signals, job control: see kernel/process.h */
	struct pid_namespace *pid_ns; /* the first one */
	struct core_settings core;
	_Atomic unsigned seccomp_logged; /* proc/sysctl.c */
	struct siguser *sigusers;        /* kernel/sigqueue.c */
	struct waitqueue signal_sent;    /* to anyone: signalfds wait here */
	/* NULL: no timer was ever set; set once, under the lock */
	_Atomic(struct ktimer_thread *) timer_thread;
	struct cputimer_thread *cputimers; /* NULL: no timer of CPU time was ever set */
	struct bandwidth *bandwidth; /* NULL: no part of a CPU is kept to, or no task ran yet */
	struct rusage_sum gone;      /* of processes that are no more */
	struct list processes;
	struct process *init; /* pid 1: no task; adopts and reaps orphans */
	struct process *main; /* the program; its end is the sandbox's */
	struct list leaving;  /* pid_namespace.work_node: whose init waits for the others' end */
	_Atomic unsigned nr_tasks; /* host threads that still run: see sandbox_wait_tasks */
	struct cond changed;       /* there are none left, or main ended, stopped, continued */
	bool ending;               /* no new task may start */
	bool hurried;              /* sandbox_kill ended it, not its program */
	enum freeze_state freeze;
	bool held;       /* kernel/freeze.h: not even its end makes a frozen task go on */
	int exit_status; /* wait status of main, valid once main_ended */
	bool main_ended;
	struct pty_table *ptys;
	struct tty *console;          /* the host's terminal behind fd 0-2, NULL: none */
	uint8_t boot_id[16];          /* /proc/sys/kernel/random/boot_id */
	uint64_t order_key[2];        /* secret: kcmp(2) orders by it */
	struct sandbox_totals totals; /* of threads that ended */
	char dead_reason[256];        /* set when a platform failed under the guest */
};

struct sandbox_config {
	const struct platform *platform;
	struct machine_kin *kin; /* of this platform; NULL: none */
	struct machine_hook machine_hook;
	struct hardware *hardware; /* of this platform, to be taken; NULL: it is made now */
	/* What the calling thread could do before it was confined; NULL: it is not yet. */
	const struct cred_rights *monitor;
	sandbox_syscall *syscall; /* sys_dispatch of sys/sys.h, which stands above the kernel */
	struct observer *observer;
	struct core_store *core_store;
	void (*notify)(void *arg);
	void *notify_arg;
	struct calls *calls; /* NULL: nobody calls, or is called */
	bool host_priority, reusable;
	struct guest_clock clock; /* for a guest whose time is not the host's */
	/* Its clocks stand and begin where `clock` says, its random bytes are always the same. */
	bool deterministic;
	/* of memory without a limit: what the host allows, less a reserve */
	struct sandbox_limits limits;
	const struct net_policy *net_policy; /* NULL: net_policy_default */
	/* RLIMIT_NOFILE and RLIMIT_FSIZE as the guest sees them; the host's own bound the monitor.
	 * NULL: as the host's. */
	const struct rlimit *nofile, *fsize;
};

/* Builds machine, memory, pid table and init; no mounts, no program yet. */
int sandbox_create(const struct sandbox_config *cfg, struct sandbox **out, struct errmsg *errmsg);
/* Ends every process, waits for their host threads, frees all. Memory is given back aside
 * (physmem_hurry) where a kill or a signal was the end of the program. */
void sandbox_destroy(struct sandbox *sb);
/* Ends every process of a reusable sandbox and waits for their host threads: what is left is what
 * sandbox_create made, and the tree of files. Its clocks are `clock` from then on. -EIO: its
 * platform failed. -ENOTSUP: it has something that would not be as it was (another tree of mounts,
 * a terminal), and can only be destroyed. */
int sandbox_clear(struct sandbox *sb, const struct guest_clock *clock);
/* Kills every process. Any thread. */
void sandbox_kill(struct sandbox *sb);
void sandbox_kill_locked(struct sandbox *sb);
/* Something that a waiter outside may look for has changed. Lock held. */
void sandbox_changed_locked(struct sandbox *sb);
/* Totals of the threads that ended and of those that run, so far. */
void sandbox_totals(struct sandbox *sb, struct sandbox_totals *out);

/* What memory there is where it is limited, and how much of it is used. False: it is not limited,
 * the host's figures count. */
bool sandbox_memory(struct sandbox *sb, uint64_t *total, uint64_t *used);

/* Does it show its limits as those of a control group? */
static inline bool sandbox_has_cgroup(const struct sandbox *sb)
{
	return sb->limits.memory || sb->limits.pids || sb->limits.cpus;
}

/* How many descriptors a process may have at most, whatever its RLIMIT_NOFILE. */
static inline uint64_t sandbox_nr_open(const struct sandbox *sb)
{
	return sb->limits.files && sb->limits.files < NR_OPEN_MAX ? sb->limits.files : NR_OPEN_MAX;
}

/* Macros, so that a violation of the order of locks is said to be where they are used. */
#define sandbox_lock(sb)   mutex_lock(&(sb)->lock)
#define sandbox_unlock(sb) mutex_unlock(&(sb)->lock)

#endif
