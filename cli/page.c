/* SPDX-License-Identifier: Apache-2.0 */
/* Pages of measurements: the head with its style, text and its escapes, axes, a file made aside. */
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/page.h"

static const char before_title[] =
    "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
    "<meta name=\"viewport\" content=\"width=device-width\">\n<title>";

static const char style[] =
    "</title>\n<style>\n"
    ":root{color-scheme:light dark;--bg:#fff;--card:#f6f7f9;--fg:#1c2024;--soft:#5b6570;"
    "--grid:#dde1e6;--a:#2f6fde;--b:#c2571a;--c:#1a8a5a;--d:#8a8f98;--e:#a23bb5}\n"
    "@media(prefers-color-scheme:dark){:root{--bg:#14171a;--card:#1d2125;--fg:#e6e9ec;"
    "--soft:#9aa4ae;--grid:#33393f;--a:#6ea3ff;--b:#f29a5c;--c:#57c793;--d:#8d949c;--e:#d584e6}}\n"
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
    "i.l3{background:var(--d)}i.l4{background:var(--e)}\n"
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
    ".bar.l0{fill:var(--a)}.bar.l1{fill:var(--b)}.bar.l2{fill:var(--c)}.bar.l3{fill:var(--d)}"
    ".bar.l4{fill:var(--e)}.one{stroke:var(--soft)}.over{color:var(--b)}small{color:var(--soft)}\n"
    ".dense{font-size:13px}.dense th,.dense td{padding:.25rem .4rem}.dense td{white-space:nowrap}\n"
    ".dense td:last-child{white-space:normal}\n"
    ".wide,figure{overflow-x:auto}\n"
    "</style></head><body>\n";

void page_head(FILE *f, const char *title)
{
	fputs(before_title, f);
	page_text(f, title);
	fputs(style, f);
}

void page_end(FILE *f)
{
	fputs("</body></html>\n", f);
}

void page_text(FILE *f, const char *s)
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

void page_time(FILE *f, double ns)
{
	if (ns < 1e3)
		fprintf(f, "%.3g ns", ns);
	else if (ns < 1e6)
		fprintf(f, "%.3g µs", ns / 1e3);
	else if (ns < 1e9)
		fprintf(f, "%.3g ms", ns / 1e6);
	else
		fprintf(f, "%.3g s", ns / 1e9);
}

double axis_place(const struct axis *a, double v)
{
	double share = a->log ? (log10(v) - log10(a->lo)) / (log10(a->hi) - log10(a->lo))
			      : (v - a->lo) / (a->hi - a->lo);

	return a->from + share * (a->to - a->from);
}

void axis_by_powers(struct axis *a, double min, double max)
{
	a->log = true;
	for (a->lo = 1e-3; a->lo * 10 <= min;)
		a->lo *= 10;
	for (a->hi = a->lo * 10; a->hi < max;)
		a->hi *= 10;
}

int page_write(const char *path, void (*put)(FILE *f, const void *arg), const void *arg)
{
	mode_t mask = umask(0);
	char *aside;
	int bad = -1;

	umask(mask);
	if (asprintf(&aside, "%s.XXXXXX", path) < 0)
		return -1;
	int fd = mkostemp(aside, O_CLOEXEC);
	FILE *f = fd < 0 ? NULL : fdopen(fd, "w");
	if (f) {
		if (put)
			put(f, arg);
		bad = ferror(f) | fchmod(fd, 0666 & ~mask);
		bad |= fclose(f);
		if (!bad && put)
			bad = rename(aside, path);
	} else if (fd >= 0) {
		close(fd);
	}
	if (fd >= 0 && (bad || !put))
		unlink(aside);
	free(aside);
	return bad ? -1 : 0;
}
