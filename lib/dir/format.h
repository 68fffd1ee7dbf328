/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The directory: a table of 64-byte buckets.
 *
 * A slot word is occupied if the block it names has the version it names and
 * a state that may be placed (ASKING, CLAIMED, READY, LIVE, DYING); otherwise
 * it is stale, for ever, and anybody may replace or clear it by CAS.  A word
 * proves nothing: readers compare the block's full key.
 *
 * A key is looked for in its home bucket, the home's buddy (the other half of
 * the 128-byte pair), and both buckets of the pair's alternate pair.
 */
#ifndef DIR_FORMAT_H
#define DIR_FORMAT_H

#include "slab/format.h"

#define BUCKET_SLOTS 7u
#define BUCKET_WAYS 4u /* home, buddy, alternate, its buddy */

/* Owner: insert.c and remove.c. */
struct media_bucket {
	/* version 24 | flags 4 | 0 4 | pending block idx + 1, or 0 */
	a64 head;
	/* tag 20 (top bits of h0) | version 12 (low bits) | block idx + 1 */
	a64 slot[BUCKET_SLOTS];
};
MEDIA_SIZE(struct media_bucket, 64);
MEDIA_AT(struct media_bucket, head, 0);
MEDIA_AT(struct media_bucket, slot, 8);

/* Some key homed here may sit in the buddy, or in the alternate pair. */
#define HEAD_BUDDY 1u
#define HEAD_ALTERNATE 2u

#endif
