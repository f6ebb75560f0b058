/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads a line, and then prints all that is random and all that tells the time: what copies of a
 * snapshot print is the same for all that are deterministic, and for no other two.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/times.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void show(const char *what, const void *bytes, size_t n)
{
	const unsigned char *b = bytes;

	printf("%s:", what);
	for (size_t i = 0; i < n; i++)
		printf(" %02x", b[i]);
	putchar('\n');
}

static void draw_file(const char *name, size_t n)
{
	char buf[64];
	int fd = open(name, O_RDONLY);

	if (fd < 0 || read(fd, buf, n) != (ssize_t)n)
		exit(1);
	close(fd);
	show(name, buf, n);
}

static void draw(void)
{
	char buf[700];

	if (getrandom(buf, sizeof buf, 0) != sizeof buf)
		exit(2);
	show("getrandom", buf, 16);
	show("and on", buf + sizeof buf - 16, 16);
	draw_file("/dev/urandom", 11);
	draw_file("/dev/random", 11);
	draw_file("/proc/sys/kernel/random/uuid", 36);
	draw_file("/proc/sys/kernel/random/boot_id", 36);
}

static long long now(clockid_t clock)
{
	struct timespec ts;

	if (clock_gettime(clock, &ts))
		exit(3);
	return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

static void look(const char *when)
{
	static const clockid_t clocks[] = {
		CLOCK_REALTIME,      CLOCK_MONOTONIC,          CLOCK_BOOTTIME,
		CLOCK_MONOTONIC_RAW, CLOCK_REALTIME_COARSE,    CLOCK_MONOTONIC_COARSE,
		CLOCK_TAI,           CLOCK_PROCESS_CPUTIME_ID, CLOCK_THREAD_CPUTIME_ID
	};
	struct timeval tv;
	struct tms tms;
	struct rusage ru;

	printf("%s:", when);
	for (size_t i = 0; i < sizeof clocks / sizeof *clocks; i++)
		printf(" %lld", now(clocks[i]));
	gettimeofday(&tv, NULL);
	clock_t ticks = times(&tms);
	getrusage(RUSAGE_SELF, &ru);
	printf(" %ld.%06ld %ld %ld %ld %ld\n", tv.tv_sec, tv.tv_usec, time(NULL), ticks,
	       tms.tms_utime + tms.tms_stime, ru.ru_utime.tv_usec + ru.ru_stime.tv_usec);
}

static void on_alarm(int sig)
{
}

static void waits(void)
{
	nanosleep(&(struct timespec){ 0, 20000000 }, NULL);
	look("slept");
	long long at = now(CLOCK_REALTIME) + 10000000;
	struct timespec until = { at / 1000000000, at % 1000000000 };
	clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &until, NULL);
	look("slept until");
	poll(NULL, 0, 7);
	look("polled");

	pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
	pthread_cond_t c = PTHREAD_COND_INITIALIZER;
	pthread_mutex_lock(&m);
	until.tv_nsec = (until.tv_nsec + 40000000) % 1000000000;
	until.tv_sec += until.tv_nsec < 40000000;
	pthread_cond_timedwait(&c, &m, &until);
	look("nobody said");

	uint64_t n;
	int fd = timerfd_create(CLOCK_MONOTONIC, 0);
	timerfd_settime(fd, 0, &(struct itimerspec){ { 0, 0 }, { 0, 5000000 } }, NULL);
	if (read(fd, &n, sizeof n) != sizeof n)
		exit(4);
	look("timer");
	/* one that is far away, and stays there */
	timerfd_settime(fd, 0, &(struct itimerspec){ { 0, 0 }, { 600, 0 } }, NULL);
	signal(SIGALRM, on_alarm);
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGALRM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	setitimer(ITIMER_REAL, &(struct itimerval){ { 0, 0 }, { 0, 3000 } }, NULL);
	sigemptyset(&set);
	sigsuspend(&set);
	struct itimerspec left;
	timerfd_gettime(fd, &left);
	look("alarm");
	printf("left: %ld.%09ld\n", left.it_value.tv_sec, left.it_value.tv_nsec);
	/* a loop that waits for a time ends */
	long long begin = now(CLOCK_MONOTONIC);
	int looks = 1;
	while (now(CLOCK_MONOTONIC) < begin + 1000000)
		looks++;
	printf("looks: %d\n", looks);
}

static void ports(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t len = sizeof a;
	int s = socket(AF_INET, SOCK_STREAM, 0);

	if (bind(s, (struct sockaddr *)&a, sizeof a) || getsockname(s, (struct sockaddr *)&a, &len))
		exit(5);
	printf("port: %d\n", ntohs(a.sin_port));
	close(s);
}

/* A program that the copy executes. */
static int child(void)
{
	static const char in_program[] = "here";
	int on_stack;

	printf("at: %p %p %p\n", (void *)&on_stack, (const void *)in_program, sbrk(0));
	show("AT_RANDOM", (void *)getauxval(AT_RANDOM), 16);
	draw();
	look("child");
	return 0;
}

/* No byte more, which is the next run's. */
static void take_line(void)
{
	char c;

	do
		if (read(0, &c, 1) != 1)
			exit(6);
	while (c != '\n');
}

int main(int argc, char **argv)
{
	struct stat st;
	struct rusage ru;

	if (argc > 1)
		return child();
	take_line();
	look("begin");
	draw();
	ports();
	waits();
	fflush(stdout);
	pid_t pid = fork();
	if (!pid) {
		draw();
		fflush(stdout);
		execl("/proc/self/exe", argv[0], "child", NULL);
		_exit(9);
	}
	int status;
	if (wait4(pid, &status, 0, &ru) != pid)
		return 7;
	printf("child %d: %d, %ld\n", (int)pid, status, ru.ru_utime.tv_usec + ru.ru_stime.tv_usec);
	int fd = open("/dev/shm/file", O_CREAT | O_WRONLY, 0600);
	if (fd < 0 || write(fd, "x", 1) != 1 || fstat(fd, &st))
		return 8;
	printf("file: %ld.%09ld\n", st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
	look("end");
	return 0;
}
