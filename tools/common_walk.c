/* SPDX-License-Identifier: BSD-3-Clause */
/* The sections of maru-dump that walk: slabs, blocks, entries, holds. */
#include <stdlib.h>
#include <string.h>
#include "common_dump.h"

const char *const dump_slab_states[] = {
	[MARU_SLAB_EMPTY] = "empty",	   [MARU_SLAB_CLAIMED] = "claimed",
	[MARU_SLAB_ACTIVE] = "active",	   [MARU_SLAB_TAIL] = "tail",
	[MARU_SLAB_RETIRING] = "retiring", NULL,
};

const char *const dump_block_states[] = {
	[MARU_BLOCK_FREE] = "free",   [MARU_BLOCK_OWNED] = "owned",
	[MARU_BLOCK_READY] = "ready", [MARU_BLOCK_LIVE] = "live",
	[MARU_BLOCK_DYING] = "dying", [MARU_BLOCK_QUARANTINED] = "quarantined",
	[MARU_BLOCK_BAD] = "bad",     NULL,
};

static void slab_cells(struct dump *d, uint32_t region, uint64_t no,
		       const struct maru_slab *slab)
{
	struct out *out = &d->out;
	bool owned = slab->state == MARU_SLAB_CLAIMED ||
		     slab->state == MARU_SLAB_RETIRING;

	out_u64(out, "region", region);
	out_u64(out, "no", no);
	dump_state(d, dump_slab_states, slab->state);
	out_u64(out, "class_no", slab->class_no);
	if (owned || d->json)
		out_u64(out, "owner", slab->owner);
	else
		out_none(out, "owner");
	out_u64(out, "run", slab->run);
	out_u64(out, "version", slab->version);
	out_u64(out, "blocks", slab->blocks);
	out_u64(out, "used", slab->used);
	out_u64(out, "live", slab->live);
	out_size(out, "block", slab->block);
}

/* -ENOENT at the end; 0 when the limit was reached. */
static int region_slabs(struct dump *d, uint32_t region)
{
	struct maru_slab slab;
	int rc;

	for (uint64_t no = 0;; no++) {
		rc = maru_inspect_slab(d->pool, region, no, &slab);
		if (rc)
			return rc;
		if (!dump_state_wanted(d, dump_slab_states, slab.state))
			continue;
		if (!dump_row(d))
			return 0;
		slab_cells(d, region, no, &slab);
		out_row_end(&d->out);
	}
}

int dump_slabs(struct dump *d)
{
	static const struct out_column columns[] = {
		{ "region", 6 },  { "slab", 8 },   { "state", -8 },
		{ "class", 5 },	  { "owner", 5 },  { "run", 5 },
		{ "version", 8 }, { "blocks", 6 }, { "used", 6 },
		{ "live", 6 },	  { "block", 10 }, { NULL, 0 },
	};
	struct maru_region region;
	int rc = -ENOENT;

	out_table(&d->out, "slabs", columns);
	for (uint32_t no = 0; !maru_region(d->pool, no, &region); no++) {
		rc = region_slabs(d, no);
		if (rc != -ENOENT)
			break;
	}
	out_table_end(&d->out);
	return rc == -ENOENT ? 0 : rc;
}

static bool key_wanted(const struct dump *d, const unsigned char *key,
		       size_t klen)
{
	return klen >= d->klen && !memcmp(key, d->key, d->klen);
}

static void key_cell(struct dump *d, const unsigned char *key, size_t klen)
{
	char text[TOOL_KEY_TEXT];

	if (d->json)
		out_u64(&d->out, "klen", klen);
	if (!klen) {
		out_none(&d->out, "key");
		return;
	}
	out_text(&d->out, "key", tool_key_text(text, key, klen));
	if (d->json)
		out_text(&d->out, "key_hex", tool_hex_text(text, key, klen));
}

static void ref_cells(struct dump *d, const struct maru_ref *ref)
{
	out_addr(&d->out, "addr", ref->addr);
	out_u64(&d->out, "version", ref->version);
}

int dump_entries(struct dump *d)
{
	static const struct out_column columns[] = {
		{ "addr", 10 }, { "version", 7 }, { "bytes", 10 },
		{ "block", 8 }, { "pins", 4 },	  { "use", 3 },
		{ "key", -1 },	{ NULL, 0 },
	};
	struct maru_iter it = { 0 };
	struct maru_entry e;
	int rc;

	out_table(&d->out, "entries", columns);
	while ((rc = maru_iter_next(d->pool, &it, &e)) > 0) {
		if (!key_wanted(d, e.key, e.klen))
			continue;
		if (!dump_row(d))
			break;
		ref_cells(d, &e.ref);
		out_u64(&d->out, "len", e.len);
		out_size(&d->out, "block", e.block);
		out_u64(&d->out, "pins", e.pins);
		out_u64(&d->out, "use", e.use);
		key_cell(d, e.key, e.klen);
		out_row_end(&d->out);
	}
	out_table_end(&d->out);
	return rc < 0 ? rc : 0;
}

static bool block_wanted(const struct dump *d, const struct maru_block *b)
{
	return dump_state_wanted(d, dump_block_states, b->state) &&
	       key_wanted(d, b->key, b->klen);
}

static void block_cells(struct dump *d, const struct maru_block *b)
{
	bool owned = b->state == MARU_BLOCK_OWNED ||
		     b->state == MARU_BLOCK_READY ||
		     b->state == MARU_BLOCK_QUARANTINED;

	ref_cells(d, &b->ref);
	dump_state(d, dump_block_states, b->state);
	out_bit(&d->out, "claimed", b->claimed);
	if (owned || d->json)
		out_u64(&d->out, "owner", b->owner);
	else
		out_none(&d->out, "owner");
	out_u64(&d->out, "pins", b->pins);
	out_u64(&d->out, "len", b->len);
	out_size(&d->out, "block", b->block);
	if (d->json)
		out_u64(&d->out, "use", b->use);
	key_cell(d, b->key, b->klen);
}

/* From a block to the next one: blocks do not overlap. */
static uint64_t pages(const struct maru_block *b, uint32_t unit)
{
	uint64_t nr = unit ? b->block / unit : 1;

	return nr ? nr : 1;
}

/* -ENOENT at the end; 0 when the limit was reached. */
static int region_blocks(struct dump *d, uint32_t no, uint32_t unit)
{
	uint64_t page = 0;
	struct maru_block b;
	int rc;

	for (; page <= UINT32_MAX; page += rc ? 1 : pages(&b, unit)) {
		rc = maru_inspect_block(d->pool, maru_addr(no, (uint32_t)page),
					&b);
		if (rc && rc != -ENXIO)
			return rc;
		if (rc || !block_wanted(d, &b))
			continue;
		if (!dump_row(d))
			return 0;
		block_cells(d, &b);
		out_row_end(&d->out);
	}
	return -ENOENT;
}

int dump_blocks(struct dump *d)
{
	static const struct out_column columns[] = {
		{ "addr", 8 },	 { "version", 7 }, { "state", -11 },
		{ "claim", -5 }, { "owner", 5 },   { "pins", 4 },
		{ "bytes", 9 },	 { "block", 8 },   { "key", -1 },
		{ NULL, 0 },
	};
	struct maru_region region;
	int rc = -ENOENT;

	out_table(&d->out, "blocks", columns);
	for (uint32_t no = 0; !maru_region(d->pool, no, &region); no++) {
		rc = region_blocks(d, no, region.unit);
		if (rc != -ENOENT)
			break;
	}
	out_table_end(&d->out);
	return rc == -ENOENT ? 0 : rc;
}

static void hold_cells(struct dump *d, const struct maru_client *c,
		       const struct maru_hold *h)
{
	out_u64(&d->out, "slot", c->slot);
	out_int(&d->out, "pid", c->pid);
	ref_cells(d, &h->ref);
	out_u64(&d->out, "pins", h->pins);
	out_bit(&d->out, "writing", h->writing);
}

/* 0 at the end or when the limit was reached. */
static int client_holds(struct dump *d, const struct maru_client *c)
{
	struct maru_hold h;
	struct maru_block b;
	uint64_t pos = 0;
	int rc;

	while ((rc = maru_inspect_hold(d->pool, c->slot, &pos, &h)) > 0) {
		if (maru_inspect_block(d->pool, h.ref.addr, &b) ||
		    b.ref.version != h.ref.version)
			b.klen = 0;
		if (!key_wanted(d, b.key, b.klen))
			continue;
		if (!dump_row(d))
			return 0;
		hold_cells(d, c, &h);
		key_cell(d, b.key, b.klen);
		out_row_end(&d->out);
	}
	return rc;
}

int dump_holds(struct dump *d)
{
	static const struct out_column columns[] = {
		{ "slot", 4 },	  { "pid", 7 },	 { "addr", 12 },
		{ "version", 9 }, { "pins", 6 }, { "writing", -7 },
		{ "key", -1 },	  { NULL, 0 },
	};
	struct maru_client *list;
	int nr = dump_clients(d, &list);
	int rc = nr < 0 ? nr : 0;

	out_table(&d->out, "holds", columns);
	for (int i = 0; i < nr && rc == 0 && !d->cut; i++)
		rc = client_holds(d, &list[i]);
	out_table_end(&d->out);
	free(list);
	return rc;
}
