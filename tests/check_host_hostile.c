// SPDX-License-Identifier: BSD-3-Clause
/* A table of hosts that says anything at all. */
#include "common_host.h"

#include <stdio.h>
#include <string.h>

#define SEEDS 12u

static struct maru_pool *p;

/* Words that are nearly right are worse than noise. */
static uint64_t odd_entry(uint64_t *seed)
{
	uint64_t r = test_random(seed);

	return r & 1 ? r :
		       host_make((enum host_state)(r >> 1 & 7),
				 (uint32_t)(r >> 8 & 0xff), 0,
				 (uint32_t)(r >> 32));
}

static uint64_t odd_slot(uint64_t *seed)
{
	uint64_t r = test_random(seed);
	uint64_t w = client_make((enum client_state)(r >> 1 & 7),
				 (uint32_t)(r >> 32));

	return r & 1 ? r : client_at(w, (uint32_t)(r >> 8 & 0x7f));
}

/* But for our own entry and slot. */
static void spoil(uint64_t seed)
{
	const struct client *c = &p->client;
	uint32_t i;

	for (i = 0; i < HOST_NR; i++) {
		struct media_host *m = &c->host.all[i];

		if (i == c->host.no)
			continue;
		for (uint64_t *w = (uint64_t *)m; w < (uint64_t *)(m + 1); w++)
			*w = test_random(&seed);
		if (seed & 8) /* as is rarely the case by chance */
			a64_store_full(&m->boot[0], c->me.boot[0]);
		if (seed & 8)
			a64_store_full(&m->boot[1], c->me.boot[1]);
		a64_store_full(&m->word, odd_entry(&seed));
	}
	for (i = 0; i < c->slot_nr; i++)
		if (i != c->self)
			a64_store_full(&c->slots[i].word, odd_slot(&seed));
}

static void look(struct maru_pool *q)
{
	static struct maru_host host[MARU_HOSTS_MAX];
	static struct maru_client client[16];
	int i, nr = maru_hosts(q, host, MARU_HOSTS_MAX);

	ck_assert_int_ge(nr, 1);
	ck_assert_int_le(nr, MARU_HOSTS_MAX);
	for (i = 0; i < nr; i++)
		ck_assert_uint_lt(strlen(host[i].name), sizeof(host[i].name));
	ck_assert_int_le(maru_clients(q, client, 16), 16);
	ck_assert_int_ge(maru_check(q, NULL, NULL), 0);
}

/* What a living host does, for as long as it takes to fence all. */
static void live(void)
{
	uint32_t no;

	host_pass_time(p);
	for (no = 0; no < HOST_NR; no++)
		if (no != p->client.host.no)
			maru_host_confirm(p, no);
	host_pass_time(p);
	ck_assert_int_ge(maru_reap(p), 0);
}

START_TEST(whatever_the_table_says_a_living_host_goes_on)
{
	uint64_t seed;

	p = host_start();
	ck_assert_int_eq(maru_store(p, S("key"), S("value")), 0);
	for (seed = 1; seed <= SEEDS; seed++) {
		spoil(seed);
		look(p);
		live();
		look(p);
		ck_assert_int_eq(maru_exists(p, S("key")), 1);
		ck_assert_int_ge(maru_store(p, &seed, 8, S("value")), 0);
	}
	/* nobody else is mended by this: a repair does it */
	for (uint32_t no = 0; no < HOST_NR; no++)
		if (no != p->client.host.no)
			a64_store_full(host_entry(p, no), 0);
	for (uint32_t i = 0; i < p->client.slot_nr; i++)
		if (i != p->client.self)
			a64_store_full(&p->client.slots[i].word, 0);
}
END_TEST

START_TEST(a_recoverer_beyond_the_table_is_none_and_replaced)
{
	p = host_start();
	/* a word behind the table would be our own slot's, which is active */
	a64_store_full(host_entry(p, 1), host_make(HOST_FENCED, HOST_NR, 0, 0));
	ck_assert_int_eq(maru_tick(p), 0);
	ck_assert_uint_eq(host_of(p, 1).recoverer, 0);
	ck_assert_int_eq(maru_host_confirm(p, 1), 0);
	ck_assert_int_eq(maru_tick(p), 0);
	ck_assert_int_eq(maru_hosts(p, NULL, 0), 1);
}
END_TEST

/* To come, to look, to repair: a code, and an end. */
static void visit(struct maru_pool *none, unsigned id)
{
	const uint32_t repair = MARU_FSCK_REPAIR | MARU_FSCK_TAKEOVER;
	struct maru_open_opts ro = {
		.size = sizeof(ro),
		.flags = MARU_OPEN_RDONLY | MARU_OPEN_INSPECT,
	};
	struct maru_pool *q;

	(void)none, (void)id;
	ck_assert_int_eq(maru_open(test_target(), &ro, &q), 0);
	look(q);
	ck_assert_int_eq(maru_close(q, 0), 0);
	ck_assert_int_le(host_try(MARU_OPEN_NO_BEAT), 0);
	ck_assert_int_eq(host_fsck(0, NULL), 0);
	ck_assert_int_eq(host_fsck(repair, NULL), 0);
	ck_assert_int_eq(host_try(MARU_OPEN_NO_BEAT), 0);
	ck_assert_int_eq(maru_open(test_target(), &ro, &q), 0);
	ck_assert_int_eq(maru_check(q, NULL, NULL), 0);
	ck_assert_int_eq(maru_hosts(q, NULL, 0), 0);
	ck_assert_int_eq(maru_close(q, 0), 0);
}

static void spoil_and_go(struct maru_pool *none, unsigned id)
{
	(void)none, (void)id;
	p = test_open(MARU_OPEN_NO_BEAT);
	spoil((uint64_t)test_scene->no[0]);
	/* as if killed: its own entry is one more that is silent */
}

START_TEST(whatever_the_table_says_a_repair_ends_and_mends_it)
{
	uint64_t seed;

	for (seed = 1; seed <= SEEDS / 3; seed++) {
		host_format(100);
		test_scene->no[0] = (int64_t)seed;
		host_as(spoil_and_go, HOST_ID(1, 1));
		host_as(visit, HOST_ID(2, 1));
	}
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		whatever_the_table_says_a_living_host_goes_on,
		a_recoverer_beyond_the_table_is_none_and_replaced,
		whatever_the_table_says_a_repair_ends_and_mends_it,
	};

	if (!host_possible()) {
		puts("no mount namespaces are permitted here");
		return 77;
	}
	return test_run("host_hostile", TEST_TMPFS, tests, TEST_LEN(tests));
}
