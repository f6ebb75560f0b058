/* SPDX-License-Identifier: Apache-2.0 */
/*
 * long host_call_raw(struct kick *k, long nr, long a, long b, long c, long d, long e, long f)
 *
 * A host system call that does not begin once k->pending is set. The signal handler of host/kick.c
 * sends a thread found in [host_call_begin, host_call_end) to host_call_cancel: there the call has
 * not begun, or the kernel has undone it in order to restart it. From host_call_end on its result
 * stands.
 */
	.text
	.p2align 4
	.globl	host_call_raw, host_call_begin, host_call_end, host_call_cancel
	.hidden	host_call_raw, host_call_begin, host_call_end, host_call_cancel
	.type	host_call_raw, @function
host_call_raw:
	.cfi_startproc
	mov	%rdi, %r11
	mov	%rsi, %rax
	mov	%rdx, %rdi
	mov	%rcx, %rsi
	mov	%r8, %rdx
	mov	%r9, %r10
	mov	8(%rsp), %r8
	mov	16(%rsp), %r9
host_call_begin:
	cmpl	$0, (%r11)		/* k->pending */
	jne	host_call_cancel
	syscall
host_call_end:
	ret
host_call_cancel:
	mov	$-4, %rax		/* -EINTR */
	ret
	.cfi_endproc
	.size	host_call_raw, . - host_call_raw

/* void host_sigreturn(void): where a signal handler returns to. */
	.globl	host_sigreturn
	.hidden	host_sigreturn
	.type	host_sigreturn, @function
host_sigreturn:
	mov	$15, %rax		/* rt_sigreturn; unwinders know these bytes */
	syscall
	.size	host_sigreturn, . - host_sigreturn

/* void host_unmap_and_exit(void *addr, size_t len): the stack may lie in what is unmapped. */
	.globl	host_unmap_and_exit
	.hidden	host_unmap_and_exit
	.type	host_unmap_and_exit, @function
host_unmap_and_exit:
	mov	$11, %eax		/* munmap */
	syscall
	xor	%edi, %edi
	mov	$60, %eax		/* exit */
	syscall
	hlt
	.size	host_unmap_and_exit, . - host_unmap_and_exit
	.section .note.GNU-stack, "", @progbits
