/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A second opinion on a pool's bytes, at rest.
 *
 * It reads an image of a pool by what maru-pool(5) says and by none of the
 * library's code, and tells every invariant that does not hold by its number
 * there.  At rest means: everybody is dead and has been cleaned up after, but
 * for the clients that are named as living, who are in no call.
 */
#ifndef TESTS_COMMON_IMAGE_H
#define TESTS_COMMON_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum image_is { IMAGE_ABSENT, IMAGE_PRESENT, IMAGE_EITHER };

/** What is known of a key. */
struct image_key {
	const void *key;
	size_t klen;
	enum image_is is;
	const void *value; /* NULL: any bytes */
	size_t vlen;
};

/** A cell of a living client's row. */
struct image_hold {
	uint32_t slot, unit;
	uint16_t pins;
	bool own;
};

typedef void (*image_fault_fn)(void *ctx, unsigned invariant, const char *what);

struct image_terms {
	const void *before; /* the same pool's bytes at an earlier time */
	const struct image_key *keys;
	size_t key_nr;
	bool only_keys;	     /* there is no entry but of those keys */
	uint64_t living[16]; /* bit n of the words: client n lives */
	bool exact;	     /* and holds just this: */
	const struct image_hold *holds;
	size_t hold_nr;
	bool quarantine; /* blocks may be QUARANTINED, and so their slots */
	bool cut;	 /* and some of those be FREE already */
	bool bad;	 /* blocks may be BAD */
	image_fault_fn fault;
	void *ctx;
};

/** image_check() - how many faults were found, and told to terms->fault. */
size_t image_check(const void *image, size_t len,
		   const struct image_terms *terms);

/** image_used() - bytes of all blocks that are not FREE. */
uint64_t image_used(const void *image);

/** image_tables() - where the tables end: what changes lies before, or in data */
uint64_t image_tables(const void *image);

/** image_blocks() - how many blocks are in @state, of any flags in @flags. */
unsigned image_blocks(const void *image, unsigned state, uint64_t flags);

/** image_fits() - is @unit a block of its extent, of the size that it says? */
bool image_fits(const void *image, uint32_t unit);

/** image_slabs() - how many slabs are in @state. */
unsigned image_slabs(const void *image, unsigned state);

/** image_clients() - how many client slots are in @state. */
unsigned image_clients(const void *image, unsigned state);

#endif
