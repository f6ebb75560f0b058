/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guest's end of what is carried between a port of the host and one of its loopback: a socket
 * of the sandbox's that no process of it has. Those of one sandbox belong to one thread, which
 * sleeps in an epoll instance of the host's and as a sleeper of the guest's; whichever side has
 * changed, the end becomes ready.
 */
#ifndef HL_LIB_GUEST_END_H
#define HL_LIB_GUEST_END_H

#include "kernel/visitor.h"
#include "net/socket.h"
#include "util/list.h"

struct carrier {
	struct net *net;
	struct visitor visitor; /* the thread's own */
	int epfd;               /* data.ptr of what belongs to an end: the end */
	_Atomic bool some_ready;
};

struct guest_end {
	struct carrier *carrier;
	struct socket *socket; /* NULL: none yet */
	uint16_t port;
	int family; /* of the loopback's address that it was sent to */
	struct waiter waiter;
	struct poll_table poll;
	_Atomic bool ready;
};

void guest_end_init(struct guest_end *e, struct carrier *c, uint16_t port);
/* Makes the socket and connects it to the port, at 127.0.0.1 or (AF_INET6) ::1, in place of the one
 * there was. 0: it is connected, or on its way; -errno. */
int guest_end_connect(struct guest_end *e, int family, int type);
void guest_end_close(struct guest_end *e, bool reset);
/* Is it decided whether there is a connection? */
bool guest_end_settled(struct guest_end *e);
/* SO_ERROR, which is taken: 0 or -errno. */
int guest_end_error(struct guest_end *e);
ssize_t guest_end_send(struct guest_end *e, void *data, size_t len);
ssize_t guest_end_receive(struct guest_end *e, void *data, size_t len);
void guest_end_set_ready(struct guest_end *e);

#endif
