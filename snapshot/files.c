/* SPDX-License-Identifier: Apache-2.0 */
/* Saves and loads descriptor tables. See the header. */
#include "snapshot/files.h"
#include "snapshot/process.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "fs/locks.h"
#include "fs/saved.h"
#include "kernel/fasync.h"
#include "kernel/fdtable.h"
#include "kernel/limits.h"
#include "kernel/process.h"
#include "kernel/sandbox.h"
#include "kernel/task.h"

/* ---- descriptor tables ---- */

static int check_table(struct saver *s, const struct process *p, struct fdtable *ft)
{
	for (int fd = fd_next(ft, 0); fd >= 0; fd = fd_next(ft, fd + 1)) {
		struct file *f = fd_get_path(ft, fd);
		const struct saved_kind *kind = file_saved_kind(f);
		const char *why = saved_refusal(s, kind, f);

		file_put(f);
		if (why)
			return errmsg_set(s->errmsg, ENOTSUP,
					  "process %d (%s): descriptor %d is a %s, %s", p->pid->nr,
					  process_comm(p), fd,
					  kind ? kind->name : "file of an unknown kind", why);
	}
	return 0;
}

int files_check(struct saver *s, struct process *p)
{
	struct fdtable *before = NULL;
	struct task *t;
	int err = 0;

	list_for_each (t, &p->tasks, process_node) {
		if (!err && t->files && t->files != before)
			err = check_table(s, p, t->files);
		before = t->files;
	}
	return err;
}

/* F_SETOWN and F_SETSIG are the open file's; it is as well told with each of its descriptors. */
static void save_owner(struct encoder *out, const struct file_owner *o)
{
	encode_signed(out, o->type);
	encode_signed(out, o->pid);
	encode_signed(out, o->sig);
	encode(out, o->uid);
	encode(out, o->euid);
}

static void load_owner(struct decoder *in, struct file_owner *o)
{
	o->type = (int)decode_between(in, F_OWNER_TID, F_OWNER_PGRP);
	o->pid = (int)decode_between(in, 0, INT_MAX);
	o->sig = (int)decode_between(in, 0, NSIGNALS);
	o->uid = (uid_t)decode_max(in, UINT32_MAX);
	o->euid = (uid_t)decode_max(in, UINT32_MAX);
}

/* Signals that tell of the file (kernel/fasync.h): whether, with which descriptor, and whether of
 * more than urgent data. */
static void save_async(struct encoder *out, const struct file *f)
{
	encode(out, f->fasync != NULL);
	encode_signed(out, fasync_fd(f));
	encode(out, (f->flags & O_ASYNC) != 0);
}

struct async {
	bool told, on;
	int fd;
};

static void load_async(struct decoder *in, struct async *a)
{
	a->told = decode_bool(in);
	a->fd = (int)decode_between(in, -1, INT_MAX);
	a->on = decode_bool(in);
}

static int set_async(struct loader *l, struct file *f, const struct async *a)
{
	return a->told && fasync_possible(f) ? fasync_set_later(l->sandbox, f, a->fd, a->on) : 0;
}

static int fdtable_save(struct saver *s, void *object)
{
	struct fdtable *ft = object;
	size_t place = encode_place(&s->out);
	uint64_t nr = 0;

	for (int fd = fd_next(ft, 0); fd >= 0; fd = fd_next(ft, fd + 1), nr++) {
		struct file *f = fd_get_path(ft, fd);

		encode(&s->out, (uint64_t)fd);
		encode(&s->out, fd_get_cloexec(ft, fd) > 0);
		save_owner(&s->out, &f->owner);
		save_async(&s->out, f);
		encode(&s->out, file_saved(s, f));
		file_put(f);
	}
	encode_at(&s->out, place, nr);
	return 0;
}

/* A standard descriptor that the copy has not stays free. */
static int load_descriptor(struct loader *l, struct fdtable *ft, int low)
{
	int fd = (int)decode_between(&l->in, low, NR_OPEN_MAX - 1);
	bool cloexec = decode_bool(&l->in);
	struct file_owner owner;
	struct async async;
	struct file *f;
	load_owner(&l->in, &owner);
	load_async(&l->in, &async);
	int err = file_loaded(l, decode(&l->in), &f);

	if (l->in.failed)
		err = loader_damaged(l, "a descriptor");
	if (err || !f)
		return err ? err : fd;
	f->owner = owner;
	err = set_async(l, f, &async);
	if (err) {
		file_put(f);
		return err;
	}
	return fd_install(ft, f, fd, cloexec, (uint64_t)fd + 1);
}

static int fdtable_load(struct loader *l, void **out)
{
	uint64_t nr = decode_count(&l->in, 11 * sizeof(uint64_t));
	struct sandbox *sb = l->sandbox;
	struct fdtable *ft = fdtable_new(&sb->vfs->files);
	int at = -1;

	if (!ft)
		return -ENOMEM;
	for (uint64_t i = 0; i < nr; i++) {
		at = load_descriptor(l, ft, at + 1);
		if (at < 0) {
			fdtable_put(ft, l->caller);
			return at;
		}
	}
	*out = ft;
	return 0;
}

static void drop(void *object)
{
	fdtable_put(object, NULL);
}

const struct saved_kind fdtable_kind = {
	.name = "descriptor table",
	.save = fdtable_save,
	.load = fdtable_load,
	.put = drop,
};

/* ---- locks of files ---- */

/* POSIX locks belong to a descriptor table, and are of a file that is open there; the others to an
 * open file. */
struct found_lock {
	struct file_lock lock;
	struct inode_id id;
};

struct found_locks {
	struct found_lock *item;
	size_t nr, room;
	bool failed; /* no memory */
};

static void note_lock(const struct file_lock *l, const struct inode_id *id, void *arg)
{
	struct found_locks *all = arg;

	if (all->nr == all->room) {
		size_t room = all->room ? 2 * all->room : 64;
		struct found_lock *item = reallocarray(all->item, room, sizeof *item);
		all->failed |= !item;
		if (!item)
			return;
		all->item = item;
		all->room = room;
	}
	all->item[all->nr++] = (struct found_lock){ *l, *id };
}

/* The number of a file of the table that a lock is of; 0: none. */
static uint64_t locked_file(struct saver *s, struct fdtable *ft, const struct inode_id *of)
{
	uint64_t number = 0;

	for (int fd = fd_next(ft, 0); fd >= 0 && !number; fd = fd_next(ft, fd + 1)) {
		struct inode_id id;
		struct file *f = fd_get(ft, fd); /* without those of O_PATH */
		if (f && file_identify(f, &id) == 0 && id.ino == of->ino && id.dev == of->dev)
			number = file_saved(s, f);
		if (f)
			file_put(f);
	}
	return number;
}

static int save_lock(struct saver *s, const struct found_lock *fl)
{
	const struct file_lock *l = &fl->lock;
	void *owner = (void *)(uintptr_t)l->owner;
	bool posix = l->kind == LOCK_POSIX;
	uint64_t file = posix ? locked_file(s, owner, &fl->id) : file_saved(s, owner);

	if (!file && !s->failed)
		return errmsg_set(
		    s->errmsg, ENOTSUP,
		    "process %d holds a lock of a file that it has not open any more, "
		    "which a snapshot cannot hold yet",
		    l->pid);
	encode(&s->out, l->kind);
	encode(&s->out, l->type == F_WRLCK);
	encode(&s->out, (uint64_t)l->start);
	encode(&s->out, (uint64_t)l->end);
	encode_signed(&s->out, l->pid);
	encode(&s->out, posix ? saved_object(s, &fdtable_kind, owner) : 0);
	encode(&s->out, file);
	return 0;
}

static int locks_save(struct saver *s, void *object)
{
	struct found_locks all = { .nr = 0 };
	int err;

	lock_for_each(object, note_lock, &all);
	err = all.failed ? -ENOMEM : 0;
	encode(&s->out, all.nr);
	for (size_t i = 0; i < all.nr && !err; i++)
		err = save_lock(s, &all.item[i]);
	free(all.item);
	return err;
}

static int load_lock(struct loader *l, struct lock_table *locks)
{
	struct file_lock lock = { .kind = (enum lock_kind)decode_max(&l->in, LOCK_FLOCK),
				  .type = decode_bool(&l->in) ? F_WRLCK : F_RDLCK };
	struct inode_id id;
	struct file *f;
	void *table;

	lock.start = decode_between(&l->in, 0, INT64_MAX);
	lock.end = decode_between(&l->in, lock.start, INT64_MAX);
	lock.pid = (pid_t)decode_between(&l->in, -1, INT_MAX);
	int err = loaded_object(l, decode(&l->in), &fdtable_kind, &table);
	if (!err)
		err = file_loaded(l, decode(&l->in), &f);
	if (err)
		return err;
	if (l->in.failed || !f || (lock.kind == LOCK_POSIX) != (table != NULL)) {
		err = loader_damaged(l, "a lock of a file");
	} else if (file_identify(f, &id) == 0) {
		lock.owner = table ? table : f;
		if (!table)
			f->locks = locks;
		err = lock_set(locks, l->caller, &id, &lock, false);
		err = err == -EAGAIN ? loader_damaged(l, "locks that exclude each other") : err;
	}
	if (f)
		file_put(f);
	return err;
}

static int locks_load(struct loader *l, void **out)
{
	struct sandbox *sb = l->sandbox;
	uint64_t nr = decode_count(&l->in, 7 * sizeof(uint64_t));
	int err = 0;

	for (uint64_t i = 0; i < nr && !err; i++)
		err = load_lock(l, sb->vfs->locks);
	*out = sb->vfs->locks;
	return err;
}

/* They go with who holds them. */
static void locks_drop(void *object)
{
}

const struct saved_kind locks_kind = {
	.name = "locks of files",
	.save = locks_save,
	.load = locks_load,
	.put = locks_drop,
};

void locks_note(struct saver *s)
{
	struct sandbox *sb = s->sandbox;

	if (lock_table_used(sb->vfs->locks))
		(void)saved_object(s, &locks_kind, sb->vfs->locks);
}
