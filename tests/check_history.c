// SPDX-License-Identifier: BSD-3-Clause
/* The checker of histories refuses what no order explains, and nothing else. */
#include "common_history.h"

#include <stdlib.h>
#include <string.h>

#define ALIVE(c) "client " #c " killed - gone - reaped -\n"
#define DEAD(c, killed, gone, reaped) \
	"client " #c " killed " #killed " gone " #gone " reaped " #reaped "\n"
#define LIVING "history pressure 0\n" ALIVE(0) ALIVE(1) ALIVE(2)
#define CROWDED "history pressure 1\n" ALIVE(0) ALIVE(1) ALIVE(2)
#define MORTAL(killed, gone, reaped) \
	"history pressure 0\n" ALIVE(0) DEAD(1, killed, gone, reaped) ALIVE(2)
#define A "line 0 client 0\n"
#define B "line 1 client 1\n"
#define C "line 2 client 2\n"

static void read_text(const char *text, struct history *h)
{
	FILE *f = fmemopen((void *)(uintptr_t)text, strlen(text), "r");

	ck_assert_ptr_nonnull(f);
	ck_assert_int_eq(history_parse(f, h), 0);
	fclose(f);
}

static int linear(const char *text)
{
	static struct history h;

	read_text(text, &h);
	return history_check(&h).linear;
}

#define accepts(text) ck_assert_int_eq(linear(text), 1)
#define refuses(text) ck_assert_int_eq(linear(text), 0)

START_TEST(calls_that_overlap_may_come_in_any_order)
{
	accepts(LIVING A " 1 9 store k0 v1 = 0\n" B " 2 8 store k0 v2 = 1\n" C
			 " 3 4 read k0 = ENOENT\n 5 6 read k0 v1 = 0\n");
	refuses(LIVING A " 1 9 store k0 v1 = 0\n" B " 2 8 store k0 v2 = 1\n" C
			 " 3 4 read k0 v1 = 0\n 5 6 read k0 = ENOENT\n");
}
END_TEST

START_TEST(two_winners_of_one_key_are_refused)
{
	refuses(LIVING A " 1 9 store k0 v1 = 0\n" B " 2 8 store k0 v2 = 0\n");
	accepts(LIVING A " 1 9 store k0 v1 = 0\n" B " 2 8 store k1 v2 = 0\n");
	accepts(LIVING A " 1 9 store k0 v1 = 0\n" B " 2 8 store k0 v2 = 0\n" C
			 " 3 7 delete k0 = 0\n");
}
END_TEST

START_TEST(a_lost_store_is_refused)
{
	refuses(LIVING A " 1 2 store k0 v1 = 0\n" B " 3 4 read k0 = ENOENT\n");
	refuses(LIVING A " 1 2 store k0 v1 = 0\n" B " 3 4 exists k0 = 0\n");
	refuses(LIVING A " 1 2 store k0 v1 = 0\n" B " 3 4 store k0 v2 = 0\n");
}
END_TEST

START_TEST(a_value_read_after_its_delete_is_refused)
{
	refuses(LIVING A " 1 2 store k0 v1 = 0\n 3 4 delete k0 = 0\n" B
			 " 5 6 read k0 v1 = 0\n");
	accepts(LIVING A " 1 2 store k0 v1 = 0\n 3 6 delete k0 = 0\n" B
			 " 4 5 read k0 v1 = 0\n");
}
END_TEST

START_TEST(a_value_that_comes_back_is_refused)
{
	refuses(LIVING A " 1 2 store k0 v1 = 0\n 3 4 delete k0 = 0\n" B
			 " 5 6 read k0 = ENOENT\n 7 8 exists k0 = 1\n");
	refuses(LIVING A " 1 2 store k0 v1 = 0\n 3 4 delete k0 = 0\n"
			 " 5 6 store k0 v2 = 0\n" B
			 " 7 8 retrieve k0 v1 = 0\n");
}
END_TEST

START_TEST(a_value_that_nobody_stored_is_refused)
{
	refuses(LIVING A " 1 2 store k0 v1 = 0\n" B " 3 4 read k0 v2 = 0\n");
	refuses(LIVING A " 1 2 store k0 v1 = 0\n" B " 3 4 read k0 torn = 0\n");
	refuses(LIVING A " 1 2 store k0 v1 = 0\n 3 4 retrieve k0 v1 = 0\n"
			 " 5 6 release k0 v1 = 0 from 2 changed\n");
}
END_TEST

START_TEST(what_nobody_may_evict_does_not_vanish)
{
	refuses(LIVING A " 1 2 store k0 v1 = 0\n 5 6 read k0 = ENOENT\n" B
			 " 3 4 store k1 v2 = 0\n");
	refuses(CROWDED A " 1 2 store k0 v1 = 0\n 5 6 read k0 = ENOENT\n");
	accepts(CROWDED A " 1 2 store k0 v1 = 0\n 5 6 read k0 = ENOENT\n" B
			  " 3 4 evict = 0\n");
	refuses(CROWDED A " 1 2 store k0 v1 = 0\n 5 6 read k0 = ENOENT\n" B
			  " 7 8 evict = 0\n");
}
END_TEST

START_TEST(a_held_entry_is_not_evicted)
{
	refuses(CROWDED A
		" 1 2 store k0 v1 = 0\n 3 4 retrieve k0 v1 = 0\n"
		" 7 8 read k0 = ENOENT\n 9 10 release k0 = 0 from 2\n" B
		" 5 6 evict = 0\n");
	accepts(CROWDED A
		" 1 2 store k0 v1 = 0\n 4 5 retrieve k0 v1 = 0\n"
		" 7 8 read k0 = ENOENT\n 9 10 release k0 = 0 from 2\n" B
		" 3 6 evict = 0\n");
	refuses(CROWDED A " 1 2 store k0 v1 = 0\n 3 4 pin k0 = 0\n"
			  " 7 8 read k0 = ENOENT\n" B " 5 6 evict = 0\n");
	accepts(CROWDED A " 1 2 store k0 v1 = 0\n 3 4 pin k0 = 0\n"
			  " 4 5 unpin k0 = 0\n 7 8 read k0 = ENOENT\n" B
			  " 5 6 evict = 0\n");
}
END_TEST

START_TEST(room_may_lack_only_where_it_is_short)
{
	refuses(LIVING A " 1 2 store k0 v1 = ENOSPC\n");
	accepts(CROWDED A " 1 2 store k0 v1 = ENOSPC\n");
	refuses(CROWDED A " 1 2 store k0 v1 = ENOSPC\n" B
			  " 3 4 read k0 v1 = 0\n");
}
END_TEST

START_TEST(busy_needs_somebody_who_may_hold)
{
	refuses(LIVING A " 1 2 store k0 v1 = 0\n" B " 3 4 delete k0 = EBUSY\n");
	accepts(LIVING A " 1 2 store k0 v1 = 0\n 3 4 retrieve k0 v1 = 0\n" B
			 " 5 6 delete k0 = EBUSY\n");
	refuses(LIVING A " 1 2 store k0 v1 = 0\n 3 4 retrieve k0 v1 = 0\n"
			 " 5 6 release k0 = 0 from 2\n" B
			 " 7 8 delete k0 = EBUSY\n");
	accepts(LIVING A " 1 2 store k0 v1 = 0\n 3 6 read k1 = ENOENT\n" B
			 " 4 5 delete k0 = EBUSY\n");
	refuses(LIVING A " 1 2 read k1 = ENOENT\n" B
			 " 3 4 delete k0 = EBUSY\n");
}
END_TEST

START_TEST(a_delete_overtakes_only_a_hold_that_overlaps_it)
{
	refuses(LIVING A " 1 2 store k0 v1 = 0\n 3 4 retrieve k0 v1 = 0\n" B
			 " 5 6 delete k0 = 0\n");
	accepts(LIVING A " 1 2 store k0 v1 = 0\n 4 5 retrieve k0 v1 = 0\n"
			 " 7 8 release k0 = 0 from 2\n" B
			 " 3 6 delete k0 = 0\n 9 10 read k0 = ENOENT\n");
	refuses(LIVING A " 1 2 store k0 v1 = 0\n 3 4 pin k0 = 0\n" B
			 " 5 6 delete k0 = 0\n");
	refuses(LIVING A " 1 2 commit k0 v1 = 0 view\n" B
			 " 5 6 delete k0 = 0\n");
}
END_TEST

START_TEST(a_hold_of_what_was_deleted_keeps_no_later_value)
{
	accepts(LIVING A " 1 2 store k0 v1 = 0\n 4 5 retrieve k0 v1 = 0\n"
			 " 15 16 release k0 = 0 from 2\n" B
			 " 3 6 delete k0 = 0\n 7 8 store k0 v2 = 0\n"
			 " 9 10 delete k0 = 0\n 11 12 read k0 = ENOENT\n");
	refuses(LIVING A " 1 2 store k0 v1 = 0\n 4 5 retrieve k0 v1 = 0\n"
			 " 15 16 release k0 = 0 from 2\n" B
			 " 3 6 delete k0 = 0\n 7 8 store k0 v2 = 0\n"
			 " 9 10 delete k0 = EBUSY\n");
}
END_TEST

START_TEST(a_view_with_the_commit_is_of_the_winner)
{
	accepts(LIVING A " 1 2 commit k0 v1 = 0 view\n" B
			 " 3 4 commit k0 v1 = 1 view\n");
	refuses(LIVING A " 1 2 commit k0 v1 = 0 view\n" B
			 " 3 4 commit k0 v2 = 1 view\n");
}
END_TEST

START_TEST(a_claim_given_twice_is_refused)
{
	refuses(LIVING A " 1 2 reserve k0 = 0\n" B " 3 4 reserve k0 = 0\n");
	accepts(LIVING A " 1 2 reserve k0 = 0\n 3 4 abort k0 = 0 from 1\n" B
			 " 5 6 reserve k0 = 0\n");
	refuses(LIVING A " 1 2 reserve k0 = 0\n"
			 " 3 4 commit k0 v1 = 0 from 1\n" B
			 " 5 6 reserve k0 = 0\n");
}
END_TEST

START_TEST(a_claim_is_seen_while_its_owner_lives)
{
	accepts(LIVING A " 1 2 reserve k0 = 0\n" B
			 " 3 4 reserve k0 = EINPROGRESS\n"
			 " 5 6 delete k0 = EINPROGRESS\n"
			 " 7 8 wait k0 = ETIMEDOUT\n");
	refuses(LIVING A " 1 2 reserve k0 = 0\n" B " 3 4 wait k0 = ENOENT\n");
	refuses(LIVING A " 1 2 reserve k0 = 0\n" B " 3 4 delete k0 = ENOENT\n");
	refuses(LIVING A " 1 2 reserve k0 = 0\n 3 4 abort k0 = 0 from 1\n" B
			 " 5 6 reserve k0 = EINPROGRESS\n");
}
END_TEST

START_TEST(a_delete_that_overlaps_a_commit_meets_claim_or_value)
{
	refuses(LIVING A " 1 2 reserve k0 = 0\n"
			 " 4 5 commit k0 v1 = 0 from 1\n" B
			 " 3 6 delete k0 = ENOENT\n");
	accepts(LIVING A " 1 2 reserve k0 = 0\n"
			 " 4 5 commit k0 v1 = 0 from 1\n" B
			 " 3 6 delete k0 = EINPROGRESS\n" C
			 " 7 8 delete k0 = 0\n");
}
END_TEST

START_TEST(a_value_wins_over_a_claim)
{
	accepts(LIVING A " 1 2 reserve k0 = 0\n"
			 " 5 6 commit k0 v1 = 1 from 1\n" B
			 " 3 4 store k0 v2 = 0\n 7 8 read k0 v2 = 0\n");
	refuses(LIVING A " 1 2 reserve k0 = 0\n"
			 " 5 6 commit k0 v1 = 0 from 1\n" B
			 " 3 4 store k0 v2 = 0\n");
}
END_TEST

/* The late commit has met the value before the delete, and ends after it. */
START_TEST(a_claim_may_outlast_the_value_that_beat_it)
{
	accepts(LIVING A
		" 1 2 reserve k0 = 0\n"
		" 5 12 commit k0 v1 = 1 from 1\n" B
		" 3 4 store k0 v2 = 0\n 6 7 delete k0 = 0\n"
		" 8 9 reserve k0 = EINPROGRESS\n 10 11 reserve k0 = 0\n");
	refuses(LIVING A " 1 2 reserve k0 = 0\n"
			 " 5 7 commit k0 v1 = 1 from 1\n" B
			 " 3 4 store k0 v2 = 0\n 6 8 delete k0 = 0\n"
			 " 9 10 reserve k0 = EINPROGRESS\n");
}
END_TEST

START_TEST(a_claim_dies_with_its_client_and_not_before)
{
	accepts(MORTAL(5, 7, 20) A " 8 9 reserve k0 = 0\n" B
				   " 1 2 reserve k0 = 0\n");
	accepts(MORTAL(5, 7, 20) A " 4 6 reserve k0 = 0\n" B
				   " 1 2 reserve k0 = 0\n");
	refuses(MORTAL(5, 7, 20) A " 3 4 reserve k0 = 0\n" B
				   " 1 2 reserve k0 = 0\n");
	refuses(MORTAL(5, 7, 20) A " 8 9 reserve k0 = EINPROGRESS\n" B
				   " 1 2 reserve k0 = 0\n");
	accepts(MORTAL(5, 7, 20) A " 6 9 reserve k0 = EINPROGRESS\n" B
				   " 1 2 reserve k0 = 0\n");
}
END_TEST

START_TEST(a_call_of_the_dead_happens_before_they_are_reaped_or_never)
{
	accepts(MORTAL(5, 7, 20) A
		" 8 9 read k0 = ENOENT\n 10 11 read k0 v1 = 0\n" B
		" 1 - store k0 v1 = ?\n");
	accepts(MORTAL(5, 7, 20) A
		" 8 9 read k0 = ENOENT\n 21 22 store k0 v2 = 0\n" B
		" 1 - store k0 v1 = ?\n");
	refuses(MORTAL(5, 7, 20) A " 21 22 read k0 = ENOENT\n"
				   " 23 24 read k0 v1 = 0\n" B
				   " 1 - store k0 v1 = ?\n");
	refuses(MORTAL(5, 7, 20) A
		" 8 9 read k0 v1 = 0\n 10 11 read k0 = ENOENT\n" B
		" 1 - store k0 v1 = ?\n");
	accepts(MORTAL(5, 7, 20) A " 0 1 store k0 v1 = 0\n 8 9 exists k0 = 1\n"
				   " 10 11 exists k0 = 0\n" B
				   " 3 - delete k0 = ?\n");
}
END_TEST

START_TEST(holds_of_the_dead_keep_nothing_once_they_are_reaped)
{
	accepts(MORTAL(5, 7, 20) A
		" 0 1 store k0 v1 = 0\n 6 9 delete k0 = EBUSY\n" B
		" 2 3 retrieve k0 v1 = 0\n");
	refuses(MORTAL(5, 7, 20) A " 0 1 store k0 v1 = 0\n"
				   " 21 22 delete k0 = EBUSY\n" B
				   " 2 3 retrieve k0 v1 = 0\n");
	/* nobody else could be cleaning up: then the delete does */
	refuses(MORTAL(5, 7, 20) A
		" 0 1 store k0 v1 = 0\n 8 9 delete k0 = EBUSY\n" B
		" 2 3 retrieve k0 v1 = 0\n");
	accepts(MORTAL(5, 7, 20) A
		" 0 1 store k0 v1 = 0\n 8 9 delete k0 = EBUSY\n" B
		" 2 3 retrieve k0 v1 = 0\n" C " 8 10 reap = 1\n");
	refuses(MORTAL(5, 7, 20) A
		" 0 1 store k0 v1 = 0\n 3 4 delete k0 = 0\n" B
		" 1 2 retrieve k0 v1 = 0\n");
}
END_TEST

START_TEST(a_pin_is_taken_back_once)
{
	accepts(LIVING A " 1 2 store k0 v1 = 0\n 3 4 pin k0 = 0\n"
			 " 5 6 unpin k0 = 0\n 7 8 delete k0 = 0\n");
	refuses(LIVING A " 1 2 store k0 v1 = 0\n 3 4 pin k0 = 0\n"
			 " 5 6 unpin k0 = EINVAL\n");
	refuses(LIVING A " 1 2 store k0 v1 = 0\n 3 4 pin k0 = 0\n"
			 " 5 6 unpin k0 = 0\n 7 8 unpin k0 = 0\n");
}
END_TEST

START_TEST(what_does_not_end_is_told_from_what_is_wrong)
{
	accepts(LIVING A " 1 2 store k0 v1 = 0\n 3 4 read k0 v1 = 0\n");
	accepts(LIVING A " 1 2 wait k0 = ENOENT\n 3 4 touch k0 = ENOENT\n"
			 " 5 6 peek k0 = EAGAIN\n 7 8 peek k0 = ENOENT\n");
	refuses(LIVING A " 1 2 read k0 = EAGAIN\n");
	refuses(LIVING A " 1 2 store k0 v1 = EUCLEAN\n");
}
END_TEST

START_TEST(the_beginning_that_is_wrong_is_found)
{
	static struct history h, part;

	read_text(LIVING A " 1 2 store k0 v1 = 0\n 3 4 delete k0 = 0\n"
			   " 20 21 store k0 v3 = 0\n" B
			   " 5 6 read k0 v1 = 0\n 7 8 read k0 = ENOENT\n" C
			   " 9 - store k1 v2 = ?\n",
		  &h);
	ck_assert_int_eq(history_check(&h).linear, 0);
	history_shrink(&h, &part);
	ck_assert_uint_eq(part.line[0].nr, 2);
	ck_assert_uint_eq(part.line[1].nr, 1);
	ck_assert_uint_eq(part.line[2].nr, 0);
	ck_assert_int_eq(history_check(&part).linear, 0);
}
END_TEST

START_TEST(text_and_history_are_the_same)
{
	static struct history h, again;
	char *text = NULL;
	size_t len;
	FILE *f;

	read_text(
		"history pressure 1\n" ALIVE(0) DEAD(1, 50, 70, -) A
		" 0 2 reserve k0 = 0\n 3 4 commit k0 v1a = 1 from 1\n"
		" 5 6 commit k3 torn = 1 view\n 7 9 release k3 = ESTALE from 3"
		" changed\n" B " 1 - unpin k2 = ?\n 2 3 evict = ENOSPC\n",
		&h);
	f = open_memstream(&text, &len);
	history_print(f, &h);
	fclose(f);
	read_text(text, &again);
	free(text);
	ck_assert_int_eq(memcmp(&h, &again, sizeof(h)), 0);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		calls_that_overlap_may_come_in_any_order,
		two_winners_of_one_key_are_refused,
		a_lost_store_is_refused,
		a_value_read_after_its_delete_is_refused,
		a_value_that_comes_back_is_refused,
		a_value_that_nobody_stored_is_refused,
		what_nobody_may_evict_does_not_vanish,
		a_held_entry_is_not_evicted,
		room_may_lack_only_where_it_is_short,
		busy_needs_somebody_who_may_hold,
		a_delete_overtakes_only_a_hold_that_overlaps_it,
		a_hold_of_what_was_deleted_keeps_no_later_value,
		a_view_with_the_commit_is_of_the_winner,
		a_claim_given_twice_is_refused,
		a_claim_is_seen_while_its_owner_lives,
		a_delete_that_overlaps_a_commit_meets_claim_or_value,
		a_value_wins_over_a_claim,
		a_claim_may_outlast_the_value_that_beat_it,
		a_claim_dies_with_its_client_and_not_before,
		a_call_of_the_dead_happens_before_they_are_reaped_or_never,
		holds_of_the_dead_keep_nothing_once_they_are_reaped,
		a_pin_is_taken_back_once,
		what_does_not_end_is_told_from_what_is_wrong,
		the_beginning_that_is_wrong_is_found,
		text_and_history_are_the_same,
	};

	return test_run("histories", TEST_MEM, tests, TEST_LEN(tests));
}
