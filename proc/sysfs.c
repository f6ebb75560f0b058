/* SPDX-License-Identifier: Apache-2.0 */
/* A small /sys: the CPUs, which run-time systems count there. */
#include <dirent.h>
#include <errno.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>

#include "kernel/sandbox.h"
#include "proc/proc.h"

static int show_cpu_list(struct pseudo_node *n, struct caller *c, struct text *out)
{
	int cpus = get_nprocs_conf();
	text_printf(out, cpus > 1 ? "0-%d\n" : "0\n", cpus - 1);
	return 0;
}

static int show_online_list(struct pseudo_node *n, struct caller *c, struct text *out)
{
	return proc_show_host(out, "/sys/devices/system/cpu/online");
}

static int show_one(struct pseudo_node *n, struct caller *c, struct text *out)
{
	text_puts(out, "1\n");
	return 0;
}

static const struct pseudo_entry cpu_entries[] = { { "online", S_IFREG | 0444, .show = show_one } };
static const struct pseudo_dir cpu_dir = { PSEUDO_TABLE(cpu_entries) };
static const struct pseudo_entry cpu_entry = { NULL, S_IFDIR | 0755, .dir = &cpu_dir };

static int cpus_lookup(struct pseudo_node *dir, struct caller *c, const char *name, size_t len,
		       struct pseudo_found *out)
{
	int nr;
	if (len < 4 || memcmp(name, "cpu", 3) || !pseudo_number(name + 3, len - 3, &nr) || nr >= get_nprocs_conf())
		return -ENOENT;
	out->entry = &cpu_entry;
	out->number = nr;
	return 0;
}

static bool cpus_next(struct pseudo_node *dir, struct caller *c, int *cursor, char name[32], unsigned char *d_type)
{
	snprintf(name, 32, "cpu%d", *cursor);
	*d_type = DT_DIR;
	return *cursor < get_nprocs_conf();
}

static const struct pseudo_entry cpus_entries[] = {
	{ "online", S_IFREG | 0444, .show = show_online_list },
	{ "possible", S_IFREG | 0444, .show = show_cpu_list },
	{ "present", S_IFREG | 0444, .show = show_cpu_list },
};
static const struct pseudo_dir cpus_dir = { PSEUDO_TABLE(cpus_entries), .lookup = cpus_lookup, .next = cpus_next };
static const struct pseudo_entry system_entries[] = { { "cpu", S_IFDIR | 0755, .dir = &cpus_dir } };
static const struct pseudo_dir system_dir = { PSEUDO_TABLE(system_entries) };
static const struct pseudo_entry devices_entries[] = { { "system", S_IFDIR | 0755, .dir = &system_dir } };
static const struct pseudo_dir devices_dir = { PSEUDO_TABLE(devices_entries) };
static const struct pseudo_dir empty_dir = { 0 };
static const struct pseudo_entry root_entries[] = {
	{ "class", S_IFDIR | 0755, .dir = &empty_dir },
	{ "devices", S_IFDIR | 0755, .dir = &devices_dir },
	{ "fs", S_IFDIR | 0755, .dir = &empty_dir },
	{ "kernel", S_IFDIR | 0755, .dir = &empty_dir },
};
static const struct pseudo_dir root_dir = { PSEUDO_TABLE(root_entries) };
static const struct pseudo_entry root_entry = { NULL, S_IFDIR | 0555, .dir = &root_dir };

int sysfs_create(struct sandbox *sb, struct filesystem **out)
{
	return pseudo_fs_create(sb, "sysfs", &root_entry, SYSFS_MAGIC, out);
}
