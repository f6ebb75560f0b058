/* SPDX-License-Identifier: Apache-2.0 */
/* Names mapped files, and finds them again. See the header. */
#include "snapshot/mapped.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "fs/file.h"
#include "fs/vfs.h"
#include "mm/mapped_place.h"

void file_id_save(struct encoder *out, const struct file_id *id)
{
	encode_string(out, id->path);
	encode(out, id->size);
	encode_signed(out, id->mtime);
	encode(out, id->mtime_ns);
}

int file_id_load(struct decoder *in, struct file_id *out)
{
	*out = (struct file_id){ .path = decode_string(in, PATH_MAX) };
	out->size = decode(in);
	out->mtime = (int64_t)decode(in);
	out->mtime_ns = (uint32_t)decode_max(in, UINT32_MAX);
	if (!in->failed && out->path && out->path[0] == '/')
		return 0;
	file_id_free(out);
	return -EBADMSG;
}

void file_id_free(struct file_id *id)
{
	free(id->path);
	id->path = NULL;
}

/* ---- opening ---- */

/* A regular file alone: to open others may take long, or do something. */
static int open_regular(struct caller *c, const char *path, int flags, struct file **out,
			struct statx *st)
{
	int err = vfs_getattr(c, NULL, path, 0, STATX_BASIC_STATS, st);

	if (!err && !S_ISREG(st->stx_mode))
		err = -ESTALE;
	if (!err)
		err = vfs_open(c, NULL, path, flags | O_NONBLOCK, 0, 0, out);
	if (err)
		return err == -ENOENT || err == -ENOTDIR ? -ESTALE : err;
	err = file_getattr(*out, c, STATX_BASIC_STATS, st);
	if (err)
		file_put(*out);
	return err;
}

static int pages_of(struct file *f, bool shared_write, struct pagesource **out)
{
	return f->ops->pagesource ? f->ops->pagesource(f, shared_write, out) : -ESTALE;
}

int mapped_file_id(struct caller *c, char *path, struct pagesource *ps, struct file_id *out)
{
	struct pagesource *now = NULL;
	struct statx st;
	struct file *f;
	int err = open_regular(c, path, O_RDONLY, &f, &st);

	if (err)
		return err;
	err = pages_of(f, false, &now);
	file_put(f);
	if (now)
		now->ops->unref(now);
	if (!err && now != ps)
		err = -ESTALE;
	*out = (struct file_id){ path, st.stx_size, st.stx_mtime.tv_sec, st.stx_mtime.tv_nsec };
	return err;
}

/* ---- those of a load ---- */

struct mapped_file {
	struct file_id id;
	bool shared_write;
	struct pagesource *source; /* references */
	struct mapped_place *place;
};

static int open_mapped(struct caller *c, struct mapped_file *m)
{
	const struct file_id *id = &m->id;
	struct statx st;
	struct file *f;
	int err = open_regular(c, id->path, m->shared_write ? O_RDWR : O_RDONLY, &f, &st);

	if (err)
		return err;
	if (!m->shared_write && (st.stx_size != id->size || st.stx_mtime.tv_sec != id->mtime ||
				 st.stx_mtime.tv_nsec != id->mtime_ns))
		err = -ESTALE;
	if (!err)
		err = pages_of(f, m->shared_write, &m->source);
	if (!err) {
		err = file_mapped_place(f, &m->place);
		if (err)
			m->source->ops->unref(m->source);
	}
	file_put(f);
	return err;
}

static bool is_same(const struct mapped_file *a, const struct mapped_file *b)
{
	return a->shared_write == b->shared_write && a->id.size == b->id.size &&
	       a->id.mtime == b->id.mtime && a->id.mtime_ns == b->id.mtime_ns &&
	       strcmp(a->id.path, b->id.path) == 0;
}

/* From the last one on: the next mapping is most likely of the same file, and another process has
 * files in the same order. */
static struct mapped_file *find(struct mapped_files *m, const struct mapped_file *wanted)
{
	for (size_t n = 0; n < m->nr; n++) {
		size_t i = (m->last + n) % m->nr;
		if (is_same(&m->all[i], wanted)) {
			m->last = i;
			return &m->all[i];
		}
	}
	return NULL;
}

static int grow(struct mapped_files *m)
{
	if (m->nr < m->room)
		return 0;
	size_t room = m->room ? 2 * m->room : 16;
	struct mapped_file *all = reallocarray(m->all, room, sizeof *all);
	if (!all)
		return -ENOMEM;
	m->all = all;
	m->room = room;
	return 0;
}

int mapped_file_open(struct mapped_files *m, struct caller *c, struct file_id *id,
		     bool shared_write, struct pagesource **out, struct mapped_place **place)
{
	struct mapped_file wanted = { .id = *id, .shared_write = shared_write };
	struct mapped_file *f = find(m, &wanted);
	int err = 0;

	if (!f) {
		err = grow(m);
		if (!err)
			err = open_mapped(c, &wanted);
		if (err)
			return err;
		m->last = m->nr++;
		f = &m->all[m->last];
		*f = wanted;
		id->path = NULL;
	}
	f->source->ops->ref(f->source);
	*out = f->source;
	if (f->place)
		ref_get(&f->place->refs);
	*place = f->place;
	return 0;
}

void mapped_files_close(struct mapped_files *m)
{
	for (size_t i = 0; i < m->nr; i++) {
		file_id_free(&m->all[i].id);
		m->all[i].source->ops->unref(m->all[i].source);
		mapped_place_put(m->all[i].place);
	}
	free(m->all);
	*m = (struct mapped_files){ .nr = 0 };
}
