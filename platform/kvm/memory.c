/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Guest-physical memory of a machine: control memory with its page tables, the memory slots of
 * physmem, and how translations are dropped.
 *
 * KVM learns nothing of what we write into page tables. An entry that becomes present is found by
 * the next fault; one that changed stays in TLBs, and under shadow paging in KVM's shadow tables as
 * well. What ends both, for all vCPUs and before the call returns, is that the *data page* leaves
 * the host's page table: KVM must then (MMU notifier) remove every translation that leads to it.
 * Guest memory is all MAP_SHARED, so MADV_DONTNEED does that and loses nothing.
 *
 * Shadow tables are also cached by the guest-physical address of the table they shadow. A freed
 * page table is therefore used again only after drop_all_locked, which makes KVM forget all of
 * them.
 */
#include "platform/kvm/kvm.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#ifndef MADV_DONTNEED_LOCKED
#define MADV_DONTNEED_LOCKED 24
#endif

#define CONTROL_STEP (2UL << 20)  /* first slot of control memory; the others double it */
#define SLOT_MIN     (32UL << 20) /* the same for physmem, up to SLOT_MAX */
#define SLOT_MAX     (1UL << 30)

/* Slot numbers. */
#define SLOT_CONTROL 0
#define SLOT_DUMMY   31
#define SLOT_PHYSMEM 32

/* Larger ranges than this are not warmed: they may be meant to stay mostly untouched. */
#define WARM_MAX (4UL << 20)

/* Where drop_all_locked puts its dummy. */
#define DUMMY_GPA CONTROL_MEMORY_SIZE

/* A freed table costs 4 KiB until all translations of the machine are dropped, which costs every
 * running guest thread its warm translations. */
#define STALE_TABLES_MAX 2048

static int slot_set(struct kvm_machine *m, unsigned slot, uint64_t gpa, const void *hva,
		    uint64_t size)
{
	struct kvm_userspace_memory_region r = {
		.slot = slot,
		.guest_phys_addr = gpa,
		.memory_size = size,
		.userspace_addr = (uintptr_t)hva,
	};

	return ioctl(m->fd, KVM_SET_USER_MEMORY_REGION, &r) < 0 ? -errno : 0;
}

void *control_ptr(const struct kvm_machine *m, uint64_t gpa)
{
	return m->control + gpa;
}

static int control_grow(struct kvm_machine *m)
{
	lock_assert_held(&m->mem_lock);
	uint64_t size = m->control_end ? m->control_end : CONTROL_STEP;
	unsigned slot =
	    m->control_end ? 1 + (unsigned)__builtin_ctzl(m->control_end / CONTROL_STEP) : 0;
	int err;

	if (m->control_end + size > CONTROL_MEMORY_SIZE)
		return -ENOMEM;
	err = slot_set(m, SLOT_CONTROL + slot, m->control_end, m->control + m->control_end, size);
	if (!err)
		m->control_end += size;
	return err;
}

int control_create(struct kvm_machine *m, struct errmsg *errmsg)
{
	int err;

	m->control = mmap(NULL, CONTROL_MEMORY_SIZE, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (m->control == MAP_FAILED) {
		m->control = NULL;
		return errmsg_set(
		    errmsg, ENOMEM,
		    "no room for page tables (is address space, `ulimit -v`, limited?)");
	}
	madvise(m->control, CONTROL_MEMORY_SIZE, MADV_NOHUGEPAGE);
	madvise(m->control, CONTROL_MEMORY_SIZE, MADV_DONTDUMP);
	m->table_next = CONTROL_TABLES;
	mutex_lock(&m->mem_lock);
	err = control_grow(m);
	mutex_unlock(&m->mem_lock);
	if (err)
		return errmsg_set(errmsg, -err, "KVM refuses memory: %s", strerror(-err));
	memcpy(m->control, shim_image, SHIM_SIZE);
	return 0;
}

void control_destroy(struct kvm_machine *m)
{
	if (m->control)
		munmap(m->control, CONTROL_MEMORY_SIZE);
	free(m->slots);
}

void table_list_add(const struct kvm_machine *m, struct table_list *list, uint64_t gpa)
{
	if (list->count++)
		*(uint64_t *)control_ptr(m, list->last) = gpa;
	else
		list->first = gpa;
	list->last = gpa;
}

static void table_list_move(const struct kvm_machine *m, struct table_list *to,
			    struct table_list *from)
{
	if (!from->count)
		return;
	if (to->count)
		*(uint64_t *)control_ptr(m, to->last) = from->first;
	else
		to->first = from->first;
	to->last = from->last;
	to->count += from->count;
	from->count = 0;
}

static uint64_t table_take(struct kvm_machine *m)
{
	lock_assert_held(&m->mem_lock);
	uint64_t gpa = m->free.first;

	if (m->free.count) {
		m->free.first = *(uint64_t *)control_ptr(m, gpa);
		m->free.count--;
		memset(control_ptr(m, gpa), 0, PAGE_SIZE);
		return gpa;
	}
	if (m->table_next == m->control_end && control_grow(m) < 0)
		return 0;
	gpa = m->table_next;
	m->table_next += PAGE_SIZE;
	return gpa;
}

uint64_t table_alloc(struct kvm_machine *m)
{
	uint64_t gpa;

	mutex_lock(&m->mem_lock);
	gpa = table_take(m);
	mutex_unlock(&m->mem_lock);
	return gpa;
}

/* Drops all translations of all vCPUs, and all that KVM knows about page tables: it forgets every
 * shadow when a slot goes, and waits until no vCPU uses them. */
static int drop_all_locked(struct kvm_machine *m)
{
	lock_assert_held(&m->mem_lock);
	int err = slot_set(m, SLOT_DUMMY, DUMMY_GPA, m->control, PAGE_SIZE);

	if (!err)
		err = slot_set(m, SLOT_DUMMY, DUMMY_GPA, m->control, 0);
	if (!err)
		table_list_move(m, &m->free, &m->stale);
	return err;
}

void tables_free(struct kvm_machine *m, struct table_list *list)
{
	mutex_lock(&m->mem_lock);
	table_list_move(m, &m->stale, list);
	if (m->stale.count > STALE_TABLES_MAX)
		drop_all_locked(m);
	mutex_unlock(&m->mem_lock);
}

/*
 * Under shadow paging each first touch of a page by a guest costs a fault inside KVM, some 40 us
 * where KVM is nested. KVM maps up to eight neighbours with it, if the host has them mapped,
 * writable.
 */
static void host_map(const struct kvm_machine *m, void *hva, uint64_t len, int advice)
{
	uint64_t off = (uint64_t)((char *)hva - (char *)physmem_base(m->pm));

	if (!m->host->tdp && len <= WARM_MAX && off < physmem_arena_size(m->pm))
		/* only speed depends on it; kernels before 5.14 lack it */
		madvise(hva, len, advice);
}

void memory_warm(struct kvm_machine *m, void *hva, uint64_t len)
{
	host_map(m, hva, len, MADV_POPULATE_WRITE);
}

int translations_drop(struct kvm_machine *m, uint64_t gpa, uint64_t len, bool again)
{
	char *hva = (char *)physmem_base(m->pm) + (gpa - PHYSMEM_GPA);

	if (madvise(hva, len, MADV_DONTNEED) < 0 && madvise(hva, len, MADV_DONTNEED_LOCKED) < 0) {
		mutex_lock(&m->mem_lock);
		int err = drop_all_locked(m);
		mutex_unlock(&m->mem_lock);
		return err;
	}
	if (again)
		host_map(m, hva, len, MADV_POPULATE_READ);
	return 0;
}

/* The slot of an offset in the arena or the window: 32 MiB, 32, 64, ... 512 MiB, then 1 GiB each. A
 * slot costs KVM memory and time by its size, and there are not enough of them for small ones
 * everywhere. */
static unsigned slot_index(uint64_t off, uint64_t *start, uint64_t *size)
{
	unsigned doublings;

	if (off >= SLOT_MAX) {
		*start = off & ~(SLOT_MAX - 1);
		*size = SLOT_MAX;
		return 5 + (unsigned)(off / SLOT_MAX);
	}
	if (off < SLOT_MIN) {
		*start = 0;
		*size = SLOT_MIN;
		return 0;
	}
	doublings = 63 - (unsigned)__builtin_clzl(off / SLOT_MIN);
	*start = *size = SLOT_MIN << doublings;
	return 1 + doublings;
}

_Static_assert(SLOT_MIN << 5 == SLOT_MAX, "slot_index");

static int slot_ensure(struct kvm_machine *m, unsigned slot, uint64_t start, uint64_t size)
{
	_Atomic uint64_t *word = &m->slots[slot / 64];
	uint64_t bit = 1UL << slot % 64;
	int err = 0;

	if (atomic_load(word) & bit)
		return 0;
	mutex_lock(&m->mem_lock);
	if (!(atomic_load(word) & bit))
		err = slot_set(m, SLOT_PHYSMEM + slot, PHYSMEM_GPA + start,
			       (char *)physmem_base(m->pm) + start, size);
	if (!err)
		atomic_fetch_or(word, bit);
	mutex_unlock(&m->mem_lock);
	return err;
}

/* The number of slots before the window's. */
static unsigned arena_slots(const struct kvm_machine *m)
{
	uint64_t start, size;
	return slot_index(physmem_arena_size(m->pm), &start, &size);
}

int physmem_gpa(struct kvm_machine *m, const void *hva, uint64_t len, uint64_t *gpa)
{
	uint64_t off = (uint64_t)((const char *)hva - (const char *)physmem_base(m->pm));
	uint64_t arena = physmem_arena_size(m->pm);
	uint64_t region = off >= arena ? arena : 0;
	unsigned first = region ? arena_slots(m) : 0;
	uint64_t start, size;

	*gpa = PHYSMEM_GPA + off;
	for (uint64_t at = off; at < off + len; at = region + start + size) {
		unsigned slot = first + slot_index(at - region, &start, &size);
		int err = slot_ensure(m, slot, region + start, size);
		if (err)
			return err;
	}
	return 0;
}
