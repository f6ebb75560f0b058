/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory that a child is not to have, as that of a generator of random numbers, and other memory
 * beside it: prints what is there in each copy, and writes to all of it.
 */
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE   4096UL
#define PAGES  40UL
#define WIPED  10UL /* and as many pages behind it */
#define SECRET 0x5a

static char *memory;

static void show(const char *where)
{
	unsigned kept = 0, wiped = 0;

	for (size_t i = 0; i < PAGES; i++) {
		bool all = true, none = true;
		for (size_t k = 0; k < PAGE; k++) {
			all = all && memory[i * PAGE + k] == SECRET;
			none = none && !memory[i * PAGE + k];
		}
		kept += all;
		wiped += none && i >= WIPED && i < 2 * WIPED;
	}
	printf("%s: kept %u, wiped %u\n", where, kept, wiped);
	fflush(stdout);
}

int main(void)
{
	int hl = open("/dev/hl", O_RDWR);

	memory =
	    mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (hl < 0 || memory == MAP_FAILED)
		return 1;
	memset(memory, SECRET, PAGES * PAGE);
	if (madvise(memory + WIPED * PAGE, WIPED * PAGE, MADV_WIPEONFORK))
		return 2;
	if (write(hl, "save", 4) != 4)
		return 3;
	show("copy");
	memset(memory, SECRET, PAGES * PAGE);
	pid_t child = fork();
	if (!child) {
		show("child");
		_exit(0);
	}
	waitpid(child, NULL, 0);
	show("parent");
	return 0;
}
