/* SPDX-License-Identifier: Apache-2.0 */
/* Saves and loads what threads share but memory and files: credentials, handlers of signals,
 * namespaces; and signals that wait. */
#include <errno.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <string.h>
#include <string.h>

#include "cred/cred.h"
#include "kernel/nsproxy.h"
#include "kernel/sandbox.h"
#include "kernel/signal.h"
#include "kernel/sigqueue.h"
#include "snapshot/process.h"

#define NGROUPS_MAX_GUEST 65536
#define CAPS_ALL          ((2UL << CAP_LAST_CAP) - 1)
#define SECUREBITS_ALL    0xffU

/* ---- credentials ---- */

static int cred_save(struct saver *s, void *object)
{
	const struct cred *c = object;
	const uint64_t ids[] = { c->uid, c->euid, c->suid, c->fsuid,
				 c->gid, c->egid, c->sgid, c->fsgid };
	const uint64_t caps[] = { c->cap_effective, c->cap_permitted, c->cap_inheritable,
				  c->cap_bounding, c->cap_ambient };

	for (size_t i = 0; i < sizeof ids / sizeof *ids; i++)
		encode(&s->out, ids[i]);
	for (size_t i = 0; i < sizeof caps / sizeof *caps; i++)
		encode(&s->out, caps[i]);
	encode(&s->out, c->securebits);
	encode(&s->out, c->no_new_privs);
	encode(&s->out, (uint64_t)c->nr_groups);
	for (int i = 0; i < c->nr_groups; i++)
		encode(&s->out, c->groups[i]);
	return 0;
}

static int cred_load(struct loader *l, void **out)
{
	const struct sandbox *sb = l->sandbox;
	struct decoder *in = &l->in;
	uint32_t ids[8];
	uint64_t caps[5];

	for (size_t i = 0; i < sizeof ids / sizeof *ids; i++)
		ids[i] = (uint32_t)decode_max(in, UINT32_MAX);
	for (size_t i = 0; i < sizeof caps / sizeof *caps; i++)
		caps[i] = decode_max(in, CAPS_ALL);
	unsigned securebits = (unsigned)decode_max(in, SECUREBITS_ALL);
	bool no_new_privs = decode_bool(in);
	uint64_t n = decode_count(in, sizeof(uint64_t));
	if (in->failed || n > NGROUPS_MAX_GUEST)
		return loader_damaged(l, "credentials");
	struct cred *c = cred_copy(sb->vfs->monitor, (int)n);
	if (!c)
		return -ENOMEM;
	c->uid = ids[0], c->euid = ids[1], c->suid = ids[2], c->fsuid = ids[3];
	c->gid = ids[4], c->egid = ids[5], c->sgid = ids[6], c->fsgid = ids[7];
	c->cap_effective = caps[0], c->cap_permitted = caps[1], c->cap_inheritable = caps[2];
	c->cap_bounding = caps[3], c->cap_ambient = caps[4];
	c->securebits = securebits;
	c->no_new_privs = no_new_privs;
	for (uint64_t i = 0; i < n; i++)
		c->groups[i] = (gid_t)decode_max(in, UINT32_MAX);
	*out = c;
	return 0;
}

static void cred_drop(void *object)
{
	cred_put(object);
}

const struct saved_kind cred_kind = {
	.name = "credentials",
	.save = cred_save,
	.load = cred_load,
	.put = cred_drop,
};

/* ---- handlers of signals ---- */

static int sighand_save(struct saver *s, void *object)
{
	const struct sighand *h = object;

	for (int i = 0; i < NSIGNALS; i++) {
		encode(&s->out, h->action[i].handler.v);
		encode(&s->out, h->action[i].flags);
		encode(&s->out, h->action[i].restorer.v);
		encode(&s->out, h->action[i].mask);
	}
	return 0;
}

static int sighand_load(struct loader *l, void **out)
{
	struct sighand *h = sighand_new();

	if (!h)
		return -ENOMEM;
	for (int i = 0; i < NSIGNALS; i++) {
		struct ksigaction *a = &h->action[i];

		a->handler = GVA(decode(&l->in));
		a->flags = decode(&l->in);
		a->restorer = GVA(decode(&l->in));
		a->mask = decode(&l->in) & ~SIGSET_UNBLOCKABLE;
	}
	h->action[SIGKILL - 1].handler = h->action[SIGSTOP - 1].handler = HANDLER_DFL;
	*out = h;
	return 0;
}

static void sighand_drop(void *object)
{
	sighand_put(object);
}

const struct saved_kind sighand_kind = {
	.name = "signal handlers",
	.save = sighand_save,
	.load = sighand_load,
	.put = sighand_drop,
};

/* ---- namespaces ---- */

static int uts_save(struct saver *s, void *object)
{
	char name[UTS_NAME_MAX + 1];

	for (enum uts_name n = 0; n < UTS_NAMES; n++) {
		uts_get(object, n, name);
		encode_string(&s->out, name);
	}
	return 0;
}

static void uts_drop(void *object)
{
	struct uts_namespace *ns = object;

	ns_put(&ns->ns);
}

static int uts_load(struct loader *l, void **out)
{
	const struct sandbox *sb = l->sandbox;
	struct uts_namespace *ns;
	int err = uts_ns_copy(nsproxy_uts(sb->nsproxy), &ns);

	if (err)
		return err;
	err = uts_names_load(l, &l->in, ns);
	if (err)
		uts_drop(ns);
	else
		*out = ns;
	return err;
}

const struct saved_kind uts_kind = {
	.name = "UTS namespace",
	.save = uts_save,
	.load = uts_load,
	.put = uts_drop,
};

int uts_names_load(struct loader *l, struct decoder *in, struct uts_namespace *ns)
{
	for (enum uts_name n = 0; n < UTS_NAMES; n++) {
		char *name = decode_string(in, UTS_NAME_MAX + 1);
		if (!name)
			return loader_damaged(l, "the name of the machine");
		uts_set(ns, n, name, strlen(name));
		free(name);
	}
	return 0;
}

/* A set that is not the sandbox's own, by what it has of its own. */
static int nsproxy_save(struct saver *s, void *object)
{
	const struct sandbox *sb = s->sandbox;
	struct uts_namespace *uts = nsproxy_uts(object);
	bool own = uts != nsproxy_uts(sb->nsproxy);

	encode(&s->out, saved_object(s, &uts_kind, own ? uts : NULL));
	return 0;
}

static int nsproxy_load(struct loader *l, void **out)
{
	const struct sandbox *sb = l->sandbox;
	void *uts;
	int err = loaded_object(l, decode(&l->in), &uts_kind, &uts);

	if (err)
		return err;
	*out = uts ? nsproxy_with(sb->nsproxy, &((struct uts_namespace *)uts)->ns)
		   : nsproxy_get(sb->nsproxy);
	return *out ? 0 : -ENOMEM;
}

static void nsproxy_drop(void *object)
{
	nsproxy_put(object);
}

const struct saved_kind nsproxy_kind = {
	.name = "set of namespaces",
	.save = nsproxy_save,
	.load = nsproxy_load,
	.put = nsproxy_drop,
};

/* ---- signals that wait ---- */

void sigpending_save(struct encoder *out, const struct sigpending *p)
{
	const struct sigqueue *q;
	size_t place;
	uint64_t nr = 0;

	encode(out, p->set);
	place = encode_place(out);
	list_for_each (q, &p->queue, node) {
		if (q->timer)
			continue;
		encode_bytes(out, &q->info, sizeof q->info);
		nr++;
	}
	encode_at(out, place, nr);
}

int sigpending_load(struct decoder *in, struct sandbox *sb, unsigned uid, struct sigpending *p)
{
	ksigset_t set = decode(in);
	uint64_t nr = decode_count(in, sizeof(siginfo_t));

	for (uint64_t i = 0; i < nr; i++) {
		siginfo_t info;
		decode_into(in, &info, sizeof info);
		if (in->failed || info.si_signo < 1 || info.si_signo > NSIGNALS)
			return -EBADMSG;
		struct sigqueue *q = sigqueue_alloc(sb, uid, UINT64_MAX);
		if (!q)
			return -ENOMEM;
		q->info = info;
		sigqueue_queue(q, p);
	}
	/* some have no entry: there was no room for it */
	p->set |= set;
	return in->failed ? -EBADMSG : 0;
}
