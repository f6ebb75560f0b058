/* SPDX-License-Identifier: Apache-2.0 */
/* The end of a sandbox's memory, when it is urgent. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <sys/mman.h>
#include <time.h>

#include <cmocka.h>

#include "platform/physmem.h"
#include "util/gva.h"

#define MIB (1UL << 20)

static bool is_mapped(void *page)
{
	unsigned char resident;

	return mincore(page, PAGE_SIZE, &resident) == 0;
}

/* Touches as much, hurries, and ends. Where the memory was. */
static char *end_with(uint64_t touched)
{
	struct physmem *pm;

	assert_int_equal(physmem_create(1UL << 30, 1UL << 30, &pm, NULL), 0);
	char *base = physmem_base(pm);
	assert_int_equal(madvise(base, touched, MADV_POPULATE_WRITE), 0);
	physmem_hurry(pm);
	physmem_hurry(pm);
	assert_true(is_mapped(base));
	physmem_destroy(pm);
	return base;
}

/* Somebody else unmaps it: here it is only seen that it happens. */
static void much_is_unmapped_aside(void **state)
{
	char *base = end_with(96 * MIB);

	while (is_mapped(base))
		nanosleep(&(struct timespec){ 0, 1000000 }, NULL);
}

static void little_is_unmapped_at_once(void **state)
{
	assert_false(is_mapped(end_with(MIB)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(much_is_unmapped_aside),
		cmocka_unit_test(little_is_unmapped_at_once),
	};

	return cmocka_run_group_tests_name("physmem", tests, NULL, NULL);
}
