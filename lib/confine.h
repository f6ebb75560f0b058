/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Puts a sandbox's monitor into its jail, in three steps, each as early as what still has to be
 * made outside of it allows:
 *
 * 	confine_start    before the machine, whose processes are to be inside
 * 	confine_calls    behind the machine, before the file tree: nothing of a stranger's was read
 * 	confine_files    when all that the tree consists of is open, before a program is looked for
 *
 * Each speaks of the calling thread and of those that it makes later; and of the machine's own,
 * once there are any.
 */
#ifndef HL_LIB_CONFINE_H
#define HL_LIB_CONFINE_H

#include "hl.h"
#include "jail/jail.h"

struct mount_list;
struct sandbox;
struct text;

/* Layers of the jail. */
enum confine_layer {
	CONFINE_SECCOMP,
	CONFINE_SCOPE,
	CONFINE_FILES,
	CONFINE_CAPABILITIES,
	CONFINE_DESCRIPTORS,
	NR_CONFINE_LAYERS
};

#define CONFINE_INHERITED 8

struct confinement {
	struct jail_config jail;
	bool had_no_new_privs; /* before confine_start: the guest is to see that */
	int machine_result;    /* of confine_machine_thread() */
	/* the open descriptors that nobody asked for, in order; where there are more, the last */
	int inherited[CONFINE_INHERITED], inherited_last;
	unsigned nr_inherited;
	const char *without[NR_CONFINE_LAYERS]; /* why a layer is not there; NULL: it is */
};

/* 0, or -1 with *err. */
int confine_start(struct confinement *c, const struct hl_config *cfg, struct hl_error **err);
/* In each thread of the machine's own, with the confinement, before confine_calls: what it needs no
 * more. */
void confine_machine_thread(void *confinement);
int confine_calls(struct confinement *c, const struct hl_config *cfg, struct sandbox *sb,
		  struct hl_error **err);
int confine_files(struct confinement *c, const struct hl_config *cfg, struct sandbox *sb,
		  const struct mount_list *mounts, struct hl_error **err);

/* The layers, for people, once all steps are made. false: no memory. */
bool confine_describe(const struct confinement *c, struct text *t);

#endif
