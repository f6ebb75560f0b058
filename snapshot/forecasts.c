/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keeps forecasts. See the header.
 *
 * The attribute has numbers of seven bits a byte, the lowest first, each byte but a number's last
 * with the eighth bit set: the version and the checksum; then sets of pages. Of a set there are
 * the place of its address space in the metadata, which set it is (0: those that are touched; else
 * twice the number of a wave, and 1, or 2 where it is behind a result), how many runs follow, and
 * of each run the distance from the end of the one before and its length.
 */
#include "snapshot/forecasts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "mm/forecast.h"
#include "util/gva.h"
#include "util/lock.h"

#define ATTRIBUTE "user.hl.forecast"
#define VERSION   4
#define VALUE_MAX 16384
#define VALUE_FEW 3072 /* all attributes of a file share a block on some file systems */
#define PAGES_MAX 32768
#define SPACES    64
/* It is written again when so many pages more are known. */
#define WORTH_KEEPING 8

struct forecasts {
	int fd;       /* borrowed */
	uint32_t crc; /* of the image */
	bool kept;    /* it can be told to other processes */
	struct mutex lock;
	/* guarded by lock: */
	struct forecast_entry {
		uint64_t at;
		struct forecast *forecast;
		bool again; /* it was asked for before */
	} entry[SPACES];
	unsigned nr;
};

/* ---- the attribute ---- */

_Static_assert(FORECAST_TOUCH == FORECAST_MAX, "sets of one size");

struct value {
	unsigned char bytes[VALUE_MAX];
	size_t len, max;
	bool full;
};

static void put_number(struct value *v, uint64_t n)
{
	for (; !v->full; n >>= 7) {
		if (v->len == v->max)
			v->full = true;
		else
			v->bytes[v->len++] = (unsigned char)(n & 0x7f) | (n > 0x7f ? 0x80 : 0);
		if (n <= 0x7f)
			break;
	}
}

/* False: there is none left. */
static bool get_number(const unsigned char **at, const unsigned char *end, uint64_t *n)
{
	*n = 0;
	for (unsigned shift = 0; *at < end && shift < 63; shift += 7) {
		unsigned char c = *(*at)++;
		*n |= (uint64_t)(c & 0x7f) << shift;
		if (!(c & 0x80))
			return true;
	}
	return false;
}

static unsigned run_length(const uint64_t *page, unsigned nr)
{
	unsigned n = 1;

	while (n < nr && page[n] == page[n - 1] + 1)
		n++;
	return n;
}

/* A set that does not fit is left out. */
static void put_set(struct value *v, uint64_t at, unsigned which, const uint64_t *page, unsigned nr)
{
	uint64_t end = 0, runs = 0;
	size_t before = v->len;

	if (!nr)
		return;
	for (unsigned i = 0; i < nr; i += run_length(page + i, nr - i))
		runs++;
	put_number(v, at);
	put_number(v, which);
	put_number(v, runs);
	for (unsigned i = 0, n; i < nr; i += n) {
		n = run_length(page + i, nr - i);
		put_number(v, page[i] - end);
		put_number(v, n);
		end = page[i] + n;
	}
	if (v->full)
		v->len = before;
	v->full = false;
}

/* The first waves of all address spaces matter most. */
static void put_all(struct forecasts *f, struct value *v)
{
	uint64_t page[FORECAST_MAX];

	put_number(v, VERSION);
	put_number(v, f->crc);
	for (unsigned i = 0; i < f->nr; i++)
		put_set(v, f->entry[i].at, 0, page, forecast_touched(f->entry[i].forecast, page));
	for (unsigned wave = 0; wave < FORECAST_WAVES; wave++) {
		for (unsigned i = 0; i < f->nr; i++) {
			struct forecast *of = f->entry[i].forecast;
			unsigned nr = forecast_pages(of, wave, page);
			put_set(v, f->entry[i].at, 2 * wave + 1 + forecast_is_behind(of, wave),
				page, nr);
		}
	}
}

static struct forecast_entry *find(struct forecasts *f, uint64_t at)
{
	lock_assert_held(&f->lock);
	for (unsigned i = 0; i < f->nr; i++)
		if (f->entry[i].at == at)
			return &f->entry[i];
	struct forecast *new = f->nr < SPACES ? forecast_new() : NULL;
	if (!new)
		return NULL;
	f->entry[f->nr] = (struct forecast_entry){ .at = at, .forecast = new };
	return &f->entry[f->nr++];
}

static bool add(struct forecast *f, uint64_t which, uint64_t page)
{
	unsigned wave = (unsigned)(which - 1) / 2;

	return which ? forecast_add(f, wave, page) : forecast_add_touch(f, page);
}

/* A value that is read. */
struct reading {
	struct forecasts *f;
	const unsigned char *at, *end;
	uint64_t pages; /* that it may still name: an enemy's would take long */
};

/* Pages [first, first + nr). */
static bool read_run(struct reading *r, struct forecast *f, uint64_t which, uint64_t first,
		     uint64_t nr)
{
	if (nr > r->pages || first > (UINT64_MAX >> PAGE_SHIFT) - nr)
		return false;
	r->pages -= nr;
	for (uint64_t i = 0; i < nr; i++)
		if (!add(f, which, first + i))
			return false;
	return true;
}

static bool read_set(struct reading *r)
{
	uint64_t at, which, runs, gap, nr, behind = 0;

	if (!get_number(&r->at, r->end, &at) || !get_number(&r->at, r->end, &which) ||
	    which > 2 * FORECAST_WAVES || !get_number(&r->at, r->end, &runs))
		return false;
	mutex_lock(&r->f->lock);
	const struct forecast_entry *e = find(r->f, at);
	mutex_unlock(&r->f->lock);
	if (e && which && which % 2 == 0)
		forecast_set_behind(e->forecast, (unsigned)which / 2 - 1);
	for (uint64_t i = 0; e && i < runs; i++) {
		if (!get_number(&r->at, r->end, &gap) || !get_number(&r->at, r->end, &nr) ||
		    gap > UINT64_MAX - behind || !read_run(r, e->forecast, which, behind + gap, nr))
			return false;
		behind += gap + nr;
	}
	return e;
}

void forecasts_read(struct forecasts *f, const unsigned char *value, size_t len)
{
	struct reading r = { f, value, value + len, PAGES_MAX };
	uint64_t version, crc;

	if (!get_number(&r.at, r.end, &version) || !get_number(&r.at, r.end, &crc) ||
	    version != VERSION || crc != f->crc)
		return;
	while (r.at < r.end && read_set(&r))
		;
	for (unsigned i = 0; i < f->nr; i++)
		f->entry[i].forecast->learned = 0;
}

/* ---- all of an image ---- */

struct forecasts *forecasts_open(int fd, uint32_t crc)
{
	struct forecasts *f = calloc(1, sizeof *f);
	unsigned char value[VALUE_MAX];

	if (!f)
		return NULL;
	mutex_init(&f->lock, LOCK_FORECASTS);
	f->fd = fd;
	f->crc = crc;
	ssize_t n = fgetxattr(fd, ATTRIBUTE, value, sizeof value);
	f->kept = n > 0 || ((n == 0 || errno == ENODATA) &&
			    faccessat(fd, "", W_OK, AT_EACCESS | AT_EMPTY_PATH) == 0);
	if (n > 0)
		forecasts_read(f, value, (size_t)n);
	return f;
}

struct forecast *forecasts_find(struct forecasts *f, uint64_t at)
{
	mutex_lock(&f->lock);
	struct forecast_entry *e = find(f, at);
	struct forecast *found = e && (f->kept || e->again) ? e->forecast : NULL;
	if (e)
		e->again = true;
	mutex_unlock(&f->lock);
	return found;
}

static void keep(struct forecasts *f)
{
	struct value v = { .max = VALUE_MAX };
	unsigned learned = 0;

	for (unsigned i = 0; i < f->nr; i++)
		learned += f->entry[i].forecast->learned;
	if (!f->kept || learned < WORTH_KEEPING)
		return;
	put_all(f, &v);
	/* Another user's file stays as it is. */
	if (fsetxattr(f->fd, ATTRIBUTE, v.bytes, v.len, 0) == 0 || v.len <= VALUE_FEW)
		return;
	v.len = 0;
	v.max = VALUE_FEW;
	put_all(f, &v);
	(void)fsetxattr(f->fd, ATTRIBUTE, v.bytes, v.len, 0);
}

void forecasts_close(struct forecasts *f)
{
	if (!f)
		return;
	keep(f);
	for (unsigned i = 0; i < f->nr; i++)
		forecast_put(f->entry[i].forecast);
	mutex_destroy(&f->lock);
	free(f);
}
