// SPDX-License-Identifier: BSD-3-Clause
/*
 * Two regions with any bytes in their tables: nobody leaves them, or stays in
 * them for ever, and a repair that succeeds leaves nothing to mend.
 */
#include "common_regions.h"

#include "base/bits.h"
#include "slab/format.h"
#include "media/media.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define ROUNDS 60u

static unsigned char *map[2], *image[2];
static unsigned filled;
static uint64_t seed;

static uint64_t some(uint64_t below)
{
	return test_random(&seed) % below;
}

static const struct media_super *super(unsigned no)
{
	return (const void *)image[no];
}

static void hold_and_die(struct maru_pool *p, unsigned no)
{
	struct maru_view view;
	struct maru_buf buf;

	(void)no;
	ck_assert_int_eq(test_hold(p, 0, &view), 0);
	ck_assert_int_eq(test_hold(p, filled - 1, &view), 0);
	for (unsigned i = 0; i < 20; i++)
		ck_assert_int_eq(maru_alloc(p, 100 + i * 4000, &buf), 0);
	test_stay();
}

/* Entries in both regions, and what a dead client held in them. */
static void prepare(void)
{
	struct maru_pool *p = regions_pool(2, 0);
	int fd[2];
	pid_t pid;

	ck_assert_int_eq(sscanf(test_target(), "fd:%d,fd:%d", &fd[0], &fd[1]),
			 2);
	filled = regions_fill(p, 1);
	pid = test_staying(hold_and_die, 0);
	for (unsigned i = 0; i < 2; i++) {
		map[i] = mmap(NULL, REGIONS_BYTES, PROT_READ | PROT_WRITE,
			      MAP_SHARED, fd[i], 0);
		ck_assert_ptr_ne(map[i], MAP_FAILED);
		image[i] = malloc(REGIONS_BYTES);
		ck_assert_ptr_nonnull(image[i]);
		memcpy(image[i], map[i], REGIONS_BYTES);
	}
	test_kill(pid);
	test_close(p);
}

static uint64_t value(uint64_t was)
{
	switch (some(6)) {
	case 0:
		return 0;
	case 1:
		return UINT64_MAX;
	case 2:
		return was ^ 1ull << some(64);
	case 3:
		return was + some(5) - 2;
	case 4:
		return test_random(&seed);
	default:
		/* an idx of either region, and of one that there is not */
		return was ^ some(4) << IDX_UNIT_BITS;
	}
}

static void edit(void)
{
	unsigned no = (unsigned)some(2), id = (unsigned)some(SECTION_DATA);
	const struct media_section *s = &super(no)->section[id];
	uint64_t off, w;

	if (s->len < 8)
		return;
	/* what is in use lies in front, mostly */
	off = some(some(2) ? bits_min(s->len, 4096) / 8 : s->len / 8) * 8;
	memcpy(&w, map[no] + s->off + off, sizeof(w));
	w = value(w);
	memcpy(map[no] + s->off + off, &w, sizeof(w));
}

/* A superblock that was changed gets past its checksum, and is believed. */
static void reseal(unsigned no)
{
	struct media_super sb;

	memcpy(&sb, map[no], sizeof(sb));
	if (!memcmp(&sb, super(no), sizeof(sb)))
		return;
	sb.crc = media_super_crc(&sb);
	memcpy(map[no], &sb, sizeof(sb));
	memcpy(map[no] + MEDIA_PAGE, &sb, sizeof(sb));
}

static void damage(void)
{
	unsigned edits = 1 + (unsigned)some(6);

	for (unsigned no = 0; no < 2; no++)
		memcpy(map[no], image[no], REGIONS_BYTES);
	while (edits--)
		edit();
	for (unsigned no = 0; no < 2; no++)
		reseal(no);
}

static int repair(uint32_t flags, struct maru_fsck_result *res)
{
	struct maru_fsck_opts o = { .size = sizeof(o), .flags = flags };

	return maru_fsck(test_target(), &o, res);
}

static void look(struct maru_pool *p)
{
	static struct maru_block block;
	static struct maru_entry entry;
	struct maru_iter it = { 0 };
	struct maru_section section;
	struct maru_region region;
	struct maru_slab slab;
	struct maru_hold hold;
	uint64_t pos = 0;
	uint32_t no, i, nr = 0;

	test_stats(p);
	while (maru_iter_next(p, &it, &entry) == 1)
		ck_assert_uint_lt(nr++, 100000);
	for (no = 0; !maru_inspect_section(p, no, &section); no++)
		ck_assert_uint_lt(no, 64 * SECTION_NR);
	for (no = 0; !maru_region(p, no, &region); no++)
		for (i = 0; i < 3000; i++) {
			maru_inspect_slab(p, no, i, &slab);
			maru_inspect_block(p, maru_addr(no, i), &block);
		}
	for (no = 0; no < 9; no++)
		while (maru_inspect_hold(p, no, &pos, &hold) == 1)
			ck_assert_uint_lt(nr++, 200000);
}

static void act(struct maru_pool *p)
{
	struct maru_view view;
	uint64_t freed;

	for (unsigned i = 0; i < 60; i++) {
		unsigned no = (unsigned)some(filled);

		test_put(p, filled + no, some(8) * 3000);
		if (!test_hold(p, no, &view)) {
			ck_assert_uint_le(view.len, REGIONS_BYTES);
			if (view.len)
				ck_assert_ptr_ne(
					memchr(view.data,
					       *(const char *)view.data,
					       view.len),
					NULL);
			maru_release(p, &view);
		}
		test_drop(p, (unsigned)some(filled));
	}
	maru_evict(p, 1 << 20, &freed);
	test_put(p, 7 * filled, 3u << 20);
	maru_reap(p);
}

static void use(uint32_t flags, void (*fn)(struct maru_pool *p))
{
	struct maru_open_opts o = { .size = sizeof(o), .flags = flags };
	struct maru_pool *p;

	if (maru_open(test_target(), &o, &p))
		return;
	fn(p);
	ck_assert_int_eq(maru_close(p, MARU_CLOSE_FORCE), 0);
}

static void rounds(uint64_t from)
{
	struct maru_fsck_result res;
	unsigned mended = 0, nr = TEST_ROUNDS(ROUNDS);

	seed = from;
	prepare();
	for (unsigned i = 0; i < nr; i++) {
		damage();
		repair(0, &res);
		use(MARU_OPEN_RDONLY | MARU_OPEN_INSPECT, look);
		if (i % 2)
			use(0, act);
		if (repair(MARU_FSCK_REPAIR | MARU_FSCK_REBUILD, &res))
			continue;
		mended++;
		ck_assert_int_eq(repair(MARU_FSCK_DATA, &res), 0);
		ck_assert_uint_eq(res.faults, 0);
		use(0, act);
	}
	ck_assert_uint_gt(mended, nr / 4);
	for (unsigned no = 0; no < 2; no++) {
		munmap(map[no], REGIONS_BYTES);
		free(image[no]);
	}
}

START_TEST(whatever_the_tables_say_nobody_leaves_them)
{
	rounds(1);
}
END_TEST

START_TEST(whatever_else_they_say_neither)
{
	rounds(2);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		whatever_the_tables_say_nobody_leaves_them,
		whatever_else_they_say_neither,
	};

	return test_run("hostile regions", TEST_MEM, tests, TEST_LEN(tests));
}
