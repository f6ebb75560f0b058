/* SPDX-License-Identifier: Apache-2.0 */
/* How the library's functions report an error to the caller of hl.h. */
#ifndef HL_LIB_ERROR_H
#define HL_LIB_ERROR_H

#include "hl.h"

/* Puts a new error in *err unless err is NULL. Always -1, so that `return error_set(...)` reads
 * well. */
int error_set(struct hl_error **err, enum hl_code code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

#endif
