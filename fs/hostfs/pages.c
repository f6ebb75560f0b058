/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mapped host files. A sandbox has one page source for each file that is mapped, found by the
 * file's identity, so that all its mappings share memory files: one opened for reading, and one for
 * writing once a shared writable mapping asks.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "fs/hostfs/internal.h"
#include "host/fdpath.h"
#include "host/hostcall.h"
#include "mm/rmap.h"
#include "platform/physmem.h"
#include "util/gva.h"
#include "util/lock.h"
#include "util/rbtree.h"
#include "util/time.h"

#define RACY_NS 50000000L

struct hostfs_pages {
	struct physmem *pm;
	struct file_count *mapped; /* NULL: not counted */
	struct mutex lock;
	struct rb_tree sources; /* by id; guarded by lock */
};

struct host_source {
	struct pagesource ps;
	struct hostfs_pages *pages;
	struct filesystem *fs; /* whose `pages` is: a reference */
	struct rb_node node;
	struct inode_id id;
	uint32_t refs;                           /* guarded by pages->lock */
	struct memfile *_Atomic ro, *_Atomic rw; /* set once */
	struct disk_file *held;                  /* disk.c; set once, under pages->lock */
};

static struct host_source *host_source(struct pagesource *ps)
{
	return container_of(ps, struct host_source, ps);
}

static struct memfile *best_file(struct host_source *s, bool write)
{
	struct memfile *rw = s->rw;

	return rw || write ? rw : s->ro;
}

static uint64_t source_size(struct pagesource *ps)
{
	struct stat st;
	struct memfile *mf = best_file(host_source(ps), false);

	return fstat(mf->fd, &st) == 0 ? (uint64_t)st.st_size : 0;
}

static int64_t nanoseconds(const struct timespec *ts)
{
	return ts->tv_sec * (long)NSEC_PER_SEC + ts->tv_nsec;
}

/* From size and times of change. A change less than a few ticks of the clock ago may be followed by
 * one that the times do not show; writes through a mapping show when the host gets to it. */
static uint64_t source_version(struct pagesource *ps)
{
	struct timespec now;
	struct stat st;
	uint64_t version;

	if (ps->writable_shared || fstat(best_file(host_source(ps), false)->fd, &st) < 0)
		return 0;
	clock_gettime(CLOCK_REALTIME, &now);
	if (llabs(nanoseconds(&now) - nanoseconds(&st.st_ctim)) < RACY_NS)
		return 0;
	version = (uint64_t)nanoseconds(&st.st_mtim) * 31 +
		  (uint64_t)nanoseconds(&st.st_ctim) * 17 + (uint64_t)st.st_size;
	return version ? version : 1;
}

static int source_get(struct pagesource *ps, uint64_t off, uint64_t len, bool write,
		      struct page_run *out)
{
	struct memfile *mf = best_file(host_source(ps), write);
	uint64_t end = PAGE_UP(source_size(ps));

	if (!mf)
		return -EACCES;
	if (off >= end)
		return -EFAULT;
	*out = (struct page_run){ .mf = mf, .off = off, .len = len < end - off ? len : end - off };
	return 0;
}

static void source_ref(struct pagesource *ps)
{
	struct host_source *s = host_source(ps);

	mutex_lock(&s->pages->lock);
	s->refs++;
	mutex_unlock(&s->pages->lock);
}

static bool count_source(struct file_count *n)
{
	if (!n || atomic_fetch_add(&n->open, 1) < n->max)
		return true;
	atomic_fetch_sub(&n->open, 1);
	return false;
}

static void uncount_source(struct file_count *n)
{
	if (n)
		atomic_fetch_sub(&n->open, 1);
}

static void source_free(struct host_source *s)
{
	uncount_source(s->pages->mapped);
	if (s->held)
		hostfs_disk_drop(s->held, best_file(s, false)->fd);
	if (s->ro)
		memfile_put(s->ro);
	if (s->rw)
		memfile_put(s->rw);
	pagesource_destroy(&s->ps);
	free(s);
}

static void source_unref(struct pagesource *ps)
{
	struct host_source *s = host_source(ps);

	mutex_lock(&s->pages->lock);
	bool last = --s->refs == 0;
	if (last)
		rb_erase(&s->pages->sources, &s->node);
	mutex_unlock(&s->pages->lock);
	if (last) {
		struct filesystem *fs = s->fs;
		source_free(s);
		filesystem_put(fs);
	}
}

static int source_sync(struct pagesource *ps, uint64_t off, uint64_t len)
{
	struct memfile *mf = best_file(host_source(ps), false);

	return (int)host_ret(fdatasync(mf->fd));
}

/* Mappings show the file itself, or copies that its change makes void: nothing else is to be
 * told. */
static int source_punch(struct pagesource *ps, uint64_t off, uint64_t len)
{
	struct memfile *mf = host_source(ps)->rw;

	if (!mf)
		return -EACCES;
	return (int)host_ret(
	    fallocate(mf->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)off, (off_t)len));
}

static void source_identify(struct pagesource *ps, unsigned *major, unsigned *minor, uint64_t *ino)
{
	const struct inode_id *id = &host_source(ps)->id;

	*major = (unsigned)(id->dev >> 32);
	*minor = (unsigned)id->dev;
	*ino = id->ino;
}

static const struct pagesource_ops source_ops = {
	.get = source_get,
	.ref = source_ref,
	.unref = source_unref,
	.size = source_size,
	.version = source_version,
	.sync = source_sync,
	.identify = source_identify,
	.punch = source_punch,
};

struct hostfs_pages *hostfs_pages_new(struct physmem *pm, struct file_count *mapped)
{
	struct hostfs_pages *p = calloc(1, sizeof *p);

	if (!p)
		return NULL;
	p->pm = pm;
	p->mapped = mapped;
	mutex_init(&p->lock, LOCK_HOSTFS_PAGES);
	return p;
}

void hostfs_pages_free(struct hostfs_pages *p)
{
	if (!p)
		return;
	mutex_destroy(&p->lock);
	free(p);
}

/* The source, or NULL; where it is, or belongs. */
static struct host_source *search_locked(struct hostfs_pages *p, const struct inode_id *id,
					 struct rb_node **parent, struct rb_node ***link)
{
	*parent = NULL;
	for (*link = &p->sources.root; **link;) {
		struct host_source *s = rb_entry(**link, struct host_source, node);
		int r = inode_id_compare(id, &s->id);
		if (!r)
			return s;
		*parent = **link;
		*link = r < 0 ? &(*parent)->left : &(*parent)->right;
	}
	return NULL;
}

/* No guest maps what it has open for writing alone; a snapshot reads it (fs/saved_removed.c). */
static int open_memfile(struct hostfs_pages *p, int fd, bool writable, struct memfile **out)
{
	bool unreadable = (fcntl(fd, F_GETFL) & O_ACCMODE) == O_WRONLY;
	int own = unreadable ? fdpath_reopen(fd, O_RDONLY | O_CLOEXEC)
			     : (int)host_ret(fcntl(fd, F_DUPFD_CLOEXEC, 0));

	return own < 0 ? own : memfile_open(p->pm, own, writable, out);
}

/* The file of the asked kind is made when first needed. */
static int add_file_locked(struct hostfs_pages *p, struct host_source *s, int fd, bool writable,
			   bool borrowed)
{
	struct memfile *mf;

	if (best_file(s, writable))
		return 0;
	int err =
	    borrowed ? memfile_borrow(p->pm, fd, NULL, &mf) : open_memfile(p, fd, writable, &mf);
	if (err)
		return err;
	if (writable)
		s->rw = mf;
	else
		s->ro = mf;
	return 0;
}

static struct host_source *add_locked(struct hostfs_pages *p, const struct inode_id *id,
				      struct rb_node *parent, struct rb_node **link)
{
	struct host_source *s = calloc(1, sizeof *s);

	if (!s) {
		uncount_source(p->mapped);
		return NULL;
	}
	pagesource_init(&s->ps, &source_ops);
	s->pages = p;
	s->id = *id;
	rb_insert(&p->sources, &s->node, parent, link);
	return s;
}

/* A new reference to the source of a file that `fd` is open at. */
static int get_locked(struct hostfs_pages *p, struct filesystem *fs, const struct inode_id *id,
		      int fd, bool writable, bool borrowed, struct host_source **out)
{
	struct rb_node *parent, **link;
	struct host_source *s = search_locked(p, id, &parent, &link);

	if (!s && !count_source(p->mapped))
		return -ENFILE;
	if (!s)
		s = add_locked(p, id, parent, link);
	if (!s)
		return -ENOMEM;
	int err = add_file_locked(p, s, fd, writable, borrowed);
	if (!err) {
		if (s->refs++ == 0)
			s->fs = filesystem_get(fs);
		*out = s;
	} else if (!s->refs) {
		rb_erase(&p->sources, &s->node);
		source_free(s);
	}
	return err;
}

int hostfs_pages_get(struct hostfs_pages *p, struct inode *i, bool writable,
		     struct pagesource **out)
{
	struct host_source *s;
	struct inode_id id;
	int err = hostfs_identify(i, &id);

	if (err)
		return err;
	mutex_lock(&p->lock);
	err = get_locked(p, i->fs, &id, hostfs_fd(i), writable, false, &s);
	if (!err && !s->held)
		s->held = hostfs_disk_share(hostfs_inode(i)->held);
	mutex_unlock(&p->lock);
	if (!err)
		*out = &s->ps;
	return err;
}

int hostfs_pages_borrow(struct hostfs_pages *p, struct filesystem *fs, const struct inode_id *id,
			int fd, struct pagesource **out)
{
	struct host_source *s;

	mutex_lock(&p->lock);
	int err = get_locked(p, fs, id, fd, false, true, &s);
	mutex_unlock(&p->lock);
	if (!err)
		*out = &s->ps;
	return err;
}

static struct host_source *find(struct hostfs_pages *p, struct inode *i)
{
	struct host_source *s = NULL;
	struct rb_node *parent, **link;
	struct inode_id id;

	mutex_lock(&p->lock);
	if (p->sources.root && hostfs_identify(i, &id) == 0)
		s = search_locked(p, &id, &parent, &link);
	if (s)
		s->refs++;
	mutex_unlock(&p->lock);
	return s;
}

void hostfs_pages_truncated(struct hostfs_pages *p, struct inode *i, uint64_t size)
{
	struct host_source *s = find(p, i);

	if (!s)
		return;
	pagesource_truncated(&s->ps, size);
	source_unref(&s->ps);
}

void hostfs_pages_invalidate(struct hostfs_pages *p, struct inode *i, uint64_t off, uint64_t len)
{
	struct host_source *s = find(p, i);

	if (!s)
		return;
	pagesource_invalidate(&s->ps, off, len);
	source_unref(&s->ps);
}
