// SPDX-License-Identifier: BSD-3-Clause
/* Reading: hold in place, release, copy out, look. */
#include "cache/pool.h"

#include "base/err.h"
#include "cache/guarded.h"
#include "cache/value.h"

#include <string.h>

bool pool_view(const struct maru_pool *p, const struct dir_hit *hit,
	       struct maru_view *view)
{
	uint64_t len = block_len(slab_block(&p->slab, hit->idx));

	if (unlikely(len > slab_block_bytes(&p->slab, hit->idx)))
		return false;
	view->data = slab_data(&p->slab, hit->idx);
	view->len = len;
	view->ref = pool_ref(hit->idx, hit->word);
	return true;
}

/* Second chance: a hot entry's byte is at its top and is not written again. */
void pool_use(const struct maru_pool *p, uint32_t idx)
{
	a8 *use = &slab_block(&p->slab, idx)->use;
	/* relaxed: racy on purpose, a lost use is one */
	uint8_t n = a8_load_rlx(use);

	if (unlikely(n < 3))
		a8_store_rlx(use, (uint8_t)(n + 1));
}

/* What @rc says of it, and the hold that found it, end here. */
static void drop_corrupt(struct maru_pool *p, const struct dir_hit *hit, int rc)
{
	if (rc == -EIO) {
		value_retire(p, hit->idx);
		dir_drop(&p->dir, hit->idx, 1);
		return;
	}
	dir_drop(&p->dir, hit->idx, 1);
	dir_remove(&p->dir, hit->idx, hit->word);
	pool_count(p, COUNT_corrupt, 1);
}

static int check_value(struct maru_pool *p, const struct dir_hit *hit,
		       const struct maru_view *view)
{
	const struct media_block *b = slab_block(&p->slab, hit->idx);
	uint32_t crc;
	int rc;

	if (!p->dir.check_values)
		return 0;
	rc = value_crc(p, hit->idx, view->len, &crc);
	/* relaxed: written before commit, and held */
	if (rc || crc == a32_load_rlx(&b->crc_data))
		return rc;
	return err_set(MARU_E_CORRUPT,
		       "value at address 0x%llx: checksum does not match",
		       (unsigned long long)view->ref.addr);
}

/* @idx: out: of the block that @view is of, when it is held */
static inline int retrieve(struct maru_pool *p, const struct dir_key *k,
			   struct maru_view *view, uint32_t *idx)
{
	struct dir_hit hit;
	int rc = dir_hold(&p->dir, k, 1, &hit);

	if (unlikely(rc)) {
		memset(view, 0, sizeof(*view));
		if (rc == -ENOENT)
			pool_count(p, COUNT_misses, 1);
		return rc;
	}
	if (unlikely(!pool_view(p, &hit, view)))
		rc = err_set(MARU_E_CORRUPT, "entry with an impossible length");
	else if (unlikely(p->verify))
		rc = check_value(p, &hit, view);
	if (unlikely(rc)) {
		drop_corrupt(p, &hit, rc);
		memset(view, 0, sizeof(*view));
		return rc;
	}
	pool_use(p, hit.idx);
	pool_count(p, COUNT_hits, 1);
	pool_count(p, COUNT_hit_bytes, view->len);
	*idx = hit.idx;
	return 0;
}

int pool_retrieve(struct maru_pool *p, const struct dir_key *k,
		  struct maru_view *view)
{
	uint32_t idx;

	return retrieve(p, k, view, &idx);
}

int maru_retrieve(struct maru_pool *pool, const void *key, size_t klen,
		  struct maru_view *view)
{
	struct dir_key k;
	int rc = pool_enter_rw(pool);

	if (unlikely(rc == POOL_GUARDED))
		return guarded_retrieve(pool, key, klen, view);
	if (unlikely(!view))
		return -EINVAL;
	if (likely(!rc))
		rc = pool_key(pool, &k, key, klen);
	if (likely(!rc))
		return pool_retrieve(pool, &k, view);
	memset(view, 0, sizeof(*view));
	return rc;
}

int pool_release(struct maru_pool *p, struct maru_view *view)
{
	uint32_t version = (uint32_t)view->ref.version, idx;
	bool ok = false;

	if (likely(pool_idx(p, &view->ref, &idx))) {
		uint64_t w = block_load(slab_block(&p->slab, idx));

		/* certify before dropping: afterwards anything may happen */
		ok = block_version(w) == version &&
		     (block_state(w) == BLOCK_LIVE ||
		      block_state(w) == BLOCK_DYING ||
		      block_state(w) == BLOCK_BAD) &&
		     dir_drop(&p->dir, idx, 1) >= 0;
	}
	view->ref.version = 0;
	view->data = NULL;
	view->len = 0;
	pool_count(p, likely(ok) ? COUNT_releases : COUNT_stale, 1);
	return likely(ok) ? 0 : MARU_E_STALE;
}

int maru_release(struct maru_pool *pool, struct maru_view *view)
{
	int rc = pool_enter_rw(pool);

	if (unlikely(rc == POOL_GUARDED))
		return guarded_release(pool, view);
	if (unlikely(!view))
		return -EINVAL;
	if (likely(!rc))
		return pool_release(pool, view);
	/* declared dead: the hold was voided with all the others */
	return rc == MARU_E_CLOSED && pool_is_here(pool) ? MARU_E_STALE : rc;
}

/* The block of a view that this client holds; the version may be BAD's. */
static int held(const struct maru_pool *p, const struct maru_view *view,
		uint32_t *idx)
{
	const struct slab *s = &p->slab;
	uint64_t w;

	if (!view || !pool_idx(p, &view->ref, idx))
		return view ? MARU_E_STALE : -EINVAL;
	w = block_load(slab_block(s, *idx));
	/* relaxed: this client's own pins, taken before this call */
	if (block_version(w) != view->ref.version || !block_may_be_held(w) ||
	    !(a16_load_rlx(ledger_cell(s, s->self, *idx)) & CELL_PINS))
		return MARU_E_STALE;
	return view->len <= slab_block_bytes(s, *idx) ? 0 : -EINVAL;
}

int maru_probe(struct maru_pool *pool, const struct maru_view *view)
{
	uint32_t idx = 0;
	int rc = pool_enter_rw(pool);

	if (unlikely(rc == POOL_GUARDED))
		return guarded_probe(pool, view);
	if (!rc)
		rc = held(pool, view, &idx);
	if (!rc)
		rc = value_touch(pool, idx, view->len);
	if (rc == -EIO)
		value_retire(pool, idx);
	return rc;
}

/* Without a hold: copy, then look whether it was the same all the time. */
static int read_optimistic(const struct maru_pool *p, const struct dir_key *k,
			   void *buf, size_t cap, size_t *len)
{
	int tries;

	for (tries = 0; tries < 4; tries++) {
		const struct media_block *b;
		struct dir_hit hit;
		struct maru_view v;
		uint32_t crc;
		int rc = 0;

		if (dir_peek(&p->dir, k, &hit))
			return -ENOENT;
		b = slab_block(&p->slab, hit.idx);
		if (!pool_view(p, &hit, &v))
			continue;
		crc = a32_load_rlx(&b->crc_data); /* relaxed: B4 */
		if (v.len <= cap)
			rc = value_get(p, hit.idx, buf, v.len);
		atomic_fence_acq(); /* B4 acquire */
		if (block_load(b) != hit.word)
			continue;
		if (rc)
			return rc;
		*len = v.len;
		if (v.len > cap)
			return -ENOBUFS;
		if (p->dir.check_values && hash_crc32c(0, buf, v.len) != crc)
			return err_set(
				MARU_E_CORRUPT,
				"value at address 0x%llx: checksum does not match",
				(unsigned long long)v.ref.addr);
		return 0;
	}
	return -EAGAIN;
}

static int read_held(struct maru_pool *p, const struct dir_key *k, void *buf,
		     size_t cap, size_t *len)
{
	struct maru_view view;
	uint32_t idx;
	int rc = retrieve(p, k, &view, &idx);

	if (rc == -EOVERFLOW) /* no hold to be had, but it is there */
		return read_optimistic(p, k, buf, cap, len);
	if (rc)
		return rc;
	*len = view.len;
	rc = view.len > cap ? -ENOBUFS : value_get(p, idx, buf, view.len);
	if (rc == -EIO)
		value_retire(p, idx);
	dir_drop(&p->dir, idx, 1);
	return rc;
}

int maru_read(struct maru_pool *pool, const void *key, size_t klen, void *buf,
	      size_t cap, size_t *len)
{
	struct dir_key k;
	size_t none;
	int rc = pool_enter(pool);

	if (unlikely(rc == POOL_GUARDED))
		return guarded_read(pool, key, klen, buf, cap, len);
	if (!len)
		len = &none;
	*len = 0;
	if (!rc && !pool->rdonly)
		rc = pool_enter_rw(pool);
	if (!rc && !buf && cap)
		rc = err_set(-EINVAL, "buf: NULL for %zu bytes", cap);
	if (!rc)
		rc = pool_key(pool, &k, key, klen);
	if (rc)
		return rc;
	return pool->rdonly ? read_optimistic(pool, &k, buf, cap, len) :
			      read_held(pool, &k, buf, cap, len);
}

int maru_exists(struct maru_pool *pool, const void *key, size_t klen)
{
	struct dir_key k;
	struct dir_hit hit;
	int rc = pool_enter(pool);

	if (unlikely(rc == POOL_GUARDED))
		return guarded_exists(pool, key, klen);
	if (likely(!rc))
		rc = pool_key(pool, &k, key, klen);
	if (unlikely(rc))
		return rc;
	rc = !dir_peek(&pool->dir, &k, &hit);
	if (likely(!pool->rdonly))
		pool_count(pool, rc ? COUNT_exists_hits : COUNT_exists_misses,
			   1);
	return rc;
}

int maru_touch(struct maru_pool *pool, const void *key, size_t klen)
{
	struct dir_key k;
	struct dir_hit hit;
	int rc = pool_enter_rw(pool);

	if (unlikely(rc == POOL_GUARDED))
		return guarded_touch(pool, key, klen);
	if (!rc)
		rc = pool_key(pool, &k, key, klen);
	if (!rc)
		rc = dir_peek(&pool->dir, &k, &hit);
	if (!rc)
		pool_use(pool, hit.idx);
	return rc;
}
