// SPDX-License-Identifier: BSD-3-Clause
/* maru_delete(3): what nobody holds can go. */
#include <maru.h>

#include <stdio.h>

/* Empty the pool; tells how many entries stay because they are held. */
static int empty(struct maru_pool *pool, uint64_t *left)
{
	struct maru_stats st = { .size = sizeof(st) };
	int err;

	err = maru_clear(pool, NULL);
	if (err < 0)
		return err;
	err = maru_stats(pool, &st);
	*left = st.entries;
	return err;
}

static int check(struct maru_pool *pool)
{
	struct maru_buf buf;
	uint64_t n;

	for (char c = 'a'; c <= 'd'; c++) {
		if (maru_store(pool, &c, 1, &c, 1) != 0)
			return -EINVAL;
	}
	if (maru_delete(pool, "a", 1) != 0 ||
	    maru_delete(pool, "a", 1) != -ENOENT)
		return -EINVAL;
	if (maru_reserve(pool, "a", 1, 1, &buf) != 0 ||
	    maru_delete(pool, "a", 1) != -EINPROGRESS ||
	    maru_abort(pool, &buf) != 0)
		return -EINVAL;
	if (maru_pin(pool, "b", 1, 1) != 0)
		return -EINVAL;
	if (maru_delete(pool, "b", 1) != -EBUSY)
		return -EINVAL;
	if (empty(pool, &n) != 0 || n != 1)
		return -EINVAL;
	if (maru_evict(pool, 1, &n) != -ENOSPC || n != 0)
		return -EINVAL;
	if (maru_unpin(pool, "b", 1, 1) != 0)
		return -EINVAL;
	if (maru_evict(pool, 1, &n) != 0 || n == 0)
		return -EINVAL;
	return maru_exists(pool, "b", 1);
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
