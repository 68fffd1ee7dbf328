// SPDX-License-Identifier: BSD-3-Clause
/* Clients that are killed or stopped: the others lose and leak nothing. */
#include "common.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void pin_and_stay(struct maru_pool *pool, unsigned count)
{
	struct maru_view view;

	ck_assert_int_eq(maru_pin(pool, S("number 1"), count), 0);
	ck_assert_int_eq(test_hold(pool, 1, &view), 0);
	test_stay();
}

static void write_and_stay(struct maru_pool *pool, unsigned len)
{
	struct maru_buf buf;

	ck_assert_int_eq(maru_alloc(pool, len, &buf), 0);
	memset(buf.data, 0x77, len);
	test_stay();
}

static void claim_and_stay(struct maru_pool *pool, unsigned len)
{
	struct maru_buf buf;

	ck_assert_int_eq(maru_reserve(pool, S("number 1"), len, &buf), 0);
	memset(buf.data, 0x77, len);
	test_stay();
}

static void put_and_stay(struct maru_pool *pool, unsigned nr)
{
	for (unsigned no = 0; no < nr; no++)
		ck_assert_int_eq(test_put(pool, no, no * 100), 0);
	test_stay();
}

START_TEST(what_the_dead_has_stored_stays)
{
	struct maru_pool *pool = test_pool(NULL);

	test_kill(test_staying(put_and_stay, 50));
	ck_assert_int_eq(maru_reap(pool), 1);
	ck_assert_uint_eq(test_stats(pool).entries, 50);
	for (unsigned no = 0; no < 50; no++)
		ck_assert_int_eq(test_get(pool, no, no * 100), 0);
}
END_TEST

START_TEST(pins_of_the_dead_are_void_after_reap)
{
	struct maru_pool *pool = test_pool(NULL);
	pid_t holder;

	ck_assert_int_eq(test_put(pool, 1, 5000), 0);
	holder = test_staying(pin_and_stay, 5);
	ck_assert_uint_eq(test_stats(pool).pins, 6);
	ck_assert_int_eq(test_drop(pool, 1), -EBUSY);
	ck_assert_int_eq(maru_reap(pool), 0);
	test_kill(holder);
	ck_assert_int_eq(maru_reap(pool), 1);
	ck_assert_uint_eq(test_stats(pool).pins, 0);
	ck_assert_int_eq(test_drop(pool, 1), 0);
	ck_assert_int_eq(maru_reap(pool), 0);
}
END_TEST

START_TEST(delete_reaps_a_dead_holder_by_itself)
{
	struct maru_pool *pool = test_pool(NULL);
	pid_t holder;

	ck_assert_int_eq(test_put(pool, 1, 5000), 0);
	holder = test_staying(pin_and_stay, 1);
	ck_assert_int_eq(test_drop(pool, 1), -EBUSY);
	test_kill(holder);
	ck_assert_int_eq(test_drop(pool, 1), 0);
}
END_TEST

START_TEST(pins_of_the_living_outlast_the_dead)
{
	struct maru_pool *pool = test_pool(NULL);
	pid_t holder;

	ck_assert_int_eq(test_put(pool, 1, 5000), 0);
	ck_assert_int_eq(maru_pin(pool, S("number 1"), 2), 0);
	holder = test_staying(pin_and_stay, 5);
	test_kill(holder);
	ck_assert_int_eq(maru_reap(pool), 1);
	ck_assert_uint_eq(test_stats(pool).pins, 2);
	ck_assert_int_eq(test_drop(pool, 1), -EBUSY);
	ck_assert_int_eq(maru_unpin(pool, S("number 1"), 2), 0);
}
END_TEST

START_TEST(buffers_of_the_dead_are_free_again)
{
	struct maru_pool *pool = test_pool(NULL);
	pid_t writer = test_staying(write_and_stay, 100000);

	ck_assert_uint_eq(test_stats(pool).buffers, 1);
	test_kill(writer);
	ck_assert_int_eq(maru_reap(pool), 1);
	ck_assert_uint_eq(test_stats(pool).buffers, 0);
	ck_assert_uint_eq(test_stats(pool).used_bytes, 0);
	ck_assert_uint_eq(test_stats(pool).total.reaps, 1);
	ck_assert_uint_eq(test_stats(pool).total.reaped_blocks, 1);
}
END_TEST

START_TEST(lack_of_room_reaps_by_itself)
{
	struct maru_pool *pool = test_pool(NULL);
	size_t all = test_stats(pool).data_bytes;
	pid_t writer = test_staying(write_and_stay, (unsigned)all);

	ck_assert_int_eq(test_put(pool, 1, 10), -ENOSPC);
	test_kill(writer);
	ck_assert_int_eq(test_put(pool, 1, 10), 0);
	ck_assert_int_eq(test_put(pool, 2, all), 0);
}
END_TEST

START_TEST(lack_of_room_takes_what_the_dead_had_pinned)
{
	struct maru_pool *pool = test_pool(NULL);
	size_t all = test_stats(pool).data_bytes;
	pid_t holder;

	ck_assert_int_eq(test_put(pool, 1, all), 0);
	holder = test_staying(pin_and_stay, 1);
	ck_assert_int_eq(test_put(pool, 2, 10), -ENOSPC);
	test_kill(holder);
	ck_assert_int_eq(test_put(pool, 2, 10), 0);
	ck_assert_int_eq(test_has(pool, 1), 0);
}
END_TEST

START_TEST(open_reaps_when_all_slots_are_taken)
{
	struct maru_create_opts o = test_opts();
	struct maru_pool *pool;
	pid_t one, two;

	o.max_clients = 2;
	test_format(&o);
	one = test_staying(put_and_stay, 0);
	two = test_staying(put_and_stay, 0);
	ck_assert_int_eq(maru_open(test_target(), NULL, &pool), -EUSERS);
	test_kill(one);
	pool = test_open(0);
	ck_assert_uint_eq(test_stats(pool).clients, 2);
	test_kill(two);
}
END_TEST

START_TEST(a_claim_of_the_dead_can_be_taken)
{
	struct maru_pool *pool = test_pool(NULL);
	pid_t claimer = test_staying(claim_and_stay, 100);
	struct maru_buf buf;

	ck_assert_int_eq(maru_reserve(pool, S("number 1"), 100, &buf),
			 -EINPROGRESS);
	test_kill(claimer);
	ck_assert_int_eq(maru_reserve(pool, S("number 1"), 100, &buf), 0);
	test_fill(buf.data, 100, 1);
	ck_assert_int_eq(maru_commit(pool, &buf, NULL, 0, NULL), 0);
	ck_assert_int_eq(test_get(pool, 1, 100), 0);
}
END_TEST

static void wait_for_1(struct maru_pool *pool, unsigned no)
{
	(void)no;
	test_post(&test_scene->ready);
	test_scene->no[0] = maru_wait(pool, S("number 1"), -1);
}

START_TEST(a_wait_ends_with_the_claimers_death)
{
	struct maru_pool *pool = test_pool(NULL);
	pid_t claimer = test_staying(claim_and_stay, 100), waiter;

	waiter = test_staying(wait_for_1, 0);
	ck_assert_int_eq(maru_wait(pool, S("number 1"), 0), -ETIMEDOUT);
	test_kill(claimer);
	test_ended(waiter);
	ck_assert_int_eq(test_scene->no[0], -ENOENT);
	ck_assert_int_eq(maru_wait(pool, S("number 1"), -1), -ENOENT);
}
END_TEST

START_TEST(a_stopped_claimer_keeps_nobody_from_storing)
{
	struct maru_pool *pool = test_pool(NULL);
	pid_t claimer = test_staying(claim_and_stay, 100);
	struct maru_buf buf;

	test_stop(claimer);
	ck_assert_int_eq(maru_reserve(pool, S("number 1"), 100, &buf),
			 -EINPROGRESS);
	ck_assert_int_eq(test_put(pool, 1, 50), 0);
	ck_assert_int_eq(test_get(pool, 1, 50), 0);
	ck_assert_int_eq(maru_wait(pool, S("number 1"), 0), 0);
	ck_assert_int_eq(maru_reap(pool), 0);
	ck_assert_uint_eq(test_stats(pool).buffers, 1);
	test_kill(claimer);
}
END_TEST

static void claim_and_commit_late(struct maru_pool *pool, unsigned len)
{
	struct maru_buf buf;

	ck_assert_int_eq(maru_reserve(pool, S("number 1"), len, &buf), 0);
	test_stay();
	test_fill(buf.data, len, 99);
	test_scene->no[0] = maru_commit(pool, &buf, NULL, 0, NULL);
}

START_TEST(a_stopped_claimer_that_wakes_finds_the_winner)
{
	struct maru_pool *pool = test_pool(NULL);
	pid_t claimer = test_staying(claim_and_commit_late, 100);

	test_stop(claimer);
	ck_assert_int_eq(test_put(pool, 1, 50), 0);
	test_post(&test_scene->go);
	ck_assert_int_eq(kill(claimer, SIGCONT), 0);
	test_ended(claimer);
	ck_assert_int_eq(test_scene->no[0], MARU_EXISTED);
	ck_assert_int_eq(test_get(pool, 1, 50), 0);
}
END_TEST

START_TEST(a_stopped_holder_is_not_taken_for_dead)
{
	struct maru_pool *pool = test_pool(NULL);
	pid_t holder;

	ck_assert_int_eq(test_put(pool, 1, 60000), 0);
	holder = test_staying(pin_and_stay, 1);
	test_stop(holder);
	ck_assert_int_eq(maru_reap(pool), 0);
	ck_assert_int_eq(test_drop(pool, 1), -EBUSY);
	for (unsigned no = 2; no < 1500; no++)
		ck_assert_int_eq(test_put(pool, no, 60000), 0);
	ck_assert_int_eq(test_get(pool, 1, 60000), 0);
	ck_assert_uint_eq(test_stats(pool).pins, 2);
	test_kill(holder);
}
END_TEST

START_TEST(the_dead_are_listed_until_reaped)
{
	struct maru_pool *pool = test_pool(NULL);
	struct maru_client c[3];
	pid_t writer = test_staying(write_and_stay, 100);

	ck_assert_int_eq(maru_clients(pool, c, 3), 2);
	ck_assert_int_eq(c[1].pid, writer);
	ck_assert_int_eq(c[1].alive, 1);
	test_kill(writer);
	ck_assert_int_eq(maru_clients(pool, c, 3), 2);
	ck_assert_int_eq(c[1].alive, 0);
	ck_assert_int_eq(maru_reap(pool), 1);
	ck_assert_int_eq(maru_clients(pool, c, 3), 1);
}
END_TEST

START_TEST(a_reused_slot_starts_with_nothing)
{
	struct maru_create_opts o = test_opts();
	struct maru_pool *pool;

	o.max_clients = 2;
	pool = test_pool(&o);
	ck_assert_int_eq(test_put(pool, 1, 100), 0);
	for (unsigned i = 0; i < 20; i++) {
		pid_t holder = test_staying(pin_and_stay, 3);

		/* The slot of the one before, reaped by this open. */
		ck_assert_uint_eq(test_stats(pool).pins, 4);
		test_kill(holder);
	}
	ck_assert_int_eq(maru_reap(pool), 1);
	ck_assert_uint_eq(test_stats(pool).pins, 0);
}
END_TEST

START_TEST(a_reap_for_want_of_a_slot_is_counted)
{
	struct maru_create_opts o = test_opts();
	struct maru_pool *pool;

	o.max_clients = 2;
	pool = test_pool(&o);
	test_kill(test_staying(write_and_stay, 100));
	ck_assert_uint_eq(test_stats(test_open(0)).total.reaps, 1);
	ck_assert_uint_eq(test_stats(pool).total.reaped_blocks, 1);
}
END_TEST

START_TEST(what_the_dead_had_counted_stays_counted)
{
	struct maru_pool *pool = test_pool(NULL);

	for (unsigned i = 1; i <= 5; i++) {
		test_kill(test_staying(put_and_stay, 10));
		ck_assert_int_eq(maru_reap(pool), 1);
		ck_assert_int_eq(maru_clear(pool, NULL), 0);
		ck_assert_uint_eq(test_stats(pool).total.stores, 10 * i);
	}
}
END_TEST

START_TEST(a_pool_whose_clients_all_died_opens)
{
	struct maru_pool *pool;
	pid_t one, two;

	test_format(NULL);
	one = test_staying(put_and_stay, 20);
	two = test_staying(write_and_stay, 50000);
	test_kill(one);
	test_kill(two);
	pool = test_open(0);
	ck_assert_int_ge(maru_reap(pool), 0);
	ck_assert_uint_eq(test_stats(pool).clients, 1);
	ck_assert_uint_eq(test_stats(pool).buffers, 0);
	for (unsigned no = 0; no < 20; no++)
		ck_assert_int_eq(test_get(pool, no, no * 100), 0);
}
END_TEST

/* Opens, and is killed while others do: all slots are in use at once. */
static void join_and_stay(struct maru_pool *pool, unsigned no)
{
	ck_assert_int_ge(test_put(pool, no, 10), 0);
	test_stay();
}

START_TEST(many_deaths_at_once_are_all_reaped)
{
	struct maru_pool *pool = test_pool(NULL);
	pid_t pid[15];

	for (unsigned i = 0; i < TEST_LEN(pid); i++)
		pid[i] = test_staying(join_and_stay, i);
	ck_assert_uint_eq(test_stats(pool).clients, 16);
	for (unsigned i = 0; i < TEST_LEN(pid); i++)
		test_kill(pid[i]);
	ck_assert_int_eq(maru_reap(pool), TEST_LEN(pid));
	ck_assert_uint_eq(test_stats(pool).clients, 1);
}
END_TEST

/* A mixed load without an end, checked as it goes. */
static void work(struct maru_pool *pool, unsigned seed)
{
	uint64_t rnd = seed;

	test_post(&test_scene->ready);
	for (;;) {
		uint64_t r = test_random(&rnd);
		unsigned no = (unsigned)(r >> 8) % 64;
		size_t len = no * 700;
		struct maru_view view;
		struct maru_buf buf;
		int rc;

		switch (r & 7) {
		case 0:
		case 1:
			ck_assert_int_ge(test_put(pool, no, len), 0);
			break;
		case 2:
			ck_assert_int_eq(maru_alloc(pool, len, &buf), 0);
			test_fill(buf.data, len, no);
			ck_assert_int_eq(maru_abort(pool, &buf), 0);
			break;
		case 3:
			test_drop(pool, no);
			break;
		default:
			rc = test_hold(pool, no, &view);
			ck_assert(rc == 0 || rc == -ENOENT);
			if (rc != 0)
				break;
			ck_assert_uint_eq(view.len, len);
			ck_assert(test_verify(view.data, len, no));
			ck_assert_int_eq(maru_release(pool, &view), 0);
		}
	}
}

START_TEST(a_hundred_deaths_at_work_leave_nothing_behind)
{
	struct maru_pool *pool = test_pool(NULL);
	unsigned deaths = TEST_ROUNDS(100);
	struct maru_stats st;
	uint64_t rnd = 42;

	for (unsigned i = 0; i < deaths; i++) {
		struct timespec t = { 0, 0 };
		pid_t pid = test_client(work, i);

		test_pass(&test_scene->ready);
		/* Not to wait for anything: to hit another instruction. */
		t.tv_nsec = (long)(test_random(&rnd) % 2000000);
		nanosleep(&t, NULL);
		test_kill(pid);
		ck_assert_int_eq(maru_reap(pool), 1);
		st = test_stats(pool);
		ck_assert_uint_eq(st.buffers, 0);
		ck_assert_uint_eq(st.pins, 0);
		test_sound(pool);
		for (unsigned no = 0; no < 64; no++) {
			int rc = test_get(pool, no, no * 700);

			ck_assert(rc == 0 || rc == -ENOENT);
		}
	}
	ck_assert_uint_eq(test_stats(pool).total.reaps, deaths);
}
END_TEST

static void *reap_in_a_thread(void *arg)
{
	return maru_reap(arg) >= 0 ? NULL : arg;
}

START_TEST(reapers_at_once_reap_each_dead_once)
{
	struct maru_pool *pool = test_pool(NULL), *other = test_open(0);

	for (unsigned round = 1; round <= TEST_ROUNDS(40); round++) {
		pthread_t t[4];
		void *bad;

		test_kill(test_staying(write_and_stay, 9000));
		for (unsigned i = 0; i < TEST_LEN(t); i++)
			ck_assert_int_eq(pthread_create(&t[i], NULL,
							reap_in_a_thread,
							i % 2 ? pool : other),
					 0);
		for (unsigned i = 0; i < TEST_LEN(t); i++) {
			ck_assert_int_eq(pthread_join(t[i], &bad), 0);
			ck_assert_ptr_null(bad);
		}
		ck_assert_int_ge(maru_reap(pool), 0);
		ck_assert_uint_eq(test_stats(pool).buffers, 0);
		ck_assert_uint_eq(test_stats(pool).total.reaps, round);
		ck_assert_uint_eq(test_stats(pool).total.reaped_blocks, round);
	}
}
END_TEST

START_TEST(a_thousand_comings_and_goings_bring_every_count_back)
{
	struct maru_pool *pool = test_pool(NULL);
	struct maru_stats st;

	for (unsigned i = 0; i < TEST_ROUNDS(1000); i++) {
		struct maru_pool *p;
		struct maru_view view;
		struct maru_buf buf;

		ck_assert_int_eq(maru_open(test_target(), NULL, &p), 0);
		ck_assert_int_eq(test_put(p, 1, 9), 0);
		ck_assert_int_eq(test_hold(p, 1, &view), 0);
		ck_assert_int_eq(maru_alloc(p, 9, &buf), 0);
		ck_assert_int_eq(maru_close(p, MARU_CLOSE_FORCE), 0);
		ck_assert_int_eq(test_drop(pool, 1), 0);
	}
	st = test_stats(pool);
	ck_assert_uint_eq(st.clients, 1);
	ck_assert_uint_eq(st.pins, 0);
	ck_assert_uint_eq(st.buffers, 0);
	ck_assert_uint_eq(st.used_bytes, 0);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		what_the_dead_has_stored_stays,
		pins_of_the_dead_are_void_after_reap,
		delete_reaps_a_dead_holder_by_itself,
		pins_of_the_living_outlast_the_dead,
		buffers_of_the_dead_are_free_again,
		lack_of_room_reaps_by_itself,
		lack_of_room_takes_what_the_dead_had_pinned,
		open_reaps_when_all_slots_are_taken,
		a_claim_of_the_dead_can_be_taken,
		a_wait_ends_with_the_claimers_death,
		a_stopped_claimer_keeps_nobody_from_storing,
		a_stopped_claimer_that_wakes_finds_the_winner,
		a_stopped_holder_is_not_taken_for_dead,
		the_dead_are_listed_until_reaped,
		a_reused_slot_starts_with_nothing,
		a_reap_for_want_of_a_slot_is_counted,
		what_the_dead_had_counted_stays_counted,
		a_pool_whose_clients_all_died_opens,
		many_deaths_at_once_are_all_reaped,
		a_hundred_deaths_at_work_leave_nothing_behind,
		reapers_at_once_reap_each_dead_once,
		a_thousand_comings_and_goings_bring_every_count_back,
	};

	return test_run("death", TEST_MEDIA, tests, TEST_LEN(tests));
}
