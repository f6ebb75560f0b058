/* SPDX-License-Identifier: Apache-2.0 */
/* Connections that are carried between ports of the host and a guest's loopback. */
#ifndef HL_LIB_PUBLISH_TCP_H
#define HL_LIB_PUBLISH_TCP_H

#include "lib/guest_end.h"

struct relays {
	struct carrier *carrier;
	struct list list;
};

void relays_init(struct relays *r, struct carrier *c);
/* Takes one connection from the host's listener. */
void relays_accept(struct relays *r, int listener, uint16_t port);
/* Moves what can be moved. */
void relays_handle(struct relays *r);
/* Resets all. */
void relays_end(struct relays *r);

#endif
