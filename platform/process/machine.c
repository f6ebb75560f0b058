/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Creates the template process of a sandbox and the control file that its stubs share. It also runs
 * the reaper: a thread that is the template's parent for as long as the machine lives, and that
 * notices when a stub is killed. The table of platform operations is here.
 */
#include <errno.h>
#include <cpuid.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host/memfd.h"
#include "host/thread.h"
#include "platform/process/process.h"

#define GIB      (1UL << 30)
#define XCR0_AMX (3UL << 17)

/* ---- what guests see of the CPU ---- */

_Static_assert(STUB_TEXT == ARCH_SPACE_END, "layout.h: the stub's part lies behind the guest's");

static uint64_t xcr0_read(void)
{
	uint32_t a, d;
	__asm__ volatile("xgetbv" : "=a"(a), "=d"(d) : "c"(0));
	return a | (uint64_t)d << 32;
}

/* How much the enabled parts take, and which of them guests have. CPUID takes microseconds where
 * the host is a virtual machine, so it is asked about single parts only where guests lack some. */
static size_t fp_size_of(uint64_t enabled, uint64_t xcr0)
{
	size_t size = 576; /* legacy area and header (SDM vol. 1, 13.4) */
	unsigned a, b, c, d;

	if (enabled == xcr0) {
		__cpuid_count(0xd, 0, a, b, c, d);
		return b > size ? b : size;
	}
	for (unsigned i = 2; i < 63; i++) {
		if (!(xcr0 >> i & 1))
			continue;
		__cpuid_count(0xd, i, a, b, c, d);
		if (a + b > size)
			size = a + b;
	}
	return size;
}

/* ---- the reaper ---- */

static void space_died(struct process_space *s)
{
	struct process_context *c;
	s->stub.dead = true;
	mutex_lock(&s->lock);
	list_for_each (c, &s->contexts, node) {
		struct kick *k = atomic_load(&c->kick);
		if (k)
			kick_send(k);
		if (c->died)
			c->died(c->died_arg);
	}
	mutex_unlock(&s->lock);
}

static bool has_ended(int pidfd)
{
	struct pollfd p = { .fd = pidfd, .events = POLLIN };

	return poll(&p, 1, 0) == 1;
}

/* A stub ended though nobody asked it to: the guest got it killed. Its threads' waits must end. The
 * event may be that of a space which was destroyed meanwhile and closed its descriptor: the number
 * is another stub's then, which lives. A space is locked before the machine: a new one is listed
 * with its lock held. */
static void machine_notice_death(struct process_machine *m, int pidfd)
{
	struct process_space *s, *dead = NULL;

	mutex_lock(&m->lock);
	list_for_each (s, &m->spaces, node) {
		if (s->stub.pidfd == pidfd && has_ended(pidfd)) {
			epoll_ctl(m->reaper_epoll, EPOLL_CTL_DEL, pidfd, NULL);
			ref_get(&s->refs);
			dead = s;
			break;
		}
	}
	mutex_unlock(&m->lock);
	if (!dead)
		return;
	space_died(dead);
	space_put(dead);
}

static void start_done(struct process_machine *m, int err)
{
	mutex_lock(&m->lock);
	m->start_err = err;
	m->started = true;
	cond_signal(&m->reaper_cond);
	mutex_unlock(&m->lock);
}

static void reaper_wake(struct process_machine *m)
{
	uint64_t one = 1;

	(void)!write(m->reaper_wake, &one, sizeof one);
}

static int process_machine_each_thread(struct machine *machine, int (*fn)(void *arg), void *arg)
{
	struct process_machine *m = to_process_machine(machine);
	struct reaper_errand e = { .fn = fn, .arg = arg };

	mutex_lock(&m->lock);
	m->errand = &e;
	reaper_wake(m);
	while (!e.done)
		cond_wait(&m->reaper_cond, &m->lock);
	mutex_unlock(&m->lock);
	return e.err;
}

/* The reaper was woken: false, to end; or somebody has an errand for it. */
static bool reaper_woken(struct process_machine *m)
{
	uint64_t count;

	(void)!read(m->reaper_wake, &count, sizeof count);
	mutex_lock(&m->lock);
	struct reaper_errand *e = m->errand;
	m->errand = NULL;
	mutex_unlock(&m->lock);
	if (!e)
		return false;
	int err = e->fn(e->arg);
	mutex_lock(&m->lock);
	e->err = err;
	e->done = true;
	cond_signal(&m->reaper_cond);
	mutex_unlock(&m->lock);
	return true;
}

/* PR_SET_PDEATHSIG speaks of the parent thread, not of its process: the template's lives as long as
 * the machine. */
static void *reaper_main(void *arg)
{
	struct process_machine *m = arg;
	struct epoll_event ev;

	int err = template_start(m);
	if (!err)
		spare_order(m);
	if (m->hook.fn)
		m->hook.fn(m->hook.arg);
	start_done(m, err);
	for (;;) {
		int n = epoll_wait(m->reaper_epoll, &ev, 1, -1);
		if (n < 0 && errno != EINTR)
			break;
		if (n == 1 && ev.data.fd != m->reaper_wake)
			machine_notice_death(m, ev.data.fd);
		else if (n == 1 && !reaper_woken(m))
			break;
	}
	return NULL;
}

/* The template is being made, or could not be, until then. */
static void await_start(struct process_machine *m)
{
	mutex_lock(&m->lock);
	while (!m->started)
		cond_wait(&m->reaper_cond, &m->lock);
	mutex_unlock(&m->lock);
}

static int reaper_start(struct process_machine *m)
{
	struct epoll_event ev = { .events = EPOLLIN };

	m->reaper_epoll = epoll_create1(EPOLL_CLOEXEC);
	m->reaper_wake = eventfd(0, EFD_CLOEXEC);
	ev.data.fd = m->reaper_wake;
	if (m->reaper_epoll < 0 || m->reaper_wake < 0 ||
	    epoll_ctl(m->reaper_epoll, EPOLL_CTL_ADD, m->reaper_wake, &ev) < 0)
		return -errno;
	int err = host_thread_start(&m->reaper, 0, 0, reaper_main, m);
	m->reaper_runs = !err;
	return err;
}

/* ---- platform.h ---- */

static void close_fd(int fd)
{
	if (fd >= 0)
		close(fd);
}

static void process_machine_destroy(struct machine *machine)
{
	struct process_machine *m = to_process_machine(machine);
	if (m->reaper_runs)
		await_start(m);
	spare_destroy(m);
	/* They all end at the same time. */
	stub_send_kill(&m->template);
	if (m->reaper_runs)
		reaper_wake(m);
	for (unsigned i = 0; i < DYING_MAX; i++)
		stub_reap_later(m, -1);
	template_end(m);
	if (m->reaper_runs)
		pthread_join(m->reaper, NULL);
	close_fd(m->reaper_epoll);
	close_fd(m->reaper_wake);
	if (m->control)
		munmap(m->control, CONTROL_FILE_SIZE);
	close_fd(m->control_fd);
	slots_destroy(&m->pages);
	slots_destroy(&m->stacks);
	mutex_destroy(&m->lock);
	stub_destroy(&m->template);
	cond_destroy(&m->reaper_cond);
	free(m);
}

static struct process_machine *machine_alloc(void)
{
	struct process_machine *m = calloc(1, sizeof *m);
	if (!m)
		return NULL;
	m->control_fd = m->reaper_epoll = m->reaper_wake = -1;
	stub_init(&m->template);
	for (unsigned i = 0; i < DYING_MAX; i++)
		m->dying[i] = -1;
	mutex_init(&m->lock, LOCK_MACHINE);
	cond_init(&m->reaper_cond);
	list_init(&m->spaces);
	slots_init(&m->pages, CONTROL_PAGES);
	slots_init(&m->stacks, CONTROL_STACKS);
	const uint64_t enabled = xcr0_read();
	m->xcr0 = enabled & ~XCR0_AMX;
	m->fp_size = fp_size_of(enabled, m->xcr0);
	return m;
}

static int control_create(struct process_machine *m)
{
	m->control_fd = memfd_sized("hl-control", CONTROL_FILE_SIZE);
	if (m->control_fd < 0)
		return m->control_fd;
	m->control = mmap(NULL, CONTROL_FILE_SIZE, PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_NORESERVE, m->control_fd, 0);
	if (m->control == MAP_FAILED) {
		m->control = NULL;
		return -errno;
	}
	/* the first one: the stub maps offset 0 by itself */
	int err = slots_take(&m->pages, &m->template.slot);
	stub_page_set(&m->template, m->control);
	return err;
}

static int process_machine_create(struct machine **out, struct errmsg *errmsg)
{
	struct process_machine *m = machine_alloc();
	int err = m ? control_create(m) : -ENOMEM;
	if (err && m)
		process_machine_destroy((struct machine *)m);
	if (err)
		return errmsg_set(
		    errmsg, -err, "no memory for the process platform (is %s limited?): %s",
		    err == -EFBIG ? "file size, `ulimit -f`," : "address space, `ulimit -v`,",
		    strerror(-err));
	*out = (struct machine *)m;
	return 0;
}

static int start_result(int err, struct errmsg *errmsg)
{
	return err ? errmsg_set(errmsg, -err, "the process platform cannot start its stub: %s",
				strerror(-err))
		   : 0;
}

static int process_machine_attach(struct machine *machine, struct physmem *pm,
				  const struct machine_hook *hook, struct errmsg *errmsg)
{
	struct process_machine *m = to_process_machine(machine);
	m->pm = pm;
	m->hook = *hook;
	return start_result(reaper_start(m), errmsg);
}

static int process_machine_ready(struct machine *machine, struct errmsg *errmsg)
{
	struct process_machine *m = to_process_machine(machine);
	await_start(m);
	return start_result(m->start_err, errmsg);
}

static void process_machine_props(const struct machine *machine, struct machine_props *out)
{
	*out = (struct machine_props){
		.arena_max = 1024 * GIB,
		.window_max = 1024 * GIB,
		.eager_map_max = 16 * GIB,
		.fault_map_unit = 1 * GIB,
		.cow_copy_pages = 8,
		.user_end = ARCH_SPACE_END,
	};
}

static size_t process_fp_size(const struct machine *machine, uint64_t *xcr0)
{
	const struct process_machine *m = (const struct process_machine *)machine;
	*xcr0 = m->xcr0;
	return m->fp_size;
}

const struct platform platform_process = {
	.name = "process",
	.checks = process_checks,
	.machine_create = process_machine_create,
	.machine_props = process_machine_props,
	.machine_attach = process_machine_attach,
	.machine_ready = process_machine_ready,
	.machine_each_thread = process_machine_each_thread,
	.machine_destroy = process_machine_destroy,
	.space_create = process_space_create,
	.space_destroy = process_space_destroy,
	.space_stop = process_space_stop,
	.space_rest = process_space_rest,
	.space_gather = process_space_gather,
	.space_flush = process_space_flush,
	.space_map = process_space_map,
	.space_unmap = process_space_unmap,
	.space_protect = process_space_protect,
	.context_create = process_context_create,
	.context_destroy = process_context_destroy,
	.context_watch = process_context_watch,
	.run = process_run,
	.syscall_result = process_syscall_result,
	.regs_get = process_regs_get,
	.regs_set = process_regs_set,
	.fp_size = process_fp_size,
	.fp_get = process_fp_get,
	.fp_set = process_fp_set,
	.runs = process_runs,
	.cpu_time = process_cpu_time,
	.space_clock = process_space_clock,
	.schedule_as = process_schedule_as,
};
