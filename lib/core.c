/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A guest can die as often as it likes: there are so many core files of a sandbox and no more. No
 * link is followed: a file is made where none was, in a directory that is open since the start, and
 * takes the place of whatever has its name then.
 */
#include "lib/core.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host/hostcall.h"
#include "kernel/coredump.h"
#include "lib/config.h"
#include "lib/error.h"

#define CORES_MAX 64

struct core_files {
	struct core_store store;
	char *pattern;
	hl_output_fn *log;
	void *log_arg;
	_Atomic unsigned made;
};

struct core_out {
	int fd;
	char aside[48];
};

static struct core_out *begin(struct core_store *s)
{
	struct core_files *f = (struct core_files *)s;
	unsigned n = atomic_fetch_add(&f->made, 1);
	struct core_out *out = n < CORES_MAX ? calloc(1, sizeof *out) : NULL;

	if (!out)
		return NULL;
	snprintf(out->aside, sizeof out->aside, ".hl-core.%d.%u", getpid(), n);
	out->fd =
	    openat(s->dir, out->aside, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (out->fd < 0)
		out->fd = -errno; /* which each write says */
	return out;
}

static int write_part(struct core_out *out, const void *bytes, size_t n, uint64_t at)
{
	const char *p = bytes;

	if (out->fd < 0)
		return out->fd;
	while (n) {
		ssize_t done = pwrite(out->fd, p, n, (off_t)at);
		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return done ? -errno : -EIO;
		p += done;
		at += (uint64_t)done;
		n -= (size_t)done;
	}
	return 0;
}

static void tell(const struct core_files *f, const char *name, int err)
{
	char line[512];
	int n = snprintf(line, sizeof line, "no core file %s: %s", name, strerror(-err));

	if (f->log)
		f->log(f->log_arg, line, (size_t)n < sizeof line ? (size_t)n : sizeof line - 1);
}

static void end(struct core_store *s, struct core_out *out, const char *name, int err)
{
	const struct core_files *f = (struct core_files *)s;

	if (!err) /* by number: libc makes another call of it, which the jail does not know */
		err = (int)host_call(SYS_renameat2, s->dir, out->aside, s->dir, name, 0);
	if (err && out->fd >= 0)
		(void)unlinkat(s->dir, out->aside, 0);
	if (out->fd >= 0)
		close(out->fd);
	if (err && err != -EINTR)
		tell(f, name, err);
	free(out);
}

int core_files_open(const struct hl_config *cfg, struct core_files **out, struct hl_error **err)
{
	if (!cfg->core)
		return 0;
	const char *slash = strrchr(cfg->core, '/');
	struct core_files *f = calloc(1, sizeof *f);
	char *dir = slash ? strndup(cfg->core, (size_t)(slash + 1 - cfg->core)) : strdup(".");

	if (f) {
		f->store = (struct core_store){
			.dir = -1, .begin = begin, .write = write_part, .end = end
		};
		f->store.pattern = f->pattern = strdup(slash ? slash + 1 : cfg->core);
		f->log = cfg->log;
		f->log_arg = cfg->log_arg;
	}
	if (!f || !dir || !f->pattern) {
		free(dir);
		core_files_free(f);
		return error_set(err, HL_NO_MEMORY, "out of memory");
	}
	f->store.dir = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int e = f->store.dir < 0 ? errno : 0;
	free(dir);
	if (e || !f->pattern[0]) {
		core_files_free(f);
		return error_set(err, HL_SYSTEM, "core files cannot be kept in %s: %s", cfg->core,
				 strerror(e ? e : EISDIR));
	}
	*out = f;
	return 0;
}

struct core_store *core_files_store(struct core_files *f)
{
	return f ? &f->store : NULL;
}

void core_files_free(struct core_files *f)
{
	if (!f)
		return;
	host_close(f->store.dir);
	free(f->pattern);
	free(f);
}
