/* SPDX-License-Identifier: Apache-2.0 */
/* /sys as run-time systems read it: CPUs, caches, nodes, huge pages, and where devices would be. */
#include <dirent.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/statfs.h>

#include "case.h"

static void say_files(const char *dir, const char *const *names)
{
	NEED(chdir(dir));
	say("%s\n", dir);
	for (int i = 0; names[i]; i++)
		say_file(names[i]);
}

CASE(cpus)
{
	static const char *const names[] = { "online",  "offline",    "possible",
					     "present", "kernel_max", NULL };

	say_files("/sys/devices/system/cpu", names);
	V(sysconf(_SC_NPROCESSORS_CONF));
	V(sysconf(_SC_NPROCESSORS_ONLN));
}

CASE(topology)
{
	static const char *const names[] = { "core_id",
					     "physical_package_id",
					     "die_id",
					     "thread_siblings",
					     "thread_siblings_list",
					     "core_cpus_list",
					     "core_siblings_list",
					     "package_cpus_list",
					     "nothing",
					     NULL };
	char dir[64];

	for (int i = 0; i < sysconf(_SC_NPROCESSORS_CONF); i++) {
		snprintf(dir, sizeof dir, "/sys/devices/system/cpu/cpu%d/topology", i);
		say_files(dir, names);
	}
	R(access("/sys/devices/system/cpu/cpu0/online", F_OK));
	R(access("/sys/devices/system/cpu/cpu4000", F_OK));
	R(access("/sys/devices/system/cpu/cpu00", F_OK));
}

CASE(caches)
{
	static const char *const names[] = { "level",
					     "type",
					     "size",
					     "coherency_line_size",
					     "shared_cpu_list",
					     "number_of_sets",
					     "ways_of_associativity",
					     NULL };
	char dir[64];

	for (int i = 0; i < 8; i++) {
		snprintf(dir, sizeof dir, "/sys/devices/system/cpu/cpu0/cache/index%d", i);
		if (access(dir, F_OK) == 0)
			say_files(dir, names);
		else
			say("%s: %s\n", dir, strerrorname_np(errno));
	}
}

CASE(nodes)
{
	static const char *const names[] = { "online", "possible", "has_cpu", NULL };
	static const char *const node[] = { "cpulist", "cpumap", "distance", NULL };

	if (access("/sys/devices/system/node/node0", F_OK) == -1)
		return;
	say_files("/sys/devices/system/node", names);
	say_files("/sys/devices/system/node/node0", node);
}

/* Names with a number, counted in a listing. */
static void count(const char *dir, const char *word)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	int n = 0;

	while (d && (e = readdir(d)))
		n += strncmp(e->d_name, word, strlen(word)) == 0 &&
		     strspn(e->d_name + strlen(word), "0123456789") > 0;
	say("%s: %d of %s\n", dir, n, word);
}

CASE(lists)
{
	count("/sys/devices/system/cpu", "cpu");
	count("/sys/devices/system/cpu/cpu0/cache", "index");
	count("/sys/devices/system/node", "node");
}

static void say_kind(const char *path)
{
	struct stat st;

	if (lstat(path, &st) == -1)
		say("%s: %s\n", path, strerrorname_np(errno));
	else
		say("%s: %o %ld\n", path, st.st_mode, S_ISREG(st.st_mode) ? (long)st.st_size : 0);
}

CASE(kinds)
{
	struct statfs fs;

	say_kind("/sys/block");
	say_kind("/sys/class/block");
	say_kind("/sys/class/net");
	say_kind("/sys/dev/block");
	say_kind("/sys/bus");
	say_kind("/sys/devices/system/cpu/online");
	say_kind("/sys/devices/system/cpu/cpu0/topology/core_id");
	say_kind("/sys/kernel/mm/transparent_hugepage");
	say_kind("/sys/nothing");
	NEED(statfs("/sys/devices", &fs));
	X(fs.f_type);
	R(open("/sys/devices/system/cpu/kernel_max", O_RDONLY) >= 0);
}
