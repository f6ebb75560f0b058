/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The cache of what probing KVM found: the cost of an exit, measured once since the machine booted,
 * in a small file of the user's. It holds for one boot, kernel release, version of hl and KVM
 * device, all of which the file names; a file that names others counts as none.
 *
 * The file is hl-kvm-UID, in the first of these directories that is there, and is safe from others:
 *
 * 	$XDG_RUNTIME_DIR    /run/user/UID    /tmp
 *
 * Whoever can write there can at most make hl pick another platform. It is read only if it is a
 * regular file of ours that nobody else can write; anything else under its name is left alone, or
 * replaced if it is ours. It is written without a name and then linked, so nobody ever reads half
 * of it, and nothing stays behind when we are killed.
 */
#ifndef HL_PLATFORM_PROBE_CACHE_H
#define HL_PLATFORM_PROBE_CACHE_H

#include <stdint.h>

#define PROBE_CACHE_PATH 512

struct probe_cache {
	char key[512]; /* what the file begins with */
	char dir[PROBE_CACHE_PATH - 32];
	char path[PROBE_CACHE_PATH]; /* of the file; "": there is no place for it */
	int fd;                      /* a new file without a name; -1: none */
};

/* 0 and the number; -ENOENT: there is none, and probe_cache_prepare may find a place for it.
 * `device` is what was measured. */
int probe_cache_read(struct probe_cache *pc, const char *device, uint64_t *value);
/* After probe_cache_read found nothing: opens the file to write to, before the measurement, which
 * takes long, is made. 0 or -errno. */
int probe_cache_prepare(struct probe_cache *pc);
/* After probe_cache_prepare. value 0: nothing is written. */
void probe_cache_write(struct probe_cache *pc, uint64_t value);

#endif
