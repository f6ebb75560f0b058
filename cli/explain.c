/* SPDX-License-Identifier: Apache-2.0 */
/* hl policy explain: says in words what a policy allows, and what it leaves open. */
#include <stdio.h>
#include <string.h>

#include "cli/options.h"
#include "cli/policy_keys.h"

static bool has(const struct policy *p, const char *name)
{
	return policy_find(p, policy_option(name));
}

/* `words` with the value in the place of the star. */
static void say(const char *words, const char *value)
{
	size_t len = strcspn(words, "*");

	printf("  %.*s", (int)len, words);
	if (words[len])
		printf("%s%s", value, words + len + 1);
	putchar('\n');
}

/* What an option means that stands without its value. */
static const char *value_of(const struct policy_value *v)
{
	if (v->text)
		return v->text;
	return strcmp(v->option->name, "overlay") == 0 ? "memory" : "the working directory";
}

static const char *rest_of(const char *key)
{
	static const struct {
		const char *key, *words;
	} rest[] = {
		{ "timeout", "no limit of time" },
		{ "memory", "no limit of memory but the machine's" },
		{ "pids", "no limit of processes but the machine's" },
	};

	for (size_t i = 0; i < sizeof rest / sizeof *rest; i++) {
		if (strcmp(rest[i].key, key) == 0)
			return rest[i].words;
	}
	return NULL;
}

/* What holds because the policy does not say otherwise. */
static void say_rest(const struct policy *p)
{
	bool private = has(p, "root") || has(p, "initrd") || has(p, "image") || has(p, "isolate") ||
		       has(p, "workspace") || has(p, "image");

	printf("Because it says nothing else:\n");
	if (!private) {
		say("it sees all files of the host, and may do with them what its caller may",
		    NULL);
		say("it has the caller's whole environment, secrets in it included", NULL);
	}
	if (!policy_option("net") || (!has(p, "net") && !has(p, "net-allow")))
		say(private
			? "nothing it sends leaves the sandbox: there is no network"
			: "it uses the host's network, but for link-local and metadata addresses",
		    NULL);
	for (size_t i = 0; i < nr_options; i++) {
		const char *words = rest_of(options[i].name);
		if (words && !policy_find(p, &options[i]))
			printf("  it has %s\n", words);
	}
}

int policy_main(int argc, char **argv)
{
	struct output out = { 0 };
	struct policy policy;

	if (argc != 3 || strcmp(argv[1], "explain") != 0)
		return usage_error(&out, "hl policy explain takes the file of a policy");
	int status = policy_load(&out, argv[2], &policy);
	if (status)
		return status;
	printf("What %s allows a program:\n", argv[2]);
	for (size_t i = 0; i < policy.count; i++)
		say(policy.value[i].option->words, value_of(&policy.value[i]));
	say_rest(&policy);
	policy_free(&policy);
	return fflush(stdout) || ferror(stdout) ? STATUS_HL : 0;
}
