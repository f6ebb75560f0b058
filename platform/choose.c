/* SPDX-License-Identifier: Apache-2.0 */
/* Chooses between KVM and stub processes by what an exit of KVM costs on this host. See the header
 * for the rule. */
#include "platform/choose.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "platform/kvm/kvm.h"

const struct platform *const platforms[] = { &platform_kvm, &platform_process, NULL };

/* ---- what an exit of KVM costs ---- */

static bool cost_is_low(const struct platform_choice *c)
{
	return c->source == COST_GUESSED ? !host_is_virtual() : c->kvm_exit_ns <= KVM_EXIT_MAX_NS;
}

/* Nothing is cached: measures the cost, or, where the result could not be cached, guesses. */
static void find_cost(struct platform_choice *c, struct probe_cache *cache,
		      struct platform_report *kvm)
{
	platform_probe(&platform_kvm, kvm, false);
	if (!kvm->usable)
		return;
	if (probe_cache_prepare(cache) < 0) {
		c->source = COST_GUESSED;
		return;
	}
	platform_probe(&platform_kvm, kvm, true);
	probe_cache_write(cache, kvm->round_trip_ns);
	c->source = kvm->usable ? COST_MEASURED : COST_NONE;
	c->kvm_exit_ns = kvm->round_trip_ns;
}

/* Fills in what is known of KVM; usable is not looked at where the cost already speaks against
 * it. */
static void weigh_kvm(struct platform_choice *c, struct platform_report *kvm)
{
	struct probe_cache cache;

	*kvm = (struct platform_report){ .usable = true };
	if (probe_cache_read(&cache, KVM_DEVICE, &c->kvm_exit_ns) < 0) {
		find_cost(c, &cache, kvm);
	} else {
		c->source = COST_CACHED;
		if (cost_is_low(c))
			platform_probe(&platform_kvm, kvm, false);
	}
	if (c->source == COST_MEASURED || c->source == COST_CACHED)
		snprintf(c->cache, sizeof c->cache, "%s", cache.path);
}

/* ---- the choice ---- */

static void explain_cost(struct platform_choice *c, const char *instead)
{
	bool low = cost_is_low(c);

	if (c->source == COST_GUESSED)
		snprintf(c->reason, sizeof c->reason,
			 "this host is %sa virtual machine, so exits of KVM are taken to be %s%s",
			 low ? "not " : "", low ? "cheap" : "expensive", instead);
	else
		snprintf(c->reason, sizeof c->reason,
			 "an exit of KVM costs %.1f us here, %s than %.0f us%s",
			 (double)c->kvm_exit_ns / 1e3, low ? "not more" : "more",
			 KVM_EXIT_MAX_NS / 1e3, instead);
}

static int pick(struct platform_choice *c, const struct platform *pf)
{
	c->platform = pf;
	c->second = pf == &platform_kvm ? &platform_process : &platform_kvm;
	return 0;
}

static int choose_auto(struct platform_choice *c, struct errmsg *errmsg)
{
	struct platform_report kvm, process;

	weigh_kvm(c, &kvm);
	if (kvm.usable && cost_is_low(c)) {
		explain_cost(c, "");
		return pick(c, &platform_kvm);
	}
	platform_probe(&platform_process, &process, false);
	if (process.usable) {
		if (kvm.usable)
			explain_cost(c, "");
		else
			snprintf(c->reason, sizeof c->reason, "KVM does not work here: %.200s",
				 kvm.text);
		return pick(c, &platform_process);
	}
	if (kvm.usable && c->source == COST_CACHED)
		platform_probe(&platform_kvm, &kvm, false);
	if (kvm.usable) {
		explain_cost(c, ", but stub processes do not work");
		return pick(c, &platform_kvm);
	}
	return errmsg_set(
	    errmsg, ENODEV,
	    "no platform works here (`hl doctor` says more): kvm: %.180s; process: %.180s",
	    kvm.text, process.text);
}

static int choose_named(struct platform_choice *c, const struct platform *pf, struct errmsg *errmsg)
{
	struct platform_report r;

	platform_probe(pf, &r, false);
	if (!r.usable)
		return errmsg_set(errmsg, ENODEV, "platform %s does not work here: %s%s%s",
				  pf->name, r.text, r.advice[0] ? ": " : "", r.advice);
	snprintf(c->reason, sizeof c->reason, "it was asked for");
	c->platform = pf;
	return 0;
}

int platform_choose(const char *name, struct platform_choice *out, struct errmsg *errmsg)
{
	*out = (struct platform_choice){ .source = COST_NONE };
	if (!name || strcmp(name, "auto") == 0)
		return choose_auto(out, errmsg);
	for (size_t i = 0; platforms[i]; i++) {
		if (strcmp(name, platforms[i]->name) == 0)
			return choose_named(out, platforms[i], errmsg);
	}
	return errmsg_set(errmsg, EINVAL, "no platform is called '%s': use auto, kvm or process",
			  name);
}
