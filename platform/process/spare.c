/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stub of the next space is forked ahead, with its first thread: the template does it while
 * guests run, and a fork or an execve finds it ready. None is made ahead of a second space: most
 * programs never have one.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "platform/process/process.h"

/* The child takes the passed socket for its own, and then maps a command page of its own, on which
 * its next steps stand. */
static int order_fork(struct process_machine *m, int socket)
{
	enum { CHILD = 2, OWN_PAGE = 6 };
	const struct step steps[OWN_PAGE] = {
		{ SYS_fork, { 0 }, STEP_FORK | STEP_REPLY | (uint64_t)CHILD << STEP_CHILD },
		{ SYS_close, { STUB_FD_PASSED }, STEP_LAST },
		{ SYS_dup2, { STUB_FD_PASSED, STUB_FD_SOCKET }, 0 },
		{ SYS_close, { STUB_FD_PASSED }, 0 },
		{ SYS_prctl, { PR_SET_PDEATHSIG, SIGKILL }, 0 },
		{ SYS_mmap,
		  { STUB_COMMAND, PAGE_SIZE, PROT_READ, MAP_SHARED | MAP_FIXED, STUB_FD_CONTROL,
		    (uint64_t)m->spare.slot * PAGE_SIZE },
		  0 },
	};

	stub_page_set(&m->spare, m->control + (uint64_t)m->spare.slot * PAGE_SIZE);
	stub_thread_steps(m, m->spare_stack, (struct step *)(void *)m->spare.page + OWN_PAGE);
	return stub_order(&m->template, steps, OWN_PAGE, &socket, 1);
}

static void spare_release(struct process_machine *m)
{
	struct stub *st = &m->spare;

	if (st->socket >= 0)
		close(st->socket);
	if (st->slot != UINT32_MAX)
		slots_give(&m->pages, st->slot);
	if (m->spare_stack != UINT32_MAX)
		slots_give(&m->stacks, m->spare_stack);
	st->socket = -1;
	st->slot = m->spare_stack = UINT32_MAX;
}

static int order_locked(struct process_machine *m)
{
	int pair[2];

	m->spare.socket = -1;
	m->spare.slot = m->spare_stack = UINT32_MAX;
	int err = slots_take(&m->pages, &m->spare.slot);
	if (!err)
		err = slots_take(&m->stacks, &m->spare_stack);
	if (!err)
		err = socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0 ? -errno : 0;
	if (!err) {
		m->spare.socket = pair[0];
		err = order_fork(m, pair[1]);
		close(pair[1]);
	}
	if (err)
		spare_release(m);
	m->spare_ordered = !err;
	return err;
}

void spare_order(struct process_machine *m)
{
	mutex_lock(&m->template.lock);
	(void)order_locked(m);
	mutex_unlock(&m->template.lock);
}

/* The spare becomes `st`, whose first thread has the stack *stack. */
static int collect_locked(struct process_machine *m, struct stub *st, uint32_t *stack)
{
	int64_t pid;
	int err = m->spare_ordered ? 0 : order_locked(m);

	if (err)
		return err;
	m->spare_ordered = false;
	err = stub_answer(&m->template, NULL, &pid);
	if (err || pid < 0) {
		spare_release(m);
		return err ? err : (int)pid;
	}
	st->pid = (pid_t)pid;
	st->page = m->spare.page;
	st->slot = m->spare.slot;
	st->socket = m->spare.socket;
	*stack = m->spare_stack;
	st->pidfd = (int)syscall(SYS_pidfd_open, st->pid, 0);
	return st->pidfd < 0 ? -errno : 0;
}

/* The first thread's listener, and then the stub's word that all is done. */
static int await_ready(struct process_space *s, uint32_t stack)
{
	int listener = -1;

	mutex_lock(&s->stub.lock);
	int err = stub_answer(&s->stub, &listener, NULL);
	mutex_unlock(&s->stub.lock);

	if (!err && listener < 0)
		err = -EMFILE;
	if (!err)
		err = stub_thread_keep(s, listener, stack);
	if (err && listener >= 0)
		close(listener);
	return err;
}

static int watch(struct process_space *s)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.fd = s->stub.pidfd };
	struct process_machine *m = s->m;

	mutex_lock(&m->lock);
	list_add(&m->spaces, &s->node);
	int err = epoll_ctl(m->reaper_epoll, EPOLL_CTL_ADD, s->stub.pidfd, &ev) < 0 ? -errno : 0;
	mutex_unlock(&m->lock);
	return err;
}

/* Until the child has said that it is ready, it may still read its steps from the template's page,
 * so nobody may write another command there. */
static int take_locked(struct process_space *s)
{
	struct process_machine *m = s->m;
	uint32_t stack = UINT32_MAX;
	int err = collect_locked(m, &s->stub, &stack);

	if (!err)
		err = await_ready(s, stack);
	if (err && stack != UINT32_MAX)
		slots_give(&m->stacks, stack);
	if (!err && m->spares_taken++)
		(void)order_locked(m);
	return err;
}

int spare_take(struct process_space *s)
{
	lock_assert_held(&s->lock);
	mutex_lock(&s->m->template.lock);
	int err = take_locked(s);
	mutex_unlock(&s->m->template.lock);
	return err ? err : watch(s);
}

void spare_destroy(struct process_machine *m)
{
	struct stub st = { .socket = -1, .pidfd = -1 };
	uint32_t stack;

	if (!m->spare_ordered)
		return;
	mutex_lock(&m->template.lock);
	(void)collect_locked(m, &st, &stack);
	mutex_unlock(&m->template.lock);
	stub_kill(&st);
	if (st.socket >= 0)
		close(st.socket);
	if (st.pidfd >= 0)
		close(st.pidfd);
}
