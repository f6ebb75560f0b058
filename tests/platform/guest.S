/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/platform/count.h"

/*
 * Guest code of the platform suite: one block, mapped at AT_CODE; position independent. Each
 * routine ends in a `syscall` and says what it found in the registers.
 */
	.section .rodata
	.balign	4096
	.globl	guest_code, guest_code_end

	.macro	CODE name
	.balign	16
	.globl	\name
\name:
	.endm

guest_code:

CODE g_syscall
1:	syscall
	jmp	1b

CODE g_spin
1:	jmp	1b

/* Spins while the word at rdi is zero, touching no register but flags. */
CODE g_wait
1:	cmpl	$0, (%rdi)
	je	1b
	syscall

/* Touches rsi pages from rdi on; writes if rax. */
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

/* One access at rdi, then a system call. */
CODE g_read
	mov	(%rdi), %rax
	syscall
CODE g_write
	mov	%rax, (%rdi)
	syscall
CODE g_jump
	jmp	*%rdi
CODE g_call
	call	*%rdi
	syscall

/*
 * Staleness. [rdi]: generation, set after a mapping call returned. The program reads it first, then
 * uses the page at rsi; that must be at least as new. It ends with a system call when it is not:
 * rax is what it saw.
 */
CODE g_see_remap
1:	mov	(%rdi), %rbx
	mov	(%rsi), %rax
	cmp	%rbx, %rax
	jae	1b
	syscall
/* Once the generation is not zero, the access must fault. */
CODE g_see_unmap
1:	mov	(%rdi), %rbx
	mov	(%rsi), %rax
	test	%rbx, %rbx
	je	1b
	syscall
CODE g_see_readonly
1:	mov	(%rdi), %rbx
	movq	$1, (%rsi)
	test	%rbx, %rbx
	je	1b
	syscall
/* The same for execution: rsi is a `ret`. */
CODE g_see_noexec
1:	mov	(%rdi), %rbx
	call	*%rsi
	test	%rbx, %rbx
	je	1b
	syscall

/* System calls numbered 0, 1, 2 ... in rbx; rax must come back as number + 7. */
CODE g_count
	mov	$COUNT_FROM, %ebx
1:	mov	%rbx, %rax
	mov	%rbx, %rdi
	syscall
	sub	$7, %rax
	cmp	%rbx, %rax
	jne	2f
	inc	%rbx
	jmp	1b
2:	mov	$-1, %rax
	syscall

/* The red zone holds a pattern: 16 words below rsp. */
CODE g_red_zone
	lea	-128(%rsp), %rdi
	mov	$16, %ecx
1:	mov	%rcx, %rbx
	not	%rbx
	mov	%rbx, -8(%rdi,%rcx,8)
	dec	%ecx
	jnz	1b
	mov	$1, %eax
	syscall
	mov	(%rsi), %rax		/* a fault */
2:	cmpl	$0, (%rdx)		/* until told so; zero before */
	je	2b
	mov	$16, %ecx
3:	mov	%rcx, %rbx
	not	%rbx
	cmp	%rbx, -8(%rdi,%rcx,8)
	jne	4f
	dec	%ecx
	jnz	3b
	mov	$2, %eax
	syscall
4:	mov	$-1, %rax
	syscall

/* Extended state: XRSTOR from rdi, event, XSAVE to rsi; mask in r12:r13. */
	.macro	LOAD
	mov	%r12d, %eax
	mov	%r13d, %edx
	xrstor64 (%rdi)
	.endm
	.macro	SAVE
	mov	%r12d, %eax
	mov	%r13d, %edx
	xsave64	(%rsi)
	.endm
CODE g_fp_syscall
	LOAD
	syscall
	SAVE
	mov	$1, %eax
	syscall
CODE g_fp_fault
	LOAD
	mov	(%r8), %rax
	SAVE
	mov	$1, %eax
	syscall
CODE g_fp_spin
	LOAD
	movl	$1, (%r8)
1:	cmpl	$0, (%r9)
	je	1b
	SAVE
	mov	$1, %eax
	syscall
/* Nothing loaded: what a new context has. */
CODE g_fp_new
	SAVE
	mov	$1, %eax
	syscall
/* A thread of the pool test: its state in xmm0, xmm31 if rdx, and fs; r8 rounds. */
CODE g_pool
	movq	%rbx, %xmm0
1:	mov	%rbx, %rax
	syscall
	movq	%xmm0, %rax
	cmp	%rbx, %rax
	jne	2f
	cmp	%rbx, %fs:0
	jne	2f
	dec	%r8
	jnz	1b
	mov	$1, %eax
	syscall
2:	mov	$-1, %rax
	syscall
/* The same without system calls: adds to its counter at fs:8 for ever. */
CODE g_pool_busy
	movq	%rbx, %xmm0
1:	movq	%xmm0, %rax
	cmp	%rbx, %rax
	jne	2b
	cmp	%rbx, %fs:0
	jne	2b
	incq	%fs:8
	jmp	1b

/* Segment bases from user mode. */
CODE g_bases
	wrfsbase %rdi
	wrgsbase %rsi
	syscall
	rdfsbase %rax
	rdgsbase %rbx
	syscall

CODE g_cpu
	mov	%edi, %eax
	mov	%esi, %ecx
	cpuid
	mov	%ecx, %r8d
	syscall
CODE g_xgetbv
	xor	%ecx, %ecx
	xgetbv
	syscall
CODE g_tsc
	rdtsc
	lfence
	syscall
	jmp	g_tsc
CODE g_rdtscp
	rdtscp
	mov	%rcx, %rbx
	syscall

/* Arithmetic and alignment. */
CODE g_divide
	xor	%ecx, %ecx
	div	%rcx
CODE g_int3
	int3
	syscall
CODE g_ud2
	ud2
CODE g_sse_divide
	stmxcsr	-8(%rsp)
	andl	$~0x200, -8(%rsp)	/* unmask divide by zero */
	ldmxcsr	-8(%rsp)
	xorps	%xmm0, %xmm0
	mov	$1, %eax
	cvtsi2ss %eax, %xmm1
	divss	%xmm0, %xmm1
	syscall
CODE g_x87_divide
	fnstcw	-8(%rsp)
	andw	$~4, -8(%rsp)
	fldcw	-8(%rsp)
	fld1
	fldz
	fdivrp	%st, %st(1)
	fwait
	syscall
CODE g_steps
	nop
	nop
	mov	$5, %eax
	syscall
	nop
	nop
	syscall

/* Self-modifying: stores the immediate rsi into the code at rdi (mov imm32, eax; ret), then calls
 * it. */
CODE g_modify
1:	mov	%esi, 1(%rdi)
	call	*%rdi
	cmp	%esi, %eax
	jne	2f
	dec	%esi
	jnz	1b
	mov	$1, %eax
	syscall
2:	mov	$-1, %rax
	syscall

/* Calls of one site, numbered 1, 2 ... in rbx and in the arguments; rax must come back as number +
 * 7, and nothing else may have changed but what `syscall` changes. */
	.globl	g_lined_call, g_lined_back
CODE g_lined
	mov	$1, %ebx
	lea	g_lined_back(%rip), %rbp
1:	mov	%rbx, %rdi
	lea	1(%rbx), %rsi
	lea	2(%rbx), %rdx
	lea	3(%rbx), %r10
	lea	4(%rbx), %r8
	lea	5(%rbx), %r9
	mov	%rbx, -8(%rsp)
	bt	$0, %rbx
g_lined_call:
	mov	$LINED_NR, %eax
	syscall
g_lined_back:
	setc	%r12b
	cmp	%rbp, %rcx
	jne	2f
	bt	$0, %r11
	setc	%r13b
	cmp	%r12b, %r13b
	jne	2f
	mov	%ebx, %r13d
	and	$1, %r13d
	cmp	%r12b, %r13b
	jne	2f
	cmp	-8(%rsp), %rbx
	jne	2f
	lea	7(%rbx), %r13
	cmp	%r13, %rax
	jne	2f
	cmp	%rbx, %rdi
	jne	2f
	lea	5(%rbx), %r13
	cmp	%r13, %r9
	jne	2f
	inc	%rbx
	jmp	1b
2:	mov	$-2, %rax
	syscall

/* The same of read(2) as glibc has it, numbered in rbx and rdi. In SHORT_TEXT alone: it
 * tests a byte of memory. */
	.globl	g_short_site, g_short_call, g_short_back, g_short_padding
	.balign	64
CODE g_short
	mov	$1, %ebx
1:	mov	%rbx, %rdi
	call	3f
	lea	7(%rbx), %r13
	cmp	%r13, %rax
	jne	2f
	inc	%rbx
	jmp	1b
2:	mov	$-2, %rax
	syscall
	.balign	64
3:	.byte	0x80, 0x3d /* cmpb $0, SHORT_BYTE */
	.long	SHORT_BYTE - SHORT_TEXT - (4f - guest_code)
	.byte	0
4:	je	5f
g_short_site:
	xor	%eax, %eax
g_short_call:
	syscall
g_short_back:
	cmp	$-4096, %rax
	ja	5f
	ret
g_short_padding:
	.byte	0x66, 0x2e, 0x0f, 0x1f, 0x84, 0, 0, 0, 0, 0
5:	ud2

/* Fills [rdi, rsi) with ever other words, for ever. */
CODE g_scribble
1:	mov	%rdi, %rbx
2:	add	%rdx, %rax
	mov	%rax, (%rbx)
	add	$8, %rbx
	cmp	%rsi, %rbx
	jb	2b
	jmp	1b

	.balign	4096
guest_code_end:
	.section .note.GNU-stack, "", @progbits
