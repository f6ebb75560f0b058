/* SPDX-License-Identifier: Apache-2.0 */
#include "arch/machine.h"
#include "tests/unit/exec_world.h"

#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>

#include "loader/script.h"
#include "mm/access.h"
#include "mm/vma.h"

static struct world w;

/* A program of two segments: text, and data of 0x100 bytes in the file with 0x3000 in memory. */
struct image {
	Elf64_Ehdr eh;
	Elf64_Phdr ph[4];
	char interp[32];
	char pad[0x1000 - sizeof(Elf64_Ehdr) - 4 * sizeof(Elf64_Phdr) - 32];
	char data[0x100];
};

#define FIXED_BASE 0x400000UL

static struct image make_image(uint16_t type, const char *interp)
{
	uint64_t base = type == ET_EXEC ? FIXED_BASE : 0;
	struct image im = { 0 };

	memcpy(im.eh.e_ident, ELFMAG, SELFMAG);
	im.eh.e_ident[EI_CLASS] = ELFCLASS64;
	im.eh.e_ident[EI_DATA] = ELFDATA2LSB;
	im.eh.e_ident[EI_VERSION] = EV_CURRENT;
	im.eh.e_type = type;
	im.eh.e_machine = ARCH_ELF_MACHINE;
	im.eh.e_version = EV_CURRENT;
	im.eh.e_entry = base + 0x200;
	im.eh.e_phoff = offsetof(struct image, ph);
	im.eh.e_phentsize = sizeof(Elf64_Phdr);
	im.eh.e_phnum = interp ? 4 : 3;
	im.ph[0] = (Elf64_Phdr){ PT_LOAD, PF_R | PF_X, 0, base, base, 0x1000, 0x1000, 0x1000 };
	im.ph[1] = (Elf64_Phdr){ PT_LOAD, PF_R | PF_W, 0x1000, base + 0x2000,
				 base,    0x100,       0x3000, 0x1000 };
	im.ph[2] = (Elf64_Phdr){ PT_GNU_STACK, PF_R | PF_W, 0, 0, 0, 0, 0, 16 };
	if (interp) {
		strncpy(im.interp, interp, sizeof im.interp - 1);
		im.ph[3] = (Elf64_Phdr){ PT_INTERP,
					 PF_R,
					 offsetof(struct image, interp),
					 0,
					 0,
					 strlen(interp) + 1,
					 strlen(interp) + 1,
					 1 };
	}
	memset(im.data, 'D', sizeof im.data);
	return im;
}

static int setup(void **state)
{
	world_create(&w);
	return 0;
}

static int teardown(void **state)
{
	exec_world_clear();
	world_destroy(&w);
	return 0;
}

#define S(text) ((char[]){ text }) /* a string that may be written, as argv has them */
static char *no_args[] = { S("prog"), NULL }, *no_env[] = { NULL };

static void load_ok(const char *name, char *const *argv, char *const *envp, struct exec_image *img)
{
	struct errmsg errmsg = { "" };
	int err = exec_world_load(&w, name, argv, envp, img, &errmsg);

	if (err)
		fail_msg("%d: %s", err, errmsg.text);
	assert_string_equal(errmsg.text, "");
	mm_check(img->mm);
}

static void load_fails(const char *name, int want, const char *words)
{
	struct errmsg errmsg = { "" };
	struct exec_image img;
	int err = exec_world_load(&w, name, no_args, no_env, &img, &errmsg);

	assert_int_equal(err, -want);
	if (!strstr(errmsg.text, words))
		fail_msg("\"%s\" does not say \"%s\"", errmsg.text, words);
	assert_non_null(strstr(errmsg.text, name));
	assert_null(strchr(errmsg.text, '\n'));
	assert_int_equal(w.spaces, 0);
}

static uint64_t peek64(struct mm *mm, uint64_t addr)
{
	uint64_t v;

	assert_int_equal(copy_from_guest(mm, &v, GVA(addr), sizeof v), 0);
	return v;
}

static uint64_t aux_find(struct mm *mm, uint64_t type)
{
	for (unsigned i = 0; i < mm->auxv_len; i += 2) {
		if (mm->auxv[i] == type)
			return mm->auxv[i + 1];
	}
	fail_msg("no auxv entry %lu", (unsigned long)type);
	return 0;
}

static void assert_string_at(struct mm *mm, uint64_t addr, const char *want)
{
	char buf[256];

	assert_true(copy_string_from_guest(mm, buf, GVA(addr), sizeof buf) >= 0);
	assert_string_equal(buf, want);
}

/* ---- what is loaded ---- */

static void fixed_program(void **state)
{
	struct image im = make_image(ET_EXEC, NULL);
	struct exec_image img;
	struct vma *v;

	exec_world_file(&w, "/bin/prog", &im, sizeof im);
	load_ok("/bin/prog", no_args, no_env, &img);
	assert_int_equal(img.entry.v, FIXED_BASE + 0x200);
	assert_string_equal(img.comm, "prog");
	assert_int_equal(guest_peek(img.mm, FIXED_BASE), 0x7f);
	assert_int_equal(guest_poke(img.mm, FIXED_BASE, 0), -1);
	assert_int_equal(guest_peek(img.mm, FIXED_BASE + 0x1000), -1);
	assert_int_equal(guest_peek(img.mm, FIXED_BASE + 0x20ff), 'D');
	for (uint64_t at = FIXED_BASE + 0x2100; at < FIXED_BASE + 0x5000; at++)
		assert_int_equal(guest_peek(img.mm, at), 0);
	assert_int_equal(guest_peek(img.mm, FIXED_BASE + 0x5000), -1);
	assert_int_equal(guest_peek(img.mm, 0), -1);
	assert_int_equal(guest_poke(img.mm, FIXED_BASE + 0x4fff, 1), 0);
	v = mm_vma_at(img.mm, FIXED_BASE);
	assert_int_equal(v->prot, GUEST_READ | GUEST_EXEC);
	assert_int_equal(img.mm->start_code.v, FIXED_BASE);
	assert_int_equal(img.mm->end_code.v, FIXED_BASE + 0x1000);
	assert_int_equal(img.mm->end_data.v, FIXED_BASE + 0x2100);
	assert_true(img.mm->brk_start.v >= FIXED_BASE + 0x5000);
	assert_int_equal(aux_find(img.mm, AT_PHDR), FIXED_BASE + offsetof(struct image, ph));
	assert_int_equal(aux_find(img.mm, AT_BASE), 0);
	exec_image_destroy(&img);
}

static void stack_contents(void **state)
{
	struct image im = make_image(ET_EXEC, NULL);
	char *argv[] = { S("first"), S(""), S("third"), NULL },
	     *envp[] = { S("A=1"), S("B=2"), NULL };
	struct exec_image img;
	uint64_t sp;

	exec_world_file(&w, "/bin/prog", &im, sizeof im);
	load_ok("/bin/prog", argv, envp, &img);
	sp = img.sp.v;
	assert_int_equal(sp % 16, 0);
	assert_int_equal(peek64(img.mm, sp), 3);
	assert_string_at(img.mm, peek64(img.mm, sp + 8), "first");
	assert_string_at(img.mm, peek64(img.mm, sp + 16), "");
	assert_string_at(img.mm, peek64(img.mm, sp + 24), "third");
	assert_int_equal(peek64(img.mm, sp + 32), 0);
	assert_string_at(img.mm, peek64(img.mm, sp + 40), "A=1");
	assert_string_at(img.mm, peek64(img.mm, sp + 48), "B=2");
	assert_int_equal(peek64(img.mm, sp + 56), 0);
	for (unsigned i = 0; i < img.mm->auxv_len; i++)
		assert_int_equal(peek64(img.mm, sp + 64 + 8 * i), img.mm->auxv[i]);
	assert_int_equal(img.mm->auxv[img.mm->auxv_len - 2], AT_NULL);
	assert_string_at(img.mm, aux_find(img.mm, AT_EXECFN), "/bin/prog");
	assert_string_at(img.mm, aux_find(img.mm, AT_PLATFORM), ARCH_NAME);
	assert_int_equal(aux_find(img.mm, AT_ENTRY), img.entry.v);
	assert_int_equal(aux_find(img.mm, AT_PHNUM), 3);
	assert_int_equal(aux_find(img.mm, AT_UID), 1);
	assert_int_equal(aux_find(img.mm, AT_EGID), 4);
	assert_true(peek64(img.mm, aux_find(img.mm, AT_RANDOM)) != 0);
	assert_int_equal(img.mm->arg_end.v - img.mm->arg_start.v, 6 + 1 + 6);
	assert_int_equal(img.mm->env_end.v - img.mm->env_start.v, 8);
	/* Pushes below take no fault at first, and the stack is not executable. */
	world_count_reset(&w);
	assert_int_equal(guest_poke(img.mm, sp - 100000, 1), 0);
	assert_int_equal(w.faults, 0);
	assert_int_equal(mm_vma_at(img.mm, sp)->prot, GUEST_READ | GUEST_WRITE);
	exec_image_destroy(&img);
}

static void no_arguments_at_all(void **state)
{
	struct image im = make_image(ET_EXEC, NULL);
	struct exec_image img;

	exec_world_file(&w, "/p", &im, sizeof im);
	load_ok("/p", NULL, NULL, &img);
	assert_int_equal(peek64(img.mm, img.sp.v), 1);
	assert_string_at(img.mm, peek64(img.mm, img.sp.v + 8), "");
	exec_image_destroy(&img);
}

static void interpreter(void **state)
{
	struct image im = make_image(ET_DYN, "/lib/ld.so"), ld = make_image(ET_DYN, NULL);
	struct exec_image img;
	uint64_t base;

	exec_world_file(&w, "/bin/prog", &im, sizeof im);
	load_fails("/bin/prog", ENOENT, "/lib/ld.so");
	exec_world_file(&w, "/lib/ld.so", "text", 4);
	load_fails("/bin/prog", EIO, "shorter than an ELF header");
	exec_world_file(&w, "/lib/ld.so", (char[64]){ "text" }, 64);
	load_fails("/bin/prog", ELIBBAD, "");
	exec_world_file(&w, "/lib/ld.so", &ld, sizeof ld);
	load_ok("/bin/prog", no_args, no_env, &img);
	base = aux_find(img.mm, AT_BASE);
	assert_true(base != 0);
	assert_int_equal(img.entry.v, base + 0x200);
	assert_true(aux_find(img.mm, AT_ENTRY) != img.entry.v);
	const uint64_t pie = ARCH_TASK_SIZE / 3 * 2;
	assert_in_range(aux_find(img.mm, AT_PHDR), pie - PAGE_SIZE,
			pie + (PAGE_SIZE << ARCH_MMAP_RANDOM_BITS));
	exec_image_destroy(&img);
}

static void executable_stack(void **state)
{
	struct image im = make_image(ET_EXEC, NULL);
	struct exec_image img;

	im.ph[2].p_flags |= PF_X;
	exec_world_file(&w, "/p", &im, sizeof im);
	load_ok("/p", no_args, no_env, &img);
	assert_int_equal(mm_vma_at(img.mm, img.sp.v)->prot, GUEST_READ | GUEST_WRITE | GUEST_EXEC);
	exec_image_destroy(&img);
}

static void empty_segments(void **state)
{
	struct image im = make_image(ET_DYN, NULL);
	struct exec_image img;

	im.ph[2] = (Elf64_Phdr){ PT_LOAD, PF_R, 0x1000, 0x9000, 0, 0, 0, 0x1000 };
	exec_world_file(&w, "/p", &im, sizeof im);
	load_ok("/p", no_args, no_env, &img);
	exec_image_destroy(&img);
	/* All of it in memory, none in the file. */
	im.ph[2] = (Elf64_Phdr){ PT_LOAD, PF_R | PF_W, 0, 0x9010, 0, 0, 0x2000, 0x1000 };
	exec_world_file(&w, "/p", &im, sizeof im);
	load_ok("/p", no_args, no_env, &img);
	assert_int_equal(guest_poke(img.mm, img.entry.v - 0x200 + 0xb00f, 1), 0);
	exec_image_destroy(&img);
}

/* ---- what is refused ---- */

static void damaged_headers(void **state)
{
	static const struct {
		size_t at; /* of the 8, 4 or 2 bytes */
		size_t size;
		uint64_t value;
		const char *words;
	} cases[] = {
#define EH(field, value, words)                                                                    \
	{ offsetof(struct image, eh.field), sizeof(((Elf64_Ehdr *)0)->field), value, words }
#define PH(i, field, value, words)                                                                 \
	{                                                                                          \
		offsetof(struct image, ph[i].field), sizeof(((Elf64_Phdr *)0)->field), value,      \
		    words                                                                          \
	}
		EH(e_machine, EM_RISCV, "RISC-V"),
		EH(e_machine, EM_386, "32-bit x86"),
		EH(e_machine, 0x4242, "unknown machine"),
		EH(e_type, ET_REL, "not an executable"),
		EH(e_type, ET_CORE, "not an executable"),
		EH(e_phentsize, 55, "bad size"),
		EH(e_phnum, 0, "bad size"),
		EH(e_phnum, 0xffff, "bad size"),
		EH(e_phnum, 1000, "cut short"),
		EH(e_phoff, UINT64_MAX, "cut short"),
		EH(e_phoff, 1UL << 62, "cut short"),
		EH(e_entry, UINT64_MAX, "entry point"),
		PH(0, p_type, PT_NULL, ""),
		PH(0, p_vaddr, UINT64_MAX - 0xfff, "outside"),
		PH(0, p_vaddr, FIXED_BASE + 1, "aligned"),
		PH(0, p_memsz, UINT64_MAX, "outside"),
		PH(0, p_filesz, 0x2000, "larger in the file"),
		PH(0, p_offset, UINT64_MAX - 0xfff, "what a file can hold"),
		PH(1, p_memsz, ARCH_TASK_SIZE, "outside"),
		PH(3, p_filesz, 1, "interpreter's name"),
		PH(3, p_filesz, 5000, "interpreter's name"),
		PH(3, p_offset, UINT64_MAX, "interpreter's name"),
		PH(3, p_filesz, 5, "does not end"),
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct image im = make_image(ET_EXEC, "/lib/ld.so");

		memcpy((char *)&im + cases[i].at, &cases[i].value, cases[i].size);
		exec_world_file(&w, "/bin/bad", &im, sizeof im);
		if (cases[i].words[0])
			load_fails("/bin/bad", ENOEXEC, cases[i].words);
	}
}

static void short_files(void **state)
{
	struct image im = make_image(ET_EXEC, NULL);

	/* Segments may be cut short: who touches what is not there gets SIGBUS. */
	for (size_t n = 0; n < sizeof im.eh + im.eh.e_phnum * sizeof *im.ph; n++) {
		exec_world_file(&w, "/bin/bad", &im, n);
		load_fails("/bin/bad", ENOEXEC, "");
	}
}

static void nowhere_to_go(void **state)
{
	struct image im = make_image(ET_EXEC, NULL);

	im.ph[0].p_vaddr = 0;
	im.ph[1].p_vaddr = 0x2000;
	exec_world_file(&w, "/bin/bad", &im, sizeof im);
	load_fails("/bin/bad", EPERM, "mapped");
	im = make_image(ET_DYN, NULL);
	im.ph[1].p_memsz = ARCH_TASK_SIZE - 0xf000;
	exec_world_file(&w, "/bin/bad", &im, sizeof im);
	load_fails("/bin/bad", ENOMEM, "room");
}

static void too_many_arguments(void **state)
{
	struct image im = make_image(ET_EXEC, NULL);
	char *longest = malloc(EXEC_MAX_ARG_STRLEN + 1), **many = calloc(300001, sizeof *many);
	char *argv[] = { longest, NULL }, x[] = "x";
	struct exec_image img;

	exec_world_file(&w, "/p", &im, sizeof im);
	memset(longest, 'a', EXEC_MAX_ARG_STRLEN);
	longest[EXEC_MAX_ARG_STRLEN] = '\0';
	assert_int_equal(exec_world_load(&w, "/p", argv, no_env, &img, NULL), -E2BIG);
	longest[EXEC_MAX_ARG_STRLEN - 1] = '\0';
	load_ok("/p", argv, no_env, &img);
	exec_image_destroy(&img);
	for (int i = 0; i < 300000; i++)
		many[i] = x;
	assert_int_equal(exec_world_load(&w, "/p", many, no_env, &img, NULL), -E2BIG);
	many[100000] = NULL;
	load_ok("/p", many, no_env, &img);
	assert_int_equal(peek64(img.mm, img.sp.v), 100000);
	exec_image_destroy(&img);
	free(longest);
	free(many);
}

/* Each allocation of the platform fails in turn. */
static void platform_out_of_memory(void **state)
{
	struct image im = make_image(ET_DYN, NULL);

	exec_world_file(&w, "/p", &im, sizeof im);
	for (unsigned n = 1; n < 64; n++) {
		struct exec_image img;

		w.fail_maps = n;
		if (exec_world_load(&w, "/p", no_args, no_env, &img, NULL) == 0)
			exec_image_destroy(&img);
		assert_int_equal(w.spaces, 0);
	}
	w.fail_maps = 0;
}

/* ---- scripts ---- */

static void script_lines(void **state)
{
	static const struct {
		const char *text, *interp, *arg;
	} cases[] = {
		{ "#!/bin/sh\n", "/bin/sh", NULL },
		{ "#! \t/bin/sh  \t\n", "/bin/sh", NULL },
		{ "#!/bin/sh -e -x \necho", "/bin/sh", "-e -x" },
		{ "#!/bin/sh", "/bin/sh", NULL },
		{ "#!/bin/sh -a", "/bin/sh", "-a" },
		{ "#!\n", NULL, NULL },
		{ "#!   \n", NULL, NULL },
		{ "#!", "", NULL },
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct script s;
		int err = script_parse(&s, cases[i].text, strlen(cases[i].text));

		assert_int_equal(err, cases[i].interp ? 0 : -ENOEXEC);
		if (err)
			continue;
		assert_string_equal(s.interp, cases[i].interp);
		if (cases[i].arg)
			assert_string_equal(s.arg, cases[i].arg);
		else
			assert_null(s.arg);
	}
}

static void script_limits(void **state)
{
	char text[SCRIPT_LINE_MAX];
	struct script s;

	memset(text, 'a', sizeof text);
	memcpy(text, "#!/", 3);
	assert_int_equal(script_parse(&s, text, sizeof text), -ENOEXEC);
	text[100] = ' ';
	assert_int_equal(script_parse(&s, text, sizeof text), 0);
	assert_int_equal(strlen(s.interp), 98);
	assert_int_equal(strlen(s.arg), SCRIPT_LINE_MAX - 1 - 101);
	text[SCRIPT_LINE_MAX - 1] = '\n';
	text[100] = 'a';
	assert_int_equal(script_parse(&s, text, sizeof text), 0);
	assert_int_equal(strlen(s.interp), SCRIPT_LINE_MAX - 3);
}

static void scripts_run(void **state)
{
	struct image im = make_image(ET_EXEC, NULL);
	char *argv[] = { S("myname"), S("arg"), NULL }, name[16], text[32];
	const char *want[] = { "/bin/prog", "-x y", "/s1", "/s2", "arg" };
	struct exec_image img;

	exec_world_file(&w, "/bin/prog", &im, sizeof im);
	exec_world_file(&w, "/s1", "#!/bin/prog -x y\n", 17);
	exec_world_file(&w, "/s2", "#!/s1\n", 6);
	load_ok("/s2", argv, no_env, &img);
	assert_int_equal(peek64(img.mm, img.sp.v), 5);
	for (unsigned i = 0; i < 5; i++)
		assert_string_at(img.mm, peek64(img.mm, img.sp.v + 8 + 8 * i), want[i]);
	assert_string_equal(img.comm, "s2");
	assert_string_at(img.mm, aux_find(img.mm, AT_EXECFN), "/s2");
	exec_image_destroy(&img);
	exec_world_file(&w, "/bad", "#!/missing\n", 11);
	load_fails("/bad", ENOENT, "/missing");
	exec_world_file(&w, "/bad", "echo\n", 5);
	load_fails("/bad", ENOEXEC, "not an executable");
	for (int i = 2; i < 8; i++) {
		snprintf(name, sizeof name, "/s%d", i);
		snprintf(text, sizeof text, "#!/s%d\n", i - 1);
		exec_world_file(&w, name, text, strlen(text));
	}
	load_ok("/s5", argv, no_env, &img);
	exec_image_destroy(&img);
	load_fails("/s6", ELOOP, "too many");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(fixed_program),       TEST(stack_contents),
		TEST(no_arguments_at_all), TEST(interpreter),
		TEST(executable_stack),    TEST(empty_segments),
		TEST(damaged_headers),     TEST(short_files),
		TEST(nowhere_to_go),       TEST(script_lines),
		TEST(script_limits),       TEST(scripts_run),
		TEST(too_many_arguments),  TEST(platform_out_of_memory),
	};

	return cmocka_run_group_tests_name("loader", tests, NULL, NULL);
}
