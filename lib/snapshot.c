/* SPDX-License-Identifier: Apache-2.0 */
/* Opens snapshots for callers of hl.h and tells what they hold. */
#include "lib/snapshot.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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

/* The name is gone as soon as the file is open; a crash in between leaves it, in a directory that
 * is emptied some day. */
int hl_sandbox_clone(struct hl_sandbox *sb, const char *dir, struct hl_snapshot **out,
		     struct hl_error **err)
{
	const char *tmp = getenv("TMPDIR");
	char *file;

	*out = NULL;
	if (!dir)
		dir = tmp && *tmp ? tmp : "/tmp";
	if (asprintf(&file, "%s/hl-clone-XXXXXX", dir) < 0)
		return error_set(err, HL_NO_MEMORY, "out of memory");
	int fd = mkostemp(file, O_CLOEXEC), ret = 0;
	if (fd < 0)
		ret = error_set(err, HL_SYSTEM, "%s: %s", dir, strerror(errno));
	else
		close(fd);
	if (!ret)
		ret = hl_sandbox_save(sb, file, err);
	if (!ret)
		ret = hl_snapshot_open(file, out, err);
	if (fd >= 0)
		unlink(file);
	free(file);
	return ret;
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
