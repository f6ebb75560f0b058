/* SPDX-License-Identifier: Apache-2.0 */
/* Of a kernel with pages of 4 KiB and 48 bits of virtual addresses, as the distributions build
 * it. */
#ifndef HL_ARCH_AARCH64_MEMORY_H
#define HL_ARCH_AARCH64_MEMORY_H

#define ARCH_PAGE_SHIFT 12
#define ARCH_TASK_SIZE  (1UL << 48)
#define ARCH_SPACE_END  (ARCH_TASK_SIZE - (1UL << 30))

#define ARCH_STACK_RANDOM_BITS 18
#define ARCH_MMAP_RANDOM_BITS  18

#define ARCH_MAP_LOW 0
#define ARCH_MAP_NAMES(N)

#endif
