// SPDX-License-Identifier: BSD-3-Clause
/* maru_devices(3), maru_placement(3): choosing a device, and where pages are. */
#include <maru.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEVICES 64

/* The largest empty device near a node; -ENODEV when there is none. */
static int choose(int node, struct maru_device *best)
{
	struct maru_device *d = calloc(DEVICES, sizeof(*d));
	int nr, err = -ENODEV;

	if (!d)
		return -ENOMEM;
	d[0].size = sizeof(d[0]);
	nr = maru_devices(d, DEVICES);
	best->bytes = 0;
	for (int i = 0; i < nr && i < DEVICES; i++) {
		if (d[i].err || d[i].content != MARU_CONTENT_EMPTY ||
		    d[i].numa_node != node || d[i].bytes <= best->bytes)
			continue;
		*best = d[i];
		err = 0;
	}
	free(d);
	return nr < 0 ? nr : err;
}

/* Open it only if it is the pool that it was when this was written down. */
static int reopen(const char *target, const struct maru_super *was,
		  struct maru_pool **pool)
{
	struct maru_open_opts opts = {
		.size = sizeof(opts),
		.expect_incarnation = was->incarnation,
	};

	memcpy(opts.expect_uuid, was->uuid, sizeof(opts.expect_uuid));
	return maru_open(target, &opts, pool);
}

static int check(struct maru_pool *pool, const char *target)
{
	struct maru_placement p = { .size = sizeof(p) };
	struct maru_pool *other;
	struct maru_super super;
	int err = maru_inspect_super(pool, &super);

	if (!err)
		err = reopen(target, &super, &other);
	if (!err)
		err = maru_close(other, 0);
	if (err)
		return err;
	super.incarnation ^= 1;
	if (reopen(target, &super, &other) != MARU_E_OTHER)
		return -EINVAL;
	err = maru_placement(pool, 0, &p);
	return err ? err : p.asked ? 0 : -EINVAL;
}

int main(void)
{
	struct maru_create_opts opts = {
		.size = sizeof(opts),
		.bytes = 16 << 20,
	};
	struct maru_device best = { 0 };
	struct maru_pool *pool;
	char target[32];
	int fd, err;

	err = choose(0, &best);
	if (!err)
		printf("dax:%s is empty\n", best.name);
	else if (err != -ENODEV)
		fprintf(stderr, "no list of devices: %s\n", maru_errmsg());
	if (maru_create_mem(&opts, &fd) < 0)
		return 1;
	snprintf(target, sizeof(target), "fd:%d", fd);
	if (maru_open(target, NULL, &pool) < 0)
		return 1;
	err = check(pool, target);
	if (!err)
		err = maru_close(pool, 0);
	if (err)
		fprintf(stderr, "not as documented: %s\n", maru_strerror(err));
	return err != 0;
}
