/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program with plug-ins that it does not trust: host TEXT PLUGIN...
 *
 * A plug-in is a program in any language. It runs in a sandbox of its own, sees its own file and
 * the machine's programs, and waits for calls by way of /dev/hl (docs/guest.md): "describe" gives a
 * line, "change" takes a text and gives another. It may call the host's functions "log" and
 * "setting". A plug-in that fails is passed over, and one that hangs is ended; the host and the
 * others go on.
 */
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hl.h>

#define START_MS 60000
#define CALL_MS  3000

struct plugin {
	const char *name;
	struct hl_sandbox *sb; /* NULL: it is out */
};

/* ---- what plug-ins may call ---- */

/* What they send is anything: printed as text, it gets no control characters through. */
static void on_log(void *arg, struct hl_call *call)
{
	const struct plugin *p = arg;
	size_t len;
	const unsigned char *text = hl_call_data(call, &len);

	printf("[%s] ", p->name);
	for (size_t i = 0; i < len; i++)
		putchar(text[i] < ' ' ? '?' : text[i]);
	putchar('\n');
}

static void on_setting(void *unused, struct hl_call *call)
{
	(void)unused;
	static const struct {
		const char *name, *value;
	} settings[] = { { "language", "en" }, { "width", "72" } };
	size_t len;
	const char *name = hl_call_data(call, &len);

	for (size_t i = 0; i < sizeof settings / sizeof *settings; i++)
		if (len == strlen(settings[i].name) && memcmp(name, settings[i].name, len) == 0) {
			hl_call_reply(call, settings[i].value, strlen(settings[i].value));
			return;
		}
	hl_call_fail(call, "there is no such setting");
}

/* ---- plug-ins ---- */

/* Says what is wrong, once, and frees the error. */
static void complain(const struct plugin *p, struct hl_error *err)
{
	printf("%s: %s\n", p->name, hl_error_text(err));
	hl_error_free(err);
}

static void start(struct plugin *p, const char *file)
{
	char inside[512];
	const char *args[] = { inside };
	struct hl_config *cfg = hl_config_new();
	struct hl_error *err = NULL;

	snprintf(inside, sizeof inside, "/plugin/%s", p->name);
	hl_config_set_args(cfg, 1, args);
	hl_config_set_platform(cfg, getenv("HL_PLATFORM") ? getenv("HL_PLATFORM") : "auto");
	hl_config_set_isolate(cfg, true);
	hl_config_add_mount(cfg, file, inside, true);
	hl_config_set_limit(cfg, HL_LIMIT_PIDS, 8);
	hl_config_set_limit(cfg, HL_LIMIT_MEMORY, 128 << 20);
	hl_config_set_stdio(cfg, -1, -1, 2);
	hl_config_add_function(cfg, "log", on_log, p);
	hl_config_add_function(cfg, "setting", on_setting, p);
	if (hl_sandbox_start(cfg, &p->sb, &err))
		complain(p, err);
	hl_config_free(cfg);
}

/* Calls it with a text, and puts what comes back in its place. */
static void call(struct plugin *p, const char *what, unsigned limit_ms, struct hl_bytes *text)
{
	struct hl_bytes out = { 0 };
	struct hl_error *err = NULL;

	if (!p->sb)
		return;
	if (hl_sandbox_call(p->sb, what, text->data, text->len, limit_ms, &out, &err)) {
		bool goes_on = hl_error_code(err) == HL_FAILED;
		hl_bytes_free(&out);
		complain(p, err);
		if (goes_on)
			return;
		hl_sandbox_free(p->sb);
		p->sb = NULL;
		return;
	}
	hl_bytes_free(text);
	*text = out;
}

static void describe(struct plugin *p)
{
	struct hl_bytes text = { 0 };

	call(p, "describe", START_MS, &text);
	if (text.data)
		printf("%s: %.*s\n", p->name, (int)text.len, text.data);
	hl_bytes_free(&text);
}

int main(int argc, char **argv)
{
	if (argc < 3) {
		fprintf(stderr, "host TEXT PLUGIN...\n");
		return 2;
	}
	struct hl_bytes text = { strdup(argv[1]), strlen(argv[1]) };
	int count = argc - 2;
	struct plugin *plugins = calloc((size_t)count, sizeof *plugins);

	setvbuf(stdout, NULL, _IOLBF, 0); /* functions print from other threads */
	for (int i = 0; i < count; i++) {
		plugins[i].name = basename(argv[2 + i]);
		start(&plugins[i], argv[2 + i]);
	}
	for (int i = 0; i < count; i++)
		describe(&plugins[i]);
	for (int round = 0; round < 2; round++)
		for (int i = 0; i < count; i++)
			call(&plugins[i], "change", CALL_MS, &text);
	printf("%.*s\n", (int)text.len, text.data);
	for (int i = 0; i < count; i++)
		hl_sandbox_free(plugins[i].sb);
	hl_bytes_free(&text);
	free(plugins);
	return 0;
}
