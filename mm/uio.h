/* SPDX-License-Identifier: Apache-2.0 */
/* The memory side of a read or write: guest buffers (one, or an iovec) or a buffer of the
 * monitor's, consumed from the front. */
#ifndef HL_MM_UIO_H
#define HL_MM_UIO_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/uio.h>

#include "mm/access.h"

struct uio {
	struct mm *mm;                  /* NULL: `buf` of the monitor instead of segments */
	const struct guest_iovec *segs; /* NULL: one segment, `one` */
	struct guest_iovec one;
	char *buf;
	int nr_segs;
	size_t skip;  /* bytes consumed of segs[0], or of `buf` */
	size_t resid; /* bytes left in all */
	/* a write goes to the end of the file, wherever else it was to go (RWF_APPEND) */
	bool append;
	bool no_append; /* O_APPEND of the file does not hold for this write (RWF_NOAPPEND) */
};

void uio_init_guest(struct uio *u, struct mm *mm, gva_t buf, size_t len);
/* `segs` stays owned by the caller and must outlive the uio. */
void uio_init_guestv(struct uio *u, struct mm *mm, const struct guest_iovec *segs, int nr);
void uio_init_kernel(struct uio *u, void *buf, size_t len);
/* Move bytes and advance. Bytes moved: less than n only at a bad address (then the uio stands at
 * it) or when resid is out. */
size_t uio_put(struct uio *u, const void *src, size_t n); /* into the buffers (a read) */
size_t uio_take(struct uio *u, void *dst, size_t n);      /* out of the buffers (a write) */
size_t uio_zero(struct uio *u, size_t n);
void uio_advance(struct uio *u, size_t n);
/* Bytes from where the uio stands to the end of its page, in the same buffer. */
size_t uio_page_left(struct uio *u);
/* Host iovecs for the front of the uio, for host calls that do not block; between uio_pin and
 * uio_unpin the mm is read locked. Number of iovecs (0: the first byte is bad or nothing is left);
 * *len: bytes they cover. */
int uio_pin(struct uio *u, bool write_to_buffers, struct iovec *iov, int max, size_t *len);
void uio_unpin(struct uio *u);
/* Bytes at the front of the buffers that can be accessed, at most n. */
size_t uio_front(struct uio *u, bool write_to_buffers, size_t n);

#endif
