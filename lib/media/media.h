/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Superblock, sections and mapped regions of a pool.
 *
 * The superblock is read once, checked, and kept in private memory; nobody
 * looks at the pool's copy again.  Every other room gets its span by
 * media_at() and bounds what it finds there by the private geometry.
 *
 * Ordering (label: release side -> acquire side, what becomes visible):
 *  M1: media_map() -> media_region()   a region's private description
 *  M2: change() -> media_state()       what was done before saying so
 */
#ifndef MEDIA_MEDIA_H
#define MEDIA_MEDIA_H

#include "dev/dev.h"
#include "media/format.h"

/* One mapped region: a private, checked copy of its geometry. */
struct media_region {
	struct media_super sb;
	struct dev *dev;
	uint64_t window; /* the region's start in the device */
	struct dev_map map;
	/* Of a further region: */
	uint32_t copies_ok;   /* superblock copies found whole, by bit */
	struct dev_lock lock; /* nobody formats it */
};

/* Regions that are not there are NULL: only tools look at such a pool. */
struct media {
	struct media_region *region[MEDIA_REGION_MAX];
	const struct dev_map *map[MEDIA_REGION_MAX]; /* map_nr, in any order */
	uint32_t region_nr, map_nr;
	uint32_t copies_ok; /* of region 0: copies found whole, by bit */
	bool durable;	    /* writes must be flushed in order */
	bool survivor;	    /* shared: a host that had it open lives */
};

/* What creation asks for; sizes are settled by media_layout(). */
struct media_plan {
	uint64_t bytes, max_bytes;
	uint32_t unit, client_nr, class_nr, hash_alg, flags, quarantine_ms;
	uint32_t share, host_ms;
	const char *label;
	uint32_t region_no, region_nr; /* nr: 0 for the only one */
};

/**
 * media_layout() - fill in a superblock for @plan
 *
 * Return: 0; -EINVAL or -ENOSPC (region too small) with a message.
 */
int media_layout(const struct media_plan *plan, struct media_super *sb);

/**
 * media_super_check() - may this superblock be believed?
 *
 * CRC, version, features, and that all geometry is in bounds and disjoint.
 * Return: 0; MARU_E_FORMAT or MARU_E_CORRUPT with a message naming @name.
 */
int media_super_check(const struct media_super *sb, uint64_t dev_bytes,
		      const char *name);

/**
 * media_super_read() - find a whole superblock copy
 * @ok: out: bit i is set if copy i is whole
 *
 * Tries A, B, then C where A, B or the device's size say it is.  Two that
 * agree are believed against one; else the first whole one is.
 */
int media_super_read(struct dev *dev, uint64_t window, struct media_super *sb,
		     uint32_t *ok);

/** media_is_of_root() - is this section in region 0 only? */
static inline bool media_is_of_root(enum section_id id)
{
	return id == SECTION_HOSTS ||
	       (id >= SECTION_CONTROL && id < SECTION_DATA &&
		id != SECTION_SLABS && id != SECTION_SLAB_MAPS &&
		id != SECTION_LEDGER && id != SECTION_BLOCKS);
}

/** media_super_crc() - the checksum that a superblock must carry */
uint32_t media_super_crc(const struct media_super *sb);

/* May the pool that is mapped there go?  0 or -errno. */
typedef int (*media_ask_fn)(const struct dev_map *map,
			    const struct media_super *sb, const char *name);

/** media_super_wipe() - no copy of the pool @old is whole any more, if @ask (or NULL) */
int media_super_wipe(struct dev *dev, uint64_t window,
		     const struct media_super *old, media_ask_fn ask);

/** media_super_write() - seal @sb and write copies C, B, A in this order. */
void media_super_write(struct media_region *r, struct media_super *sb);

/** media_map() - map a region by a checked superblock; takes @dev on success */
int media_map(struct media *m, struct dev *dev, uint64_t window,
	      const struct media_super *sb);
/** media_unmap() - forget it; @abandon: and what was made to format it */
void media_unmap(struct media *m, bool abandon);

/** media_region() - region @no of this process, or NULL if it has none. */
struct media_region *media_region(const struct media *m, uint32_t no);

/** media_at() - a section's first byte; @sb was checked, so it is in bounds. */
static inline void *media_at(const struct media_region *r, enum section_id id)
{
	return r->map.base + r->sb.section[id].off;
}

static inline uint64_t media_len(const struct media_region *r,
				 enum section_id id)
{
	return r->sb.section[id].len;
}

/**
 * media_sync() - all regions to the medium
 *
 * Where lines can be flushed values were, each before its entry was visible; so
 * only the tables are, and it takes no time by the pool's size.
 */
int media_sync(const struct media *m);

/** media_zero() - make everything but superblocks and data zero bytes. */
void media_zero(struct media_region *r, bool known_zero);

const char *media_section_name(enum section_id id);
/** media_section_order() - the section that lies at place @no < SECTION_NR */
enum section_id media_section_order(unsigned no);

/** media_shared() - for several hosts? */
static inline bool media_shared(const struct media_region *r)
{
	return r->sb.share == MEDIA_SHARE_FABRIC;
}

/* control.c: was the pool left in order, and under which kernel? */
int media_boot_id(uint64_t id[2]);
bool media_is_clean(const struct media *m);
/** media_is_sound() - false: power was lost, trust no table */
bool media_is_sound(const struct media *m);
/**
 * media_enter() - about to write: MARU_E_CORRUPT if it needs fsck first
 *
 * Twice, before and after taking a client slot: whoever leaves last and finds
 * no slot taken, but the state as it was before it looked, may say "clean".
 */
int media_enter(struct media *m);
/**
 * media_begin_repair() - the tables are about to be made anew
 *
 * Until media_set_clean() the pool is not sound, under no kernel.
 */
void media_begin_repair(struct media *m);
/** media_cancel_repair() - of a fabric pool: somebody else came first */
void media_cancel_repair(struct media *m);
/** media_mark_repair() - nobody may enter, of a pool that is to be formatted */
void media_mark_repair(struct media_control *c, bool on);
/** media_was_repaired_here() - under this kernel, so its values are good */
bool media_was_repaired_here(const struct media *m);
/** media_state() - to be given to media_make_clean() after a look around */
uint64_t media_state(const struct media *m);
/** media_make_clean() - unless somebody has entered since @seen */
void media_make_clean(struct media *m, uint64_t seen);
void media_set_clean(struct media *m); /* alone with it */

/* opener.c: of a pool of one host, which one? */

/** media_note_opener() - this one, under kernel @boot */
void media_note_opener(struct media_control *c, const uint64_t boot[2]);
/** media_refuse_elsewhere() - in use, maybe there: -EBUSY, which names it */
int media_refuse_elsewhere(const struct media_control *c, const char *target);

#endif
