/* SPDX-License-Identifier: Apache-2.0 */
/* For users of sys/syscalls.def: ARGS(FD, BUF, SIZE) becomes ARG_FD, ARG_BUF, ARG_SIZE; ARGS()
 * becomes nothing. */
#ifndef HL_SYS_SYSCALL_ARGS_H
#define HL_SYS_SYSCALL_ARGS_H

#define ARGS_1(a)                           ARG_##a
#define ARGS_2(a, ...)                      ARG_##a, ARGS_1(__VA_ARGS__)
#define ARGS_3(a, ...)                      ARG_##a, ARGS_2(__VA_ARGS__)
#define ARGS_4(a, ...)                      ARG_##a, ARGS_3(__VA_ARGS__)
#define ARGS_5(a, ...)                      ARG_##a, ARGS_4(__VA_ARGS__)
#define ARGS_6(a, ...)                      ARG_##a, ARGS_5(__VA_ARGS__)
#define ARGS_PICK(a, b, c, d, e, f, n, ...) n
#define ARGS_N(...)                         ARGS_PICK(__VA_ARGS__, ARGS_6, ARGS_5, ARGS_4, ARGS_3, ARGS_2, ARGS_1, )
#define ARGS(...)                           __VA_OPT__(ARGS_N(__VA_ARGS__)(__VA_ARGS__))

#endif
