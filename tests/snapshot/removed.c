/* SPDX-License-Identifier: Apache-2.0 */
/* Files of the host whose last name is gone: contents, positions, who shares one, mappings; and
 * one of O_TMPFILE. */
#include <errno.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "mark.h"

static void show(const char *what, int fd)
{
	char buf[64];
	ssize_t n = read(fd, buf, sizeof buf);

	printf("%s: %zd %.*s\n", what, n < 0 ? -errno : n, n > 0 ? (int)n : 0, buf);
}

static void put(int fd, const char *s)
{
	if (write(fd, s, strlen(s)) != (ssize_t)strlen(s))
		exit(2);
}

int main(void)
{
	char link[64], name[256];
	struct stat st;
	ssize_t n;

	int f = open("gone", O_RDWR | O_CREAT, 0640), other = open("gone", O_RDONLY);
	put(f, "0123456789");
	lseek(f, 4, SEEK_SET);
	lseek(other, 2, SEEK_SET);
	int same = dup(f);
	unlink("gone");

	int big = open("big", O_RDWR | O_CREAT, 0600);
	if (ftruncate(big, 300000) || pwrite(big, "in the middle", 13, 150000) != 13)
		return 1;
	char *map = mmap(NULL, 300000, PROT_READ | PROT_WRITE, MAP_SHARED, big, 0);
	char *own = mmap(NULL, 300000, PROT_READ | PROT_WRITE, MAP_PRIVATE, big, 0);
	map[299999] = 'e';
	own[0] = 'o';
	unlink("big");

	int alone = open("alone", O_RDWR | O_CREAT, 0600);
	put(alone, "mapped alone");
	char *lone = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, alone, 0);
	close(alone);
	unlink("alone");

	int only = open("only", O_WRONLY | O_CREAT, 0200);
	put(only, "for writing alone");
	unlink("only");

	int tmp = open(".", O_RDWR | O_TMPFILE, 0600);
	put(tmp, "temporary");
	pid_t child = fork();
	if (!child) {
		mark();
		lseek(same, 1, SEEK_SET);
		map[1] = 'c';
		lone[0] = 'M';
		return 0;
	}

	waitpid(child, NULL, 0);
	show("position", f);
	show("its own position", other);
	put(f, "more");
	show("other", other);
	fstat(f, &st);
	printf("stat %ld %o %lu %d\n", st.st_size, st.st_mode, st.st_nlink, st.st_uid == getuid());
	snprintf(link, sizeof link, "/proc/self/fd/%d", f);
	n = readlink(link, name, sizeof name);
	char *base = memmem(name, n > 0 ? (size_t)n : 0, "/gone", 5);
	printf("name %.*s\n", base ? (int)(name + n - base) : 0, base);
	printf("by its descriptor %d\n", open(link, O_RDWR) > 0);
	printf("gone %d\n", access("gone", F_OK));

	printf("mapped %c%c %.13s %c\n", map[1], own[0], map + 150000, map[299999]);
	map[2] = 'w';
	char c = 0;
	n = pread(big, &c, 1, 2);
	printf("through it %zd %c\n", n, c);
	printf("alone %.12s\n", lone);
	put(only, ", and more");
	fstat(only, &st);
	printf("only %ld %zd\n", st.st_size, read(only, &c, 1));
	show("tmp", tmp);
	lseek(tmp, 0, SEEK_SET);
	show("tmp", tmp);
	return 0;
}
