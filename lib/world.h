/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a configuration makes of the guest's world. A plain world is the caller's: its files, its
 * environment, its user. A private one has another root, and then nothing else of the caller's
 * either but what the configuration names.
 */
#ifndef HL_LIB_WORLD_H
#define HL_LIB_WORLD_H

#include "lib/config.h"
#include "util/errmsg.h"

struct cred;
struct sandbox;

bool world_is_private(const struct hl_config *cfg);
/* NULL, or which parts of the configuration exclude each other. */
const char *world_contradiction(const struct hl_config *cfg);
/* All that is to be mounted. -errno. */
int world_mounts(const struct hl_config *cfg, struct mount_list *out, struct errmsg *errmsg);
/* Where the program starts: a path of the guest's, malloc'd; NULL: no memory. */
char *world_workdir(const struct hl_config *cfg);
/* Which network: HL_NETWORK_DEFAULT is none of the kinds any more. */
enum hl_network world_network(const struct hl_config *cfg);
void world_set_hostname(const struct hl_config *cfg, struct sandbox *sb);
/* Capabilities that no process of it has, whatever it was loaded from. */
uint64_t world_withheld_caps(const struct hl_config *cfg);
/* Whom the program runs as, once the tree is mounted: a reference. *home: malloc'd, or NULL. */
int world_user(const struct hl_config *cfg, struct sandbox *sb, struct cred **out, char **home,
	       struct errmsg *errmsg);
/* The program's environment; `home`: of its user. -ENOMEM. */
int world_environment(const struct hl_config *cfg, const char *home, struct strings *out);
/* Of it what hl_config_add_env has said. false: no memory. */
bool world_add_environment(const struct hl_config *cfg, struct strings *out);

#endif
