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

		if (why)
			fault_report(sink, 1, FAULT_NOWHERE,
				     "superblock copy %c: %s", "ABC"[i], why);
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

static bool entry_ok(const struct media_region *r, uint32_t no)
{
	const struct media_region_entry *have = media_at(r, SECTION_REGIONS);
	struct media_region_entry want = { 0 };

	if (!no)
		entry_make(&r->sb, &want);
	return !memcmp(&have[no], &want, sizeof(want));
}

void media_check(const struct media *m, struct fault_sink *sink)
{
	const struct media_region *r = media_region(m, 0);
	uint32_t i;

	check_copies(r, sink);
	check_control(m, sink);
	for (i = 0; i < MEDIA_REGION_MAX; i++)
		if (!entry_ok(r, i))
			fault_report(sink, 1, FAULT_NOWHERE,
				     "region table: entry %u is not %s", i,
				     i ? "empty" : "this pool");
}

void media_regions_write(struct media_region *r)
{
	struct media_region_entry *e = media_at(r, SECTION_REGIONS);

	memset(e, 0, MEDIA_REGION_MAX * sizeof(*e));
	entry_make(&r->sb, e);
}

void media_mend(struct media *m)
{
	struct media_region *r = media_region(m, 0);
	struct media_super sb = r->sb;
	bool whole = true;
	unsigned i;

	for (i = 0; i < COPY_NR; i++)
		whole &= !copy_fault(r, i);
	if (!whole)
		media_super_write(r, &sb);
	m->copies_ok = 7;
	media_regions_write(r);
}
