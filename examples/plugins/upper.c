/* SPDX-License-Identifier: Apache-2.0 */
/* A plug-in in C: it makes the first letter of each word a capital. */
#include <ctype.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int main(void)
{
	static char request[1 << 16], answer[1 << 16];
	int fd = open("/dev/hl", O_RDWR);

	while (write(fd, "next", 4) == 4) {
		/* the name, a NUL, and the bytes that came with it */
		ssize_t n = read(fd, request, sizeof request - 1);
		if (n < 0)
			return 1;
		request[n] = '\0';
		char *text = request + strlen(request) + 1;
		if (strcmp(request, "describe") == 0) {
			dprintf(fd, "result\nmakes words begin with capitals");
			continue;
		}
		for (char *c = text, before = ' '; c < request + n; before = *c++)
			if (before == ' ')
				*c = (char)toupper((unsigned char)*c);
		int len = snprintf(answer, sizeof answer, "result\n%.*s", (int)(request + n - text),
				   text);
		if (write(fd, answer, (size_t)len) != len)
			return 1;
	}
	return 0;
}
