/* SPDX-License-Identifier: BSD-3-Clause */
/* Three made-up devices to put pools on; see common_wrap.h. */
#ifndef TESTS_COMMON_DAX_POOL_H
#define TESTS_COMMON_DAX_POOL_H

#include "common_dax.h"

#include <maru.h>

#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)
#define DAX_POOL_BYTES (32 * MIB)

/* dax0.0, dax0.1 and dax1.0, each with bytes of its own. */
extern struct dax_fake dax_pool_fakes[3];
extern int dax_pool_memory[3]; /* memfds */

/** dax_pool_prepare() - describe them; then change that and dax_fake() */
void dax_pool_prepare(void);
/** dax_pool_all() - have all three, as described */
void dax_pool_all(void);

void dax_pool_format(const char *target, const char *label);
struct maru_pool *dax_pool_opened(const char *target);

/** dax_pool_says() - the last error has @word in it */
void dax_pool_says(const char *word);
/** dax_pool_refused() - opening is refused so, and leaves nothing open */
void dax_pool_refused(const char *target, int rc, const char *word);

struct maru_super dax_pool_super(const char *target);
/** dax_pool_target() - @prefix:UUID, in a buffer of its own until the next */
const char *dax_pool_target(const char *prefix, const unsigned char *uuid);
/** dax_pool_label() - the pool there opens and has this label */
void dax_pool_label(const char *target, const char *label);

#endif
