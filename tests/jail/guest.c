/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guest           the names of the trials, each with what it meets on the platform named
 * guest NAME PID  has the monitor make that trial, and says what came of it
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/jail/trials.h"

#define KILLED    100000
#define NO_SIGNAL 100001 /* refused, or where the platform sends none a call that ends hl */

static const struct {
	const char *name;
	long meets;
} trials[] = {
#define TRIAL(name, meets, call) { #name, meets },
#include "tests/jail/trials.def"
};

static const char *word(long meets, int kvm)
{
	static char text[24];

	if (meets == KILLED || (meets == NO_SIGNAL && kvm))
		return "killed";
	snprintf(text, sizeof text, "%ld", meets == NO_SIGNAL ? -EPERM : meets);
	return text;
}

int main(int argc, char **argv)
{
	for (unsigned i = 0; argc == 2 && i < NR_TRIALS; i++)
		printf("%s %s\n", trials[i].name, word(trials[i].meets, !strcmp(argv[1], "kvm")));
	for (unsigned i = 0; argc == 3 && i < NR_TRIALS; i++) {
		if (strcmp(argv[1], trials[i].name) != 0)
			continue;
		long r = syscall(TRY, i, atoi(argv[2]));
		printf("%d\n", r < 0 ? -errno
			       : trials[i].meets == 0 && strcmp(argv[1], "threads") &&
				       strcmp(argv[1], "capabilities")
				   ? 0
				   : (int)r);
	}
	return 0;
}
