/* SPDX-License-Identifier: Apache-2.0 */
/* Copies between buffers of the monitor and the buffers of a read or write, which are the guest's
 * or the monitor's own. See the header. */
#include "mm/uio.h"

#include <string.h>

#include "host/fixup.h"

void uio_init_guestv(struct uio *u, struct mm *mm, const struct guest_iovec *segs, int nr)
{
	*u = (struct uio){ .mm = mm, .segs = segs, .nr_segs = nr };
	for (int i = 0; i < nr; i++)
		u->resid += segs[i].len;
}

/* A single buffer has no segs: `one` moves with the struct, should it be copied. */
static const struct guest_iovec *uio_segs(const struct uio *u)
{
	return u->segs ? u->segs : &u->one;
}

void uio_init_guest(struct uio *u, struct mm *mm, gva_t buf, size_t len)
{
	*u = (struct uio){ .mm = mm, .one = { buf, len }, .nr_segs = 1, .resid = len };
}

void uio_init_kernel(struct uio *u, void *buf, size_t len)
{
	*u = (struct uio){ .buf = buf, .one.len = len, .nr_segs = 1, .resid = len };
}

/* What is left of the first segment, once empty ones are behind us. */
static size_t seg_left(struct uio *u)
{
	while (u->nr_segs > 1 && uio_segs(u)->len == u->skip) {
		u->segs++;
		u->nr_segs--;
		u->skip = 0;
	}
	return uio_segs(u)->len - u->skip;
}

size_t uio_page_left(struct uio *u)
{
	size_t left = seg_left(u);
	uint64_t at = (u->mm ? uio_segs(u)->base.v : (uintptr_t)u->buf) + u->skip;
	size_t page = PAGE_SIZE - (at & (PAGE_SIZE - 1));

	return page < left ? page : left;
}

void uio_advance(struct uio *u, size_t n)
{
	if (n > u->resid)
		n = u->resid;
	u->resid -= n;
	while (n > 0) {
		size_t step = seg_left(u);

		step = step < n ? step : n;
		u->skip += step;
		n -= step;
	}
}

enum move { MOVE_PUT, MOVE_TAKE, MOVE_ZERO };

/* Bytes not moved. */
static size_t move_guest(struct mm *mm, enum move how, gva_t at, char *buf, size_t n)
{
	switch (how) {
	case MOVE_PUT: return copy_to_guest(mm, at, buf, n);
	case MOVE_TAKE: return copy_from_guest(mm, buf, at, n);
	case MOVE_ZERO: return zero_guest(mm, at, n);
	}
	return n;
}

/* What is put may lie in a mapped file, which its owner may shorten. */
static size_t move_kernel(enum move how, char *at, char *buf, size_t n)
{
	switch (how) {
	case MOVE_PUT: return fixup_copy(at, buf, n);
	case MOVE_TAKE: memcpy(buf, at, n); break;
	case MOVE_ZERO: memset(at, 0, n); break;
	}
	return 0;
}

static size_t uio_move(struct uio *u, enum move how, char *buf, size_t n)
{
	size_t done = 0;

	if (n > u->resid)
		n = u->resid;
	while (done < n) {
		size_t step = seg_left(u), left;
		char *from = buf ? buf + done : NULL;

		step = step < n - done ? step : n - done;
		left = u->mm
			   ? move_guest(u->mm, how, gva_add(uio_segs(u)->base, u->skip), from, step)
			   : move_kernel(how, u->buf + u->skip, from, step);
		uio_advance(u, step - left);
		done += step - left;
		if (left)
			break;
	}
	return done;
}

size_t uio_put(struct uio *u, const void *src, size_t n)
{
	return uio_move(u, MOVE_PUT, (char *)(uintptr_t)src, n);
}

size_t uio_take(struct uio *u, void *dst, size_t n)
{
	return uio_move(u, MOVE_TAKE, dst, n);
}

size_t uio_zero(struct uio *u, size_t n)
{
	return uio_move(u, MOVE_ZERO, NULL, n);
}

int uio_pin(struct uio *u, bool write_to_buffers, struct iovec *iov, int max, size_t *len)
{
	*len = 0;
	if (u->mm)
		mm_access_begin(u->mm);
	if (u->resid == 0)
		return 0;
	if (!u->mm) {
		iov[0] = (struct iovec){ u->buf + u->skip, u->resid };
		*len = u->resid;
		return 1;
	}
	return mm_access_segs(u->mm, uio_segs(u), u->skip, u->resid, write_to_buffers, iov, max,
			      len);
}

void uio_unpin(struct uio *u)
{
	if (u->mm)
		mm_access_end(u->mm);
}

size_t uio_front(struct uio *u, bool write_to_buffers, size_t n)
{
	struct iovec iov[8];
	size_t len = 0;
	int pieces = uio_pin(u, write_to_buffers, iov, 8, &len);

	uio_unpin(u);
	if (pieces <= 0)
		return 0;
	return len < n ? len : n;
}
