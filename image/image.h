/* SPDX-License-Identifier: Apache-2.0 */
/* An image in a source: its configuration, by whose digest it is known, and its layers. */
#ifndef HL_IMAGE_IMAGE_H
#define HL_IMAGE_IMAGE_H

#include <json-c/json.h>

#include "image/blob.h"
#include "image/source.h"
#include "util/errmsg.h"

#define IMAGE_NAME_MAX 256UL

struct image_layer {
	struct blob blob;
	char digest[DIGEST_MAX];  /* of the blob; "": not known */
	char diff_id[DIGEST_MAX]; /* of the archive in it */
};

struct image {
	char id[DIGEST_HEX + 1];
	char *config_text; /* as it is in the source */
	size_t config_len;
	struct json_object *config;
	struct image_layer *layer;
	size_t nr_layers;
	char (*name)[IMAGE_NAME_MAX]; /* that the source has for it */
	size_t nr_names;
};

/* The image of that name (NULL: the only one) and for this machine. 0 or -errno with the sentence
 * set. */
int image_find(struct source *s, const char *name, struct image *out, struct errmsg *errmsg);
void image_free(struct image *img);
/* Do two names mean the same image? What docker leaves out of names counts as there. */
bool image_names_match(const char *a, const char *b);
/* JSON that may be hostile. NULL with the sentence set. */
struct json_object *image_parse(const char *text, size_t len, const char *name,
				struct errmsg *errmsg);
/* A member of an object, if it has that type; NULL. */
struct json_object *image_member(struct json_object *o, const char *key, enum json_type type);
/* The same of a string; NULL where there is none, or it has a NUL. */
const char *image_string(struct json_object *o, const char *key);

#endif
