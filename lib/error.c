/* SPDX-License-Identifier: Apache-2.0 */
/* Makes the errors that the library returns, each of which is a code and a sentence (hl.h). Making
 * one never fails: without memory for it, a static one takes its place. */
#include "lib/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/errmsg.h"

struct hl_error {
	enum hl_code code;
	char text[];
};

/* When there is no memory for an error there is still this one; never freed, never written. */
static struct {
	enum hl_code code;
	char text[16];
} out_of_memory = { HL_NO_MEMORY, "out of memory" };
#define OUT_OF_MEMORY ((struct hl_error *)(void *)&out_of_memory)

__attribute__((format(printf, 3, 0))) static struct hl_error *
error_new(enum hl_code code, const char *context, const char *fmt, va_list ap)
{
	char *text = NULL;
	struct hl_error *e = NULL;

	if (vasprintf(&text, fmt, ap) < 0)
		return OUT_OF_MEMORY;
	size_t size = strlen(text) + (context ? strlen(context) + 2 : 0) + 1;
	e = malloc(sizeof *e + size);
	if (e) {
		e->code = code;
		snprintf(e->text, size, "%s%s%s", text, context ? ": " : "",
			 context ? context : "");
	}
	free(text);
	return e ? e : OUT_OF_MEMORY;
}

int error_set(struct hl_error **err, enum hl_code code, const char *fmt, ...)
{
	va_list ap;

	if (!err)
		return -1;
	va_start(ap, fmt);
	*err = error_new(code, NULL, fmt, ap);
	va_end(ap);
	return -1;
}

enum hl_code hl_error_code(const struct hl_error *err)
{
	return err ? err->code : HL_OK;
}

const char *hl_error_text(const struct hl_error *err)
{
	return err ? err->text : "";
}

struct hl_error *hl_error_wrap(struct hl_error *err, const char *fmt, ...)
{
	va_list ap;

	if (!err)
		return NULL;
	va_start(ap, fmt);
	struct hl_error *e = error_new(err->code, err->text, fmt, ap);
	va_end(ap);
	hl_error_free(err);
	return e;
}

void hl_error_free(struct hl_error *err)
{
	if (err != OUT_OF_MEMORY)
		free(err);
}

int error_set_errno(struct hl_error **err, enum hl_code code, int e, const struct errmsg *errmsg)
{
	const char *text = errmsg->text[0] ? errmsg->text : strerror(-e);

	if (e == -EMFILE)
		return error_set(err, HL_SYSTEM, "%s: hl has used up its descriptors (`ulimit -n`)",
				 text);
	return error_set(err, e == -ENOMEM ? HL_NO_MEMORY : code, "%s", text);
}
