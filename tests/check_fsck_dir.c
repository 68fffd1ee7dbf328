// SPDX-License-Identifier: BSD-3-Clause
/* Faults in descriptors, values, slots and heads: named and mended. */
#include "common_fsck.h"

#include <string.h>

#define BIT(no) (1u << (no))

/* Descriptors: what is not whole any more is dropped. */

static void concerns(unsigned no)
{
	fsck_at(fsck.idx[no]);
}

static void units_7(void)
{
	a32_store_rlx(&fsck_block(3)->units, 7);
	concerns(3);
}

static void units_huge(void)
{
	a32_store_rlx(&fsck_block(FSCK_THREE)->units, UINT32_MAX);
	concerns(FSCK_THREE);
}

static void longer_than_block(void)
{
	a64 *size = &fsck_block(2)->size;

	a64_store_rlx(size, (a64_load_rlx(size) & ~BLOCK_LEN_MAX) | 4097);
	concerns(2);
}

static void klen(unsigned no, uint64_t len)
{
	a64 *size = &fsck_block(no)->size;

	a64_store_rlx(size, (a64_load_rlx(size) & BLOCK_LEN_MAX) | len << 48);
	concerns(no);
}

static void key_of_no_bytes(void)
{
	klen(4, 0);
}

static void key_too_long(void)
{
	klen(4, MARU_KEY_MAX + 1);
}

static void key_shorter(void)
{
	klen(4, block_klen(fsck_block(4)) - 1);
}

static void other_h0(void)
{
	a64_store_rlx(&fsck_block(5)->h0,
		      a64_load_rlx(&fsck_block(5)->h0) ^ 1ull << 20);
	concerns(5);
}

static void other_h1(void)
{
	a64_store_rlx(&fsck_block(5)->h1, 0);
	concerns(5);
}

static void other_key(void)
{
	*(unsigned char *)fsck_block(6)->key ^= 0x20;
	concerns(6);
}

/* The key's last word ends with its block, filled with zero bytes. */
static unsigned char *end_of_long(void)
{
	uint32_t idx = fsck.idx[FSCK_LONG];

	concerns(FSCK_LONG);
	return slab_data(&fsck.p->slab, idx) +
	       slab_block_bytes(&fsck.p->slab, idx);
}

static void bytes_behind_key(void)
{
	end_of_long()[-1] = 'x';
}

static void other_long_key(void)
{
	end_of_long()[-9] ^= 1;
}

static void desc_crc(void)
{
	a32_store_rlx(&fsck_block(7)->crc_desc, 0);
	concerns(7);
}

static void other_length(void)
{
	a64 *size = &fsck_block(7)->size;

	a64_store_rlx(size, a64_load_rlx(size) - 1);
	concerns(7);
}

static void value_byte(void)
{
	slab_data(&fsck.p->slab, fsck.idx[FSCK_WIDE])[150000] ^= 1;
	concerns(FSCK_WIDE);
}

static void value_crc(void)
{
	a32_store_rlx(&fsck_block(8)->crc_data, 0);
	concerns(8);
}

static void chances(void)
{
	a8_store_rlx(&fsck_block(9)->use, 255);
	concerns(9);
}

static void ages(void)
{
	for (unsigned no = 0; no < FSCK_NR; no++)
		a32_store_rlx(&fsck_block(no)->birth, UINT32_MAX);
}

PLANTED(a_descriptor_of_other_units_than_its_extent, units_7, 11,
	"block says 7 units, its extent 1", .lost = BIT(3))
PLANTED(a_descriptor_of_units_beyond_the_pool, units_huge, 11,
	"block says 4294967295 units, its extent 3", .lost = BIT(FSCK_THREE))
PLANTED(a_value_longer_than_its_block, longer_than_block, 9,
	"the value is longer than the block", .lost = BIT(2))
PLANTED(a_key_of_no_bytes, key_of_no_bytes, 9, "the key's length cannot be",
	.lost = BIT(4))
PLANTED(a_key_longer_than_keys_are, key_too_long, 9,
	"the key's length cannot be", .lost = BIT(4))
PLANTED(a_key_shorter_than_it_was, key_shorter, 9,
	"the key does not have the hash", .lost = BIT(4))
PLANTED(a_hash_that_is_not_the_keys, other_h0, 9,
	"the key does not have the hash", .lost = BIT(5))
PLANTED(a_second_half_of_the_hash_that_is_not_the_keys, other_h1, 9,
	"the key does not have the hash", .lost = BIT(5))
PLANTED(a_changed_key, other_key, 9, "the key does not have the hash",
	.lost = BIT(6))
PLANTED(bytes_behind_a_key, bytes_behind_key, 9, "or has bytes behind it",
	.lost = BIT(FSCK_LONG))
PLANTED(a_changed_long_key, other_long_key, 9, "the key does not have the hash",
	.lost = BIT(FSCK_LONG))
PLANTED(a_changed_descriptor_checksum, desc_crc, 9,
	"the descriptor's checksum does not match", .lost = BIT(7),
	.pool = MARU_CREATE_DURABLE)
PLANTED(a_length_that_the_descriptor_was_not_sealed_with, other_length, 9,
	"the descriptor's checksum does not match", .lost = BIT(7),
	.pool = MARU_CREATE_DURABLE)
PLANTED(a_changed_byte_of_a_value, value_byte, 9,
	"value: its checksum does not match", .lost = BIT(FSCK_WIDE),
	.pool = MARU_CREATE_CRC, .check = MARU_FSCK_DATA)
PLANTED(a_changed_checksum_of_a_value, value_crc, 9,
	"value: its checksum does not match", .lost = BIT(8),
	.pool = MARU_CREATE_CRC, .check = MARU_FSCK_DATA)
PLANTED(more_chances_than_an_entry_may_have, chances, 2,
	"entry has 255 chances")
HARMLESS(entries_may_be_of_any_age, ages)

/* Slots: all can be made anew from the entries. */

static void slot_lost(void)
{
	a64_store_full(fsck_slot(3), 0);
	concerns(3);
}

static void slot_tag(void)
{
	a64 *slot = fsck_slot(3);

	a64_store_full(slot, slot_load(slot) ^ 1ull << 50);
	concerns(3);
}

static void slot_version(void)
{
	a64 *slot = fsck_slot(3);

	a64_store_full(slot, slot_load(slot) ^ 1ull << 32);
	concerns(3);
}

static void slot_moved(void)
{
	struct dir *d = &fsck.p->dir;
	a64 *slot = fsck_slot(3);
	uint64_t home = dir_home(d, a64_load_rlx(&fsck_block(3)->h0));

	for (uint64_t no = 0; no <= d->mask; no++) {
		unsigned way = 0;

		while (way < BUCKET_WAYS && dir_way(d, home, way) != no)
			way++;
		if (way < BUCKET_WAYS || slot_load(&d->buckets[no].slot[6]))
			continue;
		a64_store_full(&d->buckets[no].slot[6], slot_load(slot));
		break;
	}
	a64_store_full(slot, 0);
	concerns(3);
}

static void slot_beyond(void)
{
	a64_store_full(&fsck.p->dir.buckets[7].slot[6],
		       slot_make(0, 1, 0x03ffffff));
}

static void slot_stale(void)
{
	struct room_key k;

	room_key(fsck.p, &k, 3);
	a64_store_full(room_link(fsck.p, fsck.free, &k.k, 0),
		       slot_make(k.k.h.h0, 1234, fsck.free));
}

static void slot_twice(void)
{
	struct room_key k;

	room_key(fsck.p, &k, 3);
	room_link(fsck.p, fsck.idx[3], &k.k, 0);
}

static void buckets_gone(void)
{
	memset(fsck.p->dir.buckets, 0, (fsck.p->dir.mask + 1) * 64);
	concerns(0);
}

PLANTED(an_entry_without_a_slot, slot_lost, 23,
	"a lookup of its key does not find: no slot of its buckets names it")
PLANTED(a_slot_with_the_tag_of_another_key, slot_tag, 23,
	"does not find: its slot's tag is another key's")
PLANTED(a_slot_of_another_life, slot_version, 23,
	"does not find: its slot is of an earlier life of the block")
PLANTED(a_slot_in_a_bucket_where_nobody_looks, slot_moved, 23,
	"does not find: no slot of its buckets names it")
PLANTED(a_slot_that_names_no_block, slot_beyond, 2,
	"bucket 7: slot 6 names block 67108863, out of range")
HARMLESS(a_stale_slot, slot_stale)
HARMLESS(a_slot_that_is_there_twice, slot_twice)
PLANTED(a_directory_that_is_lost, buckets_gone, 23,
	"does not find: no slot of its buckets names it", .nr = FSCK_NR)

/* Heads. */

static uint32_t bucket_of(const a64 *head)
{
	const struct media_bucket *b = (const void *)head;

	return (uint32_t)(b - fsck.p->dir.buckets);
}

static void pending_beyond(void)
{
	a64_store_full(fsck_home(2), head_next(0, 0, 0x04000000));
}

static void pending_free(void)
{
	a64_store_full(fsck_home(2), head_next(0, 0, fsck.free + 1));
	fsck_at(fsck.free);
}

static void pending_live(void)
{
	a64_store_full(fsck_home(2), head_next(0, 0, fsck.idx[2] + 1));
}

static void head_bits(void)
{
	a64_store_full(fsck_home(2), 0xc500000000ull);
}

static void flags_for_nothing(void)
{
	a64_store_full(fsck_home(2),
		       head_next(0, HEAD_BUDDY | HEAD_ALTERNATE, 0));
}

static void flags_lost(unsigned way)
{
	a64 *slot = fsck_slot(2);
	uint64_t word = slot_load(slot);
	struct dir *d = &fsck.p->dir;
	uint32_t home = bucket_of(fsck_home(2));

	a64_store_full(slot, 0);
	a64_store_full(&d->buckets[dir_way(d, home, way)].slot[6], word);
	concerns(2);
}

static void buddy_flag_lost(void)
{
	flags_lost(1);
}

static void alternate_flag_lost(void)
{
	flags_lost(2);
}

PLANTED(a_head_that_names_no_block, pending_beyond, 2, "is out of range")
PLANTED(a_head_that_names_a_free_block, pending_free, 23,
	"pending block is not placed")
HARMLESS(a_head_that_names_an_entry_still, pending_live)
PLANTED(a_head_with_unknown_bits, head_bits, 2, "has bits that are none")
HARMLESS(overflow_flags_for_nothing, flags_for_nothing)
PLANTED(an_entry_in_the_buddy_without_the_flag, buddy_flag_lost, 23,
	"does not find: its home's flags do not lead to its bucket")
PLANTED(an_entry_in_the_alternate_without_the_flag, alternate_flag_lost, 23,
	"does not find: its home's flags do not lead to its bucket")

/* Two of one key: the younger stays, and it has the same value here. */

static uint32_t copy_of(unsigned no, uint32_t age)
{
	struct slab *s = &fsck.p->slab;

	memcpy(slab_block(s, fsck.free), fsck_block(no), 256);
	memcpy(slab_data(s, fsck.free), slab_data(s, fsck.idx[no]), 4096);
	a32_store_rlx(&slab_block(s, fsck.free)->birth, age);
	concerns(no);
	return fsck.free;
}

static void second_unlinked(void)
{
	fsck_at(copy_of(2, UINT32_MAX));
}

static void second_linked_first(void)
{
	uint32_t twin = copy_of(2, 0);
	a64 *slot = fsck_slot(2);
	uint64_t word = slot_load(slot);
	struct room_key k;

	room_key(fsck.p, &k, 2);
	a64_store_full(slot,
		       slot_make(k.k.h.h0,
				 block_version(room_word(fsck.p, twin)), twin));
	a64_store_full(room_link(fsck.p, fsck.idx[2], &k.k, 0), word);
}

PLANTED(a_younger_twin_that_no_slot_names, second_unlinked, 8,
	"entry whose key is also at address")
PLANTED(an_older_twin_that_is_found_first, second_linked_first, 8,
	"entry whose key is also at address")

int main(void)
{
	const TTest *tests[] = {
		a_descriptor_of_other_units_than_its_extent,
		a_descriptor_of_units_beyond_the_pool,
		a_value_longer_than_its_block,
		a_key_of_no_bytes,
		a_key_longer_than_keys_are,
		a_key_shorter_than_it_was,
		a_hash_that_is_not_the_keys,
		a_second_half_of_the_hash_that_is_not_the_keys,
		a_changed_key,
		bytes_behind_a_key,
		a_changed_long_key,
		a_changed_descriptor_checksum,
		a_length_that_the_descriptor_was_not_sealed_with,
		a_changed_byte_of_a_value,
		a_changed_checksum_of_a_value,
		more_chances_than_an_entry_may_have,
		entries_may_be_of_any_age,
		an_entry_without_a_slot,
		a_slot_with_the_tag_of_another_key,
		a_slot_of_another_life,
		a_slot_in_a_bucket_where_nobody_looks,
		a_slot_that_names_no_block,
		a_stale_slot,
		a_slot_that_is_there_twice,
		a_directory_that_is_lost,
		a_head_that_names_no_block,
		a_head_that_names_a_free_block,
		a_head_that_names_an_entry_still,
		a_head_with_unknown_bits,
		overflow_flags_for_nothing,
		an_entry_in_the_buddy_without_the_flag,
		an_entry_in_the_alternate_without_the_flag,
		a_younger_twin_that_no_slot_names,
		an_older_twin_that_is_found_first,
	};

	return test_run("fsck: directory", TEST_MEM, tests, TEST_LEN(tests));
}
