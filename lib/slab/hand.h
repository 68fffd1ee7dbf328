/* SPDX-License-Identifier: BSD-3-Clause */
/* The clock hand of a class, shared by all clients. */
#ifndef SLAB_HAND_H
#define SLAB_HAND_H

#include "slab/slab.h"

struct hand_stop {
	struct extent extent;
	uint32_t block;
	bool found;
	bool wrapped; /* a lap ended on the way */
};

/** hand_next() - move on to the next block of the class; false: it has none */
bool hand_next(struct slab *s, uint32_t class, struct hand_stop *stop);

#endif
