/* SPDX-License-Identifier: Apache-2.0 */
/* /proc/PID/maps, smaps and mem. */
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "fs/file.h"
#include "kernel/sandbox.h"
#include "kernel/task.h"
#include "proc/proc.h"

static void put_vma(struct text *out, const struct vma *v)
{
	size_t start = out->len;
	text_printf(out, "%08lx-%08lx %c%c%c%c %08lx 00:00 %lu ", v->start, v->end, v->prot & PROT_READ ? 'r' : '-',
		    v->prot & PROT_WRITE ? 'w' : '-', v->prot & PROT_EXEC ? 'x' : '-',
		    v->flags & VMA_SHARED ? 's' : 'p', v->source ? v->offset : 0, 0UL);
	if (v->name) {
		while (out->len - start < 73 && !out->failed)
			text_putc(out, ' ');
		text_puts(out, v->name);
	}
	text_putc(out, '\n');
}

static int map_line(const struct vma *v, void *arg)
{
	put_vma(arg, v);
	return 0;
}

static int smap_block(const struct vma *v, void *arg)
{
	struct text *out = arg;
	put_vma(out, v);
	text_printf(out, "Size:           %8lu kB\nKernelPageSize: %8u kB\nMMUPageSize:    %8u kB\n",
		    (v->end - v->start) / 1024, 4, 4);
	return 0;
}

static int show(struct pseudo_node *n, struct caller *c, struct text *out, int (*line)(const struct vma *, void *))
{
	int err = proc_check_inspect(n, c);
	struct mm *mm = err ? NULL : proc_mm(n);
	if (!mm)
		return err == -ENOENT ? 0 : err;
	mm_for_each_vma(mm, line, out);
	mm_put(mm);
	return 0;
}

int proc_show_maps(struct pseudo_node *n, struct caller *c, struct text *out)
{
	return show(n, c, out, map_line);
}

int proc_show_smaps(struct pseudo_node *n, struct caller *c, struct text *out)
{
	return show(n, c, out, smap_block);
}

/* ---- mem: the address space as a file, without regard to page rights (proc(5)) ---- */

/* The space may end before the file does: from then on there is nothing to read. */
struct mem_file {
	struct file file;
	struct sandbox *sb;
	struct pid *pid; /* reference */
	struct mm *mm;   /* a pin */
};

static struct mem_file *mem_of(struct file *f)
{
	return container_of(f, struct mem_file, file);
}

/* One page at a time: what is not mapped ends the transfer, EIO if nothing was moved. */
static ssize_t mem_move(struct mm *mm, struct file *f, struct uio *u, int64_t *pos, bool write)
{
	uint8_t buf[PAGE_SIZE];
	ssize_t done = 0;
	pthread_mutex_lock(&f->pos_lock);
	uint64_t at = (uint64_t)(pos ? *pos : f->pos);
	while (u->resid) {
		size_t n = PAGE_SIZE - (at & ~PAGE_MASK);
		n = n < u->resid ? n : u->resid;
		if (write) {
			n = uio_take(u, buf, n);
			n -= n ? poke_guest(mm, GVA(at), buf, n) : 0;
		} else {
			n -= copy_from_guest(mm, buf, GVA(at), n);
			n = n ? uio_put(u, buf, n) : 0;
		}
		if (!n)
			break;
		at += n;
		done += (ssize_t)n;
	}
	if (!pos)
		f->pos = (int64_t)at;
	pthread_mutex_unlock(&f->pos_lock);
	return done || !u->resid ? done : -EIO;
}

/* A reference; NULL: the process has ended, or runs another program. */
static struct mm *mem_space(struct mem_file *m)
{
	sandbox_lock(m->sb);
	struct task *t = proc_task_of(m->pid);
	struct mm *mm = t && t->mm == m->mm ? mm_get(t->mm) : NULL;
	sandbox_unlock(m->sb);
	return mm;
}

static ssize_t mem_try_move(struct file *f, struct uio *u, int64_t *pos, bool write)
{
	struct mm *mm = mem_space(mem_of(f));

	if (!mm)
		return 0;
	ssize_t n = mem_move(mm, f, u, pos, write);
	mm_put(mm);
	return n;
}

static ssize_t mem_read(struct file *f, struct caller *c, struct uio *u, int64_t *pos)
{
	return mem_try_move(f, u, pos, false);
}

static ssize_t mem_write(struct file *f, struct caller *c, struct uio *u, int64_t *pos)
{
	return mem_try_move(f, u, pos, true);
}

static int64_t mem_lseek(struct file *f, struct caller *c, int64_t off, int whence)
{
	if (whence != 0 && whence != 1)
		return -EINVAL;
	pthread_mutex_lock(&f->pos_lock);
	f->pos = whence == 1 ? f->pos + off : off;
	int64_t r = f->pos;
	pthread_mutex_unlock(&f->pos_lock);
	return r;
}

static void mem_release(struct file *f)
{
	struct mem_file *m = mem_of(f);
	mm_unpin(m->mm);
	pid_put(m->pid);
	free(m);
}

static const struct file_ops mem_ops = {
	.read = mem_read,
	.write = mem_write,
	.lseek = mem_lseek,
	.release = mem_release,
};

int proc_mem_open(struct pseudo_node *n, struct caller *c, int flags, struct file **out)
{
	int err = proc_check_inspect(n, c);
	if (err)
		return err;
	struct mm *mm = proc_mm(n);
	struct mem_file *m = mm ? calloc(1, sizeof *m) : NULL;
	if (m)
		*m = (struct mem_file){ .sb = n->sb, .pid = pid_get(n->pid), .mm = mm_pin(mm) };
	if (mm)
		mm_put(mm);
	if (!m)
		return mm ? -ENOMEM : -ENOENT;
	file_init(&m->file, &mem_ops, (unsigned)flags);
	*out = &m->file;
	return 0;
}
