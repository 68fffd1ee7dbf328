// SPDX-License-Identifier: BSD-3-Clause
/*
 * A host is lost: every image of the memory that its log allows, and another
 * host that goes on with it without a repair.
 *
 * What left the caches of the lost host: each line as it was at some instant,
 * as lines are written back whole; no older than a flush that was drained, and
 * as it was when the survivor last read or changed it, which has it written
 * back.  What the survivor itself stored is never lost, as it lives.
 */
#include "common.h"
#include "common_host.h"
#include "common_medium.h"

#include "cache/pool.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define SILENCE_NS (POWER_HOST_MS * 1000000ull)
#define LOST 0	   /* the first that came has this entry */
#define SURVIVOR 1 /* the next one */
#define RECENT 64  /* lines, at most */

/* Locks of hosts are files in a folder; this is of one's own. */
static char locks[256];

bool loss_ready(void)
{
	const char *tmp = getenv("TMPDIR");

	snprintf(locks, sizeof(locks), "%s/maru-loss.XXXXXX",
		 tmp && *tmp ? tmp : "/tmp");
	power_share(true);
	return mkdtemp(locks) && !setenv("MARU_LOCK_DIR", locks, 1);
}

void loss_over(void)
{
	host_remove(locks);
}

/* Recovery ------------------------------------------------------------------- */

static uint64_t clock_ns = 1000 * SILENCE_NS;

static uint64_t told(const struct client *c)
{
	(void)c;
	return clock_ns;
}

static bool bad(const char *what, int rc)
{
	fprintf(stderr, "loss: %s: %d, %s\n", what, rc, maru_errmsg());
	return false;
}

/* As long as a host may be silent, with looks. */
static bool pass_time(struct maru_pool *pool)
{
	for (unsigned i = 0; i <= 20; i++) {
		int rc = 0;

		clock_ns += SILENCE_NS / 20;
		rc = maru_tick(pool);
		if (rc < 0)
			return bad("tick", rc);
	}
	return true;
}

static bool is_fenced(struct maru_pool *pool)
{
	uint64_t w = host_word(&pool->client.host, LOST);

	return !host_is_there(w) ||
	       bad("is not declared gone", (int)host_state(w));
}

/* Whoever comes to a head that names a FREE block takes its next life for it. */
static bool is_named_well(struct maru_pool *pool)
{
	const struct dir *d = &pool->dir;

	for (uint64_t home = 0; home <= d->mask; home++) {
		/* relaxed: nobody else is there */
		uint64_t h = a64_load_rlx(&d->buckets[home].head);
		uint32_t idx = head_pending(h) - 1;

		if (head_pending(h) && slab_idx_ok(d->slab, idx) &&
		    block_state(block_load(slab_block(d->slab, idx))) ==
			    BLOCK_FREE)
			return bad("a head names a FREE block", (int)idx);
	}
	return true;
}

/* Others' keys come and go while what the lost host had is kept back. */
static bool go_on(struct maru_pool *pool)
{
	int rc = 0;

	for (unsigned i = 0; i < 3 && !rc; i++) {
		rc = test_put(pool, i, 3000);
		if (!rc)
			rc = test_get(pool, i, 3000);
		if (!rc)
			rc = test_drop(pool, i);
	}
	/* the lost one may have had all of it */
	return !rc || rc == -ENOSPC || bad("going on", rc);
}

static bool all_is_back(struct maru_pool *pool)
{
	struct maru_stats st = { .size = sizeof(st) };
	int rc = maru_stats(pool, &st);

	if (rc || maru_hosts(pool, NULL, 0) != 1)
		return bad("the lost host has its entry still", rc);
	if (st.clients != 1)
		return bad("a client of the lost host is left",
			   (int)st.clients);
	return (!st.quarantined && !st.buffers && !st.pins) ||
	       bad("something of the lost host is left", 0);
}

/* To go on, the survivor may have had to evict; else all is as it was. */
static bool is_as_before(struct maru_pool *pool, struct power_found found[2])
{
	struct maru_stats st = { .size = sizeof(st) };

	if (!power_read(pool, &found[1]) || maru_stats(pool, &st))
		return false;
	for (unsigned key = 0; st.self.evictions && key < POWER_KEYS; key++)
		if (!found[1].version[key])
			found[1].version[key] = found[0].version[key];
	return true;
}

static bool recover(struct maru_pool *pool, struct power_found found[2])
{
	int rc;

	if (!is_named_well(pool) || !power_read(pool, &found[0]) ||
	    !pass_time(pool) || !is_fenced(pool) ||
	    !power_read(pool, &found[0]) || !go_on(pool))
		return false;
	rc = maru_host_confirm(pool, LOST);
	if (rc && rc != -ENOENT)
		return bad("confirm", rc);
	return pass_time(pool) && all_is_back(pool) && is_named_well(pool) &&
	       power_check(pool) && is_as_before(pool, found) &&
	       power_use(pool);
}

/* @found: what the survivor finds at once, and in the end. */
static bool survive(const char *path, struct power_found found[2])
{
	struct maru_open_opts o = { .size = sizeof(o),
				    .flags = MARU_OPEN_NO_BEAT };
	struct maru_pool *pool;
	int rc = maru_open(path, &o, &pool);
	bool good;

	memset(found, 0, 2 * sizeof(*found));
	if (rc)
		return bad("open", rc);
	pool->client.now_ns = told;
	good = recover(pool, found);
	rc = maru_close(pool, MARU_CLOSE_FORCE);
	return good && (!rc || bad("close", rc));
}

/* The hosts ------------------------------------------------------------------ */

static struct media_host survivor_entry(const uint64_t boot[2])
{
	struct media_host m = { 0 };

	/* relaxed: of this function */
	a64_store_rlx(&m.word, host_make(HOST_ACTIVE, HOST_NONE, 0, 1));
	a64_store_rlx(&m.boot[0], boot[0]);
	a64_store_rlx(&m.boot[1], boot[1]);
	return m;
}

static void poke_host(uint64_t off, const struct media_host *m)
{
	uint64_t w[sizeof(*m) / 8];

	memcpy(w, m, sizeof(*m));
	for (unsigned i = 0; i < TEST_LEN(w); i++)
		record_poke(power_target(), off + i * 8, w[i]);
}

struct maru_pool *loss_survivor(struct maru_pool *a)
{
	const struct media_super *sb = &media_region(&a->media, 0)->sb;
	uint64_t off = sb->section[SECTION_HOSTS].off;
	struct media_host m = survivor_entry(a->client.me.boot);
	struct maru_pool *b;

	power_need(a->client.host.no == LOST);
	a->client.me.boot[0] ^= 1;
	record_poke(power_target(),
		    off + LOST * sizeof(m) + offsetof(struct media_host, boot),
		    a->client.me.boot[0]);
	poke_host(off + SURVIVOR * sizeof(m), &m);
	record_be(0, POWER_NEVER);
	record_loads(true);
	b = power_open();
	record_loads(false);
	power_need(b->client.host.no == SURVIVOR);
	return b;
}

static void change(a64 *word, uint64_t from)
{
	/* relaxed: nobody else has the image */
	if (a64_load_rlx(word) == from)
		a64_store_rlx(word, from ^ 1);
}

/* All there was ran on this kernel; the lost host's was another one. */
static void part_hosts(const struct medium *m)
{
	const struct media_section *s = m->sb.section;
	struct media_host *host = (void *)(m->image + s[SECTION_HOSTS].off);
	struct media_client *slot = (void *)(m->image + s[SECTION_CLIENTS].off);

	change(&host[LOST].boot[0], m->boot[0]);
	/* a claim of it is by a tag of that boot */
	if (host_state(a64_load_rlx(&host[LOST].word)) == HOST_CLAIMED)
		a64_store_rlx(&host[LOST].word,
			      a64_load_rlx(&host[LOST].word) ^ 1ull << 63);
	/* its own processes are dead, too: the survivor is a new one */
	for (uint32_t i = 0; i < m->sb.client_nr; i++)
		change(&slot[i].boot[0], m->boot[0]);
	/* relaxed, as above */
	if (!a64_load_rlx(&host[SURVIVOR].word))
		host[SURVIVOR] = survivor_entry(m->boot);
}

/* Images --------------------------------------------------------------------- */

static void try_it(struct medium *m, struct tried *t)
{
	m->count->distinct++;
	t->hash = m->hash;
	medium_write(m);
	part_hosts(m);
	t->repaired = survive(m->path, t->found) ? 1 : -1;
	for (unsigned key = 0; key < POWER_KEYS; key++)
		m->count->kept += t->found[1].version[key] != 0;
}

static void tell(const struct medium *m, uint32_t at, const char *what)
{
	fprintf(stderr,
		"loss: bad image at entry %u of %u, %u lines undecided, %s\n",
		at, record->nr, m->open_nr, what);
}

static void judge(struct medium *m, uint32_t at, const char *what)
{
	struct tried *t;

	if (m->count->distinct >= TRIED / 2)
		return;
	t = medium_tried(m);
	m->count->images++;
	if (!t->hash)
		try_it(m, t);
	if ((t->repaired != 1 || !power_judge(&t->found[0], at) ||
	     !power_judge(&t->found[1], at)) &&
	    m->count->bad++ < 5)
		tell(m, at, what);
	medium_take_back(m);
}

static void let_all(struct medium *m)
{
	for (uint32_t i = 0; i < m->open_nr; i++)
		medium_let(m, m->open[i], NONE, NULL);
}

/* The lines of one table alone, or all others. */
static void images_of_table(struct medium *m, enum section_id id, uint32_t at)
{
	for (unsigned alone = 0; alone < 2; alone++) {
		for (uint32_t i = 0; i < m->open_nr; i++)
			if (medium_in(m, id, m->open[i] * (uint64_t)LINE) ==
			    alone)
				medium_let(m, m->open[i], NONE, NULL);
		judge(m, at, alone ? "a table alone" : "a table missing");
	}
}

/* Lines that were stored to last, of those that are undecided. */
static uint32_t find_recent(const struct medium *m, uint32_t at,
			    uint32_t recent[RECENT], uint32_t most)
{
	uint32_t nr = 0, i, k;

	for (i = at; i-- > 0 && nr < most;) {
		uint32_t no = (uint32_t)(record->log[i].off / LINE);

		if (record->log[i].kind != RECORD_STORE ||
		    m->line[no].at == NONE)
			continue;
		for (k = 0; k < nr && recent[k] != no; k++)
			;
		if (k == nr)
			recent[nr++] = no;
	}
	return nr;
}

static bool is_among(uint32_t no, const uint32_t *some, uint32_t nr)
{
	while (nr-- > 0)
		if (some[nr] == no)
			return true;
	return false;
}

/* Some of the last lines, and of the others all or none. */
static void image_of_recent(struct medium *m, const uint32_t *recent,
			    uint32_t nr, uint64_t subset, uint32_t at)
{
	for (unsigned rest = 0; rest < 2; rest++) {
		for (uint32_t i = 0; rest && i < m->open_nr; i++)
			if (!is_among(m->open[i], recent, nr))
				medium_let(m, m->open[i], NONE, NULL);
		for (uint32_t i = 0; i < nr; i++)
			if (subset >> i & 1)
				medium_let(m, recent[i], NONE, NULL);
		judge(m, at, rest ? "some missing" : "some alone");
	}
}

/* Each line as of some instant. */
static void image_by_chance(struct medium *m, uint32_t at)
{
	unsigned whole = medium_chance(m, 2);

	for (uint32_t i = 0; i < m->open_nr; i++) {
		const struct line *l = &m->line[m->open[i]];
		uint32_t n = medium_chance(m, l->stored - l->kept + 1);

		if (whole)
			n = medium_chance(m, 2) ? NONE : 0;
		medium_let(m, m->open[i], n, NULL);
	}
	judge(m, at, "by chance");
}

static void cut(struct medium *m, uint32_t at)
{
	const struct power_plan *p = m->plan;
	uint32_t recent[RECENT], nr, i;
	uint32_t few = find_recent(m, at, recent, p->subsets);

	m->count->cuts++;
	let_all(m);
	judge(m, at, "all");
	judge(m, at, "nothing");
	for (i = 0; i < SECTION_NR; i++)
		images_of_table(m, (enum section_id)i, at);
	for (i = 1; i < 1u << few; i++)
		image_of_recent(m, recent, few, i, at);
	nr = find_recent(m, at, recent, p->singles);
	for (i = few; i < nr; i++)
		image_of_recent(m, &recent[i], 1, 1, at);
	for (i = 0; i < p->randoms; i++)
		image_by_chance(m, at);
}

static bool is_cut(const struct medium *m, uint32_t i)
{
	const struct record_entry *e = &record->log[i];

	if (i + 1 == record->nr)
		return true;
	if (i < m->plan->from || !e->who)
		return false;
	return e->kind == RECORD_DRAIN ||
	       (e->kind == RECORD_STORE && !medium_in(m, SECTION_DATA, e->off));
}

static void replay(struct medium *m)
{
	uint32_t i, nr = 0, step, turn = (uint32_t)m->plan->seed;

	for (i = 0; i < record->nr; i++)
		nr += is_cut(m, i);
	step = m->plan->cuts ? nr / m->plan->cuts + 1 : 1;
	for (i = 0; i < record->nr && !medium_late(m); i++) {
		medium_go_on(m, i);
		if (is_cut(m, i) && (++turn % step == 0 || i + 1 == record->nr))
			cut(m, i + 1);
	}
}

uint64_t power_cut_host(const struct power_plan *plan,
			struct power_count *count)
{
	struct power_plan by = *plan;
	struct medium *m;

	by.lost = true;
	m = medium_start(&by, count);
	record_quiet(true);
	replay(m);
	record_quiet(false);
	medium_end(m);
	return count->bad;
}
