/* SPDX-License-Identifier: Apache-2.0 */
/* What timerfds do when somebody sets the clock, which a test may not: the host's calls that tell
 * of it are ours here. */
#include "fsworld.h"

#include <fcntl.h>
#include <poll.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>

#include "kernel/cputimer.h"
#include "kernel/ktimer.h"
#include "kernel/sandbox.h"
#include "kernel/timerfd.h"
#include "util/time.h"

static int realtime_fd = -1; /* the host's timer of CLOCK_REALTIME: an eventfd */
static _Atomic bool clock_was_set;

int timerfd_create(int clock, int flags)
{
	if (clock != CLOCK_REALTIME)
		return (int)syscall(SYS_timerfd_create, clock, flags);
	realtime_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return realtime_fd;
}

/* As the host's, setting it also empties it. */
int timerfd_settime(int fd, int flags, const struct itimerspec *it, struct itimerspec *old)
{
	uint64_t n;

	if (fd != realtime_fd)
		return (int)syscall(SYS_timerfd_settime, fd, flags, it, old);
	assert_int_equal(flags, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET);
	syscall(SYS_read, fd, &n, sizeof n);
	return 0;
}

ssize_t read(int fd, void *buf, size_t len)
{
	if (fd == realtime_fd && atomic_exchange(&clock_was_set, false)) {
		errno = ECANCELED;
		return -1;
	}
	return syscall(SYS_read, fd, buf, len);
}

static void set_clock(void)
{
	const uint64_t one = 1;

	atomic_store(&clock_was_set, true);
	assert_int_equal(write(realtime_fd, &one, sizeof one), sizeof one);
}

/* ---- */

static struct fsworld world;
static struct sandbox sandbox;

static int setup(void **state)
{
	world_open(&world);
	world_mount(&world, "/", world_ramfs(&world, 0), 0);
	memset(&sandbox, 0, sizeof sandbox);
	mutex_init(&sandbox.lock, LOCK_SANDBOX);
	return 0;
}

static int teardown(void **state)
{
	ktimer_stop(&sandbox);
	mutex_destroy(&sandbox.lock);
	world_close(&world);
	return 0;
}

static struct file *new_timer(int flags)
{
	struct file *f = NULL;

	assert_int_equal(timerfd_new(&world.c, &sandbox, CLOCK_REALTIME, flags, &f), 0);
	return f;
}

/* In an hour. */
static int set(struct file *f, int flags)
{
	struct timer_setting old, new = { .value = 3600 * NSEC_PER_SEC };

	if (flags & TFD_TIMER_ABSTIME)
		new.value += guest_clock_ns(&sandbox.clock, CLOCK_REALTIME);
	return timerfd_set(f, &world.c, flags, &new, &old);
}

static ssize_t read_ticks(struct file *f)
{
	uint64_t ticks;
	struct uio u;

	uio_init_kernel(&u, &ticks, sizeof ticks);
	return f->ops->read(f, &world.c, &u, NULL);
}

static const int cancelable = TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET;

/* A reader that waits is told, once; what the timer waits for stays. */
static void readers_are_told(void **state)
{
	struct file *f = new_timer(0);
	struct timer_setting left;

	assert_int_equal(set(f, cancelable), 0);
	assert_int_equal(f->ops->poll(f, NULL), 0);
	set_clock();
	assert_int_equal(read_ticks(f), -ECANCELED);
	f->flags |= O_NONBLOCK;
	assert_int_equal(f->ops->poll(f, NULL), 0);
	assert_int_equal(read_ticks(f), -EAGAIN);
	assert_int_equal(timerfd_get(f, &left), 0);
	assert_in_range(left.value, 3500 * NSEC_PER_SEC, 3600 * NSEC_PER_SEC);
	f->flags &= ~(unsigned)O_NONBLOCK;
	set_clock();
	assert_int_equal(read_ticks(f), -ECANCELED);
	file_put(f);
}

/* Those that did not ask are not told; one that asked and is set anew hears of it then. */
static void others_are_not(void **state)
{
	struct file *relative = new_timer(O_NONBLOCK), *absolute = new_timer(O_NONBLOCK),
		    *former = new_timer(O_NONBLOCK), *asks = new_timer(O_NONBLOCK),
		    *last = new_timer(0);

	assert_int_equal(set(relative, TFD_TIMER_CANCEL_ON_SET), 0);
	assert_int_equal(set(absolute, TFD_TIMER_ABSTIME), 0);
	assert_int_equal(set(former, cancelable), 0);
	assert_int_equal(set(former, TFD_TIMER_ABSTIME), 0);
	assert_int_equal(set(asks, cancelable), 0);
	assert_int_equal(set(last, cancelable), 0);
	set_clock();
	assert_int_equal(read_ticks(last), -ECANCELED); /* all have been told by now */
	assert_int_equal(read_ticks(relative), -EAGAIN);
	assert_int_equal(read_ticks(absolute), -EAGAIN);
	assert_int_equal(read_ticks(former), -EAGAIN);
	assert_int_equal(asks->ops->poll(asks, NULL), POLLIN);
	assert_int_equal(set(asks, cancelable), -ECANCELED);
	assert_int_equal(asks->ops->poll(asks, NULL), 0);
	assert_int_equal(set(asks, cancelable), 0);
	file_put(relative);
	file_put(absolute);
	file_put(former);
	file_put(asks);
	file_put(last);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(readers_are_told, setup, teardown),
		cmocka_unit_test_setup_teardown(others_are_not, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
