// SPDX-License-Identifier: BSD-3-Clause
/* Counting what is in the pool and who is there. */
#include "cache/pool.h"

#include "base/err.h"
#include "cache/guarded.h"

#include <maru/stat.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static_assert(sizeof(struct maru_counters) == COUNT_NR * sizeof(uint64_t),
	      "counters are an array with names");

static void count_block(const struct maru_pool *p, uint32_t idx,
			struct maru_stats *st)
{
	const struct media_block *b = slab_block(&p->slab, idx);
	uint64_t w = block_load(b);
	uint32_t pins;

	if (block_state(w) == BLOCK_FREE)
		return;
	if (block_state(w) == BLOCK_BAD) {
		st->bad++;
		return;
	}
	st->used_bytes += slab_block_bytes(&p->slab, idx);
	if (block_state(w) == BLOCK_QUARANTINED) {
		st->quarantined++;
		st->quarantined_bytes += slab_block_bytes(&p->slab, idx);
		return;
	}
	if (block_state(w) == BLOCK_OWNED || block_state(w) == BLOCK_READY) {
		st->buffers++;
		st->claims += (w & BLOCK_CLAIMED) != 0;
		return;
	}
	if (block_state(w) == BLOCK_LIVE) {
		st->entries++;
		st->value_bytes += block_len(b);
	}
	pins = ledger_pins(&p->slab, idx);
	st->pinned_entries += pins != 0;
	st->pins += pins;
}

static void add_counters(struct maru_counters *sum, const uint64_t *add)
{
	uint64_t *out = (uint64_t *)(void *)sum;
	unsigned i;

	for (i = 0; i < COUNT_NR; i++)
		out[i] += add[i];
}

static void count_clients(const struct maru_pool *p, struct maru_stats *st)
{
	const struct client *c = &p->client;
	uint64_t n[COUNT_NR];
	uint32_t slot;

	for (slot = 0; slot < c->slot_nr; slot++) {
		st->clients += client_state(client_word(c, slot)) !=
			       CLIENT_FREE;
		client_counters(c, slot, n);
		add_counters(&st->total, n);
		if (slot != c->self)
			continue;
		client_counters_since(c, slot, n);
		add_counters(&st->self, n);
	}
}

static void fill(const struct maru_pool *p, struct maru_stats *st)
{
	const struct slab *s = &p->slab;
	uint32_t region, unit;

	st->regions = s->region_nr;
	st->max_clients = s->client_nr;
	st->numa_node = media_region(&p->media, 0)->dev->numa_node;
	for (region = 0; region < s->region_nr; region++) {
		const struct slab_region *r = &s->region[region];

		st->pool_bytes += r->media ? r->media->sb.region_bytes : 0;
		st->data_bytes += (uint64_t)r->unit_nr << r->unit_shift;
		for (unit = 0; unit < r->unit_nr; unit++)
			count_block(p, region << IDX_UNIT_BITS | unit, st);
	}
	count_clients(p, st);
}

int maru_stats(struct maru_pool *pool, struct maru_stats *out)
{
	struct maru_stats st = { 0 };
	int rc = pool_enter(pool);
	size_t size;

	if (unlikely(rc == POOL_GUARDED))
		return guarded_stats(pool, out);
	if (rc)
		return rc;
	if (!out || out->size < sizeof(size_t) || out->size > 65536)
		return err_set(-EINVAL,
			       "size: set it to sizeof(struct maru_stats)");
	size = out->size;
	fill(pool, &st);
	memset(out, 0, size);
	memcpy(out, &st, bits_min(size, sizeof(st)));
	out->size = size;
	return 0;
}

struct text {
	char *buf;
	size_t cap, len;
};

static void put(struct text *t, const char *name, uint64_t v, const char *sep)
{
	int n = snprintf(t->cap > t->len ? t->buf + t->len : NULL,
			 t->cap > t->len ? t->cap - t->len : 0, "%s\"%s\":%llu",
			 sep, name, (unsigned long long)v);

	t->len += n > 0 ? (size_t)n : 0;
}

static void raw(struct text *t, const char *s)
{
	int n = snprintf(t->cap > t->len ? t->buf + t->len : NULL,
			 t->cap > t->len ? t->cap - t->len : 0, "%s", s);

	t->len += n > 0 ? (size_t)n : 0;
}

static void put_counters(struct text *t, const char *name,
			 const struct maru_counters *c)
{
	const char *sep = "";

	raw(t, ",\"");
	raw(t, name);
	raw(t, "\":{");
#define MARU_X(n, text)        \
	put(t, #n, c->n, sep); \
	sep = ",";
	MARU_COUNTERS(MARU_X)
#undef MARU_X
	raw(t, "}");
}

int maru_stats_json(struct maru_pool *pool, char *buf, size_t cap)
{
	struct text t = { .buf = buf, .cap = cap };
	struct maru_stats st = { .size = sizeof(st) };
	int rc = maru_stats(pool, &st);

	if (rc)
		return rc;
	if (!buf && cap)
		return -EINVAL;
	raw(&t, "{");
	put(&t, "pool_bytes", st.pool_bytes, "");
	put(&t, "data_bytes", st.data_bytes, ",");
	put(&t, "used_bytes", st.used_bytes, ",");
	put(&t, "value_bytes", st.value_bytes, ",");
	put(&t, "entries", st.entries, ",");
	put(&t, "buffers", st.buffers, ",");
	put(&t, "claims", st.claims, ",");
	put(&t, "quarantined", st.quarantined, ",");
	put(&t, "quarantined_bytes", st.quarantined_bytes, ",");
	put(&t, "pinned_entries", st.pinned_entries, ",");
	put(&t, "pins", st.pins, ",");
	put(&t, "regions", st.regions, ",");
	put(&t, "clients", st.clients, ",");
	put(&t, "max_clients", st.max_clients, ",");
	put(&t, "bad", st.bad, ",");
	raw(&t, st.numa_node < 0 ? ",\"numa_node\":-1" : "");
	if (st.numa_node >= 0)
		put(&t, "numa_node", (uint64_t)st.numa_node, ",");
	put_counters(&t, "total", &st.total);
	put_counters(&t, "self", &st.self);
	raw(&t, "}");
	return (int)t.len;
}
