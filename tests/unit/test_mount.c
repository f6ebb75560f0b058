/* SPDX-License-Identifier: Apache-2.0 */
/* Mounts that come, go and move, alone and while others walk; what finding one costs. */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "tests/unit/fsworld.h"

/* In place of the library's: how far a search goes is what is measured here. */
#include "fs/mount_hash.c"

static int setup(void **state)
{
	struct fsworld *w = malloc(sizeof *w);

	world_open(w);
	world_mount(w, "/", world_ramfs(w, 0), 0);
	assert_int_equal(vfs_mkdir(&w->c, NULL, "/a", 0755), 0);
	assert_int_equal(vfs_mkdir(&w->c, NULL, "/a/in", 0755), 0);
	assert_int_equal(vfs_mkdir(&w->c, NULL, "/b", 0755), 0);
	assert_int_equal(vfs_mkdir(&w->c, NULL, "/c", 0755), 0);
	*state = w;
	return 0;
}

/* All that is left is what belongs to the vfs itself. */
static void expect_mounts_freed(struct fsworld *w)
{
	struct mount *m;
	size_t n = 0;

	fs_struct_put(w->c.fs);
	w->c.fs = NULL;
	ns_put(&w->ns->ns);
	w->ns = NULL;
	list_for_each (m, &w->vfs->mounts, all_node)
		n++;
	assert_int_equal(n, 1);
	assert_int_equal(ref_count(&w->vfs->internal->refs), 1);
	assert_int_equal(w->vfs->mount_hash->used, 0);
	assert_int_equal(((struct name_set *)w->vfs->mount_hash->names)->used, 0);
}

static int teardown(void **state)
{
	struct fsworld *w = *state;

	expect_mounts_freed(w);
	world_close(w);
	free(w);
	return 0;
}

static struct path lookup(struct fsworld *w, const char *name)
{
	struct path p;

	assert_int_equal(path_walk(&w->c, NULL, name, 0, &p), 0);
	return p;
}

/* Mounts a file system of its own with a file `mark` at the name. */
static void mount_marked(struct fsworld *w, const char *where, const char *mark)
{
	char name[PATH_MAX];

	world_mount(w, where, world_ramfs(w, 0), 0);
	snprintf(name, sizeof name, "%s/%s", where, mark);
	assert_int_equal(write_file(w, name, mark), 0);
}

static int detach(struct fsworld *w, const char *name, bool busy_ok)
{
	struct path p = lookup(w, name);
	int err = mount_detach(p.mnt, busy_ok, 1);

	path_put(&p);
	return err;
}

static int move(struct fsworld *w, const char *from, const char *dir, const char *name)
{
	struct path p = lookup(w, from), to = lookup(w, dir);
	int err = mount_move(p.mnt, &to, name);

	path_put(&to);
	path_put(&p);
	return err;
}

static int bind(struct fsworld *w, const char *from, const char *dir, const char *name)
{
	struct path p = lookup(w, from), to = lookup(w, dir);
	struct mount *m = mount_clone(&p);
	int err = m ? mount_attach(m, &to, name) : -ENOMEM;

	mount_put(m);
	path_put(&to);
	path_put(&p);
	return err;
}

static void detached(void **state)
{
	struct fsworld *w = *state;

	mount_marked(w, "/a", "one");
	mount_marked(w, "/b", "two");
	assert_string_equal(read_file(w, "/a/one"), "one");
	assert_int_equal(detach(w, "/a", false), 0);
	assert_string_equal(read_file(w, "/a/one"), "ENOENT");
	assert_leads(w, "/a/in", "/a/in");
	assert_string_equal(read_file(w, "/b/two"), "two");
	assert_int_equal(detach(w, "/", false), -EINVAL);
}

static void in_use(void **state)
{
	struct fsworld *w = *state;
	struct path all = { NULL, NULL }, p;
	char name[PATH_MAX];
	struct file *f;

	mount_marked(w, "/a", "one");
	assert_int_equal(vfs_mkdir(&w->c, NULL, "/a/sub", 0755), 0);
	mount_marked(w, "/a/sub", "two");
	assert_int_equal(detach(w, "/a", false), -EBUSY);
	p = lookup(w, "/a/sub");
	assert_int_equal(open_file(w, "/a/one", O_RDONLY, &f), 0);
	assert_int_equal(detach(w, "/a/sub", false), -EBUSY);
	/* What is in use goes on, each mount for itself. */
	assert_int_equal(detach(w, "/a", true), 0);
	fs_struct_set_cwd(w->c.fs, &p);
	assert_string_equal(read_file(w, "two"), "two");
	assert_leads(w, "..", "/");
	assert_string_equal(read_file(w, "../two"), "two");
	assert_leads(w, "/a/in", "/a/in");
	assert_true(path_string(&f->path, &all, name, sizeof name) > 0);
	assert_string_equal(name, "/one");
	file_put(f);
	/* Nothing can be mounted there any more. */
	p = lookup(w, ".");
	assert_int_equal(mount_detach(p.mnt, true, 0), -EINVAL);
	struct mount *m = mount_clone(&p);
	assert_int_equal(mount_attach(m, &p, "two"), -EINVAL);
	mount_put(m);
	path_put(&p);
}

/* The last one mounted at a name is what is seen there. */
static void stacked(void **state)
{
	struct fsworld *w = *state;

	mount_marked(w, "/a", "one");
	mount_marked(w, "/a", "two");
	mount_marked(w, "/a", "three");
	assert_string_equal(read_file(w, "/a/three"), "three");
	assert_string_equal(read_file(w, "/a/one"), "ENOENT");
	assert_leads(w, "/a/..", "/");
	assert_leads(w, "/a/../a", "/a");
	assert_int_equal(detach(w, "/a", false), 0);
	assert_string_equal(read_file(w, "/a/two"), "two");
	assert_int_equal(detach(w, "/a", false), 0);
	assert_int_equal(detach(w, "/a", false), 0);
	assert_leads(w, "/a/in", "/a/in");
}

/* Over the root of all: whoever stands there does not see it, but ".." leads onto it. */
static void over_root(void **state)
{
	struct fsworld *w = *state;
	struct path root = lookup(w, "/");
	struct filesystem *fs = world_ramfs(w, 0);
	struct mount *m = mount_new(w->vfs, fs, NULL, 0, "cover");

	assert_int_equal(mount_attach(m, &root, NULL), 0);
	assert_leads(w, "/a/in", "/a/in");
	assert_int_equal(write_file(w, "/../new", "on top"), 0);
	assert_string_equal(read_file(w, "/new"), "ENOENT");
	assert_string_equal(read_file(w, "/a/../new"), "on top");
	mount_put(m);
	path_put(&root);
}

static void moved(void **state)
{
	struct fsworld *w = *state;

	mount_marked(w, "/a", "one");
	assert_int_equal(vfs_mkdir(&w->c, NULL, "/a/sub", 0755), 0);
	mount_marked(w, "/a/sub", "two");
	assert_int_equal(move(w, "/a", "/", "b"), 0);
	assert_leads(w, "/a/in", "/a/in");
	assert_string_equal(read_file(w, "/a/one"), "ENOENT");
	assert_string_equal(read_file(w, "/b/sub/two"), "two");
	assert_leads(w, "/b/sub/..", "/b");
	assert_leads(w, "/b/sub/../..", "/");
	assert_int_equal(vfs_rmdir(&w->c, NULL, "/b"), -EBUSY);
	assert_int_equal(move(w, "/b", "/b/sub", "x"), -ELOOP);
	assert_int_equal(move(w, "/b", "/", "b"), -ELOOP);
	assert_int_equal(move(w, "/", "/", "b"), -EINVAL);
	assert_int_equal(move(w, "/b/sub", "/", "c"), 0);
	assert_string_equal(read_file(w, "/c/two"), "two");
	assert_int_equal(detach(w, "/b", false), 0);
}

/* A directory that is seen in two places. */
static void bound(void **state)
{
	struct fsworld *w = *state;

	assert_int_equal(vfs_mkdir(&w->c, NULL, "/a/in/deep", 0755), 0);
	assert_int_equal(bind(w, "/a/in", "/", "b"), 0);
	assert_int_equal(write_file(w, "/b/deep/x", "seen twice"), 0);
	assert_string_equal(read_file(w, "/a/in/deep/x"), "seen twice");
	assert_leads(w, "/b/deep", "/b/deep");
	assert_leads(w, "/b/deep/..", "/b");
	assert_leads(w, "/b/..", "/");
	assert_leads(w, "/b/../a/in", "/a/in");
	assert_int_equal(vfs_rename(&w->c, NULL, "/b/deep/x", NULL, "/a/in/x", 0), -EXDEV);
	/* What is mounted in one of them is not seen in the other, but keeps its name there. */
	mount_marked(w, "/b/deep", "on top");
	assert_string_equal(read_file(w, "/b/deep/on top"), "on top");
	assert_string_equal(read_file(w, "/a/in/deep/x"), "seen twice");
	assert_int_equal(vfs_rename(&w->c, NULL, "/a/in/deep", NULL, "/a/moved", 0), -EBUSY);
	assert_int_equal(detach(w, "/b/deep", false), 0);
	assert_int_equal(vfs_rename(&w->c, NULL, "/a/in/deep", NULL, "/a/moved", 0), 0);
	assert_leads(w, "/b/deep", "ENOENT");
	/* A file. */
	assert_int_equal(write_file(w, "/a/file", "of a"), 0);
	assert_int_equal(write_file(w, "/c/file", "of c"), 0);
	assert_int_equal(bind(w, "/a/file", "/c", "file"), 0);
	assert_string_equal(read_file(w, "/c/file"), "of a");
	assert_leads(w, "/c/file", "/c/file");
	assert_leads(w, "/c/file/..", "ENOTDIR");
	assert_int_equal(vfs_unlink(&w->c, NULL, "/c/file"), -EBUSY);
}

/* ---- what it costs ---- */

#define NAMES 10000

struct cost {
	size_t probes, chain; /* of NAMES look-ups, and of as many mounts as there are */
	size_t mounts;
};

/* Slots that a search for a name which no mount covers looks at. */
static size_t count_probes(struct fsworld *w, uint64_t name, bool at_root)
{
	struct name_set *s = w->vfs->mount_hash->names;
	size_t i = set_key(w->ns->root->fs, name, at_root) >> 1, n = 1;

	while (s->slots[i++ & (s->size - 1)].key)
		n++;
	return n;
}

static void measure(struct fsworld *w, struct cost *cost)
{
	struct path root = lookup(w, "/");
	struct mount *m;
	char name[32];

	*cost = (struct cost){ 0 };
	for (int i = 0; i < NAMES; i++) {
		snprintf(name, sizeof name, "no-%d", i);
		uint64_t hash = mount_hash_name(name, strlen(name));
		cost->probes += count_probes(w, hash, true) + count_probes(w, hash, false);
		/* "No" is certain, and found without a lock. */
		assert_false(mount_may_be_at(&root, 0, name, strlen(name)));
	}
	list_for_each (m, &w->ns->mounts, ns_node) {
		if (!m->over)
			continue;
		struct mount *at = mount_hash_bucket(w->vfs->mount_hash, &m->place);
		for (cost->chain++; at != m; at = at->hash_next)
			cost->chain++;
		cost->mounts++;
	}
	path_put(&root);
}

/* Mounts at dir/m0, m1... with the same names in two directories, so that the name alone does not
 * tell. */
static void mount_many(struct fsworld *w, int from, int to)
{
	struct path a = lookup(w, "/a"), b = lookup(w, "/b");
	char name[32];

	for (int i = from; i < to; i++) {
		struct mount *m = mount_new(w->vfs, world_ramfs(w, 0), NULL, 0, "many");
		snprintf(name, sizeof name, "m%d", i / 2);
		assert_int_equal(mount_attach(m, i & 1 ? &a : &b, name), 0);
		mount_put(m);
	}
	path_put(&a);
	path_put(&b);
}

static void cost_of_many(void **state)
{
	struct fsworld *w = *state;
	struct cost few, many;

	mount_many(w, 0, 6);
	measure(w, &few);
	mount_many(w, 6, 600);
	measure(w, &many);
	assert_int_equal(few.mounts, 6);
	assert_int_equal(many.mounts, 600);
	/* Two slots on average where half of them are taken; one mount and a half in a bucket. */
	assert_true(few.probes < NAMES * 2 * 4);
	assert_true(many.probes < NAMES * 2 * 4);
	assert_true(few.chain < few.mounts * 3);
	assert_true(many.chain < many.mounts * 3);
	assert_leads(w, "/a/m17", "/a/m17");
	assert_leads(w, "/b/m299", "/b/m299");
	assert_leads(w, "/b/m300", "ENOENT");
}

/* The names that are left are found whatever goes away around them. */
static void names_removed(void **state)
{
	struct fsworld *w = *state;
	char name[32];

	mount_many(w, 0, 600);
	for (int i = 0; i < 300; i++) {
		snprintf(name, sizeof name, "/b/m%d", i);
		assert_int_equal(detach(w, name, false), 0);
		snprintf(name, sizeof name, "/a/m%d", i);
		if (i % 3 == 0)
			assert_int_equal(detach(w, name, false), 0);
		assert_string_equal(where_is(w, name, 0), i % 3 == 0 ? "ENOENT" : name);
	}
	for (int i = 0; i < 300; i++) {
		snprintf(name, sizeof name, "/a/m%d", i);
		assert_string_equal(where_is(w, name, 0), i % 3 == 0 ? "ENOENT" : name);
	}
}

static void too_many(void **state)
{
	struct fsworld *w = *state;
	struct path a = lookup(w, "/a");
	struct filesystem *fs = world_ramfs(w, 0);
	char name[32];
	int err = 0;

	for (unsigned i = 0; !err; i++) {
		struct mount *m = mount_new(w->vfs, filesystem_get(fs), NULL, 0, "many");
		snprintf(name, sizeof name, "m%u", i);
		err = mount_attach(m, &a, name);
		mount_put(m);
	}
	assert_int_equal(err, -ENOSPC);
	assert_int_equal(w->ns->nr_mounts, MOUNT_MAX);
	filesystem_put(fs);
	path_put(&a);
}

/* ---- while others walk ---- */

#define WALKERS 3
#define CHANGES 500

struct race {
	struct fsworld *w;
	_Atomic bool stop;
	_Atomic unsigned wrong, found, missing;
};

/* /a/in/mark: of the directory below, or of what is mounted over /a/in or /a. */
static void walk_once(struct race *r, struct caller *c)
{
	struct path p, all = { NULL, NULL };
	char name[PATH_MAX];
	int err = path_walk(c, NULL, "/a/in/mark", 0, &p);

	if (err == -ENOENT) {
		r->missing++;
		return;
	}
	if (err || !S_ISREG(p.dentry->inode->type)) {
		r->wrong++;
		return;
	}
	r->found++;
	/* A mount that was detached in the meantime is where its names begin. */
	if (path_string(&p, &all, name, sizeof name) < 0 || !strstr(name, "/mark"))
		r->wrong++;
	path_put(&p);
	err = path_walk(c, NULL, "/a/in/..", 0, &p);
	if (!err)
		path_put(&p);
	else if (err != -ENOENT)
		r->wrong++;
}

static void *walker(void *arg)
{
	struct race *r = arg;
	struct sleeper sleeper = { 0 };
	struct caller c = r->w->c;

	kick_attach(&sleeper.kick);
	c.sleeper = &sleeper;
	while (!r->stop)
		walk_once(r, &c);
	kick_detach(&sleeper.kick);
	return NULL;
}

/* A mount over /a/in comes, is seen by two ways, moves away and goes, and many others with it. */
static void change_mounts(struct fsworld *w, int many)
{
	char name[32];

	mount_marked(w, "/a/in", "mark");
	assert_int_equal(bind(w, "/a", "/", "b"), 0);
	assert_int_equal(move(w, "/a/in", "/", "c"), 0);
	mount_many(w, 0, many);
	assert_int_equal(detach(w, "/c", true), 0);
	for (int i = 0; i < many; i += 2) {
		snprintf(name, sizeof name, "/a/m%d", i / 2);
		if (i + 1 < many)
			assert_int_equal(detach(w, name, true), 0);
	}
	assert_int_equal(detach(w, "/b", true), 0);
}

static void while_walking(void **state)
{
	struct race r = { .w = *state };
	pthread_t thread[WALKERS];

	assert_int_equal(write_file(r.w, "/a/in/mark", "below"), 0);
	for (int i = 0; i < WALKERS; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, walker, &r), 0);
	for (int i = 0; i < CHANGES; i++)
		change_mounts(r.w, i % 64);
	while (!r.found)
		sched_yield();
	r.stop = true;
	for (int i = 0; i < WALKERS; i++)
		pthread_join(thread[i], NULL);
	assert_int_equal(r.wrong, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(detached), TEST(in_use),        TEST(stacked),      TEST(over_root),
		TEST(moved),    TEST(bound),         TEST(cost_of_many), TEST(names_removed),
		TEST(too_many), TEST(while_walking),
	};

	return cmocka_run_group_tests_name("mount", tests, NULL, NULL);
}
