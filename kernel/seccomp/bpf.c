/* SPDX-License-Identifier: Apache-2.0 */
/* Programs of classic BPF that look at a system call. See the header. */
#include "kernel/seccomp/bpf.h"

#include <stddef.h>
#include <string.h>

#define DATA_SIZE ((uint32_t)sizeof(struct seccomp_data))

static bool allows(const struct sock_filter *f)
{
	switch (f->code) {
	case BPF_LD | BPF_W | BPF_LEN:
	case BPF_LDX | BPF_W | BPF_LEN: return true;
	case BPF_LD | BPF_W | BPF_ABS: return f->k < DATA_SIZE && !(f->k & 3);
	default: return false;
	}
}

static bool load(const void *data, const struct sock_filter *f, uint32_t x, uint32_t *to)
{
	if (BPF_MODE(f->code) == BPF_LEN)
		*to = DATA_SIZE;
	else
		memcpy(to, (const char *)data + f->k, sizeof *to);
	return true;
}

const struct bpf_kind bpf_of_calls = { allows, load };

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

/* As Linux's seccomp_is_const_allow(): what filters do with number and architecture is to load and
 * compare them. */
bool bpf_always_allows(const struct sock_filter *prog, uint32_t nr, uint32_t arch)
{
	uint32_t a = 0;

	for (const struct sock_filter *f = prog;; f++) {
		switch (f->code) {
		case BPF_LD | BPF_W | BPF_ABS:
			if (f->k == offsetof(struct seccomp_data, nr))
				a = nr;
			else if (f->k == offsetof(struct seccomp_data, arch))
				a = arch;
			else
				return false;
			break;
		case BPF_RET | BPF_K: return f->k == SECCOMP_RET_ALLOW;
		case BPF_JMP | BPF_JA:
		case BPF_JMP | BPF_JEQ | BPF_K:
		case BPF_JMP | BPF_JGE | BPF_K:
		case BPF_JMP | BPF_JGT | BPF_K:
		case BPF_JMP | BPF_JSET | BPF_K: f += bpf_jump(f, a, 0); break;
		case BPF_ALU | BPF_AND | BPF_K: a &= f->k; break;
		default: return false;
		}
	}
}
