// SPDX-License-Identifier: BSD-3-Clause
/* Faults in slab words, maps, hints and block words: named and mended. */
#include "common_fsck.h"

#include <string.h>

#define BIT(no) (1u << (no))
#define NOBODY 5u /* a slot that is FREE */

static uint32_t slab_nr(void)
{
	return fsck.p->slab.region[0].slab_nr;
}

static void name_slab(uint32_t slab)
{
	fsck_at(slab << fsck.p->slab.region[0].slab_shift);
}

/* A slab's word with something changed; the version stays. */
static void change(uint32_t slab, enum slab_state state, uint32_t class,
		   uint32_t owner, uint32_t run)
{
	uint64_t w = room_slab(fsck.p, slab);

	room_slab_set(fsck.p, slab,
		      slab_word_make(state, class, owner, run, w >> 40));
	name_slab(slab);
}

static void restate(unsigned no, enum slab_state state)
{
	uint32_t head = fsck_head(no);
	uint64_t w = room_slab(fsck.p, head);

	change(head, state, slab_word_class(w), NOBODY, slab_word_run(w));
}

static void state_5(void)
{
	restate(FSCK_SMALL, 5);
}

static void state_15(void)
{
	restate(FSCK_WIDE, 15);
}

static void empty_state_9(void)
{
	change(slab_nr() - 1, 9, 0, 0, 0);
}

static void emptied(void)
{
	change(fsck_head(FSCK_LONG), SLAB_EMPTY, 0, 0, 0);
	fsck_at(fsck.idx[FSCK_LONG]);
}

static void zeroed(void)
{
	struct extent e;

	ck_assert(extent_of(&fsck.p->slab, fsck.idx[FSCK_WIDE], &e));
	for (uint32_t i = 0; i < e.run; i++)
		room_slab_set(fsck.p, e.head + i, 0);
	fsck_at(fsck.idx[FSCK_WIDE]);
}

/* What is left lies in the second slab, and on the first one's grid. */
static void only_the_last_is_left(void)
{
	for (unsigned i = 0; i < 2; i++) {
		uint32_t idx = fsck.idx[FSCK_WIDE + i];

		a64_store_full(&slab_block(&fsck.p->slab, idx)->word,
			       block_unowned(room_word(fsck.p, idx),
					     BLOCK_FREE));
	}
	fsck_at(fsck.idx[FSCK_WIDE + 2]);
}

static void last_without_head(void)
{
	state_15();
	only_the_last_is_left();
}

static void last_without_words(void)
{
	zeroed();
	only_the_last_is_left();
}

static void claimed_of_nobody(void)
{
	change(slab_nr() - 1, SLAB_CLAIMED, 0, NOBODY, 1);
}

static void claimed_with_entries(void)
{
	restate(FSCK_THREE, SLAB_CLAIMED);
}

static void retiring_of_nobody(void)
{
	restate(FSCK_SMALL, SLAB_RETIRING);
}

static void owner_beyond(void)
{
	change(slab_nr() - 1, SLAB_CLAIMED, 0, 16, 1);
}

static void class_beyond(void)
{
	uint32_t head = fsck_head(FSCK_SMALL);

	change(head, SLAB_ACTIVE, fsck.p->slab.class_nr, 0, 1);
}

static void run_beyond(void)
{
	change(slab_nr() - 1, SLAB_ACTIVE, SLAB_HUGE, 0, 2);
}

static void run_none(void)
{
	change(fsck_head(FSCK_SMALL), SLAB_ACTIVE, 0, 0, 0);
}

static void run_too_long(void)
{
	change(slab_nr() - 3, SLAB_ACTIVE, SLAB_HUGE, 0, 3);
}

static void another_class(void)
{
	uint32_t head = fsck_head(FSCK_THREE);

	change(head, SLAB_ACTIVE, 4, 0, 1);
	fsck_at(fsck.idx[FSCK_THREE + 1]);
}

static void tail_without_head(void)
{
	change(slab_nr() - 1, SLAB_TAIL, 0, 0, 1);
}

static void tail_beyond(void)
{
	change(2, SLAB_TAIL, 0, 0, 9);
}

static void tail_of_another(void)
{
	/* the slab before the last one heads an extent of its own */
	change(slab_nr() - 2, SLAB_ACTIVE, 0, 0, 1);
	change(slab_nr() - 1, SLAB_TAIL, 0, 0, 1);
}

static void lost_tail(void)
{
	uint32_t head = fsck_head(FSCK_WIDE);

	change(head + 1, SLAB_EMPTY, 0, 0, 0);
	name_slab(head);
}

static void tail_moved(void)
{
	uint32_t head = fsck_head(FSCK_HUGE);

	change(head + 1, SLAB_TAIL, SLAB_HUGE, 0, 2);
	name_slab(head);
}

PLANTED(a_slab_in_a_state_that_is_none, state_5, 2, "its state is none",
	.nr = 12)
PLANTED(a_head_in_a_state_that_is_none, state_15, 2, "its state is none",
	.nr = 5)
PLANTED(an_unused_slab_in_a_state_that_is_none, empty_state_9, 2,
	"its state is none (word 0x")
PLANTED(a_slab_that_is_empty_with_an_entry_in_it, emptied, 22,
	"used block in an empty slab", .nr = 12)
PLANTED(all_words_of_an_extent_lost, zeroed, 22, "used block in an empty slab",
	.nr = 5)
PLANTED(a_lost_head_of_an_extent_used_in_its_tail_alone, last_without_head, 11,
	"live block where no block of an extent begins", .nr = 3,
	.lost = BIT(FSCK_WIDE) | BIT(FSCK_WIDE + 1))
PLANTED(lost_words_of_an_extent_used_in_its_tail_alone, last_without_words, 22,
	"used block in an empty slab", .nr = 3,
	.lost = BIT(FSCK_WIDE) | BIT(FSCK_WIDE + 1))
PLANTED(a_slab_claimed_by_nobody, claimed_of_nobody, 21,
	"it is being changed by client 5, who is gone")
PLANTED(an_extent_with_entries_claimed_by_nobody, claimed_with_entries, 21,
	"it is being changed by client 5, who is gone", .nr = 6)
PLANTED(a_slab_retired_by_nobody, retiring_of_nobody, 21,
	"it is being changed by client 5, who is gone")
PLANTED(a_slab_changed_by_a_client_that_there_is_not, owner_beyond, 2,
	"a client that there is not")
PLANTED(a_slab_of_a_class_that_there_is_not, class_beyond, 11,
	"it is of a class that there is not", .nr = 12)
PLANTED(an_extent_that_goes_beyond_the_pool, run_beyond, 11,
	"its extent does not fit the pool")
PLANTED(an_extent_of_no_slabs, run_none, 11, "its extent does not fit the pool",
	.nr = 12)
PLANTED(an_extent_longer_than_its_tails, run_too_long, 11,
	"its extent lacks a tail")
PLANTED(an_extent_cut_for_another_class, another_class, 11,
	"live block where no block of an extent begins", .nr = 5,
	.lost = 0x1f << FSCK_THREE)
PLANTED(a_tail_without_a_head, tail_without_head, 11, "a tail without a head")
PLANTED(a_tail_of_what_is_not_in_the_pool, tail_beyond, 11,
	"a tail of what is not in the pool", .nr = 5)
PLANTED(a_tail_of_an_extent_that_has_none, tail_of_another, 11,
	"a tail of an extent that ends before it")
PLANTED(an_extent_whose_tail_is_lost, lost_tail, 11, "its extent lacks a tail",
	.nr = 3)
PLANTED(a_tail_at_another_distance, tail_moved, 11, "its extent lacks a tail",
	.nr = 2)

/* Maps and hints: wrong either way. */

static void maps(int byte)
{
	const struct slab *s = &fsck.p->slab;

	memset(s->region[0].maps, byte,
	       (s->class_nr + 1) * s->region[0].map_words * 8);
}

static void maps_lost(void)
{
	maps(0);
}

static void maps_full(void)
{
	maps(0xff);
	room_slab_set(fsck.p, slab_nr() - 1, 0);
	name_slab(slab_nr() - 1);
}

static void one_lost_slab(void)
{
	maps_set(&fsck.p->slab.region[0], maps_busy(&fsck.p->slab),
		 slab_nr() - 1);
	name_slab(slab_nr() - 1);
}

static void hints(int byte)
{
	for (uint32_t i = 0; i < slab_nr(); i++)
		memset(fsck.p->slab.region[0].slabs[i].hint, byte, 128);
}

static void hints_lost(void)
{
	hints(0);
}

static void hints_full(void)
{
	hints(0xff);
}

static uint32_t empty_nr(void)
{
	uint32_t nr = 0;

	for (uint32_t i = 0; i < slab_nr(); i++)
		nr += slab_word_state(room_slab(fsck.p, i)) == SLAB_EMPTY;
	return nr;
}

HARMLESS(slab_maps_all_lost, maps_lost)
HARMLESS(hints_all_lost, hints_lost)
HARMLESS(hints_where_blocks_are_used, hints_full)
PLANTED(an_empty_slab_that_the_map_says_is_taken, one_lost_slab, 24,
	"it is empty, the map says taken")

START_TEST(slab_maps_that_say_all_is_taken)
{
	struct maru_pool *p;
	struct fsck_report r;
	uint32_t empty;

	fsck_populate(0);
	fsck_open();
	maps_full();
	empty = empty_nr();
	fsck_close();
	r = fsck_check(0, NULL);
	ck_assert_uint_eq(r.told, empty);
	r = fsck_check(MARU_FSCK_REPAIR, NULL);
	ck_assert_uint_eq(r.res.fixed, empty);
	ck_assert_int_eq(maru_open(test_target(), NULL, &p), 0);
	fsck_kept(p, 0);
	fsck_room(p, 0);
}
END_TEST

/* The hand makes up for lost hints, so a pool needs no repair for them. */
START_TEST(without_any_hints_or_maps_all_room_comes_back_by_itself)
{
	struct maru_pool *p;

	fsck_populate(0);
	fsck_open();
	hints_lost();
	maps_lost();
	fsck_close();
	ck_assert_int_eq(maru_open(test_target(), NULL, &p), 0);
	fsck_kept(p, 0);
	fsck_room(p, 0);
}
END_TEST

/* Block words. */

static void word(uint32_t idx, uint64_t w)
{
	a64_store_full(&slab_block(&fsck.p->slab, idx)->word, w);
	fsck_at(idx);
}

static void set(uint32_t idx, enum block_state state, uint32_t slot,
		uint32_t inc)
{
	word(idx, block_word(state, 0, slot, inc, 77));
	a32_store_rlx(&slab_block(&fsck.p->slab, idx)->units, 1);
}

static void own(uint32_t slot, uint32_t idx)
{
	a16_store_full(ledger_cell(&fsck.p->slab, slot, idx), CELL_OWN);
}

static void block_state_7(void)
{
	set(fsck.free, 7, 0, 0);
}

static void entry_state_15(void)
{
	word(fsck.idx[3], room_word(fsck.p, fsck.idx[3]) | 0xf);
}

static void owner_99(void)
{
	set(fsck.free, BLOCK_OWNED, 99, 0);
}

static void owned_of_nobody(void)
{
	set(fsck.free, BLOCK_OWNED, NOBODY, 0);
}

static void ready_of_nobody(void)
{
	set(fsck.free, BLOCK_READY, NOBODY, 0);
}

static void dying_of_nobody(void)
{
	set(fsck.free, BLOCK_DYING, 0, 0);
}

static void dying_entry(void)
{
	word(fsck.idx[4],
	     block_unowned(room_word(fsck.p, fsck.idx[4]), BLOCK_DYING));
}

static void live_entry_owned(void)
{
	word(fsck.idx[2], room_word(fsck.p, fsck.idx[2]) | 0x300);
}

static void free_owned(void)
{
	word(fsck.free, 0x7700 | BLOCK_FREE);
}

static void version_0(void)
{
	word(fsck.idx[1], BLOCK_LIVE);
}

/* Inside a block of three units, which it overlaps. */
static void live_inside(void)
{
	struct media_block *b =
		slab_block(&fsck.p->slab, fsck.idx[FSCK_THREE] + 1);

	memcpy(b, fsck_block(FSCK_THREE), sizeof(*b));
	fsck_at(fsck.idx[FSCK_THREE] + 1);
}

static void live_nowhere(void)
{
	uint32_t idx = (slab_nr() - 1) << fsck.p->slab.region[0].slab_shift;

	memcpy(slab_block(&fsck.p->slab, idx), fsck_block(FSCK_SMALL),
	       sizeof(struct media_block));
	fsck_at(idx);
}

PLANTED(a_block_in_a_state_that_is_none, block_state_7, 2,
	"block state 7 is none")
PLANTED(an_entry_in_a_state_that_is_none, entry_state_15, 2,
	"block state 15 is none", .lost = BIT(3))
PLANTED(a_block_of_an_owner_that_there_is_not, owner_99, 2,
	"block is owned by client 99, there are 16")
PLANTED(a_block_written_by_nobody, owned_of_nobody, 21,
	"block is owned by client 5, who is gone", .nr = 2)
PLANTED(a_block_published_by_nobody, ready_of_nobody, 5,
	"block is owned by client 5, whose ledger does not say so", .nr = 2)
PLANTED(a_dying_block_of_nobody, dying_of_nobody, 21,
	"dying block that nobody holds nor sees to")
PLANTED(an_entry_removed_by_nobody, dying_entry, 21,
	"dying block that nobody holds nor sees to", .lost = BIT(4))
PLANTED(an_entry_that_names_an_owner, live_entry_owned, 2,
	"block is nobody's, its word")
PLANTED(a_free_block_that_names_an_owner, free_owned, 2,
	"block is nobody's, its word")
PLANTED(an_entry_of_version_0, version_0, 2, "used block has version 0",
	.nr = 2, .lost = BIT(1))
PLANTED(an_entry_inside_another_ones_block, live_inside, 11,
	"live block where no block of an extent begins", .nr = 2)
PLANTED(an_entry_where_no_extent_is, live_nowhere, 22,
	"used block in an empty slab", .nr = 2)

/* Ledger and active map. */

static void pins_of_nobody(void)
{
	a16_store_full(ledger_cell(&fsck.p->slab, NOBODY, fsck.idx[2]), 3);
	fsck_at(fsck.idx[2]);
}

static void own_of_nobody(void)
{
	own(NOBODY, fsck.free);
	fsck_at(fsck.free);
}

static void all_pins_set(void)
{
	const struct slab_region *r = &fsck.p->slab.region[0];

	memset(r->rows, 0xff, 16 * r->row_cells * 2);
	fsck_at(0);
}

static void active_of_nobody(void)
{
	ledger_activate(&fsck.p->slab, NOBODY);
}

static void active_beyond(void)
{
	ledger_activate(&fsck.p->slab, 16);
}

PLANTED(pins_of_a_free_slot, pins_of_nobody, 14,
	"client slot 5 is free, its ledger row is not zero: 3 pins")
PLANTED(an_own_bit_of_a_free_slot, own_of_nobody, 14,
	"its ledger row is not zero: 0 pins and the own bit")
PLANTED(a_ledger_full_of_ones, all_pins_set, 14,
	"client slot 5 is free, its ledger row is not zero", .nr = 16)
PLANTED(an_active_bit_of_a_free_slot, active_of_nobody, 14,
	"client slot 5 is free, but counts as active")
PLANTED(an_active_bit_of_no_slot, active_beyond, 14,
	"bits beyond the 16 client slots")

/* Bad memory. */

static void bad(uint32_t idx, uint32_t units)
{
	word(idx, block_word(BLOCK_BAD, 0, 0, 0, 7));
	a32_store_rlx(&slab_block(&fsck.p->slab, idx)->units, units);
}

static void bad_free(void)
{
	bad(fsck.free, 1);
}

static void bad_alone(void)
{
	bad((slab_nr() - 1) << fsck.p->slab.region[0].slab_shift, 1);
}

static void bad_inside(void)
{
	/* the second block of three units is in use, the last ones are not */
	bad(fsck.idx[FSCK_THREE] + 5 * 3 + 1, 1);
}

HARMLESS(a_bad_block_stays_bad_through_repairs, bad_free, .gone = 1)
PLANTED(a_bad_block_in_an_empty_slab_gets_an_extent_around_it, bad_alone, 22,
	"used block in an empty slab", .gone = 1)
PLANTED(a_bad_mark_inside_a_block_moves_to_its_beginning, bad_inside, 11,
	"used block where no block of an extent begins", .gone = 4)

START_TEST(bad_blocks_are_free_again_only_if_that_is_asked_for)
{
	struct maru_pool *p;
	struct fsck_report r;

	fsck_populate(0);
	fsck_open();
	bad_alone();
	fsck_close();
	r = fsck_check(MARU_FSCK_REPAIR, NULL);
	ck_assert_uint_eq(r.res.bad, 1);
	r = fsck_check(MARU_FSCK_REPAIR | MARU_FSCK_REBUILD, NULL);
	ck_assert_uint_eq(r.res.bad, 1);
	r = fsck_check(MARU_FSCK_REPAIR | MARU_FSCK_CLEAR_BAD, NULL);
	ck_assert_uint_eq(r.res.bad, 0);
	ck_assert_int_eq(maru_open(test_target(), NULL, &p), 0);
	ck_assert_uint_eq(test_stats(p).bad, 0);
	fsck_kept(p, 0);
	fsck_room(p, 0);
}
END_TEST

int main(void)
{
	const TTest *tests[] = {
		a_slab_in_a_state_that_is_none,
		a_head_in_a_state_that_is_none,
		an_unused_slab_in_a_state_that_is_none,
		a_slab_that_is_empty_with_an_entry_in_it,
		all_words_of_an_extent_lost,
		a_lost_head_of_an_extent_used_in_its_tail_alone,
		lost_words_of_an_extent_used_in_its_tail_alone,
		a_slab_claimed_by_nobody,
		an_extent_with_entries_claimed_by_nobody,
		a_slab_retired_by_nobody,
		a_slab_changed_by_a_client_that_there_is_not,
		a_slab_of_a_class_that_there_is_not,
		an_extent_that_goes_beyond_the_pool,
		an_extent_of_no_slabs,
		an_extent_longer_than_its_tails,
		an_extent_cut_for_another_class,
		a_tail_without_a_head,
		a_tail_of_what_is_not_in_the_pool,
		a_tail_of_an_extent_that_has_none,
		an_extent_whose_tail_is_lost,
		a_tail_at_another_distance,
		slab_maps_all_lost,
		slab_maps_that_say_all_is_taken,
		an_empty_slab_that_the_map_says_is_taken,
		hints_all_lost,
		hints_where_blocks_are_used,
		without_any_hints_or_maps_all_room_comes_back_by_itself,
		a_block_in_a_state_that_is_none,
		an_entry_in_a_state_that_is_none,
		a_block_of_an_owner_that_there_is_not,
		a_block_written_by_nobody,
		a_block_published_by_nobody,
		a_dying_block_of_nobody,
		an_entry_removed_by_nobody,
		an_entry_that_names_an_owner,
		a_free_block_that_names_an_owner,
		an_entry_of_version_0,
		an_entry_inside_another_ones_block,
		an_entry_where_no_extent_is,
		pins_of_a_free_slot,
		an_own_bit_of_a_free_slot,
		a_ledger_full_of_ones,
		an_active_bit_of_a_free_slot,
		an_active_bit_of_no_slot,
		a_bad_block_stays_bad_through_repairs,
		a_bad_block_in_an_empty_slab_gets_an_extent_around_it,
		a_bad_mark_inside_a_block_moves_to_its_beginning,
		bad_blocks_are_free_again_only_if_that_is_asked_for,
	};

	return test_run("fsck: slabs and blocks", TEST_MEM, tests,
			TEST_LEN(tests));
}
