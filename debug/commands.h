/* SPDX-License-Identifier: Apache-2.0 */
/* What GDB's packets ask for (GDB manual, "Packets"), over a target. */
#ifndef HL_DEBUG_COMMANDS_H
#define HL_DEBUG_COMMANDS_H

#include "debug/hostio.h"
#include "debug/packet.h"
#include "debug/target.h"

struct session {
	struct target *target;
	struct hostio files;
	bool no_acks, acks_end; /* acks_end: from behind this reply on */
	bool multiprocess;
	bool waits; /* the threads run, and it is told when they stop */
	struct halt last;
	struct thread_name general; /* whose registers and memory are asked about */
	unsigned listed;            /* threads that qfThreadInfo and qsThreadInfo have told */
};

/* As a new connection finds it. */
void session_begin(struct session *s);
/* Answers a packet; true: there is a reply, even if it is empty. */
bool session_packet(struct session *s, const char *packet, size_t len, struct text *reply);
/* All threads have stopped: what is told of that. Of a process that has ended nothing is known
 * then. */
void session_stopped(struct session *s, const struct halt *why, struct text *reply);

#endif
