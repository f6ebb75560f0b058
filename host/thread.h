/* SPDX-License-Identifier: Apache-2.0 */
/* The monitor's own host threads and processes. The signals of a program that embeds the library
 * are its own: none of its handlers may run in them. */
#ifndef HL_HOST_THREAD_H
#define HL_HOST_THREAD_H

#include <pthread.h>
#include <signal.h>
#include <stddef.h>

/* Nobody joins it. */
#define THREAD_DETACHED 1U
/* It is a sleeper's, and copies from and to guests: it gets kicks and its own faults. */
#define THREAD_KICKED 2U

/* Starts a thread with all signals blocked, but for THREAD_KICKED's; `stack` bytes, 0: as many as
 * the host's default. 0 or -errno. */
int host_thread_start(pthread_t *out, size_t stack, unsigned flags, void *(*fn)(void *), void *arg);

/* Threads made from now on do not block SIGSYS either: the whole process is in a jail of ours, and
 * has a handler that says what was forbidden. */
void host_threads_take_violations(void);

/* The calling thread, one of ours, does without the restartable sequences that its C library has
 * registered (rseq(2)). Nothing of ours uses them, and the host's kernel brings them up to date at
 * each switch: a tenth of what a guest's system call costs where each is two switches. */
void host_thread_leave_rseq(void);

/* Blocks all signals in the calling thread, which is about to clone; *old: what is to be restored
 * behind that. */
void host_signals_block(sigset_t *old);
void host_signals_restore(const sigset_t *old);

#endif
