/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a user may see of a running sandbox: the trace of system calls (trace/trace.c), counts and
 * times, the report of a crash (trace/crash.c), lines about what happens. One observer a sandbox;
 * NULL when nothing of it was asked for, and then a system call pays one test for it.
 */
#ifndef HL_TRACE_TRACER_H
#define HL_TRACE_TRACER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernel/observer.h"
#include "trace/audit.h"
#include "util/lock.h"
#include "util/text.h"

struct syscall_entry;
struct task;

/* Where text goes. Called by one thread at a time. */
typedef void tracer_put(void *arg, const char *data, size_t len);

enum trace_format { TRACE_OFF, TRACE_TEXT, TRACE_JSON };

struct tracer_config {
	tracer_put *log;
	void *log_arg;
	int log_level; /* 0: none; 1: crashes, what is missing; 2: starts, ends, signals */
	tracer_put *trace;
	void *trace_arg;
	enum trace_format format;
	bool stats;
	struct audit_config audit;
};

struct call_count {
	_Atomic uint64_t calls, errors, total_ns, max_ns;
};

struct call_record {
	uint64_t nr, args[6];
	int64_t result;
	bool done;
};

#define CALLS_REMEMBERED 16

/* The observer's part of a task. */
struct task_trace {
	struct text line;   /* being built by the owner */
	struct text args;   /* JSON: arguments printed so far */
	unsigned args_done; /* arguments printed before the call */
	bool args_any;      /* a separator is due before the next */
	uint32_t socklen;   /* struct print.socklen */
	uint64_t entered_ns;
	size_t column; /* of the open line; tracer lock */
	struct call_record last[CALLS_REMEMBERED];
	unsigned nr_calls;
};

struct tracer {
	struct observer base; /* first */
	struct observer_ops ops;
	struct tracer_config cfg;
	uint64_t start_ns;
	_Atomic bool muted;      /* set without the lock: who holds it may be writing for ever */
	struct mutex lock;       /* the two outputs; sandbox->lock is not held */
	struct task_trace *open; /* whose line has no end yet; lock */
	/* one a number, the last one for numbers that do not exist; NULL: no statistics */
	struct call_count *counts;
	_Atomic uint8_t *missing_told;
	struct audit audit; /* where cfg.audit.put is set */
};

struct call_report {
	const char *name;
	unsigned nr;
	uint64_t calls, errors, total_ns, max_ns;
};

int tracer_create(const struct tracer_config *cfg, struct observer **out);
void tracer_destroy(struct observer *o);
/* From here on nothing is written, but for what is being written now. */
void tracer_mute(struct observer *o);
/* The most memory and the most threads at a time, where the audit is of all. */
void tracer_peaks(struct observer *o, uint64_t *memory, uint64_t *threads);

/* In order of the numbers, those that were called. */
void tracer_each_call(struct observer *o, void (*fn)(void *arg, const struct call_report *r),
		      void *arg);

/* trace/log.c. A line for the log if `level` is asked for. No newline. */
void tracer_log(struct tracer *o, int level, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* trace/trace.c */
void trace_enter(struct tracer *o, struct task *t, const struct syscall_entry *e);
void trace_exit(struct tracer *o, struct task *t, const struct syscall_entry *e, int64_t result,
		uint64_t ns);
void trace_signal(struct tracer *o, struct task *t, const siginfo_t *si);
void trace_stopped(struct tracer *o, struct task *t, int sig);
void trace_ended(struct tracer *o, struct task *t);
void trace_program(struct tracer *o, struct task *t, const char *path, char *const *argv,
		   char *const *envp);

/* trace/crash.c */
void crash_report(struct tracer *o, struct task *t, const siginfo_t *si);

#endif
