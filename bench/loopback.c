/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TCP over 127.0.0.1 between two processes: the time of a round trip of one byte, and how much goes
 * through. bench/loopback compares where it runs. Prints "RTT_NS MB_PER_SECOND".
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ROUNDS 20000
#define TOTAL  (256L << 20)
#define PIECE  65536

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void check(long r, const char *what)
{
	if (r < 0) {
		perror(what);
		exit(1);
	}
}

static void serve(int l)
{
	static char buf[PIECE];
	int s = accept(l, NULL, NULL), on = 1;
	long total = 0, n = 0;

	check(s, "accept");
	check(setsockopt(s, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on), "TCP_NODELAY");
	for (int i = 0; i < ROUNDS; i++) {
		check(read(s, buf, 1), "read");
		check(write(s, buf, 1), "write");
	}
	while (total < TOTAL && (n = read(s, buf, sizeof buf)) > 0)
		total += n;
	check(n, "read");
	check(write(s, buf, 1), "write");
	_exit(0);
}

int main(void)
{
	static char buf[PIECE];
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof a;
	int l = socket(AF_INET, SOCK_STREAM, 0), s = socket(AF_INET, SOCK_STREAM, 0), on = 1;

	check(bind(l, (struct sockaddr *)&a, sizeof a), "bind");
	check(listen(l, 1), "listen");
	check(getsockname(l, (struct sockaddr *)&a, &len), "getsockname");
	pid_t child = fork();
	check(child, "fork");
	if (!child)
		serve(l);
	check(connect(s, (struct sockaddr *)&a, sizeof a), "connect");
	check(setsockopt(s, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on), "TCP_NODELAY");
	double start = now();
	for (int i = 0; i < ROUNDS; i++) {
		check(write(s, buf, 1), "write");
		check(read(s, buf, 1), "read");
	}
	double middle = now();
	for (long total = 0; total < TOTAL;) {
		long n = write(s, buf, sizeof buf);
		check(n, "write");
		total += n;
	}
	check(read(s, buf, 1), "read");
	double end = now();
	waitpid(child, NULL, 0);
	printf("%.0f %.0f\n", (middle - start) / ROUNDS,
	       (double)TOTAL / 1e6 / ((end - middle) / 1e9));
	return 0;
}
