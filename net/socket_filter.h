/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Filters of sockets (SO_ATTACH_FILTER, socket(7)): programs of classic BPF that see each packet
 * before the socket gets it, and say how much of it there is to be had. Sockets that have them are
 * those whose packets the monitor has: of the sandbox's own loopback, but for TCP, whose bytes have
 * no packets there; unix sockets; events of devices, of which none ever comes.
 */
#ifndef HL_NET_SOCKET_FILTER_H
#define HL_NET_SOCKET_FILTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct loader;
struct saver;
struct sock_filter;
struct socket;

/* What a program sees. Offsets from the two headers are those of SKF_LL_OFF and SKF_NET_OFF. */
struct filter_packet {
	const unsigned char *data; /* of `len` bytes, where the socket begins to read */
	size_t len;
	size_t before;     /* bytes before `data`, where the packet begins */
	size_t link, net;  /* the headers, from where the packet begins */
	unsigned protocol; /* ETH_P_* */
	unsigned type;     /* PACKET_* */
	unsigned interface, hatype;
};

/* Takes the program, of `len` bytes, for the socket. -EINVAL, -EPERM: it is locked, -ENOMEM. */
int socket_filter_attach(struct socket *s, const void *prog, unsigned len);
int socket_filter_detach(struct socket *s); /* -EPERM, -ENOENT */
/* How many instructions there are; `room` says for how many there is room in `buf`, 0: only the
 * number is asked for. -EINVAL: they do not fit. */
int socket_filter_get(struct socket *s, struct sock_filter *buf, unsigned room);
void socket_filter_free(struct socket *s);
/* Does the socket get the packet? Of one that it gets *len bytes, no fewer than `least`. */
bool socket_filter_passes(struct socket *s, const struct filter_packet *p, size_t least,
			  size_t *len);

void socket_filter_save(struct saver *sv, struct socket *s);
int socket_filter_load(struct loader *l, struct socket *s);

#endif
