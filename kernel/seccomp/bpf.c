/* SPDX-License-Identifier: Apache-2.0 */
/* Checks and runs programs of classic BPF. See the header. */
#include "kernel/seccomp/bpf.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define DATA_SIZE ((uint32_t)sizeof(struct seccomp_data))

/* ---- checks ---- */

/* Instructions that need nothing of their constant. */
static bool plain_code(unsigned code)
{
	switch (code) {
	case BPF_LD | BPF_W | BPF_LEN:
	case BPF_LDX | BPF_W | BPF_LEN:
	case BPF_LD | BPF_IMM:
	case BPF_LDX | BPF_IMM:
	case BPF_RET | BPF_K:
	case BPF_RET | BPF_A:
	case BPF_MISC | BPF_TAX:
	case BPF_MISC | BPF_TXA:
	case BPF_ALU: /* BPF_ADD and BPF_K are 0 */
	case BPF_ALU | BPF_ADD | BPF_X:
	case BPF_ALU | BPF_SUB | BPF_K:
	case BPF_ALU | BPF_SUB | BPF_X:
	case BPF_ALU | BPF_MUL | BPF_K:
	case BPF_ALU | BPF_MUL | BPF_X:
	case BPF_ALU | BPF_DIV | BPF_X:
	case BPF_ALU | BPF_AND | BPF_K:
	case BPF_ALU | BPF_AND | BPF_X:
	case BPF_ALU | BPF_OR | BPF_K:
	case BPF_ALU | BPF_OR | BPF_X:
	case BPF_ALU | BPF_XOR | BPF_K:
	case BPF_ALU | BPF_XOR | BPF_X:
	case BPF_ALU | BPF_LSH | BPF_X:
	case BPF_ALU | BPF_RSH | BPF_X:
	case BPF_ALU | BPF_NEG: return true;
	default: return false;
	}
}

/* `left`: instructions behind this one. */
static bool instruction_valid(const struct sock_filter *f, unsigned left)
{
	switch (f->code) {
	case BPF_LD | BPF_W | BPF_ABS: return f->k < DATA_SIZE && !(f->k & 3);
	case BPF_LD | BPF_MEM:
	case BPF_LDX | BPF_MEM:
	case BPF_ST:
	case BPF_STX: return f->k < BPF_MEMWORDS;
	case BPF_ALU | BPF_DIV | BPF_K: return f->k;
	case BPF_ALU | BPF_LSH | BPF_K:
	case BPF_ALU | BPF_RSH | BPF_K: return f->k < 32;
	case BPF_JMP | BPF_JA: return f->k < left;
	case BPF_JMP | BPF_JEQ | BPF_K:
	case BPF_JMP | BPF_JEQ | BPF_X:
	case BPF_JMP | BPF_JGE | BPF_K:
	case BPF_JMP | BPF_JGE | BPF_X:
	case BPF_JMP | BPF_JGT | BPF_K:
	case BPF_JMP | BPF_JGT | BPF_X:
	case BPF_JMP | BPF_JSET | BPF_K:
	case BPF_JMP | BPF_JSET | BPF_X: return f->jt < left && f->jf < left;
	default: return plain_code(f->code);
	}
}

/* Every way to a load from memory must have stored there before: check_load_and_stores(). Jumps go
 * forward, so that one pass knows of all ways. */
static int check_stores(const struct sock_filter *prog, unsigned len)
{
	uint16_t *on_all_ways = malloc(len * sizeof *on_all_ways), stored = 0;
	int err = 0;

	if (!on_all_ways)
		return -ENOMEM;
	memset(on_all_ways, 0xff, len * sizeof *on_all_ways);
	for (unsigned i = 0; i < len && !err; i++) {
		const struct sock_filter *f = &prog[i];
		stored &= on_all_ways[i];
		switch (BPF_CLASS(f->code)) {
		case BPF_ST:
		case BPF_STX: stored |= (uint16_t)(1U << f->k); break;
		case BPF_LD:
		case BPF_LDX:
			if (BPF_MODE(f->code) == BPF_MEM && !(stored & 1U << f->k))
				err = -EINVAL;
			break;
		case BPF_JMP:
			if (f->code == (BPF_JMP | BPF_JA)) {
				on_all_ways[i + 1 + f->k] &= stored;
			} else {
				on_all_ways[i + 1 + f->jt] &= stored;
				on_all_ways[i + 1 + f->jf] &= stored;
			}
			stored = UINT16_MAX;
			break;
		default: break;
		}
	}
	free(on_all_ways);
	return err;
}

int bpf_check(const struct sock_filter *prog, unsigned len)
{
	if (!len || len > BPF_MAXINSNS || BPF_CLASS(prog[len - 1].code) != BPF_RET)
		return -EINVAL;
	for (unsigned i = 0; i < len; i++) {
		if (!instruction_valid(&prog[i], len - 1 - i))
			return -EINVAL;
	}
	return check_stores(prog, len);
}

/* ---- how long Linux's own program is ---- */

static unsigned jump_length(const struct sock_filter *f)
{
	unsigned op = BPF_OP(f->code);
	unsigned wide = BPF_SRC(f->code) == BPF_K && (int32_t)f->k < 0;

	if (op == BPF_JA)
		return 1;
	return wide + (!f->jf || (!f->jt && op != BPF_JSET) ? 1 : 2);
}

static unsigned linux_instructions(const struct sock_filter *f)
{
	switch (BPF_CLASS(f->code)) {
	case BPF_JMP: return jump_length(f);
	case BPF_RET: return BPF_RVAL(f->code) == BPF_K ? 2 : 1;
	default: return f->code == (BPF_ALU | BPF_DIV | BPF_X) ? 5 : 1;
	}
}

unsigned bpf_linux_length(const struct sock_filter *prog, unsigned len)
{
	unsigned n = 3; /* A and X are cleared, the address of the data is kept */

	for (unsigned i = 0; i < len; i++)
		n += linux_instructions(&prog[i]);
	return n;
}

/* ---- what they do ---- */

struct machine_state {
	uint32_t a, x, mem[BPF_MEMWORDS];
};

static uint32_t operand(const struct machine_state *s, const struct sock_filter *f)
{
	return BPF_SRC(f->code) == BPF_X ? s->x : f->k;
}

/* False: a division by 0, which ends the program with 0. */
static bool alu(struct machine_state *s, const struct sock_filter *f)
{
	uint32_t v = operand(s, f);

	switch (BPF_OP(f->code)) {
	case BPF_ADD: s->a += v; break;
	case BPF_SUB: s->a -= v; break;
	case BPF_MUL: s->a *= v; break;
	case BPF_DIV:
		if (!v)
			return false;
		s->a /= v;
		break;
	case BPF_AND: s->a &= v; break;
	case BPF_OR: s->a |= v; break;
	case BPF_XOR: s->a ^= v; break;
	case BPF_LSH: s->a <<= v & 31; break;
	case BPF_RSH: s->a >>= v & 31; break;
	default: s->a = -s->a; break;
	}
	return true;
}

/* How many instructions are left out. */
static uint32_t jump(const struct machine_state *s, const struct sock_filter *f)
{
	uint32_t v = operand(s, f);
	bool yes;

	switch (BPF_OP(f->code)) {
	case BPF_JA: return f->k;
	case BPF_JEQ: yes = s->a == v; break;
	case BPF_JGT: yes = s->a > v; break;
	case BPF_JGE: yes = s->a >= v; break;
	default: yes = s->a & v; break;
	}
	return yes ? f->jt : f->jf;
}

static uint32_t load(const struct machine_state *s, const struct sock_filter *f)
{
	switch (BPF_MODE(f->code)) {
	case BPF_MEM: return s->mem[f->k];
	case BPF_LEN: return DATA_SIZE;
	default: return f->k;
	}
}

uint32_t bpf_run(const struct sock_filter *prog, const struct seccomp_data *data)
{
	struct machine_state s = { 0 };

	for (const struct sock_filter *f = prog;; f++) {
		switch (BPF_CLASS(f->code)) {
		case BPF_LD:
			if (BPF_MODE(f->code) == BPF_ABS)
				memcpy(&s.a, (const char *)data + f->k, sizeof s.a);
			else
				s.a = load(&s, f);
			break;
		case BPF_LDX: s.x = load(&s, f); break;
		case BPF_ST: s.mem[f->k] = s.a; break;
		case BPF_STX: s.mem[f->k] = s.x; break;
		case BPF_ALU:
			if (!alu(&s, f))
				return 0;
			break;
		case BPF_JMP: f += jump(&s, f); break;
		case BPF_RET: return BPF_RVAL(f->code) == BPF_A ? s.a : f->k;
		default:
			if (BPF_MISCOP(f->code) == BPF_TAX)
				s.x = s.a;
			else
				s.a = s.x;
		}
	}
}

/* As Linux's seccomp_is_const_allow(): what filters do with number and architecture is to load and
 * compare them. */
bool bpf_always_allows(const struct sock_filter *prog, uint32_t nr, uint32_t arch)
{
	struct machine_state s = { 0 };

	for (const struct sock_filter *f = prog;; f++) {
		switch (f->code) {
		case BPF_LD | BPF_W | BPF_ABS:
			if (f->k == offsetof(struct seccomp_data, nr))
				s.a = nr;
			else if (f->k == offsetof(struct seccomp_data, arch))
				s.a = arch;
			else
				return false;
			break;
		case BPF_RET | BPF_K: return f->k == SECCOMP_RET_ALLOW;
		case BPF_JMP | BPF_JA:
		case BPF_JMP | BPF_JEQ | BPF_K:
		case BPF_JMP | BPF_JGE | BPF_K:
		case BPF_JMP | BPF_JGT | BPF_K:
		case BPF_JMP | BPF_JSET | BPF_K: f += jump(&s, f); break;
		case BPF_ALU | BPF_AND | BPF_K: s.a &= f->k; break;
		default: return false;
		}
	}
}
