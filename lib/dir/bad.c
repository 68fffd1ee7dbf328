// SPDX-License-Identifier: BSD-3-Clause
/* Blocks whose memory has failed: out of the directory, and of use for good. */
#include "dir/dir.h"

/*
 * Nobody takes a BAD block, and its version never changes, so nothing that
 * others do late can go wrong: a head that still names it is released by the
 * next who helps, its slot words are stale, and a remover finds its word
 * changed.  Pins on it end as they do on an entry.
 */
static bool may_retire(const struct slab *s, uint32_t idx, uint64_t w)
{
	if (block_state(w) == BLOCK_OWNED)
		return block_owned_by(w, s->self, s->self_inc);
	/* relaxed: this client's own pins, taken before this call */
	return (block_state(w) == BLOCK_LIVE ||
		block_state(w) == BLOCK_DYING) &&
	       a16_load_rlx(ledger_cell(s, s->self, idx)) & CELL_PINS;
}

bool dir_retire(struct dir *d, uint32_t idx)
{
	struct media_block *b = slab_block(d->slab, idx);
	uint64_t w = block_load(b);
	uint64_t h0 = a64_load_rlx(&b->h0); /* stable: owned or pinned */
	bool owned = block_state(w) == BLOCK_OWNED;

	do {
		if (!may_retire(d->slab, idx, w))
			return false;
		/* LIVE to DYING by a remover is the only change there can be */
	} while (!block_cas(b, &w, block_unowned(w, BLOCK_BAD)));
	slab_persist(d->slab, b, BLOCK_LINE);
	if (block_is_placed(w))
		dir_unlink(d, h0, idx, block_version(w));
	if (owned)
		slab_disown(d->slab, idx);
	return true;
}
