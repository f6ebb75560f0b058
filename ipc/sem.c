/* SPDX-License-Identifier: Apache-2.0 */
/* Implements System V semaphores; see header. */
#include "ipc/sem.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cred/user_ns.h"
#include "mm/mm.h"
#include "util/ref.h"

struct sem {
	int value;
	pid_t pid;
};

struct sem_array {
	struct ipc_object o;
	int64_t otime, ctime;
	/* struct sem_wait: those that change something, and those that wait for zeroes alone */
	struct list altering, constant;
	unsigned nr_complex; /* of `altering`, with more than one operation */
	struct list undos;   /* struct sem_undo.array_node */
	unsigned nr;
	struct sem sems[];
};

struct sem_undo {
	struct list node;       /* list->undos */
	struct list array_node; /* array->undos */
	struct sem_array *array;
	short adjust[];
};

struct sem_undo_list {
	struct ref refs;
	struct ipc_namespace *ns; /* reference; guards the rest */
	struct list undos;
};

struct sem_wait {
	struct ipc_sleep s;
	const struct sembuf *ops, *blocking;
	unsigned nr;
	struct sem_undo *undo;
	pid_t tgid;
	bool alters;
};

static struct sem_array *array_of(struct ipc_object *o)
{
	return container_of(o, struct sem_array, o);
}

static const struct sem_array *const_array(const struct ipc_object *o)
{
	return (const struct sem_array *)((const char *)o - offsetof(struct sem_array, o));
}

static uint64_t array_bytes(unsigned nr)
{
	return sizeof(struct sem_array) + nr * sizeof(struct sem);
}

static uint64_t undo_bytes(unsigned nr)
{
	return sizeof(struct sem_undo) + nr * sizeof(short);
}

static struct sem_array *find(struct ipc_namespace *ns, int id, int *err)
{
	struct ipc_object *o = ipc_find(ns, IPC_SEM, id, err);

	return o ? array_of(o) : NULL;
}

/* ---- making and unmaking ---- */

static struct sem_array *array_new(struct ipc_namespace *ns, unsigned nr)
{
	if (!mm_host_charge(ns->domain->mem, array_bytes(nr)))
		return NULL;
	struct sem_array *a = calloc(1, array_bytes(nr));
	if (!a) {
		mm_host_uncharge(ns->domain->mem, array_bytes(nr));
		return NULL;
	}
	list_init(&a->altering);
	list_init(&a->constant);
	list_init(&a->undos);
	a->nr = nr;
	return a;
}

static int make(struct ipc_namespace *ns, struct caller *c, const struct ipc_get *g,
		struct ipc_object **out)
{
	if (!g->size)
		return -EINVAL;
	if (ns->sems + g->size > ns->limits.sem_mns)
		return -ENOSPC;
	struct sem_array *a = array_new(ns, (unsigned)g->size);
	if (!a)
		return -ENOMEM;
	a->ctime = ipc_now(ns);
	*out = &a->o;
	return 0;
}

static int count(struct ipc_namespace *ns, struct ipc_object *o)
{
	struct sem_array *a = array_of(o);

	if (ns->sems + a->nr > ns->limits.sem_mns)
		return -ENOSPC;
	ns->sems += a->nr;
	return 0;
}

static int check(const struct ipc_object *o, const struct ipc_get *g)
{
	return g->size > const_array(o)->nr ? -EINVAL : 0;
}

static void free_array(struct ipc_namespace *ns, struct ipc_object *o)
{
	struct sem_array *a = array_of(o);

	mm_host_uncharge(ns->domain->mem, array_bytes(a->nr));
	free(a);
}

static const struct ipc_type sem_type = { IPC_SEM, make, count, check, free_array };

int sem_get(struct ipc_namespace *ns, struct caller *c, key_t key, int nr, int flags)
{
	const struct ipc_get g = { key, flags, (unsigned)nr };

	return nr < 0 || (unsigned)nr > ns->limits.sem_msl ? -EINVAL
							   : ipc_get(ns, c, &sem_type, &g);
}

static void undo_free(struct ipc_namespace *ns, struct sem_undo *u)
{
	list_del(&u->node);
	list_del(&u->array_node);
	mm_host_uncharge(ns->domain->mem, undo_bytes(u->array->nr));
	free(u);
}

/* Out of the table; whoever waits is told. ns->lock held. */
static void array_remove(struct ipc_namespace *ns, struct sem_array *a)
{
	struct list *const queues[] = { &a->constant, &a->altering };

	ipc_remove(ns, IPC_SEM, &a->o);
	ns->sems -= a->nr;
	for (int i = 0; i < 2; i++)
		while (!list_empty(queues[i]))
			ipc_sleep_end(list_first(queues[i], struct ipc_sleep, node), -EIDRM);
	while (!list_empty(&a->undos))
		undo_free(ns, list_first(&a->undos, struct sem_undo, array_node));
	free_array(ns, &a->o);
}

void sem_clear(struct ipc_namespace *ns)
{
	ipc_lock(ns);
	for (int i = ns->ids[IPC_SEM].max; i >= 0; i--) {
		struct ipc_object *o = ipc_at(ns, IPC_SEM, i);
		if (o)
			array_remove(ns, array_of(o));
	}
	ipc_unlock(ns);
}

/* ---- operations; ns->lock held ---- */

/* Takes back the operations before `end`. */
static void take_back(struct sem_array *a, const struct sem_wait *w, const struct sembuf *end)
{
	for (const struct sembuf *op = w->ops; op < end; op++) {
		a->sems[op->sem_num].value -= op->sem_op;
		if (op->sem_flg & SEM_UNDO)
			w->undo->adjust[op->sem_num] += op->sem_op;
	}
}

/* One operation of several. 0, -ERANGE, or IPC_ASLEEP: it has to wait. */
static int64_t do_one(struct sem_array *a, const struct sem_wait *w, const struct sembuf *op)
{
	struct sem *sem = &a->sems[op->sem_num];
	int value = sem->value + op->sem_op;

	if ((!op->sem_op && sem->value) || value < 0)
		return IPC_ASLEEP;
	if (value > SEM_MOST)
		return -ERANGE;
	if (op->sem_flg & SEM_UNDO) {
		int adjust = w->undo->adjust[op->sem_num] - op->sem_op;
		if (adjust < -SEM_ADJUST_MOST - 1 || adjust > SEM_ADJUST_MOST)
			return -ERANGE;
		w->undo->adjust[op->sem_num] = (short)adjust;
	}
	sem->value = value;
	return 0;
}

/* All of them, or none: 0, an error, or IPC_ASLEEP. */
static int64_t do_all(struct sem_array *a, struct sem_wait *w)
{
	for (const struct sembuf *op = w->ops; op < w->ops + w->nr; op++) {
		int64_t r = do_one(a, w, op);
		if (!r)
			continue;
		take_back(a, w, op);
		w->blocking = op;
		return r == IPC_ASLEEP && op->sem_flg & IPC_NOWAIT ? -EAGAIN : r;
	}
	for (const struct sembuf *op = w->ops; op < w->ops + w->nr; op++)
		a->sems[op->sem_num].pid = w->tgid;
	return 0;
}

/* Tries those that wait for zeroes. True: some could go on. */
static bool wake_constant(struct sem_array *a)
{
	struct sem_wait *w, *tmp;
	bool some = false;

	list_for_each_safe (w, tmp, &a->constant, s.node) {
		int64_t r = do_all(a, w);
		if (r == IPC_ASLEEP)
			continue;
		some |= !r;
		ipc_sleep_end(&w->s, r);
	}
	return some;
}

/* One that waited is through, or will never be. True: those before it may be, too. */
static bool end_altering(struct sem_array *a, struct sem_wait *w, int64_t r, bool *some)
{
	bool complex = w->nr > 1;

	a->nr_complex -= complex;
	ipc_sleep_end(&w->s, r);
	if (r)
		return false;
	*some = true;
	wake_constant(a);
	return complex || a->nr_complex;
}

/* Something has changed: lets go on whoever can. */
static void wake_all(struct ipc_namespace *ns, struct sem_array *a, bool done)
{
	struct sem_wait *w, *tmp;
	bool some = wake_constant(a) || done, again;

	do {
		again = false;
		list_for_each_safe (w, tmp, &a->altering, s.node) {
			int64_t r = do_all(a, w);
			if (r != IPC_ASLEEP && end_altering(a, w, r, &some)) {
				again = true;
				break;
			}
		}
	} while (again);
	if (some)
		a->otime = ipc_now(ns);
}

/* ---- undoing ---- */

static struct sem_undo_list *undo_list_new(struct ipc_namespace *ns)
{
	struct sem_undo_list *l = calloc(1, sizeof *l);

	if (!l)
		return NULL;
	ref_set(&l->refs, 1);
	ns_get(&ns->ns);
	l->ns = ns;
	list_init(&l->undos);
	return l;
}

struct sem_undo_list *sem_undo_share(struct ipc_namespace *ns, struct sem_undo_list **undo)
{
	if (!*undo)
		*undo = undo_list_new(ns);
	if (*undo)
		ref_get(&(*undo)->refs);
	return *undo;
}

struct sem_undo_list *sem_undo_get(struct sem_undo_list *undo)
{
	if (undo)
		ref_get(&undo->refs);
	return undo;
}

static struct sem_undo *undo_find(struct sem_undo_list *l, const struct sem_array *a)
{
	struct sem_undo *u;

	list_for_each (u, &l->undos, node)
		if (u->array == a)
			return u;
	return NULL;
}

static void undo_link(struct sem_undo_list *l, struct sem_array *a, struct sem_undo *u)
{
	u->array = a;
	list_add(&l->undos, &u->node);
	list_add(&a->undos, &u->array_node);
}

/* The entry for an array that has one, or gets one. -ENOMEM. ns->lock held. */
static int undo_get(struct sem_undo_list *l, struct sem_array *a, struct sem_undo **out)
{
	struct mm_host *mem = l->ns->domain->mem;

	*out = undo_find(l, a);
	if (*out)
		return 0;
	if (!mm_host_charge(mem, undo_bytes(a->nr)))
		return -ENOMEM;
	*out = calloc(1, undo_bytes(a->nr));
	if (!*out) {
		mm_host_uncharge(mem, undo_bytes(a->nr));
		return -ENOMEM;
	}
	undo_link(l, a, *out);
	return 0;
}

/* exit_sem() of Linux: what goes below or above what a semaphore may be is cut. */
static void undo_apply(struct ipc_namespace *ns, const struct sem_undo *u, pid_t tgid)
{
	struct sem_array *a = u->array;

	for (unsigned i = 0; i < a->nr; i++) {
		int value = a->sems[i].value + u->adjust[i];
		if (!u->adjust[i])
			continue;
		a->sems[i].value = value < 0 ? 0 : value > SEM_MOST ? SEM_MOST : value;
		a->sems[i].pid = tgid;
	}
	wake_all(ns, a, true);
}

void sem_undo_put(struct sem_undo_list *l, pid_t tgid)
{
	if (!l || !ref_put(&l->refs))
		return;
	struct ipc_namespace *ns = l->ns;
	ipc_lock(ns);
	while (!list_empty(&l->undos)) {
		struct sem_undo *u = list_first(&l->undos, struct sem_undo, node);
		if (tgid)
			undo_apply(ns, u, tgid);
		undo_free(ns, u);
	}
	ipc_unlock(ns);
	free(l);
	ns_put(&ns->ns);
}

/* ---- semop ---- */

/* What the operations ask for altogether: the highest number, whether they change something, and
 * whether that is to be undone. */
static unsigned survey(const struct sembuf *ops, unsigned nr, bool *alters, bool *undo)
{
	unsigned max = 0;

	*alters = *undo = false;
	for (unsigned i = 0; i < nr; i++) {
		max = ops[i].sem_num > max ? ops[i].sem_num : max;
		*alters |= ops[i].sem_op;
		*undo |= ops[i].sem_flg & SEM_UNDO;
	}
	return max;
}

static int64_t sleep_for(struct ipc_namespace *ns, struct caller *c, struct sem_array *a,
			 struct sem_wait *w, uint64_t deadline)
{
	bool complex = w->alters && w->nr > 1;
	int64_t r;

	ipc_sleep_begin(&ns->places, c, w->alters ? &a->altering : &a->constant, &w->s);
	a->nr_complex += complex;
	do {
		r = ipc_sleep_wait(&ns->lock, c, &w->s, deadline);
	} while (r == IPC_ASLEEP);
	/* who ended the sleep has counted, and may have freed the array */
	if (w->s.status == IPC_ASLEEP)
		a->nr_complex -= complex;
	return r == -ETIMEDOUT ? -EAGAIN : r;
}

static int64_t op_locked(struct ipc_namespace *ns, struct caller *c, struct sem_undo_list *undo,
			 int id, struct sem_wait *w, uint64_t deadline)
{
	bool undoes;
	int err;
	unsigned max = survey(w->ops, w->nr, &w->alters, &undoes);
	struct sem_array *a = find(ns, id, &err);

	if (err)
		return err;
	if (undoes && (err = undo_get(undo, a, &w->undo)))
		return err;
	if (max >= a->nr)
		return -EFBIG;
	err = ipc_permission(ns, c, &a->o, w->alters ? IPC_WRITE : IPC_READ);
	if (err)
		return err;
	int64_t r = do_all(a, w);
	if (r == IPC_ASLEEP)
		return sleep_for(ns, c, a, w, deadline);
	if (!r && w->alters)
		wake_all(ns, a, true);
	else if (!r)
		a->otime = ipc_now(ns);
	return r;
}

int sem_op(struct ipc_namespace *ns, struct caller *c, struct sem_undo_list **undo, int id,
	   const struct sembuf *ops, unsigned nr, uint64_t deadline)
{
	struct sem_wait w = { .ops = ops, .nr = nr, .tgid = c->tgid };

	if (!*undo) {
		bool alters, undoes;
		survey(ops, nr, &alters, &undoes);
		if (undoes && !(*undo = undo_list_new(ns)))
			return -ENOMEM;
	}
	ipc_lock(ns);
	int r = (int)op_locked(ns, c, *undo, id, &w, deadline);
	ipc_unlock(ns);
	return r;
}

/* ---- semctl ---- */

static void forget_adjustments(struct sem_array *a, unsigned from, unsigned to)
{
	struct sem_undo *u;

	list_for_each (u, &a->undos, array_node)
		memset(u->adjust + from, 0, (to - from) * sizeof *u->adjust);
}

int sem_set(struct ipc_namespace *ns, struct caller *c, int id, int num, int value)
{
	int err;

	if (value < 0 || value > SEM_MOST)
		return -ERANGE;
	ipc_lock(ns);
	struct sem_array *a = find(ns, id, &err);
	if (!err && (num < 0 || (unsigned)num >= a->nr))
		err = -EINVAL;
	if (!err)
		err = ipc_permission(ns, c, &a->o, IPC_WRITE);
	if (!err) {
		forget_adjustments(a, (unsigned)num, (unsigned)num + 1);
		a->sems[num] = (struct sem){ value, c->tgid };
		a->ctime = ipc_now(ns);
		wake_all(ns, a, false);
	}
	ipc_unlock(ns);
	return err;
}

/* How many wait at this semaphore: for zero, or for more. */
static int waiting(const struct sem_array *a, int num, bool zero)
{
	const struct list *const queues[] = { &a->constant, &a->altering };
	const struct sem_wait *w;
	int n = 0;

	for (int i = 0; i < 2; i++)
		list_for_each (w, queues[i], s.node)
			n += w->blocking->sem_num == num && !w->blocking->sem_op == zero;
	return n;
}

int sem_look(struct ipc_namespace *ns, struct caller *c, int id, int num, int cmd)
{
	int r;

	ipc_lock(ns);
	struct sem_array *a = find(ns, id, &r);
	if (!r)
		r = ipc_permission(ns, c, &a->o, IPC_READ);
	if (!r && (num < 0 || (unsigned)num >= a->nr))
		r = -EINVAL;
	if (!r) {
		switch (cmd) {
		case GETVAL: r = a->sems[num].value; break;
		case GETPID: r = a->sems[num].pid; break;
		default: r = waiting(a, num, cmd == GETZCNT);
		}
	}
	ipc_unlock(ns);
	return r;
}

int sem_count(struct ipc_namespace *ns, struct caller *c, int id, bool write)
{
	int err;

	ipc_lock(ns);
	struct sem_array *a = find(ns, id, &err);
	if (!err)
		err = ipc_permission(ns, c, &a->o, write ? IPC_WRITE : IPC_READ);
	int nr = err ? err : (int)a->nr;
	ipc_unlock(ns);
	return nr;
}

int sem_get_all(struct ipc_namespace *ns, int id, unsigned short *values, unsigned nr)
{
	int err;

	ipc_lock(ns);
	const struct sem_array *a = find(ns, id, &err);
	for (unsigned i = 0; !err && i < nr; i++)
		values[i] = (unsigned short)a->sems[i].value;
	ipc_unlock(ns);
	return err ? -EIDRM : 0;
}

int sem_set_all(struct ipc_namespace *ns, struct caller *c, int id, const unsigned short *values,
		unsigned nr)
{
	int err;

	for (unsigned i = 0; i < nr; i++)
		if (values[i] > SEM_MOST)
			return -ERANGE;
	ipc_lock(ns);
	struct sem_array *a = find(ns, id, &err);
	if (!err) {
		forget_adjustments(a, 0, nr);
		for (unsigned i = 0; i < nr; i++)
			a->sems[i] = (struct sem){ values[i], c->tgid };
		a->ctime = ipc_now(ns);
		wake_all(ns, a, false);
	}
	ipc_unlock(ns);
	return err ? -EIDRM : 0;
}

int sem_stat(struct ipc_namespace *ns, struct caller *c, int n, int cmd, struct semid_ds *out)
{
	struct ipc_object *o;

	ipc_lock(ns);
	int r = ipc_find_stat(ns, c, IPC_SEM, n, cmd != IPC_STAT, cmd == SEM_STAT_ANY, &o);
	if (!r) {
		const struct sem_array *a = array_of(o);
		*out = (struct semid_ds){ .sem_perm = ipc_perm_of(o, c->cred->user_ns),
					  .sem_otime = a->otime,
					  .sem_ctime = a->ctime,
					  .sem_nsems = a->nr };
		r = cmd == IPC_STAT ? 0 : o->id;
	}
	ipc_unlock(ns);
	return r;
}

int sem_change_owner(struct ipc_namespace *ns, struct caller *c, int id, const struct semid_ds *to)
{
	const struct ipc_perm *p = &to->sem_perm;
	struct ipc_object *o;

	ipc_lock(ns);
	int err = ipc_find_owned(ns, c, IPC_SEM, id, &o);
	if (!err)
		err = ipc_set_owner(o, c->cred->user_ns, p->uid, p->gid, p->mode);
	if (!err)
		array_of(o)->ctime = ipc_now(ns);
	ipc_unlock(ns);
	return err;
}

int sem_remove(struct ipc_namespace *ns, struct caller *c, int id)
{
	struct ipc_object *o;

	ipc_lock(ns);
	int err = ipc_find_owned(ns, c, IPC_SEM, id, &o);
	if (!err)
		array_remove(ns, array_of(o));
	ipc_unlock(ns);
	return err;
}

int sem_info(struct ipc_namespace *ns, int cmd, struct seminfo *out)
{
	ipc_lock(ns);
	const struct ipc_limits *l = &ns->limits;
	bool used = cmd == SEM_INFO;
	*out = (struct seminfo){
		.semmap = 1024000000, /* of no meaning to Linux: linux/sem.h */
		.semmni = (int)l->sem_mni,
		.semmns = (int)l->sem_mns,
		.semmnu = 1024000000,
		.semmsl = (int)l->sem_msl,
		.semopm = (int)l->sem_opm,
		.semume = 500,
		.semusz = used ? (int)ns->ids[IPC_SEM].in_use : 20,
		.semvmx = SEM_MOST,
		.semaem = used ? (int)ns->sems : SEM_ADJUST_MOST,
	};
	int r = ipc_max_place(ns, IPC_SEM);
	ipc_unlock(ns);
	return r;
}

void sem_show(struct ipc_namespace *ns, const struct user_namespace *users, struct text *out)
{
	text_puts(out, "       key      semid perms      nsems   uid   gid  cuid  cgid      otime"
		       "      ctime\n");
	ipc_lock(ns);
	for (int i = 0; i <= ns->ids[IPC_SEM].max; i++) {
		const struct ipc_object *o = ipc_at(ns, IPC_SEM, i);
		const struct sem_array *a = o ? const_array(o) : NULL;
		if (a)
			text_printf(out, "%10d %10d  %4o %10u %5u %5u %5u %5u %10lu %10lu\n",
				    o->key, o->id, o->mode, a->nr, from_kuid_munged(users, o->uid),
				    from_kgid_munged(users, o->gid),
				    from_kuid_munged(users, o->cuid),
				    from_kgid_munged(users, o->cgid), (unsigned long)a->otime,
				    (unsigned long)a->ctime);
	}
	ipc_unlock(ns);
}

/* ---- saving ---- */

void sem_save(struct saver *s, struct ipc_namespace *ns)
{
	encode(&s->out, ns->ids[IPC_SEM].in_use);
	for (int i = 0; i <= ns->ids[IPC_SEM].max; i++) {
		struct ipc_object *o = ns->ids[IPC_SEM].places[i];
		if (!o)
			continue;
		const struct sem_array *a = array_of(o);
		ipc_object_save(&s->out, o);
		encode(&s->out, (uint64_t)a->otime);
		encode(&s->out, (uint64_t)a->ctime);
		encode_bytes(&s->out, a->sems, a->nr * sizeof *a->sems);
	}
}

static int load_array(struct decoder *in, struct ipc_namespace *ns)
{
	struct ipc_object o = { 0 };
	size_t len;

	ipc_object_load(in, &o);
	int64_t otime = (int64_t)decode(in), ctime = (int64_t)decode(in);
	const struct sem *sems = decode_bytes(in, &len);
	if (!sems || !len || len % sizeof *sems || len / sizeof *sems > INT32_MAX)
		return -EBADMSG;
	struct sem_array *a = array_new(ns, (unsigned)(len / sizeof *sems));
	if (!a)
		return -ENOMEM;
	a->o = o;
	a->otime = otime;
	a->ctime = ctime;
	memcpy(a->sems, sems, len);
	bool good = true;
	for (unsigned i = 0; i < a->nr; i++)
		good &= a->sems[i].value >= 0 && a->sems[i].value <= SEM_MOST;
	if (good && ipc_object_put_back(ns, IPC_SEM, &a->o)) {
		ns->sems += a->nr;
		return 0;
	}
	free_array(ns, &a->o);
	return -EBADMSG;
}

int sem_load(struct loader *l, struct decoder *in, struct ipc_namespace *ns)
{
	uint64_t nr = decode_count(in, sizeof(uint64_t));
	int err = 0;

	ipc_lock(ns);
	for (uint64_t i = 0; i < nr && !err; i++)
		err = load_array(in, ns);
	ipc_unlock(ns);
	return err;
}

static int undo_save(struct saver *s, void *object)
{
	struct sem_undo_list *l = object;
	const struct sem_undo *u;
	size_t place, nr = 0;

	encode(&s->out, ipc_ns_number(s, l->ns));
	place = encode_place(&s->out);
	list_for_each_reverse(u, &l->undos, node)
	{
		encode(&s->out, (uint64_t)u->array->o.id);
		encode_bytes(&s->out, u->adjust, u->array->nr * sizeof *u->adjust);
		nr++;
	}
	encode_at(&s->out, place, nr);
	return 0;
}

static int load_undo(struct loader *l, struct sem_undo_list *list)
{
	int err, id = (int)decode_max(&l->in, INT32_MAX);
	struct sem_undo *u;
	size_t len;
	const short *adjust = decode_bytes(&l->in, &len);
	struct sem_array *a = find(list->ns, id, &err);

	if (err || !adjust || len != a->nr * sizeof *adjust || undo_find(list, a))
		return loader_damaged(l, "what semaphores are to be set back by");
	err = undo_get(list, a, &u);
	if (!err)
		memcpy(u->adjust, adjust, len);
	return err;
}

static void undo_drop(void *object)
{
	sem_undo_put(object, 0);
}

static int undo_load(struct loader *l, void **out)
{
	struct ipc_namespace *ns;
	int err = ipc_ns_of_number(l, decode(&l->in), &ns);
	uint64_t nr = decode_count(&l->in, 2 * sizeof(uint64_t));
	struct sem_undo_list *list = err ? NULL : undo_list_new(ns);

	if (!list)
		return err ? err : -ENOMEM;
	ipc_lock(ns);
	for (uint64_t i = 0; i < nr && !err; i++)
		err = load_undo(l, list);
	ipc_unlock(ns);
	if (err)
		undo_drop(list);
	else
		*out = list;
	return err;
}

const struct saved_kind sem_undo_saved = {
	.name = "list of semaphore adjustments",
	.save = undo_save,
	.load = undo_load,
	.put = undo_drop,
};
