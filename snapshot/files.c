/* SPDX-License-Identifier: Apache-2.0 */
/* Saves and loads descriptor tables. See the header. */
#include "snapshot/files.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "fs/locks.h"
#include "fs/saved.h"
#include "kernel/fdtable.h"
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

		if (!why && f->fasync)
			why = "whose owner gets signals (O_ASYNC, F_SETOWN of a socket), which a "
			      "snapshot "
			      "cannot hold yet";
		file_put(f);
		if (why)
			return errmsg_set(s->errmsg, ENOTSUP,
					  "process %d (%s): descriptor %d is a %s, %s", p->pid->nr,
					  p->leader ? p->leader->comm : "?", fd,
					  kind ? kind->name : "file of an unknown kind", why);
	}
	return 0;
}

static void note_owner(const struct file_lock *l, const struct inode_id *id, void *arg)
{
	*(pid_t *)arg = l->pid;
}

int locks_check(struct saver *s)
{
	struct sandbox *sb = s->sandbox;
	pid_t pid = 0;

	lock_for_each(sb->vfs->locks, note_owner, &pid);
	if (pid < 0)
		return errmsg_set(s->errmsg, ENOTSUP,
				  "an open file has a lock (F_OFD_SETLK), which a snapshot cannot "
				  "hold yet");
	return pid ? errmsg_set(
			 s->errmsg, ENOTSUP,
			 "process %d holds a lock of a file, which a snapshot cannot hold yet", pid)
		   : 0;
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
		encode(&s->out, file_saved(s, f));
		file_put(f);
	}
	encode_at(&s->out, place, nr);
	return 0;
}

/* A standard descriptor that the copy has not stays free. */
static int load_descriptor(struct loader *l, struct fdtable *ft, int low)
{
	int fd = (int)decode_between(&l->in, low, INT_MAX / 2);
	bool cloexec = decode_bool(&l->in);
	struct file_owner owner;
	struct file *f;
	load_owner(&l->in, &owner);
	int err = file_loaded(l, decode(&l->in), &f);

	if (l->in.failed)
		err = loader_damaged(l, "a descriptor");
	if (err || !f)
		return err ? err : fd;
	f->owner = owner;
	return fd_install(ft, f, fd, cloexec, (uint64_t)fd + 1);
}

static int fdtable_load(struct loader *l, void **out)
{
	uint64_t nr = decode_count(&l->in, 8 * sizeof(uint64_t));
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
