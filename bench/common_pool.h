/* SPDX-License-Identifier: BSD-3-Clause */
/* The pool a benchmark runs on: in anonymous memory, or where it is told. */
#ifndef BENCH_COMMON_POOL_H
#define BENCH_COMMON_POOL_H

#include <maru.h>

struct bench_pool {
	char target[512]; /* for maru_open() here and in forked children */
	char path[512];	  /* for other programs, while this one lives */
	uint64_t offset;  /* where in the target the pool begins */
	int fd;		  /* of anonymous memory; -1 */
	int made;	  /* 1: it is new */
};

/**
 * bench_pool_make() - make the pool, or find it made, or die
 * @target: path, or NULL for anonymous memory
 *
 * A path that is a pool already is used as it is.
 */
void bench_pool_make(struct bench_pool *p, const char *target,
		     const struct maru_create_opts *opts);

/** bench_pool_open() - join it under @name; 0 or what maru_open() said */
int bench_pool_open(const struct bench_pool *p, const char *name,
		    uint32_t flags, struct maru_pool **pool);

/** bench_pool_drop() - let go of anonymous memory */
void bench_pool_drop(struct bench_pool *p);

#endif
