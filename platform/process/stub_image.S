/* SPDX-License-Identifier: Apache-2.0 */
/* The stub's executable (stub/stub.S), as bytes that the monitor has with it (template.c). */
	.section .rodata
	.balign	16
	.globl	stub_image, stub_image_end
	.hidden	stub_image, stub_image_end
stub_image:
	.incbin STUB_IMAGE
stub_image_end:
	.section .note.GNU-stack, "", @progbits
