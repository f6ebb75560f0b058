/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Implements /dev/hl. Each open file has a question, the last one that was written to it, and gives
 * its answer from the beginning; a file that was asked nothing says which copy this is. A copy
 * opens its files anew (fs/saved.h), so that nothing was asked of them and no old answer is left.
 */
#include "kernel/devhl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fs/devfs.h"
#include "fs/device.h"
#include "fs/saved.h"
#include "kernel/sandbox.h"
#include "kernel/savepoint.h"

#define REQUEST_MAX 64

enum question { ASKED_COPY, ASKED_ARGS, ASKED_ENV };

struct devhl_file {
	struct file file;
	struct sandbox *sb;
	enum question question; /* file.pos_lock */
};

static struct devhl_file *devhl_of(struct file *f)
{
	return container_of(f, struct devhl_file, file);
}

/* ---- what can be written ---- */

static int ask(struct devhl_file *h, enum question q)
{
	mutex_lock(&h->file.pos_lock);
	h->question = q;
	h->file.pos = 0;
	mutex_unlock(&h->file.pos_lock);
	return 0;
}

static int ask_copy(struct devhl_file *h, struct caller *c)
{
	return ask(h, ASKED_COPY);
}

static int ask_args(struct devhl_file *h, struct caller *c)
{
	return ask(h, ASKED_ARGS);
}

static int ask_env(struct devhl_file *h, struct caller *c)
{
	return ask(h, ASKED_ENV);
}

static int save(struct devhl_file *h, struct caller *c)
{
	return savepoint_reach(c->task);
}

static const struct {
	const char *text;
	int (*fn)(struct devhl_file *h, struct caller *c);
} requests[] = {
	{ "save", save },
	{ "copy", ask_copy },
	{ "args", ask_args },
	{ "env", ask_env },
};

static ssize_t devhl_write(struct file *f, struct caller *c, struct uio *u, int64_t *pos)
{
	char text[REQUEST_MAX + 1];
	size_t want = u->resid;

	if (want > REQUEST_MAX)
		return -EINVAL;
	size_t n = uio_take(u, text, want);
	if (n < want)
		return -EFAULT;
	if (n && text[n - 1] == '\n')
		n--;
	text[n] = '\0';
	for (size_t i = 0; i < sizeof requests / sizeof *requests; i++) {
		if (strlen(text) != n || strcmp(text, requests[i].text) != 0)
			continue;
		int err = requests[i].fn(devhl_of(f), c);
		return err ? err : (ssize_t)want;
	}
	return -EINVAL;
}

/* ---- answers ---- */

static ssize_t devhl_read(struct file *f, struct caller *c, struct uio *u, int64_t *pos)
{
	struct devhl_file *h = devhl_of(f);
	const struct guest_copy *copy = &h->sb->copy;
	char number[32];
	const char *answer = number;
	size_t len = (size_t)snprintf(number, sizeof number, "%lu\n", copy->number);

	mutex_lock(&f->pos_lock);
	if (h->question == ASKED_ARGS)
		answer = copy->args, len = copy->args_len;
	else if (h->question == ASKED_ENV)
		answer = copy->env, len = copy->env_len;
	size_t at = (size_t)f->pos < len ? (size_t)f->pos : len;
	size_t n = len - at < u->resid ? len - at : u->resid;
	size_t put = n ? uio_put(u, answer + at, n) : 0;
	f->pos = (int64_t)(at + put);
	mutex_unlock(&f->pos_lock);
	return put || !n ? (ssize_t)put : -EFAULT;
}

static void devhl_release(struct file *f)
{
	free(devhl_of(f));
}

static const struct file_ops devhl_ops = {
	.saved = &file_by_path,
	.read = devhl_read,
	.write = devhl_write,
	.no_splice_read = true,
	.no_splice_write = true,
	.release = devhl_release,
};

/* ---- the device ---- */

static int open_devhl(void *arg, struct caller *c, dev_t dev, int flags, struct file **out)
{
	struct devhl_file *h = calloc(1, sizeof *h);

	if (!h)
		return -ENOMEM;
	file_init(&h->file, &devhl_ops, (unsigned)flags);
	h->sb = arg;
	*out = &h->file;
	return 0;
}

int devhl_add(struct sandbox *sb)
{
	return device_table_add(sb->vfs->devices, DEVHL_MAJOR, DEVHL_MINOR, DEVHL_MINOR, open_devhl,
				sb);
}

/* All strings in a row, each with its NUL. NULL: no memory. */
static char *join(const char *const *item, size_t nr, size_t *len)
{
	*len = 0;
	for (size_t i = 0; i < nr; i++)
		*len += strlen(item[i]) + 1;
	char *all = malloc(*len + 1), *at = all;
	for (size_t i = 0; all && i < nr; i++) {
		size_t size = strlen(item[i]) + 1;
		memcpy(at, item[i], size);
		at += size;
	}
	return all;
}

void devhl_free(struct sandbox *sb)
{
	free(sb->copy.args);
	free(sb->copy.env);
}

int devhl_set_copy(struct sandbox *sb, const char *const *args, size_t nr_args,
		   const char *const *env, size_t nr_env)
{
	struct guest_copy *copy = &sb->copy;

	devhl_free(sb);
	copy->args = join(args, nr_args, &copy->args_len);
	copy->env = join(env, nr_env, &copy->env_len);
	return copy->args && copy->env ? 0 : -ENOMEM;
}
