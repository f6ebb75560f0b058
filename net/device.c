/* SPDX-License-Identifier: Apache-2.0 */
/* Answers the ioctl requests about network interfaces (netdevice(7)) with what the host says.
 * Requests that would change an interface fail with EPERM. */
#include "net/device.h"

#include <errno.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "host/hostcall.h"
#include "mm/access.h"
#include "net/net.h"
#include "net/policy.h"

#define LO_INDEX 1
#define LO_MTU   65536
#define LO_QUEUE 1000

static struct sockaddr lo_address(in_addr_t a)
{
	union {
		struct sockaddr any;
		struct sockaddr_in in;
	} u = { .in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(a) } };

	return u.any;
}

/* The one interface of a sandbox that has a loopback of its own. */
static int ask_lo(unsigned cmd, struct ifreq *r)
{
	if (cmd == SIOCGIFNAME) {
		if (r->ifr_ifindex != LO_INDEX)
			return -ENODEV;
		strcpy(r->ifr_name, "lo");
		return 0;
	}
	if (strncmp(r->ifr_name, "lo", sizeof r->ifr_name) != 0)
		return -ENODEV;
	switch (cmd) {
	case SIOCGIFFLAGS: r->ifr_flags = IFF_UP | IFF_LOOPBACK | IFF_RUNNING; break;
	case SIOCGIFMETRIC: r->ifr_metric = 0; break;
	case SIOCGIFMTU: r->ifr_mtu = LO_MTU; break;
	case SIOCGIFHWADDR:
		r->ifr_hwaddr = (struct sockaddr){ .sa_family = ARPHRD_LOOPBACK };
		break;
	case SIOCGIFMAP: memset(&r->ifr_map, 0, sizeof r->ifr_map); break;
	case SIOCGIFINDEX: r->ifr_ifindex = LO_INDEX; break;
	case SIOCGIFTXQLEN: r->ifr_qlen = LO_QUEUE; break;
	case SIOCGIFADDR:
	case SIOCGIFDSTADDR: r->ifr_addr = lo_address(INADDR_LOOPBACK); break;
	case SIOCGIFBRDADDR: r->ifr_broadaddr = lo_address(INADDR_ANY); break;
	case SIOCGIFNETMASK: r->ifr_netmask = lo_address(0xff000000); break;
	default: return -ENOTTY;
	}
	return 0;
}

static int list_lo(struct ifconf *c)
{
	struct ifreq r = { .ifr_name = "lo", .ifr_addr = lo_address(INADDR_LOOPBACK) };

	if (c->ifc_buf && c->ifc_len >= (int)sizeof r)
		memcpy(c->ifc_buf, &r, sizeof r);
	if (!c->ifc_buf || c->ifc_len >= (int)sizeof r)
		c->ifc_len = sizeof r;
	else
		c->ifc_len = 0;
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
static int ask_host(const struct net *net, unsigned cmd, void *arg)
{
	if (net->policy->none)
		return cmd == SIOCGIFCONF ? list_lo(arg) : ask_lo(cmd, arg);
	int fd = (int)host_ret(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));

	if (fd < 0)
		return fd;
	int r = (int)host_ret(ioctl(fd, cmd, arg));
	host_close(fd);
	return r;
}

/* The addresses in a buffer of the guest's; without one, how long it would have to be. */
static int64_t list_addresses(const struct net *net, struct mm *mm, uint64_t arg)
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

int64_t device_ioctl(const struct net *net, bool inet, struct mm *mm, unsigned cmd, uint64_t arg)
{
	struct ifreq r;

	if (cmd == SIOCGIFCONF)
		return list_addresses(net, mm, arg);
	if (_IOC_TYPE(cmd) != SOCK_IOC_TYPE)
		return -ENOTTY;
	if (copy_from_guest(mm, &r, GVA(arg), sizeof r))
		return -EFAULT;
	if (changes_one(cmd))
		return -EPERM;
	int err = asks_about_one(inet && net->policy->none, cmd) ? ask_host(net, cmd, &r) : -ENOTTY;
	return err ? err : copy_to_guest(mm, GVA(arg), &r, sizeof r) ? -EFAULT : 0;
}
