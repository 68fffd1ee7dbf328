/* SPDX-License-Identifier: BSD-3-Clause */
/* Batches: packed keys in groups, so that their cache misses overlap. */
#ifndef CACHE_BATCH_H
#define CACHE_BATCH_H

#include "cache/pool.h"

#include <maru/batch.h>

#define BATCH_GROUP 32u

/* A group of keys on its way: hashed, their lines asked for. */
struct batch_group {
	struct dir_key key[BATCH_GROUP];
	int bad[BATCH_GROUP]; /* 0, or why the key is none */
	uint32_t nr;
};

/**
 * batch_check() - may the batch as a whole be done?
 * @flags: flags of keys->flags that this call knows
 */
int batch_check(const struct maru_keys *keys, uint32_t flags);

/** batch_load() - hash keys from @first on and prefetch what they lead to */
void batch_load(struct maru_pool *p, const struct maru_keys *keys,
		uint32_t first, struct batch_group *g);

typedef int (*batch_fn)(struct maru_pool *p, const struct dir_key *k,
			uint32_t i, void *ctx);

/**
 * batch_run() - do one thing to every key
 * @good: the least result that counts as success: 0 for most, 1 for exists
 *
 * Fills res[i] (if not NULL), heeds MARU_PREFIX, returns the successes.
 */
int batch_run(struct maru_pool *p, const struct maru_keys *keys, batch_fn fn,
	      void *ctx, int good, int *res);

#endif
