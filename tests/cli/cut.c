/* SPDX-License-Identifier: Apache-2.0 */
/* Maps a file for reading, says so, waits for a line, by when somebody outside has cut the file off
 * in the middle, and uses a byte behind that: by system calls, then itself. */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static void tell(const char *name, long ret)
{
	printf("%s %s\n", name, ret == -1 ? strerrorname_np(errno) : "ok");
	fflush(stdout);
}

int main(int argc, char **argv)
{
	int fd = open(argv[1], O_RDONLY), ends[2];
	volatile unsigned char *p;
	unsigned sum = 0;
	struct stat st;
	char c;

	if (argc < 2 || pipe(ends) < 0 || fstat(fd, &st) < 0)
		return 1;
	p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		return 1;
	for (off_t i = 0; i < st.st_size; i += 4096)
		sum += p[i];
	tell("mapped", 0);
	if (read(0, &c, 1) != 1)
		return 1;
	off_t lost = st.st_size - 8192;
	tell("pread", pread(fd, &c, 1, lost));
	tell("write", write(ends[1], (const void *)(uintptr_t)(p + lost), 1));
	sum += p[0];
	tell("begin", 0);
	sum += p[lost];
	tell("end", sum ? 0 : -1);
	return 0;
}
