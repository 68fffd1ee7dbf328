/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Key to entry.
 *
 *   key --hash--> home bucket: head | slot slot slot slot slot slot slot
 *                              |      `-> block: word, hash, key, value
 *                              `-> pending block of this home's next change
 *
 * Two inserts of one key meet in the head of the key's home: whoever changes
 * it from the value under which nobody else had the key has won, and everybody
 * helps the winner's block from READY to LIVE before changing the head again.
 * Claims (ASKING to CLAIMED) go the same way.  maru-concurrency(7) has the
 * argument, the tests' models have it checked.
 *
 * Invariants: at most one LIVE block a key; a LIVE block has an occupied word
 * in one of its four buckets; head flags say so if it is not in the first.
 *
 * Ordering (label: release side -> acquire side, what becomes visible):
 *  D1: publish() -> head_load()    the block is READY or ASKING, and placed
 *  D2: place_in() -> slot_load()   it is READY or ASKING: the slot is no stale
 *  D3: help() -> head_load()       the block that was named is LIVE or CLAIMED
 *  D4: dir_settle() -> dir_settle()  the debts as the last thread left them
 */
#ifndef DIR_DIR_H
#define DIR_DIR_H

#include "base/bits.h"
#include "base/hash.h"
#include "dir/format.h"
#include "slab/ledger.h"

#include <maru/err.h>
#include <maru/pool.h>

#define DIR_DEBTS 256u

struct dir {
	struct slab *slab;
	struct media_bucket *buckets;
	uint64_t mask; /* buckets - 1 */
	enum hash_alg alg;
	uint64_t secret[2];
	bool check_values; /* MARU_CREATE_CRC */
	bool quarantine;   /* keep back what the dead were writing */
	uint64_t created_ns;
	/* DYING blocks that this client must see to, idx + 1; see remove.c */
	a32 debt[DIR_DEBTS];
	a32 settling; /* a thread is going through them */
	a64 *owes;    /* in this client's slot: how many there are, or NULL */
	void (*evicted)(void *ctx, uint64_t bytes); /* told of make_slot() */
	void *ctx;
};

struct dir_key {
	const void *data;
	uint32_t len;
	struct hash128 h;
};

/* A block and its word when it was found. */
struct dir_hit {
	uint64_t word;
	uint32_t idx;
};

void dir_attach(struct dir *d, struct slab *s, const struct media *m);

static inline void dir_key_init(const struct dir *d, struct dir_key *k,
				const void *data, size_t len)
{
	k->data = data;
	k->len = (uint32_t)len;
	k->h = hash_key(d->alg, d->secret, data, len);
}

static inline uint64_t dir_home(const struct dir *d, uint64_t h0)
{
	return h0 & d->mask;
}

/** dir_way() - bucket number of way @way of home @home. */
static inline uint64_t dir_way(const struct dir *d, uint64_t home, unsigned way)
{
	uint64_t pair;

	if (way < 2)
		return home ^ way;
	/* an odd multiplier: every pair takes one other pair's overflow */
	pair = (home >> 1) * 0x9e3779b97f4a7c15ull + 0x632be59bd9b4e019ull;
	return ((pair << 1) & d->mask) | ((home ^ way) & 1);
}

static inline void dir_prefetch(const struct dir *d, const struct dir_key *k)
{
	prefetch_read(&d->buckets[dir_home(d, k->h.h0)]);
}

/* Slot words. */
static inline uint64_t slot_make(uint64_t h0, uint32_t version, uint32_t idx)
{
	return (h0 >> 44) << 44 | (uint64_t)(version & 0xfff) << 32 | (idx + 1);
}

static inline bool slot_matches(uint64_t slot, uint64_t h0)
{
	return (slot ^ h0) >> 44 == 0 && (uint32_t)slot;
}

static inline uint32_t slot_idx(uint64_t slot)
{
	return (uint32_t)slot - 1;
}

static inline bool slot_is_of(uint64_t slot, uint64_t word)
{
	return (slot >> 32 & 0xfff) == (block_version(word) & 0xfff);
}

static inline uint64_t slot_load(const a64 *slot)
{
	return a64_load_acq(slot); /* D2 acquire, pairs with place_in() */
}

/* Heads. */
static inline uint32_t head_pending(uint64_t h)
{
	return (uint32_t)h;
}

static inline unsigned head_flags(uint64_t h)
{
	return h >> 36 & 0xf;
}

/* Version one up, flags and pending as given. */
static inline uint64_t head_next(uint64_t h, unsigned flags, uint32_t pending)
{
	return ((h >> 40) + 1) << 40 | (uint64_t)flags << 36 | pending;
}

static inline uint64_t head_load(const struct dir *d, uint64_t home)
{
	/* D1 acquire, D3 acquire */
	return a64_load_full(&d->buckets[home].head);
}

static inline unsigned way_flag(unsigned way)
{
	return way == 0 ? 0 : way == 1 ? HEAD_BUDDY : HEAD_ALTERNATE;
}

/* Ways to scan under these flags. */
static inline bool way_open(unsigned flags, unsigned way)
{
	return !way || (flags & way_flag(way));
}

/* entry.c: descriptors */

/** entry_write() - key and length into a block this client owns; -EFBIG */
int entry_write(const struct dir *d, uint32_t idx, const struct dir_key *k,
		uint64_t len);
/** entry_persist() - P2: value and key are on the media before READY */
void entry_persist(const struct dir *d, uint32_t idx);
/** entry_is() - has the block this key? Racy: re-read the word afterwards. */
bool entry_is(const struct dir *d, uint32_t idx, const struct dir_key *k);
/** entry_key() - copy the key out, at most MARU_KEY_MAX bytes; its length. */
uint32_t entry_key(const struct dir *d, uint32_t idx, void *out);
uint32_t entry_desc_crc(const struct dir *d, uint32_t idx);
/** entry_room() - bytes that @len of value and @klen of key take in a block. */
static inline uint64_t entry_room(uint64_t len, uint32_t klen)
{
	return len + (klen > BLOCK_KEY_INLINE ? bits_round_up(klen, 8) + 8 : 0);
}

/* lookup.c */

/** dir_hold() - find and pin @n times; -ENOENT, -EOVERFLOW */
int dir_hold(struct dir *d, const struct dir_key *k, uint32_t n,
	     struct dir_hit *hit);
/** dir_pin_at() - pin this very version; false if it is gone (or at the cap) */
int dir_pin_at(struct dir *d, uint32_t idx, uint32_t version, uint32_t n,
	       uint64_t *word);
/** dir_drop() - take pins back and reclaim a zombie; pins left, -EINVAL */
int dir_drop(struct dir *d, uint32_t idx, uint32_t n);
/** dir_peek() - find without a trace; -ENOENT */
int dir_peek(const struct dir *d, const struct dir_key *k, struct dir_hit *hit);
/** dir_peek_claim() - find a claim on the key; -ENOENT */
int dir_peek_claim(const struct dir *d, const struct dir_key *k,
		   struct dir_hit *hit);
/** dir_peek_held() - an entry or zombie with @n pins of this client by name */
int dir_peek_held(const struct dir *d, const struct dir_key *k, uint32_t n,
		  struct dir_hit *hit);

/* insert.c */

enum dir_mode { DIR_INSERT, DIR_CLAIM };

/**
 * dir_publish() - make a READY block LIVE, or an ASKING one CLAIMED
 * @pins: pins of this client on whichever entry wins (DIR_INSERT)
 * @other: out: who was there first, pinned @pins times
 *
 * Return: 0; MARU_EXISTED; -EINPROGRESS (DIR_CLAIM: @other has the claim);
 *	-ENOSPC, no slot; -EOVERFLOW.  But for 0 the block is still this
 *	client's: dir_withdraw() it.
 */
int dir_publish(struct dir *d, uint32_t idx, const struct dir_key *k,
		enum dir_mode mode, uint32_t pins, struct dir_hit *other);
/** dir_help() - carry a pending change of this home to its end. */
void dir_help(struct dir *d, uint64_t home, uint64_t head);

/* remove.c */

/**
 * dir_remove() - LIVE to DYING, and to FREE if nobody holds it
 *
 * Return: 0, removed; -EBUSY, held; -EAGAIN, it is not what @word says any
 *	more, or another thread of this client is at it.
 */
int dir_remove(struct dir *d, uint32_t idx, uint64_t word);
/** dir_reclaim() - DYING to FREE unless it is held. */
bool dir_reclaim(struct dir *d, uint32_t idx, uint64_t word);
/** dir_withdraw() - this client's OWNED or READY block to FREE; false: not it */
bool dir_withdraw(struct dir *d, uint32_t idx, uint64_t word);
/**
 * dir_reap() - what a client's row says about a block: undo it
 *
 * A dead client's block that it was writing is QUARANTINED where the pool has
 * a quarantine, else FREE; this client's own one is always FREE.
 * Return: true if it is FREE now.
 */
bool dir_reap(struct dir *d, uint32_t idx, uint32_t slot, uint32_t inc);

/* How sure is it that nobody stores to a dead client's block any more? */
enum dir_sure {
	DIR_DEAD,   /* its process is dead; devices may, see dir_reap() */
	DIR_FENCED, /* its host is silent: QUARANTINED, or as it is */
	DIR_SURE,   /* FREE */
};

/** dir_undo() - dir_reap() that is told how sure it is */
bool dir_undo(struct dir *d, uint32_t idx, uint32_t slot, uint32_t inc,
	      enum dir_sure sure);
/** dir_owes() - has this client noted that it is to free this DYING block? */
bool dir_owes(const struct dir *d, uint32_t idx);
/** dir_settle() - see to the zombies that this client owes */
void dir_settle(struct dir *d);
/** dir_retire() - this client's buffer, or what it pins, to BAD; bad.c */
bool dir_retire(struct dir *d, uint32_t idx);
/** dir_unlink() - clear the words of a version of a block. */
void dir_unlink(struct dir *d, uint64_t h0, uint32_t idx, uint32_t version);

#endif
