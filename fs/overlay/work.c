/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The directory "work" of the upper layer. What is to appear at a name is made here first, so that
 * it appears whole; what is to go is moved here before it is taken apart. Whatever lies here when
 * the layer is mounted is left from a run that did not end, and is removed.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "fs/device.h"
#include "fs/overlay/internal.h"

#ifndef RENAME_EXCHANGE
#define RENAME_EXCHANGE 2
#endif

void ovl_temp_name(struct overlay *o, char name[OVL_NAME])
{
	snprintf(name, OVL_NAME, "#%lx", (unsigned long)o->next_temp++);
}

/* Removes from a directory what is none itself. */
struct emptying {
	struct dir_emit emit;
	struct inode *dir;
	struct caller *mc;
	unsigned removed;
};

static bool remove_entry(struct dir_emit *e, const char *name, size_t len, uint64_t ino,
			 int64_t next, unsigned char type)
{
	struct emptying *x = container_of(e, struct emptying, emit);
	bool dots = name[0] == '.' && (len == 1 || (len == 2 && name[1] == '.'));

	if (!dots && x->dir->ops->unlink(x->dir, x->mc, name) == 0)
		x->removed++;
	return true;
}

/* A directory that loses entries while it is read may not show all of them at once. */
static void empty_directory(struct inode *dir, struct caller *mc)
{
	struct emptying x = { { .emit = remove_entry }, dir, mc, 1 };
	struct file *f;

	while (x.removed && ovl_real_open(dir, mc, O_RDONLY | O_DIRECTORY, &f) == 0) {
		x.removed = 0;
		f->ops->readdir(f, mc, &x.emit);
		file_put(f);
	}
}

void ovl_work_remove(struct overlay *o, struct caller *mc, const char *temp)
{
	struct inode *i;

	if (ovl_real_lookup(o->work, mc, temp, strlen(temp), &i))
		return;
	if (S_ISDIR(i->type)) {
		if (o->work->ops->rmdir(o->work, mc, temp) == -ENOTEMPTY) {
			empty_directory(i, mc);
			o->work->ops->rmdir(o->work, mc, temp);
		}
	} else {
		o->work->ops->unlink(o->work, mc, temp);
	}
	inode_put(i);
}

/* What was left here by a run that ended badly is whole, or a directory that held nothing but
 * whiteouts. A directory with others in it is nobody's work of ours, and stays. */
struct cleaning {
	struct dir_emit emit;
	struct overlay *o;
	struct caller *mc;
};

static bool clean_entry(struct dir_emit *e, const char *name, size_t len, uint64_t ino,
			int64_t next, unsigned char type)
{
	struct cleaning *x = container_of(e, struct cleaning, emit);
	bool dots = name[0] == '.' && (len == 1 || (len == 2 && name[1] == '.'));

	if (!dots)
		ovl_work_remove(x->o, x->mc, name);
	return true;
}

void ovl_work_clean(struct overlay *o, struct caller *mc)
{
	struct cleaning x = { { .emit = clean_entry }, o, mc };
	struct file *f;

	if (ovl_real_open(o->work, mc, O_RDONLY | O_DIRECTORY, &f))
		return;
	f->ops->readdir(f, mc, &x.emit);
	file_put(f);
}

int ovl_set_aside(struct overlay *o, struct caller *mc, struct inode *dir, const char *name,
		  char temp[OVL_NAME])
{
	ovl_temp_name(o, temp);
	return dir->ops->rename(dir, mc, name, o->work, temp, 0);
}

void ovl_put_back(struct overlay *o, struct caller *mc, struct inode *dir, const char *name,
		  const char *temp)
{
	o->work->ops->rename(o->work, mc, temp, dir, name, 0);
}

int ovl_whiteout(struct overlay *o, struct caller *mc, struct inode *dir, const char *name,
		 bool there)
{
	char temp[OVL_NAME];

	if (!there)
		return dir->ops->mknod(dir, mc, name, S_IFCHR, WHITEOUT_DEV);
	ovl_temp_name(o, temp);
	int err = o->work->ops->mknod(o->work, mc, temp, S_IFCHR, WHITEOUT_DEV);
	if (err)
		return err;
	err = o->work->ops->rename(o->work, mc, temp, dir, name, RENAME_EXCHANGE);
	ovl_work_remove(o, mc, temp);
	return err;
}

/* ---- copies that are being made ---- */

void ovl_copy_free(struct ovl_copy *x)
{
	file_put(x->from);
	file_put(x->to);
	inode_put(x->inode);
	free(x);
}

/* Gives up what was made. */
void ovl_copy_undo(struct overlay *o, struct caller *mc, struct ovl_copy *x)
{
	ovl_work_remove(o, mc, x->temp);
	ovl_copy_free(x);
}

void ovl_copy_drop(struct ovl_inode *oi)
{
	struct overlay *o = overlay_of(&oi->inode);
	struct caller mc = ovl_mounter(o, NULL);

	if (oi->copy)
		ovl_copy_undo(o, &mc, oi->copy);
}
