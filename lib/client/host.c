// SPDX-License-Identifier: BSD-3-Clause
/* This host's entry: coming, being alive, going; and is the memory one? */
#include "client/client.h"

#include "base/err.h"
#include "base/hash.h"
#include "base/id.h"

#include <string.h>
#include <time.h>
#include <unistd.h>

#define ENTER_TRIES 300 /* of 10 ms */
#define LEAVE_TRIES 20
#define BEAT_TRIES 1000

static void pause_ms(long ms)
{
	const struct timespec t = { ms / 1000, ms % 1000 * 1000000 };

	clock_nanosleep(CLOCK_MONOTONIC, 0, &t, NULL);
}

void host_attach(struct client *c, const struct media *m)
{
	struct media_region *root = media_region(m, 0);
	struct host_self *h = &c->host;

	memset(h, 0, sizeof(*h));
	h->no = HOST_NONE;
	if (!media_shared(root))
		return;
	h->all = media_at(root, SECTION_HOSTS);
	h->timeout_ns = root->sb.host_ms * 1000000ull;
	h->nonce = root->sb.nonce;
	/* a machine without an id is one that only an operator can tell */
	id_read("/etc/machine-id", h->machine);
}

uint32_t host_claim_tag(const struct client *c)
{
	uint64_t x = (c->me.boot[0] ^ c->me.boot[1]) * 0x9e3779b97f4a7c15ull;

	return (uint32_t)(x >> 32);
}

bool host_is_ours(const struct client *c, uint32_t no)
{
	const struct media_host *m = &c->host.all[no];
	uint64_t w = host_word(&c->host, no);
	/* relaxed: written before it was ACTIVE, H1 ordered it */
	const uint64_t boot[2] = { a64_load_rlx(&m->boot[0]),
				   a64_load_rlx(&m->boot[1]) };

	/* the boot id may still be the last host's there */
	return host_state(w) == HOST_CLAIMED ?
		       host_beats(w) == host_claim_tag(c) :
		       id_equal(boot, c->me.boot);
}

/* Under the host's lock, so no other process of ours is at it. */
static bool introduce(struct client *c, uint32_t no, uint64_t w)
{
	struct host_self *h = &c->host;
	struct media_host *m = &h->all[no];

	/* relaxed: H1 orders them */
	a64_store_rlx(&m->boot[0], c->me.boot[0]);
	a64_store_rlx(&m->boot[1], c->me.boot[1]);
	a64_store_rlx(&m->machine[0], h->machine[0]);
	a64_store_rlx(&m->machine[1], h->machine[1]);
	a64_store_rlx(&m->wait, 0);
	a64_store_rlx(&m->ask, 0);
	memset(m->name, 0, sizeof(m->name));
	gethostname(m->name, sizeof(m->name) - 1);
	/* H1 release */
	if (!a64_cas_full(&m->word, &w,
			  host_make(HOST_ACTIVE, HOST_NONE, host_epoch(w), 0)))
		return false;
	/* before any slot names it, which others may see when we are gone */
	slab_persist(c->dir->slab, m, sizeof(*m));
	return true;
}

/* Is this entry, or could it be made, the one of this running kernel? */
static bool adopt(struct client *c, uint32_t no)
{
	struct host_self *h = &c->host;
	uint64_t w = host_word(h, no);
	bool claimed = host_state(w) == HOST_CLAIMED && host_is_ours(c, no);

	if (claimed && !introduce(c, no, w))
		return false;
	/* all of ours had left it, and nobody else has begun with it */
	if (host_state(w) == HOST_CONFIRMED && host_by(w) == HOST_NONE &&
	    host_is_ours(c, no))
		/* H1 release */
		a64_cas_full(&h->all[no].word, &w,
			     host_make(HOST_ACTIVE, HOST_NONE, host_epoch(w),
				       host_beats(w)));
	w = host_word(h, no);
	if (host_state(w) != HOST_ACTIVE || !host_is_ours(c, no))
		return false;
	h->no = no;
	h->epoch = host_epoch(w);
	h->fresh = claimed;
	return host_beat(c);
}

static bool claim(struct client *c, uint32_t no)
{
	uint64_t w = host_word(&c->host, no), claimed;

	if (host_state(w) != HOST_FREE)
		return false;
	claimed = host_make(HOST_CLAIMED, HOST_NONE, host_epoch(w),
			    host_claim_tag(c));
	/* H1 acquire: what the last host there did */
	return a64_cas_full(&c->host.all[no].word, &w, claimed) && adopt(c, no);
}

static int enter(struct client *c)
{
	uint32_t no;

	for (no = 0; no < HOST_NR; no++)
		if (adopt(c, no))
			return 0;
	for (no = 0; no < HOST_NR; no++)
		if (claim(c, no))
			return 0;
	c->host.no = HOST_NONE;
	return err_set(
		-EUSERS,
		"%s: all %u host entries are taken; see maru-fence(1) for those that are gone",
		c->target, HOST_NR);
}

/* Held for moments, but for who is stopped, or goes over a large pool. */
static int take_lock(struct client *c, int tries)
{
	int rc;

	for (;;) {
		rc = dev_lock_take(&c->lock, CLIENT_LOCK_HOST, false);
		if (rc != -EAGAIN || !--tries)
			return rc;
		pause_ms(10);
	}
}

int host_enter(struct client *c)
{
	int rc;

	if (!c->host.all)
		return 0;
	rc = take_lock(c, ENTER_TRIES);
	if (rc == -EAGAIN)
		return err_set(-EBUSY,
			       "%s: another process of this host is stopped "
			       "while it opens the pool",
			       c->target);
	if (rc)
		return rc;
	rc = enter(c);
	dev_lock_drop(&c->lock, CLIENT_LOCK_HOST);
	return rc;
}

bool host_beat(struct client *c)
{
	struct host_self *h = &c->host;
	uint64_t w;
	int tries;

	if (h->no == HOST_NONE)
		return false;
	w = host_word(h, h->no);
	for (tries = 0; tries < BEAT_TRIES; tries++) {
		if (host_state(w) != HOST_ACTIVE || host_epoch(w) != h->epoch)
			return false;
		/* H1 release; K8 full */
		if (a64_cas_full(&h->all[h->no].word, &w, w + (1ull << 32)))
			return true;
	}
	return true; /* so often has it beaten meanwhile */
}

/* What the entry is to be: in use; without clients; with some of the dead. */
static uint64_t without_us(const struct client *c, uint64_t w)
{
	const struct host_self *h = &c->host;
	uint32_t slot;
	bool left = false;

	for (slot = 0; slot < c->slot_nr; slot++) {
		uint64_t s = client_word(c, slot); /* K8 full */

		if (client_state(s) == CLIENT_FREE || client_host(s) != h->no)
			continue;
		if (client_state(s) == CLIENT_JOINING ||
		    client_state(s) == CLIENT_ACTIVE)
			return w;
		left = true; /* for whoever comes by to see to */
	}
	return left ? host_make(HOST_CONFIRMED, HOST_NONE, h->epoch,
				host_beats(w)) :
		      host_make(HOST_FREE, HOST_NONE, h->epoch + 1, 0);
}

void host_leave(struct client *c)
{
	struct host_self *h = &c->host;
	uint64_t w, gone;

	if (h->no == HOST_NONE)
		return;
	/* whoever keeps the lock is coming, or cleans up without a slot; he
	 * leaves as well, and then it is his to look.  Not one who leaves just
	 * now: he may have seen our slot still in use. */
	if (!take_lock(c, LEAVE_TRIES)) {
		w = host_word(h, h->no);
		gone = without_us(c, w);
		/* H1 release; K8: it fails if one of ours has come meanwhile */
		if (host_state(w) == HOST_ACTIVE && host_epoch(w) == h->epoch &&
		    gone != w)
			a64_cas_full(&h->all[h->no].word, &w, gone);
		dev_lock_drop(&c->lock, CLIENT_LOCK_HOST);
	}
	h->no = HOST_NONE;
}

/* The others, and which of them beats while we watch. */
static bool watch(struct client *c, bool *beats)
{
	struct host_self *h = &c->host;
	bool there = false;
	uint32_t no;

	for (no = 0; no < HOST_NR; no++) {
		uint64_t w = host_word(h, no), was;

		if (no == h->no || !host_is_there(w))
			continue;
		there = true;
		/* relaxed: one thread is here */
		was = a64_load_rlx(&h->seen[no].word);
		*beats |= was && was != w;
		a64_store_rlx(&h->seen[no].word, w); /* relaxed, as above */
	}
	return there;
}

static void host_ask(struct client *c)
{
	struct media_host *m = &c->host.all[c->host.no];

	if (!c->host.question)
		hash_random(&c->host.question, sizeof(c->host.question));
	/* relaxed: an answer is right or it is not */
	a64_store_rlx(&m->answer, 0);
	/* H2 release */
	a64_store_rel(&m->ask, c->host.question);
}

static bool host_is_answered(const struct client *c)
{
	const struct host_self *h = &c->host;

	/* H3 acquire */
	return a64_load_acq(&h->all[h->no].answer) ==
	       host_answer(h, h->question);
}

static int not_one(const struct client *c)
{
	return err_set(
		-ENOTSUP,
		"%s: the hosts that have it open do not see this host's stores: this is not one coherent memory, see maru-cohtest(1)",
		c->target);
}

int host_prove(struct client *c, bool *survivor)
{
	struct host_self *h = &c->host;
	uint64_t begin = c->now_ns(c), pause = h->timeout_ns / 100000000;
	bool beats = false;

	*survivor = !h->fresh;
	if (*survivor || !watch(c, &beats))
		return 0;
	host_ask(c);
	while (c->now_ns(c) - begin < h->timeout_ns) {
		pause_ms((long)bits_max(bits_min(pause, 20), 1));
		if (!host_beat(c))
			return err_set(
				-EBUSY,
				"%s: this host was stopped while it opened the pool; try again",
				c->target);
		if (host_is_answered(c)) {
			*survivor = true;
			return 0;
		}
		if (!watch(c, &beats))
			return 0;
	}
	return beats ? not_one(c) : 0;
}
