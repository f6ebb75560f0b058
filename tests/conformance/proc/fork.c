/* SPDX-License-Identifier: Apache-2.0 */
/* fork, vfork, clone, clone3, exit: what is inherited, what is shared, how a process ends. */
#include <linux/sched.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/times.h>

#include "case.h"

CASE(return_values)
{
	pid_t parent = getpid(), pid = fork();

	if (pid == 0) {
		say("child: parent right %d, pid differs %d, tid is pid %d\n", getppid() == parent,
		    getpid() != parent, gettid() == getpid());
		_exit(0);
	}
	reap("child", pid);
	V(pid > 0 && pid != parent);
}

static int inherits(void *arg)
{
	struct rlimit r;
	sigset_t set;
	struct sigaction sa;
	char cwd[4096];
	stack_t ss;

	getrlimit(RLIMIT_NOFILE, &r);
	say("limit %ld, ", (long)r.rlim_cur);
	sigprocmask(SIG_BLOCK, NULL, &set);
	sigaction(SIGUSR2, NULL, &sa);
	say("blocked %d, ignored %d, ", sigismember(&set, SIGUSR1), sa.sa_handler == SIG_IGN);
	sigpending(&set);
	say("pending %d, ", sigismember(&set, SIGUSR1));
	say("umask %o, nice %d, ", umask(0), getpriority(PRIO_PROCESS, 0));
	say("cwd %s, ", strrchr(getcwd(cwd, sizeof cwd), '/'));
	sigaltstack(NULL, &ss);
	say("altstack kept %d, alarm %u, ", ss.ss_flags != SS_DISABLE, alarm(0));
	prctl(PR_GET_NAME, cwd);
	say("name %s\n", cwd);
	return 0;
}

CASE(inherited_state)
{
	static char alt[65536];
	struct rlimit r = { 77, 4096 };
	stack_t ss = { .ss_sp = alt, .ss_size = sizeof alt };

	need_descriptors(4096);
	NEED(setrlimit(RLIMIT_NOFILE, &r));
	block(SET(SIGUSR1));
	handle(SIGUSR2, SIG_IGN, 0);
	raise(SIGUSR1);
	umask(027);
	NEED(setpriority(PRIO_PROCESS, 0, 3));
	NEED(mkdir("inner", 0755));
	NEED(chdir("inner"));
	NEED(sigaltstack(&ss, NULL));
	alarm(100);
	NEED(prctl(PR_SET_NAME, "named"));
	in_child("child", inherits, NULL);
	V(alarm(0) > 90);
}

CASE(files_share_offset)
{
	char b[4] = "";
	put_file("f", "abcdefgh");
	int fd = (int)NEED(open("f", O_RDONLY)), own;
	pid_t pid = fork();

	if (pid == 0) {
		NEED(read(fd, b, 3));
		own = (int)NEED(open("f", O_RDONLY));
		NEED(read(own, b, 1));
		close(fd);
		_exit(0);
	}
	reap("child", pid);
	NEED(read(fd, b, 3));
	say("%s\n", b);
}

static int clone_fn(void *arg)
{
	*(int *)arg += 10;
	if (chdir("/"))
		return 1;
	close(0);
	umask(0);
	return 3;
}

static void clone_with(const char *what, int flags)
{
	static char stack[65536] __attribute__((aligned(16)));
	int value = 1, st;
	char cwd[4096];
	pid_t pid;

	NEED(open("/dev/null", O_RDONLY));
	pid = clone(clone_fn, stack + sizeof stack, flags | SIGCHLD, &value);
	V(waitpid(pid, &st, 0) == pid);
	say_status(what, st);
	say("memory shared %d, directory shared %d, umask shared %d, descriptors shared %d\n",
	    value == 11, strcmp(getcwd(cwd, sizeof cwd), "/") == 0, umask(022) == 0,
	    fcntl(0, F_GETFD) == -1);
}

CASE(clone_plain)
{
	clone_with("plain", 0);
}

CASE(clone_vm)
{
	clone_with("vm", CLONE_VM);
}

CASE(clone_fs)
{
	clone_with("fs", CLONE_FS);
}

CASE(clone_files)
{
	clone_with("files", CLONE_FILES);
}

CASE(clone_everything)
{
	clone_with("all", CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SYSVSEM | CLONE_IO);
}

static void on_usr1(int sig)
{
	say("handler\n");
}

static int changes_handler(void *arg)
{
	signal(SIGUSR1, SIG_IGN);
	return 0;
}

CASE(clone_sighand)
{
	static char stack[65536] __attribute__((aligned(16)));
	pid_t pid;

	handle(SIGUSR1, on_usr1, 0);
	pid =
	    clone(changes_handler, stack + sizeof stack, CLONE_VM | CLONE_SIGHAND | SIGCHLD, NULL);
	reap("child", pid);
	raise(SIGUSR1);
	say("ignored by the child's doing\n");
}

CASE(clone_errors)
{
	R(syscall(SYS_clone, CLONE_SIGHAND | SIGCHLD, 0, 0, 0, 0));
	R(syscall(SYS_clone, CLONE_THREAD | CLONE_VM | SIGCHLD, 0, 0, 0, 0));
	R(syscall(SYS_clone, CLONE_FS | CLONE_NEWNS | SIGCHLD, 0, 0, 0, 0));
	R(syscall(SYS_clone, CLONE_PIDFD | CLONE_PARENT_SETTID | SIGCHLD, 0, 0, 0, 0));
	R(syscall(SYS_clone, CLONE_THREAD | CLONE_SIGHAND | CLONE_VM | CLONE_NEWPID, 0, 0, 0, 0));
}

CASE(clone_settid)
{
	static volatile pid_t ptid, ctid = -5;
	pid_t pid = (pid_t)syscall(SYS_clone, CLONE_PARENT_SETTID | CLONE_CHILD_SETTID | SIGCHLD, 0,
				   &ptid, &ctid, 0);

	if (pid == 0) {
		say("child: own tid %d\n", ctid == getpid());
		_exit(0);
	}
	reap("child", pid);
	V(ptid == pid);
	V(ctid);
}

CASE(clone_cleartid)
{
	static char stack[65536] __attribute__((aligned(16)));
	static volatile pid_t tid = 99;
	int value = 0;
	pid_t pid = clone(clone_fn, stack + sizeof stack, CLONE_VM | CLONE_CHILD_CLEARTID | SIGCHLD,
			  &value, NULL, NULL, (void *)(uintptr_t)&tid);

	/* The kernel wakes a futex there. */
	while (tid)
		syscall(SYS_futex, &tid, 0, 99, NULL, NULL, 0);
	V(tid);
	reap("child", pid);
}

CASE(clone_parent)
{
	struct baton b = baton_new();
	pid_t pid = fork(), got;
	int st;

	if (pid == 0) {
		pid_t sibling = (pid_t)syscall(SYS_clone, CLONE_PARENT | SIGCHLD, 0, 0, 0, 0);
		if (sibling == 0) {
			take(&b);
			_exit(4);
		}
		R(waitpid(sibling, NULL, 0));
		_exit(3);
	}
	reap("child", pid);
	give(&b);
	got = wait(&st);
	V(got > 0);
	say_status("sibling by CLONE_PARENT", st);
}

CASE(no_exit_signal)
{
	pid_t pid = (pid_t)syscall(SYS_clone, 0, 0, 0, 0, 0);
	sigset_t set;

	if (pid == 0)
		_exit(1);
	block(SET(SIGCHLD));
	V(waitpid(pid, NULL, __WALL) == pid);
	sigpending(&set);
	V(sigismember(&set, SIGCHLD));
}

CASE(vfork_parent_waits)
{
	int p[2];
	char c = 0;

	NEED(pipe2(p, O_NONBLOCK));
	pid_t pid = vfork();
	if (pid == 0) {
		for (int i = 0; i < 200; i++)
			sched_yield();
		if (write(p[1], "v", 1) != 1)
			_exit(1);
		_exit(0);
	}
	/* Had the parent run on, there would be nothing to read. */
	R(read(p[0], &c, 1));
	V(c);
	reap("vfork child", pid);
}

CASE(vfork_exec)
{
	char arg0[] = "x", arg1[] = "role:exit_3", *argv[] = { arg0, arg1, NULL };
	pid_t pid = vfork();

	if (pid == 0) {
		execv(case_self, argv);
		_exit(127);
	}
	reap("vfork and exec", pid);
}

ROLE(exit_3)
{
	exit(3);
}

static long clone3(struct clone_args *a, size_t size)
{
	return syscall(SYS_clone3, a, size);
}

CASE(clone3_fork)
{
	int pidfd = -1;
	pid_t ptid = 0;
	struct clone_args a = { .flags = CLONE_PIDFD | CLONE_PARENT_SETTID,
				.pidfd = (uintptr_t)&pidfd,
				.parent_tid = (uintptr_t)&ptid,
				.exit_signal = SIGCHLD };
	pid_t pid = (pid_t)clone3(&a, sizeof a);

	if (pid == 0)
		_exit(6);
	V(pidfd);
	V(ptid == pid);
	V(fcntl(pidfd, F_GETFD));
	reap("clone3 child", pid);
}

CASE(clone3_errors)
{
	struct clone_args a = { .exit_signal = SIGCHLD };
	char big[256] = "";

	R(clone3(&a, 63));
	R(clone3(NULL, 64));
	R(clone3((struct clone_args *)(void *)big, 5000));
	big[200] = 1;
	R(clone3((struct clone_args *)(void *)big, sizeof big));
	a.exit_signal = 65;
	R(clone3(&a, sizeof a));
	a.exit_signal = SIGCHLD;
	a.flags = SIGCHLD;
	R(clone3(&a, sizeof a));
	a.flags = CLONE_THREAD;
	R(clone3(&a, sizeof a));
	a.flags = 0;
	a.stack = 0x1000;
	R(clone3(&a, sizeof a));
	a.stack = 0;
	a.stack_size = 10;
	R(clone3(&a, sizeof a));
	a = (struct clone_args){ .flags = CLONE_CLEAR_SIGHAND | CLONE_SIGHAND | CLONE_VM };
	R(clone3(&a, sizeof a));
	a = (struct clone_args){ .set_tid = 1 };
	R(clone3(&a, sizeof a));
}

CASE(clone3_clear_sighand)
{
	struct clone_args a = { .flags = CLONE_CLEAR_SIGHAND, .exit_signal = SIGCHLD };
	pid_t pid;

	handle(SIGUSR1, on_usr1, 0);
	handle(SIGUSR2, SIG_IGN, 0);
	pid = (pid_t)clone3(&a, sizeof a);
	if (pid == 0) {
		struct sigaction sa;
		sigaction(SIGUSR2, NULL, &sa);
		say("still ignored: %d\n", sa.sa_handler == SIG_IGN);
		raise(SIGUSR1);
		_exit(0);
	}
	reap("child", pid);
}

CASE(exit_runs_no_handlers_of_other_threads)
{
	pid_t pid = fork();

	if (pid == 0)
		syscall(SYS_exit_group, 300);
	reap("exit_group(300)", pid);
	pid = fork();
	if (pid == 0)
		syscall(SYS_exit, 0x1ff);
	reap("exit(0x1ff)", pid);
}

static void *sleeps(void *arg)
{
	give(arg);
	while (pause())
		;
	return NULL;
}

/* Cleared by the kernel when the main thread has exited. */
static int main_tid;

static void main_thread_is_gone(void)
{
	int tid;

	while ((tid = __atomic_load_n(&main_tid, __ATOMIC_SEQ_CST)))
		syscall(SYS_futex, &main_tid, FUTEX_WAIT, tid, NULL, NULL, 0);
}

static int main_thread_exits(void *arg)
{
	pthread_t t;

	main_tid = (int)syscall(SYS_set_tid_address, &main_tid);
	NEED(pthread_create(&t, NULL, arg, NULL));
	syscall(SYS_exit, 11);
	return 0;
}

static void *last_thread(void *arg)
{
	main_thread_is_gone();
	syscall(SYS_exit, 22);
	return NULL;
}

static void *groups_exit(void *arg)
{
	main_thread_is_gone();
	exit(33);
}

/* The status is the last thread's when it leaves by exit(2): the group's code is not set by it. */
CASE(main_thread_exits_first)
{
	in_child("last thread by exit", main_thread_exits, last_thread);
	in_child("last thread by exit_group", main_thread_exits, groups_exit);
}

static int exit_with_sleepers(void *arg)
{
	struct baton b = baton_new();
	pthread_t t;

	for (int i = 0; i < 8; i++)
		NEED(pthread_create(&t, NULL, sleeps, &b));
	for (int i = 0; i < 8; i++)
		take(&b);
	return 44;
}

CASE(exit_group_ends_sleepers)
{
	in_child("child", exit_with_sleepers, NULL);
}

static void *spins(void *arg)
{
	give(arg);
	for (volatile int i = 0; i >= 0; i = !i)
		;
	return NULL;
}

static int exit_with_spinner(void *arg)
{
	struct baton b = baton_new();
	pthread_t t;

	NEED(pthread_create(&t, NULL, spins, &b));
	take(&b);
	return 55;
}

CASE(exit_group_ends_spinner)
{
	in_child("child", exit_with_spinner, NULL);
}

static void *forker(void *arg)
{
	pid_t pid = fork();

	if (pid == 0) {
		say("child of a thread: its tid is its pid %d\n", gettid() == getpid());
		_exit(0);
	}
	reap("child of a thread", pid);
	return NULL;
}

CASE(fork_from_thread)
{
	pthread_t t;

	MUST(pthread_create(&t, NULL, forker, NULL));
	Z(pthread_join(t, NULL));
}

static int dies_with_parent(void *arg)
{
	struct baton *b = arg;
	pid_t pid = fork();

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGUSR1);
		int sig = 0;
		prctl(PR_GET_PDEATHSIG, &sig);
		say("death signal %d\n", sig);
		block(SET(SIGUSR1));
		give(&b[0]);
		sigset_t set = SET(SIGUSR1);
		say("got %s\n", signal_name(sigwaitinfo(&set, NULL)));
		_exit(0);
	}
	take(&b[0]);
	return 0;
}

CASE(pdeathsig)
{
	struct baton b = baton_new();
	int st;

	NEED(prctl(PR_SET_CHILD_SUBREAPER, 1));
	NEED(waitpid(child(dies_with_parent, &b), NULL, 0));
	V(wait(&st) > 0);
	say_status("orphan", st);
	R(prctl(PR_SET_PDEATHSIG, 65));
}

CASE(deep_tree)
{
	int depth = 0;

	while (depth < 30) {
		pid_t pid = fork();
		if (pid) {
			int st = 0;
			waitpid(pid, &st, 0);
			if (depth)
				_exit(WEXITSTATUS(st) + 1);
			V(WEXITSTATUS(st));
			return;
		}
		depth++;
	}
	_exit(0);
}

CASE(rlimit_nproc_root_is_exempt)
{
	struct rlimit r = { 1, 1 };

	need_root();
	NEED(setrlimit(RLIMIT_NPROC, &r));
	pid_t pid = OK(fork());
	if (pid == 0)
		_exit(0);
	reap("child", pid);
}

static int nobody_forks(void *arg)
{
	struct rlimit r = { 1, 1 };

	NEED(setrlimit(RLIMIT_NPROC, &r));
	/* A user of which there is no other process. */
	NEED(setresuid(54321, 54321, 54321));
	pid_t pid = OK(fork());
	if (pid == 0)
		_exit(0);
	return 0;
}

CASE(rlimit_nproc)
{
	in_child("user", nobody_forks, NULL);

	need_root();
}

CASE(child_times)
{
	struct tms t;
	struct rusage ru;
	pid_t pid = fork();

	if (pid == 0) {
		struct timespec ts;
		do
			clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
		while (ts.tv_sec == 0 && ts.tv_nsec < 30000000);
		_exit(0);
	}
	times(&t);
	V(t.tms_cutime + t.tms_cstime);
	reap("child", pid);
	times(&t);
	V(t.tms_cutime + t.tms_cstime > 0);
	getrusage(RUSAGE_CHILDREN, &ru);
	V(ru.ru_utime.tv_sec * 1000000 + ru.ru_utime.tv_usec + ru.ru_stime.tv_sec * 1000000 +
	      ru.ru_stime.tv_usec >
	  20000);
}

CASE(unshare)
{
	R(unshare(0));
	R(unshare(CLONE_FS));
	R(unshare(CLONE_FILES));
	R(unshare(0x1));
	R(unshare(CLONE_VM));
	R(unshare(CLONE_SIGHAND | CLONE_THREAD));
}
