// SPDX-License-Identifier: BSD-3-Clause
/* What a dead client was writing is kept back until it is due, and only that. */
#include "common_quarantine.h"

#include <string.h>

/* What waits ---------------------------------------------------------------- */

START_TEST(buffers_of_the_dead_are_free_when_due_and_not_before)
{
	struct maru_pool *pool = wait_start();
	struct maru_client c[2];

	test_kill(test_staying(wait_writer, 100000));
	ck_assert_int_eq(maru_reap(pool), 1);
	ck_assert_uint_eq(test_stats(pool).buffers, 0);
	ck_assert_uint_eq(test_stats(pool).quarantined, 1);
	ck_assert_uint_eq(test_stats(pool).quarantined_bytes,
			  test_stats(pool).used_bytes);
	ck_assert_uint_ge(test_stats(pool).used_bytes, 100000);
	ck_assert_uint_eq(test_stats(pool).total.reaps, 1);
	ck_assert_uint_eq(test_stats(pool).total.reaped_blocks, 0);
	NOW += DELAY_NS - 1;
	ck_assert_int_eq(maru_reap(pool), 0);
	ck_assert_int_eq(maru_clients(pool, c, 2), 2);
	ck_assert_int_eq(c[1].state, MARU_CLIENT_QUARANTINED);
	ck_assert_int_eq(c[1].alive, 0);
	ck_assert_uint_eq(c[1].buffers, 0);
	ck_assert_uint_eq(c[1].quarantined, 1);
	ck_assert_uint_eq(c[1].due_ms, 1);
	NOW += 1;
	ck_assert_int_eq(maru_reap(pool), 1);
	ck_assert_uint_eq(test_stats(pool).used_bytes, 0);
	ck_assert_uint_eq(test_stats(pool).quarantined, 0);
	ck_assert_uint_eq(test_stats(pool).clients, 1);
	ck_assert_uint_eq(test_stats(pool).total.reaps, 1);
	ck_assert_uint_eq(test_stats(pool).total.reaped_blocks, 1);
}
END_TEST

START_TEST(a_block_at_any_step_before_live_waits_unlinked)
{
	static const uint64_t flags[] = { 0, BLOCK_SEALED, BLOCK_ASKING,
					  BLOCK_CLAIMED,
					  BLOCK_CLAIMED | BLOCK_SEALED };
	struct maru_pool *p = wait_start();
	struct room_key k;
	uint32_t idx[2 * TEST_LEN(flags)], version[2 * TEST_LEN(flags)];
	a64 *link[2 * TEST_LEN(flags)];
	unsigned i;

	wait_ghost(p, CLIENT_ACTIVE);
	for (i = 0; i < TEST_LEN(idx); i++) {
		room_key(p, &k, i);
		idx[i] = room_owned(p, &k.k);
		room_set(p, idx[i], i % 2 ? BLOCK_READY : BLOCK_OWNED,
			 flags[i / 2]);
		link[i] = room_link(p, idx[i], &k.k, 0);
		room_ghost_owns(p, idx[i]);
		version[i] = block_version(room_word(p, idx[i]));
	}
	/* it died in a lookup that pinned a block that it was writing */
	a16_add_full(ledger_cell(&p->slab, GHOST, idx[0]), 1);
	ck_assert_int_eq(client_reap(&p->client, GHOST), 1);
	for (i = 0; i < TEST_LEN(idx); i++) {
		ck_assert_uint_eq(room_word(p, idx[i]),
				  block_word(BLOCK_QUARANTINED, 0, GHOST,
					     GHOST_INC, version[i]));
		ck_assert_uint_eq(room_cell(p, GHOST, idx[i]), CELL_OWN);
		/* a word that was never placed is stale by itself */
		if (i % 2 || flags[i / 2] & (BLOCK_ASKING | BLOCK_CLAIMED))
			ck_assert_uint_eq(slot_load(link[i]), 0);
	}
	test_sound(p);
	NOW += DELAY_NS;
	wait_ends(p, idx[0]);
	for (i = 0; i < TEST_LEN(idx); i++)
		ck_assert_int_eq(room_state(p, idx[i]), BLOCK_FREE);
}
END_TEST

static void hold_and_stay(struct maru_pool *q, unsigned no)
{
	room_busy_client(q, no);
}

START_TEST(what_the_dead_held_and_was_changing_is_put_right_at_once)
{
	struct maru_pool *p = wait_start();
	struct room_key k;
	uint32_t idx;

	room_key(p, &k, 1);
	idx = room_live(p, &k.k);
	test_kill(test_staying(hold_and_stay, CLIENT_ACTIVE));
	ck_assert(ledger_held(&p->slab, idx));
	ck_assert_int_eq(client_reap(&p->client, 1), 1);
	ck_assert(!ledger_held(&p->slab, idx));
	ck_assert_uint_eq(room_cell(p, 1, idx), 0);
	ck_assert(!ledger_is_active(&p->slab, 1));
	ck_assert_int_eq(
		slab_word_state(room_slab(p, (uint32_t)test_scene->no[1])),
		SLAB_ACTIVE);
	ck_assert_uint_eq(test_stats(p).quarantined, 2);
	ck_assert_int_eq(dir_remove(&p->dir, idx, room_word(p, idx)), 0);
	ck_assert_int_eq(room_state(p, idx), BLOCK_FREE);
	NOW += DELAY_NS;
	ck_assert_int_eq(client_reap(&p->client, 1), 1);
}
END_TEST

START_TEST(zombies_of_the_dead_do_not_wait)
{
	struct maru_pool *p = wait_start();
	uint32_t idx = room_zombie(p, p, 1);

	wait_ghost(p, CLIENT_ACTIVE);
	ck_assert_int_eq(dir_drop(&p->dir, idx, 1), 0);
	room_ghost_gone(p);
	ck_assert_int_eq(room_state(p, idx), BLOCK_FREE);
}
END_TEST

START_TEST(an_entry_that_was_named_before_its_writer_died_is_kept)
{
	struct maru_pool *p = wait_start();
	struct room_key k;
	uint32_t idx;

	room_key(p, &k, 1);
	idx = room_died(p, &k.k, BLOCK_READY, ROOM_PENDING);
	wait_ghost(p, CLIENT_ACTIVE);
	room_ghost_gone(p);
	ck_assert_int_eq(room_state(p, idx), BLOCK_LIVE);
	ck_assert(room_has(p, &k.k, idx));
}
END_TEST

START_TEST(a_pending_claim_of_the_dead_is_off_the_head_and_waits)
{
	struct maru_pool *p = wait_start();
	struct room_key k;
	uint32_t idx;

	room_key(p, &k, 1);
	idx = room_died(p, &k.k, BLOCK_OWNED, ROOM_PENDING);
	wait_ghost(p, CLIENT_ACTIVE);
	ck_assert_int_eq(client_reap(&p->client, GHOST), 1);
	ck_assert_uint_eq(room_pending(p, dir_home(&p->dir, k.k.h.h0)), 0);
	wait_goes_on(p, idx);
	NOW += DELAY_NS;
	wait_ends(p, idx);
}
END_TEST

START_TEST(a_block_that_was_never_handed_out_does_not_wait)
{
	struct maru_pool *p = wait_start();
	struct extent e = room_claim(p, 0, 1);
	uint32_t fresh = room_take(p, &e, 0), lost = room_take(p, &e, 1);

	wait_ghost(p, CLIENT_ACTIVE);
	/* died before it wrote the size; before it saw the slab gone */
	a32_store_rlx(&slab_block(&p->slab, fresh)->units, 0);
	room_ghost_owns(p, fresh);
	a32_store_rlx(&slab_block(&p->slab, lost)->units, e.units + 1);
	room_ghost_owns(p, lost);
	room_ghost_gone(p);
	ck_assert_int_eq(room_state(p, fresh), BLOCK_FREE);
	ck_assert_int_eq(room_state(p, lost), BLOCK_FREE);
}
END_TEST

START_TEST(a_forced_close_gives_its_buffers_back_at_once)
{
	struct maru_pool *p = wait_start(), *q;
	struct maru_buf buf;

	ck_assert_int_eq(maru_open(test_target(), NULL, &q), 0);
	ck_assert_int_eq(maru_alloc(q, 100, &buf), 0);
	ck_assert_int_eq(maru_close(q, MARU_CLOSE_FORCE), 0);
	ck_assert_uint_eq(test_stats(p).quarantined, 0);
	ck_assert_uint_eq(test_stats(p).used_bytes, 0);
	ck_assert_uint_eq(test_stats(p).clients, 1);
}
END_TEST

/* Claims -------------------------------------------------------------------- */

static void claim_and_stay(struct maru_pool *pool, unsigned len)
{
	struct maru_buf buf;

	ck_assert_int_eq(maru_reserve(pool, S("number 1"), len, &buf), 0);
	test_stay();
}

START_TEST(a_claim_of_the_dead_is_void_at_once)
{
	struct maru_pool *pool = wait_start();
	pid_t claimer = test_staying(claim_and_stay, 100);
	struct maru_buf buf;

	ck_assert_int_eq(maru_reserve(pool, S("number 1"), 100, &buf),
			 -EINPROGRESS);
	test_kill(claimer);
	ck_assert_int_eq(maru_wait(pool, S("number 1"), -1), -ENOENT);
	ck_assert_int_eq(maru_reserve(pool, S("number 1"), 100, &buf), 0);
	test_fill(buf.data, 100, 1);
	ck_assert_int_eq(maru_commit(pool, &buf, NULL, 0, NULL), 0);
	ck_assert_int_eq(test_get(pool, 1, 100), 0);
	ck_assert_uint_eq(test_stats(pool).quarantined, 1);
	NOW += DELAY_NS;
	ck_assert_int_eq(maru_reap(pool), 1);
	ck_assert_uint_eq(test_stats(pool).quarantined, 0);
	ck_assert_int_eq(test_get(pool, 1, 100), 0);
}
END_TEST

START_TEST(a_claim_is_void_but_waits_though_its_reaper_is_stopped)
{
	static const struct {
		enum block_state state;
		uint64_t flags;
	} step[] = { { BLOCK_OWNED, BLOCK_CLAIMED },
		     { BLOCK_OWNED, BLOCK_CLAIMED | BLOCK_SEALED },
		     { BLOCK_READY, BLOCK_CLAIMED } };
	struct maru_pool *p = wait_start(), *q = test_open(0);
	uint32_t lock = CLIENT_LOCK_REAP + GHOST, idx[TEST_LEN(step)];
	struct dir_hit hit;
	struct room_key k;
	unsigned i;

	wait_ghost(p, CLIENT_ACTIVE);
	ck_assert_int_eq(dev_lock_take(&q->client.lock, lock, false), 0);
	for (i = 0; i < TEST_LEN(step); i++) {
		struct maru_buf buf;
		int64_t then = NOW;

		room_key(p, &k, i);
		idx[i] = room_owned(p, &k.k);
		room_set(p, idx[i], step[i].state, step[i].flags);
		room_link(p, idx[i], &k.k, 0);
		room_ghost_owns(p, idx[i]);
		ck_assert_int_eq(dir_peek_claim(&p->dir, &k.k, &hit), 0);
		/* however late: its death is not noted yet */
		NOW += 10 * (int64_t)DELAY_NS;
		ck_assert_int_eq(pool_reserve(p, &k.k, 100, &buf), 0);
		ck_assert_int_eq(pool_abort(p, &buf), 0);
		ck_assert_int_eq(room_state(p, idx[i]), BLOCK_QUARANTINED);
		ck_assert_int_eq(dir_peek_claim(&p->dir, &k.k, &hit), -ENOENT);
		NOW = then;
	}
	ck_assert_int_eq(wait_state(p, GHOST), CLIENT_ACTIVE);
	ck_assert_int_eq(dev_lock_drop(&q->client.lock, lock), 0);
	ck_assert_int_eq(client_reap(&p->client, GHOST), 1);
	NOW += DELAY_NS - 1;
	for (i = 0; i < TEST_LEN(step); i++)
		wait_goes_on(p, idx[i]);
	NOW += 1;
	wait_ends(p, idx[0]);
	for (i = 0; i < TEST_LEN(step); i++)
		ck_assert_int_eq(room_state(p, idx[i]), BLOCK_FREE);
}
END_TEST

/* Want of room -------------------------------------------------------------- */

START_TEST(a_huge_buffer_of_the_dead_is_no_room_until_due)
{
	struct maru_pool *pool = wait_start();
	size_t all = test_stats(pool).data_bytes;

	test_kill(test_staying(wait_writer, (unsigned)all));
	ck_assert_int_eq(test_put(pool, 1, 10), -ENOSPC);
	NOW += DELAY_NS - 1;
	ck_assert_int_eq(test_put(pool, 1, 10), -ENOSPC);
	NOW += 1;
	ck_assert_int_eq(test_put(pool, 1, 10), 0);
	ck_assert_int_eq(test_put(pool, 2, all), 0);
}
END_TEST

START_TEST(an_extent_with_a_block_that_waits_keeps_its_class)
{
	struct maru_pool *pool = wait_start();
	size_t all = test_stats(pool).data_bytes;

	test_kill(test_staying(wait_writer, 100));
	ck_assert_int_eq(test_put(pool, 1, 100), 0);
	ck_assert_int_eq(test_put(pool, 2, all), -ENOSPC);
	ck_assert_uint_eq(test_stats(pool).quarantined, 1);
	test_sound(pool);
	NOW += DELAY_NS;
	ck_assert_int_eq(test_put(pool, 2, all), 0);
	ck_assert_int_eq(test_get(pool, 2, all), 0);
}
END_TEST

#define MANY 32u

static void write_many_and_stay(struct maru_pool *pool, unsigned len)
{
	struct maru_buf buf;
	uint32_t idx;

	for (unsigned i = 0; i < MANY; i++) {
		ck_assert_int_eq(maru_alloc(pool, len, &buf), 0);
		ck_assert(pool_idx(pool, &buf.ref, &idx));
		test_scene->no[i] = idx;
	}
	test_stay();
}

/* So many values of @len that everything was evicted some times over. */
static void store_laps(struct maru_pool *pool, size_t len, unsigned from)
{
	size_t all = test_stats(pool).data_bytes;

	for (unsigned i = 0; i < 6 * all / len; i++)
		ck_assert_int_eq(test_put(pool, from + i, len), 0);
}

START_TEST(the_hand_passes_what_waits_and_takes_it_when_due)
{
	struct maru_pool *pool = wait_start();
	size_t len = 3 * test_unit(pool);
	uint64_t word[MANY];

	test_kill(test_staying(write_many_and_stay, (unsigned)len));
	ck_assert_int_eq(maru_reap(pool), 1);
	for (unsigned i = 0; i < MANY; i++)
		word[i] = room_word(pool, (uint32_t)test_scene->no[i]);
	store_laps(pool, len, 0);
	ck_assert_uint_gt(test_stats(pool).total.evictions, 0);
	for (unsigned i = 0; i < MANY; i++)
		ck_assert_uint_eq(room_word(pool, (uint32_t)test_scene->no[i]),
				  word[i]);
	ck_assert_uint_eq(test_stats(pool).quarantined, MANY);
	NOW += DELAY_NS;
	/* no tick and no reap, but by the hand that meets one */
	a64_store_rlx(&pool->client.tick_ns, UINT64_MAX);
	store_laps(pool, len, 1000000);
	for (unsigned i = 0; i < MANY; i++)
		ck_assert_uint_gt(block_version(room_word(
					  pool, (uint32_t)test_scene->no[i])),
				  block_version(word[i]));
}
END_TEST

START_TEST(what_has_waited_is_hinted_at_when_it_is_free)
{
	struct maru_pool *p = wait_start();
	uint32_t idx = wait_begun(p), block;
	struct extent e;

	ck_assert(extent_of(&p->slab, idx, &e));
	ck_assert(extent_block(&e, idx, &block));
	ck_assert_uint_lt(block, 64);
	ck_assert(!(room_hints(&e) >> block & 1));
	NOW += DELAY_NS;
	wait_ends(p, idx);
	ck_assert(room_hints(&e) >> block & 1);
}
END_TEST

START_TEST(the_tick_ends_a_quarantine_that_is_due)
{
	struct maru_pool *p = wait_start();
	uint32_t idx = wait_begun(p);

	NOW += DELAY_NS - 1;
	a64_store_rlx(&p->client.tick_ns, 0);
	client_tick(&p->client);
	ck_assert_int_eq(room_state(p, idx), BLOCK_QUARANTINED);
	NOW += 1;
	a64_store_rlx(&p->client.tick_ns, 0);
	client_tick(&p->client);
	ck_assert_int_eq(room_state(p, idx), BLOCK_FREE);
}
END_TEST

START_TEST(who_waits_is_not_alive_whoever_has_its_number_now)
{
	struct maru_pool *p = wait_start();
	uint32_t idx = wait_begun(p);
	struct media_client *m = wait_slot(p, GHOST);

	a64_store_rlx(&m->start, p->client.me.start);
	a64_store_rlx(&m->pidns, p->client.me.pidns);
	a64_store_rel(&m->pid, p->client.me.pid);
	ck_assert_int_eq(client_alive(&p->client, GHOST), 0);
	NOW += DELAY_NS;
	wait_ends(p, idx);
}
END_TEST

/* The clock ----------------------------------------------------------------- */

START_TEST(a_note_of_another_clock_starts_the_delay_anew_once)
{
	struct maru_pool *p = wait_start();
	uint32_t idx = wait_begun(p);

	NOW -= 100 * (int64_t)DELAY_NS;
	wait_goes_on(p, idx);
	ck_assert_uint_eq(wait_due(p, GHOST), (uint64_t)NOW + DELAY_NS);
	NOW += DELAY_NS - 1;
	wait_goes_on(p, idx);
	NOW += 1;
	wait_ends(p, idx);
}
END_TEST

START_TEST(nothing_of_another_boot_waits)
{
	struct maru_pool *p = wait_start();
	uint32_t idx = wait_begun(p);

	wait_goes_on(p, idx);
	a64_add_full(&wait_slot(p, GHOST)->boot[1], 1);
	wait_ends(p, idx);
}
END_TEST

START_TEST(a_note_of_the_slots_former_client_is_not_gone_by)
{
	struct maru_pool *p = wait_start();

	a64_store_rlx(&wait_slot(p, 1)->due, 1);
	test_kill(test_staying(wait_writer, 100));
	ck_assert_int_eq(maru_reap(p), 1);
	ck_assert_uint_eq(wait_due(p, 1), (uint64_t)NOW + DELAY_NS);
	ck_assert_int_eq(maru_reap(p), 0);
	NOW += DELAY_NS;
	ck_assert_int_eq(maru_reap(p), 1);
}
END_TEST

START_TEST(who_was_declared_dead_does_not_give_back_what_waits)
{
	struct maru_pool *p = wait_start();
	uint32_t idx = wait_begun(p);

	ck_assert(!dir_withdraw(&p->dir, idx, room_word(p, idx)));
	wait_goes_on(p, idx);
	ck_assert_uint_eq(room_cell(p, GHOST, idx), CELL_OWN);
	NOW += DELAY_NS;
	wait_ends(p, idx);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		buffers_of_the_dead_are_free_when_due_and_not_before,
		a_block_at_any_step_before_live_waits_unlinked,
		what_the_dead_held_and_was_changing_is_put_right_at_once,
		zombies_of_the_dead_do_not_wait,
		an_entry_that_was_named_before_its_writer_died_is_kept,
		a_pending_claim_of_the_dead_is_off_the_head_and_waits,
		a_block_that_was_never_handed_out_does_not_wait,
		a_forced_close_gives_its_buffers_back_at_once,
		a_claim_of_the_dead_is_void_at_once,
		a_claim_is_void_but_waits_though_its_reaper_is_stopped,
		a_huge_buffer_of_the_dead_is_no_room_until_due,
		an_extent_with_a_block_that_waits_keeps_its_class,
		the_hand_passes_what_waits_and_takes_it_when_due,
		what_has_waited_is_hinted_at_when_it_is_free,
		the_tick_ends_a_quarantine_that_is_due,
		who_waits_is_not_alive_whoever_has_its_number_now,
		a_note_of_another_clock_starts_the_delay_anew_once,
		nothing_of_another_boot_waits,
		a_note_of_the_slots_former_client_is_not_gone_by,
		who_was_declared_dead_does_not_give_back_what_waits,
	};

	return test_run("quarantine", TEST_TMPFS, tests, TEST_LEN(tests));
}
