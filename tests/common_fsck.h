/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One fault, planted into a populated pool at rest, and what becomes of it.
 *
 * It must be named, mended, and gone; all entries but those that it concerns
 * must be there as before, and all room must come back.
 */
#ifndef TESTS_COMMON_FSCK_H
#define TESTS_COMMON_FSCK_H

#include "common_room.h"

#include "base/fault.h"
#include "cache/open.h"

/* Numbers of entries: each kind lies in extents of its own class. */
enum {
	FSCK_SMALL = 0,	 /* ten of one unit */
	FSCK_THREE = 10, /* five of three units */
	FSCK_WIDE = 15,	 /* three that fill an extent of two slabs */
	FSCK_HUGE = 18,	 /* an extent of its own */
	FSCK_LONG = 19,	 /* a key that lies behind its value */
	FSCK_NR = 20,
};

struct fsck_scene {
	struct maru_pool *p; /* alone with the pool, while planting */
	uint32_t idx[FSCK_NR];
	uint32_t free; /* a FREE block of a small extent */
	uint64_t at;   /* the plant's: the address to be named */
};

extern struct fsck_scene fsck;

struct planted {
	void (*plant)(void);
	unsigned invariant;
	const char *what; /* part of what is said; NULL: it is no fault */
	unsigned nr;	  /* findings in all; 0: one */
	uint32_t lost;	  /* entries that are gone after the repair, by bit */
	unsigned gone;	  /* units that cannot be used any more */
	uint32_t pool;	  /* MARU_CREATE_* besides */
	uint32_t check;	  /* MARU_FSCK_* besides */
	uint32_t share;	  /* MARU_SHARE_* */
};

/** fsck_run() - the whole course of a planted fault */
void fsck_run(const struct planted *f);

#define FSCK_TEST(name, ...)                                      \
	START_TEST(name)                                          \
	{                                                         \
		fsck_run(&(const struct planted){ __VA_ARGS__ }); \
	}                                                         \
	END_TEST

/** What it is, what it breaks, what is said of it; then what is unusual. */
#define PLANTED(name, fn, number, text, ...)                            \
	FSCK_TEST(name, .plant = fn, .invariant = number, .what = text, \
		  __VA_ARGS__)
/** Odd, but no fault: whoever meets it is none the worse. */
#define HARMLESS(name, fn, ...) FSCK_TEST(name, .plant = fn, __VA_ARGS__)

/** fsck_at() - what is planted concerns this block, or unit */
void fsck_at(uint32_t idx);

/** fsck_block() - entry @no's descriptor */
struct media_block *fsck_block(unsigned no);

/** fsck_head() - the slab in which the extent of entry @no begins */
uint32_t fsck_head(unsigned no);

/** fsck_slot() - entry @no's slot word */
a64 *fsck_slot(unsigned no);

/** fsck_home() - its home's head */
a64 *fsck_home(unsigned no);

/** fsck_locks() - a folder of the test's own for locks of shared pools */
void fsck_locks(void);

/** fsck_populate() - the pool, its entries, closed; fsck_open(): alone */
void fsck_populate(uint32_t flags);
void fsck_open(void);
void fsck_close(void);

/** fsck_kept() - the entries but @lost are there, and what they were */
void fsck_kept(struct maru_pool *p, uint32_t lost);

/** fsck_room() - delete all; every unit but @gone can be used again */
void fsck_room(struct maru_pool *p, unsigned gone);

struct fsck_report {
	struct maru_fsck_result res;
	unsigned told, matched, notices;
	char first[256];
};

/** fsck_check() - maru_fsck() with these flags; @f: or NULL, to be matched */
struct fsck_report fsck_check(uint32_t flags, const struct planted *f);

#endif
