/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs a guest thread: binds it to a vCPU, enters the guest until there is an event for the
 * monitor, and gives the vCPU up when others wait for one. Values for registers come from the guest
 * and are checked before KVM gets them.
 */
#include "platform/kvm/kvm.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

int kvm_context_create(struct machine *machine, struct context **out)
{
	struct kvm_machine *m = to_kvm_machine(machine);
	struct kvm_context *c = calloc(1, sizeof *c);

	if (!c)
		return -ENOMEM;
	c->m = m;
	c->regs.rflags = RFLAGS_FIXED;
	c->segs_known = true;
	segments_init(&c->segs);
	*out = (struct context *)c;
	return 0;
}

/* From here to context_release nobody takes the vCPU away. */
static void context_hold(struct kvm_context *c)
{
	uint32_t none = HOLD_NONE;

	while (!atomic_compare_exchange_strong(&c->hold, &none, HOLD_OWNER)) {
		mutex_lock(&c->m->pool_lock); /* the taker has it */
		mutex_unlock(&c->m->pool_lock);
		none = HOLD_NONE;
	}
}

static void context_release(struct kvm_context *c)
{
	atomic_store(&c->hold, HOLD_NONE);
}

void kvm_context_destroy(struct context *context)
{
	struct kvm_context *c = to_kvm_context(context);
	context_hold(c);
	vcpu_forget(c);
	free(c->fp);
	free(c);
}

/* Leaves a vCPU that others wait for, or that is of no use any more. Whoever set `preempt` may
 * still be using our kick: it does so under pool_lock. */
static int run_end(struct kvm_context *c)
{
	struct kvm_machine *m = c->m;

	atomic_store(&c->kick, NULL);
	if (!c->vcpu)
		return 0;
	if (atomic_load(&c->vcpu->preempt)) {
		mutex_lock(&m->pool_lock);
		atomic_store(&c->vcpu->preempt, false);
		c->vcpu->run->immediate_exit = 0;
		mutex_unlock(&m->pool_lock);
	}
	if (atomic_load(&m->queued) || c->vcpu->dead)
		return vcpu_unbind(c);
	return 0;
}

/* One entry into the guest. > 0: there is an event; 0: none. */
static int run_once(struct kvm_context *c, struct kvm_space *s, struct kick *k, struct event *ev)
{
	struct vcpu *v = c->vcpu;
	long r;

	if (state_load(c, s->root) < 0 || (c->breaks_dirty && vcpu_breaks_load(c) < 0))
		return -EIO;
	vcpu_note_cpu(v);
	v->run->request_interrupt_window = v->window;
	r = host_call_intr(k, SYS_ioctl, v->fd, KVM_RUN, 0, 0, 0, 0);
	if (v->run->kvm_dirty_regs) {
		/* KVM has not even looked. */
		v->root = 0;
		return r == -EINTR ? 0 : -EIO;
	}
	v->used = true;
	c->segs_known = c->segs_dirty = false;
	c->runs++;
	return event_decode(c, s, r, ev);
}

static int no_vcpu(struct event *ev)
{
	ev->kind = EVENT_DEAD;
	ev->dead = "KVM gives no virtual CPU (are memory or descriptors limited?)";
	return 1;
}

int kvm_context_run(struct context *context, struct space *space, struct kick *k, struct event *ev)
{
	struct kvm_space *s = to_kvm_space(space);
	struct kvm_context *c = to_kvm_context(context);
	int r = 0, err;

	while (r == 0) {
		if (atomic_load(&k->pending)) {
			ev->kind = EVENT_INTERRUPTED;
			return 0;
		}
		context_hold(c);
		atomic_store(&c->kick, k);
		err = c->vcpu ? 0 : vcpu_bind(c, k);
		if (err == -ENOMEM)
			r = no_vcpu(ev);
		else
			r = err ? (err == -EINTR ? 0 : err) : run_once(c, s, k, ev);
		err = run_end(c);
		context_release(c);
		if (err)
			return err;
		/* Stopped for another context, not by the caller's kick. */
		if (r > 0 && ev->kind == EVENT_INTERRUPTED && !atomic_load(&k->pending))
			r = 0;
	}
	return r < 0 ? r : 0;
}

void kvm_context_syscall_result(struct context *context, uint64_t rax)
{
	struct kvm_context *c = to_kvm_context(context);
	c->regs.rax = rax;
}

int kvm_context_regs_get(struct context *context, struct cpu_regs *out)
{
	struct kvm_context *c = to_kvm_context(context);
	int err;

	context_hold(c);
	err = segments_fetch(c);
	context_release(c);
	*out = c->regs;
	out->fs_base = c->segs.fs.base;
	out->gs_base = c->segs.gs.base;
	return err;
}

static bool canonical(uint64_t addr)
{
	return (uint64_t)((int64_t)(addr << 16) >> 16) == addr;
}

int kvm_context_regs_set(struct context *context, const struct cpu_regs *in)
{
	struct kvm_context *c = to_kvm_context(context);
	int err;

	if (!canonical(in->rip) || !canonical(in->fs_base) || !canonical(in->gs_base))
		return -EINVAL;
	context_hold(c);
	err = segments_fetch(c);
	context_release(c);
	if (err)
		return err;
	if (in->fs_base != c->segs.fs.base || in->gs_base != c->segs.gs.base)
		c->segs_dirty = true;
	c->segs.fs.base = in->fs_base;
	c->segs.gs.base = in->gs_base;
	c->regs = *in;
	c->regs.rflags = (in->rflags & RFLAGS_USER) | RFLAGS_FIXED;
	return 0;
}

int kvm_context_fp_get(struct context *context, void *buf, size_t size)
{
	struct kvm_context *c = to_kvm_context(context);
	char tmp[XSAVE_BUFFER];
	int err = 0;

	if (size < c->m->host->xsave_size)
		return -EINVAL;
	context_hold(c);
	if (c->vcpu && c->vcpu->used)
		err = fp_fetch(c, tmp);
	else if (c->fp)
		memcpy(tmp, c->fp, sizeof tmp);
	else
		fp_init(tmp);
	context_release(c);
	memcpy(buf, tmp, c->m->host->xsave_size);
	return err;
}

static bool fp_valid(const struct kvm_host *h, const void *buf)
{
	struct xsave_head x;

	memcpy(&x, buf, sizeof x);
	for (unsigned i = 0; i < 6; i++)
		if (x.zero[i])
			return false;
	return !(x.parts & ~h->xcr0) && !x.compact && !(x.mxcsr & ~0xffffU);
}

int kvm_context_fp_set(struct context *context, const void *buf, size_t size)
{
	struct kvm_context *c = to_kvm_context(context);
	const struct kvm_host *h = c->m->host;
	int err = 0;

	if (buf && (size < h->xsave_size || !fp_valid(h, buf)))
		return -EINVAL;
	if (!c->fp)
		c->fp = malloc(XSAVE_BUFFER);
	if (!c->fp)
		return -ENOMEM;
	memset(c->fp, 0, XSAVE_BUFFER);
	if (buf)
		memcpy(c->fp, buf, h->xsave_size);
	else
		fp_init(c->fp);
	context_hold(c);
	if (c->vcpu)
		err = fp_load(c, c->fp);
	context_release(c);
	return err;
}

uint64_t kvm_context_runs(const struct context *context)
{
	const struct kvm_context *c = (const struct kvm_context *)context;
	return c->runs;
}

/* A vCPU runs in the thread that asks for it. */
bool kvm_context_cpu_time(struct context *context, struct cpu_time *out)
{
	return false;
}

bool kvm_space_clock(struct space *space, clockid_t *out)
{
	return false;
}

void kvm_context_schedule_as(struct context *context, pid_t host_tid)
{
}
