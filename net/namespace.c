/* SPDX-License-Identifier: Apache-2.0 */
/* The life of network namespaces, and what snapshots keep of them. */
#include "net/namespace.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cred/cred.h"
#include "fs/vfs.h"
#include "host/netns.h"
#include "mm/mm.h"
#include "net/loop.h"
#include "net/net.h"
#include "net/policy.h"
#include "net/unix.h"
#include "util/saved.h"

void net_domain_init(struct net_domain *d, struct mm_host *mem, struct ns_numbers *numbers)
{
	*d = (struct net_domain){ .mem = mem, .numbers = numbers };
	mutex_init(&d->lock, LOCK_NET_LIST);
	list_init(&d->nets);
}

void net_domain_clear(struct net_domain *d)
{
	struct net *net;

	if (!d->mem)
		return;
	if (d->unix_domain)
		unix_domain_free(d->unix_domain);
	mutex_lock(&d->lock);
	d->unix_domain = NULL;
	list_for_each (net, &d->nets, node) {
		net->prepared = false;
		net->unix_domain = NULL;
	}
	mutex_unlock(&d->lock);
}

void net_domain_destroy(struct net_domain *d)
{
	if (d->mem)
		mutex_destroy(&d->lock);
}

bool net_is_own(const struct net *net)
{
	return net->policy->none && !net->policy->netns;
}

struct net *net_of(struct ns_common *ns)
{
	return container_of(ns, struct net, ns);
}

static void net_release(struct ns_common *ns)
{
	struct net *net = net_of(ns);
	struct net_domain *d = net->domain;

	mutex_lock(&d->lock);
	list_del(&net->node);
	mutex_unlock(&d->lock);
	loop_network_free(net->loop);
	lo_destroy(&net->lo);
	mutex_destroy(&net->filters);
	mutex_destroy(&net->lock);
	mm_host_uncharge(d->mem, sizeof *net);
	d->nr--;
	free(net);
}

int net_new(struct net_domain *d, const struct net_policy *policy, bool up,
	    struct user_namespace *owner, struct net **out)
{
	if (atomic_fetch_add(&d->nr, 1) >= NET_NS_MAX) {
		d->nr--;
		return -ENOSPC;
	}
	bool room = mm_host_charge(d->mem, sizeof(struct net));
	struct net *net = room ? calloc(1, sizeof *net) : NULL;
	if (!net) {
		if (room)
			mm_host_uncharge(d->mem, sizeof *net);
		d->nr--;
		return -ENOMEM;
	}
	net->domain = d;
	net->mem = d->mem;
	net->policy = policy;
	net->ping_groups = PING_NOBODY;
	mutex_init(&net->lock, LOCK_NET);
	mutex_init(&net->filters, LOCK_FILTER);
	list_init(&net->sockets);
	ns_init(&net->ns, NS_NET, d->numbers, owner, net_release);
	mutex_lock(&d->lock);
	list_add_tail(&d->nets, &net->node);
	mutex_unlock(&d->lock);
	int err = lo_init(&net->lo, d->mem, up);
	if (err)
		ns_put(&net->ns);
	else
		*out = net;
	return err;
}

static int prepare_locked(struct net *net)
{
	struct net_domain *d = net->domain;

	lock_assert_held(&d->lock);
	if (!d->unix_domain)
		d->unix_domain = unix_domain_new(d->mem);
	net->unix_domain = d->unix_domain;
	if (net_is_own(net) && !net->loop)
		net->loop = loop_network_new(d->mem);
	if (!net->unix_domain || (net_is_own(net) && !net->loop))
		return -ENOMEM;
	net->prepared = true;
	return 0;
}

int net_prepare(struct net *net)
{
	if (net->prepared)
		return 0;
	mutex_lock(&net->domain->lock);
	int err = prepare_locked(net);
	mutex_unlock(&net->domain->lock);
	return err;
}

int net_clear(struct net *net)
{
	loop_network_free(net->loop);
	net->loop = NULL;
	net->prepared = false;
	net->packets = net->bytes = 0;
	net->ping_groups = PING_NOBODY;
	return lo_reset(&net->lo, true);
}

void net_traffic(const struct net *net, uint64_t *packets, uint64_t *bytes)
{
	if (net->policy->netns) {
		netns_traffic(net->policy->netns, packets, bytes);
		return;
	}
	*packets = net->packets;
	*bytes = net->bytes;
}

int net_set_up(struct net *net, bool up)
{
	int err = net_prepare(net);
	if (!err)
		err = lo_set_up(&net->lo, up);
	if (!err && up)
		loop_link_up(net->loop);
	return err;
}

/* ---- in snapshots ---- */

void net_number_save(struct saver *s, struct net *net)
{
	encode(&s->out, s->ns(s, &net->ns));
}

int net_number_load(struct loader *l, struct net **out)
{
	void *ns;
	int err = l->ns(l, decode(&l->in), &ns);

	if (!err && (!ns || ((struct ns_common *)ns)->kind != NS_NET))
		err = loader_damaged(l, "the network of a socket");
	if (err)
		return err;
	*out = net_of(ns);
	return net_prepare(*out);
}

void net_save(struct saver *s, struct net *net)
{
	struct encoder *out = &s->out;
	const struct lo_address *a;

	encode(out, net->ping_groups);
	encode(out, net->lo.up);
	encode(out, net->lo.been_up);
	encode(out, net->lo.routes);
	mutex_lock(&net->lo.lock);
	encode(out, net->lo.nr);
	list_for_each (a, &net->lo.addresses, node) {
		encode_bytes(out, &a->ip, sizeof a->ip);
		encode(out, a->bits);
		encode(out, a->scope);
		encode(out, a->broadcast);
		encode_bytes(out, a->label, sizeof a->label);
		encode(out, a->network_is_local);
	}
	mutex_unlock(&net->lo.lock);
}

static int load_address(struct loader *l, struct lo *lo)
{
	struct lo_address a = { .bits = 0 };
	struct decoder *in = &l->in;

	decode_into(in, &a.ip, sizeof a.ip);
	a.bits = (unsigned)decode_max(in, lo_address_is_4(&a) ? 32 : 128);
	a.scope = (unsigned char)decode_max(in, UINT8_MAX);
	a.broadcast = (in_addr_t)decode_max(in, UINT32_MAX);
	decode_into(in, a.label, sizeof a.label);
	a.label[sizeof a.label - 1] = '\0';
	bool local = decode_bool(in);
	int err = in->failed ? -EINVAL : lo_add(lo, &a);
	if (!err && local)
		lo_make_local(lo, &a.ip, a.bits);
	return err == -EINVAL || err == -EEXIST ? loader_damaged(l, "an address") : err;
}

int net_load(struct loader *l, struct net *first, struct net **out)
{
	const struct caller *c = l->caller;
	struct net *net;
	int err = net_new(first->domain, &net_policy_none, false, c->cred->user_ns, &net);

	if (err)
		return err;
	net->ping_groups = decode(&l->in);
	bool up = decode_bool(&l->in), been_up = decode_bool(&l->in);
	bool routes = decode_bool(&l->in);
	uint64_t nr = decode_count(&l->in, sizeof(struct in6_addr));
	for (uint64_t i = 0; i < nr && !err; i++)
		err = load_address(l, &net->lo);
	net->lo.up = up;
	net->lo.been_up = been_up;
	net->lo.routes = routes;
	if (err)
		ns_put(&net->ns);
	else
		*out = net;
	return err;
}
