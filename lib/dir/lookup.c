// SPDX-License-Identifier: BSD-3-Clause
/* Finding a key: bucket, then descriptor and ledger cell side by side. */
#include "dir/dir.h"

void dir_attach(struct dir *d, struct slab *s, const struct media *m)
{
	const struct media_super *sb = &media_region(m, 0)->sb;

	d->slab = s;
	d->buckets = media_at(media_region(m, 0), SECTION_BUCKETS);
	d->mask = sb->bucket_nr - 1;
	d->alg = (enum hash_alg)sb->hash_alg;
	d->secret[0] = sb->secret[0];
	d->secret[1] = sb->secret[1];
	d->check_values = sb->create_flags & 0x08;
	d->quarantine = sb->quarantine_ms != 0;
	d->created_ns = sb->created_ns;
}

int dir_drop(struct dir *d, uint32_t idx, uint32_t n)
{
	const struct slab *s = d->slab;
	int left = ledger_unpin(ledger_cell(s, s->self, idx), n);
	uint64_t w;

	if (left)
		return left;
	/* the other half of dir_remove()'s Dekker: it saw our pin, or we see
	 * DYING here */
	w = block_load(slab_block(s, idx));
	if (unlikely(block_state(w) == BLOCK_DYING))
		dir_reclaim(d, idx, w);
	return 0;
}

int dir_pin_at(struct dir *d, uint32_t idx, uint32_t version, uint32_t n,
	       uint64_t *word)
{
	const struct slab *s = d->slab;
	a16 *cell = ledger_cell(s, s->self, idx);

	if (n == 1 ? !ledger_pin(cell) : !ledger_pin_many(cell, n))
		return -EOVERFLOW;
	*word = block_load(slab_block(s, idx));
	if (block_state(*word) == BLOCK_LIVE && block_version(*word) == version)
		return 0;
	dir_drop(d, idx, n);
	return MARU_E_STALE;
}

/* Pin the block behind a matching slot word, and only then look at it. */
static inline int hold_slot(struct dir *d, const struct dir_key *k,
			    uint64_t slot, struct dir_hit *hit)
{
	const struct slab *s = d->slab;
	uint32_t idx = slot_idx(slot);
	uint64_t w;

	if (unlikely(!slab_idx_ok(s, idx)))
		return -ENOENT;
	/* two misses that need not wait for each other */
	prefetch_read(slab_block(s, idx));
	if (unlikely(!ledger_pin(ledger_cell(s, s->self, idx))))
		return -EOVERFLOW;
	w = block_load(slab_block(s, idx));
	if (likely(block_state(w) == BLOCK_LIVE && slot_is_of(slot, w) &&
		   entry_is(d, idx, k))) {
		hit->idx = idx;
		hit->word = w;
		return 0;
	}
	dir_drop(d, idx, 1);
	return -ENOENT;
}

static int hold_more(struct dir *d, const struct dir_hit *hit, uint32_t n)
{
	const struct slab *s = d->slab;

	if (n == 1)
		return 0;
	if (ledger_pin_many(ledger_cell(s, s->self, hit->idx), n - 1))
		return 0;
	dir_drop(d, hit->idx, 1);
	return -EOVERFLOW;
}

int dir_hold(struct dir *d, const struct dir_key *k, uint32_t n,
	     struct dir_hit *hit)
{
	uint64_t home = dir_home(d, k->h.h0);
	unsigned flags = 0, way, i;
	int rc;

	for (way = 0; way < BUCKET_WAYS; way++) {
		const struct media_bucket *b;

		/* the flags are those of any instant of the call: a key that
		 * was there all along had its flag set all along */
		if (way == 1)
			flags = head_flags(head_load(d, home));
		if (way && likely(!flags))
			break;
		if (!way_open(flags, way))
			continue;
		b = &d->buckets[dir_way(d, home, way)];
		for (i = 0; i < BUCKET_SLOTS; i++) {
			uint64_t slot = slot_load(&b->slot[i]);

			if (likely(!slot_matches(slot, k->h.h0)))
				continue;
			rc = hold_slot(d, k, slot, hit);
			if (rc != -ENOENT)
				return rc ? rc : hold_more(d, hit, n);
		}
	}
	return -ENOENT;
}

typedef bool (*want_fn)(const struct dir *d, const struct dir_hit *hit,
			uint32_t n);

/* The block behind a slot word, if it is this key's and wanted; no trace. */
static bool peek_slot(const struct dir *d, const struct dir_key *k,
		      uint64_t slot, want_fn want, uint32_t n,
		      struct dir_hit *hit)
{
	const struct slab *s = d->slab;
	const struct media_block *b;
	int tries;

	hit->idx = slot_idx(slot);
	if (unlikely(!slab_idx_ok(s, hit->idx)))
		return false;
	b = slab_block(s, hit->idx);
	for (tries = 0; tries < 4; tries++) {
		hit->word = block_load(b);
		if (!slot_is_of(slot, hit->word) || !want(d, hit, n) ||
		    !entry_is(d, hit->idx, k))
			return false;
		atomic_fence_acq(); /* B4 acquire */
		if (likely(block_load(b) == hit->word))
			return true;
	}
	return false;
}

static int peek(const struct dir *d, const struct dir_key *k, want_fn want,
		uint32_t n, struct dir_hit *hit)
{
	uint64_t home = dir_home(d, k->h.h0);
	unsigned flags = 0, way, i;

	for (way = 0; way < BUCKET_WAYS; way++) {
		const struct media_bucket *b;

		if (way == 1) /* as in dir_hold() */
			flags = head_flags(head_load(d, home));
		if (!way_open(flags, way))
			continue;
		b = &d->buckets[dir_way(d, home, way)];
		for (i = 0; i < BUCKET_SLOTS; i++) {
			uint64_t slot = slot_load(&b->slot[i]);

			if (slot_matches(slot, k->h.h0) &&
			    peek_slot(d, k, slot, want, n, hit))
				return 0;
		}
	}
	return -ENOENT;
}

static bool want_live(const struct dir *d, const struct dir_hit *hit,
		      uint32_t n)
{
	(void)d;
	(void)n;
	return block_state(hit->word) == BLOCK_LIVE;
}

static bool want_claim(const struct dir *d, const struct dir_hit *hit,
		       uint32_t n)
{
	(void)d;
	(void)n;
	return block_is_claim(hit->word);
}

static bool want_held(const struct dir *d, const struct dir_hit *hit,
		      uint32_t n)
{
	/* relaxed: this client's own pins, taken before this call */
	return (block_state(hit->word) == BLOCK_LIVE ||
		block_state(hit->word) == BLOCK_DYING) &&
	       a16_load_rlx(ledger_named(d->slab, hit->idx)) >= n;
}

int dir_peek(const struct dir *d, const struct dir_key *k, struct dir_hit *hit)
{
	return peek(d, k, want_live, 0, hit);
}

int dir_peek_claim(const struct dir *d, const struct dir_key *k,
		   struct dir_hit *hit)
{
	return peek(d, k, want_claim, 0, hit);
}

int dir_peek_held(const struct dir *d, const struct dir_key *k, uint32_t n,
		  struct dir_hit *hit)
{
	return peek(d, k, want_held, n, hit);
}
