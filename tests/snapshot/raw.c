/* SPDX-License-Identifier: Apache-2.0 */
/* Raw, ping and packet sockets of a network of one's own: what waits in them, what they still get,
 * and their filters. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "mark.h"

static int check(ssize_t r)
{
	if (r < 0) {
		printf("failed: %s\n", strerror(errno));
		exit(97);
	}
	return (int)r;
}

static void say_all(const char *what, int s, size_t at)
{
	unsigned char b[256];
	ssize_t n;

	while ((n = recv(s, b, sizeof b, MSG_DONTWAIT)) >= 0)
		printf("%s: %zd bytes, %d\n", what, n, b[at]);
	printf("%s: %s\n", what, strerror(errno));
}

int main(void)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct sockaddr_in port = to;
	struct ifreq up = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	unsigned char echo[8] = { ICMP_ECHO };
	struct sock_filter icmp[] = { BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 9),
				      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_ICMP, 0, 1),
				      BPF_STMT(BPF_RET | BPF_K, 24), BPF_STMT(BPF_RET | BPF_K, 0) };
	struct sock_fprog filter = { 4, icmp };
	char text[32] = "";

	if (geteuid() != 0) {
		printf("needs root\n");
		return 97;
	}
	check(unshare(CLONE_NEWNET));
	int u = check(socket(AF_INET, SOCK_DGRAM, 0));
	check(ioctl(u, SIOCSIFFLAGS, &up));
	int range = check(open("/proc/sys/net/ipv4/ping_group_range", O_RDWR));
	check(write(range, "0 0", 3));
	port.sin_port = htons(77);
	int raw = check(socket(AF_INET, SOCK_RAW, IPPROTO_ICMP));
	int ping = check(socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMP));
	check(bind(ping, (struct sockaddr *)&port, sizeof port));
	int packet = check(socket(AF_PACKET, SOCK_DGRAM, htons(ETH_P_IP)));
	check(setsockopt(packet, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof filter));
	check(sendto(ping, echo, sizeof echo, 0, (struct sockaddr *)&to, sizeof to));
	mark();
	for (int turn = 0; turn < 2; turn++) {
		say_all("raw", raw, 20);
		say_all("ping", ping, 0);
		say_all("packet", packet, 20);
		check(sendto(ping, echo, sizeof echo, 0, (struct sockaddr *)&to, sizeof to));
		check(sendto(u, "", 0, 0, (struct sockaddr *)&port, sizeof port));
	}
	check(pread(range, text, sizeof text - 1, 0));
	printf("%s", text);
	return 0;
}
