/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Slabs: sizes to blocks and back.
 *
 *   EMPTY --claim--> CLAIMED(me) --> ACTIVE(class) --retire--> RETIRING(me)
 *     ^   (further slabs: TAIL)                                   |
 *     '--------------- CLAIMED(me) <------- all blocks FREE ------'
 *
 * Allocation takes a hint bit for a likely free block, sets its own bit in the
 * ledger, and claims the block by its state word; then it looks again whether
 * the slab is still what it was.  The hints are hints: a crash may lose one,
 * and the eviction hand finds the block again.
 *
 * Invariants: a client that owns a block has its own bit set (set before, and
 * cleared after); every slab that is neither EMPTY nor ACTIVE nor the TAIL of
 * an ACTIVE one names the client that is changing it.
 *
 * Ordering (label: release side -> acquire side, what becomes visible):
 *  S1: claim_at() -> slab_word()  the extent's hints, its tails
 *  S2: extent_retire_end(), give_back() -> grab(), claim_at()  what the slab's
 *	last extent did with it
 *
 * Dekker (each side changes its own, then looks at the other's, all full):
 *  K4: block_cas() to OWNED, then slab_word() <-> slab_cas() to RETIRING, then
 *	block_load()  a block that was taken, or that the extent goes
 *  K5: block_cas() to FREE, then its hint <-> its hint cleared, then
 *	block_load()  no hint of a free block is lost, but by a death
 */
#ifndef SLAB_SLAB_H
#define SLAB_SLAB_H

#include "media/media.h"
#include "slab/block.h"

#include <errno.h>

#define SLAB_CLASS_MAX MEDIA_CLASS_MAX
#define SLAB_HUGE 0xffu /* class of an extent that is one block */
#define SLAB_NONE UINT32_MAX
#define SLAB_LANES 8u

enum slab_state {
	SLAB_EMPTY = 0,
	SLAB_CLAIMED = 1,
	SLAB_ACTIVE = 2,
	SLAB_TAIL = 3,
	SLAB_RETIRING = 4,
};

/* A region as this process maps it; the geometry is the checked copy. */
struct slab_region {
	struct media_region *media;
	struct media_block *blocks;
	struct media_slab *slabs;
	a64 *maps; /* (class_nr + 1) x map_words: slabs with hints; empty */
	a16 *rows;
	unsigned char *data;
	/* Process-private: of this client's pins on a unit's block, those by
	 * key or reference.  The rest are views, and only a view's release
	 * takes those back. */
	a16 *named;
	uint64_t row_cells;
	uint32_t unit_nr, unit_shift;
	uint32_t slab_nr, slab_shift;
	uint32_t map_words;
};

struct slab {
	struct slab_region region[MEDIA_REGION_MAX];
	uint32_t region_nr;
	/* the one with most units: what fits any region fits it */
	const struct slab_region *large;
	uint32_t class_nr;
	/* checked copy of that region's; others differ in the groups */
	struct media_class class[SLAB_CLASS_MAX];
	struct media_hand *hands;
	a64 *active; /* bitmap of client slots */
	uint32_t client_nr;
	uint32_t self; /* this client's slot */
	uint32_t self_inc;
	bool durable;
	bool shared; /* by several hosts, one of which may be lost */
	const struct dev_map *drain; /* durable: of a map that needs it, if any */
	/* Was the host of this slot's client declared gone?  For the checks, of
	 * a floor that knows; NULL: there are no other hosts. */
	bool (*fenced)(const void *ctx, uint32_t slot);
	const void *ctx;
	/* process-private: the extent each lane allocates from, by class */
	a32 prefer[SLAB_LANES][SLAB_CLASS_MAX];
};

/** slab_attach() - read the tables; MARU_E_CORRUPT with a message if bad. */
int slab_attach(struct slab *s, const struct media *m);
void slab_detach(struct slab *s);

/* class.c: the table of a new pool. */
uint32_t slab_class_plan(struct media_class *out, const uint64_t *bytes,
			 size_t nr, uint32_t unit);
uint32_t slab_class_prune(struct media_class *class, uint32_t nr,
			  uint32_t slab_units);
void slab_class_groups(struct media_class *class, uint32_t nr,
		       const struct media_super *sb);
int slab_class_check(const struct slab *s);
/** slab_class_of() - smallest class of at least @units, or SLAB_HUGE. */
uint32_t slab_class_of(const struct slab *s, uint32_t units);
/** slab_run() - slabs of an extent in this region; 0: it has none of the class
 *
 * @units: of the block, where the class is SLAB_HUGE
 */
uint32_t slab_run(const struct slab *s, uint32_t region, uint32_t class,
		  uint32_t units);

/* idx arithmetic; a foreign idx goes through slab_idx_ok() first. */
static inline const struct slab_region *slab_region(const struct slab *s,
						    uint32_t idx)
{
	return &s->region[idx >> IDX_UNIT_BITS];
}

static inline bool slab_idx_ok(const struct slab *s, uint32_t idx)
{
	return (idx >> IDX_UNIT_BITS) < s->region_nr &&
	       (idx & IDX_UNIT_MASK) < slab_region(s, idx)->unit_nr;
}

/** slab_is_lost() - of a region that is not there, which tools may look past */
static inline bool slab_is_lost(const struct slab *s, uint32_t idx)
{
	return (idx >> IDX_UNIT_BITS) < s->region_nr &&
	       !slab_region(s, idx)->unit_nr;
}

/** slab_addr() - the public address of a block: region << 32 | unit */
static inline uint64_t slab_addr(uint32_t idx)
{
	return (uint64_t)(idx >> IDX_UNIT_BITS) << 32 | (idx & IDX_UNIT_MASK);
}

static inline struct media_block *slab_block(const struct slab *s, uint32_t idx)
{
	return &slab_region(s, idx)->blocks[idx & IDX_UNIT_MASK];
}

static inline unsigned char *slab_data(const struct slab *s, uint32_t idx)
{
	const struct slab_region *r = slab_region(s, idx);

	return r->data + ((uint64_t)(idx & IDX_UNIT_MASK) << r->unit_shift);
}

/** slab_block_bytes() - the block's room, bounded by the region's end. */
static inline uint64_t slab_block_bytes(const struct slab *s, uint32_t idx)
{
	const struct slab_region *r = slab_region(s, idx);
	uint32_t unit = idx & IDX_UNIT_MASK;
	/* relaxed: bounded; right for who holds the block */
	uint32_t units = a32_load_rlx(&r->blocks[unit].units);

	if (units > r->unit_nr - unit)
		units = r->unit_nr - unit;
	return (uint64_t)units << r->unit_shift;
}

/* Slab words. */
static inline enum slab_state slab_word_state(uint64_t w)
{
	return (enum slab_state)(w & 0xf);
}

static inline uint32_t slab_word_class(uint64_t w)
{
	return w >> 4 & 0xff;
}

static inline uint32_t slab_word_owner(uint64_t w)
{
	return w >> 12 & 0xfff;
}

static inline uint32_t slab_word_run(uint64_t w)
{
	return w >> 24 & 0xffff;
}

static inline uint64_t slab_word_make(enum slab_state state, uint32_t class,
				      uint32_t owner, uint32_t run,
				      uint64_t version)
{
	return (uint64_t)state | (uint64_t) class << 4 | (uint64_t)owner << 12 |
	       (uint64_t)run << 24 | version << 40;
}

static inline uint64_t slab_word(const struct slab_region *r, uint32_t slab)
{
	/* S1 acquire; K4 full, and K6 full where a map was changed before */
	return a64_load_full(&r->slabs[slab].word);
}

/* A slab's extent: the geometry that its head's word tells, bounded. */
struct extent {
	const struct slab_region *r;
	uint64_t word;	    /* of the head, as it was read */
	uint32_t base;	    /* region << 26 */
	uint32_t head, run; /* slabs */
	uint32_t class;
	uint32_t units; /* of a block */
	uint32_t blocks;
};

/** extent_of() - the extent a block's unit lies in; false if in none. */
bool extent_of(const struct slab *s, uint32_t idx, struct extent *e);
/** extent_at() - the extent whose head is slab @head; false if none is. */
bool extent_at(const struct slab *s, uint32_t region, uint32_t head,
	       struct extent *e);

static inline uint32_t extent_idx(const struct extent *e, uint32_t block)
{
	return e->base | ((e->head << e->r->slab_shift) + block * e->units);
}

/**
 * extent_has() - does a block of its extent begin here, of the size it says?
 *
 * So it is with every block that was ever handed out and is not FREE yet.
 */
bool extent_has(const struct slab *s, uint32_t idx);

/** extent_block() - which block of the extent begins at idx; false if none. */
bool extent_block(const struct extent *e, uint32_t idx, uint32_t *block);

/**
 * extent_claim() - make an extent for a class out of EMPTY slabs of a region
 * @run: slabs
 * @out: its head, as idx of the first block
 * Return: 0 or -ENOSPC.
 */
int extent_claim(struct slab *s, uint32_t region, uint32_t class, uint32_t run,
		 uint32_t *out);

/**
 * extent_claim_any() - the same in the first region that has room
 * @units: of the block, where the class is SLAB_HUGE
 */
int extent_claim_any(struct slab *s, uint32_t class, uint32_t units,
		     uint32_t *out);

/** extent_all_free() - is every block of it FREE? */
bool extent_all_free(const struct slab *s, const struct extent *e);

/**
 * extent_retire_begin() - ACTIVE to RETIRING(me): no block is claimed from now
 * extent_retire_end() - to EMPTY if every block is FREE, else back to ACTIVE
 */
bool extent_retire_begin(struct slab *s, struct extent *e);
bool extent_retire_end(struct slab *s, struct extent *e);

/** extent_reap() - undo what dead client @slot was doing to slabs. */
void extent_reap(struct slab *s, uint32_t slot);

/**
 * slab_alloc() - take a FREE block, without evicting anybody
 * @units: room needed
 * @lane: any number; callers with different ones meet less
 * @idx: out: OWNED by this client, its own bit set
 * Return: 0; -ENOSPC; -EFBIG.
 */
int slab_alloc(struct slab *s, uint32_t units, unsigned lane, uint32_t *idx);

/** slab_take() - claim this block if it is FREE and a block of its extent. */
bool slab_take(struct slab *s, const struct extent *e, uint32_t block,
	       uint32_t *idx);

/** slab_free() - OWNED or READY of this client to FREE; false if it was not */
bool slab_free(struct slab *s, uint32_t idx, uint64_t word);

/** slab_unquarantine() - a dead client's block to FREE; false: it is not one */
bool slab_unquarantine(struct slab *s, uint32_t idx, uint32_t slot,
		       uint32_t inc);

/** slab_hint() - say that a block is free. */
void slab_hint(struct slab *s, uint32_t idx);

/**
 * slab_persist_free() - of a pool of several hosts: that a client's block is
 *	FREE, before its slot is; else, with this host, nobody's block is left
 */
void slab_persist_free(const struct slab *s, uint32_t idx);
/** slab_disown() - clear this client's own bit, after the block is not its */
void slab_disown(struct slab *s, uint32_t idx);

/* Durable pools: what was flushed is on the media before what follows the
 * next drain; slab_persist() is both. */
void slab_flush(const struct slab *s, const void *p, size_t len);
void slab_drain(const struct slab *s);
void slab_persist(const struct slab *s, const void *p, size_t len);

#endif
