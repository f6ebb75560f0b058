/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The accesses of host/fixup.h to memory that may fault. A row of fixup_table says where an
 * instruction pointer in [begin, end) goes on after a fault.
 */
	.macro	FUNC name
	.p2align 4
	.globl	\name
	.hidden	\name
	.type	\name, %function
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
	subs	x2, x2, #8
	b.lo	2f
1:
.Lcopy_words:
	ldr	x3, [x1]
	str	x3, [x0]
.Lcopy_words_end:
	add	x1, x1, #8
	add	x0, x0, #8
	subs	x2, x2, #8
	b.hs	1b
2:
.Lcopy_retry:
	adds	x2, x2, #8
	b.eq	.Lcopy_done
3:
.Lcopy_bytes:
	ldrb	w3, [x1]
	strb	w3, [x0]
.Lcopy_bytes_end:
	add	x1, x1, #1
	add	x0, x0, #1
	subs	x2, x2, #1
	b.ne	3b
.Lcopy_done:
	mov	x0, x2
	ret
END fixup_copy
	ROW	.Lcopy_words, .Lcopy_words_end, .Lcopy_retry
	ROW	.Lcopy_bytes, .Lcopy_bytes_end, .Lcopy_done

/* size_t fixup_zero(void *dst, size_t n): as fixup_copy. */
FUNC fixup_zero
	subs	x1, x1, #8
	b.lo	2f
1:
.Lzero_words:
	str	xzr, [x0]
.Lzero_words_end:
	add	x0, x0, #8
	subs	x1, x1, #8
	b.hs	1b
2:
.Lzero_retry:
	adds	x1, x1, #8
	b.eq	.Lzero_done
3:
.Lzero_bytes:
	strb	wzr, [x0]
.Lzero_bytes_end:
	add	x0, x0, #1
	subs	x1, x1, #1
	b.ne	3b
.Lzero_done:
	mov	x0, x1
	ret
END fixup_zero
	ROW	.Lzero_words, .Lzero_words_end, .Lzero_retry
	ROW	.Lzero_bytes, .Lzero_bytes_end, .Lzero_done

/* long fixup_strnlen(const char *s, size_t max) */
FUNC fixup_strnlen
	mov	x2, x0
	mov	x0, #0
1:
	cmp	x0, x1
	b.eq	2f
.Lstr:
	ldrb	w3, [x2, x0]
.Lstr_end:
	cbz	w3, 2f
	add	x0, x0, #1
	b	1b
2:
	ret
.Lstr_fault:
	mov	x0, #-1
	ret
END fixup_strnlen
	ROW	.Lstr, .Lstr_end, .Lstr_fault

.Lefault:
	mov	w0, #-14		/* -EFAULT */
	ret

/* int fixup_load32(const uint32_t *p, uint32_t *val) */
FUNC fixup_load32
.Lload:
	ldar	w2, [x0]
.Lload_end:
	str	w2, [x1]
	mov	w0, #0
	ret
END fixup_load32
	ROW	.Lload, .Lload_end, .Lefault

/* int fixup_store32(uint32_t *p, uint32_t val) */
FUNC fixup_store32
.Lstore:
	stlr	w1, [x0]
.Lstore_end:
	dmb	ish
	mov	w0, #0
	ret
END fixup_store32
	ROW	.Lstore, .Lstore_end, .Lefault

/* int fixup_cmpxchg32(uint32_t *p, uint32_t expect, uint32_t val, uint32_t *old) */
FUNC fixup_cmpxchg32
1:
.Lcmpxchg:
	ldaxr	w4, [x0]
	cmp	w4, w1
	b.ne	2f
	stlxr	w5, w2, [x0]
.Lcmpxchg_end:
	cbnz	w5, 1b
2:
	dmb	ish
	str	w4, [x3]
	mov	w0, #0
	ret
END fixup_cmpxchg32
	ROW	.Lcmpxchg, .Lcmpxchg_end, .Lefault

/* int fixup_{xchg,add,or,and,xor}32(uint32_t *p, uint32_t val, uint32_t *old) */
	.macro	RMW name, insn:vararg
FUNC fixup_\name\()32
1:
.L\name:
	ldaxr	w3, [x0]
	\insn
	stlxr	w5, w4, [x0]
.L\name\()_end:
	cbnz	w5, 1b
	dmb	ish
	str	w3, [x2]
	mov	w0, #0
	ret
END fixup_\name\()32
	ROW	.L\name, .L\name\()_end, .Lefault
	.endm

	RMW	xchg, mov w4, w1
	RMW	add, add w4, w3, w1
	RMW	or, orr w4, w3, w1
	RMW	and, and w4, w3, w1
	RMW	xor, eor w4, w3, w1

	.section .data.rel.ro, "aw"
	.globl	fixup_table_end
	.hidden	fixup_table_end
fixup_table_end:
	.section .note.GNU-stack, "", %progbits
