/* SPDX-License-Identifier: BSD-3-Clause */
/* Copying values into the pool, past the cache where that is faster. */
#ifndef ARCH_COPY_H
#define ARCH_COPY_H

#include <stddef.h>

/* Below this many bytes a plain memcpy() wins (the reader finds it cached). */
#define COPY_STREAM_MIN (64u << 10)

/**
 * copy_in() - copy into the pool
 *
 * Large copies use streaming stores and end with a store fence, so that a
 * release store after it publishes them too.
 */
void copy_in(void *dst, const void *src, size_t len);

/** copy_fence() - order streaming stores before any later store. */
void copy_fence(void);

#endif
