/* SPDX-License-Identifier: Apache-2.0 */
/* Holds the table of address families, and asks the policy. */
#include "net/net.h"

#include <errno.h>
#include <stdlib.h>

#include "net/inet.h"
#include "net/policy.h"
#include "net/socket.h"
#include "net/unix.h"

struct family {
	int (*create)(struct net *net, struct caller *c, int type, int protocol, unsigned flags,
		      struct socket **out);
	int (*pair)(struct net *net, struct caller *c, int type, int protocol, unsigned flags,
		    struct socket *out[2]);
};

static const struct family families[AF_MAX] = {
	[AF_UNIX] = { unix_create, unix_create_pair }, [AF_INET] = { inet_create, NULL },
	[AF_INET6] = { inet6_create, NULL },           [AF_NETLINK] = { netlink_create, NULL },
	[AF_PACKET] = { packet_create, NULL },
};

/* Linux: __sock_create, in its order. */
static int family_find(int family, int type, const struct family **out)
{
	if (family < 0 || family >= AF_MAX)
		return -EAFNOSUPPORT;
	if (type < 0 || type > SOCK_PACKET)
		return -EINVAL;
	*out = &families[family];
	return (*out)->create ? 0 : -EAFNOSUPPORT;
}

int socket_create(struct net *net, struct caller *c, int family, int type, int protocol,
		  unsigned flags, struct socket **out)
{
	const struct family *f;
	int err = family_find(family, type, &f);

	if (!err)
		err = net_prepare(net);
	return err ? err : f->create(net, c, type, protocol, flags, out);
}

int socket_create_pair(struct net *net, struct caller *c, int family, int type, int protocol,
		       unsigned flags, struct socket *out[2])
{
	const struct family *f;
	int err = family_find(family, type, &f);

	if (!err)
		err = net_prepare(net);
	if (err)
		return err;
	if (f->pair)
		return f->pair(net, c, type, protocol, flags, out);
	/* What is wrong with a socket of the kind is said first. */
	err = f->create(net, c, type, protocol, flags, &out[0]);
	if (err)
		return err;
	file_put(&out[0]->file);
	return -EOPNOTSUPP;
}

int net_refuse(const struct net *net, struct caller *c, const struct net_refusal *r)
{
	if (net->refused)
		net->refused(net->told, c, r);
	return r->err;
}

int net_check(const struct net *net, struct caller *c, enum net_use use, const struct sockaddr *a,
	      unsigned len)
{
	struct net_refusal r = { .addr = a, .len = len };

	r.err = net_policy_check(net->policy, use, a, len);
	return r.err ? net_refuse(net, c, &r) : 0;
}
