/* SPDX-License-Identifier: Apache-2.0 */
/* Mounts the file systems of a sandbox, then finds its working directory and its program. There is
 * no task yet at that time, so a visitor walks the paths. */
#include "lib/tree.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cred/user_ns.h"
#include "fs/cpiofs/cpiofs.h"
#include "fs/devfs.h"
#include "fs/file.h"
#include "fs/hostfs/hostfs.h"
#include "fs/mount.h"
#include "fs/overlay/overlay.h"
#include "fs/ramfs/ramfs.h"
#include "host/fdpath.h"
#include "kernel/nsproxy.h"
#include "kernel/tty/pty.h"
#include "kernel/sandbox.h"
#include "lib/root_entry.h"
#include "kernel/visitor.h"
#include "lib/world.h"
#include "loader/loader.h"
#include "proc/proc.h"

#define DEFAULT_PATH "/bin:/usr/bin" /* confstr(_CS_PATH), which execvp uses without PATH */

/* ---- mounts ---- */

/* `fd` (taken over) is a directory or a file of the host, which is named `name`. */
static int hostfs_of_fd(struct sandbox *sb, int fd, const char *name, uint64_t *mount,
			bool whiteouts, struct filesystem **out, struct errmsg *errmsg)
{
	const struct hostfs_options opt = {
		.pm = sb->physmem,
		.users = sb->vfs->user_ns,
		.contained = sb->vfs->user_ns->contained,
		.whiteouts = whiteouts,
		.disk = &sb->mem.disk,
		.mapped = &sb->vfs->mapped,
		.mount = mount,
	};
	struct errmsg inner = { "" };
	int err = hostfs_create(fd, &opt, out, &inner);

	return err ? errmsg_set(errmsg, -err, "'%s': %s", name, inner.text) : 0;
}

static int make_hostfs(struct sandbox *sb, struct mount_spec *m, struct filesystem **out,
		       struct errmsg *errmsg)
{
	bool root = strcmp(m->target, "/") == 0;
	int fd = open(m->source, O_PATH | O_CLOEXEC | (root ? O_DIRECTORY : 0));

	if (fd < 0)
		return errmsg_set(errmsg, errno, "cannot open '%s': %s", m->source,
				  strerror(errno));
	int err = hostfs_of_fd(sb, fd, m->source, m->host_mount, false, out, errmsg);
	if (err)
		return err;
	m->host_fd = fd;
	m->host_file = !S_ISDIR((*out)->root->type);
	return 0;
}

static int make_procfs(struct sandbox *sb, struct mount_spec *m, struct filesystem **out,
		       struct errmsg *errmsg)
{
	return procfs_create(sb, NULL, NULL, out);
}

static int make_sysfs(struct sandbox *sb, struct mount_spec *m, struct filesystem **out,
		      struct errmsg *errmsg)
{
	return sysfs_create(sb, sb->nsproxy->ns[NS_NET], out);
}

static int make_cgroupfs(struct sandbox *sb, struct mount_spec *m, struct filesystem **out,
			 struct errmsg *errmsg)
{
	return cgroupfs_create(sb, out);
}

static int make_devfs(struct sandbox *sb, struct mount_spec *m, struct filesystem **out,
		      struct errmsg *errmsg)
{
	return devfs_create(&sb->mem, vfs_new_dev(sb->vfs), out);
}

static int make_tmpfs(struct sandbox *sb, struct mount_spec *m, struct filesystem **out,
		      struct errmsg *errmsg)
{
	/* Half of the memory, and an inode for each page of it, as Linux's defaults (tmpfs(5)). */
	const uint64_t pages = sb->vfs->ram / 2 / PAGE_SIZE;
	const struct ramfs_options opt = {
		.type = "tmpfs",
		.mode = strcmp(m->target, "/") ? 01777 : 0755,
		.max_bytes = m->size ? m->size : pages * PAGE_SIZE,
		.max_inodes = pages,
		.default_bytes = pages * PAGE_SIZE,
		.default_inodes = pages,
	};

	return ramfs_create(&sb->mem, vfs_new_dev(sb->vfs), &opt, out);
}

/* A directory that has nothing in it, and will not. */
static int make_empty(struct sandbox *sb, struct mount_spec *m, struct filesystem **out,
		      struct errmsg *errmsg)
{
	const struct ramfs_options opt = {
		.type = "tmpfs", .mode = 0555, .max_inodes = 1, .max_bytes = PAGE_SIZE
	};

	return ramfs_create(&sb->mem, vfs_new_dev(sb->vfs), &opt, out);
}

/* A file that has the source as its text, for ever. */
static int make_text(struct sandbox *sb, struct mount_spec *m, struct filesystem **out,
		     struct errmsg *errmsg)
{
	size_t len = strlen(m->source);
	int fd = memfd_create("text", MFD_CLOEXEC | MFD_ALLOW_SEALING), shown = -1;

	if (fd >= 0 && fchmod(fd, 0444) == 0 && write(fd, m->source, len) == (ssize_t)len &&
	    fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) == 0)
		shown = fdpath_reopen(fd, O_PATH | O_CLOEXEC);
	int err = fd < 0 ? -errno : shown < 0 ? -EIO : 0;
	if (fd >= 0)
		close(fd);
	return err ? err : hostfs_of_fd(sb, shown, m->target, NULL, false, out, errmsg);
}

static int make_devpts(struct sandbox *sb, struct mount_spec *m, struct filesystem **out,
		       struct errmsg *errmsg)
{
	return sb->ptys ? -EBUSY : pty_table_create(sb, out);
}

static int make_cpiofs(struct sandbox *sb, struct mount_spec *m, struct filesystem **out,
		       struct errmsg *errmsg)
{
	int fd = open(m->source, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	const struct cpiofs_options opt = { .mem = &sb->mem,
					    .pm = sb->physmem,
					    .name = m->source,
					    .dev = vfs_new_dev(sb->vfs),
					    .deadline = m->deadline };

	return fd < 0 ? errmsg_set(errmsg, errno, "%s: %s", m->source, strerror(errno))
		      : cpiofs_create(&opt, fd, out, errmsg);
}

struct mount_type {
	const char *name;
	int (*make)(struct sandbox *sb, struct mount_spec *m, struct filesystem **out,
		    struct errmsg *errmsg);
	bool host_source; /* the source is a name of the host's, which the guest does not see */
};

static const struct mount_type *find_type(const char *name);

/* The directory is locked for as long as `*lock` is open, against others that write to it. */
static int make_upper_dir(struct sandbox *sb, struct mount_spec *m, struct filesystem **out,
			  int *lock, struct errmsg *errmsg)
{
	const char *dir = m->upper;
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return errmsg_set(errmsg, errno, "cannot open '%s': %s", dir, strerror(errno));
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		int err = errno;
		close(fd);
		return err == EWOULDBLOCK
			   ? errmsg_set(errmsg, EBUSY, "'%s' is in use by another sandbox", dir)
			   : errmsg_set(errmsg, err, "cannot lock '%s': %s", dir, strerror(err));
	}
	int root = openat(fd, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	int err = root < 0 ? errmsg_set(errmsg, errno, "cannot open '%s': %s", dir, strerror(errno))
			   : hostfs_of_fd(sb, root, dir, NULL, true, out, errmsg);
	if (err) {
		close(fd);
		return err;
	}
	m->upper_fd = root;
	*lock = fd;
	return 0;
}

static int make_overlay(struct sandbox *sb, struct mount_spec *m, struct filesystem **out,
			struct errmsg *errmsg)
{
	struct overlay_layer lower = { NULL, NULL };
	struct overlay_options opt = {
		.type = "overlay", .lower = &lower, .nr_lower = 1, .lock_fd = -1
	};
	int err = m->upper ? make_upper_dir(sb, m, &opt.upper.fs, &opt.lock_fd, errmsg)
			   : make_tmpfs(sb, m, &opt.upper.fs, errmsg);

	if (err)
		return err;
	err = find_type(m->lower)->make(sb, m, &lower.fs, errmsg);
	if (err) {
		filesystem_put(opt.upper.fs);
		if (opt.lock_fd >= 0)
			close(opt.lock_fd);
		return err;
	}
	err = overlay_create(sb->vfs, &opt, out);
	return err && m->upper ? errmsg_set(errmsg, -err, "'%s' cannot take what is written: %s",
					    m->upper, strerror(-err))
			       : err;
}

static const struct mount_type mount_types[] = {
	{ "hostfs", make_hostfs, true },     { "proc", make_procfs, false },
	{ "sysfs", make_sysfs, false },      { "devtmpfs", make_devfs, false },
	{ "devpts", make_devpts, false },    { "tmpfs", make_tmpfs, false },
	{ "cpio", make_cpiofs, true },       { "overlay", make_overlay, true },
	{ "empty", make_empty, false },      { "text", make_text, true },
	{ "cgroup2", make_cgroupfs, false },
};

static const struct mount_type *find_type(const char *name)
{
	for (size_t i = 0; i < sizeof mount_types / sizeof *mount_types; i++) {
		if (strcmp(mount_types[i].name, name) == 0)
			return &mount_types[i];
	}
	return NULL;
}

/* The length of the first names of a path, one more than in the first `len` bytes. */
static size_t next_name(const char *path, size_t len)
{
	return len + 1 + strcspn(path + len + 1, "/");
}

/* An empty directory at the first `at` bytes of `target`, with those in it that its first `len`
 * bytes name: something is to be mounted in the last one. */
static int mount_filler(struct sandbox *sb, const char *target, size_t at, size_t len)
{
	const struct ramfs_options opt = { .type = "tmpfs", .mode = 0755 };
	char path[PATH_MAX];
	struct filesystem *fs;
	int err = ramfs_create(&sb->mem, vfs_new_dev(sb->vfs), &opt, &fs);

	if (err)
		return err;
	for (size_t end = at; !err && end < len;) {
		end = next_name(target, end);
		snprintf(path, sizeof path, "%.*s", (int)(end - at), target + at);
		err = ramfs_make(fs, path, S_IFDIR | 0755, 0, NULL);
	}
	if (err) {
		filesystem_put(fs);
		return err;
	}
	snprintf(path, sizeof path, "%.*s", (int)at, target);
	return mnt_ns_mount(nsproxy_mnt(sb->nsproxy), path, fs, MOUNT_RDONLY, "none");
}

/* What is mounted needs no name of its own, but a directory to have it in. Where the guest's tree
 * has none, the first name that is missing becomes a filler. */
static int make_parents(struct sandbox *sb, struct caller *c, const char *target)
{
	size_t len = (size_t)(strrchr(target, '/') - target), end = 0;
	char path[PATH_MAX];
	struct statx st;
	int err = 0;

	while (!err && end < len) {
		end = next_name(target, end);
		snprintf(path, sizeof path, "%.*s", (int)end, target);
		err = vfs_getattr(c, NULL, path, WALK_DIRECTORY, STATX_TYPE, &st);
	}
	return err == -ENOENT ? mount_filler(sb, target, end, len) : err;
}

static int mount_one(struct sandbox *sb, struct caller *c, struct mount_spec *m,
		     struct errmsg *errmsg);

/* What the guest's tree has there, behind symlinks, and its kind. 0 or -errno. */
static int find_hidden(struct caller *c, const char *name, char real[PATH_MAX], mode_t *mode)
{
	const struct path whole = { NULL, NULL };
	struct statx st = { .stx_mode = 0 };
	struct path p;
	int err = path_walk(c, NULL, name, 0, &p);

	if (!err) {
		err = path_getattr(&p, c, STATX_TYPE, &st);
		if (!err && path_string(&p, &whole, real, PATH_MAX) <= 0)
			err = -ENAMETOOLONG;
		path_put(&p);
	}
	*mode = st.stx_mode;
	return err;
}

/* An empty directory, or an empty file, lies over it. What is not there is no fault unless the user
 * has asked for it, who then means another name. */
static int mount_hidden(struct sandbox *sb, struct caller *c, const struct mount_spec *m,
			struct errmsg *errmsg)
{
	struct mount_spec cover = *m;
	char real[PATH_MAX];
	mode_t mode;
	int err = find_hidden(c, m->target, real, &mode);

	if (err == -ENOENT && !*m->source)
		return 0;
	if (err)
		return errmsg_set(errmsg, -err, "'%s' cannot be hidden: %s", m->target,
				  strerror(-err));
	cover.target = real;
	cover.type = S_ISDIR(mode) ? "empty" : "text";
	cover.source = S_ISDIR(mode) ? "none" : "";
	return mount_one(sb, c, &cover, errmsg);
}

static int mount_one(struct sandbox *sb, struct caller *c, struct mount_spec *m,
		     struct errmsg *errmsg)
{
	const struct mount_type *type = find_type(m->type);
	struct filesystem *fs;

	if (root_entry_knows(m->type))
		return root_entry_make(c, m, errmsg);
	if (strcmp(m->type, "hidden") == 0)
		return mount_hidden(sb, c, m, errmsg);
	int err = type ? make_parents(sb, c, m->target) : -ENODEV;

	if (!err)
		err = type->make(sb, m, &fs, errmsg);
	if (!err)
		err = mnt_ns_mount(nsproxy_mnt(sb->nsproxy), m->target, fs, m->flags,
				   type->host_source ? type->name : m->source);
	return err ? errmsg_set(errmsg, -err, "cannot mount %s: %s", m->target, strerror(-err)) : 0;
}

/* `dir` is the host's, as the caller sees it; the guest sees the same tree. */
static int set_sysroot(struct sandbox *sb, const char *dir, struct errmsg *errmsg)
{
	struct visitor v;
	struct path p;
	char *real = realpath(dir, NULL);
	int err = real ? visitor_init(&v, sb, sb->vfs->monitor, NULL) : -errno;

	if (real) {
		if (!err)
			err = path_walk(&v.caller, NULL, real, WALK_DIRECTORY, &p);
		if (!err) {
			struct path root = fs_struct_root(v.caller.fs);
			vfs_set_sysroot(sb->vfs, &p, &root);
			path_put(&root);
			path_put(&p);
		}
		visitor_done(&v);
		free(real);
	}
	return err ? errmsg_set(errmsg, -err, "sysroot '%s': %s", dir, strerror(-err)) : 0;
}

/* A translator that was named is where the host has it; others are looked for where the host's
 * programs are. */
static int set_translators(struct sandbox *sb, const struct hl_config *cfg, struct errmsg *errmsg)
{
	struct translators *t = &sb->translators;
	const char *path = env_value(&cfg->caller_env, "PATH");

	t->file = cfg->translator ? realpath(cfg->translator, NULL) : NULL;
	if (cfg->translator && !t->file)
		return errmsg_set(errmsg, errno, "translator '%s': %s", cfg->translator,
				  strerror(errno));
	t->path = path ? strdup(path) : NULL;
	return path && !t->path ? -ENOMEM : 0;
}

int tree_mount(struct sandbox *sb, const struct hl_config *cfg, struct mount_list *mounts,
	       uint64_t deadline, struct errmsg *errmsg)
{
	int err = world_is_private(cfg) ? vfs_contain(sb->vfs) : 0;
	struct visitor v;
	bool there = false;      /* the visitor has a root */
	uint64_t host_mount = 0; /* of what was mounted, and is there as long as that */

	for (size_t i = 0; !err && i < mounts->count; i++) {
		struct mount_spec *m = &mounts->item[i];
		m->deadline = deadline;
		m->host_mount = &host_mount;
		err = mount_one(sb, there ? &v.caller : NULL, m, errmsg);
		if (err || strcmp(m->target, "/") != 0)
			continue;
		if (there)
			visitor_done(&v);
		there = true;
		if (visitor_init(&v, sb, sb->vfs->monitor, NULL))
			err = errmsg_set(errmsg, ENOMEM, "no memory");
	}
	if (there)
		visitor_done(&v);
	sb->withheld_caps = sb->vfs->user_ns->withheld = world_withheld_caps(cfg);
	sb->mounts_made = sb->vfs->mount_event;
	if (!err)
		err = set_translators(sb, cfg, errmsg);
	return !err && cfg->sysroot ? set_sysroot(sb, cfg->sysroot, errmsg) : err;
}

/* ---- where it starts ---- */

static int walk_to(struct sandbox *sb, const char *dir, struct path *out)
{
	struct visitor v;
	int err = visitor_init(&v, sb, sb->vfs->monitor, NULL);

	if (!err)
		err = path_walk(&v.caller, NULL, dir, WALK_DIRECTORY, out);
	visitor_done(&v);
	return err;
}

/* The calling process's directory by descriptor: no path leads to one that was removed, or that
 * lies below a directory the caller may not search. One without a path that still exists lies
 * outside of our root, and stays there. */
static int take_own_directory(struct sandbox *sb, bool has_path, struct path *out)
{
	int fd = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct stat st;

	if (fd < 0)
		return -errno;
	if (!has_path && (fstat(fd, &st) < 0 || st.st_nlink)) {
		close(fd);
		return -ENOENT;
	}
	struct path root = mnt_ns_root(nsproxy_mnt(sb->nsproxy));
	struct dentry *dir;
	int err = hostfs_take_directory(root.mnt->fs, fd, &dir);
	if (!err)
		*out = (struct path){ mount_get(root.mnt), dir };
	path_put(&root);
	return err;
}

/* Not "/" in its place: the program may be about to clean up where it starts. */
static int find_own_directory(struct sandbox *sb, struct path *out)
{
	char *cwd = getcwd(NULL, 0);
	bool has_path = cwd && cwd[0] == '/';
	int err = has_path ? walk_to(sb, cwd, out) : -ENOENT;

	free(cwd);
	return err ? take_own_directory(sb, has_path, out) : 0;
}

static int find_below_own(struct sandbox *sb, const char *dir, struct path *out)
{
	struct visitor v;
	struct path own;
	int err = find_own_directory(sb, &own);

	if (err)
		return err;
	err = visitor_init(&v, sb, sb->vfs->monitor, &own);
	if (!err)
		err = path_walk(&v.caller, NULL, dir, WALK_DIRECTORY, out);
	visitor_done(&v);
	path_put(&own);
	return err;
}

static int find_private(struct sandbox *sb, const struct hl_config *cfg, struct path *out)
{
	char *dir = world_workdir(cfg);
	int err = dir ? walk_to(sb, dir, out) : -ENOMEM;

	free(dir);
	return err;
}

int tree_find_workdir(struct sandbox *sb, const struct hl_config *cfg, struct path *out,
		      struct errmsg *errmsg)
{
	const char *dir = cfg->workdir;
	int err = world_is_private(cfg) ? find_private(sb, cfg, out)
		  : !dir                ? find_own_directory(sb, out)
		  : dir[0] == '/'       ? walk_to(sb, dir, out)
					: find_below_own(sb, dir, out);

	if (err && !dir)
		return errmsg_set(
		    errmsg, -err,
		    "the caller's working directory cannot be used: %s; --workdir names another",
		    strerror(-err));
	return err ? errmsg_set(errmsg, -err, "working directory '%s': %s", dir, strerror(-err))
		   : 0;
}

/* ---- the program ---- */

static int try_program(struct visitor *v, const char *path)
{
	struct file *f;
	int err = exec_open(&v->caller, NULL, path, 0, &f);

	if (!err)
		file_put(f);
	return err;
}

/* Errors of one directory of PATH that do not end the search (execvp(3)). */
static bool search_goes_on(int err)
{
	return err == -EACCES || err == -ENOENT || err == -ENOTDIR || err == -ESTALE ||
	       err == -ENODEV || err == -ETIMEDOUT;
}

static int search_path(struct visitor *v, const char *path, const char *name, char **out)
{
	int result = -ENOENT;

	for (;;) {
		size_t len = strcspn(path, ":");
		if (asprintf(out, "%.*s%s%s", (int)len, path, len ? "/" : "", name) < 0)
			return -ENOMEM;
		int err = try_program(v, *out);
		if (!err)
			return 0;
		free(*out);
		if (!search_goes_on(err))
			return err;
		if (err == -EACCES)
			result = -EACCES;
		if (!path[len])
			return result;
		path += len + 1;
	}
}

static int find(struct visitor *v, const char *path, const char *name, char **out,
		struct errmsg *errmsg)
{
	int err;

	if (strchr(name, '/')) {
		*out = strdup(name);
		err = *out ? try_program(v, name) : -ENOMEM;
		if (err)
			free(*out);
		return err ? errmsg_set(errmsg, -err, "%s: %s", name, strerror(-err)) : 0;
	}
	err = name[0] ? search_path(v, path ? path : DEFAULT_PATH, name, out) : -ENOENT;
	if (err == -ENOENT && name[0])
		errmsg_set(errmsg, ENOENT, "%s: not found in PATH", name);
	return err ? errmsg_set(errmsg, -err, "'%s': %s", name, strerror(-err)) : 0;
}

int tree_find_program(struct sandbox *sb, const struct start_point *from, const char *name,
		      char **out, struct errmsg *errmsg)
{
	struct visitor v;
	int err = visitor_init(&v, sb, from->cred, &from->workdir);

	if (!err)
		err = find(&v, env_value(from->env, "PATH"), name, out, errmsg);
	visitor_done(&v);
	return err;
}

bool tree_looks_like_script(struct sandbox *sb, const struct start_point *from, const char *path)
{
	struct visitor v;
	struct file *f;
	char head[80];
	bool text = false;

	if (visitor_init(&v, sb, from->cred, &from->workdir) == 0 &&
	    exec_open(&v.caller, NULL, path, 0, &f) == 0) {
		ssize_t n = file_read_kernel(f, &v.caller, head, sizeof head, 0);
		/* as bash's check_binary_file: a NUL in the first line makes it binary */
		char *end = n > 0 ? memchr(head, '\n', (size_t)n) : NULL;
		text = n >= 0 && !memchr(head, '\0', end ? (size_t)(end - head) : (size_t)n) &&
		       !(n >= SELFMAG && memcmp(head, ELFMAG, SELFMAG) == 0);
		file_put(f);
	}
	visitor_done(&v);
	return text;
}
