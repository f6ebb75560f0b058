/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Code of the monitor that only the CPU's own language can say; the functions in assembly are
 * declared where they are used (host/kick.c, host/fixup.h). This is what the signal handlers that
 * watch over it need: where the interrupted code was, and where it is to go on. `uc` is a handler's
 * third argument.
 */
#ifndef HL_ARCH_HOST_H
#define HL_ARCH_HOST_H

#include <stdint.h>

uint64_t host_context_ip(const void *uc);
void host_context_set_ip(void *uc, uint64_t ip);

#endif
