/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Open files whose last name is gone: removed ones, and those of O_TMPFILE. Their contents go into
 * the snapshot, and a copy has them in memory: records are those of files in memory
 * (fs/ramfs/save.h), which load them. Who shares a file is told by its pages: all that is open or
 * mapped of one has one page source.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fs/ramfs/save.h"
#include "fs/saved.h"
#include "util/minmax.h"

/* So much of it is read at a time. */
#define UNIT        (64 * PAGE_SIZE)
#define SEALS_OTHER 1U /* F_SEAL_SEAL: what is no memfd cannot be sealed */

static void source_put(void *object)
{
	struct pagesource *ps = object;

	ps->ops->unref(ps);
}

/* ---- contents ---- */

struct runs {
	struct saver *s;
	uint64_t base, nr;
};

static int put_run(void *arg, uint64_t first, uint64_t nr, uint64_t off)
{
	struct runs *r = arg;

	encode(&r->s->out, r->base + first * PAGE_SIZE);
	encode(&r->s->out, nr);
	encode(&r->s->out, off);
	r->nr++;
	return 0;
}

/* As pagestore_save() writes them. */
static int save_contents(struct saver *s, struct pagesource *ps)
{
	struct runs r = { .s = s };
	uint64_t size = ps->ops->size(ps), end = PAGE_UP(size);
	char *buf = aligned_alloc(PAGE_SIZE, UNIT);
	int err = buf ? 0 : -ENOMEM;

	encode(&s->out, size);
	size_t place = encode_place(&s->out);
	for (uint64_t n; r.base < end && !err; r.base += n) {
		n = min64(UNIT, end - r.base);
		err = pagesource_read(ps, r.base, n, buf);
		/* behind the end of the file there is nothing of it */
		if (!err && r.base + n > size)
			memset(buf + (size - r.base), 0, r.base + n - size);
		if (!err)
			err = s->pages(s, buf, n, true, put_run, &r);
	}
	encode_at(&s->out, place, r.nr);
	free(buf);
	return err;
}

/* The file as one that is open shows it; a mapping alone does not tell whose it was. */
static void attributes_of(struct saver *s, const struct pagesource *ps, struct statx *out)
{
	*out = (struct statx){ .stx_mode = S_IFREG | 0600 };
	for (size_t i = 0; i < s->nr; i++) {
		struct file *f = s->entries[i].object;
		struct pagesource *own = NULL;
		struct statx st;

		if (s->entries[i].kind != &file_removed || f->ops->pagesource(f, false, &own) < 0)
			continue;
		if (own == ps && file_getattr(f, s->caller, STATX_BASIC_STATS, &st) == 0)
			*out = st;
		own->ops->unref(own);
	}
}

static void save_time(struct encoder *out, const struct statx_timestamp *t)
{
	encode_signed(out, t->tv_sec);
	encode_signed(out, t->tv_nsec);
}

static int pages_save(struct saver *s, void *object)
{
	struct pagesource *ps = object;
	struct encoder *out = &s->out;
	struct statx st;

	attributes_of(s, ps, &st);
	encode(out, 0); /* of no file system that is mounted */
	encode(out, st.stx_mode);
	encode(out, st.stx_ino & INT64_MAX);
	encode(out, 0);
	encode(out, st.stx_uid);
	encode(out, st.stx_gid);
	save_time(out, &st.stx_atime);
	save_time(out, &st.stx_mtime);
	save_time(out, &st.stx_ctime);
	save_time(out, &st.stx_btime);
	encode(out, 0); /* extended attributes */
	encode(out, SEALS_OTHER);
	return save_contents(s, ps);
}

/* Loaded as what it is in a copy. */
static const struct saved_kind pages_kind = {
	.name = FILE_IN_MEMORY,
	.save = pages_save,
};

uint64_t removed_pages_saved(struct saver *s, struct pagesource *ps)
{
	return ps->ops->saved ? saved_object(s, ps->ops->saved, ps->ops->saved_as(ps))
			      : saved_object(s, &pages_kind, ps);
}

/* ---- an open file ---- */

/* One that is open for writing alone is opened again for that, by its descriptor. */
static bool is_readable(struct file *f)
{
	struct pagesource *ps;
	char byte;
	int err = f->ops->pagesource(f, false, &ps);

	if (err)
		return false;
	if (ps->ops->size(ps))
		err = pagesource_read(ps, 0, sizeof byte, &byte);
	source_put(ps);
	return !err;
}

static const char *removed_refused(struct saver *s, void *object)
{
	struct file *f = object;

	if (!f->ops->pagesource || !S_ISREG(f->path.dentry->inode->type))
		return "whose name is gone, which a snapshot cannot hold yet";
	return is_readable(f) ? NULL : "whose name is gone, and which hl may not read";
}

static int removed_save(struct saver *s, void *object)
{
	struct file *f = object;
	char name[PATH_MAX];
	struct pagesource *ps;
	int err = f->ops->pagesource(f, false, &ps);

	if (!err)
		err = saver_hold(s, source_put, ps);
	if (err)
		return err;
	int64_t pos = f->ops->lseek ? f->ops->lseek(f, s->caller, 0, SEEK_CUR) : 0;
	encode(&s->out, removed_pages_saved(s, ps));
	encode_string(&s->out, file_name(f, &(struct path){ NULL, NULL }, name, sizeof name) > 0
				   ? name
				   : "(deleted)");
	encode(&s->out, true); /* the name is all there is of it */
	file_save_state_at(s, f, pos < 0 ? 0 : pos);
	return 0;
}

const struct saved_kind file_removed = {
	.name = FILE_WITHOUT_NAME,
	.save = removed_save,
	.put = file_saved_put,
	.refused = removed_refused,
};
