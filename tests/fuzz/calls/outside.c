/* SPDX-License-Identifier: Apache-2.0 */
/*
 * 	outside SEED	on the host, in the guest's directory, until it is killed
 *
 * Does to the guest's files what another process of the host may: cuts them off under mappings and
 * calls, lets them grow, renames and removes them and the folders they lie in. It brings the
 * loop-back interface up first: sockets need one.
 */
#include <fcntl.h>
#include <net/if.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

static uint64_t state;

static uint64_t below(uint64_t n)
{
	state = state * 6364136223846793005 + 1442695040888963407;
	return (state >> 33) % n;
}

static const char *name(void)
{
	static const char *const list[] = { "a", "b",   "c",   "mapped", "mapped", "big", "prog",
					    "d", "d/e", "d/f", "d/g",    "d/g/h",  "link" };

	return list[below(sizeof list / sizeof *list)];
}

static void cut(void)
{
	int fd = open(name(), O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_CREAT | O_CLOEXEC, 0666);

	if (fd >= 0 && ftruncate(fd, below(3) ? (off_t)below(65537) : 0) != 0)
		state++;
	if (fd >= 0)
		close(fd);
}

static void do_one(void)
{
	switch (below(12)) {
	case 0: rename(name(), name()); break;
	case 1: unlink(name()); break;
	case 2: mkdir("d", 0777); break;
	case 3: mkdir("d/g", 0777); break;
	case 4: state += (uint64_t)symlink(below(2) ? "d/e" : "..", "link"); break;
	case 5: state += (uint64_t)symlink("loop", "loop"); break;
	case 6: state += (uint64_t)symlink("../dir", "up"); break;
	default: cut(); break;
	}
}

static void loop_back_up(void)
{
	struct ifreq r = { .ifr_name = "lo" };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (ioctl(fd, SIOCGIFFLAGS, &r) == 0) {
		r.ifr_flags |= IFF_UP;
		ioctl(fd, SIOCSIFFLAGS, &r);
	}
	close(fd);
}

int main(int argc, char **argv)
{
	if (argc != 2)
		return 2;
	state = strtoull(argv[1], NULL, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	umask(0);
	loop_back_up();
	for (;;) {
		for (uint64_t i = below(8); i; i--)
			do_one();
		nanosleep(&(struct timespec){ 0, 500000 + (long)below(2000000) }, NULL);
	}
}
