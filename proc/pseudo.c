/* SPDX-License-Identifier: Apache-2.0 */
/*
 * This file is the inode side of file systems whose files are generated: look-up in tables,
 * attributes, permissions, symbolic links. A node is made anew by each look-up; its inode number is
 * a hash of its path, so that the same file always has the same one.
 */
#include "proc/proc.h"
#include "proc/pseudo.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "cred/ns_common.h"
#include "kernel/pid.h"
#include "kernel/process.h"
#include "kernel/sandbox.h"
#include "kernel/task.h"
#include "proc/pseudo_file.h"
#include "util/saved.h"

#define DEPTH_MAX 16 /* names on the way from the root to a node */

struct pseudo_fs {
	struct filesystem fs;
	struct sandbox *sb;
	long magic;
	struct ns_common *ns; /* a reference, or NULL */
	struct proc_options options;
};

static const struct inode_ops *node_ops(bool jumps, bool of_process);

static struct pseudo_fs *fs_of(struct filesystem *fs)
{
	return container_of(fs, struct pseudo_fs, fs);
}

static struct pseudo_node *node_of(struct inode *i)
{
	return container_of(i, struct pseudo_node, inode);
}

uint64_t pseudo_ino(const struct pseudo_node *dir, const char *name, size_t len)
{
	uint64_t h = dir->ino ^ 0xcbf29ce484222325; /* FNV-1a */

	for (size_t i = 0; i < len; i++)
		h = (h ^ (unsigned char)name[i]) * 0x100000001b3;
	return h >> 12;
}

static struct pseudo_node *node_new(struct pseudo_fs *pfs, struct pseudo_node *parent,
				    const struct pseudo_found *found, const char *name, size_t len)
{
	struct pseudo_node *n = calloc(1, sizeof *n);
	if (!n)
		return NULL;
	inode_init(&n->inode, &pfs->fs,
		   node_ops(found->entry->jump, found->pid || (parent && parent->pid)),
		   found->entry->mode & S_IFMT);
	n->sb = pfs->sb;
	n->entry = found->entry;
	n->number = found->number;
	n->pid = found->pid;
	n->ino = parent ? pseudo_ino(parent, name, len) : 1;
	if (parent) {
		inode_get(&parent->inode);
		n->parent = parent;
		if (!n->pid && parent->pid)
			n->pid = pid_get(parent->pid);
	}
	snprintf(n->name, sizeof n->name, "%.*s", (int)len, name);
	return n;
}

static void node_release(struct inode *i)
{
	struct pseudo_node *n = node_of(i);
	pid_put(n->pid);
	if (n->parent)
		inode_put(&n->parent->inode);
	free(n);
}

bool pseudo_alive(struct pseudo_node *n)
{
	if (!n->pid)
		return true;
	sandbox_lock(n->sb);
	bool alive = n->pid->process || n->pid->task;
	sandbox_unlock(n->sb);
	return alive;
}

/* ---- walking ---- */

static const struct pseudo_entry *table_find(const struct pseudo_dir *dir, const char *name,
					     size_t len)
{
	for (size_t i = 0; i < dir->nr_entries; i++) {
		const char *e = dir->entries[i].name;
		if (strlen(e) == len && memcmp(e, name, len) == 0)
			return &dir->entries[i];
	}
	return NULL;
}

static int node_lookup(struct inode *i, struct caller *c, const char *name, size_t len,
		       struct inode **out)
{
	struct pseudo_node *n = node_of(i);
	const struct pseudo_dir *dir = n->entry->dir;
	struct pseudo_found found = { .entry = table_find(dir, name, len), .number = n->number };
	if (!pseudo_alive(n) || (found.entry && !pseudo_present(n, found.entry)))
		return -ENOENT;
	if (!found.entry) {
		int err = dir->lookup ? dir->lookup(n, c, name, len, &found) : -ENOENT;
		if (err)
			return err;
	}
	struct pseudo_node *child = node_new(fs_of(i->fs), n, &found, name, len);
	if (!child) {
		pid_put(found.pid);
		return -ENOMEM;
	}
	*out = &child->inode;
	return 0;
}

static int node_walk(struct inode *i, struct caller *c, const char *names, size_t len,
		     unsigned flags, struct walk_step *out)
{
	return walk_by_lookup(i, c, names, len, flags, node_lookup, out);
}

static int node_parent(struct inode *i, struct caller *c, struct dentry **out)
{
	struct pseudo_node *p = node_of(i)->parent;
	*out = dentry_new(inode_get(&p->inode), p->parent ? &p->parent->inode : NULL, p->name,
			  strlen(p->name));
	return *out ? 0 : -ENOMEM;
}

/* The same file every time it is looked up, though each look-up makes a node. */
static int node_identify(struct inode *i, struct inode_id *out)
{
	*out = (struct inode_id){ .dev = i->fs->dev, .ino = node_of(i)->ino };
	return 0;
}

/* ---- attributes ---- */

/* proc(5): files of a process belong to its effective ids, or to root when it is not dumpable;
 * directories that all may list do not tell. */
static void node_owner(struct pseudo_node *n, struct statx *st)
{
	if (!n->pid)
		return;
	sandbox_lock(n->sb);
	struct process *p = n->pid->process;
	struct task *t = n->pid->task ? n->pid->task : p ? p->leader : NULL;
	if (t && (t->process->dumpable || n->entry->mode == (S_IFDIR | 0555))) {
		st->stx_uid = t->cred->euid;
		st->stx_gid = t->cred->egid;
	}
	sandbox_unlock(n->sb);
}

/* As other file systems count: the directory's own two names, and one ".." of each directory in
 * it. */
static uint32_t node_links(struct pseudo_node *n, struct caller *c)
{
	const struct pseudo_dir *dir = n->entry->dir;
	char name[32];
	unsigned char type;
	uint32_t links = 2;

	if (!dir)
		return 1;
	for (size_t i = 0; i < dir->nr_entries; i++)
		links += S_ISDIR(dir->entries[i].mode) && pseudo_present(n, &dir->entries[i]);
	for (int cursor = 0; dir->next && dir->next(n, c, &cursor, name, &type); cursor++)
		links += type == DT_DIR;
	return links;
}

static int node_getattr(struct inode *i, struct caller *c, unsigned mask, struct statx *out)
{
	struct pseudo_node *n = node_of(i);
	struct timespec now = guest_clock_realtime(&fs_of(i->fs)->sb->clock);
	int err = n->entry->hidden ? n->entry->hidden(n, c, true) : 0;

	memset(out, 0, sizeof *out);
	if (err)
		return err;
	out->stx_mask = STATX_BASIC_STATS;
	out->stx_mode = (uint16_t)n->entry->mode;
	if (n->entry->link_mode)
		out->stx_mode = (uint16_t)(S_IFLNK | n->entry->link_mode(n, c));
	out->stx_nlink = node_links(n, c);
	out->stx_ino = n->ino;
	out->stx_blksize = 1024;
	if (S_ISREG(n->entry->mode) && fs_of(i->fs)->magic == SYSFS_MAGIC)
		out->stx_size = out->stx_blksize = PAGE_SIZE; /* a page each */
	out->stx_dev_major = major(i->fs->dev);
	out->stx_dev_minor = minor(i->fs->dev);
	out->stx_atime.tv_sec = out->stx_mtime.tv_sec = out->stx_ctime.tv_sec = now.tv_sec;
	out->stx_atime.tv_nsec = out->stx_mtime.tv_nsec = out->stx_ctime.tv_nsec =
	    (uint32_t)now.tv_nsec;
	node_owner(n, out);
	return 0;
}

static bool is_own(struct pseudo_node *n, struct caller *c)
{
	sandbox_lock(n->sb);
	struct process *p = n->pid->task ? n->pid->task->process : n->pid->process;
	bool own = p && c->task && c->task->process == p;
	sandbox_unlock(n->sb);
	return own;
}

static int node_permission(struct inode *i, struct caller *c, int mask)
{
	struct pseudo_node *n = node_of(i);
	struct statx st;
	if (mask & W_OK && n->entry->immutable)
		return -EPERM;
	if (mask & W_OK && n->entry->sealed && (!(n->entry->mode & 0222) || c->cred->euid != 0))
		return -EACCES;
	int err = n->entry->hidden ? n->entry->hidden(n, c, false) : 0;
	if (err)
		return err;
	if (n->entry->grants)
		return n->entry->grants(n, c, mask) ? 0 : -EACCES;
	node_getattr(i, c, STATX_BASIC_STATS, &st);
	err = generic_permission(&st, c->cred, mask);
	return err && n->entry->own && is_own(n, c) ? 0 : err;
}

/* O_TRUNC of a sysctl file is no error (the shell's redirection does it), everything else is not
 * allowed. */
static int node_setattr(struct inode *i, struct caller *c, const struct iattr *a)
{
	return a->valid == ATTR_SIZE ? 0 : -EPERM;
}

static ssize_t node_readlink(struct inode *i, struct caller *c, char *buf, size_t size)
{
	struct pseudo_node *n = node_of(i);
	struct text t = { 0 };
	int err = n->entry->link(n, c, &t);
	if (!err && t.failed)
		err = -ENOMEM;
	size_t len = t.len < size ? t.len : size;
	if (!err)
		memcpy(buf, text_str(&t), len);
	text_free(&t);
	return err ? err : (ssize_t)len;
}

static int node_jump(struct inode *i, struct caller *c, struct path *out)
{
	struct pseudo_node *n = node_of(i);
	return n->entry->jump(n, c, out);
}

int pseudo_path(const struct pseudo_node *node, char *buf, size_t size)
{
	const struct pseudo_node *chain[DEPTH_MAX];
	int depth = 0;
	size_t len = 0;

	for (const struct pseudo_node *n = node; n->parent && depth < DEPTH_MAX; n = n->parent)
		chain[depth++] = n;
	if (size < 2)
		return -ENAMETOOLONG;
	strcpy(buf, "/");
	while (depth-- > 0) {
		len += (size_t)snprintf(buf + len, size - len, "/%s", chain[depth]->name);
		if (len >= size)
			return -ENAMETOOLONG;
	}
	return len ? (int)len : 1;
}

static int node_path(struct inode *i, struct dentry *d, char *buf, size_t size)
{
	return pseudo_path(node_of(i), buf, size);
}

static int node_statfs(struct inode *i, struct caller *c, struct statfs *out)
{
	memset(out, 0, sizeof *out);
	out->f_type = fs_of(i->fs)->magic;
	out->f_bsize = out->f_frsize = 4096;
	out->f_namelen = NAME_MAX;
	return 0;
}

static int node_open(struct inode *i, struct caller *c, struct dentry *d, int flags,
		     struct file **out)
{
	struct pseudo_node *n = node_of(i);
	/* in a copy it is open already: whoever opened it might */
	int err = n->entry->may_open && c->task ? n->entry->may_open(n, c, flags) : 0;
	if (err)
		return err;
	return n->entry->open ? n->entry->open(n, c, flags, out) : pseudo_file_open(n, flags, out);
}

/* ---- snapshots: what is about a process, which may have ended ---- */

/* The way from the root: names, numbers, and of each whom it is about. */
static void node_save(struct saver *s, struct inode *i)
{
	const struct pseudo_node *chain[DEPTH_MAX];
	unsigned depth = 0;

	for (const struct pseudo_node *n = node_of(i); n->parent && depth < DEPTH_MAX;
	     n = n->parent)
		chain[depth++] = n;
	encode(&s->out, depth);
	while (depth-- > 0) {
		encode_string(&s->out, chain[depth]->name);
		encode(&s->out, (uint64_t)chain[depth]->number);
		encode(&s->out, saved_object(s, &pid_saved, chain[depth]->pid));
	}
}

/* One step: takes the reference to *n over, and gives the next one. */
static int load_step(struct loader *l, struct pseudo_node **n)
{
	struct pseudo_node *dir = *n, *child = NULL;
	const struct pseudo_dir *d = dir->entry->dir;
	char *name = decode_string(&l->in, sizeof dir->name);
	struct pseudo_found found = { .number = (int)decode_between(&l->in, 0, INT_MAX) };
	void *pid = NULL;
	int err = loaded_object(l, decode(&l->in), &pid_saved, &pid);

	if (!err && (l->in.failed || !d || !name || !*name || strchr(name, '/')))
		err = loader_damaged(l, "a file of /proc");
	if (!err) {
		found.entry = table_find(d, name, strlen(name));
		if (!found.entry && pid)
			found.entry = d->member;
		err = found.entry ? 0 : loader_damaged(l, "a file of /proc");
	}
	if (!err) {
		found.pid = pid ? pid_get(pid) : NULL;
		child = node_new(fs_of(dir->inode.fs), dir, &found, name, strlen(name));
		err = child ? 0 : -ENOMEM;
		if (err)
			pid_put(found.pid);
	}
	inode_put(&dir->inode);
	*n = child;
	free(name);
	return err;
}

static int node_load(struct loader *l, struct filesystem *fs, struct dentry **out)
{
	struct pseudo_node *n = node_of(inode_get(fs->root));
	uint64_t depth = decode_max(&l->in, DEPTH_MAX);
	int err = l->in.failed || !depth ? loader_damaged(l, "a file of /proc") : 0;

	if (err) {
		inode_put(&n->inode);
		return err;
	}
	for (uint64_t i = 0; i < depth && !err; i++)
		err = load_step(l, &n);
	if (err)
		return err;
	*out = dentry_new(&n->inode, &n->parent->inode, n->name, strlen(n->name));
	return *out ? 0 : -ENOMEM;
}

#define NODE_OPS                                                                                   \
	.walk = node_walk, .parent = node_parent, .identify = node_identify,                       \
	.getattr = node_getattr, .setattr = node_setattr, .permission = node_permission,           \
	.readlink = node_readlink, .open = node_open, .statfs = node_statfs, .path = node_path,    \
	.release = node_release

static const struct inode_ops *node_ops(bool jumps, bool of_process)
{
	static const struct inode_ops all[2][2] = {
		{ { NODE_OPS }, { NODE_OPS, .save = node_save } },
		{ { NODE_OPS, .jump = node_jump },
		  { NODE_OPS, .jump = node_jump, .save = node_save } },
	};

	return &all[jumps][of_process];
}

struct pseudo_node *pseudo_node_of_file(struct file *f)
{
	struct inode *i = file_inode(f);

	return i && i->ops->release == node_release ? node_of(i) : NULL;
}

static void pseudo_fs_destroy(struct filesystem *fs)
{
	inode_put(fs->root);
	ns_put(fs_of(fs)->ns);
	free(fs_of(fs));
}

struct proc_options *pseudo_fs_options(struct filesystem *fs)
{
	return &fs_of(fs)->options;
}

static void show_options(struct filesystem *fs, struct text *out)
{
	static const char *const hidden[] = { NULL, "noaccess", "invisible", NULL, "ptraceable" };
	const struct proc_options *o = &fs_of(fs)->options;

	if (o->gid)
		text_printf(out, ",gid=%u", o->gid);
	if (hidden[o->hide])
		text_printf(out, ",hidepid=%s", hidden[o->hide]);
	if (o->pids_only)
		text_puts(out, ",subset=pid");
}

static const struct filesystem_ops pseudo_fs_ops = {
	.show_options = show_options,
	.destroy = pseudo_fs_destroy,
	.load_inode = node_load,
};

struct pid_namespace *pseudo_pids(const struct pseudo_node *n)
{
	struct ns_common *ns = pseudo_fs_ns(n->inode.fs);

	return ns && ns->kind == NS_PID ? container_of(ns, struct pid_namespace, ns)
					: n->sb->pid_ns;
}

int pseudo_fs_create(struct sandbox *sb, const char *type, const struct pseudo_entry *root,
		     long magic, struct ns_common *ns, struct filesystem **out)
{
	struct pseudo_fs *pfs = calloc(1, sizeof *pfs);
	if (!pfs)
		return -ENOMEM;
	filesystem_init(&pfs->fs, &pseudo_fs_ops, type,
			magic == PROC_SUPER_MAGIC ? FS_KNOWS_NAMES : 0);
	pfs->fs.dev = vfs_new_dev(sb->vfs);
	pfs->sb = sb;
	pfs->magic = magic;
	pfs->ns = ns ? ns_get(ns) : NULL;
	struct pseudo_node *n = node_new(pfs, NULL, &(struct pseudo_found){ .entry = root }, "", 0);
	if (!n) {
		ns_put(pfs->ns);
		free(pfs);
		return -ENOMEM;
	}
	pfs->fs.root = &n->inode;
	*out = &pfs->fs;
	return 0;
}

struct ns_common *pseudo_fs_ns(struct filesystem *fs)
{
	return fs->ops == &pseudo_fs_ops ? fs_of(fs)->ns : NULL;
}

int pseudo_parse(const char *text, int base, int64_t min, int64_t max, int64_t *out)
{
	char *end;

	if (isspace((unsigned char)*text))
		return -EINVAL;
	errno = 0;
	*out = strtoll(text, &end, base);
	if (end == text || (*end && strcmp(end, "\n") != 0))
		return -EINVAL;
	if (min == 0 && *text == '-')
		return -EINVAL;
	return errno == ERANGE || *out < min || *out > max ? -ERANGE : 0;
}

char *pseudo_strip(char *text)
{
	size_t len = strlen(text);

	while (len && isspace((unsigned char)text[len - 1]))
		text[--len] = '\0';
	while (isspace((unsigned char)*text))
		text++;
	return text;
}

bool pseudo_number(const char *name, size_t len, int *out)
{
	uint64_t v = 0;
	if (len == 0 || len > 10 || (name[0] == '0' && len > 1))
		return false;
	for (size_t i = 0; i < len; i++) {
		if (name[i] < '0' || name[i] > '9')
			return false;
		v = v * 10 + (uint64_t)(name[i] - '0');
	}
	*out = (int)v;
	return v <= INT32_MAX;
}
