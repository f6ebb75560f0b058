/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ports of the host that reach a guest whose network is its own. Whoever connects to one is
 * connected to the guest's port on its loopback, or has datagrams sent there, and a thread carries
 * what is sent. The guest sees a peer on its own loopback.
 */
#ifndef HL_LIB_PUBLISH_H
#define HL_LIB_PUBLISH_H

#include <netinet/in.h>
#include <stdint.h>

#include "hl.h"

struct hl_config;
struct publisher;
struct sandbox;

struct publication {
	struct sockaddr_storage at; /* of the host */
	uint16_t guest;             /* a port */
	int type;                   /* SOCK_STREAM: of TCP; SOCK_DGRAM: of UDP */
};

/* [ADDRESS:]HOST:GUEST[/tcp|/udp], HOST and GUEST ports; IPv6 in brackets; without an address
 * 127.0.0.1. NULL, or what is wrong with it. */
const char *publication_parse(const char *text, struct publication *out);

/* Listens at the host's ports that the configuration names: *out, or NULL where it names none. 0,
 * or -1 with *err. */
int publisher_open(const struct hl_config *cfg, struct publisher **out, struct hl_error **err);
/* From now on connections are carried. */
int publisher_start(struct publisher *p, struct sandbox *sb, struct hl_error **err);
/* Ends all of it, before the sandbox goes. NULL: nothing. */
void publisher_free(struct publisher *p);

#endif
