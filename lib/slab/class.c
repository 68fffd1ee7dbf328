// SPDX-License-Identifier: BSD-3-Clause
/*
 * Size classes: four steps to a doubling, and exact sizes that were asked for.
 *
 * A class whose blocks are larger than an eighth of a slab takes extents of
 * several slabs, so that less than an eighth of an extent is left over.
 */
#include "slab/slab.h"

#include "base/bits.h"
#include "base/err.h"

#include <string.h>

static uint32_t insert(struct media_class *c, uint32_t nr, uint32_t units,
		       uint64_t exact_bytes)
{
	uint32_t i = 0;

	while (i < nr && c[i].units < units)
		i++;
	if (i == nr || c[i].units != units) {
		if (nr == SLAB_CLASS_MAX)
			return nr;
		memmove(&c[i + 1], &c[i], (nr - i) * sizeof(*c));
		memset(&c[i], 0, sizeof(*c));
		c[i].units = units;
		nr++;
	}
	if (exact_bytes) {
		c[i].exact = 1;
		c[i].bytes = exact_bytes;
	}
	return nr;
}

uint32_t slab_class_plan(struct media_class *out, const uint64_t *bytes,
			 size_t nr, uint32_t unit)
{
	uint32_t n = 0, step;
	uint64_t units;
	size_t i;

	for (i = 0; i < nr && i < 16; i++)
		n = insert(out, n, (uint32_t)bits_div_up(bytes[i], unit),
			   bytes[i]);
	for (units = 1; units <= 1024; units *= 2)
		for (step = 0; step < 4; step++)
			if (units * step % 4 == 0 &&
			    units + units * step / 4 <= 1024)
				n = insert(out, n,
					   (uint32_t)(units + units * step / 4),
					   0);
	return n;
}

uint32_t slab_class_prune(struct media_class *class, uint32_t nr,
			  uint32_t slab_units)
{
	uint32_t i, kept = 0;

	for (i = 0; i < nr; i++)
		if (class[i].exact || class[i].units <= slab_units)
			class[kept++] = class[i];
	memset(&class[kept], 0, (nr - kept) * sizeof(*class));
	return kept;
}

/* Slabs of an extent so that at most an eighth of it is left over. */
static uint32_t group(uint32_t units, const struct media_super *sb)
{
	uint32_t slab = 1u << sb->slab_shift;
	uint32_t least = (uint32_t)bits_div_up(units, slab);
	uint32_t most = (uint32_t)bits_max(least, sb->slab_nr / 16);
	uint32_t g;

	for (g = least; g <= most && g < least + 8; g++)
		if ((uint64_t)g * slab % units * 8 <= (uint64_t)g * slab &&
		    (uint64_t)g * slab / units <= 1024)
			return g;
	return least;
}

void slab_class_groups(struct media_class *class, uint32_t nr,
		       const struct media_super *sb)
{
	uint32_t i;

	for (i = 0; i < nr; i++) {
		class[i].group = (uint16_t)bits_min(group(class[i].units, sb),
						    UINT16_MAX);
		/* it is made in those of the regions that can hold it */
		if (sb->region_nr && class[i].units > sb->unit_nr)
			class[i].group = 0;
	}
}

/* In one region: room for a block, and a bit for each; the same in all. */
static bool class_ok(const struct slab *s, uint32_t region, uint32_t class)
{
	const struct slab_region *r = &s->region[region];
	const struct media_class *c = &r->media->sb.class[class];
	uint64_t room = (uint64_t)c->group << r->slab_shift;

	if (c->units != s->class[class].units ||
	    c->exact != s->class[class].exact)
		return false;
	if (!c->group)
		return r != s->large && c->units > r->unit_nr;
	return room >= c->units && room / c->units <= 1024;
}

int slab_class_check(const struct slab *s)
{
	uint32_t region, i, last = 0;

	for (i = 0; i < s->class_nr; i++) {
		bool ok = s->class[i].units > last;

		for (region = 0; region < s->region_nr; region++)
			if (s->region[region].media)
				ok = ok && class_ok(s, region, i);
		if (!ok)
			return err_set(
				MARU_E_CORRUPT,
				"class %u: %u units in %u slabs cannot be", i,
				s->class[i].units, s->class[i].group);
		last = s->class[i].units;
	}
	return 0;
}

uint32_t slab_run(const struct slab *s, uint32_t region, uint32_t class,
		  uint32_t units)
{
	const struct slab_region *r = &s->region[region];

	if (class == SLAB_HUGE)
		return (uint32_t)bits_div_up(units, 1u << r->slab_shift);
	return r == s->large ? s->class[class].group :
			       r->media->sb.class[class].group;
}

uint32_t slab_class_of(const struct slab *s, uint32_t units)
{
	uint32_t lo = 0, hi = s->class_nr;
	const struct slab_region *r = s->large;
	uint32_t slab = 1u << r->slab_shift;

	while (lo < hi) {
		uint32_t mid = (lo + hi) / 2;

		if (s->class[mid].units < units)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo == s->class_nr)
		return SLAB_HUGE;
	/* a bigger class than a slab only if it is just this size */
	if (s->class[lo].units > slab &&
	    (!s->class[lo].exact || s->class[lo].units != units))
		return SLAB_HUGE;
	if (s->class[lo].group > r->slab_nr)
		return SLAB_HUGE;
	return lo;
}
