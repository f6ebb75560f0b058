/* SPDX-License-Identifier: Apache-2.0 */
/* Reads and changes the program counter in the context that a signal handler of the monitor
 * receives. See arch/host.h. */
#include "arch/host.h"

#include <ucontext.h>

uint64_t host_context_ip(const void *uc)
{
	return ((const ucontext_t *)uc)->uc_mcontext.pc;
}

void host_context_set_ip(void *uc, uint64_t ip)
{
	((ucontext_t *)uc)->uc_mcontext.pc = ip;
}
