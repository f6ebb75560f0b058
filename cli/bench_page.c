/* SPDX-License-Identifier: Apache-2.0 */
/* hl bench --html: one page that needs nothing else, in light or dark as the reader's system is. */
#include <stdio.h>
#include <string.h>

#include "cli/bench.h"
#include "cli/page.h"

static void put_machine(FILE *f, const struct bench *b)
{
	char when[UTC_MAX];

	write_utc(when, b->when);
	fprintf(f, "<h1>hl %s</h1>\n<p>%s, platform %s, ", hl_version(), when, b->platform);
	page_text(f, b->driver);
	fprintf(f, ": an image of %.1f MiB. The job: <code>", (double)b->image.pages / (1 << 20));
	page_text(f, b->code);
	fputs("</code></p>\n<p>", f);
	page_text(f, b->machine.cpu);
	fprintf(f, ", %u CPUs, %.1f GiB, ", b->machine.cpus, (double)b->machine.memory / (1 << 30));
	page_text(f, b->machine.kernel);
	if (b->machine.round_trip_ns)
		fprintf(f, "; a system call of a guest takes %.1f µs",
			(double)b->machine.round_trip_ns / 1e3);
	fputs("</p>\n", f);
}

static void put_fact(FILE *f, double value, const char *unit, const char *what)
{
	fprintf(f, "<div><b>%.3g %s</b><span>%s</span></div>\n", value, unit, what);
}

/* What one wants to know first, as far as it was measured. */
static void put_facts(FILE *f, const struct bench *b)
{
	fputs("<div class=\"facts\">\n", f);
	for (size_t i = 0; i < b->nr_series; i++) {
		const struct series *s = &b->series[i];
		if (s->per_second > 0)
			fprintf(f,
				"<div><b>%.0f</b><span>jobs a second, %u at a time</span></div>\n",
				s->per_second, b->jobs);
		else if (strncmp(s->name, "warm-", 5) == 0)
			put_fact(f, bench_percentile(s, 50) / 1e6, "ms", s->what);
	}
	for (size_t i = 0; i < b->nr_curves; i++) {
		const struct line *l = &b->curve[i].line[0];
		if (strcmp(b->curve[i].name, "memory") == 0 && l->count)
			fprintf(f,
				"<div><b>%.0f KiB</b><span>a copy of %.0f that are "
				"alive</span></div>\n",
				l->y[l->count - 1], l->x[l->count - 1]);
	}
	fputs("</div>\n", f);
}

static void put_table(FILE *f, const struct bench *b)
{
	static const unsigned percents[] = { 0, 50, 95, 99, 100 };

	fputs("<div class=\"wide\"><table><tr><th>ms<th>count<th>min<th>median<th>p95<th>p99<th>max"
	      "<th></tr>\n",
	      f);
	for (size_t i = 0; i < b->nr_series; i++) {
		const struct series *s = &b->series[i];
		fprintf(f, "<tr><td>%s<td>%zu", s->name, s->count);
		for (size_t k = 0; k < sizeof percents / sizeof *percents; k++)
			fprintf(f, "<td>%.3f", bench_percentile(s, percents[k]) / 1e6);
		fprintf(f, "<td>%s</tr>\n", s->what);
	}
	fputs("</table></div>\n", f);
}

/* One of whose points nothing is known is left out. */
static void put_curve(FILE *f, const struct curve *c)
{
	if (!bench_next_x(c, &(double){ 0 }))
		return;
	fprintf(f, "<figure><figcaption>%s, %s", c->title, c->y);
	for (size_t k = 0; k < BENCH_LINES && c->line_name[k]; k++)
		fprintf(f, "<span><i class=\"l%zu\"></i>%s</span>", k, c->line_name[k]);
	fputs("</figcaption>\n", f);
	bench_plot_curve(f, c);
	fputs("</figure>\n", f);
}

static void put_page(FILE *f, const void *arg)
{
	const struct bench *b = arg;

	page_head(f, "hl bench");
	put_machine(f, b);
	put_facts(f, b);
	fputs(
	    "<h2>Times</h2>\n<p>How often each time was met; black or white: the median, coloured "
	    "marks: 95 and 99 of 100.</p>\n<figure class=\"times\">\n",
	    f);
	bench_plot_times(f, b->series, b->nr_series);
	fputs("</figure>\n", f);
	put_table(f, b);
	if (b->nr_curves)
		fputs("<h2>Growth</h2>\n<div class=\"plots\">\n", f);
	for (size_t i = 0; i < b->nr_curves; i++)
		put_curve(f, &b->curve[i]);
	if (b->nr_curves)
		fputs("</div>\n", f);
	page_end(f);
}

int bench_check_page(const struct bench *b)
{
	return page_write(b->html, NULL, NULL);
}

int bench_write_page(const struct bench *b)
{
	if (page_write(b->html, put_page, b) == 0)
		return 0;
	complain(&b->out, "bench: %s: %m", b->html);
	return STATUS_HL;
}
