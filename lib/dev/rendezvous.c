// SPDX-License-Identifier: BSD-3-Clause
/* Participants of the litmus tests meet, wait for each other, and part. */
#include "dev/litmus.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/err.h"
#include "base/hash.h"

#define VERSION 1u
#define LIVE_NS UINT64_C(1000000000) /* a beat is this fresh */
#define LINGER_NS UINT64_C(200000000)
#define CROWD_NS UINT64_C(2000000000) /* or the killed are not stale yet */

/* What is known of a slot: alive if its beat moves while we look. */
struct watch {
	uint64_t nonce, told, beat, moved_ns;
};

struct meeting {
	struct watch seen[LITMUS_SLOTS];
	uint64_t now, end, crowd; /* crowd: since when there are too many */
	uint32_t live;
	bool others;  /* told something else */
	uint64_t odd; /* since when some were */
	uint32_t at[LITMUS_SLOTS];
};

uint64_t litmus_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

void litmus_pause(unsigned round)
{
	static const struct timespec nap = { .tv_nsec = 50000 };

	if (round < 256)
		cpu_relax();
	else if (round < 4096)
		sched_yield();
	else
		nanosleep(&nap, NULL); /* whom we wait for may need our CPU */
}

void litmus_tell(const struct litmus *l, a64 *word, uint64_t value)
{
	/* no pair: it is seen by being written back and fetched anew */
	a64_store_full(word, value);
	l->write_back(word);
	line_fence();
}

uint64_t litmus_ask(const struct litmus *l, const a64 *word)
{
	l->forget(word);
	line_fence();
	/* no pair: as above */
	return a64_load_full(word);
}

static uint64_t told(const struct litmus *l)
{
	return (uint64_t)VERSION << 56 | (uint64_t)l->nr << 32 | l->rounds;
}

static uint64_t check(uint64_t nonce, uint64_t what)
{
	static const uint64_t secret[2];
	const uint64_t both[2] = { nonce, what };

	return hash_key(HASH_XXH3, secret, both, sizeof(both)).h0;
}

static struct litmus_slot *mine(const struct litmus *l)
{
	return &l->w->slot[l->own];
}

static bool is_mine(const struct litmus *l)
{
	const struct litmus_slot *s = mine(l);

	return litmus_ask(l, &s->nonce) == l->nonce &&
	       litmus_ask(l, &s->told) == told(l) &&
	       litmus_ask(l, &s->check) == check(l->nonce, told(l));
}

static void beat(const struct litmus *l)
{
	a64 *word = &mine(l)->beat;

	/* relaxed: nobody else writes it */
	litmus_tell(l, word, a64_load_rlx(word) + 1);
}

static void mark(struct litmus *l)
{
	struct litmus_slot *s = mine(l);

	litmus_tell(l, &s->echo, 0);
	litmus_tell(l, &s->phase, 0);
	litmus_tell(l, &s->told, told(l));
	litmus_tell(l, &s->check, check(l->nonce, told(l)));
	litmus_tell(l, &s->nonce, l->nonce);
}

/* Keep the slot, or take another that nobody has. */
static int take(struct litmus *l)
{
	uint32_t i, no;

	if (litmus_ask(l, &l->w->mark.q[0]) != LITMUS_MARK)
		litmus_tell(l, &l->w->mark.q[0], LITMUS_MARK);
	if (l->own < LITMUS_SLOTS && is_mine(l))
		return 0;
	for (i = 0; i < LITMUS_SLOTS; i++) {
		no = (uint32_t)((l->nonce >> 8) + i) % LITMUS_SLOTS;
		if (no == l->own || litmus_ask(l, &l->w->slot[no].nonce))
			continue;
		l->own = no;
		mark(l);
		return 0;
	}
	return err_set(-EBUSY,
		       "%s: the window is full of marks that others have left; "
		       "clear it with force",
		       l->name);
}

/* One slot: its mark as it is now, and whether it is alive. */
static void watch_slot(struct litmus *l, struct meeting *m, uint32_t no)
{
	const struct litmus_slot *s = &l->w->slot[no];
	struct watch *w = &m->seen[no];
	uint64_t nonce = litmus_ask(l, &s->nonce),
		 what = litmus_ask(l, &s->told);
	uint64_t at = litmus_ask(l, &s->beat);

	if (!nonce || litmus_ask(l, &s->check) != check(nonce, what)) {
		w->nonce = 0;
		return;
	}
	if (w->nonce != nonce || w->told != what)
		*w = (struct watch){ .nonce = nonce, .told = what, .beat = at };
	if (w->beat != at) {
		w->beat = at;
		w->moved_ns = m->now;
	}
	if (no != l->own && (!w->moved_ns || m->now - w->moved_ns > LIVE_NS))
		return;
	m->others |= what != told(l);
	m->at[m->live++] = no;
}

static void look(struct litmus *l, struct meeting *m)
{
	m->now = litmus_now();
	m->live = 0;
	m->others = false;
	for (uint32_t no = 0; no < LITMUS_SLOTS; no++)
		watch_slot(l, m, no);
	if (m->live <= l->nr)
		m->crowd = m->now;
}

/* By nonce, so that all have the same order; there are few. */
static void rank(struct litmus *l, const struct meeting *m)
{
	for (uint32_t i = 0; i < l->nr; i++) {
		uint32_t before = 0;

		for (uint32_t j = 0; j < l->nr; j++)
			before += m->seen[m->at[j]].nonce <
				  m->seen[m->at[i]].nonce;
		l->slot[before] = &l->w->slot[m->at[i]];
		if (m->at[i] == l->own)
			l->rank = before;
	}
}

/* Say whom I see; true if all say the same. */
static bool all_agree(struct litmus *l, const struct meeting *m)
{
	uint64_t echo = told(l);
	bool all = true;
	uint32_t i;

	rank(l, m);
	for (i = 0; i < l->nr; i++)
		echo = check(echo, litmus_ask(l, &l->slot[i]->nonce));
	if (litmus_ask(l, &mine(l)->echo) != echo)
		litmus_tell(l, &mine(l)->echo, echo);
	for (i = 0; i < l->nr; i++)
		all &= litmus_ask(l, &l->slot[i]->echo) == echo;
	return all;
}

static int too_late(const struct litmus *l, const struct meeting *m)
{
	unsigned long long ms = l->timeout_ns / 1000000;

	if (m->live <= 1)
		return err_set(-ETIMEDOUT,
			       "%s: nobody else came within %llu ms: is it the "
			       "same memory, at the same offset?",
			       l->name, ms);
	if (m->live < l->nr)
		return err_set(-ETIMEDOUT,
			       "%s: %u of %u participants came within %llu ms",
			       l->name, m->live, l->nr, ms);
	return err_set(-ETIMEDOUT,
		       "%s: %u participants are there, but within %llu ms not "
		       "all of them saw each other",
		       l->name, m->live, ms);
}

/* 1: met; 0: not yet. */
static int meet_once(struct litmus *l, struct meeting *m)
{
	int rc = take(l);

	if (rc)
		return rc;
	beat(l);
	look(l, m);
	/* stay a while: the other shall see it, too */
	if (m->others)
		m->odd = m->odd ? m->odd : m->now;
	if (m->odd && m->now - m->odd > LINGER_NS)
		return err_set(
			-EINVAL,
			"%s: another participant was told another number "
			"of participants or rounds, or is of another "
			"version",
			l->name);
	if (m->now - m->crowd > CROWD_NS)
		return err_set(-EBUSY,
			       "%s: %u participants are there, not %u: is it "
			       "another run?",
			       l->name, m->live, l->nr);
	if (!m->odd && m->live == l->nr && all_agree(l, m))
		return 1;
	return m->now > m->end ? too_late(l, m) : 0;
}

/*
 * Nobody has begun: leave what was there.  The last takes the mark along, and
 * who is just coming makes it anew.
 */
static void leave(struct litmus *l)
{
	a64 *word;
	uint64_t any = 0;

	if (l->own >= LITMUS_SLOTS || !is_mine(l))
		return;
	word = &mine(l)->nonce;
	for (unsigned i = 0; i < 8; i++)
		litmus_tell(l, &word[i], 0);
	for (uint32_t no = 0; no < LITMUS_SLOTS; no++)
		any |= litmus_ask(l, &l->w->slot[no].nonce);
	if (!any)
		litmus_tell(l, &l->w->mark.q[0], 0);
}

int litmus_meet(struct litmus *l)
{
	static const struct timespec tick = { .tv_nsec = 1000000 };
	struct meeting *m = calloc(1, sizeof(*m));
	int rc = m ? hash_random(&l->nonce, sizeof(l->nonce)) : -ENOMEM;

	if (rc) {
		free(m);
		return err_set(rc, "%s: cannot begin", l->name);
	}
	l->nonce |= 1; /* not 0 */
	l->own = LITMUS_SLOTS;
	l->write_back = l->write_back ? l->write_back : line_writer();
	l->forget = l->forget ? l->forget : line_forget;
	m->crowd = litmus_now();
	m->end = m->crowd + l->timeout_ns;
	/* bounded by the time, and by what is too late */
	while (!(rc = meet_once(l, m)))
		nanosleep(&tick, NULL);
	free(m);
	if (rc < 0)
		leave(l);
	return rc < 0 ? rc : 0;
}

static int wait_for(struct litmus *l, uint32_t no, uint64_t end)
{
	uint64_t phase;

	for (unsigned round = 0;; round++) {
		phase = litmus_ask(l, &l->slot[no]->phase);
		if (phase == LITMUS_GONE)
			return err_set(-ECANCELED,
				       "%s: another participant gave up",
				       l->name);
		if (phase >= l->phase)
			return 0;
		if (litmus_now() > end)
			return err_set(-ETIMEDOUT,
				       "%s: participant %u of %u has not gone "
				       "on: did it die?",
				       l->name, no + 1, l->nr);
		if (round % 1024 == 1023)
			beat(l);
		litmus_pause(round);
	}
}

int litmus_barrier(struct litmus *l)
{
	uint64_t end = litmus_now() + l->timeout_ns;
	int rc = 0;

	beat(l);
	litmus_tell(l, &mine(l)->phase, ++l->phase);
	for (uint32_t i = 0; i < l->nr && !rc; i++)
		rc = wait_for(l, i, end);
	return rc;
}

void litmus_give_up(struct litmus *l)
{
	struct litmus_slot *s;

	if (l->own >= LITMUS_SLOTS || !is_mine(l))
		return;
	s = mine(l);
	litmus_tell(l, &s->phase, LITMUS_GONE);
	litmus_tell(l, &s->nonce, 0);
}

void litmus_clear(const struct litmus *l)
{
	union line *line = (union line *)l->w;
	line_fn write_back = line_writer();

	for (size_t i = 0; i < sizeof(*l->w) / sizeof(*line); i++) {
		for (unsigned q = 0; q < 8; q++)
			/* relaxed: nobody is to learn anything by it */
			a64_store_rlx(&line[i].q[q], 0);
		write_back(&line[i]);
	}
	line_fence();
}

int litmus_part(struct litmus *l)
{
	int rc;

	for (unsigned id = 0; id < LITMUS_NR; id++)
		litmus_tell(l, &mine(l)->wrong[id], l->tally[id].wrong);
	rc = litmus_barrier(l);
	if (rc)
		return rc;
	for (unsigned id = 0; id < LITMUS_NR; id++) {
		l->tally[id].wrong = 0;
		for (uint32_t i = 0; i < l->nr; i++)
			l->tally[id].wrong +=
				litmus_ask(l, &l->slot[i]->wrong[id]);
	}
	/* The first waits and clears; it would clear what others wait for. */
	if (l->rank)
		litmus_tell(l, &mine(l)->phase, ++l->phase);
	else
		rc = litmus_barrier(l);
	if (!l->rank)
		litmus_clear(l);
	return rc;
}
