/* SPDX-License-Identifier: Apache-2.0 */
/* /proc/PID/map_files: a link for each mapping of a file, named by its addresses
 * (proc_pid_map_files(5)). */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "kernel/sandbox.h"
#include "mm/vma.h"
#include "proc/proc.h"

/* A search for a vma with a file: by its name here, or by how many come before it. */
struct search {
	const char *name; /* NULL: by number */
	int left;
	char found[32]; /* its name; "": none */
	char *path;     /* owned */
	mode_t mode;    /* of the link */
	struct source_id id;
};

static int look(const struct vma *v, void *arg)
{
	struct search *s = arg;
	struct source_id id;
	char name[32];

	if (!v->source || !v->name || !pagesource_identify(v->source, &id))
		return 0;
	snprintf(name, sizeof name, "%lx-%lx", v->start.v, v->end.v);
	if (s->name ? strcmp(name, s->name) != 0 : s->left-- > 0)
		return 0;
	memcpy(s->found, name, sizeof name);
	s->path = strdup(v->name);
	s->mode = v->flags & VMA_SHARED && v->flags & VMA_MAYWRITE ? 0600 : 0400;
	s->id = id;
	return 1;
}

/* 0: found, s->path to be freed. */
static int search(struct pseudo_node *n, struct caller *c, struct search *s)
{
	int err = proc_each_vma(n, c, look, s, false);

	if (err)
		return err;
	if (!s->found[0])
		return -ENOENT;
	return s->path ? 0 : -ENOMEM;
}

static int link_text(struct pseudo_node *n, struct caller *c, struct text *out)
{
	struct search s = { .name = n->name };
	int err = search(n, c, &s);

	if (!err)
		text_puts(out, s.path);
	free(s.path);
	return err;
}

/* What has the path now may be another file. */
static int check_same(const struct search *s, struct caller *c, const struct path *p)
{
	struct statx st;
	int err = path_getattr(p, c, STATX_BASIC_STATS, &st);

	if (err)
		return err;
	bool same = st.stx_ino == s->id.ino && st.stx_dev_major == s->id.major &&
		    st.stx_dev_minor == s->id.minor;
	return same ? 0 : -ENOENT;
}

static int jump(struct pseudo_node *n, struct caller *c, struct path *out)
{
	struct search s = { .name = n->name };

	if (!cred_capable(c->cred, CAP_CHECKPOINT_RESTORE) && !cred_capable(c->cred, CAP_SYS_ADMIN))
		return -EPERM;
	int err = search(n, c, &s);
	if (!err)
		err = path_walk(c, NULL, s.path, 0, out);
	if (!err) {
		err = check_same(&s, c, out);
		if (err)
			path_put(out);
	}
	free(s.path);
	return err;
}

/* The rights say how the file is open for the mapping. */
static mode_t link_mode(struct pseudo_node *n, struct caller *c)
{
	struct search s = { .name = n->name };

	if (search(n, c, &s))
		return 0400;
	free(s.path);
	return s.mode;
}

static const struct pseudo_entry link_entry = { NULL, S_IFLNK | 0777, .link = link_text,
						.jump = jump, .link_mode = link_mode };

static int lookup(struct pseudo_node *dir, struct caller *c, const char *name, size_t len,
		  struct pseudo_found *out)
{
	char wanted[32];
	struct search s = { .name = wanted };

	if (len >= sizeof wanted)
		return -ENOENT;
	snprintf(wanted, sizeof wanted, "%.*s", (int)len, name);
	int err = search(dir, c, &s);
	free(s.path);
	out->entry = &link_entry;
	return err;
}

static bool next(struct pseudo_node *dir, struct caller *c, int *cursor, char name[32],
		 unsigned char *d_type)
{
	struct search s = { .left = *cursor };

	if (search(dir, c, &s))
		return false;
	free(s.path);
	memcpy(name, s.found, sizeof s.found);
	*d_type = DT_LNK;
	return true;
}

const struct pseudo_dir proc_map_files_dir = { .lookup = lookup,
					       .member = &link_entry,
					       .next = next };
