/* SPDX-License-Identifier: Apache-2.0 */
/* Processes: clone, wait, futex, prctl, capabilities, affinity. */
#include <linux/capability.h>
#include <linux/futex.h>
#include <linux/sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "arch/prctl.h"
#include "arch/syscall.h"
#include "mm/access.h"
#include "trace/print.h"

/* ---- clone: strace prints the stack first and leaves out what the flags do not ask for ---- */

void print_clone_flags(struct print *p, int i, const struct names *names)
{
	unsigned sig = p->a[0] & 0xff;
	uint64_t flags = p->a[0] & 0xffffff00UL;

	text_puts(p->out, "child_stack=");
	print_address(p, GVA(p->a[1]));
	text_puts(p->out, ", flags=");
	if (flags || !sig)
		names_put_flags(p->out, &names_clone, flags);
	if (sig)
		text_printf(p->out, "%s%s", flags ? "|" : "", trace_signal_name((int)sig));
}

void print_clone_ptid(struct print *p, int i, const struct names *names)
{
	int tid;

	if (!(p->a[0] & (CLONE_PARENT_SETTID | CLONE_PIDFD)))
		return;
	text_puts(p->out, p->a[0] & CLONE_PIDFD ? "pidfd=" : "parent_tid=");
	if (FETCH(p, i, &tid))
		text_printf(p->out, "[%d]", tid);
}

void print_clone_ctid(struct print *p, int i, const struct names *names)
{
	if (p->a[0] & CLONE_SETTLS)
		text_printf(p->out, "tls=%#lx", p->a[CLONE_ARG_TLS]);
	if (!(p->a[0] & (CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID)))
		return;
	text_puts(p->out, p->a[0] & CLONE_SETTLS ? ", child_tidptr=" : "child_tidptr=");
	print_address(p, GVA(p->a[CLONE_ARG_CHILD_TID]));
}

static void print_clone_struct(struct print *p, const struct clone_args *c)
{
	text_puts(p->out, "{flags=");
	names_put_flags(p->out, &names_clone, c->flags);
	if (c->flags & CLONE_PIDFD)
		text_printf(p->out, ", pidfd=%#llx", c->pidfd);
	if (c->flags & (CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID))
		text_printf(p->out, ", child_tid=%#llx", c->child_tid);
	if (c->flags & CLONE_PARENT_SETTID)
		text_printf(p->out, ", parent_tid=%#llx", c->parent_tid);
	text_printf(p->out, ", exit_signal=%s",
		    c->exit_signal ? trace_signal_name((int)c->exit_signal) : "0");
	text_puts(p->out, ", stack=");
	print_address(p, GVA(c->stack));
	text_printf(p->out, ", stack_size=%#llx", c->stack_size);
	if (c->flags & CLONE_SETTLS)
		text_printf(p->out, ", tls=%#llx", c->tls);
	text_putc(p->out, '}');
}

void print_clone_args(struct print *p, int i, const struct names *names)
{
	struct clone_args c = { 0 };
	size_t size = p->a[1] < sizeof c ? p->a[1] : sizeof c;
	int tid;

	if (!fetch(p, GVA(p->a[i]), &c, size))
		return;
	print_clone_struct(p, &c);
	if (p->result > 0 && c.flags & CLONE_PARENT_SETTID &&
	    copy_from_guest(p->t->mm, &tid, GVA(c.parent_tid), sizeof tid) == 0)
		text_printf(p->out, " => {parent_tid=[%d]}", tid);
}

/* ---- wait ---- */

static void print_status(struct text *out, int st)
{
	if (WIFEXITED(st))
		text_printf(out, "[{WIFEXITED(s) && WEXITSTATUS(s) == %d}]", WEXITSTATUS(st));
	else if (WIFSIGNALED(st))
		text_printf(out, "[{WIFSIGNALED(s) && WTERMSIG(s) == %s%s}]",
			    trace_signal_name(WTERMSIG(st)),
			    WCOREDUMP(st) ? " && WCOREDUMP(s)" : "");
	else if (WIFSTOPPED(st))
		text_printf(out, "[{WIFSTOPPED(s) && WSTOPSIG(s) == %s}]",
			    trace_signal_name(WSTOPSIG(st)));
	else if (WIFCONTINUED(st))
		text_puts(out, "[{WIFCONTINUED(s)}]");
	else
		text_printf(out, "[%#x]", st);
}

void print_wait_status(struct print *p, int i, const struct names *names)
{
	int st;

	if (p->result <= 0)
		print_address(p, GVA(p->a[i]));
	else if (FETCH(p, i, &st))
		print_status(p->out, st);
}

/* ---- futex: what follows the operation depends on it ---- */

static unsigned futex_op(const struct print *p)
{
	return (unsigned)p->a[1] & (unsigned)FUTEX_CMD_MASK;
}

static bool futex_has(const struct print *p, unsigned ops)
{
	return ops >> futex_op(p) & 1;
}

#define OP(x) (1U << FUTEX_##x)
#define FUTEX_HAS_VAL                                                                              \
	(OP(WAIT) | OP(WAKE) | OP(REQUEUE) | OP(CMP_REQUEUE) | OP(WAKE_OP) | OP(WAIT_BITSET) |     \
	 OP(WAKE_BITSET) | OP(WAIT_REQUEUE_PI) | OP(CMP_REQUEUE_PI))
#define FUTEX_HAS_TIMEOUT                                                                          \
	(OP(WAIT) | OP(WAIT_BITSET) | OP(LOCK_PI) | OP(WAIT_REQUEUE_PI) | 1U << 13)
#define FUTEX_HAS_VAL2   (OP(REQUEUE) | OP(CMP_REQUEUE) | OP(WAKE_OP) | OP(CMP_REQUEUE_PI))
#define FUTEX_HAS_WORD2  (FUTEX_HAS_VAL2 | OP(WAIT_REQUEUE_PI))
#define FUTEX_HAS_BITSET (OP(WAIT_BITSET) | OP(WAKE_BITSET))

void print_futex_op(struct print *p, int i, const struct names *names)
{
	unsigned op = (unsigned)p->a[i];

	names_put_value(p->out, &names_futex, futex_op(p));
	if (op & FUTEX_PRIVATE_FLAG)
		text_puts(p->out, "_PRIVATE");
	if (op & FUTEX_CLOCK_REALTIME)
		text_puts(p->out, "|FUTEX_CLOCK_REALTIME");
}

void print_futex_val(struct print *p, int i, const struct names *names)
{
	if (futex_op(p) > 13 || futex_has(p, FUTEX_HAS_VAL))
		print_uint(p, i, names);
}

void print_futex_timeout(struct print *p, int i, const struct names *names)
{
	if (futex_op(p) > 13 || futex_has(p, FUTEX_HAS_VAL2))
		text_printf(p->out, "%lu", p->a[i]);
	else if (futex_has(p, FUTEX_HAS_TIMEOUT))
		print_timespec(p, i, names);
}

void print_futex_word2(struct print *p, int i, const struct names *names)
{
	if (futex_op(p) > 13 || futex_has(p, FUTEX_HAS_WORD2))
		print_pointer(p, i, names);
}

void print_futex_val3(struct print *p, int i, const struct names *names)
{
	unsigned v = (unsigned)p->a[i];

	if (futex_op(p) <= 13 && futex_has(p, FUTEX_HAS_BITSET) && v == FUTEX_BITSET_MATCH_ANY)
		text_puts(p->out, "FUTEX_BITSET_MATCH_ANY");
	else if (futex_op(p) <= 13 && futex_has(p, FUTEX_HAS_BITSET | OP(WAKE_OP)))
		text_printf(p->out, "%#x", v);
	else if (futex_op(p) > 13 || futex_has(p, OP(CMP_REQUEUE) | OP(CMP_REQUEUE_PI)))
		text_printf(p->out, "%u", v);
}

/* ---- prctl ---- */

void print_prctl_args(struct print *p, int i, const struct names *names)
{
	switch ((int)p->a[0]) {
	case PR_SET_NAME: print_guest_string(p, GVA(p->a[i]), 15); break;
	case PR_GET_NAME: print_path_result(p, i, names); break;
	case PR_SET_PDEATHSIG: print_signal(p, i, names); break;
	case PR_GET_PDEATHSIG:
	case PR_GET_CHILD_SUBREAPER: print_int_pointer(p, i, names); break;
	case PR_CAPBSET_READ:
	case PR_CAPBSET_DROP: print_enum(p, i, &names_capability); break;
	case PR_SET_KEEPCAPS:
	case PR_SET_DUMPABLE:
	case PR_SET_TIMERSLACK:
	case PR_SET_CHILD_SUBREAPER: print_ulong(p, i, names); break;
	case PR_GET_DUMPABLE:
	case PR_GET_KEEPCAPS:
	case PR_GET_TIMERSLACK:
	case PR_GET_SECCOMP: break;
	case PR_SET_NO_NEW_PRIVS:
		text_printf(p->out, "%lu, %lu, %lu, %lu", p->a[1], p->a[2], p->a[3], p->a[4]);
		break;
	case PR_GET_NO_NEW_PRIVS: text_puts(p->out, "0, 0, 0, 0"); break;
	default:
		text_printf(p->out, "%#lx, %#lx, %#lx, %#lx", p->a[1], p->a[2], p->a[3], p->a[4]);
		break;
	}
}

void print_arch_prctl_arg(struct print *p, int i, const struct names *names)
{
	if (arch_prctl_puts((int)p->a[0]))
		print_hex_pointer(p, i, names);
	else
		print_hex(p, i, names);
}

/* ---- capabilities, affinity ---- */

void print_cap_header(struct print *p, int i, const struct names *names)
{
	struct __user_cap_header_struct h;

	if (!FETCH(p, i, &h))
		return;
	if (h.version == _LINUX_CAPABILITY_VERSION_3)
		text_puts(p->out, "{version=_LINUX_CAPABILITY_VERSION_3");
	else
		text_printf(p->out, "{version=%#x", h.version);
	text_printf(p->out, ", pid=%d}", h.pid);
}

static void print_caps(struct text *out, const char *name, uint64_t caps)
{
	const char *sep = "";

	text_puts(out, name);
	for (unsigned bit = 0; bit < 64; bit++) {
		if (!(caps >> bit & 1))
			continue;
		text_printf(out, "%s1<<", sep);
		names_put_value(out, &names_capability, bit);
		sep = "|";
	}
	if (!caps)
		text_putc(out, '0');
}

void print_cap_data(struct print *p, int i, const struct names *names)
{
	struct __user_cap_data_struct d[2];

	if (!FETCH(p, i, &d))
		return;
	print_caps(p->out, "{effective=", d[0].effective | (uint64_t)d[1].effective << 32);
	print_caps(p->out, ", permitted=", d[0].permitted | (uint64_t)d[1].permitted << 32);
	print_caps(p->out, ", inheritable=", d[0].inheritable | (uint64_t)d[1].inheritable << 32);
	text_putc(p->out, '}');
}

void print_cpu_set(struct print *p, int i, const struct names *names)
{
	uint64_t set[16] = { 0 };
	uint64_t size = p->done ? (uint64_t)p->result : p->a[1];
	const char *sep = "";

	if (p->done && p->result < 0) {
		print_address(p, GVA(p->a[i]));
		return;
	}
	if (!fetch(p, GVA(p->a[i]), set, size < sizeof set ? size : sizeof set))
		return;
	text_putc(p->out, '[');
	for (unsigned cpu = 0; cpu < sizeof set * 8; cpu++) {
		if (set[cpu / 64] >> cpu % 64 & 1) {
			text_printf(p->out, "%s%u", sep, cpu);
			sep = " ";
		}
	}
	text_putc(p->out, ']');
}
