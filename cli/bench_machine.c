/* SPDX-License-Identifier: Apache-2.0 */
/* The machine that hl bench runs on: what it is, and how much of its memory is in use. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "cli/bench.h"

/* Calls fn for each line "NAME : VALUE" of a file of /proc. */
static void each_line(const char *file, void (*fn)(void *arg, const char *name, char *value),
		      void *arg)
{
	FILE *f = fopen(file, "re");
	char *line = NULL;
	size_t room = 0;
	ssize_t n;

	if (!f)
		return;
	while ((n = getline(&line, &room, f)) > 0) {
		char *colon = strchr(line, ':');
		line[n - (line[n - 1] == '\n')] = '\0';
		if (!colon)
			continue;
		*colon = '\0';
		line[strcspn(line, "\t")] = '\0';
		fn(arg, line, colon + 1 + strspn(colon + 1, " \t"));
	}
	free(line);
	fclose(f);
}

static void read_cpu(void *arg, const char *name, char *value)
{
	struct machine *m = arg;

	if (strcmp(name, "processor") == 0)
		m->cpus++;
	else if (strcmp(name, "model name") == 0)
		snprintf(m->cpu, sizeof m->cpu, "%s", value);
}

static void read_total(void *arg, const char *name, char *value)
{
	if (strcmp(name, "MemTotal") == 0)
		*(uint64_t *)arg = strtoul(value, NULL, 10) << 10;
}

/* What "auto" picks is picked once, so that all that follows is of one platform. */
void bench_machine(struct machine *m, const char **platform)
{
	struct hl_host_report *r = NULL;
	struct utsname u = { .release = "" };

	each_line("/proc/cpuinfo", read_cpu, m);
	each_line("/proc/meminfo", read_total, &m->memory);
	uname(&u);
	snprintf(m->kernel, sizeof m->kernel, "%s %s", u.sysname, u.release);
	int failed = hl_host_inspect(&r, NULL);
	if (!*platform)
		*platform = failed || !r->picked            ? "auto"
			    : strcmp(r->picked, "kvm") == 0 ? "kvm"
							    : "process";
	for (size_t i = 0; !failed && i < r->nr_platforms; i++)
		if (strcmp(r->platforms[i].name, *platform) == 0)
			m->round_trip_ns = r->platforms[i].round_trip_ns;
	hl_host_report_free(r);
}

static void add_used(void *arg, const char *name, char *value)
{
	static const char *const kinds[] = { "AnonPages",   "Shmem",      "Slab",
					     "KernelStack", "PageTables", "Percpu" };

	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (strcmp(name, kinds[i]) == 0)
			*(int64_t *)arg += strtol(value, NULL, 10) << 10;
}

int64_t bench_in_use(void)
{
	int64_t sum = 0;

	each_line("/proc/meminfo", add_used, &sum);
	return sum;
}
