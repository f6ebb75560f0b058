/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small /sys. What is said of CPUs, their caches and memory nodes is the host's, file by file: a
 * guest runs on them, sees them in sched_getaffinity(2) and could read most of it off the CPU
 * itself. Where the sandbox has but some of them, the others are left out. What the host has no
 * file for, a guest has none for either. There are no devices, so their directories are empty.
 */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "host/hostfile.h"
#include "kernel/sandbox.h"
#include "proc/net.h"
#include "proc/proc.h"

/* ---- files of the host's ---- */

/* The host's file of the same path as the entry `name` of `dir`. */
static bool host_path(const struct pseudo_node *dir, const char *name, char buf[PATH_MAX])
{
	char path[PATH_MAX];

	if (pseudo_path(dir, path, sizeof path) < 0)
		return false;
	int n = name ? snprintf(buf, PATH_MAX, "/sys%s/%s", path, name)
		     : snprintf(buf, PATH_MAX, "/sys%s", path);
	return n < PATH_MAX;
}

static bool host_has(const struct pseudo_node *dir, const char *name)
{
	char path[PATH_MAX];

	return host_path(dir, name, path) && hostfile_exists(path);
}

static int show_host(struct pseudo_node *n, struct caller *c, struct text *out)
{
	char path[PATH_MAX];

	return host_path(n, NULL, path) ? proc_show_host(out, path) : -ENAMETOOLONG;
}

static int show_fixed(struct pseudo_node *n, struct caller *c, struct text *out)
{
	text_printf(out, "%s\n", (const char *)n->entry->arg);
	return 0;
}

/* ---- files that list CPUs ---- */

/* cpulist_parse() of Linux: "0-3,8". False: it is something else. */
static bool parse_cpu_list(const char *s, uint64_t bits[CPUS_MAX / 64])
{
	while (*s >= '0' && *s <= '9') {
		char *end;
		unsigned long from = strtoul(s, &end, 10), to = from;
		if (*end == '-')
			to = strtoul(end + 1, &end, 10);
		for (unsigned long i = from; i <= to && i < CPUS_MAX; i++)
			bits[i / 64] |= 1UL << i % 64;
		s = *end == ',' ? end + 1 : end;
	}
	return !*s || *s == '\n';
}

/* "ff,00000001": words of 32 bits, the highest first. Clears what the sandbox has not, in place. */
static void restrict_cpu_mask(const struct cpus *cpus, char *text)
{
	static const char digits[] = "0123456789abcdef";
	unsigned cpu = 0;

	for (char *at = text + strlen(text); at-- > text;) {
		const char *digit = strchr(digits, *at);
		unsigned value = 0;
		if (!digit || !*at)
			continue;
		for (unsigned i = 0; i < 4; i++, cpu++)
			value |= cpus_has(cpus, cpu) ? (unsigned)(digit - digits) & 1U << i : 0;
		*at = digits[value];
	}
}

static void put_cpu_list(const uint64_t bits[CPUS_MAX / 64], struct text *out)
{
	const char *sep = "";

	for (unsigned i = 0; i < CPUS_MAX; i++) {
		unsigned first = i;
		if (!(bits[i / 64] >> i % 64 & 1))
			continue;
		while (i + 1 < CPUS_MAX && bits[(i + 1) / 64] >> (i + 1) % 64 & 1)
			i++;
		text_printf(out, first == i ? "%s%u" : "%s%u-%u", sep, first, i);
		sep = ",";
	}
	text_putc(out, '\n');
}

static int show_cpu_list(struct pseudo_node *n, struct caller *c, struct text *out)
{
	const struct cpus *cpus = &n->sb->cpus;
	uint64_t bits[CPUS_MAX / 64] = { 0 };
	struct text host = { 0 };

	if (!cpus->limited)
		return show_host(n, c, out);
	int err = show_host(n, c, &host);
	if (!err && !parse_cpu_list(host.buf ? host.buf : "", bits))
		err = -EIO;
	cpus_restrict(cpus, bits, sizeof bits);
	if (!err)
		put_cpu_list(bits, out);
	text_free(&host);
	return err;
}

/* What can be there at all counts from 0, so that there is room for the number of any CPU in what
 * a program makes as long as this list. */
static int show_possible_cpus(struct pseudo_node *n, struct caller *c, struct text *out)
{
	unsigned last = 0;

	if (!n->sb->cpus.limited)
		return show_host(n, c, out);
	for (unsigned i = 0; i < CPUS_MAX; i++)
		if (cpus_has(&n->sb->cpus, i))
			last = i;
	text_printf(out, last ? "0-%u\n" : "%u\n", last);
	return 0;
}

static int show_cpu_mask(struct pseudo_node *n, struct caller *c, struct text *out)
{
	struct text host = { 0 };
	int err = show_host(n, c, &host);

	if (!err && host.buf) {
		restrict_cpu_mask(&n->sb->cpus, host.buf);
		text_puts(out, host.buf);
	}
	text_free(&host);
	return err;
}

/* The host's memory is not what a sandbox with a limit has. */
static bool host_has_memory(const struct pseudo_node *dir, const char *name)
{
	return !dir->sb->limits.memory && host_has(dir, name);
}

#define CPU_FILE(name, fn)                                                                         \
	{                                                                                          \
		name, S_IFREG | 0444, .show = fn, .present = host_has, .sealed = true              \
	}
#define HOST_FILE(name)                                                                            \
	{                                                                                          \
		name, S_IFREG | 0444, .show = show_host, .present = host_has, .sealed = true       \
	}
#define HOST_DIRECTORY(name, table)                                                                \
	{                                                                                          \
		name, S_IFDIR | 0755, .dir = &(table), .present = host_has                         \
	}
#define FIXED(name, value)                                                                         \
	{                                                                                          \
		name, S_IFREG | 0444, .show = show_fixed, .sealed = true, .arg = value             \
	}
#define DIRECTORY(name, table)                                                                     \
	{                                                                                          \
		name, S_IFDIR | 0755, .dir = &(table)                                              \
	}

/* ---- directories named by a word and a number: cpu0, index0, node0 ---- */

static int numbered_lookup(struct pseudo_node *dir, const char *word,
			   const struct pseudo_entry *entry, const char *name, size_t len,
			   struct pseudo_found *out)
{
	size_t skip = strlen(word);
	char whole[32];

	if (len < skip || len >= sizeof whole || memcmp(name, word, skip) ||
	    !pseudo_number(name + skip, len - skip, &out->number))
		return -ENOENT;
	snprintf(whole, sizeof whole, "%.*s", (int)len, name);
	out->entry = entry;
	return host_has(dir, whole) ? 0 : -ENOENT;
}

/* Numbers have no holes but those of CPUs that are not there: `end` is behind the last. */
static bool numbered_next(struct pseudo_node *dir, const char *word, int end, int *cursor,
			  char name[32], unsigned char *d_type)
{
	for (; *cursor < end; ++*cursor) {
		snprintf(name, 32, "%s%d", word, *cursor);
		*d_type = DT_DIR;
		if (host_has(dir, name))
			return true;
	}
	return false;
}

/* ---- /sys/devices/system/cpu ---- */

static const struct pseudo_entry topology_entries[] = {
	CPU_FILE("cluster_cpus", show_cpu_mask),
	CPU_FILE("cluster_cpus_list", show_cpu_list),
	HOST_FILE("cluster_id"),
	CPU_FILE("core_cpus", show_cpu_mask),
	CPU_FILE("core_cpus_list", show_cpu_list),
	HOST_FILE("core_id"),
	CPU_FILE("core_siblings", show_cpu_mask),
	CPU_FILE("core_siblings_list", show_cpu_list),
	CPU_FILE("die_cpus", show_cpu_mask),
	CPU_FILE("die_cpus_list", show_cpu_list),
	HOST_FILE("die_id"),
	CPU_FILE("package_cpus", show_cpu_mask),
	CPU_FILE("package_cpus_list", show_cpu_list),
	HOST_FILE("physical_package_id"),
	CPU_FILE("thread_siblings", show_cpu_mask),
	CPU_FILE("thread_siblings_list", show_cpu_list),
};
static const struct pseudo_dir topology_dir = { PSEUDO_TABLE(topology_entries) };

static const struct pseudo_entry cache_entries[] = {
	HOST_FILE("coherency_line_size"),
	HOST_FILE("id"),
	HOST_FILE("level"),
	HOST_FILE("number_of_sets"),
	HOST_FILE("physical_line_partition"),
	CPU_FILE("shared_cpu_list", show_cpu_list),
	CPU_FILE("shared_cpu_map", show_cpu_mask),
	HOST_FILE("size"),
	HOST_FILE("type"),
	HOST_FILE("ways_of_associativity"),
};
static const struct pseudo_dir cache_dir = { PSEUDO_TABLE(cache_entries) };
static const struct pseudo_entry cache_entry = { NULL, S_IFDIR | 0755, .dir = &cache_dir };
#define CACHES_MAX 16

static int caches_lookup(struct pseudo_node *dir, struct caller *c, const char *name, size_t len,
			 struct pseudo_found *out)
{
	return numbered_lookup(dir, "index", &cache_entry, name, len, out);
}

static bool caches_next(struct pseudo_node *dir, struct caller *c, int *cursor, char name[32],
			unsigned char *d_type)
{
	return numbered_next(dir, "index", CACHES_MAX, cursor, name, d_type);
}

static const struct pseudo_dir caches_dir = { .lookup = caches_lookup, .next = caches_next };

static const struct pseudo_entry cpu_entries[] = {
	HOST_DIRECTORY("cache", caches_dir),
	HOST_FILE("online"),
	HOST_DIRECTORY("topology", topology_dir),
};
static const struct pseudo_dir cpu_dir = { PSEUDO_TABLE(cpu_entries) };
static const struct pseudo_entry cpu_entry = { NULL, S_IFDIR | 0755, .dir = &cpu_dir };

static int cpus_lookup(struct pseudo_node *dir, struct caller *c, const char *name, size_t len,
		       struct pseudo_found *out)
{
	int err = numbered_lookup(dir, "cpu", &cpu_entry, name, len, out);

	return !err && !cpus_has(&dir->sb->cpus, (unsigned)out->number) ? -ENOENT : err;
}

static bool cpus_next(struct pseudo_node *dir, struct caller *c, int *cursor, char name[32],
		      unsigned char *d_type)
{
	while (numbered_next(dir, "cpu", get_nprocs_conf(), cursor, name, d_type)) {
		if (cpus_has(&dir->sb->cpus, (unsigned)*cursor))
			return true;
		++*cursor;
	}
	return false;
}

static const struct pseudo_entry smt_entries[] = { HOST_FILE("active"), HOST_FILE("control") };
static const struct pseudo_dir smt_dir = { PSEUDO_TABLE(smt_entries) };

static const struct pseudo_entry vulnerability_entries[] = {
	HOST_FILE("gather_data_sampling"),
	HOST_FILE("ghostwrite"),
	HOST_FILE("indirect_target_selection"),
	HOST_FILE("itlb_multihit"),
	HOST_FILE("l1tf"),
	HOST_FILE("mds"),
	HOST_FILE("meltdown"),
	HOST_FILE("mmio_stale_data"),
	HOST_FILE("old_microcode"),
	HOST_FILE("reg_file_data_sampling"),
	HOST_FILE("retbleed"),
	HOST_FILE("spec_rstack_overflow"),
	HOST_FILE("spec_store_bypass"),
	HOST_FILE("spectre_v1"),
	HOST_FILE("spectre_v2"),
	HOST_FILE("srbds"),
	HOST_FILE("tsa"),
	HOST_FILE("tsx_async_abort"),
	HOST_FILE("vmscape"),
};
static const struct pseudo_dir vulnerabilities_dir = { PSEUDO_TABLE(vulnerability_entries) };

static const struct pseudo_entry cpus_entries[] = {
	CPU_FILE("isolated", show_cpu_list),
	HOST_FILE("kernel_max"),
	CPU_FILE("offline", show_cpu_list),
	CPU_FILE("online", show_cpu_list),
	CPU_FILE("possible", show_possible_cpus),
	CPU_FILE("present", show_cpu_list),
	HOST_DIRECTORY("smt", smt_dir),
	HOST_DIRECTORY("vulnerabilities", vulnerabilities_dir),
};
static const struct pseudo_dir cpus_dir = { PSEUDO_TABLE(cpus_entries), .lookup = cpus_lookup,
					    .next = cpus_next };

/* ---- /sys/devices/system/node ---- */

static const struct pseudo_entry node_entries[] = {
	CPU_FILE("cpulist", show_cpu_list),
	CPU_FILE("cpumap", show_cpu_mask),
	HOST_FILE("distance"),
	{ "meminfo", S_IFREG | 0444, .show = show_host, .present = host_has_memory,
	  .sealed = true },
};
static const struct pseudo_dir node_dir = { PSEUDO_TABLE(node_entries) };
static const struct pseudo_entry node_entry = { NULL, S_IFDIR | 0755, .dir = &node_dir };
#define NODES_MAX 1024 /* Linux's largest CONFIG_NODES_SHIFT */

static int nodes_lookup(struct pseudo_node *dir, struct caller *c, const char *name, size_t len,
			struct pseudo_found *out)
{
	return numbered_lookup(dir, "node", &node_entry, name, len, out);
}

static bool nodes_next(struct pseudo_node *dir, struct caller *c, int *cursor, char name[32],
		       unsigned char *d_type)
{
	return numbered_next(dir, "node", NODES_MAX, cursor, name, d_type);
}

static const struct pseudo_entry nodes_entries[] = {
	HOST_FILE("has_cpu"), HOST_FILE("has_memory"), HOST_FILE("has_normal_memory"),
	HOST_FILE("online"),  HOST_FILE("possible"),
};
static const struct pseudo_dir nodes_dir = { PSEUDO_TABLE(nodes_entries), .lookup = nodes_lookup,
					     .next = nodes_next };

/* ---- the rest ---- */

static const struct pseudo_dir empty_dir = { 0 };
static const struct pseudo_entry system_entries[] = { DIRECTORY("cpu", cpus_dir),
						      HOST_DIRECTORY("node", nodes_dir) };
static const struct pseudo_dir system_dir = { PSEUDO_TABLE(system_entries) };
static const struct pseudo_entry devices_entries[] = { DIRECTORY("system", system_dir) };
static const struct pseudo_dir devices_dir = { PSEUDO_TABLE(devices_entries) };

static const struct pseudo_entry class_entries[] = { DIRECTORY("block", empty_dir),
						     DIRECTORY("net", sysfs_net_dir) };
static const struct pseudo_dir class_dir = { PSEUDO_TABLE(class_entries) };
static const struct pseudo_entry dev_entries[] = { DIRECTORY("block", empty_dir),
						   DIRECTORY("char", empty_dir) };
static const struct pseudo_dir dev_dir = { PSEUDO_TABLE(dev_entries) };
/* Control groups have a place to be mounted at. */
static const struct pseudo_entry fs_entries[] = { DIRECTORY("cgroup", empty_dir) };
static const struct pseudo_dir fs_dir = { PSEUDO_TABLE(fs_entries) };

/* A guest gets no huge pages, asked for or not. */
static const struct pseudo_entry thp_entries[] = {
	FIXED("defrag", "always defer defer+madvise madvise [never]"),
	FIXED("enabled", "always madvise [never]"),
	FIXED("hpage_pmd_size", "2097152"),
	FIXED("shmem_enabled", "always within_size advise [never] deny force"),
	FIXED("use_zero_page", "0"),
};
static const struct pseudo_dir thp_dir = { PSEUDO_TABLE(thp_entries) };
static const struct pseudo_entry mm_entries[] = {
	DIRECTORY("hugepages", empty_dir), /* no size of them */
	DIRECTORY("transparent_hugepage", thp_dir),
};
static const struct pseudo_dir mm_dir = { PSEUDO_TABLE(mm_entries) };
static const struct pseudo_entry kernel_entries[] = {
	FIXED("address_bits", "64"),
	FIXED("cpu_byteorder", "little"),
	DIRECTORY("mm", mm_dir),
};
static const struct pseudo_dir kernel_dir = { PSEUDO_TABLE(kernel_entries) };

static const struct pseudo_entry root_entries[] = {
	DIRECTORY("block", empty_dir),     DIRECTORY("bus", empty_dir),
	DIRECTORY("class", class_dir),     DIRECTORY("dev", dev_dir),
	DIRECTORY("devices", devices_dir), DIRECTORY("fs", fs_dir),
	DIRECTORY("kernel", kernel_dir),   DIRECTORY("module", empty_dir),
};
static const struct pseudo_dir root_dir = { PSEUDO_TABLE(root_entries) };
static const struct pseudo_entry root_entry = { NULL, S_IFDIR | 0555, .dir = &root_dir };

int sysfs_create(struct sandbox *sb, struct ns_common *net, struct filesystem **out)
{
	return pseudo_fs_create(sb, "sysfs", &root_entry, SYSFS_MAGIC, net, out);
}
