/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numbers objects as they are met and finds them again by number. Loading is by recursion, as deep
 * as objects refer to each other; a snapshot that would go deeper than real ones do is refused.
 */
#include "util/saved.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX 64
#define NAME_SIZE 64

const char *saved_refusal(struct saver *s, const struct saved_kind *kind, void *object)
{
	if (!kind || !kind->save)
		return "which a snapshot cannot hold yet";
	return kind->refused ? kind->refused(s, object) : NULL;
}

/* ---- saving ---- */

static bool is_entry(const struct saved_entry *e, const struct saved_kind *kind, const void *object)
{
	return e->object == object && e->kind == kind;
}

/* One object may be of several kinds: what binds sockets together is a network's, for each family
 * anew. */
static size_t *bucket_of(struct saver *s, const struct saved_kind *kind, const void *object)
{
	size_t i = ((uintptr_t)object >> 4) * 0x9e3779b97f4a7c15UL % s->nr_buckets;

	while (s->buckets[i] && !is_entry(&s->entries[s->buckets[i] - 1], kind, object))
		i = (i + 1) % s->nr_buckets;
	return &s->buckets[i];
}

static bool grow_entries(struct saver *s)
{
	size_t room = s->room ? 2 * s->room : 64;
	struct saved_entry *entries = realloc(s->entries, room * sizeof *entries);

	if (!entries)
		return false;
	s->entries = entries;
	s->room = room;
	free(s->buckets);
	s->nr_buckets = 2 * room + 1;
	s->buckets = calloc(s->nr_buckets, sizeof *s->buckets);
	if (!s->buckets)
		return false;
	for (size_t i = 0; i < s->nr; i++)
		*bucket_of(s, entries[i].kind, entries[i].object) = i + 1;
	return true;
}

uint64_t saved_object(struct saver *s, const struct saved_kind *kind, void *object)
{
	if (!object || s->failed)
		return 0;
	if (s->nr == s->room && !grow_entries(s)) {
		s->failed = true;
		return 0;
	}
	size_t *b = bucket_of(s, kind, object);
	if (!*b) {
		s->entries[s->nr] = (struct saved_entry){ kind, object };
		*b = ++s->nr;
	}
	return *b;
}

struct saver_hold {
	struct saver_hold *next;
	void (*put)(void *object);
	void *object;
};

int saver_hold(struct saver *s, void (*put)(void *object), void *object)
{
	struct saver_hold *h = malloc(sizeof *h);

	if (!h) {
		put(object);
		return -ENOMEM;
	}
	*h = (struct saver_hold){ s->holds, put, object };
	s->holds = h;
	return 0;
}

/* One record: the name of its kind, and what it wrote. */
static int save_entry(struct saver *s, size_t i)
{
	const struct saved_entry e = s->entries[i];
	const char *why = saved_refusal(s, e.kind, e.object);

	if (why)
		return errmsg_set(s->errmsg, ENOTSUP, "there is a %s, %s",
				  e.kind ? e.kind->name : "file of an unknown kind", why);
	encode_string(&s->out, e.kind->name);
	size_t place = encode_place(&s->out), start = s->out.len;
	int err = e.kind->save(s, e.object);
	encode_at(&s->out, place, s->out.len - start);
	return err;
}

int saver_objects(struct saver *s)
{
	size_t place = encode_place(&s->out);
	int err = 0;

	for (size_t i = 0; i < s->nr && !err; i++)
		err = save_entry(s, i);
	encode_at(&s->out, place, s->nr);
	return err ? err : s->failed || s->out.failed ? -ENOMEM : 0;
}

void saver_free(struct saver *s)
{
	for (struct saver_hold *h; (h = s->holds); free(h)) {
		s->holds = h->next;
		h->put(h->object);
	}
	encoder_free(&s->out);
	free(s->entries);
	free(s->buckets);
	*s = (struct saver){ .entries = NULL };
}

/* ---- loading ---- */

int loader_damaged(struct loader *l, const char *what)
{
	return errmsg_set(l->errmsg, EBADMSG, "the snapshot is damaged: %s", what);
}

static const struct saved_kind *kind_named(const struct loader *l, const char *name)
{
	for (size_t i = 0; name && l->kinds[i]; i++)
		if (l->kinds[i]->load && strcmp(l->kinds[i]->name, name) == 0)
			return l->kinds[i];
	return NULL;
}

static int read_entry(struct loader *l, struct decoder *in, struct loaded_entry *e)
{
	char *name = decode_string(in, NAME_SIZE);
	size_t len;

	e->kind = kind_named(l, name);
	free(name);
	const void *data = decode_bytes(in, &len);
	if (!data || !e->kind)
		return loader_damaged(l, "an object of no known kind");
	decoder_init(&e->in, data, len);
	return 0;
}

int loader_objects(struct loader *l, struct decoder *in)
{
	uint64_t nr = decode_count(in, 2 * sizeof(uint64_t));
	int err = 0;

	l->entries = calloc(nr ? nr : 1, sizeof *l->entries);
	if (!l->entries)
		return -ENOMEM;
	l->nr = nr;
	for (size_t i = 0; i < nr && !err; i++)
		err = read_entry(l, in, &l->entries[i]);
	return err;
}

static int load_entry(struct loader *l, struct loaded_entry *e)
{
	struct decoder in = l->in;
	void *object = NULL;

	if (l->depth == DEPTH_MAX || e->loading)
		return loader_damaged(l, "objects refer to each other without end");
	e->loading = true;
	l->depth++;
	l->in = e->in;
	int err = e->kind->load(l, &object);
	if (!err && !decoder_done(&l->in)) {
		e->kind->put(object);
		err = loader_damaged(l, e->kind->name);
	} else if (!err) {
		e->object = object;
	}
	l->in = in;
	l->depth--;
	e->loading = false;
	return err;
}

static int get(struct loader *l, uint64_t number, struct loaded_entry **out)
{
	if (number > l->nr)
		return loader_damaged(l, "the number of an object");
	struct loaded_entry *e = &l->entries[number - 1];
	*out = e;
	return e->object ? 0 : load_entry(l, e);
}

const struct saved_kind *loaded_kind(const struct loader *l, uint64_t number)
{
	return number && number <= l->nr ? l->entries[number - 1].kind : NULL;
}

int loaded_object(struct loader *l, uint64_t number, const struct saved_kind *kind, void **out)
{
	struct loaded_entry *e;

	*out = NULL;
	if (!number)
		return 0;
	if (number <= l->nr && l->entries[number - 1].kind != kind)
		return loader_damaged(l, "an object of another kind");
	int err = get(l, number, &e);
	*out = err ? NULL : e->object;
	return err;
}

int loaded_of(struct loader *l, uint64_t number, void (*put)(void *), void **out)
{
	struct loaded_entry *e;

	*out = NULL;
	if (!number)
		return 0;
	if (number <= l->nr && l->entries[number - 1].kind->put != put)
		return loader_damaged(l, "an object of another kind");
	int err = get(l, number, &e);
	*out = err ? NULL : e->object;
	return err;
}

int loader_rest(struct loader *l)
{
	struct loaded_entry *e;
	int err = 0;

	for (uint64_t n = 1; n <= l->nr && !err; n++)
		err = get(l, n, &e);
	return err;
}

void loader_free(struct loader *l)
{
	for (size_t i = 0; i < l->nr; i++)
		if (l->entries[i].object)
			l->entries[i].kind->put(l->entries[i].object);
	free(l->entries);
	l->entries = NULL;
	l->nr = 0;
}
