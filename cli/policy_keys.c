/* SPDX-License-Identifier: Apache-2.0 */
/* Takes the members of a policy for values of options. See the header. */
#include "cli/policy_keys.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "cli/options.h"
#include "cli/policy.h"

struct loader {
	struct output *out;
	struct policy *policy;
};

int policy_add(struct output *out, struct policy *p, const struct option_def *o, const char *text)
{
	if (p->count == p->room) {
		size_t room = p->room ? p->room * 2 : 16;
		struct policy_value *value = reallocarray(p->value, room, sizeof *value);
		if (!value)
			return report_no_memory(out);
		p->value = value;
		p->room = room;
	}
	char *copy = text ? strdup(text) : NULL;
	if (text && !copy)
		return report_no_memory(out);
	size_t at = p->count++;
	for (; at > 0 && p->value[at - 1].option > o; at--)
		p->value[at] = p->value[at - 1];
	p->value[at] = (struct policy_value){ o, copy, out->line };
	return 0;
}

/* NULL, or what the value should have been. */
static const char *type_fault(const struct option_def *o, enum policy_type type)
{
	if (o->has_arg == no_argument)
		return type == POLICY_BOOLEAN ? NULL : "true or false";
	if ((o->rule & RULE) == LIMIT)
		return type == POLICY_NUMBER || type == POLICY_STRING ? NULL
								      : "a number or a string";
	if (o->rule & REPEATS)
		return type == POLICY_STRING || type == POLICY_ARRAY
			   ? NULL
			   : "a string or an array of them";
	if (o->has_arg == optional_argument)
		return type == POLICY_STRING || type == POLICY_BOOLEAN ? NULL
								       : "true, false or a string";
	return type == POLICY_STRING ? NULL : "a string";
}

static int take_item(void *arg, const struct policy_item *item)
{
	const struct loader *l = arg;
	const struct option_def *o = policy_option(item->key);
	const char *fault = o ? type_fault(o, item->type) : NULL;

	if (!o || (o->rule & RULE) == RUN)
		complain(l->out,
			 o ? "'%s' is no key of a policy: it concerns a single run"
			   : "there is no key '%s'",
			 item->key);
	else if (fault)
		complain(l->out, "the value of '%s' has to be %s", item->key, fault);
	else if (item->type == POLICY_BOOLEAN)
		return item->on ? policy_add(l->out, l->policy, o, NULL) : 0;
	else
		return item->text ? policy_add(l->out, l->policy, o, item->text) : 0;
	return STATUS_USAGE;
}

int policy_load(struct output *out, const char *file, struct policy *to)
{
	struct loader l = { out, to };

	*to = (struct policy){ NULL, 0, 0 };
	int status = policy_read(out, file, take_item, &l);
	if (status)
		policy_free(to);
	return status;
}

void policy_free(struct policy *p)
{
	for (size_t i = 0; i < p->count; i++)
		free(p->value[i].text);
	free(p->value);
	*p = (struct policy){ NULL, 0, 0 };
}

const struct policy_value *policy_find(const struct policy *p, const struct option_def *option)
{
	for (size_t i = 0; i < p->count; i++) {
		if (p->value[i].option == option)
			return &p->value[i];
	}
	return NULL;
}
