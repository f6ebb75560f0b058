/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Policies, and the values of all options that one can hold, which the options' own functions take:
 * whatever is in the file, it is accepted, or refused with a status. Then the same bytes as a
 * configuration of git, of which a guest sees what gitconfig_strip leaves.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cli/options.h"
#include "cli/policy_keys.h"
#include "cli/run.h"
#include "lib/gitconfig.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void set_values(struct run *r, const struct policy *p)
{
	struct hl_error *err;
	double allowed;

	for (size_t i = 0; i < p->count; i++) {
		const struct policy_value *v = &p->value[i];
		assert(v->option->words && v->line > 0);
		assert(i == 0 || p->value[i - 1].option <= v->option);
		assert(policy_find(p, v->option));
		if ((v->option->rule & RULE) == LIMIT)
			limit_value(v->text, &allowed);
		int status = v->option->fn(r, v->text);
		assert(status == 0 || status == STATUS_USAGE || status == STATUS_HL);
		if (hl_config_check(r->cfg, &err) == 0)
			continue;
		assert(hl_error_text(err)[0]);
		hl_error_free(err);
	}
}

static void try_policy(const uint8_t *data, size_t size)
{
	struct run r = { .out.quiet = true, .trace_fd = -1, .cfg = hl_config_new() };
	struct policy policy;
	char name[32];
	int fd = memfd_create("policy", 0);

	assert(fd >= 0 && write(fd, data, size) == (ssize_t)size);
	snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
	int status = policy_load(&r.out, name, &policy);
	assert(status == 0 || status == STATUS_USAGE);
	if (status == 0) {
		set_values(&r, &policy);
		policy_free(&policy);
	}
	assert(r.trace_fd == -1 && !r.code);
	close(fd);
	hl_config_free(r.cfg);
}

static void try_gitconfig(const uint8_t *data, size_t size)
{
	char *text = strndup((const char *)data, size);
	char *left = gitconfig_strip(text, strlen(text));

	assert(strlen(left) <= strlen(text));
	/* what is left has nothing more to be taken away */
	char *again = gitconfig_strip(left, strlen(left));
	assert(strcmp(left, again) == 0);
	free(again);
	free(left);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	try_policy(data, size);
	try_gitconfig(data, size);
	return 0;
}
