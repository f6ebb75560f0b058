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

/* What a copy is told. Strings of args and env end with a NUL each. */
struct guest_copy {
	uint64_t number; /* of those that were started from one open snapshot; 0: it is no copy */
	char *args, *env;
	size_t args_len, env_len;
};

/* Adds the device to those of the sandbox. -ENOMEM. */
int devhl_add(struct sandbox *sb);
/* Before the copy runs, in place of what it was told before. -ENOMEM. */
int devhl_set_copy(struct sandbox *sb, const char *const *args, size_t nr_args,
		   const char *const *env, size_t nr_env);
void devhl_free(struct sandbox *sb);

#endif
