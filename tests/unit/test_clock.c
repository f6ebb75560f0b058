/* SPDX-License-Identifier: Apache-2.0 */
/* The vDSO image runs here as it runs in a guest: in front of a page that clock_page_update
 * writes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <elf.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "host/clock.h"
#include "loader/clock.h"

#define PAGE      4096UL
#define NR_CLOCKS 5

/* vdso(7) */
#ifdef __aarch64__
#define VDSO_PREFIX "__kernel_"
#define VDSO_NAMES  "clock_gettime", "gettimeofday", "clock_getres", "rt_sigreturn"
#else
#define VDSO_PREFIX "__vdso_"
#define VDSO_NAMES  "clock_gettime", "gettimeofday", "time", "getcpu", "clock_getres"
#endif

extern const char vdso_image_start[], vdso_image_end[];

typedef int gettime_fn(clockid_t, struct timespec *);

static struct clock_page page;
static gettime_fn *vdso_gettime;
static const clockid_t clocks[NR_CLOCKS] = { CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_MONOTONIC_RAW,
					     CLOCK_BOOTTIME, CLOCK_TAI };

static uint64_t ns_of(const struct timespec *ts)
{
	return (uint64_t)ts->tv_sec * 1000000000u + (uint64_t)ts->tv_nsec;
}

static uint64_t vdso_ns(clockid_t clock)
{
	struct timespec ts;

	assert_int_equal(vdso_gettime(clock, &ts), 0);
	assert_in_range(ts.tv_nsec, 0, 999999999);
	return ns_of(&ts);
}

static uint64_t host_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return ns_of(&ts);
}

/* ---- the image ---- */

static const void *dynamic_find(const char *image, int64_t tag)
{
	const Elf64_Ehdr *eh = (const void *)image;
	const Elf64_Phdr *ph = (const void *)(image + eh->e_phoff);

	for (int i = 0; i < eh->e_phnum; i++) {
		if (ph[i].p_type != PT_DYNAMIC)
			continue;
		for (const Elf64_Dyn *d = (const void *)(image + ph[i].p_offset);
		     d->d_tag != DT_NULL; d++) {
			if (d->d_tag == tag)
				return image + d->d_un.d_ptr;
		}
	}
	return NULL;
}

static const void *symbol_find(const char *image, const char *name)
{
	const Elf64_Sym *sym = dynamic_find(image, DT_SYMTAB);
	const char *str = dynamic_find(image, DT_STRTAB);
	const uint32_t *hash = dynamic_find(image, DT_HASH);

	for (uint32_t i = 1; i < hash[1]; i++) {
		if (strcmp(str + sym[i].st_name, name) == 0)
			return image + sym[i].st_value;
	}
	return NULL;
}

static int setup(void **state)
{
	size_t len = (size_t)(vdso_image_end - vdso_image_start);
	char *mem =
	    mmap(NULL, PAGE + len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	memcpy(mem + PAGE, vdso_image_start, len);
	mprotect(mem + PAGE, len, PROT_READ | PROT_EXEC);
	vdso_gettime =
	    (gettime_fn *)(uintptr_t)symbol_find(mem + PAGE, VDSO_PREFIX "clock_gettime");
	assert_non_null(vdso_gettime);
	clock_page_init(&page, NULL, (struct vdso_data *)mem);
	if (!page.usable)
		print_message(
		    "the host does not count time by the TSC: only the fall-back is tested\n");
	return 0;
}

static void all_names_are_there(void **state)
{
	static const char *const names[] = { VDSO_NAMES };

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		char full[64];

		snprintf(full, sizeof full, VDSO_PREFIX "%s", names[i]);
		assert_non_null(symbol_find(vdso_image_start, full));
#ifndef __aarch64__ /* only x86 has the names without a prefix, too */
		assert_ptr_equal(symbol_find(vdso_image_start, full),
				 symbol_find(vdso_image_start, names[i]));
#endif
	}
}

/* Before the first update, and after the page has run out, the system call answers. */
static void falls_back(void **state)
{
	uint64_t before = host_ns(CLOCK_MONOTONIC), got = vdso_ns(CLOCK_MONOTONIC);

	assert_in_range(got, before, host_ns(CLOCK_MONOTONIC));
	assert_in_range(vdso_ns(CLOCK_PROCESS_CPUTIME_ID), 1, UINT64_MAX);
	assert_true(vdso_gettime(99, &(struct timespec){ 0 }) != 0);
}

/* How far a reading lies outside what the host showed before and after; of several, the least:
 * others were interrupted. */
static uint64_t error_of(clockid_t clock)
{
	uint64_t least = UINT64_MAX;

	for (int i = 0; i < 5; i++) {
		uint64_t before = host_ns(clock), got = vdso_ns(clock), after = host_ns(clock);
		uint64_t err = got < before ? before - got : got > after ? got - after : 0;

		least = err < least ? err : least;
	}
	return least;
}

static void pause_us(unsigned us)
{
	nanosleep(&(struct timespec){ 0, us * 1000L }, NULL);
}

/* Updates at the times a keeper would make them, and readings all the while, for two seconds. */
static void agrees_with_the_host(void **state)
{
	uint64_t end = host_ns(CLOCK_MONOTONIC) + 2000000000u, next = 0, worst = 0,
		 last[NR_CLOCKS] = { 0 };

	pause_us(300);
	while (host_ns(CLOCK_MONOTONIC) < end) {
		if (host_ns(CLOCK_MONOTONIC) >= next)
			next = host_ns(CLOCK_MONOTONIC) + clock_page_update(&page) / 2;
		for (int i = 0; i < NR_CLOCKS; i++) {
			uint64_t now = vdso_ns(clocks[i]), err = error_of(clocks[i]);

			assert_true(now >= last[i]);
			last[i] = vdso_ns(clocks[i]);
			worst = err > worst ? err : worst;
		}
		pause_us(200);
	}
	print_message("worst difference %lu ns\n", (unsigned long)worst);
	assert_true(worst <= 1000);
}

/* ---- several threads ---- */

static _Atomic bool stop;
static _Atomic uint64_t latest;

/* Nobody may read less than what somebody else has read before. */
static void *read_and_compare(void *arg)
{
	while (!stop) {
		uint64_t seen = latest, now = vdso_ns(CLOCK_MONOTONIC);

		if (now < seen)
			return (void *)1;
		while (seen < now && !atomic_compare_exchange_weak(&latest, &seen, now))
			;
	}
	return NULL;
}

static void never_backwards(void **state)
{
	pthread_t t[2];

	for (int i = 0; i < 2; i++)
		pthread_create(&t[i], NULL, read_and_compare, NULL);
	for (int i = 0; i < 2000; i++) {
		clock_page_update(&page);
		pause_us(100);
	}
	stop = true;
	for (int i = 0; i < 2; i++) {
		void *bad;

		pthread_join(t[i], &bad);
		assert_null(bad);
	}
}

static void coarse_clocks_lag(void **state)
{
	uint64_t last = 0, last_real = 0;
	struct timespec res;

	clock_getres(CLOCK_MONOTONIC_COARSE, &res);
	clock_page_update(&page);
	for (int i = 0; i < 1000; i++) {
		uint64_t before = vdso_ns(CLOCK_MONOTONIC);
		uint64_t coarse = vdso_ns(CLOCK_MONOTONIC_COARSE), after = vdso_ns(CLOCK_MONOTONIC);
		uint64_t real = vdso_ns(CLOCK_REALTIME_COARSE);

		/* However long it was kept from running in between. */
		assert_in_range(coarse, before - 2 * (uint64_t)res.tv_nsec, after);
		assert_true(coarse >= last && real >= last_real);
		last = coarse;
		last_real = real;
	}
}

/* ---- clocks of a guest's own ---- */

#define DAY_NS (86400L * 1000000000)

static const struct guest_clock moved = { .realtime = -10 * 365 * DAY_NS + 123,
					  .monotonic = 40 * DAY_NS,
					  .boottime = 41 * DAY_NS };

/* `clock` is what the guest's clock shows, by the vDSO. A page that has run out in between makes
 * the vDSO ask this host, which knows nothing of the guest's clock. */
static void check_moved(struct clock_page *p, clockid_t clock, uint64_t slack)
{
	uint64_t before, got, after;

	do {
		while (!clock_page_update(p))
			pause_us(200);
		before = guest_clock_ns(&moved, clock);
		got = vdso_ns(clock);
		after = guest_clock_ns(&moved, clock);
	} while (clock_page_expired(p));
	assert_in_range(got, before - slack, after + slack);
}

static void shows_the_guests_clocks(void **state)
{
	struct clock_page p;

	if (!page.usable)
		return;
	clock_page_init(&p, &moved, page.data);
	for (int i = 0; i < NR_CLOCKS; i++)
		check_moved(&p, clocks[i], 100000);
	/* which move in steps of up to 10 ms */
	check_moved(&p, CLOCK_MONOTONIC_COARSE, 11000000);
	check_moved(&p, CLOCK_REALTIME_COARSE, 11000000);
	clock_page_init(&page, NULL, page.data);
}

static void distances_are_bounded(void **state)
{
	struct guest_clock gc = { 0 };

	assert_int_equal(guest_clock_check(&gc), 0);
	assert_int_equal(guest_clock_check(&moved), 0);
	gc.boottime = -(int64_t)host_ns(CLOCK_BOOTTIME) - DAY_NS;
	assert_int_equal(guest_clock_check(&gc), -ERANGE);
	gc = (struct guest_clock){ .realtime = INT64_MIN };
	assert_int_equal(guest_clock_check(&gc), -ERANGE);
	gc = (struct guest_clock){ .monotonic = INT64_MAX };
	assert_int_equal(guest_clock_check(&gc), -ERANGE);
	gc = (struct guest_clock){ .realtime = 250 * 365 * DAY_NS };
	assert_int_equal(guest_clock_check(&gc), -ERANGE);
}

static void deadlines_become_the_hosts(void **state)
{
	uint64_t day = DAY_NS;

	assert_int_equal(guest_clock_to_host(&moved, CLOCK_MONOTONIC, 41 * day), day);
	assert_int_equal(guest_clock_to_host(&moved, CLOCK_BOOTTIME, 42 * day), day);
	assert_int_equal(guest_clock_to_host(&moved, CLOCK_REALTIME, 123), 3650 * day);
	assert_int_equal(guest_clock_to_host(&moved, CLOCK_TAI, 123), 3650 * day);
	/* of a time before the host's began, and of one after its end */
	assert_int_equal(guest_clock_to_host(&moved, CLOCK_MONOTONIC, day), 1);
	assert_int_equal(guest_clock_to_host(&moved, CLOCK_REALTIME, CLOCK_NS_MAX), CLOCK_NS_MAX);
	assert_int_equal(guest_clock_to_host(&moved, CLOCK_MONOTONIC, UINT64_MAX), CLOCK_NS_MAX);
	assert_int_equal(guest_clock_to_host(NULL, CLOCK_MONOTONIC, day), day);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_names_are_there),
		cmocka_unit_test(falls_back),
		cmocka_unit_test(agrees_with_the_host),
		cmocka_unit_test(never_backwards),
		cmocka_unit_test(coarse_clocks_lag),
		cmocka_unit_test(shows_the_guests_clocks),
		cmocka_unit_test(distances_are_bounded),
		cmocka_unit_test(deadlines_become_the_hosts),
	};

	return cmocka_run_group_tests_name("clock", tests, setup, NULL);
}
