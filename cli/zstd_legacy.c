/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keeps the decoders of zstd's formats before 0.8 out of the executable: 90 KB for archives that
 * nobody has made since 2016. libzstd's decoder calls these functions for a frame whose magic
 * number is an old one. fs/cpiofs/unpack.c refuses such a frame by its name before zstd sees it, so
 * none of them is ever called; they answer what zstd takes for an error.
 *
 * They stand with the executable because libhl.a leaves a program that embeds it its own libzstd.
 * A libzstd that has no old formats, or older ones, links as well.
 */
#include <stddef.h>
#include <zstd_errors.h>

#define REFUSED ((size_t)-ZSTD_error_version_unsupported)

/* The prototypes are zstd's, whose header of them is not installed. */
#define REFUSE_CONTEXTS(prefix)                                                                    \
	void *prefix##_createDCtx(void);                                                           \
	void *prefix##_createDCtx(void)                                                            \
	{                                                                                          \
		return NULL;                                                                       \
	}                                                                                          \
	size_t prefix##_freeDCtx(void *ctx);                                                       \
	size_t prefix##_freeDCtx(void *ctx)                                                        \
	{                                                                                          \
		return 0;                                                                          \
	}

#define REFUSE_VERSION(v)                                                                          \
	REFUSE_CONTEXTS(ZSTDv##v)                                                                  \
	REFUSE_CONTEXTS(ZBUFFv##v)                                                                 \
	size_t ZSTDv##v##_getFrameParams(void *params, const void *src, size_t size);              \
	size_t ZSTDv##v##_getFrameParams(void *params, const void *src, size_t size)               \
	{                                                                                          \
		return REFUSED;                                                                    \
	}                                                                                          \
	void ZSTDv##v##_findFrameSizeInfoLegacy(const void *src, size_t size, size_t *compressed,  \
						unsigned long long *bound);                        \
	void ZSTDv##v##_findFrameSizeInfoLegacy(const void *src, size_t size, size_t *compressed,  \
						unsigned long long *bound)                         \
	{                                                                                          \
		*compressed = REFUSED;                                                             \
		*bound = (unsigned long long)-2; /* ZSTD_CONTENTSIZE_ERROR */                      \
	}                                                                                          \
	size_t ZSTDv##v##_decompress_usingDict(void *ctx, void *dst, size_t room, const void *src, \
					       size_t size, const void *dict, size_t dict_size);   \
	size_t ZSTDv##v##_decompress_usingDict(void *ctx, void *dst, size_t room, const void *src, \
					       size_t size, const void *dict, size_t dict_size)    \
	{                                                                                          \
		return REFUSED;                                                                    \
	}                                                                                          \
	size_t ZBUFFv##v##_decompressInitDictionary(void *ctx, const void *dict, size_t size);     \
	size_t ZBUFFv##v##_decompressInitDictionary(void *ctx, const void *dict, size_t size)      \
	{                                                                                          \
		return REFUSED;                                                                    \
	}                                                                                          \
	size_t ZBUFFv##v##_decompressContinue(void *ctx, void *dst, size_t *room, const void *src, \
					      size_t *size);                                       \
	size_t ZBUFFv##v##_decompressContinue(void *ctx, void *dst, size_t *room, const void *src, \
					      size_t *size)                                        \
	{                                                                                          \
		return REFUSED;                                                                    \
	}

REFUSE_VERSION(05)
REFUSE_VERSION(06)
REFUSE_VERSION(07)
