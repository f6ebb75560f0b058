/* SPDX-License-Identifier: Apache-2.0 */
/* Overlays that a guest mounts: mount -t overlay -o lowerdir=...,upperdir=...,workdir=... */
#ifndef HL_SYS_OVERLAY_FS_H
#define HL_SYS_OVERLAY_FS_H

#include "sys/sys.h"

/* Paths as they were given; each owned, NULL: not given. */
struct overlay_params {
	char *lower; /* several, with colons between them */
	char *upper, *work;
	bool user_marks; /* userxattr */
};

struct fs_context;
struct filesystem;

/* As the functions of struct fs_type. */
int overlay_fs_parse(struct fs_context *fc, const char *key, const char *value);
int overlay_fs_create(struct fs_context *fc, struct task *t, struct filesystem **out);
int overlay_fs_reconfigure(const struct fs_context *fc, struct filesystem *fs);
void overlay_params_free(struct overlay_params *p);

#endif
