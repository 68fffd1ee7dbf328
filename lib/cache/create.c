// SPDX-License-Identifier: BSD-3-Clause
/* Formatting a target as an empty pool, unless something is there. */
#include "cache/pool.h"

#include "base/err.h"
#include "media/check.h"

#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define HOST_MS 10000u

static const uint32_t known_flags = MARU_CREATE_FORCE | MARU_CREATE_DURABLE |
				    MARU_CREATE_SIPHASH | MARU_CREATE_CRC |
				    MARU_CREATE_SPARSE;

static int check_opts(const struct maru_create_opts *o)
{
	size_t i;

	if (o->flags & ~known_flags)
		return err_set(-EINVAL, "flags: 0x%x has unknown bits",
			       o->flags & ~known_flags);
	if (o->offset % MEDIA_DATA_ALIGN)
		return err_set(-EINVAL, "offset: %llu is no multiple of %u",
			       (unsigned long long)o->offset, MEDIA_DATA_ALIGN);
	if (o->bytes && o->bytes < MARU_POOL_MIN)
		return err_set(-EINVAL, "bytes: %llu is less than %u",
			       (unsigned long long)o->bytes, MARU_POOL_MIN);
	if (o->mode & ~07777u)
		return err_set(-EINVAL, "mode: 0%o is no file mode", o->mode);
	if (o->reserved)
		return err_set(-EINVAL, "reserved: is not 0");
	if (o->share > MARU_SHARE_NONCOHERENT)
		return err_set(-EINVAL, "share: %u is not known", o->share);
	if (o->share == MARU_SHARE_NONCOHERENT)
		return err_set(
			-ENOTSUP,
			"share: hosts whose caches nobody keeps coherent cannot write one pool: two of them can win one compare-and-swap");
	if (o->host_ms && o->share != MARU_SHARE_FABRIC)
		return err_set(-EINVAL,
			       "host_ms: only where several hosts share");
	if (o->class_nr > 16 || (o->class_nr && !o->classes))
		return err_set(
			-EINVAL,
			"class_nr: %zu is more than 16, or classes is NULL",
			o->class_nr);
	for (i = 0; i < o->class_nr; i++)
		if (!o->classes[i] || o->classes[i] > 1ull << 40)
			return err_set(-EINVAL,
				       "classes: %llu bytes is no size",
				       (unsigned long long)o->classes[i]);
	return 0;
}

/* Nobody may have the old pool open, forced or not. */
static int refuse_users(struct dev *dev, const struct maru_create_opts *o,
			const struct media_super *old, struct dev_lock *lock)
{
	static const unsigned char none[16];
	int rc;

	dev->shared = old && old->share;
	rc = dev_lock_open(dev, old ? old->pool_uuid : none, o->offset, lock);

	if (rc)
		return rc;
	rc = dev_lock_take(lock, CLIENT_LOCK_POOL, false);
	if (rc == -EAGAIN)
		return err_set(-EBUSY, "%s: is in use by a living client",
			       dev->name);
	return rc;
}

static int refuse_content(struct dev *dev, const struct maru_create_opts *o,
			  const struct media_super *old)
{
	char what[256];
	int rc;

	if (o->flags & MARU_CREATE_FORCE)
		return 0;
	if (old)
		return err_set(
			-EEXIST,
			"%s: holds a maru pool%s%s; format over it with force",
			dev->name, old->label[0] ? ", label " : "", old->label);
	rc = dev_probe(dev, o->offset, dev->size - o->offset, what,
		       sizeof(what));
	if (rc > 0)
		return err_set(-EEXIST,
			       "%s: holds %s; format over it with force",
			       dev->name, what);
	return rc;
}

static int check_classes(const struct media_class *class, uint32_t nr,
			 const struct media_super *sb)
{
	uint32_t i;

	for (i = 0; i < nr; i++)
		if (class[i].units > sb->unit_nr)
			return err_set(
				-EINVAL,
				"classes: %llu bytes are more than all data, %llu",
				(unsigned long long)class[i].bytes,
				(unsigned long long)sb->unit_nr
					<< sb->unit_shift);
	return 0;
}

static uint32_t quarantine(const struct maru_create_opts *o)
{
	if (o->quarantine_ms == MARU_QUARANTINE_NONE)
		return 0;
	return o->quarantine_ms ? o->quarantine_ms : 2000;
}

static int plan(const struct maru_create_opts *o, uint64_t bytes,
		struct media_super *sb)
{
	struct media_plan p = {
		.bytes = bytes,
		.max_bytes = o->max_bytes,
		.unit = o->unit ? o->unit : 65536,
		.client_nr = o->max_clients ? o->max_clients : 64,
		.hash_alg = o->flags & MARU_CREATE_SIPHASH ? HASH_SIPHASH :
							     HASH_XXH3,
		.flags = o->flags & (MARU_CREATE_DURABLE | MARU_CREATE_SIPHASH |
				     MARU_CREATE_CRC),
		.label = o->label,
		.quarantine_ms = quarantine(o),
		.share = o->share,
		.host_ms = o->host_ms ? o->host_ms : HOST_MS,
	};
	struct media_class class[SLAB_CLASS_MAX] = { 0 };
	int rc;

	if (p.unit >= 4096)
		p.class_nr =
			slab_class_plan(class, o->classes, o->class_nr, p.unit);
	rc = media_layout(&p, sb);
	if (rc)
		return rc;
	/* what no slab can hold is not worth a class */
	p.class_nr = slab_class_prune(class, p.class_nr, 1u << sb->slab_shift);
	rc = media_layout(&p, sb);
	if (!rc)
		rc = check_classes(class, p.class_nr, sb);
	if (rc)
		return rc;
	slab_class_groups(class, p.class_nr, sb);
	memcpy(sb->class, class, p.class_nr * sizeof(class[0]));
	return rc;
}

static int identify(struct media_super *sb)
{
	struct timespec now;
	int rc = hash_random(sb->pool_uuid, sizeof(sb->pool_uuid));

	if (!rc)
		rc = hash_random(sb->secret, sizeof(sb->secret));
	if (!rc)
		rc = hash_random(&sb->nonce, sizeof(sb->nonce));
	/* RFC 9562: random, version 4 */
	sb->pool_uuid[6] = (sb->pool_uuid[6] & 0x0f) | 0x40;
	sb->pool_uuid[8] = (sb->pool_uuid[8] & 0x3f) | 0x80;
	memcpy(sb->region_uuid, sb->pool_uuid, 16);
	clock_gettime(CLOCK_REALTIME, &now);
	sb->created_ns =
		(uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
	memcpy(sb->magic, MEDIA_MAGIC, sizeof(sb->magic));
	sb->major = MEDIA_MAJOR;
	sb->minor = MEDIA_MINOR;
	sb->endian = MEDIA_ENDIAN;
	return rc;
}

/* All tables zero is an empty pool; the superblocks make it one, last. */
static int format(struct dev *dev, const struct maru_create_opts *o,
		  struct media_super *sb)
{
	struct media m = { 0 };
	struct media_region *r;
	int rc = media_map(&m, dev, o->offset, sb);

	if (rc) {
		dev_abandon(dev);
		return rc;
	}
	r = media_region(&m, 0);
	media_zero(r, dev->made);
	media_regions_write(r);
	media_set_clean(&m);
	rc = dev_sync(&r->map, 0, sb->section[SECTION_DATA].off);
	if (!rc)
		media_super_write(r, sb);
	if (!rc && m.durable)
		rc = dev_sync(&r->map, 0, r->map.len);
	media_unmap(&m, rc != 0);
	return rc;
}

/* Not while another host may be at work in it. */
static int may_go(const struct dev_map *map, const struct media_super *old,
		  const char *target)
{
	if (old->share)
		return host_alone_at(map, old, target);
	return media_refuse_elsewhere(
		(const void *)(map->base + old->section[SECTION_CONTROL].off),
		target);
}

/* Takes @dev, whatever becomes of it. */
static int create_on(struct dev *dev, const struct maru_create_opts *o)
{
	struct media_super old, sb;
	struct dev_lock lock = { .fd = -1 };
	uint64_t room = dev->size > o->offset ? dev->size - o->offset : 0;
	uint32_t ok;
	bool pool;
	int rc;

	pool = !dev->made && !media_super_read(dev, o->offset, &old, &ok);
	rc = refuse_users(dev, o, pool ? &old : NULL, &lock);
	if (!rc && !dev->made)
		rc = refuse_content(dev, o, pool ? &old : NULL);
	if (!rc && o->bytes > room)
		rc = err_set(-ENOSPC,
			     "%s: has %llu bytes from offset %llu, not %llu",
			     dev->name, (unsigned long long)room,
			     (unsigned long long)o->offset,
			     (unsigned long long)o->bytes);
	if (!rc)
		rc = plan(o, o->bytes ? o->bytes : room, &sb);
	/* before the old pool is touched */
	if (!rc)
		rc = dev_map_check(dev, o->offset, sb.region_bytes);
	if (!rc)
		rc = identify(&sb);
	/* else power that is lost halfway leaves a superblock that says all
	 * is well, over tables that are half another pool's */
	if (!rc && pool)
		rc = media_super_wipe(dev, o->offset, &old, may_go);
	if (rc) {
		dev_abandon(dev);
	} else {
		rc = format(dev, o, &sb);
	}
	if (lock.fd >= 0)
		dev_lock_close(&lock);
	return rc;
}

static int read_opts(struct maru_create_opts *o,
		     const struct maru_create_opts *given)
{
	int rc = opts_read(o, sizeof(*o), given, "maru_create_opts");

	return rc ? rc : check_opts(o);
}

int maru_create(const char *target, const struct maru_create_opts *opts)
{
	struct maru_create_opts o;
	struct dev *dev;
	int rc = read_opts(&o, opts);

	if (!rc && !target)
		rc = err_set(-EINVAL, "target: NULL");
	if (!rc)
		rc = dev_create_file(target, o.bytes ? o.offset + o.bytes : 0,
				     o.mode ? o.mode : 0660,
				     o.flags & MARU_CREATE_SPARSE, &dev);
	if (!rc)
		rc = create_on(dev, &o);
	if (!rc)
		err_clear(); /* of what the look at the target said */
	return rc;
}

int maru_create_mem(const struct maru_create_opts *opts, int *fd)
{
	struct maru_create_opts o;
	struct dev *dev;
	int rc = read_opts(&o, opts);

	if (!fd)
		return err_set(-EINVAL, "fd: NULL");
	*fd = -1;
	if (!rc && !o.bytes)
		rc = err_set(-EINVAL,
			     "bytes: 0; a pool in memory needs a size");
	if (!rc && o.offset)
		rc = err_set(-EINVAL, "offset: must be 0 in memory of its own");
	if (!rc)
		rc = dev_create_mem(o.label && o.label[0] ? o.label : "maru",
				    bits_round_up(o.bytes, MEDIA_PAGE),
				    o.flags & MARU_CREATE_SPARSE, &dev);
	if (rc)
		return rc;
	*fd = fcntl(dev->fd, F_DUPFD_CLOEXEC, 3);
	rc = *fd < 0 ? err_sys("memfd") : 0;
	if (rc)
		dev_close(dev);
	else
		rc = create_on(dev, &o);
	if (rc && *fd >= 0) {
		close(*fd);
		*fd = -1;
	}
	if (!rc)
		err_clear();
	return rc;
}
