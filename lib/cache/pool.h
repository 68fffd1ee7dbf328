/* SPDX-License-Identifier: BSD-3-Clause */
/* The handle behind struct maru_pool, and what every verb does first. */
#ifndef CACHE_POOL_H
#define CACHE_POOL_H

#include "client/client.h"

#include <maru/cache.h>
#include <maru/err.h>
#include <maru/inspect.h>
#include <maru/pool.h>
#include <maru/version.h>
#include <maru/write.h>

#define POOL_HERE 0x6d617275ull
#define POOL_HERE_GUARDED 0x6d617267ull
#define POOL_GUARDED 0x10000 /* never leaves the library */

struct maru_pool {
	struct media media;
	struct slab slab;
	struct dir dir;
	struct client client;
	/* a page that the kernel wipes in a forked child */
	const uint64_t *here;
	bool rdonly;
	bool verify;
	bool guard; /* memory that fails is -EIO, not a signal */
	a32 struck; /* it did, in the tables: this client is at its end */
	bool alone; /* for repair: no client, nobody else there */
	struct beat *beat; /* see beat.h; NULL: none */
	a32 window;	   /* where to look for slabs to empty */
	a32 region;	   /* and the region to begin with, if several */
	a32 rooms;	   /* how often room had to be made */
};

int pool_refuse(const char *whose);
int pool_enter_guarded(const struct maru_pool *p);

/** pool_is_here() - not a handle of the process that forked this one? */
static inline bool pool_is_here(const struct maru_pool *p)
{
	return *p->here == POOL_HERE || *p->here == POOL_HERE_GUARDED;
}

/*
 * Any call: is this the process that opened the handle?  POOL_GUARDED: have it
 * done by guarded.h, which comes here again.
 */
static inline int pool_enter(const struct maru_pool *p)
{
	if (likely(p && *p->here == POOL_HERE))
		return 0;
	return p ? pool_enter_guarded(p) : -EINVAL;
}

/* A call that leaves traces. */
static inline int pool_enter_rw(const struct maru_pool *p)
{
	int rc = pool_enter(p);

	if (unlikely(rc))
		return rc;
	if (unlikely(p->rdonly))
		return -EROFS;
	if (unlikely(!client_ok(&p->client)))
		return pool_refuse("of a client that was declared dead");
	return 0;
}

int pool_bad_key(size_t klen);

static inline int pool_key(const struct maru_pool *p, struct dir_key *k,
			   const void *key, size_t klen)
{
	if (unlikely(!key || klen - 1 >= MARU_KEY_MAX))
		return pool_bad_key(klen);
	dir_key_init(&p->dir, k, key, klen);
	return 0;
}

static inline void pool_count(struct maru_pool *p, enum client_counter what,
			      uint64_t n)
{
	client_count(&p->client, what, n);
}

/* References: address and version against idx and word. */
static inline struct maru_ref pool_ref(uint32_t idx, uint64_t word)
{
	struct maru_ref ref = {
		.addr = slab_addr(idx),
		.version = block_version(word),
	};

	return ref;
}

/** pool_idx() - the idx of a caller's reference; false if it cannot be one */
static inline bool pool_idx(const struct maru_pool *p,
			    const struct maru_ref *ref, uint32_t *idx)
{
	uint64_t region = ref->addr >> 32, page = ref->addr & UINT32_MAX;

	if (unlikely(!ref->version || region >= MEDIA_REGION_MAX ||
		     page > IDX_UNIT_MASK))
		return false;
	*idx = (uint32_t)(region << IDX_UNIT_BITS | page);
	return slab_idx_ok(&p->slab, *idx);
}

/* get.c */

/** pool_view() - describe a held entry; false if its length cannot be */
bool pool_view(const struct maru_pool *p, const struct dir_hit *hit,
	       struct maru_view *view);
void pool_use(const struct maru_pool *p, uint32_t idx);
int pool_retrieve(struct maru_pool *p, const struct dir_key *k,
		  struct maru_view *view);
int pool_release(struct maru_pool *p, struct maru_view *view);

/* put.c */

/** pool_alloc() - a block of room for @need bytes, evicting if it must */
int pool_alloc(struct maru_pool *p, uint64_t need, uint32_t *idx);
void pool_buf(const struct maru_pool *p, uint32_t idx, size_t len,
	      struct maru_buf *buf);
int pool_store(struct maru_pool *p, const struct dir_key *k, const void *val,
	       size_t vlen);
int pool_reserve(struct maru_pool *p, const struct dir_key *k, size_t len,
		 struct maru_buf *buf);
int pool_commit(struct maru_pool *p, struct maru_buf *buf,
		const struct dir_key *k, const struct maru_commit_opts *opts);
int pool_abort(struct maru_pool *p, struct maru_buf *buf);

/* pin.c, remove.c */

/** pool_bad_count() - 0 if @count is a number of pins */
int pool_bad_count(unsigned count);

int pool_pin(struct maru_pool *p, const struct dir_key *k, unsigned count);
int pool_unpin(struct maru_pool *p, const struct dir_key *k, unsigned count);
int pool_unpin_at(struct maru_pool *p, uint32_t idx, unsigned count);
int pool_delete(struct maru_pool *p, const struct dir_key *k);

/** pool_drop_claim() - a claim whose client is dead: free it; false if alive */
bool pool_drop_claim(struct maru_pool *p, const struct dir_hit *claim);

/* evict.c */

/** pool_make_room() - evict until a block of @units is free and take it */
int pool_make_room(struct maru_pool *p, uint32_t units, uint32_t *idx);
/** pool_evicted() - the directory had to evict one for a slot word */
void pool_evicted(void *pool, uint64_t bytes);

/* opts.c */

/** opts_read() - copy a caller's option struct of any version; -EINVAL */
int opts_read(void *own, size_t own_size, const void *given, const char *name);

#endif
