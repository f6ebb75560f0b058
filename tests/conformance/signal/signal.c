/* SPDX-License-Identifier: Apache-2.0 */
/* Signals: handlers, masks, queueing, siginfo, default actions, interruption and restart of system
 * calls. */
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/time.h>
#include <time.h>

#include "case.h"

static volatile int count;

static void counts(int sig)
{
	count++;
}

static void says(int sig)
{
	say("handler %s\n", signal_name(sig));
}

static void says_info(int sig, siginfo_t *i, void *ctx)
{
	say("%s code %d pid %s uid %d value %d\n", signal_name(sig), i->si_code,
	    i->si_pid == getpid() ? "own"
	    : i->si_pid           ? "other"
				  : "0",
	    i->si_uid, i->si_value.sival_int);
}

CASE(handler_runs)
{
	handle(SIGUSR1, says, 0);
	R(raise(SIGUSR1));
	R(kill(getpid(), SIGUSR1));
	R(syscall(SYS_tgkill, getpid(), gettid(), SIGUSR1));
}

CASE(siginfo_by_sender)
{
	union sigval v = { .sival_int = 77 };

	handle_info(SIGUSR1, says_info, 0);
	kill(getpid(), SIGUSR1);
	raise(SIGUSR1);
	sigqueue(getpid(), SIGUSR1, v);
	pid_t pid = fork();
	if (pid == 0)
		_exit(kill(getppid(), SIGUSR1));
	while (waitpid(pid, NULL, 0) == -1)
		;
}

CASE(sigaction_errors)
{
	struct sigaction sa = { .sa_handler = says };

	R(syscall(SYS_rt_sigaction, SIGKILL, &sa, NULL, 8));
	R(syscall(SYS_rt_sigaction, SIGSTOP, &sa, NULL, 8));
	R(syscall(SYS_rt_sigaction, 0, &sa, NULL, 8));
	R(syscall(SYS_rt_sigaction, 65, &sa, NULL, 8));
	R(syscall(SYS_rt_sigaction, 64, NULL, &sa, 8));
	R(syscall(SYS_rt_sigaction, SIGKILL, NULL, &sa, 8));
}

CASE(sigaction_reads_back)
{
	struct sigaction sa = { .sa_handler = says, .sa_flags = SA_RESTART | SA_NODEFER }, old;

	sigaddset(&sa.sa_mask, SIGUSR2);
	sigaddset(&sa.sa_mask, SIGKILL);
	NEED(sigaction(SIGUSR1, &sa, NULL));
	NEED(sigaction(SIGUSR1, NULL, &old));
	V(old.sa_handler == says);
	X(old.sa_flags & ~0x04000000);
	V(sigismember(&old.sa_mask, SIGUSR2));
	V(sigismember(&old.sa_mask, SIGKILL));
	NEED(sigaction(SIGTERM, NULL, &old));
	V(old.sa_handler == SIG_DFL);
	X(old.sa_flags);
}

CASE(mask)
{
	sigset_t set, old;

	handle(SIGUSR1, says, 0);
	block(SET(SIGUSR1, SIGUSR2));
	raise(SIGUSR1);
	NEED(sigpending(&set));
	V(sigismember(&set, SIGUSR1));
	V(sigismember(&set, SIGUSR2));
	say("unblocking\n");
	unblock(SET(SIGUSR1));
	set = SET(SIGHUP);
	NEED(sigprocmask(SIG_SETMASK, &set, &old));
	V(sigismember(&old, SIGUSR2));
	V(sigismember(&old, SIGUSR1));
	set = SET(SIGKILL, SIGSTOP, SIGINT);
	NEED(sigprocmask(SIG_BLOCK, &set, NULL));
	NEED(sigprocmask(SIG_BLOCK, NULL, &old));
	V(sigismember(&old, SIGKILL) + sigismember(&old, SIGSTOP));
	V(sigismember(&old, SIGINT));
	R(syscall(SYS_rt_sigprocmask, 7, &set, NULL, 8));
}

CASE(standard_coalesce)
{
	handle(SIGUSR1, counts, 0);
	block(SET(SIGUSR1));
	for (int i = 0; i < 5; i++)
		raise(SIGUSR1);
	unblock(SET(SIGUSR1));
	V(count);
}

CASE(realtime_queue)
{
	handle_info(SIGRTMIN, says_info, 0);
	block(SET(SIGRTMIN));
	for (int i = 0; i < 5; i++)
		NEED(sigqueue(getpid(), SIGRTMIN, (union sigval){ .sival_int = i }));
	unblock(SET(SIGRTMIN));
}

/* Lowest number first; of one number the oldest; standard ones before real-time ones. */
CASE(delivery_order)
{
	sigset_t all;
	const int order[] = { SIGRTMIN + 5, SIGUSR2, SIGRTMIN + 1, SIGUSR1, SIGRTMIN + 5, SIGHUP };

	sigfillset(&all);
	for (int i = 0; i < 6; i++) {
		struct sigaction sa = { .sa_sigaction = says_info,
					.sa_flags = SA_SIGINFO,
					.sa_mask = all };
		NEED(sigaction(order[i], &sa, NULL));
	}
	block(all);
	for (int i = 0; i < 6; i++)
		NEED(sigqueue(getpid(), order[i], (union sigval){ .sival_int = i }));
	unblock(all);
}

/* Without a mask the later ones interrupt the handlers of the earlier: the last frame runs
 * first. */
CASE(delivery_stacked)
{
	const int order[] = { SIGUSR1, SIGUSR2, SIGRTMIN };

	for (int i = 0; i < 3; i++)
		handle(order[i], says, 0);
	block(SET(SIGUSR1, SIGUSR2, SIGRTMIN));
	for (int i = 0; i < 3; i++)
		raise(order[i]);
	unblock(SET(SIGUSR1, SIGUSR2, SIGRTMIN));
}

CASE(thread_directed_before_process_directed)
{
	sigset_t set = SET(SIGRTMIN);
	siginfo_t i;

	block(set);
	sigqueue(getpid(), SIGRTMIN, (union sigval){ .sival_int = 1 });
	pthread_sigqueue(pthread_self(), SIGRTMIN, (union sigval){ .sival_int = 2 });
	NEED(sigwaitinfo(&set, &i));
	V(i.si_value.sival_int);
	NEED(sigwaitinfo(&set, &i));
	V(i.si_value.sival_int);
}

static void shows_mask(int sig)
{
	sigset_t now;

	sigprocmask(SIG_BLOCK, NULL, &now);
	say("in %s: USR1 %d USR2 %d HUP %d\n", signal_name(sig), sigismember(&now, SIGUSR1),
	    sigismember(&now, SIGUSR2), sigismember(&now, SIGHUP));
}

CASE(mask_in_handler)
{
	struct sigaction sa = { .sa_handler = shows_mask };

	sigaddset(&sa.sa_mask, SIGUSR2);
	NEED(sigaction(SIGUSR1, &sa, NULL));
	sa.sa_flags = SA_NODEFER;
	NEED(sigaction(SIGTERM, &sa, NULL));
	block(SET(SIGHUP));
	raise(SIGUSR1);
	raise(SIGTERM);
	shows_mask(0);
}

CASE(resethand)
{
	struct sigaction sa;

	handle(SIGUSR1, says, SA_RESETHAND);
	raise(SIGUSR1);
	NEED(sigaction(SIGUSR1, NULL, &sa));
	V(sa.sa_handler == SIG_DFL);
	pid_t pid = fork();
	if (pid == 0)
		_exit(raise(SIGUSR1));
	reap("second time", pid);
}

static void nests(int sig)
{
	say("enter %d\n", ++count);
	if (count < 4)
		raise(sig);
	say("leave %d\n", count--);
}

CASE(nodefer)
{
	handle(SIGUSR1, nests, SA_NODEFER);
	raise(SIGUSR1);
}

static void raises_itself(int sig)
{
	say("enter %d\n", ++count);
	if (count < 3)
		raise(sig);
	say("leave\n");
}

CASE(deferred_in_handler)
{
	handle(SIGUSR1, raises_itself, 0);
	raise(SIGUSR1);
}

static int dies(void *arg)
{
	/* In a group that is not orphaned: the signals of the terminal would not stop it
	 * otherwise. */
	setpgid(0, 0);
	raise((int)(long)arg);
	return 77;
}

CASE(default_actions)
{
	int st;

	for (int sig = 1; sig <= 31; sig++) {
		pid_t pid = child(dies, (void *)(long)sig);
		NEED(waitpid(pid, &st, WUNTRACED));
		say_status(signal_name(sig), st);
		if (WIFSTOPPED(st)) {
			kill(pid, SIGKILL);
			reap("then", pid);
		}
	}
}

CASE(ignored)
{
	sigset_t set;

	handle(SIGTERM, SIG_IGN, 0);
	raise(SIGTERM);
	block(SET(SIGTERM, SIGCHLD));
	/* An ignored signal is dropped at once, also when blocked; but not one that is ignored by
	 * default only. */
	raise(SIGTERM);
	raise(SIGCHLD);
	sigpending(&set);
	V(sigismember(&set, SIGTERM));
	V(sigismember(&set, SIGCHLD));
	handle(SIGCHLD, SIG_IGN, 0);
	sigpending(&set);
	V(sigismember(&set, SIGCHLD));
}

CASE(blocked_kept_across_fork)
{
	sigset_t set;

	block(SET(SIGUSR1));
	raise(SIGUSR1);
	pid_t pid = fork();
	if (pid == 0) {
		sigpending(&set);
		say("child: pending %d\n", sigismember(&set, SIGUSR1));
		_exit(0);
	}
	reap("child", pid);
}

CASE(sigsuspend)
{
	sigset_t none, now;

	sigemptyset(&none);
	handle(SIGUSR1, says, 0);
	block(SET(SIGUSR1));
	raise(SIGUSR1);
	R(sigsuspend(&none));
	sigprocmask(SIG_BLOCK, NULL, &now);
	V(sigismember(&now, SIGUSR1));
}

CASE(sigwaitinfo)
{
	sigset_t set = SET(SIGUSR1, SIGRTMIN);
	siginfo_t i;

	block(set);
	sigqueue(getpid(), SIGRTMIN, (union sigval){ .sival_int = 5 });
	kill(getpid(), SIGUSR1);
	R(sigwaitinfo(&set, &i));
	say("signo %d code %d own %d\n", i.si_signo, i.si_code, i.si_pid == getpid());
	V(sigwaitinfo(&set, &i) == SIGRTMIN);
	say("code %d value %d\n", i.si_code, i.si_value.sival_int);
}

CASE(sigtimedwait)
{
	sigset_t set = SET(SIGUSR1);
	struct timespec zero = { 0, 0 }, some = { 0, 20000000 }, bad = { 0, 1000000000 },
			negative = { -1, 0 };

	block(set);
	R(sigtimedwait(&set, NULL, &zero));
	R(sigtimedwait(&set, NULL, &some));
	R(sigtimedwait(&set, NULL, &bad));
	R(sigtimedwait(&set, NULL, &negative));
	raise(SIGUSR1);
	R(sigtimedwait(&set, NULL, &zero));
	R(sigtimedwait(&set, NULL, &zero));
}

static void start_alarms(int flags, void (*fn)(int))
{
	struct itimerval it = { { 0, 15000 }, { 0, 15000 } };

	handle(SIGALRM, fn, flags);
	NEED(setitimer(ITIMER_REAL, &it, NULL));
}

static void stop_alarms(void)
{
	struct itimerval it = { { 0, 0 }, { 0, 0 } };

	setitimer(ITIMER_REAL, &it, NULL);
}

CASE(sigwait_interrupted_by_handler)
{
	sigset_t set = SET(SIGUSR1);

	block(set);
	start_alarms(SA_RESTART, counts);
	R(sigwaitinfo(&set, NULL));
}

static int pipe_fd[2];

static void feeds(int sig)
{
	if (++count == 3)
		NEED(write(pipe_fd[1], "fed", 3));
}

CASE(read_interrupted)
{
	char b[8];

	NEED(pipe(pipe_fd));
	start_alarms(0, counts);
	R(read(pipe_fd[0], b, 8));
	V(count > 0);
}

CASE(read_restarted)
{
	char b[8];

	NEED(pipe(pipe_fd));
	start_alarms(SA_RESTART, feeds);
	R(read(pipe_fd[0], b, 8));
	V(count >= 3);
}

CASE(write_interrupted)
{
	static char buf[200000];

	NEED(pipe(pipe_fd));
	NEED(fcntl(pipe_fd[1], F_SETPIPE_SZ, 65536));
	start_alarms(0, counts);
	/* A partial write is told, then nothing can be written. */
	R(write(pipe_fd[1], buf, sizeof buf));
	R(write(pipe_fd[1], buf, 1));
}

static void to_null(int sig)
{
	count++;
}

/* These never restart, whatever SA_RESTART says. */
CASE(never_restarted)
{
	struct pollfd pfd;
	fd_set set;
	struct timeval tv = { 1000, 0 };
	struct timespec ts = { 1000, 0 };

	NEED(pipe(pipe_fd));
	pfd = (struct pollfd){ .fd = pipe_fd[0], .events = POLLIN };
	start_alarms(SA_RESTART, to_null);
	R(poll(&pfd, 1, -1));
	FD_ZERO(&set);
	FD_SET(pipe_fd[0], &set);
	R(select(pipe_fd[0] + 1, &set, NULL, NULL, &tv));
	R(pause());
	R(nanosleep(&ts, &ts));
	V(ts.tv_sec == 999);
	R(usleep(1000000));
	sigset_t none;
	sigemptyset(&none);
	R(sigsuspend(&none));
	R(ppoll(&pfd, 1, NULL, NULL));
}

CASE(nanosleep_remaining)
{
	struct timespec want = { 100, 0 }, left = { 0, 0 };

	start_alarms(0, counts);
	R(nanosleep(&want, &left));
	V(left.tv_sec < 100 && left.tv_sec > 50);
	R(clock_nanosleep(CLOCK_MONOTONIC, 0, &want, &left));
	V(left.tv_sec < 100 && left.tv_sec > 50);
}

/* Stop and continue without a handler: the call goes on with the time that is left. */
static int sleeps_across_stop(void *arg)
{
	struct timespec a, b, want = { 0, 100000000 };

	clock_gettime(CLOCK_MONOTONIC, &a);
	give(arg);
	R(nanosleep(&want, NULL));
	clock_gettime(CLOCK_MONOTONIC, &b);
	V((b.tv_sec - a.tv_sec) * 1000 + (b.tv_nsec - a.tv_nsec) / 1000000 >= 100);
	struct pollfd pfd = { .fd = -1 };
	R(poll(&pfd, 1, 50));
	return 0;
}

CASE(stop_does_not_end_sleep)
{
	struct baton b = baton_new();
	pid_t pid = child(sleeps_across_stop, &b);
	int st;

	take(&b);
	for (int i = 0; i < 3; i++) {
		kill(pid, SIGSTOP);
		NEED(waitpid(pid, &st, WUNTRACED));
		kill(pid, SIGCONT);
		NEED(waitpid(pid, &st, WCONTINUED));
	}
	reap("child", pid);
}

static int reads_across_stop(void *arg)
{
	char c;

	R(read(pipe_fd[0], &c, 1));
	return 0;
}

CASE(stop_does_not_end_read)
{
	NEED(pipe(pipe_fd));
	pid_t pid = child(reads_across_stop, NULL);
	int st;

	for (int i = 0; i < 3; i++) {
		kill(pid, SIGSTOP);
		NEED(waitpid(pid, &st, WUNTRACED));
		kill(pid, SIGCONT);
		NEED(waitpid(pid, &st, WCONTINUED));
	}
	NEED(write(pipe_fd[1], "x", 1));
	reap("child", pid);
}

static void says_and_counts(int sig)
{
	says(sig);
	count++;
}

static int continues_with_handlers(void *arg)
{
	struct sigaction sa = { .sa_handler = says_and_counts };
	sigset_t none;

	sigemptyset(&none);
	sa.sa_mask = SET(SIGCONT, SIGUSR1);
	NEED(sigaction(SIGCONT, &sa, NULL));
	NEED(sigaction(SIGUSR1, &sa, NULL));
	block(sa.sa_mask);
	give(arg);
	while (count < 2)
		sigsuspend(&none);
	return 0;
}

/* While stopped, only SIGCONT and SIGKILL do anything; the rest waits. */
CASE(stopped_gets_signals_later)
{
	struct baton b = baton_new();
	int st;

	for (int end = 0; end < 2; end++) {
		pid_t pid = child(continues_with_handlers, &b);
		take(&b);
		kill(pid, SIGSTOP);
		NEED(waitpid(pid, &st, WUNTRACED));
		kill(pid, SIGUSR1);
		R(waitpid(pid, &st, WNOHANG | WUNTRACED | WCONTINUED));
		kill(pid, end ? SIGKILL : SIGCONT);
		reap(end ? "killed while stopped" : "continued", pid);
	}
}

CASE(cont_discards_stop)
{
	sigset_t set, old;

	block(SET(SIGTSTP, SIGCONT, SIGTTIN));
	raise(SIGTSTP);
	raise(SIGTTIN);
	sigpending(&set);
	say("stop pending %d %d\n", sigismember(&set, SIGTSTP), sigismember(&set, SIGTTIN));
	raise(SIGCONT);
	sigpending(&set);
	say("stop pending %d %d, cont pending %d\n", sigismember(&set, SIGTSTP),
	    sigismember(&set, SIGTTIN), sigismember(&set, SIGCONT));
	raise(SIGTSTP);
	sigpending(&set);
	say("cont pending %d\n", sigismember(&set, SIGCONT));
	V(sigprocmask(SIG_BLOCK, NULL, &old));
	handle(SIGTSTP, SIG_IGN, 0);
}

CASE(sigpipe)
{
	NEED(pipe(pipe_fd));
	close(pipe_fd[0]);
	handle_info(SIGPIPE, says_info, 0);
	R(write(pipe_fd[1], "x", 1));
	handle(SIGPIPE, SIG_IGN, 0);
	R(write(pipe_fd[1], "x", 1));
	R(write(pipe_fd[1], "x", 0));
	pid_t pid = fork();
	if (pid == 0) {
		handle(SIGPIPE, SIG_DFL, 0);
		_exit((int)write(pipe_fd[1], "x", 1));
	}
	reap("default", pid);
}

static void *spins(void *arg)
{
	give(arg);
	while (!count)
		;
	return NULL;
}

/* A handler interrupts code that makes no system call. */
CASE(busy_loop)
{
	struct baton b = baton_new();
	pthread_t t;

	handle(SIGUSR1, counts, 0);
	MUST(pthread_create(&t, NULL, spins, &b));
	take(&b);
	Z(pthread_kill(t, SIGUSR1));
	Z(pthread_join(t, NULL));
	V(count);
}

static int spins_forever(void *arg)
{
	give(arg);
	for (volatile int i = 0; i >= 0; i = !i)
		;
	return 0;
}

CASE(busy_loop_killed)
{
	struct baton b = baton_new();
	pid_t pid = child(spins_forever, &b);

	take(&b);
	kill(pid, SIGTERM);
	reap("spinner", pid);
	pid = child(spins_forever, &b);
	take(&b);
	kill(pid, SIGKILL);
	reap("spinner", pid);
}

CASE(busy_loop_alarm)
{
	start_alarms(0, counts);
	while (count < 5)
		;
	stop_alarms();
	V(count >= 5);
}

static _Atomic int handled_by;

static void notes_thread(int sig)
{
	handled_by = gettid();
}

static void *unblocked_thread(void *arg)
{
	unblock(SET(SIGUSR1));
	give(arg);
	while (!handled_by)
		sched_yield();
	return NULL;
}

CASE(process_directed_goes_to_a_thread_that_takes_it)
{
	struct baton b = baton_new();
	pthread_t t;

	handle(SIGUSR1, notes_thread, 0);
	block(SET(SIGUSR1));
	MUST(pthread_create(&t, NULL, unblocked_thread, &b));
	take(&b);
	kill(getpid(), SIGUSR1);
	Z(pthread_join(t, NULL));
	V(handled_by != getpid());
}

static void *waits_for_usr1(void *arg)
{
	sigset_t set = SET(SIGUSR1);

	return (void *)(long)sigwaitinfo(&set, NULL);
}

CASE(process_directed_to_sigwait)
{
	pthread_t t;
	void *res;

	block(SET(SIGUSR1));
	MUST(pthread_create(&t, NULL, waits_for_usr1, NULL));
	kill(getpid(), SIGUSR1);
	Z(pthread_join(t, &res));
	V(res);
}

CASE(thread_directed_stays)
{
	pthread_t t;
	struct baton b = baton_new();
	sigset_t set;

	handle(SIGUSR1, notes_thread, 0);
	block(SET(SIGUSR1));
	MUST(pthread_create(&t, NULL, unblocked_thread, &b));
	take(&b);
	raise(SIGUSR1);
	sigpending(&set);
	V(sigismember(&set, SIGUSR1));
	V(handled_by);
	unblock(SET(SIGUSR1));
	V(handled_by == getpid());
	Z(pthread_join(t, NULL));
}

static void *mask_of_thread(void *arg)
{
	sigset_t set;

	sigprocmask(SIG_BLOCK, NULL, &set);
	say("inherited %d\n", sigismember(&set, SIGUSR1));
	unblock(SET(SIGUSR1));
	return NULL;
}

CASE(mask_per_thread)
{
	pthread_t t;
	sigset_t set;

	block(SET(SIGUSR1));
	MUST(pthread_create(&t, NULL, mask_of_thread, NULL));
	Z(pthread_join(t, NULL));
	sigprocmask(SIG_BLOCK, NULL, &set);
	V(sigismember(&set, SIGUSR1));
}

static void *dies_of_segv(void *arg)
{
	*(volatile int *)0 = 1;
	return NULL;
}

static int thread_fault(void *arg)
{
	pthread_t t;

	pthread_create(&t, NULL, dies_of_segv, NULL);
	while (pause())
		;
	return 0;
}

CASE(fault_in_thread_ends_process)
{
	in_child("child", thread_fault, NULL);
}

CASE(sigqueue_limits)
{
	struct rlimit r = { 3, 3 };

	block(SET(SIGRTMIN, SIGUSR1));
	NEED(setrlimit(RLIMIT_SIGPENDING, &r));
	int n = 0;
	while (n < 10 && sigqueue(getpid(), SIGRTMIN, (union sigval){ .sival_int = n }) == 0)
		n++;
	V(n <= 3);
	R(sigqueue(getpid(), SIGRTMIN, (union sigval){ .sival_int = 1 }));
	/* Standard signals are never lost. */
	R(kill(getpid(), SIGUSR1));
}

CASE(sigqueueinfo)
{
	siginfo_t i = { .si_code = SI_QUEUE }, got;
	sigset_t set = SET(SIGUSR1);

	block(set);
	i.si_value.sival_int = 9;
	R(syscall(SYS_rt_sigqueueinfo, getpid(), SIGUSR1, &i));
	R(sigwaitinfo(&set, &got));
	say("code %d value %d signo %d\n", got.si_code, got.si_value.sival_int, got.si_signo);
	i.si_code = SI_USER;
	R(syscall(SYS_rt_sigqueueinfo, getppid(), SIGUSR1, &i));
	i.si_code = SI_TKILL;
	R(syscall(SYS_rt_sigqueueinfo, 0x3ffffff, SIGUSR1, &i));
	i.si_code = -60;
	R(syscall(SYS_rt_tgsigqueueinfo, getpid(), gettid(), SIGUSR1, &i));
	R(sigwaitinfo(&set, &got));
	V(got.si_code);
}

CASE(kill_self_is_synchronous)
{
	/* If it is unblocked it has been handled when kill returns. */
	handle(SIGUSR1, counts, 0);
	for (int i = 0; i < 100; i++) {
		kill(getpid(), SIGUSR1);
		if (count != i + 1)
			say("late at %d\n", i);
	}
	V(count);
}

static void sends_ten(pid_t to)
{
	for (int i = 0; i < 10; i++)
		if (kill(to, SIGUSR1))
			_exit(1);
	_exit(0);
}

CASE(signals_from_many_processes)
{
	enum { N = 5 };
	pid_t pid[N], me = getpid();
	int st, good = 0;

	handle(SIGUSR1, counts, SA_RESTART);
	for (int i = 0; i < N; i++) {
		pid[i] = fork();
		if (pid[i] == 0)
			sends_ten(me);
	}
	for (int i = 0; i < N; i++)
		good += waitpid(pid[i], &st, 0) == pid[i] && st == 0;
	V(good);
	V(count >= 1 && count <= 50);
}

CASE(killed_while_blocked_everywhere)
{
	pid_t pid;
	struct timespec ts = { 1000, 0 };
	uint32_t word = 0;

	NEED(pipe(pipe_fd));
	for (int kind = 0; kind < 6; kind++) {
		pid = fork();
		if (pid == 0) {
			char c;
			struct pollfd pfd = { .fd = pipe_fd[0], .events = POLLIN };
			sigset_t none = SET(SIGUSR1);
			switch (kind) {
			case 0: (void)!read(pipe_fd[0], &c, 1); break;
			case 1: poll(&pfd, 1, -1); break;
			case 2: nanosleep(&ts, NULL); break;
			case 3: syscall(SYS_futex, &word, 0, 0, NULL, NULL, 0); break;
			case 4: sigsuspend(&none); break;
			case 5: sigwaitinfo(&none, NULL); break;
			}
			_exit(1);
		}
		kill(pid, SIGKILL);
		reap("blocked", pid);
	}
}
