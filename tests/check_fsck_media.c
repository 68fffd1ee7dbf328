// SPDX-License-Identifier: BSD-3-Clause
/* Faults in superblocks, control line and region table: named and mended. */
#include "common_fsck.h"

#include <stdlib.h>
#include <string.h>

static struct media_super *copy(enum section_id id)
{
	return media_at(media_region(&fsck.p->media, 0), id);
}

static void seal(struct media_super *sb)
{
	sb->crc = media_super_crc(sb);
}

static void crc_a(void)
{
	copy(SECTION_SUPER_A)->crc ^= 1;
}

static void crc_c(void)
{
	copy(SECTION_SUPER_C)->label[3] ^= 1;
}

static void magic_b(void)
{
	copy(SECTION_SUPER_B)->magic[0] = 'm';
}

static void geometry_a(void)
{
	copy(SECTION_SUPER_A)->unit_nr -= 1;
	seal(copy(SECTION_SUPER_A));
}

static void class_a(void)
{
	copy(SECTION_SUPER_A)->class[2].units = 2;
	seal(copy(SECTION_SUPER_A));
}

static void label_a(void)
{
	strcpy(copy(SECTION_SUPER_A)->label, "another");
	seal(copy(SECTION_SUPER_A));
}

static void uuid_a(void)
{
	copy(SECTION_SUPER_A)->pool_uuid[0] ^= 1;
	seal(copy(SECTION_SUPER_A));
}

static void nonce_c(void)
{
	copy(SECTION_SUPER_C)->nonce ^= 1;
	seal(copy(SECTION_SUPER_C));
}

static void two_copies(void)
{
	memset(copy(SECTION_SUPER_A), 0, sizeof(struct media_super));
	memset(copy(SECTION_SUPER_B), 0xff, sizeof(struct media_super));
}

PLANTED(a_superblock_with_a_wrong_checksum, crc_a, 1,
	"copy A: its checksum does not match")
PLANTED(the_last_superblock_with_a_changed_byte, crc_c, 1,
	"copy C: its checksum does not match")
PLANTED(a_superblock_without_its_magic, magic_b, 1,
	"copy B: its magic is not there")
PLANTED(a_superblock_whose_geometry_cannot_be, geometry_a, 1,
	"copy A: it says something else")
PLANTED(a_superblock_with_another_class_table, class_a, 1,
	"copy A: it says something else")
PLANTED(a_sound_superblock_that_two_others_contradict, label_a, 1,
	"copy A: it says something else")
PLANTED(a_sound_superblock_of_another_pool, uuid_a, 1,
	"copy A: it is of another pool")
PLANTED(a_last_superblock_of_an_earlier_pool, nonce_c, 1,
	"copy C: it is of another pool")
PLANTED(two_superblocks_that_are_lost, two_copies, 1,
	"copy B: its magic is not there", .nr = 2)

static struct media_control *control(void)
{
	return media_at(media_region(&fsck.p->media, 0), SECTION_CONTROL);
}

static void state(void)
{
	a64_store_full(&control()->state, 7);
}

static void opens(void)
{
	a64_store_full(&control()->opens, UINT64_MAX);
	a64_store_full(&control()->state, UINT64_MAX << 8 | MEDIA_CLEAN);
}

static void mending(void)
{
	media_begin_repair(&fsck.p->media);
}

static void another_boot(void)
{
	a64_store_full(&control()->boot[0], 1);
}

PLANTED(a_control_state_that_is_none, state, 2, "control: state 7 is none")
HARMLESS(counts_of_opens_and_changes_may_be_anything, opens)
PLANTED(a_repair_that_was_cut_short, mending, 33,
	"a repair has not come to its end")
PLANTED(a_pool_in_use_when_its_host_went_down, another_boot, 33,
	"in use when its host went down", .pool = MARU_CREATE_CRC)

static struct media_region_entry *region(unsigned no)
{
	struct media_region_entry *e =
		media_at(media_region(&fsck.p->media, 0), SECTION_REGIONS);

	return &e[no];
}

static void region_gone(void)
{
	memset(region(0), 0, sizeof(*region(0)));
}

static void region_bytes(void)
{
	region(0)->bytes *= 2;
}

static void region_more(void)
{
	a64_store_full(&region(63)->state, MEDIA_REGION_ACTIVE);
}

PLANTED(a_region_table_without_the_pool_itself, region_gone, 1,
	"region table: entry 0 is not this pool")
PLANTED(a_region_of_another_size, region_bytes, 1,
	"region table: entry 0 is not this pool")
PLANTED(a_region_that_there_is_not, region_more, 1,
	"region table: entry 63 is not empty")

START_TEST(nobody_opens_a_pool_whose_repair_was_cut_short)
{
	struct maru_open_opts look = {
		.size = sizeof(look),
		.flags = MARU_OPEN_RDONLY,
	};
	struct maru_pool *p;

	fsck_populate(0);
	fsck_open();
	mending();
	fsck_close();
	ck_assert_int_eq(maru_open(test_target(), NULL, &p), MARU_E_CORRUPT);
	ck_assert_ptr_nonnull(strstr(maru_errmsg(), "maru-fsck"));
	ck_assert_int_eq(maru_open(test_target(), &look, &p), 0);
	ck_assert_int_eq(maru_close(p, 0), 0);
}
END_TEST

START_TEST(a_class_table_that_cannot_be_is_told_and_nothing_is_changed)
{
	struct maru_fsck_opts o = {
		.size = sizeof(o),
		.flags = MARU_FSCK_REPAIR,
	};
	static const enum section_id all[] = { SECTION_SUPER_A, SECTION_SUPER_B,
					       SECTION_SUPER_C };

	fsck_populate(0);
	fsck_open();
	for (unsigned i = 0; i < TEST_LEN(all); i++) {
		copy(all[i])->class[2].units = 2;
		seal(copy(all[i]));
	}
	fsck_close();
	ck_assert_int_eq(maru_fsck(test_target(), &o, NULL), MARU_E_CORRUPT);
	ck_assert_ptr_nonnull(strstr(maru_errmsg(), "class 2"));
}
END_TEST

int main(void)
{
	const TTest *tests[] = {
		a_superblock_with_a_wrong_checksum,
		the_last_superblock_with_a_changed_byte,
		a_superblock_without_its_magic,
		a_superblock_whose_geometry_cannot_be,
		a_superblock_with_another_class_table,
		a_sound_superblock_that_two_others_contradict,
		a_sound_superblock_of_another_pool,
		a_last_superblock_of_an_earlier_pool,
		a_control_state_that_is_none,
		counts_of_opens_and_changes_may_be_anything,
		a_repair_that_was_cut_short,
		a_pool_in_use_when_its_host_went_down,
		a_region_table_without_the_pool_itself,
		a_region_of_another_size,
		a_region_that_there_is_not,
		nobody_opens_a_pool_whose_repair_was_cut_short,
		a_class_table_that_cannot_be_is_told_and_nothing_is_changed,
		two_superblocks_that_are_lost,
	};
	/* the third is looked for at the end of the target, which a named one
	 * has beyond the pool's */
	size_t nr = TEST_LEN(tests) - (getenv("MARU_TEST_ALONE") != NULL);

	return test_run("fsck: media", TEST_MEM, tests, nr);
}
