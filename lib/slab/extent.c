// SPDX-License-Identifier: BSD-3-Clause
/* Runs of slabs: claiming, retiring, and undoing what a dead client left. */
#include "slab/ledger.h"
#include "slab/maps.h"

static bool describe(const struct slab *s, uint32_t region, uint32_t head,
		     uint64_t w, struct extent *e)
{
	const struct slab_region *r = &s->region[region];
	uint32_t class = slab_word_class(w), run = slab_word_run(w);

	if (!run || run > r->slab_nr - head)
		return false;
	e->r = r;
	e->word = w;
	e->base = region << IDX_UNIT_BITS;
	e->head = head;
	e->run = run;
	e->class = class;
	if (class == SLAB_HUGE) {
		e->units = run << r->slab_shift;
		e->blocks = 1;
		return true;
	}
	if (class >= s->class_nr)
		return false;
	e->units = s->class[class].units;
	e->blocks = (uint32_t)bits_min((run << r->slab_shift) / e->units, 1024);
	return e->blocks > 0;
}

bool extent_at(const struct slab *s, uint32_t region, uint32_t head,
	       struct extent *e)
{
	const struct slab_region *r = &s->region[region];
	uint64_t w;

	if (region >= s->region_nr || head >= r->slab_nr)
		return false;
	w = slab_word(r, head);
	if (slab_word_state(w) != SLAB_ACTIVE &&
	    slab_word_state(w) != SLAB_RETIRING)
		return false;
	return describe(s, region, head, w, e);
}

bool extent_of(const struct slab *s, uint32_t idx, struct extent *e)
{
	uint32_t region = idx >> IDX_UNIT_BITS;
	const struct slab_region *r = slab_region(s, idx);
	uint32_t slab = (idx & IDX_UNIT_MASK) >> r->slab_shift;
	uint64_t w = slab_word(r, slab);

	if (slab_word_state(w) != SLAB_TAIL)
		return extent_at(s, region, slab, e);
	if (slab_word_run(w) > slab)
		return false;
	return extent_at(s, region, slab - slab_word_run(w), e) &&
	       e->head + e->run > slab;
}

bool extent_block(const struct extent *e, uint32_t idx, uint32_t *block)
{
	uint32_t unit = (idx & IDX_UNIT_MASK) - (e->head << e->r->slab_shift);

	*block = unit / e->units;
	return unit % e->units == 0 && *block < e->blocks;
}

bool extent_has(const struct slab *s, uint32_t idx)
{
	struct extent e;
	uint32_t block;

	/* relaxed: its owner is dead or gives it up, or it is looked at again */
	return extent_of(s, idx, &e) && extent_block(&e, idx, &block) &&
	       a32_load_rlx(&slab_block(s, idx)->units) == e.units;
}

static bool slab_cas(const struct slab_region *r, uint32_t slab, uint64_t old,
		     uint64_t w)
{
	/* K4 full, K6 full; S1 and S2 where the callers say so */
	return a64_cas_full(&r->slabs[slab].word, &old, w);
}

static uint64_t emptied(uint64_t w)
{
	return slab_word_make(SLAB_EMPTY, 0, 0, 0, w >> 40);
}

/* What a host that is lost must not take with it.  In a pool of one host a
 * repair sees to that, and nothing is written back. */
static void persist_run(const struct slab *s, const struct slab_region *r,
			uint32_t head, uint32_t run)
{
	if (s->shared)
		slab_persist(s, &r->slabs[head], run * sizeof(r->slabs[0]));
}

/* Slabs that are EMPTY but said to be busy would be so for good. */
static void persist_busy(const struct slab *s, const struct slab_region *r,
			 uint32_t head, uint32_t run)
{
	const a64 *first = maps_word(r, maps_busy(s), head);
	const a64 *last = maps_word(r, maps_busy(s), head + run - 1);

	if (s->shared)
		slab_persist(s, first,
			     (size_t)(last - first + 1) * sizeof(*first));
}

/*
 * CLAIMED head and its tails to EMPTY, the head last: as long as the head
 * names @owner, whoever cleans up after it can start over.
 */
static void give_back(struct slab *s, uint32_t region, uint32_t head,
		      uint32_t run, uint32_t owner)
{
	const struct slab_region *r = &s->region[region];
	uint32_t i;
	uint64_t w;

	if (run > r->slab_nr - head)
		run = r->slab_nr - head;
	for (i = run; i-- > 1;) {
		w = slab_word(r, head + i);
		/* the distance says whose tail it is; S2 release */
		if (slab_word_state(w) != SLAB_TAIL || slab_word_run(w) != i)
			continue;
		if (slab_cas(r, head + i, w, emptied(w)))
			maps_clear(r, maps_busy(s), head + i);
	}
	if (run > 1)
		persist_run(s, r, head, run); /* or they had no head */
	w = slab_word(r, head);
	/* S2 release */
	if (slab_word_state(w) == SLAB_CLAIMED && slab_word_owner(w) == owner &&
	    slab_cas(r, head, w, emptied(w)))
		maps_clear(r, maps_busy(s), head);
	persist_run(s, r, head, 1); /* it names us, who may leave */
	persist_busy(s, r, head, run);
}

/* EMPTY to @state, naming this client; false if it was not EMPTY. */
static bool grab(struct slab *s, const struct slab_region *r, uint32_t slab,
		 enum slab_state state, uint32_t class, uint32_t run)
{
	uint64_t w;

	/* before the look: whoever empties it afterwards clears it again */
	maps_set(r, maps_busy(s), slab);
	/* S2 acquire, by this look or by the exchange */
	w = slab_word(r, slab);
	if (slab_word_state(w) != SLAB_EMPTY)
		return false;
	/* S2 acquire */
	return slab_cas(r, slab, w,
			slab_word_make(state, class, s->self, run,
				       (w >> 40) + 1));
}

static void fill_hints(const struct slab_region *r, uint32_t head,
		       uint32_t blocks)
{
	uint32_t i;

	/* relaxed: hints; S1 orders those of a new extent */
	for (i = 0; i < 16; i++) {
		uint32_t left = blocks > i * 64 ? blocks - i * 64 : 0;

		/* relaxed, as above */
		a64_store_rlx(&r->slabs[head].hint[i],
			      left >= 64 ? ~0ull : (1ull << left) - 1);
	}
}

static bool claim_at(struct slab *s, uint32_t region, uint32_t head,
		     uint32_t class, uint32_t run)
{
	const struct slab_region *r = &s->region[region];
	struct extent e;
	uint64_t w;
	uint32_t i;

	if (!grab(s, r, head, SLAB_CLAIMED, class, run))
		return false;
	w = slab_word(r, head); /* S2 acquire, once more; it is ours now */
	if (run > 1)
		persist_run(s, r, head, 1); /* no tail without a head */
	for (i = 1; i < run; i++) {
		if (grab(s, r, head + i, SLAB_TAIL, class, i))
			continue;
		give_back(s, region, head, run, s->self);
		return false;
	}
	if (!describe(s, region, head, w, &e)) {
		give_back(s, region, head, run, s->self);
		return false;
	}
	fill_hints(r, head, e.blocks);
	slab_persist(s, &r->slabs[head], run * sizeof(r->slabs[0]));
	/* S1 release, pairs with slab_word() */
	slab_cas(r, head, w, (w & ~0xfull) | SLAB_ACTIVE);
	slab_persist(s, &r->slabs[head], sizeof(r->slabs[0]));
	if (class != SLAB_HUGE)
		maps_set(r, class, head);
	return true;
}

int extent_claim(struct slab *s, uint32_t region, uint32_t class, uint32_t run,
		 uint32_t *out)
{
	const struct slab_region *r = &s->region[region];
	uint32_t head;

	for (head = 0; maps_find_clear(r, maps_busy(s), run, &head); head++) {
		if (!claim_at(s, region, head, class, run))
			continue;
		*out = region << IDX_UNIT_BITS | head << r->slab_shift;
		return 0;
	}
	return -ENOSPC;
}

int extent_claim_any(struct slab *s, uint32_t class, uint32_t units,
		     uint32_t *out)
{
	uint32_t region, run;

	for (region = 0; region < s->region_nr; region++) {
		run = slab_run(s, region, class, units);
		if (run && run <= s->region[region].slab_nr &&
		    !extent_claim(s, region, class, run, out))
			return 0;
	}
	return -ENOSPC;
}

bool extent_retire_begin(struct slab *s, struct extent *e)
{
	uint64_t w = slab_word_make(SLAB_RETIRING, e->class, s->self, e->run,
				    e->word >> 40);

	if (slab_word_state(e->word) != SLAB_ACTIVE ||
	    !slab_cas(e->r, e->head, e->word, w))
		return false;
	e->word = w;
	return true;
}

bool extent_all_free(const struct slab *s, const struct extent *e)
{
	uint32_t i;

	for (i = 0; i < e->blocks; i++)
		if (block_state(block_load(slab_block(s, extent_idx(e, i)))) !=
		    BLOCK_FREE)
			return false;
	return true;
}

/* To the hand's and the takers' extents again; e->word is RETIRING. */
static void reactivate(const struct slab *s, const struct extent *e, uint64_t w)
{
	if (slab_cas(e->r, e->head, e->word, w) && e->class != SLAB_HUGE)
		/* who came by meanwhile has taken it for a wrong hint */
		maps_set(e->r, e->class, e->head);
	persist_run(s, e->r, e->head, 1); /* as in give_back() */
}

bool extent_retire_end(struct slab *s, struct extent *e)
{
	uint64_t claimed = slab_word_make(SLAB_CLAIMED, e->class, s->self,
					  e->run, e->word >> 40);

	if (!extent_all_free(s, e)) {
		reactivate(s, e,
			   slab_word_make(SLAB_ACTIVE, e->class, s->self,
					  e->run, e->word >> 40));
		return false;
	}
	/* S2 release: from here on the head's slab is on its way to others */
	if (!slab_cas(e->r, e->head, e->word, claimed))
		return false;
	/* before its tails are others': else, with this host's caches lost, it
	 * could be ACTIVE again, and over them */
	persist_run(s, e->r, e->head, 1);
	if (e->class != SLAB_HUGE)
		maps_clear(e->r, e->class, e->head);
	give_back(s, e->base >> IDX_UNIT_BITS, e->head, e->run, s->self);
	return true;
}

static bool has_tails(const struct extent *e)
{
	uint32_t i;
	uint64_t w;

	for (i = 1; i < e->run; i++) {
		w = slab_word(e->r, e->head + i);
		if (slab_word_state(w) != SLAB_TAIL || slab_word_run(w) != i)
			return false;
	}
	return true;
}

/*
 * CLAIMED: on the way to be ACTIVE or to be EMPTY.  With its host's caches it
 * may have lost that it was ACTIVE already, and in use; before it was, and
 * after it is not, all its blocks are FREE.
 */
static void reap_claimed(struct slab *s, uint32_t region, uint32_t slab,
			 uint64_t w)
{
	struct extent e;

	if (s->shared && describe(s, region, slab, w, &e) && has_tails(&e) &&
	    !extent_all_free(s, &e))
		reactivate(s, &e, (w & ~0xfull) | SLAB_ACTIVE);
	else
		give_back(s, region, slab, slab_word_run(w),
			  slab_word_owner(w));
}

static void reap_slab(struct slab *s, uint32_t region, uint32_t slab,
		      uint32_t slot)
{
	const struct slab_region *r = &s->region[region];
	uint64_t w = slab_word(r, slab);
	struct extent e;

	if (slab_word_state(w) == SLAB_EMPTY) {
		/* the dead may have left it set.  If somebody takes the slab
		 * just now it stays clear, and the next who tries it sets it;
		 * to set it here could outlast the slab's next giving back */
		maps_clear(r, maps_busy(s), slab);
		return;
	}
	if (slab_word_owner(w) != slot)
		return;
	if (slab_word_state(w) == SLAB_RETIRING &&
	    describe(s, region, slab, w, &e))
		reactivate(s, &e, (w & ~0xfull) | SLAB_ACTIVE);
	if (slab_word_state(w) == SLAB_CLAIMED)
		reap_claimed(s, region, slab, w);
	if (slab_word_state(w) == SLAB_ACTIVE)
		/* its maker may have died before it came to that */
		persist_run(s, r, slab, 1);
}

void extent_reap(struct slab *s, uint32_t slot)
{
	uint32_t region, slab;

	for (region = 0; region < s->region_nr; region++)
		for (slab = 0; slab < s->region[region].slab_nr; slab++)
			reap_slab(s, region, slab, slot);
}
