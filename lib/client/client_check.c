// SPDX-License-Identifier: BSD-3-Clause
/* What must hold of client slots and their ledger rows. */
#include "client/check.h"

static void check_row(const struct client *c, struct fault_sink *sink,
		      uint32_t slot, uint64_t w)
{
	const struct slab *s = c->dir->slab;
	uint32_t region, idx;

	for (region = 0; region < s->region_nr; region++) {
		idx = region << IDX_UNIT_BITS;
		if (!ledger_walk(s, slot, &idx))
			continue;
		if (client_word(c, slot) == w)
			fault_report(
				sink, 14,
				(uint64_t)region << 32 | (idx & IDX_UNIT_MASK),
				"client slot %u is free, its ledger row is not zero",
				slot);
	}
}

static void check_slot(const struct client *c, struct fault_sink *sink,
		       uint32_t slot)
{
	uint64_t w = client_word(c, slot);

	if (client_state(w) > CLIENT_QUARANTINED) {
		fault_report(sink, 2, FAULT_NOWHERE,
			     "client slot %u: state %u is none", slot,
			     client_state(w));
		return;
	}
	if (client_state(w) == CLIENT_FREE)
		check_row(c, sink, slot, w);
	if (!sink->live && ledger_is_active(c->dir->slab, slot) &&
	    (client_state(w) == CLIENT_FREE ||
	     client_state(w) == CLIENT_QUARANTINED))
		fault_report(sink, 14, FAULT_NOWHERE,
			     "client slot %u is free, but counts as active",
			     slot);
}

/* A block's writer must be the client that has the slot now. */
static void check_writers(const struct client *c, struct fault_sink *sink)
{
	const struct slab *s = c->dir->slab;
	uint32_t region, unit;

	for (region = 0; region < s->region_nr; region++)
		for (unit = 0; unit < s->region[region].unit_nr; unit++) {
			uint64_t w =
				block_load(&s->region[region].blocks[unit]);
			uint32_t slot = block_owner(w);
			uint64_t cw;

			if ((block_state(w) != BLOCK_OWNED &&
			     block_state(w) != BLOCK_READY &&
			     block_state(w) != BLOCK_QUARANTINED) ||
			    slot >= c->slot_nr)
				continue;
			cw = client_word(c, slot);
			if (client_state(cw) == CLIENT_FREE ||
			    (client_inc(cw) & 0xfff) != block_owner_inc(w))
				fault_report(
					sink, 21, (uint64_t)region << 32 | unit,
					"block is owned by client %u, who is gone",
					slot);
		}
}

void client_check(const struct client *c, struct fault_sink *sink)
{
	uint32_t slot;

	for (slot = 0; slot < c->slot_nr; slot++)
		check_slot(c, sink, slot);
	if (!sink->live)
		check_writers(c, sink);
}

void client_rebuild(struct client *c)
{
	uint32_t slot;

	for (slot = 0; slot < c->slot_nr; slot++) {
		struct media_client *m = &c->slots[slot];
		uint64_t w = client_word(c, slot);

		/* relaxed, and no pair: the pool is idle */
		a64_store_rlx(&m->pid, 0);
		a64_store_rlx(&m->owes, 0);
		a64_store_rlx(&m->due, 0);
		/* no pair: as above */
		a64_store_full(&m->word,
			       client_make(CLIENT_FREE,
					   client_inc(w) + (client_state(w) !=
							    CLIENT_FREE)));
	}
}
