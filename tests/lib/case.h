/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every conformance program shares: a program is a family of cases, run one at a time as `PROG
 * CASE`.
 *
 * A case prints what Linux did; it judges nothing. The runner runs it natively and under hl and
 * compares the bytes. So it prints only what is the same every time: values, names of errors and
 * signals, orders; never addresses, pids, times. Output goes out by one write(2) a line: it may
 * come from signal handlers, threads and forked children.
 *
 * 	CASE(name) { ... }	a case
 * 	ROLE(name) { ... } what the program does when a case executes it again: execv(self, {self,
 *  "role:name",
 * ...})
 */
#ifndef HL_TESTS_CASE_H
#define HL_TESTS_CASE_H

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

struct case_entry {
	const char *name;
	void (*run)(void);
};

#define CASE_ENTRY(label, fn)                                                                      \
	static void fn(void);                                                                      \
	static const struct case_entry entry_##fn                                                  \
	    __attribute__((used, section("cases"), aligned(8))) = { label, fn };                   \
	static void fn(void)
#define CASE(name) CASE_ENTRY(#name, case_##name)
#define ROLE(name) CASE_ENTRY("role:" #name, role_##name)

#define UNUSED __attribute__((unused))

/* The program's own path, its arguments. */
static char *case_self UNUSED;
static int case_argc UNUSED;
static char **case_argv UNUSED;

/* One formatted piece of output, by one write. */
__attribute__((format(printf, 1, 2))) static void say(const char *fmt, ...)
{
	char buf[4096];
	int saved = errno;
	va_list ap;

	va_start(ap, fmt);
	int n = vsnprintf(buf, sizeof buf, fmt, ap);
	va_end(ap);
	if (n > (int)sizeof buf - 1)
		n = sizeof buf - 1;
	if (write(STDOUT_FILENO, buf, n) != n)
		_exit(98);
	errno = saved;
}

/* Ends a case whose preparation failed: not the thing under test, but nothing can be said without
 * it. */
#define NEED(expr)                                                                                 \
	({                                                                                         \
		long need_ = (long)(expr);                                                         \
		if (need_ == -1) {                                                                 \
			say("%s:%d: %s: %s\n", __func__, __LINE__, #expr, strerrorname_np(errno)); \
			_exit(99);                                                                 \
		}                                                                                  \
		need_;                                                                             \
	})

/* The same for what returns its error (pthreads). */
#define MUST(call)                                                                                 \
	do {                                                                                       \
		int err_ = (call);                                                                 \
		if (err_) {                                                                        \
			say("%s:%d: %s: %s\n", __func__, __LINE__, #call, strerrorname_np(err_));  \
			_exit(99);                                                                 \
		}                                                                                  \
	} while (0)

static UNUSED void say_result(const char *what, long ret, int err)
{
	if (ret == -1)
		say("%s = -1 %s\n", what, strerrorname_np(err) ?: "E?");
	else
		say("%s = %ld\n", what, ret);
}

/* For cases that change user, or do what only root may: an ordinary user skips them. */
static UNUSED void need_root(void)
{
	if (geteuid() != 0) {
		say("needs root\n");
		_exit(99);
	}
}

/* For cases that open many files: where no more may be had, they are skipped. */
static UNUSED void need_descriptors(unsigned n)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r) == 0 && r.rlim_max < n) {
		say("needs %u descriptors\n", n);
		_exit(97);
	}
}

static UNUSED void say_outcome(const char *what, bool failed, int err)
{
	say("%s: %s\n", what, failed ? strerrorname_np(err) ?: "E?" : "ok");
}

/* Runs a call and prints its result or errno; R: the result is printed. OK: only whether it worked
 * (addresses, pids). Z: for functions that return the error (pthreads). V: a value. */
#define R(call)                                                                                    \
	({                                                                                         \
		errno = 0;                                                                         \
		long ret_ = (long)(call);                                                          \
		say_result(#call, ret_, errno);                                                    \
		ret_;                                                                              \
	})
#define OK(call)                                                                                   \
	({                                                                                         \
		errno = 0;                                                                         \
		__typeof__(call) ret_ = (call);                                                    \
		say_outcome(#call, (long)ret_ == -1, errno);                                       \
		ret_;                                                                              \
	})
#define Z(call)                                                                                    \
	({                                                                                         \
		int ret_ = (call);                                                                 \
		say_outcome(#call, ret_ != 0, ret_);                                               \
		ret_;                                                                              \
	})
#define V(value) say("%s = %ld\n", #value, (long)(value))
#define X(value) say("%s = 0x%lx\n", #value, (unsigned long)(value))

static UNUSED const char *signal_name(int sig)
{
	static __thread char buf[16];
	const char *name = sigabbrev_np(sig);

	if (name)
		snprintf(buf, sizeof buf, "SIG%s", name);
	else if (sig >= SIGRTMIN)
		snprintf(buf, sizeof buf, "RTMIN+%d", sig - SIGRTMIN);
	else
		snprintf(buf, sizeof buf, "SIG%d", sig);
	return buf;
}

/* A wait status in words. */
static UNUSED void say_status(const char *who, int st)
{
	if (WIFEXITED(st))
		say("%s: exited %d\n", who, WEXITSTATUS(st));
	else if (WIFSIGNALED(st))
		say("%s: killed by %s%s\n", who, signal_name(WTERMSIG(st)),
		    WCOREDUMP(st) ? ", core" : "");
	else if (WIFSTOPPED(st))
		say("%s: stopped by %s%s\n", who, signal_name(WSTOPSIG(st)),
		    st >> 16 ? ", event" : "");
	else if (WIFCONTINUED(st))
		say("%s: continued\n", who);
	else
		say("%s: status 0x%x\n", who, st);
}

static UNUSED void reap(const char *who, pid_t pid)
{
	int st = 0;
	pid_t got;

	while ((got = waitpid(pid, &st, 0)) == -1 && errno == EINTR)
		;
	if (got == -1)
		say("%s: wait: %s\n", who, strerrorname_np(errno));
	else
		say_status(who, st);
}

/* Forks a child that runs `fn` and exits with its result. */
static UNUSED pid_t child(int (*fn)(void *), void *arg)
{
	pid_t pid = (pid_t)NEED(fork());

	if (pid == 0)
		_exit(fn(arg));
	return pid;
}

/* The same, waited for, and its end told. */
static UNUSED void in_child(const char *who, int (*fn)(void *), void *arg)
{
	reap(who, child(fn, arg));
}

static UNUSED void handle(int sig, void (*fn)(int), int flags)
{
	struct sigaction sa = { .sa_handler = fn, .sa_flags = flags };

	NEED(sigaction(sig, &sa, NULL));
}

static UNUSED void handle_info(int sig, void (*fn)(int, siginfo_t *, void *), int flags)
{
	struct sigaction sa = { .sa_sigaction = fn, .sa_flags = flags | SA_SIGINFO };

	NEED(sigaction(sig, &sa, NULL));
}

static UNUSED sigset_t set_of(int sig, ...)
{
	sigset_t set;
	va_list ap;

	sigemptyset(&set);
	va_start(ap, sig);
	for (; sig; sig = va_arg(ap, int))
		sigaddset(&set, sig);
	va_end(ap);
	return set;
}
#define SET(...) set_of(__VA_ARGS__, 0)

static UNUSED void block(sigset_t set)
{
	NEED(sigprocmask(SIG_BLOCK, &set, NULL));
}

static UNUSED void unblock(sigset_t set)
{
	NEED(sigprocmask(SIG_UNBLOCK, &set, NULL));
}

/* A token passed between processes or threads: take() returns after as many give() calls. */
struct baton {
	int fd[2];
};

static UNUSED struct baton baton_new(void)
{
	struct baton b;

	NEED(pipe2(b.fd, O_CLOEXEC));
	return b;
}

static UNUSED void give(const struct baton *b)
{
	NEED(write(b->fd[1], "x", 1));
}

static UNUSED void take(const struct baton *b)
{
	char c;

	while (read(b->fd[0], &c, 1) == -1 && errno == EINTR)
		;
}

/* As /proc has it: 'S' asleep, 'R' running... */
static UNUSED char state_of_thread(pid_t tid)
{
	char path[64], buf[512];

	snprintf(path, sizeof path, "/proc/self/task/%d/stat", tid);
	int fd = (int)NEED(open(path, O_RDONLY));
	ssize_t n = NEED(read(fd, buf, sizeof buf - 1));
	close(fd);
	buf[n] = 0;
	return strrchr(buf, ')')[2];
}

/* Files of the scratch directory. */
static UNUSED void put_file(const char *path, const char *text)
{
	int fd = (int)NEED(open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644));

	NEED(write(fd, text, strlen(text)));
	close(fd);
}

static UNUSED void say_file(const char *path)
{
	char buf[512];
	int fd = open(path, O_RDONLY);

	if (fd == -1) {
		say("%s: %s\n", path, strerrorname_np(errno));
		return;
	}
	ssize_t n = read(fd, buf, sizeof buf - 1);
	close(fd);
	buf[n < 0 ? 0 : n] = 0;
	say("%s: %zd bytes: %s\n", path, n, buf);
}

/* Bytes in hexadecimal, runs of one value shortened. */
static UNUSED void say_bytes(const char *what, const void *p, size_t n)
{
	const unsigned char *b = p;
	char line[2048];
	size_t len = 0;

	for (size_t i = 0, j; i < n && len < sizeof line - 32; i = j) {
		for (j = i; j < n && b[j] == b[i]; j++)
			;
		len += snprintf(line + len, sizeof line - len, j - i > 3 ? " %02x*%zu" : " %02x",
				b[i], j - i);
		if (j - i <= 3)
			j = i + 1;
	}
	line[len] = 0;
	say("%s:%s\n", what, line);
}

extern const struct case_entry __start_cases[], __stop_cases[];

static int case_list(void)
{
	for (const struct case_entry *e = __start_cases; e < __stop_cases; e++)
		if (strncmp(e->name, "role:", 5) != 0)
			say("%s\n", e->name);
	return 0;
}

static bool case_is(const struct case_entry *e, const char *arg)
{
	size_t n = strlen(e->name);

	return strncmp(e->name, arg, n) == 0 && (!arg[n] || arg[n] == ':');
}

int main(int argc, char **argv)
{
	case_self = argv[0];
	case_argc = argc;
	case_argv = argv;
	if (argc >= 2 && strcmp(argv[1], "--list") == 0)
		return case_list();
	for (const struct case_entry *e = __start_cases; argc >= 2 && e < __stop_cases; e++) {
		if (case_is(e, argv[1])) {
			e->run();
			return 0;
		}
	}
	say("no such case, %d arguments:", argc);
	for (int i = 0; i < argc; i++)
		say(" \"%.300s\"", argv[i]);
	say("\n");
	return 2;
}

#endif
