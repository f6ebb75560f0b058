/* SPDX-License-Identifier: Apache-2.0 */
/* A child that shares our memory forks the process and ends; so that one is an orphan from the
 * start. Where it has a copy of our memory, there is nothing to be freed behind it. */
#include "host/orphan.h"

#include <errno.h>
#include <link.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "host/child.h"
#include "host/clone.h"
#include "host/hostcall.h"
#include "util/gva.h"

struct orphan {
	unsigned long flags;
	void (*main)(void *arg);
	void *arg;
};

void orphan_keep(int a, int b)
{
	unsigned low = (unsigned)(a < b ? a : b), high = (unsigned)(a < b ? b : a);

	if (low > 0)
		syscall(SYS_close_range, 0, low - 1, 0);
	if (high > low + 1)
		syscall(SYS_close_range, low + 1, high - 1, 0);
	syscall(SYS_close_range, high + 1, ~0U, 0);
}

static int fork_orphan(void *arg)
{
	struct orphan *o = arg;
	long pid = host_call(SYS_clone, o->flags, 0, 0, 0, 0);

	if (pid == 0) {
		syscall(SYS_setsid);
		o->main(o->arg);
		syscall(SYS_exit_group, 0);
	}
	return pid < 0 ? (int)pid : 0;
}

int orphan_start(unsigned long flags, void (*main)(void *arg), void *arg)
{
	struct orphan o = { .flags = flags, .main = main, .arg = arg };

	return host_child(0, fork_orphan, &o);
}

/* ---- with little of our memory ---- */

#define STACK (64UL << 10)
/* Around the thread pointer: what libc has there, errno and rseq(2) among it. */
#define THREAD_BELOW (64UL << 10)
#define THREAD_ABOVE (16UL << 10)

/* The sanitizers' own memory is behind everything that they have instrumented. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define KEEPS_ALL true
#else
#define KEEPS_ALL false
#endif

struct range {
	uintptr_t start, end;
};

/* A mapping of its own, which ends with the stack of the process. */
struct alone {
	unsigned long flags;
	void (*main)(void *arg);
	char arg[32];
	size_t bytes; /* of the mapping */
	size_t nr, room;
	struct range kept[];
};

static void keep(struct alone *a, uintptr_t start, uintptr_t end)
{
	if (a->nr < a->room)
		a->kept[a->nr] = (struct range){ PAGE_DOWN(start), PAGE_UP(end) };
	a->nr++;
}

static int keep_object(struct dl_phdr_info *info, size_t size, void *arg)
{
	for (unsigned i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = &info->dlpi_phdr[i];
		uintptr_t start = info->dlpi_addr + p->p_vaddr;

		if (p->p_type == PT_LOAD)
			keep(arg, start, start + p->p_memsz);
	}
	return 0;
}

static void keep_all_needed(struct alone *a)
{
	uintptr_t thread = (uintptr_t)__builtin_thread_pointer(), err = (uintptr_t)&errno;

	keep(a, (uintptr_t)a, (uintptr_t)a + a->bytes);
	keep(a, thread - THREAD_BELOW, thread + THREAD_ABOVE);
	keep(a, err, err + sizeof errno);
	dl_iterate_phdr(keep_object, a);
}

static int by_start(const void *p, const void *q)
{
	const struct range *a = p, *b = q;

	return a->start < b->start ? -1 : a->start > b->start;
}

/* What it needs, in order. NULL: no memory. */
static struct alone *alone_new(void)
{
	struct alone count = { .room = 0 };

	keep_all_needed(&count);
	/* Another thread may load libraries just now. */
	size_t room = count.nr + 64, head = sizeof count + room * sizeof(struct range);
	size_t bytes = PAGE_UP(head) + STACK;
	struct alone *a =
	    mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (a == MAP_FAILED)
		return NULL;
	a->bytes = bytes;
	a->room = room;
	keep_all_needed(a);
	if (a->nr <= a->room)
		qsort(a->kept, a->nr, sizeof *a->kept, by_start);
	return a;
}

/* Where it fails, more is kept. */
static void drop_others(const struct alone *a)
{
	uintptr_t from = 0;

	if (KEEPS_ALL || a->nr > a->room)
		return;
	for (size_t i = 0; i <= a->nr; i++) {
		uintptr_t to = i < a->nr ? a->kept[i].start : GUEST_TASK_SIZE;

		if (from < to)
			syscall(SYS_munmap, from, to - from);
		if (i < a->nr && a->kept[i].end > from)
			from = a->kept[i].end;
	}
}

static int alone_main(void *arg)
{
	struct alone *a = arg;

	syscall(SYS_setsid);
	drop_others(a);
	a->main(a->arg);
	syscall(SYS_exit_group, 0);
	__builtin_unreachable();
}

static int fork_alone(void *arg)
{
	struct alone *a = arg;

	return clone(alone_main, (char *)a + a->bytes, (int)a->flags, a) < 0 ? -errno : 0;
}

int orphan_start_alone(unsigned long flags, void (*main)(void *arg), const void *arg, size_t size)
{
	struct alone *a = alone_new();

	if (!a)
		return -ENOMEM;
	a->flags = flags;
	a->main = main;
	memcpy(a->arg, arg, size);
	int err = host_child(0, fork_alone, a);
	munmap(a, a->bytes);
	return err;
}

struct sharing {
	void *stack_end;
	int (*main)(void *arg);
	void *arg;
};

static int start_sharing(void *arg)
{
	struct sharing *o = arg;

	return clone(o->main, o->stack_end, CLONE_VM, o->arg) < 0 ? -errno : 0;
}

int orphan_start_sharing(void *stack_end, int (*main)(void *arg), void *arg)
{
	struct sharing o = { .stack_end = stack_end, .main = main, .arg = arg };

	return host_child(0, start_sharing, &o);
}
