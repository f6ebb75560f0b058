/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Breakpoints and watchpoints of a guest thread: each is an event of perf_event_open(2), which
 * counts how often it was hit, and sends the thread a signal. The helper makes it, for a thread of
 * its own process, which takes no rights; the monitor has the only descriptor of it.
 */
#include <errno.h>
#include <linux/hw_breakpoint.h>
#include <linux/perf_event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "platform/process/process.h"
#include "stub_symbols.h"

struct thread_breaks {
	int fd[HW_BREAKS]; /* -1: none */
	uint64_t hits[HW_BREAKS];
};

void thread_breaks_drop(struct process_context *c)
{
	for (unsigned i = 0; c->breaks && i < HW_BREAKS; i++) {
		if (c->breaks->fd[i] >= 0)
			close(c->breaks->fd[i]);
	}
	free(c->breaks);
	c->breaks = NULL;
}

static struct perf_event_attr event_of(const struct hw_break *b)
{
	static const uint32_t types[] = {
		[HW_BREAK_EXEC] = HW_BREAKPOINT_X,
		[HW_BREAK_WRITE] = HW_BREAKPOINT_W,
		[HW_BREAK_ACCESS] = HW_BREAKPOINT_RW,
	};

	return (struct perf_event_attr){
		.type = PERF_TYPE_BREAKPOINT,
		.size = PERF_ATTR_SIZE_VER7,
		.bp_type = types[b->kind],
		.bp_addr = b->addr,
		/* Linux wants this of all that are no watchpoints */
		.bp_len = b->kind == HW_BREAK_EXEC ? sizeof(long) : b->len,
		.sample_period = 1,
		.pinned = 1,
		.exclude_kernel = 1,
		.exclude_hv = 1,
		.remove_on_exec = 1,
		.sigtrap = 1,
	};
}

#define EVENT_STEPS 3

/* What the event is to be follows the steps in the command page. A descriptor that is left in the
 * stub would be in the way of the next. */
static int event_open(struct process_context *c, const struct hw_break *b, int *fd)
{
	struct {
		struct step steps[EVENT_STEPS];
		struct perf_event_attr attr;
		char pad[-sizeof(struct perf_event_attr) % sizeof(struct step)];
	} order = {
		.steps = { { SYS_perf_event_open,
			     { STUB_COMMAND + sizeof order.steps, (uint64_t)c->tid, -1UL, -1UL,
			       PERF_FLAG_FD_CLOEXEC },
			     0 },
			   { SYS_sendmsg, { STUB_FD_SOCKET, STUB_PASS_MESSAGE_ADDR, 0 }, 0 },
			   { SYS_close, { STUB_FD_PASSED }, STEP_LAST } },
		.attr = event_of(b),
	};
	struct stub *st = &c->s->stub;

	*fd = -1;
	int err = stub_command(st, order.steps, sizeof order / sizeof order.steps[0], -1, fd);
	if (err)
		(void)stub_command(st, &order.steps[2], 1, -1, NULL);
	return err || *fd < 0 ? -ENOSPC : 0;
}

/* Where guest code cannot be, nothing is ever hit. */
static bool is_wanted(const struct hw_break *b)
{
	return b->kind != HW_BREAK_NONE && b->addr < STUB_TEXT;
}

static int set(struct process_context *c, const struct hw_break list[HW_BREAKS])
{
	struct thread_breaks *tb = c->breaks = malloc(sizeof *tb);
	int err = tb ? 0 : -ENOMEM;

	for (unsigned i = 0; tb && i < HW_BREAKS; i++) {
		tb->fd[i] = -1;
		tb->hits[i] = 0;
	}
	for (unsigned i = 0; !err && i < HW_BREAKS; i++) {
		if (is_wanted(&list[i]))
			err = event_open(c, &list[i], &tb->fd[i]);
	}
	return err;
}

int process_breaks_set(struct context *context, struct space *space,
		       const struct hw_break list[HW_BREAKS])
{
	struct process_context *c = to_process_context(context);
	bool any = false;

	thread_breaks_drop(c);
	for (unsigned i = 0; i < HW_BREAKS; i++)
		any |= is_wanted(&list[i]);
	if (!any)
		return 0;
	int err = context_enter(c, to_process_space(space));
	if (!err)
		err = set(c, list);
	if (err)
		thread_breaks_drop(c);
	return err;
}

unsigned thread_breaks_hit(struct process_context *c)
{
	struct thread_breaks *tb = c->breaks;
	unsigned hit = 0;
	uint64_t n;

	for (unsigned i = 0; tb && i < HW_BREAKS; i++) {
		if (tb->fd[i] < 0 || read(tb->fd[i], &n, sizeof n) != sizeof n || n == tb->hits[i])
			continue;
		tb->hits[i] = n;
		hit |= 1U << i;
	}
	return hit;
}
