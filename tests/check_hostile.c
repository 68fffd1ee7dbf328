// SPDX-License-Identifier: BSD-3-Clause
/* Pools whose bytes lie: each test is something that fuzzing or reading found. */
#include "common_fuzz.h"
#include "common_plain.h"

#include "dir/check.h"

#include <string.h>

/* A handle on a base as it is, to be damaged by hand. */
static struct maru_pool *hostile(unsigned base)
{
	struct fuzz_input in = { .base = (uint8_t)base };
	struct maru_pool *p;

	fuzz_set_up(&in);
	p = fuzz_open(0);
	ck_assert_ptr_nonnull(p);
	return p;
}

static void leave(struct maru_pool *p)
{
	ck_assert_int_eq(maru_close(p, MARU_CLOSE_FORCE), 0);
}

static struct dir_hit find(struct maru_pool *p, unsigned no)
{
	unsigned char bytes[MARU_KEY_MAX];
	struct dir_hit hit;
	struct dir_key k;

	dir_key_init(&p->dir, &k, bytes, fuzz_key(bytes, no));
	ck_assert_int_eq(dir_peek(&p->dir, &k, &hit), 0);
	return hit;
}

static void set_len(struct maru_pool *p, uint32_t idx, uint64_t len)
{
	struct media_block *b = slab_block(&p->slab, idx);

	a64_store_full(&b->size, len | (uint64_t)block_klen(b) << 48);
}

START_TEST(a_checksum_is_not_taken_over_more_than_the_block)
{
	struct maru_pool *p = hostile(FUZZ_CRC);
	struct dir_hit hit = find(p, 0);

	ck_assert(entry_value_ok(&p->dir, hit.idx));
	/* as if it grew between the look at it and its use */
	set_len(p, hit.idx, BLOCK_LEN_MAX);
	ck_assert(!entry_value_ok(&p->dir, hit.idx));
	leave(p);
}
END_TEST

/* A claim on a key that names its owner as client @slot. */
static size_t claim_by(struct maru_pool *p, unsigned char *key, uint32_t slot)
{
	size_t klen = fuzz_key(key, 70);
	struct maru_buf buf;
	uint32_t idx;
	uint64_t w;

	ck_assert_int_eq(maru_reserve(p, key, klen, 10, &buf), 0);
	ck_assert(pool_idx(p, &buf.ref, &idx));
	w = block_load(slab_block(&p->slab, idx));
	a64_store_full(&slab_block(&p->slab, idx)->word,
		       block_word(BLOCK_OWNED, BLOCK_CLAIMED, slot, 1,
				  block_version(w)));
	return klen;
}

START_TEST(a_claim_of_a_client_that_cannot_be_is_none)
{
	struct maru_pool *p = hostile(FUZZ_FULL);
	unsigned char key[MARU_KEY_MAX];
	struct maru_buf buf;
	size_t klen = claim_by(p, key, 4095);

	ck_assert_int_eq(maru_reserve(p, key, klen, 10, &buf), 0);
	ck_assert_int_eq(maru_abort(p, &buf), 0);
	leave(p);
}
END_TEST

START_TEST(nobody_waits_for_a_client_that_cannot_be)
{
	struct maru_pool *p = hostile(FUZZ_FULL);
	unsigned char key[MARU_KEY_MAX];
	size_t klen = claim_by(p, key, p->client.slot_nr);

	ck_assert_int_eq(maru_wait(p, key, klen, -1), -ENOENT);
	leave(p);
}
END_TEST

START_TEST(an_entry_has_three_chances_whatever_it_says)
{
	struct maru_pool *p = hostile(FUZZ_FULL);
	struct dir_hit hit = find(p, 0);
	struct maru_iter it = { 0 };
	struct maru_entry e;
	uint64_t freed;

	a8_store_rlx(&slab_block(&p->slab, hit.idx)->use, 255);
	while (maru_iter_next(p, &it, &e) == 1)
		ck_assert_uint_le(e.use, 3);
	ck_assert_int_eq(maru_evict(p, UINT64_MAX, &freed), -ENOSPC);
	it.pos = 0;
	ck_assert_int_eq(maru_iter_next(p, &it, &e), 0);
	leave(p);
}
END_TEST

START_TEST(a_commit_that_cannot_show_its_entry_holds_nothing)
{
	struct maru_pool *p = hostile(FUZZ_FULL);
	struct maru_view view;
	struct maru_commit_opts o = { .size = sizeof(o),
				      .view = &view,
				      .pins = 2 };
	unsigned char key[MARU_KEY_MAX];
	struct maru_buf buf;

	set_len(p, find(p, 0).idx, 1 << 20);
	ck_assert_int_eq(maru_alloc(p, 10, &buf), 0);
	ck_assert_int_eq(maru_commit(p, &buf, key, fuzz_key(key, 0), &o),
			 MARU_E_CORRUPT);
	ck_assert_ptr_null(view.data);
	ck_assert_str_ne(maru_errmsg(), "");
	ck_assert_int_eq(maru_close(p, 0), 0);
}
END_TEST

START_TEST(an_entry_of_no_version_is_not_kept)
{
	struct maru_pool *p = hostile(FUZZ_FULL);
	struct dir_hit hit = find(p, 0);
	struct media_block *b = slab_block(&p->slab, hit.idx);
	struct maru_fsck_opts o = { .size = sizeof(o),
				    .flags = MARU_FSCK_REPAIR };
	struct maru_fsck_result res;

	a64_store_full(&b->word, block_word(BLOCK_LIVE, 0, 0, 0, 0));
	leave(p);
	ck_assert_int_eq(maru_fsck(fuzz_target(), &o, &res), 0);
	ck_assert_uint_eq(res.dropped, 1);
	ck_assert_uint_eq(res.faults, res.fixed);
}
END_TEST

static a64 *slot_of(struct maru_pool *p, uint32_t idx)
{
	unsigned i;
	uint64_t no;

	for (no = 0; no <= p->dir.mask; no++)
		for (i = 0; i < BUCKET_SLOTS; i++)
			if (slot_idx(slot_load(&p->dir.buckets[no].slot[i])) ==
			    idx)
				return &p->dir.buckets[no].slot[i];
	return NULL;
}

START_TEST(an_entry_of_no_version_is_read_and_let_go)
{
	struct maru_pool *p = hostile(FUZZ_FULL);
	struct dir_hit hit = find(p, 0);
	struct media_block *b = slab_block(&p->slab, hit.idx);
	unsigned char key[MARU_KEY_MAX];
	static unsigned char buf[1 << 20];
	size_t len;

	memset(buf, 0xee, sizeof(buf));
	a64_store_full(slot_of(p, hit.idx),
		       slot_make(a64_load_rlx(&b->h0), 0, hit.idx));
	a64_store_full(&b->word, block_word(BLOCK_LIVE, 0, 0, 0, 0));
	ck_assert_int_eq(
		maru_read(p, key, fuzz_key(key, 0), buf, sizeof(buf), &len), 0);
	ck_assert_int_eq(memcmp(buf, slab_data(&p->slab, hit.idx), len), 0);
	ck_assert_uint_eq(ledger_pins(&p->slab, hit.idx), 0);
	leave(p);
}
END_TEST

START_TEST(a_pending_block_of_another_home_is_a_fault)
{
	struct maru_pool *p = hostile(FUZZ_FULL);
	struct dir_hit hit = find(p, 0);
	uint64_t h0 = a64_load_rlx(&slab_block(&p->slab, hit.idx)->h0);
	uint64_t home = dir_home(&p->dir, h0) ^ 1;
	struct maru_fsck_opts o = { .size = sizeof(o) };
	struct maru_fsck_result res;

	a64_store_full(&p->dir.buckets[home].head,
		       head_next(head_load(&p->dir, home), 0, hit.idx + 1));
	leave(p);
	ck_assert_int_eq(maru_fsck(fuzz_target(), &o, &res), 0);
	ck_assert_uint_eq(res.faults, 1);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		a_checksum_is_not_taken_over_more_than_the_block,
		a_claim_of_a_client_that_cannot_be_is_none,
		nobody_waits_for_a_client_that_cannot_be,
		an_entry_has_three_chances_whatever_it_says,
		a_commit_that_cannot_show_its_entry_holds_nothing,
		an_entry_of_no_version_is_not_kept,
		an_entry_of_no_version_is_read_and_let_go,
		a_pending_block_of_another_home_is_a_fault,
	};

	return plain_run("hostile", tests, PLAIN_LEN(tests));
}
