/* SPDX-License-Identifier: Apache-2.0 */
/* The signal frame in which a reported thread's registers are (sigaction(2), the kernel's struct
 * rt_sigframe). */
#include <errno.h>
#include <linux/audit.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "arch/vsyscall.h"
#include "arch/x86_64/vectors.h"
#include "platform/process/process.h"

#define FX_SIZE      512
#define FX_SW_BYTES  464 /* struct _fpx_sw_bytes: the kernel's, not part of the state */
#define XSAVE_HEADER 64
#define XSAVE_BV     512
#define XSTATE_PKRU  9
#define PKRU_FRESH   0x55555554

#ifndef TRAP_PERF
#define TRAP_PERF 6 /* si_code: an event of perf_event_open(2) that sends signals */
#endif

static uint64_t stack_guest_base(const struct process_context *c)
{
	return STUB_STACKS + ((uint64_t)c->stack << STACK_SHIFT);
}

/* The monitor's view of `size` bytes at a stub address; NULL: not on this thread's stack. */
static void *on_stack(const struct process_context *c, uint64_t addr, uint64_t size)
{
	uint64_t off = addr - stack_guest_base(c);
	return off <= STACK_SIZE && size <= STACK_SIZE - off && addr % 8 == 0 ? c->stack_base + off
									      : NULL;
}

/* The guest can write the frame at any time: a field is read by one of these, once, and what was
 * read is what is checked and used. */
static uint64_t frame_word(const void *field)
{
	return __atomic_load_n((const uint64_t *)field, __ATOMIC_RELAXED);
}

static uint32_t frame_word32(const void *field)
{
	return __atomic_load_n((const uint32_t *)field, __ATOMIC_RELAXED);
}

static uint64_t frame_greg(const struct process_context *c, int greg)
{
	return frame_word(&c->uc->uc_mcontext.gregs[greg]);
}

/* Length of the extended state at `fp` as the kernel noted it; the legacy part alone where the note
 * makes no sense. */
static size_t fp_length(const struct process_context *c, const char *fp, uint64_t addr)
{
	const char *sw = fp + FX_SW_BYTES;
	uint32_t magic = frame_word32(sw + offsetof(struct _fpx_sw_bytes, magic1));
	uint32_t size = frame_word32(sw + offsetof(struct _fpx_sw_bytes, xstate_size));

	if (magic != 0x46505853U /* FP_XSTATE_MAGIC1 */ || size < FX_SIZE + XSAVE_HEADER ||
	    !on_stack(c, addr, size))
		return FX_SIZE;
	return size;
}

int frame_locate(struct process_context *c, const uint64_t *args)
{
	c->info = on_stack(c, args[1], sizeof *c->info);
	c->uc = on_stack(c, args[2], sizeof(struct ucontext_t) - sizeof(struct _libc_fpstate));
	if (!c->info || !c->uc)
		return -EIO;
	uint64_t fp = frame_word(&c->uc->uc_mcontext.fpregs);
	c->frame_fp = on_stack(c, fp, FX_SIZE);
	c->frame_fp_size = c->frame_fp ? fp_length(c, c->frame_fp, fp) : 0;
	return 0;
}

/* Indices of struct cpu_regs' fields in mcontext.gregs, in its order. */
static const int greg_of[] = {
	REG_RAX, REG_RBX, REG_RCX, REG_RDX, REG_RSI, REG_RDI, REG_RSP, REG_RBP, REG_R8,
	REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15, REG_RIP, REG_EFL,
};
_Static_assert(sizeof greg_of / sizeof greg_of[0] == offsetof(struct cpu_regs, fs_base) / 8,
	       "arch/x86_64/regs.h");

/* What no thread can have in a register the guest has made up: regs_set would refuse to give it
 * back. */
static uint64_t possible(uint64_t addr)
{
	return is_canonical(addr) ? addr : 0;
}

void frame_load_regs(struct process_context *c, const uint64_t *args)
{
	uint64_t *r = &c->regs.rax;
	for (size_t i = 0; i < sizeof greg_of / sizeof greg_of[0]; i++)
		r[i] = frame_greg(c, greg_of[i]);
	c->regs.rflags = (c->regs.rflags & RFLAGS_USER) | RFLAGS_FIXED;
	c->regs.rip = possible(c->regs.rip);
	c->regs.fs_base = possible(args[3]);
	c->regs.gs_base = args[4] == line_address(c) ? 0 : possible(args[4]);
}

/* Where the state says nothing of it the CPU would allow all keys: a fresh process has what the
 * host gives it (Linux's init_pkru), on which patched text depends (sites.c). */
static void pkru_store(struct process_context *c, size_t n)
{
	uint64_t bv;

	if (!c->m->has_lines || c->m->pkru_at + sizeof(uint64_t) > n)
		return;
	memcpy(&bv, c->fp + XSAVE_BV, sizeof bv);
	if (bv >> XSTATE_PKRU & 1)
		return;
	bv |= 1UL << XSTATE_PKRU;
	memcpy(c->frame_fp + XSAVE_BV, &bv, sizeof bv);
	memcpy(c->frame_fp + c->m->pkru_at, &(uint64_t){ PKRU_FRESH }, sizeof(uint64_t));
}

static void fp_store(struct process_context *c)
{
	if (!c->frame_fp || !c->fp)
		return;
	size_t n = c->frame_fp_size < c->m->fp_size ? c->frame_fp_size : c->m->fp_size;
	memcpy(c->frame_fp, c->fp, FX_SW_BYTES);
	if (n > FX_SIZE)
		memcpy(c->frame_fp + FX_SIZE, c->fp + FX_SIZE, n - FX_SIZE);
	pkru_store(c, n);
}

/* Before the handler returns: what the context says is what the guest gets. The handler itself
 * loads the segment bases, from where siginfo was. */
void frame_store(struct process_context *c)
{
	const uint64_t *r = &c->regs.rax;
	uint64_t bases[2] = { c->regs.fs_base, c->regs.gs_base };

	if (!bases[1] && c->s->sites.any)
		bases[1] = line_address(c);

	for (size_t i = 0; i < sizeof greg_of / sizeof greg_of[0]; i++)
		c->uc->uc_mcontext.gregs[greg_of[i]] = (greg_t)r[i];
	c->uc->uc_mcontext.gregs[REG_CSGSFS] = (greg_t)(USER_CS | (uint64_t)USER_SS << 48);
	memset(&c->uc->uc_sigmask, 0, 8);
	memcpy(c->info, bases, sizeof bases);
	if (c->fp_dirty)
		fp_store(c);
	c->fp_dirty = false;
}

void frame_fp_load(struct process_context *c, void *buf)
{
	size_t n = c->frame_fp_size < c->m->fp_size ? c->frame_fp_size : c->m->fp_size;
	uint64_t bv = 3;

	memset(buf, 0, c->m->fp_size);
	memcpy(buf, c->frame_fp, n);
	if (n > FX_SIZE)
		memcpy(&bv, (char *)buf + XSAVE_BV, sizeof bv);
	bv &= c->m->xcr0;
	memset((char *)buf + FX_SW_BYTES, 0, FX_SIZE - FX_SW_BYTES);
	memcpy((char *)buf + XSAVE_BV, &bv, sizeof bv);
	memset((char *)buf + XSAVE_BV + 8, 0, XSAVE_HEADER - 8);
}

/* ---- what happened ---- */

static void event_exception(struct event *ev, uint64_t vector, uint64_t error)
{
	ev->kind = EVENT_EXCEPTION;
	ev->exception = (struct trap){
		.nr = vector < NR_VECTORS ? vector : VECTOR_GP,
		.error = error,
	};
}

/* A system call by another door, or one that the filter traps, whose number the host has put back
 * into rax. */
static void event_trapped_call(struct process_context *c, struct event *ev)
{
	const struct cpu_regs *r = &c->regs;

	if (frame_word32(&c->info->si_arch) == AUDIT_ARCH_X86_64) {
		ev->kind = EVENT_SYSCALL;
		ev->syscall.nr = (uint32_t)r->rax;
		memcpy(ev->syscall.args,
		       (uint64_t[]){ r->rdi, r->rsi, r->rdx, r->r10, r->r8, r->r9 },
		       sizeof ev->syscall.args);
		ev->syscall.ip = r->rip;
		return;
	}
	/* From 64-bit code that is `int 0x80`, which has two bytes. */
	if ((frame_greg(c, REG_CSGSFS) & 0xffff) == USER_CS)
		c->regs.rip = possible(c->regs.rip - 2);
	event_exception(ev, VECTOR_GP, 0);
}

/*
 * A jump into the vsyscall page is a fault at the address jumped to, as where there is no such
 * page. Of a call that the filter traps the host has already emulated the return
 * (seccomp_filter.rst, "Caveats"), which is taken back here. Where there is no entry, or the stack
 * or a pointer is none, the host sends SIGSEGV without a trap, so that the trap number is stale.
 */
static bool in_vsyscall_page(struct process_context *c, uint64_t sig)
{
	uint64_t entry = sig == SIGSYS ? frame_word(&c->info->si_call_addr) : c->regs.rip;

	if ((sig != SIGSYS && sig != SIGSEGV) || !vsyscall_contains(entry))
		return false;
	if (sig == SIGSYS)
		c->regs.rsp -= sizeof(uint64_t);
	c->regs.rip = entry;
	return true;
}

bool frame_event(struct process_context *c, uint64_t sig, struct event *ev)
{
	uint64_t trap = frame_greg(c, REG_TRAPNO), error = frame_greg(c, REG_ERR);
	uint64_t addr = frame_greg(c, REG_CR2);
	int code = (int)frame_word32(&c->info->si_code);

	if (line_reported(c, sig, trap, error, addr))
		return false;
	if (sig == STUB_PREEMPT_SIGNAL) {
		ev->kind = EVENT_INTERRUPTED;
	} else if (sig == SIGBUS && trap == VECTOR_PF) {
		ev->kind = EVENT_LOST_PAGE;
	} else if (in_vsyscall_page(c, sig)) {
		ev->kind = EVENT_FAULT;
		ev->fault.addr = GVA(c->regs.rip);
		ev->fault.access = GUEST_EXEC;
	} else if (sig == SIGSEGV && trap == VECTOR_PF && code > 0) {
		ev->kind = EVENT_FAULT;
		ev->fault.addr = GVA(addr);
		ev->fault.access = error & PF_FETCH   ? GUEST_EXEC
				   : error & PF_WRITE ? GUEST_WRITE
						      : GUEST_READ;
	} else if (sig == SIGSYS) {
		event_trapped_call(c, ev);
	} else if (sig == SIGILL) {
		/* use of AMX, which is not granted, comes without a trap number */
		event_exception(ev, VECTOR_UD, 0);
	} else if (sig == SIGTRAP && (trap == VECTOR_DB || code == TRAP_PERF)) {
		event_exception(ev, VECTOR_DB, 0);
		ev->exception.debug =
		    thread_breaks_hit(c) | (code == TRAP_TRACE ? TRAP_DEBUG_STEP : 0);
	} else {
		event_exception(ev, trap, error);
	}
	return true;
}
