// SPDX-License-Identifier: BSD-3-Clause
/* Devices that are too small, have shrunk, map in other steps, or may only be
 * read. */
#include "common_dax_pool.h"
#include "common_plain.h"
#include "common_wrap.h"
#include "dev/dev.h"

#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#define NOBODY 65534

static void only(uint64_t size, uint64_t align)
{
	dax_pool_prepare();
	dax_pool_fakes[0].size = size;
	dax_pool_fakes[0].align = align;
	ck_assert_int_eq(ftruncate(dax_pool_memory[0], (off_t)size), 0);
	dax_fake(dax_pool_fakes, 1);
}

static int make(uint64_t offset, uint64_t bytes)
{
	struct maru_create_opts o = { .size = sizeof(o),
				      .offset = offset,
				      .bytes = bytes };

	return maru_create("/dev/dax0.0", &o);
}

START_TEST(a_device_smaller_than_its_alignment_is_refused)
{
	only(512 * MIB, GIB);
	ck_assert_int_eq(make(0, 0), -ENOSPC);
	dax_pool_says("less than the alignment");
	dax_pool_says("daxctl create-device --align");
}
END_TEST

START_TEST(what_is_beyond_the_last_step_is_left_alone)
{
	struct maru_super super;

	only(1536 * MIB, GIB);
	ck_assert_int_eq(make(0, 0), 0);
	super = dax_pool_super("/dev/dax0.0");
	ck_assert_uint_eq(super.bytes, GIB);
}
END_TEST

START_TEST(a_window_is_a_number_of_steps)
{
	only(4 * GIB, GIB);
	ck_assert_int_eq(make(2 * MIB, 0), -EINVAL);
	dax_pool_says("offset: 2097152");
	dax_pool_says("1073741824");
	ck_assert_int_eq(make(0, GIB + 2 * MIB), -EINVAL);
	dax_pool_says("bytes: 1075838976");
	ck_assert_int_eq(make(3 * GIB, 2 * GIB), -ENOSPC);
	ck_assert_int_eq(make(5 * GIB, 0), -ENOSPC);
	ck_assert_int_eq(make(2 * GIB, GIB), 0);
}
END_TEST

START_TEST(a_pool_needs_the_steps_it_was_made_with)
{
	only(1536 * MIB, 2 * MIB);
	ck_assert_int_eq(make(0, 0), 0);
	dax_realign("dax0.0", GIB);
	dax_pool_refused("/dev/dax0.0", -EINVAL, "multiples of 1073741824");
	dax_pool_says("daxctl create-device --align");
}
END_TEST

/* Its last superblock lies where nothing can be mapped any more. */
START_TEST(a_pool_that_lost_its_steps_can_be_formatted_over)
{
	struct maru_create_opts o = { .size = sizeof(o),
				      .flags = MARU_CREATE_FORCE };

	only(1536 * MIB, 2 * MIB);
	ck_assert_int_eq(make(0, 0), 0);
	dax_realign("dax0.0", GIB);
	ck_assert_int_eq(make(0, 0), -EEXIST);
	ck_assert_msg(maru_create("/dev/dax0.0", &o) == 0, "%s", maru_errmsg());
	ck_assert_uint_eq(dax_pool_super("/dev/dax0.0").bytes, GIB);
}
END_TEST

START_TEST(a_pool_on_a_device_that_shrank_is_refused)
{
	dax_pool_all();
	dax_pool_format("/dev/dax0.0", "one");
	dax_resize("dax0.0", DAX_POOL_BYTES - 2 * MIB);
	ck_assert_int_eq(
		ftruncate(dax_pool_memory[0], DAX_POOL_BYTES - 2 * MIB), 0);
	dax_pool_refused("/dev/dax0.0", MARU_E_CORRUPT,
			 "pool of 33554432 bytes, but only 31457280");
	dax_pool_says("former size");
}
END_TEST

START_TEST(a_device_that_grew_keeps_its_pool)
{
	dax_pool_all();
	dax_pool_format("/dev/dax0.0", "one");
	dax_resize("dax0.0", DAX_POOL_BYTES + 2 * MIB);
	ck_assert_int_eq(
		ftruncate(dax_pool_memory[0], DAX_POOL_BYTES + 2 * MIB), 0);
	dax_pool_label("/dev/dax0.0", "one");
}
END_TEST

/* What sysfs says is then more than what is there. */
START_TEST(reading_where_there_is_nothing_is_an_error_and_no_signal)
{
	char what[64], byte;
	struct dev *dev;

	dax_pool_all();
	ck_assert_int_eq(ftruncate(dax_pool_memory[0], MIB), 0);
	ck_assert_int_eq(dev_open("/dev/dax0.0", DEV_RDONLY, &dev), 0);
	ck_assert_int_eq(dev_read(dev, 100, &byte, 1), 0);
	ck_assert_int_eq(dev_read(dev, MIB, &byte, 1), -EIO);
	dax_pool_says("memory error near byte 1048576");
	ck_assert_int_eq(dev_probe(dev, 0, 2 * MIB, what, sizeof(what)), -EIO);
	dev_close(dev);
	dax_pool_refused("/dev/dax0.0", MARU_E_FORMAT, "not a maru pool");
}
END_TEST

START_TEST(a_device_can_hold_a_pool_of_half_its_size)
{
	dax_pool_all();
	ck_assert_int_eq(make(0, DAX_POOL_BYTES / 2), 0);
	dax_resize("dax0.0", DAX_POOL_BYTES / 2);
	ck_assert_uint_eq(dax_pool_super("/dev/dax0.0").bytes,
			  DAX_POOL_BYTES / 2);
}
END_TEST

START_TEST(devices_of_one_region_hold_a_pool_each)
{
	struct maru_pool *one, *two;

	dax_pool_all();
	dax_pool_format("/dev/dax0.0", "one");
	dax_pool_format("/dev/dax0.1", "two");
	one = dax_pool_opened("/dev/dax0.0");
	two = dax_pool_opened("/dev/dax0.1");
	ck_assert_int_eq(maru_store(one, "k", 1, "1", 1), 0);
	ck_assert_int_eq(maru_exists(two, "k", 1), 0);
	ck_assert_int_eq(maru_close(one, 0), 0);
	ck_assert_int_eq(maru_close(two, 0), 0);
}
END_TEST

static void with_mode(mode_t mode)
{
	dax_pool_prepare();
	dax_pool_fakes[0].mode = mode;
	dax_fake(dax_pool_fakes, 1);
	dax_pool_format("/dev/dax0.0", "one");
	ck_assert_int_eq(setegid(NOBODY), 0);
	ck_assert_int_eq(seteuid(NOBODY), 0);
}

/* As it was: LeakSanitizer's look at the process is root's. */
static void root_again(void)
{
	ck_assert_int_eq(seteuid(0), 0);
	ck_assert_int_eq(setegid(0), 0);
	ck_assert_int_eq(prctl(PR_SET_DUMPABLE, 1), 0);
}

START_TEST(a_node_that_may_only_be_read_is_opened_to_read)
{
	struct maru_open_opts o = { .size = sizeof(o),
				    .flags = MARU_OPEN_RDONLY };
	struct maru_device d = { .size = sizeof(d) };
	struct maru_pool *pool;

	if (!dax_mknod())
		return;
	with_mode(0444);
	dax_pool_refused("/dev/dax0.0", -EACCES, "open the pool read-only");
	ck_assert_int_eq(maru_open("/dev/dax0.0", &o, &pool), 0);
	ck_assert_int_eq(maru_exists(pool, "k", 1), 0);
	ck_assert_int_eq(maru_store(pool, "k", 1, "1", 1), -EROFS);
	ck_assert_int_eq(maru_close(pool, 0), 0);
	ck_assert_int_eq(make(0, 0), -EACCES);
	ck_assert_int_eq(maru_devices(&d, 1), 1);
	ck_assert_int_eq(d.content, MARU_CONTENT_POOL);
	ck_assert_int_eq(d.err, -EACCES);
	ck_assert_ptr_nonnull(strstr(d.why, "may only be read"));
	root_again();
}
END_TEST

START_TEST(a_node_that_may_not_be_opened_is_refused)
{
	struct maru_device d = { .size = sizeof(d) };

	if (!dax_mknod())
		return;
	with_mode(0400);
	dax_pool_refused("/dev/dax0.0", -EACCES, "see its mode and owner");
	ck_assert_int_eq(maru_devices(&d, 1), 1);
	ck_assert_int_eq(d.content, MARU_CONTENT_UNSEEN);
	ck_assert_int_eq(d.err, -EACCES);
	root_again();
}
END_TEST

static void opened_with(uint32_t flags, int rc)
{
	struct maru_open_opts o = { .size = sizeof(o), .flags = flags };
	struct maru_pool *pool;

	ck_assert_int_eq(maru_open("/dev/dax0.0", &o, &pool), rc);
	ck_assert_int_eq(maru_close(pool, 0), 0);
}

START_TEST(a_device_is_prefaulted_to_write_and_to_read)
{
	dax_pool_all();
	dax_pool_format("/dev/dax0.0", "one");
	wrap_populate(0, 0);
	opened_with(MARU_OPEN_PREFAULT_ALL, 0);
	opened_with(MARU_OPEN_PREFAULT_META, 0);
	opened_with(MARU_OPEN_PREFAULT_ALL | MARU_OPEN_RDONLY, 0);
	ck_assert_uint_eq(wrap_populated(), 3);
	opened_with(0, 0);
	ck_assert_uint_eq(wrap_populated(), 3);
}
END_TEST

START_TEST(a_device_with_bad_memory_is_not_prefaulted)
{
	dax_pool_all();
	dax_pool_format("/dev/dax0.0", "one");
	wrap_populate(EHWPOISON, 1);
	opened_with(MARU_OPEN_PREFAULT_ALL, -EHWPOISON);
	dax_pool_says("/dev/dax0.0");
	dax_pool_says("memory has failed");
	opened_with(0, 0);
}
END_TEST

START_TEST(mappings_of_a_device_are_aligned_for_huge_pages)
{
	struct maru_region region;
	struct maru_pool *pool[4];

	dax_pool_all();
	dax_pool_format("/dev/dax0.0", "one");
	for (int i = 0; i < 4; i++) {
		pool[i] = dax_pool_opened("/dev/dax0.0");
		ck_assert_int_eq(maru_region(pool[i], 0, &region), 0);
		ck_assert_uint_eq((uintptr_t)region.base % (2 * MIB), 0);
		ck_assert_uint_eq(region.data_off % (2 * MIB), 0);
	}
	for (int i = 0; i < 4; i++)
		ck_assert_int_eq(maru_close(pool[i], 0), 0);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		a_device_smaller_than_its_alignment_is_refused,
		what_is_beyond_the_last_step_is_left_alone,
		a_window_is_a_number_of_steps,
		a_pool_needs_the_steps_it_was_made_with,
		a_pool_that_lost_its_steps_can_be_formatted_over,
		a_pool_on_a_device_that_shrank_is_refused,
		a_device_that_grew_keeps_its_pool,
		reading_where_there_is_nothing_is_an_error_and_no_signal,
		a_device_can_hold_a_pool_of_half_its_size,
		devices_of_one_region_hold_a_pool_each,
		a_node_that_may_only_be_read_is_opened_to_read,
		a_node_that_may_not_be_opened_is_refused,
		a_device_is_prefaulted_to_write_and_to_read,
		a_device_with_bad_memory_is_not_prefaulted,
		mappings_of_a_device_are_aligned_for_huge_pages,
	};

	if (!dax_possible()) {
		puts("no mount namespaces are permitted here");
		return 77;
	}
	return plain_run("sizes of DAX devices", tests, PLAIN_LEN(tests));
}
