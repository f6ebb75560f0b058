/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A network namespace of the host's (network_namespaces(7)) that has the interface lo and nobody
 * else in it. A process of its own (host/orphan.h) holds it, in a user namespace of its own where
 * the caller may make the other one only there, and makes sockets in it when asked. The monitor
 * itself stays where it is: it could not go there without rights, and /proc would tell it of
 * another network; the one file that tells of this one is opened by the helper at its start. The
 * helper has no rights, and no file and no memory that it shares with us; all it reads are three
 * numbers, which it checks. It ends when our end of its socket is closed.
 */
#ifndef HL_HOST_NETNS_H
#define HL_HOST_NETNS_H

#include <stdint.h>

struct netns;
struct sleeper;

/* 0 or -errno: the host does not let us make one. Before the caller confines itself. */
int netns_new(struct netns **out);
/* NULL: nothing. The namespace goes with the last socket that was made in it. */
void netns_free(struct netns *ns);

/*
 * socket(2) in it, close-on-exec and not blocking: TCP, UDP, or what tells of sockets
 * (NETLINK_SOCK_DIAG). Any number of threads may ask at once. -ENETDOWN: the helper is gone;
 * -EINTR: the sleeper is to end (sleeper_kill); -ENOBUFS: too many ask at once.
 */
int netns_socket(const struct netns *ns, struct sleeper *s, int family, int type, int protocol);
/* What has gone over its lo, in either direction; nothing where the host does not tell. */
void netns_traffic(const struct netns *ns, uint64_t *packets, uint64_t *bytes);

#endif
