/* SPDX-License-Identifier: Apache-2.0 */
/* Pages, the size of an address space, and what is moved at random: see arch/memory.h. */
#ifndef HL_ARCH_X86_64_MEMORY_H
#define HL_ARCH_X86_64_MEMORY_H

#include <sys/mman.h>

#define ARCH_PAGE_SHIFT 12
#define ARCH_TASK_SIZE  0x7ffffffff000UL /* page tables of four levels */
#define ARCH_SPACE_END  0x7fffc0000000UL

#define ARCH_STACK_RANDOM_BITS 22
#define ARCH_MMAP_RANDOM_BITS  28

#define ARCH_MAP_LOW      MAP_32BIT
#define ARCH_MAP_NAMES(N) , N(MAP_32BIT)

#endif
