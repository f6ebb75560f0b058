/* SPDX-License-Identifier: Apache-2.0 */
/* Checks and runs programs of classic BPF. See the header. */
#include "util/bpf.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- checks ---- */

/* Instructions that need nothing of their constant. */
static bool plain_code(unsigned code)
{
	switch (code) {
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
static bool instruction_valid(const struct bpf_kind *kind, const struct sock_filter *f,
			      unsigned left)
{
	switch (f->code) {
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
	default: return plain_code(f->code) || kind->allows(f);
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

int bpf_check(const struct bpf_kind *kind, const struct sock_filter *prog, unsigned len)
{
	if (!len || len > BPF_MAXINSNS || BPF_CLASS(prog[len - 1].code) != BPF_RET)
		return -EINVAL;
	for (unsigned i = 0; i < len; i++) {
		if (!instruction_valid(kind, &prog[i], len - 1 - i))
			return -EINVAL;
	}
	return check_stores(prog, len);
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
	case BPF_MOD:
		if (!v)
			return false;
		s->a %= v;
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

uint32_t bpf_jump(const struct sock_filter *f, uint32_t a, uint32_t x)
{
	uint32_t v = BPF_SRC(f->code) == BPF_X ? x : f->k;
	bool yes;

	switch (BPF_OP(f->code)) {
	case BPF_JA: return f->k;
	case BPF_JEQ: yes = a == v; break;
	case BPF_JGT: yes = a > v; break;
	case BPF_JGE: yes = a >= v; break;
	default: yes = a & v; break;
	}
	return yes ? f->jt : f->jf;
}

/* False: there is nothing to be loaded, and the program ends with 0. */
static bool load(const struct bpf_kind *kind, const struct machine_state *s,
		 const struct sock_filter *f, const void *data, uint32_t *to)
{
	switch (BPF_MODE(f->code)) {
	case BPF_MEM: *to = s->mem[f->k]; return true;
	case BPF_IMM: *to = f->k; return true;
	default: return kind->load(data, f, s->x, to);
	}
}

uint32_t bpf_run(const struct bpf_kind *kind, const struct sock_filter *prog, const void *data)
{
	struct machine_state s = { 0 };

	for (const struct sock_filter *f = prog;; f++) {
		switch (BPF_CLASS(f->code)) {
		case BPF_LD:
			if (!load(kind, &s, f, data, &s.a))
				return 0;
			break;
		case BPF_LDX:
			if (!load(kind, &s, f, data, &s.x))
				return 0;
			break;
		case BPF_ST: s.mem[f->k] = s.a; break;
		case BPF_STX: s.mem[f->k] = s.x; break;
		case BPF_ALU:
			if (!alu(&s, f))
				return 0;
			break;
		case BPF_JMP: f += bpf_jump(f, s.a, s.x); break;
		case BPF_RET: return BPF_RVAL(f->code) == BPF_A ? s.a : f->k;
		default:
			if (BPF_MISCOP(f->code) == BPF_TAX)
				s.x = s.a;
			else
				s.a = s.x;
		}
	}
}
