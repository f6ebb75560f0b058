/* SPDX-License-Identifier: Apache-2.0 */
/* However many instances a guest makes, the host gives one; the guest's own limit ends it. */
#include "fsworld.h"

#include <dirent.h>
#include <sys/inotify.h>

#include "fs/inotify.h"

static struct fsworld w;

static unsigned host_instances(void)
{
	DIR *d = opendir("/proc/self/fd");
	struct dirent *e;
	unsigned n = 0;

	assert_non_null(d);
	while ((e = readdir(d))) {
		char link[64] = "";
		ssize_t len = readlinkat(dirfd(d), e->d_name, link, sizeof link - 1);
		n += len > 0 && !strcmp(link, "anon_inode:inotify");
	}
	closedir(d);
	return n;
}

static void one_of_the_host(void **state)
{
	struct file *f[INOTIFY_MAX_USER_INSTANCES], *one_more;

	for (unsigned i = 0; i < INOTIFY_MAX_USER_INSTANCES; i++)
		assert_int_equal(inotify_create(&w.c, IN_NONBLOCK, &f[i]), 0);
	assert_int_equal(inotify_create(&w.c, 0, &one_more), -EMFILE);
	assert_int_equal(host_instances(), 1);
	for (unsigned i = 0; i < INOTIFY_MAX_USER_INSTANCES; i++)
		file_put(f[i]);
	assert_int_equal(inotify_create(&w.c, 0, &one_more), 0);
	file_put(one_more);
}

static int setup(void **state)
{
	world_open(&w);
	world_mount(&w, "/", world_hostfs(&w, w.dir), 0);
	return 0;
}

static int teardown(void **state)
{
	world_close(&w);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(one_of_the_host) };

	return cmocka_run_group_tests(tests, setup, teardown);
}
