/* SPDX-License-Identifier: Apache-2.0 */
/* Memory that is shared, files in memory with and without names, memfds. */
#include <errno.h>
#include <linux/mempolicy.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "mark.h"

static int file_in_memory(const char *name, const char *text)
{
	int fd = open(name, O_RDWR | O_CREAT | O_TRUNC, 0640);

	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		perror(name);
	return fd;
}

static void show(const char *name)
{
	char buf[64];
	int fd = open(name, O_RDONLY);
	ssize_t n = fd < 0 ? -errno : read(fd, buf, sizeof buf);

	printf("%s: %zd %.*s\n", name, n, n > 0 ? (int)n : 0, buf);
	if (fd >= 0)
		close(fd);
}

/* A stack that has grown has no offset that could be saved. */
static int grow_stack(int pages)
{
	volatile char page[4096];

	page[0] = (char)pages;
	return pages ? grow_stack(pages - 1) + page[0] : 0;
}

#ifndef SYS_mseal
#define SYS_mseal 462
#endif

/* Two pages, the first of them sealed, the second with a policy. */
static char *sealed_and_bound(void)
{
	char *p = mmap(NULL, 8192, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	unsigned long node = 1;

	if (syscall(SYS_mseal, p, 4096, 0) ||
	    syscall(SYS_mbind, p + 4096, 4096, MPOL_BIND, &node, 64, 0) ||
	    syscall(SYS_set_mempolicy, MPOL_INTERLEAVE, &node, 64))
		perror("mseal or a memory policy");
	return p;
}

static int policy_at(char *p)
{
	int mode = -1;

	syscall(SYS_get_mempolicy, &mode, NULL, 0, p, p ? MPOL_F_ADDR : 0);
	return mode;
}

int main(void)
{
	char *shared =
	    mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	char base[64], name[128];
	int to[2];

	printf("stack %d\n", grow_stack(500));
	char *sealed = sealed_and_bound();
	shared[5] = 'p';
	snprintf(base, sizeof base, "/dev/shm/snapshot-%d-%d", getppid(), getpid());
	mkdir(base, 0750);
	if (chdir(base))
		return 1;
	int a = file_in_memory("a", "contents of a"), gone = file_in_memory("gone", "of gone");
	close(file_in_memory("big", ""));
	if (truncate("big", 10 << 20))
		return 1;
	char *map = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, a, 0);
	unlink("gone");
	mkdir("sub", 0700);
	mkdir("sub/deeper", 0711);
	close(file_in_memory("sub/deeper/b", "contents of b"));
	if (link("a", "sub/linked") || symlink("sub/linked", "link") || mkfifo("fifo", 0600))
		return 1;
	setxattr("sub", "user.color", "blue", 4, 0);
	int mem = memfd_create("mine", MFD_ALLOW_SEALING);
	if (ftruncate(mem, 20000) || pwrite(mem, "in a memfd", 10, 9000) != 10)
		return 1;
	char *mapped = mmap(NULL, 20000, PROT_READ, MAP_SHARED, mem, 0);
	fcntl(mem, F_ADD_SEALS, F_SEAL_SHRINK);
	if (pipe(to))
		return 1;
	pid_t child = fork();
	if (!child) {
		char c;
		close(to[1]);
		if (read(to[0], &c, 1) != 0)
			_exit(1);
		shared[6] = 'c';
		map[1] = 'C';
		_exit(0);
	}
	puts("A");

	mark();

	close(to[1]);
	waitpid(child, NULL, 0);
	printf("shared %c %c\n", shared[5], shared[6]);
	printf("sealed %d, policies %d %d\n", munmap(sealed, 4096) < 0 && errno == EPERM,
	       policy_at(sealed + 4096), policy_at(NULL));
	show("a");
	show("sub/linked");
	show("link");
	show("sub/deeper/b");
	show("gone");
	lseek(gone, 0, SEEK_SET);
	char buf[32] = "";
	printf("open %zd %s\n", read(gone, buf, sizeof buf), buf);
	struct stat st, st2;
	stat("a", &st);
	stat("sub/linked", &st2);
	printf("links %d %lu %o\n", st.st_ino == st2.st_ino, st.st_nlink, st.st_mode);
	stat("sub", &st);
	printf("dir %lu %o\n", st.st_nlink, st.st_mode);
	printf("attribute %zd %.4s\n", getxattr("sub", "user.color", buf, sizeof buf), buf);
	stat("big", &st);
	printf("big %ld %ld\n", st.st_size, st.st_blocks);
	printf("memfd %.10s %d %.10s\n", mapped + 9000, fcntl(mem, F_GET_SEALS),
	       pread(mem, buf, 10, 9000) == 10 ? buf : "");
	printf("sealed %d\n", ftruncate(mem, 5) < 0 && errno == EPERM);
	if (pwrite(mem, "new", 3, 9000) != 3)
		return 1;
	printf("coherent %.5s\n", mapped + 9000);
	snprintf(name, sizeof name, "%s/fifo", base);
	printf("fifo %d\n", lstat(name, &st) == 0 && S_ISFIFO(st.st_mode));
	const char *all[] = { "a", "big", "sub/linked", "sub/deeper/b", "link", "fifo" };
	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		unlink(all[i]);
	printf("left %d %d", rmdir("sub/deeper"), rmdir("sub"));
	printf(" %d\n", chdir("/") || rmdir(base));
	return 0;
}
