/* SPDX-License-Identifier: Apache-2.0 */
/* The image of arch/x86_64/shim.h, copied into the memory of each machine. */
#include "arch/x86_64/shim.h"

/* A 64-bit interrupt gate to the stub of a vector: IST 1. */
	.macro	GATE vector, dpl
	.set	target, SHIM_BASE + SHIM_STUBS + SHIM_STUB_SIZE * \vector
	.word	target & 0xffff
	.word	SHIM_CS
	.word	0x8e01 | (\dpl << 13)
	.word	(target >> 16) & 0xffff
	.long	target >> 32
	.long	0
	.endm

	.section .rodata
	.balign	16
	.globl	shim_image
	.hidden	shim_image
	.type	shim_image, @object
shim_image:
	out	%al, $SHIM_PORT_SYSCALL
	sysretq
	.org	shim_image + SHIM_STUBS, 0xcc
	.set	vector, 0
	.rept	SHIM_VECTORS
	out	%al, $(SHIM_PORT_VECTOR + vector)
	iretq
	.set	vector, vector + 1
	.endr

	/* Descriptors carry their accessed bits, so the CPU has nothing to write. */
	.org	shim_image + SHIM_GDT
	.quad	0, 0
	.quad	0x00af9b000000ffff	/* 0x10 SHIM_CS */
	.quad	0x00cf93000000ffff	/* 0x18 */
	.quad	0			/* 0x20: 32-bit user code is not offered */
	.quad	0x00cff3000000ffff	/* 0x28 user data */
	.quad	0x00affb000000ffff	/* 0x30 user code */

	.org	shim_image + SHIM_IDT
	.set	vector, 0
	.rept	SHIM_VECTORS
	/* int3 and into are for user code; any other `int n` is #GP */
	.if	vector == 3 || vector == 4
	GATE	vector, 3
	.else
	GATE	vector, 0
	.endif
	.set	vector, vector + 1
	.endr
	.size	shim_image, . - shim_image
	.section .note.GNU-stack, "", @progbits
