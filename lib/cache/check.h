/* SPDX-License-Identifier: BSD-3-Clause */
/* Looking at all rooms at once. */
#ifndef CACHE_CHECK_H
#define CACHE_CHECK_H

#include "base/fault.h"
#include "cache/pool.h"

/* More checks of the caller's, with the same sink. */
typedef void (*check_more_fn)(struct maru_pool *p, struct fault_sink *sink);

/** check_all() - one look; sink->live says what may be believed */
void check_all(struct maru_pool *p, struct fault_sink *sink);

/** check_others() - is a client at work, or cannot it be told? */
bool check_others(struct maru_pool *p);

/**
 * check_sure() - look, and tell only what is surely so, whoever is at work
 * @more: or NULL
 *
 * What was found while others work must be found in every one of several
 * looks, each of which reads it twice; at rest one look is enough, unless
 * somebody came meanwhile.
 * Return: 0; -ENOMEM.
 */
int check_sure(struct maru_pool *p, struct fault_sink *sink,
	       check_more_fn more);

#endif
