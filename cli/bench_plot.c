/* SPDX-License-Identifier: Apache-2.0 */
/* The plots of hl bench, as SVG. Colours and text are classes of the page's. */
#include <stdio.h>

#include "cli/bench.h"
#include "cli/page.h"

/* From 0 to somewhat above the largest one; the distance of its ticks, at most seven. */
static double by_steps(struct axis *a, double max)
{
	double power = 1e-3, step;

	while (power * 10 < max / 6)
		power *= 10;
	step = power * (max / 6 <= 2 * power ? 2 : max / 6 <= 5 * power ? 5 : 10);
	a->log = false;
	a->lo = 0;
	for (a->hi = step; a->hi < max;)
		a->hi += step;
	return step;
}

/* ---- times as distributions ---- */

#define LEFT   122
#define RIGHT  760
#define ROW    44
#define BINS   160
#define HEIGHT 17

static void put_mark(FILE *f, const struct axis *a, const struct series *s, unsigned percent, int y,
		     int half, const char *class)
{
	double v = bench_percentile(s, percent), x = axis_place(a, v);

	fprintf(f, "<line class=\"%s\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%d\" y2=\"%d\"><title>", class,
		x, x, y - half, y + half);
	fprintf(f, percent == 50 ? "median " : percent == 100 ? "max " : "p%u ", percent);
	page_time(f, v);
	fputs("</title></line>\n", f);
}

/* The shape of how often each time was met, mirrored at the line in the middle. */
static void put_shape(FILE *f, const struct axis *a, const struct series *s, int y)
{
	double bin[BINS + 2] = { 0 }, smooth[BINS + 2] = { 0 }, most = 0;
	double wide = (a->to - a->from) / BINS;
	int first = BINS, last = 0;

	for (size_t i = 0; i < s->count; i++) {
		int at = 1 + (int)((axis_place(a, (double)s->ns[i]) - a->from) / wide);
		bin[at < 1 ? 1 : at > BINS ? BINS : at]++;
	}
	for (int i = 1; i <= BINS; i++) {
		smooth[i] = (bin[i - 1] + 2 * bin[i] + bin[i + 1]) / 4;
		most = smooth[i] > most ? smooth[i] : most;
		if (smooth[i] > 0) {
			first = i < first ? i : first;
			last = i;
		}
	}
	fputs("<polygon class=\"shape\" points=\"", f);
	for (int side = 1; side >= -1; side -= 2)
		for (int k = first - 1; k <= last + 1; k++) {
			int i = side > 0 ? k : last + first - k;
			double h = i < 0 || i > BINS ? 0 : smooth[i] / most * HEIGHT;
			fprintf(f, "%.1f,%.1f ", a->from + (i - 0.5) * wide, y - side * h);
		}
	fputs("\"/>\n", f);
}

void bench_plot_times(FILE *f, const struct series *s, size_t count)
{
	struct axis a = { .from = LEFT, .to = RIGHT };
	double min = 1e18, max = 0;
	int bottom = (int)count * ROW + 4;

	for (size_t i = 0; i < count; i++) {
		double lo = bench_percentile(&s[i], 0), hi = bench_percentile(&s[i], 100);
		min = lo < min ? lo : min;
		max = hi > max ? hi : max;
	}
	axis_by_powers(&a, min, max);
	fprintf(f,
		"<svg viewBox=\"0 0 860 %d\" role=\"img\" aria-label=\"times as distributions\">\n",
		bottom + 28);
	for (double v = a.lo; v < a.hi * 1.5; v *= 10) {
		fprintf(f,
			"<line class=\"grid\" x1=\"%.1f\" x2=\"%.1f\" y1=\"0\" y2=\"%d\"/>"
			"<text class=\"tick\" text-anchor=\"middle\" x=\"%.1f\" y=\"%d\">",
			axis_place(&a, v), axis_place(&a, v), bottom, axis_place(&a, v),
			bottom + 18);
		page_time(f, v);
		fputs("</text>\n", f);
	}
	for (size_t i = 0; i < count; i++) {
		int y = (int)i * ROW + ROW / 2;
		fprintf(f,
			"<g><title>%s</title><text class=\"name\" text-anchor=\"end\" x=\"%d\" "
			"y=\"%d\">%s</text>\n",
			s[i].what, LEFT - 12, y + 4, s[i].name);
		fprintf(f, "<line class=\"range\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%d\" y2=\"%d\"/>\n",
			axis_place(&a, bench_percentile(&s[i], 0)),
			axis_place(&a, bench_percentile(&s[i], 100)), y, y);
		put_shape(f, &a, &s[i], y);
		put_mark(f, &a, &s[i], 95, y, 6, "late");
		put_mark(f, &a, &s[i], 99, y, 6, "late");
		put_mark(f, &a, &s[i], 50, y, HEIGHT, "median");
		fprintf(f, "<text class=\"value\" x=\"%d\" y=\"%d\">", RIGHT + 12, y + 4);
		page_time(f, bench_percentile(&s[i], 50));
		fputs("</text></g>\n", f);
	}
	fputs("</svg>\n", f);
}

/* ---- lines ---- */

#define WIDE 420
#define HIGH 250

/* Numbers that would lie upon each other are left out. */
static void put_x_axis(FILE *f, const struct axis *a, const struct curve *c)
{
	double written = -1e9;

	for (double v = 0; bench_next_x(c, &v);) {
		double x = axis_place(a, v);
		if (x - written < 30)
			continue;
		fprintf(f,
			"<line class=\"grid\" x1=\"%.1f\" x2=\"%.1f\" y1=\"10\" y2=\"%d\"/>"
			"<text class=\"tick\" text-anchor=\"middle\" x=\"%.1f\" y=\"%d\">%.7g"
			"</text>\n",
			x, x, HIGH - 44, x, HIGH - 28, v);
		written = x;
	}
	fprintf(f, "<text class=\"axis\" text-anchor=\"middle\" x=\"%d\" y=\"%d\">%s</text>\n",
		(WIDE + 40) / 2, HIGH - 8, c->x);
}

static void put_y_tick(FILE *f, const struct axis *a, double v)
{
	double y = axis_place(a, v);

	fprintf(f,
		"<line class=\"grid\" x1=\"56\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\"/>"
		"<text class=\"tick\" text-anchor=\"end\" x=\"50\" y=\"%.1f\">%.7g</text>\n",
		WIDE - 14, y, y, y + 4, v);
}

static void put_line(FILE *f, const struct axis *x, const struct axis *y, const struct curve *c,
		     size_t k)
{
	const struct line *l = &c->line[k];

	fprintf(f, "<polyline class=\"line l%zu\" points=\"", k);
	for (size_t i = 0; i < l->count; i++)
		fprintf(f, "%.1f,%.1f ", axis_place(x, l->x[i]), axis_place(y, l->y[i]));
	fputs("\"/>\n", f);
	for (size_t i = 0; i < l->count; i++)
		fprintf(f,
			"<circle class=\"dot l%zu\" r=\"3.5\" cx=\"%.1f\" cy=\"%.1f\"><title>%.7g "
			"%s: %.4g %s</title></circle>\n",
			k, axis_place(x, l->x[i]), axis_place(y, l->y[i]), l->x[i], c->x, l->y[i],
			c->y);
}

void bench_plot_curve(FILE *f, const struct curve *c)
{
	struct axis x = { .from = 70, .to = WIDE - 28 }, y = { .from = HIGH - 44, .to = 14 };
	double min = 1e18, max = 0, step = 0;

	for (size_t k = 0; k < BENCH_LINES; k++)
		for (size_t i = 0; i < c->line[k].count; i++) {
			double v = c->line[k].y[i];
			min = v < min ? v : min;
			max = v > max ? v : max;
		}
	bench_next_x(c, &x.lo);
	for (double v = 0; bench_next_x(c, &v);)
		x.hi = v;
	x.log = x.hi > x.lo;
	x.hi += !x.log;
	if (min > 0 && max > 30 * min)
		axis_by_powers(&y, min, max);
	else
		step = by_steps(&y, max);
	fprintf(f, "<svg viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"%s\">\n", WIDE, HIGH,
		c->title);
	for (double v = y.lo; v<y.hi * 1.0001; v = step> 0 ? v + step : v * 10)
		put_y_tick(f, &y, v);
	put_x_axis(f, &x, c);
	for (size_t k = 0; k < BENCH_LINES && c->line_name[k]; k++)
		put_line(f, &x, &y, c, k);
	fputs("</svg>\n", f);
}
