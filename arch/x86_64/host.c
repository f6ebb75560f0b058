/* SPDX-License-Identifier: Apache-2.0 */
/* Reads and changes the instruction pointer in the context that a signal handler of the monitor
 * receives. See arch/host.h. */
#include "arch/host.h"

#include <ucontext.h>

uint64_t host_context_ip(const void *uc)
{
	return (uint64_t)((const ucontext_t *)uc)->uc_mcontext.gregs[REG_RIP];
}

void host_context_set_ip(void *uc, uint64_t ip)
{
	((ucontext_t *)uc)->uc_mcontext.gregs[REG_RIP] = (greg_t)ip;
}
