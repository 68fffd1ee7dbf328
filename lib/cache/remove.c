// SPDX-License-Identifier: BSD-3-Clause
/* Deleting one entry, or all that nobody holds; waiting for one to come. */
#include "cache/pool.h"

#include "base/err.h"
#include "cache/guarded.h"

#include <sched.h>
#include <time.h>

/* Another thread of this client may be at the same entry for a moment. */
#define DELETE_TRIES 10000

bool pool_drop_claim(struct maru_pool *p, const struct dir_hit *claim)
{
	uint32_t slot = block_owner(claim->word);
	uint64_t w;

	if (client_reap(&p->client, slot))
		return true;
	/* its reaper may be stopped: the one block can be freed by anybody
	 * who has proof, as its word says which life it is of */
	w = slot < p->client.slot_nr ? client_word(&p->client, slot) : 0;
	if ((client_inc(w) & 0xfff) == block_owner_inc(claim->word) &&
	    client_state(w) != CLIENT_FREE && client_alive(&p->client, slot))
		return false;
	dir_undo(&p->dir, claim->idx, slot, block_owner_inc(claim->word),
		 client_sure(&p->client, w));
	return true;
}

static int not_there(struct maru_pool *p, const struct dir_key *k)
{
	struct dir_hit hit;

	if (dir_peek_claim(&p->dir, k, &hit))
		return -ENOENT;
	if (pool_drop_claim(p, &hit))
		return -ENOENT;
	return -EINPROGRESS;
}

int pool_delete(struct maru_pool *p, const struct dir_key *k)
{
	struct dir_hit hit;
	int rc = -EAGAIN, tries;

	dir_settle(&p->dir);
	for (tries = 0; rc == -EAGAIN && tries < DELETE_TRIES; tries++) {
		if (dir_peek(&p->dir, k, &hit)) {
			rc = not_there(p, k);
			/* between the two looks the claim may have become the
			 * entry */
			if (rc != -ENOENT || dir_peek(&p->dir, k, &hit))
				return rc;
		}
		rc = dir_remove(&p->dir, hit.idx, hit.word);
		if (rc == -EAGAIN && tries % 16 == 15)
			sched_yield();
	}
	/* held: perhaps by the dead */
	if (rc == -EBUSY && client_reap_all(&p->client))
		rc = dir_remove(&p->dir, hit.idx, hit.word);
	if (rc == -EAGAIN)
		rc = -EBUSY;
	pool_count(p, rc ? COUNT_busy : COUNT_deletes, 1);
	return rc;
}

int maru_delete(struct maru_pool *pool, const void *key, size_t klen)
{
	struct dir_key k;
	int rc = pool_enter_rw(pool);

	if (unlikely(rc == POOL_GUARDED))
		return guarded_delete(pool, key, klen);
	if (!rc)
		rc = pool_key(pool, &k, key, klen);
	return rc ? rc : pool_delete(pool, &k);
}

int maru_clear(struct maru_pool *pool, uint64_t *nr)
{
	struct slab *s;
	uint64_t deleted = 0;
	uint32_t region, unit;
	int rc = pool_enter_rw(pool);

	if (unlikely(rc == POOL_GUARDED))
		return guarded_clear(pool, nr);
	if (nr)
		*nr = 0;
	if (rc)
		return rc;
	s = &pool->slab;
	dir_settle(&pool->dir);
	client_reap_all(&pool->client);
	for (region = 0; region < s->region_nr; region++)
		for (unit = 0; unit < s->region[region].unit_nr; unit++) {
			uint32_t idx = region << IDX_UNIT_BITS | unit;
			uint64_t w = block_load(slab_block(s, idx));

			if (block_state(w) == BLOCK_LIVE)
				deleted += !dir_remove(&pool->dir, idx, w);
		}
	pool_count(pool, COUNT_deletes, deleted);
	if (nr)
		*nr = deleted;
	return 0;
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* 0 there, -EINPROGRESS claimed, -ENOENT neither. */
static int look(struct maru_pool *p, const struct dir_key *k)
{
	struct dir_hit hit;
	int rc;

	if (!dir_peek(&p->dir, k, &hit))
		return 0;
	rc = not_there(p, k);
	/* between the two looks the claim may have become the entry */
	return rc == -ENOENT && !dir_peek(&p->dir, k, &hit) ? 0 : rc;
}

/*
 * By looking again and again, at most a millisecond apart: nobody has to be
 * told, so nobody's death before telling matters, on this host or another.
 */
int maru_wait(struct maru_pool *pool, const void *key, size_t klen,
	      int timeout_ms)
{
	uint64_t start = now_ns(), pause = 1000;
	struct dir_key k;
	int rc = pool_enter_rw(pool);

	if (unlikely(rc == POOL_GUARDED))
		return guarded_wait(pool, key, klen, timeout_ms);
	if (!rc)
		rc = pool_key(pool, &k, key, klen);
	while (!rc && (rc = look(pool, &k)) == -EINPROGRESS) {
		struct timespec t = { 0, (long)pause };

		if (timeout_ms >= 0 &&
		    now_ns() - start >= (uint64_t)timeout_ms * 1000000)
			return -ETIMEDOUT;
		clock_nanosleep(CLOCK_MONOTONIC, 0, &t, NULL);
		pause = bits_min(pause * 2, 1000000);
		rc = pool_enter_rw(pool);
	}
	return rc;
}
