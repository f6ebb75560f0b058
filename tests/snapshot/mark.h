/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A case does something, says that it is to be saved now, and does something else:
 *
 * 	A; mark(); B
 *
 * mark() ends the line of the mark and waits for a line on stdin, which the runner gives when the
 * program runs natively, and to each copy. So nothing depends on when the save comes: the program
 * stands at the mark, or is about to.
 */
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static inline void say_mark(void)
{
	fflush(stdout);
	if (write(1, "MARK\n", 5) != 5)
		exit(99);
}

/* Waits until the thread, which says its number and goes nowhere else to sleep, is in one of these
 * states of proc_pid_stat(5). */
static inline void await_state(const _Atomic pid_t *tid, const char *states)
{
	char name[64], line[512], state = 0;

	while (!*tid)
		usleep(1000);
	snprintf(name, sizeof name, "/proc/self/task/%d/stat", *tid);
	while (!state || !strchr(states, state)) {
		FILE *f = fopen(name, "re");
		if (!f || !fgets(line, sizeof line, f))
			exit(90);
		fclose(f);
		state = strrchr(line, ')')[2];
		usleep(1000);
	}
}

static inline void mark(void)
{
	char c;

	say_mark();
	do {
		if (read(0, &c, 1) != 1)
			exit(98);
	} while (c != '\n');
}
