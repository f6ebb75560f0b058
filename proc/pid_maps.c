/* SPDX-License-Identifier: Apache-2.0 */
/* /proc/PID/maps and mem. */
#include <errno.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "fs/file.h"
#include "fs/saved.h"
#include "kernel/sandbox.h"
#include "kernel/task.h"
#include "kernel/vsyscall.h"
#include "mm/access.h"
#include "mm/maps.h"
#include "mm/vma.h"
#include "proc/proc.h"

void proc_put_map_name(struct text *out, size_t line, const char *name)
{
	while (out->len - line < 73 && !out->failed)
		text_putc(out, ' ');
	text_puts(out, name);
}

void proc_put_vma(struct text *out, const struct vma *v)
{
	size_t line = out->len;
	struct source_id id = { 0 }; /* there is no file */

	if (v->source)
		pagesource_identify(v->source, &id);

	text_printf(out, "%08lx-%08lx %c%c%c%c %08lx %02x:%02x %lu ", v->start.v, v->end.v,
		    v->prot & PROT_READ ? 'r' : '-', v->prot & PROT_WRITE ? 'w' : '-',
		    v->prot & PROT_EXEC ? 'x' : '-', v->flags & VMA_SHARED ? 's' : 'p',
		    v->source ? v->offset : 0, id.major, id.minor, id.ino);
	if (v->name)
		proc_put_map_name(out, line, v->name);
	text_putc(out, '\n');
}

static int map_line(const struct vma *v, void *arg)
{
	proc_put_vma(arg, v);
	return 0;
}

/* Every process has it where the CPU's kernel does; it is none of its address space. */
static const struct vma vsyscall_vma = {
	.start = { VSYSCALL_PAGE },
	.end = { VSYSCALL_PAGE + PAGE_SIZE },
	.prot = PROT_EXEC,
	.name = (char[]){ "[vsyscall]" },
};

/* A walk through the vmas by one who sees the files from a root of its own. */
struct vma_view {
	char root[PATH_MAX];
	int (*fn)(const struct vma *v, void *arg);
	void *arg;
};

static int show_from_root(const struct vma *v, void *arg)
{
	struct vma_view *s = arg;
	const char *name = v->name ? path_below(v->name, s->root) : NULL;
	/* Without its links: those of its file change under the file's lock. */
	struct vma shown = {
		.start = v->start,
		.end = v->end,
		.prot = v->prot,
		.flags = v->flags,
		.source = v->source,
		.offset = v->offset,
		.mm = v->mm,
		.name = name ? (char *)(uintptr_t)name : v->name,
	};

	return s->fn(&shown, s->arg);
}

/* mm_for_each_vma, the names of files as the caller sees them. */
static int each_visible_vma(struct mm *mm, struct caller *c, int (*fn)(const struct vma *, void *),
			    void *arg)
{
	struct vma_view s = { .fn = fn, .arg = arg };
	int n = fs_struct_root_name(c->fs, s.root, sizeof s.root);

	if (n < 0)
		return n;
	if (!strcmp(s.root, "/"))
		mm_for_each_vma(mm, fn, arg);
	else
		mm_for_each_vma(mm, show_from_root, &s);
	return 0;
}

int proc_each_vma(struct pseudo_node *n, struct caller *c, int (*fn)(const struct vma *, void *),
		  void *arg, bool gate)
{
	int err = proc_check_inspect(n, c);
	struct mm *mm = err ? NULL : proc_mm(n);
	if (!mm)
		return err == -ENOENT ? 0 : err;
	err = each_visible_vma(mm, c, fn, arg);
	if (gate && VSYSCALL_PAGE && !err)
		fn(&vsyscall_vma, arg);
	mm_put(mm);
	return err;
}

int proc_show_maps(struct pseudo_node *n, struct caller *c, struct text *out)
{
	return proc_each_vma(n, c, map_line, out, true);
}

/* ---- PROCMAP_QUERY of Linux 6.11: one vma by address ---- */

struct procmap_query {
	uint64_t size, query_flags, query_addr;
	uint64_t vma_start, vma_end, vma_flags, vma_page_size, vma_offset, inode;
	uint32_t dev_major, dev_minor, vma_name_size, build_id_size;
	uint64_t vma_name_addr, build_id_addr;
};
#define PROCMAP_QUERY     0xc0686611U /* _IOWR('f', 17, struct procmap_query) */
#define QUERY_SIZE_MIN    offsetof(struct procmap_query, vma_start)
#define QUERY_SIZE_MAX    PAGE_SIZE
#define QUERY_VMA_SHARED  8U
#define QUERY_VMA_BITS    15U /* PROT_*, and that */
#define QUERY_NEXT        16U /* if no vma covers the address, the next one */
#define QUERY_FILE_BACKED 32U
#define QUERY_KNOWN       63U
_Static_assert(sizeof(struct procmap_query) == 104, "as Linux's");

/* The query on its way through the vmas, and the name of the one that was found. */
struct query {
	struct procmap_query q;
	bool found;
	char name[PATH_MAX];
};

static unsigned query_bits(const struct vma *v)
{
	return v->prot | (v->flags & VMA_SHARED ? QUERY_VMA_SHARED : 0);
}

static bool query_matches(const struct procmap_query *q, const struct vma *v)
{
	bool wanted = !(q->query_flags & QUERY_VMA_BITS & ~query_bits(v));

	return wanted && (!(q->query_flags & QUERY_FILE_BACKED) || v->source);
}

/* Stops at the vma that answers, or where none can any more. */
static int query_vma(const struct vma *v, void *arg)
{
	struct query *x = arg;
	struct procmap_query *q = &x->q;
	struct source_id id = { 0 };
	bool next = q->query_flags & QUERY_NEXT;

	if (v->end.v <= q->query_addr || (next && !query_matches(q, v)))
		return 0;
	if (!query_matches(q, v) || (!next && v->start.v > q->query_addr))
		return 1;
	x->found = true;
	if (v->source)
		pagesource_identify(v->source, &id);
	q->vma_start = v->start.v;
	q->vma_end = v->end.v;
	q->vma_flags = query_bits(v);
	q->vma_page_size = PAGE_SIZE;
	q->vma_offset = v->source ? v->offset : 0;
	q->inode = id.ino;
	q->dev_major = id.major;
	q->dev_minor = id.minor;
	snprintf(x->name, sizeof x->name, "%s", v->name ? v->name : "");
	return 1;
}

/* copy_struct_from_user(): what the guest knows more than we must be zero. */
static int query_fetch(struct mm *mm, uint64_t arg, struct procmap_query *q)
{
	uint8_t raw[QUERY_SIZE_MAX] = { 0 };
	uint64_t size;

	if (copy_from_guest(mm, &size, GVA(arg), sizeof size))
		return -EFAULT;
	if (size > QUERY_SIZE_MAX)
		return -E2BIG;
	if (size < QUERY_SIZE_MIN)
		return -EINVAL;
	if (copy_from_guest(mm, raw, GVA(arg), size))
		return -EFAULT;
	for (size_t i = sizeof *q; i < size; i++) {
		if (raw[i])
			return -E2BIG;
	}
	memcpy(q, raw, sizeof *q);
	q->size = size;
	if (q->query_flags & ~(uint64_t)QUERY_KNOWN || !q->vma_name_size != !q->vma_name_addr ||
	    !q->build_id_size != !q->build_id_addr)
		return -EINVAL;
	return 0;
}

static int query_put(struct mm *mm, uint64_t arg, struct query *x)
{
	struct procmap_query *q = &x->q;
	size_t len = x->name[0] ? strlen(x->name) + 1 : 0;

	if (q->vma_name_size && len > q->vma_name_size)
		return -ENAMETOOLONG;
	q->vma_name_size = q->vma_name_size ? (uint32_t)len : 0;
	q->build_id_size = 0; /* none is looked for */
	if (q->vma_name_size && copy_to_guest(mm, GVA(q->vma_name_addr), x->name, len))
		return -EFAULT;
	return copy_to_guest(mm, GVA(arg), q, q->size < sizeof *q ? q->size : sizeof *q) ? -EFAULT
											 : 0;
}

int64_t proc_maps_ioctl(struct pseudo_node *n, struct caller *c, struct mm *caller_mm, unsigned cmd,
			uint64_t arg)
{
	struct query x = { 0 };

	if (cmd != PROCMAP_QUERY)
		return -ENOTTY;
	int err = query_fetch(caller_mm, arg, &x.q);
	struct mm *mm = err ? NULL : proc_mm(n);
	if (!mm)
		return err ? err : -ESRCH;
	err = each_visible_vma(mm, c, query_vma, &x);
	mm_put(mm);
	if (err)
		return err;
	return x.found ? query_put(caller_mm, arg, &x) : -ENOENT;
}

/* ---- mem: the address space as a file, without regard to page rights (proc(5)) ---- */

static const struct file_ops mem_ops;

/* The space may end before the file does: from then on there is nothing to read. */
struct mem_file {
	struct file file;
	struct sandbox *sb;
	struct pid *pid; /* reference */
	struct mm *mm;   /* a pin; NULL: in a copy of one whose space had gone */
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
	mutex_lock(&f->pos_lock);
	uint64_t at = (uint64_t)(pos ? *pos : f->pos);
	while (u->resid) {
		size_t n = PAGE_SIZE - (at & ~PAGE_MASK);
		n = n < u->resid ? n : u->resid;
		if (write) {
			n = uio_take(u, buf, n);
			n -= n ? poke_guest(mm, GVA(at), buf, n) : 0;
		} else {
			n -= peek_guest(mm, buf, GVA(at), n);
			n = n ? uio_put(u, buf, n) : 0;
		}
		if (!n)
			break;
		at += n;
		done += (ssize_t)n;
	}
	*(pos ? pos : &f->pos) = (int64_t)at;
	mutex_unlock(&f->pos_lock);
	return done || !u->resid ? done : -EIO;
}

/* A reference; NULL: the process has ended, or runs another program. */
static struct mm *mem_space(struct mem_file *m)
{
	sandbox_lock(m->sb);
	struct task *t = proc_task_of(m->pid);
	struct mm *mm = t && m->mm && t->mm == m->mm ? mm_get(t->mm) : NULL;
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
	mutex_lock(&f->pos_lock);
	f->pos = whence == 1 ? f->pos + off : off;
	int64_t r = f->pos;
	mutex_unlock(&f->pos_lock);
	return r;
}

static void mem_release(struct file *f)
{
	struct mem_file *m = mem_of(f);
	if (m->mm)
		mm_unpin(m->mm);
	pid_put(m->pid);
	free(m);
}

static const char *mem_refused(struct saver *s, void *object)
{
	return file_by_path.refused(s, object);
}

/* The process may have ended, or run another program. */
static int mem_save(struct saver *s, void *object)
{
	struct mm *mm = mem_space(mem_of(object));

	encode(&s->out, mm != NULL);
	if (mm)
		mm_put(mm);
	return file_by_path.save(s, object);
}

static int mem_load(struct loader *l, void **out)
{
	bool has_space = decode_bool(&l->in);
	int err = file_by_path.load(l, out);

	if (!err && !has_space && ((struct file *)*out)->ops == &mem_ops) {
		struct mem_file *m = mem_of(*out);
		if (m->mm)
			mm_unpin(m->mm);
		m->mm = NULL;
	}
	return err;
}

const struct saved_kind proc_mem_saved = {
	.name = "memory of a process",
	.save = mem_save,
	.load = mem_load,
	.put = file_saved_put,
	.refused = mem_refused,
};

static const struct file_ops mem_ops = {
	.saved = &proc_mem_saved,
	.read = mem_read,
	.write = mem_write,
	.lseek = mem_lseek,
	.release = mem_release,
};

int proc_mem_open(struct pseudo_node *n, struct caller *c, int flags, struct file **out)
{
	int err = proc_check_inspect(n, c);
	if (err && c->task)
		return err;
	struct mm *mm = proc_mm(n);
	if (!mm && c->task)
		return -ENOENT;
	struct mem_file *m = calloc(1, sizeof *m);
	if (m)
		*m = (struct mem_file){ .sb = n->sb,
					.pid = pid_get(n->pid),
					.mm = mm ? mm_pin(mm) : NULL };
	if (mm)
		mm_put(mm);
	if (!m)
		return -ENOMEM;
	file_init(&m->file, &mem_ops, (unsigned)flags);
	*out = &m->file;
	return 0;
}
