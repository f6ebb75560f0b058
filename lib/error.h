/* SPDX-License-Identifier: Apache-2.0 */
/* How the library's functions report an error to the caller of hl.h. */
#ifndef HL_LIB_ERROR_H
#define HL_LIB_ERROR_H

#include "hl.h"

struct errmsg;

/* Puts a new error in *err unless err is NULL. Always -1, so that `return error_set(...)` reads
 * well. */
int error_set(struct hl_error **err, enum hl_code code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* The same of a call that failed with `e`, a negative errno: what it said, or what the number
 * means. `code` is but for what every call may lack, memory and descriptors. */
int error_set_errno(struct hl_error **err, enum hl_code code, int e, const struct errmsg *errmsg);

#endif
