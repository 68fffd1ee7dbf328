// SPDX-License-Identifier: BSD-3-Clause
/* maru_check(3): look for faults in a pool that is open and in one that is
 * not. */
#include <maru.h>

#include <stdio.h>

static void print_fault(void *ctx, const struct maru_fault *fault)
{
	unsigned *nr = ctx;

	++*nr;
	fprintf(stderr, "invariant %u: %s%s\n", (unsigned)fault->invariant,
		fault->what, fault->fixed ? " (mended)" : "");
}

/* Check a pool and mend it; 0 when nothing is left that is wrong. */
static int mend(const char *target)
{
	unsigned printed = 0;
	struct maru_fsck_opts opts = {
		.size = sizeof(opts),
		.flags = MARU_FSCK_REPAIR | MARU_FSCK_DATA,
		.fn = print_fault,
		.ctx = &printed,
	};
	struct maru_fsck_result res;
	int err;

	err = maru_fsck(target, &opts, &res);
	if (err < 0) {
		fprintf(stderr, "%s: %s\n", target, maru_errmsg());
		return err;
	}
	return res.fixed == res.faults ? 0 : MARU_E_CORRUPT;
}

static int check(const char *target)
{
	struct maru_fsck_result res;
	struct maru_pool *pool;

	if (maru_open(target, NULL, &pool) < 0)
		return 1;
	if (maru_store(pool, "k", 1, "v", 1) != 0)
		return 2;
	if (maru_check(pool, NULL, NULL) != 0)
		return 3;
	if (mend(target) != -EBUSY)
		return 4; /* no repair under a living client */
	if (maru_fsck(target, NULL, &res) != 0 || res.faults != 0)
		return 5; /* but a look is harmless */
	if (maru_close(pool, 0) < 0)
		return 6;
	if (mend(target) != 0)
		return 7;
	if (maru_fsck(target, NULL, &res) != 0 || res.faults != 0)
		return 8;
	return res.kept == 1 ? 0 : 9;
}

int main(void)
{
	struct maru_create_opts opts = {
		.size = sizeof(opts),
		.bytes = 16 << 20,
		.flags = MARU_CREATE_CRC,
	};
	char target[32];
	int fd, err;

	if (maru_create_mem(&opts, &fd) < 0)
		return 1;
	snprintf(target, sizeof(target), "fd:%d", fd);
	err = check(target);
	if (err)
		fprintf(stderr, "check %d: not as documented\n", err);
	return err != 0;
}
