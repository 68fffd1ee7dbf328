// SPDX-License-Identifier: BSD-3-Clause
/* Packed keys by number, for the batch calls. */
#include "common.h"

struct test_pack test_pack;

static void start(void)
{
	test_pack.keys = (struct maru_keys){ .blob = test_pack.blob,
					     .off = test_pack.off };
}

static void add(uint64_t no)
{
	uint32_t i = test_pack.keys.nr++;
	uint64_t off = test_pack.off[i];

	test_pack.off[i + 1] = off + test_key(test_pack.blob + off, no);
}

const struct maru_keys *test_pack_of(const unsigned *no, unsigned nr)
{
	start();
	for (unsigned i = 0; i < nr && i < TEST_PACK; i++)
		add(no[i]);
	return &test_pack.keys;
}

const struct maru_keys *test_pack_range(unsigned from, unsigned to)
{
	start();
	for (unsigned i = 0; from < to && i < TEST_PACK; i++)
		add(from++);
	return &test_pack.keys;
}

const struct maru_keys *test_prefix(const struct maru_keys *keys)
{
	(void)keys;
	test_pack.keys.flags = MARU_PREFIX;
	return &test_pack.keys;
}
