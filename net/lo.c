/* SPDX-License-Identifier: Apache-2.0 */
/* The addresses of an interface lo, and what follows of them: see the header. */
#include "net/lo.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>

#include "mm/mm.h"

static const struct in6_addr loopback6 = { { { [15] = 1 } } };

in_addr_t lo_mask(const struct lo_address *a)
{
	return a->bits ? htonl(UINT32_MAX << (32 - a->bits)) : 0;
}

unsigned lo_flags(const struct lo *lo)
{
	return IFF_LOOPBACK | (lo->up ? IFF_UP | IFF_RUNNING : 0);
}

in_addr_t lo_network(const struct lo_address *a)
{
	return lo_ipv4(&a->ip) & lo_mask(a);
}

in_addr_t lo_last(const struct lo_address *a)
{
	return lo_ipv4(&a->ip) | ~lo_mask(a);
}

static bool same_network(const struct lo_address *a, const struct lo_address *b)
{
	return lo_address_is_4(a) && lo_address_is_4(b) && a->bits == b->bits &&
	       lo_network(a) == lo_network(b);
}

static void drop(struct lo *lo, struct lo_address *a)
{
	lock_assert_held(&lo->lock);
	list_del(&a->node);
	lo->nr--;
	mm_host_uncharge(lo->mem, sizeof *a);
	free(a);
}

static struct lo_address *find(struct lo *lo, const struct in6_addr *ip, unsigned bits)
{
	lock_assert_held(&lo->lock);
	struct lo_address *a;

	list_for_each (a, &lo->addresses, node)
		if (a->bits == bits && IN6_ARE_ADDR_EQUAL(&a->ip, ip))
			return a;
	return NULL;
}

/* Behind which one it stands (Linux: __inet_insert_ifa): a secondary one and one of IPv6 behind
 * all, another one behind those that reach no farther. -EINVAL. */
static int find_place(struct lo *lo, struct lo_address *new, struct list **behind)
{
	lock_assert_held(&lo->lock);
	struct lo_address *a;

	*behind = &lo->addresses;
	list_for_each (a, &lo->addresses, node) {
		if (!lo_address_is_4(new) || !lo_address_is_4(a))
			continue;
		if (!a->secondary && new->scope <= a->scope)
			*behind = &a->node;
		if (same_network(a, new) && a->scope != new->scope)
			return -EINVAL;
		new->secondary |= same_network(a, new);
	}
	list_for_each (a, &lo->addresses, node)
		if (lo_address_is_4(new) ? new->secondary &&lo_address_is_4(a) : true)
			*behind = &a->node;
	return 0;
}

static int add_locked(struct lo *lo, const struct lo_address *like)
{
	lock_assert_held(&lo->lock);
	struct lo_address *a;
	struct list *behind;

	if (find(lo, &like->ip, like->bits))
		return -EEXIST;
	if (!mm_host_charge(lo->mem, sizeof *a))
		return -ENOBUFS;
	a = malloc(sizeof *a);
	int err = a ? 0 : -ENOBUFS;
	if (a) {
		*a = *like;
		a->secondary = false;
		a->network_is_local = lo->up;
		err = find_place(lo, a, &behind);
	}
	if (err) {
		mm_host_uncharge(lo->mem, sizeof *a);
		free(a);
		return err;
	}
	list_add(behind, &a->node);
	lo->nr++;
	lo->routes |= lo_address_is_4(a);
	return 0;
}

int lo_add(struct lo *lo, const struct lo_address *a)
{
	mutex_lock(&lo->lock);
	int err = add_locked(lo, a);
	mutex_unlock(&lo->lock);
	return err;
}

int lo_remove(struct lo *lo, const struct in6_addr *ip, unsigned bits)
{
	mutex_lock(&lo->lock);
	struct lo_address *a = find(lo, ip, bits), *b, *next;
	if (a && !a->secondary) {
		list_for_each_safe (b, next, &lo->addresses, node)
			if (b != a && same_network(a, b))
				drop(lo, b);
	}
	if (a)
		drop(lo, a);
	mutex_unlock(&lo->lock);
	return a ? 0 : -EADDRNOTAVAIL;
}

void lo_make_local(struct lo *lo, const struct in6_addr *ip, unsigned bits)
{
	mutex_lock(&lo->lock);
	struct lo_address *a = find(lo, ip, bits);
	if (a)
		a->network_is_local = true;
	mutex_unlock(&lo->lock);
}

/* Linux: inetdev_event, addrconf_notify. */
static int come_up(struct lo *lo)
{
	lock_assert_held(&lo->lock);
	const struct lo_address first = { .ip = lo_mapped(htonl(INADDR_LOOPBACK)),
					  .bits = 8,
					  .scope = RT_SCOPE_HOST,
					  .label = LO_NAME };
	const struct lo_address first6 = { .ip = loopback6, .bits = 128, .scope = RT_SCOPE_HOST };
	struct lo_address *a;
	int err = 0;

	lo->up = lo->been_up = true;
	if (list_empty(&lo->addresses) ||
	    !lo_address_is_4(list_first(&lo->addresses, struct lo_address, node)))
		err = add_locked(lo, &first);
	if (!err)
		err = add_locked(lo, &first6);
	list_for_each (a, &lo->addresses, node)
		a->network_is_local = true;
	return err == -EEXIST ? 0 : err;
}

static void go_down(struct lo *lo)
{
	lock_assert_held(&lo->lock);
	struct lo_address *a, *next;

	lo->up = false;
	list_for_each_safe (a, next, &lo->addresses, node)
		if (!lo_address_is_4(a))
			drop(lo, a);
}

int lo_set_up(struct lo *lo, bool up)
{
	int err = 0;

	mutex_lock(&lo->lock);
	if (up && !lo->up)
		err = come_up(lo);
	else if (!up && lo->up)
		go_down(lo);
	mutex_unlock(&lo->lock);
	return err;
}

int lo_init(struct lo *lo, struct mm_host *mem, bool up)
{
	lo->mem = mem;
	mutex_init(&lo->lock, LOCK_LO);
	list_init(&lo->addresses);
	return lo_set_up(lo, up);
}

static void clear(struct lo *lo)
{
	mutex_lock(&lo->lock);
	while (!list_empty(&lo->addresses))
		drop(lo, list_first(&lo->addresses, struct lo_address, node));
	lo->up = lo->been_up = lo->routes = false;
	mutex_unlock(&lo->lock);
}

int lo_reset(struct lo *lo, bool up)
{
	clear(lo);
	return lo_set_up(lo, up);
}

void lo_destroy(struct lo *lo)
{
	clear(lo);
	mutex_destroy(&lo->lock);
}

/* The address that makes `ip` local: that one, or the one of the smallest network that it is in.
 * NULL: none. */
static struct lo_address *owner(struct lo *lo, const struct in6_addr *ip)
{
	lock_assert_held(&lo->lock);
	struct lo_address *a, *best = NULL;

	list_for_each (a, &lo->addresses, node) {
		if (IN6_ARE_ADDR_EQUAL(&a->ip, ip))
			return a;
		if (!IN6_IS_ADDR_V4MAPPED(ip) || !lo_address_is_4(a) || a->secondary ||
		    !a->network_is_local || !lo_network(a) ||
		    (lo_ipv4(ip) & lo_mask(a)) != lo_network(a))
			continue;
		if (!best || a->bits > best->bits)
			best = a;
	}
	return best;
}

bool lo_is_own(struct lo *lo, const struct in6_addr *ip)
{
	mutex_lock(&lo->lock);
	bool own = owner(lo, ip);
	mutex_unlock(&lo->lock);
	return own;
}

static bool is_last(const struct lo_address *a, in_addr_t ip)
{
	return ip == a->broadcast ||
	       (a->bits < 31 && !a->secondary && lo_network(a) && ip == lo_last(a));
}

bool lo_is_broadcast(struct lo *lo, const struct in6_addr *ip)
{
	struct lo_address *a;
	bool found = false;

	if (!IN6_IS_ADDR_V4MAPPED(ip))
		return false;
	mutex_lock(&lo->lock);
	list_for_each (a, &lo->addresses, node)
		found |= lo->up && lo_address_is_4(a) && lo_ipv4(ip) && is_last(a, lo_ipv4(ip));
	mutex_unlock(&lo->lock);
	return found;
}

const struct lo_address *lo_primary(struct lo *lo, const struct lo_address *a)
{
	lock_assert_held(&lo->lock);
	const struct lo_address *b;

	if (a->secondary)
		list_for_each (b, &lo->addresses, node)
			if (!b->secondary && same_network(a, b))
				return b;
	return a;
}

/* A secondary one speaks with the name of the first of its network. */
struct in6_addr lo_source(struct lo *lo, const struct in6_addr *to)
{
	struct in6_addr ip =
	    IN6_IS_ADDR_V4MAPPED(to) ? lo_mapped(htonl(INADDR_LOOPBACK)) : loopback6;

	mutex_lock(&lo->lock);
	const struct lo_address *a = owner(lo, to);
	if (a)
		ip = lo_primary(lo, a)->ip;
	mutex_unlock(&lo->lock);
	return ip;
}

bool lo_first(struct lo *lo, struct lo_address *out)
{
	mutex_lock(&lo->lock);
	bool any = !list_empty(&lo->addresses);
	if (any)
		*out = *list_first(&lo->addresses, struct lo_address, node);
	mutex_unlock(&lo->lock);
	return any && lo_address_is_4(out);
}
