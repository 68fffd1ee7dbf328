/* SPDX-License-Identifier: BSD-3-Clause */
/* Looking at the pool after every instruction of a call. */
#ifndef TESTS_COMMON_STEP_H
#define TESTS_COMMON_STEP_H

#include <stdbool.h>
#include <stdint.h>

/** What is wrong at this instruction, or NULL. */
typedef const char *(*step_look_fn)(void);

/** step_can() - does this processor stop after single instructions? */
bool step_can(void);

/**
 * step_through() - call @fn, and @look after each instruction of it
 *
 * Return: how many there were.  The first thing @look found is in *wrong.
 */
uint64_t step_through(void (*fn)(void), step_look_fn look, const char **wrong);

/**
 * step_points() - call @fn, and note where it is worth to be met
 * @at: out: numbers of instructions, in order
 *
 * Before it touches memory, in this program's own code, and the first two times
 * only where it goes round.  Return: how many, at most @cap: the first ones.
 */
unsigned step_points(void (*fn)(void), uint64_t *at, unsigned cap);

/**
 * step_meet() - call @fn, and @other once in it, after @nr instructions
 *
 * Return: false if @fn ended before that; then @other was not called.
 */
bool step_meet(void (*fn)(void), uint64_t nr, void (*other)(void));

#endif
