/* SPDX-License-Identifier: Apache-2.0 */
/* A table of peers, and datagrams both ways. See the header. */
#include "lib/publish_udp.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "host/hostcall.h"

#define SESSIONS 256
#define DATAGRAM 65536
#define ROUNDS   64 /* datagrams before somebody else has a turn */

struct session {
	struct list node;
	struct guest_end guest;
	int host; /* the socket that its datagrams come to */
	struct sockaddr_storage peer;
	socklen_t peer_len;
};

int sessions_init(struct sessions *s, struct carrier *c)
{
	s->carrier = c;
	s->count = 0;
	list_init(&s->list);
	s->buffer = malloc(DATAGRAM);
	return s->buffer ? 0 : -ENOMEM;
}

static void session_free(struct sessions *s, struct session *one)
{
	guest_end_close(&one->guest, false);
	list_del(&one->node);
	s->count--;
	free(one);
}

static struct session *session_new(struct sessions *s, uint16_t port)
{
	struct session *one = calloc(1, sizeof *one);

	if (!one)
		return NULL;
	if (s->count == SESSIONS)
		session_free(s, list_last(&s->list, struct session, node));
	guest_end_init(&one->guest, s->carrier, port);
	list_add(&s->list, &one->node);
	s->count++;
	if (!guest_end_connect(&one->guest, AF_INET, SOCK_DGRAM))
		return one;
	session_free(s, one);
	return NULL;
}

/* The peer's, made where there is none; NULL: it cannot be. */
static struct session *session_of(struct sessions *s, int host, uint16_t port,
				  const struct sockaddr_storage *peer, socklen_t len)
{
	struct session *one;

	list_for_each (one, &s->list, node) {
		if (one->host != host || one->peer_len != len || memcmp(&one->peer, peer, len) != 0)
			continue;
		list_del(&one->node);
		list_add(&s->list, &one->node);
		return one;
	}
	one = session_new(s, port);
	if (one) {
		one->host = host;
		one->peer = *peer;
		one->peer_len = len;
	}
	return one;
}

/* A guest that is at ::1 alone is reached there. Who is nowhere loses it, as on any network; what
 * the loopback says of an earlier datagram ends the next call, which is made again. */
static void deliver(struct guest_end *g, void *data, size_t len)
{
	if (guest_end_send(g, data, len) == -ECONNREFUSED)
		guest_end_send(g, data, len);
	if (guest_end_error(g) != -ECONNREFUSED)
		return;
	if (!guest_end_connect(g, g->family == AF_INET ? AF_INET6 : AF_INET, SOCK_DGRAM))
		guest_end_send(g, data, len);
}

void sessions_receive(struct sessions *s, int host, uint16_t port)
{
	for (unsigned i = 0; i < ROUNDS; i++) {
		struct sockaddr_storage peer = { 0 };
		socklen_t len = sizeof peer;
		ssize_t n = recvfrom(host, s->buffer, DATAGRAM, MSG_DONTWAIT,
				     (struct sockaddr *)&peer, &len);
		struct session *one = n >= 0 ? session_of(s, host, port, &peer, len) : NULL;
		if (one && one->guest.socket)
			deliver(&one->guest, s->buffer, (size_t)n);
		if (n < 0 && errno == EAGAIN)
			return;
	}
}

static void handle(struct sessions *s, struct session *one)
{
	ssize_t n = 0;

	one->guest.ready = false;
	for (unsigned i = 0; i < ROUNDS; i++) {
		n = guest_end_receive(&one->guest, s->buffer, DATAGRAM);
		if (n == -EAGAIN)
			return;
		if (n >= 0)
			sendto(one->host, s->buffer, (size_t)n, MSG_DONTWAIT | MSG_NOSIGNAL,
			       (struct sockaddr *)&one->peer, one->peer_len);
	}
	guest_end_set_ready(&one->guest);
}

void sessions_handle(struct sessions *s)
{
	struct session *one, *next;

	list_for_each_safe (one, next, &s->list, node)
		if (one->guest.ready && one->guest.socket)
			handle(s, one);
}

void sessions_end(struct sessions *s)
{
	while (!list_empty(&s->list))
		session_free(s, list_first(&s->list, struct session, node));
	free(s->buffer);
}
