/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See the header. The formats: docker's is described in moby's image/spec/v1.2.md (manifest.json),
 * OCI's in the image specification (image-layout.md, image-index.md, manifest.md, config.md).
 */
#include "image/image.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#define JSON_MAX   (4UL << 20)
#define DEPTH_MAX  32
#define INDEX_MAX  4 /* indexes in indexes */
#define LAYERS_MAX 1024

struct finding {
	struct source *s;
	const char *want; /* NULL: any */
	struct image *img;
	struct errmsg *errmsg;
};

static int bad(struct finding *f, const char *what, const char *problem)
{
	return errmsg_set(f->errmsg, EINVAL, "%s: %.200s: %s", source_path(f->s), what, problem);
}

/* ---- JSON ---- */

struct json_object *image_parse(const char *text, size_t len, const char *name,
				struct errmsg *errmsg)
{
	struct json_tokener *tok = json_tokener_new_ex(DEPTH_MAX);
	struct json_object *o = tok ? json_tokener_parse_ex(tok, text, (int)len + 1) : NULL;

	if (!o)
		errmsg_set(errmsg, EINVAL, "%s: %s", name,
			   tok ? json_tokener_error_desc(json_tokener_get_error(tok))
			       : "out of memory");
	if (tok)
		json_tokener_free(tok);
	return o;
}

struct json_object *image_member(struct json_object *o, const char *key, enum json_type type)
{
	struct json_object *m = NULL;

	if (!json_object_is_type(o, json_type_object) || !json_object_object_get_ex(o, key, &m))
		return NULL;
	return json_object_is_type(m, type) ? m : NULL;
}

static const char *string_of(struct json_object *o)
{
	const char *s = json_object_is_type(o, json_type_string) ? json_object_get_string(o) : NULL;

	return s && strlen(s) == (size_t)json_object_get_string_len(o) ? s : NULL;
}

const char *image_string(struct json_object *o, const char *key)
{
	return string_of(image_member(o, key, json_type_string));
}

static struct json_object *at(struct json_object *array, size_t i)
{
	return json_object_array_get_idx(array, i);
}

/* The file `name` of the source, as JSON; its text, too, where `text` asks for it, and its digest
 * (NULL: not compared). NULL with the sentence set; without one where there is no such file. */
static struct json_object *read_json(struct finding *f, const char *name, const char *digest,
				     char **text, size_t *len)
{
	char found[DIGEST_MAX], *bytes;
	struct json_object *o = NULL;
	struct blob b;

	if (source_find(f->s, name, &b, f->errmsg))
		return NULL;
	bytes = blob_read(&b, name, JSON_MAX, len, f->errmsg);
	blob_close(&b);
	if (!bytes)
		return NULL;
	digest_of(bytes, *len, found);
	if (digest && strcmp(found, digest) != 0)
		errmsg_set(f->errmsg, EINVAL, "%s: %s: its digest is %s", source_path(f->s), digest,
			   found);
	else
		o = image_parse(bytes, *len, name, f->errmsg);
	if (text && o)
		*text = bytes;
	else
		free(bytes);
	return o;
}

/* ---- names ---- */

static const char *skip(const char *name, const char *prefix)
{
	size_t len = strlen(prefix);

	return strncmp(name, prefix, len) == 0 ? name + len : name;
}

static const char *short_name(const char *name)
{
	const char *local = skip(name, "localhost/");

	return local != name ? local : skip(skip(name, "docker.io/"), "library/");
}

/* The length of a name without ":latest". */
static size_t untagged_len(const char *name)
{
	size_t len = strlen(name);

	return len > 7 && strcmp(name + len - 7, ":latest") == 0 ? len - 7 : len;
}

bool image_names_match(const char *a, const char *b)
{
	const char *x = short_name(a), *y = short_name(b);
	size_t len = untagged_len(x);

	return len == untagged_len(y) && memcmp(x, y, len) == 0;
}

/* Names are printed, and are words in a list. Others are none. */
static int add_name(struct finding *f, const char *name)
{
	struct image *img = f->img;
	size_t len = name ? strlen(name) : 0;

	if (!len || len >= IMAGE_NAME_MAX)
		return 0;
	for (const char *p = name; *p; p++) {
		if (*p <= ' ' || *p > '~')
			return 0;
	}
	void *names = reallocarray(img->name, img->nr_names + 1, sizeof *img->name);
	if (!names)
		return errmsg_set(f->errmsg, ENOMEM, "out of memory");
	img->name = names;
	strcpy(img->name[img->nr_names++], name);
	return 0;
}

/* ---- the configuration and the layers ---- */

static const char *machine(void)
{
	static const char *const names[][2] = { { "x86_64", "amd64" }, { "aarch64", "arm64" } };
	static struct utsname u;

	uname(&u);
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		if (strcmp(u.machine, names[i][0]) == 0)
			return names[i][1];
	}
	return u.machine;
}

/* What says nothing of a platform is for any. */
static bool runs_here(struct json_object *platform)
{
	const char *os = image_string(platform, "os"),
		   *arch = image_string(platform, "architecture");

	return (!os || !*os || strcmp(os, "linux") == 0) &&
	       (!arch || !*arch || strcmp(arch, machine()) == 0);
}

static int check_platform(struct finding *f, struct json_object *config)
{
	const char *os = image_string(config, "os"), *arch = image_string(config, "architecture");

	if (runs_here(config))
		return 0;
	return errmsg_set(f->errmsg, EINVAL, "%s: the image is for %.40s/%.40s, not linux/%s",
			  source_path(f->s), os ? os : "linux", arch ? arch : "?", machine());
}

/* Reads the configuration; `nr` layers are to be in it. */
static int read_config(struct finding *f, const char *file, const char *digest, size_t nr)
{
	struct image *img = f->img;
	char found[DIGEST_MAX];

	img->config = read_json(f, file, digest, &img->config_text, &img->config_len);
	if (!img->config)
		return bad(f, file, "no such file");
	digest_of(img->config_text, img->config_len, found);
	strcpy(img->id, found + 7);
	int err = check_platform(f, img->config);
	struct json_object *rootfs = image_member(img->config, "rootfs", json_type_object),
			   *ids = image_member(rootfs, "diff_ids", json_type_array);
	if (err)
		return err;
	if (!ids || json_object_array_length(ids) != nr || nr > LAYERS_MAX)
		return bad(f, file, "does not have the digests of all layers");
	img->layer = calloc(nr + 1, sizeof *img->layer);
	if (!img->layer)
		return errmsg_set(f->errmsg, ENOMEM, "out of memory");
	for (size_t i = 0; i < nr; i++) {
		const char *id = string_of(at(ids, i));
		if (!id || !digest_is_valid(id))
			return bad(f, file, "a layer's digest is none that hl knows");
		strcpy(img->layer[i].diff_id, id);
		img->layer[i].blob.fd = -1;
	}
	img->nr_layers = nr;
	return 0;
}

static int find_layer(struct finding *f, size_t i, const char *file, const char *digest)
{
	struct image_layer *l = &f->img->layer[i];
	int err = source_find(f->s, file, &l->blob, f->errmsg);

	if (digest)
		strcpy(l->digest, digest);
	return err ? bad(f, file, "no such file") : 0;
}

/* ---- docker's archives ---- */

static bool has_name(struct json_object *tags, const char *want)
{
	for (size_t i = 0; tags && i < json_object_array_length(tags); i++) {
		const char *tag = string_of(at(tags, i));
		if (tag && image_names_match(tag, want))
			return true;
	}
	return false;
}

static int take_docker(struct finding *f, struct json_object *image)
{
	const char *config = image_string(image, "Config");
	struct json_object *layers = image_member(image, "Layers", json_type_array),
			   *tags = image_member(image, "RepoTags", json_type_array);
	int err = 0;

	if (!config || !layers)
		return bad(f, "manifest.json", "an image without Config or Layers");
	size_t hex = strspn(config, "0123456789abcdef");
	char digest[DIGEST_MAX] = "sha256:"; /* NULs behind it */
	bool named = hex == DIGEST_HEX && strcmp(config + hex, ".json") == 0;
	if (named)
		memcpy(digest + 7, config, DIGEST_HEX);
	err = read_config(f, config, named ? digest : NULL, json_object_array_length(layers));
	for (size_t i = 0; !err && i < f->img->nr_layers; i++) {
		const char *file = string_of(at(layers, i));
		err = file ? find_layer(f, i, file, NULL)
			   : bad(f, "manifest.json", "a layer without a name");
	}
	for (size_t i = 0; !err && tags && i < json_object_array_length(tags); i++)
		err = add_name(f, string_of(at(tags, i)));
	return err;
}

static int find_docker(struct finding *f, struct json_object *manifest)
{
	struct json_object *found = NULL;
	size_t nr =
	    json_object_is_type(manifest, json_type_array) ? json_object_array_length(manifest) : 0;

	for (size_t i = 0; i < nr; i++) {
		struct json_object *o = at(manifest, i);
		if (f->want && !has_name(image_member(o, "RepoTags", json_type_array), f->want))
			continue;
		if (found)
			return bad(f, "manifest.json", "several images: name one, as FILE:NAME");
		found = o;
	}
	if (!found)
		return f->want ? bad(f, f->want, "no image of that name")
			       : bad(f, "manifest.json", "no image");
	return take_docker(f, found);
}

/* ---- OCI layouts ---- */

#define BLOB_NAME_MAX (sizeof "blobs/sha256/" + DIGEST_HEX)

/* The file of a descriptor's blob. */
static int blob_name(struct finding *f, struct json_object *descriptor, char out[BLOB_NAME_MAX],
		     const char **digest)
{
	*digest = image_string(descriptor, "digest");
	if (!*digest || !digest_is_valid(*digest))
		return bad(f, "index.json", "a digest that is none that hl knows");
	snprintf(out, BLOB_NAME_MAX, "blobs/sha256/%s", *digest + 7);
	return 0;
}

static int take_manifest(struct finding *f, struct json_object *manifest)
{
	struct json_object *config = image_member(manifest, "config", json_type_object),
			   *layers = image_member(manifest, "layers", json_type_array);
	char file[BLOB_NAME_MAX];
	const char *digest;

	if (!config || !layers)
		return bad(f, "index.json", "a manifest without a configuration or layers");
	int err = blob_name(f, config, file, &digest);
	if (!err)
		err = read_config(f, file, digest, json_object_array_length(layers));
	for (size_t i = 0; !err && i < f->img->nr_layers; i++) {
		err = blob_name(f, at(layers, i), file, &digest);
		if (!err)
			err = find_layer(f, i, file, digest);
	}
	return err;
}

static const char *const name_keys[] = { "io.containerd.image.name",
					 "org.opencontainers.image.ref.name" };

static bool is_called(struct json_object *descriptor, const char *want)
{
	struct json_object *notes = image_member(descriptor, "annotations", json_type_object);

	for (size_t i = 0; i < sizeof name_keys / sizeof *name_keys; i++) {
		const char *name = image_string(notes, name_keys[i]);
		if (name && image_names_match(name, want))
			return true;
	}
	return false;
}

static int take_descriptor(struct finding *f, struct json_object *descriptor, unsigned depth);

/* Of several for this machine, all of one name, the first counts, as for other tools. */
static int take_index(struct finding *f, struct json_object *index, unsigned depth)
{
	struct json_object *list = image_member(index, "manifests", json_type_array), *found = NULL;
	size_t nr = list ? json_object_array_length(list) : 0;
	bool other = false;

	for (size_t i = 0; i < nr; i++) {
		struct json_object *o = at(list, i);
		if (!depth && f->want && !is_called(o, f->want))
			continue;
		if (!runs_here(image_member(o, "platform", json_type_object))) {
			other = true;
			continue;
		}
		if (found && !depth && !f->want)
			return bad(f, "index.json", "several images: name one, as FILE:NAME");
		found = found ? found : o;
	}
	if (found)
		return take_descriptor(f, found, depth + 1);
	if (other)
		return errmsg_set(f->errmsg, EINVAL, "%s: no image for linux/%s", source_path(f->s),
				  machine());
	return bad(f, f->want ? f->want : "index.json",
		   f->want ? "no image of that name" : "no image");
}

static int take_descriptor(struct finding *f, struct json_object *descriptor, unsigned depth)
{
	struct json_object *notes = image_member(descriptor, "annotations", json_type_object);
	char file[BLOB_NAME_MAX];
	const char *digest;
	size_t len;
	int err = depth > INDEX_MAX ? bad(f, "index.json", "too many indexes in indexes")
				    : blob_name(f, descriptor, file, &digest);

	for (size_t i = 0; !err && i < sizeof name_keys / sizeof *name_keys && !f->img->nr_names;
	     i++)
		err = add_name(f, image_string(notes, name_keys[i]));
	if (err)
		return err;
	struct json_object *o = read_json(f, file, digest, NULL, &len);
	if (!o)
		return bad(f, file, "no such file");
	err = image_member(o, "manifests", json_type_array) ? take_index(f, o, depth)
							    : take_manifest(f, o);
	json_object_put(o);
	return err;
}

/* ---- */

int image_find(struct source *s, const char *name, struct image *out, struct errmsg *errmsg)
{
	struct finding f = { s, name, out, errmsg };
	struct json_object *o;
	size_t len;
	int err;

	*out = (struct image){ .nr_layers = 0 };
	if ((o = read_json(&f, "manifest.json", NULL, NULL, &len)))
		err = find_docker(&f, o);
	else if (errmsg->text[0])
		err = -EINVAL;
	else if ((o = read_json(&f, "index.json", NULL, NULL, &len)))
		err = take_index(&f, o, 0);
	else
		err = errmsg_set(errmsg, EINVAL,
				 "%s: no image: it has neither manifest.json nor index.json",
				 s ? source_path(s) : "");
	json_object_put(o);
	if (err)
		image_free(out);
	return err;
}

void image_free(struct image *img)
{
	for (size_t i = 0; i < img->nr_layers; i++)
		blob_close(&img->layer[i].blob);
	free(img->layer);
	free(img->name);
	free(img->config_text);
	json_object_put(img->config);
	*img = (struct image){ .nr_layers = 0 };
}
