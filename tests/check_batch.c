// SPDX-License-Identifier: BSD-3-Clause
/* Many keys in one call: every index gets its answer, every block its end. */
#include "common.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MANY TEST_PACK

/* The answers of a batch are these. */
#define ANSWERS(res, ...)                          \
	answers(res, (const int[]){ __VA_ARGS__ }, \
		sizeof((const int[]){ __VA_ARGS__ }) / sizeof(int))

static void answers(const int *res, const int *want, size_t nr)
{
	for (size_t i = 0; i < nr; i++)
		ck_assert_msg(res[i] == want[i], "res[%zu] is %d, not %d", i,
			      res[i], want[i]);
}

/* As a batch may leave nothing as it was, all is set before it. */
#define UNSET 0x5a5a5a5a
static void unset(int *res, size_t nr)
{
	for (size_t i = 0; i < nr; i++)
		res[i] = UNSET;
}

static void put(struct maru_pool *pool, unsigned from, unsigned to)
{
	for (; from < to; from++)
		ck_assert_int_eq(test_put(pool, from, from * 10), 0);
}

static uint64_t pins(struct maru_pool *pool)
{
	return test_stats(pool).pins;
}

START_TEST(a_batch_of_nothing_does_nothing)
{
	struct maru_pool *pool = test_pool(NULL);
	const struct maru_keys *none = test_pack_range(0, 0);
	const struct maru_keys nil = { NULL, NULL, 0, 0 };
	const struct maru_keys *keys[] = { none, &nil };

	for (size_t i = 0; i < TEST_LEN(keys); i++) {
		none = keys[i];
		ck_assert_int_eq(maru_exists_batch(pool, none, NULL), 0);
		ck_assert_int_eq(maru_retrieve_batch(pool, none, NULL, NULL),
				 0);
		ck_assert_int_eq(maru_pin_batch(pool, none, NULL), 0);
		ck_assert_int_eq(maru_unpin_batch(pool, none, NULL), 0);
		ck_assert_int_eq(maru_touch_batch(pool, none, NULL), 0);
		ck_assert_int_eq(maru_delete_batch(pool, none, NULL), 0);
		ck_assert_int_eq(maru_store_batch(pool, none, NULL, NULL), 0);
		ck_assert_int_eq(
			maru_reserve_batch(pool, none, NULL, NULL, NULL), 0);
		ck_assert_int_eq(maru_commit_batch(pool, none, NULL, NULL), 0);
	}
	ck_assert_int_eq(maru_alloc_batch(pool, NULL, 0, NULL), 0);
	ck_assert_int_eq(maru_release_batch(pool, NULL, 0, NULL), 0);
}
END_TEST

START_TEST(exists_batch_answers_for_every_key)
{
	struct maru_pool *pool = test_pool(NULL);
	int res[5];

	put(pool, 1, 4);
	unset(res, 5);
	ck_assert_int_eq(maru_exists_batch(pool, TEST_KEYS(1, 9, 2, 8, 3), res),
			 3);
	ANSWERS(res, 1, 0, 1, 0, 1);
	ck_assert_int_eq(maru_exists_batch(pool, &test_pack.keys, NULL), 3);
}
END_TEST

START_TEST(exists_batch_counts_the_prefix)
{
	struct maru_pool *pool = test_pool(NULL);
	int res[5];

	put(pool, 1, 4);
	ck_assert_int_eq(maru_exists_batch(pool,
					   test_prefix(TEST_KEYS(1, 2, 9, 3)),
					   NULL),
			 2);
	ck_assert_int_eq(
		maru_exists_batch(pool, test_prefix(TEST_KEYS(9, 1, 2)), NULL),
		0);
	unset(res, 5);
	ck_assert_int_eq(
		maru_exists_batch(pool, test_prefix(TEST_KEYS(1, 2, 3)), res),
		3);
	ANSWERS(res, 1, 1, 1, UNSET);
	ck_assert_int_eq(maru_exists_batch(
				 pool, test_prefix(TEST_KEYS(1, 9, 3, 8)), res),
			 1);
	ANSWERS(res, 1, -ENOENT, -ECANCELED, -ECANCELED, UNSET);
}
END_TEST

START_TEST(retrieve_batch_holds_the_hits)
{
	struct maru_pool *pool = test_pool(NULL);
	struct maru_view view[4];
	int res[4];

	put(pool, 1, 4);
	unset(res, 4);
	memset(view, 0x5a, sizeof(view));
	ck_assert_int_eq(
		maru_retrieve_batch(pool, TEST_KEYS(1, 9, 2, 1), view, res), 3);
	ANSWERS(res, 0, -ENOENT, 0, 0);
	ck_assert_uint_eq(pins(pool), 3);
	ck_assert(test_verify(view[0].data, 10, 1));
	ck_assert_uint_eq(view[1].ref.version, 0);
	ck_assert(test_verify(view[2].data, 20, 2));
	ck_assert(test_verify(view[3].data, 10, 1));
	unset(res, 4);
	ck_assert_int_eq(maru_release_batch(pool, view, 4, res), 3);
	ANSWERS(res, 0, 0, 0, 0);
	ck_assert_uint_eq(pins(pool), 0);
}
END_TEST

START_TEST(retrieve_batch_holds_nothing_beyond_the_prefix)
{
	struct maru_pool *pool = test_pool(NULL);
	struct maru_view view[5];
	int res[5];

	put(pool, 1, 5);
	memset(view, 0x5a, sizeof(view));
	ck_assert_int_eq(
		maru_retrieve_batch(pool, test_prefix(TEST_KEYS(1, 2, 9, 3, 4)),
				    view, res),
		2);
	ANSWERS(res, 0, 0, -ENOENT, -ECANCELED, -ECANCELED);
	ck_assert_uint_eq(pins(pool), 2);
	for (unsigned i = 2; i < 5; i++)
		ck_assert_uint_eq(view[i].ref.version, 0);
	ck_assert_int_eq(test_drop(pool, 3), 0);
	ck_assert_int_eq(maru_release_batch(pool, view, 5, NULL), 2);
}
END_TEST

START_TEST(release_batch_tells_what_is_stale)
{
	struct maru_pool *pool = test_pool(NULL);
	struct maru_view view[3];
	int res[3];

	put(pool, 1, 3);
	ck_assert_int_eq(maru_retrieve_batch(pool, TEST_KEYS(1, 2), view, res),
			 2);
	view[2] = view[0];
	unset(res, 3);
	ck_assert_int_eq(maru_release_batch(pool, view, 3, res), 2);
	ANSWERS(res, 0, 0, MARU_E_STALE);
	ck_assert_uint_eq(pins(pool), 0);
}
END_TEST

START_TEST(pin_batch_gives_a_key_that_stands_twice_two_pins)
{
	struct maru_pool *pool = test_pool(NULL);
	int res[4];

	put(pool, 1, 3);
	unset(res, 4);
	ck_assert_int_eq(maru_pin_batch(pool, TEST_KEYS(1, 1, 9, 2), res), 3);
	ANSWERS(res, 0, 0, -ENOENT, 0);
	ck_assert_uint_eq(pins(pool), 3);
	ck_assert_int_eq(maru_unpin(pool, S("number 1"), 2), 0);
	ck_assert_int_eq(maru_unpin(pool, S("number 2"), 1), 0);
}
END_TEST

START_TEST(pin_batch_pins_nothing_beyond_the_prefix)
{
	struct maru_pool *pool = test_pool(NULL);
	int res[5];

	put(pool, 1, 5);
	ck_assert_int_eq(maru_pin_batch(pool,
					test_prefix(TEST_KEYS(1, 2, 9, 3, 4)),
					res),
			 2);
	ANSWERS(res, 0, 0, -ENOENT, -ECANCELED, -ECANCELED);
	ck_assert_uint_eq(pins(pool), 2);
	ck_assert_int_eq(test_drop(pool, 4), 0);
	ck_assert_int_eq(maru_unpin_batch(pool, TEST_KEYS(1, 2), NULL), 2);
	ck_assert_uint_eq(pins(pool), 0);
}
END_TEST

START_TEST(a_long_prefix_is_pinned_to_its_end)
{
	struct maru_pool *pool = test_pool(NULL);

	for (unsigned n = 0; n < 70; n += 3) {
		ck_assert_int_eq(maru_clear(pool, NULL), 0);
		put(pool, 0, n);
		put(pool, n + 1, 100);
		ck_assert_int_eq(
			maru_pin_batch(pool,
				       test_prefix(test_pack_range(0, 100)),
				       NULL),
			(int)n);
		ck_assert_uint_eq(pins(pool), n);
		ck_assert_int_eq(maru_unpin_batch(pool, test_pack_range(0, n),
						  NULL),
				 (int)n);
	}
}
END_TEST

START_TEST(unpin_batch_takes_each_key_for_itself)
{
	struct maru_pool *pool = test_pool(NULL);
	int res[5];

	put(pool, 1, 4);
	ck_assert_int_eq(maru_pin_batch(pool, TEST_KEYS(1, 2), NULL), 2);
	unset(res, 5);
	ck_assert_int_eq(maru_unpin_batch(pool, TEST_KEYS(3, 1, 9, 1, 2), res),
			 2);
	ANSWERS(res, -EINVAL, 0, -ENOENT, -EINVAL, 0);
	ck_assert_uint_eq(pins(pool), 0);
}
END_TEST

START_TEST(touch_batch_answers_for_every_key)
{
	struct maru_pool *pool = test_pool(NULL);
	int res[4];

	put(pool, 1, 3);
	unset(res, 4);
	ck_assert_int_eq(maru_touch_batch(pool, TEST_KEYS(1, 9, 2), res), 2);
	ANSWERS(res, 0, -ENOENT, 0, UNSET);
	ck_assert_int_eq(maru_touch_batch(pool, test_prefix(TEST_KEYS(1, 9, 2)),
					  res),
			 1);
	ANSWERS(res, 0, -ENOENT, -ECANCELED, UNSET);
}
END_TEST

START_TEST(delete_batch_deletes_what_it_can)
{
	struct maru_pool *pool = test_pool(NULL);
	struct maru_buf buf;
	int res[6];

	put(pool, 1, 4);
	ck_assert_int_eq(maru_pin(pool, S("number 2"), 1), 0);
	ck_assert_int_eq(maru_reserve(pool, S("number 5"), 1, &buf), 0);
	unset(res, 6);
	ck_assert_int_eq(
		maru_delete_batch(pool, TEST_KEYS(1, 2, 9, 3, 1, 5), res), 2);
	ANSWERS(res, 0, -EBUSY, -ENOENT, 0, -ENOENT, -EINPROGRESS);
	ck_assert_uint_eq(test_stats(pool).entries, 1);
	ck_assert_int_eq(maru_unpin(pool, S("number 2"), 1), 0);
	ck_assert_int_eq(maru_abort(pool, &buf), 0);
}
END_TEST

static void values(struct maru_value *val, const struct maru_keys *keys,
		   size_t len)
{
	for (uint32_t i = 0; i < keys->nr; i++) {
		unsigned no = 0;
		void *data = malloc(len + 1);
		char key[TEST_KEY] = { 0 };

		memcpy(key, test_pack.blob + test_pack.off[i],
		       test_pack.off[i + 1] - test_pack.off[i]);
		ck_assert_int_eq(sscanf(key, "number %u", &no), 1);
		test_fill(data, len, no);
		val[i] = (struct maru_value){ data, len };
	}
}

START_TEST(store_batch_stores_a_duplicate_once)
{
	struct maru_pool *pool = test_pool(NULL);
	struct maru_value val[5];
	uint64_t used;
	int res[5];

	put(pool, 4, 5);
	used = test_stats(pool).used_bytes;
	values(val, TEST_KEYS(1, 2, 1, 4, 2), 3000);
	unset(res, 5);
	ck_assert_int_eq(maru_store_batch(pool, &test_pack.keys, val, res), 5);
	ANSWERS(res, 0, 0, MARU_EXISTED, MARU_EXISTED, MARU_EXISTED);
	ck_assert_int_eq(test_get(pool, 1, 3000), 0);
	ck_assert_int_eq(test_get(pool, 2, 3000), 0);
	ck_assert_int_eq(test_get(pool, 4, 40), 0);
	ck_assert_uint_eq(test_stats(pool).used_bytes, used + 2 * 4096);
	ck_assert_uint_eq(test_stats(pool).buffers, 0);
	for (unsigned i = 0; i < 5; i++)
		free((void *)(uintptr_t)val[i].data);
}
END_TEST

START_TEST(store_batch_that_runs_out_of_room_keeps_what_fitted)
{
	struct maru_pool *pool = test_pool(NULL);
	static struct maru_view view[MANY];
	static struct maru_value val[MANY];
	static int res[MANY];
	static char bytes[60000];
	uint64_t room = test_stats(pool).data_bytes;
	unsigned held = 0, ok = 0;

	/* Hold three quarters of the pool, so that the batch cannot fit. */
	for (; test_stats(pool).used_bytes < room / 4 * 3; held++) {
		ck_assert_int_eq(test_put(pool, 10000 + held, 60000), 0);
		ck_assert_int_eq(test_hold(pool, 10000 + held, &view[held]), 0);
	}
	for (unsigned i = 0; i < MANY; i++)
		val[i] = (struct maru_value){ bytes, sizeof(bytes) };
	unset(res, MANY);
	maru_store_batch(pool, test_pack_range(0, MANY), val, res);
	for (unsigned i = 0; i < MANY; i++) {
		ck_assert(res[i] == 0 || res[i] == -ENOSPC);
		ok += res[i] == 0;
	}
	ck_assert_uint_gt(ok, 0);
	ck_assert_uint_eq(test_stats(pool).buffers, 0);
	test_sound(pool);
	for (unsigned i = 0; i < held; i++) {
		ck_assert(test_verify(view[i].data, view[i].len, 10000 + i));
		ck_assert_int_eq(maru_release(pool, &view[i]), 0);
	}
}
END_TEST

START_TEST(a_large_value_in_a_store_batch_fails_alone)
{
	struct maru_pool *pool = test_pool(NULL);
	struct maru_value val[3] = { { "one", 3 },
				     { "two", 1ull << 40 },
				     { "three", 5 } };
	int res[3];

	unset(res, 3);
	ck_assert_int_eq(maru_store_batch(pool, TEST_KEYS(1, 2, 3), val, res),
			 2);
	ANSWERS(res, 0, -EFBIG, 0);
	ck_assert_uint_eq(test_stats(pool).entries, 2);
}
END_TEST

START_TEST(alloc_batch_gives_all)
{
	struct maru_pool *pool = test_pool(NULL);
	static const size_t lens[] = { 1, 5000, 0, 100000, 4096 };
	struct maru_buf buf[5];
	int res[5];

	ck_assert_int_eq(maru_alloc_batch(pool, lens, 5, buf), 5);
	ck_assert_uint_eq(test_stats(pool).buffers, 5);
	for (unsigned i = 0; i < 5; i++) {
		ck_assert_uint_eq(buf[i].len, lens[i]);
		test_fill(buf[i].data, lens[i], i);
	}
	unset(res, 5);
	ck_assert_int_eq(
		maru_commit_batch(pool, test_pack_range(0, 5), buf, res), 5);
	ANSWERS(res, 0, 0, 0, 0, 0);
	for (unsigned i = 0; i < 5; i++)
		ck_assert_int_eq(test_get(pool, i, lens[i]), 0);
}
END_TEST

START_TEST(alloc_batch_gives_all_or_nothing)
{
	struct maru_pool *pool = test_pool(NULL);
	static size_t lens[MANY];
	static struct maru_buf buf[MANY];

	for (unsigned i = 0; i < MANY; i++)
		lens[i] = 60000;
	ck_assert_int_eq(maru_alloc_batch(pool, lens, MANY, buf), -ENOSPC);
	ck_assert_uint_eq(test_stats(pool).buffers, 0);
	ck_assert_uint_eq(test_stats(pool).used_bytes, 0);
	lens[3] = SIZE_MAX;
	ck_assert_int_eq(maru_alloc_batch(pool, lens, 5, buf), -EFBIG);
	ck_assert_uint_eq(test_stats(pool).buffers, 0);
	test_sound(pool);
}
END_TEST

START_TEST(reserve_batch_claims_what_is_new)
{
	struct maru_pool *pool = test_pool(NULL), *other = test_open(0);
	static const size_t lens[] = { 9, 9, 9, 9, 9 };
	struct maru_buf buf[5], theirs;
	int res[5];

	put(pool, 4, 5);
	ck_assert_int_eq(maru_reserve(other, S("number 3"), 9, &theirs), 0);
	unset(res, 5);
	memset(buf, 0x5a, sizeof(buf));
	ck_assert_int_eq(maru_reserve_batch(pool, TEST_KEYS(1, 1, 3, 4, 2),
					    lens, buf, res),
			 2);
	ANSWERS(res, 0, -EINPROGRESS, -EINPROGRESS, MARU_EXISTED, 0);
	for (unsigned i = 1; i < 4; i++)
		ck_assert_uint_eq(buf[i].ref.version, 0);
	ck_assert_uint_eq(test_stats(pool).claims, 3);
	ck_assert_uint_eq(test_stats(pool).buffers, 3);
	test_fill(buf[0].data, 9, 1);
	ck_assert_int_eq(maru_commit(pool, &buf[0], NULL, 0, NULL), 0);
	ck_assert_int_eq(maru_abort(pool, &buf[4]), 0);
	ck_assert_int_eq(maru_abort(other, &theirs), 0);
	ck_assert_int_eq(test_get(pool, 1, 9), 0);
}
END_TEST

START_TEST(reserve_batch_without_room_claims_nothing)
{
	struct maru_pool *pool = test_pool(NULL);
	static size_t lens[MANY];
	static struct maru_buf buf[MANY];
	static int res[MANY];

	for (unsigned i = 0; i < MANY; i++)
		lens[i] = 60000;
	ck_assert_int_eq(maru_reserve_batch(pool, test_pack_range(0, MANY),
					    lens, buf, res),
			 -ENOSPC);
	ck_assert_uint_eq(test_stats(pool).buffers, 0);
	ck_assert_uint_eq(test_stats(pool).claims, 0);
	for (unsigned i = 0; i < MANY; i += 100)
		ck_assert_int_eq(test_put(pool, i, 10), 0);
}
END_TEST

START_TEST(commit_batch_ends_every_buffer)
{
	struct maru_pool *pool = test_pool(NULL);
	static const size_t lens[] = { 100, 100, 100, 100 };
	struct maru_buf buf[5];
	int res[5];

	put(pool, 3, 4);
	ck_assert_int_eq(maru_alloc_batch(pool, lens, 4, buf), 4);
	for (unsigned i = 0; i < 4; i++)
		test_fill(buf[i].data, 100, i == 2 ? 7 : 1 + i);
	buf[4] = buf[0];
	unset(res, 5);
	/* New, a duplicate in the batch, there before, new, stale. */
	ck_assert_int_eq(
		maru_commit_batch(pool, TEST_KEYS(1, 1, 7, 3, 8), buf, res), 4);
	ANSWERS(res, 0, MARU_EXISTED, 0, MARU_EXISTED, MARU_E_STALE);
	ck_assert_int_eq(test_get(pool, 1, 100), 0);
	ck_assert_int_eq(test_get(pool, 7, 100), 0);
	ck_assert_int_eq(test_get(pool, 3, 30), 0);
	ck_assert_int_eq(test_has(pool, 8), 0);
	ck_assert_uint_eq(test_stats(pool).buffers, 0);
	ck_assert_uint_eq(test_stats(pool).entries, 3);
}
END_TEST

START_TEST(offsets_that_fall_refuse_the_whole_batch)
{
	struct maru_pool *pool = test_pool(NULL);
	struct maru_value val[3] = { { "a", 1 }, { "b", 1 }, { "c", 1 } };
	static const size_t lens[] = { 1, 1, 1 };
	struct maru_view view[3];
	struct maru_buf buf[3];
	int res[3];

	TEST_KEYS(1, 2, 3);
	test_pack.off[2] = test_pack.off[1] - 1;
	unset(res, 3);
	ck_assert_int_eq(maru_store_batch(pool, &test_pack.keys, val, res),
			 -EINVAL);
	ck_assert_int_eq(maru_exists_batch(pool, &test_pack.keys, res),
			 -EINVAL);
	ck_assert_int_eq(maru_retrieve_batch(pool, &test_pack.keys, view, res),
			 -EINVAL);
	ck_assert_int_eq(maru_pin_batch(pool, &test_pack.keys, res), -EINVAL);
	ck_assert_int_eq(maru_unpin_batch(pool, &test_pack.keys, res), -EINVAL);
	ck_assert_int_eq(maru_touch_batch(pool, &test_pack.keys, res), -EINVAL);
	ck_assert_int_eq(maru_delete_batch(pool, &test_pack.keys, res),
			 -EINVAL);
	ck_assert_int_eq(maru_reserve_batch(pool, &test_pack.keys, lens, buf,
					    res),
			 -EINVAL);
	ANSWERS(res, UNSET, UNSET, UNSET);
	ck_assert_uint_eq(test_stats(pool).entries, 0);
	ck_assert_uint_eq(test_stats(pool).buffers, 0);
}
END_TEST

START_TEST(unknown_flags_refuse_the_whole_batch)
{
	struct maru_pool *pool = test_pool(NULL);
	int res[2];

	TEST_KEYS(1, 2);
	test_pack.keys.flags = 0x80;
	unset(res, 2);
	ck_assert_int_eq(maru_exists_batch(pool, &test_pack.keys, res),
			 -EINVAL);
	ck_assert_int_eq(maru_pin_batch(pool, &test_pack.keys, res), -EINVAL);
	ANSWERS(res, UNSET, UNSET);
}
END_TEST

START_TEST(a_bad_key_in_a_batch_is_its_own_error)
{
	struct maru_pool *pool = test_pool(NULL);
	struct maru_value val[3] = { { "a", 1 }, { "b", 1 }, { "c", 1 } };
	static char blob[MARU_KEY_MAX + 8];
	static const uint64_t off[] = { 0, 3, 3, sizeof(blob) };
	const struct maru_keys keys = { blob, off, 3, 0 };
	int res[3];

	unset(res, 3);
	ck_assert_int_eq(maru_store_batch(pool, &keys, val, res), 1);
	ANSWERS(res, 0, -EINVAL, -EINVAL);
	unset(res, 3);
	ck_assert_int_eq(maru_exists_batch(pool, &keys, res), 1);
	ANSWERS(res, 1, -EINVAL, -EINVAL);
	ck_assert_uint_eq(test_stats(pool).entries, 1);
}
END_TEST

START_TEST(big_batches_are_right_to_the_last_key)
{
	struct maru_pool *pool = test_pool(NULL);
	static struct maru_view view[MANY];
	static struct maru_value val[MANY];
	static int res[MANY];

	values(val, test_pack_range(0, MANY), 333);
	ck_assert_int_eq(maru_store_batch(pool, &test_pack.keys, val, res),
			 MANY);
	ck_assert_int_eq(maru_exists_batch(pool, &test_pack.keys, res), MANY);
	ck_assert_int_eq(maru_retrieve_batch(pool, &test_pack.keys, view, res),
			 MANY);
	for (unsigned i = 0; i < MANY; i++) {
		ck_assert_uint_eq(view[i].len, 333);
		ck_assert(test_verify(view[i].data, 333, i));
		free((void *)(uintptr_t)val[i].data);
	}
	ck_assert_int_eq(maru_release_batch(pool, view, MANY, res), MANY);
	ck_assert_int_eq(maru_delete_batch(pool, &test_pack.keys, res), MANY);
	ck_assert_uint_eq(test_stats(pool).entries, 0);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		a_batch_of_nothing_does_nothing,
		exists_batch_answers_for_every_key,
		exists_batch_counts_the_prefix,
		retrieve_batch_holds_the_hits,
		retrieve_batch_holds_nothing_beyond_the_prefix,
		release_batch_tells_what_is_stale,
		pin_batch_gives_a_key_that_stands_twice_two_pins,
		pin_batch_pins_nothing_beyond_the_prefix,
		a_long_prefix_is_pinned_to_its_end,
		unpin_batch_takes_each_key_for_itself,
		touch_batch_answers_for_every_key,
		delete_batch_deletes_what_it_can,
		store_batch_stores_a_duplicate_once,
		store_batch_that_runs_out_of_room_keeps_what_fitted,
		a_large_value_in_a_store_batch_fails_alone,
		alloc_batch_gives_all,
		alloc_batch_gives_all_or_nothing,
		reserve_batch_claims_what_is_new,
		reserve_batch_without_room_claims_nothing,
		commit_batch_ends_every_buffer,
		offsets_that_fall_refuse_the_whole_batch,
		unknown_flags_refuse_the_whole_batch,
		a_bad_key_in_a_batch_is_its_own_error,
		big_batches_are_right_to_the_last_key,
	};

	return test_run("batches", TEST_MEDIA, tests, TEST_LEN(tests));
}
