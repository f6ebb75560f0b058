/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What device numbers mean in a sandbox: a device node on any file system opens one of these, never
 * a device of the host. The memory devices (null(4), random(4)) are always there; terminals and the
 * like are added by who makes them.
 */
#ifndef HL_FS_DEVICE_H
#define HL_FS_DEVICE_H

#include "fs/file.h"

struct device_table;

/* Opens the device; `d` is the node it was opened by, for file.path. */
typedef int device_open_fn(void *arg, struct caller *c, dev_t dev, int flags, struct file **out);

struct device_table *device_table_new(void);
void device_table_free(struct device_table *t);
/* Character devices `major`:first..last. Before the first task runs. 0 or -ENOMEM. */
int device_table_add(struct device_table *t, unsigned major, unsigned first, unsigned last,
		     device_open_fn *open, void *arg);
/* -ENXIO: no such device. */
int device_open(struct device_table *t, struct caller *c, dev_t dev, int flags, struct file **out);
/* The number of a whiteout, the character device that stands for a name that is not there: nothing
 * is behind it, and anybody may make one. */
#define WHITEOUT_DEV 0

/* May a guest make a node of it on a file system of the host? Only what every program may use there
 * anyway. */
bool device_harmless(dev_t dev);

#endif
