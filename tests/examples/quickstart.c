// SPDX-License-Identifier: BSD-3-Clause
/* maru(7): a pool in memory, one value, found and read in place. */
#include <maru.h>

#include <stdio.h>
#include <string.h>

static int hello(const char *target)
{
	struct maru_pool *pool;
	struct maru_view view;
	int err;

	err = maru_open(target, NULL, &pool);
	if (err < 0) {
		fprintf(stderr, "%s: %s\n", target, maru_errmsg());
		return err;
	}
	err = maru_store(pool, "greeting", 8, "hello", 5);
	if (err >= 0)
		err = maru_retrieve(pool, "greeting", 8, &view);
	if (err >= 0) {
		printf("%.*s\n", (int)view.len, (const char *)view.data);
		err = maru_release(pool, &view);
	}
	maru_close(pool, MARU_CLOSE_FORCE);
	return err;
}

int main(void)
{
	struct maru_create_opts opts = {
		.size = sizeof(opts),
		.bytes = 16 << 20,
	};
	char target[32];
	int fd;

	if (maru_create_mem(&opts, &fd) < 0) {
		fprintf(stderr, "%s\n", maru_errmsg());
		return 1;
	}
	snprintf(target, sizeof(target), "fd:%d", fd);
	/* The second time the value is there already. */
	return hello(target) < 0 || hello(target) < 0;
}
