/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The library's own accesses to a value's bytes.
 *
 * Under MARU_OPEN_GUARD memory that has failed is -EIO with a message that
 * names the block; without it they are the accesses themselves.
 */
#ifndef CACHE_VALUE_H
#define CACHE_VALUE_H

#include "cache/pool.h"

int value_put(const struct maru_pool *p, uint32_t idx, const void *src,
	      size_t len);
int value_get(const struct maru_pool *p, uint32_t idx, void *dst, size_t len);
/** value_seal() - checksum and write-back, where the pool wants them */
int value_seal(const struct maru_pool *p, uint32_t idx, size_t len);
/** value_crc() - @crc: out */
int value_crc(const struct maru_pool *p, uint32_t idx, size_t len,
	      uint32_t *crc);
/** value_touch() - load from every page of the first @len bytes */
int value_touch(const struct maru_pool *p, uint32_t idx, size_t len);

/** value_retire() - OWNED, or LIVE or DYING and held, by this client: to BAD */
void value_retire(struct maru_pool *p, uint32_t idx);

#endif
