/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The conformance runner: the host kernel is the oracle. Every case of every program runs natively
 * and then under hl, each in a fresh scratch directory at the same path, with a time limit; stdout,
 * stderr, exit status and the files left behind must be the same byte for byte.
 *
 * 	runner [OPTIONS] PROGRAM...
 * 	  --hl PATH         the hl to test
 * 	  --platform P      one of its platforms; default kvm
 * 	  --net KIND        the network that hl gives its guests; default: the host's
 * 	  --native-only     the second run is native too: validates that the cases are deterministic
 * 	  --survive         no native run: a case passes when it exits 0 under hl
 * 	  --only PATTERN    cases whose id AREA/FAMILY/CASE, or a component of it, matches (fnmatch)
 * 	  --expected FILE   lines "ID: reason": cases known to differ. One that no longer differs is
 *                      a failure
 * 	  --skip FILE       lines "ID: reason": cases that are not run
 * 	  --seed N          each run under hl finds a number that comes of it in HL_SHAKE_SEED
 * 	  --part N          one case in N, chosen by the seed
 * 	  --work DIR        where scratch directories go
 * 	  --jobs N, --timeout SECONDS, --verbose
 *
 * A worker process runs each case and is the reaper of whatever the case leaves behind. Its exit
 * status is the outcome, its report goes to the main process through a file.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum outcome { PASSED, FAILED, SKIPPED, EXPECTED, OUTCOMES };
enum { SIDES = 2, STATUS_TIMEOUT = -1 };

struct options {
	const char *hl, *platform, *net, *only, *expected, *skip, *work;
	bool native_only, survive, verbose;
	int jobs, timeout, seed, part;
};

struct test {
	char *id, *program, *name;
	const char *reason; /* it is expected to differ; NULL: not */
	pid_t worker;
	int slot;
};

/* What one run of a case left: all of it is compared. */
struct result {
	int status;
	int leftovers; /* processes still alive after it */
	char *out, *err, *files;
};

static struct options opt = { .hl = "build/hl",
			      .platform = "kvm",
			      .net = "host",
			      .work = "/tmp",
			      .jobs = 2,
			      .timeout = 300,
			      .part = 1 };
static struct test *tests;
static size_t ntests;

/* Where a run could not even be prepared, that is no result which two sides could agree on. The
 * others are case.h's. */
static int die_status = 1;
enum { TOO_LITTLE = 97, UNPREPARED = 98, NOT_SET_UP = 99, NO_SUCH_CASE = 2 };

static void die(const char *what)
{
	fprintf(stderr, "conformance: %s: %s\n", what, strerror(errno));
	exit(die_status);
}

static void *must(void *p)
{
	if (!p)
		die("memory");
	return p;
}

__attribute__((format(printf, 1, 2))) static char *text(const char *fmt, ...)
{
	char *s;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&s, fmt, ap) < 0)
		die("memory");
	va_end(ap);
	return s;
}

static char *read_whole(const char *path)
{
	char *buf = NULL;
	size_t size = 0;
	FILE *f = fopen(path, "r"), *mem = open_memstream(&buf, &size);
	char chunk[4096];
	size_t n;

	if (!f || !mem)
		die(path);
	while ((n = fread(chunk, 1, sizeof chunk, f)) > 0)
		fwrite(chunk, 1, n, mem);
	fclose(f);
	fclose(mem);
	return buf;
}

/* --- the files a run left behind -------------------------------------------------------------- */

static uint64_t content_hash(int dir, const char *name)
{
	uint64_t hash = 14695981039346656037u; /* FNV-1a */
	unsigned char buf[65536];
	int fd = openat(dir, name, O_RDONLY | O_NONBLOCK);
	ssize_t n;

	if (fd < 0)
		return 0;
	while ((n = read(fd, buf, sizeof buf)) > 0)
		for (ssize_t i = 0; i < n; i++)
			hash = (hash ^ buf[i]) * 1099511628211u;
	close(fd);
	return hash;
}

static void describe(FILE *out, int dir, const char *path, const char *name)
{
	char target[PATH_MAX] = "";
	struct stat st;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW))
		return;
	fprintf(out, "%s mode %o uid %u gid %u", path, st.st_mode, st.st_uid, st.st_gid);
	if (!S_ISDIR(st.st_mode))
		fprintf(out, " links %lu size %ld", (unsigned long)st.st_nlink, (long)st.st_size);
	if (S_ISREG(st.st_mode))
		fprintf(out, " hash %016lx", (unsigned long)content_hash(dir, name));
	if (S_ISLNK(st.st_mode) && readlinkat(dir, name, target, sizeof target - 1) >= 0)
		fprintf(out, " -> %s", target);
	fprintf(out, "\n");
}

static void describe_tree(FILE *out, int dir, const char *prefix)
{
	struct dirent **names;
	int n = scandirat(dir, ".", &names, NULL, alphasort);

	for (int i = 0; i < n; i++) {
		const char *name = names[i]->d_name;
		char *path = text("%s%s", prefix, name);

		if (strcmp(name, ".") != 0 && strcmp(name, "..") != 0) {
			describe(out, dir, path, name);
			int sub = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
			if (sub >= 0) {
				char *deeper = text("%s/", path);
				describe_tree(out, sub, deeper);
				free(deeper);
				close(sub);
			}
		}
		free(path);
		free(names[i]);
	}
	if (n >= 0)
		free(names);
}

static char *describe_dir(const char *path)
{
	char *buf = NULL;
	size_t size = 0;
	FILE *mem = must(open_memstream(&buf, &size));
	int fd = open(path, O_RDONLY | O_DIRECTORY);

	if (fd < 0)
		die(path);
	describe_tree(mem, fd, "");
	close(fd);
	fclose(mem);
	return buf;
}

static void remove_tree(int at, const char *name)
{
	int dir = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
	struct dirent **names;

	if (dir >= 0) {
		int n = scandirat(dir, ".", &names, NULL, NULL);
		for (int i = 0; i < n; i++) {
			if (strcmp(names[i]->d_name, ".") != 0 &&
			    strcmp(names[i]->d_name, "..") != 0)
				remove_tree(dir, names[i]->d_name);
			free(names[i]);
		}
		if (n >= 0)
			free(names);
		close(dir);
	}
	if (unlinkat(at, name, dir >= 0 ? AT_REMOVEDIR : 0) && errno != ENOENT)
		die(name);
}

/* --- one run ---------------------------------------------------------------------------------- */

/* The same for both sides, whatever the caller's; what may not be had is left at what there is. */
static void limit(int what, rlim_t soft, rlim_t hard)
{
	struct rlimit r = { soft, hard }, have;

	if (setrlimit(what, &r) == 0)
		return;
	if (getrlimit(what, &have))
		die("getrlimit");
	r.rlim_max = have.rlim_max;
	r.rlim_cur = soft < have.rlim_max ? soft : have.rlim_max;
	if (setrlimit(what, &r))
		die("setrlimit");
}

static void stdio_to(int fd, const char *path, int flags)
{
	int from = open(path, flags | O_CLOEXEC, 0600);

	if (from < 0 || dup2(from, fd) < 0)
		die(path);
	if (from != fd)
		close(from);
}

/* The same for the same seed and case, whatever else is run. */
static unsigned number_for(const char *id)
{
	unsigned n = (unsigned)opt.seed * 2654435761U;

	for (; *id; id++)
		n = (n ^ (unsigned char)*id) * 16777619U; /* FNV-1a */
	return n >> 8;
}

/* Every run starts from the same: descriptors, environment, limits, signals, mask of modes. */
static void run_child(char *const argv[], const char *seed, const char *dir, const char *out,
		      const char *err, pid_t worker)
{
	char *const env[] = {
		(char[]){ "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" },
		(char[]){ "HOME=/" },
		(char[]){ "LANG=C" },
		(char[]){ "TERM=dumb" },
		seed ? text("HL_SHAKE_SEED=%s", seed) : NULL,
		NULL
	};
	sigset_t none;

	die_status = UNPREPARED;
	stdio_to(0, "/dev/null", O_RDONLY);
	stdio_to(1, out, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND);
	stdio_to(2, err, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND);
	close_range(3, ~0U, 0);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	umask(022);
	limit(RLIMIT_CORE, 0, RLIM_INFINITY); /* none, but where a case asks for them */
	limit(RLIMIT_NOFILE, 1024, 4096);
	limit(RLIMIT_STACK, 8 << 20, RLIM_INFINITY);
	if (chdir(dir))
		die(dir);
	setsid();
	/* However the worker ends, hl goes with it. A native case would see that of itself. */
	if (argv[0] == opt.hl && (prctl(PR_SET_PDEATHSIG, SIGKILL) || getppid() != worker))
		die("the worker");
	execve(argv[0], argv, env);
	die(argv[0]);
}

static int wait_limited(pid_t pid, int seconds)
{
	struct pollfd pfd = { .fd = (int)syscall(SYS_pidfd_open, pid, 0), .events = POLLIN };
	int st, ready = poll(&pfd, 1, seconds * 1000);

	close(pfd.fd);
	if (ready == 0)
		kill(pid, SIGKILL);
	if (waitpid(pid, &st, 0) != pid)
		die("waitpid");
	if (ready == 0)
		return STATUS_TIMEOUT;
	return WIFSIGNALED(st) ? 128 + WTERMSIG(st) : WEXITSTATUS(st);
}

/* What the run has killed itself may need a moment to be gone: is it there even after that? */
static bool lives_on(int pid)
{
	struct pollfd pfd = { .fd = (int)syscall(SYS_pidfd_open, pid, 0), .events = POLLIN };
	bool lives = pfd.fd >= 0 && poll(&pfd, 1, 1000) == 0;

	if (pfd.fd >= 0)
		close(pfd.fd);
	return lives;
}

/* Kills and reaps what the run orphaned to us; returns how many lived. */
static int kill_leftovers(void)
{
	int killed = 0;
	char *path = text("/proc/self/task/%d/children", getpid());

	for (;;) {
		int pid;
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
		FILE *f = fopen(path, "r");
		bool any = false;
		while (f && fscanf(f, "%d", &pid) == 1) {
			killed += lives_on(pid);
			kill(pid, SIGKILL);
			waitpid(pid, NULL, 0); /* none: it is dead, and only still in the list */
			any = true;
		}
		if (f)
			fclose(f);
		if (!any)
			break;
	}
	free(path);
	return killed;
}

static struct result run(char *const argv[], const char *seed, const char *base)
{
	char *dir = text("%s/scratch", base), *out = text("%s/out", base),
	     *err = text("%s/err", base);
	struct result r;

	remove_tree(AT_FDCWD, dir);
	if (mkdir(dir, 0755))
		die(dir);
	pid_t worker = getpid(), pid = fork();
	if (pid < 0)
		die("fork");
	if (pid == 0)
		run_child(argv, seed, dir, out, err, worker);
	r.status = wait_limited(pid, opt.timeout);
	r.leftovers = kill_leftovers();
	r.out = read_whole(out);
	r.err = read_whole(err);
	r.files = describe_dir(dir);
	remove_tree(AT_FDCWD, dir);
	free(dir);
	free(out);
	free(err);
	return r;
}

/* --- comparing -------------------------------------------------------------------------------- */

static size_t line_length(const char *s)
{
	size_t n = strcspn(s, "\n");

	return s[n] ? n + 1 : n;
}

static void print_lines(FILE *report, char mark, const char *s)
{
	for (int i = 0; i < 3 && *s; i++) {
		size_t n = line_length(s);
		fprintf(report, "    %c %.*s\n", mark, (int)strcspn(s, "\n"), s);
		s += n;
	}
}

/* Prints the first lines that differ; false when none does. */
static bool differ(FILE *report, const char *what, const char *native, const char *other)
{
	if (strcmp(native, other) == 0)
		return false;
	while (*native && line_length(native) == line_length(other) &&
	       !strncmp(native, other, line_length(native))) {
		size_t n = line_length(native);
		native += n;
		other += n;
	}
	fprintf(report, "  %s differs:\n", what);
	print_lines(report, '-', native);
	print_lines(report, '+', other);
	return true;
}

static const char *status_text(char buf[32], int status)
{
	if (status == STATUS_TIMEOUT)
		snprintf(buf, 32, "no end in %d s", opt.timeout);
	else
		snprintf(buf, 32, "%d", status);
	return buf;
}

static bool compare(FILE *report, const struct result *want, const struct result *got)
{
	char a[32], b[32];
	bool bad = false;

	if (want->status != got->status || want->status == STATUS_TIMEOUT) {
		fprintf(report, "  exit status: native %s, here %s\n", status_text(a, want->status),
			status_text(b, got->status));
		bad = true;
	}
	bad |= differ(report, "stdout", want->out, got->out);
	bad |= differ(report, "stderr", want->err, got->err);
	bad |= differ(report, "what is left in the directory", want->files, got->files);
	if (got->leftovers && !opt.native_only) {
		fprintf(report, "  left %d processes behind\n", got->leftovers);
		bad = true;
	}
	return bad;
}

/* A case that could not prepare itself says nothing about hl. An ordinary user can not prepare
 * those that need root, and nobody those for which the limits here leave too little: they are
 * skipped, by name. */
static enum outcome native_outcome(FILE *report, const struct result *r)
{
	if (r->status != UNPREPARED && r->status != NOT_SET_UP && r->status != NO_SUCH_CASE &&
	    r->status != TOO_LITTLE)
		return PASSED;
	fprintf(report, "  the native run failed: exit status %d\n", r->status);
	print_lines(report, '-', r->out);
	print_lines(report, '-', r->err);
	if (r->status == TOO_LITTLE)
		return SKIPPED;
	return r->status == NOT_SET_UP && geteuid() != 0 ? SKIPPED : FAILED;
}

/* Not every KVM has what a CPU has; the other platform has what the host has. */
static bool lacks_hardware(const struct result *r)
{
	return r->status == TOO_LITTLE && !opt.native_only && !strcmp(opt.platform, "kvm");
}

static struct result run_under(const struct test *t, const char *base, bool native)
{
	char *const plain[] = { t->program, t->name, NULL };
	char *const under[] = { (char *)(uintptr_t)opt.hl,
				(char[]){ "--platform" },
				(char *)(uintptr_t)opt.platform,
				(char[]){ "--net" },
				(char *)(uintptr_t)opt.net,
				(char[]){ "--" },
				t->program,
				t->name,
				NULL };

	char *seed = !native && opt.seed ? text("%u", number_for(t->id)) : NULL;
	struct result r = run(native ? plain : under, seed, base);

	free(seed);
	return r;
}

static enum outcome judge(const struct test *t, const char *base, FILE *report)
{
	struct result native = { .out = NULL };

	if (opt.survive) {
		struct result r = run_under(t, base, false);
		if (r.status == 0 && r.leftovers == 0)
			return PASSED;
		char b[32];
		fprintf(report, "  exit status %s, %d processes left\n", status_text(b, r.status),
			r.leftovers);
		print_lines(report, '+', r.err);
		return FAILED;
	}
	native = run_under(t, base, true);
	enum outcome o = native_outcome(report, &native);
	if (o != PASSED)
		return o;
	struct result other = run_under(t, base, opt.native_only);
	if (lacks_hardware(&other)) {
		print_lines(report, '+', other.out);
		return SKIPPED;
	}
	bool bad = compare(report, &native, &other);
	if (opt.verbose)
		fprintf(report, "%s", other.out);
	if (t->reason && !bad)
		fprintf(report, "  is listed as an expected difference, but does not differ\n");
	return t->reason ? (bad ? EXPECTED : FAILED) : bad ? FAILED : PASSED;
}

/* --- many cases ------------------------------------------------------------------------------- */

static char *slot_dir(int slot)
{
	return text("%s/slot%d", opt.work, slot);
}

static void worker(const struct test *t)
{
	char *base = slot_dir(t->slot), *path = text("%s/report", base);
	FILE *report = fopen(path, "w");

	if (!report)
		die(path);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	enum outcome o = judge(t, base, report);
	fclose(report);
	_exit(10 + (int)o);
}

static void start(struct test *t, int slot)
{
	t->slot = slot;
	t->worker = fork();
	if (t->worker < 0)
		die("fork");
	if (t->worker == 0)
		worker(t);
}

static enum outcome finish(struct test *t, int st)
{
	static const char *const words[OUTCOMES] = { "pass", "FAIL", "skip",
						     "expected difference" };
	enum outcome o =
	    WIFEXITED(st) && WEXITSTATUS(st) >= 10 ? (enum outcome)(WEXITSTATUS(st) - 10) : FAILED;
	char *base = slot_dir(t->slot), *path = text("%s/report", base), *report = read_whole(path);

	if (o == EXPECTED)
		printf("%s: %s: %s\n", words[o], t->id, t->reason);
	else if (o != PASSED || opt.verbose)
		printf("%s: %s\n%s", words[o], t->id, report);
	fflush(stdout);
	free(report);
	free(path);
	free(base);
	t->worker = 0;
	return o;
}

static struct test *finished(int *st)
{
	pid_t pid = wait(st);

	for (size_t i = 0; i < ntests; i++)
		if (tests[i].worker == pid && pid > 0)
			return &tests[i];
	die("wait");
	return NULL;
}

static void run_all(int count[OUTCOMES])
{
	int st, running = 0;
	size_t next = 0;

	for (int i = 0; i < opt.jobs; i++) {
		char *dir = slot_dir(i);
		mkdir(dir, 0755);
		free(dir);
	}
	for (; next < ntests && running < opt.jobs; running++, next++)
		start(&tests[next], running);
	while (running > 0) {
		struct test *t = finished(&st);
		count[finish(t, st)]++;
		running--;
		if (next < ntests) {
			start(&tests[next++], t->slot);
			running++;
		}
	}
}

/* --- which cases ------------------------------------------------------------------------------ */

/* The pattern may name the area, the family, the case, or join them. */
static bool selected(const char *id)
{
	if (!opt.only)
		return true;
	for (const char *from = id; from; from = strchr(from, '/') ? strchr(from, '/') + 1 : NULL) {
		char *part = must(strdup(from));
		bool hit = false;
		for (;;) {
			hit |= fnmatch(opt.only, part, 0) == 0;
			char *slash = strrchr(part, '/');
			if (!slash)
				break;
			*slash = 0;
		}
		free(part);
		if (hit)
			return true;
	}
	return false;
}

/* What a list says of a case, for as long as the test; NULL: nothing. */
static const char *reason_in(const char *list, const char *id)
{
	size_t n = strlen(id);

	for (const char *line = list; *line; line += line_length(line))
		if (strncmp(line, id, n) == 0 && strncmp(line + n, ": ", 2) == 0)
			return strndup(line + n + 2, strcspn(line + n + 2, "\n"));
	return NULL;
}

static const char *expected_reason(const char *id)
{
	static const char *list;

	if (!list)
		list = opt.expected ? read_whole(opt.expected) : "";
	return reason_in(list, id);
}

static bool left_out(const char *id)
{
	static const char *list;

	if (!list)
		list = opt.skip ? read_whole(opt.skip) : "";
	return reason_in(list, id) || number_for(id) % (unsigned)opt.part;
}
/* AREA/FAMILY of a program are the last two components of its path. */
static const char *family_of(const char *program)
{
	const char *s = strrchr(program, '/');

	while (s && s > program && s[-1] != '/')
		s--;
	return s ? s : program;
}

static void add_cases(const char *program)
{
	char *path = realpath(program, NULL), *cmd = text("'%s' --list", program), line[256];
	FILE *p = popen(cmd, "r");

	if (!path || !p)
		die(program);
	while (fgets(line, sizeof line, p)) {
		line[strcspn(line, "\n")] = 0;
		char *id = text("%s/%s", family_of(program), line);
		if (!selected(id) || left_out(id)) {
			free(id);
			continue;
		}
		tests = must(realloc(tests, (ntests + 1) * sizeof *tests));
		tests[ntests++] =
		    (struct test){ id, path, must(strdup(line)), expected_reason(id), 0, 0 };
	}
	if (pclose(p) != 0)
		die(program);
	free(cmd);
}

static int positive(const char *option, const char *value)
{
	char *end;
	long n = strtol(value, &end, 10);

	if (*end || n < 1 || n > 1000000) {
		fprintf(stderr, "conformance: %s: not a number: '%s'\n", option, value);
		exit(1);
	}
	return (int)n;
}

static void parse(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		const char *a = argv[i], *v = i + 1 < argc ? argv[i + 1] : "";
		const struct {
			const char *name;
			const char **text;
			int *number;
			bool *flag;
		} table[] = {
			{ "--hl", &opt.hl, 0, 0 },
			{ "--platform", &opt.platform, 0, 0 },
			{ "--net", &opt.net, 0, 0 },
			{ "--only", &opt.only, 0, 0 },
			{ "--expected", &opt.expected, 0, 0 },
			{ "--skip", &opt.skip, 0, 0 },
			{ "--work", &opt.work, 0, 0 },
			{ "--jobs", 0, &opt.jobs, 0 },
			{ "--timeout", 0, &opt.timeout, 0 },
			{ "--seed", 0, &opt.seed, 0 },
			{ "--part", 0, &opt.part, 0 },
			{ "--native-only", 0, 0, &opt.native_only },
			{ "--survive", 0, 0, &opt.survive },
			{ "--verbose", 0, 0, &opt.verbose },
		};
		bool known = false;
		for (size_t j = 0; j < sizeof table / sizeof *table && !known; j++) {
			known = strcmp(a, table[j].name) == 0;
			if (known && table[j].flag)
				*table[j].flag = true;
			else if (known && table[j].text)
				*table[j].text = argv[++i] ? v : NULL;
			else if (known)
				*table[j].number = positive(a, argv[++i] ? v : "");
		}
		if (!known)
			add_cases(a);
	}
}

/* Nothing of the kvm platform can be tested without the device: said by name, and counted. PASSED:
 * it is there. */
static enum outcome platform_missing(void)
{
	const char *require = getenv("HL_REQUIRE_KVM");
	bool required = require && strcmp(require, "1") == 0;

	if (opt.native_only || strcmp(opt.platform, "kvm") != 0)
		return PASSED;
	int fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (fd >= 0) {
		close(fd);
		return PASSED;
	}
	printf("%s - kvm %zu conformance cases (/dev/kvm: %s)\n", required ? "not ok" : "skip",
	       ntests, strerror(errno));
	return required ? FAILED : SKIPPED;
}

int main(int argc, char **argv)
{
	int count[OUTCOMES] = { 0 };
	char *hl;

	parse(argc, argv);
	if (ntests == 0) {
		fprintf(stderr, "conformance: no cases selected\n");
		return 1;
	}
	if (!opt.native_only) {
		hl = realpath(opt.hl, NULL);
		if (!hl)
			die(opt.hl);
		opt.hl = hl;
	}
	opt.work = realpath(opt.work, NULL);
	if (!opt.work)
		die("--work");
	enum outcome missing = platform_missing();
	if (missing != PASSED)
		count[missing] = (int)ntests;
	else
		run_all(count);
	printf("%d passed, %d failed, %d skipped\n", count[PASSED], count[FAILED],
	       count[SKIPPED] + count[EXPECTED]);
	return count[FAILED] != 0;
}
