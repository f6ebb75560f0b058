/* SPDX-License-Identifier: Apache-2.0 */
/* The platform suite's fixture: a machine with one space in which the block of guest.S is
 * mapped. */
#ifndef TESTS_PLATFORM_WORLD_H
#define TESTS_PLATFORM_WORLD_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "platform/platform.h"
#include "tests/platform/count.h"

/* Guest addresses. */
#define AT_CODE  0x400000UL
#define AT_DATA  0x10000000UL
#define AT_STACK 0x7ff000000000UL /* end of one page */

#define RW (GUEST_READ | GUEST_WRITE)
#define RX (GUEST_READ | GUEST_EXEC)

extern const char guest_code[], guest_code_end[];

/* Guest address of a label of guest.S. */
#define AT(label) (AT_CODE + (uint64_t)((label)-guest_code))

struct world {
	const struct platform *p;
	struct machine *m;
	struct physmem *pm;
	struct space *s;
	uint64_t next; /* unused arena from here on */
};

/* One guest thread. */
struct thread {
	struct world *w;
	struct space *s;
	struct context *c;
	struct kick k;
	struct event ev;
};

struct test {
	const char *name;
	void (*run)(void);
};

extern const struct test tests[];

void world_start(struct world *w);
void world_end(struct world *w);
/* Arena offset of `pages` zero pages. */
uint64_t world_pages(struct world *w, unsigned pages);
/* Host address of arena offset. */
void *world_ptr(struct world *w, uint64_t off);
struct space *world_space(struct world *w);
void world_map(struct world *w, struct space *s, uint64_t addr, unsigned pages, unsigned prot,
	       uint64_t off);

/* A thread about to execute guest code at label `entry`. */
void thread_start(struct world *w, struct thread *t, const char *entry);
void thread_end(struct thread *t);
struct cpu_regs thread_regs(struct thread *t);
void thread_regs_set(struct thread *t, const struct cpu_regs *r);
/* Goes on at a label, with these arguments. */
void thread_jump(struct thread *t, const char *entry, uint64_t rdi, uint64_t rsi);
/* Runs to the next event, which must be of that kind. */
void thread_run(struct thread *t, enum event_kind kind);
void thread_fault(struct thread *t, uint64_t addr, unsigned access);
void thread_exception(struct thread *t, unsigned vector);

/* A thread in a host thread of its own: runs to the first event that is not EVENT_INTERRUPTED, or
 * until it is told. */
struct runner {
	struct thread t;
	pthread_t host;
	_Atomic bool attached, stop, done;
};

void runner_start(struct world *w, struct runner *r, const char *entry, uint64_t rdi, uint64_t rsi);
/* Waits for its event. */
void runner_join(struct runner *r);
/* Tells it to stop; true if it was still running. */
bool runner_stop(struct runner *r);

/* On an emulated machine, where what takes microseconds elsewhere takes a thousand times as long
 * (HL_TEST_SLOW). */
bool test_slow(void);
void sleep_us(unsigned us);
uint64_t random64(void);

#define CHECK(cond)                                                                                \
	do {                                                                                       \
		if (!(cond)) {                                                                     \
			printf("%s:%d: %s\n", __FILE__, __LINE__, #cond);                          \
			fflush(stdout);                                                            \
			exit(1);                                                                   \
		}                                                                                  \
	} while (0)

#define CHECK_EQ(a, b)                                                                             \
	do {                                                                                       \
		unsigned long a_ = (unsigned long)(a), b_ = (unsigned long)(b);                    \
		if (a_ != b_) {                                                                    \
			printf("%s:%d: %s is %#lx, %s is %#lx\n", __FILE__, __LINE__, #a, a_, #b,  \
			       b_);                                                                \
			fflush(stdout);                                                            \
			exit(1);                                                                   \
		}                                                                                  \
	} while (0)

#endif
