/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "platform/process/process.h"

/* ---- a new stub ---- */

/* The template forks; the child takes the passed socket for its own, maps a command page of its own, and greets. */
static int fork_stub(struct machine *m, struct stub *st, int socket)
{
	enum { CHILD = 1 };
	const struct step steps[] = {
		{ SYS_fork, { 0 }, STEP_FORK | STEP_REPLY | (uint64_t)CHILD << STEP_CHILD },
		{ SYS_dup2, { STUB_FD_PASSED, STUB_FD_SOCKET }, 0 },
		{ SYS_close, { STUB_FD_PASSED }, 0 },
		{ SYS_prctl, { PR_SET_PDEATHSIG, SIGKILL }, 0 },
		{ SYS_mmap,
		  { STUB_COMMAND, PAGE_SIZE, PROT_READ, MAP_SHARED | MAP_FIXED, STUB_FD_CONTROL,
		    (uint64_t)st->slot * PAGE_SIZE },
		  STEP_LAST },
	};
	const struct step close_passed = { SYS_close, { STUB_FD_PASSED }, STEP_LAST };
	int64_t pid;

	int err = stub_command_value(&m->template, steps, sizeof steps / sizeof steps[0], socket, &pid);
	if (!err)
		err = stub_command(&m->template, &close_passed, 1, -1, NULL);
	if (err || pid < 0)
		return err ? err : (int)pid;
	st->pid = (pid_t)pid;
	st->pidfd = (int)syscall(SYS_pidfd_open, st->pid, 0);
	return st->pidfd < 0 ? -errno : 0;
}

static int greet(struct stub *st)
{
	char byte;
	ssize_t n;
	do {
		n = recv(st->socket, &byte, 1, 0);
	} while (n < 0 && errno == EINTR);
	return n == 1 && byte == 0 ? 0 : -EIO;
}

static int watch(struct machine *m, struct space *s)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.fd = s->stub.pidfd };
	pthread_mutex_lock(&m->lock);
	list_add(&m->spaces, &s->node);
	int err = epoll_ctl(m->reaper_epoll, EPOLL_CTL_ADD, s->stub.pidfd, &ev) < 0 ? -errno : 0;
	pthread_mutex_unlock(&m->lock);
	return err;
}

static int start(struct space *s)
{
	struct machine *m = s->m;
	int pair[2];
	int err = slots_take(&m->pages, &s->stub.slot);
	if (err)
		return err;
	stub_page_set(&s->stub, m->control + (uint64_t)s->stub.slot * PAGE_SIZE);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	s->stub.socket = pair[0];
	/* Until it greets, the child reads its steps from the template's page: nobody may write another command there.
	 */
	pthread_mutex_lock(&m->lock);
	err = fork_stub(m, &s->stub, pair[1]);
	close(pair[1]);
	if (!err)
		err = greet(&s->stub);
	pthread_mutex_unlock(&m->lock);
	return err ? err : watch(m, s);
}

int process_space_create(struct machine *m, struct space **out)
{
	struct space *s = calloc(1, sizeof *s);
	if (!s)
		return -ENOMEM;
	s->m = m;
	s->refs = 1;
	s->stub.socket = s->stub.pidfd = -1;
	s->stub.slot = UINT32_MAX;
	pthread_mutex_init(&s->lock, NULL);
	pthread_mutex_init(&s->stub.lock, NULL);
	list_init(&s->node);
	list_init(&s->contexts);
	int err = start(s);
	if (err) {
		process_space_destroy(s);
		/* As fork(2) when there is room for no more processes. */
		return err == -EMFILE || err == -ENFILE ? -EAGAIN : err;
	}
	*out = s;
	return 0;
}

/* Registers of its threads are on them, and may hold secrets: the next owner gets empty pages. */
static void free_stacks(struct space *s)
{
	for (uint32_t i = 0; i < s->stacks.nr_free; i++) {
		uint32_t slot = s->stacks.free[i];
		char *stack = s->m->control + CONTROL_STACK_OFF + ((uint64_t)slot << STACK_SHIFT);
		if (madvise(stack, STACK_SIZE, MADV_REMOVE) < 0)
			memset(stack, 0, STACK_SIZE);
		slots_give(&s->m->stacks, slot);
	}
	free(s->stacks.free);
}

void space_put(struct space *s)
{
	if (atomic_fetch_sub(&s->refs, 1) > 1)
		return;
	if (s->stub.socket >= 0)
		close(s->stub.socket);
	if (s->stub.pidfd >= 0)
		close(s->stub.pidfd);
	if (s->stub.slot != UINT32_MAX)
		slots_give(&s->m->pages, s->stub.slot);
	free_stacks(s);
	pthread_mutex_destroy(&s->lock);
	pthread_mutex_destroy(&s->stub.lock);
	free(s);
}

void process_space_destroy(struct space *s)
{
	struct machine *m = s->m;
	struct context *c;

	pthread_mutex_lock(&m->lock);
	list_del(&s->node);
	if (s->stub.pidfd >= 0)
		epoll_ctl(m->reaper_epoll, EPOLL_CTL_DEL, s->stub.pidfd, NULL);
	pthread_mutex_unlock(&m->lock);
	pthread_mutex_lock(&s->lock);
	list_for_each (c, &s->contexts, node)
		clock_stop(&c->clock);
	pthread_mutex_unlock(&s->lock);
	/* Its pages may be given to others as soon as we return: nothing of it may run any more. */
	s->destroyed = true; /* first: threads that find themselves dying are to know why */
	stub_kill(&s->stub);
	s->stub.dead = true;
	space_put(s);
}

/* ---- mappings ---- */

static bool is_guest_range(gva_t addr, uint64_t len)
{
	return (addr.v | len) % PAGE_SIZE == 0 && len && len <= STUB_TEXT && addr.v <= STUB_TEXT - len;
}

static uint64_t host_prot(unsigned prot)
{
	return (prot & GUEST_READ ? PROT_READ : 0U) | (prot & GUEST_WRITE ? PROT_READ | PROT_WRITE : 0U) |
	       (prot & GUEST_EXEC ? PROT_READ | PROT_EXEC : 0U);
}

int process_space_map(struct space *s, gva_t addr, uint64_t len, unsigned prot, struct memfile *mf, uint64_t off)
{
	bool arena = mf == physmem_arena(s->m->pm);
	uint64_t end;
	const struct step steps[] = {
		{ SYS_mmap,
		  { addr.v, len, host_prot(prot), MAP_SHARED | MAP_FIXED | MAP_NORESERVE,
		    arena ? STUB_FD_ARENA : STUB_FD_PASSED, off },
		  arena ? STEP_LAST : 0 },
		{ SYS_close, { STUB_FD_PASSED }, STEP_LAST },
	};
	const struct step close_passed = { SYS_close, { STUB_FD_PASSED }, STEP_LAST };

	if (!is_guest_range(addr, len) || off % PAGE_SIZE || __builtin_add_overflow(off, len, &end) || end > INT64_MAX)
		return -EINVAL;
	if (arena && end > physmem_arena_size(s->m->pm))
		return -ENOMEM;
	if (prot & GUEST_WRITE && !mf->writable)
		return -EACCES;
	if (!prot)
		return process_space_unmap(s, addr, len);
	int err = stub_command(&s->stub, steps, arena ? 1 : 2, arena ? -1 : mf->fd, NULL);
	if (err && err != -EIO) {
		if (!arena)
			stub_command(&s->stub, &close_passed, 1, -1, NULL);
		process_space_unmap(s, addr, len);
	}
	return err;
}

int process_space_unmap(struct space *s, gva_t addr, uint64_t len)
{
	const struct step step = { SYS_munmap, { addr.v, len }, STEP_LAST };

	if (!is_guest_range(addr, len))
		return -EINVAL;
	return stub_command(&s->stub, &step, 1, -1, NULL);
}

/* mprotect(2) stops at a hole with ENOMEM; ours goes on behind it: by halves, until what is left of a hole is a page.
 */
static int protect_range(struct space *s, uint64_t addr, uint64_t len, unsigned prot)
{
	const struct step step = { SYS_mprotect, { addr, len, host_prot(prot) }, STEP_LAST };
	int err = stub_command(&s->stub, &step, 1, -1, NULL);

	if (err != -ENOMEM)
		return err;
	if (len == PAGE_SIZE)
		return 0;
	uint64_t half = PAGE_DOWN(len / 2);
	err = protect_range(s, addr, half, prot);
	return err ? err : protect_range(s, addr + half, len - half, prot);
}

int process_space_protect(struct space *s, gva_t addr, uint64_t len, unsigned prot)
{
	if (!is_guest_range(addr, len))
		return -EINVAL;
	return prot ? protect_range(s, addr.v, len, prot) : process_space_unmap(s, addr, len);
}
