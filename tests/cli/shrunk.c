/* SPDX-License-Identifier: Apache-2.0 */
/* Maps a file, says so, waits for a line, by when somebody outside has shortened the file, and has
 * the kernel use the mapping. A line for each call: its name and its error. */
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define SIZE 65536

static void tell(const char *name, long ret)
{
	printf("%s %s\n", name, ret == -1 ? strerrorname_np(errno) : "ok");
}

int main(int argc, char **argv)
{
	int fd = open(argv[1], O_RDWR), null = open("/dev/null", O_WRONLY),
	    zero = open("/dev/zero", O_RDONLY);
	char *p = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), c;

	if (p == MAP_FAILED || null < 0 || zero < 0)
		return 1;
	memset(p, 'x', SIZE);
	if (puts("mapped") < 0 || fflush(stdout) < 0 || read(0, &c, 1) != 1)
		return 1;
	tell("getcwd", syscall(SYS_getcwd, p + SIZE / 2, 100));
	tell("access", access(p + SIZE / 2, F_OK));
	tell("read", read(zero, p + SIZE / 2, 100));
	tell("writev", writev(fd, (struct iovec *)(p + SIZE / 2), 1));
	tell("futex", syscall(SYS_futex, p + SIZE / 2, FUTEX_WAIT, 1, NULL, NULL, 0));
	tell("pwrite", pwrite(fd, p + SIZE / 2, 100, 0));
	return 0;
}
