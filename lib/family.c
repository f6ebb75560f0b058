/* SPDX-License-Identifier: Apache-2.0 */
/* Keeps what copies share. See the header. */
#include "lib/family.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/config.h"
#include "lib/error.h"
#include "lib/starter.h"
#include "lib/world.h"
#include "snapshot/snapshot.h"

struct family *family_new(struct snapshot *snap)
{
	struct family *f = calloc(1, sizeof *f);

	if (!f)
		return NULL;
	ref_set(&f->refs, 1);
	f->snap = snap;
	mutex_init(&f->lock, LOCK_FAMILY);
	return f;
}

struct family *family_get(struct family *f)
{
	ref_get(&f->refs);
	return f;
}

static void kindred_free(struct kindred *k)
{
	if (k->kin.shared)
		k->kin.put(k->kin.shared);
	starter_free(k->ancestor);
	mutex_destroy(&k->kin.lock);
	free(k->platform);
	free(k);
}

void family_put(struct family *f)
{
	struct kindred *next;

	if (!f || !ref_put(&f->refs))
		return;
	for (struct kindred *k = f->kindred; k; k = next) {
		next = k->next;
		kindred_free(k);
	}
	snapshot_close(f->snap);
	mutex_destroy(&f->lock);
	free(f);
}

/* ---- copies that are alike ---- */

/* A namespace of the network is made, and ports are published, by threads that are still outside of
 * the domain. */
static bool may_have(const struct hl_config *cfg)
{
	return cfg->jail == HL_JAIL_THREADS && world_network(cfg) != HL_NETWORK_NAMESPACE &&
	       !cfg->publish.count;
}

static bool fits(const struct kindred *k, const struct hl_config *cfg)
{
	bool same = k->platform && cfg->platform ? strcmp(k->platform, cfg->platform) == 0
						 : k->platform == cfg->platform;

	return same && k->network == world_network(cfg) &&
	       k->private_world == world_is_private(cfg) && k->strict == cfg->jail_strict;
}

struct entrance {
	struct confinement *jail;
	const struct hl_config *cfg;
};

static int enter(void *arg)
{
	const struct entrance *e = arg;
	struct hl_error *err = NULL;
	int ret = confine_start(e->jail, e->cfg, &err);

	hl_error_free(err); /* each copy of its own finds out again */
	return ret;
}

static struct kindred *kindred_new(const struct hl_config *cfg)
{
	struct kindred *k = calloc(1, sizeof *k);

	if (!k)
		return NULL;
	mutex_init(&k->kin.lock, LOCK_KIN);
	k->network = world_network(cfg);
	k->private_world = world_is_private(cfg);
	k->strict = cfg->jail_strict;
	k->platform = cfg->platform ? strdup(cfg->platform) : NULL;
	struct entrance e = { &k->jail, cfg };
	if ((cfg->platform && !k->platform) || starter_new(&k->ancestor) ||
	    starter_call(k->ancestor, enter, &e)) {
		kindred_free(k);
		return NULL;
	}
	return k;
}

struct kindred *family_kindred(struct family *f, const struct hl_config *cfg)
{
	struct kindred *k;

	if (!may_have(cfg))
		return NULL;
	mutex_lock(&f->lock);
	for (k = f->kindred; k && !fits(k, cfg);)
		k = k->next;
	if (!k && (k = kindred_new(cfg))) {
		k->next = f->kindred;
		f->kindred = k;
	}
	mutex_unlock(&f->lock);
	return k;
}

struct descent {
	const cpu_set_t *cpus; /* NULL: the ancestor has them */
	struct starter *starter;
};

/* A thread has the CPUs of the one that makes it. Where these cannot be told or had, they are those
 * of the first copy. */
static int make_starter(void *arg)
{
	struct descent *d = arg;

	if (d->cpus)
		(void)sched_setaffinity(0, sizeof *d->cpus, d->cpus);
	return starter_new(&d->starter);
}

int kindred_starter(struct kindred *k, struct starter **out)
{
	struct descent d = { .cpus = NULL };
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	int unknown = sched_getaffinity(0, sizeof cpus, &cpus);
	mutex_lock(&k->kin.lock);
	if (!unknown && !CPU_EQUAL(&cpus, &k->cpus)) {
		k->cpus = cpus;
		d.cpus = &cpus;
	}
	int err = starter_call(k->ancestor, make_starter, &d);
	mutex_unlock(&k->kin.lock);
	*out = d.starter;
	return err;
}
