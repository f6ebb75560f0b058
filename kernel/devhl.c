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

#define ASKED_NUMBER (-1) /* which copy it is; else a devhl_told */

struct devhl_file {
	struct file file;
	struct sandbox *sb;
	int question; /* file.pos_lock */
};

static struct devhl_file *devhl_of(struct file *f)
{
	return container_of(f, struct devhl_file, file);
}

/* ---- what can be written ---- */

static int ask(struct devhl_file *h, struct caller *c, int question)
{
	mutex_lock(&h->file.pos_lock);
	h->question = question;
	h->file.pos = 0;
	mutex_unlock(&h->file.pos_lock);
	return 0;
}

static int save(struct devhl_file *h, struct caller *c, int unused)
{
	return savepoint_reach(c->task);
}

static const struct {
	const char *text;
	int (*fn)(struct devhl_file *h, struct caller *c, int arg);
	int arg;
} requests[] = {
	{ "save", save, 0 },       { "copy", ask, ASKED_NUMBER },     { "args", ask, DEVHL_ARGS },
	{ "env", ask, DEVHL_ENV }, { "environ", ask, DEVHL_ENVIRON }, { "dir", ask, DEVHL_DIR },
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
		int err = requests[i].fn(devhl_of(f), c, requests[i].arg);
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
	if (h->question != ASKED_NUMBER) {
		answer = copy->told[h->question].text;
		len = copy->told[h->question].len;
	}
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
	h->question = ASKED_NUMBER;
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
	for (int i = 0; i < DEVHL_NR_TOLD; i++)
		free(sb->copy.told[i].text);
}

int devhl_tell(struct sandbox *sb, enum devhl_told what, const char *const *items, size_t nr)
{
	size_t len;
	char *text = join(items, nr, &len);

	free(sb->copy.told[what].text);
	sb->copy.told[what].text = text;
	sb->copy.told[what].len = text ? len : 0;
	return text ? 0 : -ENOMEM;
}
