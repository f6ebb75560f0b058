/* SPDX-License-Identifier: Apache-2.0 */
/* What this host's KVM offers, and what of it guests may see. */
#include "platform/kvm/kvm.h"

#include "platform/kvm/cpuid_cache.h"

#include <cpuid.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "host/hostfile.h"

#define CPUID_MAX 256

/* AMX needs permission per process. Everything else a program of the host has, a guest has: XSAVE
 * areas are alike, and KVM need not switch XCR0. */
#define XCR0_AMX 0x60000UL

static const struct {
	unsigned cap;
	const char *name;
} caps_needed[] = {
	{ KVM_CAP_USER_MEMORY, "KVM_CAP_USER_MEMORY" },
	{ KVM_CAP_IMMEDIATE_EXIT, "KVM_CAP_IMMEDIATE_EXIT" },
	{ KVM_CAP_SYNC_REGS, "KVM_CAP_SYNC_REGS" },
	{ KVM_CAP_EXT_CPUID, "KVM_CAP_EXT_CPUID" },
	{ KVM_CAP_XSAVE, "KVM_CAP_XSAVE" },
	{ KVM_CAP_XCRS, "KVM_CAP_XCRS" },
};

/* Clears in a guest's feature words what the host's own programs do not have, or what is not
 * offered. CPUID takes microseconds where the host is a virtual machine: the words alone are asked
 * for.
 *
 * LZCNT cannot be taken from a guest: a CPU that has not got it executes BSR. A KVM within a
 * virtual machine was seen that does not offer it, and AVX2 without it is no CPU that glibc knows:
 * under valgrind, which goes by the word, its memrchr found what was not there.
 */
static void features_mask(struct kvm_cpuid_entry2 *e)
{
	unsigned a = 0, b = 0, c = 0, d = 0;

	if (e->function != 1 && e->function != 7 && e->function != 0x80000001)
		return;
	__cpuid_count(e->function, e->index, a, b, c, d);
	switch (e->function) {
	case 1:
		e->ecx &= c | bit_OSXSAVE;
		e->edx &= d;
		break;
	case 7:
		if (e->index == 0) {
			e->ebx &= b & ~(1U << 14); /* MPX */
			/* PKU, OSPKE, shadow stack */
			e->ecx &= c & ~(1U << 3 | 1U << 4 | 1U << 7);
			e->edx &= d & ~(1U << 20 | 1U << 22 | 3U << 24); /* IBT, AMX */
		} else if (e->index == 1) {
			e->eax &= a & ~(1U << 17 | 1U << 21); /* FRED, AMX-FP16 */
			e->edx &= d & ~(1U << 8 | 1U << 18);  /* AMX-COMPLEX, CET_SSS */
		}
		break;
	case 0x80000001:
		e->ecx = (e->ecx | bit_LZCNT) & c;
		e->edx &= d;
		break;
	}
}

/* Leaf 0xd: the parts and sizes of extended state under `xcr0`; no supervisor state. */
static bool xsave_leaf_mask(struct kvm_cpuid_entry2 *e, const struct kvm_host *h)
{
	switch (e->index) {
	case 0:
		e->eax = (uint32_t)h->xcr0;
		e->edx = 0;
		e->ecx = (uint32_t)h->xsave_size;
		return true;
	case 1:
		e->eax &= ~(1U << 3 | 1U << 4); /* XSAVES, XFD */
		e->ecx = e->edx = 0;
		return true;
	default: return e->index < 64 && (h->xcr0 >> e->index & 1);
	}
}

static bool leaf_keep(struct kvm_cpuid_entry2 *e, const struct kvm_host *h)
{
	if (e->function == 0xd)
		return xsave_leaf_mask(e, h);
	if (e->function == 0xa) /* performance counters: none */
		e->eax = e->ebx = e->ecx = e->edx = 0;
	features_mask(e);
	/* KVM's own leaves, AMX tile leaves */
	return e->function >> 16 != 0x4000 && e->function != 0x1d && e->function != 0x1e;
}

static const struct kvm_cpuid_entry2 *cpuid_find(const struct kvm_host *h, uint32_t function,
						 uint32_t index)
{
	for (unsigned i = 0; i < h->cpuid->nent; i++) {
		const struct kvm_cpuid_entry2 *e = &h->cpuid->entries[i];
		if (e->function == function &&
		    (e->index == index || !(e->flags & KVM_CPUID_FLAG_SIGNIFCANT_INDEX)))
			return e;
	}
	return NULL;
}

static uint64_t xcr0_choose(const struct kvm_host *h)
{
	const struct kvm_cpuid_entry2 *e = cpuid_find(h, 0xd, 0);
	uint32_t lo, hi;

	__asm__ volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
	return e ? (e->eax | (uint64_t)e->edx << 32) & (lo | (uint64_t)hi << 32) & ~XCR0_AMX : 3;
}

/* End of the last part of `xcr0` in the standard format. */
static size_t xsave_size(const struct kvm_host *h)
{
	size_t size = 576; /* legacy area and header */

	for (unsigned i = 2; i < 64; i++) {
		const struct kvm_cpuid_entry2 *e = h->xcr0 >> i & 1 ? cpuid_find(h, 0xd, i) : NULL;
		if (e && e->ebx + e->eax > size)
			size = e->ebx + e->eax;
	}
	return size;
}

/* The first leaf of hypervisors, where the host is a virtual machine itself: its programs find the
 * name of its hypervisor there. It is the last one, too: KVM's own interface is for kernels. */
static void cpuid_name_hypervisor(struct kvm_host *h)
{
	struct kvm_cpuid_entry2 leaf = { .function = 0x40000000 };
	const struct kvm_cpuid_entry2 *e = cpuid_find(h, 1, 0);

	if (!e || !(e->ecx >> 31) || h->cpuid->nent == CPUID_MAX)
		return;
	__cpuid(leaf.function, leaf.eax, leaf.ebx, leaf.ecx, leaf.edx);
	leaf.eax = leaf.function;
	h->cpuid->entries[h->cpuid->nent++] = leaf;
}

static int cpuid_get(struct kvm_host *h, int kvm)
{
	struct kvm_cpuid2 *cpuid = calloc(1, sizeof *cpuid + CPUID_MAX * sizeof cpuid->entries[0]);
	unsigned kept = 0;

	if (!cpuid)
		return -ENOMEM;
	cpuid->nent = CPUID_MAX;
	h->cpuid = cpuid;
	if (ioctl(kvm, KVM_GET_SUPPORTED_CPUID, cpuid) < 0)
		return -errno;
	h->xcr0 = xcr0_choose(h);
	h->xsave_size = xsave_size(h);
	for (unsigned i = 0; i < cpuid->nent; i++) {
		struct kvm_cpuid_entry2 e = cpuid->entries[i];
		if (leaf_keep(&e, h))
			cpuid->entries[kept++] = e;
	}
	cpuid->nent = kept;
	cpuid_name_hypervisor(h);
	cpuid_name_caches(cpuid);
	return 0;
}

static void features_note(struct kvm_host *h)
{
	const struct kvm_cpuid_entry2 *e = cpuid_find(h, 7, 0);

	h->smep = e && (e->ebx >> 7 & 1);
	h->fsgsbase = e && (e->ebx & 1);
	e = cpuid_find(h, 0x80000001, 0);
	h->rdtscp = e && (e->edx >> 27 & 1);
	e = cpuid_find(h, 0x80000008, 0);
	h->phys_bits = e ? e->eax & 0xff : 36;
}

#ifndef KVM_CAP_PRE_FAULT_MEMORY
#define KVM_CAP_PRE_FAULT_MEMORY 236
#endif

static bool file_says_yes(const char *path)
{
	char c[2];

	hostfile_read(path, c, sizeof c);
	return c[0] == 'Y' || c[0] == '1';
}

/* Does the hardware walk guest page tables? The capability says so since Linux 6.11, and only
 * then. */
static bool tdp_find(int kvm)
{
	return ioctl(kvm, KVM_CHECK_EXTENSION, KVM_CAP_PRE_FAULT_MEMORY) > 0 ||
	       file_says_yes("/sys/module/kvm_intel/parameters/ept") ||
	       file_says_yes("/sys/module/kvm_amd/parameters/npt");
}

/* Before Linux 6.13, vcpu->pid is changed under RCU, and the change waits for its readers. */
static bool moves_slowly(void)
{
	struct utsname u;
	char *end;

	if (uname(&u) < 0)
		return true;
	unsigned long major = strtoul(u.release, &end, 10);
	return major < 6 || (major == 6 && (*end != '.' || strtoul(end + 1, NULL, 10) < 13));
}

static int caps_check(int kvm, struct errmsg *errmsg)
{
	int version = ioctl(kvm, KVM_GET_API_VERSION, 0);

	if (version != KVM_API_VERSION)
		return errmsg_set(errmsg, ENOTSUP, "/dev/kvm has API version %d, not %d", version,
				  KVM_API_VERSION);
	for (size_t i = 0; i < sizeof caps_needed / sizeof caps_needed[0]; i++)
		if (ioctl(kvm, KVM_CHECK_EXTENSION, caps_needed[i].cap) <= 0)
			return errmsg_set(errmsg, ENOTSUP, "KVM on this host lacks %s",
					  caps_needed[i].name);
	if (!(ioctl(kvm, KVM_CHECK_EXTENSION, KVM_CAP_SYNC_REGS) & KVM_SYNC_X86_REGS))
		return errmsg_set(errmsg, ENOTSUP,
				  "KVM on this host cannot share registers (KVM_SYNC_X86_REGS)");
	return 0;
}

static unsigned cap_value(int kvm, unsigned cap, unsigned fallback)
{
	int r = ioctl(kvm, KVM_CHECK_EXTENSION, cap);
	return r > 0 ? (unsigned)r : fallback;
}

static int host_probe(struct kvm_host *h, struct errmsg *errmsg)
{
	int kvm = kvm_device_open(errmsg);
	int err;

	if (kvm < 0)
		return kvm;
	memset(h, 0, sizeof *h);
	err = caps_check(kvm, errmsg);
	int run_size = err ? 0 : ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	if (run_size < 0)
		err = errmsg_set(errmsg, errno, "KVM does not say how large a vCPU is: %s",
				 strerror(errno));
	if (!err) {
		h->run_size = (size_t)run_size;
		h->slots = cap_value(kvm, KVM_CAP_NR_MEMSLOTS, 32);
		h->vcpus = cap_value(kvm, KVM_CAP_MAX_VCPUS, cap_value(kvm, KVM_CAP_NR_VCPUS, 4));
		if (h->vcpus > VCPU_MAX)
			h->vcpus = VCPU_MAX;
		h->tdp = tdp_find(kvm);
		h->moves_slowly = moves_slowly();
		err = cpuid_get(h, kvm);
		if (err)
			errmsg_set(errmsg, -err, "KVM does not say what CPU it offers: %s",
				   strerror(-err));
		else
			features_note(h);
	}
	close(kvm);
	return err;
}

static struct kvm_host the_host;
static struct errmsg host_errmsg;
static int host_error;

static void host_find(void)
{
	host_error = host_probe(&the_host, &host_errmsg);
}

/* The CPU does not change while we run: asked once per process. */
struct kvm_host *host_get(struct errmsg *errmsg)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, host_find);
	if (!host_error)
		return &the_host;
	errmsg_set(errmsg, -host_error, "%s", host_errmsg.text);
	return NULL;
}
