// SPDX-License-Identifier: BSD-3-Clause
/* Joining and leaving. */
#include "client/client.h"

#include "base/err.h"

#include <string.h>
#include <time.h>

static bool is_fenced(const void *ctx, uint32_t slot)
{
	return client_word(ctx, slot) & CLIENT_FENCED;
}

int client_attach(struct client *c, const struct media *m, struct dir *d)
{
	static a64 handles;
	struct media_region *root = media_region(m, 0);

	c->slots = media_at(root, SECTION_CLIENTS);
	c->lanes = media_at(root, SECTION_COUNTERS);
	c->slot_nr = root->sb.client_nr;
	c->lane_nr = root->sb.lane_nr;
	c->self = CLIENT_NONE;
	c->dir = d;
	c->target = root->dev->name;
	client_clock_start(c, root->sb.quarantine_ms);
	pthread_mutex_init(&c->reaping, NULL);
	c->id = a64_add_rlx(&handles, 1) + 1; /* only has to be another one */
	host_attach(c, m);
	if (c->host.all) {
		d->slab->fenced = is_fenced;
		d->slab->ctx = c;
	}
	return client_identity(&c->me);
}

static uint64_t realtime_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void tell(struct client *c, struct media_client *m, const char *name)
{
	const struct client_identity *me = &c->me;
	uint64_t joined = realtime_ns();

	dev_process_since(joined); /* before anybody can see it */
	/* relaxed: C1 orders them */
	a64_store_rlx(&m->start, me->start);
	a64_store_rlx(&m->boot[0], me->boot[0]);
	a64_store_rlx(&m->boot[1], me->boot[1]);
	a64_store_rlx(&m->pidns, me->pidns);
	a64_store_rlx(&m->joined_ns, joined);
	a64_store_rlx(&m->owes, 0);
	a64_store_rlx(&m->due, 0);
	memset(m->name, 0, sizeof(m->name));
	strncpy(m->name, name, sizeof(m->name) - 1);
	client_counters_start(c, c->self);
	/* C2 release, pairs with client_alive() */
	a64_store_rel(&m->pid, me->pid);
}

void client_persist_slot(const struct client *c, uint32_t slot)
{
	if (c->host.all)
		slab_persist(c->dir->slab, &c->slots[slot],
			     sizeof(c->slots[0]));
}

/* The slot's lock is ours and the slot FREE: nobody else can take it. */
static bool join(struct client *c, uint32_t slot, const char *name)
{
	struct media_client *m = &c->slots[slot];
	uint64_t w = client_word(c, slot), joining;
	uint32_t inc = client_inc(w);

	joining = client_at(client_make(CLIENT_JOINING, inc), c->host.no);
	/* C3 was acquired with w; K7 full, K8 full */
	if (client_state(w) != CLIENT_FREE ||
	    !a64_cas_full(&m->word, &w, joining))
		return false;
	/* our host's entry may be another's by now, or we were fenced */
	if (c->host.all && !host_beat(c)) {
		/* no pair: we have stored nothing there */
		a64_cas_full(&m->word, &joining,
			     client_make(CLIENT_FREE, inc + 1));
		return false;
	}
	c->self = slot;
	c->self_word = client_as(joining, CLIENT_ACTIVE);
	c->dir->slab->self = slot;
	c->dir->slab->self_inc = inc;
	c->dir->owes = &m->owes;
	tell(c, m, name);
	/* an exchange, as whoever has declared us dead is to be believed;
	 * C1 release */
	if (!a64_cas_full(&m->word, &joining, c->self_word)) {
		c->self = c->dir->slab->self = CLIENT_NONE;
		c->dir->owes = NULL;
		return false;
	}
	/* before any block names us, which others may see when we are gone */
	client_persist_slot(c, slot);
	ledger_activate(c->dir->slab, slot);
	return true;
}

static int try_slots(struct client *c, const char *name)
{
	uint32_t slot;

	for (slot = 0; slot < c->slot_nr; slot++) {
		if (client_state(client_word(c, slot)) != CLIENT_FREE)
			continue;
		if (dev_lock_take(&c->lock, CLIENT_LOCK_SLOT + slot, false))
			continue;
		if (join(c, slot, name))
			return 0;
		dev_lock_drop(&c->lock, CLIENT_LOCK_SLOT + slot);
	}
	return -EUSERS;
}

static int no_slot(const struct client *c)
{
	uint64_t first;
	uint32_t nr = client_quarantined(c, &first);

	if (!nr)
		return err_set(
			-EUSERS,
			"%s: all %u client slots are taken by living clients; close one, or make the pool with more (maru-mkpool -n)",
			c->target, c->slot_nr);
	return err_set(
		-EUSERS,
		"%s: all %u client slots are taken, %u of them by the dead, as devices may still write for them; the first is free in %llu ms",
		c->target, c->slot_nr, nr,
		(unsigned long long)bits_div_up(first, 1000000));
}

/* The host's entry may go between our having it and our having a slot. */
static int enter_and_try(struct client *c, const char *name)
{
	int rc, tries;

	for (tries = 0; tries < 16; tries++) {
		rc = try_slots(c, name);
		if (!rc || !c->host.all || host_beat(c))
			return rc;
		rc = host_enter(c);
		if (rc)
			return rc;
	}
	return rc;
}

/*
 * Other hosts go by slots, and see none of ours: so that none of them takes
 * what we are changing for finished, our host's entry may not go meanwhile.
 */
static int reap_without_slot(struct client *c)
{
	int done;

	if (!c->host.all)
		return client_reap_all(c);
	if (dev_lock_take(&c->lock, CLIENT_LOCK_HOST, false))
		return 0;
	/* and must not have gone already, with its number another's */
	done = host_beat(c) ? client_reap_all(c) : 0;
	dev_lock_drop(&c->lock, CLIENT_LOCK_HOST);
	return done;
}

int client_join(struct client *c, const char *name)
{
	int rc = enter_and_try(c, name);

	if (rc == -EUSERS && reap_without_slot(c) > 0)
		rc = enter_and_try(c, name);
	if (rc == -EUSERS)
		return no_slot(c);
	if (rc)
		return rc;
	client_count(c, COUNT_reaps, c->early_reaps);
	client_count(c, COUNT_reaped_blocks, c->early_blocks);
	client_reap_all(c);
	return 0;
}

/*
 * Declared dead, it leaves all as it is.  But its process may open the pool
 * anew, and then maps it still: so that its kernel does not take this client
 * for alive, it names no process any more.
 */
static void withdraw_pid(struct client *c, struct media_client *m)
{
	uint64_t pid = c->me.pid;

	/* no pair: an exchange only in case it is another's slot already */
	a64_cas_full(&m->pid, &pid, 0);
}

void client_leave(struct client *c)
{
	struct slab *s = c->dir->slab;
	struct media_client *m = &c->slots[c->self];
	uint32_t slot = c->self;

	if (client_ok(c)) {
		uint32_t inc = client_inc(c->self_word);
		uint64_t w = c->self_word;
		struct client_undone left;

		dir_settle(c->dir);
		left = client_undo_row(c, slot, inc, DIR_DEAD);
		ledger_deactivate(s, slot);
		ledger_persist_row(s, slot);
		a64_store_rlx(&m->pid, 0); /* relaxed: C3 orders it */
		/* a row that is not zero is for the next reaper to see to; an
		 * exchange, as in client_free_slot(); C3 release; K7 full */
		a64_cas_full(&m->word, &w,
			     left.zombies ? client_as(w, CLIENT_DEAD) :
					    client_make(CLIENT_FREE, inc + 1));
		client_persist_slot(c, slot);
	} else {
		withdraw_pid(c, m);
	}
	dev_lock_drop(&c->lock, CLIENT_LOCK_SLOT + slot);
	c->self = CLIENT_NONE;
}

void client_holds(const struct client *c, uint32_t slot, uint64_t *entries,
		  uint64_t *pins, uint64_t *buffers)
{
	const struct slab *s = c->dir->slab;
	uint32_t inc = client_inc(client_word(c, slot));
	uint32_t region, idx;
	uint16_t cell;

	*entries = *pins = *buffers = 0;
	for (region = 0; region < s->region_nr; region++)
		for (idx = region << IDX_UNIT_BITS;
		     (cell = ledger_walk(s, slot, &idx)); idx++) {
			*entries += (cell & CELL_PINS) != 0;
			*pins += cell & CELL_PINS;
			*buffers +=
				(cell & CELL_OWN) &&
				block_owned_by(block_load(slab_block(s, idx)),
					       slot, inc);
		}
}

bool client_others(const struct client *c)
{
	uint32_t slot;

	for (slot = 0; slot < c->slot_nr; slot++) {
		enum client_state state = client_state(client_word(c, slot));

		if (slot != c->self && state != CLIENT_FREE &&
		    state != CLIENT_QUARANTINED)
			return true;
	}
	return false;
}
