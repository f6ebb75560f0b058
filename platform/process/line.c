/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The line of a thread: a few words at the end of its signal stack, by which it hands a system call
 * over to the monitor, and gets the answer, without the host's kernel. It takes two CPUs: one where
 * the guest runs, and one where the monitor looks at the line instead of sleeping.
 *
 *	guest (stub_line)                        monitor
 *	                                         WATCHING, then it answers a notification
 *	number, arguments; WATCHING -> REQUEST   looks for REQUEST, and copies them
 *	looks for the answer                     answer; REQUEST -> WATCHING
 *	looked long: REQUEST -> SLEEP, STUB_WAIT SLEEP: it answers that notification
 *	                                         looked long: WATCHING -> IDLE, sleeps
 *	not WATCHING: a call in the host's way
 *
 * Each arrow is one atomic step, so that no call is lost or made twice. All of the line is the
 * guest's to write: by that it can make up calls of its own, or lose them, and nothing else. What
 * the monitor takes of it is read once.
 *
 * The thread finds its line by its GS base. A guest whose GS base is its own makes its calls in the
 * host's way: code of a site (sites.c) goes on only if what it finds there says that it is a line.
 *
 * When to look. Notifications keep guest and monitor on one CPU, where looking is a loss: so the
 * guest is moved to another one while it waits in a notification, after some calls in a row that
 * came quickly enough for both to gain; and may go where it likes when they do not, or when one of
 * the two is seen to have lost its CPU to others. After each time that this was in vain it is not
 * tried for a while, longer each time. While no CPU is idle it is not tried at all: a call costs
 * more CPU time by the line than by a notification, unless it takes less than 4 us.
 * docs/performance.md has the measurements. Nor where the host or the sandbox bounds the CPU time
 * (cpus_look, machine_save_cpu).
 *
 * A call that turns out to wait, for a pipe or a child, is held (line_hold): before the monitor
 * sleeps, the thread is brought to a notification in the host's kernel, where it stands until the
 * call is over, as after any other call.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "arch/counter.h"
#include "arch/x86_64/vectors.h"
#include "host/hostcall.h"
#include "platform/process/process.h"
#include "stub_symbols.h"

#define US 1000UL

#define QUICK        (15 * US)    /* between calls, and in one, on the average */
#define ASK_CPUS     (200 * US)   /* whether one is idle */
#define ASK_CPUS_MAX (1000 * US)  /* while none is */
#define IDLE_FOR     (2000 * US)  /* is how long that is believed */
#define NOTIFICATION (7 * US / 2) /* what one costs both */
#define CREDIT_MAX   64U
#define CREDIT_ON    32U
#define CREDIT_LOST  5U /* by a call that is slow, or not of a patched site */
#define WATCH        (50 * US)
#define WATCH_FIRST  (300 * US) /* the other CPU may have to wake */
#define ASK_EVERY    (2 * US)   /* whether there is a notification */
#define GAP          (30 * US)  /* between two looks: the CPU was another's */
#define BAN_VAIN     (500 * US)
#define BAN_GAP      (2000 * US)
#define BAN_MAX      (128000 * US)
#define GOOD_FOR     (2000 * US) /* ten times what it costs to begin and to end */

/* ---- time: of the CPU's counter, in ns ---- */

static uint64_t now(const struct process_context *c)
{
	uint64_t scale = atomic_load_explicit(&c->m->ns_per_tick, memory_order_relaxed);

	return (uint64_t)((unsigned __int128)counter_read() * scale >> 32);
}

static uint64_t clock_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

void lines_init(struct process_machine *m)
{
	const char *mode = secure_getenv("HL_LINES");

	m->lines_eager = mode && !strcmp(mode, "eager"); /* for tests */
	m->has_lines = m->pkru_at && !(mode && !strcmp(mode, "off"));
	m->made_ns = clock_ns();
	m->made_ticks = counter_read();
	m->loadavg = CPUS_UNASKED;
}

void lines_save_cpu(struct process_machine *m)
{
	m->loadavg = -1;
}

void lines_destroy(struct process_machine *m)
{
	host_close(m->loadavg);
}

/* How fast the counter runs, and how many looks of a guest fit into WATCH. False: too early. */
static bool measure(struct process_machine *m)
{
	enum { LOOKS = 256 };

	if (atomic_load(&m->ns_per_tick))
		return true;
	uint64_t ns = clock_ns() - m->made_ns, ticks = counter_read() - m->made_ticks;
	if (ns < (m->lines_eager ? US : 1000 * US) || !ticks)
		return false;
	uint64_t scale = (uint64_t)(((unsigned __int128)ns << 32) / ticks);
	uint64_t start = counter_read();
	for (unsigned i = 0; i < LOOKS; i++)
		__asm__ volatile("pause" ::: "memory");
	uint64_t took = (uint64_t)((unsigned __int128)(counter_read() - start) * scale >> 32);
	atomic_store(&m->looks, (uint32_t)(WATCH * LOOKS / (took + 1)) + 1);
	atomic_store(&m->ns_per_tick, scale);
	return true;
}

/* ---- the words ---- */

static uint32_t *word32(const struct process_context *c, unsigned offset)
{
	return (uint32_t *)(void *)(c->stack_base + LINE_OFFSET + offset);
}

static uint64_t *word(const struct process_context *c, unsigned offset)
{
	return (uint64_t *)(void *)(c->stack_base + LINE_OFFSET + offset);
}

static uint64_t word_read(const struct process_context *c, unsigned offset)
{
	return __atomic_load_n(word(c, offset), __ATOMIC_RELAXED);
}

static uint32_t state_read(const struct process_context *c)
{
	return __atomic_load_n(word32(c, LINE_STATE), __ATOMIC_ACQUIRE);
}

static void state_set(const struct process_context *c, uint32_t state)
{
	__atomic_store_n(word32(c, LINE_STATE), state, __ATOMIC_RELEASE);
}

static bool state_change(const struct process_context *c, uint32_t from, uint32_t to)
{
	return __atomic_compare_exchange_n(word32(c, LINE_STATE), &from, to, false,
					   __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
}

static uint64_t way_back(const struct process_context *c)
{
	uint64_t ret = word_read(c, LINE_RET);

	return is_canonical(ret) ? ret : 0;
}

uint64_t line_address(const struct process_context *c)
{
	return STUB_STACKS + ((uint64_t)c->stack << STACK_SHIFT) + LINE_OFFSET;
}

void line_init(struct process_context *c)
{
	if (!c->m->has_lines)
		return;
	memset(c->stack_base + LINE_OFFSET, 0, LINE_SIZE);
	*word(c, LINE_SELF) = line_address(c) + LINE_MAGIC;
	c->line = (struct line){ 0 };
}

/* ---- on and off ---- */

/* Asked when a guest makes many calls: most never do. */
static int loadavg_of(struct process_machine *m)
{
	int look = atomic_load(&m->loadavg);

	if (look != CPUS_UNASKED)
		return look;
	int mine = cpus_look();
	if (atomic_compare_exchange_strong(&m->loadavg, &look, mine))
		return mine;
	host_close(mine);
	return look;
}

static void line_ban(struct process_context *c, uint64_t least)
{
	struct line *l = &c->line;

	l->ban = l->ban * 2 < least ? least : l->ban * 2 > BAN_MAX ? BAN_MAX : l->ban * 2;
	l->banned_until = now(c) + l->ban;
}

/* The monitor does not look any more; the thread goes where it likes. `ban`: for so long at
 * least, 0: none. */
static void line_off(struct process_context *c, uint64_t ban)
{
	struct line *l = &c->line;

	if (!l->on)
		return;
	if (now(c) - l->on_since > GOOD_FOR)
		l->ban = 0;
	if (ban)
		line_ban(c, ban);
	l->on = false;
	l->credit = 0;
	stub_thread_join(c);
}

void line_end(struct process_context *c)
{
	line_off(c, 0);
}

/*
 * Is there a CPU that would be idle, were it not for the guest or for the one who looks? Where the
 * two take turns, both count as running while they change: so it is enough to have seen it once in
 * a while.
 */
static bool cpus_idle(struct process_context *c)
{
	struct line *l = &c->line;
	uint64_t at = now(c);

	if (at - l->asked > l->ask_every) {
		bool room = cpus_have_room(loadavg_of(c->m), l->on ? 0 : 1);
		l->asked = at;
		l->ask_every = room || !l->ask_every ? ASK_CPUS : ASK_CPUS_MAX;
		if (room)
			l->idle_until = at + IDLE_FOR;
	}
	return at < l->idle_until;
}

static void line_on(struct process_context *c)
{
	struct line *l = &c->line;

	if (c->preempted || (now(c) < l->banned_until && !c->m->lines_eager))
		return;
	if (!stub_thread_part(c)) {
		l->banned_until = now(c) + BAN_MAX;
		return;
	}
	*word32(c, LINE_SPIN) = atomic_load(&c->m->looks);
	l->on = l->first = true;
	l->on_since = now(c);
}

void line_prepare(struct process_context *c)
{
	struct line *l = &c->line;

	if (!c->m->has_lines)
		return;
	if (!l->on && l->credit >= (c->m->lines_eager ? 1 : CREDIT_ON))
		line_on(c);
	state_set(c, l->on && !c->preempted ? LINE_WATCHING : LINE_IDLE);
	l->owed = false;
}

static void count_quick(unsigned *n, bool quick)
{
	if (quick)
		*n += *n < CREDIT_MAX;
	else
		*n = *n > CREDIT_LOST ? *n - CREDIT_LOST : 0;
}

/* A call has come. `patched`: from a site. `cost`: what of the time since the one before neither
 * guest nor monitor had. */
static void line_count(struct process_context *c, bool patched, uint64_t cost)
{
	struct line *l = &c->line;
	uint64_t at = now(c), took = at - l->taken;
	bool quick = c->m->lines_eager || (took < QUICK + cost && cpus_idle(c));

	l->taken = at;
	count_quick(&l->pace, quick);
	count_quick(&l->credit, patched && quick);
	if (l->on && !l->credit)
		line_off(c, BAN_VAIN);
}

/*
 * Calls that may come by the line. Nothing keeps a guest from running on while the monitor believes
 * that its thread looks for the answer, as nothing keeps the other threads of its process: but it
 * stands still in what is waited for, as where a sandbox is frozen, because before a task sleeps or
 * rests its thread is held (context_halt). What always waits, or changes what the thread is, gains
 * nothing here; nor does what changes mappings, which the stub's mapper does on the CPU that the
 * guest would look on. The numbers are the guest's; those of calls that the monitor makes itself
 * are spelled SYS_ (scripts/check-jail).
 */
static const bool is_lined[] = {
	[__NR_access] = true,
	[__NR_alarm] = true,
	[__NR_capget] = true,
	[__NR_chdir] = true,
	[__NR_chmod] = true,
	[__NR_clock_getres] = true,
	[__NR_clock_gettime] = true,
	[__NR_close] = true,
	[__NR_creat] = true,
	[__NR_dup] = true,
	[__NR_dup2] = true,
	[__NR_dup3] = true,
	[__NR_epoll_ctl] = true,
	[__NR_eventfd2] = true,
	[__NR_faccessat] = true,
	[__NR_faccessat2] = true,
	[__NR_fadvise64] = true,
	[__NR_fchdir] = true,
	[__NR_fchmod] = true,
	[__NR_fchmodat] = true,
	[__NR_fchown] = true,
	[__NR_fchownat] = true,
	[__NR_fcntl] = true,
	[__NR_fgetxattr] = true,
	[__NR_flistxattr] = true,
	[__NR_fstat] = true,
	[__NR_fstatfs] = true,
	[__NR_ftruncate] = true,
	[__NR_futex] = true,
	[__NR_getcwd] = true,
	[__NR_getdents] = true,
	[__NR_getdents64] = true,
	[__NR_getegid] = true,
	[__NR_geteuid] = true,
	[__NR_getgid] = true,
	[__NR_getgroups] = true,
	[__NR_getpeername] = true,
	[__NR_getpgid] = true,
	[__NR_getpgrp] = true,
	[__NR_getpid] = true,
	[__NR_getppid] = true,
	[__NR_getpriority] = true,
	[__NR_getrandom] = true,
	[__NR_getresgid] = true,
	[__NR_getresuid] = true,
	[__NR_getrlimit] = true,
	[__NR_getrusage] = true,
	[__NR_getsid] = true,
	[__NR_getsockname] = true,
	[__NR_getsockopt] = true,
	[__NR_gettid] = true,
	[__NR_getuid] = true,
	[__NR_getxattr] = true,
	[__NR_inotify_add_watch] = true,
	[__NR_lchown] = true,
	[__NR_lgetxattr] = true,
	[__NR_linkat] = true,
	[__NR_listxattr] = true,
	[__NR_llistxattr] = true,
	[__NR_lseek] = true,
	[__NR_lstat] = true,
	[__NR_memfd_create] = true,
	[__NR_mkdir] = true,
	[__NR_mkdirat] = true,
	[__NR_newfstatat] = true,
	[__NR_open] = true,
	[__NR_openat] = true,
	[__NR_openat2] = true,
	[__NR_pipe2] = true,
	[__NR_pread64] = true,
	[__NR_preadv] = true,
	[__NR_prlimit64] = true,
	[__NR_pwrite64] = true,
	[__NR_read] = true,
	[__NR_readlink] = true,
	[__NR_readlinkat] = true,
	[__NR_readv] = true,
	[__NR_recvfrom] = true,
	[__NR_recvmsg] = true,
	[__NR_rename] = true,
	[__NR_renameat] = true,
	[__NR_renameat2] = true,
	[__NR_rmdir] = true,
	[__NR_rt_sigaction] = true,
	[__NR_rt_sigpending] = true,
	[__NR_rt_sigprocmask] = true,
	[__NR_sched_getaffinity] = true,
	[__NR_sched_getparam] = true,
	[__NR_sched_getscheduler] = true,
	[__NR_sendmsg] = true,
	[__NR_sendto] = true,
	[__NR_setsockopt] = true,
	[__NR_sigaltstack] = true,
	[__NR_socket] = true,
	[__NR_stat] = true,
	[__NR_statfs] = true,
	[__NR_statx] = true,
	[__NR_symlink] = true,
	[__NR_symlinkat] = true,
	[__NR_sysinfo] = true,
	[__NR_timer_gettime] = true,
	[__NR_timer_settime] = true,
	[__NR_timerfd_gettime] = true,
	[__NR_timerfd_settime] = true,
	[__NR_times] = true,
	[__NR_umask] = true,
	[__NR_uname] = true,
	[__NR_unlink] = true,
	[__NR_unlinkat] = true,
	[__NR_utimensat] = true,
	[__NR_write] = true,
	[__NR_writev] = true,
};

static bool may_be_lined(const struct process_machine *m, uint32_t nr)
{
	return (nr < sizeof is_lined && is_lined[nr]) || (m->lines_eager && nr == LINE_TEST_NR);
}

/* ---- calls in the host's way: which sites make many ---- */

/* Patching costs as much as some calls: only where calls come quickly it is worth it. */
static bool is_hot(const struct process_context *c, struct line_site *s)
{
	s->calls += s->calls < LINE_PATCH_AFTER;
	return s->tries < LINE_PATCH_TRIES &&
	       (c->m->lines_eager || (s->calls == LINE_PATCH_AFTER && c->line.pace >= CREDIT_ON));
}

static struct line_site *site_of(struct process_context *c, uint64_t ip)
{
	return &c->line.sites[(ip >> 1 ^ ip >> 8 ^ ip >> 14) & (LINE_SITES - 1)];
}

void line_notified(struct process_context *c, uint64_t ip, uint32_t nr)
{
	struct line_site *s = site_of(c, ip);

	if (!c->m->has_lines || !measure(c->m))
		return;
	if (s->ip != ip)
		*s = (struct line_site){ .ip = ip };
	if (!s->patched && may_be_lined(c->m, nr) && is_hot(c, s)) {
		s->calls = 0;
		s->tries++;
		s->patched = sites_patch(c->s, ip, nr);
	}
	line_count(c, s->patched, NOTIFICATION);
}

/* ---- calls by the line ---- */

static void line_again(struct process_context *c)
{
	if (state_change(c, LINE_REQUEST, LINE_AGAIN))
		return;
	state_set(c, LINE_AGAIN);
	c->line.owed = true;
}

/* A call comes from where there is one, as one that the guest makes itself by jumping there: that
 * is what a filter of its own believes of the address. */
static bool is_call(struct process_context *c, uint64_t ip)
{
	struct line_site *s = site_of(c, ip);

	if (s->ip != ip)
		*s = (struct line_site){ .ip = ip };
	if (!s->patched)
		s->patched = sites_has_call(c->s, ip);
	return s->patched;
}

static bool line_take(struct process_context *c, struct event *ev)
{
	uint32_t nr = __atomic_load_n(word32(c, LINE_NR), __ATOMIC_RELAXED);
	uint64_t ip = way_back(c);

	if (!may_be_lined(c->m, nr) || !is_call(c, ip)) {
		line_again(c);
		return false;
	}
	ev->kind = EVENT_SYSCALL;
	ev->syscall.nr = nr;
	ev->syscall.ip = ip;
	for (unsigned i = 0; i < 6; i++)
		ev->syscall.args[i] = word_read(c, LINE_ARGS + i * 8);
	c->result = nr;
	c->state = THREAD_LINED;
	line_count(c, true, 0);
	return true;
}

static bool notification_waits(const struct process_context *c)
{
	struct pollfd p = { c->listener, POLLIN, 0 };

	return poll(&p, 1, 0) != 0;
}

enum looked { SEEN_NOTHING, SEEN_REQUEST, SEEN_NOTIFICATION };

static enum looked look(struct process_context *c, const struct kick *k)
{
	struct line *l = &c->line;
	uint64_t start = now(c), last = start, asked = start, at;
	uint64_t end = start + (l->first ? WATCH_FIRST : WATCH), gap = l->first ? WATCH_FIRST : GAP;

	for (;;) {
		uint32_t state = state_read(c);
		if (state == LINE_REQUEST || state == LINE_SLEEP)
			return SEEN_REQUEST;
		if (state != LINE_WATCHING)
			return SEEN_NOTHING; /* the guest's doing */
		if (atomic_load_explicit(&k->pending, memory_order_relaxed) || c->s->stub.dead)
			return SEEN_NOTHING;
		at = now(c);
		if (at - last > gap) {
			line_off(c, BAN_GAP);
			return SEEN_NOTHING;
		}
		if (at > end) {
			line_off(c, BAN_VAIN);
			return SEEN_NOTHING;
		}
		last = at;
		if (at - asked > ASK_EVERY) {
			if (notification_waits(c))
				return SEEN_NOTIFICATION;
			last = asked = now(c);
		}
		__asm__ volatile("pause" ::: "memory");
	}
}

bool line_watch(struct process_context *c, const struct kick *k, struct event *ev)
{
	if (!c->m->has_lines || c->line.owed || state_read(c) == LINE_IDLE)
		return false;
	enum looked seen = c->line.on ? look(c, k) : SEEN_NOTHING;
	c->line.first = false;
	if (seen == SEEN_NOTIFICATION)
		return false;
	if (seen == SEEN_NOTHING && state_change(c, LINE_WATCHING, LINE_IDLE))
		return false;
	uint32_t state = state_read(c);
	if (state != LINE_REQUEST && state != LINE_SLEEP)
		return false;
	if (state == LINE_SLEEP)
		line_off(c, BAN_VAIN);
	return line_take(c, ev);
}

int line_answer(struct process_context *c)
{
	struct line *l = &c->line;
	uint32_t next;

	if (l->held && now(c) - l->taken > WATCH)
		line_off(c, BAN_VAIN);
	next = l->on && !c->preempted ? LINE_WATCHING : LINE_IDLE;
	*word(c, LINE_ANSWER) = c->result;
	if (l->held) {
		l->held = false;
		state_set(c, next);
		return notif_answer(c, 0, 0);
	}
	if (!state_change(c, LINE_REQUEST, next)) {
		line_off(c, BAN_VAIN);
		l->owed = true;
	}
	return 0;
}

/* The guest has a say in whether it comes there: one that does not is stopped like any other. */
int line_hold(struct process_context *c)
{
	struct seccomp_notif n;

	if (!state_change(c, LINE_REQUEST, LINE_HOLD) && state_read(c) != LINE_SLEEP)
		return stub_thread_stop(c);
	int err = notif_await(c, &n);
	if (!err && notif_is_wait(&n))
		c->line.held = true;
	else if (!err && notif_is_report(&n))
		err = stub_thread_take_report(c, &n);
	else if (!err)
		err = -EIO;
	return err;
}

bool line_is_wait(const struct process_context *c, const struct seccomp_notif *n)
{
	return notif_is_wait(n) && (c->line.owed || state_read(c) == LINE_SLEEP);
}

/* The thread sleeps for an answer that is on the line already; or for one to a call that nobody has
 * seen, because the monitor was asleep itself: it makes it in the host's way. */
int line_wake(struct process_context *c)
{
	if (!c->line.owed)
		state_set(c, LINE_AGAIN);
	else if (state_read(c) != LINE_AGAIN)
		state_set(c, LINE_IDLE);
	c->line.owed = false;
	return notif_answer(c, 0, 0);
}

/* ---- a thread that has reported ---- */

static void settle_stack(struct process_context *c)
{
	c->regs.rsp = word_read(c, LINE_RSP);
	c->regs.rflags = (word_read(c, LINE_FLAGS) & RFLAGS_USER) | RFLAGS_FIXED;
}

/* As if it had not begun: at the `syscall`. */
static void settle_before(struct process_context *c)
{
	settle_stack(c);
	c->regs.rax = __atomic_load_n(word32(c, LINE_NR), __ATOMIC_RELAXED);
	c->regs.rcx = way_back(c);
	c->regs.rip = c->regs.rcx - 2;
}

static void settle_behind(struct process_context *c)
{
	settle_stack(c);
	c->regs.rax = c->result;
	c->regs.rcx = c->regs.rip = way_back(c);
	c->regs.r11 = c->regs.rflags;
}

static bool request_waits(const struct process_context *c)
{
	uint32_t state = state_read(c);

	return state == LINE_REQUEST || state == LINE_SLEEP || state == LINE_AGAIN;
}

/* Between stub_line and stub_line_end. */
static void settle_line(struct process_context *c)
{
	struct cpu_regs *r = &c->regs;
	bool sent = r->rip > STUB_LINE_SENT_ADDR && r->rip < STUB_LINE_UNSENT_ADDR;

	if (r->rip == STUB_LINE_SENT_ADDR)
		sent = r->rflags & 0x40; /* ZF */
	if (sent && !request_waits(c)) {
		settle_behind(c);
	} else if (sent || (r->rip >= STUB_LINE_TRY_ADDR && r->rip < STUB_LINE_BACK_ADDR)) {
		settle_before(c);
	} else {
		if (r->rip >= STUB_LINE_SAVED_ADDR)
			settle_stack(c);
		else if (r->rip >= STUB_LINE_SWITCHED_ADDR)
			r->rsp = word_read(c, LINE_RSP);
		r->rip = is_canonical(r->rcx) ? r->rcx - 2 : 0;
	}
}

void line_settle(struct process_context *c, bool called)
{
	struct line *l = &c->line;
	bool at_call;
	uint64_t site;

	l->stopped = LINE_STOPPED_ELSEWHERE;
	l->stopped_at = c->regs.rip;
	if (!c->m->has_lines)
		return;
	if (called)
		settle_behind(c);
	else if (c->regs.rip >= STUB_LINE_ADDR && c->regs.rip < STUB_LINE_END_ADDR)
		settle_line(c);
	else if ((site = sites_find(c->s, c->regs.rip, &at_call))) {
		c->regs.rip = site;
		l->stopped = at_call ? LINE_STOPPED_AT_CALL : LINE_STOPPED_AT_SITE;
	}
	l->owed = l->held = false;
	state_set(c, LINE_IDLE);
}

/*
 * Is the report of signal `sig` none of the guest's business? A step or a fault of the site's own
 * code: the thread goes on, which has its line then, or makes its calls in the host's way. A load
 * from a patched page: it gets the page back.
 */
bool line_reported(struct process_context *c, uint64_t sig, uint64_t trap, uint64_t error,
		   uint64_t addr)
{
	struct line *l = &c->line;
	bool fault = sig == SIGSEGV || sig == SIGBUS;

	if (!c->m->has_lines)
		return false;
	if (sig == SIGTRAP && l->stopped == LINE_STOPPED_AT_SITE) {
		c->regs.rip = l->stopped_at;
		return true;
	}
	if (fault && l->stopped == LINE_STOPPED_AT_CALL) {
		if (c->regs.gs_base && ++l->foreign > LINE_FOREIGN_MAX)
			sites_end(c->s);
		return true;
	}
	if (sig == SIGSEGV && trap == VECTOR_PF && error & PF_KEY) {
		bool again = addr == l->key_fault;
		l->key_fault = addr;
		return sites_give_back(c->s, addr) || !again;
	}
	return false;
}
