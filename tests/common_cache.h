/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Memory that is not coherent, of threads and buffers.
 *
 * A participant works in a buffer of its own, its cache.  A thread goes over
 * its lines in an order by chance: it writes a line that was changed back to
 * the shared memory, as a whole, and fetches one that was not.  So what is
 * stored is seen by others some time later, in any order, and what two caches
 * change in one line at a time is lost.  Flushes and fences do nothing.
 *
 * Or there is no thread, and lines are written back and fetched only by
 * soft_cache_write_back() and soft_cache_forget(): caches that are kept
 * coherent by software alone.
 */
#ifndef TESTS_COMMON_CACHE_H
#define TESTS_COMMON_CACHE_H

#include <pthread.h>

#include "dev/litmus.h"

struct soft_cache {
	union line *own, *base, *shared; /* base: as last fetched or written */
	size_t nr;			 /* lines */
	a32 stop;
	unsigned seed;
	bool by_hand; /* no thread */
	pthread_t thread;
};

/** soft_cache_start() - a cache over @nr lines of @shared; 0 or -errno */
int soft_cache_start(struct soft_cache *c, void *shared, size_t nr);

/** soft_cache_by_hand() - the same without a thread */
int soft_cache_by_hand(struct soft_cache *c, void *shared, size_t nr);

/* Of whichever of the last two caches by hand that the line is in. */
void soft_cache_write_back(const void *line);
void soft_cache_forget(const void *line);

/** soft_cache_stop() - write back what was changed, and end */
void soft_cache_stop(struct soft_cache *c);

#endif
