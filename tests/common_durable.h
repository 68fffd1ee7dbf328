/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Keys that must be there, whoever was killed.
 *
 * Each worker has keys of its own in a pool with ample room.  It notes in
 * memory that outlives it what it is about to do with one, and what came of
 * it; who takes its place reads that and goes on.  What is noted as stored
 * must be found by everybody, what is noted as absent by nobody.
 */
#ifndef TESTS_COMMON_DURABLE_H
#define TESTS_COMMON_DURABLE_H

#include "common_load.h"

#define DURABLE_WORKERS 56
#define DURABLE_KEYS 256      /* of a worker */
#define DURABLE_FIRST 1000000 /* number of the first key */

/* version << 2 | enum fate, shared by all. */
struct durable {
	uint32_t note[DURABLE_WORKERS][DURABLE_KEYS];
};

struct durable_worker {
	struct durable *keys;
	struct maru_pool *pool;
	struct load_board *board;
	unsigned me, nr; /* nr: of all workers */
};

/** durable_step() - do something with a key that @random chooses. */
void durable_step(struct durable_worker *w, uint64_t random);

struct durable_count {
	uint64_t there, lost, back, wrong;
};

/** durable_count() - is all as it was noted, now that nobody works? */
struct durable_count durable_count(struct durable *keys, struct maru_pool *pool,
				   unsigned workers);

#endif
