/* SPDX-License-Identifier: Apache-2.0 */
/* What system calls do with a namespace that a descriptor stands for (namespaces(7)). */
#ifndef HL_SYS_NAMESPACE_H
#define HL_SYS_NAMESPACE_H

#include "sys/sys.h"

struct ns_common;
struct socket;

/* NS_GET_USERNS of ioctl_nsfs(2): a descriptor of the user namespace that owns it. -EPERM: the
 * caller is not to know that. */
int64_t ns_owner_descriptor(struct task *t, const struct ns_common *ns);
/* NS_GET_PARENT: of the one above it, where there is such. */
int64_t ns_parent_descriptor(struct task *t, const struct ns_common *ns);
/* SIOCGSKNS: a descriptor of the network namespace that a socket is of. -EPERM: for who has
 * CAP_NET_ADMIN there. */
int64_t ns_of_socket_descriptor(struct task *t, const struct socket *s);

#endif
