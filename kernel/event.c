/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel/event.h"

#include <signal.h>

#include <stdlib.h>
#include <string.h>

#include "kernel/sandbox.h"
#include "kernel/signal.h"
#include "kernel/task.h"

/* What siginfo.si_addr holds for an exception. */
enum addr_kind { ADDR_NONE, ADDR_IP };

static const struct exception_signal {
	int sig, code;
	enum addr_kind addr;
} exception_signals[32] = {
	[0] = { SIGFPE, FPE_INTDIV, ADDR_IP },    /* #DE */
	[1] = { SIGTRAP, TRAP_TRACE, ADDR_IP },   /* #DB, single step */
	[3] = { SIGTRAP, SI_KERNEL, ADDR_NONE },  /* #BP */
	[4] = { SIGSEGV, SI_KERNEL, ADDR_NONE },  /* #OF */
	[5] = { SIGSEGV, SI_KERNEL, ADDR_NONE },  /* #BR */
	[6] = { SIGILL, ILL_ILLOPN, ADDR_IP },    /* #UD */
	[10] = { SIGSEGV, SI_KERNEL, ADDR_NONE }, /* #TS */
	[11] = { SIGBUS, SI_KERNEL, ADDR_NONE },  /* #NP */
	[12] = { SIGBUS, SI_KERNEL, ADDR_NONE },  /* #SS */
	[13] = { SIGSEGV, SI_KERNEL, ADDR_NONE }, /* #GP */
	[16] = { SIGFPE, FPE_FLTUNK, ADDR_IP },   /* #MF */
	[17] = { SIGBUS, BUS_ADRALN, ADDR_NONE }, /* #AC */
	[19] = { SIGFPE, FPE_FLTUNK, ADDR_IP },   /* #XM */
};

/* The unmasked pending exception of an x87 or SSE status word, in the order of
 * fpu__exception_code. */
static int fpe_code(unsigned pending)
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
static int floating_point_code(struct task *t, unsigned vector)
{
	uint64_t xcr0;
	size_t size = t->sb->platform->fp_size(t->sb->machine, &xcr0);
	unsigned char *fp = malloc(size);
	int code = FPE_FLTUNK;
	if (fp && t->sb->platform->fp_get(t->context, fp, size) == 0) {
		uint16_t fcw, fsw;
		uint32_t mxcsr;
		memcpy(&fcw, fp, 2);
		memcpy(&fsw, fp + 2, 2);
		memcpy(&mxcsr, fp + 24, 4);
		code = fpe_code(vector == 16 ? fsw & ~fcw & 0x3f : mxcsr & ~(mxcsr >> 7) & 0x3f);
	}
	free(fp);
	return code;
}

void event_exception(struct task *t, unsigned vector, uint64_t error)
{
	const struct exception_signal *e = &exception_signals[vector < 32 ? vector : 13];
	struct cpu_regs regs;

	if (!e->sig)
		e = &exception_signals[13];
	t->sb->platform->regs_get(t->context, &regs);
	int code = vector == 16 || vector == 19 ? floating_point_code(t, vector) : e->code;
	signal_force_fault(t, e->sig, code, e->addr == ADDR_IP ? regs_ip(&regs) : 0, vector, error);
}
