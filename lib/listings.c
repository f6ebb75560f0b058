/* SPDX-License-Identifier: Apache-2.0 */
/* A file of text: a head with the version of hl and the workspace, and for each directory a line
 * "/DEV INODE CHANGED MODIFIED", with its names behind it, a line each. See the header. */
#include "lib/listings.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include "util/text.h"
#include "util/time.h"
#include "util/words.h"

#define FILE_MAX  (4L << 20)
#define WORTH     1000               /* names, which take 0.3 ms */
#define COARSE_NS (2 * NSEC_PER_SEC) /* the coarsest times of a file system below are of 10 ms */
#define XFS_MAGIC 0x58465342
#define BCACHEFS  0xca451a4e
#define ZFS_MAGIC 0x2fc12fc1

struct listing {
	uint64_t dev, ino, changed, modified; /* ns */
	struct strings names;
	bool used; /* in this start */
};

struct listings {
	struct listing *item;
	size_t count, room, next; /* `next`: which one is most likely asked for */
	unsigned listed;          /* names, in this start */
	bool kept;                /* there was a file */
	char dir[256], path[320], *head;
};

/* ---- directories ---- */

static uint64_t ns_of(struct timespec t)
{
	return t.tv_sec < 0 ? 0 : timespec_to_ns(&t);
}

static struct listing listing_of(const struct stat *st)
{
	return (struct listing){ .dev = st->st_dev,
				 .ino = st->st_ino,
				 .changed = ns_of(st->st_ctim),
				 .modified = ns_of(st->st_mtim) };
}

static bool same(const struct listing *a, const struct listing *b)
{
	return a->dev == b->dev && a->ino == b->ino && a->changed == b->changed &&
	       a->modified == b->modified;
}

/* Takes the names over. */
static void add(struct listings *l, const struct listing *new)
{
	if (l->count == l->room) {
		size_t room = l->room ? l->room * 2 : 32;
		struct listing *item = reallocarray(l->item, room, sizeof *item);
		if (!item) {
			struct strings lost = new->names;
			strings_clear(&lost);
			return;
		}
		l->item = item;
		l->room = room;
	}
	l->item[l->count++] = *new;
}

const struct strings *listings_find(struct listings *l, const struct stat *dir)
{
	const struct listing like = listing_of(dir);

	for (size_t i = 0; l && i < l->count; i++) {
		struct listing *at = &l->item[(l->next + i) % l->count];
		if (!same(at, &like))
			continue;
		l->next = (l->next + i + 1) % l->count;
		at->used = true;
		return &at->names;
	}
	return NULL;
}

/* Are its times set by this host's kernel, at each change? */
static bool has_times(int fd)
{
	static const uint64_t good[] = { EXT4_SUPER_MAGIC,  XFS_MAGIC,
					 BTRFS_SUPER_MAGIC, F2FS_SUPER_MAGIC,
					 BCACHEFS,          ZFS_MAGIC,
					 TMPFS_MAGIC,       OVERLAYFS_SUPER_MAGIC };
	struct statfs st;

	if (fstatfs(fd, &st) < 0)
		return false;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++)
		if ((uint64_t)st.f_type == good[i])
			return true;
	return false;
}

void listings_keep(struct listings *l, int fd, const struct stat *dir, unsigned all,
		   struct strings *names)
{
	struct listing new = listing_of(dir), then;
	struct timespec now;
	struct stat st;

	if (l && fstat(fd, &st) == 0 && clock_gettime(CLOCK_REALTIME, &now) == 0 && has_times(fd)) {
		then = listing_of(&st);
		if (same(&new, &then) && new.changed + COARSE_NS < timespec_to_ns(&now)) {
			new.names = *names;
			new.used = true;
			l->listed += all;
			*names = (struct strings){ .item = NULL };
			add(l, &new);
		}
	}
	strings_clear(names);
}

/* ---- the file ---- */

static bool is_ours_alone(const struct stat *st)
{
	return st->st_uid == geteuid() && !(st->st_mode & 022);
}

static bool find_place(char *dir, size_t size)
{
	const char *runtime = secure_getenv("XDG_RUNTIME_DIR");
	unsigned uid = (unsigned)geteuid();
	struct stat st;

	for (int i = 0; i < 3; i++) {
		int n = -1;
		if (i == 0 && runtime && runtime[0] == '/')
			n = snprintf(dir, size, "%s", runtime);
		else if (i == 1)
			n = snprintf(dir, size, "/run/user/%u", uid);
		else if (i == 2 && !uid)
			n = snprintf(dir, size, "/run");
		if (n > 0 && n < (int)size && stat(dir, &st) == 0 && S_ISDIR(st.st_mode) &&
		    is_ours_alone(&st))
			return true;
	}
	return false;
}

/* FNV-1a. Two workspaces of one hash share the file, in which only one of them is. */
static uint64_t hash(const char *s)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (; *s; s++)
		h = (h ^ (unsigned char)*s) * UINT64_C(0x100000001b3);
	return h;
}

/* What the file holds, NUL-terminated, malloc'd; NULL: nothing that counts. */
static char *read_file(const char *path)
{
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	char *text = NULL;
	struct stat st;

	if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && is_ours_alone(&st) &&
	    st.st_nlink == 1 && st.st_size < FILE_MAX)
		text = malloc((size_t)st.st_size + 1);
	ssize_t n = text ? read(fd, text, (size_t)st.st_size) : -1;
	if (fd >= 0)
		close(fd);
	if (n < 0 || memchr(text, '\0', (size_t)n)) {
		free(text);
		return NULL;
	}
	text[n] = '\0';
	return text;
}

/* Reads the file's lines: what is not understood ends it, with what was before. */
static void parse(struct listings *l, char *text)
{
	size_t len = strlen(l->head);
	struct listing at = { .dev = 0 };
	bool begun = false;

	if (strncmp(text, l->head, len) != 0)
		return;
	for (char *line = text + len, *end; (end = strchr(line, '\n')); line = end + 1) {
		*end = '\0';
		if (line[0] != '/') {
			const char *name = line;
			if (!begun || !strings_copy(&at.names, 1, &name))
				break;
			continue;
		}
		if (begun)
			add(l, &at);
		at = (struct listing){ .dev = 0 };
		begun =
		    word_number(line + 1, 0, 16, &at.dev) && word_number(line, 1, 10, &at.ino) &&
		    word_number(line, 2, 10, &at.changed) && word_number(line, 3, 10, &at.modified);
		if (!begun)
			break;
	}
	if (begun)
		add(l, &at);
}

struct listings *listings_open(const char *top)
{
	struct listings *l = calloc(1, sizeof *l);

	if (l && find_place(l->dir, sizeof l->dir) && !strchr(top, '\n') &&
	    asprintf(&l->head, "hl %s workspace %s\n", HL_VERSION, top) >= 0) {
		snprintf(l->path, sizeof l->path, "%s/hl-workspace-%016" PRIx64, l->dir, hash(top));
		char *text = read_file(l->path);
		if (text)
			parse(l, text);
		l->kept = l->count > 0;
		free(text);
		return l;
	}
	free(l);
	return NULL;
}

static void put_all(const struct listings *l, struct text *out)
{
	text_puts(out, l->head);
	for (size_t i = 0; i < l->count; i++) {
		const struct listing *at = &l->item[i];
		if (!at->used)
			continue;
		text_printf(out, "/%" PRIx64 " %" PRIu64 " %" PRIu64 " %" PRIu64 "\n", at->dev,
			    at->ino, at->changed, at->modified);
		for (size_t k = 0; k < at->names.count; k++)
			text_printf(out, "%s\n", at->names.item[k]);
	}
}

/* It gets its name when it is whole: nobody reads half of it, and nothing stays of us if we are
 * killed. Of two that start, the last one's stays. */
static void write_file(const struct listings *l, const struct text *t)
{
	int fd = open(l->dir, O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
	char self[64];

	if (fd < 0)
		return;
	if (write(fd, t->buf, t->len) == (ssize_t)t->len) {
		snprintf(self, sizeof self, "/proc/self/fd/%d", fd);
		unlinkat(AT_FDCWD, l->path, 0);
		(void)linkat(AT_FDCWD, self, AT_FDCWD, l->path, AT_SYMLINK_FOLLOW);
	}
	close(fd);
}

void listings_close(struct listings *l)
{
	struct text t = { .buf = NULL };

	if (!l)
		return;
	if (l->listed >= (l->kept ? 1 : WORTH)) {
		put_all(l, &t);
		if (!t.failed && t.len < FILE_MAX)
			write_file(l, &t);
		text_free(&t);
	}
	for (size_t i = 0; i < l->count; i++)
		strings_clear(&l->item[i].names);
	free(l->item);
	free(l->head);
	free(l);
}
