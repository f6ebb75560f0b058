/* SPDX-License-Identifier: Apache-2.0 */
/* Gives a host thread the file system ids, groups and capabilities of the guest task that it
 * works for, so that the host's kernel checks access to files as it would for that task. See the
 * header. */
#include "host/fscred.h"

#include <errno.h>
#include <linux/capability.h>
#include <sched.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "host/hostcall.h"

#define GROUPS_KEPT 64 /* longer lists are set each time */

static __thread struct {
	bool known, asked_umask, own_umask;
	mode_t umask;
	uid_t uid;
	gid_t gid;
	int nr_groups; /* -1: not known */
	gid_t groups[GROUPS_KEPT];
	uint64_t permitted, effective, inheritable;
} current;

/* What an fsuid of 0 brings and any other takes away (capabilities(7), "Effect of user ID
 * changes"). */
#define CAPS_OF_FILES                                                                              \
	(1UL << CAP_CHOWN | 1UL << CAP_DAC_OVERRIDE | 1UL << CAP_DAC_READ_SEARCH |                 \
	 1UL << CAP_FOWNER | 1UL << CAP_FSETID | 1UL << CAP_LINUX_IMMUTABLE | 1UL << CAP_MKNOD |   \
	 1UL << CAP_MAC_OVERRIDE)

/* Besides, the host asks these about files (attributes of trusted.* and security.*, file
 * capabilities, blocks and quota that are kept for root, leases), and those of the network for
 * options of sockets. */
#define CAPS_ASKED                                                                                 \
	(CAPS_OF_FILES | 1UL << CAP_SYS_ADMIN | 1UL << CAP_SETFCAP | 1UL << CAP_SYS_RESOURCE |     \
	 1UL << CAP_LEASE | 1UL << CAP_NET_ADMIN | 1UL << CAP_NET_RAW | 1UL << CAP_NET_BROADCAST)

static struct __user_cap_header_struct cap_header(void)
{
	return (struct __user_cap_header_struct){ .version = _LINUX_CAPABILITY_VERSION_3 };
}

static void learn_caps(void)
{
	struct __user_cap_header_struct h = cap_header();
	struct __user_cap_data_struct d[2] = { { 0 } };

	syscall(SYS_capget, &h, d);
	current.permitted = d[0].permitted | (uint64_t)d[1].permitted << 32;
	current.effective = d[0].effective | (uint64_t)d[1].effective << 32;
	current.inheritable = d[0].inheritable | (uint64_t)d[1].inheritable << 32;
}

static int caps_assume(uint64_t effective)
{
	struct __user_cap_header_struct h = cap_header();
	struct __user_cap_data_struct d[2] = {
		{ (uint32_t)effective, (uint32_t)current.permitted, (uint32_t)current.inheritable },
		{ (uint32_t)(effective >> 32), (uint32_t)(current.permitted >> 32),
		  (uint32_t)(current.inheritable >> 32) },
	};
	long r = host_call(SYS_capset, &h, d);

	if (r == 0)
		current.effective = effective;
	return (int)r;
}

static void learn(void)
{
	if (current.known)
		return;
	current.known = true;
	/* what the thread that made this one had assumed */
	current.uid = (uid_t)syscall(SYS_setfsuid, -1);
	current.gid = (gid_t)syscall(SYS_setfsgid, -1);
	current.nr_groups = getgroups(GROUPS_KEPT, current.groups);
	learn_caps();
}

static bool groups_equal(const gid_t *groups, int nr)
{
	return nr == current.nr_groups &&
	       memcmp(groups, current.groups, (size_t)nr * sizeof *groups) == 0;
}

static int groups_assume(const gid_t *groups, int nr)
{
	long r = host_call(SYS_setgroups, nr, groups);

	if (r < 0)
		return (int)r;
	current.nr_groups = nr <= GROUPS_KEPT ? nr : -1;
	if (nr <= GROUPS_KEPT)
		memcpy(current.groups, groups, (size_t)nr * sizeof *groups);
	return 0;
}

/* setfsuid and setfsgid tell of failure only by what a second call returns. */
static int id_assume(long nr, unsigned id)
{
	syscall(nr, id);
	return (unsigned)syscall(nr, -1) == id ? 0 : -EPERM;
}

static int ids_change(const struct fscred *fc)
{
	int err = 0;

	if (!groups_equal(fc->groups, fc->nr_groups))
		err = groups_assume(fc->groups, fc->nr_groups);
	if (!err && fc->gid != current.gid) {
		err = id_assume(SYS_setfsgid, fc->gid);
		if (!err)
			current.gid = fc->gid;
	}
	if (!err && fc->uid != current.uid) {
		err = id_assume(SYS_setfsuid, fc->uid);
		if (!err)
			current.uid = fc->uid;
		learn_caps(); /* the kernel took or gave those of files */
	}
	return err;
}

static uint64_t caps_wanted(uint64_t caps)
{
	return (current.effective & ~CAPS_ASKED) | (current.permitted & CAPS_ASKED & caps);
}

int fscred_limit(uint64_t caps)
{
	learn();
	return current.effective == caps_wanted(caps) ? 0 : caps_assume(caps_wanted(caps));
}

int fscred_drop(uint64_t keep)
{
	learn();
	if (!(current.permitted & ~keep))
		return 0;
	current.permitted &= keep;
	current.inheritable &= keep;
	return caps_assume(current.effective & keep);
}

uint64_t fscred_effective(void)
{
	learn();
	return current.effective;
}

int fscred_assume(const struct fscred *fc)
{
	learn();
	bool same_ids = fc->uid == current.uid && fc->gid == current.gid &&
			groups_equal(fc->groups, fc->nr_groups);

	int err = same_ids ? 0 : ids_change(fc);
	return err ? err : fscred_limit(fc->caps);
}

int fscred_save(struct fscred_saved *s)
{
	int n = getgroups(0, NULL);

	current.known = false;
	learn();
	*s = (struct fscred_saved){ current.uid, current.gid, current.effective, NULL, 0 };
	s->groups = malloc(((size_t)n + 1) * sizeof *s->groups);
	if (!s->groups)
		return -ENOMEM;
	s->nr_groups = getgroups(n, s->groups);
	return 0;
}

void fscred_restore(struct fscred_saved *s)
{
	(void)fscred_assume(
	    &(struct fscred){ s->uid, s->gid, s->effective, s->groups, s->nr_groups });
	free(s->groups);
}

mode_t fscred_umask(mode_t mode, mode_t mask)
{
	if (!current.asked_umask) {
		current.asked_umask = true;
		current.own_umask = unshare(CLONE_FS) == 0;
		current.umask = (mode_t)-1; /* not known */
	}
	if (!current.own_umask)
		return mode & ~mask;
	if (current.umask != mask)
		umask(mask);
	current.umask = mask;
	return mode;
}
