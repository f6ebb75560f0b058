/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Limits that bound the guest, who has its own idea of them, and the monitor alike: RLIMIT_NOFILE,
 * because an open file of the guest is a descriptor of ours and we need others, and RLIMIT_FSIZE,
 * because the guest's memory is a file. They are raised as far as they may be, once; the guest sees
 * what they were. hl.h says so.
 */
#ifndef HL_LIB_LIMITS_H
#define HL_LIB_LIMITS_H

#include <sys/resource.h>

struct caller_limits {
	struct rlimit nofile, fsize; /* as the process had them */
};

const struct caller_limits *limits_raise(void);

#endif
