// SPDX-License-Identifier: BSD-3-Clause
/* What the dead were writing waits; and whoever was to end that may die too. */
#include "common_step.h"

#include "common.h"

#include "cache/pool.h"

#include <string.h>
#include <time.h>

#define DELAY STEP_DELAY_NS
#define HOUR UINT64_C(3600000000000)
#define SLOTS 16u

/* A block that a dead client was writing, as it was found. */
static struct waiting {
	uint32_t unit, slot;
	uint64_t word;
	bool due; /* may be had again */
	unsigned char bytes[STEP_LEN];
} waiting[STEP_UNITS];
static unsigned waiting_nr;

static uint64_t noted[SLOTS]; /* when each slot was due then */
static uint64_t began_ns;     /* what the clock said before anybody died */

/* The clock ------------------------------------------------------------------ */

static uint64_t real_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static uint64_t told_ns(const struct client *c)
{
	(void)c;
	return __atomic_load_n(&step_scene.shared->now_ns, __ATOMIC_RELAXED);
}

void step_clock(struct maru_pool *p)
{
	if (p->client.quarantine_ns)
		p->client.now_ns = told_ns;
}

/* Ahead of the kernel's, by which a handle goes while it is being opened. */
void step_wait_begin(void)
{
	struct step_scene *sc = &step_scene;

	sc->real_ns = real_ns();
	began_ns = sc->real_ns + HOUR;
	sc->shared->now_ns = began_ns;
	sc->waits = sc->op->kind == STEP_WAIT;
	waiting_nr = 0;
}

void step_wait_copy(void)
{
	step_scene.shared->now_ns = began_ns;
}

/* The tables ----------------------------------------------------------------- */

static const struct media_super *super(void)
{
	return (const void *)step_scene.pristine;
}

static uint64_t u64_at(uint64_t off)
{
	uint64_t v;

	memcpy(&v, step_scene.map + off, sizeof(v));
	return v;
}

static uint64_t block_off(uint32_t unit)
{
	return super()->section[SECTION_BLOCKS].off + unit * 256ull;
}

static uint64_t slot_off(uint32_t slot)
{
	return super()->section[SECTION_CLIENTS].off + slot * 256ull;
}

static uint64_t due_of(uint32_t slot)
{
	return u64_at(slot_off(slot) + 120);
}

static enum client_state state_of(uint32_t slot)
{
	return client_state(u64_at(slot_off(slot)));
}

static const unsigned char *bytes_of(uint32_t unit)
{
	return step_scene.map + super()->section[SECTION_DATA].off +
	       ((uint64_t)unit << super()->unit_shift);
}

static bool has_waited(uint32_t slot)
{
	return state_of(slot) == CLIENT_QUARANTINED &&
	       due_of(slot) <= step_scene.shared->now_ns;
}

/* Its value is complete and others will make it visible. */
static bool is_named(uint32_t unit)
{
	uint64_t home = u64_at(block_off(unit) + 8) % super()->bucket_nr;
	uint64_t head =
		u64_at(super()->section[SECTION_BUCKETS].off + home * 64);

	return (uint32_t)head == unit + 1;
}

static bool lives(uint32_t slot)
{
	const struct step_scene *sc = &step_scene;

	return (sc->s && slot == sc->s->client.self) ||
	       (sc->t && slot == sc->t->client.self) ||
	       (sc->stands && slot == sc->client);
}

static bool must_wait(uint32_t unit, uint64_t w)
{
	if (block_state(w) == BLOCK_QUARANTINED)
		return true;
	if (block_state(w) != BLOCK_OWNED && block_state(w) != BLOCK_READY)
		return false;
	if (lives(block_owner(w)) || !image_fits(step_scene.map, unit))
		return false;
	return block_state(w) == BLOCK_OWNED || !is_named(unit);
}

void step_wait_note(void)
{
	waiting_nr = 0;
	for (uint32_t slot = 0; slot < super()->client_nr; slot++)
		noted[slot] = due_of(slot);
	for (uint32_t unit = 0; step_scene.waits && unit < super()->unit_nr;
	     unit++) {
		uint64_t w = u64_at(block_off(unit));
		struct waiting *b = &waiting[waiting_nr];

		if (!must_wait(unit, w))
			continue;
		*b = (struct waiting){ .unit = unit,
				       .slot = block_owner(w),
				       .word = w,
				       .due = has_waited(block_owner(w)) };
		memcpy(b->bytes, bytes_of(unit), STEP_LEN);
		waiting_nr++;
	}
}

unsigned step_wait_keeps(void)
{
	unsigned nr = 0;

	for (unsigned i = 0; i < waiting_nr; i++)
		nr += !waiting[i].due;
	return nr;
}

static bool is_kept(uint64_t was, uint64_t is)
{
	/* owner, incarnation and version */
	if (was >> 8 != is >> 8)
		return false;
	if (block_state(is) == BLOCK_QUARANTINED)
		return !(is & BLOCK_FLAGS);
	return (block_state(is) == BLOCK_OWNED ||
		block_state(is) == BLOCK_READY) &&
	       block_state(is) == block_state(was);
}

void step_wait_check(const char *after)
{
	for (unsigned i = 0; i < waiting_nr; i++) {
		const struct waiting *b = &waiting[i];
		uint64_t w = u64_at(block_off(b->unit));

		if (b->due)
			continue;
		if (!is_kept(b->word, w))
			step_bad("%s: block %u of the dead did not wait: %#llx "
				 "was %#llx",
				 after, b->unit, (unsigned long long)w,
				 (unsigned long long)b->word);
		if (memcmp(bytes_of(b->unit), b->bytes, STEP_LEN) != 0)
			step_bad("%s: somebody wrote into block %u, which "
				 "waits",
				 after, b->unit);
	}
}

/* The first phase ------------------------------------------------------------ */

/* What is used while a reaper goes on is not taken away by that. */
static void reap_beside_buffers(void)
{
	static struct maru_buf buf[STEP_UNITS];
	struct step_scene *sc = &step_scene;
	unsigned nr = step_take(sc->t, buf, STEP_UNITS);
	int rc;

	step_wait_check("all was taken that could be had");
	rc = maru_reap(sc->s);
	if (rc < 0)
		step_bad("reap: %d, %s", rc, maru_errmsg());
	for (unsigned i = 0; i < nr; i++)
		if ((rc = maru_abort(sc->t, &buf[i])) != 0)
			step_bad("a buffer was lost to a reaper: %d", rc);
}

static bool is_note(uint64_t due)
{
	const struct step_scene *sc = &step_scene;

	if (sc->copy || sc->op->flags & STEP_NO_POOL) /* by the kernel's */
		return due == 1 || (due >= sc->real_ns + DELAY &&
				    due <= sc->shared->now_ns + DELAY);
	return due == began_ns + DELAY || due == sc->shared->now_ns + DELAY;
}

static void check_notes(void)
{
	for (uint32_t slot = 0; slot < super()->client_nr; slot++) {
		uint64_t due = due_of(slot);

		if (state_of(slot) != CLIENT_QUARANTINED)
			continue;
		if (!is_note(due))
			step_bad("slot %u is due at %llu: began at %llu, it is "
				 "%llu",
				 slot, (unsigned long long)due,
				 (unsigned long long)began_ns,
				 (unsigned long long)step_scene.shared->now_ns);
		if (!step_scene.copy && noted[slot] && noted[slot] != due)
			step_bad("slot %u: the note of when it is due has "
				 "changed",
				 slot);
	}
}

static void all_wait(void)
{
	for (unsigned i = 0; i < waiting_nr; i++) {
		const struct waiting *b = &waiting[i];

		if (b->due)
			continue;
		if (block_state(u64_at(block_off(b->unit))) !=
		    BLOCK_QUARANTINED)
			step_bad("block %u of the dead is not QUARANTINED",
				 b->unit);
		if (state_of(b->slot) != CLIENT_QUARANTINED)
			step_bad("slot %u has a block that waits, and is in "
				 "state %u",
				 b->slot, (unsigned)state_of(b->slot));
	}
}

static void first_phase(void)
{
	reap_beside_buffers();
	step_wait_check("reap");
	all_wait();
	check_notes();
}

/* The second phase ----------------------------------------------------------- */

static uint64_t waiting_bytes(void)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < waiting_nr; i++) {
		uint32_t units;

		memcpy(&units, step_scene.map + block_off(waiting[i].unit) + 32,
		       sizeof(units));
		if (!waiting[i].due)
			sum += (uint64_t)units << super()->unit_shift;
	}
	return sum;
}

static int want_all(void)
{
	struct maru_buf buf;
	int rc = maru_alloc(step_scene.t,
			    (size_t)super()->unit_nr << super()->unit_shift,
			    &buf);

	return rc ? rc : maru_abort(step_scene.t, &buf);
}

/* A moment before the first is due: all but what waits can be had. */
static void not_yet(uint64_t due)
{
	struct step_scene *sc = &step_scene;
	int rc;

	sc->shared->now_ns = due - 1;
	if ((rc = maru_reap(sc->s)) != 0)
		step_bad("reap before anything is due: %d", rc);
	if ((rc = maru_clear(sc->s, NULL)) != 0)
		step_bad("clear: %d", rc);
	if ((rc = want_all()) != (step_wait_keeps() ? -ENOSPC : 0))
		step_bad("asked for all while %u blocks wait: %d",
			 step_wait_keeps(), rc);
	step_wait_check("a moment too early");
	if (image_used(sc->map) != waiting_bytes())
		step_bad("%llu bytes wait, and %llu are used",
			 (unsigned long long)waiting_bytes(),
			 (unsigned long long)image_used(sc->map));
	step_check_image("a moment too early");
}

static void is_over(uint32_t slot)
{
	uint64_t w;

	if (state_of(slot) != CLIENT_FREE || due_of(slot) != 0)
		step_bad("slot %u is not FREE when its time is over", slot);
	for (unsigned i = 0; i < waiting_nr; i++) {
		struct waiting *b = &waiting[i];

		if (b->slot != slot)
			continue;
		w = u64_at(block_off(b->unit));
		if (!b->due && w != block_unowned(b->word, BLOCK_FREE))
			step_bad("block %u is not FREE when its time is over: "
				 "%#llx",
				 b->unit, (unsigned long long)w);
		b->due = true;
	}
}

static uint32_t first_due(void)
{
	uint32_t first = UINT32_MAX;

	for (uint32_t slot = 0; slot < super()->client_nr; slot++)
		if (state_of(slot) == CLIENT_QUARANTINED &&
		    (first == UINT32_MAX || due_of(slot) < due_of(first)))
			first = slot;
	return first;
}

static void end_of(uint32_t slot)
{
	struct step_scene *sc = &step_scene;
	uint64_t due = due_of(slot);
	int rc;

	if (due > sc->shared->now_ns) {
		not_yet(due);
		sc->shared->now_ns = due;
	}
	rc = maru_reap(sc->s);
	if (rc < 1)
		step_bad("reap when slot %u is due: %d", slot, rc);
	for (uint32_t i = 0; i < super()->client_nr; i++)
		if (i == slot || (!lives(i) && state_of(i) == CLIENT_FREE))
			is_over(i);
}

void step_wait_end(void)
{
	struct step_scene *sc = &step_scene;
	uint32_t slot, rounds;

	if (!sc->waits)
		return;
	first_phase();
	for (rounds = 0; rounds < SLOTS; rounds++) {
		slot = first_due();
		if (slot == UINT32_MAX)
			break;
		end_of(slot);
	}
	if (rounds == SLOTS)
		step_bad("the quarantine does not end");
	if (step_wait_keeps() || image_blocks(sc->map, BLOCK_QUARANTINED, 0))
		step_bad("blocks wait for ever");
	sc->waits = false;
}

/* Then ----------------------------------------------------------------------- */

static void join_and_work(struct maru_pool **p)
{
	struct maru_buf buf;
	int rc = maru_open(step_scene.copy ? step_scene.copy_target :
					     step_scene.target,
			   NULL, p);

	if (rc == 0)
		rc = maru_alloc(*p, STEP_LEN, &buf);
	if (rc == 0)
		rc = maru_abort(*p, &buf);
	if (rc != 0)
		step_bad("the slots of the dead cannot be used: %d, %s", rc,
			 maru_errmsg());
}

void step_wait_slots(void)
{
	struct maru_pool *p[SLOTS] = { NULL };

	if (step_scene.op->kind != STEP_WAIT || step_scene.n % 4 != 0)
		return;
	/* two live already */
	for (uint32_t i = 2; i < super()->client_nr; i++)
		join_and_work(&p[i]);
	for (uint32_t i = 2; i < super()->client_nr; i++)
		if (p[i] && maru_close(p[i], 0) != 0)
			step_bad("close");
}
