// SPDX-License-Identifier: BSD-3-Clause
/* maru_create(3): make a pool; what is there is not formatted by mistake. */
#include <maru.h>

#include <stdio.h>
#include <unistd.h>

/* A pool in memory with blocks for two known value sizes. */
static int make_pool(int *fd)
{
	static const uint64_t classes[] = { 192 << 10, 320 << 10 };
	struct maru_create_opts opts = {
		.size = sizeof(opts),
		.bytes = 64 << 20,
		.label = "example",
		.classes = classes,
		.class_nr = 2,
	};
	int err;

	err = maru_create_mem(&opts, fd);
	if (err < 0)
		fprintf(stderr, "%s\n", maru_errmsg());
	return err;
}

static int refuses(const char *target)
{
	struct maru_create_opts force = {
		.size = sizeof(force),
		.flags = MARU_CREATE_FORCE,
	};
	struct maru_pool *pool;

	if (maru_create(target, NULL) != -EEXIST)
		return 1; /* a pool is there */
	if (maru_open(target, NULL, &pool) < 0)
		return 2;
	if (maru_create(target, &force) != -EBUSY)
		return 3; /* it is in use: forced or not */
	if (maru_close(pool, 0) < 0)
		return 4;
	return maru_create(target, &force) < 0 ? 5 : 0;
}

int main(void)
{
	char target[32];
	int fd, err;

	if (make_pool(&fd) < 0)
		return 1;
	snprintf(target, sizeof(target), "fd:%d", fd);
	err = refuses(target);
	if (err)
		fprintf(stderr, "check %d: %s\n", err, maru_errmsg());
	close(fd);
	return err != 0;
}
