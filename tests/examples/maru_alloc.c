// SPDX-License-Identifier: BSD-3-Clause
/* maru_alloc(3): write a value in place, then make it visible. */
#include <maru.h>

#include <stdio.h>
#include <string.h>

/* Store n squares without a copy; 0, or MARU_EXISTED. */
static int store_squares(struct maru_pool *pool, const char *key, uint32_t n)
{
	struct maru_buf buf;
	uint32_t *p;
	int err;

	err = maru_alloc(pool, n * sizeof(*p), &buf);
	if (err < 0)
		return err;
	p = buf.data;
	for (uint32_t i = 0; i < n; i++)
		p[i] = i * i;
	return maru_commit(pool, &buf, key, strlen(key), NULL);
}

/* Claim a key, write less than was asked for, hold what was committed. */
static int claim(struct maru_pool *pool)
{
	struct maru_buf buf, other;
	struct maru_view view;
	struct maru_commit_opts opts = {
		.size = sizeof(opts),
		.view = &view,
	};

	if (maru_reserve(pool, "claimed", 7, 4096, &buf) != 0)
		return -EINVAL;
	if (maru_reserve(pool, "claimed", 7, 4096, &other) != -EINPROGRESS)
		return -EINVAL;
	memcpy(buf.data, "short", 5);
	buf.len = 5;
	if (maru_commit(pool, &buf, NULL, 0, &opts) != 0)
		return -EINVAL;
	if (view.len != 5 || memcmp(view.data, "short", 5) != 0)
		return -EINVAL;
	if (maru_release(pool, &view) != 0)
		return -EINVAL;
	if (maru_reserve(pool, "claimed", 7, 4096, &other) != MARU_EXISTED)
		return -EINVAL;
	return 0;
}

/* A claim is no lock: a complete value wins over it. */
static int claim_loses(struct maru_pool *pool)
{
	struct maru_buf buf, copy;

	if (maru_reserve(pool, "lost", 4, 100, &buf) != 0)
		return -EINVAL;
	if (maru_store(pool, "lost", 4, "won", 3) != 0)
		return -EINVAL;
	memset(buf.data, 0, buf.len);
	copy = buf;
	if (maru_commit(pool, &buf, NULL, 0, NULL) != MARU_EXISTED)
		return -EINVAL;
	/* Consumed: using it again, or a copy of it, harms nothing. */
	if (maru_commit(pool, &copy, NULL, 0, NULL) != MARU_E_STALE ||
	    maru_abort(pool, &copy) != MARU_E_STALE)
		return -EINVAL;
	return 0;
}

static int check(struct maru_pool *pool)
{
	struct maru_buf buf;

	if (store_squares(pool, "squares", 100) != 0 ||
	    store_squares(pool, "squares", 100) != MARU_EXISTED)
		return -EINVAL;
	if (claim(pool) != 0 || claim_loses(pool) != 0)
		return -EINVAL;
	if (maru_alloc(pool, 100, &buf) != 0)
		return -EINVAL;
	return maru_abort(pool, &buf);
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
