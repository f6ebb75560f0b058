/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Host I/O packets (GDB manual): the debugger reads files of the guest's, among them /proc, as a
 * visitor with the monitor's rights. It cannot write them.
 */
#ifndef HL_DEBUG_HOSTIO_H
#define HL_DEBUG_HOSTIO_H

#include "debug/packet.h"
#include "debug/target.h"
#include "kernel/visitor.h"

#define HOSTIO_FILES 32

struct hostio {
	struct visitor *visitor;
	struct file *file[HOSTIO_FILES];
};

/* The packet behind "vFile:". */
void hostio_packet(struct hostio *h, struct target *t, struct scan *s, struct text *reply);
void hostio_close_all(struct hostio *h);

#endif
