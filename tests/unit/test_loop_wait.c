/* SPDX-License-Identifier: Apache-2.0 */
/* TIME_WAIT of the sandbox's own loopback: how many there are, for how long, and how few ports are
 * enough. Times are set back here instead of being waited for. */
#include "tests/unit/fake.h"
#include "tests/unit/fsworld.h"

#include <netinet/in.h>

#include "net/loop.h"
#include "net/loop_sock.h"
#include "net/net.h"
#include "net/policy.h"
#include "util/time.h"

#define NR_PORTS 4

static struct fsworld fs;
static struct net_domain nets;
static struct net *net;
static struct socket *listener;
static uint64_t before; /* bytes that are counted without any connection */
static const struct sockaddr_in at = { .sin_family = AF_INET,
				       .sin_port = 9999,
				       .sin_addr.s_addr = 0x0100007f };

static int setup(void **state)
{
	world_open(&fs);
	world_mount(&fs, "/", world_ramfs(&fs, 0), 0);
	net_domain_init(&nets, &fs.mem, fs.vfs->ns_numbers);
	assert_int_equal(net_new(&nets, &net_policy_none, true, fs.vfs->user_ns, &net), 0);
	assert_int_equal(net_prepare(net), 0);
	net->loop->last_port = net->loop->first_port + NR_PORTS - 1;
	assert_int_equal(loop_create(net, &fs.c, AF_INET, SOCK_STREAM, 0, 0, &listener), 0);
	assert_int_equal(
	    listener->ops->bind(listener, &fs.c, (const struct sockaddr *)&at, sizeof at), 0);
	assert_int_equal(listener->ops->listen(listener, &fs.c, 5), 0);
	before = fs.mem.counts.bytes;
	return 0;
}

static int teardown(void **state)
{
	file_put(&listener->file);
	net_domain_clear(&nets);
	ns_put(&net->ns);
	net_domain_destroy(&nets);
	assert_int_equal(fs.mem.counts.bytes, 0);
	world_close(&fs);
	return 0;
}

/* A connection that the client ends first; what its connect said. */
static int connect_and_end(void)
{
	struct sockaddr_storage peer;
	struct socket *c, *s;

	assert_int_equal(loop_create(net, &fs.c, AF_INET, SOCK_STREAM, 0, 0, &c), 0);
	int r = c->ops->connect(c, &fs.c, (const struct sockaddr *)&at, sizeof at, false);
	if (!r)
		assert_true(listener->ops->accept(listener, &fs.c, true, &peer, &s) > 0);
	file_put(&c->file);
	if (!r)
		file_put(&s->file);
	return r;
}

/* As if so much time had gone by. */
static void pass_time(uint64_t ns)
{
	struct loop *l = net->loop;

	for (struct rb_node *n = rb_first(&l->waits); n; n = rb_next(n)) {
		struct loop_wait *w = rb_entry(n, struct loop_wait, node);
		w->since -= ns;
		w->until -= ns;
	}
}

/* Each port serves again after a second, for as often as it is asked. */
static void few_ports(void **state)
{
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < NR_PORTS; i++)
			assert_int_equal(connect_and_end(), 0);
		assert_int_equal(loop_waits(net->loop), NR_PORTS);
		assert_int_equal(connect_and_end(), -EADDRNOTAVAIL);
		pass_time(10 * NSEC_PER_SEC);
	}
}

/* The next connections are from that port. */
static void use_port(unsigned port)
{
	net->loop->first_port = net->loop->last_port = port;
}

static void a_minute(void **state)
{
	use_port(40000);
	assert_int_equal(connect_and_end(), 0);
	pass_time(59 * NSEC_PER_SEC);
	use_port(40001);
	assert_int_equal(connect_and_end(), 0);
	assert_int_equal(loop_waits(net->loop), 2);
	pass_time(2 * NSEC_PER_SEC);
	assert_int_equal(loop_waits(net->loop), 1);
	/* the first one's memory is had back when another begins */
	use_port(40002);
	assert_int_equal(connect_and_end(), 0);
	assert_int_equal(net->loop->nr_waits, 2);
	assert_int_equal(fs.mem.counts.bytes, before + 2 * sizeof(struct loop_wait));
	pass_time(60 * NSEC_PER_SEC);
	assert_int_equal(loop_waits(net->loop), 0);
}

/* The peer of a closed file has TCP_LINGER2 seconds to end. */
static void a_late_end(void **state)
{
	for (int late = 0; late <= 1; late++) {
		struct sockaddr_storage peer;
		struct socket *c, *s;
		int seconds = 5;

		assert_int_equal(loop_create(net, &fs.c, AF_INET, SOCK_STREAM, 0, 0, &c), 0);
		assert_int_equal(c->ops->setsockopt(c, &fs.c, IPPROTO_TCP, TCP_LINGER2, &seconds,
						    sizeof seconds),
				 0);
		assert_int_equal(
		    c->ops->connect(c, &fs.c, (const struct sockaddr *)&at, sizeof at, false), 0);
		assert_true(listener->ops->accept(listener, &fs.c, true, &peer, &s) > 0);
		file_put(&c->file);
		pass_time((late ? 6 : 4) * NSEC_PER_SEC);
		assert_int_equal(loop_waits(net->loop), !late);
		file_put(&s->file);
		assert_int_equal(loop_waits(net->loop), !late);
		pass_time(60 * NSEC_PER_SEC);
	}
}

/* One more than there may be is none. */
static void bounded(void **state)
{
	struct loop *l = net->loop;
	unsigned most = net_sysctl("ipv4/tcp_max_tw_buckets", 0);

	assert_true(most > 2);
	l->nr_waits = most - 1;
	use_port(40000);
	assert_int_equal(connect_and_end(), 0);
	assert_int_equal(l->nr_waits, most);
	use_port(40001);
	assert_int_equal(connect_and_end(), 0);
	assert_int_equal(l->nr_waits, most);
	assert_int_equal(loop_waits(l), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(few_ports, setup, teardown),
		cmocka_unit_test_setup_teardown(a_minute, setup, teardown),
		cmocka_unit_test_setup_teardown(a_late_end, setup, teardown),
		cmocka_unit_test_setup_teardown(bounded, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
