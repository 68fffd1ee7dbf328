// SPDX-License-Identifier: BSD-3-Clause
/* Where a pool's pages are: counted once each, and nothing allocated. */
#include "common.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct maru_placement place(struct maru_pool *pool)
{
	struct maru_placement p = { .size = sizeof(p) };

	ck_assert_int_eq(maru_placement(pool, 0, &p), 0);
	ck_assert_uint_eq(p.size, sizeof(p));
	return p;
}

static uint64_t on_nodes(const struct maru_placement *p)
{
	uint64_t sum = 0;

	for (int i = 0; i < MARU_NODES_MAX; i++)
		sum += p->node[i];
	return sum;
}

static blkcnt_t blocks(void)
{
	const char *target = test_target();
	struct stat st;
	int rc = strncmp(target, "fd:", 3) ? stat(target, &st) :
					     fstat(atoi(target + 3), &st);

	ck_assert_int_eq(rc, 0);
	return st.st_blocks;
}

START_TEST(every_page_is_counted_once)
{
	struct maru_placement p = place(test_pool(NULL));

	ck_assert_uint_eq(p.asked, 32 * 1048576 / sysconf(_SC_PAGESIZE));
	ck_assert_uint_eq(on_nodes(&p) + p.absent + p.untold, p.asked);
	ck_assert_uint_eq(p.page_bytes, sysconf(_SC_PAGESIZE));
	ck_assert_int_eq(p.numa_node, -1);
}
END_TEST

START_TEST(pages_that_are_allocated_have_a_node)
{
	struct maru_create_opts o = test_opts();
	struct maru_placement p;

	o.flags = 0;
	p = place(test_pool(&o));
	/* a sandbox may forbid move_pages(2); then all are untold */
	if (p.untold != p.asked)
		ck_assert_uint_eq(on_nodes(&p), p.asked);
}
END_TEST

/* Sparse, as test_opts() has it, and each handle looks: with and without a right to write. */
START_TEST(looking_allocates_nothing)
{
	static const unsigned flags[] = { 0, MARU_OPEN_RDONLY,
					  MARU_OPEN_GUARD };
	struct maru_create_opts o = test_opts();
	struct maru_placement p;
	blkcnt_t before;

	test_format(&o);
	for (unsigned i = 0; i < TEST_LEN(flags); i++) {
		struct maru_pool *pool = test_open(flags[i]);

		ck_assert_int_eq(test_put(test_open(0), i, 9000), 0);
		before = blocks();
		p = place(pool);
		ck_assert_int_eq(blocks(), before);
		ck_assert_uint_gt(p.absent + p.untold, p.asked / 2);
		if (p.untold != p.asked)
			ck_assert_uint_gt(on_nodes(&p), 0);
	}
}
END_TEST

START_TEST(of_a_large_pool_a_sample_is_asked_for)
{
	struct maru_create_opts o = test_opts();
	struct maru_placement p;

	o.bytes = 256u << 20;
	o.unit = 65536;
	p = place(test_pool(&o));
	ck_assert_uint_le(p.asked, 16384);
	ck_assert_uint_ge(p.asked, 8192);
	ck_assert_uint_eq(on_nodes(&p) + p.absent + p.untold, p.asked);
}
END_TEST

START_TEST(there_is_nothing_past_the_last_region)
{
	struct maru_placement p = { .size = sizeof(p) };
	struct maru_pool *pool = test_pool(NULL);

	ck_assert_int_eq(maru_placement(pool, 64, &p), -ENOENT);
	p.size = 0;
	ck_assert_int_eq(maru_placement(pool, 0, &p), -EINVAL);
	ck_assert_ptr_nonnull(strstr(maru_errmsg(), "maru_placement"));
	ck_assert_int_eq(maru_placement(pool, 0, NULL), -EINVAL);
	ck_assert_int_eq(maru_placement(NULL, 0, &p), -EINVAL);
}
END_TEST

START_TEST(a_shorter_struct_is_filled_as_far_as_it_goes)
{
	struct maru_placement p;

	memset(&p, 0x77, sizeof(p));
	p.size = offsetof(struct maru_placement, huge_bytes);
	ck_assert_int_eq(maru_placement(test_pool(NULL), 0, &p), 0);
	ck_assert_int_eq(p.numa_node, -1);
	ck_assert_uint_eq(p.page_bytes, sysconf(_SC_PAGESIZE));
	ck_assert_uint_eq(p.huge_bytes, UINT64_C(0x7777777777777777));
}
END_TEST

int main(void)
{
	const TTest *tests[] = {
		every_page_is_counted_once,
		pages_that_are_allocated_have_a_node,
		looking_allocates_nothing,
		of_a_large_pool_a_sample_is_asked_for,
		there_is_nothing_past_the_last_region,
		a_shorter_struct_is_filled_as_far_as_it_goes,
	};

	return test_run("placement", TEST_TMPFS, tests, TEST_LEN(tests));
}
