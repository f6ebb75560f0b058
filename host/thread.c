// SPDX-License-Identifier: Apache-2.0
/* pthread_create(3) gives the new thread the signal mask of the caller, who therefore has it for a
 * moment. */
#include "host/thread.h"

#include <stdbool.h>
#include <sys/rseq.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "host/kick.h"

static _Atomic bool takes_violations; /* of this process, of no sandbox */

void host_threads_take_violations(void)
{
	takes_violations = true;
}

int host_thread_start(pthread_t *out, size_t stack, unsigned flags, void *(*fn)(void *), void *arg)
{
	pthread_attr_t attr;
	sigset_t blocked, old;

	pthread_attr_init(&attr);
	if (stack)
		pthread_attr_setstacksize(&attr, stack);
	if (flags & THREAD_DETACHED)
		pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	sigfillset(&blocked);
	if (takes_violations)
		sigdelset(&blocked, SIGSYS);
	if (flags & THREAD_KICKED) {
		sigdelset(&blocked, HL_KICK_SIGNAL);
		sigdelset(&blocked, SIGSEGV);
		sigdelset(&blocked, SIGBUS);
	}
	pthread_sigmask(SIG_SETMASK, &blocked, &old);
	int err = -pthread_create(out, &attr, fn, arg);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_attr_destroy(&attr);
	return err;
}

/* What was registered is as long as what this kernel knows of it, and at least as long as the first
 * version. sched_getcpu(3) then asks the vDSO. */
void host_thread_leave_rseq(void)
{
	const unsigned first = 32;
	char *area = (char *)__builtin_thread_pointer() + __rseq_offset;

	if (__rseq_size)
		(void)syscall(SYS_rseq, area, __rseq_size > first ? __rseq_size : first,
			      RSEQ_FLAG_UNREGISTER, RSEQ_SIG);
}

void host_signals_block(sigset_t *old)
{
	sigset_t all;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, old);
}

void host_signals_restore(const sigset_t *old)
{
	pthread_sigmask(SIG_SETMASK, old, NULL);
}
