/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A number that was measured once since the machine booted, in a small file of the user's: what an
 * exit of KVM costs. It holds for one boot, kernel release, version of hl and KVM device, which the
 * file names; any other is as good as none.
 *
 * The file is hl-kvm-UID, in the first of these directories that is there, and is safe from others:
 *
 * 	$XDG_RUNTIME_DIR    /run/user/UID    /tmp
 *
 * Whoever can write there can at most make hl pick another platform. It is read only if it is a
 * regular file of ours that nobody else can write; what else is there under its name is left alone,
 * or replaced where it is ours. It is written under no name and then linked: no half of it is ever
 * seen, and nothing stays behind when we are killed.
 */
#ifndef HL_PLATFORM_MEMO_H
#define HL_PLATFORM_MEMO_H

#include <stdint.h>

#define MEMO_PATH 512

struct memo {
	char key[512]; /* what the file begins with */
	char dir[MEMO_PATH - 32];
	char path[MEMO_PATH]; /* of the file; "": there is no place for it */
	int fd;               /* a new file without a name; -1: none */
};

/* 0 and the number; -ENOENT: there is none, and memo_prepare may find a place for it. `device` is
 * what was measured. */
int memo_read(struct memo *m, const char *device, uint64_t *value);
/* After memo_read found nothing: a place to write to, before the dear measurement is made. 0 or
 * -errno. */
int memo_prepare(struct memo *m);
/* After memo_prepare. value 0: nothing is written. */
void memo_write(struct memo *m, uint64_t value);

#endif
