// SPDX-License-Identifier: BSD-3-Clause
/* An entry that was deleted just after a pin came: held, but no longer found.
 */
#include "common_room.h"

/* What a delete does that looked for pins a moment before @view was taken. */
static void delete_late(struct maru_pool *by, const struct maru_view *view,
			uint32_t *idx)
{
	struct media_block *b;
	uint64_t w;

	ck_assert(pool_idx(by, &view->ref, idx));
	a16_or_full(ledger_cell(&by->slab, by->slab.self, *idx), CELL_OWN);
	b = slab_block(&by->slab, *idx);
	w = block_load(b);
	ck_assert(block_cas(b, &w, block_unowned(w, BLOCK_DYING)));
}

START_TEST(unpin_of_a_key_leaves_views_of_its_predecessor_alone)
{
	struct maru_pool *pool = test_pool(NULL), *other = test_open(0);
	struct maru_view view;
	uint32_t idx;

	ck_assert_int_eq(maru_store(pool, "k", 1, "old", 3), 0);
	ck_assert_int_eq(maru_retrieve(pool, "k", 1, &view), 0);
	delete_late(other, &view, &idx);
	ck_assert_int_eq(maru_store(pool, "k", 1, "new", 3), 0);
	ck_assert_int_eq(maru_unpin(pool, "k", 1, 1), -EINVAL);
	ck_assert_int_eq(maru_pin(pool, "k", 1, 1), 0);
	ck_assert_int_eq(maru_unpin(pool, "k", 1, 1), 0);
	ck_assert_mem_eq(view.data, "old", 3);
	ck_assert_int_eq(maru_release(pool, &view), 0);
	slab_disown(&other->slab, idx);
	ck_assert_int_eq(maru_delete(pool, "k", 1), 0);
	test_close(other);
	test_close(pool);
}
END_TEST

START_TEST(the_last_release_frees_what_was_deleted)
{
	struct maru_pool *pool = test_pool(NULL), *other = test_open(0);
	struct maru_view view, second;
	uint32_t idx;

	ck_assert_int_eq(maru_store(pool, "k", 1, "old", 3), 0);
	ck_assert_int_eq(maru_retrieve(pool, "k", 1, &view), 0);
	ck_assert_int_eq(maru_retrieve(other, "k", 1, &second), 0);
	delete_late(other, &view, &idx);
	ck_assert_int_eq(maru_exists(pool, "k", 1), 0);
	ck_assert_int_eq(maru_release(pool, &view), 0);
	ck_assert_uint_ne(test_stats(pool).used_bytes, 0);
	ck_assert_int_eq(maru_release(other, &second), 0);
	ck_assert_uint_eq(test_stats(pool).used_bytes, 0);
	slab_disown(&other->slab, idx);
	test_close(other);
	test_close(pool);
}
END_TEST

START_TEST(a_pin_by_key_can_be_taken_back_after_a_delete)
{
	struct maru_pool *pool = test_pool(NULL), *other = test_open(0);
	struct maru_view view;
	uint32_t idx;

	ck_assert_int_eq(maru_store(pool, "k", 1, "old", 3), 0);
	ck_assert_int_eq(maru_retrieve(pool, "k", 1, &view), 0);
	ck_assert_int_eq(maru_pin(pool, "k", 1, 2), 0);
	delete_late(other, &view, &idx);
	ck_assert_int_eq(maru_unpin(pool, "k", 1, 2), 0);
	ck_assert_int_eq(maru_release(pool, &view), 0);
	ck_assert_uint_eq(test_stats(pool).used_bytes, 0);
	slab_disown(&other->slab, idx);
	test_close(other);
	test_close(pool);
}
END_TEST

/* The holder died between its last unpin and the look that would free it. */
START_TEST(a_reaper_frees_what_an_idle_client_is_to_see_to)
{
	struct maru_pool *pool = test_pool(NULL), *other = test_open(0);
	struct room_key k;
	uint32_t idx;

	room_key(pool, &k, 1);
	idx = room_live(pool, &k.k);
	a16_or_full(ledger_cell(&other->slab, other->slab.self, idx), CELL_OWN);
	a64_store_full(other->dir.owes, 1);
	room_set(pool, idx, BLOCK_DYING, 0);
	room_ghost(pool, CLIENT_ACTIVE);
	room_ghost_gone(pool);
	ck_assert_int_eq(room_state(pool, idx), BLOCK_FREE);
	test_close(other);
	test_close(pool);
}
END_TEST

/* Its own bit stays on a block that another has freed, until it is settled. */
START_TEST(a_debtor_can_have_all_room_when_its_debt_is_gone)
{
	struct maru_pool *p = room_pool(), *q = test_open(0);
	uint32_t idx = room_zombie(p, q, 1);
	struct maru_buf buf;

	room_ghost_gone(p);
	ck_assert_int_eq(dir_drop(&q->dir, idx, 1), 0);
	ck_assert_uint_eq(room_cell(p, p->slab.self, idx), CELL_OWN);
	a64_store_rlx(&p->client.tick_ns, UINT64_MAX); /* no help from it */
	ck_assert_int_eq(maru_alloc(p, test_stats(p).data_bytes, &buf), 0);
	ck_assert_int_eq(maru_abort(p, &buf), 0);
	ck_assert(room_row_is_zero(p, p->slab.self));
}
END_TEST

START_TEST(a_zombie_that_only_the_dead_had_pinned_is_free_when_reaped)
{
	struct maru_pool *pool = test_pool(NULL);
	struct room_key k;
	uint32_t idx;

	room_key(pool, &k, 1);
	idx = room_live(pool, &k.k);
	room_ghost(pool, CLIENT_ACTIVE);
	room_ghost_owes(pool, idx);
	ck_assert(ledger_pin(ledger_cell(&pool->slab, GHOST, idx)));
	room_ghost_gone(pool);
	ck_assert_int_eq(room_state(pool, idx), BLOCK_FREE);
	test_close(pool);
}
END_TEST

int main(void)
{
	const TTest *tests[] = {
		unpin_of_a_key_leaves_views_of_its_predecessor_alone,
		the_last_release_frees_what_was_deleted,
		a_pin_by_key_can_be_taken_back_after_a_delete,
		a_reaper_frees_what_an_idle_client_is_to_see_to,
		a_debtor_can_have_all_room_when_its_debt_is_gone,
		a_zombie_that_only_the_dead_had_pinned_is_free_when_reaped,
	};

	return test_run("zombies", TEST_MEDIA, tests, TEST_LEN(tests));
}
