// SPDX-License-Identifier: BSD-3-Clause
/* Pins by key. */
#include "cache/pool.h"

#include "base/err.h"
#include "cache/guarded.h"

int pool_bad_count(unsigned count)
{
	if (count && count <= MARU_PIN_MAX)
		return 0;
	return count ? -EOVERFLOW : err_set(-EINVAL, "count: 0 pins");
}

int pool_pin(struct maru_pool *p, const struct dir_key *k, unsigned count)
{
	struct dir_hit hit;
	int rc = dir_hold(&p->dir, k, count, &hit);

	if (!rc) {
		ledger_name(&p->slab, hit.idx, count);
		pool_use(p, hit.idx);
	}
	if (!rc || rc == -ENOENT)
		pool_count(p, rc ? COUNT_misses : COUNT_hits, 1);
	return rc;
}

int maru_pin(struct maru_pool *pool, const void *key, size_t klen,
	     unsigned count)
{
	struct dir_key k;
	int rc = pool_enter_rw(pool);

	if (unlikely(rc == POOL_GUARDED))
		return guarded_pin(pool, key, klen, count);
	if (!rc)
		rc = pool_bad_count(count);
	if (!rc)
		rc = pool_key(pool, &k, key, klen);
	return rc ? rc : pool_pin(pool, &k, count);
}

int pool_unpin_at(struct maru_pool *p, uint32_t idx, unsigned count)
{
	if (!ledger_unname(&p->slab, idx, count))
		return -EINVAL;
	return dir_drop(&p->dir, idx, count) < 0 ? -EINVAL : 0;
}

/*
 * A BAD block is in no bucket any more, and it may be anywhere in the row.
 * Only a misuse comes here else.
 */
static bool find_bad(struct maru_pool *p, const struct dir_key *k, uint32_t n,
		     uint32_t *idx)
{
	const struct slab *s = &p->slab;
	uint32_t region;

	for (region = 0; region < s->region_nr; region++)
		for (*idx = region << IDX_UNIT_BITS;
		     ledger_walk(s, s->self, idx); ++*idx)
			/* relaxed: this client's own pins */
			if (block_state(block_load(slab_block(s, *idx))) ==
				    BLOCK_BAD &&
			    a16_load_rlx(ledger_named(s, *idx)) >= n &&
			    entry_is(&p->dir, *idx, k))
				return true;
	return false;
}

int pool_unpin(struct maru_pool *p, const struct dir_key *k, unsigned count)
{
	struct dir_hit hit;

	/* an entry this client pins as often, be it deleted meanwhile */
	if (!dir_peek_held(&p->dir, k, count, &hit))
		return pool_unpin_at(p, hit.idx, count);
	if (find_bad(p, k, count, &hit.idx))
		return pool_unpin_at(p, hit.idx, count);
	return dir_peek(&p->dir, k, &hit) ? -ENOENT : -EINVAL;
}

int maru_unpin(struct maru_pool *pool, const void *key, size_t klen,
	       unsigned count)
{
	struct dir_key k;
	int rc = pool_enter_rw(pool);

	if (unlikely(rc == POOL_GUARDED))
		return guarded_unpin(pool, key, klen, count);
	if (!rc && (!count || count > MARU_PIN_MAX))
		rc = -EINVAL;
	if (!rc)
		rc = pool_key(pool, &k, key, klen);
	return rc ? rc : pool_unpin(pool, &k, count);
}
