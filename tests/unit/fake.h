/* SPDX-License-Identifier: Apache-2.0 */
/* A platform without a CPU, for the units of mm/ and loader/: its spaces are lists of what was
 * mapped, and a guest access is a look-up in them, with faults handed to mm_fault as a kernel
 * would. */
#ifndef HL_TESTS_UNIT_FAKE_H
#define HL_TESTS_UNIT_FAKE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "mm/mm.h"
#include "platform/physmem.h"

/* Everything a sandbox's memory needs. */
struct world {
	struct physmem *pm;
	struct mm_host host;
	/* How often the platform was called, since the last world_count_reset. */
	unsigned maps, unmaps, protects, faults;
	unsigned spaces;     /* alive */
	unsigned fail_maps;  /* so many space_map to come fail with -ENOMEM */
	bool fail_maps_gone; /* with -EIO, as where the host process of the space was killed */
};

void world_create(struct world *w);
/* Fails when anything is left: spaces, arena pages, committed memory. */
void world_destroy(struct world *w);
void world_count_reset(struct world *w);
/* From here on private mappings of files are of kept copies. */
void world_keep_copies(struct world *w);

/* Fails unless the space is what vmas and backings say. */
void mm_check(struct mm *mm);
/* vma_at, for tests in which nobody else changes anything. */
struct vma *mm_vma_at(struct mm *mm, uint64_t addr);
/* Guest accesses. 0, or the signal mm_fault gave, with its code in *si_code. */
int guest_read(struct mm *mm, uint64_t addr, void *buf, size_t n, int *si_code);
int guest_write(struct mm *mm, uint64_t addr, const void *buf, size_t n, int *si_code);
/* Of one byte; -1: a signal. */
int guest_peek(struct mm *mm, uint64_t addr);
int guest_poke(struct mm *mm, uint64_t addr, uint8_t val);

/* Private anonymous memory, or whatever `flags` says; fails the test when it fails. */
uint64_t map_anon(struct mm *mm, uint64_t addr, uint64_t len, unsigned prot, unsigned flags);
/* A memory file of `size` bytes; byte i is file_byte(i). */
struct pagesource *file_create(struct world *w, uint64_t size);
uint8_t file_byte(uint64_t i);
void file_truncate(struct pagesource *ps, uint64_t size);
/* What the file says of its contents; 0 at first: not to be kept. */
void file_set_version(struct pagesource *ps, uint64_t version);
void file_put_byte(struct pagesource *ps, uint64_t pos, uint8_t byte);

#endif
