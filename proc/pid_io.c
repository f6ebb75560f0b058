/* SPDX-License-Identifier: Apache-2.0 */
/* /proc/PID/io: what the threads of a process have read and written (proc_pid_io(5)). */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/process.h"
#include "kernel/ptrace/access.h"
#include "kernel/sandbox.h"
#include "kernel/task.h"
#include "proc/proc.h"

#define BLOCK 512UL /* the unit of getrusage(2)'s ru_inblock */

struct storage {
	uint64_t read, written, cancelled;
};

static uint64_t field(const char *text, const char *name)
{
	const char *at = strstr(text, name);

	return at ? strtoul(at + strlen(name), NULL, 10) : 0;
}

/* What the host's disks did for a guest thread they did for the thread that serves it. One that has
 * ended meanwhile has no file any more. */
static void add_storage(struct storage *s, pid_t host_tid)
{
	lock_assert_may_sleep();
	struct text host = { 0 };
	char path[64];

	snprintf(path, sizeof path, "/proc/self/task/%d/io", host_tid);
	if (host_tid && proc_show_host(&host, path) == 0) {
		s->read += field(text_str(&host), "\nread_bytes: ");
		s->written += field(text_str(&host), "\nwrite_bytes: ");
		s->cancelled += field(text_str(&host), "\ncancelled_write_bytes: ");
	}
	text_free(&host);
}

/* The host's threads that serve the process, or the one of `one`; *n of them. NULL: no memory. */
static pid_t *host_threads(const struct process *p, const struct task *one, size_t *n)
{
	lock_assert_held(&p->sb->lock);
	size_t room = one ? 1 : (size_t)p->nr_tasks;
	pid_t *tids = calloc(room ? room : 1, sizeof *tids);
	const struct task *t;

	*n = 0;
	if (!tids)
		return NULL;
	if (one)
		tids[(*n)++] = one->host_tid;
	else
		list_for_each (t, &p->tasks, process_node) {
			if (*n < room)
				tids[(*n)++] = t->host_tid;
		}
	return tids;
}

/* Of one thread, or of all that the process has and had. The host is asked for each of them when
 * nobody waits for the lock any more. */
int proc_show_io(struct pseudo_node *n, struct caller *c, struct text *out)
{
	struct rusage_sum sum = { 0 };
	struct process *whole = NULL;
	struct storage s = { 0 };
	pid_t *tids = NULL;
	size_t nr = 0;

	sandbox_lock(n->sb);
	struct process *p = proc_process(n);
	struct task *t = proc_task(n), *one = proc_is_thread(n) ? t : NULL;
	int err = !p ? -ESRCH : t && c->task && !ptrace_may_inspect(c->task, t) ? -EACCES : 0;
	if (!err) {
		tids = host_threads(p, one, &nr);
		err = tids ? 0 : -ENOMEM;
	}
	if (!err && one) {
		task_rusage(one, &sum);
	} else if (!err) {
		whole = process_get(p);
		s.read = p->dead_threads.inblock * BLOCK;
		s.written = p->dead_threads.oublock * BLOCK;
	}
	sandbox_unlock(n->sb);
	if (whole) {
		process_rusage(whole, &sum);
		process_put(whole);
	}
	for (size_t i = 0; i < nr; i++)
		add_storage(&s, tids[i]);
	free(tids);
	if (err)
		return err;
	text_printf(out, "rchar: %lu\nwchar: %lu\nsyscr: %lu\nsyscw: %lu\n", sum.rchar, sum.wchar,
		    sum.syscr, sum.syscw);
	text_printf(out, "read_bytes: %lu\nwrite_bytes: %lu\ncancelled_write_bytes: %lu\n", s.read,
		    s.written, s.cancelled);
	return 0;
}
