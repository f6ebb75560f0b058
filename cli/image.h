/* SPDX-License-Identifier: Apache-2.0 */
/* --image: the configuration of an image becomes that of a run. */
#ifndef HL_CLI_IMAGE_H
#define HL_CLI_IMAGE_H

#include "cli/run.h"

/* What an image says of the program that is to run in it. */
struct image_run {
	const char **entry, **cmd; /* words, ended by NULL; the words belong to `config` */
	size_t nr_entry, nr_cmd;
	int stop_signal; /* that stands for SIGTERM; 0: SIGTERM itself */
	struct json_object *config;
};

/* Makes the image `name` (FILE[:NAME], DIR[:NAME] or the name of one that was imported) the world
 * of the run, imports it first where it was not, and tells what is to run in *out. 0 or hl's exit
 * status. */
int image_apply(struct run *r, const char *name, struct image_run *out);
void image_run_free(struct image_run *img);

#endif
