/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A guest thread: one host thread in the loop of kernel/task.c.
 *
 * Life-cycle: task_new (not yet visible) -> task_start (linked, host thread runs) -> task_exit_self
 * (owner: from here on it only cleans up) -> unlinked and freed by its own host thread, or kept as
 * zombie inside its process for the parent.
 */
#ifndef HL_KERNEL_TASK_H
#define HL_KERNEL_TASK_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "fs/vfs.h"
#include "host/random.h"
#include "host/wait.h"
#include "kernel/fork.h"
#include "kernel/futex.h"
#include "kernel/nsproxy.h"
#include "kernel/process.h"
#include "kernel/restart.h"
#include "kernel/resume.h"
#include "kernel/sched.h"
#include "kernel/seccomp/seccomp.h"
#include "kernel/signal.h"
#include "keys/key.h"
#include "mm/mm.h"
#include "mm/policy.h"
#include "platform/platform.h"

struct fdtable;
struct nsproxy;
struct process;
struct sandbox;
struct sem_undo_list;
struct tracee;

#define TASK_COMM_LEN       16
#define TIMER_SLACK_DEFAULT 50000 /* ns */

struct task {
	struct sandbox *sb;
	struct process *process;
	pid_t tid;                /* in its own namespace of pids; t->pid->nr: in the first one */
	struct pid *pid;          /* reference */
	struct list process_node; /* process->tasks */
	struct sleeper sleeper;
	struct context *context;
	pthread_t thread;

	/* Shared or own, as clone's flags said. Replaced by the owner only, under sandbox->lock;
	 * others read under it. */
	struct mm *mm;
	struct fdtable *files;
	struct fs_struct *fs;
	struct nsproxy *nsproxy;
	struct sighand *sighand;
	struct cred *cred;
	struct sem_undo_list *sem_undo; /* ipc/sem.h; NULL: none */
	struct key_holder keys;
	struct user *user; /* of cred, counted there; NULL: not yet. sandbox->lock */

	struct thread_cputimer cpu; /* kernel/cputimer.c; process->threads_lock */
	/* what it had used when it was saved; zeroes: it is no copy. Never changed once it runs */
	struct rusage_sum before;
	struct {
		uint64_t counted; /* ns of its CPU time; process->threads_lock */
		bool ran;         /* since it was last told to rest; the thread that measures */
	} bandwidth;              /* kernel/bandwidth.c */

	/* sandbox->lock */
	ksigset_t blocked;
	/* rt_sigtimedwait: what `blocked` goes back to; such signals are not ignored */
	ksigset_t real_blocked;
	struct sigpending pending;
	char comm[TASK_COMM_LEN];
	struct sched sched;
	struct mempolicy mempolicy; /* set_mempolicy(2) */
	/* told to die by exit_group, execve of a sibling, or SIGKILL */
	bool group_exiting;
	unsigned park;   /* reasons to rest: kernel/park.h */
	bool resting;    /* in task_park */
	bool stopped;    /* it rests, and counts for a group stop */
	bool futex_dead; /* its futexes are given up: owns no new ones */
	bool in_core;    /* stands still for a dump of its process */
	int pdeathsig;
	struct tracee *tracee; /* kernel/ptrace/tracee.h; owned; NULL: it was never traced */
	struct list tracees;   /* what it traces */
	struct task_seccomp seccomp;

	/* owner only */
	struct event event; /* the last one */
	bool in_event;      /* handling `event` */
	struct delivery delivery;
	bool signals_due;   /* the system call woke a file that signals tell of (kernel/fasync.h) */
	bool regs_replaced; /* the handler set all registers: no syscall result */
	bool restore_mask;  /* saved_mask holds the mask to return to */
	ksigset_t saved_mask;
	struct sigaltstack_state altstack;
	struct trap trap; /* the last ones: signal frames show them */
	struct restart restart;
	/* The call in `event` gave up (kernel/resume.h), and is to be made again or is being made
	 * again. Others look at it under sandbox->lock while the task rests. */
	_Atomic(enum gave_up) unwound;
	struct resume resume;
	struct futex_waits futex; /* what it waits for: kernel/futex.h */
	struct vfork_wait vfork_wait;
	gva_t clear_child_tid, set_child_tid; /* 0: none */
	/* struct robust_list_head; get_robust_list(2) of others reads it */
	_Atomic(gva_t) robust_list;
	gva_t rseq; /* 0: none */
	uint32_t rseq_len, rseq_sig;
	int rseq_cpu;                 /* the CPU number last written there; -1: none yet */
	int rseq_held;                /* kernel/rseq_cpu.c: CPU number + 1; 0: none */
	bool rseq_fresh;              /* another thread had it in between */
	_Atomic bool in_guest, fence; /* kernel/membarrier.c */
	/* whom to tell when the address space is left: kernel/fork.c */
	struct vfork_done *vfork;
	bool exiting;  /* past task_exit_self */
	int exit_code; /* wait status form */
	/* system calls since it last asked how much memory there is */
	unsigned since_measured;

	uint64_t default_slack_ns;       /* what a slack of 0 stands for: the one its maker had */
	_Atomic uint64_t timer_slack_ns; /* owner, and whom /proc/PID/timerslack_ns lets */

	/* counters, owner writes, others may read */
	_Atomic uint64_t syscalls, faults, exceptions, interrupts;
	/* proc_pid_io(5): bytes and calls of reading and writing */
	_Atomic uint64_t rchar, wchar, syscr, syscw;
	_Atomic uint64_t clock_looks; /* where the guest's clocks stand */
	struct random_stream random;  /* owner only */
	/* of the thread that runs it; 0: not made yet */
	_Atomic int host_tid;
	struct task_trace *trace; /* the observer's own; NULL: none */
};

/* kernel/task.c */
/* A new task of `p` with nothing shared yet but the sandbox: pid, context, sleeper. `wish`: as
 * pid_alloc_wished, of another than the first. */
int task_new(struct sandbox *sb, struct process *p, const pid_t *wish, unsigned nr_wish,
	     struct task **out);
/* Undoes task_new for a task that was never started. */
void task_free(struct task *t);
/* Its own thread, which is about to let go of t->mm. */
void task_leave_space(struct task *t);
/* Counts a new task for the user of its credentials. -EAGAIN: `max` count already. -ENOMEM. */
int task_count(struct task *t, uint64_t max);
/* Gives the task credentials (reference taken over, also on failure) and counts it for their user.
 * -ENOMEM: only where the real user changes. Owner only. */
int task_set_cred(struct task *t, struct cred *new);
/* Makes it visible and lets it run. `inherited`: the scheduling of the host thread that calls.
 * -EAGAIN: the host gives no thread (the task is not started, caller frees). */
int task_start(struct task *t, const struct sched *inherited);

/* Owner: lets go of its list of semaphore adjustments, which are made good with the last thread
 * that shares it. */
void task_undo_semaphores(struct task *t);
/* What it calls the process or thread that has this number in the first namespace (pid_nr_of). */
pid_t task_shown_pid(const struct task *t, pid_t nr);
/* The task the calling host thread runs; NULL: it runs none. */
struct task *task_current(void);
/* Has it been told to end? */
bool task_current_killed(void);
/* Its process; 0: it runs none. */
pid_t task_current_process(void);
struct mm_host *task_mem(struct task *t);
uint64_t task_fsize_limit(struct task *t);  /* RLIMIT_FSIZE */
uint64_t task_nofile_limit(struct task *t); /* RLIMIT_NOFILE */
/* As /proc shows it: 'R' runs, or could if a CPU were free, 'S' waits, 'T' is stopped,
 * 't' for its tracer.
 * sandbox->lock held. */
char task_state(const struct task *t);
/* Owner: a call has read or written `n` bytes (less than 0: it failed). */
void task_count_read(struct task *t, int64_t n);
void task_count_write(struct task *t, int64_t n);

/* Ends the calling task: never blocks on the guest. `code`: wait status. The loop then leaves. */
static inline void task_exit_self(struct task *t, int code)
{
	t->exit_code = code;
	t->exiting = true;
}

/* What it calls a thread, process, group or session; 0: it does not see that. */
static inline pid_t task_pid_nr(const struct task *t, const struct pid *pid)
{
	return pid_nr(pid, t->pid->ns);
}

/* The pid namespace it is in: what numbers of processes mean to it. */
static inline struct pid_namespace *task_pid_ns(const struct task *t)
{
	return t->pid->ns;
}

/* Its user namespace: what numbers of users mean to it. */
static inline struct user_namespace *task_user_ns(const struct task *t)
{
	return t->cred->user_ns;
}

/* The caller for calls on keys. */
struct key_caller task_keys(struct task *t);
/* The caller for file system calls. */
static inline struct caller task_caller(struct task *t)
{
	return (struct caller){
		.cred = t->cred,
		.sleeper = &t->sleeper,
		.fs = t->fs,
		.mnt_ns = t->nsproxy ? nsproxy_mnt(t->nsproxy) : NULL,
		.tgid = t->process->pid->nr,
		.mem = task_mem(t),
		.fsize_limit = task_fsize_limit(t),
		.nofile_limit = task_nofile_limit(t),
		.msgqueue_limit = process_rlimit(t->process, RLIMIT_MSGQUEUE),
		.random = &t->random,
		.done = t->resume.done,
		.place = &t->resume.place,
		.task = t,
	};
}

#endif
