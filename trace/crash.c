/* SPDX-License-Identifier: Apache-2.0 */
/* The report of a guest that dies of a fault: what a user needs to see where it happened, without a
 * debugger. */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "kernel/process.h"
#include "kernel/sandbox.h"
#include "mm/access.h"
#include "mm/maps.h"
#include "mm/vma.h"
#include "trace/tracer.h"
#include "sys/table.h"
#include "trace/print.h"

/* The mapping of an address and its neighbours. */
struct place {
	gva_t addr;
	struct text here;
	/* end of the last mapping below, start of the first above; 0: none */
	gva_t below, above;
};

static int find_place(const struct vma *v, void *arg)
{
	struct place *p = arg;

	if (gva_le(v->end, p->addr)) {
		p->below = v->end;
		return 0;
	}
	if (gva_lt(p->addr, v->start)) {
		p->above = v->start;
		return 1;
	}
	text_printf(&p->here, "%s+%#lx (%lx-%lx %c%c%c%c)", v->name ? v->name : "anonymous memory",
		    gva_diff(p->addr, v->start) + (v->source ? v->offset : 0), v->start.v, v->end.v,
		    v->prot & PROT_READ ? 'r' : '-', v->prot & PROT_WRITE ? 'w' : '-',
		    v->prot & PROT_EXEC ? 'x' : '-', v->flags & VMA_SHARED ? 's' : 'p');
	return 1;
}

static void report_place(struct tracer *o, struct task *t, const char *what, gva_t addr)
{
	struct place p = { .addr = addr };

	mm_for_each_vma(t->mm, find_place, &p);
	if (p.here.len)
		tracer_log(o, 1, "  %s %#lx in %s", what, addr.v, text_str(&p.here));
	else
		tracer_log(o, 1,
			   "  %s %#lx is not mapped; the mappings next to it end at %#lx and "
			   "start at %#lx",
			   what, addr.v, p.below.v, p.above.v);
	text_free(&p.here);
}

static void report_registers(struct tracer *o, const struct cpu_regs *r)
{
	char line[128];

	for (unsigned i = 0; regs_describe(r, i, line, sizeof line); i++)
		tracer_log(o, 1, "  %s", line);
}

static void report_bytes(struct tracer *o, struct task *t, const char *what, gva_t addr,
			 size_t word, size_t n)
{
	struct text line = { 0 };
	uint64_t v;

	for (size_t i = 0; i < n; i++) {
		v = 0;
		if (copy_from_guest(t->mm, &v, gva_add(addr, i * word), word))
			break;
		text_printf(&line, " %0*lx", (int)word * 2, v);
	}
	if (line.len)
		tracer_log(o, 1, "  %s%s", what, text_str(&line));
	text_free(&line);
}

static void report_call(struct tracer *o, const struct call_record *s)
{
	const struct syscall_entry *e = sys_entry(s->nr);
	struct text line = { 0 };

	text_printf(&line, "    %s(", e ? e->name : "unknown");
	for (int i = 0; i < 6 && (!e || e->args[i] != ARG_END); i++)
		text_printf(&line, "%s%#lx", i ? ", " : "", s->args[i]);
	text_putc(&line, ')');
	if (s->done && s->result < 0 && s->result >= -4095)
		text_printf(&line, " = -1 %s", strerrorname_np((int)-s->result));
	else if (s->done)
		text_printf(&line, " = %#lx", (uint64_t)s->result);
	tracer_log(o, 1, "%s", text_str(&line));
	text_free(&line);
}

static void report_calls(struct tracer *o, const struct task_trace *tt)
{
	unsigned n = tt->nr_calls < CALLS_REMEMBERED ? tt->nr_calls : CALLS_REMEMBERED;

	tracer_log(o, 1, "  last system calls of this thread, oldest first:");
	for (unsigned i = tt->nr_calls - n; i != tt->nr_calls; i++)
		report_call(o, &tt->last[i % CALLS_REMEMBERED]);
}

static bool has_address(int sig)
{
	return sig == SIGSEGV || sig == SIGBUS;
}

void crash_report(struct tracer *o, struct task *t, const siginfo_t *si)
{
	struct text info = { 0 };
	struct cpu_regs r;

	print_siginfo_value(&info, si);
	tracer_log(o, 1, "%s, process %d, thread %d, dies of %s %s", t->comm, t->process->pid->nr,
		   t->pid->nr, trace_signal_name(si->si_signo), text_str(&info));
	text_free(&info);
	if (t->sb->platform->regs_get(t->context, &r))
		return;
	report_place(o, t, "instruction", GVA(regs_ip(&r)));
	if (has_address(si->si_signo) && si->si_code > 0 && si->si_code != SI_KERNEL)
		report_place(o, t, "address", GVA((uintptr_t)si->si_addr));
	report_registers(o, &r);
	report_bytes(o, t, "code ", GVA(regs_ip(&r)), 1, 16);
	report_bytes(o, t, "stack", GVA(regs_sp(&r)), 8, 4);
	if (t->trace)
		report_calls(o, t->trace);
}
