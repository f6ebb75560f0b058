/* SPDX-License-Identifier: Apache-2.0 */
/* The platform suite's fixture: a machine with one space in which the block of guest.S is mapped. */
#ifndef TESTS_PLATFORM_WORLD_H
#define TESTS_PLATFORM_WORLD_H

#include <stdio.h>
#include <stdlib.h>

#include "platform/platform.h"

/* Guest addresses. */
#define AT_CODE  0x400000UL
#define AT_DATA  0x10000000UL
#define AT_STACK 0x7ffff0000000UL /* end of one page */

#define RW (GUEST_READ | GUEST_WRITE)
#define RX (GUEST_READ | GUEST_EXEC)

extern const char guest_code[], guest_code_end[];

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
void world_map(struct world *w, struct space *s, uint64_t addr, unsigned pages, unsigned prot, uint64_t off);

/* A thread about to execute guest code at label `entry`. */
void thread_start(struct world *w, struct thread *t, const char *entry);
void thread_end(struct thread *t);
/* Runs to the next event, which must be of that kind. */
void thread_run(struct thread *t, enum event_kind kind);

#define CHECK(cond)                                                                                                    \
	do {                                                                                                           \
		if (!(cond)) {                                                                                         \
			printf("%s:%d: %s\n", __FILE__, __LINE__, #cond);                                              \
			fflush(stdout);                                                                                \
			exit(1);                                                                                       \
		}                                                                                                      \
	} while (0)

#define CHECK_EQ(a, b)                                                                                                 \
	do {                                                                                                           \
		unsigned long a_ = (unsigned long)(a), b_ = (unsigned long)(b);                                        \
		if (a_ != b_) {                                                                                        \
			printf("%s:%d: %s is %#lx, %s is %#lx\n", __FILE__, __LINE__, #a, a_, #b, b_);                 \
			fflush(stdout);                                                                                \
			exit(1);                                                                                       \
		}                                                                                                      \
	} while (0)

#endif
