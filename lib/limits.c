/* SPDX-License-Identifier: Apache-2.0 */
/* Raises RLIMIT_NOFILE and RLIMIT_FSIZE of the process once, and remembers what they were. See the
 * header for why. */
#include "lib/limits.h"

#include <pthread.h>
#include <stdbool.h>

#define OWN_FILES 65536 /* descriptors of ours beside as many as a guest may have */

/* What the limits were is a fact of the process, not of a sandbox. */
static struct caller_limits was = { { RLIM_INFINITY, RLIM_INFINITY },
				    { RLIM_INFINITY, RLIM_INFINITY } };
static pthread_once_t once = PTHREAD_ONCE_INIT;

/* Both limits up to `most`, or as far as the hard one goes: beyond it takes CAP_SYS_RESOURCE. */
static void raise_one(__rlimit_resource_t which, struct rlimit *old, rlim_t most)
{
	if (most > old->rlim_max && setrlimit(which, &(struct rlimit){ most, most }) == 0)
		return;
	setrlimit(which, &(struct rlimit){ old->rlim_max, old->rlim_max });
}

static void raise_all(void)
{
	if (getrlimit(RLIMIT_NOFILE, &was.nofile) < 0 || getrlimit(RLIMIT_FSIZE, &was.fsize) < 0)
		return; /* where the host does not tell, there are none that we know of */
	rlim_t files = was.nofile.rlim_max;
	raise_one(RLIMIT_NOFILE, &was.nofile,
		  files < RLIM_INFINITY - OWN_FILES ? files + OWN_FILES : files);
	raise_one(RLIMIT_FSIZE, &was.fsize, RLIM_INFINITY);
}

const struct caller_limits *limits_raise(void)
{
	pthread_once(&once, raise_all);
	return &was;
}
