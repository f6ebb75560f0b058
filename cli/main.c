/* SPDX-License-Identifier: Apache-2.0 */
/* The entry point of the hl command: it picks the subcommand by the first argument. */
#include <string.h>

#include "cli/cli.h"

/* Commands by their first word; everything else is a program to run. */
static const struct verb {
	const char *name;
	int (*main)(int argc, char **argv); /* NULL: not in this version */
} verbs[] = {
	{ "run", run_main },           { "snapshot", snapshot_main }, { "doctor", doctor_main },
	{ "bench", bench_main },       { "image", image_main },       { "oci", NULL },
	{ "mkinitrd", mkinitrd_main }, { "policy", policy_main },
};

int main(int argc, char **argv)
{
	const struct output out = { 0 };
	const char *slash = argc ? strrchr(argv[0], '/') : NULL;

	if (argc && strcmp(slash ? slash + 1 : argv[0], "pyhl") == 0)
		return pyhl_main(argc, argv);
	for (size_t i = 0; argc > 1 && i < sizeof verbs / sizeof *verbs; i++) {
		if (strcmp(argv[1], verbs[i].name) != 0)
			continue;
		if (!verbs[i].main)
			return usage_error(&out,
					   "this version has no command '%s'; for a program of "
					   "that name: hl run %s",
					   argv[1], argv[1]);
		return verbs[i].main(argc - 1, argv + 1);
	}
	return run_main(argc, argv);
}
