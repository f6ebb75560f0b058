/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a function in a child that shares the monitor's memory, as vfork(2) does: what the child
 * changes of its own state, like its namespaces, ends with it. */
#include "host/child.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "host/clone.h"
#include "host/thread.h"

#define STACK (64UL << 10)

struct child_call {
	int (*fn)(void *);
	void *arg;
	int result;
};

static int child(void *arg)
{
	struct child_call *t = arg;

	t->result = t->fn(t->arg);
	return 0; /* clone(2) ends the child */
}

int host_child(int clone_flags, int (*fn)(void *), void *arg)
{
	struct child_call t = { fn, arg, -ECHILD };
	sigset_t old;
	char *stack = mmap(NULL, STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (stack == MAP_FAILED)
		return -ENOMEM;
	/* No handler of the program's may run in the child. */
	host_signals_block(&old);
	pid_t pid = clone(child, stack + STACK, clone_flags | CLONE_VM | CLONE_VFORK, &t);
	if (pid < 0)
		t.result = -errno;
	while (pid > 0 && waitpid(pid, NULL, __WCLONE) < 0 && errno == EINTR)
		;
	host_signals_restore(&old);
	munmap(stack, STACK);
	return t.result;
}

static int without_argument(void *fn)
{
	return (*(int (**)(void))fn)();
}

int host_run_in_child(int clone_flags, int (*fn)(void))
{
	return host_child(clone_flags, without_argument, &fn);
}

bool host_is_filtered(void)
{
	return prctl(PR_GET_SECCOMP) != 0;
}
