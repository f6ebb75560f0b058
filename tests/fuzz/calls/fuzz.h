/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A fuzzer of the system call interface: a guest whose processes and threads make random calls with
 * arguments of the right type, often valid, often nearly so. Nothing is compared: the monitor has
 * to survive, and to end when the guest does.
 *
 * 	main.c		processes and threads, what is counted, what is noted of the last calls
 * 	grammar.c	a call: a row of sys/syscalls.def, and for each type of argument what is
 *			passed
 * 	memory.c	where arguments lie: good places, the edges of mappings, files that
 *			somebody truncates
 * 	objects.c	descriptors of every kind, names
 * 	deeds.c		what is no call with arguments: faults, exec of broken files, odd
 *			instructions, spoilt signal frames
 * 	outside.c	on the host: truncates and renames the guest's files under it
 *
 * All choices come from one seed. Each thread has a seed derived from it, and each call depends on
 * its thread's seed and its own number alone, so the same seed makes the same calls. What the
 * kernel makes of them depends on timing.
 */
#ifndef HL_TESTS_FUZZ_CALLS_H
#define HL_TESTS_FUZZ_CALLS_H

#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { PAGE = 4096, PROCESSES = 4, THREADS = 3, SLOTS = 64, NOTED = 16, ROWS = 512, TIDS = 64 };

/* What a thread noted of its calls. It lies in a file of the host, which outlives the monitor. */
struct noted {
	uint64_t number;
	int64_t nr;
	uint64_t arg[6];
};

struct slot {
	uint64_t seed, calls;
	struct noted last[NOTED]; /* call i is at i % NOTED */
};

/* Calls of each row of the grammar. */
struct counts {
	uint64_t made[ROWS], worked[ROWS];
};

struct ring {
	uint64_t seed, next_slot;
	int32_t tids[TIDS];  /* of threads that may be gone */
	struct counts round; /* since the last sweep */
	struct slot slot[SLOTS];
};

extern struct ring *ring;
extern pid_t first_process; /* no call may name it; not in the ring, which calls write to */

/* --- main.c */
struct me {
	uint64_t seed, number, rng;
	struct slot *slot;
	char *scratch;
	sigjmp_buf fault; /* where a fault of the thread's own goes */
	volatile bool in_call;
	int depth; /* of forks below the worker */
};
extern __thread struct me me;

void thread_start(void);
/* Makes up to `count` calls and deeds; in a process or thread of its own, which it does not end. */
void make_calls(int count);
long call6(long nr, const uint64_t a[6]);
#define CALL(nr, ...) call6((nr), (const uint64_t[6]){ __VA_ARGS__ })
/* For what the fuzzer itself needs: not counted. */
#define P(pointer) ((uint64_t)(uintptr_t)(pointer))

/* --- random numbers, of the thread's current call */
static inline uint64_t mix(uint64_t z)
{
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9; /* splitmix64 */
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return z ^ (z >> 31);
}

static inline uint64_t random64(void)
{
	return mix(me.rng += 0x9e3779b97f4a7c15);
}

static inline uint64_t below(uint64_t n)
{
	return random64() % n;
}

static inline bool percent(unsigned n)
{
	return below(100) < n;
}

#define PICK(...)                                                                                  \
	({                                                                                         \
		const uint64_t list_[] = { __VA_ARGS__ };                                          \
		list_[below(sizeof(list_) / sizeof(*list_))];                                      \
	})

uint64_t number(void); /* mostly small, often at an edge */
uint64_t length(void); /* of a buffer */

/* --- memory.c */
enum { SCRATCH = 16 * PAGE, AREA_PAGES = 64 };
void *memory_map(size_t size, int prot, int flags, int fd);
void memory_shared(void);  /* before the first fork: what all processes share */
void memory_process(void); /* of a worker */
bool memory_thread(void);  /* me.scratch; false: no memory */
void memory_thread_end(void);
/* A place for what a call fills in. */
void *room(size_t size);
/* The bytes in memory: mostly in a good place, whole. */
void *put(const void *bytes, size_t size);
#define PUT(type, ...) put(&(type)__VA_ARGS__, sizeof(type))
/* Page-aligned, for calls that change mappings. */
char *area(void);
char *area_byte(void); /* somewhere the fuzzer itself may touch: it may fault */
char *futex_word(void);

/* --- objects.c */
enum object {
	OBJECT_FILE,
	OBJECT_DIRECTORY,
	OBJECT_PIPE,
	OBJECT_SOCKET,
	OBJECT_LISTENER,
	OBJECT_EPOLL,
	OBJECT_EVENTFD,
	OBJECT_TIMERFD,
	OBJECT_SIGNALFD,
	OBJECT_INOTIFY,
	OBJECT_PIDFD,
	OBJECT_TERMINAL,
	OBJECTS
};
void objects_open(void);             /* descriptors of every kind, from 3 */
int descriptor(void);                /* any, of this process or not */
int descriptor_of(enum object kind); /* one that was opened as such; it may be another by now */
const char *relative_name(void);
void *path(void);
int process(void); /* never the first process or all processes */
int signal_number(void);

/* --- grammar.c */
struct call {
	long nr;
	int row; /* -1: a number of no row */
	uint64_t arg[6];
};
void grammar_call(struct call *c);
const char *grammar_name(long nr);
long grammar_row_nr(int row); /* -1: behind the last */

/* --- deeds.c */
void deed(void);
void handle_signals(void);

#endif
