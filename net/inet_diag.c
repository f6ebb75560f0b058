/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What sock_diag(7) says of TCP and UDP sockets: the host's own answers, in which its numbers and
 * owner of a socket are replaced by the guest's. Sockets that are not the guest's are left out; so
 * are those without a file (TIME_WAIT), of which nobody can tell whose they were.
 */
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <stdlib.h>

#include "cred/cred.h"
#include "host/hostcall.h"
#include "net/host_sock.h"
#include "net/net.h"
#include "net/sock_diag.h"

/* A socket of the guest: its inode on the host, and what the guest knows of it. */
struct owner {
	uint32_t host_ino, ino;
	uid_t uid;
};

/* The host loads no module for a protocol that the guest has no sockets of. Of the attributes one
 * is known to be about nothing but the guest's question: another names a protocol, another
 * descriptors, which would be the monitor's. */
int inet_diag_program(const struct nlmsghdr *h, const unsigned char **code, size_t *len)
{
	const struct inet_diag_req_v2 *r = nlmsg_body(h);
	const unsigned char *at = (const unsigned char *)(r + 1);
	struct nlattr a;

	*code = NULL;
	*len = 0;
	if (h->nlmsg_len < NLMSG_LENGTH(sizeof *r))
		return -EINVAL;
	if (r->sdiag_protocol != IPPROTO_TCP && r->sdiag_protocol != IPPROTO_UDP)
		return -ENOENT;
	for (size_t left = h->nlmsg_len - NLMSG_LENGTH(sizeof *r); left >= sizeof a;) {
		memcpy(&a, at, sizeof a);
		if (a.nla_len < sizeof a || a.nla_len > left ||
		    a.nla_type != INET_DIAG_REQ_BYTECODE)
			return -ENOENT;
		*code = at + sizeof a;
		*len = a.nla_len - sizeof a;
		/* the last may lack what would make it whole words */
		size_t step = NLMSG_ALIGN((size_t)a.nla_len);
		step = step < left ? step : left;
		left -= step;
		at += step;
	}
	return 0;
}

/* Nothing of the request's header but what concerns the question; the acknowledgement is ours. */
static int send_request(int fd, const struct nlmsghdr *request)
{
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	struct nlmsghdr h = *request;
	char *copy = malloc(request->nlmsg_len);
	struct iovec iov = { copy, request->nlmsg_len };
	struct msghdr m = {
		.msg_name = &kernel, .msg_namelen = sizeof kernel, .msg_iov = &iov, .msg_iovlen = 1
	};

	if (!copy)
		return -ENOMEM;
	h.nlmsg_flags &= NLM_F_REQUEST | NLM_F_DUMP;
	h.nlmsg_pid = 0;
	memcpy(copy, request, request->nlmsg_len);
	memcpy(copy, &h, sizeof h);
	long n = host_ret(sendmsg(fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL));
	free(copy);
	return n < 0 ? (int)n : 0;
}

int inet_diag_ask(struct net *net, struct caller *c, const struct nlmsghdr *request)
{
	const unsigned char *code;
	size_t len;
	int err = inet_diag_program(request, &code, &len);

	if (err)
		return err;
	int fd = host_sock_make(net, c, AF_NETLINK, SOCK_RAW, NETLINK_SOCK_DIAG);
	if (fd < 0)
		return fd;
	err = cred_assume_powerless(c->cred);
	if (!err)
		err = send_request(fd, request);
	if (!err)
		return fd;
	host_close(fd);
	return err;
}

static int by_host_inode(const void *a, const void *b)
{
	const struct owner *x = a, *y = b;

	return x->host_ino < y->host_ino ? -1 : x->host_ino > y->host_ino;
}

/* The guest's sockets of the host, sorted; NULL: no memory. */
static struct owner *owners_of(struct net *net, size_t *n)
{
	struct socket *s;
	size_t room = 1;

	*n = 0;
	mutex_lock(&net->lock);
	list_for_each (s, &net->sockets, net_node)
		room++;
	struct owner *o = malloc(room * sizeof *o);
	if (o)
		list_for_each (s, &net->sockets, net_node)
			if (!net->loop && (s->family == AF_INET || s->family == AF_INET6))
				o[(*n)++] =
				    (struct owner){ host_sock_inode(s), (uint32_t)s->file.anon_ino,
						    s->attr.uid };
	mutex_unlock(&net->lock);
	if (o)
		qsort(o, *n, sizeof *o, by_host_inode);
	return o;
}

/* Makes the host's message about a socket one for the guest. False: the socket is not the
 * guest's. */
static bool translate(struct inet_diag_msg *m, const struct owner *owners, size_t n)
{
	struct owner key = { .host_ino = m->idiag_inode };
	const struct owner *o =
	    key.host_ino ? bsearch(&key, owners, n, sizeof key, by_host_inode) : NULL;

	if (!o)
		return false;
	m->idiag_inode = o->ino;
	m->idiag_uid = o->uid;
	return true;
}

/* Goes through a datagram of the host in place. 0, 1 at the end of what it has to say, or the error
 * that it tells. */
static int take_messages(struct nlbuf *b, uint32_t port, const struct owner *owners, size_t n)
{
	size_t left = b->len, out = 0;

	for (size_t at = 0; left - at >= sizeof(struct nlmsghdr);) {
		struct nlmsghdr *h = (struct nlmsghdr *)(void *)(b->data + at);
		size_t len = NLMSG_ALIGN(h->nlmsg_len);
		if (h->nlmsg_len < sizeof *h || len > left - at)
			break;
		if (h->nlmsg_type == NLMSG_ERROR)
			return ((struct nlmsgerr *)NLMSG_DATA(h))->error;
		at += len;
		bool done = h->nlmsg_type == NLMSG_DONE;
		if (!done && (h->nlmsg_len < NLMSG_LENGTH(sizeof(struct inet_diag_msg)) ||
			      !translate(NLMSG_DATA(h), owners, n)))
			continue;
		h->nlmsg_pid = port;
		memmove(b->data + out, h, len);
		out += len;
		if (done) {
			b->len = out;
			return 1;
		}
	}
	b->len = out;
	return 0;
}

int inet_diag_next(struct net *net, int fd, uint32_t port, struct nlbuf *out)
{
	size_t n;
	long len = host_ret(recv(fd, out->data, out->size, MSG_DONTWAIT));

	if (len < 0)
		return (int)len;
	struct owner *owners = owners_of(net, &n);
	if (!owners)
		return -ENOMEM;
	out->len = (size_t)len;
	int r = take_messages(out, port, owners, n);
	free(owners);
	return r;
}
