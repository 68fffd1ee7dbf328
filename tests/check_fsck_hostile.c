// SPDX-License-Identifier: BSD-3-Clause
/*
 * Slab words as an enemy would write them, in the largest table there is.
 *
 * Each pattern makes many words depend on others; mending must come to an end
 * soon, and leave nothing but EMPTY slabs and complete extents.
 */
#include "common_room.h"

#include "slab/check.h"

#include <stdlib.h>
#include <string.h>

#define SLABS 65535u

static struct slab s;

/* One unit a slab: so a table of that size needs little memory. */
static void setup_slabs(void)
{
	struct slab_region *r = &s.region[0];

	memset(&s, 0, sizeof(s));
	r->slabs = calloc(SLABS, sizeof(*r->slabs));
	r->blocks = calloc(SLABS, sizeof(*r->blocks));
	ck_assert(r->slabs && r->blocks);
	r->unit_nr = r->slab_nr = SLABS;
	s.region_nr = 1;
	s.large = r;
	s.client_nr = 16;
	s.class_nr = 2;
	s.class[0].units = 1;
	s.class[0].group = 1;
	s.class[1].units = 3;
	s.class[1].group = 3;
	s.class[1].exact = 1;
}

static void teardown_slabs(void)
{
	free(s.region[0].slabs);
	free(s.region[0].blocks);
}

static void word(uint32_t slab, enum slab_state state, uint32_t class,
		 uint32_t run)
{
	a64_store_rlx(&s.region[0].slabs[slab].word,
		      slab_word_make(state, class, 0, run & 0xffff, 1));
}

static void live(uint32_t unit, uint32_t units)
{
	struct media_block *b = &s.region[0].blocks[unit];

	a64_store_rlx(&b->word, block_word(BLOCK_LIVE, 0, 0, 0, 1));
	a32_store_rlx(&b->units, units);
}

static bool keep(void *ctx, uint32_t idx)
{
	++*(uint64_t *)ctx;
	return idx < SLABS;
}

/* How many slabs are of an extent now; every word fits the others. */
static uint32_t mended(void)
{
	uint64_t asked = 0;
	uint32_t used = 0;

	ck_assert_int_eq(slab_mend_words(&s, 0, keep, &asked), 0);
	for (uint32_t i = 0; i < SLABS; i++) {
		enum slab_state state =
			slab_word_state(slab_word(&s.region[0], i));
		const char *why;

		ck_assert_uint_eq(slab_word_fault(&s, 0, i, &why), 0);
		ck_assert(state == SLAB_EMPTY || state == SLAB_ACTIVE ||
			  state == SLAB_TAIL);
		used += state != SLAB_EMPTY;
	}
	/* each descriptor at most once */
	ck_assert_uint_le(asked, SLABS);
	return used;
}

START_TEST(heads_that_all_reach_to_the_end)
{
	for (uint32_t i = 0; i < SLABS; i++)
		word(i, SLAB_ACTIVE, SLAB_HUGE, SLABS - i);
	/* the last one is an extent of one slab */
	ck_assert_uint_eq(mended(), 1);
}
END_TEST

START_TEST(a_head_that_lacks_only_its_last_tail)
{
	word(0, SLAB_ACTIVE, SLAB_HUGE, SLABS);
	for (uint32_t i = 1; i < SLABS; i++)
		word(i, SLAB_TAIL, SLAB_HUGE, i);
	word(SLABS - 1, SLAB_TAIL, SLAB_HUGE, 1);
	ck_assert_uint_eq(mended(), 0);
}
END_TEST

START_TEST(a_head_with_all_its_tails_is_left_alone)
{
	word(0, SLAB_ACTIVE, SLAB_HUGE, SLABS);
	for (uint32_t i = 1; i < SLABS; i++)
		word(i, SLAB_TAIL, SLAB_HUGE, i);
	ck_assert_uint_eq(mended(), SLABS);
}
END_TEST

START_TEST(tails_of_tails)
{
	for (uint32_t i = 0; i < SLABS; i++)
		word(i, SLAB_TAIL, SLAB_HUGE, 1);
	ck_assert_uint_eq(mended(), 0);
}
END_TEST

/* Each would be an extent up to the end, but for the last slab. */
START_TEST(entries_that_claim_all_that_is_behind_them)
{
	for (uint32_t i = 0; i + 1 < SLABS; i++)
		live(i, SLABS - i);
	word(SLABS - 1, SLAB_ACTIVE, 0, 1);
	ck_assert_uint_eq(mended(), 1);
}
END_TEST

START_TEST(entries_whose_tails_point_far_back)
{
	for (uint32_t i = 1; i < SLABS; i++) {
		word(i, SLAB_TAIL, SLAB_HUGE, i);
		live(i, SLABS);
	}
	word(0, SLAB_ACTIVE, 0, 1);
	ck_assert_uint_eq(mended(), 1);
}
END_TEST

START_TEST(every_word_of_ones)
{
	for (uint32_t i = 0; i < SLABS; i++) {
		a64_store_rlx(&s.region[0].slabs[i].word, UINT64_MAX);
		live(i, 3);
	}
	/* three by three, and what is left at the end is too short */
	ck_assert_uint_eq(mended(), SLABS);
}
END_TEST

START_TEST(blocks_of_any_units)
{
	uint64_t rnd = 7;

	for (uint32_t i = 0; i < SLABS; i++) {
		uint64_t r = test_random(&rnd);

		word(i, (enum slab_state)(r & 7), r >> 8 & 1 ? SLAB_HUGE : 1,
		     (uint32_t)(r >> 16) & 7);
		live(i, (uint32_t)(r >> 24) % 9);
	}
	ck_assert_uint_gt(mended(), 0);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		heads_that_all_reach_to_the_end,
		a_head_that_lacks_only_its_last_tail,
		a_head_with_all_its_tails_is_left_alone,
		tails_of_tails,
		entries_that_claim_all_that_is_behind_them,
		entries_whose_tails_point_far_back,
		every_word_of_ones,
		blocks_of_any_units,
	};
	Suite *suite = suite_create("fsck: hostile slab words");
	TCase *tc = tcase_create("all");
	SRunner *sr = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(tc, setup_slabs, teardown_slabs);
	tcase_set_timeout(tc, TEST_SLOW ? 120 : 30);
	for (size_t i = 0; i < TEST_LEN(tests); i++)
		tcase_add_test(tc, tests[i]);
	suite_add_tcase(suite, tc);
	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed != 0;
}
