/* SPDX-License-Identifier: Apache-2.0 */
/* Creates and destroys address spaces and counts the references to them. There are two counts, as
 * in Linux: users of the mappings, and holders of the structure alone. */
#include "mm/mm.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "host/hostfile.h"
#include "mm/backing.h"
#include "mm/forecast.h"
#include "mm/fork.h"
#include "mm/vma.h"

/* Where mappings go when nobody says: below room for a stack. The loader sets it from the stack
 * limit and at random. */
#define MMAP_GAP_DEFAULT (1UL << 30)

uint64_t mm_overcommit_max(void)
{
	struct sysinfo si;
	char mode[2];

	hostfile_read("/proc/sys/vm/overcommit_memory", mode, sizeof mode);
	if (mode[0] == '1' || sysinfo(&si) < 0)
		return UINT64_MAX;
	return (si.totalram + si.totalswap) * (uint64_t)si.mem_unit;
}

int mm_create(struct mm_host *h, struct mm **out)
{
	struct mm *mm = calloc(1, sizeof *mm);
	int err;

	if (!mm)
		return -ENOMEM;
	err = h->platform->space_create(h->machine, &mm->space);
	if (err) {
		free(mm);
		return err;
	}
	ref_set(&mm->refs, 1);
	ref_set(&mm->pins, 1);
	mm->host = h;
	h->counts.spaces++;
	rwlock_init(&mm->lock, LOCK_MM);
	vma_tree_init(mm);
	mm->mmap_base = gva_sub(mm_end(mm), MMAP_GAP_DEFAULT);
	mm->limit_as = mm->limit_data = mm->limit_stack = mm->limit_memlock = UINT64_MAX;
	*out = mm;
	return 0;
}

struct mm *mm_get(struct mm *mm)
{
	ref_get(&mm->refs);
	return mm;
}

bool mm_tryget(struct mm *mm)
{
	return ref_tryget(&mm->refs);
}

/* The space goes first: no page may be given away while it can be reached. */
static void mm_destroy(struct mm *mm)
{
	struct vma *v;

	mm->host->platform->space_destroy(mm->space);
	rwlock_wrlock(&mm->lock); /* nobody waits for it; but so all may count on it */
	backing_drop(mm, GVA_NULL, GVA_MAX);
	while ((v = vma_first(mm)))
		vma_delete(mm, v);
	rwlock_unlock(&mm->lock);
	fork_pages_put(mm->fork_pages);
	fork_pages_put(mm->parent_fork_pages);
	forecast_put(mm->forecast);
	mm_unpin(mm);
}

struct mm *mm_pin(struct mm *mm)
{
	ref_get(&mm->pins);
	return mm;
}

void mm_unpin(struct mm *mm)
{
	if (!ref_put(&mm->pins))
		return;
	rwlock_destroy(&mm->lock);
	mm->host->counts.spaces--;
	if (mm->dying)
		mm->host->counts.dying--;
	free(mm);
}

void mm_put(struct mm *mm)
{
	if (mm && ref_put(&mm->refs))
		mm_destroy(mm);
}
