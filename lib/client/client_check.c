// SPDX-License-Identifier: BSD-3-Clause
/* What must hold of client slots and their ledger rows. */
#include "client/check.h"

#include "slab/check.h"

static void check_row(const struct client *c, struct fault_sink *sink,
		      uint32_t slot, uint64_t w)
{
	const struct slab *s = c->dir->slab;
	uint32_t region, idx;
	uint16_t cell;

	for (region = 0; region < s->region_nr; region++) {
		idx = region << IDX_UNIT_BITS;
		cell = ledger_walk(s, slot, &idx);
		if (!cell)
			continue;
		if (client_word(c, slot) == w)
			fault_report(
				sink, 14,
				(uint64_t)region << 32 | (idx & IDX_UNIT_MASK),
				"client slot %u is free, its ledger row is not zero: %u pins%s",
				slot, cell & CELL_PINS,
				cell & CELL_OWN ? " and the own bit" : "");
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

/* Has the slot's client gone in order, or never been? */
static bool is_gone(const struct client *c, uint32_t slot)
{
	return client_state(client_word(c, slot)) == CLIENT_FREE;
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

			if ((block_state(w) != BLOCK_OWNED &&
			     block_state(w) != BLOCK_READY &&
			     block_state(w) != BLOCK_QUARANTINED) ||
			    slot >= c->slot_nr)
				continue;
			if (is_gone(c, slot) ||
			    (client_inc(client_word(c, slot)) & 0xfff) !=
				    block_owner_inc(w))
				fault_report(
					sink, 21, (uint64_t)region << 32 | unit,
					"block is owned by client %u, who is gone",
					slot);
		}
}

static bool is_changing(const struct slab_region *r, uint32_t slab,
			uint32_t *owner)
{
	uint64_t w = slab_word(r, slab);

	*owner = slab_word_owner(w);
	return slab_word_state(w) == SLAB_CLAIMED ||
	       slab_word_state(w) == SLAB_RETIRING;
}

/* Likewise whoever is taking or retiring a slab. */
static void check_changers(const struct client *c, struct fault_sink *sink)
{
	const struct slab *s = c->dir->slab;
	uint32_t region, slab, owner;

	for (region = 0; region < s->region_nr; region++) {
		const struct slab_region *r = &s->region[region];

		for (slab = 0; slab < r->slab_nr; slab++)
			if (is_changing(r, slab, &owner) &&
			    owner < c->slot_nr && is_gone(c, owner))
				fault_report(
					sink, 21,
					slab_addr(region << IDX_UNIT_BITS |
						  slab << r->slab_shift),
					"slab %u: it is being changed by client %u, who is gone",
					slab, owner);
	}
}

static uint32_t count_changing(const struct slab *s, uint32_t slot)
{
	uint32_t region, slab, owner, nr = 0;

	for (region = 0; region < s->region_nr; region++)
		for (slab = 0; slab < s->region[region].slab_nr; slab++)
			nr += is_changing(&s->region[region], slab, &owner) &&
			      owner == slot;
	return nr;
}

uint32_t client_check_dead(const struct client *c, struct fault_sink *sink)
{
	uint32_t slot, nr = 0;

	for (slot = 0; slot < c->slot_nr; slot++) {
		uint64_t entries, pins, buffers;

		if (is_gone(c, slot) || slot == c->self ||
		    client_state(client_word(c, slot)) > CLIENT_DEAD)
			continue;
		client_holds(c, slot, &entries, &pins, &buffers);
		fault_notice(
			sink,
			"client slot %u died holding %llu pins on %llu entries, %llu buffers, %u slabs; the next client, maru_reap() or a repair undoes it",
			slot, (unsigned long long)pins,
			(unsigned long long)entries,
			(unsigned long long)buffers,
			count_changing(c->dir->slab, slot));
		nr++;
	}
	return nr;
}

void client_check(const struct client *c, struct fault_sink *sink)
{
	uint32_t slot;

	for (slot = 0; slot < c->slot_nr; slot++)
		check_slot(c, sink, slot);
	host_check(c, sink);
	if (sink->live)
		return;
	check_writers(c, sink);
	check_changers(c, sink);
	if (!client_others(c))
		slab_check_idle(c->dir->slab, sink);
}

void client_rebuild(struct client *c)
{
	uint32_t slot;

	host_rebuild(c);
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
