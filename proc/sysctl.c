/* SPDX-License-Identifier: Apache-2.0 */
/* /proc/sys (proc(5)): the settings programs read. Those that say how our kernel behaves are ours; none can be set. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/utsname.h>

#include "kernel/pty.h"
#include "kernel/sandbox.h"
#include "proc/proc.h"

static int show_fixed(struct pseudo_node *n, struct caller *c, struct text *out)
{
	text_printf(out, "%s\n", (const char *)n->entry->arg);
	return 0;
}

static int show_osrelease(struct pseudo_node *n, struct caller *c, struct text *out)
{
	struct utsname u;
	uname(&u);
	text_printf(out, "%s\n", u.release);
	return 0;
}

static int show_version(struct pseudo_node *n, struct caller *c, struct text *out)
{
	struct utsname u;
	uname(&u);
	text_printf(out, "%s\n", u.version);
	return 0;
}

static int show_hostname(struct pseudo_node *n, struct caller *c, struct text *out)
{
	struct utsname u;
	uname(&u);
	sandbox_lock(n->sb);
	text_printf(out, "%s\n", n->sb->hostname ? n->sb->hostname : u.nodename);
	sandbox_unlock(n->sb);
	return 0;
}

static void put_uuid(struct text *out, const uint8_t *b)
{
	for (int i = 0; i < 16; i++)
		text_printf(out, i == 4 || i == 6 || i == 8 || i == 10 ? "-%02x" : "%02x", b[i]);
	text_putc(out, '\n');
}

/* A random version 4 UUID (RFC 4122, 4.4), a new one each time. */
static int show_uuid(struct pseudo_node *n, struct caller *c, struct text *out)
{
	uint8_t b[16];
	if (getrandom(b, sizeof b, 0) != sizeof b)
		return -EIO;
	b[6] = (b[6] & 0x0f) | 0x40;
	b[8] = (b[8] & 0x3f) | 0x80;
	put_uuid(out, b);
	return 0;
}

/* One id for the life of the sandbox: its own boot, not the host's. */
static int show_boot_id(struct pseudo_node *n, struct caller *c, struct text *out)
{
	put_uuid(out, n->sb->boot_id);
	return 0;
}

static int show_pty_max(struct pseudo_node *n, struct caller *c, struct text *out)
{
	text_printf(out, "%d\n", PTY_MAX);
	return 0;
}

static int show_pty_nr(struct pseudo_node *n, struct caller *c, struct text *out)
{
	text_printf(out, "%u\n", pty_count(n->sb->ptys));
	return 0;
}

#define FIXED(name, value)                                                                                             \
	{                                                                                                              \
		name, S_IFREG | 0444, .show = show_fixed, .arg = value                                                 \
	}
#define DIRECTORY(name, table)                                                                                         \
	{                                                                                                              \
		name, S_IFDIR | 0555, .dir = &table                                                                    \
	}

static const struct pseudo_entry random_entries[] = {
	{ "boot_id", S_IFREG | 0444, .show = show_boot_id },
	{ "uuid", S_IFREG | 0444, .show = show_uuid },
	FIXED("entropy_avail", "256"),
	FIXED("poolsize", "256"),
};
static const struct pseudo_dir random_dir = { PSEUDO_TABLE(random_entries) };

static const struct pseudo_entry pty_entries[] = {
	{ "max", S_IFREG | 0444, .show = show_pty_max },
	{ "nr", S_IFREG | 0444, .show = show_pty_nr },
	FIXED("reserve", "0"),
};
static const struct pseudo_dir pty_dir = { PSEUDO_TABLE(pty_entries) };

static const struct pseudo_entry kernel_entries[] = {
	FIXED("cap_last_cap", "40"),
	FIXED("core_pattern", "core"),
	{ "hostname", S_IFREG | 0444, .show = show_hostname },
	FIXED("ngroups_max", "65536"),
	{ "osrelease", S_IFREG | 0444, .show = show_osrelease },
	FIXED("ostype", "Linux"),
	FIXED("overflowgid", "65534"),
	FIXED("overflowuid", "65534"),
	FIXED("pid_max", "4194304"),
	DIRECTORY("pty", pty_dir),
	DIRECTORY("random", random_dir),
	FIXED("randomize_va_space", "2"),
	FIXED("threads-max", "4194304"),
	{ "version", S_IFREG | 0444, .show = show_version },
};
static const struct pseudo_dir kernel_dir = { PSEUDO_TABLE(kernel_entries) };

static const struct pseudo_entry vm_entries[] = {
	FIXED("max_map_count", "65530"), FIXED("mmap_min_addr", "65536"), FIXED("overcommit_memory", "0"),
	FIXED("overcommit_ratio", "50"), FIXED("swappiness", "60"),
};
static const struct pseudo_dir vm_dir = { PSEUDO_TABLE(vm_entries) };

static const struct pseudo_entry fs_entries[] = {
	FIXED("file-max", "9223372036854775807"), FIXED("nr_open", "1048576"),       FIXED("pipe-max-size", "1048576"),
	FIXED("pipe-user-pages-soft", "16384"),   FIXED("protected_hardlinks", "0"), FIXED("protected_symlinks", "0"),
};
static const struct pseudo_dir fs_dir = { PSEUDO_TABLE(fs_entries) };

static const struct pseudo_entry net_core_entries[] = { FIXED("somaxconn", "4096") };
static const struct pseudo_dir net_core_dir = { PSEUDO_TABLE(net_core_entries) };
static const struct pseudo_entry net_entries[] = { DIRECTORY("core", net_core_dir) };
static const struct pseudo_dir net_dir = { PSEUDO_TABLE(net_entries) };

static const struct pseudo_entry sysctl_entries[] = {
	DIRECTORY("fs", fs_dir),
	DIRECTORY("kernel", kernel_dir),
	DIRECTORY("net", net_dir),
	DIRECTORY("vm", vm_dir),
};
const struct pseudo_dir proc_sysctl_dir = { PSEUDO_TABLE(sysctl_entries) };
