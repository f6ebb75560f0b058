/* SPDX-License-Identifier: Apache-2.0 */
/* Opens KVM's device, or says why that is not possible and what to do about it. */
#include "platform/kvm/kvm.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The name of a group of the host, without the name service, which a static program does not
 * have. */
static void group_name(gid_t gid, char *out, size_t size)
{
	FILE *f = fopen("/etc/group", "re");
	struct group *g = NULL;

	while (f && (g = fgetgrent(f)) && g->gr_gid != gid)
		;
	if (g)
		snprintf(out, size, "%s", g->gr_name);
	else
		snprintf(out, size, "%u", (unsigned)gid);
	if (f)
		fclose(f);
}

static void advise_permission(struct check_result *r)
{
	struct stat st;
	char group[64];

	if (stat(KVM_DEVICE, &st) < 0 || (st.st_mode & 0060) != 0060) {
		check_advise(
		    r,
		    "give a group access: `sudo chgrp kvm %s; sudo chmod 660 %s`, and join it: "
		    "`sudo usermod -aG kvm USER`, then log in again",
		    KVM_DEVICE, KVM_DEVICE);
		return;
	}
	group_name(st.st_gid, group, sizeof group);
	check_advise(
	    r, "join the group that owns it: `sudo usermod -aG %s USER`, then log in again", group);
}

void kvm_device_explain(struct check_result *r, int err)
{
	switch (err) {
	case ENOENT:
		check_found(r, FOUND_NO, "%s does not exist", KVM_DEVICE);
		check_advise(
		    r,
		    "load the module (`sudo modprobe kvm_intel` or kvm_amd) where the CPU and its "
		    "firmware settings allow it; to a container, pass the device");
		break;
	case EACCES:
	case EPERM:
		check_found(r, FOUND_DENIED, "no permission for %s", KVM_DEVICE);
		advise_permission(r);
		break;
	case ENODEV:
	case ENXIO:
		check_found(r, FOUND_NO, "%s has no driver behind it", KVM_DEVICE);
		check_advise(r, "load the module: `sudo modprobe kvm_intel` or kvm_amd");
		break;
	default: check_found(r, FOUND_NO, "cannot open %s: %s", KVM_DEVICE, strerror(err));
	}
}

int kvm_device_open(struct errmsg *errmsg)
{
	struct check_result r = { 0 };
	int fd = open(KVM_DEVICE, O_RDWR | O_CLOEXEC);
	int err = errno;

	if (fd >= 0)
		return fd;
	kvm_device_explain(&r, err);
	return errmsg_set(errmsg, err, "%s%s%s", r.text, r.advice[0] ? ": " : "", r.advice);
}
