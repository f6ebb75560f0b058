/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptors of every kind, names of files, numbers of processes. */
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "fuzz.h"

static const char *const names[] = { "a",        "b",      "c",    "d",    "d/e",    "d/f",
				     "d/g/h",    "fifo",   "sock", "link", "loop",   "./a",
				     "d/../b",   "",       "//",   "..",   ".",      "x/y/z/q/deep",
				     "a/",       "mapped", "big",  "d/.",  "d/./e/", "up",
				     "up/d/e/x", "loop/x", "prog", "...",  "\xff\n", "d/link" };

static const char *const system_names[] = {
	"/dev/null",
	"/dev/zero",
	"/dev/full",
	"/dev/ptmx",
	"/dev/tty",
	"/dev/urandom",
	"/dev/shm",
	"/dev/shm/x",
	"/dev/pts",
	"/dev/pts/0",
	"/dev/pts/1",
	"/dev/stdin",
	"/dev/fd/4",
	"/dev/fd",
	"/proc",
	"/proc/1/fd",
	"/proc/meminfo",
	"/proc/cpuinfo",
	"/proc/mounts",
	"/proc/stat",
	"/proc/uptime",
	"/proc/loadavg",
	"/proc/net",
	"/proc/net/unix",
	"/proc/net/tcp",
	"/proc/net/dev",
	"/proc/vmstat",
	"/proc/filesystems",
	"/proc/locks",
	"/proc/sys/kernel/pid_max",
	"/proc/sys/vm/overcommit_memory",
	"/proc/sys/fs/pipe-max-size",
	"/proc/1/stat",
	"/proc/1/maps",
	"/proc/self/maps",
	"/proc/self/smaps",
	"/proc/self/fd",
	"/proc/self/fd/3",
	"/proc/self/fd/5",
	"/proc/self/fd/9",
	"/proc/self/fd/12/x",
	"/proc/self/fdinfo",
	"/proc/self/fdinfo/3",
	"/proc/self/status",
	"/proc/self/stat",
	"/proc/self/statm",
	"/proc/self/mem",
	"/proc/self/exe",
	"/proc/self/cwd",
	"/proc/self/cwd/a",
	"/proc/self/root",
	"/proc/self/task",
	"/proc/self/environ",
	"/proc/self/cmdline",
	"/proc/self/comm",
	"/proc/thread-self/comm",
	"/proc/thread-self",
	"/proc/self/limits",
	"/proc/self/auxv",
	"/proc/self/mountinfo",
	"/proc/self/oom_score_adj",
	"/proc/self/ns",
	"/proc/self/ns/pid",
	"/proc/self/io",
	"/proc/self/pagemap",
	"/proc/self/clear_refs",
	"/proc/self/map_files",
	"/proc/self/syscall",
	"/proc/self/wchan",
	"/proc/self/setgroups",
	"/proc/self/uid_map",
	"/proc/self/timers",
	"/proc/self/attr",
	"/proc/self/children",
	"/sys",
	"/sys/devices/system/cpu/online",
	"/sys/class/net",
	"/etc/passwd",
	"/usr",
};

/* Opened by objects_open, by kind. */
static struct {
	int count, fd[16];
} opened[OBJECTS];

static int keep(enum object kind, int fd)
{
	if (fd >= 0 && opened[kind].count < 16)
		opened[kind].fd[opened[kind].count++] = fd;
	return fd;
}

int descriptor_of(enum object kind)
{
	return opened[kind].count ? opened[kind].fd[below((uint64_t)opened[kind].count)]
				  : descriptor();
}

static void open_files(void)
{
	keep(OBJECT_FILE, open("a", O_RDWR | O_CREAT, 0666));
	keep(OBJECT_FILE, open("b", O_WRONLY | O_CREAT | O_APPEND, 0666));
	keep(OBJECT_FILE, open("mapped", O_RDWR | O_CREAT, 0666));
	keep(OBJECT_FILE, memfd_create("m", MFD_ALLOW_SEALING));
	keep(OBJECT_FILE, open("/dev/shm/x", O_RDWR | O_CREAT, 0666));
	keep(OBJECT_FILE, open("/dev/zero", O_RDWR));
	keep(OBJECT_DIRECTORY, open(".", O_RDONLY));
	keep(OBJECT_DIRECTORY, open("/proc/self/task", O_RDONLY));
	keep(OBJECT_DIRECTORY, open("/dev/shm", O_RDONLY));
	open("a", O_PATH);
	open("/proc/self/maps", O_RDONLY);
	open("/proc/self/mem", O_RDWR);
}

static void keep_pair(enum object kind, const int pair[2])
{
	keep(kind, pair[0]);
	keep(kind, pair[1]);
}

static void open_pipes(void)
{
	int pair[2];

	if (pipe2(pair, O_NONBLOCK) == 0)
		keep_pair(OBJECT_PIPE, pair);
	if (pipe2(pair, 0) == 0)
		keep_pair(OBJECT_PIPE, pair);
	mknod("fifo", S_IFIFO | 0666, 0);
	keep(OBJECT_PIPE, open("fifo", O_RDWR | O_NONBLOCK));
}

static void listen_at(const struct sockaddr *address, socklen_t size, int type)
{
	int fd = keep(OBJECT_LISTENER, socket(address->sa_family, type | SOCK_NONBLOCK, 0));

	bind(fd, address, size);
	listen(fd, 5);
	connect(keep(OBJECT_SOCKET, socket(address->sa_family, type | SOCK_NONBLOCK, 0)), address,
		size);
}

static void open_sockets(void)
{
	static const int types[] = { SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET };
	struct sockaddr_un un = { AF_UNIX, "sock" };
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	int pair[2];

	for (int i = 0; i < 3; i++)
		if (socketpair(AF_UNIX, types[i] | SOCK_NONBLOCK, 0, pair) == 0)
			keep_pair(OBJECT_SOCKET, pair);
	unlink("sock");
	listen_at((const struct sockaddr *)&un, sizeof un, SOCK_STREAM);
	in.sin_port = htons((uint16_t)(20000 + below(40)));
	listen_at((const struct sockaddr *)&in, sizeof in, SOCK_STREAM);
	keep(OBJECT_SOCKET, socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0));
	keep(OBJECT_SOCKET, socket(AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK, 0));
	keep(OBJECT_SOCKET, socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK, 0));
}

static void open_events(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	keep(OBJECT_EPOLL, epoll_create1(0));
	keep(OBJECT_EPOLL, epoll_create1(0));
	keep(OBJECT_EVENTFD, eventfd(3, EFD_NONBLOCK));
	keep(OBJECT_TIMERFD, timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK));
	keep(OBJECT_SIGNALFD, signalfd(-1, &set, SFD_NONBLOCK));
	keep(OBJECT_INOTIFY, inotify_init1(IN_NONBLOCK));
	keep(OBJECT_PIDFD, (int)syscall(SYS_pidfd_open, getpid(), 0));
}

/* Both sides of a terminal, which may become the session's. */
static void open_terminal(void)
{
	int unlocked = 0,
	    master = keep(OBJECT_TERMINAL, open("/dev/ptmx", O_RDWR | O_NONBLOCK | O_NOCTTY));

	ioctl(master, TIOCSPTLCK, &unlocked);
	keep(OBJECT_TERMINAL,
	     ioctl(master, TIOCGPTPEER, O_RDWR | O_NONBLOCK | (percent(50) ? O_NOCTTY : 0)));
}

void objects_open(void)
{
	memset(opened, 0, sizeof opened);
	open_files();
	open_pipes();
	open_sockets();
	open_events();
	open_terminal();
}

int descriptor(void)
{
	switch (below(24)) {
	case 0: return -1;
	case 1: return AT_FDCWD;
	case 2: return (int)number();
	case 3: return (int)below(1024);
	default: return (int)below(48);
	}
}

const char *relative_name(void)
{
	return names[below(sizeof names / sizeof *names)];
}

static void *long_path(void)
{
	char text[2 * PAGE];
	size_t n = 250 + below(sizeof text - 300);

	memset(text, 'q', n);
	if (percent(60))
		for (size_t i = 1 + below(250); i < n; i += 2 + below(250))
			text[i] = '/';
	text[n] = 0;
	return put(text, n + 1);
}

static void *winding_path(void)
{
	char text[PAGE] = "d";

	for (size_t n = 1 + below(600), at = 1; n; n--, at += 5)
		memcpy(text + at, "/../d", 6);
	return put(text, strlen(text) + 1);
}

void *path(void)
{
	const char *s = relative_name();

	switch (below(24)) {
	case 0: return room(8);
	case 1: return long_path();
	case 2: return winding_path();
	case 3:
	case 4:
	case 5:
	case 6:
	case 7:
	case 8:
	case 9: s = system_names[below(sizeof system_names / sizeof *system_names)]; break;
	}
	return put(s, strlen(s) + 1);
}

int process(void)
{
	int pid;

	switch (below(10)) {
	case 0: pid = 0; break;
	case 1: pid = (int)number(); break;
	case 2: pid = 1; break;
	case 3: pid = (int)-below(400); break;
	case 4: pid = (int)below(400); break;
	case 5:
	case 6: pid = ring->tids[below(TIDS)]; break;
	case 7: pid = (int)syscall(SYS_gettid); break;
	default: pid = getpid(); break;
	}
	return pid == -1 || pid == first_process || pid == -first_process ? getpid() : pid;
}

int signal_number(void)
{
	if (percent(60))
		return (int)PICK(SIGUSR1, SIGUSR2, SIGCHLD, SIGALRM, SIGCONT, 34, 40, 64);
	return percent(70) ? (int)below(66) : (int)number();
}
