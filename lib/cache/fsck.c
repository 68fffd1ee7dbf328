// SPDX-License-Identifier: BSD-3-Clause
/* A pool that is not open: checked, and mended if that is asked for. */
#include "cache/check.h"
#include "cache/open.h"

#include "base/err.h"
#include "cache/guarded.h"
#include "cache/value.h"
#include "client/check.h"
#include "dir/check.h"
#include "media/check.h"
#include "slab/check.h"

#include <string.h>

/* All of a block: a key may lie behind the value. */
static int touch_block(const struct maru_pool *p, uint32_t idx)
{
	return value_touch(p, idx, slab_block_bytes(&p->slab, idx));
}

/* Touched before, where that can be survived. */
static bool check_value(struct maru_pool *p, uint32_t idx, const char **why)
{
	*why = NULL;
	if (p->guard && touch_block(p, idx))
		return false;
	/* what is not whole is told by others */
	if (!entry_is_whole(&p->dir, idx, why) || entry_value_ok(&p->dir, idx))
		return true;
	*why = "value: its checksum does not match";
	return false;
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

			if (block_state(w) != BLOCK_LIVE ||
			    check_value(p, idx, &why) ||
			    block_load(slab_block(s, idx)) != w)
				continue;
			fault_report(sink, why ? 9 : 38, slab_addr(idx), "%s",
				     why ? why :
					   "value: its memory has failed");
		}
}

struct census {
	uint64_t live, bad, quarantined, other;
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

			switch (block_state(w)) {
			case BLOCK_FREE:
				break;
			case BLOCK_LIVE:
				n.live++;
				break;
			case BLOCK_QUARANTINED:
				n.quarantined++;
				break;
			case BLOCK_BAD:
				n.bad++;
				break;
			default:
				n.other++;
			}
		}
	return n;
}

/*
 * After a loss of power a descriptor proves its value only if it was flushed
 * behind it: in a durable pool, and not through the page cache, which writes
 * back in any order.  Both lie in one region.
 */
static bool value_was_first(const struct maru_pool *p, uint32_t idx)
{
	return p->media.durable &&
	       slab_region(&p->slab, idx)->media->map.granularity != DEV_PAGE;
}

struct keeper {
	struct maru_pool *pool;
	bool values; /* look at those that have a checksum */
	bool proof;  /* keep only what is proved: power was lost */
};

static bool keep(void *ctx, uint32_t idx)
{
	const struct keeper *k = ctx;
	const char *why;

	if (k->proof && !k->pool->dir.check_values &&
	    !value_was_first(k->pool, idx))
		return false;
	return entry_is_whole(&k->pool->dir, idx, &why) &&
	       (!k->values || entry_value_ok(&k->pool->dir, idx));
}

/* Power was lost, or the pool's host is another one: trust no table. */
static bool must_rebuild(const struct maru_pool *p)
{
	return !media_is_sound(&p->media);
}

/* Entries that cannot be read, before anybody tries to. */
static void retire_failed(struct maru_pool *p)
{
	struct slab *s = &p->slab;
	uint32_t region, unit;

	for (region = 0; region < s->region_nr; region++)
		for (unit = 0; unit < s->region[region].unit_nr; unit++) {
			uint32_t idx = region << IDX_UNIT_BITS | unit;
			struct media_block *b = slab_block(s, idx);
			uint64_t w = block_load(b);

			if (block_state(w) == BLOCK_LIVE && touch_block(p, idx))
				block_cas(b, &w, block_unowned(w, BLOCK_BAD));
		}
}

static int rebuild(struct maru_pool *p, uint32_t flags)
{
	struct media_region *r = media_region(&p->media, 0);
	bool values = flags & MARU_FSCK_DATA || must_rebuild(p);
	struct keeper k = {
		.pool = p,
		.values = values,
		.proof = must_rebuild(p) && !media_was_repaired_here(&p->media),
	};
	int rc;

	media_begin_repair(&p->media);
	if (host_anybody(&p->client)) { /* K9: after the mark */
		media_cancel_repair(&p->media);
		return err_set(-EBUSY, "%s: another host has just opened it",
			       p->client.target);
	}
	if (values && p->guard)
		retire_failed(p);
	rc = slab_rebuild(&p->slab, keep, &k, flags & MARU_FSCK_CLEAR_BAD);
	if (rc)
		return err_set(rc, "out of memory");
	dir_rebuild(&p->dir);
	client_rebuild(&p->client);
	media_mend(&p->media);
	rc = media_sync(&p->media);
	if (rc)
		return rc;
	/* only now: all that it says is true is on the media */
	media_set_clean(&p->media);
	return dev_sync(&r->map, r->sb.section[SECTION_CONTROL].off,
			MEDIA_PAGE);
}

static bool must_mend(const struct maru_pool *p, uint32_t flags,
		      const struct census *n)
{
	return n->other || client_others(&p->client) || must_rebuild(p) ||
	       flags & MARU_FSCK_REBUILD ||
	       (n->bad && flags & MARU_FSCK_CLEAR_BAD);
}

/* What the dead were writing is not free at once, be it by a repair. */
static void reap(struct maru_pool *p)
{
	if (must_rebuild(p) || !p->client.quarantine_ns)
		return;
	client_reap_all(&p->client);
	/* what need not wait, as it is of another boot, is due now */
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
			    "%s: devices may still write for %u dead clients; the first is due in %llu ms, so try again",
			    c->target, nr,
			    (unsigned long long)bits_div_up(first, 1000000)) :
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
	/* what the dead had begun may have been brought to its end */
	res->kept = before.live;
	res->freed = dead.other + dead.quarantined - before.quarantined;
	if (!sink->faults && !must_mend(p, o->flags, &before))
		return 0;
	rc = refuse_quarantine(p);
	if (!rc)
		rc = rebuild(p, o->flags);
	if (!rc || rc == -EBUSY)
		tell_left(p, o, sink, res);
	if (rc)
		return rc;
	after = census(p);
	res->kept = after.live;
	res->bad = after.bad;
	res->dropped = before.live - after.live;
	res->freed = dead.other + dead.quarantined;
	return 0;
}

static void check_dead(struct maru_pool *p, struct fault_sink *sink)
{
	if (!sink->live)
		client_check_dead(&p->client, sink);
}

static void check_dead_and_values(struct maru_pool *p, struct fault_sink *sink)
{
	check_values(p, sink);
	check_dead(p, sink);
}

/* Of one host: not while that may be another one, at work. */
static int refuse_elsewhere(const struct maru_pool *p, uint32_t flags)
{
	const struct media_region *r = media_region(&p->media, 0);

	if (!(flags & MARU_FSCK_REPAIR) || flags & MARU_FSCK_TAKEOVER)
		return 0;
	return media_refuse_elsewhere(media_at(r, SECTION_CONTROL),
				      p->client.target);
}

/* Of a fabric pool: no host is there, and then, is it sound? */
static int be_alone(struct maru_pool *p, uint32_t flags)
{
	int rc = 0;

	if (!p->client.host.all)
		return refuse_elsewhere(p, flags);
	if (flags & MARU_FSCK_REPAIR)
		rc = host_alone(&p->client, flags & MARU_FSCK_TAKEOVER);
	p->media.survivor =
		host_is_lone_survivor(&p->client) ||
		(!(flags & MARU_FSCK_REPAIR) && host_anybody(&p->client));
	return rc;
}

int pool_fsck(struct maru_pool *p, const struct maru_fsck_opts *o,
	      struct maru_fsck_result *res)
{
	struct fault_sink sink = {
		.fn = o->fn,
		.ctx = o->ctx,
		.fixing = o->flags & MARU_FSCK_REPAIR,
	};
	struct fault_sink none = { 0 };
	struct census n;
	int rc = be_alone(p, o->flags);

	if (rc)
		return rc;
	sink.live = o->flags & MARU_FSCK_ONLINE ||
		    (!sink.fixing && check_others(p));
	rc = check_sure(p, &sink,
			o->flags & MARU_FSCK_DATA ? check_dead_and_values :
						    check_dead);
	if (rc)
		return rc;
	if (must_rebuild(p))
		fault_report(
			&sink, 33, FAULT_NOWHERE,
			media_was_repaired_here(&p->media) ?
				"a repair has not come to its end; another one will" :
				"in use when its host went down; repair decides what is whole");
	n = census(p);
	res->faults = sink.faults;
	res->kept = n.live;
	res->bad = n.bad;
	res->dead = sink.live ? 0 : client_check_dead(&p->client, &none);
	return sink.fixing ? repair(p, o, &sink, res) : 0;
}

static int check_opts(const struct maru_fsck_opts *o)
{
	const uint32_t known = MARU_FSCK_REPAIR | MARU_FSCK_DATA |
			       MARU_FSCK_REBUILD | MARU_FSCK_GUARD |
			       MARU_FSCK_ONLINE | MARU_FSCK_CLEAR_BAD |
			       MARU_FSCK_TAKEOVER;
	const uint32_t repair = MARU_FSCK_REBUILD | MARU_FSCK_CLEAR_BAD |
				MARU_FSCK_TAKEOVER;

	if (o->flags & ~known || o->reserved)
		return err_set(-EINVAL, "flags: 0x%x has unknown bits",
			       o->flags & ~known);
	if (o->flags & MARU_FSCK_ONLINE && o->flags & MARU_FSCK_REPAIR)
		return err_set(
			-EINVAL,
			"flags: MARU_FSCK_ONLINE and MARU_FSCK_REPAIR exclude each other");
	if (o->flags & repair && !(o->flags & MARU_FSCK_REPAIR))
		return err_set(-EINVAL, "flags: 0x%x needs MARU_FSCK_REPAIR",
			       o->flags & repair);
	return 0;
}

int maru_fsck(const char *target, const struct maru_fsck_opts *opts,
	      struct maru_fsck_result *res)
{
	struct maru_fsck_opts o;
	struct maru_fsck_result none;
	struct maru_pool *p;
	int rc = opts_read(&o, sizeof(o), opts, "maru_fsck_opts");

	if (!res)
		res = &none;
	memset(res, 0, sizeof(*res));
	if (!rc)
		rc = check_opts(&o);
	if (!rc && !target)
		rc = err_set(-EINVAL, "target: NULL");
	if (!rc)
		rc = pool_open_alone(target, &o, &p);
	if (rc)
		return rc;
	rc = p->guard ? guarded_fsck(p, &o, res) : pool_fsck(p, &o, res);
	maru_close(p, 0);
	return rc;
}
