/* SPDX-License-Identifier: Apache-2.0 */
/* IPC namespaces: their life, their limits, how they are saved. */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "fs/mount.h"
#include "ipc/ipc.h"
#include "ipc/mqueue.h"
#include "ipc/msg.h"
#include "ipc/sem.h"
#include "ipc/shm.h"
#include "mm/mm.h"

/* Linux's defaults: include/uapi/linux/{shm,msg,sem}.h, include/linux/ipc_namespace.h */
static const struct ipc_limits defaults = {
	.shm_max = ULONG_MAX - (1UL << 24),
	.shm_all = ULONG_MAX - (1UL << 24),
	.shm_mni = 4096,
	.msg_max = 8192,
	.msg_mnb = 16384,
	.msg_mni = 32000,
	.sem_msl = 32000,
	.sem_mns = 1024000000,
	.sem_opm = 500,
	.sem_mni = 32000,
	.mq_queues_max = 256,
	.mq_msg_max = 10,
	.mq_msgsize_max = 8192,
	.mq_msg_default = 10,
	.mq_msgsize_default = 8192,
};

void ipc_domain_init(struct ipc_domain *d, struct vfs *vfs, struct mm_host *mem,
		     pid_t (*current)(void), const struct mq_teller *teller)
{
	*d = (struct ipc_domain){ .vfs = vfs, .mem = mem, .current = current, .teller = teller };
	mutex_init(&d->lock, LOCK_IPC_LIST);
	list_init(&d->namespaces);
}

void ipc_domain_destroy(struct ipc_domain *d)
{
	if (d->vfs)
		mutex_destroy(&d->lock);
}

static void clear_objects(struct ipc_namespace *ns)
{
	shm_clear(ns);
	sem_clear(ns);
	msg_clear(ns);
	ipc_lock(ns);
	for (enum ipc_kind kind = 0; kind < IPC_KINDS; kind++) {
		struct ipc_ids *ids = &ns->ids[kind];
		free(ids->places);
		memset(ids, 0, sizeof *ids);
		ids->last = ids->max = ids->wished = -1;
	}
	ns->limits = defaults;
	ipc_unlock(ns);
}

void ipc_ns_clear(struct ipc_namespace *ns)
{
	clear_objects(ns);
	mqueue_clear(ns);
}

static void ipc_ns_release(struct ns_common *common)
{
	struct ipc_namespace *ns = container_of(common, struct ipc_namespace, ns);
	struct ipc_domain *d = ns->domain;

	mutex_lock(&d->lock);
	list_del(&ns->node);
	mutex_unlock(&d->lock);
	clear_objects(ns);
	mqueue_fs_end(ns);
	mutex_destroy(&ns->lock);
	mm_host_uncharge(d->mem, sizeof *ns);
	d->nr--;
	free(ns);
}

int ipc_ns_new(struct ipc_domain *d, struct user_namespace *owner, const struct cred *creator,
	       struct ipc_namespace **out)
{
	if (atomic_fetch_add(&d->nr, 1) >= IPC_NS_MAX) {
		d->nr--;
		return -ENOSPC;
	}
	bool room = mm_host_charge(d->mem, sizeof(struct ipc_namespace));
	struct ipc_namespace *ns = room ? calloc(1, sizeof *ns) : NULL;
	if (ns) {
		ns->domain = d;
		if (mqueue_fs_new(ns, owner, creator)) {
			free(ns);
			ns = NULL;
		}
	}
	if (!ns) {
		if (room)
			mm_host_uncharge(d->mem, sizeof *ns);
		d->nr--;
		return -ENOMEM;
	}
	ns_init(&ns->ns, NS_IPC, d->vfs->ns_numbers, owner, ipc_ns_release);
	mutex_init(&ns->lock, LOCK_IPC);
	ipc_ns_clear(ns);
	mutex_lock(&d->lock);
	list_add_tail(&d->namespaces, &ns->node);
	mutex_unlock(&d->lock);
	*out = ns;
	return 0;
}

/* ---- saving ---- */

#define NR_LIMITS (sizeof(struct ipc_limits) / sizeof(uint64_t))

static void save_namespace(struct saver *s, struct ipc_namespace *ns)
{
	const uint64_t *limits = (const uint64_t *)&ns->limits;

	for (size_t i = 0; i < NR_LIMITS; i++)
		encode(&s->out, limits[i]);
	for (enum ipc_kind kind = 0; kind < IPC_KINDS; kind++) {
		const struct ipc_ids *ids = &ns->ids[kind];
		encode(&s->out, ids->seq);
		encode(&s->out, ids->next);
		encode(&s->out, (uint64_t)ids->last + 1);
		encode_signed(&s->out, ids->wished);
	}
	encode(&s->out, ns->places);
	shm_save(s, ns);
	sem_save(s, ns);
	msg_save(s, ns);
	mqueue_save(s, ns);
}

static int load_namespace(struct loader *l, struct decoder *in, struct ipc_namespace *ns)
{
	uint64_t *limits = (uint64_t *)&ns->limits;

	for (size_t i = 0; i < NR_LIMITS; i++)
		limits[i] = decode(in);
	for (enum ipc_kind kind = 0; kind < IPC_KINDS; kind++) {
		struct ipc_ids *ids = &ns->ids[kind];
		ids->seq = (unsigned)decode_max(in, UINT16_MAX);
		ids->next = (unsigned)decode_max(in, IPC_PLACES);
		ids->last = (int)decode_max(in, IPC_PLACES) - 1;
		ids->wished = (int)decode_between(in, -1, INT_MAX);
	}
	ns->places = decode(in);
	int err = shm_load(l, in, ns);
	if (!err)
		err = sem_load(l, in, ns);
	if (!err)
		err = msg_load(l, in, ns);
	if (!err)
		err = mqueue_load(l, in, ns);
	return err == -EBADMSG || in->failed ? loader_damaged(l, "an IPC namespace") : err;
}

static int ipc_ns_save(struct saver *s, void *object)
{
	save_namespace(s, object);
	return 0;
}

static void ipc_ns_drop(void *object)
{
	struct ipc_namespace *ns = object;

	ns_put(&ns->ns);
}

static int ipc_ns_load(struct loader *l, void **out)
{
	const struct caller *c = l->caller;
	struct ipc_namespace *ns, *first = l->ipc;
	int err = ipc_ns_new(first->domain, c->cred->user_ns, c->cred, &ns);

	if (err)
		return err;
	err = load_namespace(l, &l->in, ns);
	if (err)
		ipc_ns_drop(ns);
	else
		*out = ns;
	return err;
}

const struct saved_kind ipc_ns_saved = {
	.name = "IPC namespace",
	.save = ipc_ns_save,
	.load = ipc_ns_load,
	.put = ipc_ns_drop,
};

int ipc_save(struct saver *s, struct ipc_domain *d, struct ipc_namespace *first)
{
	struct ipc_namespace *ns;
	size_t place, nr = 0;

	s->ipc = first;
	save_namespace(s, first);
	place = encode_place(&s->out);
	list_for_each (ns, &d->namespaces, node) {
		if (ns == first)
			continue;
		encode(&s->out, saved_object(s, &ipc_ns_saved, ns));
		nr++;
	}
	encode_at(&s->out, place, nr);
	return 0;
}

int ipc_load(struct loader *l, struct decoder *in, struct ipc_namespace *first)
{
	l->ipc = first;
	int err = load_namespace(l, in, first);
	uint64_t nr = err ? 0 : decode_count(in, sizeof(uint64_t));

	for (uint64_t i = 0; i < nr && !err; i++) {
		void *ns;
		err = loaded_object(l, decode(in), &ipc_ns_saved, &ns);
	}
	return err;
}
