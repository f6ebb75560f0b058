/* SPDX-License-Identifier: Apache-2.0 */
/*
 *   top     8 zero bytes
 *           file name (AT_EXECFN)
 *           environment strings
 *           argument strings
 *           the name of the machine (AT_PLATFORM), 16 random bytes (AT_RANDOM)
 *           auxiliary vector
 *           envp[], NULL
 *           argv[], NULL
 *   sp      argc
 *
 * Built in one piece in monitor memory, then copied. The order is Linux's, for programs that look.
 */
#include "loader/stack.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>

#include "arch/machine.h"
#include "cred/user_ns.h"
#include "host/random.h"
#include "mm/access.h"
#include "mm/map.h"

#ifndef AT_RSEQ_FEATURE_SIZE
#define AT_RSEQ_FEATURE_SIZE 27
#define AT_RSEQ_ALIGN        28
#endif
#ifndef AT_MINSIGSTKSZ
#define AT_MINSIGSTKSZ 51
#endif

#define RANDOM_BYTES 16

/* What a stack has below its contents from the start (setup_arg_pages). */
#define STACK_EXPAND (128 * 1024UL)
/* Least and greatest room mmap_base leaves for a stack. */
#define STACK_ROOM_MIN (128UL << 20)
#define STACK_ROOM_MAX (GUEST_TASK_SIZE / 6 * 5)
/* Least argument space, and its part of Linux's default stack limit. */
#define ARGS_MIN (128 * 1024UL)
#define ARGS_MAX (6UL << 20)

int random_pages(const struct exec_random *from, unsigned bits, uint64_t *out)
{
	uint64_t r = 0;
	int err = from->no_randomize ? 0 : random_bytes(from->stream, &r, sizeof r);

	if (err)
		return err;
	*out = (r & ((1UL << bits) - 1)) << PAGE_SHIFT;
	return 0;
}

int stack_layout(struct mm *mm, uint64_t limit, const struct exec_random *from)
{
	uint64_t room = limit < STACK_ROOM_MIN   ? STACK_ROOM_MIN
			: limit > STACK_ROOM_MAX ? STACK_ROOM_MAX
						 : limit;
	uint64_t stack_random, mmap_random, gap;
	int err = random_pages(from, ARCH_STACK_RANDOM_BITS, &stack_random);

	if (!err)
		err = random_pages(from, ARCH_MMAP_RANDOM_BITS, &mmap_random);
	if (err)
		return err;
	/* The most that the stack can be moved down, and its guard gap. */
	gap = room + (from->no_randomize ? 0 : PAGE_SIZE << ARCH_STACK_RANDOM_BITS) + (1UL << 20);
	gap = gap > STACK_ROOM_MAX ? STACK_ROOM_MAX : gap;
	mm->start_stack = gva_sub(mm_end(mm), stack_random);
	mm->mmap_base = gva_page_down(gva_sub(mm_end(mm), gap + mmap_random));
	return 0;
}

/* Bytes of all strings, with their NULs; *n: how many. -E2BIG: one is longer than Linux takes. */
static int64_t strings_size(char *const *v, uint64_t *n)
{
	int64_t sum = 0;

	for (*n = 0; v && v[*n]; ++*n) {
		size_t len = strlen(v[*n]) + 1;

		if (len > EXEC_MAX_ARG_STRLEN)
			return -E2BIG;
		sum += (int64_t)len;
	}
	return sum;
}

int stack_check_args(const char *filename, char *const *argv, char *const *envp, uint64_t limit)
{
	uint64_t argc, envc, room = limit / 4 < ARGS_MAX ? limit / 4 : ARGS_MAX, pointers;
	int64_t args = strings_size(argv, &argc), env = strings_size(envp, &envc);

	if (args < 0 || env < 0)
		return -E2BIG;
	if (room < ARGS_MIN)
		room = ARGS_MIN;
	pointers = ((argc ? argc : 1) + envc) * sizeof(uint64_t);
	return pointers + (uint64_t)(args + env) + strlen(filename) + 1 > room ? -E2BIG : 0;
}

/* The block being built: [base, top) in the guest is buf[0, size). Strings are placed from the top
 * down. */
struct block {
	char *buf;
	gva_t base, at; /* `at`: guest address of the lowest byte placed */
};

static char *block_ptr(const struct block *b, gva_t addr)
{
	return b->buf + gva_diff(addr, b->base);
}

static gva_t place_bytes(struct block *b, const void *src, size_t n)
{
	b->at = gva_sub(b->at, n);
	memcpy(block_ptr(b, b->at), src, n);
	return b->at;
}

/* The strings of `v`, the first one lowest. */
static void place_strings(struct block *b, char *const *v, uint64_t n)
{
	while (n > 0) {
		n--;
		place_bytes(b, v[n], strlen(v[n]) + 1);
	}
}

static void place_word(struct block *b, gva_t *pos, uint64_t word)
{
	memcpy(block_ptr(b, *pos), &word, sizeof word);
	*pos = gva_add(*pos, sizeof word);
}

/* Pointers to consecutive strings from guest address `str` on, and a NULL. */
static void place_pointers(struct block *b, gva_t *pos, gva_t str, uint64_t n)
{
	for (; n > 0; n--) {
		place_word(b, pos, str.v);
		str = gva_add(str, strlen(block_ptr(b, str)) + 1);
	}
	place_word(b, pos, 0);
}

static void aux(struct mm *mm, uint64_t type, uint64_t value)
{
	mm->auxv[mm->auxv_len++] = type;
	mm->auxv[mm->auxv_len++] = value;
}

/* Order and set of Linux's create_elf_tables. The CPU's words are the host's: guest code
 * runs on it. */
static void make_auxv(struct mm *mm, const struct stack_args *a, gva_t platform, gva_t random,
		      gva_t execfn)
{
	mm->auxv_len = 0;
	if (mm->vdso_base.v)
		aux(mm, AT_SYSINFO_EHDR, mm->vdso_base.v);
	aux(mm, AT_MINSIGSTKSZ, getauxval(AT_MINSIGSTKSZ));
	aux(mm, AT_HWCAP, getauxval(AT_HWCAP));
	aux(mm, AT_PAGESZ, PAGE_SIZE);
	aux(mm, AT_CLKTCK, 100);
	aux(mm, AT_PHDR, a->program->phdr.v);
	aux(mm, AT_PHENT, sizeof(Elf64_Phdr));
	aux(mm, AT_PHNUM, a->elf->header.e_phnum);
	aux(mm, AT_BASE, a->interp_base);
	aux(mm, AT_FLAGS, 0);
	aux(mm, AT_ENTRY, a->program->entry.v);
	aux(mm, AT_UID, from_kuid_munged(a->cred->user_ns, a->cred->uid));
	aux(mm, AT_EUID, from_kuid_munged(a->cred->user_ns, a->cred->euid));
	aux(mm, AT_GID, from_kgid_munged(a->cred->user_ns, a->cred->gid));
	aux(mm, AT_EGID, from_kgid_munged(a->cred->user_ns, a->cred->egid));
	aux(mm, AT_SECURE, a->secure);
	aux(mm, AT_RANDOM, random.v);
	aux(mm, AT_HWCAP2, getauxval(AT_HWCAP2));
	aux(mm, AT_EXECFN, execfn.v);
	aux(mm, AT_PLATFORM, platform.v);
	if (getauxval(AT_RSEQ_FEATURE_SIZE)) {
		aux(mm, AT_RSEQ_FEATURE_SIZE, getauxval(AT_RSEQ_FEATURE_SIZE));
		aux(mm, AT_RSEQ_ALIGN, getauxval(AT_RSEQ_ALIGN));
	}
	aux(mm, AT_NULL, 0);
}

static int map_stack(struct mm *mm, gva_t low, gva_t top, const struct stack_args *a)
{
	uint64_t expand = a->stack_limit < STACK_EXPAND ? PAGE_DOWN(a->stack_limit) : STACK_EXPAND;
	gva_t start = gva_sub(gva_page_down(low), expand);
	const struct mmap_args args = {
		.addr = start,
		.len = gva_diff(top, start),
		.prot = PROT_READ | PROT_WRITE | (a->exec_stack ? PROT_EXEC : 0),
		.flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_GROWSDOWN,
		.name = "[stack]",
	};
	int64_t r = mm_mmap(mm, &args);

	return r < 0 ? (int)r : 0;
}

/* What comes below the strings; the stack pointer it ends at. */
static int place_tables(struct block *b, struct mm *mm, const struct stack_args *a, uint64_t argc,
			uint64_t envc, gva_t execfn, gva_t *sp)
{
	char random[RANDOM_BYTES];
	gva_t platform, random_at, pos;
	uint64_t jitter;
	int err = random_pages(&a->random, 13, &jitter);

	if (!err)
		err = random_bytes(a->random.stream, random, sizeof random);
	if (err)
		return err;
	b->at = gva_align_down(gva_sub(b->at, jitter >> PAGE_SHIFT), 16);
	platform = place_bytes(b, ARCH_NAME, sizeof ARCH_NAME);
	random_at = place_bytes(b, random, sizeof random);
	make_auxv(mm, a, platform, random_at, execfn);
	pos = gva_sub(gva_align_down(b->at, 16),
		      (1 + argc + 1 + envc + 1 + mm->auxv_len) * sizeof(uint64_t));
	pos = gva_align_down(pos, 16);
	*sp = b->at = pos;
	place_word(b, &pos, argc);
	place_pointers(b, &pos, mm->arg_start, argc);
	place_pointers(b, &pos, mm->env_start, envc);
	for (unsigned i = 0; i < mm->auxv_len; i++)
		place_word(b, &pos, mm->auxv[i]);
	return 0;
}

static int fill_block(struct block *b, struct mm *mm, const struct stack_args *a, uint64_t argc,
		      uint64_t envc, gva_t *sp)
{
	gva_t execfn;

	b->at = gva_sub(b->at, sizeof(uint64_t));
	execfn = place_bytes(b, a->filename, strlen(a->filename) + 1);
	mm->env_end = b->at;
	place_strings(b, a->envp, envc);
	mm->env_start = mm->arg_end = b->at;
	place_strings(b, a->argv, argc);
	mm->arg_start = b->at;
	return place_tables(b, mm, a, argc, envc, execfn, sp);
}

int stack_build(struct mm *mm, const struct stack_args *a, gva_t *sp)
{
	uint64_t argc, envc, size;
	gva_t top = mm->start_stack;
	struct block b;
	int err;

	size = (uint64_t)strings_size(a->argv, &argc) + (uint64_t)strings_size(a->envp, &envc);
	/* Tables, random bytes, alignment: less than three pages beyond the pointers. */
	size =
	    PAGE_UP(size + strlen(a->filename) + (argc + envc) * sizeof(uint64_t)) + 4 * PAGE_SIZE;
	b = (struct block){ calloc(1, size), gva_sub(top, size), top };
	if (!b.buf)
		return -ENOMEM;
	err = fill_block(&b, mm, a, argc, envc, sp);
	if (!err)
		err = map_stack(mm, *sp, top, a);
	if (!err && copy_to_guest(mm, b.at, block_ptr(&b, b.at), gva_diff(top, b.at)) > 0)
		err = -EFAULT;
	mm->start_stack = *sp;
	free(b.buf);
	return err;
}
