// SPDX-License-Identifier: BSD-3-Clause
/* Values larger than a slab: extents of one block. */
#include "common.h"

#include "cache/pool.h"

#include <string.h>

#define BYTES (64ull << 20)

static char value[3 << 20];

static struct maru_pool *huge_pool(void)
{
	struct maru_create_opts o = { .size = sizeof(o), .bytes = BYTES };

	return test_pool(&o);
}

START_TEST(their_hand_stays_in_its_section)
{
	struct maru_pool *pool = huge_pool();
	const struct media_region *r = media_region(&pool->media, 0);
	const struct media_hand *hands = media_at(r, SECTION_HANDS);
	static unsigned char before[16384], *behind;
	uint64_t freed;

	ck_assert_uint_eq(slab_class_of(&pool->slab, sizeof(value) >> 16),
			  SLAB_HUGE);
	ck_assert_int_eq(maru_store(pool, "1", 1, value, sizeof(value)), 0);
	ck_assert_int_eq(maru_store(pool, "2", 1, value, sizeof(value)), 0);
	behind = (unsigned char *)media_at(r, SECTION_HANDS) +
		 media_len(r, SECTION_HANDS);
	memcpy(before, behind, sizeof(before));
	ck_assert_int_eq(maru_evict(pool, 1, &freed), 0);
	ck_assert_uint_ge(freed, sizeof(value));
	ck_assert_uint_ne(a64_load_full(&hands[pool->slab.class_nr].pos), 0);
	ck_assert_mem_eq(before, behind, sizeof(before));
	ck_assert_int_eq(maru_clear(pool, NULL), 0);
	test_close(pool);
}
END_TEST

START_TEST(a_retiring_extent_gives_no_block)
{
	struct maru_pool *pool = huge_pool();
	struct slab *s = &pool->slab;
	struct extent e;
	uint32_t head, idx;

	ck_assert_int_eq(extent_claim(s, 0, SLAB_HUGE, 2, &head), 0);
	ck_assert(extent_of(s, head, &e));
	ck_assert(extent_retire_begin(s, &e));
	ck_assert(extent_of(s, head, &e)); /* its word says RETIRING now */
	ck_assert(!slab_take(s, &e, 0, &idx));
	ck_assert(extent_retire_end(s, &e));
	ck_assert(!extent_of(s, head, &e));
	test_close(pool);
}
END_TEST

START_TEST(a_class_larger_than_the_pool_is_refused)
{
	uint64_t bytes = 1ull << 40;
	struct maru_create_opts o = { .size = sizeof(o),
				      .bytes = BYTES,
				      .classes = &bytes,
				      .class_nr = 1 };
	int fd;

	ck_assert_int_eq(maru_create_mem(&o, &fd), -EINVAL);
	ck_assert_ptr_nonnull(strstr(maru_errmsg(), "classes"));
	ck_assert_int_eq(fd, -1);
}
END_TEST

int main(void)
{
	const TTest *tests[] = {
		their_hand_stays_in_its_section,
		a_retiring_extent_gives_no_block,
		a_class_larger_than_the_pool_is_refused,
	};

	return test_run("extents of one block", TEST_MEDIA, tests,
			TEST_LEN(tests));
}
