// SPDX-License-Identifier: BSD-3-Clause
/* The image checker's door, the superblock, and what an earlier image says. */
#include "common_image_in.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <isa-l/crc.h>

void image_fault(struct image *m, unsigned invariant, const char *fmt, ...)
{
	char what[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	m->faults++;
	if (m->terms->fault)
		m->terms->fault(m->terms->ctx, invariant, what);
}

static bool whole(const unsigned char *copy)
{
	unsigned char bytes[MEDIA_PAGE];

	memcpy(bytes, copy, sizeof(bytes));
	return memcmp(bytes, "MARUPOOL", 8) == 0 &&
	       image_u32(bytes + 12) == 0x01020304 &&
	       ~crc32_iscsi(bytes, 4092, ~0u) == image_u32(bytes + 4092);
}

static void sections(struct image *m)
{
	const struct media_super *sb = &m->sb;
	uint64_t need[SECTION_NR] = {
		[SECTION_SUPER_A] = 4096,
		[SECTION_SUPER_B] = 4096,
		[SECTION_CONTROL] = 4096,
		[SECTION_REGIONS] = 64 * 64,
		[SECTION_HANDS] = 128 * 64,
		[SECTION_ACTIVE] = 4096,
		[SECTION_HOSTS] = sb->share ? 64 * 256 : 0,
		[SECTION_CLIENTS] = sb->client_nr * 256ull,
		[SECTION_COUNTERS] = sb->client_nr * 256ull * sb->lane_nr,
		[SECTION_SLABS] = sb->slab_nr * 256ull,
		[SECTION_SLAB_MAPS] =
			(sb->class_nr + 1ull) * 8 * ((sb->slab_nr + 63) / 64),
		[SECTION_BUCKETS] = sb->bucket_nr * 64,
		[SECTION_LEDGER] = sb->client_nr * sb->row_bytes,
		[SECTION_BLOCKS] = sb->unit_nr * 256ull,
		[SECTION_DATA] = (uint64_t)sb->unit_nr << sb->unit_shift,
		[SECTION_SUPER_C] = 4096,
	};
	static const uint8_t order[SECTION_NR] = {
		0, 1, 2, 3, 4, 5, 15, 6, 7, 8, 9, 10, 11, 12, 13, 14
	};
	uint64_t end = 0;

	for (unsigned n = 0; n < SECTION_NR; n++) {
		unsigned i = order[n];
		const struct media_section *s = &sb->section[i];

		if (!need[i] && !s->off && !s->len)
			continue;
		if (s->off < end || s->off % 4096 || s->len < need[i] ||
		    s->off + s->len > m->len)
			image_fault(m, 1,
				    "section %u: %llu bytes at %llu cannot be",
				    i, (unsigned long long)s->len,
				    (unsigned long long)s->off);
		end = s->off + s->len;
	}
}

bool image_super(struct image *m)
{
	uint64_t at[3] = { 0, 4096, m->len - 4096 };
	const unsigned char *first = NULL;
	size_t before = m->faults;

	for (unsigned i = 0; i < 3; i++) {
		if (!whole(m->bytes + at[i]))
			image_fault(m, 1, "superblock %c is not whole",
				    'A' + (int)i);
		else if (first == NULL)
			first = m->bytes + at[i];
		else if (memcmp(first, m->bytes + at[i], 4096) != 0)
			image_fault(m, 1, "superblock %c is another one",
				    'A' + (int)i);
	}
	if (first == NULL)
		return false;
	memcpy(&m->sb, first, sizeof(m->sb));
	if (m->sb.quarantine_ms > 86400000 ||
	    !m->sb.quarantine_ms != !(m->sb.incompat & 1))
		image_fault(m, 1, "superblock: a quarantine of %u ms cannot be",
			    m->sb.quarantine_ms);
	sections(m);
	return m->faults == before;
}

/* How far a block has got in one life; from FREE on it is another, or BAD. */
static unsigned rank(unsigned state)
{
	return state == FREE ? 10 : state == BAD ? 11 : state;
}

static bool follows(unsigned was, unsigned is)
{
	if (is == QUARANTINED && (was == LIVE || was == DYING))
		return false;
	return rank(is) >= rank(was);
}

static void block_since(struct image *m, const struct image *old, uint32_t unit)
{
	uint64_t was = image_word(old, unit), is = image_word(m, unit);
	const unsigned char *a = image_block(old, unit),
			    *b = image_block(m, unit);
	int32_t grown = (int32_t)(image_version(is) - image_version(was));

	if (grown < 0)
		image_fault(m, 3, "block %u: version went from %u to %u", unit,
			    image_version(was), image_version(is));
	if (grown != 0)
		return;
	if (!follows(was & 15, is & 15))
		image_fault(m, 4,
			    "block %u: state %u after %u in one life, version "
			    "%u",
			    unit, (unsigned)(is & 15), (unsigned)(was & 15),
			    image_version(is));
	if ((was & 15) != LIVE || (is & 15) != LIVE)
		return;
	if (memcmp(a + 8, b + 8, 28) != 0 || memcmp(a + 64, b + 64, 192) != 0 ||
	    memcmp(old->bytes + (image_at(old, SECTION_DATA, 0) - old->bytes) +
			   ((uint64_t)unit << m->sb.unit_shift),
		   image_at(m, SECTION_DATA,
			    (uint64_t)unit << m->sb.unit_shift),
		   image_u64(a + 24) & 0xffffffffffff) != 0)
		image_fault(m, 9, "block %u: LIVE, and not the bytes it had",
			    unit);
}

void image_before_check(struct image *m)
{
	struct image old = *m;

	if (m->terms->before == NULL)
		return;
	old.bytes = m->terms->before;
	for (uint32_t i = 0; i < m->sb.unit_nr; i++)
		block_since(m, &old, i);
	for (uint32_t i = 0; i < m->sb.slab_nr; i++) {
		uint64_t was = image_slab(&old, i), is = image_slab(m, i);
		int32_t grown = (int32_t)(((uint32_t)(is >> 40) << 8) -
					  ((uint32_t)(was >> 40) << 8));

		if (grown < 0)
			image_fault(m, 3, "slab %u: its version went back", i);
		if (grown == 0 && (is & 15) == ACTIVE && (was & 15) == ACTIVE &&
		    (is ^ was) & 0xff0)
			image_fault(m, 12, "slab %u: class %u was %u", i,
				    (unsigned)(is >> 4 & 0xff),
				    (unsigned)(was >> 4 & 0xff));
	}
	for (uint32_t i = 0; i < m->sb.client_nr; i++)
		if ((int32_t)((uint32_t)(image_client(m, i) >> 32) -
			      (uint32_t)(image_client(&old, i) >> 32)) < 0)
			image_fault(m, 14, "client %u: incarnation went back",
				    i);
}

size_t image_check(const void *bytes, size_t len,
		   const struct image_terms *terms)
{
	struct image m = { .bytes = bytes, .len = len, .terms = terms };

	if (!image_super(&m))
		return m.faults;
	m.covered = calloc(m.sb.unit_nr, 1);
	if (m.covered == NULL)
		abort();
	image_slabs_check(&m);
	image_blocks_check(&m);
	image_dir_check(&m);
	image_keys_check(&m);
	image_clients_check(&m);
	image_before_check(&m);
	free(m.covered);
	return m.faults;
}

/* For what asks without terms; the caller's image is sound. */
static void open_image(struct image *m, const void *bytes)
{
	m->bytes = bytes;
	memcpy(&m->sb, bytes, sizeof(m->sb));
}

uint64_t image_used(const void *bytes)
{
	struct image m;
	uint64_t sum = 0;

	open_image(&m, bytes);
	for (uint32_t i = 0; i < m.sb.unit_nr; i++)
		if ((image_word(&m, i) & 15) != FREE)
			sum += image_bytes_of(&m, i);
	return sum;
}

uint64_t image_tables(const void *bytes)
{
	struct image m;

	open_image(&m, bytes);
	return m.sb.section[SECTION_BLOCKS].off +
	       m.sb.section[SECTION_BLOCKS].len;
}

unsigned image_blocks(const void *bytes, unsigned state, uint64_t flags)
{
	struct image m;
	unsigned nr = 0;

	open_image(&m, bytes);
	for (uint32_t i = 0; i < m.sb.unit_nr; i++)
		nr += (image_word(&m, i) & 15) == state &&
		      (flags == 0 || image_word(&m, i) & flags);
	return nr;
}

bool image_fits(const void *bytes, uint32_t unit)
{
	struct image_extent e;
	struct image m;

	open_image(&m, bytes);
	return image_extent_of(&m, unit, &e) && e.state != CLAIMED &&
	       (unit - (e.head << m.sb.slab_shift)) % e.units == 0 &&
	       unit - (e.head << m.sb.slab_shift) + e.units <=
		       e.run << m.sb.slab_shift &&
	       image_u32(image_block(&m, unit) + 32) == e.units;
}

unsigned image_slabs(const void *bytes, unsigned state)
{
	struct image m;
	unsigned nr = 0;

	open_image(&m, bytes);
	for (uint32_t i = 0; i < m.sb.slab_nr; i++)
		nr += (image_slab(&m, i) & 15) == state;
	return nr;
}

unsigned image_clients(const void *bytes, unsigned state)
{
	struct image m;
	unsigned nr = 0;

	open_image(&m, bytes);
	for (uint32_t i = 0; i < m.sb.client_nr; i++)
		nr += (image_client(&m, i) & 15) == state;
	return nr;
}
