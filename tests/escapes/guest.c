/* SPDX-License-Identifier: Apache-2.0 */
/* Runs one case, and has what many of them use. See the header. */
#include "tests/escapes/guest.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

struct world world;

static const struct {
	const char *name;
	void (*run)(void);
} cases[] = {
#define ESCAPE(name, ...) { #name, case_##name },
#include "tests/escapes/cases.def"
#undef ESCAPE
};

static void put(const char *text, size_t len)
{
	while (len) {
		ssize_t n = write(STDOUT_FILENO, text, len);
		if (n <= 0)
			_exit(3);
		text += n;
		len -= (size_t)n;
	}
}

static void say(const char *word, const char *fmt, va_list ap)
{
	char text[4096];
	int saved = errno;
	int n = snprintf(text, sizeof text, "%s ", word);

	n += vsnprintf(text + n, sizeof text - (size_t)n - 1, fmt, ap);
	n = n < (int)sizeof text - 2 ? n : (int)sizeof text - 2;
	text[n++] = '\n';
	put(text, (size_t)n);
	errno = saved;
}

void escaped(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say("ESCAPED", fmt, ap);
	va_end(ap);
}

void must_fail(long r, const char *what)
{
	if (r >= 0)
		escaped("%s = %ld", what, r);
}

static void give_up(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say("failed:", fmt, ap);
	va_end(ap);
	_exit(2);
}

void must_work(long r, const char *what)
{
	if (r < 0)
		give_up("%s: %s", what, strerror(errno));
}

void spill(int fd)
{
	char buf[65536];
	ssize_t n = pread(fd, buf, sizeof buf, 0);

	if (n < 0)
		n = read(fd, buf, sizeof buf);
	if (n > 0)
		put(buf, (size_t)n);
}

void check_fd(int fd, const char *how)
{
	struct stat st;

	if (fd >= 0 && fstat(fd, &st) == 0 && st.st_ino == world.canary)
		escaped("%s leads to the canary", how);
}

void spill_path(const char *name)
{
	int fd = open(name, O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		return;
	check_fd(fd, name);
	spill(fd);
	close(fd);
}

const char *path(const char *fmt, ...)
{
	static char buf[8][PATH_MAX];
	static unsigned next;
	char *b = buf[next++ % 8];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(b, PATH_MAX, fmt, ap);
	va_end(ap);
	return b;
}

static void list(const char *name)
{
	DIR *d = opendir(name);
	struct dirent *e;

	while (d && (e = readdir(d))) {
		put(e->d_name, strlen(e->d_name));
		put("\n", 1);
	}
	if (d)
		closedir(d);
}

static void look(const char *name)
{
	char text[PATH_MAX];
	struct statfs fs;
	struct stat st;

	if ((stat(name, &st) == 0 || lstat(name, &st) == 0) && st.st_ino == world.canary)
		escaped("stat of %s", name);
	statfs(name, &fs);
	access(name, R_OK);
	ssize_t n = readlink(name, text, sizeof text);
	if (n > 0 && strncmp(text, world.outside, strlen(world.outside)))
		put(text, (size_t)n);
	n = getxattr(name, "user.canary", text, sizeof text);
	if (n > 0)
		put(text, (size_t)n);
	list(name);
	spill_path(name);
}

static void change(const char *name)
{
	static const int flags[] = { O_WRONLY | O_APPEND, O_RDWR | O_CREAT,
				     O_RDONLY | O_TRUNC | O_NONBLOCK,
				     O_WRONLY | O_CREAT | O_TRUNC };
	struct timespec times[2] = { { 1, 0 }, { 1, 0 } };

	for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
		int fd = open(name, flags[i] | O_CLOEXEC | O_NONBLOCK, 0666);
		if (fd >= 0 && flags[i] & 3)
			(void)!write(fd, "overwritten", 11);
		close(fd);
	}
	(void)!truncate(name, 1);
	chmod(name, 0777);
	(void)!chown(name, 12345, 12345);
	(void)!lchown(name, 12345, 12345);
	utimensat(AT_FDCWD, name, times, 0);
	setxattr(name, "user.guest", "x", 1, 0);
	removexattr(name, "user.canary");
}

static void use(const char *name)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int s = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int in = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);

	snprintf(un.sun_path, sizeof un.sun_path, "%s", name);
	if (connect(s, (struct sockaddr *)&un, sizeof un) == 0)
		(void)!write(s, "reached", 7);
	bind(s, (struct sockaddr *)&un, sizeof un);
	inotify_add_watch(in, name, IN_ALL_EVENTS);
	close(in);
	close(s);
	pid_t pid = fork();
	if (pid == 0) {
		execl(name, name, "executed", (char *)NULL);
		_exit(0);
	}
	waitpid(pid, NULL, 0);
}

static void move(const char *name)
{
	mkdir(path("%s/new", name), 0777);
	mknod(path("%s/fifo", name), S_IFIFO | 0666, 0);
	(void)!symlink("x", path("%s/link", name));
	(void)!link(name, "/host/stolen");
	linkat(AT_FDCWD, name, AT_FDCWD, "/host/stolen", AT_SYMLINK_FOLLOW);
	rename("/host/bait", path("%s/bait", name));
	rename(path("%s/secret", name), "/host/stolen");
	rename(path("%s/dir", name), "/host/stolen");
	unlink(path("%s/secret", name));
	rmdir(path("%s/empty", name));
}

void abuse(const char *name)
{
	look(name);
	change(name);
	use(name);
	move(name);
	look("/host/stolen");
	unlink("/host/stolen");
}

bool root_of_host(void)
{
	char line[64] = "";
	int fd = open("/proc/mounts", O_RDONLY);

	must_work(read(fd, line, sizeof line - 1), "read of /proc/mounts");
	close(fd);
	return strncmp(line, "hostfs / ", 9) == 0;
}

void in_child(void (*fn)(void))
{
	int status = -1;
	pid_t pid = fork();

	must_work(pid, "fork");
	if (pid == 0) {
		fn();
		_exit(0);
	}
	if (waitpid(pid, &status, 0) != pid || status)
		give_up("a child ended with status %#x", (unsigned)status);
}

int main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "executed-outside")) {
		escaped("%s runs", argv[2]);
		return 0;
	}
	if (argc > 1 && !strcmp(argv[1], "executed"))
		return 0;
	if (argc != 9)
		return 2;
	world = (struct world){ .outside = argv[2],
				.tries = atol(argv[3]),
				.victim = (pid_t)atol(argv[4]),
				.canary = (ino_t)strtoull(argv[5], NULL, 10),
				.port = (int)atol(argv[6]),
				.shm = (int)atol(argv[7]),
				.mark = argv[8] };
	umask(0);
	alarm(600);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		if (strcmp(cases[i].name, argv[1]))
			continue;
		put("ready\n", 6); /* the host may begin */
		cases[i].run();
		put("done\n", 5);
		return 0;
	}
	return 2;
}
