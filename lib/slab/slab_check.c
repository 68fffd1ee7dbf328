// SPDX-License-Identifier: BSD-3-Clause
/* What must hold of slabs, block words and the ledger. */
#include "slab/check.h"
#include "slab/ledger.h"
#include "slab/maps.h"

/* With others at work: has the word stayed as it was while we looked? */
static bool settled(const struct fault_sink *sink, const struct media_block *b,
		    uint64_t w)
{
	return !sink->live || block_load(b) == w;
}

/* It may have set the bit, lost it to its reaper, and then taken the block. */
static bool took_late(const struct slab *s, uint32_t slot)
{
	return s->fenced && s->fenced(s->ctx, slot);
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
	    !took_late(s, slot) && settled(sink, b, w))
		fault_report(
			sink, 5, slab_addr(idx),
			"block is owned by client %u, whose ledger does not say so",
			slot);
}

static bool in_empty_slab(const struct slab *s, uint32_t idx)
{
	const struct slab_region *r = slab_region(s, idx);
	uint32_t slab = (idx & IDX_UNIT_MASK) >> r->slab_shift;

	return slab_word_state(slab_word(r, slab)) == SLAB_EMPTY;
}

static void check_place(const struct slab *s, struct fault_sink *sink,
			uint32_t idx, uint64_t w)
{
	const struct media_block *b = slab_block(s, idx);
	struct extent e;
	uint32_t block;

	/* relaxed: the word is looked at again, or the pool is idle */
	if (extent_of(s, idx, &e) && extent_block(&e, idx, &block)) {
		uint32_t units = a32_load_rlx(&b->units); /* settled below */

		if (units != e.units && settled(sink, b, w))
			fault_report(sink, 11, slab_addr(idx),
				     "block says %u units, its extent %u",
				     units, e.units);
		return;
	}
	/* told as such: see check_slab() */
	if (!sink->live && in_empty_slab(s, idx))
		return;
	if (settled(sink, b, w))
		fault_report(sink, 11, slab_addr(idx),
			     "%s block where no block of an extent begins",
			     block_state(w) == BLOCK_LIVE ? "live" : "used");
}

/* State and the rest of the word. */
static bool check_word(const struct media_block *b, struct fault_sink *sink,
		       uint32_t idx, uint64_t w)
{
	enum block_state state = block_state(w);
	bool owned = state == BLOCK_OWNED || state == BLOCK_READY;

	if (state > BLOCK_BAD) {
		fault_report(sink, 2, slab_addr(idx), "block state %u is none",
			     state);
		return false;
	}
	if (!owned && state != BLOCK_QUARANTINED &&
	    w != block_unowned(w, state) && settled(sink, b, w))
		fault_report(
			sink, 2, slab_addr(idx),
			"block is nobody's, its word 0x%llx names an owner",
			(unsigned long long)w);
	if (state != BLOCK_FREE && !block_version(w))
		fault_report(sink, 2, slab_addr(idx),
			     "used block has version 0");
	return true;
}

static void check_block(const struct slab *s, struct fault_sink *sink,
			uint32_t idx)
{
	const struct media_block *b = slab_block(s, idx);
	uint64_t w = block_load(b);

	if (!w || !check_word(b, sink, idx, w) || block_state(w) == BLOCK_FREE)
		return;
	if (block_state(w) == BLOCK_OWNED || block_state(w) == BLOCK_READY ||
	    block_state(w) == BLOCK_QUARANTINED)
		check_owner(s, sink, idx, w);
	/* a claim that is about to be undone may be anywhere, and the units
	 * are written after it; its owner answers for it */
	if (block_state(w) != BLOCK_OWNED)
		check_place(s, sink, idx, w);
	if (!sink->live && block_state(w) == BLOCK_DYING &&
	    !ledger_held(s, idx) && !slab_has_debtor(s, idx))
		fault_report(sink, 21, slab_addr(idx),
			     "dying block that nobody holds nor sees to");
}

bool slab_has_debtor(const struct slab *s, uint32_t idx)
{
	uint32_t slot;

	/* no pair: asked of an idle pool */
	for (slot = 0; slot < s->client_nr; slot++)
		if (a16_load_full(ledger_cell(s, slot, idx)) & CELL_OWN)
			return true;
	return false;
}

/* An extent by its head's word: in the pool, and with all its tails. */
static const char *head_fault(const struct slab *s, uint32_t region,
			      uint32_t slab, uint64_t w)
{
	const struct slab_region *r = &s->region[region];
	uint32_t class = slab_word_class(w), run = slab_word_run(w), i;
	struct extent e;

	if (class >= s->class_nr && class != SLAB_HUGE)
		return "it is of a class that there is not";
	if (!run || run > r->slab_nr - slab)
		return "its extent does not fit the pool";
	if (!extent_at(s, region, slab, &e))
		return "its extent holds no block";
	for (i = 1; i < run; i++) {
		uint64_t t = slab_word(r, slab + i);

		if (slab_word_state(t) != SLAB_TAIL || slab_word_run(t) != i)
			return "its extent lacks a tail";
	}
	return NULL;
}

static const char *tail_fault(const struct slab_region *r, uint32_t slab,
			      uint64_t w)
{
	uint32_t back = slab_word_run(w);
	uint64_t head;

	if (!back || back > slab)
		return "a tail of what is not in the pool";
	head = slab_word(r, slab - back);
	if (slab_word_state(head) == SLAB_EMPTY ||
	    slab_word_state(head) > SLAB_RETIRING)
		return "a tail without a head";
	if (slab_word_state(head) == SLAB_TAIL || slab_word_run(head) <= back)
		return "a tail of an extent that ends before it";
	return NULL;
}

unsigned slab_word_fault(const struct slab *s, uint32_t region, uint32_t slab,
			 const char **why)
{
	const struct slab_region *r = &s->region[region];
	uint64_t w = slab_word(r, slab);

	*why = NULL;
	switch (slab_word_state(w)) {
	case SLAB_EMPTY:
		return 0;
	case SLAB_CLAIMED:
	case SLAB_RETIRING:
		*why = "it is being changed by a client that there is not";
		if (slab_word_owner(w) >= s->client_nr)
			return 2;
		*why = slab_word_state(w) == SLAB_CLAIMED ?
			       NULL :
			       head_fault(s, region, slab, w);
		break;
	case SLAB_ACTIVE:
		*why = head_fault(s, region, slab, w);
		break;
	case SLAB_TAIL:
		*why = tail_fault(r, slab, w);
		break;
	default:
		*why = "its state is none";
		return 2;
	}
	return *why ? 11 : 0;
}

static void check_slab(const struct slab *s, struct fault_sink *sink,
		       uint32_t region, uint32_t slab)
{
	const struct slab_region *r = &s->region[region];
	uint64_t w = slab_word(r, slab);
	uint32_t first = region << IDX_UNIT_BITS | slab << r->slab_shift, i;
	const char *why;
	unsigned broken = slab_word_fault(s, region, slab, &why);

	if (broken) {
		if (!sink->live || slab_word(r, slab) == w)
			fault_report(sink, broken, slab_addr(first),
				     "slab %u: %s (word 0x%llx)", slab, why,
				     (unsigned long long)w);
		return;
	}
	if (sink->live || slab_word_state(w) != SLAB_EMPTY)
		return;
	for (i = 0; i < 1u << r->slab_shift; i++) {
		w = block_load(slab_block(s, first + i));
		/* OWNED: as in check_block() */
		if (block_state(w) != BLOCK_FREE &&
		    block_state(w) != BLOCK_OWNED)
			fault_report(sink, 22, slab_addr(first + i),
				     "used block in an empty slab");
	}
}

/* Bits that no client has: their pins would count, if there were any. */
static void check_active(const struct slab *s, struct fault_sink *sink)
{
	uint32_t last = (s->client_nr - 1) / 64, used = s->client_nr % 64;
	/* no pair: nobody ever sets them */
	uint64_t beyond = used ? a64_load_full(&s->active[last]) >> used : 0;

	if (beyond)
		fault_report(
			sink, 14, FAULT_NOWHERE,
			"active map: bits beyond the %u client slots are set",
			s->client_nr);
}

void slab_check(const struct slab *s, struct fault_sink *sink)
{
	uint32_t region, i;

	check_active(s, sink);
	for (region = 0; region < s->region_nr; region++) {
		for (i = 0; i < s->region[region].slab_nr; i++)
			check_slab(s, sink, region, i);
		for (i = 0; i < s->region[region].unit_nr; i++)
			check_block(s, sink, region << IDX_UNIT_BITS | i);
	}
}

/*
 * Hints of blocks may be lost by a death, and the hand makes up for it; but
 * nobody ever looks at an EMPTY slab that is said to be taken.
 */
void slab_check_idle(const struct slab *s, struct fault_sink *sink)
{
	uint32_t region, i;

	for (region = 0; region < s->region_nr; region++) {
		const struct slab_region *r = &s->region[region];

		/* no pair: the pool is idle */
		for (i = 0; i < r->slab_nr; i++)
			if (slab_word_state(slab_word(r, i)) == SLAB_EMPTY &&
			    a64_load_full(maps_word(r, maps_busy(s), i)) >>
					    i % 64 &
				    1)
				fault_report(
					sink, 24,
					slab_addr(region << IDX_UNIT_BITS |
						  i << r->slab_shift),
					"slab %u: it is empty, the map says taken",
					i);
	}
}
