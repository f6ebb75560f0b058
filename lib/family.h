/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the copies of a snapshot in one process have in common, so that another one costs little:
 * the open snapshot itself, and, of those that are alike, what machines share (struct machine_kin).
 *
 * Copies are alike if they ask for the same platform, network and kind of world. Landlock lets a
 * monitor signal only the processes of its own domain. So that each of them reaches its stub, which
 * comes from a process that all of them share, the threads that start them come from one, too, the
 * ancestor, which has entered that domain and does nothing else.
 *
 * A thread that has started one has put itself into all of its jail, and starts the next one from
 * inside, where that jail is the same: the files of a private world are another world's. When it
 * has done so once, there are likely to be more, and it makes what the next one runs on while
 * nobody waits for it.
 */
#ifndef HL_LIB_FAMILY_H
#define HL_LIB_FAMILY_H

#include <sched.h>

#include "cred/cred.h"
#include "hl.h"
#include "kernel/hardware.h"
#include "lib/confine.h"
#include "platform/choose.h"
#include "platform/platform.h"
#include "util/ref.h"

struct snapshot;
struct starter;

/* What the first that is started from outside finds, and those inside cannot find any more. */
struct found_outside {
	struct platform_choice choice;
	struct confinement jail;
	struct cred_rights rights;
	uid_t uid[3]; /* whose these are: getresuid(2) */
	gid_t gid[3];
};

/* A thread that starts one, and the CPUs it runs on. */
struct kindred_starter {
	struct starter *starter;
	cpu_set_t cpus;
	bool has_cpus; /* they are known */
	/* what it cannot find any more, borrowed; NULL: it is outside */
	const struct found_outside *inside;
};
#define INSIDERS_MAX 8

struct kindred {
	struct kindred *next;
	char *platform; /* as it was asked for; NULL: it was not */
	enum hl_network network;
	bool private_world, strict;
	struct starter *ancestor;
	cpu_set_t cpus;          /* of the ancestor; kin.lock */
	struct confinement jail; /* of it, too */
	struct machine_kin kin;
	struct mutex lock;
	/* guarded by lock; written once: */
	struct found_outside found;
	bool is_found;
	/* guarded by lock: those that have nothing to do */
	struct kindred_starter insiders[INSIDERS_MAX];
	unsigned nr_insiders;
	/* what the next one is to run on; no platform: nothing is made yet */
	struct hardware ahead;
	bool makes_ahead; /* a thread is at it */
};

struct family {
	struct ref refs; /* one for the open snapshot, one for each copy */
	struct snapshot *snap;
	struct mutex lock;
	struct kindred *kindred; /* a list; guarded by lock */
};

/* Takes the snapshot over. NULL: no memory. */
struct family *family_new(struct snapshot *snap);
struct family *family_get(struct family *f);
void family_put(struct family *f); /* NULL: no effect */
/* Of copies with this configuration; borrowed. NULL: they have none, or nothing of it works. Any
 * thread. */
struct kindred *family_kindred(struct family *f, const struct hl_config *cfg);
/* A thread that can start one of them, on the CPUs of the caller; `outside`: one that is not inside
 * yet. 0 or -errno. */
int kindred_starter(struct kindred *k, bool outside, struct kindred_starter *out);
/* What one that is inside has made for the next; false: nothing. */
bool kindred_hardware(struct kindred *k, struct hardware *out);
/* Takes it back when it has started one, and is inside; `found`: by it, if it was not before. */
void kindred_give_back(struct kindred *k, struct kindred_starter *st,
		       const struct found_outside *found);

#endif
