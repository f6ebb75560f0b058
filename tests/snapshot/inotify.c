/* SPDX-License-Identifier: Apache-2.0 */
/* inotify: events that wait, and watches that go on telling of what comes, of files of the host and
 * of files in memory; somebody waits for the next one. */
#include <errno.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "mark.h"

static void show(const char *what, int fd)
{
	char buf[4096] __attribute__((aligned(8)));
	int held = 0;
	ssize_t n = 0;

	ioctl(fd, FIONREAD, &held);
	if (held || !(fcntl(fd, F_GETFL) & O_NONBLOCK))
		n = read(fd, buf, sizeof buf);
	printf("%s: %d", what, held);
	for (ssize_t at = 0; at < n;) {
		const struct inotify_event *e = (const void *)(buf + at);
		printf(" %d:%x%s%s", e->wd, e->mask, e->len ? "=" : "", e->len ? e->name : "");
		at += (ssize_t)(sizeof *e + e->len);
	}
	putchar('\n');
}

static void put(const char *name)
{
	int fd = open(name, O_WRONLY | O_CREAT, 0600);

	if (fd < 0 || write(fd, "x", 1) != 1)
		exit(2);
	close(fd);
}

int main(void)
{
	char dir[] = "/dev/shm/hl-inotify-XXXXXX", name[64];

	mkdir("d", 0755);
	put("file");
	put("once");
	put("gone");
	if (!mkdtemp(dir))
		return 1;
	int in = inotify_init1(IN_NONBLOCK), other = inotify_init1(0);
	int wd = inotify_add_watch(in, "d", IN_ALL_EVENTS);
	int removed = inotify_add_watch(in, "file", IN_MODIFY);
	inotify_rm_watch(in, removed);
	int own = inotify_add_watch(in, dir, IN_CREATE | IN_DELETE);
	inotify_add_watch(in, "once", IN_MODIFY | IN_ONESHOT);
	inotify_add_watch(other, "file", IN_ATTRIB);
	/* it has another name from here on */
	rename("file", "renamed");
	/* and what is below these is elsewhere */
	mkdir("from", 0755);
	mkdir("from/deep", 0755);
	mkdir("into", 0755);
	put("from/deep/moved");
	put("from/changes");
	put("into/places");
	int moves = inotify_init1(IN_NONBLOCK);
	inotify_add_watch(moves, "from/deep/moved", IN_ATTRIB);
	inotify_add_watch(moves, "from/changes", IN_ATTRIB);
	inotify_add_watch(moves, "into/places", IN_ATTRIB);
	rename("from/deep", "into/deeper");
	rename("into/deeper/moved", "into/deeper/again");
	syscall(SYS_renameat2, AT_FDCWD, "from/changes", AT_FDCWD, "into/places", RENAME_EXCHANGE);
	put("d/first");
	snprintf(name, sizeof name, "%s/inside", dir);
	put(name);
	int open_there = open("d/first", O_RDONLY);
	show("begin", in);
	put("d/second");
	pid_t child = fork();
	if (!child) {
		char buf[512];
		ssize_t n = read(other, buf, sizeof buf);
		_exit(n > 0 && ((struct inotify_event *)(void *)buf)->mask == IN_ATTRIB ? 30 : 31);
	}

	mark();
	show("what waited", in);
	put("d/third");
	show("went on", in);
	unlink(name);
	show("in memory", in);
	put("once");
	show("once", in);
	put("once");
	show("and no more", in);
	close(open_there);
	show("closed", in);
	printf("numbers %d\n", inotify_add_watch(in, "gone", IN_MODIFY) - own);
	printf("rm %d %d\n", inotify_rm_watch(in, wd), inotify_rm_watch(in, 100));
	show("ignored", in);
	chmod("renamed", 0640);
	chmod("into/deeper/again", 0640);
	chmod("into/places", 0640);
	chmod("from/changes", 0640);
	show("moved", moves);
	int st;
	waitpid(child, &st, 0);
	printf("child %d\n", WEXITSTATUS(st));
	rmdir(dir);
	return 0;
}
