// SPDX-License-Identifier: BSD-3-Clause
/* Pools on made-up DAX devices: found by UUID, by name, and not mistaken. */
#include "common_dax_pool.h"
#include "common_plain.h"
#include "common_wrap.h"

#include <maru.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

START_TEST(a_pool_lives_on_a_device)
{
	struct maru_stats st = { .size = sizeof(st) };
	struct maru_region region;
	struct maru_pool *pool;
	char json[8192];

	dax_pool_all();
	dax_pool_format("/dev/dax0.0", "one");
	pool = dax_pool_opened("/dev/dax0.0");
	ck_assert_int_eq(maru_store(pool, "k", 1, "value", 5), 0);
	ck_assert_int_eq(maru_close(pool, 0), 0);
	pool = dax_pool_opened("/dev/dax0.0");
	ck_assert_int_eq(maru_exists(pool, "k", 1), 1);
	ck_assert_int_eq(maru_region(pool, 0, &region), 0);
	ck_assert_int_eq(region.numa_node, 3);
	ck_assert_int_eq(maru_stats(pool, &st), 0);
	ck_assert_int_eq(st.numa_node, 3);
	ck_assert_int_gt(maru_stats_json(pool, json, sizeof(json)), 0);
	ck_assert_ptr_nonnull(strstr(json, "\"numa_node\":3,"));
	ck_assert_int_eq(maru_close(pool, 0), 0);
}
END_TEST

START_TEST(a_pool_is_found_by_its_uuid)
{
	struct maru_super super;

	dax_pool_all();
	dax_pool_format("/dev/dax0.0", "one");
	dax_pool_format("/dev/dax1.0", "two");
	super = dax_pool_super("/dev/dax1.0");
	dax_pool_label(dax_pool_target("uuid", super.uuid), "two");
	dax_pool_label(dax_pool_target("dax", super.uuid), "two");
	super = dax_pool_super("/dev/dax0.0");
	dax_pool_label(dax_pool_target("uuid", super.uuid), "one");
}
END_TEST

START_TEST(a_uuid_finds_the_pool_under_its_new_number)
{
	struct maru_super super;

	dax_pool_all();
	dax_pool_format("/dev/dax1.0", "two");
	super = dax_pool_super("/dev/dax1.0");
	dax_rename("dax1.0", "dax1.1");
	dax_pool_refused("/dev/dax1.0", -ENOENT, "maru-mkpool --list");
	dax_pool_label(dax_pool_target("uuid", super.uuid), "two");
	dax_pool_label("dax:dax1.1", "two");
}
END_TEST

START_TEST(a_device_is_found_by_its_name)
{
	dax_pool_all();
	dax_pool_format("dax:dax0.1", "one");
	dax_pool_label("/dev/dax0.1", "one");
	dax_pool_label("dax:dax0.1", "one");
	dax_pool_refused("dax:dax0.2", -ENOENT, "dax0.0, dax0.1, dax1.0");
	dax_pool_refused("dax:", -ENOENT, "no DAX device is called so");
}
END_TEST

START_TEST(a_pool_found_twice_is_refused)
{
	struct maru_super super;
	unsigned char *copy = malloc(DAX_POOL_BYTES);

	dax_pool_all();
	dax_pool_format("/dev/dax0.0", "one");
	super = dax_pool_super("/dev/dax0.0");
	ck_assert_int_eq(pread(dax_pool_memory[0], copy, DAX_POOL_BYTES, 0),
			 DAX_POOL_BYTES);
	ck_assert_int_eq(pwrite(dax_pool_memory[2], copy, DAX_POOL_BYTES, 0),
			 DAX_POOL_BYTES);
	free(copy);
	dax_pool_refused(dax_pool_target("uuid", super.uuid), -ENOTUNIQ,
			 "/dev/dax0.0, /dev/dax1.0");
	dax_pool_label("dax:dax1.0", "one");
}
END_TEST

START_TEST(a_pool_not_found_is_told_with_all_that_is_there)
{
	static const unsigned char other[16] = { 1, 2, 3 };
	static const char ext2[2] = { 0x53, (char)0xef };

	dax_pool_all();
	dax_pool_format("/dev/dax0.0", "one");
	ck_assert_int_eq(pwrite(dax_pool_memory[1], ext2, 2, 1080), 2);
	dax_resize("dax1.0", 0);
	dax_pool_refused(dax_pool_target("uuid", other), -ENOENT,
			 "none of 3 DAX devices");
	dax_pool_says("dax0.0: pool ");
	dax_pool_says("dax0.1: an ext2 file system");
	dax_pool_says("dax1.0: not read, dax1.0 has size 0");
}
END_TEST

START_TEST(what_may_not_be_opened_is_told_of)
{
	static const unsigned char other[16] = { 1, 2, 3 };

	dax_pool_prepare();
	dax_pool_fakes[1].locked = true;
	dax_pool_fakes[2].driver = "kmem";
	dax_fake(dax_pool_fakes, 3);
	dax_pool_refused(dax_pool_target("uuid", other), -EACCES,
			 "dax0.0: empty");
	dax_pool_says("dax0.1: not read, cannot open it for reading");
	dax_pool_says("dax1.0: not read, dax1.0 is in use as system RAM");
}
END_TEST

START_TEST(a_host_without_devices_says_so)
{
	static const unsigned char other[16] = { 1, 2, 3 };

	dax_pool_prepare();
	dax_fake(dax_pool_fakes, 0);
	dax_pool_refused(dax_pool_target("uuid", other), -ENOENT,
			 "no DAX devices");
	dax_pool_refused("dax:dax0.0", -ENOENT, "there are none");
}
END_TEST

START_TEST(a_uuid_must_be_one)
{
	static const char *const bad[] = {
		"uuid:",
		"uuid:dax0.0",
		"uuid:01020304-0506-0708-090a-0b0c0d0e0f",
		"uuid:01020304-0506-0708-090a-0b0c0d0e0f101",
		"uuid:0102030405060708090a-0b0c0d0e0f100000",
		"uuid:g1020304-0506-0708-090a-0b0c0d0e0f10",
	};

	dax_pool_all();
	for (size_t i = 0; i < PLAIN_LEN(bad); i++)
		dax_pool_refused(bad[i], -EINVAL, "no UUID");
	ck_assert_int_eq(maru_create("uuid:x", NULL), -EINVAL);
}
END_TEST

START_TEST(an_unusable_device_is_refused_by_name)
{
	dax_pool_prepare();
	dax_pool_fakes[0].driver = NULL;
	dax_pool_fakes[1].size = 0;
	dax_pool_fakes[2].driver = "kmem";
	dax_fake(dax_pool_fakes, 3);
	dax_pool_refused("dax:dax0.0", -EBUSY, "daxctl enable-device dax0.0");
	dax_pool_refused("dax:dax0.1", -ENODEV, "daxctl create-device");
	dax_pool_refused("dax:dax1.0", -EBUSY, "daxctl reconfigure-device");
	ck_assert_int_eq(maru_create("dax:dax1.0", NULL), -EBUSY);
}
END_TEST

START_TEST(a_device_without_node_is_known_all_the_same)
{
	struct maru_super super;

	dax_pool_all();
	dax_pool_format("/dev/dax0.1", "one");
	super = dax_pool_super("/dev/dax0.1");
	dax_lose_node("dax0.1");
	dax_pool_refused("dax:dax0.1", -ENODEV, "no node /dev/dax0.1");
	dax_pool_refused(
		dax_pool_target("uuid", super.uuid), -ENOENT,
		"dax0.1: not read, the system has dax0.1, but no node");
}
END_TEST

START_TEST(a_pool_is_formatted_anew_by_its_uuid)
{
	struct maru_create_opts o = { .size = sizeof(o),
				      .flags = MARU_CREATE_FORCE,
				      .label = "anew" };
	struct maru_super super;
	const char *target;

	dax_pool_all();
	dax_pool_format("/dev/dax0.1", "one");
	super = dax_pool_super("/dev/dax0.1");
	target = dax_pool_target("uuid", super.uuid);
	ck_assert_int_eq(maru_create(target, NULL), -EEXIST);
	ck_assert_int_eq(maru_create(target, &o), 0);
	dax_pool_refused(target, -ENOENT, "dax0.1: pool ");
	dax_pool_label("/dev/dax0.1", "anew");
}
END_TEST

START_TEST(fsck_takes_a_uuid)
{
	struct maru_fsck_result res;
	struct maru_super super;

	dax_pool_all();
	dax_pool_format("/dev/dax1.0", "two");
	super = dax_pool_super("/dev/dax1.0");
	ck_assert_int_eq(
		maru_fsck(dax_pool_target("uuid", super.uuid), NULL, &res), 0);
	ck_assert_uint_eq(res.faults, 0);
	super.uuid[0] ^= 1;
	ck_assert_int_eq(maru_fsck(dax_pool_target("uuid", super.uuid), NULL,
				   &res),
			 -ENOENT);
}
END_TEST

START_TEST(windows_of_one_device_are_told_apart_by_their_offset)
{
	struct maru_create_opts o = { .size = sizeof(o), .bytes = 8 * MIB };
	struct maru_open_opts at = { .size = sizeof(at), .offset = 16 * MIB };
	struct maru_super super;
	struct maru_pool *pool;

	dax_pool_all();
	ck_assert_int_eq(maru_create("/dev/dax0.0", &o), 0);
	o.offset = at.offset;
	ck_assert_int_eq(maru_create("/dev/dax0.0", &o), 0);
	super = dax_pool_super("/dev/dax0.0");
	ck_assert_int_eq(maru_open(dax_pool_target("uuid", super.uuid), &at,
				   &pool),
			 -ENOENT);
	ck_assert_int_eq(maru_open("/dev/dax0.0", &at, &pool), 0);
	ck_assert_int_eq(maru_inspect_super(pool, &super), 0);
	ck_assert_int_eq(maru_close(pool, 0), 0);
	ck_assert_int_eq(
		maru_open(dax_pool_target("uuid", super.uuid), &at, &pool), 0);
	ck_assert_int_eq(maru_close(pool, 0), 0);
}
END_TEST

static int open_expecting(const unsigned char *uuid, uint64_t incarnation,
			  struct maru_pool **pool)
{
	struct maru_open_opts o = { .size = sizeof(o),
				    .expect_incarnation = incarnation };

	if (uuid)
		memcpy(o.expect_uuid, uuid, 16);
	return maru_open("/dev/dax0.0", &o, pool);
}

START_TEST(the_pool_that_is_meant_is_opened)
{
	struct maru_super super;
	struct maru_pool *pool;

	dax_pool_all();
	dax_pool_format("/dev/dax0.0", "one");
	super = dax_pool_super("/dev/dax0.0");
	ck_assert_int_eq(open_expecting(super.uuid, super.incarnation, &pool),
			 0);
	ck_assert_int_eq(maru_close(pool, 0), 0);
	ck_assert_int_eq(open_expecting(NULL, super.incarnation, &pool), 0);
	ck_assert_int_eq(maru_close(pool, 0), 0);
	ck_assert_int_eq(open_expecting(super.uuid, 0, &pool), 0);
	ck_assert_int_eq(maru_close(pool, 0), 0);
}
END_TEST

START_TEST(another_pool_of_the_same_name_is_refused)
{
	struct maru_super super, now;
	struct maru_create_opts o = { .size = sizeof(o),
				      .flags = MARU_CREATE_FORCE };
	struct maru_pool *pool;

	dax_pool_all();
	dax_pool_format("/dev/dax0.0", "one");
	super = dax_pool_super("/dev/dax0.0");
	ck_assert_int_eq(maru_create("/dev/dax0.0", &o), 0);
	now = dax_pool_super("/dev/dax0.0");
	ck_assert_uint_ne(super.incarnation, now.incarnation);
	ck_assert_int_eq(open_expecting(super.uuid, 0, &pool), MARU_E_OTHER);
	ck_assert_int_eq(open_expecting(NULL, super.incarnation, &pool),
			 MARU_E_OTHER);
	/* the same UUID, made anew: a copy of the superblock's other fields */
	ck_assert_int_eq(open_expecting(now.uuid, super.incarnation, &pool),
			 MARU_E_OTHER);
	ck_assert_ptr_null(pool);
}
END_TEST

START_TEST(both_sides_of_a_mistake_are_shown)
{
	static const unsigned char wanted[16] = { 0xab, 0xcd };
	char incarnation[32];
	struct maru_super super;
	struct maru_pool *pool;

	dax_pool_all();
	dax_pool_format("/dev/dax0.0", "one");
	super = dax_pool_super("/dev/dax0.0");
	snprintf(incarnation, sizeof(incarnation), "%#018llx",
		 (unsigned long long)super.incarnation);
	ck_assert_int_eq(open_expecting(wanted, 0x1234, &pool), MARU_E_OTHER);
	dax_pool_says("/dev/dax0.0");
	dax_pool_says(incarnation);
	dax_pool_says("abcd0000-0000-0000-0000-000000000000");
	dax_pool_says("0x0000000000001234");
	dax_pool_says("maru-dump");
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		a_pool_lives_on_a_device,
		a_pool_is_found_by_its_uuid,
		a_uuid_finds_the_pool_under_its_new_number,
		a_device_is_found_by_its_name,
		a_pool_found_twice_is_refused,
		a_pool_not_found_is_told_with_all_that_is_there,
		what_may_not_be_opened_is_told_of,
		a_host_without_devices_says_so,
		a_uuid_must_be_one,
		an_unusable_device_is_refused_by_name,
		a_device_without_node_is_known_all_the_same,
		a_pool_is_formatted_anew_by_its_uuid,
		fsck_takes_a_uuid,
		windows_of_one_device_are_told_apart_by_their_offset,
		the_pool_that_is_meant_is_opened,
		another_pool_of_the_same_name_is_refused,
		both_sides_of_a_mistake_are_shown,
	};

	if (!dax_possible()) {
		puts("no mount namespaces are permitted here");
		return 77;
	}
	return plain_run("pools on DAX devices", tests, PLAIN_LEN(tests));
}
