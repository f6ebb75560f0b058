/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /dev/hl, through which a program talks with what runs it (docs/guest.md): a write asks or tells
 * something, and a read gives the answer.
 */
#ifndef HL_KERNEL_DEVHL_H
#define HL_KERNEL_DEVHL_H

#include <stddef.h>
#include <stdint.h>

struct sandbox;

/* What a copy is told: lists of strings, which end with a NUL each. */
enum devhl_told {
	DEVHL_ARGS,    /* its arguments */
	DEVHL_ENV,     /* what its configuration adds to the environment */
	DEVHL_ENVIRON, /* a driver: all of that which a program would start with */
	DEVHL_DIR,     /* a driver: the directory where one would start */
	DEVHL_NR_TOLD
};

struct guest_copy {
	uint64_t number; /* of those that were started from one open snapshot; 0: it is no copy */
	struct {
		char *text;
		size_t len;
	} told[DEVHL_NR_TOLD];
};

/* Adds the device to those of the sandbox. -ENOMEM. */
int devhl_add(struct sandbox *sb);
/* Before the copy runs, in place of what it was told before. -ENOMEM. */
int devhl_tell(struct sandbox *sb, enum devhl_told what, const char *const *items, size_t nr);
void devhl_free(struct sandbox *sb);

#endif
