/* SPDX-License-Identifier: Apache-2.0 */
/* Decides which layers of the jail a sandbox's monitor gets, and tells the user. What the host does
 * not have is done without, unless the user asked for all. */
#include "lib/confine.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "cred/cred.h"
#include "host/hostcall.h"
#include "host/thread.h"
#include "kernel/coredump.h"
#include "kernel/sandbox.h"
#include "lib/config.h"
#include "lib/error.h"
#include "lib/mounts.h"
#include "lib/world.h"
#include "platform/process/layout.h"
#include "sys/table.h"
#include "util/text.h"

_Static_assert(STUB_PREEMPT_SIGNAL == SIGURG, "jail/filter/calls.def lets this one go to stubs");

const char *hl_system_call_name(unsigned nr)
{
	const struct syscall_entry *e = sys_entry(nr);

	return e ? e->name : NULL;
}

static const char *const layer_names[] = {
	[CONFINE_SECCOMP] = "seccomp",         [CONFINE_SCOPE] = "Landlock's scope",
	[CONFINE_FILES] = "Landlock's files",  [CONFINE_CAPABILITIES] = "capabilities",
	[CONFINE_DESCRIPTORS] = "descriptors",
};

/* Notes that a layer is not there, and fails where all of them were asked for. */
static int note(struct confinement *c, const struct hl_config *cfg, enum confine_layer layer, int e,
		struct hl_error **err)
{
	if (!e)
		return 0;
	c->without[layer] = strerror(-e);
	return cfg->jail_strict
		   ? error_set(err, HL_SYSTEM, "the jail of the monitor is not complete: %s: %s",
			       layer_names[layer], strerror(-e))
		   : 0;
}

/* Did the caller leave it open over execve(2), and nobody asked for it? Ours are closed on exec,
 * all of them. */
static bool is_inherited(const struct hl_config *cfg, int fd)
{
	int flags = fd > 2 ? fcntl(fd, F_GETFD) : FD_CLOEXEC;
	bool given = fd == cfg->stdio[0] || fd == cfg->stdio[1] || fd == cfg->stdio[2];

	return flags >= 0 && !(flags & FD_CLOEXEC) && !given;
}

/* Now, while few are open: the host makes an inode for each that is listed. */
static void find_inherited(struct confinement *c, const struct hl_config *cfg)
{
	DIR *d = opendir("/proc/self/fd");

	for (struct dirent *e; d && (e = readdir(d));) {
		int fd = atoi(e->d_name);
		if (!is_inherited(cfg, fd))
			continue;
		if (c->nr_inherited < CONFINE_INHERITED)
			c->inherited[c->nr_inherited++] = fd;
		c->inherited_last = fd;
	}
	if (d)
		closedir(d);
}

static void close_inherited(const struct confinement *c, const struct hl_config *cfg)
{
	for (unsigned i = 0; i < c->nr_inherited; i++)
		if (is_inherited(cfg, c->inherited[i]))
			close(c->inherited[i]);
	if (c->nr_inherited < CONFINE_INHERITED)
		return;
	for (int fd = c->inherited[CONFINE_INHERITED - 1]; fd <= c->inherited_last; fd++)
		if (is_inherited(cfg, fd))
			close(fd);
}

int confine_start(struct confinement *c, const struct hl_config *cfg, struct hl_error **err)
{
	*c = (struct confinement){
		.had_no_new_privs = prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1,
		.jail.network = world_network(cfg) == HL_NETWORK_HOST,
		.jail.netns = world_network(cfg) == HL_NETWORK_NAMESPACE,
		.jail.private_world = world_is_private(cfg),
		.jail.whole_process = cfg->jail == HL_JAIL_PROCESS,
	};
	if (c->jail.whole_process)
		find_inherited(c, cfg);
	int e = jail_landlock_scope(&c->jail);
	c->jail.scoped = !e;
	return note(c, cfg, CONFINE_SCOPE, e, err);
}

void confine_machine_thread(void *confinement)
{
	struct confinement *c = confinement;

	c->machine_result = jail_capabilities(&c->jail);
}

static int drop_capabilities(struct confinement *c)
{
	int err = jail_capabilities(&c->jail);

	return err ? err : c->machine_result;
}

static int filter_calls(void *jail)
{
	return jail_seccomp(jail);
}

/* In the calling thread and in the machine's own. */
static int everywhere(struct sandbox *sb, int (*fn)(void *arg), void *arg)
{
	int err = fn(arg);

	return err || !sb->platform->machine_each_thread
		   ? err
		   : sb->platform->machine_each_thread(sb->machine, fn, arg);
}

/* TSYNC reaches the machine's threads, too. */
static int filter_everywhere(struct confinement *c, struct sandbox *sb)
{
	if (!c->jail.whole_process)
		return everywhere(sb, filter_calls, &c->jail);
	host_threads_take_violations();
	return filter_calls(&c->jail);
}

int confine_calls(struct confinement *c, const struct hl_config *cfg, struct sandbox *sb,
		  struct hl_error **err)
{
	c->jail.kvm = strcmp(sb->platform->name, "kvm") == 0;
	/* The guest's are what its caller's were. */
	sb->vfs->monitor->no_new_privs = c->had_no_new_privs;
	if (note(c, cfg, CONFINE_CAPABILITIES, drop_capabilities(c), err))
		return -1;
	return note(c, cfg, CONFINE_SECCOMP, filter_everywhere(c, sb), err);
}

/* ---- files ---- */

static int allow_mount(int ruleset, const struct mount_spec *m)
{
	bool writable = strcmp(m->type, "overlay") != 0 && !(m->flags & MOUNT_RDONLY);
	int err = 0;

	if (m->upper_fd >= 0)
		err = jail_landlock_allow(ruleset, m->upper_fd, true, JAIL_WHITEOUTS);
	if (!err && m->host_fd >= 0)
		err = jail_landlock_allow(ruleset, m->host_fd, !m->host_file,
					  writable ? JAIL_WRITE : JAIL_READ);
	return err;
}

static int allow_all(int ruleset, const struct mount_list *mounts)
{
	int err = jail_landlock_allow_told(ruleset);

	for (size_t i = 0; !err && i < mounts->count; i++)
		err = allow_mount(ruleset, &mounts->item[i]);
	return err;
}

static int enter_files(void *ruleset)
{
	return jail_landlock_enter(*(int *)ruleset);
}

static int only_these(struct sandbox *sb, const struct mount_list *mounts)
{
	int ruleset = jail_landlock_files();
	int err = ruleset < 0 ? ruleset : allow_all(ruleset, mounts);

	if (!err && sb->core_store)
		err = jail_landlock_allow(ruleset, sb->core_store->dir, true, JAIL_WRITE);

	if (!err)
		err = everywhere(sb, enter_files, &ruleset);
	if (ruleset >= 0)
		close(ruleset);
	return err;
}

/* In a plain world all files are the sandbox's; descriptors and other threads of a program that
 * embeds the library are that program's. */
static bool is_meant(const struct confinement *c, enum confine_layer layer)
{
	return layer == CONFINE_FILES         ? c->jail.private_world
	       : layer == CONFINE_DESCRIPTORS ? c->jail.whole_process
					      : true;
}

bool confine_describe(const struct confinement *c, struct text *t)
{
	bool first = true;

	for (enum confine_layer i = 0; i < NR_CONFINE_LAYERS; i++) {
		if (!is_meant(c, i))
			continue;
		text_puts(t, first ? "" : ", ");
		first = false;
		if (c->without[i])
			text_printf(t, "without %s (%s)", layer_names[i], c->without[i]);
		else
			text_puts(t, layer_names[i]);
	}
	return !t->failed;
}

static void tell(const struct confinement *c, const struct hl_config *cfg)
{
	struct text line = { .buf = NULL };

	text_puts(&line, "jail: ");
	if (cfg->log_level >= 1 && confine_describe(c, &line))
		cfg->log(cfg->log_arg, line.buf, line.len);
	text_free(&line);
}

int confine_files(struct confinement *c, const struct hl_config *cfg, struct sandbox *sb,
		  const struct mount_list *mounts, struct hl_error **err)
{
	int e = 0;

	/* By now the tree is mounted, and names like /dev/fd/63 in options have been opened. */
	close_inherited(c, cfg);
	if (c->jail.private_world)
		e = only_these(sb, mounts);
	if (note(c, cfg, CONFINE_FILES, e, err))
		return -1;
	tell(c, cfg);
	return 0;
}
