/* SPDX-License-Identifier: Apache-2.0 */
/* What the families about seccomp(2) share: the raw call, and filters of one call. */
#ifndef HL_TESTS_SECCOMP_CASE_H
#define HL_TESTS_SECCOMP_CASE_H

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>

#include "case.h"

#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif

#define DATA(field) ((uint32_t)offsetof(struct seccomp_data, field))
#define LEN(a)      (sizeof(a) / sizeof(a)[0])

static UNUSED long seccomp(unsigned op, unsigned flags, const void *arg)
{
	return syscall(SYS_seccomp, op, flags, arg);
}

static UNUSED long install(unsigned flags, struct sock_filter *prog, size_t len)
{
	struct sock_fprog p = { (unsigned short)len, prog };

	return seccomp(SECCOMP_SET_MODE_FILTER, flags, &p);
}

/* Every call of this number has the action, any other is allowed. */
static UNUSED long on_call(unsigned flags, uint32_t nr, uint32_t action)
{
	struct sock_filter prog[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, DATA(nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, nr, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, action),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};

	return install(flags, prog, LEN(prog));
}

static UNUSED void no_new_privs(void)
{
	NEED(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
}

#endif
