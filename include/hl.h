/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libhl: runs an unmodified Linux program in its own lightweight virtual machine, from your
 * program.
 *
 * 	struct hl_error *err = NULL;
 * 	struct hl_sandbox *sb = NULL;
 * 	struct hl_result res;
 * 	struct hl_config *cfg = hl_config_new();
 *
 * 	hl_config_set_args(cfg, 2, (const char *[]){ "uname", "-a" });
 * 	hl_config_set_timeout(cfg, 5000);
 * 	if (hl_sandbox_start(cfg, &sb, &err) || hl_sandbox_wait(sb, HL_FOREVER, &res, &err))
 * 		fprintf(stderr, "%s\n", hl_error_text(err));
 * 	hl_error_free(err);
 * 	hl_sandbox_free(sb);
 * 	hl_config_free(cfg);
 *
 * The library keeps no state but in these objects; any number of sandboxes may live in one process.
 * An object may be used from any thread, by one at a time, except where a function says otherwise.
 * The library never prints and never exits. It leaves your process as it was but for this:
 *
 * - It installs handlers for SIGBUS and SIGSEGV (a mapped file may be truncated by anyone at any
 *   time), which pass on every fault that is not the library's own to the handler that was there
 *   before, and for SIGRTMAX-3, with which it wakes its own threads. Install yours before the first
 *   hl_sandbox_start, or chain to those you find.
 * - It raises RLIMIT_NOFILE, because a guest's open files are descriptors of your process, and
 *   RLIMIT_FSIZE, because a guest's memory is a file: the soft limits to the hard ones, and where
 *   the process may (CAP_SYS_RESOURCE) the hard ones, too, by 65,536 descriptors and to no limit. A
 *   guest sees, and is held to, the limits that were at the first start.
 * - On platform "auto" the first start of a boot measures KVM and may leave one small file of the
 *   user's (FILES in hl(1)).
 * - A sandbox owns threads and descriptors (close-on-exec) until hl_sandbox_free. Its threads block
 *   all signals but the ones named above, so that yours never go to them.
 * - Where a guest gives up a large file of the host's, or writes one back, a process of its own
 *   does that. It has no parent here, holds nothing but that file, and may live longer than the
 *   sandbox. So does one that gives much memory back to the host, where a kill, the time limit or
 *   a signal ended the program.
 * - On the platform "process" it also owns a child process, which sends SIGCHLD when
 *   hl_sandbox_free ends it. A wait(2) for any child waits for that one, too, and may reap it.
 *
 * Functions that can fail return 0, or -1 with an error object in *err that you free. `err` may be
 * NULL; what *err held before is overwritten, never read.
 */
#ifndef HL_H
#define HL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define HL_API __attribute__((visibility("default")))

/* "MAJOR.MINOR.PATCH" of the library. */
HL_API const char *hl_version(void);

/* ---- errors ---------------------------------------------------------------------------------- */

struct hl_error;

enum hl_code {
	HL_OK,
	HL_INVALID,   /* the configuration contradicts itself or names something that cannot be */
	HL_NOT_FOUND, /* the program does not exist */
	HL_NOT_EXEC,  /* the program exists and cannot be run */
	/* no platform can run guest code here, the one asked for cannot, or it broke */
	HL_PLATFORM,
	HL_NO_MEMORY, /* the host gave no memory */
	HL_SYSTEM,    /* the host refused something else */
	HL_STATE,     /* the call makes no sense in the state the sandbox is in */
	/* hl_sandbox_wait: the time to wait is over; the sandbox goes on. hl_sandbox_start: the
	 * time limit was over before the program could start */
	HL_TIMED_OUT,
	/* hl_sandbox_free_within only: a thread and the memory of the sandbox are left behind */
	HL_LEFT_BEHIND,
	HL_UNSAVABLE, /* a snapshot cannot hold something, or this host cannot run what it holds */
	HL_DAMAGED,   /* a file is no snapshot that can be used */
	HL_FAILED,    /* hl_sandbox_call: what the program was called for has failed */
};

/* NULL gives HL_OK and "". The text is one line without a newline that names the thing at fault
 * and, where there is one, the way out; valid until hl_error_free. */
HL_API enum hl_code hl_error_code(const struct hl_error *err);
HL_API const char *hl_error_text(const struct hl_error *err);
/* Puts "context: " before the text and gives the error back, in a new place: the old pointer is
 * gone. */
HL_API struct hl_error *hl_error_wrap(struct hl_error *err, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
HL_API void hl_error_free(struct hl_error *err);

/* Bytes that the library has allocated, of the caller's now. */
struct hl_bytes {
	char *data; /* NULL: none */
	size_t len;
};
HL_API void hl_bytes_free(struct hl_bytes *bytes);

/* ---- configuration --------------------------------------------------------------------------- */

/*
 * What to run and how. Setters copy what they are given. A setter that runs out of memory or gets a
 * value that cannot be remembers it, and hl_sandbox_start reports it: there is nothing to check on
 * the way. A configuration may be used for any number of sandboxes, and freed before they end.
 */
struct hl_config;

/* A new configuration takes from the calling process, as execve(2) would: the environment, which of
 * the descriptors 0 to 2 are open, which signals are ignored, and the calling thread's signal mask.
 * NULL: no memory; the functions below take NULL, and hl_sandbox_start then reports
 * HL_NO_MEMORY. */
HL_API struct hl_config *hl_config_new(void);
HL_API void hl_config_free(struct hl_config *cfg);
/* Reports now what a setter remembered, for a caller that wants to know which of them it was. */
HL_API int hl_config_check(const struct hl_config *cfg, struct hl_error **err);

/* The argument vector; args[0] is also the program unless hl_config_set_program names another.
 * Required. */
HL_API void hl_config_set_args(struct hl_config *cfg, size_t count, const char *const *args);
/* A name without a slash is looked up in the PATH of the guest's environment, as execvp(3) does, in
 * the guest's view of the file system. */
HL_API void hl_config_set_program(struct hl_config *cfg, const char *program);

/* What the program's environment has beside what it starts from, in whatever order this and the
 * kind of world are set. `name=value` sets; a bare `name` takes the value the calling process has
 * now (no effect when it has none). */
HL_API void hl_config_add_env(struct hl_config *cfg, const char *assignment);
/* From here on it starts from an empty one, without what was added before. */
HL_API void hl_config_clear_env(struct hl_config *cfg);

/* Working directory, a path of the guest. In a plain world it is relative to the calling process's,
 * which is also the default; in a private one it is "/" without this call, and relative to it. */
HL_API void hl_config_set_workdir(struct hl_config *cfg, const char *dir);

/* Whom the program runs as: "UID" or "UID:GID", by number, or by name as the guest's /etc/passwd
 * and /etc/group have them. Without a group it is the user's own, and so are the supplementary ones
 * (group 0 where /etc/passwd does not know the user). Default: the caller; in a private world root.
 * In a plain world it takes root to run a program as somebody else. */
HL_API void hl_config_set_user(struct hl_config *cfg, const char *user);
/* The name of the machine, 1 to 64 bytes. Default: the host's; in a private world "hl". */
HL_API void hl_config_set_hostname(struct hl_config *cfg, const char *name);

/* The network of the sandbox. */
enum hl_network {
	HL_NETWORK_DEFAULT, /* the host's in a plain world; in a private one none */
	/* A loopback of its own, which no other sandbox and nobody on the host can reach: TCP and
	 * UDP over 127.0.0.0/8 and ::1. Nothing leaves: ENETUNREACH. */
	HL_NETWORK_NONE,
	HL_NETWORK_HOST, /* the sockets are the host's, as far as the rules let them */
	/* As HL_NETWORK_NONE, but the loopback is the host kernel's, in a network namespace of the
	 * sandbox's own. Many hosts let only root make one, or nobody: then the start fails
	 * (HL_SYSTEM). A process that ends with the sandbox keeps it, with a copy of the memory
	 * that the calling process has at the start. */
	HL_NETWORK_NAMESPACE,
};
HL_API void hl_config_set_network(struct hl_config *cfg, enum hl_network network);
/*
 * Rules for the host's network: ADDRESS, ADDRESS/BITS, NAME, *.NAME or nothing, then a port or a
 * range behind a colon, as "192.0.2.0/24", "example.com:443", "[2001:db8::1]:80-90" or ":53".
 * Repeatable. What is blocked is refused (EACCES); where something is allowed, nothing else can be
 * reached, nor can ports be listened at; a private world that allows something has the host's
 * network. Addresses of this link alone and of clouds' metadata are refused unless a rule allows
 * just them. A name stands for the addresses that getent(1) has for it at the start (HL_SYSTEM
 * when it has none; "*." has none) and for those that the host's name servers give the program;
 * these may be asked, by UDP, about the allowed names alone.
 */
HL_API void hl_config_allow_network(struct hl_config *cfg, const char *rule);
HL_API void hl_config_block_network(struct hl_config *cfg, const char *rule);

/*
 * `ports` is [ADDRESS:]HOST:GUEST[/tcp|/udp]: whoever connects by TCP, or sends datagrams, to the
 * host's port, at the address (IPv6 in brackets; without one 127.0.0.1), reaches the guest's port
 * on its own loopback (HL_NETWORK_NONE, HL_NETWORK_NAMESPACE). Repeatable. The guest sees a peer on
 * its loopback. A port that is in use is HL_SYSTEM.
 */
HL_API void hl_config_publish(struct hl_config *cfg, const char *ports);

/*
 * Worlds. Without a call of these the guest sees what its caller sees: a plain world. The functions
 * below give it a private one. There the program sees no file of the host's but those below what
 * the configuration names; its environment is PATH, HOME, TERM as the caller has it, and what
 * hl_config_add_env adds; it is root, with all capabilities inside and none outside; it has a host
 * name of its own, and a loopback of its own for a network. /proc, /sys, /dev and /dev/shm are the
 * guest's own in every world.
 *
 * Paths of the host are relative to the working directory of hl_sandbox_start.
 */

/* The cpio archive `file` (newc format; as it is, or compressed by gzip or zstd) is "/". What is
 * written over it is in memory and gone at the end, unless hl_config_set_overlay says where it
 * goes. An archive that is not compressed is mapped, and must not be changed in place while it is
 * in use: see hl_initrd for making one. */
HL_API void hl_config_set_initrd(struct hl_config *cfg, const char *file);
/* `dir`, a directory of the host, is "/". Changes of its files are changes on the host. */
HL_API void hl_config_set_root(struct hl_config *cfg, const char *dir);
/* The root stays as it is: what the program changes of it goes to memory, and is gone at the end
 * (NULL), or to `dir`, an existing directory of the host, where the next sandbox with that
 * directory finds it. One sandbox at a time can use a directory. */
HL_API void hl_config_set_overlay(struct hl_config *cfg, const char *dir);
/* The programs of the host, and no more of it: /bin, /lib, /usr and the like are its own,
 * read-only, /etc has what programs need and nothing that is secret or names the host, and all
 * else is in memory, empty at the start and lost at the end. */
HL_API void hl_config_set_isolate(struct hl_config *cfg, bool on);
/*
 * A world to work in `dir`, a directory of the host, for programs that one does not trust: as with
 * hl_config_set_isolate, and `dir` is the host's, writable, at its own path, where the program
 * starts. It has a home in memory, at the caller's own, with the caller's tool chains, read-only,
 * and what package managers have downloaded. Of the caller's environment it gets what is in a list
 * of harmless names. Secrets that lie in `dir` are hidden (as by hl_config_add_hidden), and what
 * programs of the host obey there (hooks and settings of git, of editors) is read-only: WORKSPACES
 * in hl(1) has the lists.
 */
HL_API void hl_config_set_workspace(struct hl_config *cfg, const char *dir);
/* At `guest`, an absolute path of the guest's, there is an empty directory or an empty file instead
 * of what there would be, in any world; it cannot be changed or moved away, and nothing can be
 * mounted: the program has no CAP_SYS_ADMIN. Something has to be there. */
HL_API void hl_config_add_hidden(struct hl_config *cfg, const char *guest);
/*
 * `host`, a directory or a regular file of the host, is seen at `guest`, in any world (NULL: at
 * "/host"); with `read_only` every change there is EROFS. No path leads out of it: neither "..",
 * nor a symlink, whose text is looked up in the guest's tree. Set-user-ID bits have no effect on
 * it, and devices are not opened. What hl may not do there, the guest may not either.
 *
 * `guest` is absolute and need not exist; not "/", nor /bin, /dev, /proc, /sys, /usr or below, and
 * not the place of another mount. Of several mounts the one with the longest path counts.
 */
HL_API void hl_config_add_mount(struct hl_config *cfg, const char *host, const char *guest,
				bool read_only);
/* An empty file system in memory at `guest`, of `bytes` at most (0: half of the machine's memory);
 * `guest` as above. */
HL_API void hl_config_add_tmpfs(struct hl_config *cfg, const char *guest, uint64_t bytes);
/* Absolute paths are looked up under this host directory first, then on the host: for a foreign
 * libc. */
HL_API void hl_config_set_sysroot(struct hl_config *cfg, const char *dir);
/*
 * Programs for other CPUs (aarch64, arm, riscv64, ppc64le, s390x) are run by this program of the
 * host's, which takes the arguments of qemu-user; a private world has it at the same path. NULL
 * (default): by qemu-CPU-static or qemu-CPU, where the world has one in a directory of the host's
 * PATH. Where there is none, they cannot be executed (ENOEXEC).
 */
HL_API void hl_config_set_translator(struct hl_config *cfg, const char *path);

/*
 * "kvm": a virtual machine of KVM. "process": stub processes, which need no KVM. "auto" (default):
 * KVM where it works and an exit from it costs at most 8 us, else stub processes, else KVM however
 * slow. The cost is measured once a boot, in a few milliseconds of the first start, and cached in
 * a file of the user's (FILES in hl(1)).
 */
HL_API void hl_config_set_platform(struct hl_config *cfg, const char *name);

/*
 * What the sandbox may take, all its processes together. A guest that asks for more gets the error
 * or the signal that Linux gives. Also /proc, /sys (a control group at /sys/fs/cgroup among it),
 * sysinfo(2) and sched_getaffinity(2) show a machine of that size.
 */
enum hl_limit {
	/*
	 * Bytes: memory of the guest, its files in memory, and what your process and the host's
	 * kernel hold for it. What your process held before hl_sandbox_start is not counted; what
	 * it takes later is, the library cannot tell whose it is: run a sandbox with a small limit
	 * in a process of its own, as hl does. System calls get ENOMEM shortly before the limit.
	 * When memory that is touched goes beyond, the largest process gets SIGKILL, as from
	 * Linux's OOM killer, and the log tells (level 1). A limit above what the host gives, less
	 * a reserve, is cut to that, and the log tells.
	 */
	HL_LIMIT_MEMORY,
	HL_LIMIT_STACK, /* bytes: RLIMIT_STACK of the program, soft and hard */
	/* processes and threads, zombies among them: clone(2) gives EAGAIN */
	HL_LIMIT_PIDS,
	/* Open files of the sandbox: ENFILE. No process has more descriptors, either: EMFILE
	 * (RLIMIT_NOFILE, which nobody in the guest can raise). */
	HL_LIMIT_FILES,
	/*
	 * Bytes in files, ENOSPC: in all file systems in memory (the upper layer of an overlay
	 * among them), and what files of the host have grown by. A file of the host counts with its
	 * size where that is more than its blocks; one that is removed is not given back, one that
	 * is cut is.
	 */
	HL_LIMIT_DISK,
	/* CPUs, in thousandths, 10 at least. The guest has so many of the host's, rounded up, the
	 * one that hl_sandbox_start runs on and those behind it, and sees no others. Of a part of
	 * one it has that share in each tenth of a second. */
	HL_LIMIT_CPUS,
	HL_NR_LIMITS
};
/* 0, a value below what any program needs, or one that is too large to mean anything is an error of
 * hl_sandbox_start. Without this call there is no limit, but for memory: the host's own, less a
 * reserve. */
HL_API void hl_config_set_limit(struct hl_config *cfg, enum hl_limit which, uint64_t value);

/* The whole sandbox ends this long after its start; 0: never (default). Where an archive is still
 * being read then, hl_sandbox_start fails with HL_TIMED_OUT. */
HL_API void hl_config_set_timeout(struct hl_config *cfg, uint64_t milliseconds);

/* hl_sandbox_start calls fn(arg), in its own thread, when all that may take long is done and the
 * program is about to execute its first instruction. */
HL_API void hl_config_set_ready(struct hl_config *cfg, void (*fn)(void *arg), void *arg);

/* The guest's descriptors 0, 1 and 2 are these host descriptors (duplicated at the start); -1:
 * closed. */
HL_API void hl_config_set_stdio(struct hl_config *cfg, int in, int out, int err);

/* The program starts with these signals ignored and blocked: bit n-1 for signal n, as in
 * /proc/PID/status. */
HL_API void hl_config_set_signals(struct hl_config *cfg, uint64_t ignored, uint64_t blocked);

/* Real-time policies, nice values below the caller's own and real-time I/O priorities that the
 * guest sets reach the host's scheduler, as far as the calling process may set them; otherwise they
 * are known inside the sandbox alone. They let a guest starve everything else on the host. Default:
 * off. */
HL_API void hl_config_set_host_priority(struct hl_config *cfg, bool on);

/*
 * How far the library confines itself (docs/security.md, "The jail"), before it looks at anything
 * that a guest may have made.
 *
 * HL_JAIL_PROCESS is for a program that does nothing but run one sandbox: hl_sandbox_start confines
 * the whole process, for good, with all its threads, and closes its descriptors from 3 on that are
 * not close-on-exec. It cannot execute programs or, in a private world, open other files any more,
 * nor start another sandbox. A call of the host that is not on the list raises SIGSYS in its
 * thread, with si_code SYS_SECCOMP and the call's number in si_syscall: whoever installs a handler
 * before the start can say so, and must not return from it.
 */
enum hl_jail {
	HL_JAIL_THREADS, /* the sandbox's own threads (default) */
	HL_JAIL_PROCESS,
};
HL_API void hl_config_set_jail(struct hl_config *cfg, enum hl_jail which);
/* The name of a system call of this CPU's by its number, si_syscall; NULL where none has it. Such a
 * handler may call it. */
HL_API const char *hl_system_call_name(unsigned nr);
/* hl_sandbox_start fails where the host lets a layer of it not be had. Default: off; the log says
 * what is not there. */
HL_API void hl_config_set_strict_jail(struct hl_config *cfg, bool on);

/* Called from the sandbox's threads, one call at a time; must not call back into the library. The
 * guest waits for it. */
typedef void hl_output_fn(void *arg, const char *data, size_t len);

/* Diagnostics, one line without newline a call. Level 1: what a user may want to know (how the
 * guest crashed, what it met that hl does not have); 2: also a line per event (starts, ends,
 * signals). 0: none (default). */
HL_API void hl_config_set_log(struct hl_config *cfg, int level, hl_output_fn *fn, void *arg);

/*
 * Streams that are no descriptors of yours. A program sees its output as a pipe. In a configuration
 * for hl_pool_take, input counts; the streams of output are those of the pool's.
 *
 * What it writes to `fd`, 1 or 2, comes to a function, in a thread of the library's that is not
 * confined: one call at a time for both. All that was written has come when hl_sandbox_wait says
 * that the program has ended. NULL: back to a descriptor.
 */
HL_API void hl_config_set_output(struct hl_config *cfg, int fd, hl_output_fn *fn, void *arg);
/* The first `limit` bytes of each run are kept for hl_sandbox_take_output. */
HL_API void hl_config_keep_output(struct hl_config *cfg, int fd, size_t limit);
/* What it reads from descriptor 0 are these bytes, in each run anew; copied. */
HL_API void hl_config_set_input(struct hl_config *cfg, const void *data, size_t len);

enum hl_trace_format {
	HL_TRACE_TEXT, /* as strace prints it; arrives in pieces that are not always whole lines */
	HL_TRACE_JSON, /* one object a line, a whole line a call */
};
/* Every system call, signal and end of a process. NULL: none (default). */
HL_API void hl_config_set_trace(struct hl_config *cfg, enum hl_trace_format format,
				hl_output_fn *fn, void *arg);

enum hl_audit {
	HL_AUDIT_REFUSED, /* what the program was refused */
	HL_AUDIT_ALL,     /* paths and addresses that it used as well */
};
/*
 * One JSON object a line, a whole line a call, for each thing that the program was refused: paths,
 * addresses, limits, with the system call, the errno, the process and the time. AUDIT in hl(1) has
 * the fields. The program cannot make it many: the same thing is told once, and there is a bound on
 * lines in a second and on bytes; of HL_AUDIT_ALL there is neither. NULL: none (default).
 */
HL_API void hl_config_set_audit(struct hl_config *cfg, enum hl_audit of, hl_output_fn *fn,
				void *arg);

/*
 * Each process that dies of a signal with a core leaves a core file in a directory of the host's,
 * whatever its RLIMIT_CORE, of mode 0600, complete or not at all: 64 in a sandbox's life at most.
 * The last name of `pattern` may have the words of core(5) in it (%e, %p). NULL: none (default).
 */
HL_API void hl_config_set_core(struct hl_config *cfg, const char *pattern);
/*
 * Waits at [HOST]:PORT, HOST an address (none: 127.0.0.1), or at the path of a unix socket, which
 * has a / in it, for a debugger that speaks GDB's remote serial protocol. The program stands still
 * before its first instruction until the debugger lets it go on; a copy of a snapshot from when one
 * comes. Whoever can connect can do whatever the sandbox can. NULL: none (default).
 * docs/debugging.md has more.
 */
HL_API void hl_config_set_debugger(struct hl_config *cfg, const char *address);

/* Count and time system calls, for hl_sandbox_each_call. Default: off. */
HL_API void hl_config_set_stats(struct hl_config *cfg, bool on);

/* ---- sandboxes ------------------------------------------------------------------------------- */

struct hl_sandbox;

#define HL_FOREVER UINT64_MAX

enum hl_end {
	HL_RUNNING,  /* has not ended, and is not about to */
	HL_EXITED,   /* status: the exit status, 0 to 255 */
	HL_SIGNALED, /* status: the signal that ended it */
	HL_EXPIRED,  /* the time limit ended it */
	HL_KILLED,   /* hl_sandbox_kill ended it */
	HL_BROKEN,   /* it could not be run on; hl_sandbox_wait fails and says why */
};

struct hl_result {
	enum hl_end end;
	int status;
	/* end is HL_RUNNING, and job control has stopped the program (SIGTSTP and the like) */
	bool stopped;
	/* and every other process of the sandbox: nothing in it will continue the program */
	bool all_stopped;
	uint64_t wall_ns; /* from the start to the end, or until now */
};

/* Builds the virtual machine, loads the program and lets it run. When the program cannot be started
 * nothing is left and *out is NULL. */
HL_API int hl_sandbox_start(const struct hl_config *cfg, struct hl_sandbox **out,
			    struct hl_error **err);

/* One thing of a world: `kind` is one word ("mount", "variable", "network"...), `text` a line for
 * people. More kinds may come. */
typedef void hl_plan_fn(void *arg, const char *kind, const char *text);
/* Builds all that hl_sandbox_start would, says what it holds, and lets it go: no instruction of a
 * program runs. What would fail then fails now. The configuration need not name a program. */
HL_API int hl_config_plan(const struct hl_config *cfg, hl_plan_fn *fn, void *arg,
			  struct hl_error **err);

/* Waits until the program has ended (whatever it started then ends too), or for `milliseconds`
 * (HL_FOREVER; 0: just look): -1 with HL_TIMED_OUT when that time is over. May be called again;
 * `res` may be NULL and is always filled. When the time is over, res->end is HL_RUNNING, or already
 * tells how it ends while its last threads are on their way: one may be in a call of the host that
 * no signal ends. */
HL_API int hl_sandbox_wait(struct hl_sandbox *sb, uint64_t milliseconds, struct hl_result *res,
			   struct hl_error **err);

/* What was kept of descriptor 1 or 2 (hl_config_keep_output) up to now, and is forgotten here.
 * *lost, where not NULL: so many bytes behind it were more than the limit. HL_STATE: it is not
 * kept. Any thread. */
HL_API int hl_sandbox_take_output(struct hl_sandbox *sb, int fd, struct hl_bytes *out,
				  uint64_t *lost, struct hl_error **err);

/* A descriptor, owned by the sandbox, that polls readable when the program ended, stopped or
 * continued, or was told to end by its time limit or hl_sandbox_kill, since the last
 * hl_sandbox_wait: for event loops. */
HL_API int hl_sandbox_event_fd(struct hl_sandbox *sb);

/* The five below may be called from any thread at any time between start and free, several at
 * once. */

/* Ends every process of the sandbox; does not wait for that. */
HL_API void hl_sandbox_kill(struct hl_sandbox *sb);
/* Sends a signal to the program's process as kill(2) does. */
HL_API int hl_sandbox_signal(struct hl_sandbox *sb, int sig, struct hl_error **err);
/* Sends a signal as the terminal does at a key press, a new window size or a hang-up (SIGINT,
 * SIGQUIT, SIGTSTP, SIGWINCH, SIGHUP): to the foreground process group of the guest's terminal, or
 * to the program's process group when it has none. SIGCONT goes to the program's process group. */
HL_API int hl_sandbox_signal_terminal(struct hl_sandbox *sb, int sig, struct hl_error **err);

/*
 * Stops every process of the sandbox where it is, or lets them go on. The guest does not notice: no
 * signal is sent, calls that sleep sleep on afterwards, a transfer in the middle goes on with the
 * next byte. hl_sandbox_pause returns when all stand still. It waits for one that is inside a call
 * of the host that no signal ends (a disk that does not answer), or inside a function of yours
 * (hl_output_fn).
 *
 * Pauses add up: each needs its hl_sandbox_resume, and the last of them lets the guest go on. One
 * that has no pause to undo fails with HL_STATE. A sandbox that has ended can be paused and resumed
 * to no effect.
 *
 * Time goes on. Clocks of the guest run, its timers go off and its timeouts pass: what they bring
 * about waits for the resume. Signals wait, too, and what comes in through descriptors and sockets;
 * memory that other programs share with the guest may change. hl_sandbox_kill, hl_sandbox_free, a
 * SIGKILL and the time limit of hl_config_set_timeout end a paused sandbox at once.
 */
HL_API int hl_sandbox_pause(struct hl_sandbox *sb, struct hl_error **err);
HL_API int hl_sandbox_resume(struct hl_sandbox *sb, struct hl_error **err);

/* ---- snapshots ------------------------------------------------------------------------------- */

/*
 * A snapshot is a file that holds a sandbox as it stands: memory, threads, open files. Any number
 * of copies can be started from it, which share its pages until they write to them: the file must
 * not be changed while one runs, only replaced by another that is renamed over it. It is as secret
 * as the program's memory is (mode 0600), and running it is as safe as running that program.
 *
 * A copy goes on where the original stood, with the mounts, the network, the limits and the
 * standard descriptors of the configuration that it is started with (hl_config_take_world); its
 * program, arguments, environment and user are those of the original. Files are found by their
 * names in the copy's tree: one that is gone gives ESTALE where it is used, and a mapped one that
 * has changed fails the start. Of the clocks, CLOCK_REALTIME is right, and all others go on from
 * the moment of the save.
 */

/* Stops the sandbox, saves it to `file` and lets it go on, unharmed whatever comes. The file is
 * complete or as it was before. HL_UNSAVABLE: something of it cannot be saved, and the text says
 * what. HL_STATE: the program has ended. Any thread, as those above. */
HL_API int hl_sandbox_save(struct hl_sandbox *sb, const char *file, struct hl_error **err);

/* The same without a name: the sandbox goes on, and so do all copies that are started from *out,
 * from where it stood. The file lies in `dir` (NULL: $TMPDIR, or /tmp) until the snapshot and all
 * that was started from it are gone. */
struct hl_snapshot;
HL_API int hl_sandbox_clone(struct hl_sandbox *sb, const char *dir, struct hl_snapshot **out,
			    struct hl_error **err);

/* Snapshots of it hold the files that are mapped privately, above all programs and libraries, so
 * that a copy does not need them: the file is larger by as much, and no copy fails because one has
 * changed. Default: off. */
HL_API void hl_config_set_self_contained(struct hl_config *cfg, bool on);

/* Where hl_sandbox_save will write to, once: the file is made at the start, and a process that ends
 * with the sandbox gives it its name when it is complete. With it HL_JAIL_PROCESS goes together
 * with saving, which cannot make a file any more then. A save to elsewhere is as without it. */
HL_API void hl_config_set_save_file(struct hl_config *cfg, const char *file);

/* What the program does when it is to be saved. */
enum hl_moment {
	HL_MOMENT_ASKS,    /* it writes "save" to /dev/hl: docs/guest.md */
	HL_MOMENT_LISTENS, /* it listens at a port: this one, or at any (NULL) */
	HL_MOMENT_PRINTS,  /* this text comes to its standard output or error */
};
/* hl_sandbox_save is going to be called when such a moment comes: the thread that gets there does
 * not go on before that. Several may be set, one of each kind; HL_MOMENT_ASKS goes with each of
 * them. Without any of them a program that asks for it is refused (EOPNOTSUPP). */
HL_API void hl_config_add_moment(struct hl_config *cfg, enum hl_moment which, const char *what);
/*
 * The program is a runtime that one of the library's drivers gets ready for jobs. `driver` is
 * NAME[:MODULE,...], where NAME is python3, node, perl, ruby or bash; it loads the modules and then
 * asks to be saved (HL_MOMENT_ASKS). hl_config_set_args may name the interpreter and its options;
 * without it, NAME is looked up in PATH. Each copy takes its arguments (hl_config_set_args) for the
 * command line of the runtime, without its first word, as "-c", CODE, ARGS..., and runs as the
 * runtime itself would then: with the environment, the working directory and the standard
 * descriptors that a program would be started with. docs/guest.md says what differs.
 */
HL_API void hl_config_set_driver(struct hl_config *cfg, const char *driver);
/* Has one of them come, and no hl_sandbox_save since? hl_sandbox_event_fd tells, too. Any
 * thread. */
HL_API bool hl_sandbox_save_due(struct hl_sandbox *sb);

/* Does every thread sleep in a system call, or is stopped? That is so for a moment now and then: a
 * program that waits for something from outside has it for long. */
HL_API bool hl_sandbox_idle(struct hl_sandbox *sb);

/* An open snapshot. Sandboxes that were started from it do not need it any more. */
struct hl_snapshot;

/* HL_NOT_FOUND: there is no such file. HL_DAMAGED: it is no snapshot, has been altered or cut, or
 * is one of another version of hl or another CPU architecture. */
HL_API int hl_snapshot_open(const char *file, struct hl_snapshot **out, struct hl_error **err);
/* NULL: no effect. */
HL_API void hl_snapshot_close(struct hl_snapshot *snapshot);

struct hl_snapshot_info {
	const char *program;         /* the name of its first process */
	const char *driver;          /* that takes jobs in it (hl_config_set_driver); "": none */
	uint64_t saved_at;           /* seconds since 1970 */
	uint64_t processes, threads; /* how many there are */
	uint64_t pages, size;        /* bytes: of memory in the file, of the file */
};
HL_API void hl_snapshot_inspect(const struct hl_snapshot *snapshot, struct hl_snapshot_info *out);
/* Reads all of it and compares checksums, which opening does for the part without pages alone.
 * HL_DAMAGED. */
HL_API int hl_snapshot_verify(const struct hl_snapshot *snapshot, struct hl_error **err);

/*
 * The world that the program was saved in: root, overlay, mounts, what is hidden, network, limits;
 * files of the host by the names that they had then. What is said behind that replaces it: a mount
 * the one at the same place, a limit the same one, and whatever is said of the network all that was
 * said of it. Whoever wrote the file says with this which files of the host a copy can reach: for a
 * file of a stranger's make a world of your own.
 */
HL_API void hl_config_take_world(struct hl_config *cfg, const struct hl_snapshot *snapshot);
/* Starts a copy. As hl_sandbox_start, but what `cfg` says of program, working directory, user and
 * signals has no effect, and arguments (all of them) and what hl_config_add_env has added are what
 * /dev/hl tells the copy. HL_DAMAGED, or HL_UNSAVABLE where this host lacks what the program uses.
 * Any number may be started at a time. A copy's threads have the CPUs of its caller, and whatever
 * else threads inherit (priority, namespaces) of the caller of the first copy. */
HL_API int hl_sandbox_restore(const struct hl_config *cfg, const struct hl_snapshot *snapshot,
			      struct hl_sandbox **out, struct hl_error **err);

/*
 * Each run of a copy that is alone with the same input is the same: random bytes (getrandom,
 * /dev/urandom, AT_RANDOM and the addresses of programs it executes, ports of a loopback of hl's
 * own) are, and its clocks, those of CPU time included, stand at the moment of the save: they move
 * a microsecond with each look at one, and to the end of each wait that runs out. Threads that
 * race, and what comes from outside, are as they come; so is what a program asks the CPU itself
 * (RDTSC, RDRAND), and the times of files of the host. Such bytes are no secrets. HL_INVALID at the
 * start of what is no copy. Default: off.
 */
HL_API void hl_config_set_deterministic(struct hl_config *cfg, bool on);

/* A copy can be put back to what the snapshot holds by hl_sandbox_reset. What it has written stays
 * in memory until it is freed, and so does one more thread; the snapshot must stay open as long.
 * Default: off. */
HL_API void hl_config_set_resettable(struct hl_config *cfg, bool on);
/*
 * Puts a copy back and lets it run from there, as a fresh one with the same configuration would:
 * its processes are ended, if they have not, and its memory, its descriptors and its files in
 * memory are those of the snapshot. Files of the host are not put back, and mapped ones are not
 * looked up again. Nothing is built anew, so this costs a fraction of a start. The time limit
 * and the counters begin again. HL_STATE: it was not started to be reset, or the program has
 * changed which directories an overlay has in memory, or limits of a tmpfs, or has a terminal or
 * published ports. After a failure it can only be freed. Meanwhile no other thread may pause or
 * save it; a signal finds no program.
 */
HL_API int hl_sandbox_reset(struct hl_sandbox *sb, struct hl_error **err);

/*
 * A pool: copies of a snapshot that are made ahead. One that is ready costs no start when it is
 * wanted: it waits at the snapshot, with neither threads nor open files, and its clocks go on from
 * there when it is taken. One that comes back is put back in place, as hl_sandbox_reset does; where
 * that cannot be, the pool makes another in a thread of its own. Any thread may take and give.
 */
struct hl_pool;

/*
 * Makes `size` copies (at least one) and keeps so many, those that are taken included. `cfg` as for
 * hl_sandbox_restore; it and the snapshot are borrowed until the pool is freed, and must not change
 * (the snapshot: until what was taken is freed, too). Errors as of hl_sandbox_restore, and
 * HL_INVALID: `size` is 0, or HL_JAIL_PROCESS is wanted. Where what the configuration asks for
 * cannot be put back at all, no copy waits, and each that is taken is started then.
 */
HL_API int hl_pool_new(const struct hl_config *cfg, const struct hl_snapshot *snapshot, size_t size,
		       struct hl_pool **out, struct hl_error **err);
/*
 * Lets a copy run; *out is the caller's until it gives it back. Where none is ready one is started.
 * Of `run` it has the standard descriptors (duplicated: the caller may close its own), arguments,
 * variables (hl_config_add_env) and time limit; all else is the pool's. NULL: these, too. Errors as
 * of hl_sandbox_restore; the pool is as good as before.
 */
HL_API int hl_pool_take(struct hl_pool *pool, const struct hl_config *run, struct hl_sandbox **out,
			struct hl_error **err);
/* Ends what runs in a copy that was taken from this pool, waits for its threads, however long that
 * takes, and takes it back, in whichever state it is. NULL: no effect. */
HL_API void hl_pool_give(struct hl_pool *pool, struct hl_sandbox *sb);
/* What is taken now stays the caller's, who frees it with hl_sandbox_free. NULL: no effect. */
HL_API void hl_pool_free(struct hl_pool *pool);

/* ---- files ----------------------------------------------------------------------------------- */

/*
 * Files of the guest's tree by absolute paths, with the rights of its program, while it runs or
 * when it has ended; what is in memory is gone with a reset. Errors: HL_NOT_FOUND; HL_SYSTEM, what
 * the system call would say.
 *
 * A new file takes the place of what has the name, if that is no directory; directories on the way
 * that are missing are made. `mode` as for open(2).
 */
HL_API int hl_sandbox_put_file(struct hl_sandbox *sb, const char *path, const void *data,
			       size_t len, unsigned mode, struct hl_error **err);
/* The contents of a regular file that has no more than `limit` bytes. */
HL_API int hl_sandbox_get_file(struct hl_sandbox *sb, const char *path, size_t limit,
			       struct hl_bytes *out, struct hl_error **err);

/* ---- calls ----------------------------------------------------------------------------------- */

/*
 * A program and you call each other by names, with bytes there and bytes back, through /dev/hl
 * (docs/guest.md): no more than HL_MESSAGE_MAX of them.
 */
#define HL_MESSAGE_MAX (16UL << 20)

/*
 * Calls the program: waits until it asks for a call (a runtime with a driver does where it was
 * given no arguments: docs/guest.md) and until it has answered. *out: the result; with HL_FAILED
 * what the program says of its failure, as a traceback, and it goes on; otherwise empty.
 *
 * HL_TIMED_OUT: it has not answered in so many milliseconds (HL_FOREVER), and has been ended for
 * that. HL_STATE: it has ended, or was ended by another thread (hl_sandbox_kill) meanwhile. In
 * either case hl_sandbox_reset gives a copy that can be called again. HL_INVALID: the name or the
 * message is too long. Several threads may call at a time; a program that asks for one call after
 * the other answers them one after the other.
 */
HL_API int hl_sandbox_call(struct hl_sandbox *sb, const char *name, const void *data, size_t len,
			   uint64_t milliseconds, struct hl_bytes *out, struct hl_error **err);

enum hl_state {
	HL_STATE_READY,  /* it waits for a call */
	HL_STATE_BUSY,   /* it does something: a call, or whatever else it was started for */
	HL_STATE_ENDED,  /* the program has ended, or is being ended: it can be reset */
	HL_STATE_BROKEN, /* it can only be freed */
};
/* As it is now; the program goes on meanwhile. Any thread. */
HL_API enum hl_state hl_sandbox_state(struct hl_sandbox *sb);

/* A call of the program's, for as long as the function runs that was called. */
struct hl_call;

/*
 * A function of yours that the program may call by its name. It runs in a thread of the library's
 * that is not confined and blocks all signals; in several at a time where several threads of the
 * program call. The thread that has called waits, whatever signals it gets, until the function
 * returns, or until it is ended: then nobody gets the answer. hl_sandbox_free waits for functions
 * that run. It must not end, free, reset or pause its own sandbox, nor wait for it.
 *
 * What the program sends is as hostile as all that comes from it.
 */
typedef void hl_function(void *arg, struct hl_call *call);
/* 1 to 255 bytes without a newline. The last one of a name counts. */
HL_API void hl_config_add_function(struct hl_config *cfg, const char *name, hl_function *fn,
				   void *arg);
/* What it has sent; valid until the function returns. */
HL_API const void *hl_call_data(const struct hl_call *call, size_t *len);
/* The answer, copied; without one it is empty, and of several the last one counts. Longer than
 * HL_MESSAGE_MAX: the call fails. */
HL_API void hl_call_reply(struct hl_call *call, const void *data, size_t len);
/* The call fails, and the program is told why. */
HL_API void hl_call_fail(struct hl_call *call, const char *why);

/* ---- the end of sandboxes -------------------------------------------------------------------- */

/* Kills what still runs, waits for its threads, however long that takes, and frees everything.
 * NULL: no effect. */
HL_API void hl_sandbox_free(struct hl_sandbox *sb);
/*
 * The same, but waits for `milliseconds` at most (HL_FOREVER; 0: not at all). A thread can be in a
 * call of the host that no signal ends: a file system whose server is gone, a broken disk. Then
 * this is -1 with HL_LEFT_BEHIND: `sb` and its descriptors are gone for you, and your functions for
 * output are not called any more, but for a call that has not returned. The thread, the memory and
 * the files of the sandbox stay in your process until the host lets the thread go, and are freed
 * then; the end of your process may have to wait for it, too. Threads that are merely on their way
 * end within a few milliseconds of a kill, where the machine is not busy.
 */
HL_API int hl_sandbox_free_within(struct hl_sandbox *sb, uint64_t milliseconds,
				  struct hl_error **err);

/* ---- counters -------------------------------------------------------------------------------- */

struct hl_stats {
	uint64_t syscalls; /* system calls that reached the monitor */
	/* times a virtual CPU entered the guest, each of which ended with one exit; not those of a
	 * platform's own, of which the monitor does not know */
	uint64_t entries;
	uint64_t faults;       /* page faults that reached the monitor */
	uint64_t exceptions;   /* other CPU exceptions */
	uint64_t interrupts;   /* exits that the monitor asked for: signals, stops */
	uint64_t threads;      /* started, the first one included */
	uint64_t guest_memory; /* bytes of memory the guest holds now */
	/* the most of it, and the most threads at a time, where there is an HL_AUDIT_ALL; else 0 */
	uint64_t guest_memory_max, threads_max;
};

struct hl_call_stats {
	const char *name;
	unsigned number;
	uint64_t calls, errors;
	uint64_t total_ns, max_ns; /* in the monitor, waiting included */
};

/* Threads that still run count as far as they got. */
HL_API void hl_sandbox_stats(struct hl_sandbox *sb, struct hl_stats *out);
/* One call of `fn` for each system call that was made, in order of the numbers. Needs
 * hl_config_set_stats. */
HL_API void hl_sandbox_each_call(struct hl_sandbox *sb,
				 void (*fn)(void *arg, const struct hl_call_stats *c), void *arg);

/* ---- archives to start from ------------------------------------------------------------------ */

/*
 * A cpio archive in the making, for hl_config_set_initrd. The same files give the same bytes. Data
 * of a page or more begin at a page of the archive, and it ends with an index of its names, so
 * that nothing of it has to be read or unpacked at the start of a sandbox.
 */
struct hl_initrd;

HL_API struct hl_initrd *hl_initrd_new(void); /* NULL: no memory */
HL_API void hl_initrd_free(struct hl_initrd *a);
/* No file in the archive is younger than so many seconds since 1970 (SOURCE_DATE_EPOCH). */
HL_API void hl_initrd_set_newest(struct hl_initrd *a, uint32_t seconds);
/* Files belong to whom they belong to on the host. Default: to root, user and group 0. */
HL_API void hl_initrd_set_keep_owners(struct hl_initrd *a, bool on);
/* The file `path` is never added: the one that the archive is about to be written to. */
HL_API void hl_initrd_leave_out(struct hl_initrd *a, const char *path);
/* Adds the file, or the directory with all below it, at `path`, to be found at `guest`. NULL: where
 * it is on the host, with the symlinks that lead there. Directories on the way need not be added.
 * Of one name the file added last counts. */
HL_API int hl_initrd_add(struct hl_initrd *a, const char *path, const char *guest,
			 struct hl_error **err);
/*
 * Adds a file that lies nowhere by itself, as one of an image's layers: what `st` says of mode,
 * owner, time, device and size, with the same st_ino for all hard links of a file; the target of a
 * symlink; and contents by `read`, which gives some of the bytes from `offset` on, and -1 with
 * errno where it cannot. It is called when the archive is written.
 */
struct stat;
typedef int64_t hl_initrd_read(void *arg, uint64_t offset, void *buf, size_t size);
HL_API int hl_initrd_put(struct hl_initrd *a, const char *guest, const struct stat *st,
			 const char *target, hl_initrd_read *read, void *arg,
			 struct hl_error **err);
/* An extended attribute of the file that was put last. */
HL_API int hl_initrd_put_xattr(struct hl_initrd *a, const char *name, const void *value, size_t len,
			       struct hl_error **err);
/* Writes the archive. Files are read now: one that has changed since it was added is an error. */
HL_API int hl_initrd_write(struct hl_initrd *a, int fd, struct hl_error **err);

/* ---- what this host offers ------------------------------------------------------------------- */

enum hl_found {
	HL_FOUND,
	HL_MISSING,
	HL_DENIED,         /* it is there, but not for this process */
	HL_NOT_LOOKED_FOR, /* what it depends on is missing */
};

/* Strings are "" where there is nothing to say, never NULL. */
struct hl_check {
	const char *key; /* a name for programs */
	enum hl_found found;
	bool needed;        /* its platform does not work without */
	const char *value;  /* for programs: a number, a name */
	const char *text;   /* for people: what was found */
	const char *advice; /* what can be done about it */
};

struct hl_platform_report {
	const char *name;
	bool usable;
	const char *text;       /* why it is not usable */
	uint64_t round_trip_ns; /* of a guest's system call, measured now; 0: could not be */
	const struct hl_check *checks;
	size_t nr_checks;
};

struct hl_host_report {
	const char *picked; /* the platform that "auto" picks; NULL: none works here */
	const char *reason;
	uint64_t kvm_exit_ns;        /* what "auto" knows of it; 0: nothing */
	uint64_t kvm_exit_max_ns;    /* KVM is picked up to this */
	const char *kvm_exit_source; /* "measured", "cached" or "guessed"; "": nothing is known */
	const char *cached_in;       /* the file that holds the cost; "": none */
	const struct hl_platform_report *platforms;
	size_t nr_platforms;
	const struct hl_check *checks; /* of the host itself; nothing depends on them */
	size_t nr_checks;
};

/* Looks at everything, and runs a tiny guest on each platform: some ten milliseconds. */
HL_API int hl_host_inspect(struct hl_host_report **out, struct hl_error **err);
/* NULL: no effect. */
HL_API void hl_host_report_free(struct hl_host_report *report);

#ifdef __cplusplus
}
#endif

#endif
