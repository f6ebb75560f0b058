/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A thread of our own that does what it is asked for, one thing at a time, while the caller waits.
 *
 * It starts a sandbox: what a thread does to confine itself it cannot undo, and the caller's thread
 * is the caller's. Threads of the guest are made by it alone, because they are confined as it is.
 */
#ifndef HL_LIB_STARTER_H
#define HL_LIB_STARTER_H

struct starter;

/* 0, -ENOMEM, or the errno of a thread that could not be made. */
int starter_new(struct starter **out);
/* Calls fn(arg) in the thread, and returns what that returns. One caller at a time. */
int starter_call(struct starter *st, int (*fn)(void *arg), void *arg);
/* The same without waiting: the next call of any kind does. */
void starter_begin(struct starter *st, int (*fn)(void *arg), void *arg);
/* By such a function: calls fn(arg) in the thread of the caller, who waits for it anyway. */
void starter_call_back(struct starter *st, void (*fn)(void *arg), void *arg);
/* The thread ends. NULL: no effect. */
void starter_free(struct starter *st);

#endif
