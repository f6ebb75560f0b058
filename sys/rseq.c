/* SPDX-License-Identifier: Apache-2.0 */
/* rseq(2), membarrier(2) */
#include "kernel/rseq.h"

#include <linux/membarrier.h>

#include "kernel/membarrier.h"
#include "sys/sys.h"

#define RSEQ_FLAG_UNREGISTER 1

SYSCALL_DEFINE(rseq)
{
	uint32_t len = (uint32_t)a[1], flags = (uint32_t)a[2], sig = (uint32_t)a[3];

	if (flags & ~RSEQ_FLAG_UNREGISTER)
		return -EINVAL;
	return flags ? rseq_unregister(t, GVA(a[0]), len, sig)
		     : rseq_register(t, GVA(a[0]), len, sig);
}

#define MEMBARRIER_CMD_GET_REGISTRATIONS 512

/* What registers for which command; the commands themselves work only then (membarrier(2)). */
static const struct barrier_kind {
	uint32_t command, registration;
	bool whole_sandbox;
} barrier_kinds[] = {
	{ MEMBARRIER_CMD_GLOBAL, 0, true },
	{ MEMBARRIER_CMD_GLOBAL_EXPEDITED, 0, true },
	{ MEMBARRIER_CMD_PRIVATE_EXPEDITED, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, false },
	{ MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE,
	  MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE, false },
	{ MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ,
	  false },
};
#define REGISTRATIONS                                                                              \
	(MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED | MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED |    \
	 MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE |                                     \
	 MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ)

static uint32_t all_commands(void)
{
	uint32_t mask = REGISTRATIONS | MEMBARRIER_CMD_GET_REGISTRATIONS;

	for (unsigned i = 0; i < sizeof barrier_kinds / sizeof *barrier_kinds; i++)
		mask |= barrier_kinds[i].command;
	return mask;
}

static int64_t barrier(struct task *t, uint32_t cmd)
{
	for (unsigned i = 0; i < sizeof barrier_kinds / sizeof *barrier_kinds; i++) {
		const struct barrier_kind *k = &barrier_kinds[i];
		if (k->command != cmd)
			continue;
		if (k->registration && !(t->process->membarrier_registered & k->registration))
			return -EPERM;
		membarrier_fence(t, k->whole_sandbox);
		return 0;
	}
	return -EINVAL;
}

/* Linux marks whoever registers for one of the other private kinds as registered for the plain one,
 * and says so, but does not let it use that. */
static uint32_t registrations(const struct process *p)
{
	const uint32_t others = MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE |
				MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ;
	uint32_t own = p->membarrier_registered;

	return own & others ? own | MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED : own;
}

SYSCALL_DEFINE(membarrier)
{
	uint32_t cmd = (uint32_t)a[0], flags = (uint32_t)a[1];
	bool one_cpu =
	    cmd == MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ && flags == MEMBARRIER_CMD_FLAG_CPU;

	if (flags && !one_cpu)
		return -EINVAL;
	if (cmd == MEMBARRIER_CMD_QUERY)
		return all_commands();
	if (cmd == MEMBARRIER_CMD_GET_REGISTRATIONS)
		return registrations(t->process);
	if (cmd & REGISTRATIONS && !(cmd & (cmd - 1))) {
		t->process->membarrier_registered |= cmd;
		return 0;
	}
	return barrier(t, cmd);
}
