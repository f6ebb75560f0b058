/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What users and guests write down: the command line of hl run, and the parameters of file systems
 * as mount(2) and fsconfig(2) take them. The first byte says which:
 *
 *   0  words of a command line, each ended by a newline. What it makes of --mount, --tmpfs, --user
 *      and --env has to be what a second reading of the same words says.
 *   1  the options of mount(2) for a tmpfs, and what Linux's mm/shmem.c would make of them
 *   2  the same for another type; nothing is compared
 *   3  parameters of fsconfig(2), one a line, and the messages about them
 *
 * Nothing is opened and no sandbox is started.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/options.h"
#include "cli/run.h"
#include "lib/config.h"
#include "sys/fs_context.h"
#include "tests/fuzz/fuzz.h"

#define WORDS_MAX 64
#define RAM       (12345UL * 4096) /* of the machine that a tmpfs takes its share of */

/* Options may name files to write and to read: whatever they name, it is this one. The linker sends
 * the library's calls here (--wrap). */
int __wrap_open(const char *path, int flags, ...);
int __wrap_open64(const char *path, int flags, ...);
int __real_open(const char *path, int flags, ...);

int __wrap_open(const char *path, int flags, ...)
{
	return __real_open("/dev/null", flags & ~(O_CREAT | O_EXCL | O_TRUNC | O_DIRECTORY));
}

int __wrap_open64(const char *path, int flags, ...)
{
	return __wrap_open(path, flags);
}

static void check_that_nothing_is_opened(void)
{
	static bool checked;

	if (checked)
		return;
	checked = true;
	int fd = open("/nowhere/nothing", O_RDONLY);
	CHECK(fd >= 0);
	close(fd);
}

/* ---- the command line ---- */

/* The values that --NAME gets, in order; words after the program and values of other options are
 * none. */
struct values {
	const char *of[WORDS_MAX];
	size_t count;
};

static const struct option_def *long_option(const char *word, size_t len)
{
	const struct option_def *found = NULL;

	for (size_t i = 0; i < nr_options; i++) {
		if (strncmp(options[i].name, word, len) != 0)
			continue;
		if (strlen(options[i].name) == len)
			return &options[i];
		if (found)
			return NULL;
		found = &options[i];
	}
	return found;
}

/* False: this reading does not know the word; the other is not asked what it made of the line. */
static bool read_word(char **argv, int argc, int *at, const char *name, struct values *v)
{
	const char *word = argv[*at] + 2, *eq = strchr(word, '=');
	const struct option_def *o = long_option(word, eq ? (size_t)(eq - word) : strlen(word));
	const char *value = eq ? eq + 1 : NULL;

	if (!o || (value && o->has_arg == no_argument))
		return false;
	if (!value && o->has_arg == required_argument) {
		if (++*at >= argc)
			return false;
		value = argv[*at];
	}
	if (strcmp(o->name, name) == 0)
		v->of[v->count++] = value;
	return true;
}

static bool read_values(char **argv, int argc, const char *name, struct values *v)
{
	v->count = 0;
	for (int i = 1; i < argc; i++) {
		if (strncmp(argv[i], "--", 2) != 0)
			return argv[i][0] != '-' || !argv[i][1];
		if (!argv[i][2])
			return true;
		if (!read_word(argv, argc, &i, name, v))
			return false;
	}
	return true;
}

/* A place, as a stranger would make it plain. */
static bool is_plain(const char *place)
{
	return place[0] == '/' && place[1] && !strstr(place, "//") && !strstr(place, "/./") &&
	       !strstr(place, "/../") && place[strlen(place) - 1] != '/';
}

static void check_mount(const struct mount_spec *m, const char *value)
{
	const char *colon = strchr(value, ':');
	size_t host = colon ? (size_t)(colon - value) : strlen(value);
	bool ro = strlen(value) > 3 && strcmp(value + strlen(value) - 3, ":ro") == 0;

	CHECK(strcmp(m->type, "hostfs") == 0);
	CHECK(strlen(m->source) == host && memcmp(m->source, value, host) == 0);
	CHECK(!!(m->flags & MOUNT_RDONLY) == ro);
	CHECK(is_plain(m->target));
	if (!colon || colon[1] != '/')
		CHECK(strcmp(m->target, "/host") == 0);
}

static uint64_t unit_of(const char *s)
{
	static const char units[] = "KMGT";
	const char *u = *s ? strchr(units, *s) : NULL;

	return u ? 1UL << 10 * (u - units + 1) : 1;
}

static void check_tmpfs(const struct mount_spec *m, const char *value)
{
	const char *colon = strrchr(value, ':');

	CHECK(strcmp(m->type, "tmpfs") == 0 && is_plain(m->target));
	CHECK(!colon == !m->size);
	if (colon) {
		size_t digits = strspn(colon + 1, "0123456789");
		CHECK(digits > 0);
		CHECK(m->size == strtoull(colon + 1, NULL, 10) * unit_of(colon + 1 + digits));
	}
}

/* The line was taken: what was made of it? */
static void check_config(const struct hl_config *cfg, char **argv, int argc)
{
	struct values mounts, places, users, names;

	if (!read_values(argv, argc, "mount", &mounts) ||
	    !read_values(argv, argc, "tmpfs", &places) ||
	    !read_values(argv, argc, "user", &users) || !read_values(argv, argc, "env", &names))
		return;
	size_t m = 0, t = 0;
	for (size_t i = 0; i < cfg->mounts.count; i++) {
		const struct mount_spec *spec = &cfg->mounts.item[i];
		if (strcmp(spec->type, "tmpfs") == 0) {
			CHECK(t < places.count);
			check_tmpfs(spec, places.of[t++]);
		} else {
			CHECK(m < mounts.count);
			check_mount(spec, mounts.of[m++]);
		}
		for (size_t j = 0; j < i; j++)
			CHECK(strcmp(cfg->mounts.item[j].target, spec->target) != 0);
	}
	CHECK(m == mounts.count && t == places.count);
	if (users.count)
		CHECK(cfg->user && strcmp(cfg->user, users.of[users.count - 1]) == 0);
	for (size_t i = 0; i < cfg->env.count; i++)
		CHECK(strchr(cfg->env.item[i], '=') != cfg->env.item[i]);
}

static void try_command_line(char *text)
{
	static char hl[] = "hl";
	char *argv[WORDS_MAX + 2] = { hl };
	struct run r = { .cfg = hl_config_new(), .trace_fd = -1, .audit_fd = -1 };
	struct hl_error *err = NULL;
	char *word;
	int argc = 1;

	while (argc <= WORDS_MAX && (word = strsep(&text, "\n")))
		argv[argc++] = word;
	argv[argc] = NULL;
	optind = 0; /* starts anew (getopt(3)) */
	CHECK(r.cfg);
	int status = parse_options(&r, argc, argv);
	CHECK(status == -1 || status == 0 || status == STATUS_USAGE || status == STATUS_HL);
	if (status == -1) {
		CHECK(optind <= argc);
		hl_config_set_args(r.cfg, (size_t)(argc - optind),
				   (const char *const *)argv + optind);
		if (hl_config_check(r.cfg, &err) == 0)
			check_config(r.cfg, argv, argc);
		else
			CHECK(hl_error_text(err)[0] && !strchr(hl_error_text(err), '\n'));
		hl_error_free(err);
	}
	if (r.trace_fd >= 0)
		close(r.trace_fd);
	if (r.audit_fd >= 0)
		close(r.audit_fd);
	hl_config_free(r.cfg);
}

/* ---- mount(2) ---- */

struct shmem {
	uint64_t blocks, inodes;
	unsigned mode, uid, gid, flags;
	bool has_blocks, has_inodes, has_mode, has_uid, has_gid;
};

/* kstrtouint(); a number too long for this reading is none for the other, either. */
static bool model_uint(const char *s, unsigned base, unsigned *out)
{
	uint64_t n = 0;
	unsigned digits = 0;

	s += *s == '+';
	if (!base && s[0] == '0' && (s[1] | 32) == 'x' && isxdigit((unsigned char)s[2])) {
		base = 16;
		s += 2;
	}
	if (!base)
		base = *s == '0' ? 8 : 10;
	for (; isxdigit((unsigned char)*s); s++, digits++) {
		unsigned d = isdigit((unsigned char)*s) ? (unsigned)(*s - '0')
							: (unsigned)((*s | 32) - 'a' + 10);
		if (d >= base)
			return false;
		if (n <= UINT32_MAX)
			n = n * base + d;
	}
	s += *s == '\n';
	*out = (unsigned)n;
	return digits && !*s && n <= UINT32_MAX;
}

/* memparse(). *sure: the number is short enough for both to know it. */
static uint64_t model_memparse(const char *s, const char **end, bool *sure)
{
	uint64_t n = 0;
	unsigned base = 10, digits = 0;

	if (s[0] == '0' && (s[1] | 32) == 'x' && isxdigit((unsigned char)s[2])) {
		base = 16;
		s += 2;
	} else if (*s == '0') {
		base = 8;
	}
	for (; isxdigit((unsigned char)*s); s++, digits++) {
		unsigned d = isdigit((unsigned char)*s) ? (unsigned)(*s - '0')
							: (unsigned)((*s | 32) - 'a' + 10);
		if (d >= base)
			break;
		n = n * base + d;
	}
	*sure = digits <= 15;
	for (const char *u = "kmgtpe", *c = u; *c && *s; c++) {
		if ((*s | 32) == *c && isalpha((unsigned char)*s)) {
			n <<= 10 * (c - u + 1);
			s++;
			break;
		}
	}
	*end = s;
	return n;
}

/* 0, -EINVAL; 1: not known here. */
static int model_limit(const char *key, const char *value, struct shmem *m)
{
	const char *rest;
	bool sure;

	if (!value || !*value)
		return -EINVAL;
	uint64_t n = model_memparse(value, &rest, &sure);
	if (!sure)
		return 1;
	if (!strcmp(key, "size")) {
		if (*rest == '%') {
			n = n * RAM / 100;
			rest++;
		}
		n = (n + 4095) / 4096;
	}
	if (*rest)
		return -EINVAL;
	if (n > INT64_MAX / 4096)
		return 1;
	if (!strcmp(key, "nr_inodes")) {
		m->inodes = n;
		m->has_inodes = true;
	} else {
		m->blocks = n;
		m->has_blocks = true;
	}
	return 0;
}

static int model_number(const char *key, const char *value, struct shmem *m)
{
	unsigned n;

	if (!value || !model_uint(value, *key == 'm' ? 8 : 0, &n) ||
	    (*key != 'm' && n == UINT32_MAX))
		return -EINVAL;
	switch (*key) {
	case 'm':
		m->mode = n & 07777;
		m->has_mode = true;
		break;
	case 'u':
		m->uid = n;
		m->has_uid = true;
		break;
	default:
		m->gid = n;
		m->has_gid = true;
		break;
	}
	return 0;
}

static int model_option(const char *key, const char *value, struct shmem *m)
{
	if (!strcmp(key, "size") || !strcmp(key, "nr_blocks") || !strcmp(key, "nr_inodes"))
		return model_limit(key, value, m);
	if (!strcmp(key, "mode") || !strcmp(key, "uid") || !strcmp(key, "gid"))
		return model_number(key, value, m);
	if (!strcmp(key, "ro") || !strcmp(key, "rw")) {
		m->flags = *key == 'r' && key[1] == 'o';
		return 0;
	}
	return 1;
}

static int model_options(const char *text, struct shmem *m)
{
	while (*text) {
		size_t len = strcspn(text, ",");
		char key[64], *value;
		int err = 0;
		if (len >= sizeof key)
			return 1;
		memcpy(key, text, len);
		key[len] = '\0';
		value = strchr(key, '=');
		if (value)
			*value++ = '\0';
		if (*key)
			err = model_option(key, value, m);
		if (err)
			return err;
		text += len + (text[len] == ',');
	}
	return 0;
}

static void init(struct fs_context *fc, const char *type)
{
	struct vfs vfs = { .ram = RAM };

	CHECK(fs_context_init(fc, &vfs, type) == 0);
}

static void try_tmpfs(char *text)
{
	struct shmem m = { 0 };
	struct fs_context fc;
	int model = model_options(text, &m);

	init(&fc, "tmpfs");
	int err = fs_context_parse_options(&fc, text);
	CHECK(model == 1 || err == model);
	if (!err && !model) {
		CHECK(fc.bytes_given == m.has_blocks && fc.inodes_given == m.has_inodes);
		CHECK(!m.has_blocks || fc.tmpfs.max_bytes == m.blocks * 4096);
		CHECK(!m.has_inodes || fc.tmpfs.max_inodes == m.inodes);
		CHECK(fc.mode_given == m.has_mode && (!m.has_mode || fc.tmpfs.mode == m.mode));
		CHECK(fc.uid_given == m.has_uid && (!m.has_uid || fc.tmpfs.uid == m.uid));
		CHECK(fc.gid_given == m.has_gid && (!m.has_gid || fc.tmpfs.gid == m.gid));
		CHECK((fc.flags & 1) == m.flags);
	}
	fs_context_free(&fc);
}

static void try_others(char *text)
{
	static const char *const types[] = { "proc", "sysfs", "devtmpfs", "devpts" };
	struct fs_context fc;

	for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
		char *copy = strdup(text);
		init(&fc, types[i]);
		CHECK(copy);
		fs_context_parse_options(&fc, copy);
		fs_context_free(&fc);
		free(copy);
	}
}

/* ---- fsconfig(2) ---- */

/* KEY=VALUE, KEY, or !KEY: of a kind that no type takes. */
static void try_parameters(char *text)
{
	char *line, message[FS_LOG_LINE];
	struct fs_context fc;
	unsigned told = 0;
	ssize_t n;

	init(&fc, "tmpfs");
	while ((line = strsep(&text, "\n"))) {
		char *value = strchr(line, '=');
		if (value)
			*value++ = '\0';
		int err = line[0] == '!' ? fs_context_refuse(&fc, line + 1)
					 : fs_context_parse(&fc, line, value);
		CHECK(err == 0 || err == -EINVAL);
		CHECK(fc.log_lines <= FS_LOG_LINES && (!err || fc.log_lines));
		if (err && told++ % 3 == 0) {
			n = fs_context_next_message(&fc, message, strlen(line));
			CHECK(n == -EMSGSIZE || (n > 2 && n <= (ssize_t)strlen(line)));
		}
	}
	while ((n = fs_context_next_message(&fc, message, sizeof message)) > 0)
		CHECK(message[1] == ' ' && message[n - 1] == '\n');
	fs_context_free(&fc);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const tries[])(char *text) = {
		try_command_line,
		try_tmpfs,
		try_others,
		try_parameters,
	};

	if (!size)
		return 0;
	check_that_nothing_is_opened();
	char *text = strndup((const char *)data + 1, size - 1);
	CHECK(text);
	tries[data[0] % 4](text);
	free(text);
	return 0;
}
