/* SPDX-License-Identifier: Apache-2.0 */
/* Private mappings that are longer than their file, one that has a name and one that has not, in a
 * snapshot that has both in it: what is behind the end is SIGBUS as before. */
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>

#include "mark.h"

#define PAGES 6
#define LEN   (2 * 4096 + 100)

static sigjmp_buf out;

static void lost(int sig, siginfo_t *si, void *uc)
{
	siglongjmp(out, si->si_code);
}

static void tell_page(const char *what, int i, const char *page)
{
	int code = sigsetjmp(out, 1);

	if (code)
		printf("%s %d: SIGBUS %d\n", what, i, code);
	else
		printf("%s %d: %d %d\n", what, i, page[0], page[4095]);
}

static void tell(const char *what, const char *p)
{
	for (int i = 0; i < PAGES; i++)
		tell_page(what, i, p + i * 4096L);
}

static char *map(const char *name, long offset)
{
	int fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	char buf[LEN];

	memset(buf, 'f', sizeof buf);
	if (fd < 0 || write(fd, buf, sizeof buf) != LEN)
		exit(97);
	char *p = mmap(NULL, PAGES * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, offset);
	close(fd);
	return p;
}

int main(void)
{
	const struct sigaction act = { .sa_sigaction = lost, .sa_flags = SA_SIGINFO };
	char *named, *removed, *behind;

	sigaction(SIGBUS, &act, NULL);
	named = map("named", 0);
	removed = map("removed", 0);
	unlink("removed");
	behind = map("behind", 8 * 4096);
	named[4096] = 'w';
	removed[2 * 4096 + 4095] = 'w';
	tell("named", named);
	mark();

	tell("named", named);
	tell("removed", removed);
	tell("behind", behind);
	memset(removed, 'n', 3 * 4096);
	if (mprotect(named + 4096, 3 * 4096, PROT_READ) || munmap(behind, PAGES * 4096))
		return 1;
	tell("after", removed);
	tell("after", named);
	return 0;
}
