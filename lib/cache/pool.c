// SPDX-License-Identifier: BSD-3-Clause
/* Opening and closing: the handle's life. */
#include "cache/beat.h"
#include "cache/open.h"
#include "cache/pool.h"

#include "base/err.h"
#include "cache/guarded.h"
#include "cache/regions.h"
#include "dev/guard.h"
#include "media/target.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define LOCK_TRIES 300 /* of 10 ms */

int pool_refuse(const char *whose)
{
	return err_set(MARU_E_CLOSED, "pool handle is %s; open the pool anew",
		       whose);
}

int pool_bad_key(size_t klen)
{
	return err_set(-EINVAL, "key: NULL, or %zu bytes are not 1 to %d", klen,
		       MARU_KEY_MAX);
}

int pool_enter_guarded(const struct maru_pool *p)
{
	if (*p->here != POOL_HERE_GUARDED)
		return pool_refuse("another process'");
	/* relaxed: whoever has not heard of it will meet it himself */
	if (a32_load_rlx(&p->struck))
		return err_set(
			-EIO,
			"pool handle has met a memory error in the pool's tables; close it");
	return guard_inside() ? 0 : POOL_GUARDED;
}

/* A page that a forked child finds zeroed: the handle is not its. */
static const uint64_t *here_new(bool guard)
{
	uint64_t *p = mmap(NULL, MEDIA_PAGE, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return NULL;
	if (madvise(p, MEDIA_PAGE, MADV_WIPEONFORK)) {
		munmap(p, MEDIA_PAGE);
		return NULL;
	}
	*p = guard ? POOL_HERE_GUARDED : POOL_HERE;
	mprotect(p, MEDIA_PAGE, PROT_READ);
	return p;
}

static void here_free(const uint64_t *p)
{
	if (p)
		munmap((void *)(uintptr_t)p, MEDIA_PAGE);
}

/* Shared with all users; whoever formats or repairs has it alone. */
static int lock_pool(struct dev_lock *lock, const char *target)
{
	const struct timespec pause = { 0, 10000000 };
	int tries, rc;

	for (tries = 0; tries < LOCK_TRIES; tries++) {
		rc = dev_lock_take(lock, CLIENT_LOCK_POOL, true);
		if (rc != -EAGAIN)
			return rc;
		clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, NULL);
	}
	return err_set(-EBUSY, "%s: is being formatted or repaired", target);
}

static int lock_alone(struct dev_lock *lock, const char *target)
{
	int rc = dev_lock_take(lock, CLIENT_LOCK_POOL, false);

	return rc == -EAGAIN ?
		       err_set(-EBUSY, "%s: is in use by a living client",
			       target) :
		       rc;
}

int pool_lock(struct dev_lock *lock, const char *target, bool alone)
{
	return alone ? lock_alone(lock, target) : lock_pool(lock, target);
}

static int check_opts(const struct maru_open_opts *o)
{
	const uint32_t known = MARU_OPEN_RDONLY | MARU_OPEN_PREFAULT_META |
			       MARU_OPEN_PREFAULT_ALL | MARU_OPEN_VERIFY |
			       MARU_OPEN_INSPECT | MARU_OPEN_GUARD |
			       MARU_OPEN_NO_BEAT;

	if (o->flags & ~known || o->reserved)
		return err_set(-EINVAL, "flags: 0x%x has unknown bits",
			       o->flags & ~known);
	if (o->flags & MARU_OPEN_INSPECT && !(o->flags & MARU_OPEN_RDONLY))
		return err_set(
			-EINVAL,
			"flags: MARU_OPEN_INSPECT needs MARU_OPEN_RDONLY");
	if (o->offset % MEDIA_PAGE)
		return err_set(-EINVAL, "offset: %llu is no multiple of %u",
			       (unsigned long long)o->offset, MEDIA_PAGE);
	return 0;
}

static int check_share(const struct maru_pool *p, const struct dev *dev,
		       const struct media_super *sb)
{
	if (p->rdonly || sb->share != MEDIA_SHARE_NONCOHERENT)
		return 0;
	return err_set(
		-ENOTSUP,
		"%s: made for hosts whose caches nobody keeps coherent: there two of them can win one compare-and-swap, so it can only be read",
		dev->name);
}

/* Superblock, lock, superblock again: nobody formatted it in between. */
static int read_super(struct maru_pool *p, struct dev *dev,
		      const struct maru_open_opts *o, struct media_super *sb)
{
	struct media_super first;
	int rc = media_super_read(dev, o->offset, &first, &p->media.copies_ok);

	p->client.lock.fd = -1;
	if (rc)
		return rc;
	if (first.ro_compat & ~MEDIA_RO_KNOWN && !p->rdonly)
		return err_set(
			MARU_E_FORMAT,
			"%s: has features 0x%llx, so this library version may only read it",
			dev->name, (unsigned long long)first.ro_compat);
	*sb = first;
	rc = check_share(p, dev, sb);
	if (rc)
		return rc;
	dev->shared = sb->share;
	rc = dev_lock_open(dev, first.pool_uuid, o->offset, &p->client.lock);
	if (rc) {
		p->client.lock.fd = -1;
		return p->rdonly ? 0 : rc;
	}
	if (o->flags & MARU_OPEN_INSPECT)
		return 0;
	rc = pool_lock(&p->client.lock, dev->name, p->alone);
	if (!rc)
		rc = media_super_read(dev, o->offset, sb, &p->media.copies_ok);
	if (!rc &&
	    (memcmp(first.pool_uuid, sb->pool_uuid, 16) || sb->region_no))
		rc = err_set(-EBUSY, "%s: is being formatted", dev->name);
	return rc;
}

static int prefault_one(struct media_region *r, uint32_t flags)
{
	uint64_t len = flags & MARU_OPEN_PREFAULT_ALL ?
			       r->map.len :
			       r->sb.section[SECTION_DATA].off;
	int rc = dev_prefault(&r->map, 0, len);

	if (rc) {
		char why[256];

		snprintf(why, sizeof(why), "%s", maru_errmsg());
		err_set(rc, "%s: %s", r->dev->name, why);
	}
	return rc;
}

static int prefault(struct maru_pool *p, uint32_t flags)
{
	const uint32_t some = MARU_OPEN_PREFAULT_ALL | MARU_OPEN_PREFAULT_META;
	uint32_t i;
	int rc = 0;

	for (i = 0; i < p->media.region_nr && !rc && flags & some; i++) {
		struct media_region *r = media_region(&p->media, i);

		if (r)
			rc = prefault_one(r, flags);
	}
	return rc;
}

/* As one of its clients; of a fabric pool the host comes first. */
static int join(struct maru_pool *p, const struct maru_open_opts *o)
{
	struct client *c = &p->client;
	int rc = host_enter(c);

	if (!rc && c->host.all)
		rc = host_prove(c, &p->media.survivor);
	if (!rc)
		rc = media_enter(&p->media);
	if (!rc)
		rc = client_join(c, o->name ? o->name :
					      program_invocation_short_name);
	if (!rc)
		rc = media_enter(&p->media);
	if (rc)
		host_leave(c);
	else
		host_tick(c);
	return rc;
}

static int enter(struct maru_pool *p, const struct maru_open_opts *o)
{
	int rc = slab_attach(&p->slab, &p->media);

	if (rc)
		return rc;
	dir_attach(&p->dir, &p->slab, &p->media);
	p->dir.evicted = pool_evicted;
	p->dir.ctx = p;
	rc = client_attach(&p->client, &p->media, &p->dir);
	if (!rc)
		rc = prefault(p, o->flags);
	return rc || p->rdonly || p->alone ? rc : join(p, o);
}

static void undo(struct maru_pool *p)
{
	slab_detach(&p->slab);
	media_unmap(&p->media, false);
	if (p->client.lock.fd >= 0)
		dev_lock_close(&p->client.lock);
	if (p->guard)
		guard_remove();
	here_free(p->here);
	free(p);
}

static int open_given(struct maru_pool *p, struct media_given *g,
		      const struct maru_open_opts *o)
{
	struct media_super sb;
	struct dev *dev;
	int rc = media_given_root(g, &dev);

	if (rc)
		return rc;
	rc = read_super(p, dev, o, &sb);
	if (!rc)
		rc = expect_check(o, &sb, dev->name);
	if (!rc)
		rc = media_map(&p->media, dev, o->offset, &sb);
	if (rc) {
		dev_close(dev);
		return rc;
	}
	rc = regions_join(p, g,
			  p->alone		       ? REGIONS_REMAKE :
			  o->flags & MARU_OPEN_INSPECT ? REGIONS_LOOK :
							 REGIONS_REFUSE);
	if (rc)
		return rc;
	return p->guard ? guarded_enter(p, o, enter) : enter(p, o);
}

/* What was found by its UUID shall still be that when it is opened. */
static void expect_target(struct maru_open_opts *o, const char *target)
{
	static const unsigned char any[16];

	if (!memcmp(o->expect_uuid, any, sizeof(any)))
		media_target_uuid(target, o->expect_uuid);
}

static int open_handle(const char *target, struct maru_open_opts *o, bool alone,
		       struct maru_pool **pool)
{
	struct maru_pool *p = calloc(1, sizeof(*p));
	struct media_given given;
	int rc;

	if (!p)
		return err_set(-ENOMEM, "%s: out of memory", target);
	expect_target(o, target);
	p->client.lock.fd = -1;
	p->client.self = CLIENT_NONE;
	p->client.host.no = HOST_NONE;
	p->rdonly = o->flags & MARU_OPEN_RDONLY;
	p->verify = o->flags & MARU_OPEN_VERIFY;
	rc = o->flags & MARU_OPEN_GUARD ? guard_install() : 0;
	if (rc) {
		free(p);
		return rc;
	}
	p->guard = o->flags & MARU_OPEN_GUARD;
	p->alone = alone;
	p->here = here_new(p->guard);
	rc = p->here ? media_given_open(&given, target,
					p->rdonly ? DEV_RDONLY : 0, o->offset) :
		       err_sys("MADV_WIPEONFORK");
	if (!rc) {
		rc = open_given(p, &given, o);
		media_given_close(&given);
	}
	if (!rc && !(o->flags & MARU_OPEN_NO_BEAT))
		rc = beat_start(p);
	if (rc) {
		undo(p);
		return rc;
	}
	*pool = p;
	return 0;
}

int maru_open(const char *target, const struct maru_open_opts *opts,
	      struct maru_pool **pool)
{
	struct maru_open_opts o;
	int rc;

	if (!pool || !target)
		return err_set(-EINVAL, "target or pool: NULL");
	*pool = NULL;
	rc = opts_read(&o, sizeof(o), opts, "maru_open_opts");
	if (!rc)
		rc = check_opts(&o);
	return rc ? rc : open_handle(target, &o, false, pool);
}

int pool_open_alone(const char *target, const struct maru_fsck_opts *f,
		    struct maru_pool **pool)
{
	bool repair = f->flags & MARU_FSCK_REPAIR;
	struct maru_open_opts o = { .size = sizeof(o), .offset = f->offset };
	int rc;

	if (!repair)
		o.flags = MARU_OPEN_RDONLY | MARU_OPEN_INSPECT;
	if (f->flags & MARU_FSCK_GUARD)
		o.flags |= MARU_OPEN_GUARD;
	rc = check_opts(&o);
	return rc ? rc : open_handle(target, &o, repair, pool);
}

/* The last one out writes back and says that all is in order. */
static void leave_clean(struct maru_pool *p)
{
	const struct dev_map *root = &media_region(&p->media, 0)->map;
	uint64_t seen = media_state(&p->media);

	if (client_others(&p->client))
		return;
	if (p->media.durable)
		media_sync(&p->media);
	media_make_clean(&p->media, seen);
	if (p->media.durable)
		dev_sync(root, 0, MEDIA_DATA_ALIGN);
}

/* -EBUSY: it stays. */
static int leave(struct maru_pool *p, unsigned flags)
{
	uint64_t entries, pins, buffers;

	if (p->client.self == CLIENT_NONE)
		return 0;
	client_holds(&p->client, p->client.self, &entries, &pins, &buffers);
	/* declared dead: the slot may be another client's by now */
	if ((pins || buffers) && client_ok(&p->client) &&
	    !(flags & MARU_CLOSE_FORCE))
		return err_set(
			-EBUSY,
			"%llu views and pins and %llu buffers are still held",
			(unsigned long long)pins, (unsigned long long)buffers);
	beat_stop(p);
	if (p->client.host.all) /* nobody else may be here to do it */
		client_reap_all(&p->client);
	client_leave(&p->client);
	leave_clean(p);
	host_leave(&p->client);
	return 0;
}

int maru_close(struct maru_pool *pool, unsigned flags)
{
	int rc;

	if (!pool)
		return 0;
	if (flags & ~MARU_CLOSE_FORCE)
		return err_set(-EINVAL, "flags: 0x%x is not known", flags);
	if (!pool_is_here(pool)) {
		/* nothing of it is this process' but the memory */
		free(pool);
		return 0;
	}
	if (a32_load_rlx(&pool->struck)) /* relaxed, as below */
		beat_stop(pool);
	/* struck: its slot is reaped when this mapping is gone */
	rc = !pool->guard ? leave(pool, flags) :
	     a32_load_rlx(&pool->struck) ? /* as in pool_enter_guarded() */
		     0 :
		     guarded_leave(pool, flags, leave);
	if (rc != -EBUSY)
		undo(pool);
	return rc;
}

int maru_sync(struct maru_pool *pool)
{
	int rc = pool_enter(pool);

	if (unlikely(rc == POOL_GUARDED))
		return guarded_sync(pool);
	if (rc || !pool->media.durable)
		return rc;
	if (pool->rdonly)
		return -EROFS;
	return media_sync(&pool->media);
}

int maru_region(struct maru_pool *pool, uint32_t no, struct maru_region *out)
{
	struct media_region *r;
	int rc = pool_enter(pool);

	if (unlikely(rc == POOL_GUARDED))
		return guarded_region(pool, no, out);
	if (rc)
		return rc;
	r = media_region(&pool->media, no);
	if (!out)
		return -EINVAL;
	memset(out, 0, sizeof(*out));
	out->numa_node = -1;
	if (!r) /* tools see by its 0 bytes that one is not there */
		return no < pool->media.region_nr ? 0 : -ENOENT;
	memcpy(out->uuid, r->sb.region_uuid, sizeof(out->uuid));
	out->copies_ok = no ? r->copies_ok : pool->media.copies_ok;
	out->base = r->map.base;
	out->bytes = r->map.len;
	out->data_off = r->sb.section[SECTION_DATA].off;
	out->unit = 1u << r->sb.unit_shift;
	out->numa_node = r->dev->numa_node;
	return 0;
}

const char *maru_version(void)
{
	return MARU_VERSION;
}

int maru_abi_version(void)
{
	return MARU_ABI_VERSION;
}
