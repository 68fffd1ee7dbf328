// SPDX-License-Identifier: BSD-3-Clause
/* Devices that are mapped in larger pieces than the pool was made for. */
#include "common_plain.h"

#include <maru.h>

#include "dev/dev.h"
#include "media/media.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MIB (UINT64_C(1) << 20)

/* A pool of 10 MiB in 16, where 4 MiB is the least that can be mapped. */
static struct dev *coarse(void)
{
	const struct maru_create_opts o = { .size = sizeof(o),
					    .bytes = 10 * MIB };
	const char *path = plain_file("coarse", 16 * MIB);
	struct dev *dev;

	ck_assert_int_eq(maru_create(path, &o), 0);
	ck_assert_int_eq(dev_open(path, 0, &dev), 0);
	dev->align = 4 * MIB;
	return dev;
}

START_TEST(a_pool_that_cannot_be_mapped_can_be_wiped)
{
	struct dev *dev = coarse();
	struct media_super sb;
	uint32_t ok;

	ck_assert_int_eq(media_super_read(dev, 0, &sb, &ok), 0);
	ck_assert_uint_eq(ok, 7);
	ck_assert_int_eq(dev_map_check(dev, 0, sb.region_bytes), -EINVAL);
	ck_assert_int_eq(media_super_wipe(dev, 0, &sb, NULL), 0);
	ck_assert_int_eq(media_super_read(dev, 0, &sb, &ok), MARU_E_FORMAT);
	dev_close(dev);
}
END_TEST

START_TEST(a_check_of_a_window_says_what_mapping_it_would)
{
	static const struct {
		uint64_t off, len;
	} windows[] = { { 0, 4 * MIB },	       { 0, 5 * MIB },
			{ 2 * MIB, 4 * MIB },  { 4 * MIB, 12 * MIB },
			{ 4 * MIB, 16 * MIB }, { 0, 0 } };
	struct dev *dev = coarse();

	for (size_t i = 0; i < PLAIN_LEN(windows); i++) {
		uint64_t off = windows[i].off, len = windows[i].len;
		struct dev_map map;
		int rc = dev_map(dev, off, len, &map);

		ck_assert_int_eq(dev_map_check(dev, off, len), rc);
		if (rc == 0)
			dev_unmap(&map);
	}
	dev_close(dev);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		a_pool_that_cannot_be_mapped_can_be_wiped,
		a_check_of_a_window_says_what_mapping_it_would,
	};

	return plain_run("alignment", tests, PLAIN_LEN(tests));
}
