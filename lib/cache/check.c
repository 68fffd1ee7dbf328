// SPDX-License-Identifier: BSD-3-Clause
/* Looking for broken invariants, and mending them in an idle pool. */
#include "cache/open.h"
#include "cache/pool.h"

#include "base/err.h"
#include "client/check.h"
#include "dir/check.h"
#include "slab/check.h"

#include <stdlib.h>
#include <string.h>

static void check_super(struct maru_pool *p, struct fault_sink *sink)
{
	static const char copy[] = "ABC";
	unsigned i;

	for (i = 0; i < 3; i++)
		if (!(p->media.copies_ok >> i & 1))
			fault_report(sink, 1, FAULT_NOWHERE,
				     "superblock copy %c is not whole",
				     copy[i]);
}

static void check_all(struct maru_pool *p, struct fault_sink *sink)
{
	check_super(p, sink);
	slab_check(&p->slab, sink);
	dir_check(&p->dir, sink);
	client_check(&p->client, sink);
}

int maru_check(struct maru_pool *pool, maru_fault_fn fn, void *ctx)
{
	struct fault_sink sink = { .fn = fn, .ctx = ctx };
	int rc = pool_enter(pool);

	if (rc)
		return rc;
	sink.live = !pool->rdonly || client_others(&pool->client);
	check_all(pool, &sink);
	return (int)bits_min(sink.faults, INT32_MAX);
}

static void check_values(struct maru_pool *p, struct fault_sink *sink)
{
	struct slab *s = &p->slab;
	uint32_t region, unit;

	for (region = 0; region < s->region_nr; region++)
		for (unit = 0; unit < s->region[region].unit_nr; unit++) {
			uint32_t idx = region << IDX_UNIT_BITS | unit;
			uint64_t w = block_load(slab_block(s, idx));
			const char *why;

			if (block_state(w) == BLOCK_LIVE &&
			    entry_is_whole(&p->dir, idx, &why) &&
			    !entry_value_ok(&p->dir, idx) &&
			    block_load(slab_block(s, idx)) == w)
				fault_report(
					sink, 33, (uint64_t)region << 32 | unit,
					"value: its checksum does not match");
		}
}

struct census {
	uint64_t live, other, quarantined;
};

static struct census census(const struct maru_pool *p)
{
	const struct slab *s = &p->slab;
	struct census n = { 0 };
	uint32_t region, unit;

	for (region = 0; region < s->region_nr; region++)
		for (unit = 0; unit < s->region[region].unit_nr; unit++) {
			uint64_t w =
				block_load(&s->region[region].blocks[unit]);

			n.live += block_state(w) == BLOCK_LIVE;
			n.quarantined += block_state(w) == BLOCK_QUARANTINED;
			n.other += block_state(w) != BLOCK_LIVE &&
				   block_state(w) != BLOCK_QUARANTINED &&
				   block_state(w) != BLOCK_FREE;
		}
	return n;
}

struct keeper {
	struct maru_pool *pool;
	bool values; /* look at those that have a checksum */
	bool proof;  /* keep only what a checksum proves */
};

static bool keep(void *ctx, uint32_t idx)
{
	const struct keeper *k = ctx;
	const char *why;

	if (k->proof && !k->pool->dir.check_values)
		return false;
	return entry_is_whole(&k->pool->dir, idx, &why) &&
	       (!k->values || entry_value_ok(&k->pool->dir, idx));
}

/* Power was lost, or the pool's host is another one: trust no table. */
static bool must_rebuild(const struct maru_pool *p)
{
	return !media_is_sound(&p->media);
}

/*
 * After a loss of power a descriptor proves its value only if it was flushed
 * behind it: in a durable pool, and not through the page cache, which writes
 * back in any order.
 */
static bool values_were_first(const struct maru_pool *p)
{
	return p->media.durable &&
	       media_region(&p->media, 0)->map.granularity != DEV_PAGE;
}

static int rebuild(struct maru_pool *p, bool values)
{
	struct media_region *r = media_region(&p->media, 0);
	struct keeper k = {
		.pool = p,
		.values = values || must_rebuild(p),
		.proof = must_rebuild(p) && !values_were_first(p) &&
			 !media_was_repaired_here(&p->media),
	};
	struct media_super sb = r->sb;
	int rc;

	media_begin_repair(&p->media);
	slab_rebuild(&p->slab, keep, &k);
	dir_rebuild(&p->dir);
	client_rebuild(&p->client);
	if (p->media.copies_ok != 7)
		media_super_write(r, &sb);
	rc = dev_sync(&r->map, 0, r->map.len);
	if (rc)
		return rc;
	/* only now: all that it says is true is on the media */
	media_set_clean(&p->media);
	return dev_sync(&r->map, r->sb.section[SECTION_CONTROL].off,
			MEDIA_PAGE);
}

/* What the dead were writing is not free at once, be it by a repair. */
static void reap(struct maru_pool *p)
{
	if (!must_rebuild(p) && p->client.quarantine_ns)
		client_reap_all(&p->client);
}

/*
 * A repair empties the slots, and what waits there would be free too soon.
 * After a restart of the host there is nothing to wait for.
 */
static int refuse_quarantine(const struct maru_pool *p)
{
	const struct client *c = &p->client;
	uint64_t first;
	uint32_t nr;

	if (must_rebuild(p) || !c->quarantine_ns)
		return 0;
	nr = client_quarantined(c, &first);
	return nr ? err_set(-EBUSY,
			    "%s: devices may still write for %u dead clients; try again after %llu ms",
			    c->target, nr,
			    (unsigned long long)c->quarantine_ns / 1000000) :
		    0;
}

/* What could not be mended is told once more, as that. */
static void tell_left(struct maru_pool *p, const struct maru_fsck_opts *o,
		      const struct fault_sink *sink,
		      struct maru_fsck_result *res)
{
	struct fault_sink left = { .fn = o->fn, .ctx = o->ctx };

	check_all(p, &left);
	res->fixed = sink->faults - bits_min(left.faults, sink->faults);
	res->faults = bits_max(sink->faults, left.faults);
}

static int repair(struct maru_pool *p, const struct maru_fsck_opts *o,
		  struct fault_sink *sink, struct maru_fsck_result *res)
{
	struct census dead = census(p), before, after;
	int rc;

	reap(p);
	before = census(p);
	res->freed = dead.other + dead.quarantined - before.quarantined;
	if (!sink->faults && !before.other && !client_others(&p->client) &&
	    !must_rebuild(p) && !(o->flags & MARU_FSCK_REBUILD))
		return 0;
	rc = refuse_quarantine(p);
	if (!rc)
		rc = rebuild(p, o->flags & MARU_FSCK_DATA);
	if (!rc)
		p->media.copies_ok = 7;
	if (!rc || rc == -EBUSY)
		tell_left(p, o, sink, res);
	if (rc)
		return rc;
	after = census(p);
	res->kept = after.live;
	res->dropped = before.live - after.live;
	res->freed = dead.other + dead.quarantined;
	return 0;
}

static int fsck(struct maru_pool *p, const struct maru_fsck_opts *o,
		struct maru_fsck_result *res)
{
	struct fault_sink sink = {
		.fn = o->fn,
		.ctx = o->ctx,
		.fixing = o->flags & MARU_FSCK_REPAIR,
		.live = !(o->flags & MARU_FSCK_REPAIR) &&
			client_others(&p->client),
	};

	check_all(p, &sink);
	if (o->flags & MARU_FSCK_DATA)
		check_values(p, &sink);
	if (must_rebuild(p))
		fault_report(
			&sink, 33, FAULT_NOWHERE,
			media_was_repaired_here(&p->media) ?
				"a repair has not come to its end; another one will" :
				"in use when its host went down; repair decides what is whole");
	res->faults = sink.faults;
	res->kept = census(p).live;
	return sink.fixing ? repair(p, o, &sink, res) : 0;
}

int maru_fsck(const char *target, const struct maru_fsck_opts *opts,
	      struct maru_fsck_result *res)
{
	const uint32_t known = MARU_FSCK_REPAIR | MARU_FSCK_DATA |
			       MARU_FSCK_REBUILD;
	struct maru_fsck_opts o;
	struct maru_fsck_result none;
	struct maru_pool *p;
	int rc = opts_read(&o, sizeof(o), opts, "maru_fsck_opts");

	if (!res)
		res = &none;
	memset(res, 0, sizeof(*res));
	if (!rc && (o.flags & ~known || o.reserved))
		rc = err_set(-EINVAL, "flags: 0x%x has unknown bits",
			     o.flags & ~known);
	if (!rc && !target)
		rc = err_set(-EINVAL, "target: NULL");
	if (!rc)
		rc = pool_open_alone(target, o.offset,
				     o.flags & MARU_FSCK_REPAIR, &p);
	if (rc)
		return rc;
	rc = fsck(p, &o, res);
	maru_close(p, 0);
	return rc;
}
