/* SPDX-License-Identifier: Apache-2.0 */
/* The numbers of the trials. */
#ifndef TESTS_JAIL_TRIALS_H
#define TESTS_JAIL_TRIALS_H

#define TRY 4711 /* a system call that no Linux has */

#define TRIAL(name, meets, call) TRY_##name,
enum trial {
#include "tests/jail/trials.def"
	NR_TRIALS
};
#undef TRIAL

#endif
