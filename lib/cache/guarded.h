/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Verbs under MARU_OPEN_GUARD: each has a recovery point around all of it.
 *
 * Value bytes have one of their own (value.h), so whatever leads back to this
 * one was in the tables.  The call is left where it was, which is as if this
 * client had died there: so it has, the handle refuses all further calls, and
 * when it is closed others clean up.  A handle that only reads goes on.
 */
#ifndef CACHE_GUARDED_H
#define CACHE_GUARDED_H

#include "cache/pool.h"
#include "dev/guard.h"

#include <maru/batch.h>
#include <maru/device.h>
#include <maru/host.h>
#include <maru/iter.h>
#include <maru/ref.h>
#include <maru/stat.h>

/* X(verb, parameters, arguments) */
#define POOL_VERBS(X)                                                          \
	X(retrieve,                                                            \
	  (struct maru_pool * pool, const void *key, size_t klen,              \
	   struct maru_view *view),                                            \
	  (pool, key, klen, view))                                             \
	X(release, (struct maru_pool * pool, struct maru_view * view),         \
	  (pool, view))                                                        \
	X(read,                                                                \
	  (struct maru_pool * pool, const void *key, size_t klen, void *buf,   \
	   size_t cap, size_t *len),                                           \
	  (pool, key, klen, buf, cap, len))                                    \
	X(exists, (struct maru_pool * pool, const void *key, size_t klen),     \
	  (pool, key, klen))                                                   \
	X(touch, (struct maru_pool * pool, const void *key, size_t klen),      \
	  (pool, key, klen))                                                   \
	X(alloc, (struct maru_pool * pool, size_t len, struct maru_buf * buf), \
	  (pool, len, buf))                                                    \
	X(reserve,                                                             \
	  (struct maru_pool * pool, const void *key, size_t klen, size_t len,  \
	   struct maru_buf *buf),                                              \
	  (pool, key, klen, len, buf))                                         \
	X(commit,                                                              \
	  (struct maru_pool * pool, struct maru_buf * buf, const void *key,    \
	   size_t klen, const struct maru_commit_opts *opts),                  \
	  (pool, buf, key, klen, opts))                                        \
	X(abort, (struct maru_pool * pool, struct maru_buf * buf),             \
	  (pool, buf))                                                         \
	X(store,                                                               \
	  (struct maru_pool * pool, const void *key, size_t klen,              \
	   const void *val, size_t vlen),                                      \
	  (pool, key, klen, val, vlen))                                        \
	X(pin,                                                                 \
	  (struct maru_pool * pool, const void *key, size_t klen,              \
	   unsigned count),                                                    \
	  (pool, key, klen, count))                                            \
	X(unpin,                                                               \
	  (struct maru_pool * pool, const void *key, size_t klen,              \
	   unsigned count),                                                    \
	  (pool, key, klen, count))                                            \
	X(ref_pin,                                                             \
	  (struct maru_pool * pool, const struct maru_ref *ref,                \
	   unsigned count),                                                    \
	  (pool, ref, count))                                                  \
	X(ref_unpin,                                                           \
	  (struct maru_pool * pool, const struct maru_ref *ref,                \
	   unsigned count),                                                    \
	  (pool, ref, count))                                                  \
	X(ref_data,                                                            \
	  (struct maru_pool * pool, const struct maru_ref *ref,                \
	   const void **data, size_t *len),                                    \
	  (pool, ref, data, len))                                              \
	X(delete, (struct maru_pool * pool, const void *key, size_t klen),     \
	  (pool, key, klen))                                                   \
	X(clear, (struct maru_pool * pool, uint64_t * nr), (pool, nr))         \
	X(wait,                                                                \
	  (struct maru_pool * pool, const void *key, size_t klen,              \
	   int timeout_ms),                                                    \
	  (pool, key, klen, timeout_ms))                                       \
	X(evict, (struct maru_pool * pool, uint64_t bytes, uint64_t * freed),  \
	  (pool, bytes, freed))                                                \
	X(exists_batch,                                                        \
	  (struct maru_pool * pool, const struct maru_keys *keys, int *res),   \
	  (pool, keys, res))                                                   \
	X(retrieve_batch,                                                      \
	  (struct maru_pool * pool, const struct maru_keys *keys,              \
	   struct maru_view *views, int *res),                                 \
	  (pool, keys, views, res))                                            \
	X(release_batch,                                                       \
	  (struct maru_pool * pool, struct maru_view * views, uint32_t nr,     \
	   int *res),                                                          \
	  (pool, views, nr, res))                                              \
	X(pin_batch,                                                           \
	  (struct maru_pool * pool, const struct maru_keys *keys, int *res),   \
	  (pool, keys, res))                                                   \
	X(unpin_batch,                                                         \
	  (struct maru_pool * pool, const struct maru_keys *keys, int *res),   \
	  (pool, keys, res))                                                   \
	X(touch_batch,                                                         \
	  (struct maru_pool * pool, const struct maru_keys *keys, int *res),   \
	  (pool, keys, res))                                                   \
	X(delete_batch,                                                        \
	  (struct maru_pool * pool, const struct maru_keys *keys, int *res),   \
	  (pool, keys, res))                                                   \
	X(store_batch,                                                         \
	  (struct maru_pool * pool, const struct maru_keys *keys,              \
	   const struct maru_value *vals, int *res),                           \
	  (pool, keys, vals, res))                                             \
	X(alloc_batch,                                                         \
	  (struct maru_pool * pool, const size_t *lens, uint32_t nr,           \
	   struct maru_buf *bufs),                                             \
	  (pool, lens, nr, bufs))                                              \
	X(reserve_batch,                                                       \
	  (struct maru_pool * pool, const struct maru_keys *keys,              \
	   const size_t *lens, struct maru_buf *bufs, int *res),               \
	  (pool, keys, lens, bufs, res))                                       \
	X(commit_batch,                                                        \
	  (struct maru_pool * pool, const struct maru_keys *keys,              \
	   struct maru_buf *bufs, int *res),                                   \
	  (pool, keys, bufs, res))                                             \
	X(stats, (struct maru_pool * pool, struct maru_stats * out),           \
	  (pool, out))                                                         \
	X(clients,                                                             \
	  (struct maru_pool * pool, struct maru_client * out, size_t cap),     \
	  (pool, out, cap))                                                    \
	X(reap, (struct maru_pool * pool), (pool))                             \
	X(hosts,                                                               \
	  (struct maru_pool * pool, struct maru_host * out, size_t cap),       \
	  (pool, out, cap))                                                    \
	X(host_confirm, (struct maru_pool * pool, uint32_t no), (pool, no))    \
	X(tick, (struct maru_pool * pool), (pool))                             \
	X(inspect_super, (struct maru_pool * pool, struct maru_super * out),   \
	  (pool, out))                                                         \
	X(inspect_section,                                                     \
	  (struct maru_pool * pool, uint32_t no, struct maru_section * out),   \
	  (pool, no, out))                                                     \
	X(inspect_class,                                                       \
	  (struct maru_pool * pool, uint32_t no, struct maru_class * out),     \
	  (pool, no, out))                                                     \
	X(inspect_slab,                                                        \
	  (struct maru_pool * pool, uint32_t region, uint64_t no,              \
	   struct maru_slab * out),                                            \
	  (pool, region, no, out))                                             \
	X(inspect_block,                                                       \
	  (struct maru_pool * pool, uint64_t addr, struct maru_block * out),   \
	  (pool, addr, out))                                                   \
	X(inspect_hold,                                                        \
	  (struct maru_pool * pool, uint32_t slot, uint64_t * pos,             \
	   struct maru_hold * out),                                            \
	  (pool, slot, pos, out))                                              \
	X(iter_next,                                                           \
	  (struct maru_pool * pool, struct maru_iter * it,                     \
	   struct maru_entry * entry),                                         \
	  (pool, it, entry))                                                   \
	X(sync, (struct maru_pool * pool), (pool))                             \
	X(region,                                                              \
	  (struct maru_pool * pool, uint32_t no, struct maru_region * out),    \
	  (pool, no, out))                                                     \
	X(placement,                                                           \
	  (struct maru_pool * pool, uint32_t no, struct maru_placement * out), \
	  (pool, no, out))                                                     \
	X(check, (struct maru_pool * pool, maru_fault_fn fn, void *ctx),       \
	  (pool, fn, ctx))                                                     \
	X(probe, (struct maru_pool * pool, const struct maru_view *view),      \
	  (pool, view))

#define POOL_VERB(verb, params, args) int guarded_##verb params;
POOL_VERBS(POOL_VERB)
#undef POOL_VERB

/** guarded_error() - -EIO, with a message that names the region and section */
int guarded_error(const struct maru_pool *p, const struct guard *g);

int guarded_enter(struct maru_pool *p, const struct maru_open_opts *o,
		  int (*enter)(struct maru_pool *p,
			       const struct maru_open_opts *o));
int guarded_leave(struct maru_pool *p, unsigned flags,
		  int (*leave)(struct maru_pool *p, unsigned flags));
/** guarded_fsck() - pool_fsck() */
int guarded_fsck(struct maru_pool *p, const struct maru_fsck_opts *o,
		 struct maru_fsck_result *res);

#endif
