/* SPDX-License-Identifier: Apache-2.0 */
/* What every page source has: its list of mappings, and the reading of its bytes through the runs
 * of pages that it gives. */
#include "mm/pagesource.h"

#include <errno.h>
#include <string.h>

#include "host/fixup.h"
#include "util/minmax.h"

void pagesource_init(struct pagesource *ps, const struct pagesource_ops *ops)
{
	*ps = (struct pagesource){ .ops = ops };
	mutex_init(&ps->lock, LOCK_PAGESOURCE);
	list_init(&ps->vmas);
}

void pagesource_destroy(struct pagesource *ps)
{
	mutex_destroy(&ps->lock);
}

int pagesource_read(struct pagesource *ps, uint64_t off, uint64_t len, void *dst)
{
	for (uint64_t done = 0, n; done < len; done += n) {
		char *to = (char *)dst + done;
		struct page_run run;
		const void *src;
		int err = ps->ops->get(ps, off + done, len - done, false, &run);

		if (err)
			return err;
		n = min64(run.len, len - done);
		src = memfile_ptr(run.mf, run.off, n);
		if (!src)
			return -ENOMEM;
		uint64_t left = fixup_copy(to, src, n);
		memset(to + (n - left), 0, left);
	}
	return 0;
}

bool pagesource_identify(struct pagesource *ps, struct source_id *out)
{
	if (ps->shown)
		*out = ps->shown_id;
	else if (ps->ops->identify)
		ps->ops->identify(ps, &out->major, &out->minor, &out->ino);
	return ps->shown || ps->ops->identify;
}

void pagesource_show_new(struct pagesource *ps, const struct source_id *id)
{
	ps->shown_id = *id;
	ps->shown = true;
}

void pagesource_show_as(struct pagesource *ps, const struct source_id *id)
{
	mutex_lock(&ps->lock);
	if (!ps->shown)
		pagesource_show_new(ps, id);
	mutex_unlock(&ps->lock);
}
