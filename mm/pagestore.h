/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The contents of a file that lives in memory: sparse pages, kept in extents of the arena. What
 * shared anonymous memory is made of (mm/shmem.c), and what in-memory file systems embed in their
 * inodes.
 *
 * A page that was never written has no memory; reading finds zeroes. Memory is taken in growing
 * contiguous pieces when a file is appended to, page by page in holes. A page handed out in a run
 * stays where it is until it is truncated or punched; then the address spaces that map the page
 * source let go first, and only then is the memory given away.
 *
 * Thread-safe; calls that change the size (write, truncate) are serialised by the caller's inode
 * lock. Call read, write, truncate and punch without any mm lock.
 */
#ifndef HL_MM_PAGESTORE_H
#define HL_MM_PAGESTORE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "mm/arena.h"
#include "mm/pagesource.h"
#include "mm/quota.h"
#include "mm/uio.h"
#include "util/lock.h"
#include "util/rbtree.h"

struct pagestore {
	struct arena *arena;
	struct page_quota *quota; /* NULL: none */
	struct rwlock lock;
	/* guarded by lock */
	struct rb_tree extents; /* by file offset */
	uint64_t size;          /* of the file, bytes */
	uint64_t held;          /* bytes of extents */
	bool lazy;              /* some of them have not been written yet, or had not */
	/* Memory taken ahead of need, for a hole that begins at file offset `ahead`. It is not the
	 * file's yet: no quota counts it. */
	uint64_t ahead, ahead_off, ahead_len;
};

void pagestore_init(struct pagestore *s, struct arena *a, struct page_quota *quota);
void pagestore_destroy(struct pagestore *s);

uint64_t pagestore_size(struct pagestore *s);
/* st_blocks: pages that have memory, in units of 512 bytes; of those that were mapped, the ones
 * that were touched. */
uint64_t pagestore_blocks(struct pagestore *s);

/* At `pos`: bytes moved, 0 at the end of the file; -EFAULT when the first byte's guest address is
 * bad, -ENOSPC,
 * -ENOMEM. A write grows the file. Neither moves a position. */
ssize_t pagestore_read(struct pagestore *s, struct uio *u, uint64_t pos);
ssize_t pagestore_write(struct pagestore *s, struct uio *u, uint64_t pos);
/* Nobody will append for a while: gives back what was taken ahead of need. */
void pagestore_written(struct pagestore *s);

/* What pagesource_ops.get wants: the longest run at `off`, at most `len` bytes, not behind the page
 * the file ends in (-EFAULT). Holes are given memory: the run may be mapped and written through
 * later. `sparse`: until then they count as holes, which costs a little more. -ENOSPC, -ENOMEM. */
int pagestore_get_run(struct pagestore *s, uint64_t off, uint64_t len, bool sparse,
		      struct page_run *out);

/* Grows (takes no memory) or shrinks the file. `ps`: the page source over this store; NULL: never
 * mapped. */
void pagestore_truncate(struct pagestore *s, struct pagesource *ps, uint64_t size);
/* Makes [off, off+len) read as zero and gives whole pages of it back (FALLOC_FL_PUNCH_HOLE). */
void pagestore_punch(struct pagestore *s, struct pagesource *ps, uint64_t off, uint64_t len);
/* Gives memory to every page of [off, off+len) (fallocate); does not change the size. -ENOSPC,
 * -ENOMEM. */
int pagestore_allocate(struct pagestore *s, uint64_t off, uint64_t len);
/* SEEK_DATA (hole false), SEEK_HOLE (true) from `off`: an offset, or -ENXIO. */
int64_t pagestore_seek(struct pagestore *s, uint64_t off, bool hole);

#endif
