/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program that embeds libhl: what hl.h promises, seen from outside. `embed CASE`; exits 0 when it
 * holds, and says what did not.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "hl.h"

#define CHECK(cond, ...)                                                                           \
	do {                                                                                       \
		if (!(cond)) {                                                                     \
			fprintf(stderr, "%s:%d: %s: ", __FILE__, __LINE__, #cond);                 \
			fprintf(stderr, __VA_ARGS__);                                              \
			fprintf(stderr, "\n");                                                     \
			exit(1);                                                                   \
		}                                                                                  \
	} while (0)

static struct hl_config *config(size_t n, const char *const *args)
{
	struct hl_config *cfg = hl_config_new();

	CHECK(cfg, "no memory");
	hl_config_set_args(cfg, n, args);
	if (getenv("HL_TEST_PLATFORM"))
		hl_config_set_platform(cfg, getenv("HL_TEST_PLATFORM"));
	return cfg;
}
#define CONFIG(...)                                                                                \
	config(sizeof((const char *[]){ __VA_ARGS__ }) / sizeof(char *),                           \
	       (const char *[]){ __VA_ARGS__ })

static struct hl_sandbox *start(struct hl_config *cfg)
{
	struct hl_error *err = NULL;
	struct hl_sandbox *sb = NULL;

	CHECK(hl_sandbox_start(cfg, &sb, &err) == 0, "%s", hl_error_text(err));
	hl_config_free(cfg);
	return sb;
}

static struct hl_result finish(struct hl_sandbox *sb)
{
	struct hl_error *err = NULL;
	struct hl_result res;

	CHECK(hl_sandbox_wait(sb, 60000, &res, &err) == 0, "%s", hl_error_text(err));
	hl_sandbox_free(sb);
	return res;
}

static void expect_exit(struct hl_sandbox *sb, int status)
{
	struct hl_result res = finish(sb);

	CHECK(res.end == HL_EXITED && res.status == status, "end %d, status %d", res.end,
	      res.status);
}

/* ---- what can be counted of this process ---- */

static int count_entries(const char *dir)
{
	DIR *d = opendir(dir);
	int n = 0;

	CHECK(d, "%s: %s", dir, strerror(errno));
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

/* A thread that has ended stays in the list for a moment: the count, once it is what it should
 * be. */
static int count_threads(int expected)
{
	for (int i = 0; i < 500 && count_entries("/proc/self/task") != expected; i++)
		usleep(10000);
	return count_entries("/proc/self/task");
}

static long resident_kb(void)
{
	char line[256];
	long kb = -1;
	FILE *f = fopen("/proc/self/status", "r");

	while (f && fgets(line, sizeof line, f))
		sscanf(line, "VmRSS: %ld", &kb);
	if (f)
		fclose(f);
	return kb;
}

/* ---- cases ---- */

static void exit_status(void)
{
	expect_exit(start(CONFIG("sh", "-c", "exit 7")), 7);
}

static void two_at_once(void)
{
	int in[2], out[2];

	/* Each waits for the other: they run at the same time or not at all. */
	CHECK(pipe2(in, O_CLOEXEC) == 0 && pipe2(out, O_CLOEXEC) == 0, "pipe");
	struct hl_config *a = CONFIG("sh", "-c", "read x; echo $x"),
			 *b = CONFIG("sh", "-c", "echo hello; read y; exit 3");
	hl_config_set_stdio(a, in[0], out[1], 2);
	hl_config_set_stdio(b, out[0], in[1], 2);
	struct hl_sandbox *first = start(a), *second = start(b);
	expect_exit(second, 3);
	expect_exit(first, 0);
	for (int i = 0; i < 2; i++) {
		close(in[i]);
		close(out[i]);
	}
}

static void *run_some(void *arg)
{
	for (int i = 0; i < 10; i++)
		expect_exit(start(CONFIG("true")), 0);
	return NULL;
}

static void from_many_threads(void)
{
	pthread_t t[4];

	for (int i = 0; i < 4; i++)
		CHECK(pthread_create(&t[i], NULL, run_some, NULL) == 0, "thread");
	for (int i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
}

static void in_turn(int n)
{
	for (int i = 0; i < n; i++)
		expect_exit(start(CONFIG("/bin/true")), 0);
}

static void turn_500(void)
{
	in_turn(500);
}

/* Other programs come and go in the machine's own /dev/shm. */
static bool own_shm(void)
{
	return !unshare(CLONE_NEWNS) && !mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) &&
	       !mount("none", "/dev/shm", "tmpfs", 0, NULL);
}

static void leaks_nothing(void)
{
	bool own = own_shm();

	in_turn(50); /* what is kept once is kept by now */
	int fds = count_entries("/proc/self/fd"), tasks = count_threads(3); /* ".", ".." and ours */
	long kb = resident_kb();

	in_turn(2000);
	CHECK(count_entries("/proc/self/fd") == fds, "%d descriptors, were %d",
	      count_entries("/proc/self/fd"), fds);
	CHECK(count_threads(tasks) == tasks, "%d threads, were %d", count_threads(tasks), tasks);
	CHECK(!own || count_entries("/dev/shm") == 2, "%d files in /dev/shm",
	      count_entries("/dev/shm") - 2);
	CHECK(resident_kb() < kb + 4096, "%ld KiB resident, were %ld", resident_kb(), kb);
}

static void errors(void)
{
	struct hl_error *err = NULL;
	struct hl_sandbox *sb = (void *)1;
	struct hl_config *cfg = CONFIG("/nonexistent/program");

	CHECK(hl_sandbox_start(cfg, &sb, &err) == -1, "started");
	CHECK(sb == NULL, "a sandbox");
	CHECK(hl_error_code(err) == HL_NOT_FOUND, "code %d", hl_error_code(err));
	CHECK(strstr(hl_error_text(err), "/nonexistent/program"), "%s", hl_error_text(err));
	err = hl_error_wrap(err, "job %d", 5);
	CHECK(strncmp(hl_error_text(err), "job 5: ", 7) == 0, "%s", hl_error_text(err));
	CHECK(hl_error_code(err) == HL_NOT_FOUND, "code %d", hl_error_code(err));
	hl_error_free(err);
	CHECK(hl_sandbox_start(cfg, &sb, NULL) == -1, "started");
	hl_config_free(cfg);

	cfg = hl_config_new();
	CHECK(hl_sandbox_start(cfg, &sb, &err) == -1 && hl_error_code(err) == HL_INVALID, "%s",
	      hl_error_text(err));
	hl_error_free(err);
	hl_config_free(cfg);
	CHECK(hl_sandbox_start(NULL, &sb, &err) == -1 && hl_error_code(err) == HL_NO_MEMORY, "%s",
	      hl_error_text(err));
	hl_error_free(err);
	hl_sandbox_free(NULL);
	hl_error_free(NULL);
	CHECK(hl_error_code(NULL) == HL_OK && !*hl_error_text(NULL), "of NULL");
}

static void kill_it(void)
{
	struct hl_sandbox *sb = start(CONFIG("sleep", "1000"));
	struct hl_error *err = NULL;
	struct hl_result res;

	CHECK(hl_sandbox_wait(sb, 50, &res, &err) == -1 && hl_error_code(err) == HL_TIMED_OUT,
	      "did not run");
	CHECK(res.end == HL_RUNNING && !res.stopped, "end %d", res.end);
	hl_error_free(err);
	hl_sandbox_kill(sb);
	res = finish(sb);
	CHECK(res.end == HL_KILLED, "end %d", res.end);
}

static void free_while_running(void)
{
	struct hl_config *cfg = CONFIG("sh", "-c", "sleep 1000 & sleep 1000 & while :; do :; done");

	hl_config_set_timeout(cfg, 100000);
	hl_sandbox_free(start(cfg));
}

/* Nothing but a kill moves the sandbox's threads, as if they were in calls of a host whose disk
 * does not answer; until the process that this returns is killed. */
static pid_t hold_threads(void)
{
	char self[4096] = "", of[32], said[8] = "";
	int out[2];

	CHECK(readlink("/proc/self/exe", self, sizeof self - 8) > 0 && strrchr(self, '/'), "exe");
	strcpy(strrchr(self, '/'), "/hold");
	snprintf(of, sizeof of, "%d", getpid());
	CHECK(pipe2(out, O_CLOEXEC) == 0, "pipe");
	prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY);
	pid_t pid = fork();
	if (pid == 0) {
		dup2(out[1], 1);
		execl(self, "hold", of, NULL);
		_exit(1);
	}
	close(out[1]);
	CHECK(read(out[0], said, sizeof said - 1) > 0, "the host does not let us hold threads");
	close(out[0]);
	return pid;
}

static void count_line(void *arg, const char *data, size_t len)
{
	++*(atomic_int *)arg;
}

static void left_behind(void)
{
	expect_exit(start(CONFIG("true")), 0); /* what is kept once is kept by now */
	int fds = count_entries("/proc/self/fd"), tasks = count_threads(3); /* ".", ".." and ours */
	atomic_int lines = 0;
	struct hl_config *cfg = CONFIG("sleep", "1000");
	struct hl_error *err = NULL;
	struct hl_result res;

	hl_config_set_log(cfg, 2, count_line, &lines);
	struct hl_sandbox *sb = start(cfg);
	pid_t holder = hold_threads();
	hl_sandbox_kill(sb);
	CHECK(hl_sandbox_wait(sb, 50, &res, &err) == -1 && hl_error_code(err) == HL_TIMED_OUT,
	      "its threads were not held");
	CHECK(res.end == HL_KILLED, "end %d", res.end);
	hl_error_free(err);
	int before = lines;
	CHECK(hl_sandbox_free_within(sb, 50, &err) == -1, "freed");
	CHECK(hl_error_code(err) == HL_LEFT_BEHIND, "%s", hl_error_text(err));
	hl_error_free(err);
	kill(holder, SIGKILL);
	CHECK(waitpid(holder, NULL, 0) == holder, "the holder is gone");
	CHECK(count_threads(tasks) == tasks, "%d threads, were %d", count_threads(tasks), tasks);
	CHECK(count_entries("/proc/self/fd") == fds, "%d descriptors, were %d",
	      count_entries("/proc/self/fd"), fds);
	CHECK(lines == before, "%d lines for a sandbox that was freed", lines - before);
}

static void freed_in_time(void)
{
	struct hl_error *err = NULL;

	CHECK(hl_sandbox_free_within(start(CONFIG("sleep", "1000")), 60000, &err) == 0, "%s",
	      hl_error_text(err));
	CHECK(hl_sandbox_free_within(NULL, 0, &err) == 0, "of NULL");
}

static void time_limit(void)
{
	struct hl_config *cfg = CONFIG("sh", "-c", "trap '' TERM INT; while :; do :; done");

	hl_config_set_timeout(cfg, 200);
	struct hl_result res = finish(start(cfg));
	CHECK(res.end == HL_EXPIRED, "end %d", res.end);
	CHECK(res.wall_ns >= 200000000 && res.wall_ns < 2000000000, "%lu ns", res.wall_ns);
}

static void signals(void)
{
	int out[2];
	char c;

	CHECK(pipe2(out, O_CLOEXEC) == 0, "pipe");
	struct hl_config *cfg =
	    CONFIG("sh", "-c", "trap 'exit 9' USR1; echo; while :; do sleep 0.01; done");
	hl_config_set_stdio(cfg, 0, out[1], 2);
	struct hl_sandbox *sb = start(cfg);
	CHECK(read(out[0], &c, 1) == 1, "nothing came");
	CHECK(hl_sandbox_signal(sb, 0, NULL) == -1 && hl_sandbox_signal(sb, 65, NULL) == -1,
	      "a bad signal");
	CHECK(hl_sandbox_signal(sb, SIGUSR1, NULL) == 0, "USR1");
	expect_exit(sb, 9);
	close(out[0]);
	close(out[1]);
}

static void stop_and_continue(void)
{
	struct hl_sandbox *sb = start(CONFIG("sleep", "0.5"));
	struct pollfd p = { hl_sandbox_event_fd(sb), POLLIN, 0 };
	struct hl_result res;

	CHECK(hl_sandbox_signal_terminal(sb, SIGTSTP, NULL) == 0, "TSTP");
	CHECK(poll(&p, 1, 5000) == 1, "no event");
	hl_sandbox_wait(sb, 0, &res, NULL);
	CHECK(res.stopped && res.end == HL_RUNNING, "end %d", res.end);
	CHECK(hl_sandbox_signal_terminal(sb, SIGCONT, NULL) == 0, "CONT");
	expect_exit(sb, 0);
}

static void event_at_end(void)
{
	struct hl_sandbox *sb = start(CONFIG("true"));
	struct pollfd p = { hl_sandbox_event_fd(sb), POLLIN, 0 };

	CHECK(poll(&p, 1, 5000) == 1, "no event");
	expect_exit(sb, 0);
}

static void background_ends(void)
{
	struct hl_sandbox *sb = start(CONFIG("sh", "-c", "sleep 1000 & sleep 1000 & exit 4"));

	expect_exit(sb, 4);
}

/* The host's own signals, children and descriptors are left alone. */
static void leaves_host_alone(void)
{
	struct sigaction before[NSIG], after;
	int status, ours = SIGRTMAX - 3;

	for (int s = 1; s < NSIG; s++)
		sigaction(s, NULL, &before[s]);
	pid_t pid = fork();
	if (pid == 0)
		_exit(5);
	expect_exit(start(CONFIG("true")), 0);
	CHECK(waitpid(-1, &status, 0) == pid && WEXITSTATUS(status) == 5, "the child is gone");
	for (int s = 1; s < NSIG; s++) {
		sigaction(s, NULL, &after);
		CHECK(s == SIGSEGV || s == SIGBUS || s == ours ||
			  before[s].sa_handler == after.sa_handler,
		      "handler of signal %d", s);
	}
}

struct output {
	char text[65536];
	size_t len;
};

/* Makes files until told to stop; counts those that others may write. */
struct maker {
	pthread_t thread;
	atomic_bool stop;
	int wrong;
};

static void *make_files(void *arg)
{
	struct maker *m = arg;

	while (!m->stop) {
		struct stat st;
		int fd = open("made", O_CREAT | O_RDWR | O_TRUNC, 0666);
		CHECK(fd >= 0 && fstat(fd, &st) == 0, "%s", strerror(errno));
		m->wrong += (st.st_mode & 0777) != 0640;
		close(fd);
		unlink("made");
	}
	return NULL;
}

/* The caller's umask and signal mask are what they were, at any time. */
static void leaves_masks_alone(void)
{
	struct maker m = { .wrong = 0 };
	sigset_t all, now;

	umask(026);
	sigfillset(&all);
	CHECK(pthread_sigmask(SIG_SETMASK, &all, NULL) == 0, "no mask");
	CHECK(pthread_sigmask(SIG_SETMASK, NULL, &all) == 0, "no mask");
	CHECK(pthread_create(&m.thread, NULL, make_files, &m) == 0, "no thread");
	for (int i = 0; i < 40; i++)
		expect_exit(start(CONFIG("sh", "-c", "exit $(umask | grep -c 0026)")), 1);
	m.stop = true;
	pthread_join(m.thread, NULL);
	CHECK(!m.wrong, "%d files of another mode", m.wrong);
	CHECK(pthread_sigmask(SIG_SETMASK, NULL, &now) == 0, "no mask");
	for (int sig = 1; sig < NSIG; sig++)
		CHECK(sigismember(&now, sig) == sigismember(&all, sig), "signal %d", sig);
}

static void collect(void *arg, const char *data, size_t len)
{
	struct output *o = arg;

	if (len < sizeof o->text - 1 - o->len) {
		memcpy(o->text + o->len, data, len);
		o->len += len;
	}
}

static void trace_and_log(void)
{
	struct output trace = { .len = 0 }, log = { .len = 0 };
	struct hl_config *cfg = CONFIG("sh", "-c", "kill -SEGV $$");

	hl_config_set_trace(cfg, HL_TRACE_TEXT, collect, &trace);
	hl_config_set_log(cfg, 1, collect, &log);
	struct hl_result res = finish(start(cfg));
	CHECK(res.end == HL_SIGNALED && res.status == SIGSEGV, "end %d, status %d", res.end,
	      res.status);
	CHECK(strstr(trace.text, "+++ killed by SIGSEGV"), "%s", trace.text);
	CHECK(strstr(log.text, "dies of SIGSEGV") && strstr(log.text, "rip "), "%s", log.text);
}

/* ---- pauses ---- */

/* A guest that writes for ever, through two processes, as fast as the pipe takes it. */
struct writer {
	struct hl_sandbox *sb;
	int out; /* the reading end, which does not wait */
};

static struct writer start_writer(void)
{
	int out[2];

	CHECK(pipe2(out, O_CLOEXEC) == 0, "pipe");
	struct hl_config *cfg = CONFIG("sh", "-c", "while :; do echo x; done | cat");
	hl_config_set_stdio(cfg, 0, out[1], 2);
	struct writer w = { start(cfg), out[0] };
	close(out[1]);
	CHECK(fcntl(w.out, F_SETFL, O_NONBLOCK) == 0, "O_NONBLOCK");
	return w;
}

static void pause_it(struct hl_sandbox *sb)
{
	struct hl_error *err = NULL;

	CHECK(hl_sandbox_pause(sb, &err) == 0, "%s", hl_error_text(err));
}

static void resume_it(struct hl_sandbox *sb)
{
	struct hl_error *err = NULL;

	CHECK(hl_sandbox_resume(sb, &err) == 0, "%s", hl_error_text(err));
}

static void drain(int fd)
{
	char buf[4096];

	while (read(fd, buf, sizeof buf) > 0)
		;
	CHECK(errno == EAGAIN, "%s", strerror(errno));
}

static void expect_movement(struct writer *w)
{
	struct pollfd p = { w->out, POLLIN, 0 };

	drain(w->out);
	CHECK(poll(&p, 1, 30000) == 1, "nothing moves");
}

/* The pipe has room and the guest wants nothing more than to write. For as long as three other
 * sandboxes take from start to end it does not, and makes no call. */
static void expect_stillness(struct writer *w)
{
	struct pollfd p = { w->out, POLLIN, 0 };
	struct hl_stats before, after;

	drain(w->out);
	hl_sandbox_stats(w->sb, &before);
	for (int i = 0; i < 3; i++)
		expect_exit(start(CONFIG("true")), 0);
	hl_sandbox_stats(w->sb, &after);
	CHECK(poll(&p, 1, 0) == 0, "something was written");
	CHECK(after.entries == before.entries, "%lu entries into the guest",
	      after.entries - before.entries);
}

static void pause_and_resume(void)
{
	struct writer w = start_writer();
	struct hl_result res;

	for (int i = 0; i < 20; i++) {
		expect_movement(&w);
		pause_it(w.sb);
		expect_stillness(&w);
		hl_sandbox_wait(w.sb, 0, &res, NULL);
		CHECK(res.end == HL_RUNNING && !res.stopped, "end %d", res.end);
		resume_it(w.sb);
	}
	expect_movement(&w);
	hl_sandbox_free(w.sb);
	close(w.out);
}

static void pauses_add_up(void)
{
	struct writer w = start_writer();
	struct hl_error *err = NULL;

	CHECK(hl_sandbox_resume(w.sb, &err) == -1 && hl_error_code(err) == HL_STATE, "%s",
	      hl_error_text(err));
	hl_error_free(err);
	pause_it(w.sb);
	pause_it(w.sb);
	resume_it(w.sb);
	expect_stillness(&w);
	resume_it(w.sb);
	expect_movement(&w);
	CHECK(hl_sandbox_resume(w.sb, NULL) == -1, "one resume too many");
	hl_sandbox_free(w.sb);
	close(w.out);
}

/* What comes for a sleeper while it is paused is there when it goes on. */
static void pause_of_a_sleeper(void)
{
	int in[2], out[2];
	char buf[8];

	CHECK(pipe2(in, O_CLOEXEC) == 0 && pipe2(out, O_CLOEXEC) == 0, "pipe");
	struct hl_config *cfg = CONFIG("cat");
	hl_config_set_stdio(cfg, in[0], out[1], 2);
	struct hl_sandbox *sb = start(cfg);
	CHECK(write(in[1], "a", 1) == 1 && read(out[0], buf, sizeof buf) == 1, "cat");
	for (int i = 0; i < 100; i++) {
		struct pollfd p = { out[0], POLLIN, 0 };
		pause_it(sb);
		CHECK(write(in[1], "b", 1) == 1, "write");
		CHECK(poll(&p, 1, 0) == 0, "it was not paused");
		resume_it(sb);
		CHECK(read(out[0], buf, sizeof buf) == 1 && buf[0] == 'b', "read");
	}
	close(in[0]);
	close(in[1]);
	expect_exit(sb, 0);
	close(out[0]);
	close(out[1]);
}

static void end_while_paused(void)
{
	struct hl_error *err = NULL;
	struct writer w = start_writer();

	pause_it(w.sb);
	hl_sandbox_kill(w.sb);
	struct hl_result res;
	CHECK(hl_sandbox_wait(w.sb, 60000, &res, &err) == 0, "%s", hl_error_text(err));
	CHECK(res.end == HL_KILLED, "end %d", res.end);
	resume_it(w.sb);
	pause_it(w.sb); /* of one that has ended */
	hl_sandbox_free(w.sb);
	close(w.out);

	w = start_writer();
	pause_it(w.sb);
	CHECK(hl_sandbox_signal(w.sb, SIGKILL, &err) == 0, "%s", hl_error_text(err));
	res = finish(w.sb);
	CHECK(res.end == HL_SIGNALED && res.status == SIGKILL, "end %d", res.end);
	close(w.out);

	w = start_writer();
	pause_it(w.sb);
	hl_sandbox_free(w.sb);
	close(w.out);

	struct hl_config *cfg = CONFIG("sleep", "1000");
	hl_config_set_timeout(cfg, 300);
	struct hl_sandbox *sb = start(cfg);
	pause_it(sb);
	res = finish(sb);
	CHECK(res.end == HL_EXPIRED, "end %d", res.end);
}

/* ---- resets ---- */

static void read_line(int fd, char *line, size_t size)
{
	size_t n = 0;

	while (n < size - 1 && (n == 0 || line[n - 1] != '\n'))
		CHECK(read(fd, line + n++, 1) == 1, "no line");
	line[n] = '\0';
}

static void expect_line(int fd, const char *want)
{
	char line[256];

	read_line(fd, line, sizeof line);
	CHECK(strcmp(line, want) == 0, "%s instead of %s", line, want);
}

static void ask(int in, int out, const char *what, const char *want)
{
	CHECK(write(in, what, strlen(what)) == (ssize_t)strlen(what), "write");
	expect_line(out, want);
}

/* A shell that does what it is told, and its pipes. */
struct shell {
	int in[2], out[2];
	struct hl_config *cfg;
};

static const char shell_script[] = "x=0; echo ready; while read -r line; do eval \"$line\"; done";
static const char shell_look[] =
    "x=$((x+1)); echo $x $UNSET $(ls /dev/shm | wc -l) $(ls /proc/self/fd | wc -l)\n";

static const char shell_args[] = "exec 4<>/dev/hl; echo args >&4; tr '\\0' '\\n' <&4; exec 4>&-\n";

static void shell_new(struct shell *s)
{
	CHECK(pipe2(s->in, O_CLOEXEC) == 0 && pipe2(s->out, O_CLOEXEC) == 0, "pipe");
	s->cfg = CONFIG("dash", "-c", shell_script);
	hl_config_set_stdio(s->cfg, s->in[0], s->out[1], 2);
}

static void shell_ask(const struct shell *s, const char *what, const char *want)
{
	ask(s->in[1], s->out[0], what, want);
}

static void shell_free(struct shell *s)
{
	hl_config_free(s->cfg);
	for (int i = 0; i < 2; i++)
		close(s->in[i]), close(s->out[i]);
}

/* One that has said that it is ready. */
static struct hl_snapshot *shell_snapshot(const struct shell *s)
{
	char file[] = "/tmp/hl-reset.XXXXXX";
	struct hl_snapshot *snap;
	struct hl_error *err = NULL;
	struct hl_sandbox *sb;

	close(mkstemp(file));
	CHECK(hl_sandbox_start(s->cfg, &sb, &err) == 0, "%s", hl_error_text(err));
	expect_line(s->out[0], "ready\n");
	CHECK(hl_sandbox_save(sb, file, &err) == 0, "%s", hl_error_text(err));
	CHECK(hl_sandbox_reset(sb, &err) && hl_error_code(err) == HL_STATE, "reset");
	hl_error_free(err);
	err = NULL;
	hl_sandbox_free(sb);
	CHECK(hl_snapshot_open(file, &snap, &err) == 0, "%s", hl_error_text(err));
	unlink(file);
	return snap;
}

static const char *const shell_runs[] = {
	"secret=abcdefghij; x=7; echo $x\n",
	"exec 9>/dev/shm/left; echo a >&9; cd /dev/shm; ulimit -c 0; echo 7\n",
	"sleep 1000 & kill -0 $! && echo 7\n",
	"y=$(seq 1 20000); set -- $y; echo 7\n",
	"trap '' TERM; umask 0; exec 3</dev/null; UNSET=set; echo 7\n",
	"echo 7; exit 3\n",
	"echo 7; exec cat\n",
};
#define NR_SHELL_RUNS (sizeof shell_runs / sizeof *shell_runs)

/* Whatever a run did, the next one finds the program as it was saved, whether it was still running
 * or had ended. */
static void resets(void)
{
	struct shell s;
	struct hl_error *err = NULL;
	struct hl_sandbox *sb;

	shell_new(&s);
	struct hl_snapshot *snap = shell_snapshot(&s);
	hl_config_set_resettable(s.cfg, true);
	CHECK(hl_sandbox_restore(s.cfg, snap, &sb, &err) == 0, "%s", hl_error_text(err));
	shell_ask(&s, shell_look, "1 0 4\n");
	for (size_t i = 0; i < 4 * NR_SHELL_RUNS; i++) {
		CHECK(hl_sandbox_reset(sb, &err) == 0, "%s", hl_error_text(err));
		shell_ask(&s, shell_runs[i % NR_SHELL_RUNS], "7\n");
		CHECK(hl_sandbox_reset(sb, &err) == 0, "%s", hl_error_text(err));
		shell_ask(&s, shell_look, "1 0 4\n");
	}
	hl_sandbox_free(sb);
	hl_snapshot_close(snap);
	shell_free(&s);
}

/* ---- directories in memory ---- */

static const char tree_script[] =
    "cd /dev/shm; mkdir -p one/two/three one/empty; echo x >one/file; echo y >one/two/three/deep; "
    "cd /; echo ready; while read -r line; do eval \"$line\"; done";

/* Names, numbers, kinds, links and modes. */
static const char tree_look[] = "find /dev/shm -printf '%P %i %y %n %m\\n' | sort | cksum\n";

static const char *const tree_runs[] = {
	"mkdir -p /dev/shm/new/er; echo z >/dev/shm/new/er/file; echo 7\n",
	"rm -r /dev/shm/one; echo 7\n",
	"cd /dev/shm; mv one/two/three .; mv one three; echo 7\n",
	"cd /dev/shm; rm -r one/two; echo file >one/two; mkdir one/file.d; echo 7\n",
	"cd /dev/shm; rm one/file; mkdir one/file; mv one/two one/file; echo 7\n",
	"cd /dev/shm; mkdir x; mv one/two x; rm -r one; mv x one; chmod 700 one; echo 7\n",
	"cd /dev/shm; mv one/two one/second; mv one/empty one/two; exec 9<one; echo 7\n",
	"d=/dev/shm; for i in $(seq 200); do d=$d/d; mkdir $d; done; mv /dev/shm/one $d; echo 7\n",
	"mkdir /dev/made; rmdir /dev/shm/one/empty; echo 7\n",
};
#define NR_TREE_RUNS (sizeof tree_runs / sizeof *tree_runs)

/* A program of `script` is saved, and a copy of it does each run, twice over: behind a reset `look`
 * says what it said first, which *want gets, and `ask`, unless it is NULL, `answer`. */
static struct hl_snapshot *resets_after(struct shell *s, const char *script, const char *look,
					const char *const *runs, size_t nr, char want[256],
					const char *ask, const char *answer)
{
	struct hl_error *err = NULL;
	struct hl_sandbox *sb;

	shell_new(s);
	hl_config_free(s->cfg);
	s->cfg = CONFIG("dash", "-c", script);
	hl_config_set_stdio(s->cfg, s->in[0], s->out[1], 2);
	struct hl_snapshot *snap = shell_snapshot(s);
	hl_config_set_resettable(s->cfg, true);
	CHECK(hl_sandbox_restore(s->cfg, snap, &sb, &err) == 0, "%s", hl_error_text(err));
	CHECK(write(s->in[1], look, strlen(look)) > 0, "write");
	read_line(s->out[0], want, 256);
	for (size_t i = 0; i < 2 * nr; i++) {
		CHECK(hl_sandbox_reset(sb, &err) == 0, "%s", hl_error_text(err));
		shell_ask(s, runs[i % nr], "7\n");
		CHECK(hl_sandbox_reset(sb, &err) == 0, "%s: %s", runs[i % nr], hl_error_text(err));
		shell_ask(s, look, want);
		if (ask)
			shell_ask(s, ask, answer);
	}
	hl_sandbox_free(sb);
	return snap;
}

/* However a run has moved, made or removed directories in memory, a reset finds them in place. */
static void resets_of_directories(void)
{
	struct shell s;
	char want[256];
	struct hl_snapshot *snap =
	    resets_after(&s, tree_script, tree_look, tree_runs, NR_TREE_RUNS, want,
			 "ls -d /dev/made 2>/dev/null; cat /dev/shm/one/two/three/deep\n", "y\n");

	hl_snapshot_close(snap);
	shell_free(&s);
}

/* ---- mounts ---- */

/* With mounts of its own, in two namespaces, where it may mount at all. */
static const char mounts_script[] =
    "exec 2>/dev/null; cd /dev/shm; mkdir m n o; mount -t tmpfs one m -o size=1m; echo x >m/file; "
    "mount --bind m n; mount --make-shared m; mkdir m/dir; cd /; "
    "unshare -m sh -c 'mount -t tmpfs two /dev/shm/o; sleep 1000' <&- >&- & "
    "until ! grep -q ' - tmpfs one ' /proc/mounts || nsenter -t $! -m test -e /dev/shm/o; do :; "
    "done; echo ready; while read -r line; do eval \"$line\"; done";

static const char no_mounts_script[] = "exec 2>/dev/null; cd /dev/shm; mkdir m n o; echo x "
				       ">m/file; echo y >n/file; mkdir m/dir; cd /; "
				       "echo ready; while read -r line; do eval \"$line\"; done";

static const char mounts_look[] =
    "{ cat /proc/self/mountinfo; find /dev/shm -printf '%P %y %s %m\\n' | sort; "
    "cat /dev/shm/n/file; df -B1 --output=size /dev/shm; } | cksum\n";

static const char *const mounts_runs[] = {
	"cd /dev/shm; mount -t tmpfs new n; echo x >n/x; echo y >m/y; rm m/file; echo 7\n",
	"umount -l /dev/shm/m; umount -l /dev/shm; echo 7\n",
	"mount -o remount,ro /dev/shm; echo 7\n",
	"mount -o remount,ro,bind /; mount -t tmpfs top /; cd /; mount --move /proc /proc; echo "
	"7\n",
	"cd /dev/shm; mount -t tmpfs p m/dir; mount --bind m/dir m/dir; exec 9>m/dir/f; echo 7\n",
	"cd /dev/shm/m; mkdir low up work; mount -t overlay o dir "
	"-o lowerdir=low,upperdir=up,workdir=work; echo z >dir/z; echo 7\n",
	"unshare -m sh -c 'umount -l /dev/shm; sleep 1000' >&- & echo 7\n",
	"for i in 1 2 3 4 5; do mount -t tmpfs again /dev/shm/m; done; exec 8</dev/shm/m; echo 7\n",
};
#define NR_MOUNTS_RUNS (sizeof mounts_runs / sizeof *mounts_runs)

/* What a copy has mounted, and what is in that, is put back in place. `script`: the program, with
 * mounts of its own or without. */
static void resets_of_mounts_of(const char *script)
{
	struct shell s;
	struct hl_error *err = NULL;
	struct hl_sandbox *sb;
	char want[256];
	struct hl_snapshot *snap =
	    resets_after(&s, script, mounts_look, mounts_runs, NR_MOUNTS_RUNS, want, NULL, NULL);

	struct hl_pool *pool;
	CHECK(hl_pool_new(s.cfg, snap, 1, &pool, &err) == 0, "%s", hl_error_text(err));
	for (size_t i = 0; i < NR_MOUNTS_RUNS; i++) {
		CHECK(hl_pool_take(pool, s.cfg, &sb, &err) == 0, "%s", hl_error_text(err));
		shell_ask(&s, mounts_look, want);
		shell_ask(&s, mounts_runs[i], "7\n");
		hl_pool_give(pool, sb);
	}
	hl_pool_free(pool);
	hl_snapshot_close(snap);
	shell_free(&s);
}

static void resets_of_mounts(void)
{
	resets_of_mounts_of(mounts_script);
	resets_of_mounts_of(no_mounts_script);
}

static const char keys_script[] =
    "exec 2>/dev/null; keyctl new_session >&2; keyctl add user a text @s >&2; "
    "keyctl link @u $(keyctl newring ring @s); keyctl add user b text @u >&2; "
    "echo ready; while read -r line; do eval \"$line\"; done";

static const char keys_look[] =
    "{ keyctl show @s; keyctl print %user:a; keyctl print %user:b; cat /proc/key-users "
    "/proc/sys/kernel/keys/maxkeys; } | cksum\n";

static const char *const keys_runs[] = {
	"keyctl update %user:a other; keyctl revoke %user:b; echo 7\n",
	"keyctl clear @s; keyctl clear @u; echo 7\n",
	"keyctl invalidate %keyring:ring; keyctl timeout %user:a 1; echo 7\n",
	"keyctl new_session >&2; keyctl add user c text @s >&2; keyctl add user b new @u >&2; "
	"echo 7\n",
	"echo 5 >/proc/sys/kernel/keys/maxkeys; unshare -U keyctl add user c text @u >&2; echo 7\n",
};

/* Keys are those of the snapshot again, with their numbers, quotas and rings. */
static void resets_of_keys(void)
{
	struct shell s;
	char want[256];

	hl_snapshot_close(resets_after(&s, keys_script, keys_look, keys_runs,
				       sizeof keys_runs / sizeof *keys_runs, want, NULL, NULL));
	shell_free(&s);
}

/* Copies have things in common, whether they are alike or not, and are started and ended at once;
 * one dies, one is in a world of its own. What was opened may be closed meanwhile, and a copy be
 * reset then. */
static void *start_and_end(void *arg)
{
	const struct hl_snapshot *snap = arg;
	struct hl_error *err = NULL;
	struct hl_sandbox *sb[3];
	struct shell s[3];

	for (size_t round = 0; round < 4; round++) {
		for (size_t i = 0; i < 3; i++) {
			shell_new(&s[i]);
			if (i == 1)
				hl_config_set_network(s[i].cfg, HL_NETWORK_NONE);
			CHECK(hl_sandbox_restore(s[i].cfg, snap, &sb[i], &err) == 0, "%s",
			      hl_error_text(err));
		}
		for (size_t i = 0; i < 3; i++)
			shell_ask(&s[i], shell_look, "1 0 4\n");
		shell_ask(&s[round % 3], "sleep 1000 & kill -9 $!; echo 7\n", "7\n");
		for (size_t i = 0; i < 3; i++) {
			hl_sandbox_free(sb[i]);
			shell_free(&s[i]);
		}
	}
	return NULL;
}

static void copies_in_common(void)
{
	struct hl_error *err = NULL;
	struct hl_sandbox *sb;
	pthread_t threads[4];
	struct shell s;

	shell_new(&s);
	struct hl_snapshot *snap = shell_snapshot(&s);
	for (size_t i = 0; i < 4; i++)
		CHECK(pthread_create(&threads[i], NULL, start_and_end, snap) == 0, "thread");
	for (size_t i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	hl_config_set_resettable(s.cfg, true);
	CHECK(hl_sandbox_restore(s.cfg, snap, &sb, &err) == 0, "%s", hl_error_text(err));
	hl_snapshot_close(snap);
	shell_ask(&s, shell_look, "1 0 4\n");
	CHECK(hl_sandbox_reset(sb, &err) == 0, "%s", hl_error_text(err));
	shell_ask(&s, shell_look, "1 0 4\n");
	hl_sandbox_free(sb);
	shell_free(&s);
}

/* KiB of our own memory. */
static uint64_t own_memory(void)
{
	FILE *f = fopen("/proc/self/status", "re");
	char line[256];
	uint64_t kib = 0;

	CHECK(f, "status");
	while (fgets(line, sizeof line, f))
		if (strncmp(line, "RssAnon:", 8) == 0)
			kib = strtoul(line + 8, NULL, 10);
	fclose(f);
	return kib;
}

#define MANY          1000
#define MANY_AT_LEAST 50   /* where the host has no room for more threads or descriptors */
#define MANY_KVM      50   /* each is a virtual machine */
#define COPY_KIB      1024 /* what one may take of ours; it is 150 to 250 */

/* Sanitizers keep memory of their own beside all that is allocated. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
static const bool is_sanitized = true;
#else
static const bool is_sanitized = false;
#endif

/* A thousand copies at once, each with pipes of its own, answer one after the other. */
static void thousand_copies(void)
{
	static struct {
		struct shell s;
		struct hl_sandbox *sb;
	} copy[MANY];
	const size_t most = strcmp(getenv("HL_TEST_PLATFORM"), "kvm") == 0 ? MANY_KVM : MANY;
	struct hl_error *err = NULL;
	struct rlimit files;
	struct shell s;
	size_t n = 0;

	CHECK(getrlimit(RLIMIT_NOFILE, &files) == 0, "limit");
	files.rlim_cur = files.rlim_max;
	CHECK(setrlimit(RLIMIT_NOFILE, &files) == 0, "limit");
	shell_new(&s);
	struct hl_snapshot *snap = shell_snapshot(&s);
	uint64_t before = own_memory();
	for (; n < most; n++) {
		if (n * 24 + 500 > files.rlim_max)
			break;
		shell_new(&copy[n].s);
		if (hl_sandbox_restore(copy[n].s.cfg, snap, &copy[n].sb, &err) == 0)
			continue;
		CHECK(n >= MANY_AT_LEAST, "copy %zu: %s", n, hl_error_text(err));
		hl_error_free(err);
		shell_free(&copy[n].s);
		break;
	}
	CHECK(n >= MANY_AT_LEAST || n * 24 + 500 > files.rlim_max, "only %zu copies", n);
	uint64_t taken = own_memory() - before;
	CHECK(is_sanitized || taken < n * COPY_KIB, "%zu copies take %lu KiB", n, taken);
	for (size_t i = 0; i < n; i++)
		shell_ask(&copy[i].s, "echo 7\n", "7\n");
	for (size_t i = 0; i < n; i++) {
		hl_sandbox_free(copy[i].sb);
		shell_free(&copy[i].s);
	}
	hl_snapshot_close(snap);
	shell_free(&s);
}

/* Each copy runs where the thread runs that starts it, also where another one was before. */
static void copies_have_cpus(void)
{
	struct hl_error *err = NULL;
	struct hl_sandbox *sb;
	cpu_set_t all, one;
	struct shell s;
	char want[16];

	CHECK(sched_getaffinity(0, sizeof all, &all) == 0, "affinity");
	shell_new(&s);
	struct hl_snapshot *snap = shell_snapshot(&s);
	for (int cpu = 0, tried = 0; cpu < CPU_SETSIZE && tried < 3; cpu++) {
		if (!CPU_ISSET(cpu, &all))
			continue;
		tried++;
		CPU_ZERO(&one);
		CPU_SET(cpu, &one);
		CHECK(sched_setaffinity(0, sizeof one, &one) == 0, "affinity");
		CHECK(hl_sandbox_restore(s.cfg, snap, &sb, &err) == 0, "%s", hl_error_text(err));
		snprintf(want, sizeof want, "%d\n", cpu);
		shell_ask(&s, "grep Cpus_allowed_list /proc/self/status | cut -f2\n", want);
		hl_sandbox_free(sb);
	}
	CHECK(sched_setaffinity(0, sizeof all, &all) == 0, "affinity");
	hl_snapshot_close(snap);
	shell_free(&s);
}

/* A file that copies have found before is looked for again when it has another name. */
static void replaced_libraries(void)
{
	char dir[] = "/tmp/hl-known.XXXXXX", command[256];
	struct hl_error *err = NULL;
	struct hl_sandbox *sb;
	struct shell s;

	CHECK(mkdtemp(dir), "%s", dir);
	snprintf(command, sizeof command, "cp /bin/dash %s/sh", dir);
	CHECK(system(command) == 0, "%s", command);
	shell_new(&s);
	hl_config_free(s.cfg);
	snprintf(command, sizeof command, "%s/sh", dir);
	s.cfg = CONFIG(command, "-c", shell_script);
	hl_config_set_stdio(s.cfg, s.in[0], s.out[1], 2);
	struct hl_snapshot *snap = shell_snapshot(&s);
	for (size_t i = 0; i < 3; i++) {
		CHECK(hl_sandbox_restore(s.cfg, snap, &sb, &err) == 0, "%s", hl_error_text(err));
		shell_ask(&s, shell_look, "1 0 4\n");
		hl_sandbox_free(sb);
	}
	snprintf(command, sizeof command, "mv %s/sh %s/old && echo another >%s/sh", dir, dir, dir);
	CHECK(system(command) == 0, "%s", command);
	CHECK(hl_sandbox_restore(s.cfg, snap, &sb, &err) && strstr(hl_error_text(err), "/sh"), "%s",
	      hl_error_text(err));
	hl_error_free(err);
	err = NULL;
	snprintf(command, sizeof command, "mv %s/old %s/sh", dir, dir);
	CHECK(system(command) == 0, "%s", command);
	CHECK(hl_sandbox_restore(s.cfg, snap, &sb, &err) == 0, "%s", hl_error_text(err));
	shell_ask(&s, shell_look, "1 0 4\n");
	hl_sandbox_free(sb);
	hl_snapshot_close(snap);
	shell_free(&s);
	snprintf(command, sizeof command, "rm -r %s", dir);
	CHECK(system(command) == 0, "%s", command);
}

/* ---- pools ---- */

static struct hl_sandbox *take(struct hl_pool *pool, const struct hl_config *run)
{
	struct hl_error *err = NULL;
	struct hl_sandbox *sb;

	CHECK(hl_pool_take(pool, run, &sb, &err) == 0, "%s", hl_error_text(err));
	return sb;
}

/* More copies at a time than are ready, each with descriptors and arguments of its own; what one
 * has done no other sees. */
static void pools(void)
{
	struct shell s[3];
	struct hl_sandbox *sb[3];
	struct hl_error *err = NULL;
	struct hl_pool *pool;

	for (size_t i = 0; i < 3; i++)
		shell_new(&s[i]);
	struct hl_snapshot *snap = shell_snapshot(&s[0]);
	CHECK(hl_pool_new(s[0].cfg, snap, 2, &pool, &err) == 0, "%s", hl_error_text(err));
	for (size_t i = 1; i < 3; i++)
		hl_config_set_args(s[i].cfg, 1, (const char *[]){ i == 1 ? "one" : "two" });
	for (size_t round = 0; round < NR_SHELL_RUNS; round++) {
		for (size_t i = 0; i < 3; i++) {
			sb[i] = take(pool, i ? s[i].cfg : NULL);
			shell_ask(&s[i], shell_look, "1 0 4\n");
		}
		shell_ask(&s[1], shell_args, "one\n");
		shell_ask(&s[2], shell_args, "two\n");
		shell_ask(&s[round % 3], "mkdir /dev/shm/d && echo 7\n", "7\n");
		for (size_t i = 0; i < 3; i++) {
			shell_ask(&s[i], shell_runs[round], "7\n");
			hl_pool_give(pool, sb[i]);
		}
	}
	sb[0] = take(pool, NULL);
	hl_pool_free(pool);
	shell_ask(&s[0], shell_look, "1 0 4\n");
	hl_sandbox_free(sb[0]);
	hl_snapshot_close(snap);
	for (size_t i = 0; i < 3; i++)
		shell_free(&s[i]);
}

static void *take_and_give(void *arg)
{
	struct hl_pool *pool = arg;
	struct shell s;

	shell_new(&s);
	for (size_t i = 0; i < 2 * NR_SHELL_RUNS; i++) {
		struct hl_sandbox *sb = take(pool, s.cfg);
		shell_ask(&s, shell_look, "1 0 4\n");
		shell_ask(&s, shell_runs[i % NR_SHELL_RUNS], "7\n");
		hl_pool_give(pool, sb);
	}
	shell_free(&s);
	return NULL;
}

static void pool_of_many_threads(void)
{
	struct shell s;
	struct hl_error *err = NULL;
	struct hl_pool *pool;
	pthread_t threads[4];

	shell_new(&s);
	struct hl_snapshot *snap = shell_snapshot(&s);
	CHECK(hl_pool_new(s.cfg, snap, 3, &pool, &err) == 0, "%s", hl_error_text(err));
	for (size_t i = 0; i < 4; i++)
		CHECK(pthread_create(&threads[i], NULL, take_and_give, pool) == 0, "thread");
	for (size_t i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	hl_pool_free(pool);
	hl_snapshot_close(snap);
	shell_free(&s);
}

/* The time limit is the one of each run; what cannot be a pool is refused. */
static void pool_limits(void)
{
	struct shell s;
	struct hl_error *err = NULL;
	struct hl_pool *pool;
	struct hl_result res;

	shell_new(&s);
	struct hl_snapshot *snap = shell_snapshot(&s);
	CHECK(hl_pool_new(s.cfg, snap, 0, &pool, &err) && hl_error_code(err) == HL_INVALID, "none");
	hl_error_free(err);
	hl_config_set_jail(s.cfg, HL_JAIL_PROCESS);
	CHECK(hl_pool_new(s.cfg, snap, 1, &pool, &err) && hl_error_code(err) == HL_INVALID, "jail");
	hl_error_free(err);
	err = NULL;
	hl_config_set_jail(s.cfg, HL_JAIL_THREADS);
	CHECK(hl_pool_new(s.cfg, snap, 1, &pool, &err) == 0, "%s", hl_error_text(err));
	struct hl_config *limited = CONFIG("dash");
	hl_config_set_stdio(limited, s.in[0], s.out[1], 2);
	hl_config_set_timeout(limited, 10);
	struct hl_sandbox *sb = take(pool, limited);
	CHECK(hl_sandbox_wait(sb, HL_FOREVER, &res, &err) == 0, "%s", hl_error_text(err));
	CHECK(res.end == HL_EXPIRED, "%d", res.end);
	hl_pool_give(pool, sb);
	sb = take(pool, NULL);
	shell_ask(&s, "sleep 0.1; echo 7\n", "7\n");
	CHECK(hl_sandbox_wait(sb, 0, &res, &err) && hl_error_code(err) == HL_TIMED_OUT, "it ended");
	hl_error_free(err);
	hl_pool_give(pool, sb);
	hl_pool_free(pool);
	hl_snapshot_close(snap);
	hl_config_free(limited);
	shell_free(&s);
}

/* A signal waits for the resume, and ends the sleep then. */
static void signal_while_paused(void)
{
	struct hl_sandbox *sb = start(CONFIG("sh", "-c",
					     "trap 'exit 9' USR1; kill -STOP $$; "
					     "sleep 1000 & wait"));
	struct pollfd p = { hl_sandbox_event_fd(sb), POLLIN, 0 };
	struct hl_result res;

	CHECK(poll(&p, 1, 30000) == 1, "no event");
	hl_sandbox_wait(sb, 0, &res, NULL);
	CHECK(res.stopped, "end %d", res.end);
	pause_it(sb);
	CHECK(hl_sandbox_signal(sb, SIGUSR1, NULL) == 0, "USR1");
	CHECK(hl_sandbox_signal(sb, SIGCONT, NULL) == 0, "CONT");
	expect_exit(start(CONFIG("true")), 0);
	CHECK(hl_sandbox_wait(sb, 0, &res, NULL) == -1 && res.end == HL_RUNNING, "it has ended");
	resume_it(sb);
	expect_exit(sb, 9);
}

static void add_calls(void *arg, const struct hl_call_stats *c)
{
	*(uint64_t *)arg += c->calls;
}

static void counters(void)
{
	struct hl_config *cfg = CONFIG("true");
	struct hl_error *err = NULL;
	struct hl_stats s;
	uint64_t calls = 0;

	hl_config_set_stats(cfg, true);
	struct hl_sandbox *sb = start(cfg);
	CHECK(hl_sandbox_wait(sb, 60000, NULL, &err) == 0, "%s", hl_error_text(err));
	hl_sandbox_stats(sb, &s);
	hl_sandbox_each_call(sb, add_calls, &calls);
	CHECK(calls == s.syscalls && calls > 10, "%lu calls, %lu counted", calls, s.syscalls);
	CHECK(s.entries == s.syscalls + s.faults + s.exceptions + s.interrupts,
	      "%lu entries for %lu+%lu+%lu+%lu", s.entries, s.syscalls, s.faults, s.exceptions,
	      s.interrupts);
	hl_sandbox_free(sb);
}

/* Two reports at once, after and before sandboxes, on what auto picks. */
static void host_report(void)
{
	struct hl_host_report *a, *b;
	struct hl_error *err = NULL;
	struct hl_config *cfg = CONFIG("true");
	int fds = count_entries("/proc/self/fd");

	CHECK(hl_host_inspect(&a, &err) == 0 && hl_host_inspect(&b, NULL) == 0, "%s",
	      hl_error_text(err));
	CHECK(a->picked && b->picked && strcmp(a->picked, b->picked) == 0, "one picks %s",
	      a->picked);
	CHECK(a->nr_platforms == 2 && a->nr_checks > 0, "%zu platforms", a->nr_platforms);
	for (size_t i = 0; i < a->nr_platforms; i++) {
		const struct hl_platform_report *p = &a->platforms[i];
		CHECK(p->nr_checks > 2, "%s: %zu checks", p->name, p->nr_checks);
		CHECK(p->usable ? p->round_trip_ns > 100 : p->text[0],
		      "%s: neither cost nor reason", p->name);
		CHECK(strcmp(p->name, a->picked) != 0 || p->usable,
		      "%s is picked and does not work", p->name);
	}
	hl_config_set_platform(cfg, a->picked);
	hl_host_report_free(a);
	hl_host_report_free(b);
	hl_host_report_free(NULL);
	CHECK(count_entries("/proc/self/fd") == fds, "%d descriptors, were %d",
	      count_entries("/proc/self/fd"), fds);
	struct hl_sandbox *sb = start(cfg);
	CHECK(hl_sandbox_wait(sb, 60000, NULL, &err) == 0, "%s", hl_error_text(err));
	hl_sandbox_free(sb);
}

/* ---- worlds ---- */

/* What a sandbox of `cfg` prints. */
static char *output_of(struct hl_config *cfg)
{
	static char text[4096];
	size_t len = 0;
	int p[2];

	CHECK(pipe2(p, O_CLOEXEC) == 0, "pipe");
	hl_config_set_stdio(cfg, -1, p[1], 2);
	struct hl_sandbox *sb = start(cfg);
	close(p[1]);
	for (ssize_t n; (n = read(p[0], text + len, sizeof text - 1 - len)) > 0;)
		len += (size_t)n;
	text[len] = '\0';
	close(p[0]);
	expect_exit(sb, 0);
	return text;
}

static void put_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	CHECK(f && fputs(text, f) >= 0 && fclose(f) == 0, "%s: %s", path, strerror(errno));
}

/* A tree with a shell and one more file, whose text is the tree's name. */
static void make_tree(const char *dir)
{
	char command[256];

	snprintf(command, sizeof command,
		 "mkdir -p %s/bin && cp $(command -v busybox) %s/bin/sh && echo %s >%s/name", dir,
		 dir, dir, dir);
	CHECK(system(command) == 0, "%s", command);
}

static void expect_output(struct hl_config *cfg, const char *expected)
{
	const char *text = output_of(cfg);

	CHECK(strcmp(text, expected) == 0, "'%s', not '%s'", text, expected);
}

static void private_worlds(void)
{
	make_tree("first");
	struct hl_config *cfg =
	    CONFIG("sh", "-c",
		   "read x </name; read y <data/in; echo $x $y $PWD $A $B $HOME; "
		   "echo out >/data/out; echo >/media/ro/x || echo denied");
	CHECK(mkdir("given", 0755) == 0, "mkdir");
	put_file("given/in", "given");
	setenv("B", "secret", 1);
	hl_config_add_env(cfg, "A=added");
	hl_config_set_root(cfg, "first");
	hl_config_add_mount(cfg, "given", "/data", false);
	hl_config_add_mount(cfg, "given/in", "/media/ro/x", true);
	hl_config_add_tmpfs(cfg, "/tmp", 1 << 20);
	hl_config_set_hostname(cfg, "box");
	hl_config_set_user(cfg, "0:0");
	expect_output(cfg, "first given / added /\ndenied\n");
	CHECK(access("given/out", R_OK) == 0 && access("first/data", F_OK) < 0, "files");
}

/* In one process, at the same time, each sees its own. */
static void worlds_are_apart(void)
{
	struct hl_sandbox *sb[3];
	int in[3][2], out[2];
	char text[256];

	make_tree("first");
	make_tree("second");
	CHECK(pipe2(out, O_CLOEXEC) == 0, "pipe");
	for (int i = 0; i < 3; i++) {
		struct hl_config *cfg =
		    CONFIG("sh", "-c", "read x; cat /name 2>/dev/null || echo none");
		CHECK(pipe2(in[i], O_CLOEXEC) == 0, "pipe");
		hl_config_set_stdio(cfg, in[i][0], out[1], 2);
		if (i < 2)
			hl_config_set_root(cfg, i ? "second" : "first");
		sb[i] = start(cfg);
	}
	for (int i = 2; i >= 0; i--) {
		CHECK(write(in[i][1], "\n", 1) == 1, "write");
		expect_exit(sb[i], 0);
		close(in[i][0]);
		close(in[i][1]);
	}
	close(out[1]);
	ssize_t n = read(out[0], text, sizeof text - 1);
	text[n < 0 ? 0 : n] = '\0';
	close(out[0]);
	CHECK(strcmp(text, "none\nsecond\nfirst\n") == 0, "'%s'", text);
}

static void isolated_world(void)
{
	struct hl_config *cfg =
	    CONFIG("sh", "-c", "id -u; hostname; ls /tmp; echo x >/tmp/x; cat /tmp/x");

	hl_config_set_isolate(cfg, true);
	expect_output(cfg, "0\nhl\nx\n");
}

struct heard {
	char text[65536];
	size_t len;
};

static void hear(void *arg, const char *data, size_t len)
{
	struct heard *h = arg;

	CHECK(h->len + len < sizeof h->text, "%zu bytes", h->len + len);
	memcpy(h->text + h->len, data, len);
	h->text[h->len += len] = '\0';
}

static void hear_plan(void *arg, const char *kind, const char *text)
{
	hear(arg, kind, strlen(kind));
	hear(arg, " ", 1);
	hear(arg, text, strlen(text));
	hear(arg, "\n", 1);
}

/* A workspace: what is hidden, what an audit tells of it, and what a plan says before. */
static void workspace(void)
{
	static struct heard plan, audit;
	struct hl_config *cfg = CONFIG("sh", "-c", "cat .env ok; touch /usr/x 2>/dev/null; pwd");
	struct hl_error *err = NULL;
	char dir[PATH_MAX], said[PATH_MAX + 16];

	CHECK(mkdir("work", 0755) == 0 && realpath("work", dir), "%s", strerror(errno));
	CHECK(system("echo secret >work/.env; echo fine >work/ok") == 0, "no files");
	hl_config_set_workspace(cfg, "work");
	hl_config_add_hidden(cfg, "/usr/bin/env");
	hl_config_set_audit(cfg, HL_AUDIT_REFUSED, hear, &audit);
	CHECK(hl_config_check(cfg, &err) == 0, "%s", hl_error_text(err));
	CHECK(hl_config_plan(cfg, hear_plan, &plan, &err) == 0, "%s", hl_error_text(err));
	snprintf(said, sizeof said, "hidden %s/.env\n", dir);
	CHECK(strstr(plan.text, said), "no %s in %s", said, plan.text);
	CHECK(strstr(plan.text, "hidden /usr/bin/env\n"), "%s", plan.text);
	CHECK(!audit.len, "%s", audit.text);
	snprintf(said, sizeof said, "fine\n%s\n", dir);
	expect_output(cfg, said);
	CHECK(strstr(audit.text, "\"refused\":\"hidden\""), "%s", audit.text);
	CHECK(strstr(audit.text, "\"path\":\"/usr/x\",\"errno\":\"EROFS\""), "%s", audit.text);
	cfg = CONFIG("true");
	hl_config_add_hidden(cfg, "relative");
	CHECK(hl_config_check(cfg, &err) && hl_error_code(err) == HL_INVALID, "it is taken");
	hl_error_free(err);
	CHECK(hl_config_plan(cfg, hear_plan, &plan, &err), "a plan of what cannot be");
	hl_error_free(err);
	hl_config_free(cfg);
}

/* As whom this thread asks the host: the lines of Uid, Gid, Groups and capabilities. */
static void read_rights(char rights[1024])
{
	FILE *f = fopen("/proc/thread-self/status", "r");
	char line[256];

	CHECK(f, "%s", strerror(errno));
	*rights = '\0';
	while (fgets(line, sizeof line, f)) {
		if (strstr(line, "Uid") || strstr(line, "Gid") || strstr(line, "Groups") ||
		    strstr(line, "Cap"))
			strncat(rights, line, 1023 - strlen(rights));
	}
	fclose(f);
}

static void expect_refused(struct hl_config *cfg, enum hl_code code, const char *text)
{
	char rights[1024], after[1024];

	read_rights(rights);
	struct hl_error *err = NULL;
	struct hl_sandbox *sb = NULL;
	int fds = count_entries("/proc/self/fd");

	CHECK(hl_sandbox_start(cfg, &sb, &err) == -1 && !sb, "it starts");
	CHECK(hl_error_code(err) == code && strstr(hl_error_text(err), text), "%d: %s",
	      hl_error_code(err), hl_error_text(err));
	hl_error_free(err);
	hl_config_free(cfg);
	CHECK(count_entries("/proc/self/fd") == fds, "descriptors are left");
	read_rights(after);
	CHECK(strcmp(rights, after) == 0, "was %s, is %s", rights, after);
}

/* Wherever a start fails, and after a run, the thread that called has the rights that it had. */
static void leaves_rights_alone(void)
{
	static const struct {
		const char *program, *workdir;
		enum hl_code code;
	} bad[] = {
		{ "true", "/nowhere", HL_SYSTEM },       { "/etc/hosts/x", NULL, HL_NOT_EXEC },
		{ "nosuchprogram", NULL, HL_NOT_FOUND }, { "/host/data", NULL, HL_NOT_EXEC },
		{ "/host/text", NULL, HL_NOT_EXEC },
	};

	put_file("data", "neither a program nor a script\n");
	put_file("text", "#!/nosuchinterpreter\n");
	CHECK(chmod("data", 0644) == 0 && chmod("text", 0755) == 0, "%s", strerror(errno));
	expect_exit(start(CONFIG("true")), 0); /* what is kept once is kept by now */
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct hl_config *cfg = CONFIG(bad[i].program);
		hl_config_set_isolate(cfg, true);
		hl_config_set_user(cfg, "1000:1000");
		hl_config_add_mount(cfg, ".", NULL, false);
		if (bad[i].workdir)
			hl_config_set_workdir(cfg, bad[i].workdir);
		expect_refused(cfg, bad[i].code, "");
	}
	struct hl_config *cfg = CONFIG("true");
	char rights[1024], after[1024];
	hl_config_set_isolate(cfg, true);
	hl_config_set_user(cfg, "1000:1000");
	read_rights(rights);
	expect_exit(start(cfg), 0);
	read_rights(after);
	CHECK(strcmp(rights, after) == 0, "was %s, is %s", rights, after);
}

static void worlds_that_cannot_be(void)
{
	struct hl_config *cfg = CONFIG("true");

	expect_exit(start(CONFIG("true")), 0); /* what is kept once is kept by now */
	hl_config_set_root(cfg, "nowhere");
	expect_refused(cfg, HL_SYSTEM, "nowhere");
	cfg = CONFIG("true");
	hl_config_add_mount(cfg, "nowhere", NULL, false);
	expect_refused(cfg, HL_SYSTEM, "nowhere");
	cfg = CONFIG("true");
	hl_config_add_mount(cfg, "/", "/usr/x", false);
	expect_refused(cfg, HL_INVALID, "/usr/x");
	cfg = CONFIG("true");
	hl_config_add_tmpfs(cfg, "tmp", 0);
	expect_refused(cfg, HL_INVALID, "tmp");
	cfg = CONFIG("true");
	hl_config_set_user(cfg, "a:b:c");
	expect_refused(cfg, HL_INVALID, "a:b:c");
	cfg = CONFIG("true");
	hl_config_set_isolate(cfg, true);
	hl_config_set_user(cfg, "nosuch");
	expect_refused(cfg, HL_SYSTEM, "nosuch");
	cfg = CONFIG("true");
	hl_config_set_isolate(cfg, true);
	hl_config_set_root(cfg, "/");
	expect_refused(cfg, HL_INVALID, "--root");
	cfg = CONFIG("true");
	hl_config_set_hostname(cfg, "");
	expect_refused(cfg, HL_INVALID, "host name");
	/* so small a part of a CPU could not be kept to */
	cfg = CONFIG("true");
	hl_config_set_limit(cfg, HL_LIMIT_CPUS, 9);
	expect_refused(cfg, HL_INVALID, "CPUs");
	cfg = CONFIG("true");
	hl_config_set_limit(cfg, HL_NR_LIMITS, 1);
	expect_refused(cfg, HL_INVALID, "no such limit");
}

/* A listener of this process's own, and its port. */
static int host_listener(char port[16])
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof a;
	int s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	CHECK(s >= 0 && !bind(s, (struct sockaddr *)&a, sizeof a) && !listen(s, 8) &&
		  !getsockname(s, (struct sockaddr *)&a, &len),
	      "%s", strerror(errno));
	snprintf(port, 16, "%d", ntohs(a.sin_port));
	return s;
}

/* Exits with the errno of a connection to ADDRESS PORT, or 0. */
static struct hl_config *connects(const char *address, const char *port)
{
	return CONFIG("python3", "-c",
		      "import socket, sys\n"
		      "s = socket.socket(socket.AF_INET, socket.SOCK_STREAM)\n"
		      "sys.exit(s.connect_ex((sys.argv[1], int(sys.argv[2]))))",
		      address, port);
}

/* Listens at a port that others have, too, and talks to itself there. */
static struct hl_config *listens(const char *port)
{
	return CONFIG("python3", "-c",
		      "import socket, sys\n"
		      "s = socket.socket()\n"
		      "s.bind(('127.0.0.1', int(sys.argv[1])))\n"
		      "s.listen()\n"
		      "c = socket.create_connection(s.getsockname())\n"
		      "c.sendall(b'x')\n"
		      "sys.exit(s.accept()[0].recv(2) != b'x')",
		      port);
}

static void networks(void)
{
	struct hl_sandbox *sb[2];
	char port[16], other[16], rule[64];
	int s = host_listener(port), t = host_listener(other);
	struct hl_config *cfg = connects("127.0.0.1", port);

	hl_config_set_network(cfg, HL_NETWORK_HOST);
	expect_exit(start(cfg), 0);
	cfg = connects("127.0.0.1", port);
	hl_config_set_network(cfg, HL_NETWORK_NONE);
	expect_exit(start(cfg), ECONNREFUSED);
	cfg = connects("192.0.2.1", "9");
	hl_config_set_network(cfg, HL_NETWORK_NONE);
	expect_exit(start(cfg), ENETUNREACH);
	/* one may be reached, the other may not */
	snprintf(rule, sizeof rule, "127.0.0.1:%s", port);
	cfg = connects("127.0.0.1", port);
	hl_config_allow_network(cfg, rule);
	expect_exit(start(cfg), 0);
	cfg = connects("127.0.0.1", other);
	hl_config_allow_network(cfg, rule);
	expect_exit(start(cfg), EACCES);
	cfg = connects("127.0.0.1", port);
	hl_config_block_network(cfg, rule);
	expect_exit(start(cfg), EACCES);
	/* two of them at once at the host's own port, which is in use */
	for (int i = 0; i < 2; i++) {
		cfg = listens(port);
		hl_config_set_network(cfg, HL_NETWORK_NONE);
		sb[i] = start(cfg);
	}
	expect_exit(sb[0], 0);
	expect_exit(sb[1], 0);
	close(s);
	close(t);
}

/* Does the host let this user make a network namespace? */
static bool may_make_networks(void)
{
	int status;
	pid_t pid = fork();

	if (!pid)
		_exit(unshare(CLONE_NEWNET) && unshare(CLONE_NEWUSER | CLONE_NEWNET));
	CHECK(pid > 0 && waitpid(pid, &status, 0) == pid, "%s", strerror(errno));
	return status == 0;
}

static void network_of_the_kernel(void)
{
	struct hl_sandbox *sb[2];
	char port[16];
	int s = host_listener(port);
	struct hl_config *cfg;

	expect_exit(start(CONFIG("true")), 0); /* what is kept once is kept by now */
	int before = count_entries("/proc/self/fd");
	if (!may_make_networks()) {
		cfg = CONFIG("true");
		hl_config_set_network(cfg, HL_NETWORK_NAMESPACE);
		expect_refused(cfg, HL_SYSTEM, "namespace");
		return;
	}
	for (int i = 0; i < 2; i++) {
		cfg = listens(port);
		hl_config_set_network(cfg, HL_NETWORK_NAMESPACE);
		sb[i] = start(cfg);
	}
	expect_exit(sb[0], 0);
	expect_exit(sb[1], 0);
	cfg = connects("127.0.0.1", port);
	hl_config_set_network(cfg, HL_NETWORK_NAMESPACE);
	expect_exit(start(cfg), ECONNREFUSED);
	CHECK(count_entries("/proc/self/fd") == before, "descriptors stay");
	close(s);
}

/* VmSize of a process, in KiB; 0: it is gone. */
static long memory_of(const char *pid)
{
	char path[300], line[128];
	long kib = 0;

	snprintf(path, sizeof path, "/proc/%s/status", pid);
	FILE *f = fopen(path, "r");
	while (f && fgets(line, sizeof line, f))
		if (sscanf(line, "VmSize: %ld kB", &kib) == 1)
			break;
	if (f)
		fclose(f);
	return kib;
}

static bool same_link(const char *pid, const char *name)
{
	char path[300], theirs[256], ours[256];
	ssize_t n, m;

	snprintf(path, sizeof path, "/proc/%s/%s", pid, name);
	n = readlink(path, theirs, sizeof theirs);
	snprintf(path, sizeof path, "/proc/self/%s", name);
	m = readlink(path, ours, sizeof ours);
	return n > 0 && n == m && memcmp(theirs, ours, (size_t)n) == 0;
}

/* Who holds the network has none of the memory of the program that embeds the library. */
static void network_holder_is_small(void)
{
	const size_t size = 256UL << 20;
	struct hl_config *cfg = CONFIG("sleep", "1000");
	int found = 0;

	/* Only root sees whose network is whose. */
	if (geteuid() != 0 || !may_make_networks())
		return;
	char *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	CHECK(p != MAP_FAILED, "%s", strerror(errno));
	hl_config_set_network(cfg, HL_NETWORK_NAMESPACE);
	struct hl_sandbox *sb = start(cfg);
	DIR *d = opendir("/proc");
	for (struct dirent *e; (e = readdir(d));) {
		if (!same_link(e->d_name, "exe") || same_link(e->d_name, "ns/net"))
			continue;
		long kib = memory_of(e->d_name);
		CHECK(kib < 128L << 10, "process %s has %ld KiB", e->d_name, kib);
		found += kib > 0;
	}
	closedir(d);
	CHECK(found > 0, "nobody holds the network");
	hl_sandbox_kill(sb);
	CHECK(finish(sb).end == HL_KILLED, "it was not killed");
	munmap(p, size);
}

static void networks_that_cannot_be(void)
{
	char port[16], ports[32];
	int s = host_listener(port);
	struct hl_config *cfg = CONFIG("true");

	hl_config_publish(cfg, "no port");
	expect_refused(cfg, HL_INVALID, "no port");
	cfg = CONFIG("true");
	hl_config_allow_network(cfg, "1.2.3.4/33");
	expect_refused(cfg, HL_INVALID, "1.2.3.4/33");
	cfg = CONFIG("true");
	hl_config_block_network(cfg, "no-such-name.invalid");
	expect_refused(cfg, HL_SYSTEM, "no-such-name.invalid");
	cfg = CONFIG("true");
	hl_config_set_network(cfg, HL_NETWORK_NONE);
	hl_config_allow_network(cfg, "127.0.0.1");
	expect_refused(cfg, HL_INVALID, "--net-allow");
	cfg = CONFIG("true");
	hl_config_publish(cfg, "8080:80");
	expect_refused(cfg, HL_INVALID, "--publish");
	cfg = CONFIG("true");
	hl_config_set_network(cfg, HL_NETWORK_NONE);
	snprintf(ports, sizeof ports, "%s:80", port);
	hl_config_publish(cfg, ports);
	expect_refused(cfg, HL_SYSTEM, ports);
	close(s);
}

static struct hl_config *in_archive(const char *path, const char *program)
{
	struct hl_config *cfg = CONFIG(program, "true");

	hl_config_set_initrd(cfg, path);
	return cfg;
}

static void not_in_archive(const char *path, const char *program, enum hl_code code)
{
	struct hl_config *cfg = in_archive(path, program);
	struct hl_sandbox *sb = NULL;
	struct hl_error *err = NULL;

	CHECK(hl_sandbox_start(cfg, &sb, &err) == -1 && hl_error_code(err) == code, "%s",
	      hl_error_text(err));
	hl_error_free(err);
	hl_config_free(cfg);
}

/* Made, and the root of sandboxes, without a name on the host. */
static void archive(void)
{
	struct hl_initrd *a = hl_initrd_new();
	struct hl_error *err = NULL;
	char path[64];
	int fd = memfd_create("archive", MFD_CLOEXEC);

	CHECK(a && fd >= 0, "no memory");
	hl_initrd_set_newest(a, 1000);
	CHECK(hl_initrd_add(a, "/no/such/file", "/x", &err) == -1, "added");
	CHECK(hl_error_code(err) == HL_SYSTEM && strstr(hl_error_text(err), "/no/such/file"), "%s",
	      hl_error_text(err));
	hl_error_free(err);
	CHECK(hl_initrd_add(a, "/proc/self/exe", "/../x", NULL) == -1, "added");
	/* This program: it is dynamic, and its interpreter is not there. */
	CHECK(hl_initrd_add(a, "/proc/self/exe", "/bin/self", &err) == 0, "%s", hl_error_text(err));
	CHECK(hl_initrd_add(a, "/bin/busybox", NULL, &err) == 0, "%s", hl_error_text(err));
	CHECK(hl_initrd_write(a, fd, &err) == 0, "%s", hl_error_text(err));
	hl_initrd_free(a);
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	not_in_archive("/no/such/archive", "/bin/busybox", HL_SYSTEM);
	not_in_archive(path, "/bin/none", HL_NOT_FOUND);
	not_in_archive(path, "/bin/self", HL_NOT_EXEC);
	int fds = count_entries("/proc/self/fd");
	for (int i = 0; i < 5; i++) {
		struct hl_result res = finish(start(in_archive(path, "/bin/busybox")));
		CHECK(res.end == HL_EXITED && res.status == 0, "%d %d", res.end, res.status);
	}
	CHECK(count_entries("/proc/self/fd") == fds, "%d descriptors, were %d",
	      count_entries("/proc/self/fd"), fds);
	close(fd);
}

static const struct {
	const char *name;
	void (*run)(void);
} cases[] = {
	{ "exit-status", exit_status },
	{ "two-at-once", two_at_once },
	{ "from-many-threads", from_many_threads },
	{ "500-in-turn", turn_500 },
	{ "2000-leak-nothing", leaks_nothing },
	{ "errors", errors },
	{ "kill", kill_it },
	{ "free-while-running", free_while_running },
	{ "left-behind", left_behind },
	{ "freed-in-time", freed_in_time },
	{ "time-limit", time_limit },
	{ "signals", signals },
	{ "stop-and-continue", stop_and_continue },
	{ "event-at-end", event_at_end },
	{ "background-ends", background_ends },
	{ "leaves-host-alone", leaves_host_alone },
	{ "leaves-masks-alone", leaves_masks_alone },
	{ "leaves-rights-alone", leaves_rights_alone },
	{ "trace-and-log", trace_and_log },
	{ "pause-and-resume", pause_and_resume },
	{ "pauses-add-up", pauses_add_up },
	{ "pause-of-a-sleeper", pause_of_a_sleeper },
	{ "end-while-paused", end_while_paused },
	{ "signal-while-paused", signal_while_paused },
	{ "resets", resets },
	{ "resets_of_directories", resets_of_directories },
	{ "resets_of_mounts", resets_of_mounts },
	{ "resets_of_keys", resets_of_keys },
	{ "copies-in-common", copies_in_common },
	{ "replaced-libraries", replaced_libraries },
	{ "thousand-copies", thousand_copies },
	{ "copies-have-cpus", copies_have_cpus },
	{ "pools", pools },
	{ "pool-of-many-threads", pool_of_many_threads },
	{ "pool-limits", pool_limits },
	{ "counters", counters },
	{ "host-report", host_report },
	{ "private-worlds", private_worlds },
	{ "worlds-are-apart", worlds_are_apart },
	{ "isolated-world", isolated_world },
	{ "worlds-that-cannot-be", worlds_that_cannot_be },
	{ "networks", networks },
	{ "network-of-the-kernel", network_of_the_kernel },
	{ "network-holder-is-small", network_holder_is_small },
	{ "networks-that-cannot-be", networks_that_cannot_be },
	{ "workspace", workspace },
	{ "archive", archive },
};

int main(int argc, char **argv)
{
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		if (argc < 2) {
			puts(cases[i].name);
		} else if (strcmp(argv[1], cases[i].name) == 0) {
			cases[i].run();
			return 0;
		}
	}
	return argc < 2 ? 0 : 2;
}
