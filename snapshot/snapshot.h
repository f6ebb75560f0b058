/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Snapshots: a sandbox saved in a file, and copies of it.
 *
 * A sandbox is frozen first (kernel/freeze.h), so that all there is of its tasks is registers,
 * memory and objects. Then each layer saves what it has:
 *
 *   snapshot/process.c, task.c   the process tree, threads with their registers and signals
 *   snapshot/memory_*.c          address spaces; snapshot/image.h: their pages
 *   snapshot/shared.c, files.c   what threads share; descriptor tables
 *   fs/saved.h                   open files: each file_ops names its kind (util/saved.h)
 *   save.c beside a type         what lives in the monitor: pipes, eventfds, files in memory
 *
 * What cannot be saved yet is refused by a line that names the process and the descriptor; nothing
 * is left out without a word.
 *
 * A copy is a new sandbox with the mounts, the network and the standard descriptors of its own
 * configuration. It is made frozen, out of the same objects, and thawed: calls that slept are made
 * again and sleep on, as after any freeze. Its pages are those of the image, mapped by its platform
 * as any file is, and copied by mm/fault.c before they are written. Its clocks: CLOCK_REALTIME is
 * right, all others go on from the save.
 */
#ifndef HL_SNAPSHOT_SNAPSHOT_H
#define HL_SNAPSHOT_SNAPSHOT_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "host/clock.h"
#include "util/codec.h"
#include "util/errmsg.h"

struct file;
struct image;
struct image_writer;
struct known_files;
struct sandbox;

/* What an image says of itself before anything of it is loaded. */
struct snapshot_info {
	uint64_t saved_at;            /* CLOCK_REALTIME of the guest, ns */
	uint64_t monotonic, boottime; /* the guest's, ns */
	uint64_t processes, threads;
	uint64_t pages;       /* bytes of them in the file */
	uint64_t size;        /* of the file */
	char *program;        /* the name of its first process */
	struct decoder world; /* what snapshot_save got; borrowed from the image */
};

struct snapshot {
	struct image *image;
	struct known_files *known; /* mapped files that copies have found */
	_Atomic uint64_t copies;   /* started so far */
	struct snapshot_info info;
	const unsigned char *rest; /* metadata behind that */
	uint64_t rest_len;
};

/* Writes the frozen sandbox to a file, which is complete or not there. It goes on as if nothing had
 * been when it is thawed. `world`: whatever who starts copies needs to know. Any thread but a
 * task's. */
struct snapshot_options {
	bool self_contained; /* files that are mapped privately are in it, and not named */
	/* Where to, of image_create_early with that path; NULL: the file is made now. Borrowed. */
	struct image_writer *early;
};
int snapshot_save(struct sandbox *sb, const char *path, const struct encoder *world,
		  const struct snapshot_options *opt, struct errmsg *errmsg);

int snapshot_open(const char *path, struct snapshot **out, struct errmsg *errmsg);
/* Sandboxes that were made of it are gone. NULL: no effect. */
void snapshot_close(struct snapshot *snap);
/* The number of one more copy, from 1. Any thread. */
uint64_t snapshot_count_copy(struct snapshot *snap);
/* How far the clocks of a copy that starts now are from the host's; `steps`: it is one whose clocks
 * stand (host/clock.h), and begin at the save. NULL: they go. */
struct guest_clock snapshot_clock(const struct snapshot *snap, struct clock_steps *steps);
/* Fills a new sandbox, which has its mounts and nothing else, and must be gone before the snapshot
 * is closed. `stdio`: its standard descriptors, borrowed; NULL: closed. `world`: what it has its
 * mounts by, as snapshot_save gets it; NULL: the process will have no other copy. It is frozen
 * afterwards: sandbox_thaw lets it run. On failure it can only be destroyed. */
int snapshot_load(const struct snapshot *snap, struct sandbox *sb, struct file *const stdio[3],
		  const struct encoder *world, struct errmsg *errmsg);
/* Ends all that runs in a reusable sandbox (kernel/sandbox.h) that was loaded from `snap`, so that
 * it can be loaded again: into the address spaces that it has kept, of which what was written is
 * overwritten. -ENOTSUP, -EIO: as sandbox_clear. */
int snapshot_reset(const struct snapshot *snap, struct sandbox *sb);
/* Its address spaces are not kept any more. To be called before a sandbox is destroyed. */
void snapshot_forget(struct sandbox *sb);

#endif
