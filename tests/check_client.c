// SPDX-License-Identifier: BSD-3-Clause
/* The client room: slots, death, the pins in the ledger, zombies, counters. */
#include "common_room.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define MUCH TEST_ROUNDS(300000u)

/* The ledger: a row is a client's. */

START_TEST(pins_stop_at_the_cap_and_leave_the_own_bit_alone)
{
	struct maru_pool *p = room_pool();
	a16 *cell = ledger_cell(&p->slab, GHOST, 3);

	a16_store_full(cell, CELL_OWN);
	ck_assert(!ledger_pin_many(cell, MARU_PIN_MAX + 1));
	ck_assert(ledger_pin_many(cell, MARU_PIN_MAX - 1));
	ck_assert(!ledger_pin_many(cell, UINT32_MAX));
	ck_assert(!ledger_pin_many(cell, 2));
	ck_assert(ledger_pin(cell));
	ck_assert(!ledger_pin(cell));
	ck_assert(!ledger_pin_many(cell, 1));
	ck_assert_uint_eq(room_cell(p, GHOST, 3), CELL_OWN | MARU_PIN_MAX);
	ck_assert_int_eq(ledger_unpin(cell, MARU_PIN_MAX - 5), 5);
	ck_assert_int_eq(ledger_unpin(cell, 6), -EINVAL);
	ck_assert_uint_eq(room_cell(p, GHOST, 3), CELL_OWN | 5);
	ck_assert_int_eq(ledger_unpin(cell, 5), 0);
	ck_assert_int_eq(ledger_unpin(cell, 1), -EINVAL);
	ck_assert_uint_eq(room_cell(p, GHOST, 3), CELL_OWN);
	a16_store_full(cell, 0);
}
END_TEST

START_TEST(pins_are_the_sum_over_active_rows)
{
	struct maru_create_opts o = test_opts();
	struct maru_pool *p;
	const struct slab *s;

	o.max_clients = 130; /* the map of the active has three words */
	p = test_pool(&o);
	s = &p->slab;
	a16_store_full(ledger_cell(s, 0, 9), CELL_OWN | 1);
	a16_store_full(ledger_cell(s, 64, 9), 20);
	a16_store_full(ledger_cell(s, 129, 9), 300);
	ck_assert_uint_eq(ledger_pins(s, 9), 1);
	ledger_activate(s, 64);
	ledger_activate(s, 129);
	ck_assert_uint_eq(ledger_pins(s, 9), 321);
	ck_assert_uint_eq(ledger_pins(s, 8), 0);
	ledger_deactivate(s, 64);
	ck_assert_uint_eq(ledger_pins(s, 9), 301);
	a16_store_full(ledger_cell(s, 0, 9), CELL_OWN);
	ledger_deactivate(s, 129);
	ck_assert(!ledger_held(s, 9));
	for (unsigned slot = 0; slot < 130; slot++)
		a16_store_full(ledger_cell(s, slot, 9), 0);
}
END_TEST

START_TEST(a_walk_finds_every_cell_of_its_row_and_no_other)
{
	struct maru_pool *p = room_pool();
	const struct slab *s = &p->slab;
	uint32_t nr = s->region[0].unit_nr, idx = 0, n = 0;
	const uint32_t at[] = { 0, 1, 3, 4, 6, 11, 12, 17, nr - 2, nr - 1 };

	/* neighbours, and the padding behind the row's last unit */
	a16_store_full(ledger_cell(s, GHOST - 1, nr - 1), 1);
	a16_store_full(ledger_cell(s, GHOST + 1, 0), 1);
	if (s->region[0].row_cells > nr)
		a16_store_full(ledger_cell(s, GHOST, nr), 1);
	for (unsigned i = 0; i < TEST_LEN(at); i++)
		a16_store_full(ledger_cell(s, GHOST, at[i]),
			       (uint16_t)(i % 2 ? CELL_OWN : i + 1));
	for (; ledger_walk(s, GHOST, &idx); idx++, n++) {
		ck_assert_uint_lt(n, TEST_LEN(at));
		ck_assert_uint_eq(idx, at[n]);
		ck_assert_uint_eq(ledger_walk(s, GHOST, &idx),
				  n % 2 ? CELL_OWN : n + 1);
	}
	ck_assert_uint_eq(n, TEST_LEN(at));
	memset(ledger_cell(s, GHOST - 1, 0), 0, 3 * s->region[0].row_cells * 2);
}
END_TEST

START_TEST(a_hold_beyond_the_cap_leaves_no_pin)
{
	struct maru_pool *p = room_pool();
	struct room_key k;
	struct dir_hit hit;
	uint32_t idx;

	room_key(p, &k, 1);
	idx = room_live(p, &k.k);
	ck_assert_int_eq(dir_hold(&p->dir, &k.k, MARU_PIN_MAX - 1, &hit), 0);
	ck_assert_int_eq(dir_hold(&p->dir, &k.k, 2, &hit), -EOVERFLOW);
	ck_assert_uint_eq(room_cell(p, 0, idx), MARU_PIN_MAX - 1);
	ck_assert_int_eq(dir_hold(&p->dir, &k.k, 1, &hit), 0);
	ck_assert_int_eq(dir_hold(&p->dir, &k.k, 1, &hit), -EOVERFLOW);
	ck_assert_int_eq(dir_drop(&p->dir, idx, MARU_PIN_MAX), 0);
}
END_TEST

START_TEST(a_published_entry_carries_the_pins_asked_for)
{
	struct maru_pool *p = room_pool();
	struct room_key k;
	struct dir_hit other;
	uint32_t idx;

	room_key(p, &k, 1);
	idx = room_ready(p, &k.k);
	ck_assert_int_eq(dir_publish(&p->dir, idx, &k.k, DIR_INSERT,
				     MARU_PIN_MAX + 1, &other),
			 -EOVERFLOW);
	ck_assert_int_eq(dir_publish(&p->dir, idx, &k.k, DIR_INSERT, 2, &other),
			 0);
	slab_disown(&p->slab, idx);
	ck_assert_uint_eq(room_cell(p, p->slab.self, idx), 2);
	ck_assert_int_eq(dir_drop(&p->dir, idx, 2), 0);
}
END_TEST

/* Zombies: DYING, but somebody pins them. */

START_TEST(a_pin_that_comes_too_late_is_none_and_frees_the_block)
{
	struct maru_pool *p = room_pool(), *q = test_open(0);
	struct room_key k;
	uint64_t w;
	uint32_t idx;

	room_key(p, &k, 1);
	idx = room_live(p, &k.k);
	w = room_word(p, idx);
	room_ghost(p, CLIENT_ACTIVE);
	room_ghost_owes(p, idx);
	ck_assert_int_eq(dir_pin_at(&q->dir, idx, block_version(w), 1, &w),
			 MARU_E_STALE);
	ck_assert_int_eq(room_state(p, idx), BLOCK_FREE);
	ck_assert_uint_eq(room_cell(p, q->slab.self, idx), 0);
	ck_assert(!room_has(p, &k.k, idx));
	room_ghost_gone(p);
}
END_TEST

START_TEST(the_last_unpin_frees_a_zombie)
{
	struct maru_pool *p = room_pool(), *q = test_open(0);
	uint32_t idx = room_zombie(p, q, 1);

	ck_assert(ledger_pin_many(ledger_cell(&p->slab, p->slab.self, idx), 2));
	ck_assert(!dir_reclaim(&p->dir, idx, room_word(p, idx)));
	ck_assert_int_eq(dir_drop(&q->dir, idx, 1), 0);
	ck_assert_int_eq(room_state(p, idx), BLOCK_DYING);
	ck_assert_int_eq(dir_drop(&p->dir, idx, 1), 1);
	ck_assert_int_eq(room_state(p, idx), BLOCK_DYING);
	ck_assert_int_eq(dir_drop(&p->dir, idx, 1), 0);
	ck_assert_int_eq(room_state(p, idx), BLOCK_FREE);
	room_ghost_gone(p);
}
END_TEST

START_TEST(a_zombie_is_found_by_its_holder_only)
{
	struct maru_pool *p = room_pool(), *q = test_open(0);
	uint32_t idx = room_zombie(p, q, 1);
	struct room_key k;
	struct dir_hit hit;

	room_key(p, &k, 1);
	ck_assert(!room_has(p, &k.k, idx));
	ck_assert_int_eq(dir_peek_held(&p->dir, &k.k, 1, &hit), -ENOENT);
	ck_assert_int_eq(dir_peek_held(&q->dir, &k.k, 1, &hit), -ENOENT);
	ledger_name(&q->slab, idx, 1);
	ck_assert_int_eq(dir_peek_held(&q->dir, &k.k, 1, &hit), 0);
	ck_assert_uint_eq(hit.idx, idx);
	ck_assert_int_eq(dir_drop(&q->dir, idx, 1), 0);
	room_ghost_gone(p);
}
END_TEST

START_TEST(a_dead_debtors_debt_is_its_reapers_until_settled)
{
	struct maru_pool *p = room_pool(), *q = test_open(0);
	uint32_t idx = room_zombie(p, q, 1);

	room_ghost_gone(p);
	ck_assert_int_eq(room_state(p, idx), BLOCK_DYING);
	ck_assert_uint_eq(room_cell(p, p->slab.self, idx), CELL_OWN);
	ck_assert_uint_eq(room_owes(p), 1);
	dir_settle(&p->dir); /* still pinned: nothing to settle yet */
	ck_assert_uint_eq(room_owes(p), 1);
	ck_assert_int_eq(dir_drop(&q->dir, idx, 1), 0);
	ck_assert_int_eq(room_state(p, idx), BLOCK_FREE);
	dir_settle(&p->dir);
	ck_assert_uint_eq(room_cell(p, p->slab.self, idx), 0);
	ck_assert_uint_eq(room_owes(p), 0);
}
END_TEST

START_TEST(settling_frees_a_zombie_whose_last_holder_died)
{
	struct maru_pool *p = room_pool(), *q = test_open(0);
	uint32_t idx = room_zombie(p, q, 1);

	room_ghost_gone(p);
	/* as if @q had died between its unpin and its look at the word */
	a16_store_full(ledger_cell(&p->slab, q->slab.self, idx), 0);
	dir_settle(&p->dir);
	ck_assert_int_eq(room_state(p, idx), BLOCK_FREE);
	ck_assert_uint_eq(room_owes(p), 0);
	ck_assert(room_row_is_zero(p, p->slab.self));
}
END_TEST

START_TEST(more_zombies_than_can_be_noted_still_go_with_their_debtor)
{
	struct maru_pool *p = room_pool(), *q = test_open(0);
	uint32_t idx[DIR_DEBTS + 1], lost = 0;

	for (unsigned i = 0; i < TEST_LEN(idx); i++)
		idx[i] = room_zombie(p, p, i);
	ck_assert_int_eq(client_reap(&q->client, GHOST), 1);
	ck_assert_uint_eq(room_owes(q), DIR_DEBTS + 1);
	for (unsigned i = 0; i < TEST_LEN(idx); i++)
		ck_assert_int_eq(dir_drop(&p->dir, idx[i], 1), 0);
	dir_settle(&q->dir);
	for (unsigned i = 0; i < TEST_LEN(idx); i++) {
		ck_assert_int_eq(room_state(p, idx[i]), BLOCK_FREE);
		lost += room_cell(p, q->slab.self, idx[i]) != 0;
	}
	ck_assert_uint_eq(lost, 1);
	test_close(q);
	ck_assert(room_row_is_zero(p, 1));
}
END_TEST

START_TEST(leaving_with_a_zombie_leaves_the_slot_to_the_next_reaper)
{
	struct maru_pool *p = room_pool(), *q = test_open(0), *r = test_open(0);
	uint32_t idx = room_zombie(p, p, 1);
	uint64_t inc = client_inc(q->client.self_word);

	ck_assert_int_eq(client_reap(&q->client, GHOST), 1);
	test_close(q);
	ck_assert_uint_eq(client_word(&p->client, 1),
			  client_make(CLIENT_DEAD, (uint32_t)inc));
	ck_assert_uint_eq(room_cell(p, 1, idx), CELL_OWN);
	ck_assert(!ledger_is_active(&p->slab, 1));
	ck_assert_int_eq(room_state(p, idx), BLOCK_DYING);
	ck_assert_int_eq(client_reap(&r->client, 1), 1);
	ck_assert_uint_eq(client_word(&p->client, 1),
			  client_make(CLIENT_FREE, (uint32_t)inc + 1));
	ck_assert_uint_eq(room_owes(r), 1);
	ck_assert_int_eq(dir_drop(&p->dir, idx, 1), 0);
	ck_assert_int_eq(room_state(p, idx), BLOCK_FREE);
}
END_TEST

/* Coming and going. */

START_TEST(joining_takes_a_slot_its_lock_and_tells_who_it_is)
{
	struct maru_open_opts o = { .size = sizeof(o), .name = "a name" };
	struct maru_pool *p = room_pool(), *q;
	struct media_client *m = &p->client.slots[1];

	a64_store_full(&m->owes, 9); /* of who was there before */
	ck_assert_int_eq(dev_lock_held(&p->client.lock, CLIENT_LOCK_SLOT + 1),
			 0);
	ck_assert_int_eq(maru_open(test_target(), &o, &q), 0);
	ck_assert_uint_eq(q->client.self, 1);
	ck_assert_uint_eq(q->slab.self, 1);
	ck_assert_uint_eq(client_word(&p->client, 1),
			  client_make(CLIENT_ACTIVE, q->slab.self_inc));
	ck_assert_int_eq(dev_lock_held(&p->client.lock, CLIENT_LOCK_SLOT + 1),
			 1);
	ck_assert(ledger_is_active(&p->slab, 1));
	ck_assert_uint_eq(a64_load_acq(&m->pid), (uint64_t)getpid());
	ck_assert_uint_eq(a64_load_rlx(&m->start), p->client.me.start);
	ck_assert_uint_gt(p->client.me.start, 0);
	ck_assert_uint_eq(a64_load_rlx(&m->boot[0]), p->client.me.boot[0]);
	ck_assert_uint_eq(a64_load_rlx(&m->boot[1]), p->client.me.boot[1]);
	ck_assert_uint_eq(a64_load_rlx(&m->pidns), p->client.me.pidns);
	ck_assert_uint_eq(a64_load_rlx(&m->owes), 0);
	ck_assert_str_eq(m->name, "a name");
	ck_assert_int_eq(maru_close(q, 0), 0);
}
END_TEST

START_TEST(leaving_zeroes_the_row_and_the_next_has_another_incarnation)
{
	struct maru_pool *p = room_pool(), *q;
	struct room_key k;
	struct dir_hit hit;
	uint32_t inc;

	ck_assert_int_eq(maru_open(test_target(), NULL, &q), 0);
	inc = q->slab.self_inc;
	room_key(p, &k, 1);
	room_live(p, &k.k);
	ck_assert_int_eq(dir_hold(&q->dir, &k.k, 3, &hit), 0);
	room_alloc(q);
	ck_assert(!room_row_is_zero(p, 1));
	ck_assert_int_eq(maru_close(q, MARU_CLOSE_FORCE), 0);
	ck_assert(room_row_is_zero(p, 1));
	ck_assert(!ledger_is_active(&p->slab, 1));
	ck_assert_uint_eq(client_word(&p->client, 1),
			  client_make(CLIENT_FREE, inc + 1));
	ck_assert_uint_eq(a64_load_acq(&p->client.slots[1].pid), 0);
	ck_assert_int_eq(dev_lock_held(&p->client.lock, CLIENT_LOCK_SLOT + 1),
			 0);
	q = test_open(0);
	ck_assert_uint_eq(q->client.self, 1);
	ck_assert_uint_eq(q->slab.self_inc, inc + 1);
}
END_TEST

START_TEST(leaving_after_being_declared_dead_touches_nothing)
{
	struct maru_pool *p = room_pool(), *q = test_open(0);
	uint64_t next = client_make(CLIENT_FREE, q->slab.self_inc + 1);

	a64_store_full(&p->client.slots[1].word, next);
	a16_store_full(ledger_cell(&p->slab, 1, 5), CELL_OWN);
	test_close(q);
	ck_assert_uint_eq(client_word(&p->client, 1), next);
	ck_assert_uint_eq(room_cell(p, 1, 5), CELL_OWN);
	ck_assert(ledger_is_active(&p->slab, 1));
	a16_store_full(ledger_cell(&p->slab, 1, 5), 0);
	ledger_deactivate(&p->slab, 1);
}
END_TEST

/* Death. */

START_TEST(a_killed_client_is_reaped_in_every_state)
{
	static const enum client_state state[] = { CLIENT_JOINING,
						   CLIENT_ACTIVE, CLIENT_DEAD };
	struct maru_pool *p = room_pool();
	struct room_key k;
	uint32_t idx;

	room_key(p, &k, 1);
	idx = room_live(p, &k.k);
	for (unsigned i = 0; i < TEST_LEN(state); i++) {
		pid_t child = test_staying(room_busy_client, state[i]);

		ck_assert(!room_row_is_zero(p, 1));
		ck_assert_int_eq(client_reap(&p->client, 1), 0);
		test_kill(child);
		ck_assert_int_eq(client_reap(&p->client, 1), 1);
		ck_assert_uint_eq(client_word(&p->client, 1),
				  client_make(CLIENT_FREE, i + 1));
		ck_assert(room_row_is_zero(p, 1));
		ck_assert(!ledger_is_active(&p->slab, 1));
		ck_assert_uint_eq(test_stats(p).buffers, 0);
		ck_assert_int_eq(slab_word_state(room_slab(
					 p, (uint32_t)test_scene->no[1])),
				 SLAB_ACTIVE);
		ck_assert(!ledger_held(&p->slab, idx));
	}
	ck_assert_uint_eq(test_stats(p).total.reaps, 3);
	ck_assert_uint_eq(test_stats(p).total.reaped_blocks, 6);
}
END_TEST

START_TEST(a_client_without_its_lock_is_alive_while_it_maps_the_pool)
{
	struct maru_pool *p = room_pool();
	pid_t child = test_staying(room_lose_lock, 0);

	ck_assert_int_eq(dev_lock_held(&p->client.lock, CLIENT_LOCK_SLOT + 1),
			 0);
	ck_assert_int_eq(client_alive(&p->client, 1), 1);
	ck_assert_int_eq(client_reap(&p->client, 1), 0);
	test_kill(child);
	ck_assert_int_eq(client_reap(&p->client, 1), 1);
}
END_TEST

START_TEST(a_program_that_took_the_clients_place_is_not_the_client)
{
	struct maru_pool *p = room_pool();
	pid_t child = room_exec_client();

	ck_assert_int_eq(kill(child, 0), 0);
	ck_assert_int_eq(client_state(client_word(&p->client, 1)),
			 CLIENT_ACTIVE);
	ck_assert_int_eq(room_reap_soon(p, 1), 1);
	test_kill(child);
}
END_TEST

START_TEST(a_dead_client_whose_child_has_the_lock_is_reaped)
{
	struct maru_pool *p = room_pool();
	pid_t child = test_staying(room_leave_heir, 0);

	test_kill(child);
	ck_assert_int_eq(dev_lock_held(&p->client.lock, CLIENT_LOCK_SLOT + 1),
			 1);
	ck_assert_int_eq(client_reap(&p->client, 1), 1);
	kill((pid_t)test_scene->no[0], SIGKILL);
}
END_TEST

START_TEST(a_killed_client_that_nobody_waited_for_is_reaped)
{
	struct maru_pool *p = room_pool();
	pid_t child = test_staying(room_lose_lock, 0);
	siginfo_t info;

	ck_assert_int_eq(kill(child, SIGKILL), 0);
	ck_assert_int_eq(waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT),
			 0);
	ck_assert_int_eq(client_reap(&p->client, 1), 1);
	test_died_of(child, SIGKILL);
}
END_TEST

START_TEST(a_pid_is_a_client_only_with_its_start_boot_and_namespace)
{
	struct maru_pool *p = room_pool();

	ck_assert_int_eq(room_reap_namesake(p, 0), 0);
	for (unsigned change = 1; change <= 5; change++)
		ck_assert_int_eq(room_reap_namesake(p, change), 1);
}
END_TEST

START_TEST(nobody_reaps_itself_nor_where_another_reaps)
{
	struct maru_pool *p = room_pool(), *q = test_open(0);
	uint32_t lock = CLIENT_LOCK_REAP + GHOST;

	ck_assert_int_eq(client_reap(&p->client, p->client.self), 0);
	ck_assert_int_eq(client_reap(&p->client, p->client.slot_nr), 0);
	room_ghost(p, CLIENT_ACTIVE);
	ck_assert_int_eq(dev_lock_take(&q->client.lock, lock, false), 0);
	ck_assert_int_eq(client_reap(&p->client, GHOST), 0);
	ck_assert_int_eq(dev_lock_drop(&q->client.lock, lock), 0);
	room_ghost_gone(p);
	ck_assert_int_eq(dev_lock_held(&q->client.lock, lock), 0);
}
END_TEST

START_TEST(a_reaper_never_takes_the_next_client_for_the_dead_one)
{
	struct maru_pool *p = room_pool();
	unsigned met = 0;

	room_ghosts(p, 50);
	while (met < 20) {
		room_ghosts_first(p);
		while (!client_reap(&p->client, GHOST))
			met++; /* the next one came between look and exchange */
		ck_assert_uint_eq(client_word(&p->client, GHOST),
				  client_make(CLIENT_FREE,
					      room_ghosts_last() + 1));
	}
	room_ghosts(p, 0);
}
END_TEST

START_TEST(blocks_of_the_slots_next_client_are_not_the_dead_ones)
{
	struct maru_pool *p = room_pool();
	uint32_t idx = room_alloc(p);
	uint64_t w;

	room_ghost(p, CLIENT_ACTIVE);
	room_ghost_owns(p, idx);
	w = room_word(p, idx);
	ck_assert(!dir_reap(&p->dir, idx, GHOST, GHOST_INC - 1));
	ck_assert(!dir_reap(&p->dir, idx, GHOST + 1, GHOST_INC));
	ck_assert_uint_eq(room_word(p, idx), w);
	ck_assert(dir_reap(&p->dir, idx, GHOST, GHOST_INC));
	ck_assert_int_eq(room_state(p, idx), BLOCK_FREE);
	room_ghost_gone(p);
}
END_TEST

START_TEST(the_tick_looks_for_the_dead_when_it_is_due_and_not_before)
{
	struct maru_pool *p = room_pool();

	room_ghost(p, CLIENT_ACTIVE);
	a64_store_rlx(&p->client.tick_ns, UINT64_MAX);
	client_tick(&p->client);
	ck_assert_int_eq(client_state(client_word(&p->client, GHOST)),
			 CLIENT_ACTIVE);
	a64_store_rlx(&p->client.tick_ns, 0);
	client_tick(&p->client);
	ck_assert_int_eq(client_state(client_word(&p->client, GHOST)),
			 CLIENT_FREE);
}
END_TEST

/* Counters. */

static uint64_t counted(struct maru_pool *p, bool since)
{
	uint64_t out[COUNT_NR];

	if (since)
		client_counters_since(&p->client, p->client.self, out);
	else
		client_counters(&p->client, p->client.self, out);
	return out[COUNT_stale];
}

static void *count_much(void *arg)
{
	struct maru_pool *p = arg;

	for (unsigned i = 0; i < MUCH; i++)
		client_count(&p->client, COUNT_stale, 3);
	return NULL;
}

START_TEST(threads_beyond_the_lanes_share_one_without_loss)
{
	struct maru_pool *p = room_pool();
	pthread_t thread[20];

	ck_assert_uint_lt(p->client.lane_nr, TEST_LEN(thread));
	for (unsigned i = 0; i < TEST_LEN(thread); i++)
		ck_assert_int_eq(
			pthread_create(&thread[i], NULL, count_much, p), 0);
	for (unsigned i = 0; i < TEST_LEN(thread); i++)
		ck_assert_int_eq(pthread_join(thread[i], NULL), 0);
	ck_assert_uint_eq(counted(p, false), TEST_LEN(thread) * MUCH * 3);
	ck_assert_uint_eq(a64_load_rlx(&p->client.lanes[p->client.lane_nr - 1]
						.count[COUNT_stale]),
			  (TEST_LEN(thread) - p->client.lane_nr + 3) * MUCH *
				  3);
}
END_TEST

START_TEST(counters_go_on_over_clients_and_since_starts_anew)
{
	struct maru_pool *p = room_pool(), *q = test_open(0);

	client_count(&q->client, COUNT_stale, 5);
	client_count(&p->client, COUNT_stale, 1);
	ck_assert_uint_eq(counted(q, false), 5);
	ck_assert_uint_eq(counted(q, true), 5);
	test_close(q);
	q = test_open(0);
	ck_assert_uint_eq(counted(q, true), 0);
	client_count(&q->client, COUNT_stale, 2);
	ck_assert_uint_eq(counted(q, false), 7);
	ck_assert_uint_eq(counted(q, true), 2);
	ck_assert_uint_eq(counted(p, false), 1);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		pins_stop_at_the_cap_and_leave_the_own_bit_alone,
		pins_are_the_sum_over_active_rows,
		a_walk_finds_every_cell_of_its_row_and_no_other,
		a_hold_beyond_the_cap_leaves_no_pin,
		a_published_entry_carries_the_pins_asked_for,
		a_pin_that_comes_too_late_is_none_and_frees_the_block,
		the_last_unpin_frees_a_zombie,
		a_zombie_is_found_by_its_holder_only,
		a_dead_debtors_debt_is_its_reapers_until_settled,
		settling_frees_a_zombie_whose_last_holder_died,
		more_zombies_than_can_be_noted_still_go_with_their_debtor,
		leaving_with_a_zombie_leaves_the_slot_to_the_next_reaper,
		joining_takes_a_slot_its_lock_and_tells_who_it_is,
		leaving_zeroes_the_row_and_the_next_has_another_incarnation,
		leaving_after_being_declared_dead_touches_nothing,
		a_killed_client_is_reaped_in_every_state,
		a_client_without_its_lock_is_alive_while_it_maps_the_pool,
		a_program_that_took_the_clients_place_is_not_the_client,
		a_dead_client_whose_child_has_the_lock_is_reaped,
		a_killed_client_that_nobody_waited_for_is_reaped,
		a_pid_is_a_client_only_with_its_start_boot_and_namespace,
		nobody_reaps_itself_nor_where_another_reaps,
		a_reaper_never_takes_the_next_client_for_the_dead_one,
		blocks_of_the_slots_next_client_are_not_the_dead_ones,
		the_tick_looks_for_the_dead_when_it_is_due_and_not_before,
		threads_beyond_the_lanes_share_one_without_loss,
		counters_go_on_over_clients_and_since_starts_anew,
	};

	return test_run("client room", TEST_MEM, tests, TEST_LEN(tests));
}
