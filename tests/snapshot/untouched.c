/* SPDX-License-Identifier: Apache-2.0 */
/* Memory that a copy does something with before it has read or written any of it: the first copy
 * has none of it mapped, a later one what those before it have touched. */
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "mark.h"

#define PAGE    4096
#define PAGES   40
#define LEN     ((size_t)PAGES * PAGE)
#define REGIONS 16

static unsigned char *region[REGIONS];
static sigjmp_buf back;

/* No two pages are equal. Regions are apart. */
static unsigned char *make(unsigned nr)
{
	unsigned char *p =
	    mmap(NULL, LEN + 2 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED || mprotect(p + PAGE, LEN, PROT_READ | PROT_WRITE))
		exit(97);
	p += PAGE;
	for (size_t i = 0; i < LEN; i++)
		p[i] = (unsigned char)(i % 251 + i / PAGE * 7 + nr * 31 + 1);
	return p;
}

static unsigned sum(const volatile unsigned char *p, size_t len)
{
	unsigned a = 1, b = 0;

	for (size_t i = 0; i < len; i++) {
		a = (a + p[i]) % 65521;
		b = (b + a) % 65521;
	}
	return b << 16 | a;
}

static void on_fault(int sig)
{
	(void)sig;
	siglongjmp(back, 1);
}

/* Does a touch of `p` fault? */
static int faults(volatile unsigned char *p, int write)
{
	if (sigsetjmp(back, 1))
		return 1;
	if (write)
		*p = 99;
	else
		(void)*p;
	return 0;
}

static void show(const char *what, const unsigned char *p, size_t len)
{
	printf("%s %08x\n", what, sum(p, len));
	fflush(stdout);
}

static void rights(unsigned char *a, unsigned char *b, unsigned char *c)
{
	mprotect(a, LEN, PROT_READ);
	printf("read-only: %d", faults(a + PAGE, 1));
	mprotect(a + 3 * PAGE, PAGE, PROT_READ | PROT_WRITE);
	printf(" %d %d\n", faults(a + 3 * PAGE, 1), faults(a + 4 * PAGE, 1));
	show("rights", a, LEN);
	mprotect(b, LEN, PROT_NONE);
	printf("none: %d\n", faults(b + 5 * PAGE, 0));
	mprotect(b, LEN, PROT_READ | PROT_WRITE);
	show("none and back", b, LEN);
	c[PAGE] = 1; /* this page alone is mapped when the rights of all change */
	mprotect(c, LEN, PROT_READ | PROT_EXEC);
	printf("odd: %d %d\n", faults(c + PAGE, 1), faults(c, 1));
	show("odd", c, LEN);
}

static void moves(unsigned char *a, unsigned char *b)
{
	unsigned char *to = mremap(a, LEN, 2 * LEN, MREMAP_MAYMOVE);

	show("moved", to, 2 * LEN);
	to = mremap(b + 4 * PAGE, 8 * PAGE, 8 * PAGE, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, NULL);
	show("taken out", to, 8L * PAGE);
	show("what it left", b, LEN);
}

static void holes(unsigned char *a, unsigned char *b, unsigned char *c)
{
	munmap(a + 5 * PAGE, 5L * PAGE);
	printf("unmapped: %d\n", faults(a + 6 * PAGE, 0));
	show("in front", a, 5L * PAGE);
	show("behind", a + 10 * PAGE, LEN - 10L * PAGE);
	madvise(b + 5 * PAGE, 5L * PAGE, MADV_DONTNEED);
	show("given up", b, LEN);
	if (mmap(c + 7 * PAGE, 2L * PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
		 0) == MAP_FAILED)
		perror("mmap");
	show("mapped over", c, LEN);
}

static void calls(unsigned char *a, unsigned char *b, unsigned char *c)
{
	int to[2], mem = open("/proc/self/mem", O_RDWR);

	if (pipe(to) || write(to[1], a + 100, 9000) != 9000 || read(to[0], b + 5000, 9000) != 9000)
		perror("pipe");
	show("written from", a, LEN);
	show("read into", b, LEN);
	if (pwrite(mem, "by its file", 11, (off_t)(uintptr_t)(c + 3 * PAGE - 4)) != 11)
		perror("mem");
	show("by its file", c, LEN);
	close(mem);
}

/* The child sees what was, and changes its own alone. */
static void forks(unsigned char *a, unsigned char *b)
{
	fflush(stdout);
	pid_t child = fork();

	if (!child) {
		show("child", a, LEN);
		b[6 * PAGE] = 7;
		show("child has written", b, LEN);
		_exit(0);
	}
	waitpid(child, NULL, 0);
	a[PAGE] = 8;
	show("parent", a, LEN);
	show("parent's", b, LEN);
}

int main(void)
{
	for (unsigned i = 0; i < REGIONS; i++)
		region[i] = make(i);
	signal(SIGSEGV, on_fault);

	mark();

	rights(region[0], region[1], region[2]);
	moves(region[3], region[4]);
	holes(region[5], region[6], region[7]);
	calls(region[8], region[9], region[10]);
	forks(region[11], region[12]);
	if (mlock(region[13], LEN))
		perror("mlock");
	show("locked", region[13], LEN);
	for (int i = 0; i < PAGES; i += 2)
		region[14][i * PAGE] = 5;
	show("every second page", region[14], LEN);
	show("read", region[15], LEN);
	return 0;
}
