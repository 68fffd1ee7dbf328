// SPDX-License-Identifier: BSD-3-Clause
/* Counting and walking the pin ledger. */
#include "slab/ledger.h"

#include <maru/pool.h>

bool ledger_pin_many(a16 *cell, uint32_t n)
{
	/* relaxed: a guess, the exchange decides */
	uint16_t old = a16_load_rlx(cell);

	do {
		if (n > MARU_PIN_MAX || (old & CELL_PINS) + n > MARU_PIN_MAX)
			return false;
		/* K1 full */
	} while (!a16_cas_full(cell, &old, (uint16_t)(old + n)));
	return true;
}

bool ledger_unname(const struct slab *s, uint32_t idx, uint32_t n)
{
	a16 *named = ledger_named(s, idx);
	/* relaxed: as in ledger_name() */
	uint16_t old = a16_load_rlx(named);

	do {
		if (old < n)
			return false;
		/* relaxed: as in ledger_name() */
	} while (!a16_cas_rlx(named, &old, (uint16_t)(old - n)));
	return true;
}

static uint32_t active_words(const struct slab *s)
{
	return (s->client_nr + 63) / 64;
}

uint32_t ledger_pins(const struct slab *s, uint32_t idx)
{
	uint32_t sum = 0, w;

	for (w = 0; w < active_words(s); w++) {
		/* L2 acquire, L3 acquire; K3 full: after the word is DYING */
		uint64_t bits = a64_load_full(&s->active[w]);

		for (; bits; bits &= bits - 1) {
			uint32_t slot =
				w * 64 + (uint32_t)__builtin_ctzll(bits);

			if (slot >= s->client_nr)
				break;
			/* L1 acquire; K1 full, K2 full */
			sum += a16_load_full(ledger_cell(s, slot, idx)) &
			       CELL_PINS;
		}
	}
	return sum;
}

bool ledger_held(const struct slab *s, uint32_t idx)
{
	return ledger_pins(s, idx) != 0;
}

void ledger_activate(const struct slab *s, uint32_t slot)
{
	/* L2 release; K3 full: before any pin of this row */
	a64_or_full(&s->active[slot / 64], 1ull << slot % 64);
}

void ledger_deactivate(const struct slab *s, uint32_t slot)
{
	/* L3 release */
	a64_and_full(&s->active[slot / 64], ~(1ull << slot % 64));
}

bool ledger_is_active(const struct slab *s, uint32_t slot)
{
	/* no pair: who asks does not free anything on the strength of it */
	return a64_load_full(&s->active[slot / 64]) >> slot % 64 & 1;
}

uint16_t ledger_walk(const struct slab *s, uint32_t slot, uint32_t *idx)
{
	const struct slab_region *r = slab_region(s, *idx);
	const a16 *row = r->rows + slot * r->row_cells;
	uint32_t unit = *idx & IDX_UNIT_MASK;

	/* relaxed: the owner is dead or is us, or the block is looked at */
	while (unit < r->unit_nr) {
		uint16_t cell;

		/* four cells at a time */
		if (unit % 4 == 0 && unit + 4 <= r->unit_nr &&
		    !a64_load_rlx((const a64 *)(const void *)&row[unit])) {
			unit += 4;
			continue;
		}
		cell = a16_load_rlx(&row[unit]);
		if (cell) {
			*idx = (*idx & ~IDX_UNIT_MASK) | unit;
			return cell;
		}
		unit++;
	}
	return 0;
}

void ledger_persist_row(const struct slab *s, uint32_t slot)
{
	uint32_t i;

	if (!s->shared)
		return;
	for (i = 0; i < s->region_nr; i++) {
		const struct slab_region *r = &s->region[i];

		slab_flush(s, r->rows + slot * r->row_cells,
			   r->unit_nr * sizeof(a16));
	}
	slab_drain(s);
}
