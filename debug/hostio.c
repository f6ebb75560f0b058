/* SPDX-License-Identifier: Apache-2.0 */
/* See the header. */
#include "debug/hostio.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "fs/file.h"
#include "fs/query.h"
#include "kernel/process.h"
#include "kernel/ptrace/request.h"
#include "kernel/sandbox.h"
#include "kernel/task.h"
#include "util/minmax.h"

#define READ_MAX (PACKET_MAX / 2)

/* The protocol's own numbers, which are Linux's but for these. */
#define FILEIO_ENAMETOOLONG 91
#define FILEIO_EUNKNOWN     9999

static void put_error(struct text *reply, int err)
{
	static const int known[] = { EPERM,  ENOENT, EINTR,  EBADF,   EACCES, EFAULT,
				     EBUSY,  EEXIST, ENODEV, ENOTDIR, EISDIR, EINVAL,
				     ENFILE, EMFILE, EFBIG,  ENOSPC,  ESPIPE, EROFS };
	int number = err == -ENAMETOOLONG ? FILEIO_ENAMETOOLONG : FILEIO_EUNKNOWN;

	for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
		number = known[i] == -err ? -err : number;
	text_printf(reply, "F-1,%x", (unsigned)number);
}

static void put_data(struct text *reply, const void *data, size_t n)
{
	text_printf(reply, "F%zx;", n);
	text_put(reply, data, n);
}

/* A name in hexadecimal. */
static int scan_name(struct scan *s, char name[PATH_MAX])
{
	size_t n = scan_bytes(s, name, PATH_MAX - 1);

	name[n] = '\0';
	return s->bad || !n || strlen(name) != n ? -EINVAL : 0;
}

/* What may wait, or does something by being opened, is not. */
static int open_file(struct hostio *h, const char *name, struct file **out)
{
	struct caller *c = &h->visitor->caller;
	struct statx st;
	int err = vfs_getattr(c, NULL, name, 0, STATX_TYPE, &st);

	if (!err && !S_ISREG(st.stx_mode))
		err = S_ISDIR(st.stx_mode) ? -EISDIR : -EACCES;
	return err ? err : vfs_open(c, NULL, name, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0, 0, out);
}

static void do_open(struct hostio *h, struct target *t, struct scan *s, struct text *reply)
{
	char name[PATH_MAX];
	int fd = 0, err = scan_name(s, name);

	scan_need(s, ",");
	uint64_t flags = scan_hex(s);
	scan_need(s, ",");
	(void)scan_hex(s);
	while (fd < HOSTIO_FILES && h->file[fd])
		fd++;
	if (!scan_ends(s))
		err = -EINVAL;
	else if (flags)
		err = -EROFS;
	else if (fd == HOSTIO_FILES)
		err = -EMFILE;
	if (!err)
		err = open_file(h, name, &h->file[fd]);
	if (err)
		put_error(reply, err);
	else
		text_printf(reply, "F%x", (unsigned)fd);
}

/* NULL: there is none. */
static struct file **scan_file(struct hostio *h, struct scan *s)
{
	uint64_t fd = scan_hex(s);

	return s->bad || fd >= HOSTIO_FILES || !h->file[fd] ? NULL : &h->file[fd];
}

static void do_close(struct hostio *h, struct target *t, struct scan *s, struct text *reply)
{
	struct file **f = scan_file(h, s);

	if (!f) {
		put_error(reply, -EBADF);
		return;
	}
	file_put(*f);
	*f = NULL;
	text_puts(reply, "F0");
}

static void do_pread(struct hostio *h, struct target *t, struct scan *s, struct text *reply)
{
	struct file **f = scan_file(h, s);

	scan_need(s, ",");
	size_t n = min64(scan_hex(s), READ_MAX);
	scan_need(s, ",");
	uint64_t at = scan_hex(s);
	if (!f || !scan_ends(s) || at > INT64_MAX) {
		put_error(reply, f ? -EINVAL : -EBADF);
		return;
	}
	char *buf = malloc(n ? n : 1);
	ssize_t got =
	    buf ? file_read_kernel(*f, &h->visitor->caller, buf, n, (int64_t)at) : -ENOMEM;
	if (got < 0)
		put_error(reply, (int)got);
	else
		put_data(reply, buf, (size_t)got);
	free(buf);
}

/* The protocol's struct stat: big-endian, with no gaps. */
struct stat_abi {
	uint32_t dev, ino, mode, nlink, uid, gid, rdev;
	uint64_t size, blksize, blocks;
	uint32_t atime, mtime, ctime;
} __attribute__((packed));
_Static_assert(sizeof(struct stat_abi) == 64, "GDB manual, struct stat");

static void do_fstat(struct hostio *h, struct target *t, struct scan *s, struct text *reply)
{
	struct file **f = scan_file(h, s);
	struct statx st;
	int err = !f || !scan_ends(s)
		      ? -EBADF
		      : file_getattr(*f, &h->visitor->caller, STATX_BASIC_STATS, &st);

	if (err) {
		put_error(reply, err);
		return;
	}
	const struct stat_abi out = {
		.ino = htobe32((uint32_t)st.stx_ino),
		.mode = htobe32(st.stx_mode),
		.nlink = htobe32(st.stx_nlink),
		.uid = htobe32(st.stx_uid),
		.gid = htobe32(st.stx_gid),
		.size = htobe64(st.stx_size),
		.blksize = htobe64(st.stx_blksize),
		.blocks = htobe64(st.stx_blocks),
		.atime = htobe32((uint32_t)st.stx_atime.tv_sec),
		.mtime = htobe32((uint32_t)st.stx_mtime.tv_sec),
		.ctime = htobe32((uint32_t)st.stx_ctime.tv_sec),
	};
	put_data(reply, &out, sizeof out);
}

static void do_readlink(struct hostio *h, struct target *t, struct scan *s, struct text *reply)
{
	char name[PATH_MAX], to[PATH_MAX];
	struct inode_query q = { .what = QUERY_READLINK, .buf = to, .size = sizeof to };
	ssize_t n = scan_name(s, name);

	if (!n && scan_ends(s))
		n = vfs_query(&h->visitor->caller, NULL, name, WALK_NOFOLLOW, &q);
	else
		n = -EINVAL;
	if (n < 0)
		put_error(reply, (int)n);
	else
		put_data(reply, to, (size_t)n);
}

/* Names are those of this process from now on; 0: of the sandbox. */
static void do_setfs(struct hostio *h, struct target *t, struct scan *s, struct text *reply)
{
	uint64_t pid = scan_hex(s);
	struct fs_struct *fs = h->visitor->caller.fs, *whole = NULL;
	struct dbg_thread *th = pid ? target_thread(t, (int64_t)pid, -1) : NULL;
	struct task *o = th ? thread_hold(t, th) : NULL;

	if (!scan_ends(s) || (pid && !o)) {
		put_error(reply, -EINVAL);
		return;
	}
	if (!o)
		whole = fs_struct_new(h->visitor->caller.mnt_ns);
	if (!o && !whole) {
		put_error(reply, -ENOMEM);
		return;
	}
	struct path root = fs_struct_root(o ? o->fs : whole), cwd = path_get(&root);
	fs_struct_set_root(fs, &root);
	fs_struct_set_cwd(fs, &cwd);
	if (o)
		ptrace_let_go(o);
	else
		fs_struct_put(whole);
	text_puts(reply, "F0");
}

static void read_only(struct hostio *h, struct target *t, struct scan *s, struct text *reply)
{
	put_error(reply, -EROFS);
}

void hostio_packet(struct hostio *h, struct target *t, struct scan *s, struct text *reply)
{
	static const struct {
		const char *word;
		void (*fn)(struct hostio *h, struct target *t, struct scan *s, struct text *reply);
	} operations[] = {
		{ "open:", do_open },     { "close:", do_close },       { "pread:", do_pread },
		{ "fstat:", do_fstat },   { "readlink:", do_readlink }, { "setfs:", do_setfs },
		{ "pwrite:", read_only }, { "unlink:", read_only },
	};

	for (size_t i = 0; i < sizeof operations / sizeof operations[0]; i++) {
		if (scan_word(s, operations[i].word)) {
			operations[i].fn(h, t, s, reply);
			return;
		}
	}
}

void hostio_close_all(struct hostio *h)
{
	for (int fd = 0; fd < HOSTIO_FILES; fd++) {
		if (h->file[fd])
			file_put(h->file[fd]);
		h->file[fd] = NULL;
	}
}
