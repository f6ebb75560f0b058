/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Datagrams that are carried between ports of the host and a guest's loopback. Each peer of the
 * host's has a socket of its own on the guest's side, so that what the guest answers there goes
 * back to that peer. Nobody says when a peer is done: the one that was quiet for the longest time
 * makes room for another.
 */
#ifndef HL_LIB_PUBLISH_UDP_H
#define HL_LIB_PUBLISH_UDP_H

#include "lib/guest_end.h"

struct sessions {
	struct carrier *carrier;
	struct list list; /* the one that was used last is first */
	unsigned count;
	char *buffer; /* for one datagram */
};

/* 0 or -ENOMEM. */
int sessions_init(struct sessions *s, struct carrier *c);
/* Takes what has come to the host's socket, some datagrams at most. */
void sessions_receive(struct sessions *s, int host, uint16_t port);
/* Carries the guest's answers. */
void sessions_handle(struct sessions *s);
void sessions_end(struct sessions *s);

#endif
