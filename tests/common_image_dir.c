// SPDX-License-Identifier: BSD-3-Clause
/* The image checker on entries: their keys, where they are found, once. */
#include "common_image_in.h"

#include <stdlib.h>

#include <isa-l/crc.h>
#include <sodium/crypto_shorthash_siphash24.h>
#include <xxhash.h>

static void hash(const struct image *m, const void *key, size_t len,
		 uint64_t h[2])
{
	uint64_t turned = m->sb.secret[1] << 32 | m->sb.secret[1] >> 32;
	XXH128_hash_t x;

	if (m->sb.hash_alg == 2) {
		crypto_shorthash_siphashx24(
			(unsigned char *)h, key, len,
			(const unsigned char *)m->sb.secret);
		return;
	}
	x = XXH3_128bits_withSeed(key, len, m->sb.secret[0] ^ turned);
	h[0] = x.low64;
	h[1] = x.high64;
}

/* The four buckets of a home; the head's flag that opens each. */
static uint64_t bucket_of(const struct image *m, uint64_t home, unsigned way)
{
	uint64_t pair = home / 2;

	if (way >= 2)
		pair = (pair * 0x9e3779b97f4a7c15u + 0x632be59bd9b4e019u) %
		       (m->sb.bucket_nr / 2);
	return pair * 2 + ((home ^ way) & 1);
}

static bool opens(uint64_t head, unsigned way)
{
	return way == 0 || (head >> (way == 1 ? 36 : 37) & 1);
}

static uint64_t bucket_word(const struct image *m, uint64_t bucket, unsigned i)
{
	return image_u64(image_at(m, SECTION_BUCKETS, bucket * 64 + i * 8));
}

/* Would a lookup that believes the head's flags come to this block? */
static bool reachable(const struct image *m, uint32_t unit)
{
	uint64_t h0 = image_u64(image_block(m, unit) + 8);
	uint64_t home = h0 % m->sb.bucket_nr;
	uint64_t want = (h0 >> 44) << 44 |
			(uint64_t)(image_version(image_word(m, unit)) & 0xfff)
				<< 32 |
			(unit + 1);

	for (unsigned way = 0; way < 4; way++)
		for (unsigned i = 1; i < 8; i++)
			if (opens(bucket_word(m, home, 0), way) &&
			    bucket_word(m, bucket_of(m, home, way), i) == want)
				return true;
	return false;
}

const unsigned char *image_key_of(const struct image *m, uint32_t unit,
				  uint32_t *klen)
{
	const unsigned char *b = image_block(m, unit);
	uint64_t size = image_u64(b + 24), room = image_bytes_of(m, unit);
	uint64_t vlen = size & 0xffffffffffff, words;

	*klen = (uint32_t)(size >> 48);
	words = (*klen + 7ull) / 8 * 8;
	if (*klen == 0 || *klen > 1024 ||
	    unit + (room >> m->sb.unit_shift) > m->sb.unit_nr)
		return NULL;
	if (*klen <= 192)
		return vlen <= room ? b + 64 : NULL;
	if (vlen + words + 8 > room)
		return NULL;
	return image_at(m, SECTION_DATA,
			((uint64_t)unit << m->sb.unit_shift) + room - words);
}

static const unsigned char *value_of(const struct image *m, uint32_t unit)
{
	return image_at(m, SECTION_DATA, (uint64_t)unit << m->sb.unit_shift);
}

static uint32_t crc(uint32_t so_far, const void *p, size_t len)
{
	return ~crc32_iscsi((unsigned char *)(uintptr_t)p, (int)len, ~so_far);
}

static void checksums(struct image *m, uint32_t unit, const unsigned char *key,
		      uint32_t klen)
{
	const unsigned char *b = image_block(m, unit);
	uint64_t v[5] = { image_u64(b + 8), image_u64(b + 16),
			  image_u64(b + 24), image_u32(b + 32),
			  image_version(image_word(m, unit)) };

	if (m->sb.create_flags & 2 &&
	    crc(crc(0, v, sizeof(v)), key, klen) != image_u32(b + 40))
		image_fault(m, 9, "entry %u: its checksum is wrong", unit);
	if (m->sb.create_flags & 8 &&
	    crc(0, value_of(m, unit), image_u64(b + 24) & 0xffffffffffff) !=
		    image_u32(b + 44))
		image_fault(m, 9, "entry %u: its value's checksum is wrong",
			    unit);
}

static void entry(struct image *m, uint32_t unit)
{
	const unsigned char *b = image_block(m, unit), *key;
	uint64_t h[2];
	uint32_t klen;

	key = image_key_of(m, unit, &klen);
	if (key == NULL) {
		image_fault(m, 9, "entry %u: key of %u and value cannot be",
			    unit, klen);
		return;
	}
	hash(m, key, klen, h);
	if (h[0] != image_u64(b + 8) || h[1] != image_u64(b + 16))
		image_fault(m, 9, "entry %u: the hash is not its key's", unit);
	for (uint32_t i = klen; i % 8 != 0; i++)
		if (key[i] != 0)
			image_fault(m, 9, "entry %u: bytes behind its key",
				    unit);
	checksums(m, unit, key, klen);
	if (!reachable(m, unit))
		image_fault(m, 23, "entry %u is not found by its key", unit);
}

static void bucket(struct image *m, uint64_t no)
{
	uint64_t head = bucket_word(m, no, 0), w;
	uint32_t unit = (uint32_t)head - 1;

	if (head & 0xcf00000000)
		image_fault(m, 2, "bucket %llu: head %#llx",
			    (unsigned long long)no, (unsigned long long)head);
	for (unsigned i = 1; i < 8; i++)
		if ((uint32_t)bucket_word(m, no, i) > m->sb.unit_nr)
			image_fault(m, 2, "bucket %llu, slot %u: no such block",
				    (unsigned long long)no, i);
	if ((uint32_t)head == 0)
		return;
	if (unit >= m->sb.unit_nr) {
		image_fault(m, 2, "bucket %llu: pending block %u is none",
			    (unsigned long long)no, unit);
		return;
	}
	w = image_word(m, unit);
	if ((w & 15) == FREE || (w & 15) > DYING ||
	    ((w & 15) == OWNED && !(w & (ASKING_FLAG | CLAIMED_FLAG))) ||
	    image_u64(image_block(m, unit) + 8) % m->sb.bucket_nr != no)
		image_fault(m, 23,
			    "bucket %llu: pending block %u is not placed there",
			    (unsigned long long)no, unit);
}

struct found {
	uint64_t h0;
	uint32_t unit;
};

static int by_hash(const void *a, const void *b)
{
	const struct found *x = a, *y = b;

	return x->h0 < y->h0 ? -1 : x->h0 > y->h0;
}

static bool same_key(const struct image *m, uint32_t a, uint32_t b)
{
	uint32_t alen, blen;
	const unsigned char *x = image_key_of(m, a, &alen);
	const unsigned char *y = image_key_of(m, b, &blen);

	return x && y && alen == blen && memcmp(x, y, alen) == 0;
}

void image_dir_check(struct image *m)
{
	struct found *all = calloc(m->sb.unit_nr, sizeof(*all));
	uint32_t nr = 0;

	if (all == NULL)
		abort();
	for (uint64_t i = 0; i < m->sb.bucket_nr; i++)
		bucket(m, i);
	for (uint32_t unit = 0; unit < m->sb.unit_nr; unit++) {
		if ((image_word(m, unit) & 15) != LIVE)
			continue;
		entry(m, unit);
		all[nr].h0 = image_u64(image_block(m, unit) + 8);
		all[nr++].unit = unit;
	}
	qsort(all, nr, sizeof(*all), by_hash);
	for (uint32_t i = 0; i < nr; i++)
		for (uint32_t j = i + 1; j < nr && all[j].h0 == all[i].h0; j++)
			if (same_key(m, all[i].unit, all[j].unit))
				image_fault(m, 8,
					    "entries %u and %u have one key",
					    all[i].unit, all[j].unit);
	free(all);
}

static bool is_key(const struct image *m, uint32_t unit,
		   const struct image_key *k)
{
	uint32_t klen;
	const unsigned char *key = image_key_of(m, unit, &klen);

	return (image_word(m, unit) & 15) == LIVE && key && klen == k->klen &&
	       memcmp(key, k->key, klen) == 0;
}

static void one_key(struct image *m, const struct image_key *k)
{
	int len = (int)(k->klen < 40 ? k->klen : 40);
	const char *name = k->key;
	uint32_t unit;

	for (unit = 0; unit < m->sb.unit_nr; unit++)
		if (is_key(m, unit, k))
			break;
	if (unit == m->sb.unit_nr) {
		if (k->is == IMAGE_PRESENT)
			image_fault(m, 16, "key '%.*s' is lost", len, name);
		return;
	}
	if (k->is == IMAGE_ABSENT)
		image_fault(m, 17, "key '%.*s' is there, at block %u", len,
			    name, unit);
	if (k->value == NULL)
		return;
	if ((image_u64(image_block(m, unit) + 24) & 0xffffffffffff) !=
		    k->vlen ||
	    memcmp(value_of(m, unit), k->value, k->vlen) != 0)
		image_fault(m, 10,
			    "key '%.*s': not the bytes that were written", len,
			    name);
}

static void unknown_key(struct image *m, uint32_t unit)
{
	if ((image_word(m, unit) & 15) != LIVE)
		return;
	for (size_t i = 0; i < m->terms->key_nr; i++)
		if (is_key(m, unit, &m->terms->keys[i]))
			return;
	image_fault(m, 17, "entry %u: nobody stored its key", unit);
}

void image_keys_check(struct image *m)
{
	for (size_t i = 0; i < m->terms->key_nr; i++)
		one_key(m, &m->terms->keys[i]);
	for (uint32_t unit = 0; m->terms->only_keys && unit < m->sb.unit_nr;
	     unit++)
		unknown_key(m, unit);
}
