/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes and reads the world of a configuration. What is read goes through the setters of hl.h, so
 * it is checked as whatever a caller says. See the header.
 */
#include "lib/saved_world.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fs/vfs.h"
#include "lib/config.h"
#include "lib/snapshot.h"
#include "snapshot/snapshot.h"

/* ---- writing ---- */

static void encode_host_path(struct encoder *out, const char *path)
{
	char cwd[PATH_MAX];
	char *whole = NULL;

	if (path && path[0] != '/' && getcwd(cwd, sizeof cwd)) {
		if (asprintf(&whole, "%s/%s", cwd, path) < 0) {
			whole = NULL;
			out->failed = true;
		}
	}
	encode_string(out, whole ? whole : path);
	free(whole);
}

static void encode_strings(struct encoder *out, const struct strings *s)
{
	encode(out, s->count);
	for (size_t i = 0; i < s->count; i++)
		encode_string(out, s->item[i]);
}

static void encode_mount(struct encoder *out, const struct mount_spec *m)
{
	bool memory = strcmp(m->type, "tmpfs") == 0;

	encode(out, memory);
	encode_string(out, m->target);
	if (memory) {
		encode(out, m->size);
		return;
	}
	encode_host_path(out, m->source);
	encode(out, (m->flags & MOUNT_RDONLY) != 0);
}

void saved_world_encode(const struct hl_config *cfg, struct encoder *out)
{
	encode_string(out, cfg->driver ? driver_name(cfg->driver) : NULL);
	encode_host_path(out, cfg->root);
	encode_host_path(out, cfg->initrd);
	encode(out, cfg->isolate);
	encode_host_path(out, cfg->workspace);
	encode_host_path(out, cfg->sysroot);
	encode_host_path(out, cfg->translator);
	encode(out, cfg->overlay);
	encode_host_path(out, cfg->upper);
	encode_strings(out, &cfg->hidden);
	encode(out, cfg->mounts.count);
	for (size_t i = 0; i < cfg->mounts.count; i++)
		encode_mount(out, &cfg->mounts.item[i]);
	encode(out, cfg->network);
	encode_strings(out, &cfg->allow);
	encode_strings(out, &cfg->block);
	encode_strings(out, &cfg->publish);
	encode(out, cfg->host_priority);
	for (int i = 0; i < HL_NR_LIMITS; i++)
		encode(out, cfg->limits[i]);
}

/* ---- reading ---- */

#define TEXT_MAX (64UL << 10) /* more than any name, or rule, has */

static void take_string(struct hl_config *cfg, struct decoder *in,
			void (*set)(struct hl_config *cfg, const char *value))
{
	char *s = decode_string(in, TEXT_MAX);

	if (s)
		set(cfg, s);
	free(s);
}

static void take_strings(struct hl_config *cfg, struct decoder *in,
			 void (*add)(struct hl_config *cfg, const char *value))
{
	for (uint64_t n = decode_count(in, sizeof(uint64_t)); n && !in->failed; n--)
		take_string(cfg, in, add);
}

static void take_mount(struct hl_config *cfg, struct decoder *in)
{
	bool memory = decode_bool(in);
	char *target = decode_string(in, PATH_MAX), *source = NULL;

	if (memory) {
		uint64_t size = decode(in);
		if (target && !in->failed)
			hl_config_add_tmpfs(cfg, target, size);
	} else {
		source = decode_string(in, TEXT_MAX);
		bool read_only = decode_bool(in);
		if (target && source && !in->failed)
			hl_config_add_mount(cfg, source, target, read_only);
	}
	in->failed |= !target || (!memory && !source);
	free(target);
	free(source);
}

static void take_overlay(struct hl_config *cfg, struct decoder *in)
{
	bool overlay = decode_bool(in);
	char *upper = decode_string(in, TEXT_MAX);

	if (overlay)
		hl_config_set_overlay(cfg, upper);
	free(upper);
}

static void take_network(struct hl_config *cfg, struct decoder *in)
{
	hl_config_set_network(cfg, (enum hl_network)decode_max(in, HL_NETWORK_NAMESPACE));
	take_strings(cfg, in, hl_config_allow_network);
	take_strings(cfg, in, hl_config_block_network);
	take_strings(cfg, in, hl_config_publish);
}

static void take_limits(struct hl_config *cfg, struct decoder *in)
{
	for (int i = 0; i < HL_NR_LIMITS; i++) {
		uint64_t limit = decode(in);
		if (limit)
			hl_config_set_limit(cfg, (enum hl_limit)i, limit);
	}
}

char *saved_world_driver(const struct snapshot *snap)
{
	struct decoder in = snap->info.world;

	return decode_string(&in, DRIVER_NAME_MAX);
}

void hl_config_take_world(struct hl_config *cfg, const struct hl_snapshot *snapshot)
{
	struct decoder in = snapshot->snap->info.world;

	if (!cfg)
		return;
	free(decode_string(&in, TEXT_MAX)); /* the driver runs already */
	take_string(cfg, &in, hl_config_set_root);
	take_string(cfg, &in, hl_config_set_initrd);
	hl_config_set_isolate(cfg, decode_bool(&in));
	take_string(cfg, &in, hl_config_set_workspace);
	take_string(cfg, &in, hl_config_set_sysroot);
	take_string(cfg, &in, hl_config_set_translator);
	take_overlay(cfg, &in);
	take_strings(cfg, &in, hl_config_add_hidden);
	for (uint64_t n = decode_count(&in, 3 * sizeof(uint64_t)); n && !in.failed; n--)
		take_mount(cfg, &in);
	take_network(cfg, &in);
	hl_config_set_host_priority(cfg, decode_bool(&in));
	take_limits(cfg, &in);
	cfg->taken_mounts = cfg->mounts.count;
	cfg->taken_network = true;
	if (!decoder_done(&in))
		config_invalid(cfg, "the snapshot is damaged", "its world");
}
