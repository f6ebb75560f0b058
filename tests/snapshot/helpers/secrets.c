/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asks to be saved. Each copy then looks for what the copies before it have written, in all of its
 * memory and in what it gets anew, and writes what is its own wherever it can. `found 0` is to be
 * said by all; `own 1` shows that the search finds what is there.
 *
 * What is looked for is kept inverted, so that the search does not find itself.
 */
#include <alloca.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define WORDS 4
#define MUCH  (24UL << 20)
#define LOTS  (1UL << 20)

/* Of word i of copy n, all bits turned. */
static uint64_t turned(uint64_t n, uint64_t i)
{
	uint64_t z = n * 0x9e3779b97f4a7c15UL + i * 0xd1342543de82ef95UL;

	z = (z ^ z >> 31) * 0xbf58476d1ce4e5b9UL;
	return ~(z ^ z >> 29);
}

static void fill(void *to, size_t len, uint64_t n)
{
	uint64_t *p = to;

	for (size_t i = 0; i < len / 8; i++)
		p[i] = ~turned(n, i % WORDS);
}

static bool is_there(const uint64_t *p, size_t words, uint64_t n)
{
	uint64_t first = turned(n, 0);

	for (size_t i = 0; i + WORDS <= words; i++)
		if (~p[i] == first && ~p[i + 1] == turned(n, 1) && ~p[i + 2] == turned(n, 2))
			return true;
	return false;
}

/* In how many mappings something of copy n is. */
static int search(uint64_t n)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	char line[512], rights[5];
	unsigned long from, to;
	int found = 0;

	while (maps && fgets(line, sizeof line, maps)) {
		if (sscanf(line, "%lx-%lx %4s", &from, &to, rights) != 3 || rights[0] != 'r' ||
		    strstr(line, "[v"))
			continue;
		found += is_there((const uint64_t *)from, (to - from) / 8, n);
	}
	fclose(maps);
	return found;
}

static void *map(size_t len)
{
	void *p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

static void *map_file(const char *name, size_t len)
{
	int fd = name ? open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600) : memfd_create("m", 0);

	if (fd < 0 || ftruncate(fd, (off_t)len))
		exit(2);
	return mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
}

static void __attribute__((noinline)) dirty_stack(uint64_t n)
{
	void *p = alloca(LOTS);

	fill(p, LOTS, n);
	__asm__ volatile("" : : "r"(p) : "memory");
}

/* As it lies there, without a word of it written. */
static int __attribute__((noinline)) search_stack(uint64_t n)
{
	const uint64_t *p = alloca(LOTS);

	__asm__ volatile("" : "+r"(p) : : "memory");
	return is_there(p, LOTS / 8, n);
}

static void *thread(void *arg)
{
	dirty_stack((uint64_t)(uintptr_t)arg);
	return arg;
}

static void dirty(uint64_t n, void *kept)
{
	int p[2], s[2];
	pthread_t t;
	void *buf = map(LOTS);

	fill(kept, LOTS, n);
	fill(map(MUCH), MUCH, n);
	fill(map_file("/dev/shm/secret", LOTS), LOTS, n);
	fill(map_file(NULL, LOTS), LOTS, n);
	fill(buf, LOTS, n);
	void *heap = sbrk((intptr_t)LOTS);
	fill(heap, LOTS, n);
	if (pipe(p) || socketpair(AF_UNIX, SOCK_STREAM, 0, s) || write(p[1], buf, 60000) < 0 ||
	    write(s[0], buf, 60000) < 0)
		exit(3);
	int f = open("/tmp/secret", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (f < 0 || write(f, buf, LOTS) < 0)
		exit(4);
	dirty_stack(n);
	if (pthread_create(&t, NULL, thread, (void *)(uintptr_t)n) || pthread_join(t, NULL))
		exit(5);
}

int main(void)
{
	void *kept = map(LOTS);
	char text[32];
	int found = 0;
	int hl = open("/dev/hl", O_RDWR | O_CLOEXEC);

	if (hl < 0 || write(hl, "save\n", 5) != 5)
		return 6;
	ssize_t len = read(hl, text, sizeof text - 1);
	if (len <= 0)
		return 7;
	text[len] = '\0';
	uint64_t n = strtoul(text, NULL, 10);
	void *fresh = map(MUCH), *file = map_file("/dev/shm/other", MUCH),
	     *memfd = map_file(NULL, MUCH);
	void *heap = sbrk((intptr_t)MUCH);
	/* one with a higher number may have run before, or this one in another place */
	for (uint64_t k = 1; k < n + 4; k++)
		found += search(k) + search_stack(k);
	printf("copy %lu found %d in %d\n", n, found, fresh && file && memfd && heap);
	dirty(n, kept);
	printf("own %d\n", search(n) > 3);
	fflush(stdout);
	/* its memory is dirty when it ends */
	_exit(0);
}
