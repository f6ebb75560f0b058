/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hl bench: what it was asked for, and what it has found. Everything is measured through hl.h, or
 * as a whole process of hl; each job that is run has to end well, or the bench fails.
 */
#ifndef HL_CLI_BENCH_H
#define HL_CLI_BENCH_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "cli/cli.h"

/* For each run, and for each MiB of an image that is filled: on however busy a machine, only what
 * hangs takes so long. */
#define BENCH_LIMIT_S      600
#define BENCH_LIMIT_MS     (BENCH_LIMIT_S * 1000)
#define BENCH_LIMIT_MS_MIB 2000
#define BENCH_POINTS       16 /* of a line */
#define BENCH_SERIES       16
#define BENCH_LINES        3
#define BENCH_CURVES       4
#define BENCH_PAGES_MIB    64 /* the image whose pages are written */
#define BENCH_PAGES_COUNT  10000

/* One kind of time, measured often. */
struct series {
	const char *name, *what;
	uint64_t *ns; /* in order of size when all are there */
	size_t count;
	double per_second; /* 0: no rate was measured */
};

/* How something grows. */
struct line {
	size_t count;
	double x[BENCH_POINTS], y[BENCH_POINTS];
};

struct curve {
	const char *name, *title, *x, *y; /* x and y with their units */
	const char *line_name[BENCH_LINES];
	struct line line[BENCH_LINES];
};

struct machine {
	char cpu[128], kernel[160];
	unsigned cpus;
	uint64_t memory;        /* bytes */
	uint64_t round_trip_ns; /* of a system call of a guest; 0: not known */
};

struct sizes {
	unsigned mib[BENCH_POINTS];
	size_t count;
};

struct bench {
	struct output out;
	const char *driver, *interpreter, *platform, *code, *html;
	const struct runtime *runtime; /* NULL: none of that name */
	bool own_code;                 /* of the caller's: what it prints is not known */
	bool json, plain;
	unsigned rounds, copies, jobs;
	struct sizes sizes;
	/* the image that copies are made of */
	char *file; /* has no name any more: by way of a descriptor */
	int fd;
	struct hl_snapshot *snapshot;
	struct hl_snapshot_info image;
	/* what was found */
	struct machine machine;
	uint64_t when; /* seconds since 1970 */
	struct series series[BENCH_SERIES];
	size_t nr_series;
	struct curve curve[BENCH_CURVES];
	size_t nr_curves;
};

/* How a runtime that has a driver is used without one. */
struct runtime {
	const char *name;
	const char *job;          /* prints 1 and a line's end */
	const char *import, *end; /* around a module: loads it */
	bool takes_calls;         /* a copy without a job does */
};

/* ---- cli/bench_data.c ---- */

/* A new one with room for `count`, which the caller fills. NULL: no memory. */
struct series *bench_series(struct bench *b, const char *name, const char *what, size_t count);
struct curve *bench_curve(struct bench *b, const struct curve *c);
void bench_point(struct line *l, double x, double y);
/* Goes to the next larger x that any of its lines has; false: there is none. */
bool bench_next_x(const struct curve *c, double *x);
/* All times are there: puts them in order, for percentiles. */
void bench_sort(struct series *s);
/* The least time of which so many percent are no longer (nearest rank); 0: the least of all. */
double bench_percentile(const struct series *s, unsigned percent);
/* Milliseconds. */
double bench_median_ms(struct series *s);

/* ---- cli/bench_machine.c ---- */

/* *platform: NULL, or the one that was asked for. */
void bench_machine(struct machine *m, const char **platform);
/* Bytes that the whole machine has in use, the kernel's own included. */
int64_t bench_in_use(void);

/* ---- cli/bench_image.c ---- */

const struct runtime *bench_runtime(const char *driver);
/* Makes it, and measures the start of the runtime and the save. 0, or the exit status of an error
 * that was told, as all functions below. */
int bench_image_make(struct bench *b);
void bench_image_free(struct bench *b);
/* A configuration for copies of the image: with the job, or with none, so that it takes calls. */
struct hl_config *bench_copy_config(const struct bench *b, bool job);
/* Waits for the end of a job, which has to be a good one. */
int bench_await(const struct bench *b, struct hl_sandbox *sb);
/* Waits until the program asks to be saved. */
int bench_await_due(const struct bench *b, struct hl_sandbox *sb);

/* ---- modes: cli/bench_runs.c, cli/bench_growth.c ---- */

int bench_cold(struct bench *b);
int bench_cold_snap(struct bench *b);
int bench_copy(struct bench *b);
int bench_warm_restore(struct bench *b);
int bench_warm_stateful(struct bench *b);
int bench_parallel(struct bench *b);
int bench_memory(struct bench *b);
int bench_growth(struct bench *b);
/* The program inside, whose memory grows. */
int bench_guest(const char *mib);

/* ---- what is printed ---- */

/* cli/bench_json.c: the keys are documented in docs/hl.1 and do not change. */
int bench_print_json(const struct bench *b);
/* cli/bench_page.c: all of it as one page, to b->html. */
int bench_write_page(const struct bench *b);
/* -1, and errno: that file could not be made. */
int bench_check_page(const struct bench *b);

/* cli/bench_plot.c: plots as SVG, whose colours are the page's. */
void bench_plot_times(FILE *f, const struct series *s, size_t count);
void bench_plot_curve(FILE *f, const struct curve *c);

#endif
