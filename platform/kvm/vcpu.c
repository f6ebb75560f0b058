/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pool of vCPUs. A context keeps the vCPU it ran on last, with its state in it, so that a
 * thread that runs alone pays nothing. Threads blocked in the monitor need none: beyond vcpu_soft,
 * the vCPU of an idle context is taken before another is made. When all that KVM allows are
 * running, a newcomer waits in line and the one that ran longest is stopped for it.
 */
#include "platform/kvm/kvm.h"
#include "util/lock.h"
#include "util/time.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>
#include <x86intrin.h>

#define MSR_TSC     0x10
#define MSR_STAR    0xc0000081
#define MSR_LSTAR   0xc0000082
#define MSR_SFMASK  0xc0000084
#define MSR_TSC_AUX 0xc0000103

/* What `syscall` clears: as Linux has it, but for IF (kvm.h, the interrupt window). */
#define SFMASK_USUAL 0x257dd5

#define SLICE_NS 2000000 /* how long a vCPU may go on when others wait */

struct waiter {
	struct list link;
	struct cond cond;
	struct kvm_context *context;
};

#define MSRS_MAX 3

static int msrs_set(int fd, const struct kvm_msr_entry *entries, unsigned n)
{
	union {
		struct kvm_msrs head;
		char room[sizeof(struct kvm_msrs) + MSRS_MAX * sizeof(struct kvm_msr_entry)];
	} msrs = { .head.nmsrs = n };

	memcpy(msrs.head.entries, entries, n * sizeof *entries);
	return ioctl(fd, KVM_SET_MSRS, &msrs) == (int)n ? 0 : -EIO;
}

static int msr_set(int fd, uint32_t index, uint64_t value)
{
	return msrs_set(fd, &(struct kvm_msr_entry){ .index = index, .data = value }, 1);
}

/* A host that interprets runs both instructions natively. */
void vcpu_note_cpu(struct vcpu *v)
{
	uint32_t aux;

	if (vcpu_interpreted(v) || !v->m->host->rdtscp)
		return;
	__rdtscp(&aux);
	if (aux == v->tsc_aux)
		return;
	msr_set(v->fd, MSR_TSC_AUX, aux);
	v->tsc_aux = aux;
}

/* What no run changes: the CPU's features, the entry of system calls, and the time, which is the
 * host's because the vDSO computes with it. Kernels before 5.16 cannot set the counter's offset but
 * only its value, which is then behind by the time the call takes. */
static int vcpu_setup(struct vcpu *v)
{
	static const struct kvm_msr_entry syscall_msrs[MSRS_MAX] = {
		{ .index = MSR_STAR,
		  .data = (uint64_t)(USER_CS - 16) << 48 | (uint64_t)SHIM_CS << 32 },
		{ .index = MSR_LSTAR, .data = SHIM_BASE },
		{ .index = MSR_SFMASK, .data = SFMASK_USUAL },
	};
	struct kvm_host *h = v->m->host;
	struct kvm_xcrs xcrs = { .nr_xcrs = 1, .xcrs[0].value = h->xcr0 };
	uint64_t offset = 0;
	struct kvm_device_attr tsc_offset = { .group = KVM_VCPU_TSC_CTRL,
					      .attr = KVM_VCPU_TSC_OFFSET,
					      .addr = (uintptr_t)&offset };

	if (ioctl(v->fd, KVM_SET_CPUID2, h->cpuid) < 0 || ioctl(v->fd, KVM_SET_XCRS, &xcrs) < 0 ||
	    msrs_set(v->fd, syscall_msrs, MSRS_MAX) < 0)
		return -EIO;
	if (ioctl(v->fd, KVM_SET_DEVICE_ATTR, &tsc_offset) == 0)
		return 0;
	return msr_set(v->fd, MSR_TSC, __rdtsc());
}

void vcpu_free(struct vcpu *v)
{
	if (v->run)
		munmap(v->run, v->m->host->run_size);
	if (v->fd >= 0)
		close(v->fd);
	free(v);
}

static int vcpu_create(struct kvm_machine *m, struct vcpu **out)
{
	struct vcpu *v = calloc(1, sizeof *v);
	uint64_t gpa = CONTROL_BLOCKS + m->vcpu_count * sizeof(struct shim_block);
	void *run = MAP_FAILED;

	if (!v)
		return -ENOMEM;
	v->m = m;
	v->block = control_ptr(m, gpa);
	v->tss = SHIM_BASE + gpa;
	list_init(&v->link);
	v->fd = ioctl(m->fd, KVM_CREATE_VCPU, m->vcpu_count);
	if (v->fd >= 0) {
		m->vcpu_count++; /* an id is gone for good, also when what comes fails */
		run = mmap(NULL, m->host->run_size, PROT_READ | PROT_WRITE, MAP_SHARED, v->fd, 0);
	}
	if (run == MAP_FAILED) {
		vcpu_free(v);
		return -ENOMEM;
	}
	v->run = run;
	v->run->kvm_valid_regs = KVM_SYNC_X86_REGS | KVM_SYNC_X86_SREGS | KVM_SYNC_X86_EVENTS;
	memset(v->block, 0, sizeof *v->block);
	v->block->ist[0] = v->tss + sizeof *v->block;
	v->block->iomap = SHIM_TSS_SIZE;
	if (vcpu_setup(v) < 0) {
		vcpu_free(v);
		return -EIO;
	}
	*out = v;
	return 0;
}

int vcpu_make(struct kvm_machine *m, struct vcpu **out)
{
	mutex_lock(&m->pool_lock);
	int err = vcpu_create(m, out);
	mutex_unlock(&m->pool_lock);
	return err;
}

static int vcpu_add(struct kvm_machine *m, struct vcpu **out)
{
	lock_assert_held(&m->pool_lock);
	int err = vcpu_create(m, out);

	if (!err)
		list_add_tail(&m->vcpus, &(*out)->link);
	return err;
}

void vcpus_destroy(struct kvm_machine *m)
{
	struct vcpu *v, *tmp;

	list_for_each_safe (v, tmp, &m->vcpus, link)
		vcpu_free(v);
	list_init(&m->vcpus);
}

/* Saves what only the vCPU knows. Afterwards the context can do without it. */
static int state_save(struct kvm_context *c)
{
	void *fp = c->fp ? c->fp : malloc(XSAVE_BUFFER);

	if (!fp)
		return -ENOMEM;
	c->fp = fp;
	return segments_fetch(c) < 0 ? -EIO : fp_fetch(c, fp);
}

/* The caller has the hold on `c` if it is not NULL. */
static void owner_set(struct vcpu *v, struct kvm_context *c)
{
	lock_assert_held(&v->m->pool_lock);
	if (v->owner)
		v->owner->vcpu = NULL;
	v->owner = c;
	v->root = 0;
	v->since = UINT64_MAX;
	v->run->immediate_exit = 0;
	atomic_store(&v->preempt, false);
	if (c)
		c->vcpu = v;
	list_del(&v->link);
	list_add_tail(&v->m->vcpus, &v->link);
}

/* `tid`: only one that this thread ran last; 0: any. */
static struct vcpu *vcpu_find_free(struct kvm_machine *m, pid_t tid)
{
	lock_assert_held(&m->pool_lock);
	struct vcpu *v;

	list_for_each (v, &m->vcpus, link)
		if (!v->owner && (!tid || v->tid == tid))
			return v;
	return NULL;
}

/* Takes the vCPU of a context whose thread is elsewhere. */
static struct vcpu *vcpu_steal(struct kvm_machine *m)
{
	lock_assert_held(&m->pool_lock);
	struct vcpu *v;

	list_for_each (v, &m->vcpus, link) {
		uint32_t none = HOLD_NONE;
		struct kvm_context *o = v->owner;
		if (!atomic_compare_exchange_strong(&o->hold, &none, HOLD_TAKER))
			continue;
		if (state_save(o) == 0) {
			owner_set(v, NULL);
			atomic_store(&o->hold, HOLD_NONE);
			return v;
		}
		atomic_store(&o->hold, HOLD_NONE);
	}
	return NULL;
}

static struct vcpu *vcpu_get(struct kvm_machine *m, pid_t tid)
{
	lock_assert_held(&m->pool_lock);
	struct vcpu *v = vcpu_find_free(m, tid);

	if (!v && !m->host->moves_slowly)
		v = vcpu_find_free(m, 0);
	if (!v && m->vcpu_count < m->vcpu_soft && vcpu_add(m, &v) < 0)
		v = NULL;
	if (!v)
		v = vcpu_find_free(m, 0);
	if (!v)
		v = vcpu_steal(m);
	if (!v && m->vcpu_count < m->vcpu_hard && vcpu_add(m, &v) < 0)
		v = NULL;
	return v;
}

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return timespec_to_ns(&ts);
}

/* Stops the running vCPU that was bound first, has had its time, and is not yet told. The owner
 * waits for our lock before it goes away when it finds `preempt` set. */
static void vcpu_preempt(struct kvm_machine *m)
{
	lock_assert_held(&m->pool_lock);
	uint64_t now = now_ns();
	struct vcpu *v;

	list_for_each (v, &m->vcpus, link) {
		struct kick *k;
		if (!v->owner || now < v->since || now - v->since < SLICE_NS ||
		    atomic_exchange(&v->preempt, true))
			continue;
		v->run->immediate_exit = 1;
		k = atomic_load(&v->owner->kick);
		if (k)
			kick_nudge(k);
		return;
	}
}

/* `v` has no owner. */
static void vcpu_hand_over(struct kvm_machine *m, struct vcpu *v)
{
	lock_assert_held(&m->pool_lock);
	struct waiter *w;

	if (list_empty(&m->waiters))
		return;
	w = list_first(&m->waiters, struct waiter, link);
	list_del(&w->link);
	atomic_fetch_sub(&m->queued, 1);
	owner_set(v, w->context);
	cond_signal(&w->cond);
}

/* A kick is noticed at the end of a slice: only machines with hundreds of busy threads ever get
 * here, or those whose first vCPU could not be made (-ENOMEM). */
static int vcpu_wait(struct kvm_context *c, struct kick *k)
{
	lock_assert_held(&c->m->pool_lock);
	struct kvm_machine *m = c->m;
	struct waiter w = { .context = c };

	cond_init(&w.cond);
	list_add_tail(&m->waiters, &w.link);
	atomic_fetch_add(&m->queued, 1);
	int err = -EINTR;
	while (!c->vcpu && !atomic_load(&k->pending)) {
		struct vcpu *v = vcpu_get(m, k->tid); /* of a context that has become idle */
		if (v)
			vcpu_hand_over(m, v);
		else
			vcpu_preempt(m);
		if (list_empty(&m->vcpus)) {
			err = -ENOMEM; /* nobody will hand one over */
			break;
		}
		if (!c->vcpu)
			cond_wait_until(&w.cond, &m->pool_lock, now_ns() + SLICE_NS);
	}
	if (!c->vcpu) {
		list_del(&w.link);
		atomic_fetch_sub(&m->queued, 1);
	}
	cond_destroy(&w.cond);
	return c->vcpu ? 0 : err;
}

/* The context has a vCPU: loads what each run does not. */
static int vcpu_begin(struct kvm_context *c, pid_t tid)
{
	struct vcpu *v = c->vcpu;
	char fresh[XSAVE_BUFFER];
	int err = 0;

	if (c->fp) {
		err = fp_load(c, c->fp);
	} else if (v->used) {
		fp_init(fresh);
		err = fp_load(c, fresh);
	}
	c->segs_dirty = true;
	c->breaks_dirty = c->breaks_on || v->breaks;
	if (v->tid && v->tid != tid && c->m->host->moves_slowly) {
		/* Lets KVM note the new thread before the slice begins: that may take longer. */
		v->run->immediate_exit = 1;
		v->run->kvm_dirty_regs = 0;
		ioctl(v->fd, KVM_RUN, 0);
		v->run->immediate_exit = 0;
	}
	mutex_lock(&c->m->pool_lock);
	v->tid = tid;
	v->since = now_ns();
	mutex_unlock(&c->m->pool_lock);
	return err;
}

int vcpu_bind(struct kvm_context *c, struct kick *k)
{
	struct kvm_machine *m = c->m;
	struct vcpu *v;
	int err = 0;

	mutex_lock(&m->pool_lock);
	v = list_empty(&m->waiters) ? vcpu_get(m, k->tid) : NULL;
	if (v)
		owner_set(v, c);
	else
		err = vcpu_wait(c, k);
	mutex_unlock(&m->pool_lock);
	return err ? err : vcpu_begin(c, k->tid);
}

static void vcpu_release(struct kvm_context *c)
{
	struct kvm_machine *m = c->m;
	struct vcpu *v = c->vcpu;

	mutex_lock(&m->pool_lock);
	owner_set(v, NULL);
	if (v->dead)
		list_del(&v->link);
	else
		vcpu_hand_over(m, v);
	mutex_unlock(&m->pool_lock);
	if (v->dead)
		vcpu_free(v);
}

int vcpu_unbind(struct kvm_context *c)
{
	int err = 0;

	if (c->vcpu->dead)
		c->segs_known = true; /* the last ones; what is left is only looked at */
	else
		err = state_save(c);
	if (!err)
		vcpu_release(c);
	return err;
}

void vcpu_forget(struct kvm_context *c)
{
	if (c->vcpu)
		vcpu_release(c);
}
