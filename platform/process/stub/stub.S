/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stub: the host side of a guest address space. A freestanding executable at a fixed place, without libc, stack or data.
 *
 * The template (one a sandbox) is executed by the monitor. It empties its address space and then does what the command page
 * says. Forked by such a command it becomes the stub of one guest address space, whose first thread, the helper, goes on
 * doing commands: it maps guest memory and makes guest threads. Guest threads run guest code under a seccomp filter that lets
 * nothing through but sigreturn; everything else is a notification to the monitor.
 *
 * The helper has no filter, and shares its memory with guest threads. It is safe because it believes no memory they can
 * write: its code and constants are r-x, its orders r--, its state is in registers, its answers are constants.
 */
#include <asm/unistd.h>


#include "platform/process/layout.h"

#define AUDIT_ARCH_X86_64 0xc000003e
#define SIGCHLD 17
#define SIG_SETMASK 2
#define PR_SET_PDEATHSIG 1
#define PR_SET_NO_NEW_PRIVS 38
#define SECCOMP_SET_MODE_FILTER 1
#define NEW_LISTENER_WAIT_KILLABLE 0x28 /* SECCOMP_FILTER_FLAG_NEW_LISTENER | _WAIT_KILLABLE_RECV */
#define SA_FLAGS 0x1c000004 /* SA_SIGINFO | SA_ONSTACK | SA_RESTORER | SA_RESTART */

	.text
	.globl _start
_start:
	mov	$__NR_prctl, %eax
	mov	$PR_SET_PDEATHSIG, %edi
	mov	$9, %esi
	syscall
	mov	$__NR_prctl, %eax
	mov	$PR_SET_NO_NEW_PRIVS, %edi
	mov	$1, %esi
	xor	%edx, %edx
	xor	%r10d, %r10d
	xor	%r8d, %r8d
	syscall
	/* Children that end are nobody's zombies. */
	mov	$SIGCHLD, %edi
	lea	ignore(%rip), %rsi
	call	sigaction
	lea	signals(%rip), %r12
1:	movzbl	(%r12), %edi
	test	%edi, %edi
	jz	2f
	lea	action(%rip), %rsi
	call	sigaction
	inc	%r12
	jmp	1b
2:	/* Nothing but the stub's own part stays: no stack, no vDSO. */
	mov	$__NR_munmap, %eax
	xor	%edi, %edi
	mov	$STUB_TEXT, %rsi
	syscall
	mov	$__NR_munmap, %eax
	mov	$STUB_COMMAND, %rdi
	mov	$0x7ffffffff000 - STUB_COMMAND, %rsi
	syscall
	lea	first_maps(%rip), %r12
	mov	$2, %ebx
3:	mov	$__NR_mmap, %eax
	mov	(%r12), %rdi
	mov	$4096, %esi
	mov	8(%r12), %edx
	mov	12(%r12), %r10d
	movslq	16(%r12), %r8
	xor	%r9d, %r9d
	syscall
	add	$24, %r12
	dec	%ebx
	jnz	3b
	jmp	answer_ok

sigaction:
	mov	$__NR_rt_sigaction, %eax
	xor	%edx, %edx
	mov	$8, %r10d
	syscall
	ret

/* ---- the helper: r12 the step, r13 its flags ---- */

wait:
	mov	$STUB_SCRATCH, %rdi /* a struct msghdr, made anew each time */
	movq	$0, (%rdi)
	movq	$0, 8(%rdi)
	lea	64(%rdi), %rax
	mov	%rax, 16(%rdi)
	movq	$1, 24(%rdi)
	lea	128(%rdi), %rax
	mov	%rax, 32(%rdi)
	movq	$64, 40(%rdi)
	movq	$0, 48(%rdi)
	lea	96(%rdi), %rax
	mov	%rax, 64(%rdi)
	movq	$8, 72(%rdi)
	mov	%rdi, %rsi
	mov	$STUB_FD_SOCKET, %edi
	xor	%edx, %edx
	mov	$__NR_recvmsg, %eax
	syscall
	test	%rax, %rax
	jz	gone /* the monitor's end is closed */
	js	wait
	mov	$STUB_COMMAND, %r12
step:
	mov	STEP_FLAGS(%r12), %r13
	mov	STEP_ARGS(%r12), %rdi
	mov	STEP_ARGS + 8(%r12), %rsi
	mov	STEP_ARGS + 16(%r12), %rdx
	mov	STEP_ARGS + 24(%r12), %r10
	mov	STEP_ARGS + 32(%r12), %r8
	mov	STEP_ARGS + 40(%r12), %r9
	mov	STEP_NR(%r12), %eax
	syscall
	test	%rax, %rax
	jnz	1f
	test	$STEP_THREAD, %r13d
	jnz	guest_thread
	test	$STEP_FORK, %r13d
	jz	1f
	shr	$STEP_CHILD, %r13
	shl	$6, %r13
	mov	$STUB_COMMAND, %r12
	add	%r13, %r12
	jmp	step
1:	test	$STEP_REPLY, %r13d
	jnz	answer_value
	cmp	$-4095, %rax
	jae	failed
next:
	test	$STEP_LAST, %r13d
	jnz	answer_ok
	add	$STEP_SIZE, %r12
	jmp	step
failed:
	neg	%eax
	cmp	$9, %eax /* EBADF */
	jne	1f
	test	$STEP_RETRY, %r13d
	jz	1f
	mov	$__NR_sched_yield, %eax
	syscall
	jmp	step
1:	cmp	$255, %eax
	jbe	answer
	mov	$255, %eax
	jmp	answer
answer_ok:
	xor	%eax, %eax
answer:	/* one byte: the errno, from a table of constants */
	lea	bytes(%rip), %rsi
	add	%rax, %rsi
	mov	$1, %edx
send:
	mov	$__NR_sendto, %eax
	mov	$STUB_FD_SOCKET, %edi
	mov	$0x4000, %r10d /* MSG_NOSIGNAL */
	xor	%r8d, %r8d
	xor	%r9d, %r9d
	syscall
	jmp	wait
answer_value:
	mov	$STUB_SCRATCH, %rsi
	mov	%rax, (%rsi)
	mov	$8, %edx
	jmp	send
gone:
	mov	$__NR_exit_group, %eax
	xor	%edi, %edi
	syscall
	jmp	gone

/* ---- a guest thread, from its start to its first report ---- */

guest_thread:
	mov	$__NR_sigaltstack, %eax
	mov	$STUB_COMMAND + COMMAND_STACK_T, %rdi
	xor	%esi, %esi
	syscall
	mov	$__NR_seccomp, %eax
	mov	$SECCOMP_SET_MODE_FILTER, %edi
	mov	$NEW_LISTENER_WAIT_KILLABLE, %esi
	lea	program(%rip), %rdx
	syscall
	ud2 /* the handler reports, and what it returns to is the guest */

	.globl stub_handler, stub_report_ip, stub_sigreturn_ip, stub_exit, stub_exit_ip
stub_handler:
	cld
	rdfsbase %r10
	rdgsbase %r8
	mov	$STUB_REPORT, %eax
	syscall
stub_report_ip:
	/* The monitor has put the segment bases where siginfo was. */
	mov	(%rsi), %r10
	wrfsbase %r10
	mov	8(%rsi), %r10
	wrgsbase %r10
	add	$8, %rsp
	mov	$__NR_rt_sigreturn, %eax
	syscall
stub_sigreturn_ip:
	ud2

/* Where the monitor sends a guest thread that is to end; it answers this notification with "go on". */
stub_exit:
	mov	$__NR_exit, %eax
	xor	%edi, %edi
	syscall
stub_exit_ip:
	ud2

	.section .rodata
	.balign	8
action:
	.quad	stub_handler, SA_FLAGS, stub_handler, -1
ignore:
	.quad	1, 0x04000000, stub_handler, 0
first_maps: /* address; protection and flags; descriptor */
	.quad	STUB_COMMAND
	.long	1, 0x11 /* PROT_READ; MAP_SHARED | MAP_FIXED */
	.quad	STUB_FD_CONTROL
	.quad	STUB_SCRATCH
	.long	3, 0x32 /* PROT_READ | PROT_WRITE; MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED */
	.quad	-1
signals:
	.byte	4, 5, 7, 8, 11, 31, STUB_PREEMPT_SIGNAL, 0
bytes:
	.set	i, 0
	.rept	256
	.byte	i
	.set	i, i + 1
	.endr

/* The filter (seccomp(2)): sigreturn from the handler passes, foreign calling conventions trap, all else is for the monitor. */
#define LD_ABS 0x20
#define JEQ 0x15
#define RET 0x06
	.macro	bpf code, jt, jf, k
	.short	\code
	.byte	\jt, \jf
	.long	\k
	.endm
	.balign	8
filter:
	bpf	LD_ABS, 0, 0, 4 /* arch */
	bpf	JEQ, 1, 0, AUDIT_ARCH_X86_64
	bpf	RET, 0, 0, 0x00030000 /* SECCOMP_RET_TRAP */
	bpf	LD_ABS, 0, 0, 0 /* nr */
	bpf	JEQ, 0, 5, __NR_rt_sigreturn
	bpf	LD_ABS, 0, 0, 8 /* instruction_pointer */
	bpf	JEQ, 0, 3, stub_sigreturn_low /* by the linker */
	bpf	LD_ABS, 0, 0, 12
	bpf	JEQ, 0, 1, 0x7fff
	bpf	RET, 0, 0, 0x7fff0000 /* SECCOMP_RET_ALLOW */
	bpf	RET, 0, 0, 0x7fc00000 /* SECCOMP_RET_USER_NOTIF */
filter_end:
	.balign	8
program:
	.short	(filter_end - filter) / 8, 0, 0, 0
	.quad	filter

/* What passes a new thread's listener to the monitor: one descriptor, always of the same number. */
	.globl	stub_pass_message
	.balign	8
pass_iov:
	.quad	bytes, 1
pass_control:
	.quad	20 /* CMSG_LEN(4) */
	.long	1, 1 /* SOL_SOCKET, SCM_RIGHTS */
	.long	STUB_FD_PASSED, 0
stub_pass_message:
	.quad	0, 0, pass_iov, 1, pass_control, 24, 0

	.section .note.GNU-stack, "", @progbits
