// SPDX-License-Identifier: BSD-3-Clause
/* Formatting a target as an empty pool, unless something is there. */
#include "cache/pool.h"

#include "base/err.h"
#include "media/check.h"
#include "media/target.h"

#include <fcntl.h>
#include <stdlib.h>
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

/* A target that is to be a region, and what was there. */
struct place {
	struct dev *dev; /* NULL: mapped */
	struct media_super old, sb;
	uint64_t bytes; /* of the region */
	bool pool;	/* there is an old one */
	struct dev_lock lock;
};

struct making {
	const struct maru_create_opts *o;
	struct place *at; /* region 0 first */
	uint32_t nr;
};

/* Nobody may have the old pool open, forced or not. */
static int refuse_users(struct place *at, const struct maru_create_opts *o,
			uint32_t no)
{
	unsigned char none[16] = { 0 };
	int rc;

	none[15] = (unsigned char)no;
	at->dev->shared = at->pool && at->old.share;
	rc = dev_lock_open(at->dev, at->pool ? at->old.region_uuid : none,
			   o->offset, &at->lock);
	if (rc)
		return rc;
	rc = dev_lock_take(&at->lock, CLIENT_LOCK_POOL, false);
	if (rc == -EAGAIN)
		return err_set(-EBUSY, "%s: is in use by a living client",
			       at->dev->name);
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

/* What no region can hold cannot be stored. */
static int check_classes(const struct making *m,
			 const struct media_class *class, uint32_t nr)
{
	const struct media_super *sb = &m->at[0].sb;
	uint32_t i;

	for (i = 1; i < m->nr; i++)
		if (m->at[i].sb.unit_nr > sb->unit_nr)
			sb = &m->at[i].sb;
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

/* The directory is the root's, and for the entries of all regions. */
static int max_bytes(const struct making *m, uint64_t *max)
{
	uint64_t sum = 0;
	uint32_t i;

	*max = m->o->max_bytes;
	for (i = 0; m->nr > 1 && i < m->nr; i++)
		sum += bits_round_down(m->at[i].bytes, MEDIA_PAGE);
	if (*max && *max < sum)
		return err_set(
			-EINVAL,
			"max_bytes: %llu is less than the %llu bytes of %u targets",
			(unsigned long long)*max, (unsigned long long)sum,
			m->nr);
	*max = bits_max(*max, sum);
	return 0;
}

/* Superblocks of all regions; @slab: out: units of the largest slab. */
static int lay_out(const struct making *m, struct media_plan *p, uint32_t *slab)
{
	uint32_t i;
	int rc = 0;

	*slab = 0;
	for (i = 0; i < m->nr && !rc; i++) {
		struct media_super *sb = &m->at[i].sb;

		p->bytes = m->at[i].bytes;
		p->region_no = i;
		rc = media_layout(p, sb);
		*slab = (uint32_t)bits_max(*slab, 1u << sb->slab_shift);
	}
	return rc;
}

static int plan(const struct making *m)
{
	const struct maru_create_opts *o = m->o;
	struct media_plan p = {
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
		.region_nr = m->nr > 1 ? m->nr : 0,
	};
	struct media_class class[SLAB_CLASS_MAX] = { 0 };
	uint32_t slab, i;
	int rc = max_bytes(m, &p.max_bytes);

	if (!rc && p.unit >= 4096)
		p.class_nr =
			slab_class_plan(class, o->classes, o->class_nr, p.unit);
	if (!rc)
		rc = lay_out(m, &p, &slab);
	if (rc)
		return rc;
	/* what no slab can hold is not worth a class */
	p.class_nr = slab_class_prune(class, p.class_nr, slab);
	rc = lay_out(m, &p, &slab);
	if (!rc)
		rc = check_classes(m, class, p.class_nr);
	for (i = 0; i < m->nr && !rc; i++) {
		struct media_super *sb = &m->at[i].sb;

		slab_class_groups(class, p.class_nr, sb);
		memcpy(sb->class, class, p.class_nr * sizeof(class[0]));
	}
	return rc;
}

/* RFC 9562: random, version 4 */
static int new_uuid(uint8_t uuid[16])
{
	int rc = hash_random(uuid, 16);

	uuid[6] = (uuid[6] & 0x0f) | 0x40;
	uuid[8] = (uuid[8] & 0x3f) | 0x80;
	return rc;
}

static int identify(struct media_super *sb)
{
	struct timespec now;
	int rc = new_uuid(sb->pool_uuid);

	if (!rc)
		rc = hash_random(sb->secret, sizeof(sb->secret));
	if (!rc)
		rc = hash_random(&sb->nonce, sizeof(sb->nonce));
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

/* A further region is of the root's pool, with a name of its own. */
static int identify_as(struct media_super *sb, const struct media_super *root)
{
	memcpy(sb->magic, root->magic, sizeof(sb->magic));
	sb->major = root->major;
	sb->minor = root->minor;
	sb->endian = root->endian;
	memcpy(sb->pool_uuid, root->pool_uuid, 16);
	sb->nonce = root->nonce;
	sb->created_ns = root->created_ns;
	memcpy(sb->secret, root->secret, sizeof(sb->secret));
	return new_uuid(sb->region_uuid);
}

static int identify_all(const struct making *m)
{
	int rc = identify(&m->at[0].sb);
	uint32_t i;

	for (i = 1; i < m->nr && !rc; i++)
		rc = identify_as(&m->at[i].sb, &m->at[0].sb);
	return rc;
}

/* The root of a pool tells who has it open; of a region nobody can tell alone. */
static int refuse_alone(const struct making *m, const struct place *at)
{
	uint32_t i;

	if (!at->pool || !at->old.region_no || !at->old.share)
		return 0;
	for (i = 0; i < m->nr; i++)
		if (m->at[i].pool && !m->at[i].old.region_no &&
		    !memcmp(m->at[i].old.pool_uuid, at->old.pool_uuid, 16))
			return 0;
	return err_set(
		-EBUSY,
		"%s: is region %u of a pool that several hosts share; name the pool's region 0 too",
		at->dev->name, at->old.region_no);
}

/* Not while another host may be at work in it. */
static int may_go(const struct dev_map *map, const struct media_super *old,
		  const char *target)
{
	if (old->region_no)
		return 0; /* its root says */
	if (old->share)
		return host_alone_at(map, old, target);
	return media_refuse_elsewhere(
		(const void *)(map->base + old->section[SECTION_CONTROL].off),
		target);
}

static bool is_super(unsigned id)
{
	return id == SECTION_SUPER_A || id == SECTION_SUPER_B ||
	       id == SECTION_SUPER_C;
}

/* Its tables are written before its superblock says that they are. */
static int seal(const struct media *md, struct media_super *sb)
{
	struct media_region *r = media_region(md, sb->region_no);
	int rc = dev_sync(&r->map, 0, sb->section[SECTION_DATA].off);
	unsigned i;

	if (!rc)
		media_super_write(r, sb);
	/* a further region before the root, which makes all of it a pool; each
	 * copy alone, as there may be a terabyte between them */
	for (i = 0; i < SECTION_NR && !rc; i++)
		if (is_super(i) && (md->durable || sb->region_no))
			rc = dev_sync(&r->map, sb->section[i].off,
				      sb->section[i].len);
	return rc;
}

/* All tables zero is an empty pool; the superblocks make it one, last. */
static int format(const struct making *m)
{
	struct media md = { 0 };
	uint32_t i;
	int rc = 0;

	for (i = 0; i < m->nr && !rc; i++) {
		struct place *at = &m->at[i];

		rc = media_map(&md, at->dev, m->o->offset, &at->sb);
		if (rc)
			break;
		media_zero(media_region(&md, i), at->dev->made);
		at->dev = NULL;
	}
	if (!rc) {
		media_regions_write(&md);
		media_set_clean(&md);
	}
	for (i = m->nr; i-- && !rc;)
		rc = seal(&md, &m->at[i].sb);
	media_unmap(&md, rc != 0);
	return rc;
}

/* May this target become a region, and is it large enough? */
static int look(const struct making *m, uint32_t no)
{
	const struct maru_create_opts *o = m->o;
	struct place *at = &m->at[no];
	struct dev *dev = at->dev;
	uint32_t ok;
	int rc;

	at->pool = !dev->made &&
		   !media_super_read(dev, o->offset, &at->old, &ok);
	rc = refuse_users(at, o, no);
	at->bytes = o->bytes;
	if (!rc)
		rc = dev_fit(dev, o->offset, &at->bytes);
	if (!rc && !dev->made)
		rc = refuse_content(dev, o, at->pool ? &at->old : NULL);
	return rc;
}

/* Roots first, as they know who is there. */
static int wipe(const struct making *m)
{
	uint32_t i, round;
	int rc = 0;

	for (round = 0; round < 2; round++)
		for (i = 0; i < m->nr && !rc; i++) {
			struct place *at = &m->at[i];

			if (at->pool && !at->old.region_no == !round)
				rc = media_super_wipe(at->dev, m->o->offset,
						      &at->old, may_go);
		}
	return rc;
}

/* Takes the devices, whatever becomes of them. */
static int create_on(struct making *m)
{
	uint32_t i;
	int rc = 0;

	for (i = 0; i < m->nr; i++)
		m->at[i].lock.fd = -1;
	for (i = 0; i < m->nr && !rc; i++)
		rc = look(m, i);
	if (!rc)
		rc = plan(m);
	/* before any old pool is touched */
	for (i = 0; i < m->nr && !rc; i++)
		rc = dev_map_check(m->at[i].dev, m->o->offset,
				   m->at[i].sb.region_bytes);
	for (i = 0; i < m->nr && !rc; i++)
		rc = refuse_alone(m, &m->at[i]);
	if (!rc)
		rc = identify_all(m);
	/* else power that is lost halfway leaves a superblock that says all
	 * is well, over tables that are half another pool's */
	if (!rc)
		rc = wipe(m);
	if (!rc)
		rc = format(m);
	for (i = 0; i < m->nr; i++) {
		dev_abandon(m->at[i].dev); /* NULL where all went well */
		if (m->at[i].lock.fd >= 0)
			dev_lock_close(&m->at[i].lock);
	}
	return rc;
}

static int read_opts(struct maru_create_opts *o,
		     const struct maru_create_opts *given)
{
	int rc = opts_read(o, sizeof(*o), given, "maru_create_opts");

	return rc ? rc : check_opts(o);
}

static int open_place(struct making *m, const char *name)
{
	const struct maru_create_opts *o = m->o;
	struct dev **dev = &m->at[m->nr].dev;
	char path[PATH_MAX];
	uint32_t i;
	int rc = media_target(name, o->offset, path);

	if (!rc)
		rc = dev_create_file(path, o->bytes ? o->offset + o->bytes : 0,
				     o->mode ? o->mode : 0660,
				     o->flags & MARU_CREATE_SPARSE, dev);
	if (rc)
		return rc;
	m->nr++;
	for (i = 0; i + 1 < m->nr; i++)
		if (dev_is_same(m->at[i].dev, *dev))
			return err_set(-EINVAL,
				       "%s: is the same as %s; name it once",
				       name, m->at[i].dev->name);
	return 0;
}

static int create_list(const struct dev_list *list,
		       const struct maru_create_opts *o)
{
	struct making m = { .o = o, .at = calloc(list->nr, sizeof(*m.at)) };
	uint32_t i;
	int rc = 0;

	if (!m.at)
		return err_set(-ENOMEM, "%s: out of memory", list->name[0]);
	for (i = 0; i < list->nr && !rc; i++)
		rc = open_place(&m, list->name[i]);
	if (rc)
		while (m.nr)
			dev_abandon(m.at[--m.nr].dev);
	else
		rc = create_on(&m);
	free(m.at);
	return rc;
}

int maru_create(const char *target, const struct maru_create_opts *opts)
{
	struct maru_create_opts o;
	struct dev_list list;
	int rc = read_opts(&o, opts);

	if (!rc && !target)
		rc = err_set(-EINVAL, "target: NULL");
	if (!rc)
		rc = dev_list_parse(target, &list);
	if (rc)
		return rc;
	rc = create_list(&list, &o);
	dev_list_free(&list);
	if (!rc)
		err_clear(); /* of what the look at the target said */
	return rc;
}

int maru_create_mem(const struct maru_create_opts *opts, int *fd)
{
	struct maru_create_opts o;
	struct place at = { 0 };
	struct making m = { .o = &o, .at = &at, .nr = 1 };
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
	at.dev = dev;
	if (!rc)
		rc = create_on(&m);
	if (rc && *fd >= 0) {
		close(*fd);
		*fd = -1;
	}
	if (!rc)
		err_clear();
	return rc;
}
