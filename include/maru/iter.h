/* SPDX-License-Identifier: BSD-3-Clause */
/* Walk over the entries, while others change them. */
#ifndef MARU_ITER_H
#define MARU_ITER_H

#include <maru/cache.h>
#include <maru/pool.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Where a walk is; copy it to remember a place.  Zero it to start. */
struct maru_iter {
	uint64_t pos;
};

/** An entry as it was at one instant. */
struct maru_entry {
	struct maru_ref ref;
	uint64_t len;	/* bytes of the value */
	uint64_t block; /* bytes of its block */
	uint32_t pins;	/* holds and pins of all clients, when looked at */
	uint16_t klen;
	uint16_t use; /* second-chance counter, 0 to 3 */
	unsigned char key[MARU_KEY_MAX];
};

/**
 * maru_iter_next() - the next entry
 *
 * Every entry that is there from the first call to the last is seen once;
 * one that comes or goes meanwhile may be.  Works on read-only handles.
 * Return: 1 with @entry filled; 0 at the end; negative errno.
 */
int maru_iter_next(struct maru_pool *pool, struct maru_iter *it,
		   struct maru_entry *entry);

#ifdef __cplusplus
}
#endif
#endif
