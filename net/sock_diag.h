/* SPDX-License-Identifier: Apache-2.0 */
/* NETLINK_SOCK_DIAG (sock_diag(7)): what `ss` asks about the sandbox's own sockets. */
#ifndef HL_NET_SOCK_DIAG_H
#define HL_NET_SOCK_DIAG_H

#include <linux/inet_diag.h>
#include <string.h>

#include "net/nlmsg.h"
#include "net/socket.h"

struct encoder;
struct loader;

/* As netlink_create, for NETLINK_SOCK_DIAG, and for the routes of a loopback of the sandbox's own
 * (net/route.h). */
int sock_diag_create(struct net *net, struct caller *c, int type, int protocol, unsigned flags,
		     struct socket **out);

/* In snapshots: the answers that wait. */
bool socket_is_sock_diag(const struct socket *s);
/* The calls below: of such a one. */
/* Puts a message of the kernel's own into it. */
void sock_diag_deliver(struct socket *s, const void *data, size_t len);
bool sock_diag_dumps(struct socket *s); /* is it in the middle of a dump? */
void sock_diag_save(struct encoder *out, struct socket *s);
int sock_diag_load(struct loader *l, struct socket *s);

/* net/inet_diag.c: the host's answers about the host's sockets, as far as they are about those of
 * the guest. */

/* Can a request, which came from a guest, be answered? If so, the program that comes with it and
 * chooses among sockets (linux/inet_diag.h: struct inet_diag_bc_op); NULL: none. */
int inet_diag_program(const struct nlmsghdr *request, const unsigned char **code, size_t *len);
/* Asks the host for what a request wants: a descriptor that gives its answers, or -errno. */
int inet_diag_ask(struct net *net, struct caller *c, const struct nlmsghdr *request);
/* The next of the host's datagrams about sockets of `net`, which may be empty, as it is to be sent
 * to `port`. 0; 1: it was the last; -EAGAIN: there is no more; another -errno: the host's or
 * ours. */
int inet_diag_next(struct net *net, int fd, uint32_t port, struct nlbuf *out);

/* ---- sockets that the monitor has the whole of; net->lock held ---- */

/* What is asked about connections that no socket is left of. */
struct diag_ended {
	const struct nlmsghdr *request, *like; /* an answer's head is like that one */
	bool net_admin;                        /* has who asks CAP_NET_ADMIN? */
};

struct own_diag {
	/* Does the request ask for the socket? Then *st is what it is like; it comes zeroed. */
	bool (*wants)(const struct nlmsghdr *request, struct socket *s, struct socket_stat *st);
	/* Appends what is asked for about it to a message. */
	void (*put)(struct nlbuf *b, struct socket *s, const struct socket_stat *st,
		    const struct nlmsghdr *request);
	/* Appends messages about connections that no socket is left of: from the *nth of them on,
	 * as many as there is room for. NULL: there are none. */
	void (*put_ended)(struct net *net, const struct diag_ended *e, struct nlbuf *b,
			  size_t *nth);
};
/* Linux: sock_diag_check_cookie. */
static inline bool sock_diag_cookie_fits(const uint32_t cookie[2], uint64_t is)
{
	return (cookie[0] == INET_DIAG_NOCOOKIE && cookie[1] == INET_DIAG_NOCOOKIE) ||
	       !memcmp(cookie, &is, sizeof is);
}

/* net/loop_diag.c: sockets of a loopback of our own. No lock held: can the request, which came from
 * a guest, be answered? 0 or -errno. */
int loop_diag_check(const struct nlmsghdr *request);
/* Is it the one socket that is asked for? */
bool loop_diag_is(const struct nlmsghdr *request, struct socket *s, struct socket_stat *st);
/* Appends a message about the connection that is asked for, if no socket is left of it. */
bool loop_diag_put_ended(struct net *net, const struct diag_ended *e, struct nlbuf *b);
extern const struct own_diag loop_diag;

/* net/unix_diag.c */

struct unix_diag_req;
/* Appends what is asked for about a unix socket to a message. */
void unix_diag_put(struct nlbuf *b, struct socket *s, const struct socket_stat *st, uint32_t show);

#endif
