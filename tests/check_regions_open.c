// SPDX-License-Identifier: BSD-3-Clause
/* Which targets are a pool's regions: lists, refusals, and formatting anew. */
#include "common_regions.h"

#include "media/media.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Make a pool of files @a and @b in the folder. */
static void make(const char *a, const char *b)
{
	struct maru_create_opts o = regions_opts(MARU_CREATE_FORCE);
	int rc = maru_create(regions_list(a, b), &o);

	ck_assert_msg(rc == 0, "%d, %s", rc, maru_errmsg());
}

static void opens(const char *target)
{
	struct maru_pool *p;
	int rc = maru_open(target, NULL, &p);

	ck_assert_msg(rc == 0, "%s: %d, %s", target, rc, maru_errmsg());
	ck_assert_int_eq(test_put(p, 7, 100), 0);
	ck_assert_int_eq(test_drop(p, 7), 0);
	ck_assert_int_eq(maru_close(p, 0), 0);
}

static int create(const char *target, uint32_t flags)
{
	struct maru_create_opts o = regions_opts(flags);

	return maru_create(target, &o);
}

static void copy_file(const char *from, const char *to)
{
	char cmd[600];
	int n = snprintf(cmd, sizeof(cmd), "cp '%s' ", test_path(from));

	snprintf(cmd + n, sizeof(cmd) - (size_t)n, "'%s'", test_path(to));
	ck_assert_int_eq(system(cmd), 0);
}

static void change_super(const char *name,
			 void (*change)(struct media_super *sb))
{
	static const off_t at[] = { 0, 4096, REGIONS_BYTES - 4096 };
	int fd = open(test_path(name), O_RDWR);
	struct media_super sb;

	ck_assert_int_ge(fd, 0);
	for (size_t i = 0; i < 3; i++) {
		ck_assert_int_eq(pread(fd, &sb, sizeof(sb), at[i]), sizeof(sb));
		change(&sb);
		sb.crc = media_super_crc(&sb);
		ck_assert_int_eq(pwrite(fd, &sb, sizeof(sb), at[i]),
				 sizeof(sb));
	}
	close(fd);
}

START_TEST(the_order_of_the_list_does_not_matter)
{
	make("a", "b");
	opens(regions_list("a", "b"));
	opens(regions_list("b", "a"));
}
END_TEST

START_TEST(a_region_that_is_not_named_is_missing)
{
	make("a", "b");
	regions_refused(test_path("a"), -ENODEV, "region 1 (");
	regions_says("not among the targets");
	regions_refused(test_path("b"), -EINVAL,
			"is region 1 of a pool of 2; name its region 0");
}
END_TEST

START_TEST(the_region_that_is_missing_is_named_by_its_number)
{
	struct maru_create_opts o = regions_opts(0);
	char list[600];
	int n = snprintf(list, sizeof(list), "%s", regions_list("a", "b"));

	snprintf(list + n, sizeof(list) - (size_t)n, ",%s", test_path("c"));
	unlink(test_path("a"));
	unlink(test_path("b"));
	unlink(test_path("c"));
	ck_assert_int_eq(maru_create(list, &o), 0);
	opens(list);
	regions_refused(regions_list("a", "b"), -ENODEV, "region 2 (");
	regions_refused(regions_list("c", "a"), -ENODEV, "region 1 (");
	regions_refused(regions_list("c", "b"), -EINVAL, "name its region 0");
}
END_TEST

START_TEST(a_region_of_another_pool_is_refused)
{
	make("a", "b");
	make("c", "d");
	regions_refused(regions_list("a", "d"), -EINVAL,
			"d: is region 1 of another pool");
	regions_refused(regions_list("a", "c"), -EINVAL,
			"c: is region 0 of another pool");
	opens(regions_list("a", "b"));
}
END_TEST

START_TEST(a_target_too_many_is_refused)
{
	char list[600];
	int n;

	make("a", "b");
	make("c", "d");
	n = snprintf(list, sizeof(list), "%s", regions_list("a", "b"));
	snprintf(list + n, sizeof(list) - (size_t)n, ",%s", test_path("d"));
	regions_refused(list, -EINVAL, "d: is region 1 of another pool");
	test_file("plain", 16 << 20, 0);
	snprintf(list + n, sizeof(list) - (size_t)n, ",%s", test_path("plain"));
	regions_refused(list, MARU_E_FORMAT, "plain: not a maru pool");
}
END_TEST

START_TEST(a_target_that_is_named_twice_is_refused)
{
	char name[300];

	make("a", "b");
	regions_refused(regions_list("a", "a"), -EINVAL, "is the same as");
	snprintf(name, sizeof(name), "%s", test_path("b"));
	ck_assert_int_eq(link(name, test_path("b2")), 0);
	regions_refused(regions_list("b", "b2"), -EINVAL, "is the same as");
	unlink(test_path("b2"));
}
END_TEST

START_TEST(a_copy_of_a_region_is_refused)
{
	char list[600];
	int n;

	make("a", "b");
	copy_file("b", "copy");
	n = snprintf(list, sizeof(list), "%s", regions_list("a", "b"));
	snprintf(list + n, sizeof(list) - (size_t)n, ",%s", test_path("copy"));
	regions_refused(list, -EINVAL, "is region 1 of the pool, and so is");
}
END_TEST

static void earlier(struct media_super *sb)
{
	sb->nonce ^= 1;
}

START_TEST(a_region_of_an_earlier_making_is_refused)
{
	make("a", "b");
	change_super("b", earlier);
	regions_refused(regions_list("a", "b"), -EINVAL,
			"as it was before it was made anew");
}
END_TEST

START_TEST(a_pool_made_anew_has_no_use_for_its_old_regions)
{
	make("a", "b");
	copy_file("b", "old");
	make("a", "b");
	regions_refused(regions_list("a", "old"), -EINVAL, "another pool");
	opens(regions_list("a", "b"));
}
END_TEST

static void more_clients(struct media_super *sb)
{
	sb->client_nr -= 1;
}

static void number_two(struct media_super *sb)
{
	sb->region_no = 2;
}

static void has_buckets(struct media_super *sb)
{
	sb->bucket_nr = 8;
}

static void has_control(struct media_super *sb)
{
	sb->section[SECTION_CONTROL].len = 4096;
}

static void other_uuid(struct media_super *sb)
{
	sb->region_uuid[3] ^= 1;
}

static void no_regions(struct media_super *sb)
{
	sb->region_nr = 0;
}

static void one_region(struct media_super *sb)
{
	sb->region_nr = 1;
}

static void sixty_five(struct media_super *sb)
{
	sb->region_nr = 65;
}

static void no_feature(struct media_super *sb)
{
	sb->incompat &= ~4ull;
}

START_TEST(superblocks_that_cannot_be_are_refused)
{
	static const struct {
		const char *file;
		void (*change)(struct media_super *sb);
		int err;
		const char *what;
	} cases[] = {
		{ "b", more_clients, MARU_E_CORRUPT, "not those of region 0" },
		{ "b", number_two, MARU_E_CORRUPT, "region number" },
		{ "b", has_buckets, MARU_E_CORRUPT, "number of buckets" },
		{ "b", has_control, MARU_E_CORRUPT, "superblock: " },
		{ "b", other_uuid, MARU_E_CORRUPT, "region table: entry 1" },
		{ "b", one_region, MARU_E_CORRUPT, "region number" },
		{ "a", no_regions, MARU_E_CORRUPT, "number of regions" },
		{ "a", sixty_five, MARU_E_CORRUPT, "number of regions" },
		{ "a", no_feature, MARU_E_CORRUPT, "number of regions" },
		{ "a", number_two, MARU_E_CORRUPT, "number of buckets" },
	};

	for (size_t i = 0; i < TEST_LEN(cases); i++) {
		make("a", "b");
		change_super(cases[i].file, cases[i].change);
		regions_refused(regions_list("a", "b"), cases[i].err,
				cases[i].what);
	}
}
END_TEST

/* No number of a region may be one that the root's tables are not for. */
START_TEST(any_word_of_a_superblock_changed_is_survived)
{
	const size_t words = offsetof(struct media_super, zero) / 4;
	struct media_super sb;
	struct maru_pool *p;

	for (size_t i = 0; i < TEST_ROUNDS(2 * words); i += 7) {
		const char *name = i % 2 ? "a" : "b";
		int fd, rc;

		make("a", "b");
		fd = open(test_path(name), O_RDWR);
		ck_assert_int_eq(pread(fd, &sb, sizeof(sb), 0), sizeof(sb));
		((uint32_t *)(void *)&sb)[i / 2] ^= 1u << i % 31;
		sb.crc = media_super_crc(&sb);
		/* two copies, so that it is believed if it can be */
		ck_assert_int_eq(pwrite(fd, &sb, sizeof(sb), 0), sizeof(sb));
		ck_assert_int_eq(pwrite(fd, &sb, sizeof(sb), 4096), sizeof(sb));
		close(fd);
		rc = maru_open(regions_list("a", "b"), NULL, &p);
		if (!rc) {
			if (!test_put(p, 7, REGIONS_LEN))
				ck_assert_int_eq(test_get(p, 7, REGIONS_LEN),
						 0);
			ck_assert_int_eq(maru_close(p, 0), 0);
		}
	}
}
END_TEST

START_TEST(a_comma_in_a_name_is_quoted)
{
	static char target[600];
	char *at = target;
	struct maru_create_opts o = regions_opts(0);

	unlink(test_path("x,y z"));
	unlink(test_path("q\\"));
	at += sprintf(at, "%s", test_path("x"));
	at += sprintf(at, "\\,y z");
	at += sprintf(at, ",%s", test_path("q"));
	sprintf(at, "\\\\");
	ck_assert_msg(!maru_create(target, &o), "%s", maru_errmsg());
	ck_assert_int_eq(access(test_path("x,y z"), F_OK), 0);
	ck_assert_int_eq(access(test_path("q\\"), F_OK), 0);
	opens(target);
}
END_TEST

START_TEST(an_empty_name_in_a_list_is_refused)
{
	struct maru_pool *p;
	static const char *const lists[] = { "", ",", "a,", ",a", "a,,b" };

	for (size_t i = 0; i < TEST_LEN(lists); i++) {
		ck_assert_int_eq(maru_open(lists[i], NULL, &p), -EINVAL);
		ck_assert_int_eq(create(lists[i], 0), -EINVAL);
		regions_says(i ? "an empty name" : "no target");
	}
}
END_TEST

START_TEST(what_creation_made_is_gone_when_it_fails)
{
	unlink(test_path("a"));
	unlink(test_path("b"));
	test_file("full", 12 << 20, 1);
	ck_assert_int_eq(create(regions_list("a", "full"), 0), -EEXIST);
	regions_says("full: holds data");
	ck_assert_int_eq(access(test_path("a"), F_OK), -1);
	ck_assert_int_eq(create(regions_list("a", "a"), 0), -EINVAL);
	ck_assert_int_eq(access(test_path("a"), F_OK), -1);
	ck_assert_int_eq(create(regions_list("a", "no/where"), 0), -ENOENT);
	ck_assert_int_eq(access(test_path("a"), F_OK), -1);
}
END_TEST

START_TEST(a_region_in_use_is_not_formatted_even_if_forced)
{
	struct maru_pool *p;

	make("a", "b");
	ck_assert_int_eq(maru_open(regions_list("a", "b"), NULL, &p), 0);
	ck_assert_int_eq(create(test_path("b"), MARU_CREATE_FORCE), -EBUSY);
	regions_says("b: is in use");
	ck_assert_int_eq(create(test_path("a"), MARU_CREATE_FORCE), -EBUSY);
	ck_assert_int_eq(create(regions_list("b", "c"), MARU_CREATE_FORCE),
			 -EBUSY);
	ck_assert_int_eq(maru_close(p, 0), 0);
	ck_assert_int_eq(create(test_path("b"), 0), -EEXIST);
	regions_says("holds a maru pool");
	ck_assert_int_eq(create(test_path("b"), MARU_CREATE_FORCE), 0);
	regions_refused(regions_list("a", "b"), -EINVAL,
			"b: is region 0 of another pool");
}
END_TEST

START_TEST(a_root_too_small_for_the_directory_is_refused)
{
	struct maru_create_opts o = regions_opts(0);

	test_file("small", 8 << 20, 0);
	unlink(test_path("large"));
	close(open(test_path("large"), O_CREAT | O_RDWR, 0600));
	ck_assert_int_eq(truncate(test_path("large"), (off_t)4 << 30), 0);
	o.bytes = 0;
	ck_assert_int_eq(maru_create(regions_list("small", "large"), &o),
			 -ENOSPC);
	regions_says("it has their directory");
	ck_assert_int_eq(maru_create(regions_list("large", "small"), &o), 0);
	unlink(test_path("large"));
}
END_TEST

START_TEST(the_size_to_grow_to_is_of_all_targets)
{
	struct maru_create_opts o = regions_opts(MARU_CREATE_FORCE);

	o.max_bytes = 2 * REGIONS_BYTES - 1;
	ck_assert_int_eq(maru_create(regions_list("a", "b"), &o), -EINVAL);
	regions_says("less than the 16777216 bytes of 2 targets");
	o.max_bytes = 4 * REGIONS_BYTES;
	ck_assert_int_eq(maru_create(regions_list("a", "b"), &o), 0);
	opens(regions_list("a", "b"));
}
END_TEST

/* Killed anywhere, the old pool is whole or there is none: roots come last. */
START_TEST(a_pool_without_its_root_is_none)
{
	struct media_super zero = { 0 };
	int fd;

	make("a", "b");
	fd = open(test_path("a"), O_RDWR);
	ck_assert_int_eq(pwrite(fd, &zero, sizeof(zero), 0), sizeof(zero));
	ck_assert_int_eq(pwrite(fd, &zero, sizeof(zero), 4096), sizeof(zero));
	ck_assert_int_eq(pwrite(fd, &zero, sizeof(zero), REGIONS_BYTES - 4096),
			 sizeof(zero));
	close(fd);
	regions_refused(regions_list("a", "b"), MARU_E_FORMAT,
			"a: not a maru pool");
	ck_assert_int_eq(create(regions_list("a", "b"), 0), -EEXIST);
	ck_assert_int_eq(create(regions_list("a", "b"), MARU_CREATE_FORCE), 0);
	opens(regions_list("a", "b"));
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		the_order_of_the_list_does_not_matter,
		a_region_that_is_not_named_is_missing,
		the_region_that_is_missing_is_named_by_its_number,
		a_region_of_another_pool_is_refused,
		a_target_too_many_is_refused,
		a_target_that_is_named_twice_is_refused,
		a_copy_of_a_region_is_refused,
		a_region_of_an_earlier_making_is_refused,
		a_pool_made_anew_has_no_use_for_its_old_regions,
		superblocks_that_cannot_be_are_refused,
		any_word_of_a_superblock_changed_is_survived,
		a_comma_in_a_name_is_quoted,
		an_empty_name_in_a_list_is_refused,
		what_creation_made_is_gone_when_it_fails,
		a_region_in_use_is_not_formatted_even_if_forced,
		a_root_too_small_for_the_directory_is_refused,
		the_size_to_grow_to_is_of_all_targets,
		a_pool_without_its_root_is_none,
	};

	return test_run("targets of regions", TEST_MEM, tests, TEST_LEN(tests));
}
