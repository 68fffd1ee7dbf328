// SPDX-License-Identifier: BSD-3-Clause
/* Looking at a pool while others are at work, evict and are killed. */
#include "common_fsck.h"
#include "common_load.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define WORKERS 3u
#define ROUNDS 120u

static struct load_board *board; /* one for each worker, shared */

static void work(struct maru_pool *p, unsigned no)
{
	struct load *l = calloc(1, sizeof(*l));

	ck_assert_ptr_nonnull(l);
	load_start(l, p, &board[no % WORKERS], 1000 + no);
	l->keys = 20000; /* far more than there is room for */
	l->len_max = 200000;
	for (;;)
		load_step(l);
}

static void boards_make(void)
{
	board = mmap(NULL, WORKERS * sizeof(*board), PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(board, MAP_FAILED);
}

static void nothing_went_wrong(void)
{
	for (unsigned i = 0; i < WORKERS; i++) {
		ck_assert_msg(!load_count(&board[i].wrong) &&
				      !load_count(&board[i].bad),
			      "worker %u: %s", i, board[i].text);
		ck_assert_uint_gt(load_count(&board[i].ops), 0);
	}
}

static void told(void *ctx, const struct maru_fault *fault)
{
	char *first = ctx;

	if (!*first)
		snprintf(first, 300, "invariant %u at %#llx: %s",
			 fault->invariant, (unsigned long long)fault->addr,
			 fault->what);
}

static uint64_t look(uint32_t flags, char *first)
{
	struct maru_fsck_opts o = {
		.size = sizeof(o),
		.flags = flags,
		.fn = told,
		.ctx = first,
	};
	struct maru_fsck_result res;

	*first = '\0';
	ck_assert_int_eq(maru_fsck(test_target(), &o, &res), 0);
	ck_assert_uint_eq(res.fixed + res.freed + res.dropped, 0);
	return res.faults;
}

static uint64_t opens(struct maru_pool *p)
{
	struct media_control *c =
		media_at(media_region(&p->media, 0), SECTION_CONTROL);

	return a64_load_rlx(&c->opens);
}

START_TEST(nothing_is_told_of_a_pool_whose_clients_work_evict_and_are_killed)
{
	struct maru_create_opts o = test_opts();
	unsigned rounds = TEST_ROUNDS(ROUNDS), next = WORKERS;
	struct maru_pool *p;
	pid_t pid[WORKERS];
	char first[300];

	boards_make();
	o.flags |= MARU_CREATE_CRC;
	p = test_pool(&o);
	for (unsigned i = 0; i < WORKERS; i++)
		pid[i] = test_client(work, i);
	for (unsigned i = 0; i < rounds; i++) {
		uint32_t flags = i % 3 ? 0 : MARU_FSCK_DATA;

		/* -n of a pool in use looks as carefully */
		if (i % 2)
			flags |= MARU_FSCK_ONLINE;
		ck_assert_msg(!look(flags, first), "round %u: %s", i, first);
		if (i % 4 == 3) {
			unsigned who = next % WORKERS;

			test_kill(pid[who]);
			pid[who] = test_client(work, next++);
		}
	}
	for (unsigned i = 0; i < WORKERS; i++)
		test_kill(pid[i]);
	nothing_went_wrong();
	ck_assert_uint_gt(test_stats(p).total.evictions, 0);
	ck_assert_int_ge(maru_reap(p), 0);
}
END_TEST

START_TEST(it_takes_no_slot_and_leaves_no_trace)
{
	struct maru_pool *p = test_pool(NULL);
	uint64_t before, after;
	char first[300];

	ck_assert_int_eq(test_put(p, 1, 100), 0);
	before = opens(p) ^ media_state(&p->media);
	ck_assert_uint_eq(look(MARU_FSCK_ONLINE | MARU_FSCK_DATA, first), 0);
	after = opens(p) ^ media_state(&p->media);
	ck_assert_uint_eq(before, after);
	ck_assert_uint_eq(test_stats(p).clients, 1);
}
END_TEST

/* In the midst of the work something that nobody heals by passing by. */
START_TEST(a_fault_in_a_live_pool_is_found_each_time)
{
	struct maru_create_opts o = test_opts();
	struct media_block *b;
	struct maru_view view;
	struct maru_pool *p;
	pid_t pid[WORKERS];
	char first[300];
	uint64_t h1;
	uint32_t idx;

	boards_make();
	o.flags |= MARU_CREATE_CRC;
	p = test_pool(&o);
	ck_assert_int_eq(maru_store(p, S("planted"), S("value")), 0);
	ck_assert_int_eq(maru_retrieve(p, S("planted"), &view), 0);
	ck_assert(pool_idx(p, &view.ref, &idx));
	b = slab_block(&p->slab, idx);
	h1 = a64_load_rlx(&b->h1);
	for (unsigned i = 0; i < WORKERS; i++)
		pid[i] = test_client(work, i);
	ck_assert_msg(!look(MARU_FSCK_ONLINE, first), "%s", first);
	a64_store_full(&b->h1, ~h1);
	for (unsigned i = 0; i < TEST_ROUNDS(10); i++) {
		ck_assert_uint_eq(look(MARU_FSCK_ONLINE, first), 1);
		ck_assert_msg(strstr(first, "invariant 9 at ") &&
				      strstr(first,
					     "the key does not have the hash"),
			      "%s", first);
	}
	a64_store_full(&b->h1, h1);
	*(char *)(uintptr_t)view.data = 'x';
	ck_assert_msg(!look(MARU_FSCK_ONLINE, first), "%s", first);
	ck_assert_uint_eq(look(MARU_FSCK_ONLINE | MARU_FSCK_DATA, first), 1);
	ck_assert_msg(strstr(first, "checksum does not match"), "%s", first);
	*(char *)(uintptr_t)view.data = 'v';
	ck_assert_msg(!look(MARU_FSCK_ONLINE | MARU_FSCK_DATA, first), "%s",
		      first);
	for (unsigned i = 0; i < WORKERS; i++)
		test_kill(pid[i]);
	nothing_went_wrong();
	ck_assert_int_eq(maru_release(p, &view), 0);
	ck_assert_int_ge(maru_reap(p), 0);
}
END_TEST

/* A client that is stopped in a step for long is no fault either. */
static void half_way(struct maru_pool *p, unsigned no)
{
	uint32_t idx = room_alloc(p);

	(void)no;
	/* OWNED, and it has not come to write the units */
	a32_store_rlx(&slab_block(&p->slab, idx)->units, 77);
	room_slab_set(p, 100,
		      slab_word_make(SLAB_CLAIMED, 0, p->slab.self, 1, 9));
	test_stay();
}

START_TEST(a_client_that_is_stopped_half_way_is_no_fault)
{
	struct maru_pool *p = test_pool(NULL);
	pid_t child = test_staying(half_way, 0);
	char first[300];

	test_stop(child);
	ck_assert_msg(!look(MARU_FSCK_ONLINE, first), "%s", first);
	test_kill(child);
	ck_assert_int_eq(maru_reap(p), 1);
}
END_TEST

int main(void)
{
	const TTest *tests[] = {
		nothing_is_told_of_a_pool_whose_clients_work_evict_and_are_killed,
		it_takes_no_slot_and_leaves_no_trace,
		a_fault_in_a_live_pool_is_found_each_time,
		a_client_that_is_stopped_half_way_is_no_fault,
	};

	return test_run("fsck: a pool in use", TEST_MEM, tests,
			TEST_LEN(tests));
}
