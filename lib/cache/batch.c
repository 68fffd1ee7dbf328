// SPDX-License-Identifier: BSD-3-Clause
/* Running a group of keys at a time through one verb. */
#include "cache/batch.h"

#include "base/err.h"

int batch_check(const struct maru_keys *keys, uint32_t flags)
{
	uint32_t i;

	if (!keys)
		return err_set(-EINVAL, "keys: NULL");
	if (keys->flags & ~flags)
		return err_set(-EINVAL, "keys: flags 0x%x do not fit this call",
			       keys->flags);
	if (!keys->nr)
		return 0;
	if (!keys->blob || !keys->off)
		return err_set(-EINVAL, "keys: blob or off is NULL");
	if (keys->nr > INT32_MAX)
		return err_set(-EINVAL, "keys: %u are too many", keys->nr);
	for (i = 0; i < keys->nr; i++)
		if (keys->off[i] > keys->off[i + 1])
			return err_set(
				-EINVAL,
				"keys: offset %u is less than the one before",
				i + 1);
	return 0;
}

/* The lines that dir_hold() will want: descriptor, key, own ledger cell. */
static void prefetch_slot(const struct maru_pool *p, const struct dir_key *k)
{
	const struct media_bucket *b =
		&p->dir.buckets[dir_home(&p->dir, k->h.h0)];
	const struct slab *s = &p->slab;
	unsigned i;

	for (i = 0; i < BUCKET_SLOTS; i++) {
		uint64_t slot = slot_load(&b->slot[i]);
		uint32_t idx = slot_idx(slot);

		if (!slot_matches(slot, k->h.h0) || !slab_idx_ok(s, idx))
			continue;
		prefetch_read(slab_block(s, idx));
		prefetch_read(slab_block(s, idx)->key);
		if (s->self != SLAB_NONE)
			prefetch_write(ledger_cell(s, s->self, idx));
		return;
	}
}

void batch_load(struct maru_pool *p, const struct maru_keys *keys,
		uint32_t first, struct batch_group *g)
{
	const unsigned char *blob = keys->blob;
	uint32_t i;

	g->nr = (uint32_t)bits_min(BATCH_GROUP, keys->nr - first);
	for (i = 0; i < g->nr; i++) {
		uint64_t at = keys->off[first + i];

		g->bad[i] = pool_key(p, &g->key[i], blob + at,
				     keys->off[first + i + 1] - at);
		if (!g->bad[i])
			dir_prefetch(&p->dir, &g->key[i]);
	}
	for (i = 0; i < g->nr; i++)
		if (!g->bad[i])
			prefetch_slot(p, &g->key[i]);
}

static void cancel_rest(int *res, uint32_t from, uint32_t nr)
{
	for (; res && from < nr; from++)
		res[from] = -ECANCELED;
}

int batch_run(struct maru_pool *p, const struct maru_keys *keys, batch_fn fn,
	      void *ctx, int good, int *res)
{
	struct batch_group g;
	uint32_t first, i;
	int done = 0;

	for (first = 0; first < keys->nr; first += g.nr) {
		batch_load(p, keys, first, &g);
		for (i = 0; i < g.nr; i++) {
			int rc = g.bad[i] ? g.bad[i] :
					    fn(p, &g.key[i], first + i, ctx);

			if (res)
				res[first + i] = rc;
			done += rc >= good;
			if (rc >= good || !(keys->flags & MARU_PREFIX))
				continue;
			if (res && rc == 0) /* exists: 0 is a miss */
				res[first + i] = -ENOENT;
			cancel_rest(res, first + i + 1, keys->nr);
			return done;
		}
	}
	return done;
}
