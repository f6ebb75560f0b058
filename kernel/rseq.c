/* SPDX-License-Identifier: Apache-2.0 */
/*
 * This file keeps the CPU numbers in a thread's rseq area up to date and sends it to the abort
 * handler of a critical section it was taken out of (rseq(2), kernel/rseq.c of Linux). A bad
 * description of a section is answered by SIGSEGV, as there.
 */
#include "kernel/rseq.h"

#include <errno.h>
#include <sched.h>
#include <stddef.h>

#include "kernel/process.h"
#include "kernel/rseq_cpu.h"
#include "kernel/sandbox.h"
#include "kernel/signal.h"
#include "kernel/task.h"
#include "mm/access.h"

/* The guest's area; the first 32 bytes are in every version. */
struct rseq_area {
	uint32_t cpu_id_start, cpu_id;
	uint64_t rseq_cs;
	uint32_t flags, node_id, mm_cid, end;
};
_Static_assert(sizeof(struct rseq_area) == 32, "struct rseq");
_Static_assert(offsetof(struct rseq_area, node_id) == 20, "struct rseq");

struct rseq_section {
	uint32_t version, flags;
	uint64_t start_ip, post_commit_offset, abort_ip;
};
_Static_assert(sizeof(struct rseq_section) == 32, "struct rseq_cs");

#define CPU_ID_UNINITIALIZED 0xffffffffU

static int write_field(struct task *t, size_t offset, const void *src, size_t n)
{
	return copy_to_guest(t->mm, gva_add(t->rseq, offset), src, n) ? -EFAULT : 0;
}

static int write_cpu(struct task *t, uint32_t start, uint32_t id, uint32_t node, uint32_t cid)
{
	const uint32_t cpu[2] = { start, id }, place[2] = { node, cid };
	int err = write_field(t, 0, cpu, sizeof cpu);

	return err ? err : write_field(t, offsetof(struct rseq_area, node_id), place, sizeof place);
}

/* ---- rseq(2) ---- */

int rseq_register(struct task *t, gva_t addr, uint32_t len, uint32_t sig)
{
	const uint64_t none = 0;

	if (t->rseq.v) {
		if (t->rseq.v != addr.v || t->rseq_len != len)
			return -EINVAL;
		return t->rseq_sig != sig ? -EPERM : -EBUSY;
	}
	if (len < sizeof(struct rseq_area) || addr.v % sizeof(struct rseq_area))
		return -EINVAL;
	if (!gva_range_ok(addr, len))
		return -EFAULT;
	t->rseq = addr;
	if (write_field(t, offsetof(struct rseq_area, rseq_cs), &none, sizeof none)) {
		t->rseq = GVA_NULL;
		return -EFAULT;
	}
	t->rseq_len = len;
	t->rseq_sig = sig;
	t->rseq_cpu = -1;
	return 0;
}

int rseq_unregister(struct task *t, gva_t addr, uint32_t len, uint32_t sig)
{
	if (!t->rseq.v || t->rseq.v != addr.v || t->rseq_len != len)
		return -EINVAL;
	if (t->rseq_sig != sig)
		return -EPERM;
	int err = write_cpu(t, 0, CPU_ID_UNINITIALIZED, 0, 0);
	if (err)
		return err;
	t->rseq = GVA_NULL;
	t->rseq_len = t->rseq_sig = 0;
	return 0;
}

/* ---- critical sections ---- */

/* A section must lie in the user half, and its abort handler outside of it, behind the agreed
 * signature. */
static bool section_ok(struct task *t, const struct rseq_section *s)
{
	uint64_t end = s->start_ip + s->post_commit_offset;
	uint32_t sig;

	if (s->version || s->flags || end < s->start_ip || end >= GUEST_TASK_SIZE ||
	    s->abort_ip >= GUEST_TASK_SIZE)
		return false;
	if (s->abort_ip - s->start_ip < s->post_commit_offset)
		return false;
	return !copy_from_guest(t->mm, &sig, GVA(s->abort_ip - sizeof sig), sizeof sig) &&
	       sig == t->rseq_sig;
}

static int section_address(struct task *t, gva_t *addr)
{
	gva_t at = gva_add(t->rseq, offsetof(struct rseq_area, rseq_cs));

	return copy_from_guest(t->mm, addr, at, sizeof *addr) ? -EFAULT : 0;
}

static bool has_siblings(struct task *t)
{
	sandbox_lock(t->sb);
	bool any = t->process->nr_tasks > 1;
	sandbox_unlock(t->sb);
	return any;
}

/* 1: `ip` was in a section and goes to its abort handler; 0: it was not; -EFAULT, -EINVAL: the
 * guest made a mess. */
static int leave_section(struct task *t, uint64_t *ip)
{
	const uint64_t none = 0;
	struct rseq_section s;
	gva_t addr;

	if (section_address(t, &addr))
		return -EFAULT;
	if (!addr.v)
		return 0;
	if (has_siblings(t))
		rseq_cpu_need(t);
	if (copy_from_guest(t->mm, &s, addr, sizeof s))
		return -EFAULT;
	if (!section_ok(t, &s))
		return -EINVAL;
	if (write_field(t, offsetof(struct rseq_area, rseq_cs), &none, sizeof none))
		return -EFAULT;
	if (*ip - s.start_ip >= s.post_commit_offset)
		return 0;
	*ip = s.abort_ip;
	return 1;
}

static void punish(struct task *t)
{
	siginfo_t si;

	siginfo_kernel(&si, SIGSEGV, SI_KERNEL);
	signal_force(t, SIGSEGV, &si);
}

int rseq_signal(struct task *t, struct cpu_regs *regs)
{
	uint64_t ip = regs_ip(regs);
	int r = t->rseq.v ? leave_section(t, &ip) : 0;

	if (r > 0)
		regs_set_ip(regs, ip);

	return r < 0 ? r : 0;
}

static void abort_section(struct task *t)
{
	const struct platform *pf = t->sb->platform;
	struct cpu_regs regs;
	int r = pf->regs_get(t->context, &regs);

	uint64_t ip = regs_ip(&regs);

	if (r == 0)
		r = leave_section(t, &ip);
	if (r > 0) {
		regs_set_ip(&regs, ip);
		r = pf->regs_set(t->context, &regs);
	}
	if (r < 0)
		punish(t);
}

static void update_cpu(struct task *t, int cpu)
{
	unsigned node = 0;

	getcpu(NULL, &node);
	if (write_cpu(t, (uint32_t)cpu, (uint32_t)cpu, node, (uint32_t)cpu))
		punish(t);
	t->rseq_cpu = cpu;
}

void rseq_resume(struct task *t, bool fenced)
{
	bool fresh;

	if (!t->rseq.v)
		return;
	int cpu = rseq_cpu_mine(t, &fresh);
	if (cpu < 0)
		cpu = sched_getcpu();
	bool moved = cpu != t->rseq_cpu;
	if (moved)
		update_cpu(t, cpu);
	/* Sections make no system calls: only who was taken out of the guest at any other
	 * instruction can be in one. */
	if (t->event.kind == EVENT_SYSCALL)
		return;
	if (moved || fresh || fenced || t->event.kind == EVENT_INTERRUPTED)
		abort_section(t);
}

/* The pointer to the last section stays in the area until we take it out: who has one has used
 * sections. */
void rseq_thread_created(struct task *t)
{
	gva_t section = GVA_NULL;

	if (t->rseq.v && !section_address(t, &section) && section.v)
		rseq_cpu_need(t);
}
