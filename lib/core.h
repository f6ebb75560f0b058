/* SPDX-License-Identifier: Apache-2.0 */
/* Core files outside of the sandbox (kernel/coredump.h): new files in one directory of the host's,
 * which take their names when they are complete. */
#ifndef HL_LIB_CORE_H
#define HL_LIB_CORE_H

#include "hl.h"

struct core_files;
struct core_store;

/* Before the monitor is confined. `file`: core_pattern's words in the last name. 0, or -1 with
 * *err. */
int core_files_open(const struct hl_config *cfg, struct core_files **out, struct hl_error **err);
/* NULL: none. */
struct core_store *core_files_store(struct core_files *f);
void core_files_free(struct core_files *f);

#endif
