/* SPDX-License-Identifier: Apache-2.0 */
/* The host's side of the escapes: where a case takes place, and who notices what happens there. */
#ifndef HL_TESTS_ESCAPES_STAGE_H
#define HL_TESTS_ESCAPES_STAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/*
 * A file system in memory, made anew for each case:
 *
 * 	root/	    the guest's "/", with the guest's program
 * 	host/	    its /host, with whatever could lead out of it
 * 	ro/	    its /ro
 * 	one	    its /one
 * 	upper/	    where an overlay may write
 * 	outside/    what must not be reached
 * 	spare/link  a symlink to outside/
 */
struct stage {
	const char *dir; /* absolute */
	const char *canary;
	const char *guest; /* the program */
	uid_t owner;       /* of all that is not root's */
};

/* What is out there before a case, to compare with afterwards. */
struct witness;

/* Mounts and fills it. False: cannot, as errno says. */
bool stage_set(const struct stage *s);
void stage_strike(const struct stage *s);
/* A path below: good until the eighth call after. */
const char *stage_path(const struct stage *s, const char *name);

/* What may happen outside: the host itself moves a directory there; the guest reads what it was
 * given, the directory or the file outside/given. */
enum allowance { NONE, HOST_MOVES, DIR_IS_READ, FILE_IS_READ };

/* From now on, everything else is noticed. */
struct witness *witness_call(const struct stage *s, enum allowance allowed);
/* How many things have happened that must not; each is printed behind "# ". Frees it. */
unsigned witness_hear(struct witness *w);

#endif
