// SPDX-License-Identifier: BSD-3-Clause
/* Batches that look, hold, pin and let go. */
#include "cache/batch.h"

#include "base/err.h"
#include "cache/guarded.h"

#include <string.h>

static int exists_one(struct maru_pool *p, const struct dir_key *k, uint32_t i,
		      void *ctx)
{
	struct dir_hit hit;
	int found = !dir_peek(&p->dir, k, &hit);

	(void)i;
	(void)ctx;
	if (!p->rdonly)
		pool_count(p, found ? COUNT_exists_hits : COUNT_exists_misses,
			   1);
	return found;
}

int maru_exists_batch(struct maru_pool *pool, const struct maru_keys *keys,
		      int *res)
{
	int rc = pool_enter(pool);

	if (unlikely(rc == POOL_GUARDED))
		return guarded_exists_batch(pool, keys, res);
	if (!rc)
		rc = batch_check(keys, MARU_PREFIX);
	return rc ? rc : batch_run(pool, keys, exists_one, NULL, 1, res);
}

static int retrieve_one(struct maru_pool *p, const struct dir_key *k,
			uint32_t i, void *ctx)
{
	struct maru_view *views = ctx;

	return pool_retrieve(p, k, &views[i]);
}

int maru_retrieve_batch(struct maru_pool *pool, const struct maru_keys *keys,
			struct maru_view *views, int *res)
{
	int rc = pool_enter_rw(pool);

	if (unlikely(rc == POOL_GUARDED))
		return guarded_retrieve_batch(pool, keys, views, res);
	if (!rc)
		rc = batch_check(keys, MARU_PREFIX);
	if (!rc && keys->nr && !views)
		rc = err_set(-EINVAL, "views: NULL");
	if (rc || !keys->nr)
		return rc;
	memset(views, 0, keys->nr * sizeof(*views));
	return batch_run(pool, keys, retrieve_one, views, 0, res);
}

int maru_release_batch(struct maru_pool *pool, struct maru_view *views,
		       uint32_t nr, int *res)
{
	int rc = pool_enter(pool), done = 0, one;
	uint32_t i;

	if (unlikely(rc == POOL_GUARDED))
		return guarded_release_batch(pool, views, nr, res);
	if (!rc && nr && !views)
		rc = err_set(-EINVAL, "views: NULL");
	if (rc)
		return rc;
	for (i = 0; i < nr; i++) {
		one = views[i].ref.version ? maru_release(pool, &views[i]) : 1;
		done += one == 0;
		if (res)
			res[i] = one > 0 ? 0 : one;
	}
	return done;
}

static int pin_one(struct maru_pool *p, const struct dir_key *k, uint32_t i,
		   void *ctx)
{
	(void)i;
	(void)ctx;
	return pool_pin(p, k, 1);
}

static int unpin_one(struct maru_pool *p, const struct dir_key *k, uint32_t i,
		     void *ctx)
{
	(void)i;
	(void)ctx;
	return pool_unpin(p, k, 1);
}

static int touch_one(struct maru_pool *p, const struct dir_key *k, uint32_t i,
		     void *ctx)
{
	struct dir_hit hit;
	int rc = dir_peek(&p->dir, k, &hit);

	(void)i;
	(void)ctx;
	if (!rc)
		pool_use(p, hit.idx);
	return rc;
}

static int delete_one(struct maru_pool *p, const struct dir_key *k, uint32_t i,
		      void *ctx)
{
	(void)i;
	(void)ctx;
	return pool_delete(p, k);
}

static int run_rw(struct maru_pool *pool, const struct maru_keys *keys,
		  uint32_t flags, batch_fn fn, int *res)
{
	int rc = pool_enter_rw(pool);

	if (!rc)
		rc = batch_check(keys, flags);
	return rc ? rc : batch_run(pool, keys, fn, NULL, 0, res);
}

int maru_pin_batch(struct maru_pool *pool, const struct maru_keys *keys,
		   int *res)
{
	int rc = run_rw(pool, keys, MARU_PREFIX, pin_one, res);

	return unlikely(rc == POOL_GUARDED) ?
		       guarded_pin_batch(pool, keys, res) :
		       rc;
}

int maru_unpin_batch(struct maru_pool *pool, const struct maru_keys *keys,
		     int *res)
{
	int rc = run_rw(pool, keys, 0, unpin_one, res);

	return unlikely(rc == POOL_GUARDED) ?
		       guarded_unpin_batch(pool, keys, res) :
		       rc;
}

int maru_touch_batch(struct maru_pool *pool, const struct maru_keys *keys,
		     int *res)
{
	int rc = run_rw(pool, keys, MARU_PREFIX, touch_one, res);

	return unlikely(rc == POOL_GUARDED) ?
		       guarded_touch_batch(pool, keys, res) :
		       rc;
}

int maru_delete_batch(struct maru_pool *pool, const struct maru_keys *keys,
		      int *res)
{
	int rc = run_rw(pool, keys, 0, delete_one, res);

	return unlikely(rc == POOL_GUARDED) ?
		       guarded_delete_batch(pool, keys, res) :
		       rc;
}
