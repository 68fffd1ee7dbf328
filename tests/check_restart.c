// SPDX-License-Identifier: BSD-3-Clause
/* A pool that everybody left, or whose host was started anew. */
#include "common_durable.h"
#include "common_room.h"

#include "dir/check.h"

#include <string.h>
#include <sys/mman.h>

#define WORKERS 3
#define ROUNDS 4

static struct media_control *control_of(struct maru_pool *pool)
{
	return media_at(media_region(&pool->media, 0), SECTION_CONTROL);
}

/* Two values in a pool, whose last user then was another boot's. */
static void used_under_another_boot(uint32_t create_flags)
{
	struct maru_create_opts o = { .size = sizeof(o),
				      .bytes = 16 << 20,
				      .flags = create_flags };
	struct maru_pool *pool = test_pool(&o), *look;
	struct maru_open_opts ro = { .size = sizeof(ro),
				     .flags = MARU_OPEN_RDONLY };
	uint32_t idx;
	struct maru_view view;

	ck_assert_int_eq(maru_store(pool, "whole", 5, "value", 5), 0);
	ck_assert_int_eq(maru_store(pool, "torn", 4, "value", 5), 0);
	ck_assert_int_eq(maru_retrieve(pool, "torn", 4, &view), 0);
	ck_assert(pool_idx(pool, &view.ref, &idx));
	memset(slab_data(&pool->slab, idx), 'x', 1); /* not written back */
	ck_assert_int_eq(maru_release(pool, &view), 0);
	a64_store_full(&control_of(pool)->boot[0], 1);
	ck_assert_int_eq(maru_open(test_target(), &ro, &look), 0);
	ck_assert_int_eq(maru_close(look, 0), 0);
	test_close(pool);
}

static uint64_t repair_keeps(void)
{
	struct maru_fsck_opts o = { .size = sizeof(o),
				    .flags = MARU_FSCK_REPAIR };
	struct maru_fsck_result res;

	ck_assert_int_eq(maru_fsck(test_target(), &o, &res), 0);
	return res.kept;
}

static int open_rc(void)
{
	struct maru_pool *pool;
	int rc = maru_open(test_target(), NULL, &pool);

	if (!rc)
		ck_assert_int_eq(maru_close(pool, 0), 0);
	return rc;
}

START_TEST(what_is_not_durable_is_not_believed)
{
	used_under_another_boot(0);
	ck_assert_int_eq(open_rc(), MARU_E_CORRUPT);
	ck_assert_ptr_nonnull(strstr(maru_errmsg(), "maru-fsck"));
	ck_assert_uint_eq(repair_keeps(), 0);
	ck_assert_int_eq(open_rc(), 0);
}
END_TEST

START_TEST(a_checksum_proves_a_value)
{
	used_under_another_boot(MARU_CREATE_CRC);
	ck_assert_int_eq(open_rc(), MARU_E_CORRUPT);
	ck_assert_uint_eq(repair_keeps(), 1);
	ck_assert_int_eq(open_rc(), 0);
}
END_TEST

START_TEST(a_durable_pool_that_was_closed_in_order_is_warm)
{
	struct maru_pool *pool;

	used_under_another_boot(MARU_CREATE_DURABLE);
	pool = test_open(0);
	ck_assert_int_eq(maru_exists(pool, "whole", 5), 1);
	test_close(pool);
}
END_TEST

/* What outlives the workers. */
static struct {
	struct durable keys;
	struct load_board board[WORKERS];
} * notes;

/* What a client holds for a while: a buffer, a claim, a view, pins. */
struct hands {
	struct maru_buf buf, claim;
	struct maru_view view;
	char key[TEST_KEY];
	size_t pinned; /* length of the key */
};

static void hold_something(struct maru_pool *pool, struct hands *h,
			   uint64_t random)
{
	char key[TEST_KEY];
	size_t klen = test_key(key, random >> 32 & 63);

	switch (random & 3) {
	case 0:
		maru_abort(pool, &h->buf);
		maru_alloc(pool, random >> 8 & 8191, &h->buf);
		break;
	case 1:
		maru_commit(pool, &h->claim, NULL, 0, NULL);
		maru_reserve(pool, key, klen, random >> 8 & 8191, &h->claim);
		break;
	case 2:
		maru_release(pool, &h->view);
		maru_retrieve(pool, key, klen, &h->view);
		break;
	default:
		if (h->pinned)
			maru_unpin(pool, h->key, h->pinned, 1);
		h->pinned = maru_pin(pool, key, klen, 1) ? 0 : klen;
		memcpy(h->key, key, klen);
	}
}

static void work(struct maru_pool *pool, unsigned no)
{
	struct durable_worker d = { .keys = &notes->keys,
				    .pool = pool,
				    .board = &notes->board[no % WORKERS],
				    .me = no % WORKERS,
				    .nr = WORKERS };
	struct hands h = { 0 };
	uint64_t rnd = no;

	for (unsigned step = 0;; step++) {
		if (step == TEST_ROUNDS(400))
			test_post(&test_scene->ready);
		durable_step(&d, test_random(&rnd));
		hold_something(pool, &h, test_random(&rnd));
	}
}

/* All of them in the midst of it; nobody is left to know of the pool. */
static void kill_all(unsigned round)
{
	pid_t pid[WORKERS];

	for (unsigned i = 0; i < WORKERS; i++)
		pid[i] = test_client(work, round * WORKERS + i);
	for (unsigned i = 0; i < WORKERS; i++)
		test_pass(&test_scene->ready);
	for (unsigned i = 0; i < WORKERS; i++)
		test_kill(pid[i]);
}

static void all_is_there(void)
{
	struct maru_pool *pool = test_open(0);
	struct durable_count n;
	struct maru_stats st;

	ck_assert_int_ge(maru_reap(pool), 0);
	st = test_stats(pool);
	ck_assert_uint_eq(st.pins, 0);
	ck_assert_uint_eq(st.buffers, 0);
	ck_assert_uint_eq(st.claims, 0);
	ck_assert_uint_eq(st.total.evictions, 0);
	n = durable_count(&notes->keys, pool, WORKERS);
	ck_assert_uint_gt(n.there, 0);
	ck_assert_uint_eq(n.lost, 0);
	ck_assert_uint_eq(n.back, 0);
	ck_assert_uint_eq(n.wrong, 0);
	for (unsigned i = 0; i < WORKERS; i++)
		ck_assert_str_eq(notes->board[i].text, "");
	test_sound(pool);
	test_close(pool);
}

static void stays_warm(uint32_t create_flags)
{
	struct maru_create_opts o = test_opts();

	o.flags |= create_flags;
	notes = mmap(NULL, sizeof(*notes), PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(notes, MAP_FAILED);
	test_close(test_pool(&o));
	for (unsigned round = 0; round < ROUNDS; round++) {
		kill_all(round);
		all_is_there();
	}
}

START_TEST(what_all_clients_left_dying_is_there)
{
	stays_warm(0);
}
END_TEST

START_TEST(what_all_clients_left_dying_is_there_if_durable)
{
	stays_warm(MARU_CREATE_DURABLE | MARU_CREATE_CRC);
}
END_TEST

START_TEST(a_pool_is_not_clean_while_somebody_is_in_it)
{
	struct maru_pool *p = test_pool(NULL), *q = test_open(0);
	uint64_t seen;

	test_close(q);
	ck_assert(!media_is_clean(&p->media));
	seen = media_state(&p->media);
	ck_assert_int_eq(media_enter(&p->media), 0);
	media_make_clean(&p->media, seen); /* by who looked before that */
	ck_assert(!media_is_clean(&p->media));
	test_close(p);
}
END_TEST

START_TEST(a_descriptor_is_whole_in_one_life_only)
{
	struct maru_pool *p = room_pool();
	struct media_block *b;
	const char *why;
	struct room_key k;
	uint32_t idx;
	uint64_t w;

	p->slab.durable = true;
	room_key(p, &k, 1);
	idx = room_live(p, &k.k);
	b = slab_block(&p->slab, idx);
	w = room_word(p, idx);
	ck_assert(entry_is_whole(&p->dir, idx, &why));
	a64_store_full(&b->word, w + (1ull << 32));
	ck_assert(!entry_is_whole(&p->dir, idx, &why));
	a64_store_full(&b->word, w);
	a32_store_rlx(&b->crc_desc, a32_load_rlx(&b->crc_desc) ^ 1);
	ck_assert(!entry_is_whole(&p->dir, idx, &why));
	a32_store_rlx(&b->crc_desc, a32_load_rlx(&b->crc_desc) ^ 1);
	p->slab.durable = false;
}
END_TEST

int main(void)
{
	const TTest *tests[] = {
		what_all_clients_left_dying_is_there,
		what_all_clients_left_dying_is_there_if_durable,
		what_is_not_durable_is_not_believed,
		a_checksum_proves_a_value,
		a_durable_pool_that_was_closed_in_order_is_warm,
		a_pool_is_not_clean_while_somebody_is_in_it,
		a_descriptor_is_whole_in_one_life_only,
	};

	return test_run("restart", TEST_MEDIA, tests, TEST_LEN(tests));
}
