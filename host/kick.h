/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kicks: how one host thread ends, without a race, whatever another host thread of this process is
 * blocked in.
 *
 * Each thread that runs a guest task owns a struct kick. kick_send() sets `pending` and, where the
 * owner may be inside a host call, sends it HL_KICK_SIGNAL. Sticky: a kick that comes before the
 * blocking call makes that call return at once.
 *
 *   owner                                         sender
 *   host_call_intr(k, nr, ...)                    kick_send(k)
 *     state = HOST                                  pending = 1
 *     asm: test k->pending; jnz -> -EINTR           if state HOST -> SENDING: tgkill(owner,
 *                                                   HL_KICK_SIGNAL)
 *     asm: syscall                                                            state = SENT
 *     state HOST -> AWAY, else wait for SENT
 *
 * The window between the test and the `syscall` instruction is closed by the signal handler, which
 * moves an instruction pointer inside it to the -EINTR exit (the technique of musl's cancellation
 * points). A call that finished is never undone. An owner that finds a sender at work waits until
 * the signal has been delivered, so no late signal ever hits what the thread does next. The handler
 * restarts calls (SA_RESTART): code of the embedding program does not notice.
 *
 * Process-wide effect: a handler for HL_KICK_SIGNAL, and one for SIGBUS and SIGSEGV (host/fixup.h)
 * that passes on what is not ours; nothing else about the host's signals is touched.
 */
#ifndef HL_HOST_KICK_H
#define HL_HOST_KICK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define HL_KICK_SIGNAL (SIGRTMAX - 3)

struct kick {
	/* also the futex word of kick_wait; the assembly knows it is first */
	_Atomic uint32_t pending;
	_Atomic uint32_t state; /* KICK_* : where the owner is */
	pid_t tid;              /* of the owner; set by kick_attach */
	bool was_blocked;       /* HL_KICK_SIGNAL, before kick_attach */
};

enum { KICK_AWAY, KICK_HOST, KICK_FUTEX, KICK_SENDING, KICK_SENT };

/* Installs the handler once per process. 0 or -errno. */
int kick_init(void);
/* Makes the calling thread the owner of `k`, and lets it get HL_KICK_SIGNAL; kick_detach undoes
 * both before the thread ends. */
void kick_attach(struct kick *k);
void kick_detach(struct kick *k);
/* Any thread, any time between attach and detach of the owner (the caller's locks see to that).
 * Async-signal-safe. */
void kick_send(struct kick *k);
/* As kick_send, but leaves nothing pending: ends a host call the owner is blocked in, and may be
 * too early for one that is about to begin. For callers with a flag of their own that the call
 * itself looks at. */
void kick_nudge(struct kick *k);
/* Owner: takes the pending kick; true if there was one. */
bool kick_take(struct kick *k);
/* Owner: sleeps until a kick is pending or the deadline passes, in ns of CLOCK_MONOTONIC or
 * CLOCK_REALTIME (UINT64_MAX: none). True: kicked. Does not take the kick. */
bool kick_wait(struct kick *k, clockid_t clock, uint64_t deadline_ns);
/* Owner: raw host system call; -EINTR when a kick was pending or came in time, else the result or
 * -errno. */
long host_call_intr(struct kick *k, long nr, long a, long b, long c, long d, long e, long f);

#endif
