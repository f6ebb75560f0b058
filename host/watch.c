/* SPDX-License-Identifier: Apache-2.0 */
/* Looks at memory for a while. See the header. */
#include "host/watch.h"

#include <stdint.h>

#include "arch/barrier.h"
#include "host/wait.h"

#define WATCH_NS   15000
#define MISSES_MAX 8

bool watch_for(struct watch *w, const _Atomic bool *flag)
{
	unsigned skip = atomic_load_explicit(&w->skip, memory_order_relaxed);
	unsigned misses = atomic_load_explicit(&w->misses, memory_order_relaxed);

	if (atomic_load(flag))
		return true;
	if (skip) {
		atomic_store_explicit(&w->skip, skip - 1, memory_order_relaxed);
		return false;
	}
	uint64_t end = monotonic_ns() + WATCH_NS;
	do {
		for (unsigned i = 0; i < 16; i++) {
			if (atomic_load(flag)) {
				atomic_store_explicit(&w->misses, 0, memory_order_relaxed);
				return true;
			}
			cpu_pause();
		}
	} while (monotonic_ns() < end);
	misses += misses < MISSES_MAX;
	atomic_store_explicit(&w->misses, misses, memory_order_relaxed);
	atomic_store_explicit(&w->skip, 1U << misses, memory_order_relaxed);
	return false;
}
