/* SPDX-License-Identifier: Apache-2.0 */
/* Answers the ioctl requests about network interfaces (netdevice(7)): of the host's with what the
 * host says, and nothing is changed there; of a lo of our own from what we know. */
#include "net/device.h"

#include <errno.h>
#include <linux/capability.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "cred/cred.h"
#include "fs/vfs.h"
#include "host/hostcall.h"
#include "mm/access.h"
#include "net/net.h"
#include "net/policy.h"

static struct sockaddr lo_address(in_addr_t a)
{
	union {
		struct sockaddr any;
		struct sockaddr_in in;
	} u = { .in = { .sin_family = AF_INET, .sin_addr.s_addr = a } };

	return u.any;
}

/* An address of lo, or what belongs to one; where it has none, there is nothing to say. */
static int ask_address(struct lo *lo, unsigned cmd, struct sockaddr *out)
{
	struct lo_address a;

	if (!lo_first(lo, &a))
		return -EADDRNOTAVAIL;
	switch (cmd) {
	case SIOCGIFBRDADDR: *out = lo_address(a.broadcast); break;
	case SIOCGIFNETMASK: *out = lo_address(lo_mask(&a)); break;
	default: *out = lo_address(lo_ipv4(&a.ip));
	}
	return 0;
}

/* The one interface of a sandbox that has a loopback of its own. */
static int ask_lo(struct lo *lo, unsigned cmd, struct ifreq *r)
{
	if (cmd == SIOCGIFNAME) {
		if (r->ifr_ifindex != LO_INDEX)
			return -ENODEV;
		strcpy(r->ifr_name, LO_NAME);
		return 0;
	}
	if (strncmp(r->ifr_name, LO_NAME, sizeof r->ifr_name) != 0)
		return -ENODEV;
	switch (cmd) {
	case SIOCGIFFLAGS: r->ifr_flags = (short)lo_flags(lo); break;
	case SIOCGIFMETRIC: r->ifr_metric = 0; break;
	case SIOCGIFMTU: r->ifr_mtu = LO_MTU; break;
	case SIOCGIFHWADDR:
		r->ifr_hwaddr = (struct sockaddr){ .sa_family = ARPHRD_LOOPBACK };
		break;
	case SIOCGIFMAP: memset(&r->ifr_map, 0, sizeof r->ifr_map); break;
	case SIOCGIFINDEX: r->ifr_ifindex = LO_INDEX; break;
	case SIOCGIFTXQLEN: r->ifr_qlen = LO_QUEUE; break;
	case SIOCGIFADDR:
	case SIOCGIFDSTADDR:
	case SIOCGIFBRDADDR:
	case SIOCGIFNETMASK: return ask_address(lo, cmd, &r->ifr_addr);
	default: return -ENOTTY;
	}
	return 0;
}

/* As much of the list as there is room for, of whole entries; without a buffer, its length. */
static int list_lo(struct lo *lo, struct ifconf *c)
{
	const struct lo_address *a;
	int at = 0;

	mutex_lock(&lo->lock);
	list_for_each (a, &lo->addresses, node) {
		struct ifreq r = { .ifr_addr = lo_address(lo_ipv4(&a->ip)) };
		if (!lo_address_is_4(a))
			continue;
		memcpy(r.ifr_name, a->label, sizeof r.ifr_name);
		if (c->ifc_buf && c->ifc_len - at < (int)sizeof r)
			break;
		if (c->ifc_buf)
			memcpy(c->ifc_buf + at, &r, sizeof r);
		at += (int)sizeof r;
	}
	mutex_unlock(&lo->lock);
	c->ifc_len = at;
	return 0;
}

unsigned device_index(const struct net *net, const char *name)
{
	return net->policy->none ? strcmp(name, "lo") == 0 : if_nametoindex(name);
}

bool device_name(const struct net *net, unsigned index, char name[IF_NAMESIZE])
{
	if (!net->policy->none)
		return if_indextoname(index, name);
	strcpy(name, "lo");
	return index == LO_INDEX;
}

/* Asks the host, whose unix sockets answer as all others do. */
static int ask_host(struct net *net, unsigned cmd, void *arg)
{
	if (net->policy->none)
		return cmd == SIOCGIFCONF ? list_lo(&net->lo, arg) : ask_lo(&net->lo, cmd, arg);
	int fd = (int)host_ret(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));

	if (fd < 0)
		return fd;
	int r = (int)host_ret(ioctl(fd, cmd, arg));
	host_close(fd);
	return r;
}

/* The addresses in a buffer of the guest's; without one, how long it would have to be. */
static int64_t list_addresses(struct net *net, struct mm *mm, uint64_t arg)
{
	struct ifconf guest, host = { 0 };

	if (copy_from_guest(mm, &guest, GVA(arg), sizeof guest))
		return -EFAULT;
	uint64_t buf = (uint64_t)guest.ifc_buf;
	int err = ask_host(net, SIOCGIFCONF, &host);
	if (err)
		return err;
	if (buf) {
		if (host.ifc_len > guest.ifc_len)
			host.ifc_len = guest.ifc_len < 0 ? 0 : guest.ifc_len;
		host.ifc_buf = malloc((size_t)host.ifc_len + 1);
		if (!host.ifc_buf)
			return -ENOMEM;
		err = ask_host(net, SIOCGIFCONF, &host);
		if (!err && copy_to_guest(mm, GVA(buf), host.ifc_buf, (size_t)host.ifc_len))
			err = -EFAULT;
		free(host.ifc_buf);
	}
	guest.ifc_len = host.ifc_len;
	return err ? err : copy_to_guest(mm, GVA(arg), &guest, sizeof guest) ? -EFAULT : 0;
}

/* The addresses of the host's are asked of its own sockets (net/host_sock.c). */
static bool asks_about_one(bool inet, unsigned cmd)
{
	switch (cmd) {
	case SIOCGIFADDR:
	case SIOCGIFDSTADDR:
	case SIOCGIFBRDADDR:
	case SIOCGIFNETMASK: return inet;
	case SIOCGIFNAME:
	case SIOCGIFFLAGS:
	case SIOCGIFMETRIC:
	case SIOCGIFMTU:
	case SIOCGIFHWADDR:
	case SIOCGIFMAP:
	case SIOCGIFINDEX:
	case SIOCGIFTXQLEN: return true;
	}
	return false;
}

static bool changes_one(unsigned cmd)
{
	switch (cmd) {
	case SIOCSIFNAME:
	case SIOCSIFFLAGS:
	case SIOCSIFMETRIC:
	case SIOCSIFMTU:
	case SIOCSIFHWADDR:
	case SIOCSIFMAP:
	case SIOCSIFTXQLEN:
	case SIOCADDMULTI:
	case SIOCDELMULTI: return true;
	}
	return false;
}

/* Of a lo of our own it is up or not that can be changed. */
static int change_lo(struct net *net, struct caller *c, unsigned cmd, const struct ifreq *r)
{
	unsigned flags = (unsigned short)r->ifr_flags;

	if (!net_is_own(net) || !cred_ns_capable(c->cred, net->ns.owner, CAP_NET_ADMIN))
		return -EPERM;
	if (strncmp(r->ifr_name, LO_NAME, sizeof r->ifr_name) != 0)
		return -ENODEV;
	if (cmd != SIOCSIFFLAGS || flags & LO_FLAGS_UNKNOWN)
		return -EOPNOTSUPP;
	return net_set_up(net, flags & IFF_UP);
}

int64_t device_ioctl(struct net *net, struct caller *c, bool inet, struct mm *mm, unsigned cmd,
		     uint64_t arg)
{
	struct ifreq r;

	if (cmd == SIOCGIFCONF)
		return list_addresses(net, mm, arg);
	if (_IOC_TYPE(cmd) != SOCK_IOC_TYPE)
		return -ENOTTY;
	if (copy_from_guest(mm, &r, GVA(arg), sizeof r))
		return -EFAULT;
	if (changes_one(cmd))
		return change_lo(net, c, cmd, &r);
	int err = asks_about_one(inet && net->policy->none, cmd) ? ask_host(net, cmd, &r) : -ENOTTY;
	return err ? err : copy_to_guest(mm, GVA(arg), &r, sizeof r) ? -EFAULT : 0;
}
