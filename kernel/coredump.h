/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Core dumps (core(5)): which deaths leave one, under which name, and how the other threads stand
 * still for it. The file is made with the rights of the process that dies, as any other of its
 * files. A name that begins with "|", which on Linux is a program of the host's to be started, or
 * with "@", a socket, is refused.
 *
 * A thread that dies of a signal with a core tells all others to end. On their way they wait for
 * the dump, where nothing of them is gone yet.
 */
#ifndef HL_KERNEL_COREDUMP_H
#define HL_KERNEL_COREDUMP_H

#include <signal.h>

#include <stddef.h>
#include <stdint.h>

struct sandbox;
struct task;

#define CORE_PATTERN_MAX 128 /* with the NUL */

/* kernel.core_pattern and kernel.core_uses_pid of a sandbox; sandbox->lock. */
struct core_settings {
	char pattern[CORE_PATTERN_MAX];
	int uses_pid;
};

/*
 * Where core files go that are kept outside of the sandbox, beside the guest's own: of every
 * process that dies so, whatever its limits and however undumpable it is. The functions are called
 * by the thread that dies, with the monitor's rights and without locks; the kernel opens no host's
 * files.
 */
struct core_store {
	const char *pattern; /* of names, as core(5) has them; without directories */
	int dir;             /* the host's directory that they are made in, for the jail */
	/* A new file, under another name until it is complete. NULL: there is to be none. */
	struct core_out *(*begin)(struct core_store *s);
	/* 0 or -errno; what is never written to is a hole. */
	int (*write)(struct core_out *out, const void *bytes, size_t n, uint64_t at);
	/* `name`: what it is to be called. `err`: it is not complete. */
	void (*end)(struct core_store *s, struct core_out *out, const char *name, int err);
};

/* A process that is being dumped. */
struct core_dump {
	struct task *dumper;
	int waiting; /* threads that have come to wait for it */
};

/* `t` dies of `info`: ends its process, and leaves a core file where there is to be one. Owner, no
 * lock held. */
void coredump(struct task *t, const siginfo_t *info);
/* Owner, on its way to its end, sandbox->lock held, which is given up meanwhile: waits for a dump
 * of its process, if there is one. */
void coredump_wait(struct task *t);

/* 0; -EINVAL: not a name of a file. */
int core_set_pattern(struct sandbox *sb, const char *pattern);

#endif
