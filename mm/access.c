/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every access works on spans: stretches of one vma and one backing, hence of contiguous host
 * memory, whose rights allow the access now. Where there is none, the fault a guest access would
 * have caused is taken, and we look again.
 */
#include "mm/access.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "host/fixup.h"
#include "mm/backing.h"
#include "mm/fault.h"
#include "mm/vma.h"
#include "util/minmax.h"

/* A gather starts again after each fault; a guest that takes its pages away as fast as that gets a
 * short result. */
#define GATHER_TRIES 4096

struct span {
	void *host;
	size_t len;
};

enum span_state { SPAN_OK, SPAN_FAULT, SPAN_BAD };

/* The span at `addr`, at most `n` bytes. */
static enum span_state span_at(struct mm *mm, gva_t addr, size_t n, unsigned access, bool force,
			       struct span *out)
{
	lock_assert_held(&mm->lock);
	struct vma *v = vma_at(mm, addr);
	struct backing *b;

	if (!v || !(force ? vma_allows_force(v, access) : vma_allows(v, access)))
		return SPAN_FAULT;
	b = backing_at(mm, addr);
	if (!b || (access == GUEST_WRITE && b->cow))
		return SPAN_FAULT;
	out->len = min64(gva_diff(gva_min(v->end, b->end), addr), n);
	out->host = memfile_ptr(b->mf, backing_off(b, addr), out->len);
	return out->host ? SPAN_OK : SPAN_BAD;
}

/* mm->lock, held for reading, is let go meanwhile. */
static bool fault_in(struct mm *mm, gva_t addr, unsigned access, bool force)
{
	lock_assert_held(&mm->lock);
	int code, r;

	rwlock_unlock(&mm->lock);
	rwlock_wrlock(&mm->lock);
	r = mm_fault_locked(mm, addr, access, force, &code);
	rwlock_unlock(&mm->lock);
	rwlock_rdlock(&mm->lock);
	return r == 0;
}

/* The span at `addr`, faulted in. */
static bool span_get(struct mm *mm, gva_t addr, size_t n, unsigned access, bool force,
		     struct span *out)
{
	enum span_state s;

	while ((s = span_at(mm, addr, n, access, force, out)) == SPAN_FAULT) {
		if (!fault_in(mm, addr, access, force))
			return false;
	}
	return s == SPAN_OK;
}

/* Moves bytes between host memory and `buf`; returns how many were not moved. */
typedef size_t move_fn(void *host, char *buf, size_t n);

static size_t move_from(void *host, char *buf, size_t n)
{
	return fixup_copy(buf, host, n);
}

static size_t move_to(void *host, char *buf, size_t n)
{
	return fixup_copy(host, buf, n);
}

static size_t move_zero(void *host, char *buf, size_t n)
{
	return fixup_zero(host, n);
}

static inline size_t transfer(struct mm *mm, gva_t addr, char *buf, size_t n, unsigned access,
			      bool force, move_fn *move)
{
	struct span s;

	if (!gva_range_ok(addr, n))
		return n;
	rwlock_rdlock(&mm->lock);
	while (n > 0 && span_get(mm, addr, n, access, force, &s)) {
		size_t left = move(s.host, buf, s.len), done = s.len - left;

		addr = gva_add(addr, done);
		buf = buf ? buf + done : NULL;
		n -= done;
		if (left)
			break;
	}
	rwlock_unlock(&mm->lock);
	return n;
}

size_t copy_from_guest(struct mm *mm, void *dst, gva_t src, size_t n)
{
	return transfer(mm, src, dst, n, GUEST_READ, false, move_from);
}

size_t peek_guest(struct mm *mm, void *dst, gva_t src, size_t n)
{
	return transfer(mm, src, dst, n, GUEST_READ, true, move_from);
}

size_t copy_to_guest(struct mm *mm, gva_t dst, const void *src, size_t n)
{
	return transfer(mm, dst, (char *)(uintptr_t)src, n, GUEST_WRITE, false, move_to);
}

size_t zero_guest(struct mm *mm, gva_t dst, size_t n)
{
	return transfer(mm, dst, NULL, n, GUEST_WRITE, false, move_zero);
}

size_t poke_guest(struct mm *mm, gva_t dst, const void *src, size_t n)
{
	return transfer(mm, dst, (char *)(uintptr_t)src, n, GUEST_WRITE, true, move_to);
}

/* Copied first and searched afterwards, in our copy: the guest may change the string meanwhile. */
long copy_string_from_guest(struct mm *mm, char *dst, gva_t src, size_t max)
{
	size_t done = 0, chunk = 128;

	for (; done < max; done += chunk, chunk = 1024) {
		size_t copied;
		char *nul;

		if (chunk > max - done)
			chunk = max - done;
		if (src.v + done >= GUEST_TASK_SIZE)
			return -EFAULT;
		chunk = min64(chunk, GUEST_TASK_SIZE - (src.v + done));
		copied = chunk - copy_from_guest(mm, dst + done, gva_add(src, done), chunk);
		nul = memchr(dst + done, 0, copied);
		if (nul)
			return nul - dst;
		if (copied < chunk)
			return -EFAULT;
	}
	return -ENAMETOOLONG;
}

long dup_string_from_guest(struct mm *mm, char **out, gva_t src, size_t max)
{
	size_t have = 0, size = 64;
	char *buf = NULL;
	long r;

	do {
		size = size * 4 < max ? size * 4 : max;
		char *bigger = realloc(buf, size ? size : 1);
		if (!bigger) {
			free(buf);
			return -ENOMEM;
		}
		buf = bigger;
		r = copy_string_from_guest(mm, buf + have, gva_add(src, have), size - have);
		if (r >= 0) {
			*out = buf;
			return (long)have + r;
		}
		have = size;
	} while (r == -ENAMETOOLONG && size < max);
	free(buf);
	return r;
}

void mm_access_begin(struct mm *mm)
{
	rwlock_rdlock(&mm->lock);
}

void mm_access_end(struct mm *mm)
{
	rwlock_unlock(&mm->lock);
}

struct gather {
	unsigned access;
	struct iovec *iov;
	int max, nr;
	size_t covered;
	gva_t stopped; /* the address that was not accessible */
};

/* True when nothing more can be had: all covered, or all of `iov` used. */
static bool gather(struct mm *mm, struct gather *g, const struct guest_iovec *segs, size_t skip,
		   size_t n)
{
	g->nr = 0;
	g->covered = 0;
	for (; g->covered < n; segs++, skip = 0) {
		gva_t addr = gva_add(segs->base, skip);
		size_t left = min64(segs->len - skip, n - g->covered);

		while (left > 0) {
			struct span s;

			if (g->nr == g->max)
				return true;
			g->stopped = addr;
			if (!gva_range_ok(addr, left) ||
			    span_at(mm, addr, left, g->access, false, &s) != SPAN_OK)
				return false;
			g->iov[g->nr++] = (struct iovec){ s.host, s.len };
			g->covered += s.len;
			addr = gva_add(addr, s.len);
			left -= s.len;
		}
	}
	return true;
}

int mm_access_segs(struct mm *mm, const struct guest_iovec *segs, size_t skip, size_t n, bool write,
		   struct iovec *iov, int max, size_t *covered)
{
	struct gather g = { .access = write ? GUEST_WRITE : GUEST_READ, .iov = iov, .max = max };
	gva_t bad = GVA(GUEST_TASK_SIZE);

	for (int tries = 0; !gather(mm, &g, segs, skip, n) && tries < GATHER_TRIES; tries++) {
		if (gva_eq(g.stopped, bad) || g.stopped.v >= GUEST_TASK_SIZE)
			break;
		if (!fault_in(mm, g.stopped, g.access, false))
			bad = g.stopped;
	}
	*covered = g.covered;
	return g.nr;
}

int mm_futex_key(struct mm *mm, gva_t addr, bool shared, struct futex_key *out)
{
	struct span s;
	struct vma *v;
	int err = 0;

	if (!gva_range_ok(addr, sizeof(uint32_t)))
		return -EFAULT;
	*out = (struct futex_key){ (uintptr_t)mm, addr.v };
	if (!shared)
		return 0;
	rwlock_rdlock(&mm->lock);
	if (!span_get(mm, addr, sizeof(uint32_t), GUEST_READ, false, &s))
		err = -EFAULT;
	v = vma_at(mm, addr);
	if (v && (v->flags & VMA_SHARED))
		*out = (struct futex_key){ (uintptr_t)v->source, vma_offset(v, addr) };
	else
		out->a |= 1; /* never meets the key of a private futex, as in Linux */
	rwlock_unlock(&mm->lock);
	return err;
}

bool mm_futex_place(struct mm *mm, const struct futex_key *key, enum futex_key_kind *kind,
		    gva_t *addr)
{
	bool found = (key->a & ~1UL) == (uintptr_t)mm;

	*addr = GVA(key->b);
	*kind = found && key->a & 1 ? FUTEX_KEY_OWN : FUTEX_KEY_PRIVATE;
	if (found)
		return true;
	*kind = FUTEX_KEY_SHARED;
	rwlock_rdlock(&mm->lock);
	for (const struct vma *v = vma_first(mm); v && !found; v = vma_next(v)) {
		found = v->flags & VMA_SHARED && (uintptr_t)v->source == key->a &&
			key->b >= v->offset && key->b - v->offset < vma_len(v);
		if (found)
			*addr = gva_add(v->start, key->b - v->offset);
	}
	rwlock_unlock(&mm->lock);
	return found;
}

int mm_futex_key_of(struct mm *mm, enum futex_key_kind kind, gva_t addr, struct futex_key *out)
{
	*out = (struct futex_key){ (uintptr_t)mm | (kind == FUTEX_KEY_OWN), addr.v };
	if (kind != FUTEX_KEY_SHARED)
		return 0;
	rwlock_rdlock(&mm->lock);
	const struct vma *v = gva_range_ok(addr, sizeof(uint32_t)) ? vma_at(mm, addr) : NULL;
	bool shared = v && v->flags & VMA_SHARED;
	if (shared)
		*out = (struct futex_key){ (uintptr_t)v->source, vma_offset(v, addr) };
	rwlock_unlock(&mm->lock);
	return shared ? 0 : -EFAULT;
}

static bool word_ok(gva_t addr)
{
	return addr.v % sizeof(uint32_t) == 0 && gva_range_ok(addr, sizeof(uint32_t));
}

/* The word at `addr` if it needs no fault. */
static uint32_t *word_at(struct mm *mm, gva_t addr, unsigned access)
{
	lock_assert_held(&mm->lock);
	struct span s;

	if (!word_ok(addr) || span_at(mm, addr, sizeof(uint32_t), access, false, &s) != SPAN_OK)
		return NULL;
	return s.host;
}

int guest_try_load32(struct mm *mm, gva_t addr, uint32_t *val)
{
	uint32_t *word = word_at(mm, addr, GUEST_READ);

	return word ? fixup_load32(word, val) : -EFAULT;
}

int guest_try_cmpxchg32(struct mm *mm, gva_t addr, uint32_t expect, uint32_t val, uint32_t *old)
{
	uint32_t *word = word_at(mm, addr, GUEST_WRITE);

	return word ? fixup_cmpxchg32(word, expect, val, old) : -EFAULT;
}

int guest_try_atomic32(struct mm *mm, gva_t addr, enum guest_atomic op, uint32_t val, uint32_t *old)
{
	static int (*const ops[])(uint32_t *, uint32_t, uint32_t *) = {
		[GUEST_XCHG] = fixup_xchg32, [GUEST_ADD] = fixup_add32, [GUEST_OR] = fixup_or32,
		[GUEST_AND] = fixup_and32,   [GUEST_XOR] = fixup_xor32,
	};
	uint32_t *word = word_at(mm, addr, GUEST_WRITE);

	return word ? ops[op](word, val, old) : -EFAULT;
}

/* The word at `addr`, faulted in, with mm->lock held for reading when it is not NULL. */
static uint32_t *word_get(struct mm *mm, gva_t addr, unsigned access)
{
	struct span s;

	if (!word_ok(addr))
		return NULL;
	rwlock_rdlock(&mm->lock);
	if (span_get(mm, addr, sizeof(uint32_t), access, false, &s))
		return s.host;
	rwlock_unlock(&mm->lock);
	return NULL;
}

int guest_load32(struct mm *mm, gva_t addr, uint32_t *val)
{
	uint32_t *word = word_get(mm, addr, GUEST_READ);
	int err;

	if (!word)
		return -EFAULT;
	err = fixup_load32(word, val);
	rwlock_unlock(&mm->lock);
	return err;
}

int guest_cmpxchg32(struct mm *mm, gva_t addr, uint32_t expect, uint32_t val, uint32_t *old)
{
	uint32_t *word = word_get(mm, addr, GUEST_WRITE);
	int err;

	if (!word)
		return -EFAULT;
	err = fixup_cmpxchg32(word, expect, val, old);
	rwlock_unlock(&mm->lock);
	return err;
}

/* The word is touched, too: behind a mapped file there may be no page to write to. */
int guest_fault32(struct mm *mm, gva_t addr, bool write)
{
	uint32_t *word = word_get(mm, addr, write ? GUEST_WRITE : GUEST_READ), val;
	int err;

	if (!word)
		return -EFAULT;
	err = write ? fixup_or32(word, 0, &val) : fixup_load32(word, &val);
	rwlock_unlock(&mm->lock);
	return err;
}
