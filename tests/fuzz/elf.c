/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The loader, given any bytes as a program and any bytes as its interpreter. Input: one byte of
 * options, two bytes that tell how long the program is, the program, the interpreter. After each
 * run nothing may be left, and what was loaded must satisfy the checks of the unit tests.
 */
#include "tests/unit/exec_world.h"

#include <string.h>

#include "mm/vma.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct world w;
static bool ready;

static void load(char *const *argv, char *const *envp)
{
	struct exec_image img;
	struct errmsg errmsg = { "" };
	int err = exec_world_load(&w, "/bin/prog", argv, envp, &img, &errmsg);

	assert_true(err <= 0);
	if (err) {
		assert_true(errmsg.text[0] != '\0');
		return;
	}
	assert_true(img.entry.v < GUEST_TASK_SIZE && img.sp.v % 16 == 0);
	assert_non_null(vma_at(img.mm, img.sp));
	mm_check(img.mm);
	exec_image_destroy(&img);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char arg[] = "argument", env[] = "NAME=value";
	char *argv[] = { arg, arg, NULL }, *envp[] = { env, NULL };
	size_t n;

	if (size < 3)
		return 0;
	if (!ready)
		world_create(&w);
	ready = true;
	n = (size_t)data[1] | (size_t)data[2] << 8;
	n = n < size - 3 ? n : size - 3;
	exec_world_file(&w, "/bin/prog", data + 3, n);
	exec_world_file(&w, "/ld", data + 3 + n, size - 3 - n);
	load(data[0] & 1 ? argv : NULL, data[0] & 2 ? envp : NULL);
	exec_world_clear();
	assert_int_equal(w.spaces, 0);
	assert_int_equal(arena_used(w.host.arena), 0);
	assert_int_equal(w.host.committed, 0);
	return 0;
}
