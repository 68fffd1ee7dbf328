/* SPDX-License-Identifier: BSD-3-Clause */
/* Opening a pool other than as one of its clients. */
#ifndef CACHE_OPEN_H
#define CACHE_OPEN_H

#include "cache/pool.h"

/**
 * pool_open_alone() - open to check, or with the pool to ourselves to repair
 *
 * MARU_FSCK_REPAIR: map it writable and keep everybody else out, -EBUSY if it
 * is in use.
 */
int pool_open_alone(const char *target, const struct maru_fsck_opts *f,
		    struct maru_pool **pool);

/**
 * expect_check() - is this the pool that the caller means?
 *
 * Return: 0; MARU_E_OTHER, the message shows both.
 */
int expect_check(const struct maru_open_opts *o, const struct media_super *sb,
		 const char *name);

/**
 * pool_lock() - the lock of a pool, or of a further region
 * @alone: keep everybody else out; else together with all other users
 *
 * Return: 0; -EBUSY: it is in use, or being formatted or repaired.
 */
int pool_lock(struct dev_lock *lock, const char *target, bool alone);

/** pool_fsck() - what maru_fsck() does with a pool that is open like that */
int pool_fsck(struct maru_pool *p, const struct maru_fsck_opts *o,
	      struct maru_fsck_result *res);

#endif
