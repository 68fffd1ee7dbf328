// SPDX-License-Identifier: BSD-3-Clause
/* The image checker names each fault that is planted into a sound image. */
#include "common.h"
#include "common_image.h"

#include "client/format.h"
#include "dir/format.h"
#include "slab/format.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define ENTRIES 12u
#define LEN 300u

/* The image that faults are planted into, and what was said of it. */
static unsigned char *image, *earlier;
static size_t image_len;
static struct image_terms terms;
static struct image_key keys[ENTRIES + 1];
static char names[ENTRIES][TEST_KEY];
static unsigned char values[ENTRIES + 1][LEN];
static char long_key[400];

static struct {
	unsigned nr, invariant[200];
	char what[200][256];
} said;

static void note(void *ctx, unsigned invariant, const char *what)
{
	(void)ctx;
	if (said.nr == TEST_LEN(said.invariant))
		return;
	said.invariant[said.nr] = invariant;
	snprintf(said.what[said.nr++], sizeof(said.what[0]), "%s", what);
}

static size_t check(void)
{
	said.nr = 0;
	return image_check(image, image_len, &terms);
}

/* Exactly this is said, be it with others. */
static void says(unsigned invariant, const char *words)
{
	bool seen = false;

	ck_assert_uint_ne(check(), 0);
	for (unsigned i = 0; i < said.nr; i++)
		seen |= said.invariant[i] == invariant &&
			strstr(said.what[i], words) != NULL;
	for (unsigned i = 0; i < said.nr && !seen; i++)
		fprintf(stderr, "said %u: %s\n", said.invariant[i],
			said.what[i]);
	ck_assert_msg(seen, "not said: %u %s", invariant, words);
}

static struct media_super *super(void)
{
	return (struct media_super *)(void *)image;
}

static void *at(enum section_id id, size_t off)
{
	return image + super()->section[id].off + off;
}

static uint64_t *block(uint32_t unit)
{
	return at(SECTION_BLOCKS, unit * 256);
}

static uint64_t *slab(uint32_t no)
{
	return at(SECTION_SLABS, no * 256);
}

static uint16_t *cell(uint32_t slot, uint32_t unit)
{
	return at(SECTION_LEDGER, slot * super()->row_bytes + unit * 2);
}

static uint64_t *client(uint32_t slot)
{
	return at(SECTION_CLIENTS, slot * 256);
}

static uint32_t in_state(unsigned state, uint32_t from)
{
	while (from < super()->unit_nr && (block(from)[0] & 15) != state)
		from++;
	ck_assert_uint_lt(from, super()->unit_nr);
	return from;
}

static uint32_t live(void)
{
	return in_state(3, 0);
}

/* A free block of the extent that the first entry is in. */
static uint32_t spare(void)
{
	return in_state(0, live());
}

static uint32_t slab_in(unsigned state)
{
	uint32_t i = 0;

	while (i < super()->slab_nr && (slab(i)[0] & 15) != state)
		i++;
	ck_assert_uint_lt(i, super()->slab_nr);
	return i;
}

static void set(uint64_t *word, uint64_t mask, uint64_t to)
{
	*word = (*word & ~mask) | to;
}

static void undo(void)
{
	memcpy(image, earlier, image_len);
}

static void become(uint32_t unit, unsigned state, uint32_t owner)
{
	set(block(unit), 0xffffffff, state | owner << 8);
	((uint32_t *)(void *)block(unit))[8] =
		((uint32_t *)(void *)block(live()))[8];
}

/* The slot in the directory that names the block. */
static uint64_t *named(uint32_t unit)
{
	uint64_t *w = at(SECTION_BUCKETS, 0);

	for (uint64_t i = 0; i < super()->bucket_nr * 8; i++)
		if (i % 8 != 0 && (uint32_t)w[i] == unit + 1)
			return &w[i];
	ck_abort_msg("block %u has no slot", unit);
	return NULL;
}

static uint64_t *head_of(uint32_t unit)
{
	return at(SECTION_BUCKETS, block(unit)[1] % super()->bucket_nr * 64);
}

/* Setting up ----------------------------------------------------------------- */

static void fill(struct maru_pool *p)
{
	struct maru_buf buf;

	for (unsigned i = 0; i < ENTRIES; i++) {
		keys[i].klen = test_key(names[i], i);
		keys[i].key = names[i];
		keys[i].is = IMAGE_PRESENT;
		test_fill(values[i], LEN, i);
		keys[i].value = values[i];
		keys[i].vlen = LEN;
		ck_assert_int_eq(test_put(p, i, LEN), 0);
	}
	memset(long_key, 'l', sizeof(long_key));
	test_fill(values[ENTRIES], LEN, ENTRIES);
	keys[ENTRIES] = (struct image_key){ long_key, sizeof(long_key),
					    IMAGE_PRESENT, values[ENTRIES],
					    LEN };
	ck_assert_int_eq(maru_store(p, long_key, sizeof(long_key),
				    values[ENTRIES], LEN),
			 0);
	/* an extent that is one block, of several slabs */
	ck_assert_int_eq(maru_alloc(p, 5 << 16, &buf), 0);
	buf.len = 0;
	ck_assert_int_eq(maru_commit(p, &buf, "large", 5, NULL), 0);
}

static void copy(void)
{
	int fd = atoi(test_target() + 3); /* "fd:N" */
	struct stat st;
	void *p;

	ck_assert_int_eq(fstat(fd, &st), 0);
	image_len = (size_t)st.st_size;
	image = malloc(image_len);
	earlier = malloc(image_len);
	p = mmap(NULL, image_len, PROT_READ, MAP_SHARED, fd, 0);
	ck_assert_ptr_ne(p, MAP_FAILED);
	memcpy(image, p, image_len);
	memcpy(earlier, p, image_len);
	munmap(p, image_len);
}

static void begin(uint32_t flags)
{
	struct maru_create_opts o = {
		.size = sizeof(o),
		.bytes = 8 << 20,
		.unit = 1 << 16,
		.max_clients = 4,
		.flags = flags,
	};
	struct maru_pool *p = test_pool(&o);

	fill(p);
	test_close(p);
	copy();
	terms = (struct image_terms){ .keys = keys,
				      .key_nr = ENTRIES + 1,
				      .fault = note };
}

static void forget(void)
{
	free(image);
	free(earlier);
	image = earlier = NULL;
}

#define IMAGE_TEST(name)               \
	static void name##_body(void); \
	START_TEST(name)               \
	{                              \
		begin(0);              \
		name##_body();         \
		forget();              \
	}                              \
	END_TEST                       \
	static void name##_body(void)

/* Nothing planted ------------------------------------------------------------ */

IMAGE_TEST(a_sound_image_has_no_fault)
{
	ck_assert_uint_eq(check(), 0);
	terms.before = earlier;
	ck_assert_uint_eq(check(), 0);
	ck_assert_uint_eq(image_used(image), (ENTRIES + 1 + 8) << 16);
}

START_TEST(a_sound_image_with_checksums_has_no_fault)
{
	begin(MARU_CREATE_CRC | MARU_CREATE_DURABLE | MARU_CREATE_SIPHASH);
	ck_assert_uint_eq(check(), 0);
	image[super()->section[SECTION_DATA].off + (live() << 16)] ^= 1;
	says(9, "its value's checksum is wrong");
	image[super()->section[SECTION_DATA].off + (live() << 16)] ^= 1;
	((uint32_t *)(void *)block(live()))[10] ^= 1;
	says(9, "its checksum is wrong");
	forget();
}
END_TEST

IMAGE_TEST(a_key_that_is_no_ones_is_named_when_all_are_told)
{
	terms.only_keys = true;
	says(17, "nobody stored its key");
}

/* Superblock ----------------------------------------------------------------- */

IMAGE_TEST(a_torn_superblock_is_named)
{
	image[4096 + 200] ^= 1;
	says(1, "superblock B is not whole");
}

/* Blocks --------------------------------------------------------------------- */

IMAGE_TEST(a_block_of_the_dead_is_named)
{
	become(spare(), 1, 2);
	says(21, "OWNED by client 2, who is gone");
	undo();
	become(spare(), 2, 1);
	says(21, "READY by client 1, who is gone");
}

IMAGE_TEST(a_dying_block_that_nobody_holds_is_named)
{
	become(spare(), 4, 0);
	says(21, "DYING, and nobody holds it");
}

IMAGE_TEST(a_quarantined_block_is_named_unless_it_may_be)
{
	uint32_t unit = spare();

	become(unit, 5, 0);
	says(21, "is QUARANTINED");
	terms.quarantine = true;
	says(21, "who does not wait");
}

IMAGE_TEST(a_writer_without_its_own_bit_is_named)
{
	become(spare(), 1, 0);
	*client(0) = 2 | *client(0) >> 32 << 32;
	terms.living[0] = 1;
	says(5, "own bit is not set");
}

IMAGE_TEST(a_block_of_two_owners_is_named)
{
	uint32_t unit = spare();

	become(unit, 1, 0);
	*cell(0, unit) = *cell(1, unit) = CELL_OWN;
	says(5, "2 rows have its own bit");
}

IMAGE_TEST(words_that_cannot_be_are_named)
{
	become(spare(), 9, 0);
	says(2, "state 9");
	undo();
	become(spare(), 1, 77);
	says(2, "owner 77 is no slot");
	undo();
	set(slab(0), 0xf, 7);
	says(2, "slab 0: state 7");
	undo();
	set(head_of(live()), 0xffffffff, super()->unit_nr + 1);
	says(2, "pending block");
}

IMAGE_TEST(overlapping_blocks_are_named)
{
	((uint32_t *)(void *)block(live()))[8] = 2;
	says(11, "overlaps another");
}

IMAGE_TEST(a_block_that_begins_where_none_does_is_named)
{
	uint32_t unit = 0;

	while ((slab(unit >> super()->slab_shift)[0] >> 4 & 0xff) != 255)
		unit++;
	become(unit + 1, 3, 0);
	says(11, "none of the extent");
}

IMAGE_TEST(a_block_of_another_size_than_its_class_is_named)
{
	((uint32_t *)(void *)block(live()))[8] = 3;
	says(11, "3 units in an extent of 1's");
}

/* Slabs ---------------------------------------------------------------------- */

IMAGE_TEST(a_live_block_in_an_empty_slab_is_named)
{
	set(slab(live() >> super()->slab_shift), 0xf, 0);
	says(22, "in an EMPTY slab");
}

IMAGE_TEST(a_slab_that_the_dead_was_changing_is_named)
{
	set(slab(slab_in(0)), 0xf, 1);
	says(22, "CLAIMED by client 0, who is gone");
	undo();
	set(slab(slab_in(2)), 0xf, 4);
	says(22, "RETIRING by client 0, who is gone");
}

IMAGE_TEST(an_extent_in_pieces_is_named)
{
	set(slab(slab_in(3) - 1), 0xf, 0);
	says(11, "TAIL without a head");
	undo();
	set(slab(slab_in(3)), 0xf, 0);
	says(11, "is not the tail 1");
}

IMAGE_TEST(an_empty_slab_that_nobody_can_claim_is_named)
{
	uint32_t no = slab_in(0);
	uint64_t *map = at(SECTION_SLAB_MAPS, super()->class_nr * 8);

	*map |= 1ull << no;
	says(26, "marked as taken");
}

/* Entries -------------------------------------------------------------------- */

IMAGE_TEST(two_live_blocks_of_one_key_are_named)
{
	uint32_t from = live(), to = spare();

	memcpy(block(to) + 1, block(from) + 1, 248);
	set(block(to), 0xf, 3);
	says(8, "have one key");
}

IMAGE_TEST(an_entry_without_a_slot_is_named)
{
	*named(live()) = 0;
	says(23, "is not found by its key");
}

IMAGE_TEST(an_entry_behind_a_flag_that_is_clear_is_named)
{
	uint32_t unit = live();
	uint64_t home = block(unit)[1] % super()->bucket_nr;
	uint64_t *from = named(unit),
		 *to = at(SECTION_BUCKETS, (home ^ 1) * 64 + 7 * 8);
	uint64_t was = *from;

	*from = 0;
	*to = was;
	set(head_of(unit), 0x3ull << 36, 0);
	says(23, "is not found by its key");
	*head_of(unit) |= 1ull << 36;
	ck_assert_uint_eq(check(), 0);
}

IMAGE_TEST(a_pending_block_that_is_not_placed_there_is_named)
{
	uint64_t *head = head_of(live());
	uint32_t other = live();

	set(head, 0xffffffff, spare() + 1);
	says(23, "is not placed there");
	undo();
	while (head_of(other) == head)
		other = in_state(3, other + 1);
	set(head, 0xffffffff, other + 1);
	says(23, "is not placed there");
}

IMAGE_TEST(a_hash_of_another_key_is_named)
{
	block(live())[2] ^= 1;
	says(9, "the hash is not its key's");
}

IMAGE_TEST(a_lost_key_is_named)
{
	set(block(live()), 0xf, 0);
	says(16, "is lost");
}

IMAGE_TEST(a_key_that_must_be_absent_is_named)
{
	keys[3].is = IMAGE_ABSENT;
	says(17, "key 'number 3' is there");
}

IMAGE_TEST(bytes_that_were_not_written_are_named)
{
	image[super()->section[SECTION_DATA].off + (live() << 16) + 17] ^= 1;
	says(10, "not the bytes that were written");
}

/* Clients -------------------------------------------------------------------- */

IMAGE_TEST(the_row_of_a_free_slot_is_named)
{
	*cell(3, live()) = 2;
	says(20, "client 3 is gone and has 2 pins");
	*cell(3, spare()) = CELL_OWN;
	says(14, "client 3 is gone, its own bit");
}

IMAGE_TEST(a_slot_nobody_cleaned_up_after_is_named)
{
	*client(1) = 1 | *client(1) >> 32 << 32;
	says(21, "client 1: state 1");
}

IMAGE_TEST(a_free_slot_that_counts_is_named)
{
	*(uint64_t *)at(SECTION_ACTIVE, 0) |= 4;
	says(14, "client 2: its pins count yes");
}

IMAGE_TEST(a_living_client_that_does_not_count_is_named)
{
	*client(0) = 2 | *client(0) >> 32 << 32;
	terms.living[0] = 1;
	says(14, "its pins count not");
}

IMAGE_TEST(holds_that_a_living_client_did_not_tell_are_named)
{
	struct image_hold hold = { .slot = 0, .unit = live(), .pins = 2 };

	*client(0) = 2 | *client(0) >> 32 << 32;
	*(uint64_t *)at(SECTION_ACTIVE, 0) |= 1;
	*cell(0, live()) = 2;
	terms.living[0] = 1;
	terms.exact = true;
	says(20, "2 pins on block");
	terms.holds = &hold;
	terms.hold_nr = 1;
	ck_assert_uint_eq(check(), 0);
	hold.own = true;
	says(5, "it said otherwise");
}

IMAGE_TEST(a_pin_on_a_free_block_is_named)
{
	*client(0) = 2 | *client(0) >> 32 << 32;
	*(uint64_t *)at(SECTION_ACTIVE, 0) |= 1;
	*cell(0, spare()) = 1;
	terms.living[0] = 1;
	says(6, "in state 0");
}

/* Against an earlier image --------------------------------------------------- */

IMAGE_TEST(a_version_that_went_back_is_named)
{
	terms.before = earlier;
	*block(live()) -= 1ull << 32;
	says(3, "version went from");
}

IMAGE_TEST(a_state_that_went_back_is_named)
{
	terms.before = earlier;
	become(live(), 1, 0);
	says(4, "state 1 after 3 in one life");
}

IMAGE_TEST(live_bytes_that_changed_are_named)
{
	terms.before = earlier;
	terms.key_nr = 0;
	image[super()->section[SECTION_DATA].off + (live() << 16)] ^= 1;
	says(9, "not the bytes it had");
}

IMAGE_TEST(a_class_that_changed_under_a_living_extent_is_named)
{
	terms.before = earlier;
	set(slab(slab_in(2)), 0xff0, 2 << 4);
	says(12, "class 2 was 0");
}

IMAGE_TEST(an_incarnation_that_went_back_is_named)
{
	terms.before = earlier;
	*client(0) -= 1ull << 32;
	says(14, "incarnation went back");
}

int main(void)
{
	const TTest *const tests[] = {
		a_sound_image_has_no_fault,
		a_sound_image_with_checksums_has_no_fault,
		a_key_that_is_no_ones_is_named_when_all_are_told,
		a_torn_superblock_is_named,
		a_block_of_the_dead_is_named,
		a_dying_block_that_nobody_holds_is_named,
		a_quarantined_block_is_named_unless_it_may_be,
		a_writer_without_its_own_bit_is_named,
		a_block_of_two_owners_is_named,
		words_that_cannot_be_are_named,
		overlapping_blocks_are_named,
		a_block_that_begins_where_none_does_is_named,
		a_block_of_another_size_than_its_class_is_named,
		a_live_block_in_an_empty_slab_is_named,
		a_slab_that_the_dead_was_changing_is_named,
		an_extent_in_pieces_is_named,
		an_empty_slab_that_nobody_can_claim_is_named,
		two_live_blocks_of_one_key_are_named,
		an_entry_without_a_slot_is_named,
		an_entry_behind_a_flag_that_is_clear_is_named,
		a_pending_block_that_is_not_placed_there_is_named,
		a_hash_of_another_key_is_named,
		a_lost_key_is_named,
		a_key_that_must_be_absent_is_named,
		bytes_that_were_not_written_are_named,
		the_row_of_a_free_slot_is_named,
		a_slot_nobody_cleaned_up_after_is_named,
		a_free_slot_that_counts_is_named,
		a_living_client_that_does_not_count_is_named,
		holds_that_a_living_client_did_not_tell_are_named,
		a_pin_on_a_free_block_is_named,
		a_version_that_went_back_is_named,
		a_state_that_went_back_is_named,
		live_bytes_that_changed_are_named,
		a_class_that_changed_under_a_living_extent_is_named,
		an_incarnation_that_went_back_is_named,
	};

	return test_run("image", TEST_MEM, tests, TEST_LEN(tests));
}
