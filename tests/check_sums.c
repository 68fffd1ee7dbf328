// SPDX-License-Identifier: BSD-3-Clause
/* Checksums of values: a bit that flips is found, and the rest goes on. */
#include "common.h"

#include "cache/pool.h"

#include <string.h>

#define LEN 37 /* of the value whose bits flip */
#define OTHERS 5

static const uint32_t kinds[] = { MARU_CREATE_CRC,
				  MARU_CREATE_CRC | MARU_CREATE_DURABLE };

static struct maru_pool *with_values(uint32_t flags)
{
	struct maru_create_opts o = test_opts();
	struct maru_pool *pool;

	o.flags |= flags;
	pool = test_pool(&o);
	for (unsigned no = 1; no <= OTHERS; no++)
		ck_assert_int_eq(test_put(pool, no, no * 1000), 0);
	return pool;
}

static void flip(struct maru_pool *pool, unsigned bit)
{
	struct maru_view view;
	uint32_t idx;

	ck_assert_int_eq(test_hold(pool, 0, &view), 0);
	ck_assert(pool_idx(pool, &view.ref, &idx));
	slab_data(&pool->slab, idx)[bit / 8] ^= (unsigned char)(1 << bit % 8);
	ck_assert_int_eq(maru_release(pool, &view), 0);
}

static void others_are_there(struct maru_pool *pool)
{
	for (unsigned no = 1; no <= OTHERS; no++)
		ck_assert_int_eq(test_get(pool, no, no * 1000), 0);
}

START_TEST(a_verified_read_drops_a_value_with_any_bit_flipped)
{
	struct maru_pool *pool, *strict;
	struct maru_view view;

	for (unsigned k = 0; k < TEST_LEN(kinds); k++) {
		pool = with_values(kinds[k]);
		strict = test_open(MARU_OPEN_VERIFY);
		for (unsigned bit = 0; bit < LEN * 8; bit++) {
			ck_assert_int_eq(test_put(pool, 0, LEN), 0);
			ck_assert_int_eq(test_get(strict, 0, LEN), 0);
			flip(pool, bit);
			ck_assert_int_eq(test_hold(strict, 0, &view),
					 MARU_E_CORRUPT);
			ck_assert_int_eq(test_has(strict, 0), 0);
		}
		ck_assert_uint_eq(test_stats(pool).total.corrupt, LEN * 8);
		others_are_there(strict);
		test_close(strict);
		test_close(pool);
	}
}
END_TEST

START_TEST(a_copy_of_a_flipped_value_is_refused)
{
	struct maru_pool *pool, *strict;

	for (unsigned k = 0; k < TEST_LEN(kinds); k++) {
		pool = with_values(kinds[k]);
		strict = test_open(MARU_OPEN_VERIFY | MARU_OPEN_RDONLY);
		ck_assert_int_eq(test_put(pool, 0, LEN), 0);
		flip(pool, 5);
		ck_assert_int_eq(test_get(strict, 0, LEN), MARU_E_CORRUPT);
		others_are_there(strict);
		test_close(strict);
		test_close(pool);
	}
}
END_TEST

static unsigned found;

static void count(void *ctx, const struct maru_fault *fault)
{
	(void)ctx;
	found += fault->invariant == 9;
}

static struct maru_fsck_result fsck(uint32_t flags)
{
	struct maru_fsck_opts o = { .size = sizeof(o),
				    .flags = flags,
				    .fn = count };
	struct maru_fsck_result res;

	found = 0;
	ck_assert_int_eq(maru_fsck(test_target(), &o, &res), 0);
	return res;
}

START_TEST(fsck_finds_a_flipped_bit_and_drops_its_value_alone)
{
	struct maru_pool *pool;

	for (unsigned k = 0; k < TEST_LEN(kinds); k++) {
		pool = with_values(kinds[k]);
		ck_assert_int_eq(test_put(pool, 0, LEN), 0);
		flip(pool, LEN * 4);
		test_close(pool);
		fsck(0); /* does not read values */
		ck_assert_uint_eq(found, 0);
		fsck(MARU_FSCK_DATA);
		ck_assert_uint_eq(found, 1);
		ck_assert_uint_eq(
			fsck(MARU_FSCK_DATA | MARU_FSCK_REPAIR).dropped, 1);
		ck_assert_uint_eq(fsck(MARU_FSCK_DATA).faults, 0);
		pool = test_open(MARU_OPEN_VERIFY);
		ck_assert_int_eq(test_has(pool, 0), 0);
		others_are_there(pool);
		test_close(pool);
	}
}
END_TEST

int main(void)
{
	const TTest *tests[] = {
		a_verified_read_drops_a_value_with_any_bit_flipped,
		a_copy_of_a_flipped_value_is_refused,
		fsck_finds_a_flipped_bit_and_drops_its_value_alone,
	};

	return test_run("checksums", TEST_MEDIA, tests, TEST_LEN(tests));
}
