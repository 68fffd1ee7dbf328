// SPDX-License-Identifier: BSD-3-Clause
/* Joining the further regions of a pool whose root is mapped and locked. */
#include "cache/regions.h"

#include "base/err.h"
#include "cache/open.h"
#include "media/check.h"

#include <string.h>

int regions_lock(const struct maru_pool *p, struct dev *dev,
		 const struct media_super *sb, uint64_t window,
		 struct dev_lock *lock)
{
	/* by its own UUID: on device DAX the root's file is taken already */
	int rc;

	dev->shared = sb->share;
	rc = dev_lock_open(dev, sb->region_uuid, window, lock);
	if (rc) {
		lock->fd = -1;
		return p->rdonly ? 0 : rc;
	}
	rc = pool_lock(lock, dev->name, p->alone);
	if (rc) {
		dev_lock_close(lock);
		lock->fd = -1;
	}
	return rc;
}

/* Its tables are bounded by numbers that the root's must agree with. */
static int agree(const struct media_super *root, const struct media_one *one)
{
	const struct media_super *sb = &one->sb;

	if (sb->unit_shift == root->unit_shift &&
	    sb->client_nr == root->client_nr &&
	    sb->class_nr == root->class_nr && sb->incompat == root->incompat &&
	    sb->create_flags == root->create_flags &&
	    sb->share == root->share && sb->host_ms == root->host_ms)
		return 0;
	return err_set(MARU_E_CORRUPT,
		       "%s: superblock: its numbers are not those of region 0",
		       one->dev->name);
}

static int map(struct maru_pool *p, struct media_given *g,
	       struct media_one *one, struct dev_lock *lock)
{
	uint32_t no = one->sb.region_no;
	struct media_region *r;
	int rc = media_map(&p->media, one->dev, g->window, &one->sb);

	if (rc) {
		if (lock->fd >= 0)
			dev_lock_close(lock);
		return rc;
	}
	one->dev = NULL;
	r = media_region(&p->media, no);
	r->copies_ok = one->ok;
	r->lock = *lock;
	return 0;
}

/* Superblock, lock, superblock again: nobody formatted it in between. */
static int join(struct maru_pool *p, struct media_given *g,
		struct media_one *one, enum regions_lack lack)
{
	struct dev_lock lock = { .fd = -1 };
	struct media_super first = one->sb;
	int rc = agree(&media_region(&p->media, 0)->sb, one);

	if (!rc && lack != REGIONS_LOOK)
		rc = regions_lock(p, one->dev, &one->sb, g->window, &lock);
	if (!rc)
		rc = media_super_read(one->dev, g->window, &one->sb, &one->ok);
	if (!rc && memcmp(&first, &one->sb, sizeof(first)))
		rc = err_set(-EBUSY, "%s: is being formatted", one->dev->name);
	if (rc) {
		if (lock.fd >= 0)
			dev_lock_close(&lock);
		return rc;
	}
	return map(p, g, one, &lock);
}

/* The superblock that a region had, from what the root knows of it. */
static int recall(const struct maru_pool *p, uint32_t no,
		  struct media_super *sb)
{
	const struct media_super *root = &media_region(&p->media, 0)->sb;
	const struct media_region_entry *e = media_table(&p->media, no);
	struct media_plan plan = {
		.bytes = e->bytes,
		.max_bytes = bits_max(root->max_bytes, e->bytes),
		.unit = 1u << root->unit_shift,
		.client_nr = root->client_nr,
		.class_nr = root->class_nr,
		.region_no = no,
		.region_nr = root->region_nr,
		.share = root->share,
		.host_ms = root->host_ms,
	};
	struct media_super laid;

	/* no pair: the pool is ours alone */
	if (a64_load_full(&e->state) != MEDIA_REGION_ACTIVE ||
	    e->bytes > INT64_MAX || media_layout(&plan, &laid) ||
	    laid.unit_nr != e->unit_nr || laid.region_bytes != e->bytes)
		return err_set(
			MARU_E_CORRUPT,
			"region %u: is lost, and the region table does not tell what it was",
			no);
	*sb = *root;
	memcpy(sb->region_uuid, e->uuid, 16);
	memcpy(sb->section, laid.section, sizeof(sb->section));
	sb->region_no = no;
	sb->region_bytes = laid.region_bytes;
	sb->unit_nr = laid.unit_nr;
	sb->slab_shift = laid.slab_shift;
	sb->slab_nr = laid.slab_nr;
	sb->bucket_nr = 0;
	sb->row_bytes = laid.row_bytes;
	slab_class_groups(sb->class, sb->class_nr, sb);
	sb->crc = media_super_crc(sb);
	return 0;
}

/* Is it this region's, though no copy of its superblock is whole? */
static bool has_trace(struct media_one *one, uint64_t window,
		      const struct media_super *sb)
{
	const uint64_t at[] = { 0, MEDIA_PAGE, sb->region_bytes - MEDIA_PAGE };
	struct media_super copy;
	unsigned i;

	for (i = 0; i < 3; i++)
		if (!dev_read(one->dev, window + at[i], &copy, sizeof(copy)) &&
		    !memcmp(copy.region_uuid, sb->region_uuid, 16))
			return true;
	return false;
}

static bool is_empty(struct media_one *one, uint64_t window,
		     const struct media_super *sb)
{
	char what[256];

	return one->dev->size >= window &&
	       one->dev->size - window >= sb->region_bytes &&
	       !dev_probe(one->dev, window, sb->region_bytes, what,
			  sizeof(what));
}

/* A target for a region anew: where it was, or else an empty one. */
static int find_place(struct maru_pool *p, struct media_given *g,
		      const struct media_super *sb, struct media_one **out)
{
	bool (*const fits[])(struct media_one * one, uint64_t window,
			     const struct media_super *sb) = { has_trace,
							       is_empty };
	uint32_t i, round, other = g->nr;

	for (round = 0; round < 2; round++)
		for (i = 0; i < g->nr; i++) {
			*out = g->one[i];
			if (!(*out)->dev || !(*out)->rc)
				continue;
			if (fits[round](*out, g->window, sb))
				return 0;
			other = i;
		}
	if (other == g->nr)
		return media_missing(&p->media, sb->region_no);
	return err_set(
		-EEXIST,
		"%s: is neither known to be region %u of the pool nor empty; a repair makes that region anew in an empty target of %llu bytes",
		g->one[other]->dev->name, sb->region_no,
		(unsigned long long)sb->region_bytes);
}

/* Its superblock is written when all is mended, as any other. */
static int remake(struct maru_pool *p, struct media_given *g, uint32_t no)
{
	struct dev_lock lock = { .fd = -1 };
	struct media_super sb;
	struct media_one *one = NULL;
	int rc = recall(p, no, &sb);

	if (!rc)
		rc = find_place(p, g, &sb, &one);
	if (!rc)
		rc = regions_lock(p, one->dev, &sb, g->window, &lock);
	if (rc)
		return rc;
	one->sb = sb;
	one->ok = 0;
	return map(p, g, one, &lock);
}

static int check_table(const struct maru_pool *p)
{
	const struct media *m = &p->media;
	uint32_t no;

	for (no = 1; no < m->region_nr; no++)
		if (!media_entry_ok(m, no))
			return err_set(
				MARU_E_CORRUPT,
				"%s: region table: entry %u is not what the superblock of %s says; run maru-fsck",
				media_region(m, 0)->dev->name, no,
				media_region(m, no)->dev->name);
	return 0;
}

static int remake_all(struct maru_pool *p, struct media_given *g)
{
	struct media *m = &p->media;
	uint32_t no;
	int rc = 0;

	for (no = 1; no < m->region_nr && !rc; no++)
		if (!media_region(m, no))
			rc = remake(p, g, no);
	return rc;
}

static int find_missing(const struct media *m)
{
	uint32_t no;

	for (no = 1; no < m->region_nr; no++)
		if (!media_region(m, no))
			return media_missing(m, no);
	return 0;
}

int regions_join(struct maru_pool *p, struct media_given *g,
		 enum regions_lack lack)
{
	struct media *m = &p->media;
	struct media_one *one;
	uint32_t no;
	int rc = 0;

	for (no = 1; no < m->region_nr && !rc; no++)
		if (!media_given_region(g, m, no, &one))
			rc = join(p, g, one, lack);
	/* a target that is wrong is likely to be why one is missing */
	if (!rc)
		rc = media_given_left(g, m, lack == REGIONS_REFUSE);
	if (!rc && lack == REGIONS_REMAKE)
		rc = remake_all(p, g);
	if (!rc && lack == REGIONS_REMAKE)
		rc = media_given_left(g, m, true);
	if (!rc && lack == REGIONS_REFUSE)
		rc = find_missing(m);
	if (!rc && lack == REGIONS_REFUSE)
		rc = check_table(p);
	return rc;
}
