// SPDX-License-Identifier: BSD-3-Clause
/* Where everything lies: sizes and offsets of a new region's sections. */
#include "media/media.h"

#include "base/bits.h"
#include "base/err.h"

#include <string.h>

/* Sizes that other rooms assert against their own structs. */
#define BLOCK_BYTES 256u
#define SLAB_BYTES 256u
#define CLIENT_BYTES 256u
#define LANE_BYTES 256u
#define BUCKET_BYTES 64u
#define BUCKET_SLOTS 7u
#define HOST_BYTES 256u
#define LANE_NR 8u
#define SLAB_UNITS_MAX_SHIFT 10u
#define SLAB_NR_MAX 65535u
#define UNIT_NR_MAX (1u << 26)
#define BIG_REGION (64ull << 30)

const char *media_section_name(enum section_id id)
{
	static const char *const name[SECTION_NR] = {
		"super-a", "super-b",	"control", "regions",
		"hands",   "active",	"clients", "counters",
		"slabs",   "slab-maps", "buckets", "ledger",
		"blocks",  "data",	"super-c", "hosts",
	};

	return id < SECTION_NR ? name[id] : "?";
}

/* Enough slabs for classes to share, few enough for their words to scan. */
static uint32_t slab_shift(uint64_t units)
{
	uint64_t want = bits_max(units / 64, 4);
	uint32_t shift = bits_log2(want);

	return shift > SLAB_UNITS_MAX_SHIFT ? SLAB_UNITS_MAX_SHIFT : shift;
}

static uint64_t map_bytes(uint32_t slab_nr, uint32_t class_nr)
{
	/* a bit a slab, for every class and one map more for empty slabs */
	return (class_nr + 1) * bits_div_up(slab_nr, 64) * 8;
}

/* In which order they lie: what came later in the enum may lie earlier. */
static const uint8_t order[SECTION_NR] = {
	SECTION_SUPER_A,  SECTION_SUPER_B, SECTION_CONTROL,   SECTION_REGIONS,
	SECTION_HANDS,	  SECTION_ACTIVE,  SECTION_HOSTS,     SECTION_CLIENTS,
	SECTION_COUNTERS, SECTION_SLABS,   SECTION_SLAB_MAPS, SECTION_BUCKETS,
	SECTION_LEDGER,	  SECTION_BLOCKS,  SECTION_DATA,      SECTION_SUPER_C,
};

enum section_id media_section_order(unsigned no)
{
	return order[no];
}

/* Sections in front of the data, for @units units; returns the data's start. */
static uint64_t place(struct media_super *sb, uint64_t units)
{
	uint64_t off = 0, i;
	const uint64_t len[SECTION_NR] = {
		[SECTION_SUPER_A] = MEDIA_PAGE,
		[SECTION_SUPER_B] = MEDIA_PAGE,
		[SECTION_CONTROL] = MEDIA_PAGE,
		[SECTION_REGIONS] =
			MEDIA_REGION_MAX * sizeof(struct media_region_entry),
		[SECTION_HANDS] = 2 * MEDIA_PAGE,
		[SECTION_ACTIVE] = MEDIA_PAGE,
		[SECTION_HOSTS] = sb->share ? MEDIA_HOSTS_MAX * HOST_BYTES : 0,
		[SECTION_CLIENTS] = (uint64_t)sb->client_nr * CLIENT_BYTES,
		[SECTION_COUNTERS] =
			(uint64_t)sb->client_nr * sb->lane_nr * LANE_BYTES,
		[SECTION_SLABS] = (uint64_t)sb->slab_nr * SLAB_BYTES,
		[SECTION_SLAB_MAPS] = map_bytes(sb->slab_nr, sb->class_nr),
		[SECTION_BUCKETS] = sb->bucket_nr * BUCKET_BYTES,
		[SECTION_LEDGER] = sb->client_nr * sb->row_bytes,
		[SECTION_BLOCKS] = units * BLOCK_BYTES,
	};

	for (i = 0; order[i] != SECTION_DATA; i++) {
		bool here = !sb->region_no || !media_is_of_root(order[i]);

		/* an absent one is all zero, as in older pools */
		if (!here || !len[order[i]])
			continue;
		sb->section[order[i]].off = off;
		sb->section[order[i]].len = len[order[i]];
		off = bits_round_up(off + len[order[i]], MEDIA_PAGE);
	}
	return off;
}

/* Everything that follows from the number of units. */
static uint64_t settle(struct media_super *sb, uint64_t units)
{
	uint64_t dir_units = units;
	uint64_t off;

	/* the root's own tables may leave it few units: no measure of others */
	if (sb->region_nr)
		dir_units = sb->max_bytes >> sb->unit_shift;
	else if (sb->max_bytes > sb->region_bytes)
		dir_units = (uint64_t)((double)units * (double)sb->max_bytes /
				       (double)sb->region_bytes);
	sb->slab_shift = slab_shift(units);
	sb->slab_nr = (uint32_t)bits_min(units >> sb->slab_shift, SLAB_NR_MAX);
	sb->unit_nr = sb->slab_nr << sb->slab_shift;
	/* half full when every unit is an entry of its own */
	sb->bucket_nr = bits_max(2 * dir_units / BUCKET_SLOTS, 8);
	sb->bucket_nr = 2ull << bits_log2(sb->bucket_nr - 1);
	if (sb->region_no)
		sb->bucket_nr = 0;
	sb->row_bytes = bits_round_up(2ull * sb->unit_nr, 128);
	off = place(sb, sb->unit_nr);
	return bits_round_up(off, sb->region_bytes >= BIG_REGION ?
					  1ull << 30 :
					  MEDIA_DATA_ALIGN);
}

static int check_plan(const struct media_plan *p)
{
	if (!bits_is_pow2(p->unit) || p->unit < 4096 || p->unit > (2u << 20))
		return err_set(
			-EINVAL,
			"unit: %u is not a power of two from 4096 to 2097152",
			p->unit);
	if (p->client_nr < 1 || p->client_nr > MEDIA_PAGE / 4)
		return err_set(-EINVAL, "max_clients: %u is not in 1 to %u",
			       p->client_nr, MEDIA_PAGE / 4);
	if (p->max_bytes && p->max_bytes < p->bytes)
		return err_set(
			-EINVAL,
			"max_bytes: %llu is less than the pool's %llu bytes",
			(unsigned long long)p->max_bytes,
			(unsigned long long)p->bytes);
	if (p->quarantine_ms > MEDIA_QUARANTINE_MAX)
		return err_set(-EINVAL, "quarantine_ms: %u is more than %u",
			       p->quarantine_ms, MEDIA_QUARANTINE_MAX);
	if (p->share == MEDIA_SHARE_FABRIC &&
	    (p->host_ms < MEDIA_HOST_MS_MIN || p->host_ms > MEDIA_HOST_MS_MAX))
		return err_set(-EINVAL, "host_ms: %u is not in %u to %u",
			       p->host_ms, MEDIA_HOST_MS_MIN,
			       MEDIA_HOST_MS_MAX);
	if (p->label && strlen(p->label) >= MEDIA_LABEL)
		return err_set(-EINVAL, "label: longer than %d bytes",
			       MEDIA_LABEL - 1);
	return 0;
}

static int shrink_to_fit(struct media_super *sb)
{
	uint64_t unit = 1ull << sb->unit_shift;
	uint64_t end = sb->region_bytes - MEDIA_PAGE;
	/* of several, one less: idx + 1 must not be 0, nor the next region's */
	uint64_t units = bits_min(end / unit, UNIT_NR_MAX - !!sb->region_nr);
	uint64_t data_off, fit;
	int tries;

	/* Fewer units need smaller tables: a few rounds find the fit. */
	for (tries = 0; tries < 64; tries++) {
		data_off = settle(sb, units);
		fit = data_off < end ? (end - data_off) / unit : 0;
		if (fit >= sb->unit_nr)
			break;
		units = tries < 32 ? fit : bits_min(fit, units - units / 64);
		if (units < 4)
			return -ENOSPC;
	}
	if (tries == 64 || !sb->slab_nr)
		return -ENOSPC;
	sb->section[SECTION_DATA].off = data_off;
	sb->section[SECTION_DATA].len = (uint64_t)sb->unit_nr * unit;
	sb->section[SECTION_SUPER_C].off = end;
	sb->section[SECTION_SUPER_C].len = MEDIA_PAGE;
	return 0;
}

int media_layout(const struct media_plan *plan, struct media_super *sb)
{
	int rc = check_plan(plan);

	if (rc)
		return rc;
	memset(sb, 0, sizeof(*sb));
	sb->region_bytes = bits_round_down(plan->bytes, MEDIA_PAGE);
	sb->max_bytes = bits_max(plan->max_bytes, sb->region_bytes);
	sb->unit_shift = bits_log2(plan->unit);
	sb->client_nr = plan->client_nr;
	sb->class_nr = plan->class_nr;
	sb->lane_nr = LANE_NR;
	sb->hash_alg = plan->hash_alg;
	sb->create_flags = plan->flags;
	sb->quarantine_ms = plan->quarantine_ms;
	sb->share = plan->share;
	sb->host_ms = plan->share ? plan->host_ms : 0;
	sb->incompat = plan->quarantine_ms ? MEDIA_INCOMPAT_QUARANTINE : 0;
	sb->incompat |= plan->share ? MEDIA_INCOMPAT_HOSTS : 0;
	sb->region_no = plan->region_no;
	sb->region_nr = plan->region_nr;
	sb->incompat |= plan->region_nr ? MEDIA_INCOMPAT_REGIONS : 0;
	if (plan->label)
		memcpy(sb->label, plan->label, strlen(plan->label));
	if (sb->region_bytes >= 2 * MEDIA_DATA_ALIGN && !shrink_to_fit(sb))
		return 0;
	if (plan->region_nr && !plan->region_no)
		return err_set(
			-ENOSPC,
			"size: %llu bytes are too few for region 0 of %llu bytes in all, units of %u bytes and %u clients: it has their directory",
			(unsigned long long)plan->bytes,
			(unsigned long long)sb->max_bytes, plan->unit,
			plan->client_nr);
	return err_set(
		-ENOSPC,
		"size: %llu bytes are too few for units of %u bytes and %u clients",
		(unsigned long long)plan->bytes, plan->unit, plan->client_nr);
}
