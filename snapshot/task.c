/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Saves and loads threads. A task at rest has all that matters in its struct (kernel/park.h). One
 * that had slept in a system call makes the call in task->event again (kernel/resume.h), in the
 * copy as it would have here.
 */
#include <errno.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <string.h>

#include "cred/cred.h"
#include "fs/saved.h"
#include "ipc/sem.h"
#include "kernel/exec.h"
#include "kernel/fdtable.h"
#include "kernel/fork.h"
#include "kernel/futex_save.h"
#include "kernel/nsproxy.h"
#include "kernel/process.h"
#include "kernel/ptrace/tracee.h"
#include "kernel/sandbox.h"
#include "kernel/task.h"
#include "net/socket.h"
#include "snapshot/files.h"
#include "snapshot/memory.h"
#include "snapshot/process.h"

/* Their areas are not larger on any CPU there is. */
#define FP_MAX       (64UL << 10)
#define RESUME_FILES 1024
#define NICE_MIN     (-20)
#define NICE_MAX     19

const char *task_refused(struct task *t)
{
	if (t->exiting || t->process->exec_task)
		return "is about to end";
	if (t->tracee && t->tracee->debugger)
		return "is looked at by a debugger";
	if (t->tracee && breaks_any(t->tracee))
		return "has breakpoints in debug registers (ptrace)";
	return futex_refused(t);
}

/* ---- the CPU's state ---- */

static int save_cpu(struct saver *s, struct task *t)
{
	const struct platform *pf = t->sb->platform;
	struct cpu_regs regs;
	uint64_t features;
	size_t size = pf->fp_size(t->sb->machine, &features);
	void *fp = aligned_alloc(64, (size + 63) & ~(size_t)63);
	int err = fp ? pf->regs_get(t->context, &regs) : -ENOMEM;

	if (!err)
		err = pf->fp_get(t->context, fp, size);
	if (!err) {
		encode_bytes(&s->out, &regs, sizeof regs);
		encode(&s->out, features);
		encode_bytes(&s->out, fp, size);
	}
	free(fp);
	return err;
}

/* Parts that are in use are at the same place on every CPU that has them. */
static int load_fp(struct loader *l, struct task *t, const void *saved, size_t len)
{
	const struct platform *pf = t->sb->platform;
	uint64_t features;
	size_t size = pf->fp_size(t->sb->machine, &features);
	void *fp = aligned_alloc(64, (size + 63) & ~(size_t)63);

	if (!fp)
		return -ENOMEM;
	memset(fp, 0, size);
	memcpy(fp, saved, len < size ? len : size);
	int err = pf->fp_set(t->context, fp, size);
	free(fp);
	return err == -EINVAL
		   ? errmsg_set(l->errmsg, ENOTSUP,
				"this CPU, or this platform, lacks vector registers that the "
				"program uses")
		   : err;
}

static int load_cpu(struct loader *l, struct task *t)
{
	struct cpu_regs regs;
	size_t len;

	decode_into(&l->in, &regs, sizeof regs);
	(void)decode(&l->in); /* the features it had */
	const void *fp = decode_bytes(&l->in, &len);
	if (!fp || len > FP_MAX || len < 576)
		return loader_damaged(l, "registers");
	int err = t->sb->platform->regs_set(t->context, &regs);
	if (err == -EINVAL)
		return loader_damaged(l, "registers");
	return err ? err : load_fp(l, t, fp, len);
}

/* ---- scheduling ---- */

void sched_save(struct encoder *out, const struct sched *sc)
{
	encode_signed(out, sc->policy);
	encode_signed(out, sc->priority);
	encode_signed(out, sc->nice);
	encode(out, sc->reset_on_fork);
	encode(out, sc->slice_ns);
	encode(out, sc->ioprio);
}

void sched_load(struct decoder *in, struct sched *sc)
{
	sc->policy = (int)decode_between(in, 0, 6);
	sc->priority = (int)decode_between(in, 0, 99);
	sc->nice = (int)decode_between(in, NICE_MIN, NICE_MAX);
	sc->reset_on_fork = decode_bool(in);
	sc->slice_ns = decode(in);
	sc->ioprio = (uint16_t)decode_max(in, UINT16_MAX);
}

/* ---- memory policy ---- */

void mempolicy_save(struct encoder *out, const struct mempolicy *p)
{
	encode(out, p->mode);
	encode(out, p->nodes);
}

void mempolicy_load(struct decoder *in, struct mempolicy *p)
{
	p->mode = (uint16_t)decode_max(in, UINT16_MAX);
	p->nodes = decode(in);
}

/* ---- the system call it is in ---- */

static void save_call(struct saver *s, const struct task *t)
{
	const struct resume *r = &t->resume;
	struct encoder *out = &s->out;

	encode(out, t->unwound);
	if (!t->unwound)
		return;
	encode(out, t->event.syscall.nr);
	for (int i = 0; i < 6; i++)
		encode(out, t->event.syscall.args[i]);
	encode(out, t->event.syscall.ip);
	encode(out, t->sleeper.since);
	encode(out, r->done);
	encode(out, r->place);
	encode(out, r->messages);
	encode(out, r->deadline);
	encode(out, file_saved(s, r->file));
	socket_msg_save(s, r->message);
	encode(out, r->nr_files);
	for (unsigned i = 0; i < r->nr_files; i++)
		encode(out, file_saved(s, r->files[i]));
}

static int load_files(struct loader *l, struct resume *r, uint64_t nr)
{
	unsigned room = 1;

	if (!nr)
		return 0;
	while (room < nr) /* full at each power of two: kernel/resume.c */
		room *= 2;
	r->files = calloc(room, sizeof *r->files);
	if (!r->files)
		return -ENOMEM;
	for (uint64_t i = 0; i < nr; i++) {
		int err = file_loaded(l, decode(&l->in), &r->files[i]);
		if (err)
			return err;
		if (!r->files[i])
			return errmsg_set(l->errmsg, ENOTSUP,
					  "a thread waits for a standard descriptor that the copy "
					  "has not");
		r->nr_files++;
	}
	return 0;
}

static int load_call(struct loader *l, struct task *t)
{
	struct decoder *in = &l->in;
	struct resume *r = &t->resume;

	t->unwound = (enum gave_up)decode_max(in, GAVE_UP_LOOP);
	if (!t->unwound) {
		if (!t->tracee) /* which says what its tracer sees */
			t->event.kind = EVENT_INTERRUPTED;
		return 0;
	}
	t->event.kind = EVENT_SYSCALL;
	t->event.syscall.nr = decode(in);
	for (int i = 0; i < 6; i++)
		t->event.syscall.args[i] = decode(in);
	t->event.syscall.ip = decode(in);
	t->sleeper.since = decode_max(in, CLOCK_NS_MAX);
	r->done = decode(in);
	r->place = decode(in);
	r->messages = (unsigned)decode_max(in, UINT32_MAX);
	r->deadline = decode(in);
	int err = file_loaded(l, decode(in), &r->file);
	if (!err)
		err = socket_msg_load(l, &r->message);
	uint64_t nr = decode_count(in, sizeof(uint64_t));
	if (in->failed || nr > RESUME_FILES)
		return loader_damaged(l, "a system call");
	return err ? err : load_files(l, r, nr);
}

/* ---- all of it ---- */

/* What others may look at, and what its owner keeps for itself. In this order in both. */
static void save_fields(struct encoder *out, const struct task *t)
{
	encode_bytes(out, t->comm, sizeof t->comm);
	encode(out, t->blocked);
	encode(out, t->real_blocked);
	encode(out, t->saved_mask);
	encode(out, t->restore_mask);
	encode_signed(out, t->pdeathsig);
	encode(out, t->delivery.due);
	encode(out, t->delivery.in_syscall);
	encode(out, t->delivery.entered);
	encode_signed(out, t->delivery.result);
	encode(out, t->altstack.sp.v);
	encode(out, t->altstack.size);
	encode(out, (unsigned)t->altstack.flags);
	encode_bytes(out, &t->trap, sizeof t->trap);
	encode(out, t->restart.kind);
	encode(out, t->restart.deadline);
	for (int i = 0; i < 4; i++)
		encode(out, t->restart.a[i]);
	encode(out, t->clear_child_tid.v);
	gva_t robust_list = atomic_load(&t->robust_list); /* clang takes no member of the call */
	encode(out, robust_list.v);
	encode(out, t->rseq.v);
	encode(out, t->rseq_len);
	encode(out, t->rseq_sig);
	encode(out, t->default_slack_ns);
	encode(out, t->timer_slack_ns);
	sched_save(out, &t->sched);
	mempolicy_save(out, &t->mempolicy);
}

static int load_fields(struct decoder *in, struct task *t)
{
	decode_into(in, t->comm, sizeof t->comm);
	t->comm[sizeof t->comm - 1] = '\0';
	t->blocked = decode(in) & ~SIGSET_UNBLOCKABLE;
	t->real_blocked = decode(in) & ~SIGSET_UNBLOCKABLE;
	t->saved_mask = decode(in) & ~SIGSET_UNBLOCKABLE;
	t->restore_mask = decode_bool(in);
	t->pdeathsig = (int)decode_between(in, 0, NSIGNALS);
	t->delivery.due = decode_bool(in);
	t->delivery.in_syscall = decode_bool(in);
	t->delivery.entered = decode_bool(in);
	t->delivery.result = (int64_t)decode(in);
	t->altstack.sp = GVA(decode(in));
	t->altstack.size = decode(in);
	t->altstack.flags = (int)decode_max(in, UINT32_MAX);
	decode_into(in, &t->trap, sizeof t->trap);
	t->restart.kind = (enum restart_kind)decode_max(in, NR_RESTART_KINDS - 1);
	t->restart.deadline = decode(in);
	for (int i = 0; i < 4; i++)
		t->restart.a[i] = decode(in);
	t->clear_child_tid = GVA(decode(in));
	t->robust_list = GVA(decode(in));
	t->rseq = GVA(decode(in));
	t->rseq_len = (uint32_t)decode_max(in, UINT32_MAX);
	t->rseq_sig = (uint32_t)decode_max(in, UINT32_MAX);
	t->rseq_cpu = -1;
	t->rseq_fresh = true;
	t->default_slack_ns = decode(in);
	t->timer_slack_ns = decode(in);
	sched_load(in, &t->sched);
	mempolicy_load(in, &t->mempolicy);
	return in->failed || t->rseq.v >= GUEST_TASK_SIZE ? -EBADMSG : 0;
}

int task_save(struct saver *s, struct task *t)
{
	struct rusage_sum used;

	task_rusage(t, &used);
	pid_numbers_save(&s->out, t->pid);
	encode_bytes(&s->out, &used, sizeof used);
	encode(&s->out, saved_object(s, &memory_kind, t->mm));
	encode(&s->out, saved_object(s, &sighand_kind, t->sighand));
	encode(&s->out, saved_object(s, &cred_kind, t->cred));
	encode(&s->out,
	       saved_object(s, &nsproxy_kind, t->nsproxy == t->sb->nsproxy ? NULL : t->nsproxy));
	encode(&s->out, saved_object(s, &sem_undo_saved, t->sem_undo));
	key_holder_save(s, &t->keys);
	save_fields(&s->out, t);
	sigpending_save(&s->out, &t->pending);
	return save_cpu(s, t);
}

void task_save_files(struct saver *s, struct task *t)
{
	encode(&s->out, saved_object(s, &fdtable_kind, t->files));
	encode(&s->out, saved_object(s, &fs_struct_kind, t->fs));
	save_call(s, t);
	vfork_task_save(s, t);
	seccomp_task_save(s, t);
	futex_save(&s->out, t);
}

/* References to what it shares with others. task_free gives back what was taken. */
static int load_shared(struct loader *l, struct task *t)
{
	void *mm, *sighand = NULL, *cred = NULL, *ns = NULL, *undo = NULL;
	int err = loaded_object(l, decode(&l->in), &memory_kind, &mm);

	if (!err)
		err = loaded_object(l, decode(&l->in), &sighand_kind, &sighand);
	if (!err)
		err = loaded_object(l, decode(&l->in), &cred_kind, &cred);
	if (!err)
		err = loaded_object(l, decode(&l->in), &nsproxy_kind, &ns);
	if (!err)
		err = loaded_object(l, decode(&l->in), &sem_undo_saved, &undo);
	if (!err)
		err = key_holder_load(l, &t->sb->keys, &t->keys);
	if (err)
		return err;
	if (!mm || !sighand || !cred)
		return loader_damaged(l, "a thread without memory");
	t->mm = mm_get(mm);
	t->sighand = sighand;
	ref_get(&t->sighand->refs);
	t->cred = cred_get(cred);
	t->sem_undo = sem_undo_get(undo);
	t->nsproxy = nsproxy_get(ns ? ns : t->sb->nsproxy);
	return task_count(t, UINT64_MAX);
}

static int load_signals(struct loader *l, struct task *t)
{
	sandbox_lock(t->sb);
	int err = sigpending_load(&l->in, t->sb, t->cred->uid, &t->pending);
	sandbox_unlock(t->sb);
	return err == -EBADMSG ? loader_damaged(l, "signals that wait") : err;
}

static int load_rest(struct loader *l, struct task *t)
{
	int err = load_shared(l, t);

	if (!err && load_fields(&l->in, t) < 0)
		err = loader_damaged(l, "a thread");
	if (!err)
		err = load_signals(l, t);
	if (!err)
		err = load_cpu(l, t);
	if (err)
		return err;
	exec_limits(t->mm, t->process);
	/* as the last call that locked memory found it, most likely */
	if (cred_capable(t->cred, CAP_IPC_LOCK))
		t->mm->limit_memlock = UINT64_MAX;
	return 0;
}

int task_load_files(struct loader *l, struct task *t)
{
	void *files, *fs = NULL;
	int err = loaded_object(l, decode(&l->in), &fdtable_kind, &files);

	if (!err)
		err = loaded_object(l, decode(&l->in), &fs_struct_kind, &fs);
	if (!err && (!files || !fs))
		err = loader_damaged(l, "a thread without files");
	if (err)
		return err;
	t->files = fdtable_get(files);
	t->fs = fs_struct_get(fs);
	err = load_call(l, t);
	if (!err)
		err = vfork_task_load(l, t);
	if (!err)
		err = seccomp_task_load(l, t);
	if (!err && (err = futex_load(&l->in, t)) == -EBADMSG)
		err = loader_damaged(l, "a futex");
	return err;
}

void task_drop(struct task *t)
{
	resume_end(t);
	vfork_release(t);
	tracees_drop(t);
	task_free(t);
}

int task_load(struct loader *l, struct process *p, struct task **out)
{
	struct sandbox *sb = l->sandbox;
	struct pid_numbers numbers;
	struct task *t;
	int err = pid_numbers_load(l, p->pid->ns, &numbers);

	if (!err && (err = task_new(sb, p, numbers.nr, numbers.n, &t)) == -EEXIST)
		err = loader_damaged(l, "two threads of one number");
	if (err)
		return err;
	decode_into(&l->in, &t->before, sizeof t->before);
	t->bandwidth.counted = t->before.utime_ns + t->before.stime_ns;
	err = t->pid->nr == pid_numbers_first(&numbers)
		  ? load_rest(l, t)
		  : loader_damaged(l, "the number of a first thread");
	if (err) {
		task_drop(t);
	} else {
		*out = t;
	}
	return err;
}
