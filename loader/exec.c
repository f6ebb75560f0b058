/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Builds the image that execve(2) will run: it follows "#!" lines to the ELF file, reads that and
 * its dynamic linker, and maps both into a new address space with the stack and the vDSO. See
 * loader.h.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cred/cred.h"
#include "loader/cred.h"
#include "loader/elf.h"
#include "loader/foreign.h"
#include "loader/loader.h"
#include "loader/script.h"
#include "loader/stack.h"
#include "loader/vdso.h"
#include "mm/mm.h"

/* Where Linux puts position independent programs: two thirds up, and something at random. */
#define PIE_BASE        GVA(GUEST_TASK_SIZE / 3 * 2)
#define BRK_RANDOM_BITS 18 /* 1 GiB */

/* What the request becomes while scripts are followed. */
struct exec {
	const struct exec_request *rq;
	struct errmsg *errmsg;
	struct file *file; /* a reference */
	char *filename;    /* what the next interpreter will be told to run */
	char **argv;       /* strings owned */
	size_t argc;
	struct elf program, interp;
	struct file *interp_file;
	char interp_name[300]; /* for messages */
	struct mm *mm;
	bool too_late; /* it was found that the segments cannot be mapped */
};

static int argv_copy(struct exec *x)
{
	char *const *v = x->rq->argv;
	size_t n = 0;

	while (v && v[n])
		n++;
	/* Room for what scripts and a translator add, and for the one empty string Linux
	 * supplies. */
	x->argv = calloc(n + 2 + 2 * EXEC_MAX_SCRIPT_DEPTH + 4, sizeof *x->argv);
	if (!x->argv)
		return -ENOMEM;
	for (; x->argc < n; x->argc++) {
		x->argv[x->argc] = strdup(v[x->argc]);
		if (!x->argv[x->argc])
			return -ENOMEM;
	}
	if (n > 0)
		return 0;
	x->argv[0] = strdup("");
	x->argc = 1;
	return x->argv[0] ? 0 : -ENOMEM;
}

/* Takes over `s`. */
static int argv_push_front(struct exec *x, char *s)
{
	if (!s)
		return -ENOMEM;
	memmove(x->argv + 1, x->argv, x->argc * sizeof *x->argv);
	x->argv[0] = s;
	x->argc++;
	return 0;
}

/* argv[0] gives way to: interpreter, its argument, the script (execve(2)). */
static int argv_for_script(struct exec *x, const struct script *s)
{
	int err;

	free(x->argv[0]);
	x->argc--;
	memmove(x->argv, x->argv + 1, x->argc * sizeof *x->argv);
	x->argv[x->argc] = NULL;
	err = argv_push_front(x, strdup(x->filename));
	if (!err && s->arg)
		err = argv_push_front(x, strdup(s->arg));
	if (!err)
		err = argv_push_front(x, strdup(s->interp));
	return err;
}

/* Linux takes an empty name for the working directory, which is no program. */
static int open_interp(struct caller *c, const char *name, struct file **out)
{
	return *name ? exec_open(c, NULL, name, 0, out) : -EACCES;
}

/* Takes both over. */
static void run_instead(struct exec *x, struct file *f, char *name)
{
	file_put(x->file);
	x->file = f;
	free(x->filename);
	x->filename = name;
}

static int follow_script(struct exec *x, const char *head, size_t n)
{
	struct caller *c = x->rq->caller;
	struct script s;
	struct file *f;
	char *name;
	int err;

	if (x->rq->fd_path_inaccessible)
		return errmsg_set(x->errmsg, ENOENT,
				  "%s: a script that its interpreter could not open", x->filename);
	err = script_parse(&s, head, n);
	if (err < 0)
		return errmsg_set(x->errmsg, -err, "%s: the script names no interpreter",
				  x->filename);
	name = strdup(s.interp);
	if (!name)
		return -ENOMEM;
	err = argv_for_script(x, &s);
	if (!err)
		err = open_interp(c, name, &f);
	if (err) {
		errmsg_set(x->errmsg, -err, "%s: its interpreter %s: %s", x->filename, name,
			   strerror(-err));
		free(name);
		return err;
	}
	run_instead(x, f, name);
	return 0;
}

/* The translator, told which name the program is to have, and its file. */
static int argv_for_translator(struct exec *x, const char *translator)
{
	char *name = x->argv[0];
	int err;

	memmove(x->argv, x->argv + 1, x->argc * sizeof *x->argv);
	x->argc--;
	err = argv_push_front(x, strdup(x->filename));
	if (!err)
		err = argv_push_front(x, strdup("--"));
	if (err) {
		free(name);
		return err;
	}
	err = argv_push_front(x, name);
	if (!err)
		err = argv_push_front(x, strdup("-0"));
	return err ? err : argv_push_front(x, strdup(translator));
}

static int follow_foreign(struct exec *x, const char *name, const char *machine)
{
	struct file *f;
	char *where;
	int err = -ENOENT;

	if (!x->rq->fd_path_inaccessible)
		err = foreign_translator(x->rq->translators, x->rq->caller, name, &f, &where);
	if (err)
		return errmsg_set(x->errmsg, -err,
				  "%s: a program for %s, which %s would run, were it here: "
				  "--translator names one",
				  x->filename, machine, name);
	err = argv_for_translator(x, where);
	if (err) {
		file_put(f);
		free(where);
		return err;
	}
	run_instead(x, f, where);
	return 0;
}

/* Follows "#!" lines, and a translator, to the file that really runs. */
static int resolve(struct exec *x)
{
	for (int depth = 0;; depth++) {
		char head[SCRIPT_LINE_MAX];
		const char *machine, *translator;
		ssize_t n = file_read_kernel(x->file, x->rq->caller, head, sizeof head, 0);
		int err;

		if (n < 0)
			return errmsg_set(x->errmsg, (int)-n, "%s: can not be read: %s",
					  x->filename, strerror((int)-n));
		translator = foreign_program(head, (size_t)n, &machine);
		if (translator)
			return follow_foreign(x, translator, machine);
		if (!script_is(head, (size_t)n))
			return 0;
		if (depth >= EXEC_MAX_SCRIPT_DEPTH)
			return errmsg_set(x->errmsg, ELOOP, "%s: too many scripts run scripts",
					  x->rq->filename);
		err = follow_script(x, head, (size_t)n);
		if (err)
			return err;
	}
}

static int read_interp(struct exec *x)
{
	const char *name = x->program.interp;
	int err;

	if (!name)
		return 0;
	err = open_interp(x->rq->caller, name, &x->interp_file);
	if (err)
		return errmsg_set(x->errmsg, -err, "%s: its ELF interpreter %s: %s", x->filename,
				  name, strerror(-err));
	snprintf(x->interp_name, sizeof x->interp_name, "%.128s: its ELF interpreter %.128s",
		 x->filename, name);
	return elf_read(&x->interp, x->rq->caller, x->interp_file, x->interp_name, ELIBBAD,
			x->errmsg);
}

static int map_program(struct exec *x, struct elf_place *program, struct elf_place *interp)
{
	uint64_t rnd;
	int err = random_pages(&x->rq->random, ARCH_MMAP_RANDOM_BITS, &rnd);

	if (!err)
		err = elf_map(&x->program, x->mm, gva_add(gva_page_down(PIE_BASE), rnd), program,
			      x->errmsg);
	if (!err && x->interp_file)
		err = elf_map(&x->interp, x->mm, GVA_NULL, interp, x->errmsg);
	x->too_late = err;
	return err;
}

static int set_brk(struct exec *x, const struct elf_place *p)
{
	struct mm *mm = x->mm;
	uint64_t rnd;
	int err = random_pages(&x->rq->random, BRK_RANDOM_BITS, &rnd);

	mm->start_code = p->start_code;
	mm->end_code = p->end_code;
	mm->start_data = p->start_data;
	mm->end_data = p->end_data;
	mm->brk = mm->brk_start = gva_add(gva_page_up(p->brk), rnd);
	return err;
}

static int build_mm(struct exec *x, struct exec_image *out)
{
	const struct exec_request *rq = x->rq;
	struct elf_place program, interp = { 0 };
	int err = stack_layout(x->mm, rq->stack_limit, &rq->random);

	if (!err)
		err = map_program(x, &program, &interp);
	if (!err)
		err = set_brk(x, &program);
	if (!err && rq->mem->vdso)
		err = vdso_map(x->mm, rq->clocks_moved);
	if (err)
		return err;
	const struct stack_args args = {
		.filename = rq->filename,
		.argv = x->argv,
		.envp = rq->envp,
		.elf = &x->program,
		.program = &program,
		.interp_base = x->interp_file ? interp.bias : 0,
		.cred = out->cred,
		.secure = out->secure,
		.random = rq->random,
		.exec_stack = x->program.exec_stack,
		.stack_limit = rq->stack_limit,
	};
	out->entry = x->interp_file ? interp.entry : program.entry;
	return stack_build(x->mm, &args, &out->sp);
}

static int load(struct exec *x, struct exec_image *out)
{
	int err = argv_copy(x);

	if (!err)
		err = resolve(x);
	if (!err && stack_check_args(x->rq->filename, x->argv, x->rq->envp, x->rq->stack_limit) < 0)
		err = errmsg_set(x->errmsg, E2BIG, "%s: arguments and environment are too long",
				 x->rq->filename);
	if (!err)
		err =
		    elf_read(&x->program, x->rq->caller, x->file, x->filename, ENOEXEC, x->errmsg);
	if (!err)
		err = read_interp(x);
	if (!err)
		err = exec_cred(x->rq->caller, x->file, x->rq->fs_shared, out);
	if (!err)
		err = mm_create(x->rq->mem, &x->mm);
	if (!err)
		err = build_mm(x, out);
	if (err)
		return errmsg_set(x->errmsg, -err, "%s: %s", x->rq->filename, strerror(-err));
	return 0;
}

static void image_fill(struct exec *x, struct exec_image *out)
{
	const char *slash = strrchr(x->rq->filename, '/'),
		   *base = slash ? slash + 1 : x->rq->filename;

	out->mm = x->mm;
	out->exe = x->file;
	memset(out->comm, 0, sizeof out->comm);
	strncpy(out->comm, base, sizeof out->comm - 1);
	x->mm = NULL;
	x->file = NULL;
}

static void exec_free(struct exec *x)
{
	elf_free(&x->program);
	elf_free(&x->interp);
	file_put(x->file);
	file_put(x->interp_file);
	mm_put(x->mm);
	for (size_t i = 0; i < x->argc; i++)
		free(x->argv[i]);
	free(x->argv);
	free(x->filename);
}

int exec_load(const struct exec_request *rq, struct exec_image *out, struct errmsg *errmsg)
{
	struct exec x = { .rq = rq,
			  .errmsg = errmsg,
			  .file = file_get(rq->file),
			  .filename = strdup(rq->filename) };
	int err;

	*out = (struct exec_image){ 0 };
	err = x.filename ? load(&x, out) : -ENOMEM;
	if (!err)
		image_fill(&x, out);
	else
		exec_image_destroy(out);
	out->too_late = err && (x.too_late || x.program.too_late || x.interp.too_late);
	exec_free(&x);
	return err;
}

void exec_image_destroy(struct exec_image *img)
{
	mm_put(img->mm);
	file_put(img->exe);
	cred_put(img->cred);
	*img = (struct exec_image){ 0 };
}
