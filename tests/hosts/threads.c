/* SPDX-License-Identifier: Apache-2.0 */
/* Makes threads, as fast as it can, until no more are to be had, and says why. */
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void *waits(void *arg)
{
	pause();
	return arg;
}

int main(void)
{
	pthread_attr_t attr;
	pthread_t t;
	int n = 0, err;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 32768);
	while ((err = pthread_create(&t, &attr, waits, NULL)) == 0)
		n++;
	printf("%s: %s\n", n < 100 ? "few" : "many", strerrorname_np(err));
	return 0;
}
