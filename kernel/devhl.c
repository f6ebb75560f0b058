/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Implements /dev/hl. Each open file has a question, the last one that was written to it, and gives
 * its answer from the beginning; a file that was asked nothing says which copy this is. A copy
 * opens its files anew (fs/saved.h), so that nothing was asked of them and no old answer is left.
 *
 * A request is one write: a line and, for some of them, bytes behind it. A thread that waits for a
 * call, or for an answer, has the file for itself meanwhile (`busy`).
 */
#include "kernel/devhl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fs/devfs.h"
#include "fs/device.h"
#include "fs/saved.h"
#include "kernel/calls.h"
#include "kernel/process.h"
#include "kernel/restart.h"
#include "kernel/sandbox.h"
#include "kernel/savepoint.h"
#include "kernel/task.h"
#include "mm/forecast.h"

#define REQUEST_LINE_MAX 320 /* a word, a space and a name */

/* What a read answers: a devhl_told, or one of these. */
enum { ASKED_NUMBER = -1, ASKED_CALL = -2, ASKED_ANSWER = -3 };

struct devhl_file {
	struct file file;
	struct sandbox *sb;
	/* file.pos_lock: */
	int question;
	bool busy;
	struct call *serving; /* of the host's, not answered yet; NULL: none */
	/* Of the guest's: ASKED_ANSWER; or it is waited for; or, gave_up, its wait has ended for a
	 * freeze and begins again. NULL: none. */
	struct call *calling;
	bool gave_up;
	uint64_t charged; /* for `calling` */
};

/* One write. */
struct request {
	struct devhl_file *h;
	struct caller *c;
	struct uio *u;    /* the bytes behind the line, from `head` on */
	const char *name; /* behind the word and a space; NULL: none */
	const char *head; /* the first of them, which have been taken already */
	size_t head_len, len;
};

static struct devhl_file *devhl_of(struct file *f)
{
	return container_of(f, struct devhl_file, file);
}

/* ---- questions ---- */

/* The lock is held. */
static void ask_locked(struct devhl_file *h, int question)
{
	h->question = question;
	h->file.pos = 0;
}

static int ask(struct request *rq, int question)
{
	mutex_lock(&rq->h->file.pos_lock);
	ask_locked(rq->h, question);
	mutex_unlock(&rq->h->file.pos_lock);
	return 0;
}

static int save(struct request *rq, int unused)
{
	return savepoint_reach(rq->c->task);
}

/* ---- calls ---- */

/* The bytes behind the line. */
static int take_bytes(struct request *rq, char *to)
{
	size_t rest = rq->len - rq->head_len;

	if (rq->head_len)
		memcpy(to, rq->head, rq->head_len);
	return uio_take(rq->u, to + rq->head_len, rest) == rest ? 0 : -EFAULT;
}

/* What was called before is not read any more. The lock is held. */
static void drop_answer(struct devhl_file *h)
{
	if (h->question == ASKED_ANSWER)
		ask_locked(h, ASKED_NUMBER);
	if (h->calling)
		calls_drop(h->sb->calls, h->calling);
	mm_host_uncharge(&h->sb->mem, h->charged);
	h->calling = NULL;
	h->charged = 0;
	h->gave_up = false;
}

/* The file is the calling thread's until `busy` is cleared. `again`: it goes on with its call that
 * gave up. Where that is another's, it has ended since, and nobody waits for the answer. `serves`:
 * it is about to get a call of the host's. */
static int begin_busy(struct devhl_file *h, bool again, bool serves)
{
	if (!h->sb->calls)
		return -EOPNOTSUPP;
	mutex_lock(&h->file.pos_lock);
	int err = h->busy || (serves && h->serving) ? -EBUSY : 0;
	if (!err) {
		h->busy = true;
		if (!(h->gave_up && again))
			drop_answer(h);
	}
	mutex_unlock(&h->file.pos_lock);
	return err;
}

/* Waits for a call of the host's, which is what is read then. */
static int next(struct request *rq, int unused)
{
	struct devhl_file *h = rq->h;
	struct call *call = NULL;
	int err = begin_busy(h, false, true);

	if (err)
		return err;
	err = calls_next(h->sb->calls, rq->c->sleeper, !(h->file.flags & O_NONBLOCK), &call);
	mutex_lock(&h->file.pos_lock);
	h->busy = false;
	if (!err) {
		h->serving = call;
		ask_locked(h, ASKED_CALL);
	}
	mutex_unlock(&h->file.pos_lock);
	return err == -EINTR ? -ERESTARTSYS : err;
}

static struct call *take_serving(struct devhl_file *h)
{
	mutex_lock(&h->file.pos_lock);
	struct call *call = h->serving;
	h->serving = NULL;
	if (h->question == ASKED_CALL)
		ask_locked(h, ASKED_NUMBER);
	mutex_unlock(&h->file.pos_lock);
	return call;
}

/* Answers the call of the host's that it has got. */
static int answer(struct request *rq, int error)
{
	struct mm_host *mem = &rq->h->sb->mem;
	struct task *t = rq->c->task;

	if (!mm_host_charge(mem, rq->len))
		return -ENOMEM;
	mm_forecast_over(t->mm);
	char *bytes = malloc(rq->len + 1);
	int err = bytes ? take_bytes(rq, bytes) : -ENOMEM;
	struct call *call = err ? NULL : take_serving(rq->h);
	if (!err && !call)
		err = -ESRCH;
	if (err)
		free(bytes);
	else
		calls_answer(rq->h->sb->calls, call, error, bytes, rq->len);
	/* an answer is the host's from here on */
	mm_host_uncharge(mem, rq->len);
	return err;
}

/* The thread has the file for itself. */
static int begin_call(struct request *rq)
{
	struct devhl_file *h = rq->h;
	size_t name_len = strlen(rq->name);
	uint64_t size = sizeof(struct call) + name_len + rq->len;

	if (!mm_host_charge(&h->sb->mem, size))
		return -ENOMEM;
	struct call *call = call_new(rq->name, name_len, rq->len);
	int err = call ? take_bytes(rq, call_bytes(call)) : -ENOMEM;
	if (!err)
		err = calls_ask_host(h->sb->calls, call);
	if (err) {
		if (call)
			call_put(call);
		mm_host_uncharge(&h->sb->mem, size);
		return err;
	}
	h->calling = call;
	h->charged = size;
	return 0;
}

/* The answer is what is read then, also where the function has failed. The lock is held. */
static int end_call(struct devhl_file *h)
{
	struct call *call = h->calling;

	if (!mm_host_charge(&h->sb->mem, call->answer_len)) {
		drop_answer(h);
		return -ENOMEM;
	}
	h->charged += call->answer_len;
	ask_locked(h, ASKED_ANSWER);
	return -call->error;
}

/* Calls a function of the host's. Signals wait for its end: a call that they could end would be
 * made twice, or nobody would know whether it was made. */
static int call_host(struct request *rq, int unused)
{
	struct devhl_file *h = rq->h;
	int err = begin_busy(h, rq->c->sleeper->again, false);

	if (err)
		return err;
	if (!h->calling)
		err = begin_call(rq);
	bool called = !err;
	if (called)
		err = calls_wait_host(h->sb->calls, h->calling, rq->c->sleeper);
	mutex_lock(&h->file.pos_lock);
	h->busy = false;
	h->gave_up = called && err && rq->c->sleeper->gave_up;
	if (h->gave_up)
		err = -ERESTARTNOINTR;
	else if (called && err)
		drop_answer(h);
	else if (called)
		err = end_call(h);
	mutex_unlock(&h->file.pos_lock);
	return err;
}

/* ---- a write ---- */

enum { NAMED = 1, BYTES = 2 };

static const struct {
	const char *word;
	int (*fn)(struct request *rq, int arg);
	int arg;
	int has; /* NAMED: a name behind the word; BYTES: any behind the line */
} requests[] = {
	{ "save", save, 0, 0 },
	{ "copy", ask, ASKED_NUMBER, 0 },
	{ "args", ask, DEVHL_ARGS, 0 },
	{ "env", ask, DEVHL_ENV, 0 },
	{ "environ", ask, DEVHL_ENVIRON, 0 },
	{ "dir", ask, DEVHL_DIR, 0 },
	{ "next", next, 0, 0 },
	{ "result", answer, 0, BYTES },
	{ "error", answer, EREMOTEIO, BYTES },
	{ "call", call_host, 0, NAMED | BYTES },
};

static int obey(struct request *rq, const char *word)
{
	for (size_t i = 0; i < sizeof requests / sizeof *requests; i++) {
		int has = requests[i].has;
		if (strcmp(word, requests[i].word) != 0)
			continue;
		if ((has & NAMED) ? !rq->name : rq->name != NULL)
			return -EINVAL;
		return rq->len && !(has & BYTES) ? -EINVAL : requests[i].fn(rq, requests[i].arg);
	}
	return -EINVAL;
}

/* Cuts the line into a word and a name, which is neither empty nor too long. */
static bool parse_line(char *line, size_t len, struct request *rq)
{
	char *space = memchr(line, ' ', len);

	if (strlen(line) != len)
		return false;
	if (!space)
		return true;
	*space = '\0';
	rq->name = space + 1;
	return *rq->name && strlen(rq->name) <= CALL_NAME_MAX;
}

static ssize_t devhl_write(struct file *f, struct caller *c, struct uio *u, int64_t *pos)
{
	char line[REQUEST_LINE_MAX + 1];
	size_t want = u->resid, n = want < REQUEST_LINE_MAX ? want : REQUEST_LINE_MAX;
	struct request rq = { .h = devhl_of(f), .c = c, .u = u };

	if (uio_take(u, line, n) < n)
		return -EFAULT;
	char *end = memchr(line, '\n', n);
	if (!end && want > n)
		return -EINVAL;
	size_t len = end ? (size_t)(end - line) : n;
	line[len] = '\0';
	if (end) {
		rq.head = end + 1;
		rq.head_len = n - len - 1;
		rq.len = want - len - 1;
	}
	if (!parse_line(line, len, &rq))
		return -EINVAL;
	if (rq.len > CALL_BYTES_MAX)
		return -EMSGSIZE;
	int err = obey(&rq, line);
	return err ? err : (ssize_t)want;
}

/* ---- answers ---- */

static ssize_t devhl_read(struct file *f, struct caller *c, struct uio *u, int64_t *pos)
{
	struct devhl_file *h = devhl_of(f);
	const struct guest_copy *copy = &h->sb->copy;
	char number[32];
	const char *answer = number;
	size_t len = (size_t)snprintf(number, sizeof number, "%lu\n", copy->number);

	mutex_lock(&f->pos_lock);
	if (h->question == ASKED_CALL) {
		answer = h->serving->text;
		len = h->serving->len;
	} else if (h->question == ASKED_ANSWER) {
		answer = h->calling->answer;
		len = h->calling->answer_len;
	} else if (h->question != ASKED_NUMBER) {
		answer = copy->told[h->question].text;
		len = copy->told[h->question].len;
	}
	size_t at = (size_t)f->pos < len ? (size_t)f->pos : len;
	size_t n = len - at < u->resid ? len - at : u->resid;
	size_t put = n ? uio_put(u, answer + at, n) : 0;
	f->pos = (int64_t)(at + put);
	mutex_unlock(&f->pos_lock);
	return put || !n ? (ssize_t)put : -EFAULT;
}

static bool program_ends(struct sandbox *sb)
{
	sandbox_lock(sb);
	bool ends = !sb->main || sb->main->group_exiting;
	sandbox_unlock(sb);
	return ends;
}

static void devhl_release(struct file *f)
{
	static const char unanswered[] = "the program has closed /dev/hl without an answer";
	struct devhl_file *h = devhl_of(f);
	struct call *call = h->serving; /* nobody else has the file, and its locks are gone */

	if (call && program_ends(h->sb)) {
		call_put(call); /* it is over then, and its caller is told why */
	} else if (call) {
		char *text = strdup(unanswered);
		calls_answer(h->sb->calls, call, EREMOTEIO, text, text ? strlen(text) : 0);
	}
	drop_answer(h);
	free(h);
}

static const struct file_ops devhl_ops = {
	.saved = &file_by_path,
	.read = devhl_read,
	.write = devhl_write,
	.no_splice_read = true,
	.no_splice_write = true,
	.release = devhl_release,
};

/* ---- the device ---- */

static int open_devhl(void *arg, struct caller *c, dev_t dev, int flags, struct file **out)
{
	struct devhl_file *h = calloc(1, sizeof *h);

	if (!h)
		return -ENOMEM;
	file_init(&h->file, &devhl_ops, (unsigned)flags);
	h->sb = arg;
	h->question = ASKED_NUMBER;
	*out = &h->file;
	return 0;
}

int devhl_add(struct sandbox *sb)
{
	return device_table_add(sb->vfs->devices, DEVHL_MAJOR, DEVHL_MINOR, DEVHL_MINOR, open_devhl,
				sb);
}

/* All strings in a row, each with its NUL. NULL: no memory. */
static char *join(const char *const *item, size_t nr, size_t *len)
{
	*len = 0;
	for (size_t i = 0; i < nr; i++)
		*len += strlen(item[i]) + 1;
	char *all = malloc(*len + 1), *at = all;
	for (size_t i = 0; all && i < nr; i++) {
		size_t size = strlen(item[i]) + 1;
		memcpy(at, item[i], size);
		at += size;
	}
	return all;
}

void devhl_free(struct sandbox *sb)
{
	for (int i = 0; i < DEVHL_NR_TOLD; i++)
		free(sb->copy.told[i].text);
}

int devhl_tell(struct sandbox *sb, enum devhl_told what, const char *const *items, size_t nr)
{
	size_t len;
	char *text = join(items, nr, &len);

	free(sb->copy.told[what].text);
	sb->copy.told[what].text = text;
	sb->copy.told[what].len = text ? len : 0;
	return text ? 0 : -ENOMEM;
}
