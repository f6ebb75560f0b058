/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Copies at rest, which a pool keeps: all that is expensive to make is there, but no task, no open
 * file and no standard descriptor. Time has not begun for them: they go on from the snapshot when
 * they are told to go.
 */
#ifndef HL_LIB_SANDBOX_H
#define HL_LIB_SANDBOX_H

#include "hl.h"

struct calls;
struct cred;
struct sandbox;

/* Calls between it and the host (kernel/calls.h). */
struct calls *sandbox_calls(struct hl_sandbox *sb);
/* What is behind it, and a reference to the credentials of its program, or of who started
 * it while there is none. */
struct sandbox *sandbox_kernel(struct hl_sandbox *sb, struct cred **cred);
/* So many milliseconds from now, or HL_FOREVER, of monotonic_ns(). */
uint64_t sandbox_deadline(uint64_t milliseconds);
/* A copy at rest; cfg->resettable is set. HL_STATE: it cannot be one (hl_sandbox_reset). */
int sandbox_prepare(const struct hl_config *cfg, const struct hl_snapshot *snapshot,
		    struct hl_sandbox **out, struct hl_error **err);
/* Lets it run, with the descriptors, arguments, variables and time limit of `cfg`. After a failure
 * it can only be freed. */
int sandbox_go(struct hl_sandbox *sb, const struct hl_config *cfg, struct hl_error **err);
/* Ends what runs in it, and puts it to rest. As hl_sandbox_reset fails. */
int sandbox_rest(struct hl_sandbox *sb, struct hl_error **err);

#endif
