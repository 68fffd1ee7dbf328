// SPDX-License-Identifier: BSD-3-Clause
/* Looking after the other hosts: silence, fencing, and who cleans up. */
#include "client/client.h"

#include "base/err.h"
#include "base/id.h"

#include <string.h>
#include <time.h>

/* A look that comes late counts for no more than so many make a time-out. */
#define LOOKS 8

void host_machine(const struct media_host *m, uint64_t id[2])
{
	/* relaxed: H1 ordered them; or 0, see doubt_machine() */
	id[0] = a64_load_rlx(&m->machine[0]);
	id[1] = a64_load_rlx(&m->machine[1]);
}

static bool is_same_machine(const struct client *c, uint32_t a, uint32_t b)
{
	uint64_t x[2], y[2];

	host_machine(&c->host.all[a], x);
	host_machine(&c->host.all[b], y);
	return (x[0] || x[1]) && id_equal(x, y);
}

/* Two that live with one machine id: it proves nothing, so we have none. */
static void doubt_machine(struct client *c, uint32_t no)
{
	struct media_host *m = &c->host.all[c->host.no];

	if (!is_same_machine(c, no, c->host.no) || host_is_ours(c, no))
		return;
	/* relaxed: who reads half of it finds an id that nobody has */
	a64_store_rlx(&m->machine[0], 0);
	a64_store_rlx(&m->machine[1], 0);
}

/* @no has not beaten since we last looked, or it has. */
static uint64_t silence(struct client *c, uint32_t no, uint64_t w,
			uint64_t awake)
{
	struct host_seen *seen = &c->host.seen[no];
	/* relaxed, all of these: one thread at a time is here */
	uint64_t was = a64_load_rlx(&seen->word);
	uint64_t silent = a64_load_rlx(&seen->silent_ns) + awake;

	if (was != w) {
		silent = 0;
		if (host_state(w) == HOST_ACTIVE &&
		    host_state(was) == HOST_ACTIVE)
			doubt_machine(c, no);
		a64_store_rlx(&seen->word, w); /* relaxed, as above */
	}
	a64_store_rlx(&seen->silent_ns, silent); /* relaxed, as above */
	return silent;
}

static void answer_one(struct client *c, uint32_t no)
{
	struct media_host *m = &c->host.all[no];
	/* H2 acquire */
	uint64_t ask = a64_load_acq(&m->ask);
	uint64_t answer = host_answer(&c->host, ask);

	/* relaxed: a look; H3 release */
	if (ask && a64_load_rlx(&m->answer) != answer)
		a64_store_rel(&m->answer, answer);
}

/* Its kernel has been started anew since, and is there to prove it. */
static bool was_restarted(const struct client *c, uint32_t no)
{
	uint32_t i;

	for (i = 0; i < HOST_NR; i++)
		if (i != no &&
		    host_state(host_word(&c->host, i)) == HOST_ACTIVE &&
		    is_same_machine(c, i, no) && !client_same_boot(c, i, no))
			return true;
	return false;
}

/* Of our own kernel, which knows its processes: none of that life is left. */
static bool is_dead_here(struct client *c, uint32_t no)
{
	uint32_t slot;
	bool dead = true;

	if (!host_is_ours(c, no) ||
	    dev_lock_take(&c->lock, CLIENT_LOCK_HOST, false))
		return false;
	for (slot = 0; slot < c->slot_nr && dead; slot++) {
		uint64_t w = client_word(c, slot);

		dead = client_state(w) == CLIENT_FREE || client_host(w) != no ||
		       client_alive_here(c, slot) == 0;
	}
	dev_lock_drop(&c->lock, CLIENT_LOCK_HOST);
	return dead;
}

static bool is_wanted(const struct host_self *h, uint32_t by)
{
	return by >= HOST_NR || !host_is_there(host_word(h, by));
}

/*
 * Whoever recovers it is gone itself.  If that one is only stopped it may yet
 * store where it was storing: then that, too, has to be confirmed.
 */
static uint64_t take_over(struct client *c, uint32_t no, uint64_t w)
{
	struct host_self *h = &c->host;
	uint32_t by = host_by(w);
	uint64_t mine = (w & ~0xff0ull) | (uint64_t)(h->no + 1) << 4;

	if (by == h->no || !is_wanted(h, by))
		return w;
	/* no pair: before the exchange, which publishes it (H1) */
	if (by < HOST_NR && host_state(host_word(h, by)) == HOST_FENCED)
		a64_or_full(&h->all[no].wait, 1ull << by);
	/* H1 release */
	return a64_cas_full(&h->all[no].word, &w, mine) ? mine : w;
}

static uint64_t confirm(struct client *c, uint32_t no, uint64_t w)
{
	uint64_t sure = (w & ~0xfull) | HOST_CONFIRMED;

	/* H1 release */
	return a64_cas_full(&c->host.all[no].word, &w, sure) ? sure : w;
}

/* All that it had is undone, or waits; at last the entry itself. */
static int recover(struct client *c, uint32_t no, uint64_t w)
{
	struct host_self *h = &c->host;
	uint32_t slot, left = 0;
	int done = 0;

	for (slot = 0; slot < c->slot_nr; slot++) {
		uint64_t s = client_word(c, slot);

		if (client_state(s) == CLIENT_FREE || client_host(s) != no)
			continue;
		done += client_reap(c, slot);
		s = client_word(c, slot);
		left += client_state(s) != CLIENT_FREE && client_host(s) == no;
	}
	if (host_state(w) == HOST_CONFIRMED && !left &&
	    host_releases(c, client_at(0, no)))
		/* H1 release: nothing of it is left */
		a64_cas_full(&h->all[no].word, &w,
			     host_make(HOST_FREE, HOST_NONE, host_epoch(w) + 1,
				       0));
	return done;
}

static int look_at(struct client *c, uint32_t no, uint64_t awake)
{
	struct host_self *h = &c->host;
	uint64_t w = host_word(h, no);

	if (host_is_there(w)) {
		uint64_t fenced = host_make(HOST_FENCED, h->no, host_epoch(w),
					    host_beats(w));

		answer_one(c, no);
		if (silence(c, no, w, awake) < h->timeout_ns)
			return 0;
		/* H1 acquire; fails if it has beaten in this instant */
		if (!a64_cas_full(&h->all[no].word, &w, fenced))
			return 0;
		client_count(c, COUNT_fenced, 1);
		w = fenced;
	}
	if (host_state(w) == HOST_FENCED &&
	    (was_restarted(c, no) || is_dead_here(c, no)))
		w = confirm(c, no, w);
	if (host_state(w) != HOST_FENCED && host_state(w) != HOST_CONFIRMED)
		return 0;
	w = take_over(c, no, w);
	return host_by(w) == h->no ? recover(c, no, w) : 0;
}

static int look_around(struct client *c)
{
	struct host_self *h = &c->host;
	uint64_t now = c->now_ns(c), awake = h->timeout_ns / LOOKS;
	uint32_t no;
	int done = 0;

	if (!h->looked_ns)
		h->looked_ns = now;
	awake = bits_min(awake, now - h->looked_ns);
	h->looked_ns = now;
	for (no = 0; no < HOST_NR; no++)
		if (no != h->no)
			done += look_at(c, no, awake);
	return done;
}

int host_tick(struct client *c)
{
	uint32_t idle = 0;
	int done = 0;

	if (!c->host.all || c->self == CLIENT_NONE || !host_beat(c))
		return 0;
	/* no pair: one thread of this process at a time */
	if (!a32_cas_acq(&c->host.looking, &idle, 1))
		return 0;
	done = look_around(c);
	/* no pair: as above */
	a32_store_rel(&c->host.looking, 0);
	return done;
}

bool host_recovers(const struct client *c, uint64_t w)
{
	uint32_t no = client_host(w);
	uint64_t e;

	if (no >= HOST_NR || c->host.no == HOST_NONE)
		return false;
	e = host_word(&c->host, no);
	return (host_state(e) == HOST_FENCED ||
		host_state(e) == HOST_CONFIRMED) &&
	       host_by(e) == c->host.no;
}

bool host_releases(const struct client *c, uint64_t w)
{
	const struct host_self *h = &c->host;
	uint32_t no = client_host(w), i;
	uint64_t wait;

	if (no >= HOST_NR || host_state(host_word(h, no)) != HOST_CONFIRMED)
		return false;
	/* relaxed: the entry's word, read before, orders it (H1) */
	wait = a64_load_rlx(&h->all[no].wait);
	for (i = 0; i < HOST_NR; i++)
		if (wait >> i & 1 && i != no &&
		    host_state(host_word(h, i)) == HOST_FENCED)
			return false;
	return true;
}

void host_name(const struct host_self *h, uint32_t no, char name[64])
{
	memcpy(name, h->all[no].name, 64);
	name[63] = '\0';
}

int host_confirm(struct client *c, uint32_t no)
{
	char name[64];
	uint64_t w;

	if (!c->host.all || no >= HOST_NR)
		return err_set(-ENOENT, "%s: host %u: there is none", c->target,
			       no);
	w = host_word(&c->host, no);
	host_name(&c->host, no, name);
	if (host_state(w) == HOST_FREE)
		return err_set(-ENOENT, "%s: host %u: there is none", c->target,
			       no);
	if (host_is_there(w))
		return err_set(
			-EBUSY,
			"%s: host %u, %s, has not been declared gone; it is after %llu ms without a sign of life",
			c->target, no, name,
			(unsigned long long)(c->host.timeout_ns / 1000000));
	if (host_state(w) == HOST_FENCED)
		confirm(c, no, w);
	return 0;
}
