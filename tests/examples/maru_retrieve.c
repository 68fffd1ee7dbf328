// SPDX-License-Identifier: BSD-3-Clause
/* maru_retrieve(3): a held value cannot change or go. */
#include <maru.h>

#include <stdio.h>
#include <string.h>

/* Sum a value's bytes in place; trust the sum only if the release says so. */
static int sum(struct maru_pool *pool, const char *key, unsigned long *out)
{
	struct maru_view view;
	const unsigned char *p;
	int err;

	err = maru_retrieve(pool, key, strlen(key), &view);
	if (err < 0)
		return err;
	*out = 0;
	p = view.data;
	for (size_t i = 0; i < view.len; i++)
		*out += p[i];
	return maru_release(pool, &view);
}

static int check(struct maru_pool *pool)
{
	static const unsigned char val[] = { 1, 2, 3 };
	struct maru_view one, two;
	unsigned long n;

	if (sum(pool, "k", &n) != -ENOENT)
		return -EINVAL;
	if (maru_store(pool, "k", 1, val, sizeof(val)) != 0)
		return -EINVAL;
	if (sum(pool, "k", &n) != 0 || n != 6)
		return -EINVAL;

	/* Two holds on one entry; it stays until both are given back. */
	if (maru_retrieve(pool, "k", 1, &one) != 0 ||
	    maru_retrieve(pool, "k", 1, &two) != 0)
		return -EINVAL;
	if (one.data != two.data)
		return -EINVAL;
	if (maru_release(pool, &one) != 0)
		return -EINVAL;
	if (maru_delete(pool, "k", 1) != -EBUSY)
		return -EINVAL;
	if (maru_release(pool, &two) != 0)
		return -EINVAL;
	if (maru_release(pool, &two) != MARU_E_STALE)
		return -EINVAL;
	return maru_delete(pool, "k", 1);
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
