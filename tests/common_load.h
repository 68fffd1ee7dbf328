/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A mixed load on a pool that checks what it is told at every step.
 *
 * A loader is one thread of one client.  It keeps views, pins and claims for a
 * while, so that whoever kills it or evicts meets something.  What it does and
 * finds stands on its board, in memory that a parent can read.  The board is
 * counted relaxed: the load shall not order what the library must.
 */
#ifndef TESTS_COMMON_LOAD_H
#define TESTS_COMMON_LOAD_H

#include "common.h"

#define LOAD_HELD 6

struct load_board {
	uint64_t ops;
	uint64_t no_room; /* -ENOSPC */
	uint64_t wrong;	  /* values whose bytes or length were wrong */
	uint64_t bad;	  /* answers that no call may give here */
	uint64_t op;	  /* enum load_op, now */
	char text[160];	  /* of the first thing wrong or bad */
};

struct load_view {
	struct maru_view view;
	uint64_t no;
};

struct load {
	struct maru_pool *pool;
	struct load_board *board;
	uint64_t rnd;
	uint64_t keys;	/* numbers 0 to keys - 1 */
	size_t len_max; /* of a value; nearly all are far shorter */
	struct load_view held[LOAD_HELD];
	struct maru_buf claim; /* version 0: none */
	uint64_t claim_no;
	uint64_t pinned; /* number, or UINT64_MAX */
};

void load_start(struct load *l, struct maru_pool *pool,
		struct load_board *board, uint64_t seed);

/** load_step() - one call or a few that belong together. */
void load_step(struct load *l);

/** load_end() - give back all that is held. */
void load_end(struct load *l);

/** load_len() - bytes of the value of number @no. */
size_t load_len(const struct load *l, uint64_t no);

/** load_op_name() - what a board's op means. */
const char *load_op_name(uint64_t op);

/** load_bad() - note an answer that must not be. */
void load_bad(struct load_board *board, const char *what, int rc, uint64_t no);

/** load_wrong() - note wrong bytes. */
void load_wrong(struct load_board *board, const char *what, uint64_t no);

/** load_count() - what the board says, safe against its writer. */
uint64_t load_count(const uint64_t *counter);

#endif
