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

	.balign	4096
guest_code_end:
	.section .note.GNU-stack, "", @progbits
