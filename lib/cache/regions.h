/* SPDX-License-Identifier: BSD-3-Clause */
/* The further regions of a pool: joining them, and one anew that was lost. */
#ifndef CACHE_REGIONS_H
#define CACHE_REGIONS_H

#include "cache/pool.h"
#include "media/region.h"

/** What to do about a region that is not to be had. */
enum regions_lack {
	REGIONS_REFUSE, /* that is an error */
	REGIONS_LOOK,	/* do without it: nothing is written */
	REGIONS_REMAKE, /* make it anew where its target was, or an empty one */
};

/**
 * regions_join() - map all regions but the root, which is mapped and locked
 *
 * Takes their devices out of @g.  On failure the caller unmaps.
 */
int regions_join(struct maru_pool *p, struct media_given *g,
		 enum regions_lack lack);

/**
 * regions_lock() - region @no's lock, so that nobody formats it
 * @lock: out; -1 in it where a read-only handle gets none
 */
int regions_lock(const struct maru_pool *p, struct dev *dev,
		 const struct media_super *sb, uint64_t window,
		 struct dev_lock *lock);

#endif
