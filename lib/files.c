/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files that the host puts into a sandbox, or takes out of it, while it runs or when it has ended.
 * They are walked to and opened with the rights of its program, and its tree may change on the way:
 * nothing is opened but a regular file that was found, or made, as one. What /proc and /sys have
 * belongs to processes, and is nobody's file.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cred/cred.h"
#include "fs/file.h"
#include "fs/names.h"
#include "host/fscred.h"
#include "kernel/sandbox.h"
#include "kernel/visitor.h"
#include "lib/error.h"
#include "lib/sandbox.h"

/* Calls `fn` as a visitor with the rights of the program. */
struct visit {
	const char *path;
	const char *data; /* put */
	size_t len;       /* of it; get: at most so many bytes */
	mode_t mode;
	struct hl_bytes out; /* get */
};

typedef int visit_fn(struct visitor *v, struct visit *what);

static int visit(struct hl_sandbox *sb, visit_fn *fn, struct visit *what)
{
	struct fscred_saved own;
	struct visitor v;
	struct cred *cred;
	struct sandbox *kernel = sandbox_kernel(sb, &cred);

	if (fscred_save(&own)) {
		cred_put(cred);
		return -ENOMEM;
	}
	int err = visitor_init(&v, kernel, cred, NULL);
	if (!err)
		err = fn(&v, what);
	visitor_done(&v);
	fscred_restore(&own);
	cred_put(cred);
	return err;
}

static int report(struct hl_error **err, int e, const char *path)
{
	return error_set(err,
			 e == -ENOMEM                    ? HL_NO_MEMORY
			 : e == -ENOENT || e == -ENOTDIR ? HL_NOT_FOUND
							 : HL_SYSTEM,
			 "%s: %s", path, strerror(-e));
}

static int check_path(const char *path, struct hl_error **err)
{
	return path[0] == '/'
		   ? 0
		   : error_set(err, HL_INVALID, "'%s' is no absolute path of the guest's", path);
}

/* ---- in ---- */

/* Directories on the way that are missing. */
static int make_parents(struct visitor *v, const char *path)
{
	char *copy = strdup(path);
	int err = copy ? 0 : -ENOMEM;

	for (char *slash = copy ? strchr(copy + 1, '/') : NULL; slash && !err;
	     slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		err = vfs_mkdir(&v->caller, NULL, copy, 0755);
		*slash = '/';
		if (err == -EEXIST)
			err = 0;
	}
	free(copy);
	return err;
}

static int write_all(struct visitor *v, struct file *f, const struct visit *what)
{
	size_t done = 0;

	while (done < what->len) {
		struct uio u;
		uio_init_kernel(&u, (char *)(uintptr_t)what->data + done, what->len - done);
		ssize_t n = file_write(f, &v->caller, &u, NULL);
		if (n <= 0)
			return n ? (int)n : -EIO;
		done += (size_t)n;
	}
	return 0;
}

/* A new file takes the place of what has the name: whatever that is, it is not opened. */
static int put(struct visitor *v, struct visit *what)
{
	struct file *f;
	int err = make_parents(v, what->path);

	if (!err)
		err = vfs_unlink(&v->caller, NULL, what->path);
	if (err && err != -ENOENT)
		return err;
	err = vfs_open(&v->caller, NULL, what->path, O_WRONLY | O_CREAT | O_EXCL, what->mode,
		       WALK_NO_MAGICLINKS, &f);
	if (err)
		return err;
	err = write_all(v, f, what);
	file_put(f);
	return err;
}

int hl_sandbox_put_file(struct hl_sandbox *sb, const char *path, const void *data, size_t len,
			unsigned mode, struct hl_error **err)
{
	struct visit what = { .path = path, .data = data, .len = len, .mode = mode & 0777 };

	if (check_path(path, err))
		return -1;
	int e = visit(sb, put, &what);
	return e ? report(err, e, path) : 0;
}

/* ---- out ---- */

static int read_all(struct visitor *v, struct file *f, struct visit *what)
{
	struct statx st;
	int err = path_getattr(&f->path, &v->caller, STATX_SIZE, &st);

	if (err)
		return err;
	if (st.stx_size > what->len)
		return -EFBIG;
	what->out.data = malloc(st.stx_size + 1);
	if (!what->out.data)
		return -ENOMEM;
	ssize_t n = file_read_kernel(f, &v->caller, what->out.data, st.stx_size, 0);
	what->out.len = n > 0 ? (size_t)n : 0;
	return n < 0 ? (int)n : 0;
}

static int get(struct visitor *v, struct visit *what)
{
	struct path p;
	struct file *f;
	int err = path_walk(&v->caller, NULL, what->path, WALK_NO_MAGICLINKS, &p);

	if (err)
		return err;
	const struct inode *i = p.dentry->inode;
	if (S_ISDIR(i->type))
		err = -EISDIR;
	else if (!S_ISREG(i->type) || i->fs->flags & FS_KNOWS_NAMES)
		err = -EOPNOTSUPP;
	else
		err = vfs_open(&v->caller, &p, "", O_RDONLY, 0, WALK_EMPTY_OK, &f);
	if (!err) {
		err = read_all(v, f, what);
		file_put(f);
	}
	path_put(&p);
	return err;
}

int hl_sandbox_get_file(struct hl_sandbox *sb, const char *path, size_t limit, struct hl_bytes *out,
			struct hl_error **err)
{
	struct visit what = { .path = path, .len = limit };

	*out = (struct hl_bytes){ NULL, 0 };
	if (check_path(path, err))
		return -1;
	int e = visit(sb, get, &what);
	if (e) {
		hl_bytes_free(&what.out);
		return report(err, e, path);
	}
	*out = what.out;
	return 0;
}
