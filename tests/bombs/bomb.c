/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Programs that take all they can get of one thing: `bomb NAME` takes it until it is refused, says
 * how, and ends without giving anything back. `bomb job` is the neighbour that must notice nothing:
 * it works in rounds until its standard input ends, then says how long the longest took. `bomb
 * --list` names the bombs.
 *
 * 0: it was refused, or those of its children who took too much were killed. 1: preparing failed.
 * Bombs that end otherwise are killed.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <mqueue.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/msg.h>
#include <sys/resource.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#define MIB      (1UL << 20)
#define FAR_MORE (3UL << 30) /* than there is */
#define BIG      65536

static char big[BIG];

static void need(bool ok, const char *what)
{
	if (ok)
		return;
	printf("%s: %s\n", what, strerrorname_np(errno));
	exit(1);
}
#define NEED(cond) need(cond, #cond)

/* How a bomb ends that was refused something. */
static void refused(long n)
{
	printf("%ld, then %s\n", n, strerrorname_np(errno));
}

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* As many as the host allows, but not so many that the bomb takes long. */
static void limit(int which, rlim_t most)
{
	struct rlimit r;

	NEED(getrlimit((__rlimit_resource_t)which, &r) == 0);
	r.rlim_cur = r.rlim_max < most ? r.rlim_max : most;
	NEED(setrlimit((__rlimit_resource_t)which, &r) == 0);
}
#define MANY_FILES 6000

/* ---- memory: a child takes it, the parent tells how it fared ---- */

static void touch(char *p, size_t len)
{
	for (size_t i = 0; i < len; i += 4096)
		p[i] = 1;
}

static char *map(size_t len, int flags, int fd)
{
	char *p = mmap(NULL, len, PROT_READ | PROT_WRITE, flags | MAP_NORESERVE, fd, 0);

	NEED(p != MAP_FAILED);
	return p;
}

static void in_child(void (*fn)(void))
{
	int status;
	pid_t pid = fork();

	NEED(pid >= 0);
	if (pid == 0) {
		fn();
		_exit(0);
	}
	NEED(waitpid(pid, &status, 0) == pid);
	if (WIFSIGNALED(status))
		printf("killed by signal %d\n", WTERMSIG(status));
	else
		printf("exited %d\n", WEXITSTATUS(status));
}

static void touch_private(void)
{
	touch(map(FAR_MORE, MAP_PRIVATE | MAP_ANONYMOUS, -1), FAR_MORE);
}

static void touch_small(void)
{
	for (;;)
		touch(map(4 * BIG, MAP_PRIVATE | MAP_ANONYMOUS, -1), 4 * BIG);
}

static void touch_shared(void)
{
	touch(map(FAR_MORE, MAP_SHARED | MAP_ANONYMOUS, -1), FAR_MORE);
}

static void touch_memfd(void)
{
	int fd = memfd_create("bomb", 0);

	NEED(fd >= 0 && ftruncate(fd, FAR_MORE) == 0);
	touch(map(FAR_MORE, MAP_SHARED, fd), FAR_MORE);
}

static void touch_break(void)
{
	for (;;) {
		char *p = sbrk(MIB);
		NEED(p != (void *)-1);
		touch(p, MIB);
	}
}

static void recurse(int depth)
{
	volatile char frame[BIG];

	for (int i = 0; i < BIG; i += 4096)
		frame[i] = (char)depth;
	if (depth >= 0)
		recurse(depth + 1);
	if (frame[0] != (char)depth)
		exit(1);
}

static void touch_stack(void)
{
	struct rlimit r = { FAR_MORE, FAR_MORE };

	setrlimit(RLIMIT_STACK, &r);
	recurse(0);
}

static void *touch_thread(void *arg)
{
	touch_private();
	return NULL;
}

static void touch_threads(void)
{
	pthread_t t;

	for (int i = 0; i < 8; i++)
		NEED(pthread_create(&t, NULL, touch_thread, NULL) == 0);
	touch_private();
}

/* What a parent has is copied by each of its children. */
static void touch_copies(void)
{
	size_t len = 150 * MIB;
	char *p = map(len, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	int status, killed = 0;

	touch(p, len);
	for (int i = 0; i < 8; i++) {
		pid_t pid = fork();
		NEED(pid >= 0);
		if (pid == 0) {
			touch(p, len);
			pause();
		}
	}
	for (int i = 0; i < 3 && wait(&status) > 0; i++)
		killed += WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
	_exit(killed);
}

static void memory_private(void)
{
	in_child(touch_private);
}
static void memory_small(void)
{
	in_child(touch_small);
}
static void memory_shared(void)
{
	in_child(touch_shared);
}
static void memory_memfd(void)
{
	in_child(touch_memfd);
}
static void memory_break(void)
{
	in_child(touch_break);
}
static void memory_stack(void)
{
	in_child(touch_stack);
}
static void memory_threads(void)
{
	in_child(touch_threads);
}
static void memory_copies(void)
{
	in_child(touch_copies);
}

static void read_zeroes(void)
{
	int fd = open("/dev/zero", O_RDONLY);
	char *p = map(FAR_MORE, MAP_PRIVATE | MAP_ANONYMOUS, -1);

	for (size_t at = 0; at < FAR_MORE; at += 64 * MIB)
		NEED(read(fd, p + at, 64 * MIB) > 0);
}

static void memory_read(void)
{
	in_child(read_zeroes);
}

/* A large mapping that is hardly touched is no reason to be killed. */
static void memory_sparse(void)
{
	char *p = map(8UL << 30, MAP_PRIVATE | MAP_ANONYMOUS, -1);

	for (size_t i = 0; i < 8UL << 30; i += 64 * MIB)
		p[i] = 1;
	in_child(touch_private);
	for (size_t i = 0; i < 8UL << 30; i += 64 * MIB)
		NEED(p[i] == 1);
}

static void populate(void)
{
	char *p = map(FAR_MORE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1);

	printf("mapped %d\n", p != MAP_FAILED);
}

static void populate_read(void)
{
	char *p = map(FAR_MORE, MAP_PRIVATE | MAP_ANONYMOUS, -1);

	errno = 0;
	madvise(p, FAR_MORE, MADV_POPULATE_READ);
	refused(0);
}

static void write_until_refused(int fd)
{
	long n = 0;

	while (write(fd, big, BIG) == BIG)
		n++;
	refused(n);
}

static void memfd(void)
{
	write_until_refused(memfd_create("bomb", 0));
}

static void tmpfs(void)
{
	int fd = open("/dev/shm/bomb", O_CREAT | O_RDWR, 0600);

	NEED(fd >= 0);
	write_until_refused(fd);
}

static void allocate(void)
{
	int fd = memfd_create("bomb", 0);

	errno = 0;
	NEED(fallocate(fd, 0, 0, FAR_MORE) < 0);
	refused(0);
}

static void page_cache(void)
{
	int fd = open("sparse", O_CREAT | O_RDWR, 0600);
	long n = 0;

	NEED(fd >= 0 && ftruncate(fd, 2 * MIB * 1024) == 0);
	while (read(fd, big, BIG) == BIG)
		n++;
	printf("read %ld pieces\n", n);
}

/* ---- processes and threads ---- */

static void forks(void)
{
	long n = 0;
	pid_t pid;

	while ((pid = fork()) > 0)
		n++;
	if (pid == 0)
		for (;;)
			pause();
	refused(n);
}

static void fork_storm(void)
{
	double end = now() + 3;

	while (now() < end)
		if (fork() < 0)
			usleep(1000);
	if (getppid() == 1)
		puts("over");
}

static void *sleep_for_ever(void *arg)
{
	for (;;)
		pause();
	return arg;
}

static long take_threads(void *(*fn)(void *), void *arg)
{
	pthread_attr_t attr;
	pthread_t t;
	long n = 0;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, BIG);
	while (!(errno = pthread_create(&t, &attr, fn, arg)))
		n++;
	return n;
}

static void threads(void)
{
	refused(take_threads(sleep_for_ever, NULL));
}

static void *wait_futex(void *word)
{
	for (;;)
		syscall(SYS_futex, word, 0, 0, NULL, NULL, 0);
	return NULL;
}

static void futexes(void)
{
	static int word;

	refused(take_threads(wait_futex, &word));
}

/* Each holds the longest arguments there may be while the next is started. */
static void arguments(void)
{
	enum { N = 15 };
	char self[] = "/proc/self/exe", hold[] = "hold", *argv[N + 3] = { self, hold };
	char *arg = malloc(128 << 10);
	long n = 0;

	memset(arg, 'x', (128 << 10) - 1);
	arg[(128 << 10) - 1] = 0;
	for (int i = 0; i < N; i++)
		argv[i + 2] = arg;
	argv[N + 2] = NULL;
	for (; n < 1000; n++) {
		pid_t pid = fork();
		if (pid < 0)
			break;
		if (pid == 0) {
			execv("/proc/self/exe", argv);
			_exit(1);
		}
	}
	refused(n);
}

/* ---- mounts ---- */

/* In a namespace of its own, a directory `m` on a tmpfs. */
static void enter_mounts(void)
{
	NEED(unshare(CLONE_NEWNS) == 0);
	NEED(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
	NEED(mount("t", "/dev/shm", "tmpfs", 0, NULL) == 0);
	NEED(chdir("/dev/shm") == 0);
	NEED(mkdir("m", 0700) == 0);
}

static long bind_many(long most)
{
	char name[32];
	long n = 0;

	do
		snprintf(name, sizeof name, "%ld", n);
	while (n < most && mkdir(name, 0700) == 0 && mount("m", name, NULL, MS_BIND, NULL) == 0 &&
	       ++n);
	return n;
}

static void mounts(void)
{
	enter_mounts();
	refused(bind_many(FAR_MORE));
}

/* Each on the one before. */
static void stacked_mounts(void)
{
	long n = 0;

	enter_mounts();
	while (mount("m", "m", NULL, MS_BIND, NULL) == 0)
		n++;
	refused(n);
}

/* Copies of many of them, held by descriptors. */
static void mount_namespaces(void)
{
	long n = 0;

	limit(RLIMIT_NOFILE, MANY_FILES);
	enter_mounts();
	bind_many(5000);
	while (open("/proc/self/ns/mnt", O_RDONLY) >= 0 && unshare(CLONE_NEWNS) == 0)
		n++;
	refused(n);
}

/* Trees that no namespace has. */
static void mount_trees(void)
{
	long n = 0;

	limit(RLIMIT_NOFILE, MANY_FILES);
	enter_mounts();
	bind_many(1000);
	while (syscall(SYS_open_tree, AT_FDCWD, ".", 1 | AT_RECURSIVE) >= 0)
		n++;
	refused(n);
}

/* Mounts that double with each one. */
static void propagation(void)
{
	char name[32];
	long n = 0;

	enter_mounts();
	NEED(mount(NULL, ".", NULL, MS_SHARED, NULL) == 0);
	NEED(chdir("/dev/shm") == 0);
	do
		snprintf(name, sizeof name, "%ld", n);
	while (mkdir(name, 0700) == 0 && mount(".", name, NULL, MS_BIND | MS_REC, NULL) == 0 &&
	       ++n);
	refused(n);
}

/* ---- descriptors ---- */

static long until_refused(int (*open_one)(void))
{
	long n = 0;

	limit(RLIMIT_NOFILE, MANY_FILES);
	while (open_one() >= 0)
		n++;
	return n;
}

static int one_file(void)
{
	return open("/proc/self/exe", O_RDONLY);
}
static int one_eventfd(void)
{
	return eventfd(0, 0);
}
static int one_timerfd(void)
{
	return timerfd_create(CLOCK_MONOTONIC, 0);
}
static int one_terminal(void)
{
	return open("/dev/ptmx", O_RDWR | O_NOCTTY);
}
static int one_inotify(void)
{
	return inotify_init1(0);
}
static int one_epoll(void)
{
	return epoll_create1(0);
}

static void files(void)
{
	refused(until_refused(one_file));
}
static void eventfds(void)
{
	refused(until_refused(one_eventfd));
}
static void timerfds(void)
{
	refused(until_refused(one_timerfd));
}
static void terminals(void)
{
	refused(until_refused(one_terminal));
}
static void inotify_instances(void)
{
	refused(until_refused(one_inotify));
}
static void epolls(void)
{
	refused(until_refused(one_epoll));
}

static int filled_pipe(int size)
{
	int p[2];

	if (pipe2(p, O_NONBLOCK) < 0)
		return -1;
	if (size)
		fcntl(p[1], F_SETPIPE_SZ, size);
	while (write(p[1], big, BIG) > 0)
		;
	return errno == EAGAIN ? p[0] : -1;
}

static int one_pipe(void)
{
	return filled_pipe(0);
}
static int one_large_pipe(void)
{
	return filled_pipe(MIB);
}
static void pipes(void)
{
	refused(until_refused(one_pipe));
}
static void large_pipes(void)
{
	refused(until_refused(one_large_pipe));
}

static int filled_pair(int type, size_t len)
{
	int s[2], size = 1 << 24;

	if (socketpair(AF_UNIX, type | SOCK_NONBLOCK, 0, s) < 0)
		return -1;
	setsockopt(s[0], SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size);
	setsockopt(s[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
	while (write(s[0], big, len) >= 0)
		;
	return errno == EAGAIN ? s[0] : -1;
}

static int one_stream(void)
{
	return filled_pair(SOCK_STREAM, BIG);
}
static int one_dgram(void)
{
	return filled_pair(SOCK_DGRAM, BIG);
}
static int one_seqpacket(void)
{
	return filled_pair(SOCK_SEQPACKET, 1);
}
static void unix_streams(void)
{
	refused(until_refused(one_stream));
}
static void unix_datagrams(void)
{
	refused(until_refused(one_dgram));
}

static int listener = -1;
static struct sockaddr_in listener_name;

static int one_tcp(void)
{
	socklen_t len = sizeof listener_name;

	if (listener < 0) {
		listener = socket(AF_INET, SOCK_STREAM, 0);
		listener_name.sin_family = AF_INET;
		listener_name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		NEED(bind(listener, (struct sockaddr *)&listener_name, len) == 0 &&
		     listen(listener, 4096) == 0);
		NEED(getsockname(listener, (struct sockaddr *)&listener_name, &len) == 0);
	}
	int s = socket(AF_INET, SOCK_STREAM, 0);
	if (s < 0 || connect(s, (struct sockaddr *)&listener_name, len) < 0)
		return -1;
	int peer = accept(listener, NULL, NULL);
	while (peer >= 0 && send(s, big, BIG, MSG_DONTWAIT) > 0)
		;
	return peer;
}

static int one_udp(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof a;
	int r = socket(AF_INET, SOCK_DGRAM, 0), s = socket(AF_INET, SOCK_DGRAM, 0);

	if (r < 0 || s < 0 || bind(r, (struct sockaddr *)&a, len) < 0 ||
	    getsockname(r, (struct sockaddr *)&a, &len) < 0)
		return -1;
	for (int i = 0; i < 16; i++)
		sendto(s, big, BIG / 2, MSG_DONTWAIT, (struct sockaddr *)&a, len);
	return r;
}

static long some(int (*open_one)(void), long max)
{
	long n = 0;

	limit(RLIMIT_NOFILE, MANY_FILES);
	while (n < max && open_one() >= 0)
		n++;
	return n;
}

/* Small messages: what they cost is mostly not their data. */
static void unix_packets(void)
{
	refused(some(one_seqpacket, 5));
}

/* What the host queues, it bounds itself. */
static void tcp_queues(void)
{
	refused(some(one_tcp, 300));
}
static void udp_queues(void)
{
	refused(some(one_udp, 1000));
}

static bool send_fd(int to, int fd)
{
	char control[CMSG_SPACE(sizeof(int))] = { 0 };
	struct iovec io = { big, 1 };
	struct msghdr m = { .msg_iov = &io,
			    .msg_iovlen = 1,
			    .msg_control = control,
			    .msg_controllen = sizeof control };
	struct cmsghdr *h = CMSG_FIRSTHDR(&m);

	h->cmsg_level = SOL_SOCKET;
	h->cmsg_type = SCM_RIGHTS;
	h->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(h), &fd, sizeof fd);
	return sendmsg(to, &m, MSG_DONTWAIT) == 1;
}

/* Sockets in messages in sockets, none of which has a number any more. */
static void sockets_in_sockets(void)
{
	int at = -1, s[2];
	long n = 0;

	for (; n < 20000; n++) {
		if (socketpair(AF_UNIX, SOCK_DGRAM, 0, s) < 0 || (at >= 0 && !send_fd(s[0], at)))
			break;
		if (at >= 0)
			close(at);
		close(s[0]);
		at = s[1];
	}
	refused(n);
	close(at);
}

static void ring_of_sockets(void)
{
	int s[2];
	long n = 0;

	for (double end = now() + 3; now() < end; n++) {
		NEED(socketpair(AF_UNIX, SOCK_DGRAM, 0, s) == 0);
		NEED(send_fd(s[0], s[1]));
		close(s[0]);
		close(s[1]);
	}
	puts("all collected");
}

static void epoll_items(void)
{
	struct epoll_event ev = { .events = EPOLLIN };
	long n = 0;

	limit(RLIMIT_NOFILE, MANY_FILES);
	int fd = eventfd(0, 0);
	for (int i = 1; i < 1000; i++)
		NEED(eventfd(0, 0) >= 0);
	for (int ep = epoll_create1(0); ep >= 0 && n < 40000; ep = epoll_create1(0))
		for (int d = fd; d < ep && d < 1000 && n < 40000; d++, n++)
			if (epoll_ctl(ep, EPOLL_CTL_ADD, d, &ev) < 0 && errno != EEXIST &&
			    errno != ELOOP) {
				refused(n);
				return;
			}
	refused(n);
}

static void epoll_nest(void)
{
	struct epoll_event ev = { .events = EPOLLIN };
	int in = epoll_create1(0);
	long n = 0;

	limit(RLIMIT_NOFILE, MANY_FILES);
	for (; in >= 0; n++) {
		int out = epoll_create1(0);
		if (out < 0 || epoll_ctl(out, EPOLL_CTL_ADD, in, &ev) < 0)
			break;
		in = out;
	}
	refused(n);
}

/* ---- timers, signals, locks, marks ---- */

static void timers(void)
{
	struct sigevent s = { .sigev_notify = SIGEV_NONE };
	long n = 0;
	int id;

	limit(RLIMIT_SIGPENDING, 10000);

	while (syscall(SYS_timer_create, CLOCK_MONOTONIC, &s, &id) == 0)
		n++;
	refused(n);
}

static void signals(void)
{
	sigset_t all;
	long n = 0;

	limit(RLIMIT_SIGPENDING, 10000);
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	while (sigqueue(getpid(), SIGRTMIN, (union sigval){ 0 }) == 0)
		n++;
	refused(n);
}

/* Linux gives locks without end; these are as many as must not take long. */
static void locks(void)
{
	struct flock l = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1 };
	int fd = open("locks", O_CREAT | O_RDWR, 0600);
	long n = 0;

	NEED(fd >= 0);
	for (; n < 30000; n++) {
		l.l_start = n * 2;
		if (fcntl(fd, F_SETLK, &l) < 0)
			break;
	}
	printf("%ld locks\n", n);
	close(fd);
}

static void inotify_watches(void)
{
	int in = inotify_init1(0);
	char name[32];
	long n = 0;

	NEED(in >= 0);
	for (; n < 3000; n++) {
		snprintf(name, sizeof name, "d%ld", n);
		if (mkdir(name, 0700) < 0 || inotify_add_watch(in, name, IN_ALL_EVENTS) < 0)
			break;
	}
	refused(n);
}

static void inotify_events(void)
{
	int in = inotify_init1(0), queued;

	NEED(in >= 0 && inotify_add_watch(in, ".", IN_ALL_EVENTS) > 0);
	for (int i = 0; i < 3000; i++) {
		close(open("event", O_CREAT | O_RDWR, 0600));
		unlink("event");
	}
	NEED(ioctl(in, FIONREAD, &queued) == 0);
	printf("bounded %d\n", queued < 1 << 20);
}

/* ---- names ---- */

static void inodes(void)
{
	char name[64];
	long n = 0;

	for (;; n++) {
		snprintf(name, sizeof name, "/dev/shm/%ld", n);
		if (mknod(name, S_IFREG | 0600, 0) < 0)
			break;
	}
	refused(n);
}

static void long_names(void)
{
	char name[256];
	long n = 0;

	NEED(mkdir("/dev/shm/d", 0700) == 0 && chdir("/dev/shm/d") == 0);
	for (;; n++) {
		snprintf(name, sizeof name, "%0250ld", n);
		if (symlink(name, name) < 0)
			break;
	}
	refused(n);
}

static void deep(void)
{
	long n = 0;

	NEED(chdir("/dev/shm") == 0);
	while (n < 30000 && mkdir("d", 0700) == 0 && chdir("d") == 0)
		n++;
	refused(n);
}

static void xattrs(void)
{
	char name[64];
	long n = 0;

	for (int file = 0;; file++) {
		snprintf(name, sizeof name, "/dev/shm/%d", file);
		if (mknod(name, S_IFREG | 0600, 0) < 0)
			break;
		int err = 0;
		for (int i = 0; !err; i++) {
			char attr[64];
			snprintf(attr, sizeof attr, "user.%d", i);
			err = setxattr(name, attr, big, 4096, 0);
			n += !err;
		}
		if (errno == ENOMEM)
			break;
	}
	refused(n);
}

/* ---- System V objects, which no process holds ---- */

static void take_segments(void)
{
	long n = 0;
	int id;

	while ((id = shmget(IPC_PRIVATE, MIB, 0600)) >= 0) {
		char *p = shmat(id, NULL, 0);
		if (p == (void *)-1)
			break;
		touch(p, MIB);
		shmdt(p);
		n++;
	}
	refused(n);
}

static void sysv_segments(void)
{
	in_child(take_segments);
}

static void sysv_arrays(void)
{
	long n = 0;

	while (semget(IPC_PRIVATE, 32000, 0600) >= 0)
		n++;
	refused(n);
}

static void sysv_messages(void)
{
	struct {
		long type;
		char text[8192];
	} m = { .type = 1 };
	long n = 0;
	int id;

	while ((id = msgget(IPC_PRIVATE, 0600)) >= 0) {
		while (msgsnd(id, &m, sizeof m.text, IPC_NOWAIT) == 0)
			n++;
		if (errno != EAGAIN)
			break;
	}
	refused(n);
}

static void posix_queues(void)
{
	struct mq_attr a = { .mq_maxmsg = 65536, .mq_msgsize = 8192 };
	static char text[8192];
	char name[32];
	long n = 0;

	limit(RLIMIT_MSGQUEUE, RLIM_INFINITY);
	for (int i = 0;; i++) {
		snprintf(name, sizeof name, "/bomb-%d", i);
		mqd_t q = mq_open(name, O_CREAT | O_RDWR | O_NONBLOCK, 0600, &a);
		if (q < 0 && errno == EINVAL && a.mq_maxmsg > 10) {
			a.mq_maxmsg = 10; /* all that one without CAP_SYS_RESOURCE may have */
			continue;
		}
		if (q < 0)
			break;
		while (mq_send(q, text, sizeof text, (unsigned)n % 32768) == 0)
			n++;
		if (errno != EAGAIN)
			break;
		close(q);
	}
	refused(n);
}

static void sysv_namespaces(void)
{
	long n = 0;

	limit(RLIMIT_NOFILE, MANY_FILES);
	while (open("/proc/self/ns/ipc", O_RDONLY) >= 0 && unshare(CLONE_NEWIPC) == 0)
		n++;
	refused(n);
}

static void networks(void)
{
	long n = 0;

	limit(RLIMIT_NOFILE, MANY_FILES);
	while (open("/proc/self/ns/net", O_RDONLY) >= 0 && unshare(CLONE_NEWNET) == 0 &&
	       socket(AF_INET, SOCK_DGRAM, 0) >= 0)
		n++;
	refused(n);
}

static void mappings(void)
{
	char *p =
	    mmap(NULL, 1UL << 30, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	long n = 0;

	NEED(p != MAP_FAILED);
	while (mprotect(p + n * 8192, 4096, PROT_READ | PROT_WRITE) == 0)
		n++;
	refused(n);
}

static void many_mappings(void)
{
	for (int i = 0; i < 100; i++) {
		pid_t pid = fork();
		if (pid < 0)
			break;
		if (pid == 0) {
			mappings();
			for (;;)
				pause();
		}
	}
	refused(0);
}

/* Each file is mapped and closed: the mapping keeps it. */
static void mapped_files(void)
{
	char name[32];
	long n = 0;

	for (; n < 20000; n++) {
		snprintf(name, sizeof name, "f%ld", n);
		int fd = open(name, O_CREAT | O_RDWR, 0600);
		if (fd < 0 || write(fd, big, 4096) != 4096 ||
		    mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED)
			break;
		close(fd);
	}
	refused(n);
}

static void polls(void)
{
	struct rlimit r;

	limit(RLIMIT_NOFILE, MANY_FILES);
	NEED(getrlimit(RLIMIT_NOFILE, &r) == 0);
	nfds_t n = r.rlim_cur < 500000 ? r.rlim_cur : 500000;
	struct pollfd *p = calloc(n, sizeof *p);
	NEED(p);
	int fd = eventfd(1, 0);
	for (nfds_t i = 0; i < n; i++)
		p[i] = (struct pollfd){ fd, POLLIN, 0 };
	printf("polled %d\n", poll(p, n, 10) == (int)n);
}

/* ---- the neighbour ---- */

static double round_of_work(void)
{
	double began = now();
	char *p = map(8 * MIB, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	int fd[2], status;
	unsigned sum = 0;

	touch(p, 8 * MIB);
	for (size_t i = 0; i < 8 * MIB; i++)
		sum += (unsigned char)p[i];
	NEED(sum == 2048 && pipe(fd) == 0);
	pid_t pid = fork();
	NEED(pid >= 0);
	if (pid == 0)
		_exit(write(fd[1], &sum, sizeof sum) == sizeof sum ? 7 : 1);
	NEED(read(fd[0], &sum, sizeof sum) == sizeof sum && sum == 2048);
	NEED(waitpid(pid, &status, 0) == pid && WEXITSTATUS(status) == 7);
	close(fd[0]);
	close(fd[1]);
	munmap(p, 8 * MIB);
	return now() - began;
}

static int job(void)
{
	struct pollfd in = { 0, POLLIN, 0 };
	double longest = 0;
	int rounds = 0;

	do {
		double took = round_of_work();
		if (took > longest)
			longest = took;
		if (!rounds++)
			puts("at work");
	} while (poll(&in, 1, 50) == 0);
	printf("%d rounds, the longest took %d ms\n", rounds, (int)(longest * 1000));
	return 0;
}

static const struct {
	const char *name;
	void (*run)(void);
	/* an extended regular expression for what it says; NULL: it is killed itself */
	const char *outcome;
} bombs[] = {
	{ "memory_private", memory_private, "killed by signal 9" },
	{ "memory_small", memory_small, "killed by signal 9" },
	{ "memory_shared", memory_shared, "killed by signal 9" },
	{ "memory_memfd", memory_memfd, "killed by signal 9" },
	{ "memory_break", memory_break, "killed by signal 9" },
	{ "memory_stack", memory_stack, "killed by signal (9|11)" },
	{ "memory_threads", memory_threads, "killed by signal 9" },
	{ "memory_copies", memory_copies, "exited 3|killed by signal 9" },
	{ "memory_read", memory_read, "killed by signal 9" },
	{ "memory_sparse", memory_sparse, "killed by signal 9" },
	{ "populate", populate, "mapped 1" },
	{ "populate_read", populate_read, "0, then ENOMEM" },
	{ "memfd", memfd, "[0-9]{4,}, then ENOMEM" },
	{ "tmpfs", tmpfs, "[0-9]{4,}, then (ENOMEM|ENOSPC)" },
	{ "allocate", allocate, "0, then ENOMEM" },
	{ "page_cache", page_cache, "read 32768 pieces" },
	{ "forks", forks, "[0-9]{3,}, then (EAGAIN|ENOMEM)" },
	{ "fork_storm", fork_storm, "over" },
	{ "threads", threads, "[0-9]{3,}, then (EAGAIN|ENOMEM)" },
	{ "futexes", futexes, "[0-9]{3,}, then (EAGAIN|ENOMEM)" },
	{ "arguments", arguments, "[0-9]{2,}, then (0|E2BIG|EAGAIN|ENOMEM)" },
	{ "mounts", mounts, "[0-9]{4,}, then (ENOSPC|ENOMEM)" },
	{ "stacked_mounts", stacked_mounts, "[0-9]{4,}, then (ENOSPC|ENOMEM)" },
	{ "mount_namespaces", mount_namespaces, "[0-9]{2,}, then (ENOMEM|EMFILE)" },
	{ "mount_trees", mount_trees, "[0-9]{2,}, then (ENOMEM|EMFILE)" },
	{ "propagation", propagation, "[0-9]+, then (ENOSPC|ENOMEM)" },
	{ "files", files, "[0-9]{3,}, then (EMFILE|ENFILE|ENOMEM)" },
	{ "eventfds", eventfds, "[0-9]{3,}, then (EMFILE|ENFILE|ENOMEM)" },
	{ "timerfds", timerfds, "[0-9]{3,}, then (EMFILE|ENFILE|ENOMEM)" },
	{ "terminals", terminals, "[0-9]{3,}, then (EMFILE|ENFILE|ENOSPC|ENOMEM)" },
	{ "inotify_instances", inotify_instances, "[0-9]{2,}, then EMFILE" },
	{ "epolls", epolls, "[0-9]{3,}, then (EMFILE|ENFILE|ENOMEM)" },
	{ "pipes", pipes, "[0-9]{3,}, then (EMFILE|ENFILE|ENOMEM)" },
	{ "large_pipes", large_pipes, "[0-9]{2,}, then (EMFILE|ENFILE|ENOMEM)" },
	{ "unix_streams", unix_streams, "[0-9]{1,}, then (EMFILE|ENOBUFS|ENOMEM)" },
	{ "unix_datagrams", unix_datagrams, "[0-9]{1,}, then (EMFILE|ENOBUFS|ENOMEM)" },
	{ "unix_packets", unix_packets, "5, then EAGAIN" },
	{ "tcp_queues", tcp_queues, "[0-9]{2,}, then .*" },
	{ "udp_queues", udp_queues, "[0-9]{2,}, then .*" },
	{ "sockets_in_sockets", sockets_in_sockets, "[0-9]{4,}, then .*" },
	{ "ring_of_sockets", ring_of_sockets, "all collected" },
	{ "epoll_items", epoll_items, "[0-9]{3,}, then (0|ENOSPC|EMFILE|ENOMEM)" },
	{ "epoll_nest", epoll_nest, "[0-9]+, then (ELOOP|EINVAL)" },
	{ "timers", timers, "[0-9]{3,}, then EAGAIN" },
	{ "signals", signals, "[0-9]{3,}, then EAGAIN" },
	{ "locks", locks, "30000 locks" },
	{ "inotify_watches", inotify_watches, "[0-9]{3,}, then .*" },
	{ "inotify_events", inotify_events, "bounded 1" },
	{ "inodes", inodes, "[0-9]{4,}, then (ENOSPC|ENOMEM)" },
	{ "long_names", long_names, "[0-9]{4,}, then (ENOSPC|ENOMEM)" },
	{ "deep", deep, "[0-9]{3,}, then .*" },
	{ "xattrs", xattrs, "[0-9]{3,}, then (ENOSPC|ENOMEM)" },
	{ "sysv_segments", sysv_segments, "[0-9]{2,}, then (ENOSPC|ENOMEM)|killed by signal 9" },
	{ "sysv_arrays", sysv_arrays, "[0-9]{3,}, then (ENOSPC|ENOMEM)" },
	{ "sysv_messages", sysv_messages, "[0-9]{4,}, then (ENOSPC|ENOMEM)" },
	{ "posix_queues", posix_queues, "[0-9]{2,}, then (ENOSPC|EMFILE|ENOMEM)" },
	{ "sysv_namespaces", sysv_namespaces, "[0-9]{3,}, then (EMFILE|ENFILE|ENOSPC|ENOMEM)" },
	{ "networks", networks, "[0-9]{3,}, then (EMFILE|ENFILE|ENOSPC|ENOMEM)" },
	{ "mappings", mappings, "[0-9]{4,}, then ENOMEM" },
	{ "mapped_files", mapped_files, "[0-9]{3,}, then .*" },
	{ "many_mappings", many_mappings, "0, then .*" },
	{ "polls", polls, "polled 1" },
};

int main(int argc, char **argv)
{
	size_t n = sizeof bombs / sizeof bombs[0];

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc > 1 && !strcmp(argv[1], "job"))
		return job();
	if (argc > 1 && !strcmp(argv[1], "hold"))
		for (;;)
			pause();
	for (size_t i = 0; i < n; i++) {
		if (argc > 1 && !strcmp(argv[1], "--list"))
			printf("%s\t%s\n", bombs[i].name, bombs[i].outcome);
		else if (argc > 1 && !strcmp(argv[1], bombs[i].name)) {
			bombs[i].run();
			_exit(0);
		}
	}
	return argc < 2 || strcmp(argv[1], "--list") != 0;
}
