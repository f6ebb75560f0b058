/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A page of measurements that needs nothing else, in light or dark as the reader's system is:
 * that of `hl bench`, and that of `make bench-page` (bench/page.c). Colours, lines and sizes of
 * text are classes of its style: l0 to l4 for what is compared.
 */
#ifndef HL_CLI_PAGE_H
#define HL_CLI_PAGE_H

#include <stdbool.h>
#include <stdio.h>

/* All before the first element of its body, and all behind the last one. */
void page_head(FILE *f, const char *title);
void page_end(FILE *f);
/* As text, or as the value of an attribute between double quotes. */
void page_text(FILE *f, const char *s);
/* Three digits that count, and a unit that fits. */
void page_time(FILE *f, double ns);

/* An axis from lo to hi, linear or by powers of ten, over pixels. */
struct axis {
	double lo, hi, from, to;
	bool log;
};

double axis_place(const struct axis *a, double v);
/* Powers of ten around the values, which are more than 0. */
void axis_by_powers(struct axis *a, double min, double max);

/* Makes the file aside and renames it; `put` NULL: only tries whether it could be made. 0, or -1
 * and errno. */
int page_write(const char *path, void (*put)(FILE *f, const void *arg), const void *arg);

#endif
