/* SPDX-License-Identifier: BSD-3-Clause */
/* Opening a pool other than as one of its clients. */
#ifndef CACHE_OPEN_H
#define CACHE_OPEN_H

#include "cache/pool.h"

/**
 * pool_open_alone() - open to check, or with the pool to ourselves to repair
 * @repair: map it writable and keep everybody else out: -EBUSY if in use
 */
int pool_open_alone(const char *target, uint64_t offset, bool repair,
		    struct maru_pool **pool);

#endif
