/* SPDX-License-Identifier: Apache-2.0 */
/* The table of drivers. See the header. */
#include "lib/driver.h"

#include <string.h>

struct driver {
	const char *name;   /* of the runtime, too */
	const char *option; /* by which that takes a program from its command line */
	const char *source; /* lib/drivers.S */
	bool named;         /* the word behind that is the program's name, and no argument */
};

extern const char driver_python3[], driver_node[], driver_perl[], driver_ruby[], driver_bash[];

static const struct driver drivers[] = {
	{ "python3", "-c", driver_python3, false }, { "node", "-e", driver_node, false },
	{ "perl", "-e", driver_perl, false },       { "ruby", "-e", driver_ruby, false },
	{ "bash", "-c", driver_bash, true },
};

const struct driver *driver_find(const char *name, size_t len)
{
	for (size_t i = 0; i < sizeof drivers / sizeof *drivers; i++) {
		if (strlen(drivers[i].name) == len && strncmp(drivers[i].name, name, len) == 0)
			return &drivers[i];
	}
	return NULL;
}

const char *driver_name(const struct driver *d)
{
	return d->name;
}

bool driver_command(const struct driver *d, const struct strings *modules, struct strings *args)
{
	if (!args->count && !strings_copy(args, 1, &d->name))
		return false;
	const char *const command[] = { d->option, d->source, args->item[0] };
	return strings_copy(args, d->named ? 3 : 2, command) &&
	       strings_copy(args, modules->count, (const char *const *)modules->item);
}
