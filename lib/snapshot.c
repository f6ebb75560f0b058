/* SPDX-License-Identifier: Apache-2.0 */
/* Opens snapshots for callers of hl.h and tells what they hold. */
#include "lib/snapshot.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/error.h"
#include "lib/family.h"
#include "lib/saved_world.h"
#include "snapshot/image.h"
#include "snapshot/snapshot.h"
#include "util/time.h"

static int fail(struct hl_error **err, int e, const struct errmsg *errmsg)
{
	enum hl_code code = e == -EBADMSG  ? HL_DAMAGED
			    : e == -ENOENT ? HL_NOT_FOUND
			    : e == -ENOMEM ? HL_NO_MEMORY
					   : HL_SYSTEM;

	return error_set(err, code, "%s", errmsg->text[0] ? errmsg->text : strerror(-e));
}

int hl_snapshot_open(const char *file, struct hl_snapshot **out, struct hl_error **err)
{
	struct hl_snapshot *s = calloc(1, sizeof *s);
	struct errmsg errmsg = { "" };
	int e = s ? snapshot_open(file, &s->snap, &errmsg) : -ENOMEM;

	*out = NULL;
	if (!e && !(s->family = family_new(s->snap))) {
		snapshot_close(s->snap);
		e = -ENOMEM;
	}
	if (!e) {
		s->driver = saved_world_driver(s->snap);
		*out = s;
		return 0;
	}
	free(s);
	return fail(err, e, &errmsg);
}

void hl_snapshot_close(struct hl_snapshot *s)
{
	if (!s)
		return;
	family_put(s->family);
	free(s->driver);
	free(s);
}

void hl_snapshot_inspect(const struct hl_snapshot *s, struct hl_snapshot_info *out)
{
	const struct snapshot_info *i = &s->snap->info;

	*out = (struct hl_snapshot_info){
		.program = i->program,
		.driver = s->driver ? s->driver : "",
		.saved_at = i->saved_at / NSEC_PER_SEC,
		.processes = i->processes,
		.threads = i->threads,
		.pages = i->pages,
		.size = i->size,
	};
}

int hl_snapshot_verify(const struct hl_snapshot *s, struct hl_error **err)
{
	struct errmsg errmsg = { "" };
	int e = image_verify(s->snap->image, &errmsg);

	return e ? fail(err, e, &errmsg) : 0;
}
