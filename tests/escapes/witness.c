/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who notices an escape: each file outside and in the read-only directory is as it was (contents,
 * attributes, names, times); nobody has opened one; nobody has connected to the host's sockets or
 * opened its FIFOs; its network interfaces are as they were; nothing was left that gives others of
 * the host more than they had.
 */
#include "tests/escapes/stage.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <ifaddrs.h>
#include <limits.h>
#include <net/if.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/xattr.h>
#include <unistd.h>

enum { LISTENERS = 4 };

struct witness {
	const struct stage *stage;
	enum allowance allowed;
	char *outside, *ro; /* descriptions of the trees */
	char *interfaces;
	int inotify;
	int fifos[2];             /* the host waits for a writer */
	int listeners[LISTENERS]; /* of streams and of datagrams */
};

/* ---- what a tree looks like ---- */

static FILE *describing; /* nftw has no argument for it */
static bool dir_times;   /* does the host leave directories alone? */

static void describe_bytes(const char *path)
{
	char buf[4096];
	int fd = open(path, O_RDONLY | O_NOATIME | O_NONBLOCK | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, buf, sizeof buf);

	fprintf(describing, " [%.*s]", (int)(n > 0 ? n : 0), buf);
	n = getxattr(path, "user.canary", buf, sizeof buf);
	fprintf(describing, " [%.*s]", (int)(n > 0 ? n : 0), buf);
	n = getxattr(path, "user.guest", buf, sizeof buf);
	fprintf(describing, " [%.*s]\n", (int)(n > 0 ? n : 0), buf);
	close(fd);
}

static int describe_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	bool times = dir_times || !S_ISDIR(st->st_mode);

	fprintf(describing, "%s %lu %o %u:%u", path, st->st_ino, st->st_mode, st->st_uid,
		st->st_gid);
	if (times)
		fprintf(describing, " %lu %ld %ld.%09ld %ld.%09ld", st->st_nlink, st->st_size,
			st->st_mtim.tv_sec, st->st_mtim.tv_nsec, st->st_ctim.tv_sec,
			st->st_ctim.tv_nsec);
	if (S_ISREG(st->st_mode))
		describe_bytes(path);
	else
		fputc('\n', describing);
	return 0;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* A line a file, sorted: where the directory has its entries does not matter. */
static char *describe(const char *dir, bool moves)
{
	char *text = NULL, *line[512], *sorted = NULL;
	size_t size, n = 0;

	describing = open_memstream(&text, &size);
	dir_times = !moves;
	nftw(dir, describe_one, 16, FTW_PHYS);
	fclose(describing);
	for (char *s = strtok(text, "\n"); s && n < 512; s = strtok(NULL, "\n"))
		line[n++] = s;
	qsort(line, n, sizeof *line, by_text);
	FILE *f = open_memstream(&sorted, &size);
	for (size_t i = 0; i < n; i++)
		fprintf(f, "%s\n", line[i]);
	fclose(f);
	free(text);
	return sorted;
}

/* A line an address of an interface: its name, whether it is up, of which family. */
static char *describe_interfaces(void)
{
	struct ifaddrs *list = NULL;
	char *text = NULL;
	size_t size;

	FILE *f = open_memstream(&text, &size);
	if (getifaddrs(&list))
		fprintf(f, "getifaddrs: %s\n", strerror(errno));
	for (const struct ifaddrs *i = list; i; i = i->ifa_next)
		fprintf(f, "%s %d %d\n", i->ifa_name, !!(i->ifa_flags & IFF_UP),
			i->ifa_addr ? i->ifa_addr->sa_family : -1);
	freeifaddrs(list);
	fclose(f);
	return text;
}

/* ---- what must not be left behind ---- */

static unsigned left;

static int find_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	char text[8] = "";
	bool planted = strstr(path, "/host/devices/");

	if (S_ISREG(st->st_mode) && st->st_mode & (S_ISUID | S_ISGID)) {
		int fd = open(path, O_RDONLY | O_CLOEXEC);
		ssize_t n = read(fd, text, sizeof text);
		close(fd);
		planted = n == 7 && !memcmp(text, "planted", 7);
		if (!planted)
			printf("# a set-id file: %s\n", path);
		left += !planted;
	}
	if ((S_ISCHR(st->st_mode) || S_ISBLK(st->st_mode)) && !planted) {
		printf("# a device: %s\n", path);
		left++;
	}
	if (listxattr(path, NULL, 0) > 0 && getxattr(path, "security.capability", NULL, 0) > 0) {
		printf("# capabilities of a file: %s\n", path);
		left++;
	}
	return 0;
}

/* ---- who waits ---- */

static int listen_at(const char *path, int type, uid_t owner)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int s = socket(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	snprintf(un.sun_path, sizeof un.sun_path, "%s", path);
	if (bind(s, (struct sockaddr *)&un, sizeof un) || chmod(path, 0777) ||
	    lchown(path, owner, owner)) {
		close(s);
		return -1;
	}
	if (type == SOCK_STREAM)
		listen(s, 8);
	return s;
}

static int watch(const struct stage *s, enum allowance allowed)
{
	static const char *const places[] = { "outside",
					      "outside/dir",
					      "outside/empty",
					      "outside/secret",
					      "outside/file",
					      "outside/program",
					      "outside/only-outside",
					      "outside/fifo",
					      "outside/dir/secret",
					      "outside/dir/file",
					      "outside/dir/only-outside",
					      "host/fifo",
					      "host/devices/null" };
	/* what the host moves would fill the queue; the trees are compared as well */
	unsigned moves = IN_MOVE_SELF | (allowed == HOST_MOVES ? IN_MOVE : 0);
	int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);

	for (size_t i = 0; i < sizeof places / sizeof *places; i++)
		if (inotify_add_watch(fd, stage_path(s, places[i]), IN_ALL_EVENTS & ~moves) < 0)
			return -1;
	return fd;
}

struct witness *witness_call(const struct stage *s, enum allowance allowed)
{
	static const char *const fifos[] = { "host/fifo", "outside/fifo" };
	static const char *const sockets[] = { "host/listener", "host/datagrams",
					       "outside/listener", "outside/datagrams" };
	struct witness *w = calloc(1, sizeof *w);
	bool ok = w;

	if (!w)
		return NULL;
	w->stage = s;
	w->allowed = allowed;
	for (int i = 0; i < 2; i++)
		w->fifos[i] = open(stage_path(s, fifos[i]), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	for (int i = 0; i < LISTENERS; i++) {
		w->listeners[i] = listen_at(stage_path(s, sockets[i]),
					    i & 1 ? SOCK_DGRAM : SOCK_STREAM, s->owner);
		ok = ok && w->listeners[i] >= 0;
	}
	w->interfaces = describe_interfaces();
	w->outside = describe(stage_path(s, "outside"), allowed == HOST_MOVES);
	w->ro = describe(stage_path(s, "ro"), false);
	w->inotify = watch(s, allowed);
	if (!ok || w->inotify < 0 || w->fifos[0] < 0 || w->fifos[1] < 0) {
		printf("# the witness: %s\n", strerror(errno));
		return NULL;
	}
	return w;
}

static bool is_allowed(const struct witness *w, const struct inotify_event *e)
{
	bool reads = !(e->mask & ~(unsigned)(IN_OPEN | IN_ACCESS | IN_CLOSE_NOWRITE | IN_ISDIR));
	bool dir = e->mask & IN_ISDIR;

	switch (w->allowed) {
	case HOST_MOVES: return dir || (e->len && !strcmp(e->name, "moving"));
	case DIR_IS_READ: return reads && dir && !e->len;
	case FILE_IS_READ: return reads && e->len && !strcmp(e->name, "given");
	default: return false;
	}
}

static unsigned hear_events(struct witness *w)
{
	char buf[65536] __attribute__((aligned(8)));
	unsigned heard = 0;
	ssize_t n;

	while ((n = read(w->inotify, buf, sizeof buf)) > 0)
		for (ssize_t at = 0; at < n;) {
			const struct inotify_event *e = (const void *)(buf + at);
			at += (ssize_t)(sizeof *e + e->len);
			if (is_allowed(w, e))
				continue;
			if (heard++ < 4)
				printf("# watch %d: event %#x %s\n", e->wd, e->mask,
				       e->len ? e->name : "");
		}
	return heard;
}

static unsigned hear_callers(struct witness *w)
{
	unsigned heard = 0;
	char byte;

	for (int i = 0; i < LISTENERS; i++) {
		ssize_t r = i & 1 ? recv(w->listeners[i], &byte, 1, 0)
				  : accept4(w->listeners[i], NULL, NULL, SOCK_CLOEXEC);
		if (r >= 0) {
			printf("# somebody reached listener %d\n", i);
			heard++;
		}
	}
	for (int i = 0; i < 2; i++) {
		struct pollfd p = { .fd = w->fifos[i], .events = POLLIN };
		if (poll(&p, 1, 0) > 0) {
			printf("# somebody opened FIFO %d\n", i);
			heard++;
		}
	}
	return heard;
}

/* The first line that differs. */
static unsigned differs(char *before, char *after, const char *what)
{
	char *a = before, *b = after;

	if (!strcmp(a, b))
		return 0;
	while (*a && *b) {
		size_t la = strcspn(a, "\n"), lb = strcspn(b, "\n");
		if (la != lb || memcmp(a, b, la))
			break;
		a += la + 1;
		b += lb + 1;
	}
	printf("# %s was: %.*s\n# %s is:  %.*s\n", what, (int)strcspn(a, "\n"), a, what,
	       (int)strcspn(b, "\n"), b);
	return 1;
}

unsigned witness_hear(struct witness *w)
{
	const struct stage *s = w->stage;
	unsigned heard = hear_events(w) + hear_callers(w);
	char *outside = describe(stage_path(s, "outside"), w->allowed == HOST_MOVES);
	char *ro = describe(stage_path(s, "ro"), false);

	heard += differs(w->outside, outside, "outside") + differs(w->ro, ro, "read-only");
	char *interfaces = describe_interfaces();
	heard += differs(w->interfaces, interfaces, "interfaces");
	free(interfaces);
	left = 0;
	nftw(s->dir, find_one, 16, FTW_PHYS | FTW_MOUNT);
	heard += left;
	for (int i = 0; i < LISTENERS; i++)
		close(w->listeners[i]);
	close(w->fifos[0]);
	close(w->fifos[1]);
	close(w->inotify);
	free(outside);
	free(ro);
	free(w->interfaces);
	free(w->outside);
	free(w->ro);
	free(w);
	return heard;
}
