/* SPDX-License-Identifier: Apache-2.0 */
/* Calls of the program for callers of hl.h (kernel/calls.h). */
#include "kernel/calls.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/error.h"
#include "lib/sandbox.h"
#include "util/time.h"

_Static_assert(HL_MESSAGE_MAX == CALL_BYTES_MAX, "one bound");

#define WHY_MAX 200 /* bytes of what a program says of its failure */

void hl_bytes_free(struct hl_bytes *bytes)
{
	free(bytes->data);
	*bytes = (struct hl_bytes){ NULL, 0 };
}

/* The last line of what the program says, as one that can be shown to people. */
static int report_failure(const char *name, const struct hl_bytes *said, struct hl_error **err)
{
	char why[WHY_MAX + 1];
	size_t end = said->len, start, n = 0;

	while (end && said->data[end - 1] == '\n')
		end--;
	for (start = end; start && said->data[start - 1] != '\n';)
		start--;
	for (; start < end && n < WHY_MAX; start++) {
		unsigned char c = (unsigned char)said->data[start];
		why[n++] = (char)(c < ' ' || c == 0x7f ? '?' : c);
	}
	why[n] = '\0';
	return error_set(err, HL_FAILED, "%s: %s", name, n ? why : "it failed");
}

static int report_end(const char *name, int e, struct hl_error **err)
{
	if (e == -ETIMEDOUT)
		return error_set(err, HL_TIMED_OUT, "%s has not answered in time", name);
	return error_set(err, HL_STATE, "%s: the program has ended", name);
}

int hl_sandbox_call(struct hl_sandbox *sb, const char *name, const void *data, size_t len,
		    uint64_t milliseconds, struct hl_bytes *out, struct hl_error **err)
{
	struct calls *cs = sandbox_calls(sb);
	size_t name_len = strlen(name);

	*out = (struct hl_bytes){ NULL, 0 };
	if (!name_len || name_len > CALL_NAME_MAX || len > HL_MESSAGE_MAX)
		return error_set(err, HL_INVALID, "a call has a name of 1 to %d bytes, and 16 MiB",
				 CALL_NAME_MAX);
	struct call *call = call_new(name, name_len, len);
	if (!call)
		return error_set(err, HL_NO_MEMORY, "out of memory");
	if (len)
		memcpy(call_bytes(call), data, len);
	int e = calls_ask(cs, call);
	if (!e)
		e = calls_wait(cs, call, sandbox_deadline(milliseconds));
	if (e == -ETIMEDOUT)
		hl_sandbox_kill(sb);
	int ret = e ? report_end(name, e, err) : 0;
	if (!e) {
		*out = (struct hl_bytes){ call->answer, call->answer_len };
		call->answer = NULL; /* nobody else has it */
	}
	if (!e && call->error)
		ret = report_failure(name, out, err);
	call_put(call);
	return ret;
}
