// SPDX-License-Identifier: BSD-3-Clause
/*
 * The format stays what it is: fields, words, geometry, what is believed.
 *
 * What differs from tests/golden/ is either a mistake or a new format, which
 * takes a feature bit.
 */
#include "base/bits.h"
#include "base/err.h"
#include "base/hash.h"
#include "client/client.h"
#include "common_plain.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Layout ------------------------------------------------------------------- */

struct field {
	const char *type, *name;
	size_t off, size, all; /* all: of the type */
};
/* clang-format off */
#define F(t, f) { #t, #f, offsetof(struct t, f), sizeof(((struct t *)0)->f), \
	sizeof(struct t) }
static const struct field fields[] = {
	F(media_section, off), F(media_section, len),
	F(media_class, units), F(media_class, group), F(media_class, exact),
	F(media_class, bytes), F(media_class, zero),
	F(media_super, magic), F(media_super, major), F(media_super, minor),
	F(media_super, endian), F(media_super, compat),
	F(media_super, ro_compat), F(media_super, incompat),
	F(media_super, pool_uuid), F(media_super, region_uuid),
	F(media_super, nonce), F(media_super, created_ns),
	F(media_super, region_bytes), F(media_super, max_bytes),
	F(media_super, secret), F(media_super, region_no),
	F(media_super, unit_shift), F(media_super, unit_nr),
	F(media_super, slab_shift), F(media_super, slab_nr),
	F(media_super, client_nr), F(media_super, class_nr),
	F(media_super, lane_nr), F(media_super, bucket_nr),
	F(media_super, row_bytes), F(media_super, hash_alg),
	F(media_super, create_flags), F(media_super, label),
	F(media_super, section), F(media_super, class),
	F(media_super, quarantine_ms), F(media_super, share),
	F(media_super, host_ms), F(media_super, region_nr),
	F(media_super, zero), F(media_super, crc),
	F(media_control, state), F(media_control, boot),
	F(media_control, opens), F(media_control, zero),
	F(media_control, opener_boot), F(media_control, opener_machine),
	F(media_control, opener_crc), F(media_control, zero2),
	F(media_control, opener_name),
	F(media_control, zero3),
	F(media_region_entry, state), F(media_region_entry, uuid),
	F(media_region_entry, bytes), F(media_region_entry, unit_shift),
	F(media_region_entry, unit_nr), F(media_region_entry, zero),
	F(media_hand, pos), F(media_hand, zero),
	F(media_client, word), F(media_client, zero), F(media_client, pid),
	F(media_client, start), F(media_client, boot), F(media_client, pidns),
	F(media_client, joined_ns), F(media_client, owes),
	F(media_client, due), F(media_client, name), F(media_client, zero3),
	F(media_host, word), F(media_host, zero), F(media_host, boot),
	F(media_host, machine), F(media_host, wait), F(media_host, zero2),
	F(media_host, ask), F(media_host, answer), F(media_host, zero3),
	F(media_host, name),
	F(media_lane, count),
	F(media_slab, word), F(media_slab, zero), F(media_slab, hint),
	F(media_slab, zero2),
	F(media_bucket, head), F(media_bucket, slot),
	F(media_block, word), F(media_block, h0), F(media_block, h1),
	F(media_block, size), F(media_block, units), F(media_block, use),
	F(media_block, prio), F(media_block, space), F(media_block, crc_desc),
	F(media_block, crc_data), F(media_block, ttl), F(media_block, birth),
	F(media_block, user), F(media_block, key), { 0 },
};
/* clang-format on */

/* In order and without a gap: a field begins where the last one ends. */
static void print_fields(FILE *out)
{
	const char *type = "";
	size_t at = 0, i;

	for (i = 0; fields[i].type; i++) {
		const struct field *f = &fields[i];

		if (strcmp(type, f->type) != 0) {
			fprintf(out, "struct %s %zu\n", f->type, f->all);
			type = f->type;
			at = 0;
		}
		ck_assert_msg(f->off == at, "%s.%s: behind a gap", type,
			      f->name);
		fprintf(out, "  %s %zu %zu\n", f->name, f->off, f->size);
		at += f->size;
		ck_assert_msg(at == f->all || f[1].off, "%s: a gap at its end",
			      type);
	}
}

struct number {
	const char *name;
	uint64_t value;
};

/* clang-format off */
#define N(n) { #n, n }
static const struct number numbers[] = {
	N(MEDIA_MAJOR), N(MEDIA_MINOR), N(MEDIA_ENDIAN), N(MEDIA_PAGE),
	N(MEDIA_DATA_ALIGN), N(MEDIA_REGION_MAX), N(MEDIA_CLASS_MAX),
	N(MEDIA_COMPAT_KNOWN), N(MEDIA_RO_KNOWN), N(MEDIA_INCOMPAT_KNOWN),
	N(MEDIA_CLEAN), N(MEDIA_DIRTY), N(MEDIA_REGION_EMPTY),
	N(MEDIA_REGION_ACTIVE), N(IDX_UNIT_BITS), N(BLOCK_KEY_INLINE),
	N(BLOCK_LEN_MAX), N(BUCKET_SLOTS), N(BUCKET_WAYS), N(HEAD_BUDDY),
	N(HEAD_ALTERNATE), N(CELL_OWN), N(CELL_PINS), N(HASH_XXH3),
	N(HASH_SIPHASH), N(SLAB_HUGE), N(CLIENT_LOCK_POOL),
	N(CLIENT_LOCK_SLOT), N(CLIENT_LOCK_REAP),
	N(BLOCK_FREE), N(BLOCK_OWNED), N(BLOCK_READY), N(BLOCK_LIVE),
	N(BLOCK_DYING), N(BLOCK_QUARANTINED), N(BLOCK_BAD), N(BLOCK_ASKING),
	N(BLOCK_CLAIMED), N(BLOCK_SEALED),
	N(SLAB_EMPTY), N(SLAB_CLAIMED), N(SLAB_ACTIVE), N(SLAB_TAIL),
	N(SLAB_RETIRING), N(CLIENT_FREE), N(CLIENT_JOINING), N(CLIENT_ACTIVE),
	N(CLIENT_DEAD), N(CLIENT_QUARANTINED), N(MEDIA_QUARANTINE_MAX),
	N(CLIENT_FENCED), N(CLIENT_LOCK_HOST), N(HOST_FREE), N(HOST_CLAIMED),
	N(HOST_ACTIVE), N(HOST_FENCED), N(HOST_CONFIRMED),
	N(MEDIA_SHARE_HOST), N(MEDIA_SHARE_FABRIC), N(MEDIA_SHARE_NONCOHERENT),
	N(MEDIA_HOSTS_MAX), N(MEDIA_HOST_MS_MIN), N(MEDIA_HOST_MS_MAX),
};
/* clang-format on */

static void print_list(FILE *out, const struct number *list, size_t nr)
{
	size_t i;

	for (i = 0; i < nr; i++)
		fprintf(out, "%s 0x%llx\n", list[i].name,
			(unsigned long long)list[i].value);
}

static void print_numbers(FILE *out)
{
	unsigned i;

	fprintf(out, "magic %s\n", MEDIA_MAGIC);
	print_list(out, numbers, PLAIN_LEN(numbers));
	for (i = 0; i < SECTION_NR; i++)
		fprintf(out, "section %u %s\n", i, media_section_name(i));
	i = 0;
#define MARU_X(name, text) fprintf(out, "counter %u %s\n", i++, #name);
	MARU_COUNTERS(MARU_X)
#undef MARU_X
}

/* Where the bits of the words are, and what follows from a key: by example. */
static void print_words(FILE *out)
{
	const uint64_t secret[2] = { 1, 2 };
	const struct hash128 fast = hash_key(HASH_XXH3, secret, "key", 3);
	const struct hash128 safe = hash_key(HASH_SIPHASH, secret, "key", 3);
	const struct dir d = { .mask = 0xffff };
	const struct number list[] = {
		N(block_word(BLOCK_READY, BLOCK_CLAIMED, 0xabc, 0x5def,
			     0x12345678)),
		N(slab_word_make(SLAB_TAIL, 0x45, 0x678, 0x9abc, 0xdef012)),
		N(client_make(CLIENT_ACTIVE, 0x12345678)),
		N(client_at(client_make(CLIENT_ACTIVE, 0x12345678), 0x3f)),
		N(host_make(HOST_FENCED, 0x2b, 0xabcde, 0x12345678)),
		N(slot_make(0xfedcba9876543210, 0x12345678, 0x0abcdef0)),
		N(head_next(0x1234567000000000, 0x3, 0x89abcdef)),
		N(entry_room(4096, 192)),
		N(entry_room(4096, 193)),
		N(fast.h0),
		N(fast.h1),
		N(safe.h0),
		N(safe.h1),
		N(dir_way(&d, 0, 2)),
		N(dir_way(&d, 0x1235, 0)),
		N(dir_way(&d, 0x1235, 1)),
		N(dir_way(&d, 0x1235, 2)),
		N(dir_way(&d, 0x1235, 3)),
	};

	print_list(out, list, PLAIN_LEN(list));
}

static void print_layout(FILE *out)
{
	print_fields(out);
	print_numbers(out);
	print_words(out);
}

START_TEST(the_layout_is_the_golden_one)
{
	plain_golden("tests/golden/layout.txt", print_layout);
}
END_TEST

/* Geometry ----------------------------------------------------------------- */

#define K 1024ull
#define M (1024 * K)
#define G (1024 * M)
#define T (1024 * G)

/* As maru_create() does it; without an identity. */
static int lay_out(struct media_plan *p, struct media_super *sb)
{
	struct media_class class[MEDIA_CLASS_MAX] = { 0 };
	int rc;

	p->class_nr = slab_class_plan(class, NULL, 0, p->unit);
	rc = media_layout(p, sb);
	if (rc)
		return rc;
	p->class_nr =
		slab_class_prune(class, p->class_nr, 1u << sb->slab_shift);
	rc = media_layout(p, sb);
	slab_class_groups(class, p->class_nr, sb);
	memcpy(sb->class, class, p->class_nr * sizeof(class[0]));
	return rc;
}

static void print_pool(FILE *out, uint64_t bytes, uint32_t unit, uint32_t share)
{
	struct media_plan p = {
		.bytes = bytes,
		.unit = unit,
		.client_nr = 64,
		.hash_alg = HASH_XXH3,
		.share = share,
		.host_ms = 1000,
	};
	struct media_super sb;
	unsigned i;

	fprintf(out, "pool %llu unit %u%s\n", (unsigned long long)bytes, unit,
		share ? " shared" : "");
	if (lay_out(&p, &sb)) {
		fprintf(out, "  too small\n");
		return;
	}
	fprintf(out, "  units %u slabs %u of %u classes %u\n", sb.unit_nr,
		sb.slab_nr, 1u << sb.slab_shift, sb.class_nr);
	fprintf(out, "  buckets %llu row %llu lanes %u\n",
		(unsigned long long)sb.bucket_nr,
		(unsigned long long)sb.row_bytes, sb.lane_nr);
	for (i = 0; i < SECTION_NR; i++)
		fprintf(out, "  %s %llu %llu\n", media_section_name(i),
			(unsigned long long)sb.section[i].off,
			(unsigned long long)sb.section[i].len);
}

static void print_geometry(FILE *out)
{
	static const uint64_t bytes[] = { 8 * M, 64 * M, G, T };
	static const uint32_t unit[] = { 4 * K, 64 * K, 2 * M };
	size_t i, j;

	for (i = 0; i < PLAIN_LEN(bytes); i++)
		for (j = 0; j < PLAIN_LEN(unit); j++)
			print_pool(out, bytes[i], unit[j], MEDIA_SHARE_HOST);
	print_pool(out, G, 64 * K, MEDIA_SHARE_FABRIC);
}

START_TEST(the_geometry_is_the_golden_one)
{
	plain_golden("tests/golden/geometry.txt", print_geometry);
}
END_TEST

/* Bytes that section @i must have, told here once more. */
static uint64_t least(const struct media_super *sb, unsigned i)
{
	switch (i) {
	case SECTION_REGIONS:
		return MEDIA_REGION_MAX * sizeof(struct media_region_entry);
	case SECTION_HANDS:
		return (sb->class_nr + 1ull) * sizeof(struct media_hand);
	case SECTION_ACTIVE:
		return (sb->client_nr + 63ull) / 64 * 8;
	case SECTION_HOSTS:
		return sb->share ? 64 * sizeof(struct media_host) : 0;
	case SECTION_CLIENTS:
		return sb->client_nr * sizeof(struct media_client);
	case SECTION_COUNTERS:
		return (uint64_t)sb->client_nr * sb->lane_nr *
		       sizeof(struct media_lane);
	case SECTION_SLABS:
		return sb->slab_nr * sizeof(struct media_slab);
	case SECTION_SLAB_MAPS:
		return (sb->class_nr + 1ull) * ((sb->slab_nr + 63ull) / 64) * 8;
	case SECTION_BUCKETS:
		return sb->bucket_nr * sizeof(struct media_bucket);
	case SECTION_LEDGER:
		return sb->client_nr * 2ull * sb->unit_nr;
	case SECTION_BLOCKS:
		return sb->unit_nr * sizeof(struct media_block);
	case SECTION_DATA:
		return (uint64_t)sb->unit_nr << sb->unit_shift;
	default:
		return MEDIA_PAGE;
	}
}

/* Nothing that anybody computes from these numbers leaves @bytes bytes. */
static bool in_bounds(const struct media_super *sb, uint64_t bytes)
{
	uint64_t end = 0;
	unsigned i;

	if (sb->region_bytes > bytes || sb->unit_shift < 12 ||
	    sb->unit_shift > 21 || sb->unit_nr > IDX_UNIT_MASK + 1 ||
	    sb->slab_shift > 10 || !sb->slab_nr || sb->slab_nr > 65535 ||
	    (uint64_t)sb->slab_nr << sb->slab_shift != sb->unit_nr ||
	    !sb->client_nr || sb->client_nr > MARU_CLIENTS_MAX ||
	    !sb->class_nr || sb->class_nr > MEDIA_CLASS_MAX || !sb->lane_nr ||
	    !bits_is_pow2(sb->bucket_nr) || sb->bucket_nr < 2 ||
	    sb->bucket_nr > bytes || sb->row_bytes < 2ull * sb->unit_nr ||
	    sb->row_bytes % 8)
		return false;
	for (i = 0; i < SECTION_NR; i++) {
		unsigned id = media_section_order(i);
		const struct media_section *s = &sb->section[id];

		if (!s->off && !s->len && !least(sb, id))
			continue;
		if (s->off % MEDIA_PAGE || s->off < end ||
		    s->off > sb->region_bytes ||
		    s->len > sb->region_bytes - s->off ||
		    s->len < least(sb, id))
			return false;
		end = s->off + s->len;
	}
	return sb->section[SECTION_LEDGER].len / sb->client_nr >= sb->row_bytes;
}

static void seal(struct media_super *sb)
{
	sb->crc = hash_crc32c(0, sb, offsetof(struct media_super, crc));
}

static void identify(struct media_super *sb)
{
	memcpy(sb->magic, MEDIA_MAGIC, sizeof(sb->magic));
	sb->major = MEDIA_MAJOR;
	sb->minor = MEDIA_MINOR;
	sb->endian = MEDIA_ENDIAN;
	memset(sb->pool_uuid, 0x5a, sizeof(sb->pool_uuid));
	seal(sb);
}

static void check_pool(struct media_plan *p)
{
	struct media_super sb;
	uint64_t align, used;

	if (lay_out(p, &sb))
		return;
	identify(&sb);
	ck_assert(in_bounds(&sb, p->bytes));
	ck_assert_int_eq(media_super_check(&sb, p->bytes, "pool"), 0);
	ck_assert_uint_eq(sb.section[SECTION_SUPER_A].off, 0);
	ck_assert_uint_eq(sb.section[SECTION_SUPER_B].off, MEDIA_PAGE);
	ck_assert_uint_eq(sb.section[SECTION_SUPER_C].off,
			  bits_round_down(p->bytes, MEDIA_PAGE) - MEDIA_PAGE);
	align = p->bytes >= 64 * G ? G : MEDIA_DATA_ALIGN;
	ck_assert_uint_eq(sb.section[SECTION_DATA].off % align, 0);
	ck_assert_uint_eq(sb.row_bytes % 128, 0);
	/* at most half full */
	used = 2ull * sb.unit_nr / BUCKET_SLOTS;
	ck_assert_uint_ge(sb.bucket_nr, used);
}

START_TEST(sections_of_any_pool_are_apart_and_inside)
{
	static const uint32_t clients[] = { 1, 16, 63, 64, 1024 };
	uint64_t bytes, more;
	uint32_t unit;
	size_t i;

	for (bytes = 8 * M; bytes <= 4 * T; bytes += bytes / 3 + 4096 + 77)
		for (unit = 4096; unit <= 2 * M; unit *= 2)
			for (i = 0; i < PLAIN_LEN(clients); i++)
				for (more = 0; more < 3; more++) {
					struct media_plan p = {
						.bytes = bytes,
						.max_bytes = more * 4 * bytes,
						.unit = unit,
						.client_nr = clients[i],
						.hash_alg = HASH_SIPHASH,
						.share = more == 1,
						.host_ms = 10000,
					};

					check_pool(&p);
				}
}
END_TEST

START_TEST(a_plan_that_cannot_be_is_refused)
{
	static const uint32_t unit[] = { 0, 1, 2048, 4095, 12288, 4194304 };
	struct media_plan p = { .bytes = 64 * M, .unit = 4096, .class_nr = 9 };
	struct media_super sb;
	size_t i;

	ck_assert_int_eq(media_layout(&p, &sb), -EINVAL);
	p.client_nr = 1025;
	ck_assert_int_eq(media_layout(&p, &sb), -EINVAL);
	p.client_nr = 4;
	ck_assert_int_eq(media_layout(&p, &sb), 0);
	for (i = 0; i < PLAIN_LEN(unit); i++) {
		p.unit = unit[i];
		ck_assert_int_eq(media_layout(&p, &sb), -EINVAL);
	}
	p.unit = 4096;
	p.max_bytes = 32 * M;
	ck_assert_int_eq(media_layout(&p, &sb), -EINVAL);
	p.max_bytes = 0;
	p.bytes = 64 * K;
	ck_assert_int_eq(media_layout(&p, &sb), -ENOSPC);
}
END_TEST

/* Belief ------------------------------------------------------------------- */

static struct media_super good(void)
{
	struct media_plan p = {
		.bytes = 64 * M,
		.unit = 4096,
		.client_nr = 16,
		.hash_alg = HASH_XXH3,
	};
	struct media_super sb;

	ck_assert_int_eq(lay_out(&p, &sb), 0);
	identify(&sb);
	return sb;
}

static int judge(struct media_super *sb)
{
	seal(sb);
	return media_super_check(sb, 64 * M, "the-pool");
}

/* Refused, and in words that name the pool. */
static void refused(struct media_super *sb, int rc, const char *what)
{
	int is;

	err_clear();
	is = judge(sb);
	ck_assert_msg(is == rc, "%s: %d, not %d", what, is, rc);
	ck_assert_msg(strstr(maru_errmsg(), "the-pool") != NULL,
		      "%s: \"%s\" does not name it", what, maru_errmsg());
}

START_TEST(who_it_is_must_be_known)
{
	struct media_super sb = good();
	uint64_t bit;

	ck_assert_int_eq(judge(&sb), 0);
	sb.magic[7] = 'l';
	refused(&sb, MARU_E_FORMAT, "magic");
	sb = good();
	sb.major++;
	refused(&sb, MARU_E_FORMAT, "major");
	sb = good();
	sb.endian = 0x04030201;
	refused(&sb, MARU_E_FORMAT, "endian");
	for (bit = 1; bit; bit <<= 1) {
		sb = good();
		sb.incompat = bit;
		if (bit & ~MEDIA_INCOMPAT_KNOWN)
			refused(&sb, MARU_E_FORMAT, "incompat");
		/* what may be read, or ignored, is for others to judge */
		sb = good();
		sb.compat = sb.ro_compat = bit;
		ck_assert_int_eq(judge(&sb), 0);
	}
	sb = good();
	sb.minor = 9;
	ck_assert_int_eq(judge(&sb), 0);
}
END_TEST

START_TEST(a_wrong_checksum_is_refused)
{
	struct media_super sb = good();
	unsigned char *p = (unsigned char *)&sb;

	for (size_t i = 0; i < sizeof(sb); i++) {
		p[i] ^= (unsigned char)(1u << i % 8);
		ck_assert_int_eq(media_super_check(&sb, 64 * M, "pool"),
				 i < 8 ? MARU_E_FORMAT : MARU_E_CORRUPT);
		p[i] ^= (unsigned char)(1u << i % 8);
	}
	ck_assert_int_eq(media_super_check(&sb, 64 * M, "pool"), 0);
}
END_TEST

static void set(struct media_super *sb, const struct field *f, uint64_t v)
{
	memcpy((unsigned char *)sb + f->off, &v, f->size);
}

static uint64_t get(const struct media_super *sb, const struct field *f)
{
	uint64_t v = 0;

	memcpy(&v, (const unsigned char *)sb + f->off, f->size);
	return v;
}

/* Whatever is in a number: refused in words, or nothing leaves the pool. */
static void try_field(const struct field *f)
{
	static const char exact[] = "magic major endian unit_nr "
				    "slab_shift slab_nr region_no row_bytes";
	struct media_super sb = good();
	uint64_t old = get(&sb, f), v;
	unsigned i;

	for (i = 0; i < 400; i++) {
		v = i < 64  ? 1ull << i :
		    i < 128 ? old ^ 1ull << (i - 64) :
		    i < 192 ? (1ull << (i - 128)) - 1 :
		    i < 256 ? ~((1ull << (i - 192)) - 1) :
		    i < 320 ? old + i - 288 :
			      i * 0x9e3779b97f4a7c15ull;
		sb = good();
		set(&sb, f, v);
		if (get(&sb, f) == old)
			continue;
		err_clear();
		if (!judge(&sb))
			ck_assert_msg(!strstr(exact, f->name) &&
					      in_bounds(&sb, 64 * M),
				      "%s: 0x%llx is believed", f->name,
				      (unsigned long long)get(&sb, f));
		else
			ck_assert_msg(strstr(maru_errmsg(), "the-pool") != NULL,
				      "%s: no message", f->name);
	}
}

START_TEST(no_number_leads_out_of_the_pool)
{
	struct field f = { .type = "media_super", .name = "section" };
	size_t i;

	for (i = 0; fields[i].type; i++)
		if (!strcmp(fields[i].type, "media_super") &&
		    fields[i].size <= 8)
			try_field(&fields[i]);
	for (i = 0; i < 2 * SECTION_NR; i++) {
		f.off = offsetof(struct media_super, section) + 8 * i;
		f.size = 8;
		try_field(&f);
	}
}
END_TEST

START_TEST(a_pool_larger_than_its_memory_is_refused)
{
	struct media_super sb = good();

	ck_assert_int_eq(media_super_check(&sb, 64 * M - 1, "pool"),
			 MARU_E_CORRUPT);
	ck_assert_int_eq(media_super_check(&sb, T, "pool"), 0);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		the_layout_is_the_golden_one,
		the_geometry_is_the_golden_one,
		sections_of_any_pool_are_apart_and_inside,
		a_plan_that_cannot_be_is_refused,
		who_it_is_must_be_known,
		a_wrong_checksum_is_refused,
		no_number_leads_out_of_the_pool,
		a_pool_larger_than_its_memory_is_refused,
	};

	return plain_run("format", tests, PLAIN_LEN(tests));
}
