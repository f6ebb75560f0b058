/* SPDX-License-Identifier: Apache-2.0 */
/* FIFOs with what is in them: one that is open at both ends, one at one end, and one that somebody
 * is about to open. In a private world, where they are the sandbox's own. */
#include <errno.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "mark.h"

static void show(const char *what, int fd)
{
	char buf[64];
	ssize_t n = read(fd, buf, sizeof buf);

	printf("%s: %zd %.*s\n", what, n < 0 ? -errno : n, n > 0 ? (int)n : 0, buf);
}

int main(void)
{
	int st, go[2];

	if (pipe(go))
		return 1;
	mkfifo("both", 0600);
	mkfifo("reader", 0600);
	mkfifo("opened", 0600);
	int both = open("both", O_RDWR), writer = open("both", O_WRONLY | O_NONBLOCK);
	int reader = open("reader", O_RDONLY | O_NONBLOCK);
	struct pollfd p = { reader, POLLIN, 0 };
	if (write(writer, "in the FIFO", 11) != 11)
		return 1;
	pid_t opens = fork();
	if (!opens) {
		if (write(go[1], "x", 1) != 1)
			_exit(1);
		int fd = open("opened", O_WRONLY);
		_exit(fd > 0 && write(fd, "met", 3) == 3 ? 20 : 2);
	}
	if (read(go[0], &st, 1) != 1)
		return 1;

	mark();
	int n = 0;
	ioctl(both, FIONREAD, &n);
	printf("held %d\n", n);
	show("both", both);
	int again = open("both", O_RDONLY | O_NONBLOCK);
	if (write(writer, "more", 4) != 4)
		return 1;
	show("opened again", again);
	printf("no writer yet %d\n", poll(&p, 1, 0));
	int late = open("reader", O_WRONLY | O_NONBLOCK);
	printf("a writer %d\n", late > 0);
	close(late);
	n = poll(&p, 1, 0);
	printf("gone %d %x\n", n, (unsigned)p.revents);
	int meets = open("opened", O_RDONLY);
	show("met", meets);
	waitpid(opens, &st, 0);
	printf("opened %d\n", WEXITSTATUS(st));
	return 0;
}
