/* SPDX-License-Identifier: Apache-2.0 */
/* See the header. Numbers and names are parsed from a copy of each block. */
#include "image/tar.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "util/array.h"

#define BLOCK       512UL
#define PAX_MAX     (1U << 20) /* bytes of one pax header, or of a long name */
#define XATTRS_MAX  (1U << 17)
#define EXTENTS_MAX (1U << 20)

struct ustar_header {
	char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], sum[8], type, link[100];
	char magic[8], uname[32], gname[32], major[8], minor[8], prefix[155], pad[12];
};
_Static_assert(sizeof(struct ustar_header) == BLOCK, "tar(5)");

/* Where a sparse file of the old GNU format has its map in the header, and its size. */
#define GNU_SPARSE   386
#define GNU_EXTENTS  4
#define GNU_EXTENDED 482
#define GNU_REALSIZE 483

struct tar {
	int fd;
	uint64_t at, end;
	const char *name;
	struct errmsg *errmsg;
	struct tar_entry entry;
	size_t room; /* of the entry's extents */
	/* what pax headers and long names say of the next entry */
	bool has_size, has_uid, has_gid, has_mtime, has_real, has_real_name, map_in_data;
	uint64_t size, uid, gid, real;
	int64_t mtime;
};

static int bad(struct tar *t, const char *problem)
{
	const char *path = t->entry.path;

	return path && *path
		   ? errmsg_set(t->errmsg, EINVAL, "%s: %.200s: %s", t->name, path, problem)
		   : errmsg_set(t->errmsg, EINVAL, "%s: %s, at byte %llu", t->name, problem,
				(unsigned long long)t->at);
}

static int no_memory(struct tar *t)
{
	return errmsg_set(t->errmsg, ENOMEM, "%s: out of memory", t->name);
}

struct tar *tar_open(int fd, uint64_t at, uint64_t end, const char *name, struct errmsg *errmsg)
{
	struct tar *t = calloc(1, sizeof *t);

	if (!t) {
		errmsg_set(errmsg, ENOMEM, "%s: out of memory", name);
		return NULL;
	}
	t->fd = fd;
	t->at = at;
	t->end = end;
	t->name = name;
	t->errmsg = errmsg;
	return t;
}

static void drop_entry(struct tar *t)
{
	struct tar_entry *e = &t->entry;

	free(e->path);
	free(e->target);
	free(e->extent);
	free(e->xattrs.bytes);
	*e = (struct tar_entry){ .path = NULL };
	t->room = 0;
	t->has_size = t->has_uid = t->has_gid = t->has_mtime = t->has_real = false;
	t->has_real_name = t->map_in_data = false;
}

void tar_free(struct tar *t)
{
	if (t)
		drop_entry(t);
	free(t);
}

static int read_at(struct tar *t, uint64_t at, void *buf, size_t n)
{
	for (size_t done = 0; done < n;) {
		ssize_t got = pread(t->fd, (char *)buf + done, n - done, (off_t)(at + done));
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return got ? errmsg_set(t->errmsg, errno, "%s: %s", t->name,
						strerror(errno))
				   : bad(t, "the archive ends too early");
		done += (size_t)got;
	}
	return 0;
}

/* ---- numbers ---- */

/* Octal digits between spaces and NULs, or base 256, of up to 63 bits. Negative ones are known of
 * times alone. */
static bool parse_number(const char *s, size_t n, int64_t *out)
{
	uint64_t v = 0;
	size_t i = 0;

	if (s[0] & 0x80) {
		bool negative = s[0] & 0x40;
		v = negative ? UINT64_MAX : 0;
		for (i = 0; i < n; i++) {
			uint8_t byte = (uint8_t)s[i];
			if (i == 0)
				byte = negative ? byte : byte & 0x7f;
			if (v >> 55 && v >> 55 != 0x1ff)
				return false;
			v = v << 8 | byte;
		}
		*out = (int64_t)v;
		return (*out < 0) == negative;
	}
	while (i < n && s[i] == ' ')
		i++;
	for (; i < n && s[i] >= '0' && s[i] <= '7'; i++) {
		if (v >> 60)
			return false;
		v = v << 3 | (uint64_t)(s[i] - '0');
	}
	for (; i < n && s[i]; i++) {
		if (s[i] != ' ')
			return false;
	}
	*out = (int64_t)v;
	return true;
}

/* A number that is not negative; UINT64_MAX: it is none. */
static uint64_t number(const char *s, size_t n)
{
	int64_t v;

	return parse_number(s, n, &v) && v >= 0 ? (uint64_t)v : UINT64_MAX;
}

#define NUMBER(field) number(field, sizeof(field))

/* Decimal digits and nothing else; UINT64_MAX. */
static uint64_t decimal(const char *s)
{
	char *end;

	errno = 0;
	unsigned long long v = strtoull(s, &end, 10);
	return isdigit((unsigned char)*s) && !*end && !errno && v <= INT64_MAX ? v : UINT64_MAX;
}

/* ---- sparse files ---- */

static int add_extent(struct tar *t, uint64_t offset, uint64_t length)
{
	struct tar_entry *e = &t->entry;
	uint64_t last = e->nr_extents ? e->extent[e->nr_extents - 1].offset +
					    e->extent[e->nr_extents - 1].length
				      : 0;

	if (offset < last || offset > INT64_MAX || length > INT64_MAX - offset ||
	    e->nr_extents >= EXTENTS_MAX)
		return bad(t, "a map of holes that cannot be");
	if (!length)
		return 0;
	if (array_grow((void **)&e->extent, e->nr_extents, &t->room, sizeof *e->extent))
		return no_memory(t);
	e->extent[e->nr_extents++] = (struct tar_extent){ offset, length, 0 };
	return 0;
}

/* Lays the extents over the `size` bytes that the archive has from `data` on. */
static int place_extents(struct tar *t, uint64_t data, uint64_t size)
{
	struct tar_entry *e = &t->entry;

	for (size_t i = 0; i < e->nr_extents; i++) {
		struct tar_extent *x = &e->extent[i];
		if (x->length > size || x->offset + x->length > e->size)
			return bad(t, "a map of holes that is not its file's");
		x->data = data;
		data += x->length;
		size -= x->length;
	}
	return 0;
}

static int gnu_extents(struct tar *t, const char *at, size_t n)
{
	int err = 0;

	for (; !err && n-- > 0 && at[0]; at += 24)
		err = add_extent(t, number(at, 12), number(at + 12, 12));
	return err;
}

/* The old GNU format: some in the header, more in blocks behind it. */
static int gnu_map(struct tar *t, const char *block, uint64_t *size)
{
	char more[BLOCK];
	bool extended = block[GNU_EXTENDED];
	int err = gnu_extents(t, block + GNU_SPARSE, GNU_EXTENTS);

	t->real = number(block + GNU_REALSIZE, 12);
	t->has_real = true;
	while (!err && extended) {
		if (t->end - t->at < BLOCK)
			return bad(t, "the archive ends too early");
		err = read_at(t, t->at, more, BLOCK);
		t->at += BLOCK;
		if (!err)
			err = gnu_extents(t, more, 21);
		extended = more[504];
	}
	return err;
}

/* pax 1.0: decimal numbers, a line each, in the blocks before the data. */
static int data_map(struct tar *t, uint64_t *size)
{
	char block[BLOCK], line[24];
	uint64_t want = 1, seen = 0, offset = 0, used = BLOCK;
	size_t len = 0;
	int err = 0;

	while (!err && seen < want) {
		if (used == BLOCK) {
			if (*size < BLOCK)
				return bad(t, "a map of holes without an end");
			err = read_at(t, t->at, block, BLOCK);
			t->at += BLOCK;
			*size -= BLOCK;
			used = 0;
			continue;
		}
		char c = block[used++];
		if (c != '\n') {
			if (len + 1 == sizeof line)
				return bad(t, "a map of holes that cannot be");
			line[len++] = c;
			continue;
		}
		line[len] = '\0';
		len = 0;
		uint64_t n = decimal(line);
		if (n == UINT64_MAX || (!seen && n > EXTENTS_MAX))
			return bad(t, "a map of holes that cannot be");
		if (!seen)
			want = 1 + 2 * n;
		else if (seen % 2)
			offset = n;
		else
			err = add_extent(t, offset, n);
		seen++;
	}
	return err;
}

/* pax 0.1: all numbers in one header, between commas. */
static int header_map(struct tar *t, char *value)
{
	char *word;
	uint64_t offset = 0;
	int err = 0;

	for (unsigned i = 0; !err && (word = strsep(&value, ",")); i++) {
		uint64_t n = decimal(word);
		if (n == UINT64_MAX)
			return bad(t, "a map of holes that cannot be");
		if (i % 2)
			err = add_extent(t, offset, n);
		offset = n;
	}
	return err;
}

/* ---- pax headers ---- */

static int set_string(struct tar *t, char **field, const char *value, size_t len)
{
	if (memchr(value, '\0', len))
		return bad(t, "a name with a NUL");
	free(*field);
	*field = strndup(value, len);
	return *field ? 0 : no_memory(t);
}

static int add_xattr(struct tar *t, const char *name, const char *value, size_t len)
{
	struct tar_xattrs *x = &t->entry.xattrs;
	size_t n = strlen(name) + 1;
	uint32_t value_len = (uint32_t)len;

	if (n + len + sizeof value_len > XATTRS_MAX - x->len || n == 1 || n > 256)
		return bad(t, "too many extended attributes");
	char *bytes = realloc(x->bytes, x->len + n + sizeof value_len + len);
	if (!bytes)
		return no_memory(t);
	memcpy(bytes + x->len, name, n);
	memcpy(bytes + x->len + n, &value_len, sizeof value_len);
	memcpy(bytes + x->len + n + sizeof value_len, value, len);
	x->bytes = bytes;
	x->len += n + sizeof value_len + len;
	return 0;
}

static int take_number(struct tar *t, const char *value, uint64_t *out, bool *has)
{
	*out = decimal(value);
	*has = true;
	return *out == UINT64_MAX ? bad(t, "a number that is none in a pax header") : 0;
}

/* Seconds, with a fraction that is dropped. */
static int take_time(struct tar *t, const char *value)
{
	char *end;

	errno = 0;
	t->mtime = strtoll(value, &end, 10);
	t->has_mtime = true;
	return errno || end == value || (*end && *end != '.') ? bad(t, "a time that is none") : 0;
}

/* A NUL stands behind the value. */
static int take_record(struct tar *t, const char *key, char *value, size_t len)
{
	static const char xattr[] = "SCHILY.xattr.";
	bool real_name = strcmp(key, "GNU.sparse.name") == 0;
	if (real_name || (strcmp(key, "path") == 0 && !t->has_real_name)) {
		t->has_real_name = real_name;
		return set_string(t, &t->entry.path, value, len);
	}
	if (strcmp(key, "linkpath") == 0)
		return set_string(t, &t->entry.target, value, len);
	if (strcmp(key, "size") == 0)
		return take_number(t, value, &t->size, &t->has_size);
	if (strcmp(key, "uid") == 0)
		return take_number(t, value, &t->uid, &t->has_uid);
	if (strcmp(key, "gid") == 0)
		return take_number(t, value, &t->gid, &t->has_gid);
	if (strcmp(key, "mtime") == 0)
		return take_time(t, value);
	if (strncmp(key, xattr, sizeof xattr - 1) == 0)
		return add_xattr(t, key + sizeof xattr - 1, value, len);
	if (strcmp(key, "GNU.sparse.realsize") == 0 || strcmp(key, "GNU.sparse.size") == 0)
		return take_number(t, value, &t->real, &t->has_real);
	if (strcmp(key, "GNU.sparse.map") == 0)
		return header_map(t, value);
	if (strcmp(key, "GNU.sparse.major") == 0) {
		t->map_in_data = strcmp(value, "1") == 0;
		return 0;
	}
	if (strcmp(key, "GNU.sparse.offset") == 0)
		return bad(t, "a sparse file of a format that hl does not read (pax 0.0)");
	return 0;
}

/* Records "LENGTH KEY=VALUE\n". */
static int take_records(struct tar *t, char *text, size_t size)
{
	int err = 0;

	for (char *at = text, *end = text + size; !err && at < end;) {
		size_t left = (size_t)(end - at), digits = 0, len = 0;
		while (digits < left && digits < 8 && isdigit((unsigned char)at[digits]))
			len = len * 10 + (size_t)(at[digits++] - '0');
		if (!digits || len > left || len < digits + 4 || at[digits] != ' ' ||
		    at[len - 1] != '\n')
			return bad(t, "a broken pax header");
		char *key = at + digits + 1, *equals = memchr(key, '=', len - digits - 2);
		if (!equals || memchr(key, '\0', (size_t)(equals - key)))
			return bad(t, "a broken pax header");
		*equals = at[len - 1] = '\0';
		err = take_record(t, key, equals + 1, (size_t)(at + len - 1 - (equals + 1)));
		at += len;
	}
	return err;
}

/* ---- entries ---- */

static bool sum_is_right(const struct ustar_header *h)
{
	const unsigned char *bytes = (const unsigned char *)h;
	size_t from = offsetof(struct ustar_header, sum), to = from + sizeof h->sum;
	uint64_t sum = 0;

	for (size_t i = 0; i < BLOCK; i++)
		sum += i >= from && i < to ? ' ' : bytes[i];
	return NUMBER(h->sum) == sum;
}

static bool is_zero(const char *block)
{
	return !block[0] && memcmp(block, block + 1, BLOCK - 1) == 0;
}

/* What stands behind a header of this size: a pax header or a long name. NUL-terminated. */
static int read_text(struct tar *t, uint64_t size, char **out)
{
	if (size > PAX_MAX)
		return bad(t, "a header of more than 1 MiB");
	*out = malloc(size + 1);
	if (!*out)
		return no_memory(t);
	(*out)[size] = '\0';
	return read_at(t, t->at, *out, size);
}

/* Headers about the next entry. 1: it is an entry itself. */
static int take_meta(struct tar *t, const struct ustar_header *h, uint64_t size)
{
	char *text = NULL;
	int err;

	switch (h->type) {
	case 'x':
	case 'g':
	case 'K':
	case 'L': break;
	default: return 1;
	}
	err = read_text(t, size, &text);
	/* a global header is about nothing that an image needs */
	if (!err && h->type == 'x')
		err = take_records(t, text, size);
	else if (!err && h->type == 'K')
		err = set_string(t, &t->entry.target, text, strnlen(text, size));
	else if (!err && h->type == 'L')
		err = set_string(t, &t->entry.path, text, strnlen(text, size));
	free(text);
	return err;
}

static int set_names(struct tar *t, const struct ustar_header *h)
{
	struct tar_entry *e = &t->entry;
	bool ustar = memcmp(h->magic, "ustar", 6) == 0;
	int prefix = ustar ? (int)strnlen(h->prefix, sizeof h->prefix) : 0;

	if (!e->path && asprintf(&e->path, "%.*s%s%.*s", prefix, h->prefix, prefix ? "/" : "",
				 (int)sizeof h->name, h->name) < 0) {
		e->path = NULL;
		return no_memory(t);
	}
	if (!e->target)
		e->target = strndup(h->link, sizeof h->link);
	return e->target ? 0 : no_memory(t);
}

static int set_type(struct tar *t, const struct ustar_header *h)
{
	static const struct {
		char type;
		mode_t mode;
	} types[] = { { '\0', S_IFREG }, { '0', S_IFREG }, { '7', S_IFREG }, { 'S', S_IFREG },
		      { '1', S_IFREG },  { '2', S_IFLNK }, { '3', S_IFCHR }, { '4', S_IFBLK },
		      { '5', S_IFDIR },  { '6', S_IFIFO } };
	struct tar_entry *e = &t->entry;
	size_t len = strlen(e->path);

	for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
		if (types[i].type == h->type)
			e->mode = types[i].mode;
	}
	if (!e->mode)
		return bad(t, "an entry of a type that hl does not know");
	/* before there was a type for directories */
	if (h->type != '5' && S_ISREG(e->mode) && len && e->path[len - 1] == '/')
		e->mode = S_IFDIR;
	e->hard_link = h->type == '1';
	return 0;
}

static int set_attributes(struct tar *t, const struct ustar_header *h)
{
	struct tar_entry *e = &t->entry;
	uint64_t mode = NUMBER(h->mode);
	uint64_t uid = t->has_uid ? t->uid : NUMBER(h->uid);
	uint64_t gid = t->has_gid ? t->gid : NUMBER(h->gid);

	if (mode == UINT64_MAX || uid >= UINT32_MAX || gid >= UINT32_MAX)
		return bad(t, "a mode or an owner that is no number");
	e->mode |= (mode_t)(mode & 07777);
	e->uid = (uid_t)uid;
	e->gid = (gid_t)gid;
	e->mtime = t->mtime;
	if (!t->has_mtime && !parse_number(h->mtime, sizeof h->mtime, &e->mtime))
		return bad(t, "a time that is none");
	if (S_ISCHR(e->mode) || S_ISBLK(e->mode)) {
		uint64_t major = NUMBER(h->major), minor = NUMBER(h->minor);
		if (major > 0xfff || minor > 0xfffff)
			return bad(t, "a device that is none");
		e->rdev = makedev((unsigned)major, (unsigned)minor);
	}
	return 0;
}

/* `size`: bytes in the archive, from t->at on. */
static int set_contents(struct tar *t, const struct ustar_header *h, uint64_t size)
{
	struct tar_entry *e = &t->entry;
	uint64_t was = size;
	int err = 0;

	if (!S_ISREG(e->mode) || e->hard_link)
		return 0;
	if (h->type == 'S')
		err = gnu_map(t, (const char *)h, &size);
	else if (t->map_in_data)
		err = data_map(t, &size);
	bool sparse = h->type == 'S' || t->has_real || t->map_in_data || e->nr_extents;
	if (err)
		return err;
	if (sparse && (!t->has_real || t->real > INT64_MAX))
		return bad(t, "a sparse file without a size");
	e->size = sparse ? t->real : size;
	if (!sparse)
		err = add_extent(t, 0, size);
	if (!err)
		err = place_extents(t, t->at, size);
	/* t->at is behind what the map took of the data */
	t->at -= h->type == 'S' ? 0 : was - size;
	return err;
}

static int take_entry(struct tar *t, const struct ustar_header *h, uint64_t size)
{
	int err = set_names(t, h);

	if (!err)
		err = set_type(t, h);
	if (!err)
		err = set_attributes(t, h);
	return err ? err : set_contents(t, h, size);
}

/* A block of zeroes, or nothing more, is the end. */
static int read_header(struct tar *t, struct ustar_header *h, uint64_t *size)
{
	if (t->at == t->end)
		return 0;
	if (t->end - t->at < BLOCK)
		return bad(t, "the archive ends too early");
	int err = read_at(t, t->at, h, BLOCK);
	if (err || is_zero((char *)h))
		return err;
	if (!sum_is_right(h))
		return bad(t, "not a header of a tar archive");
	t->at += BLOCK;
	*size = NUMBER(h->size);
	return 1;
}

int tar_next(struct tar *t, struct tar_entry **out)
{
	struct ustar_header h;
	uint64_t size = 0;
	int got, meta = 0;

	drop_entry(t);
	while ((got = read_header(t, &h, &size)) > 0 && !meta) {
		bool own = !strchr("xgKL", h.type) || !h.type;
		if (own && t->has_size)
			size = t->size;
		/* links and the like have no data, whatever the size is */
		if (h.type && strchr("123456", h.type))
			size = 0;
		if (size > t->end - t->at)
			return bad(t, "an entry that is longer than the archive");
		meta = take_meta(t, &h, size);
		if (meta == 1)
			break;
		if (meta < 0)
			return meta;
		uint64_t padded = (size + BLOCK - 1) & ~(BLOCK - 1);
		t->at += padded < t->end - t->at ? padded : t->end - t->at;
	}
	if (got <= 0)
		return got;
	int err = take_entry(t, &h, size);
	if (err)
		return err;
	uint64_t padded = (size + BLOCK - 1) & ~(BLOCK - 1);
	/* the blocks of an old map of holes may have moved it */
	if (size > t->end - t->at)
		return bad(t, "an entry that is longer than the archive");
	t->at += padded < t->end - t->at ? padded : t->end - t->at;
	*out = &t->entry;
	return 1;
}
