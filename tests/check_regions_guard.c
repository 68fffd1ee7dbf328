// SPDX-License-Identifier: BSD-3-Clause
/* Memory of a further region that fails, and its write-back. */
#include "common_poison.h"
#include "common_regions.h"
#include "common_room.h"

#include "cache/open.h"

#include <string.h>
#include <sys/mman.h>

static unsigned stored;

static struct maru_pool *filled(uint32_t flags, unsigned open)
{
	struct maru_pool *p = regions_pool(2, flags);

	stored = regions_fill(p, 1);
	test_close(p);
	return test_open(open);
}

START_TEST(a_value_that_fails_in_a_region_is_named_and_retired)
{
	struct maru_pool *p = filled(0, MARU_OPEN_GUARD);
	struct media_region *r = media_region(&p->media, 1);
	char buf[REGIONS_LEN];
	struct maru_view view;
	size_t len;
	const void *at;

	ck_assert_int_eq(test_hold(p, stored - 1, &view), 0);
	at = view.data;
	poison_page(at);
	ck_assert_int_eq(maru_probe(p, &view), -EIO);
	regions_says("of region 1");
	ck_assert_uint_eq(test_stats(p).bad, 1);
	ck_assert_int_eq(maru_release(p, &view), 0);
	ck_assert_int_eq(test_has(p, stored - 1), 0);
	/* the others, of both regions, are as they were */
	ck_assert_uint_eq(regions_kept(p, stored), stored - 1);
	ck_assert_int_eq(maru_read(p, S("none"), buf, sizeof(buf), &len),
			 -ENOENT);
	/* as it was before: poison_heal() is for region 0 */
	ck_assert_ptr_eq(mmap((void *)(uintptr_t)at, POISON_PAGE,
			      PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
			      r->dev->fd,
			      (const unsigned char *)at - r->map.base),
			 at);
}
END_TEST

static void lose_table(struct maru_pool *none, unsigned no)
{
	struct maru_open_opts o = {
		.size = sizeof(o),
		.flags = MARU_OPEN_GUARD,
	};
	struct maru_pool *p;
	struct media_region *r;

	(void)none;
	ck_assert_int_eq(maru_open(test_target(), &o, &p), 0);
	r = media_region(&p->media, 1);
	poison_range(media_at(r, (enum section_id)no),
		     media_len(r, (enum section_id)no));
	ck_assert_int_eq(maru_clear(p, NULL), -EIO);
	regions_says("of region 1, in its ");
	regions_says(media_section_name((enum section_id)no));
	ck_assert_int_eq(test_has(p, 1), -EIO);
	ck_assert_int_eq(maru_close(p, 0), 0);
}

START_TEST(a_table_that_fails_in_a_region_ends_the_handle)
{
	static const enum section_id ids[] = { SECTION_SLABS, SECTION_LEDGER,
					       SECTION_BLOCKS };

	for (size_t i = 0; i < TEST_LEN(ids); i++) {
		struct maru_pool *p = filled(0, 0);

		test_ended(test_fork(lose_table, ids[i]));
		ck_assert_int_ge(maru_reap(p), 0);
		test_close(p);
	}
}
END_TEST

static void check_lost(struct maru_pool *none, unsigned no)
{
	struct maru_open_opts o = {
		.size = sizeof(o),
		.flags = MARU_OPEN_GUARD | MARU_OPEN_RDONLY,
	};
	struct maru_pool *p;
	struct media_region *r;

	(void)none;
	(void)no;
	ck_assert_int_eq(maru_open(test_target(), &o, &p), 0);
	r = media_region(&p->media, 1);
	poison_range(media_at(r, SECTION_BLOCKS), POISON_PAGE);
	ck_assert_int_eq(maru_check(p, NULL, NULL), -EIO);
	regions_says("of region 1, in its blocks");
	ck_assert_int_eq(maru_close(p, 0), 0);
}

START_TEST(a_check_survives_a_table_that_fails_in_a_region)
{
	struct maru_pool *p = filled(0, 0);

	test_ended(test_fork(check_lost, 0));
	ck_assert_uint_eq(regions_kept(p, stored), stored);
}
END_TEST

/* What was flushed by the functions of which mapping. */
static struct {
	const struct dev_map *map;
	unsigned good, bad;
} flushed[2];
static unsigned drains;

static void note(unsigned no, const void *at, size_t len)
{
	const struct dev_map *m = flushed[no].map;
	const unsigned char *p = at;

	if (p >= m->base && p + len <= m->base + m->len)
		flushed[no].good++;
	else
		flushed[no].bad++;
}

static void flush_0(const void *at, size_t len)
{
	note(0, at, len);
}

static void flush_1(const void *at, size_t len)
{
	note(1, at, len);
}

static void drain(void)
{
	drains++;
}

/* As if each region were on a device of its own: region 0's, of none. */
static void watch(struct maru_pool *p, bool root_too)
{
	for (unsigned i = 0; i < 2; i++)
		flushed[i].map = &media_region(&p->media, i)->map;
	memset(&flushed[0].good, 0, sizeof(flushed[0].good));
	media_region(&p->media, 0)->map.flush = root_too ? flush_0 : NULL;
	media_region(&p->media, 1)->map.flush = flush_1;
	media_region(&p->media, 0)->map.drain = drain;
	media_region(&p->media, 1)->map.drain = drain;
}

START_TEST(a_store_is_written_back_in_the_region_where_it_lies)
{
	struct maru_pool *p = filled(MARU_CREATE_DURABLE, 0);
	unsigned no = stored, was[2];

	watch(p, true);
	/* until one lies in region 0 again, where something is deleted */
	ck_assert_int_eq(test_put(p, no, REGIONS_LEN), 0);
	ck_assert_uint_eq(regions_of(p, no), 1);
	ck_assert_uint_ge(flushed[1].good, 2); /* value and descriptor */
	ck_assert_uint_eq(flushed[0].good, 0);
	ck_assert_uint_ge(drains, 2);
	was[1] = flushed[1].good;
	ck_assert_uint_eq(regions_of(p, 0), 0);
	ck_assert_int_eq(test_drop(p, 0), 0);
	ck_assert_uint_ge(flushed[0].good, 1);
	ck_assert_uint_eq(flushed[1].good, was[1]);
	for (no++; no < 3 * stored; no++)
		ck_assert_int_eq(test_put(p, no, REGIONS_LEN), 0);
	ck_assert_uint_eq(flushed[0].bad + flushed[1].bad, 0);
	ck_assert_uint_ge(regions_in(p, no, 0), 20);
	ck_assert_uint_ge(flushed[0].good, 20);
}
END_TEST

START_TEST(a_region_that_needs_no_write_back_gets_none)
{
	struct maru_pool *p = filled(MARU_CREATE_DURABLE, 0);

	watch(p, false);
	for (unsigned no = stored; no < 3 * stored; no++)
		ck_assert_int_eq(test_put(p, no, REGIONS_LEN), 0);
	ck_assert_uint_eq(flushed[0].good + flushed[0].bad, 0);
	ck_assert_uint_ge(flushed[1].good, 40);
	ck_assert_uint_eq(flushed[1].bad, 0);
}
END_TEST

/* After a loss of power, by what each region's medium is. */
static void lose_power(struct maru_pool *p)
{
	struct media_control *c =
		media_at(media_region(&p->media, 0), SECTION_CONTROL);

	a64_store_rlx(&c->boot[0], 12345);
	a64_store_rlx(&c->state, (a64_load_rlx(&c->state) & ~0xffull) | 2);
}

/* Repaired after that: how many are kept. */
static uint64_t kept_after(struct maru_pool *p, bool by_line)
{
	struct maru_fsck_opts o = {
		.size = sizeof(o),
		.flags = MARU_FSCK_REPAIR,
	};
	struct maru_fsck_result res = { 0 };

	test_close(p);
	ck_assert_int_eq(pool_open_alone(test_target(), &o, &p), 0);
	lose_power(p);
	if (by_line) {
		struct dev_map *m = &media_region(&p->media, 1)->map;

		m->persist = media_region(&p->media, 0)->map.persist;
		m->granularity = DEV_LINE;
	}
	ck_assert_int_eq(pool_fsck(p, &o, &res), 0);
	ck_assert_int_eq(maru_close(p, 0), 0);
	return res.kept;
}

START_TEST(after_a_loss_of_power_values_are_believed_by_region)
{
	struct maru_pool *p = filled(MARU_CREATE_DURABLE, 0);
	unsigned in;

	/* through the page cache, in both: nothing is proved */
	ck_assert_uint_eq(kept_after(p, false), 0);
	/* region 1 on a device that is written back line by line */
	p = filled(MARU_CREATE_DURABLE, 0);
	in = regions_in(p, stored, 1);
	ck_assert_uint_ge(in, 20);
	ck_assert_uint_eq(kept_after(p, true), in);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		a_value_that_fails_in_a_region_is_named_and_retired,
		a_table_that_fails_in_a_region_ends_the_handle,
		a_check_survives_a_table_that_fails_in_a_region,
		a_store_is_written_back_in_the_region_where_it_lies,
		a_region_that_needs_no_write_back_gets_none,
		after_a_loss_of_power_values_are_believed_by_region,
	};

	return test_run("memory of regions", TEST_MEM, tests, TEST_LEN(tests));
}
