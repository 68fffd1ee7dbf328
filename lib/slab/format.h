/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Blocks and what hands them out.
 *
 * A unit is the smallest piece of data; slab = 2^n units; extent = a run of
 * slabs cut into blocks of one class.  Every unit has a descriptor (struct
 * media_block); that of a block's first unit is the block's, the others stay
 * FREE and unused.  A block is named by idx = region << 26 | unit.
 */
#ifndef SLAB_FORMAT_H
#define SLAB_FORMAT_H

#include "media/format.h"

#define IDX_UNIT_BITS 26
#define IDX_UNIT_MASK ((1u << IDX_UNIT_BITS) - 1)
#define BLOCK_KEY_INLINE 192u
#define BLOCK_LINE 64u /* of a descriptor: all of it but the key */
#define BLOCK_LEN_MAX ((1ull << 48) - 1)
#define USE_MAX 3u /* chances of an entry before the clock hand */

/*
 * A block's descriptor.  Only block.h changes word.  The rest is written by
 * the owner while OWNED, and never while READY, LIVE or DYING (but use).
 * Written and read in whole 64-bit words, relaxed, as readers may look at a
 * descriptor that is being reused; the word tells them so afterwards.
 */
struct media_block {
	/* state 4 | flags 4 | owner slot 12 | owner incarnation 12 | version */
	a64 word;
	a64 h0; /* 128-bit hash of the key */
	a64 h1;
	a64 size;	/* value's bytes 48 | key's bytes 16 */
	a32 units;	/* of the block */
	a8 use;		/* second chance: 0 to 3; racy on purpose */
	uint8_t prio;	/* 0 */
	uint16_t space; /* namespace, 0 */
	a32 crc_desc;	/* CRC-32C of hash, size, units, key; durable pools */
	a32 crc_data;	/* CRC-32C of the value; MARU_CREATE_CRC */
	uint32_t ttl;	/* 0 */
	a32 birth;	/* seconds since the pool was made */
	uint64_t user;	/* 0 */
	a64 key[24];	/* longer keys lie at the end of the block's data */
};
MEDIA_SIZE(struct media_block, 256);
MEDIA_AT(struct media_block, word, 0);
MEDIA_AT(struct media_block, h0, 8);
MEDIA_AT(struct media_block, h1, 16);
MEDIA_AT(struct media_block, size, 24);
MEDIA_AT(struct media_block, units, 32);
MEDIA_AT(struct media_block, use, 36);
MEDIA_AT(struct media_block, prio, 37);
MEDIA_AT(struct media_block, space, 38);
MEDIA_AT(struct media_block, crc_desc, 40);
MEDIA_AT(struct media_block, crc_data, 44);
MEDIA_AT(struct media_block, ttl, 48);
MEDIA_AT(struct media_block, birth, 52);
MEDIA_AT(struct media_block, user, 56);
MEDIA_AT(struct media_block, key, 64);

/* A slab.  Owner: extent.c; the hints also alloc.c. */
struct media_slab {
	/* state 4 | class 8 | owner 12 | run 16 | version 24 */
	a64 word;
	uint8_t zero[56];
	a64 hint[16]; /* head slab: bit i set: block i may be FREE */
	uint8_t zero2[64];
};
MEDIA_SIZE(struct media_slab, 256);
MEDIA_AT(struct media_slab, word, 0);
MEDIA_AT(struct media_slab, hint, 64);

/* The eviction hand of a class, on a line of its own. */
struct media_hand {
	a64 pos; /* idx of the block to look at next */
	uint8_t zero[56];
};
MEDIA_SIZE(struct media_hand, 64);
MEDIA_AT(struct media_hand, pos, 0);

/*
 * A cell of the pin ledger: row (client) x unit.  Written by its client, and
 * by the reaper after the client's death.
 */
#define CELL_OWN 0x8000u /* this client may own the block to write it */
#define CELL_PINS 0x7fffu

#endif
