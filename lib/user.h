/* SPDX-License-Identifier: Apache-2.0 */
/* Whom the program runs as: hl_config_set_user. */
#ifndef HL_LIB_USER_H
#define HL_LIB_USER_H

#include <stdbool.h>

#include "util/errmsg.h"

struct cred;
struct caller;

/* Is it USER[:GROUP], neither of them empty? */
bool user_spec_valid(const char *spec);
/*
 * The credentials of the user that `spec` names, who starts from those of `base`: a number, or a
 * name of the guest's /etc/passwd; and so for the group. Without a group the user's own ones are
 * taken, as /etc/passwd and /etc/group have them. *home (malloc'd, NULL where it is not known): the
 * user's directory. `c` looks the files up. 0 or -errno.
 */
int user_find(struct caller *c, const char *spec, const struct cred *base, struct cred **out,
	      char **home, struct errmsg *errmsg);

#endif
