/* SPDX-License-Identifier: Apache-2.0 */
/* Prints what the system calls about mounts pass. */
#include "sys/mount_abi.h"
#include "trace/print.h"

void print_mount_attr(struct print *p, int i, const struct names *names)
{
	struct mount_attr_abi attr;

	if (!FETCH(p, i, &attr))
		return;
	text_puts(p->out, "{attr_set=");
	names_put_flags(p->out, &names_mount_attr, attr.attr_set);
	text_puts(p->out, ", attr_clr=");
	names_put_flags(p->out, &names_mount_attr, attr.attr_clr);
	text_puts(p->out, ", propagation=");
	names_put_flags(p->out, &names_mount, attr.propagation);
	text_printf(p->out, ", userns_fd=%lu}", attr.userns_fd);
}

/* The value of a string, the name of a path; else bytes or nothing. */
void print_fsconfig_value(struct print *p, int i, const struct names *names)
{
	switch (p->a[1]) {
	case FSCONFIG_ABI_SET_STRING:
	case FSCONFIG_ABI_SET_PATH:
	case FSCONFIG_ABI_SET_PATH_EMPTY: print_string(p, i, NULL); break;
	default: print_pointer(p, i, NULL);
	}
}

void print_mnt_id_req(struct print *p, int i, const struct names *names)
{
	struct mnt_id_req_abi req = { 0 };

	if (!fetch(p, GVA(p->a[i]), &req, MNT_ID_REQ_ABI_VER0))
		return;
	text_printf(p->out, "{size=%u, mnt_id=%#lx, param=%#lx}", req.size, req.mnt_id, req.param);
}
