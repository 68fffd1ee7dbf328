// SPDX-License-Identifier: BSD-3-Clause
/*
 * Two clients that meet: one does all of what it does after some instruction of
 * the other, and so after each of them in turn.
 */
#include "common_room.h"
#include "common_single.h"

#include "slab/check.h"

#include <string.h>

#define CROWD (BUCKET_SLOTS + 1) /* the last one is outside its home */

static struct maru_pool *p, *q, *reader;
static struct room_key key, rival;
static uint32_t block, other_block;
static uint64_t word;
static int first_rc, second_rc;
static unsigned most = 4096; /* instructions of the first one to meet at */

/* @first, met by @second after each instruction, from @set to @verdict. */
static void meet(void (*set)(void), void (*first)(void), void (*second)(void),
		 void (*verdict)(void))
{
	static uint64_t at[4096];
	unsigned nr, i, each;

	set();
	nr = single_points(first, at, most);
	/* a sanitizer's own instructions are met as well, and every step of
	 * all that come before is a signal */
	each = TEST_SLOW ? nr / 64 + 1 : 1;
	second();
	verdict();
	for (i = 0; i < nr; i += each) {
		set();
		if (!single_meet(first, at[i], second))
			second();
		verdict();
	}
	ck_assert(!single_can() || nr > 10);
}

static void open_two(void)
{
	p = room_pool();
	q = test_open(0);
	room_key(p, &key, 1);
}

/* Pins and removals --------------------------------------------------------- */

static void set_entry(void)
{
	block = room_live(p, &key.k);
	word = room_word(p, block);
	first_rc = second_rc = 1;
}

static int pin_by(struct maru_pool *c)
{
	uint64_t w;

	return dir_pin_at(&c->dir, block, block_version(word), 1, &w);
}

static void pin(void)
{
	first_rc = pin_by(p);
}

static void pin_second(void)
{
	second_rc = pin_by(q);
}

static void hold(void)
{
	struct dir_hit hit;

	first_rc = dir_hold(&p->dir, &key.k, 1, &hit);
	ck_assert(first_rc || hit.idx == block);
}

static void remove_first(void)
{
	first_rc = dir_remove(&p->dir, block, word);
}

static void remove_second(void)
{
	second_rc = dir_remove(&q->dir, block, word);
}

/* Who has a pin has the block as it was; in the end it is free. */
static void pinned_or_free(int rc, struct maru_pool *holder)
{
	uint64_t w = room_word(p, block);

	if (!rc) {
		ck_assert(block_state(w) == BLOCK_LIVE ||
			  block_state(w) == BLOCK_DYING);
		ck_assert_uint_eq(block_version(w), block_version(word));
		ck_assert(block_state(w) == BLOCK_LIVE ||
			  slab_has_debtor(&p->slab, block));
		ck_assert_int_eq(dir_drop(&holder->dir, block, 1), 0);
	}
	w = room_word(p, block);
	if (block_state(w) == BLOCK_LIVE)
		ck_assert_int_eq(dir_remove(&p->dir, block, w), 0);
	dir_settle(&p->dir);
	dir_settle(&q->dir);
	ck_assert_int_eq(room_state(p, block), BLOCK_FREE);
	ck_assert_uint_eq(room_cell(p, p->slab.self, block), 0);
	ck_assert_uint_eq(room_cell(p, q->slab.self, block), 0);
}

static void first_has_pinned(void)
{
	pinned_or_free(first_rc, p);
}

static void second_has_pinned(void)
{
	pinned_or_free(second_rc, q);
}

START_TEST(a_pin_that_a_removal_meets_holds_or_is_none)
{
	open_two();
	meet(set_entry, pin, remove_second, first_has_pinned);
}
END_TEST

START_TEST(a_hold_that_a_removal_meets_holds_or_is_none)
{
	open_two();
	meet(set_entry, hold, remove_second, first_has_pinned);
}
END_TEST

START_TEST(a_removal_that_a_pin_meets_leaves_it_the_block)
{
	open_two();
	meet(set_entry, remove_first, pin_second, second_has_pinned);
}
END_TEST

static void set_held(void)
{
	set_entry();
	ck_assert_int_eq(pin_by(q), 0);
	second_rc = 0;
}

static void unpin_second(void)
{
	ck_assert_int_eq(dir_drop(&q->dir, block, 1), 0);
	second_rc = 1;
}

START_TEST(a_removal_that_the_last_unpin_meets_frees_the_block)
{
	open_two();
	meet(set_held, remove_first, unpin_second, second_has_pinned);
}
END_TEST

/* Inserts and claims of one key --------------------------------------------- */

static void set_two_ready(void)
{
	block = room_ready(p, &key.k);
	other_block = room_ready(q, &key.k);
}

static void publish_first(void)
{
	struct dir_hit hit;

	first_rc = room_publish(p, block, &key.k, DIR_INSERT, &hit);
}

static void publish_second(void)
{
	struct dir_hit hit;

	second_rc = room_publish(q, other_block, &key.k, DIR_INSERT, &hit);
}

static void give_up(struct maru_pool *c, uint32_t idx)
{
	uint64_t w = room_word(c, idx);

	if (block_state(w) == BLOCK_LIVE) {
		slab_disown(&c->slab, idx);
		ck_assert_int_eq(dir_remove(&c->dir, idx, w), 0);
	} else {
		room_withdraw(c, idx);
	}
}

static void one_has_won(void)
{
	ck_assert_int_eq(room_state(p, block) == BLOCK_LIVE, first_rc == 0);
	ck_assert_int_eq(room_state(p, other_block) == BLOCK_LIVE,
			 second_rc == 0);
	ck_assert_int_eq(first_rc + second_rc, MARU_EXISTED);
	ck_assert(room_has(p, &key.k, first_rc ? other_block : block));
	give_up(p, block);
	give_up(q, other_block);
	ck_assert(!room_has(p, &key.k, block));
}

START_TEST(of_two_inserts_of_a_key_that_meet_one_wins)
{
	open_two();
	meet(set_two_ready, publish_first, publish_second, one_has_won);
}
END_TEST

static void set_two_asking(void)
{
	block = room_asking(p, &key.k);
	other_block = room_asking(q, &key.k);
}

static void claim_first(void)
{
	struct dir_hit hit;

	first_rc = room_publish(p, block, &key.k, DIR_CLAIM, &hit);
}

static void claim_second(void)
{
	struct dir_hit hit;

	second_rc = room_publish(q, other_block, &key.k, DIR_CLAIM, &hit);
}

static void one_has_the_claim(void)
{
	ck_assert_int_eq(block_is_claim(room_word(p, block)), first_rc == 0);
	ck_assert_int_eq(block_is_claim(room_word(p, other_block)),
			 second_rc == 0);
	ck_assert_int_eq(first_rc + second_rc, -EINPROGRESS);
	give_up(p, block);
	give_up(q, other_block);
}

START_TEST(of_two_claims_of_a_key_that_meet_one_wins)
{
	open_two();
	meet(set_two_asking, claim_first, claim_second, one_has_the_claim);
}
END_TEST

/* Overflow flags ------------------------------------------------------------ */

static struct room_key crowd[CROWD + 1];
static uint32_t crowd_idx[CROWD + 1];

static void set_outside(void)
{
	block = room_live(p, &crowd[CROWD - 1].k);
	word = room_word(p, block);
	other_block = room_ready(q, &crowd[CROWD].k);
}

static void publish_outside(void)
{
	struct dir_hit hit;

	ck_assert_int_eq(room_publish(q, other_block, &crowd[CROWD].k,
				      DIR_INSERT, &hit),
			 0);
}

static void is_found_outside(void)
{
	ck_assert_int_eq(first_rc, 0);
	ck_assert(room_has(p, &crowd[CROWD].k, other_block));
	give_up(q, other_block);
}

START_TEST(an_insert_outside_its_home_that_a_removal_meets_is_found)
{
	open_two();
	room_homed_all(p, crowd, CROWD + 1);
	for (unsigned i = 0; i < CROWD - 1; i++)
		crowd_idx[i] = room_live(p, &crowd[i].k);
	meet(set_outside, remove_first, publish_outside, is_found_outside);
}
END_TEST

/* Buffers and readers ------------------------------------------------------- */

static struct maru_buf buf;

static void set_buf(void)
{
	ck_assert_int_eq(maru_alloc(p, 16, &buf), 0);
}

static void commit(void)
{
	const struct maru_commit_opts o = { .size = sizeof(o) };
	struct maru_buf own = buf;

	first_rc = pool_commit(p, &own, &key.k, &o);
}

static void abort_same(void)
{
	struct maru_buf own = buf;

	second_rc = pool_abort(p, &own);
}

static void one_has_consumed_it(void)
{
	ck_assert((first_rc == 0) != (second_rc == 0));
	ck_assert(first_rc + second_rc == MARU_E_STALE);
	if (first_rc == 0)
		ck_assert_int_eq(pool_delete(p, &key.k), 0);
}

START_TEST(a_buffer_is_consumed_by_one_of_two_that_meet)
{
	open_two();
	most = 128; /* it is in the beginning */
	meet(set_buf, commit, abort_same, one_has_consumed_it);
}
END_TEST

static char got[64];

static void set_value(void)
{
	memset(got, 'o', sizeof(got));
	ck_assert_int_eq(pool_store(p, &key.k, got, sizeof(got)), 0);
	memset(got, 0, sizeof(got));
}

static void read_value(void)
{
	size_t len;

	first_rc =
		maru_read(reader, key.bytes, key.k.len, got, sizeof(got), &len);
}

/* The same block, most likely, under another key. */
static void replace_value(void)
{
	char value[64];

	memset(value, 'n', sizeof(value));
	ck_assert_int_eq(pool_delete(p, &key.k), 0);
	ck_assert_int_eq(pool_store(p, &rival.k, value, sizeof(value)), 0);
}

static void is_whole(void)
{
	ck_assert(first_rc == 0 || first_rc == -ENOENT || first_rc == -EAGAIN);
	for (size_t i = 0; first_rc == 0 && i < sizeof(got); i++)
		ck_assert_int_eq(got[i], 'o');
	ck_assert_int_eq(pool_delete(p, &rival.k), 0);
}

START_TEST(a_copy_without_a_hold_is_whole_or_none)
{
	open_two();
	room_key(p, &rival, 2);
	reader = test_open(MARU_OPEN_RDONLY);
	meet(set_value, read_value, replace_value, is_whole);
}
END_TEST

/* Reapers and who has the slot by then -------------------------------------- */

static struct maru_pool *dead, *next;

static void set_dead(void)
{
	struct client *c = &dead->client;

	c->self = CLIENT_NONE;
	ck_assert_int_eq(client_join(c, "dead"), 0);
	a64_store_rlx(&c->slots[c->self].pid, 0);
	ck_assert_int_eq(dev_lock_drop(&c->lock, CLIENT_LOCK_SLOT + c->self),
			 0);
}

static void reap_dead(void)
{
	client_reap(&p->client, dead->client.self);
}

static void reap_and_join(void)
{
	client_reap(&q->client, dead->client.self);
	ck_assert_int_eq(client_join(&next->client, "next"), 0);
}

static void the_next_one_lives(void)
{
	ck_assert(client_ok(&next->client));
	client_leave(&next->client);
	client_reap(&q->client, dead->client.self);
	ck_assert_int_eq(
		client_state(client_word(&p->client, dead->client.self)),
		CLIENT_FREE);
}

START_TEST(a_reaper_that_the_slots_next_client_meets_leaves_it_alone)
{
	open_two();
	dead = test_open(0);
	next = test_open(0);
	client_leave(&next->client);
	client_leave(&dead->client);
	most = 128; /* until its lock and its second look */
	meet(set_dead, reap_dead, reap_and_join, the_next_one_lives);
	dead->client.self = CLIENT_NONE;
}
END_TEST

int main(void)
{
	const TTest *tests[] = {
		a_pin_that_a_removal_meets_holds_or_is_none,
		a_hold_that_a_removal_meets_holds_or_is_none,
		a_removal_that_a_pin_meets_leaves_it_the_block,
		a_removal_that_the_last_unpin_meets_frees_the_block,
		of_two_inserts_of_a_key_that_meet_one_wins,
		of_two_claims_of_a_key_that_meet_one_wins,
		an_insert_outside_its_home_that_a_removal_meets_is_found,
		a_buffer_is_consumed_by_one_of_two_that_meet,
		a_copy_without_a_hold_is_whole_or_none,
		a_reaper_that_the_slots_next_client_meets_leaves_it_alone,
	};

	return test_run("two that meet", TEST_MEM, tests, TEST_LEN(tests));
}
