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
	.type	host_call_raw, %function
host_call_raw:
	.cfi_startproc
	mov	x9, x0
	mov	x8, x1
	mov	x0, x2
	mov	x1, x3
	mov	x2, x4
	mov	x3, x5
	mov	x4, x6
	mov	x5, x7
host_call_begin:
	ldr	w10, [x9]		/* k->pending */
	cbnz	w10, host_call_cancel
	svc	#0
host_call_end:
	ret
host_call_cancel:
	mov	x0, #-4			/* -EINTR */
	ret
	.cfi_endproc
	.size	host_call_raw, . - host_call_raw

/* void host_sigreturn(void): where a signal handler returns to. */
	.globl	host_sigreturn
	.hidden	host_sigreturn
	.type	host_sigreturn, %function
host_sigreturn:
	mov	x8, #139		/* rt_sigreturn; unwinders know these bytes */
	svc	#0
	.size	host_sigreturn, . - host_sigreturn

/* void host_unmap_and_exit(void *addr, size_t len): the stack may lie in what is unmapped. */
	.globl	host_unmap_and_exit
	.hidden	host_unmap_and_exit
	.type	host_unmap_and_exit, %function
host_unmap_and_exit:
	mov	x8, #215		/* munmap */
	svc	#0
	mov	x0, #0
	mov	x8, #93			/* exit */
	svc	#0
	brk	#0
	.size	host_unmap_and_exit, . - host_unmap_and_exit
	.section .note.GNU-stack, "", %progbits
