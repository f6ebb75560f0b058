/* SPDX-License-Identifier: Apache-2.0 */
/* Finds a user in the guest's own tables, as passwd(5) and group(5) have them. The tables are the
 * guest's: whatever they hold, they are only read here. */
#include "lib/user.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cred/cred.h"
#include "fs/file.h"
#include "fs/vfs.h"

#define TABLE_MAX  (16U << 20) /* bytes of a table that are looked at */
#define TABLE_LINE 65536
#define GROUPS_MAX 65536 /* NGROUPS_MAX */

struct user {
	uid_t uid;
	gid_t gid;
	char *name, *home; /* NULL: not known */
	gid_t *groups;
	int nr_groups;
};

bool user_spec_valid(const char *spec)
{
	const char *colon = strchr(spec, ':');

	return *spec && spec[0] != ':' && (!colon || (colon[1] && !strchr(colon + 1, ':')));
}

/* An id by number. The largest one stands for none (chown(2)). */
static bool parse_id(const char *s, uint32_t *out)
{
	char *end;

	errno = 0;
	unsigned long v = strtoul(s, &end, 10);
	*out = (uint32_t)v;
	return s[0] >= '0' && s[0] <= '9' && !*end && !errno && v < UINT32_MAX;
}

/* ---- tables ---- */

struct table {
	FILE *file;
	char *text, *line;
};

static void table_close(struct table *t)
{
	if (t->file)
		fclose(t->file);
	free(t->text);
	free(t->line);
}

/* The whole table in memory. -ENOENT: there is none. */
static int read_table(struct caller *c, const char *path, struct table *t, size_t *len)
{
	struct file *f;
	/* O_NONBLOCK: what lies there may be a FIFO. */
	int err = vfs_open(c, NULL, path, O_RDONLY | O_NONBLOCK, 0, 0, &f);

	if (err)
		return err;
	if (!S_ISREG(f->path.dentry->inode->type))
		err = -EINVAL;
	size_t room = 0;
	ssize_t n = 1;
	for (*len = 0; !err && n > 0 && *len<TABLE_MAX; *len += n> 0 ? (size_t)n : 0) {
		if (*len == room) {
			room = room ? room * 2 : 4096;
			char *text = realloc(t->text, room);
			if (!text) {
				err = -ENOMEM;
				break;
			}
			t->text = text;
		}
		n = file_read_kernel(f, c, t->text + *len, room - *len, (int64_t)*len);
	}
	file_put(f);
	return err ? err : n < 0 ? (int)n : 0;
}

static int table_open(struct caller *c, const char *path, struct table *t)
{
	size_t len;

	*t = (struct table){ .line = malloc(TABLE_LINE) };
	int err = t->line ? read_table(c, path, t, &len) : -ENOMEM;
	if (!err && len)
		t->file = fmemopen(t->text, len, "r");
	return err ? err : t->file || !len ? 0 : -ENOMEM;
}

/* Looks for a user by name, or by number where that is NULL. *found tells. */
static int find_in_passwd(struct caller *c, const char *name, struct user *u, bool *found)
{
	struct passwd pw, *p;
	struct table t;
	int err = table_open(c, "/etc/passwd", &t);

	*found = false;
	while (!err && t.file && !*found && !fgetpwent_r(t.file, &pw, t.line, TABLE_LINE, &p))
		*found = name ? !strcmp(p->pw_name, name) : p->pw_uid == u->uid;
	if (*found) {
		u->uid = pw.pw_uid;
		u->gid = pw.pw_gid;
		u->name = strdup(pw.pw_name);
		u->home = strdup(pw.pw_dir);
		err = u->name && u->home ? 0 : -ENOMEM;
	}
	table_close(&t);
	return err;
}

static int find_group(struct caller *c, const char *name, gid_t *gid, bool *found)
{
	struct group gr, *g;
	struct table t;
	int err = table_open(c, "/etc/group", &t);

	*found = false;
	while (!err && t.file && !*found && !fgetgrent_r(t.file, &gr, t.line, TABLE_LINE, &g))
		*found = !strcmp(g->gr_name, name);
	if (*found)
		*gid = gr.gr_gid;
	table_close(&t);
	return err;
}

static bool is_member(const struct group *g, const char *name)
{
	for (char **m = g->gr_mem; *m; m++) {
		if (!strcmp(*m, name))
			return true;
	}
	return false;
}

/* All groups that list the user. */
static int find_groups(struct caller *c, struct user *u)
{
	struct group gr, *g;
	struct table t;
	int err = table_open(c, "/etc/group", &t);

	while (!err && t.file && u->nr_groups < GROUPS_MAX &&
	       !fgetgrent_r(t.file, &gr, t.line, TABLE_LINE, &g)) {
		if (!is_member(g, u->name))
			continue;
		gid_t *more = reallocarray(u->groups, (size_t)u->nr_groups + 1, sizeof *more);
		if (!more) {
			err = -ENOMEM;
			break;
		}
		u->groups = more;
		u->groups[u->nr_groups++] = g->gr_gid;
	}
	table_close(&t);
	return err;
}

/* ---- the user ---- */

static int find_user(struct caller *c, const char *name, struct user *u, struct errmsg *errmsg)
{
	bool number = parse_id(name, &u->uid), found;
	int err = find_in_passwd(c, number ? NULL : name, u, &found);

	if (err == -ENOMEM || found || number)
		return err == -ENOMEM ? err : 0;
	return errmsg_set(errmsg, ENOENT, "user '%s': not in the guest's /etc/passwd", name);
}

static int find_its_group(struct caller *c, const char *name, struct user *u, struct errmsg *errmsg)
{
	bool found;

	if (!name)
		return u->name && find_groups(c, u) == -ENOMEM ? -ENOMEM : 0;
	if (parse_id(name, &u->gid))
		return 0;
	int err = find_group(c, name, &u->gid, &found);
	if (err == -ENOMEM || found)
		return err;
	return errmsg_set(errmsg, ENOENT, "group '%s': not in the guest's /etc/group", name);
}

static bool may_become(const struct cred *base, const struct user *u)
{
	return (cred_own_capable(base, CAP_SETUID) && cred_own_capable(base, CAP_SETGID)) ||
	       (u->uid == base->uid && u->gid == base->gid);
}

/* As setuid(2): root alone keeps its capabilities. */
static struct cred *become(const struct cred *base, const struct user *u)
{
	bool powerful = cred_own_capable(base, CAP_SETGID);
	struct cred *cred = cred_copy(base, powerful ? u->nr_groups : -1);

	if (!cred)
		return NULL;
	cred->uid = cred->euid = cred->suid = cred->fsuid = u->uid;
	cred->gid = cred->egid = cred->sgid = cred->fsgid = u->gid;
	if (u->uid)
		cred->cap_effective = cred->cap_permitted = cred->cap_ambient = 0;
	if (powerful && u->nr_groups)
		memcpy(cred->groups, u->groups, (size_t)u->nr_groups * sizeof(gid_t));
	return cred;
}

int user_find(struct caller *c, const char *spec, const struct cred *base, struct cred **out,
	      char **home, struct errmsg *errmsg)
{
	struct user u = { .uid = 0 };
	char *name = strdup(spec), *group = name ? strchr(name, ':') : NULL;

	*out = NULL;
	*home = NULL;
	if (group)
		*group++ = '\0';
	int err = name ? find_user(c, name, &u, errmsg) : -ENOMEM;
	if (!err)
		err = find_its_group(c, group, &u, errmsg);
	if (!err && !may_become(base, &u))
		err = errmsg_set(errmsg, EPERM,
				 "user '%s': only root can run a program as another user", spec);
	if (!err)
		*out = become(base, &u);
	if (!err && !*out)
		err = -ENOMEM;
	if (!err) {
		*home = u.home;
		u.home = NULL;
	}
	free(u.name);
	free(u.home);
	free(u.groups);
	free(name);
	return err;
}
