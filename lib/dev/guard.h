/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Surviving memory that has failed: SIGBUS at an access to a mapping.
 *
 *   guard_enter() .. access .. guard_leave()
 *                      | SIGBUS in the guard's mappings
 *                      '--> back to GUARD_CATCH(), which is then true
 *
 * The recovery point belongs to the thread and to mappings; any other SIGBUS
 * goes to whoever handled it before.  What the thread had begun
 * when it was struck is left as it was, as if the thread had died there.
 */
#ifndef DEV_GUARD_H
#define DEV_GUARD_H

#include <setjmp.h>

#include "dev/dev.h"

struct guard {
	sigjmp_buf env;
	const struct dev_map *const *maps; /* nr of them */
	const struct dev_map *one;	   /* or this one */
	uint32_t nr;
	const struct dev_map *volatile struck; /* which one */
	volatile uint64_t off;		       /* where, from its start */
	struct guard *outer;
};

/**
 * guard_install() - handle SIGBUS, chaining to whoever does so now
 *
 * Counted.  A handler that the program has put in our place since is left
 * there: it may call ours, and else wants it so.
 */
int guard_install(void);
/** guard_remove() - the last one puts back what was there, if ours still is */
void guard_remove(void);

/* In the function that stays on the stack: 0, and nonzero when struck. */
#define GUARD_CATCH(g) sigsetjmp((g)->env, 0)
void guard_enter(struct guard *g, const struct dev_map *map);
/** guard_enter_all() - for @nr mappings; the list stays until guard_leave() */
void guard_enter_all(struct guard *g, const struct dev_map *const *maps,
		     uint32_t nr);
void guard_leave(struct guard *g);

/** guard_inside() - is this thread between the two? */
bool guard_inside(void);

/**
 * guard_run() - run @fn; false: struck, *off bytes from the mapping's start
 *
 * @fn must leave nothing behind when it is left at any access to the mapping.
 */
bool guard_run(const struct dev_map *map, void (*fn)(void *ctx), void *ctx,
	       uint64_t *off);

#endif
