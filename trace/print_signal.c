/* SPDX-License-Identifier: Apache-2.0 */
/* Signals: numbers, sets, actions, infos. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "arch/sigframe.h"
#include "kernel/sandbox.h"
#include "mm/access.h"
#include "trace/print.h"

/* strace's names: 32 is RTMIN as the kernel counts, then RT_1 ... */
static const char *signal_suffix(int sig, char *buf, size_t size)
{
	const char *name = sig > 0 && sig < 32 ? sigabbrev_np(sig) : NULL;

	if (name)
		return name;
	if (sig == 32)
		return "RTMIN";
	snprintf(buf, size, sig > 32 && sig <= 64 ? "RT_%d" : "%d",
		 sig > 32 && sig <= 64 ? sig - 32 : sig);
	return buf;
}

const char *trace_signal_name(int sig)
{
	static __thread char name[24];
	char buf[16];

	if (sig < 1 || sig > 64)
		snprintf(name, sizeof name, "%d", sig);
	else
		snprintf(name, sizeof name, "SIG%s", signal_suffix(sig, buf, sizeof buf));
	return name;
}

void print_signal(struct print *p, int i, const struct names *names)
{
	text_puts(p->out, trace_signal_name((int)p->a[i]));
}

static void print_sigset_value(struct text *out, uint64_t set)
{
	char buf[16];
	bool invert = __builtin_popcountll(set) >= 64 * 2 / 3;
	const char *sep = "";

	if (invert)
		set = ~set;
	text_puts(out, invert ? "~[" : "[");
	for (int sig = 1; sig <= 64; sig++) {
		if (!(set & SIGBIT(sig)))
			continue;
		text_printf(out, "%s%s", sep, signal_suffix(sig, buf, sizeof buf));
		sep = " ";
	}
	text_putc(out, ']');
}

void print_sigset(struct print *p, int i, const struct names *names)
{
	uint64_t set;

	if (FETCH(p, i, &set))
		print_sigset_value(p->out, set);
}

void print_pselect_sigset(struct print *p, int i, const struct names *names)
{
	struct {
		uint64_t set, size;
	} arg;
	struct print inner = *p;

	if (!FETCH(p, i, &arg))
		return;
	text_puts(p->out, "{sigmask=");
	inner.a = &arg.set;
	print_sigset(&inner, 0, NULL);
	text_printf(p->out, ", sigsetsize=%lu}", arg.size);
}

static void print_handler(struct print *p, const struct ksigaction *a)
{
	if (action_is_default(a))
		text_puts(p->out, "SIG_DFL");
	else if (action_is_ignore(a))
		text_puts(p->out, "SIG_IGN");
	else
		text_printf(p->out, "%#lx", a->handler.v);
}

void print_sigaction(struct print *p, int i, const struct names *names)
{
	struct ksigaction sa;

	if (!FETCH(p, i, &sa))
		return;
	text_puts(p->out, "{sa_handler=");
	print_handler(p, &sa);
	text_puts(p->out, ", sa_mask=");
	print_sigset_value(p->out, sa.mask);
	text_puts(p->out, ", sa_flags=");
	names_put_flags(p->out, &names_sigaction, sa.flags);
	if (sa.flags & SA_RESTORER)
		text_printf(p->out, ", sa_restorer=%#lx", sa.restorer.v);
	text_putc(p->out, '}');
}

/* ---- siginfo ---- */

static const struct code_name {
	int sig, code; /* sig 0: any */
	const char *text;
} code_names[] = {
#define C(sig, code)                                                                               \
	{                                                                                          \
		sig, code, #code                                                                   \
	}
	C(0, SI_USER),           C(0, SI_KERNEL),
	C(0, SI_QUEUE),          C(0, SI_TIMER),
	C(0, SI_MESGQ),          C(0, SI_ASYNCIO),
	C(0, SI_SIGIO),          C(0, SI_TKILL),
	C(SIGCHLD, CLD_EXITED),  C(SIGCHLD, CLD_KILLED),
	C(SIGCHLD, CLD_DUMPED),  C(SIGCHLD, CLD_TRAPPED),
	C(SIGCHLD, CLD_STOPPED), C(SIGCHLD, CLD_CONTINUED),
	C(SIGSEGV, SEGV_MAPERR), C(SIGSEGV, SEGV_ACCERR),
	C(SIGSEGV, SEGV_BNDERR), C(SIGSEGV, SEGV_PKUERR),
	C(SIGBUS, BUS_ADRALN),   C(SIGBUS, BUS_ADRERR),
	C(SIGBUS, BUS_OBJERR),   C(SIGFPE, FPE_INTDIV),
	C(SIGFPE, FPE_INTOVF),   C(SIGFPE, FPE_FLTDIV),
	C(SIGFPE, FPE_FLTOVF),   C(SIGFPE, FPE_FLTUND),
	C(SIGFPE, FPE_FLTRES),   C(SIGFPE, FPE_FLTINV),
	C(SIGFPE, FPE_FLTSUB),   C(SIGILL, ILL_ILLOPC),
	C(SIGILL, ILL_ILLOPN),   C(SIGILL, ILL_ILLADR),
	C(SIGILL, ILL_ILLTRP),   C(SIGILL, ILL_PRVOPC),
	C(SIGILL, ILL_PRVREG),   C(SIGILL, ILL_COPROC),
	C(SIGILL, ILL_BADSTK),   C(SIGTRAP, TRAP_BRKPT),
	C(SIGTRAP, TRAP_TRACE),  C(SIGPOLL, POLL_IN),
	C(SIGPOLL, POLL_OUT),    C(SIGPOLL, POLL_MSG),
	C(SIGPOLL, POLL_ERR),    C(SIGPOLL, POLL_HUP),
#undef C
};

static void print_si_code(struct text *out, const siginfo_t *si)
{
	for (size_t i = 0; i < sizeof code_names / sizeof *code_names; i++) {
		if (code_names[i].code == si->si_code &&
		    (!code_names[i].sig || code_names[i].sig == si->si_signo)) {
			text_puts(out, code_names[i].text);
			return;
		}
	}
	text_printf(out, "%d", si->si_code);
}

static void print_child(struct text *out, const siginfo_t *si)
{
	text_printf(out, ", si_pid=%d, si_uid=%u, si_status=", si->si_pid, si->si_uid);
	text_puts(out, si->si_code == CLD_EXITED ? "" : trace_signal_name(si->si_status));
	if (si->si_code == CLD_EXITED)
		text_printf(out, "%d", si->si_status);
	text_printf(out, ", si_utime=%ld", (long)si->si_utime);
	if (si->si_utime)
		text_printf(out, " /* %ld.%02ld s */", (long)si->si_utime / 100,
			    (long)si->si_utime % 100);
	text_printf(out, ", si_stime=%ld", (long)si->si_stime);
	if (si->si_stime)
		text_printf(out, " /* %ld.%02ld s */", (long)si->si_stime / 100,
			    (long)si->si_stime % 100);
}

static void print_fault(struct text *out, const siginfo_t *si)
{
	if (si->si_addr)
		text_printf(out, ", si_addr=%p", si->si_addr);
	else
		text_puts(out, ", si_addr=NULL");
}

static void print_si_value(struct text *out, const siginfo_t *si)
{
	text_printf(out, ", si_int=%d, si_ptr=", si->si_int);
	text_printf(out, si->si_ptr ? "%p" : "NULL", si->si_ptr);
}

static bool is_fault_signal(int sig)
{
	return sig == SIGSEGV || sig == SIGBUS || sig == SIGILL || sig == SIGFPE || sig == SIGTRAP;
}

static void print_si_fields(struct text *out, const siginfo_t *si)
{
	switch (si->si_code) {
	case SI_USER:
	case SI_TKILL: text_printf(out, ", si_pid=%d, si_uid=%u", si->si_pid, si->si_uid); return;
	case SI_QUEUE:
		text_printf(out, ", si_pid=%d, si_uid=%u", si->si_pid, si->si_uid);
		print_si_value(out, si);
		return;
	case SI_TIMER:
		text_printf(out, ", si_timerid=%#x, si_overrun=%d", si->si_timerid, si->si_overrun);
		print_si_value(out, si);
		return;
	case SI_KERNEL:
		if (si->si_addr)
			print_fault(out, si);
		return;
	}
	if (si->si_signo == SIGCHLD)
		print_child(out, si);
	else if (is_fault_signal(si->si_signo))
		print_fault(out, si);
	else if (si->si_signo == SIGPOLL)
		text_printf(out, ", si_band=%ld, si_fd=%d", (long)si->si_band, si->si_fd);
	else if (si->si_pid || si->si_uid)
		text_printf(out, ", si_pid=%d, si_uid=%u", si->si_pid, si->si_uid);
}

void print_siginfo_value(struct text *out, const siginfo_t *si)
{
	text_printf(out, "{si_signo=%s, si_code=", trace_signal_name(si->si_signo));
	print_si_code(out, si);
	print_si_fields(out, si);
	text_putc(out, '}');
}

void print_siginfo(struct print *p, int i, const struct names *names)
{
	siginfo_t si;

	if (!FETCH(p, i, &si))
		return;
	if (si.si_signo)
		print_siginfo_value(p->out, &si);
	else
		text_puts(p->out, "{}");
}

void print_siginfo_result(struct print *p, int i, const struct names *names)
{
	print_siginfo(p, i, names);
}

void print_sigstack(struct print *p, int i, const struct names *names)
{
	stack_t ss;

	if (!FETCH(p, i, &ss))
		return;
	text_puts(p->out, "{ss_sp=");
	print_address(p, GVA((uintptr_t)ss.ss_sp));
	text_puts(p->out, ", ss_flags=");
	names_put_flags(p->out, &names_sigaltstack, (unsigned)ss.ss_flags);
	text_printf(p->out, ", ss_size=%zu}", ss.ss_size);
}

void print_sigframe(struct print *p, int i, const struct names *names)
{
	struct cpu_regs regs;
	uint64_t set;

	if (p->t->sb->platform->regs_get(p->t->context, &regs) ||
	    copy_from_guest(p->t->mm, &set, GVA(sigframe_mask_at(&regs)), sizeof set))
		return;
	text_puts(p->out, "{mask=");
	print_sigset_value(p->out, set);
	text_putc(p->out, '}');
}

void print_sigevent(struct print *p, int i, const struct names *names)
{
	struct {
		uint64_t value;
		int signo, notify, tid;
	} ev;

	if (!FETCH(p, i, &ev))
		return;
	text_puts(p->out, "{");
	if (ev.value)
		text_printf(p->out, "sigev_value={sival_int=%d, sival_ptr=%#lx}, ", (int)ev.value,
			    ev.value);
	text_printf(p->out, "sigev_signo=%s, sigev_notify=", trace_signal_name(ev.signo));
	names_put_value(p->out, &names_sigev, (unsigned)ev.notify);
	if (ev.notify == SIGEV_THREAD_ID)
		text_printf(p->out, ", sigev_notify_thread_id=%d", ev.tid);
	text_putc(p->out, '}');
}
