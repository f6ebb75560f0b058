/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stub: the host side of a guest address space. A freestanding executable at a fixed place,
 * without libc, stack or data.
 *
 * The template (one a sandbox) is executed by the monitor. It empties its address space and then
 * does what the command page says. Forked by such a command it becomes the stub of one guest
 * address space, whose first thread, the helper, goes on doing commands: it maps guest memory and
 * makes guest threads. Guest threads run guest code under a seccomp filter that lets nothing
 * through but sigreturn; everything else is a notification to the monitor.
 *
 * The helper may do more than they, and shares its memory with them. It is safe because it believes
 * no memory they can write: its code and constants are r-x, its orders r--, its state is in
 * registers, its answers are constants. It has no signal stack and no stack: a signal for it can
 * only end it. And it has a filter of its own, inherited by everything that comes from it, with
 * which it can reach nothing but its own memory and threads.
 */
#include <asm/unistd.h>

#include "platform/process/layout.h"

#define AUDIT_ARCH_X86_64 0xc000003e
#define SIGCHLD 17
#define SIG_SETMASK 2
#define PR_SET_PDEATHSIG 1
#define PR_SET_DUMPABLE 4
#define PR_SET_NO_NEW_PRIVS 38
#define NOBODY 65534
#define SECCOMP_SET_MODE_FILTER 1
#define NEW_LISTENER_WAIT_KILLABLE 0x28 /* SECCOMP_FILTER_FLAG_NEW_LISTENER | _WAIT_KILLABLE_RECV */
#define SA_FLAGS 0x1c000004 /* SA_SIGINFO | SA_ONSTACK | SA_RESTORER | SA_RESTART */

	.text
	.globl _start
_start:
	cmpl	$2, (%rsp) /* a second argument: may change the user, see template.c */
	jne	1f
	mov	$__NR_setgroups, %eax
	xor	%edi, %edi
	xor	%esi, %esi
	syscall
	mov	$__NR_setresgid, %eax
	call	nobody
	mov	$__NR_setresuid, %eax
	call	nobody
1:	mov	$__NR_capset, %eax
	lea	cap_header(%rip), %rdi
	lea	cap_none(%rip), %rsi
	syscall
	/* After the change of the user, which undoes it. */
	mov	$PR_SET_PDEATHSIG, %edi
	mov	$9, %esi
	call	prctl
	mov	$PR_SET_DUMPABLE, %edi
	xor	%esi, %esi
	call	prctl
	mov	$PR_SET_NO_NEW_PRIVS, %edi
	mov	$1, %esi
	call	prctl
	/* Children that end are nobody's zombies. */
	mov	$SIGCHLD, %edi
	lea	ignore(%rip), %rsi
	call	sigaction
	mov	$__NR_rt_sigprocmask, %eax
	mov	$SIG_SETMASK, %edi
	lea	cap_none(%rip), %rsi /* an empty set */
	xor	%edx, %edx
	mov	$8, %r10d
	syscall
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
	mov	$__NR_seccomp, %eax
	mov	$SECCOMP_SET_MODE_FILTER, %edi
	xor	%esi, %esi
	lea	own_program(%rip), %rdx
	syscall
	test	%rax, %rax
	jnz	gone
	xor	%esp, %esp /* where no signal frame can be put */
	jmp	answer_ok

nobody:
	mov	$NOBODY, %edi
	mov	%edi, %esi
	mov	%edi, %edx
	syscall
	ret
prctl:
	mov	$__NR_prctl, %eax
	xor	%edx, %edx
	xor	%r10d, %r10d
	xor	%r8d, %r8d
	syscall
	ret
sigaction:
	mov	$__NR_rt_sigaction, %eax
	xor	%edx, %edx
	mov	$8, %r10d
	syscall
	ret

/* ---- the helper: r12 the step, r13 its flags, r14 the value to answer (0: none) ---- */

	/* Guests can write msg_controllen, which can lose descriptors that are passed to us, and
	 * nothing else. */
wait:
	xor	%r14d, %r14d
	mov	$STUB_SCRATCH, %rax
	movq	$16 + 4 * COMMAND_FILES, (%rax) /* CMSG_SPACE */
	mov	$STUB_FD_SOCKET, %edi
	mov	$STUB_COMMAND + COMMAND_MSGHDR, %rsi
	xor	%edx, %edx
	mov	$__NR_recvmsg, %eax
	syscall
	test	%rax, %rax
	jle	gone /* the monitor's end is closed */
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
	test	$STEP_MAPPER, %r13d
	jnz	mapper
	test	$STEP_FORK, %r13d
	jz	1f
	shr	$STEP_CHILD, %r13
	shl	$6, %r13
	mov	$STUB_COMMAND, %r12
	add	%r13, %r12
	jmp	step
1:	test	$STEP_REPLY, %r13d
	jz	2f
	mov	%rax, %r14
	jmp	next
2:	cmp	$-4095, %rax
	jae	failed
next:
	test	$STEP_LAST, %r13d
	jnz	answer_value
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
	test	%r14, %r14
	jz	answer_ok
	mov	$STUB_SCRATCH, %rsi
	mov	%r14, (%rsi)
	mov	$8, %edx
	jmp	send
gone:
	mov	$__NR_exit_group, %eax
	xor	%edi, %edi
	syscall
	jmp	gone

/*
 * ---- the mapper: a second helper, which gets its orders and answers them by a notification ----
 *
 * That is three times as fast as by a socket: the host hands the CPU over, as it does for guest
 * threads. It can not do all the helper does, because its threads would inherit its filter, and
 * only one filter of a thread can notify.
 */

mapper:
	mov	$__NR_seccomp, %eax
	mov	$SECCOMP_SET_MODE_FILTER, %edi
	mov	$NEW_LISTENER_WAIT_KILLABLE, %esi
	lea	mapper_program(%rip), %rdx
	syscall
	test	%rax, %rax
	js	gone
	xor	%edi, %edi
/* rdi: 0 or -errno; the answer is not negative when there is a new order, -ENOSYS when there will
 * be none */
mapper_report:
	mov	$STUB_REPORT, %eax
	syscall
stub_mapper_ip:
	test	%rax, %rax
	js	2f
	mov	$STUB_COMMAND, %r12
1:	mov	STEP_ARGS(%r12), %rdi
	mov	STEP_ARGS + 8(%r12), %rsi
	mov	STEP_ARGS + 16(%r12), %rdx
	mov	STEP_ARGS + 24(%r12), %r10
	mov	STEP_ARGS + 32(%r12), %r8
	mov	STEP_ARGS + 40(%r12), %r9
	mov	STEP_NR(%r12), %eax
	syscall
	mov	%rax, %rdi
	cmp	$-4095, %rax
	jae	mapper_report
	xor	%edi, %edi
	testl	$STEP_LAST, STEP_FLAGS(%r12)
	jnz	mapper_report
	add	$STEP_SIZE, %r12
	jmp	1b
2:	mov	$__NR_exit, %eax
	xor	%edi, %edi
	syscall
	jmp	2b

/* ---- a guest thread, from its start to its first report ---- */

/* no signal stack before the filter is there: guests could write what an unfiltered handler returns
 * to */
guest_thread:
	mov	$__NR_seccomp, %eax
	mov	$SECCOMP_SET_MODE_FILTER, %edi
	mov	$NEW_LISTENER_WAIT_KILLABLE, %esi
	lea	program(%rip), %rdx
	syscall
	test	%rax, %rax
	js	gone
stub_fresh:
	mov	$__NR_sigaltstack, %eax
	mov	%r9, %rdi /* of the step that made us */
	xor	%esi, %esi
	syscall
stub_altstack_ip:
	ud2 /* the handler reports, and what it returns to is the guest */

	.globl	stub_fresh
	.globl stub_mapper_ip, stub_handler, stub_report_ip, stub_sigreturn_ip, stub_altstack_ip
	.globl stub_exit, stub_exit_ip
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

/* Where the monitor sends a guest thread that is to end; it answers this notification with "go
 * on". */
stub_exit:
	mov	$__NR_exit, %eax
	xor	%edi, %edi
	syscall
stub_exit_ip:
	ud2

/*
 * ---- a system call by the line (line.c): rax the number, rcx the way back, r11 the line ----
 *
 * The guest's stack may not be touched, and what it has in any other register is still wanted. The
 * labels tell the monitor how far a thread has come: line_settle().
 */
	.globl	stub_line, stub_line_switched, stub_line_saved, stub_line_try, stub_line_sent
	.globl	stub_line_unsent, stub_line_back, stub_line_end, stub_wait_ip
stub_line:
	mov	%rsp, LINE_RSP(%r11)
	lea	LINE_FLAGS + 8(%r11), %rsp
stub_line_switched:
	pushfq
stub_line_saved:
	testl	$0x100, LINE_FLAGS(%r11) /* steps: the trap is to come behind the call */
	jne	stub_line_back
	cmpl	$LINE_WATCHING, LINE_STATE(%r11)
	jne	stub_line_back
	mov	%eax, LINE_NR(%r11)
	mov	%rcx, LINE_RET(%r11)
	mov	%rdi, LINE_ARGS(%r11)
	mov	%rsi, LINE_ARGS + 8(%r11)
	mov	%rdx, LINE_ARGS + 16(%r11)
	mov	%r10, LINE_ARGS + 24(%r11)
	mov	%r8, LINE_ARGS + 32(%r11)
	mov	%r9, LINE_ARGS + 40(%r11)
stub_line_try:
	mov	$LINE_WATCHING, %eax
	mov	$LINE_REQUEST, %ecx
	lock cmpxchg %ecx, LINE_STATE(%r11)
stub_line_sent: /* if ZF is set */
	jne	stub_line_unsent
	mov	LINE_SPIN(%r11), %ecx
1:	cmpl	$LINE_REQUEST, LINE_STATE(%r11)
	jne	2f
	pause
	dec	%ecx
	jnz	1b
	mov	$LINE_REQUEST, %eax
	mov	$LINE_SLEEP, %ecx
	lock cmpxchg %ecx, LINE_STATE(%r11)
	jne	2f
stub_line_wait:
	mov	$STUB_WAIT, %eax
	syscall
stub_wait_ip:
	rdgsbase %r11
2:	cmpl	$LINE_HOLD, LINE_STATE(%r11)
	je	stub_line_wait
	cmpl	$LINE_AGAIN, LINE_STATE(%r11)
	je	stub_line_unsent
	mov	LINE_ANSWER(%r11), %rax
	mov	LINE_RET(%r11), %rcx
	popfq
	mov	LINE_RSP(%r11), %rsp
	mov	LINE_FLAGS(%r11), %r11
	jmp	*%rcx
stub_line_unsent: /* the `syscall` before the way back makes the call */
	mov	LINE_NR(%r11), %eax
	mov	LINE_RET(%r11), %rcx
stub_line_back:
	popfq
	mov	LINE_RSP(%r11), %rsp
	lea	-2(%rcx), %r11
	jmp	*%r11
stub_line_end:

	.section .rodata
	.balign	8
action:
	.quad	stub_handler, SA_FLAGS, stub_handler, -1
ignore:
	.quad	1, 0x04000000, stub_handler, 0
cap_header:
	.long	0x20080522, 0 /* _LINUX_CAPABILITY_VERSION_3 */
cap_none:
	.long	0, 0, 0, 0, 0, 0
	.globl	stub_iov
stub_iov:
	.quad	STUB_SCRATCH + 64, 8
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

/* ---- the filters (seccomp(2)) ---- */

#define LD_ABS 0x20
#define JEQ 0x15
#define RET 0x06
#define RET_TRAP 0x00030000
#define RET_NOTIFY 0x7fc00000
#define RET_TRACE 0x7ff00000 /* without a tracer: ENOSYS, and weaker than RET_NOTIFY */
#define RET_ALLOW 0x7fff0000
#define DATA_NR 0
#define DATA_ARCH 4
#define DATA_IP 8
#define DATA_ARG0 16
#define DATA_ARG2 32
#define DATA_ARG4 48
#define EVENT_FLAGS 8 /* PERF_FLAG_FD_CLOEXEC */
#define NR_NONE 0xffffffff
#define VSYSCALL_HIGH 0xffffffff /* the upper half of any address in the vsyscall page */
	.macro	bpf code, jt, jf, k
	.short	\code
	.byte	\jt, \jf
	.long	\k
	.endm
	/* Jumps are counted by hand: `to` is `n` instructions after `from`. */
	.macro	ahead from, n, to
	.if	\to - (\from) != \n * 8
	.error	"a jump of a filter misses"
	.endif
	.endm
	.macro	permit nr
	bpf	JEQ, 0, 1, \nr
	bpf	RET, 0, 0, RET_ALLOW
	.endm
	/* The 64-bit word at `at` must be that; if not, the verdict is the instruction `else` ahead
	 * of here. */
	.macro	need at, low, high, else
	bpf	LD_ABS, 0, 0, \at
	bpf	JEQ, 0, \else-2, \low
	bpf	LD_ABS, 0, 0, \at+4
	bpf	JEQ, 0, \else-4, \high
	.endm

/*
 * A guest thread's. Two calls pass, each from one place in the text above: those the handler and
 * the start need. What else a guest could do by jumping there is nothing that its own instructions
 * could not: they set registers, the signal mask and the place of the signal stack of the thread
 * that calls. Foreign calling conventions trap. So do calls which the host does not restart when a
 * signal interrupts the wait for the monitor, so that they would return its -ERESTARTSYS: those of
 * the vsyscall page, which it emulates, and number -1, by which it knows that there is no call. So
 * do those for which the monitor wants all registers: the handler reports them at once, where a
 * notification would be followed by a signal and a second one. All else is for the monitor.
 */
	.balign	8
filter:
	bpf	LD_ABS, 0, 0, DATA_ARCH
	bpf	JEQ, 1, 0, AUDIT_ARCH_X86_64
	bpf	RET, 0, 0, RET_TRAP
	bpf	LD_ABS, 0, 0, DATA_NR
	bpf	JEQ, 11, 0, __NR_rt_sigreturn
	bpf	JEQ, 16, 0, __NR_sigaltstack
	bpf	JEQ, 7, 0, NR_NONE
filter_registers:
	bpf	JEQ, 6, 0, __NR_arch_prctl
	bpf	JEQ, 5, 0, __NR_clone
	bpf	JEQ, 4, 0, __NR_clone3
	bpf	JEQ, 3, 0, __NR_vfork
	bpf	JEQ, 2, 0, __NR_fork
	bpf	LD_ABS, 0, 0, DATA_IP + 4
	bpf	JEQ, 0, 1, VSYSCALL_HIGH
filter_trap:
	bpf	RET, 0, 0, RET_TRAP
	bpf	RET, 0, 0, RET_NOTIFY
filter_sigreturn:
	need	DATA_IP, stub_sigreturn_low, 0x7fff, 5
	bpf	RET, 0, 0, RET_ALLOW
	bpf	RET, 0, 0, RET_TRAP
filter_altstack:
	need	DATA_IP, stub_altstack_low, 0x7fff, 5
	bpf	RET, 0, 0, RET_ALLOW
	bpf	RET, 0, 0, RET_NOTIFY
filter_end:
	ahead	filter+5*8, 11, filter_sigreturn
	ahead	filter+6*8, 16, filter_altstack
	ahead	filter+7*8, 7, filter_trap
	ahead	filter_registers+8, 6, filter_trap
	ahead	filter_registers+5*8, 2, filter_trap

/* The mapper's, on top of the one below: its report is for the monitor. */
mapper_filter:
	bpf	LD_ABS, 0, 0, DATA_NR
	bpf	JEQ, 0, 1, STUB_REPORT
	bpf	RET, 0, 0, RET_NOTIFY
	bpf	RET, 0, 0, RET_ALLOW
mapper_filter_end:

/*
 * The template's, its stubs' helpers' and, below the one above, guest threads'. None of what it
 * lets through takes a path or an address of a socket: with any arguments it reaches the stub's own
 * memory, threads and three descriptors. An event of perf_event_open(2), by which a thread has
 * breakpoints, is of one thread, and what that is the host asks as for ptrace(2): of no other
 * user's, and, where Landlock is, of no other process than what comes from the template.
 *
 * The first instruction is for the host, which tries a new filter with each number of a system call
 * to find those that it need not be asked about, as far as it looks at nothing else: that takes
 * longer than it can ever save here.
 */
own_filter:
	bpf	LD_ABS, 0, 0, DATA_IP
	bpf	LD_ABS, 0, 0, DATA_ARCH
	bpf	JEQ, 1, 0, AUDIT_ARCH_X86_64
	bpf	RET, 0, 0, RET_TRACE
	bpf	LD_ABS, 0, 0, DATA_NR
	permit	__NR_recvmsg
	permit	__NR_sendto
	permit	__NR_mmap
	permit	__NR_munmap
	permit	__NR_mprotect
	permit	__NR_close
	permit	__NR_rt_sigreturn
	permit	__NR_sendmsg
	permit	__NR_seccomp
	permit	__NR_sigaltstack
	permit	__NR_sched_yield
	permit	__NR_fork
	permit	__NR_dup2
	permit	__NR_exit
	permit	__NR_exit_group
	bpf	JEQ, 0, 10, __NR_perf_event_open
own_filter_event:
	need	DATA_ARG2, 0xffffffff, 0xffffffff, 9 /* of one thread, not of a CPU */
	need	DATA_ARG4, EVENT_FLAGS, 0, 5
	bpf	RET, 0, 0, RET_ALLOW
	bpf	RET, 0, 0, RET_TRACE
own_filter_event_end:
	bpf	JEQ, 2, 0, __NR_clone
	bpf	JEQ, 6, 0, __NR_prctl
	bpf	RET, 0, 0, RET_TRACE
	need	DATA_ARG0, STUB_THREAD_FLAGS, 0, 10
	bpf	RET, 0, 0, RET_ALLOW
	need	DATA_ARG0, PR_SET_PDEATHSIG, 0, 5
	bpf	RET, 0, 0, RET_ALLOW
	bpf	RET, 0, 0, RET_TRACE
own_filter_end:
	ahead	own_filter_event, 10, own_filter_event_end
	.balign	8
program:
	.short	(filter_end - filter) / 8, 0, 0, 0
	.quad	filter
mapper_program:
	.short	(mapper_filter_end - mapper_filter) / 8, 0, 0, 0
	.quad	mapper_filter
own_program:
	.short	(own_filter_end - own_filter) / 8, 0, 0, 0
	.quad	own_filter

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
