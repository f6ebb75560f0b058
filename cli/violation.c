/* SPDX-License-Identifier: Apache-2.0 */
/* What is said when the monitor makes a call of the host that its jail forbids: hl ends there. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"

static void put(char **at, const char *text)
{
	size_t len = strlen(text);

	memcpy(*at, text, len);
	*at += len;
}

static void put_number(char **at, unsigned n)
{
	char digits[12], *d = digits + sizeof digits;

	*--d = '\0';
	do
		*--d = (char)('0' + n % 10);
	while ((n /= 10) != 0);
	put(at, d);
}

/* In a thread of any kind, in the middle of anything. */
static void on_violation(int sig, siginfo_t *si, void *context)
{
	const char *name = hl_system_call_name((unsigned)si->si_syscall);
	char line[200], *at = line;

	put(&at, "hl: the monitor made the host's system call ");
	if (name) {
		put(&at, name);
		put(&at, ", number ");
	}
	put_number(&at, (unsigned)si->si_syscall);
	put(&at, ", which its jail forbids: a fault of hl's, or an attack; hl ends here\n");
	(void)!write(STDERR_FILENO, line, (size_t)(at - line));
	_exit(STATUS_HL);
}

/* A stack of its own is not needed: the frames of the handler are small. */
void violation_watch(void)
{
	struct sigaction sa = { .sa_sigaction = on_violation, .sa_flags = SA_SIGINFO };

	sigfillset(&sa.sa_mask);
	sigaction(SIGSYS, &sa, NULL);
}
