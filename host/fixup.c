/* SPDX-License-Identifier: Apache-2.0 */
/* Installs the handler of SIGBUS and SIGSEGV that lets guarded copies fail instead of crashing
 * the monitor. A table made in assembly (fixup.S) says which instructions are guarded. See the
 * header. */
#include "host/fixup.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>

#include "arch/host.h"

/* fixup.S, of the architecture */
struct fixup_row {
	uintptr_t begin, end, target;
};
extern const struct fixup_row fixup_table[], fixup_table_end[];

static int init_error;
static struct sigaction bus_before, segv_before;

static bool context_fix(void *uc)
{
	uintptr_t ip = host_context_ip(uc);

	for (const struct fixup_row *row = fixup_table; row < fixup_table_end; row++) {
		if (ip >= row->begin && ip < row->end) {
			host_context_set_ip(uc, row->target);
			return true;
		}
	}
	return false;
}

/* Does what would have happened without us. Default and ignore: the faulting instruction runs again
 * without a handler (the kernel does not let a fault be ignored). */
static void fault_pass_on(int sig, siginfo_t *info, void *uc)
{
	const struct sigaction *before = sig == SIGBUS ? &bus_before : &segv_before;

	if (before->sa_flags & SA_SIGINFO)
		before->sa_sigaction(sig, info, uc);
	else if (before->sa_handler == SIG_DFL || before->sa_handler == SIG_IGN)
		sigaction(sig, &(struct sigaction){ .sa_handler = SIG_DFL }, NULL);
	else
		before->sa_handler(sig);
}

static void fault_handler(int sig, siginfo_t *info, void *uc)
{
	int saved = errno;

	if (!context_fix(uc))
		fault_pass_on(sig, info, uc);
	errno = saved;
}

static void handlers_install(void)
{
	struct sigaction sa = { .sa_sigaction = fault_handler,
				.sa_flags = SA_SIGINFO | SA_ONSTACK };

	sigemptyset(&sa.sa_mask);
	if (sigaction(SIGBUS, &sa, &bus_before) < 0 || sigaction(SIGSEGV, &sa, &segv_before) < 0)
		init_error = -errno;
}

int fixup_init(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, handlers_install);
	return init_error;
}
