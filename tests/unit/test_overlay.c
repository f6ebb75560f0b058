/* SPDX-License-Identifier: Apache-2.0 */
/* The overlay: random calls beside its model, and what a model cannot tell. */
#include "tests/unit/fsworld.h"

#include <pthread.h>

#include "fs/overlay/overlay.h"
#include "tests/unit/overlay_model.h"

#define BYTES 40000
#define RUNS  12
#define FIRST 1 /* the same in every run: what others find is for make fuzz-overlay */

/* Those that found a fault stay. */
static const unsigned kept[] = { 2966036555, 7000178 };

static void run_seed(const struct model_options *opt, unsigned seed, unsigned *total)
{
	unsigned state = seed, calls = 0;
	uint8_t *bytes = malloc(BYTES);

	for (int i = 0; i < BYTES; i++)
		bytes[i] = (uint8_t)(rand_r(&state) >> 7);
	const char *difference = model_run(opt, bytes, BYTES, &calls);
	if (difference)
		fail_msg("SEED=%u: %s", seed, difference);
	*total += calls;
	free(bytes);
}

static void run_random(const struct model_options *opt)
{
	const char *given = getenv("SEED");
	unsigned base = given ? (unsigned)atoi(given) : FIRST;
	unsigned total = 0;

	for (size_t i = 0; !given && i < sizeof kept / sizeof *kept; i++)
		run_seed(opt, kept[i], &total);
	for (unsigned seed = base; seed < base + (given ? 1 : RUNS); seed++)
		run_seed(opt, seed, &total);
	print_message("%u calls, seeds %u and on\n", total, base);
}

static void random_in_memory(void **state)
{
	run_random(&(struct model_options){ 0 });
}

static void random_nested(void **state)
{
	run_random(&(struct model_options){ .nested = true });
}

static void random_host_lower(void **state)
{
	run_random(&(struct model_options){ .host_lower = true });
}

static void random_host_upper(void **state)
{
	run_random(&(struct model_options){ .host_lower = true, .host_upper = true });
}

/* ---- several lower layers ---- */

static struct filesystem *layer(struct fsworld *w, void (*fill)(struct fsworld *w))
{
	struct mnt_namespace *ns = w->ns;
	struct fs_struct *old = w->c.fs;
	struct filesystem *fs = world_ramfs(w, 0);

	w->ns = mnt_ns_new(w->vfs, w->vfs->user_ns);
	w->c.fs = NULL;
	world_mount(w, "/", filesystem_get(fs), 0);
	fill(w);
	fs_struct_put(w->c.fs);
	ns_put(&w->ns->ns);
	w->ns = ns;
	w->c.fs = old;
	return fs;
}

static void fill_bottom(struct fsworld *w)
{
	static const char *const dirs[] = { "/merged", "/opaque", "/gone", "/becomes-file" };

	for (size_t i = 0; i < sizeof dirs / sizeof *dirs; i++) {
		char name[40];
		assert_int_equal(vfs_mkdir(&w->c, NULL, dirs[i], 0755), 0);
		snprintf(name, sizeof name, "%s/below", dirs[i]);
		assert_int_equal(write_file(w, name, "bottom"), 0);
	}
	assert_int_equal(write_file(w, "/both", "bottom"), 0);
	assert_int_equal(write_file(w, "/hidden", "bottom"), 0);
	assert_int_equal(write_file(w, "/merged/hidden", "bottom"), 0);
	assert_int_equal(write_file(w, "/becomes-dir", "bottom"), 0);
}

static void whiteout(struct fsworld *w, const char *name)
{
	assert_int_equal(vfs_mknod(&w->c, NULL, name, S_IFCHR, 0), 0);
}

static void fill_top(struct fsworld *w)
{
	struct path p;

	whiteout(w, "/hidden");
	whiteout(w, "/gone");
	assert_int_equal(vfs_mkdir(&w->c, NULL, "/merged", 0700), 0);
	whiteout(w, "/merged/hidden");
	assert_int_equal(write_file(w, "/merged/above", "top"), 0);
	assert_int_equal(vfs_mkdir(&w->c, NULL, "/opaque", 0755), 0);
	assert_int_equal(path_walk(&w->c, NULL, "/opaque", 0, &p), 0);
	struct inode *i = p.dentry->inode;
	assert_int_equal(i->ops->setxattr(i, &w->c, "trusted.overlay.opaque", "y", 1, 0), 0);
	path_put(&p);
	assert_int_equal(write_file(w, "/both", "top"), 0);
	assert_int_equal(vfs_mkdir(&w->c, NULL, "/becomes-dir", 0755), 0);
	assert_int_equal(write_file(w, "/becomes-file", "top"), 0);
}

static void two_lower_layers(void **state)
{
	struct fsworld w;
	struct overlay_layer lower[2] = { 0 };
	struct filesystem *fs;
	struct statx st;

	world_open(&w);
	lower[0].fs = layer(&w, fill_top);
	lower[1].fs = layer(&w, fill_bottom);
	const struct overlay_options opt = { .type = "overlay",
					     .lower = lower,
					     .nr_lower = 2,
					     .upper.fs = world_ramfs(&w, 0),
					     .lock_fd = -1 };
	assert_int_equal(overlay_create(w.vfs, &opt, &fs), 0);
	world_mount(&w, "/", fs, 0);
	assert_string_equal(read_file(&w, "/both"), "top");
	assert_string_equal(read_file(&w, "/hidden"), "ENOENT");
	assert_string_equal(read_file(&w, "/gone/below"), "ENOENT");
	assert_string_equal(read_file(&w, "/merged/above"), "top");
	assert_string_equal(read_file(&w, "/merged/below"), "bottom");
	assert_string_equal(read_file(&w, "/merged/hidden"), "ENOENT");
	assert_string_equal(read_file(&w, "/opaque/below"), "ENOENT");
	assert_string_equal(read_file(&w, "/becomes-file"), "top");
	assert_string_equal(read_file(&w, "/becomes-dir/x"), "ENOENT");
	assert_int_equal(stat_file(&w, "/merged", &st), 0);
	assert_int_equal(st.stx_mode & 07777, 0700);
	assert_int_equal(stat_file(&w, "/", &st), 0);
	assert_int_equal(st.stx_nlink, 5); /* merged, opaque, becomes-dir */
	assert_int_equal(vfs_rmdir(&w.c, NULL, "/opaque"), 0);
	assert_int_equal(vfs_rmdir(&w.c, NULL, "/merged"), -ENOTEMPTY);
	assert_int_equal(vfs_rename(&w.c, NULL, "/merged", NULL, "/moved", 0), 0);
	assert_string_equal(read_file(&w, "/moved/below"), "bottom");
	assert_string_equal(read_file(&w, "/moved/above"), "top");
	assert_string_equal(read_file(&w, "/moved/hidden"), "ENOENT");
	assert_string_equal(read_file(&w, "/merged/below"), "ENOENT");
	assert_int_equal(vfs_unlink(&w.c, NULL, "/moved/below"), 0);
	assert_int_equal(vfs_unlink(&w.c, NULL, "/moved/above"), 0);
	assert_int_equal(vfs_rmdir(&w.c, NULL, "/moved"), 0);
	assert_int_equal(vfs_mkdir(&w.c, NULL, "/gone", 0755), 0);
	assert_string_equal(read_file(&w, "/gone/below"), "ENOENT");
	world_close(&w);
}

/* ---- several at once ---- */

#define THREADS 4
#define SHARED  8
#define TURNS   200

struct crowd {
	struct fsworld w;
	_Atomic unsigned written[SHARED]; /* appended to a file so far */
};

struct one {
	struct crowd *crowd;
	pthread_t thread;
	unsigned seed;
};

static const char *shared_name(unsigned i, bool moved)
{
	static __thread char name[32];

	snprintf(name, sizeof name, moved ? "/d%u/moved%u" : "/d%u/f%u", i % 2, i);
	return name;
}

static void append_to(struct one *me, struct caller *c, unsigned i)
{
	struct file *f;
	struct uio u;
	char byte = 'x';

	/* It may be somewhere else just now. */
	if (vfs_open(c, NULL, shared_name(i, false), O_WRONLY | O_APPEND, 0, 0, &f))
		return;
	uio_init_kernel(&u, &byte, 1);
	if (file_write(f, c, &u, NULL) == 1)
		me->crowd->written[i]++;
	file_put(f);
}

static void change_attributes(struct caller *c, unsigned i, unsigned n)
{
	const struct iattr a = { .valid = ATTR_MODE, .mode = n & 1 ? 0600 : 0644 };
	struct statx st;
	struct path p;

	if (path_walk(c, NULL, shared_name(i, false), 0, &p))
		return;
	vfs_setattr(c, &p, &a);
	path_getattr(&p, c, STATX_BASIC_STATS, &st);
	path_put(&p);
}

static void *work(void *arg)
{
	struct one *me = arg;
	struct fsworld *w = &me->crowd->w;
	struct sleeper sleeper = { 0 };
	struct caller c = w->c;
	char name[32], other[32];

	kick_attach(&sleeper.kick);
	c.sleeper = &sleeper;
	for (unsigned turn = 0; turn < TURNS; turn++) {
		unsigned i = (unsigned)rand_r(&me->seed) % SHARED;
		strcpy(name, shared_name(i, false));
		strcpy(other, shared_name(i, true));
		switch (rand_r(&me->seed) % 6) {
		case 0: append_to(me, &c, i); break;
		case 1: change_attributes(&c, i, turn); break;
		case 2: /* there and back */
			if (vfs_rename(&c, NULL, name, NULL, other, RENAME_NOREPLACE) == 0)
				vfs_rename(&c, NULL, other, NULL, name, RENAME_NOREPLACE);
			break;
		case 3: vfs_rename(&c, NULL, "/d0", NULL, "/d1", RENAME_EXCHANGE); break;
		case 4:
			snprintf(other, sizeof other, "/new%u", me->seed);
			vfs_mkdir(&c, NULL, other, 0755);
			vfs_rmdir(&c, NULL, other);
			break;
		case 5: {
			struct statx st;
			vfs_getattr(&c, NULL, name, 0, STATX_BASIC_STATS, &st);
			vfs_getattr(&c, NULL, "/d0", 0, STATX_BASIC_STATS, &st);
			break;
		}
		}
	}
	kick_detach(&sleeper.kick);
	return NULL;
}

/* Nothing that was written is lost, and every file is there, by one of its names. */
static void check_crowd(struct crowd *x)
{
	char name[32];
	struct statx st;

	for (unsigned i = 0; i < SHARED; i++) {
		unsigned found = 0;
		for (unsigned d = 0; d < 2; d++)
			for (unsigned moved = 0; moved < 2; moved++) {
				snprintf(name, sizeof name, moved ? "/d%u/moved%u" : "/d%u/f%u", d,
					 i);
				if (stat_file(&x->w, name, &st) == 0) {
					assert_int_equal(st.stx_size, 100000 + x->written[i]);
					found++;
				}
			}
		assert_int_equal(found, 1);
	}
}

static void several_at_once(void **state)
{
	struct crowd *x = calloc(1, sizeof *x);
	struct one ones[THREADS];
	struct filesystem *lower, *fs;

	world_open(&x->w);
	lower = world_ramfs(&x->w, 0);
	world_mount(&x->w, "/", filesystem_get(lower), 0);
	for (unsigned d = 0; d < 2; d++)
		assert_int_equal(vfs_mkdir(&x->w.c, NULL, d ? "/d1" : "/d0", 0755), 0);
	for (unsigned i = 0; i < SHARED; i++) {
		struct file *f;
		assert_int_equal(write_file(&x->w, shared_name(i, false), "begin"), 0);
		assert_int_equal(open_file(&x->w, shared_name(i, false), O_RDWR, &f), 0);
		assert_int_equal(f->ops->truncate(f, &x->w.c, 100000), 0);
		file_put(f);
	}
	const struct overlay_options opt = { .type = "overlay",
					     .lower = &(struct overlay_layer){ .fs = lower },
					     .nr_lower = 1,
					     .upper.fs = world_ramfs(&x->w, 0),
					     .lock_fd = -1 };
	assert_int_equal(overlay_create(x->w.vfs, &opt, &fs), 0);
	fs_struct_put(x->w.c.fs);
	x->w.c.fs = NULL;
	ns_put(&x->w.ns->ns);
	x->w.ns = mnt_ns_new(x->w.vfs, x->w.vfs->user_ns);
	world_mount(&x->w, "/", fs, 0);
	for (unsigned i = 0; i < THREADS; i++) {
		ones[i] = (struct one){ .crowd = x, .seed = i + 1 };
		assert_int_equal(pthread_create(&ones[i].thread, NULL, work, &ones[i]), 0);
	}
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(ones[i].thread, NULL);
	check_crowd(x);
	world_close(&x->w);
	free(x);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_in_memory),  cmocka_unit_test(random_nested),
		cmocka_unit_test(random_host_lower), cmocka_unit_test(random_host_upper),
		cmocka_unit_test(two_lower_layers),  cmocka_unit_test(several_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
