/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The pin ledger: who holds which block, and who may own it to write it.
 *
 *             unit 0  1  2  3 ...
 *   client 0 [ own:1 pins:15 ][...
 *   client 1 [...                      a row is written by its client only
 *
 * An entry's pin count is the sum over the rows of the active clients.  A
 * client that dies takes its row with it: one bit less in the active map and
 * all its pins are void.
 *
 * A block is never FREE while a validated pin is on it.  Dekker: the pinner
 * adds to its cell, then loads the state word and wants it LIVE; the evictor
 * makes the word DYING, then loads the cells.  One of them sees the other.
 *
 * Ordering (label: release side -> acquire side, what becomes visible):
 *  L1: ledger_unpin(), undo_cell(), end_quarantine() -> ledger_pins()  the
 *	holder is done with the bytes
 *  L2: ledger_activate() -> ledger_pins()  the row is its new client's
 *  L3: ledger_deactivate() -> ledger_pins()  so is all that its client held
 *
 * Dekker (each side changes its own, then looks at the other's, all full):
 *  K1: ledger_pin(), ledger_pin_many(), then block_load() <-> block_cas() to
 *	DYING, then ledger_pins()  a pin, or that the entry goes
 *  K2: ledger_unpin(), then block_load() <-> block_cas() to DYING, then
 *	ledger_pins()  DYING, or that no pin is left: somebody frees it
 *  K3: ledger_activate(), then ledger_pin() <-> block_cas() to DYING, then
 *	the active map  a client that pinned is among those looked at
 */
#ifndef SLAB_LEDGER_H
#define SLAB_LEDGER_H

#include "base/bits.h"
#include "slab/slab.h"

static inline a16 *ledger_cell(const struct slab *s, uint32_t slot,
			       uint32_t idx)
{
	const struct slab_region *r = slab_region(s, idx);

	return r->rows + slot * r->row_cells + (idx & IDX_UNIT_MASK);
}

/** ledger_pin_many() - false at the cap, and nothing is added */
bool ledger_pin_many(a16 *cell, uint32_t n);

static inline bool ledger_pin(a16 *cell)
{
	/* K1 full; the cap leaves room for 4095 threads in this step */
	uint16_t old = a16_add_full(cell, 1);

	if (likely((old & CELL_PINS) < 28672))
		return true;
	/* no pair: nothing was read under this pin */
	a16_sub_full(cell, 1);
	return false;
}

/**
 * ledger_unpin() - take @n pins out of a cell of this client
 *
 * Never goes below zero nor touches the own bit.
 * Return: pins left, or -EINVAL with nothing changed.
 */
static inline int ledger_unpin(a16 *cell, uint32_t n)
{
	/* relaxed: a guess, the exchange decides */
	uint16_t old = a16_load_rlx(cell);

	do {
		if (unlikely((old & CELL_PINS) < n))
			return -22; /* -EINVAL */
		/* L1 release; K2 full: the caller then looks for DYING */
	} while (unlikely(!a16_cas_full(cell, &old, (uint16_t)(old - n))));
	return (int)((old & CELL_PINS) - n);
}

static inline a16 *ledger_named(const struct slab *s, uint32_t idx)
{
	return &slab_region(s, idx)->named[idx & IDX_UNIT_MASK];
}

/** ledger_name() - @n of this client's pins are by key or reference */
static inline void ledger_name(const struct slab *s, uint32_t idx, uint32_t n)
{
	/* relaxed: a count of this process, of pins it holds already */
	if (n)
		a16_add_rlx(ledger_named(s, idx), (uint16_t)n);
}

/** ledger_unname() - they are about to be taken back; false: not so many */
bool ledger_unname(const struct slab *s, uint32_t idx, uint32_t n);

/** ledger_pins() - pins of all active clients on a block. */
uint32_t ledger_pins(const struct slab *s, uint32_t idx);

/** ledger_held() - is there any pin of an active client? */
bool ledger_held(const struct slab *s, uint32_t idx);

void ledger_activate(const struct slab *s, uint32_t slot);
void ledger_deactivate(const struct slab *s, uint32_t slot);
bool ledger_is_active(const struct slab *s, uint32_t slot);

/**
 * ledger_walk() - the next non-zero cell of a row
 * @idx: in: where to start; out: where it is
 * Return: the cell's value, 0 at the end of the region.
 */
uint16_t ledger_walk(const struct slab *s, uint32_t slot, uint32_t *idx);

/** ledger_persist_row() - of a pool of several hosts: it is empty */
void ledger_persist_row(const struct slab *s, uint32_t slot);

#endif
