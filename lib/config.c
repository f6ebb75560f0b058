/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Holds the configuration that a caller of the library fills in before it runs a program (hl.h).
 * The setters return nothing: the first invalid value or failed allocation is remembered, and
 * running the program reports it.
 */
#include "lib/config.h"

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "debug/server.h"
#include "fs/vfs.h"
#include "host/hostcall.h"
#include "lib/error.h"
#include "kernel/cpus.h"
#include "lib/publish.h"
#include "lib/user.h"
#include "net/policy.h"

#define DEFAULT_PLACE "/host" /* of a mount that names none */

const char *hl_version(void)
{
	return HL_VERSION;
}

void config_invalid(struct hl_config *cfg, const char *what, const char *value)
{
	if (!cfg->invalid && asprintf(&cfg->invalid, "%s: '%s'", what, value) < 0) {
		cfg->invalid = NULL;
		cfg->no_memory = true;
	}
}

/* Adds a mount beside those that every sandbox has. */
static void add_mount(struct hl_config *cfg, const struct mount_spec *m)
{
	char target[PATH_MAX];
	const char *why = mount_target(m->target, target);

	if (!why && mount_list_remove(&cfg->mounts, cfg->taken_mounts, target))
		cfg->taken_mounts--;
	if (!why && mount_list_has(&cfg->mounts, target))
		why = "there are two mounts at";
	if (why) {
		config_invalid(cfg, why, m->target);
		return;
	}
	struct mount_spec plain = *m;
	plain.target = target;
	cfg->no_memory |= !mount_list_add(&cfg->mounts, &plain);
}

static void set_string(struct hl_config *cfg, char **slot, const char *value)
{
	char *copy = value ? strdup(value) : NULL;

	if (value && !copy)
		cfg->no_memory = true;
	free(*slot);
	*slot = copy;
}

/* What execve(2) keeps of the calling process. */
static void take_signals(struct hl_config *cfg)
{
	sigset_t mask;
	struct {
		uint64_t handler, flags, restorer, mask;
	} sa; /* the kernel's struct: glibc's call hides the two signals it uses itself */

	pthread_sigmask(SIG_SETMASK, NULL, &mask);
	for (int sig = 1; sig < NSIG; sig++) {
		if (sigismember(&mask, sig) == 1)
			cfg->blocked |= 1UL << (sig - 1);
		if (syscall(SYS_rt_sigaction, sig, NULL, &sa, sizeof sa.mask) == 0 &&
		    sa.handler == (uintptr_t)SIG_IGN)
			cfg->ignored |= 1UL << (sig - 1);
	}
}

struct hl_config *hl_config_new(void)
{
	struct hl_config *cfg = calloc(1, sizeof *cfg);
	size_t n = 0;

	if (!cfg)
		return NULL;
	while (environ && environ[n])
		n++;
	if (!strings_copy(&cfg->caller_env, n, (const char *const *)environ)) {
		hl_config_free(cfg);
		return NULL;
	}
	for (int fd = 0; fd < 3; fd++)
		cfg->stdio[fd] = host_is_open(fd) ? fd : -1;
	take_signals(cfg);
	return cfg;
}

void hl_config_free(struct hl_config *cfg)
{
	if (!cfg)
		return;
	strings_clear(&cfg->args);
	strings_clear(&cfg->caller_env);
	strings_clear(&cfg->env);
	free(cfg->program);
	free(cfg->initrd);
	free(cfg->workdir);
	free(cfg->sysroot);
	free(cfg->root);
	free(cfg->upper);
	strings_clear(&cfg->allow);
	strings_clear(&cfg->block);
	strings_clear(&cfg->publish);
	free(cfg->hostname);
	free(cfg->user);
	free(cfg->workspace);
	strings_clear(&cfg->hidden);
	mount_list_clear(&cfg->mounts);
	free(cfg->platform);
	free(cfg->debugger);
	free(cfg->core);
	free(cfg->translator);
	free(cfg->save_file);
	free(cfg->save_output);
	strings_clear(&cfg->modules);
	free(cfg->input);
	function_list_free(cfg->functions, cfg->nr_functions);
	free(cfg->invalid);
	free(cfg);
}

int hl_config_check(const struct hl_config *cfg, struct hl_error **err)
{
	if (!cfg || cfg->no_memory)
		return error_set(err, HL_NO_MEMORY, "out of memory");
	return cfg->invalid ? error_set(err, HL_INVALID, "%s", cfg->invalid) : 0;
}

void hl_config_set_args(struct hl_config *cfg, size_t count, const char *const *args)
{
	if (!cfg)
		return;
	strings_clear(&cfg->args);
	if (!strings_copy(&cfg->args, count, args))
		cfg->no_memory = true;
}

void hl_config_set_program(struct hl_config *cfg, const char *program)
{
	if (cfg)
		set_string(cfg, &cfg->program, program);
}

void hl_config_add_env(struct hl_config *cfg, const char *assignment)
{
	if (!cfg)
		return;
	size_t len = strcspn(assignment, "=");
	const char *value = assignment[len] ? assignment + len + 1 : getenv(assignment);

	if (len == 0)
		config_invalid(cfg, "an environment variable needs a name", assignment);
	else if (value && !env_put(&cfg->env, assignment, len, value))
		cfg->no_memory = true;
}

void hl_config_clear_env(struct hl_config *cfg)
{
	if (!cfg)
		return;
	strings_clear(&cfg->env);
	cfg->clear_env = true;
}

void hl_config_set_initrd(struct hl_config *cfg, const char *file)
{
	if (cfg)
		set_string(cfg, &cfg->initrd, file);
}

void hl_config_set_workdir(struct hl_config *cfg, const char *dir)
{
	if (cfg)
		set_string(cfg, &cfg->workdir, dir);
}

void hl_config_set_sysroot(struct hl_config *cfg, const char *dir)
{
	if (cfg)
		set_string(cfg, &cfg->sysroot, dir);
}

void hl_config_set_root(struct hl_config *cfg, const char *dir)
{
	if (cfg)
		set_string(cfg, &cfg->root, dir);
}

void hl_config_set_overlay(struct hl_config *cfg, const char *dir)
{
	if (!cfg)
		return;
	cfg->overlay = true;
	set_string(cfg, &cfg->upper, dir);
}

void hl_config_set_isolate(struct hl_config *cfg, bool on)
{
	if (cfg)
		cfg->isolate = on;
}

void hl_config_set_workspace(struct hl_config *cfg, const char *dir)
{
	if (!cfg)
		return;
	if (dir && !*dir)
		config_invalid(cfg, "a workspace needs a directory", dir);
	set_string(cfg, &cfg->workspace, dir);
}

void hl_config_add_hidden(struct hl_config *cfg, const char *guest)
{
	if (!cfg)
		return;
	if (guest[0] != '/')
		config_invalid(cfg, "what is hidden is an absolute path of the guest's", guest);
	else if (!strings_copy(&cfg->hidden, 1, &guest))
		cfg->no_memory = true;
}

void hl_config_set_user(struct hl_config *cfg, const char *user)
{
	if (!cfg)
		return;
	if (user && !user_spec_valid(user))
		config_invalid(cfg, "a user is UID[:GID], by number or name", user);
	set_string(cfg, &cfg->user, user);
}

void hl_config_set_hostname(struct hl_config *cfg, const char *name)
{
	if (!cfg)
		return;
	if (name && (!*name || strlen(name) > HOST_NAME_MAX))
		config_invalid(cfg, "a host name has 1 to 64 bytes", name);
	set_string(cfg, &cfg->hostname, name);
}

/* Who says something of the network says all of it: nothing that a snapshot allowed stays. */
static void begin_network(struct hl_config *cfg)
{
	if (!cfg->taken_network)
		return;
	cfg->taken_network = false;
	cfg->network = HL_NETWORK_DEFAULT;
	strings_clear(&cfg->allow);
	strings_clear(&cfg->block);
	strings_clear(&cfg->publish);
}

void hl_config_set_network(struct hl_config *cfg, enum hl_network network)
{
	if (!cfg)
		return;
	begin_network(cfg);
	cfg->network = network;
}

static void add_rule(struct hl_config *cfg, struct strings *list, const char *text)
{
	struct net_rule r;
	char *what = NULL;
	const char *why = net_rule_parse(text, &r);

	begin_network(cfg);
	free(r.name);
	if (why && asprintf(&what, "a rule of the network %s", why) < 0)
		what = NULL;
	if (why)
		config_invalid(cfg, what ? what : why, text);
	free(what);
	cfg->no_memory |= !strings_copy(list, 1, &text);
}

void hl_config_allow_network(struct hl_config *cfg, const char *rule)
{
	if (cfg)
		add_rule(cfg, &cfg->allow, rule);
}

void hl_config_block_network(struct hl_config *cfg, const char *rule)
{
	if (cfg)
		add_rule(cfg, &cfg->block, rule);
}

void hl_config_publish(struct hl_config *cfg, const char *ports)
{
	struct publication p;

	if (!cfg)
		return;
	begin_network(cfg);
	const char *why = publication_parse(ports, &p);
	if (why)
		config_invalid(cfg, why, ports);
	cfg->no_memory |= !strings_copy(&cfg->publish, 1, &ports);
}

void hl_config_add_mount(struct hl_config *cfg, const char *host, const char *guest, bool read_only)
{
	unsigned flags = MOUNT_NOSUID | MOUNT_NODEV | (read_only ? MOUNT_RDONLY : 0);

	if (cfg)
		add_mount(cfg, &(struct mount_spec){ .type = "hostfs",
						     .source = host,
						     .target = guest ? guest : DEFAULT_PLACE,
						     .flags = flags });
}

void hl_config_add_tmpfs(struct hl_config *cfg, const char *guest, uint64_t bytes)
{
	if (cfg)
		add_mount(cfg, &(struct mount_spec){ .type = "tmpfs",
						     .source = "tmpfs",
						     .target = guest,
						     .flags = MOUNT_NOSUID | MOUNT_NODEV,
						     .size = bytes });
}

void hl_config_set_platform(struct hl_config *cfg, const char *name)
{
	if (cfg)
		set_string(cfg, &cfg->platform, name);
}

/* What each limit is called where it cannot be, and what it can be. The least of them start a small
 * static program and no more. */
static const struct {
	const char *what;
	uint64_t min, max;
} limit_rules[HL_NR_LIMITS] = {
	[HL_LIMIT_MEMORY] = { "a limit of memory is 4Mi or more", 4UL << 20, INT64_MAX },
	[HL_LIMIT_STACK] = { "a limit of the stack is 64Ki or more", 64UL << 10, INT64_MAX },
	[HL_LIMIT_PIDS] = { "a limit of processes is 1 to 4194304", 1, 4194304 },
	[HL_LIMIT_FILES] = { "a limit of open files is 8 or more", 8, INT64_MAX },
	[HL_LIMIT_DISK] = { "a limit of files' bytes is 4Ki or more", 4096, INT64_MAX },
	[HL_LIMIT_CPUS] = { "a limit of CPUs is 10 to 8192000 thousandths", CPU_UNIT / 100,
			    CPUS_MAX *CPU_UNIT },
};

void hl_config_set_limit(struct hl_config *cfg, enum hl_limit which, uint64_t value)
{
	char number[32];

	if (!cfg)
		return;
	snprintf(number, sizeof number, "%lu", value);
	if ((unsigned)which >= HL_NR_LIMITS)
		config_invalid(cfg, "there is no such limit", number);
	else if (value < limit_rules[which].min || value > limit_rules[which].max)
		config_invalid(cfg, limit_rules[which].what, number);
	else
		cfg->limits[which] = value;
}

struct sandbox_limits config_limits(const struct hl_config *cfg)
{
	return (struct sandbox_limits){
		.memory = cfg->limits[HL_LIMIT_MEMORY],
		.stack = cfg->limits[HL_LIMIT_STACK],
		.pids = cfg->limits[HL_LIMIT_PIDS],
		.files = cfg->limits[HL_LIMIT_FILES],
		.disk = cfg->limits[HL_LIMIT_DISK],
		.cpus = cfg->limits[HL_LIMIT_CPUS],
	};
}

void hl_config_set_timeout(struct hl_config *cfg, uint64_t milliseconds)
{
	if (cfg)
		cfg->timeout_ms = milliseconds;
}

void hl_config_set_ready(struct hl_config *cfg, void (*fn)(void *arg), void *arg)
{
	if (!cfg)
		return;
	cfg->ready = fn;
	cfg->ready_arg = arg;
}

void hl_config_set_stdio(struct hl_config *cfg, int in, int out, int err)
{
	if (!cfg)
		return;
	cfg->stdio[0] = in;
	cfg->stdio[1] = out;
	cfg->stdio[2] = err;
}

static void set_output(struct hl_config *cfg, int fd, const struct output_config *o)
{
	if (!cfg)
		return;
	if (fd != STDOUT_FILENO && fd != STDERR_FILENO)
		config_invalid(cfg, "output is that of descriptor 1 or 2", "another");
	else
		cfg->output[fd - 1] = *o;
}

void hl_config_set_output(struct hl_config *cfg, int fd, hl_output_fn *fn, void *arg)
{
	set_output(cfg, fd, &(struct output_config){ .wanted = fn, .fn = fn, .arg = arg });
}

void hl_config_keep_output(struct hl_config *cfg, int fd, size_t limit)
{
	set_output(cfg, fd, &(struct output_config){ .wanted = true, .limit = limit });
}

void hl_config_set_input(struct hl_config *cfg, const void *data, size_t len)
{
	if (!cfg)
		return;
	free(cfg->input);
	cfg->input = malloc(len + 1);
	cfg->no_memory |= !cfg->input;
	cfg->has_input = true;
	cfg->input_len = cfg->input ? len : 0;
	if (cfg->input && len)
		memcpy(cfg->input, data, len);
}

void hl_config_set_signals(struct hl_config *cfg, uint64_t ignored, uint64_t blocked)
{
	if (!cfg)
		return;
	cfg->ignored = ignored;
	cfg->blocked = blocked;
}

void hl_config_set_host_priority(struct hl_config *cfg, bool on)
{
	if (cfg)
		cfg->host_priority = on;
}

void hl_config_set_resettable(struct hl_config *cfg, bool on)
{
	if (cfg)
		cfg->resettable = on;
}

void hl_config_set_save_file(struct hl_config *cfg, const char *file)
{
	if (cfg)
		set_string(cfg, &cfg->save_file, file);
}

void hl_config_set_self_contained(struct hl_config *cfg, bool on)
{
	if (cfg)
		cfg->self_contained = on;
}

void hl_config_set_deterministic(struct hl_config *cfg, bool on)
{
	if (cfg)
		cfg->deterministic = on;
}

void hl_config_set_log(struct hl_config *cfg, int level, hl_output_fn *fn, void *arg)
{
	if (!cfg)
		return;
	cfg->log_level = fn ? level : 0;
	cfg->log = fn;
	cfg->log_arg = arg;
}

void hl_config_set_trace(struct hl_config *cfg, enum hl_trace_format format, hl_output_fn *fn,
			 void *arg)
{
	if (!cfg)
		return;
	cfg->trace_format = format;
	cfg->trace = fn;
	cfg->trace_arg = arg;
}

void hl_config_set_jail(struct hl_config *cfg, enum hl_jail which)
{
	if (cfg)
		cfg->jail = which;
}

void hl_config_set_audit(struct hl_config *cfg, enum hl_audit of, hl_output_fn *fn, void *arg)
{
	if (!cfg)
		return;
	cfg->audit_of = of;
	cfg->audit = fn;
	cfg->audit_arg = arg;
}

void hl_config_set_strict_jail(struct hl_config *cfg, bool on)
{
	if (cfg)
		cfg->jail_strict = on;
}

void hl_config_set_translator(struct hl_config *cfg, const char *path)
{
	if (cfg)
		set_string(cfg, &cfg->translator, path);
}

void hl_config_set_core(struct hl_config *cfg, const char *pattern)
{
	if (cfg)
		set_string(cfg, &cfg->core, pattern);
}

void hl_config_set_debugger(struct hl_config *cfg, const char *address)
{
	if (!cfg)
		return;
	const char *wrong = address ? debug_address_wrong(address) : NULL;
	if (wrong)
		config_invalid(cfg, wrong, address);
	set_string(cfg, &cfg->debugger, address);
}

void hl_config_set_stats(struct hl_config *cfg, bool on)
{
	if (cfg)
		cfg->stats = on;
}

void hl_config_add_function(struct hl_config *cfg, const char *name, hl_function *fn, void *arg)
{
	if (!cfg)
		return;
	if (!*name || strlen(name) > CALL_NAME_MAX || strchr(name, '\n'))
		config_invalid(cfg, "a function's name has 1 to 255 bytes in one line", name);
	if (!function_list_add(&cfg->functions, &cfg->nr_functions, name, fn, arg))
		cfg->no_memory = true;
}

void hl_config_set_driver(struct hl_config *cfg, const char *driver)
{
	if (!cfg)
		return;
	size_t len = strcspn(driver, ":");
	char *list = driver[len] ? strdup(driver + len + 1) : NULL, *rest = list;

	cfg->driver = driver_find(driver, len);
	if (!cfg->driver)
		config_invalid(cfg, "there are drivers for " DRIVER_NAMES, driver);
	strings_clear(&cfg->modules);
	cfg->no_memory |= driver[len] && !list;
	while (rest) {
		const char *module = strsep(&rest, ",");
		if (!*module)
			config_invalid(cfg, "a driver is NAME[:MODULE,...]", driver);
		cfg->no_memory |= !strings_copy(&cfg->modules, 1, &module);
	}
	free(list);
}

void hl_config_add_moment(struct hl_config *cfg, enum hl_moment which, const char *what)
{
	char *end = NULL;

	if (!cfg)
		return;
	cfg->savable = true;
	if (which == HL_MOMENT_LISTENS) {
		unsigned long port = what ? strtoul(what, &end, 10) : 0;
		if (what && (*what < '0' || *what > '9' || *end || !port || port > 65535))
			config_invalid(cfg, "a port is a number from 1 to 65535", what);
		cfg->save_listen = true;
		cfg->save_port = (unsigned)port;
	} else if (which == HL_MOMENT_PRINTS) {
		if (!what || !*what)
			config_invalid(cfg, "a text that is waited for has to have one", "");
		set_string(cfg, &cfg->save_output, what);
	}
}
