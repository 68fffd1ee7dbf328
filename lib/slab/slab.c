// SPDX-License-Identifier: BSD-3-Clause
/* Finding the slab tables in a mapped pool. */
#include "slab/slab.h"

#include "base/bits.h"
#include "base/err.h"

#include <string.h>

static void attach_region(struct slab *s, struct media_region *m)
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
}

int slab_attach(struct slab *s, const struct media *m)
{
	struct media_region *root = media_region(m, 0);

	memset(s, 0, sizeof(*s));
	attach_region(s, root);
	s->region_nr = 1;
	s->client_nr = root->sb.client_nr;
	s->class_nr = root->sb.class_nr;
	s->durable = m->durable;
	s->hands = media_at(root, SECTION_HANDS);
	s->active = media_at(root, SECTION_ACTIVE);
	s->self = SLAB_NONE;
	memcpy(s->class, root->sb.class, s->class_nr * sizeof(s->class[0]));
	return slab_class_check(s);
}
