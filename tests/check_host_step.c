// SPDX-License-Identifier: BSD-3-Clause
/* Steps of coming, going, fencing and confirming, each taken alone. */
#include "common_host.h"

#include <stdio.h>

#define LEN 3000
#define NOBODY 5u

enum { SLOT, INC };

/* Coming and going --------------------------------------------------------- */

START_TEST(who_joins_when_its_hosts_entry_has_gone_enters_anew)
{
	struct maru_pool *p = host_start();
	struct client *c = &p->client;

	client_leave(c);
	a64_store_full(host_entry(p, 0), host_make(HOST_FREE, HOST_NONE, 1, 0));
	ck_assert_int_eq(client_join(c, "again"), 0);
	ck_assert_int_eq(host_state(host_word(&c->host, c->host.no)),
			 HOST_ACTIVE);
	ck_assert_uint_eq(client_host(client_word(c, c->self)), c->host.no);
}
END_TEST

START_TEST(who_leaves_does_not_take_the_entry_from_one_that_joins)
{
	struct maru_pool *p = host_start();
	struct client *c = &p->client;
	a64 *word = &c->slots[NOBODY].word;

	client_leave(c);
	a64_store_full(word, client_at(client_make(CLIENT_JOINING, 3), 0));
	host_leave(c);
	ck_assert_int_eq(host_state(host_word(&c->host, 0)), HOST_ACTIVE);
	a64_store_full(word, client_make(CLIENT_FREE, 4));
	ck_assert_int_eq(client_join(c, "again"), 0);
}
END_TEST

START_TEST(a_fenced_host_beats_no_more)
{
	struct maru_pool *p = host_start();
	uint64_t w = host_word(&p->client.host, 0);

	a64_store_full(host_entry(p, 0),
		       host_make(HOST_FENCED, 3, host_epoch(w), host_beats(w)));
	ck_assert(!host_beat(&p->client));
	/* nor in an entry that is another's by now */
	a64_store_full(host_entry(p, 0),
		       host_make(HOST_ACTIVE, HOST_NONE, host_epoch(w) + 1, 0));
	ck_assert(!host_beat(&p->client));
	a64_store_full(host_entry(p, 0), w);
}
END_TEST

/* What a silent host might still do ---------------------------------------- */

static void tell_slot(struct maru_pool *p, unsigned id)
{
	(void)id;
	test_scene->no[SLOT] = p->client.self;
	test_scene->no[INC] = client_inc(p->client.self_word);
	test_stay();
}

/* Host 2 at entry 1 has been killed; its slot and incarnation are told. */
static struct maru_pool *silent(void)
{
	struct maru_pool *p = host_start();

	test_kill(host_staying(p, tell_slot, HOST_ID(2, 1)));
	return p;
}

static void confirm(struct maru_pool *p)
{
	ck_assert_int_eq(maru_host_confirm(p, 1), 0);
	host_pass_time(p);
	ck_assert_int_eq(maru_hosts(p, NULL, 0), 1);
}

START_TEST(slabs_that_a_silent_host_was_taking_stay_as_they_are)
{
	struct maru_pool *p = silent();
	uint32_t slab = p->slab.region[0].slab_nr - 1;
	uint64_t w = slab_word_make(SLAB_CLAIMED, 0,
				    (uint32_t)test_scene->no[SLOT], 1, 8);

	room_slab_set(p, slab, w);
	host_pass_time(p);
	ck_assert_int_eq(host_of(p, 1).state, MARU_HOST_FENCED);
	ck_assert_uint_eq(room_slab(p, slab), w);
	confirm(p);
	ck_assert_int_eq(slab_word_state(room_slab(p, slab)), SLAB_EMPTY);
}
END_TEST

START_TEST(a_block_that_a_fenced_client_took_late_comes_back)
{
	struct maru_pool *p = silent();
	uint32_t slot = (uint32_t)test_scene->no[SLOT];
	uint32_t inc = (uint32_t)test_scene->no[INC];
	struct maru_buf buf;
	uint32_t idx;

	host_pass_time(p);
	/* a block of an extent, taken by the fenced client; its row is gone
	 * through already, and has no bit for it */
	ck_assert_int_eq(maru_alloc(p, LEN, &buf), 0);
	ck_assert(pool_idx(p, &buf.ref, &idx));
	ck_assert_int_eq(maru_abort(p, &buf), 0);
	a64_store_full(&slab_block(&p->slab, idx)->word,
		       block_word(BLOCK_OWNED, 0, slot, inc, 9));
	host_pass_time(p);
	ck_assert_int_eq(room_state(p, idx), BLOCK_OWNED);
	test_sound(p);
	confirm(p);
	ck_assert_int_eq(room_state(p, idx), BLOCK_FREE);
}
END_TEST

START_TEST(a_block_of_no_extent_that_a_silent_host_took_stays_taken)
{
	struct maru_pool *p = silent();
	uint32_t slot = (uint32_t)test_scene->no[SLOT];
	uint32_t idx = p->slab.region[0].unit_nr - 1; /* of an EMPTY slab */
	uint64_t w = block_word(BLOCK_OWNED, 0, slot,
				(uint32_t)test_scene->no[INC], 9);

	a16_store_full(ledger_cell(&p->slab, slot, idx), CELL_OWN);
	a64_store_full(&slab_block(&p->slab, idx)->word, w);
	host_pass_time(p);
	ck_assert_uint_eq(room_word(p, idx), w);
	confirm(p);
	ck_assert_int_eq(room_state(p, idx), BLOCK_FREE);
	ck_assert(room_row_is_zero(p, slot));
}
END_TEST

START_TEST(a_fenced_client_that_is_still_joining_stays_out)
{
	struct maru_pool *p = silent();
	uint32_t slot = (uint32_t)test_scene->no[SLOT];
	uint64_t w = client_word(&p->client, slot), joining;

	joining = client_as(w, CLIENT_JOINING);
	a64_store_full(&p->client.slots[slot].word, joining);
	host_pass_time(p);
	/* the exchange that it would do next fails */
	ck_assert_uint_ne(client_word(&p->client, slot), joining);
	ck_assert_int_eq(client_state(client_word(&p->client, slot)),
			 CLIENT_QUARANTINED);
	confirm(p);
	ck_assert_int_eq(client_state(client_word(&p->client, slot)),
			 CLIENT_FREE);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		who_joins_when_its_hosts_entry_has_gone_enters_anew,
		who_leaves_does_not_take_the_entry_from_one_that_joins,
		a_fenced_host_beats_no_more,
		slabs_that_a_silent_host_was_taking_stay_as_they_are,
		a_block_that_a_fenced_client_took_late_comes_back,
		a_block_of_no_extent_that_a_silent_host_took_stays_taken,
		a_fenced_client_that_is_still_joining_stays_out,
	};

	if (!host_possible()) {
		puts("no mount namespaces are permitted here");
		return 77;
	}
	return test_run("host_step", TEST_TMPFS, tests, TEST_LEN(tests));
}
