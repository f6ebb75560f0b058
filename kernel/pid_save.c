/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The numbers of processes and threads in a snapshot.
 *
 * A copy has the same numbers in the first namespace, and there is one of each: so a process or a
 * thread, which is made before anybody refers to it, is found by it. A number may also be that of a
 * group, of a session or of a terminal's that nobody leads any more, or be remembered by a pidfd
 * alone: then it is made here.
 */
#include <errno.h>
#include <stdatomic.h>

#include "kernel/pid.h"
#include "kernel/sandbox.h"
#include "util/saved.h"

void pid_numbers_save(struct encoder *out, const struct pid *p)
{
	encode(out, p->ns->level + 1);
	for (unsigned i = p->ns->level + 1; i--;)
		encode(out, (uint64_t)p->numbers[i].nr);
}

int pid_numbers_load(struct loader *l, const struct pid_namespace *ns, struct pid_numbers *out)
{
	out->n = (unsigned)decode_max(&l->in, PID_NS_DEPTH + 1);
	for (unsigned i = 0; i < out->n; i++)
		out->nr[i] = (pid_t)decode_between(&l->in, 1, ns->max - 1);
	return l->in.failed || out->n != ns->level + 1
		   ? loader_damaged(l, "the number of a process or thread")
		   : 0;
}

int pid_ns_loaded(struct loader *l, uint64_t number, struct pid_namespace **out)
{
	const struct sandbox *sb = l->sandbox;
	void *object;
	int err = l->ns(l, number, &object);
	struct ns_common *ns = object;

	if (!err && ns && ns->kind != NS_PID)
		err = loader_damaged(l, "a namespace of processes");
	if (!err)
		*out = ns ? container_of(ns, struct pid_namespace, ns) : sb->pid_ns;
	return err;
}

static int pid_save(struct saver *s, void *object)
{
	struct pid *p = object;

	encode(&s->out, s->ns(s, p->ns->level ? &p->ns->ns : NULL));
	pid_numbers_save(&s->out, p);
	encode(&s->out, p->process || p->task);
	encode(&s->out, p->ended);
	encode_signed(&s->out, p->exit_code);
	encode(&s->out, s->ns(s, p->users));
	return 0;
}

static int find(struct loader *l, const struct pid_namespace *ns, pid_t nr, struct pid **out)
{
	struct sandbox *sb = l->sandbox;

	sandbox_lock(sb);
	struct pid *p = pid_find(sb->pid_ns, nr);
	bool right = p && p->ns == ns && (p->process || p->task);
	if (right)
		*out = pid_get(p);
	sandbox_unlock(sb);
	return right ? 0 : loader_damaged(l, "the number of nobody");
}

static int pid_load(struct loader *l, void **out)
{
	struct pid_namespace *ns;
	struct pid_numbers numbers;
	struct pid *p = NULL;
	void *users = NULL;
	int err = pid_ns_loaded(l, decode(&l->in), &ns);

	if (!err)
		err = pid_numbers_load(l, ns, &numbers);
	if (err)
		return err;
	bool lives = decode_bool(&l->in);
	unsigned ended =
	    (unsigned)decode_max(&l->in, PID_THREAD_ENDED | PID_PROCESS_ENDED | PID_REAPED);
	int code = (int)decode_between(&l->in, 0, 0xffff);
	err = l->ns(l, decode(&l->in), &users);
	if (!err && (l->in.failed || (users && ((struct ns_common *)users)->kind != NS_USER)))
		err = loader_damaged(l, "the number of a process or thread");
	if (!err && lives)
		err = find(l, ns, pid_numbers_first(&numbers), &p);
	else if (!err && !(p = pid_new_unused(ns, &numbers)))
		err = -ENOMEM;
	if (!err && !lives) {
		atomic_store(&p->ended, ended);
		p->exit_code = code;
		p->users = users ? ns_get(users) : NULL;
	}
	*out = p;
	return err;
}

static void put(void *object)
{
	pid_put(object);
}

const struct saved_kind pid_saved = {
	.name = "number of a process",
	.save = pid_save,
	.load = pid_load,
	.put = put,
};
