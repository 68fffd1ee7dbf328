// SPDX-License-Identifier: BSD-3-Clause
/* What is still to be done leaves a trace until it is done. */
#include "common_room.h"

/* As take_mapped() leaves the map of a class whose extent is RETIRING. */
static void doubt(const struct extent *e)
{
	maps_clear(e->r, e->class, e->head);
	ck_assert(!room_mapped(e));
}

START_TEST(an_extent_that_was_not_retired_is_found_by_its_class_again)
{
	struct maru_pool *p = test_pool(NULL);
	struct extent e = room_claim(p, 0, 2);
	uint32_t idx = room_take(p, &e, 0);

	ck_assert(extent_retire_begin(&p->slab, &e));
	doubt(&e);
	ck_assert(!extent_retire_end(&p->slab, &e));
	ck_assert(room_mapped(&e));
	room_give(p, idx);
}
END_TEST

START_TEST(an_extent_that_the_reaper_makes_active_is_found_by_its_class)
{
	struct maru_pool *p = test_pool(NULL);
	struct extent e = room_claim(p, 1, 2);

	room_slab_set(p, e.head,
		      slab_word_make(SLAB_RETIRING, 1, GHOST, 2, e.word >> 40));
	doubt(&e);
	extent_reap(&p->slab, GHOST);
	ck_assert(room_mapped(&e));
}
END_TEST

START_TEST(a_zombie_stays_the_deads_while_another_thread_has_our_bit)
{
	struct maru_pool *p = room_pool(), *q = test_open(0);
	uint32_t idx = room_zombie(p, q, 1);

	/* as slab_take() has it until it finds that the block is not FREE */
	a16_or_full(ledger_cell(&p->slab, p->slab.self, idx), CELL_OWN);
	ck_assert_int_eq(client_reap(&p->client, GHOST), 1);
	ck_assert_uint_eq(room_cell(p, GHOST, idx), CELL_OWN);
	ck_assert_int_eq(client_state(client_word(&p->client, GHOST)),
			 CLIENT_DEAD);
	slab_disown(&p->slab, idx);
	room_ghost_gone(p);
	ck_assert_uint_eq(room_cell(p, p->slab.self, idx), CELL_OWN);
	ck_assert_uint_eq(room_owes(p), 1);
	ck_assert_int_eq(dir_drop(&q->dir, idx, 1), 0);
	ck_assert_int_eq(room_state(p, idx), BLOCK_FREE);
}
END_TEST

int main(void)
{
	const TTest *tests[] = {
		an_extent_that_was_not_retired_is_found_by_its_class_again,
		an_extent_that_the_reaper_makes_active_is_found_by_its_class,
		a_zombie_stays_the_deads_while_another_thread_has_our_bit,
	};

	return test_run("traces", TEST_MEM, tests, TEST_LEN(tests));
}
