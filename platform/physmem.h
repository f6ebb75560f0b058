/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The memory of one sandbox as its platform sees it: memory files, which give pages by offset.
 *
 *   one reserved range of host addresses per sandbox (struct physmem)
 *   base                               base+arena_size             base+arena_size+window_size
 *   | arena: a sparse memfd, mapped whole | window: pieces of mapped host files, on demand |
 *
 * - The arena is the memory file behind all anonymous memory and all in-memory file systems. Its
 *   offsets cost nothing until touched. Who owns which offsets is mm/arena.h's business.
 * - A host memory file wraps a host descriptor. Its pieces are mapped into the window when
 *   memfile_ptr first needs them, and stay until the memory file dies. The monitor reaches guest
 *   memory by memfile_ptr. A platform maps memory files into guests by descriptor and offset
 *   (process) or by their host address (kvm: guest-physical address = constant + (host address -
 *   base)). Both mappings are MAP_SHARED, so MADV_DONTNEED on any part of the range loses nothing:
 *   it only drops translations.
 */
#ifndef HL_PLATFORM_PHYSMEM_H
#define HL_PLATFORM_PHYSMEM_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/errmsg.h"
#include "util/ref.h"

struct physmem;

/* The first `len` bytes of a file, where its owner has them mapped for reading. */
struct memfile_view {
	const char *base; /* NULL: nowhere */
	uint64_t len;
};

/* Where there are no addresses for it there is none. */
void memfile_view_open(int fd, uint64_t len, struct memfile_view *out);
void memfile_view_close(const struct memfile_view *view);

struct memfile {
	struct ref refs;
	bool writable; /* may be mapped for writing */
	int fd;
	bool borrowed; /* the descriptor is somebody else's, who keeps it */
	struct physmem *pm;
	struct memfile_pieces *pieces; /* host files: what is mapped where; NULL for the arena */
	struct memfile_view view;
};

/* Sizes in bytes, multiples of 1 GiB. Installs the fault handlers of host/fixup.h, without which
 * nobody could use what memfile_ptr gives. Fails with -ENOMEM when the address space is limited
 * (RLIMIT_AS): try smaller. */
int physmem_create(uint64_t arena_size, uint64_t window_size, struct physmem **out,
		   struct errmsg *errmsg);
/* How many there are in this process: they share its addresses. */
unsigned physmem_count(void);
/* Every memory file but the arena must be gone. */
void physmem_destroy(struct physmem *pm);
/* The end is urgent. To unmap gigabytes and to give them back takes the host a while, for which
 * neither physmem_destroy nor the end of this process will wait: a process of its own does both
 * (host/aside.h). No effect where there is little, or the second time. */
void physmem_hurry(struct physmem *pm);

struct memfile *physmem_arena(struct physmem *pm);
uint64_t physmem_arena_size(const struct physmem *pm);
/* The whole reserved range. */
void *physmem_base(const struct physmem *pm);
uint64_t physmem_size(const struct physmem *pm);

/* Wraps a host regular file (or any mappable descriptor); takes `fd` over, also on failure. */
int memfile_open(struct physmem *pm, int fd, bool writable, struct memfile **out);
/* The same of one that may not be written, whose descriptor stays the caller's, to be kept open for
 * longer than the physmem lives: sandboxes that have many files in common share descriptors. So it
 * is with `view` (NULL: there is none). */
int memfile_borrow(struct physmem *pm, int fd, const struct memfile_view *view,
		   struct memfile **out);
struct memfile *memfile_get(struct memfile *mf);
void memfile_put(struct memfile *mf);

/* Host address of [off, off+len) of `mf`, contiguous, page-aligned offsets not required. NULL: no
 * memory or window space. Access may fault where the file ends: use host/fixup.h. Thread-safe. */
void *memfile_ptr(struct memfile *mf, uint64_t off, uint64_t len);
/* The same for reading, where another has it mapped: not in this range of addresses. NULL: it is
 * not. */
const void *memfile_viewed(const struct memfile *mf, uint64_t off, uint64_t len);

#endif
