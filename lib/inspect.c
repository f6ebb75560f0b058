/* SPDX-License-Identifier: Apache-2.0 */
/* hl_host_inspect: what the checks of the host and of each platform found, in one report. */
#include <stdio.h>
#include <stdlib.h>

#include "host/checks.h"
#include "jail/checks.h"
#include "lib/error.h"
#include "platform/choose.h"

#define NR_PLATFORMS 2
#define CHECKS_MAX   12

_Static_assert((int)FOUND_YES == HL_FOUND && (int)FOUND_NO == HL_MISSING &&
		   (int)FOUND_DENIED == HL_DENIED && (int)FOUND_UNKNOWN == HL_NOT_LOOKED_FOR,
	       "hl.h");

struct group {
	struct check_result own[CHECKS_MAX];
	struct hl_check shown[CHECKS_MAX];
	size_t count;
};

struct report {
	struct hl_host_report shown; /* first: it is what the caller holds */
	struct hl_platform_report platform[NR_PLATFORMS];
	struct group host, of_platform[NR_PLATFORMS];
	struct platform_report probed[NR_PLATFORMS];
	struct platform_choice choice;
	struct errmsg errmsg;
};

static void add(void *arg, const struct check_result *r)
{
	struct group *g = arg;

	if (g->count == CHECKS_MAX)
		return;
	struct check_result *own = &g->own[g->count];
	*own = *r;
	g->shown[g->count++] = (struct hl_check){
		.key = own->key,
		.found = (enum hl_found)own->found,
		.needed = own->needed,
		.value = own->value,
		.text = own->text,
		.advice = own->advice,
	};
}

/* A platform that a check speaks against is not run. */
static void inspect_platform(struct report *r, size_t i)
{
	struct group *g = &r->of_platform[i];
	struct platform_report *probed = &r->probed[i];

	checks_make(platforms[i]->checks, true, add, g);
	for (size_t n = g->count; n > 0; n--) {
		const struct check_result *c = &g->own[n - 1];
		if (c->needed && c->found != FOUND_YES)
			snprintf(probed->text, sizeof probed->text, "%s", c->text);
	}
	if (!probed->text[0])
		platform_probe(platforms[i], probed, true);
	r->platform[i] = (struct hl_platform_report){
		.name = platforms[i]->name,
		.usable = probed->usable,
		.text = probed->text,
		.round_trip_ns = probed->round_trip_ns,
		.checks = g->shown,
		.nr_checks = g->count,
	};
}

static void inspect_choice(struct report *r)
{
	static const char *const sources[] = { [COST_NONE] = "",
					       [COST_MEASURED] = "measured",
					       [COST_CACHED] = "cached",
					       [COST_GUESSED] = "guessed" };
	int err = platform_choose(NULL, &r->choice, &r->errmsg);

	r->shown.picked = err ? NULL : r->choice.platform->name;
	r->shown.reason = err ? r->errmsg.text : r->choice.reason;
	r->shown.kvm_exit_ns = r->choice.kvm_exit_ns;
	r->shown.kvm_exit_max_ns = KVM_EXIT_MAX_NS;
	r->shown.kvm_exit_source = sources[r->choice.source];
	r->shown.cached_in = r->choice.cache;
}

int hl_host_inspect(struct hl_host_report **out, struct hl_error **err)
{
	struct report *r = calloc(1, sizeof *r);

	*out = NULL;
	if (!r)
		return error_set(err, HL_NO_MEMORY, "out of memory");
	checks_make(host_checks, true, add, &r->host);
	checks_make(jail_checks, true, add, &r->host);
	for (size_t i = 0; platforms[i] && i < NR_PLATFORMS; i++) {
		inspect_platform(r, i);
		r->shown.nr_platforms++;
	}
	inspect_choice(r);
	r->shown.platforms = r->platform;
	r->shown.checks = r->host.shown;
	r->shown.nr_checks = r->host.count;
	*out = &r->shown;
	return 0;
}

void hl_host_report_free(struct hl_host_report *report)
{
	free(report);
}
