/* SPDX-License-Identifier: Apache-2.0 */
/* What a removed file of the host's gives back to a limit, and when. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "fs/hostfs/internal.h"

#define FILE_BYTES 65536

struct world {
	struct disk disk;
	struct hostfs h;
	char name[32];
	int fd; /* of a file that the sandbox has written */
};

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof *w);

	assert_non_null(w);
	mutex_init(&w->disk.lock, LOCK_DISK);
	mutex_init(&w->disk.files_lock, LOCK_DISK_FILES);
	w->disk.quota.max = 1 << 20;
	w->h.disk = &w->disk;
	strcpy(w->name, "/tmp/hl-disk-XXXXXX");
	w->fd = mkstemp(w->name);
	assert_true(w->fd >= 0);
	assert_int_equal(ftruncate(w->fd, FILE_BYTES), 0);
	/* and another of that size */
	w->disk.quota.used = w->disk.on_host = 2 * FILE_BYTES;
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	assert_null(w->disk.files.root);
	assert_int_equal(w->disk.quota.used, w->disk.on_host);
	mutex_destroy(&w->disk.files_lock);
	mutex_destroy(&w->disk.lock);
	close(w->fd);
	unlink(w->name);
	free(w);
	return 0;
}

static struct disk_file *hold(struct world *w, int fd)
{
	struct disk_file *f;

	assert_int_equal(hostfs_disk_hold(&w->h, fd, &f), 0);
	assert_non_null(f);
	return f;
}

static void with_the_last_hold(void **state)
{
	struct world *w = *state;
	struct disk_file *first = hold(w, w->fd), *second = hold(w, w->fd);
	struct disk_file *third = hostfs_disk_share(second);

	assert_ptr_equal(first, second);
	assert_int_equal(unlink(w->name), 0);
	hostfs_disk_drop(first, w->fd);
	hostfs_disk_drop(third, w->fd);
	assert_int_equal(w->disk.quota.used, 2 * FILE_BYTES);
	hostfs_disk_drop(second, w->fd);
	assert_int_equal(w->disk.quota.used, FILE_BYTES);
}

static void not_while_it_has_a_name(void **state)
{
	struct world *w = *state;

	hostfs_disk_drop(hold(w, w->fd), w->fd);
	assert_int_equal(w->disk.quota.used, 2 * FILE_BYTES);
}

/* One thread has opened the file, and holds it only after another has given it back. */
static void once(void **state)
{
	struct world *w = *state;
	int late = open(w->name, O_PATH | O_CLOEXEC);
	struct disk_file *f = hold(w, w->fd);

	assert_true(late >= 0);
	assert_int_equal(unlink(w->name), 0);
	hostfs_disk_drop(f, w->fd);
	assert_int_equal(w->disk.quota.used, FILE_BYTES);
	f = hold(w, late);
	assert_int_equal(w->disk.quota.used, 2 * FILE_BYTES);
	hostfs_disk_drop(f, late);
	assert_int_equal(w->disk.quota.used, FILE_BYTES);
	close(late);
}

/* It was larger than what the sandbox has written to files of the host. */
static void no_more_than_was_taken(void **state)
{
	struct world *w = *state;
	struct disk_file *f = hold(w, w->fd);

	w->disk.on_host = w->disk.quota.used = 100;
	assert_int_equal(unlink(w->name), 0);
	hostfs_disk_drop(f, w->fd);
	assert_int_equal(w->disk.quota.used, 0);
}

static void not_what_is_no_file(void **state)
{
	struct world *w = *state;
	int dir = open("/tmp", O_PATH | O_CLOEXEC);
	struct disk_file *f;

	assert_int_equal(hostfs_disk_hold(&w->h, dir, &f), 0);
	assert_null(f);
	hostfs_disk_drop(NULL, dir);
	assert_null(hostfs_disk_share(NULL));
	close(dir);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(with_the_last_hold),     TEST(not_while_it_has_a_name), TEST(once),
		TEST(no_more_than_was_taken), TEST(not_what_is_no_file),
	};

	return cmocka_run_group_tests_name("hostfs_disk", tests, NULL, NULL);
}
