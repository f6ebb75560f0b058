/* SPDX-License-Identifier: Apache-2.0 */
/* Prints an extended attribute of a file, and whether it is in the list of all. */
#include <stdio.h>
#include <string.h>
#include <sys/xattr.h>

int main(int argc, char **argv)
{
	char value[256], list[1024];
	ssize_t n = getxattr(argv[1], argv[2], value, sizeof value);
	ssize_t len = listxattr(argv[1], list, sizeof list);

	if (n < 0 || len < 0) {
		perror(argv[1]);
		return 1;
	}
	for (char *name = list; name < list + len; name += strlen(name) + 1)
		if (strcmp(name, argv[2]) == 0)
			printf("%s=%.*s\n", name, (int)n, value);
	return 0;
}
