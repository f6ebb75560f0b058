/* SPDX-License-Identifier: Apache-2.0 */
/* Asks for gigabytes at once, by the call its argument names; says nothing unless it comes back. */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#define SIZE (64UL << 30)

static int map(int flags)
{
	const int prot = PROT_READ | PROT_WRITE;

	return mmap(NULL, SIZE, prot, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | flags, -1, 0) ==
	       MAP_FAILED;
}

int main(int argc, char **argv)
{
	char *p = mmap(NULL, SIZE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (strcmp(argv[1], "map") == 0)
		map(MAP_POPULATE);
	else if (strcmp(argv[1], "lock") == 0)
		mlock(p, SIZE);
	else if (strcmp(argv[1], "lock-all") == 0)
		mlockall(MCL_CURRENT);
	else
		madvise(p, SIZE, MADV_POPULATE_WRITE);
	puts(argv[1]);
	return 0;
}
