/* SPDX-License-Identifier: Apache-2.0 */
/* A guest process (thread group): the process tree, groups and sessions, what its threads always
 * share. */
#ifndef HL_KERNEL_PROCESS_H
#define HL_KERNEL_PROCESS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>

#include "host/wait.h"
#include "kernel/cputimer.h"
#include "kernel/pid.h"
#include "kernel/rusage.h"
#include "kernel/sched.h"
#include "kernel/signal.h"
#include "util/list.h"
#include "util/ref.h"

struct core_dump;
struct cred;
struct file;
struct rseq_cpus;
struct sandbox;
struct task;
struct tty;

/* Anonymous memory, private and shared, ELF headers and private huge pages: Linux's default. */
#define COREDUMP_FILTER_DEFAULT 0x33

/* Of Linux's flags of a process (PF_*) what others see of ours: forked, and no program executed
 * since. */
#define PROCESS_FORKNOEXEC 0x40

/* All fields are guarded by sandbox->lock unless said otherwise. */
struct process {
	struct ref refs; /* any */
	struct sandbox *sb;
	struct pid *pid;      /* tgid; reference */
	struct task *leader;  /* the thread with tid == tgid, NULL when it is gone */
	struct cred *cred;    /* reference; whose it is while it has no leader: process_cred */
	struct sched sched;   /* and how that leader was scheduled */
	struct list all_node; /* sandbox->processes */
	/* Changes of `tasks` and `dead_threads` are made with this lock and sandbox->lock held; who
	 * holds one of them may read. Taken where the host is asked about each thread. */
	struct mutex threads_lock;
	struct list tasks;
	int nr_tasks; /* not yet taken apart */
	int nr_live;  /* of them, not yet past exit: the last one decides the exit status */

	struct process *parent; /* NULL: init itself */
	struct list children, sibling;
	struct pid *pgrp, *session; /* references */
	struct list pgrp_node, session_node;
	struct tty *tty; /* controlling terminal of the session; reference */
	/* of a leader whose terminal hung up: who was in the foreground; reference */
	struct pid *tty_old_pgrp;
	bool session_leader;
	bool did_exec;
	unsigned programs; /* how many it has executed */
	_Atomic bool subreaper;
	pid_t forked_by; /* tid of the parent's thread that made it (__WNOTHREAD) */
	int exit_signal; /* to the parent; SIGCHLD; 0: none */

	struct sigpending pending;    /* for the whole process */
	struct waitqueue child_event; /* wait4 of this process sleeps here */

	/* group stop (kernel/sigdeliver.c) */
	bool stop_requested; /* tasks park until SIGCONT or SIGKILL */
	int nr_stopped;      /* tasks that rest for it */
	bool stopped;        /* all are: from then until SIGCONT */
	int stop_sig;        /* which stopped it */
	bool stop_taken;     /* wait(2) has reported the stop already */
	bool continued;      /* wait(2) has to report a SIGCONT */

	/* exit */
	bool group_exiting;
	bool zombie; /* all tasks gone, waiting to be reaped */
	/* the init of a namespace of pids: all its tasks are gone, and it ends when nobody else is
	 * there any more; until then it reaps its children at once */
	bool leaving;
	bool mortal; /* an init that a forced signal ends (process_is_immortal) */
	/* threads that have ended, and for which their tracers wait before anybody for it */
	unsigned nr_unreaped;
	int exit_code;          /* wait status */
	struct core_dump *core; /* it is being dumped: kernel/coredump.h; NULL: it is not */
	struct task *exec_task; /* a sibling is in execve's de-threading */

	struct rlimit rlimits[RLIM_NLIMITS];
	struct rusage_sum dead_threads; /* of threads that ended */
	struct rusage_sum children_sum; /* of reaped children */
	struct file *exe;
	/* the leader's once it ended: a zombie counts until somebody waits for it */
	struct user *user;
	uint64_t start_time_ns;      /* the guest's CLOCK_BOOTTIME */
	struct posix_timers *timers; /* kernel/posix_timer.c; created on demand */
	struct itimers *itimers;
	/* kernel/cputimer.c: those that count its CPU time; where it is listed if there are any */
	struct list cpu_timers, cpu_node;
	struct host_cputimer space_timer; /* threads_lock */
	_Atomic unsigned personality;
	_Atomic int oom_score_adj,
	    oom_score_adj_min;            /* the least that an unprivileged process may set */
	_Atomic unsigned coredump_filter; /* core(5) */
	_Atomic unsigned dumpable;
	_Atomic uint32_t membarrier_registered;
	_Atomic(struct rseq_cpus *) rseq_cpus; /* kernel/rseq_cpu.c; NULL: not needed */
	_Atomic bool thp_disable;
};

struct process *process_get(struct process *p);
void process_put(struct process *p);
uint64_t process_rlimit(struct process *p, int which); /* soft limit; no lock needed */

/* kernel/process.c: sandbox->lock held */
/* `parent` NULL: the sandbox's init, in the first namespace of pids. -ENOMEM, -EAGAIN; of `wish` as
 * pid_alloc_wished. */
int process_new(struct sandbox *sb, struct process *parent, struct pid_namespace *ns,
		const pid_t *wish, unsigned nr_wish, struct process **out);
struct process *process_find(struct sandbox *sb, pid_t tgid);
/* The leader's credentials, those of a process that has not started or a leader that ended among
 * them. Borrowed. */
struct cred *process_cred(const struct process *p);
/* Sets process.cred; the reference is taken over. */
void process_set_cred(struct process *p, struct cred *c);
void process_set_pgrp(struct process *p, struct pid *pgrp);
void process_set_session(struct process *p, struct pid *session);
bool process_group_orphaned(struct pid *pgrp);
/* Tells the parent's wait queue and sends it `exit_signal`/SIGCHLD with the given si_code and
 * status. */
void process_notify_parent(struct process *p, int sig, int code, int status);
/* Tells `parent`, or who is in its place, of a child or a thread of one that has used what `t` has
 * so far, or `used` where that is NULL. */
void process_tell(struct process *parent, siginfo_t *si, struct task *t,
		  const struct rusage_sum *used);
/* A process that has ended is its parent's alone to wait for now. `told`: it knows. */
void process_untraced(struct process *p, bool told);
/* If every task of a process that stops has parked itself now: tells the parent. */
void process_stop_completed(struct process *p);
/* Tells all its tasks to end, with this wait status unless they have been told before. */
void process_kill_locked(struct process *p, int code);
/* Its threads are to end, all but one (NULL: all). Lock held. */
void process_kill_threads_locked(struct process *p, struct task *but);
/* What si_code and si_status say of a process that ended so (waitpid(2), sigaction(2)). */
void wait_status_to_sigchld(int code, int *si_code, int *status);
/* Ends all tasks of the caller's process. Owner, no lock held. */
void process_exit_group(struct task *t, int code);
/* The last task ended: zombie or gone. */
void process_exited(struct process *p);
/* The init of a namespace of pids below the first: what it does not handle does not reach it. */
bool process_is_immortal(const struct process *p);
/* The init of such a namespace has no threads any more: it ends when nobody else is there. */
void process_leave(struct process *init);
/* Ends those inits that wait for the last of their namespace, after whatever may have been it. */
void process_end_inits(struct sandbox *sb);
/* Takes it out of the tree and drops the tree's reference. */
void process_reap(struct process *p);

#endif
