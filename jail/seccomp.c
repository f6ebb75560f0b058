/* SPDX-License-Identifier: Apache-2.0 */
/* Sets the filter that was made at build time (filter/generate.c), with what is known now filled
 * in. */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>

#include "host/hostcall.h"
#include "jail/filter/placeholder.h"
#include "jail/jail.h"
#include "jail_filter.h"

#define LENGTH(a) (sizeof(a) / sizeof(a)[0])

static const struct filter {
	const struct sock_filter *code;
	unsigned short length;
} filters[2][2] = {
	{ { filter_stubs, LENGTH(filter_stubs) }, { filter_stubs_net, LENGTH(filter_stubs_net) } },
	{ { filter_kvm, LENGTH(filter_kvm) }, { filter_kvm_net, LENGTH(filter_kvm_net) } },
};

#define LENGTH_MAX 1024
_Static_assert(LENGTH(filter_stubs_net) <= LENGTH_MAX && LENGTH(filter_kvm_net) <= LENGTH_MAX &&
		   LENGTH(filter_stubs) <= LENGTH_MAX && LENGTH(filter_kvm) <= LENGTH_MAX,
	       "filters");

static void fill_in(struct sock_filter *code, size_t n, const struct jail_config *jc)
{
	const uint32_t pid = (uint32_t)getpid();

	for (size_t i = 0; i < n; i++) {
		if (BPF_CLASS(code[i].code) == BPF_JMP && code[i].k == PLACEHOLDER_PID)
			code[i].k = pid;
		else if (jc->whole_process && BPF_CLASS(code[i].code) == BPF_RET &&
			 code[i].k == SECCOMP_RET_KILL_PROCESS)
			code[i].k = SECCOMP_RET_TRAP;
	}
}

/* With TSYNC the result may be the number of a thread that could not be had: one with a filter of
 * its own. */
static int set_filter(const struct sock_fprog *prog, unsigned long flags)
{
	long r = host_call(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, prog);

	return r > 0 ? -EBUSY : (int)r;
}

/* A pidfd may be of any process, and no filter sees of which. Without this call a stub is ended by
 * its socket, and waited for (platform/process/stub.c), which takes longer: in a plain world, where
 * the guest is its caller, it is let be. It fails because of a filter of its own, so that the other
 * one need not exist twice. */
static int forbid_kills(unsigned long flags)
{
	static struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_pidfd_send_signal, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};

	return set_filter(&(struct sock_fprog){ LENGTH(code), code }, flags);
}

int jail_seccomp(const struct jail_config *jc)
{
	const struct filter *f = &filters[jc->kvm][jc->network];
	struct sock_filter code[LENGTH_MAX];
	const struct sock_fprog prog = { f->length, code };
	/* Without SPEC_ALLOW a kernel before 5.16 makes each thread pay for a mitigation that is
	 * meant for code which runs a stranger's program; the monitor runs none. */
	unsigned long flags = SECCOMP_FILTER_FLAG_SPEC_ALLOW;

	memcpy(code, f->code, f->length * sizeof *code);
	fill_in(code, f->length, jc);
	if (jc->whole_process)
		flags |= SECCOMP_FILTER_FLAG_TSYNC;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	bool killer = !jc->kvm && !jc->scoped && jc->private_world;
	int err = killer ? forbid_kills(flags) : 0;
	return err ? err : set_filter(&prog, flags);
}
