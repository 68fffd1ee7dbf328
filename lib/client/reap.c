// SPDX-License-Identifier: BSD-3-Clause
/*
 * Undoing the dead: pins at one stroke, then blocks and slabs one by one.
 *
 * Blocks that a dead client was writing are kept back, where the pool has a
 * quarantine, and its slot with them: their own bits are the list of them.
 * Whoever comes by when it is due ends it.
 *
 * Every step leaves the trace of what is still to do until it is done, so a
 * reaper that dies is continued by the next one.
 */
#include "client/client.h"

#include <pthread.h>
#include <time.h>

#define TICK_NS 100000000ull
#define TICK_SLOTS 16u

struct undo {
	struct client *c;
	uint32_t slot, inc;
	enum dir_sure sure;
	struct client_undone sum;
};

/*
 * The own bit is still needed: by a block that waits; by a zombie that somebody
 * pins and that is nobody's debt but this row's: we are leaving, have no row,
 * or another thread of ours had our bit for a moment and might not leave it.
 */
static bool must_stay(struct undo *u, uint32_t idx)
{
	const struct client *c = u->c;
	uint64_t w = block_load(slab_block(c->dir->slab, idx));
	bool waits =
		block_is_quarantined(w, u->slot, u->inc) ||
		(u->sure == DIR_FENCED && block_owned_by(w, u->slot, u->inc));
	bool zombie = block_state(w) == BLOCK_DYING &&
		      (u->slot == c->self || !dir_owes(c->dir, idx));

	u->sum.quarantined += waits;
	u->sum.zombies += zombie;
	return waits || zombie;
}

static void undo_cell(struct undo *u, uint32_t idx)
{
	struct dir *d = u->c->dir;
	a16 *cell = ledger_cell(d->slab, u->slot, idx);

	/* leaving: our own pins first; L1 release */
	if (u->slot == u->c->self)
		a16_and_full(cell, CELL_OWN);
	u->sum.freed += dir_undo(d, idx, u->slot, u->inc, u->sure);
	/* relaxed: the row's client is dead, or us */
	if (a16_load_rlx(cell) & CELL_OWN && must_stay(u, idx))
		/* L1 release */
		a16_and_full(cell, CELL_OWN);
	else
		/* only now: before, it was the trace; L1 release */
		a16_store_full(cell, 0);
}

struct client_undone client_undo_row(struct client *c, uint32_t slot,
				     uint32_t inc, enum dir_sure sure)
{
	struct undo u = { .c = c, .slot = slot, .inc = inc, .sure = sure };
	struct slab *s = c->dir->slab;
	uint32_t region, idx;

	for (region = 0; region < s->region_nr; region++)
		for (idx = region << IDX_UNIT_BITS; ledger_walk(s, slot, &idx);
		     idx++)
			undo_cell(&u, idx);
	return u.sum;
}

/* The zombies of everybody alive: one may have lost its last pin just now. */
void client_look_after_debts(struct client *c)
{
	struct slab *s = c->dir->slab;
	uint32_t slot, region, idx;
	uint16_t cell;

	for (slot = 0; slot < c->slot_nr; slot++) {
		/* no pair: a debt that comes later is its debtor's to see to */
		if (!ledger_is_active(s, slot) ||
		    !a64_load_acq(&c->slots[slot].owes))
			continue;
		for (region = 0; region < s->region_nr; region++)
			for (idx = region << IDX_UNIT_BITS;
			     (cell = ledger_walk(s, slot, &idx)); idx++)
				if (cell & CELL_OWN)
					dir_reclaim(
						c->dir, idx,
						block_load(slab_block(s, idx)));
	}
}

void client_count_reap(struct client *c, uint64_t reaps, uint64_t blocks)
{
	if (c->self == CLIENT_NONE) {
		/* no slot yet, so no counters: told when there is one */
		c->early_reaps += reaps;
		c->early_blocks += blocks;
		return;
	}
	client_count(c, COUNT_reaps, reaps);
	client_count(c, COUNT_reaped_blocks, blocks);
}

bool client_free_slot(struct client *c, uint32_t slot, uint64_t w)
{
	struct media_client *m = &c->slots[slot];
	bool done;

	ledger_persist_row(c->dir->slab, slot);
	/* relaxed: C3 orders them */
	a64_store_rlx(&m->pid, 0);
	a64_store_rlx(&m->due, 0);
	/* an exchange: our host may have been declared gone meanwhile, and
	 * then the slot waits for that to be confirmed; C3 release */
	done = a64_cas_full(&m->word, &w,
			    client_make(CLIENT_FREE, client_inc(w) + 1));
	client_persist_slot(c, slot);
	return done;
}

/* With the slot's reap lock held, and proof that client @w is dead. */
static int reap(struct client *c, uint32_t slot, uint64_t w)
{
	struct slab *s = c->dir->slab;
	struct media_client *m = &c->slots[slot];
	uint64_t dead = client_as(w, CLIENT_DEAD);
	struct client_undone u;

	/* an exchange: it may have left in order after our look at it, and
	 * the slot be somebody else's; from here on it is fenced.  No pair:
	 * that its lock is gone is the order with what the dead one did. */
	if (!a64_cas_full(&m->word, &w, dead))
		return 0;
	ledger_deactivate(s, slot); /* all its pins are void */
	/* The clock is read after the proof: a stop between here and the note
	 * makes nothing due too early.  A reaper before us may have noted it. */
	if (!a64_load_rlx(&m->due)) /* relaxed: under the lock */
		client_due_set(c, slot);
	u = client_undo_row(c, slot, client_inc(w), DIR_DEAD);
	extent_reap(s, slot);
	client_look_after_debts(c);
	if (!u.zombies && !u.quarantined)
		client_free_slot(c, slot, dead);
	else if (!u.zombies)
		/* no pair: who reads it takes the reaping lock first */
		a64_cas_full(&m->word, &dead,
			     client_as(dead, CLIENT_QUARANTINED));
	client_count_reap(c, 1, u.freed);
	return 1;
}

/* With the slot's reap lock held. */
static int end_quarantine(struct client *c, uint32_t slot, uint64_t w)
{
	struct slab *s = c->dir->slab;
	uint32_t inc = client_inc(w), region, idx;
	uint64_t blocks = 0;

	if (client_due_left(c, slot))
		return 0;
	for (region = 0; region < s->region_nr; region++)
		for (idx = region << IDX_UNIT_BITS; ledger_walk(s, slot, &idx);
		     idx++) {
			blocks += slab_unquarantine(s, idx, slot, inc);
			/* only now, as in undo_cell(); L1 release */
			a16_store_full(ledger_cell(s, slot, idx), 0);
		}
	client_free_slot(c, slot, w);
	client_count_reap(c, 0, blocks);
	return 1;
}

/*
 * It took its slot when its host had just given the entry back, and has died
 * before it noticed.  It cannot have got any further, as it had yet to beat.
 */
static bool is_stray(const struct client *c, uint64_t w)
{
	uint32_t no = client_host(w);

	return c->host.all && client_state(w) == CLIENT_JOINING &&
	       no < HOST_NR && host_state(host_word(&c->host, no)) == HOST_FREE;
}

static int try_reap(struct client *c, uint32_t slot)
{
	uint64_t w;
	int done = 0;

	/* not shared: keeps all other handles out; the mutex, our threads */
	if (dev_lock_take(&c->lock, CLIENT_LOCK_REAP + slot, false))
		return 0;
	/* once more under the lock: it may be another client's by now */
	w = client_word(c, slot);
	if (client_state(w) == CLIENT_FREE)
		done = 0;
	else if (is_stray(c, w))
		/* the exchange alone, as our lock keeps no other host out;
		 * no pair: it has stored nothing there */
		done = a64_cas_full(&c->slots[slot].word, &w,
				    client_make(CLIENT_FREE,
						client_inc(w) + 1));
	else if (!client_is_here(c, w))
		done = host_recovers(c, w) ? client_fence(c, slot, w) : 0;
	else if (client_state(w) == CLIENT_QUARANTINED)
		done = end_quarantine(c, slot, w);
	else if (!client_alive(c, slot))
		done = reap(c, slot, w);
	dev_lock_drop(&c->lock, CLIENT_LOCK_REAP + slot);
	return done;
}

/* Of a host that is gone: nothing, or the first half, or the second one. */
static bool is_to_fence(const struct client *c, uint64_t w)
{
	bool first = client_state(w) != CLIENT_QUARANTINED ||
		     !(w & CLIENT_FENCED);

	return host_recovers(c, w) && (first || host_releases(c, w));
}

/* A look without the lock; under it all is looked at again. */
static bool is_to_do(struct client *c, uint32_t slot)
{
	uint64_t w = client_word(c, slot), in;

	if (client_state(w) != CLIENT_FREE && !client_is_here(c, w))
		return is_stray(c, w) || is_to_fence(c, w);
	switch (client_state(w)) {
	case CLIENT_FREE:
		return false;
	case CLIENT_QUARANTINED:
		in = client_due_in(c, slot);
		return !in || in == CLIENT_DUE_NONSENSE;
	default:
		return !client_alive(c, slot);
	}
}

/* Whose mutex this thread has. */
static __thread struct client *reaping
	__attribute__((tls_model("initial-exec")));

void client_struck(struct client *c)
{
	if (reaping != c)
		return;
	reaping = NULL;
	pthread_mutex_unlock(&c->reaping);
}

int client_reap(struct client *c, uint32_t slot)
{
	int done, cancel;

	if (slot >= c->slot_nr || slot == c->self || !is_to_do(c, slot))
		return 0;
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
	pthread_mutex_lock(&c->reaping);
	reaping = c;
	done = try_reap(c, slot);
	reaping = NULL;
	pthread_mutex_unlock(&c->reaping);
	pthread_setcancelstate(cancel, NULL);
	return done;
}

int client_reap_all(struct client *c)
{
	uint32_t slot;
	int done = 0;

	for (slot = 0; slot < c->slot_nr; slot++)
		done += client_reap(c, slot);
	return done;
}

void client_tick(struct client *c)
{
	struct timespec t;
	/* relaxed: it is any thread's turn */
	uint64_t now, due = a64_load_rlx(&c->tick_ns);
	unsigned i;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &t);
	now = (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
	/* relaxed, as above */
	if (now < due || !a64_cas_rlx(&c->tick_ns, &due, now + TICK_NS))
		return;
	dir_settle(c->dir);
	for (i = 0; i < TICK_SLOTS && i < c->slot_nr; i++)
		/* relaxed: just another slot each time */
		client_reap(c, a32_add_rlx(&c->tick_slot, 1) % c->slot_nr);
}
