/* SPDX-License-Identifier: Apache-2.0 */
/* Reads and writes the headers of cpio entries. See the header. */
#include "fs/cpiofs/newc.h"

#include <stdio.h>
#include <string.h>

#define MAGIC_LEN 6

static int digit(char c)
{
	return c >= '0' && c <= '9'   ? c - '0'
	       : c >= 'a' && c <= 'f' ? c - 'a' + 10
	       : c >= 'A' && c <= 'F' ? c - 'A' + 10
				      : -1;
}

static bool parse_number(const char *text, uint32_t *out)
{
	uint32_t value = 0;
	int bad = 0;

	for (int i = 0; i < 8; i++) {
		int d = digit(text[i]);
		bad |= d;
		value = value << 4 | (uint32_t)(d & 15);
	}
	*out = value;
	return bad >= 0;
}

const char *newc_parse(const char raw[NEWC_HEADER], struct newc *out)
{
	uint32_t *const field[] = {
		&out->ino,       &out->mode,     &out->uid,      &out->gid,      &out->nlink,
		&out->mtime,     &out->filesize, &out->devmajor, &out->devminor, &out->rdevmajor,
		&out->rdevminor, &out->namesize, &out->check,
	};

	if (memcmp(raw, "070707", MAGIC_LEN) == 0)
		return "an archive of the old format; cpio -H newc makes the one that is read";
	if (memcmp(raw, "070701", MAGIC_LEN) != 0 && memcmp(raw, "070702", MAGIC_LEN) != 0)
		return "no cpio header where one is due";
	out->summed = raw[MAGIC_LEN - 1] == '2';
	for (unsigned i = 0; i < sizeof field / sizeof *field; i++) {
		if (!parse_number(raw + MAGIC_LEN + i * 8, field[i]))
			return "a header with something else than hexadecimal digits";
	}
	return NULL;
}

void newc_format(const struct newc *h, char raw[NEWC_HEADER + 1])
{
	snprintf(
	    raw, NEWC_HEADER + 1, "07070%c%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X",
	    h->summed ? '2' : '1', h->ino, h->mode, h->uid, h->gid, h->nlink, h->mtime, h->filesize,
	    h->devmajor, h->devminor, h->rdevmajor, h->rdevminor, h->namesize, h->check);
}
