/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Interval timers. ITIMER_REAL goes off in real time, ITIMER_PROF in CPU time of the process.
 * ITIMER_VIRTUAL should count time in user mode alone; the host does not tell the two apart for
 * other threads, so it counts all CPU time as well.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/time.h>

#include "kernel/cputime.h"
#include "kernel/cputimer.h"
#include "kernel/ktimer.h"
#include "kernel/process.h"
#include "kernel/sandbox.h"
#include "kernel/timer.h"
#include "util/codec.h"
#include "util/time.h"

#define TICK NSEC_PER_MSEC /* ns: how often at the most a timer of CPU time goes off */

/* One of a snapshot, until itimers_start. */
struct loaded_itimer {
	bool armed;
	uint64_t expires;
};

struct cpu_itimer {
	struct cputimer ct;
	uint64_t interval;
	int sig;
	struct loaded_itimer loaded;
};

/* Of a process, created with its first timer. sandbox->lock guards all. */
struct itimers {
	struct process *process;
	struct ktimer real;
	uint64_t real_interval;
	struct cpu_itimer cpu[2]; /* ITIMER_VIRTUAL, ITIMER_PROF */
	struct cputimer limit;    /* RLIMIT_CPU */
	struct loaded_itimer loaded_real, loaded_limit;
};

static void send(struct process *p, int sig)
{
	siginfo_t si;

	siginfo_kernel(&si, sig, SI_KERNEL);
	signal_send_process(p, sig, &si);
}

/* A periodic timer rests until its signal is taken: see itimer_signal_taken. */
static void real_fire(struct ktimer *kt)
{
	send(container_of(kt, struct itimers, real)->process, SIGALRM);
}

static uint64_t real_now(struct process *p)
{
	return guest_clock_ns(&p->sb->clock, CLOCK_MONOTONIC);
}

/* The first of the moments `at`, `at` + `interval`, ... that is not before `earliest`. */
static uint64_t next_period(uint64_t at, uint64_t interval, uint64_t earliest)
{
	return at >= earliest ? at : at + (earliest - at + interval - 1) / interval * interval;
}

/* Linux looks at CPU time once a tick. Periods that pass between two ticks are one signal: else a
 * timer with periods that are shorter than it takes to send a signal would never catch up. */
static void cpu_fire(struct cputimer *ct, uint64_t used)
{
	struct cpu_itimer *it = container_of(ct, struct cpu_itimer, ct);

	send(ct->process, it->sig);
	if (it->interval)
		cputimer_arm(ct, next_period(timer_after(ct->expires, it->interval), it->interval,
					     used + TICK));
}

/* setrlimit(2): SIGXCPU every second from the soft limit on, SIGKILL at the hard one. */
static void limit_fire(struct cputimer *ct, uint64_t used)
{
	struct process *p = ct->process;
	uint64_t seconds = used / NSEC_PER_SEC;

	if (seconds >= p->rlimits[RLIMIT_CPU].rlim_max) {
		send(p, SIGKILL);
		return;
	}
	send(p, SIGXCPU);
	cputimer_arm(ct, (seconds + 1) * NSEC_PER_SEC);
}

static struct itimers *itimers_new(struct process *p)
{
	static const int signals[2] = { SIGVTALRM, SIGPROF };
	struct itimers *it = calloc(1, sizeof *it);

	if (!it)
		return NULL;
	it->process = p;
	it->real = (struct ktimer){ .clock = CLOCK_MONOTONIC, .fire = real_fire };
	for (int i = 0; i < 2; i++) {
		it->cpu[i].ct = (struct cputimer){ .process = p, .fire = cpu_fire };
		it->cpu[i].sig = signals[i];
		list_init(&it->cpu[i].ct.node);
	}
	it->limit = (struct cputimer){ .process = p, .fire = limit_fire };
	list_init(&it->limit.node);
	p->itimers = it;
	return it;
}

static int itimers_of(struct process *p, int which, struct itimers **out)
{
	*out = p->itimers ? p->itimers : itimers_new(p);
	if (!*out)
		return -EAGAIN;
	return which == ITIMER_REAL ? ktimer_prepare(p->sb, CLOCK_MONOTONIC)
				    : cputimer_prepare(p->sb);
}

/* ---- one timer ---- */

/* One that is due but has not run yet has a microsecond left, as Linux has it. */
static uint64_t left(bool armed, uint64_t expires, uint64_t now)
{
	if (!armed)
		return 0;
	return expires > now ? expires - now : NSEC_PER_USEC;
}

static void real_set(struct itimers *it, const struct timer_setting *new)
{
	struct sandbox *sb = it->process->sb;

	it->real_interval = new->value ? new->interval : 0;
	if (new->value)
		ktimer_arm(sb, &it->real, timer_after(real_now(it->process), new->value));
	else
		ktimer_disarm(sb, &it->real);
}

static void cpu_set(struct cpu_itimer *c, uint64_t used, const struct timer_setting *new)
{
	c->interval = new->interval;
	if (new->value)
		cputimer_arm(&c->ct, timer_after(used, new->value));
	else
		cputimer_disarm(&c->ct);
}

static void get(struct itimers *it, int which, uint64_t used, struct timer_setting *out)
{
	*out = (struct timer_setting){ 0 };
	if (!it)
		return;
	if (which == ITIMER_REAL) {
		out->value = left(it->real.armed, it->real.expires, real_now(it->process));
		out->interval = it->real_interval;
		return;
	}
	struct cpu_itimer *c = &it->cpu[which - ITIMER_VIRTUAL];
	out->value = left(!list_empty(&c->ct.node), c->ct.expires, used);
	out->interval = c->interval;
}

/* ---- the interface ---- */

/* What the timer counts, of CPU time: read with no lock held. */
static uint64_t used_now(struct process *p, int which)
{
	return which == ITIMER_REAL ? 0 : process_cpu_ns(p);
}

int itimer_get(struct process *p, int which, struct timer_setting *out)
{
	if (which < ITIMER_REAL || which > ITIMER_PROF)
		return -EINVAL;
	uint64_t used = used_now(p, which);
	sandbox_lock(p->sb);
	get(p->itimers, which, used, out);
	sandbox_unlock(p->sb);
	return 0;
}

static int set_locked(struct process *p, int which, uint64_t used, const struct timer_setting *new)
{
	struct itimers *it;

	if (!new->value && !p->itimers)
		return 0;
	int err = itimers_of(p, which, &it);
	if (err)
		return err;
	if (which == ITIMER_REAL)
		real_set(it, new);
	else
		cpu_set(&it->cpu[which - ITIMER_VIRTUAL], used, new);
	return 0;
}

int itimer_set(struct process *p, int which, const struct timer_setting *new,
	       struct timer_setting *old)
{
	if (which < ITIMER_REAL || which > ITIMER_PROF)
		return -EINVAL;
	uint64_t used = used_now(p, which);
	sandbox_lock(p->sb);
	if (old)
		get(p->itimers, which, used, old);
	int err = set_locked(p, which, used, new);
	sandbox_unlock(p->sb);
	return err;
}

void itimer_signal_taken(struct process *p)
{
	struct itimers *it = p->itimers;

	if (!it || it->real.armed || !it->real_interval)
		return;
	uint64_t now = real_now(p);
	uint64_t periods =
	    now > it->real.expires ? (now - it->real.expires) / it->real_interval : 0;
	ktimer_arm(p->sb, &it->real, it->real.expires + (periods + 1) * it->real_interval);
}

void itimer_cpu_limit(struct process *p)
{
	uint64_t soft = p->rlimits[RLIMIT_CPU].rlim_cur, hard = p->rlimits[RLIMIT_CPU].rlim_max;
	uint64_t first = soft < hard ? soft : hard;
	struct itimers *it;

	/* One that ended uses no more CPU time, and its timers have been freed. */
	if (p->nr_live == 0 || (first == RLIM_INFINITY && !p->itimers))
		return;
	if (itimers_of(p, ITIMER_PROF, &it))
		return;
	if (first >= INT64_MAX / NSEC_PER_SEC)
		cputimer_disarm(&it->limit);
	else
		cputimer_arm(&it->limit, first ? first * NSEC_PER_SEC : 1);
}

void itimer_cpu_limit_inherited(struct process *p)
{
	if (p->rlimits[RLIMIT_CPU].rlim_cur != RLIM_INFINITY && !p->itimers)
		itimer_cpu_limit(p);
}

/* ---- snapshots ---- */

static void save_one(struct encoder *out, bool armed, uint64_t expires, uint64_t interval)
{
	encode(out, armed);
	encode(out, expires);
	encode(out, interval);
}

void itimers_save(struct encoder *out, const struct process *p)
{
	const struct itimers *it = p->itimers;

	encode(out, it != NULL);
	if (!it)
		return;
	save_one(out, it->real.armed, it->real.expires, it->real_interval);
	for (int i = 0; i < 2; i++)
		save_one(out, !list_empty(&it->cpu[i].ct.node), it->cpu[i].ct.expires,
			 it->cpu[i].interval);
	save_one(out, !list_empty(&it->limit.node), it->limit.expires, 0);
}

static void load_one(struct decoder *in, struct loaded_itimer *out, uint64_t *interval)
{
	out->armed = decode_bool(in);
	out->expires = decode_max(in, CLOCK_NS_MAX);
	*interval = decode_max(in, CLOCK_NS_MAX);
}

int itimers_load(struct decoder *in, struct process *p)
{
	uint64_t none;

	if (!decode_bool(in))
		return 0;
	if (p->zombie)
		return -EBADMSG;
	struct itimers *it = itimers_new(p);
	if (!it || ktimer_prepare(p->sb, CLOCK_MONOTONIC) || cputimer_prepare(p->sb))
		return -ENOMEM;
	load_one(in, &it->loaded_real, &it->real_interval);
	for (int i = 0; i < 2; i++)
		load_one(in, &it->cpu[i].loaded, &it->cpu[i].interval);
	load_one(in, &it->loaded_limit, &none);
	return in->failed ? -EBADMSG : 0;
}

static void start_cpu(struct cputimer *ct, const struct loaded_itimer *loaded)
{
	if (loaded->armed)
		cputimer_arm(ct, loaded->expires);
}

void itimers_start(struct process *p)
{
	struct itimers *it = p->itimers;

	if (!it || p->zombie)
		return;
	/* One that rests goes on from there when its signal is taken. */
	it->real.expires = it->loaded_real.expires;
	if (it->loaded_real.armed)
		ktimer_arm(p->sb, &it->real, it->loaded_real.expires);
	for (int i = 0; i < 2; i++)
		start_cpu(&it->cpu[i].ct, &it->cpu[i].loaded);
	start_cpu(&it->limit, &it->loaded_limit);
}

void itimers_delete(struct process *p)
{
	struct itimers *it = p->itimers;

	if (!it)
		return;
	if (it->real.armed)
		ktimer_disarm(p->sb, &it->real);
	cputimer_disarm(&it->cpu[0].ct);
	cputimer_disarm(&it->cpu[1].ct);
	cputimer_disarm(&it->limit);
	p->itimers = NULL;
	free(it);
}
