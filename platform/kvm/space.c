/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Page tables. Entries have their accessed and dirty bits set from the start, so neither the CPU
 * nor KVM writes them. Tables of a live space are only ever added: an entry of the upper three
 * levels never changes once it is present.
 */
#include "platform/kvm/kvm.h"

#include <errno.h>
#include <stdlib.h>

#include "host/fixup.h"

#define PTE_P    (1UL << 0)
#define PTE_W    (1UL << 1)
#define PTE_U    (1UL << 2)
#define PTE_A    (1UL << 5)
#define PTE_D    (1UL << 6)
#define PTE_NX   (1UL << 63)
#define PTE_ADDR 0x000ffffffffff000UL

#define TABLE_ENTRIES 512
#define LEAF_SPAN     (TABLE_ENTRIES * PAGE_SIZE)

/* Data pages whose translations have to go, as one run of guest-physical addresses. */
struct run {
	struct kvm_machine *m;
	bool again; /* they stay mapped, with other rights */
	uint64_t start, end;
	int err;
};

static void run_drop(struct run *r)
{
	int err =
	    r->end > r->start ? translations_drop(r->m, r->start, r->end - r->start, r->again) : 0;

	if (err)
		r->err = -EIO;
	r->start = r->end = 0;
}

static void run_add(struct run *r, uint64_t gpa)
{
	if (r->end != gpa || r->start == r->end) {
		run_drop(r);
		r->start = gpa;
	}
	r->end = gpa + PAGE_SIZE;
}

static int run_finish(struct run *r)
{
	run_drop(r);
	return r->err;
}

static uint64_t entry_load(const uint64_t *e)
{
	return __atomic_load_n(e, __ATOMIC_ACQUIRE);
}

static void entry_store(uint64_t *e, uint64_t v)
{
	__atomic_store_n(e, v, __ATOMIC_RELEASE);
}

static unsigned table_index(uint64_t addr, unsigned level)
{
	return addr >> (PAGE_SHIFT + 9 * level) & (TABLE_ENTRIES - 1);
}

/* The page table (level 0) of `addr` under `root`. NULL: none and not to be made, or no memory. */
static uint64_t *leaf_table(struct kvm_machine *m, uint64_t root, uint64_t addr, bool make)
{
	uint64_t *table = control_ptr(m, root);

	for (unsigned level = 3; level > 0; level--) {
		uint64_t *e = &table[table_index(addr, level)];
		if (!(entry_load(e) & PTE_P)) {
			uint64_t gpa = make ? table_alloc(m) : 0;
			if (!gpa)
				return NULL;
			/* rights are the leaf's business */
			entry_store(e, gpa | PTE_P | PTE_W | PTE_U | PTE_A);
		}
		table = control_ptr(m, entry_load(e) & PTE_ADDR);
	}
	return table;
}

static uint64_t prot_bits(unsigned prot)
{
	return PTE_P | PTE_U | PTE_A | PTE_D | (prot & GUEST_WRITE ? PTE_W : 0) |
	       (prot & GUEST_EXEC ? 0 : PTE_NX);
}

/* Could a CPU that still uses `old` do what `now` does not mean? More rights for the same page: no;
 * it would fault, and find `now`. */
static bool entry_outlives(uint64_t old, uint64_t now)
{
	if (!(old & PTE_P))
		return false;
	if (!(now & PTE_P) || ((old ^ now) & PTE_ADDR))
		return true;
	return (old & ~now & PTE_W) || (~old & now & PTE_NX);
}

static void entry_replace(struct run *r, uint64_t *e, uint64_t now)
{
	uint64_t old = entry_load(e);

	if (old == now)
		return;
	entry_store(e, now);
	if (entry_outlives(old, now))
		run_add(r, old & PTE_ADDR);
}

static uint64_t span_end(uint64_t addr, uint64_t end)
{
	uint64_t next = (addr & ~(LEAF_SPAN - 1)) + LEAF_SPAN;
	return next < end ? next : end;
}

/* Makes all tables of a range, so that what comes after cannot fail. */
static int tables_make(struct kvm_space *s, uint64_t addr, uint64_t end)
{
	for (; addr < end; addr = span_end(addr, end))
		if (!leaf_table(s->m, s->root, addr, true))
			return -ENOMEM;
	return 0;
}

static bool range_bad(gva_t addr, uint64_t len)
{
	return !gva_range_ok(addr, len) || (addr.v | len) & ~PAGE_MASK;
}

int kvm_space_map(struct space *space, gva_t addr, uint64_t len, unsigned prot, struct memfile *mf,
		  uint64_t off)
{
	struct kvm_space *s = to_kvm_space(space);
	struct run r = { .m = s->m };
	uint64_t end = addr.v + len, gpa;
	void *hva;
	int err;

	if (!prot)
		return kvm_space_unmap(space, addr, len);
	if (range_bad(addr, len) || off & ~PAGE_MASK || off + len < off)
		return -EINVAL;
	if (prot & GUEST_WRITE && !mf->writable)
		return -EACCES;
	hva = memfile_ptr(mf, off, len);
	err = hva ? physmem_gpa(s->m, hva, len, &gpa) : -ENOMEM;
	if (!err)
		err = tables_make(s, addr.v, end);
	if (err) {
		int r2 = kvm_space_unmap(space, addr, len);
		return r2 ? r2 : err;
	}
	if (prot & GUEST_WRITE)
		memory_warm(s->m, hva, len);
	for (uint64_t at = addr.v; at < end;) {
		uint64_t *table = leaf_table(s->m, s->root, at, false);
		for (uint64_t stop = span_end(at, end); at < stop;
		     at += PAGE_SIZE, gpa += PAGE_SIZE)
			entry_replace(&r, &table[table_index(at, 0)], gpa | prot_bits(prot));
	}
	return run_finish(&r);
}

/* First address behind the largest aligned block around `addr` that has no table. */
static uint64_t hole_end(const struct kvm_space *s, uint64_t addr)
{
	const uint64_t *table = control_ptr(s->m, s->root);

	for (unsigned level = 3; level > 0; level--) {
		uint64_t e = entry_load(&table[table_index(addr, level)]);
		uint64_t span = PAGE_SIZE << (9 * level);
		if (!(e & PTE_P))
			return (addr & ~(span - 1)) + span;
		table = control_ptr(s->m, e & PTE_ADDR);
	}
	return addr;
}

/* Unmap, or new rights for what is mapped. */
static int range_change(struct kvm_space *s, gva_t addr, uint64_t len, unsigned prot)
{
	struct run r = { .m = s->m, .again = prot != 0 };
	uint64_t end = addr.v + len, at = addr.v;

	if (range_bad(addr, len))
		return -EINVAL;
	while (at < end) {
		uint64_t *table = leaf_table(s->m, s->root, at, false);
		if (!table) {
			at = hole_end(s, at);
			continue;
		}
		for (uint64_t stop = span_end(at, end); at < stop; at += PAGE_SIZE) {
			uint64_t *e = &table[table_index(at, 0)];
			uint64_t old = entry_load(e);
			if (old & PTE_P)
				entry_replace(&r, e, prot ? (old & PTE_ADDR) | prot_bits(prot) : 0);
		}
	}
	return run_finish(&r);
}

int kvm_space_unmap(struct space *space, gva_t addr, uint64_t len)
{
	struct kvm_space *s = to_kvm_space(space);
	return range_change(s, addr, len, 0);
}

int kvm_space_protect(struct space *space, gva_t addr, uint64_t len, unsigned prot)
{
	struct kvm_space *s = to_kvm_space(space);
	return range_change(s, addr, len, prot);
}

static uint64_t leaf_entry(const struct kvm_space *s, uint64_t addr)
{
	const uint64_t *table =
	    addr < GUEST_TASK_SIZE ? leaf_table(s->m, s->root, addr, false) : NULL;
	return table ? entry_load(&table[table_index(addr, 0)]) : 0;
}

bool kvm_space_allows(const struct kvm_space *s, uint64_t addr, unsigned access)
{
	uint64_t e = leaf_entry(s, addr);

	if (!(e & PTE_P))
		return false;
	return !(access & GUEST_WRITE && !(e & PTE_W)) && !(access & GUEST_EXEC && e & PTE_NX);
}

bool kvm_space_peek(const struct kvm_space *s, uint64_t addr, uint8_t *out)
{
	uint64_t e = leaf_entry(s, addr);
	const char *page = (const char *)physmem_base(s->m->pm) + ((e & PTE_ADDR) - PHYSMEM_GPA);

	return e & PTE_P && fixup_copy(out, page + (addr & ~PAGE_MASK), 1) == 0;
}

int shim_map(struct kvm_machine *m)
{
	uint64_t pages = CONTROL_TABLES / PAGE_SIZE;
	uint64_t *leaf;

	m->shim_root = table_alloc(m);
	leaf = m->shim_root ? leaf_table(m, m->shim_root, SHIM_BASE, true) : NULL;

	if (!leaf)
		return -ENOMEM;
	_Static_assert(CONTROL_TABLES <= LEAF_SPAN, "the shim has one page table");
	leaf[0] = PTE_P | PTE_A | PTE_D;
	for (uint64_t i = 1; i < pages; i++)
		leaf[i] = i * PAGE_SIZE | PTE_P | PTE_A | PTE_D | PTE_W | PTE_NX;
	return 0;
}

int kvm_space_create(struct machine *machine, struct space **out)
{
	struct kvm_machine *m = to_kvm_machine(machine);
	struct kvm_space *s = malloc(sizeof *s);
	unsigned shim = table_index(SHIM_BASE, 3);

	if (!s)
		return -ENOMEM;
	s->m = m;
	s->root = table_alloc(m);
	if (!s->root) {
		free(s);
		return -ENOMEM;
	}
	((uint64_t *)control_ptr(m, s->root))[shim] =
	    ((uint64_t *)control_ptr(m, m->shim_root))[shim];
	*out = (struct space *)s;
	return 0;
}

/* Collects a table and all user tables below it. */
static void tables_collect(struct kvm_machine *m, uint64_t table, unsigned level,
			   struct table_list *list)
{
	const uint64_t *entries = control_ptr(m, table);
	unsigned count = level == 3 ? TABLE_ENTRIES / 2 : TABLE_ENTRIES;

	for (unsigned i = 0; level > 0 && i < count; i++)
		if (entries[i] & PTE_P)
			tables_collect(m, entries[i] & PTE_ADDR, level - 1, list);
	table_list_add(m, list, table);
}

void kvm_space_destroy(struct space *space)
{
	struct kvm_space *s = to_kvm_space(space);
	struct table_list list = { 0 };

	tables_collect(s->m, s->root, 3, &list);
	tables_free(s->m, &list);
	free(s);
}
