/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One thread waiting for any of several files: the engine of poll(2), select(2) and the like.
 *
 * 	poller_init(&p, sleeper);
 * 	for (;;) {
 * 		for each file
 * 			ready += poller_check(&p, file, events) != 0;
 * 		if (ready || err)
 * 			break;
 * 		err = poller_sleep(&p, deadline); // 0, or -ETIMEDOUT, -EINTR, -ENOMEM: look a last
 *   time
 * 	}
 * 	poller_done(&p);
 *
 * The first round registers with the files' wait queues, until one file is ready; later rounds only
 * look. A file that is answered by the host brings its descriptor: the sleep is then one ppoll(2)
 * on all of them, which a wake from inside ends.
 */
#ifndef HL_KERNEL_POLL_H
#define HL_KERNEL_POLL_H

#include <poll.h>

#include "fs/file.h"

#define POLLER_INLINE 8

struct poll_entry {
	struct poll_entry *next;
	struct waiter w;
};

struct poller {
	struct poll_table pt;
	struct sleeper *sleeper;
	bool registering;
	int error;
	struct poll_entry inline_entries[POLLER_INLINE], *entries;
	unsigned nr_inline;
	struct pollfd inline_host[POLLER_INLINE], *host; /* grows on the heap */
	unsigned nr_host, max_host;
};

void poller_init(struct poller *p, struct sleeper *s);
/* Nothing will be waited for: the check does not register. */
void poller_only_look(struct poller *p);
/* Events of `events`, POLLERR and POLLHUP that are true now. The caller keeps `f` alive until
 * poller_done. */
unsigned poller_check(struct poller *p, struct file *f, unsigned events);
int poller_sleep(struct poller *p, uint64_t deadline_ns);
void poller_done(struct poller *p);

#endif
