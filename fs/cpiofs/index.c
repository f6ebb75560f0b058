/* SPDX-License-Identifier: Apache-2.0 */
/* Finds the index of an archive and reads it, believing nothing. See the header. */
#include "fs/cpiofs/index.h"

#include <errno.h>
#include <linux/limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "fs/cpiofs/newc.h"
#include "fs/generic.h"
#include "host/fixup.h"

static bool footer_read(const struct archive *a, uint64_t off, struct index_footer *f)
{
	return archive_copy(a, off, f, sizeof *f) == sizeof *f &&
	       memcmp(f->magic, INDEX_MAGIC, sizeof f->magic) == 0;
}

bool index_is_at(const struct archive *a, uint64_t off, uint64_t len)
{
	struct index_footer f;

	return len >= sizeof f && footer_read(a, off + len - sizeof f, &f);
}

static bool trailer_is_at(const struct archive *a, uint64_t off)
{
	char raw[NEWC_TRAILER_LEN];
	struct newc h;

	return archive_copy(a, off, raw, sizeof raw) == sizeof raw && !newc_parse(raw, &h) &&
	       h.namesize == sizeof NEWC_TRAILER && h.filesize == 0 &&
	       memcmp(raw + NEWC_HEADER, NEWC_TRAILER, sizeof NEWC_TRAILER) == 0;
}

bool index_find(struct index *ix, const struct archive *a)
{
	struct index_footer f;

	if (a->size < NEWC_TRAILER_LEN + sizeof f)
		return false;
	uint64_t trailer = a->size - NEWC_TRAILER_LEN, self = trailer - sizeof f;
	if (!trailer_is_at(a, trailer) || !footer_read(a, self, &f) || f.self != self ||
	    f.nodes > self || f.count == 0)
		return false;
	uint64_t room = self - f.nodes, nodes_len = (uint64_t)f.count * sizeof(struct index_node);
	if (nodes_len > room || f.names_len > room - nodes_len)
		return false;
	*ix = (struct index){
		.count = f.count,
		.names_len = f.names_len,
		.nodes = a->map + f.nodes,
		.names = a->map + f.nodes + nodes_len,
		.archive_size = a->size,
	};
	return true;
}

void index_free(struct index *ix)
{
	free(ix->made);
}

static bool header_fits(const struct index *ix, uint64_t header)
{
	return header < ix->archive_size && ix->archive_size - header >= NEWC_HEADER;
}

static bool type_is_known(unsigned type)
{
	return S_ISREG(type) || S_ISDIR(type) || S_ISLNK(type) || S_ISCHR(type) || S_ISBLK(type) ||
	       S_ISFIFO(type) || S_ISSOCK(type);
}

static bool node_fits(const struct index *ix, uint32_t i, const struct index_node *n)
{
	bool dir = S_ISDIR(n->type);

	if (!type_is_known(n->type) || n->type & ~S_IFMT)
		return false;
	if (i ? n->parent >= i || n->name_len == 0 : !dir || n->name_len != 0)
		return false;
	if (n->name_len > NAME_MAX || n->name > ix->names_len ||
	    n->name_len > ix->names_len - n->name)
		return false;
	if (dir)
		return (n->header == NO_HEADER || header_fits(ix, n->header)) &&
		       n->subdirs <= n->count &&
		       (n->count == 0 ||
			(n->first > i && n->first < ix->count && n->count <= ix->count - n->first));
	return header_fits(ix, n->header) && n->inode < ix->count && n->nlink > 0 &&
	       (!S_ISREG(n->type) || header_fits(ix, n->data));
}

int index_node(const struct index *ix, uint32_t i, struct index_node *out)
{
	if (i >= ix->count ||
	    fixup_copy(out, ix->nodes + (uint64_t)i * sizeof *out, sizeof *out) > 0)
		return -EIO;
	return node_fits(ix, i, out) ? 0 : -EIO;
}

static bool name_is_good(const char *name, size_t len)
{
	return strlen(name) == len && !strchr(name, '/') && strcmp(name, ".") != 0 &&
	       strcmp(name, "..") != 0;
}

int index_name(const struct index *ix, const struct index_node *n, char name[NAME_MAX + 1])
{
	if (fixup_copy(name, ix->names + n->name, n->name_len) > 0)
		return -EIO;
	name[n->name_len] = '\0';
	return name_is_good(name, n->name_len) ? 0 : -EIO;
}

int index_path(const struct index *ix, uint32_t i, char *buf, size_t size)
{
	char *at = buf + size - 1, name[NAME_MAX + 1];
	struct index_node n;

	*at = '\0';
	for (; i; i = n.parent) {
		if (index_node(ix, i, &n) || index_name(ix, &n, name))
			return -EIO;
		int err = generic_prepend(buf, &at, name);
		if (err)
			return err;
	}
	size_t len = strlen(at);
	memmove(buf, at, len + 1);
	return (int)len;
}

#define XATTRS_MAX (1U << 18)

int index_xattrs(const struct index *ix, uint32_t i, struct index_xattrs *out)
{
	struct index_node n;
	uint32_t len;
	int err = index_node(ix, i, &n);

	*out = (struct index_xattrs){ .bytes = NULL };
	if (err || !n.xattrs)
		return err;
	if (n.xattrs > ix->names_len || ix->names_len - n.xattrs < sizeof len ||
	    fixup_copy(&len, ix->names + n.xattrs, sizeof len) > 0 || len > XATTRS_MAX ||
	    len > ix->names_len - n.xattrs - sizeof len)
		return -EIO;
	char *bytes = malloc(len + 1);
	if (!bytes)
		return -ENOMEM;
	if (fixup_copy(bytes, ix->names + n.xattrs + sizeof len, len) > 0) {
		free(bytes);
		return -EIO;
	}
	*out = (struct index_xattrs){ bytes, len };
	return 0;
}

bool index_next_xattr(const struct index_xattrs *all, struct index_xattr *x)
{
	const char *at = all->bytes + (x->left ? all->len + 1 - x->left : 0);
	size_t left = x->left ? x->left - 1 : all->len;
	struct index_xattr_head h;

	if (left < sizeof h)
		return false;
	memcpy(&h, at, sizeof h);
	left -= sizeof h;
	if (h.name_len > XATTR_NAME_MAX || h.value_len > XATTR_SIZE_MAX ||
	    left < h.name_len + 1UL + h.value_len)
		return false;
	x->name = at + sizeof h;
	x->value = x->name + h.name_len + 1;
	x->len = h.value_len;
	x->left = left - (h.name_len + 1UL + h.value_len) + 1;
	return strlen(x->name) == h.name_len; /* a NUL is within, or at the name's end */
}
