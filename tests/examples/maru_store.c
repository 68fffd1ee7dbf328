// SPDX-License-Identifier: BSD-3-Clause
/* maru_store(3): the first writer wins; read a value of unknown length. */
#include <maru.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Read a value of any length; the caller frees *val. */
static int read_all(struct maru_pool *pool, const char *key, void **val,
		    size_t *len)
{
	size_t cap = 64;
	int err;

	do {
		*val = malloc(cap);
		if (!*val)
			return -ENOMEM;
		err = maru_read(pool, key, strlen(key), *val, cap, len);
		if (err < 0) {
			free(*val);
			*val = NULL;
			cap = *len; /* of use after -ENOBUFS */
		}
	} while (err == -ENOBUFS);
	return err;
}

static int check(struct maru_pool *pool)
{
	char big[1000];
	size_t len = 0;
	void *val;

	memset(big, 'x', sizeof(big));
	if (maru_store(pool, "k", 1, big, sizeof(big)) != 0)
		return -EINVAL;
	if (maru_store(pool, "k", 1, "other", 5) != MARU_EXISTED)
		return -EINVAL;
	if (read_all(pool, "k", &val, &len) < 0)
		return -EINVAL;
	if (len != sizeof(big) || memcmp(val, big, len) != 0)
		return -EINVAL;
	free(val);
	/* A value may be empty; then no buffer is needed to read it. */
	if (maru_store(pool, "empty", 5, NULL, 0) != 0)
		return -EINVAL;
	if (maru_read(pool, "empty", 5, NULL, 0, &len) != 0 || len != 0)
		return -EINVAL;
	if (maru_read(pool, "absent", 6, NULL, 0, &len) != -ENOENT)
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
