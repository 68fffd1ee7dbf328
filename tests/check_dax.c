// SPDX-License-Identifier: BSD-3-Clause
/* Device DAX as libdaxctl tells of it, with a made-up sysfs. */
#include "base/err.h"
#include "common_dax.h"
#include "common_plain.h"
#include "dev/dev.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)

/* What most tests begin with; they change what they are about. */
static struct dax_fake usual(void)
{
	return (struct dax_fake){
		.name = "dax0.0",
		.node = "/dev/zero",
		.driver = "device_dax",
		.size = 64 * MIB,
		.align = 2 * MIB,
		.target_node = 1,
	};
}

static struct dev *opened(const struct dax_fake *fake, unsigned flags)
{
	struct dev *dev;

	dax_fake(fake, 1);
	ck_assert_msg(dev_open("/dev/dax0.0", flags, &dev) == 0, "%s",
		      maru_errmsg());
	ck_assert_int_eq(dev->kind, DEV_DAX);
	return dev;
}

static void refused(const struct dax_fake *fake, int rc, const char *word)
{
	int before = plain_fds();
	struct dev *dev;

	dax_fake(fake, 1);
	ck_assert_int_eq(dev_open("/dev/dax0.0", 0, &dev), rc);
	ck_assert_ptr_null(dev);
	ck_assert_msg(strstr(maru_errmsg(), word) &&
			      strstr(maru_errmsg(), "/dev/dax0.0"),
		      "no %s in: %s", word, maru_errmsg());
	ck_assert_int_eq(plain_fds(), before);
}

START_TEST(a_device_is_described)
{
	struct dax_fake fake = usual();
	struct dev *dev = opened(&fake, 0);

	ck_assert_uint_eq(dev->size, 64 * MIB);
	ck_assert_uint_eq(dev->align, 2 * MIB);
	ck_assert_int_eq(dev->numa_node, 1);
	ck_assert(dev->writable && !dev->nvdimm && !dev->eadr);
	dev_close(dev);
}
END_TEST

START_TEST(one_of_many_is_found_by_its_number)
{
	struct dax_fake many[4] = { usual(), usual(), usual(), usual() };
	struct dev *dev;

	many[0].node = "/dev/full";
	many[1].name = "dax0.1";
	many[1].node = "/dev/null";
	many[2].name = "dax3.0";
	many[2].size = 128 * MIB;
	many[3].name = "alias"; /* another inode of dax3.0 */
	many[3].unlisted = true;
	dax_fake(many, 4);
	ck_assert_int_eq(dev_open("/dev/alias", 0, &dev), 0);
	ck_assert_uint_eq(dev->size, 128 * MIB);
	dev_close(dev);
}
END_TEST

START_TEST(a_device_in_system_ram_mode_is_refused)
{
	struct dax_fake fake = usual();

	fake.driver = "kmem";
	refused(&fake, -EBUSY, "system RAM");
}
END_TEST

START_TEST(a_device_of_size_zero_is_refused)
{
	struct dax_fake fake = usual();

	fake.size = 0;
	fake.driver = NULL;
	refused(&fake, -ENODEV, "size 0");
}
END_TEST

START_TEST(a_device_without_driver_is_refused)
{
	struct dax_fake fake = usual();

	fake.driver = NULL;
	refused(&fake, -EBUSY, "enable-device");
}
END_TEST

START_TEST(a_device_without_node_is_missing)
{
	struct dax_fake fake = usual();

	fake.node = NULL;
	refused(&fake, -ENOENT, "does not exist");
}
END_TEST

START_TEST(a_device_that_libdaxctl_does_not_know_is_refused)
{
	struct dax_fake fake = usual();

	fake.unlisted = true;
	refused(&fake, -ENODEV, "libdaxctl");
}
END_TEST

START_TEST(a_device_we_may_not_open_is_refused)
{
	struct dax_fake fake = usual();

	fake.locked = true;
	refused(&fake, -EACCES, "Permission denied");
}
END_TEST

START_TEST(a_missing_alignment_is_taken_for_two_mebibytes)
{
	struct dax_fake fake = usual();
	struct dev *dev;

	fake.align = 0;
	dev = opened(&fake, 0);
	ck_assert_uint_eq(dev->align, 2 * MIB);
	dev_close(dev);
}
END_TEST

START_TEST(windows_keep_to_the_devices_alignment)
{
	struct dax_fake fake = usual();
	struct dev_map map;
	struct dev *dev;

	fake.size = 4 * GIB;
	fake.align = GIB;
	dev = opened(&fake, 0);
	ck_assert_int_eq(dev_map(dev, 2 * MIB, GIB, &map), -EINVAL);
	ck_assert_int_eq(dev_map(dev, 0, 2 * MIB, &map), -EINVAL);
	ck_assert_ptr_nonnull(strstr(maru_errmsg(), "1073741824"));
	ck_assert_int_eq(dev_map(dev, 4 * GIB, GIB, &map), -ENOSPC);
	ck_assert_int_eq(dev_map(dev, GIB, GIB, &map), 0);
	ck_assert_uint_eq((uintptr_t)map.base % GIB, 0);
	dev_unmap(&map);
	dev_close(dev);
}
END_TEST

/* It has no NVDIMM parent: libpmem2 would fall over it. */
static void use_mapping(struct dev *dev, enum dev_granularity granularity)
{
	struct dev_map map;

	ck_assert_int_eq(dev_map(dev, 0, 6 * MIB, &map), 0);
	ck_assert_int_eq(map.granularity, granularity);
	ck_assert_int_eq(map.flush != NULL, granularity == DEV_LINE);
	ck_assert_uint_eq((uintptr_t)map.base % (2 * MIB), 0);
	memcpy(map.base + 6 * MIB - 5, "value", 5);
	dev_flush(&map, map.base + 6 * MIB - 5, 5);
	dev_drain(&map);
	ck_assert_int_eq(dev_sync(&map, 0, 6 * MIB), 0);
	ck_assert_int_eq(dev_prefault(&map, 0, 6 * MIB), 0);
	ck_assert_mem_eq(map.base + 6 * MIB - 5, "value", 5);
	dev_unmap(&map);
	dev_close(dev);
}

START_TEST(volatile_memory_is_mapped_and_flushed)
{
	struct dax_fake fake = usual();

	use_mapping(opened(&fake, 0), DEV_LINE);
}
END_TEST

START_TEST(a_forced_page_granularity_does_not_reach_devices)
{
	struct dax_fake fake = usual();

	setenv("PMEM2_FORCE_GRANULARITY", "PAGE", 1);
	use_mapping(opened(&fake, 0), DEV_LINE);
}
END_TEST

START_TEST(an_nvdimm_that_flushes_its_caches_needs_no_flush)
{
	struct dax_fake fake = usual();
	struct dev *dev;

	fake.domain = "cpu_cache\n";
	dev = opened(&fake, 0);
	ck_assert(dev->nvdimm && dev->eadr);
	use_mapping(dev, DEV_BYTE);
}
END_TEST

START_TEST(another_nvdimm_is_flushed)
{
	struct dax_fake fake = usual();
	struct dev *dev;

	fake.domain = "memory_controller\n";
	dev = opened(&fake, 0);
	ck_assert(dev->nvdimm && !dev->eadr);
	use_mapping(dev, DEV_LINE);
}
END_TEST

START_TEST(a_window_beyond_the_devices_end_is_refused)
{
	struct dax_fake fake = usual();
	struct dev *dev = opened(&fake, 0);
	struct dev_map map;

	ck_assert_int_eq(dev_map(dev, 62 * MIB, 4 * MIB, &map), -ENOSPC);
	ck_assert_int_eq(dev_map(dev, 64 * MIB, 2 * MIB, &map), -ENOSPC);
	ck_assert_int_eq(dev_map(dev, 62 * MIB, 2 * MIB, &map), 0);
	dev_unmap(&map);
	dev_close(dev);
}
END_TEST

START_TEST(a_device_can_be_read_and_probed)
{
	struct dax_fake fake = usual();
	struct dev *dev = opened(&fake, DEV_RDONLY);
	char buf[100], what[64];

	memset(buf, 'x', sizeof(buf));
	ck_assert_int_eq(dev_read(dev, 4 * MIB - 50, buf, 100), 0);
	for (int i = 0; i < 100; i++)
		ck_assert_int_eq(buf[i], 0);
	ck_assert_int_eq(dev_read(dev, 64 * MIB - 50, buf, 100), -ENODATA);
	ck_assert_int_eq(dev_probe(dev, 0, 64 * MIB, what, sizeof(what)), 0);
	ck_assert_str_eq(what, "");
	dev_close(dev);
}
END_TEST

START_TEST(a_device_keeps_its_size_and_its_node)
{
	const char *node = "/dev/dax0.0";
	struct dax_fake fake = usual();
	struct dev *dev;

	dax_fake(&fake, 1);
	ck_assert_int_eq(dev_create_file(node, 0, 0600, false, &dev), 0);
	ck_assert(dev->size == 64 * MIB && !dev->made && !dev->grown);
	dev_abandon(dev);
	ck_assert_int_eq(access(node, F_OK), 0);
	ck_assert_int_eq(dev_create_file(node, 65 * MIB, 0600, false, &dev),
			 -ENOSPC);
	ck_assert_int_eq(access(node, F_OK), 0);
}
END_TEST

START_TEST(the_lock_directory_is_made_for_everybody)
{
	static const unsigned char uuid[16] = { 1 };
	struct dax_fake fake = usual();
	struct dev *dev = opened(&fake, 0);
	struct dev_lock a, b;
	struct stat st;

	unsetenv("MARU_LOCK_DIR");
	ck_assert_int_eq(mount("run", "/run", "tmpfs", 0, NULL), 0);
	umask(077);
	ck_assert_int_eq(dev_lock_open(dev, uuid, 0, &a), 0);
	ck_assert_int_eq(dev_lock_open(dev, uuid, 0, &b), 0);
	ck_assert_int_eq(stat("/run/maru", &st), 0);
	ck_assert_int_eq(st.st_mode & 07777, 01777);
	ck_assert_int_eq(dev_lock_take(&a, 0, false), 0);
	ck_assert_int_eq(dev_lock_take(&b, 0, true), -EAGAIN);
	dev_lock_close(&a);
	dev_lock_close(&b);
	dev_close(dev);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		a_device_is_described,
		one_of_many_is_found_by_its_number,
		a_device_in_system_ram_mode_is_refused,
		a_device_of_size_zero_is_refused,
		a_device_without_driver_is_refused,
		a_device_without_node_is_missing,
		a_device_that_libdaxctl_does_not_know_is_refused,
		a_device_we_may_not_open_is_refused,
		a_missing_alignment_is_taken_for_two_mebibytes,
		windows_keep_to_the_devices_alignment,
		volatile_memory_is_mapped_and_flushed,
		a_forced_page_granularity_does_not_reach_devices,
		an_nvdimm_that_flushes_its_caches_needs_no_flush,
		another_nvdimm_is_flushed,
		a_window_beyond_the_devices_end_is_refused,
		a_device_can_be_read_and_probed,
		a_device_keeps_its_size_and_its_node,
		the_lock_directory_is_made_for_everybody,
	};

	if (!dax_possible()) {
		puts("no mount namespaces are permitted here");
		return 77;
	}
	return plain_run("dax", tests, PLAIN_LEN(tests));
}
