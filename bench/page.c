// SPDX-License-Identifier: Apache-2.0
// page REPORT.json PAGE.html: what `bench/run --json` printed, as one page that needs nothing else.
//
// A group of rows is a plot: how many times longer than natively each operation takes, a bar for
// each way to run it, on an axis of powers of ten that begins at 1. Beneath is the table of all.
#include <json-c/json.h>
#include <stdarg.h>
#include <string.h>

#include "bench/bench.h"
#include "cli/page.h"

#define COLUMNS 16

// The report, once it has been checked.
struct report {
	struct json_object *root, *results;
	const char *column[COLUMNS]; // the first is "native"
	size_t columns;
};

// ---- what the report has to be ----

static _Noreturn void refuse(const char *path, const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "page: %s: ", path);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	putc('\n', stderr);
	exit(1);
}

static const char *text_of(struct json_object *o, const char *key)
{
	struct json_object *v = json_object_object_get(o, key);

	return json_object_is_type(v, json_type_string) ? json_object_get_string(v) : NULL;
}

// COLUMN or COLUMN-WHAT of a row; less than 0: it has none.
static double number_of(struct json_object *row, const char *column, const char *what)
{
	struct json_object *v;
	char key[64];

	snprintf(key, sizeof key, "%s%s", column, what);
	v = json_object_object_get(row, key);
	return v ? json_object_get_double(v) : -1;
}

static void check_number(const char *path, struct json_object *row, const char *column,
			 const char *what)
{
	struct json_object *v;
	char key[64];

	snprintf(key, sizeof key, "%s%s", column, what);
	if (!json_object_object_get_ex(row, key, &v) || !v)
		return;
	if (!json_object_is_type(v, json_type_double) && !json_object_is_type(v, json_type_int))
		refuse(path, "%s of %s is no number", key, text_of(row, "name"));
	if (!(json_object_get_double(v) >= 0 && json_object_get_double(v) < 1e18))
		refuse(path, "%s of %s is %s", key, text_of(row, "name"),
		       json_object_to_json_string(v));
}

static void check_row(const char *path, const struct report *r, struct json_object *row)
{
	static const char *const whats[] = { "", "-ratio", "-exits", "-goal" };

	if (!text_of(row, "name") || !text_of(row, "group") || !text_of(row, "unit") ||
	    !text_of(row, "what"))
		refuse(path, "a result without name, group, unit and what");
	for (size_t c = 0; c < r->columns; c++)
		for (size_t i = 0; i < sizeof whats / sizeof *whats; i++)
			check_number(path, row, r->column[c], whats[i]);
}

static struct report report_read(const char *path)
{
	struct report r = { .root = json_object_from_file(path) };
	struct json_object *columns = json_object_object_get(r.root, "columns");

	if (!r.root) {
		const char *why = json_util_get_last_err();
		refuse(path, "not JSON: %.*s", (int)strcspn(why, "\n"), why);
	}
	r.results = json_object_object_get(r.root, "results");
	if (!text_of(r.root, "hl") || !json_object_object_get(r.root, "machine") ||
	    !json_object_is_type(columns, json_type_array) ||
	    !json_object_is_type(r.results, json_type_array))
		refuse(path, "not what bench/run --json prints");
	if (json_object_array_length(columns) > COLUMNS)
		refuse(path, "more than %d columns", COLUMNS);
	if (json_object_array_length(r.results) == 0)
		refuse(path, "no result");
	for (; r.columns < json_object_array_length(columns); r.columns++) {
		struct json_object *c = json_object_array_get_idx(columns, r.columns);
		const char *name = json_object_get_string(c);
		if (!json_object_is_type(c, json_type_string) || strlen(name) > 32)
			refuse(path, "column %zu has no name", r.columns);
		r.column[r.columns] = name;
	}
	if (r.columns < 2 || strcmp(r.column[0], "native") != 0)
		refuse(path, "no column beside native");
	for (size_t i = 0; i < json_object_array_length(r.results); i++)
		check_row(path, &r, json_object_array_get_idx(r.results, i));
	return r;
}

// ---- the page ----

static struct json_object *row_at(const struct report *r, size_t i)
{
	return json_object_array_get_idx(r->results, i);
}

static size_t rows_count(const struct report *r)
{
	return json_object_array_length(r->results);
}

static void put_value(FILE *f, struct json_object *row, double v)
{
	if (strcmp(text_of(row, "unit"), "ns") == 0)
		page_time(f, v);
	else if (strcmp(text_of(row, "unit"), "KiB") == 0 && v >= 1024)
		fprintf(f, "%.3g MiB", v / 1024);
	else
		fprintf(f, "%.3g %s", v, text_of(row, "unit"));
}

static void put_ratio(FILE *f, double ratio)
{
	fprintf(f, ratio < 9.95 ? "%.2f×" : ratio < 99.5 ? "%.1f×" : "%.0f×", ratio);
}

static void put_machine(FILE *f, const struct report *r)
{
	struct json_object *m = json_object_object_get(r->root, "machine");
	struct json_object *load = json_object_object_get(m, "load");

	fputs("<h1>", f);
	page_text(f, text_of(r->root, "hl"));
	fputs(" beside native</h1>\n<p>", f);
	page_text(f, text_of(m, "date") ? text_of(m, "date") : "");
	fprintf(f, ", %d CPUs, ", json_object_get_int(json_object_object_get(m, "cpus")));
	page_text(f, text_of(m, "cpu") ? text_of(m, "cpu") : "");
	fputs(", Linux ", f);
	page_text(f, text_of(m, "kernel") ? text_of(m, "kernel") : "");
	fprintf(f, ", a load of %.2g at the start</p>\n", json_object_get_double(load));
}

static void put_legend(FILE *f, const struct report *r)
{
	fputs("<figcaption>times native, less is better", f);
	for (size_t c = 1; c < r->columns; c++) {
		fprintf(f, "<span><i class=\"l%zu\"></i>", (c - 1) % 5);
		page_text(f, r->column[c]);
		fputs("</span>", f);
	}
	fputs("<span>| goal of hl-process</span></figcaption>\n", f);
}

#define LEFT  140
#define RIGHT 790
#define BAR   9
#define GAP   12

// How many bars a row has: one for each ratio.
static size_t bars_of(const struct report *r, struct json_object *row)
{
	size_t bars = 0;

	for (size_t c = 1; c < r->columns; c++)
		bars += number_of(row, r->column[c], "-ratio") > 0;
	return bars;
}

static bool in_group(struct json_object *row, const char *group)
{
	return strcmp(text_of(row, "group"), group) == 0;
}

static void put_bar(FILE *f, const struct axis *a, double ratio, size_t c, int y)
{
	double one = axis_place(a, 1), x = axis_place(a, ratio);

	fprintf(f,
		"<rect class=\"bar l%zu\" x=\"%.1f\" y=\"%d\" width=\"%.1f\" height=\"%d\"/>"
		"<text class=\"tick\" x=\"%.1f\" y=\"%d\">",
		(c - 1) % 5, x < one ? x : one, y, x < one ? one - x : x - one, BAR - 2,
		(x < one ? one : x) + 4, y + BAR - 2);
	put_ratio(f, ratio);
	fputs("</text>\n", f);
}

// Gives where the next row begins.
static int put_bars(FILE *f, const struct report *r, struct json_object *row, const struct axis *a,
		    int y)
{
	double goal = number_of(row, "hl-process", "-goal");
	double native = number_of(row, "native", "");
	int top = y;

	fputs("<g><title>", f);
	page_text(f, text_of(row, "what"));
	fputs(", natively ", f);
	put_value(f, row, native);
	fputs("</title>\n", f);
	for (size_t c = 1; c < r->columns; c++) {
		double ratio = number_of(row, r->column[c], "-ratio");
		if (ratio <= 0)
			continue;
		put_bar(f, a, ratio, c, y);
		y += BAR;
	}
	fprintf(f, "<text class=\"name\" text-anchor=\"end\" x=\"%d\" y=\"%d\">", LEFT - 12,
		(top + y) / 2 + 4);
	page_text(f, text_of(row, "name"));
	fputs("</text>", f);
	if (goal > 0 && native > 0)
		fprintf(f,
			"<line class=\"median\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%d\" y2=\"%d\"><title>"
			"goal</title></line>",
			axis_place(a, goal / native), axis_place(a, goal / native), top - 3,
			top + BAR);
	fputs("</g>\n", f);
	return y + GAP;
}

// Bars begin at 1, and the axis a little below the least.
static struct axis axis_of(const struct report *r, const char *group, int *height)
{
	struct axis a = { .from = LEFT, .to = RIGHT };
	double min = 1, max = 10;

	*height = GAP;
	for (size_t i = 0; i < rows_count(r); i++) {
		struct json_object *row = row_at(r, i);
		if (!in_group(row, group) || bars_of(r, row) == 0)
			continue;
		*height += (int)bars_of(r, row) * BAR + GAP;
		for (size_t c = 1; c < r->columns; c++) {
			double ratio = number_of(row, r->column[c], "-ratio");
			min = ratio > 0 && ratio < min ? ratio : min;
			max = ratio > max ? ratio : max;
		}
		double goal = number_of(row, "hl-process", "-goal") / number_of(row, "native", "");
		min = goal > 0 && goal < min ? goal : min;
		max = goal > max ? goal : max;
	}
	axis_by_powers(&a, min, max);
	a.lo = min * 0.9;
	a.hi = max * 1.2;
	return a;
}

static void put_grid(FILE *f, const struct axis *a, int bottom)
{
	for (double power = 1e-3; power < a->hi; power *= 10)
		for (int k = 1; k <= 5; k += k == 1 ? 1 : 3) {
			double v = power * k, x = axis_place(a, v);
			if (v < a->lo || v > a->hi)
				continue;
			fprintf(f,
				"<line class=\"%s\" x1=\"%.1f\" x2=\"%.1f\" y1=\"0\" y2=\"%d\"/>"
				"<text class=\"tick\" text-anchor=\"middle\" x=\"%.1f\" "
				"y=\"%d\">%g</text>\n",
				v > 0.99 && v < 1.01 ? "one" : "grid", x, x, bottom, x, bottom + 16,
				v);
		}
}

static void put_plot(FILE *f, const struct report *r, const char *group)
{
	int bottom, y = GAP;
	struct axis a = axis_of(r, group, &bottom);

	if (bottom == GAP)
		return; // no row has a ratio
	fputs("<h2>", f);
	page_text(f, group);
	fputs("</h2>\n<figure class=\"times\">\n", f);
	put_legend(f, r);
	fprintf(f, "<svg viewBox=\"0 0 860 %d\" role=\"img\" aria-label=\"", bottom + 22);
	page_text(f, group);
	fputs(", times native\">\n", f);
	put_grid(f, &a, bottom);
	for (size_t i = 0; i < rows_count(r); i++)
		if (in_group(row_at(r, i), group) && bars_of(r, row_at(r, i)))
			y = put_bars(f, r, row_at(r, i), &a, y);
	fputs("</svg></figure>\n", f);
}

static void put_cell(FILE *f, struct json_object *row, const char *column)
{
	double v = number_of(row, column, ""), ratio = number_of(row, column, "-ratio");
	double goal = number_of(row, column, "-goal");
	struct json_object *is;

	fputs(goal > 0 && v > goal ? "<td class=\"over\">" : "<td>", f);
	if (!json_object_object_get_ex(row, column, &is)) {
		fputs("–", f);
	} else if (!is) {
		fputs("failed", f);
	} else {
		put_value(f, row, v);
		if (ratio > 0) {
			fputs("<br><small>", f);
			put_ratio(f, ratio);
			fputs("</small>", f);
		}
	}
}

static void put_exits(FILE *f, struct json_object *row, const char *column)
{
	double exits = number_of(row, column, "-exits");

	if (exits >= 0)
		fprintf(f, "<td>%.10g", exits);
	else
		fputs("<td>", f);
}

static void put_table(FILE *f, const struct report *r)
{
	fputs("<h2>All rows</h2>\n<p>Beneath each time: times native. Coloured: more than the "
	      "goal. Exits: how often the guest is left for one operation, or one run of a "
	      "command.</p>\n<div class=\"wide dense\"><table><tr><th>",
	      f);
	for (size_t c = 0; c < r->columns; c++) {
		fputs("<th>", f);
		page_text(f, r->column[c]);
	}
	fputs("<th>goal<th>exits<th>KVM exits<th></tr>\n", f);
	for (size_t i = 0; i < rows_count(r); i++) {
		struct json_object *row = row_at(r, i);
		double goal = number_of(row, "hl-process", "-goal");
		fputs("<tr><td>", f);
		page_text(f, text_of(row, "name"));
		for (size_t c = 0; c < r->columns; c++)
			put_cell(f, row, r->column[c]);
		fputs("<td>", f);
		if (goal > 0)
			put_value(f, row, goal);
		put_exits(f, row, "hl-process");
		put_exits(f, row, "hl-kvm");
		fputs("<td>", f);
		page_text(f, text_of(row, "what"));
		fputs("</tr>\n", f);
	}
	fputs("</table></div>\n", f);
}

static bool group_is_new(const struct report *r, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (in_group(row_at(r, k), text_of(row_at(r, i), "group")))
			return false;
	return true;
}

static void put_page(FILE *f, const void *arg)
{
	const struct report *r = arg;

	page_head(f, "hl beside native");
	put_machine(f, r);
	for (size_t i = 0; i < rows_count(r); i++)
		if (group_is_new(r, i))
			put_plot(f, r, text_of(row_at(r, i), "group"));
	put_table(f, r);
	page_end(f);
}

int main(int argc, char **argv)
{
	if (argc != 3) {
		fprintf(stderr, "usage: page REPORT.json PAGE.html\n");
		return 2;
	}
	struct report r = report_read(argv[1]);
	if (page_write(argv[2], put_page, &r) < 0)
		fail(argv[2]);
	json_object_put(r.root);
	return 0;
}
