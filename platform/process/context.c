/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "platform/process/process.h"
#include "stub_symbols.h"

#define PATIENCE_MS 2000 /* for a thread that should report at once: afterwards its guest is the reason, and ends */

#ifndef SECCOMP_IOCTL_NOTIF_SET_FLAGS
#define SECCOMP_IOCTL_NOTIF_SET_FLAGS      SECCOMP_IOW(4, __u64)
#define SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP 1
#endif

int process_context_create(struct machine *m, struct context **out)
{
	struct context *c = calloc(1, sizeof *c);
	if (!c)
		return -ENOMEM;
	c->m = m;
	c->listener = fcntl(m->control_fd, F_DUPFD_CLOEXEC, 0);
	if (c->listener < 0) {
		free(c);
		return -EAGAIN; /* RLIMIT_NOFILE: as clone(2) when there is room for no more threads */
	}
	c->regs.rflags = RFLAGS_FIXED;
	c->regs_known = true;
	list_init(&c->node);
	pthread_mutex_init(&c->clock.lock, NULL);
	*out = c;
	return 0;
}

/* ---- notifications ---- */

static int notif_answer(struct context *c, int64_t val, uint32_t flags)
{
	struct seccomp_notif_resp r = { .id = c->id, .val = val, .flags = flags };
	if (ioctl(c->listener, SECCOMP_IOCTL_NOTIF_SEND, &r) == 0)
		return 0;
	return errno == ENOENT ? 0 : -errno; /* the thread died: the wait that follows finds out */
}

/* The next one: 0, -EINTR (kicked, `k` given), or -EIO when there will be none. */
static int notif_receive(struct context *c, struct kick *k, struct seccomp_notif *n)
{
	for (;;) {
		memset(n, 0, sizeof *n);
		long r = k ? host_call_intr(k, SYS_ioctl, c->listener, (long)SECCOMP_IOCTL_NOTIF_RECV, (long)n, 0, 0, 0)
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

/* As above, of a thread that must report without delay. What does not (it has blocked the signal) is killed. */
static int notif_await(struct context *c, struct seccomp_notif *n)
{
	struct pollfd p = { c->listener, POLLIN, 0 };
	int r;
	do {
		r = poll(&p, 1, PATIENCE_MS);
	} while (r < 0 && errno == EINTR);
	if (r != 1 || !(p.revents & POLLIN))
		return -EIO;
	return notif_receive(c, NULL, n);
}

static bool is_report(const struct seccomp_notif *n)
{
	return n->data.nr == STUB_REPORT && n->data.instruction_pointer == STUB_REPORT_IP_ADDR;
}

static int take_report(struct context *c, const struct seccomp_notif *n)
{
	uint64_t args[6];
	for (int i = 0; i < 6; i++)
		args[i] = n->data.args[i];
	int err = frame_locate(c, args);
	if (err)
		return err;
	frame_load_regs(c, args);
	c->fp_dirty = false;
	c->state = THREAD_REPORTED;
	return 0;
}

/* ---- a thread's beginning and end ---- */

/* At the stack's own end, whose guest may as well write it: it is free to lose its reports. */
static uint64_t prepare_stack_t(struct context *c, uint64_t at)
{
	uint64_t size = STACK_SIZE - sizeof(stack_t);
	stack_t st = { .ss_sp = (void *)at, .ss_size = size };
	memcpy(c->stack_base + size, &st, sizeof st);
	return at + size;
}

/* space.lock held. A thread that was made, but whose listener got lost, ends with its stub. */
static int make_thread(struct context *c, struct space *s, bool mapped)
{
	uint64_t at = STUB_STACKS + ((uint64_t)c->stack << STACK_SHIFT);
	uint64_t off = CONTROL_STACK_OFF + ((uint64_t)c->stack << STACK_SHIFT);
	const struct step steps[] = {
		{ SYS_mmap,
		  { at, STACK_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, STUB_FD_CONTROL, off },
		  0 },
		{ SYS_clone, { STUB_THREAD_FLAGS, 0, 0, 0, 0, prepare_stack_t(c, at) }, STEP_THREAD },
		{ SYS_sendmsg, { STUB_FD_SOCKET, STUB_PASS_MESSAGE_ADDR, 0 }, STEP_RETRY },
		{ SYS_close, { STUB_FD_PASSED }, STEP_LAST },
	};
	int err = stub_command(&s->stub, steps + mapped, sizeof steps / sizeof steps[0] - mapped, -1, &c->listener);
	if (!err && c->listener < 0)
		err = -EMFILE;
	if (err)
		stub_kill(&s->stub);
	return err;
}

static int thread_attach(struct context *c, struct space *s)
{
	bool fresh;
	pthread_mutex_lock(&s->lock);
	int err = slot_set_take(&s->stacks, &c->m->stacks, &c->stack, &fresh);
	if (!err) {
		c->stack_base = c->m->control + CONTROL_STACK_OFF + ((uint64_t)c->stack << STACK_SHIFT);
		c->s = s;
		s->refs++;
		list_add(&s->contexts, &c->node);
		err = make_thread(c, s, !fresh);
	}
	pthread_mutex_unlock(&s->lock);
	return err;
}

/* The thread is gone: the context keeps its registers and lets go of all else. */
static void thread_detach(struct context *c)
{
	struct space *s = c->s;
	if (s) {
		pthread_mutex_lock(&s->lock);
		list_del(&c->node);
		slot_set_give(&s->stacks, c->stack);
		pthread_mutex_unlock(&s->lock);
		space_put(s);
	}
	if (c->listener >= 0)
		close(c->listener);
	c->listener = -1;
	c->s = NULL;
	c->state = THREAD_NONE;
	c->preempted = false;
}

static int await_first_report(struct context *c)
{
	struct seccomp_notif n;
	int err = notif_await(c, &n);
	if (!err)
		err = is_report(&n) ? take_report(c, &n) : -EIO;
	c->tid = err ? 0 : (pid_t)n.pid;
	clock_start(&c->clock, c->s->stub.pid, c->tid);
	return err;
}

static int thread_start(struct context *c, struct space *s)
{
	struct cpu_regs regs = c->regs;
	if (c->listener >= 0)
		close(c->listener);
	c->listener = -1;
	int err = thread_attach(c, s);
	if (err) {
		thread_detach(c);
		return err;
	}
	/* Both sides on one CPU, and the wake-ups say so (Linux 6.6; without it they are only slower). */
	(void)ioctl(c->listener, SECCOMP_IOCTL_NOTIF_SET_FLAGS, SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP);
	err = await_first_report(c);
	c->regs = regs;
	c->regs_dirty = true;
	c->fp_dirty = c->fp != NULL;
	return err;
}

/* The space was taken away: its threads are gone, or about to be. */
static void thread_drop(struct context *c)
{
	stub_kill(&c->s->stub);
	thread_detach(c);
}

/* From CALLED to REPORTED: see process.h. */
static int call_to_report(struct context *c)
{
	struct seccomp_notif n;

	if (!c->preempted && syscall(SYS_tgkill, c->s->stub.pid, c->tid, STUB_PREEMPT_SIGNAL) < 0)
		return -EIO;
	/* Not the result: the host would take -ERESTARTSYS and its kin for its own. */
	int err = notif_answer(c, 0, 0);
	if (!err)
		err = notif_await(c, &n);
	c->preempted = false;
	if (err)
		return err;
	return is_report(&n) ? take_report(c, &n) : -EIO;
}

/* The registers into the context. Where the space is being taken away, which may be at any moment, they are what they
 * were last. */
static int stop_for_regs(struct context *c)
{
	bool called = c->state == THREAD_CALLED;
	int err = called ? call_to_report(c) : 0;

	if (c->s && c->s->destroyed) {
		thread_drop(c);
		err = 0;
	}
	if (called)
		c->regs.rax = c->result;
	if (err && c->s)
		c->s->stub.dead = true; /* nothing is known of its thread any more: the next run ends it */
	return err;
}

/* The next notification of a thread on its way out. A preempt signal that was still pending comes before it. */
static int await_exit(struct context *c, struct seccomp_notif *n)
{
	int err = notif_await(c, n);

	if (err || !c->preempted || !is_report(n) || n->data.args[0] != STUB_PREEMPT_SIGNAL)
		return err;
	c->preempted = false;
	err = take_report(c, n);
	if (err)
		return err;
	frame_store(c);
	err = notif_answer(c, 0, 0);
	return err ? err : notif_await(c, n);
}

/* The thread leaves through the stub's own exit, whose notification alone is let through to the host. */
static int thread_leave(struct context *c)
{
	struct seccomp_notif n;
	int err = stop_for_regs(c);
	if (err || c->state != THREAD_REPORTED)
		return c->s ? -EIO : 0;
	c->regs.rip = STUB_EXIT_ADDR;
	frame_store(c);
	err = notif_answer(c, 0, 0);
	if (!err)
		err = await_exit(c, &n);
	if (err || n.data.nr != SYS_exit || n.data.instruction_pointer != STUB_EXIT_IP_ADDR)
		return -EIO;
	return notif_answer(c, 0, SECCOMP_USER_NOTIF_FLAG_CONTINUE);
}

/* A thread is never left behind: without its listener it would run on, and get ENOSYS from every system call. */
static void thread_end(struct context *c)
{
	struct space *s = c->s;
	if (!s)
		return;
	clock_stop(&c->clock);
	if (!s->stub.dead && thread_leave(c) < 0)
		stub_kill(&s->stub); /* the guest made it impossible */
	thread_detach(c);
}

void process_context_destroy(struct context *c)
{
	thread_end(c);
	thread_detach(c);
	pthread_mutex_destroy(&c->clock.lock);
	free(c->fp);
	free(c);
}

void process_context_watch(struct context *c, void (*died)(void *arg), void *arg)
{
	c->died = died;
	c->died_arg = arg;
}

/* ---- run ---- */

static int event_dead(struct context *c, struct event *ev)
{
	ev->kind = EVENT_DEAD;
	ev->dead = "the process that the guest runs in has ended: by the host (is it out of memory?) or by the guest";
	c->state = THREAD_RUNS;
	return 0;
}

static void event_syscall(struct context *c, const struct seccomp_notif *n, struct event *ev)
{
	c->state = THREAD_CALLED;
	c->regs_known = false;
	c->result = (uint64_t)(uint32_t)n->data.nr;
	ev->kind = EVENT_SYSCALL;
	ev->syscall.nr = (uint32_t)n->data.nr;
	ev->syscall.ip = n->data.instruction_pointer;
	for (int i = 0; i < 6; i++)
		ev->syscall.args[i] = n->data.args[i];
}

static int resume(struct context *c)
{
	enum thread_state was = c->state;
	int64_t val = was == THREAD_CALLED ? (int64_t)c->result : 0;

	if (was == THREAD_RUNS)
		return 0;
	if (was == THREAD_REPORTED)
		frame_store(c);
	c->state = THREAD_RUNS;
	c->runs++;
	return notif_answer(c, val, 0);
}

/* Until there is an event; a kick sends the thread into its handler. */
static int wait_event(struct context *c, struct kick *k, struct event *ev)
{
	struct seccomp_notif n;
	int err = c->preempted ? -EINTR : notif_receive(c, k, &n);

	if (err == -EINTR) {
		if (!c->preempted && syscall(SYS_tgkill, c->s->stub.pid, c->tid, STUB_PREEMPT_SIGNAL) < 0)
			return event_dead(c, ev);
		c->preempted = true;
		err = notif_await(c, &n);
	}
	if (err)
		return event_dead(c, ev);
	if (!is_report(&n)) {
		event_syscall(c, &n, ev);
		return 0;
	}
	if (take_report(c, &n) < 0)
		return event_dead(c, ev);
	if (n.data.args[0] == STUB_PREEMPT_SIGNAL)
		c->preempted = false;
	frame_event(c, n.data.args[0], ev);
	return 0;
}

/* What is still in the thread comes into the context. */
static int keep_state(struct context *c)
{
	int err = stop_for_regs(c);
	if (err || c->state != THREAD_REPORTED || c->fp_dirty || !c->frame_fp)
		return err;
	if (!c->fp)
		c->fp = malloc(c->m->fp_size);
	if (!c->fp)
		return -ENOMEM;
	frame_fp_load(c, c->fp);
	return 0;
}

/* execve gives a context another space: a thread there takes its state over. */
static int move_to(struct context *c, struct space *s)
{
	int err = c->s ? keep_state(c) : 0;
	struct cpu_regs regs = c->regs;
	thread_end(c);
	c->regs = regs;
	return err ? err : thread_start(c, s);
}

int process_run(struct context *c, struct space *s, struct kick *k, struct event *ev)
{
	if (atomic_load(&k->pending)) {
		ev->kind = EVENT_INTERRUPTED;
		return 0;
	}
	int err = c->s == s ? 0 : move_to(c, s);
	if (err == -EIO)
		return event_dead(c, ev);
	if (err)
		return err;
	atomic_store(&c->kick, k);
	do {
		if (s->stub.dead || resume(c) < 0)
			event_dead(c, ev);
		else
			wait_event(c, k, ev);
		/* A signal sent for a kick that another event got ahead of: nobody wants it any more. */
	} while (ev->kind == EVENT_INTERRUPTED && !atomic_load(&k->pending));
	atomic_store(&c->kick, NULL);
	return 0;
}

/* ---- registers ---- */

void process_syscall_result(struct context *c, uint64_t rax)
{
	c->result = rax;
	if (c->state == THREAD_REPORTED || c->state == THREAD_NONE)
		c->regs.rax = rax;
}

int process_regs_get(struct context *c, struct cpu_regs *out)
{
	int err = c->state == THREAD_RUNS ? -EIO : stop_for_regs(c);
	*out = c->regs;
	return err;
}

int process_regs_set(struct context *c, const struct cpu_regs *in)
{
	if (!is_canonical(in->rip) || !is_canonical(in->fs_base) || !is_canonical(in->gs_base))
		return -EINVAL;
	int err = c->state == THREAD_RUNS ? -EIO : stop_for_regs(c);
	if (err)
		return err;
	c->regs = *in;
	c->regs.rflags = (in->rflags & RFLAGS_USER) | RFLAGS_FIXED;
	c->regs_dirty = true;
	return 0;
}

/* x87 control word and MXCSR at their defaults, no part in use. */
static void fp_fresh(const struct machine *m, char *buf)
{
	memset(buf, 0, m->fp_size);
	memcpy(buf, &(uint16_t){ 0x37f }, 2);
	memcpy(buf + 24, &(uint32_t){ 0x1f80 }, 4);
}

int process_fp_get(struct context *c, void *buf, size_t size)
{
	if (size < c->m->fp_size)
		return -EINVAL;
	int err = c->state == THREAD_RUNS ? -EIO : stop_for_regs(c);
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

static bool fp_valid(const struct machine *m, const char *buf)
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

int process_fp_set(struct context *c, const void *buf, size_t size)
{
	if (buf && (size < c->m->fp_size || !fp_valid(c->m, buf)))
		return -EINVAL;
	int err = c->state == THREAD_RUNS ? -EIO : stop_for_regs(c);
	if (err)
		return err;
	if (!c->fp)
		c->fp = malloc(c->m->fp_size);
	if (!c->fp)
		return -ENOMEM;
	if (buf)
		memcpy(c->fp, buf, c->m->fp_size);
	else
		fp_fresh(c->m, c->fp);
	c->fp_dirty = true;
	return 0;
}

uint64_t process_runs(const struct context *c)
{
	return c->runs;
}
