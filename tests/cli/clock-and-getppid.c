/* SPDX-License-Identifier: Apache-2.0 */
/* 100 system calls that do nothing, and a million looks at the clocks: --stats must see 100 and
 * the first look at most. */
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

int main(void)
{
	struct timespec ts;
	struct timeval tv;

	for (int i = 0; i < 250000; i++) {
		clock_gettime(CLOCK_MONOTONIC, &ts);
		clock_gettime(CLOCK_REALTIME, &ts);
		gettimeofday(&tv, NULL);
		time(NULL);
	}
	for (int i = 0; i < 100; i++)
		syscall(SYS_getppid);
	return 0;
}
