/* SPDX-License-Identifier: Apache-2.0 */
/* Keeps what copies share. See the header. */
#include "lib/family.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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
	while (k->nr_insiders)
		starter_free(k->insiders[--k->nr_insiders].starter);
	hardware_free(&k->ahead);
	if (k->kin.shared)
		k->kin.put(k->kin.shared);
	starter_free(k->ancestor);
	mutex_destroy(&k->kin.lock);
	mutex_destroy(&k->lock);
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
	mutex_init(&k->lock, LOCK_INSIDERS);
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

static int starter_outside(struct kindred *k, struct kindred_starter *st)
{
	struct descent d = { .cpus = NULL };

	mutex_lock(&k->kin.lock);
	if (st->has_cpus && !CPU_EQUAL(&st->cpus, &k->cpus)) {
		k->cpus = st->cpus;
		d.cpus = &st->cpus;
	}
	int err = starter_call(k->ancestor, make_starter, &d);
	mutex_unlock(&k->kin.lock);
	st->starter = d.starter;
	return err;
}

/* ---- threads that are inside ---- */

static void whose_it_is(struct found_outside *f)
{
	getresuid(&f->uid[0], &f->uid[1], &f->uid[2]);
	getresgid(&f->gid[0], &f->gid[1], &f->gid[2]);
}

/* A process that is another user's now has other rights, and its threads with it. */
static bool is_whose_it_was(const struct found_outside *f)
{
	struct found_outside now;

	whose_it_is(&now);
	return memcmp(now.uid, f->uid, sizeof now.uid) == 0 &&
	       memcmp(now.gid, f->gid, sizeof now.gid) == 0;
}

static bool take_insider(struct kindred *k, struct kindred_starter *out)
{
	mutex_lock(&k->lock);
	bool is_there = k->nr_insiders && is_whose_it_was(&k->found);
	if (is_there)
		*out = k->insiders[--k->nr_insiders];
	mutex_unlock(&k->lock);
	return is_there;
}

static int run_on(void *cpus)
{
	return sched_setaffinity(0, sizeof(cpu_set_t), cpus);
}

int kindred_starter(struct kindred *k, bool outside, struct kindred_starter *out)
{
	struct kindred_starter new = { .starter = NULL };

	CPU_ZERO(&new.cpus);
	new.has_cpus = sched_getaffinity(0, sizeof new.cpus, &new.cpus) == 0;
	if (outside || !take_insider(k, out)) {
		*out = new;
		return starter_outside(k, out);
	}
	out->inside = &k->found;
	if (new.has_cpus && !(out->has_cpus && CPU_EQUAL(&new.cpus, &out->cpus))) {
		out->has_cpus = starter_call(out->starter, run_on, &new.cpus) == 0;
		out->cpus = new.cpus;
	}
	return 0;
}

/* In a thread that is inside. */
static int make_ahead(void *kindred)
{
	const struct machine_hook none = { .confined = true };
	struct kindred *k = kindred;
	struct errmsg errmsg = { "" };
	struct hardware hw;

	int err = hardware_make(&hw, k->found.choice.platform, &k->kin, &none, &errmsg);
	mutex_lock(&k->lock);
	if (!err)
		hardware_move(&k->ahead, &hw);
	k->makes_ahead = false;
	mutex_unlock(&k->lock);
	return err; /* the next one makes its own, and tells */
}

bool kindred_hardware(struct kindred *k, struct hardware *out)
{
	mutex_lock(&k->lock);
	hardware_move(out, &k->ahead);
	mutex_unlock(&k->lock);
	if (!out->platform || hardware_works(out))
		return out->platform;
	hardware_free(out);
	return false;
}

void kindred_give_back(struct kindred *k, struct kindred_starter *st,
		       const struct found_outside *found)
{
	mutex_lock(&k->lock);
	if (found && !k->is_found) {
		k->found = *found;
		whose_it_is(&k->found);
		k->is_found = true;
	}
	bool kept = k->nr_insiders < INSIDERS_MAX && is_whose_it_was(&k->found);
	if (kept && st->inside && !k->ahead.platform && !k->makes_ahead) {
		k->makes_ahead = true;
		starter_begin(st->starter, make_ahead, k);
	}
	if (kept)
		k->insiders[k->nr_insiders++] = *st;
	mutex_unlock(&k->lock);
	if (!kept)
		starter_free(st->starter);
}
