/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Implements an address space as a stub process. Mappings made before its guest code runs are
 * collected, and sent to the stub as one command, because each command costs a switch to the stub
 * and back.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "platform/process/process.h"

/* ---- mappings that can wait: no guest code has run here yet, or many are made at once ---- */

static int space_stub(struct process_space *s)
{
	int err = s->stub.pid ? 0 : spare_take(s);
	/* As fork(2) when there is room for no more processes. */
	return err == -EMFILE || err == -ENFILE ? -EAGAIN : err;
}

static void batch_clear(struct batch *b)
{
	for (unsigned i = 0; i < b->nr_files; i++)
		memfile_put(b->files[i]);
	b->n = b->nr_files = 0;
}

/* The stub does it while more is collected: space_open() asks how it went. When it has failed
 * nobody knows how far it went, and the stub is of no use any more. */
static int batch_flush(struct process_space *s)
{
	struct batch *b = s->batch;
	int fds[COMMAND_FILES];
	int err = b->n ? space_stub(s) : 0;

	if (!b->n || err)
		return err;
	for (unsigned i = 0; i < b->nr_files; i++) {
		fds[i] = b->files[i]->fd;
		b->steps[b->n++] = (struct step){ SYS_close, { STUB_FD_PASSED + i }, 0 };
	}
	b->steps[b->n - 1].flags = STEP_LAST;
	mutex_lock(&s->stub.lock);
	err = stub_settle(&s->stub);
	if (!err)
		err = stub_begin(&s->stub, b->steps, b->n, fds, b->nr_files);
	s->stub.ordered = !err;
	mutex_unlock(&s->stub.lock);
	batch_clear(b);
	if (err)
		s->stub.dead = true;
	return err;
}

static int batch_settle(struct process_space *s)
{
	mutex_lock(&s->stub.lock);
	int err = stub_settle(&s->stub);
	mutex_unlock(&s->stub.lock);
	if (err)
		s->stub.dead = true;
	return err;
}

/* The number `mf` will have in the stub; COMMAND_FILES: there is no room for it. */
static unsigned batch_file(struct batch *b, struct memfile *mf)
{
	unsigned i;

	for (i = 0; i < b->nr_files && b->files[i] != mf; i++)
		;
	if (i == b->nr_files && i < COMMAND_FILES)
		b->files[b->nr_files++] = memfile_get(mf);
	return i;
}

static int batch_room(struct process_space *s, struct memfile *mf, unsigned *file)
{
	struct batch *b = s->batch;
	int err = b->n == BATCH_STEPS ? batch_flush(s) : 0;

	*file = err || !mf ? 0 : batch_file(b, mf);
	if (*file < COMMAND_FILES)
		return err;
	err = batch_flush(s);
	*file = batch_file(b, mf);
	return err;
}

/* `mf`: what is to be args[4]; NULL: nothing. */
static int batch_add(struct process_space *s, struct step step, struct memfile *mf)
{
	unsigned file;
	int err = batch_room(s, mf, &file);

	if (err)
		return err;
	if (mf)
		step.args[4] = STUB_FD_PASSED + file;
	step.flags = 0;
	s->batch->steps[s->batch->n++] = step;
	return 0;
}

int space_open(struct process_space *s)
{
	lock_assert_held(&s->lock);
	if (!s->batch)
		return 0;
	int err = space_stub(s);
	if (!err)
		err = batch_flush(s);
	if (!err)
		err = batch_settle(s);
	batch_clear(s->batch);
	free(s->batch);
	s->batch = NULL;
	return err;
}

/* *done: `step` has been put off. */
static int put_off(struct process_space *s, const struct step *step, struct memfile *mf, bool *done)
{
	mutex_lock(&s->lock);
	*done = s->batch != NULL;
	int err = *done ? batch_add(s, *step, mf) : 0;
	mutex_unlock(&s->lock);
	return err;
}

static int batch_begin(struct process_space *s)
{
	lock_assert_held(&s->lock);
	if (s->batch)
		return 0;
	s->batch = malloc(sizeof *s->batch);
	if (!s->batch)
		return -ENOMEM;
	s->batch->n = s->batch->nr_files = 0;
	return 0;
}

/* ---- life ---- */

int process_space_create(struct machine *machine, struct space **out)
{
	struct process_machine *m = to_process_machine(machine);
	struct process_space *s = calloc(1, sizeof *s);
	if (!s)
		return -ENOMEM;
	s->m = m;
	ref_set(&s->refs, 1);
	stub_init(&s->stub);
	mutex_init(&s->lock, LOCK_SPACE);
	list_init(&s->node);
	list_init(&s->contexts);
	list_init(&s->parked);
	sites_init(s);
	/* Now, so that fork and execve are told when there is none. But the first space of all is
	 * the empty one that the first execve replaces. */
	mutex_lock(&s->lock);
	int err = batch_begin(s);
	if (!err && atomic_exchange(&m->has_space, true))
		err = space_stub(s);
	mutex_unlock(&s->lock);
	if (err) {
		process_space_destroy((struct space *)s);
		return err;
	}
	*out = (struct space *)s;
	return 0;
}

/* Registers of its threads are on them, and may hold secrets: the next owner gets empty pages. */
static void free_stacks(struct process_space *s)
{
	for (uint32_t i = 0; i < s->stacks.nr_free; i++) {
		uint32_t slot = s->stacks.free[i];
		char *stack = s->m->control + CONTROL_STACK_OFF + ((uint64_t)slot << STACK_SHIFT);
		if (madvise(stack, STACK_SIZE, MADV_REMOVE) < 0)
			memset(stack, 0, STACK_SIZE);
		slots_give(&s->m->stacks, slot);
	}
	free(s->stacks.free);
}

void space_put(struct process_space *s)
{
	if (!ref_put(&s->refs))
		return;
	if (s->stub.pidfd >= 0)
		stub_reap_later(s->m, s->stub.pidfd);
	if (s->stub.slot != UINT32_MAX)
		slots_give(&s->m->pages, s->stub.slot);
	free_stacks(s);
	sites_destroy(s);
	if (s->batch)
		batch_clear(s->batch);
	free(s->batch);
	mutex_destroy(&s->lock);
	stub_destroy(&s->stub);
	free(s);
}

/* After the kill: do all guest threads wait in the host kernel, which they will not leave any
 * more? */
static bool threads_stopped(struct process_space *s)
{
	struct process_context *c;
	bool stopped = true;

	mutex_lock(&s->lock);
	list_for_each (c, &s->contexts, node)
		stopped &= c->state == THREAD_CALLED || c->state == THREAD_REPORTED;
	mutex_unlock(&s->lock);
	return stopped;
}

void process_space_stop(struct space *space)
{
	struct process_space *s = to_process_space(space);
	mutex_lock(&s->lock);
	s->stopped = true;
	if (s->stub.pidfd >= 0)
		stub_send_kill(&s->stub);
	mutex_unlock(&s->lock);
}

int process_space_gather(struct space *space)
{
	struct process_space *s = to_process_space(space);

	mutex_lock(&s->lock);
	int err = batch_begin(s);
	mutex_unlock(&s->lock);
	return err;
}

int process_space_flush(struct space *space)
{
	struct process_space *s = to_process_space(space);

	mutex_lock(&s->lock);
	int err = space_open(s);
	mutex_unlock(&s->lock);
	return err;
}

/* The stub of a space that was loaded from a snapshot may come with the first run alone. */
bool process_space_clock(struct space *space, clockid_t *out)
{
	const struct process_space *s = (const struct process_space *)space;

	if (process_space_flush(space))
		return false;
	*out = (clockid_t)(~(unsigned)s->stub.pid << 3 | 2);
	return true;
}

int process_space_rest(struct space *space)
{
	struct process_space *s = to_process_space(space);

	mutex_lock(&s->lock);
	int err = list_empty(&s->contexts) ? 0 : -EIO;
	if (!err)
		err = batch_begin(s);
	if (!err)
		stub_threads_scrub(s);
	mutex_unlock(&s->lock);
	return err;
}

void process_space_destroy(struct space *space)
{
	struct process_space *s = to_process_space(space);
	struct process_context *c;

	nursery_forget(s->m->nursery, s);
	sites_forget(s);
	mutex_lock(&s->lock);
	list_for_each (c, &s->contexts, node)
		clock_stop(&c->clock);
	mutex_unlock(&s->lock);
	if (used_keep(s))
		return;
	/* Its pages may be given to others as soon as we return: nothing of it may run any more. */
	s->destroyed = true; /* first: threads that find themselves dying are to know why */
	stub_send_kill(&s->stub);
	if (!threads_stopped(s))
		stub_kill(&s->stub);
	s->stub.dead = true;
	mutex_lock(&s->lock);
	stub_threads_forget(s);
	mutex_unlock(&s->lock);
	space_put(s);
}

/* ---- mappings ---- */

static bool is_guest_range(gva_t addr, uint64_t len)
{
	return (addr.v | len) % PAGE_SIZE == 0 && len && len <= STUB_TEXT &&
	       addr.v <= STUB_TEXT - len;
}

static int unmap(struct process_space *s, gva_t addr, uint64_t len)
{
	const struct step step = { SYS_munmap, { addr.v, len }, STEP_LAST };
	bool later;
	int err = put_off(s, &step, NULL, &later);

	return later ? err : stub_command(&s->stub, &step, 1, -1, NULL);
}

static uint64_t host_prot(unsigned prot)
{
	return (prot & GUEST_READ ? PROT_READ : 0U) |
	       (prot & GUEST_WRITE ? PROT_READ | PROT_WRITE : 0U) |
	       (prot & GUEST_EXEC ? PROT_READ | PROT_EXEC : 0U);
}

static int map(struct process_space *s, gva_t addr, uint64_t len, unsigned prot, struct memfile *mf,
	       uint64_t off, bool now)
{
	bool arena = mf == physmem_arena(s->m->pm);
	bool later = false;
	const struct step steps[] = {
		{ SYS_mmap,
		  { addr.v, len, host_prot(prot), MAP_SHARED | MAP_FIXED | MAP_NORESERVE,
		    arena ? STUB_FD_ARENA : STUB_FD_PASSED, off },
		  arena ? STEP_LAST : 0 },
		{ SYS_close, { STUB_FD_PASSED }, STEP_LAST },
	};
	const struct step close_passed = { SYS_close, { STUB_FD_PASSED }, STEP_LAST };

	int err = now ? 0 : put_off(s, steps, arena ? NULL : mf, &later);
	if (later)
		return err;
	err = stub_command(&s->stub, steps, arena ? 1 : 2, arena ? -1 : mf->fd, NULL);
	if (err && err != -EIO) {
		if (!arena)
			stub_command(&s->stub, &close_passed, 1, -1, NULL);
		unmap(s, addr, len);
	}
	return err;
}

int space_map_now(struct process_space *s, gva_t addr, uint64_t len, unsigned prot,
		  struct memfile *mf, uint64_t off)
{
	return map(s, addr, len, prot, mf, off, true);
}

int process_space_map(struct space *space, gva_t addr, uint64_t len, unsigned prot,
		      struct memfile *mf, uint64_t off)
{
	struct process_space *s = to_process_space(space);
	bool arena = mf == physmem_arena(s->m->pm);
	uint64_t end;

	if (!is_guest_range(addr, len) || off % PAGE_SIZE ||
	    __builtin_add_overflow(off, len, &end) || end > INT64_MAX)
		return -EINVAL;
	if (arena && end > physmem_arena_size(s->m->pm))
		return -ENOMEM;
	if (prot & GUEST_WRITE && !mf->writable)
		return -EACCES;
	if (!prot)
		return process_space_unmap(space, addr, len);
	if (s->m->has_lines)
		sites_unmapping(s, addr.v, len);
	int err = map(s, addr, len, prot, mf, off, false);
	if (!err && prot & GUEST_TEXT && s->m->has_lines)
		sites_mapped(s, addr.v, len, mf, off);
	return err;
}

int process_space_unmap(struct space *space, gva_t addr, uint64_t len)
{
	struct process_space *s = to_process_space(space);

	if (!is_guest_range(addr, len))
		return -EINVAL;
	if (s->m->has_lines)
		sites_unmapping(s, addr.v, len);
	return unmap(s, addr, len);
}

/* mprotect(2) stops at a hole with ENOMEM; ours goes on behind it: by halves, until what is left of
 * a hole is a page. */
static int protect_range(struct process_space *s, uint64_t addr, uint64_t len, unsigned prot)
{
	const struct step step = { SYS_mprotect, { addr, len, host_prot(prot) }, STEP_LAST };
	int err = stub_command(&s->stub, &step, 1, -1, NULL);

	if (err != -ENOMEM)
		return err;
	if (len == PAGE_SIZE)
		return 0;
	uint64_t half = PAGE_DOWN(len / 2);
	err = protect_range(s, addr, half, prot);
	return err ? err : protect_range(s, addr + half, len - half, prot);
}

int process_space_protect(struct space *space, gva_t addr, uint64_t len, unsigned prot)
{
	struct process_space *s = to_process_space(space);
	if (!is_guest_range(addr, len))
		return -EINVAL;
	if (s->m->has_lines)
		sites_protecting(s, addr.v, len, prot & GUEST_TEXT);
	/* A hole may be in the range: what is mapped must be known now. */
	mutex_lock(&s->lock);
	int err = s->batch ? space_stub(s) : 0;
	if (!err && s->batch)
		err = batch_flush(s);
	mutex_unlock(&s->lock);
	if (err)
		return err;
	return prot ? protect_range(s, addr.v, len, prot) : process_space_unmap(space, addr, len);
}
