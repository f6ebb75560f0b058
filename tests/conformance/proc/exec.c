/* SPDX-License-Identifier: Apache-2.0 */
/* execve(2), execveat(2): scripts, the order of errors, what survives an exec and what does not. */
#include <pthread.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>

#include "case.h"

static char *words[] = { (char *)(uintptr_t) "PROG", (char *)(uintptr_t) "one",
			 (char *)(uintptr_t) "two words", NULL };
static char *vars[] = { (char *)(uintptr_t) "A=1", (char *)(uintptr_t) "B=", NULL };

static void put_program(const char *path, const char *text, mode_t mode)
{
	put_file(path, text);
	NEED(chmod(path, mode));
}

struct exec {
	const char *path;
	char **argv, **envp;
};

static int do_exec(void *arg)
{
	const struct exec *e = arg;

	execve(e->path, e->argv, e->envp);
	say("execve %s: %s\n", e->path ? e->path : "NULL", strerrorname_np(errno));
	return 9;
}

static void try(const char *path)
{
	struct exec e = { path, words, vars };

	in_child(path, do_exec, &e);
}

/* The program executed in place of itself as ROLE; extra arguments follow. */
static void exec_role(const char *role, const char *extra)
{
	char arg1[64], *argv[] = { case_self, arg1, (char *)(uintptr_t)extra, NULL };

	snprintf(arg1, sizeof arg1, "role:%s", role);
	execve(case_self, argv, vars);
	say("execve: %s\n", strerrorname_np(errno));
	_exit(9);
}

static int role_child(void *arg)
{
	exec_role(arg, NULL);
	return 0;
}

/* Copies this program to `path`: scripts can name it as their interpreter. */
static void copy_self(const char *path, mode_t mode)
{
	static char buf[1 << 16];
	int in = (int)NEED(open(case_self, O_RDONLY)),
	    out = (int)NEED(open(path, O_WRONLY | O_CREAT, 0755));
	ssize_t n;

	while ((n = read(in, buf, sizeof buf)) > 0)
		NEED(write(out, buf, n));
	close(in);
	close(out);
	NEED(chmod(path, mode));
}

ROLE(args)
{
	for (int i = 0; i < case_argc; i++)
		say("argv[%d] %s\n", i, i == 0 && case_argv[0][0] == '/' ? "path" : case_argv[i]);
	for (char **e = environ; *e; e++)
		say("env %s\n", *e);
}

CASE(arguments)
{
	in_child("role", role_child, (void *)(uintptr_t) "args");
}

CASE(long_argument)
{
	static char big[100000];
	char role[] = "role:length", *argv[] = { case_self, role, big, NULL };
	struct exec e = { case_self, argv, vars };

	memset(big, 'x', sizeof big - 1);
	in_child("100 kB", do_exec, &e);
}

ROLE(length)
{
	size_t sum = 0;

	for (int i = 2; i < case_argc; i++)
		sum += strlen(case_argv[i]);
	say("%d arguments, %zu bytes\n", case_argc - 2, sum);
}

CASE(too_big)
{
	static char big[131073];
	char role[] = "role:length", *argv[] = { case_self, role, big, NULL };
	struct exec e = { case_self, argv, vars };

	/* MAX_ARG_STRLEN is 32 pages, with the null byte. */
	memset(big, 'x', 131071);
	in_child("131071", do_exec, &e);
	big[131071] = 'x';
	in_child("131072", do_exec, &e);
}

CASE(too_big_in_all)
{
	static char part[100001], *argv[70];
	char role[] = "role:length";
	struct rlimit r = { 8 << 20, RLIM_INFINITY };
	struct exec e = { case_self, argv, vars };

	memset(part, 'y', sizeof part - 1);
	argv[0] = case_self;
	argv[1] = role;
	for (int i = 2; i < 20; i++)
		argv[i] = part;
	in_child("1.8 MB", do_exec, &e);
	for (int i = 2; i < 32; i++)
		argv[i] = part;
	in_child("3 MB", do_exec, &e);
	r.rlim_cur = 4 << 20;
	NEED(setrlimit(RLIMIT_STACK, &r));
	argv[20] = NULL;
	in_child("1.8 MB with a stack limit of 4 MiB", do_exec, &e);
}

CASE(many_arguments)
{
	static char word[] = "w", *argv[5003];
	char role[] = "role:length";
	struct exec e = { case_self, argv, vars };

	argv[0] = case_self;
	argv[1] = role;
	for (int i = 2; i < 5002; i++)
		argv[i] = word;
	in_child("5000", do_exec, &e);
}

CASE(argv_null)
{
	char empty[] = "", *no_args[] = { NULL }, *one_empty[] = { empty, NULL };
	struct exec null = { case_self, NULL, NULL }, none = { case_self, no_args, vars },
		    one = { case_self, one_empty, vars };

	in_child("argv NULL", do_exec, &null);
	in_child("argv {NULL}", do_exec, &none);
	in_child("argv {\"\"}", do_exec, &one);
}

CASE(errors)
{
	NEED(mkdir("dir", 0755));
	put_program("plain", "no magic here\n", 0755);
	put_program("not_executable", "#!/bin/sh\n", 0644);
	put_program("empty", "", 0755);
	put_program("short_elf", "\177ELF", 0755);
	put_program("short_elf64", "\177ELF\2\1\1", 0755);
	NEED(symlink("loop", "loop"));
	NEED(symlink("nowhere", "dangling"));
	NEED(mkfifo("fifo", 0755));
	try("missing");
	try("dir");
	try("plain");
	try("not_executable");
	try("empty");
	try("short_elf");
	try("short_elf64");
	try("loop");
	try("dangling");
	try("fifo");
	try("plain/x");
	try("not_executable/");
	try("");
	try("/dev/null");
}

CASE(path_too_long)
{
	static char path[5000];

	memset(path, 'p', 4999);
	R(execve(path, words, vars));
	path[300] = 0;
	R(execve(path, words, vars));
}

CASE(errors_as_user)
{
	need_root();
	NEED(mkdir("closed", 0700));
	put_program("closed/inside", "#!/bin/sh\n", 0755);
	put_program("executable_by_root_only", "#!/bin/sh\n", 0744);
	copy_self("unreadable", 0711);
	NEED(chmod(".", 0755));
	pid_t pid = fork();
	if (pid == 0) {
		NEED(setresuid(1000, 1000, 1000));
		try("closed/inside");
		try("executable_by_root_only");
		/* It cannot be read, and runs all the same. */
		char role[] = "role:hello", *argv[] = { case_self, role, NULL };
		struct exec e = { "./unreadable", argv, vars };
		in_child("unreadable", do_exec, &e);
		_exit(0);
	}
	reap("user", pid);
}

ROLE(hello)
{
	say("hello\n");
}

CASE(text_busy)
{
	copy_self("prog", 0755);
	int fd = (int)NEED(open("prog", O_WRONLY));
	char role[] = "role:hello", *argv[] = { case_self, role, NULL };
	struct exec e = { "./prog", argv, vars };

	in_child("open for writing", do_exec, &e);
	close(fd);
	in_child("closed", do_exec, &e);
}

static void send_fd(int socket, int fd)
{
	char byte = 'x', control[CMSG_SPACE(sizeof fd)] = { 0 };
	struct iovec iov = { &byte, 1 };
	struct msghdr h = { .msg_iov = &iov,
			    .msg_iovlen = 1,
			    .msg_control = control,
			    .msg_controllen = sizeof control };
	struct cmsghdr *cm = CMSG_FIRSTHDR(&h);

	cm->cmsg_level = SOL_SOCKET;
	cm->cmsg_type = SCM_RIGHTS;
	cm->cmsg_len = CMSG_LEN(sizeof fd);
	memcpy(CMSG_DATA(cm), &fd, sizeof fd);
	NEED(sendmsg(socket, &h, 0));
	close(fd);
}

/* A description that no process has a number for: it is on its way through a socket. */
CASE(text_busy_in_a_message)
{
	int pair[2];

	copy_self("prog", 0755);
	NEED(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	send_fd(pair[0], (int)NEED(open("prog", O_WRONLY)));
	try("./prog");
	close(pair[0]);
	close(pair[1]);
}

/* A file without a name is open for writing from the start. */
CASE(text_busy_tmpfile)
{
	static char buf[1 << 16];
	char fd_path[32], role[] = "role:hello", *argv[] = { case_self, role, NULL };
	struct exec e = { fd_path, argv, vars };
	int in = (int)NEED(open(case_self, O_RDONLY)),
	    out = (int)NEED(open(".", O_TMPFILE | O_RDWR, 0755));
	ssize_t n;

	while ((n = read(in, buf, sizeof buf)) > 0)
		NEED(write(out, buf, n));
	snprintf(fd_path, sizeof fd_path, "/proc/self/fd/%d", out);
	in_child("open for writing", do_exec, &e);
	int again = (int)NEED(open(fd_path, O_RDONLY));
	close(out);
	snprintf(fd_path, sizeof fd_path, "/proc/self/fd/%d", again);
	in_child("closed", do_exec, &e);
}

static int opens_itself(void *arg)
{
	char role[] = "role:open_self_for_writing", *argv[] = { case_self, role, NULL };
	struct exec e = { "./prog", argv, vars };

	return do_exec(&e);
}

ROLE(open_self_for_writing)
{
	OK(open("prog", O_WRONLY));
	OK(open("prog", O_RDONLY));
	OK(truncate("prog", 0));
	R(unlink("prog"));
}

CASE(running_program_cannot_be_written)
{
	copy_self("prog", 0755);
	in_child("prog", opens_itself, NULL);
}

/* It is no longer in use as soon as its parent knows that it ended. */
CASE(program_that_ended_can_be_written)
{
	int busy = 0;
	char role[] = "role:nothing", *argv[] = { case_self, role, NULL };

	copy_self("prog", 0755);
	for (int i = 0; i < 50; i++) {
		pid_t pid = (pid_t)NEED(fork());
		if (pid == 0) {
			execv("./prog", argv);
			_exit(99);
		}
		NEED(waitpid(pid, NULL, 0));
		int fd = open("prog", O_WRONLY);
		busy += fd == -1;
		close(fd);
	}
	V(busy);
}

ROLE(nothing)
{
}

static void interpreter(void)
{
	copy_self("interp", 0755);
	NEED(symlink("interp", "role:args"));
}

CASE(script)
{
	interpreter();
	put_program("s", "#!./interp role:args\nbody\n", 0755);
	try("./s");
	try("s");
}

CASE(script_spaces)
{
	interpreter();
	put_program("a", "#! \t ./interp   role:args  \nbody\n", 0755);
	put_program("b", "#!./interp\trole:args\nbody", 0755);
	put_program("c", "#!./interp role:args", 0755);
	try("./a");
	try("./b");
	try("./c");
}

/* All that follows the interpreter is one argument. */
CASE(script_one_argument)
{
	copy_self("interp", 0755);
	put_program("a", "#!./interp role:args: more and  more \n", 0755);
	put_program("b", "#!./interp\n", 0755);
	try("./a");
	try("./b");
}

CASE(script_errors)
{
	NEED(mkdir("dir", 0755));
	put_program("no_interpreter", "#!\n", 0755);
	put_program("only_spaces", "#!   \n", 0755);
	put_program("missing", "#!/no/such/interpreter\n", 0755);
	put_program("relative", "#!nowhere\n", 0755);
	put_program("directory", "#!./dir\n", 0755);
	put_program("not_executable", "#!./data\n", 0755);
	put_program("data", "plain data\n", 0644);
	put_program("carriage", "#!/bin/sh\r\n", 0755);
	put_program("plain_interpreter", "#!./plain\n", 0755);
	put_program("plain", "plain data\n", 0755);
	put_program("no_newline", "#!/no/such", 0755);
	put_program("two_bytes", "#!", 0755);
	put_program("spaces_to_the_end", "#!  ", 0755);
	try("./no_interpreter");
	try("./only_spaces");
	try("./missing");
	try("./relative");
	try("./directory");
	try("./not_executable");
	try("./carriage");
	try("./plain_interpreter");
	try("./no_newline");
	try("./two_bytes");
	try("./spaces_to_the_end");
}

CASE(script_nested)
{
	char text[64], name[8], path[16];

	interpreter();
	put_program("s0", "#!./interp role:args\n", 0755);
	for (int i = 1; i <= 6; i++) {
		snprintf(text, sizeof text, "#!./s%d arg%d\n", i - 1, i);
		snprintf(name, sizeof name, "s%d", i);
		put_program(name, text, 0755);
	}
	for (int i = 1; i <= 6; i++) {
		snprintf(path, sizeof path, "./s%d", i);
		try(path);
	}
}

CASE(script_loop)
{
	put_program("loop", "#!./loop\n", 0755);
	try("./loop");
}

CASE(script_long_line)
{
	static char text[600];
	struct {
		const char *name;
		int len;
	} lines[] = { { "argument_cut", 300 }, { "fits", 200 } };

	interpreter();
	for (int i = 0; i < 2; i++) {
		memset(text, 'a', sizeof text);
		memcpy(text, "#!./interp role:args:", 21);
		strcpy(text + lines[i].len, "\n");
		put_program(lines[i].name, text, 0755);
	}
	try("./argument_cut");
	try("./fits");
	/* The name of the interpreter itself does not fit. */
	memset(text, 'i', sizeof text);
	memcpy(text, "#!./", 4);
	strcpy(text + 300, "\n");
	put_program("name_cut", text, 0755);
	try("./name_cut");
}

CASE(script_set_id_ignored)
{
	need_root();
	interpreter();
	put_program("s", "#!./interp role:ids\n", 0755);
	NEED(chown("s", 1234, 1234));
	NEED(chmod("s", 06755));
	try("./s");
}

ROLE(ids)
{
	say("uid %d %d gid %d %d\n", getuid(), geteuid(), getgid(), getegid());
}

CASE(script_argv0)
{
	char zero[] = "any name", one[] = "x", *argv[] = { zero, one, NULL };
	struct exec e = { "./s", argv, vars };

	interpreter();
	put_program("s", "#!./interp role:args\n", 0755);
	in_child("argv[0] is lost", do_exec, &e);
}

CASE(cloexec)
{
	NEED(open("/dev/null", O_RDONLY));
	NEED(open("/dev/null", O_RDONLY | O_CLOEXEC));
	NEED(open("/dev/null", O_RDONLY));
	NEED(fcntl(3, F_SETFD, FD_CLOEXEC));
	NEED(fcntl(4, F_SETFD, 0));
	/* A failed exec closes nothing. */
	R(execve("missing", words, vars));
	V(fcntl(3, F_GETFD));
	exec_role("fds", NULL);
}

ROLE(fds)
{
	for (int fd = 0; fd < 8; fd++)
		say("fd %d: %d\n", fd, fcntl(fd, F_GETFD));
}

static void handler(int sig)
{
}

CASE(signal_state)
{
	static char alt[65536];
	stack_t ss = { .ss_sp = alt, .ss_size = sizeof alt };
	struct itimerval it = { { 0, 0 }, { 1000, 0 } };

	handle(SIGUSR1, handler, 0);
	handle(SIGUSR2, SIG_IGN, 0);
	block(SET(SIGTERM, SIGRTMIN));
	raise(SIGTERM);
	NEED(sigaltstack(&ss, NULL));
	NEED(setitimer(ITIMER_REAL, &it, NULL));
	exec_role("signal_state", NULL);
}

ROLE(signal_state)
{
	struct sigaction sa;
	sigset_t set;
	stack_t ss;
	struct itimerval it;

	sigaction(SIGUSR1, NULL, &sa);
	say("handled is default %d, ", sa.sa_handler == SIG_DFL);
	sigaction(SIGUSR2, NULL, &sa);
	say("ignored stays %d\n", sa.sa_handler == SIG_IGN);
	sigprocmask(SIG_BLOCK, NULL, &set);
	say("blocked %d %d, ", sigismember(&set, SIGTERM), sigismember(&set, SIGRTMIN));
	sigpending(&set);
	say("pending %d\n", sigismember(&set, SIGTERM));
	sigaltstack(NULL, &ss);
	getitimer(ITIMER_REAL, &it);
	say("altstack gone %d, timer runs %d\n", ss.ss_flags == SS_DISABLE,
	    it.it_value.tv_sec > 900);
}

CASE(process_state)
{
	struct rlimit r = { 55, 4096 };

	need_descriptors(4096);
	NEED(setrlimit(RLIMIT_NOFILE, &r));
	umask(0123);
	NEED(mkdir("d", 0777));
	NEED(chdir("d"));
	NEED(setpriority(PRIO_PROCESS, 0, 5));
	NEED(prctl(PR_SET_NAME, "old name"));
	NEED(prctl(PR_SET_PDEATHSIG, SIGUSR1));
	NEED(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	NEED(prctl(PR_SET_DUMPABLE, 0, 0, 0, 0));
	exec_role("process_state", NULL);
}

ROLE(process_state)
{
	char name[32], cwd[4096];
	struct rlimit r;
	int sig = -1;

	getrlimit(RLIMIT_NOFILE, &r);
	prctl(PR_GET_NAME, name);
	prctl(PR_GET_PDEATHSIG, &sig);
	say("limit %ld umask %o nice %d cwd %s name %s\n", (long)r.rlim_cur, umask(0),
	    getpriority(PRIO_PROCESS, 0), strrchr(getcwd(cwd, sizeof cwd), '/'), name);
	say("pdeathsig %d no_new_privs %d dumpable %d\n", sig,
	    prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), prctl(PR_GET_DUMPABLE, 0, 0, 0, 0));
}

static void *execs(void *arg)
{
	char pid[16];

	snprintf(pid, sizeof pid, "%d", getpid());
	exec_role("same_pid", pid);
	return NULL;
}

static void *waits(void *arg)
{
	while (pause())
		;
	return NULL;
}

/* The thread that executes takes the leader's tid, all others end. */
CASE(from_thread)
{
	pthread_t t;

	for (int i = 0; i < 4; i++)
		NEED(pthread_create(&t, NULL, waits, NULL));
	NEED(pthread_create(&t, NULL, execs, NULL));
	pthread_join(t, NULL);
	say("not reached\n");
}

ROLE(same_pid)
{
	V(getpid() == atoi(case_argv[2]));
	V(gettid() == getpid());
	exit(21);
}

CASE(fails_in_thread)
{
	pthread_t t;
	struct exec e = { "missing", words, vars };

	NEED(pthread_create(&t, NULL, waits, NULL));
	do_exec(&e);
	V(pthread_kill(t, 0));
}

CASE(execveat)
{
	copy_self("prog", 0755);
	NEED(mkdir("d", 0755));
	int dir = (int)NEED(open(".", O_RDONLY | O_DIRECTORY)),
	    fd = (int)NEED(open("prog", O_RDONLY));
	int path = (int)NEED(open("prog", O_PATH));
	char role[] = "role:hello", *argv[] = { case_self, role, NULL };
	const struct {
		int fd, flags;
		const char *path;
	} calls[] = { { dir, 0, "prog" },          { fd, AT_EMPTY_PATH, "" },
		      { path, AT_EMPTY_PATH, "" }, { fd, 0, "" },
		      { dir, AT_EMPTY_PATH, "" },  { fd, 0, "prog" },
		      { AT_FDCWD, 0, "prog" },     { 99, 0, "prog" },
		      { 99, AT_EMPTY_PATH, "" },   { dir, 0x8000, "prog" } };

	for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
		pid_t pid = fork();
		if (pid == 0) {
			syscall(SYS_execveat, calls[i].fd, calls[i].path, argv, vars,
				calls[i].flags);
			say("%zu: %s\n", i, strerrorname_np(errno));
			_exit(9);
		}
		reap("execveat", pid);
	}
}

CASE(execveat_nofollow)
{
	copy_self("prog", 0755);
	NEED(symlink("prog", "link"));
	char role[] = "role:hello", *argv[] = { case_self, role, NULL };

	R(syscall(SYS_execveat, AT_FDCWD, "link", argv, vars, AT_SYMLINK_NOFOLLOW));
	R(syscall(SYS_execveat, AT_FDCWD, "link", argv, vars, 0));
}

CASE(script_by_descriptor)
{
	interpreter();
	put_program("s", "#!./interp role:args\n", 0755);
	int fd = (int)NEED(open("s", O_RDONLY)),
	    cloexec = (int)NEED(open("s", O_RDONLY | O_CLOEXEC));

	pid_t pid = fork();
	if (pid == 0) {
		syscall(SYS_execveat, fd, "", words, vars, AT_EMPTY_PATH);
		_exit(9);
	}
	reap("script", pid);
	/* The interpreter could not open it. */
	R(syscall(SYS_execveat, cloexec, "", words, vars, AT_EMPTY_PATH));
}

CASE(proc_self_exe)
{
	char link[4096];
	ssize_t n = readlink("/proc/self/exe", link, sizeof link - 1);

	link[n > 0 ? n : 0] = 0;
	V(strcmp(link, case_self));
	copy_self("prog", 0755);
	char role[] = "role:exe", *argv[] = { case_self, role, NULL };
	execve("./prog", argv, vars);
}

ROLE(exe)
{
	char link[4096];
	ssize_t n = readlink("/proc/self/exe", link, sizeof link - 1);

	link[n > 0 ? n : 0] = 0;
	say("%s\n", strrchr(link, '/'));
	R(unlink("prog"));
	n = readlink("/proc/self/exe", link, sizeof link - 1);
	link[n > 0 ? n : 0] = 0;
	say("%s\n", strrchr(link, '/'));
	char role[] = "role:hello", *argv[] = { case_self, role, NULL };
	execve("/proc/self/exe", argv, vars);
}

/* A program that has no path. */
CASE(exe_of_memfd)
{
	int fd = memfd_create("prog", MFD_CLOEXEC),
	    self = (int)NEED(open("/proc/self/exe", O_RDONLY));

	while (NEED(sendfile(fd, self, NULL, 1 << 20)) > 0)
		;
	char role[] = "role:exe_of_memfd", *argv[] = { case_self, role, NULL };
	syscall(SYS_execveat, fd, "", argv, vars, AT_EMPTY_PATH);
}

ROLE(exe_of_memfd)
{
	char link[4096];
	struct stat st;
	ssize_t n = readlink("/proc/self/exe", link, sizeof link - 1);

	link[n > 0 ? n : 0] = 0;
	say("%s\n", link);
	R(stat("/proc/self/exe", &st));
	V(S_ISREG(st.st_mode));
	R(open("/proc/self/exe", O_RDONLY) >= 0);
	char role[] = "role:hello", *argv[] = { case_self, role, NULL };
	execve("/proc/self/exe", argv, vars);
}

CASE(set_user_id)
{
	need_root();
	copy_self("prog", 0755);
	NEED(chown("prog", 1234, 2345));
	NEED(chmod("prog", 06755));
	NEED(chmod(".", 0755));
	char role[] = "role:ids", *argv[] = { case_self, role, NULL };
	struct exec e = { "./prog", argv, vars };
	in_child("set-uid, set-gid", do_exec, &e);
	pid_t pid = fork();
	if (pid == 0) {
		NEED(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
		do_exec(&e);
	}
	reap("with no_new_privs", pid);
}

CASE(repeated)
{
	exec_role("again", "20");
}

ROLE(again)
{
	char next[16];
	int n = atoi(case_argv[2]);

	if (n == 0) {
		say("done\n");
		return;
	}
	snprintf(next, sizeof next, "%d", n - 1);
	exec_role("again", next);
}

CASE(shared_memory_is_left)
{
	/* vfork's child has its own memory after the exec; what it wrote before is the parent's. */
	static volatile int n;
	pid_t pid = vfork();

	if (pid == 0) {
		n = 3;
		exec_role("hello", NULL);
	}
	reap("child", pid);
	V(n);
}

/* Threads that are about to end, by themselves or by a signal, when another one executes. */
static void *ends_soon(void *arg)
{
	for (int i = (int)(intptr_t)arg; i > 0; i--)
		sched_yield();
	return NULL;
}

ROLE(among_many)
{
	char next[16];
	int n = atoi(case_argv[2]);
	pthread_t t;

	if (n == 0)
		exit(0);
	for (int i = 0; i < 6; i++)
		NEED(
		    pthread_create(&t, NULL, i % 2 ? ends_soon : waits, (void *)(intptr_t)(i * 3)));
	snprintf(next, sizeof next, "%d", n - 1);
	exec_role("among_many", next);
}

/* Several such processes at once: on a busy machine, ends and execs meet in every order. */
CASE(among_many_threads)
{
	pid_t pid[4];
	int status;

	for (int i = 0; i < 4; i++) {
		pid[i] = (pid_t)NEED(fork());
		if (pid[i] == 0)
			exec_role("among_many", "12");
	}
	for (int i = 0; i < 4; i++) {
		NEED(waitpid(pid[i], &status, 0));
		V(status);
	}
}
