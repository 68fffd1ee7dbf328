// SPDX-License-Identifier: BSD-3-Clause
/*
 * Undoing a client whose host is gone: pins at once, all else when that host
 * can certainly not store any more.
 *
 * What it could still store to is its slot, its row, its blocks, the slabs it
 * was changing.  They stay as they are, or QUARANTINED, until the host is
 * CONFIRMED; and as it may have gone on for a while, then all blocks are looked
 * at once more, not only those that its row tells of.
 */
#include "client/client.h"

/* With the slot's reap lock held.  The slot is not FREE. */
static int fence(struct client *c, uint32_t slot, uint64_t w)
{
	struct media_client *m = &c->slots[slot];
	uint64_t dead = client_as(w, CLIENT_DEAD) | CLIENT_FENCED;

	/* an exchange, as in reap(): its own host may have been at it.  No
	 * pair: what of its host's stores is not to be seen yet, may come. */
	if (!a64_cas_full(&m->word, &w, dead))
		return 0;
	ledger_deactivate(c->dir->slab, slot); /* all its pins are void */
	client_undo_row(c, slot, client_inc(w), DIR_FENCED);
	client_look_after_debts(c);
	/* relaxed: set anew when it is confirmed */
	a64_store_rlx(&m->due, 0);
	/* no pair: who reads it takes the reaping lock first */
	a64_cas_full(&m->word, &dead, client_as(dead, CLIENT_QUARANTINED));
	client_count_reap(c, 1, 0);
	return 1;
}

/* All that names the client, wherever it is. */
static uint64_t free_blocks(struct client *c, uint32_t slot, uint32_t inc)
{
	struct slab *s = c->dir->slab;
	uint32_t region, unit;
	uint64_t freed = 0;

	for (region = 0; region < s->region_nr; region++)
		for (unit = 0; unit < s->region[region].unit_nr; unit++) {
			uint32_t idx = region << IDX_UNIT_BITS | unit;
			uint64_t w = block_load(slab_block(s, idx));

			if (block_owned_by(w, slot, inc))
				freed += dir_undo(c->dir, idx, slot, inc,
						  DIR_SURE);
			else if (block_is_quarantined(w, slot, inc))
				freed += slab_unquarantine(s, idx, slot, inc);
			else if (block_state(w) == BLOCK_DYING)
				/* what it removed after its row was emptied */
				dir_reclaim(c->dir, idx, w);
		}
	return freed;
}

/* Its host is CONFIRMED.  Its devices get their time as well. */
static int release(struct client *c, uint32_t slot, uint64_t w)
{
	struct media_client *m = &c->slots[slot];
	uint32_t inc = client_inc(w);
	struct client_undone u;
	uint64_t freed;

	/* relaxed: under the slot's reaping lock, of this host */
	if (!a64_load_rlx(&m->due))
		client_due_set(c, slot);
	if (client_due_left(c, slot))
		return 0;
	freed = free_blocks(c, slot, inc);
	extent_reap(c->dir->slab, slot);
	u = client_undo_row(c, slot, inc, DIR_SURE);
	client_count_reap(c, 0, freed + u.freed);
	return !u.zombies && client_free_slot(c, slot, w);
}

int client_fence(struct client *c, uint32_t slot, uint64_t w)
{
	bool fenced = client_state(w) == CLIENT_QUARANTINED &&
		      (w & CLIENT_FENCED);

	if (!fenced)
		return fence(c, slot, w);
	return host_releases(c, w) ? release(c, slot, w) : 0;
}
