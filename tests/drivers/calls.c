/* SPDX-License-Identifier: Apache-2.0 */
/*
 * calls PLATFORM: a program that embeds libhl calls a warm python3, which calls it back. Prints a
 * line for each case, "ok" or what did not hold.
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hl.h"

#define SNAPSHOT "warm"

static const char *platform;
static const char *current; /* the case */

#define CHECK(cond, ...)                                                                           \
	do {                                                                                       \
		if (!(cond)) {                                                                     \
			printf("FAIL %s: %s:%d: %s: ", current, __FILE__, __LINE__, #cond);        \
			printf(__VA_ARGS__);                                                       \
			printf("\n");                                                              \
			fflush(stdout);                                                            \
			_exit(1);                                                                  \
		}                                                                                  \
	} while (0)

static struct hl_config *config(void)
{
	struct hl_config *cfg = hl_config_new();

	CHECK(cfg, "no memory");
	hl_config_set_platform(cfg, platform);
	hl_config_set_resettable(cfg, true);
	return cfg;
}

static struct hl_snapshot *snapshot;

static struct hl_sandbox *restore(struct hl_config *cfg)
{
	struct hl_error *err = NULL;
	struct hl_sandbox *sb = NULL;

	CHECK(hl_sandbox_restore(cfg, snapshot, &sb, &err) == 0, "%s", hl_error_text(err));
	hl_config_free(cfg);
	return sb;
}

/* A call that succeeds with this result; NULL: whichever. */
static void expect(struct hl_sandbox *sb, const char *name, const char *data, const char *want)
{
	struct hl_error *err = NULL;
	struct hl_bytes out;
	int ret = hl_sandbox_call(sb, name, data, strlen(data), 60000, &out, &err);

	CHECK(ret == 0, "%s: %s; %.*s", name, hl_error_text(err), (int)out.len, out.data);
	CHECK(!want || (out.len == strlen(want) && memcmp(out.data, want, out.len) == 0),
	      "%s: '%.*s', not '%s'", name, (int)out.len, out.data, want);
	hl_bytes_free(&out);
}

static void expect_error(struct hl_sandbox *sb, const char *name, const char *data, uint64_t ms,
			 enum hl_code code, const char *text)
{
	struct hl_error *err = NULL;
	struct hl_bytes out;

	CHECK(hl_sandbox_call(sb, name, data, strlen(data), ms, &out, &err) == -1, "%s", name);
	CHECK(hl_error_code(err) == code && strstr(hl_error_text(err), text), "%d: %s",
	      hl_error_code(err), hl_error_text(err));
	hl_error_free(err);
	hl_bytes_free(&out);
}

static void reset(struct hl_sandbox *sb)
{
	struct hl_error *err = NULL;

	CHECK(hl_sandbox_reset(sb, &err) == 0, "%s", hl_error_text(err));
}

/* It gets there; how long that takes does not matter. */
static void await_state(struct hl_sandbox *sb, enum hl_state state)
{
	for (int i = 0; i < 30000 && hl_sandbox_state(sb) != state; i++)
		usleep(1000);
	CHECK(hl_sandbox_state(sb) == state, "state %d, not %d", hl_sandbox_state(sb), state);
}

/* ---- calls ---- */

static void results(void)
{
	struct hl_sandbox *sb = restore(config());
	char *much = malloc(HL_MESSAGE_MAX);
	struct hl_error *err = NULL;
	struct hl_bytes out;

	expect(sb, ":exec",
	       "def twice(x): return x + x\ndef nothing(x): pass\ndef text(x): return 'ä'", "");
	expect(sb, "twice", "ab", "abab");
	expect(sb, "nothing", "", "");
	expect(sb, "text", "", "ä");
	expect(sb, ":exec", "n = 0\ndef count(x):\n global n\n n += 1\n return str(n)", "");
	for (int i = 1; i < 200; i++) {
		char text[16];
		snprintf(text, sizeof text, "%d", i);
		expect(sb, "count", "", text);
	}
	expect(sb, ":call", "{\"name\": \"twice\", \"args\": [3]}", "6");
	for (size_t i = 0; i < HL_MESSAGE_MAX; i++)
		much[i] = (char)(i * 7 + i / 256);
	expect(sb, ":exec", "def back(x): return x[::-1]", "");
	CHECK(hl_sandbox_call(sb, "back", much, HL_MESSAGE_MAX, HL_FOREVER, &out, &err) == 0, "%s",
	      hl_error_text(err));
	CHECK(out.len == HL_MESSAGE_MAX, "%zu", out.len);
	for (size_t i = 0; i < out.len; i++)
		CHECK(out.data[i] == much[out.len - 1 - i], "byte %zu", i);
	hl_bytes_free(&out);
	CHECK(hl_sandbox_call(sb, "back", much, HL_MESSAGE_MAX + 1, HL_FOREVER, &out, &err) == -1 &&
		  hl_error_code(err) == HL_INVALID,
	      "%s", hl_error_text(err));
	hl_error_free(err);
	free(much);
	hl_sandbox_free(sb);
}

static void errors(void)
{
	struct hl_sandbox *sb = restore(config());

	expect_error(sb, ":exec", "1/0", 60000, HL_FAILED, "ZeroDivisionError: division by zero");
	expect_error(sb, ":exec", "print(", 60000, HL_FAILED, "SyntaxError");
	expect_error(sb, ":exec", "raise SystemExit(3)", 60000, HL_FAILED, "SystemExit: 3");
	expect_error(sb, ":exec", "raise ValueError('a\\x1b[31m\\n')", 60000, HL_FAILED, "?[31m");
	expect_error(sb, "nowhere", "", 60000, HL_FAILED, "no function 'nowhere'");
	expect_error(sb, "", "", 60000, HL_INVALID, "name");
	expect(sb, ":exec", "def much(x): return b'x' * (17 << 20)\ndef odd(x): return 5", "");
	expect_error(sb, "much", "", 60000, HL_FAILED, "Message too long");
	expect_error(sb, "odd", "", 60000, HL_FAILED, "TypeError");
	expect(sb, ":exec", "def fine(x): return b'1'", "");
	expect(sb, "fine", "", "1");
	hl_sandbox_free(sb);
}

static void states(void)
{
	struct hl_sandbox *sb = restore(config());

	await_state(sb, HL_STATE_READY);
	expect_error(sb, ":exec", "import os; os._exit(4)", 60000, HL_STATE, "has ended");
	await_state(sb, HL_STATE_ENDED);
	expect_error(sb, ":exec", "1", 60000, HL_STATE, "has ended");
	reset(sb);
	await_state(sb, HL_STATE_READY);
	expect_error(sb, ":exec", "while True: pass", 50, HL_TIMED_OUT, "in time");
	CHECK(hl_sandbox_state(sb) == HL_STATE_ENDED, "state %d", hl_sandbox_state(sb));
	reset(sb);
	expect(sb, ":exec", "def f(x): return x", "");
	expect(sb, "f", "1", "1");
	hl_sandbox_free(sb);
}

struct killer {
	struct hl_sandbox *sb;
	atomic_bool *started; /* NULL: when the sandbox is busy */
};

static void *kill_it(void *arg)
{
	const struct killer *k = arg;

	while (k->started ? !*k->started : hl_sandbox_state(k->sb) != HL_STATE_BUSY)
		usleep(1000);
	hl_sandbox_kill(k->sb);
	return NULL;
}

static void ended_by_another(struct hl_sandbox *sb, const char *code, atomic_bool *started)
{
	struct killer k = { sb, started };
	pthread_t thread;

	await_state(sb, HL_STATE_READY);
	CHECK(pthread_create(&thread, NULL, kill_it, &k) == 0, "no thread");
	expect_error(sb, ":exec", code, HL_FOREVER, HL_STATE, "has ended");
	pthread_join(thread, NULL);
	reset(sb);
	expect(sb, ":exec", "def f(x): return x", "");
	expect(sb, "f", "1", "1");
}

static atomic_bool hanging;
static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;

static void hang(void *arg, struct hl_call *call)
{
	hanging = true;
	pthread_mutex_lock(&gate);
	hl_call_reply(call, "late", 4);
	pthread_mutex_unlock(&gate);
}

static void kills(void)
{
	struct hl_config *cfg = config();

	hl_config_add_function(cfg, "hang", hang, NULL);
	struct hl_sandbox *sb = restore(cfg);
	ended_by_another(sb, "while True: pass", NULL);
	ended_by_another(sb, "import time; time.sleep(1000)", NULL);
	pthread_mutex_lock(&gate);
	ended_by_another(sb, "import hl; hl.call('hang')", &hanging);
	/* it still hangs, and others are called nevertheless */
	expect_error(sb, ":exec", "import hl; hl.call('hang')", 50, HL_TIMED_OUT, "in time");
	pthread_mutex_unlock(&gate);
	reset(sb);
	expect(sb, ":exec", "import hl\ndef f(x): return hl.call('hang')", "");
	expect(sb, "f", "", "late");
	hl_sandbox_free(sb);
}

/* ---- functions ---- */

static void echo(void *arg, struct hl_call *call)
{
	size_t len;
	const void *data = hl_call_data(call, &len);

	++*(atomic_int *)arg;
	hl_call_reply(call, data, len);
}

static void refuse(void *arg, struct hl_call *call)
{
	hl_call_reply(call, "x", 1);
	hl_call_fail(call, "not for you: \xc3\xa4");
}

static void quiet(void *arg, struct hl_call *call)
{
}

static void too_much(void *arg, struct hl_call *call)
{
	hl_call_reply(call, "", HL_MESSAGE_MAX + 1);
}

static void functions(void)
{
	struct hl_config *cfg = config();
	atomic_int calls = 0, old = 0;

	hl_config_add_function(cfg, "echo", echo, &old);
	hl_config_add_function(cfg, "echo", echo, &calls);
	hl_config_add_function(cfg, "refuse", refuse, NULL);
	hl_config_add_function(cfg, "quiet", quiet, NULL);
	hl_config_add_function(cfg, "too much", too_much, NULL);
	struct hl_sandbox *sb = restore(cfg);
	expect(sb, ":exec",
	       "import hl\n"
	       "def f(x): return hl.call('echo', x)\n"
	       "def fails(name, x=b''):\n"
	       " try: hl.call(name.decode(), x)\n"
	       " except hl.Error as e: return str(e)\n",
	       "");
	expect(sb, "f", "abc", "abc");
	expect(sb, "fails", "refuse", "not for you: ä");
	expect(sb, "fails", "nowhere", "the host has no function 'nowhere'");
	expect(sb, "fails", "too much", "the answer is too long");
	expect(sb, ":exec", "assert hl.call('quiet', b'x') == b''", "");
	expect(sb, ":exec", "d = bytes(range(256)) * 65536\nassert hl.call('echo', d) == d", "");
	expect_error(sb, ":exec", "hl.call('echo', b'x' * (16 * 1024 * 1024 + 1))", 60000,
		     HL_FAILED, "Message too long");
	expect(sb, ":exec", "for i in range(500): assert hl.call('echo', str(i)) == b'%d' % i", "");
	/* What it keeps open for that may be closed by others, and other files are not taken for
	 * it; its numbers may be forbidden. */
	expect(sb, ":exec",
	       "import os, resource, tempfile\n"
	       "os.closerange(900, 1024)\n"
	       "with tempfile.TemporaryFile() as f:\n"
	       " for i in range(9): assert hl.call('echo', b'x') == b'x'\n"
	       " os.closerange(900, 1024)\n"
	       " resource.setrlimit(resource.RLIMIT_NOFILE, (64, 1024))\n"
	       " for i in range(99): assert hl.call('echo', b'y') == b'y'\n"
	       " assert f.read() == b''\n"
	       "resource.setrlimit(resource.RLIMIT_NOFILE, (1024, 1024))\n",
	       "");
	expect(sb, ":exec",
	       "import threading\n"
	       "bad = []\n"
	       "def many(n):\n"
	       " for i in range(50):\n"
	       "  if hl.call('echo', f'{n} {i}') != f'{n} {i}'.encode(): bad.append((n, i))\n"
	       "all = [threading.Thread(target=many, args=(n,)) for n in range(20)]\n"
	       "for t in all: t.start()\n"
	       "for t in all: t.join()\n"
	       "assert not bad, bad",
	       "");
	expect(sb, ":exec",
	       "import os\n"
	       "p = os.fork()\n"
	       "if p == 0: os._exit(hl.call('echo', b'child') != b'child')\n"
	       "assert os.wait()[1] == 0",
	       "");
	CHECK(calls == 2 + 500 + 9 + 99 + 1000 + 1 && old == 0, "%d, %d", calls, old);
	/* signals do not end the wait, and are not lost */
	expect(sb, ":exec",
	       "import signal\n"
	       "got = []\n"
	       "signal.signal(signal.SIGALRM, lambda *a: got.append(1))\n"
	       "signal.setitimer(signal.ITIMER_REAL, .0005, .0005)\n"
	       "for i in range(300): assert hl.call('echo', str(i)) == b'%d' % i\n"
	       "while not got: pass\n"
	       "signal.setitimer(signal.ITIMER_REAL, 0)",
	       "");
	CHECK(calls == 1503 + 108 + 300, "%d", calls);
	hl_sandbox_free(sb);
}

static void *pause_often(void *arg)
{
	struct killer *k = arg;

	while (!*k->started) {
		CHECK(hl_sandbox_pause(k->sb, NULL) == 0, "pause");
		CHECK(hl_sandbox_resume(k->sb, NULL) == 0, "resume");
		usleep(300);
	}
	return NULL;
}

/* Pauses end no wait, and make no call twice. */
static void pauses(void)
{
	struct hl_config *cfg = config();
	atomic_int calls = 0;
	atomic_bool enough = false;
	pthread_t thread;

	hl_config_add_function(cfg, "echo", echo, &calls);
	struct hl_sandbox *sb = restore(cfg);
	struct killer k = { sb, &enough };
	expect(sb, ":exec", "import hl\ndef f(x): return hl.call('echo', x)", "");
	CHECK(pthread_create(&thread, NULL, pause_often, &k) == 0, "no thread");
	for (int i = 0; i < 300; i++)
		expect(sb, "f", "x", "x");
	enough = true;
	pthread_join(thread, NULL);
	CHECK(calls == 300, "%d", calls);
	hl_sandbox_free(sb);
}

static struct hl_sandbox *shared;

static void *call_often(void *arg)
{
	for (int i = 0; i < 50; i++) {
		char text[32];
		snprintf(text, sizeof text, "%d %ld", i, (long)arg);
		expect(shared, "same", text, text);
	}
	return NULL;
}

/* Copies of a sandbox that runs go on from where it stood, and so does it. */
static void clones(void)
{
	struct hl_sandbox *sb = restore(config());
	struct hl_error *err = NULL;
	struct hl_snapshot *snap, *running = snapshot;

	expect(sb, ":exec", "n = 0\ndef count(x):\n global n\n n += 1\n return str(n)", "");
	expect(sb, "count", "", "1");
	CHECK(hl_sandbox_clone(sb, NULL, &snap, &err) == 0, "%s", hl_error_text(err));
	expect(sb, "count", "", "2");
	snapshot = snap;
	for (int i = 0; i < 3; i++) {
		struct hl_sandbox *copy = restore(config());
		expect(copy, "count", "", "2");
		expect(copy, "count", "", "3");
		reset(copy);
		expect(copy, "count", "", "2");
		hl_sandbox_free(copy);
	}
	expect(sb, "count", "", "3");
	snapshot = running;
	hl_snapshot_close(snap);
	CHECK(hl_sandbox_clone(sb, "/nowhere", &snap, &err) == -1 && !snap &&
		  strstr(hl_error_text(err), "/nowhere: No such file"),
	      "%s", hl_error_text(err));
	hl_error_free(err);
	hl_sandbox_free(sb);
}

static void many_callers(void)
{
	pthread_t threads[8];

	shared = restore(config());
	expect(shared, ":exec", "def same(x): return x", "");
	for (long i = 0; i < 8; i++)
		CHECK(pthread_create(&threads[i], NULL, call_often, (void *)i) == 0, "no thread");
	for (int i = 0; i < 8; i++)
		pthread_join(threads[i], NULL);
	hl_sandbox_free(shared);
}

static void pool(void)
{
	struct hl_config *cfg = config();
	struct hl_error *err = NULL;
	struct hl_pool *pool;
	struct hl_sandbox *sb;
	atomic_int calls = 0;

	hl_config_add_function(cfg, "echo", echo, &calls);
	CHECK(hl_pool_new(cfg, snapshot, 2, &pool, &err) == 0, "%s", hl_error_text(err));
	for (int i = 0; i < 20; i++) {
		CHECK(hl_pool_take(pool, NULL, &sb, &err) == 0, "%s", hl_error_text(err));
		expect_error(sb, "kept", "", 60000, HL_FAILED, "no function");
		expect(sb, ":exec", "import hl\ndef kept(x): return hl.call('echo', x)", "");
		expect(sb, "kept", "a", "a");
		hl_pool_give(pool, sb);
	}
	CHECK(calls == 20, "%d", calls);
	hl_pool_free(pool);
	hl_config_free(cfg);
}

/* Threads and processes that share one open file, and ask for everything at once. */
static void hostile(void)
{
	struct hl_config *cfg = config();
	atomic_int calls = 0;
	atomic_bool enough = false;
	pthread_t thread;
	struct hl_error *err = NULL;
	struct hl_bytes out;

	hl_config_add_function(cfg, "echo", echo, &calls);
	struct hl_sandbox *sb = restore(cfg);
	struct killer k = { sb, &enough };
	expect(
	    sb, ":exec",
	    "import os, random, signal, threading\n"
	    "f = os.open('/dev/hl', os.O_RDWR | os.O_NONBLOCK)\n"
	    "asks = [b'next', b'result\\nx', b'error\\nx', b'args', b'environ', b'copy', b'dir',\n"
	    "        b'call echo\\n' + b'y' * 5000, b'call nowhere', b'call echo', b'\\n', "
	    "b'call']\n"
	    "def some(n):\n"
	    " r = random.Random(n)\n"
	    " for i in range(400):\n"
	    "  try:\n"
	    "   if r.random() < .3: os.read(f, r.choice([1, 100, 100000]))\n"
	    "   else: os.write(f, r.choice(asks))\n"
	    "  except OSError: pass\n"
	    "def hammer():\n"
	    " children = [os.fork() for _ in range(3)]\n"
	    " if 0 in children: signal.alarm(60)\n"
	    " all = [threading.Thread(target=some, args=(i,)) for i in range(4)]\n"
	    " for t in all: t.start()\n"
	    " if 0 in children and children.index(0) == 1: os._exit(0)\n"
	    " for t in all: t.join()\n"
	    " if 0 in children: os._exit(0)\n"
	    " for c in children: os.waitpid(c, 0)\n",
	    "");
	CHECK(pthread_create(&thread, NULL, pause_often, &k) == 0, "no thread");
	/* others of its threads may take this call, and answer it with anything */
	if (hl_sandbox_call(sb, ":exec", "hammer()", 8, 120000, &out, &err))
		CHECK(hl_error_code(err) == HL_FAILED, "%s", hl_error_text(err));
	hl_error_free(err);
	hl_bytes_free(&out);
	enough = true;
	pthread_join(thread, NULL);
	hl_sandbox_free(sb);
}

/* ---- streams and files ---- */

static struct hl_sandbox *run_code(struct hl_config *cfg, const char *code)
{
	hl_config_set_args(cfg, 2, (const char *[]){ "-c", code });
	return restore(cfg);
}

static void await_end(struct hl_sandbox *sb, int status)
{
	struct hl_error *err = NULL;
	struct hl_result res;

	CHECK(hl_sandbox_wait(sb, 60000, &res, &err) == 0, "%s", hl_error_text(err));
	CHECK(res.end == HL_EXITED && res.status == status, "%d %d", res.end, res.status);
}

/* What was kept of a stream. */
static void expect_output(struct hl_sandbox *sb, int fd, const char *want, size_t len,
			  uint64_t lost)
{
	struct hl_error *err = NULL;
	struct hl_bytes out;
	uint64_t more;

	CHECK(hl_sandbox_take_output(sb, fd, &out, &more, &err) == 0, "%s", hl_error_text(err));
	CHECK(out.len == len && (!len || memcmp(out.data, want, len) == 0) && more == lost,
	      "%d: %zu bytes, %lu more: %.*s", fd, out.len, more, (int)out.len, out.data);
	hl_bytes_free(&out);
}

static void kept_output(void)
{
	struct hl_config *cfg = config();
	struct hl_error *err = NULL;
	struct hl_bytes out;

	hl_config_keep_output(cfg, 1, 100000);
	hl_config_keep_output(cfg, 2, 3);
	hl_config_set_input(cfg, "a\0b", 3);
	struct hl_sandbox *sb = run_code(cfg, "import sys\n"
					      "d = sys.stdin.buffer.read()\n"
					      "sys.stdout.buffer.write(d + bytes(range(256)))\n"
					      "sys.stderr.write('hello')");
	char all[259] = "a\0b";
	for (int i = 0; i < 256; i++)
		all[3 + i] = (char)i;
	for (int i = 0; i < 3; i++) {
		await_end(sb, 0);
		expect_output(sb, 1, all, sizeof all, 0);
		expect_output(sb, 2, "hel", 3, 2);
		expect_output(sb, 2, "", 0, 0);
		reset(sb);
	}
	await_end(sb, 0);
	reset(sb); /* what nobody took is forgotten */
	await_end(sb, 0);
	expect_output(sb, 1, all, sizeof all, 0);
	CHECK(hl_sandbox_take_output(sb, 3, &out, NULL, &err) == -1 &&
		  hl_error_code(err) == HL_STATE,
	      "%s", hl_error_text(err));
	hl_error_free(err);
	hl_sandbox_free(sb);
}

/* More than a pipe holds, and more than is kept: the program does not wait for anybody. */
static void much_output(void)
{
	struct hl_config *cfg = config();

	hl_config_keep_output(cfg, 1, 10);
	struct hl_sandbox *sb = run_code(cfg, "print('x' * 5000000)");
	await_end(sb, 0);
	expect_output(sb, 1, "xxxxxxxxxx", 10, 5000001 - 10);
	hl_sandbox_free(sb);
}

/* Written in a thread of the library's, and looked at when the program has said that it is. */
struct heard {
	_Atomic size_t len; /* of the text, which is there before it counts */
	char text[1024];
};

static void hear(void *arg, const char *data, size_t len)
{
	struct heard *h = arg;

	CHECK(h->len + len < sizeof h->text, "too much");
	memcpy(h->text + h->len, data, len);
	h->len += len;
}

static bool heard_is(struct heard *h, const char *want)
{
	return h->len == strlen(want) && memcmp(h->text, want, strlen(want)) == 0;
}

static void output_functions(void)
{
	struct hl_config *cfg = config();
	struct heard out = { 0 }, errors = { 0 };
	struct hl_error *err = NULL;
	struct hl_bytes taken;

	hl_config_set_output(cfg, 1, hear, &out);
	hl_config_set_output(cfg, 2, hear, &errors);
	struct hl_sandbox *sb = restore(cfg);
	expect(sb, ":exec", "import sys\nprint('one')\nprint('two', file=sys.stderr)", "");
	CHECK(hl_sandbox_take_output(sb, 1, &taken, NULL, &err) == 0 && !taken.len, "%s",
	      hl_error_text(err));
	CHECK(heard_is(&out, "one\n"), "'%s'", out.text);
	expect(sb, ":exec",
	       "import os\nassert os.isatty(1) is False\nos.write(1, b'three\\n')\n"
	       "open('/dev/stdout', 'w').write('four')",
	       "");
	expect_error(sb, ":exec", "import os; os._exit(0)", 60000, HL_STATE, "ended");
	await_end(sb, 0);
	CHECK(heard_is(&out, "one\nthree\nfour"), "'%s'", out.text);
	CHECK(heard_is(&errors, "two\n"), "'%s'", errors.text);
	hl_sandbox_free(sb);
}

static void expect_file(struct hl_sandbox *sb, const char *path, const char *want, size_t len)
{
	struct hl_error *err = NULL;
	struct hl_bytes out;

	CHECK(hl_sandbox_get_file(sb, path, len, &out, &err) == 0, "%s", hl_error_text(err));
	CHECK(out.len == len && (!len || memcmp(out.data, want, len) == 0), "%s: %zu: %.*s", path,
	      out.len, (int)out.len, out.data);
	hl_bytes_free(&out);
}

static void no_file(struct hl_sandbox *sb, const char *path, size_t limit, enum hl_code code,
		    const char *text)
{
	struct hl_error *err = NULL;
	struct hl_bytes out;

	CHECK(hl_sandbox_get_file(sb, path, limit, &out, &err) == -1, "%s: %zu", path, out.len);
	CHECK(hl_error_code(err) == code && strstr(hl_error_text(err), text), "%d: %s",
	      hl_error_code(err), hl_error_text(err));
	hl_error_free(err);
}

static void put_file(struct hl_sandbox *sb, const char *path, const char *text)
{
	struct hl_error *err = NULL;

	CHECK(hl_sandbox_put_file(sb, path, text, strlen(text), 0640, &err) == 0, "%s",
	      hl_error_text(err));
}

static void files(void)
{
	struct hl_config *cfg = config();
	struct hl_error *err = NULL;

	hl_config_set_isolate(cfg, true);
	struct hl_sandbox *sb = restore(cfg);
	put_file(sb, "/tmp/a/b/c.txt", "hello");
	put_file(sb, "/tmp/empty", "");
	expect(sb, ":exec",
	       "import os\n"
	       "assert open('/tmp/a/b/c.txt').read() == 'hello'\n"
	       "s = os.stat('/tmp/a/b/c.txt')\n"
	       "assert (s.st_mode, s.st_uid, s.st_size) == (0o100640, 0, 5), s\n"
	       "open('/tmp/out', 'wb').write(bytes(1000000))\n"
	       "os.symlink('out', '/tmp/link')\n"
	       "os.symlink('/dev/tty', '/tmp/device')\n"
	       "os.symlink('/proc/self/mem', '/tmp/memory')\n"
	       "os.symlink('/tmp/out', '/tmp/over')\n"
	       "os.mkfifo('/tmp/fifo')\n"
	       "os.mkdir('/tmp/closed', 0)\n",
	       "");
	expect_file(sb, "/tmp/empty", "", 0);
	expect_file(sb, "/tmp/a/b/c.txt", "hello", 5);
	char *zeroes = calloc(1, 1000000);
	expect_file(sb, "/tmp/out", zeroes, 1000000);
	expect_file(sb, "/tmp/link", zeroes, 1000000);
	no_file(sb, "/tmp/out", 999999, HL_SYSTEM, "File too large");
	no_file(sb, "/tmp/nowhere", 10, HL_NOT_FOUND, "/tmp/nowhere: No such file");
	no_file(sb, "/tmp/out/x", 10, HL_NOT_FOUND, "Not a directory");
	no_file(sb, "/tmp", 10, HL_SYSTEM, "Is a directory");
	no_file(sb, "tmp/out", 10, HL_INVALID, "absolute");
	static const char *const odd[] = { "/tmp/device", "/tmp/fifo",   "/tmp/memory", "/dev/zero",
					   "/dev/hl",     "/proc/2/mem", "/proc/uptime" };
	for (size_t i = 0; i < sizeof odd / sizeof *odd; i++)
		CHECK(hl_sandbox_get_file(sb, odd[i], 10, &(struct hl_bytes){ 0 }, NULL) == -1,
		      "%s", odd[i]);
	/* whatever has the name is replaced, and not opened */
	put_file(sb, "/tmp/over", "new");
	put_file(sb, "/tmp/device", "new");
	put_file(sb, "/tmp/fifo", "new");
	expect_file(sb, "/tmp/over", "new", 3);
	expect_file(sb, "/tmp/fifo", "new", 3);
	expect_file(sb, "/tmp/out", zeroes, 1000000);
	free(zeroes);
	CHECK(hl_sandbox_put_file(sb, "/tmp/a", "", 0, 0600, &err) == -1, "a directory");
	hl_error_free(err);
	CHECK(hl_sandbox_put_file(sb, "/usr/x", "", 0, 0600, &err) == -1 &&
		  strstr(hl_error_text(err), "Read-only"),
	      "%s", hl_error_text(err));
	hl_error_free(err);
	expect_error(sb, ":exec", "import os; os._exit(0)", 60000, HL_STATE, "ended");
	expect_file(sb, "/tmp/a/b/c.txt", "hello", 5);
	hl_sandbox_free(sb);
}

/* What the device file says to what makes no sense. */
static void requests(void)
{
	struct hl_sandbox *sb = restore(config());

	expect(sb, ":exec",
	       "import errno, os\n"
	       "def ask(b, fd=None):\n"
	       " f = fd or os.open('/dev/hl', os.O_RDWR | os.O_NONBLOCK)\n"
	       " try:\n"
	       "  os.write(f, b)\n"
	       "  return 0\n"
	       " except OSError as e: return errno.errorcode[e.errno]\n"
	       " finally:\n"
	       "  if not fd: os.close(f)\n"
	       "for b, want in [\n"
	       " (b'next', 'EAGAIN'), (b'next x', 'EINVAL'), (b'next\\nx', 'EINVAL'),\n"
	       " (b'result', 'ESRCH'), (b'error\\nx', 'ESRCH'), (b'result x', 'EINVAL'),\n"
	       " (b'call f\\nx', 'ENOTSUP'), (b'call', 'EINVAL'), (b'call ', 'EINVAL'),\n"
	       " (b'call a\\0b', 'EINVAL'), (b'call ' + b'x' * 255, 'ENOTSUP'),\n"
	       " (b'call ' + b'x' * 256, 'EINVAL'), (b'call ' + b'x' * 400 + b'\\n', 'EINVAL'),\n"
	       " (b'x' * 1000, 'EINVAL'), (b'\\n', 'EINVAL'),\n"
	       " (b'result\\n' + b'x' * ((16 << 20) + 1), 'EMSGSIZE'), (b'args\\n', 0)]:\n"
	       " got = ask(b)\n"
	       " assert got == want, (b[:20], got, want)\n",
	       NULL);
	hl_sandbox_free(sb);
}

static const struct {
	const char *name;
	void (*fn)(void);
} cases[] = {
	{ "results", results },
	{ "errors", errors },
	{ "states", states },
	{ "kills", kills },
	{ "functions", functions },
	{ "pauses", pauses },
	{ "clones", clones },
	{ "many callers", many_callers },
	{ "pool", pool },
	{ "requests", requests },
	{ "hostile", hostile },
	{ "kept output", kept_output },
	{ "much output", much_output },
	{ "output functions", output_functions },
	{ "files", files },
};

int main(int argc, char **argv)
{
	struct hl_error *err = NULL;

	platform = argv[1];
	current = "the snapshot";
	CHECK(hl_snapshot_open(SNAPSHOT, &snapshot, &err) == 0, "%s", hl_error_text(err));
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		current = cases[i].name;
		if (argc > 2 && *argv[2] && strcmp(argv[2], current) != 0)
			continue;
		cases[i].fn();
		printf("ok %s\n", current);
		fflush(stdout);
	}
	hl_snapshot_close(snapshot);
	printf("%zu passed, 0 failed, 0 skipped\n", sizeof cases / sizeof *cases);
	return 0;
}
