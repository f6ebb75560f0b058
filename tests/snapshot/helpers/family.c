/* SPDX-License-Identifier: Apache-2.0 */
/*
 * family DIR PLATFORM: many copies of one open snapshot in one process, one after another, at the
 * same time, and when what they share has been killed. Whichever thread starts one, it sees the
 * same of itself, and has the CPUs of who started it; and no thread of ours is confined twice.
 */
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hl.h"

#define PATIENCE_MS 60000
#define THREADS     6
#define EACH        6

static const char *platform;
static struct hl_snapshot *snap;

struct copy {
	struct hl_sandbox *sb;
	int in, out;
};

static void fail(const char *what, struct hl_error *err)
{
	fprintf(stderr, "FAIL %s: %s\n", what, err ? hl_error_text(err) : "");
	exit(1);
}

/* Without a snapshot the program itself: a shell that does what it reads. */
static void start(struct copy *c)
{
	static const char *const args[] = { "sh", "-c", "while read -r x; do eval \"$x\"; done" };
	struct hl_config *cfg = hl_config_new();
	struct hl_error *err = NULL;
	int in[2], out[2];

	if (!cfg || pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC))
		fail("set up", NULL);
	hl_config_set_platform(cfg, platform);
	hl_config_set_stdio(cfg, in[0], out[1], 2);
	hl_config_set_jail(cfg, HL_JAIL_THREADS);
	if (!snap)
		hl_config_set_args(cfg, 3, args);
	if (snap ? hl_sandbox_restore(cfg, snap, &c->sb, &err)
		 : hl_sandbox_start(cfg, &c->sb, &err))
		fail("start", err);
	hl_config_free(cfg);
	close(in[0]);
	close(out[1]);
	c->in = in[1];
	c->out = out[0];
}

/* What it says to a command, up to a line "."; to be freed. */
static char *ask(struct copy *c, const char *command)
{
	char *answer = calloc(1, 4096);
	size_t n = 0;

	if (!answer || dprintf(c->in, "%s; echo .\n", command) < 0)
		fail("ask", NULL);
	while (n < 2 || strcmp(answer + n - 2, ".\n") != 0) {
		ssize_t got = n < 4095 ? read(c->out, answer + n, 1) : 0;
		if (got <= 0)
			fail("no answer", NULL);
		n += (size_t)got;
	}
	return answer;
}

static void end(struct copy *c)
{
	struct hl_error *err = NULL;
	struct hl_result res;

	close(c->in);
	if (hl_sandbox_wait(c->sb, PATIENCE_MS, &res, &err))
		fail("wait", err);
	if (res.end != HL_EXITED || res.status != 0)
		fail("how it ended", NULL);
	hl_sandbox_free(c->sb);
	close(c->out);
}

static char *of_a_copy(const char *command)
{
	struct copy c;

	start(&c);
	char *answer = ask(&c, command);
	end(&c);
	return answer;
}

#define SELF                                                                                       \
	"id; grep -E '^(Uid|Gid|Groups|Cap|NoNewPrivs)' /proc/self/status; umask; nice; ulimit -n"

static char *wanted; /* SELF's answer */

static void expect(const char *what, const char *command, const char *want)
{
	char *got = of_a_copy(command);

	if (strcmp(got, want) != 0) {
		fprintf(stderr, "wanted %s\ngot %s\n", want, got);
		fail(what, NULL);
	}
	free(got);
}

/* ---- our own threads ---- */

static int filters_of(const char *tid)
{
	char path[300], text[4096], *at;
	snprintf(path, sizeof path, "/proc/self/task/%s/status", tid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);

	if (fd >= 0)
		close(fd);
	text[n > 0 ? n : 0] = '\0'; /* it has ended */
	at = strstr(text, "Seccomp_filters:");
	return at ? atoi(at + strlen("Seccomp_filters:")) : 0;
}

static int most_filters(void)
{
	DIR *d = opendir("/proc/self/task");
	int most = 0;

	for (struct dirent *e; d && (e = readdir(d));) {
		int n = e->d_name[0] == '.' ? 0 : filters_of(e->d_name);
		most = n > most ? n : most;
	}
	if (d)
		closedir(d);
	return most;
}

static void *start_some(void *arg)
{
	for (int i = 0; i < EACH; i++)
		expect("a copy beside others", SELF, wanted);
	return arg;
}

static void beside_each_other(void)
{
	pthread_t t[THREADS];

	for (int i = 0; i < THREADS; i++)
		if (pthread_create(&t[i], NULL, start_some, NULL))
			fail("thread", NULL);
	for (int i = 0; i < THREADS; i++)
		pthread_join(t[i], NULL);
}

/* ---- what they share is gone ---- */

/* Kills each child of ours; the number of them. */
static int kill_children(void)
{
	DIR *d = opendir("/proc/self/task");
	char path[300];
	int pid, killed = 0;

	for (struct dirent *e; d && (e = readdir(d));) {
		if (e->d_name[0] == '.')
			continue;
		snprintf(path, sizeof path, "/proc/self/task/%s/children", e->d_name);
		FILE *f = fopen(path, "re");
		while (f && fscanf(f, "%d", &pid) == 1) {
			siginfo_t si;
			killed += kill(pid, SIGKILL) == 0;
			(void)waitid(P_PID, (id_t)pid, &si, WEXITED | WNOWAIT);
		}
		if (f)
			fclose(f);
	}
	if (d)
		closedir(d);
	return killed;
}

/* ---- CPUs ---- */

#define CPUS "grep Cpus_allowed: /proc/self/status"

static void on_cpus(void)
{
	cpu_set_t all, one;

	if (sched_getaffinity(0, sizeof all, &all))
		fail("CPUs", NULL);
	char *of_all = of_a_copy(CPUS);
	CPU_ZERO(&one);
	for (int i = 0; i < CPU_SETSIZE && !CPU_COUNT(&one); i++)
		if (CPU_ISSET(i, &all))
			CPU_SET(i, &one);
	if (sched_setaffinity(0, sizeof one, &one))
		fail("one CPU", NULL);
	char *of_one = of_a_copy(CPUS);
	if (!CPU_EQUAL(&one, &all) && strcmp(of_one, of_all) == 0)
		fail("a copy has more CPUs than who started it", NULL);
	expect("the same CPU", CPUS, of_one);
	if (sched_setaffinity(0, sizeof all, &all))
		fail("all CPUs", NULL);
	expect("all CPUs again", CPUS, of_all);
	free(of_all);
	free(of_one);
}

int main(int argc, char **argv)
{
	struct hl_error *err = NULL;
	char file[PATH_MAX];
	struct copy c;

	if (argc != 3)
		return 2;
	platform = argv[2];
	snprintf(file, sizeof file, "%s/family", argv[1]);
	start(&c);
	free(ask(&c, "true"));
	if (hl_sandbox_save(c.sb, file, &err))
		fail("save", err);
	end(&c);
	if (hl_snapshot_open(file, &snap, &err))
		fail("open", err);
	int own = most_filters();
	wanted = of_a_copy(SELF);
	for (int i = 0; i < EACH; i++)
		expect("another copy", SELF, wanted);
	beside_each_other();
	on_cpus();
	start(&c);
	if (most_filters() > own + 1)
		fail("a thread is confined twice", NULL);
	end(&c);
	int killed = kill_children();
	for (int i = 0; i < EACH; i++)
		expect("a copy behind the end of what they share", SELF, wanted);
	if (strcmp(platform, "process") == 0 && !killed)
		fail("nothing was shared", NULL);
	hl_snapshot_close(snap);
	free(wanted);
	unlink(file);
	puts("a family");
	return 0;
}
