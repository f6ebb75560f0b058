/* SPDX-License-Identifier: Apache-2.0 */
/* Checks of what cannot be otherwise, which stay in every build: where going on with a mistake of
 * ours would give a guest what is not its own. Cheap ones only. */
#ifndef HL_UTIL_BUG_H
#define HL_UTIL_BUG_H

/* One line on the standard error, and abort(3). */
_Noreturn void bug_report(const char *file, int line, const char *condition);

#define BUG_ON(condition)                                                                          \
	do {                                                                                       \
		if (__builtin_expect(!!(condition), 0))                                            \
			bug_report(__FILE__, __LINE__, #condition);                                \
	} while (0)

#endif
