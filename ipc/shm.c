/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Implements System V shared memory; see header. The lock of the namespace is a short one, and
 * giving up the pages of a segment takes others: who takes a segment out of the table gives it up
 * once the lock is free.
 */
#include "ipc/shm.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "cred/user.h"
#include "cred/user_ns.h"
#include "mm/map.h"
#include "mm/mapped_place.h"
#include "mm/pagestore_save.h"
#include "mm/shmem.h"
#include "mm/vma.h"

/* linux/shm.h */
#define SEGMENT_DEST   01000U
#define SEGMENT_LOCKED 02000U

struct segment {
	struct ipc_object o;
	struct mapped_place place; /* a reference is the table's, others are those of vmas */
	struct ipc_namespace *ns;  /* each mapping holds a reference */
	struct mm_host *mem;
	struct pagesource *pages; /* reference; constant, as the size and the first key */
	uint64_t size;
	key_t name;
	/* ns->lock */
	int64_t atime, dtime, ctime;
	pid_t cpid, lpid;
	uint64_t mappings;
	struct user *locked_by; /* reference; NULL: it is not locked */
};

static struct segment *segment_of(struct ipc_object *o)
{
	return container_of(o, struct segment, o);
}

static uint64_t pages_of(const struct segment *s)
{
	return PAGE_UP(s->size) >> PAGE_SHIFT;
}

/* ---- life ---- */

static void unlock_segment(struct segment *s)
{
	if (s->locked_by)
		user_uncharge(s->locked_by, USER_SHM_LOCKED, pages_of(s));
	user_put(s->locked_by);
	s->locked_by = NULL;
	s->o.mode &= ~SEGMENT_LOCKED;
}

static void segment_release(struct mapped_place *p)
{
	struct segment *s = container_of(p, struct segment, place);

	shmem_set_place(s->pages, NULL);
	s->pages->ops->unref(s->pages);
	unlock_segment(s);
	mm_host_uncharge(s->mem, sizeof *s);
	free(s);
}

/* Out of the table. The caller gives up the table's reference, without the lock. */
static struct mapped_place *take_out(struct ipc_namespace *ns, struct segment *s)
{
	lock_assert_held(&ns->lock);
	ipc_remove(ns, IPC_SHM, &s->o);
	ns->shm_pages -= pages_of(s);
	s->o.mode &= ~SEGMENT_DEST;
	return &s->place;
}

/* One mapping less. True: it was the last of a segment that had been removed. */
static bool one_less(struct segment *s)
{
	if (--s->mappings || !(s->o.mode & SEGMENT_DEST))
		return false;
	(void)take_out(s->ns, s);
	return true;
}

/* A vma comes or goes. The process is that of the thread that does it; nobody's where a snapshot is
 * loaded, which changes nothing else. */
static void count_mapping(struct mapped_place *p, int sign)
{
	struct segment *s = container_of(p, struct segment, place);
	struct ipc_namespace *ns = s->ns;
	pid_t pid = ns->domain->current();
	bool last = false;

	if (sign > 0)
		ns_get(&ns->ns);
	ipc_lock(ns);
	if (pid) {
		*(sign > 0 ? &s->atime : &s->dtime) = ipc_now(ns);
		s->lpid = pid;
	}
	if (sign > 0)
		s->mappings++;
	else
		last = one_less(s);
	ipc_unlock(ns);
	if (last)
		mapped_place_put(p);
	if (sign < 0)
		ns_put(&ns->ns);
}

/* Takes the reference to the pages over, also on failure. */
static struct segment *segment_new(struct ipc_namespace *ns, struct pagesource *pages,
				   uint64_t size)
{
	struct mm_host *mem = ns->domain->mem;
	bool room = mm_host_charge(mem, sizeof(struct segment));
	struct segment *s = room ? calloc(1, sizeof *s) : NULL;

	if (!s) {
		if (room)
			mm_host_uncharge(mem, sizeof *s);
		pages->ops->unref(pages);
		return NULL;
	}
	ref_set(&s->place.refs, 1);
	s->place.release = segment_release;
	s->place.count = count_mapping;
	s->ns = ns;
	s->mem = mem;
	s->pages = pages;
	s->size = size;
	shmem_set_place(pages, &s->place);
	return s;
}

static int make(struct ipc_namespace *ns, struct caller *c, const struct ipc_get *g,
		struct ipc_object **out)
{
	struct mm_host *mem = ns->domain->mem;
	uint64_t pages = PAGE_UP(g->size) >> PAGE_SHIFT;
	struct pagesource *ps;

	if (!g->size || g->size > ns->limits.shm_max)
		return -EINVAL;
	if (pages << PAGE_SHIFT < g->size || ns->shm_pages + pages > ns->limits.shm_all)
		return -ENOSPC;
	if (g->flags & SHM_HUGETLB) /* as a Linux without reserved huge pages */
		return cred_capable(c->cred, CAP_IPC_LOCK) ? -ENOMEM : -EPERM;
	int err = g->flags & SHM_NORESERVE ? 0 : mm_may_commit(mem, g->size);
	if (!err)
		err = shmem_create(mem->arena, g->size, &ps);
	if (err)
		return err;
	struct segment *s = segment_new(ns, ps, g->size);
	if (!s)
		return -ENOMEM;
	s->name = g->key;
	s->cpid = c->tgid;
	s->ctime = ipc_now(ns);
	*out = &s->o;
	return 0;
}

/* The file that mappings show. The segment is not to be found yet: its namespace is locked. */
static void show_id(struct segment *s)
{
	const struct source_id id = { .major = 0, .minor = 1, .ino = (uint64_t)s->o.id };

	pagesource_show_new(s->pages, &id);
}

static int count(struct ipc_namespace *ns, struct ipc_object *o)
{
	struct segment *s = segment_of(o);

	if (ns->shm_pages + pages_of(s) > ns->limits.shm_all)
		return -ENOSPC;
	ns->shm_pages += pages_of(s);
	show_id(s);
	return 0;
}

static int check(const struct ipc_object *o, const struct ipc_get *g)
{
	const struct segment *s = (const void *)((const char *)o - offsetof(struct segment, o));

	return s->size < g->size ? -EINVAL : 0;
}

static void free_segment(struct ipc_namespace *ns, struct ipc_object *o)
{
	mapped_place_put(&segment_of(o)->place);
}

static const struct ipc_type shm_type = { IPC_SHM, make, count, check, free_segment };

int shm_get(struct ipc_namespace *ns, struct caller *c, key_t key, uint64_t size, int flags)
{
	return ipc_get(ns, c, &shm_type, &(const struct ipc_get){ key, flags, size });
}

void shm_clear(struct ipc_namespace *ns)
{
	for (int i = ns->ids[IPC_SHM].max; i >= 0; i--) {
		ipc_lock(ns);
		struct ipc_object *o = ipc_at(ns, IPC_SHM, i);
		struct mapped_place *p = o ? take_out(ns, segment_of(o)) : NULL;
		ipc_unlock(ns);
		mapped_place_put(p);
	}
}

/* ---- shmat, shmdt ---- */

/* What the arguments say. *addr: rounded. */
static int check_place(uint64_t *addr, int flags)
{
	if (!*addr)
		return flags & SHM_REMAP ? -EINVAL : 0;
	if (!(*addr & ~PAGE_MASK))
		return 0;
	if (!(flags & SHM_RND))
		return -EINVAL;
	*addr &= PAGE_MASK;
	return !*addr && flags & SHM_REMAP ? -EINVAL : 0;
}

/* Finds the segment, which is kept for the time of the call. */
static int begin_attach(struct ipc_namespace *ns, struct caller *c, int id, mode_t rights,
			struct segment **out)
{
	int err;

	ipc_lock(ns);
	struct ipc_object *o = ipc_find(ns, IPC_SHM, id, &err);
	if (!err)
		err = ipc_permission(ns, c, o, rights);
	if (!err) {
		*out = segment_of(o);
		(*out)->mappings++;
		ref_get(&(*out)->place.refs);
	}
	ipc_unlock(ns);
	return err;
}

static void end_attach(struct ipc_namespace *ns, struct segment *s)
{
	ipc_lock(ns);
	bool last = one_less(s);
	ipc_unlock(ns);
	if (last)
		mapped_place_put(&s->place);
	mapped_place_put(&s->place);
}

int64_t shm_attach(struct ipc_namespace *ns, struct caller *c, struct mm *mm, int id, uint64_t addr,
		   int flags)
{
	bool write = !(flags & SHM_RDONLY), exec = flags & SHM_EXEC;
	struct segment *s = NULL;
	char name[32];
	int err = id < 0 ? -EINVAL : check_place(&addr, flags);

	if (!err)
		err = begin_attach(ns, c, id,
				   IPC_READ | (write ? IPC_WRITE : 0) |
				       (exec ? S_IXUSR | S_IXGRP | S_IXOTH : 0),
				   &s);
	if (err)
		return err;
	snprintf(name, sizeof name, "/SYSV%08x (deleted)", (unsigned)s->name);
	const unsigned fixed = flags & SHM_REMAP ? MAP_FIXED : MAP_FIXED_NOREPLACE;
	const struct mmap_args m = {
		.addr = GVA(addr),
		.len = s->size,
		.prot = PROT_READ | (write ? PROT_WRITE : 0) | (exec ? PROT_EXEC : 0),
		.flags = MAP_SHARED | (addr ? fixed : 0),
		.source = s->pages,
		.vma_flags = VMA_MAYEXEC | (write ? VMA_MAYWRITE : 0),
		.name = name,
		.place = &s->place,
	};
	int64_t r = addr && addr + s->size < addr ? -EINVAL : mm_mmap(mm, &m);
	end_attach(ns, s);
	return r == -EEXIST ? -EINVAL : r;
}

int shm_detach(struct mm *mm, uint64_t addr)
{
	return addr & ~PAGE_MASK ? -EINVAL : mm_unmap_counted(mm, GVA(addr), count_mapping);
}

/* ---- shmctl ---- */

int shm_stat(struct ipc_namespace *ns, struct caller *c, int n, int cmd, struct shmid_ds *out)
{
	struct ipc_object *o;

	ipc_lock(ns);
	int r = ipc_find_stat(ns, c, IPC_SHM, n, cmd != IPC_STAT, cmd == SHM_STAT_ANY, &o);
	if (!r) {
		const struct segment *s = segment_of(o);
		*out = (struct shmid_ds){ .shm_perm = ipc_perm_of(o, c->cred->user_ns),
					  .shm_segsz = s->size,
					  .shm_atime = s->atime,
					  .shm_dtime = s->dtime,
					  .shm_ctime = s->ctime,
					  .shm_cpid = s->cpid,
					  .shm_lpid = s->lpid,
					  .shm_nattch = s->mappings };
		r = cmd == IPC_STAT ? 0 : o->id;
	}
	ipc_unlock(ns);
	return r;
}

int shm_change_owner(struct ipc_namespace *ns, struct caller *c, int id, const struct shmid_ds *to)
{
	const struct ipc_perm *p = &to->shm_perm;
	struct ipc_object *o;

	ipc_lock(ns);
	int err = ipc_find_owned(ns, c, IPC_SHM, id, &o);
	if (!err)
		err = ipc_set_owner(o, c->cred->user_ns, p->uid, p->gid, p->mode);
	if (!err)
		segment_of(o)->ctime = ipc_now(ns);
	ipc_unlock(ns);
	return err;
}

int shm_remove(struct ipc_namespace *ns, struct caller *c, int id)
{
	struct mapped_place *p = NULL;
	struct ipc_object *o;

	ipc_lock(ns);
	int err = ipc_find_owned(ns, c, IPC_SHM, id, &o);
	if (!err && segment_of(o)->mappings) {
		o->mode |= SEGMENT_DEST;
		ipc_forget_key(&ns->ids[IPC_SHM], o);
	} else if (!err) {
		p = take_out(ns, segment_of(o));
	}
	ipc_unlock(ns);
	mapped_place_put(p);
	return err;
}

/* The pages are the arena's, which the host does not swap out for a guest's sake: what is kept is
 * the account. */
static int lock_locked(struct ipc_namespace *ns, struct caller *c, int id, bool lock,
		       uint64_t limit, struct user *u)
{
	const struct cred *cred = c->cred;
	bool capable = cred_ns_capable(cred, ns->ns.owner, CAP_IPC_LOCK);
	int err;
	struct ipc_object *o = ipc_find(ns, IPC_SHM, id, &err);

	if (err)
		return err;
	if (!capable && ((cred->euid != o->cuid && cred->euid != o->uid) || (lock && !limit)))
		return -EPERM;
	struct segment *s = segment_of(o);
	if (!lock) {
		unlock_segment(s);
		return 0;
	}
	if (s->locked_by)
		return 0;
	if (!user_charge(u, USER_SHM_LOCKED, pages_of(s),
			 capable ? UINT64_MAX : limit >> PAGE_SHIFT))
		return -ENOMEM;
	s->locked_by = u;
	o->mode |= SEGMENT_LOCKED;
	return 1;
}

int shm_lock(struct ipc_namespace *ns, struct caller *c, int id, bool lock, uint64_t limit)
{
	struct user *u = user_get(ns->domain->vfs->users, c->cred->uid);

	if (!u)
		return -ENOMEM;
	ipc_lock(ns);
	int r = lock_locked(ns, c, id, lock, limit, u);
	ipc_unlock(ns);
	if (r != 1)
		user_put(u);
	return r == 1 ? 0 : r;
}

int shm_limits(struct ipc_namespace *ns, struct shminfo *out)
{
	ipc_lock(ns);
	*out = (struct shminfo){ .shmmax = ns->limits.shm_max,
				 .shmmin = 1,
				 .shmmni = ns->limits.shm_mni,
				 .shmseg = ns->limits.shm_mni,
				 .shmall = ns->limits.shm_all };
	int r = ipc_max_place(ns, IPC_SHM);
	ipc_unlock(ns);
	return r;
}

/* Bytes that the segment at a place holds, and what else is shown of it; false: there is none. The
 * pages are counted without the lock. */
static bool look_at(struct ipc_namespace *ns, int place, struct segment *copy, uint64_t *held)
{
	ipc_lock(ns);
	struct ipc_object *o = ipc_at(ns, IPC_SHM, place);
	struct segment *s = o ? segment_of(o) : NULL;
	if (s) {
		*copy = *s;
		ref_get(&s->place.refs);
	}
	ipc_unlock(ns);
	if (!s)
		return false;
	*held = shmem_held(s->pages);
	mapped_place_put(&s->place);
	return true;
}

int shm_usage(struct ipc_namespace *ns, struct shm_info *out)
{
	struct segment s;
	uint64_t held, pages = 0;

	for (int i = 0; i <= ns->ids[IPC_SHM].max; i++)
		if (look_at(ns, i, &s, &held))
			pages += held >> PAGE_SHIFT;
	ipc_lock(ns);
	*out = (struct shm_info){ .used_ids = (int)ns->ids[IPC_SHM].in_use,
				  .shm_tot = ns->shm_pages,
				  .shm_rss = pages };
	int r = ipc_max_place(ns, IPC_SHM);
	ipc_unlock(ns);
	return r;
}

void shm_show(struct ipc_namespace *ns, const struct user_namespace *users, struct text *out)
{
	struct segment s;
	uint64_t held;

	text_puts(out,
		  "       key      shmid perms                  size  cpid  lpid nattch   uid   "
		  "gid  cuid  cgid      atime      dtime      ctime                   rss      "
		  "            swap\n");
	for (int i = 0; i <= ns->ids[IPC_SHM].max; i++)
		if (look_at(ns, i, &s, &held))
			text_printf(
			    out,
			    "%10d %10d  %4o %21lu %5u %5u  %5lu %5u %5u %5u %5u %10lu %10lu "
			    "%10lu %21lu %21lu\n",
			    s.o.key, s.o.id, s.o.mode, s.size, s.cpid, s.lpid, s.mappings,
			    from_kuid_munged(users, s.o.uid), from_kgid_munged(users, s.o.gid),
			    from_kuid_munged(users, s.o.cuid), from_kgid_munged(users, s.o.cgid),
			    (unsigned long)s.atime, (unsigned long)s.dtime, (unsigned long)s.ctime,
			    held, 0UL);
}

/* ---- saving ---- */

void shm_save(struct saver *s, struct ipc_namespace *ns)
{
	encode(&s->out, ns->ids[IPC_SHM].in_use);
	for (int i = 0; i <= ns->ids[IPC_SHM].max; i++) {
		struct ipc_object *o = ns->ids[IPC_SHM].places[i];
		if (!o)
			continue;
		const struct segment *m = segment_of(o);
		ipc_object_save(&s->out, o);
		encode(&s->out, saved_object(s, &shmem_saved, m->pages));
		encode(&s->out, m->size);
		encode_signed(&s->out, m->name);
		encode(&s->out, (uint64_t)m->atime);
		encode(&s->out, (uint64_t)m->dtime);
		encode(&s->out, (uint64_t)m->ctime);
		encode(&s->out, (uint64_t)m->cpid);
		encode(&s->out, (uint64_t)m->lpid);
		encode(&s->out, m->locked_by != NULL);
		encode(&s->out, m->locked_by ? m->locked_by->uid : 0);
	}
}

static int load_lock(struct decoder *in, struct ipc_namespace *ns, struct segment *s)
{
	bool locked = decode_bool(in);
	uid_t uid = (uid_t)decode_max(in, UINT32_MAX);

	if (!locked)
		return 0;
	s->locked_by = user_get(ns->domain->vfs->users, uid);
	if (!s->locked_by)
		return -ENOMEM;
	(void)user_charge(s->locked_by, USER_SHM_LOCKED, pages_of(s), UINT64_MAX);
	return 0;
}

static int load_segment(struct loader *l, struct decoder *in, struct ipc_namespace *ns)
{
	struct ipc_object o = { 0 };
	void *pages;

	ipc_object_load(in, &o);
	int err = loaded_object(l, decode(in), &shmem_saved, &pages);
	uint64_t size = decode(in);
	if (err)
		return err;
	if (!pages || shmem_place(pages) || !size || shmem_size_of(pages) != size)
		return -EBADMSG;
	((struct pagesource *)pages)->ops->ref(pages);
	struct segment *s = segment_new(ns, pages, size);
	if (!s)
		return -ENOMEM;
	s->o = o;
	s->name = (key_t)decode_between(in, INT32_MIN, INT32_MAX);
	s->atime = (int64_t)decode(in);
	s->dtime = (int64_t)decode(in);
	s->ctime = (int64_t)decode(in);
	s->cpid = (pid_t)decode_max(in, INT32_MAX);
	s->lpid = (pid_t)decode_max(in, INT32_MAX);
	err = load_lock(in, ns, s);
	ipc_lock(ns);
	bool put = !err && ipc_object_put_back(ns, IPC_SHM, &s->o);
	if (put)
		err = count(ns, &s->o);
	ipc_unlock(ns);
	if (!put)
		mapped_place_put(&s->place);
	return put ? err : -EBADMSG;
}

int shm_load(struct loader *l, struct decoder *in, struct ipc_namespace *ns)
{
	uint64_t nr = decode_count(in, sizeof(uint64_t));
	int err = 0;

	for (uint64_t i = 0; i < nr && !err; i++)
		err = load_segment(l, in, ns);
	return err;
}
