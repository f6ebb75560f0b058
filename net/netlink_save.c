/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Saves and loads sockets of netlink. A copy makes a socket like it, with its port, which is
 * another one where somebody has this one, its groups and its options.
 *
 * Answers that wait are kept where they are in memory of ours (net/sock_diag.c). Those that wait in
 * a socket of the host's cannot be had without taking them away, and what the groups of a copy
 * would have been told since the save nobody knows.
 */
#include <errno.h>
#include <linux/netlink.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "fs/saved.h"
#include "net/host_sock.h"
#include "net/inet.h"
#include "net/net.h"
#include "net/netlink.h"
#include "net/sock_diag.h"

#define NR_GROUPS 32 /* that a bind tells of */

/* Their values are numbers that last. */
static const struct option {
	int level, name;
} kept[] = {
	{ SOL_SOCKET, SO_RCVLOWAT },      { SOL_NETLINK, NETLINK_PKTINFO },
	{ SOL_NETLINK, NETLINK_EXT_ACK }, { SOL_NETLINK, NETLINK_GET_STRICT_CHK },
	{ SOL_NETLINK, NETLINK_CAP_ACK },
};
#define NR_KEPT (sizeof kept / sizeof *kept)

static const char *netlink_refused(struct saver *s, void *object)
{
	struct socket *so = file_socket(object);
	struct pollfd p = { host_sock_of(so)->fd, POLLIN, 0 };

	if (socket_is_sock_diag(so))
		return sock_diag_dumps(so) ? "in the middle of a long answer, which a "
					     "snapshot cannot hold yet"
					   : NULL;
	return poll(&p, 1, 0) > 0 ? "in which there is an answer of the host's, which "
				    "a snapshot cannot hold"
				  : NULL;
}

static int netlink_save(struct saver *s, void *object)
{
	struct socket *so = file_socket(object);
	int fd = host_sock_of(so)->fd;
	struct sockaddr_nl own = { 0 };
	socklen_t len = sizeof own;

	getsockname(fd, (struct sockaddr *)&own, &len);
	net_number_save(s, so->net);
	encode(&s->out, (uint64_t)so->type);
	encode(&s->out, (uint64_t)so->protocol);
	socket_save(s, so);
	encode(&s->out, own.nl_pid);
	encode(&s->out, own.nl_groups);
	for (size_t i = 0; i < NR_KEPT; i++) {
		int value = 0;

		len = sizeof value;
		encode(&s->out, getsockopt(fd, kept[i].level, kept[i].name, &value, &len) == 0);
		encode_signed(&s->out, value);
	}
	netlink_inbox_save(&s->out, so);
	encode(&s->out, socket_is_sock_diag(so));
	if (socket_is_sock_diag(so))
		sock_diag_save(&s->out, so);
	return 0;
}

/* The host's ports are those of all its programs. */
static int bind_again(struct loader *l, struct socket *so, uint32_t port)
{
	struct sockaddr_nl nl = { .nl_family = AF_NETLINK, .nl_pid = port };
	int err = port ? so->ops->bind(so, l->caller, (struct sockaddr *)&nl, sizeof nl) : 0;

	if (err == -EADDRINUSE) {
		nl.nl_pid = 0;
		err = so->ops->bind(so, l->caller, (struct sockaddr *)&nl, sizeof nl);
	}
	return err;
}

static int load_state(struct loader *l, struct socket *so)
{
	struct caller *c = l->caller;
	int err = socket_load(l, so);
	uint32_t port = (uint32_t)decode_max(&l->in, UINT32_MAX);
	uint32_t groups = (uint32_t)decode_max(&l->in, UINT32_MAX);

	if (!err && !l->in.failed)
		err = bind_again(l, so, port);
	for (unsigned g = 1; g <= NR_GROUPS && !err; g++)
		if (groups >> (g - 1) & 1)
			err = so->ops->setsockopt(so, c, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &g,
						  sizeof g);
	for (size_t i = 0; i < NR_KEPT; i++) {
		bool known = decode_bool(&l->in);
		int value = (int)decode_between(&l->in, INT32_MIN, INT32_MAX);
		if (known && value && !l->in.failed)
			(void)so->ops->setsockopt(so, c, kept[i].level, kept[i].name, &value,
						  sizeof value);
	}
	if (!err)
		err = netlink_inbox_load(l, so);
	bool answers = decode_bool(&l->in);
	/* one of the host's here knows no answers of ours */
	return err || !answers || !socket_is_sock_diag(so) ? err : sock_diag_load(l, so);
}

static int netlink_load(struct loader *l, void **out)
{
	struct socket *so;
	struct net *net;
	int err = net_number_load(l, &net);
	int type = (int)decode_max(&l->in, SOCK_PACKET);
	int protocol = (int)decode_max(&l->in, MAX_LINKS);

	if (!err)
		err = netlink_create(net, l->caller, type, protocol, 0, &so);
	if (err)
		return err == -ENOMEM ? err : loader_damaged(l, "a socket of netlink");
	err = load_state(l, so);
	if (!err && l->in.failed)
		err = loader_damaged(l, "a socket of netlink");
	if (err)
		file_put(&so->file);
	else
		*out = &so->file;
	return err;
}

const struct saved_kind netlink_saved = {
	.name = "netlink socket",
	.save = netlink_save,
	.load = netlink_load,
	.put = file_saved_put,
	.refused = netlink_refused,
};
