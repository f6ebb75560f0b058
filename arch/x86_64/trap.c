/* SPDX-License-Identifier: Apache-2.0 */
/* Turns exceptions of x86 CPUs into the signals that Linux sends for them
 * (arch/x86/kernel/traps.c). See arch/trap.h. */
#include "arch/trap.h"

#include <signal.h>
#include <string.h>

#include "arch/x86_64/vectors.h"

enum addr_kind { ADDR_NONE, ADDR_IP };

static const struct vector_signal {
	int sig, code;
	enum addr_kind addr;
} vector_signals[NR_VECTORS] = {
	[VECTOR_DE] = { SIGFPE, FPE_INTDIV, ADDR_IP },
	[VECTOR_DB] = { SIGTRAP, TRAP_TRACE, ADDR_IP },
	[VECTOR_BP] = { SIGTRAP, SI_KERNEL, ADDR_NONE },
	[VECTOR_OF] = { SIGSEGV, SI_KERNEL, ADDR_NONE },
	[VECTOR_BR] = { SIGSEGV, SI_KERNEL, ADDR_NONE },
	[VECTOR_UD] = { SIGILL, ILL_ILLOPN, ADDR_IP },
	[VECTOR_TS] = { SIGSEGV, SI_KERNEL, ADDR_NONE },
	[VECTOR_NP] = { SIGBUS, SI_KERNEL, ADDR_NONE },
	[VECTOR_SS] = { SIGBUS, SI_KERNEL, ADDR_NONE },
	[VECTOR_GP] = { SIGSEGV, SI_KERNEL, ADDR_NONE },
	[VECTOR_MF] = { SIGFPE, FPE_FLTUNK, ADDR_IP },
	[VECTOR_AC] = { SIGBUS, BUS_ADRALN, ADDR_NONE },
	[VECTOR_XM] = { SIGFPE, FPE_FLTUNK, ADDR_IP },
};

/* CR2 stays what the last page fault made it. */
void trap_remember(struct trap *last, const struct trap *now)
{
	last->nr = now->nr;
	last->error = now->error;
	if (now->nr == VECTOR_PF)
		last->addr = now->addr;
}

struct trap trap_page_fault(uint64_t addr, bool write, bool exec, bool present)
{
	return (struct trap){
		.nr = VECTOR_PF,
		.error = PF_USER | (write ? PF_WRITE : 0U) | (exec ? PF_FETCH : 0U) |
			 (present ? PF_PRESENT : 0U),
		.addr = addr,
	};
}

/* get_si_code() of Linux. */
static int debug_code(unsigned debug)
{
	return debug & TRAP_DEBUG_STEP ? TRAP_TRACE : debug ? TRAP_HWBKPT : TRAP_BRKPT;
}

struct trap_signal trap_signal(const struct trap *t, uint64_t ip)
{
	const struct vector_signal *s = &vector_signals[t->nr < NR_VECTORS ? t->nr : VECTOR_GP];

	if (!s->sig)
		s = &vector_signals[VECTOR_GP];
	int code = t->nr == VECTOR_DB ? debug_code(t->debug) : s->code;
	return (struct trap_signal){ s->sig, code, s->addr == ADDR_IP ? ip : 0 };
}

bool trap_is_debug(const struct trap *t)
{
	return t->nr == VECTOR_DB;
}

bool trap_is_floating_point(const struct trap *t)
{
	return t->nr == VECTOR_MF || t->nr == VECTOR_XM;
}

/* The unmasked pending exception of an x87 or SSE status word, in the order of
 * fpu__exception_code. */
static int pending_code(unsigned pending)
{
	static const struct {
		unsigned bits;
		int code;
	} order[] = {
		{ 0x01, FPE_FLTINV }, { 0x04, FPE_FLTDIV }, { 0x08, FPE_FLTOVF },
		{ 0x12, FPE_FLTUND }, { 0x20, FPE_FLTRES },
	};

	for (unsigned i = 0; i < sizeof order / sizeof order[0]; i++) {
		if (pending & order[i].bits)
			return order[i].code;
	}
	return FPE_FLTUNK;
}

/* Offsets in the legacy XSAVE region (Intel SDM vol. 1, 13.4.1): FCW 0, FSW 2, MXCSR 24. */
int trap_floating_point_code(const struct trap *t, const void *fp)
{
	uint16_t fcw, fsw;
	uint32_t mxcsr;

	memcpy(&fcw, fp, 2);
	memcpy(&fsw, (const char *)fp + 2, 2);
	memcpy(&mxcsr, (const char *)fp + 24, 4);
	return pending_code(t->nr == VECTOR_MF ? fsw & ~fcw & 0x3fU : mxcsr & ~(mxcsr >> 7) & 0x3f);
}
