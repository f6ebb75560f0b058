/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/busy_host.h"

#include <errno.h>
#include <string.h>

#include "host/beneath.h"

static bool busy;
static unsigned refused;

unsigned busy_host(bool on)
{
	unsigned n = refused;

	busy = on;
	refused = 0;
	return n;
}

/* A ".." that is a whole component. */
static bool climbs(const char *names)
{
	while (*names) {
		size_t len = strcspn(names, "/");
		if (len == 2 && memcmp(names, "..", 2) == 0)
			return true;
		names += len + strspn(names + len, "/");
	}
	return false;
}

int __real_beneath_open(int dirfd, const char *names, int flags, mode_t mode);
int __wrap_beneath_open(int dirfd, const char *names, int flags, mode_t mode);
int __wrap_beneath_open(int dirfd, const char *names, int flags, mode_t mode)
{
	if (busy && climbs(names)) {
		refused++;
		return -EAGAIN;
	}
	return __real_beneath_open(dirfd, names, flags, mode);
}
