/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The state word of a block: every transition it can make.
 *
 *            alloc            commit           help
 *   FREE ---------> OWNED ------------> READY -----> LIVE
 *   ^ ^  version+1     |  ASKING,          |            | delete, evict
 *   | |                |  CLAIMED,         |            v
 *   | '----------------'  SEALED flags     |          DYING
 *   | '---------- abort, lost the race ----'            |
 *   | '------------------------------- no pins left ----'
 *   |                  |                   |
 *   '-- QUARANTINED <--'-------------------'
 *     due           its owner is dead
 *
 *   OWNED, LIVE, DYING --> BAD, for good: its memory has failed
 *
 * Every change is a compare-and-swap of the whole word; the version in it
 * makes each one happen at most once in a block's life.
 *
 * Ordering (label: release side -> acquire side, what becomes visible):
 *  B1: finish(), claim() -> block_load()  key, sizes, the value's bytes
 *  B2: step() -> block_load()  that a head named it, and what led to that
 *  B3: slab_free(), reclaim(), undo_owned(), slab_unquarantine() -> slab_take()
 *	all the last user did
 *  B4: settle() -> atomic_fence_acq()  fences: who sees a byte of a block's
 *	next life sees, looking again, that the last one is over
 *
 * QUARANTINED: a device may still write for the dead owner.  It keeps owner,
 * incarnation and version, is not placed, and nobody but whoever ends the
 * quarantine of that owner's slot changes it.
 */
#ifndef SLAB_BLOCK_H
#define SLAB_BLOCK_H

#include "slab/format.h"

enum block_state {
	BLOCK_FREE = 0,
	BLOCK_OWNED = 1,
	BLOCK_READY = 2,
	BLOCK_LIVE = 3,
	BLOCK_DYING = 4,
	BLOCK_QUARANTINED = 5,
	BLOCK_BAD = 6,
};

/* Flags of an OWNED block; a READY one keeps CLAIMED. */
#define BLOCK_ASKING 0x10ull  /* wants its key's claim */
#define BLOCK_CLAIMED 0x20ull /* has it */
#define BLOCK_SEALED 0x40ull  /* commit or abort has begun, only once */
#define BLOCK_FLAGS 0xf0ull

static inline enum block_state block_state(uint64_t w)
{
	return (enum block_state)(w & 0xf);
}

static inline uint32_t block_owner(uint64_t w)
{
	return w >> 8 & 0xfff;
}

static inline uint32_t block_owner_inc(uint64_t w)
{
	return w >> 20 & 0xfff;
}

static inline uint32_t block_version(uint64_t w)
{
	return (uint32_t)(w >> 32);
}

static inline uint64_t block_word(enum block_state state, uint64_t flags,
				  uint32_t slot, uint32_t inc, uint32_t version)
{
	return (uint64_t)state | flags | (uint64_t)slot << 8 |
	       (uint64_t)(inc & 0xfff) << 20 | (uint64_t)version << 32;
}

/* FREE, LIVE, DYING and BAD have no owner. */
static inline uint64_t block_unowned(uint64_t w, enum block_state state)
{
	return (w & ~0xffffffffull) | (uint64_t)state;
}

static inline bool block_owned_by(uint64_t w, uint32_t slot, uint32_t inc)
{
	return (block_state(w) == BLOCK_OWNED ||
		block_state(w) == BLOCK_READY) &&
	       block_owner(w) == slot && block_owner_inc(w) == (inc & 0xfff);
}

static inline uint64_t block_quarantined(uint64_t w)
{
	return (w & ~(BLOCK_FLAGS | 0xf)) | BLOCK_QUARANTINED;
}

static inline bool block_is_quarantined(uint64_t w, uint32_t slot, uint32_t inc)
{
	return block_state(w) == BLOCK_QUARANTINED && block_owner(w) == slot &&
	       block_owner_inc(w) == (inc & 0xfff);
}

/* A claim lasts until the value is visible, so through READY too. */
static inline bool block_is_claim(uint64_t w)
{
	return (block_state(w) == BLOCK_OWNED ||
		block_state(w) == BLOCK_READY) &&
	       (w & BLOCK_CLAIMED);
}

/* May a directory word point here?  See dir/format.h. */
static inline bool block_is_placed(uint64_t w)
{
	switch (block_state(w)) {
	case BLOCK_OWNED:
		return w & (BLOCK_ASKING | BLOCK_CLAIMED);
	case BLOCK_READY:
	case BLOCK_LIVE:
	case BLOCK_DYING:
		return true;
	default:
		return false;
	}
}

/* What a hold may be on. */
static inline bool block_may_be_held(uint64_t w)
{
	return block_state(w) == BLOCK_LIVE || block_state(w) == BLOCK_DYING ||
	       block_state(w) == BLOCK_BAD;
}

/* relaxed: a guess at a word that an exchange is to decide on. */
static inline uint64_t block_guess(const struct media_block *b)
{
	return a64_load_rlx(&b->word);
}

/* B1 acquire, B2 acquire; K1 full, K2 full, K4 full, K5 full: after a store of
 * its own the caller looks at what others did. */
static inline uint64_t block_load(const struct media_block *b)
{
	return a64_load_full(&b->word);
}

/* Each caller's label says what it publishes; K1 full, K2 full, K3 full, K4
 * full, K5 full: it looks at others' words afterwards. */
static inline bool block_cas(struct media_block *b, uint64_t *old, uint64_t w)
{
	return a64_cas_full(&b->word, old, w);
}

/* The version after a reuse; 0 is kept for "nothing". */
static inline uint32_t block_next_version(uint32_t version)
{
	return version + 1 ? version + 1 : 1;
}

static inline uint64_t block_len(const struct media_block *b)
{
	/* relaxed: whoever depends on it holds a pin or re-reads the word */
	return a64_load_rlx(&b->size) & BLOCK_LEN_MAX;
}

/* Chances left: never more than three, whatever the byte says. */
static inline uint8_t block_use(const struct media_block *b)
{
	uint8_t use = a8_load_rlx(&b->use); /* racy on purpose */

	return use < 3 ? use : 3;
}

static inline uint32_t block_klen(const struct media_block *b)
{
	/* relaxed: as block_len() */
	return (uint32_t)(a64_load_rlx(&b->size) >> 48);
}

#endif
