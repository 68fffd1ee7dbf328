/* SPDX-License-Identifier: BSD-3-Clause */
/* Looking at the pool after every instruction of a call. */
#ifndef TESTS_COMMON_SINGLE_H
#define TESTS_COMMON_SINGLE_H

#include <stdbool.h>
#include <stdint.h>

/** What is wrong at this instruction, or NULL. */
typedef const char *(*step_look_fn)(void);

/** single_can() - does this processor stop after single instructions? */
bool single_can(void);

/**
 * single_through() - call @fn, and @look after each instruction of it
 *
 * Return: how many there were.  The first thing @look found is in *wrong.
 */
uint64_t single_through(void (*fn)(void), step_look_fn look, const char **wrong);

#endif
