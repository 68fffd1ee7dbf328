// SPDX-License-Identifier: BSD-3-Clause
/* maru_hosts(3): who shares the pool, and signs of life of one's own. */
#include <maru.h>

#include <stdio.h>
#include <stdlib.h>

/* Print the hosts that have been declared gone and may still store. */
static int print_unsure(struct maru_pool *pool)
{
	struct maru_host host[MARU_HOSTS_MAX];
	int nr = maru_hosts(pool, host, MARU_HOSTS_MAX);

	for (int i = 0; i < nr; i++)
		if (host[i].state == MARU_HOST_FENCED)
			printf("%u %s\n", (unsigned)host[i].no, host[i].name);
	return nr;
}

static int check(struct maru_pool *pool)
{
	struct maru_host host[MARU_HOSTS_MAX];

	if (print_unsure(pool) != 1)
		return 1; /* nobody but us */
	if (maru_hosts(pool, host, MARU_HOSTS_MAX) != 1 || !host[0].self)
		return 2;
	if (maru_tick(pool) != 0)
		return 3;
	/* we live */
	if (maru_host_confirm(pool, host[0].no) != -EBUSY)
		return 4;
	return maru_host_confirm(pool, MARU_HOSTS_MAX) == -ENOENT ? 0 : 5;
}

int main(void)
{
	struct maru_create_opts opts = {
		.size = sizeof(opts),
		.bytes = 16 << 20,
		.share = MARU_SHARE_FABRIC,
	};
	struct maru_open_opts open_opts = {
		.size = sizeof(open_opts),
		.flags = MARU_OPEN_NO_BEAT, /* maru_tick() is ours to call */
	};
	char target[32], locks[] = "/tmp/maru-example.XXXXXX", command[64];
	struct maru_pool *pool;
	int fd, err;

	/* a pool that hosts share has its locks there, on each of them */
	if (!mkdtemp(locks) || setenv("MARU_LOCK_DIR", locks, 1))
		return 1;
	if (maru_create_mem(&opts, &fd) < 0)
		return 1;
	snprintf(target, sizeof(target), "fd:%d", fd);
	if (maru_open(target, &open_opts, &pool) < 0)
		return 1;
	err = check(pool);
	if (!err)
		err = maru_close(pool, 0) < 0;
	snprintf(command, sizeof(command), "rm -r %s", locks);
	if (system(command))
		return 1;
	if (err)
		fprintf(stderr, "check %d: not as documented\n", err);
	return err != 0;
}
