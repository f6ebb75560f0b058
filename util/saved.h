/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Objects of a sandbox on their way into a snapshot and out of it again.
 *
 * Objects refer to each other (a descriptor table to open files, an epoll instance to those it
 * watches), and several may refer to one. So each has a number. Who is saved writes the numbers of
 * those that it refers to, as saved_object() gives them; an object gets its number when it is first
 * met, and its turn comes after whoever is being saved. Who is loaded gets the others by
 * loaded_object(), which loads them when they are first asked for.
 *
 * A kind is a type of object: how it is saved and loaded, in a file of its own beside the type
 * (save.c). What a snapshot cannot hold yet is a kind, too, without `save`: it is refused, never
 * left out. Files name their kind in file_ops.
 *
 * A snapshot is what an enemy may have written. A load function checks each value as if a guest had
 * passed it, and so does every count here.
 */
#ifndef HL_UTIL_SAVED_H
#define HL_UTIL_SAVED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/codec.h"
#include "util/errmsg.h"

struct saver;
struct loader;

/* 0 or -errno. */
struct saved_kind {
	const char *name; /* in the snapshot, and in messages: "an eventfd" has "eventfd" */
	/* Writes `object` to s->out. NULL: it cannot be saved. */
	int (*save)(struct saver *s, void *object);
	/* Reads what that wrote from l->in; *out gets a reference. */
	int (*load)(struct loader *l, void **out);
	void (*put)(void *object);
	/* Why this very object cannot be saved, as the end of a sentence ("which ..."); NULL: it
	 * can. NULL function: all can that have `save`. */
	const char *(*refused)(struct saver *s, void *object);
};

/* What stands in the way of saving it, to be put behind its kind's name; NULL: nothing. */
const char *saved_refusal(struct saver *s, const struct saved_kind *kind, void *object);

/* ---- saving ---- */

/* `nr` pages from page `first` of what was written are at `off` of the image. 0 or -errno. */
typedef int saved_run_fn(void *arg, uint64_t first, uint64_t nr, uint64_t off);

struct saved_entry {
	const struct saved_kind *kind;
	void *object;
};

struct saver_hold;

struct saver {
	struct encoder out;
	struct errmsg *errmsg;
	void *sandbox; /* struct sandbox */
	void *caller;  /* struct caller: the monitor's own */
	/* private mappings of files are kept whole: a copy does not need the files */
	bool self_contained;
	/* Contents that are mapped, or copied page by page, when they are loaded: writes whole
	 * pages into the image and says where each run of them is. `skip_zeroes`: long runs of
	 * zeroes are left out. Set by who makes the saver. */
	int (*pages)(struct saver *s, const void *data, uint64_t len, bool skip_zeroes,
		     saved_run_fn *fn, void *arg);
	void *pages_arg;
	void *ipc; /* struct ipc_namespace: the first one */
	/* struct filesystem: those in memory that are saved, by number - 1; borrowed */
	void **filesystems;
	size_t nr_filesystems;
	/* struct mount: those that are kept, by number - 1 (fs/saved_place.h); borrowed */
	void **mounts;
	size_t nr_mounts;
	void *tree; /* struct saved_tree: snapshot/mounts.h */
	/* the number of a struct ns_common */
	uint64_t (*ns)(struct saver *s, void *ns);
	/* private: */
	struct saver_hold *holds;
	struct saved_entry *entries; /* number n is entries[n - 1] */
	size_t nr, room;
	size_t *buckets; /* numbers by object; open addressing, 0: empty */
	size_t nr_buckets;
	bool failed;
};

/* The number of an object of a kind, 0 for NULL. Want of memory shows in saver_end. */
uint64_t saved_object(struct saver *s, const struct saved_kind *kind, void *object);
/* What is there for the sake of the save alone: put(object) when that is over, in any case.
 * -ENOMEM: that was done at once. */
int saver_hold(struct saver *s, void (*put)(void *object), void *object);
/* Saves all objects that were met, and those that they meet. */
int saver_objects(struct saver *s);
void saver_free(struct saver *s);

/* ---- loading ---- */

struct loaded_entry {
	const struct saved_kind *kind;
	struct decoder in;
	void *object; /* a reference; NULL: not loaded yet */
	bool loading;
};

struct loader {
	struct decoder in;
	struct errmsg *errmsg;
	const struct saved_kind *const *kinds; /* all there are; NULL at the end */
	/* where to: set by who makes the loader */
	void *sandbox;  /* struct sandbox */
	void *caller;   /* struct caller: the monitor's own */
	void *arena;    /* struct arena */
	void *stdio[3]; /* struct file: the copy's own standard descriptors */
	void *mapped;   /* struct mapped_files: those that memory is mapped from */
	void *ipc;      /* struct ipc_namespace: the first one */
	int (*net)(struct loader *l, void **out); /* struct net; -ENOMEM */
	/* Copies pages that saver.pages wrote, to `dst`. -EBADMSG: there are none. */
	int (*pages)(struct loader *l, void *dst, uint64_t off, uint64_t len);
	const void *pages_arg;
	/* struct filesystem: those in memory, by number - 1 (fs/ramfs/save.h); borrowed */
	void **filesystems;
	size_t nr_filesystems;
	/* struct mount, as in the saver; borrowed */
	void **mounts;
	size_t nr_mounts;
	void *tree; /* struct saved_tree: snapshot/mounts.h */
	/* the struct ns_common of a number, borrowed; *out is NULL for number 0 */
	int (*ns)(struct loader *l, uint64_t number, void **out);
	/* private: */
	struct loaded_entry *entries;
	size_t nr;
	unsigned depth;
};

/* Reads the list of objects that saver_objects wrote from `in`. */
int loader_objects(struct loader *l, struct decoder *in);
/* The object of this number, borrowed from the loader; it must be of this kind, or where `kind` is
 * NULL of one whose `put` is `put`. *out is NULL for number 0. */
int loaded_object(struct loader *l, uint64_t number, const struct saved_kind *kind, void **out);
/* NULL: there is none of this number. */
const struct saved_kind *loaded_kind(const struct loader *l, uint64_t number);
int loaded_of(struct loader *l, uint64_t number, void (*put)(void *), void **out);
/* Loads whatever nobody has asked for. */
int loader_rest(struct loader *l);
void loader_free(struct loader *l);
/* The snapshot cannot be right: a sentence, and -EBADMSG. */
int loader_damaged(struct loader *l, const char *what);

#endif
