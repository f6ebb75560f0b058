/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stub of the next space is forked ahead, with its first thread: the template does it while
 * guests run, and a fork or an execve finds it ready. None is made ahead of a second space: most
 * programs never have one.
 *
 * Until the child has said that it is ready, it may still read its steps from the template's page.
 * So a spare is settled before the template gets its next order, whichever machine's that is.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "platform/process/process.h"

/* What the template passes to a child of its, from STUB_FD_PASSED on. */
enum passed { PASSED_SOCKET, PASSED_ARENA, PASSED_CONTROL, NR_PASSED };

#define PASSED(p)                                                                                  \
	{                                                                                          \
		STUB_FD_PASSED + (p)                                                               \
	}

/* The child takes what is passed for its own, and then maps a command page of its own, on which its
 * next steps stand. */
static int order_fork(struct process_machine *m, int socket)
{
	enum { CHILD = 4, OWN_PAGE = 12 };
	const struct step steps[OWN_PAGE] = {
		{ SYS_fork, { 0 }, STEP_FORK | STEP_REPLY | (uint64_t)CHILD << STEP_CHILD },
		{ SYS_close, PASSED(PASSED_SOCKET), 0 },
		{ SYS_close, PASSED(PASSED_ARENA), 0 },
		{ SYS_close, PASSED(PASSED_CONTROL), STEP_LAST },
		{ SYS_dup2, { STUB_FD_PASSED + PASSED_SOCKET, STUB_FD_SOCKET }, 0 },
		{ SYS_dup2, { STUB_FD_PASSED + PASSED_ARENA, STUB_FD_ARENA }, 0 },
		{ SYS_dup2, { STUB_FD_PASSED + PASSED_CONTROL, STUB_FD_CONTROL }, 0 },
		{ SYS_close, PASSED(PASSED_SOCKET), 0 },
		{ SYS_close, PASSED(PASSED_ARENA), 0 },
		{ SYS_close, PASSED(PASSED_CONTROL), 0 },
		{ SYS_prctl, { PR_SET_PDEATHSIG, SIGKILL }, 0 },
		{ SYS_mmap,
		  { STUB_COMMAND, PAGE_SIZE, PROT_READ, MAP_SHARED | MAP_FIXED, STUB_FD_CONTROL,
		    (uint64_t)m->spare.stub.slot * PAGE_SIZE },
		  0 },
	};
	const int pass[NR_PASSED] = { socket, physmem_arena(m->pm)->fd, m->control_fd };
	struct stub *st = &m->spare.stub;

	stub_page_set(st, m->control + (uint64_t)st->slot * PAGE_SIZE);
	stub_thread_steps(m, m->spare.stack, (struct step *)(void *)st->page + OWN_PAGE);
	return stub_order(&m->nursery->template, steps, OWN_PAGE, pass, NR_PASSED);
}

static void spare_release(struct process_machine *m)
{
	struct spare *sp = &m->spare;

	if (sp->stub.pidfd >= 0)
		stub_kill(&sp->stub);
	if (sp->listener >= 0)
		close(sp->listener);
	if (sp->stub.pidfd >= 0)
		close(sp->stub.pidfd);
	if (sp->stub.socket >= 0)
		close(sp->stub.socket);
	if (sp->stub.slot != UINT32_MAX)
		slots_give(&m->pages, sp->stub.slot);
	if (sp->stack != UINT32_MAX)
		slots_give(&m->stacks, sp->stack);
}

/* ---- template.lock is held from here on ---- */

/* The first thread's listener, and then the stub's word that all is done. */
static int await_ready(struct spare *sp)
{
	int err = stub_answer(&sp->stub, &sp->listener, NULL);

	return !err && sp->listener < 0 ? -EMFILE : err;
}

static int collect(struct process_machine *m)
{
	struct spare *sp = &m->spare;
	int64_t pid;
	int err = stub_answer(&m->nursery->template, NULL, &pid);

	if (err || pid < 0)
		return err ? err : (int)pid;
	sp->stub.pid = (pid_t)pid;
	sp->stub.pidfd = (int)syscall(SYS_pidfd_open, sp->stub.pid, 0);
	if (sp->stub.pidfd < 0)
		err = -errno;
	mutex_lock(&sp->stub.lock);
	int ready = await_ready(sp);
	mutex_unlock(&sp->stub.lock);
	return err ? err : ready;
}

/* The template can be given another order. */
static void settle(struct nursery *n)
{
	struct process_machine *m = n->unsettled;

	if (!m)
		return;
	n->unsettled = NULL;
	m->spare.err = collect(m);
	m->spare.state = SPARE_SETTLED;
}

void spare_order(struct process_machine *m)
{
	lock_assert_held(&m->nursery->template.lock);
	struct spare *sp = &m->spare;
	int pair[2];

	settle(m->nursery);
	stub_init(&sp->stub);
	sp->stack = UINT32_MAX;
	sp->listener = -1;
	sp->err = slots_take(&m->pages, &sp->stub.slot);
	if (!sp->err)
		sp->err = slots_take(&m->stacks, &sp->stack);
	if (!sp->err)
		sp->err =
		    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0 ? -errno : 0;
	if (!sp->err) {
		sp->stub.socket = pair[0];
		sp->err = order_fork(m, pair[1]);
		close(pair[1]);
	}
	sp->state = sp->err ? SPARE_SETTLED : SPARE_ORDERED;
	m->nursery->unsettled = sp->err ? NULL : m;
}

/* The spare is the space's, or nobody's. */
static int take(struct process_machine *m, struct process_space *s)
{
	struct spare *sp = &m->spare;

	if (sp->state == SPARE_NONE)
		spare_order(m);
	if (sp->state == SPARE_ORDERED)
		settle(m->nursery);
	int err = sp->err;
	sp->state = SPARE_NONE;
	if (!err)
		err = stub_thread_keep(s, sp->listener, sp->stack);
	if (err) {
		spare_release(m);
	} else {
		s->stub.pid = sp->stub.pid;
		s->stub.pidfd = sp->stub.pidfd;
		s->stub.page = sp->stub.page;
		s->stub.slot = sp->stub.slot;
		s->stub.socket = sp->stub.socket;
	}
	mutex_destroy(&sp->stub.lock);
	return err;
}

/* ---- without it ---- */

int spare_take(struct process_space *s)
{
	struct process_machine *m = s->m;

	lock_assert_held(&s->lock);
	if (used_take(s))
		return nursery_watch(m->nursery, s);
	mutex_lock(&m->nursery->template.lock);
	int err = take(m, s);
	if (!err && m->spares_taken++)
		spare_order(m);
	mutex_unlock(&m->nursery->template.lock);
	return err ? err : nursery_watch(m->nursery, s);
}

bool spare_works(struct process_machine *m)
{
	const struct spare *sp = &m->spare;

	mutex_lock(&m->nursery->template.lock);
	bool works = sp->state != SPARE_SETTLED || (!sp->err && !stub_has_ended(&sp->stub));
	mutex_unlock(&m->nursery->template.lock);
	return works;
}

void spare_destroy(struct process_machine *m)
{
	struct spare *sp = &m->spare;

	mutex_lock(&m->nursery->template.lock);
	if (sp->state == SPARE_ORDERED)
		settle(m->nursery);
	if (sp->state == SPARE_SETTLED) {
		spare_release(m);
		mutex_destroy(&sp->stub.lock);
	}
	sp->state = SPARE_NONE;
	mutex_unlock(&m->nursery->template.lock);
}
