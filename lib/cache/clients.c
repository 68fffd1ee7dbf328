// SPDX-License-Identifier: BSD-3-Clause
/* Who takes part in the pool. */
#include "cache/pool.h"

#include "cache/guarded.h"

#include <maru/stat.h>
#include <stdlib.h>
#include <string.h>

static void quarantine(const struct client *c, uint32_t slot,
		       struct maru_client *out)
{
	uint64_t in = bits_min(client_due_in(c, slot), c->quarantine_ns);
	const struct slab *s = c->dir->slab;
	uint32_t region, idx;

	out->due_ms = (uint32_t)bits_div_up(in, 1000000);
	for (region = 0; region < s->region_nr; region++)
		for (idx = region << IDX_UNIT_BITS; ledger_walk(s, slot, &idx);
		     idx++)
			out->quarantined++;
}

static void describe(struct maru_pool *p, uint32_t slot,
		     struct maru_client *out)
{
	struct client *c = &p->client;
	const struct media_client *m = &c->slots[slot];
	uint64_t w = client_word(c, slot), buffers;

	memset(out, 0, sizeof(*out));
	out->slot = slot;
	out->incarnation = client_inc(w);
	out->state = (enum maru_client_state)client_state(w);
	out->host = client_host(w);
	/* relaxed: C1 orders them; it may leave while we look */
	out->pid = (int32_t)a64_load_rlx(&m->pid);
	out->joined_ns = a64_load_rlx(&m->joined_ns);
	memcpy(out->name, m->name, sizeof(out->name) - 1);
	if (out->state == MARU_CLIENT_QUARANTINED)
		quarantine(c, slot, out);
	out->alive = c->lock.fd < 0 ? -1 : client_alive(c, slot);
	client_holds(c, slot, &out->pinned_entries, &out->pins, &buffers);
	out->buffers = (uint32_t)buffers;
	client_counters_since(c, slot, (uint64_t *)(void *)&out->counters);
}

static int older(const void *a, const void *b)
{
	const struct maru_client *x = a, *y = b;

	return x->joined_ns < y->joined_ns ? -1 : x->joined_ns > y->joined_ns;
}

int maru_clients(struct maru_pool *pool, struct maru_client *out, size_t cap)
{
	const struct client *c;
	uint32_t slot;
	size_t nr = 0;
	int rc = pool_enter(pool);

	if (unlikely(rc == POOL_GUARDED))
		return guarded_clients(pool, out, cap);
	if (rc)
		return rc;
	if (!out && cap)
		return -EINVAL;
	c = &pool->client;
	for (slot = 0; slot < c->slot_nr; slot++) {
		if (client_state(client_word(c, slot)) == CLIENT_FREE)
			continue;
		if (nr < cap)
			describe(pool, slot, &out[nr]);
		nr++;
	}
	if (cap)
		qsort(out, bits_min(nr, cap), sizeof(*out), older);
	return (int)nr;
}

int maru_reap(struct maru_pool *pool)
{
	int rc = pool_enter_rw(pool);

	if (unlikely(rc == POOL_GUARDED))
		return guarded_reap(pool);
	if (rc)
		return rc;
	dir_settle(&pool->dir);
	return client_reap_all(&pool->client);
}
