/* SPDX-License-Identifier: Apache-2.0 */
/* Reads messages of the domain name system: see the header. */
#include "net/dns.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#define HEADER_SIZE   12
#define QUESTION_TAIL 4  /* type and class */
#define RECORD_HEAD   10 /* type, class, time to live, length */
#define MAX_JUMPS     32 /* of compressed names */
#define MAX_ALIASES   16
#define TYPE_A        1
#define TYPE_CNAME    5
#define TYPE_AAAA     28
#define CLASS_IN      1
#define IS_ANSWER     0x80 /* of byte 2 */
#define OPCODE        0x78

static unsigned get16(const uint8_t *p)
{
	return (unsigned)p[0] << 8 | p[1];
}

/* One label, in small letters: false when it does not fit or holds what no host name has. A name
 * that one text could stand for and another, too, would be judged by the wrong one. */
static bool put_label(char *name, size_t *at, const uint8_t *label, size_t len)
{
	if (*at + len + (*at != 0) > NET_NAME_MAX)
		return false;
	if (*at)
		name[(*at)++] = '.';
	for (size_t i = 0; i < len; i++) {
		if (!isalnum(label[i]) && label[i] != '-' && label[i] != '_')
			return false;
		name[(*at)++] = (char)tolower(label[i]);
	}
	return true;
}

/* Reads a name at `at`: where it ends in the message; 0: it is none. */
static size_t read_name(const uint8_t *msg, size_t size, size_t at, char name[NET_NAME_MAX + 1])
{
	size_t end = 0, out = 0;
	unsigned jumps = 0;

	while (at < size && msg[at]) {
		unsigned len = msg[at];
		if (len >= 0xc0) {
			if (at + 2 > size || ++jumps > MAX_JUMPS)
				return 0;
			if (!end)
				end = at + 2;
			at = get16(msg + at) & 0x3fff;
			continue;
		}
		if (len > 63 || len >= size - at || !put_label(name, &out, msg + at + 1, len))
			return 0;
		at += len + 1;
	}
	if (at >= size)
		return 0;
	name[out] = '\0';
	return end ? end : at + 1;
}

size_t dns_question(const uint8_t *msg, size_t size, char name[NET_NAME_MAX + 1])
{
	if (size < HEADER_SIZE || msg[2] & OPCODE || get16(msg + 4) != 1)
		return 0;
	size_t end = read_name(msg, size, HEADER_SIZE, name);
	return end && size - end >= QUESTION_TAIL ? end + QUESTION_TAIL : 0;
}

int dns_check_question(const struct net_policy *p, const struct sockaddr *server, unsigned len,
		       const uint8_t *msg, size_t size)
{
	char name[NET_NAME_MAX + 1];

	if (!dns_question(msg, size, name) || msg[2] & IS_ANSWER)
		return -EINVAL;
	return net_policy_may_ask(p, server, len, name) ? 0 : -EACCES;
}

/* The record at `at`. Where it ends; 0: it is none. */
struct record {
	char owner[NET_NAME_MAX + 1];
	unsigned type, class, len;
	size_t data; /* where it is */
};

static size_t read_record(const uint8_t *msg, size_t size, size_t at, struct record *r)
{
	at = read_name(msg, size, at, r->owner);
	if (!at || size - at < RECORD_HEAD)
		return 0;
	r->type = get16(msg + at);
	r->class = get16(msg + at + 2);
	r->len = get16(msg + at + 8);
	r->data = at + RECORD_HEAD;
	return r->len <= size - r->data ? r->data + r->len : 0;
}

static bool address_in(const uint8_t *msg, const struct record *r, struct in6_addr *out)
{
	if (r->class != CLASS_IN)
		return false;
	if (r->type == TYPE_AAAA && r->len == sizeof *out) {
		memcpy(out, msg + r->data, sizeof *out);
		return true;
	}
	*out = (struct in6_addr){ { { [10] = 0xff, 0xff } } };
	memcpy(&out->s6_addr[12], msg + r->data, r->len == 4 ? 4 : 0);
	return r->type == TYPE_A && r->len == 4;
}

/* An answer names the aliases on the way, in the order in which one leads to the next, and then the
 * addresses of the last one. They are the addresses of what was asked about. */
void dns_take_answer(const struct net_policy *p, const struct sockaddr *server, unsigned len,
		     const uint8_t *msg, size_t size, dns_named_fn *named, void *arg)
{
	char asked[NET_NAME_MAX + 1], name[NET_NAME_MAX + 1];
	size_t at = dns_question(msg, size, asked);
	struct in6_addr addr;
	unsigned aliases = 0;
	struct record r;

	if (!at || !(msg[2] & IS_ANSWER))
		return;
	strcpy(name, asked);
	for (unsigned left = get16(msg + 6); left && aliases <= MAX_ALIASES; left--) {
		at = read_record(msg, size, at, &r);
		if (!at)
			return;
		if (strcmp(r.owner, name) != 0)
			continue;
		if (r.type == TYPE_CNAME && r.class == CLASS_IN) {
			if (!read_name(msg, size, r.data, name))
				return;
			aliases++;
		} else if (address_in(msg, &r, &addr)) {
			net_policy_learn(p, server, len, asked, &addr);
			if (named)
				named(arg, &(struct dns_name){ asked, &addr, server, len });
		}
	}
}
