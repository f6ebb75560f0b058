/* SPDX-License-Identifier: Apache-2.0 */
/* Cache sizes in a guest's CPUID. */
#ifndef HL_PLATFORM_KVM_CPUID_CACHE_H
#define HL_PLATFORM_KVM_CPUID_CACHE_H

struct kvm_cpuid2;

/* Lets leaf 2 name the caches itself where it only points to leaf 4. Call once, on the finished
 * table. */
void cpuid_name_caches(struct kvm_cpuid2 *cpuid);

#endif
