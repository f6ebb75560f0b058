/* SPDX-License-Identifier: Apache-2.0 */
#include "host/fscred.h"

#include <sched.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

#include "host/hostcall.h"

#define GROUPS_KEPT 64 /* longer lists are set each time */

static __thread struct {
	bool known, umask_cleared;
	uid_t uid;
	gid_t gid;
	int nr_groups; /* -1: not known */
	gid_t groups[GROUPS_KEPT];
} current;

static void learn(void)
{
	if (current.known)
		return;
	current.known = true;
	current.uid = geteuid();
	current.gid = getegid();
	current.nr_groups = getgroups(GROUPS_KEPT, current.groups);
}

static bool groups_equal(const gid_t *groups, int nr)
{
	return nr == current.nr_groups && memcmp(groups, current.groups, (size_t)nr * sizeof *groups) == 0;
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

static int ids_change(uid_t uid, gid_t gid, const gid_t *groups, int nr_groups)
{
	int err = 0;

	if (!groups_equal(groups, nr_groups))
		err = groups_assume(groups, nr_groups);
	if (!err && gid != current.gid) {
		err = id_assume(SYS_setfsgid, gid);
		if (!err)
			current.gid = gid;
	}
	if (!err && uid != current.uid) {
		err = id_assume(SYS_setfsuid, uid);
		if (!err)
			current.uid = uid;
	}
	return err;
}

int fscred_assume(uid_t uid, gid_t gid, const gid_t *groups, int nr_groups)
{
	learn();
	if (uid == current.uid && gid == current.gid && groups_equal(groups, nr_groups))
		return 0;
	return ids_change(uid, gid, groups, nr_groups);
}

void fscred_clear_umask(void)
{
	if (current.umask_cleared)
		return;
	current.umask_cleared = true;
	if (unshare(CLONE_FS) == 0)
		umask(0);
}
