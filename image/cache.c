/* SPDX-License-Identifier: Apache-2.0 */
/* See the header. */
#include "image/cache.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hl.h"
#include "image/layers.h"
#include "util/array.h"

#define NEW_NAME   ".new"
#define FILE_NAME  (DIGEST_HEX + sizeof ".cpio")
#define CONFIG_MAX (4UL << 20)

static int failed(struct cache *c, struct errmsg *errmsg)
{
	return errmsg_set(errmsg, errno, "%s: %s", c->path, strerror(errno));
}

/* ---- the folder ---- */

static int make_folders(struct cache *c)
{
	for (char *slash = c->path + 1; (slash = strchr(slash, '/')); slash++) {
		*slash = '\0';
		int failed = mkdir(c->path, 0700) < 0 && errno != EEXIST;
		*slash = '/';
		if (failed && errno != EROFS && errno != EACCES)
			return -1;
	}
	return mkdir(c->path, 0700) < 0 && errno != EEXIST ? -1 : 0;
}

int cache_open(struct cache *c, struct errmsg *errmsg)
{
	const char *base = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
	bool own = base && *base == '/';

	c->dir = -1;
	if (!own && (!home || *home != '/'))
		return errmsg_set(errmsg, ENOENT,
				  "images need a place: XDG_CACHE_HOME or HOME is to name one");
	if (snprintf(c->path, sizeof c->path, "%s%s/hl/images", own ? base : home,
		     own ? "" : "/.cache") >= (int)sizeof c->path)
		return errmsg_set(errmsg, ENAMETOOLONG, "the name of the cache is too long");
	if (make_folders(c) || (c->dir = open(c->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)
		return failed(c, errmsg);
	return 0;
}

void cache_close(struct cache *c)
{
	if (c->dir >= 0)
		close(c->dir);
	c->dir = -1;
}

/* Waits until nobody else changes anything, and removes what was begun and not completed. */
static int lock(struct cache *c, struct errmsg *errmsg)
{
	int fd = openat(c->dir, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	while (fd >= 0 && flock(fd, LOCK_EX) < 0) {
		if (errno == EINTR)
			continue;
		close(fd);
		fd = -1;
	}
	if (fd < 0)
		return failed(c, errmsg);
	unlinkat(c->dir, NEW_NAME, 0);
	return fd;
}

static void file_name(char out[FILE_NAME], const char *id, const char *suffix)
{
	snprintf(out, FILE_NAME, "%.64s.%s", id, suffix);
}

static bool cache_has(const struct cache *c, const char *id)
{
	char name[FILE_NAME];

	file_name(name, id, "cpio");
	return faccessat(c->dir, name, F_OK, 0) == 0;
}

/* ---- files that appear when they are complete; with the lock ---- */

struct new_file {
	int fd;
	bool named; /* where the file system knows no files without names */
};

static int new_file(struct cache *c, struct new_file *f)
{
	f->fd = openat(c->dir, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	f->named = f->fd < 0;
	if (f->named)
		f->fd = openat(c->dir, NEW_NAME, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	return f->fd < 0 ? -1 : 0;
}

static int new_file_publish(struct cache *c, struct new_file *f, const char *name)
{
	char self[32];

	if (fdatasync(f->fd) < 0)
		return -1;
	if (!f->named) {
		snprintf(self, sizeof self, "/proc/self/fd/%d", f->fd);
		unlinkat(c->dir, NEW_NAME, 0);
		if (linkat(AT_FDCWD, self, c->dir, NEW_NAME, AT_SYMLINK_FOLLOW) < 0)
			return -1;
	}
	char from[PATH_MAX + 8], to[PATH_MAX + FILE_NAME + 1];
	snprintf(from, sizeof from, "%s/" NEW_NAME, c->path);
	snprintf(to, sizeof to, "%s/%s", c->path, name);
	return rename(from, to);
}

static void new_file_close(struct cache *c, struct new_file *f)
{
	if (f->fd >= 0)
		close(f->fd);
	unlinkat(c->dir, NEW_NAME, 0);
}

/* A small file. */
static int write_whole(struct cache *c, const char *name, const char *text, size_t len,
		       struct errmsg *errmsg)
{
	struct new_file f;
	int err = 0;

	if (new_file(c, &f) || write(f.fd, text, len) != (ssize_t)len ||
	    new_file_publish(c, &f, name))
		err = failed(c, errmsg);
	new_file_close(c, &f);
	return err;
}

/* ---- names ---- */

static FILE *open_names(struct cache *c)
{
	int fd = openat(c->dir, "names", O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	FILE *names = fd < 0 ? NULL : fdopen(fd, "r");

	if (fd >= 0 && !names)
		close(fd);
	return names;
}

struct name_line {
	char text[DIGEST_HEX + IMAGE_NAME_MAX + 8];
	char *name; /* in it, behind the ID */
};

static bool next_line(FILE *names, struct name_line *l)
{
	while (names && fgets(l->text, sizeof l->text, names)) {
		l->text[strcspn(l->text, "\n")] = '\0';
		if (strlen(l->text) <= DIGEST_HEX + 1 || l->text[DIGEST_HEX] != ' ')
			continue;
		l->text[DIGEST_HEX] = '\0';
		l->name = l->text + DIGEST_HEX + 1;
		return true;
	}
	return false;
}

void cache_names(struct cache *c, const char *id, void (*fn)(void *arg, const char *name),
		 void *arg)
{
	FILE *names = open_names(c);
	struct name_line l;

	while (next_line(names, &l)) {
		if (strcmp(l.text, id) == 0)
			fn(arg, l.name);
	}
	if (names)
		fclose(names);
}

static bool is_named(const struct image *img, const char *name)
{
	for (size_t i = 0; img && i < img->nr_names; i++) {
		if (image_names_match(img->name[i], name))
			return true;
	}
	return false;
}

bool cache_has_named(struct cache *c, const struct image *img)
{
	FILE *names = open_names(c);
	struct name_line l;
	size_t found = 0;

	while (next_line(names, &l)) {
		for (size_t i = 0; i < img->nr_names; i++)
			found += strcmp(l.text, img->id) == 0 && strcmp(l.name, img->name[i]) == 0;
	}
	if (names)
		fclose(names);
	return found == img->nr_names && cache_has(c, img->id);
}

/* Writes the names anew: without those of `img`, which get its ID (NULL: none are added), and
 * without those of the ID `gone`. With the lock. */
static int write_names(struct cache *c, const struct image *img, const char *gone,
		       struct errmsg *errmsg)
{
	FILE *names = open_names(c), *out;
	struct name_line l;
	char *text = NULL;
	size_t len = 0;

	out = open_memstream(&text, &len);
	while (out && next_line(names, &l)) {
		if (!is_named(img, l.name) && !(gone && strcmp(l.text, gone) == 0))
			fprintf(out, "%s %s\n", l.text, l.name);
	}
	for (size_t i = 0; out && img && i < img->nr_names; i++)
		fprintf(out, "%s %s\n", img->id, img->name[i]);
	if (names)
		fclose(names);
	int err = !out || fclose(out) ? errmsg_set(errmsg, ENOMEM, "out of memory")
				      : write_whole(c, "names", text, len, errmsg);
	free(text);
	return err;
}

/* ---- what there is ---- */

struct cache_entry *cache_list(struct cache *c, size_t *nr)
{
	struct cache_entry *list = NULL;
	size_t room = 0;
	int fd = openat(c->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;
	struct stat st;

	*nr = 0;
	while (d && (e = readdir(d))) {
		if (strspn(e->d_name, "0123456789abcdef") != DIGEST_HEX ||
		    strcmp(e->d_name + DIGEST_HEX, ".cpio") != 0 ||
		    fstatat(c->dir, e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
		    array_grow((void **)&list, *nr, &room, sizeof *list))
			continue;
		list[*nr] = (struct cache_entry){ .bytes = (uint64_t)st.st_blocks * 512,
						  .time = st.st_mtime };
		memcpy(list[(*nr)++].id, e->d_name, DIGEST_HEX);
	}
	if (d)
		closedir(d);
	else if (fd >= 0)
		close(fd);
	return list;
}

/* By the beginning of an ID, of which there may be only one. */
static int find_by_id(struct cache *c, const char *name, char id[DIGEST_HEX + 1],
		      struct errmsg *errmsg)
{
	size_t nr, found = 0, len = strlen(name);
	struct cache_entry *list = cache_list(c, &nr);

	for (size_t i = 0; i < nr; i++) {
		if (len >= 4 && strncmp(list[i].id, name, len) == 0) {
			strcpy(id, list[i].id);
			found++;
		}
	}
	free(list);
	if (found == 1)
		return 0;
	return errmsg_set(errmsg, ENOENT,
			  found ? "%s: the IDs of several images begin so"
				: "%s: neither a file or folder with an image, nor the name of one "
				  "that was imported (hl image ls)",
			  name);
}

int cache_find(struct cache *c, const char *name, char id[DIGEST_HEX + 1], struct errmsg *errmsg)
{
	FILE *names = open_names(c);
	struct name_line l;
	bool found = false;

	while (!found && next_line(names, &l)) {
		found = image_names_match(l.name, name) && cache_has(c, l.text);
		if (found)
			strcpy(id, l.text);
	}
	if (names)
		fclose(names);
	return found ? 0 : find_by_id(c, name, id, errmsg);
}

struct json_object *cache_config(struct cache *c, const char *id, struct errmsg *errmsg)
{
	char name[FILE_NAME], digest[DIGEST_MAX];
	struct json_object *config = NULL;
	struct stat st;
	size_t len;

	file_name(name, id, "json");
	int fd = openat(c->dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 || fstat(fd, &st) < 0) {
		failed(c, errmsg);
		if (fd >= 0)
			close(fd);
		return NULL;
	}
	struct blob b = { fd, 0, (uint64_t)st.st_size, true };
	char *text = blob_read(&b, name, CONFIG_MAX, &len, errmsg);
	blob_close(&b);
	if (text) {
		digest_of(text, len, digest);
		if (strcmp(digest + 7, id) == 0)
			config = image_parse(text, len, name, errmsg);
		else
			errmsg_set(errmsg, EIO, "%s/%s: is not what was imported", c->path, name);
	}
	free(text);
	return config;
}

int cache_remove(struct cache *c, const char *id, struct errmsg *errmsg)
{
	char name[FILE_NAME];
	int held = lock(c, errmsg);

	if (held < 0)
		return held;
	int err = write_names(c, NULL, id, errmsg);
	file_name(name, id, "cpio");
	if (!err && unlinkat(c->dir, name, 0) < 0)
		err = failed(c, errmsg);
	file_name(name, id, "json");
	if (!err)
		unlinkat(c->dir, name, 0);
	close(held);
	return err;
}

/* ---- importing ---- */

struct unpacked {
	struct layers *layers;
	struct blob *blob; /* of each layer */
};

static int unpack(struct cache *c, const struct image *img, const char *source,
		  const struct blob_watch *watch, struct unpacked *u, struct errmsg *errmsg)
{
	char name[PATH_MAX + 64];

	for (size_t i = 0; i < img->nr_layers; i++) {
		const struct image_layer *l = &img->layer[i];
		snprintf(name, sizeof name, "%s: layer %zu of %zu", source, i + 1, img->nr_layers);
		int err = blob_unpack(&l->blob, name, l->digest[0] ? l->digest : NULL, l->diff_id,
				      c->dir, watch, &u->blob[i], errmsg);
		if (!err)
			err = layers_add(u->layers, u->blob[i].fd, u->blob[i].at, u->blob[i].end,
					 name, errmsg);
		if (err)
			return err;
	}
	return 0;
}

/* Where the program starts, and what is to be mounted elsewhere, are directories. */
static int make_directories(struct layers *l, struct json_object *config)
{
	struct json_object *c = image_member(config, "config", json_type_object),
			   *volumes = image_member(c, "Volumes", json_type_object);
	const char *workdir = image_string(c, "WorkingDir");
	int err = workdir ? layers_mkdir(l, workdir) : 0;

	if (volumes) {
		json_object_object_foreach(volumes, path, value)
		{
			if (!err)
				err = layers_mkdir(l, path);
		}
	}
	return err;
}

static int write_archive(struct cache *c, const struct image *img, struct layers *l,
			 const char *source, struct errmsg *errmsg)
{
	struct hl_initrd *archive = hl_initrd_new();
	struct hl_error *error = NULL;
	struct new_file f = { -1, false };
	char name[FILE_NAME];
	int err = 0;

	if (!archive)
		return errmsg_set(errmsg, ENOMEM, "out of memory");
	hl_initrd_set_keep_owners(archive, true);
	if (layers_put(l, archive, &error) || new_file(c, &f) ||
	    hl_initrd_write(archive, f.fd, &error))
		err = error ? errmsg_set(errmsg, EIO, "%s: %s", source, hl_error_text(error))
			    : failed(c, errmsg);
	file_name(name, img->id, "cpio");
	if (!err && new_file_publish(c, &f, name))
		err = failed(c, errmsg);
	new_file_close(c, &f);
	hl_error_free(error);
	hl_initrd_free(archive);
	return err;
}

static int import(struct cache *c, const struct image *img, const char *source,
		  const struct blob_watch *watch, struct errmsg *errmsg)
{
	struct unpacked u = { layers_new(), calloc(img->nr_layers + 1, sizeof *u.blob) };
	char name[FILE_NAME];
	int err = u.layers && u.blob ? 0 : errmsg_set(errmsg, ENOMEM, "out of memory");

	for (size_t i = 0; u.blob && i < img->nr_layers; i++)
		u.blob[i].fd = -1;
	if (!err)
		err = unpack(c, img, source, watch, &u, errmsg);
	if (!err && make_directories(u.layers, img->config))
		err = errmsg_set(errmsg, ENOMEM, "out of memory");
	file_name(name, img->id, "json");
	if (!err)
		err = write_whole(c, name, img->config_text, img->config_len, errmsg);
	if (!err) {
		err = write_archive(c, img, u.layers, source, errmsg);
		if (err)
			unlinkat(c->dir, name, 0);
	}
	layers_free(u.layers);
	for (size_t i = 0; u.blob && i < img->nr_layers; i++)
		blob_close(&u.blob[i]);
	free(u.blob);
	return err;
}

int cache_add(struct cache *c, const struct image *img, const char *source,
	      const struct blob_watch *watch, struct errmsg *errmsg)
{
	int held = lock(c, errmsg), err = 0;

	if (held < 0)
		return held;
	if (!cache_has(c, img->id))
		err = import(c, img, source, watch, errmsg);
	if (!err && img->nr_names)
		err = write_names(c, img, NULL, errmsg);
	close(held);
	return err;
}
