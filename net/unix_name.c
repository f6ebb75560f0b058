/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A name in the file system is an inode of type socket; what it stands for is found by the inode's
 * identity, not by its path, so renames and links work. The inode may be the host's: there it is an
 * empty socket file.
 */
#include <errno.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fs/names.h"
#include "fs/saved.h"
#include "net/unix_sock.h"

#define PATH_OFFSET   offsetof(struct sockaddr_un, sun_path)
#define AUTOBIND_MASK 0xfffff /* five hex digits (unix(7)) */

struct unix_addr *unix_addr_get(struct unix_addr *a)
{
	if (a)
		ref_get(&a->refs);
	return a;
}

void unix_addr_put(struct unix_addr *a)
{
	if (!a || !ref_put(&a->refs))
		return;
	if (a->path.dentry)
		path_put(&a->path);
	free(a);
}

static struct unix_addr *unix_addr_new(const struct sockaddr_un *name, unsigned len)
{
	struct unix_addr *a = calloc(1, sizeof *a);

	if (!a)
		return NULL;
	ref_set(&a->refs, 1);
	a->len = len;
	memcpy(a->bytes, name, len);
	a->name.sun_family = AF_UNIX;
	return a;
}

static bool is_abstract(const struct unix_addr *a)
{
	return !a->path.dentry;
}

static unsigned hash_bytes(unsigned h, const void *p, size_t n)
{
	const unsigned char *b = p;

	while (n--)
		h = (h ^ *b++) * 16777619U; /* FNV-1a */
	return h;
}

static struct list *bucket_of(struct unix_domain *d, const struct unix_addr *a, int type)
{
	unsigned h = hash_bytes(2166136261U, &type, sizeof type);

	if (is_abstract(a))
		h = hash_bytes(h, a->bytes + PATH_OFFSET, a->len - PATH_OFFSET);
	else
		h = hash_bytes(hash_bytes(2166136261U, &a->id.dev, sizeof a->id.dev), &a->id.ino,
			       sizeof a->id.ino);
	return &d->names[h % UNIX_NAME_BUCKETS];
}

static bool addr_equal(const struct unix_addr *a, const struct unix_addr *b)
{
	if (is_abstract(a) != is_abstract(b))
		return false;
	if (is_abstract(a))
		return a->len == b->len && !memcmp(a->bytes, b->bytes, a->len);
	return a->id.dev == b->id.dev && a->id.ino == b->id.ino;
}

/* Abstract names are a network's and a type's own; a path has one socket. */
static struct unix_sock *find_locked(const struct net *net, const struct unix_addr *a, int type)
{
	struct unix_domain *d = net->unix_domain;
	lock_assert_held(&d->names_lock);
	struct unix_sock *u;

	list_for_each (u, bucket_of(d, a, type), name_node)
		if (addr_equal(u->addr, a) &&
		    (!is_abstract(a) || (u->sk.type == type && u->sk.net == net)))
			return u;
	return NULL;
}

/* Gives the socket its name, `a` taken over. -EINVAL: it has one. */
static int bind_locked(struct unix_sock *u, struct unix_addr *a)
{
	lock_assert_held(&u->domain->names_lock);
	mutex_lock(&u->lock);
	bool bound = u->addr;
	if (!bound)
		u->addr = a;
	mutex_unlock(&u->lock);
	if (bound)
		return -EINVAL;
	list_add_tail(bucket_of(u->domain, a, u->sk.type), &u->name_node);
	return 0;
}

void unix_unbind(struct unix_sock *u)
{
	mutex_lock(&u->domain->names_lock);
	list_del(&u->name_node);
	mutex_unlock(&u->domain->names_lock);
}

static int bind_abstract(struct unix_sock *u, struct unix_addr *a)
{
	struct unix_domain *d = u->domain;

	mutex_lock(&d->names_lock);
	int err = find_locked(u->sk.net, a, u->sk.type) ? -EADDRINUSE : bind_locked(u, a);
	mutex_unlock(&d->names_lock);
	return err;
}

static int bind_path(struct unix_sock *u, struct caller *c, struct unix_addr *a)
{
	int err = vfs_mknod(c, NULL, a->bytes + PATH_OFFSET, S_IFSOCK | 0777, 0);
	if (err == -EEXIST)
		return -EADDRINUSE;
	if (!err)
		err = path_walk(c, NULL, a->bytes + PATH_OFFSET, WALK_NOFOLLOW, &a->path);
	if (!err)
		err = inode_identify(a->path.dentry->inode, &a->id);
	if (err)
		return err;
	mutex_lock(&u->domain->names_lock);
	err = bind_locked(u, a);
	mutex_unlock(&u->domain->names_lock);
	return err;
}

int unix_check_addr(const struct sockaddr *a, unsigned len)
{
	if (len <= PATH_OFFSET || len > sizeof(struct sockaddr_un) || a->sa_family != AF_UNIX)
		return -EINVAL;
	return 0;
}

/* A path ends at its NUL, and counts it (unix(7), pathname sockets); sun_path need not hold one. */
static unsigned name_length(const struct sockaddr_un *a, unsigned len)
{
	if (!a->sun_path[0])
		return len;
	return PATH_OFFSET + strnlen(a->sun_path, len - PATH_OFFSET) + 1;
}

int unix_bind_name(struct unix_sock *u, struct caller *c, const struct sockaddr_un *name,
		   unsigned len)
{
	struct unix_addr *a = unix_addr_new(name, len);

	if (!a)
		return -ENOMEM;
	a->len = name_length(name, len);
	int err = name->sun_path[0] ? bind_path(u, c, a) : bind_abstract(u, a);
	if (err)
		unix_addr_put(a);
	return err;
}

int unix_autobind(struct unix_sock *u)
{
	struct unix_domain *d = u->domain;
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	int err = -EADDRINUSE;

	for (unsigned tries = 0; err == -EADDRINUSE && tries <= AUTOBIND_MASK; tries++) {
		mutex_lock(&d->names_lock);
		unsigned n = d->next_autobind++ & AUTOBIND_MASK;
		mutex_unlock(&d->names_lock);
		snprintf(name.sun_path + 1, sizeof name.sun_path - 1, "%05x", n);
		struct unix_addr *a = unix_addr_new(&name, PATH_OFFSET + 6);
		if (!a)
			return -ENOMEM;
		err = bind_abstract(u, a);
		if (err)
			unix_addr_put(a);
	}
	return err == -EADDRINUSE ? -ENOSPC : err == -EINVAL ? 0 : err;
}

static int find_path(struct caller *c, struct unix_addr *a)
{
	int err = path_walk(c, NULL, a->bytes + PATH_OFFSET, 0, &a->path);
	if (err)
		return err;
	struct inode *i = a->path.dentry->inode;
	err = vfs_access(c, &a->path, W_OK);
	if (!err && i->type != S_IFSOCK)
		err = -ECONNREFUSED;
	return err ? err : inode_identify(i, &a->id);
}

int unix_find(const struct net *net, struct caller *c, const struct sockaddr_un *name, unsigned len,
	      int type, struct unix_sock **out)
{
	struct unix_domain *d = net->unix_domain;
	struct unix_addr *a = unix_addr_new(name, len);
	int err = a ? 0 : -ENOMEM;

	if (!err && name->sun_path[0])
		err = find_path(c, a);
	if (!err) {
		mutex_lock(&d->names_lock);
		struct unix_sock *u = find_locked(net, a, type);
		err = !u ? -ECONNREFUSED : u->sk.type != type ? -EPROTOTYPE : 0;
		if (!err)
			*out = unix_get(u);
		mutex_unlock(&d->names_lock);
	}
	unix_addr_put(a);
	return err;
}

/* ---- snapshots ---- */

/* A name that leads elsewhere by now is a name only: nobody finds the socket by it. */
void unix_addr_save(struct saver *s, const struct unix_sock *u)
{
	const struct unix_addr *a = u->addr;
	const struct path all = { NULL, NULL };
	char name[PATH_MAX];

	encode_bytes(&s->out, a ? a->bytes : NULL, a ? a->len : 0);
	bool has_path = a && a->path.dentry && path_string(&a->path, &all, name, sizeof name) >= 0;
	encode_string(&s->out, has_path ? name : NULL);
	encode(&s->out, !list_empty(&u->name_node));
}

static void find_inode(struct loader *l, struct unix_addr *a, const char *name)
{
	struct path p;

	if (path_walk(l->caller, NULL, name, WALK_NOFOLLOW, &p) < 0)
		return;
	if (p.dentry->inode->type == S_IFSOCK && inode_identify(p.dentry->inode, &a->id) == 0)
		a->path = p;
	else
		path_put(&p);
}

int unix_addr_load(struct loader *l, struct unix_sock *u)
{
	struct unix_domain *d = u->domain;
	size_t len;
	const void *bytes = decode_bytes(&l->in, &len);
	char *name = decode_string(&l->in, PATH_MAX);
	bool named = decode_bool(&l->in), good = bytes && len <= sizeof u->addr->bytes && !u->addr;
	struct unix_addr *a = NULL;
	int err = 0;

	if (!good || (len && len < PATH_OFFSET) || (named && !len) || l->in.failed)
		err = loader_damaged(l, "the name of a socket");
	else if (len && !(a = calloc(1, sizeof *a)))
		err = -ENOMEM;
	if (!err && a) {
		ref_set(&a->refs, 1);
		a->len = (unsigned)len;
		memcpy(a->bytes, bytes, len);
		a->name.sun_family = AF_UNIX;
		if (name)
			find_inode(l, a, name);
		u->addr = a;
	}
	if (!err && named) {
		mutex_lock(&d->names_lock);
		list_add_tail(bucket_of(d, a, u->sk.type), &u->name_node);
		mutex_unlock(&d->names_lock);
	}
	free(name);
	return err;
}
