// SPDX-License-Identifier: BSD-3-Clause
/*
 * What several processes are told at the same time, one alone could have been
 * told: recorded histories have an order.  stress_linear does more of them.
 */
#include "common_history.h"

#include <string.h>

static void play(struct maru_pool *pool, int pressure, int kills)
{
	struct history_play p = { .target = test_target(),
				  .pool = pool,
				  .pressure = pressure,
				  .kills = kills };
	struct history *h = history_new();

	ck_assert_ptr_nonnull(h);
	for (unsigned i = 1; i <= TEST_ROUNDS(40); i++) {
		p.round = p.seed = i;
		ck_assert_int_eq(history_play(&p, h), 0);
		if (history_check(h).linear != 1) {
			history_complain(h, i);
			ck_abort_msg("no order, seed %u", i);
		}
	}
	history_free(h);
}

START_TEST(what_many_processes_are_told_has_an_order)
{
	play(test_pool(NULL), 0, 0);
}
END_TEST

START_TEST(what_is_left_of_killed_processes_has_an_order_too)
{
	play(test_pool(NULL), 0, 1);
}
END_TEST

START_TEST(with_hardly_any_room_there_is_an_order_too)
{
	struct maru_pool *pool = test_pool(NULL);
	size_t unit = test_unit(pool);
	struct maru_buf buf[64];
	unsigned nr = 0;

	/* all of it is taken but for some blocks */
	for (size_t len = 32u << 20; len >= 16 * unit && nr < 64;)
		if (maru_alloc(pool, len, &buf[nr]) == 0)
			nr++;
		else
			len /= 2;
	ck_assert_uint_gt(nr, 0);
	play(pool, 1, 1);
	while (nr > 0)
		ck_assert_int_eq(maru_abort(pool, &buf[--nr]), 0);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		what_many_processes_are_told_has_an_order,
		what_is_left_of_killed_processes_has_an_order_too,
		with_hardly_any_room_there_is_an_order_too,
	};

	return test_run("order of calls", TEST_MEDIA, tests, TEST_LEN(tests));
}
