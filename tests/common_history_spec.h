/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One key of a history as the search sees it, and what the key may answer.
 *
 * A step is a call of this key.  A point of the search is how far each line
 * has got, what the key is then, and the earliest instant at which that can
 * have been.  A move leads from a point to a next one; it has a window, the
 * instants at which it may happen.  Of two equal points the earlier one allows
 * all that the later one does, so a move happens as early as it can.
 */
#ifndef TESTS_COMMON_HISTORY_SPEC_H
#define TESTS_COMMON_HISTORY_SPEC_H

#include "common_history.h"

#define SPEC_STEPS (2 * HISTORY_OPS)
#define SPEC_MOVES (2 * HISTORY_LINES * HISTORY_LINES)

struct spec_step {
	const struct history_op *op;
	uint64_t end;  /* HISTORY_NEVER: may not have happened at all */
	uint64_t last; /* and if it did, not after this */
	uint16_t call;
	uint16_t value;	  /* of spec.value */
	uint8_t release;  /* a view: the step of this line that ends it */
	uint8_t crowded;  /* other lines' calls overlap this one */
	uint8_t fleeting; /* a lookup that overlaps may have a pin here */
};

struct spec_line {
	uint32_t nr, client;
	struct spec_step step[SPEC_STEPS];
};

/* A call that may evict, until it has its own place. */
struct spec_evictor {
	uint64_t begin, end;
	uint32_t line, step; /* of this key; else step HISTORY_NO_KEY */
};

struct spec {
	const struct history *h;
	uint32_t line_nr, evictor_nr, value_nr;
	struct spec_line line[HISTORY_LINES];
	struct spec_evictor evictor[HISTORY_LINES * HISTORY_OPS];
	uint64_t value[HISTORY_LINES * HISTORY_OPS + 1]; /* 0: none */
};

/* A pin by key; on which value only the point knows. */
struct spec_pin {
	uint16_t value;	    /* 0: none */
	uint8_t line, step; /* that took it; it may be another's by now */
};

struct spec_point {
	uint64_t now;
	uint16_t value;			/* 0: the key is not there */
	uint8_t claim_line, claim_step; /* line + 1; 0: not claimed */
	uint32_t zero;
	struct spec_pin pin[HISTORY_LINES];
	uint8_t at[HISTORY_LINES];
};

/** spec_make() - the steps of one key */
void spec_make(struct spec *s, const struct history *h, unsigned key);

/** spec_moves() - points that can follow @p; their number */
unsigned spec_moves(const struct spec *s, const struct spec_point *p,
		    struct spec_point out[SPEC_MOVES]);

/** spec_done() - every call that returned has its place */
int spec_done(const struct spec *s, const struct spec_point *p);

#endif
