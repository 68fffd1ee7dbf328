// SPDX-License-Identifier: BSD-3-Clause
/* Batches that store, reserve, commit; room for all of them or none. */
#include "cache/batch.h"

#include "base/err.h"
#include "cache/guarded.h"

#include <stdlib.h>
#include <string.h>

static int store_one(struct maru_pool *p, const struct dir_key *k, uint32_t i,
		     void *ctx)
{
	const struct maru_value *v = (const struct maru_value *)ctx + i;

	if (!v->data && v->len)
		return -EINVAL;
	return pool_store(p, k, v->data, v->len);
}

int maru_store_batch(struct maru_pool *pool, const struct maru_keys *keys,
		     const struct maru_value *vals, int *res)
{
	struct maru_value *ctx = (struct maru_value *)(uintptr_t)vals;
	int rc = pool_enter_rw(pool);

	if (unlikely(rc == POOL_GUARDED))
		return guarded_store_batch(pool, keys, vals, res);
	if (!rc)
		rc = batch_check(keys, 0);
	if (!rc && keys->nr && !vals)
		rc = err_set(-EINVAL, "vals: NULL");
	return rc ? rc : batch_run(pool, keys, store_one, ctx, 0, res);
}

static void abort_all(struct maru_pool *p, struct maru_buf *bufs, uint32_t nr)
{
	uint32_t i;

	for (i = 0; i < nr; i++)
		if (bufs[i].ref.version)
			pool_abort(p, &bufs[i]);
	memset(bufs, 0, nr * sizeof(*bufs));
}

int maru_alloc_batch(struct maru_pool *pool, const size_t *lens, uint32_t nr,
		     struct maru_buf *bufs)
{
	int rc = pool_enter_rw(pool);
	uint32_t i, idx;

	if (unlikely(rc == POOL_GUARDED))
		return guarded_alloc_batch(pool, lens, nr, bufs);
	if (!rc && nr && (!lens || !bufs))
		rc = err_set(-EINVAL, "lens or bufs: NULL");
	if (!rc && nr > INT32_MAX)
		rc = err_set(-EINVAL, "nr: %u is too many", nr);
	if (rc || !nr)
		return rc;
	memset(bufs, 0, nr * sizeof(*bufs));
	for (i = 0; i < nr; i++) {
		rc = pool_alloc(pool, lens[i], &idx);
		if (rc) {
			abort_all(pool, bufs, i);
			return rc;
		}
		pool_buf(pool, idx, lens[i], &bufs[i]);
	}
	return (int)nr;
}

struct reserving {
	const size_t *lens;
	struct maru_buf *bufs;
	int failed; /* why all are to be given back */
};

static int reserve_one(struct maru_pool *p, const struct dir_key *k, uint32_t i,
		       void *ctx)
{
	struct reserving *r = ctx;
	int rc;

	if (r->failed)
		return r->failed;
	rc = pool_reserve(p, k, r->lens[i], &r->bufs[i]);
	/* what does not concern this key alone concerns them all */
	if (rc < 0 && rc != -EINPROGRESS)
		r->failed = rc;
	return rc;
}

int maru_reserve_batch(struct maru_pool *pool, const struct maru_keys *keys,
		       const size_t *lens, struct maru_buf *bufs, int *res)
{
	struct reserving r = { .lens = lens, .bufs = bufs };
	int rc = pool_enter_rw(pool), done = 0;
	uint32_t i;

	if (unlikely(rc == POOL_GUARDED))
		return guarded_reserve_batch(pool, keys, lens, bufs, res);
	if (!rc)
		rc = batch_check(keys, 0);
	if (!rc && keys->nr && (!lens || !bufs || !res))
		rc = err_set(-EINVAL, "lens, bufs or res: NULL");
	if (rc || !keys->nr)
		return rc;
	memset(bufs, 0, keys->nr * sizeof(*bufs));
	batch_run(pool, keys, reserve_one, &r, 0, res);
	if (r.failed) {
		abort_all(pool, bufs, keys->nr);
		return r.failed;
	}
	for (i = 0; i < keys->nr; i++)
		done += bufs[i].ref.version != 0;
	return done;
}

static int commit_one(struct maru_pool *p, const struct dir_key *k, uint32_t i,
		      void *ctx)
{
	static const struct maru_commit_opts none;

	return pool_commit(p, (struct maru_buf *)ctx + i, k, &none);
}

int maru_commit_batch(struct maru_pool *pool, const struct maru_keys *keys,
		      struct maru_buf *bufs, int *res)
{
	int rc = pool_enter_rw(pool);

	if (unlikely(rc == POOL_GUARDED))
		return guarded_commit_batch(pool, keys, bufs, res);
	if (!rc)
		rc = batch_check(keys, 0);
	if (!rc && keys->nr && !bufs)
		rc = err_set(-EINVAL, "bufs: NULL");
	return rc ? rc : batch_run(pool, keys, commit_one, bufs, 0, res);
}
