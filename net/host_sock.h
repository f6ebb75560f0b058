/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sockets of the host behind sockets of the guest. What the guest may ask of one stands in the rules of its family:
 * options, control messages and requests whose value is plain data and which concern that socket alone.
 */
#ifndef HL_NET_HOST_SOCK_H
#define HL_NET_HOST_SOCK_H

#include "net/socket.h"

struct host_options {
	int level;
	uint64_t low, high; /* bit n: option n, 64 + n */
};

struct host_rules {
	/* May data go there, may this go out? 0 or -errno. NULL: yes. */
	int (*check_address)(const struct sockaddr *a, unsigned len);
	int (*check_control)(struct socket_msg *m);
	int (*check_data)(const void *data, size_t len); /* of a datagram, in memory of ours */
	const struct host_options *options;              /* ends with those of level -1 */
	/* Size of the argument of an ioctl that goes to the host, both ways; 0: it does not. */
	unsigned (*ioctl_size)(unsigned cmd);
};

int host_sock_create(struct net *net, struct caller *c, const struct host_rules *rules, int family, int type,
		     int protocol, unsigned flags, struct socket **out);

#endif
