/* SPDX-License-Identifier: Apache-2.0 */
/* hl bench --html: one page that needs nothing else, in light or dark as the reader's system is. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/bench.h"

static const char head[] =
    "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
    "<meta name=\"viewport\" content=\"width=device-width\">\n<title>hl bench</title>\n<style>\n"
    ":root{color-scheme:light dark;--bg:#fff;--card:#f6f7f9;--fg:#1c2024;--soft:#5b6570;"
    "--grid:#dde1e6;--a:#2f6fde;--b:#c2571a;--c:#1a8a5a}\n"
    "@media(prefers-color-scheme:dark){:root{--bg:#14171a;--card:#1d2125;--fg:#e6e9ec;"
    "--soft:#9aa4ae;--grid:#33393f;--a:#6ea3ff;--b:#f29a5c;--c:#57c793}}\n"
    "body{background:var(--bg);color:var(--fg);font:15px/1.5 system-ui,sans-serif;"
    "max-width:920px;margin:2rem auto;padding:0 1rem}\n"
    "h1{font-size:1.5rem;margin:0}h2{font-size:1.05rem;margin:2rem 0 .5rem}\n"
    "p{margin:.25rem 0;color:var(--soft)}code{color:var(--fg);white-space:pre-wrap}\n"
    ".facts{display:grid;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));gap:.75rem;"
    "margin:1.5rem 0}\n"
    ".facts div,figure{background:var(--card);border-radius:8px;padding:.75rem 1rem;margin:0}\n"
    ".facts b{display:block;font-size:1.5rem}.facts span{color:var(--soft);font-size:.85rem}\n"
    ".plots{display:grid;grid-template-columns:repeat(auto-fit,minmax(330px,1fr));gap:.75rem}\n"
    "figcaption{font-weight:600}figcaption "
    "span{font-weight:400;white-space:nowrap;color:var(--soft);"
    "margin-left:.75rem}\n"
    "i{display:inline-block;width:.7em;height:.7em;border-radius:50%;margin-right:.3em}\n"
    "i.l0{background:var(--a)}i.l1{background:var(--b)}i.l2{background:var(--c)}\n"
    "svg{display:block;width:100%;height:auto}\n"
    ".grid{stroke:var(--grid)}.tick,.axis{fill:var(--soft);font-size:11px}\n"
    ".name,.value{fill:var(--fg);font-size:13px}.value{font-variant-numeric:tabular-nums}\n"
    ".range{stroke:var(--a);opacity:.5}.shape{fill:var(--a);opacity:.45}\n"
    ".median{stroke:var(--fg);stroke-width:2}.late{stroke:var(--b);stroke-width:2}\n"
    ".line{fill:none;stroke-width:2}.line.l0{stroke:var(--a)}.line.l1{stroke:var(--b)}.line.l2{"
    "stroke:var(--c)}\n"
    ".dot.l0{fill:var(--a)}.dot.l1{fill:var(--b)}.dot.l2{fill:var(--c)}\n"
    "table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}\n"
    "td:first-child{white-space:nowrap}td:last-child{min-width:16rem}.times svg{min-width:640px}"
    "th,td{text-align:right;padding:.3rem .6rem;border-bottom:1px solid var(--grid)}\n"
    "th:first-child,td:first-child,td:last-child,th:last-child{text-align:left}\n"
    "th{color:var(--soft);font-weight:500}td:last-child{color:var(--soft)}\n"
    ".wide,figure{overflow-x:auto}\n"
    "</style></head><body>\n";

static void put_text(FILE *f, const char *s)
{
	for (; *s; s++) {
		switch (*s) {
		case '<': fputs("&lt;", f); break;
		case '>': fputs("&gt;", f); break;
		case '&': fputs("&amp;", f); break;
		case '"': fputs("&quot;", f); break;
		default: putc(*s, f);
		}
	}
}

static void put_machine(FILE *f, const struct bench *b)
{
	char when[UTC_MAX];

	write_utc(when, b->when);
	fprintf(f, "<h1>hl %s</h1>\n<p>%s, platform %s, ", hl_version(), when, b->platform);
	put_text(f, b->driver);
	fprintf(f, ": an image of %.1f MiB. The job: <code>", (double)b->image.pages / (1 << 20));
	put_text(f, b->code);
	fputs("</code></p>\n<p>", f);
	put_text(f, b->machine.cpu);
	fprintf(f, ", %u CPUs, %.1f GiB, ", b->machine.cpus, (double)b->machine.memory / (1 << 30));
	put_text(f, b->machine.kernel);
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

static void put_page(FILE *f, const struct bench *b)
{
	fputs(head, f);
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
	fputs(b->nr_curves ? "</div>\n</body></html>\n" : "</body></html>\n", f);
}

/* Written aside and renamed. errno tells; 0: written. */
static int write_aside(const struct bench *b, bool whole)
{
	mode_t mask = umask(0);
	char *aside;
	int bad = -1;

	umask(mask);
	if (asprintf(&aside, "%s.XXXXXX", b->html) < 0)
		return -1;
	int fd = mkostemp(aside, O_CLOEXEC);
	FILE *f = fd < 0 ? NULL : fdopen(fd, "w");
	if (f) {
		if (whole)
			put_page(f, b);
		bad = ferror(f) | fchmod(fd, 0666 & ~mask);
		bad |= fclose(f);
		if (!bad && whole)
			bad = rename(aside, b->html);
	} else if (fd >= 0) {
		close(fd);
	}
	if (fd >= 0 && (bad || !whole))
		unlink(aside);
	free(aside);
	return bad ? -1 : 0;
}

int bench_check_page(const struct bench *b)
{
	return write_aside(b, false);
}

int bench_write_page(const struct bench *b)
{
	if (write_aside(b, true) == 0)
		return 0;
	complain(&b->out, "bench: %s: %m", b->html);
	return STATUS_HL;
}
