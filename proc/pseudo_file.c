/* SPDX-License-Identifier: Apache-2.0 */
/*
 * This file is the open-file side of generated file systems: reading, writing, seeking and listing.
 * The text of a file is made when it is read from the start and kept in the open file, so that a
 * program that reads it in pieces sees one state of it.
 */
#include "proc/pseudo_file.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fs/generic.h"
#include "fs/saved.h"
#include "proc/pseudo.h"

#define WRITE_MAX 4096 /* one write to a generated file, as procfs's sysctl handlers */
#define CURSOR_DYNAMIC                                                                             \
	4096 /* directory positions: "." 0, ".." 1, the table from 2, other names from here */

struct pseudo_file {
	struct file file;
	struct pseudo_node *node; /* a reference */
	struct text content;      /* guarded by file.pos_lock */
	bool made;
	_Atomic uint64_t poll_event; /* pseudo_entry.poll's */
};

static struct pseudo_file *pseudo_file_of(struct file *f)
{
	return container_of(f, struct pseudo_file, file);
}

/* A read at position 0 sees the state of now; later ones go on in the same text. */
static int make_content(struct pseudo_file *pf, struct caller *c, int64_t pos)
{
	if (pf->made && pos != 0)
		return 0;
	const struct pseudo_entry *e = pf->node->entry;
	text_cut(&pf->content, 0);
	int err = e->show ? 0 : -EINVAL;
	if (!err && e->gone != GONE_SAME && !pseudo_alive(pf->node))
		err = e->gone == GONE_ESRCH ? -ESRCH : 0;
	else if (!err)
		err = e->show(pf->node, c, &pf->content);
	if (!err && pf->content.failed)
		err = -ENOMEM;
	pf->made = err == 0;
	return err;
}

static ssize_t read_at_locked(struct pseudo_file *pf, struct caller *c, struct uio *u, int64_t pos)
{
	if (pf->node->entry->read_at)
		return pf->node->entry->read_at(pf->node, c, u, pos);
	int err = make_content(pf, c, pos);
	if (err)
		return err;
	if (pos < 0 || (uint64_t)pos >= pf->content.len)
		return 0;
	size_t n = pf->content.len - (size_t)pos;
	n = n < u->resid ? n : u->resid;
	size_t put = uio_put(u, text_str(&pf->content) + pos, n);
	return put || !n ? (ssize_t)put : -EFAULT;
}

static ssize_t pseudo_read(struct file *f, struct caller *c, struct uio *u, int64_t *pos)
{
	struct pseudo_file *pf = pseudo_file_of(f);
	mutex_lock(&f->pos_lock);
	int64_t *at = pos ? pos : &f->pos;
	ssize_t n = read_at_locked(pf, c, u, *at);
	if (n > 0)
		*at += n;
	mutex_unlock(&f->pos_lock);
	return n;
}

/* Moves the position, unless the file may be written again. */
static int store_by(struct file *f, struct caller *c, char *text)
{
	struct pseudo_node *n = pseudo_file_of(f)->node;

	mutex_lock(&f->pos_lock);
	int err = f->pos ? -EINVAL : 0;
	if (!err)
		err = n->entry->store_by(n, c, f->cred ? f->cred : c->cred, text);
	if (!err && !n->entry->again)
		f->pos = (int64_t)strlen(text);
	mutex_unlock(&f->pos_lock);
	return err;
}

static ssize_t pseudo_write(struct file *f, struct caller *c, struct uio *u, int64_t *pos)
{
	struct pseudo_node *n = pseudo_file_of(f)->node;
	char buf[WRITE_MAX];
	size_t len = u->resid;
	if (!n->entry->store && !n->entry->store_by)
		return -EINVAL;
	if (n->entry->store_by && pos)
		return -ESPIPE; /* Linux's seq_files */
	if (len >= sizeof buf)
		return -EINVAL;
	if (uio_take(u, buf, len) != len)
		return -EFAULT;
	buf[len] = '\0';
	if (!pseudo_alive(n))
		return -ESRCH;
	int err = n->entry->store_by ? store_by(f, c, buf) : n->entry->store(n, c, buf);
	return err ? err : (ssize_t)len;
}

static int64_t pseudo_lseek(struct file *f, struct caller *c, int64_t off, int whence)
{
	int64_t r = -EINVAL;
	mutex_lock(&f->pos_lock);
	int64_t base = whence == SEEK_CUR ? f->pos : 0;
	if ((whence == SEEK_SET || whence == SEEK_CUR) && !__builtin_add_overflow(base, off, &r) &&
	    r >= 0)
		f->pos = r;
	else
		r = -EINVAL;
	mutex_unlock(&f->pos_lock);
	return r;
}

static int64_t pseudo_ioctl(struct file *f, struct caller *c, struct mm *mm, unsigned cmd,
			    uint64_t arg)
{
	struct pseudo_node *n = pseudo_file_of(f)->node;

	return n->entry->ioctl ? n->entry->ioctl(n, c, mm, cmd, arg) : -ENOTTY;
}

static unsigned pseudo_poll(struct file *f, struct poll_table *pt)
{
	struct pseudo_file *pf = pseudo_file_of(f);

	return pf->node->entry->poll(pf->node, &pf->poll_event, pt);
}

static void pseudo_release(struct file *f)
{
	struct pseudo_file *pf = pseudo_file_of(f);
	text_free(&pf->content);
	inode_put(&pf->node->inode);
	free(pf);
}

#define FILE_OPS                                                                                   \
	.read = pseudo_read, .write = pseudo_write, .ioctl = pseudo_ioctl, .lseek = pseudo_lseek,  \
	.release = pseudo_release, .saved = &file_by_path

static const struct file_ops file_ops = { FILE_OPS };
static const struct file_ops polled_file_ops = { FILE_OPS, .poll = pseudo_poll };

/* True: the whole table was taken. */
static bool emit_table(struct pseudo_node *n, struct file *f, struct dir_emit *e)
{
	const struct pseudo_dir *dir = n->entry->dir;
	while ((uint64_t)f->pos < dir->nr_entries + 2) {
		const struct pseudo_entry *t = f->pos < 2 ? NULL : &dir->entries[f->pos - 2];
		const char *name = t ? t->name : f->pos ? ".." : ".";
		uint64_t ino = t                     ? pseudo_ino(n, name, strlen(name))
			       : f->pos && n->parent ? n->parent->ino
						     : n->ino;
		if ((!t || pseudo_present(n, t)) &&
		    !e->emit(e, name, strlen(name), ino, f->pos + 1,
			     t ? (unsigned char)IFTODT(t->mode) : DT_DIR))
			return false;
		f->pos++;
	}
	return true;
}

static void emit_dynamic(struct pseudo_node *n, struct caller *c, struct file *f,
			 struct dir_emit *e)
{
	const struct pseudo_dir *dir = n->entry->dir;
	int cursor = f->pos < CURSOR_DYNAMIC ? 0 : (int)(f->pos - CURSOR_DYNAMIC);
	char name[32];
	unsigned char type;

	while (dir->next && dir->next(n, c, &cursor, name, &type)) {
		if (!e->emit(e, name, strlen(name), pseudo_ino(n, name, strlen(name)),
			     CURSOR_DYNAMIC + (int64_t)cursor + 1, type))
			break;
		cursor++;
	}
	if (dir->next)
		f->pos = CURSOR_DYNAMIC + (int64_t)cursor;
}

static int pseudo_readdir(struct file *f, struct caller *c, struct dir_emit *e)
{
	struct pseudo_node *n = pseudo_file_of(f)->node;
	if (!pseudo_alive(n))
		return -ENOENT;
	mutex_lock(&f->pos_lock);
	if (emit_table(n, f, e))
		emit_dynamic(n, c, f, e);
	mutex_unlock(&f->pos_lock);
	return 0;
}

static ssize_t dir_read(struct file *f, struct caller *c, struct uio *u, int64_t *pos)
{
	return -EISDIR;
}

/* The end of a directory is at 0, for generic_file_llseek() of Linux. */
static int64_t dir_lseek(struct file *f, struct caller *c, int64_t off, int whence)
{
	return whence == SEEK_DATA || whence == SEEK_HOLE ? -ENXIO
							  : generic_lseek(f, off, whence, 0);
}

static const struct file_ops dir_ops = {
	.saved = &file_by_path,
	.read = dir_read,
	.lseek = dir_lseek,
	.readdir = pseudo_readdir,
	.release = pseudo_release,
};

int pseudo_file_open(struct pseudo_node *n, int flags, struct file **out)
{
	struct pseudo_file *pf = calloc(1, sizeof *pf);
	if (!pf)
		return -ENOMEM;
	bool polled = n->entry->poll;
	file_init(&pf->file,
		  S_ISDIR(n->entry->mode) ? &dir_ops
		  : polled                ? &polled_file_ops
					  : &file_ops,
		  (unsigned)flags);
	inode_get(&n->inode);
	pf->node = n;
	if (polled)
		n->entry->poll(n, &pf->poll_event, NULL); /* what has changed until now is seen */
	*out = &pf->file;
	return 0;
}
