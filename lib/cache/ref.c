// SPDX-License-Identifier: BSD-3-Clause
/* Entries by reference: address and version instead of a key. */
#include "cache/pool.h"

#include "base/err.h"
#include "cache/guarded.h"

#include <maru/ref.h>

uint64_t maru_addr(uint32_t region, uint32_t page)
{
	return (uint64_t)region << 32 | page;
}

uint32_t maru_addr_region(uint64_t addr)
{
	return (uint32_t)(addr >> 32);
}

uint32_t maru_addr_page(uint64_t addr)
{
	return (uint32_t)addr;
}

int maru_ref_pin(struct maru_pool *pool, const struct maru_ref *ref,
		 unsigned count)
{
	uint64_t w;
	uint32_t idx;
	int rc = pool_enter_rw(pool);

	if (unlikely(rc == POOL_GUARDED))
		return guarded_ref_pin(pool, ref, count);
	if (!rc && !ref)
		rc = -EINVAL;
	if (!rc)
		rc = pool_bad_count(count);
	if (rc)
		return rc;
	if (!pool_idx(pool, ref, &idx))
		return MARU_E_STALE;
	rc = dir_pin_at(&pool->dir, idx, (uint32_t)ref->version, count, &w);
	if (rc)
		return rc;
	ledger_name(&pool->slab, idx, count);
	pool_use(pool, idx);
	return 0;
}

/* The block of a reference while it is an entry or a zombie; -EIO: it is BAD */
static int ref_block(struct maru_pool *p, const struct maru_ref *ref,
		     uint32_t *idx)
{
	uint64_t w;

	if (!ref)
		return -EINVAL;
	if (!pool_idx(p, ref, idx))
		return MARU_E_STALE;
	w = block_load(slab_block(&p->slab, *idx));
	if (block_version(w) != ref->version)
		return MARU_E_STALE;
	switch (block_state(w)) {
	case BLOCK_LIVE:
	case BLOCK_DYING:
		return 0;
	case BLOCK_BAD: /* nothing to be read, but pins to be given back */
		return -EIO;
	default:
		return MARU_E_STALE;
	}
}

int maru_ref_unpin(struct maru_pool *pool, const struct maru_ref *ref,
		   unsigned count)
{
	uint32_t idx;
	int rc = pool_enter_rw(pool);

	if (unlikely(rc == POOL_GUARDED))
		return guarded_ref_unpin(pool, ref, count);
	if (!rc && (!count || count > MARU_PIN_MAX))
		rc = -EINVAL;
	if (!rc)
		rc = ref_block(pool, ref, &idx);
	return rc && rc != -EIO ? rc : pool_unpin_at(pool, idx, count);
}

int maru_ref_data(struct maru_pool *pool, const struct maru_ref *ref,
		  const void **data, size_t *len)
{
	const struct slab *s;
	struct maru_view view;
	struct dir_hit hit;
	int rc = pool_enter_rw(pool);

	if (unlikely(rc == POOL_GUARDED))
		return guarded_ref_data(pool, ref, data, len);
	if (!data || !len)
		return -EINVAL;
	*data = NULL;
	*len = 0;
	if (!rc)
		rc = ref_block(pool, ref, &hit.idx);
	if (rc)
		return rc;
	s = &pool->slab;
	/* relaxed: this client's own pins, taken before this call */
	if (!(a16_load_rlx(ledger_cell(s, s->self, hit.idx)) & CELL_PINS))
		return err_set(-EINVAL, "ref: this client holds no pin on it");
	hit.word = block_load(slab_block(s, hit.idx));
	if (!pool_view(pool, &hit, &view))
		return MARU_E_CORRUPT;
	*data = view.data;
	*len = view.len;
	return 0;
}
