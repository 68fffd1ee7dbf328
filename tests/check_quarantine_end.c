// SPDX-License-Identifier: BSD-3-Clause
/* Who ends a quarantine, or finds it: reapers that die, openers, repairs. */
#include "common_quarantine.h"

#include <pthread.h>
#include <string.h>

/* Reapers ------------------------------------------------------------------- */

static void reap_and_stay(struct maru_pool *pool, unsigned expect)
{
	wait_clock(pool);
	test_stay();
	ck_assert_int_eq(maru_reap(pool), expect);
	test_stay();
}

START_TEST(a_reaper_that_is_killed_between_the_phases_is_continued)
{
	struct maru_pool *pool = wait_start();
	pid_t writer = test_staying(wait_writer, 5000);
	pid_t reaper = test_staying(reap_and_stay, 1);
	uint64_t due;

	test_kill(writer);
	test_post(&test_scene->go);
	test_pass(&test_scene->ready);
	test_kill(reaper);
	due = wait_due(pool, 1);
	ck_assert_uint_eq(due, (uint64_t)NOW + DELAY_NS);
	NOW += DELAY_NS / 2;
	/* the reaper's own slot, at once: it was writing nothing */
	ck_assert_int_eq(maru_reap(pool), 1);
	ck_assert_int_eq(wait_state(pool, 1), CLIENT_QUARANTINED);
	ck_assert_int_eq(wait_state(pool, 2), CLIENT_FREE);
	ck_assert_uint_eq(wait_due(pool, 1), due);
	NOW = (int64_t)due - 1;
	ck_assert_int_eq(maru_reap(pool), 0);
	NOW += 1;
	ck_assert_int_eq(maru_reap(pool), 1);
	ck_assert_uint_eq(test_stats(pool).used_bytes, 0);
}
END_TEST

START_TEST(a_reaper_that_died_in_the_first_phase_is_continued_from_its_note)
{
	struct maru_pool *p = wait_start();
	uint32_t done, left;

	wait_ghost(p, CLIENT_ACTIVE);
	done = wait_buffer(p);
	left = wait_buffer(p);
	/* dead, noted, but still active and half of it undone */
	wait_ghost(p, CLIENT_DEAD);
	a64_store_rlx(&wait_slot(p, GHOST)->due, (uint64_t)NOW + DELAY_NS);
	ck_assert(!dir_reap(&p->dir, done, GHOST, GHOST_INC));
	ck_assert_int_eq(room_state(p, done), BLOCK_QUARANTINED);
	NOW += DELAY_NS - 1;
	ck_assert_int_eq(client_reap(&p->client, GHOST), 1);
	ck_assert(!ledger_is_active(&p->slab, GHOST));
	wait_goes_on(p, done);
	wait_goes_on(p, left);
	NOW += 1;
	wait_ends(p, done);
	ck_assert_int_eq(room_state(p, left), BLOCK_FREE);
}
END_TEST

START_TEST(a_reaper_that_died_before_its_note_costs_no_safety)
{
	struct maru_pool *p = wait_start();
	uint32_t idx;

	wait_ghost(p, CLIENT_DEAD);
	idx = wait_buffer(p);
	ck_assert_uint_eq(wait_due(p, GHOST), 0);
	NOW += 100 * (int64_t)DELAY_NS;
	ck_assert_int_eq(client_reap(&p->client, GHOST), 1);
	NOW += DELAY_NS - 1;
	wait_goes_on(p, idx);
	NOW += 1;
	wait_ends(p, idx);
}
END_TEST

START_TEST(a_reaper_that_died_in_the_second_phase_is_continued)
{
	struct maru_pool *p = wait_start();
	uint32_t taken, idx;
	struct extent e;
	uint32_t block;

	wait_ghost(p, CLIENT_ACTIVE);
	taken = wait_buffer(p);
	idx = wait_buffer(p);
	ck_assert_int_eq(client_reap(&p->client, GHOST), 1);
	NOW += DELAY_NS;
	/* freed, and in use again before its cell was cleared */
	ck_assert(slab_unquarantine(&p->slab, taken, GHOST, GHOST_INC));
	ck_assert(extent_of(&p->slab, taken, &e));
	ck_assert(extent_block(&e, taken, &block));
	room_take(p, &e, block);
	wait_ends(p, idx);
	ck_assert_int_eq(room_state(p, taken), BLOCK_OWNED);
	ck_assert_uint_eq(room_cell(p, p->slab.self, taken), CELL_OWN);
	ck_assert_uint_eq(test_stats(p).total.reaped_blocks, 1);
	room_give(p, taken);
}
END_TEST

START_TEST(only_its_own_slot_ends_a_blocks_quarantine)
{
	struct maru_pool *p = wait_start();
	uint32_t idx = wait_begun(p);
	uint64_t w = room_word(p, idx);

	ck_assert(!slab_unquarantine(&p->slab, idx, GHOST, GHOST_INC + 1));
	ck_assert(!slab_unquarantine(&p->slab, idx, GHOST + 1, GHOST_INC));
	ck_assert(!dir_reap(&p->dir, idx, GHOST, GHOST_INC));
	ck_assert_uint_eq(room_word(p, idx), w);
	NOW += DELAY_NS;
	wait_ends(p, idx);
	ck_assert(!slab_unquarantine(&p->slab, idx, GHOST, GHOST_INC));
}
END_TEST

static pthread_barrier_t together;

static void *reap_ghost(void *arg)
{
	struct maru_pool *p = arg;

	pthread_barrier_wait(&together);
	return (void *)(intptr_t)client_reap(&p->client, GHOST);
}

static int reap_by_both(struct maru_pool *p, struct maru_pool *q)
{
	pthread_t thread;
	void *a, *b;

	ck_assert_int_eq(pthread_create(&thread, NULL, reap_ghost, q), 0);
	a = reap_ghost(p);
	ck_assert_int_eq(pthread_join(thread, &b), 0);
	return (int)((intptr_t)a + (intptr_t)b);
}

START_TEST(two_reapers_do_each_phase_once)
{
	struct maru_pool *p = wait_start(), *q = wait_clock(test_open(0));
	unsigned rounds = TEST_ROUNDS(300);

	pthread_barrier_init(&together, NULL, 2);
	for (unsigned i = 0; i < rounds; i++) {
		uint32_t idx[3];

		wait_ghost(p, CLIENT_ACTIVE);
		for (unsigned n = 0; n < TEST_LEN(idx); n++)
			idx[n] = wait_buffer(p);
		ck_assert_int_eq(reap_by_both(p, q), 1);
		ck_assert_uint_eq(test_stats(p).quarantined, TEST_LEN(idx));
		NOW += DELAY_NS;
		ck_assert_int_eq(reap_by_both(p, q), 1);
		ck_assert_uint_eq(test_stats(p).used_bytes, 0);
		ck_assert(room_row_is_zero(p, GHOST));
	}
	ck_assert_uint_eq(test_stats(p).total.reaps, rounds);
	ck_assert_uint_eq(test_stats(p).total.reaped_blocks, 3 * rounds);
}
END_TEST

START_TEST(the_reaped_zombies_of_who_waits_are_somebodys_debt)
{
	struct maru_pool *p = wait_start();
	uint32_t zombie = room_zombie(p, p, 1), idx;

	wait_ghost(p, CLIENT_ACTIVE);
	idx = wait_buffer(p);
	ck_assert_int_eq(client_reap(&p->client, GHOST), 1);
	ck_assert_uint_eq(room_owes(p), 1);
	ck_assert_uint_eq(room_cell(p, GHOST, zombie), 0);
	ck_assert_int_eq(room_state(p, zombie), BLOCK_DYING);
	ck_assert_int_eq(dir_drop(&p->dir, zombie, 1), 0);
	ck_assert_int_eq(room_state(p, zombie), BLOCK_FREE);
	wait_goes_on(p, idx);
	NOW += DELAY_NS;
	wait_ends(p, idx);
}
END_TEST

/* Openers ------------------------------------------------------------------- */

static void look_and_leave(struct maru_pool *pool, unsigned waiting)
{
	ck_assert_uint_eq(test_stats(pool).quarantined, waiting);
}

START_TEST(who_opens_ends_what_is_due_and_nothing_else)
{
	struct maru_pool *pool = wait_pool(DAY_MS, 16);

	test_kill(test_staying(wait_writer, 5000));
	test_ended(test_client(look_and_leave, 1));
	ck_assert_int_eq(wait_state(pool, 1), CLIENT_QUARANTINED);
	test_ended(test_client(look_and_leave, 1));
	wait_make_due(pool, 1);
	test_ended(test_client(look_and_leave, 0));
	ck_assert_int_eq(wait_state(pool, 1), CLIENT_FREE);
	ck_assert_uint_eq(test_stats(pool).used_bytes, 0);
}
END_TEST

START_TEST(slots_that_are_full_of_what_waits_say_so)
{
	struct maru_pool *pool = wait_pool(DAY_MS, 4), *none;

	for (unsigned i = 0; i < 3; i++)
		test_kill(test_staying(wait_writer, 5000));
	ck_assert_int_eq(maru_open(test_target(), NULL, &none), -EUSERS);
	ck_assert_ptr_nonnull(strstr(maru_errmsg(), "all 4 client slots"));
	ck_assert_ptr_nonnull(strstr(maru_errmsg(), "3 of them by the dead"));
	/* within a minute of the day */
	ck_assert_ptr_nonnull(strstr(maru_errmsg(), "in 8639"));
	wait_make_due(pool, 2);
	test_open(0);
	ck_assert_uint_eq(test_stats(pool).quarantined, 2);
	ck_assert_int_eq(maru_open(test_target(), NULL, &none), -EUSERS);
	wait_make_due(pool, 1);
	wait_make_due(pool, 3);
	ck_assert_int_eq(maru_reap(pool), 2);
}
END_TEST

START_TEST(a_pool_is_left_clean_though_something_waits)
{
	struct maru_pool *pool = wait_pool(DAY_MS, 16), *look;
	struct maru_super super;

	test_kill(test_staying(wait_writer, 5000));
	ck_assert_int_eq(maru_reap(pool), 1);
	test_close(pool);
	look = test_open(MARU_OPEN_RDONLY | MARU_OPEN_INSPECT);
	ck_assert_int_eq(maru_inspect_super(look, &super), 0);
	ck_assert_uint_eq(super.clean, 1);
	ck_assert_uint_eq(test_stats(look).quarantined, 1);
	test_sound(look);
	test_close(look);
	pool = test_open(0);
	ck_assert_uint_eq(test_stats(pool).quarantined, 1);
	wait_make_due(pool, 1);
	ck_assert_int_eq(maru_reap(pool), 1);
}
END_TEST

/* Checking and repairing ---------------------------------------------------- */

static int fsck(unsigned flags, struct maru_fsck_result *res)
{
	struct maru_fsck_opts o = { .size = sizeof(o), .flags = flags };

	return maru_fsck(test_target(), &o, res);
}

/* A pool that nobody has open, with one block that waits. */
static void leave_waiting(bool damaged)
{
	struct maru_pool *pool = wait_pool(DAY_MS, 16);

	ck_assert_int_eq(test_put(pool, 1, 100), 0);
	test_kill(test_staying(wait_writer, 5000));
	ck_assert_int_eq(maru_reap(pool), 1);
	if (damaged) /* a pending block that is out of range */
		a64_store_full(&pool->dir.buckets[3].head, UINT32_MAX);
	test_close(pool);
}

static void wait_is_over(void)
{
	struct maru_pool *pool = test_open(0);

	wait_make_due(pool, 1);
	test_close(pool);
}

static uint64_t still_waiting(void)
{
	struct maru_pool *look =
		test_open(MARU_OPEN_RDONLY | MARU_OPEN_INSPECT);
	uint64_t nr = test_stats(look).quarantined;

	test_close(look);
	return nr;
}

START_TEST(what_waits_is_no_fault_and_a_repair_leaves_it_be)
{
	struct maru_fsck_result res;

	leave_waiting(false);
	ck_assert_int_eq(fsck(0, &res), 0);
	ck_assert_uint_eq(res.faults, 0);
	ck_assert_int_eq(fsck(MARU_FSCK_REPAIR, &res), 0);
	ck_assert_uint_eq(res.faults, 0);
	ck_assert_uint_eq(res.freed, 0);
	ck_assert_uint_eq(res.kept, 1);
	ck_assert_uint_eq(still_waiting(), 1);
	wait_is_over();
	ck_assert_int_eq(fsck(MARU_FSCK_REPAIR, &res), 0);
	ck_assert_uint_eq(res.faults, 0);
	ck_assert_uint_eq(res.freed, 1);
	ck_assert_uint_eq(still_waiting(), 0);
	ck_assert_int_eq(test_get(test_open(0), 1, 100), 0);
}
END_TEST

START_TEST(a_repair_that_would_free_what_waits_is_refused_until_due)
{
	struct maru_fsck_result res;

	leave_waiting(true);
	ck_assert_int_eq(fsck(MARU_FSCK_REPAIR, &res), -EBUSY);
	ck_assert_ptr_nonnull(strstr(maru_errmsg(), "devices"));
	ck_assert_uint_eq(res.faults, 1);
	ck_assert_uint_eq(res.fixed, 0);
	ck_assert_uint_eq(still_waiting(), 1);
	wait_is_over();
	ck_assert_int_eq(fsck(MARU_FSCK_REPAIR, &res), 0);
	ck_assert_uint_eq(res.fixed, 1);
	ck_assert_uint_eq(res.freed, 1);
	ck_assert_uint_eq(still_waiting(), 0);
	ck_assert_int_eq(test_get(test_open(0), 1, 100), 0);
}
END_TEST

START_TEST(a_repair_reaps_first_so_that_the_dead_get_their_delay)
{
	struct maru_pool *pool = wait_pool(DAY_MS, 16);
	pid_t writer = test_staying(wait_writer, 5000);
	struct maru_fsck_result res;

	test_close(pool);
	test_kill(writer);
	ck_assert_int_eq(fsck(MARU_FSCK_REPAIR | MARU_FSCK_REBUILD, &res),
			 -EBUSY);
	ck_assert_uint_eq(still_waiting(), 1);
	ck_assert_int_eq(fsck(MARU_FSCK_REPAIR, &res), 0);
	ck_assert_uint_eq(still_waiting(), 1);
	wait_is_over();
	ck_assert_int_eq(fsck(MARU_FSCK_REPAIR | MARU_FSCK_REBUILD, &res), 0);
	ck_assert_uint_eq(res.freed, 1);
	ck_assert_uint_eq(still_waiting(), 0);
}
END_TEST

static unsigned faults_by_number[64];

static void note_fault(void *ctx, const struct maru_fault *fault)
{
	(void)ctx;
	faults_by_number[fault->invariant % 64]++;
}

static unsigned faults_of(struct maru_pool *p, unsigned invariant)
{
	memset(faults_by_number, 0, sizeof(faults_by_number));
	ck_assert_int_ge(maru_check(p, note_fault, NULL), 0);
	return faults_by_number[invariant];
}

START_TEST(a_block_that_waits_for_nobody_is_a_fault)
{
	struct maru_pool *p = wait_pool(DAY_MS, 16), *look;
	uint32_t idx = wait_begun(p);
	a64 *word = &slab_block(&p->slab, idx)->word;
	a16 *cell = ledger_cell(&p->slab, GHOST, idx);
	uint64_t w = room_word(p, idx);

	ck_assert_uint_eq(faults_of(p, 5), 0);
	a16_store_full(cell, 0);
	ck_assert_uint_eq(faults_of(p, 5), 1);
	a16_store_full(cell, CELL_OWN);
	/* of a slot that there is not; of its slot's next client */
	a64_store_full(word, w + (9 << 8));
	ck_assert_uint_eq(faults_of(p, 2), 1);
	a64_store_full(word, w + (1 << 20));
	look = test_open(MARU_OPEN_RDONLY | MARU_OPEN_INSPECT);
	test_close(p);
	ck_assert_uint_eq(faults_of(look, 21), 1);
	p = test_open(0);
	test_close(look);
	a64_store_full(&slab_block(&p->slab, idx)->word, w);
	wait_make_due(p, GHOST);
}
END_TEST

/* Making -------------------------------------------------------------------- */

static struct maru_super made(uint32_t quarantine_ms)
{
	struct maru_create_opts o = test_opts();
	struct maru_pool *look;
	struct maru_super super;

	o.quarantine_ms = quarantine_ms;
	test_format(&o);
	look = test_open(MARU_OPEN_RDONLY);
	ck_assert_int_eq(maru_inspect_super(look, &super), 0);
	test_close(look);
	return super;
}

START_TEST(a_pool_has_the_delay_it_was_made_with_and_the_feature)
{
	ck_assert_uint_eq(made(0).quarantine_ms, 2000);
	ck_assert_uint_eq(made(0).incompat, MEDIA_INCOMPAT_QUARANTINE);
	ck_assert_uint_eq(made(17).quarantine_ms, 17);
	ck_assert_uint_eq(made(DAY_MS).quarantine_ms, DAY_MS);
	ck_assert_uint_eq(made(MARU_QUARANTINE_NONE).quarantine_ms, 0);
	ck_assert_uint_eq(made(MARU_QUARANTINE_NONE).incompat, 0);
}
END_TEST

START_TEST(a_delay_of_more_than_a_day_is_refused)
{
	struct maru_create_opts o = test_opts();
	int fd;

	o.quarantine_ms = DAY_MS + 1;
	ck_assert_int_eq(maru_create_mem(&o, &fd), -EINVAL);
	ck_assert_ptr_nonnull(strstr(maru_errmsg(), "quarantine_ms"));
	o.quarantine_ms = MARU_QUARANTINE_NONE - 1;
	ck_assert_int_eq(maru_create_mem(&o, &fd), -EINVAL);
	o = test_opts();
	o.reserved = 1;
	ck_assert_int_eq(maru_create_mem(&o, &fd), -EINVAL);
}
END_TEST

START_TEST(a_delay_and_its_feature_go_together)
{
	struct maru_pool *p = wait_pool(DELAY_MS, 16);
	struct media_region *r = media_region(&p->media, 0);
	struct media_super was = r->sb, sb = was;

	ck_assert_int_eq(media_super_check(&was, was.region_bytes, "p"), 0);
	for (unsigned i = 0; i < 3; i++) {
		sb = was;
		sb.quarantine_ms = i == 0 ? 0 : i == 1 ? DAY_MS + 1 : 1;
		sb.incompat = i == 2 ? 0 : was.incompat;
		media_super_write(r, &sb);
		ck_assert_int_eq(media_super_check(&sb, was.region_bytes, "p"),
				 MARU_E_CORRUPT);
	}
	media_super_write(r, &was);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		a_reaper_that_is_killed_between_the_phases_is_continued,
		a_reaper_that_died_in_the_first_phase_is_continued_from_its_note,
		a_reaper_that_died_before_its_note_costs_no_safety,
		a_reaper_that_died_in_the_second_phase_is_continued,
		only_its_own_slot_ends_a_blocks_quarantine,
		two_reapers_do_each_phase_once,
		the_reaped_zombies_of_who_waits_are_somebodys_debt,
		who_opens_ends_what_is_due_and_nothing_else,
		slots_that_are_full_of_what_waits_say_so,
		a_pool_is_left_clean_though_something_waits,
		what_waits_is_no_fault_and_a_repair_leaves_it_be,
		a_repair_that_would_free_what_waits_is_refused_until_due,
		a_repair_reaps_first_so_that_the_dead_get_their_delay,
		a_block_that_waits_for_nobody_is_a_fault,
		a_pool_has_the_delay_it_was_made_with_and_the_feature,
		a_delay_of_more_than_a_day_is_refused,
		a_delay_and_its_feature_go_together,
	};

	return test_run("end of a quarantine", TEST_TMPFS, tests,
			TEST_LEN(tests));
}
