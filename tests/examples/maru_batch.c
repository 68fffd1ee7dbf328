// SPDX-License-Identifier: BSD-3-Clause
/* maru_batch(3): the longest cached prefix, held by one call. */
#include <maru.h>

#include <stdio.h>
#include <string.h>

/* Four keys of one byte, packed. */
static const uint64_t off[] = { 0, 1, 2, 3, 4 };
static const struct maru_keys abcd = { "abcd", off, 4, 0 };
static const struct maru_keys abxd = { "abxd", off, 4, MARU_PREFIX };

/* Use the values of the leading keys; how many, or an error. */
static int use_prefix(struct maru_pool *pool, const struct maru_keys *keys,
		      struct maru_view *views, int *res)
{
	int hits, err;

	hits = maru_retrieve_batch(pool, keys, views, res);
	if (hits <= 0)
		return hits;
	for (int i = 0; i < hits; i++)
		printf("%.*s ", (int)views[i].len, (const char *)views[i].data);
	printf("\n");
	err = maru_release_batch(pool, views, (uint32_t)hits, NULL);
	return err == hits ? hits : MARU_E_STALE;
}

/* Claim what is missing, write it, make it visible. */
static int fill(struct maru_pool *pool, const struct maru_keys *keys)
{
	static const size_t lens[] = { 2, 2, 2, 2 };
	struct maru_buf bufs[4];
	int res[4];

	if (maru_reserve_batch(pool, keys, lens, bufs, res) != 1)
		return -EINVAL;
	if (res[0] != MARU_EXISTED || res[2] != 0)
		return -EINVAL;
	for (uint32_t i = 0; i < keys->nr; i++) {
		if (res[i] == 0)
			memset(bufs[i].data, '0' + i, bufs[i].len);
	}
	/* A buffer that is clear is stale, which harms nothing. */
	if (maru_commit_batch(pool, keys, bufs, res) != 1)
		return -EINVAL;
	return res[0] == MARU_E_STALE && res[2] == 0 ? 0 : -EINVAL;
}

static int check(struct maru_pool *pool)
{
	static const struct maru_value vals[] = {
		{ "one", 3 }, { "two", 3 }, { "three", 5 }, { "four", 4 }
	};
	struct maru_keys claim = abxd;
	struct maru_view views[4];
	int res[4];

	if (maru_store_batch(pool, &abcd, vals, res) != 4 || res[3] != 0)
		return -EINVAL;
	if (maru_store_batch(pool, &abcd, vals, res) != 4 ||
	    res[0] != MARU_EXISTED)
		return -EINVAL;
	if (maru_exists_batch(pool, &abcd, NULL) != 4)
		return -EINVAL;
	if (use_prefix(pool, &abxd, views, res) != 2)
		return -EINVAL;
	if (res[0] != 0 || res[1] != 0 || res[2] != -ENOENT ||
	    res[3] != -ECANCELED)
		return -EINVAL;
	claim.flags = 0;
	if (fill(pool, &claim) != 0)
		return -EINVAL;
	if (maru_delete_batch(pool, &abcd, res) != 4)
		return -EINVAL;
	return maru_delete_batch(pool, &abcd, res) == 0 ? 0 : -EINVAL;
}

int main(void)
{
	struct maru_create_opts opts = {
		.size = sizeof(opts),
		.bytes = 16 << 20,
	};
	struct maru_pool *pool;
	char target[32];
	int fd, err;

	if (maru_create_mem(&opts, &fd) < 0)
		return 1;
	snprintf(target, sizeof(target), "fd:%d", fd);
	if (maru_open(target, NULL, &pool) < 0)
		return 1;
	err = check(pool);
	if (!err)
		err = maru_close(pool, 0);
	if (err)
		fprintf(stderr, "not as documented: %s\n", maru_strerror(err));
	return err != 0;
}
