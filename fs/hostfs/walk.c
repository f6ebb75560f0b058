/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names to descriptors. Containment is the host kernel's (host/beneath.h): each look-up starts at a
 * descriptor that was itself reached this way, follows no symlink and never rises above where it
 * started. No name is checked first and used later: what a race can change is which error comes,
 * not what is reached.
 *
 * A plain path is one openat2. When that says ELOOP, the symlink is looked for: in the first name
 * (/lib, /bin), in the last, then one by one; its text is all that leaves this file, the vfs
 * follows it in the guest's own tree.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "fs/hostfs/internal.h"
#include "fs/protect.h"
#include "host/beneath.h"
#include "host/fdpath.h"
#include "host/fscred.h"
#include "host/hostcall.h"

#define RACE_TRIES 32

/* One look-up: a NUL-terminated copy of its names. */
struct lookup {
	struct hostfs *h;
	int dirfd;
	unsigned flags; /* STEP_* */
	size_t len;
	char names[PATH_MAX];
};

/* Where the guest's right to search is asked of each directory, a look-up takes one name. */
static int lookup_one(struct lookup *l, struct inode *dir, struct caller *c)
{
	size_t first = strcspn(l->names, "/");

	if (first < l->len) {
		l->names[l->len = first] = '\0';
		l->flags = STEP_DIRECTORY;
	}
	return hostfs_may(dir, c, X_OK);
}

static int lookup_init(struct lookup *l, struct inode *dir, struct caller *c, const char *names,
		       size_t len, unsigned flags)
{
	if (len >= sizeof l->names)
		return -ENAMETOOLONG;
	l->h = hostfs_of(dir);
	l->dirfd = hostfs_fd(dir);
	l->flags = flags;
	l->len = len;
	memcpy(l->names, names, len);
	l->names[len] = '\0';
	if (hostfs_asks_guest(l->h, c)) {
		int err = lookup_one(l, dir, c);
		if (err)
			return err;
	}
	return hostfs_act_as(c);
}

static size_t last_start(const struct lookup *l)
{
	const char *slash = strrchr(l->names, '/');

	return slash ? (size_t)(slash + 1 - l->names) : 0;
}

static int reference_flags(unsigned step)
{
	return O_PATH | (step & STEP_DIRECTORY ? O_DIRECTORY : 0) |
	       (step & STEP_NOFOLLOW ? O_NOFOLLOW : 0);
}

/* Where the first ".." begins; the whole length when there is none. */
static size_t before_dotdot(const struct lookup *l)
{
	for (const char *s = l->names; *s; s += strspn(s, "/")) {
		size_t len = strcspn(s, "/");
		if (len == 2 && s[0] == '.' && s[1] == '.')
			return (size_t)(s - l->names);
		s += len;
	}
	return l->len;
}

static int found(struct lookup *l, int fd, struct walk_step *out)
{
	const char *last = l->names + last_start(l);
	size_t len = l->len - last_start(l);

	if (fd < 0)
		return fd;
	out->consumed = l->len;
	if (l->flags & STEP_DIRECTORY)
		return hostfs_dentry_new(l->h, fd, S_IFDIR, last, len, &out->dentry);
	return hostfs_dentry_of_fd(l->h, fd, last, len, &out->dentry);
}

/* The directory that holds the name at `start`, without a symlink on the way there. */
static int open_above(struct lookup *l, size_t start)
{
	size_t end = start;

	/* Without the slashes behind it: the way across a mount tells the last name by the slash in
	 * front. */
	while (end && l->names[end - 1] == '/')
		end--;
	l->names[end] = '\0';
	int fd = beneath_open(l->dirfd, l->names, O_PATH | O_DIRECTORY, 0);
	l->names[end] = '/';
	return fd;
}

/* Reads the link `name` in `at`: 1, 0: it is no link, -errno. */
static int read_link(int at, const char *name, char **out)
{
	char text[PATH_MAX];
	ssize_t n = host_ret(readlinkat(at, name, text, sizeof text - 1));

	if (n < 0)
		return n == -EINVAL ? 0 : (int)n;
	text[n] = '\0';
	if (n == 0)
		return -ENOENT;
	*out = strdup(text);
	return *out ? 1 : -ENOMEM;
}

/* Is the name at [start, end) a symlink? 1: yes, *out tells; 0: no; -ELOOP: one comes before it, as
 * one must that led the host past a name that is too long. */
static int check_name(struct lookup *l, size_t start, size_t end, struct walk_step *out)
{
	char name[NAME_MAX + 1];
	bool wanted = end == l->len && l->flags & STEP_NOFOLLOW;

	if (end - start > NAME_MAX)
		return start ? -ELOOP : -ENAMETOOLONG;
	memcpy(name, l->names + start, end - start);
	name[end - start] = '\0';
	int at = start ? open_above(l, start) : l->dirfd;
	if (at < 0)
		return at;
	int r = read_link(at, name, &out->link);
	if (r > 0 && wanted) {
		free(out->link);
		out->link = NULL;
		int fd = beneath_open(at, name, O_PATH | O_NOFOLLOW, 0);
		int err =
		    fd < 0 ? fd : hostfs_dentry_of_fd(l->h, fd, name, end - start, &out->dentry);
		r = err ? err : 1;
	}
	if (start)
		host_close(at);
	out->consumed = end;
	return r;
}

static size_t name_end(const struct lookup *l, size_t start)
{
	return start + strcspn(l->names + start, "/");
}

static int check_each(struct lookup *l, struct walk_step *out)
{
	int r = 0;

	for (size_t start = 0; !r && start < l->len;) {
		size_t end = name_end(l, start);
		r = check_name(l, start, end, out);
		start = end + strspn(l->names + end, "/");
	}
	return r;
}

/* The host met a symlink: where? 1: found; 0: it is gone again; -errno. */
static int find_link(struct lookup *l, struct walk_step *out)
{
	size_t end = name_end(l, 0);
	int r = check_name(l, 0, end, out);

	if (r == 0 && end < l->len)
		r = check_name(l, last_start(l), l->len, out);
	return r == -ELOOP ? check_each(l, out) : r;
}

/* The long way, after `err` from the short one. */
static int walk_on_error(struct lookup *l, int err, struct walk_step *out)
{
	if (err == -ELOOP) {
		int r = find_link(l, out);
		return r == 0 ? -EAGAIN : r > 0 ? 0 : r;
	}
	size_t up = before_dotdot(l);
	if ((err != -EXDEV && err != -EAGAIN) || up == l->len || up == 0)
		return err;
	/* ".." off a mount of the host, or one that the host does not take because somebody renames
	 * all the time: let the vfs take it on its own. */
	while (up && l->names[up - 1] == '/')
		up--;
	l->names[l->len = up] = '\0';
	l->flags = STEP_DIRECTORY;
	return found(l, beneath_open(l->dirfd, l->names, reference_flags(l->flags), 0), out);
}

static int walk_plain(struct lookup *l, struct walk_step *out)
{
	int fd = beneath_open(l->dirfd, l->names, reference_flags(l->flags), 0);

	return fd < 0 ? walk_on_error(l, fd, out) : found(l, fd, out);
}

/* A name that changes from symlink to file and back while we look: try again, but not for ever.
 * `err`: what a first try gave, -EAGAIN when there was none. */
static int walk_retry(struct lookup *l, int err, struct walk_step *out)
{
	if (err != -EAGAIN)
		err = walk_on_error(l, err, out);
	for (int i = 0; i < RACE_TRIES && err == -EAGAIN; i++)
		err = walk_plain(l, out);
	return err == -EAGAIN ? -ELOOP : err;
}

int hostfs_walk(struct inode *dir, struct caller *c, const char *names, size_t len, unsigned flags,
		struct walk_step *out)
{
	struct lookup l;
	int err = lookup_init(&l, dir, c, names, len, flags);

	*out = (struct walk_step){ 0 };
	return err ? err : walk_retry(&l, -EAGAIN, out);
}

/* One name: the host is asked without opening anything. -EAGAIN: a mount, ask in the long way. */
static int getattr_name(struct lookup *l, unsigned mask, struct statx *st)
{
	int err = hostfs_statx(l->dirfd, l->names, mask | STATX_TYPE, st);

	if (err)
		return err;
	if (st->stx_attributes & STATX_ATTR_MOUNT_ROOT)
		return -EAGAIN;
	if (S_ISLNK(st->stx_mode) && !(l->flags & STEP_NOFOLLOW))
		return -ELOOP;
	return l->flags & STEP_DIRECTORY && !S_ISDIR(st->stx_mode) ? -ENOTDIR : 0;
}

/* As statcache.c tells. False: it does not know the path, or the path leads elsewhere now. */
static bool getattr_cached(struct lookup *l, unsigned mask, struct statx *st)
{
	struct statcache *cache = l->h->statcache;

	return l->dirfd == hostfs_fd(l->h->fs.root) && statcache_has(cache, l->names, l->len) &&
	       hostfs_statx(l->dirfd, l->names, mask | STATCACHE_MASK, st) == 0 &&
	       statcache_confirms(cache, l->names, l->len, st) &&
	       !(l->flags & STEP_DIRECTORY && !S_ISDIR(st->stx_mode)) &&
	       !(S_ISLNK(st->stx_mode) && !(l->flags & STEP_NOFOLLOW));
}

static int getattr_path(struct lookup *l, unsigned mask, struct statx *st)
{
	if (getattr_cached(l, mask, st))
		return 0;
	int fd = beneath_open(l->dirfd, l->names, reference_flags(l->flags), 0);

	if (fd < 0)
		return fd;
	int err = hostfs_statx(fd, "", mask | STATCACHE_MASK, st);
	host_close(fd);
	if (!err && l->dirfd == hostfs_fd(l->h->fs.root))
		statcache_add(l->h->statcache, l->names, l->len, st);
	return err;
}

static bool is_one_name(const struct lookup *l)
{
	return !strchr(l->names, '/') && strcmp(l->names, ".") && strcmp(l->names, "..");
}

/* Errors of a short cut that the long way can do something about. */
static bool is_for_walk(int err)
{
	return err == -ELOOP || err == -EXDEV || err == -EAGAIN;
}

int hostfs_walk_getattr(struct inode *dir, struct caller *c, const char *names, size_t len,
			unsigned flags, unsigned mask, struct statx *st, bool *done,
			struct walk_step *out)
{
	struct lookup l;
	int err = lookup_init(&l, dir, c, names, len, flags);

	*out = (struct walk_step){ 0 };
	if (err)
		return err;
	*done = false;
	if (l.len < len)
		return walk_retry(&l, -EAGAIN, out);
	err = is_one_name(&l) ? getattr_name(&l, mask, st) : -EAGAIN;
	if (err == -EAGAIN)
		err = getattr_path(&l, mask, st);
	*done = !err;
	if (!err)
		hostfs_show(l.h, st);
	return is_for_walk(err) ? walk_retry(&l, err, out) : err;
}

/* The name is not looked at and then followed: whatever it has become meanwhile is asked the
 * question itself, and a symlink says nothing of what it leads to. */
static int query_name(struct lookup *l, struct inode_query *q)
{
	bool reads_link = q->what == QUERY_READLINK;
	struct statx st;

	if (!hostfs_answers_by_name(q) || (reads_link && !(l->flags & STEP_NOFOLLOW)))
		return -EAGAIN;
	int err = reads_link ? 0 : getattr_name(l, 0, &st);
	if (err)
		return err;
	q->answer = hostfs_answer(l->h, l->dirfd, l->names, q);
	return q->answer == -ENOSYS ? -EAGAIN : 0;
}

static int query_path(struct lookup *l, struct inode_query *q)
{
	int fd = beneath_open(l->dirfd, l->names, reference_flags(l->flags), 0);

	if (fd < 0)
		return fd;
	q->answer = hostfs_answer(l->h, fd, "", q);
	host_close(fd);
	return 0;
}

int hostfs_walk_query(struct inode *dir, struct caller *c, const char *names, size_t len,
		      unsigned flags, struct inode_query *q, bool *done, struct walk_step *out)
{
	struct lookup l;
	int err = lookup_init(&l, dir, c, names, len, flags);

	*out = (struct walk_step){ 0 };
	*done = false;
	if (err)
		return err;
	if (hostfs_asks_guest(l.h, c))
		return walk_retry(&l, -EAGAIN, out);
	err = is_one_name(&l) ? query_name(&l, q) : -EAGAIN;
	if (err == -EAGAIN)
		err = query_path(&l, q);
	*done = !err;
	return is_for_walk(err) ? walk_retry(&l, err, out) : err;
}

#define OPEN_FLAGS                                                                                 \
	(O_ACCMODE | O_CREAT | O_EXCL | O_TRUNC | O_APPEND | O_DIRECTORY | O_NOFOLLOW | O_DIRECT | \
	 O_SYNC | O_DSYNC | O_NOATIME)

/* Errors of an open that the long way can do something about: a symlink, ".." off a mount, a FIFO
 * without readers or a device (ENXIO), a lease to be broken (EAGAIN). */
static bool needs_walk(int err)
{
	return err == -ELOOP || err == -EXDEV || err == -ENXIO || err == -EAGAIN;
}

/* O_CREAT|O_TRUNC: was there anything to cut? A file that is new must not be truncated: it would
 * lose its set-group-ID bit, and watches would see a change. So the first try is to make it. */
static int create_or_open(struct lookup *l, int flags, mode_t mode, bool *created)
{
	int fd = beneath_open(l->dirfd, l->names, flags | O_EXCL, mode);

	*created = fd >= 0;
	return fd == -EEXIST ? beneath_open(l->dirfd, l->names, flags, mode) : fd;
}

/* What O_CREAT has found lies in a directory where others may make names, too: the host would check
 * that of an open that creates. */
static int may_open_found(struct lookup *l, struct caller *c, const struct statx *found)
{
	size_t last = last_start(l);
	int above = last ? open_above(l, last) : l->dirfd;
	struct statx dir;

	if (above < 0)
		return above;
	int err = hostfs_statx(above, "", STATX_MODE | STATX_UID, &dir);
	if (above != l->dirfd)
		host_close(above);
	return err ? err : protect_sticky(c, &dir, found);
}

/* FIFOs and devices of the host are never opened: what lies there is looked at first. -EAGAIN: it
 * is none that may be opened here. *st: what it is. */
static int open_looked_at(struct lookup *l, struct caller *c, int flags, struct statx *st)
{
	bool excl = flags & O_CREAT && flags & O_EXCL;
	int follow = excl ? O_NOFOLLOW : flags & O_NOFOLLOW;
	int ref = beneath_open(l->dirfd, l->names, O_PATH | (flags & O_DIRECTORY) | follow, 0);

	if (ref < 0)
		return ref;
	int fd = hostfs_statx(ref, "", STATX_TYPE | STATX_INO | STATX_UID, st);
	bool dir = S_ISDIR(st->stx_mode);
	if (!fd && excl)
		fd = -EEXIST;
	else if (!fd && S_ISLNK(st->stx_mode))
		fd = -ELOOP;
	else if (!fd && flags & O_CREAT)
		fd = dir ? -EISDIR : may_open_found(l, c, st);
	if (!fd && !dir && !S_ISREG(st->stx_mode))
		fd = -EAGAIN;
	if (!fd)
		fd = fdpath_reopen(ref, flags & ~(O_CREAT | O_NOFOLLOW));
	host_close(ref);
	return fd;
}

/* Of a name that is not there: may it be made with this mode? */
static int may_create(struct lookup *l, mode_t mode)
{
	size_t last = last_start(l);

	if (hostfs_allows_mode(l->h, S_IFREG | mode))
		return 0;
	int above = last ? open_above(l, last) : -EPERM;
	if (above >= 0)
		host_close(above);
	return above < 0 ? above : -EPERM;
}

/* *st: what was opened; with a mask of 0 where it is new, and was not asked for. */
static int open_contained(struct lookup *l, struct caller *c, int flags, mode_t mode, bool *created,
			  struct statx *st)
{
	int fd = open_looked_at(l, c, flags, st);

	if (fd != -ENOENT || !(flags & O_CREAT))
		return fd;
	int err = may_create(l, mode);
	if (err)
		return err;
	st->stx_mask = 0;
	fd = beneath_open(l->dirfd, l->names, flags | O_EXCL, mode);
	*created = fd >= 0;
	return fd == -EEXIST && !(flags & O_EXCL) ? -EAGAIN : fd;
}

int hostfs_walk_open(struct inode *dir, struct caller *c, const char *names, size_t len, int oflags,
		     mode_t mode, struct file **file, struct walk_step *out)
{
	unsigned step =
	    (oflags & O_DIRECTORY ? STEP_DIRECTORY : 0) | (oflags & O_NOFOLLOW ? STEP_NOFOLLOW : 0);
	struct lookup l;
	int err = lookup_init(&l, dir, c, names, len, step);

	*out = (struct walk_step){ 0 };
	if (err)
		return err;
	if (oflags & O_CREAT)
		mode = fscred_umask(mode, c->fs->umask);
	bool cuts = oflags & O_TRUNC && (oflags & O_ACCMODE) != O_RDONLY;
	if (cuts)
		oflags &= ~O_TRUNC;
	/* O_NONBLOCK: a FIFO or device that lies there must not hold us up before we know what it
	 * is. */
	int kept = (oflags & OPEN_FLAGS) | O_NONBLOCK;
	struct statx st = { .stx_mask = 0 };
	int fd;
	if (l.h->contained)
		fd = open_contained(&l, c, kept, mode, &out->created, &st);
	else if (cuts && (oflags & (O_CREAT | O_EXCL)) == O_CREAT)
		fd = create_or_open(&l, kept, mode, &out->created);
	else
		fd = beneath_open(l.dirfd, l.names, kept, oflags & O_CREAT ? mode : 0);
	if (needs_walk(fd))
		return walk_retry(&l, fd == -ELOOP || fd == -EXDEV ? fd : -EAGAIN, out);
	if (fd < 0)
		return fd;
	size_t last = last_start(&l);
	err = hostfs_file_new(l.h, c, fd, st.stx_mask ? &st : NULL, oflags, l.names + last,
			      l.len - last, file);
	return err == -ENODEV ? walk_retry(&l, -EAGAIN, out) : err;
}

/* The path of `fd` relative to the root, without a slash in front: "" for the root. -ENOENT: it
 * lies elsewhere now. */
static int path_in_root(struct hostfs *h, int fd, char *buf, size_t size)
{
	char root[PATH_MAX] = "/";
	ssize_t n = fdpath_read(fd, buf, size);

	if (n >= 0 && !h->whole)
		n = fdpath_read(hostfs_fd(h->fs.root), root, sizeof root);
	if (n < 0)
		return (int)n;
	size_t len = strcmp(root, "/") ? strlen(root) : 0;
	if (strncmp(buf, root, len) || (buf[len] != '/' && buf[len]))
		return -ENOENT;
	const char *rest = buf + len + strspn(buf + len, "/");
	memmove(buf, rest, strlen(rest) + 1);
	return (int)strlen(buf);
}

/* Below a root that is not the host's own, the way up starts at the root again: wherever the
 * directory was moved to, nothing above the root is opened. */
static int parent_from_root(struct hostfs *h, int fd)
{
	char path[PATH_MAX];
	int n = path_in_root(h, fd, path, sizeof path);

	if (n < 0)
		return n;
	char *slash = strrchr(path, '/');
	if (!slash)
		return (int)host_ret(fcntl(hostfs_fd(h->fs.root), F_DUPFD_CLOEXEC, 0));
	*slash = '\0';
	return beneath_open(hostfs_fd(h->fs.root), path, O_PATH | O_DIRECTORY, 0);
}

/* Who stands in a directory may leave it upwards where the way down to it is closed to him. Then
 * the way up starts in the directory, and where it led is kept only if that lies below the root. */
static int parent_of_closed(struct hostfs *h, struct caller *c, int fd)
{
	char path[PATH_MAX];
	int err = hostfs_act_as(c);
	int up = err ? err : beneath_parent(fd);

	if (up < 0)
		return up;
	err = path_in_root(h, up, path, sizeof path);
	if (err >= 0)
		return up;
	host_close(up);
	return err;
}

int hostfs_parent(struct inode *dir, struct caller *c, struct dentry **out)
{
	struct hostfs *h = hostfs_of(dir);
	/* where the way up does not begin in the directory itself, its right is asked apart */
	int err = h->whole ? hostfs_act_as(c) : hostfs_permission(dir, c, X_OK);

	if (err)
		return err;
	int fd = h->whole ? beneath_parent(hostfs_fd(dir)) : parent_from_root(h, hostfs_fd(dir));
	if (fd == -EACCES && !h->whole)
		fd = parent_of_closed(h, c, hostfs_fd(dir));
	return fd < 0 ? fd : hostfs_dentry_new(h, fd, S_IFDIR, "", 0, out);
}

int hostfs_path(struct inode *i, struct dentry *d, char *buf, size_t size)
{
	if (size < 2)
		return -ENAMETOOLONG;
	int n = path_in_root(hostfs_of(i), hostfs_fd(i), buf + 1, size - 1);
	buf[0] = '/';
	return n < 0 ? n : n + 1;
}
