/* SPDX-License-Identifier: Apache-2.0 */
/* Memory policies and moves of pages (numa(7)), on a machine with one node. */
#include <linux/mempolicy.h>

#include "map.h"

#define BITS (8 * sizeof(unsigned long))

static long set(int mode, unsigned long nodes)
{
	return syscall(SYS_set_mempolicy, mode, &nodes, BITS);
}

static void say_policy(void)
{
	unsigned long nodes = 0xaaaa;
	int mode = -1;

	R(syscall(SYS_get_mempolicy, &mode, &nodes, BITS, NULL, 0));
	X(mode);
	X(nodes);
}

CASE(policy_of_a_thread)
{
	say_policy();
	for (int mode = 0; mode < 8; mode++) {
		for (unsigned long nodes = 0; nodes < 4; nodes++) {
			say("mode %d, nodes %lu\n", mode, nodes);
			if (R(set(mode, nodes)) == 0)
				say_policy();
		}
	}
}

CASE(mode_flags)
{
	static const int flags[] = { MPOL_F_STATIC_NODES,
				     MPOL_F_RELATIVE_NODES,
				     MPOL_F_STATIC_NODES | MPOL_F_RELATIVE_NODES,
				     1 << 13,
				     1 << 12,
				     (int)(1U << 31) };

	for (unsigned i = 0; i < sizeof flags / sizeof flags[0]; i++) {
		for (int mode = 0; mode < 7; mode++) {
			say("mode %d, flags %x\n", mode, flags[i]);
			R(set(mode | flags[i], 0));
			if (R(set(mode | flags[i], 3)) == 0)
				say_policy();
			R(set(mode | flags[i], 2));
		}
	}
}

CASE(masks)
{
	unsigned long nodes[64] = { 1 };
	int mode;

	R(syscall(SYS_set_mempolicy, MPOL_BIND, nodes, 64 * BITS));
	R(syscall(SYS_set_mempolicy, MPOL_BIND, nodes, 1));
	R(syscall(SYS_set_mempolicy, MPOL_BIND, nodes, 2));
	R(syscall(SYS_set_mempolicy, MPOL_BIND, nodes, 0));
	R(syscall(SYS_set_mempolicy, MPOL_BIND, nodes, 1UL << 20));
	R(syscall(SYS_set_mempolicy, MPOL_BIND, NULL, BITS));
	R(syscall(SYS_set_mempolicy, MPOL_BIND, 8, BITS));
	nodes[2] = 1;
	R(syscall(SYS_set_mempolicy, MPOL_BIND, nodes, 64 * BITS));
	nodes[40] = 1;
	R(syscall(SYS_set_mempolicy, MPOL_BIND, nodes, 64 * BITS));
	memset(nodes, -1, sizeof nodes);
	R(syscall(SYS_get_mempolicy, &mode, nodes, 64 * BITS, NULL, 0));
	say_bytes("all of it", nodes, sizeof nodes);
	memset(nodes, -1, sizeof nodes);
	R(syscall(SYS_get_mempolicy, &mode, nodes, 65, NULL, 0));
	R(syscall(SYS_get_mempolicy, &mode, nodes, 66, NULL, 0));
	say_bytes("two words", nodes, 4 * sizeof nodes[0]);
	R(syscall(SYS_get_mempolicy, &mode, nodes, 0, NULL, 0));
	R(syscall(SYS_get_mempolicy, &mode, nodes, 1UL << 20, NULL, 0));
	R(syscall(SYS_get_mempolicy, NULL, NULL, 0, NULL, 0));
	R(syscall(SYS_get_mempolicy, 8, NULL, 0, NULL, 0));
	R(syscall(SYS_get_mempolicy, &mode, 8, BITS, NULL, 0));
}

CASE(get_flags)
{
	char *p = map_anon(2, PROT_READ | PROT_WRITE);
	unsigned long nodes = 7;
	int mode = 7;

	R(syscall(SYS_get_mempolicy, &mode, &nodes, BITS, NULL, MPOL_F_MEMS_ALLOWED));
	X(nodes);
	V(mode);
	R(syscall(SYS_get_mempolicy, &mode, &nodes, BITS, NULL, MPOL_F_MEMS_ALLOWED | MPOL_F_NODE));
	R(syscall(SYS_get_mempolicy, &mode, &nodes, BITS, NULL, 8));
	R(syscall(SYS_get_mempolicy, &mode, &nodes, BITS, p, 0));
	R(syscall(SYS_get_mempolicy, &mode, &nodes, BITS, NULL, MPOL_F_NODE));
	NEED(set(MPOL_INTERLEAVE, 1));
	mode = 7;
	R(syscall(SYS_get_mempolicy, &mode, &nodes, BITS, NULL, MPOL_F_NODE));
	V(mode);
	R(syscall(SYS_get_mempolicy, &mode, &nodes, BITS, p, MPOL_F_ADDR));
	X(mode);
	mode = 7;
	R(syscall(SYS_get_mempolicy, &mode, NULL, 0, p, MPOL_F_ADDR | MPOL_F_NODE));
	V(mode);
	NEED(munmap(p, PAGE));
	R(syscall(SYS_get_mempolicy, &mode, NULL, 0, p, MPOL_F_ADDR));
	R(syscall(SYS_get_mempolicy, &mode, NULL, 0, 8, MPOL_F_ADDR));
}

static int says_policy(void *arg)
{
	say_policy();
	return 0;
}

ROLE(after_exec)
{
	say_policy();
}

CASE(inherited)
{
	NEED(set(MPOL_BIND, 1));
	in_child("child", says_policy, NULL);
	execl(case_self, case_self, "role:after_exec", NULL);
}

static long bind(char *p, size_t pages, int mode, unsigned long nodes, unsigned flags)
{
	return syscall(SYS_mbind, p, pages * PAGE, mode, &nodes, BITS, flags);
}

static void say_policies(char *p, int n)
{
	for (int i = 0; i < n; i++) {
		unsigned long nodes = 9;
		int mode = 9;
		if (syscall(SYS_get_mempolicy, &mode, &nodes, BITS, p + i * PAGE, MPOL_F_ADDR))
			say("%d: %s\n", i, strerrorname_np(errno));
		else
			say("%d: mode %x, nodes %lx\n", i, mode, nodes);
	}
}

CASE(policy_of_a_range)
{
	char *p = map_anon(6, PROT_READ | PROT_WRITE);

	R(bind(p + PAGE, 3, MPOL_BIND, 1, 0));
	R(bind(p + 2 * PAGE, 1, MPOL_PREFERRED, 0, 0));
	say_policies(p, 6);
	R(bind(p, 3, MPOL_DEFAULT, 0, 0));
	say_policies(p, 6);
	R(bind(p, 1, MPOL_DEFAULT, 1, 0));
	R(bind(p, 6, MPOL_BIND, 2, 0));
	R(bind(p, 6, MPOL_BIND, 1, MPOL_MF_STRICT | MPOL_MF_MOVE));
	R(bind(p, 6, MPOL_BIND, 1, MPOL_MF_MOVE_ALL));
	R(bind(p, 6, MPOL_BIND, 1, 16));
	R(bind(p + 1, 1, MPOL_BIND, 1, 0));
	R(bind(p, 0, MPOL_BIND, 1, 0));
	R(bind(p, 1UL << 52, MPOL_BIND, 1, 0));
	R(syscall(SYS_mbind, p, -1UL, MPOL_BIND, NULL, 0, 0));
	NEED(munmap(p + 2 * PAGE, PAGE));
	R(bind(p, 6, MPOL_INTERLEAVE, 1, 0));
	say_policies(p, 6);
	R(bind(p, 6, MPOL_DEFAULT, 0, 0));
	R(bind(p + 2 * PAGE, 1, MPOL_DEFAULT, 0, 0));
	R(bind(p + 2 * PAGE, 2, MPOL_BIND, 1, 0));
	say_policies(p, 6);
	NEED(bind(p + 4 * PAGE, 1, MPOL_BIND, 1, 0));
	char *q = (char *)mremap(p + 4 * PAGE, PAGE, 3 * PAGE, MREMAP_MAYMOVE);
	say_policies(q, 3);
}

/* A mapping that has the policy already, of which a part gets it. */
CASE(policy_of_a_range_as_it_was)
{
	char *p = map_anon(6, PROT_READ | PROT_WRITE);

	R(bind(p + PAGE, 2, MPOL_DEFAULT, 0, 0));
	R(bind(p, 6, MPOL_BIND, 1, 0));
	R(bind(p + PAGE, 2, MPOL_BIND, 1, 0));
	R(bind(p, 2, MPOL_BIND, 1, 0));
	say_policies(p, 6);
}

CASE(move_all_needs_a_capability)
{
	char *p = map_anon(1, PROT_READ | PROT_WRITE);
	void *page = p;
	int status;

	need_root();
	NEED(setresuid(1234, 1234, 1234));
	R(bind(p, 1, MPOL_BIND, 1, MPOL_MF_MOVE_ALL));
	R(syscall(SYS_move_pages, 0, 1, &page, NULL, &status, MPOL_MF_MOVE_ALL));
}

CASE(home_node)
{
	char *p = map_anon(3, PROT_READ | PROT_WRITE);

	R(syscall(SYS_set_mempolicy_home_node, p, PAGE, 0, 0));
	NEED(bind(p, 1, MPOL_BIND, 1, 0));
	NEED(bind(p + PAGE, 1, MPOL_INTERLEAVE, 1, 0));
	R(syscall(SYS_set_mempolicy_home_node, p, PAGE, 0, 0));
	R(syscall(SYS_set_mempolicy_home_node, p, 3 * PAGE, 0, 0));
	R(syscall(SYS_set_mempolicy_home_node, p + 2 * PAGE, PAGE, 0, 0));
	R(syscall(SYS_set_mempolicy_home_node, p, 0, 0, 0));
	R(syscall(SYS_set_mempolicy_home_node, p + 1, PAGE, 0, 0));
	R(syscall(SYS_set_mempolicy_home_node, p, PAGE, 1, 0));
	R(syscall(SYS_set_mempolicy_home_node, p, PAGE, 0, 1));
	R(syscall(SYS_set_mempolicy_home_node, p, -PAGE, 0, 0));
}

static int waits(void *arg)
{
	take(arg);
	return 0;
}

CASE(migrate_pages)
{
	struct baton b = baton_new();
	unsigned long one = 1, two = 2, none = 0;
	pid_t pid = child(waits, &b);

	R(syscall(SYS_migrate_pages, 0, BITS, &one, &one));
	R(syscall(SYS_migrate_pages, pid, BITS, &one, &one));
	R(syscall(SYS_migrate_pages, 0, BITS, &one, &two));
	R(syscall(SYS_migrate_pages, 0, BITS, &two, &one));
	R(syscall(SYS_migrate_pages, 0, BITS, &one, &none));
	R(syscall(SYS_migrate_pages, 0, BITS, 8, &one));
	R(syscall(SYS_migrate_pages, -5, BITS, &one, &one));
	if (geteuid() == 0) {
		NEED(setresuid(1234, 1234, 1234));
		R(syscall(SYS_migrate_pages, pid, BITS, &one, &one));
		R(syscall(SYS_migrate_pages, 0, BITS, &one, &two));
	}
	give(&b);
	reap("child", pid);
}

CASE(move_pages)
{
	char *p = map_anon(3, PROT_READ | PROT_WRITE);
	void *pages[4] = { p, p + PAGE + 5, p + 2 * PAGE, p };
	int nodes[4] = { 0, 0, 0, 1 }, status[4] = { 9, 9, 9, 9 };

	memset(p, 1, 2 * PAGE);
	NEED(munmap(p + 2 * PAGE, PAGE));
	R(syscall(SYS_move_pages, 0, 3, pages, NULL, status, 0));
	say("%d %d %d\n", status[0], status[1], status[2]);
	R(syscall(SYS_move_pages, 0, 2, pages, nodes, status, MPOL_MF_MOVE));
	say("%d %d\n", status[0], status[1]);
	R(syscall(SYS_move_pages, 0, 4, pages, nodes, status, MPOL_MF_MOVE));
	R(syscall(SYS_move_pages, 0, 0, pages, nodes, status, 0));
	R(syscall(SYS_move_pages, 0, 1, 8, NULL, status, 0));
	R(syscall(SYS_move_pages, 0, 1, pages, NULL, 8, 0));
	R(syscall(SYS_move_pages, 0, 1, pages, NULL, status, 1));
	R(syscall(SYS_move_pages, -5, 1, pages, NULL, status, 0));
}

/* The policies that numa_maps shows of mappings in a row. How many pages of them are in memory
 * depends on how much is mapped at a touch. */
CASE(numa_maps)
{
	char *p = map_anon(8, PROT_READ | PROT_WRITE), line[512];
	bool own = false;
	FILE *f;

	NEED(mprotect(p + 6 * PAGE, 2 * PAGE, PROT_READ));
	NEED(bind(p, 1, MPOL_BIND, 1, 0));
	NEED(bind(p + PAGE, 1, MPOL_PREFERRED_MANY | MPOL_F_STATIC_NODES, 3, 0));
	NEED(bind(p + 2 * PAGE, 1, MPOL_INTERLEAVE | MPOL_F_RELATIVE_NODES, 2, 0));
	NEED(bind(p + 3 * PAGE, 1, MPOL_BIND | 1 << 13, 1, 0));
	NEED(bind(p + 4 * PAGE, 1, MPOL_LOCAL, 0, 0));
	NEED(bind(p + 5 * PAGE, 1, MPOL_PREFERRED, 1, 0));
	NEED(set(6 /* MPOL_WEIGHTED_INTERLEAVE */, 1));
	f = fopen("/proc/self/numa_maps", "r");
	while (f && fgets(line, sizeof line, f)) {
		unsigned long at = strtoul(line, NULL, 16);
		char *rest = strchr(line, ' '), *pages = strstr(rest, " anon=");
		if (pages)
			strcpy(pages, "\n");
		if (at >= (uintptr_t)p && at < (uintptr_t)p + 8 * PAGE)
			say("page %lu:%s", (at - (uintptr_t)p) / PAGE, rest);
		own |= strstr(line, " file=") && strstr(line, "/numa");
		if (strstr(rest, " stack"))
			say("the stack\n");
	}
	V(own);
}
