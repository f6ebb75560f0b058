/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A server of GDB's remote serial protocol, by which a debugger outside reaches a sandbox: one
 * thread, and one connection at a time. The threads of the sandbox stand still from before the
 * program's first instruction until a debugger lets them go on. Where a connection breaks off, its
 * breakpoints go; what stands still stays so until the next one comes, and what runs is let go.
 */
#ifndef HL_DEBUG_SERVER_H
#define HL_DEBUG_SERVER_H

#include "util/errmsg.h"

struct debugger;
struct sandbox;
struct debug_server;

/* Listens at [HOST]:PORT, of this machine alone where no host is named, or at the path of a unix
 * socket. Before the monitor is confined. Errors are -errno, with a sentence. */
int debug_server_open(const char *address, struct debug_server **out, struct errmsg *errmsg);
/* NULL: "address" is one. */
const char *debug_address_wrong(const char *address);
/* What traces the program, before that is made. */
int debug_server_trace(struct debug_server *s, struct sandbox *sb, struct debugger **out);
/* Starts its thread, when there is a program. */
int debug_server_start(struct debug_server *s);
/* All of it ends; NULL: no effect. The sandbox is there still. */
void debug_server_free(struct debug_server *s);

#endif
