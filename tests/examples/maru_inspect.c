// SPDX-License-Identifier: BSD-3-Clause
/* maru_inspect(3): look into a pool without leaving a trace. */
#include <maru.h>

#include <stdio.h>
#include <string.h>

/* Print where the parts of a pool lie; works on a broken one too. */
static int print_sections(const char *target)
{
	struct maru_open_opts opts = {
		.size = sizeof(opts),
		.flags = MARU_OPEN_RDONLY | MARU_OPEN_INSPECT,
	};
	struct maru_section s;
	struct maru_pool *pool;
	int err;

	err = maru_open(target, &opts, &pool);
	if (err < 0)
		return err;
	for (uint32_t no = 0; !err; no++) {
		err = maru_inspect_section(pool, no, &s);
		if (!err)
			printf("%-16s %12llu %12llu\n", s.name,
			       (unsigned long long)s.off,
			       (unsigned long long)s.len);
	}
	maru_close(pool, 0);
	return err == -ENOENT ? 0 : err;
}

static int check_block(struct maru_pool *pool)
{
	struct maru_iter it = { 0 };
	struct maru_entry entry;
	struct maru_block block;
	struct maru_slab slab;

	if (maru_iter_next(pool, &it, &entry) != 1)
		return 11;
	if (maru_inspect_block(pool, entry.ref.addr, &block) != 0)
		return 12;
	if (block.state != MARU_BLOCK_LIVE || block.pins != 2 ||
	    block.len != 5 || block.klen != 1 || block.key[0] != 'k')
		return 13;
	if (maru_inspect_slab(pool, 0, 0, &slab) != 0)
		return 14;
	return 0;
}

static int check(struct maru_pool *pool, uint32_t slot)
{
	struct maru_super super;
	struct maru_hold hold;
	struct maru_class cl;
	uint64_t pos = 0;

	if (maru_inspect_super(pool, &super) != 0)
		return 1;
	if (strcmp(super.label, "example") != 0 || super.copies_ok != 7)
		return 2;
	if (maru_inspect_class(pool, 0, &cl) != 0 || cl.block == 0)
		return 3;
	if (maru_store(pool, "k", 1, "value", 5) != 0 ||
	    maru_pin(pool, "k", 1, 2) != 0)
		return 4;
	if (maru_inspect_hold(pool, slot, &pos, &hold) != 1 || hold.pins != 2)
		return 5;
	if (maru_inspect_hold(pool, slot, &pos, &hold) != 0)
		return 6;
	return check_block(pool);
}

int main(void)
{
	struct maru_create_opts opts = {
		.size = sizeof(opts),
		.bytes = 16 << 20,
		.label = "example",
	};
	struct maru_client self;
	struct maru_pool *pool;
	char target[32];
	int fd, err;

	if (maru_create_mem(&opts, &fd) < 0)
		return 1;
	snprintf(target, sizeof(target), "fd:%d", fd);
	if (maru_open(target, NULL, &pool) < 0 ||
	    maru_clients(pool, &self, 1) != 1)
		return 1;
	err = check(pool, self.slot);
	if (!err)
		err = print_sections(target) < 0 ? 20 : 0;
	if (err)
		fprintf(stderr, "check %d: not as documented\n", err);
	maru_close(pool, MARU_CLOSE_FORCE);
	return err != 0;
}
