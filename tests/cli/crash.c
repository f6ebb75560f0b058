/* SPDX-License-Identifier: Apache-2.0 */
/* Dies as asked for: crash segv | bus | ill | fpe | abrt. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static volatile int zero;

static void beyond_the_end(void)
{
	char name[] = "/dev/shm/crash-XXXXXX";
	int fd = mkstemp(name);
	volatile char *p = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);

	unlink(name);
	(void)*p;
}

int main(int argc, char **argv)
{
	const char *how = argc > 1 ? argv[1] : "";

	getpid();
	if (strcmp(how, "segv") == 0)
		*(volatile int *)16 = 1;
	else if (strcmp(how, "bus") == 0)
		beyond_the_end();
	else if (strcmp(how, "ill") == 0)
		__builtin_trap();
	else if (strcmp(how, "fpe") == 0)
		return argc * 7 / zero;
	else if (strcmp(how, "abrt") == 0)
		abort();
	return 0;
}
