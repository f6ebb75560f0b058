/* SPDX-License-Identifier: Apache-2.0 */
/* Tells the observer of a sandbox what its first network refuses and learns. */
#include "kernel/observer.h"
#include "kernel/task.h"
#include "net/net.h"

static void on_refused(void *arg, struct caller *c, const struct net_refusal *r)
{
	struct observer *o = arg;

	o->ops->net_refused(o, c->task, r);
}

static void on_named(void *arg, const struct dns_name *n)
{
	struct observer *o = arg;

	o->ops->net_named(o, task_current(), n);
}

void observer_of_net(struct observer *o, struct net *net)
{
	net->refused = o->ops->net_refused ? on_refused : NULL;
	net->named = o->ops->net_named ? on_named : NULL;
	net->told = o;
}
