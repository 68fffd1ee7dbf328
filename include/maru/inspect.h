/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Looking into a pool, live or broken, and mending it.
 *
 * The looking calls take any handle; MARU_OPEN_RDONLY | MARU_OPEN_INSPECT
 * gives one that writes nothing, takes no client slot and also opens a pool
 * that was not closed cleanly or is damaged but for one superblock copy.
 * What they return is what the bytes say, checked for nothing but bounds.
 */
#ifndef MARU_INSPECT_H
#define MARU_INSPECT_H

#include <maru/pool.h>
#include <maru/cache.h>

#ifdef __cplusplus
extern "C" {
#endif

#define MARU_OPEN_INSPECT 0x10u /* with MARU_OPEN_RDONLY: for tools */

/** The superblock. */
struct maru_super {
	unsigned char uuid[16];
	char label[MARU_LABEL_MAX + 1];
	uint16_t major, minor; /* format version */
	uint32_t unit;
	uint64_t compat, ro_compat, incompat; /* feature words */
	uint64_t created_ns;		      /* CLOCK_REALTIME */
	uint64_t bytes, max_bytes;
	uint64_t pages, slabs, buckets;
	uint32_t slab_pages;
	uint32_t max_clients;
	uint32_t create_flags;	/* MARU_CREATE_DURABLE, _SIPHASH, _CRC */
	uint32_t copies_ok;	/* bit i: copy i of 3 is whole */
	uint32_t clean;		/* 1: no client had it open when last written */
	uint32_t quarantine_ms; /* 0: none */
	uint32_t share;		/* MARU_SHARE_* */
	uint32_t host_ms;	/* 0: a pool of one host */
	uint64_t incarnation;	/* another at every creation */
	uint32_t regions;	/* bytes, pages and slabs are of all of them */
};

int maru_inspect_super(struct maru_pool *pool, struct maru_super *out);

/** A section of a region: what lies where. */
struct maru_section {
	char name[16];
	uint64_t off,
		len; /* bytes from the region's start; len 0: it has none */
	uint32_t region;
};

/** maru_inspect_section() - section @no, through all regions in turn;
 * -ENOENT past the last of the last.
 */
int maru_inspect_section(struct maru_pool *pool, uint32_t no,
			 struct maru_section *out);

/** A size class. */
struct maru_class {
	uint64_t block;			/* bytes of a block */
	uint32_t group;			/* slabs of an extent of this class */
	uint32_t exact;			/* 1: registered at creation */
	uint64_t extents, blocks, used; /* counted now */
};

/** maru_inspect_class() - class @no; -ENOENT past the last. */
int maru_inspect_class(struct maru_pool *pool, uint32_t no,
		       struct maru_class *out);

enum maru_slab_state {
	MARU_SLAB_EMPTY = 0,
	MARU_SLAB_CLAIMED = 1,	/* being made part of an extent by @owner */
	MARU_SLAB_ACTIVE = 2,	/* first slab of an extent */
	MARU_SLAB_TAIL = 3,	/* further slab of an extent */
	MARU_SLAB_RETIRING = 4, /* being taken back by @owner */
};

struct maru_slab {
	enum maru_slab_state state;
	uint32_t class_no;
	uint32_t owner; /* client slot while CLAIMED or RETIRING */
	uint32_t run; /* slabs of its extent (head), or distance to the head */
	uint32_t version;
	uint32_t blocks, used, live; /* of the extent, counted now (head) */
	uint64_t block;		     /* bytes of a block */
};

/** maru_inspect_slab() - slab @no of region @region; -ENOENT past the last. */
int maru_inspect_slab(struct maru_pool *pool, uint32_t region, uint64_t no,
		      struct maru_slab *out);

enum maru_block_state {
	MARU_BLOCK_FREE = 0,
	MARU_BLOCK_OWNED = 1,
	MARU_BLOCK_READY = 2,
	MARU_BLOCK_LIVE = 3,
	MARU_BLOCK_DYING = 4,
	MARU_BLOCK_QUARANTINED = 5,
	MARU_BLOCK_BAD = 6,
};

/** A block's descriptor. */
struct maru_block {
	struct maru_ref ref;
	enum maru_block_state state;
	uint32_t claimed; /* 1: OWNED and holding a claim on its key */
	uint32_t owner;	  /* client slot while OWNED, READY or QUARANTINED */
	uint32_t pins;	  /* of all clients */
	uint64_t len, block;
	uint16_t klen, use;
	uint32_t reserved;
	unsigned char key[MARU_KEY_MAX]; /* klen bytes, when it has one */
};

/**
 * maru_inspect_block() - the block that begins at @addr
 *
 * Return: 0; -ENOENT, past the region's end; -ENXIO, no block begins there.
 */
int maru_inspect_block(struct maru_pool *pool, uint64_t addr,
		       struct maru_block *out);

/** A pin row's non-zero cell: who holds what. */
struct maru_hold {
	struct maru_ref ref; /* version as it is now */
	uint32_t pins;
	uint32_t writing; /* 1: this client's buffer */
};

/**
 * maru_inspect_hold() - the next thing client @slot holds
 * @pos: zero to start; moved on
 *
 * Return: 1 with @out filled; 0 at the end; negative errno.
 */
int maru_inspect_hold(struct maru_pool *pool, uint32_t slot, uint64_t *pos,
		      struct maru_hold *out);

/** Something that is not as it must be. */
struct maru_fault {
	uint32_t invariant; /* number in maru-pool(5); 0: a notice, no fault */
	uint32_t fixed;	    /* 1: mended by this run */
	uint64_t addr;	    /* the block concerned, or UINT64_MAX */
	const char *what;   /* names the thing; valid during the call */
};

typedef void (*maru_fault_fn)(void *ctx, const struct maru_fault *fault);

/**
 * maru_check() - look for broken invariants in an open pool
 * @fn: called for each fault, or NULL
 *
 * With other clients at work only what holds at every instant is checked.
 * Return: the number of faults, 0 is clean; negative errno.
 */
int maru_check(struct maru_pool *pool, maru_fault_fn fn, void *ctx);

#define MARU_FSCK_REPAIR 0x01u	/* mend what is broken */
#define MARU_FSCK_DATA 0x02u	/* also read every value that has a checksum */
#define MARU_FSCK_REBUILD 0x04u /* with REPAIR: rebuild even if clean */
#define MARU_FSCK_GUARD 0x08u	/* memory that fails is -EIO, no SIGBUS */
#define MARU_FSCK_ONLINE 0x10u	/* others are at work: only what is sure */
#define MARU_FSCK_CLEAR_BAD 0x20u /* with REPAIR: use bad blocks again */
#define MARU_FSCK_TAKEOVER 0x40u  /* with REPAIR: silent hosts are down */

struct maru_fsck_opts {
	size_t size;	 /* sizeof(struct maru_fsck_opts) */
	uint64_t offset; /* where in the target the pool begins */
	uint32_t flags;	 /* MARU_FSCK_* */
	uint32_t reserved;
	maru_fault_fn fn; /* or NULL */
	void *ctx;
};

/** No size in it: it may grow with a minor version until 1.0, see maru(7). */
struct maru_fsck_result {
	uint64_t faults, fixed;
	uint64_t kept, dropped; /* entries */
	uint64_t freed;		/* buffers and zombies of the dead */
	uint64_t bad;		/* blocks out of use for memory errors */
	uint64_t dead;		/* clients that died and left something */
};

/**
 * maru_fsck() - check a pool that is not open, and repair it if asked to
 *
 * Keeps what is provably whole: the directory, hints, slabs and clients are
 * rebuilt from the descriptors.  A second run finds nothing.
 * Without MARU_FSCK_REPAIR nothing is written and the pool may be in use.
 *
 * Return: 0, look at @res; -EBUSY, repair of a pool in use, or one that has to
 *	wait for devices of the dead; MARU_E_FORMAT, or MARU_E_CORRUPT, no
 *	superblock copy is whole; other errnos.
 */
int maru_fsck(const char *target, const struct maru_fsck_opts *opts,
	      struct maru_fsck_result *res);

#ifdef __cplusplus
}
#endif
#endif
