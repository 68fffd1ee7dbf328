/* SPDX-License-Identifier: BSD-3-Clause */
/* Where in the machine a mapping's pages are, as far as the kernel tells. */
#ifndef DEV_PLACE_H
#define DEV_PLACE_H

#include "dev/dev.h"

#define PLACE_NODES 64

struct place {
	uint64_t page_bytes; /* by which the kernel maps it; 0 unknown */
	uint64_t huge_bytes; /* mapped by larger ones */
	uint64_t asked;	     /* pages that were looked for */
	uint64_t absent;     /* of these, not in memory */
	uint64_t untold;     /* of these, the kernel does not say */
	uint64_t node[PLACE_NODES];
};

/**
 * place_map() - ask for the pages of a mapping, or for a sample of them
 *
 * Maps, for this process, what is in memory already, to read; allocates
 * nothing and reads no disk where the kernel tells what is in memory.
 */
void place_map(const struct dev *dev, const struct dev_map *map,
	       struct place *out);

#endif
