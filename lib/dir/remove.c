// SPDX-License-Identifier: BSD-3-Clause
/*
 * Taking entries away, and blocks back.
 *
 * Whoever makes a block DYING sets its own bit in its ledger row before, and
 * clears it when the block is FREE: its death in between leaves a trace that
 * the reaper finds.  If a pin keeps the block DYING (a zombie), the remover
 * notes it as a debt.  The last unpin frees a zombie; if that client dies just
 * then, the debtor does, or whoever reaps.
 */
#include "dir/dir.h"

void dir_unlink(struct dir *d, uint64_t h0, uint32_t idx, uint32_t version)
{
	uint64_t home = dir_home(d, h0);
	uint64_t word = slot_make(h0, version, idx);
	unsigned way, i;

	for (way = 0; way < BUCKET_WAYS; way++) {
		struct media_bucket *b = &d->buckets[dir_way(d, home, way)];

		for (i = 0; i < BUCKET_SLOTS; i++) {
			uint64_t old = word;

			if (slot_load(&b->slot[i]) == word)
				/* relaxed: a stale word harms nobody */
				a64_cas_rlx(&b->slot[i], &old, 0);
		}
	}
}

/* Is anything that is homed at @home in the buckets of this flag? */
static bool sits_outside(const struct dir *d, uint64_t home, unsigned flag)
{
	unsigned way, i;

	for (way = 1; way < BUCKET_WAYS; way++) {
		const struct media_bucket *b =
			&d->buckets[dir_way(d, home, way)];

		if (way_flag(way) != flag)
			continue;
		for (i = 0; i < BUCKET_SLOTS; i++) {
			uint64_t slot = slot_load(&b->slot[i]);
			uint32_t idx = slot_idx(slot);
			const struct media_block *blk;

			if (!(uint32_t)slot || !slab_idx_ok(d->slab, idx))
				continue;
			blk = slab_block(d->slab, idx);
			/* relaxed: of a placed block, so it does not change;
			 * of another, it is only kept for nothing */
			if (block_is_placed(block_load(blk)) &&
			    dir_home(d, a64_load_rlx(&blk->h0)) == home)
				return true;
		}
	}
	return false;
}

/* Clear overflow flags that nobody needs any more. */
static void clear_flags(struct dir *d, uint64_t home)
{
	uint64_t h = head_load(d, home);
	unsigned flags = head_flags(h);

	if (likely(!flags) || head_pending(h))
		return;
	if (!sits_outside(d, home, HEAD_BUDDY))
		flags &= ~HEAD_BUDDY;
	if (!sits_outside(d, home, HEAD_ALTERNATE))
		flags &= ~HEAD_ALTERNATE;
	/* an insert since would have changed the head: then it stays.  No
	 * pair: it names nothing; full, so that the looks are before it. */
	if (flags != head_flags(h))
		a64_cas_full(&d->buckets[home].head, &h,
			     head_next(h, flags, 0));
}

/* A head that names a block no more, before the block is FREE: as let_go(), if
 * this host is lost. */
static void flush_head(const struct dir *d, uint32_t idx)
{
	/* relaxed: as in let_go() */
	uint64_t h0 = a64_load_rlx(&slab_block(d->slab, idx)->h0);

	if (unlikely(d->slab->shared))
		slab_flush(d->slab, &d->buckets[dir_home(d, h0)].head,
			   sizeof(a64));
}

static void persist_head(const struct dir *d, uint32_t idx)
{
	flush_head(d, idx);
	if (unlikely(d->slab->shared))
		slab_drain(d->slab);
}

/* P1: DYING is on the media before the block is FREE. */
static void persist_dying(const struct dir *d, uint32_t idx)
{
	flush_head(d, idx);
	slab_persist(d->slab, slab_block(d->slab, idx), BLOCK_LINE);
}

/*
 * A block that is still pending in its home's head must not become FREE: a
 * late helper would take its next life for the change that is pending.
 * Helping is right even if h0 is the next life's by now.
 */
static void let_go(struct dir *d, uint32_t idx)
{
	/* relaxed: stable while DYING; see above for when it is not */
	uint64_t h0 = a64_load_rlx(&slab_block(d->slab, idx)->h0);
	uint64_t home = dir_home(d, h0), h = head_load(d, home);

	if (head_pending(h) != idx + 1)
		return;
	dir_help(d, home, h);
	persist_head(d, idx);
}

/* DYING, and so on the media as well, to FREE if nobody holds it. */
static bool reclaim(struct dir *d, uint32_t idx, uint64_t word)
{
	struct media_block *b = slab_block(d->slab, idx);
	/* relaxed: stable while DYING */
	uint64_t h0 = a64_load_rlx(&b->h0);

	if (ledger_held(d->slab, idx))
		return false;
	let_go(d, idx);
	/* B3 release */
	if (!block_cas(b, &word, block_unowned(word, BLOCK_FREE)))
		return false;
	dir_unlink(d, h0, idx, block_version(word));
	slab_hint(d->slab, idx);
	clear_flags(d, dir_home(d, h0));
	return true;
}

bool dir_reclaim(struct dir *d, uint32_t idx, uint64_t word)
{
	if (block_state(word) != BLOCK_DYING || ledger_held(d->slab, idx))
		return false;
	persist_dying(d, idx); /* whoever made it so may not have come to it */
	return reclaim(d, idx, word);
}

static bool borrow(struct dir *d, uint32_t idx)
{
	const struct slab *s = d->slab;

	/* no pair: the trace, before the deed; it hands nothing over */
	return !(a16_or_full(ledger_cell(s, s->self, idx), CELL_OWN) &
		 CELL_OWN);
}

/*
 * The own bit for a zombie of the dead.  If it is set it is either a debt of
 * ours already, or some thread of ours is trying the block for a moment.
 */
static bool take_over(struct dir *d, uint32_t idx)
{
	unsigned tries;

	for (tries = 0; tries < 1000; tries++) {
		if (borrow(d, idx))
			return true;
		if (dir_owes(d, idx))
			return false;
		cpu_relax();
	}
	return false;
}

bool dir_owes(const struct dir *d, uint32_t idx)
{
	unsigned i;

	for (i = 0; i < DIR_DEBTS; i++)
		/* no pair: full for its place after the look at the word,
		 * see settle_one() */
		if (a32_load_full(&d->debt[i]) == idx + 1)
			return true;
	return false;
}

/* Without room the own bit just stays until this client goes. */
static void note(struct dir *d, uint32_t idx)
{
	unsigned i;

	for (i = 0; i < DIR_DEBTS; i++) {
		uint32_t none = 0;

		/* relaxed, and no pair: the number is all that is handed over
		 * between threads of this process */
		if (!a32_load_rlx(&d->debt[i]) &&
		    a32_cas_full(&d->debt[i], &none, idx + 1))
			return;
	}
}

static void owe(struct dir *d, uint32_t idx)
{
	/* no pair: a debt that a reaper's look misses is our own to see to */
	if (d->owes)
		a64_add_full(d->owes, 1);
	note(d, idx);
}

static void settle_one(struct dir *d, a32 *debt)
{
	/* relaxed: D4 orders what others settled */
	uint32_t at = a32_load_rlx(debt);
	const struct media_block *b;
	uint64_t w;

	if (!at)
		return;
	b = slab_block(d->slab, at - 1);
	w = block_load(b);
	if (block_state(w) == BLOCK_DYING && !dir_reclaim(d, at - 1, w))
		return;
	/* no pair: see owe() */
	if (!a32_cas_full(debt, &at, 0))
		return;
	/* A thread that reaps may have found the debt noted, and left to it a
	 * zombie of the block's next life.  It looked at the word first. */
	if (block_state(block_load(b)) == BLOCK_DYING) {
		note(d, at - 1);
		return;
	}
	slab_disown(d->slab, at - 1);
	a64_sub_full(d->owes, 1); /* no pair: see owe() */
}

static void settle(struct dir *d)
{
	unsigned i;

	for (i = 0; i < DIR_DEBTS; i++)
		settle_one(d, &d->debt[i]);
}

void dir_settle(struct dir *d)
{
	uint32_t idle = 0;

	/* relaxed: this client's own */
	if (!d->owes || !a64_load_rlx(d->owes))
		return;
	/* one thread at a time: only then does an entry of debt[] that is
	 * unchanged mean the same debt; D4 acquire */
	if (!a32_cas_acq(&d->settling, &idle, 1))
		return;
	settle(d);
	a32_store_rel(&d->settling, 0); /* D4 release, within the process */
}

int dir_remove(struct dir *d, uint32_t idx, uint64_t word)
{
	struct slab *s = d->slab;
	struct media_block *b = slab_block(s, idx);

	/* a look first: no change of state, so no miss for others */
	if (ledger_held(s, idx))
		return -EBUSY;
	if (!borrow(d, idx))
		return -EAGAIN;
	if (block_state(word) != BLOCK_LIVE ||
	    !block_cas(b, &word, block_unowned(word, BLOCK_DYING))) {
		slab_disown(s, idx);
		return -EAGAIN;
	}
	word = block_unowned(word, BLOCK_DYING);
	persist_dying(d, idx);
	/* look again: a pin may have come before the word was DYING */
	if (!reclaim(d, idx, word) && block_load(b) == word)
		owe(d, idx);
	else
		slab_disown(s, idx);
	return 0;
}

bool dir_withdraw(struct dir *d, uint32_t idx, uint64_t word)
{
	struct media_block *b = slab_block(d->slab, idx);
	/* relaxed: this client's block */
	uint64_t h0 = a64_load_rlx(&b->h0);
	bool placed = block_is_placed(word);

	/* declared dead meanwhile, it may be QUARANTINED, or another's */
	if (!block_owned_by(word, d->slab->self, d->slab->self_inc))
		return false;
	if (word & BLOCK_CLAIMED)
		persist_head(d, idx);
	if (!slab_free(d->slab, idx, word))
		return false;
	if (placed) {
		dir_unlink(d, h0, idx, block_version(word));
		clear_flags(d, dir_home(d, h0));
	}
	return true;
}

/* A dead client's block: if it was pending, let the change come to its end. */
static uint64_t finish_pending(struct dir *d, uint32_t idx, uint64_t w)
{
	if (!block_is_placed(w))
		return w;
	let_go(d, idx); /* its writer is dead, so h0 is stable */
	persist_head(d, idx);
	return block_load(slab_block(d->slab, idx));
}

/*
 * Must a device be feared?  What this client gives up itself is its own
 * business.  A block that does not fit an extent was never handed out: who
 * took it found the slab changed, or died before it looked.
 */
static bool must_wait(const struct dir *d, uint32_t idx, uint32_t slot,
		      enum dir_sure sure)
{
	if (sure == DIR_DEAD)
		return d->quarantine && slot != d->slab->self &&
		       extent_has(d->slab, idx);
	return sure == DIR_FENCED;
}

static bool undo_owned(struct dir *d, uint32_t idx, uint64_t w,
		       enum dir_sure sure)
{
	struct media_block *b = slab_block(d->slab, idx);
	/* relaxed: its writer is dead */
	uint64_t h0 = a64_load_rlx(&b->h0);
	bool wait = must_wait(d, idx, block_owner(w), sure);

	/* its taker may be about to say how large it is: it stays taken */
	if (sure == DIR_FENCED && !extent_has(d->slab, idx))
		return false;
	/* B3 release */
	if (!block_cas(b, &w,
		       wait ? block_quarantined(w) :
			      block_unowned(w, BLOCK_FREE)))
		return false;
	slab_persist_free(d->slab, idx);
	if (block_is_placed(w))
		dir_unlink(d, h0, idx, block_version(w));
	if (wait)
		return false;
	slab_hint(d->slab, idx);
	return true;
}

bool dir_undo(struct dir *d, uint32_t idx, uint32_t slot, uint32_t inc,
	      enum dir_sure sure)
{
	struct media_block *b = slab_block(d->slab, idx);
	uint64_t w = block_load(b);

	if (block_owned_by(w, slot, inc))
		w = finish_pending(d, idx, w);
	if (block_owned_by(w, slot, inc))
		return undo_owned(d, idx, w, sure);
	if (block_state(w) != BLOCK_DYING)
		return false;
	if (dir_reclaim(d, idx, w))
		return true;
	/* still pinned by somebody: the debt is ours now */
	if (block_load(b) == w && d->owes && take_over(d, idx))
		owe(d, idx);
	return false;
}

bool dir_reap(struct dir *d, uint32_t idx, uint32_t slot, uint32_t inc)
{
	return dir_undo(d, idx, slot, inc, DIR_DEAD);
}
