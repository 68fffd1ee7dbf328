// SPDX-License-Identifier: BSD-3-Clause
/* maru_exists(3): look without a trace, or leave one on purpose. */
#include <maru.h>

#include <stdio.h>
#include <string.h>

/* Is it there?  Then it will be wanted soon: keep it a while longer. */
static int expect(struct maru_pool *pool, const char *key)
{
	int there = maru_exists(pool, key, strlen(key));

	if (there == 1 && maru_touch(pool, key, strlen(key)) == -ENOENT)
		there = 0; /* went in between */
	return there;
}

static int check(struct maru_pool *pool)
{
	char key[MARU_KEY_MAX + 1] = "";

	if (expect(pool, "k") != 0)
		return -EINVAL;
	if (maru_touch(pool, "k", 1) != -ENOENT)
		return -EINVAL;
	if (maru_store(pool, "k", 1, "v", 1) != 0)
		return -EINVAL;
	if (expect(pool, "k") != 1)
		return -EINVAL;
	/* Keys are bytes, compared in full, of 1 to MARU_KEY_MAX. */
	if (maru_exists(pool, "k\0", 2) != 0)
		return -EINVAL;
	if (maru_exists(pool, key, MARU_KEY_MAX) != 0)
		return -EINVAL;
	if (maru_exists(pool, key, MARU_KEY_MAX + 1) != -EINVAL ||
	    maru_exists(pool, key, 0) != -EINVAL)
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
