// SPDX-License-Identifier: BSD-3-Clause
/*
 * Undoing the dead: pins at one stroke, then blocks and slabs one by one.
 *
 * Every step leaves the trace of what is still to do until it is done, so a
 * reaper that dies is continued by the next one.
 */
#include "client/client.h"

#include <pthread.h>
#include <time.h>

#define TICK_NS 100000000ull
#define TICK_SLOTS 16u

/* A zombie that somebody still pins and that is nobody's debt but this row's */
static bool must_stay(struct client *c, uint32_t slot, uint32_t idx)
{
	struct slab *s = c->dir->slab;

	return (slot == c->self || c->self == CLIENT_NONE) &&
	       block_state(block_load(slab_block(s, idx))) == BLOCK_DYING;
}

uint64_t client_undo_row(struct client *c, uint32_t slot, uint32_t inc,
			 uint64_t *left)
{
	struct slab *s = c->dir->slab;
	uint64_t blocks = 0;
	uint32_t region, idx;

	*left = 0;

	for (region = 0; region < s->region_nr; region++)
		for (idx = region << IDX_UNIT_BITS; ledger_walk(s, slot, &idx);
		     idx++) {
			a16 *cell = ledger_cell(s, slot, idx);

			if (slot == c->self) /* leaving: our own pins first */
				a16_and_full(cell, CELL_OWN);
			blocks += dir_reap(c->dir, idx, slot, inc);
			if (a16_load_rlx(cell) & CELL_OWN && /* dead or us */
			    must_stay(c, slot, idx)) {
				a16_and_full(cell, CELL_OWN);
				*left += 1;
				continue;
			}
			/* only now: before, it was the trace */
			a16_store_full(cell, 0);
		}
	return blocks;
}

/* The zombies of everybody alive: one may have lost its last pin just now. */
static void look_after_debts(struct client *c)
{
	struct slab *s = c->dir->slab;
	uint32_t slot, region, idx;
	uint16_t cell;

	for (slot = 0; slot < c->slot_nr; slot++) {
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

/* With the slot's reap lock held, and proof that client @w is dead. */
static int reap(struct client *c, uint32_t slot, uint64_t w)
{
	struct slab *s = c->dir->slab;
	struct media_client *m = &c->slots[slot];
	uint64_t blocks, left;
	uint32_t inc = client_inc(w);

	/* an exchange: it may have left in order after our look at it, and
	 * the slot be somebody else's; from here on it is fenced */
	if (!a64_cas_full(&m->word, &w, client_make(CLIENT_DEAD, inc)))
		return 0;
	ledger_deactivate(s, slot); /* all its pins are void */
	blocks = client_undo_row(c, slot, inc, &left);
	extent_reap(s, slot);
	look_after_debts(c);
	if (!left) {
		a64_store_rlx(&m->pid, 0); /* ordered by the word */
		a64_store_full(&m->word, client_make(CLIENT_FREE, inc + 1));
	}
	if (c->self == CLIENT_NONE) {
		/* no slot yet, so no counters: told when there is one */
		c->early_reaps++;
		c->early_blocks += blocks;
		return 1;
	}
	client_count(c, COUNT_reaps, 1);
	client_count(c, COUNT_reaped_blocks, blocks);
	return 1;
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
	if (client_state(w) != CLIENT_FREE && !client_alive(c, slot))
		done = reap(c, slot, w);
	dev_lock_drop(&c->lock, CLIENT_LOCK_REAP + slot);
	return done;
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

	if (slot >= c->slot_nr || slot == c->self ||
	    client_state(client_word(c, slot)) == CLIENT_FREE ||
	    client_alive(c, slot))
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
	uint64_t now, due = a64_load_rlx(&c->tick_ns); /* any thread's turn */
	unsigned i;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &t);
	now = (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
	if (now < due || !a64_cas_rlx(&c->tick_ns, &due, now + TICK_NS))
		return;
	dir_settle(c->dir);
	for (i = 0; i < TICK_SLOTS && i < c->slot_nr; i++)
		client_reap(c, a32_add_rlx(&c->tick_slot, 1) % c->slot_nr);
}
