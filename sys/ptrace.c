/* SPDX-License-Identifier: Apache-2.0 */
/* ptrace(2): a table of its requests, and what they copy. */
#include <sys/ptrace.h>

#include <elf.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <sys/uio.h>

#include "arch/machine.h"
#include "arch/prctl.h"
#include "arch/ptrace.h"
#include "kernel/ptrace/regs.h"
#include "cred/cred.h"
#include "kernel/ptrace/request.h"
#include "kernel/seccomp/filter.h"
#include "kernel/sigqueue.h"
#include "sys/sys.h"
#include "util/minmax.h"

#ifndef PTRACE_GET_RSEQ_CONFIGURATION
#define PTRACE_GET_RSEQ_CONFIGURATION 0x420f
#endif

#define CALLS_ARCH (ARCH_ELF_MACHINE | __AUDIT_ARCH_64BIT | __AUDIT_ARCH_LE)

/* A request about `o`, which the caller traces: the arguments are ptrace's third and fourth. */
typedef int64_t request_fn(struct task *t, struct task *o, uint64_t addr, uint64_t data);

/* ---- memory ---- */

static int64_t peek(struct task *t, struct task *o, uint64_t addr, uint64_t data)
{
	uint64_t word;

	if (peek_guest(o->mm, &word, GVA(addr), sizeof word))
		return -EIO;
	return put_user(t, GVA(data), &word);
}

static int64_t poke(struct task *t, struct task *o, uint64_t addr, uint64_t data)
{
	return poke_guest(o->mm, GVA(addr), &data, sizeof data) ? -EIO : 0;
}

/* ---- registers ---- */

#if ARCH_PTRACE_REGS
static int64_t peek_user(struct task *t, struct task *o, uint64_t addr, uint64_t data)
{
	uint64_t regs[COREFILE_REGS], word = 0;
	unsigned i = 0;

	switch (user_slot(addr, &i)) {
	case USER_NOTHING: return -EIO;
	case USER_REGISTER:
		if (ptrace_regs_get(o, regs))
			return -EIO;
		word = regs[i];
		break;
	case USER_DEBUG: word = breaks_get_reg(o, i); break;
	case USER_REST: break;
	}
	return put_user(t, GVA(data), &word);
}

static int64_t poke_user(struct task *t, struct task *o, uint64_t addr, uint64_t data)
{
	unsigned i = 0;

	switch (user_slot(addr, &i)) {
	case USER_REGISTER: return ptrace_regs_set(o, i, &data, 1);
	case USER_DEBUG: return breaks_set_reg(o, i, data);
	default: return -EIO;
	}
}

static int64_t arch_prctl_of(struct task *t, struct task *o, uint64_t addr, uint64_t data)
{
	const struct platform *pf = o->sb->platform;
	struct arch_prctl_effect effect;
	struct cpu_regs regs;
	uint64_t features;

	pf->fp_size(o->sb->machine, &features);
	int err = pf->regs_get(o->context, &regs);
	if (err)
		return -EIO;
	int64_t r = arch_prctl(&regs, (int)data, addr, features, &effect);
	if (r == 0 && effect.set_regs)
		r = pf->regs_set(o->context, &regs);
	if (r == 0 && effect.put)
		r = put_user(t, GVA(addr), &effect.value);
	return r;
}
#endif

/* The first `n` bytes of the registers. */
static int64_t get_regs(struct task *t, struct task *o, uint64_t data, size_t n)
{
	uint64_t regs[COREFILE_REGS];

	if (ptrace_regs_get(o, regs))
		return -EIO;
	return copy_to_guest(t->mm, GVA(data), regs, n) ? -EFAULT : 0;
}

static int64_t set_regs(struct task *t, struct task *o, uint64_t data, size_t n)
{
	uint64_t regs[COREFILE_REGS];

	if (copy_from_guest(t->mm, regs, GVA(data), n))
		return -EFAULT;
	return ptrace_regs_set(o, 0, regs, (unsigned)(n / sizeof regs[0]));
}

static int64_t get_fp(struct task *t, struct task *o, uint32_t type, uint64_t data, size_t n)
{
	size_t size = ptrace_fp_size(o, type);
	char *fp = malloc(size ? size : 1);
	int64_t err = fp ? ptrace_fp_get(o, type, fp) : -ENOMEM;

	if (!err && copy_to_guest(t->mm, GVA(data), fp, n))
		err = -EFAULT;
	free(fp);
	return err;
}

/* All of it, or nothing. */
static int64_t set_fp(struct task *t, struct task *o, uint32_t type, uint64_t data, size_t n)
{
	size_t size = ptrace_fp_size(o, type);

	if (n != size)
		return type == NT_PRFPREG ? -EINVAL : -EFAULT;
	char *fp = malloc(size);
	int64_t err = !fp ? -ENOMEM : copy_from_guest(t->mm, fp, GVA(data), size) ? -EFAULT : 0;
	if (!err)
		err = ptrace_fp_set(o, type, fp);
	free(fp);
	return err;
}

#if ARCH_PTRACE_REGS
static int64_t getregs(struct task *t, struct task *o, uint64_t addr, uint64_t data)
{
	return get_regs(t, o, data, COREFILE_REGS * sizeof(uint64_t));
}

static int64_t setregs(struct task *t, struct task *o, uint64_t addr, uint64_t data)
{
	return set_regs(t, o, data, COREFILE_REGS * sizeof(uint64_t));
}

static int64_t getfpregs(struct task *t, struct task *o, uint64_t addr, uint64_t data)
{
	return get_fp(t, o, NT_PRFPREG, data, ptrace_fp_size(o, NT_PRFPREG));
}

static int64_t setfpregs(struct task *t, struct task *o, uint64_t addr, uint64_t data)
{
	return set_fp(t, o, NT_PRFPREG, data, ptrace_fp_size(o, NT_PRFPREG));
}
#endif

static int64_t move_regset(struct task *t, struct task *o, uint64_t type, uint64_t data, bool set)
{
	bool general = (uint32_t)type == NT_PRSTATUS;
	struct guest_iovec iov;

	if (get_user(t, &iov, GVA(data)))
		return -EFAULT;
	size_t size =
	    general ? COREFILE_REGS * sizeof(uint64_t) : ptrace_fp_size(o, (uint32_t)type);
	if (!size || iov.len % sizeof(uint64_t))
		return -EINVAL;
	iov.len = min64(iov.len, size);
	int64_t r = general ? (set ? set_regs : get_regs)(t, o, iov.base.v, iov.len)
			    : (set ? set_fp : get_fp)(t, o, (uint32_t)type, iov.base.v, iov.len);
	uint64_t at = data + offsetof(struct guest_iovec, len);
	return r ? r : put_user(t, GVA(at), &iov.len);
}

static int64_t getregset(struct task *t, struct task *o, uint64_t addr, uint64_t data)
{
	return move_regset(t, o, addr, data, false);
}

static int64_t setregset(struct task *t, struct task *o, uint64_t addr, uint64_t data)
{
	return move_regset(t, o, addr, data, true);
}

/* ---- signals ---- */

static int64_t getsiginfo(struct task *t, struct task *o, uint64_t addr, uint64_t data)
{
	return o->tracee->has_info ? put_user(t, GVA(data), &o->tracee->info) : -EINVAL;
}

static int64_t setsiginfo(struct task *t, struct task *o, uint64_t addr, uint64_t data)
{
	siginfo_t si;

	if (get_user(t, &si, GVA(data)))
		return -EFAULT;
	if (!o->tracee->has_info)
		return -EINVAL;
	o->tracee->info = si;
	return 0;
}

/* The n-th that waits, from 0. False: there are fewer. */
static bool pending_info(struct task *o, bool shared, uint64_t n, siginfo_t *out)
{
	struct sigqueue *q;
	bool found = false;

	sandbox_lock(o->sb);
	list_for_each (q, &(shared ? &o->process->pending : &o->pending)->queue, node) {
		found = !n--;
		if (found) {
			*out = q->info;
			break;
		}
	}
	sandbox_unlock(o->sb);
	return found;
}

static int64_t peeksiginfo(struct task *t, struct task *o, uint64_t addr, uint64_t data)
{
	struct __ptrace_peeksiginfo_args args;
	siginfo_t si;
	int64_t i;

	if (get_user(t, &args, GVA(addr)))
		return -EFAULT;
	if (args.flags & ~(unsigned)PTRACE_PEEKSIGINFO_SHARED || args.nr < 0)
		return -EINVAL;
	for (i = 0; i < args.nr; i++) {
		if (!pending_info(o, args.flags, args.off + (uint64_t)i, &si) ||
		    sleeper_killed(&t->sleeper))
			break;
		if (put_user(t, GVA(data + (uint64_t)i * sizeof si), &si))
			return i ? i : -EFAULT;
	}
	return i;
}

static int64_t getsigmask(struct task *t, struct task *o, uint64_t addr, uint64_t data)
{
	ksigset_t mask = o->restore_mask ? o->saved_mask : o->blocked;

	if (addr != sizeof mask)
		return -EINVAL;
	return put_user(t, GVA(data), &mask);
}

static int64_t setsigmask(struct task *t, struct task *o, uint64_t addr, uint64_t data)
{
	ksigset_t mask;

	if (addr != sizeof mask)
		return -EINVAL;
	if (get_user(t, &mask, GVA(data)))
		return -EFAULT;
	sandbox_lock(o->sb);
	o->restore_mask = false;
	signal_set_mask_locked(o, mask & ~SIGSET_UNBLOCKABLE);
	sandbox_unlock(o->sb);
	return 0;
}

/* ---- what is told of a stop ---- */

static int64_t geteventmsg(struct task *t, struct task *o, uint64_t addr, uint64_t data)
{
	return put_user(t, GVA(data), &o->tracee->message);
}

/* Which stop it is: its siginfo says it, where PTRACE_O_TRACESYSGOOD makes it differ. */
static size_t fill_call(struct task *o, struct __ptrace_syscall_info *info,
			const struct cpu_regs *regs)
{
	const struct tracee *tr = o->tracee;
	int64_t r = (int64_t)regs_result(regs);

	info->op = PTRACE_SYSCALL_INFO_NONE;
	bool filtered = tr->has_info && tr->info.si_code == (SIGTRAP | PTRACE_EVENT_SECCOMP << 8);
	if (!filtered && (!tr->has_info || tr->info.si_code != (SIGTRAP | 0x80)))
		return offsetof(struct __ptrace_syscall_info, entry);
	if (filtered || tr->message == TRACE_MESSAGE_ENTRY) {
		info->op = PTRACE_SYSCALL_INFO_ENTRY;
		info->entry.nr = o->event.kind == EVENT_SYSCALL ? o->event.syscall.nr : UINT64_MAX;
		ptrace_call_args(regs, info->entry.args);
		if (!filtered)
			return offsetof(struct __ptrace_syscall_info, entry) + sizeof info->entry;
		info->op = PTRACE_SYSCALL_INFO_SECCOMP;
		info->seccomp.ret_data = (uint32_t)tr->message;
		return offsetof(struct __ptrace_syscall_info, seccomp.ret_data) +
		       sizeof info->seccomp.ret_data;
	}
	info->op = PTRACE_SYSCALL_INFO_EXIT;
	info->exit.is_error = r < 0 && r >= -4095;
	info->exit.rval = r;
	return offsetof(struct __ptrace_syscall_info, exit.is_error) + 1;
}

static int64_t get_syscall_info(struct task *t, struct task *o, uint64_t addr, uint64_t data)
{
	struct __ptrace_syscall_info info = { .arch = CALLS_ARCH };
	struct cpu_regs regs;

	if (o->sb->platform->regs_get(o->context, &regs))
		return -EIO;
	info.instruction_pointer = regs_ip(&regs);
	info.stack_pointer = regs_sp(&regs);
	size_t size = fill_call(o, &info, &regs);
	return copy_to_guest(t->mm, GVA(data), &info, min64(size, addr)) ? -EFAULT : (int64_t)size;
}

static int64_t get_rseq(struct task *t, struct task *o, uint64_t addr, uint64_t data)
{
	const struct {
		uint64_t pointer;
		uint32_t size, signature, flags, pad;
	} conf = { o->rseq.v, o->rseq_len, o->rseq_sig, 0, 0 };

	if (copy_to_guest(t->mm, GVA(data), &conf, min64(addr, sizeof conf)))
		return -EFAULT;
	return sizeof conf;
}

static int64_t setoptions(struct task *t, struct task *o, uint64_t addr, uint64_t data)
{
	int err = ptrace_check_options(t, data);

	if (err)
		return err;
	sandbox_lock(o->sb);
	o->tracee->options = (unsigned)data;
	sandbox_unlock(o->sb);
	return 0;
}

/* A filter of the thread, a reference. Who has filters may not look at others'. */
static int filter_of(struct task *t, struct task *o, uint64_t n, struct seccomp_filter **out)
{
	if (!cred_capable(t->cred, CAP_SYS_ADMIN) || t->seccomp.mode)
		return -EACCES;
	return seccomp_nth_filter(o, n, out);
}

static int64_t seccomp_filter(struct task *t, struct task *o, uint64_t addr, uint64_t data)
{
	struct seccomp_filter *f;
	int err = filter_of(t, o, addr, &f);

	if (err)
		return err;
	int64_t r = f->len;
	if (data && copy_to_guest(t->mm, GVA(data), f->prog, f->len * sizeof *f->prog))
		r = -EFAULT;
	filter_put(f);
	return r;
}

static int64_t seccomp_metadata(struct task *t, struct task *o, uint64_t addr, uint64_t data)
{
	struct {
		uint64_t filter_off, flags;
	} meta = { 0 };
	struct seccomp_filter *f;
	uint64_t size = min64(addr, sizeof meta);

	if (!cred_capable(t->cred, CAP_SYS_ADMIN) || t->seccomp.mode)
		return -EACCES;
	if (size < sizeof meta.filter_off)
		return -EINVAL;
	if (get_user(t, &meta.filter_off, GVA(data)))
		return -EFAULT;
	int err = filter_of(t, o, meta.filter_off, &f);
	if (err)
		return err;
	meta.flags = f->log ? SECCOMP_FILTER_FLAG_LOG : 0;
	filter_put(f);
	return copy_to_guest(t->mm, GVA(data), &meta, size) ? -EFAULT : (int64_t)size;
}

/* ---- the way on ---- */

static int64_t cont(struct task *t, struct task *o, uint64_t addr, uint64_t data)
{
	return ptrace_resume(o, TRACE_CONT, data);
}

static int64_t to_call(struct task *t, struct task *o, uint64_t addr, uint64_t data)
{
	return ptrace_resume(o, TRACE_TO_CALL, data);
}

static int64_t detach(struct task *t, struct task *o, uint64_t addr, uint64_t data)
{
	return ptrace_detach(o, data);
}

static int64_t listens(struct task *t, struct task *o, uint64_t addr, uint64_t data)
{
	return ptrace_listen(o);
}

#if ARCH_PTRACE_STEP
static int64_t step(struct task *t, struct task *o, uint64_t addr, uint64_t data)
{
	return ptrace_resume(o, TRACE_STEP, data);
}

static int64_t emulate(struct task *t, struct task *o, uint64_t addr, uint64_t data)
{
	return ptrace_resume(o, TRACE_EMULATE, data);
}

static int64_t emulate_step(struct task *t, struct task *o, uint64_t addr, uint64_t data)
{
	return ptrace_resume(o, TRACE_EMULATE_STEP, data);
}
#endif

/* `goes`: the thread goes on if the request works. */
static const struct request {
	int request;
	request_fn *fn;
	bool goes;
} requests[] = {
	{ PTRACE_PEEKTEXT, peek, false },
	{ PTRACE_PEEKDATA, peek, false },
	{ PTRACE_POKETEXT, poke, false },
	{ PTRACE_POKEDATA, poke, false },
	{ PTRACE_CONT, cont, true },
	{ PTRACE_SYSCALL, to_call, true },
	{ PTRACE_DETACH, detach, true },
	{ PTRACE_SETOPTIONS, setoptions, false },
	{ PTRACE_GETEVENTMSG, geteventmsg, false },
	{ PTRACE_GETSIGINFO, getsiginfo, false },
	{ PTRACE_SETSIGINFO, setsiginfo, false },
	{ PTRACE_GETREGSET, getregset, false },
	{ PTRACE_SETREGSET, setregset, false },
	{ PTRACE_LISTEN, listens, false },
	{ PTRACE_PEEKSIGINFO, peeksiginfo, false },
	{ PTRACE_GETSIGMASK, getsigmask, false },
	{ PTRACE_SETSIGMASK, setsigmask, false },
	{ PTRACE_SECCOMP_GET_FILTER, seccomp_filter, false },
	{ PTRACE_SECCOMP_GET_METADATA, seccomp_metadata, false },
	{ PTRACE_GET_SYSCALL_INFO, get_syscall_info, false },
	{ PTRACE_GET_RSEQ_CONFIGURATION, get_rseq, false },
#if ARCH_PTRACE_STEP
	{ PTRACE_SINGLESTEP, step, true },
	{ PTRACE_SYSEMU, emulate, true },
	{ PTRACE_SYSEMU_SINGLESTEP, emulate_step, true },
#endif
#if ARCH_PTRACE_REGS
	{ 21 /* PTRACE_OLDSETOPTIONS */, setoptions, false },
	{ PTRACE_PEEKUSER, peek_user, false },
	{ PTRACE_POKEUSER, poke_user, false },
	{ PTRACE_GETREGS, getregs, false },
	{ PTRACE_SETREGS, setregs, false },
	{ PTRACE_GETFPREGS, getfpregs, false },
	{ PTRACE_SETFPREGS, setfpregs, false },
	{ 30 /* PTRACE_ARCH_PRCTL */, arch_prctl_of, false },
#endif
};

static const struct request *find_request(int64_t request)
{
	for (size_t i = 0; i < sizeof requests / sizeof requests[0]; i++) {
		if (requests[i].request == request)
			return &requests[i];
	}
	return NULL;
}

static int64_t do_request(struct task *t, const struct request *rq, const uint64_t *a)
{
	struct task *o;
	int64_t err = ptrace_hold(t, (pid_t)a[1], &o);

	if (err)
		return err;
	err = rq ? rq->fn(t, o, a[2], a[3]) : -EIO;
	if (!rq || !rq->goes || err)
		ptrace_let_go(o);
	return err;
}

SYSCALL_DEFINE(ptrace)
{
	int64_t request = (int64_t)a[0];

	if (request == PTRACE_TRACEME)
		return ptrace_me(t);
	if (request == PTRACE_ATTACH)
		return ptrace_attach(t, (pid_t)a[1], false, 0);
	if (request == PTRACE_SEIZE)
		return a[2] ? -EIO : ptrace_attach(t, (pid_t)a[1], true, a[3]);
	/* the thread need not be in a stop */
	if (request == PTRACE_INTERRUPT || request == PTRACE_KILL)
		return (request == PTRACE_KILL ? ptrace_kill : ptrace_interrupt)(t, (pid_t)a[1]);
	return do_request(t, find_request(request), a);
}
