/* SPDX-License-Identifier: Apache-2.0 */
/* Memory mapping: mmap(2), brk(2), madvise(2)... The work is mm/'s. */
#include <fcntl.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "fs/mount.h"
#include "mm/advise.h"
#include "mm/brk.h"
#include "mm/lock.h"
#include "mm/map.h"
#include "mm/maps.h"
#include "mm/protect.h"
#include "mm/remap.h"
#include "mm/seal.h"
#include "mm/sync.h"
#include "mm/vma.h"
#include "sys/sys.h"

#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif

/* mlock(2): who has CAP_IPC_LOCK locks as much as it likes. Asked before each call that locks. */
static void update_lock_limit(struct task *t)
{
	t->mm->limit_memlock = cred_capable(t->cred, CAP_IPC_LOCK)
				   ? UINT64_MAX
				   : process_rlimit(t->process, RLIMIT_MEMLOCK);
}

/* The absolute guest path of a mapped file, for /proc/PID/maps; NULL when there is none. */
static char *mapping_name(struct file *f)
{
	const struct path none = { NULL, NULL };
	char *buf = malloc(4096);
	if (buf && file_name(f, &none, buf, 4096) < 0) {
		free(buf);
		return NULL;
	}
	return buf;
}

/* What the open file allows, and its pages. -errno: it cannot be mapped like that (mmap(2),
 * ERRORS). */
static int ask_file(struct file *f, struct caller *c, struct mmap_args *m)
{
	bool shared =
	    (m->flags & MAP_TYPE) == MAP_SHARED || (m->flags & MAP_TYPE) == MAP_SHARED_VALIDATE;
	bool noexec = f->path.mnt && f->path.mnt->flags & MOUNT_NOEXEC;
	struct inode *inode = file_inode(f);

	if (!file_readable(f) || (shared && m->prot & PROT_WRITE && !file_writable(f)))
		return -EACCES;
	if (noexec && m->prot & PROT_EXEC)
		return -EPERM;
	if ((inode && inode->type == S_IFDIR) || !f->ops->pagesource)
		return -ENODEV;
	if (!shared || file_writable(f))
		m->vma_flags |= VMA_MAYWRITE;
	if (!noexec)
		m->vma_flags |= VMA_MAYEXEC;
	bool writes = shared && file_writable(f);
	int err = writes && f->ops->map_writable ? f->ops->map_writable(f, c) : 0;
	if (err)
		return err;
	err = f->ops->pagesource(f, writes, &m->source);
	if (err != -EPERM || m->prot & PROT_WRITE)
		return err;
	/* Sealed against writing (F_ADD_SEALS in fcntl(2)): may be mapped to read, for good. */
	m->vma_flags &= ~(unsigned)VMA_MAYWRITE;
	return f->ops->pagesource(f, false, &m->source);
}

static int64_t map_file(struct task *t, struct mmap_args *m, int fd)
{
	struct file *f = fd_get(t->files, fd);
	if (!f)
		return -EBADF;
	struct caller c = task_caller(t);
	m->refused = ask_file(f, &c, m);
	char *name = mapping_name(f);
	m->name = name;
	int64_t r = file_mapped_place(f, &m->place);
	if (!r)
		r = mm_mmap(t->mm, m);
	mapped_place_put(m->place);
	free(name);
	if (m->source)
		m->source->ops->unref(m->source);
	file_put(f);
	return r;
}

SYSCALL_DEFINE(mmap)
{
	struct mmap_args m = {
		.addr = GVA(a[0]),
		.len = a[1],
		.prot = (unsigned)a[2],
		.flags = (unsigned)a[3],
		.offset = a[5],
	};
	if (a[5] & ~PAGE_MASK)
		return -EINVAL;
	if (m.flags & MAP_LOCKED)
		update_lock_limit(t);
	if (!(m.flags & MAP_ANONYMOUS))
		return map_file(t, &m, (int)a[4]);
	m.offset = 0;
	return mm_mmap(t->mm, &m);
}

SYSCALL_DEFINE(mseal)
{
	return a[2] ? -EINVAL : mm_mseal(t->mm, GVA(a[0]), a[1]);
}

SYSCALL_DEFINE(munmap)
{
	return mm_munmap(t->mm, GVA(a[0]), a[1]);
}

SYSCALL_DEFINE(mprotect)
{
	return mm_mprotect(t->mm, GVA(a[0]), a[1], (unsigned)a[2]);
}

SYSCALL_DEFINE(mremap)
{
	return mm_mremap(t->mm, GVA(a[0]), a[1], a[2], (unsigned)a[3], GVA(a[4]));
}

SYSCALL_DEFINE(brk)
{
	return (int64_t)mm_brk(t->mm, GVA(a[0])).v;
}

SYSCALL_DEFINE(madvise)
{
	return mm_madvise(t->mm, GVA(a[0]), a[1], (int)a[2]);
}

SYSCALL_DEFINE(mincore)
{
	return mm_mincore(t->mm, GVA(a[0]), a[1], GVA(a[2]));
}

SYSCALL_DEFINE(msync)
{
	return mm_msync(t->mm, GVA(a[0]), a[1], (int)a[2]);
}

SYSCALL_DEFINE(mlock)
{
	update_lock_limit(t);
	return mm_mlock(t->mm, GVA(a[0]), a[1], 0);
}

SYSCALL_DEFINE(mlock2)
{
	if (a[2] & ~1UL) /* MLOCK_ONFAULT */
		return -EINVAL;
	update_lock_limit(t);
	return mm_mlock(t->mm, GVA(a[0]), a[1], (unsigned)a[2]);
}

SYSCALL_DEFINE(munlock)
{
	return mm_munlock(t->mm, GVA(a[0]), a[1]);
}

SYSCALL_DEFINE(mlockall)
{
	unsigned flags = (unsigned)a[0];
	if (flags == 0 || flags & ~(unsigned)(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) ||
	    flags == MCL_ONFAULT)
		return -EINVAL;
	update_lock_limit(t);
	return mm_mlockall(t->mm, (int)flags);
}

SYSCALL_DEFINE(munlockall)
{
	return mm_mlockall(t->mm, 0);
}

/* Protection keys (pkeys(7)), as Linux answers on a CPU without them: none can be had, and only -1,
 * no key, be used. */
SYSCALL_DEFINE(pkey_alloc)
{
	return a[0] || a[1] & ~3UL /* PKEY_DISABLE_ACCESS, _WRITE */ ? -EINVAL : -ENOSPC;
}

SYSCALL_DEFINE(pkey_free)
{
	return -EINVAL;
}

SYSCALL_DEFINE(pkey_mprotect)
{
	return (int)a[3] == -1 ? mm_mprotect(t->mm, GVA(a[0]), a[1], (unsigned)a[2]) : -EINVAL;
}
