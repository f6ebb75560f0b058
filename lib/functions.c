/* SPDX-License-Identifier: Apache-2.0 */
/* Runs the functions of the host that programs call. See the header. */
#include "lib/functions.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "host/thread.h"

/* Functions at a time; other calls wait. */
#define THREADS_MAX 64

struct functions {
	struct function *list;
	size_t count;
	struct calls *calls;
	/* calls->lock: */
	unsigned idle, threads;
	struct cond ended; /* a thread has */
};

struct hl_call {
	struct call *call;
	int error;
	char *answer;
	size_t len;
};

/* ---- lists ---- */

bool function_list_add(struct function **list, size_t *count, const char *name, hl_function *fn,
		       void *arg)
{
	struct function *more = reallocarray(*list, *count + 1, sizeof *more);

	if (!more)
		return false;
	*list = more;
	more[*count] = (struct function){ strdup(name), fn, arg };
	if (!more[*count].name)
		return false;
	++*count;
	return true;
}

void function_list_free(struct function *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(list[i].name);
	free(list);
}

/* ---- one call ---- */

const void *hl_call_data(const struct hl_call *call, size_t *len)
{
	*len = call_size(call->call);
	return call_bytes(call->call);
}

static void set_answer(struct hl_call *call, int error, const void *data, size_t len)
{
	free(call->answer);
	call->answer = malloc(len + 1);
	call->error = call->answer ? error : ENOMEM;
	call->len = call->answer ? len : 0;
	if (call->answer && len)
		memcpy(call->answer, data, len);
}

void hl_call_fail(struct hl_call *call, const char *why)
{
	set_answer(call, EREMOTEIO, why, strnlen(why, CALL_BYTES_MAX));
}

void hl_call_reply(struct hl_call *call, const void *data, size_t len)
{
	if (len > CALL_BYTES_MAX)
		hl_call_fail(call, "the answer is too long");
	else
		set_answer(call, 0, data, len);
}

static const struct function *find(const struct functions *fs, const char *name)
{
	for (size_t i = fs->count; i > 0; i--) {
		if (strcmp(fs->list[i - 1].name, name) == 0)
			return &fs->list[i - 1];
	}
	return NULL;
}

static void run(struct functions *fs, struct call *call)
{
	const struct function *f = find(fs, call->text);
	struct hl_call it = { .call = call, .error = f ? 0 : ENOENT };

	if (f)
		f->fn(f->arg, &it);
	calls_answer(fs->calls, call, it.error, it.answer, it.len);
}

/* ---- threads ---- */

static void *serve(void *arg);

/* One more thread, which is counted already. */
static int start_thread(struct functions *fs)
{
	pthread_t thread;
	int err = host_thread_start(&thread, 0, THREAD_DETACHED, serve, fs);

	mutex_lock(&fs->calls->lock);
	if (err)
		fs->threads--;
	mutex_unlock(&fs->calls->lock);
	return err;
}

/* This thread is about to be busy. Where there can be no other one, calls wait for it. */
static void leave_one_idle(struct functions *fs)
{
	mutex_lock(&fs->calls->lock);
	bool more = !fs->idle && !fs->calls->closed && fs->threads < THREADS_MAX;
	fs->threads += more;
	mutex_unlock(&fs->calls->lock);
	if (more)
		(void)start_thread(fs);
}

/* Two that wait are enough: one for the next call, and the one that it need not start then. */
static bool is_needed(struct functions *fs)
{
	mutex_lock(&fs->calls->lock);
	bool needed = fs->idle < 2;
	mutex_unlock(&fs->calls->lock);
	return needed;
}

static void *serve(void *arg)
{
	struct functions *fs = arg;
	struct call *call;

	do {
		call = calls_take(fs->calls, &fs->idle);
		if (!call)
			break;
		leave_one_idle(fs);
		run(fs, call);
	} while (is_needed(fs));
	mutex_lock(&fs->calls->lock);
	fs->threads--;
	cond_broadcast(&fs->ended);
	mutex_unlock(&fs->calls->lock);
	return NULL;
}

static int copy_list(struct functions *fs, const struct function *list, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (!function_list_add(&fs->list, &fs->count, list[i].name, list[i].fn,
				       list[i].arg))
			return -ENOMEM;
	}
	return 0;
}

int functions_start(const struct function *list, size_t count, struct calls *cs,
		    struct functions **out)
{
	struct functions *fs = calloc(1, sizeof *fs);

	if (!fs)
		return -ENOMEM;
	fs->calls = cs;
	cond_init(&fs->ended);
	int err = copy_list(fs, list, count);
	cs->serves = true;
	fs->threads = 1;
	if (!err)
		err = start_thread(fs);
	if (err)
		functions_free(fs);
	else
		*out = fs;
	return err;
}

bool functions_stop(struct functions *fs, uint64_t deadline)
{
	int err = 0;

	if (!fs)
		return true;
	calls_close(fs->calls);
	mutex_lock(&fs->calls->lock);
	while (fs->threads && !err)
		err = cond_wait_until(&fs->ended, &fs->calls->lock, deadline);
	bool stopped = !fs->threads;
	mutex_unlock(&fs->calls->lock);
	return stopped;
}

void functions_free(struct functions *fs)
{
	if (!fs)
		return;
	cond_destroy(&fs->ended);
	function_list_free(fs->list, fs->count);
	free(fs);
}
