/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What stands behind a part of an address space, as proc_pid_smaps(5) tells it. A private page
 * counts as resident once the host has given it, one of a file once it is mapped, in the units the
 * platform likes. Whether a guest has used one since is not seen: all of them count as referenced,
 * those in memory as dirty, those of files as clean.
 */
#ifndef HL_MM_USAGE_H
#define HL_MM_USAGE_H

#include <stddef.h>
#include <stdint.h>

#include "util/gva.h"

struct mm;
struct vma;

/* Bytes. */
struct mm_usage {
	/* of no file, or copied from one */
	uint64_t anon;
	/* of files of the host */
	uint64_t file;
	uint64_t shmem; /* of files in memory */
	/* the same by who else has them */
	uint64_t shared_clean, shared_dirty, private_clean, private_dirty;
	/* used up of USAGE_STEPS */
	unsigned steps;
	/* each page divided by how many have it */
	uint64_t pss_anon, pss_file, pss_shmem, pss_dirty;
};

static inline uint64_t mm_usage_resident(const struct mm_usage *u)
{
	return u->anon + u->file + u->shmem;
}

static inline uint64_t mm_usage_pss(const struct mm_usage *u)
{
	return u->pss_anon + u->pss_file + u->pss_shmem;
}

/* The sums that /proc/PID/status, stat and statm tell; bytes. */
struct mm_totals {
	uint64_t size, peak, locked, data, stack; /* of vmas: now, at most; parts of it */
	uint64_t anon, file, shmem;               /* resident, as above */
	uint64_t exec;                            /* of vmas with program text */
	/* what page tables for all that take: four levels of pages with 512 entries */
	uint64_t tables;
};
void mm_totals(struct mm *mm, struct mm_totals *out);

/* Adds what is behind `v`. Called by mm_for_each_vma's fn, under the mm lock. */
void mm_usage_add(const struct vma *v, struct mm_usage *u);

/* One entry a page of [start, start + n pages), as /proc/PID/pagemap has them, without the page's
 * physical address. */
#define PAGEMAP_EXCLUSIVE (1UL << 56)
#define PAGEMAP_FILE      (1UL << 61)
#define PAGEMAP_PRESENT   (1UL << 63)
void mm_pagemap(struct mm *mm, gva_t start, size_t n, uint64_t *out);

#endif
