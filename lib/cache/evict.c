// SPDX-License-Identifier: BSD-3-Clause
/*
 * Making room: second-chance CLOCK within the class, then other classes'
 * slabs.  Every store pays its own way; there is no daemon.
 *
 * An entry that was used since the hand last passed loses a chance (0 to 3);
 * one without chances goes, unless it is held.  Source of the scheme: F. J.
 * Corbato, "A Paging Experiment with the Multics System", 1968.
 */
#include "cache/pool.h"

#include "base/err.h"
#include "cache/guarded.h"
#include "slab/hand.h"

/* Chances run out after four laps; one more for what was busy. */
#define LAPS 5

/* How often to look for unused extents: a look goes over all slabs. */
#define ROOMS 1024

enum look { LOOK_NOTHING, LOOK_CHANCE, LOOK_FREE };

static void count_evicted(struct maru_pool *p, uint64_t bytes)
{
	pool_count(p, COUNT_evictions, 1);
	pool_count(p, COUNT_evict_bytes, bytes);
}

void pool_evicted(void *ctx, uint64_t bytes)
{
	count_evicted(ctx, bytes);
}

/* What the hand does with one block. */
static enum look look_at(struct maru_pool *p, uint32_t idx)
{
	struct media_block *b = slab_block(&p->slab, idx);
	uint64_t w = block_load(b), bytes;
	uint8_t use;

	switch (block_state(w)) {
	case BLOCK_FREE:
		return LOOK_FREE;
	case BLOCK_LIVE:
		use = block_use(b);
		if (use) {
			/* more than can be, if somebody scribbled there */
			a8_store_rlx(&b->use,
				     (uint8_t)(bits_min(use, USE_MAX) - 1));
			return LOOK_CHANCE;
		}
		bytes = slab_block_bytes(&p->slab, idx);
		if (dir_remove(&p->dir, idx, w))
			return LOOK_NOTHING;
		count_evicted(p, bytes);
		return LOOK_FREE;
	case BLOCK_DYING:
		return dir_reclaim(&p->dir, idx, w) ? LOOK_FREE : LOOK_NOTHING;
	case BLOCK_OWNED:
	case BLOCK_READY:
	case BLOCK_QUARANTINED:
		/* an obstacle: perhaps its writer is dead, or it is due */
		return client_reap(&p->client, block_owner(w)) ? LOOK_CHANCE :
								 LOOK_NOTHING;
	default:
		return LOOK_NOTHING;
	}
}

/* Stops of so many laps: the hand may be set back under our eyes. */
static uint64_t stops_max(const struct maru_pool *p)
{
	uint64_t units = 0;
	uint32_t region;

	for (region = 0; region < p->slab.region_nr; region++)
		units += p->slab.region[region].unit_nr;
	return (LAPS + 2) * units;
}

/* Sweep the class until a block is free and ours; -ENOSPC after LAPS. */
static int sweep(struct maru_pool *p, uint32_t class, uint32_t *idx)
{
	uint64_t stops = stops_max(p);
	struct hand_stop stop;
	bool hope = true;
	int laps = 0;

	while (laps <= LAPS && stops-- && hand_next(&p->slab, class, &stop)) {
		enum look seen;

		if (stop.wrapped) {
			if (!hope && laps)
				break;
			hope = false;
			laps++;
		}
		seen = look_at(p, extent_idx(&stop.extent, stop.block));
		hope |= seen != LOOK_NOTHING;
		if (seen == LOOK_FREE &&
		    slab_take(&p->slab, &stop.extent, stop.block, idx))
			return 0;
	}
	return -ENOSPC;
}

/* Could the extent be emptied: nothing held, nothing being written? */
static bool can_empty(const struct maru_pool *p, const struct extent *e)
{
	uint32_t i;

	for (i = 0; i < e->blocks; i++) {
		uint32_t idx = extent_idx(e, i);
		uint64_t w = block_load(slab_block(&p->slab, idx));

		if (block_state(w) == BLOCK_FREE)
			continue;
		if ((block_state(w) != BLOCK_LIVE &&
		     block_state(w) != BLOCK_DYING) ||
		    ledger_held(&p->slab, idx))
			return false;
	}
	return true;
}

/* Take an extent away from its class, entries and all. */
static bool empty_extent(struct maru_pool *p, struct extent *e)
{
	uint32_t i;

	if (!can_empty(p, e) || !extent_retire_begin(&p->slab, e))
		return false;
	for (i = 0; i < e->blocks; i++) {
		uint32_t idx = extent_idx(e, i);
		uint64_t w = block_load(slab_block(&p->slab, idx));
		uint64_t bytes = slab_block_bytes(&p->slab, idx);

		if (block_state(w) == BLOCK_DYING)
			dir_reclaim(&p->dir, idx, w);
		if (block_state(w) == BLOCK_LIVE &&
		    !dir_remove(&p->dir, idx, w))
			count_evicted(p, bytes);
	}
	if (!extent_retire_end(&p->slab, e))
		return false;
	pool_count(p, COUNT_retires, 1);
	return true;
}

/* Extents that have become empty go back to everybody. */
static int retire_unused(struct maru_pool *p)
{
	struct slab *s = &p->slab;
	uint32_t region, head;
	struct extent e;
	int done = 0;

	for (region = 0; region < s->region_nr; region++)
		for (head = 0; head < s->region[region].slab_nr; head++)
			if (extent_at(s, region, head, &e) &&
			    extent_all_free(s, &e))
				done += empty_extent(p, &e);
	return done;
}

/* Empty all extents that touch @run slabs from @at; false: *at = go on here */
static bool clear_window(struct maru_pool *p, uint32_t region, uint32_t run,
			 uint32_t *at)
{
	struct slab *s = &p->slab;
	const struct slab_region *r = &s->region[region];
	uint32_t slab = *at, end = *at + run, round;
	struct extent e;

	/* look over the whole window first: to evict half of it is a waste */
	for (round = 0; round < 2; round++)
		for (slab = *at; slab < end; slab++) {
			uint32_t idx = region << IDX_UNIT_BITS |
				       slab << r->slab_shift;

			if (slab_word_state(slab_word(r, slab)) == SLAB_EMPTY)
				continue;
			if (!extent_of(s, idx, &e) ||
			    !(round ? empty_extent(p, &e) : can_empty(p, &e))) {
				*at = slab + 1;
				return false;
			}
			slab = e.head + e.run - 1;
		}
	return true;
}

/* @run adjoining slabs, from wherever least is lost by chance. */
static bool empty_run(struct maru_pool *p, uint32_t region, uint32_t run)
{
	uint32_t nr = p->slab.region[region].slab_nr;
	uint32_t tries, at;

	if (!run || nr < run)
		return false;
	/* relaxed: a place to start, another one each time */
	at = a32_add_rlx(&p->window, run) % nr;
	for (tries = 0; tries <= nr; tries++) {
		if (at > nr - run)
			at = 0;
		if (clear_window(p, region, run, &at))
			return true;
	}
	return false;
}

/* Slabs for an extent of the class, in a region that can hold it. */
static int empty_some(struct maru_pool *p, uint32_t class, uint32_t units)
{
	const struct slab *s = &p->slab;
	uint32_t region, nr;

	/* relaxed: another one first each time, so that all are used alike */
	region = s->region_nr == 1 ? 0 :
				     a32_add_rlx(&p->region, 1) % s->region_nr;
	for (nr = 0; nr < s->region_nr; nr++) {
		if (empty_run(p, region, slab_run(s, region, class, units)))
			return 0;
		region = region + 1 < s->region_nr ? region + 1 : 0;
	}
	return -ENOSPC;
}

static int room_once(struct maru_pool *p, uint32_t class, uint32_t units,
		     uint32_t *idx)
{
	unsigned lane = client_lane(&p->client);
	int tries;

	if (class != SLAB_HUGE && !sweep(p, class, idx))
		return 0;
	if (retire_unused(p) && !slab_alloc(&p->slab, units, lane, idx))
		return 0;
	/* others may be quicker at what we emptied: not for ever */
	for (tries = 0; tries < 8; tries++) {
		if (empty_some(p, class, units))
			break;
		if (!slab_alloc(&p->slab, units, lane, idx))
			return 0;
	}
	return -ENOSPC;
}

int pool_make_room(struct maru_pool *p, uint32_t units, uint32_t *idx)
{
	uint32_t class = slab_class_of(&p->slab, units);

	/* a block that we owed and others freed is ours to take only then */
	dir_settle(&p->dir);
	/* now and then look for unused extents before evicting anybody */
	if (a32_add_rlx(&p->rooms, 1) % ROOMS == 0 && retire_unused(p) &&
	    !slab_alloc(&p->slab, units, client_lane(&p->client), idx))
		return 0;
	if (!room_once(p, class, units, idx))
		return 0;
	if (!client_reap_all(&p->client))
		return -ENOSPC;
	if (!slab_alloc(&p->slab, units, client_lane(&p->client), idx))
		return 0;
	return room_once(p, class, units, idx);
}

/* One entry of the class; the bytes of its block, or 0 if none will go. */
static uint64_t evict_one(struct maru_pool *p, uint32_t class)
{
	uint64_t stops = stops_max(p);
	struct hand_stop stop;
	int laps = 0;

	while (laps <= LAPS && stops-- && hand_next(&p->slab, class, &stop)) {
		uint32_t idx = extent_idx(&stop.extent, stop.block);
		uint64_t w = block_load(slab_block(&p->slab, idx));

		laps += stop.wrapped;
		if (block_state(w) == BLOCK_LIVE &&
		    look_at(p, idx) == LOOK_FREE)
			return (uint64_t)stop.extent.units
			       << stop.extent.r->unit_shift;
	}
	return 0;
}

/* More cannot be freed, however many others store meanwhile. */
static uint64_t all_bytes(const struct maru_pool *p)
{
	uint64_t sum = 0;
	uint32_t region;

	for (region = 0; region < p->slab.region_nr; region++)
		sum += (uint64_t)p->slab.region[region].unit_nr
		       << p->slab.region[region].unit_shift;
	return sum;
}

int maru_evict(struct maru_pool *pool, uint64_t bytes, uint64_t *freed)
{
	bool spent[SLAB_CLASS_MAX + 1] = { false };
	uint64_t sum = 0, before, got, want;
	uint32_t class;
	int rc = pool_enter_rw(pool);

	if (unlikely(rc == POOL_GUARDED))
		return guarded_evict(pool, bytes, freed);
	if (freed)
		*freed = 0;
	if (rc)
		return rc;
	client_tick(&pool->client);
	want = bits_min(bytes, all_bytes(pool));
	do {
		before = sum;
		/* one of each class in turn, but no class that has no more */
		for (class = 0; class <= pool->slab.class_nr && sum < want;
		     class ++) {
			if (spent[class])
				continue;
			got = evict_one(pool, class == pool->slab.class_nr ?
						      SLAB_HUGE :
						      class);
			spent[class] = !got;
			sum += got;
		}
	} while (sum < want && sum > before);
	if (freed)
		*freed = sum;
	return sum < bytes ? -ENOSPC : 0;
}
