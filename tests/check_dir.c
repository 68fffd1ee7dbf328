// SPDX-License-Identifier: BSD-3-Clause
/* The directory room: ways, slots, heads, claims, keys, zombies. */
#include "common_room.h"

#include "dir/check.h"

#include <string.h>

#define FULL (BUCKET_SLOTS * BUCKET_WAYS)

/* Two pairs that differ, all within the table. */
static bool ways_ok(const struct dir *d, uint64_t home)
{
	uint64_t other = dir_way(d, home, 2);

	return dir_way(d, home, 0) == home &&
	       dir_way(d, home, 1) == (home ^ 1) && other <= d->mask &&
	       other >> 1 != home >> 1 && dir_way(d, home, 3) == (other ^ 1);
}

START_TEST(the_ways_are_two_pairs_of_the_table_whatever_its_size)
{
	struct dir d = { 0 };
	uint64_t bad = 0;

	for (unsigned n = 3; n <= 40; n++) {
		d.mask = (1ull << n) - 1;
		for (uint64_t i = 0; i <= d.mask && i < 65536; i++)
			bad += !ways_ok(&d, n <= 16 ? i : test_mix(i) & d.mask);
	}
	ck_assert_uint_eq(bad, 0);
}
END_TEST

START_TEST(every_pair_takes_one_other_pairs_overflow)
{
	static unsigned char taken[1 << 15];
	struct dir d = { .mask = sizeof(taken) - 1 };

	for (uint64_t home = 0; home <= d.mask; home++)
		taken[dir_way(&d, home, 2)]++;
	for (uint64_t i = 0; i <= d.mask; i++)
		ck_assert_uint_eq(taken[i], 1);
}
END_TEST

START_TEST(an_entry_is_found_held_and_gone_when_removed)
{
	struct maru_pool *p = room_pool();
	struct room_key k, no;
	struct dir_hit hit;
	uint32_t idx;

	room_key(p, &k, 1);
	room_key(p, &no, 2);
	idx = room_live(p, &k.k);
	ck_assert(room_has(p, &k.k, idx));
	ck_assert(!room_has(p, &no.k, idx));
	ck_assert_int_eq(dir_hold(&p->dir, &k.k, 3, &hit), 0);
	ck_assert_uint_eq(hit.idx, idx);
	ck_assert_uint_eq(room_cell(p, p->slab.self, idx), 3);
	ck_assert_int_eq(dir_remove(&p->dir, idx, hit.word), -EBUSY);
	ck_assert_int_eq(dir_drop(&p->dir, idx, 2), 1);
	ck_assert_int_eq(dir_drop(&p->dir, idx, 1), 0);
	room_drop(p, idx);
	ck_assert_int_eq(dir_hold(&p->dir, &k.k, 1, &hit), -ENOENT);
	ck_assert(room_row_is_zero(p, p->slab.self));
}
END_TEST

START_TEST(keys_of_one_home_spill_into_buddy_and_alternate_pair)
{
	struct maru_pool *p = room_pool();
	struct room_key k[FULL];
	uint32_t idx[FULL];
	uint64_t home = room_homed_all(p, k, FULL);

	for (unsigned i = 0; i < FULL; i++) {
		idx[i] = room_live(p, &k[i].k);
		ck_assert_uint_eq(room_flags(p, home),
				  (i >= 7 ? HEAD_BUDDY : 0) |
					  (i >= 14 ? HEAD_ALTERNATE : 0));
	}
	for (unsigned i = 0; i < FULL; i++)
		ck_assert(room_has(p, &k[i].k, idx[i]));
}
END_TEST

START_TEST(flags_go_with_the_last_entry_that_needs_them)
{
	struct maru_pool *p = room_pool();
	struct room_key k[FULL];
	uint32_t idx[FULL];
	uint64_t home = room_crowd(p, k, idx, FULL);

	for (unsigned i = FULL; i-- > 0;) {
		room_drop(p, idx[i]);
		ck_assert_uint_eq(room_flags(p, home),
				  (i > 7 ? HEAD_BUDDY : 0) |
					  (i > 14 ? HEAD_ALTERNATE : 0));
	}
	room_crowd(p, k, idx, FULL);
	for (unsigned i = 0; i + 1 < FULL; i++)
		room_drop(p, idx[i]);
	ck_assert_uint_eq(room_flags(p, home), HEAD_ALTERNATE);
	ck_assert(room_has(p, &k[FULL - 1].k, idx[FULL - 1]));
}
END_TEST

START_TEST(one_more_than_the_slots_evicts_the_least_used)
{
	struct maru_pool *p = room_pool();
	struct room_key k[FULL + 1];
	uint32_t idx[FULL], last;
	uint64_t bytes;

	room_homed_all(p, k, FULL + 1);
	for (unsigned i = 0; i < FULL; i++) {
		idx[i] = room_live(p, &k[i].k);
		a8_store_rlx(&slab_block(&p->slab, idx[i])->use,
			     i == 17 ? 1 : 2);
	}
	bytes = slab_block_bytes(&p->slab, idx[17]);
	last = room_live(p, &k[FULL].k);
	ck_assert(!room_has(p, &k[17].k, idx[17]));
	ck_assert(room_has(p, &k[FULL].k, last));
	for (unsigned i = 0; i < FULL; i++)
		ck_assert(i == 17 || room_has(p, &k[i].k, idx[i]));
	ck_assert_uint_eq(test_stats(p).total.evictions, 1);
	ck_assert_uint_eq(test_stats(p).total.evict_bytes, bytes);
}
END_TEST

START_TEST(one_more_than_the_slots_finds_no_room_if_all_are_held)
{
	struct maru_pool *p = room_pool();
	struct room_key k[FULL + 1];
	uint32_t idx[FULL], last;
	struct dir_hit hit;

	room_crowd(p, k, idx, FULL);
	room_homed_all(p, k, FULL + 1);
	for (unsigned i = 0; i < FULL; i++)
		ck_assert_int_eq(dir_hold(&p->dir, &k[i].k, 1, &hit), 0);
	last = room_ready(p, &k[FULL].k);
	ck_assert_int_eq(room_publish(p, last, &k[FULL].k, DIR_INSERT, &hit),
			 -ENOSPC);
	room_withdraw(p, last);
	for (unsigned i = 0; i < FULL; i++) {
		ck_assert(room_has(p, &k[i].k, idx[i]));
		ck_assert_int_eq(dir_drop(&p->dir, idx[i], 1), 0);
	}
}
END_TEST

/* Does an insert take a home's slots if they all name a block of this word? */
static bool takes_home_slot(struct maru_pool *p, enum block_state state,
			    uint64_t flags, uint32_t versions_on)
{
	struct room_key k[2];
	uint64_t home = room_homed_all(p, k, 2), word;
	struct media_bucket *b = &p->dir.buckets[home];
	uint32_t at = room_owned(p, &k[0].k), idx;
	bool taken;

	room_set(p, at, state, flags);
	word = slot_make(k[0].k.h.h0,
			 block_version(room_word(p, at)) + versions_on, at);
	for (unsigned i = 0; i < BUCKET_SLOTS; i++)
		a64_store_full(&b->slot[i], word);
	idx = room_live(p, &k[1].k);
	taken = slot_load(&b->slot[0]) != word;
	ck_assert_uint_eq(room_flags(p, home), taken ? 0 : HEAD_BUDDY);
	room_drop(p, idx);
	memset(b->slot, 0, sizeof(b->slot));
	room_set(p, at, BLOCK_FREE, 0);
	slab_disown(&p->slab, at);
	return taken;
}

START_TEST(stale_slot_words_are_replaced_and_occupied_ones_are_not)
{
	struct maru_pool *p = room_pool();

	ck_assert(takes_home_slot(p, BLOCK_FREE, 0, 0));
	ck_assert(takes_home_slot(p, BLOCK_OWNED, 0, 0));
	ck_assert(takes_home_slot(p, BLOCK_OWNED, BLOCK_SEALED, 0));
	ck_assert(takes_home_slot(p, BLOCK_LIVE, 0, 1));
	ck_assert(!takes_home_slot(p, BLOCK_OWNED, BLOCK_ASKING, 0));
	ck_assert(!takes_home_slot(p, BLOCK_OWNED, BLOCK_CLAIMED, 0));
	ck_assert(!takes_home_slot(p, BLOCK_READY, 0, 0));
	ck_assert(!takes_home_slot(p, BLOCK_LIVE, 0, 0));
	ck_assert(!takes_home_slot(p, BLOCK_DYING, 0, 0));
}
END_TEST

START_TEST(a_slot_word_out_of_the_pool_is_stale)
{
	struct maru_pool *p = room_pool();
	struct room_key k;
	uint64_t home = room_homed_all(p, &k, 1);

	for (unsigned i = 0; i < BUCKET_SLOTS; i++)
		a64_store_full(&p->dir.buckets[home].slot[i],
			       slot_make(k.k.h.h0, 1, 0xfffffff0u + i));
	ck_assert(room_has(p, &k.k, room_live(p, &k.k)));
	ck_assert_uint_eq(room_flags(p, home), 0);
	dir_rebuild(&p->dir); /* harmless, but a fault all the same */
}
END_TEST

START_TEST(a_pending_insert_of_the_dead_is_completed_by_the_next_insert)
{
	struct maru_pool *p = room_pool();
	struct room_key k[2];
	uint64_t home = room_homed_all(p, k, 2);
	uint32_t idx = room_died(p, &k[0].k, BLOCK_READY, ROOM_PENDING);

	ck_assert(!room_has(p, &k[0].k, idx));
	ck_assert(room_has(p, &k[1].k, room_live(p, &k[1].k)));
	ck_assert(room_has(p, &k[0].k, idx));
	ck_assert_uint_eq(room_pending(p, home), 0);
	room_ghost_gone(p);
	ck_assert(room_has(p, &k[0].k, idx));
}
END_TEST

START_TEST(a_pending_insert_wins_against_the_next_one_of_its_key)
{
	struct maru_pool *p = room_pool();
	struct room_key k;
	struct dir_hit other;
	uint32_t idx, mine;

	room_key(p, &k, 1);
	idx = room_died(p, &k.k, BLOCK_READY, ROOM_PENDING);
	mine = room_ready(p, &k.k);
	ck_assert_int_eq(dir_publish(&p->dir, mine, &k.k, DIR_INSERT, 2,
				     &other),
			 MARU_EXISTED);
	ck_assert_uint_eq(other.idx, idx);
	ck_assert_uint_eq(room_cell(p, p->slab.self, idx), 2);
	ck_assert_uint_eq(room_cell(p, p->slab.self, mine), CELL_OWN);
	room_withdraw(p, mine);
	ck_assert_int_eq(dir_drop(&p->dir, idx, 2), 0);
	room_ghost_gone(p);
	ck_assert(room_has(p, &k.k, idx));
}
END_TEST

START_TEST(what_is_pending_of_the_dead_is_off_the_head_when_reaped)
{
	struct maru_pool *p = room_pool();
	struct room_key k[2];
	uint64_t home = room_homed_all(p, k, 2);
	uint32_t idx = room_died(p, &k[0].k, BLOCK_READY, ROOM_PENDING);

	room_ghost_gone(p);
	ck_assert(room_has(p, &k[0].k, idx));
	ck_assert_uint_eq(room_pending(p, home), 0);
	idx = room_died(p, &k[1].k, BLOCK_OWNED, ROOM_PENDING);
	room_ghost_gone(p);
	ck_assert_int_eq(room_state(p, idx), BLOCK_FREE);
	ck_assert_uint_eq(room_pending(p, home), 0);
}
END_TEST

START_TEST(an_insert_that_died_before_its_head_is_taken_back)
{
	struct maru_pool *p = room_pool();
	struct room_key k;
	uint32_t idx;
	uint64_t home;

	room_key(p, &k, 1);
	home = dir_home(&p->dir, k.k.h.h0);
	idx = room_died(p, &k.k, BLOCK_READY, ROOM_LINKED);
	ck_assert_uint_ne(slot_load(&p->dir.buckets[home].slot[0]), 0);
	room_ghost_gone(p);
	ck_assert_int_eq(room_state(p, idx), BLOCK_FREE);
	ck_assert_uint_eq(slot_load(&p->dir.buckets[home].slot[0]), 0);
	ck_assert(!room_has(p, &k.k, idx));
}
END_TEST

START_TEST(a_pending_claim_of_the_dead_counts_until_it_is_reaped)
{
	struct maru_pool *p = room_pool();
	struct room_key k;
	struct dir_hit other;
	uint32_t idx, mine;

	room_key(p, &k, 1);
	idx = room_died(p, &k.k, BLOCK_OWNED, ROOM_PENDING);
	mine = room_asking(p, &k.k);
	ck_assert_int_eq(room_publish(p, mine, &k.k, DIR_CLAIM, &other),
			 -EINPROGRESS);
	ck_assert_uint_eq(other.idx, idx);
	ck_assert(block_is_claim(room_word(p, idx)));
	room_ghost_gone(p);
	ck_assert_int_eq(room_state(p, idx), BLOCK_FREE);
	ck_assert_int_eq(room_publish(p, mine, &k.k, DIR_CLAIM, &other), 0);
	room_withdraw(p, mine);
}
END_TEST

START_TEST(a_live_block_is_off_the_head_before_it_is_freed)
{
	struct maru_pool *p = room_pool();
	struct room_key k;
	uint64_t home;
	uint32_t idx;

	room_key(p, &k, 1);
	home = dir_home(&p->dir, k.k.h.h0);
	idx = room_live(p, &k.k);
	/* as if a helper had died between the block's word and the head */
	room_pend(p, home, idx);
	room_drop(p, idx);
	ck_assert_uint_eq(room_pending(p, home), 0);
}
END_TEST

START_TEST(a_helper_that_is_late_changes_nothing)
{
	struct maru_pool *p = room_pool();
	struct room_key k;
	uint64_t home, old;
	uint32_t idx;

	room_key(p, &k, 1);
	home = dir_home(&p->dir, k.k.h.h0);
	idx = room_ready(p, &k.k);
	room_pend(p, home, idx);
	old = head_load(&p->dir, home);
	a64_store_full(&p->dir.buckets[home].head, head_next(old, 0, 0));
	dir_help(&p->dir, home, old);
	ck_assert_int_eq(room_state(p, idx), BLOCK_READY);
	ck_assert_uint_eq(head_load(&p->dir, home), head_next(old, 0, 0));
	room_withdraw(p, idx);
}
END_TEST

START_TEST(asking_counts_for_nobody)
{
	struct maru_pool *p = room_pool();
	struct room_key k;
	struct dir_hit other;
	uint32_t asks, mine;

	room_key(p, &k, 1);
	asks = room_died(p, &k.k, BLOCK_OWNED, ROOM_LINKED);
	ck_assert_int_eq(dir_peek_claim(&p->dir, &k.k, &other), -ENOENT);
	mine = room_asking(p, &k.k);
	ck_assert_int_eq(room_publish(p, mine, &k.k, DIR_CLAIM, &other), 0);
	ck_assert_uint_eq(room_word(p, mine) & BLOCK_FLAGS, BLOCK_CLAIMED);
	ck_assert_uint_eq(room_word(p, asks) & BLOCK_FLAGS, BLOCK_ASKING);
	ck_assert_int_eq(dir_peek_claim(&p->dir, &k.k, &other), 0);
	ck_assert_uint_eq(other.idx, mine);
	room_withdraw(p, mine);
	room_ghost_gone(p);
}
END_TEST

START_TEST(a_claim_refuses_the_next_one_until_it_is_an_entry)
{
	struct maru_pool *p = room_pool();
	struct room_key k;
	struct dir_hit other;
	uint32_t first, next;

	room_key(p, &k, 1);
	first = room_asking(p, &k.k);
	next = room_asking(p, &k.k);
	ck_assert_int_eq(room_publish(p, first, &k.k, DIR_CLAIM, &other), 0);
	ck_assert_int_eq(room_publish(p, next, &k.k, DIR_CLAIM, &other),
			 -EINPROGRESS);
	ck_assert_uint_eq(other.idx, first);
	room_set(p, first, BLOCK_READY, BLOCK_CLAIMED);
	ck_assert_int_eq(room_publish(p, next, &k.k, DIR_CLAIM, &other),
			 -EINPROGRESS);
	ck_assert_int_eq(room_publish(p, first, &k.k, DIR_INSERT, &other), 0);
	slab_disown(&p->slab, first);
	ck_assert_int_eq(room_publish(p, next, &k.k, DIR_CLAIM, &other),
			 MARU_EXISTED);
	ck_assert_uint_eq(other.idx, first);
	room_withdraw(p, next);
}
END_TEST

START_TEST(an_insert_ignores_claims_and_the_claimant_comes_second)
{
	struct maru_pool *p = room_pool();
	struct room_key k;
	struct dir_hit other;
	uint32_t claim, idx;

	room_key(p, &k, 1);
	claim = room_asking(p, &k.k);
	ck_assert_int_eq(room_publish(p, claim, &k.k, DIR_CLAIM, &other), 0);
	idx = room_live(p, &k.k);
	ck_assert(room_has(p, &k.k, idx));
	room_set(p, claim, BLOCK_READY, BLOCK_CLAIMED);
	ck_assert_int_eq(room_publish(p, claim, &k.k, DIR_INSERT, &other),
			 MARU_EXISTED);
	ck_assert_uint_eq(other.idx, idx);
	room_withdraw(p, claim);
	ck_assert(room_has(p, &k.k, idx));
}
END_TEST

START_TEST(remove_leaves_alone_what_has_changed_or_is_in_hand)
{
	struct maru_pool *p = room_pool();
	struct room_key k;
	uint32_t idx;
	uint64_t w;

	room_key(p, &k, 1);
	idx = room_live(p, &k.k);
	w = room_word(p, idx);
	ck_assert_int_eq(dir_remove(&p->dir, idx, w + (1ull << 32)), -EAGAIN);
	ck_assert_uint_eq(room_cell(p, p->slab.self, idx), 0);
	/* another thread of this client is at it */
	a16_or_full(ledger_cell(&p->slab, p->slab.self, idx), CELL_OWN);
	ck_assert_int_eq(dir_remove(&p->dir, idx, w), -EAGAIN);
	ck_assert_uint_eq(room_cell(p, p->slab.self, idx), CELL_OWN);
	ck_assert_uint_eq(room_word(p, idx), w);
	slab_disown(&p->slab, idx);
	ck_assert(!dir_withdraw(&p->dir, idx, w + (1ull << 32)));
	ck_assert(room_has(p, &k.k, idx));
}
END_TEST

static unsigned char text[MARU_KEY_MAX + 1];

static void text_key(struct dir_key *k, uint32_t len, const struct hash128 *h)
{
	*k = (struct dir_key){ .data = text, .len = len, .h = *h };
}

START_TEST(keys_of_all_lengths_come_back_and_none_of_another_length_is_it)
{
	struct maru_pool *p = room_pool();
	uint32_t idx = room_alloc(p);
	unsigned char out[MARU_KEY_MAX];
	struct dir_key k, other;

	test_fill(text, sizeof(text), 1);
	for (uint32_t len = 1; len <= MARU_KEY_MAX; len++) {
		dir_key_init(&p->dir, &k, text, len);
		ck_assert_int_eq(entry_write(&p->dir, idx, &k, 7), 0);
		ck_assert(entry_is(&p->dir, idx, &k));
		ck_assert_uint_eq(entry_key(&p->dir, idx, out), len);
		ck_assert_mem_eq(out, text, len);
		/* not even if the hash were the same */
		text_key(&other, len - 1, &k.h);
		ck_assert(!entry_is(&p->dir, idx, &other));
		text_key(&other, len + 1, &k.h);
		ck_assert(!entry_is(&p->dir, idx, &other));
	}
	room_withdraw(p, idx);
}
END_TEST

START_TEST(a_key_with_any_byte_changed_is_another_even_with_the_same_hash)
{
	static const uint32_t len[] = { 1,   7,	  8,   9,    191,
					192, 193, 200, 1023, 1024 };
	struct maru_pool *p = room_pool();
	uint32_t idx = room_alloc(p);
	struct dir_key k;

	test_fill(text, sizeof(text), 2);
	for (unsigned i = 0; i < TEST_LEN(len); i++) {
		dir_key_init(&p->dir, &k, text, len[i]);
		ck_assert_int_eq(entry_write(&p->dir, idx, &k, 7), 0);
		for (uint32_t at = 0; at < len[i]; at++) {
			text[at] ^= 0x80;
			ck_assert(!entry_is(&p->dir, idx, &k));
			text[at] ^= 0x80;
		}
		k.h.h0 ^= 1ull << 63;
		ck_assert(!entry_is(&p->dir, idx, &k));
		k.h.h0 ^= 1ull << 63;
		k.h.h1 ^= 1;
		ck_assert(!entry_is(&p->dir, idx, &k));
	}
	room_withdraw(p, idx);
}
END_TEST

START_TEST(a_long_key_lies_behind_the_value_or_is_refused)
{
	struct maru_pool *p = room_pool();
	uint32_t idx = room_alloc(p);
	uint64_t room = slab_block_bytes(&p->slab, idx);
	uint64_t most = room - MARU_KEY_MAX - 8;
	unsigned char *data = slab_data(&p->slab, idx);
	struct dir_key k;

	ck_assert_uint_eq(entry_room(0, BLOCK_KEY_INLINE), 0);
	test_fill(text, sizeof(text), 3);
	dir_key_init(&p->dir, &k, text, MARU_KEY_MAX);
	test_fill(data, most, 4);
	ck_assert_int_eq(entry_write(&p->dir, idx, &k, most + 1), -EFBIG);
	ck_assert_int_eq(entry_write(&p->dir, idx, &k, most), 0);
	ck_assert(test_verify(data, most, 4));
	ck_assert_mem_eq(data + room - MARU_KEY_MAX, text, MARU_KEY_MAX);
	/* of a hostile length the key is none */
	a64_store_rlx(&slab_block(&p->slab, idx)->size, 0xffffull << 48);
	ck_assert_uint_eq(entry_key(&p->dir, idx, text), 0);
	room_withdraw(p, idx);
}
END_TEST

/* A second entry of a key, which no publishing would let be. */
static uint32_t twin(struct maru_pool *p, const struct dir_key *k)
{
	uint32_t idx = room_owned(p, k);

	room_set(p, idx, BLOCK_LIVE, 0);
	slab_disown(&p->slab, idx);
	return idx;
}

START_TEST(rebuilding_keeps_the_younger_of_two_entries_of_one_key)
{
	struct maru_pool *p = room_pool();
	struct room_key k[2];
	uint32_t a[2], b[2];

	for (unsigned i = 0; i < 2; i++) {
		room_key(p, &k[i], i);
		a[i] = room_live(p, &k[i].k);
		b[i] = twin(p, &k[i].k);
		a32_store_rlx(&slab_block(&p->slab, a[i])->birth, 10 + i);
		a32_store_rlx(&slab_block(&p->slab, b[i])->birth, 11 - i);
	}
	ck_assert_uint_eq(dir_rebuild(&p->dir), 2);
	ck_assert(room_has(p, &k[0].k, b[0]));
	ck_assert(room_has(p, &k[1].k, a[1]));
	ck_assert_int_eq(room_state(p, a[0]), BLOCK_FREE);
	ck_assert_int_eq(room_state(p, b[1]), BLOCK_FREE);
}
END_TEST

START_TEST(rebuilding_links_all_entries_from_lost_buckets)
{
	struct maru_pool *p = room_pool();
	struct room_key k[FULL + 1];
	uint32_t idx[FULL];
	uint64_t home = room_crowd(p, k, idx, FULL);

	memset(p->dir.buckets, 0xff, (p->dir.mask + 1) * 64);
	ck_assert_uint_eq(dir_rebuild(&p->dir), 0);
	ck_assert_uint_eq(room_flags(p, home), HEAD_BUDDY | HEAD_ALTERNATE);
	for (unsigned i = 0; i < FULL; i++)
		ck_assert(room_has(p, &k[i].k, idx[i]));
	/* one more than there are slots for is dropped */
	room_homed_all(p, k, FULL + 1);
	twin(p, &k[FULL].k);
	ck_assert_uint_eq(dir_rebuild(&p->dir), 1);
	ck_assert_uint_eq(test_stats(p).entries, FULL);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		the_ways_are_two_pairs_of_the_table_whatever_its_size,
		every_pair_takes_one_other_pairs_overflow,
		an_entry_is_found_held_and_gone_when_removed,
		keys_of_one_home_spill_into_buddy_and_alternate_pair,
		flags_go_with_the_last_entry_that_needs_them,
		one_more_than_the_slots_evicts_the_least_used,
		one_more_than_the_slots_finds_no_room_if_all_are_held,
		stale_slot_words_are_replaced_and_occupied_ones_are_not,
		a_slot_word_out_of_the_pool_is_stale,
		a_pending_insert_of_the_dead_is_completed_by_the_next_insert,
		a_pending_insert_wins_against_the_next_one_of_its_key,
		what_is_pending_of_the_dead_is_off_the_head_when_reaped,
		an_insert_that_died_before_its_head_is_taken_back,
		a_pending_claim_of_the_dead_counts_until_it_is_reaped,
		a_live_block_is_off_the_head_before_it_is_freed,
		a_helper_that_is_late_changes_nothing,
		asking_counts_for_nobody,
		a_claim_refuses_the_next_one_until_it_is_an_entry,
		an_insert_ignores_claims_and_the_claimant_comes_second,
		remove_leaves_alone_what_has_changed_or_is_in_hand,
		keys_of_all_lengths_come_back_and_none_of_another_length_is_it,
		a_key_with_any_byte_changed_is_another_even_with_the_same_hash,
		a_long_key_lies_behind_the_value_or_is_refused,
		rebuilding_keeps_the_younger_of_two_entries_of_one_key,
		rebuilding_links_all_entries_from_lost_buckets,
	};

	return test_run("directory room", TEST_MEM, tests, TEST_LEN(tests));
}
