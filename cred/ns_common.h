/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What namespaces of all kinds have in common (namespaces(7)): references, a number, a user
 * namespace that owns them. fs/nsfs.h has the files that stand for them.
 *
 * A namespace is embedded in what it isolates: mnt_namespace (fs/mount.h), ipc_namespace
 * (ipc/ipc.h), net (net/net.h), pid_namespace (kernel/pid.h), uts_namespace (kernel/uts.h),
 * time_namespace (kernel/time_ns.h), user_namespace (cred/user_ns.h). One of control groups is this
 * struct alone: its root is the group that it was made in, which is the one that a sandbox shows.
 */
#ifndef HL_CRED_NS_COMMON_H
#define HL_CRED_NS_COMMON_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "util/ref.h"

struct user_namespace;

/* X(enum, name as in /proc/PID/ns, flag of clone(2), number of a system's first one) */
#define NS_KINDS(X)                                                                                \
	X(NS_CGROUP, "cgroup", 0x02000000U, 4026531835U)                                           \
	X(NS_IPC, "ipc", 0x08000000U, 4026531839U)                                                 \
	X(NS_MNT, "mnt", 0x00020000U, 4026531832U)                                                 \
	X(NS_NET, "net", 0x40000000U, 4026531833U)                                                 \
	X(NS_PID, "pid", 0x20000000U, 4026531836U)                                                 \
	X(NS_TIME, "time", 0x00000080U, 4026531834U)                                               \
	X(NS_USER, "user", 0x10000000U, 4026531837U)                                               \
	X(NS_UTS, "uts", 0x04000000U, 4026531838U)

#define NS_KIND(kind, ...) kind,
enum ns_kind { NS_KINDS(NS_KIND) NR_NS_KINDS };
#undef NS_KIND

struct ns_common {
	struct ref refs;
	enum ns_kind kind;
	unsigned inum;
	struct user_namespace *owner; /* reference; NULL: of the first user namespace */
	bool counted;                 /* by ns_count */
	void (*release)(struct ns_common *ns);
};

const char *ns_kind_name(enum ns_kind kind);
unsigned ns_kind_clone_flag(enum ns_kind kind);

/* A namespace's number: the first of a kind has a fixed one, which Linux gives it on every machine
 * (linux/nsfs.h) and which says nothing of the host's; later ones count up. Any thread. */
struct ns_numbers {
	_Atomic bool first_taken[NR_NS_KINDS];
	_Atomic unsigned later;
};

/* One reference. `release` frees it. */
void ns_init(struct ns_common *ns, enum ns_kind kind, struct ns_numbers *numbers,
	     struct user_namespace *owner, void (*release)(struct ns_common *ns));
/* Counts it for its owner and for all above, until it is released: /proc/sys/user. -ENOSPC: one of
 * these has as many as it may have. Whoever made it, once. */
int ns_count(struct ns_common *ns);
/* The number that it had in the sandbox it is a copy of; what is no such number has no effect. */
void ns_renumber(struct ns_common *ns, struct ns_numbers *numbers, unsigned inum);
struct ns_common *ns_get(struct ns_common *ns);
void ns_put(struct ns_common *ns);
/* A namespace of a kind that is this struct alone. NULL: no memory. */
struct ns_common *ns_new(enum ns_kind kind, struct ns_numbers *numbers,
			 struct user_namespace *owner);

#endif
