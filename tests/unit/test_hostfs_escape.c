/* SPDX-License-Identifier: Apache-2.0 */
/* hostfs below a directory that is not the host's root: nothing outside is reached, whatever the
 * guest or the host does to the tree meanwhile. */
#include "tests/unit/fsworld.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/mount.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/socket.h>

static int setup(void **state)
{
	struct fsworld *w = malloc(sizeof *w);

	world_open(w);
	host_mkdir(w, "root");
	host_mkdir(w, "root/sub");
	host_mkdir(w, "outside");
	host_mkdir(w, "outside/sub");
	host_write(w, "outside/secret", "SECRET");
	host_write(w, "outside/sub/secret", "SECRET");
	host_write(w, "root/inside", "inside");
	world_mount(w, "/", world_hostfs(w, host_path(w, "root")), 0);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	world_close(*state);
	free(*state);
	return 0;
}

static void dotdot_and_symlinks(void **state)
{
	struct fsworld *w = *state;

	assert_string_equal(read_file(w, "/inside"), "inside");
	assert_string_equal(read_file(w, "/../../inside"), "inside");
	assert_string_equal(read_file(w, "/../outside/secret"), "ENOENT");
	assert_string_equal(read_file(w, "/sub/../../outside/secret"), "ENOENT");
	assert_int_equal(symlink("../outside", host_path(w, "root/rel")), 0);
	assert_int_equal(symlink(host_path(w, "outside"), host_path(w, "root/abs")), 0);
	assert_int_equal(symlink("../../outside/secret", host_path(w, "root/sub/file")), 0);
	assert_int_equal(symlink("../../outside/made", host_path(w, "root/sub/dangling")), 0);
	assert_string_equal(read_file(w, "/rel/secret"), "ENOENT");
	assert_string_equal(read_file(w, "/abs/secret"), "ENOENT");
	assert_string_equal(read_file(w, "/sub/file"), "ENOENT");
	assert_int_equal(write_file(w, "/sub/dangling", "x"), -ENOENT);
	assert_int_equal(access(host_path(w, "outside/made"), F_OK), -1);
	/* An absolute symlink means the guest's root. */
	assert_int_equal(symlink("/inside", host_path(w, "root/sub/to_inside")), 0);
	assert_string_equal(read_file(w, "/sub/to_inside"), "inside");
	assert_int_equal(symlink("/../../../inside", host_path(w, "root/up")), 0);
	assert_string_equal(read_file(w, "/up"), "inside");
}

static void magic_links(void **state)
{
	struct fsworld *w = *state;
	char target[64];
	int fd = open(w->dir, O_PATH);

	snprintf(target, sizeof target, "/proc/self/fd/%d", fd);
	assert_int_equal(symlink(target, host_path(w, "root/magic")), 0);
	assert_string_equal(read_file(w, "/magic/outside/secret"), "ENOENT");
	close(fd);
}

/* A directory that left the tree while someone stood in it. */
static void moved_out(void **state)
{
	struct fsworld *w = *state;
	struct path p;

	assert_int_equal(path_walk(&w->c, NULL, "/sub", WALK_DIRECTORY, &p), 0);
	fs_struct_set_cwd(w->c.fs, &p);
	assert_int_equal(rename(host_path(w, "root/sub"), host_path(w, "outside/moved")), 0);
	assert_string_equal(where_is(w, "..", 0), "ENOENT");
	assert_string_equal(read_file(w, "../secret"), "ENOENT");
	assert_string_equal(read_file(w, "../../outside/secret"), "ENOENT");
	assert_int_equal(rename(host_path(w, "outside/moved"), host_path(w, "root/back")), 0);
	assert_leads(w, "..", "/");
	assert_leads(w, ".", "/back");
}

struct racer {
	struct fsworld *w;
	pthread_t thread;
	_Atomic bool stop;
	char dir[PATH_MAX], away[PATH_MAX], link[PATH_MAX];
};

/* Swaps root/swap between a directory and a symlink to the outside, as fast as it can. */
static void *swap(void *arg)
{
	struct racer *r = arg;

	while (!r->stop) {
		rename(r->dir, r->away);
		rename(r->link, r->dir);
		rename(r->dir, r->link);
		rename(r->away, r->dir);
	}
	return NULL;
}

static void race_start(struct racer *r, struct fsworld *w)
{
	r->w = w;
	snprintf(r->dir, PATH_MAX, "%s", host_path(w, "root/swap"));
	snprintf(r->away, PATH_MAX, "%s", host_path(w, "away"));
	snprintf(r->link, PATH_MAX, "%s", host_path(w, "link"));
	assert_int_equal(mkdir(r->dir, 0755), 0);
	assert_int_equal(symlink("../outside", r->link), 0);
	host_write(w, "root/swap/secret", "decoy");
	host_mkdir(w, "root/swap/sub");
	host_write(w, "root/swap/sub/secret", "decoy");
	assert_int_equal(pthread_create(&r->thread, NULL, swap, r), 0);
}

static void race_stop(struct racer *r)
{
	r->stop = true;
	pthread_join(r->thread, NULL);
}

#define ROUNDS 20000

static void swapped_symlink(void **state)
{
	static const char *const paths[] = { "/swap/secret", "/swap/sub/secret",
					     "/swap/sub/../secret", "/swap/../swap/secret" };
	struct fsworld *w = *state;
	struct racer r = { 0 };
	int decoys = 0;

	race_start(&r, w);
	for (int i = 0; i < ROUNDS; i++) {
		const char *text = read_file(w, paths[i % 4]);
		assert_string_not_equal(text, "SECRET");
		decoys += strcmp(text, "decoy") == 0;
	}
	race_stop(&r);
	assert_true(decoys > 0);
}

static void swapped_create(void **state)
{
	struct fsworld *w = *state;
	struct racer r = { 0 };
	struct statx st;

	race_start(&r, w);
	for (int i = 0; i < ROUNDS; i++) {
		write_file(w, "/swap/new", "x");
		vfs_mkdir(&w->c, NULL, "/swap/newdir", 0755);
		stat_file(w, "/swap/secret", &st);
		assert_true(st.stx_size != 6 || st.stx_mode == 0 || st.stx_mask == 0);
		vfs_unlink(&w->c, NULL, "/swap/secret2");
	}
	race_stop(&r);
	assert_int_equal(access(host_path(w, "outside/new"), F_OK), -1);
	assert_int_equal(access(host_path(w, "outside/newdir"), F_OK), -1);
	assert_int_equal(access(host_path(w, "outside/secret"), F_OK), 0);
}

/* "/" of the host, with nothing mounted over what the host's kernel shows of itself. */
static void kernel_windows(void **state)
{
	struct fsworld *w = *state;
	struct fsworld whole;
	struct statx st;

	world_open(&whole);
	world_mount(&whole, "/", world_hostfs(&whole, "/"), 0);
	assert_string_equal(where_is(&whole, "/proc", 0), "EACCES");
	assert_string_equal(where_is(&whole, "/proc/self/fd", 0), "EACCES");
	assert_string_equal(read_file(&whole, "/proc/self/status"), "EACCES");
	assert_string_equal(read_file(&whole, "/proc/sys/kernel/hostname"), "EACCES");
	assert_int_equal(stat_file(&whole, "/proc/version", &st), -EACCES);
	assert_int_equal(stat_file(&whole, "/proc", &st), -EACCES);
	assert_int_equal(write_file(&whole, "/proc/self/oom_score_adj", "0"), -EACCES);
	assert_string_equal(where_is(&whole, "/sys/kernel", 0), "EACCES");
	assert_string_equal(where_is(&whole, "/tmp/../proc", 0), "EACCES");
	assert_string_equal(read_file(&whole, host_path(w, "root/inside")), "inside");
	world_close(&whole);
}

/* A mount of the host that a rename has brought into reach does not show its kernel either. */
static void bound_procfs(void **state)
{
	struct fsworld *w = *state;

	host_mkdir(w, "root/p");
	if (mount("/proc", host_path(w, "root/p"), NULL, MS_BIND, NULL) < 0)
		skip(); /* needs privilege */
	const char *text = read_file(w, "/p/version");
	bool refused = strcmp(text, "EACCES") == 0;
	const char *at = where_is(w, "/p", 0);
	refused = refused && strcmp(at, "EACCES") == 0;
	umount2(host_path(w, "root/p"), MNT_DETACH);
	assert_true(refused);
}

/* An ordinary mount of the host below the root is crossed, in both directions. */
static void host_mounts(void **state)
{
	struct fsworld *w = *state;
	struct statx st;

	host_mkdir(w, "root/t");
	if (mount("tmpfs", host_path(w, "root/t"), "tmpfs", 0, NULL) < 0)
		skip(); /* needs privilege */
	int made = write_file(w, "/t/new", "on the mount");
	char text[4096], up[PATH_MAX];
	snprintf(text, sizeof text, "%s", read_file(w, "/t/../t/./new"));
	snprintf(up, sizeof up, "%s", where_is(w, "/t/..", 0));
	int attr = stat_file(w, "/t", &st), dir = try_open(w, "/t", O_RDONLY | O_DIRECTORY);
	int excl = try_open(w, "/t", O_RDONLY | O_CREAT | O_EXCL);
	umount2(host_path(w, "root/t"), MNT_DETACH);
	assert_int_equal(made, 0);
	assert_string_equal(text, "on the mount");
	assert_string_equal(up, "/");
	assert_int_equal(attr, 0);
	assert_int_equal(dir, 0);
	assert_int_equal(excl, -EEXIST);
}

/* Device nodes lead to the sandbox's devices or nowhere; sockets and FIFOs do not block. */
static void special_files(void **state)
{
	struct fsworld *w = *state;
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int s = socket(AF_UNIX, SOCK_STREAM, 0);

	assert_true(snprintf(un.sun_path, sizeof un.sun_path, "%s", host_path(w, "root/sock")) > 0);
	assert_int_equal(bind(s, (struct sockaddr *)&un, sizeof un), 0);
	assert_int_equal(try_open(w, "/sock", O_RDWR), -ENXIO);
	close(s);
	assert_int_equal(mkfifo(host_path(w, "root/fifo"), 0644), 0);
	assert_int_equal(try_open(w, "/fifo", O_RDONLY | O_NONBLOCK), 0);
	assert_int_equal(try_open(w, "/fifo", O_WRONLY | O_NONBLOCK), -ENXIO);
	assert_int_equal(try_open(w, "/fifo", O_RDWR), 0);
	assert_int_equal(vfs_mknod(&w->c, NULL, "/sda", S_IFBLK | 0600, makedev(8, 0)), -EPERM);
	assert_int_equal(vfs_mknod(&w->c, NULL, "/mem", S_IFCHR | 0600, makedev(1, 1)), -EPERM);
	if (mknod(host_path(w, "root/kmsg"), S_IFCHR | 0600, makedev(1, 11)) < 0)
		skip(); /* needs privilege */
	assert_int_equal(try_open(w, "/kmsg", O_RDONLY | O_NONBLOCK), -ENXIO);
	assert_int_equal(mknod(host_path(w, "root/zero"), S_IFCHR | 0600, makedev(1, 5)), 0);
	assert_int_equal(try_open(w, "/zero", O_RDONLY), 0);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(dotdot_and_symlinks), TEST(magic_links),    TEST(moved_out),
		TEST(swapped_symlink),     TEST(swapped_create), TEST(kernel_windows),
		TEST(bound_procfs),        TEST(host_mounts),    TEST(special_files),
	};

	return cmocka_run_group_tests_name("hostfs_escape", tests, NULL, NULL);
}
