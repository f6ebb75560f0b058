/* SPDX-License-Identifier: Apache-2.0 */
/* What the system says of itself: uname(2), syslog(2), sysinfo(2), getrandom(2), getcpu(2). */
#include <linux/capability.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/personality.h>
#include <sys/random.h> /* GRND_* */
#include <sys/sysinfo.h>
#include <sys/utsname.h>

#include "arch/machine.h"
#include "host/random.h"
#include "kernel/nsproxy.h"
#include "kernel/time_ns.h"
#include "sys/sys.h"
#include "util/time.h"

/* The guest sees the host's kernel release: programs choose features by it, and ours are tested
 * against that kernel. */
SYSCALL_DEFINE(uname)
{
	struct utsname u;
	if (uname(&u) < 0)
		return -errno;
	const struct uts_namespace *ns = nsproxy_uts(t->nsproxy);
	uts_get(ns, UTS_HOST, u.nodename);
	uts_get(ns, UTS_DOMAIN, u.domainname);
	if ((t->process->personality & PER_MASK) == PER_LINUX32)
		strcpy(u.machine, ARCH_NAME_32); /* uname(2) as setarch(8) expects it */
	return put_user(t, GVA(a[0]), &u);
}

static int64_t set_name(struct task *t, enum uts_name which, const uint64_t *a)
{
	struct uts_namespace *ns = nsproxy_uts(t->nsproxy);
	char name[UTS_NAME_MAX];

	if (!cred_ns_capable(t->cred, ns->ns.owner, CAP_SYS_ADMIN))
		return -EPERM;
	if ((int)a[1] < 0 || (int)a[1] > UTS_NAME_MAX)
		return -EINVAL;
	if (copy_from_guest(t->mm, name, GVA(a[0]), (unsigned)a[1]))
		return -EFAULT;
	uts_set(ns, which, name, (unsigned)a[1]);
	return 0;
}

SYSCALL_DEFINE(sethostname)
{
	return set_name(t, UTS_HOST, a);
}

SYSCALL_DEFINE(setdomainname)
{
	return set_name(t, UTS_DOMAIN, a);
}

/* ---- syslog(2): there are no messages, and they are for those with the capability (sysctl
 * kernel.dmesg_restrict) */

enum {
	LOG_CLOSE,
	LOG_OPEN,
	LOG_READ,
	LOG_READ_ALL,
	LOG_READ_CLEAR,
	LOG_CLEAR,
	LOG_SIZE_UNREAD = 9,
	LOG_SIZE_BUFFER
};

static int check_log_buffer(gva_t addr, int len)
{
	if (!addr.v || len < 0)
		return -EINVAL;
	return gva_range_ok(addr, (uint64_t)len) ? 0 : -EFAULT;
}

/* Reads wait for a first message. */
static int64_t read_log(struct task *t, gva_t addr, int len)
{
	int err = check_log_buffer(addr, len);

	while (!err && len)
		err = sleeper_wait(&t->sleeper, DEADLINE_NONE);
	return err == -EINTR ? -ERESTARTSYS : err;
}

SYSCALL_DEFINE(syslog)
{
	int type = (int)a[0], len = (int)a[2];

	if (!cred_capable(t->cred, CAP_SYSLOG))
		return -EPERM;
	switch (type) {
	case LOG_READ: return read_log(t, GVA(a[1]), len);
	case LOG_READ_ALL:
	case LOG_READ_CLEAR: return check_log_buffer(GVA(a[1]), len);
	case LOG_CLOSE:
	case LOG_OPEN:
	case LOG_CLEAR:
	case LOG_SIZE_UNREAD:
	case LOG_SIZE_BUFFER: return 0;
	}
	return -EINVAL;
}

SYSCALL_DEFINE(sysinfo)
{
	struct sysinfo si;
	uint64_t total, used;
	if (sysinfo(&si) < 0)
		return -errno;
	if (sandbox_memory(t->sb, &total, &used))
		si = (struct sysinfo){ .loads = { si.loads[0], si.loads[1], si.loads[2] },
				       .totalram = total,
				       .freeram = total - used,
				       .mem_unit = 1 };
	uint64_t up = guest_clock_ns(&t->sb->clock, CLOCK_BOOTTIME) +
		      (uint64_t)task_clock_ahead(t, CLOCK_BOOTTIME);
	si.uptime = (long)((up + NSEC_PER_SEC - 1) / NSEC_PER_SEC);
	sandbox_lock(t->sb);
	si.procs = (unsigned short)t->sb->nr_tasks;
	sandbox_unlock(t->sb);
	return put_user(t, GVA(a[0]), &si);
}

/* Bounded pieces: the monitor's memory for one call does not depend on the guest's length. */
SYSCALL_DEFINE(getrandom)
{
	uint8_t buf[4096];
	uint64_t len = a[1] > MAX_RW_COUNT ? MAX_RW_COUNT : a[1], done = 0;
	unsigned flags = (unsigned)a[2];

	if (flags & ~(unsigned)(GRND_NONBLOCK | GRND_RANDOM | GRND_INSECURE) ||
	    (flags & (GRND_RANDOM | GRND_INSECURE)) == (GRND_RANDOM | GRND_INSECURE))
		return -EINVAL;
	while (done < len) {
		size_t n = len - done < sizeof buf ? len - done : sizeof buf;
		int err = random_bytes(&t->random, buf, n);
		if (err)
			return done ? (int64_t)done : err;
		size_t left = copy_to_guest(t->mm, gva_add(GVA(a[0]), done), buf, n);
		done += n - left;
		if (left)
			return done ? (int64_t)done : -EFAULT;
		if (sleeper_interrupted(&t->sleeper))
			return (int64_t)done;
	}
	return (int64_t)done;
}

SYSCALL_DEFINE(getcpu)
{
	unsigned cpu, node;
	if (getcpu(&cpu, &node) < 0)
		return -errno;
	if (a[0] && put_user(t, GVA(a[0]), &cpu))
		return -EFAULT;
	return a[1] ? put_user(t, GVA(a[1]), &node) : 0;
}
