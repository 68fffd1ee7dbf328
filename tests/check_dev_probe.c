// SPDX-License-Identifier: BSD-3-Clause
/* What is recognised in a place that somebody wants to format. */
#include "base/err.h"
#include "common_plain.h"
#include "dev/dev.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define MIB (UINT64_C(1) << 20)

static char what[128];

static int probe_part(const char *path, uint64_t off, uint64_t len)
{
	struct dev *dev;
	int rc;

	memset(what, '?', sizeof(what));
	ck_assert_int_eq(dev_open(path, DEV_RDONLY, &dev), 0);
	rc = dev_probe(dev, off, len, what, sizeof(what));
	dev_close(dev);
	return rc;
}

static void finds(const char *path, const char *phrase)
{
	ck_assert_int_eq(probe_part(path, 0, 8 * MIB), 1);
	ck_assert_str_eq(what, phrase);
}

START_TEST(zeroes_are_empty)
{
	ck_assert_int_eq(probe_part(plain_file("img", 8 * MIB), 0, 8 * MIB), 0);
	ck_assert_str_eq(what, "");
}
END_TEST

START_TEST(one_byte_is_data)
{
	const char *path = plain_file("img", 8 * MIB);

	plain_put(path, 2 * MIB - 1, "x", 1);
	finds(path, "data (first non-zero byte at 2097151)");
	plain_put(path, 1, "x", 1);
	finds(path, "data (first non-zero byte at 1)");
	plain_put(path, 0, "x", 1);
	finds(path, "data (first non-zero byte at 0)");
}
END_TEST

START_TEST(only_the_window_counts)
{
	const char *path = plain_file("img", 8 * MIB);

	plain_put(path, MIB - 1, "x", 1);
	plain_put(path, 3 * MIB + 5, "x", 1);
	ck_assert_int_eq(probe_part(path, MIB, 2 * MIB), 0);
	ck_assert_int_eq(probe_part(path, MIB, 4 * MIB), 0);
	ck_assert_int_eq(probe_part(path, 2 * MIB, 4 * MIB), 1);
	ck_assert_str_eq(what, "data (first non-zero byte at 1048581)");
	ck_assert_int_eq(probe_part(path, 0, MIB - 1), 0);
}
END_TEST

START_TEST(probing_beyond_the_end_fails)
{
	ck_assert_int_eq(probe_part(plain_file("img", MIB), 0, 2 * MIB),
			 -ENODATA);
	ck_assert_str_eq(what, "");
}
END_TEST

START_TEST(a_short_buffer_is_not_overrun)
{
	const char *path = plain_file("img", MIB);
	char small[8] = "1234567";
	struct dev *dev;

	plain_put(path, 77, "x", 1);
	ck_assert_int_eq(dev_open(path, DEV_RDONLY, &dev), 0);
	ck_assert_int_eq(dev_probe(dev, 0, MIB, small, 5), 1);
	ck_assert_mem_eq(small,
			 "data\0"
			 "67",
			 8);
	dev_close(dev);
}
END_TEST

/* False: there is no such program. */
static bool made_by(const char *program, const char *args, const char *path)
{
	char line[8192];
	int status;

	snprintf(line, sizeof(line),
		 "PATH=$PATH:/sbin:/usr/sbin; command -v %s >/dev/null || "
		 "exit 77; %s %s '%s' >/dev/null 2>&1",
		 program, program, args, path);
	status = system(line);
	ck_assert(WIFEXITED(status));
	if (WEXITSTATUS(status) == 77) {
		printf("no %s here: not tested\n", program);
		return false;
	}
	ck_assert_int_eq(WEXITSTATUS(status), 0);
	return true;
}

START_TEST(ext4_is_recognised)
{
	const char *path = plain_file("img", 8 * MIB);

	if (made_by("mke2fs", "-q -F -t ext4", path))
		finds(path, "an ext4 file system");
}
END_TEST

START_TEST(swap_is_recognised)
{
	const char *path = plain_file("img", 8 * MIB);
	const uint32_t head[2] = { 1, 8 * MIB / 4096 - 1 };

	plain_put(path, 1024, head, sizeof(head));
	plain_put(path, 4086, "SWAPSPACE2", 10);
	finds(path, "swap space");
}
END_TEST

START_TEST(luks_is_recognised)
{
	const char *path = plain_file("img", 8 * MIB);

	plain_put(path, 0, "LUKS\xba\xbe\0\1", 8);
	finds(path, "data of type crypto_LUKS");
}
END_TEST

START_TEST(a_dos_partition_table_is_recognised)
{
	static const unsigned char entry[16] = { [4] = 0x83, [9] = 8, [13] = 8 };
	const char *path = plain_file("img", 8 * MIB);

	plain_put(path, 446, entry, sizeof(entry));
	plain_put(path, 510, "\x55\xaa", 2);
	finds(path, "a partition table (dos)");
}
END_TEST

/* Damaged ones hold somebody's data too. */
START_TEST(gpt_is_recognised_by_its_header)
{
	const char *path = plain_file("img", 8 * MIB);

	plain_put(path, 512, "EFI PART\0\0\1", 11);
	finds(path, "a GPT partition table");
	path = plain_file("native", 8 * MIB);
	plain_put(path, 4096, "EFI PART\0\0\1", 11);
	finds(path, "a GPT partition table");
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		zeroes_are_empty,
		one_byte_is_data,
		only_the_window_counts,
		probing_beyond_the_end_fails,
		a_short_buffer_is_not_overrun,
		ext4_is_recognised,
		swap_is_recognised,
		luks_is_recognised,
		a_dos_partition_table_is_recognised,
		gpt_is_recognised_by_its_header,
	};

	return plain_run("dev_probe", tests, PLAIN_LEN(tests));
}
