/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a variable of a thread lies, as glibc's libthread_db finds it (nptl_db/td_thr_tlsbase.c):
 * by descriptions of the C library's own structures, which it has under names that the debugger
 * looks up for us.
 */
#ifndef HL_DEBUG_TLS_H
#define HL_DEBUG_TLS_H

#include <stdint.h>

struct points;

enum tls_symbol {
	TLS_GLOBAL, /* the loader's variables */
	TLS_GLOBAL_SLOTS,
	TLS_LIST_LEN,
	TLS_LIST_NEXT,
	TLS_LIST_SLOTS,
	TLS_SLOT_GENERATION,
	TLS_MODULE_ID,
	TLS_MODULE_OFFSET,
	TLS_THREAD_VECTOR,
	TLS_VECTOR_SLOTS,
	TLS_VECTOR_COUNTER,
	TLS_VECTOR_ADDRESS,
	TLS_SYMBOLS
};

extern const char *const tls_symbol_names[TLS_SYMBOLS];

/* `symbols`: their addresses, 0: not found. `map`: the struct link_map of the module that has the
 * variable, which lies `offset` in its part. -ENOSYS: the symbols are missing. -EFAULT. -ENODATA:
 * the thread has nothing of the module yet. */
int tls_address(struct points *s, const uint64_t symbols[TLS_SYMBOLS], uint64_t thread_pointer,
		uint64_t map, uint64_t offset, uint64_t *out);

#endif
