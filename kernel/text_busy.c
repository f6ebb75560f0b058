/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Is a program about to be executed open for writing (ETXTBSY in execve(2))? Asked rarely, so
 * nothing is counted when files are opened: the descriptors of all processes are looked through.
 * Files on their way through a socket are missed.
 */
#include <stdlib.h>
#include <sys/stat.h>

#include "kernel/exec.h"
#include "kernel/fdtable.h"
#include "kernel/process.h"
#include "kernel/sandbox.h"
#include "kernel/task.h"

struct tables {
	struct fdtable **v;
	unsigned n, room;
};

/* Threads of a process mostly share their table. */
static void collect_process(struct process *p, struct tables *all)
{
	lock_assert_held(&p->sb->lock);
	struct task *t;

	list_for_each (t, &p->tasks, process_node) {
		bool again = all->n && all->v[all->n - 1] == t->files;
		if (t->files && !again && all->n < all->room)
			all->v[all->n++] = fdtable_get(t->files);
	}
}

static void collect(struct sandbox *sb, struct tables *all)
{
	struct process *p;

	sandbox_lock(sb);
	all->room = sb->nr_tasks;
	all->v = calloc(all->room, sizeof *all->v);
	if (all->v)
		list_for_each (p, &sb->processes, all_node)
			collect_process(p, all);
	sandbox_unlock(sb);
}

/* A memfd's own descriptor does not count, on Linux either: it was not opened by name. */
static bool writes(struct file *f, struct inode *text)
{
	struct inode *i = file_inode(f);

	return i && !f->anon_name && i->type == S_IFREG && file_writable(f) && inode_same(i, text);
}

static bool table_writes(struct fdtable *ft, struct inode *text)
{
	bool found = false;

	for (int fd = 0; !found && (fd = fd_next(ft, fd)) >= 0; fd++) {
		struct file *f = fd_get(ft, fd);
		if (!f)
			continue;
		found = writes(f, text);
		file_put(f);
	}
	return found;
}

bool exec_text_busy(struct task *t, struct file *exe)
{
	struct tables all = { 0 };
	struct caller c = task_caller(t);
	struct inode *text = file_inode(exe);
	bool busy = false;

	collect(t->sb, &all);
	for (unsigned i = 0; all.v && i < all.n; i++) {
		busy = busy || table_writes(all.v[i], text);
		fdtable_put(all.v[i], &c);
	}
	free(all.v);
	return busy;
}
