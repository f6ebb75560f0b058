/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /proc/sys (proc(5)): the settings programs read. Those that say how our kernel behaves are ours.
 * What can be set is the names of the system and of core files, and which actions of seccomp are
 * logged; the rest is sealed, also for root. What is not built has no file: Linux AIO, perf, keys.
 */
#include <errno.h>
#include <limits.h>
#include <linux/capability.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "arch/machine.h"
#include "cred/cred.h"
#include "cred/user_ns.h"
#include "fs/protect.h"
#include "fs/inotify.h"
#include "host/random.h"
#include "fs/pipefs/pipe.h"
#include "kernel/elfcore.h"
#include "kernel/epoll.h"
#include "kernel/nsproxy.h"
#include "kernel/tty/pty.h"
#include "kernel/sandbox.h"
#include "kernel/task.h"
#include "proc/ipc.h"
#include "proc/net.h"
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

/* ---- names of the system ---- */

static enum uts_name name_of(const struct pseudo_node *n)
{
	return (enum uts_name)(intptr_t)n->entry->arg;
}

/* Of whoever looks; where that is no task, what the sandbox starts with. */
static struct uts_namespace *names_for(struct pseudo_node *n, struct caller *c)
{
	return nsproxy_uts(c->task ? c->task->nsproxy : n->sb->nsproxy);
}

static int show_name(struct pseudo_node *n, struct caller *c, struct text *out)
{
	char name[UTS_NAME_MAX + 1];

	uts_get(names_for(n, c), name_of(n), name);
	text_printf(out, "%s\n", name);
	return 0;
}

/* What does not fit is cut, as by Linux. */
static int store_name(struct pseudo_node *n, struct caller *c, char *text)
{
	size_t len = strcspn(text, "\n");

	uts_set(names_for(n, c), name_of(n), text, len < UTS_NAME_MAX ? len : UTS_NAME_MAX);
	return 0;
}

static unsigned poll_name(struct pseudo_node *n, _Atomic uint64_t *poll_event,
			  struct poll_table *pt)
{
	struct uts_changes *changes = &n->sb->uts_changes;

	poll_wait(pt, &changes->queue);
	uint64_t now = changes->count[name_of(n)];
	bool changed = atomic_exchange(poll_event, now) != now;
	return POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM | (changed ? POLLERR | POLLPRI : 0);
}

/* ---- core files: kernel/coredump.h ---- */

static int show_core_pattern(struct pseudo_node *n, struct caller *c, struct text *out)
{
	sandbox_lock(n->sb);
	text_printf(out, "%s\n", n->sb->core.pattern);
	sandbox_unlock(n->sb);
	return 0;
}

static int store_core_pattern(struct pseudo_node *n, struct caller *c, char *text)
{
	text[strcspn(text, "\n")] = 0;
	return core_set_pattern(n->sb, text);
}

static int show_core_uses_pid(struct pseudo_node *n, struct caller *c, struct text *out)
{
	sandbox_lock(n->sb);
	text_printf(out, "%d\n", n->sb->core.uses_pid);
	sandbox_unlock(n->sb);
	return 0;
}

static int store_core_uses_pid(struct pseudo_node *n, struct caller *c, char *text)
{
	int64_t v;
	int err = pseudo_parse(pseudo_strip(text), 10, INT32_MIN, INT32_MAX, &v);

	if (err)
		return err;
	sandbox_lock(n->sb);
	n->sb->core.uses_pid = (int)v;
	sandbox_unlock(n->sb);
	return 0;
}

/* ---- seccomp ---- */

/* Which of them are logged, in this order in the bits of sandbox.seccomp_logged; nothing reads that
 * but this file, as there is no audit. */
static const char *const seccomp_actions[] = {
	"kill_process", "kill_thread", "trap", "errno", "user_notif", "trace", "log", "allow",
};
#define NR_SECCOMP_ACTIONS (sizeof seccomp_actions / sizeof *seccomp_actions)

static void put_actions(struct text *out, unsigned which)
{
	const char *gap = "";

	for (unsigned i = 0; i < NR_SECCOMP_ACTIONS; i++) {
		if (which & 1U << i) {
			text_printf(out, "%s%s", gap, seccomp_actions[i]);
			gap = " ";
		}
	}
	text_putc(out, '\n');
}

static int show_actions_avail(struct pseudo_node *n, struct caller *c, struct text *out)
{
	put_actions(out, UINT_MAX);
	return 0;
}

static int show_actions_logged(struct pseudo_node *n, struct caller *c, struct text *out)
{
	put_actions(out, n->sb->seccomp_logged);
	return 0;
}

/* What is allowed cannot be logged. 0: there is no such name. */
static unsigned action_bit(const char *name, size_t len)
{
	for (unsigned i = 0; i < NR_SECCOMP_ACTIONS - 1; i++) {
		if (strlen(seccomp_actions[i]) == len && !memcmp(seccomp_actions[i], name, len))
			return 1U << i;
	}
	return 0;
}

static int store_actions_logged(struct pseudo_node *n, struct caller *c, char *text)
{
	unsigned which = 0;

	if (!cred_capable(c->cred, CAP_SYS_ADMIN))
		return -EPERM;
	text[strcspn(text, "\n")] = 0;
	for (const char *at = text; *at && *at != ' ';) {
		size_t len = strcspn(at, " ");
		unsigned bit = action_bit(at, len);
		if (!bit)
			return -EINVAL;
		which |= bit;
		at += len + (at[len] == ' ');
	}
	n->sb->seccomp_logged = which;
	return 0;
}

/* ---- values ---- */

/* How the host behaves, and so a guest on it. */
static int show_host(struct pseudo_node *n, struct caller *c, struct text *out)
{
	return proc_show_host(out, n->entry->arg);
}

static struct pid_namespace *pids_of(struct pseudo_node *n, struct caller *c)
{
	return c->task ? task_pid_ns(c->task) : n->sb->pid_ns;
}

static int show_last_pid(struct pseudo_node *n, struct caller *c, struct text *out)
{
	text_printf(out, "%d\n", pid_last(pids_of(n, c)));
	return 0;
}

/* Whoever may restore processes there chooses the next number. */
static int store_last_pid(struct pseudo_node *n, struct caller *c, char *text)
{
	struct pid_namespace *ns = pids_of(n, c);
	int64_t nr;

	if (!cred_ns_capable(c->cred, ns->ns.owner, CAP_CHECKPOINT_RESTORE) &&
	    !cred_ns_capable(c->cred, ns->ns.owner, CAP_SYS_ADMIN))
		return -EPERM;
	if (!*text)
		return 0;
	if (pseudo_parse(pseudo_strip(text), 0, 0, ns->max, &nr))
		return -EINVAL;
	sandbox_lock(n->sb);
	pid_set_last(ns, (pid_t)nr);
	sandbox_unlock(n->sb);
	return 0;
}

/* Nothing but the numbers bounds threads as such; memory does before. */
static int show_threads_max(struct pseudo_node *n, struct caller *c, struct text *out)
{
	text_printf(out, "%u\n", n->sb->pid_ns->max);
	return 0;
}

static int show_file_max(struct pseudo_node *n, struct caller *c, struct text *out)
{
	text_printf(out, "%lu\n", n->sb->vfs->files.max);
	return 0;
}

/* How many are open, how many of these are not in use (none: they are freed), how many may be. */
static int show_file_nr(struct pseudo_node *n, struct caller *c, struct text *out)
{
	text_printf(out, "%lu\t0\t%lu\n", n->sb->vfs->files.open, n->sb->vfs->files.max);
	return 0;
}

static int show_nr_open(struct pseudo_node *n, struct caller *c, struct text *out)
{
	text_printf(out, "%lu\n", sandbox_nr_open(n->sb));
	return 0;
}

static int show_aio_nr(struct pseudo_node *n, struct caller *c, struct text *out)
{
	uint64_t nr, max;

	aio_numbers(&n->sb->aio, &nr, &max);
	text_printf(out, "%lu\n", nr);
	return 0;
}

static int show_aio_max(struct pseudo_node *n, struct caller *c, struct text *out)
{
	uint64_t nr, max;

	aio_numbers(&n->sb->aio, &nr, &max);
	text_printf(out, "%lu\n", max);
	return 0;
}

static int store_aio_max(struct pseudo_node *n, struct caller *c, char *text)
{
	int64_t v;
	int err = pseudo_parse(pseudo_strip(text), 10, 0, INT64_MAX, &v);

	if (!err)
		aio_set_max(&n->sb->aio, (uint64_t)v);
	return err;
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
	int err = random_bytes(c->random, b, sizeof b);
	if (err)
		return err;
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

static int show_number(struct pseudo_node *n, struct caller *c, struct text *out)
{
	text_printf(out, "%lu\n", (unsigned long)(uintptr_t)n->entry->arg);
	return 0;
}

static int show_pty_nr(struct pseudo_node *n, struct caller *c, struct text *out)
{
	text_printf(out, "%u\n", pty_count(n->sb->ptys));
	return 0;
}

#define SHOW(name, fn)                                                                             \
	{                                                                                          \
		name, S_IFREG | 0444, .show = fn, .sealed = true                                   \
	}
static int show_protection(struct pseudo_node *n, struct caller *c, struct text *out)
{
	text_printf(out, "%d\n",
		    protection_level(n->sb->vfs, (enum protection)(intptr_t)n->entry->arg));
	return 0;
}

#define FIXED(name, value)                                                                         \
	{                                                                                          \
		name, S_IFREG | 0444, .show = show_fixed, .sealed = true, .arg = value             \
	}
#define HOST(name, path)                                                                           \
	{                                                                                          \
		name, S_IFREG | 0444, .show = show_host, .sealed = true,                           \
				      .arg = "/proc/sys/" path name                                \
	}
#define NAME(name, which)                                                                          \
	{                                                                                          \
		name, S_IFREG | 0644, .show = show_name, .store = store_name, .poll = poll_name,   \
				      .sealed = true, .arg = (void *)(which)                       \
	}
#define NUMBER(name, value)                                                                        \
	{                                                                                          \
		name, S_IFREG | 0444, .show = show_number, .sealed = true,                         \
				      .arg = (const void *)(uintptr_t)(value)                      \
	}
#define DIRECTORY(name, table)                                                                     \
	{                                                                                          \
		name, S_IFDIR | 0555, .dir = &table, .sealed = true                                \
	}

static const struct pseudo_entry random_entries[] = {
	SHOW("boot_id", show_boot_id),
	SHOW("uuid", show_uuid),
	FIXED("entropy_avail", "256"),
	FIXED("poolsize", "256"),
};
static const struct pseudo_dir random_dir = { PSEUDO_TABLE(random_entries) };

static const struct pseudo_entry pty_entries[] = {
	NUMBER("max", PTY_MAX),
	SHOW("nr", show_pty_nr),
	FIXED("reserve", "0"),
};
static const struct pseudo_dir pty_dir = { PSEUDO_TABLE(pty_entries) };

static int show_key_limit(struct pseudo_node *n, struct caller *c, struct text *out)
{
	text_printf(out, "%u\n", n->sb->keys.limits[(uintptr_t)n->entry->arg]);
	return 0;
}

static int store_key_limit(struct pseudo_node *n, struct caller *c, char *text)
{
	int64_t v;
	int err = pseudo_parse(pseudo_strip(text), 10, 0, INT_MAX, &v);

	if (!err)
		n->sb->keys.limits[(uintptr_t)n->entry->arg] = (unsigned)v;
	return err;
}

#define KEY_LIMIT(name, limit)                                                                     \
	{                                                                                          \
		name, S_IFREG | 0644, .show = show_key_limit, .store = store_key_limit,            \
				      .sealed = true, .arg = (const void *)(uintptr_t)(limit)      \
	}
static const struct pseudo_entry key_entries[] = {
	KEY_LIMIT("gc_delay", KEYS_GC_DELAY),
	KEY_LIMIT("maxbytes", KEYS_MAX_BYTES),
	KEY_LIMIT("maxkeys", KEYS_MAX_KEYS),
	KEY_LIMIT("persistent_keyring_expiry", KEYS_PERSISTENT_EXPIRY),
	KEY_LIMIT("root_maxbytes", KEYS_ROOT_MAX_BYTES),
	KEY_LIMIT("root_maxkeys", KEYS_ROOT_MAX_KEYS),
};
static const struct pseudo_dir key_dir = { PSEUDO_TABLE(key_entries) };

static const struct pseudo_entry seccomp_entries[] = {
	SHOW("actions_avail", show_actions_avail),
	{ "actions_logged", S_IFREG | 0644, .show = show_actions_logged,
	  .store = store_actions_logged, .sealed = true },
};
static const struct pseudo_dir seccomp_dir = { PSEUDO_TABLE(seccomp_entries) };

static const struct pseudo_entry kernel_entries[] = {
	FIXED("arch", ARCH_NAME),
	FIXED("cap_last_cap", "40"),
	NUMBER("core_file_note_size_limit", CORE_NOTES_MAX),
	{ "core_pattern", S_IFREG | 0644, .show = show_core_pattern, .store = store_core_pattern,
	  .sealed = true },
	{ "core_uses_pid", S_IFREG | 0644, .show = show_core_uses_pid, .store = store_core_uses_pid,
	  .sealed = true },
	NAME("domainname", UTS_DOMAIN),
	NAME("hostname", UTS_HOST),
	DIRECTORY("keys", key_dir),
	PROC_IPC_NEXT("msg_next_id", IPC_MSG),
	PROC_IPC_LIMIT("msgmax", PROC_MSGMAX),
	PROC_IPC_LIMIT("msgmnb", PROC_MSGMNB),
	PROC_IPC_LIMIT("msgmni", PROC_MSGMNI),
	FIXED("ngroups_max", "65536"),
	{ "ns_last_pid", S_IFREG | 0666, .show = show_last_pid, .store = store_last_pid },
	SHOW("osrelease", show_osrelease),
	FIXED("ostype", "Linux"),
	FIXED("overflowgid", "65534"),
	FIXED("overflowuid", "65534"),
	FIXED("pid_max", "4194304"),
	DIRECTORY("pty", pty_dir),
	DIRECTORY("random", random_dir),
	FIXED("randomize_va_space", "2"),
	HOST("sched_rr_timeslice_ms", "kernel/"),
	DIRECTORY("seccomp", seccomp_dir),
	PROC_IPC_LIMIT("sem", PROC_SEM),
	PROC_IPC_NEXT("sem_next_id", IPC_SEM),
	PROC_IPC_NEXT("shm_next_id", IPC_SHM),
	FIXED("shm_rmid_forced", "0"),
	PROC_IPC_LIMIT("shmall", PROC_SHMALL),
	PROC_IPC_LIMIT("shmmax", PROC_SHMMAX),
	PROC_IPC_LIMIT("shmmni", PROC_SHMMNI),
	FIXED("tainted", "0"),
	SHOW("threads-max", show_threads_max),
	SHOW("version", show_version),
};
static const struct pseudo_dir kernel_dir = { PSEUDO_TABLE(kernel_entries) };

static const struct pseudo_entry vm_entries[] = {
	FIXED("legacy_va_layout", "0"),   FIXED("max_map_count", "65530"),
	FIXED("memfd_noexec", "0"),       FIXED("mmap_min_addr", "65536"),
	FIXED("nr_hugepages", "0"),       FIXED("nr_overcommit_hugepages", "0"),
	HOST("overcommit_kbytes", "vm/"), HOST("overcommit_memory", "vm/"),
	HOST("overcommit_ratio", "vm/"),  HOST("swappiness", "vm/"),
};
static const struct pseudo_dir vm_dir = { PSEUDO_TABLE(vm_entries) };

/* Bounds that are kept: fs/inotify.c, kernel/epoll.c, fs/pipefs/pipe.c. */
static const struct pseudo_entry inotify_entries[] = {
	NUMBER("max_queued_events", INOTIFY_MAX_QUEUED_EVENTS),
	NUMBER("max_user_instances", INOTIFY_MAX_USER_INSTANCES),
	NUMBER("max_user_watches", INOTIFY_MAX_USER_WATCHES),
};
static const struct pseudo_dir inotify_dir = { PSEUDO_TABLE(inotify_entries) };

static const struct pseudo_entry epoll_entries[] = { NUMBER("max_user_watches",
							    EPOLL_MAX_USER_WATCHES) };
static const struct pseudo_dir epoll_dir = { PSEUDO_TABLE(epoll_entries) };

static const struct pseudo_entry mqueue_entries[] = {
	PROC_IPC_LIMIT("msg_default", PROC_MQ_MSG_DEFAULT),
	PROC_IPC_LIMIT("msg_max", PROC_MQ_MSG),
	PROC_IPC_LIMIT("msgsize_default", PROC_MQ_MSGSIZE_DEFAULT),
	PROC_IPC_LIMIT("msgsize_max", PROC_MQ_MSGSIZE),
	PROC_IPC_LIMIT("queues_max", PROC_MQ_QUEUES),
};
static const struct pseudo_dir mqueue_dir = { PSEUDO_TABLE(mqueue_entries) };

static const struct pseudo_entry fs_entries[] = {
	FIXED("overflowgid", "65534"),
	FIXED("overflowuid", "65534"),
	FIXED("suid_dumpable", "0"),
	{ "aio-max-nr", S_IFREG | 0644, .show = show_aio_max, .store = store_aio_max,
	  .sealed = true },
	SHOW("aio-nr", show_aio_nr),
	SHOW("file-max", show_file_max),
	SHOW("file-nr", show_file_nr),
	SHOW("nr_open", show_nr_open),
	NUMBER("pipe-max-size", PIPE_MAX_SIZE),
	NUMBER("pipe-user-pages-hard", 0),
	NUMBER("pipe-user-pages-soft", PIPE_USER_PAGES_SOFT),
	DIRECTORY("epoll", epoll_dir),
	DIRECTORY("inotify", inotify_dir),
	DIRECTORY("mqueue", mqueue_dir),
	{ "protected_fifos", S_IFREG | 0444, .show = show_protection,
	  .arg = (void *)PROTECTED_FIFOS },
	{ "protected_hardlinks", S_IFREG | 0444, .show = show_protection,
	  .arg = (void *)PROTECTED_HARDLINKS },
	{ "protected_regular", S_IFREG | 0444, .show = show_protection,
	  .arg = (void *)PROTECTED_REGULAR },
	{ "protected_symlinks", S_IFREG | 0444, .show = show_protection,
	  .arg = (void *)PROTECTED_SYMLINKS },
};
static const struct pseudo_dir fs_dir = { PSEUDO_TABLE(fs_entries) };

/* ---- namespaces(7), of the reader's user namespace ---- */

static _Atomic unsigned *max_namespaces(struct pseudo_node *n, struct caller *c)
{
	return &c->cred->user_ns->namespaces[(uintptr_t)n->entry->arg].max;
}

static int show_max_namespaces(struct pseudo_node *n, struct caller *c, struct text *out)
{
	text_printf(out, "%u\n", *max_namespaces(n, c));
	return 0;
}

static int store_max_namespaces(struct pseudo_node *n, struct caller *c, char *text)
{
	int64_t max;
	int err = pseudo_parse(pseudo_strip(text), 0, INT32_MIN, INT32_MAX, &max);

	if (err || max < 0)
		return -EINVAL;
	*max_namespaces(n, c) = (unsigned)max;
	return 0;
}

/* set_permissions() of Linux's kernel/ucount.c */
static bool may_set_namespaces(struct pseudo_node *n, struct caller *c, int mask)
{
	return cred_own_capable(c->cred, CAP_SYS_RESOURCE) ? !(mask & X_OK)
							   : !(mask & (W_OK | X_OK));
}

#define MAX_NAMESPACES(kind, name, ...)                                                            \
	{ "max_" name "_namespaces",    S_IFREG | 0644,                                            \
	  .show = show_max_namespaces,  .store = store_max_namespaces,                             \
	  .grants = may_set_namespaces, .arg = (const void *)(uintptr_t)(kind) },
static const struct pseudo_entry user_entries[] = { NS_KINDS(MAX_NAMESPACES) };
static const struct pseudo_dir user_dir = { PSEUDO_TABLE(user_entries) };

static const struct pseudo_entry sysctl_entries[] = {
	DIRECTORY("fs", fs_dir),
	DIRECTORY("kernel", kernel_dir),
	DIRECTORY("net", proc_sysctl_net_dir),
	DIRECTORY("user", user_dir),
	DIRECTORY("vm", vm_dir),
};
const struct pseudo_dir proc_sysctl_dir = { PSEUDO_TABLE(sysctl_entries) };
