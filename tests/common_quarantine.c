// SPDX-License-Identifier: BSD-3-Clause
/* Blocks that wait for devices of the dead, by a clock of the test's. */
#include "common_quarantine.h"

#include <string.h>

static uint64_t fake_now(const struct client *c)
{
	(void)c;
	return (uint64_t)NOW;
}

struct maru_pool *wait_clock(struct maru_pool *p)
{
	p->client.now_ns = fake_now;
	return p;
}

struct maru_pool *wait_pool(uint32_t delay_ms, uint32_t clients)
{
	struct maru_create_opts o = test_opts();

	o.quarantine_ms = delay_ms;
	o.max_clients = clients;
	return test_pool(&o);
}

struct maru_pool *wait_start(void)
{
	NOW = 5000 * (int64_t)DELAY_NS;
	return wait_clock(wait_pool(DELAY_MS, 16));
}

struct media_client *wait_slot(struct maru_pool *p, uint32_t slot)
{
	return &p->client.slots[slot];
}

enum client_state wait_state(struct maru_pool *p, uint32_t slot)
{
	return client_state(client_word(&p->client, slot));
}

uint64_t wait_due(struct maru_pool *p, uint32_t slot)
{
	return a64_load_rlx(&wait_slot(p, slot)->due);
}

void wait_make_due(struct maru_pool *p, uint32_t slot)
{
	ck_assert_uint_gt(wait_due(p, slot), 1);
	a64_store_rlx(&wait_slot(p, slot)->due, 1);
}

/* The ghost died in this boot; else nothing of it has to wait. */
void wait_ghost(struct maru_pool *p, enum client_state state)
{
	room_ghost(p, state);
	a64_store_rlx(&wait_slot(p, GHOST)->boot[0], p->client.me.boot[0]);
	a64_store_rlx(&wait_slot(p, GHOST)->boot[1], p->client.me.boot[1]);
}

uint32_t wait_buffer(struct maru_pool *p)
{
	uint32_t idx = room_alloc(p);

	room_ghost_owns(p, idx);
	return idx;
}

uint32_t wait_begun(struct maru_pool *p)
{
	uint32_t idx;

	wait_ghost(p, CLIENT_ACTIVE);
	idx = wait_buffer(p);
	ck_assert_int_eq(client_reap(&p->client, GHOST), 1);
	ck_assert_int_eq(room_state(p, idx), BLOCK_QUARANTINED);
	ck_assert_int_eq(wait_state(p, GHOST), CLIENT_QUARANTINED);
	return idx;
}

void wait_goes_on(struct maru_pool *p, uint32_t idx)
{
	ck_assert_int_eq(client_reap(&p->client, GHOST), 0);
	ck_assert_int_eq(room_state(p, idx), BLOCK_QUARANTINED);
}

void wait_ends(struct maru_pool *p, uint32_t idx)
{
	ck_assert_int_eq(client_reap(&p->client, GHOST), 1);
	ck_assert_int_eq(room_state(p, idx), BLOCK_FREE);
	ck_assert_uint_eq(client_word(&p->client, GHOST),
			  client_make(CLIENT_FREE, GHOST_INC + 1));
	ck_assert_uint_eq(a64_load_rlx(&wait_slot(p, GHOST)->due), 0);
	ck_assert(room_row_is_zero(p, GHOST));
}

void wait_writer(struct maru_pool *pool, unsigned len)
{
	struct maru_buf buf;

	ck_assert_int_eq(maru_alloc(pool, len, &buf), 0);
	memset(buf.data, 0x77, len);
	test_stay();
}
