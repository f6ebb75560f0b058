/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `removed`, in a directory where 1 MiB of files may be: prints how many KiB there is room for
 * while a removed file of 512 KiB is still used in some way, and when it is not any more.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define HALF  (512UL << 10)
#define PIECE (64UL << 10)
#define RACES 300

static void need(int ok, const char *what)
{
	if (ok)
		return;
	printf("%s: %s\n", what, strerrorname_np(errno));
	exit(1);
}

/* Writes until `bytes` are there or nothing more fits: how many. */
static unsigned long fill(int fd, unsigned long bytes)
{
	static char piece[PIECE];
	unsigned long n = 0;

	while (n < bytes) {
		ssize_t r = write(fd, piece, PIECE);
		if (r < 0 && errno == ENOSPC)
			break;
		need(r > 0, "write");
		n += (unsigned long)r;
	}
	return n;
}

static int half(const char *name)
{
	int fd = open(name, O_RDWR | O_CREAT | O_EXCL, 0600);

	need(fd >= 0, name);
	need(fill(fd, HALF) == HALF, "half");
	return fd;
}

static void tell(const char *when)
{
	int fd = open("probe", O_WRONLY | O_CREAT | O_EXCL, 0600);

	need(fd >= 0, "probe");
	printf("%s %lu\n", when, fill(fd, 16 * HALF) >> 10);
	fflush(stdout);
	close(fd);
	need(unlink("probe") == 0, "unlink probe");
}

static void opened(void)
{
	int fd = half("a"), other = open("a", O_RDONLY), path = open("a", O_PATH);

	close(fd);
	need(unlink("a") == 0, "unlink");
	tell("two descriptors");
	close(other);
	tell("one descriptor");
	close(path);
	tell("closed");
	close(half("a"));
	need(unlink("a") == 0, "unlink");
	tell("was closed before");
}

static void mapped(void)
{
	int fd = half("a");
	char *p = mmap(NULL, HALF, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	need(p != MAP_FAILED, "mmap");
	close(fd);
	need(unlink("a") == 0, "unlink");
	p[PIECE] = 1;
	tell("mapped");
	munmap(p, HALF);
	tell("unmapped");
}

static void named(void)
{
	close(half("a"));
	need(link("a", "b") == 0, "link");
	need(unlink("a") == 0, "unlink");
	tell("second name");
	close(open("c", O_WRONLY | O_CREAT, 0600));
	need(rename("c", "b") == 0, "rename");
	tell("renamed over");
	need(unlink("b") == 0, "unlink");
}

static void nameless(void)
{
	char name[64];
	int fd = open(".", O_RDWR | O_TMPFILE, 0600);

	need(fd >= 0, "O_TMPFILE");
	need(fill(fd, HALF) == HALF, "half");
	tell("nameless");
	snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
	need(linkat(AT_FDCWD, name, AT_FDCWD, "a", AT_SYMLINK_FOLLOW) == 0, "linkat");
	close(fd);
	tell("given a name");
	need(unlink("a") == 0, "unlink");
	fd = open(".", O_RDWR | O_TMPFILE, 0600);
	need(fill(fd, HALF) == HALF, "half");
	close(fd);
	tell("never had one");
}

/* Blocks behind the end count, and once where they are written to. */
static void reserved(void)
{
	int fd = open("a", O_RDWR | O_CREAT | O_EXCL, 0600);

	need(fd >= 0, "a");
	need(fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, HALF) == 0, "fallocate");
	tell("reserved");
	need(fill(fd, HALF) == HALF, "half");
	tell("written to");
	need(ftruncate(fd, 0) == 0, "ftruncate");
	tell("cut");
	need(fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, HALF) == 0, "fallocate");
	need(unlink("a") == 0, "unlink");
	tell("reserved again");
	close(fd);
	tell("let go");
}

static atomic_bool done;

static void *look(void *arg)
{
	while (!done) {
		int fd = open("a", O_RDONLY);
		if (fd >= 0)
			close(fd);
	}
	return arg;
}

/* Somebody opens the file just when it is removed. Given back twice, it would stand for another
 * that is there. */
static void raced(void)
{
	int kept = half("kept");
	pthread_t t[2];

	for (int i = 0; i < 2; i++)
		need(pthread_create(&t[i], NULL, look, NULL) == 0, "thread");
	for (int i = 0; i < RACES; i++) {
		int fd = open("a", O_WRONLY | O_CREAT | O_EXCL, 0600);
		need(fd >= 0 && ftruncate(fd, PIECE) == 0, "a");
		close(fd);
		need(unlink("a") == 0, "unlink");
	}
	done = true;
	for (int i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
	tell("after races");
	close(kept);
	need(unlink("kept") == 0, "unlink");
	tell("at the end");
}

int main(void)
{
	opened();
	mapped();
	named();
	nameless();
	reserved();
	raced();
	return 0;
}
