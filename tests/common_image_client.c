// SPDX-License-Identifier: BSD-3-Clause
/* The image checker on client slots and their rows in the ledger. */
#include "common_image_in.h"

static const struct image_hold *hold_of(const struct image *m, uint32_t slot,
					uint32_t unit)
{
	for (size_t i = 0; i < m->terms->hold_nr; i++)
		if (m->terms->holds[i].slot == slot &&
		    m->terms->holds[i].unit == unit)
			return &m->terms->holds[i];
	return NULL;
}

static bool is_owner(const struct image *m, uint32_t slot, uint32_t unit)
{
	uint64_t w = image_word(m, unit);

	return ((w & 15) == OWNED || (w & 15) == READY) &&
	       (w >> 8 & 0xfff) == slot;
}

/* A living client's cell. */
static void living_cell(struct image *m, uint32_t slot, uint32_t unit)
{
	uint16_t cell = image_cell(m, slot, unit);
	const struct image_hold *h = hold_of(m, slot, unit);
	uint64_t owes = image_u64(
		image_at(m, SECTION_CLIENTS, (uint64_t)slot * 256 + 112));
	unsigned state = image_word(m, unit) & 15;

	if (m->terms->exact) {
		if ((cell & CELL_PINS) != (h ? h->pins : 0))
			image_fault(m, 20,
				    "client %u: %u pins on block %u, it said "
				    "%u",
				    slot, cell & CELL_PINS, unit,
				    h ? h->pins : 0);
		if (!(cell & CELL_OWN) != !(h && h->own))
			image_fault(m, 5,
				    "client %u: own bit of block %u is %u, it "
				    "said otherwise",
				    slot, unit, (cell & CELL_OWN) != 0);
		return;
	}
	if (cell & CELL_PINS && state != LIVE && state != DYING)
		image_fault(m, 6, "client %u: pins block %u in state %u", slot,
			    unit, state);
	if (cell & CELL_OWN && !is_owner(m, slot, unit) && owes == 0)
		image_fault(m, 5,
			    "client %u: own bit of block %u, which is not its",
			    slot, unit);
}

/* Is it this one's block that waits? */
static bool waits(const struct image *m, uint32_t slot, uint32_t unit)
{
	uint64_t w = image_word(m, unit);

	return m->terms->quarantine && (w & 15) == QUARANTINED &&
	       (w >> 8 & 0xfff) == slot &&
	       (w >> 20 & 0xfff) == (image_client(m, slot) >> 32 & 0xfff) &&
	       image_cell(m, slot, unit) == CELL_OWN;
}

/* A slot that was left with debts stays DEAD while others hold the zombies. */
static bool may_stay(const struct image *m, uint32_t slot, uint32_t unit,
		     unsigned state)
{
	if (waits(m, slot, unit))
		return true;
	if (state != C_DEAD || image_cell(m, slot, unit) != CELL_OWN ||
	    (image_word(m, unit) & 15) != DYING)
		return false;
	for (uint32_t i = 0; i < m->sb.client_nr; i++)
		if (image_lives(m, i) && image_cell(m, i, unit) & CELL_PINS)
			return true;
	return false;
}

/* Who was to end it died, and then the clock was found to be another one. */
static bool is_cut(const struct image *m, uint32_t slot, unsigned state)
{
	return m->terms->cut && state == C_QUARANTINED &&
	       image_u64(image_at(m, SECTION_CLIENTS,
				  (uint64_t)slot * 256 + 120)) != 0;
}

static void gone(struct image *m, uint32_t slot, unsigned state)
{
	bool stays = is_cut(m, slot, state);

	for (uint32_t unit = 0; unit < m->sb.unit_nr; unit++) {
		uint16_t cell = image_cell(m, slot, unit);

		if (cell == 0)
			continue;
		if (state != C_FREE && may_stay(m, slot, unit, state)) {
			stays = true;
			continue;
		}
		if (is_cut(m, slot, state) && cell == CELL_OWN)
			continue;
		if (cell & CELL_PINS)
			image_fault(m, 20,
				    "client %u is gone and has %u pins on "
				    "block %u",
				    slot, cell & CELL_PINS, unit);
		if (cell & CELL_OWN)
			image_fault(m, 14,
				    "client %u is gone, its own bit of block "
				    "%u is set",
				    slot, unit);
	}
	if (state != C_FREE && !stays)
		image_fault(m, 21,
			    "client %u: state %u, and nobody cleaned up after "
			    "it",
			    slot, state);
}

/* When what waits may be used again: noted once death is proved, or nothing. */
static void due(struct image *m, uint32_t slot, unsigned state)
{
	uint64_t note = image_u64(
		image_at(m, SECTION_CLIENTS, (uint64_t)slot * 256 + 120));

	if (note != 0 && state != C_DEAD && state != C_QUARANTINED)
		image_fault(m, 14, "client %u: state %u, and is due at %llu",
			    slot, state, (unsigned long long)note);
	if (note == 0 && state == C_QUARANTINED)
		image_fault(m, 14, "client %u: QUARANTINED, and never due",
			    slot);
}

static bool counts(const struct image *m, uint32_t slot)
{
	return image_u64(image_at(m, SECTION_ACTIVE, slot / 64 * 8)) >>
		       slot % 64 &
	       1;
}

void image_clients_check(struct image *m)
{
	for (uint32_t slot = 0; slot < m->sb.client_nr; slot++) {
		unsigned state = image_client(m, slot) & 15;

		if (image_client(m, slot) & 0xfffffff0 || state > C_QUARANTINED)
			image_fault(m, 2, "client %u: word %#llx", slot,
				    (unsigned long long)image_client(m, slot));
		due(m, slot, state);
		if (counts(m, slot) != image_lives(m, slot))
			image_fault(m, 14,
				    "client %u: its pins count %s, but it %s",
				    slot, counts(m, slot) ? "yes" : "not",
				    image_lives(m, slot) ? "lives" : "is gone");
		if (!image_lives(m, slot)) {
			gone(m, slot, state);
			continue;
		}
		if (state != C_ACTIVE)
			image_fault(m, 14, "client %u lives in state %u", slot,
				    state);
		for (uint32_t unit = 0; unit < m->sb.unit_nr; unit++)
			living_cell(m, slot, unit);
	}
	for (uint32_t slot = m->sb.client_nr; slot < 1024; slot++)
		if (counts(m, slot))
			image_fault(m, 14, "client %u is none, but counts",
				    slot);
}
