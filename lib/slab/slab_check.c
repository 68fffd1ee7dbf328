// SPDX-License-Identifier: BSD-3-Clause
/* What must hold of slabs, block words and the ledger. */
#include "slab/check.h"
#include "slab/ledger.h"

/* With others at work: has the word stayed as it was while we looked? */
static bool settled(const struct fault_sink *sink, const struct media_block *b,
		    uint64_t w)
{
	return !sink->live || block_load(b) == w;
}

static void check_owner(const struct slab *s, struct fault_sink *sink,
			uint32_t idx, uint64_t w)
{
	const struct media_block *b = slab_block(s, idx);
	uint32_t slot = block_owner(w);

	if (slot >= s->client_nr) {
		if (settled(sink, b, w))
			fault_report(
				sink, 2, slab_addr(idx),
				"block is owned by client %u, there are %u",
				slot, s->client_nr);
		return;
	}
	/* no pair: the bit is set before the word says so, which is why it is
	 * a fault if the word, looked at once more, still does */
	if (!(a16_load_full(ledger_cell(s, slot, idx)) & CELL_OWN) &&
	    settled(sink, b, w))
		fault_report(
			sink, 5, slab_addr(idx),
			"block is owned by client %u, whose ledger does not say so",
			slot);
}

static void check_place(const struct slab *s, struct fault_sink *sink,
			uint32_t idx, uint64_t w)
{
	const struct media_block *b = slab_block(s, idx);
	struct extent e;
	uint32_t block;

	/* relaxed: the word is looked at again, or the pool is idle */
	if (extent_of(s, idx, &e) && extent_block(&e, idx, &block)) {
		if (a32_load_rlx(&b->units) != e.units && settled(sink, b, w))
			fault_report(sink, 11, slab_addr(idx),
				     "block says %u units, its extent %u",
				     a32_load_rlx(&b->units), e.units);
		return;
	}
	/* a claim that is about to be undone may be here for a moment */
	if (sink->live && block_state(w) == BLOCK_OWNED)
		return;
	if (settled(sink, b, w))
		fault_report(sink, 11, slab_addr(idx),
			     "%s block where no block of an extent begins",
			     block_state(w) == BLOCK_LIVE ? "live" : "used");
}

static void check_block(const struct slab *s, struct fault_sink *sink,
			uint32_t idx)
{
	const struct media_block *b = slab_block(s, idx);
	uint64_t w = block_load(b);

	if (block_state(w) == BLOCK_FREE)
		return;
	if (block_state(w) > BLOCK_BAD) {
		fault_report(sink, 2, slab_addr(idx), "block state %u is none",
			     block_state(w));
		return;
	}
	if (block_state(w) == BLOCK_OWNED || block_state(w) == BLOCK_READY ||
	    block_state(w) == BLOCK_QUARANTINED)
		check_owner(s, sink, idx, w);
	check_place(s, sink, idx, w);
	if (!sink->live && block_state(w) == BLOCK_DYING &&
	    !ledger_held(s, idx) && !slab_has_debtor(s, idx))
		fault_report(sink, 21, slab_addr(idx),
			     "dying block that nobody holds nor sees to");
}

bool slab_has_debtor(const struct slab *s, uint32_t idx)
{
	uint32_t slot;

	/* no pair: asked of an idle pool, or by who is told by word again */
	for (slot = 0; slot < s->client_nr; slot++)
		if (a16_load_full(ledger_cell(s, slot, idx)) & CELL_OWN)
			return true;
	return false;
}

static bool word_ok(const struct slab *s, uint32_t region, uint32_t slab)
{
	const struct slab_region *r = &s->region[region];
	uint64_t w = slab_word(r, slab), head;
	struct extent e;

	switch (slab_word_state(w)) {
	case SLAB_EMPTY:
		return true;
	case SLAB_CLAIMED:
		return slab_word_owner(w) < s->client_nr;
	case SLAB_ACTIVE:
	case SLAB_RETIRING:
		return extent_at(s, region, slab, &e);
	case SLAB_TAIL:
		if (!slab_word_run(w) || slab_word_run(w) > slab)
			return false;
		head = slab_word(r, slab - slab_word_run(w));
		return slab_word_state(head) != SLAB_EMPTY &&
		       slab_word_state(head) != SLAB_TAIL &&
		       slab_word_run(head) > slab_word_run(w);
	default:
		return false;
	}
}

/* An extent has all its tails. */
static bool run_ok(const struct slab *s, uint32_t region, uint32_t slab)
{
	const struct slab_region *r = &s->region[region];
	struct extent e;
	uint32_t i;

	if (!extent_at(s, region, slab, &e))
		return true;
	for (i = 1; i < e.run; i++) {
		uint64_t w = slab_word(r, slab + i);

		if (slab_word_state(w) != SLAB_TAIL || slab_word_run(w) != i)
			return false;
	}
	return true;
}

bool slab_word_is_sound(const struct slab *s, uint32_t region, uint32_t slab)
{
	return word_ok(s, region, slab) && run_ok(s, region, slab);
}

static void check_slab(const struct slab *s, struct fault_sink *sink,
		       uint32_t region, uint32_t slab)
{
	const struct slab_region *r = &s->region[region];
	uint64_t w = slab_word(r, slab);
	uint32_t first = region << IDX_UNIT_BITS | slab << r->slab_shift, i;

	if (!slab_word_is_sound(s, region, slab)) {
		if (!sink->live || slab_word(r, slab) == w)
			fault_report(sink, 11, slab_addr(first),
				     "slab %u: its word 0x%llx cannot be", slab,
				     (unsigned long long)w);
		return;
	}
	if (sink->live || slab_word_state(w) != SLAB_EMPTY)
		return;
	for (i = 0; i < 1u << r->slab_shift; i++)
		if (block_state(block_load(slab_block(s, first + i))) !=
		    BLOCK_FREE)
			fault_report(sink, 22, slab_addr(first + i),
				     "used block in an empty slab");
}

void slab_check(const struct slab *s, struct fault_sink *sink)
{
	uint32_t region, i;

	for (region = 0; region < s->region_nr; region++) {
		for (i = 0; i < s->region[region].slab_nr; i++)
			check_slab(s, sink, region, i);
		for (i = 0; i < s->region[region].unit_nr; i++)
			check_block(s, sink, region << IDX_UNIT_BITS | i);
	}
}
