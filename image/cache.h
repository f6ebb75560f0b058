/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Images that were unpacked once, in a folder of the user's ($XDG_CACHE_HOME/hl/images):
 *
 * 	ID.cpio    all layers over each other, with an index: what a sandbox maps as its /
 * 	ID.json    the configuration, whose SHA-256 the ID is
 * 	names      a line a name: "ID NAME"
 * 	lock       is locked by who changes any of it
 *
 * A file appears when it is complete, and ID.cpio last. What was begun has no name yet, or a name
 * that the next one who holds the lock removes.
 */
#ifndef HL_IMAGE_CACHE_H
#define HL_IMAGE_CACHE_H

#include <limits.h>
#include <time.h>

#include "image/image.h"

struct cache {
	int dir;
	char path[PATH_MAX];
};

/* 0 or -errno with the sentence set. */
int cache_open(struct cache *c, struct errmsg *errmsg);
void cache_close(struct cache *c);
/* Is it there, and known by all names that its source has for it? */
bool cache_has_named(struct cache *c, const struct image *img);
/* Sees that the image is there, with its names. `watch` is told of the bytes of layers that were
 * read. */
int cache_add(struct cache *c, const struct image *img, const char *source,
	      const struct blob_watch *watch, struct errmsg *errmsg);
/* The image of that name, or whose ID begins so. */
int cache_find(struct cache *c, const char *name, char id[DIGEST_HEX + 1], struct errmsg *errmsg);
/* The configuration, compared with the ID. NULL with the sentence set. */
struct json_object *cache_config(struct cache *c, const char *id, struct errmsg *errmsg);
int cache_remove(struct cache *c, const char *id, struct errmsg *errmsg);

struct cache_entry {
	char id[DIGEST_HEX + 1];
	uint64_t bytes; /* on the disk */
	time_t time;    /* when it was imported */
};
/* All images, in an array to free. *nr: how many. NULL: none, or want of memory. */
struct cache_entry *cache_list(struct cache *c, size_t *nr);
/* Calls `fn` for each name of the image. */
void cache_names(struct cache *c, const char *id, void (*fn)(void *arg, const char *name),
		 void *arg);

#endif
