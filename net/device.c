/* SPDX-License-Identifier: Apache-2.0 */
/* Answers the ioctl requests about network interfaces (netdevice(7)) with what the host says.
 * Requests that would change an interface fail with EPERM. */
#include "net/device.h"

#include <errno.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "host/hostcall.h"
#include "mm/access.h"
#include "net/net.h"
#include "net/policy.h"

/* Asks the host, whose unix sockets answer as all others do. Without a network there are no
 * interfaces, and `arg` stays as it is: an empty list. */
static int ask_host(const struct net *net, unsigned cmd, void *arg)
{
	if (net->policy->none)
		return cmd == SIOCGIFCONF ? 0 : -ENODEV;
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

static bool asks_about_one(unsigned cmd)
{
	switch (cmd) {
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

int64_t device_ioctl(const struct net *net, struct mm *mm, unsigned cmd, uint64_t arg)
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
	int err = asks_about_one(cmd) ? ask_host(net, cmd, &r) : -ENOTTY;
	return err ? err : copy_to_guest(mm, GVA(arg), &r, sizeof r) ? -EFAULT : 0;
}
