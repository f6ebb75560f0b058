/* SPDX-License-Identifier: Apache-2.0 */
/* Works with the files of the directory that is its argument. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void check(int r, const char *what)
{
	if (r < 0) {
		fprintf(stderr, "%s: %s\n", what, strerror(errno));
		exit(1);
	}
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

int main(int argc, char **argv)
{
	struct dirent **names;
	struct stat st;
	char text[64];

	check(argc == 2 ? chdir(argv[1]) : -1, "chdir");
	int fd = open("input", O_RDONLY);
	check(fd, "input");
	ssize_t n = read(fd, text, sizeof text - 1);
	check((int)n, "read");
	text[n] = '\0';
	close(fd);
	printf("read: %s", text);

	check(mkdir("made", 0755), "mkdir");
	fd = open("made/output", O_WRONLY | O_CREAT | O_TRUNC, 0644);
	check(fd, "output");
	check((int)write(fd, "written by a guest", 18), "write");
	check(ftruncate(fd, 7), "ftruncate");
	close(fd);
	check(stat("made/output", &st), "stat");
	printf("output: %lld bytes, mode %o\n", (long long)st.st_size, st.st_mode & 07777);

	int count = scandir(".", &names, NULL, by_name);
	check(count, "scandir");
	for (int i = 0; i < count; i++) {
		if (names[i]->d_name[0] != '.')
			puts(names[i]->d_name);
		free(names[i]);
	}
	free(names);
	return 0;
}
