// SPDX-License-Identifier: BSD-3-Clause
/* Superblock copies: sealing, finding a whole one, deciding to believe it. */
#include "media/media.h"

#include "base/bits.h"
#include "base/err.h"
#include "base/hash.h"

#include <string.h>

#define COPY_NR 3

uint32_t media_super_crc(const struct media_super *sb)
{
	return hash_crc32c(0, sb, offsetof(struct media_super, crc));
}

void media_super_write(struct media_region *r, struct media_super *sb)
{
	static const enum section_id copy[COPY_NR] = { SECTION_SUPER_C,
						       SECTION_SUPER_B,
						       SECTION_SUPER_A };
	unsigned i;

	sb->crc = media_super_crc(sb);
	for (i = 0; i < COPY_NR; i++) {
		unsigned char *p = r->map.base + sb->section[copy[i]].off;

		memcpy(p, sb, sizeof(*sb));
		dev_flush(&r->map, p, sizeof(*sb));
		dev_drain(&r->map);
	}
}

int media_super_wipe(struct dev *dev, uint64_t window,
		     const struct media_super *old, media_ask_fn ask)
{
	static const enum section_id copy[COPY_NR] = { SECTION_SUPER_A,
						       SECTION_SUPER_B,
						       SECTION_SUPER_C };
	/* it may have been made when the device was of another alignment, and
	 * then its end may be where nothing can be mapped, or read, any more */
	uint64_t len =
		bits_min(bits_round_up(old->region_bytes, dev->align),
			 bits_round_down(dev->size - window, dev->align));
	struct dev_map map;
	int rc = dev_map(dev, window, len, &map);
	unsigned i;

	/* @ask looks at sections before the clients' */
	if (!rc && old->section[SECTION_CLIENTS].off > len)
		rc = err_set(MARU_E_CORRUPT,
			     "%s: tables of the old pool cannot be mapped",
			     dev->name);
	if (!rc && ask)
		rc = ask(&map, old, dev->name);
	for (i = 0; i < COPY_NR && !rc; i++) {
		uint64_t off = old->section[copy[i]].off;

		if (off + sizeof(*old) > len)
			continue;
		memset(map.base + off, 0, sizeof(*old));
		rc = dev_sync(&map, off, sizeof(*old));
	}
	dev_unmap(&map);
	return rc;
}

static int bad(const char *name, const char *what)
{
	return err_set(MARU_E_CORRUPT, "%s: superblock: %s; run maru-fsck",
		       name, what);
}

static int check_identity(const struct media_super *sb, const char *name)
{
	if (memcmp(sb->magic, MEDIA_MAGIC, sizeof(sb->magic)))
		return err_set(MARU_E_FORMAT,
			       "%s: not a maru pool; make one with maru-mkpool",
			       name);
	if (sb->crc != media_super_crc(sb))
		return bad(name, "checksum does not match");
	if (sb->endian != MEDIA_ENDIAN)
		return err_set(MARU_E_FORMAT,
			       "%s: pool of the other byte order", name);
	if (sb->major != MEDIA_MAJOR)
		return err_set(MARU_E_FORMAT,
			       "%s: format version %u, this library knows %u",
			       name, sb->major, MEDIA_MAJOR);
	if (sb->incompat & ~MEDIA_INCOMPAT_KNOWN)
		return err_set(
			MARU_E_FORMAT,
			"%s: features 0x%llx are not known to this library version",
			name, (unsigned long long)sb->incompat);
	return 0;
}

/* Of several regions none may have the last unit that an idx can name. */
static int check_regions(const struct media_super *sb, const char *name)
{
	if (!sb->region_nr != !(sb->incompat & MEDIA_INCOMPAT_REGIONS) ||
	    sb->region_nr == 1 || sb->region_nr > MEDIA_REGION_MAX ||
	    (sb->region_nr && sb->unit_nr >= 1u << 26))
		return bad(name, "number of regions out of range");
	return 0;
}

static int check_numbers(const struct media_super *sb, const char *name)
{
	uint64_t cells = 2ull * sb->unit_nr;

	if (sb->unit_shift < 12 || sb->unit_shift > 21)
		return bad(name, "unit size out of range");
	if (sb->slab_shift > 10 || sb->slab_nr < 1 || sb->slab_nr > 65535)
		return bad(name, "slab geometry out of range");
	if (sb->unit_nr != sb->slab_nr << sb->slab_shift ||
	    sb->unit_nr > 1u << 26)
		return bad(name, "number of units does not match the slabs");
	if (sb->client_nr < 1 || sb->client_nr > 1024)
		return bad(name, "number of clients out of range");
	if (sb->class_nr < 1 || sb->class_nr > 64 || sb->lane_nr < 1 ||
	    sb->lane_nr > 64)
		return bad(name, "number of classes or lanes out of range");
	if (sb->region_no ? sb->bucket_nr != 0 :
			    !bits_is_pow2(sb->bucket_nr) || sb->bucket_nr < 8 ||
				    sb->bucket_nr > 1ull << 40)
		return bad(name, "number of buckets out of range");
	if (sb->row_bytes < cells || sb->row_bytes % 128 ||
	    sb->row_bytes > cells + 128)
		return bad(name, "ledger rows out of range");
	if (sb->hash_alg != HASH_XXH3 && sb->hash_alg != HASH_SIPHASH)
		return bad(name, "hash algorithm not known");
	if (sb->quarantine_ms > MEDIA_QUARANTINE_MAX ||
	    !sb->quarantine_ms != !(sb->incompat & MEDIA_INCOMPAT_QUARANTINE))
		return bad(name, "quarantine out of range");
	if (sb->share > MEDIA_SHARE_NONCOHERENT ||
	    !sb->share != !(sb->incompat & MEDIA_INCOMPAT_HOSTS) ||
	    (sb->share && (sb->host_ms < MEDIA_HOST_MS_MIN ||
			   sb->host_ms > MEDIA_HOST_MS_MAX)))
		return bad(name, "sharing hosts out of range");
	if (sb->region_no >= bits_max(sb->region_nr, 1) ||
	    sb->label[MEDIA_LABEL - 1])
		return bad(name, "region number or label out of range");
	return check_regions(sb, name);
}

/* The least each section must hold; place() in geometry.c gives as much. */
static uint64_t section_need(const struct media_super *sb, unsigned id)
{
	if (sb->region_no && media_is_of_root(id))
		return 0;
	switch (id) {
	case SECTION_REGIONS:
		return MEDIA_REGION_MAX * sizeof(struct media_region_entry);
	case SECTION_HANDS:
		return 2 * MEDIA_PAGE;
	case SECTION_HOSTS:
		return sb->share ? MEDIA_HOSTS_MAX * 256ull : 0;
	case SECTION_CLIENTS:
		return sb->client_nr * 256ull;
	case SECTION_COUNTERS:
		return sb->client_nr * sb->lane_nr * 256ull;
	case SECTION_SLABS:
		return sb->slab_nr * 256ull;
	case SECTION_SLAB_MAPS:
		return (sb->class_nr + 1ull) * ((sb->slab_nr + 63ull) / 64) * 8;
	case SECTION_BUCKETS:
		return sb->bucket_nr * 64;
	case SECTION_LEDGER:
		return sb->client_nr * sb->row_bytes;
	case SECTION_BLOCKS:
		return sb->unit_nr * 256ull;
	case SECTION_DATA:
		return (uint64_t)sb->unit_nr << sb->unit_shift;
	default:
		return MEDIA_PAGE;
	}
}

static int check_sections(const struct media_super *sb, const char *name)
{
	uint64_t end = 0;
	unsigned i;

	for (i = 0; i < SECTION_NR; i++) {
		enum section_id id = media_section_order(i);
		const struct media_section *s = &sb->section[id];

		if (!section_need(sb, id) && !s->off && !s->len)
			continue;
		/* in order, so disjoint; no sum can wrap */
		if (s->off % MEDIA_PAGE || s->off < end ||
		    s->off > sb->region_bytes ||
		    s->len > sb->region_bytes - s->off ||
		    s->len < section_need(sb, id) ||
		    (s->len && sb->region_no && media_is_of_root(id)))
			return bad(name, media_section_name(id));
		end = s->off + s->len;
	}
	if (sb->section[SECTION_SUPER_A].off ||
	    sb->section[SECTION_SUPER_B].off != MEDIA_PAGE ||
	    sb->section[SECTION_SUPER_C].off != sb->region_bytes - MEDIA_PAGE)
		return bad(name, "its copies are not where they belong");
	if (sb->section[SECTION_DATA].off % MEDIA_DATA_ALIGN)
		return bad(name, "data is not aligned to 2 MiB");
	return 0;
}

int media_super_check(const struct media_super *sb, uint64_t dev_bytes,
		      const char *name)
{
	int rc = check_identity(sb, name);

	if (!rc)
		rc = check_numbers(sb, name);
	if (!rc)
		rc = check_sections(sb, name);
	if (!rc && sb->region_bytes > dev_bytes)
		rc = err_set(MARU_E_CORRUPT,
			     "%s: pool of %llu bytes, but only %llu are there; "
			     "give the device or file its former size back",
			     name, (unsigned long long)sb->region_bytes,
			     (unsigned long long)dev_bytes);
	return rc;
}

static int try_copy(struct dev *dev, uint64_t off, uint64_t bytes,
		    struct media_super *sb)
{
	int rc = dev_read(dev, off, sb, sizeof(*sb));

	return rc ? rc : media_super_check(sb, bytes, dev->name);
}

/* Copy C ends the pool: where a whole copy says, or where the device ends. */
static int try_last(struct dev *dev, uint64_t window, struct media_super *copy,
		    uint32_t whole)
{
	uint64_t bytes = dev->size - window;
	int rc = MARU_E_FORMAT;
	unsigned i;

	for (i = 0; rc && i < COPY_NR; i++) {
		uint64_t end = bits_round_down(bytes, MEDIA_PAGE);

		if (i < 2 && !(whole >> i & 1))
			continue;
		if (i < 2)
			end = copy[i].region_bytes;
		rc = try_copy(dev, window + end - MEDIA_PAGE, bytes, &copy[2]);
	}
	return rc;
}

/* Which whole copies say the same as copy @no? */
static uint32_t agree(const struct media_super *copy, uint32_t whole,
		      unsigned no)
{
	uint32_t with = 0;
	unsigned i;

	for (i = 0; i < COPY_NR; i++)
		if (whole >> i & 1 &&
		    !memcmp(&copy[i], &copy[no], sizeof(copy[no])))
			with |= 1u << i;
	return with;
}

/* Two that agree are believed against one; else the first whole one is. */
static void vote(const struct media_super *copy, uint32_t whole,
		 struct media_super *sb, uint32_t *ok)
{
	unsigned i;

	*ok = 0;
	for (i = 0; i < COPY_NR; i++) {
		uint32_t with = whole >> i & 1 ? agree(copy, whole, i) : 0;

		if (__builtin_popcount(with) <= __builtin_popcount(*ok))
			continue;
		*ok = with;
		*sb = copy[i];
	}
}

int media_super_read(struct dev *dev, uint64_t window, struct media_super *sb,
		     uint32_t *ok)
{
	struct media_super copy[COPY_NR];
	uint32_t whole = 0;
	int rc[COPY_NR];
	unsigned i;

	*ok = 0;
	if (window >= dev->size || dev->size - window < 4 * MEDIA_DATA_ALIGN)
		return err_set(MARU_E_FORMAT,
			       "%s: too small for a maru pool at offset %llu",
			       dev->name, (unsigned long long)window);
	for (i = 0; i < COPY_NR; i++) {
		rc[i] = i < 2 ? try_copy(dev, window + i * MEDIA_PAGE,
					 dev->size - window, &copy[i]) :
				try_last(dev, window, copy, whole);
		whole |= (rc[i] == 0) << i;
	}
	vote(copy, whole, sb, ok);
	if (*ok)
		return 0;
	/* what is wrong with the first copy is the message worth having */
	return try_copy(dev, window, dev->size - window, &copy[0]) ? rc[0] :
								     rc[2];
}
