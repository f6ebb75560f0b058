/* SPDX-License-Identifier: Apache-2.0 */
#include "net/net.h"

#include <errno.h>
#include <stdlib.h>

#include "net/inet.h"
#include "net/socket.h"
#include "net/unix.h"

struct family {
	int (*create)(struct net *net, struct caller *c, int type, int protocol, unsigned flags, struct socket **out);
	int (*pair)(struct net *net, struct caller *c, int type, int protocol, unsigned flags, struct socket *out[2]);
};

static const struct family families[AF_MAX] = {
	[AF_UNIX] = { unix_create, unix_create_pair },
	[AF_INET] = { inet_create, NULL },
	[AF_INET6] = { inet6_create, NULL },
	[AF_NETLINK] = { netlink_create, NULL },
};

static const struct family *family_find(int family)
{
	if (family < 0 || family >= AF_MAX || !families[family].create)
		return NULL;
	return &families[family];
}

int socket_create(struct net *net, struct caller *c, int family, int type, int protocol, unsigned flags,
		  struct socket **out)
{
	const struct family *f = family_find(family);

	return f ? f->create(net, c, type, protocol, flags, out) : -EAFNOSUPPORT;
}

int socket_create_pair(struct net *net, struct caller *c, int family, int type, int protocol, unsigned flags,
		       struct socket *out[2])
{
	const struct family *f = family_find(family);

	if (!f)
		return -EAFNOSUPPORT;
	return f->pair ? f->pair(net, c, type, protocol, flags, out) : -EOPNOTSUPP;
}

struct net *net_new(struct mm_host *mem)
{
	struct net *net = calloc(1, sizeof(*net));

	if (!net)
		return NULL;
	net->unix_domain = unix_domain_new(mem);
	if (!net->unix_domain) {
		free(net);
		return NULL;
	}
	return net;
}

void net_free(struct net *net)
{
	if (!net)
		return;
	unix_domain_free(net->unix_domain);
	free(net);
}
