/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guest's side of the escapes: what each of its files may use.
 *
 * 	guest CASE OUTSIDE TRIES VICTIM CANARY_INO PORT SHMID MARK
 *
 * A case tries one way out and says "ESCAPED ..." when it sees that it is out. What it reads on the
 * way it prints, so that suite.c, which watches from the host, finds the canary's text in it. At
 * the end it prints "done": a case that did not get there proves nothing.
 *
 * The guest's world: "/" is a directory of the host's (--root) or in memory (--isolate), /host is
 * another (--mount), /ro a third one that is read-only, /one a single file. OUTSIDE is the absolute
 * name that the host has for a directory that belongs to none of them; /host holds what the host
 * planted there.
 */
#ifndef HL_TESTS_ESCAPES_GUEST_H
#define HL_TESTS_ESCAPES_GUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#ifndef SYS_fchmodat2
#define SYS_fchmodat2 452
#endif

struct world {
	const char *outside;
	long tries;       /* in a race */
	pid_t victim;     /* a process of the host's */
	ino_t canary;     /* the inode of OUTSIDE/secret */
	int port;         /* where the host listens on 127.0.0.1 */
	int shm;          /* a segment of the host's */
	const char *mark; /* what the victim's memory begins with: an address */
};
extern struct world world;

#define CASE(name) void case_##name(void)

/* cases.def has them all. */
#define ESCAPE(name, ...) CASE(name);
#include "tests/escapes/cases.def"
#undef ESCAPE

__attribute__((format(printf, 1, 2))) void escaped(const char *fmt, ...);
/* It must have failed: else it is an escape. */
void must_fail(long r, const char *what);
/* It must have worked: else the case proves nothing, and it ends here without "done". */
void must_work(long r, const char *what);
/* Prints what can be read there. */
void spill(int fd);
void spill_path(const char *path);
/* Is it the canary? */
void check_fd(int fd, const char *how);
/* Everything that can be done by a name. */
void abuse(const char *path);
/* A path in a buffer of the function's: good until the eighth call after. */
__attribute__((format(printf, 1, 2))) const char *path(const char *fmt, ...);
/* Is "/" the host's? */
bool root_of_host(void);
/* Runs it in a child, which may lose its root, and so on. */
void in_child(void (*fn)(void));

#endif
