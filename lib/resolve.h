/* SPDX-License-Identifier: Apache-2.0 */
/* The addresses that a name has on this host. */
#ifndef HL_LIB_RESOLVE_H
#define HL_LIB_RESOLVE_H

#include <netinet/in.h>
#include <stddef.h>

/* All addresses of `name`, each once, those of IPv4 as ::ffff:A.B.C.D, as the host's programs find
 * them: *count of them, 0 when it has none. The caller frees *out. 0; -ENOENT: the host has no
 * getent; -errno. */
int resolve(const char *name, struct in6_addr **out, size_t *count);

#endif
