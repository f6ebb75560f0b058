/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inode numbers. A file shows the number that it has in the layer it comes from, with the device in
 * it, and keeps it when it is copied up.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fs/overlay/internal.h"

/* Which of the devices it is in the order they were met. */
static unsigned dev_index(struct overlay *o, uint64_t dev)
{
	unsigned at = 0;

	mutex_lock(&o->table_lock);
	while (at < o->nr_devs && o->devs[at] != dev)
		at++;
	if (at == o->nr_devs) {
		uint64_t *more = realloc(o->devs, (at + 1) * sizeof *more);
		if (more) {
			more[at] = dev;
			o->devs = more;
			o->nr_devs++;
		}
	}
	mutex_unlock(&o->table_lock);
	return at;
}

/* As overlayfs with xino: which file system a number is of stands in bits that hardly any
 * uses. */
uint64_t ovl_shown_ino(struct overlay *o, uint64_t dev, uint64_t ino)
{
	return ino ^ (uint64_t)dev_index(o, dev) << 48;
}

int ovl_number_of(struct overlay *o, struct caller *mc, struct inode *real, uint64_t *ino)
{
	struct inode_id id = { 0 };
	struct statx st;
	int err = 0;

	if (real->ops->identify)
		err = real->ops->identify(real, &id);
	if (!err && !id.of_host) {
		err = inode_getattr(real, mc, STATX_INO, &st);
		id.dev = (uint64_t)st.stx_dev_major << 32 | st.stx_dev_minor;
		id.ino = st.stx_ino;
	}
	if (!err)
		*ino = ovl_shown_ino(o, id.dev, id.ino);
	return err;
}

int ovl_ino(struct ovl_inode *oi, struct caller *mc, uint64_t *out)
{
	struct overlay *o = overlay_of(&oi->inode);
	struct inode *real = oi->nr_lower ? oi->lower[0].inode : oi->upper;
	char text[24];
	uint64_t ino;
	int err = 0;

	if (oi->ino_known) {
		*out = oi->ino;
		return 0;
	}
	ssize_t n = oi->nr_lower || ovl_is_dir(oi)
			? -ENODATA
			: ovl_get_mark(o, mc, real, "ino", text, sizeof text - 1);
	text[n > 0 ? n : 0] = '\0';
	char *end = text;
	ino = strtoull(text, &end, 16);
	if (end == text || *end)
		err = ovl_number_of(o, mc, real, &ino);
	if (err)
		return err;
	oi->ino = *out = ino;
	oi->ino_known = true;
	return 0;
}

bool ovl_has_other_number(struct ovl_inode *oi, struct caller *mc)
{
	char text[24];

	return oi->nr_lower ||
	       ovl_get_mark(overlay_of(&oi->inode), mc, oi->upper, "ino", text, sizeof text) > 0;
}
