/* SPDX-License-Identifier: Apache-2.0 */
/* Ends a host call that another thread is blocked in, by a signal. If the call has not begun yet,
 * the signal's handler moves the instruction pointer past it. See the header for the protocol. */
#include "host/kick.h"

#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "arch/host.h"
#include "arch/sigframe.h"
#include "util/lock.h"
#include "util/time.h"

_Static_assert(offsetof(struct kick, pending) == 0, "hostcall.S");

/* hostcall.S, of the architecture */
extern const char host_call_begin[], host_call_end[], host_call_cancel[];
void host_sigreturn(void);
long host_call_raw(struct kick *k, long nr, long a, long b, long c, long d, long e, long f);

static void kick_handler(int sig, siginfo_t *info, void *uc)
{
	uint64_t ip = host_context_ip(uc);

	if (ip >= (uintptr_t)host_call_begin && ip < (uintptr_t)host_call_end)
		host_context_set_ip(uc, (uintptr_t)host_call_cancel);
}

/* rt_sigaction(2): struct kernel_sigaction. */
struct kernel_action {
	void (*handler)(int, siginfo_t *, void *);
	unsigned long flags;
	void (*restorer)(void);
	uint64_t mask;
};

static int init_error;

/* Not through libc: a thread sanitizer would put off the handler until the call it is to end has
 * ended. */
static void handler_install(void)
{
	struct kernel_action action = {
		.handler = kick_handler,
		.flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK | SA_RESTORER,
		.restorer = host_sigreturn,
	};

	if (syscall(SYS_rt_sigaction, HL_KICK_SIGNAL, &action, NULL, sizeof action.mask) < 0)
		init_error = -errno;
}

int kick_init(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, handler_install);
	return init_error;
}

void kick_attach(struct kick *k)
{
	sigset_t set, old;

	sigemptyset(&set);
	sigaddset(&set, HL_KICK_SIGNAL);
	pthread_sigmask(SIG_UNBLOCK, &set, &old);
	k->was_blocked = sigismember(&old, HL_KICK_SIGNAL);
	k->tid = (pid_t)syscall(SYS_gettid);
	atomic_store(&k->state, KICK_AWAY);
}

void kick_detach(struct kick *k)
{
	sigset_t set;

	k->tid = 0;
	if (!k->was_blocked)
		return;
	sigemptyset(&set);
	sigaddset(&set, HL_KICK_SIGNAL);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
}

/* Sender: ends the host call the owner is in, if it is in one. A second sender leaves it to the
 * first. */
static void call_end(struct kick *k)
{
	uint32_t host = KICK_HOST;

	if (!atomic_compare_exchange_strong(&k->state, &host, KICK_SENDING))
		return;
	syscall(SYS_tgkill, getpid(), k->tid, HL_KICK_SIGNAL);
	atomic_store(&k->state, KICK_SENT);
}

void kick_send(struct kick *k)
{
	int saved = errno;

	/* Sequentially consistent on both sides: either we see the owner's state, or it sees
	 * `pending`. */
	atomic_store(&k->pending, 1);
	if (atomic_load(&k->state) == KICK_FUTEX)
		syscall(SYS_futex, &k->pending, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
	else
		call_end(k);
	errno = saved;
}

void kick_nudge(struct kick *k)
{
	int saved = errno;

	call_end(k);
	errno = saved;
}

bool kick_take(struct kick *k)
{
	return atomic_load_explicit(&k->pending, memory_order_relaxed) &&
	       atomic_exchange(&k->pending, 0);
}

bool kick_wait(struct kick *k, clockid_t clock, uint64_t deadline_ns)
{
	struct timespec ts = ns_to_timespec(deadline_ns);
	const struct timespec *timeout = deadline_ns == UINT64_MAX ? NULL : &ts;
	/* This one takes an absolute time, futex(2). */
	int op = FUTEX_WAIT_BITSET_PRIVATE | (clock == CLOCK_REALTIME ? FUTEX_CLOCK_REALTIME : 0);

	lock_assert_may_sleep();
	atomic_store(&k->state, KICK_FUTEX);
	while (!atomic_load(&k->pending)) {
		long r =
		    syscall(SYS_futex, &k->pending, op, 0, timeout, NULL, FUTEX_BITSET_MATCH_ANY);
		if (r < 0 && errno == ETIMEDOUT)
			break;
	}
	atomic_store(&k->state, KICK_AWAY);
	return atomic_load(&k->pending);
}

/* Owner, found a sender at work: once tgkill has returned, the signal is delivered at the latest on
 * the way back from our next system call. */
static void signal_drain(struct kick *k)
{
	while (atomic_load(&k->state) != KICK_SENT)
		sched_yield();
	syscall(SYS_getppid);
	atomic_store(&k->state, KICK_AWAY);
}

long host_call_intr(struct kick *k, long nr, long a, long b, long c, long d, long e, long f)
{
	uint32_t host = KICK_HOST;
	long r;

	lock_assert_may_sleep();
	atomic_store(&k->state, KICK_HOST);
	r = host_call_raw(k, nr, a, b, c, d, e, f);
	if (!atomic_compare_exchange_strong(&k->state, &host, KICK_AWAY))
		signal_drain(k);
	return r;
}
