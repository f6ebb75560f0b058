/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Breakpoints are instructions in the guest's memory, where others who read it see them; the
 * debugger does not. Watchpoints are the CPU's; where it has none left for one that is about
 * writes, what is watched is compared after each step of a thread.
 */
#include "debug/points.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "arch/gdbregs.h"
#include "debug/target.h"
#include "mm/access.h"
#include "mm/mm.h"
#include "util/minmax.h"

#define BREAK_BYTES_MAX 4
#define BREAKS_MAX      65536 /* of a space */
#define WATCHES_MAX     64
#define WATCH_LEN_MAX   4096

struct breakpoint {
	struct list node;
	uint64_t addr;
	unsigned char was[BREAK_BYTES_MAX];
};

struct watch {
	struct list node;
	uint64_t addr, len;
	uint8_t kind;       /* HW_BREAK_* */
	bool stepped;       /* the CPU does not do it */
	unsigned char *was; /* then; behind it */
};

struct points *points_new(struct mm *mm)
{
	struct points *s = calloc(1, sizeof *s);

	if (!s)
		return NULL;
	s->mm = mm_get(mm);
	s->refs = 1;
	list_init(&s->breakpoints);
	list_init(&s->watches);
	return s;
}

struct points *points_get(struct points *s)
{
	s->refs++;
	return s;
}

static void drop_all(struct points *s, bool restore)
{
	struct breakpoint *b, *next_b;
	struct watch *w, *next_w;
	size_t size;
	unsigned behind;

	(void)gdb_breakpoint(&size, &behind);
	list_for_each_safe (b, next_b, &s->breakpoints, node) {
		if (restore)
			(void)poke_guest(s->mm, GVA(b->addr), b->was, size);
		list_del(&b->node);
		free(b);
	}
	list_for_each_safe (w, next_w, &s->watches, node) {
		list_del(&w->node);
		free(w);
	}
	s->changes++;
}

void points_clear(struct points *s)
{
	drop_all(s, true);
}

void points_put(struct points *s)
{
	if (!s || --s->refs)
		return;
	drop_all(s, false);
	mm_put(s->mm);
	free(s);
}

int points_copy_breakpoints(struct points *to, const struct points *from)
{
	const struct breakpoint *b;

	list_for_each (b, &from->breakpoints, node) {
		struct breakpoint *copy = malloc(sizeof *copy);
		if (!copy)
			return -ENOMEM;
		*copy = *b;
		list_add(&to->breakpoints, &copy->node);
	}
	return 0;
}

static struct breakpoint *find_break(const struct points *s, uint64_t addr)
{
	struct breakpoint *b;

	list_for_each (b, &s->breakpoints, node) {
		if (b->addr == addr)
			return b;
	}
	return NULL;
}

bool points_has_breakpoint(const struct points *s, uint64_t addr)
{
	return find_break(s, addr) != NULL;
}

int points_break(struct points *s, uint64_t addr, bool insert)
{
	size_t size, n = 0;
	unsigned behind;
	const unsigned char *code = gdb_breakpoint(&size, &behind);
	struct breakpoint *b = find_break(s, addr), *each;

	if (!b == !insert)
		return 0;
	if (!insert) {
		(void)poke_guest(s->mm, GVA(addr), b->was, size);
		list_del(&b->node);
		free(b);
		return 0;
	}
	list_for_each (each, &s->breakpoints, node)
		n++;
	b = n < BREAKS_MAX ? calloc(1, sizeof *b) : NULL;
	if (!b)
		return -ENOMEM;
	b->addr = addr;
	if (points_read(s, addr, b->was, size) != size ||
	    poke_guest(s->mm, GVA(addr), code, size)) {
		free(b);
		return -EFAULT;
	}
	list_add(&s->breakpoints, &b->node);
	return 0;
}

/* Where the breakpoint lies in [addr, addr + n): *at in the buffer, *from in the breakpoint. Bytes,
 * 0: it does not. */
static size_t overlap(const struct breakpoint *b, uint64_t addr, size_t n, size_t *at, size_t *from)
{
	size_t size;
	unsigned behind;

	(void)gdb_breakpoint(&size, &behind);
	uint64_t start = max64(b->addr, addr), end = min64(b->addr + size, addr + n);
	*at = start - addr;
	*from = start - b->addr;
	return start < end ? end - start : 0;
}

size_t points_read(struct points *s, uint64_t addr, void *buf, size_t n)
{
	struct breakpoint *b;
	size_t at, from;

	n -= peek_guest(s->mm, buf, GVA(addr), n);
	list_for_each (b, &s->breakpoints, node) {
		size_t hidden = overlap(b, addr, n, &at, &from);
		if (hidden)
			memcpy((char *)buf + at, b->was + from, hidden);
	}
	return n;
}

/* What is written beneath a breakpoint is there when that goes. */
size_t points_write(struct points *s, uint64_t addr, const void *buf, size_t n)
{
	size_t size, at, from;
	unsigned behind;
	const unsigned char *code = gdb_breakpoint(&size, &behind);
	struct breakpoint *b;

	n -= poke_guest(s->mm, GVA(addr), buf, n);
	list_for_each (b, &s->breakpoints, node) {
		size_t hidden = overlap(b, addr, n, &at, &from);
		if (!hidden)
			continue;
		memcpy(b->was + from, (const char *)buf + at, hidden);
		(void)poke_guest(s->mm, GVA(b->addr), code, size);
	}
	return n;
}

/* ---- watchpoints, and breakpoints of the CPU's ---- */

#define HARDWARE_MAX 8 /* bytes that one of them can watch */

/* The aligned pieces of it. False: the CPU has not so many. */
static bool place(const struct watch *w, struct hw_break list[HW_BREAKS], unsigned *n)
{
	uint64_t at = w->addr, end = w->addr + w->len;
	uint8_t size;

	for (; at < end; at += size) {
		for (size = HARDWARE_MAX; at % size || size > end - at;)
			size /= 2;
		if (*n == HW_BREAKS)
			return false;
		list[(*n)++] = (struct hw_break){ at, w->kind, size };
	}
	return true;
}

static bool place_all(const struct points *s, struct hw_break list[HW_BREAKS])
{
	const struct watch *w;
	unsigned n = 0;

	memset(list, 0, HW_BREAKS * sizeof *list);
	list_for_each (w, &s->watches, node) {
		if (!w->stepped && !place(w, list, &n))
			return false;
	}
	return true;
}

void points_hardware(const struct points *s, struct hw_break list[HW_BREAKS])
{
	(void)place_all(s, list);
}

bool points_hit(const struct points *s, unsigned hit, struct hw_break *out)
{
	struct hw_break list[HW_BREAKS];

	points_hardware(s, list);
	for (unsigned i = 0; i < HW_BREAKS; i++) {
		if (!(hit >> i & 1) || list[i].kind == HW_BREAK_NONE)
			continue;
		*out = list[i];
		return true;
	}
	return false;
}

static struct watch *find_watch(const struct points *s, uint8_t kind, uint64_t addr, uint64_t len)
{
	struct watch *w;

	list_for_each (w, &s->watches, node) {
		if (w->kind == kind && w->addr == addr && w->len == len)
			return w;
	}
	return NULL;
}

bool points_has_watch(const struct points *s, uint64_t addr)
{
	const struct watch *w;

	list_for_each (w, &s->watches, node) {
		if (addr - w->addr < w->len)
			return true;
	}
	return false;
}

static void remove_watch(struct points *s, struct watch *w)
{
	list_del(&w->node);
	free(w);
	s->changes++;
}

int points_watch(struct points *s, uint8_t kind, uint64_t addr, uint64_t len, bool insert)
{
	struct watch *w = find_watch(s, kind, addr, len);
	struct hw_break list[HW_BREAKS];
	struct list *each;
	size_t n = 0;

	if (!len || len > WATCH_LEN_MAX || addr + len < addr)
		return -EINVAL;
	if (!w == !insert)
		return 0;
	if (!insert) {
		remove_watch(s, w);
		return 0;
	}
	for (each = s->watches.next; each != &s->watches; each = each->next)
		n++;
	w = n < WATCHES_MAX ? malloc(sizeof *w + len) : NULL;
	if (!w)
		return -ENOMEM;
	*w = (struct watch){ .addr = addr, .len = len, .kind = kind };
	w->was = (unsigned char *)(w + 1);
	list_add_tail(&s->watches, &w->node);
	s->changes++;
	return place_all(s, list) ? 0 : points_step_for(s, kind, addr, len);
}

int points_step_for(struct points *s, uint8_t kind, uint64_t addr, uint64_t len)
{
	struct watch *w = find_watch(s, kind, addr, len);

	if (w && kind == HW_BREAK_WRITE && !peek_guest(s->mm, w->was, GVA(addr), len)) {
		w->stepped = true;
		s->changes++;
		return 0;
	}
	if (w)
		remove_watch(s, w);
	return kind == HW_BREAK_WRITE ? -EFAULT : -ENOSPC;
}

bool points_is_watched(const struct points *s)
{
	const struct watch *w;

	list_for_each (w, &s->watches, node) {
		if (w->stepped)
			return true;
	}
	return false;
}

bool points_watch_changed(struct points *s, uint64_t *addr)
{
	unsigned char now[WATCH_LEN_MAX];
	struct watch *w;

	list_for_each (w, &s->watches, node) {
		if (!w->stepped || peek_guest(s->mm, now, GVA(w->addr), w->len) ||
		    !memcmp(now, w->was, w->len))
			continue;
		memcpy(w->was, now, w->len);
		*addr = w->addr;
		return true;
	}
	return false;
}
