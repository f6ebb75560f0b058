/* SPDX-License-Identifier: Apache-2.0 */
/* Locks of files, of all three kinds, and who waits for one. */
#include <errno.h>
#include <sys/file.h>
#include <sys/wait.h>

#include "mark.h"

static int set(int fd, int cmd, int type, long start, long len)
{
	struct flock fl = { .l_type = (short)type, .l_start = start, .l_len = len };

	return fcntl(fd, cmd, &fl) ? -errno : 0;
}

static void test(const char *what, int fd, int cmd, int type, long start, long len)
{
	struct flock fl = { .l_type = (short)type, .l_start = start, .l_len = len };

	if (fcntl(fd, cmd, &fl))
		printf("%s: %d\n", what, -errno);
	else if (fl.l_type == F_UNLCK)
		printf("%s: free\n", what);
	else
		printf("%s: %d %ld+%ld %d\n", what, fl.l_type, fl.l_start, fl.l_len,
		       fl.l_pid == getppid() ? 1 : fl.l_pid);
}

static void locks(int f, int ofd, int flocked)
{
	if (fork() == 0) {
		int mine = open("file", O_RDWR), theirs = open("other", O_RDWR);
		test("posix write", mine, F_GETLK, F_WRLCK, 0, 0);
		test("posix read", mine, F_GETLK, F_RDLCK, 4, 90);
		test("behind", mine, F_GETLK, F_WRLCK, 120, 0);
		test("ofd", theirs, F_OFD_GETLK, F_RDLCK, 5, 1);
		test("beside", theirs, F_OFD_GETLK, F_RDLCK, 0, 5);
		printf("set %d %d\n", set(mine, F_SETLK, F_WRLCK, 0, 1),
		       set(mine, F_SETLK, F_WRLCK, 200, 1));
		printf("flock %d %d\n", flock(open("flocked", O_RDWR), LOCK_EX | LOCK_NB), errno);
		printf("flock shared %d\n", flock(open("shared", O_RDWR), LOCK_SH | LOCK_NB));
		printf("flock exclusive %d\n", flock(open("shared", O_RDWR), LOCK_EX | LOCK_NB));
		fflush(stdout);
		_exit(0);
	}
	wait(NULL);
	printf("own %d %d %d\n", set(f, F_SETLK, F_WRLCK, 0, 0),
	       set(ofd, F_OFD_SETLK, F_WRLCK, 0, 0), flock(flocked, LOCK_SH | LOCK_NB));
}

int main(void)
{
	int f = open("file", O_RDWR | O_CREAT, 0644);
	int other = open("other", O_RDWR | O_CREAT, 0644);
	int flocked = open("flocked", O_RDWR | O_CREAT, 0644);
	int shared = open("shared", O_RDWR | O_CREAT, 0644), st;

	setvbuf(stdout, NULL, _IOFBF, 65536);
	set(f, F_SETLK, F_WRLCK, 0, 10);
	set(f, F_SETLK, F_RDLCK, 20, 80);
	set(f, F_SETLK, F_UNLCK, 40, 10);
	set(other, F_OFD_SETLK, F_WRLCK, 5, 5);
	flock(flocked, LOCK_EX);
	flock(shared, LOCK_SH);
	int go[2];
	if (pipe(go))
		return 1;
	/* one that waits for each kind */
	pid_t waits[3];
	for (int i = 0; i < 3; i++) {
		waits[i] = fork();
		if (waits[i])
			continue;
		close(go[0]);
		int mine = open(i == 0 ? "file" : i == 1 ? "other" : "flocked", O_RDWR);
		if (write(go[1], "x", 1) != 1)
			_exit(1);
		int r = i == 2   ? flock(mine, LOCK_EX)
			: i == 1 ? set(mine, F_OFD_SETLKW, F_WRLCK, 0, 0)
				 : set(mine, F_SETLKW, F_WRLCK, 3, 1);
		_exit(r ? 2 : 10 + i);
	}
	for (int i = 0; i < 3; i++)
		if (read(go[0], &st, 1) != 1)
			return 1;

	mark();
	locks(f, other, flocked);
	set(f, F_SETLK, F_UNLCK, 0, 0);
	set(other, F_OFD_SETLK, F_UNLCK, 0, 0);
	flock(flocked, LOCK_UN);
	for (int i = 0; i < 3; i++) {
		waitpid(waits[i], &st, 0);
		printf("waited %d\n", WEXITSTATUS(st));
	}
	return 0;
}
