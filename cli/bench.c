/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hl bench: what starts, copies and resets cost on this machine.
 *
 * Each mode measures one way to run a job and leaves series of times or lines of points behind;
 * when all are done they are printed as text or JSON, and written as a page.
 */
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/bench.h"

static const char help[] =
    "Usage: hl bench [OPTIONS] [MODE...]\n"
    "Measures on this machine what it costs to run a job, cold and in copies of a warm runtime.\n"
    "\n"
    "  cold           a process of its own, in which the runtime starts and loads its modules\n"
    "  cold-snap      a process of its own that opens a snapshot\n"
    "  copy           a new copy in a process that has made some\n"
    "  warm-restore   a copy that is put back in place\n"
    "  warm-stateful  a call of a program that goes on (python3 alone)\n"
    "  parallel       copies of a pool, several at a time\n"
    "  memory         many copies that are alive at a time\n"
    "  growth         by the size of the image, and by the pages that are written\n"
    "Without a MODE: all of them.\n"
    "\n"
    "      --driver RUNTIME[:MODULE,...]  python3 (default), node, perl, ruby or bash\n"
    "      --interpreter PATH  run it by this program\n"
    "  -e, --exec CODE         the job; by default it prints 1\n"
    "      --rounds N          so often for each kind of time (default 100)\n"
    "      --jobs N            parallel: so many at a time (default: the CPUs)\n"
    "      --copies N          memory: so many (default 100)\n"
    "      --sizes MIB,...     growth: images of these sizes (default 10,100)\n"
    "      --plain             in the caller's world, and not in one of its own (--isolate)\n"
    "      --platform NAME     as of hl run\n"
    "      --json              one JSON object\n"
    "      --html FILE         also a page with plots\n"
    "  -h, --help              this text\n";

static const struct mode {
	const char *name;
	int (*run)(struct bench *b);
	bool calls; /* it needs a runtime that takes calls */
} modes[] = {
	{ "cold", bench_cold, false },
	{ "cold-snap", bench_cold_snap, false },
	{ "copy", bench_copy, false },
	{ "warm-restore", bench_warm_restore, false },
	{ "warm-stateful", bench_warm_stateful, true },
	{ "parallel", bench_parallel, false },
	{ "memory", bench_memory, false },
	{ "growth", bench_growth, false },
};

#define NR_MODES (sizeof modes / sizeof *modes)

/* ---- options ---- */

/* clang-format off */
static const struct option longs[] = {
	{ "driver", required_argument, NULL, 'd' },
	{ "interpreter", required_argument, NULL, 'i' },
	{ "exec", required_argument, NULL, 'e' },
	{ "rounds", required_argument, NULL, 'r' },
	{ "jobs", required_argument, NULL, 'J' },
	{ "copies", required_argument, NULL, 'c' },
	{ "sizes", required_argument, NULL, 's' },
	{ "plain", no_argument, NULL, 'P' },
	{ "platform", required_argument, NULL, 'p' },
	{ "json", no_argument, NULL, 'j' },
	{ "html", required_argument, NULL, 'H' },
	{ "help", no_argument, NULL, 'h' },
	{ 0 },
};
/* clang-format on */

/* The number at *text, which ends at `end`; false: there is none from 1 to max. */
static bool read_number(const char *text, const char *end, unsigned max, unsigned *out)
{
	unsigned long value = 0;

	if (text == end)
		return false;
	for (; text < end; text++) {
		if (*text < '0' || *text > '9')
			return false;
		value = value * 10 + (unsigned long)(*text - '0');
		if (value > max)
			return false;
	}
	*out = (unsigned)value;
	return value > 0;
}

static int take_number(const struct bench *b, const char *option, const char *text, unsigned max,
		       unsigned *out)
{
	if (read_number(text, text + strlen(text), max, out))
		return -1;
	return usage_error(&b->out, "%s takes a number from 1 to %u, not '%s'", option, max, text);
}

static int take_sizes(struct bench *b, const char *text)
{
	b->sizes.count = 0;
	for (const char *at = text;; at++) {
		const char *end = strchrnul(at, ',');
		unsigned mib = 0, last = b->sizes.count ? b->sizes.mib[b->sizes.count - 1] : 0;
		if (b->sizes.count == BENCH_POINTS || !read_number(at, end, 1 << 20, &mib) ||
		    mib <= last)
			return usage_error(&b->out,
					   "--sizes takes up to %d numbers of MiB, each larger "
					   "than the one before, not '%s'",
					   BENCH_POINTS, text);
		b->sizes.mib[b->sizes.count++] = mib;
		if (!*end)
			return -1;
		at = end;
	}
}

/* -1: go on; else an exit status. */
static int take_option(struct bench *b, int c, char **argv)
{
	switch (c) {
	case 'd': b->driver = optarg; return -1;
	case 'i': b->interpreter = optarg; return -1;
	case 'e': b->code = optarg; return -1;
	case 'p': b->platform = strcmp(optarg, "auto") == 0 ? NULL : optarg; return -1;
	case 'H': b->html = optarg; return -1;
	case 'j': b->json = true; return -1;
	case 'P': b->plain = true; return -1;
	case 'r': return take_number(b, "--rounds", optarg, 1000000, &b->rounds);
	case 'J': return take_number(b, "--jobs", optarg, 1024, &b->jobs);
	case 'c': return take_number(b, "--copies", optarg, 100000, &b->copies);
	case 's': return take_sizes(b, optarg);
	case ':': return usage_error(&b->out, "%s needs a value", argv[optind - 1]);
	default: return usage_error(&b->out, "bench knows no option '%s'", argv[optind - 1]);
	}
}

/* The bits of the modes that are wanted; 0: one of the words is none. */
static unsigned wanted_modes(const struct bench *b, int count, char **words)
{
	unsigned wanted = 0;

	for (int i = 0; i < count; i++) {
		size_t k = 0;
		while (k < NR_MODES && strcmp(words[i], modes[k].name) != 0)
			k++;
		if (k == NR_MODES) {
			usage_error(&b->out,
				    "bench has no mode '%s'; for a program of that name: hl run "
				    "bench",
				    words[i]);
			return 0;
		}
		wanted |= 1U << k;
	}
	return count ? wanted : (1U << NR_MODES) - 1;
}

/* What options leave open. -1: go on; else an exit status. */
static int fill_in(struct bench *b)
{
	if (strchr(b->driver, '?'))
		return usage_error(&b->out, "bench takes modules that are there, not '%s'",
				   b->driver);
	b->runtime = bench_runtime(b->driver);
	if (!b->runtime)
		return usage_error(&b->out,
				   "--driver takes python3, node, perl, ruby or bash, not '%s'",
				   b->driver);
	b->own_code = b->code != NULL;
	if (!b->code)
		b->code = b->runtime->job;
	if (!b->jobs)
		b->jobs = (unsigned)sysconf(_SC_NPROCESSORS_ONLN);
	if (b->html && bench_check_page(b)) {
		complain(&b->out, "bench: %s: %s", b->html, strerror(errno));
		return STATUS_HL;
	}
	return -1;
}

/* ---- text ---- */

static void print_series(const struct series *s)
{
	static const unsigned percents[] = { 0, 50, 95, 99, 100 };

	printf("%-16s", s->name);
	for (size_t i = 0; i < sizeof percents / sizeof *percents; i++)
		printf(" %9.3f", bench_percentile(s, percents[i]) / 1e6);
	if (s->per_second > 0)
		printf("   %.0f a second", s->per_second);
	putchar('\n');
}

static void print_curve(const struct curve *c)
{
	printf("\n%s\n%-16s", c->title, c->x);
	for (size_t k = 0; k < BENCH_LINES && c->line_name[k]; k++)
		printf(" %18s", c->line_name[k]);
	printf("   %s\n", c->y);
	for (double x = 0; bench_next_x(c, &x);) {
		printf("%-16.0f", x);
		for (size_t k = 0; k < BENCH_LINES && c->line_name[k]; k++) {
			const struct line *l = &c->line[k];
			size_t i = 0;
			while (i < l->count && l->x[i] < x)
				i++;
			if (i < l->count && l->x[i] == x)
				printf(" %18.3f", l->y[i]);
			else
				printf(" %18s", "-");
		}
		putchar('\n');
	}
}

static void print_text(const struct bench *b)
{
	printf("hl %s, %s, platform %s, an image of %.1f MiB\n", hl_version(), b->driver,
	       b->platform, (double)b->image.pages / (1 << 20));
	printf("%s, %u CPUs, %lu MiB, %s\n\n%-16s %9s %9s %9s %9s %9s   ms\n", b->machine.cpu,
	       b->machine.cpus, b->machine.memory >> 20, b->machine.kernel, "", "min", "median",
	       "p95", "p99", "max");
	for (size_t i = 0; i < b->nr_series; i++)
		print_series(&b->series[i]);
	for (size_t i = 0; i < b->nr_curves; i++)
		print_curve(&b->curve[i]);
}

/* ---- the whole ---- */

static int run_modes(struct bench *b, unsigned wanted, bool all)
{
	int status = bench_image_make(b);

	for (size_t i = 0; i < NR_MODES && !status; i++) {
		if (!(wanted & 1U << i))
			continue;
		if (!modes[i].calls || b->runtime->takes_calls) {
			if (isatty(STDERR_FILENO))
				fprintf(stderr, "\r\033[Khl: bench: %s", modes[i].name);
			status = modes[i].run(b);
		} else if (!all) {
			status = usage_error(&b->out, "%s is for python3 alone, not for %s",
					     modes[i].name, b->runtime->name);
		}
	}
	if (isatty(STDERR_FILENO))
		fputs("\r\033[K", stderr);
	return status;
}

static int report(struct bench *b)
{
	int status = 0;

	for (size_t i = 0; i < b->nr_series; i++)
		bench_sort(&b->series[i]);
	if (b->json)
		status = bench_print_json(b);
	else
		print_text(b);
	if (fflush(stdout) || ferror(stdout))
		status = STATUS_HL;
	if (b->html && !status)
		status = bench_write_page(b);
	return status;
}

int bench_main(int argc, char **argv)
{
	struct bench b = { .driver = "python3", .rounds = 100, .copies = 100, .fd = -1 };
	int c, status = -1;

	if (argc == 3 && strcmp(argv[1], "--guest") == 0)
		return bench_guest(argv[2]);
	b.sizes = (struct sizes){ { 10, 100 }, 2 };
	opterr = 0;
	while (status < 0 && (c = getopt_long(argc, argv, ":he:", longs, NULL)) != -1) {
		if (c == 'h')
			return fputs(help, stdout) == EOF || fflush(stdout) ? STATUS_HL : 0;
		status = take_option(&b, c, argv);
	}
	unsigned wanted = status < 0 ? wanted_modes(&b, argc - optind, argv + optind) : 0;
	if (status < 0)
		status = wanted ? fill_in(&b) : STATUS_USAGE;
	if (status >= 0)
		return status;
	b.when = (uint64_t)time(NULL);
	bench_machine(&b.machine, &b.platform);
	status = run_modes(&b, wanted, optind == argc);
	if (!status)
		status = report(&b);
	bench_image_free(&b);
	for (size_t i = 0; i < b.nr_series; i++)
		free(b.series[i].ns);
	return status;
}
