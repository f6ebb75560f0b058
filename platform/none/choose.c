/* SPDX-License-Identifier: Apache-2.0 */
/* For a CPU whose guests no platform runs yet: takes the place of platform/choose.c. */
#include "platform/choose.h"

#include <errno.h>

#include "arch/machine.h"

const struct platform *const platforms[] = { NULL };

int platform_choose(const char *name, struct platform_choice *out, struct errmsg *errmsg)
{
	return errmsg_set(errmsg, ENODEV, "no platform of this version runs %s programs",
			  ARCH_NAME);
}
