// SPDX-License-Identifier: BSD-3-Clause
/* Showing tools what the bytes say, bounded and otherwise unchecked. */
#include "cache/pool.h"

#include "cache/guarded.h"

#include <string.h>

/* The pool's size: of all regions that are there. */
static void add_regions(const struct maru_pool *p, struct maru_super *out)
{
	uint32_t i;

	out->regions = p->media.region_nr;
	for (i = 0; i < p->media.region_nr; i++) {
		const struct media_region *r = media_region(&p->media, i);

		if (!r)
			continue;
		out->bytes += r->sb.region_bytes;
		out->pages += r->sb.unit_nr;
		out->slabs += r->sb.slab_nr;
	}
}

int maru_inspect_super(struct maru_pool *pool, struct maru_super *out)
{
	const struct media_super *sb;
	int rc = pool_enter(pool);

	if (unlikely(rc == POOL_GUARDED))
		return guarded_inspect_super(pool, out);
	if (rc)
		return rc;
	if (!out)
		return -EINVAL;
	sb = &media_region(&pool->media, 0)->sb;
	memset(out, 0, sizeof(*out));
	memcpy(out->uuid, sb->pool_uuid, sizeof(out->uuid));
	memcpy(out->label, sb->label, sizeof(out->label) - 1);
	out->major = sb->major;
	out->minor = sb->minor;
	out->unit = 1u << sb->unit_shift;
	out->compat = sb->compat;
	out->ro_compat = sb->ro_compat;
	out->incompat = sb->incompat;
	out->created_ns = sb->created_ns;
	out->max_bytes = sb->max_bytes;
	add_regions(pool, out);
	out->buckets = sb->bucket_nr;
	out->slab_pages = 1u << sb->slab_shift;
	out->max_clients = sb->client_nr;
	out->create_flags = sb->create_flags;
	out->copies_ok = pool->media.copies_ok;
	out->clean = media_is_clean(&pool->media);
	out->quarantine_ms = sb->quarantine_ms;
	out->share = sb->share;
	out->host_ms = sb->host_ms;
	out->incarnation = sb->nonce;
	return 0;
}

int maru_inspect_section(struct maru_pool *pool, uint32_t no,
			 struct maru_section *out)
{
	const struct media_region *r;
	uint32_t id = no % SECTION_NR;
	int rc = pool_enter(pool);

	if (unlikely(rc == POOL_GUARDED))
		return guarded_inspect_section(pool, no, out);
	if (rc)
		return rc;
	if (!out)
		return -EINVAL;
	if (no / SECTION_NR >= pool->media.region_nr)
		return -ENOENT;
	memset(out, 0, sizeof(*out));
	out->region = no / SECTION_NR;
	strncpy(out->name, media_section_name(id), sizeof(out->name) - 1);
	r = media_region(&pool->media, out->region);
	if (!r)
		return 0;
	out->off = r->sb.section[id].off;
	out->len = r->sb.section[id].len;
	return 0;
}

/* Blocks of an extent that are not FREE, and of these the LIVE ones. */
static uint32_t count_used(const struct slab *s, const struct extent *e,
			   uint32_t *live)
{
	uint32_t i, used = 0;

	for (i = 0; i < e->blocks; i++) {
		uint64_t w = block_load(slab_block(s, extent_idx(e, i)));

		used += block_state(w) != BLOCK_FREE;
		*live += block_state(w) == BLOCK_LIVE;
	}
	return used;
}

int maru_inspect_class(struct maru_pool *pool, uint32_t no,
		       struct maru_class *out)
{
	const struct slab *s;
	uint32_t region, head, live = 0;
	struct extent e;
	int rc = pool_enter(pool);

	if (unlikely(rc == POOL_GUARDED))
		return guarded_inspect_class(pool, no, out);
	if (rc)
		return rc;
	if (!out)
		return -EINVAL;
	s = &pool->slab;
	if (no >= s->class_nr)
		return -ENOENT;
	memset(out, 0, sizeof(*out));
	out->block = (uint64_t)s->class[no].units << s->region[0].unit_shift;
	out->group = s->class[no].group;
	out->exact = s->class[no].exact;
	for (region = 0; region < s->region_nr; region++)
		for (head = 0; head < s->region[region].slab_nr; head++) {
			if (!extent_at(s, region, head, &e) || e.class != no)
				continue;
			out->extents++;
			out->blocks += e.blocks;
			out->used += count_used(s, &e, &live);
		}
	return 0;
}

int maru_inspect_slab(struct maru_pool *pool, uint32_t region, uint64_t no,
		      struct maru_slab *out)
{
	const struct slab *s;
	struct extent e;
	uint64_t w;
	int rc = pool_enter(pool);

	if (unlikely(rc == POOL_GUARDED))
		return guarded_inspect_slab(pool, region, no, out);
	if (rc)
		return rc;
	if (!out)
		return -EINVAL;
	s = &pool->slab;
	if (region >= s->region_nr || no >= s->region[region].slab_nr)
		return -ENOENT;
	w = slab_word(&s->region[region], (uint32_t)no);
	memset(out, 0, sizeof(*out));
	out->state = (enum maru_slab_state)slab_word_state(w);
	out->class_no = slab_word_class(w);
	out->owner = slab_word_owner(w);
	out->run = slab_word_run(w);
	out->version = (uint32_t)(w >> 40);
	if (!extent_at(s, region, (uint32_t)no, &e))
		return 0;
	out->blocks = e.blocks;
	out->block = (uint64_t)e.units << e.r->unit_shift;
	out->used = count_used(s, &e, &out->live);
	return 0;
}

int maru_inspect_block(struct maru_pool *pool, uint64_t addr,
		       struct maru_block *out)
{
	struct maru_ref ref = { .addr = addr, .version = 1 };
	const struct media_block *b;
	struct extent e;
	uint32_t idx, block;
	uint64_t w;
	int rc = pool_enter(pool);

	if (unlikely(rc == POOL_GUARDED))
		return guarded_inspect_block(pool, addr, out);
	if (rc)
		return rc;
	if (!out)
		return -EINVAL;
	memset(out, 0, sizeof(*out));
	if (!pool_idx(pool, &ref, &idx))
		return -ENOENT;
	b = slab_block(&pool->slab, idx);
	w = block_load(b);
	if ((!extent_of(&pool->slab, idx, &e) ||
	     !extent_block(&e, idx, &block)) &&
	    block_state(w) == BLOCK_FREE)
		return -ENXIO;
	out->ref = pool_ref(idx, w);
	out->state = (enum maru_block_state)block_state(w);
	out->claimed = block_state(w) == BLOCK_OWNED && (w & BLOCK_CLAIMED);
	out->owner = block_owner(w);
	out->pins = ledger_pins(&pool->slab, idx);
	out->block = slab_block_bytes(&pool->slab, idx);
	if (!block_is_placed(w))
		return 0;
	/* relaxed: whatever it says */
	out->len = block_len(b);
	out->use = block_use(b);
	out->klen = (uint16_t)entry_key(&pool->dir, idx, out->key);
	return 0;
}

int maru_inspect_hold(struct maru_pool *pool, uint32_t slot, uint64_t *pos,
		      struct maru_hold *out)
{
	const struct slab *s;
	int rc = pool_enter(pool);

	if (unlikely(rc == POOL_GUARDED))
		return guarded_inspect_hold(pool, slot, pos, out);
	if (rc)
		return rc;
	if (!pos || !out)
		return -EINVAL;
	s = &pool->slab;
	if (slot >= s->client_nr)
		return -ENOENT;
	while (*pos >> 32 < s->region_nr) {
		uint32_t region = (uint32_t)(*pos >> 32), idx;
		uint32_t inc = client_inc(client_word(&pool->client, slot));
		uint16_t cell = 0;
		uint64_t w;

		idx = region << IDX_UNIT_BITS |
		      ((uint32_t)*pos & IDX_UNIT_MASK);
		if ((uint32_t)*pos < s->region[region].unit_nr)
			cell = ledger_walk(s, slot, &idx);
		if (!cell) {
			*pos = (uint64_t)(region + 1) << 32;
			continue;
		}
		*pos = ((uint64_t)region << 32 | (idx & IDX_UNIT_MASK)) + 1;
		w = block_load(slab_block(s, idx));
		out->ref = pool_ref(idx, w);
		out->pins = cell & CELL_PINS;
		out->writing = (cell & CELL_OWN) &&
			       block_owned_by(w, slot, inc);
		return 1;
	}
	return 0;
}
