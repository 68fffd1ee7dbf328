// SPDX-License-Identifier: BSD-3-Clause
/* Making a block visible under its key, once: the home's head decides. */
#include "dir/dir.h"

#include "base/err.h"

/* A loop here means that another insert won each time; a hostile pool could
 * spin one for ever, so there is an end. */
#define PUBLISH_TRIES 100000

/*
 * The pending block one step on, if it is not there yet; false: the head has
 * changed.  @live: out: it was we who made it LIVE, on the media as well.
 */
static bool step(struct dir *d, a64 *h, uint64_t head, bool *live)
{
	struct media_block *b = slab_block(d->slab, head_pending(head) - 1);
	uint64_t w = block_load(b);

	*live = block_state(w) == BLOCK_READY;
	if (!*live && !(block_state(w) == BLOCK_OWNED && (w & BLOCK_ASKING)))
		return true;
	/* w was read after head: if head is unchanged, w is of the change
	 * that is pending, not of a later one.  No pair: a w of a later one
	 * brought by B1 that head has gone on, so this load finds it changed */
	if (a64_load_full(h) != head)
		return false;
	/* as its slot: else, this host lost, it is LIVE where no lookup would
	 * look, or an insert that has read the head before may go on */
	if (*live && d->slab->shared)
		slab_persist(d->slab, h, sizeof(*h));
	/* B2 release */
	block_cas(b, &w,
		  *live ? block_unowned(w, BLOCK_LIVE) :
			  (w & ~BLOCK_ASKING) | BLOCK_CLAIMED);
	if (*live)
		slab_persist(d->slab, b, BLOCK_LINE); /* P3 */
	return true;
}

static bool help(struct dir *d, uint64_t home, uint64_t head)
{
	a64 *h = &d->buckets[home].head;
	bool live = false;

	if (!head_pending(head))
		return false;
	if (slab_idx_ok(d->slab, head_pending(head) - 1) &&
	    !step(d, h, head, &live))
		return false;
	/* D3 release, pairs with head_load() */
	a64_cas_full(h, &head, head_next(head, head_flags(head), 0));
	return live;
}

void dir_help(struct dir *d, uint64_t home, uint64_t head)
{
	help(d, home, head);
}

static bool is_stale(const struct dir *d, uint64_t slot)
{
	uint32_t idx = slot_idx(slot);
	uint64_t w;

	if (!(uint32_t)slot || !slab_idx_ok(d->slab, idx))
		return true;
	w = block_load(slab_block(d->slab, idx));
	return !slot_is_of(slot, w) || !block_is_placed(w);
}

/* The way that holds @word already (a claim's block), or -1. */
static int find_word(const struct dir *d, uint64_t home, uint64_t word)
{
	unsigned way, i;

	for (way = 0; way < BUCKET_WAYS; way++)
		for (i = 0; i < BUCKET_SLOTS; i++)
			if (slot_load(&d->buckets[dir_way(d, home, way)]
					       .slot[i]) == word)
				return (int)way;
	return -1;
}

static bool place_in(struct dir *d, struct media_bucket *b, uint64_t word)
{
	unsigned i, round;

	/* empty slots first: they need no look at another descriptor */
	for (round = 0; round < 2; round++) {
		for (i = 0; i < BUCKET_SLOTS; i++) {
			uint64_t old = slot_load(&b->slot[i]);

			if (round ? !is_stale(d, old) : old != 0)
				continue;
			/* D2 release, pairs with slot_load() */
			if (a64_cas_full(&b->slot[i], &old, word))
				return true;
		}
	}
	return false;
}

static bool evict(struct dir *d, uint32_t idx, unsigned use)
{
	struct media_block *b = slab_block(d->slab, idx);
	uint64_t w = block_load(b);
	uint64_t bytes = slab_block_bytes(d->slab, idx);

	if (block_state(w) != BLOCK_LIVE || block_use(b) > use ||
	    dir_remove(d, idx, w))
		return false;
	if (d->evicted)
		d->evicted(d->ctx, bytes);
	return true;
}

/* All 28 slots are occupied: the least used entry among them has to go. */
static bool make_slot(struct dir *d, uint64_t home)
{
	unsigned want, way, i;

	for (want = 0; want < 4; want++)
		for (way = 0; way < BUCKET_WAYS; way++)
			for (i = 0; i < BUCKET_SLOTS; i++) {
				struct media_bucket *bk =
					&d->buckets[dir_way(d, home, way)];
				uint32_t idx =
					slot_idx(slot_load(&bk->slot[i]));

				if (!slab_idx_ok(d->slab, idx) ||
				    evict(d, idx, want))
					return true;
			}
	return false;
}

/* A slot word for the block; the way it went to, or -ENOSPC. */
static int place(struct dir *d, uint64_t home, uint64_t word)
{
	int way, tries;

	for (tries = 0; tries < 64; tries++) {
		for (way = 0; way < (int)BUCKET_WAYS; way++)
			if (place_in(
				    d,
				    &d->buckets[dir_way(d, home, (unsigned)way)],
				    word))
				return way;
		if (!make_slot(d, home))
			break;
	}
	return -ENOSPC;
}

/* What the block behind a slot word means for us: 0 nothing. */
static int meets(struct dir *d, const struct dir_key *k, uint64_t slot,
		 enum dir_mode mode, uint32_t pins, struct dir_hit *other)
{
	uint32_t idx = slot_idx(slot);
	struct media_block *b;
	uint64_t w;
	bool claim;

	if (!slab_idx_ok(d->slab, idx))
		return 0;
	b = slab_block(d->slab, idx);
	w = block_load(b);
	claim = mode == DIR_CLAIM && block_is_claim(w);
	if (!slot_is_of(slot, w) || !entry_is(d, idx, k))
		return 0;
	/* P1: its remover may not have come to it, and after a loss of power
	 * this key would have two values */
	if (block_state(w) == BLOCK_DYING)
		slab_persist(d->slab, b, BLOCK_LINE);
	if (block_state(w) != BLOCK_LIVE && !claim)
		return 0;
	atomic_fence_acq(); /* B4 acquire */
	other->idx = idx;
	other->word = w;
	if (!claim && pins) {
		int rc = dir_pin_at(d, idx, block_version(w), pins,
				    &other->word);

		return rc == MARU_E_STALE ? -EAGAIN : rc ? rc : MARU_EXISTED;
	}
	if (block_load(b) != w)
		return -EAGAIN;
	return claim ? -EINPROGRESS : MARU_EXISTED;
}

/* Has somebody the key already, under this head? */
static int conflict(struct dir *d, const struct dir_key *k, uint32_t self,
		    uint64_t head, enum dir_mode mode, uint32_t pins,
		    struct dir_hit *other)
{
	uint64_t home = dir_home(d, k->h.h0);
	unsigned way, i;
	int rc;

	for (way = 0; way < BUCKET_WAYS; way++) {
		const struct media_bucket *b;

		if (!way_open(head_flags(head), way))
			continue;
		b = &d->buckets[dir_way(d, home, way)];
		for (i = 0; i < BUCKET_SLOTS; i++) {
			uint64_t slot = slot_load(&b->slot[i]);

			if (!slot_matches(slot, k->h.h0) ||
			    slot_idx(slot) == self)
				continue;
			rc = meets(d, k, slot, mode, pins, other);
			if (rc)
				return rc;
		}
	}
	return 0;
}

static int publish(struct dir *d, uint32_t idx, const struct dir_key *k,
		   enum dir_mode mode, uint32_t pins, unsigned way,
		   struct dir_hit *other)
{
	uint64_t home = dir_home(d, k->h.h0), h, next;
	int rc, tries;

	for (tries = 0; tries < PUBLISH_TRIES; tries++) {
		h = head_load(d, home);
		if (head_pending(h)) {
			dir_help(d, home, h);
			continue;
		}
		rc = conflict(d, k, idx, h, mode, pins, other);
		if (rc == -EAGAIN)
			continue;
		if (rc)
			return rc;
		next = head_next(h, head_flags(h) | way_flag(way), idx + 1);
		/* D1 release, pairs with head_load() */
		if (a64_cas_full(&d->buckets[home].head, &h, next)) {
			/* P3: who helped us may not have come to it */
			if (!help(d, home, next) && mode == DIR_INSERT)
				slab_persist(d->slab, slab_block(d->slab, idx),
					     BLOCK_LINE);
			return 0;
		}
	}
	return err_set(MARU_E_CORRUPT,
		       "bucket %llu does not come to rest; run maru-fsck",
		       (unsigned long long)home);
}

/*
 * Where no repair comes before the next use, if this host is lost: an entry
 * that is LIVE can be found by its key; and what a head names is the life of
 * the block that it means, not one that is FREE or the next client's.
 */
static void persist_named(const struct dir *d, uint32_t idx, uint64_t bucket)
{
	const struct slab *s = d->slab;

	slab_flush(s, slab_block(s, idx), BLOCK_LINE);
	slab_persist(s, &d->buckets[bucket], sizeof(d->buckets[0]));
}

int dir_publish(struct dir *d, uint32_t idx, const struct dir_key *k,
		enum dir_mode mode, uint32_t pins, struct dir_hit *other)
{
	struct slab *s = d->slab;
	uint64_t home = dir_home(d, k->h.h0);
	uint64_t w = block_load(slab_block(s, idx));
	uint64_t word = slot_make(k->h.h0, block_version(w), idx);
	/* a claim's block has its word already */
	int way = mode == DIR_CLAIM || (w & BLOCK_CLAIMED) ?
			  find_word(d, home, word) :
			  -1;
	int rc;

	if (way < 0) {
		way = place(d, home, word);
		if (way < 0)
			return way;
	}
	if (unlikely(s->shared))
		persist_named(d, idx, dir_way(d, home, (unsigned)way));
	/* this client's pins on its own block, before anybody can see it */
	if (mode == DIR_INSERT && pins &&
	    !ledger_pin_many(ledger_cell(s, s->self, idx), pins))
		return -EOVERFLOW;
	rc = publish(d, idx, k, mode, pins, (unsigned)way, other);
	if (rc && mode == DIR_INSERT && pins)
		ledger_unpin(ledger_cell(s, s->self, idx), pins);
	return rc;
}
