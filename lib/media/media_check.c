// SPDX-License-Identifier: BSD-3-Clause
/* What must hold of the superblock's copies, the control line, the regions. */
#include "media/check.h"

#include "base/err.h"

#include <string.h>

#define COPY_NR 3

static const enum section_id copy_at[COPY_NR] = { SECTION_SUPER_A,
						  SECTION_SUPER_B,
						  SECTION_SUPER_C };

/* NULL if the copy is what was believed when the pool was opened. */
static const char *copy_fault(const struct media_region *r, unsigned no)
{
	struct media_super sb;

	memcpy(&sb, media_at(r, copy_at[no]), sizeof(sb));
	if (!memcmp(&sb, &r->sb, sizeof(sb)))
		return NULL;
	if (memcmp(sb.magic, MEDIA_MAGIC, sizeof(sb.magic)))
		return "its magic is not there";
	if (sb.crc != media_super_crc(&sb))
		return "its checksum does not match";
	if (memcmp(sb.pool_uuid, r->sb.pool_uuid, 16) ||
	    sb.nonce != r->sb.nonce)
		return "it is of another pool";
	return "it says something else than the other copies";
}

static void check_copies(const struct media_region *r, struct fault_sink *sink)
{
	unsigned i;

	for (i = 0; i < COPY_NR; i++) {
		const char *why = copy_fault(r, i);

		if (!why)
			continue;
		if (!r->sb.region_no)
			fault_report(sink, 1, FAULT_NOWHERE,
				     "superblock copy %c: %s", "ABC"[i], why);
		else
			fault_report(sink, 1, FAULT_NOWHERE,
				     "region %u: superblock copy %c: %s",
				     r->sb.region_no, "ABC"[i], why);
	}
}

static void check_control(const struct media *m, struct fault_sink *sink)
{
	uint64_t state = media_state(m) & 0xff;

	if (state != MEDIA_CLEAN && state != MEDIA_DIRTY)
		fault_report(sink, 2, FAULT_NOWHERE,
			     "control: state %llu is none",
			     (unsigned long long)state);
}

static void entry_make(const struct media_super *sb,
		       struct media_region_entry *e)
{
	memset(e, 0, sizeof(*e));
	memcpy(e->uuid, sb->region_uuid, 16);
	e->bytes = sb->region_bytes;
	e->unit_shift = sb->unit_shift;
	e->unit_nr = sb->unit_nr;
	/* no pair: nobody reads it yet */
	a64_store_rel(&e->state, MEDIA_REGION_ACTIVE);
}

bool media_entry_ok(const struct media *m, uint32_t no)
{
	const struct media_region_entry *have =
		media_at(media_region(m, 0), SECTION_REGIONS);
	const struct media_region *r = media_region(m, no);
	struct media_region_entry want = { 0 };

	if (r)
		entry_make(&r->sb, &want);
	return !memcmp(&have[no], &want, sizeof(want));
}

static void check_region(const struct media *m, uint32_t no,
			 struct fault_sink *sink)
{
	const struct media_region *r = media_region(m, no);

	if (r && no && !r->copies_ok)
		fault_notice(
			sink,
			"region %u: is made anew; of what was in it only stays what is whole",
			no);
	if (r)
		check_copies(r, sink);
	else if (no < m->region_nr) {
		fault_report(
			sink, 1, FAULT_NOWHERE,
			"region %u: is not there, or no superblock copy of it is whole; what lies in it is lost",
			no);
		return;
	}
	if (media_entry_ok(m, no))
		return;
	fault_report(sink, 1, FAULT_NOWHERE, "region table: entry %u is not %s",
		     no,
		     no >= m->region_nr ? "empty" :
		     no			? "its region" :
					  "this pool");
}

void media_check(const struct media *m, struct fault_sink *sink)
{
	uint32_t i;

	for (i = 0; i < MEDIA_REGION_MAX; i++)
		check_region(m, i, sink);
	check_control(m, sink);
}

void media_regions_write(const struct media *m)
{
	struct media_region_entry *e =
		media_at(media_region(m, 0), SECTION_REGIONS);
	uint32_t i;

	memset(e, 0, MEDIA_REGION_MAX * sizeof(*e));
	for (i = 0; i < m->region_nr; i++)
		if (media_region(m, i))
			entry_make(&media_region(m, i)->sb, &e[i]);
}

static void mend_copies(struct media_region *r)
{
	struct media_super sb = r->sb;
	bool whole = true;
	unsigned i;

	for (i = 0; i < COPY_NR; i++)
		whole &= !copy_fault(r, i);
	if (!whole)
		media_super_write(r, &sb);
	r->copies_ok = 7;
}

void media_mend(struct media *m)
{
	uint32_t i;

	for (i = 0; i < m->region_nr; i++)
		if (media_region(m, i))
			mend_copies(media_region(m, i));
	m->copies_ok = 7;
	media_regions_write(m);
}
