/* SPDX-License-Identifier: Apache-2.0 */
/* What hl bench has measured: series of times, and lines of points. */
#include <math.h>
#include <stdlib.h>

#include "cli/bench.h"

struct series *bench_series(struct bench *b, const char *name, const char *what, size_t count)
{
	uint64_t *ns = b->nr_series < BENCH_SERIES ? calloc(count, sizeof *ns) : NULL;
	struct series *s = &b->series[b->nr_series];

	if (!ns)
		return NULL;
	*s = (struct series){ name, what, ns, count, 0 };
	b->nr_series++;
	return s;
}

struct curve *bench_curve(struct bench *b, const struct curve *c)
{
	struct curve *new = &b->curve[b->nr_curves++];

	*new = *c;
	return new;
}

void bench_point(struct line *l, double x, double y)
{
	if (l->count == BENCH_POINTS)
		return;
	l->x[l->count] = x;
	l->y[l->count++] = y;
}

bool bench_next_x(const struct curve *c, double *x)
{
	double next = INFINITY;

	for (size_t k = 0; k < BENCH_LINES; k++)
		for (size_t i = 0; i < c->line[k].count; i++)
			if (c->line[k].x[i] > *x && c->line[k].x[i] < next)
				next = c->line[k].x[i];
	*x = next;
	return next < INFINITY;
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

void bench_sort(struct series *s)
{
	qsort(s->ns, s->count, sizeof *s->ns, by_value);
}

double bench_percentile(const struct series *s, unsigned percent)
{
	size_t rank = (s->count * percent + 99) / 100;

	return (double)s->ns[rank ? rank - 1 : 0];
}

double bench_median_ms(struct series *s)
{
	bench_sort(s);
	return bench_percentile(s, 50) / 1e6;
}
