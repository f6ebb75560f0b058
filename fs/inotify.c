/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One instance of the host's watches for all of a sandbox: instances are few for each user of the
 * host, and a guest must not use up those of others. What the guest has are instances of ours, each
 * with marks (a file, and which events of it are wanted) and a queue.
 *
 * 	host's instance --drain--> watch (a file) --> its marks
 * 	fs/notify.c -------------> watch (an inode of ours) --> its marks
 *
 * 	mark --> the queue of its instance --> read(2)
 *
 * Whoever reads or polls an instance drains the host's first, and so fills the queues of others,
 * too, and wakes them. Who waits sleeps on its own queue and on the host's descriptor at once. The
 * host's watch tells of all events that any mark ever wanted; each mark takes what it wants.
 */
#include "fs/inotify.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "cred/user.h"
#include "fs/mount.h"
#include "fs/readdir.h"
#include "fs/saved.h"
#include "fs/saved_place.h"
#include "host/hostcall.h"
#include "host/hostfile.h"
#include "mm/access.h"
#include "util/lock.h"
#include "util/rbtree.h"

#define DRAIN_BYTES 16384
#define NAME_UNIT   sizeof(struct inotify_event) /* names are padded to a multiple */

/* What the host's watch of a shared file is asked for; the rest of a mask is each mark's own
 * business. */
#define HOST_MASK (IN_ALL_EVENTS | IN_ONLYDIR | IN_EXCL_UNLINK)
/* Sent whether wanted or not. */
#define ALWAYS (IN_UNMOUNT | IN_Q_OVERFLOW | IN_IGNORED)

struct inotify_table {
	struct mutex lock;
	int fd; /* the host's instance; -1: none yet */
	/* guarded by lock */
	struct rb_tree watches;
	struct list instances;
	uint32_t last_cookie;
};

/* A file that is watched: by the host, or an inode of a file system of our own, which points
 * here. */
struct watch {
	struct rb_node node; /* the host's alone, as wd */
	int wd;
	struct inode *inode; /* no reference: it tells us when it goes. NULL: the host's */
	struct list marks;   /* mark.watch_node */
	/* for snapshots: by which name it was found first, or which the sandbox has since given it,
	 * and what it was; NULL: not known */
	char *name;
	uint64_t mount; /* by its number that was never another's: where that was */
	struct inode_id id;
};

struct mark {
	struct list watch_node, instance_node;
	struct watch *watch;
	struct inotify *in;
	struct user *user; /* reference: whose watch it is */
	int wd;            /* the guest's */
	uint32_t mask;
	uint32_t later; /* of a copy that is being loaded: the mask it has when that is done */
};

struct notice {
	struct list node;
	struct inotify_event e; /* the name follows, e.len bytes */
};

struct inotify {
	struct file file;
	struct inotify_table *table;
	struct user *user;
	struct waitqueue wait;
	/* guarded by table->lock */
	struct list node;
	struct list marks;  /* mark.instance_node */
	struct list events; /* struct notice */
	unsigned nr_events;
	size_t bytes; /* of events */
	int last_wd;
};

struct inotify_table *inotify_table_new(void)
{
	struct inotify_table *t = calloc(1, sizeof *t);

	if (!t)
		return NULL;
	mutex_init(&t->lock, LOCK_INOTIFY);
	list_init(&t->instances);
	t->fd = -1;
	return t;
}

void inotify_table_free(struct inotify_table *t)
{
	if (!t)
		return;
	if (t->fd >= 0)
		host_close(t->fd);
	mutex_destroy(&t->lock);
	free(t);
}

static struct inotify *inotify_of(struct file *f)
{
	return container_of(f, struct inotify, file);
}

/* ---- queues; table->lock held ---- */

static bool same_event(const struct inotify_event *a, const struct inotify_event *b)
{
	return a->wd == b->wd && a->mask == b->mask && a->cookie == b->cookie && a->len == b->len &&
	       !memcmp(a->name, b->name, a->len);
}

/* An event like the last one that waits is told once. */
static void queue_event(struct inotify *in, int wd, const struct inotify_event *e)
{
	lock_assert_held(&in->table->lock);
	struct notice *last =
	    list_empty(&in->events) ? NULL : container_of(in->events.prev, struct notice, node);
	bool full = in->nr_events >= INOTIFY_MAX_QUEUED_EVENTS;

	if (full && last->e.mask & IN_Q_OVERFLOW)
		return;
	struct notice *ev = malloc(sizeof *ev + e->len);
	if (!ev)
		return;
	memcpy(&ev->e, e, sizeof *e + e->len);
	ev->e.wd = wd;
	if (full)
		ev->e = (struct inotify_event){ .wd = -1, .mask = IN_Q_OVERFLOW };
	if (last && same_event(&last->e, &ev->e)) {
		free(ev);
		return;
	}
	list_add_tail(&in->events, &ev->node);
	in->nr_events++;
	in->bytes += sizeof ev->e + ev->e.len;
	waitqueue_wake_all(&in->wait, POLL_READ);
}

static struct notice *take_event(struct inotify *in)
{
	lock_assert_held(&in->table->lock);
	struct notice *ev = list_first(&in->events, struct notice, node);

	list_del(&ev->node);
	in->nr_events--;
	in->bytes -= sizeof ev->e + ev->e.len;
	return ev;
}

/* ---- watches and marks; table->lock held ---- */

static struct watch *watch_of(struct rb_node *n)
{
	return rb_entry(n, struct watch, node);
}

/* Where the watch is or would be. */
static struct rb_node **watch_search(struct inotify_table *t, int wd, struct rb_node **parent)
{
	struct rb_node **link = &t->watches.root;

	*parent = NULL;
	while (*link && watch_of(*link)->wd != wd) {
		*parent = *link;
		link = wd < watch_of(*link)->wd ? &(*link)->left : &(*link)->right;
	}
	return link;
}

static struct watch *watch_find(struct inotify_table *t, int wd)
{
	lock_assert_held(&t->lock);
	struct rb_node *parent, **link = watch_search(t, wd, &parent);

	return *link ? watch_of(*link) : NULL;
}

static struct watch *watch_get(struct inotify_table *t, int wd)
{
	lock_assert_held(&t->lock);
	struct rb_node *parent, **link = watch_search(t, wd, &parent);

	if (*link)
		return watch_of(*link);
	struct watch *w = calloc(1, sizeof *w);
	if (!w)
		return NULL;
	w->wd = wd;
	list_init(&w->marks);
	rb_insert(&t->watches, &w->node, parent, link);
	return w;
}

/* The same of an inode of our own. */
static int own_watch(struct inotify_table *t, struct inode *i, struct watch **out)
{
	lock_assert_held(&t->lock);
	struct watch *w = i->watch ? i->watch : calloc(1, sizeof *w);

	if (w && !i->watch) {
		w->inode = i;
		list_init(&w->marks);
		atomic_store(&i->fs->watched, t);
		i->watch = w;
	}
	*out = w;
	return w ? 0 : -ENOMEM;
}

/* `gone`: the host has ended it already. */
static void watch_put(struct inotify_table *t, struct watch *w, bool gone)
{
	lock_assert_held(&t->lock);
	if (!list_empty(&w->marks))
		return;
	if (w->inode) {
		w->inode->watch = NULL;
	} else {
		if (!gone)
			inotify_rm_watch(t->fd, w->wd);
		rb_erase(&t->watches, &w->node);
	}
	free(w->name);
	free(w);
}

static void mark_free(struct mark *m)
{
	list_del(&m->watch_node);
	list_del(&m->instance_node);
	user_uncharge(m->user, USER_INOTIFY_WATCHES, 1);
	user_put(m->user);
	free(m);
}

/* The mark ends, and its instance hears of it. */
static void mark_end(struct mark *m)
{
	const struct inotify_event ignored = { .mask = IN_IGNORED };

	queue_event(m->in, m->wd, &ignored);
	mark_free(m);
}

static struct mark *mark_of_watch(struct inotify *in, const struct watch *w)
{
	lock_assert_held(&in->table->lock);
	struct mark *m;

	list_for_each (m, &w->marks, watch_node)
		if (m->in == in)
			return m;
	return NULL;
}

static struct mark *mark_find(struct inotify *in, int wd)
{
	lock_assert_held(&in->table->lock);
	struct mark *m;

	list_for_each (m, &in->marks, instance_node)
		if (m->wd == wd)
			return m;
	return NULL;
}

static struct mark *mark_find_locked(struct inotify *in, int wd)
{
	mutex_lock(&in->table->lock);
	struct mark *m = mark_find(in, wd);
	mutex_unlock(&in->table->lock);
	return m;
}

/* A new mark, counted for the caller's user. -ENOSPC: he has too many. */
static int mark_new(struct inotify *in, struct caller *c, struct watch *w, uint32_t mask,
		    struct mark **out)
{
	lock_assert_held(&in->table->lock);
	struct user *u = user_get(c->fs->vfs->users, c->cred->uid);
	struct mark *m = calloc(1, sizeof *m);

	if (!u || !m || !user_charge(u, USER_INOTIFY_WATCHES, 1, INOTIFY_MAX_USER_WATCHES)) {
		int err = u && m ? -ENOSPC : -ENOMEM;
		user_put(u);
		free(m);
		return err;
	}
	*m = (struct mark){ .watch = w, .in = in, .user = u, .wd = ++in->last_wd, .mask = mask };
	list_add_tail(&w->marks, &m->watch_node);
	list_add_tail(&in->marks, &m->instance_node);
	*out = m;
	return 0;
}

/* ---- what the host tells; table->lock held ---- */

/* `skip`: marks with one of these bits do not hear of it. */
static void tell_marks(struct watch *w, const struct inotify_event *e, uint32_t skip)
{
	struct mark *m, *next;

	list_for_each_safe (m, next, &w->marks, watch_node) {
		if (e->mask & IN_IGNORED) {
			mark_end(m);
			continue;
		}
		if (!(e->mask & ((m->mask & IN_ALL_EVENTS) | ALWAYS)) || m->mask & skip)
			continue;
		queue_event(m->in, m->wd, e);
		if (m->mask & IN_ONESHOT)
			mark_end(m);
	}
}

static void deliver(struct inotify_table *t, const struct inotify_event *e)
{
	lock_assert_held(&t->lock);
	struct watch *w = watch_find(t, e->wd);

	if (!w)
		return;
	tell_marks(w, e, 0);
	watch_put(t, w, e->mask & IN_IGNORED);
}

static void deliver_overflow(struct inotify_table *t, const struct inotify_event *e)
{
	lock_assert_held(&t->lock);
	struct inotify *in;

	list_for_each (in, &t->instances, node)
		queue_event(in, -1, e);
}

/* Sorts what has come into the queues. */
static void drain(struct inotify_table *t)
{
	lock_assert_held(&t->lock);
	char buf[DRAIN_BYTES] __attribute__((aligned(8)));
	ssize_t n;

	while ((n = read(t->fd, buf, sizeof buf)) > 0)
		for (ssize_t at = 0; at < n;) {
			const struct inotify_event *e = (const void *)(buf + at);
			if (e->mask & IN_Q_OVERFLOW)
				deliver_overflow(t, e);
			else
				deliver(t, e);
			at += (ssize_t)(sizeof *e + e->len);
		}
}

/* ---- what the vfs tells ---- */

#define EVENT_BYTES (sizeof(struct inotify_event) + NAME_MAX + 1 + NAME_UNIT)

/* As the host lays it out: the name is padded with zeros. */
static void make_event(struct inotify_event *e, const struct inotify_news *news)
{
	size_t len = news->name ? strlen(news->name) + 1 : 0;

	*e = (struct inotify_event){ .mask = news->mask, .cookie = news->cookie };
	e->len = (uint32_t)((len + NAME_UNIT - 1) / NAME_UNIT * NAME_UNIT);
	if (len)
		memset(mempcpy(e->name, news->name, len), 0, e->len - len);
}

void inotify_tell(struct inode *i, const struct inotify_news *news)
{
	struct inotify_table *t = i->fs->watched;
	char buf[EVENT_BYTES] __attribute__((aligned(8)));
	struct inotify_event *e = (void *)buf;

	if (!i->watch)
		return;
	make_event(e, news);
	mutex_lock(&t->lock);
	drain(t); /* what the host saw before comes first */
	struct watch *w = i->watch;
	if (w) {
		tell_marks(w, e, news->unlinked ? IN_EXCL_UNLINK : 0);
		watch_put(t, w, false);
	}
	mutex_unlock(&t->lock);
}

void inotify_inode_gone(struct inode *i)
{
	const struct inotify_event last = { .mask = i->fs->ended ? IN_UNMOUNT : IN_DELETE_SELF },
				   ignored = { .mask = IN_IGNORED };
	struct inotify_table *t = i->fs->watched;

	mutex_lock(&t->lock);
	drain(t);
	struct watch *w = i->watch;
	if (w) {
		tell_marks(w, &last, 0);
		tell_marks(w, &ignored, 0);
		watch_put(t, w, true);
	}
	mutex_unlock(&t->lock);
}

uint32_t inotify_cookie(struct filesystem *fs)
{
	struct inotify_table *t = fs->watched;

	mutex_lock(&t->lock);
	uint32_t cookie = ++t->last_cookie;
	mutex_unlock(&t->lock);
	return cookie;
}

/* ---- the file ---- */

/* The oldest event, if it is of no more than `room` bytes: *size tells of how many, 0: there is
 * none. */
static struct notice *take_fitting(struct inotify *in, size_t room, size_t *size)
{
	struct notice *ev = NULL;

	*size = 0;
	mutex_lock(&in->table->lock);
	if (!list_empty(&in->events)) {
		*size = sizeof(struct inotify_event) +
			list_first(&in->events, struct notice, node)->e.len;
		ev = *size <= room ? take_event(in) : NULL;
	}
	mutex_unlock(&in->table->lock);
	return ev;
}

/* Moves the events that fit: bytes, 0: there are none, -EINVAL: not even the first fits. Guest
 * memory is touched without the lock, which those take who unmap a watched file. */
static ssize_t read_events(struct inotify *in, struct uio *u)
{
	ssize_t total = 0;
	size_t size;

	for (;;) {
		struct notice *ev = take_fitting(in, u->resid, &size);
		if (!ev)
			return total || !size ? total : -EINVAL;
		bool bad = uio_put(u, &ev->e, size) < size;
		free(ev);
		if (bad)
			return total ? total : -EFAULT;
		total += (ssize_t)size;
	}
	return total;
}

static ssize_t inotify_read(struct file *f, struct caller *c, struct uio *u, int64_t *pos)
{
	struct inotify *in = inotify_of(f);
	struct inotify_table *t = in->table;
	struct pollfd host = { .fd = t->fd, .events = POLLIN };
	struct waiter w;

	if (pos)
		return -ESPIPE;
	waiter_init(&w, c->sleeper);
	waitqueue_add(&in->wait, &w);
	for (;;) {
		mutex_lock(&t->lock);
		drain(t);
		mutex_unlock(&t->lock);
		ssize_t n = read_events(in, u);
		if (!n)
			n = f->flags & O_NONBLOCK ? -EAGAIN : 0;
		if (!n)
			n = sleeper_poll(c->sleeper, &host, 1, DEADLINE_NONE) == -EINTR ? -EINTR
											: 0;
		if (n) {
			waitqueue_remove(&w);
			return n;
		}
	}
}

static unsigned inotify_poll(struct file *f, struct poll_table *pt)
{
	struct inotify *in = inotify_of(f);

	poll_wait(pt, &in->wait);
	poll_host(pt, in->table->fd);
	mutex_lock(&in->table->lock);
	drain(in->table);
	bool any = !list_empty(&in->events);
	mutex_unlock(&in->table->lock);
	return any ? POLL_READ : 0;
}

static int64_t inotify_ioctl(struct file *f, struct caller *c, struct mm *mm, unsigned cmd,
			     uint64_t arg)
{
	struct inotify *in = inotify_of(f);

	if (cmd != FIONREAD)
		return -ENOTTY;
	mutex_lock(&in->table->lock);
	drain(in->table);
	int n = (int)in->bytes;
	mutex_unlock(&in->table->lock);
	return copy_to_guest(mm, GVA(arg), &n, sizeof n) ? -EFAULT : 0;
}

/* An inode that is watched is there while the lock is held. */
static void show_own(const struct mark *m, struct text *out)
{
	struct statx st;

	if (!inode_getattr(m->watch->inode, NULL, STATX_INO, &st))
		text_printf(out, "inotify wd:%x ino:%lx sdev:%x mask:%x ignored_mask:0\n",
			    (unsigned)m->wd, (unsigned long)st.stx_ino,
			    st.stx_dev_major << 20 | st.stx_dev_minor, m->mask & IN_ALL_EVENTS);
}

/* The host's lines about its watches tell inode numbers, which are those stat(2) gives; number and
 * mask are the mark's. */
static void inotify_show_fdinfo(struct file *f, struct text *out)
{
	struct inotify *in = inotify_of(f);
	static const char head[] = "inotify wd:", mask[] = " mask:";
	char path[64], line[512];
	struct mark *m;

	snprintf(path, sizeof path, "/proc/self/fdinfo/%d", in->table->fd);
	FILE *host = hostfile_stream(path);
	mutex_lock(&in->table->lock);
	while (host && fgets(line, sizeof line, host)) {
		char *inode, *end, *masks = strstr(line, mask);
		if (strncmp(line, head, strlen(head)) != 0 || !masks)
			continue;
		int wd = (int)strtoul(line + strlen(head), &inode, 16);
		strtoul(masks + strlen(mask), &end, 16);
		struct watch *w = watch_find(in->table, wd);
		m = w ? mark_of_watch(in, w) : NULL;
		if (m && inode < masks)
			text_printf(out, "%s%x%.*s%s%x%s", head, (unsigned)m->wd,
				    (int)(masks - inode), inode, mask, m->mask & IN_ALL_EVENTS,
				    end);
	}
	list_for_each (m, &in->marks, instance_node)
		if (m->watch->inode)
			show_own(m, out);
	mutex_unlock(&in->table->lock);
	if (host)
		fclose(host);
}

static void inotify_release(struct file *f)
{
	struct inotify *in = inotify_of(f);
	struct inotify_table *t = in->table;

	mutex_lock(&t->lock);
	list_del(&in->node);
	while (!list_empty(&in->marks)) {
		struct mark *m = list_first(&in->marks, struct mark, instance_node);
		struct watch *w = m->watch;
		mark_free(m);
		watch_put(t, w, false);
	}
	while (!list_empty(&in->events))
		free(take_event(in));
	mutex_unlock(&t->lock);
	user_uncharge(in->user, USER_INOTIFY_INSTANCES, 1);
	user_put(in->user);
	waitqueue_destroy(&in->wait);
	free(in);
}

/* ---- in snapshots ---- */

/* Does a place lead to what is watched? */
static bool leads_to(struct caller *c, const struct watch *w, const struct saved_place *place)
{
	struct path found;
	struct inode_id id;

	if (place_walk(c, place, WALK_NOFOLLOW, &found) < 0)
		return false;
	bool same = w->inode ? found.dentry->inode == w->inode
			     : inode_identify(found.dentry->inode, &id) == 0 &&
				   id.dev == w->id.dev && id.ino == w->id.ino;
	path_put(&found);
	return same;
}

/* The names of a directory, of which one may be that of what is watched. */
struct search {
	struct dir_emit emit;
	struct caller *c;
	const struct watch *w;
	uint64_t ino;
	struct mount *mnt; /* of the names, as in struct saved_place */
	size_t dir_len;    /* of the directory's name in `name`, with the slash */
	char name[PATH_MAX];
	bool found;
};

static bool is_found(struct dir_emit *e, const char *name, size_t len, uint64_t ino, int64_t next,
		     unsigned char type)
{
	struct search *s = container_of(e, struct search, emit);

	if (s->found || ino != s->ino || s->dir_len + len >= sizeof s->name)
		return !s->found;
	memcpy(s->name + s->dir_len, name, len);
	s->name[s->dir_len + len] = '\0';
	s->found = leads_to(s->c, s->w, &(struct saved_place){ .mnt = s->mnt, .name = s->name });
	return !s->found;
}

/* No mark hears of anything until inotify_settle(): a search opens directories, which is no news
 * of the program's. */
static void hush(struct inotify_table *t)
{
	struct inotify *in;
	struct mark *m;

	mutex_lock(&t->lock);
	if (t->fd >= 0)
		drain(t);
	list_for_each (in, &t->instances, node) {
		list_for_each (m, &in->marks, instance_node) {
			m->later = m->mask;
			m->mask = 0;
		}
	}
	mutex_unlock(&t->lock);
}

/* One that was renamed is looked for in the directory where it was found: `found` is where that
 * was, and becomes where it is. */
static bool find_in_directory(struct inotify_table *t, struct caller *c, const struct watch *w,
			      struct saved_place *found)
{
	struct search s = { .emit.emit = is_found, .c = c, .w = w, .ino = w->id.ino };
	const char *slash = strrchr(found->name, '/');
	struct file *dir;

	s.mnt = found->mnt;
	s.dir_len = slash ? (size_t)(slash - found->name) + 1 : 0;
	if (!s.dir_len || s.dir_len >= sizeof s.name)
		return false;
	memcpy(s.name, found->name, s.dir_len);
	hush(t);
	if (place_open(c, &(struct saved_place){ .mnt = s.mnt, .name = s.name },
		       O_RDONLY | O_DIRECTORY, &dir) == 0) {
		if (dir->ops->readdir)
			(void)vfs_readdir(dir, c, &s.emit);
		file_put(dir);
	}
	inotify_settle(t);
	char *name = s.found ? strdup(s.name) : NULL;
	if (!name)
		return false;
	free(found->name);
	found->name = name;
	return true;
}

/* The name that it was found by, as one of a mount that is kept: malloc'd. */
static char *name_on(struct saver *s, const struct watch *w, struct mount **mnt)
{
	const struct path all = { NULL, NULL };
	char top[PATH_MAX], root[PATH_MAX], *name = NULL;

	for (size_t i = 0; i < s->nr_mounts && !name; i++) {
		struct mount *m = s->mounts[i];
		const struct path p = { m, m->root };
		if (mount_unique_id(m) != w->mount)
			continue;
		const char *below =
		    path_string(&p, &all, top, sizeof top) < 0 ? NULL : path_strip(w->name, top);
		if (!below || inode_path(m->root->inode, m->root, root) < 0 ||
		    asprintf(&name, "%s%s", strcmp(root, "/") || !*below ? root : "", below) < 0)
			return NULL;
		*mnt = m;
	}
	return name;
}

/* Where it is: to be freed. False: nowhere. */
static bool find_place(struct saver *s, struct inotify_table *t, const struct watch *w,
		       struct saved_place *out)
{
	*out = (struct saved_place){ .name = NULL };
	if (w->name)
		out->name = s->nr_mounts ? name_on(s, w, &out->mnt) : strdup(w->name);
	out->number = out->mnt ? out->mnt->number : 0;
	if (out->name && (leads_to(s->caller, w, out) || find_in_directory(t, s->caller, w, out)))
		return true;
	place_free(out);
	return false;
}

static bool has_a_place(struct saver *s, struct inotify_table *t, const struct watch *w)
{
	struct saved_place place;
	bool found = find_place(s, t, w, &place);

	place_free(&place);
	return found;
}

static const char *inotify_refused(struct saver *s, void *object)
{
	struct inotify *in = inotify_of(object);
	struct mark *m;

	list_for_each (m, &in->marks, instance_node)
		if (!has_a_place(s, in->table, m->watch))
			return "which watches a file that has lost its name, which a snapshot "
			       "cannot hold yet";
	return NULL;
}

static int inotify_save(struct saver *s, void *object)
{
	struct inotify *in = inotify_of(object);
	struct encoder *out = &s->out;
	struct saved_place place;
	struct notice *ev;
	struct mark *m;
	uint64_t nr = 0;

	mutex_lock(&in->table->lock);
	drain(in->table);
	mutex_unlock(&in->table->lock);
	file_save_state(s, &in->file);
	encode(out, in->user->uid);
	encode_signed(out, in->last_wd);
	encode(out, in->table->last_cookie);
	encode(out, in->nr_events);
	list_for_each (ev, &in->events, node)
		encode_bytes(out, &ev->e, sizeof ev->e + ev->e.len);
	size_t count = encode_place(out);
	list_for_each (m, &in->marks, instance_node) {
		encode_signed(out, m->wd);
		encode(out, m->mask);
		encode(out, m->user->uid);
		(void)find_place(s, in->table, m->watch, &place);
		place_put(s, &place);
		place_free(&place);
		nr++;
	}
	encode_at(out, count, nr);
	return 0;
}

/* The user of a saved number, who is counted for what he had; NULL: no memory. */
static struct user *load_user(struct loader *l, enum user_count what)
{
	struct caller *c = l->caller;
	struct user *u = user_get(c->fs->vfs->users, (uid_t)decode_max(&l->in, UINT32_MAX));

	if (u)
		user_charge(u, what, 1, UINT64_MAX);
	return u;
}

static void move_to_user(struct user **place, struct user *to, enum user_count what)
{
	user_uncharge(*place, what, 1);
	user_put(*place);
	*place = to;
}

/* A mark like the one that was saved: its file is watched anew, and tells of nothing before all is
 * loaded, which opens files. One whose file is gone ends. */
static int load_mark(struct loader *l, struct inotify *in)
{
	int wd = (int)decode_between(&l->in, 1, INT_MAX);
	uint32_t mask = (uint32_t)decode_max(&l->in, UINT32_MAX);
	struct user *u = load_user(l, USER_INOTIFY_WATCHES);
	struct path p = { NULL, NULL };
	int made = -ENOENT;
	int err = u ? place_find(l, 0, &p) : -ENOMEM;

	if (!err && (l->in.failed || in->last_wd >= wd))
		err = loader_damaged(l, "a watch of inotify");
	if (err) {
		if (u)
			user_uncharge(u, USER_INOTIFY_WATCHES, 1);
		user_put(u);
		path_put(&p);
		return err;
	}
	in->last_wd = wd - 1;
	if (p.dentry)
		made = inotify_watch(&in->file, l->caller, &p,
				     mask & ~(uint32_t)(IN_MASK_ADD | IN_MASK_CREATE));
	struct mark *m = made == wd ? mark_find_locked(in, wd) : NULL;
	if (m) {
		move_to_user(&m->user, u, USER_INOTIFY_WATCHES);
		m->later = m->mask;
		m->mask = 0;
	} else {
		const struct inotify_event ignored = { .mask = IN_IGNORED };
		mutex_lock(&in->table->lock);
		queue_event(in, wd, &ignored);
		mutex_unlock(&in->table->lock);
		user_uncharge(u, USER_INOTIFY_WATCHES, 1);
		user_put(u);
	}
	in->last_wd = wd;
	path_put(&p);
	return made == -ENOMEM ? made : 0;
}

static int load_event(struct loader *l, struct inotify *in)
{
	size_t len;
	const struct inotify_event *saved = decode_bytes(&l->in, &len);
	char buf[EVENT_BYTES] __attribute__((aligned(8)));
	struct inotify_event *e = (void *)buf;

	if (!saved || len < sizeof *e || len > sizeof buf)
		return loader_damaged(l, "an event of inotify");
	memcpy(buf, saved, len);
	if (e->len != len - sizeof *e || in->nr_events > INOTIFY_MAX_QUEUED_EVENTS)
		return loader_damaged(l, "an event of inotify");
	mutex_lock(&in->table->lock);
	queue_event(in, e->wd, e);
	mutex_unlock(&in->table->lock);
	return 0;
}

static int load_events(struct loader *l, struct inotify *in)
{
	uint64_t nr = decode_count(&l->in, sizeof(uint64_t));
	int err = 0;

	for (uint64_t i = 0; i < nr && !err; i++)
		err = load_event(l, in);
	return err;
}

static int load_instance(struct loader *l, struct inotify *in)
{
	struct inotify_table *t = in->table;
	int err = file_load_state(l, &in->file);
	struct user *u = load_user(l, USER_INOTIFY_INSTANCES);

	if (!u)
		return -ENOMEM;
	move_to_user(&in->user, u, USER_INOTIFY_INSTANCES);
	int last = (int)decode_between(&l->in, 0, INT_MAX);
	uint32_t cookie = (uint32_t)decode_max(&l->in, UINT32_MAX);
	if (cookie > t->last_cookie)
		t->last_cookie = cookie;
	if (!err)
		err = load_events(l, in);
	uint64_t nr = decode_count(&l->in, 4 * sizeof(uint64_t));
	for (uint64_t i = 0; i < nr && !err; i++)
		err = load_mark(l, in);
	if (!err && in->last_wd <= last)
		in->last_wd = last;
	return err;
}

void inotify_settle(struct inotify_table *t)
{
	struct inotify *in;
	struct mark *m;

	mutex_lock(&t->lock);
	if (t->fd >= 0)
		drain(t);
	list_for_each (in, &t->instances, node) {
		list_for_each (m, &in->marks, instance_node) {
			m->mask |= m->later;
			m->later = 0;
		}
	}
	mutex_unlock(&t->lock);
}

static int inotify_load(struct loader *l, void **out)
{
	struct file *f;
	int err = inotify_create(l->caller, 0, &f);

	if (err)
		return err;
	err = load_instance(l, inotify_of(f));
	if (err)
		file_put(f);
	else
		*out = f;
	return err;
}

const struct saved_kind inotify_saved = {
	.name = "inotify instance",
	.save = inotify_save,
	.load = inotify_load,
	.put = file_saved_put,
	.refused = inotify_refused,
};

static const struct file_ops inotify_ops = {
	.saved = &inotify_saved,
	.read = inotify_read,
	.lseek_ignored = true,
	.no_splice_read = true,
	.poll = inotify_poll,
	.ioctl = inotify_ioctl,
	.show_fdinfo = inotify_show_fdinfo,
	.release = inotify_release,
};

/* The host's instance is made with the first of ours. */
static int open_host(struct inotify_table *t)
{
	int err = 0;

	mutex_lock(&t->lock);
	if (t->fd < 0)
		t->fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (t->fd < 0)
		err = -errno;
	mutex_unlock(&t->lock);
	return err;
}

int inotify_create(struct caller *c, int flags, struct file **out)
{
	struct inotify_table *t = c->fs->vfs->inotify;
	int err = open_host(t);

	if (err)
		return err;
	struct user *u = user_get(c->fs->vfs->users, c->cred->uid);
	struct inotify *in = calloc(1, sizeof *in);
	if (!u || !in || !user_charge(u, USER_INOTIFY_INSTANCES, 1, INOTIFY_MAX_USER_INSTANCES)) {
		err = u && in ? -EMFILE : -ENOMEM;
		user_put(u);
		free(in);
		return err;
	}
	in->table = t;
	in->user = u;
	waitqueue_init(&in->wait);
	list_init(&in->marks);
	list_init(&in->events);
	file_init(&in->file, &inotify_ops, O_RDONLY | (unsigned)(flags & IN_NONBLOCK));
	file_set_anon(&in->file, c, "anon_inode:inotify");
	mutex_lock(&t->lock);
	list_add_tail(&t->instances, &in->node);
	mutex_unlock(&t->lock);
	*out = &in->file;
	return 0;
}

bool file_is_inotify(const struct file *f)
{
	return f->ops == &inotify_ops;
}

/* The watch descriptor. */
static int set_mark(struct inotify *in, struct caller *c, struct watch *w, uint32_t mask)
{
	lock_assert_held(&in->table->lock);
	struct mark *m = mark_of_watch(in, w);
	int err = 0;

	if (m && mask & IN_MASK_CREATE)
		return -EEXIST;
	if (m)
		m->mask = mask & IN_MASK_ADD ? m->mask | mask : mask;
	else
		err = mark_new(in, c, w, mask, &m);
	if (err)
		watch_put(in->table, w, false);
	return err ? err : m->wd;
}

/* Has the host watch the file. */
static int host_watch(struct inotify_table *t, struct caller *c, struct inode *i, uint32_t mask,
		      struct watch **out)
{
	lock_assert_held(&t->lock);
	int wd = i->ops->watch(i, c, t->fd, (mask & HOST_MASK) | IN_MASK_ADD);

	if (wd < 0)
		return wd;
	*out = watch_get(t, wd);
	return *out ? 0 : -ENOMEM;
}

/* What the host would check. */
static int may_watch(struct caller *c, struct inode *i, uint32_t mask)
{
	if (!(i->fs->flags & FS_NOTIFIES))
		return -ENOSYS;
	if (mask & IN_ONLYDIR && !S_ISDIR(i->type))
		return -ENOTDIR;
	int err = i->ops->permission(i, c, R_OK);
	return !err && i->ops->watched ? i->ops->watched(i, c) : err;
}

/* The name of what is to be watched: malloc'd. NULL: without one it is watched all the same. */
static char *name_of(const struct path *p, struct inode_id *id)
{
	const struct path all = { NULL, NULL };
	char name[PATH_MAX];

	return path_string(p, &all, name, sizeof name) >= 0 &&
		       inode_identify(p->dentry->inode, id) == 0
		   ? strdup(name)
		   : NULL;
}

int inotify_watch(struct file *f, struct caller *c, const struct path *p, uint32_t mask)
{
	struct inotify *in = inotify_of(f);
	struct inode *i = p->dentry->inode;
	struct watch *w;
	int err = i->ops->watch ? 0 : may_watch(c, i, mask);

	if (mask & IN_MASK_ADD && mask & IN_MASK_CREATE)
		return -EINVAL;
	if (err)
		return err;
	struct inode_id id;
	char *name = name_of(p, &id);
	mutex_lock(&in->table->lock);
	drain(in->table); /* what came before is not for the new mark */
	err = i->ops->watch ? host_watch(in->table, c, i, mask, &w) : own_watch(in->table, i, &w);
	int wd = err ? err : set_mark(in, c, w, mask);
	if (wd >= 0 && !w->name) {
		w->name = name;
		w->mount = mount_unique_id(p->mnt);
		w->id = id;
		name = NULL;
	}
	mutex_unlock(&in->table->lock);
	free(name);
	return wd;
}

/* Renames are few beside what else is done with files, and names serve snapshots alone: each is
 * compared. */
static void rename_watches(struct inotify_table *t, const char *from, const char *to)
{
	const struct inotify *in;
	struct mark *m;

	list_for_each (in, &t->instances, node) {
		list_for_each (m, &in->marks, instance_node) {
			struct watch *w = m->watch;
			const char *below = w->name && w->marks.next == &m->watch_node
						? path_strip(w->name, from)
						: NULL;
			char *name;
			if (!below || asprintf(&name, "%s%s", to, below) < 0)
				continue;
			free(w->name);
			w->name = name;
		}
	}
}

/* "/./" is in no name of a watch. */
#define ASIDE "/./aside"

void inotify_renamed(struct inotify_table *t, const struct path *dir, const char *name,
		     const struct path *newdir, const char *newname, bool exchange)
{
	const struct path all = { NULL, NULL };
	char from[PATH_MAX + NAME_MAX + 2], to[sizeof from];

	mutex_lock(&t->lock);
	bool used = !list_empty(&t->instances);
	mutex_unlock(&t->lock);
	if (!used || path_string(dir, &all, from, PATH_MAX) < 0 ||
	    path_string(newdir, &all, to, PATH_MAX) < 0)
		return;
	sprintf(from + strlen(from), "%s%s", from[1] ? "/" : "", name);
	sprintf(to + strlen(to), "%s%s", to[1] ? "/" : "", newname);
	mutex_lock(&t->lock);
	if (exchange)
		rename_watches(t, to, ASIDE);
	rename_watches(t, from, to);
	if (exchange)
		rename_watches(t, ASIDE, from);
	mutex_unlock(&t->lock);
}

int inotify_unwatch(struct file *f, int wd)
{
	struct inotify *in = inotify_of(f);

	mutex_lock(&in->table->lock);
	drain(in->table);
	struct mark *m = mark_find(in, wd);
	if (m) {
		struct watch *w = m->watch;
		mark_end(m);
		watch_put(in->table, w, false);
	}
	mutex_unlock(&in->table->lock);
	return m ? 0 : -EINVAL;
}
