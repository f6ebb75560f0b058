/* SPDX-License-Identifier: Apache-2.0 */
/* hl doctor: what this host offers, what is missing, what to do about it. */
#include <getopt.h>
#include <stdio.h>

#include "cli/cli.h"

static const char usage[] = "Usage: hl doctor [--json]\n"
			    "Says what this host offers hl, what a system call costs on each "
			    "platform, which one is picked\n"
			    "and why, and what to do about what is missing. Exit status 0 if "
			    "programs can be run here, else 125.\n";

static const char *const words[] = {
	[HL_FOUND] = "yes", [HL_MISSING] = "no", [HL_DENIED] = "denied", [HL_NOT_LOOKED_FOR] = "-"
};

static void print_checks(const struct hl_check *c, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		printf("  %-16s %-7s %s\n", c[i].key, words[c[i].found], c[i].text);
		if (c[i].advice[0])
			printf("  %-16s %-7s -> %s\n", "", "", c[i].advice);
	}
	putchar('\n');
}

static void print_platform(const struct hl_platform_report *p)
{
	if (p->usable)
		printf("%s: works, a system call of the guest costs %.1f us\n", p->name,
		       (double)p->round_trip_ns / 1e3);
	else
		printf("%s: does not work: %s\n", p->name, p->text);
	print_checks(p->checks, p->nr_checks);
}

static void print_choice(const struct hl_host_report *r)
{
	if (!r->picked) {
		puts("auto: nothing can be run here");
		return;
	}
	printf("auto picks %s: %s\n", r->picked, r->reason);
	if (r->cached_in[0])
		printf("  (that cost is cached in %s)\n", r->cached_in);
}

static void print_report(const struct hl_host_report *r)
{
	printf("hl %s\n\n", hl_version());
	for (size_t i = 0; i < r->nr_platforms; i++)
		print_platform(&r->platforms[i]);
	puts("host:");
	print_checks(r->checks, r->nr_checks);
	print_choice(r);
}

static int inspect(const struct output *out, bool json)
{
	struct hl_host_report *r;
	struct hl_error *err = NULL;
	int status = 0;

	if (hl_host_inspect(&r, &err))
		return report_error(out, err);
	if (json)
		status = print_report_json(r);
	else
		print_report(r);
	if (fflush(stdout) || ferror(stdout))
		status = STATUS_HL;
	if (!status && !r->picked)
		status = STATUS_HL;
	hl_host_report_free(r);
	return status;
}

int doctor_main(int argc, char **argv)
{
	static const struct option longs[] = { { "json", no_argument, NULL, 'j' },
					       { "help", no_argument, NULL, 'h' },
					       { 0 } };
	const struct output out = { 0 };
	bool json = false;
	int c;

	opterr = 0;
	while ((c = getopt_long(argc, argv, "h", longs, NULL)) != -1) {
		if (c == 'h')
			return fputs(usage, stdout) == EOF || fflush(stdout) ? STATUS_HL : 0;
		if (c != 'j')
			return usage_error(&out, "doctor knows no option '%s'", argv[optind - 1]);
		json = true;
	}
	if (optind < argc)
		return usage_error(
		    &out,
		    "doctor takes no argument '%s'; for a program of that name: hl run doctor",
		    argv[optind]);
	return inspect(&out, json);
}
