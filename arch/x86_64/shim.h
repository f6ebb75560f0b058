/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The shim: the only code the kvm platform puts into a guest, in the upper half of every space, for
 * supervisor mode alone. It has no logic. Each entry point does one OUT, which exits to the
 * monitor, and what follows it returns to user mode.
 *
 *   SHIM_BASE   page 0    system call entry, exception stubs, GDT, IDT
 *               page 1..  a struct shim_block per vCPU, writable
 *
 * All exceptions use IST 1, whose stack is the vCPU's block: the user's stack is never touched, nor
 * trusted.
 */
#ifndef HL_ARCH_X86_64_SHIM_H
#define HL_ARCH_X86_64_SHIM_H

#define SHIM_BASE 0xffffffff80000000

/* Offsets in page 0. */
#define SHIM_SYSRET    2 /* the system call entry is at 0 */
#define SHIM_STUBS     16
#define SHIM_STUB_SIZE 4
#define SHIM_STUB_IRET 2 /* offset of iretq in a stub */
#define SHIM_VECTORS   32
#define SHIM_CODE_END  (SHIM_STUBS + SHIM_VECTORS * SHIM_STUB_SIZE)
#define SHIM_GDT       SHIM_CODE_END
#define SHIM_GDT_SIZE  56
#define SHIM_IDT       (SHIM_GDT + 64)
#define SHIM_IDT_SIZE  (SHIM_VECTORS * 16)
#define SHIM_SIZE      (SHIM_IDT + SHIM_IDT_SIZE)

/* Ports: nothing of KVM's lives there when it has no interrupt controller; 0x7e is special to
 * it. */
#define SHIM_PORT_VECTOR  0xc0 /* + vector */
#define SHIM_PORT_SYSCALL 0xe0

#define SHIM_CS 0x10

#ifndef __ASSEMBLER__
#include <stddef.h>
#include <stdint.h>

extern const unsigned char shim_image[SHIM_SIZE];

/* What the CPU pushes for an exception. */
struct shim_frame {
	uint64_t error; /* of the vectors that have one */
	uint64_t rip, cs, rflags, rsp, ss;
};

/* One vCPU's task state segment, SDM vol. 3 8.7, and exception stack. There is no I/O bitmap: no
 * port is open. */
struct shim_block {
	uint32_t reserved0;
	uint64_t rsp[3];
	uint64_t reserved1;
	uint64_t ist[7];
	uint64_t reserved2;
	uint16_t reserved3;
	uint16_t iomap;
	uint8_t pad[104];
	struct shim_frame frame;
} __attribute__((packed, aligned(256)));

#define SHIM_TSS_SIZE offsetof(struct shim_block, pad)

_Static_assert(sizeof(struct shim_block) == 256, "blocks do not cross pages");
_Static_assert(SHIM_TSS_SIZE == 104, "SDM: the fixed part of a TSS");
_Static_assert(SHIM_SIZE <= 4096, "one page");
#endif
#endif
