// SPDX-License-Identifier: BSD-3-Clause
/* maru_pin(3): keep an entry; only its own pins can a client take back. */
#include <maru.h>

#include <stdio.h>
#include <string.h>

/* Keep a prompt in the pool for as long as this client lives. */
static int keep(struct maru_pool *pool, const char *key, const void *val,
		size_t len)
{
	int err;

	do {
		err = maru_store(pool, key, strlen(key), val, len);
		if (err >= 0)
			err = maru_pin(pool, key, strlen(key), 1);
	} while (err == -ENOENT); /* evicted in between */
	return err;
}

static int check(struct maru_pool *a, struct maru_pool *b)
{
	if (keep(a, "k", "v", 1) != 0)
		return 1;
	if (maru_pin(a, "k", 1, 2) != 0)
		return 2;
	if (maru_delete(b, "k", 1) != -EBUSY)
		return 3;
	if (maru_unpin(b, "k", 1, 1) != -EINVAL)
		return 4; /* the pins are not b's */
	if (maru_unpin(a, "k", 1, 4) != -EINVAL)
		return 5; /* it has three */
	if (maru_pin(a, "k", 1, MARU_PIN_MAX) != -EOVERFLOW)
		return 6;
	if (maru_pin(a, "k", 1, 0) != -EINVAL)
		return 7;
	if (maru_unpin(a, "k", 1, 3) != 0)
		return 8;
	if (maru_delete(b, "k", 1) != 0)
		return 9;
	return maru_pin(a, "k", 1, 1) == -ENOENT ? 0 : 10;
}

int main(void)
{
	struct maru_create_opts opts = {
		.size = sizeof(opts),
		.bytes = 16 << 20,
	};
	struct maru_pool *a, *b;
	char target[32];
	int fd, err;

	if (maru_create_mem(&opts, &fd) < 0)
		return 1;
	snprintf(target, sizeof(target), "fd:%d", fd);
	/* Two handles are two clients, also in one process. */
	if (maru_open(target, NULL, &a) < 0 || maru_open(target, NULL, &b) < 0)
		return 1;
	err = check(a, b);
	if (!err)
		err = maru_close(a, 0) < 0 || maru_close(b, 0) < 0;
	if (err)
		fprintf(stderr, "check %d: not as documented\n", err);
	return err != 0;
}
