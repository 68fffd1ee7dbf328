// SPDX-License-Identifier: BSD-3-Clause
/* Room: what goes when there is none, what never goes, what comes back. */
#include "common.h"

#include <stdlib.h>
#include <string.h>

#define LEN 60000

/* About how many values of @len bytes fit, found by filling an empty pool. */
static unsigned fill_up(struct maru_pool *pool, size_t len)
{
	unsigned no = 0;

	/* To look at the stats is slow, so that is done now and then only. */
	while (no % 32 != 0 || test_stats(pool).total.evictions == 0)
		ck_assert_int_eq(test_put(pool, no++, len), 0);
	return no - 1;
}

static unsigned count(struct maru_pool *pool, unsigned from, unsigned to)
{
	unsigned n = 0;

	while (from < to)
		n += (unsigned)test_has(pool, from++);
	return n;
}

START_TEST(a_full_pool_makes_room_by_evicting)
{
	struct maru_pool *pool = test_pool(NULL);
	unsigned fit = fill_up(pool, LEN), last = 4 * fit;
	struct maru_stats st;

	for (unsigned no = fit + 1; no < last; no++) {
		ck_assert_int_eq(test_put(pool, no, LEN), 0);
		ck_assert_int_eq(test_get(pool, no, LEN), 0);
	}
	st = test_stats(pool);
	ck_assert_uint_ge(st.total.evictions, last - fit - 1);
	ck_assert_uint_ge(st.total.evict_bytes, st.total.evictions * LEN);
	ck_assert_uint_eq(st.total.no_room, 0);
	ck_assert_uint_eq(st.entries, count(pool, 0, last));
	for (unsigned no = 0; no < last; no++)
		if (test_has(pool, no) == 1)
			ck_assert_int_eq(test_get(pool, no, LEN), 0);
}
END_TEST

START_TEST(a_full_pool_is_nearly_full)
{
	struct maru_pool *pool = test_pool(NULL);
	struct maru_stats st;

	fill_up(pool, 4096);
	st = test_stats(pool);
	ck_assert_uint_ge(st.used_bytes, st.data_bytes / 10 * 9);
}
END_TEST

START_TEST(values_of_another_size_find_room_in_a_full_pool)
{
	static const size_t len[] = { 100, 4096, 20000, 300000, 3000000, 9 };
	struct maru_pool *pool = test_pool(NULL);
	unsigned no = 0;

	for (size_t i = 0; i < TEST_LEN(len); i++) {
		uint64_t sum = 0, much = test_stats(pool).data_bytes;

		/* Small values are too many to try them all. */
		if (len[i] < 4096)
			much /= 64;
		for (; sum < much; sum += len[i] + 4096, no++) {
			ck_assert_int_eq(test_put(pool, no, len[i]), 0);
			ck_assert_int_eq(test_get(pool, no, len[i]), 0);
		}
		test_sound(pool);
	}
	ck_assert_uint_eq(test_stats(pool).total.no_room, 0);
}
END_TEST

START_TEST(a_value_of_the_whole_data_area_evicts_all_others)
{
	struct maru_pool *pool = test_pool(NULL);
	size_t all = test_stats(pool).data_bytes;

	for (unsigned no = 1; no < 500; no++)
		ck_assert_int_eq(test_put(pool, no, no * 50), 0);
	ck_assert_int_eq(test_put(pool, 0, all), 0);
	ck_assert_int_eq(test_get(pool, 0, all), 0);
	ck_assert_uint_eq(test_stats(pool).entries, 1);
	ck_assert_int_eq(test_put(pool, 1, 10), 0);
	ck_assert_int_eq(test_has(pool, 0), 0);
}
END_TEST

START_TEST(held_entries_never_go)
{
	struct maru_pool *pool = test_pool(NULL);
	struct maru_view view;

	ck_assert_int_eq(test_put(pool, 0, LEN), 0);
	ck_assert_int_eq(test_hold(pool, 0, &view), 0);
	ck_assert_int_eq(maru_store(pool, S("pinned"), S("v")), 0);
	ck_assert_int_eq(maru_pin(pool, S("pinned"), 1), 0);
	for (unsigned no = 1; no < 2000; no++)
		ck_assert_int_eq(test_put(pool, no, LEN), 0);
	ck_assert(test_verify(view.data, view.len, 0));
	ck_assert_int_eq(test_has(pool, 0), 1);
	ck_assert_int_eq(maru_exists(pool, S("pinned")), 1);
	ck_assert_int_eq(maru_release(pool, &view), 0);
	ck_assert_int_eq(maru_unpin(pool, S("pinned"), 1), 0);
}
END_TEST

START_TEST(a_pool_that_is_all_held_has_no_room)
{
	struct maru_pool *pool = test_pool(NULL);
	struct maru_view view[2000];
	unsigned n;

	for (n = 0; n < TEST_LEN(view); n++) {
		int rc = test_put(pool, n, LEN);

		if (rc == -ENOSPC)
			break;
		ck_assert_int_eq(rc, 0);
		ck_assert_int_eq(test_hold(pool, n, &view[n]), 0);
	}
	ck_assert_uint_lt(n, TEST_LEN(view));
	ck_assert_uint_gt(n, 100);
	ck_assert_uint_gt(test_stats(pool).total.no_room, 0);
	ck_assert_uint_eq(test_stats(pool).total.evictions, 0);
	ck_assert_int_eq(maru_evict(pool, 1, NULL), -ENOSPC);
	for (unsigned no = 0; no < n; no++) {
		ck_assert(test_verify(view[no].data, view[no].len, no));
		ck_assert_int_eq(maru_release(pool, &view[no]), 0);
	}
	ck_assert_int_eq(test_put(pool, n, LEN), 0);
}
END_TEST

START_TEST(buffers_never_go)
{
	struct maru_pool *pool = test_pool(NULL);
	struct maru_buf buf[2000];
	unsigned n;

	for (n = 0; n < TEST_LEN(buf); n++) {
		int rc = maru_alloc(pool, LEN, &buf[n]);

		if (rc == -ENOSPC)
			break;
		ck_assert_int_eq(rc, 0);
		test_fill(buf[n].data, LEN, n);
	}
	ck_assert_uint_lt(n, TEST_LEN(buf));
	ck_assert_uint_eq(test_stats(pool).buffers, n);
	ck_assert_int_eq(test_put(pool, 1, LEN), -ENOSPC);
	for (unsigned no = 0; no < n; no++) {
		ck_assert(test_verify(buf[no].data, LEN, no));
		ck_assert_int_eq(maru_abort(pool, &buf[no]), 0);
	}
	ck_assert_uint_eq(test_stats(pool).used_bytes, 0);
}
END_TEST

START_TEST(a_store_without_room_leaves_nothing)
{
	struct maru_pool *pool = test_pool(NULL);
	struct maru_view view;
	size_t all = test_stats(pool).data_bytes;
	struct maru_buf buf;
	uint64_t used;

	ck_assert_int_eq(test_put(pool, 0, 10), 0);
	ck_assert_int_eq(test_hold(pool, 0, &view), 0);
	used = test_stats(pool).used_bytes;
	ck_assert_int_eq(test_put(pool, 1, all), -ENOSPC);
	ck_assert_int_eq(maru_alloc(pool, all, &buf), -ENOSPC);
	ck_assert_int_eq(maru_reserve(pool, S("k"), all, &buf), -ENOSPC);
	ck_assert_int_eq(maru_wait(pool, S("k"), 0), -ENOENT);
	ck_assert_uint_eq(test_stats(pool).used_bytes, used);
	ck_assert_uint_eq(test_stats(pool).buffers, 0);
	ck_assert_int_eq(maru_release(pool, &view), 0);
}
END_TEST

START_TEST(evict_frees_what_was_asked_for)
{
	struct maru_pool *pool = test_pool(NULL);
	struct maru_stats before, after;
	uint64_t freed = 0;

	for (unsigned no = 0; no < 100; no++)
		ck_assert_int_eq(test_put(pool, no, LEN), 0);
	before = test_stats(pool);
	ck_assert_int_eq(maru_evict(pool, 20 * LEN, &freed), 0);
	after = test_stats(pool);
	ck_assert_uint_ge(freed, 20 * LEN);
	ck_assert_uint_eq(before.used_bytes - after.used_bytes, freed);
	ck_assert_uint_eq(after.entries, count(pool, 0, 100));
	ck_assert_uint_ge(after.entries, 50);
}
END_TEST

START_TEST(evict_of_more_than_there_is_frees_all_and_says_so)
{
	struct maru_pool *pool = test_pool(NULL);
	uint64_t freed = 0, used;

	for (unsigned no = 0; no < 10; no++)
		ck_assert_int_eq(test_put(pool, no, LEN), 0);
	ck_assert_int_eq(maru_pin(pool, S("number 3"), 1), 0);
	used = test_stats(pool).used_bytes;
	ck_assert_int_eq(maru_evict(pool, UINT64_MAX, &freed), -ENOSPC);
	ck_assert_uint_eq(freed, used - test_stats(pool).used_bytes);
	ck_assert_uint_eq(test_stats(pool).entries, 1);
	ck_assert_int_eq(test_get(pool, 3, LEN), 0);
	ck_assert_int_eq(maru_unpin(pool, S("number 3"), 1), 0);
}
END_TEST

START_TEST(what_was_touched_survives_a_sweep)
{
	struct maru_pool *pool = test_pool(NULL);

	for (unsigned no = 0; no < 100; no++)
		ck_assert_int_eq(test_put(pool, no, LEN), 0);
	for (unsigned times = 0; times < 3; times++) {
		ck_assert_int_eq(maru_touch(pool, S("number 7")), 0);
		ck_assert_int_eq(maru_touch(pool, S("number 90")), 0);
	}
	ck_assert_int_eq(maru_evict(pool, 50 * LEN, NULL), 0);
	ck_assert_int_eq(test_has(pool, 7), 1);
	ck_assert_int_eq(test_has(pool, 90), 1);
	ck_assert_uint_lt(count(pool, 0, 100), 60);
}
END_TEST

START_TEST(what_is_read_again_and_again_survives)
{
	struct maru_pool *pool = test_pool(NULL);
	unsigned fit = fill_up(pool, LEN), lost = 0;
	struct maru_view view;

	ck_assert_int_ge(test_put(pool, 1000000, LEN), 0);
	for (unsigned no = fit + 1; no < 5 * fit; no++) {
		int rc = test_hold(pool, 1000000, &view);

		lost += rc != 0;
		if (rc == 0)
			ck_assert_int_eq(maru_release(pool, &view), 0);
		ck_assert_int_eq(test_put(pool, no, LEN), 0);
	}
	ck_assert_uint_eq(lost, 0);
}
END_TEST

START_TEST(clear_deletes_all_that_nobody_holds)
{
	struct maru_pool *pool = test_pool(NULL), *other = test_open(0);
	struct maru_view view;
	uint64_t nr = 0;

	for (unsigned no = 0; no < 50; no++)
		ck_assert_int_eq(test_put(pool, no, no * 1000), 0);
	ck_assert_int_eq(test_hold(other, 7, &view), 0);
	ck_assert_int_eq(maru_pin(pool, S("number 9"), 1), 0);
	ck_assert_int_eq(maru_clear(pool, &nr), 0);
	ck_assert_uint_eq(nr, 48);
	ck_assert_uint_eq(test_stats(pool).entries, 2);
	ck_assert_int_eq(test_get(pool, 7, 7000), 0);
	ck_assert_int_eq(test_get(pool, 9, 9000), 0);
	ck_assert_int_eq(maru_release(other, &view), 0);
	ck_assert_int_eq(maru_unpin(pool, S("number 9"), 1), 0);
	ck_assert_int_eq(maru_clear(pool, &nr), 0);
	ck_assert_uint_eq(nr, 2);
	ck_assert_int_eq(maru_clear(pool, &nr), 0);
	ck_assert_uint_eq(nr, 0);
	ck_assert_uint_eq(test_stats(pool).used_bytes, 0);
}
END_TEST

START_TEST(clear_leaves_claims_and_buffers)
{
	struct maru_pool *pool = test_pool(NULL);
	struct maru_buf claim, buf;

	ck_assert_int_eq(maru_reserve(pool, S("k"), 2, &claim), 0);
	ck_assert_int_eq(maru_alloc(pool, 2, &buf), 0);
	ck_assert_int_eq(maru_clear(pool, NULL), 0);
	memcpy(claim.data, "ok", 2);
	ck_assert_int_eq(maru_commit(pool, &claim, NULL, 0, NULL), 0);
	ck_assert_int_eq(maru_exists(pool, S("k")), 1);
	ck_assert_int_eq(maru_abort(pool, &buf), 0);
}
END_TEST

START_TEST(used_bytes_are_the_blocks_of_entries_and_buffers)
{
	struct maru_pool *pool = test_pool(NULL);
	struct maru_entry *e = malloc(sizeof(*e));
	struct maru_iter it = { 0 };
	struct maru_buf buf;
	uint64_t sum = 0, before;

	for (unsigned no = 0; no < 300; no++)
		ck_assert_int_eq(test_put(pool, no, no * no), 0);
	while (maru_iter_next(pool, &it, e) == 1)
		sum += e->block;
	before = test_stats(pool).used_bytes;
	ck_assert_uint_eq(before, sum);
	ck_assert_int_eq(maru_alloc(pool, 12345, &buf), 0);
	ck_assert_uint_ge(test_stats(pool).used_bytes, before + 12345);
	ck_assert_int_eq(maru_abort(pool, &buf), 0);
	ck_assert_uint_eq(test_stats(pool).used_bytes, before);
	free(e);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		a_full_pool_makes_room_by_evicting,
		a_full_pool_is_nearly_full,
		values_of_another_size_find_room_in_a_full_pool,
		a_value_of_the_whole_data_area_evicts_all_others,
		held_entries_never_go,
		a_pool_that_is_all_held_has_no_room,
		buffers_never_go,
		a_store_without_room_leaves_nothing,
		evict_frees_what_was_asked_for,
		evict_of_more_than_there_is_frees_all_and_says_so,
		what_was_touched_survives_a_sweep,
		what_is_read_again_and_again_survives,
		clear_deletes_all_that_nobody_holds,
		clear_leaves_claims_and_buffers,
		used_bytes_are_the_blocks_of_entries_and_buffers,
	};

	return test_run("room", TEST_MEDIA, tests, TEST_LEN(tests));
}
