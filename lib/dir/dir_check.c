// SPDX-License-Identifier: BSD-3-Clause
/* What must hold of entries and buckets. */
#include "dir/check.h"

#include <string.h>

/* Of a head: the upper flags, and what is between flags and pending. */
#define HEAD_ZERO 0xcf00000000ull

bool entry_is_whole(const struct dir *d, uint32_t idx, const char **why)
{
	const struct media_block *b = slab_block(d->slab, idx);
	unsigned char key[MARU_KEY_MAX];
	uint32_t klen = block_klen(b);
	struct dir_key k;

	*why = "its version is 0, that of no entry";
	if (!block_version(block_load(b)))
		return false;
	*why = "the key's length cannot be";
	if (!klen || klen > MARU_KEY_MAX || entry_key(d, idx, key) != klen)
		return false;
	*why = "the value is longer than the block";
	if (entry_room(block_len(b), klen) > slab_block_bytes(d->slab, idx))
		return false;
	dir_key_init(d, &k, key, klen);
	*why = "the key does not have the hash, or has bytes behind it";
	if (!entry_is(d, idx, &k))
		return false;
	*why = "the descriptor's checksum does not match";
	/* relaxed: the caller looks at the word again, or is alone */
	return !d->slab->durable ||
	       a32_load_rlx(&b->crc_desc) == entry_desc_crc(d, idx);
}

bool entry_value_ok(const struct dir *d, uint32_t idx)
{
	const struct media_block *b = slab_block(d->slab, idx);
	uint64_t len = block_len(b); /* once: it may change under our eyes */

	/* relaxed: as above */
	return !d->check_values ||
	       (len <= slab_block_bytes(d->slab, idx) &&
		hash_crc32c(0, slab_data(d->slab, idx), len) ==
			a32_load_rlx(&b->crc_data));
}

/* Where the entry's word stands, as far as lookups of its key can come. */
static int find_slot(const struct dir *d, uint64_t home, uint32_t idx,
		     uint64_t *slot)
{
	unsigned way, i;

	for (way = 0; way < BUCKET_WAYS; way++)
		for (i = 0; i < BUCKET_SLOTS; i++) {
			*slot = slot_load(
				&d->buckets[dir_way(d, home, way)].slot[i]);
			if ((uint32_t)*slot == idx + 1)
				return (int)way;
		}
	return -1;
}

/* Why does a lookup not find it? */
static const char *lost(const struct dir *d, uint32_t idx, uint64_t w)
{
	/* relaxed: of an entry, so it does not change; it only explains */
	uint64_t h0 = a64_load_rlx(&slab_block(d->slab, idx)->h0);
	uint64_t slot, home = dir_home(d, h0);
	int way = find_slot(d, home, idx, &slot);

	if (way < 0)
		return "no slot of its buckets names it";
	if (!slot_is_of(slot, w))
		return "its slot is of an earlier life of the block";
	if (!slot_matches(slot, h0))
		return "its slot's tag is another key's";
	if (!way_open(head_flags(head_load(d, home)), (unsigned)way))
		return "its home's flags do not lead to its bucket";
	return "it was not there a moment ago";
}

/* Found by its own key, and nobody else by it? */
static void check_reach(const struct dir *d, struct fault_sink *sink,
			uint32_t idx, uint64_t w)
{
	unsigned char bytes[MARU_KEY_MAX];
	struct dir_key k;
	struct dir_hit hit;
	int rc;

	dir_key_init(d, &k, bytes, entry_key(d, idx, bytes));
	rc = dir_peek(d, &k, &hit);
	if (!rc && hit.idx == idx)
		return;
	if (block_load(slab_block(d->slab, idx)) != w)
		return;
	if (rc)
		fault_report(sink, 23, slab_addr(idx),
			     "entry that a lookup of its key does not find: %s",
			     lost(d, idx, w));
	else if (block_load(slab_block(d->slab, hit.idx)) == hit.word)
		fault_report(sink, 8, slab_addr(idx),
			     "entry whose key is also at address 0x%llx",
			     (unsigned long long)slab_addr(hit.idx));
}

static void check_entry(const struct dir *d, struct fault_sink *sink,
			uint32_t idx)
{
	const struct media_block *b = slab_block(d->slab, idx);
	uint64_t w = block_load(b);
	const char *why;

	if (block_state(w) != BLOCK_LIVE)
		return;
	/* relaxed: nobody ever writes more */
	if (a8_load_rlx(&b->use) > USE_MAX)
		fault_report(sink, 2, slab_addr(idx),
			     "entry has %u chances, more than %u",
			     a8_load_rlx(&b->use), USE_MAX);
	if (entry_is_whole(d, idx, &why))
		check_reach(d, sink, idx, w);
	else if (block_load(b) == w)
		fault_report(sink, 9, slab_addr(idx), "entry: %s", why);
}

/* Stale words harm nobody, but each has once named a block. */
static void check_slots(const struct dir *d, struct fault_sink *sink,
			uint64_t no)
{
	unsigned i;

	for (i = 0; i < BUCKET_SLOTS; i++) {
		uint64_t slot = slot_load(&d->buckets[no].slot[i]);

		if (slot && !slab_idx_ok(d->slab, slot_idx(slot)) &&
		    !slab_is_lost(d->slab, slot_idx(slot)))
			fault_report(
				sink, 2, FAULT_NOWHERE,
				"bucket %llu: slot %u names block %u, out of range",
				(unsigned long long)no, i, slot_idx(slot));
	}
}

static void check_bucket(const struct dir *d, struct fault_sink *sink,
			 uint64_t no)
{
	uint64_t h = head_load(d, no), w;
	uint32_t idx = head_pending(h) - 1;

	check_slots(d, sink, no);
	if (h & HEAD_ZERO)
		fault_report(sink, 2, FAULT_NOWHERE,
			     "bucket %llu: head 0x%llx has bits that are none",
			     (unsigned long long)no, (unsigned long long)h);
	if (!head_pending(h))
		return;
	if (slab_is_lost(d->slab, idx))
		return;
	if (!slab_idx_ok(d->slab, idx)) {
		fault_report(sink, 2, FAULT_NOWHERE,
			     "bucket %llu: pending block %u is out of range",
			     (unsigned long long)no, idx);
		return;
	}
	w = block_load(slab_block(d->slab, idx));
	if (!sink->live && !block_is_placed(w))
		fault_report(sink, 23, slab_addr(idx),
			     "bucket %llu: pending block is not placed",
			     (unsigned long long)no);
	/* relaxed: nobody is at work; whoever frees it looks at its home only */
	else if (!sink->live &&
		 dir_home(d, a64_load_rlx(&slab_block(d->slab, idx)->h0)) != no)
		fault_report(sink, 23, slab_addr(idx),
			     "bucket %llu: pending block is of another home",
			     (unsigned long long)no);
}

void dir_check(const struct dir *d, struct fault_sink *sink)
{
	uint32_t region, unit;
	uint64_t no;

	for (no = 0; no <= d->mask; no++)
		check_bucket(d, sink, no);
	for (region = 0; region < d->slab->region_nr; region++)
		for (unit = 0; unit < d->slab->region[region].unit_nr; unit++)
			check_entry(d, sink, region << IDX_UNIT_BITS | unit);
}

static void drop(struct dir *d, uint32_t idx)
{
	struct media_block *b = slab_block(d->slab, idx);
	uint64_t w = block_load(b);

	block_cas(b, &w, block_unowned(w, BLOCK_FREE));
	slab_hint(d->slab, idx);
}

static bool younger(const struct dir *d, uint32_t a, uint32_t b)
{
	const struct media_block *x = slab_block(d->slab, a);
	const struct media_block *y = slab_block(d->slab, b);
	/* relaxed: the pool is idle */
	uint32_t p = a32_load_rlx(&x->birth), q = a32_load_rlx(&y->birth);

	if (p != q)
		return p > q;
	return block_version(block_load(x)) > block_version(block_load(y));
}

/* An empty slot for an entry whose key nobody has yet. */
static bool link_entry(struct dir *d, uint32_t idx)
{
	const struct media_block *b = slab_block(d->slab, idx);
	uint64_t h0 = a64_load_rlx(&b->h0); /* the pool is idle */
	uint64_t home = dir_home(d, h0), h = head_load(d, home);
	uint64_t word = slot_make(h0, block_version(block_load(b)), idx);
	unsigned way, i;

	for (way = 0; way < BUCKET_WAYS; way++)
		for (i = 0; i < BUCKET_SLOTS; i++) {
			a64 *slot = &d->buckets[dir_way(d, home, way)].slot[i];

			if (slot_load(slot))
				continue;
			/* no pair: the pool is idle */
			a64_store_full(slot, word);
			/* no pair: the pool is idle */
			a64_store_full(
				&d->buckets[home].head,
				head_next(h, head_flags(h) | way_flag(way), 0));
			return true;
		}
	return false;
}

static bool add(struct dir *d, uint32_t idx)
{
	unsigned char bytes[MARU_KEY_MAX];
	struct dir_key k;
	struct dir_hit hit;

	dir_key_init(d, &k, bytes, entry_key(d, idx, bytes));
	if (!dir_peek(d, &k, &hit)) {
		if (!younger(d, idx, hit.idx)) {
			drop(d, idx);
			return false;
		}
		dir_unlink(d, k.h.h0, hit.idx, block_version(hit.word));
		drop(d, hit.idx);
		link_entry(d, idx); /* there is the other one's slot */
		return false;
	}
	if (link_entry(d, idx))
		return true;
	drop(d, idx);
	return false;
}

uint64_t dir_rebuild(struct dir *d)
{
	uint32_t region, unit;
	uint64_t dropped = 0;

	memset(d->buckets, 0, (d->mask + 1) * sizeof(*d->buckets));
	for (region = 0; region < d->slab->region_nr; region++)
		for (unit = 0; unit < d->slab->region[region].unit_nr; unit++) {
			uint32_t idx = region << IDX_UNIT_BITS | unit;

			struct media_block *b = slab_block(d->slab, idx);

			if (block_state(block_load(b)) != BLOCK_LIVE)
				continue;
			/* relaxed: the pool is idle */
			if (a8_load_rlx(&b->use) > USE_MAX)
				a8_store_rlx(&b->use, USE_MAX);
			dropped += !add(d, idx);
		}
	return dropped;
}
