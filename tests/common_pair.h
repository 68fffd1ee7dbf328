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

/* The first thread's client, the second's, and one that has no slot yet. */
extern struct maru_pool *pair_client[3];

/** pair_open() - a durable pool, and its clients */
void pair_open(void);

/* Whose turn it is: relaxed, so that it orders nothing else. */
void pair_pass(uint32_t to);
void pair_await(uint32_t turn);

/* S1, S2: who makes or retires an extent, and who sees or takes its slabs. */
void pair_claim_extent(void);
void pair_see_extent(void);
void pair_set_extent(void);
void pair_retire(void);
void pair_grab_head(void);
void pair_grab_tail(void);

#endif
