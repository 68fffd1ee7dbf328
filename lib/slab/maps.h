/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Bitmaps over slabs that spare a search: hints, never the truth.
 *
 * Row c < class_nr: this slab heads an extent of class c with free hints.
 * Row class_nr: this slab is busy (zero: maybe EMPTY).
 * Whoever clears a bit looks at the truth once more and sets it again if it
 * was wrong; whoever makes it true sets it afterwards:
 *  K6: the truth, then maps_set() <-> maps_clear(), then the truth  no bit is
 *	lost, but by a death
 */
#ifndef SLAB_MAPS_H
#define SLAB_MAPS_H

#include "base/bits.h"
#include "slab/slab.h"

static inline uint32_t maps_busy(const struct slab *s)
{
	return s->class_nr;
}

static inline a64 *maps_word(const struct slab_region *r, uint32_t row,
			     uint32_t slab)
{
	return &r->maps[row * r->map_words + slab / 64];
}

static inline void maps_set(const struct slab_region *r, uint32_t row,
			    uint32_t slab)
{
	a64 *w = maps_word(r, row, slab);

	/* K6 full */
	if (!(a64_load_full(w) >> slab % 64 & 1))
		a64_or_full(w, 1ull << slab % 64); /* K6 full */
}

static inline void maps_clear(const struct slab_region *r, uint32_t row,
			      uint32_t slab)
{
	a64 *w = maps_word(r, row, slab);

	/* K6 full */
	if (a64_load_full(w) >> slab % 64 & 1)
		a64_and_full(w, ~(1ull << slab % 64)); /* K6 full */
}

/** maps_find_set() - next set bit from *slab on; false at the end. */
bool maps_find_set(const struct slab_region *r, uint32_t row, uint32_t *slab);

/** maps_find_clear() - next @run clear bits in a row from *slab on. */
bool maps_find_clear(const struct slab_region *r, uint32_t row, uint32_t run,
		     uint32_t *slab);

#endif
