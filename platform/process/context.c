/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a guest thread in its stub until there is an event, and gets and sets its registers.
 * process.h describes the states that such a thread can be in. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "platform/process/process.h"
#include "stub_symbols.h"

/* Descriptors that no new thread may have, a sixteenth where there are few. A thread that starts
 * gives its place up and receives its listener: who is created in between must not get the last. */
#define DESCRIPTORS_KEPT 16

static int descriptors_for_threads(void)
{
	struct rlimit rl;

	if (getrlimit(RLIMIT_NOFILE, &rl) < 0 || rl.rlim_cur > INT_MAX)
		return INT_MAX;
	int all = (int)rl.rlim_cur, kept = all / 16;
	return all - (kept < DESCRIPTORS_KEPT ? kept : DESCRIPTORS_KEPT);
}

/* A descriptor that keeps the place of the listener, or as clone(2) where there is room for no more
 * threads. */
static int place_take(struct process_machine *m)
{
	int fd = fcntl(m->control_fd, F_DUPFD_CLOEXEC, 0);

	if (fd >= 0 && fd < descriptors_for_threads())
		return fd;
	if (fd >= 0)
		close(fd);
	return -EAGAIN;
}

int process_context_create(struct machine *machine, struct context **out)
{
	struct process_machine *m = to_process_machine(machine);
	struct process_context *c = calloc(1, sizeof *c);
	if (!c)
		return -ENOMEM;
	c->m = m;
	c->listener = place_take(m);
	if (c->listener < 0) {
		int err = c->listener;
		free(c);
		return err;
	}
	c->regs.rflags = RFLAGS_FIXED;
	list_init(&c->node);
	clock_init(&c->clock);
	*out = (struct context *)c;
	return 0;
}

void process_context_destroy(struct context *context)
{
	struct process_context *c = to_process_context(context);
	stub_thread_end(c);
	stub_thread_detach(c);
	clock_destroy(&c->clock);
	free(c->fp);
	free(c);
}

/* Where it would take more than a parked thread, what the space is destroyed with ends it. */
void process_context_leave(struct context *context)
{
	struct process_context *c = to_process_context(context);
	if (c->state == THREAD_CALLED && !c->preempted)
		stub_thread_end(c);
}

/* What goes wrong, the next run finds. */
void process_context_halt(struct context *context)
{
	struct process_context *c = to_process_context(context);
	if (c->state == THREAD_LINED && !c->line.held && line_hold(c) < 0)
		c->s->stub.dead = true;
}

void process_context_watch(struct context *context, void (*died)(void *arg), void *arg)
{
	struct process_context *c = to_process_context(context);
	c->died = died;
	c->died_arg = arg;
}

/* ---- run ---- */

static int event_dead(struct process_context *c, struct event *ev)
{
	ev->kind = EVENT_DEAD;
	/* One thread that could not start has ended all others: they say what it says. */
	ev->dead = c->s && c->s->stub.starved
		       ? NULL
		       : "the process that the guest runs in has ended: by the host (is it out of "
			 "memory?) or by the guest";
	c->state = THREAD_RUNS;
	return 0;
}

static void event_syscall(struct process_context *c, const struct seccomp_notif *n,
			  struct event *ev)
{
	c->state = THREAD_CALLED;
	line_notified(c, n->data.instruction_pointer, (uint32_t)n->data.nr);
	c->result = (uint64_t)(uint32_t)n->data.nr;
	ev->kind = EVENT_SYSCALL;
	ev->syscall.nr = (uint32_t)n->data.nr;
	ev->syscall.ip = n->data.instruction_pointer;
	for (int i = 0; i < 6; i++)
		ev->syscall.args[i] = n->data.args[i];
}

static int resume(struct process_context *c)
{
	enum thread_state was = c->state;
	int64_t val = was == THREAD_CALLED ? (int64_t)c->result : 0;

	if (was == THREAD_RUNS)
		return 0;
	if (was == THREAD_REPORTED)
		frame_store(c);
	c->state = THREAD_RUNS;
	c->runs++;
	if (was == THREAD_LINED)
		return line_answer(c);
	line_prepare(c);
	return notif_answer(c, val, 0);
}

/* The next notification; a kick sends the thread into its handler. */
static int next_notification(struct process_context *c, struct kick *k, struct seccomp_notif *n)
{
	int err = c->preempted ? -EINTR : notif_receive(c, k, n);

	if (err != -EINTR)
		return err;
	if (!c->preempted && syscall(SYS_tgkill, c->s->stub.pid, c->tid, STUB_PREEMPT_SIGNAL) < 0)
		return -EIO;
	c->preempted = true;
	return notif_await(c, n);
}

/* What the notification means. False: nothing, and the thread goes on. */
static bool take_notification(struct process_context *c, const struct seccomp_notif *n,
			      struct event *ev)
{
	if (line_is_wait(c, n)) {
		if (line_wake(c) < 0)
			event_dead(c, ev);
		return c->s->stub.dead;
	}
	if (!notif_is_report(n)) {
		event_syscall(c, n, ev);
		return true;
	}
	if (stub_thread_take_report(c, n) < 0) {
		event_dead(c, ev);
		return true;
	}
	if (n->data.args[0] == STUB_PREEMPT_SIGNAL)
		c->preempted = false;
	if (frame_event(c, n->data.args[0], ev))
		return true;
	c->own_runs++;
	if (resume(c) == 0)
		return false;
	event_dead(c, ev);
	return true;
}

/* Until there is an event. */
static void wait_event(struct process_context *c, struct kick *k, struct event *ev)
{
	struct seccomp_notif n;

	do {
		if (!c->preempted && line_watch(c, k, ev))
			return;
		if (next_notification(c, k, &n) < 0) {
			event_dead(c, ev);
			return;
		}
	} while (!take_notification(c, &n, ev));
}

/* What is still in the thread comes into the context. */
static int keep_state(struct process_context *c)
{
	int err = stub_thread_stop(c);
	if (err || c->state != THREAD_REPORTED || c->fp_dirty || !c->frame_fp)
		return err;
	err = context_own_fp(c);
	if (err)
		return err;
	frame_fp_load(c, c->fp);
	return 0;
}

/* execve gives a context another space: a thread there takes its state over. */
int context_enter(struct process_context *c, struct process_space *s)
{
	if (c->s == s)
		return 0;
	int err = c->s ? keep_state(c) : 0;
	struct cpu_regs regs = c->regs;
	stub_thread_end(c);
	c->regs = regs;
	return err ? err : stub_thread_start(c, s);
}

int process_run(struct context *context, struct space *space, struct kick *k, struct event *ev)
{
	struct process_space *s = to_process_space(space);
	struct process_context *c = to_process_context(context);
	if (atomic_load(&k->pending)) {
		ev->kind = EVENT_INTERRUPTED;
		return 0;
	}
	int err = context_enter(c, s);
	if (err == -EIO)
		return event_dead(c, ev);
	if (err)
		return err;
	if (!c->died)
		atomic_store(&c->kick, k);
	do {
		if (s->stub.dead || resume(c) < 0)
			event_dead(c, ev);
		else
			wait_event(c, k, ev);
		/* A signal sent for a kick that another event got ahead of: nobody wants it any
		 * more. */
	} while (ev->kind == EVENT_INTERRUPTED && !atomic_load(&k->pending));
	if (!c->died)
		atomic_store(&c->kick, NULL);
	return 0;
}

/* ---- registers ---- */

void process_syscall_result(struct context *context, uint64_t rax)
{
	struct process_context *c = to_process_context(context);
	c->result = rax;
	if (c->state == THREAD_REPORTED || c->state == THREAD_NONE)
		c->regs.rax = rax;
}

int process_regs_get(struct context *context, struct cpu_regs *out)
{
	struct process_context *c = to_process_context(context);
	int err = c->state == THREAD_RUNS ? -EIO : stub_thread_stop(c);
	*out = c->regs;
	return err;
}

int process_regs_set(struct context *context, const struct cpu_regs *in)
{
	struct process_context *c = to_process_context(context);
	if (!is_canonical(in->rip) || !is_canonical(in->fs_base) || !is_canonical(in->gs_base))
		return -EINVAL;
	int err = c->state == THREAD_RUNS ? -EIO : stub_thread_stop(c);
	if (err)
		return err;
	c->regs = *in;
	c->regs.rflags = (in->rflags & RFLAGS_USER) | RFLAGS_FIXED;
	return 0;
}

/* x87 control word and MXCSR at their defaults, no part in use. */
static void fp_fresh(const struct process_machine *m, char *buf)
{
	memset(buf, 0, m->fp_size);
	memcpy(buf, &(uint16_t){ 0x37f }, 2);
	memcpy(buf + 24, &(uint32_t){ 0x1f80 }, 4);
}

int context_own_fp(struct process_context *c)
{
	if (c->fp)
		return 0;
	c->fp = malloc(c->m->fp_size);
	if (!c->fp)
		return -ENOMEM;
	fp_fresh(c->m, c->fp);
	return 0;
}

int process_fp_get(struct context *context, void *buf, size_t size)
{
	struct process_context *c = to_process_context(context);
	if (size < c->m->fp_size)
		return -EINVAL;
	int err = c->state == THREAD_RUNS ? -EIO : stub_thread_stop(c);
	if (err)
		return err;
	if (c->fp_dirty || c->state == THREAD_NONE) {
		if (c->fp)
			memcpy(buf, c->fp, c->m->fp_size);
		else
			fp_fresh(c->m, buf);
	} else if (c->frame_fp) {
		frame_fp_load(c, buf);
	} else {
		return -EIO;
	}
	return 0;
}

static bool fp_valid(const struct process_machine *m, const char *buf)
{
	uint64_t bv, reserved[7];
	uint32_t mxcsr;

	memcpy(&mxcsr, buf + 24, sizeof mxcsr);
	memcpy(&bv, buf + 512, sizeof bv);
	memcpy(reserved, buf + 520, sizeof reserved);
	for (unsigned i = 0; i < 7; i++) {
		if (reserved[i])
			return false;
	}
	return !(bv & ~m->xcr0) && !(mxcsr & ~0xffffU);
}

int process_fp_set(struct context *context, const void *buf, size_t size)
{
	struct process_context *c = to_process_context(context);
	if (buf && (size < c->m->fp_size || !fp_valid(c->m, buf)))
		return -EINVAL;
	int err = c->state == THREAD_RUNS ? -EIO : stub_thread_stop(c);
	if (err)
		return err;
	err = context_own_fp(c);
	if (err)
		return err;
	if (buf)
		memcpy(c->fp, buf, c->m->fp_size);
	else
		fp_fresh(c->m, c->fp);
	c->fp_dirty = true;
	return 0;
}

uint64_t process_runs(const struct context *context)
{
	const struct process_context *c = (const struct process_context *)context;
	return c->runs - c->own_runs;
}
