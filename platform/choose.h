/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which platform runs guests here.
 *
 * auto: KVM where it works and an exit costs at most KVM_EXIT_MAX_NS, else stub processes, else KVM
 * however slow. The bound is about twice what stub processes need for a system call (4 to 5 us
 * where it was measured): KVM keeps the guest further away from the host's kernel and lets it run
 * undisturbed in between, which is worth something, but where each exit costs tens of microseconds
 * (nested virtualisation) nothing makes up for it. It is a number, not the measured cost of the
 * other platform, so that the choice is the same each time and takes one measurement.
 *
 * KVM's cost is measured once a boot and cached (probe_cache.h). Where it cannot be cached, CPUID
 * decides: on a host that is itself a virtual machine exits are taken to be expensive, on any other
 * cheap. Whether a platform may be used at all can differ from process to process, so that is
 * checked each time.
 */
#ifndef HL_PLATFORM_CHOOSE_H
#define HL_PLATFORM_CHOOSE_H

#include "platform/probe_cache.h"
#include "platform/platform.h"

#define KVM_EXIT_MAX_NS 8000UL

enum cost_source { COST_NONE, COST_MEASURED, COST_CACHED, COST_GUESSED };

struct platform_choice {
	const struct platform *platform;
	/* to try when that one fails after all; NULL: it was asked for by name */
	const struct platform *second;
	char reason[256]; /* a sentence */
	enum cost_source source;
	uint64_t kvm_exit_ns;         /* 0: not known */
	char cache[PROBE_CACHE_PATH]; /* the file that the cost is cached in; "": none */
};

/* All there are; ends with NULL. */
extern const struct platform *const platforms[];

/* By name; "auto" (also NULL) picks. -EINVAL: no such name; -ENODEV: it, or none, works here. */
int platform_choose(const char *name, struct platform_choice *out, struct errmsg *errmsg);

#endif
