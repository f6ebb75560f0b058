/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stub thread behind a context: its notifications, its beginning, its end. A thread that a
 * context has done with stays parked in its system call, for the next context that wants one in
 * this space: a parked thread costs a signal to take back, a new one a dozen host calls.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "host/threadtime.h"
#include "platform/process/process.h"
#include "stub_symbols.h"

/* How long to wait for a thread that should report at once. If it runs and does not report, its
 * guest is the reason, and it is ended. If it is kept from running, by a busy host or because it is
 * stopped or frozen, it may take longer. */
#define PATIENCE_MS    1000
#define PATIENCE_RUN   100000000UL /* ns of CPU time, from the end of the first PATIENCE_MS on */
#define PATIENCE_TIMES 60          /* and then whatever the reason */

#define PARKED_MAX 32 /* in a space: each costs a descriptor and a stack */

#define STACK_ROOM (LINE_OFFSET - sizeof(stack_t))

/* ---- notifications ---- */

int notif_answer(struct process_context *c, int64_t val, uint32_t flags)
{
	struct seccomp_notif_resp r = { .id = c->id, .val = val, .flags = flags };
	if (ioctl(c->listener, SECCOMP_IOCTL_NOTIF_SEND, &r) == 0)
		return 0;
	return errno == ENOENT ? 0 : -errno; /* the thread died: the wait that follows finds out */
}

int notif_receive(struct process_context *c, struct kick *k, struct seccomp_notif *n)
{
	for (;;) {
		memset(n, 0, sizeof *n);
		long r = k ? host_call_intr(k, SYS_ioctl, c->listener,
					    (long)SECCOMP_IOCTL_NOTIF_RECV, (long)n, 0, 0, 0)
			   : ioctl(c->listener, SECCOMP_IOCTL_NOTIF_RECV, n);
		long err = r < 0 ? (k ? -r : errno) : 0;
		if (c->s->stub.dead)
			return -EIO;
		if (!err) {
			c->id = n->id;
			return 0;
		}
		if (err == EINTR && k && atomic_load(&k->pending))
			return -EINTR;
		if (err != EINTR && err != ENOENT)
			return -EIO;
	}
}

/* *first: what the thread had run for when this was asked first; 0: it was not. */
static bool kept_from_running(struct process_context *c, uint64_t *first)
{
	pid_t pid = c->s->stub.pid;
	uint64_t run = thread_run_ns(pid, c->tid ? c->tid : pid);

	if (*first == 0)
		*first = run;
	return run && run - *first < PATIENCE_RUN;
}

int notif_await(struct process_context *c, struct seccomp_notif *n)
{
	struct pollfd p = { c->listener, POLLIN, 0 };
	uint64_t run = 0;
	int r, times = 0;
	do {
		r = poll(&p, 1, PATIENCE_MS);
	} while ((r < 0 && errno == EINTR) ||
		 (r == 0 && times++ < PATIENCE_TIMES && kept_from_running(c, &run)));
	if (r != 1 || !(p.revents & POLLIN))
		return -EIO;
	return notif_receive(c, NULL, n);
}

bool notif_is_report(const struct seccomp_notif *n)
{
	return n->data.nr == STUB_REPORT && n->data.instruction_pointer == STUB_REPORT_IP_ADDR;
}

bool notif_is_wait(const struct seccomp_notif *n)
{
	return n->data.nr == STUB_WAIT && n->data.instruction_pointer == STUB_WAIT_IP_ADDR;
}

int stub_thread_take_report(struct process_context *c, const struct seccomp_notif *n)
{
	uint64_t args[6];
	for (int i = 0; i < 6; i++)
		args[i] = n->data.args[i];
	int err = frame_locate(c, args);
	if (err)
		return err;
	frame_load_regs(c, args);
	line_settle(c, c->state == THREAD_LINED);
	c->fp_dirty = false;
	c->state = THREAD_REPORTED;
	return 0;
}

/* The answer is not the result of the call: the host would take -ERESTARTSYS and its relatives for
 * its own. */
static int stop_called(struct process_context *c)
{
	struct seccomp_notif n;

	if (!c->preempted && syscall(SYS_tgkill, c->s->stub.pid, c->tid, STUB_PREEMPT_SIGNAL) < 0)
		return -EIO;
	c->state = THREAD_RUNS;
	int err = notif_answer(c, 0, 0);
	if (!err)
		err = notif_await(c, &n);
	c->preempted = false;
	return err ? err : notif_is_report(&n) ? stub_thread_take_report(c, &n) : -EIO;
}

/* Wherever it looks for the answer, it finds itself behind the call. */
static int stop_lined(struct process_context *c)
{
	struct seccomp_notif n;
	int err = 0;

	if (!c->preempted && syscall(SYS_tgkill, c->s->stub.pid, c->tid, STUB_PREEMPT_SIGNAL) < 0)
		return -EIO;
	if (c->line.held)
		err = notif_answer(c, 0, 0);
	c->line.held = false;
	while (!err && !(err = notif_await(c, &n)) && notif_is_wait(&n))
		err = notif_answer(c, 0, 0);
	c->preempted = false;
	return err ? err : notif_is_report(&n) ? stub_thread_take_report(c, &n) : -EIO;
}

/* The space is being taken away. A thread that stands in a notification does not come back from
 * there once it is killed; for any other one we wait. */
static void thread_drop(struct process_context *c)
{
	if (c->state == THREAD_RUNS || c->state == THREAD_LINED)
		stub_kill(&c->s->stub);
	else
		stub_send_kill(&c->s->stub);
	stub_thread_detach(c);
}

int stub_thread_stop(struct process_context *c)
{
	bool lined = c->state == THREAD_LINED, called = lined || c->state == THREAD_CALLED;
	int err = !called || c->s->destroyed ? 0 : lined ? stop_lined(c) : stop_called(c);

	if (c->s && c->s->destroyed) {
		thread_drop(c);
		err = 0;
	}
	if (called)
		c->regs.rax = c->result;
	if (err && c->s)
		/* nothing is known of its thread any more: the next run ends it */
		c->s->stub.dead = true;
	return err;
}

/* ---- a new thread ---- */

static uint64_t stack_offset(uint32_t stack)
{
	return CONTROL_STACK_OFF + ((uint64_t)stack << STACK_SHIFT);
}

/* The stack_t lies at the end of the stack itself. The guest can write it, and by that can only
 * lose its own reports. */
static void signal_stack_set(struct process_machine *m, uint32_t stack)
{
	uint64_t at = STUB_STACKS + ((uint64_t)stack << STACK_SHIFT);
	const stack_t st = { .ss_sp = (void *)at, .ss_size = STACK_ROOM };

	memcpy(m->control + stack_offset(stack) + STACK_ROOM, &st, sizeof st);
}

void stub_thread_steps(struct process_machine *m, uint32_t stack, struct step steps[THREAD_STEPS])
{
	uint64_t at = STUB_STACKS + ((uint64_t)stack << STACK_SHIFT);
	const struct step make[THREAD_STEPS] = {
		{ SYS_mmap,
		  { at, STACK_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, STUB_FD_CONTROL,
		    stack_offset(stack) },
		  0 },
		{ SYS_clone, { STUB_THREAD_FLAGS, 0, 0, 0, 0, at + STACK_ROOM }, STEP_THREAD },
		{ SYS_sendmsg, { STUB_FD_SOCKET, STUB_PASS_MESSAGE_ADDR, 0 }, STEP_RETRY },
		{ SYS_close, { STUB_FD_PASSED }, STEP_LAST },
	};

	signal_stack_set(m, stack);
	memcpy(steps, make, sizeof make);
}

static void attach_locked(struct process_context *c, struct process_space *s)
{
	lock_assert_held(&s->lock);
	c->s = s;
	c->stack_base = c->m->control + stack_offset(c->stack);
	line_init(c);
	ref_get(&s->refs);
	list_add(&s->contexts, &c->node);
}

static void place_give_up(struct process_context *c)
{
	if (c->listener >= 0)
		close(c->listener);
	c->listener = -1;
}

/* If the thread was made but its listener got lost, it ends with its stub. */
static int make_thread(struct process_context *c, struct process_space *s, bool mapped)
{
	lock_assert_held(&s->lock);
	struct step steps[THREAD_STEPS];

	stub_thread_steps(c->m, c->stack, steps);
	int err = stub_command(&s->stub, steps + mapped, THREAD_STEPS - mapped, -1, &c->listener);
	if (!err && c->listener < 0)
		err = -EMFILE;
	if (err == -EAGAIN)
		s->stub.starved = true;
	if (err)
		stub_kill(&s->stub);
	return err;
}

static int await_first_report(struct process_context *c, const struct cpu_time *used)
{
	struct seccomp_notif n;

	/* Both sides on one CPU, and the wake-ups say so (Linux 6.6; without it they are only
	 * slower). */
	(void)ioctl(c->listener, SECCOMP_IOCTL_NOTIF_SET_FLAGS, SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP);
	int err = notif_await(c, &n);
	if (!err)
		err = notif_is_report(&n) ? stub_thread_take_report(c, &n) : -EIO;
	c->tid = err ? 0 : (pid_t)n.pid;
	clock_start(&c->clock, c->s->stub.pid, c->tid, used);
	return err;
}

static int start_new(struct process_context *c, struct process_space *s)
{
	bool fresh;
	mutex_lock(&s->lock);
	int err = slot_set_take(&s->stacks, &c->m->stacks, &c->stack, &fresh);
	if (!err) {
		attach_locked(c, s);
		/* One at a time in a space: context.c keeps descriptors for that. */
		place_give_up(c);
		err = make_thread(c, s, !fresh);
	}
	mutex_unlock(&s->lock);
	return err ? err : await_first_report(c, &(struct cpu_time){ 0 });
}

/* ---- parked threads ---- */

struct parked {
	struct list node;
	pid_t tid; /* 0: it has not reported yet */
	int listener;
	uint32_t stack;
	uint64_t id;
	struct cpu_time used;
};

/* False: it can not be parked. */
static bool park(struct process_context *c)
{
	struct process_space *s = c->s;
	struct parked *p = c->state == THREAD_CALLED && !c->preempted ? malloc(sizeof *p) : NULL;

	if (!p)
		return false;
	*p = (struct parked){ .tid = c->tid,
			      .listener = c->listener,
			      .stack = c->stack,
			      .id = c->id,
			      .used = clock_last(&c->clock) };
	mutex_lock(&s->lock);
	bool room = !s->destroyed && s->nr_parked < PARKED_MAX;
	if (room) {
		list_add(&s->parked, &p->node);
		s->nr_parked++;
		c->listener = -1;
		c->stack = UINT32_MAX; /* p's now */
	}
	mutex_unlock(&s->lock);
	if (!room)
		free(p);
	return room;
}

static bool unpark(struct process_context *c, struct process_space *s, struct cpu_time *used)
{
	mutex_lock(&s->lock);
	bool any = s->nr_parked > 0;
	if (any) {
		struct parked *p = list_first(&s->parked, struct parked, node);
		list_del(&p->node);
		s->nr_parked--;
		c->tid = p->tid;
		place_give_up(c);
		c->listener = p->listener;
		c->stack = p->stack;
		c->id = p->id;
		*used = p->used;
		c->state = p->tid ? THREAD_CALLED : THREAD_RUNS;
		attach_locked(c, s);
		free(p);
	}
	mutex_unlock(&s->lock);
	return any;
}

int stub_thread_keep(struct process_space *s, int listener, uint32_t stack)
{
	lock_assert_held(&s->lock);
	struct parked *p = malloc(sizeof *p);
	int err = p ? slot_set_adopt(&s->stacks) : -ENOMEM;

	if (err) {
		free(p);
		return err;
	}
	*p = (struct parked){ .listener = listener, .stack = stack };
	list_add(&s->parked, &p->node);
	s->nr_parked++;
	return 0;
}

/* The thread still has in its registers what its last context left there. */
static int start_parked(struct process_context *c, const struct cpu_time *used)
{
	if (!c->tid)
		return await_first_report(c, used);
	int err = context_own_fp(c);
	if (err)
		return err;
	clock_start(&c->clock, c->s->stub.pid, c->tid, used);
	return stop_called(c);
}

/* Such a thread stands in a system call of the guest's own, with nothing on this stack. The end of
 * it tells the kernel where it is. */
void stub_threads_scrub(struct process_space *s)
{
	struct parked *p;

	lock_assert_held(&s->lock);
	list_for_each (p, &s->parked, node) {
		char *stack = s->m->control + stack_offset(p->stack);
		if (!p->tid)
			continue;
		memset(stack, 0, STACK_ROOM);
		memset(stack + LINE_OFFSET, 0, LINE_SIZE);
	}
}

void stub_threads_forget(struct process_space *s)
{
	struct parked *p, *next;

	list_for_each_safe (p, next, &s->parked, node) {
		list_del(&p->node);
		close(p->listener);
		slot_set_give(&s->stacks, p->stack);
		free(p);
	}
	s->nr_parked = 0;
}

/* It is sent where a thread sets its signal stack, and reports as a new one does. What the guest
 * can have changed are registers, the mask of signals and the place of the signal stack: all are
 * set, and one that does not report is of no use. */
int stub_thread_renew(struct process_space *s)
{
	struct parked *p = list_first(&s->parked, struct parked, node);
	struct process_context c = { .m = s->m,
				     .s = s,
				     .state = THREAD_CALLED,
				     .tid = p->tid,
				     .listener = p->listener,
				     .stack = p->stack,
				     .stack_base = s->m->control + stack_offset(p->stack),
				     .id = p->id };

	if (!p->tid)
		return 0;
	int err = context_own_fp(&c);
	if (!err)
		err = stop_called(&c);
	if (!err) {
		signal_stack_set(s->m, p->stack);
		c.regs = (struct cpu_regs){
			.rip = STUB_FRESH_ADDR,
			.r9 = STUB_STACKS + ((uint64_t)p->stack << STACK_SHIFT) + STACK_ROOM,
			.rflags = RFLAGS_FIXED,
		};
		c.fp_dirty = true;
		frame_store(&c);
		err = notif_answer(&c, 0, 0);
		p->tid = 0;
	}
	free(c.fp);
	return err;
}

/* ---- beginning and end ---- */

int stub_thread_start(struct process_context *c, struct process_space *s)
{
	struct cpu_regs regs = c->regs;
	struct cpu_time used;

	mutex_lock(&s->lock);
	int err = space_open(s);
	mutex_unlock(&s->lock);
	if (err)
		return err;
	err = unpark(c, s, &used) ? start_parked(c, &used) : start_new(c, s);
	if (err && c->s)
		stub_kill(&s->stub); /* no thread is left behind */
	if (err)
		stub_thread_detach(c);
	else
		stub_thread_inherit(c);
	c->regs = regs;
	c->fp_dirty = c->fp != NULL;
	return err;
}

void stub_thread_detach(struct process_context *c)
{
	struct process_space *s = c->s;

	thread_breaks_drop(c);
	if (s) {
		mutex_lock(&s->lock);
		list_del(&c->node);
		if (c->stack != UINT32_MAX)
			slot_set_give(&s->stacks, c->stack);
		mutex_unlock(&s->lock);
		space_put(s);
	}
	place_give_up(c);
	c->stack = UINT32_MAX;
	c->s = NULL;
	c->state = THREAD_NONE;
	c->preempted = false;
}

/* The next notification of a thread on its way out. A preempt signal that was still pending comes
 * before it. */
static int await_exit(struct process_context *c, struct seccomp_notif *n)
{
	int err = notif_await(c, n);

	if (err || !c->preempted || !notif_is_report(n) || n->data.args[0] != STUB_PREEMPT_SIGNAL)
		return err;
	c->preempted = false;
	err = stub_thread_take_report(c, n);
	if (err)
		return err;
	frame_store(c);
	c->state = THREAD_RUNS;
	err = notif_answer(c, 0, 0);
	return err ? err : notif_await(c, n);
}

/* The thread leaves through the stub's own exit, whose notification alone is let through to the
 * host. */
static int thread_leave(struct process_context *c)
{
	struct seccomp_notif n;
	int err = stub_thread_stop(c);
	if (err || c->state != THREAD_REPORTED)
		return c->s ? -EIO : 0;
	c->regs.rip = STUB_EXIT_ADDR;
	frame_store(c);
	c->state = THREAD_RUNS;
	err = notif_answer(c, 0, 0);
	if (!err)
		err = await_exit(c, &n);
	if (err || n.data.nr != SYS_exit || n.data.instruction_pointer != STUB_EXIT_IP_ADDR)
		return -EIO;
	return notif_answer(c, 0, SECCOMP_USER_NOTIF_FLAG_CONTINUE);
}

/* A thread is never left behind: without its listener it would run on, and get ENOSYS from every
 * system call. */
void stub_thread_end(struct process_context *c)
{
	struct process_space *s = c->s;
	if (!s)
		return;
	ref_get(&s->refs); /* thread_leave may find it destroyed, and let go */
	line_end(c);
	thread_breaks_drop(c);
	clock_stop(&c->clock);
	if (!s->stub.dead && !park(c) && thread_leave(c) < 0)
		stub_kill(&s->stub); /* the guest made it impossible */
	stub_thread_detach(c);
	space_put(s);
}
