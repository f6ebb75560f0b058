/* SPDX-License-Identifier: Apache-2.0 */
/* --stats: a table like strace -c, and where the exits of the virtual CPUs went. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "cli/cli.h"

struct table {
	struct hl_call_stats *row;
	size_t rows, room;
	uint64_t calls, errors, ns;
};

static void add_row(void *arg, const struct hl_call_stats *c)
{
	struct table *t = arg;

	if (t->rows == t->room) {
		size_t room = t->room ? t->room * 2 : 64;
		struct hl_call_stats *row = reallocarray(t->row, room, sizeof *row);
		if (!row)
			return;
		t->row = row;
		t->room = room;
	}
	t->row[t->rows++] = *c;
	t->calls += c->calls;
	t->errors += c->errors;
	t->ns += c->total_ns;
}

static int by_time(const void *a, const void *b)
{
	const struct hl_call_stats *x = a, *y = b;

	if (x->total_ns != y->total_ns)
		return x->total_ns < y->total_ns ? 1 : -1;
	return (int)x->number - (int)y->number;
}

static void print_row(double percent, uint64_t ns, uint64_t calls, uint64_t errors, uint64_t max_ns,
		      const char *name)
{
	fprintf(stderr, "%6.2f %11.6f %11.1f %11.1f %9lu ", percent, (double)ns / 1e9,
		calls ? (double)ns / 1e3 / (double)calls : 0, (double)max_ns / 1e3, calls);
	if (errors)
		fprintf(stderr, "%9lu %s\n", errors, name);
	else
		fprintf(stderr, "%9s %s\n", "", name);
}

static void print_calls(struct table *t)
{
	static const char rule[] =
	    "------ ----------- ----------- ----------- --------- --------- ----------------\n";
	uint64_t max = 0;

	qsort(t->row, t->rows, sizeof *t->row, by_time);
	fprintf(stderr, "%6s %11s %11s %11s %9s %9s %s\n%s", "% time", "seconds", "usecs/call",
		"max usecs", "calls", "errors", "system call", rule);
	for (size_t i = 0; i < t->rows; i++) {
		const struct hl_call_stats *c = &t->row[i];
		print_row(t->ns ? 100.0 * (double)c->total_ns / (double)t->ns : 0, c->total_ns,
			  c->calls, c->errors, c->max_ns, c->name);
		max = c->max_ns > max ? c->max_ns : max;
	}
	fputs(rule, stderr);
	print_row(100, t->ns, t->calls, t->errors, max, "total");
}

void print_stats(struct hl_sandbox *sb, const struct hl_result *res)
{
	struct table t = { 0 };
	struct hl_stats s;
	struct rusage ru;

	hl_sandbox_each_call(sb, add_row, &t);
	hl_sandbox_stats(sb, &s);
	getrusage(RUSAGE_SELF, &ru);
	if (t.rows)
		print_calls(&t);
	free(t.row);
	fprintf(stderr, "\n%12lu entries into the guest, each with one exit:\n", s.entries);
	fprintf(stderr, "%12lu for system calls\n%12lu for page faults\n", s.syscalls, s.faults);
	fprintf(stderr, "%12lu for other exceptions\n%12lu for interrupts (signals, stops, ends)\n",
		s.exceptions, s.interrupts);
	fprintf(stderr, "%12lu threads started\n", s.threads);
	fprintf(stderr, "%12ld KiB peak memory of the monitor and its guest\n", ru.ru_maxrss);
	fprintf(stderr, "%12.6f seconds from start to end\n", (double)res->wall_ns / 1e9);
}
