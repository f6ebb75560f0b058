/* SPDX-License-Identifier: Apache-2.0 */
/* /proc/PID/smaps, smaps_rollup, pagemap and clear_refs: what of an address space is in memory. */
#include <errno.h>
#include <linux/mempolicy.h>
#include <string.h>
#include <sys/mman.h>

#include "kernel/sandbox.h"
#include "kernel/task.h"
#include "mm/usage.h"
#include "mm/vma.h"
#include "proc/proc.h"

static void kb(struct text *out, const char *name, uint64_t bytes)
{
	text_printf(out, "%-16s%8lu kB\n", name, bytes / 1024);
}

/* Nothing is swapped, merged or huge here: the host may do so behind the arena, and does not say
 * where. */
static void put_usage(struct text *out, const struct mm_usage *u, uint64_t locked, bool rollup)
{
	uint64_t resident = mm_usage_resident(u);

	kb(out, "Rss:", resident);
	kb(out, "Pss:", mm_usage_pss(u));
	kb(out, "Pss_Dirty:", u->pss_dirty);
	if (rollup) {
		kb(out, "Pss_Anon:", u->pss_anon);
		kb(out, "Pss_File:", u->pss_file);
		kb(out, "Pss_Shmem:", u->pss_shmem);
	}
	kb(out, "Shared_Clean:", u->shared_clean);
	kb(out, "Shared_Dirty:", u->shared_dirty);
	kb(out, "Private_Clean:", u->private_clean);
	kb(out, "Private_Dirty:", u->private_dirty);
	kb(out, "Referenced:", resident);
	kb(out, "Anonymous:", u->anon);
	kb(out, "KSM:", 0);
	kb(out, "LazyFree:", 0);
	kb(out, "AnonHugePages:", 0);
	kb(out, "ShmemPmdMapped:", 0);
	kb(out, "FilePmdMapped:", 0);
	kb(out, "Shared_Hugetlb:", 0);
	kb(out, "Private_Hugetlb:", 0);
	kb(out, "Swap:", 0);
	kb(out, "SwapPss:", 0);
	kb(out, "Locked:", locked);
}

/* ---- smaps ---- */

static const struct {
	unsigned prot, flags; /* all of them */
	const char *name;     /* proc_pid_smaps(5) */
} flag_names[] = {
	{ PROT_READ, 0, "rd" },
	{ PROT_WRITE, 0, "wr" },
	{ PROT_EXEC, 0, "ex" },
	{ 0, VMA_SHARED, "sh" },
	{ 0, 0, "mr" },
	{ 0, VMA_MAYWRITE, "mw" },
	{ 0, VMA_MAYEXEC, "me" },
	{ 0, VMA_SHARED, "ms" },
	{ 0, VMA_GROWSDOWN, "gd" },
	{ 0, VMA_LOCKED, "lo" },
	{ 0, VMA_DONTFORK, "dc" },
	{ 0, VMA_NORESERVE, "nr" },
	{ 0, VMA_WIPEONFORK, "wf" },
	{ 0, VMA_DONTDUMP, "dd" },
	{ 0, VMA_SEALED, "sl" },
};

static void put_flags(struct text *out, const struct vma *v)
{
	text_puts(out, "VmFlags: ");
	if (v->start.v >= GUEST_TASK_SIZE) {
		text_puts(out, "ex \n");
		return;
	}
	for (size_t i = 0; i < sizeof flag_names / sizeof flag_names[0]; i++) {
		if ((v->prot & flag_names[i].prot) == flag_names[i].prot &&
		    (v->flags & flag_names[i].flags) == flag_names[i].flags)
			text_printf(out, "%s ", flag_names[i].name);
	}
	text_putc(out, '\n');
}

static int smap_block(const struct vma *v, void *arg)
{
	struct text *out = arg;
	struct mm_usage u = { 0 };

	if (v->start.v < GUEST_TASK_SIZE)
		mm_usage_add(v, &u);
	proc_put_vma(out, v);
	kb(out, "Size:", vma_len(v));
	kb(out, "KernelPageSize:", PAGE_SIZE);
	kb(out, "MMUPageSize:", PAGE_SIZE);
	put_usage(out, &u, v->flags & VMA_LOCKED ? mm_usage_pss(&u) : 0, false);
	text_puts(out, "THPeligible:           0\n");
	put_flags(out, v);
	return 0;
}

int proc_show_smaps(struct pseudo_node *n, struct caller *c, struct text *out)
{
	return proc_each_vma(n, c, smap_block, out, true);
}

/* ---- smaps_rollup ---- */

struct rollup {
	gva_t start, end;
	uint64_t locked;
	struct mm_usage sum;
};

static int rollup_add(const struct vma *v, void *arg)
{
	struct rollup *r = arg;
	uint64_t before = mm_usage_pss(&r->sum);

	mm_usage_add(v, &r->sum);
	if (v->flags & VMA_LOCKED)
		r->locked += mm_usage_pss(&r->sum) - before;
	if (!r->end.v)
		r->start = v->start;
	r->end = v->end;
	return 0;
}

int proc_show_smaps_rollup(struct pseudo_node *n, struct caller *c, struct text *out)
{
	struct rollup r = { 0 };
	int err = proc_each_vma(n, c, rollup_add, &r, false);

	if (err || !r.end.v)
		return err ? err : -ESRCH;
	size_t line = out->len;
	text_printf(out, "%08lx-%08lx ---p 00000000 00:00 0 ", r.start.v, r.end.v);
	proc_put_map_name(out, line, "[rollup]");
	text_putc(out, '\n');
	put_usage(out, &r.sum, r.locked, true);
	return 0;
}

/* ---- numa_maps ---- */

/* mpol_to_str() */
static void put_policy(struct text *out, const struct mempolicy *p)
{
	static const char *const modes[] = {
		"default",
		"prefer",
		"bind",
		"interleave",
		"local",
		"prefer (many)",
		"weighted interleave",
	};
	unsigned mode = p->mode & ~(unsigned)MPOL_MODE_FLAGS;
	const char *between = "=";

	text_puts(out, mode < sizeof modes / sizeof modes[0] ? modes[mode] : "unknown");
	if (p->mode & (MPOL_F_STATIC_NODES | MPOL_F_RELATIVE_NODES)) {
		text_puts(out, p->mode & MPOL_F_STATIC_NODES ? "=static" : "=relative");
		between = "|";
	}
	if (p->mode & MPOL_F_NUMA_BALANCING)
		text_printf(out, "%sbalancing", between);
	if (p->nodes)
		text_puts(out, ":0");
}

/* The lines, and the policy of memory that has none of its own. */
struct numa_lines {
	struct text *out;
	struct mempolicy of_task;
};

static void pages_of(struct text *out, const char *name, uint64_t bytes)
{
	if (bytes)
		text_printf(out, " %s=%lu", name, bytes / PAGE_SIZE);
}

static int numa_line(const struct vma *v, void *arg)
{
	struct numa_lines *l = arg;
	struct mm_usage u = { 0 };

	mm_usage_add(v, &u);
	uint64_t all = mm_usage_resident(&u), dirty = u.private_dirty + u.shared_dirty;
	text_printf(l->out, "%08lx ", v->start.v);
	put_policy(l->out, v->policy.mode ? &v->policy : &l->of_task);
	if (v->source && v->name) {
		text_puts(l->out, " file=");
		proc_put_escaped(l->out, v->name, " \t\n=");
	} else if (v->name && (!strcmp(v->name, "[heap]") || !strcmp(v->name, "[stack]"))) {
		text_printf(l->out, " %.*s", (int)strlen(v->name) - 2, v->name + 1);
	}
	pages_of(l->out, "anon", u.anon);
	pages_of(l->out, "dirty", dirty);
	if (all != u.anon && all != dirty)
		pages_of(l->out, "mapped", all);
	pages_of(l->out, "N0", all);
	text_puts(l->out, all ? " kernelpagesize_kB=4\n" : "\n");
	return 0;
}

int proc_show_numa_maps(struct pseudo_node *n, struct caller *c, struct text *out)
{
	struct numa_lines l = { .out = out };

	sandbox_lock(n->sb);
	struct task *t = proc_task_of(n->pid);
	if (t)
		l.of_task = t->mempolicy;
	sandbox_unlock(n->sb);
	return proc_each_vma(n, c, numa_line, &l, false);
}

/* ---- pagemap ---- */

#define PAGEMAP_CHUNK 512UL

ssize_t proc_read_pagemap(struct pseudo_node *n, struct caller *c, struct uio *u, int64_t pos)
{
	uint64_t entries[PAGEMAP_CHUNK];
	size_t want = u->resid / sizeof entries[0], done = 0;

	if (pos % (int64_t)sizeof entries[0] || u->resid % sizeof entries[0])
		return -EINVAL;
	struct mm *mm = proc_mm(n);
	if (!mm)
		return 0;
	uint64_t at = (uint64_t)pos / sizeof entries[0], last = mm_end(mm).v / PAGE_SIZE;
	while (want && at < last) {
		size_t k = want < PAGEMAP_CHUNK ? want : PAGEMAP_CHUNK;
		k = k < last - at ? k : last - at;
		mm_pagemap(mm, GVA(at * PAGE_SIZE), k, entries);
		size_t put = uio_put(u, entries, k * sizeof entries[0]);
		done += put;
		if (put < k * sizeof entries[0])
			break;
		at += k;
		want -= k;
	}
	mm_put(mm);
	return done || !u->resid || at >= last ? (ssize_t)done : -EFAULT;
}

/* ---- clear_refs ---- */

/* "5" forgets the peak of the resident set. "4" resets soft-dirty bits: as in a kernel without
 * CONFIG_MEM_SOFT_DIRTY there are none, in pagemap either. "1" to "3" reset accessed bits, which
 * smaps shows: nobody sees what a guest has touched since, so these are refused. */
int proc_store_clear_refs(struct pseudo_node *n, struct caller *c, char *text)
{
	int64_t v;
	int err = pseudo_parse(pseudo_strip(text), 10, INT32_MIN, INT32_MAX, &v);

	if (err || (v != 4 && v != 5))
		return err ? err : -EINVAL;
	struct mm *mm = proc_mm(n);
	if (!mm)
		return -ESRCH;
	if (v == 5)
		mm->peak_resident = (uint64_t)mm->resident;
	mm_put(mm);
	return 0;
}
