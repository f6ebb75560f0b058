/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <cpuid.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "platform/process/process.h"

#define GIB      (1UL << 30)
#define XCR0_AMX (3UL << 17)

#ifndef MFD_EXEC
#define MFD_EXEC 0x10U
#endif

extern const char stub_image[], stub_image_end[];

/* ---- what guests see of the CPU ---- */

static uint64_t xcr0_read(void)
{
	uint32_t a, d;
	__asm__ volatile("xgetbv" : "=a"(a), "=d"(d) : "c"(0));
	return (a | (uint64_t)d << 32) & ~XCR0_AMX;
}

static size_t fp_size_of(uint64_t xcr0)
{
	size_t size = 576; /* legacy area and header (SDM vol. 1, 13.4) */
	for (unsigned i = 2; i < 63; i++) {
		unsigned a, b, c, d;
		if (!(xcr0 >> i & 1))
			continue;
		__cpuid_count(0xd, i, a, b, c, d);
		if (a + b > size)
			size = a + b;
	}
	return size;
}

/* ---- the template ---- */

/* Without MFD_EXEC (Linux 6.3) vm.memfd_noexec decides whether it can be executed. */
int stub_memfd(void)
{
	int fd = memfd_create("hl-stub", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC);
	if (fd < 0 && errno == EINVAL)
		fd = memfd_create("hl-stub", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	return fd < 0 ? -errno : fd;
}

static int image_fd(void)
{
	size_t size = (size_t)(stub_image_end - stub_image);
	int fd = stub_memfd();
	if (fd < 0)
		return fd;
	if (write(fd, stub_image, size) != (ssize_t)size) {
		close(fd);
		return -EIO;
	}
	return fd;
}

struct template_start {
	int image, arena, control, socket;
	sigset_t none;
};

/* In the child, which shares our memory until execveat: only raw system calls on its own stack. */
static int template_child(void *arg)
{
	const struct template_start *ts = arg;
	static char *const empty[] = { NULL };

	/* Ctrl-C and its like are for the monitor: it passes them on. */
	setsid();
	/* Above all target numbers first, so that none is overwritten before it is moved. */
	int arena = fcntl(ts->arena, F_DUPFD, 16), control = fcntl(ts->control, F_DUPFD, 16);
	int socket = fcntl(ts->socket, F_DUPFD, 16), image = fcntl(ts->image, F_DUPFD_CLOEXEC, 16);
	if (arena < 0 || control < 0 || socket < 0 || image < 0)
		_exit(1);
	dup2(arena, STUB_FD_ARENA);
	dup2(control, STUB_FD_CONTROL);
	dup2(socket, STUB_FD_SOCKET);
	syscall(SYS_close_range, STUB_FD_PASSED, image - 1, 0);
	syscall(SYS_close_range, image + 1, ~0U, 0);
	for (int sig = 1; sig < NSIG; sig++)
		signal(sig, SIG_DFL);
	sigprocmask(SIG_SETMASK, &ts->none, NULL);
	syscall(SYS_execveat, image, "", empty, empty, AT_EMPTY_PATH);
	_exit(1);
}

static int template_clone(struct machine *m, struct template_start *ts)
{
	size_t size = 64 << 10;
	char *stack = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (stack == MAP_FAILED)
		return -ENOMEM;
	sigset_t all, old;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	int pidfd = -1;
	pid_t pid = clone(template_child, stack + size, CLONE_VM | CLONE_VFORK | CLONE_PIDFD | SIGCHLD, ts, &pidfd);
	int err = pid < 0 ? -errno : 0;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	munmap(stack, size);
	m->template.pid = pid;
	m->template.pidfd = pidfd;
	return err;
}

/* Its first answer tells that it has emptied itself. */
static int template_greet(struct machine *m)
{
	char byte;
	ssize_t n;
	do {
		n = recv(m->template.socket, &byte, 1, 0);
	} while (n < 0 && errno == EINTR);
	return n == 1 && byte == 0 ? 0 : -EIO;
}

static int template_start(struct machine *m)
{
	int pair[2], image = image_fd();
	if (image < 0)
		return image;
	int err = socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0 ? -errno : 0;
	if (!err) {
		struct template_start ts = {
			.image = image, .arena = physmem_arena(m->pm)->fd, .control = m->control_fd, .socket = pair[1]
		};
		sigemptyset(&ts.none);
		m->template.socket = pair[0];
		err = template_clone(m, &ts);
		close(pair[1]);
		if (!err)
			err = template_greet(m);
	}
	close(image);
	return err;
}

/* ---- the reaper ---- */

static void space_died(struct space *s)
{
	struct context *c;
	s->stub.dead = true;
	pthread_mutex_lock(&s->lock);
	list_for_each (c, &s->contexts, node) {
		struct kick *k = atomic_load(&c->kick);
		if (k)
			kick_send(k);
	}
	pthread_mutex_unlock(&s->lock);
}

/* A stub ended though nobody asked it to: the guest got it killed. Its threads' waits must end. */
void machine_notice_death(struct machine *m, int pidfd)
{
	struct space *s;
	pthread_mutex_lock(&m->lock);
	list_for_each (s, &m->spaces, node) {
		if (s->stub.pidfd == pidfd)
			space_died(s);
	}
	pthread_mutex_unlock(&m->lock);
	epoll_ctl(m->reaper_epoll, EPOLL_CTL_DEL, pidfd, NULL);
}

static void start_done(struct machine *m, int err)
{
	pthread_mutex_lock(&m->lock);
	m->start_err = err;
	m->started = true;
	pthread_cond_signal(&m->start_cond);
	pthread_mutex_unlock(&m->lock);
}

/* PR_SET_PDEATHSIG speaks of the parent thread, not of its process: the template's lives as long as the machine. */
static void *reaper_main(void *arg)
{
	struct machine *m = arg;
	struct epoll_event ev;

	start_done(m, template_start(m));
	for (;;) {
		int n = epoll_wait(m->reaper_epoll, &ev, 1, -1);
		if (n < 0 && errno != EINTR)
			break;
		if (n == 1 && ev.data.fd == m->reaper_wake)
			break;
		if (n == 1)
			machine_notice_death(m, ev.data.fd);
	}
	return NULL;
}

static int reaper_start(struct machine *m)
{
	struct epoll_event ev = { .events = EPOLLIN };
	sigset_t all, old;

	m->reaper_epoll = epoll_create1(EPOLL_CLOEXEC);
	m->reaper_wake = eventfd(0, EFD_CLOEXEC);
	ev.data.fd = m->reaper_wake;
	if (m->reaper_epoll < 0 || m->reaper_wake < 0 ||
	    epoll_ctl(m->reaper_epoll, EPOLL_CTL_ADD, m->reaper_wake, &ev) < 0)
		return -errno;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	int err = -pthread_create(&m->reaper, NULL, reaper_main, m);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (err)
		return err;
	m->reaper_runs = true;
	pthread_mutex_lock(&m->lock);
	while (!m->started)
		pthread_cond_wait(&m->start_cond, &m->lock);
	pthread_mutex_unlock(&m->lock);
	return m->start_err;
}

/* ---- platform.h ---- */

static int process_machine_create(struct machine **out, struct why *why)
{
	struct machine *m = calloc(1, sizeof *m);
	if (!m)
		return why_set(why, ENOMEM, "out of memory");
	m->control_fd = m->reaper_epoll = m->reaper_wake = -1;
	m->template.socket = m->template.pidfd = -1;
	pthread_mutex_init(&m->lock, NULL);
	pthread_mutex_init(&m->template.lock, NULL);
	pthread_cond_init(&m->start_cond, NULL);
	list_init(&m->spaces);
	slots_init(&m->pages, CONTROL_PAGES);
	slots_init(&m->stacks, CONTROL_STACKS);
	m->xcr0 = xcr0_read();
	m->fp_size = fp_size_of(m->xcr0);
	*out = m;
	return 0;
}

static int control_create(struct machine *m)
{
	m->control_fd = memfd_create("hl-control", MFD_CLOEXEC);
	if (m->control_fd < 0 || ftruncate(m->control_fd, (off_t)CONTROL_SIZE) < 0)
		return -errno;
	m->control = mmap(NULL, CONTROL_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, m->control_fd, 0);
	if (m->control == MAP_FAILED) {
		m->control = NULL;
		return -errno;
	}
	int err = slots_take(&m->pages, &m->template.slot); /* the first one: the stub maps offset 0 by itself */
	m->template.page = m->control;
	return err;
}

static int process_machine_attach(struct machine *m, struct physmem *pm, struct why *why)
{
	m->pm = pm;
	int err = control_create(m);
	if (!err)
		err = reaper_start(m);
	return err ? why_set(why, -err, "the process platform cannot start its stub: %s", strerror(-err)) : 0;
}

static void process_machine_props(const struct machine *m, struct machine_props *out)
{
	*out = (struct machine_props){
		.arena_max = 1024 * GIB,
		.window_max = 1024 * GIB,
		.eager_map_max = 16 * GIB,
		.fault_map_unit = 1 * GIB,
		.cow_copy_pages = 4,
		.user_end = STUB_TEXT,
	};
}

static void close_fd(int fd)
{
	if (fd >= 0)
		close(fd);
}

static void reaper_stop(struct machine *m)
{
	if (!m->reaper_runs)
		return;
	uint64_t one = 1;
	(void)!write(m->reaper_wake, &one, sizeof one);
	pthread_join(m->reaper, NULL);
}

static void process_machine_destroy(struct machine *m)
{
	if (m->template.pid > 0) {
		stub_kill(&m->template);
		waitid(P_PIDFD, (id_t)m->template.pidfd, NULL, WEXITED);
	}
	reaper_stop(m);
	close_fd(m->template.socket);
	close_fd(m->template.pidfd);
	close_fd(m->reaper_epoll);
	close_fd(m->reaper_wake);
	if (m->control)
		munmap(m->control, CONTROL_SIZE);
	close_fd(m->control_fd);
	slots_destroy(&m->pages);
	slots_destroy(&m->stacks);
	pthread_mutex_destroy(&m->lock);
	pthread_mutex_destroy(&m->template.lock);
	pthread_cond_destroy(&m->start_cond);
	free(m);
}

static size_t process_fp_size(const struct machine *m, uint64_t *xcr0)
{
	*xcr0 = m->xcr0;
	return m->fp_size;
}

const struct platform platform_process = {
	.name = "process",
	.checks = process_checks,
	.machine_create = process_machine_create,
	.machine_props = process_machine_props,
	.machine_attach = process_machine_attach,
	.machine_destroy = process_machine_destroy,
	.space_create = process_space_create,
	.space_destroy = process_space_destroy,
	.space_map = process_space_map,
	.space_unmap = process_space_unmap,
	.space_protect = process_space_protect,
	.context_create = process_context_create,
	.context_destroy = process_context_destroy,
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
};
