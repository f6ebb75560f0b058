/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From an executable file to an address space ready to run: ELF (ET_EXEC, static-PIE, PIE,
 * dynamic), #! scripts, programs that a translator runs, the initial stack with argv, envp and the
 * auxiliary vector, the vDSO. Builds aside: nothing of the calling process is touched, so a failed
 * execve returns an error; the kernel commits the image afterwards (kernel/exec.c).
 */
#ifndef HL_LOADER_LOADER_H
#define HL_LOADER_LOADER_H

#include <stdbool.h>
#include <stdint.h>

#include "fs/file.h"
#include "util/gva.h"
#include "util/errmsg.h"

struct mm;
struct mm_host;
struct translators;

#define EXEC_MAX_ARG_STRLEN   (32 * 4096) /* Linux's MAX_ARG_STRLEN */
#define EXEC_MAX_SCRIPT_DEPTH 5           /* Linux's limit of nested interpreters */

/* Where what is random about a new program comes from. */
struct exec_random {
	struct random_stream *stream; /* NULL: the host's */
	bool no_randomize;            /* personality ADDR_NO_RANDOMIZE: no addresses are */
};

struct exec_request {
	struct caller *caller;
	struct mm_host *mem;
	struct file *file; /* opened for execution (regular, x bit checked); borrowed */
	const char
	    *filename; /* of execve: AT_EXECFN, argv of scripts ("/dev/fd/N/..." for execveat) */
	char *const *argv; /* NULL-terminated, may be empty (Linux then supplies one "") */
	char *const *envp;
	/* execveat of a close-on-exec descriptor: a script can not work (-ENOENT) */
	bool fd_path_inaccessible;
	const struct translators *translators; /* of programs for other CPUs: loader/foreign.h */
	/* RLIMIT_STACK; bounds argv+envp to a quarter, at least 128 KiB: -E2BIG */
	uint64_t stack_limit;
	struct exec_random random;
	/* its clocks are not those of the sandbox: the vDSO asks for them */
	bool clocks_moved;
	/* another process has the caller's fs_struct: the program gains no rights */
	bool fs_shared;
};

struct exec_image {
	struct mm *mm;
	struct cred *cred; /* what the program runs with; a reference */
	bool secure;       /* the caller must not steer it: AT_SECURE */
	bool dumpable;     /* others of its user may look into it (PR_SET_DUMPABLE) */
	struct file *exe;  /* the ELF file that runs: for /proc/PID/exe; a reference */
	gva_t entry, sp;   /* first instruction (the interpreter's when there is one), stack */
	char comm[16];
	unsigned personality_clear;
	/* Set by a failed exec_load: Linux would have noticed past its point of no return, and
	 * killed the process. */
	bool too_late;
};

/* Opens a file to be executed: regular, x permission, not on a noexec mount (-EACCES). */
int exec_open(struct caller *c, const struct path *start, const char *name, unsigned walk_flags,
	      struct file **out);

/* 0, or -errno as execve(2) gives it (-ENOENT also for a missing interpreter), with a sentence
 * naming the file and the fault in `errmsg` (may be NULL). */
int exec_load(const struct exec_request *rq, struct exec_image *out, struct errmsg *errmsg);
void exec_image_destroy(struct exec_image *img);

#endif
