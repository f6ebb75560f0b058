/* SPDX-License-Identifier: Apache-2.0 */
/*
 * faults DIR PLATFORM STEP: each allocation and each call of the host that can fail, of a save and
 * of a load in turn, fails once.
 *
 * A save that fails says why, leaves the file that was there and nothing beside it, and the program
 * goes on unharmed. A load that fails says why. Neither leaves descriptors, threads or memory.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "hl.h"

#define PATIENCE_S  300
#define LEAK_ROUNDS 64
#define LAST_CALLS  32          /* of a save, none of which is left out */
#define LEAK_BYTES  (16 * 1024) /* that so many rounds may leave in the allocator's own books */

/* ---- what fails ---- */

static _Atomic long made, fail_at; /* fail_at 0: nothing */
/* The thread that saves goes on while the program runs again, whose own calls may fail as on any
 * host without memory: they do not count. A load is made by other threads. */
static _Atomic bool saving;
static _Thread_local bool saves_here;

static bool fails(int error)
{
	if (!fail_at || (saving && !saves_here) || atomic_fetch_add(&made, 1) + 1 != fail_at)
		return false;
	errno = error;
	return true;
}

/* The linker sends the library's calls here (--wrap). */
#define WRAP(type, name, error, failed, params, args)                                              \
	type __real_##name params;                                                                 \
	type __wrap_##name params;                                                                 \
	type __wrap_##name params                                                                  \
	{                                                                                          \
		return fails(error) ? failed : __real_##name args;                                 \
	}

WRAP(void *, malloc, ENOMEM, NULL, (size_t n), (n))
WRAP(void *, calloc, ENOMEM, NULL, (size_t n, size_t size), (n, size))
WRAP(void *, realloc, ENOMEM, NULL, (void *p, size_t n), (p, n))
WRAP(void *, reallocarray, ENOMEM, NULL, (void *p, size_t n, size_t size), (p, n, size))
WRAP(void *, aligned_alloc, ENOMEM, NULL, (size_t align, size_t n), (align, n))
WRAP(char *, strdup, ENOMEM, NULL, (const char *s), (s))
WRAP(int, mkostemp64, EACCES, -1, (char *name, int flags), (name, flags))
WRAP(ssize_t, pwrite64, ENOSPC, -1, (int fd, const void *p, size_t n, off_t at), (fd, p, n, at))
WRAP(ssize_t, pread64, EIO, -1, (int fd, void *p, size_t n, off_t at), (fd, p, n, at))
WRAP(int, fsync, EIO, -1, (int fd), (fd))
WRAP(int, rename, EIO, -1, (const char *from, const char *to), (from, to))
WRAP(int, fstat64, EIO, -1, (int fd, struct stat *st), (fd, st))

/* ---- what is looked at ---- */

static void fail(long n, const char *what, const char *more)
{
	fprintf(stderr, "FAIL %ld: %s %s\n", n, what, more);
	exit(1);
}

static int entries(const char *name)
{
	DIR *d = opendir(name);
	int n = 0;

	while (d && readdir(d))
		n++;
	closedir(d);
	return n;
}

/* Descriptors of files. A platform has others, of processes that it makes ahead when it has time
 * for it. `show`: says which. */
static int open_files(bool show)
{
	DIR *d = opendir("/proc/self/fd");
	char to[PATH_MAX];
	int n = 0;

	for (struct dirent *e; d && (e = readdir(d));) {
		ssize_t len = readlinkat(dirfd(d), e->d_name, to, sizeof to - 1);
		to[len > 0 ? len : 0] = '\0';
		if (to[0] != '/' || strncmp(to, "/proc/", 6) == 0)
			continue;
		n++;
		if (show)
			fprintf(stderr, "%s %s\n", e->d_name, to);
	}
	closedir(d);
	return n;
}

static int threads(bool show)
{
	return entries("/proc/self/task");
}

/* Threads that have been joined may be listed a little longer, and what they hold. */
static void expect(long n, const char *what, int (*look)(bool show), int wanted)
{
	for (int i = 0; look(false) > wanted; i++) {
		if (i == 500) {
			look(true);
			fail(n, "there are more", what);
		}
		nanosleep(&(struct timespec){ 0, 10000000 }, NULL);
	}
}

/* ---- the program ---- */

/* It has something of most kinds, and counts the lines it gets. */
static const char program[] =
    "import ctypes, fcntl, mmap, os, pty, select, signal, socket, sys, tempfile, threading, time\n"
    "keep = []\n"
    "r, w = os.pipe(); os.write(w, b'x' * 5000); keep += [r, w]\n"
    "a, b = socket.socketpair(); a.send(b'message'); keep += [a, b]\n"
    "u = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); keep.append(u)\n"
    "e = select.epoll(); e.register(r, select.EPOLLIN); keep.append(e)\n"
    "m, s = pty.openpty(); os.write(m, b'typed'); keep += [m, s]\n"
    "t = tempfile.TemporaryFile(); t.write(b'y' * 9000); t.flush(); keep.append(t)\n"
    "f = os.memfd_create('mem'); os.write(f, b'z' * 9000); keep += [f, mmap.mmap(f, 4096)]\n"
    "d = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 4); d.bind((0, 0)); keep.append(d)\n"
    "p = open('/proc/self/mem', 'rb'); keep.append(p)\n"
    "fcntl.lockf(t, fcntl.LOCK_EX)\n"
    "for i in range(3): signal.setitimer(i, 1000)\n"
    "libc = ctypes.CDLL(None); libc.timer_create(2, None, ctypes.byref(ctypes.c_long()))\n"
    "word = ctypes.c_long()\n"
    "v = (ctypes.c_long * 6)(0, ctypes.addressof(word), 130, 0, ctypes.addressof(word), 130)\n"
    "wait = lambda: libc.syscall(449, v, 2, 0, None, 0)\n"
    "threading.Thread(target=wait, daemon=True).start()\n"
    "if not os.fork(): libc.unshare(0x4000000); libc.sethostname(b'own', 3); time.sleep(1000)\n"
    "threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()\n"
    "if not os.fork(): time.sleep(1000)\n"
    "n = 0\n"
    "while sys.stdin.buffer.readline():\n"
    "    n += 1; os.write(1, b'%d\\n' % n)\n"
    "os.kill(0, 9)\n";

struct guest {
	struct hl_sandbox *sb;
	int in, out;
};

static const char *platform;
static char dir[PATH_MAX], good[PATH_MAX], file[PATH_MAX];

/* `from` NULL: the program itself. False: it says why it did not start. */
static bool start(struct guest *g, const char *from, char words[256])
{
	static const char *const args[] = { "/usr/bin/python3", "-c", program };
	struct hl_config *cfg = hl_config_new();
	struct hl_snapshot *snap = NULL;
	struct hl_error *err = NULL;
	int in[2], out[2];

	if (pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC))
		fail(0, "pipe", strerror(errno));
	hl_config_set_platform(cfg, platform);
	hl_config_set_isolate(cfg, true);
	hl_config_set_jail(cfg, HL_JAIL_THREADS);
	hl_config_set_stdio(cfg, in[0], out[1], -1);
	int failed = from ? hl_snapshot_open(from, &snap, &err) : 0;
	if (!from)
		hl_config_set_args(cfg, 3, args);
	if (!failed)
		failed = from ? hl_sandbox_restore(cfg, snap, &g->sb, &err)
			      : hl_sandbox_start(cfg, &g->sb, &err);
	snprintf(words, 256, "%s", failed ? hl_error_text(err) : "");
	hl_error_free(err);
	hl_snapshot_close(snap);
	hl_config_free(cfg);
	close(in[0]);
	close(out[1]);
	g->in = in[1];
	g->out = out[0];
	return !failed;
}

static void stop(struct guest *g, bool runs)
{
	close(g->in);
	close(g->out);
	if (runs) {
		hl_sandbox_kill(g->sb);
		hl_sandbox_free(g->sb);
	}
}

static void count(long n, struct guest *g, long wanted)
{
	char line[64] = "", want[64];
	size_t len = 0;

	snprintf(want, sizeof want, "%ld\n", wanted);
	if (write(g->in, "x\n", 2) != 2)
		fail(n, "the program is gone", "");
	while (len < sizeof line - 1 && read(g->out, line + len, 1) == 1 && line[len] != '\n')
		len++;
	if (strcmp(line, want) != 0)
		fail(n, "the program was harmed and says", line);
}

/* ---- saves ---- */

static size_t memory(void)
{
	return mallinfo2().uordblks;
}

/* One save whose n-th call fails; false: it does not come so far. */
static bool save_once(struct guest *g, long n)
{
	struct hl_error *err = NULL;
	struct stat before, after;

	if (stat(file, &before))
		fail(n, "no file", file);
	made = 0;
	saving = saves_here = true;
	fail_at = n;
	int failed = hl_sandbox_save(g->sb, file, &err);
	fail_at = 0;
	saving = false;
	if (failed && !hl_error_text(err)[0])
		fail(n, "a save fails without a word", "");
	hl_error_free(err);
	if (stat(file, &after) || (failed && after.st_ino != before.st_ino))
		fail(n, "the file that was there is gone", file);
	return made >= n;
}

static void nothing_left(long n, int fds, int files)
{
	expect(n, "descriptors", open_files, fds);
	if (entries(dir) != files)
		fail(n, "a file is left in", dir);
}

static long saves(long step)
{
	struct guest g;
	char words[256];
	size_t used = 0;
	long n = 1, counted = 1;

	if (!start(&g, NULL, words))
		fail(0, "start", words);
	count(0, &g, 1);
	if (hl_sandbox_save(g.sb, good, NULL) || hl_sandbox_save(g.sb, file, NULL))
		fail(0, "the first save", "");
	int fds = open_files(false), files = entries(dir);
	for (long round = 0; save_once(&g, n); n += step, round++) {
		nothing_left(n, fds, files);
		if (round % 16 == 0)
			count(n, &g, ++counted);
		if (round % LEAK_ROUNDS == 0) {
			if (round > LEAK_ROUNDS && memory() > used + LEAK_BYTES)
				fail(n, "memory is left", "");
			used = memory();
		}
	}
	/* about the moment when the file gets its name, each of them */
	for (long end = made, last = end > LAST_CALLS ? end - LAST_CALLS : 1; last <= end; last++) {
		save_once(&g, last);
		nothing_left(last, fds, files);
	}
	count(n, &g, ++counted);
	stop(&g, true);
	return n;
}

/* ---- loads ---- */

static long loads(long step)
{
	struct guest g;
	char words[256];
	long n = 1, refused = 0;

	if (!start(&g, good, words))
		fail(0, "the first copy", words);
	count(0, &g, 2);
	stop(&g, true);
	int fds = open_files(false), tasks = threads(false);
	for (;; n += step) {
		made = 0;
		fail_at = n;
		bool runs = start(&g, good, words);
		fail_at = 0;
		if (!runs && !words[0])
			fail(n, "a load fails without a word", "");
		refused += !runs;
		stop(&g, runs);
		expect(n, "descriptors", open_files, fds);
		expect(n, "threads", threads, tasks);
		if (made < n)
			break;
	}
	if (!refused)
		fail(n, "nothing failed", "");
	if (!start(&g, good, words))
		fail(n, "the last copy", words);
	count(n, &g, 2);
	stop(&g, true);
	return n;
}

int main(int argc, char **argv)
{
	if (argc != 4 || atol(argv[3]) < 1)
		return 2;
	signal(SIGPIPE, SIG_IGN);
	alarm(PATIENCE_S);
	platform = argv[2];
	snprintf(dir, sizeof dir, "%s", argv[1]);
	snprintf(good, sizeof good, "%.4000s/good", argv[1]);
	snprintf(file, sizeof file, "%.4000s/file", argv[1]);
	long in_saves = saves(atol(argv[3])), in_loads = loads(atol(argv[3]));
	printf("%ld in a save, %ld in a load\n", in_saves, in_loads);
	return 0;
}
