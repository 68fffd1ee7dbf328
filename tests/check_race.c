// SPDX-License-Identifier: BSD-3-Clause
/* Processes that want the same thing at the same time. */
#include "common.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define RACERS 4
#define ROUNDS 1000

/* Beside the scene: a starting line, and what everybody got. */
struct race {
	pthread_barrier_t line;
	int16_t rc[ROUNDS][RACERS];
	int64_t sum[RACERS][8];
	uint32_t over; /* by relaxed atomics */
};

static struct race *race;

static void race_make(unsigned racers)
{
	pthread_barrierattr_t attr;

	race = mmap(NULL, sizeof(*race), PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(race, MAP_FAILED);
	pthread_barrierattr_init(&attr);
	pthread_barrierattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
	ck_assert_int_eq(pthread_barrier_init(&race->line, &attr, racers), 0);
}

static void line_up(void)
{
	pthread_barrier_wait(&race->line);
}

static void run(test_client_fn fn)
{
	pid_t pid[RACERS];

	race_make(RACERS);
	for (unsigned i = 0; i < RACERS; i++)
		pid[i] = test_client(fn, i);
	for (unsigned i = 0; i < RACERS; i++)
		test_ended(pid[i]);
}

/* In each round one racer got @first and every other one @rest. */
static void one_winner(int first, int rest)
{
	for (unsigned round = 0; round < TEST_ROUNDS(ROUNDS); round++) {
		unsigned won = 0;

		for (unsigned i = 0; i < RACERS; i++) {
			int rc = race->rc[round][i];

			ck_assert_msg(rc == first || rc == rest, "round %u: %d",
				      round, rc);
			won += rc == first;
		}
		ck_assert_msg(won == 1, "round %u: %u winners", round, won);
	}
}

static void store_each(struct maru_pool *pool, unsigned me)
{
	for (unsigned round = 0; round < TEST_ROUNDS(ROUNDS); round++) {
		line_up();
		race->rc[round][me] = (int16_t)test_put(pool, round, 100 + me);
	}
}

START_TEST(of_many_that_store_a_key_one_wins)
{
	struct maru_pool *pool = test_pool(NULL);

	run(store_each);
	one_winner(0, MARU_EXISTED);
	for (unsigned round = 0; round < TEST_ROUNDS(ROUNDS); round++)
		for (unsigned i = 0; i < RACERS; i++)
			if (race->rc[round][i] == 0)
				ck_assert_int_eq(test_get(pool, round, 100 + i),
						 0);
}
END_TEST

static void commit_each(struct maru_pool *pool, unsigned me)
{
	char key[TEST_KEY];

	for (unsigned round = 0; round < TEST_ROUNDS(ROUNDS); round++) {
		size_t klen = test_key(key, round);
		struct maru_view view;
		struct maru_commit_opts o = { .size = sizeof(o),
					      .view = &view };
		struct maru_buf buf;
		int rc;

		ck_assert_int_eq(maru_alloc(pool, 5000, &buf), 0);
		test_fill(buf.data, 5000, round);
		line_up();
		rc = maru_commit(pool, &buf, key, klen, &o);
		race->rc[round][me] = (int16_t)rc;
		ck_assert_uint_eq(view.len, 5000);
		ck_assert(test_verify(view.data, view.len, round));
		ck_assert_int_eq(maru_release(pool, &view), 0);
	}
}

START_TEST(of_many_that_commit_a_key_one_wins_and_all_get_its_value)
{
	struct maru_pool *pool = test_pool(NULL);

	run(commit_each);
	one_winner(0, MARU_EXISTED);
	ck_assert_uint_eq(test_stats(pool).entries, TEST_ROUNDS(ROUNDS));
}
END_TEST

/* Whoever gets the claim writes; the others wait and read. */
static void compute_once(struct maru_pool *pool, unsigned me)
{
	char key[TEST_KEY];

	for (unsigned round = 0; round < TEST_ROUNDS(ROUNDS); round++) {
		size_t klen = test_key(key, round);
		struct maru_buf buf;
		int rc;

		line_up();
		rc = maru_reserve(pool, key, klen, 3000, &buf);
		race->rc[round][me] = (int16_t)(rc == 0 ? 0 : 1);
		if (rc == 0) {
			test_fill(buf.data, 3000, round);
			rc = maru_commit(pool, &buf, NULL, 0, NULL);
			ck_assert_int_eq(rc, 0);
		} else if (rc == -EINPROGRESS) {
			ck_assert_int_eq(maru_wait(pool, key, klen, -1), 0);
		} else {
			ck_assert_int_eq(rc, MARU_EXISTED);
		}
		ck_assert_int_eq(test_get(pool, round, 3000), 0);
	}
}

START_TEST(of_many_that_reserve_a_key_one_computes_it)
{
	struct maru_pool *pool = test_pool(NULL);

	run(compute_once);
	one_winner(0, 1);
	ck_assert_uint_eq(test_stats(pool).total.stores, TEST_ROUNDS(ROUNDS));
}
END_TEST

/* One claims and commits; the other deletes until the value has gone. */
static void claim_or_delete(struct maru_pool *pool, unsigned me)
{
	struct maru_buf buf;
	uint64_t rnd = 1;
	int rc;

	test_disturb(me);
	for (unsigned round = 0; round < TEST_ROUNDS(300); round++) {
		if (me == 0)
			ck_assert_int_eq(maru_reserve(pool, S("k"), 8, &buf),
					 0);
		line_up();
		/* not to wait for anything: to meet another instruction */
		for (uint64_t n = test_random(&rnd) % 512; me == 0 && n; n--)
			ck_assert_int_eq(maru_exists(pool, S("k")), 0);
		if (me == 0)
			ck_assert_int_eq(maru_commit(pool, &buf, NULL, 0, NULL),
					 0);
		else
			do {
				rc = maru_delete(pool, S("k"));
				ck_assert_int_ne(rc, -ENOENT);
			} while (rc != 0);
		line_up();
	}
	test_disturb_end();
}

START_TEST(a_delete_during_a_commit_meets_the_claim_or_the_value)
{
	pid_t pid[2];

	test_pool(NULL);
	race_make(2);
	for (unsigned i = 0; i < 2; i++)
		pid[i] = test_client(claim_or_delete, i);
	for (unsigned i = 0; i < 2; i++)
		test_ended(pid[i]);
}
END_TEST

static void delete_each(struct maru_pool *pool, unsigned me)
{
	for (unsigned round = 0; round < TEST_ROUNDS(ROUNDS); round++) {
		line_up();
		race->rc[round][me] = (int16_t)test_drop(pool, round);
	}
}

START_TEST(of_many_that_delete_a_key_one_does)
{
	struct maru_pool *pool = test_pool(NULL);

	for (unsigned round = 0; round < TEST_ROUNDS(ROUNDS); round++)
		ck_assert_int_eq(test_put(pool, round, 10), 0);
	run(delete_each);
	one_winner(0, -ENOENT);
	ck_assert_uint_eq(test_stats(pool).used_bytes, 0);
}
END_TEST

/* What is stored minus what is deleted is what is there. */
static void come_and_go(struct maru_pool *pool, unsigned me)
{
	uint64_t rnd = me;

	line_up();
	for (unsigned i = 0; i < TEST_ROUNDS(20000); i++) {
		uint64_t r = test_random(&rnd);
		unsigned no = r % 8;
		int rc;

		if (r & 256) {
			rc = test_put(pool, no, 64);
			ck_assert(rc == 0 || rc == MARU_EXISTED);
			race->sum[me][no] += rc == 0;
		} else {
			rc = test_drop(pool, no);
			ck_assert(rc == 0 || rc == -ENOENT);
			race->sum[me][no] -= rc == 0;
		}
	}
}

START_TEST(stores_and_deletes_balance)
{
	struct maru_pool *pool = test_pool(NULL);
	uint64_t there = 0;

	run(come_and_go);
	for (unsigned no = 0; no < 8; no++) {
		int64_t sum = 0;

		for (unsigned i = 0; i < RACERS; i++)
			sum += race->sum[i][no];
		ck_assert_int_eq(sum, test_has(pool, no));
		there += (uint64_t)sum;
	}
	ck_assert_uint_eq(test_stats(pool).entries, there);
	ck_assert_uint_eq(test_stats(pool).used_bytes, there * 4096);
}
END_TEST

/* Values tell who they are: the number they follow from comes first. */
static int put_signed(struct maru_pool *pool, uint64_t key_no, uint64_t no)
{
	uint64_t val[300];
	char key[TEST_KEY];

	val[0] = no;
	test_fill(val + 1, sizeof(val) - sizeof(val[0]), no);
	return maru_store(pool, key, test_key(key, key_no), val, sizeof(val));
}

static void view_is_whole(const struct maru_view *view)
{
	uint64_t no;

	ck_assert_uint_eq(view->len, 300 * sizeof(no));
	memcpy(&no, view->data, sizeof(no));
	ck_assert(test_verify((const char *)view->data + sizeof(no),
			      view->len - sizeof(no), no));
}

static void mix(struct maru_pool *pool, unsigned me)
{
	struct maru_view view[4];
	uint64_t rnd = me + 1;
	unsigned held = 0;

	line_up();
	for (unsigned i = 0; i < TEST_ROUNDS(20000); i++) {
		uint64_t r = test_random(&rnd);
		unsigned no = r % 6;
		int rc = 0;

		switch (r >> 32 & 7) {
		case 0:
		case 1:
			rc = put_signed(pool, no, r);
			break;
		case 2:
		case 3:
			rc = test_drop(pool, no);
			break;
		case 4:
			rc = test_has(pool, no);
			break;
		default:
			if (held == TEST_LEN(view)) {
				while (held > 0) {
					view_is_whole(&view[--held]);
					rc |= maru_release(pool, &view[held]);
				}
				ck_assert_int_eq(rc, 0);
			}
			rc = test_hold(pool, no, &view[held]);
			if (rc == 0)
				view_is_whole(&view[held++]);
		}
		ck_assert_msg(rc == 0 || rc == 1 || rc == -ENOENT ||
				      rc == -EBUSY,
			      "op %u: %d", (unsigned)(r >> 32 & 7), rc);
	}
	while (held > 0) {
		view_is_whole(&view[--held]);
		ck_assert_int_eq(maru_release(pool, &view[held]), 0);
	}
}

START_TEST(views_stay_whole_while_others_delete_and_store)
{
	test_pool(NULL);
	run(mix);
}
END_TEST

/* More than fits: everybody evicts what the others store. */
static void overfill(struct maru_pool *pool, unsigned me)
{
	uint64_t rnd = me;

	line_up();
	for (unsigned i = 0; i < TEST_ROUNDS(3000); i++) {
		unsigned no = (unsigned)(test_random(&rnd) % 1000);
		size_t len = 40000 + no * 64;
		struct maru_view view;
		int rc = test_put(pool, no, len);

		ck_assert_msg(rc == 0 || rc == MARU_EXISTED, "store: %d", rc);
		rc = test_hold(pool, no, &view);
		if (rc == -ENOENT)
			continue;
		ck_assert_int_eq(rc, 0);
		ck_assert_uint_eq(view.len, len);
		ck_assert(test_verify(view.data, len, no));
		ck_assert_int_eq(maru_release(pool, &view), 0);
	}
}

START_TEST(all_find_room_in_a_pool_too_small_for_them)
{
	struct maru_pool *pool = test_pool(NULL);

	run(overfill);
	ck_assert_uint_gt(test_stats(pool).total.evictions, 0);
	ck_assert_uint_eq(test_stats(pool).total.no_room, 0);
}
END_TEST

static void come_and_leave(struct maru_pool *pool, unsigned me)
{
	line_up();
	for (unsigned i = 0; i < TEST_ROUNDS(300); i++) {
		struct maru_pool *more;

		ck_assert_int_eq(maru_open(test_target(), NULL, &more), 0);
		ck_assert_int_ge(test_put(more, me * 1000 + i, 10), 0);
		ck_assert_int_eq(maru_pin(more, S("number 1"), 1), 0);
		ck_assert_int_eq(maru_close(more, MARU_CLOSE_FORCE), 0);
		ck_assert_int_eq(test_get(pool, me * 1000 + i, 10), 0);
	}
}

START_TEST(many_open_and_close_at_once)
{
	struct maru_pool *pool = test_pool(NULL);

	ck_assert_int_eq(test_put(pool, 1, 10), 0);
	run(come_and_leave);
	ck_assert_uint_eq(test_stats(pool).clients, 1);
	ck_assert_uint_eq(test_stats(pool).pins, 0);
}
END_TEST

static void churn_odd(struct maru_pool *pool, unsigned me)
{
	uint64_t rnd = me;

	while (__atomic_load_n(&race->over, __ATOMIC_RELAXED) == 0) {
		unsigned no = 1 + (unsigned)(test_random(&rnd) % 500) * 2;

		if (test_put(pool, no, 50) == MARU_EXISTED)
			test_drop(pool, no);
	}
}

START_TEST(a_walk_sees_what_stays_once_while_others_churn)
{
	struct maru_pool *pool = test_pool(NULL);
	struct maru_entry *e = malloc(sizeof(*e));
	pid_t pid;

	for (unsigned no = 0; no < 1000; no += 2)
		ck_assert_int_eq(test_put(pool, no, 50), 0);
	race_make(1);
	pid = test_client(churn_odd, 0);
	for (unsigned i = 0; i < TEST_ROUNDS(200); i++) {
		struct maru_iter it = { 0 };
		unsigned even = 0;

		while (maru_iter_next(pool, &it, e) == 1)
			even += (e->key[e->klen - 1] - '0') % 2 == 0;
		ck_assert_uint_eq(even, 500);
	}
	__atomic_store_n(&race->over, 1, __ATOMIC_RELAXED);
	test_ended(pid);
	free(e);
}
END_TEST

static void read_only_reader(struct maru_pool *pool, unsigned me)
{
	struct maru_open_opts o = { .size = sizeof(o),
				    .flags = MARU_OPEN_RDONLY };
	uint64_t val[300], reads = 0;
	char key[TEST_KEY];
	size_t len;

	(void)me;
	ck_assert_int_eq(maru_open(test_target(), &o, &pool), 0);
	test_post(&test_scene->ready);
	while (__atomic_load_n(&race->over, __ATOMIC_RELAXED) == 0) {
		int rc = maru_read(pool, key, test_key(key, reads++ % 6), val,
				   sizeof(val), &len);
		struct maru_view view = { val, len, { 0, 0 } };

		ck_assert(rc == 0 || rc == -ENOENT || rc == -EAGAIN);
		if (rc == 0)
			view_is_whole(&view);
	}
	ck_assert_int_eq(maru_close(pool, 0), 0);
}

START_TEST(a_read_only_reader_never_sees_a_torn_value)
{
	struct maru_pool *pool = test_pool(NULL);
	uint64_t rnd = 5;
	pid_t pid;

	race_make(1);
	pid = test_fork(read_only_reader, 0);
	test_pass(&test_scene->ready);
	for (unsigned i = 0; i < TEST_ROUNDS(100000); i++) {
		uint64_t r = test_random(&rnd);

		if (put_signed(pool, r % 6, r) == MARU_EXISTED)
			ck_assert_int_eq(test_drop(pool, r % 6), 0);
	}
	__atomic_store_n(&race->over, 1, __ATOMIC_RELAXED);
	test_ended(pid);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		of_many_that_store_a_key_one_wins,
		of_many_that_commit_a_key_one_wins_and_all_get_its_value,
		of_many_that_reserve_a_key_one_computes_it,
		a_delete_during_a_commit_meets_the_claim_or_the_value,
		of_many_that_delete_a_key_one_does,
		stores_and_deletes_balance,
		views_stay_whole_while_others_delete_and_store,
		all_find_room_in_a_pool_too_small_for_them,
		many_open_and_close_at_once,
		a_walk_sees_what_stays_once_while_others_churn,
		a_read_only_reader_never_sees_a_torn_value,
	};

	return test_run("races", TEST_MEDIA, tests, TEST_LEN(tests));
}
