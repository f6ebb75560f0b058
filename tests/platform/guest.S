/* SPDX-License-Identifier: Apache-2.0 */
/* Guest code of the platform suite: one block, mapped at GUEST_CODE; position independent. */
	.section .rodata
	.balign	4096
	.globl	guest_code, guest_code_end

	.macro	CODE name
	.balign	16
	.globl	\name
\name:
	.endm

guest_code:

/* `syscall` for ever */
CODE g_syscall
1:	syscall
	jmp	1b

/* busy for ever */
CODE g_spin
1:	pause
	jmp	1b

/* touches rsi pages from rdi on; writes if rax */
CODE g_touch
	test	%rax, %rax
	jne	2f
1:	mov	(%rdi), %al
	add	$4096, %rdi
	dec	%rsi
	jnz	1b
	syscall
2:	movb	$1, (%rdi)
	add	$4096, %rdi
	dec	%rsi
	jnz	2b
	syscall

	.balign	4096
guest_code_end:
	.section .note.GNU-stack, "", @progbits
