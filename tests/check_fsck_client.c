// SPDX-License-Identifier: BSD-3-Clause
/* Faults in client slots; and what the dead have left, which is none. */
#include "common_fsck.h"

#include <stdio.h>
#include <string.h>

#define NOBODY 5u

static void slot_word(uint64_t w)
{
	a64_store_full(&fsck.p->client.slots[NOBODY].word, w);
}

static void state_9(void)
{
	slot_word(client_make(9, 3));
}

static void hands_anywhere(void)
{
	for (uint32_t i = 0; i <= fsck.p->slab.class_nr; i++)
		a64_store_full(&fsck.p->slab.hands[i].pos,
			       UINT64_MAX - i * 977u);
}

static void hands_past_the_end(void)
{
	for (uint32_t i = 0; i <= fsck.p->slab.class_nr; i++)
		a64_store_full(&fsck.p->slab.hands[i].pos,
			       fsck.p->slab.region[0].unit_nr + i);
}

static void counters_wild(void)
{
	memset(fsck.p->client.lanes, 0xa5,
	       16 * fsck.p->client.lane_nr * sizeof(struct media_lane));
}

static void identity_of_nobody(void)
{
	struct media_client *m = &fsck.p->client.slots[NOBODY];

	a64_store_full(&m->pid, 1);
	a64_store_full(&m->owes, UINT64_MAX);
	memset(m->name, 'x', sizeof(m->name));
}

PLANTED(a_client_slot_in_a_state_that_is_none, state_9, 2,
	"client slot 5: state 9 is none")
HARMLESS(hands_may_point_anywhere, hands_anywhere)
HARMLESS(hands_may_point_past_the_end, hands_past_the_end)
HARMLESS(counters_may_be_anything, counters_wild)
HARMLESS(a_free_slot_may_say_anything_of_itself, identity_of_nobody)

/* The dead: slot GHOST is of a client that is not there any more. */

static void joining(void)
{
	room_ghost(fsck.p, CLIENT_JOINING);
}

static void active(void)
{
	room_ghost(fsck.p, CLIENT_ACTIVE);
}

static void dead_with_nothing(void)
{
	room_ghost(fsck.p, CLIENT_DEAD);
}

static void dead_with_pins(void)
{
	active();
	a16_store_full(ledger_cell(&fsck.p->slab, GHOST, fsck.idx[1]), 3);
	a16_store_full(ledger_cell(&fsck.p->slab, GHOST, fsck.idx[2]), 1);
}

static void dead_while_writing(void)
{
	struct media_block *b = slab_block(&fsck.p->slab, fsck.free);

	active();
	a16_store_full(ledger_cell(&fsck.p->slab, GHOST, fsck.free), CELL_OWN);
	a64_store_full(&b->word,
		       block_word(BLOCK_OWNED, 0, GHOST, GHOST_INC, 9));
	a32_store_rlx(&b->units, 99); /* it had not come to write them */
}

static void dead_while_removing(void)
{
	uint32_t idx = fsck.idx[4];

	active();
	a16_store_full(ledger_cell(&fsck.p->slab, GHOST, idx), CELL_OWN);
	a64_store_full(&slab_block(&fsck.p->slab, idx)->word,
		       block_unowned(room_word(fsck.p, idx), BLOCK_DYING));
}

static void dead_while_claiming(void)
{
	uint32_t slab = fsck.p->slab.region[0].slab_nr - 2;

	active();
	room_slab_set(fsck.p, slab,
		      slab_word_make(SLAB_CLAIMED, 0, GHOST, 2, 8));
	room_slab_set(fsck.p, slab + 1,
		      slab_word_make(SLAB_TAIL, 0, GHOST, 1, 8));
}

static void dead_while_retiring(void)
{
	uint32_t head = fsck_head(FSCK_HUGE);
	uint64_t w = room_slab(fsck.p, head);

	active();
	room_slab_set(fsck.p, head,
		      slab_word_make(SLAB_RETIRING, slab_word_class(w), GHOST,
				     slab_word_run(w), w >> 40));
}

HARMLESS(a_client_that_died_joining, joining)
HARMLESS(a_client_that_died_idle, active)
HARMLESS(a_client_whose_reaper_died, dead_with_nothing)
HARMLESS(a_client_that_died_with_pins, dead_with_pins)
HARMLESS(a_client_that_died_writing, dead_while_writing)
HARMLESS(a_client_that_died_removing, dead_while_removing, .lost = 1u << 4)
HARMLESS(a_client_that_died_taking_slabs, dead_while_claiming)
HARMLESS(a_client_that_died_retiring_slabs, dead_while_retiring)

struct notice {
	char text[512];
	unsigned nr;
};

static void note(void *ctx, const struct maru_fault *fault)
{
	struct notice *n = ctx;

	ck_assert_uint_eq(fault->invariant, 0);
	ck_assert_uint_eq(fault->addr, FAULT_NOWHERE);
	snprintf(n->text, sizeof(n->text), "%s", fault->what);
	n->nr++;
}

START_TEST(what_a_dead_client_has_left_is_named_as_that)
{
	struct notice n = { 0 };
	struct maru_fsck_result res;
	struct maru_fsck_opts o = {
		.size = sizeof(o),
		.fn = note,
		.ctx = &n,
	};

	fsck_populate(0);
	fsck_open();
	for (unsigned no = 0; no < FSCK_NR; no++)
		fsck.idx[no] = no; /* they lie there, one after another */
	dead_with_pins();
	fsck_close();
	ck_assert_int_eq(maru_fsck(test_target(), &o, &res), 0);
	ck_assert_uint_eq(n.nr, 1);
	ck_assert_ptr_nonnull(strstr(
		n.text,
		"client slot 7 died holding 4 pins on 2 entries, 0 buffers, 0 slabs"));
	ck_assert_uint_eq(res.faults, 0);
	ck_assert_uint_eq(res.dead, 1);
}
END_TEST

/* A fault beside it is found as precisely as without the dead one. */
START_TEST(a_fault_beside_a_dead_client_is_found)
{
	struct fsck_report r;
	struct planted f = {
		.invariant = 21,
		.what = "it is being changed by client 5, who is gone",
	};
	uint32_t slab;

	fsck_populate(0);
	fsck_open();
	active();
	slab = fsck.p->slab.region[0].slab_nr - 1;
	room_slab_set(fsck.p, slab,
		      slab_word_make(SLAB_CLAIMED, 0, NOBODY, 1, 8));
	fsck_at(slab << fsck.p->slab.region[0].slab_shift);
	fsck_close();
	r = fsck_check(0, &f);
	ck_assert_uint_eq(r.told, 1);
	ck_assert_uint_eq(r.matched, 1);
	ck_assert_uint_eq(r.notices, 1);
}
END_TEST

static void stay(struct maru_pool *p, unsigned no)
{
	struct maru_view view;

	ck_assert_int_eq(test_hold(p, no, &view), 0);
	test_stay();
}

/* With one alive nothing is said of the others: they may be cleaned up now. */
START_TEST(a_living_client_makes_it_a_live_pool)
{
	struct fsck_report r;
	struct maru_pool *p;
	pid_t child;

	fsck_populate(0);
	fsck_open();
	active();
	fsck_close();
	child = test_staying(stay, 1);
	r = fsck_check(0, NULL);
	ck_assert_uint_eq(r.told, 0);
	ck_assert_uint_eq(r.notices, 0);
	ck_assert_uint_eq(r.res.dead, 0);
	test_kill(child);
	r = fsck_check(0, NULL);
	ck_assert_uint_eq(r.told, 0);
	ck_assert_uint_eq(r.notices, 1);
	p = test_open(0);
	ck_assert_int_eq(test_has(p, 1), 1);
}
END_TEST

START_TEST(options_that_contradict_each_other_are_refused)
{
	static const uint32_t no[] = {
		MARU_FSCK_ONLINE | MARU_FSCK_REPAIR,
		MARU_FSCK_REBUILD,
		MARU_FSCK_CLEAR_BAD,
		0x40,
	};
	struct maru_fsck_opts o = { .size = sizeof(o) };

	fsck_populate(0);
	for (unsigned i = 0; i < TEST_LEN(no); i++) {
		o.flags = no[i];
		ck_assert_int_eq(maru_fsck(test_target(), &o, NULL), -EINVAL);
	}
}
END_TEST

int main(void)
{
	const TTest *tests[] = {
		a_client_slot_in_a_state_that_is_none,
		hands_may_point_anywhere,
		hands_may_point_past_the_end,
		counters_may_be_anything,
		a_free_slot_may_say_anything_of_itself,
		a_client_that_died_joining,
		a_client_that_died_idle,
		a_client_whose_reaper_died,
		a_client_that_died_with_pins,
		a_client_that_died_writing,
		a_client_that_died_removing,
		a_client_that_died_taking_slabs,
		a_client_that_died_retiring_slabs,
		what_a_dead_client_has_left_is_named_as_that,
		a_fault_beside_a_dead_client_is_found,
		a_living_client_makes_it_a_live_pool,
		options_that_contradict_each_other_are_refused,
	};

	return test_run("fsck: clients", TEST_MEM, tests, TEST_LEN(tests));
}
