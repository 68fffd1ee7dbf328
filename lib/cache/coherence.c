// SPDX-License-Identifier: BSD-3-Clause
/* The coherence test of a target: where it may be, and all litmus tests. */
#include "cache/pool.h"

#include "base/bits.h"
#include "base/err.h"
#include "dev/litmus.h"

#include <stdlib.h>
#include <string.h>

#include <maru/coherence.h>

#define PAGE 4096u

_Static_assert(LITMUS_WINDOW == MARU_COHERENCE_BYTES, "as promised");
_Static_assert(LITMUS_MEMBERS == MARU_COHERENCE_MEMBERS, "as promised");

static int check_opts(struct maru_coherence_opts *o)
{
	if (o->flags & ~(MARU_COHERENCE_FORCE | MARU_COHERENCE_AT))
		return err_set(-EINVAL, "flags: 0x%x has unknown bits",
			       o->flags);
	if (o->offset % PAGE)
		return err_set(-EINVAL, "offset: %llu is no multiple of %u",
			       (unsigned long long)o->offset, PAGE);
	if (o->offset && !(o->flags & MARU_COHERENCE_AT))
		return err_set(-EINVAL,
			       "offset: is for MARU_COHERENCE_AT, not set");
	if (o->participants == 1 || o->participants > LITMUS_MEMBERS)
		return err_set(-EINVAL, "participants: %u is not 2 to %u",
			       o->participants, LITMUS_MEMBERS);
	if (o->rounds > 1000000)
		return err_set(-EINVAL, "rounds: %u is more than 1000000",
			       o->rounds);
	if (!o->participants)
		o->participants = 2;
	if (!o->rounds)
		o->rounds = 2000;
	if (!o->timeout_ms)
		o->timeout_ms = 10000;
	return 0;
}

/* The window's start; at the end there may be less than a page. */
static int place(const struct dev *dev, struct maru_coherence_opts *o)
{
	if (dev->size < LITMUS_WINDOW || o->offset > dev->size - LITMUS_WINDOW)
		return err_set(
			-ENOSPC,
			"%s: has %llu bytes; the test needs %u from %llu",
			dev->name, (unsigned long long)dev->size, LITMUS_WINDOW,
			(unsigned long long)o->offset);
	if (!(o->flags & MARU_COHERENCE_AT))
		o->offset = bits_round_down(dev->size - LITMUS_WINDOW, PAGE);
	return 0;
}

/* Living clients of this host are not to be asked to move. */
static int refuse_users(struct dev *dev, uint64_t window,
			const struct media_super *sb)
{
	struct dev_lock lock;
	int rc = dev_lock_open(dev, sb->pool_uuid, window, &lock);

	if (rc)
		return rc;
	rc = dev_lock_held(&lock, CLIENT_LOCK_POOL);
	dev_lock_close(&lock);
	if (rc <= 0)
		return rc;
	return err_set(-EBUSY, "%s: the pool at %llu is in use", dev->name,
		       (unsigned long long)window);
}

static int refuse_pool(struct dev *dev, uint64_t window,
		       const struct maru_coherence_opts *o)
{
	struct media_super sb;
	uint32_t ok;

	if (media_super_read(dev, window, &sb, &ok) ||
	    sb.region_bytes <= o->offset - bits_min(window, o->offset))
		return 0;
	if (o->flags & MARU_COHERENCE_FORCE)
		return refuse_users(dev, window, &sb);
	return err_set(-EEXIST,
		       "%s: holds a maru pool from %llu to %llu; give another "
		       "offset, or overwrite it with force",
		       dev->name, (unsigned long long)window,
		       (unsigned long long)(window + sb.region_bytes));
}

/* A pool begins at a multiple of MEDIA_DATA_ALIGN. */
static int refuse_pools(struct dev *dev, const struct maru_coherence_opts *o)
{
	unsigned char magic[sizeof(((struct media_super *)0)->magic)];
	uint64_t window = 0;
	int rc = refuse_pool(dev, 0, o); /* known by its copies, too */

	for (window = MEDIA_DATA_ALIGN;
	     !rc && window < o->offset + LITMUS_WINDOW &&
	     window <= dev->size - sizeof(magic);
	     window += MEDIA_DATA_ALIGN) {
		rc = dev_read(dev, window, magic, sizeof(magic));
		if (!rc && !memcmp(magic, MEDIA_MAGIC, sizeof(magic)))
			rc = refuse_pool(dev, window, o);
	}
	return rc;
}

/* A file system, from the target's start on, is no place for scratch. */
static int refuse_content(struct dev *dev, const struct maru_coherence_opts *o)
{
	uint64_t mark;
	char what[256];
	int rc;

	if (o->flags & MARU_COHERENCE_FORCE)
		return 0;
	rc = dev_read(dev, o->offset, &mark, sizeof(mark));
	if (rc || mark == LITMUS_MARK)
		return rc; /* another participant was first */
	rc = dev_probe(dev, 0, dev->size, what, sizeof(what));
	if (rc > 0 && strncmp(what, "data (", 6))
		return err_set(-EEXIST, "%s: holds %s; overwrite it with force",
			       dev->name, what);
	if (rc >= 0)
		rc = dev_probe(dev, o->offset, LITMUS_WINDOW, what,
			       sizeof(what));
	if (rc <= 0)
		return rc;
	/* the first may have come meanwhile, its mark before all else */
	rc = dev_read(dev, o->offset, &mark, sizeof(mark));
	if (rc || mark == LITMUS_MARK)
		return rc;
	return err_set(-EEXIST, "%s: holds %s at %llu; overwrite it with force",
		       dev->name, what, (unsigned long long)o->offset);
}

static void report(const struct litmus *l, struct maru_coherence_result *res)
{
	res->participants = l->nr;
	res->rank = l->rank;
	res->litmus_nr = LITMUS_NR;
	for (unsigned id = 0; id < LITMUS_NR; id++) {
		const struct litmus_tally *t = &l->tally[id];

		res->litmus[id] = (struct maru_litmus){
			.name = litmus_name(id),
			.tries = t->tries,
			.wrong = t->wrong,
			.want = t->want,
			.got = t->got,
		};
		res->failed += t->wrong != 0;
	}
}

static int run(struct litmus *l, struct maru_coherence_result *res)
{
	int rc = litmus_meet(l);

	if (rc)
		return rc;
	for (unsigned id = 0; id < LITMUS_NR && !rc; id++)
		rc = litmus_run(l, id);
	if (!rc)
		rc = litmus_part(l);
	if (rc)
		litmus_give_up(l);
	else
		report(l, res);
	return rc ? rc : res->failed != 0;
}

static int run_at(struct dev *dev, const struct maru_coherence_opts *o,
		  struct maru_coherence_result *res)
{
	uint64_t from = bits_round_down(o->offset, dev->align);
	uint64_t to = bits_round_up(o->offset + LITMUS_WINDOW, dev->align);
	struct litmus l = {
		.nr = o->participants,
		.rounds = o->rounds,
		.timeout_ns = o->timeout_ms * UINT64_C(1000000),
		.name = dev->name,
	};
	struct dev_map map;
	int rc = dev_map(dev, from, to - from, &map);

	if (rc)
		return rc;
	l.w = (struct litmus_window *)(map.base + (o->offset - from));
	if (o->flags & MARU_COHERENCE_FORCE)
		litmus_clear(&l);
	res->offset = o->offset;
	rc = run(&l, res);
	dev_unmap(&map);
	return rc;
}

int maru_coherence_test(const char *target,
			const struct maru_coherence_opts *opts,
			struct maru_coherence_result *res)
{
	struct maru_coherence_opts o;
	struct dev *dev;
	int rc = opts_read(&o, sizeof(o), opts, "maru_coherence_opts");

	if (!rc)
		rc = check_opts(&o);
	if (!rc && (!target || !res))
		rc = err_set(-EINVAL, "%s: NULL", target ? "res" : "target");
	if (rc)
		return rc;
	memset(res, 0, sizeof(*res));
	rc = dev_open(target, 0, &dev);
	if (rc)
		return rc;
	rc = place(dev, &o);
	if (!rc)
		rc = refuse_pools(dev, &o);
	if (!rc)
		rc = refuse_content(dev, &o);
	if (!rc)
		rc = run_at(dev, &o, res);
	dev_close(dev);
	if (rc >= 0)
		err_clear();
	return rc;
}
