/* SPDX-License-Identifier: Apache-2.0 */
/* What the host makes of the time stamp counter, and what CPUID says of it: the C library has asked
 * it, which takes microseconds where the host is a virtual machine. */
#include "arch/counter.h"

#include <fcntl.h>
#include <string.h>
#include <sys/platform/x86.h>
#include <unistd.h>

bool counter_is_trusted(void)
{
	char name[32] = "";
	int fd = open("/sys/devices/system/clocksource/clocksource0/current_clocksource",
		      O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, name, sizeof name - 1);

	if (fd >= 0)
		close(fd);
	if (n > 0)
		return strncmp(name, "tsc\n", 4) == 0 || strncmp(name, "kvm-clock", 9) == 0 ||
		       strncmp(name, "hyperv_clocksource_tsc", 22) == 0;
	return CPU_FEATURE_PRESENT(INVARIANT_TSC);
}

bool counter_has_cpu_number(void)
{
	return CPU_FEATURE_PRESENT(RDTSCP);
}
