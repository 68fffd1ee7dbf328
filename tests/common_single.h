/* SPDX-License-Identifier: BSD-3-Clause */
/* Looking at the pool after every instruction of a call. */
#ifndef TESTS_COMMON_SINGLE_H
#define TESTS_COMMON_SINGLE_H

#include <stdbool.h>
#include <stdint.h>

/** What is wrong at this instruction, or NULL. */
typedef const char *(*single_look_fn)(void);

/** single_can() - does this processor stop after single instructions? */
bool single_can(void);

/**
 * single_through() - call @fn, and @look after each instruction of it
 *
 * Return: how many there were.  The first thing @look found is in *wrong.
 */
uint64_t single_through(void (*fn)(void), single_look_fn look,
			const char **wrong);

/**
 * single_points() - call @fn, and note where it is worth to be met
 * @at: out: numbers of instructions, in order
 *
 * Before it touches memory, in this program's own code, and the first two times
 * only where it goes round.  Return: how many, at most @cap: the first ones.
 */
unsigned single_points(void (*fn)(void), uint64_t *at, unsigned cap);

/**
 * single_meet() - call @fn, and @other once in it, after @nr instructions
 *
 * Return: false if @fn ended before that; then @other was not called.
 */
bool single_meet(void (*fn)(void), uint64_t nr, void (*other)(void));

#endif
