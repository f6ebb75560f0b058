/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each CPUID of a guest leaves the virtual machine. Intel's leaf 2 names caches by one-byte
 * descriptors, and newer CPUs put 0xff there: "see leaf 4". The start-up code of glibc then walks
 * leaf 4 for each of its dozen questions: 37 of the 67 CPUIDs that a static program executes before
 * main. With descriptors of (at most) the real sizes in leaf 2 none of those is asked; leaf 4 still
 * tells the exact geometry to who wants it.
 */
#include "platform/kvm/cpuid_cache.h"

#include <linux/kvm.h>
#include <stddef.h>
#include <stdint.h>

#define SEE_LEAF_4 0xff

enum { DATA = 1, INSTRUCTION = 2, UNIFIED = 3 }; /* cache types of leaf 4 */

/* Descriptors of caches with 64-byte lines (SDM vol. 2A, CPUID, table 3-12), rising within a
 * level. */
static const struct descriptor {
	uint8_t code, level, type;
	uint16_t kib;
} descriptors[] = {
	{ 0x2c, 1, DATA, 32 },       { 0x30, 1, INSTRUCTION, 32 }, { 0x21, 2, UNIFIED, 256 },
	{ 0x7f, 2, UNIFIED, 512 },   { 0x7c, 2, UNIFIED, 1024 },   { 0x7d, 2, UNIFIED, 2048 },
	{ 0xd8, 3, UNIFIED, 4096 },  { 0xe4, 3, UNIFIED, 8192 },   { 0xea, 3, UNIFIED, 12288 },
	{ 0xeb, 3, UNIFIED, 18432 }, { 0xec, 3, UNIFIED, 24576 },
};

static struct kvm_cpuid_entry2 *find(struct kvm_cpuid2 *cpuid, uint32_t function, uint32_t index)
{
	for (unsigned i = 0; i < cpuid->nent; i++) {
		struct kvm_cpuid_entry2 *e = &cpuid->entries[i];
		if (e->function == function && e->index == index)
			return e;
	}
	return NULL;
}

/* SDM: ways, partitions, line size and sets, each less one. */
static uint64_t cache_kib(const struct kvm_cpuid_entry2 *e)
{
	uint64_t ways = (e->ebx >> 22) + 1, partitions = (e->ebx >> 12 & 0x3ff) + 1,
		 line = (e->ebx & 0xfff) + 1;
	return ways * partitions * line * ((uint64_t)e->ecx + 1) / 1024;
}

/* The largest descriptor that does not promise more than there is; 0: none. */
static uint8_t describe(const struct kvm_cpuid_entry2 *e)
{
	uint8_t code = 0;
	for (size_t i = 0; i < sizeof descriptors / sizeof descriptors[0]; i++) {
		const struct descriptor *d = &descriptors[i];
		if (d->level == (e->eax >> 5 & 7) && d->type == (e->eax & 31) &&
		    d->kib <= cache_kib(e))
			code = d->code;
	}
	return code;
}

/* Byte 3 of a register is valid only while bit 31 is clear, which no descriptor above may set. */
static void put_codes(struct kvm_cpuid_entry2 *leaf2, const uint8_t codes[4])
{
	leaf2->ebx = (leaf2->ebx & 0x7fffff00) | codes[0];
	leaf2->ecx = codes[1] | (uint32_t)codes[2] << 8 | (uint32_t)codes[3] << 16;
}

void cpuid_name_caches(struct kvm_cpuid2 *cpuid)
{
	struct kvm_cpuid_entry2 *leaf2 = find(cpuid, 2, 0), *e;
	uint8_t codes[4] = { 0 };

	if (!leaf2 || (leaf2->ebx & 0xff) != SEE_LEAF_4 || leaf2->ecx)
		return;
	for (unsigned i = 0; i < 4; i++) {
		e = find(cpuid, 4, i);
		codes[i] = e && e->eax & 31 ? describe(e) : 0;
		if (!codes[i])
			return; /* a cache without a name: leaf 4 has to be asked after all */
	}
	put_codes(leaf2, codes);
}
