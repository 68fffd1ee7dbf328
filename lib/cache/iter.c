// SPDX-License-Identifier: BSD-3-Clause
/* Walking the descriptors in order of address. */
#include "cache/pool.h"

#include "cache/guarded.h"

#include <maru/iter.h>
#include <string.h>

/* One descriptor, copied and then found unchanged; false: not an entry. */
static bool snapshot(const struct maru_pool *p, uint32_t idx,
		     struct maru_entry *e)
{
	const struct media_block *b = slab_block(&p->slab, idx);
	int tries;

	for (tries = 0; tries < 4; tries++) {
		uint64_t w = block_load(b);

		if (block_state(w) != BLOCK_LIVE)
			return false;
		e->ref = pool_ref(idx, w);
		/* relaxed: the word is looked at again */
		e->len = block_len(b);
		e->use = block_use(b);
		e->block = slab_block_bytes(&p->slab, idx);
		e->klen = (uint16_t)entry_key(&p->dir, idx, e->key);
		e->pins = ledger_pins(&p->slab, idx);
		atomic_fence_acq(); /* B4 acquire */
		if (block_load(b) == w)
			return e->klen > 0;
	}
	return false;
}

int maru_iter_next(struct maru_pool *pool, struct maru_iter *it,
		   struct maru_entry *entry)
{
	const struct slab *s;
	int rc = pool_enter(pool);

	if (unlikely(rc == POOL_GUARDED))
		return guarded_iter_next(pool, it, entry);
	if (rc)
		return rc;
	if (!it || !entry)
		return -EINVAL;
	s = &pool->slab;
	while (it->pos >> 32 < s->region_nr) {
		uint32_t region = (uint32_t)(it->pos >> 32);
		uint32_t unit = (uint32_t)it->pos;

		if (unit >= s->region[region].unit_nr) {
			it->pos = (uint64_t)(region + 1) << 32;
			continue;
		}
		it->pos++;
		if (snapshot(pool, region << IDX_UNIT_BITS | unit, entry))
			return 1;
	}
	return 0;
}
