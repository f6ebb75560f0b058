/* SPDX-License-Identifier: Apache-2.0 */
/* Notes what address spaces were when they were loaded. See header. */
#include "snapshot/kept.h"

#include <errno.h>
#include <stdlib.h>

#include "fs/ramfs/marks.h"
#include "mm/vma.h"
#include "util/array.h"

struct kept_mm *kept_find(const struct snapshot_kept *k, const unsigned char *at)
{
	for (size_t i = 0; k && i < k->nr; i++)
		if (k->all[i]->at == at)
			return k->all[i];
	return NULL;
}

struct kept_mm *kept_add(struct snapshot_kept *k, const unsigned char *at, struct mm *mm)
{
	struct kept_mm *km = NULL;

	if (!array_grow((void **)&k->all, k->nr, &k->room, sizeof(struct kept_mm *)))
		km = calloc(1, sizeof *km);
	if (!km)
		return NULL;
	km->at = at;
	km->mm = mm_get(mm);
	k->all[k->nr++] = km;
	return km;
}

int kept_add_vma(struct kept_mm *km, const struct vma *v, uint64_t object)
{
	int err = array_grow((void **)&km->vmas, km->nr_vmas, &km->vma_room, sizeof *km->vmas);
	struct vma *copy = err ? NULL : vma_new(km->mm, v);

	if (!copy)
		return -ENOMEM;
	if (object) { /* it is no mapping that counts */
		mapped_place_leave(copy->place);
		copy->place = NULL;
	}
	km->vmas[km->nr_vmas++] = (struct kept_vma){ copy, object };
	return 0;
}

int kept_add_run(struct kept_mm *km, const struct kept_run *run)
{
	int err = array_grow((void **)&km->runs, km->nr_runs, &km->run_room, sizeof *km->runs);

	if (!err)
		km->runs[km->nr_runs++] = *run;
	return err;
}

static void free_one(struct kept_mm *km)
{
	for (size_t n = 0; n < km->nr_vmas; n++)
		vma_free(km->vmas[n].v);
	mm_put(km->mm);
	free(km->vmas);
	free(km->runs);
	free(km);
}

void kept_drop_dying(struct snapshot_kept *k)
{
	size_t left = 0;

	for (size_t i = 0; i < k->nr; i++) {
		if (k->all[i]->mm->dying)
			free_one(k->all[i]);
		else
			k->all[left++] = k->all[i];
	}
	k->nr = left;
}

void kept_free(struct snapshot_kept *k)
{
	if (!k)
		return;
	for (size_t i = 0; i < k->nr; i++)
		free_one(k->all[i]);
	for (size_t i = 0; i < k->nr_filesystems; i++)
		ramfs_marks_free(k->filesystems[i].marks);
	mounts_keep_no_more(&k->mounts);
	free(k->filesystems);
	free(k->all);
	free(k);
}
