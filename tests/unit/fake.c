/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/fake.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "mm/backing.h"
#include "mm/fault.h"
#include "mm/filecache.h"
#include "mm/map.h"
#include "mm/pagestore.h"
#include "mm/populate.h"
#include "mm/vma.h"

/* A mapped run; runs are sorted, do not overlap, and are joined where they continue each other. */
struct run {
	uint64_t start, end;
	struct memfile *mf;
	uint64_t off;
	unsigned prot;
};

struct space {
	struct world *w;
	struct run *runs;
	size_t n, room;
};

/* ---- the platform ---- */

static int fake_space_create(struct machine *m, struct space **out)
{
	*out = calloc(1, sizeof **out);
	(*out)->w = (struct world *)m;
	(*out)->w->spaces++;
	return 0;
}

static void fake_space_destroy(struct space *s)
{
	s->w->spaces--;
	free(s->runs);
	free(s);
}

/* Index of the first run that ends above `addr`. */
static size_t run_find(const struct space *s, uint64_t addr)
{
	size_t low = 0, high = s->n;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (s->runs[mid].end > addr)
			high = mid;
		else
			low = mid + 1;
	}
	return low;
}

static void run_insert(struct space *s, size_t at, struct run r)
{
	if (s->n == s->room) {
		s->room = s->room ? s->room * 2 : 16;
		s->runs = realloc(s->runs, s->room * sizeof *s->runs);
	}
	memmove(s->runs + at + 1, s->runs + at, (s->n - at) * sizeof *s->runs);
	s->runs[at] = r;
	s->n++;
}

static void run_split(struct space *s, uint64_t addr)
{
	size_t i = run_find(s, addr);
	struct run high;

	if (i == s->n || s->runs[i].start >= addr)
		return;
	high = s->runs[i];
	high.off += addr - high.start;
	high.start = addr;
	s->runs[i].end = addr;
	run_insert(s, i + 1, high);
}

static void run_cut(struct space *s, uint64_t start, uint64_t end)
{
	size_t from, to;

	run_split(s, start);
	run_split(s, end);
	from = run_find(s, start);
	to = run_find(s, end);
	while (to < s->n && s->runs[to].start < end)
		to++;
	if (to > from)
		memmove(s->runs + from, s->runs + to, (s->n - to) * sizeof *s->runs);
	s->n -= to - from;
}

static void check_range(gva_t addr, uint64_t len)
{
	assert_true(len > 0 && !(addr.v & ~PAGE_MASK) && !(len & ~PAGE_MASK));
	assert_true(gva_range_ok(addr, len));
}

static int fake_space_map(struct space *s, gva_t addr, uint64_t len, unsigned prot,
			  struct memfile *mf, uint64_t off)
{
	check_range(addr, len);
	assert_true(!(off & ~PAGE_MASK));
	assert_true(mf->writable || !(prot & GUEST_WRITE));
	s->w->maps++;
	run_cut(s, addr.v, addr.v + len);
	if (s->w->fail_maps) {
		s->w->fail_maps--;
		return s->w->fail_maps_gone ? -EIO : -ENOMEM;
	}
	if (prot)
		run_insert(s, run_find(s, addr.v),
			   (struct run){ addr.v, addr.v + len, mf, off, prot });
	return 0;
}

static int fake_space_unmap(struct space *s, gva_t addr, uint64_t len)
{
	check_range(addr, len);
	s->w->unmaps++;
	run_cut(s, addr.v, addr.v + len);
	return 0;
}

static int fake_space_protect(struct space *s, gva_t addr, uint64_t len, unsigned prot)
{
	check_range(addr, len);
	s->w->protects++;
	if (!prot) {
		run_cut(s, addr.v, addr.v + len);
		return 0;
	}
	run_split(s, addr.v);
	run_split(s, addr.v + len);
	for (size_t i = run_find(s, addr.v); i < s->n && s->runs[i].start < addr.v + len; i++)
		s->runs[i].prot = prot;
	return 0;
}

static const struct platform fake_platform = {
	.name = "fake",
	.space_create = fake_space_create,
	.space_destroy = fake_space_destroy,
	.space_map = fake_space_map,
	.space_unmap = fake_space_unmap,
	.space_protect = fake_space_protect,
};

/* ---- the world ---- */

void world_create(struct world *w)
{
	struct errmsg errmsg = { "" };

	*w = (struct world){ 0 };
	assert_int_equal(physmem_create(8UL << 30, 4UL << 30, &w->pm, &errmsg), 0);
	w->host.platform = &fake_platform;
	w->host.commit_max = w->host.overcommit_max = UINT64_MAX;
	w->host.machine = (struct machine *)w;
	w->host.props = (struct machine_props){ .eager_map_max = 1UL << 20,
						.fault_map_unit = 1UL << 16,
						.cow_copy_pages = 4,
						.user_end = GUEST_TASK_SIZE };
	assert_int_equal(arena_create(w->pm, &w->host.arena), 0);
}

void world_destroy(struct world *w)
{
	filecache_destroy(w->host.filecache);
	assert_int_equal(w->spaces, 0);
	assert_int_equal(arena_used(w->host.arena), 0);
	assert_int_equal(w->host.committed, 0);
	assert_int_equal(w->host.counts.mapped, 0);
	arena_destroy(w->host.arena);
	physmem_destroy(w->pm);
}

void world_keep_copies(struct world *w)
{
	assert_int_equal(filecache_create(w->host.arena, &w->host.filecache), 0);
	w->host.props.copy_files = true;
}

void world_count_reset(struct world *w)
{
	w->maps = w->unmaps = w->protects = w->faults = 0;
}

/* ---- checks ---- */

static void check_page(struct mm *mm, const struct vma *v, const struct backing *b, gva_t addr)
{
	const struct space *s = mm->space;
	size_t i = run_find(s, addr.v);
	bool mapped = i < s->n && s->runs[i].start <= addr.v;

	/* What may be written in place is nobody else's: mm/advise.c counts on it. */
	if (b->owned && !b->cow)
		assert_true(arena_page_exclusive(mm->host->arena, backing_off(b, addr)));

	if (!mm_rights(v, b)) {
		assert_false(mapped);
		return;
	}
	assert_true(mapped);
	assert_ptr_equal(s->runs[i].mf, b->mf);
	assert_int_equal(s->runs[i].off + (addr.v - s->runs[i].start), backing_off(b, addr));
	if (s->runs[i].prot != mm_rights(v, b))
		fail_msg("page %#lx is mapped with rights %u, not %u; backing [%#lx, %#lx) cow %d, "
			 "vma [%#lx, %#lx)",
			 addr.v, s->runs[i].prot, mm_rights(v, b), b->start.v, b->end.v, b->cow,
			 v->start.v, v->end.v);
}

static uint64_t mapped_bytes(const struct space *s)
{
	uint64_t n = 0;

	for (size_t i = 0; i < s->n; i++)
		n += s->runs[i].end - s->runs[i].start;
	return n;
}

/* The counters and the gaps in the tree, counted again. */
static void check_vmas(struct mm *mm)
{
	uint64_t total = 0, locked = 0, data = 0;
	gva_t end = GVA_NULL;
	unsigned n = 0;

	for (struct vma *v = vma_first(mm); v; v = vma_next(v)) {
		gva_t low = vma_low(v);

		assert_true(gva_le(end, v->start) && gva_lt(v->start, v->end));
		assert_int_equal(v->gap, gva_lt(end, low) ? gva_diff(low, end) : 0);
		end = v->end;
		total += vma_len(v);
		locked += v->flags & VMA_LOCKED ? vma_len(v) : 0;
		data += vma_is_data(v->prot, v->flags) ? vma_len(v) : 0;
		n++;
	}
	assert_int_equal(mm->total_bytes, total);
	assert_int_equal(mm->locked_bytes, locked);
	assert_int_equal(mm->data_bytes, data);
	assert_int_equal(mm->nr_vmas, n);
}

void mm_check(struct mm *mm)
{
	uint64_t mapped = 0, backed = 0, resident = 0, in_vmas = 0;

	rwlock_rdlock(&mm->lock);
	check_vmas(mm);
	for (struct backing *b = backing_find(mm, GVA_NULL); b; b = backing_next(b)) {
		backed += backing_len(b);
		resident += b->owned ? backing_len(b) : 0;
	}
	for (struct vma *v = vma_first(mm); v; v = vma_next(v)) {
		backing_for_range (b, mm, v->start, v->end) {
			gva_t from = gva_max(b->start, v->start), to = gva_min(b->end, v->end);

			in_vmas += gva_diff(to, from);
			mapped += mm_rights(v, b) ? gva_diff(to, from) : 0;
			for (gva_t at = from; gva_lt(at, to); at = gva_add(at, PAGE_SIZE))
				check_page(mm, v, b, at);
		}
	}
	assert_int_equal(mapped, mapped_bytes(mm->space));
	assert_int_equal(in_vmas, backed);
	assert_int_equal(resident, mm->resident);
	rwlock_unlock(&mm->lock);
}

struct vma *mm_vma_at(struct mm *mm, uint64_t addr)
{
	rwlock_rdlock(&mm->lock);
	struct vma *v = vma_at(mm, GVA(addr));
	rwlock_unlock(&mm->lock);
	return v;
}

/* ---- the guest ---- */

/* The host memory a guest access reaches, after the faults it takes. */
static int guest_ptr(struct mm *mm, uint64_t addr, unsigned access, char **ptr, int *si_code)
{
	const struct space *s = mm->space;

	for (int tries = 0; tries < 4; tries++) {
		size_t i = run_find(s, addr);
		const struct run *r = &s->runs[i];
		int sig;

		if (i < s->n && r->start <= addr && (r->prot & access)) {
			*ptr = memfile_ptr(r->mf, r->off + (addr - r->start), 1);
			return 0;
		}
		((struct world *)mm->host->machine)->faults++;
		sig = mm_fault(mm, GVA(addr), access, si_code);
		if (sig)
			return sig;
	}
	fail_msg("the fault at %#lx comes again and again", (unsigned long)addr);
	return 0;
}

int guest_read(struct mm *mm, uint64_t addr, void *buf, size_t n, int *si_code)
{
	for (size_t i = 0; i < n; i++) {
		char *p;
		int sig = guest_ptr(mm, addr + i, GUEST_READ, &p, si_code);

		if (sig)
			return sig;
		((char *)buf)[i] = *p;
	}
	return 0;
}

int guest_write(struct mm *mm, uint64_t addr, const void *buf, size_t n, int *si_code)
{
	for (size_t i = 0; i < n; i++) {
		char *p;
		int sig = guest_ptr(mm, addr + i, GUEST_WRITE, &p, si_code);

		if (sig)
			return sig;
		*p = ((const char *)buf)[i];
	}
	return 0;
}

int guest_peek(struct mm *mm, uint64_t addr)
{
	uint8_t val;
	int code;

	return guest_read(mm, addr, &val, 1, &code) ? -1 : val;
}

int guest_poke(struct mm *mm, uint64_t addr, uint8_t val)
{
	int code;

	return guest_write(mm, addr, &val, 1, &code) ? -1 : 0;
}

uint64_t map_anon(struct mm *mm, uint64_t addr, uint64_t len, unsigned prot, unsigned flags)
{
	const struct mmap_args a = {
		.addr = GVA(addr),
		.len = len,
		.prot = prot,
		.flags = MAP_ANONYMOUS | (flags & MAP_TYPE ? flags : flags | MAP_PRIVATE),
	};
	int64_t r = mm_mmap(mm, &a);

	assert_true(r > 0);
	return (uint64_t)r;
}

/* ---- files ---- */

struct file_source {
	struct pagesource ps;
	unsigned refs;
	uint64_t version;
	struct pagestore store;
};

static struct file_source *source_of(struct pagesource *ps)
{
	return container_of(ps, struct file_source, ps);
}

static int source_get(struct pagesource *ps, uint64_t off, uint64_t len, bool write,
		      struct page_run *out)
{
	/* Short runs, so that callers have to ask again. */
	return pagestore_get_run(&source_of(ps)->store, off,
				 len < 3 * PAGE_SIZE ? len : 3 * PAGE_SIZE, false, out);
}

static void source_ref(struct pagesource *ps)
{
	source_of(ps)->refs++;
}

static void source_unref(struct pagesource *ps)
{
	struct file_source *f = source_of(ps);

	if (--f->refs)
		return;
	assert_int_equal(ps->writable_shared, 0);
	pagestore_destroy(&f->store);
	pagesource_destroy(ps);
	free(f);
}

static uint64_t source_size(struct pagesource *ps)
{
	return pagestore_size(&source_of(ps)->store);
}

static uint64_t source_version(struct pagesource *ps)
{
	return source_of(ps)->version;
}

static int source_punch(struct pagesource *ps, uint64_t off, uint64_t len)
{
	pagestore_punch(&source_of(ps)->store, ps, off, len);
	return 0;
}

static const struct pagesource_ops source_ops = {
	.get = source_get,
	.ref = source_ref,
	.unref = source_unref,
	.size = source_size,
	.version = source_version,
	.punch = source_punch,
};

uint8_t file_byte(uint64_t i)
{
	return (uint8_t)(i * 7 + (i >> 12) * 13 + 1);
}

struct pagesource *file_create(struct world *w, uint64_t size)
{
	struct file_source *f = calloc(1, sizeof *f);
	char *buf = malloc(size ? size : 1);
	struct uio u;

	f->refs = 1;
	pagesource_init(&f->ps, &source_ops);
	pagestore_init(&f->store, w->host.arena, NULL);
	for (uint64_t i = 0; i < size; i++)
		buf[i] = (char)file_byte(i);
	uio_init_kernel(&u, buf, size);
	assert_int_equal(pagestore_write(&f->store, &u, 0), size);
	free(buf);
	return &f->ps;
}

void file_truncate(struct pagesource *ps, uint64_t size)
{
	pagestore_truncate(&source_of(ps)->store, ps, size);
}

void file_set_version(struct pagesource *ps, uint64_t version)
{
	source_of(ps)->version = version;
}

void file_put_byte(struct pagesource *ps, uint64_t pos, uint8_t byte)
{
	struct uio u;

	uio_init_kernel(&u, &byte, 1);
	assert_int_equal(pagestore_write(&source_of(ps)->store, &u, pos), 1);
}
