/* SPDX-License-Identifier: Apache-2.0 */
/* Files for the loader, made of bytes. The programs that use it are linked with --wrap=exec_open:
 * interpreters are found among these files, by name. */
#ifndef HL_TESTS_UNIT_EXEC_WORLD_H
#define HL_TESTS_UNIT_EXEC_WORLD_H

#include "loader/loader.h"
#include "tests/unit/fake.h"

/* Makes `name` exist, with these bytes (copied); replaces what it was before. */
void exec_world_file(struct world *w, const char *name, const void *bytes, size_t n);
/* Every file goes. Fails if one is in use. */
void exec_world_clear(void);
/* Runs `name` with argv and envp (NULL-terminated); result of exec_load. */
int exec_world_load(struct world *w, const char *name, char *const *argv, char *const *envp,
		    struct exec_image *img, struct errmsg *errmsg);

#endif
