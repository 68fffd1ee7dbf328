/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Many keys in one call, with the memory latencies overlapped.
 *
 * Every call fills res[i] for every i < n: what the single call would have
 * returned.  It returns how many did what was asked (res[i] == 0, or 1 where
 * that is success), or a negative errno when the call as a whole was refused
 * (then nothing happened and res is untouched).  n = 0 returns 0.  res may be
 * NULL where it says so.
 */
#ifndef MARU_BATCH_H
#define MARU_BATCH_H

#include <maru/cache.h>
#include <maru/write.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Packed keys: key i is blob[off[i]] up to blob[off[i + 1]]. */
struct maru_keys {
	const void *blob;
	const uint64_t *off; /* nr + 1 offsets, never falling */
	uint32_t nr;
	uint32_t flags; /* MARU_PREFIX or 0 */
};

/**
 * Stop at the first miss: the call returns the number of leading hits, holds
 * nothing beyond, and res[i] is -ENOENT at the stop, -ECANCELED after it.
 * For exists, retrieve, pin and touch.
 */
#define MARU_PREFIX 0x01u

/** A value to store. */
struct maru_value {
	const void *data;
	size_t len;
};

/** res[i]: 1, 0 or an error; returns the number of hits.  @res may be NULL. */
int maru_exists_batch(struct maru_pool *pool, const struct maru_keys *keys,
		      int *res);

/** views[i] is held where res[i] is 0, cleared elsewhere. */
int maru_retrieve_batch(struct maru_pool *pool, const struct maru_keys *keys,
			struct maru_view *views, int *res);

/** Views that are clear (a miss) count as nothing, res[i] = 0.  May be NULL. */
int maru_release_batch(struct maru_pool *pool, struct maru_view *views,
		       uint32_t nr, int *res);

/** One pin a key; a key that stands twice gets two. */
int maru_pin_batch(struct maru_pool *pool, const struct maru_keys *keys,
		   int *res);

/** One pin a key is taken back; each key for itself. */
int maru_unpin_batch(struct maru_pool *pool, const struct maru_keys *keys,
		     int *res);

int maru_touch_batch(struct maru_pool *pool, const struct maru_keys *keys,
		     int *res);

int maru_delete_batch(struct maru_pool *pool, const struct maru_keys *keys,
		      int *res);

/** res[i]: 0 new, MARU_EXISTED (both count as success), or an error. */
int maru_store_batch(struct maru_pool *pool, const struct maru_keys *keys,
		     const struct maru_value *vals, int *res);

/**
 * maru_alloc_batch() - @nr blocks of lens[i] bytes, all or nothing
 *
 * Return: @nr; -ENOSPC or another error, and nothing is held.
 */
int maru_alloc_batch(struct maru_pool *pool, const size_t *lens, uint32_t nr,
		     struct maru_buf *bufs);

/**
 * maru_reserve_batch() - claim keys; room for all that are new, or nothing
 *
 * res[i]: 0, bufs[i] is to be written; MARU_EXISTED or -EINPROGRESS, bufs[i]
 * is clear.  Return: the number of buffers; -ENOSPC, and nothing is held.
 */
int maru_reserve_batch(struct maru_pool *pool, const struct maru_keys *keys,
		       const size_t *lens, struct maru_buf *bufs, int *res);

/** Each buffer for itself as by maru_commit(); 0 and MARU_EXISTED succeed. */
int maru_commit_batch(struct maru_pool *pool, const struct maru_keys *keys,
		      struct maru_buf *bufs, int *res);

#ifdef __cplusplus
}
#endif
#endif
