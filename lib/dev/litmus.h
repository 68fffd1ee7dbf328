/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Litmus tests: is this memory one coherent memory for all who map it?
 *
 *   window:  mark | slot 0 .. slot 63 | area
 *
 *   litmus_meet() --> litmus_run() --> litmus_part()
 *   who is there      one test each    what all have seen
 *
 * The meeting must work where the tests fail.  So each participant writes only
 * the lines of its own slot, each word is written back after a store and
 * fetched anew before a load, and no step needs an exchange: two caches that
 * know nothing of each other can meet, and then lose updates in the area.
 * A slot is picked by chance and looked at in each round; whoever finds
 * another's mark in it picks the next.
 *
 * All waits end: for the others after timeout_ns, for a flag of a test sooner.
 */
#ifndef DEV_LITMUS_H
#define DEV_LITMUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arch/line.h"

#define LITMUS_MEMBERS 16u
#define LITMUS_SLOTS 64u
#define LITMUS_AREA 256u
#define LITMUS_WINDOW 65536u
#define LITMUS_MARK UINT64_C(0x54484f435552414d) /* "MARUCOHT" */
#define LITMUS_GONE UINT64_MAX			 /* phase: gave up */

enum litmus_id {
	LITMUS_IDENTITY,   /* all see what each wrote, line by line */
	LITMUS_ADD,	   /* no addition is lost: 8, 16, 32, 64 bits */
	LITMUS_CAS,	   /* no compare-and-swap is */
	LITMUS_NEIGHBOURS, /* nor where all four share one line */
	LITMUS_LINES,	   /* nor on lines that lie side by side */
	LITMUS_DEKKER,	   /* store mine, fence, load yours: one sees */
	LITMUS_MESSAGE,	   /* data, then a flag: the flag brings the data */
	LITMUS_BYTES,	   /* bytes of one line, each with its own writer */
	LITMUS_STREAM,	   /* as MESSAGE, by non-temporal stores */
	LITMUS_FLUSH,	   /* as MESSAGE, written back and fetched anew */
	LITMUS_NR,
};

/* Written by its participant alone; the first line while meeting. */
struct litmus_slot {
	a64 nonce; /* never 0 */
	a64 told;  /* version, participants, rounds: must be the same */
	a64 check; /* of the two above: the mark is whole */
	a64 beat;
	a64 echo;  /* what follows from the nonces of all */
	a64 phase; /* barriers reached */
	a64 saw[2];
	a64 wrong[LITMUS_NR];
	a64 unused[24 - LITMUS_NR];
};

struct litmus_window {
	union line mark;
	unsigned char unused[4096 - sizeof(union line)];
	struct litmus_slot slot[LITMUS_SLOTS];
	union line area[LITMUS_AREA];
};

_Static_assert(sizeof(struct litmus_slot) == 256, "whole lines");
_Static_assert(sizeof(struct litmus_window) <= LITMUS_WINDOW, "fits");

/* Counts of one test; want and got are of the first that went wrong. */
struct litmus_tally {
	uint64_t tries, wrong, want, got;
};

struct litmus {
	/* given */
	struct litmus_window *w;
	uint32_t nr; /* participants, 2 to LITMUS_MEMBERS */
	uint32_t rounds;
	uint64_t timeout_ns;
	const char *name;	    /* of the target, for messages */
	line_fn write_back, forget; /* or NULL: the processor's own */
	/* found */
	uint32_t rank; /* this one, by order of the nonces */
	uint32_t own;  /* its slot */
	uint64_t nonce, phase;
	struct litmus_slot *slot[LITMUS_MEMBERS]; /* by rank */
	bool stalled; /* a flag never came: do not wait long any more */
	struct litmus_tally tally[LITMUS_NR];
};

/**
 * litmus_meet() - wait until all are there and each sees all others
 *
 * Return: 0; with a message -ETIMEDOUT, nobody or too few came, or not all see
 *	this one; -EINVAL, another was told other numbers; -EBUSY, more came
 *	than there should be, or no slot is left; -errno.
 */
int litmus_meet(struct litmus *l);

/** litmus_barrier() - until all are here; -ETIMEDOUT, or -ECANCELED */
int litmus_barrier(struct litmus *l);

/** litmus_run() - one test; 0 whatever it finds, or as litmus_barrier() */
int litmus_run(struct litmus *l, enum litmus_id id);

/**
 * litmus_part() - add up what all have found wrong, and leave zeroes behind
 *
 * The counts of wrong are those of all participants then.
 */
int litmus_part(struct litmus *l);

/** litmus_clear() - zeroes everywhere, whoever is there */
void litmus_clear(const struct litmus *l);

/** litmus_give_up() - tell the others that this one does not go on */
void litmus_give_up(struct litmus *l);

const char *litmus_name(enum litmus_id id);

/* Between the two files: a word for the others, and a word of another. */
void litmus_tell(const struct litmus *l, a64 *word, uint64_t value);
uint64_t litmus_ask(const struct litmus *l, const a64 *word);

/* litmus_pause() - wait a little in a loop's round number @round */
void litmus_pause(unsigned round);
uint64_t litmus_now(void);

#endif
