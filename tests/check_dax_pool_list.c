// SPDX-License-Identifier: BSD-3-Clause
/* The list of DAX devices, and what it says of each. */
#include "common_dax_pool.h"
#include "common_plain.h"
#include "common_wrap.h"
#include "dev/scan.h"
#include "media/media.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define NR 4

/* Room for one more than there are. */
static struct maru_device list[NR];

static void listed(int nr)
{
	memset(list, 0xff, sizeof(list));
	list[0].size = sizeof(list[0]);
	ck_assert_msg(maru_devices(list, NR) == nr, "%s", maru_errmsg());
	for (int i = 0; i < nr; i++)
		ck_assert_uint_eq(list[i].size, sizeof(list[0]));
	ck_assert_str_eq(maru_errmsg(), "");
}

static void usable(int i, enum maru_device_content content)
{
	ck_assert_int_eq(list[i].mode, MARU_DEVICE_DEVDAX);
	ck_assert_int_eq(list[i].content, content);
	ck_assert_msg(list[i].err == 0, "%s", list[i].why);
	ck_assert_str_eq(list[i].why, "");
}

static void unusable(int i, int err, const char *word)
{
	ck_assert_int_eq(list[i].content, MARU_CONTENT_UNSEEN);
	ck_assert_int_eq(list[i].err, err);
	ck_assert_msg(strstr(list[i].why, word), "no %s in: %s", word,
		      list[i].why);
}

START_TEST(a_device_is_listed_with_all_that_is_known)
{
	dax_pool_prepare();
	dax_pool_fakes[1].align = 4096;
	dax_pool_fakes[1].target_node = -1;
	dax_fake(dax_pool_fakes, 3);
	listed(3);
	ck_assert_str_eq(list[0].name, "dax0.0");
	ck_assert_str_eq(list[0].path, "/dev/dax0.0");
	ck_assert_uint_eq(list[0].bytes, DAX_POOL_BYTES);
	ck_assert_uint_eq(list[0].align, 2 * MIB);
	ck_assert_int_eq(list[0].numa_node, 3);
	ck_assert_int_eq(list[0].medium, MARU_MEDIUM_VOLATILE);
	usable(0, MARU_CONTENT_EMPTY);
	ck_assert_uint_eq(list[1].align, 4096);
	ck_assert_int_eq(list[1].numa_node, -1);
	ck_assert_str_eq(list[2].name, "dax1.0");
}
END_TEST

START_TEST(media_are_told_apart)
{
	dax_pool_prepare();
	dax_pool_fakes[0].domain = "cpu_cache\n";
	dax_pool_fakes[2].cxl = true;
	dax_fake(dax_pool_fakes, 3);
	listed(3);
	ck_assert_int_eq(list[0].medium, MARU_MEDIUM_EADR);
	ck_assert_int_eq(list[1].medium, MARU_MEDIUM_VOLATILE);
	ck_assert_int_eq(list[2].medium, MARU_MEDIUM_CXL);
}
END_TEST

START_TEST(an_nvdimm_is_told_from_one_that_flushes_caches)
{
	dax_pool_prepare();
	dax_pool_fakes[0].domain = "memory_controller\n";
	dax_fake(dax_pool_fakes, 1);
	listed(1);
	ck_assert_int_eq(list[0].medium, MARU_MEDIUM_NVDIMM);
}
END_TEST

START_TEST(what_is_on_a_device_is_told)
{
	static const char ext2[2] = { 0x53, (char)0xef };
	struct maru_super super;

	dax_pool_all();
	dax_pool_format("/dev/dax0.0", "the first");
	super = dax_pool_super("/dev/dax0.0");
	ck_assert_int_eq(pwrite(dax_pool_memory[1], ext2, 2, 1080), 2);
	listed(3);
	usable(0, MARU_CONTENT_POOL);
	ck_assert_str_eq(list[0].label, "the first");
	ck_assert_mem_eq(list[0].uuid, super.uuid, 16);
	ck_assert_mem_eq(list[0].pool_uuid, super.uuid, 16);
	ck_assert_uint_eq(list[0].incarnation, super.incarnation);
	ck_assert_uint_eq(list[0].pool_bytes, super.bytes);
	usable(1, MARU_CONTENT_OTHER);
	ck_assert_str_eq(list[1].what, "an ext2 file system");
	usable(2, MARU_CONTENT_EMPTY);
}
END_TEST

/* All three copies, sealed as if a later version had written them, or not. */
static void change_super(int memory, bool sealed)
{
	const off_t at[] = { 0, 4096, DAX_POOL_BYTES - 4096 };
	struct media_super sb;

	ck_assert_int_eq(pread(memory, &sb, sizeof(sb), 0), sizeof(sb));
	sb.major = MEDIA_MAJOR + 1;
	if (sealed)
		sb.crc = media_super_crc(&sb);
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(pwrite(memory, &sb, sizeof(sb), at[i]),
				 sizeof(sb));
}

START_TEST(a_pool_that_cannot_be_opened_is_told_with_the_reason)
{
	dax_pool_all();
	dax_pool_format("/dev/dax0.0", "damaged");
	dax_pool_format("/dev/dax0.1", "newer");
	change_super(dax_pool_memory[0], false);
	change_super(dax_pool_memory[1], true);
	listed(3);
	ck_assert_int_eq(list[0].content, MARU_CONTENT_OTHER);
	ck_assert_str_eq(list[0].what, "a maru pool that is damaged");
	ck_assert_int_eq(list[0].err, MARU_E_CORRUPT);
	ck_assert_ptr_nonnull(strstr(list[0].why, "maru-fsck"));
	ck_assert_int_eq(list[1].content, MARU_CONTENT_OTHER);
	ck_assert_str_eq(list[1].what, "a maru pool of an unknown format");
	ck_assert_int_eq(list[1].err, MARU_E_FORMAT);
	ck_assert_ptr_nonnull(strstr(list[1].why, "format version"));
}
END_TEST

START_TEST(what_is_unusable_is_listed_and_says_why)
{
	dax_pool_prepare();
	dax_pool_fakes[0].driver = "kmem";
	dax_pool_fakes[1].driver = NULL;
	dax_pool_fakes[2].size = 0;
	dax_pool_fakes[2].driver = NULL;
	dax_fake(dax_pool_fakes, 3);
	listed(3);
	ck_assert_int_eq(list[0].mode, MARU_DEVICE_RAM);
	unusable(0, -EBUSY, "reconfigure-device -m devdax dax0.0");
	ck_assert_int_eq(list[1].mode, MARU_DEVICE_UNBOUND);
	unusable(1, -EBUSY, "enable-device dax0.1");
	ck_assert_int_eq(list[2].mode, MARU_DEVICE_SEED);
	unusable(2, -ENODEV, "create-device");
}
END_TEST

START_TEST(one_bad_device_does_not_hide_the_others)
{
	dax_pool_prepare();
	dax_pool_fakes[0].locked = true;
	dax_pool_fakes[1].node = NULL;
	dax_fake(dax_pool_fakes, 3);
	dax_pool_format("/dev/dax1.0", "two");
	ck_assert_int_eq(ftruncate(dax_pool_memory[0], 0), 0);
	listed(3);
	unusable(0, -EACCES, "cannot open it for reading");
	ck_assert_int_eq(list[1].mode, MARU_DEVICE_NODELESS);
	ck_assert_uint_eq(list[1].bytes, DAX_POOL_BYTES);
	ck_assert_int_eq(list[1].numa_node, 4);
	unusable(1, -ENODEV, "no node /dev/dax0.1");
	usable(2, MARU_CONTENT_POOL);
}
END_TEST

START_TEST(a_device_that_cannot_be_read_is_listed)
{
	dax_pool_all();
	ck_assert_int_eq(ftruncate(dax_pool_memory[0], 0), 0);
	listed(3);
	unusable(0, -EIO, "memory error");
	usable(1, MARU_CONTENT_EMPTY);
}
END_TEST

START_TEST(looking_writes_nothing)
{
	unsigned char *before = malloc(DAX_POOL_BYTES);
	unsigned char *after = malloc(DAX_POOL_BYTES);
	const ssize_t len = DAX_POOL_BYTES;

	dax_pool_all();
	dax_pool_format("/dev/dax0.0", "one");
	ck_assert_int_eq(pread(dax_pool_memory[0], before, len, 0), len);
	listed(3);
	usable(0, MARU_CONTENT_POOL);
	ck_assert_int_eq(pread(dax_pool_memory[0], after, len, 0), len);
	ck_assert(!memcmp(before, after, len));
	free(before);
	free(after);
}
END_TEST

START_TEST(a_list_may_be_shorter_than_what_there_is)
{
	int before;

	dax_pool_all();
	before = plain_fds();
	memset(list, 0x55, sizeof(list));
	list[0].size = sizeof(list[0]);
	ck_assert_int_eq(maru_devices(list, 2), 3);
	ck_assert_str_eq(list[1].name, "dax0.1");
	ck_assert_uint_eq(list[2].bytes, UINT64_C(0x5555555555555555));
	ck_assert_int_eq(maru_devices(NULL, 0), 3);
	ck_assert_int_eq(plain_fds(), before);
}
END_TEST

/* A caller that was built against a version with fewer fields, or more. */
START_TEST(structs_of_other_versions_are_filled)
{
	struct short_device {
		size_t size;
		char name[32];
	} few[3] = { { .size = sizeof(few[0]) } };
	static struct {
		struct maru_device d;
		uint64_t more[4];
	} many[3] = { { .d.size = sizeof(many[0]) } };

	memset(many[1].more, 0xff, sizeof(many[1].more));
	dax_pool_all();
	ck_assert_int_eq(maru_devices((struct maru_device *)(void *)few, 3), 3);
	ck_assert_str_eq(few[2].name, "dax1.0");
	ck_assert_int_eq(maru_devices(&many[0].d, 3), 3);
	ck_assert_str_eq(many[1].d.name, "dax0.1");
	ck_assert_uint_eq(many[1].more[3], 0);
}
END_TEST

START_TEST(a_size_that_is_none_is_refused)
{
	dax_pool_all();
	list[0].size = 0;
	ck_assert_int_eq(maru_devices(list, NR), -EINVAL);
	list[0].size = 1 << 20;
	ck_assert_int_eq(maru_devices(list, NR), -EINVAL);
	ck_assert_int_eq(maru_devices(NULL, NR), -EINVAL);
	dax_pool_says("sizeof(struct maru_device)");
}
END_TEST

START_TEST(no_devices_are_an_empty_list)
{
	dax_pool_prepare();
	dax_fake(dax_pool_fakes, 0);
	listed(0);
}
END_TEST

static void node_file(const char *dir, const char *text)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s/numa_node", dir);
	f = fopen(path, "we");
	ck_assert_ptr_nonnull(f);
	fputs(text, f);
	fclose(f);
}

START_TEST(a_file_on_pmem_is_at_its_block_devices_node)
{
	dax_pool_all();
	ck_assert_int_eq(mkdir("/sys/dev/block", 0755), 0);
	ck_assert_int_eq(mkdir("/sys/dev/block/259:1", 0755), 0);
	ck_assert_int_eq(mkdir("/sys/dev/block/259:1/device", 0755), 0);
	ck_assert_int_eq(scan_block_node(makedev(259, 1)), -1);
	node_file("/sys/dev/block/259:1/device", "2\n");
	ck_assert_int_eq(scan_block_node(makedev(259, 1)), 2);
	node_file("/sys/dev/block/259:1/device", "-1\n");
	ck_assert_int_eq(scan_block_node(makedev(259, 1)), -1);
	ck_assert_int_eq(scan_block_node(makedev(259, 2)), -1);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		a_device_is_listed_with_all_that_is_known,
		media_are_told_apart,
		an_nvdimm_is_told_from_one_that_flushes_caches,
		what_is_on_a_device_is_told,
		a_pool_that_cannot_be_opened_is_told_with_the_reason,
		what_is_unusable_is_listed_and_says_why,
		one_bad_device_does_not_hide_the_others,
		a_device_that_cannot_be_read_is_listed,
		looking_writes_nothing,
		a_list_may_be_shorter_than_what_there_is,
		structs_of_other_versions_are_filled,
		a_size_that_is_none_is_refused,
		no_devices_are_an_empty_list,
		a_file_on_pmem_is_at_its_block_devices_node,
	};

	if (!dax_possible()) {
		puts("no mount namespaces are permitted here");
		return 77;
	}
	return plain_run("the list of DAX devices", tests, PLAIN_LEN(tests));
}
