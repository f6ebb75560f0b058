/* SPDX-License-Identifier: Apache-2.0 */
/* Where g_count of guest.S begins: 335 and 336 (uretprobe, uprobe) never reach a seccomp filter,
 * from Linux 6.14 on. */
#ifndef TESTS_PLATFORM_COUNT_H
#define TESTS_PLATFORM_COUNT_H

#define COUNT_FROM 400
#define LINED_NR   500 /* the number of the calls of g_lined */

#define SHORT_TEXT 0x20000000 /* where g_short runs, and the byte that it tests */
#define SHORT_BYTE 0x10000000

#endif
