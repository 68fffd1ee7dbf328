// SPDX-License-Identifier: BSD-3-Clause
/* maru_iter_next(3): walk over the entries. */
#include <maru.h>

#include <stdio.h>

/* Bytes of the values of all keys that begin with a byte. */
static int sum_lens(struct maru_pool *pool, unsigned char first, uint64_t *sum)
{
	struct maru_iter it = { 0 };
	struct maru_entry entry;
	int more;

	*sum = 0;
	while ((more = maru_iter_next(pool, &it, &entry)) == 1) {
		if (entry.key[0] == first)
			*sum += entry.len;
	}
	return more;
}

static int check(struct maru_pool *pool)
{
	static const char *const keys[] = { "a1", "a2", "b1" };
	uint64_t sum;

	if (sum_lens(pool, 'a', &sum) != 0 || sum != 0)
		return -EINVAL;
	for (int i = 0; i < 3; i++) {
		if (maru_store(pool, keys[i], 2, "value", 5) != 0)
			return -EINVAL;
	}
	if (sum_lens(pool, 'a', &sum) != 0 || sum != 10)
		return -EINVAL;
	if (sum_lens(pool, 'b', &sum) != 0 || sum != 5)
		return -EINVAL;
	return 0;
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
