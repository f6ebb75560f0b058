/* SPDX-License-Identifier: Apache-2.0 */
/*
 * This file makes new threads and processes (clone(2), clone3(2), vfork(2)) and separates what a
 * thread shares with others (unshare(2)). A child is made complete before its thread starts; a
 * failure on the way undoes all of it. The parent of a vfork waits here, too.
 */
#include "ipc/sem.h"
#include "cred/user_ns.h"
#include "kernel/fork.h"

#include <errno.h>
#include <linux/capability.h>
#include <sched.h>
#include <sys/ptrace.h>
#include <stdlib.h>
#include <string.h>

#include "cred/user.h"
#include "kernel/fdtable.h"
#include "kernel/nsproxy.h"
#include "kernel/pidfd.h"
#include "kernel/process.h"
#include "kernel/ptrace/step.h"
#include "kernel/ptrace/stop.h"
#include "kernel/rseq.h"
#include "kernel/sandbox.h"
#include "kernel/task.h"
#include "loader/vdso.h"
#include "mm/access.h"
#include "mm/fork.h"
#include "util/ref.h"
#include "util/saved.h"

#ifndef CLONE_CLEAR_SIGHAND
#define CLONE_CLEAR_SIGHAND 0x100000000UL
#endif

/* Shared by a vfork parent and its child; the last one frees it. */
struct vfork_done {
	struct ref refs;
	_Atomic bool done;
	/* valid while refs == 2 or the parent waits; guarded by sandbox->lock */
	struct sleeper *parent;
};

/* Many short lives take memory, too, though none of them makes enough system calls to notice. */
#define TASKS_BETWEEN_MEASURES 16

static void vfork_put(struct vfork_done *v)
{
	if (ref_put(&v->refs))
		free(v);
}

void vfork_release(struct task *t)
{
	struct vfork_done *v = t->vfork;
	if (!v)
		return;
	t->vfork = NULL;
	sandbox_lock(t->sb);
	v->done = true;
	if (v->parent)
		sleeper_wake(v->parent);
	sandbox_unlock(t->sb);
	vfork_put(v);
}

static void vfork_wait_end(struct task *t)
{
	struct vfork_done *v = t->vfork_wait.on;

	t->vfork_wait.on = NULL;
	sandbox_lock(t->sb);
	v->parent = NULL;
	sandbox_unlock(t->sb);
	vfork_put(v);
}

/* The parent sleeps through anything but its own death and a freeze. */
int64_t vfork_wait_again(struct task *t)
{
	int err = 0;

	while (!t->vfork_wait.on->done && !err)
		err = sleeper_wait_killable(&t->sleeper);
	if (err && t->sleeper.gave_up)
		return -ERESTARTNOINTR;
	vfork_wait_end(t);
	if (!err && t->tracee)
		ptrace_event(t, PTRACE_EVENT_VFORK_DONE, (uint64_t)t->vfork_wait.child, false);
	return t->vfork_wait.child;
}

void vfork_resume_end(struct task *t)
{
	if (t->vfork_wait.on)
		vfork_wait_end(t);
}

/* ---- in snapshots ---- */

static int vfork_save(struct saver *s, void *object)
{
	const struct vfork_done *v = object;

	encode(&s->out, v->done);
	return 0;
}

static int vfork_load(struct loader *l, void **out)
{
	struct vfork_done *v = calloc(1, sizeof *v);

	if (!v)
		return -ENOMEM;
	ref_set(&v->refs, 1);
	v->done = decode_bool(&l->in);
	*out = v;
	return 0;
}

static void vfork_drop(void *object)
{
	vfork_put(object);
}

const struct saved_kind vfork_saved = {
	.name = "vfork",
	.save = vfork_save,
	.load = vfork_load,
	.put = vfork_drop,
};

void vfork_task_save(struct saver *s, struct task *t)
{
	encode(&s->out, saved_object(s, &vfork_saved, t->vfork));
	encode(&s->out, saved_object(s, &vfork_saved, t->vfork_wait.on));
	encode_signed(&s->out, t->vfork_wait.child);
}

int vfork_task_load(struct loader *l, struct task *t)
{
	void *child, *parent = NULL;
	int err = loaded_object(l, decode(&l->in), &vfork_saved, &child);

	if (!err)
		err = loaded_object(l, decode(&l->in), &vfork_saved, &parent);
	int64_t nr = decode_between(&l->in, 0, INT_MAX);
	if (err)
		return err;
	/* who waits does so in a call that is made again, or goes on behind a stop */
	bool again = t->unwound || (t->tracee && t->tracee->stage == TRACE_CALL_WAITS);
	if (l->in.failed || (parent && (!again || ((struct vfork_done *)parent)->parent)))
		return loader_damaged(l, "a vfork");
	if (child) {
		t->vfork = child;
		ref_get(&t->vfork->refs);
	}
	if (parent) {
		t->vfork_wait = (struct vfork_wait){ parent, nr };
		ref_get(&t->vfork_wait.on->refs);
		t->vfork_wait.on->parent = &t->sleeper;
	}
	return 0;
}

/* clone(2), ERRORS. */
static int check_flags(const struct clone_request *rq)
{
	uint64_t f = rq->flags;
	if (f & ~(uint64_t)(UINT32_MAX | CLONE_CLEAR_SIGHAND))
		return -EINVAL;
	if (f & CLONE_FS && f & (CLONE_NEWNS | CLONE_NEWUSER))
		return -EINVAL;
	if (f & CLONE_THREAD && f & (CLONE_NEWUSER | CLONE_NEWPID))
		return -EINVAL;
	if ((f & CLONE_THREAD && !(f & CLONE_SIGHAND)) || (f & CLONE_SIGHAND && !(f & CLONE_VM)))
		return -EINVAL;
	if (f & CLONE_SIGHAND && f & CLONE_CLEAR_SIGHAND)
		return -EINVAL;
	if (f & CLONE_PIDFD && f & CLONE_DETACHED)
		return -EINVAL;
	if (rq->exit_signal > NSIGNALS)
		return -EINVAL;
	return 0;
}

static int copy_mm(struct task *t, struct task *child)
{
	struct cpu_regs regs = { 0 };

	t->sb->platform->regs_get(t->context, &regs);
	int err =
	    mm_fork(t->mm, (const gva_t[FORK_HINTS]){ GVA(regs_sp(&regs)), GVA(regs_tls(&regs)) },
		    &child->mm);
	/* the clocks that the page shows are no more its own */
	if (!err && child->nsproxy->ns[NS_TIME] != t->nsproxy->ns[NS_TIME])
		err = vdso_leave_clocks(child->mm);
	return err;
}

static int share_mm(struct task *t, struct task *child, uint64_t flags)
{
	if (!(flags & CLONE_VM))
		return copy_mm(t, child);
	child->mm = mm_get(t->mm);
	return 0;
}

static int share_sighand(struct task *t, struct task *child, uint64_t flags)
{
	if (flags & CLONE_SIGHAND) {
		ref_get(&t->sighand->refs);
		child->sighand = t->sighand;
		return 0;
	}
	sandbox_lock(t->sb);
	child->sighand = sighand_copy(t->sighand);
	sandbox_unlock(t->sb);
	if (!child->sighand)
		return -ENOMEM;
	for (int i = 0; flags & CLONE_CLEAR_SIGHAND && i < NSIGNALS; i++) {
		if (!action_is_ignore(&child->sighand->action[i]))
			memset(&child->sighand->action[i], 0, sizeof child->sighand->action[i]);
	}
	return 0;
}

static struct fs_struct *fs_struct_share(struct fs_struct *fs)
{
	ref_get(&fs->refs);
	return fs;
}

/* RLIMIT_NPROC binds neither root nor who may ignore limits (getrlimit(2)). */
static uint64_t task_limit(struct task *t)
{
	const struct cred *c = t->cred;
	bool exempt =
	    !c->uid || cred_capable(c, CAP_SYS_RESOURCE) || cred_capable(c, CAP_SYS_ADMIN);

	return exempt ? UINT64_MAX : process_rlimit(t->process, RLIMIT_NPROC);
}

/* Does its root lie elsewhere than that of its mount namespace? Who was sent there could get out as
 * the root of a user namespace. */
static bool is_chrooted(struct task *t)
{
	struct path root = fs_struct_root(t->fs), top = mnt_ns_root(nsproxy_mnt(t->nsproxy));
	bool elsewhere = root.mnt != top.mnt || !inode_same(root.dentry->inode, top.dentry->inode);

	path_put(&root);
	path_put(&top);
	return elsewhere;
}

/* A copy of the caller's credentials, as the first of a user namespace. */
static int cred_in_new_user_ns(struct task *t, struct cred **out)
{
	struct user_namespace *ns;

	if (!budget_room(t->sb->mem.budget, sizeof *ns))
		return -ENOMEM;
	int err = cred_new_user_ns(t->cred, t->sb->vfs->ns_numbers, is_chrooted(t), &ns);
	if (err)
		return err;
	*out = cred_copy(t->cred, -1);
	if (*out)
		cred_enter(*out, ns);
	ns_put(&ns->ns);
	return *out ? 0 : -ENOMEM;
}

static int share_cred(struct task *t, uint64_t flags, struct cred **out)
{
	if (flags & CLONE_NEWUSER)
		return cred_in_new_user_ns(t, out);
	*out = flags & CLONE_THREAD ? cred_get(t->cred) : cred_copy(t->cred, -1);
	return *out ? 0 : -ENOMEM;
}

/* Puts a set with another namespace in the place of one; without either where that fails. */
static int nsproxy_enter(struct nsproxy **p, struct ns_common *ns)
{
	struct nsproxy *old = *p;

	*p = nsproxy_with(old, ns);
	nsproxy_put(old);
	return *p ? 0 : -ENOMEM;
}

/* Gives the child what the flags say: the same object, or a copy. What was taken is freed by
 * task_free. */
static int share(struct task *t, struct task *child, uint64_t flags)
{
	int err = task_count(child, task_limit(t));
	if (err)
		return err;
	struct key_caller keys = task_keys(t);
	err = key_holder_fork(&keys, &child->keys, flags & CLONE_THREAD);
	if (err)
		return err;
	child->files = flags & CLONE_FILES ? fdtable_get(t->files) : fdtable_copy(t->files);
	child->fs = flags & CLONE_FS ? fs_struct_share(t->fs) : fs_struct_copy(t->fs);
	if (!child->files || !child->fs)
		return -ENOMEM;
	err = nsproxy_clone(t, child->cred, flags, child->fs, &child->nsproxy);
	if (!err && flags & CLONE_NEWPID)
		err = nsproxy_enter(&child->nsproxy, &child->pid->ns->ns);
	if (!err && !(flags & CLONE_VM))
		err = nsproxy_enter_time(t->sb, &child->nsproxy);
	if (!err && flags & CLONE_SYSVSEM) {
		child->sem_undo = sem_undo_share(nsproxy_ipc(t->nsproxy), &t->sem_undo);
		err = child->sem_undo ? 0 : -ENOMEM;
	}
	if (!err)
		err = share_sighand(t, child, flags);
	return err ? err : share_mm(t, child, flags);
}

static int copy_fp(struct task *t, struct task *child)
{
	const struct platform *pf = t->sb->platform;
	uint64_t features;
	size_t size = pf->fp_size(t->sb->machine, &features);
	void *buf = aligned_alloc(64, (size + 63) & ~(size_t)63);
	if (!buf)
		return -ENOMEM;
	int err = pf->fp_get(t->context, buf, size);
	if (!err)
		err = pf->fp_set(child->context, buf, size);
	free(buf);
	return err;
}

static int copy_cpu(struct task *t, struct task *child, const struct clone_request *rq)
{
	const struct platform *pf = t->sb->platform;
	struct cpu_regs regs;
	int err = pf->regs_get(t->context, &regs);
	if (err)
		return err;
	step_hide(t, &regs);
	child->event = t->event;
	regs_set_result(&regs, 0);
	if (rq->stack.v)
		regs_set_sp(&regs, rq->stack.v);
	if (rq->flags & CLONE_SETTLS)
		regs_set_tls(&regs, rq->tls.v);
	err = pf->regs_set(child->context, &regs);
	if (err)
		/* a TLS address outside the user half, as do_arch_prctl_64 */
		return err == -EINVAL ? -EPERM : err;
	return copy_fp(t, child);
}

static void copy_owner_state(struct task *t, struct task *child, const struct clone_request *rq)
{
	uint64_t flags = rq->flags;
	child->blocked = t->restore_mask ? t->saved_mask : t->blocked;
	child->timer_slack_ns = child->default_slack_ns = t->timer_slack_ns;
	sandbox_lock(t->sb);
	sched_fork(&child->sched, &t->sched);
	sandbox_unlock(t->sb);
	child->mempolicy = t->mempolicy;
	memcpy(child->comm, t->comm, sizeof child->comm);
	if (!(flags & CLONE_VM) || flags & CLONE_VFORK)
		child->altstack = t->altstack;
	if (flags & CLONE_CHILD_SETTID)
		child->set_child_tid = rq->child_tid;
	if (flags & CLONE_CHILD_CLEARTID)
		child->clear_child_tid = rq->child_tid;
	if (!(flags & CLONE_VM)) { /* rseq(2): inherited by fork, not by threads */
		child->rseq = t->rseq;
		child->rseq_len = t->rseq_len;
		child->rseq_sig = t->rseq_sig;
		child->rseq_cpu = -1;
	}
}

/* A thread's table, fs_struct and handlers of its own (unshare(2)). */
static int unshare_files(struct task *t)
{
	if (ref_count(&t->files->refs) == 1)
		return 0;
	struct fdtable *own = fdtable_copy(t->files), *old = t->files;
	if (!own)
		return -ENOMEM;
	sandbox_lock(t->sb);
	t->files = own;
	sandbox_unlock(t->sb);
	struct caller c = task_caller(t);
	fdtable_put(old, &c);
	return 0;
}

static int unshare_fs(struct task *t)
{
	if (ref_count(&t->fs->refs) == 1)
		return 0;
	struct fs_struct *own = fs_struct_copy(t->fs), *old = t->fs;
	if (!own)
		return -ENOMEM;
	sandbox_lock(t->sb);
	t->fs = own;
	sandbox_unlock(t->sb);
	fs_struct_put(old);
	return 0;
}

/* For the children. */
static int unshare_pids(struct task *t, const struct cred *cred, struct nsproxy **nsproxy)
{
	struct pid_namespace *ns;
	int err = nsproxy_new_pids(t, cred, CLONE_NEWPID, &ns);

	if (err) {
		nsproxy_put(*nsproxy);
		return err;
	}
	err = nsproxy_enter(nsproxy, &ns->ns);
	ns_put(&ns->ns);
	return err;
}

int task_unshare(struct task *t, uint64_t flags)
{
	const uint64_t known = CLONE_FS | CLONE_FILES | CLONE_SYSVSEM | CLONE_THREAD |
			       CLONE_SIGHAND | CLONE_VM | CLONE_NAMESPACES;
	sandbox_lock(t->sb);
	bool alone = t->process->nr_tasks == 1;
	sandbox_unlock(t->sb);
	if (flags & ~known ||
	    (flags & (CLONE_THREAD | CLONE_SIGHAND | CLONE_VM | CLONE_NEWUSER) && !alone))
		return -EINVAL;
	struct nsproxy *nsproxy = NULL;
	struct cred *cred = NULL;
	int err = flags & CLONE_FILES ? unshare_files(t) : 0;
	if (!err && flags & (CLONE_FS | CLONE_NEWNS | CLONE_NEWUSER))
		err = unshare_fs(t);
	if (!err && flags & CLONE_NEWUSER)
		err = cred_in_new_user_ns(t, &cred);
	if (!err)
		err = nsproxy_clone(t, cred ? cred : t->cred, flags, t->fs, &nsproxy);
	if (!err && flags & CLONE_NEWPID)
		err = unshare_pids(t, cred ? cred : t->cred, &nsproxy);
	if (err) {
		cred_put(cred);
		return err;
	}
	if (flags & (CLONE_SYSVSEM | CLONE_NEWIPC))
		task_undo_semaphores(t);
	nsproxy_set(t, nsproxy);
	return cred ? task_set_cred(t, cred) : 0;
}

/* Whoever wishes for numbers may restore processes in each namespace that is to give one. */
static int may_wish(struct task *t, const struct pid_namespace *ns, unsigned n)
{
	if (n > ns->level + 1)
		return -EINVAL;
	for (; n; n--, ns = ns->parent) {
		if (!cred_ns_capable(t->cred, ns->ns.owner, CAP_CHECKPOINT_RESTORE) &&
		    !cred_ns_capable(t->cred, ns->ns.owner, CAP_SYS_ADMIN))
			return -EPERM;
	}
	return 0;
}

/* With the credentials that its first thread is going to have. */
static int new_process(struct task *t, const struct clone_request *rq, const struct cred *cred,
		       struct process **out)
{
	struct sandbox *sb = t->sb;
	struct pid_namespace *ns;
	int err = nsproxy_new_pids(t, cred, rq->flags, &ns);

	if (err)
		return err;
	err = may_wish(t, ns, rq->nr_wish);
	sandbox_lock(sb);
	if (!err)
		err = process_new(sb, t->process, ns, rq->wish, rq->nr_wish, out);
	if (!err) {
		process_set_cred(*out, cred_get(cred));
		(*out)->exit_signal = (int)rq->exit_signal;
		(*out)->forked_by = t->tid;
	}
	sandbox_unlock(sb);
	ns_put(&ns->ns);
	return err;
}

/* CLONE_PARENT and CLONE_THREAD siblings hang below the caller's own parent. */
static void reparent_locked(struct task *t, struct process *p)
{
	struct process *parent = t->process->parent ? t->process->parent : t->sb->init;
	list_del(&p->sibling);
	p->parent = parent;
	p->exit_signal = t->process->exit_signal;
	list_add_tail(&parent->children, &p->sibling);
}

/* The writes to the caller's memory that clone(2) promises before the child runs. */
static int report_child(struct task *t, struct task *child, const struct clone_request *rq,
			int32_t *pidfd)
{
	int32_t tid = task_pid_nr(t, child->pid);
	if (rq->flags & CLONE_PIDFD) {
		*pidfd = pidfd_install(t, child->pid, 0);
		if (*pidfd < 0)
			return *pidfd;
		if (copy_to_guest(t->mm, rq->pidfd, pidfd, sizeof *pidfd))
			return -EFAULT;
	}
	if (rq->flags & CLONE_PARENT_SETTID)
		/* as Linux: not checked */
		(void)copy_to_guest(t->mm, rq->parent_tid, &tid, sizeof tid);
	return 0;
}

/* Which event the call is, PTRACE_EVENT_*. */
static int fork_event(const struct clone_request *rq)
{
	return rq->flags & CLONE_VFORK      ? PTRACE_EVENT_VFORK
	       : rq->exit_signal != SIGCHLD ? PTRACE_EVENT_CLONE
					    : PTRACE_EVENT_FORK;
}

static bool event_asked(const struct task *t, const struct clone_request *rq)
{
	return !(rq->flags & CLONE_UNTRACED) && t->tracee->options & 1U << fork_event(rq);
}

/* Who traces the caller may have to trace the child from its beginning. */
static int follow(struct task *t, struct task *child, const struct clone_request *rq)
{
	if (!t->tracee)
		return 0;
	sandbox_lock(t->sb);
	int err = tracee_fork(t, child, rq->flags & CLONE_PTRACE || event_asked(t, rq));
	sandbox_unlock(t->sb);
	return err;
}

static int start_child(struct task *t, struct task *child, const struct clone_request *rq,
		       struct vfork_done **vfork)
{
	int err = share(t, child, rq->flags);
	if (!err)
		err = copy_cpu(t, child, rq);
	if (err)
		return err;
	copy_owner_state(t, child, rq);
	if (rq->flags & CLONE_VFORK) {
		*vfork = calloc(1, sizeof **vfork);
		if (!*vfork)
			return -ENOMEM;
		ref_set(&(*vfork)->refs, 2);
		(*vfork)->parent = &t->sleeper;
		child->vfork = *vfork;
	}
	int32_t pidfd = -1;
	err = follow(t, child, rq);
	if (!err)
		err = report_child(t, child, rq, &pidfd);
	if (!err)
		err = task_start(child, &t->sched);
	if (err && pidfd >= 0) {
		struct caller c = task_caller(t);
		fd_close(t->files, &c, pidfd);
	}
	if (err && *vfork) {
		free(*vfork);
		*vfork = NULL;
		child->vfork = NULL;
	}
	return err;
}

static bool is_init_of_some(const struct process *p)
{
	return p->pid->ns->init == p && p->pid->ns->parent;
}

/* What the tracer of `t` calls it. */
static uint64_t tracer_nr(struct task *t, const struct pid *pid)
{
	sandbox_lock(t->sb);
	const struct task *tracer = t->tracee->tracer;
	pid_t nr = tracer ? task_pid_nr(tracer, pid) : pid->nr;
	sandbox_unlock(t->sb);
	return (uint64_t)nr;
}

int64_t task_clone(struct task *t, const struct clone_request *rq)
{
	struct process *p = t->process;
	struct task *child;
	struct vfork_done *vfork = NULL;
	bool thread = rq->flags & CLONE_THREAD;
	struct cred *cred = NULL;

	int err = check_flags(rq);
	/* of no other namespace than its process, and init has no siblings */
	if (!err && ((thread && nsproxy_pids(t->nsproxy) != task_pid_ns(t)) ||
		     (rq->flags & CLONE_PARENT && is_init_of_some(p))))
		err = -EINVAL;
	if (!err && thread)
		err = may_wish(t, task_pid_ns(t), rq->nr_wish);
	if (!err &&
	    !budget_room(t->sb->mem.budget, BUDGET_TASK_BYTES + (thread ? 0 : BUDGET_SPACE_BYTES)))
		err = -ENOMEM;
	if (t->sb->mem.counts.tasks % TASKS_BETWEEN_MEASURES == 0)
		budget_tick(t->sb->mem.budget);
	if (!err)
		err = share_cred(t, rq->flags, &cred);
	if (!err && !thread)
		err = new_process(t, rq, cred, &p);
	if (err) {
		cred_put(cred);
		return err;
	}
	if (rq->flags & CLONE_PARENT && !thread) {
		sandbox_lock(t->sb);
		reparent_locked(t, p);
		sandbox_unlock(t->sb);
	}
	if (thread)
		rseq_thread_created(t);
	err = task_new(t->sb, p, rq->wish, rq->nr_wish, &child);
	if (!err) {
		/* the child may be gone before we return */
		pid_t tid = task_pid_nr(t, child->pid);
		uint64_t told_tid = t->tracee ? tracer_nr(t, child->pid) : 0;
		child->cred = cred;
		cred = NULL;
		err = start_child(t, child, rq, &vfork);
		if (!err) {
			bool told = t->tracee && event_asked(t, rq) &&
				    ptrace_event(t, fork_event(rq), told_tid, vfork);
			if (!vfork)
				return tid;
			t->vfork_wait = (struct vfork_wait){ vfork, tid };
			return told ? tid : vfork_wait_again(t);
		}
		task_free(child);
	}
	if (!thread) {
		sandbox_lock(t->sb);
		process_reap(p);
		process_end_inits(t->sb);
		sandbox_unlock(t->sb);
	}
	cred_put(cred);
	return err == -EAGAIN && signal_pending(t) ? -ERESTARTNOINTR : err;
}
