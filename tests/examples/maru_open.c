// SPDX-License-Identifier: BSD-3-Clause
/* maru_open(3): a handle does not survive fork(); the child opens its own. */
#include <maru.h>

#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

/* In the child of fork(): leave the parent's handle, open one's own. */
static int reopen(const char *target, struct maru_pool **pool)
{
	struct maru_open_opts opts = {
		.size = sizeof(opts),
		.name = "worker",
	};

	if (maru_exists(*pool, "k", 1) != MARU_E_CLOSED)
		return -EINVAL;
	maru_close(*pool, 0); /* frees this process's memory, no more */
	return maru_open(target, &opts, pool);
}

static int child(const char *target, struct maru_pool *pool)
{
	if (reopen(target, &pool) < 0)
		return 1;
	if (maru_exists(pool, "k", 1) != 1)
		return 1;
	return maru_close(pool, 0) < 0;
}

static int parent(const char *target)
{
	struct maru_region region;
	struct maru_pool *pool;
	int status;
	pid_t pid;

	if (maru_open(target, NULL, &pool) < 0)
		return 1;
	if (maru_region(pool, 0, &region) < 0 || !region.base ||
	    maru_region(pool, 64, &region) != -ENOENT)
		return 1;
	if (maru_store(pool, "k", 1, "v", 1) < 0)
		return 1;
	pid = fork();
	if (pid < 0)
		return 1;
	if (pid == 0)
		_exit(child(target, pool));
	if (waitpid(pid, &status, 0) < 0 || status != 0)
		return 1;
	return maru_sync(pool) < 0 || maru_close(pool, 0) < 0;
}

int main(void)
{
	struct maru_create_opts opts = {
		.size = sizeof(opts),
		.bytes = 16 << 20,
	};
	char target[32];
	int fd;

	if (maru_create_mem(&opts, &fd) < 0)
		return 1;
	snprintf(target, sizeof(target), "fd:%d", fd);
	if (parent(target)) {
		fprintf(stderr, "not as documented: %s\n", maru_errmsg());
		return 1;
	}
	return 0;
}
