/* SPDX-License-Identifier: Apache-2.0 */
/* A count that somebody waits to fall to zero. A condition would wake him while its lock is still
 * held, only for him to wait for that. */
#ifndef HL_HOST_ZERO_H
#define HL_HOST_ZERO_H

#include <linux/futex.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "util/lock.h"

/* Futexes are words of 32 bits. */
_Static_assert(sizeof(unsigned) == sizeof(uint32_t), "counts are such words");

static inline void zero_wait(const _Atomic unsigned *count)
{
	unsigned now;

	lock_assert_may_sleep();
	while ((now = atomic_load(count)))
		syscall(SYS_futex, count, FUTEX_WAIT_PRIVATE, now, NULL, NULL, 0);
}

/* It is 0 now. The waiter may have freed it already: then nobody is woken, or one who looks again
 * at what he waits for. */
static inline void zero_tell(const _Atomic unsigned *count)
{
	syscall(SYS_futex, count, FUTEX_WAKE_PRIVATE, INT32_MAX, NULL, NULL, 0);
}

#endif
