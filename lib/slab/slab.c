// SPDX-License-Identifier: BSD-3-Clause
/* Finding the slab tables in a mapped pool. */
#include "slab/slab.h"

#include "base/bits.h"
#include "base/err.h"

#include <string.h>
#include <sys/mman.h>

/* Address space; a page of it is memory when a block there is pinned. */
static a16 *named_new(uint32_t units)
{
	void *p = mmap(NULL, units * sizeof(a16), PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

static int attach_region(struct slab *s, struct media_region *m)
{
	struct slab_region *r = &s->region[m->sb.region_no];

	r->media = m;
	r->blocks = media_at(m, SECTION_BLOCKS);
	r->slabs = media_at(m, SECTION_SLABS);
	r->maps = media_at(m, SECTION_SLAB_MAPS);
	r->rows = media_at(m, SECTION_LEDGER);
	r->data = media_at(m, SECTION_DATA);
	r->row_cells = m->sb.row_bytes / 2;
	r->unit_nr = m->sb.unit_nr;
	r->unit_shift = m->sb.unit_shift;
	r->slab_nr = m->sb.slab_nr;
	r->slab_shift = m->sb.slab_shift;
	r->map_words = (m->sb.slab_nr + 63) / 64;
	r->named = named_new(r->unit_nr);
	return r->named ? 0 : err_sys("%s: cannot note pins", m->dev->name);
}

/* One that is not there has no units, and no table of it is looked at. */
static int attach_regions(struct slab *s, const struct media *m)
{
	uint32_t i;
	int rc = 0;

	s->region_nr = m->region_nr;
	s->large = &s->region[0];
	for (i = 0; i < m->region_nr && !rc; i++) {
		struct media_region *r = media_region(m, i);

		if (!r)
			continue;
		rc = attach_region(s, r);
		if (r->sb.unit_nr > s->large->unit_nr)
			s->large = &s->region[i];
		if (!s->drain || (!s->drain->drain && r->map.drain))
			s->drain = &r->map;
	}
	return rc;
}

void slab_detach(struct slab *s)
{
	uint32_t i;

	for (i = 0; i < s->region_nr; i++)
		if (s->region[i].named)
			munmap(s->region[i].named,
			       s->region[i].unit_nr * sizeof(a16));
}

int slab_attach(struct slab *s, const struct media *m)
{
	struct media_region *root = media_region(m, 0);
	int rc;

	memset(s, 0, sizeof(*s));
	rc = attach_regions(s, m);
	if (rc)
		return rc;
	s->client_nr = root->sb.client_nr;
	s->class_nr = root->sb.class_nr;
	s->durable = m->durable;
	s->shared = media_shared(root);
	s->hands = media_at(root, SECTION_HANDS);
	s->active = media_at(root, SECTION_ACTIVE);
	s->self = SLAB_NONE;
	memcpy(s->class, s->large->media->sb.class,
	       s->class_nr * sizeof(s->class[0]));
	return slab_class_check(s);
}
