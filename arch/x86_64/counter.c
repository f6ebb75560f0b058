/* SPDX-License-Identifier: Apache-2.0 */
/* What the host makes of the time stamp counter, and what CPUID says of it. */
#include "arch/counter.h"

#include <cpuid.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

bool counter_is_trusted(void)
{
	char name[32] = "";
	unsigned a, b, c, d;
	int fd = open("/sys/devices/system/clocksource/clocksource0/current_clocksource",
		      O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, name, sizeof name - 1);

	if (fd >= 0)
		close(fd);
	if (n > 0)
		return strncmp(name, "tsc\n", 4) == 0 || strncmp(name, "kvm-clock", 9) == 0 ||
		       strncmp(name, "hyperv_clocksource_tsc", 22) == 0;
	return __get_cpuid(0x80000007, &a, &b, &c, &d) && (d & 1u << 8);
}

bool counter_has_cpu_number(void)
{
	unsigned a, b, c, d;

	return __get_cpuid(0x80000001, &a, &b, &c, &d) && (d & 1u << 27);
}
