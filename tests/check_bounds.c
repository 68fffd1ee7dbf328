// SPDX-License-Identifier: BSD-3-Clause
/* Numbers from the pool that would lead out of it. */
#include "common_room.h"

START_TEST(a_length_beyond_the_block_is_no_view)
{
	struct maru_pool *p = room_pool();
	struct maru_view view;
	struct room_key k;
	struct media_block *b;

	room_key(p, &k, 1);
	b = slab_block(&p->slab, room_live(p, &k.k));
	a64_store_rlx(&b->size, 1ull << 40 | (uint64_t)k.k.len << 48);
	ck_assert_int_eq(maru_retrieve(p, k.bytes, k.k.len, &view),
			 MARU_E_CORRUPT);
	ck_assert_ptr_null(view.data);
}
END_TEST

START_TEST(a_block_ends_where_its_region_does)
{
	struct maru_pool *p = room_pool();
	const struct slab_region *r = &p->slab.region[0];
	uint32_t last = r->unit_nr - 1;
	uint32_t units = a32_load_rlx(&r->blocks[last].units);

	a32_store_rlx(&r->blocks[last].units, UINT32_MAX);
	ck_assert_uint_eq(slab_block_bytes(&p->slab, last),
			  1ull << r->unit_shift);
	ck_assert_uint_le(slab_block_bytes(&p->slab, last - 1),
			  2ull << r->unit_shift);
	a32_store_rlx(&r->blocks[last].units, units);
}
END_TEST

START_TEST(an_extent_that_would_leave_its_region_is_none)
{
	struct maru_pool *p = room_pool();
	uint32_t last = p->slab.region[0].slab_nr - 1;
	uint64_t was = room_slab(p, last);
	struct extent e;

	room_slab_set(p, last, slab_word_make(SLAB_ACTIVE, 0, 0, 2, 1));
	ck_assert(!extent_at(&p->slab, 0, last, &e));
	room_slab_set(p, last, slab_word_make(SLAB_ACTIVE, 0, 0, 0, 1));
	ck_assert(!extent_at(&p->slab, 0, last, &e));
	room_slab_set(p, last, slab_word_make(SLAB_ACTIVE, 0, 0, 1, 1));
	ck_assert(extent_at(&p->slab, 0, last, &e));
	room_slab_set(p, last, was);
}
END_TEST

START_TEST(a_number_behind_the_last_block_is_none)
{
	struct maru_pool *p = room_pool();
	uint32_t nr = p->slab.region[0].unit_nr;

	ck_assert(slab_idx_ok(&p->slab, nr - 1));
	ck_assert(!slab_idx_ok(&p->slab, nr));
	ck_assert(!slab_idx_ok(&p->slab, 1u << IDX_UNIT_BITS));
	ck_assert(!slab_idx_ok(&p->slab, UINT32_MAX));
}
END_TEST

int main(void)
{
	const TTest *tests[] = {
		a_length_beyond_the_block_is_no_view,
		a_block_ends_where_its_region_does,
		an_extent_that_would_leave_its_region_is_none,
		a_number_behind_the_last_block_is_none,
	};

	return test_run("bounds", TEST_MEM, tests, TEST_LEN(tests));
}
