/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The address space of a program, as Linux lays it out on this CPU:
 *
 *   ARCH_PAGE_SHIFT         the size of a page
 *   ARCH_TASK_SIZE          the first address past what a program may map (TASK_SIZE)
 *   ARCH_SPACE_END          where a program's memory ends on all platforms, of which one keeps what
 *                           lies behind: so that what was saved on one has room on the others
 *   ARCH_*_RANDOM_BITS      bits of a page number by which the kernel moves the stack, the mappings
 *                           below it and a position independent program (arch_mmap_rnd)
 *   ARCH_MAP_LOW            the flag of mmap(2) that asks for the lowest 2 GiB; 0: there is none
 *   ARCH_MAP_NAMES(N)       its name, behind a comma, in a table of names
 */
#ifndef HL_ARCH_MEMORY_H
#define HL_ARCH_MEMORY_H

#include "arch/arch.h"

#include ARCH_FILE(memory.h)

#endif
