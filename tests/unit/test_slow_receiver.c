/* SPDX-License-Identifier: Apache-2.0 */
/* A receiver whose memory is slow: what others do with the same sockets goes on meanwhile. The
 * receiver's address space is locked here, as it is while another of its threads maps gigabytes, so
 * that its copy waits until the test lets it go. A sender that waits for it never comes back, and
 * SIGALRM ends the test. */
#include "tests/unit/fake.h"
#include "tests/unit/fsworld.h"

#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/mman.h>

#include "net/loop.h"
#include "net/loop_sock.h"
#include "net/net.h"
#include "net/policy.h"
#include "net/unix.h"
#include "net/unix_sock.h"
#include "util/lock.h"

#define PATIENCE 60 /* seconds */

struct receiver {
	struct socket *s;
	unsigned flags;
	gva_t buf;
	size_t len;
	pthread_t thread;
	struct sleeper sleeper;
	struct caller c;
	_Atomic pid_t tid;
	ssize_t result;
};

static struct fsworld fs;
static struct world memory;
static struct mm *mm;
static struct net_domain nets;
static struct net *net;
static struct socket *pair[2], *other[2];

static int setup(void **state)
{
	world_open(&fs);
	world_mount(&fs, "/", world_ramfs(&fs, 0), 0);
	world_create(&memory);
	assert_int_equal(mm_create(&memory.host, &mm), 0);
	net_domain_init(&nets, &fs.mem, fs.vfs->ns_numbers);
	assert_int_equal(net_new(&nets, &net_policy_none, true, fs.vfs->user_ns, &net), 0);
	assert_int_equal(net_prepare(net), 0);
	alarm(PATIENCE);
	return 0;
}

static int teardown(void **state)
{
	alarm(0);
	net_domain_clear(&nets);
	ns_put(&net->ns);
	net_domain_destroy(&nets);
	mm_put(mm);
	world_destroy(&memory);
	world_close(&fs);
	return 0;
}

static void pairs_open(int type)
{
	assert_int_equal(unix_create_pair(net, &fs.c, type, 0, 0, pair), 0);
	assert_int_equal(unix_create_pair(net, &fs.c, type, 0, 0, other), 0);
}

static void pairs_close(void)
{
	for (int i = 0; i < 2; i++) {
		file_put(&pair[i]->file);
		file_put(&other[i]->file);
	}
}

static ssize_t send_to(struct socket *s, const char *text, struct file *passed)
{
	char copy[64];
	struct uio u;
	struct socket_msg m = { .uio = &u, .flags = MSG_DONTWAIT };

	snprintf(copy, sizeof copy, "%s", text);
	uio_init_kernel(&u, copy, strlen(copy));
	if (passed) {
		m.scm.files = calloc(1, sizeof *m.scm.files + sizeof passed);
		assert_non_null(m.scm.files);
		m.scm.files->n = 1;
		m.scm.files->files[0] = file_get(passed);
	}
	ssize_t n = s->ops->sendmsg(s, &fs.c, &m);
	scm_release(&m.scm);
	return n;
}

/* ---- the slow receiver ---- */

static void *receive(void *arg)
{
	struct receiver *r = arg;
	struct uio u;
	struct socket_msg m = { .uio = &u, .flags = r->flags | MSG_DONTWAIT };

	kick_attach(&r->sleeper.kick);
	r->tid = gettid();
	uio_init_guest(&u, mm, r->buf, r->len);
	r->result = r->s->ops->recvmsg(r->s, &r->c, &m);
	scm_release(&m.scm);
	kick_detach(&r->sleeper.kick);
	return NULL;
}

static char state_of(pid_t tid)
{
	char path[64], state = '?';

	snprintf(path, sizeof path, "/proc/self/task/%d/stat", tid);
	FILE *f = fopen(path, "r");
	assert_non_null(f);
	assert_int_equal(fscanf(f, "%*d (%*[^)]) %c", &state), 1);
	fclose(f);
	return state;
}

/* Has a read of the socket begun? */
typedef bool begun_fn(struct socket *s);

static bool is_held(struct mutex *m)
{
	if (pthread_mutex_trylock(&m->pthread))
		return true;
	pthread_mutex_unlock(&m->pthread);
	return false;
}

static bool unix_begun(struct socket *s)
{
	return is_held(&unix_of(s)->read_lock);
}

static bool tcp_begun(struct socket *s)
{
	return is_held(&loop_of(s)->read_lock);
}

/* The only datagram is off the queue. */
static bool udp_begun(struct socket *s)
{
	return !(s->ops->poll(s, NULL) & POLLIN);
}

/* The only error is off the queue. */
static bool error_begun(struct socket *s)
{
	return !loop_has_errors(loop_of(s));
}

/* Returns when the receiver sleeps in the middle of a read, which is in the copy: nobody else has
 * any lock that it takes but the address space's. */
static void receiver_start(struct receiver *r, struct socket *s, unsigned flags, begun_fn *begun)
{
	*r = (struct receiver){ .s = s, .flags = flags, .len = 16, .c = fs.c };
	r->c.sleeper = &r->sleeper;
	r->buf = GVA(map_anon(mm, 0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE));
	/* in the name of another thread: no matter to the lock checker */
	pthread_rwlock_wrlock(&mm->lock.pthread);
	assert_int_equal(pthread_create(&r->thread, NULL, receive, r), 0);
	while (!r->tid || !begun(s) || state_of(r->tid) != 'S')
		usleep(1000);
}

static void receiver_end(struct receiver *r, const char *expected)
{
	char got[16] = "";
	int si_code;

	pthread_rwlock_unlock(&mm->lock.pthread);
	pthread_join(r->thread, NULL);
	assert_int_equal(r->result, strlen(expected));
	assert_int_equal(guest_read(mm, r->buf.v, got, strlen(expected), &si_code), 0);
	assert_string_equal(got, expected);
}

static void expect_next(struct socket *s, const char *expected)
{
	char got[64] = "";
	struct uio u;
	struct socket_msg m = { .uio = &u, .flags = MSG_DONTWAIT };

	uio_init_kernel(&u, got, sizeof got - 1);
	ssize_t n = s->ops->recvmsg(s, &fs.c, &m);
	scm_release(&m.scm);
	assert_int_equal(n, strlen(expected));
	assert_string_equal(got, expected);
}

/* What others do with a socket that is being read: all that takes its locks. */
static void use_meanwhile(void)
{
	struct sockaddr_storage name;
	struct socket_stat st = { 0 };

	assert_int_equal(send_to(pair[1], "second", NULL), 6);
	assert_true(pair[0]->ops->poll(pair[0], NULL) & POLLIN);
	assert_true(pair[1]->ops->poll(pair[1], NULL) & POLLOUT);
	pair[0]->ops->stat(pair[0], &st);
	assert_true(pair[0]->ops->getname(pair[0], true, &name) > 0);
	/* the other direction */
	assert_int_equal(send_to(pair[0], "answer", NULL), 6);
	expect_next(pair[1], "answer");
}

/* Descriptors are sent; a socket is closed, which looks for those that only messages refer to. */
static void pass_descriptors_meanwhile(void)
{
	struct socket *closed[2];

	assert_int_equal(send_to(other[1], "files", &pair[0]->file), 5);
	expect_next(other[0], "files");
	assert_int_equal(unix_create_pair(net, &fs.c, SOCK_DGRAM, 0, 0, closed), 0);
	assert_int_equal(send_to(closed[1], "self", &closed[0]->file), 4);
	file_put(&closed[0]->file);
	file_put(&closed[1]->file);
}

static void slow_receiver(int type, unsigned flags)
{
	struct receiver r;

	pairs_open(type);
	assert_int_equal(send_to(pair[1], "first", NULL), 5);
	receiver_start(&r, pair[0], flags, unix_begun);
	use_meanwhile();
	pass_descriptors_meanwhile();
	assert_int_equal(pair[1]->ops->shutdown(pair[1], SHUT_WR), 0);
	if (type == SOCK_STREAM) {
		/* A read takes what came while it copied. */
		receiver_end(&r, "firstsecond");
		if (flags & MSG_PEEK)
			expect_next(pair[0], "firstsecond");
	} else {
		receiver_end(&r, "first");
		if (flags & MSG_PEEK)
			expect_next(pair[0], "first");
		expect_next(pair[0], "second");
	}
	pairs_close();
}

static void stream(void **state)
{
	slow_receiver(SOCK_STREAM, 0);
}

static void stream_peek(void **state)
{
	slow_receiver(SOCK_STREAM, MSG_PEEK);
}

static void datagrams(void **state)
{
	slow_receiver(SOCK_DGRAM, 0);
}

static void datagrams_peek(void **state)
{
	slow_receiver(SOCK_DGRAM, MSG_PEEK);
}

static void packets(void **state)
{
	slow_receiver(SOCK_SEQPACKET, 0);
}

/* ---- a loopback of the sandbox's own ---- */

static const struct sockaddr_in at = { .sin_family = AF_INET,
				       .sin_port = 9999,
				       .sin_addr.s_addr = 0x0100007f };

static struct socket *loop_socket(int type)
{
	struct socket *s;

	assert_int_equal(loop_create(net, &fs.c, AF_INET, type, 0, 0, &s), 0);
	return s;
}

static void udp(void **state)
{
	struct receiver r;

	for (int i = 0; i < 2; i++)
		pair[i] = loop_socket(SOCK_DGRAM);
	assert_int_equal(
	    pair[0]->ops->bind(pair[0], &fs.c, (const struct sockaddr *)&at, sizeof at), 0);
	assert_int_equal(
	    pair[1]->ops->connect(pair[1], &fs.c, (const struct sockaddr *)&at, sizeof at, false),
	    0);
	assert_int_equal(send_to(pair[1], "first", NULL), 5);
	receiver_start(&r, pair[0], 0, udp_begun);
	assert_int_equal(send_to(pair[1], "second", NULL), 6);
	expect_next(pair[0], "second");
	assert_int_equal(send_to(pair[1], "third", NULL), 5);
	receiver_end(&r, "first");
	expect_next(pair[0], "third");
	for (int i = 0; i < 2; i++)
		file_put(&pair[i]->file);
}

/* The error is off the queue: those that come meanwhile are another's. */
static void udp_errors(void **state)
{
	const struct sockaddr_in nobody = { .sin_family = AF_INET,
					    .sin_port = 9998,
					    .sin_addr.s_addr = 0x0100007f };
	struct receiver r;
	int on = 1;

	for (int i = 0; i < 2; i++)
		pair[i] = loop_socket(SOCK_DGRAM);
	assert_int_equal(
	    pair[0]->ops->bind(pair[0], &fs.c, (const struct sockaddr *)&at, sizeof at), 0);
	assert_int_equal(
	    pair[0]->ops->setsockopt(pair[0], &fs.c, IPPROTO_IP, IP_RECVERR, &on, sizeof on), 0);
	assert_int_equal(pair[0]->ops->connect(pair[0], &fs.c, (const struct sockaddr *)&nobody,
					       sizeof nobody, false),
			 0);
	assert_int_equal(send_to(pair[0], "lost", NULL), 4);
	receiver_start(&r, pair[0], MSG_ERRQUEUE, error_begun);
	assert_int_equal(pair[0]->ops->take_error(pair[0]), 0);
	assert_int_equal(send_to(pair[0], "again", NULL), 5);
	receiver_end(&r, "lost");
	for (int i = 0; i < 2; i++)
		file_put(&pair[i]->file);
}

static void tcp_open(void)
{
	struct socket *listener = loop_socket(SOCK_STREAM);
	struct sockaddr_storage peer;

	pair[1] = loop_socket(SOCK_STREAM);
	assert_int_equal(
	    listener->ops->bind(listener, &fs.c, (const struct sockaddr *)&at, sizeof at), 0);
	assert_int_equal(listener->ops->listen(listener, &fs.c, 1), 0);
	assert_int_equal(
	    pair[1]->ops->connect(pair[1], &fs.c, (const struct sockaddr *)&at, sizeof at, false),
	    0);
	assert_true(listener->ops->accept(listener, &fs.c, true, &peer, &pair[0]) > 0);
	file_put(&listener->file);
}

static void tcp_close(void)
{
	for (int i = 0; i < 2; i++)
		file_put(&pair[i]->file);
}

static void slow_tcp_receiver(unsigned flags)
{
	struct receiver r;

	tcp_open();
	assert_int_equal(send_to(pair[1], "first", NULL), 5);
	receiver_start(&r, pair[0], flags, tcp_begun);
	use_meanwhile();
	assert_int_equal(pair[1]->ops->shutdown(pair[1], SHUT_WR), 0);
	/* A read takes what came while it copied. */
	receiver_end(&r, "firstsecond");
	if (flags & MSG_PEEK)
		expect_next(pair[0], "firstsecond");
	tcp_close();
}

static void tcp(void **state)
{
	slow_tcp_receiver(0);
}

static void tcp_peek(void **state)
{
	slow_tcp_receiver(MSG_PEEK);
}

/* The connection is given up: what was being read has been received, and nothing after it. */
static void tcp_given_up(void **state)
{
	const struct sockaddr none = { .sa_family = AF_UNSPEC };
	struct receiver r;

	tcp_open();
	assert_int_equal(send_to(pair[1], "first", NULL), 5);
	receiver_start(&r, pair[0], 0, tcp_begun);
	assert_int_equal(send_to(pair[1], "second", NULL), 6);
	assert_int_equal(pair[0]->ops->connect(pair[0], &fs.c, &none, sizeof none, true), 0);
	receiver_end(&r, "first");
	assert_int_equal(loop_of(pair[0])->queued, 0);
	tcp_close();
}

/* An urgent byte that a peek is past, and which is all of its piece, is lost to the next one. */
static void tcp_urgent(void **state)
{
	unsigned char big[2048] = { 'b' };
	struct receiver r;
	struct uio u;
	struct socket_msg m = { .uio = &u, .flags = MSG_DONTWAIT };

	tcp_open();
	for (int i = 0; i < 2; i++) {
		uio_init_kernel(&u, big, i ? sizeof big : 1);
		m.flags = MSG_DONTWAIT | (i ? 0 : MSG_OOB);
		assert_int_equal(pair[1]->ops->sendmsg(pair[1], &fs.c, &m), i ? sizeof big : 1);
	}
	receiver_start(&r, pair[0], MSG_PEEK, tcp_begun);
	uio_init_kernel(&u, big, 1);
	m.flags = MSG_DONTWAIT | MSG_OOB;
	assert_int_equal(pair[1]->ops->sendmsg(pair[1], &fs.c, &m), 1);
	assert_int_equal(loop_of(pair[0])->queued, sizeof big + 1);
	pthread_rwlock_unlock(&mm->lock.pthread);
	pthread_join(r.thread, NULL);
	assert_int_equal(r.result, r.len);
	tcp_close();
}

/* The piece that is being read loses the urgent byte that it was made of. */
static void tcp_urgent_inline(void **state)
{
	char byte[] = "u";
	struct receiver r;
	struct uio u;
	struct socket_msg m = { .uio = &u, .flags = MSG_DONTWAIT | MSG_OOB };

	tcp_open();
	pair[0]->flags |= 1UL << SO_OOBINLINE;
	uio_init_kernel(&u, byte, 1);
	assert_int_equal(pair[1]->ops->sendmsg(pair[1], &fs.c, &m), 1);
	receiver_start(&r, pair[0], 0, tcp_begun);
	pair[0]->flags &= ~(1UL << SO_OOBINLINE);
	uio_init_kernel(&u, byte, 1);
	assert_int_equal(pair[1]->ops->sendmsg(pair[1], &fs.c, &m), 1);
	receiver_end(&r, "u");
	assert_int_equal(loop_of(pair[0])->queued, 1);
	tcp_close();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(stream, setup, teardown),
		cmocka_unit_test_setup_teardown(stream_peek, setup, teardown),
		cmocka_unit_test_setup_teardown(datagrams, setup, teardown),
		cmocka_unit_test_setup_teardown(datagrams_peek, setup, teardown),
		cmocka_unit_test_setup_teardown(packets, setup, teardown),
		cmocka_unit_test_setup_teardown(udp, setup, teardown),
		cmocka_unit_test_setup_teardown(udp_errors, setup, teardown),
		cmocka_unit_test_setup_teardown(tcp, setup, teardown),
		cmocka_unit_test_setup_teardown(tcp_peek, setup, teardown),
		cmocka_unit_test_setup_teardown(tcp_given_up, setup, teardown),
		cmocka_unit_test_setup_teardown(tcp_urgent, setup, teardown),
		cmocka_unit_test_setup_teardown(tcp_urgent_inline, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
