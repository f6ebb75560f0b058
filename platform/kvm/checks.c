/* SPDX-License-Identifier: Apache-2.0 */
/* What the kvm platform needs of the host, and what makes it slow. */
#include "platform/kvm/kvm.h"

#include <cpuid.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void look_device(struct check_result *r, bool thorough)
{
	struct stat st;

	if (stat(KVM_DEVICE, &st) < 0)
		kvm_device_explain(r, errno);
	else
		check_found(r, FOUND_YES, "%s is there", KVM_DEVICE);
}

static void look_permission(struct check_result *r, bool thorough)
{
	int fd = open(KVM_DEVICE, O_RDWR | O_CLOEXEC);

	if (fd < 0) {
		kvm_device_explain(r, errno);
		return;
	}
	close(fd);
	check_found(r, FOUND_YES, "it can be read and written");
}

static void look_interface(struct check_result *r, bool thorough)
{
	struct errmsg errmsg = { "" };
	const struct kvm_host *h = host_get(&errmsg);

	if (h)
		check_found(r, FOUND_YES, "up to %u virtual CPUs, %u memory slots", h->vcpus,
			    h->slots);
	else
		check_found(r, FOUND_NO, "%.200s", errmsg.text);
}

static void look_machine(struct check_result *r, bool thorough)
{
	struct errmsg errmsg = { "" };
	struct machine *m;

	if (!thorough)
		return;
	if (platform_kvm.machine_create(&m, &errmsg) < 0) {
		check_found(r, FOUND_NO, "%.200s", errmsg.text);
		check_advise(r, "another hypervisor may hold the CPU's virtualisation; `sudo "
				"dmesg` may say more");
		return;
	}
	platform_kvm.machine_destroy(m);
	check_found(r, FOUND_YES, "a virtual machine can be made");
}

/* SDM vol. 2, CPUID: ECX bit 31 of leaf 1 is 0 on all hardware. */
bool host_is_virtual(void)
{
	unsigned a, b, c, d;

	return __get_cpuid(1, &a, &b, &c, &d) && c >> 31;
}

static void look_bare_metal(struct check_result *r, bool thorough)
{
	unsigned a, name[3];

	if (!host_is_virtual()) {
		check_found(r, FOUND_YES, "not nested: KVM has the hardware for itself");
		return;
	}
	__cpuid(0x40000000, a, name[0], name[1], name[2]);
	check_value(r, "%.12s", (const char *)name);
	check_found(r, FOUND_NO,
		    "nested: this host is itself a virtual machine (%.12s), so exits are expensive",
		    (const char *)name);
	check_advise(r, "nothing to do but a host of bare metal");
}

static void look_paging(struct check_result *r, bool thorough)
{
	const struct kvm_host *h = host_get(NULL);

	if (h && h->tdp) {
		check_found(r, FOUND_YES, "the hardware walks guests' page tables");
		return;
	}
	check_found(r, FOUND_NO, "KVM shadows guests' page tables: page faults are expensive");
	check_advise(r, "kvm_intel.ept=1 or kvm_amd.npt=1, where the CPU has it");
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
