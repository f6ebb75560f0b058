/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the pages of a mapped file come from. A file system's inode embeds a page source; address
 * spaces that map the inode hang on its list, so that a truncation reaches them (the reverse map).
 */
#ifndef HL_MM_PAGESOURCE_H
#define HL_MM_PAGESOURCE_H

#include <stdbool.h>
#include <stdint.h>

#include "platform/physmem.h"
#include "util/list.h"
#include "util/lock.h"

struct pagesource;
struct saved_kind;

/* A run of memory-file pages that stands behind a run of file pages. */
struct page_run {
	struct memfile *mf; /* borrowed from the source for as long as the source is referenced */
	uint64_t off;       /* in mf, page-aligned */
	uint64_t len;       /* bytes, page multiple, >= one page */
};

struct pagesource_ops {
	/* Memory for file bytes from `off` (page-aligned), at most `len`: fills *out with the
	 * longest run at hand. `write`: the pages may be written through (shared mapping of a
	 * writable descriptor). -EFAULT: behind the end of the file (SIGBUS), -ENOMEM/-ENOSPC,
	 * -EACCES: not open for writing. Called with the mm lock held: must not touch any mm. */
	int (*get)(struct pagesource *ps, uint64_t off, uint64_t len, bool write,
		   struct page_run *out);
	/* References to whatever embeds the source. */
	void (*ref)(struct pagesource *ps);
	void (*unref)(struct pagesource *ps);
	/* File size now, bytes. */
	uint64_t (*size)(struct pagesource *ps);
	/* Differs when the contents may have changed in between; 0: they may change any time. NULL:
	 * always 0. */
	uint64_t (*version)(struct pagesource *ps);
	/* msync(MS_SYNC) of a range; NULL: nothing to do (memory). */
	int (*sync)(struct pagesource *ps, uint64_t off, uint64_t len);
	/* The file as stat(2) shows it: device and inode number. NULL: it has none. */
	void (*identify)(struct pagesource *ps, unsigned *major, unsigned *minor, uint64_t *ino);
	/* Makes a hole (MADV_REMOVE), as fallocate does. Called without any mm lock. NULL:
	 * -EOPNOTSUPP. */
	int (*punch)(struct pagesource *ps, uint64_t off, uint64_t len);
	/* How what cannot be found again by a name is kept in a snapshot, and what of it: an
	 * object of that kind. NULL: by its name alone. */
	const struct saved_kind *saved;
	void *(*saved_as)(struct pagesource *ps);
};

/* A file as stat(2) shows it. */
struct source_id {
	unsigned major, minor;
	uint64_t ino;
};

struct pagesource {
	const struct pagesource_ops *ops;
	struct mutex lock; /* taken inside the mm lock; guards all below */
	struct list vmas;  /* struct vma.source_node */
	/* truncations and invalidations so far; vma.source_sweep tells which have reached it */
	uint64_t sweeps;
	/* shared mappings that may write (F_SEAL_WRITE); written under lock */
	_Atomic uint32_t writable_shared;
	/* what it shows instead of what its own file system says; the same whenever it is set */
	_Atomic bool shown;
	struct source_id shown_id;
};

void pagesource_init(struct pagesource *ps, const struct pagesource_ops *ops);
void pagesource_destroy(struct pagesource *ps);
/* Copies the file's bytes from `off` (page-aligned) on; what the file has not is zero. 0 or what
 * ops->get gave; -ENOMEM: the file could not be reached. */
int pagesource_read(struct pagesource *ps, uint64_t off, uint64_t len, void *dst);
/* The file behind it; false: it has none. */
bool pagesource_identify(struct pagesource *ps, struct source_id *out);
/* The pages are those of another file, which a guest sees in the place of this one. */
void pagesource_show_as(struct pagesource *ps, const struct source_id *id);
/* The same of a source that nobody else has yet: takes no lock. */
void pagesource_show_new(struct pagesource *ps, const struct source_id *id);

#endif
