/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signals that reach hl are meant for the guest. The main thread takes them from a signalfd:
 *
 * 	from the terminal (a key, a new size, a hang-up)    to the guest's foreground process group
 * 	from kill(2)                                        to the program
 *
 * When the program has stopped, hl stops itself, so that the caller's shell sees a stopped job and
 * takes its terminal back; the SIGCONT that wakes hl goes on to the guest. That holds for Ctrl-Z
 * and for programs that stop themselves, as editors do which read the key. All other processes of
 * the guest stand still meanwhile, too. So hl does not stop where nobody would continue it but one
 * of these: it is not the terminal's foreground job, and they run.
 *
 * While a sandbox is being made there is nobody to pass a signal on to. One that is meant to end
 * something ends hl then, at once, as it ends any program: from relay_starting() until the library
 * says that the program is ready. The library looks at the time limit where it knows that something
 * may take long; for all else, such as a file system of the host that does not answer, a timer of
 * the process ends hl a moment later.
 */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "cli/cli.h"

static const int relayed[] = { SIGINT, SIGQUIT, SIGTSTP, SIGCONT, SIGWINCH, SIGTERM,
			       SIGHUP, SIGUSR1, SIGUSR2, SIGALRM, SIGURG,   SIGIO };

/* The signals that are meant to end something. */
static bool is_deadly(int sig)
{
	return sig == SIGTERM || sig == SIGINT || sig == SIGQUIT || sig == SIGHUP;
}

struct relay {
	int fd;
	const struct output *out;
	timer_t limit; /* of the start */
	bool limited;
	bool stop_asked;
	bool end_asked; /* by a signal that we passed on */
	/* relay_on */
	bool (*fn)(void *arg);
	void *arg;
	int sig;
	int64_t due; /* when to call it; -1: no more */
	bool done;   /* it said so */
	int stop;    /* what SIGTERM is passed on as; 0: as it is */
	sigset_t old;
};

static void deadly_signals(sigset_t *set)
{
	sigemptyset(set);
	for (size_t i = 0; i < sizeof relayed / sizeof *relayed; i++)
		if (is_deadly(relayed[i]))
			sigaddset(set, relayed[i]);
}

/* How long hl waits for what a thread does before it ends without it. */
#define GRACE_MS 80

/* Nothing of hl's uses it, and it is not passed on. */
#define LIMIT_SIGNAL SIGVTALRM

/* A thread of this process is in a call of the host that does not end, so there is nothing left but
 * to end all of it. */
static void limit_is_over(int sig, siginfo_t *info, void *context)
{
	if (info->si_code != SI_TIMER) {
		signal(sig, SIG_DFL);
		raise(sig);
		return;
	}
	const struct relay *r = info->si_value.sival_ptr;
	complain(r->out, "the time limit passed while the program was being started");
	_exit(STATUS_TIMEOUT);
}

static void limit_start(struct relay *r, uint64_t ms)
{
	struct sigaction action = { .sa_sigaction = limit_is_over, .sa_flags = SA_SIGINFO };
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL,
				  .sigev_signo = LIMIT_SIGNAL,
				  .sigev_value.sival_ptr = r };
	struct itimerspec due = { .it_value = { (time_t)((ms + GRACE_MS) / 1000),
						(long)((ms + GRACE_MS) % 1000 * 1000000) } };
	sigset_t set;

	/* Without one hl starts as well. */
	if (!ms || timer_create(CLOCK_MONOTONIC, &event, &r->limit) < 0)
		return;
	r->limited = true;
	sigaction(LIMIT_SIGNAL, &action, NULL);
	sigemptyset(&set);
	sigaddset(&set, LIMIT_SIGNAL);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	timer_settime(r->limit, 0, &due, NULL);
}

static void limit_stop(struct relay *r)
{
	if (!r->limited)
		return;
	r->limited = false;
	timer_delete(r->limit);
}

/* What the caller had blocked stays blocked. */
void relay_starting(struct relay *r, uint64_t limit_ms)
{
	sigset_t set;

	limit_start(r, limit_ms);
	deadly_signals(&set);
	for (size_t i = 0; i < sizeof relayed / sizeof *relayed; i++)
		if (sigismember(&r->old, relayed[i]))
			sigdelset(&set, relayed[i]);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
}

void relay_ready(void *relay)
{
	sigset_t set;

	limit_stop(relay);
	deadly_signals(&set);
	sigprocmask(SIG_BLOCK, &set, NULL);
}

struct relay *relay_open(const struct output *out)
{
	struct relay *r = calloc(1, sizeof *r);
	sigset_t set;

	if (!r)
		return NULL;
	r->out = out;
	sigemptyset(&set);
	for (size_t i = 0; i < sizeof relayed / sizeof *relayed; i++)
		sigaddset(&set, relayed[i]);
	sigprocmask(SIG_BLOCK, &set, &r->old);
	r->fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (r->fd < 0) {
		relay_close(r);
		return NULL;
	}
	return r;
}

void relay_close(struct relay *r)
{
	if (!r)
		return;
	limit_stop(r);
	sigprocmask(SIG_SETMASK, &r->old, NULL);
	if (r->fd >= 0)
		close(r->fd);
	free(r);
}

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

void relay_on(struct relay *r, int sig, uint64_t ms, bool (*fn)(void *arg), void *arg)
{
	r->sig = sig;
	r->due = ms > INT64_MAX / 4 ? -1 : now_ms() + (int64_t)ms;
	r->fn = fn;
	r->arg = arg;
}

void relay_stop_by(struct relay *r, int sig)
{
	r->stop = sig;
}

static void pass_on(struct relay *r, struct hl_sandbox *sb)
{
	struct signalfd_siginfo si;

	while (read(r->fd, &si, sizeof si) == sizeof si) {
		int sig = (int)si.ssi_signo;
		if (r->fn && sig == r->sig) {
			r->done |= r->fn(r->arg);
			continue;
		}
		r->end_asked |= is_deadly(sig);
		if (sig == SIGTSTP)
			r->stop_asked = true;
		else if (sig == SIGCONT)
			r->stop_asked = false;
		if (si.ssi_code == SI_KERNEL || sig == SIGCONT || sig == SIGTSTP)
			hl_sandbox_signal_terminal(sb, sig, NULL);
		else
			hl_sandbox_signal(sb, sig == SIGTERM && r->stop ? r->stop : sig, NULL);
	}
}

/* Is there a shell that waits for hl on its terminal? */
static bool is_foreground_job(void)
{
	for (int fd = 0; fd < 3; fd++)
		if (tcgetpgrp(fd) == getpgrp())
			return true;
	return false;
}

static void follow_stop(struct relay *r, const struct hl_result *res)
{
	if (!res->stopped || !(r->stop_asked || res->all_stopped || is_foreground_job()))
		return;
	r->stop_asked = false;
	raise(SIGSTOP);
}

/* How long to wait for the next event; *until: when the grace is over, 0 before it has begun. -1:
 * as long as it takes, 0: no longer. A program that ends by itself takes the time it takes. */
static int patience(const struct relay *r, const struct hl_result *res, int64_t *until)
{
	if (res->end == HL_RUNNING || !(r->end_asked || res->end == HL_EXPIRED))
		return -1;
	if (!*until)
		*until = now_ms() + GRACE_MS;
	int64_t left = *until - now_ms();
	return left > 0 ? (int)left : 0;
}

/* Calls the function where it is due, which may want to be called again later; else shortens *left
 * to that moment. */
static bool call_when_due(struct relay *r, int *left)
{
	if (!r->fn || r->due < 0)
		return false;
	if (now_ms() >= r->due) {
		r->due = -1;
		if (r->fn(r->arg))
			return true;
	}
	int64_t ms = r->due - now_ms();
	if (r->due >= 0 && (*left < 0 || ms < *left))
		*left = ms < 0 ? 0 : ms > INT_MAX ? INT_MAX : (int)ms;
	return false;
}

int relay_wait(struct relay *r, struct hl_sandbox *sb, struct hl_result *res, struct hl_error **err)
{
	struct pollfd fds[] = { { r->fd, POLLIN, 0 }, { hl_sandbox_event_fd(sb), POLLIN, 0 } };
	int64_t until = 0;
	int left;

	for (;;) {
		int ret = hl_sandbox_wait(sb, 0, res, err);
		if (ret == 0 || hl_error_code(*err) != HL_TIMED_OUT)
			return ret;
		hl_error_free(*err);
		*err = NULL;
		follow_stop(r, res);
		left = patience(r, res, &until);
		if (left == 0)
			return RELAY_LEFT_BEHIND;
		if (r->fn && hl_sandbox_save_due(sb))
			r->done |= r->fn(r->arg);
		if (call_when_due(r, &left) || r->done)
			return RELAY_DONE;
		if (poll(fds, 2, left) > 0 && fds[0].revents)
			pass_on(r, sb);
	}
}
