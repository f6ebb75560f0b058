/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/exec_world.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cred/user_ns.h"
#include "fs/mount.h"
#include "mm/pagestore.h"

#define FILES_MAX 16

struct mem_file {
	struct file file;
	struct pagesource ps;
	struct pagestore store;
	unsigned ps_refs;
};

static struct {
	char name[64];
	struct mem_file *f;
} files[FILES_MAX];

static struct mem_file *of_file(struct file *f)
{
	return container_of(f, struct mem_file, file);
}

static struct mem_file *of_source(struct pagesource *ps)
{
	return container_of(ps, struct mem_file, ps);
}

static int source_get(struct pagesource *ps, uint64_t off, uint64_t len, bool write,
		      struct page_run *out)
{
	return pagestore_get_run(&of_source(ps)->store, off, len, false, out);
}

static void source_ref(struct pagesource *ps)
{
	file_get(&of_source(ps)->file);
}

static void source_unref(struct pagesource *ps)
{
	file_put(&of_source(ps)->file);
}

static uint64_t source_size(struct pagesource *ps)
{
	return pagestore_size(&of_source(ps)->store);
}

static const struct pagesource_ops source_ops = {
	.get = source_get,
	.ref = source_ref,
	.unref = source_unref,
	.size = source_size,
};

static ssize_t file_op_read(struct file *f, struct caller *c, struct uio *u, int64_t *pos)
{
	ssize_t r = pagestore_read(&of_file(f)->store, u, (uint64_t)*pos);

	*pos += r > 0 ? r : 0;
	return r;
}

static int file_op_pagesource(struct file *f, bool shared_write, struct pagesource **out)
{
	*out = &of_file(f)->ps;
	source_ref(*out);
	return 0;
}

static void file_op_release(struct file *f)
{
	struct mem_file *m = of_file(f);

	pagestore_destroy(&m->store);
	pagesource_destroy(&m->ps);
	free(m);
}

static const struct file_ops ops = {
	.read = file_op_read,
	.pagesource = file_op_pagesource,
	.release = file_op_release,
};

static int file_find(const char *name)
{
	for (int i = 0; i < FILES_MAX; i++) {
		if (files[i].f && strcmp(files[i].name, name) == 0)
			return i;
	}
	return -1;
}

void exec_world_file(struct world *w, const char *name, const void *bytes, size_t n)
{
	struct mem_file *m = calloc(1, sizeof *m);
	int i = file_find(name);
	struct uio u;

	if (i >= 0)
		file_put(&files[i].f->file);
	for (i = i < 0 ? 0 : i; files[i].f && strcmp(files[i].name, name) != 0; i++)
		assert_true(i < FILES_MAX - 1);
	static struct mount internal = { .refs = REF_INIT(1) }; /* as a memfd's: on no tree */
	file_init(&m->file, &ops, 0);
	m->file.path.mnt = mount_get(&internal);
	pagesource_init(&m->ps, &source_ops);
	pagestore_init(&m->store, w->host.arena, NULL);
	uio_init_kernel(&u, (void *)(uintptr_t)bytes, n);
	assert_int_equal(pagestore_write(&m->store, &u, 0), n);
	strncpy(files[i].name, name, sizeof files[i].name - 1);
	files[i].f = m;
}

void exec_world_clear(void)
{
	for (int i = 0; i < FILES_MAX; i++) {
		if (!files[i].f)
			continue;
		assert_int_equal(ref_count(&files[i].f->file.refs), 1);
		file_put(&files[i].f->file);
		files[i].f = NULL;
	}
}

int __wrap_exec_open(struct caller *c, const struct path *start, const char *name,
		     unsigned walk_flags, struct file **out);
int __wrap_exec_open(struct caller *c, const struct path *start, const char *name,
		     unsigned walk_flags, struct file **out)
{
	int i = file_find(name);

	if (i < 0)
		return -ENOENT;
	*out = file_get(&files[i].f->file);
	return 0;
}

int exec_world_load(struct world *w, const char *name, char *const *argv, char *const *envp,
		    struct exec_image *img, struct errmsg *errmsg)
{
	static struct user_namespace user_ns = { .ns.refs = REF_INIT(1) };
	static struct cred cred = {
		.refs = REF_INIT(1), .user_ns = &user_ns, .uid = 1, .euid = 2, .gid = 3, .egid = 4
	};
	struct caller c = { .cred = &cred, .mem = &w->host };
	int i = file_find(name);
	const struct exec_request rq = {
		.caller = &c,
		.mem = &w->host,
		.file = i >= 0 ? &files[i].f->file : NULL,
		.filename = name,
		.argv = argv,
		.envp = envp,
		.stack_limit = 8 << 20,
	};
	assert_true(i >= 0);
	return exec_load(&rq, img, errmsg);
}
