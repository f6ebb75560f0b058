/* SPDX-License-Identifier: Apache-2.0 */
/* Times, timers, resource use. */
#include <errno.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <sys/time.h>
#include <sys/times.h>
#include <sys/utsname.h>
#include <string.h>
#include <time.h>
#include <utime.h>

#include "trace/print.h"

static void print_ts(struct text *out, const struct timespec *ts)
{
	text_printf(out, "{tv_sec=%ld, tv_nsec=%ld}", (long)ts->tv_sec, ts->tv_nsec);
}

static void print_tv(struct text *out, const struct timeval *tv)
{
	text_printf(out, "{tv_sec=%ld, tv_usec=%ld}", (long)tv->tv_sec, (long)tv->tv_usec);
}

void print_timespec(struct print *p, int i, const struct names *names)
{
	struct timespec ts;

	if (FETCH(p, i, &ts))
		print_ts(p->out, &ts);
}

/* Filled in only when the sleep was interrupted. */
void print_timespec_left(struct print *p, int i, const struct names *names)
{
	struct timespec ts;

	if (p->result == 0 || p->result == -EINVAL || p->result == -EFAULT)
		print_address(p, GVA(p->a[i]));
	else if (fetch(p, GVA(p->a[i]), &ts, sizeof ts))
		print_ts(p->out, &ts);
}

void print_timeval(struct print *p, int i, const struct names *names)
{
	struct timeval tv;

	if (FETCH(p, i, &tv))
		print_tv(p->out, &tv);
}

void print_timeval_pair(struct print *p, int i, const struct names *names)
{
	struct timeval tv[2];

	if (!FETCH(p, i, &tv))
		return;
	text_putc(p->out, '[');
	print_tv(p->out, &tv[0]);
	text_puts(p->out, ", ");
	print_tv(p->out, &tv[1]);
	text_putc(p->out, ']');
}

void print_utimbuf(struct print *p, int i, const struct names *names)
{
	struct utimbuf u;

	if (FETCH(p, i, &u))
		text_printf(p->out, "{actime=%ld, modtime=%ld}", (long)u.actime, (long)u.modtime);
}

static void print_utime(struct text *out, const struct timespec *ts)
{
	if (ts->tv_nsec == UTIME_NOW)
		text_puts(out, "UTIME_NOW");
	else if (ts->tv_nsec == UTIME_OMIT)
		text_puts(out, "UTIME_OMIT");
	else
		print_ts(out, ts);
}

void print_utimes(struct print *p, int i, const struct names *names)
{
	struct timespec ts[2];

	if (!FETCH(p, i, &ts))
		return;
	text_putc(p->out, '[');
	print_utime(p->out, &ts[0]);
	text_puts(p->out, ", ");
	print_utime(p->out, &ts[1]);
	text_putc(p->out, ']');
}

void print_itimerval(struct print *p, int i, const struct names *names)
{
	struct itimerval it;

	if (!FETCH(p, i, &it))
		return;
	text_puts(p->out, "{it_interval=");
	print_tv(p->out, &it.it_interval);
	text_puts(p->out, ", it_value=");
	print_tv(p->out, &it.it_value);
	text_putc(p->out, '}');
}

void print_itimerspec(struct print *p, int i, const struct names *names)
{
	struct itimerspec it;

	if (!FETCH(p, i, &it))
		return;
	text_puts(p->out, "{it_interval=");
	print_ts(p->out, &it.it_interval);
	text_puts(p->out, ", it_value=");
	print_ts(p->out, &it.it_value);
	text_putc(p->out, '}');
}

void print_rusage(struct print *p, int i, const struct names *names)
{
	struct rusage ru;

	if (!FETCH(p, i, &ru))
		return;
	text_puts(p->out, "{ru_utime=");
	print_tv(p->out, &ru.ru_utime);
	text_puts(p->out, ", ru_stime=");
	print_tv(p->out, &ru.ru_stime);
	text_puts(p->out, ", ...}");
}

static void print_limit(struct text *out, const char *name, uint64_t v)
{
	if (v == RLIM_INFINITY)
		text_printf(out, "%s=RLIM64_INFINITY", name);
	else if (v > 1024 && v % 1024 == 0)
		text_printf(out, "%s=%lu*1024", name, v / 1024);
	else
		text_printf(out, "%s=%lu", name, v);
}

void print_rlimit(struct print *p, int i, const struct names *names)
{
	struct rlimit rl;

	if (!FETCH(p, i, &rl))
		return;
	print_limit(p->out, "{rlim_cur", rl.rlim_cur);
	print_limit(p->out, ", rlim_max", rl.rlim_max);
	text_putc(p->out, '}');
}

void print_tms(struct print *p, int i, const struct names *names)
{
	struct tms t;

	if (FETCH(p, i, &t))
		text_printf(p->out,
			    "{tms_utime=%ld, tms_stime=%ld, tms_cutime=%ld, tms_cstime=%ld}",
			    t.tms_utime, t.tms_stime, t.tms_cutime, t.tms_cstime);
}

void print_utsname(struct print *p, int i, const struct names *names)
{
	struct utsname u;

	if (!FETCH(p, i, &u))
		return;
	text_puts(p->out, "{sysname=");
	print_quoted(p->out, u.sysname, strnlen(u.sysname, sizeof u.sysname), false);
	text_puts(p->out, ", nodename=");
	print_quoted(p->out, u.nodename, strnlen(u.nodename, sizeof u.nodename), false);
	text_puts(p->out, ", ...}");
}

void print_sysinfo(struct print *p, int i, const struct names *names)
{
	struct sysinfo s;

	if (!FETCH(p, i, &s))
		return;
	text_printf(p->out, "{uptime=%ld, loads=[%lu, %lu, %lu], totalram=%lu, freeram=%lu",
		    s.uptime, s.loads[0], s.loads[1], s.loads[2], s.totalram, s.freeram);
	text_printf(p->out, ", sharedram=%lu, bufferram=%lu, totalswap=%lu, freeswap=%lu, procs=%u",
		    s.sharedram, s.bufferram, s.totalswap, s.freeswap, s.procs);
	text_printf(p->out, ", totalhigh=%lu, freehigh=%lu, mem_unit=%u}", s.totalhigh, s.freehigh,
		    s.mem_unit);
}
