/* SPDX-License-Identifier: Apache-2.0 */
/* Says in lines what a world holds, once it stands and before its program runs. */
#ifndef HL_LIB_PLAN_H
#define HL_LIB_PLAN_H

#include "lib/config.h"

struct confinement;
struct cred;

struct plan {
	const struct hl_config *cfg;
	const char *platform;
	const char *program; /* the guest's path; NULL: none was named */
	const char *workdir;
	const struct cred *cred;
	const struct strings *env;
	const struct mount_list *mounts;
	const struct confinement *jail;
};

/* false: no memory. */
bool plan_tell(const struct plan *p, hl_plan_fn *fn, void *arg);

#endif
