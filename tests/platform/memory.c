/* SPDX-License-Identifier: Apache-2.0 */
/* Mappings, and that changes are seen at once by every CPU. */
#include "tests/platform/world.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

extern const char g_read[], g_write[], g_jump[], g_call[], g_touch[], g_see_remap[], g_see_unmap[],
    g_see_readonly[], g_see_noexec[], g_modify[], g_syscall[];

#define AT_GEN (AT_DATA + 0x1000000)
#define CPUS   4
#define AT_FAR 0x7ffffffef000UL
#define RWX    (GUEST_READ | GUEST_WRITE | GUEST_EXEC)

static void rights(void)
{
	static const unsigned char code[] = { 0x0f, 0x05 };
	struct world w;
	struct thread t;
	uint64_t page;

	world_start(&w);
	page = world_pages(&w, 1);
	memcpy(world_ptr(&w, page), code, sizeof code);
	thread_start(&w, &t, g_read);

	world_map(&w, w.s, AT_DATA, 1, GUEST_READ, page);
	thread_jump(&t, g_read, AT_DATA, 0);
	thread_run(&t, EVENT_SYSCALL);
	thread_jump(&t, g_write, AT_DATA, 0);
	thread_fault(&t, AT_DATA, GUEST_WRITE);
	thread_jump(&t, g_jump, AT_DATA, 0);
	thread_fault(&t, AT_DATA, GUEST_EXEC);

	CHECK_EQ(w.p->space_protect(w.s, GVA(AT_DATA), PAGE_SIZE, RW), 0);
	thread_jump(&t, g_write, AT_DATA, 0);
	thread_run(&t, EVENT_SYSCALL);
	memcpy(world_ptr(&w, page), code, sizeof code);
	thread_jump(&t, g_jump, AT_DATA, 0);
	thread_fault(&t, AT_DATA, GUEST_EXEC);

	CHECK_EQ(w.p->space_protect(w.s, GVA(AT_DATA), PAGE_SIZE, RX), 0);
	thread_jump(&t, g_jump, AT_DATA, 0);
	thread_run(&t, EVENT_SYSCALL);
	thread_jump(&t, g_write, AT_DATA, 0);
	thread_fault(&t, AT_DATA, GUEST_WRITE);

	CHECK_EQ(w.p->space_protect(w.s, GVA(AT_DATA), PAGE_SIZE, 0), 0);
	thread_jump(&t, g_read, AT_DATA, 0);
	thread_fault(&t, AT_DATA, GUEST_READ);
	/* A hole stays a hole. */
	CHECK_EQ(w.p->space_protect(w.s, GVA(AT_DATA), PAGE_SIZE, RW), 0);
	thread_jump(&t, g_read, AT_DATA, 0);
	thread_fault(&t, AT_DATA, GUEST_READ);
	thread_end(&t);
	world_end(&w);
}

/* Both ends of the user half, and ranges over many page tables. */
static void ranges(void)
{
	struct world w;
	struct thread t;
	uint64_t pages, n = 3000;

	world_start(&w);
	pages = world_pages(&w, (unsigned)n);
	thread_start(&w, &t, g_touch);
	for (uint64_t i = 0; i < n; i++)
		*(uint64_t *)world_ptr(&w, pages + i * PAGE_SIZE) = i;
	world_map(&w, w.s, GUEST_MMAP_MIN, 1, RW, pages);
	thread_jump(&t, g_read, GUEST_MMAP_MIN, 0);
	thread_run(&t, EVENT_SYSCALL);
	struct machine_props props;
	w.p->machine_props(w.m, &props);
	world_map(&w, w.s, props.user_end - PAGE_SIZE, 1, RW, pages + PAGE_SIZE);
	thread_jump(&t, g_read, props.user_end - 8, 0);
	thread_run(&t, EVENT_SYSCALL);
	thread_jump(&t, g_read, props.user_end - PAGE_SIZE, 0);
	thread_run(&t, EVENT_SYSCALL);
	CHECK_EQ(t.ev.syscall.nr, 1);
	/* Over the 512 GiB boundary of the top table. */
	uint64_t at = (1UL << 39) - 1000 * PAGE_SIZE;
	world_map(&w, w.s, at, (unsigned)n, RW, pages);
	w.p->syscall_result(t.c, 0); /* only reads */
	thread_jump(&t, g_touch, at, n);
	thread_run(&t, EVENT_SYSCALL);
	for (uint64_t i = 0; i < n; i += 499) {
		thread_jump(&t, g_read, at + i * PAGE_SIZE, 0);
		thread_run(&t, EVENT_SYSCALL);
		CHECK_EQ(t.ev.syscall.nr, i);
	}
	/* A hole of pages in the middle; the rest stays. */
	CHECK_EQ(w.p->space_unmap(w.s, GVA(at + 500 * PAGE_SIZE), 1000 * PAGE_SIZE), 0);
	for (uint64_t i = 0; i < n; i += 499) {
		thread_jump(&t, g_read, at + i * PAGE_SIZE, 0);
		if (i >= 500 && i < 1500)
			thread_fault(&t, at + i * PAGE_SIZE, GUEST_READ);
		else
			thread_run(&t, EVENT_SYSCALL);
	}
	/* Terabytes of nothing cost nothing. */
	CHECK_EQ(w.p->space_unmap(w.s, GVA(0), props.user_end), 0);
	thread_jump(&t, g_read, at, 0);
	thread_fault(&t, AT(g_read), GUEST_EXEC);
	thread_end(&t);
	world_end(&w);
}

static void arguments(void)
{
	struct world w;
	struct memfile *arena;

	world_start(&w);
	arena = physmem_arena(w.pm);
	CHECK_EQ(-w.p->space_map(w.s, GVA(AT_DATA + 1), PAGE_SIZE, RW, arena, 0), EINVAL);
	CHECK_EQ(-w.p->space_map(w.s, GVA(AT_DATA), PAGE_SIZE + 1, RW, arena, 0), EINVAL);
	CHECK_EQ(-w.p->space_map(w.s, GVA(AT_DATA), PAGE_SIZE, RW, arena, 1), EINVAL);
	CHECK_EQ(-w.p->space_map(w.s, GVA(GUEST_TASK_SIZE), PAGE_SIZE, RW, arena, 0), EINVAL);
	CHECK_EQ(-w.p->space_map(w.s, GVA(~0UL << 12), PAGE_SIZE, RW, arena, 0), EINVAL);
	CHECK_EQ(-w.p->space_map(w.s, GVA(AT_DATA), PAGE_SIZE, RW, arena, ~0UL << 12), EINVAL);
	CHECK_EQ(-w.p->space_map(w.s, GVA(AT_DATA), 2 * PAGE_SIZE, RW, arena,
				 physmem_arena_size(w.pm) - PAGE_SIZE),
		 ENOMEM);
	CHECK_EQ(-w.p->space_unmap(w.s, GVA(AT_DATA + 1), PAGE_SIZE), EINVAL);
	CHECK_EQ(-w.p->space_unmap(w.s, GVA(GUEST_TASK_SIZE), PAGE_SIZE), EINVAL);
	CHECK_EQ(-w.p->space_protect(w.s, GVA(0xffffffff80000000), PAGE_SIZE, RW), EINVAL);
	world_end(&w);
}

/* No CPU uses what was there before once the call is back. Four CPUs look; the page changes 300
 * times. */
static void remap_seen(void)
{
	struct world w;
	struct runner r[CPUS];
	uint64_t gen, pages[2];
	volatile uint64_t *now;

	world_start(&w);
	gen = world_pages(&w, 1);
	pages[0] = world_pages(&w, 1);
	pages[1] = world_pages(&w, 1);
	now = world_ptr(&w, gen);
	world_map(&w, w.s, AT_GEN, 1, GUEST_READ, gen);
	world_map(&w, w.s, AT_DATA, 1, GUEST_READ, pages[0]);
	for (unsigned i = 0; i < CPUS; i++)
		runner_start(&w, &r[i], g_see_remap, AT_GEN, AT_DATA);
	for (uint64_t i = 1; i <= 300; i++) {
		uint64_t page = pages[i & 1];
		*(volatile uint64_t *)world_ptr(&w, page) = i;
		world_map(&w, w.s, AT_DATA, 1, i % 3 ? GUEST_READ : RW, page);
		*now = i;
		sleep_us(i % 7 * 20);
	}
	for (unsigned i = 0; i < CPUS; i++) {
		if (runner_stop(&r[i]))
			continue;
		printf("cpu %u saw %lu, not %lu (event %d)\n", i, r[i].t.ev.syscall.nr, *now,
		       r[i].t.ev.kind);
		exit(1);
	}
	for (unsigned i = 0; i < CPUS; i++)
		thread_end(&r[i].t);
	world_end(&w);
}

/* One round of: CPUs use a page until the generation changes after `change`, then must fault. */
static void see_change(struct world *w, const char *program, unsigned prot, unsigned prot_after,
		       unsigned access)
{
	struct runner r[CPUS];
	uint64_t gen = world_pages(w, 1), page = world_pages(w, 1);

	*(uint64_t *)world_ptr(w, page) = 0xc3; /* ret */
	world_map(w, w->s, AT_GEN, 1, GUEST_READ, gen);
	world_map(w, w->s, AT_DATA, 1, prot, page);
	for (unsigned i = 0; i < CPUS; i++)
		runner_start(w, &r[i], program, AT_GEN, AT_DATA);
	sleep_us(500);
	CHECK_EQ(w->p->space_protect(w->s, GVA(AT_DATA), PAGE_SIZE, prot_after), 0);
	*(volatile uint64_t *)world_ptr(w, gen) = 1;
	for (unsigned i = 0; i < CPUS; i++) {
		runner_join(&r[i]);
		CHECK_EQ(r[i].t.ev.kind, EVENT_FAULT);
		CHECK_EQ(r[i].t.ev.fault.addr.v, AT_DATA);
		CHECK_EQ(r[i].t.ev.fault.access, access);
		thread_end(&r[i].t);
	}
}

static void unmap_seen(void)
{
	struct world w;

	world_start(&w);
	for (unsigned i = 0; i < 30; i++)
		see_change(&w, g_see_unmap, i & 1 ? RW : GUEST_READ, 0, GUEST_READ);
	world_end(&w);
}

static void readonly_seen(void)
{
	struct world w;

	world_start(&w);
	for (unsigned i = 0; i < 30; i++)
		see_change(&w, g_see_readonly, RW, GUEST_READ, GUEST_WRITE);
	world_end(&w);
}

static void noexec_seen(void)
{
	struct world w;

	world_start(&w);
	for (unsigned i = 0; i < 30; i++)
		see_change(&w, g_see_noexec, RX, GUEST_READ, GUEST_EXEC);
	world_end(&w);
}

/* More rights need no care of the caller's: the access that faulted before works. */
static void upgrade_seen(void)
{
	struct world w;
	struct thread t;
	uint64_t page;

	world_start(&w);
	page = world_pages(&w, 1);
	thread_start(&w, &t, g_read);
	for (unsigned i = 0; i < 50; i++) {
		world_map(&w, w.s, AT_DATA, 1, GUEST_READ, page);
		thread_jump(&t, g_read, AT_DATA, 0);
		thread_run(&t, EVENT_SYSCALL);
		if (i & 1) {
			thread_jump(&t, g_write, AT_DATA, 0);
			thread_fault(&t, AT_DATA, GUEST_WRITE);
		} else {
			thread_jump(&t, g_write, AT_DATA, 0);
		}
		CHECK_EQ(w.p->space_protect(w.s, GVA(AT_DATA), PAGE_SIZE, RW), 0);
		thread_run(&t, EVENT_SYSCALL);
	}
	thread_end(&t);
	world_end(&w);
}

static struct memfile *file_make(struct world *w, char fill, unsigned pages, bool writable, int *fd)
{
	char page[PAGE_SIZE];
	struct memfile *mf;

	*fd = memfd_create("test", 0);
	memset(page, fill, sizeof page);
	for (unsigned i = 0; i < pages; i++)
		CHECK_EQ(write(*fd, page, sizeof page), PAGE_SIZE);
	if (!writable) {
		char path[64];
		snprintf(path, sizeof path, "/proc/self/fd/%d", *fd);
		CHECK_EQ(memfile_open(w->pm, open(path, O_RDONLY), false, &mf), 0);
	} else {
		CHECK_EQ(memfile_open(w->pm, dup(*fd), true, &mf), 0);
	}
	return mf;
}

static void files(void)
{
	struct world w;
	struct thread t;
	struct memfile *a, *b;
	char byte;
	int fda, fdb;

	world_start(&w);
	a = file_make(&w, 'a', 3, false, &fda);
	b = file_make(&w, 'b', 3, true, &fdb);
	thread_start(&w, &t, g_read);
	for (unsigned i = 0; i < 20; i++) {
		CHECK_EQ(w.p->space_map(w.s, GVA(AT_DATA), 3 * PAGE_SIZE, i & 1 ? RW : GUEST_READ,
					i & 1 ? b : a, 0),
			 0);
		thread_jump(&t, g_read, AT_DATA + 8192, 0);
		thread_run(&t, EVENT_SYSCALL);
		CHECK_EQ(t.ev.syscall.nr & 0xff, i & 1 ? 'b' : 'a');
		if (i == 10)
			CHECK_EQ(w.p->space_unmap(w.s, GVA(AT_DATA), 3 * PAGE_SIZE), 0);
	}
	CHECK_EQ(-w.p->space_map(w.s, GVA(AT_DATA), PAGE_SIZE, RW, a, 0), EACCES);
	/* Shared with the file, both ways. */
	thread_jump(&t, g_write, AT_DATA, 0);
	thread_run(&t, EVENT_SYSCALL);
	CHECK_EQ(pread(fdb, &byte, 1, 0), 1);
	CHECK_EQ(byte, t.ev.syscall.nr & 0xff);
	CHECK_EQ(pwrite(fdb, "z", 1, PAGE_SIZE), 1);
	thread_jump(&t, g_read, AT_DATA + PAGE_SIZE, 0);
	thread_run(&t, EVENT_SYSCALL);
	CHECK_EQ(t.ev.syscall.nr & 0xff, 'z');
	CHECK_EQ(w.p->space_unmap(w.s, GVA(AT_DATA), 3 * PAGE_SIZE), 0);
	memfile_put(a);
	memfile_put(b);
	thread_end(&t);
	world_end(&w);
}

/* The host address of one file's page is the next file's: nobody must see the old one. */
static void file_after_file(void)
{
	struct world w;
	struct thread t;
	int fd;

	world_start(&w);
	thread_start(&w, &t, g_read);
	for (unsigned i = 0; i < 30; i++) {
		struct memfile *mf = file_make(&w, (char)('A' + i), 2, i & 1, &fd);
		CHECK_EQ(w.p->space_map(w.s, GVA(AT_DATA), 2 * PAGE_SIZE, GUEST_READ, mf, 0), 0);
		thread_jump(&t, g_read, AT_DATA + PAGE_SIZE, 0);
		thread_run(&t, EVENT_SYSCALL);
		CHECK_EQ(t.ev.syscall.nr & 0xff, 'A' + i);
		CHECK_EQ(w.p->space_unmap(w.s, GVA(AT_DATA), 2 * PAGE_SIZE), 0);
		memfile_put(mf);
		close(fd);
	}
	thread_end(&t);
	world_end(&w);
}

static void truncated_file(void)
{
	struct world w;
	struct thread t;
	struct memfile *mf;
	int fd;

	world_start(&w);
	mf = file_make(&w, 'x', 4, true, &fd);
	thread_start(&w, &t, g_read);
	CHECK_EQ(w.p->space_map(w.s, GVA(AT_DATA), 6 * PAGE_SIZE, RW, mf, 0), 0);
	thread_jump(&t, g_read, AT_DATA + 4 * PAGE_SIZE, 0); /* never was */
	thread_run(&t, EVENT_LOST_PAGE);
	thread_jump(&t, g_read, AT_DATA + 3 * PAGE_SIZE, 0);
	thread_run(&t, EVENT_SYSCALL);
	CHECK_EQ(ftruncate(fd, PAGE_SIZE), 0);
	thread_jump(&t, g_read, AT_DATA + 3 * PAGE_SIZE, 0); /* is no more */
	thread_run(&t, EVENT_LOST_PAGE);
	CHECK_EQ(thread_regs(&t).rip, AT(g_read));
	thread_jump(&t, g_write, AT_DATA + 2 * PAGE_SIZE, 0);
	thread_run(&t, EVENT_LOST_PAGE);
	thread_jump(&t, g_jump, AT_DATA + 2 * PAGE_SIZE, 0);
	CHECK_EQ(w.p->space_protect(w.s, GVA(AT_DATA), 6 * PAGE_SIZE, RX), 0);
	thread_run(&t, EVENT_LOST_PAGE);
	thread_jump(&t, g_read, AT_DATA, 0);
	thread_run(&t, EVENT_SYSCALL);
	/* It comes back. */
	CHECK_EQ(ftruncate(fd, 4 * PAGE_SIZE), 0);
	thread_jump(&t, g_read, AT_DATA + 3 * PAGE_SIZE, 0);
	thread_run(&t, EVENT_SYSCALL);
	CHECK_EQ(t.ev.syscall.nr, 0);
	CHECK_EQ(w.p->space_unmap(w.s, GVA(AT_DATA), 6 * PAGE_SIZE), 0);
	memfile_put(mf);
	thread_end(&t);
	world_end(&w);
}

/* Code written by the program itself, through the same address and through another. */
static void self_modifying(void)
{
	struct world w;
	struct thread t;
	uint64_t page;
	unsigned char *p;

	world_start(&w);
	page = world_pages(&w, 1);
	p = world_ptr(&w, page);
	memcpy(p + 4, "\xb8\0\0\0\0\xc3", 6);
	world_map(&w, w.s, AT_DATA, 1, RWX, page);
	thread_start(&w, &t, g_modify);
	thread_jump(&t, g_modify, AT_DATA + 4, 200);
	thread_run(&t, EVENT_SYSCALL);
	CHECK_EQ(t.ev.syscall.nr, 1);
	for (unsigned i = 0; i < 100; i++) { /* written by the monitor */
		memcpy(p, "\xb8\0\0\0\0\xc3", 6);
		p[1] = (unsigned char)i;
		thread_jump(&t, g_call, AT_DATA, 0);
		thread_run(&t, EVENT_SYSCALL);
		CHECK_EQ(t.ev.syscall.nr, i);
	}
	for (unsigned i = 0; i < 30; i++) { /* RW, written by the program, then RX, as a JIT does */
		CHECK_EQ(w.p->space_protect(w.s, GVA(AT_DATA), PAGE_SIZE, RW), 0);
		struct cpu_regs r = thread_regs(&t);
		r.rax = 0x0000c300000000b8UL | (uint64_t)i << 8;
		thread_regs_set(&t, &r);
		thread_jump(&t, g_write, AT_DATA, 0);
		thread_run(&t, EVENT_SYSCALL);
		CHECK_EQ(w.p->space_protect(w.s, GVA(AT_DATA), PAGE_SIZE, RX), 0);
		thread_jump(&t, g_call, AT_DATA, 0);
		thread_run(&t, EVENT_SYSCALL);
		CHECK_EQ(t.ev.syscall.nr, i);
	}
	thread_end(&t);
	world_end(&w);
}

/* Spaces that come and go, with page tables everywhere: their tables are used again, never a stale
 * shadow of them. */
static void spaces_in_turn(void)
{
	struct world w;
	struct space *s;
	struct thread t;
	uint64_t pages, x;

	world_start(&w);
	pages = world_pages(&w, 256);
	for (unsigned i = 0; i < 256; i++)
		*(uint64_t *)world_ptr(&w, pages + i * PAGE_SIZE) = i;
	thread_start(&w, &t, g_read);
	w.next = world_pages(&w, 512);
	for (unsigned round = 0; round < 200; round++) {
		uint64_t next = w.next;
		s = world_space(&w);
		w.next = next; /* the same code and stack pages each time */
		t.s = s;
		for (unsigned i = 0; i < 16; i++) {
			x = (random64() % (GUEST_TASK_SIZE / PAGE_SIZE - 0x1000) + 0x800) *
			    PAGE_SIZE;
			world_map(&w, s, x, 1, GUEST_READ, pages + (round + i) % 256 * PAGE_SIZE);
			thread_jump(&t, g_read, x, 0);
			thread_run(&t, EVENT_SYSCALL);
			CHECK_EQ(t.ev.syscall.nr, (round + i) % 256);
		}
		/* What an earlier space had here is not here. */
		thread_jump(&t, g_read, AT_DATA, 0);
		thread_fault(&t, AT_DATA, GUEST_READ);
		world_map(&w, s, AT_DATA, 1, RW, pages + round * PAGE_SIZE);
		thread_run(&t, EVENT_SYSCALL);
		CHECK_EQ(t.ev.syscall.nr, round);
		t.s = w.s;
		if (round % 2) { /* half of them with another space run between, half without */
			thread_jump(&t, g_syscall, 0, 0);
			thread_run(&t, EVENT_SYSCALL);
		}
		w.p->space_destroy(s);
	}
	thread_end(&t);
	world_end(&w);
}

/* The same address in two spaces, run in turn and at once. */
static void spaces_apart(void)
{
	struct world w;
	struct space *s2;
	struct thread t;
	uint64_t a, b;

	world_start(&w);
	s2 = world_space(&w);
	a = world_pages(&w, 1);
	b = world_pages(&w, 1);
	*(uint64_t *)world_ptr(&w, a) = 1;
	*(uint64_t *)world_ptr(&w, b) = 2;
	world_map(&w, w.s, AT_DATA, 1, RW, a);
	world_map(&w, s2, AT_DATA, 1, RW, b);
	thread_start(&w, &t, g_read);
	for (unsigned i = 0; i < 40; i++) {
		t.s = i & 1 ? s2 : w.s;
		thread_jump(&t, g_read, AT_DATA, 0);
		thread_run(&t, EVENT_SYSCALL);
		CHECK_EQ(t.ev.syscall.nr, 1 + (i & 1));
	}
	CHECK_EQ(w.p->space_unmap(s2, GVA(AT_DATA), PAGE_SIZE), 0);
	t.s = w.s;
	thread_jump(&t, g_read, AT_DATA, 0);
	thread_run(&t, EVENT_SYSCALL);
	t.s = s2;
	thread_jump(&t, g_read, AT_DATA, 0);
	thread_fault(&t, AT_DATA, GUEST_READ);
	thread_end(&t);
	w.p->space_destroy(s2);
	world_end(&w);
}

static void two_machines(void)
{
	struct world w[2];
	struct thread t[2];
	uint64_t page;

	for (unsigned i = 0; i < 2; i++) {
		world_start(&w[i]);
		page = world_pages(&w[i], 1);
		*(uint64_t *)world_ptr(&w[i], page) = 10 + i;
		world_map(&w[i], w[i].s, AT_DATA, 1, RW, page);
		thread_start(&w[i], &t[i], g_read);
	}
	for (unsigned i = 0; i < 20; i++) {
		thread_jump(&t[i & 1], g_read, AT_DATA, 0);
		thread_run(&t[i & 1], EVENT_SYSCALL);
		CHECK_EQ(t[i & 1].ev.syscall.nr, 10 + (i & 1));
	}
	thread_end(&t[0]);
	world_end(&w[0]);
	thread_jump(&t[1], g_read, AT_DATA, 0);
	thread_run(&t[1], EVENT_SYSCALL);
	thread_end(&t[1]);
	world_end(&w[1]);
}

/* Slots of every size, arena and window. */
static void far_memory(void)
{
	static const uint64_t at[] = { 31UL << 20,
				       32UL << 20,
				       63UL << 20,
				       64UL << 20,
				       1UL << 29,
				       1UL << 30,
				       (3UL << 30) - PAGE_SIZE,
				       (4UL << 30) - 2 * PAGE_SIZE };
	struct world w;
	struct thread t;

	world_start(&w);
	thread_start(&w, &t, g_read);
	for (unsigned i = 0; i < sizeof at / sizeof at[0]; i++) {
		*(uint64_t *)world_ptr(&w, at[i]) = i;
		*(uint64_t *)world_ptr(&w, at[i] + PAGE_SIZE) = i + 100;
		world_map(&w, w.s, AT_DATA, 2, RW, at[i]);
		thread_jump(&t, g_read, AT_DATA, 0);
		thread_run(&t, EVENT_SYSCALL);
		CHECK_EQ(t.ev.syscall.nr, i);
		thread_jump(&t, g_read, AT_DATA + PAGE_SIZE, 0);
		thread_run(&t, EVENT_SYSCALL);
		CHECK_EQ(t.ev.syscall.nr, i + 100);
	}
	thread_end(&t);
	world_end(&w);
}

const struct test tests[] = {
	{ "rights", rights },
	{ "ranges", ranges },
	{ "arguments", arguments },
	{ "remap_seen", remap_seen },
	{ "unmap_seen", unmap_seen },
	{ "readonly_seen", readonly_seen },
	{ "noexec_seen", noexec_seen },
	{ "upgrade_seen", upgrade_seen },
	{ "files", files },
	{ "file_after_file", file_after_file },
	{ "truncated_file", truncated_file },
	{ "self_modifying", self_modifying },
	{ "spaces_in_turn", spaces_in_turn },
	{ "spaces_apart", spaces_apart },
	{ "two_machines", two_machines },
	{ "far_memory", far_memory },
	{ NULL, NULL },
};
