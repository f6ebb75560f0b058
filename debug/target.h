/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a debugger outside of the sandbox (kernel/ptrace/debugger.h) sees: the processes that it
 * traces, called inferiors as GDB does, their threads, and how they stop and go on.
 *
 * All stop together: where one thread has something to tell, the others are stopped before it is
 * told. Each may have something to tell by then, which waits until that thread is to go on again.
 *
 *	RUNNING ──something to tell, or target_stop()──▶ HALTING ──all rest──▶ HALTED
 *	   ▲                                                                     │
 *	   └───────────────────────────── target_resume() ───────────────────────┘
 *
 * One thread of the monitor's calls all of this. The threads that are traced call back
 * (debugger_ops): the lists of inferiors and threads, and what `tr` and `ended` say, are guarded by
 * sandbox->lock.
 */
#ifndef HL_DEBUG_TARGET_H
#define HL_DEBUG_TARGET_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "debug/tls.h"
#include "kernel/ptrace/debugger.h"
#include "kernel/ptrace/tracee.h"
#include "util/list.h"

struct mm;

/* The breakpoints and watchpoints of an address space, which several inferiors may share. */
struct points {
	struct mm *mm; /* reference */
	unsigned refs;
	struct list breakpoints, watches;
	unsigned changes; /* of the watches */
};

enum tell {
	TELL_NOTHING,
	TELL_SIGNAL,
	TELL_BREAKPOINT,
	TELL_HARDWARE, /* a breakpoint of the CPU's */
	TELL_WATCH,
	TELL_ACCESS,
	TELL_FORK,
	TELL_VFORK,
	TELL_VFORK_DONE,
	TELL_EXEC,
	TELL_CALL,
	TELL_RETURN,
	TELL_EXITED, /* of an inferior */
};

struct inferior {
	struct list node;
	struct process *process; /* reference */
	pid_t pid;
	struct points *points; /* NULL: it has ended */
	struct list threads;
	bool found;  /* it was there before the debugger was */
	bool killed; /* its end is no news */
	bool ended;
	int status; /* wait status, then */
	/* QCatchSyscalls: all, or those of which the bit is set; NULL: none */
	uint64_t symbols[TLS_SYMBOLS]; /* debug/tls.h */
	bool catches_all;
	uint64_t *catches;
};
#define CALLS_CAUGHT_MAX 1024 /* numbers of system calls below it can be caught */

struct dbg_thread {
	struct list node;
	struct inferior *inferior;
	struct tracee *tr; /* NULL: it has ended */
	pid_t tid;
	bool running, asked; /* asked: to stop */
	bool going;          /* it was to run since all stopped last */
	bool news;           /* it has stopped, and was not looked at */
	/* the CPU keeps the watches of so many changes for it; points.changes starts at 0, too */
	unsigned armed;
	/* how it went on */
	bool steps;
	uint64_t range_start, range_end; /* steps within it are not told */
	int resume_signal;

	enum tell tell;
	int sig;
	uint64_t value; /* the child, the address watched, the number of the call */
};

struct target {
	struct debugger debugger;
	struct sandbox *sb;
	int wake_fd; /* an eventfd: there are news */
	enum { TARGET_RUNNING, TARGET_HALTING, TARGET_HALTED } state;
	struct list inferiors;
	bool interrupted;                   /* target_stop() has asked for this halt */
	bool follows_forks, follows_vforks; /* else children are not traced */
	uint64_t passed;                    /* signals that are not told; bit n-1 */
};

/* What a halt is for; `thread` NULL: the inferior has ended; both NULL: there is nothing left. */
struct halt {
	enum tell tell;
	struct inferior *inferior;
	struct dbg_thread *thread;
	int sig;
	uint64_t value;
};

int target_init(struct target *t, struct sandbox *sb);
/* Lets everything go. */
void target_done(struct target *t);

/* Takes the news in; true: the state is HALTED now, and was not before, *out says why. */
bool target_work(struct target *t, struct halt *out);
/* All are to stop. */
void target_stop(struct target *t);

/* What is asked of a thread: the first that names it counts. */
struct resume_action {
	int64_t pid, tid; /* of whom; -1, 0: any */
	bool steps, stops;
	uint64_t range_start, range_end;
	int sig;
};
void target_resume(struct target *t, const struct resume_action *a, unsigned n);

/* All processes of the sandbox, or the one with this number, are traced, and stop. -ESRCH, -EPERM,
 * -ENOMEM. */
int target_attach(struct target *t, pid_t pid);
/* While it is halted. Its breakpoints go, and its threads go on, with what they had to tell. */
void target_detach(struct target *t, struct inferior *inf);
void target_kill(struct target *t, struct inferior *inf);
/* It has ended, and that was told. */
void target_forget(struct target *t, struct inferior *inf);

/* Neither has ended nor is about to, by target_kill. */
static inline bool inferior_lives(const struct inferior *inf)
{
	return !inf->ended && !inf->killed;
}
struct inferior *target_inferior(struct target *t, int64_t pid);
/* NULL: no such thread; 0 and -1: any. */
struct dbg_thread *target_thread(struct target *t, int64_t pid, int64_t tid);
/* A thread for as long as its registers and its stop are looked at; NULL: it is not there.
 * ptrace_let_go() when done. */
struct task *thread_hold(struct target *t, struct dbg_thread *th);

/* ---- memory, while it is halted; bytes done ---- */

/* Breakpoints are not seen. */
size_t points_read(struct points *s, uint64_t addr, void *buf, size_t n);
size_t points_write(struct points *s, uint64_t addr, const void *buf, size_t n);
/* 0 or -errno; twice is once. */
int points_break(struct points *s, uint64_t addr, bool insert);
/* Of the CPU's (HW_BREAK_*), for the thread and all of its inferior; -ENOSPC: it has no more. */
int target_watch(struct target *t, struct dbg_thread *th, uint8_t kind, uint64_t addr, uint64_t len,
		 bool insert);

#endif
