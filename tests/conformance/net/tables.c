/* SPDX-License-Identifier: Apache-2.0 */
/* /proc/net, /proc/sys/net, /sys/class/net: what they say of the program's own sockets, and of the
 * machine's network. */
#include <arpa/inet.h>
#include <dirent.h>
#include <linux/netlink.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "case.h"
#include "bound.h"

static unsigned long inode_of(int s)
{
	struct stat st;

	NEED(fstat(s, &st));
	return st.st_ino;
}

/* The line about a socket in a table whose column `at` (from 0) is the inode, in *fields. False:
 * there is none. */
static bool find_line(const char *file, int s, int at, char fields[20][128], int *n)
{
	char path[64], line[512], *save, *f;
	bool found = false;

	snprintf(path, sizeof path, "/proc/net/%s", file);
	FILE *t = fopen(path, "r");
	NEED(t ? 0 : -1);
	while (!found && fgets(line, sizeof line, t)) {
		*n = 0;
		for (f = strtok_r(line, " \n", &save); f && *n < 20;
		     f = strtok_r(NULL, " \n", &save))
			snprintf(fields[(*n)++], 128, "%s", f);
		found = *n > at && strtoul(fields[at], NULL, 10) == inode_of(s);
	}
	fclose(t);
	return found;
}

/* Addresses without the ports, which differ; state, queues, owner. */
static void say_line(const char *what, const char *file, int s)
{
	char f[20][128];
	int n;

	if (!find_line(file, s, 9, f, &n))
		say("%s: not in %s\n", what, file);
	else
		say("%s: %.*s %.*s %s %s owner %s, %d columns\n", what, (int)strcspn(f[1], ":"),
		    f[1], (int)strcspn(f[2], ":"), f[2], f[3], f[4], f[7], n);
}

/* The other side may read what was sent, or see the end, before the acknowledgement is back. */
static void await_acknowledged(int s)
{
	int n;

	while (NEED(ioctl(s, SIOCOUTQ, &n)) == 0 && n > 0)
		usleep(1000);
}

static void tcp(int family, const char *file)
{
	struct sockaddr_storage a;
	socklen_t len;
	int l = bound(family, SOCK_STREAM, &a, &len), c = (int)NEED(socket(family, SOCK_STREAM, 0));

	say_line("bound", file, l);
	NEED(listen(l, 3));
	say_line("listening", file, l);
	say_line("new", file, c);
	NEED(connect(c, (struct sockaddr *)&a, len));
	NEED(poll(&(struct pollfd){ .fd = l, .events = POLLIN }, 1, -1));
	say_line("with a connection", file, l);
	int s = (int)NEED(accept(l, NULL, NULL));
	NEED(send(c, "abc", 3, 0));
	NEED(poll(&(struct pollfd){ .fd = s, .events = POLLIN }, 1, -1));
	await_acknowledged(c);
	say_line("client", file, c);
	say_line("server", file, s);
	NEED(shutdown(c, SHUT_WR));
	NEED(poll(&(struct pollfd){ .fd = s, .events = POLLRDHUP }, 1, -1));
	await_acknowledged(c);
	say_line("client", file, c);
	NEED(recv(s, (char[8]){ 0 }, 8, 0));
	NEED(recv(s, (char[8]){ 0 }, 8, 0));
	say_line("server", file, s);
}

CASE(tcp)
{
	tcp(AF_INET, "tcp");
	tcp(AF_INET6, "tcp6");
}

CASE(udp)
{
	struct sockaddr_storage a;
	socklen_t len;
	int u = bound(AF_INET, SOCK_DGRAM, &a, &len), c = (int)NEED(socket(AF_INET, SOCK_DGRAM, 0));

	say_line("bound", "udp", u);
	say_line("new", "udp", c);
	NEED(connect(c, (struct sockaddr *)&a, len));
	say_line("connected", "udp", c);
	say_line("bound to IPv6", "udp6", bound(AF_INET6, SOCK_DGRAM, &a, &len));
	close(u);
}

static void say_unix(const char *what, int s)
{
	char f[20][128];
	int n;

	if (!find_line("unix", s, 6, f, &n))
		say("%s: not there\n", what);
	else
		say("%s: %s %s %s %s %s %s\n", what, f[1], f[2], f[3], f[4], f[5],
		    n > 7 ? f[7] : "-");
}

CASE(unix_sockets)
{
	struct sockaddr_un a = { AF_UNIX, "name" }, b = { AF_UNIX, "\0conformance/net/tables" };
	int l = (int)NEED(socket(AF_UNIX, SOCK_STREAM, 0)),
	    d = (int)NEED(socket(AF_UNIX, SOCK_DGRAM, 0)), v[2];
	int c = (int)NEED(socket(AF_UNIX, SOCK_STREAM, 0));

	say_unix("new", l);
	NEED(bind(l, (struct sockaddr *)&a, sizeof a));
	say_unix("bound", l);
	NEED(listen(l, 1));
	say_unix("listening", l);
	NEED(bind(d, (struct sockaddr *)&b, offsetof(struct sockaddr_un, sun_path) + 24));
	say_unix("datagrams", d);
	NEED(connect(c, (struct sockaddr *)&a, sizeof a));
	say_unix("client", c);
	say_unix("server", (int)NEED(accept(l, NULL, NULL)));
	NEED(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, v));
	say_unix("pair", v[0]);
	close(v[1]);
	say_unix("alone", v[0]);
}

CASE(netlink)
{
	struct sockaddr_nl a = { .nl_family = AF_NETLINK };
	int s = (int)NEED(socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE)), n;
	char f[20][128];

	NEED(bind(s, (struct sockaddr *)&a, sizeof a));
	V(find_line("netlink", s, 9, f, &n));
	say("%s %d %s, %d columns\n", f[1], atoi(f[2]) == getpid(), f[3], n);
}

/* The first line of each table, and how long a line is. */
CASE(heads)
{
	static const char *const files[] = { "tcp",     "tcp6",    "udp",    "udp6",
					     "unix",    "netlink", "dev",    "route",
					     "netstat", "snmp",    "arp",    "if_inet6",
					     "igmp",    "snmp6",   "psched", "protocols" };

	for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
		char path[64], line[4096] = "";
		snprintf(path, sizeof path, "/proc/self/net/%s", files[i]);
		FILE *f = fopen(path, "r");
		if (!f) {
			say("%s: %s\n", files[i], strerrorname_np(errno));
			continue;
		}
		NEED(fgets(line, sizeof line, f) ? 0 : -1);
		say("%s: %zu %.150s\n", files[i], strlen(line),
		    strcmp(files[i], "snmp6") ? line : "");
		fclose(f);
	}
}

CASE(settings)
{
	static const char *const files[] = {
		"core/rmem_max",
		"core/somaxconn",
		"core/wmem_default",
		"ipv4/ip_default_ttl",
		"ipv4/ip_local_port_range",
		"ipv4/ip_unprivileged_port_start",
		"ipv4/ping_group_range",
		"ipv4/tcp_allowed_congestion_control",
		"ipv4/tcp_fin_timeout",
		"ipv4/tcp_keepalive_time",
		"ipv4/tcp_rmem",
		"ipv4/tcp_syncookies",
		"ipv6/bindv6only",
		"ipv6/conf/all/disable_ipv6",
		"ipv6/conf/lo/disable_ipv6",
		"unix/max_dgram_qlen",
	};

	for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
		char path[128];
		snprintf(path, sizeof path, "/proc/sys/net/%s", files[i]);
		say_file(path);
	}
}

CASE(interfaces)
{
	static const char *const files[] = { "address", "addr_len", "broadcast",   "carrier",
					     "flags",   "ifindex",  "mtu",         "operstate",
					     "speed",   "type",     "tx_queue_len" };
	DIR *d = opendir("/sys/class/net");
	struct dirent *e;
	unsigned n = 0, listed = 0;

	for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
		char path[64];
		snprintf(path, sizeof path, "/sys/class/net/lo/%s", files[i]);
		say_file(path);
	}
	NEED(d ? 0 : -1);
	while ((e = readdir(d))) {
		if (e->d_name[0] != '.') {
			listed++;
			n += if_nametoindex(e->d_name) != 0;
		}
	}
	V(n == listed);
	V(listed > 0);
	R(access("/sys/class/net/lo/statistics/rx_bytes", R_OK));
	R(access("/sys/class/net/nosuchdevice", F_OK));
}
