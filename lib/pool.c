/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pools: copies of a snapshot that are ready before somebody wants them.
 *
 * A ready copy is at rest (lib/sandbox.h). One that comes back is put to rest again in the thread
 * that gives it back, which costs a fraction of a start. Where that cannot be, it is freed, and the
 * worker, a thread of the pool's, makes another.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "host/thread.h"
#include "lib/config.h"
#include "lib/error.h"
#include "lib/sandbox.h"
#include "util/lock.h"

struct hl_pool {
	struct hl_config cfg; /* what it points to is the caller's */
	const struct hl_snapshot *snapshot;
	size_t size;
	pthread_t worker;
	struct mutex lock;
	struct cond changed;
	/* guarded by lock: */
	struct hl_sandbox **ready; /* room for `size` */
	size_t nr_ready, nr_taken;
	bool never; /* such copies cannot be at rest */
	bool ending;
};

static bool lacks_one(const struct hl_pool *pool)
{
	return !pool->never && pool->nr_ready + pool->nr_taken < pool->size;
}

/* The lock is held. */
static bool add_ready(struct hl_pool *pool, struct hl_sandbox *sb)
{
	if (pool->nr_ready == pool->size)
		return false;
	pool->ready[pool->nr_ready++] = sb;
	return true;
}

static struct hl_sandbox *take_ready(struct hl_pool *pool)
{
	mutex_lock(&pool->lock);
	struct hl_sandbox *sb = pool->nr_ready ? pool->ready[--pool->nr_ready] : NULL;
	pool->nr_taken++;
	mutex_unlock(&pool->lock);
	return sb;
}

/* What cannot be made now can perhaps be made when something has changed; who takes a copy
 * meanwhile hears why. The lock is held, but not while a copy is made. */
static void make_one(struct hl_pool *pool)
{
	struct hl_sandbox *sb;
	struct hl_error *err = NULL;

	mutex_unlock(&pool->lock);
	int failed = sandbox_prepare(&pool->cfg, pool->snapshot, &sb, &err);
	mutex_lock(&pool->lock);
	if (failed) {
		pool->never = hl_error_code(err) == HL_STATE;
		hl_error_free(err);
		if (!pool->ending)
			cond_wait(&pool->changed, &pool->lock);
		return;
	}
	if (!add_ready(pool, sb)) { /* one came back that had been made beside the pool's */
		mutex_unlock(&pool->lock);
		hl_sandbox_free(sb);
		mutex_lock(&pool->lock);
	}
}

static void *worker_main(void *arg)
{
	struct hl_pool *pool = arg;

	mutex_lock(&pool->lock);
	while (!pool->ending) {
		if (lacks_one(pool))
			make_one(pool);
		else
			cond_wait(&pool->changed, &pool->lock);
	}
	mutex_unlock(&pool->lock);
	return NULL;
}

/* The first copies are made before anybody is told that there is a pool. */
static int fill(struct hl_pool *pool, struct hl_error **err)
{
	while (lacks_one(pool)) {
		struct hl_error *why = NULL;
		if (!sandbox_prepare(&pool->cfg, pool->snapshot, &pool->ready[pool->nr_ready],
				     &why)) {
			pool->nr_ready++;
			continue;
		}
		pool->never = hl_error_code(why) == HL_STATE;
		int ret =
		    pool->never ? 0 : error_set(err, hl_error_code(why), "%s", hl_error_text(why));
		hl_error_free(why);
		if (ret)
			return ret;
	}
	return 0;
}

static void free_pool(struct hl_pool *pool)
{
	while (pool->nr_ready)
		hl_sandbox_free(pool->ready[--pool->nr_ready]);
	cond_destroy(&pool->changed);
	mutex_destroy(&pool->lock);
	free(pool->ready);
	free(pool);
}

int hl_pool_new(const struct hl_config *cfg, const struct hl_snapshot *snapshot, size_t size,
		struct hl_pool **out, struct hl_error **err)
{
	*out = NULL;
	if (hl_config_check(cfg, err))
		return -1;
	if (!size)
		return error_set(err, HL_INVALID, "a pool of no copies");
	if (cfg->jail == HL_JAIL_PROCESS)
		return error_set(err, HL_INVALID, "a process that is confined has one sandbox");
	struct hl_pool *pool = calloc(1, sizeof *pool);
	struct hl_sandbox **ready = calloc(size, sizeof(struct hl_sandbox *));
	if (!pool || !ready) {
		free(pool);
		free(ready);
		return error_set(err, HL_NO_MEMORY, "out of memory");
	}
	pool->cfg = *cfg;
	pool->cfg.resettable = true;
	pool->cfg.ready = NULL;
	pool->snapshot = snapshot;
	pool->size = size;
	pool->ready = ready;
	mutex_init(&pool->lock, LOCK_POOL);
	cond_init(&pool->changed);
	int ret = fill(pool, err), e = 0;
	if (!ret)
		e = host_thread_start(&pool->worker, 0, 0, worker_main, pool);
	if (e)
		ret = error_set(err, HL_SYSTEM, "no thread for a pool: %s", strerror(-e));
	if (ret)
		free_pool(pool);
	else
		*out = pool;
	return ret;
}

/* A copy of the pool's configuration, but for what each run has of its own. */
static int start_fresh(struct hl_pool *pool, const struct hl_config *run, struct hl_sandbox **out,
		       struct hl_error **err)
{
	struct hl_config cfg = pool->cfg;

	memcpy(cfg.stdio, run->stdio, sizeof cfg.stdio);
	cfg.args = run->args;
	cfg.env = run->env;
	cfg.timeout_ms = run->timeout_ms;
	return hl_sandbox_restore(&cfg, pool->snapshot, out, err);
}

/* One that was taken is gone. */
static void drop_taken(struct hl_pool *pool, struct hl_sandbox *sb)
{
	mutex_lock(&pool->lock);
	pool->nr_taken--;
	cond_signal(&pool->changed);
	mutex_unlock(&pool->lock);
	hl_sandbox_free(sb);
}

int hl_pool_take(struct hl_pool *pool, const struct hl_config *run, struct hl_sandbox **out,
		 struct hl_error **err)
{
	const struct hl_config *cfg = run ? run : &pool->cfg;
	struct hl_sandbox *sb = NULL;

	*out = NULL;
	if (hl_config_check(cfg, err))
		return -1;
	sb = take_ready(pool);
	int ret = sb ? sandbox_go(sb, cfg, err) : start_fresh(pool, cfg, &sb, err);
	if (ret)
		drop_taken(pool, sb);
	else
		*out = sb;
	return ret;
}

void hl_pool_give(struct hl_pool *pool, struct hl_sandbox *sb)
{
	if (!sb)
		return;
	bool kept = !sandbox_rest(sb, NULL);
	if (kept) {
		mutex_lock(&pool->lock);
		kept = add_ready(pool, sb);
		if (kept)
			pool->nr_taken--;
		mutex_unlock(&pool->lock);
	}
	if (!kept)
		drop_taken(pool, sb);
}

void hl_pool_free(struct hl_pool *pool)
{
	if (!pool)
		return;
	mutex_lock(&pool->lock);
	pool->ending = true;
	cond_signal(&pool->changed);
	mutex_unlock(&pool->lock);
	pthread_join(pool->worker, NULL);
	free_pool(pool);
}
