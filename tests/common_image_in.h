/* SPDX-License-Identifier: BSD-3-Clause */
/* What the parts of the image checker share. */
#ifndef TESTS_COMMON_IMAGE_IN_H
#define TESTS_COMMON_IMAGE_IN_H

#include "common_image.h"

#include "client/format.h"
#include "dir/format.h"
#include "media/format.h"
#include "slab/format.h"

#include <string.h>

enum { FREE, OWNED, READY, LIVE, DYING, QUARANTINED, BAD };
enum { EMPTY, CLAIMED, ACTIVE, TAIL, RETIRING };
enum { C_FREE, C_JOINING, C_ACTIVE, C_DEAD, C_QUARANTINED };

#define ASKING_FLAG 0x10u
#define CLAIMED_FLAG 0x20u
#define ONE_BLOCK 255u /* class of an extent that is one block */

struct image {
	const unsigned char *bytes;
	size_t len;
	const struct image_terms *terms;
	struct media_super sb;
	size_t faults;
	unsigned char *covered; /* units that a block in use has */
};

/** An extent, as its head's word tells it. */
struct image_extent {
	uint32_t head, run, class, units, state, owner;
};

void image_fault(struct image *m, unsigned invariant, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static inline uint64_t image_u64(const void *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static inline uint32_t image_u32(const void *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static inline uint16_t image_u16(const void *p)
{
	uint16_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static inline const unsigned char *image_at(const struct image *m,
					    enum section_id id, uint64_t off)
{
	return m->bytes + m->sb.section[id].off + off;
}

static inline const unsigned char *image_block(const struct image *m,
					       uint32_t unit)
{
	return image_at(m, SECTION_BLOCKS, (uint64_t)unit * 256);
}

static inline uint64_t image_word(const struct image *m, uint32_t unit)
{
	return image_u64(image_block(m, unit));
}

static inline uint32_t image_version(uint64_t word)
{
	return (uint32_t)(word >> 32);
}

static inline uint64_t image_slab(const struct image *m, uint32_t slab)
{
	return image_u64(image_at(m, SECTION_SLABS, (uint64_t)slab * 256));
}

static inline uint16_t image_cell(const struct image *m, uint32_t slot,
				  uint32_t unit)
{
	return image_u16(
		image_at(m, SECTION_LEDGER, slot * m->sb.row_bytes + unit * 2));
}

static inline uint64_t image_client(const struct image *m, uint32_t slot)
{
	return image_u64(image_at(m, SECTION_CLIENTS, (uint64_t)slot * 256));
}

static inline bool image_lives(const struct image *m, uint32_t slot)
{
	return slot < m->sb.client_nr && slot < 1024 &&
	       (m->terms->living[slot / 64] >> slot % 64 & 1);
}

static inline uint64_t image_bytes_of(const struct image *m, uint32_t unit)
{
	return (uint64_t)image_u32(image_block(m, unit) + 32)
	       << m->sb.unit_shift;
}

/** image_key_of() - where a block's key is; NULL if it cannot be. */
const unsigned char *image_key_of(const struct image *m, uint32_t unit,
				  uint32_t *klen);

/** image_extent_of() - the extent that a unit lies in; false if in none. */
bool image_extent_of(const struct image *m, uint32_t unit,
		     struct image_extent *e);

/* The rooms, one after another. */
bool image_super(struct image *m);
void image_slabs_check(struct image *m);
void image_blocks_check(struct image *m);
void image_dir_check(struct image *m);
void image_keys_check(struct image *m);
void image_clients_check(struct image *m);
void image_before_check(struct image *m);

#endif
