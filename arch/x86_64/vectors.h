/* SPDX-License-Identifier: Apache-2.0 */
/* Exceptions of the CPU (Intel SDM vol. 3, 6.15) and the error code of a page fault (4.7). */
#ifndef HL_ARCH_X86_64_VECTORS_H
#define HL_ARCH_X86_64_VECTORS_H

enum {
	VECTOR_DE = 0,
	VECTOR_DB = 1,
	VECTOR_BP = 3,
	VECTOR_OF = 4,
	VECTOR_BR = 5,
	VECTOR_UD = 6,
	VECTOR_TS = 10,
	VECTOR_NP = 11,
	VECTOR_SS = 12,
	VECTOR_GP = 13,
	VECTOR_PF = 14,
	VECTOR_MF = 16,
	VECTOR_AC = 17,
	VECTOR_XM = 19,
	VECTOR_CP = 21,
	NR_VECTORS = 32,
};

enum { PF_PRESENT = 1, PF_WRITE = 2, PF_USER = 4, PF_FETCH = 16, PF_KEY = 32 };

#endif
