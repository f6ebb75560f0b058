/* SPDX-License-Identifier: Apache-2.0 */
/* Memory across fork: copy on write in both directions, sharing, madvise's fork advice. */
#include "map.h"

static char *page;
static struct baton to_child, to_parent;

static void batons(void)
{
	to_child = baton_new();
	to_parent = baton_new();
}

static int child_looks_after_parent_writes(void *arg)
{
	take(&to_child);
	say("child still sees %c\n", page[0]);
	page[0] = 'C';
	give(&to_parent);
	take(&to_child);
	say("child sees its own %c\n", page[0]);
	return 0;
}

CASE(cow_both_ways)
{
	batons();
	page = map_anon(1, PROT_READ | PROT_WRITE);
	page[0] = 'o';
	pid_t pid = child(child_looks_after_parent_writes, NULL);
	page[0] = 'P';
	give(&to_child);
	take(&to_parent);
	say("parent sees its own %c\n", page[0]);
	give(&to_child);
	reap("child", pid);
}

static int child_writes(void *arg)
{
	memset(page, 'C', 64 * PAGE);
	return page[63 * PAGE];
}

CASE(cow_many_pages)
{
	int changed = 0;

	page = map_anon(64, PROT_READ | PROT_WRITE);
	memset(page, 'P', 64 * PAGE);
	in_child("child", child_writes, NULL);
	for (size_t i = 0; i < 64 * PAGE; i++)
		changed += page[i] != 'P';
	V(changed);
}

CASE(cow_written_by_kernel)
{
	int p[2];

	page = map_anon(1, PROT_READ | PROT_WRITE);
	strcpy(page, "before");
	NEED(pipe(p));
	NEED(write(p[1], "after!", 6));
	pid_t pid = fork();
	if (pid == 0) {
		R(read(p[0], page, 6));
		say("child: %s\n", page);
		_exit(0);
	}
	reap("child", pid);
	say("parent: %s\n", page);
}

static int generation(void *arg)
{
	long depth = (long)arg;

	page[depth] = (char)('0' + depth);
	if (depth < 5)
		in_child("generation", generation, (void *)(depth + 1));
	say("depth %ld sees %s\n", depth, page);
	return 0;
}

CASE(generations)
{
	page = map_anon(1, PROT_READ | PROT_WRITE);
	strcpy(page, ".......");
	generation(0);
}

CASE(sibling_copies)
{
	pid_t pid[4];

	batons();
	page = map_anon(1, PROT_READ | PROT_WRITE);
	page[0] = '-';
	for (int i = 0; i < 4; i++) {
		page[1] = (char)('0' + i);
		pid[i] = fork();
		if (pid[i] == 0) {
			take(&to_child);
			page[0] = (char)('a' + i);
			_exit(page[0] == 'a' + i && page[1] == '0' + i ? 0 : 1);
		}
	}
	for (int i = 0; i < 4; i++)
		give(&to_child);
	for (int i = 0; i < 4; i++)
		reap("sibling", pid[i]);
	say("parent: %c%c\n", page[0], page[1]);
}

CASE(shared_anonymous_both_ways)
{
	batons();
	page = OK(mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
	pid_t pid = fork();
	if (pid == 0) {
		take(&to_child);
		say("child: %s\n", page + 2 * PAGE);
		strcpy(page + 3 * PAGE, "from the child");
		_exit(0);
	}
	strcpy(page + 2 * PAGE, "from the parent");
	give(&to_child);
	reap("child", pid);
	say("parent: %s\n", page + 3 * PAGE);
}

static int grandchild_writes(void *arg)
{
	page[1]++;
	return 0;
}

static int child_forks(void *arg)
{
	page[0]++;
	in_child("grandchild", grandchild_writes, NULL);
	return 0;
}

CASE(shared_anonymous_grandchild)
{
	page = OK(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
	in_child("child", child_forks, NULL);
	say("%d %d\n", page[0], page[1]);
}

static int child_unmaps(void *arg)
{
	R(munmap(page, PAGE));
	R(mprotect(page + PAGE, PAGE, PROT_NONE));
	peek("child, unmapped", page);
	peek("child, protected", page + PAGE);
	return 0;
}

CASE(child_changes_its_own_maps)
{
	page = map_anon(2, PROT_READ | PROT_WRITE);
	memset(page, 5, 2 * PAGE);
	in_child("child", child_unmaps, NULL);
	peek("parent", page);
	poke("parent", page + PAGE, 1);
}

static int child_peeks_advised(void *arg)
{
	peek("child: MADV_DONTFORK", page);
	peek("child: MADV_WIPEONFORK", page + PAGE);
	peek("child: plain", page + 2 * PAGE);
	return 0;
}

CASE(dontfork_wipeonfork)
{
	page = map_anon(3, PROT_READ | PROT_WRITE);
	memset(page, 9, 3 * PAGE);
	R(madvise(page, PAGE, MADV_DONTFORK));
	R(madvise(page + PAGE, PAGE, MADV_WIPEONFORK));
	in_child("child", child_peeks_advised, NULL);
	peek("parent: wiped only in the child", page + PAGE);
	R(madvise(page, PAGE, MADV_DOFORK));
	R(madvise(page + PAGE, PAGE, MADV_KEEPONFORK));
	in_child("child", child_peeks_advised, NULL);
	char *s = OK(mmap(NULL, PAGE, PROT_READ, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
	R(madvise(s, PAGE, MADV_WIPEONFORK));
}

static int child_private_file(void *arg)
{
	say("child: %c%c\n", page[0], page[PAGE]);
	page[PAGE] = 'C';
	return 0;
}

CASE(private_file_copied_page)
{
	int fd = make_file("f", 2, 0);

	page = OK(mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0));
	page[0] = 'P';
	in_child("child", child_private_file, NULL);
	say("parent: %c%c\n", page[0], page[PAGE]);
}

static int child_grows_brk(void *arg)
{
	char *p = sbrk(PAGE);

	p[0] = 1;
	return 0;
}

CASE(brk_is_per_process)
{
	void *before = sbrk(0);

	in_child("child", child_grows_brk, NULL);
	V(sbrk(0) == before);
}

static int child_of_stack(void *arg)
{
	volatile char *local = arg;

	local[0] = 'C';
	return local[0];
}

CASE(stack_is_copied)
{
	char local[16] = "P";

	in_child("child", child_of_stack, local);
	say("parent's local: %c\n", local[0]);
}

CASE(vfork_shares_memory)
{
	static volatile int shared;
	pid_t pid = vfork();

	if (pid == 0) {
		shared = 5;
		_exit(1);
	}
	say("after vfork: %d\n", shared);
	reap("child", pid);
}

/* Only what the parent had at the time of the fork, however big. */
CASE(fork_of_large_process)
{
	size_t size = 256UL << 20;

	page = OK(mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	for (size_t i = 0; i < size; i += 64 * PAGE)
		page[i] = (char)(i >> 18);
	pid_t pid = fork();
	if (pid == 0) {
		int bad = 0;
		for (size_t i = 0; i < size; i += 64 * PAGE)
			bad += page[i] != (char)(i >> 18);
		page[0] = 'C';
		_exit(bad);
	}
	reap("child", pid);
	V(page[0]);
}
