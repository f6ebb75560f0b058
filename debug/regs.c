/* SPDX-License-Identifier: Apache-2.0 */
/* See the header. arch/gdbregs.h says which registers there are. */
#include "debug/regs.h"

#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arch/gdbregs.h"
#include "kernel/ptrace/regs.h"
#include "kernel/sandbox.h"
#include "kernel/task.h"

#ifdef NT_X86_XSTATE
#define EXTENDED NT_X86_XSTATE
#endif
#if !ARCH_PTRACE_REGS
#undef EXTENDED
#define EXTENDED NT_PRFPREG
#endif

#define REG_BYTES_MAX 32

/* The CPU state of a thread that is held, taken apart. */
struct state {
	uint64_t general[COREFILE_REGS];
	unsigned char *fp;
	size_t fp_size;
	uint64_t features;
	struct gdb_run runs[GDB_RUNS_MAX];
	unsigned nr_runs;
};

static int state_get(struct state *s, struct task *o)
{
	(void)o->sb->platform->fp_size(o->sb->machine, &s->features);
	s->nr_runs = gdb_runs(s->features, s->runs);
	s->fp_size = ptrace_fp_size(o, EXTENDED);
	s->fp = calloc(1, s->fp_size ? s->fp_size : 1);
	if (!s->fp || !s->fp_size)
		return -ENOMEM;
	int err = ptrace_regs_get(o, s->general);
	return err ? err : ptrace_fp_get(o, EXTENDED, s->fp);
}

static void state_put(struct state *s)
{
	free(s->fp);
}

static void read_run(const struct state *s, const struct gdb_run *r, unsigned i, unsigned char *to)
{
	size_t n = r->bits / 8U, at = r->at + (size_t)i * r->stride;
	uint64_t special;

	memset(to, 0, n);
	if (r->place == GDB_GENERAL) {
		memcpy(to, &s->general[at], n);
	} else if (r->place == GDB_SPECIAL) {
		special = gdb_special(s->fp, r->at);
		memcpy(to, &special, n);
	} else if (at + n <= s->fp_size && gdb_part_used(s->fp, r->part)) {
		memcpy(to, s->fp + at, n);
	}
}

static void write_run(struct state *s, const struct gdb_run *r, unsigned i,
		      const unsigned char *from)
{
	size_t n = r->bits / 8U, at = r->at + (size_t)i * r->stride;
	unsigned char now[REG_BYTES_MAX];
	uint64_t word = 0;

	read_run(s, r, i, now);
	if (!memcmp(now, from, n))
		return; /* the part stays unused if it was */
	if (r->place != GDB_GENERAL && !gdb_part_used(s->fp, r->part))
		gdb_use_part(s->fp, s->features, r->part);
	memcpy(&word, from, n < sizeof word ? n : sizeof word);
	if (r->place == GDB_GENERAL)
		s->general[at] = n == sizeof word ? word : (s->general[at] & ~UINT32_MAX) | word;
	else if (r->place == GDB_SPECIAL)
		gdb_set_special(s->fp, r->at, word);
	else if (at + n <= s->fp_size)
		memcpy(s->fp + at, from, n);
}

/* The run in which the register is, and its place there. NULL: there is no such. */
static const struct gdb_run *find(const struct state *s, uint64_t *n)
{
	for (unsigned i = 0; i < s->nr_runs; i++) {
		if (*n < s->runs[i].count)
			return &s->runs[i];
		*n -= s->runs[i].count;
	}
	return NULL;
}

static int state_set(struct state *s, struct task *o, bool general)
{
	return general ? ptrace_regs_set(o, 0, s->general, COREFILE_REGS)
		       : ptrace_fp_set(o, EXTENDED, s->fp);
}

int debug_regs_read(struct task *o, struct text *out)
{
	unsigned char bytes[REG_BYTES_MAX];
	struct state s;
	int err = state_get(&s, o);

	for (unsigned i = 0; i < s.nr_runs && !err; i++) {
		for (unsigned k = 0; k < s.runs[i].count; k++) {
			read_run(&s, &s.runs[i], k, bytes);
			text_put(out, (const char *)bytes, s.runs[i].bits / 8U);
		}
	}
	state_put(&s);
	return err;
}

int debug_regs_read_one(struct task *o, uint64_t n, struct text *out)
{
	unsigned char bytes[REG_BYTES_MAX];
	struct state s;
	int err = state_get(&s, o);
	const struct gdb_run *r = err ? NULL : find(&s, &n);

	if (r) {
		read_run(&s, r, (unsigned)n, bytes);
		text_put(out, (const char *)bytes, r->bits / 8U);
	}
	state_put(&s);
	return err ? err : r ? 0 : -EINVAL;
}

int debug_regs_write(struct task *o, const unsigned char *bytes, size_t len)
{
	struct state s;
	int err = state_get(&s, o);
	size_t at = 0;

	for (unsigned i = 0; i < s.nr_runs && !err; i++) {
		size_t n = s.runs[i].bits / 8U;
		for (unsigned k = 0; k < s.runs[i].count && !err; k++, at += n) {
			if (len - at < n || at > len)
				err = -EINVAL;
			else
				write_run(&s, &s.runs[i], k, bytes + at);
		}
	}
	if (!err && at != len)
		err = -EINVAL;
	if (!err)
		err = state_set(&s, o, true);
	if (!err)
		err = state_set(&s, o, false);
	state_put(&s);
	return err;
}

int debug_regs_write_one(struct task *o, uint64_t n, const unsigned char *bytes, size_t len)
{
	struct state s;
	int err = state_get(&s, o);
	const struct gdb_run *r = err ? NULL : find(&s, &n);

	if (!err && (!r || len != r->bits / 8U))
		err = -EINVAL;
	if (!err) {
		write_run(&s, r, (unsigned)n, bytes);
		err = state_set(&s, o, r->place == GDB_GENERAL);
	}
	state_put(&s);
	return err;
}

/* ---- the description ---- */

static void put_run(struct text *out, const struct gdb_run *r)
{
	char name[16];

	for (int i = 0; i < r->count; i++) {
		const char *number = strchr(r->name, '%');
		if (number)
			snprintf(name, sizeof name, "%.*s%d%s", (int)(number - r->name), r->name,
				 r->first + i, number + 2);
		text_printf(out, "<reg name=\"%s\" bitsize=\"%u\" type=\"%s\"/>",
			    number ? name : r->name, r->bits, r->type);
	}
}

void debug_regs_describe(struct sandbox *sb, struct text *out)
{
	struct gdb_run runs[GDB_RUNS_MAX];
	const char *feature = NULL;
	uint64_t features;

	(void)sb->platform->fp_size(sb->machine, &features);
	unsigned n = gdb_runs(features, runs);
	text_puts(out, "<?xml version=\"1.0\"?><!DOCTYPE target SYSTEM \"gdb-target.dtd\"><target>"
		       "<architecture>" GDB_ARCHITECTURE "</architecture>"
		       "<osabi>GNU/Linux</osabi>");
	for (unsigned i = 0; i < n; i++) {
		if (!feature || strcmp(feature, runs[i].feature) != 0) {
			text_printf(out, "%s<feature name=\"%s\">", feature ? "</feature>" : "",
				    runs[i].feature);
			feature = runs[i].feature;
			text_puts(out, gdb_feature_types(feature));
		}
		put_run(out, &runs[i]);
	}
	text_puts(out, "</feature></target>");
}
