/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes a core file. All that stands before the memory is made in the monitor's own first: one
 * header for the notes, one for each mapping, the notes. Memory follows in pieces; pages of zeroes
 * and such as never were stay holes in the file, and do not count for its limit. A killed process
 * leaves what has been written so far.
 */
#include "kernel/elfcore.h"

#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>

#include "arch/corefile.h"
#include "arch/machine.h"
#include "cred/cred.h"
#include "cred/user_ns.h"
#include "fs/file.h"
#include "kernel/coredump.h"
#include "kernel/process.h"
#include "kernel/sandbox.h"
#include "kernel/task.h"
#include "mm/access.h"
#include "mm/dump.h"
#include "mm/maps.h"
#include "mm/vma.h"
#include "util/minmax.h"
#include "util/text.h"
#include "util/time.h"

#define PIECE (64UL << 10)

/* Linux's elf_prstatus and elf_prpsinfo (linux/elfcore.h). */
struct status_note_abi {
	int32_t signo, code, error;
	int16_t cursig;
	uint64_t sigpend, sighold;
	int32_t pid, ppid, pgrp, sid;
	struct timeval utime, stime, cutime, cstime;
	uint64_t reg[COREFILE_REGS];
	int32_t fpvalid;
};
_Static_assert(offsetof(struct status_note_abi, reg) == 112, "struct elf_prstatus");

struct process_note_abi {
	char state, sname, zombie, nice;
	uint64_t flag;
	uint32_t uid, gid;
	int32_t pid, ppid, pgrp, sid;
	char fname[TASK_COMM_LEN], psargs[80];
};
_Static_assert(sizeof(struct process_note_abi) == 136, "struct elf_prpsinfo");

struct core {
	struct task *t;
	const siginfo_t *info;
	struct text head, notes;
	/* of the file */
	const struct core_sink *to;
	uint64_t limit, written; /* bytes; holes do not count */
	int err;                 /* why it ends early */
	int64_t pos, end;        /* where it goes on; what was written last ends there */
};

/* ---- notes ---- */

static void put_padded(struct text *out, const void *bytes, size_t n)
{
	text_put(out, bytes, n);
	while (out->len % 4 && !out->failed)
		text_putc(out, 0);
}

static void put_note(struct core *k, const char *name, uint32_t type, const void *desc, size_t size)
{
	const Elf64_Nhdr head = {
		.n_namesz = (uint32_t)strlen(name) + 1,
		.n_descsz = (uint32_t)size,
		.n_type = type,
	};

	put_padded(&k->notes, &head, sizeof head);
	put_padded(&k->notes, name, head.n_namesz);
	put_padded(&k->notes, desc, size);
}

static pid_t number_of(const struct pid *pid)
{
	return pid ? pid_nr(pid, pid->ns) : 0;
}

/* The leader's time is that of the process. */
static void times_used(struct task *o, struct rusage_sum *used)
{
	if (o->pid == o->process->pid) {
		process_rusage(o->process, used);
		return;
	}
	mutex_lock(&o->process->threads_lock);
	task_rusage(o, used);
	mutex_unlock(&o->process->threads_lock);
}

static void put_status(struct core *k, struct task *o)
{
	const struct process *p = o->process;
	struct status_note_abi s = { 0 };
	struct cpu_regs regs = { 0 };
	bool in_call = o->event.kind == EVENT_SYSCALL;
	struct rusage_sum used = { 0 };

	times_used(o, &used);
	s.utime = ns_to_timeval(used.utime_ns);
	s.stime = ns_to_timeval(used.stime_ns);
	s.signo = k->info->si_signo; /* and no more of it: NT_SIGINFO has the rest */
	s.cursig = (int16_t)s.signo;
	sandbox_lock(o->sb);
	s.sigpend = o->pending.set;
	s.sighold = o->blocked;
	s.pid = o->tid;
	s.ppid = p->parent ? pid_nr(p->parent->pid, p->pid->ns) : 0;
	s.pgrp = number_of(p->pgrp);
	s.sid = number_of(p->session);
	s.cutime = ns_to_timeval(p->children_sum.utime_ns);
	s.cstime = ns_to_timeval(p->children_sum.stime_ns);
	sandbox_unlock(o->sb);
	(void)o->sb->platform->regs_get(o->context, &regs);
	corefile_regs(&regs, in_call ? &o->event.syscall.nr : NULL, s.reg);
	s.fpvalid = 1;
	put_note(k, "CORE", NT_PRSTATUS, &s, sizeof s);
}

static void put_fp(struct core *k, struct task *o)
{
	const struct platform *pf = o->sb->platform;
	struct corefile_note notes[COREFILE_FP_NOTES];
	uint64_t features;
	size_t size = pf->fp_size(o->sb->machine, &features);
	void *fp = calloc(1, size);

	if (!fp || pf->fp_get(o->context, fp, size)) {
		k->notes.failed = true;
		free(fp);
		return;
	}
	unsigned n = corefile_fp(fp, size, features, notes);
	for (unsigned i = 0; i < n; i++)
		put_note(k, notes[i].name, notes[i].type, fp, notes[i].size);
	free(fp);
}

static void put_layout(struct core *k)
{
	const struct sandbox *sb = k->t->sb;
	struct corefile_part parts[COREFILE_PARTS];
	uint64_t features;

	(void)sb->platform->fp_size(sb->machine, &features);
	unsigned n = corefile_layout(features, parts);
	if (n)
		put_note(k, "LINUX", COREFILE_LAYOUT_NOTE, parts, n * sizeof parts[0]);
}

/* The arguments with blanks between them. */
static void put_arguments(struct task *t, char *out, size_t size)
{
	size_t n = min64(gva_diff(t->mm->arg_end, t->mm->arg_start), size - 1);

	n -= copy_from_guest(t->mm, out, t->mm->arg_start, n);
	for (size_t i = 0; i < n; i++)
		out[i] = out[i] ? out[i] : ' ';
}

/* What Linux says of a leader's state, as ps(1) has it: the one that dies runs, others wait for it
 * and cannot be killed. */
enum { STATE_RUNNING = 0, STATE_UNINTERRUPTIBLE = 2 };

static void put_process(struct core *k)
{
	struct task *t = k->t;
	const struct process *p = t->process;
	const struct task *leader = p->leader ? p->leader : t;
	struct process_note_abi s = { .state = STATE_RUNNING, .sname = 'R' };

	put_arguments(t, s.psargs, sizeof s.psargs);
	sandbox_lock(t->sb);
	if (leader != t) {
		s.state = STATE_UNINTERRUPTIBLE;
		s.sname = 'D';
	}
	s.nice = (char)leader->sched.nice;
	s.flag = p->did_exec ? 0 : PROCESS_FORKNOEXEC;
	s.uid = from_kuid_munged(task_user_ns(leader), leader->cred->uid);
	s.gid = from_kgid_munged(task_user_ns(leader), leader->cred->gid);
	s.pid = pid_nr(p->pid, p->pid->ns);
	s.ppid = p->parent ? pid_nr(p->parent->pid, p->pid->ns) : 0;
	s.pgrp = number_of(p->pgrp);
	s.sid = number_of(p->session);
	memcpy(s.fname, leader->comm, sizeof s.fname);
	sandbox_unlock(t->sb);
	put_note(k, "CORE", NT_PRPSINFO, &s, sizeof s);
}

/* ---- which files are mapped: NT_FILE ---- */

struct mapped_files {
	struct text places, names;
	uint64_t count;
	char root[PATH_MAX];
};

static int put_mapped_file(const struct vma *v, void *arg)
{
	struct mapped_files *m = arg;
	const uint64_t place[] = { v->start.v, v->end.v, v->offset / PAGE_SIZE };

	if (!v->source || !v->name || v->flags & VMA_SPECIAL)
		return 0;
	const char *name = path_below(v->name, m->root);
	name = name ? name : v->name;
	text_put(&m->places, (const char *)place, sizeof place);
	text_put(&m->names, name, strlen(name) + 1);
	m->count++;
	return 0;
}

static void put_files(struct core *k)
{
	struct mapped_files m = { 0 };
	struct text note = { 0 };

	if (fs_struct_root_name(k->t->fs, m.root, sizeof m.root) < 0)
		strcpy(m.root, "/");
	mm_for_each_vma(k->t->mm, put_mapped_file, &m);
	const uint64_t head[] = { m.count, PAGE_SIZE };
	text_put(&note, (const char *)head, sizeof head);
	text_put(&note, text_str(&m.places), m.places.len);
	text_put(&note, text_str(&m.names), m.names.len);
	if (m.places.failed || m.names.failed || note.failed)
		k->notes.failed = true;
	else if (m.count)
		put_note(k, "CORE", NT_FILE, note.buf, note.len);
	text_free(&m.places);
	text_free(&m.names);
	text_free(&note);
}

/* Those that stand still, and do so until the dump is over: a platform is asked about them with no
 * lock held. To be freed; NULL: no memory. */
static size_t other_threads(struct task *t, struct task ***out)
{
	struct task *o;
	size_t n = 0;

	sandbox_lock(t->sb);
	*out = malloc((size_t)t->process->nr_tasks * sizeof **out);
	list_for_each (o, &t->process->tasks, process_node) {
		if (*out && o->in_core)
			(*out)[n++] = o;
	}
	sandbox_unlock(t->sb);
	return n;
}

/* The thread that died comes first, and what is the process's own between its status and its
 * extended state; the layout of all extended states is last. */
static bool put_notes(struct core *k)
{
	struct task *t = k->t, **others;
	size_t n = other_threads(t, &others);

	put_status(k, t);
	put_process(k);
	put_note(k, "CORE", NT_SIGINFO, k->info, sizeof *k->info);
	put_note(k, "CORE", NT_AUXV, t->mm->auxv, t->mm->auxv_len * sizeof t->mm->auxv[0]);
	put_files(k);
	put_fp(k, t);
	for (size_t i = 0; i < n && k->notes.len <= CORE_NOTES_MAX; i++) {
		put_status(k, others[i]);
		put_fp(k, others[i]);
	}
	put_layout(k);
	free(others);
	return others && !k->notes.failed && k->notes.len <= CORE_NOTES_MAX;
}

/* ---- headers ---- */

static uint32_t rights(unsigned prot)
{
	return (prot & PROT_READ ? PF_R : 0U) | (prot & PROT_WRITE ? PF_W : 0U) |
	       (prot & PROT_EXEC ? PF_X : 0U);
}

static int put_segment(const struct vma *v, void *arg)
{
	struct core *k = arg;
	const Elf64_Phdr p = {
		.p_type = PT_LOAD,
		.p_flags = rights(v->prot),
		.p_vaddr = v->start.v,
		.p_filesz = vma_dump_size(v, k->t->process->coredump_filter),
		.p_memsz = vma_len(v),
		.p_align = PAGE_SIZE,
	};

	text_put(&k->head, (const char *)&p, sizeof p);
	return 0;
}

static Elf64_Phdr *segments(const struct core *k, size_t *n)
{
	*n = (k->head.len - sizeof(Elf64_Ehdr)) / sizeof(Elf64_Phdr);
	return (Elf64_Phdr *)(void *)(k->head.buf + sizeof(Elf64_Ehdr));
}

/* What was not known when the headers were made: how many there are, and where all lies. */
static void place_segments(struct core *k)
{
	size_t n;
	Elf64_Phdr *p = segments(k, &n);
	uint64_t at = PAGE_UP(k->head.len + k->notes.len);

	((Elf64_Ehdr *)(void *)k->head.buf)->e_phnum = (uint16_t)n;
	p[0].p_offset = k->head.len;
	p[0].p_filesz = k->notes.len;
	for (size_t i = 1; i < n; i++) {
		p[i].p_offset = at;
		at += p[i].p_filesz;
	}
}

/* There are fewer mappings than e_phnum can tell. */
_Static_assert(VMA_MAX_COUNT + 2 < PN_XNUM, "no second count of program headers");

static bool put_head(struct core *k)
{
	const Elf64_Ehdr e = {
		.e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB,
			     EV_CURRENT, ELFOSABI_NONE },
		.e_type = ET_CORE,
		.e_machine = ARCH_ELF_MACHINE,
		.e_version = EV_CURRENT,
		.e_phoff = sizeof e,
		.e_ehsize = sizeof e,
		.e_phentsize = sizeof(Elf64_Phdr),
	};
	const Elf64_Phdr notes = { .p_type = PT_NOTE, .p_align = 4 };

	text_put(&k->head, (const char *)&e, sizeof e);
	text_put(&k->head, (const char *)&notes, sizeof notes);
	mm_for_each_vma(k->t->mm, put_segment, k);
	if (k->head.failed)
		return false;
	place_segments(k);
	return true;
}

/* ---- the file ---- */

/* False: the limit, the file system or a SIGKILL ends it here. */
static bool emit(struct core *k, void *bytes, size_t n)
{
	struct uio u;

	if (sleeper_killed(&k->t->sleeper)) {
		k->err = -EINTR;
		return false;
	}
	if (!k->to->file) {
		k->err = k->to->store->write(k->to->out, bytes, n, (uint64_t)k->pos);
		k->end = k->pos += (int64_t)n;
		return !k->err;
	}
	size_t fits = min64(n, k->limit - k->written);
	uio_init_kernel(&u, bytes, fits);
	ssize_t done = file_write(k->to->file, k->to->caller, &u, &k->pos);
	k->written += done > 0 ? (uint64_t)done : 0;
	k->end = k->pos;
	k->err = done == (ssize_t)n ? 0 : -EFBIG;
	return !k->err;
}

static bool is_zero(const char *p, size_t n)
{
	return !p[0] && !memcmp(p, p + 1, n - 1);
}

/* The pages of a piece that have something in them, each run of them at once. */
static bool emit_pages(struct core *k, char *bytes, size_t n)
{
	size_t from, to = 0;

	while (to < n) {
		for (from = to; from < n && is_zero(bytes + from, PAGE_SIZE); from += PAGE_SIZE)
			k->pos += (int64_t)PAGE_SIZE;
		for (to = from; to < n && !is_zero(bytes + to, PAGE_SIZE); to += PAGE_SIZE)
			;
		size_t fits = min64(to - from, PAGE_DOWN(k->limit - k->written));
		if (fits && !emit(k, bytes + from, fits))
			return false;
		if (fits < to - from)
			return false;
	}
	return true;
}

static bool emit_segment(struct core *k, const Elf64_Phdr *p, char *piece)
{
	gva_t at = GVA(p->p_vaddr), end = gva_add(at, p->p_filesz);
	size_t n;

	while ((n = mm_dump(k->t->mm, &at, end, piece, PIECE)) > 0) {
		k->pos = (int64_t)(p->p_offset + gva_diff(at, GVA(p->p_vaddr)));
		if (!emit_pages(k, piece, n))
			return false;
		at = gva_add(at, n);
	}
	return true;
}

static bool emit_memory(struct core *k)
{
	size_t n;
	const Elf64_Phdr *p = segments(k, &n);
	int64_t end = (int64_t)(p[n - 1].p_offset + p[n - 1].p_filesz);
	char *piece = malloc(PIECE), last = 0;
	bool go_on = piece;

	if (!piece)
		k->err = -ENOMEM;

	for (size_t i = 1; i < n && go_on; i++)
		go_on = emit_segment(k, &p[i], piece);
	free(piece);
	/* A hole at the end has to be there, or the file looks cut short. */
	if (go_on && k->end < end) {
		k->pos = end - 1;
		go_on = emit(k, &last, 1);
	}
	return go_on;
}

int elfcore_write(struct task *t, const siginfo_t *info, const struct core_sink *to)
{
	struct core k = { .t = t, .info = info, .to = to, .limit = to->limit };
	bool made = put_notes(&k) && put_head(&k);

	if (made && emit(&k, k.head.buf, k.head.len) && emit(&k, k.notes.buf, k.notes.len))
		(void)emit_memory(&k);
	text_free(&k.head);
	text_free(&k.notes);
	return made ? k.err : -ENOMEM;
}
