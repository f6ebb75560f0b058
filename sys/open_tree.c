/* SPDX-License-Identifier: Apache-2.0 */
/* open_tree(2), move_mount(2), mount_setattr(2). */
#include <sys/mount.h>

#include "fs/do_mount.h"
#include "sys/at.h"
#include "sys/mount.h"
#include "sys/mount_abi.h"

static unsigned walk_flags(bool follow, bool empty_ok)
{
	return (follow ? 0U : WALK_NOFOLLOW) | (empty_ok ? WALK_EMPTY_OK : 0U);
}

static int walk_at(struct task *t, int dfd, gva_t name, unsigned flags, struct path *out)
{
	struct at at;
	int err = at_get(t, dfd, name, flags & WALK_EMPTY_OK, &at);

	if (err)
		return err;
	err = path_walk(&at.c, at.start, at.name, flags, out);
	at_put(&at);
	return err;
}

#define OPEN_TREE_KNOWN                                                                            \
	(AT_EMPTY_PATH | AT_NO_AUTOMOUNT | AT_RECURSIVE | AT_SYMLINK_NOFOLLOW |                    \
	 OPEN_TREE_ABI_CLONE | O_CLOEXEC)

SYSCALL_DEFINE(open_tree)
{
	unsigned flags = (unsigned)a[2],
		 walk = walk_flags(!(flags & AT_SYMLINK_NOFOLLOW), flags & AT_EMPTY_PATH);
	bool clone = flags & OPEN_TREE_ABI_CLONE;
	struct file *f = NULL;
	struct path p;
	struct at at;

	if (flags & ~(unsigned)OPEN_TREE_KNOWN || (flags & AT_RECURSIVE && !clone))
		return -EINVAL;
	if (clone && !task_may_mount(t))
		return -EPERM;
	int err = at_get(t, (int)a[0], GVA(a[1]), flags & AT_EMPTY_PATH, &at);
	if (err)
		return err;
	if (!clone) {
		err = vfs_open(&at.c, at.start, at.name, O_PATH, 0, walk, &f);
	} else if ((err = path_walk(&at.c, at.start, at.name, walk, &p)) == 0) {
		err = do_open_tree(&at.c, task_mnt_ns(t), &p, flags & AT_RECURSIVE, &f);
		path_put(&p);
	}
	at_put(&at);
	return err ? err : fd_return(t, f, flags & O_CLOEXEC);
}

SYSCALL_DEFINE(move_mount)
{
	unsigned flags = (unsigned)a[4];
	struct caller c = task_caller(t);
	struct path from, to;

	if (!task_may_mount(t))
		return -EPERM;
	if (flags & ~(unsigned)MOVE_MOUNT_ABI_MASK || flags & MOVE_MOUNT_ABI_BENEATH)
		return -EINVAL;
	int err = walk_at(
	    t, (int)a[2], GVA(a[3]),
	    walk_flags(flags & MOVE_MOUNT_ABI_T_SYMLINKS, flags & MOVE_MOUNT_ABI_T_EMPTY_PATH),
	    &to);
	if (err)
		return err;
	err = walk_at(
	    t, (int)a[0], GVA(a[1]),
	    walk_flags(flags & MOVE_MOUNT_ABI_F_SYMLINKS, flags & MOVE_MOUNT_ABI_F_EMPTY_PATH),
	    &from);
	if (!err) {
		err = flags & MOVE_MOUNT_ABI_SET_GROUP ? do_set_group(task_mnt_ns(t), &from, &to)
						       : do_move(&c, task_mnt_ns(t), &from, &to);
		path_put(&from);
	}
	path_put(&to);
	return err;
}

/* ---- mount_setattr ---- */

unsigned mount_flags_of_attr(uint64_t attr)
{
	static const struct {
		unsigned attr, flag;
	} map[] = {
		{ MOUNT_ATTR_ABI_RDONLY, MOUNT_RDONLY },
		{ MOUNT_ATTR_ABI_NOSUID, MOUNT_NOSUID },
		{ MOUNT_ATTR_ABI_NODEV, MOUNT_NODEV },
		{ MOUNT_ATTR_ABI_NOEXEC, MOUNT_NOEXEC },
		{ MOUNT_ATTR_ABI_NODIRATIME, MOUNT_NODIRATIME },
		{ MOUNT_ATTR_ABI_NOSYMFOLLOW, MOUNT_NOSYMFOLLOW },
	};
	unsigned flags = 0;

	for (size_t i = 0; i < sizeof map / sizeof *map; i++)
		flags |= attr & map[i].attr ? map[i].flag : 0;
	return flags;
}

/* What of MOUNT_* it sets and clears. The times of access are no bits but a field, which is changed
 * as a whole. */
static int parse_attr(const struct mount_attr_abi *attr, unsigned *set, unsigned *clear)
{
	uint64_t atime = attr->attr_set & MOUNT_ATTR_ABI_ATIME,
		 clear_atime = attr->attr_clr & MOUNT_ATTR_ABI_ATIME;

	if ((attr->attr_set | attr->attr_clr) & ~(uint64_t)MOUNT_ATTR_ABI_KNOWN)
		return -EINVAL;
	if (clear_atime ? clear_atime != MOUNT_ATTR_ABI_ATIME : atime != 0)
		return -EINVAL;
	if (atime && atime != MOUNT_ATTR_ABI_NOATIME && atime != MOUNT_ATTR_ABI_STRICTATIME)
		return -EINVAL;
	*set = mount_flags_of_attr(attr->attr_set) |
	       (atime == MOUNT_ATTR_ABI_NOATIME       ? MOUNT_NOATIME
		: atime == MOUNT_ATTR_ABI_STRICTATIME ? MOUNT_STRICTATIME
						      : 0);
	*clear = mount_flags_of_attr(attr->attr_clr) |
		 (clear_atime ? MOUNT_NOATIME | MOUNT_STRICTATIME : 0);
	return 0;
}

#define SETATTR_FLAGS (AT_EMPTY_PATH | AT_RECURSIVE | AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT)

static int set_attributes(struct task *t, const struct path *p, const struct mount_attr_abi *attr,
			  bool recursive)
{
	enum propagation to;
	unsigned set, clear;
	int err = attr->propagation ? propagation_of(attr->propagation, &to) : 0;

	if (!err)
		err = parse_attr(attr, &set, &clear);
	return err || !p ? err
			 : do_set_flags(task_mnt_ns(t), p, set, clear,
					attr->propagation ? &to : NULL, recursive);
}

SYSCALL_DEFINE(mount_setattr)
{
	unsigned flags = (unsigned)a[2];
	struct mount_attr_abi attr;
	struct path p;

	if (flags & ~(unsigned)SETATTR_FLAGS)
		return -EINVAL;
	if (a[4] > PAGE_SIZE)
		return -E2BIG;
	if (a[4] < sizeof attr)
		return -EINVAL;
	if (!task_may_mount(t))
		return -EPERM;
	int err = get_struct(t, GVA(a[3]), a[4], &attr, sizeof attr);
	if (err || !(attr.attr_set | attr.attr_clr | attr.propagation))
		return err;
	err = set_attributes(t, NULL, &attr, false);
	if (!err)
		err =
		    walk_at(t, (int)a[0], GVA(a[1]),
			    walk_flags(!(flags & AT_SYMLINK_NOFOLLOW), flags & AT_EMPTY_PATH), &p);
	if (err)
		return err;
	err = set_attributes(t, &p, &attr, flags & AT_RECURSIVE);
	path_put(&p);
	return err;
}
