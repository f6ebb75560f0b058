/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packets of GDB's remote serial protocol (GDB manual, "Overview" of that chapter): frames,
 * escapes, numbers. What comes is a stranger's: a frame that is too long, or has another sum than
 * it says, is refused, and a number is read as far as it is one.
 */
#ifndef HL_DEBUG_PACKET_H
#define HL_DEBUG_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/text.h"

#define PACKET_MAX 0x8000 /* bytes of a packet; as told in qSupported */

struct packet_reader {
	char buf[PACKET_MAX + 1]; /* of a whole packet, its contents, and a NUL */
	size_t len;
	enum { PACKET_OUTSIDE, PACKET_INSIDE, PACKET_ESCAPED, PACKET_SUM_HIGH, PACKET_SUM_LOW } at;
	unsigned char sum;
	unsigned said; /* the sum that it says */
	bool too_long;
};

/* What a byte completes. */
enum packet_event {
	PACKET_NOTHING,
	PACKET_WHOLE,     /* in `buf` */
	PACKET_BAD,       /* it is to be sent again */
	PACKET_REFUSED,   /* the other side wants the last one again */
	PACKET_INTERRUPT, /* Ctrl-C */
};
enum packet_event packet_feed(struct packet_reader *r, unsigned char byte);

/* Appends a packet with these contents. */
void packet_put(struct text *out, const char *contents, size_t len);

void put_hex(struct text *out, const void *bytes, size_t n);

/* ---- the parts of a packet ---- */

struct scan {
	const char *p, *end;
	bool bad; /* something was not there that had to be */
};

struct scan scan_of(const char *s, size_t len);
/* Is this what comes next? Then it is behind it. */
bool scan_word(struct scan *s, const char *word);
/* It has to be. */
void scan_need(struct scan *s, const char *word);
bool scan_ends(const struct scan *s);
/* A number of 1 to 16 hexadecimal digits; 0, and `bad`, where there is none. */
uint64_t scan_hex(struct scan *s);
/* Pairs of them to the end, or to another sign; so many bytes. More than `max`: bad. */
size_t scan_bytes(struct scan *s, void *out, size_t max);
/* A thread's name: pPID.TID, pPID or TID; -1: all. Without a process pid is 0. */
struct thread_name {
	int64_t pid, tid; /* 0: any */
};
struct thread_name scan_thread(struct scan *s);

#endif
