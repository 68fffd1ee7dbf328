// SPDX-License-Identifier: BSD-3-Clause
/* Which hosts share the pool, and what is known of them. */
#include "cache/pool.h"

#include "cache/guarded.h"

#include <string.h>

static uint32_t count_clients(const struct client *c, uint32_t no)
{
	uint32_t slot, nr = 0;

	for (slot = 0; slot < c->slot_nr; slot++) {
		uint64_t w = client_word(c, slot);

		nr += client_state(w) != CLIENT_FREE && client_host(w) == no;
	}
	return nr;
}

static void describe(const struct client *c, uint32_t no, uint64_t w,
		     struct maru_host *out)
{
	const struct media_host *m = &c->host.all[no];
	/* relaxed: H1 ordered them */
	uint64_t boot[2] = { a64_load_rlx(&m->boot[0]),
			     a64_load_rlx(&m->boot[1]) };

	memset(out, 0, sizeof(*out));
	out->no = no;
	out->state = (enum maru_host_state)host_state(w);
	out->self = no == c->host.no;
	out->recoverer = host_by(w);
	out->clients = count_clients(c, no);
	out->beats = host_state(w) == HOST_CLAIMED ? 0 : host_beats(w);
	out->silent_ms = host_silent_ns(&c->host, no, w) / 1000000;
	for (unsigned i = 0; i < 16; i++)
		out->boot[i] = (unsigned char)(boot[i / 8] >> (56 - i % 8 * 8));
	memcpy(out->name, m->name, sizeof(out->name) - 1);
}

int maru_hosts(struct maru_pool *pool, struct maru_host *out, size_t cap)
{
	const struct client *c;
	uint32_t no;
	size_t nr = 0;
	int rc = pool_enter(pool);

	if (unlikely(rc == POOL_GUARDED))
		return guarded_hosts(pool, out, cap);
	if (rc)
		return rc;
	if (!out && cap)
		return -EINVAL;
	c = &pool->client;
	for (no = 0; c->host.all && no < HOST_NR; no++) {
		uint64_t w = host_word(&c->host, no);

		if (host_state(w) == HOST_FREE)
			continue;
		if (nr < cap)
			describe(c, no, w, &out[nr]);
		nr++;
	}
	return (int)nr;
}

int maru_host_confirm(struct maru_pool *pool, uint32_t no)
{
	int rc = pool_enter_rw(pool);

	if (unlikely(rc == POOL_GUARDED))
		return guarded_host_confirm(pool, no);
	return rc ? rc : host_confirm(&pool->client, no);
}

int maru_tick(struct maru_pool *pool)
{
	int rc = pool_enter_rw(pool);

	if (unlikely(rc == POOL_GUARDED))
		return guarded_tick(pool);
	if (rc)
		return rc;
	client_tick(&pool->client);
	return host_tick(&pool->client);
}
