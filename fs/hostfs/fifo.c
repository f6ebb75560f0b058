/* SPDX-License-Identifier: Apache-2.0 */
/*
 * FIFOs in a directory of the host that was given to a private world. The file is the host's, but
 * what goes through it stays among the guests who open it: a process of the host that waits at the
 * other end was not given to the guest, and opening the FIFO would already let it go on. The same
 * holds for sockets (net/unix_name.c). So the host's FIFO is never opened. The pipe is found by the
 * file's identity, as long as any inode of the guest's refers to it.
 */
#include <errno.h>
#include <stdlib.h>

#include "fs/hostfs/internal.h"
#include "fs/pipefs/pipe.h"

struct hostfs_fifo {
	struct list node;
	struct inode_id id;
	unsigned refs; /* hostfs.fifo_lock */
	struct fifo fifo;
};

static struct hostfs_fifo *find_locked(struct hostfs *h, const struct inode_id *id)
{
	lock_assert_held(&h->fifo_lock);
	struct hostfs_fifo *ff;

	list_for_each (ff, &h->fifos, node)
		if (ff->id.ino == id->ino && ff->id.dev == id->dev)
			return ff;
	return NULL;
}

static struct hostfs_fifo *get_locked(struct hostfs *h, const struct inode_id *id)
{
	struct hostfs_fifo *ff = find_locked(h, id);

	if (!ff && (ff = calloc(1, sizeof *ff))) {
		ff->id = *id;
		fifo_init(&ff->fifo);
		list_add(&h->fifos, &ff->node);
	}
	if (ff)
		ff->refs++;
	return ff;
}

/* The pipe's state hangs on the inode from here on. */
static struct hostfs_fifo *fifo_of(struct hostfs_inode *hi, const struct inode_id *id)
{
	struct hostfs *h = hostfs_of(&hi->inode);

	mutex_lock(&h->fifo_lock);
	if (!hi->fifo)
		hi->fifo = get_locked(h, id);
	mutex_unlock(&h->fifo_lock);
	return hi->fifo;
}

int hostfs_fifo_open(struct inode *i, const struct inode_id *id, struct caller *c, int flags,
		     struct file **out)
{
	struct hostfs_fifo *ff = fifo_of(hostfs_inode(i), id);

	return ff ? fifo_open(&ff->fifo, c, flags, out) : -ENOMEM;
}

void hostfs_fifo_put(struct hostfs_inode *hi)
{
	struct hostfs *h = hostfs_of(&hi->inode);
	struct hostfs_fifo *ff = hi->fifo;

	if (!ff)
		return;
	mutex_lock(&h->fifo_lock);
	bool last = --ff->refs == 0;
	if (last)
		list_del(&ff->node);
	mutex_unlock(&h->fifo_lock);
	if (last) {
		fifo_destroy(&ff->fifo);
		free(ff);
	}
}
