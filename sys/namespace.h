/* SPDX-License-Identifier: Apache-2.0 */
/* What system calls do with a namespace that a descriptor stands for (namespaces(7)). */
#ifndef HL_SYS_NAMESPACE_H
#define HL_SYS_NAMESPACE_H

#include <sys/ioctl.h>

#include "sys/sys.h"

struct ns_common;
struct socket;

/* NS_GET_USERNS of ioctl_nsfs(2): a descriptor of the user namespace that owns it. -EPERM: the
 * caller is not to know that. */
int64_t ns_owner_descriptor(struct task *t, const struct ns_common *ns);
/* NS_GET_PARENT: of the one above it, where there is such. */
int64_t ns_parent_descriptor(struct task *t, struct ns_common *ns);
/* SIOCGSKNS: a descriptor of the network namespace that a socket is of. -EPERM: for who has
 * CAP_NET_ADMIN there. */
int64_t ns_of_socket_descriptor(struct task *t, const struct socket *s);
/* NS_GET_PID_FROM_PIDNS and others: what `nr` in one of the caller's namespace of pids and `ns` is
 * in the other. -ESRCH. */
int64_t ns_translate_pid(struct task *t, struct ns_common *ns, unsigned cmd, pid_t nr);

#ifndef NS_GET_PID_FROM_PIDNS /* Linux 6.11 */
#define NS_GET_PID_FROM_PIDNS  _IOR(0xb7, 0x6, int)
#define NS_GET_TGID_FROM_PIDNS _IOR(0xb7, 0x7, int)
#define NS_GET_PID_IN_PIDNS    _IOR(0xb7, 0x8, int)
#define NS_GET_TGID_IN_PIDNS   _IOR(0xb7, 0x9, int)
#endif

#endif
