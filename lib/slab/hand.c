// SPDX-License-Identifier: BSD-3-Clause
/* The clock hand of a class: a shared position that only moves on. */
#include "slab/hand.h"

#include "base/bits.h"

static uint32_t first_of_next_region(const struct slab *s, uint32_t region,
				     bool *wrapped)
{
	if (region + 1 < s->region_nr)
		return (region + 1) << IDX_UNIT_BITS;
	*wrapped = true;
	return 0;
}

/* The block at or behind @pos in its extent; false: look at *next. */
static bool block_from(const struct slab *s, uint32_t class, uint32_t pos,
		       struct extent *e, uint32_t *block, uint32_t *next)
{
	const struct slab_region *r = slab_region(s, pos);
	uint32_t slab = (pos & IDX_UNIT_MASK) >> r->slab_shift;
	uint32_t unit;

	*next = (pos & ~IDX_UNIT_MASK) | (slab + 1) << r->slab_shift;
	if (!extent_of(s, pos, e))
		return false;
	*next = e->base | (e->head + e->run) << r->slab_shift;
	if (e->class != class || slab_word_state(e->word) != SLAB_ACTIVE)
		return false;
	unit = (pos & IDX_UNIT_MASK) - (e->head << r->slab_shift);
	*block = (unit + e->units - 1) / e->units;
	if (*block >= e->blocks)
		return false;
	*next = e->base |
		((e->head << r->slab_shift) + (*block + 1) * e->units);
	return true;
}

static bool past_end(const struct slab *s, uint32_t pos)
{
	return (pos & IDX_UNIT_MASK) >= slab_region(s, pos)->unit_nr;
}

/* One search from @pos; returns where the hand goes. */
static uint32_t search(const struct slab *s, uint32_t class, uint32_t pos,
		       struct hand_stop *stop)
{
	uint32_t limit = 0, i, next = pos;

	for (i = 0; i < s->region_nr; i++)
		limit += s->region[i].slab_nr + 1;
	stop->found = false;
	for (i = 0; i <= limit && !stop->found; i++) {
		if (past_end(s, pos)) {
			pos = first_of_next_region(s, pos >> IDX_UNIT_BITS,
						   &stop->wrapped);
			next = pos;
			continue;
		}
		stop->found = block_from(s, class, pos, &stop->extent,
					 &stop->block, &next);
		pos = next;
	}
	return next;
}

bool hand_next(struct slab *s, uint32_t class, struct hand_stop *stop)
{
	/* one hand behind the classes for extents of one block */
	a64 *hand = &s->hands[class == SLAB_HUGE ? s->class_nr : class].pos;
	uint64_t old = a64_load_rlx(hand); /* relaxed: a place to start */
	uint32_t next;
	int tries;

	/* a lost race means that somebody else moved it: bounded, then we
	 * just look at the same block as they do */
	/* relaxed: no more than a position, whoever has it */
	for (tries = 0; tries < 16; tries++) {
		uint32_t pos = (uint32_t)old;

		stop->wrapped = false;
		if ((pos >> IDX_UNIT_BITS) >= s->region_nr)
			pos = 0;
		next = search(s, class, pos, stop);
		/* relaxed, as above */
		if (!stop->found || a64_cas_rlx(hand, &old, next))
			break;
	}
	return stop->found;
}
