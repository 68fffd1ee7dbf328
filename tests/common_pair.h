/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Several clients in one mapping of this process.
 *
 * ThreadSanitizer goes by addresses: two handles map the pool twice, and are
 * strangers to it.  These share the first one's mapping, but have slots and
 * locks of their own.
 */
#ifndef TESTS_COMMON_PAIR_H
#define TESTS_COMMON_PAIR_H

#include "cache/pool.h"

#include <stdio.h>
#include <unistd.h>

/** pair_must() - or the process ends; for any thread, outside of libcheck */
#define pair_must(cond)                                                \
	do {                                                           \
		if (!(cond)) {                                         \
			fprintf(stderr, "FAIL: %s:%d: %s\n", __FILE__, \
				__LINE__, #cond);                      \
			_exit(1);                                      \
		}                                                      \
	} while (0)

/* What this thread does in the midst of a call, where it flushes. */
extern __thread void (*pair_at_flush)(const void *what);

/** pair_open() - a durable pool; the last client has no slot yet */
void pair_open(struct maru_pool **first, struct maru_pool **second,
	       struct maru_pool **third);

/* Whose turn it is: relaxed, so that it orders nothing else. */
void pair_pass(uint32_t to);
void pair_await(uint32_t turn);

#endif
