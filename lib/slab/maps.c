// SPDX-License-Identifier: BSD-3-Clause
/* Searching the slab bitmaps. */
#include "slab/maps.h"

bool maps_find_set(const struct slab_region *r, uint32_t row, uint32_t *slab)
{
	uint32_t i = *slab;

	while (i < r->slab_nr) {
		/* no pair: a hint, what it leads to is looked at */
		uint64_t bits = a64_load_full(maps_word(r, row, i)) >> i % 64;

		if (bits) {
			*slab = i + (uint32_t)__builtin_ctzll(bits);
			return *slab < r->slab_nr;
		}
		i = (i / 64 + 1) * 64;
	}
	return false;
}

bool maps_find_clear(const struct slab_region *r, uint32_t row, uint32_t run,
		     uint32_t *slab)
{
	uint32_t i = *slab, found = 0;

	while (i < r->slab_nr) {
		/* no pair: a hint, the slabs' words decide */
		uint64_t word = a64_load_full(maps_word(r, row, i));

		if (i % 64 == 0 && word == ~0ull) {
			found = 0;
			i += 64;
			continue;
		}
		found = word >> i % 64 & 1 ? 0 : found + 1;
		i++;
		if (found == run) {
			*slab = i - run;
			return true;
		}
	}
	return false;
}
