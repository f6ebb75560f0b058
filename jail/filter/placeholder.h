/* SPDX-License-Identifier: Apache-2.0 */
/* What stands in a filter that was made at build time for what is known at run time alone. */
#ifndef HL_JAIL_FILTER_PLACEHOLDER_H
#define HL_JAIL_FILTER_PLACEHOLDER_H

/* The number of the process; no process can have this one (pid_max is 2^22 at most). */
#define PLACEHOLDER_PID 0x70696421U

#endif
