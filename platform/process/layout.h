/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What stub and monitor agree on. Also read by the assembler.
 *
 * The stub's part of each guest address space, above all guest memory:
 *
 *	STUB_TEXT     code and constants, r-x: the executable itself
 *	STUB_COMMAND  what the monitor wants done, r--, shared with the monitor
 *	STUB_SCRATCH  where host calls must put something, rw-: nothing in it is ever believed
 *	STUB_SITES    what patched system calls jump to, r-x, shared with the monitor (sites.c)
 *	STUB_STACKS   signal stacks, rw-, shared with the monitor, one a guest thread; at the end of
 *	              each is the thread's line (line.c)
 *
 * And where guests may map, as long as they do not:
 *
 *	STUB_TABLE    the addresses to which patched calls jump, r--, shared with the monitor
 */
#ifndef HL_PLATFORM_PROCESS_LAYOUT_H
#define HL_PLATFORM_PROCESS_LAYOUT_H

#define STUB_TEXT    0x7fffc0000000
#define STUB_COMMAND 0x7fffc0100000
#define STUB_SCRATCH 0x7fffc0101000 /* right behind the command page: see COMMAND_MSGHDR */
#define STUB_SITES   0x7fffc0110000
#define STUB_STACKS  0x7fffc1000000
#define STUB_END                                                                                   \
	0x7fffff000000 /* the host puts the first stack of the stub above; it is unmapped */

#define STACK_SHIFT 15 /* 32 KiB: several AVX-512 frames; AMX is never granted */
#define STACK_SIZE  (1 << STACK_SHIFT)

/* `jmp *address` has seven bytes, as `mov $nr, %eax; syscall` has. Where the address begins so, its
 * last two bytes are those of `syscall` itself. */
#define STUB_TABLE      0x050f0000
#define SITE_SIZE       64 /* of what one patched call jumps to */
#define SITES_MAX       128
#define SITES_CODE_SIZE (SITES_MAX * SITE_SIZE)

/* The line of a thread, by which it hands system calls over to the monitor without the host's
 * kernel: two cache lines, of which the second is the guest's own. */
#define LINE_STATE  0
#define LINE_NR     4
#define LINE_RET    8
#define LINE_ARGS   16
#define LINE_ANSWER LINE_ARGS
#define LINE_RSP    64
#define LINE_FLAGS  72
#define LINE_SPIN   80 /* how often to look before the thread sleeps */
#define LINE_SELF   88 /* where it is, plus LINE_MAGIC */
#define LINE_SIZE   128
#define LINE_OFFSET (STACK_SIZE - LINE_SIZE) /* in the stack */
#define LINE_MAGIC  0x5a17c3e9

#define LINE_IDLE     0 /* the monitor does not look */
#define LINE_WATCHING 1 /* it does */
#define LINE_REQUEST  2 /* the thread has made a call, and looks for the answer */
#define LINE_SLEEP    3 /* the same, and it sleeps, or will, in STUB_WAIT */
#define LINE_AGAIN    4 /* the answer: make it in the host's way */
#define LINE_HOLD     5 /* the monitor is going to sleep: the thread is to wait in STUB_WAIT */

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

/* System call numbers that no Linux has: a signal handler's report, ... */
#define STUB_REPORT 0x4851
#define STUB_WAIT   0x4852 /* the answer of a call made by the line is waited for */
/* SIGURG: to a process that does not expect it, it means nothing (signal(7)). */
#define STUB_PREEMPT_SIGNAL 23

#endif
