/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The seam between what knows the CPU and what does not. A header of this folder says what every
 * architecture gives to the rest of the product; the folder of an architecture (arch/x86_64, ...)
 * holds what only it knows. Nothing above names a register or a number of a CPU's.
 *
 * Functions that must cost nothing are declared in the header here and defined, as static inline,
 * in the file of the same name in the architecture's folder: one that an architecture lacks does
 * not compile. Guest and host are of one architecture, that of the compiler.
 */
#ifndef HL_ARCH_ARCH_H
#define HL_ARCH_ARCH_H

/* The file that the CPU's folder has for one of the headers here. The formatter would put blanks
 * into the path. */
#define ARCH_QUOTE(path) #path
/* clang-format off */
#if defined(__x86_64__)
#define ARCH_FILE(name) ARCH_QUOTE(arch/x86_64/name)
#elif defined(__aarch64__)
#define ARCH_FILE(name) ARCH_QUOTE(arch/aarch64/name)
#else
#error "there is no folder in arch/ for this CPU"
#endif
/* clang-format on */

#endif
