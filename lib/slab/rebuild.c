// SPDX-License-Identifier: BSD-3-Clause
/* Slabs, hints and ledger anew from the descriptors, in an idle pool. */
#include "slab/check.h"
#include "slab/ledger.h"
#include "slab/maps.h"

#include <string.h>

static bool stays(struct slab *s, uint32_t idx, slab_keep_fn keep, void *ctx)
{
	struct extent e;
	uint32_t block;

	/* relaxed: the pool is idle */
	return extent_of(s, idx, &e) && extent_block(&e, idx, &block) &&
	       a32_load_rlx(&slab_block(s, idx)->units) == e.units &&
	       keep(ctx, idx);
}

/* Memory that has failed: the mark may only move to the block around it. */
static bool stays_bad(struct slab *s, uint32_t idx)
{
	struct extent e;
	uint32_t block;
	struct media_block *b;
	uint64_t w;

	if (!extent_of(s, idx, &e))
		return false;
	if (extent_block(&e, idx, &block)) {
		/* relaxed: the pool is idle */
		a32_store_rlx(&slab_block(s, idx)->units, e.units);
		return true;
	}
	if (block >= e.blocks)
		return false;
	b = slab_block(s, extent_idx(&e, block));
	w = block_load(b);
	if (block_state(w) == BLOCK_FREE) {
		a32_store_rlx(&b->units, e.units); /* relaxed: as above */
		block_cas(b, &w,
			  block_word(BLOCK_BAD, 0, 0, 0,
				     block_next_version(block_version(w))));
	}
	return false;
}

static void mend_blocks(struct slab *s, uint32_t region, slab_keep_fn keep,
			void *ctx)
{
	uint32_t unit;

	for (unit = 0; unit < s->region[region].unit_nr; unit++) {
		uint32_t idx = region << IDX_UNIT_BITS | unit;
		struct media_block *b = slab_block(s, idx);
		uint64_t w = block_load(b);
		enum block_state state = block_state(w);

		if (state == BLOCK_BAD)
			continue;
		if (state != BLOCK_LIVE || !block_version(w) ||
		    !stays(s, idx, keep, ctx))
			state = BLOCK_FREE;
		if (w != block_unowned(w, state))
			block_cas(b, &w, block_unowned(w, state));
	}
}

/* Last, when it is known which blocks around a mark are FREE. */
static void mend_bad(struct slab *s, uint32_t region, bool clear)
{
	uint32_t unit;

	for (unit = 0; unit < s->region[region].unit_nr; unit++) {
		uint32_t idx = region << IDX_UNIT_BITS | unit;
		struct media_block *b = slab_block(s, idx);
		uint64_t w = block_load(b);

		if (block_state(w) != BLOCK_BAD)
			continue;
		if (clear || !stays_bad(s, idx) || !block_version(w))
			block_cas(b, &w, block_unowned(w, BLOCK_FREE));
		else if (w != block_unowned(w, BLOCK_BAD))
			block_cas(b, &w, block_unowned(w, BLOCK_BAD));
	}
}

/* Extents without any block in use go back to everybody. */
static void drop_unused(struct slab *s, uint32_t region)
{
	const struct slab_region *r = &s->region[region];
	uint32_t slab, i;
	struct extent e;

	for (slab = 0; slab < r->slab_nr; slab++) {
		bool used = false;

		if (!extent_at(s, region, slab, &e))
			continue;
		for (i = 0; i < e.blocks && !used; i++)
			used = block_state(block_load(slab_block(
				       s, extent_idx(&e, i)))) != BLOCK_FREE;
		for (i = 0; i < e.run && !used; i++)
			slab_set_word(r, slab + i, SLAB_EMPTY, 0, 0);
	}
}

static void rebuild_hints(struct slab *s, uint32_t region)
{
	const struct slab_region *r = &s->region[region];
	uint32_t slab, i;
	struct extent e;

	memset(r->maps, 0, (s->class_nr + 1ull) * r->map_words * 8);
	for (slab = 0; slab < r->slab_nr; slab++) {
		if (slab_word_state(slab_word(r, slab)) != SLAB_EMPTY)
			maps_set(r, maps_busy(s), slab);
		for (i = 0; i < 16; i++)
			/* relaxed: the pool is idle */
			a64_store_rlx(&r->slabs[slab].hint[i], 0);
		if (!extent_at(s, region, slab, &e))
			continue;
		for (i = 0; i < e.blocks; i++)
			if (block_state(block_load(slab_block(
				    s, extent_idx(&e, i)))) == BLOCK_FREE)
				slab_hint(s, extent_idx(&e, i));
	}
}

int slab_rebuild(struct slab *s, slab_keep_fn keep, void *ctx, bool clear_bad)
{
	uint32_t region, i;

	for (region = 0; region < s->region_nr; region++) {
		const struct slab_region *r = &s->region[region];
		int rc = slab_mend_words(s, region, keep, ctx);

		if (rc)
			return rc;
		memset(r->rows, 0, s->client_nr * r->row_cells * 2);
		mend_blocks(s, region, keep, ctx);
		mend_bad(s, region, clear_bad);
		drop_unused(s, region);
		rebuild_hints(s, region);
	}
	for (i = 0; i < (s->client_nr + 63) / 64; i++)
		a64_store_full(&s->active[i], 0); /* no pair: idle */
	for (i = 0; i <= s->class_nr; i++)
		a64_store_full(&s->hands[i].pos, 0); /* no pair: idle */
	return 0;
}
