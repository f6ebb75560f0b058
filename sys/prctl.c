/* SPDX-License-Identifier: Apache-2.0 */
/* prctl(2), arch_prctl(2), personality(2). */
#include <sys/prctl.h>

#include <linux/capability.h>
#include <linux/seccomp.h>
#include <linux/securebits.h>
#include <stdlib.h>

#include "arch/prctl.h"
#include "sys/seccomp.h"
#include "sys/sys.h"

/* ---- one function an option; the arguments are prctl's second to fifth ---- */

typedef int64_t prctl_fn(struct task *t, const uint64_t *a);

static int64_t set_pdeathsig(struct task *t, const uint64_t *a)
{
	if (a[0] > NSIGNALS)
		return -EINVAL;
	sandbox_lock(t->sb);
	t->pdeathsig = (int)a[0];
	sandbox_unlock(t->sb);
	return 0;
}

static int64_t get_pdeathsig(struct task *t, const uint64_t *a)
{
	int32_t sig = t->pdeathsig;
	return put_user(t, GVA(a[0]), &sig);
}

static int64_t set_name(struct task *t, const uint64_t *a)
{
	char name[TASK_COMM_LEN] = { 0 };
	long n = copy_string_from_guest(t->mm, name, GVA(a[0]), TASK_COMM_LEN - 1);
	if (n < 0 && n != -ENAMETOOLONG)
		return n;
	name[TASK_COMM_LEN - 1] = '\0';
	sandbox_lock(t->sb);
	memcpy(t->comm, name, sizeof name);
	sandbox_unlock(t->sb);
	return 0;
}

static int64_t get_name(struct task *t, const uint64_t *a)
{
	char name[TASK_COMM_LEN];
	sandbox_lock(t->sb);
	memcpy(name, t->comm, sizeof name);
	sandbox_unlock(t->sb);
	return put_user(t, GVA(a[0]), &name);
}

static int64_t set_dumpable(struct task *t, const uint64_t *a)
{
	if (a[0] > 1)
		return -EINVAL;
	t->process->dumpable = (unsigned)a[0];
	return 0;
}

static int64_t get_dumpable(struct task *t, const uint64_t *a)
{
	return t->process->dumpable;
}

static int64_t set_subreaper(struct task *t, const uint64_t *a)
{
	t->process->subreaper = a[0] != 0;
	return 0;
}

static int64_t get_subreaper(struct task *t, const uint64_t *a)
{
	int32_t on = t->process->subreaper;
	return put_user(t, GVA(a[0]), &on);
}

static int64_t set_no_new_privs(struct task *t, const uint64_t *a)
{
	if (a[0] != 1 || a[1] || a[2] || a[3])
		return -EINVAL;
	struct cred *new = cred_copy(t->cred, -1);
	if (!new)
		return -ENOMEM;
	new->no_new_privs = true;
	task_set_cred(t, new);
	return 0;
}

static int64_t get_no_new_privs(struct task *t, const uint64_t *a)
{
	return a[0] || a[1] || a[2] || a[3] ? -EINVAL : task_no_new_privs(t);
}

static int64_t capbset_read(struct task *t, const uint64_t *a)
{
	if (a[0] > CAP_LAST_CAP)
		return -EINVAL;
	return t->cred->cap_bounding >> a[0] & 1;
}

static int64_t capbset_drop(struct task *t, const uint64_t *a)
{
	if (!cred_own_capable(t->cred, CAP_SETPCAP))
		return -EPERM;
	if (a[0] > CAP_LAST_CAP)
		return -EINVAL;
	struct cred *new = cred_copy(t->cred, -1);
	if (!new)
		return -ENOMEM;
	new->cap_bounding &= ~(1UL << a[0]);
	task_set_cred(t, new);
	return 0;
}

static int64_t cap_ambient_clear(struct task *t)
{
	struct cred *new = cred_copy(t->cred, -1);
	if (!new)
		return -ENOMEM;
	new->cap_ambient = 0;
	task_set_cred(t, new);
	return 0;
}

static int64_t cap_ambient(struct task *t, const uint64_t *a)
{
	if (a[0] == PR_CAP_AMBIENT_CLEAR_ALL)
		return a[1] || a[2] || a[3] ? -EINVAL : cap_ambient_clear(t);
	if (a[1] > CAP_LAST_CAP || a[2] || a[3])
		return -EINVAL;
	uint64_t bit = 1UL << a[1];
	if (a[0] == PR_CAP_AMBIENT_IS_SET)
		return !!(t->cred->cap_ambient & bit);
	if (a[0] != PR_CAP_AMBIENT_RAISE && a[0] != PR_CAP_AMBIENT_LOWER)
		return -EINVAL;
	bool raise = a[0] == PR_CAP_AMBIENT_RAISE;
	if (raise && (~t->cred->cap_permitted & bit || ~t->cred->cap_inheritable & bit ||
		      t->cred->securebits & SECBIT_NO_CAP_AMBIENT_RAISE))
		return -EPERM;
	struct cred *new = cred_copy(t->cred, -1);
	if (!new)
		return -ENOMEM;
	new->cap_ambient = raise ? new->cap_ambient | bit : new->cap_ambient & ~bit;
	task_set_cred(t, new);
	return 0;
}

/* Linux 6.14's, where the C library's headers may be older: for script interpreters to ask; the
 * kernel does nothing. */
#define SECBITS_OF_EXEC (1U << 8 | 1U << 10)

#define SECBITS                                                                                    \
	(SECBIT_NOROOT | SECBIT_NO_SETUID_FIXUP | SECBIT_KEEP_CAPS | SECBIT_NO_CAP_AMBIENT_RAISE | \
	 SECBITS_OF_EXEC)

static int install_securebits(struct task *t, unsigned bits)
{
	struct cred *new = cred_copy(t->cred, -1);
	if (!new)
		return -ENOMEM;
	new->securebits = bits;
	return task_set_cred(t, new);
}

/* capabilities(7), "The securebits flags": each has a lock, the next bit; what is locked, and
 * locks, stay. */
static int64_t set_securebits(struct task *t, const uint64_t *a)
{
	const unsigned locks = SECBITS << 1, old = t->cred->securebits, locked = old & locks;
	uint64_t new = a[0], changed = old ^ new;

	if (changed & locked >> 1 || locked & ~new || new & ~(uint64_t)(SECBITS | locks))
		return -EPERM;
	/* without the capability only those that the kernel does nothing about: not even nothing */
	if ((!changed || changed & ~(uint64_t)(SECBITS_OF_EXEC | SECBITS_OF_EXEC << 1)) &&
	    !cred_own_capable(t->cred, CAP_SETPCAP))
		return -EPERM;
	return install_securebits(t, (unsigned)new);
}

static int64_t get_securebits(struct task *t, const uint64_t *a)
{
	return t->cred->securebits;
}

static int64_t set_keepcaps(struct task *t, const uint64_t *a)
{
	unsigned bits = t->cred->securebits;

	if (a[0] > 1)
		return -EINVAL;
	if (bits & SECBIT_KEEP_CAPS_LOCKED)
		return -EPERM;
	return install_securebits(t, a[0] ? bits | SECBIT_KEEP_CAPS
					  : bits & ~(unsigned)SECBIT_KEEP_CAPS);
}

static int64_t get_keepcaps(struct task *t, const uint64_t *a)
{
	return !!(t->cred->securebits & SECBIT_KEEP_CAPS);
}

static int64_t set_timerslack(struct task *t, const uint64_t *a)
{
	t->timer_slack_ns = (int64_t)a[0] <= 0 ? t->default_slack_ns : a[0];
	return 0;
}

static int64_t get_timerslack(struct task *t, const uint64_t *a)
{
	return (int64_t)t->timer_slack_ns;
}

static int64_t set_thp_disable(struct task *t, const uint64_t *a)
{
	if (a[1] || a[2] || a[3])
		return -EINVAL;
	t->process->thp_disable = a[0] != 0;
	return 0;
}

static int64_t get_thp_disable(struct task *t, const uint64_t *a)
{
	return a[0] || a[1] || a[2] || a[3] ? -EINVAL : t->process->thp_disable;
}

static int64_t get_seccomp(struct task *t, const uint64_t *a)
{
	return t->seccomp.mode;
}

/* Strict mode always ignored the filter. */
static int64_t set_seccomp(struct task *t, const uint64_t *a)
{
	switch (a[0]) {
	case SECCOMP_MODE_STRICT: return do_seccomp(t, SECCOMP_SET_MODE_STRICT, 0, GVA_NULL);
	case SECCOMP_MODE_FILTER: return do_seccomp(t, SECCOMP_SET_MODE_FILTER, 0, GVA(a[1]));
	default: return -EINVAL;
	}
}

static int64_t get_tsc(struct task *t, const uint64_t *a)
{
	int32_t mode = PR_TSC_ENABLE;
	return put_user(t, GVA(a[0]), &mode);
}

/* Time stamp counters cannot be taken from a guest's threads. */
static int64_t set_tsc(struct task *t, const uint64_t *a)
{
	return (int)a[0] == PR_TSC_ENABLE ? 0 : -EINVAL;
}

static int64_t get_tid_address(struct task *t, const uint64_t *a)
{
	return put_user(t, GVA(a[0]), &t->clear_child_tid);
}

/* The fields that /proc/PID/stat shows of an address space stay as execve(2) set them. */
static int64_t set_mm(struct task *t, const uint64_t *a)
{
	return cred_capable(t->cred, CAP_SYS_RESOURCE) ? -EINVAL : -EPERM;
}

/* Names for anonymous memory show in /proc/PID/maps only; the kernel may be built without them
 * (CONFIG_ANON_VMA_NAME). */
static int64_t set_vma(struct task *t, const uint64_t *a)
{
	return -EINVAL;
}

static const struct prctl_option {
	int option;
	prctl_fn *fn;
} prctl_options[] = {
	{ PR_SET_PDEATHSIG, set_pdeathsig },
	{ PR_GET_PDEATHSIG, get_pdeathsig },
	{ PR_SET_NAME, set_name },
	{ PR_GET_NAME, get_name },
	{ PR_SET_DUMPABLE, set_dumpable },
	{ PR_GET_DUMPABLE, get_dumpable },
	{ PR_SET_KEEPCAPS, set_keepcaps },
	{ PR_GET_KEEPCAPS, get_keepcaps },
	{ PR_SET_CHILD_SUBREAPER, set_subreaper },
	{ PR_GET_CHILD_SUBREAPER, get_subreaper },
	{ PR_SET_NO_NEW_PRIVS, set_no_new_privs },
	{ PR_GET_NO_NEW_PRIVS, get_no_new_privs },
	{ PR_CAPBSET_READ, capbset_read },
	{ PR_CAPBSET_DROP, capbset_drop },
	{ PR_CAP_AMBIENT, cap_ambient },
	{ PR_GET_SECCOMP, get_seccomp },
	{ PR_SET_SECCOMP, set_seccomp },
	{ PR_GET_SECUREBITS, get_securebits },
	{ PR_SET_SECUREBITS, set_securebits },
	{ PR_SET_MM, set_mm },
	{ PR_SET_TIMERSLACK, set_timerslack },
	{ PR_GET_TIMERSLACK, get_timerslack },
	{ PR_SET_THP_DISABLE, set_thp_disable },
	{ PR_GET_THP_DISABLE, get_thp_disable },
	{ PR_GET_TSC, get_tsc },
	{ PR_SET_TSC, set_tsc },
	{ PR_GET_TID_ADDRESS, get_tid_address },
	{ PR_SET_VMA, set_vma },
};

SYSCALL_DEFINE(prctl)
{
	for (size_t i = 0; i < sizeof prctl_options / sizeof prctl_options[0]; i++) {
		if (prctl_options[i].option == (int)a[0])
			return prctl_options[i].fn(t, a + 1);
	}
	return -EINVAL;
}

SYSCALL_DEFINE(arch_prctl)
{
	const struct platform *pf = t->sb->platform;
	struct arch_prctl_effect effect;
	struct cpu_regs regs;
	uint64_t features;

	pf->fp_size(t->sb->machine, &features);
	int err = pf->regs_get(t->context, &regs);
	if (err)
		return err;
	int64_t r = arch_prctl(&regs, (int)a[0], a[1], features, &effect);
	if (r == 0 && effect.set_regs)
		r = pf->regs_set(t->context, &regs);
	if (r == 0 && effect.put)
		r = put_user(t, GVA(a[1]), &effect.value);
	return r;
}

/* Only what changes nothing else, or what the loader knows of, can be set; the rest would be a
 * lie. */
SYSCALL_DEFINE(personality)
{
	unsigned new = (unsigned)a[0];
	if (new == 0xffffffff)
		return t->process->personality;
	return atomic_exchange(&t->process->personality, new);
}
