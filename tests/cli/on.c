/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hl on one platform: called DIR/hl-NAME, it becomes DIR/hl --platform NAME with the arguments it
 * was given. Not a script, so that what it is started with (closed descriptors, limits, an empty
 * environment) is what hl starts with.
 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	static char platform[] = "--platform";
	char self[PATH_MAX] = "", **args = calloc((size_t)argc + 3, sizeof *args), *dash;
	int n = 1, from = 1;

	if (!args || readlink("/proc/self/exe", self, sizeof self - 1) < 0 ||
	    !(dash = strrchr(self, '-')))
		return 99;
	*dash = '\0';
	args[0] = argv[0];
	if (argc > 1 && strcmp(argv[1], "run") == 0)
		args[n++] = argv[from++];
	args[n++] = platform;
	args[n++] = dash + 1;
	while (from < argc)
		args[n++] = argv[from++];
	args[n] = NULL;
	execv(self, args);
	perror(self);
	return 99;
}
