/* SPDX-License-Identifier: Apache-2.0 */
/* What the kvm platform needs of the host, and what makes it dear. */
#include "platform/kvm/kvm.h"

#include <cpuid.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void look_device(struct finding *f, bool thorough)
{
	struct stat st;

	if (stat(KVM_DEVICE, &st) < 0)
		kvm_device_explain(f, errno);
	else
		finding_set(f, FOUND_YES, "%s is there", KVM_DEVICE);
}

static void look_permission(struct finding *f, bool thorough)
{
	int fd = open(KVM_DEVICE, O_RDWR | O_CLOEXEC);

	if (fd < 0) {
		kvm_device_explain(f, errno);
		return;
	}
	close(fd);
	finding_set(f, FOUND_YES, "it can be read and written");
}

static void look_interface(struct finding *f, bool thorough)
{
	struct errmsg errmsg = { "" };
	const struct kvm_host *h = host_get(&errmsg);

	if (h)
		finding_set(f, FOUND_YES, "up to %u virtual CPUs, %u memory slots", h->vcpus,
			    h->slots);
	else
		finding_set(f, FOUND_NO, "%.200s", errmsg.text);
}

static void look_machine(struct finding *f, bool thorough)
{
	struct errmsg errmsg = { "" };
	struct machine *m;

	if (!thorough)
		return;
	if (platform_kvm.machine_create(&m, &errmsg) < 0) {
		finding_set(f, FOUND_NO, "%.200s", errmsg.text);
		finding_advise(f, "another hypervisor may hold the CPU's virtualisation; `sudo "
				  "dmesg` may say more");
		return;
	}
	platform_kvm.machine_destroy(m);
	finding_set(f, FOUND_YES, "a virtual machine can be made");
}

/* SDM vol. 2, CPUID: ECX bit 31 of leaf 1 is 0 on all hardware. */
bool host_is_virtual(void)
{
	unsigned a, b, c, d;

	return __get_cpuid(1, &a, &b, &c, &d) && c >> 31;
}

static void look_bare_metal(struct finding *f, bool thorough)
{
	unsigned a, name[3];

	if (!host_is_virtual()) {
		finding_set(f, FOUND_YES, "not nested: KVM has the hardware for itself");
		return;
	}
	__cpuid(0x40000000, a, name[0], name[1], name[2]);
	finding_value(f, "%.12s", (const char *)name);
	finding_set(f, FOUND_NO,
		    "nested: this host is itself a virtual machine (%.12s), so exits are dear",
		    (const char *)name);
	finding_advise(f, "nothing to do but a host of bare metal");
}

static void look_paging(struct finding *f, bool thorough)
{
	const struct kvm_host *h = host_get(NULL);

	if (h && h->tdp) {
		finding_set(f, FOUND_YES, "the hardware walks guests' page tables");
		return;
	}
	finding_set(f, FOUND_NO, "KVM shadows guests' page tables: page faults are dear");
	finding_advise(f, "kvm_intel.ept=1 or kvm_amd.npt=1, where the CPU has it");
}

const struct check kvm_checks[] = {
	{ "device", .needed = true, .look = look_device },
	{ "permission", .needed = true, .chained = true, .look = look_permission },
	{ "memfd", .needed = true, .look = look_memfd },
	{ "interface", .needed = true, .chained = true, .look = look_interface },
	{ "machine", .needed = true, .chained = true, .look = look_machine },
	{ "bare_metal", .look = look_bare_metal },
	{ "paging", .chained = true, .look = look_paging },
	{ .key = NULL },
};
