/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keeps the table of devices that a sandbox knows, and implements the memory devices in it: null,
 * zero and full (null(4), full(4)), random and urandom (random(4)). Guests open these instead of
 * the host's.
 */
#include "fs/device.h"

#include <errno.h>
#include <linux/random.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>

#include "fs/saved.h"
#include "host/random.h"
#include "mm/access.h"
#include "mm/shmem.h"

#define PIECE     (1UL << 20) /* of a long read; between two it asks whether the reader ends */
#define MEM_MAJOR 1
enum { DEV_NULL = 3, DEV_ZERO = 5, DEV_FULL = 7, DEV_RANDOM = 8, DEV_URANDOM = 9 };

struct device_range {
	struct list node;
	unsigned major, first, last;
	device_open_fn *open;
	void *arg;
};

struct device_table {
	struct list ranges;
};

static ssize_t null_read(struct file *f, struct caller *c, struct uio *u, int64_t *pos)
{
	return 0;
}

static ssize_t null_write(struct file *f, struct caller *c, struct uio *u, int64_t *pos)
{
	size_t n = u->resid;

	uio_advance(u, n);
	return (ssize_t)n;
}

static int64_t null_lseek(struct file *f, struct caller *c, int64_t off, int whence)
{
	return 0;
}

static ssize_t zero_read(struct file *f, struct caller *c, struct uio *u, int64_t *pos)
{
	size_t want = u->resid, total = 0, n, len;

	do {
		len = u->resid < PIECE ? u->resid : PIECE;
		n = uio_zero(u, len);
		total += n;
	} while (n == len && u->resid && !sleeper_stops(c->sleeper));
	return total || !want ? (ssize_t)total : -EFAULT;
}

/* A private mapping of /dev/zero is anonymous memory by another name; a shared one is shared with
 * children alone. */
static int zero_pagesource(struct file *f, bool shared_write, struct pagesource **out)
{
	*out = NULL;
	return 0;
}

static ssize_t full_write(struct file *f, struct caller *c, struct uio *u, int64_t *pos)
{
	return -ENOSPC;
}

/* random(4). Both devices give what getrandom(2) gives: the host's pool is ready by the time we
 * run. */
static ssize_t random_read(struct file *f, struct caller *c, struct uio *u, int64_t *pos)
{
	unsigned char buf[4096];
	size_t total = 0, want = u->resid;

	while (total < want && (!total || !sleeper_stops(c->sleeper))) {
		size_t n = want - total < sizeof buf ? want - total : sizeof buf;
		if (random_bytes(c->random, buf, n))
			break;
		size_t put = uio_put(u, buf, n);
		total += put;
		if (put < n)
			break;
	}
	return total || !want ? (ssize_t)total : -EFAULT;
}

/* What programs add to the pool is checked for being readable, and thrown away. */
static ssize_t random_write(struct file *f, struct caller *c, struct uio *u, int64_t *pos)
{
	unsigned char buf[4096];
	size_t total = 0, want = u->resid, n;

	while ((!total || (u->resid && !sleeper_stops(c->sleeper))) &&
	       (n = uio_take(u, buf, u->resid < sizeof buf ? u->resid : sizeof buf)))
		total += n;
	return total || !want ? (ssize_t)total : -EFAULT;
}

static int64_t random_ioctl(struct file *f, struct caller *c, struct mm *mm, unsigned cmd,
			    uint64_t arg)
{
	int bits = 256;

	if (cmd != RNDGETENTCNT)
		return -ENOTTY;
	return copy_to_guest(mm, GVA(arg), &bits, sizeof bits) ? -EFAULT : 0;
}

static void mem_release(struct file *f)
{
	free(f);
}

static const struct file_ops null_ops = {
	.saved = &file_by_path,
	.read = null_read,
	.write = null_write,
	.no_splice_read = true,
	.lseek = null_lseek,
	.release = mem_release,
};
static const struct file_ops zero_ops = {
	.saved = &file_by_path,
	.read = zero_read,
	.write = null_write,
	.lseek = null_lseek,
	.pagesource = zero_pagesource,
	.release = mem_release,
};
static const struct file_ops full_ops = {
	.saved = &file_by_path,
	.read = zero_read,
	.write = full_write,
	.no_splice_write = true,
	.lseek = null_lseek,
	.release = mem_release,
};
static const struct file_ops random_ops = {
	.saved = &file_by_path,
	.read = random_read,
	.write = random_write,
	.lseek = null_lseek,
	.ioctl = random_ioctl,
	.release = mem_release,
};

static const struct file_ops *const mem_ops[] = {
	[DEV_NULL] = &null_ops,     [DEV_ZERO] = &zero_ops,      [DEV_FULL] = &full_ops,
	[DEV_RANDOM] = &random_ops, [DEV_URANDOM] = &random_ops,
};

static const struct file_ops *mem_device(dev_t dev)
{
	unsigned n = minor(dev);

	return major(dev) == MEM_MAJOR && n < sizeof mem_ops / sizeof *mem_ops ? mem_ops[n] : NULL;
}

bool device_harmless(dev_t dev)
{
	return dev == WHITEOUT_DEV || mem_device(dev);
}

static int mem_open(const struct file_ops *ops, int flags, struct file **out)
{
	struct file *f = malloc(sizeof *f);

	if (!f)
		return -ENOMEM;
	file_init(f, ops, (unsigned)flags);
	*out = f;
	return 0;
}

struct device_table *device_table_new(void)
{
	struct device_table *t = malloc(sizeof *t);

	if (t)
		list_init(&t->ranges);
	return t;
}

void device_table_free(struct device_table *t)
{
	struct device_range *r, *next;

	if (!t)
		return;
	list_for_each_safe (r, next, &t->ranges, node)
		free(r);
	free(t);
}

int device_table_add(struct device_table *t, unsigned major, unsigned first, unsigned last,
		     device_open_fn *open, void *arg)
{
	struct device_range *r = malloc(sizeof *r);

	if (!r)
		return -ENOMEM;
	*r = (struct device_range){
		.major = major, .first = first, .last = last, .open = open, .arg = arg
	};
	list_add(&t->ranges, &r->node);
	return 0;
}

int device_open(struct device_table *t, struct caller *c, dev_t dev, int flags, struct file **out)
{
	const struct file_ops *mem = mem_device(dev);
	struct device_range *r;

	if (mem)
		return mem_open(mem, flags, out);
	list_for_each (r, &t->ranges, node)
		if (r->major == major(dev) && minor(dev) >= r->first && minor(dev) <= r->last)
			return r->open(r->arg, c, dev, flags, out);
	return -ENXIO;
}
