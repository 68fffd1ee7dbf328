// SPDX-License-Identifier: BSD-3-Clause
/* The format of a pool of several regions stays what it is. */
#include "base/bits.h"
#include "base/hash.h"
#include "common_plain.h"
#include "media/media.h"
#include "slab/slab.h"

#include <string.h>

#define M (1ull << 20)
#define G (1ull << 30)

/* As maru_create() does it; without an identity. */
static void lay_out(struct media_super *sb, const uint64_t bytes[2],
		    uint32_t unit)
{
	struct media_class class[MEDIA_CLASS_MAX] = { 0 };
	struct media_plan p = {
		.max_bytes = bytes[0] + bytes[1],
		.unit = unit,
		.client_nr = 64,
		.hash_alg = HASH_XXH3,
		.region_nr = 2,
	};
	uint32_t round, i, slab = 0;

	p.class_nr = slab_class_plan(class, NULL, 0, unit);
	for (round = 0; round < 2; round++) {
		for (i = 0; i < 2; i++) {
			p.bytes = bytes[i];
			p.region_no = i;
			ck_assert_int_eq(media_layout(&p, &sb[i]), 0);
			slab = (uint32_t)bits_max(slab, 1u << sb[i].slab_shift);
		}
		p.class_nr = slab_class_prune(class, p.class_nr, slab);
	}
	for (i = 0; i < 2; i++) {
		slab_class_groups(class, p.class_nr, &sb[i]);
		memcpy(sb[i].class, class, p.class_nr * sizeof(class[0]));
	}
}

static void print_region(FILE *out, const struct media_super *sb)
{
	uint32_t i;

	fprintf(out, "  region %u of %u: %llu bytes incompat 0x%llx\n",
		sb->region_no, sb->region_nr,
		(unsigned long long)sb->region_bytes,
		(unsigned long long)sb->incompat);
	fprintf(out, "    units %u slabs %u of %u buckets %llu row %llu\n",
		sb->unit_nr, sb->slab_nr, 1u << sb->slab_shift,
		(unsigned long long)sb->bucket_nr,
		(unsigned long long)sb->row_bytes);
	for (i = 0; i < SECTION_NR; i++)
		fprintf(out, "    %s %llu %llu\n", media_section_name(i),
			(unsigned long long)sb->section[i].off,
			(unsigned long long)sb->section[i].len);
	for (i = 0; i < sb->class_nr; i++)
		fprintf(out, "    class %u: %u in %u\n", i, sb->class[i].units,
			sb->class[i].group);
}

static void print_regions(FILE *out)
{
	static const struct {
		uint64_t bytes[2];
		uint32_t unit;
	} pools[] = {
		{ { 32 * M, 32 * M }, 4096 },
		{ { 64 * M, 8 * M }, 65536 },
		{ { 16 * M, G }, 65536 },
	};
	struct media_super sb[2];
	size_t i;

	for (i = 0; i < PLAIN_LEN(pools); i++) {
		lay_out(sb, pools[i].bytes, pools[i].unit);
		fprintf(out, "pool of two, unit %u\n", pools[i].unit);
		print_region(out, &sb[0]);
		print_region(out, &sb[1]);
	}
}

START_TEST(the_geometry_of_two_regions_is_the_golden_one)
{
	plain_golden("tests/golden/regions.txt", print_regions);
}
END_TEST

/* As a superblock that was read: with what creation adds. */
static void seal(struct media_super *sb)
{
	memcpy(sb->magic, MEDIA_MAGIC, sizeof(sb->magic));
	sb->major = MEDIA_MAJOR;
	sb->endian = MEDIA_ENDIAN;
	sb->crc = media_super_crc(sb);
}

START_TEST(a_region_as_large_as_can_be_leaves_the_last_number_free)
{
	/* 8 TiB of 64 KiB are 2^27 units */
	static const uint64_t bytes[2] = { 8192 * G, 8192 * G };
	struct media_super sb[2];

	lay_out(sb, bytes, 65536);
	for (unsigned i = 0; i < 2; i++) {
		ck_assert_uint_lt(sb[i].unit_nr, 1u << IDX_UNIT_BITS);
		ck_assert_uint_gt(sb[i].unit_nr, 65000u << 10);
		seal(&sb[i]);
		ck_assert_int_eq(media_super_check(&sb[i], bytes[i], "it"), 0);
	}
	/* one more unit in each slab would be one too many */
	sb[1].unit_nr = 1u << IDX_UNIT_BITS;
	seal(&sb[1]);
	ck_assert_int_ne(media_super_check(&sb[1], bytes[1], "it"), 0);
}
END_TEST

/* Sections of either region are apart, and only the root's where it has all */
START_TEST(sections_of_a_region_are_apart_and_inside)
{
	static const uint64_t bytes[2] = { 32 * M, 64 * M };
	struct media_super sb[2];

	lay_out(sb, bytes, 4096);
	for (unsigned no = 0; no < 2; no++) {
		uint64_t end = 0;

		for (unsigned at = 0; at < SECTION_NR; at++) {
			unsigned i = media_section_order(at);
			const struct media_section *s = &sb[no].section[i];

			ck_assert(no == 0 || !s->len == media_is_of_root(i));
			ck_assert(no == 1 || s->len || i == SECTION_HOSTS);
			if (!s->len)
				continue;
			ck_assert_uint_ge(s->off, end);
			end = s->off + s->len;
		}
		ck_assert_uint_eq(end, bytes[no]);
	}
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		the_geometry_of_two_regions_is_the_golden_one,
		a_region_as_large_as_can_be_leaves_the_last_number_free,
		sections_of_a_region_are_apart_and_inside,
	};

	return plain_run("format of regions", tests, PLAIN_LEN(tests));
}
