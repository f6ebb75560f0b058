/* SPDX-License-Identifier: Apache-2.0 */
/* Messages of netlink(7), put one after another into a buffer of a fixed size. */
#ifndef HL_NET_NLMSG_H
#define HL_NET_NLMSG_H

#include <linux/netlink.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline const void *nlmsg_body(const struct nlmsghdr *h)
{
	return (const char *)h + NLMSG_HDRLEN;
}

struct nlbuf {
	unsigned char *data;
	size_t len, size;
	bool full; /* something did not fit, and nothing was put since */
};

/* Room for `n` bytes, zeroed and aligned; NULL: there is none. */
static inline void *nlbuf_put(struct nlbuf *b, size_t n)
{
	size_t room = NLMSG_ALIGN(n);

	b->full = b->full || room > b->size - b->len;
	if (b->full)
		return NULL;
	b->len += room;
	return memset(b->data + b->len - room, 0, room);
}

/* The head of a message like that one, whose length is not known yet. NULL: there is no room. */
static inline struct nlmsghdr *nlmsg_begin(struct nlbuf *b, unsigned type,
					   const struct nlmsghdr *like)
{
	struct nlmsghdr *h = nlbuf_put(b, sizeof *h);

	if (h)
		*h = (struct nlmsghdr){ .nlmsg_type = (uint16_t)type,
					.nlmsg_flags = like->nlmsg_flags,
					.nlmsg_seq = like->nlmsg_seq,
					.nlmsg_pid = like->nlmsg_pid };
	return h;
}

/* An attribute; returns where its `n` bytes are, which are zeros as yet. */
static inline void *nlbuf_attr(struct nlbuf *b, unsigned type, size_t n)
{
	struct nlattr *a = nlbuf_put(b, NLA_HDRLEN + n);

	if (!a)
		return NULL;
	a->nla_type = (uint16_t)type;
	a->nla_len = (uint16_t)(NLA_HDRLEN + n);
	return a + 1;
}

static inline void nlbuf_attr_copy(struct nlbuf *b, unsigned type, const void *val, size_t n)
{
	void *to = nlbuf_attr(b, type, n);

	if (to)
		memcpy(to, val, n);
}

#endif
