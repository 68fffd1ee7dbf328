// SPDX-License-Identifier: BSD-3-Clause
/*
 * Slab words made sound, in an idle pool; one pass, whatever they say.
 *
 * What is complete stays.  All else becomes EMPTY, and then extents are made
 * anew around the entries that lie there.  Where an extent began is told by
 * the tails that are left of it, or else by where its blocks may begin.
 */
#include "slab/check.h"

#include <stdlib.h>

#define GUESSES 16

void slab_set_word(const struct slab_region *r, uint32_t slab,
		   enum slab_state state, uint32_t class, uint32_t run)
{
	uint64_t version = (slab_word(r, slab) >> 40) + 1;

	/* no pair: the pool is idle */
	a64_store_full(&r->slabs[slab].word,
		       slab_word_make(state, class, 0, run, version));
}

/* One region at work. */
struct mend {
	struct slab *s;
	const struct slab_region *r;
	uint32_t region;
	slab_keep_fn keep;
	void *ctx;
	uint16_t *back; /* slabs back to the head, of tails that lost theirs */
	uint32_t busy;	/* the next slab that is not EMPTY, as far as looked */
};

static bool is_sound_head(const struct mend *m, uint32_t slab)
{
	uint64_t w = slab_word(m->r, slab);
	const char *why;

	/* one that is CLAIMED may have been in use: ACTIVE is not on the media
	 * before somebody else takes a block.  If none is left it goes anyway. */
	if (slab_word_state(w) == SLAB_RETIRING ||
	    slab_word_state(w) == SLAB_CLAIMED)
		slab_set_word(m->r, slab, SLAB_ACTIVE, slab_word_class(w),
			      slab_word_run(w));
	return slab_word_state(slab_word(m->r, slab)) == SLAB_ACTIVE &&
	       !slab_word_fault(m->s, m->region, slab, &why);
}

/* A head's tails are looked at once: what is sound is stepped over. */
static void drop_unsound(struct mend *m)
{
	uint32_t i = 0;

	while (i < m->r->slab_nr) {
		uint64_t w = slab_word(m->r, i);

		if (is_sound_head(m, i)) {
			i += slab_word_run(slab_word(m->r, i));
			continue;
		}
		if (slab_word_state(w) == SLAB_TAIL && slab_word_run(w) <= i)
			m->back[i] = (uint16_t)slab_word_run(w);
		if (slab_word_state(w) != SLAB_EMPTY)
			slab_set_word(m->r, i, SLAB_EMPTY, 0, 0);
		i++;
	}
}

/* A descriptor of a slab that is worth keeping: an entry, or a BAD block. */
static bool first_kept(const struct mend *m, uint32_t slab, uint32_t *idx)
{
	uint32_t i, units = 1u << m->r->slab_shift, bad = SLAB_NONE;

	for (i = 0; i < units; i++) {
		enum block_state state;

		*idx = m->region << IDX_UNIT_BITS |
		       ((slab << m->r->slab_shift) + i);
		state = block_state(block_load(slab_block(m->s, *idx)));
		if (state == BLOCK_LIVE && m->keep(m->ctx, *idx))
			return true;
		if (state == BLOCK_BAD && bad == SLAB_NONE)
			bad = *idx;
	}
	*idx = bad;
	return bad != SLAB_NONE;
}

/* Class and run that blocks of so many units must be of. */
static bool shape(const struct mend *m, uint32_t units, uint32_t *class,
		  uint32_t *run)
{
	uint32_t i;

	for (i = 0; i < m->s->class_nr; i++)
		if (m->s->class[i].units == units) {
			*class = i;
			*run = slab_run(m->s, m->region, i, units);
			if (slab_class_of(m->s, units) == i)
				return *run != 0;
		}
	*class = SLAB_HUGE;
	*run = units >> m->r->slab_shift;
	return units && !(units & ((1u << m->r->slab_shift) - 1));
}

/* Are @run slabs from @head EMPTY?  Those up to @slab are known to be. */
static bool is_room(struct mend *m, uint32_t head, uint32_t slab, uint32_t run)
{
	uint32_t i;

	if (head > slab || run > m->r->slab_nr - head)
		return false;
	for (i = head; i < slab; i++)
		if (slab_word_state(slab_word(m->r, i)) != SLAB_EMPTY)
			return false;
	/* looked for once: it does not change but by what is made before it */
	if (m->busy < slab)
		m->busy = slab;
	while (m->busy < m->r->slab_nr && m->busy < head + run &&
	       slab_word_state(slab_word(m->r, m->busy)) == SLAB_EMPTY)
		m->busy++;
	return m->busy >= head + run;
}

/* Would a block at @idx begin where a block begins in an extent at @head? */
static bool on_grid(const struct mend *m, uint32_t head, uint32_t idx,
		    uint32_t units)
{
	uint32_t unit = (idx & IDX_UNIT_MASK) - (head << m->r->slab_shift);

	return unit % units == 0;
}

static bool find_head(struct mend *m, uint32_t slab, uint32_t idx, uint32_t run,
		      uint32_t *head)
{
	/* relaxed: the pool is idle */
	uint32_t units = a32_load_rlx(&slab_block(m->s, idx)->units), i;

	*head = slab - m->back[slab];
	if (m->back[slab] < run && on_grid(m, *head, idx, units) &&
	    is_room(m, *head, slab, run))
		return true;
	/* further back than that only tails can tell: it must come to an end */
	for (i = 0; i < run && i <= slab && i < GUESSES; i++) {
		*head = slab - i;
		if (on_grid(m, *head, idx, units) &&
		    is_room(m, *head, slab, run))
			return true;
	}
	return false;
}

/* An extent around what is in this EMPTY slab; where it ends. */
static uint32_t restore_extent(struct mend *m, uint32_t slab)
{
	uint32_t idx, class, run, head, i;

	/* relaxed: the pool is idle */
	if (!first_kept(m, slab, &idx) ||
	    !shape(m, a32_load_rlx(&slab_block(m->s, idx)->units), &class,
		   &run) ||
	    !find_head(m, slab, idx, run, &head))
		return slab + 1;
	for (i = 1; i < run; i++)
		slab_set_word(m->r, head + i, SLAB_TAIL, class, i);
	slab_set_word(m->r, head, SLAB_ACTIVE, class, run);
	return head + run;
}

int slab_mend_words(struct slab *s, uint32_t region, slab_keep_fn keep,
		    void *ctx)
{
	struct mend m = {
		.s = s,
		.r = &s->region[region],
		.region = region,
		.keep = keep,
		.ctx = ctx,
	};
	uint32_t i = 0;

	m.back = calloc(m.r->slab_nr, sizeof(*m.back));
	if (!m.back)
		return -ENOMEM;
	drop_unsound(&m);
	while (i < m.r->slab_nr)
		i = slab_word_state(slab_word(m.r, i)) == SLAB_EMPTY ?
			    restore_extent(&m, i) :
			    i + 1;
	free(m.back);
	return 0;
}
