// SPDX-License-Identifier: BSD-3-Clause
/* The image checker on slabs and blocks: how the data is cut and who has it. */
#include "common_image_in.h"

static uint32_t run_of(uint64_t w)
{
	return w >> 24 & 0xffff;
}

/* The extent that slab @head heads, if its word can be that of a head. */
static bool head_at(const struct image *m, uint32_t head,
		    struct image_extent *e)
{
	uint64_t w = image_slab(m, head);

	e->head = head;
	e->state = w & 15;
	e->class = w >> 4 & 0xff;
	e->owner = w >> 12 & 0xfff;
	e->run = run_of(w);
	if (e->state != ACTIVE && e->state != RETIRING && e->state != CLAIMED)
		return false;
	if (e->run == 0 || e->run > m->sb.slab_nr - head)
		return false;
	if (e->class == ONE_BLOCK)
		e->units = e->run << m->sb.slab_shift;
	else if (e->class < m->sb.class_nr)
		e->units = m->sb.class[e->class].units;
	else
		return false;
	return e->class == ONE_BLOCK || e->run == m->sb.class[e->class].group;
}

bool image_extent_of(const struct image *m, uint32_t unit,
		     struct image_extent *e)
{
	uint32_t slab = unit >> m->sb.slab_shift;
	uint64_t w = image_slab(m, slab);

	if ((w & 15) == TAIL) {
		if (run_of(w) > slab)
			return false;
		slab -= run_of(w);
	}
	return head_at(m, slab, e) &&
	       unit >> m->sb.slab_shift < e->head + e->run;
}

static void tails(struct image *m, const struct image_extent *e)
{
	for (uint32_t i = 1; i < e->run; i++) {
		uint64_t w = image_slab(m, e->head + i);

		if ((w & 15) != TAIL || run_of(w) != i)
			image_fault(m, 11,
				    "slab %u is not the tail %u of the extent "
				    "at %u",
				    e->head + i, i, e->head);
	}
}

static void one_slab(struct image *m, uint32_t slab)
{
	uint64_t w = image_slab(m, slab);
	struct image_extent e;

	switch (w & 15) {
	case EMPTY:
		return;
	case CLAIMED:
	case RETIRING:
		if (!image_lives(m, w >> 12 & 0xfff))
			image_fault(
				m, 22, "slab %u: %s by client %u, who is gone",
				slab,
				(w & 15) == CLAIMED ? "CLAIMED" : "RETIRING",
				(unsigned)(w >> 12 & 0xfff));
		if ((w & 15) == CLAIMED)
			return;
		break;
	case ACTIVE:
		break;
	case TAIL:
		if (!run_of(w) ||
		    !image_extent_of(m, slab << m->sb.slab_shift, &e))
			image_fault(m, 11, "slab %u: TAIL without a head",
				    slab);
		return;
	default:
		image_fault(m, 2, "slab %u: state %u is none", slab,
			    (unsigned)(w & 15));
		return;
	}
	if (head_at(m, slab, &e))
		tails(m, &e);
	else
		image_fault(m, 11, "slab %u: class %u of %u slabs cannot be",
			    slab, e.class, e.run);
}

/* An EMPTY slab that is marked as taken is lost: nobody looks at its word. */
static void marked(struct image *m, uint32_t slab)
{
	uint64_t words = (m->sb.slab_nr + 63) / 64;
	uint64_t map =
		image_u64(image_at(m, SECTION_SLAB_MAPS,
				   (m->sb.class_nr * words + slab / 64) * 8));

	if ((image_slab(m, slab) & 15) == EMPTY && map >> slab % 64 & 1)
		image_fault(m, 26, "slab %u is EMPTY, but marked as taken",
			    slab);
}

void image_slabs_check(struct image *m)
{
	for (uint32_t i = 0; i < m->sb.slab_nr; i++) {
		one_slab(m, i);
		marked(m, i);
	}
}

/* Is the block where and as large as one of its extent is? */
static void in_grid(struct image *m, uint32_t unit)
{
	uint32_t units = image_u32(image_block(m, unit) + 32);
	uint32_t first, state = image_slab(m, unit >> m->sb.slab_shift) & 15;
	struct image_extent e;

	if (state == EMPTY) {
		image_fault(m, 22, "block %u is in use in an EMPTY slab", unit);
		return;
	}
	if (!image_extent_of(m, unit, &e)) {
		image_fault(m, 11, "block %u is in no extent", unit);
		return;
	}
	first = e.head << m->sb.slab_shift;
	if ((unit - first) % e.units != 0 ||
	    unit + e.units > first + (e.run << m->sb.slab_shift))
		image_fault(m, 11,
			    "block %u: none of the extent at slab %u begins "
			    "there",
			    unit, e.head);
	if (units != e.units)
		image_fault(m, 11, "block %u: %u units in an extent of %u's",
			    unit, units, e.units);
	for (uint32_t i = unit; i < unit + units && i < m->sb.unit_nr; i++) {
		if (m->covered[i])
			image_fault(m, 11, "block %u overlaps another", unit);
		m->covered[i] = 1;
	}
}

static void owned(struct image *m, uint32_t unit, uint64_t w)
{
	uint32_t slot = w >> 8 & 0xfff;
	const char *state = (w & 15) == OWNED ? "OWNED" : "READY";

	if (slot >= m->sb.client_nr) {
		image_fault(m, 2, "block %u: owner %u is no slot", unit, slot);
		return;
	}
	if (!image_lives(m, slot) ||
	    (image_client(m, slot) >> 32 & 0xfff) != (w >> 20 & 0xfff))
		image_fault(m, 21, "block %u: %s by client %u, who is gone",
			    unit, state, slot);
	if (!(image_cell(m, slot, unit) & CELL_OWN))
		image_fault(m, 5,
			    "block %u: %s by client %u, whose own bit is not "
			    "set",
			    unit, state, slot);
}

static void dying(struct image *m, uint32_t unit)
{
	bool held = false, answered = false;

	for (uint32_t slot = 0; slot < m->sb.client_nr; slot++) {
		held |= image_lives(m, slot) &&
			image_cell(m, slot, unit) & CELL_PINS;
		answered |= image_cell(m, slot, unit) & CELL_OWN;
	}
	if (!held)
		image_fault(m, 21, "block %u: DYING, and nobody holds it",
			    unit);
	if (!answered)
		image_fault(m, 21, "block %u: DYING, and no row answers for it",
			    unit);
}

static void writers(struct image *m, uint32_t unit)
{
	unsigned nr = 0;

	for (uint32_t slot = 0; slot < m->sb.client_nr; slot++)
		nr += (image_cell(m, slot, unit) & CELL_OWN) != 0;
	if (nr > 1)
		image_fault(m, 5, "block %u: %u rows have its own bit", unit,
			    nr);
}

/* What waits for devices of a dead client, whose slot waits with it. */
static void quarantined(struct image *m, uint32_t unit, uint64_t w)
{
	uint32_t slot = w >> 8 & 0xfff;
	unsigned state;

	if (!m->terms->quarantine || m->sb.quarantine_ms == 0)
		image_fault(m, 21, "block %u is QUARANTINED", unit);
	if (slot >= m->sb.client_nr || w & 0xf0) {
		image_fault(m, 2, "block %u: QUARANTINED, word %#llx", unit,
			    (unsigned long long)w);
		return;
	}
	state = image_client(m, slot) & 15;
	if ((state != C_DEAD && state != C_QUARANTINED) ||
	    (image_client(m, slot) >> 32 & 0xfff) != (w >> 20 & 0xfff))
		image_fault(m, 21,
			    "block %u: QUARANTINED by client %u, who does not "
			    "wait",
			    unit, slot);
	if (image_cell(m, slot, unit) != CELL_OWN)
		image_fault(m, 5,
			    "block %u: QUARANTINED, its cell of client %u is "
			    "%#x",
			    unit, slot, image_cell(m, slot, unit));
}

void image_blocks_check(struct image *m)
{
	for (uint32_t unit = 0; unit < m->sb.unit_nr; unit++) {
		uint64_t w = image_word(m, unit);
		unsigned state = w & 15;

		if (state != FREE)
			in_grid(m, unit);
		if (state == OWNED || state == READY) {
			owned(m, unit, w);
			writers(m, unit);
		} else if (state != QUARANTINED && w & 0xfffffff0) {
			image_fault(m, 2, "block %u: word %#llx has no owner",
				    unit, (unsigned long long)w);
		}
		if (state == DYING)
			dying(m, unit);
		if (state == QUARANTINED) {
			quarantined(m, unit, w);
			writers(m, unit);
		}
		if (state > BAD || (state == BAD && !m->terms->bad))
			image_fault(m, 2, "block %u: state %u", unit, state);
	}
}
