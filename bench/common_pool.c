/* SPDX-License-Identifier: BSD-3-Clause */
/* The pool a benchmark runs on. */
#include "common_pool.h"
#include "common.h"

#include <stdio.h>
#include <unistd.h>

static void make_anonymous(struct bench_pool *p,
			   const struct maru_create_opts *opts)
{
	const int err = maru_create_mem(opts, &p->fd);

	if (err < 0)
		bench_die(BENCH_CANNOT, "no pool of %s in memory: %s",
			  bench_size((double)opts->bytes), bench_why(err));
	snprintf(p->target, sizeof(p->target), "fd:%d", p->fd);
	snprintf(p->path, sizeof(p->path), "/proc/%d/fd/%d", (int)getpid(),
		 p->fd);
	p->made = 1;
}

void bench_pool_make(struct bench_pool *p, const char *target,
		     const struct maru_create_opts *opts)
{
	int err;

	*p = (struct bench_pool){ .fd = -1, .offset = opts->offset };
	if (!target) {
		make_anonymous(p, opts);
		return;
	}
	if (snprintf(p->target, sizeof(p->target), "%s", target) >=
	    (int)sizeof(p->target))
		bench_die(BENCH_USAGE, "the pool's name is too long");
	snprintf(p->path, sizeof(p->path), "%s", target);
	err = maru_create(target, opts);
	if (err == -EEXIST || err == -EBUSY)
		return;
	if (err < 0)
		bench_die(BENCH_CANNOT, "no pool of %s in %s: %s",
			  bench_size((double)opts->bytes), target,
			  bench_why(err));
	p->made = 1;
}

int bench_pool_open(const struct bench_pool *p, const char *name,
		    uint32_t flags, struct maru_pool **pool)
{
	const struct maru_open_opts opts = {
		.size = sizeof(opts),
		.offset = p->offset,
		.flags = flags,
		.name = name,
	};

	return maru_open(p->target, &opts, pool);
}

void bench_pool_drop(struct bench_pool *p)
{
	if (p->fd >= 0)
		close(p->fd);
	p->fd = -1;
}
