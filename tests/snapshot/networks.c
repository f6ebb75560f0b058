/* SPDX-License-Identifier: Apache-2.0 */
/* Network namespaces: who is in which, their interfaces, connections within one that nobody is in
 * any more, names that two of them have. */
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "mark.h"

static int check(int r)
{
	if (r < 0) {
		printf("failed: %s\n", strerror(errno));
		exit(97);
	}
	return r;
}

static void up(int flags)
{
	struct ifreq r = { .ifr_name = "lo", .ifr_flags = (short)flags };
	int s = check(socket(AF_INET, SOCK_DGRAM, 0));

	check(ioctl(s, SIOCSIFFLAGS, &r));
	close(s);
}

static void say_flags(const char *where)
{
	struct ifreq r = { .ifr_name = "lo" }, a = r;
	int s = check(socket(AF_INET, SOCK_DGRAM, 0));

	check(ioctl(s, SIOCGIFFLAGS, &r));
	printf("%s: lo is %s", where, r.ifr_flags & IFF_UP ? "up" : "down");
	if (ioctl(s, SIOCGIFADDR, &a) == 0)
		printf(", %s", inet_ntoa(((struct sockaddr_in *)(void *)&a.ifr_addr)->sin_addr));
	printf("\n");
	close(s);
}

static struct sockaddr_in at(unsigned port)
{
	return (struct sockaddr_in){ .sin_family = AF_INET,
				     .sin_port = htons((uint16_t)port),
				     .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
}

static int listener(unsigned port)
{
	struct sockaddr_in a = at(port);
	int s = check(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));

	check(bind(s, (struct sockaddr *)&a, sizeof a));
	check(listen(s, 4));
	return s;
}

static int named(const char *name, int (*fn)(int, const struct sockaddr *, socklen_t))
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int s = check(socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0));

	strcpy(a.sun_path + 1, name);
	check(fn(s, (struct sockaddr *)&a,
		 (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name))));
	return s;
}

static void say_received(const char *what, int s)
{
	char b[32] = "";
	ssize_t n = recv(s, b, sizeof b - 1, MSG_DONTWAIT);

	printf("%s: %s\n", what, n < 0 ? strerror(errno) : b);
}

static ino_t network(void)
{
	struct stat st;

	check(stat("/proc/self/ns/net", &st));
	return st.st_ino;
}

int main(void)
{
	struct sockaddr_in a = at(7000), b = at(7001);
	int to_child[2], waits, status;

	if (geteuid() != 0) {
		printf("needs root\n");
		return 97;
	}
	check(unshare(CLONE_NEWNET));
	up(IFF_UP);
	int l = listener(7000), c = check(socket(AF_INET, SOCK_STREAM, 0));
	check(connect(c, (struct sockaddr *)&a, sizeof a));
	check((int)send(c, "in the first", 12, 0));
	int first_name = named("name", bind), first = check(open("/proc/self/ns/net", O_RDONLY));
	ino_t first_ino = network();

	/* the child is in a third one, whose lo was up */
	check(pipe(to_child));
	pid_t pid = check(fork());
	if (!pid) {
		char x;
		close(to_child[1]);
		check(unshare(CLONE_NEWNET));
		up(IFF_UP);
		int m = listener(7001);
		up(0);
		waits = check(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
		if (!connect(waits, (struct sockaddr *)&b, sizeof b) || errno != EINPROGRESS)
			printf("connected\n");
		fflush(stdout);
		if (read(to_child[0], &x, 1) < 0)
			printf("failed\n");
		say_flags("child");
		up(IFF_UP);
		struct pollfd p = { .fd = waits, .events = POLLOUT };
		poll(&p, 1, -1);
		check(accept(m, NULL, NULL));
		say_flags("child, later");
		fflush(stdout);
		_exit(0);
	}
	close(to_child[0]);
	/* and we are in a second one, whose lo is down */
	check(unshare(CLONE_NEWNET));
	int second_name = named("name", bind), sender = named("name", connect);
	check((int)send(sender, "in the second", 13, 0));
	mark();
	say_flags("second");
	printf("another one: %d\n", network() != first_ino);
	say_received("second name", second_name);
	say_received("first name", first_name);
	int s = check(accept(l, NULL, NULL));
	say_received("first", s);
	check((int)send(s, "answer", 6, 0));
	say_received("answer", c);
	check(setns(first, CLONE_NEWNET));
	say_flags("first");
	printf("back: %d\n", network() == first_ino);
	check((int)send(named("name", connect), "later", 5, 0));
	say_received("first name", first_name);
	fflush(stdout);
	close(to_child[1]);
	check(waitpid(pid, &status, 0));
	printf("child: %d\n", status);
	return 0;
}
