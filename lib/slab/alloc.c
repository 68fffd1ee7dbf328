// SPDX-License-Identifier: BSD-3-Clause
/* Taking a free block and giving it back. */
#include "slab/ledger.h"
#include "slab/maps.h"

/*
 * Whose write-back may be another's: the region by address.  Inline, it would
 * cost a pool of one region some instructions at every flush.
 */
static __attribute__((noinline)) const struct dev_map *
map_of(const struct slab *s, const void *p)
{
	const unsigned char *at = p;
	uint32_t i;

	for (i = s->region_nr; i-- > 1;) {
		const struct dev_map *m = &s->region[i].media->map;

		if (at >= m->base && (uint64_t)(at - m->base) < m->len)
			return m;
	}
	return &s->region[0].media->map;
}

void slab_flush(const struct slab *s, const void *p, size_t len)
{
	if (unlikely(s->durable))
		dev_flush(s->region_nr == 1 ? s->drain : map_of(s, p), p, len);
}

/* One fence for all regions: it is of the processor. */
void slab_drain(const struct slab *s)
{
	if (unlikely(s->durable))
		dev_drain(s->drain);
}

void slab_persist(const struct slab *s, const void *p, size_t len)
{
	slab_flush(s, p, len);
	slab_drain(s);
}

void slab_persist_free(const struct slab *s, uint32_t idx)
{
	if (unlikely(s->shared))
		slab_persist(s, slab_block(s, idx), BLOCK_LINE);
}

void slab_disown(struct slab *s, uint32_t idx)
{
	/* no pair: it hands nothing over.  Full, as the trace goes after the
	 * deed: whoever sees it gone sees the word that was changed before. */
	a16_and_full(ledger_cell(s, s->self, idx), (uint16_t)~CELL_OWN);
}

static a64 *hint_word(const struct extent *e, uint32_t block)
{
	return &e->r->slabs[e->head].hint[block / 64];
}

static void clear_hint(const struct extent *e, uint32_t block)
{
	/* K5 full */
	a64_and_full(hint_word(e, block), ~(1ull << block % 64));
}

static void set_hint(const struct extent *e, uint32_t block)
{
	uint64_t bit = 1ull << block % 64;

	/* K5 full, the load and the change */
	if (!(a64_load_full(hint_word(e, block)) & bit))
		a64_or_full(hint_word(e, block), bit); /* K5 full */
	maps_set(e->r, e->class, e->head);
}

void slab_hint(struct slab *s, uint32_t idx)
{
	struct extent e;
	uint32_t block;

	if (!extent_of(s, idx, &e) || !extent_block(&e, idx, &block))
		return;
	if (e.class != SLAB_HUGE)
		set_hint(&e, block);
	else if (s->self != SLAB_NONE && extent_retire_begin(s, &e))
		extent_retire_end(s, &e);
}

bool slab_free(struct slab *s, uint32_t idx, uint64_t word)
{
	/* B3 release */
	if (!block_cas(slab_block(s, idx), &word,
		       block_unowned(word, BLOCK_FREE)))
		return false;
	slab_persist_free(s, idx);
	slab_hint(s, idx);
	slab_disown(s, idx);
	return true;
}

bool slab_unquarantine(struct slab *s, uint32_t idx, uint32_t slot,
		       uint32_t inc)
{
	struct media_block *b = slab_block(s, idx);
	uint64_t w = block_load(b);

	/* B3 release */
	if (!block_is_quarantined(w, slot, inc) ||
	    !block_cas(b, &w, block_unowned(w, BLOCK_FREE)))
		return false;
	slab_persist_free(s, idx);
	slab_hint(s, idx);
	return true;
}

/* The word is ours and the own bit set; is the slab still what it was? */
static bool settle(struct slab *s, const struct extent *e, uint32_t idx,
		   uint64_t word)
{
	struct media_block *b = slab_block(s, idx);

	if (slab_word(e->r, e->head) != e->word) {
		slab_free(s, idx, word);
		return false;
	}
	/* B4 release: OWNED is seen before anything of the new life */
	atomic_fence_rel();
	/* relaxed: only the owner, this client, goes by them now */
	a64_store_rlx(&b->size, 0);
	a32_store_rlx(&b->units, e->units);
	a8_store_rlx(&b->use, 0);
	/* no flush: the last life's end is on the media already, see P1 */
	return true;
}

bool slab_take(struct slab *s, const struct extent *e, uint32_t block,
	       uint32_t *idx)
{
	uint32_t i = extent_idx(e, block);
	struct media_block *b = slab_block(s, i);
	uint64_t w, mine;

	/* a retiring extent is as good as gone, though its word may stay */
	if (slab_word_state(e->word) != SLAB_ACTIVE)
		return false;
	/* the own bit first: a death after it is found by the reaper; no pair:
	 * among this client's threads it says who tries, the word decides */
	if (a16_or_full(ledger_cell(s, s->self, i), CELL_OWN) & CELL_OWN)
		return false;
	w = block_guess(b);
	mine = block_word(BLOCK_OWNED, 0, s->self, s->self_inc,
			  block_next_version(block_version(w)));
	/* B3 acquire */
	if (block_state(w) != BLOCK_FREE || !block_cas(b, &w, mine)) {
		slab_disown(s, i);
		return false;
	}
	clear_hint(e, block);
	*idx = i;
	return settle(s, e, i, mine);
}

/* A hint that led nowhere: clear it, unless the block is free after all. */
static void doubt_hint(struct slab *s, const struct extent *e, uint32_t block)
{
	clear_hint(e, block);
	if (block_state(block_load(slab_block(s, extent_idx(e, block)))) ==
	    BLOCK_FREE)
		a64_or_full(hint_word(e, block),
			    1ull << block % 64); /* K5 full */
}

static bool take_any(struct slab *s, const struct extent *e, uint32_t *idx)
{
	uint32_t base, block;

	if (slab_word_state(e->word) != SLAB_ACTIVE)
		return false;
	for (base = 0; base < e->blocks; base += 64) {
		/* no pair: a hint, the block's word decides */
		uint64_t bits = a64_load_full(hint_word(e, base));

		for (; bits; bits &= bits - 1) {
			block = base + (uint32_t)__builtin_ctzll(bits);
			if (block >= e->blocks)
				break;
			if (slab_take(s, e, block, idx))
				return true;
			doubt_hint(s, e, block);
		}
	}
	return false;
}

static bool has_hints(const struct extent *e)
{
	uint32_t base;

	/* K6 full: it is the truth of the class' map */
	for (base = 0; base < e->blocks; base += 64)
		if (a64_load_full(hint_word(e, base))) /* K6 full */
			return true;
	return false;
}

/* The head's bit in its class' map said there is something: there was not. */
static void doubt_map(struct slab *s, uint32_t region, uint32_t class,
		      uint32_t head)
{
	const struct slab_region *r = &s->region[region];
	struct extent e;

	maps_clear(r, class, head);
	if (extent_at(s, region, head, &e) && e.class == class &&
	    slab_word_state(e.word) == SLAB_ACTIVE && has_hints(&e))
		maps_set(r, class, head);
}

static void prefer(struct slab *s, unsigned lane, uint32_t class, uint32_t idx)
{
	/* relaxed: a hint of this process */
	a32_store_rlx(&s->prefer[lane % SLAB_LANES][class], idx + 1);
}

static bool take_preferred(struct slab *s, uint32_t class, unsigned lane,
			   uint32_t *idx)
{
	/* relaxed: as above */
	uint32_t at = a32_load_rlx(&s->prefer[lane % SLAB_LANES][class]);
	struct extent e;

	return at && extent_of(s, at - 1, &e) && e.class == class &&
	       take_any(s, &e, idx);
}

static bool take_mapped(struct slab *s, uint32_t class, uint32_t *idx)
{
	uint32_t region, head;
	struct extent e;

	for (region = 0; region < s->region_nr; region++) {
		const struct slab_region *r = &s->region[region];

		for (head = 0; maps_find_set(r, class, &head); head++) {
			if (extent_at(s, region, head, &e) &&
			    e.class == class && take_any(s, &e, idx))
				return true;
			doubt_map(s, region, class, head);
		}
	}
	return false;
}

static int alloc_huge(struct slab *s, uint32_t units, uint32_t *idx)
{
	struct extent e;
	uint32_t head;
	int tries;

	if (bits_div_up(units, 1u << s->large->slab_shift) > s->large->slab_nr)
		return -EFBIG;
	for (tries = 0; tries < 8; tries++) {
		if (extent_claim_any(s, SLAB_HUGE, units, &head))
			return -ENOSPC;
		if (extent_of(s, head, &e) && e.class == SLAB_HUGE &&
		    e.units >= units && slab_take(s, &e, 0, idx))
			return 0;
		/* somebody retired or took it under our eyes: once more */
	}
	return -ENOSPC;
}

static bool take_new(struct slab *s, uint32_t class, uint32_t *idx)
{
	struct extent e;
	uint32_t head;

	return !extent_claim_any(s, class, 0, &head) &&
	       extent_of(s, head, &e) && e.class == class &&
	       take_any(s, &e, idx);
}

static bool half_is_empty(const struct slab *s)
{
	const struct slab_region *r = &s->region[s->region_nr - 1];
	uint32_t w, busy = 0;

	/* relaxed: a guess */
	for (w = 0; w < r->map_words; w++)
		busy += (uint32_t)__builtin_popcountll(
			a64_load_rlx(maps_word(r, maps_busy(s), w * 64)));
	return busy < r->slab_nr / 2;
}

int slab_alloc(struct slab *s, uint32_t units, unsigned lane, uint32_t *idx)
{
	uint32_t class = slab_class_of(s, units);

	if (class == SLAB_HUGE)
		return alloc_huge(s, units, idx);
	if (take_preferred(s, class, lane, idx))
		return 0;
	/* an extent of its own keeps clients off each other's lines, but not
	 * at the price of the last empty slabs */
	if ((half_is_empty(s) && take_new(s, class, idx)) ||
	    take_mapped(s, class, idx) || take_new(s, class, idx)) {
		prefer(s, lane, class, *idx);
		return 0;
	}
	return -ENOSPC;
}
