/* SPDX-License-Identifier: Apache-2.0 */
/* What loading and resetting a vma have in common. */
#include "fs/ramfs/save.h"
#include "mm/forecast.h"
#include "mm/pagestore_save.h"
#include "mm/populate.h"
#include "mm/shmem.h"
#include "mm/vma.h"
#include "snapshot/memory.h"

int memory_attach_object(struct loader *l, struct vma *v, uint64_t n)
{
	bool in_file = loaded_kind(l, n) == &ramfs_inode_saved;
	void *object;
	int err = loaded_object(l, n, in_file ? &ramfs_inode_saved : &shmem_saved, &object);

	if (err || !object)
		return err ? err : loader_damaged(l, "shared memory of nothing");
	v->source = in_file ? ramfs_source_of(object) : object;
	if (!v->source)
		return loader_damaged(l, "a mapping of what is no file");
	v->source->ops->ref(v->source);
	return 0;
}

void memory_count_vma(struct vma *v)
{
	v->place = shmem_place(v->source);
	mapped_place_enter(v->place);
}

void memory_populate(struct mm *mm, struct vma *v, gva_t start, gva_t end)
{
	/* What is only read of a file is not worth a fault, as when it was mapped first, if it is
	 * touched at all. It is not worth a copy of all of it either: a program that is warm needs
	 * little of it. */
	if (v->source && !(v->prot & GUEST_WRITE) && !mm->host->props.copy_files &&
	    !(mm->forecast && forecast_leaves(mm->forecast, start, end)))
		mm_populate_eagerly(mm, v, start, end);
}
