/* SPDX-License-Identifier: Apache-2.0 */
/* hl image ls|import|inspect|rm, and --image. */
#include "cli/image.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/json.h"
#include "image/cache.h"

#define SHORT_ID 12

/* Names of an image's files may have lines and orders to terminals in them. */
static int failed(const struct output *out, struct errmsg *m)
{
	for (char *p = m->text; *p; p++) {
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			*p = '?';
	}
	complain(out, "%s", m->text);
	return STATUS_HL;
}

/* ---- progress ---- */

struct progress {
	const char *name;
	uint64_t total, done;
	unsigned shown; /* percent */
};

static void show_progress(void *arg, uint64_t bytes)
{
	struct progress *p = arg;

	p->done += bytes;
	unsigned percent = (unsigned)(p->total ? p->done * 100 / p->total : 100);
	if (percent == p->shown)
		return;
	p->shown = percent;
	fprintf(stderr, "\rhl: importing %s: %u%%\033[K", p->name, percent);
}

/* On a terminal alone, and gone afterwards. */
static int import(struct cache *c, const struct image *img, const char *file, bool quiet,
		  struct errmsg *m)
{
	struct progress p = { .name = file };
	struct blob_watch watch = { quiet || !isatty(STDERR_FILENO) ? NULL : show_progress, &p };

	for (size_t i = 0; i < img->nr_layers; i++)
		p.total += img->layer[i].blob.end - img->layer[i].blob.at;
	int err = cache_add(c, img, file, &watch, m);
	if (p.shown)
		fprintf(stderr, "\r\033[K");
	return err;
}

/* ---- which image ---- */

/* Splits FILE:NAME where FILE is there. False: nothing of that kind is. */
static bool split_name(const char *arg, char **file, const char **name)
{
	*name = NULL;
	*file = strdup(arg);
	if (!*file || access(*file, F_OK) == 0)
		return *file;
	for (char *colon = strchr(*file, ':'); colon; colon = strchr(colon + 1, ':')) {
		*colon = '\0';
		if (access(*file, F_OK) == 0) {
			*name = arg + (colon + 1 - *file);
			return true;
		}
		*colon = ':';
	}
	free(*file);
	*file = NULL;
	return false;
}

/* The image of a file or a folder, imported where it was not. */
static int from_file(struct cache *c, const char *file, const char *name, bool quiet,
		     char id[DIGEST_HEX + 1], struct errmsg *m)
{
	struct source *s = source_open(file, c->dir, m);
	struct image img;
	int err = s ? image_find(s, name, &img, m) : -1;

	if (!err) {
		strcpy(id, img.id);
		if (!cache_has_named(c, &img))
			err = import(c, &img, file, quiet, m);
		image_free(&img);
	}
	source_free(s);
	return err;
}

static int find_image(struct cache *c, const char *arg, bool quiet, char id[DIGEST_HEX + 1],
		      struct errmsg *m)
{
	const char *name;
	char *file;

	if (!split_name(arg, &file, &name))
		return cache_find(c, arg, id, m);
	int err = from_file(c, file, name, quiet, id, m);
	free(file);
	return err;
}

/* ---- --image ---- */

/* The strings of an array, ended by NULL. NULL: no memory. */
static const char **words_of(struct json_object *config, const char *key, size_t *nr)
{
	struct json_object *array = image_member(config, key, json_type_array);
	size_t n = array ? json_object_array_length(array) : 0;
	const char **words = calloc(n + 1, sizeof *words);

	*nr = 0;
	for (size_t i = 0; words && i < n; i++) {
		struct json_object *o = json_object_array_get_idx(array, i);
		if (json_object_is_type(o, json_type_string))
			words[(*nr)++] = json_object_get_string(o);
	}
	return words;
}

/* "SIGTERM", "TERM", "15", "SIGRTMIN+3"; 0: none of them. */
static int signal_of(const char *name)
{
	if (strncmp(name, "SIG", 3) == 0)
		name += 3;
	if (strncmp(name, "RTMIN+", 6) == 0)
		return atoi(name + 6) + SIGRTMIN <= SIGRTMAX ? atoi(name + 6) + SIGRTMIN : 0;
	for (int sig = 1; sig < 32; sig++) {
		const char *known = sigabbrev_np(sig);
		if (known && strcmp(known, name) == 0)
			return sig;
	}
	int number = atoi(name);
	return number > 0 && number <= SIGRTMAX ? number : 0;
}

static void set_env(struct run *r, struct json_object *config)
{
	size_t nr;
	const char **env = words_of(config, "Env", &nr);

	/* one without a value would be the caller's */
	for (size_t i = 0; env && i < nr; i++) {
		if (env[i][0] != '=' && strchr(env[i], '='))
			hl_config_add_env(r->cfg, env[i]);
	}
	free(env);
}

static int set_config(struct run *r, struct json_object *whole, struct image_run *out)
{
	struct json_object *config = image_member(whole, "config", json_type_object);
	const char *user = image_string(config, "User"), *dir = image_string(config, "WorkingDir"),
		   *stop = image_string(config, "StopSignal");
	char *full = NULL;

	out->entry = words_of(config, "Entrypoint", &out->nr_entry);
	out->cmd = words_of(config, "Cmd", &out->nr_cmd);
	if (!out->entry || !out->cmd)
		return report_no_memory(&r->out);
	set_env(r, config);
	if (user && *user)
		hl_config_set_user(r->cfg, user);
	if (dir && *dir && *dir != '/' && asprintf(&full, "/%s", dir) < 0)
		return report_no_memory(&r->out);
	if (dir && *dir)
		hl_config_set_workdir(r->cfg, full ? full : dir);
	free(full);
	out->stop_signal = stop ? signal_of(stop) : 0;
	return 0;
}

int image_apply(struct run *r, const char *name, struct image_run *out)
{
	struct errmsg m = { "" };
	struct cache c;
	char id[DIGEST_HEX + 1] = "", *archive = NULL;
	int err = cache_open(&c, &m);

	if (!err)
		err = find_image(&c, name, r->out.quiet, id, &m);
	if (!err)
		out->config = cache_config(&c, id, &m);
	cache_close(&c);
	if (err || !out->config)
		return failed(&r->out, &m);
	if (asprintf(&archive, "%s/%s.cpio", c.path, id) < 0)
		return report_no_memory(&r->out);
	hl_config_set_initrd(r->cfg, archive);
	free(archive);
	return set_config(r, out->config, out);
}

void image_run_free(struct image_run *img)
{
	free(img->entry);
	free(img->cmd);
	json_object_put(img->config);
}

/* ---- hl image ---- */

static void print_name(void *arg, const char *name)
{
	const struct cache_entry *e = arg;
	char when[UTC_MAX];

	write_utc(when, (uint64_t)e->time);
	printf("%-48s %.*s %10.1f MB  %s\n", name, SHORT_ID, e->id, (double)e->bytes / 1e6, when);
}

static void count_name(void *arg, const char *name)
{
	++*(size_t *)arg;
}

static int list(const struct output *out, struct cache *c, int argc, char **argv)
{
	size_t nr;
	struct cache_entry *all = cache_list(c, &nr);

	for (size_t i = 0; i < nr; i++) {
		size_t names = 0;
		cache_names(c, all[i].id, count_name, &names);
		if (names)
			cache_names(c, all[i].id, print_name, &all[i]);
		else
			print_name(&all[i], "-");
	}
	free(all);
	return 0;
}

static int import_one(const struct output *out, struct cache *c, char *arg)
{
	struct errmsg m = { "" };
	char id[DIGEST_HEX + 1];

	if (find_image(c, arg, out->quiet, id, &m))
		return failed(out, &m);
	printf("%s\n", id);
	return 0;
}

static void add_name(void *arg, const char *name)
{
	json_object_array_add(arg, json_object_new_string(name));
}

static int inspect(const struct output *out, struct cache *c, char *arg)
{
	struct errmsg m = { "" };
	char id[DIGEST_HEX + 1];
	struct json_object *config = NULL, *names = json_object_new_array();

	if (cache_find(c, arg, id, &m) || !(config = cache_config(c, id, &m))) {
		json_object_put(names);
		return failed(out, &m);
	}
	struct object o = object_new();
	cache_names(c, id, add_name, names);
	put_string(&o, "id", id);
	put_json(&o, "names", names, false);
	put_json(&o, "image", config, false);
	return print_object(out, o);
}

static int remove_one(const struct output *out, struct cache *c, char *arg)
{
	struct errmsg m = { "" };
	char id[DIGEST_HEX + 1];

	return cache_find(c, arg, id, &m) || cache_remove(c, id, &m) ? failed(out, &m) : 0;
}

static const struct {
	const char *name;
	int (*each)(const struct output *out, struct cache *c, char *arg);
} verbs[] = { { "import", import_one }, { "inspect", inspect }, { "rm", remove_one } };

static int run_verb(const struct output *out, struct cache *c, int argc, char **argv)
{
	if (argc > 1 && strcmp(argv[1], "ls") == 0) {
		if (argc > 2)
			return usage_error(out, "image ls takes no arguments");
		return list(out, c, argc, argv);
	}
	for (size_t i = 0; argc > 1 && i < sizeof verbs / sizeof *verbs; i++) {
		if (strcmp(argv[1], verbs[i].name) != 0)
			continue;
		int status =
		    argc > 2 ? 0 : usage_error(out, "image %s needs an image", verbs[i].name);
		for (int k = 2; !status && k < argc; k++)
			status = verbs[i].each(out, c, argv[k]);
		return status;
	}
	return usage_error(out, "image takes ls, import, inspect or rm");
}

int image_main(int argc, char **argv)
{
	const struct output out = { .command = NULL };
	struct errmsg m = { "" };
	struct cache c;

	if (argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0))
		return print_help();
	if (cache_open(&c, &m))
		return failed(&out, &m);
	int status = run_verb(&out, &c, argc, argv);
	cache_close(&c);
	return status;
}
