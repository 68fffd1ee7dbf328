// SPDX-License-Identifier: BSD-3-Clause
/* One pool on several targets: made, opened, filled, evicted, and died on. */
#include "common_regions.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

START_TEST(several_targets_make_one_pool)
{
	struct maru_pool *p = regions_pool(3, 0);
	struct maru_stats st = test_stats(p);
	struct maru_region r, first;

	ck_assert_uint_eq(st.regions, 3);
	ck_assert_uint_eq(st.pool_bytes, 3 * REGIONS_BYTES);
	ck_assert_int_eq(maru_region(p, 0, &first), 0);
	for (uint32_t no = 0; no < 3; no++) {
		ck_assert_int_eq(maru_region(p, no, &r), 0);
		ck_assert_uint_eq(r.bytes, REGIONS_BYTES);
		ck_assert_uint_eq(r.copies_ok, 7);
		ck_assert(no == 0 || memcmp(r.uuid, first.uuid, 16));
		ck_assert(no == 0 || r.base != first.base);
	}
	ck_assert_int_eq(maru_region(p, 3, &r), -ENOENT);
}
END_TEST

START_TEST(a_pool_of_one_target_lacks_the_feature)
{
	struct maru_super super;
	struct maru_pool *p = regions_pool(1, 0);

	ck_assert_int_eq(maru_inspect_super(p, &super), 0);
	ck_assert_uint_eq(super.incompat & 4, 0);
	ck_assert_uint_eq(super.regions, 1);
	test_close(p);
	p = regions_pool(2, 0);
	ck_assert_int_eq(maru_inspect_super(p, &super), 0);
	ck_assert_uint_eq(super.incompat & 4, 4);
	ck_assert_uint_eq(super.regions, 2);
	ck_assert_uint_eq(super.bytes, 2 * REGIONS_BYTES);
}
END_TEST

START_TEST(a_full_region_is_followed_by_the_next)
{
	struct maru_pool *p = regions_pool(3, 0);
	unsigned nr = regions_fill(p, 2), sum = 0;

	for (uint32_t no = 0; no < 3; no++) {
		unsigned in = regions_in(p, nr, no);

		ck_assert_uint_ge(in, 20);
		sum += in;
	}
	ck_assert_uint_eq(sum, nr);
	ck_assert_uint_eq(test_stats(p).entries, nr);
	test_sound(p);
}
END_TEST

START_TEST(a_walk_goes_through_all_regions)
{
	struct maru_pool *p = regions_pool(3, 0);
	unsigned nr = regions_fill(p, 2), seen = 0, in[3] = { 0 };
	struct maru_iter it = { 0 };
	struct maru_entry e;

	while (maru_iter_next(p, &it, &e) == 1) {
		ck_assert_uint_lt(maru_addr_region(e.ref.addr), 3);
		in[maru_addr_region(e.ref.addr)]++;
		seen++;
	}
	ck_assert_uint_eq(seen, nr);
	for (uint32_t no = 0; no < 3; no++)
		ck_assert_uint_eq(in[no], regions_in(p, nr, no));
}
END_TEST

START_TEST(a_reference_is_good_in_any_region)
{
	struct maru_pool *p = regions_pool(2, 0), *q = test_open(0);
	unsigned nr = regions_fill(p, 1);
	struct maru_view view;
	struct maru_region r;
	const void *data;
	size_t len;

	ck_assert_int_eq(test_hold(p, nr - 1, &view), 0);
	ck_assert_uint_eq(maru_addr_region(view.ref.addr), 1);
	ck_assert_int_eq(maru_region(p, 1, &r), 0);
	ck_assert_ptr_eq(view.data,
			 (const char *)r.base + r.data_off +
				 (uint64_t)r.unit *
					 maru_addr_page(view.ref.addr));
	ck_assert_int_eq(maru_ref_pin(q, &view.ref, 2), 0);
	ck_assert_int_eq(maru_ref_data(q, &view.ref, &data, &len), 0);
	ck_assert_int_eq(test_verify(data, len, nr - 1), 1);
	ck_assert_int_eq(test_drop(p, nr - 1), -EBUSY);
	ck_assert_int_eq(maru_ref_unpin(q, &view.ref, 2), 0);
	ck_assert_int_eq(maru_release(p, &view), 0);
	ck_assert_int_eq(test_drop(p, nr - 1), 0);
}
END_TEST

START_TEST(a_region_past_the_last_is_no_address)
{
	struct maru_pool *p = regions_pool(2, 0);
	struct maru_ref ref = { .version = 1 };
	struct maru_block block;

	for (uint32_t no = 2; no < 70; no++) {
		ref.addr = maru_addr(no, 0);
		ck_assert_int_eq(maru_ref_pin(p, &ref, 1), MARU_E_STALE);
		ck_assert_int_eq(maru_inspect_block(p, ref.addr, &block),
				 -ENOENT);
	}
}
END_TEST

START_TEST(the_cache_is_warm_after_a_restart)
{
	struct maru_pool *p = regions_pool(2, MARU_CREATE_DURABLE);
	unsigned nr = regions_fill(p, 1);

	test_close(p);
	p = test_open(0);
	ck_assert_uint_eq(regions_kept(p, nr), nr);
	ck_assert_int_eq(maru_sync(p), 0);
}
END_TEST

START_TEST(eviction_goes_through_all_regions)
{
	struct maru_pool *p = regions_pool(2, 0);
	unsigned nr = regions_fill(p, 1), more = 4 * nr;
	uint64_t freed, all = test_stats(p).data_bytes;

	for (unsigned no = nr; no < more; no++)
		ck_assert_int_eq(test_put(p, no, REGIONS_LEN), 0);
	ck_assert_uint_gt(test_stats(p).total.evictions, 0);
	ck_assert_uint_eq(regions_in(p, nr, 0) + regions_in(p, nr, 1), 0);
	ck_assert_uint_ge(regions_in(p, more, 0), 20);
	ck_assert_uint_ge(regions_in(p, more, 1), 20);
	ck_assert_int_eq(maru_evict(p, all + 1, &freed), -ENOSPC);
	ck_assert_uint_eq(test_stats(p).entries, 0);
	ck_assert_uint_eq(test_stats(p).used_bytes, 0);
}
END_TEST

/* What is held in either region stays while all else is evicted. */
START_TEST(what_is_held_is_not_evicted_from_any_region)
{
	struct maru_pool *p = regions_pool(2, 0);
	unsigned nr = regions_fill(p, 1);
	struct maru_view a, b;

	ck_assert_uint_eq(regions_of(p, 0), 0);
	ck_assert_int_eq(test_hold(p, 0, &a), 0);
	ck_assert_int_eq(test_hold(p, nr - 1, &b), 0);
	for (unsigned no = nr; no < 4 * nr; no++)
		ck_assert_int_eq(test_put(p, no, REGIONS_LEN), 0);
	ck_assert_int_eq(test_verify(a.data, a.len, 0), 1);
	ck_assert_int_eq(test_verify(b.data, b.len, nr - 1), 1);
	ck_assert_int_eq(maru_release(p, &a), 0);
	ck_assert_int_eq(maru_release(p, &b), 0);
}
END_TEST

static unsigned filled;

static void hold_and_stay(struct maru_pool *p, unsigned no)
{
	struct maru_view a, b;
	struct maru_buf buf;
	unsigned in[2] = { 0 };

	(void)no;
	ck_assert_int_eq(test_hold(p, 0, &a), 0);
	ck_assert_int_eq(test_hold(p, filled - 1, &b), 0);
	/* buffers until some are in each region */
	ck_assert_int_eq(test_drop(p, 1), 0);
	ck_assert_int_eq(test_drop(p, 2), 0);
	while (!in[0] || !in[1]) {
		ck_assert_int_eq(maru_alloc(p, 100, &buf), 0);
		in[maru_addr_region(buf.ref.addr)]++;
	}
	test_stay();
}

START_TEST(the_dead_leave_nothing_in_any_region)
{
	struct maru_pool *p = regions_pool(2, 0);
	struct maru_stats st;
	pid_t pid;

	filled = regions_fill(p, 1);
	pid = test_staying(hold_and_stay, 0);
	st = test_stats(p);
	ck_assert_uint_eq(st.pins, 2);
	ck_assert_uint_ge(st.buffers, 2);
	/* zombies in both: it dies holding what is to go */
	ck_assert_int_eq(test_drop(p, 0), -EBUSY);
	test_kill(pid);
	ck_assert_int_eq(maru_reap(p), 1);
	st = test_stats(p);
	ck_assert_uint_eq(st.pins, 0);
	ck_assert_uint_eq(st.buffers, 0);
	ck_assert_uint_eq(st.entries, filled - 2);
	ck_assert_uint_eq(st.used_bytes, (filled - 2) * (uint64_t)test_unit(p));
	ck_assert_int_eq(test_drop(p, 0), 0);
	ck_assert_int_eq(test_drop(p, filled - 1), 0);
}
END_TEST

START_TEST(buffers_of_the_dead_wait_in_every_region)
{
	struct maru_create_opts o = regions_opts(0);
	struct maru_pool *p;
	struct maru_stats st;

	o.quarantine_ms = 86400000;
	ck_assert_int_eq(maru_create(test_targets(2), &o), 0);
	p = test_open(0);
	filled = regions_fill(p, 1);
	test_kill(test_staying(hold_and_stay, 0));
	ck_assert_int_eq(maru_reap(p), 1);
	st = test_stats(p);
	ck_assert_uint_eq(st.pins + st.buffers, 0);
	ck_assert_uint_ge(st.quarantined, 2);
	test_sound(p);
	/* not to be looked over as if nothing were left */
	test_close(p);
}
END_TEST

/* The large one may be region 0 or not; its size class is in no other. */
static void sizes(uint64_t a, uint64_t b, uint32_t large)
{
	struct maru_create_opts o = regions_opts(0);
	const char *list = regions_list("a", "b");
	uint64_t value = 12u << 20;
	struct maru_pool *p;
	struct maru_view view;

	unlink(test_path("a"));
	unlink(test_path("b"));
	close(open(test_path("a"), O_CREAT | O_RDWR, 0600));
	ck_assert_int_eq(truncate(test_path("a"), (off_t)a), 0);
	close(open(test_path("b"), O_CREAT | O_RDWR, 0600));
	ck_assert_int_eq(truncate(test_path("b"), (off_t)b), 0);
	o.bytes = 0;
	o.classes = &value;
	o.class_nr = 1;
	ck_assert_msg(!maru_create(list, &o), "%s", maru_errmsg());
	ck_assert_msg(!maru_open(list, NULL, &p), "%s", maru_errmsg());
	for (unsigned no = 0; no < 50; no++)
		ck_assert_int_eq(test_put(p, no, REGIONS_LEN), 0);
	/* of its class, and of an extent of its own */
	ck_assert_int_eq(test_put(p, 100, value), 0);
	ck_assert_uint_eq(regions_of(p, 100), large);
	ck_assert_int_eq(test_put(p, 101, value + (4u << 20)), 0);
	ck_assert_uint_eq(regions_of(p, 101), large);
	ck_assert_int_eq(test_put(p, 102, 60u << 20), -EFBIG);
	/* and when all is full, by evicting there */
	for (unsigned no = 200; no < 208; no++)
		ck_assert_int_eq(test_put(p, no, value), 0);
	ck_assert_uint_eq(regions_of(p, 207), large);
	ck_assert_int_eq(test_hold(p, 207, &view), 0);
	test_sound(p);
	ck_assert_int_eq(maru_release(p, &view), 0);
	ck_assert_int_eq(test_put(p, 300, value + (4u << 20)), 0);
	ck_assert_uint_eq(regions_of(p, 300), large);
	/* slabs are not of one size: what fits one of the large are several */
	ck_assert_int_eq(maru_clear(p, NULL), 0);
	for (unsigned no = 0; no < 280; no++)
		ck_assert_int_eq(test_put(p, no, 160000), 0);
	ck_assert_uint_ge(regions_in(p, 280, 0), 5);
	ck_assert_uint_ge(regions_in(p, 280, 1), 5);
	test_sound(p);
	ck_assert_int_eq(maru_close(p, 0), 0);
}

START_TEST(a_region_may_be_smaller_than_the_root)
{
	sizes(48u << 20, 8u << 20, 0);
}
END_TEST

START_TEST(a_region_may_be_larger_than_the_root)
{
	sizes(8u << 20, 48u << 20, 1);
}
END_TEST

START_TEST(sixty_four_regions_are_one_pool)
{
	static char list[64 * 80];
	struct maru_create_opts o = regions_opts(0);
	struct maru_pool *p;
	char name[16];

	list[0] = '\0';
	for (unsigned i = 0; i < 64; i++) {
		snprintf(name, sizeof(name), "many%u", i);
		unlink(test_path(name));
		snprintf(list + strlen(list), sizeof(list) - strlen(list),
			 "%s%s", i ? "," : "", test_path(name));
	}
	ck_assert_msg(!maru_create(list, &o), "%s", maru_errmsg());
	ck_assert_msg(!maru_open(list, NULL, &p), "%s", maru_errmsg());
	ck_assert_uint_eq(test_stats(p).regions, 64);
	/* each holds one only, and the root none, for its directory */
	for (unsigned no = 0; no < 63; no++)
		ck_assert_int_eq(test_put(p, no, 4u << 20), 0);
	for (unsigned no = 0; no < 63; no++)
		ck_assert_uint_eq(regions_of(p, no), no + 1);
	test_sound(p);
	ck_assert_int_eq(maru_close(p, 0), 0);
	snprintf(list + strlen(list), sizeof(list) - strlen(list), ",x");
	ck_assert_int_eq(maru_open(list, NULL, &p), -EINVAL);
	regions_says("more than 64");
}
END_TEST

START_TEST(sections_are_told_region_by_region)
{
	struct maru_pool *p = regions_pool(2, 0);
	struct maru_section s;
	uint32_t no, nr[2] = { 0 };

	for (no = 0; !maru_inspect_section(p, no, &s); no++) {
		ck_assert_uint_lt(s.region, 2);
		nr[s.region] += s.len != 0;
		if (!strcmp(s.name, "buckets"))
			ck_assert(!s.len == (s.region == 1));
	}
	ck_assert_uint_eq(nr[0], 15);
	ck_assert_uint_eq(nr[1], 8);
	ck_assert_uint_eq(no, 2 * 16);
}
END_TEST

START_TEST(tables_and_data_of_all_regions_are_prefaulted)
{
	struct maru_pool *p = regions_pool(2, 0);

	ck_assert_uint_eq(test_stats(p).regions, 2);
	test_close(test_open(MARU_OPEN_PREFAULT_META));
	test_close(test_open(MARU_OPEN_PREFAULT_ALL));
	test_close(test_open(MARU_OPEN_RDONLY | MARU_OPEN_PREFAULT_ALL));
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		several_targets_make_one_pool,
		a_pool_of_one_target_lacks_the_feature,
		a_full_region_is_followed_by_the_next,
		a_walk_goes_through_all_regions,
		a_reference_is_good_in_any_region,
		a_region_past_the_last_is_no_address,
		the_cache_is_warm_after_a_restart,
		eviction_goes_through_all_regions,
		what_is_held_is_not_evicted_from_any_region,
		the_dead_leave_nothing_in_any_region,
		buffers_of_the_dead_wait_in_every_region,
		a_region_may_be_smaller_than_the_root,
		a_region_may_be_larger_than_the_root,
		sixty_four_regions_are_one_pool,
		sections_are_told_region_by_region,
		tables_and_data_of_all_regions_are_prefaulted,
	};

	return test_run("regions", TEST_MEM, tests, TEST_LEN(tests));
}
