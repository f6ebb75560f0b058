/* SPDX-License-Identifier: Apache-2.0 */
/* See the header. The guest can have written anything into these structures. */
#include "debug/tls.h"

#include <errno.h>

#include "arch/gdbregs.h"
#include "debug/target.h"

#define LISTS_MAX 64 /* each is twice as long as the one before */

const char *const tls_symbol_names[TLS_SYMBOLS] = {
	[TLS_GLOBAL] = "_rtld_global",
	[TLS_GLOBAL_SLOTS] = "_thread_db_rtld_global__dl_tls_dtv_slotinfo_list",
	[TLS_LIST_LEN] = "_thread_db_dtv_slotinfo_list_len",
	[TLS_LIST_NEXT] = "_thread_db_dtv_slotinfo_list_next",
	[TLS_LIST_SLOTS] = "_thread_db_dtv_slotinfo_list_slotinfo",
	[TLS_SLOT_GENERATION] = "_thread_db_dtv_slotinfo_gen",
	[TLS_MODULE_ID] = "_thread_db_link_map_l_tls_modid",
	[TLS_MODULE_OFFSET] = "_thread_db_link_map_l_tls_offset",
	[TLS_THREAD_VECTOR] = "_thread_db_pthread_dtvp",
	[TLS_VECTOR_SLOTS] = "_thread_db_dtv_dtv",
	[TLS_VECTOR_COUNTER] = "_thread_db_dtv_t_counter",
	[TLS_VECTOR_ADDRESS] = "_thread_db_dtv_t_pointer_val",
};

struct reader {
	struct points *s;
	const uint64_t *symbols;
	bool bad;
};

static void read_at(struct reader *r, uint64_t addr, void *out, size_t n)
{
	r->bad |= points_read(r->s, addr, out, n) != n;
}

/* Where the i-th element of a field lies in the structure at `base`. */
static uint64_t element(struct reader *r, enum tls_symbol which, uint64_t base, uint64_t i)
{
	uint32_t about[3] = { 0 }; /* bits of an element, how many, bytes before the first */

	read_at(r, r->symbols[which], about, sizeof about);
	return base + about[2] + i * (about[0] / 8);
}

static uint64_t word(struct reader *r, uint64_t addr)
{
	uint64_t value = 0;

	read_at(r, addr, &value, sizeof value);
	return value;
}

static uint64_t field(struct reader *r, enum tls_symbol which, uint64_t base)
{
	return word(r, element(r, which, base, 0));
}

/* When the module was loaded, in the loader's count of changes. */
static uint64_t generation_of(struct reader *r, uint64_t module)
{
	uint64_t list = field(r, TLS_GLOBAL_SLOTS, r->symbols[TLS_GLOBAL]);

	for (unsigned i = 0; list && !r->bad && i < LISTS_MAX; i++) {
		uint64_t len = field(r, TLS_LIST_LEN, list);
		if (module < len)
			return field(r, TLS_SLOT_GENERATION,
				     element(r, TLS_LIST_SLOTS, list, module));
		module -= len;
		list = field(r, TLS_LIST_NEXT, list);
	}
	r->bad = true;
	return 0;
}

/* 0: the thread has none. */
static uint64_t block_of(struct reader *r, uint64_t thread, uint64_t module)
{
	uint64_t vector = field(r, TLS_THREAD_VECTOR, thread);

	if (generation_of(r, module) > field(r, TLS_VECTOR_COUNTER, vector))
		return 0;
	uint64_t block = field(r, TLS_VECTOR_ADDRESS, element(r, TLS_VECTOR_SLOTS, vector, module));
	return block & 1 ? 0 : block;
}

/* Of a module that is at one distance from all thread pointers; 0: it is not. */
static uint64_t static_block_of(struct reader *r, uint64_t thread, uint64_t map)
{
	uint64_t distance = field(r, TLS_MODULE_OFFSET, map);

	return distance && distance != UINT64_MAX ? thread - distance : 0;
}

int tls_address(struct points *s, const uint64_t symbols[TLS_SYMBOLS], uint64_t thread_pointer,
		uint64_t map, uint64_t offset, uint64_t *out)
{
	struct reader r = { .s = s, .symbols = symbols };

	for (unsigned i = 0; i < TLS_SYMBOLS; i++) {
		if (!symbols[i] || !GDB_THREAD_AT_POINTER)
			return -ENOSYS;
	}
	uint64_t module = field(&r, TLS_MODULE_ID, map);
	uint64_t block = module ? block_of(&r, thread_pointer, module) : 0;
	if (!block && module)
		block = static_block_of(&r, thread_pointer, map);
	*out = block + offset;
	return r.bad ? -EFAULT : block ? 0 : -ENODATA;
}
