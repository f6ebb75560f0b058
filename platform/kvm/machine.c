/* SPDX-License-Identifier: Apache-2.0 */
/* Creates the virtual machine of a sandbox, and says what it can do. The table of KVM's platform
 * operations is here. */
#include "platform/kvm/kvm.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define GIB (1UL << 30)

/* Above this many vCPUs, idle contexts give theirs up: one costs the host kernel some hundred
 * KiB. */
#define VCPU_SOFT       64
#define VCPU_SOFT_MOVES 512 /* where giving up is slow */

/* Host address space has 47 bits, and we are not its only user. */
#define PHYS_BITS_MAX 46

static int vm_create(struct kvm_machine *m, struct errmsg *errmsg)
{
	int kvm = kvm_device_open(errmsg);
	int err;

	if (kvm < 0)
		return kvm;
	do {
		m->fd = ioctl(kvm, KVM_CREATE_VM, 0);
		err = m->fd < 0 ? errno : 0;
	} while (err == EINTR);
	close(kvm);
	if (m->fd < 0)
		return errmsg_set(errmsg, err, "KVM cannot create a virtual machine: %s",
				  strerror(err));
	return 0;
}

static void kvm_machine_destroy(struct machine *machine)
{
	struct kvm_machine *m = to_kvm_machine(machine);
	vcpus_destroy(m);
	if (m->fd >= 0)
		close(m->fd);
	control_destroy(m);
	mutex_destroy(&m->mem_lock);
	mutex_destroy(&m->pool_lock);
	free(m);
}

static struct kvm_machine *machine_alloc(struct kvm_host *h)
{
	struct kvm_machine *m = calloc(1, sizeof *m);

	if (!m)
		return NULL;
	m->fd = -1;
	m->host = h;
	m->vcpu_hard = h->vcpus;
	m->vcpu_soft = h->moves_slowly ? VCPU_SOFT_MOVES : VCPU_SOFT;
	if (m->vcpu_soft > m->vcpu_hard)
		m->vcpu_soft = m->vcpu_hard;
	mutex_init(&m->mem_lock, LOCK_KVM_MEMORY);
	mutex_init(&m->pool_lock, LOCK_KVM_POOL);
	list_init(&m->vcpus);
	list_init(&m->waiters);
	return m;
}

static int kvm_machine_create(struct machine **out, struct errmsg *errmsg)
{
	struct kvm_host *h = host_get(errmsg);
	struct kvm_machine *m = h ? machine_alloc(h) : NULL;
	int err;

	if (!m)
		return errmsg_set(errmsg, h ? ENOMEM : ENODEV, "out of memory");
	err = kick_init();
	if (!err)
		err = vm_create(m, errmsg);
	if (!err)
		err = control_create(m, errmsg);
	if (!err)
		err = shim_map(m);
	if (err) {
		kvm_machine_destroy((struct machine *)m);
		return errmsg_set(errmsg, -err, "cannot set up a virtual machine: %s",
				  strerror(-err));
	}
	*out = (struct machine *)m;
	return 0;
}

/* A quarter of what is left of guest-physical addresses to the window, but no more than memory
 * slots allow. */
static void kvm_machine_props(const struct machine *machine, struct machine_props *out)
{
	const struct kvm_machine *m = (const struct kvm_machine *)machine;
	unsigned bits = m->host->phys_bits < PHYS_BITS_MAX ? m->host->phys_bits : PHYS_BITS_MAX;
	uint64_t total = (1UL << bits) - PHYSMEM_GPA;
	uint64_t slots = m->host->slots > 64 ? m->host->slots - 64UL : 0;

	if (total > slots * GIB)
		total = slots * GIB;
	*out = (struct machine_props){
		.window_max = total / 4 & ~(GIB - 1),
		.arena_max = (total - total / 4) & ~(GIB - 1),
		.eager_map_max = m->host->tdp ? 16UL << 20 : 1UL << 20,
		.fault_map_unit = m->host->tdp ? 2UL << 20 : 128UL << 10,
		.user_end = ARCH_SPACE_END,
		.cow_copy_pages = m->host->tdp ? 8 : 16,
		.copy_files = !m->host->tdp,
	};
}

static int kvm_machine_attach(struct machine *machine, struct physmem *pm, struct machine_kin *kin,
			      const struct machine_hook *hook, struct errmsg *errmsg)
{
	struct kvm_machine *m = to_kvm_machine(machine);
	struct machine_props props;
	uint64_t arena = physmem_arena_size(pm);
	uint64_t words = physmem_size(pm) / GIB / 64 + 2;

	kvm_machine_props(machine, &props);
	if (arena > props.arena_max || physmem_size(pm) - arena > props.window_max)
		return errmsg_set(errmsg, E2BIG,
				  "this host's KVM can address %lu GiB of guest memory, not %lu",
				  (unsigned long)((props.arena_max + props.window_max) / GIB),
				  (unsigned long)(physmem_size(pm) / GIB));
	m->slots = calloc(words, sizeof *m->slots);
	if (!m->slots)
		return errmsg_set(errmsg, ENOMEM, "out of memory");
	m->pm = pm;
	return 0;
}

static size_t kvm_fp_size(const struct machine *machine, uint64_t *xcr0)
{
	const struct kvm_machine *m = (const struct kvm_machine *)machine;
	if (xcr0)
		*xcr0 = m->host->xcr0;
	return m->host->xsave_size;
}

const struct platform platform_kvm = {
	.name = "kvm",
	.checks = kvm_checks,
	.machine_create = kvm_machine_create,
	.machine_props = kvm_machine_props,
	.machine_attach = kvm_machine_attach,
	.machine_destroy = kvm_machine_destroy,
	.space_create = kvm_space_create,
	.space_destroy = kvm_space_destroy,
	.space_map = kvm_space_map,
	.space_unmap = kvm_space_unmap,
	.space_protect = kvm_space_protect,
	.context_create = kvm_context_create,
	.context_destroy = kvm_context_destroy,
	.run = kvm_context_run,
	.syscall_result = kvm_context_syscall_result,
	.regs_get = kvm_context_regs_get,
	.regs_set = kvm_context_regs_set,
	.fp_size = kvm_fp_size,
	.fp_get = kvm_context_fp_get,
	.fp_set = kvm_context_fp_set,
	.breaks_set = kvm_breaks_set,
	.runs = kvm_context_runs,
	.cpu_time = kvm_context_cpu_time,
	.space_clock = kvm_space_clock,
	.schedule_as = kvm_context_schedule_as,
};
