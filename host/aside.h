/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Host calls that may keep the host's kernel busy for seconds or minutes, and that no signal ends:
 * writing a file back, giving up the blocks of a large one. A thread in such a call could not be
 * told to end, and a process whose thread is in one cannot end either. So a process of its own
 * makes the call. It holds nothing of ours but the one descriptor, it is nobody's child, and it may
 * be left behind.
 *
 * That costs two forks: it is for calls that take longer than that. Where no process can be had the
 * call is made here.
 */
#ifndef HL_HOST_ASIDE_H
#define HL_HOST_ASIDE_H

#include "host/wait.h"

/* From how many bytes of a file on freeing or writing it is worth a process. */
#define ASIDE_BYTES (8UL << 20)

/* The host call `nr` with `fd` as its first argument: its result or -errno. -EINTR: the caller is
 * to end (sleeper_kill), and the call goes on without it. */
long aside_call(struct sleeper *s, int fd, long nr, long a, long b, long c);
/* Closes `fd` by what may be the last reference to its file. Does not wait for it. */
void aside_close(int fd);
/* Of the memory that aside_hold_memory() is to unmap, so many bytes at its end are its own. */
#define ASIDE_STACK (16UL << 10)

/* A process that keeps the file of `fd` open and the memory [addr, addr+len) mapped until the
 * descriptor this returns is closed, by our end or before. Then that process unmaps the memory and
 * closes the file: nobody here waits for the host to give back gigabytes. -errno. */
int aside_hold_memory(int fd, void *addr, size_t len);

#endif
