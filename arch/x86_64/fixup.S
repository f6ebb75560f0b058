/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The accesses of host/fixup.h to memory that may fault. A row of fixup_table says where an
 * instruction pointer in [begin, end) goes on after a fault.
 */
	.macro	FUNC name
	.p2align 4
	.globl	\name
	.hidden	\name
	.type	\name, @function
\name:
	.cfi_startproc
	.endm

	.macro	END name
	.cfi_endproc
	.size	\name, . - \name
	.endm

	.macro	ROW begin, end, target
	.section .data.rel.ro, "aw"
	.quad	\begin, \end, \target
	.text
	.endm

	.section .data.rel.ro, "aw"
	.p2align 3
	.globl	fixup_table
	.hidden	fixup_table
fixup_table:
	.text

/* size_t fixup_copy(void *dst, const void *src, size_t n): what is left after a fault in the
 * eight-byte loop is copied again byte by byte, up to the byte that faults. */
FUNC fixup_copy
	mov	%rdx, %rcx
	cmp	$512, %rdx
	jae	.Lcopy_bytes
	sub	$8, %rcx
	jb	2f
1:
.Lcopy_words:
	mov	(%rsi), %rax
	mov	%rax, (%rdi)
.Lcopy_words_end:
	add	$8, %rsi
	add	$8, %rdi
	sub	$8, %rcx
	jae	1b
2:
	add	$8, %rcx
	jz	.Lcopy_done
.Lcopy_bytes:
	rep movsb
.Lcopy_done:
	mov	%rcx, %rax
	ret
.Lcopy_retry:
	add	$8, %rcx
	jmp	.Lcopy_bytes
END fixup_copy
	ROW	.Lcopy_words, .Lcopy_words_end, .Lcopy_retry
	ROW	.Lcopy_bytes, .Lcopy_done, .Lcopy_done

/* size_t fixup_zero(void *dst, size_t n) */
FUNC fixup_zero
	xor	%eax, %eax
	mov	%rsi, %rcx
.Lzero:
	rep stosb
.Lzero_done:
	mov	%rcx, %rax
	ret
END fixup_zero
	ROW	.Lzero, .Lzero_done, .Lzero_done

/* long fixup_strnlen(const char *s, size_t max) */
FUNC fixup_strnlen
	xor	%eax, %eax
1:
	cmp	%rsi, %rax
	je	2f
.Lstr:
	cmpb	$0, (%rdi,%rax)
.Lstr_end:
	je	2f
	inc	%rax
	jmp	1b
2:
	ret
.Lstr_fault:
	mov	$-1, %rax
	ret
END fixup_strnlen
	ROW	.Lstr, .Lstr_end, .Lstr_fault

.Lefault:
	mov	$-14, %eax		/* -EFAULT */
	ret

/* int fixup_load32(const uint32_t *p, uint32_t *val) */
FUNC fixup_load32
.Lload:
	mov	(%rdi), %ecx
.Lload_end:
	mov	%ecx, (%rsi)
	xor	%eax, %eax
	ret
END fixup_load32
	ROW	.Lload, .Lload_end, .Lefault

/* int fixup_store32(uint32_t *p, uint32_t val) */
FUNC fixup_store32
.Lstore:
	xchg	%esi, (%rdi)
.Lstore_end:
	xor	%eax, %eax
	ret
END fixup_store32
	ROW	.Lstore, .Lstore_end, .Lefault

/* int fixup_cmpxchg32(uint32_t *p, uint32_t expect, uint32_t val, uint32_t *old) */
FUNC fixup_cmpxchg32
	mov	%esi, %eax
.Lcmpxchg:
	lock cmpxchg %edx, (%rdi)
.Lcmpxchg_end:
	mov	%eax, (%rcx)
	xor	%eax, %eax
	ret
END fixup_cmpxchg32
	ROW	.Lcmpxchg, .Lcmpxchg_end, .Lefault

/* int fixup_xchg32(uint32_t *p, uint32_t val, uint32_t *old) */
FUNC fixup_xchg32
.Lxchg:
	xchg	%esi, (%rdi)
.Lxchg_end:
	mov	%esi, (%rdx)
	xor	%eax, %eax
	ret
END fixup_xchg32
	ROW	.Lxchg, .Lxchg_end, .Lefault

/* int fixup_add32(uint32_t *p, uint32_t val, uint32_t *old) */
FUNC fixup_add32
.Ladd:
	lock xadd %esi, (%rdi)
.Ladd_end:
	mov	%esi, (%rdx)
	xor	%eax, %eax
	ret
END fixup_add32
	ROW	.Ladd, .Ladd_end, .Lefault

/* int fixup_{or,and,xor}32(uint32_t *p, uint32_t val, uint32_t *old) */
	.macro	BITOP name, insn
FUNC \name
.L\insn\()_load:
	mov	(%rdi), %eax
1:
	mov	%eax, %ecx
	\insn	%esi, %ecx
	lock cmpxchg %ecx, (%rdi)
.L\insn\()_end:
	jne	1b
	mov	%eax, (%rdx)
	xor	%eax, %eax
	ret
END \name
	ROW	.L\insn\()_load, .L\insn\()_end, .Lefault
	.endm

	BITOP	fixup_or32, or
	BITOP	fixup_and32, and
	BITOP	fixup_xor32, xor

	.section .data.rel.ro, "aw"
	.globl	fixup_table_end
	.hidden	fixup_table_end
fixup_table_end:
	.section .note.GNU-stack, "", @progbits
