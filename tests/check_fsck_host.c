// SPDX-License-Identifier: BSD-3-Clause
/* Faults in the table of hosts and in what slots say of it. */
#include "common_fsck.h"

#define NOBODY 5u
#define ENTRY 9u

static void entry(uint64_t w)
{
	a64_store_full(&fsck.p->client.host.all[ENTRY].word, w);
}

static void slot(uint64_t w)
{
	a64_store_full(&fsck.p->client.slots[NOBODY].word, w);
}

static void entry_state_5(void)
{
	entry(host_make((enum host_state)5, HOST_NONE, 3, 0));
}

static void entry_recovered_by_none(void)
{
	entry(host_make(HOST_CONFIRMED, HOST_NR, 3, 0));
}

static void entry_free_but_recovered(void)
{
	entry(host_make(HOST_FREE, 2, 3, 0));
}

static void slot_of_host_64(void)
{
	slot(client_at(client_make(CLIENT_DEAD, 3), HOST_NR));
}

static void slot_of_a_free_entry(void)
{
	slot(client_at(client_make(CLIENT_DEAD, 3), ENTRY));
}

static void slot_free_but_of_a_host(void)
{
	slot(client_at(client_make(CLIENT_FREE, 3), ENTRY));
}

static void slot_marked_but_active(void)
{
	entry(host_make(HOST_CONFIRMED, 0, 3, 0));
	slot(client_at(client_make(CLIENT_ACTIVE, 3), ENTRY) | CLIENT_FENCED);
}

static void slot_of_a_host_in_a_pool_of_one(void)
{
	slot(client_at(client_make(CLIENT_DEAD, 3), ENTRY));
}

static void entry_confirmed(void)
{
	entry(host_make(HOST_CONFIRMED, HOST_NONE, 3, 0));
	slot(client_at(client_make(CLIENT_QUARANTINED, 3), ENTRY) |
	     CLIENT_FENCED);
}

static void slot_joining(void)
{
	slot(client_at(client_make(CLIENT_JOINING, 3), ENTRY));
}

#define FABRIC .share = MARU_SHARE_FABRIC

PLANTED(a_host_entry_in_a_state_that_is_none, entry_state_5, 39,
	"host entry 9: state 5 is none", FABRIC)
PLANTED(a_host_entry_recovered_by_no_host, entry_recovered_by_none, 39,
	"host entry 9 is recovered by host 64, who is none", FABRIC)
PLANTED(a_free_host_entry_that_is_recovered, entry_free_but_recovered, 39,
	"host entry 9 is recovered by host 2, but not gone", FABRIC)
PLANTED(a_slot_of_a_host_beyond_the_table, slot_of_host_64, 39,
	"client slot 5 names host 64, who is not there", FABRIC)
PLANTED(a_slot_of_a_host_that_has_left, slot_of_a_free_entry, 39,
	"client slot 5 names host 9, who is not there", FABRIC)
PLANTED(a_free_slot_that_names_a_host, slot_free_but_of_a_host, 39,
	"client slot 5 names a host, but is free", FABRIC)
PLANTED(a_working_slot_with_the_mark_of_the_fenced, slot_marked_but_active, 39,
	"client slot 5: its host is gone, but it is not", FABRIC)
PLANTED(a_slot_that_names_a_host_in_a_pool_of_one,
	slot_of_a_host_in_a_pool_of_one, 39,
	"client slot 5 names a host, in a pool of one")
HARMLESS(a_confirmed_host_that_is_not_cleaned_up_after, entry_confirmed, FABRIC)
HARMLESS(one_that_joins_may_name_a_host_that_has_left, slot_joining, FABRIC)

START_TEST(whose_host_left_while_it_joined_and_died_leaves_a_free_slot)
{
	struct maru_create_opts o = test_opts();
	struct maru_pool *p;
	uint64_t w;

	fsck_locks();
	o.share = MARU_SHARE_FABRIC;
	p = test_pool(&o);
	w = client_at(client_make(CLIENT_JOINING, 3), ENTRY);
	a64_store_full(&p->client.slots[NOBODY].word, w);
	ck_assert_int_eq(maru_reap(p), 1);
	ck_assert_uint_eq(client_word(&p->client, NOBODY),
			  client_make(CLIENT_FREE, 4));
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		a_host_entry_in_a_state_that_is_none,
		a_host_entry_recovered_by_no_host,
		a_free_host_entry_that_is_recovered,
		a_slot_of_a_host_beyond_the_table,
		a_slot_of_a_host_that_has_left,
		a_free_slot_that_names_a_host,
		a_working_slot_with_the_mark_of_the_fenced,
		a_slot_that_names_a_host_in_a_pool_of_one,
		a_confirmed_host_that_is_not_cleaned_up_after,
		one_that_joins_may_name_a_host_that_has_left,
		whose_host_left_while_it_joined_and_died_leaves_a_free_slot,
	};

	return test_run("fsck_host", TEST_TMPFS, tests, TEST_LEN(tests));
}
