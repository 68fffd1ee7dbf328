/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The cache by key: store, read, hold, pin, delete.
 *
 * Keys are any 1 to MARU_KEY_MAX bytes and are compared in full.  Unless said
 * otherwise every call here may be made from any thread, is lock-free, never
 * blocks on another process, keeps no pointer of the caller's, and fails with
 * -EINVAL (bad key), -EROFS (read-only handle), MARU_E_CLOSED (handle crossed
 * a fork, or this client was declared dead), and with MARU_OPEN_GUARD -EIO
 * (memory has failed: a value's, or the pool's tables and then for good; see
 * maru_open(3)).
 */
#ifndef MARU_CACHE_H
#define MARU_CACHE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct maru_pool;

/** An entry's place and its version: what an address alone cannot prove. */
struct maru_ref {
	uint64_t addr;	  /* region << 32 | page, see maru_addr() */
	uint64_t version; /* 0: refers to nothing */
};

/**
 * A held value.  It is one hold; a copy of the struct is the same hold, not a
 * second one.  maru_release() takes it and clears @ref.
 */
struct maru_view {
	const void *data;
	size_t len; /* bytes */
	struct maru_ref ref;
};

/**
 * maru_store() - copy a value in under a key, if the key is not there
 *
 * Return: 0, the value is visible; MARU_EXISTED, nothing was written;
 *	-ENOSPC, no room that is not held; -EFBIG, larger than the pool.
 */
int maru_store(struct maru_pool *pool, const void *key, size_t klen,
	       const void *val, size_t vlen);

/**
 * maru_read() - copy a value out; works on read-only handles too
 * @buf: room for @cap bytes; may be NULL when @cap is 0
 * @len: out: the value's length, also when it did not fit
 *
 * Return: 0; -ENOENT; -ENOBUFS, @cap is too small and @buf untouched;
 *	-EAGAIN, read-only handle and the value kept changing hands;
 *	MARU_E_CORRUPT, its checksum does not match; -EIO (MARU_OPEN_GUARD),
 *	its memory has failed.
 */
int maru_read(struct maru_pool *pool, const void *key, size_t klen, void *buf,
	      size_t cap, size_t *len);

/**
 * maru_retrieve() - hold a value in place and read it without copying
 * @view: out: the value, valid until maru_release(); views may overlap
 *
 * Ordering: all that the writer stored before maru_commit() is visible.
 *
 * Return: 0; -ENOENT on a miss; -EOVERFLOW at MARU_PIN_MAX holds and pins of
 *	this client on the entry; MARU_E_CORRUPT (MARU_OPEN_VERIFY), and the
 *	entry is dropped.
 */
int maru_retrieve(struct maru_pool *pool, const void *key, size_t klen,
		  struct maru_view *view);

/**
 * maru_release() - give a hold back; any thread may do it
 *
 * Return: 0: @view's bytes were what was committed the whole time;
 *	MARU_E_STALE: released before, not held, or the hold was voided (this
 *	client was declared dead): discard what was read.
 */
int maru_release(struct maru_pool *pool, struct maru_view *view);

/**
 * maru_probe() - touch every page of a held value, before relying on it
 *
 * With MARU_OPEN_GUARD; without it a memory error is SIGBUS here as anywhere.
 * Return: 0; -EIO, the memory has failed: the entry is gone and its block out
 *	of use, but @view is still a hold to be released; MARU_E_STALE, it is
 *	none.
 */
int maru_probe(struct maru_pool *pool, const struct maru_view *view);

/** maru_exists() - 1, 0 or an error; leaves no trace on the entry. */
int maru_exists(struct maru_pool *pool, const void *key, size_t klen);

/** maru_touch() - mark as used lately; 0 or -ENOENT. */
int maru_touch(struct maru_pool *pool, const void *key, size_t klen);

/**
 * maru_pin() - add @count pins of this client; its bytes stay
 *
 * Pins end by maru_unpin(), maru_close() with force, or this client's death.
 * Return: 0; -ENOENT; -EOVERFLOW, nothing added; -EINVAL, @count is 0.
 */
int maru_pin(struct maru_pool *pool, const void *key, size_t klen,
	     unsigned count);

/**
 * maru_unpin() - take @count pins of this client back
 *
 * Return: 0; -ENOENT; -EINVAL, this client holds fewer: nothing taken.
 */
int maru_unpin(struct maru_pool *pool, const void *key, size_t klen,
	       unsigned count);

/**
 * maru_delete() - remove an entry that nobody holds
 *
 * Return: 0; -ENOENT; -EBUSY, held or pinned; -EINPROGRESS, not there yet but
 *	claimed by maru_reserve().
 */
int maru_delete(struct maru_pool *pool, const void *key, size_t klen);

/**
 * maru_clear() - delete every entry that nobody holds
 * @nr: out, or NULL: how many were deleted
 */
int maru_clear(struct maru_pool *pool, uint64_t *nr);

/**
 * maru_evict() - make room: drop the least used entries that nobody holds
 * @bytes: how much to free
 * @freed: out, or NULL: bytes of blocks freed
 *
 * Return: 0; -ENOSPC, what is left is held.
 */
int maru_evict(struct maru_pool *pool, uint64_t bytes, uint64_t *freed);

/**
 * maru_wait() - wait for a value that another client has reserved
 * @timeout_ms: 0 looks once, negative waits for as long as the claim lives
 *
 * Context: sleeps.
 * Return: 0, it is there; -ENOENT, neither there nor claimed (any more);
 *	-ETIMEDOUT.
 */
int maru_wait(struct maru_pool *pool, const void *key, size_t klen,
	      int timeout_ms);

#ifdef __cplusplus
}
#endif
#endif
