/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Histories: what several processes asked of a few keys, what they were told
 * and when, and whether one after another could have been told the same.
 *
 *   common_history.c        as text and back, the minimal prefix that is wrong
 *   common_history_spec.c   what a key may answer: the sequential specification
 *   common_history_check.c  the search for an order (linearizability)
 *   common_history_run.c    recording: processes that play, are killed, replaced
 *   common_history_play.c   the calls that a player makes
 *
 * A line is what one thread did, in its order; a client is one process.  The
 * struct lies in shared memory while it is written and outlives its writers.
 */
#ifndef TESTS_COMMON_HISTORY_H
#define TESTS_COMMON_HISTORY_H

#include "common.h"

#include <stdio.h>

#define HISTORY_LINES 24u
#define HISTORY_OPS 48u /* of a line */
#define HISTORY_CLIENTS 16u
#define HISTORY_KEYS 4u
#define HISTORY_NO_KEY 0xffffu
#define HISTORY_NEVER UINT64_MAX
#define HISTORY_TORN (UINT64_MAX - 1) /* bytes that nobody has stored */

/* Name of a call in the text, and whether it takes a pin on what it meets. */
#define HISTORY_CALLS(X) \
	X(store, 0)      \
	X(commit, 0)     \
	X(reserve, 0)    \
	X(abort, 0)      \
	X(retrieve, 1)   \
	X(release, 0)    \
	X(read, 1)       \
	X(peek, 0)       \
	X(exists, 0)     \
	X(touch, 0)      \
	X(pin, 1)        \
	X(unpin, 0)      \
	X(delete, 0)     \
	X(wait, 0)       \
	X(evict, 0)      \
	X(reap, 0)       \
	X(unclaim, 0)

enum history_call {
#define HISTORY_X(name, pins) HISTORY_##name,
	HISTORY_CALLS(HISTORY_X)
#undef HISTORY_X
		HISTORY_CALL_NR,
};

/* peek: a read of a read-only handle.  evict: anything that may evict or clear,
 * of no key.  unclaim: the end of a claim whose commit came too late, which is
 * a step of its own; only the checker makes it. */

struct history_op {
	uint64_t begin, end; /* end HISTORY_NEVER: it did not return */
	uint64_t value;	     /* stored; or seen, 0: none */
	int32_t rc;
	uint16_t call, key;
	uint16_t from;	/* op of this line that took the hold or claim, + 1 */
	uint16_t view;	/* commit: with a view of what won */
	uint32_t again; /* release: what the view showed at the end differs */
};

struct history_client {
	uint64_t killed, gone; /* death lies between; HISTORY_NEVER: lives */
	uint64_t reaped;       /* at the latest */
};

struct history_line {
	uint32_t client;
	uint32_t nr; /* begun */
	struct history_op op[HISTORY_OPS];
};

struct history {
	uint32_t pressure; /* what is not held may be evicted, room may lack */
	uint32_t client_nr, line_nr, key_nr;
	uint32_t here, go; /* of the recording */
	struct history_client client[HISTORY_CLIENTS];
	struct history_line line[HISTORY_LINES];
};

/* Text ----------------------------------------------------------------------- */

const char *history_call_name(unsigned call);

/** history_print() - as text, times from the first call on */
void history_print(FILE *f, const struct history *h);

/** history_parse() - from text; what is not of a history is skipped; 0 or -1 */
int history_parse(FILE *f, struct history *h);

/* Checking ------------------------------------------------------------------- */

struct history_verdict {
	int linear;	 /* 1 yes, 0 no, -1 too large to say */
	unsigned key;	 /* that has no order */
	uint64_t points; /* of the largest search */
};

/** history_check() - is there an order, for each key? */
struct history_verdict history_check(const struct history *h);

/**
 * history_shrink() - the shortest beginning of @h that has no order
 *
 * A call that had not returned at its end may have happened or not.
 */
void history_shrink(const struct history *h, struct history *out);

/** history_complain() - it has no order: show why, and keep it in a file */
void history_complain(const struct history *h, uint64_t seed);

struct history_count {
	uint64_t histories, ops, pending, kills;
	uint64_t longest; /* ops of one history */
	uint64_t called[HISTORY_CALL_NR];
};

void history_count(const struct history *h, struct history_count *n);

/* Recording ------------------------------------------------------------------ */

uint64_t history_stamp(void);

struct history_play {
	const char *target;
	struct maru_pool *pool; /* the referee's own handle */
	uint64_t seed;
	uint64_t round; /* no two of one pool are the same */
	int pressure;
	int kills;		  /* kill and stop now and then */
	uint64_t stops, replaced; /* counted */
};

/**
 * history_play() - record one; @h is in shared memory and is made anew
 *
 * Return: 0; -1, and stderr says what went wrong.
 */
int history_play(struct history_play *p, struct history *h);

struct history *history_new(void);
void history_free(struct history *h);

/* The players' side, common_history_play.c. */

struct history_player {
	struct history *h;
	struct history_line *line;
	struct maru_pool *pool;
	uint64_t rnd, round;
	unsigned me; /* line */
	int rdonly;
	struct {
		struct maru_view view;
		uint64_t value;
		uint16_t key, from;
	} held[2];
	struct {
		struct maru_buf buf;
		uint64_t value;
		uint16_t key, from;
	} claim[2];
	uint16_t pin_key, pin_from; /* from 0: none */
	uint16_t values;
};

/** history_move() - one call, recorded. */
void history_move(struct history_player *p);

/** history_leave() - give back all that is held, recorded. */
void history_leave(struct history_player *p);

/** history_ask() - a referee's read of a key, recorded. */
void history_ask(struct history_player *p, unsigned key);

/** history_room() - room for @nr more ops of the line? */
int history_room(const struct history_player *p, unsigned nr);

struct history_op *history_begin(struct history_player *p, unsigned call,
				 unsigned key, uint64_t value);
void history_end(struct history_op *op, int rc);

#endif
