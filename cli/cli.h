/* SPDX-License-Identifier: Apache-2.0 */
/* What the commands of hl share. The only code that prints and exits; a client of hl.h like any
 * other. */
#ifndef HL_CLI_CLI_H
#define HL_CLI_CLI_H

#include <stdbool.h>
#include <stdint.h>

#include "hl.h"

/* Exit statuses of hl's own; a guest's is passed on, and 128+N when signal N ended it. */
enum {
	STATUS_USAGE = 2,
	STATUS_TIMEOUT = 124,
	STATUS_HL = 125,
	STATUS_NOT_EXEC = 126,
	STATUS_NOT_FOUND = 127
};

/* cli/output.c */
struct output {
	const char *command; /* that complains; NULL: hl */
	bool quiet;
	const char *file; /* that complaints are about, and the line; NULL and 0: none */
	unsigned line;
};

/* One line on stderr, "hl: ...", unless quiet. */
void complain(const struct output *out, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Complains, adds how to get help, and gives the status of a usage error. */
int usage_error(const struct output *out, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* Complains of `err`, frees it, and gives its exit status. */
int report_error(const struct output *out, struct hl_error *err);

/* The same for want of memory. */
int report_no_memory(const struct output *out);

/* Seconds since 1970 as a date and a time of day. */
#define UTC_MAX 80
void write_utc(char text[UTC_MAX], uint64_t seconds);

/* cli/run.c */
int run_main(int argc, char **argv);
/* cli/explain.c: hl policy explain FILE. */
int policy_main(int argc, char **argv);
/* cli/snapshot.c */
int snapshot_main(int argc, char **argv);
/* cli/pyhl.c */
int pyhl_main(int argc, char **argv);
/* cli/bench.c */
int bench_main(int argc, char **argv);
/* cli/doctor.c */
int doctor_main(int argc, char **argv);
/* cli/doctor_json.c: the report as one JSON object on stdout. 0 or hl's exit status. */
int print_report_json(const struct hl_host_report *r);
/* cli/mkinitrd.c */
int mkinitrd_main(int argc, char **argv);
/* cli/image.c */
int image_main(int argc, char **argv);
/* cli/help.c */
int print_help(void);
int print_version(void);
/* cli/stats.c */
void print_stats(struct hl_sandbox *sb, const struct hl_result *res);

/* cli/violation.c: from now on a call of the host that the jail forbids ends hl with a line. */
void violation_watch(void);

/* cli/relay.c: the signals hl gets are the guest's. */
struct relay;
/* Blocks them in this thread and those it starts; before the sandbox starts. NULL: errno tells. */
struct relay *relay_open(const struct output *out);
/* Before each start: signals that end programs end hl, until relay_ready, and so does the time
 * limit when the library does not notice it; 0: none. */
void relay_starting(struct relay *r, uint64_t limit_ms);
void relay_ready(void *relay);
/* `fn` is called in relay_wait `ms` milliseconds from now (UINT64_MAX: never), when signal `sig`
 * comes, which is then not passed on, and when the program is at a moment to save it. True: wait no
 * longer, as if the program had ended. */
void relay_on(struct relay *r, int sig, uint64_t ms, bool (*fn)(void *arg), void *arg);
/* A SIGTERM that hl gets is passed on as signal `sig`, which stops the program. */
void relay_stop_by(struct relay *r, int sig);
/* Waits for the end of the sandbox and passes signals on meanwhile. As hl_sandbox_wait, or
 * RELAY_LEFT_BEHIND: the sandbox was told to end, *res says how it does, and a thread of it is
 * still in a call of the host: not to be waited for. Or RELAY_DONE: the function of relay_on said
 * so. */
enum { RELAY_LEFT_BEHIND = 1, RELAY_DONE };
int relay_wait(struct relay *r, struct hl_sandbox *sb, struct hl_result *res,
	       struct hl_error **err);
void relay_close(struct relay *r);

#endif
