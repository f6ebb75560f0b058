/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What stub and monitor agree on. Also read by the assembler.
 *
 * The stub's part of each guest address space, above all guest memory:
 *
 *	STUB_TEXT     code and constants, r-x: the executable itself
 *	STUB_COMMAND  what the monitor wants done, r--, shared with the monitor
 *	STUB_SCRATCH  where host calls must put something, rw-: nothing in it is ever believed
 *	STUB_STACKS   signal stacks, rw-, shared with the monitor, one a guest thread
 */
#ifndef HL_PLATFORM_PROCESS_LAYOUT_H
#define HL_PLATFORM_PROCESS_LAYOUT_H

#define STUB_TEXT    0x7fffc0000000
#define STUB_COMMAND 0x7fffc0100000
#define STUB_SCRATCH 0x7fffc0101000 /* right behind the command page: see COMMAND_MSGHDR */
#define STUB_STACKS  0x7fffc1000000
#define STUB_END                                                                                   \
	0x7fffff000000 /* the host puts the first stack of the stub above; it is unmapped */

#define STACK_SHIFT 15 /* 32 KiB: several AVX-512 frames; AMX is never granted */
#define STACK_SIZE  (1 << STACK_SHIFT)

/* Descriptors of a stub. The lowest free number is therefore STUB_FD_PASSED. */
#define STUB_FD_ARENA   0
#define STUB_FD_CONTROL 1
#define STUB_FD_SOCKET  2
#define STUB_FD_PASSED  3

/* One step of a command: a host system call. */
#define STEP_SIZE  64
#define STEP_NR    0
#define STEP_ARGS  8
#define STEP_FLAGS 56

#define STEP_LAST  1 /* the command ends here, with success */
#define STEP_RETRY 2 /* again while EBADF: waits for the other thread to make the descriptor */
#define STEP_FORK                                                                                  \
	4 /* in the child go on at the step whose index is in the bits from STEP_CHILD on */
#define STEP_THREAD 8  /* the child is a guest thread */
#define STEP_REPLY  16 /* its result, good or bad, is the command's answer (of the template only) */
#define STEP_MAPPER 32 /* the child is the mapper */
#define STEP_CHILD  32 /* a number of bits, not a flag */

#define COMMAND_STEPS 56
#define COMMAND_FILES 16 /* descriptors that can come with a command */
/* The head of the struct msghdr (recvmsg(2)) by which orders are received, up to and with
 * msg_control. What follows it is written by the host, and lies in the scratch page. */
#define COMMAND_MSGHDR 0xfd8

/* A new guest thread: CLONE_VM, _FS, _FILES, _SIGHAND, _THREAD, _SYSVSEM. The stub's filter knows
 * no other flags. */
#define STUB_THREAD_FLAGS 0x50f00

/* System call numbers that no Linux has: a signal handler's report. */
#define STUB_REPORT 0x4851
/* SIGURG: to a process that does not expect it, it means nothing (signal(7)). */
#define STUB_PREEMPT_SIGNAL 23

#endif
