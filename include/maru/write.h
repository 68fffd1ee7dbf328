/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Writing in place: maru_alloc() or maru_reserve(), fill the buffer, then
 * maru_commit() or maru_abort().
 *
 * A buffer is consumed by commit and abort, whatever they return except for
 * an invalid argument; using it again gives MARU_E_STALE and harms nothing.
 * A client's death gives its buffers back.
 */
#ifndef MARU_WRITE_H
#define MARU_WRITE_H

#include <maru/cache.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A block being written: nobody else can see or take it. */
struct maru_buf {
	void *data; /* where to write, aligned to the pool's unit */
	size_t len; /* bytes of the value; may be lowered before commit */
	struct maru_ref ref;
};

/**
 * maru_alloc() - a block for a value whose key comes later
 * @len: bytes; 0 is a value too
 *
 * Return: 0; -ENOSPC; -EFBIG.
 */
int maru_alloc(struct maru_pool *pool, size_t len, struct maru_buf *buf);

/**
 * maru_reserve() - claim a key and get a block to write its value to
 *
 * Others who reserve the key meanwhile get -EINPROGRESS and may maru_wait().
 * It is no lock: a complete value stored by anybody wins over the claim, and
 * the claim ends with its client.
 *
 * Return: 0; MARU_EXISTED, it is there: no block; -EINPROGRESS, claimed by
 *	another living client (or by this one); -ENOSPC; -EFBIG.
 */
int maru_reserve(struct maru_pool *pool, const void *key, size_t klen,
		 size_t len, struct maru_buf *buf);

/** Options of maru_commit(); zero means the default everywhere. */
struct maru_commit_opts {
	size_t size;		/* sizeof(struct maru_commit_opts) */
	uint32_t flags;		/* 0 */
	uint32_t pins;		/* pins that this client gets with the commit */
	struct maru_view *view; /* out, or NULL: a hold on the entry */
};

/**
 * maru_commit() - make the value visible under the key, once, for everybody
 * @buf:  from maru_alloc() or maru_reserve(); buf->len bytes are the value
 * @key:  NULL for a buffer of maru_reserve(); else it must be the claimed one
 * @opts: or NULL; view and pins are of the entry that won, whoever wrote it
 *
 * Return: 0; MARU_EXISTED, another value was first and the block is given
 *	back; MARU_E_STALE, the buffer was used before or is not this one's
 *	key: nothing happens to anybody; -EINVAL, the buffer is still good.
 */
int maru_commit(struct maru_pool *pool, struct maru_buf *buf, const void *key,
		size_t klen, const struct maru_commit_opts *opts);

/** maru_abort() - give the block back; 0 or MARU_E_STALE. */
int maru_abort(struct maru_pool *pool, struct maru_buf *buf);

#ifdef __cplusplus
}
#endif
#endif
