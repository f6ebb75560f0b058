/* SPDX-License-Identifier: Apache-2.0 */
/* mount(2), umount2(2), pivot_root(2). What they do to the tree is in fs/do_mount.c. */
#include <limits.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <sys/mount.h>

#include "fs/do_mount.h"
#include "kernel/nsproxy.h"
#include "sys/at.h"
#include "sys/fs_context.h"
#include "sys/mount.h"

#ifndef MS_NOSYMFOLLOW
#define MS_NOSYMFOLLOW 256
#endif
#define MS_NOUSER_FLAG (1UL << 31)
#define MAGIC_MASK     0xffff0000UL
#define PROPAGATION    (MS_SHARED | MS_PRIVATE | MS_SLAVE | MS_UNBINDABLE)
#define ATIME_FLAGS    (MS_NOATIME | MS_NODIRATIME | MS_RELATIME | MS_STRICTATIME)

struct mnt_namespace *task_mnt_ns(const struct task *t)
{
	return nsproxy_mnt(t->nsproxy);
}

bool task_may_mount(const struct task *t)
{
	return cred_ns_capable(t->cred, task_mnt_ns(t)->ns.owner, CAP_SYS_ADMIN);
}

/* What one call is about. */
struct mount_call {
	struct task *t;
	struct mnt_namespace *ns;
	struct caller c;
	struct path at;
	unsigned long flags;
	char *source, *type, *data; /* NULL: not given */
};

/* ---- its arguments ---- */

/* copy_mount_string(): as strndup_user(). */
static int get_string(struct task *t, uint64_t addr, char **out)
{
	*out = NULL;
	if (!addr)
		return 0;
	int err = get_path(t, GVA(addr), true, out);
	return err == -ENAMETOOLONG ? -EINVAL : err;
}

/* copy_mount_options(): a page, or as much of it as there is. */
static int get_data(struct task *t, uint64_t addr, char **out)
{
	*out = NULL;
	if (!addr)
		return 0;
	char *page = calloc(1, PAGE_SIZE);
	if (!page)
		return -ENOMEM;
	if (copy_from_guest(t->mm, page, GVA(addr), PAGE_SIZE) == PAGE_SIZE) {
		free(page);
		return -EFAULT;
	}
	page[PAGE_SIZE - 1] = '\0';
	*out = page;
	return 0;
}

static unsigned mount_flags(const struct mount_call *m)
{
	static const struct {
		unsigned long ms;
		unsigned flag;
	} map[] = {
		{ MS_RDONLY, MOUNT_RDONLY },
		{ MS_NOSUID, MOUNT_NOSUID },
		{ MS_NODEV, MOUNT_NODEV },
		{ MS_NOEXEC, MOUNT_NOEXEC },
		{ MS_NOATIME, MOUNT_NOATIME },
		{ MS_NODIRATIME, MOUNT_NODIRATIME },
		{ MS_NOSYMFOLLOW, MOUNT_NOSYMFOLLOW },
	};
	const unsigned atime = MOUNT_NOATIME | MOUNT_NODIRATIME | MOUNT_STRICTATIME;
	unsigned flags = 0;

	for (size_t i = 0; i < sizeof map / sizeof *map; i++)
		flags |= m->flags & map[i].ms ? map[i].flag : 0;
	if (m->flags & MS_STRICTATIME)
		flags = (flags & ~(unsigned)MOUNT_NOATIME) | MOUNT_STRICTATIME;
	if (m->flags & MS_REMOUNT && !(m->flags & ATIME_FLAGS))
		flags = (flags & ~atime) | (m->at.mnt->flags & atime);
	return flags;
}

/* ---- what it can be ---- */

static int mount_new_fs(struct mount_call *m)
{
	struct filesystem *fs;
	struct fs_context fc;

	if (!m->type)
		return -EINVAL;
	int err = fs_context_init(&fc, m->ns->vfs, m->type);
	if (err)
		return err;
	fs_context_set_flags(&fc, m->flags);
	if (m->source)
		err = fs_context_parse(&fc, "source", m->source);
	if (!err && m->data)
		err = fs_context_parse_options(&fc, m->data);
	if (!err)
		err = fs_context_create(&fc, m->t, &fs);
	if (!err) {
		struct mount *new =
		    mount_new(m->ns->vfs, fs, NULL, mount_flags(m), fc.source ? fc.source : "none");
		err = new ? do_new_mount(&m->c, m->ns, &m->at, new) : -ENOMEM;
		mount_put(new);
	}
	fs_context_free(&fc);
	return err;
}

static int remount(struct mount_call *m)
{
	const unsigned all = MOUNT_RDONLY | MOUNT_NOSUID | MOUNT_NODEV | MOUNT_NOEXEC |
			     MOUNT_NOATIME | MOUNT_NODIRATIME | MOUNT_STRICTATIME |
			     MOUNT_NOSYMFOLLOW;
	struct fs_context fc;
	int err = 0;

	if (!mnt_ns_has(m->ns, m->at.mnt) || !path_is_mount(&m->at))
		return -EINVAL;
	if (!(m->flags & MS_BIND)) {
		fs_context_init_for(&fc, m->ns->vfs, m->at.mnt->fs);
		fs_context_set_flags(&fc, m->flags);
		if (m->data && fc.type->parse)
			err = fs_context_parse_options(&fc, m->data);
		if (!err)
			err = fs_context_reconfigure(&fc, m->t, m->at.mnt->fs);
		fs_context_free(&fc);
	}
	return err ? err : do_set_flags(m->ns, &m->at, mount_flags(m), all, NULL, false);
}

static int bind_or_move(struct mount_call *m)
{
	struct path from;

	if (!m->source || !*m->source)
		return -EINVAL;
	int err = path_walk(&m->c, NULL, m->source, 0, &from);
	if (err)
		return err;
	err = m->flags & MS_BIND ? do_bind(&m->c, m->ns, &from, &m->at, m->flags & MS_REC)
				 : do_move(&m->c, m->ns, &from, &m->at);
	path_put(&from);
	return err;
}

int propagation_of(unsigned long ms_flags, enum propagation *out)
{
	switch (ms_flags) {
	case MS_SHARED: *out = PROPAGATION_SHARED; return 0;
	case MS_PRIVATE: *out = PROPAGATION_PRIVATE; return 0;
	case MS_SLAVE: *out = PROPAGATION_SLAVE; return 0;
	case MS_UNBINDABLE: *out = PROPAGATION_UNBINDABLE; return 0;
	default: return -EINVAL;
	}
}

static int change_type(struct mount_call *m)
{
	enum propagation to;
	int err = propagation_of(m->flags & ~(unsigned long)(MS_REC | MS_SILENT), &to);

	return err ? err : do_change_type(m->ns, &m->at, to, m->flags & MS_REC);
}

static int do_call(struct mount_call *m)
{
	if ((m->flags & MAGIC_MASK) == MS_MGC_VAL)
		m->flags &= ~MAGIC_MASK;
	if (m->flags & MS_NOUSER_FLAG)
		return -EINVAL;
	if (!task_may_mount(m->t))
		return -EPERM;
	if (m->flags & MS_REMOUNT)
		return remount(m);
	if (m->flags & MS_BIND)
		return bind_or_move(m);
	if (m->flags & PROPAGATION)
		return change_type(m);
	return m->flags & MS_MOVE ? bind_or_move(m) : mount_new_fs(m);
}

SYSCALL_DEFINE(mount)
{
	struct mount_call m = { .t = t, .ns = task_mnt_ns(t), .flags = a[3] };
	struct at at;
	int err = get_string(t, a[2], &m.type);

	if (!err)
		err = get_string(t, a[0], &m.source);
	if (!err)
		err = get_data(t, a[4], &m.data);
	if (!err && (err = at_get(t, AT_FDCWD, GVA(a[1]), false, &at)) == 0) {
		m.c = at.c;
		err = at_walk(&at, 0, &m.at);
		if (!err) {
			err = do_call(&m);
			path_put(&m.at);
		}
		at_put(&at);
	}
	free(m.type);
	free(m.source);
	free(m.data);
	return err;
}

#define UMOUNT_FLAGS (MNT_FORCE | MNT_DETACH | MNT_EXPIRE | UMOUNT_NOFOLLOW)

SYSCALL_DEFINE(umount2)
{
	int flags = (int)a[1];
	struct path p;
	struct at at;

	if (flags & ~UMOUNT_FLAGS)
		return -EINVAL;
	int err = at_get(t, AT_FDCWD, GVA(a[0]), false, &at);
	if (err)
		return err;
	err = at_walk(&at, flags & UMOUNT_NOFOLLOW ? AT_SYMLINK_NOFOLLOW : 0, &p);
	if (!err && !task_may_mount(t)) {
		path_put(&p);
		err = -EPERM;
	}
	if (!err)
		err = do_umount(&at.c, task_mnt_ns(t), &p, flags);
	at_put(&at);
	return err;
}

static int walk_to_dir(struct task *t, uint64_t name, struct path *out)
{
	struct at at;
	int err = at_get(t, AT_FDCWD, GVA(name), false, &at);

	if (err)
		return err;
	err = path_walk(&at.c, NULL, at.name, WALK_DIRECTORY, out);
	at_put(&at);
	return err;
}

SYSCALL_DEFINE(pivot_root)
{
	struct caller c = task_caller(t);
	struct path new, put_old;

	if (!task_may_mount(t))
		return -EPERM;
	int err = walk_to_dir(t, a[0], &new);
	if (err)
		return err;
	err = walk_to_dir(t, a[1], &put_old);
	if (!err) {
		struct path root = fs_struct_root(t->fs);
		err = do_pivot_root(&c, task_mnt_ns(t), &new, &put_old);
		if (!err)
			sandbox_switch_roots(t->sb, &root, &new);
		path_put(&root);
		path_put(&put_old);
	}
	path_put(&new);
	return err;
}
