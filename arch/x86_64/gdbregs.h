/* SPDX-License-Identifier: Apache-2.0 */
/* GDB's features/i386/64bit-*.xml. The extended state is the XSAVE area (Intel SDM 1, 13.4). */
#ifndef HL_ARCH_X86_64_GDBREGS_H
#define HL_ARCH_X86_64_GDBREGS_H

#include <string.h>

#include "arch/ptrace.h"

#define GDB_ARCHITECTURE "i386:x86-64"

enum {
	XPART_X87,
	XPART_SSE,
	XPART_AVX,
	XPART_OPMASK = 5,
	XPART_ZMM_HIGH,
	XPART_ZMM_NEW,
	XPART_PKRU = 9,
};
enum { FX_CONTROL = 0, FX_STATUS = 2, FX_TAG = 4, FX_OPCODE = 6, FX_IP = 8, FX_IP_SEL = 12 };
enum { FX_DP = 16, FX_DP_SEL = 20, FX_MXCSR = 24, FX_ST = 32, FX_XMM = 160 };
#define X87_CONTROL_INIT 0x37fU
#define MXCSR_INIT       0x1f80U

/* Where the part lies; 0: nowhere. */
static inline unsigned xpart_offset(uint64_t features, unsigned part)
{
	unsigned size, offset, ecx, edx;

	if (!(features >> part & 1))
		return 0;
	__cpuid_count(0xd, part, size, offset, ecx, edx);
	return offset;
}

#define GDB_CORE     "org.gnu.gdb.i386.core"
#define GDB_SSE      "org.gnu.gdb.i386.sse"
#define GDB_LINUX    "org.gnu.gdb.i386.linux"
#define GDB_SEGMENTS "org.gnu.gdb.i386.segments"
#define GDB_AVX      "org.gnu.gdb.i386.avx"
#define GDB_AVX512   "org.gnu.gdb.i386.avx512"
#define GDB_PKEYS    "org.gnu.gdb.i386.pkeys"

static inline unsigned gdb_runs(uint64_t features, struct gdb_run out[GDB_RUNS_MAX])
{
#define GENERAL(f, name, bits, type, at)                                                           \
	{                                                                                          \
		f, name, type, GDB_GENERAL, 0, 1, 0, at, 0, bits                                   \
	}
#define CONTROL(name, at)                                                                          \
	{                                                                                          \
		GDB_CORE, name, "int", GDB_SPECIAL, 0, 1, XPART_X87, at, 0, 32                     \
	}
	static const struct gdb_run always[] = {
		GENERAL(GDB_CORE, "rax", 64, "int64", 10),
		GENERAL(GDB_CORE, "rbx", 64, "int64", 5),
		GENERAL(GDB_CORE, "rcx", 64, "int64", 11),
		GENERAL(GDB_CORE, "rdx", 64, "int64", 12),
		GENERAL(GDB_CORE, "rsi", 64, "int64", 13),
		GENERAL(GDB_CORE, "rdi", 64, "int64", 14),
		GENERAL(GDB_CORE, "rbp", 64, "data_ptr", 4),
		GENERAL(GDB_CORE, "rsp", 64, "data_ptr", REG_INDEX_RSP),
		GENERAL(GDB_CORE, "r8", 64, "int64", 9),
		GENERAL(GDB_CORE, "r9", 64, "int64", 8),
		GENERAL(GDB_CORE, "r10", 64, "int64", 7),
		GENERAL(GDB_CORE, "r11", 64, "int64", 6),
		GENERAL(GDB_CORE, "r12", 64, "int64", 3),
		GENERAL(GDB_CORE, "r13", 64, "int64", 2),
		GENERAL(GDB_CORE, "r14", 64, "int64", 1),
		GENERAL(GDB_CORE, "r15", 64, "int64", 0),
		GENERAL(GDB_CORE, "rip", 64, "code_ptr", REG_INDEX_RIP),
		GENERAL(GDB_CORE, "eflags", 32, "int", REG_INDEX_EFLAGS),
		GENERAL(GDB_CORE, "cs", 32, "int", REG_INDEX_CS),
		GENERAL(GDB_CORE, "ss", 32, "int", REG_INDEX_SS),
		GENERAL(GDB_CORE, "ds", 32, "int", 23),
		GENERAL(GDB_CORE, "es", 32, "int", 24),
		GENERAL(GDB_CORE, "fs", 32, "int", 25),
		GENERAL(GDB_CORE, "gs", 32, "int", 26),
		{ GDB_CORE, "st%d", "i387_ext", GDB_EXTENDED, 0, 8, XPART_X87, FX_ST, 16, 80 },
		CONTROL("fctrl", FX_CONTROL),
		CONTROL("fstat", FX_STATUS),
		CONTROL("ftag", FX_TAG),
		CONTROL("fiseg", FX_IP_SEL),
		CONTROL("fioff", FX_IP),
		CONTROL("foseg", FX_DP_SEL),
		CONTROL("fooff", FX_DP),
		CONTROL("fop", FX_OPCODE),
		{ GDB_SSE, "xmm%d", "vec128", GDB_EXTENDED, 0, 16, XPART_SSE, FX_XMM, 16, 128 },
		{ GDB_SSE, "mxcsr", "int", GDB_SPECIAL, 0, 1, XPART_SSE, FX_MXCSR, 0, 32 },
		GENERAL(GDB_LINUX, "orig_rax", 64, "int", REG_INDEX_ORIG_RAX),
		GENERAL(GDB_SEGMENTS, "fs_base", 64, "int", REG_INDEX_FS_BASE),
		GENERAL(GDB_SEGMENTS, "gs_base", 64, "int", REG_INDEX_GS_BASE),
	};
#undef GENERAL
#undef CONTROL
	const uint16_t avx = xpart_offset(features, XPART_AVX);
	const uint16_t masks = xpart_offset(features, XPART_OPMASK);
	const uint16_t high = xpart_offset(features, XPART_ZMM_HIGH);
	const uint16_t new = xpart_offset(features, XPART_ZMM_NEW);
	const uint16_t keys = xpart_offset(features, XPART_PKRU), new_y = new + 16,
		       new_z = new + 32;
	const struct gdb_run wide[] = {
		{ GDB_AVX, "ymm%dh", "uint128", GDB_EXTENDED, 0, 16, XPART_AVX, avx, 16, 128 },
		{ GDB_AVX512, "xmm%d", "vec128", GDB_EXTENDED, 16, 16, XPART_ZMM_NEW, new, 64,
		  128 },
		{ GDB_AVX512, "ymm%dh", "uint128", GDB_EXTENDED, 16, 16, XPART_ZMM_NEW, new_y, 64,
		  128 },
		{ GDB_AVX512, "k%d", "uint64", GDB_EXTENDED, 0, 8, XPART_OPMASK, masks, 8, 64 },
		{ GDB_AVX512, "zmm%dh", "v2ui128", GDB_EXTENDED, 0, 16, XPART_ZMM_HIGH, high, 32,
		  256 },
		{ GDB_AVX512, "zmm%dh", "v2ui128", GDB_EXTENDED, 16, 16, XPART_ZMM_NEW, new_z, 64,
		  256 },
		{ GDB_PKEYS, "pkru", "uint32", GDB_EXTENDED, 0, 1, XPART_PKRU, keys, 0, 32 },
	};
	const bool has[] = { avx, new, new, masks &&new, high &&new, new, keys };
	unsigned n = sizeof always / sizeof always[0];

	memcpy(out, always, sizeof always);
	for (size_t i = 0; i < sizeof wide / sizeof wide[0]; i++) {
		if (has[i])
			out[n++] = wide[i];
	}
	return n;
}

/* The union that the registers of AVX-512 name. */
static inline const char *gdb_feature_types(const char *feature)
{
	static const char vectors[] =
	    "<vector id=\"v4f\" type=\"ieee_single\" count=\"4\"/>"
	    "<vector id=\"v2d\" type=\"ieee_double\" count=\"2\"/>"
	    "<vector id=\"v16i8\" type=\"int8\" count=\"16\"/>"
	    "<vector id=\"v8i16\" type=\"int16\" count=\"8\"/>"
	    "<vector id=\"v4i32\" type=\"int32\" count=\"4\"/>"
	    "<vector id=\"v2i64\" type=\"int64\" count=\"2\"/>"
	    "<union id=\"vec128\"><field name=\"v4_float\" type=\"v4f\"/>"
	    "<field name=\"v2_double\" type=\"v2d\"/><field name=\"v16_int8\" type=\"v16i8\"/>"
	    "<field name=\"v8_int16\" type=\"v8i16\"/><field name=\"v4_int32\" type=\"v4i32\"/>"
	    "<field name=\"v2_int64\" type=\"v2i64\"/><field name=\"uint128\" type=\"uint128\"/>"
	    "</union><vector id=\"v2ui128\" type=\"uint128\" count=\"2\"/>";

	return !strcmp(feature, GDB_SSE) || !strcmp(feature, GDB_AVX512) ? vectors : "";
}

static inline bool gdb_part_used(const unsigned char *fp, unsigned part)
{
	uint64_t used;

	memcpy(&used, fp + XSAVE_BV_OFFSET, sizeof used);
	return used >> part & 1;
}

static inline void gdb_use_part(unsigned char *fp, uint64_t features, unsigned part)
{
	const uint16_t control = X87_CONTROL_INIT;
	unsigned size, offset, ecx, edx;
	uint64_t used;

	memcpy(&used, fp + XSAVE_BV_OFFSET, sizeof used);
	used |= 1UL << part;
	memcpy(fp + XSAVE_BV_OFFSET, &used, sizeof used);
	if (part == XPART_X87) {
		memset(fp, 0, FX_MXCSR);
		memset(fp + FX_ST, 0, FX_XMM - FX_ST);
		memcpy(fp + FX_CONTROL, &control, sizeof control);
	} else if (part == XPART_SSE) {
		memset(fp + FX_XMM, 0, 16 * 16); /* MXCSR is there always */
	} else {
		__cpuid_count(0xd, part, size, offset, ecx, edx);
		memset(fp + offset, 0, size);
	}
}

/* FXSAVE keeps a bit a register, by its number; two bits say what is in it (Intel SDM 1, 8.1.7). */
static inline uint64_t x87_tags(const unsigned char *fp)
{
	unsigned top = fp[FX_STATUS + 1] >> 3 & 7;
	uint64_t tags = 0;

	for (unsigned i = 0; i < 8; i++) {
		const unsigned char *st = fp + FX_ST + ((i - top) & 7) * 16;
		unsigned exponent = (unsigned)st[8] | (st[9] & 0x7fU) << 8, tag;
		uint64_t digits;
		memcpy(&digits, st, sizeof digits);
		if (!(fp[FX_TAG] >> i & 1))
			tag = 3;
		else if (!exponent && !digits)
			tag = 1;
		else
			tag = exponent == 0x7fff || !(digits >> 63) ? 2 : 0;
		tags |= (uint64_t)tag << 2 * i;
	}
	return tags;
}

static inline unsigned x87_field_size(unsigned at)
{
	return at == FX_IP || at == FX_DP || at == FX_MXCSR ? 4 : 2;
}

static inline uint64_t gdb_special(const unsigned char *fp, unsigned at)
{
	uint64_t value = 0;

	if (at == FX_MXCSR && !gdb_part_used(fp, XPART_SSE) && !gdb_part_used(fp, XPART_AVX))
		return MXCSR_INIT;
	if (at != FX_MXCSR && !gdb_part_used(fp, XPART_X87))
		return at == FX_CONTROL ? X87_CONTROL_INIT : at == FX_TAG ? 0xffff : 0;
	if (at == FX_TAG)
		return x87_tags(fp);
	memcpy(&value, fp + at, x87_field_size(at));
	return at == FX_OPCODE ? value & 0x7ff : value;
}

static inline void gdb_set_special(unsigned char *fp, unsigned at, uint64_t value)
{
	unsigned char tags = 0;

	if (at != FX_TAG) {
		memcpy(fp + at, &value, x87_field_size(at));
		return;
	}
	for (unsigned i = 0; i < 8; i++)
		tags |= (unsigned char)(((value >> 2 * i & 3) != 3) << i);
	fp[FX_TAG] = tags;
}

#define GDB_THREAD_AT_POINTER 1

static inline const unsigned char *gdb_breakpoint(size_t *size, unsigned *behind)
{
	static const unsigned char int3 = 0xcc;

	*size = *behind = 1;
	return &int3;
}

#endif
