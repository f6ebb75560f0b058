/* SPDX-License-Identifier: Apache-2.0 */
/* A program as small as programs get; linked in several ways it is what the fuzzer starts from. */
	.globl _start
	.text
_start:
	mov $60, %eax
	xor %edi, %edi
	syscall
	.data
	.quad 1
	.bss
	.skip 0x2345
	.section .note.GNU-stack, "", @progbits
