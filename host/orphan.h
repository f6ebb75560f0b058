/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A process of its own that is nobody's child: whoever embeds the library has no child more to wait
 * for. It begins with a copy of our memory and of our descriptors, all signals blocked, in a
 * session of its own.
 */
#ifndef HL_HOST_ORPHAN_H
#define HL_HOST_ORPHAN_H

#include <stddef.h>

/* `flags`: namespaces of its own (clone(2), CLONE_NEW*). In a program with threads `main` makes
 * system calls and nothing else; the process ends when it returns. 0 or -errno: there is none. */
int orphan_start(unsigned long flags, void (*main)(void *arg), void *arg);
/* One that keeps little of our memory: programs and libraries with their variables, and a copy of
 * `arg`, `size` bytes of it, which `main` gets. A program that embeds the library may have
 * gigabytes, which would stay as they were as long as the process is there. */
int orphan_start_alone(unsigned long flags, void (*main)(void *arg), const void *arg, size_t size);
/* One that shares our memory instead, with descriptors of its own. As long as it is there, the end
 * of our process does not give back the memory. `stack_end`: of memory that stays until then. Its
 * thread pointer is that of a thread of ours, which goes on or ends: so `main`, which does not
 * return, must not use libc. */
int orphan_start_sharing(void *stack_end, int (*main)(void *arg), void *arg);

/* In one: closes everything but these two, which may be the same. The host's pipes and terminals
 * must not be kept open by what is left behind. */
void orphan_keep(int a, int b);

#endif
