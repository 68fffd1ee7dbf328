// SPDX-License-Identifier: BSD-3-Clause
/* Slabs, hints and ledger anew from the descriptors, in an idle pool. */
#include "slab/check.h"
#include "slab/ledger.h"
#include "slab/maps.h"

#include <string.h>

static void set_word(const struct slab_region *r, uint32_t slab,
		     enum slab_state state, uint32_t class, uint32_t run)
{
	uint64_t version = (slab_word(r, slab) >> 40) + 1;

	/* no pair: the pool is idle */
	a64_store_full(&r->slabs[slab].word,
		       slab_word_make(state, class, 0, run, version));
}

/* The first descriptor of a slab that is worth keeping. */
static bool first_kept(struct slab *s, uint32_t region, uint32_t slab,
		       slab_keep_fn keep, void *ctx, uint32_t *idx)
{
	const struct slab_region *r = &s->region[region];
	uint32_t i, units = 1u << r->slab_shift;

	for (i = 0; i < units; i++) {
		*idx = region << IDX_UNIT_BITS | ((slab << r->slab_shift) + i);
		if (block_state(block_load(slab_block(s, *idx))) ==
			    BLOCK_LIVE &&
		    keep(ctx, *idx))
			return true;
	}
	return false;
}

/* Class and run that blocks of so many units must be of. */
static bool shape(const struct slab *s, const struct slab_region *r,
		  uint32_t units, uint32_t *class, uint32_t *run)
{
	uint32_t i;

	for (i = 0; i < s->class_nr; i++)
		if (s->class[i].units == units) {
			*class = i;
			*run = s->class[i].group;
			if (slab_class_of(s, units) == i)
				return true;
		}
	*class = SLAB_HUGE;
	*run = units >> r->slab_shift;
	return units && !(units & ((1u << r->slab_shift) - 1));
}

/* An extent around what is in the slab; all its slabs must be EMPTY. */
static void restore_extent(struct slab *s, uint32_t region, uint32_t slab,
			   slab_keep_fn keep, void *ctx)
{
	const struct slab_region *r = &s->region[region];
	uint32_t idx, class, run, i;

	if (!first_kept(s, region, slab, keep, ctx, &idx))
		return;
	/* relaxed: the pool is idle */
	if (!shape(s, r, a32_load_rlx(&slab_block(s, idx)->units), &class,
		   &run) ||
	    run > r->slab_nr - slab)
		return;
	for (i = 1; i < run; i++)
		if (slab_word_state(slab_word(r, slab + i)) != SLAB_EMPTY)
			return;
	for (i = 1; i < run; i++)
		set_word(r, slab + i, SLAB_TAIL, class, i);
	set_word(r, slab, SLAB_ACTIVE, class, run);
}

static void mend_words(struct slab *s, uint32_t region, slab_keep_fn keep,
		       void *ctx)
{
	const struct slab_region *r = &s->region[region];
	uint32_t i;
	bool again = true;

	/* one that is CLAIMED may have been in use: ACTIVE is not on the media
	 * before somebody else takes a block.  If none is left it goes anyway. */
	for (i = 0; i < r->slab_nr; i++)
		if (slab_word_state(slab_word(r, i)) == SLAB_RETIRING ||
		    slab_word_state(slab_word(r, i)) == SLAB_CLAIMED)
			set_word(r, i, SLAB_ACTIVE,
				 slab_word_class(slab_word(r, i)),
				 slab_word_run(slab_word(r, i)));
	/* an unsound word makes others unsound: until nothing changes */
	while (again) {
		again = false;
		for (i = 0; i < r->slab_nr; i++) {
			uint64_t w = slab_word(r, i);

			if (slab_word_state(w) == SLAB_EMPTY ||
			    slab_word_is_sound(s, region, i))
				continue;
			set_word(r, i, SLAB_EMPTY, 0, 0);
			again = true;
		}
	}
	for (i = 0; i < r->slab_nr; i++)
		if (slab_word_state(slab_word(r, i)) == SLAB_EMPTY)
			restore_extent(s, region, i, keep, ctx);
}

static bool stays(struct slab *s, uint32_t idx, slab_keep_fn keep, void *ctx)
{
	struct extent e;
	uint32_t block;

	/* relaxed: the pool is idle */
	return extent_of(s, idx, &e) && extent_block(&e, idx, &block) &&
	       a32_load_rlx(&slab_block(s, idx)->units) == e.units &&
	       keep(ctx, idx);
}

static void mend_blocks(struct slab *s, uint32_t region, slab_keep_fn keep,
			void *ctx)
{
	uint32_t unit;

	for (unit = 0; unit < s->region[region].unit_nr; unit++) {
		uint32_t idx = region << IDX_UNIT_BITS | unit;
		struct media_block *b = slab_block(s, idx);
		uint64_t w = block_load(b);

		if (block_state(w) == BLOCK_FREE ||
		    (block_state(w) == BLOCK_LIVE && stays(s, idx, keep, ctx)))
			continue;
		block_cas(b, &w, block_unowned(w, BLOCK_FREE));
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
			set_word(r, slab + i, SLAB_EMPTY, 0, 0);
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

void slab_rebuild(struct slab *s, slab_keep_fn keep, void *ctx)
{
	uint32_t region, i;

	for (i = 0; i < (s->client_nr + 63) / 64; i++)
		a64_store_full(&s->active[i], 0); /* no pair: idle */
	for (region = 0; region < s->region_nr; region++) {
		const struct slab_region *r = &s->region[region];

		memset(r->rows, 0, s->client_nr * r->row_cells * 2);
		mend_words(s, region, keep, ctx);
		mend_blocks(s, region, keep, ctx);
		drop_unused(s, region);
		rebuild_hints(s, region);
	}
	for (i = 0; i <= s->class_nr; i++)
		a64_store_full(&s->hands[i].pos, 0); /* no pair: idle */
}
