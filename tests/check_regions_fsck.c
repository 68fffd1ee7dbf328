// SPDX-License-Identifier: BSD-3-Clause
/* A region that is damaged or lost: named, and all else is kept. */
#include "common_regions.h"

#include "media/region.h"
#include "common_room.h"
#include "cache/open.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static unsigned stored, in_root; /* entries of the pool; those in region 0 */
static bool lost; /* no superblock of region 1 is whole: that is told */

/* Two regions with entries in each, closed. */
static void populate(uint32_t flags)
{
	struct maru_create_opts o = regions_opts(MARU_CREATE_FORCE | flags);
	struct maru_pool *p;

	unlink(test_path("a"));
	unlink(test_path("b"));
	ck_assert_msg(!maru_create(regions_list("a", "b"), &o), "%s",
		      maru_errmsg());
	ck_assert_int_eq(maru_open(regions_list("a", "b"), NULL, &p), 0);
	stored = regions_fill(p, 1);
	in_root = regions_in(p, stored, 0);
	ck_assert_int_eq(maru_close(p, 0), 0);
}

struct report {
	struct maru_fsck_result res;
	unsigned told;
	char text[8192]; /* all that was told */
};

static struct report report;

static void tell(void *ctx, const struct maru_fault *f)
{
	size_t len = strlen(report.text);

	(void)ctx;
	report.told += f->invariant != 0;
	snprintf(report.text + len, sizeof(report.text) - len, "%u: %s\n",
		 f->invariant, f->what);
}

static int check(const char *target, uint32_t flags)
{
	struct maru_fsck_opts o = {
		.size = sizeof(o),
		.flags = flags,
		.fn = tell,
	};

	memset(&report, 0, sizeof(report));
	return maru_fsck(target, &o, &report.res);
}

static void told(const char *what)
{
	ck_assert_msg(strstr(report.text, what) != NULL, "not '%s' in: %s",
		      what, report.text);
}

static void is_clean(void)
{
	ck_assert_msg(!check(regions_list("a", "b"), MARU_FSCK_DATA), "%s",
		      maru_errmsg());
	ck_assert_msg(report.told == 0, "%s", report.text);
}

/* Mended, and so many entries are kept; the pool can be used. */
static void mend(unsigned kept)
{
	struct maru_pool *p;
	int rc = check(regions_list("a", "b"), MARU_FSCK_REPAIR);

	ck_assert_msg(rc == 0, "%d, %s", rc, maru_errmsg());
	ck_assert_msg(report.res.fixed == report.res.faults, "%s", report.text);
	ck_assert_uint_eq(report.res.kept, kept);
	ck_assert(!lost == !strstr(report.text, "0: region 1: is made anew"));
	lost = false;
	is_clean();
	ck_assert_int_eq(maru_open(regions_list("a", "b"), NULL, &p), 0);
	ck_assert_uint_eq(regions_kept(p, stored), kept);
	for (unsigned no = stored; no < 4 * stored; no++)
		ck_assert_int_eq(test_put(p, no, REGIONS_LEN), 0);
	ck_assert_uint_ge(regions_in(p, 4 * stored, 1), 20);
	ck_assert_int_eq(maru_close(p, 0), 0);
	is_clean();
}

static void put(const char *name, off_t off, const void *bytes, size_t len)
{
	int fd = open(test_path(name), O_WRONLY);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(pwrite(fd, bytes, len, off), (ssize_t)len);
	close(fd);
}

static void get(const char *name, off_t off, void *bytes, size_t len)
{
	int fd = open(test_path(name), O_RDONLY);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(pread(fd, bytes, len, off), (ssize_t)len);
	close(fd);
}

static void break_copy(const char *name, off_t off)
{
	put(name, off + 200, "broken", 6);
}

/* The pool alone with us, to plant something into region 1. */
static struct maru_pool *alone(void)
{
	struct maru_fsck_opts o = { .flags = MARU_FSCK_REPAIR };
	struct maru_pool *p;
	int rc = pool_open_alone(regions_list("a", "b"), &o, &p);

	ck_assert_msg(rc == 0, "%d, %s", rc, maru_errmsg());
	return p;
}

/* The last entry, which is in region 1. */
static uint32_t last_idx(struct maru_pool *p)
{
	struct dir_hit hit;
	struct room_key k;

	room_key(p, &k, stored - 1);
	ck_assert_int_eq(dir_peek(&p->dir, &k.k, &hit), 0);
	ck_assert_uint_eq(hit.idx >> IDX_UNIT_BITS, 1);
	return hit.idx;
}

START_TEST(one_broken_superblock_copy_of_a_region_is_mended)
{
	static const off_t at[] = { 0, 4096, REGIONS_BYTES - 4096 };
	static const char *const what[] = { "region 1: superblock copy A",
					    "region 1: superblock copy B",
					    "region 1: superblock copy C" };

	for (unsigned i = 0; i < 3; i++) {
		populate(0);
		break_copy("b", at[i]);
		ck_assert_int_eq(check(regions_list("b", "a"), 0), 0);
		ck_assert_uint_eq(report.told, 1);
		told(what[i]);
		mend(stored);
	}
}
END_TEST

static void break_all_copies(void)
{
	break_copy("b", 0);
	break_copy("b", 4096);
	break_copy("b", REGIONS_BYTES - 4096);
	lost = true;
}

START_TEST(a_region_without_a_whole_superblock_is_looked_past)
{
	struct maru_open_opts o = {
		.size = sizeof(o),
		.flags = MARU_OPEN_RDONLY | MARU_OPEN_INSPECT,
	};
	struct maru_region r;
	struct maru_pool *p;

	populate(0);
	break_all_copies();
	regions_refused(regions_list("a", "b"), MARU_E_CORRUPT,
			"b: superblock: checksum does not match");
	ck_assert_int_eq(maru_open(regions_list("a", "b"), &o, &p), 0);
	ck_assert_int_eq(maru_region(p, 1, &r), 0);
	ck_assert_uint_eq(r.bytes, 0);
	ck_assert_uint_eq(test_stats(p).entries, in_root);
	ck_assert_int_eq(maru_close(p, 0), 0);
	ck_assert_int_eq(check(regions_list("a", "b"), 0), 0);
	ck_assert_msg(report.told == 1, "%s", report.text);
	told("region 1: is not there, or no superblock copy of it is whole");
}
END_TEST

START_TEST(a_region_without_a_whole_superblock_keeps_its_entries)
{
	populate(0);
	break_all_copies();
	mend(stored);
}
END_TEST

START_TEST(a_region_that_is_not_named_is_looked_past)
{
	populate(0);
	ck_assert_int_eq(check(test_path("a"), 0), 0);
	ck_assert_msg(report.told == 1, "%s", report.text);
	told("region 1: is not there");
	ck_assert_uint_eq(report.res.kept, in_root);
	ck_assert_int_eq(check(test_path("a"), MARU_FSCK_REPAIR), -ENODEV);
	regions_says("region 1 (");
	is_clean();
}
END_TEST

START_TEST(a_lost_region_is_made_anew_in_an_empty_target)
{
	populate(0);
	unlink(test_path("b"));
	test_file("b", REGIONS_BYTES, 0);
	lost = true;
	ck_assert_int_eq(check(regions_list("a", "b"), 0), 0);
	told("region 1: is not there");
	ck_assert_uint_eq(report.res.kept, in_root);
	mend(in_root);
}
END_TEST

START_TEST(a_lost_region_is_not_made_anew_over_something_else)
{
	unsigned char was[64], is[64];

	populate(0);
	test_file("b", REGIONS_BYTES, 'x');
	get("b", 0, was, sizeof(was));
	ck_assert_int_eq(check(regions_list("a", "b"), MARU_FSCK_REPAIR),
			 -EEXIST);
	regions_says("b: is neither known to be region 1");
	get("b", 0, is, sizeof(is));
	ck_assert_mem_eq(was, is, sizeof(is));
}
END_TEST

START_TEST(a_lost_region_is_not_made_anew_where_there_is_no_room)
{
	populate(0);
	unlink(test_path("b"));
	test_file("b", REGIONS_BYTES - 4096, 0);
	ck_assert_int_eq(check(regions_list("a", "b"), MARU_FSCK_REPAIR),
			 -EEXIST);
	regions_says("empty target of 8388608 bytes");
}
END_TEST

START_TEST(a_region_of_another_pool_is_not_mended)
{
	struct maru_create_opts o = regions_opts(0);

	populate(0);
	ck_assert_int_eq(maru_create(test_path("c"), &o), 0);
	ck_assert_int_eq(check(regions_list("a", "c"), MARU_FSCK_REPAIR),
			 -EINVAL);
	regions_says("c: is region 0 of another pool");
	ck_assert_int_eq(check(regions_list("a", "c"), 0), -EINVAL);
	regions_says("c: is region 0 of another pool");
	is_clean();
}
END_TEST

static struct media_region_entry *entry(struct maru_pool *p, uint32_t no)
{
	return (void *)(uintptr_t)media_table(&p->media, no);
}

START_TEST(a_table_that_says_something_else_is_mended)
{
	for (unsigned i = 0; i < 4; i++) {
		struct maru_pool *p;

		populate(0);
		p = alone();
		if (i == 0)
			entry(p, 1)->uuid[5] ^= 1;
		if (i == 1)
			entry(p, 1)->bytes += 4096;
		if (i == 2)
			memset(entry(p, 1), 0, sizeof(*entry(p, 1)));
		if (i == 3)
			memset(entry(p, 1), 0xff, sizeof(*entry(p, 1)));
		ck_assert_int_eq(maru_close(p, 0), 0);
		regions_refused(regions_list("a", "b"), MARU_E_CORRUPT,
				"region table: entry 1 is not what");
		ck_assert_int_eq(check(regions_list("a", "b"), 0), 0);
		told("region table: entry 1 is not its region");
		mend(stored);
	}
}
END_TEST

START_TEST(a_region_that_nothing_tells_of_is_not_made_anew)
{
	struct maru_pool *p;

	populate(0);
	p = alone();
	memset(entry(p, 1), 0xff, sizeof(*entry(p, 1)));
	ck_assert_int_eq(maru_close(p, 0), 0);
	break_all_copies();
	ck_assert_int_eq(check(regions_list("a", "b"), MARU_FSCK_REPAIR),
			 MARU_E_CORRUPT);
	regions_says("the region table does not tell");
}
END_TEST

START_TEST(a_further_entry_of_the_table_is_none)
{
	struct maru_pool *p;

	populate(0);
	p = alone();
	*entry(p, 2) = *entry(p, 1);
	ck_assert_int_eq(maru_close(p, 0), 0);
	ck_assert_int_eq(check(regions_list("a", "b"), 0), 0);
	told("region table: entry 2 is not empty");
	mend(stored);
}
END_TEST

START_TEST(a_broken_descriptor_in_a_region_costs_one_entry)
{
	struct maru_pool *p;

	populate(0);
	p = alone();
	a64_store_full(&slab_block(&p->slab, last_idx(p))->h1, 77);
	ck_assert_int_eq(maru_close(p, 0), 0);
	ck_assert_int_eq(check(regions_list("a", "b"), 0), 0);
	told("9: entry: the key does not have the hash");
	mend(stored - 1);
}
END_TEST

START_TEST(lost_slab_words_of_a_region_cost_nothing)
{
	struct maru_pool *p;
	struct slab_region *r;

	populate(0);
	p = alone();
	r = &p->slab.region[1];
	for (uint32_t i = 0; i < r->slab_nr; i++)
		a64_store_full(&r->slabs[i].word, 0);
	ck_assert_int_eq(maru_close(p, 0), 0);
	ck_assert_int_eq(check(regions_list("a", "b"), 0), 0);
	told("22: used block in an empty slab");
	mend(stored);
}
END_TEST

START_TEST(tables_of_noise_in_a_region_cost_what_is_there)
{
	struct maru_pool *p;
	struct media_region *r;

	populate(0);
	p = alone();
	r = media_region(&p->media, 1);
	memset(media_at(r, SECTION_SLABS), 0xa5, media_len(r, SECTION_SLABS));
	memset(media_at(r, SECTION_SLAB_MAPS), 0xa5,
	       media_len(r, SECTION_SLAB_MAPS));
	memset(media_at(r, SECTION_LEDGER), 0xa5, media_len(r, SECTION_LEDGER));
	memset(media_at(r, SECTION_BLOCKS), 0xa5, media_len(r, SECTION_BLOCKS));
	ck_assert_int_eq(maru_close(p, 0), 0);
	mend(in_root);
}
END_TEST

START_TEST(a_lost_directory_is_made_of_the_entries_of_all_regions)
{
	struct maru_pool *p;
	struct media_region *r;

	populate(0);
	p = alone();
	r = media_region(&p->media, 0);
	memset(media_at(r, SECTION_BUCKETS), 0, media_len(r, SECTION_BUCKETS));
	ck_assert_int_eq(maru_close(p, 0), 0);
	mend(stored);
}
END_TEST

START_TEST(a_bad_block_of_a_region_stays_bad)
{
	struct maru_pool *p;
	struct media_block *b;
	uint64_t w;

	populate(0);
	p = alone();
	b = slab_block(&p->slab, last_idx(p));
	w = block_load(b);
	a64_store_full(&b->word, block_unowned(w, BLOCK_BAD));
	ck_assert_int_eq(maru_close(p, 0), 0);
	ck_assert_int_eq(check(regions_list("a", "b"),
			       MARU_FSCK_REPAIR | MARU_FSCK_REBUILD),
			 0);
	ck_assert_uint_eq(report.res.bad, 1);
	ck_assert_int_eq(check(regions_list("a", "b"),
			       MARU_FSCK_REPAIR | MARU_FSCK_CLEAR_BAD),
			 0);
	ck_assert_uint_eq(report.res.bad, 0);
	mend(stored - 1);
}
END_TEST

START_TEST(a_wrong_value_in_a_region_is_found)
{
	struct maru_pool *p;

	populate(MARU_CREATE_CRC);
	p = alone();
	slab_data(&p->slab, last_idx(p))[9] ^= 1;
	ck_assert_int_eq(maru_close(p, 0), 0);
	ck_assert_int_eq(check(regions_list("a", "b"), MARU_FSCK_DATA), 0);
	told("9: value: its checksum does not match");
	ck_assert_int_eq(check(regions_list("a", "b"),
			       MARU_FSCK_DATA | MARU_FSCK_REPAIR),
			 0);
	ck_assert_uint_eq(report.res.dropped, 1);
	mend(stored - 1);
}
END_TEST

START_TEST(a_pool_in_use_is_checked_in_all_regions)
{
	struct maru_pool *p;

	populate(0);
	ck_assert_int_eq(maru_open(regions_list("a", "b"), NULL, &p), 0);
	ck_assert_int_eq(check(regions_list("a", "b"), MARU_FSCK_ONLINE), 0);
	ck_assert_uint_eq(report.told, 0);
	a64_store_full(&slab_block(&p->slab, last_idx(p))->h1, 77);
	ck_assert_int_eq(check(regions_list("b", "a"), MARU_FSCK_ONLINE), 0);
	told("9: entry: the key does not have the hash");
	ck_assert_int_eq(check(regions_list("a", "b"), MARU_FSCK_REPAIR),
			 -EBUSY);
	ck_assert_int_eq(maru_close(p, 0), 0);
	mend(stored - 1);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		one_broken_superblock_copy_of_a_region_is_mended,
		a_region_without_a_whole_superblock_is_looked_past,
		a_region_without_a_whole_superblock_keeps_its_entries,
		a_region_that_is_not_named_is_looked_past,
		a_lost_region_is_made_anew_in_an_empty_target,
		a_lost_region_is_not_made_anew_over_something_else,
		a_lost_region_is_not_made_anew_where_there_is_no_room,
		a_region_of_another_pool_is_not_mended,
		a_table_that_says_something_else_is_mended,
		a_region_that_nothing_tells_of_is_not_made_anew,
		a_further_entry_of_the_table_is_none,
		a_broken_descriptor_in_a_region_costs_one_entry,
		lost_slab_words_of_a_region_cost_nothing,
		tables_of_noise_in_a_region_cost_what_is_there,
		a_lost_directory_is_made_of_the_entries_of_all_regions,
		a_bad_block_of_a_region_stays_bad,
		a_wrong_value_in_a_region_is_found,
		a_pool_in_use_is_checked_in_all_regions,
	};

	return test_run("fsck of regions", TEST_MEM, tests, TEST_LEN(tests));
}
