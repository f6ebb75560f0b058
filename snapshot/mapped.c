/* SPDX-License-Identifier: Apache-2.0 */
/* Names mapped files, and finds them again. See the header. */
#include "snapshot/mapped.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fs/file.h"
#include "fs/hostfs/hostfs.h"
#include "fs/vfs.h"
#include "mm/mapped_place.h"
#include "util/array.h"
#include "util/lock.h"

void file_id_save(struct saver *s, const struct file_id *id)
{
	place_put(s, &id->place);
	encode(&s->out, id->size);
	encode_signed(&s->out, id->mtime);
	encode(&s->out, id->mtime_ns);
}

int file_id_load(struct loader *l, struct file_id *out)
{
	*out = (struct file_id){ .size = 0 };
	int err = place_load(l, &out->place);

	if (err)
		return err;
	out->size = decode(&l->in);
	out->mtime = (int64_t)decode(&l->in);
	out->mtime_ns = (uint32_t)decode_max(&l->in, UINT32_MAX);
	if (!l->in.failed && out->place.name)
		return 0;
	file_id_free(out);
	return loader_damaged(l, "a mapped file");
}

void file_id_free(struct file_id *id)
{
	place_free(&id->place);
}

/* ---- opening ---- */

/* A regular file alone: to open others may take long, or do something. */
static int open_regular(struct caller *c, const struct path *p, int flags, struct file **out,
			struct statx *st)
{
	int err = S_ISREG(p->dentry->inode->type)
		      ? vfs_open(c, p, "", flags | O_NONBLOCK, 0, WALK_EMPTY_OK, out)
		      : -ESTALE;

	if (err)
		return err == -ENOENT || err == -ENOTDIR ? -ESTALE : err;
	err = file_getattr(*out, c, STATX_BASIC_STATS, st);
	if (err)
		file_put(*out);
	return err;
}

static int open_place(struct caller *c, const struct saved_place *place, int flags,
		      struct file **out, struct statx *st)
{
	struct path p;
	int err = place_walk(c, place, 0, &p);

	if (err)
		return err == -ENOENT || err == -ENOTDIR ? -ESTALE : err;
	err = open_regular(c, &p, flags, out, st);
	path_put(&p);
	return err;
}

static int pages_of(struct file *f, bool shared_write, struct pagesource **out)
{
	return f->ops->pagesource ? f->ops->pagesource(f, shared_write, out) : -ESTALE;
}

/* Its attributes, if that is what it shows. */
static int compare_pages(struct caller *c, const struct path *p, const struct pagesource *ps,
			 struct statx *st)
{
	struct pagesource *now = NULL;
	struct file *f;
	int err = open_regular(c, p, O_RDONLY, &f, st);

	if (err)
		return err;
	err = pages_of(f, false, &now);
	file_put(f);
	if (now)
		now->ops->unref(now);
	return err ? err : now == ps ? 0 : -ESTALE;
}

/* The name that it was mapped by will do where that leads to the same place in a copy. */
static int name_place(struct saver *s, const struct path *p, const char *name,
		      struct saved_place *out)
{
	int err;

	if (!s->nr_mounts) {
		*out = (struct saved_place){ .name = strdup(name) };
		err = out->name ? 0 : -ENOMEM;
	} else {
		err = place_of(s, p, out);
	}
	return err ? err : saver_hold(s, free, out->name);
}

int mapped_file_id(struct saver *s, const struct path *at, const char *name, struct pagesource *ps,
		   struct file_id *out)
{
	struct path p = { NULL, NULL };
	struct statx st;
	int err = 0;

	if (s->nr_mounts && at)
		p = path_get(at);
	else
		err = path_walk(s->caller, NULL, name, 0, &p);
	if (err)
		return err == -ENOENT || err == -ENOTDIR ? -ESTALE : err;
	err = compare_pages(s->caller, &p, ps, &st);
	if (!err) {
		*out = (struct file_id){ .size = st.stx_size,
					 .mtime = st.stx_mtime.tv_sec,
					 .mtime_ns = st.stx_mtime.tv_nsec };
		err = name_place(s, &p, name, &out->place);
	}
	path_put(&p);
	return err == -ENOENT ? -ESTALE : err;
}

/* ---- those that are known ---- */

struct known_file {
	struct file_id id;
	struct timespec changed; /* its status: also when it was renamed */
	struct hostfs_known known;
};

struct known_files {
	struct mutex lock;
	/* guarded by lock: */
	void *world; /* NULL: no copy was there yet */
	size_t world_len;
	struct known_file *all; /* none is ever taken out */
	size_t nr, room;
};

struct known_files *known_files_new(void)
{
	struct known_files *k = calloc(1, sizeof *k);

	if (k)
		mutex_init(&k->lock, LOCK_KNOWN_FILES);
	return k;
}

void known_files_free(struct known_files *k)
{
	if (!k)
		return;
	for (size_t i = 0; i < k->nr; i++) {
		file_id_free(&k->all[i].id);
		close(k->all[i].known.fd);
	}
	free(k->all);
	free(k->world);
	mutex_destroy(&k->lock);
	free(k);
}

bool known_files_are_of(struct known_files *k, const void *world, size_t len)
{
	mutex_lock(&k->lock);
	if (!k->world && (k->world = malloc(len ? len : 1))) {
		memcpy(k->world, world, len);
		k->world_len = len;
	}
	bool same = k->world && k->world_len == len && memcmp(k->world, world, len) == 0;
	mutex_unlock(&k->lock);
	return same;
}

static bool same_id(const struct file_id *a, const struct file_id *b)
{
	return a->size == b->size && a->mtime == b->mtime && a->mtime_ns == b->mtime_ns &&
	       a->place.number == b->place.number && strcmp(a->place.name, b->place.name) == 0;
}

static bool same_time(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

/* From the last one on, the newest first where there are several of a name: the next is most likely
 * the one behind it. */
static bool find_known(struct mapped_files *m, const struct file_id *id, struct known_file *out)
{
	struct known_files *k = m->known;
	bool found = false;

	mutex_lock(&k->lock);
	for (size_t n = 0; n < k->nr && !found; n++) {
		size_t i = (m->last_known + 1 + n) % k->nr;
		if (!same_id(&k->all[i].id, id))
			continue;
		*out = k->all[i];
		m->last_known = i;
		found = true;
	}
	mutex_unlock(&k->lock);
	return found;
}

static struct filesystem *root_of(struct caller *c, struct mount **mnt)
{
	struct path root = fs_struct_root(c->fs);
	struct filesystem *fs = root.dentry->inode->fs;

	*mnt = root.mnt;
	path_put(&root);
	return fs;
}

static bool open_known(struct mapped_files *m, struct caller *c, const struct file_id *id,
		       struct pagesource **out)
{
	struct known_file k;
	struct mount *mnt;
	struct stat st;

	return m->known && find_known(m, id, &k) && fstat(k.known.fd, &st) == 0 &&
	       same_time(&st.st_ctim, &k.changed) &&
	       hostfs_known_pages(root_of(c, &mnt), &k.known, out) == 0;
}

static bool add_known(struct known_files *k, const struct known_file *new)
{
	bool added = false;

	mutex_lock(&k->lock);
	if (!array_grow((void **)&k->all, k->nr, &k->room, sizeof *new)) {
		k->all[k->nr++] = *new;
		added = true;
	}
	mutex_unlock(&k->lock);
	return added;
}

/* Without memory or descriptors it is looked for again. */
static void note_known(struct mapped_files *m, struct caller *c, const struct file_id *id,
		       struct file *f, const struct statx *st)
{
	struct known_file new = { .id = *id,
				  .changed = { st->stx_ctime.tv_sec, st->stx_ctime.tv_nsec } };
	struct mount *mnt;
	struct filesystem *root = root_of(c, &mnt);

	if (!m->known || id->place.mnt || f->path.mnt != mnt || !hostfs_know(root, f, &new.known))
		return;
	new.known.fd = fcntl(new.known.fd, F_DUPFD_CLOEXEC, 0);
	if (new.known.fd < 0)
		return;
	new.id.place = (struct saved_place){ .name = strdup(id->place.name) };
	if (new.id.place.name && add_known(m->known, &new))
		return;
	file_id_free(&new.id);
	close(new.known.fd);
}

/* ---- those of a load ---- */

struct mapped_file {
	struct file_id id;
	bool shared_write;
	struct pagesource *source; /* references */
	struct mapped_place *place;
};

static int open_mapped(struct mapped_files *all, struct caller *c, struct mapped_file *m)
{
	const struct file_id *id = &m->id;
	struct statx st;
	struct file *f;

	if (!m->shared_write && open_known(all, c, id, &m->source))
		return 0;
	int err = open_place(c, &id->place, m->shared_write ? O_RDWR : O_RDONLY, &f, &st);

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
	if (!err && !m->shared_write)
		note_known(all, c, id, f, &st);
	file_put(f);
	return err;
}

static bool is_same(const struct mapped_file *a, const struct mapped_file *b)
{
	return a->shared_write == b->shared_write && same_id(&a->id, &b->id);
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

int mapped_file_open(struct mapped_files *m, struct caller *c, struct file_id *id,
		     bool shared_write, struct pagesource **out, struct mapped_place **place)
{
	struct mapped_file wanted = { .id = *id, .shared_write = shared_write };
	struct mapped_file *f = find(m, &wanted);
	int err = 0;

	if (!f) {
		err = array_grow((void **)&m->all, m->nr, &m->room, sizeof *m->all);
		if (!err)
			err = open_mapped(m, c, &wanted);
		if (err)
			return err;
		m->last = m->nr++;
		f = &m->all[m->last];
		*f = wanted;
		id->place.name = NULL;
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
