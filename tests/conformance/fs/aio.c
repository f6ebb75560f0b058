/* SPDX-License-Identifier: Apache-2.0 */
/* io_setup(2) and its family. */
#include <linux/aio_abi.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/uio.h>

#include "case.h"

#define NR 8

static long io_setup(unsigned nr, aio_context_t *x)
{
	return syscall(SYS_io_setup, nr, x);
}

static long io_destroy(aio_context_t x)
{
	return syscall(SYS_io_destroy, x);
}

static long io_submit(aio_context_t x, long nr, struct iocb **list)
{
	return syscall(SYS_io_submit, x, nr, list);
}

static long io_getevents(aio_context_t x, long least, long nr, struct io_event *e,
			 struct timespec *timeout)
{
	return syscall(SYS_io_getevents, x, least, nr, e, timeout);
}

struct ring {
	uint32_t id, nr, head, tail, magic, compat, incompat, header;
	struct io_event events[];
};

/* The call first, then its errno. */
#define SAY(what, call)                                                                            \
	do {                                                                                       \
		long n_ = (long)(call);                                                            \
		say_result(what, n_, errno);                                                       \
	} while (0)

static aio_context_t make(unsigned nr)
{
	aio_context_t x = 0;

	NEED(io_setup(nr, &x));
	return x;
}

static int temporary(void)
{
	return (int)NEED(memfd_create("aio", 0));
}

static struct iocb request(int op, int fd, const void *buf, size_t len, int64_t off)
{
	return (struct iocb){ .aio_lio_opcode = (uint16_t)op,
			      .aio_fildes = (uint32_t)fd,
			      .aio_buf = (uint64_t)buf,
			      .aio_nbytes = len,
			      .aio_offset = off,
			      .aio_data = (uint64_t)(100 + op) };
}

static void say_submit(const char *what, aio_context_t x, struct iocb *r)
{
	long n = io_submit(x, 1, &r);

	say_result(what, n, errno);
}

/* All that is there. */
static void say_events(aio_context_t x)
{
	struct timespec none = { 0, 0 };
	struct io_event e[NR];
	long n = io_getevents(x, 0, NR, e, &none);

	say_result("getevents", n, errno);
	for (long i = 0; i < n; i++)
		say("  data %llu res %lld res2 %lld\n", e[i].data, e[i].res, e[i].res2);
}

CASE(transfers)
{
	aio_context_t x = make(NR);
	char in[32] = "", more[4] = "";
	char abc[] = "abc", defg[] = "defg";
	int fd = temporary();
	struct iovec out_v[2] = { { abc, 3 }, { defg, 4 } }, in_v[2] = { { in, 2 }, { more, 3 } };
	struct iocb all[] = {
		request(IOCB_CMD_PWRITE, fd, "hello", 5, 3),
		request(IOCB_CMD_PREAD, fd, in, 32, 1),
		request(IOCB_CMD_PWRITEV, fd, out_v, 2, 100),
		request(IOCB_CMD_PREADV, fd, in_v, 2, 101),
		request(IOCB_CMD_FSYNC, fd, NULL, 0, 0),
		request(IOCB_CMD_FDSYNC, fd, NULL, 0, 0),
		request(IOCB_CMD_PREAD, fd, in, 0, 0),
	};
	struct iocb *list[7];

	for (int i = 0; i < 7; i++) {
		list[i] = &all[i];
		all[i].aio_key = 77;
	}
	SAY("two", io_submit(x, 2, list));
	say("read [%.*s]\n", 6, in + 2);
	say_events(x);
	SAY("five", io_submit(x, 5, list + 2));
	/* Syncs may end later than what follows them. */
	struct io_event e[5];
	long n = io_getevents(x, 5, 5, e, NULL);
	say_result("getevents", n, errno);
	for (int i = 2; i < 7; i++)
		for (int k = 0; k < n; k++)
			if (e[k].obj == (uint64_t)list[i])
				say("  data %llu res %lld res2 %lld\n", e[k].data, e[k].res,
				    e[k].res2);
	say("read [%.2s] [%.3s] key %u\n", in, more, all[0].aio_key);
	SAY("position", lseek(fd, 0, SEEK_CUR));
	SAY("destroy", io_destroy(x));
	SAY("again", io_destroy(x));
}

CASE(setup_errors)
{
	aio_context_t x = 0;

	SAY("none", io_setup(0, &x));
	SAY("NULL", io_setup(1, NULL));
	SAY("too many", io_setup(1 << 30, &x));
	SAY("many", io_setup(1 << 22, &x));
	x = 5;
	SAY("not 0", io_setup(1, &x));
	aio_context_t *constant = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	SAY("read-only", io_setup(1, constant));
	FILE *maps = fopen("/proc/self/maps", "r");
	char line[512];
	while (fgets(line, sizeof line, maps))
		if (strstr(line, "aio"))
			say("left: %s", line);
}

CASE(submit_errors)
{
	aio_context_t x = make(NR);
	char buf[8] = "";
	int fd = temporary(), ro = (int)NEED(open("/dev/null", O_RDONLY)),
	    dir = (int)NEED(open("/", O_RDONLY)), path = (int)NEED(open("/", O_PATH));
	struct iocb r = request(IOCB_CMD_PREAD, fd, buf, 8, 0), *list[2] = { &r, NULL };

	SAY("negative", io_submit(x, -1, list));
	SAY("nothing", io_submit(x, 0, list));
	SAY("no context", io_submit(0, 1, list));
	SAY("no such context", io_submit(x + 4096, 1, list));
	SAY("no list", io_submit(x, 1, NULL));
	SAY("one and NULL", io_submit(x, 2, list));
	SAY("NULL first", io_submit(x, 1, list + 1));
	r = request(IOCB_CMD_PREAD, 99, buf, 8, 0);
	say_submit("no file", x, &r);
	r = request(IOCB_CMD_NOOP, fd, buf, 8, 0);
	say_submit("noop", x, &r);
	r = request(42, fd, buf, 8, 0);
	say_submit("unknown", x, &r);
	r = request(IOCB_CMD_PWRITE, ro, buf, 8, 0);
	say_submit("write to what is read", x, &r);
	r = request(IOCB_CMD_PREAD, dir, buf, 8, 0);
	say_submit("directory", x, &r);
	r = request(IOCB_CMD_PREAD, path, buf, 8, 0);
	say_submit("O_PATH", x, &r);
	r = request(IOCB_CMD_PREAD, fd, buf, 8, -1);
	say_submit("before the start", x, &r);
	r = request(IOCB_CMD_PREAD, fd, buf, (size_t)-1, 0);
	say_submit("length", x, &r);
	r = request(IOCB_CMD_PREADV, fd, NULL, 2, 0);
	say_submit("no vector", x, &r);
	r = request(IOCB_CMD_PREADV, fd, buf, 5000, 0);
	say_submit("long vector", x, &r);
	r = request(IOCB_CMD_FSYNC, fd, buf, 0, 0);
	say_submit("sync of a buffer", x, &r);
	r = request(IOCB_CMD_PREAD, fd, buf, 8, 0);
	r.aio_reserved2 = 1;
	say_submit("reserved", x, &r);
	r.aio_reserved2 = 0;
	r.aio_rw_flags = 0x40000000;
	say_submit("flags", x, &r);
	r.aio_rw_flags = 0;
	r.aio_flags = IOCB_FLAG_RESFD;
	r.aio_resfd = (uint32_t)fd;
	say_submit("no eventfd", x, &r);
	r.aio_resfd = 99;
	say_submit("no descriptor", x, &r);
	say_events(x);
}

CASE(results_that_are_errors)
{
	aio_context_t x = make(NR);
	char buf[8] = "";
	int p[2], q[2], fd = temporary();

	signal(SIGPIPE, SIG_IGN);
	NEED(pipe2(p, O_NONBLOCK));
	NEED(pipe(q));
	close(q[0]);
	NEED(write(fd, "12345678", 8));
	struct iocb r = request(IOCB_CMD_PREAD, p[0], buf, 8, 0);
	say_submit("empty pipe", x, &r);
	r = request(IOCB_CMD_PWRITE, q[1], buf, 8, 0);
	say_submit("no reader", x, &r);
	r = request(IOCB_CMD_PREAD, fd, (void *)16, 8, 0);
	say_submit("no buffer", x, &r);
	r = request(IOCB_CMD_PREAD, fd, buf, 8, 8);
	say_submit("end of file", x, &r);
	r = request(IOCB_CMD_PWRITE, p[1], "abc", 3, 500);
	say_submit("pipe", x, &r);
	r = request(IOCB_CMD_PREAD, p[0], buf, 8, 500);
	say_submit("pipe", x, &r);
	say_events(x);
	say("[%s]\n", buf);
}

CASE(getevents_errors)
{
	aio_context_t x = make(NR);
	struct timespec none = { 0, 0 };
	struct io_event e;
	char c = 'x';
	struct iocb r = request(IOCB_CMD_PWRITE, temporary(), &c, 1, 0);

	SAY("no context", io_getevents(7, 0, 1, &e, &none));
	SAY("more than there is room for", io_getevents(x, 2, 1, &e, &none));
	SAY("negative", io_getevents(x, -1, 1, &e, &none));
	SAY("none", io_getevents(x, 0, 0, &e, NULL));
	SAY("no time", io_getevents(x, 0, 1, &e, (void *)8));
	SAY("nothing there", io_getevents(x, 1, 1, &e, &none));
	none.tv_nsec = 3000000;
	SAY("nothing comes", io_getevents(x, 1, 1, &e, &none));
	say_submit("one", x, &r);
	SAY("nowhere", io_getevents(x, 1, 1, (void *)8, NULL));
	SAY("it is still there", io_getevents(x, 1, 1, &e, NULL));
	SAY("cancel", syscall(SYS_io_cancel, x, &r, &e));
	SAY("cancel of nothing", syscall(SYS_io_cancel, x, NULL, &e));
	r.aio_key = 3;
	SAY("cancel of another key", syscall(SYS_io_cancel, x, &r, &e));
}

CASE(eventfds)
{
	aio_context_t x = make(NR);
	int efd = (int)NEED(eventfd(0, EFD_NONBLOCK));
	char c = 'x';
	struct iocb r = request(IOCB_CMD_PWRITE, temporary(), &c, 1, 0), *list[3] = { &r, &r, &r };
	struct pollfd p = { .fd = efd, .events = POLLIN };
	uint64_t n = 0;

	r.aio_flags = IOCB_FLAG_RESFD;
	r.aio_resfd = (uint32_t)efd;
	SAY("poll", poll(&p, 1, 0));
	SAY("three", io_submit(x, 3, list));
	SAY("poll", poll(&p, 1, 0));
	SAY("read", read(efd, &n, sizeof n));
	say("count %lu\n", n);
	say_events(x);
}

/* A program that takes results out of the ring itself makes room for more. */
CASE(ring)
{
	aio_context_t x = make(1);
	struct ring *ring = (struct ring *)x;
	char c = 'x';
	struct iocb r = request(IOCB_CMD_PWRITE, temporary(), &c, 1, 0), *list[1] = { &r };
	long n = 0, more = 0;

	say("magic %x features %u %u header %u head %u tail %u room %d\n", ring->magic,
	    ring->compat, ring->incompat, ring->header, ring->head, ring->tail, ring->nr > 1);
	say_submit("one", x, &r);
	say("tail %u data %llu res %lld\n", ring->tail, ring->events[0].data, ring->events[0].res);
	while (n < 100000 && io_submit(x, 1, list) == 1)
		n++;
	say("full after more than asked for: %d, before all of it: %d %s\n", n > 1, n < ring->nr,
	    strerrorname_np(errno));
	ring->head = ring->tail;
	while (more < n && io_submit(x, 1, list) == 1)
		more++;
	say("as many again: %d\n", more >= n / 2);
	ring->head = 0xfffffff0;
	ring->tail = 0xffffff00;
	struct timespec none = { 0, 0 };
	struct io_event e[4];
	long got = io_getevents(x, 0, 4, e, &none);
	say("with numbers that cannot be: %d\n", got >= 0 && got <= 4);
	SAY("destroy", io_destroy(x));
}

static aio_context_t shared;

static void *submit_late(void *arg)
{
	char c = 'x';
	struct iocb r = request(IOCB_CMD_PWRITE, (int)(intptr_t)arg, &c, 1, 0), *list[1] = { &r };

	for (int i = 0; i < 3; i++) {
		usleep(10000);
		io_submit(shared, 1, list);
	}
	return NULL;
}

CASE(waits_for_others)
{
	struct io_event e[3];
	pthread_t t;

	shared = make(NR);
	MUST(pthread_create(&t, NULL, submit_late, (void *)(intptr_t)temporary()));
	SAY("three", io_getevents(shared, 3, 3, e, NULL));
	MUST(pthread_join(t, NULL));
}

static void *wait_in_it(void *arg)
{
	struct io_event e;
	long n = io_getevents(shared, 1, 1, &e, NULL);

	return (void *)(intptr_t)(n < 0 ? -errno : n);
}

static void await_sleep(void)
{
	char path[64], state = 0;

	for (int i = 0; i < 2000 && state != 'S'; i++) {
		int tid = 0;
		FILE *f = popen("ls /proc/$PPID/task | tail -1", "r");
		if (!f || fscanf(f, "%d", &tid) != 1)
			_exit(99);
		pclose(f);
		snprintf(path, sizeof path, "/proc/self/task/%d/stat", tid);
		f = fopen(path, "r");
		if (!f || fscanf(f, "%*d (%*[^)]) %c", &state) != 1)
			state = 0;
		if (f)
			fclose(f);
		usleep(1000);
	}
}

CASE(destroyed_under_a_waiter)
{
	pthread_t t;
	void *r;

	shared = make(NR);
	MUST(pthread_create(&t, NULL, wait_in_it, NULL));
	await_sleep();
	SAY("destroy", io_destroy(shared));
	MUST(pthread_join(t, &r));
	say("waiter %s\n", strerrorname_np(-(int)(intptr_t)r) ?: "?");
}

static void on_alarm(int sig)
{
	say("signal\n");
}

CASE(interrupted)
{
	aio_context_t x = make(NR);
	struct sigaction sa = { .sa_handler = on_alarm, .sa_flags = SA_RESTART };
	struct io_event e;
	struct timespec forever = { 100, 0 };

	sigaction(SIGALRM, &sa, NULL);
	ualarm(20000, 0);
	SAY("getevents", io_getevents(x, 1, 1, &e, &forever));
	sigset_t blocked, empty;
	sigemptyset(&empty);
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGALRM);
	sigprocmask(SIG_BLOCK, &blocked, NULL);
	struct {
		const sigset_t *set;
		size_t size;
	} mask = { &empty, 8 };
	ualarm(20000, 0);
	SAY("pgetevents", syscall(SYS_io_pgetevents, x, 1L, 1L, &e, &forever, &mask));
	mask.size = 7;
	SAY("size", syscall(SYS_io_pgetevents, x, 1L, 1L, &e, &forever, &mask));
	SAY("nowhere", syscall(SYS_io_pgetevents, x, 1L, 1L, &e, &forever, (void *)8));
}

CASE(contexts_and_processes)
{
	aio_context_t x = make(NR);
	char c = 'x';
	struct iocb r = request(IOCB_CMD_PWRITE, temporary(), &c, 1, 0);

	pid_t pid = (pid_t)NEED(fork());
	if (!pid) {
		say("child sees the ring: %x\n", ((struct ring *)x)->magic);
		say_submit("child", x, &r);
		SAY("destroy", io_destroy(x));
		_exit(0);
	}
	waitpid(pid, NULL, 0);
	say_submit("parent", x, &r);
	say_events(x);
}

CASE(ring_that_moves)
{
	aio_context_t x = make(1), old = x;
	size_t len = 4096 * ((sizeof(struct ring) + ((struct ring *)x)->nr * 32UL + 4095) / 4096);
	char c = 'x';
	struct iocb r = request(IOCB_CMD_PWRITE, temporary(), &c, 1, 0);
	void *to = mmap(NULL, len, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	void *p = mremap((void *)x, len, len, MREMAP_MAYMOVE | MREMAP_FIXED, to);

	say("moved %d\n", p == to);
	x = (aio_context_t)p;
	say_submit("where it was", old, &r);
	say_submit("where it is", x, &r);
	say_events(x);
	SAY("unmap", munmap(p, len));
	say_submit("unmapped", x, &r);
	SAY("destroy", io_destroy(x));
}

CASE(maps)
{
	aio_context_t x = make(1);
	char line[512];
	unsigned long start;

	FILE *f = fopen("/proc/self/maps", "r");
	while (fgets(line, sizeof line, f))
		if (sscanf(line, "%lx", &start) == 1 && start == x)
			say("%.4s %s", strchr(line, ' ') + 1, strchr(line, '/'));
	fclose(f);
	SAY("destroy", io_destroy(x));
	f = fopen("/proc/self/maps", "r");
	while (fgets(line, sizeof line, f))
		if (strstr(line, "aio]"))
			say("left: %s", line);
	fclose(f);
}

static unsigned long number(const char *path)
{
	unsigned long n = 0;
	FILE *f = fopen(path, "r");

	if (!f || fscanf(f, "%lu", &n) != 1)
		say("%s cannot be read\n", path);
	if (f)
		fclose(f);
	return n;
}

CASE(numbers)
{
	unsigned long max = number("/proc/sys/fs/aio-max-nr");
	aio_context_t x = make(500);

	say("max %d, counted %d\n", max >= 500, number("/proc/sys/fs/aio-nr") >= 500);
	SAY("destroy", io_destroy(x));
}
