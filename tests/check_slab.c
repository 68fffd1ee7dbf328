// SPDX-License-Identifier: BSD-3-Clause
/* The slab room: classes, extents, hints, the ledger and the hand. */
#include "common_room.h"

#include <string.h>

#define MANY_SLABS 65535u

START_TEST(classes_are_four_steps_to_a_doubling)
{
	struct media_class c[SLAB_CLASS_MAX] = { 0 };
	uint32_t nr = slab_class_plan(c, NULL, 0, 4096), n = 0;

	for (; n < 3; n++)
		ck_assert_uint_eq(c[n].units, n + 1);
	for (uint32_t units = 4; units < 1024; units *= 2)
		for (uint32_t step = 0; step < 4; step++)
			ck_assert_uint_eq(c[n++].units,
					  units + units / 4 * step);
	ck_assert_uint_eq(c[n++].units, 1024);
	ck_assert_uint_eq(nr, n);
}
END_TEST

START_TEST(exact_sizes_are_kept_with_their_bytes)
{
	static const uint64_t bytes[] = { 9 * 4096, 2000 * 4096 - 5, 8192 };
	struct media_class c[SLAB_CLASS_MAX] = { 0 };
	uint32_t nr = slab_class_plan(c, bytes, 3, 4096), exact = 0;

	ck_assert_uint_eq(nr, 3 + 4 * 8 + 1 + 2);
	for (uint32_t i = 0; i < nr; i++) {
		ck_assert(!i || c[i].units > c[i - 1].units);
		exact += c[i].exact;
		if (c[i].exact)
			ck_assert_uint_eq(bits_div_up(c[i].bytes, 4096),
					  c[i].units);
	}
	ck_assert_uint_eq(exact, 3);
}
END_TEST

START_TEST(pruning_drops_what_no_slab_holds_but_exact_sizes)
{
	static const uint64_t bytes[] = { 100 * 4096 };
	struct media_class c[SLAB_CLASS_MAX] = { 0 };
	uint32_t nr = slab_class_plan(c, bytes, 1, 4096);
	uint32_t kept = slab_class_prune(c, nr, 64);

	ck_assert_uint_eq(c[kept - 1].units, 100);
	ck_assert_uint_eq(c[kept - 2].units, 64);
	ck_assert_uint_eq(kept, 3 + 4 * 4 + 1 + 1);
}
END_TEST

START_TEST(groups_leave_at_most_an_eighth_over)
{
	struct media_super sb = { .slab_nr = MANY_SLABS };
	struct media_class c[SLAB_CLASS_MAX] = { 0 };
	uint32_t nr;

	for (sb.slab_shift = 2; sb.slab_shift <= 10; sb.slab_shift++) {
		nr = slab_class_prune(c, slab_class_plan(c, NULL, 0, 4096),
				      1u << sb.slab_shift);
		slab_class_groups(c, nr, &sb);
		for (uint32_t i = 0; i < nr; i++) {
			uint32_t room = (uint32_t)c[i].group << sb.slab_shift;

			ck_assert_uint_ge(room, c[i].units);
			ck_assert_uint_le(room % c[i].units * 8, room);
			ck_assert_uint_le(room / c[i].units, 1024);
		}
		memset(c, 0, sizeof(c));
	}
}
END_TEST

START_TEST(a_size_gets_the_smallest_class_that_fits_or_huge)
{
	struct maru_pool *p = test_pool(NULL);
	const struct slab *s = &p->slab;
	uint32_t slab = 1u << s->region[0].slab_shift;

	for (uint32_t units = 1; units <= slab; units++) {
		uint32_t c = slab_class_of(s, units);

		ck_assert_uint_lt(c, s->class_nr);
		ck_assert_uint_ge(s->class[c].units, units);
		ck_assert(!c || s->class[c - 1].units < units);
	}
	ck_assert_uint_eq(slab_class_of(s, slab + 1), SLAB_HUGE);
	ck_assert_uint_eq(slab_class_of(s, UINT32_MAX), SLAB_HUGE);
}
END_TEST

START_TEST(a_class_larger_than_a_slab_is_for_its_own_size_only)
{
	struct slab s = { .class_nr = 2, .large = &s.region[0] };

	s.class[0] = (struct media_class){ .units = 8, .group = 1 };
	s.class[1] =
		(struct media_class){ .units = 20, .group = 3, .exact = 1 };
	s.region[0].slab_shift = 3;
	s.region[0].slab_nr = 3;
	ck_assert_uint_eq(slab_class_of(&s, 20), 1);
	ck_assert_uint_eq(slab_class_of(&s, 19), SLAB_HUGE);
	ck_assert_uint_eq(slab_class_of(&s, 9), SLAB_HUGE);
	ck_assert_uint_eq(slab_class_of(&s, 8), 0);
	s.region[0].slab_nr = 2;
	ck_assert_uint_eq(slab_class_of(&s, 20), SLAB_HUGE);
}
END_TEST

START_TEST(a_claimed_extent_has_its_tails_and_a_hint_for_every_block)
{
	struct maru_pool *p = test_pool(NULL);
	uint32_t class = slab_class_of(&p->slab, 5);
	struct extent e = room_claim(p, class, 3), of;
	uint32_t nr = 0;

	ck_assert_int_eq(slab_word_state(e.word), SLAB_ACTIVE);
	ck_assert_uint_eq(slab_word_owner(e.word), p->slab.self);
	for (uint32_t i = 1; i < 3; i++) {
		uint64_t w = room_slab(p, e.head + i);

		ck_assert_int_eq(slab_word_state(w), SLAB_TAIL);
		ck_assert_uint_eq(slab_word_run(w), i);
		ck_assert(room_busy(p, e.head + i));
		ck_assert(extent_of(&p->slab, (e.head + i) << e.r->slab_shift,
				    &of));
		ck_assert_uint_eq(of.head, e.head);
	}
	ck_assert_uint_eq(e.blocks, (3u << e.r->slab_shift) / 5);
	for (uint32_t i = 0; i < 16; i++)
		nr += (uint32_t)__builtin_popcountll(
			a64_load_full(&e.r->slabs[e.head].hint[i]));
	ck_assert_uint_eq(nr, e.blocks);
	ck_assert(room_mapped(&e));
}
END_TEST

START_TEST(a_retired_extent_is_empty_slabs_again)
{
	struct maru_pool *p = test_pool(NULL);
	struct extent e = room_claim(p, 0, 3);
	uint64_t before = room_slab(p, e.head) >> 40;

	ck_assert(extent_retire_begin(&p->slab, &e));
	ck_assert_int_eq(slab_word_state(room_slab(p, e.head)), SLAB_RETIRING);
	ck_assert_uint_eq(slab_word_owner(e.word), p->slab.self);
	ck_assert(extent_retire_end(&p->slab, &e));
	room_empty(p, e.head, 3);
	ck_assert(!room_mapped(&e));
	/* the version stays, so that the next life differs from this one */
	ck_assert_uint_eq(room_slab(p, e.head) >> 40, before);
	ck_assert_uint_eq(room_claim(p, 0, 3).word >> 40, before + 1);
}
END_TEST

START_TEST(retiring_fails_and_is_undone_while_a_block_is_used)
{
	struct maru_pool *p = test_pool(NULL);
	struct extent e = room_claim(p, 0, 2), was = e;
	uint32_t idx = room_take(p, &e, e.blocks - 1);

	ck_assert(extent_retire_begin(&p->slab, &e));
	ck_assert(!extent_retire_begin(&p->slab, &was));
	ck_assert(!extent_retire_end(&p->slab, &e));
	ck_assert_uint_eq(room_slab(p, e.head), was.word);
	ck_assert_int_eq(slab_word_state(room_slab(p, e.head + 1)), SLAB_TAIL);
	room_give(p, idx);
	ck_assert(extent_retire_begin(&p->slab, &was));
	ck_assert(extent_retire_end(&p->slab, &was));
}
END_TEST

START_TEST(a_claim_that_meets_a_taken_slab_is_rolled_back)
{
	struct maru_pool *p = test_pool(NULL);
	uint64_t taken = slab_word_make(SLAB_CLAIMED, 0, GHOST, 1, 9);
	struct extent e;

	room_slab_set(p, 2, taken); /* and the map does not know it */
	e = room_claim(p, 0, 3);
	ck_assert_uint_eq(e.head, 3);
	room_empty(p, 0, 2);
	ck_assert_uint_eq(room_slab(p, 2), taken);
	ck_assert(room_busy(p, 2));
	extent_reap(&p->slab, GHOST);
}
END_TEST

START_TEST(a_claim_of_more_slabs_than_adjoin_finds_no_room)
{
	struct maru_pool *p = test_pool(NULL);
	uint32_t nr = p->slab.region[0].slab_nr, idx;

	ck_assert_int_eq(extent_claim(&p->slab, 0, SLAB_HUGE, nr + 1, &idx),
			 -ENOSPC);
	room_claim(p, 0, 1);
	ck_assert_int_eq(extent_claim(&p->slab, 0, SLAB_HUGE, nr, &idx),
			 -ENOSPC);
	room_empty(p, 1, nr - 1);
	room_claim(p, SLAB_HUGE, nr - 1);
}
END_TEST

/* Slab words from slab 4 on as @slot leaves them with so many @tails. */
static void leave_claim(struct maru_pool *p, uint32_t run, uint32_t tails,
			uint32_t slot)
{
	for (uint32_t i = tails; i > 0; i--) {
		room_slab_set(p, 4 + i,
			      slab_word_make(SLAB_TAIL, 0, slot, i, 3));
		maps_set(&p->slab.region[0], maps_busy(&p->slab), 4 + i);
	}
	room_slab_set(p, 4, slab_word_make(SLAB_CLAIMED, 0, slot, run, 3));
	for (uint32_t i = 0; i < run; i++)
		maps_set(&p->slab.region[0], maps_busy(&p->slab), 4 + i);
}

START_TEST(a_claim_that_stopped_after_any_tail_is_undone_by_the_reaper)
{
	struct maru_pool *p = test_pool(NULL);

	for (uint32_t tails = 0; tails < 5; tails++) {
		leave_claim(p, 5, tails, GHOST);
		extent_reap(&p->slab, GHOST);
		room_empty(p, 4, 5);
	}
}
END_TEST

START_TEST(a_rollback_that_stopped_leaves_the_next_owners_slabs_alone)
{
	struct maru_pool *p = test_pool(NULL);
	uint64_t head = slab_word_make(SLAB_ACTIVE, 0, 1, 2, 5);
	uint64_t tail = slab_word_make(SLAB_TAIL, 0, 1, 1, 5);

	/* the last two tails were EMPTY already, and are another's extent */
	leave_claim(p, 5, 2, GHOST);
	room_slab_set(p, 7, head);
	room_slab_set(p, 8, tail);
	extent_reap(&p->slab, GHOST);
	room_empty(p, 4, 3);
	ck_assert_uint_eq(room_slab(p, 7), head);
	ck_assert_uint_eq(room_slab(p, 8), tail);
	ck_assert(room_busy(p, 7) && room_busy(p, 8));
}
END_TEST

START_TEST(a_retirement_that_stopped_is_active_again_after_the_reaper)
{
	struct maru_pool *p = test_pool(NULL);
	struct extent e = room_claim(p, 1, 2), was = e;

	room_slab_set(p, e.head,
		      slab_word_make(SLAB_RETIRING, 1, GHOST, 2, e.word >> 40));
	extent_reap(&p->slab, GHOST);
	ck_assert(extent_at(&p->slab, 0, was.head, &e));
	ck_assert_int_eq(slab_word_state(e.word), SLAB_ACTIVE);
	ck_assert_uint_eq(e.class, 1);
	ck_assert_uint_eq(e.run, 2);
	ck_assert_uint_eq(e.word >> 40, was.word >> 40);
	ck_assert_int_eq(slab_word_state(room_slab(p, e.head + 1)), SLAB_TAIL);
}
END_TEST

START_TEST(the_reaper_never_touches_another_clients_slabs)
{
	static const enum slab_state state[] = { SLAB_CLAIMED, SLAB_RETIRING,
						 SLAB_ACTIVE };
	struct maru_pool *p = test_pool(NULL);
	uint64_t w[3];

	for (uint32_t i = 0; i < 3; i++) {
		w[i] = slab_word_make(state[i], 0, GHOST, 1, 2);
		room_slab_set(p, i, w[i]);
		maps_set(&p->slab.region[0], maps_busy(&p->slab), i);
	}
	extent_reap(&p->slab, GHOST + 1);
	for (uint32_t i = 0; i < 3; i++) {
		ck_assert_uint_eq(room_slab(p, i), w[i]);
		ck_assert(room_busy(p, i));
	}
	extent_reap(&p->slab, GHOST);
	ck_assert_uint_eq(room_slab(p, 2), w[2]);
}
END_TEST

START_TEST(empty_slabs_that_a_death_left_as_busy_are_found_again)
{
	struct maru_pool *p = test_pool(NULL);
	uint32_t idx;

	room_hide_empty(p);
	ck_assert_int_eq(extent_claim(&p->slab, 0, 0, 1, &idx), -ENOSPC);
	extent_reap(&p->slab, GHOST);
	ck_assert_int_eq(extent_claim(&p->slab, 0, 0, 1, &idx), 0);
}
END_TEST

START_TEST(a_lost_hint_is_found_by_the_hand)
{
	struct maru_pool *p = test_pool(NULL);
	struct extent e = room_claim(p, 0, 1);
	struct hand_stop stop;
	uint32_t idx;

	room_hints_set(&e, 0);
	room_hide_empty(p);
	ck_assert_int_eq(slab_alloc(&p->slab, 1, 0, &idx), -ENOSPC);
	ck_assert(hand_next(&p->slab, 0, &stop));
	ck_assert_uint_eq(stop.extent.head, e.head);
	room_give(p, room_take(p, &stop.extent, stop.block));
	/* which sets the hint, and the allocator goes by it */
	ck_assert_int_eq(slab_alloc(&p->slab, 1, 0, &idx), 0);
	ck_assert_uint_eq(idx, extent_idx(&stop.extent, stop.block));
	room_give(p, idx);
	extent_reap(&p->slab, GHOST);
}
END_TEST

START_TEST(a_stale_hint_is_cleared_on_the_way)
{
	struct maru_pool *p = test_pool(NULL);
	struct extent e = room_claim(p, 0, 1);
	uint32_t used = room_take(p, &e, 0), idx;

	room_hints_set(&e, 3);
	room_hide_empty(p);
	ck_assert_int_eq(slab_alloc(&p->slab, 1, 0, &idx), 0);
	ck_assert_uint_eq(idx, extent_idx(&e, 1));
	ck_assert_uint_eq(room_hints(&e), 0);
	room_give(p, used);
	room_give(p, idx);
	extent_reap(&p->slab, GHOST);
}
END_TEST

START_TEST(a_map_bit_without_hints_is_cleared)
{
	struct maru_pool *p = test_pool(NULL);
	struct extent e = room_claim(p, 0, 1);
	uint32_t idx;

	room_hints_set(&e, 0);
	room_hide_empty(p);
	ck_assert_int_eq(slab_alloc(&p->slab, 1, 0, &idx), -ENOSPC);
	ck_assert(!room_mapped(&e));
	slab_hint(&p->slab, extent_idx(&e, 1));
	ck_assert_uint_eq(room_hints(&e), 2);
	ck_assert(room_mapped(&e));
	extent_reap(&p->slab, GHOST);
}
END_TEST

START_TEST(hint_and_map_bit_of_a_free_block_come_back_when_doubted)
{
	struct maru_pool *p = test_pool(NULL);
	struct extent e = room_claim(p, 0, 1);
	uint32_t at = extent_idx(&e, 5), idx;

	room_hints_set(&e, 1 << 5);
	room_hide_empty(p);
	/* another thread of this client has it in hand for a moment */
	a16_or_full(ledger_cell(&p->slab, p->slab.self, at), CELL_OWN);
	ck_assert_int_eq(slab_alloc(&p->slab, 1, 0, &idx), -ENOSPC);
	ck_assert_uint_eq(room_hints(&e), 1 << 5);
	ck_assert(room_mapped(&e));
	slab_disown(&p->slab, at);
	extent_reap(&p->slab, GHOST);
}
END_TEST

START_TEST(take_refuses_a_block_whose_own_bit_is_set)
{
	struct maru_pool *p = test_pool(NULL);
	struct extent e = room_claim(p, 0, 1);
	uint32_t at = extent_idx(&e, 0), idx;
	uint64_t w = room_word(p, at);

	a16_or_full(ledger_cell(&p->slab, p->slab.self, at), CELL_OWN);
	ck_assert(!slab_take(&p->slab, &e, 0, &idx));
	ck_assert_uint_eq(room_word(p, at), w);
	ck_assert_uint_eq(room_cell(p, p->slab.self, at), CELL_OWN);
	slab_disown(&p->slab, at);
	room_give(p, room_take(p, &e, 0));
}
END_TEST

START_TEST(take_refuses_a_block_that_is_not_free)
{
	static const enum block_state state[] = {
		BLOCK_OWNED, BLOCK_READY,	BLOCK_LIVE,
		BLOCK_DYING, BLOCK_QUARANTINED, BLOCK_BAD
	};
	struct maru_pool *p = test_pool(NULL);
	struct extent e = room_claim(p, 0, 1);
	uint32_t at = extent_idx(&e, 0), idx;

	for (unsigned i = 0; i < TEST_LEN(state); i++) {
		uint64_t w = block_word(state[i], 0, 0, 0, 3);

		a64_store_full(&slab_block(&p->slab, at)->word, w);
		ck_assert(!slab_take(&p->slab, &e, 0, &idx));
		ck_assert_uint_eq(room_word(p, at), w);
		ck_assert_uint_eq(room_cell(p, p->slab.self, at), 0);
	}
	room_set(p, at, BLOCK_FREE, 0);
}
END_TEST

START_TEST(take_is_undone_if_the_slab_has_changed)
{
	struct maru_pool *p = test_pool(NULL);
	struct extent e = room_claim(p, 0, 1), now = e;
	uint32_t at = extent_idx(&e, 0), idx;

	ck_assert(extent_retire_begin(&p->slab, &now));
	ck_assert(!slab_take(&p->slab, &e, 0, &idx));
	ck_assert_int_eq(room_state(p, at), BLOCK_FREE);
	ck_assert_uint_eq(room_cell(p, p->slab.self, at), 0);
	ck_assert(extent_retire_end(&p->slab, &now));
}
END_TEST

START_TEST(every_taking_is_a_version_on_and_never_zero)
{
	struct maru_pool *p = test_pool(NULL);
	struct extent e = room_claim(p, 0, 1);
	uint32_t at = extent_idx(&e, 0);
	static const uint32_t version[] = {
		0, 1, 4095, 4096, UINT32_MAX - 1, UINT32_MAX
	};

	for (unsigned i = 0; i < TEST_LEN(version); i++) {
		uint32_t want = version[i] == UINT32_MAX ? 1 : version[i] + 1;

		a64_store_full(&slab_block(&p->slab, at)->word,
			       block_word(BLOCK_FREE, 0, 0, 0, version[i]));
		room_take(p, &e, 0);
		ck_assert_uint_eq(block_version(room_word(p, at)), want);
		room_give(p, at);
		ck_assert_uint_eq(block_version(room_word(p, at)), want);
	}
}
END_TEST

START_TEST(free_takes_back_what_is_still_the_word_only)
{
	struct maru_pool *p = test_pool(NULL);
	struct extent e = room_claim(p, 0, 1);
	uint32_t idx = room_take(p, &e, 0);
	uint64_t w = room_word(p, idx);

	ck_assert_uint_eq(room_cell(p, p->slab.self, idx), CELL_OWN);
	ck_assert(!slab_free(&p->slab, idx, w | BLOCK_SEALED));
	ck_assert_uint_eq(room_cell(p, p->slab.self, idx), CELL_OWN);
	ck_assert(slab_free(&p->slab, idx, w));
	ck_assert_uint_eq(room_cell(p, p->slab.self, idx), 0);
	ck_assert_uint_eq(room_hints(&e) & 1, 1);
	ck_assert(!slab_free(&p->slab, idx, w));
}
END_TEST

START_TEST(a_huge_block_takes_its_extent_with_it_when_freed)
{
	struct maru_pool *p = test_pool(NULL);
	uint32_t slab = 1u << p->slab.region[0].slab_shift, idx;
	struct extent e;

	ck_assert_int_eq(slab_alloc(&p->slab, 3 * slab + 1, 0, &idx), 0);
	ck_assert(extent_of(&p->slab, idx, &e));
	ck_assert_uint_eq(e.class, SLAB_HUGE);
	ck_assert_uint_eq(e.run, 4);
	ck_assert_uint_eq(e.blocks, 1);
	room_give(p, idx);
	room_empty(p, e.head, 4);
	ck_assert_int_eq(slab_alloc(&p->slab, UINT32_MAX, 0, &idx), -EFBIG);
}
END_TEST

/* One lap over what @class has; every block of @e must come once. */
static void lap(struct maru_pool *p, const struct extent *e, unsigned nr)
{
	unsigned seen[2][1024] = { 0 }, sum = 0;
	struct hand_stop stop;

	for (unsigned i = 0; i < nr; i++)
		sum += e[i].blocks;
	for (unsigned i = 0; i < sum; i++) {
		ck_assert(hand_next(&p->slab, e->class, &stop));
		for (unsigned n = 0; n < nr; n++)
			if (stop.extent.head == e[n].head)
				seen[n][stop.block]++;
	}
	for (unsigned n = 0; n < nr; n++)
		for (uint32_t i = 0; i < e[n].blocks; i++)
			ck_assert_uint_eq(seen[n][i], 1);
}

START_TEST(the_hand_visits_every_block_of_its_class_once_a_lap)
{
	struct maru_pool *p = test_pool(NULL);
	uint32_t class = slab_class_of(&p->slab, 5);
	struct extent e[2];

	room_claim(p, 0, 1);
	e[0] = room_claim(p, class, 3);
	room_claim(p, 1, 2);
	e[1] = room_claim(p, class, 1);
	room_claim(p, SLAB_HUGE, 2);
	for (unsigned i = 0; i < 3; i++)
		lap(p, e, 2);
}
END_TEST

START_TEST(the_hand_tells_when_it_has_wrapped_once_a_lap)
{
	struct maru_pool *p = test_pool(NULL);
	struct extent e = room_claim(p, 0, 2);
	struct hand_stop stop;

	for (unsigned i = 0; i < 3 * e.blocks; i++) {
		ck_assert(hand_next(&p->slab, 0, &stop));
		ck_assert_uint_eq(stop.block, i % e.blocks);
		ck_assert_int_eq(stop.wrapped, i && i % e.blocks == 0);
	}
}
END_TEST

START_TEST(the_hand_finds_nothing_in_a_class_without_active_extents)
{
	struct maru_pool *p = test_pool(NULL);
	struct extent e = room_claim(p, 0, 1);
	struct hand_stop stop;

	ck_assert(!hand_next(&p->slab, 1, &stop));
	ck_assert(extent_retire_begin(&p->slab, &e));
	ck_assert(!hand_next(&p->slab, 0, &stop));
	ck_assert(extent_retire_end(&p->slab, &e));
}
END_TEST

START_TEST(a_hand_that_points_out_of_the_pool_starts_over)
{
	static const uint64_t pos[] = { UINT64_MAX, 1u << IDX_UNIT_BITS,
					IDX_UNIT_MASK, 1 };
	struct maru_pool *p = test_pool(NULL);
	struct extent e = room_claim(p, 1, 1);
	struct hand_stop stop;

	for (unsigned i = 0; i < TEST_LEN(pos); i++) {
		a64_store_full(&p->slab.hands[1].pos, pos[i]);
		ck_assert(hand_next(&p->slab, 1, &stop));
		ck_assert_uint_eq(stop.extent.head, e.head);
		/* in the middle of a block: the one behind it */
		ck_assert_uint_eq(stop.block, pos[i] == 1);
	}
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		classes_are_four_steps_to_a_doubling,
		exact_sizes_are_kept_with_their_bytes,
		pruning_drops_what_no_slab_holds_but_exact_sizes,
		groups_leave_at_most_an_eighth_over,
		a_size_gets_the_smallest_class_that_fits_or_huge,
		a_class_larger_than_a_slab_is_for_its_own_size_only,
		a_claimed_extent_has_its_tails_and_a_hint_for_every_block,
		a_retired_extent_is_empty_slabs_again,
		retiring_fails_and_is_undone_while_a_block_is_used,
		a_claim_that_meets_a_taken_slab_is_rolled_back,
		a_claim_of_more_slabs_than_adjoin_finds_no_room,
		a_claim_that_stopped_after_any_tail_is_undone_by_the_reaper,
		a_rollback_that_stopped_leaves_the_next_owners_slabs_alone,
		a_retirement_that_stopped_is_active_again_after_the_reaper,
		the_reaper_never_touches_another_clients_slabs,
		empty_slabs_that_a_death_left_as_busy_are_found_again,
		a_lost_hint_is_found_by_the_hand,
		a_stale_hint_is_cleared_on_the_way,
		a_map_bit_without_hints_is_cleared,
		hint_and_map_bit_of_a_free_block_come_back_when_doubted,
		take_refuses_a_block_whose_own_bit_is_set,
		take_refuses_a_block_that_is_not_free,
		take_is_undone_if_the_slab_has_changed,
		every_taking_is_a_version_on_and_never_zero,
		free_takes_back_what_is_still_the_word_only,
		a_huge_block_takes_its_extent_with_it_when_freed,
		the_hand_visits_every_block_of_its_class_once_a_lap,
		the_hand_tells_when_it_has_wrapped_once_a_lap,
		the_hand_finds_nothing_in_a_class_without_active_extents,
		a_hand_that_points_out_of_the_pool_starts_over,
	};

	return test_run("slab room", TEST_MEM, tests, TEST_LEN(tests));
}
