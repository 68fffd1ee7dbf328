// SPDX-License-Identifier: BSD-3-Clause
/* Pools that fuzzing starts from, the same bytes in every run. */
#include "common_fuzz.h"
#include "common_room.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define UNIT 4096u
#define EXACT 81920u /* more than a slab: a class of several slabs */
#define CREATED 1700000000ull
#define ENTRIES 56u

static struct fuzz_image images[FUZZ_BASES];

size_t fuzz_key(unsigned char key[MARU_KEY_MAX], unsigned no)
{
	size_t len = (size_t)sprintf((char *)key, "entry %u", no), i;
	size_t want = len;

	if (no % 8 == 7)
		want = no == 7 ? BLOCK_KEY_INLINE : BLOCK_KEY_INLINE + 1 + no;
	if (no == 23)
		want = MARU_KEY_MAX;
	want = want < MARU_KEY_MAX ? want : MARU_KEY_MAX;
	for (i = len; i < want; i++)
		key[i] = (unsigned char)(no * 31 + i * 7);
	return want;
}

uint32_t fuzz_record(unsigned section)
{
	switch (section) {
	case SECTION_REGIONS:
	case SECTION_HANDS:
	case SECTION_BUCKETS:
		return 64;
	case SECTION_CLIENTS:
	case SECTION_COUNTERS:
	case SECTION_SLABS:
	case SECTION_BLOCKS:
		return 256;
	case SECTION_LEDGER:
		return 2;
	case SECTION_DATA:
		return UNIT;
	default:
		return 8;
	}
}

static size_t value_len(unsigned no)
{
	static const size_t len[] = {
		100,   0,	 1,	4096, 4097, 9000,
		16384, 5 * UNIT, 30000, 60,   700,  2 * UNIT - 300,
	};

	if (no == 30)
		return EXACT;
	if (no == 31)
		return 100 << 10; /* larger than any class */
	return len[no % TEST_LEN(len)];
}

/* Everything that would be another one each time: ids, secret, times. */
static void fix_super(unsigned char *bytes)
{
	struct media_super sb;

	memcpy(&sb, bytes, sizeof(sb));
	memset(sb.pool_uuid, 0x4d, sizeof(sb.pool_uuid));
	memset(sb.region_uuid, 0x4d, sizeof(sb.region_uuid));
	sb.nonce = 1;
	sb.created_ns = CREATED * 1000000000u;
	sb.secret[0] = 0x0123456789abcdef;
	sb.secret[1] = 0xfedcba9876543210;
	sb.crc = hash_crc32c(0, &sb, offsetof(struct media_super, crc));
	memcpy(bytes, &sb, sizeof(sb));
	memcpy(bytes + MEDIA_PAGE, &sb, sizeof(sb));
	memcpy(bytes + sb.section[SECTION_SUPER_C].off, &sb, sizeof(sb));
	memcpy(bytes + sb.section[SECTION_REGIONS].off +
		       offsetof(struct media_region_entry, uuid),
	       sb.region_uuid, sizeof(sb.region_uuid));
}

static void fill(struct maru_pool *p)
{
	unsigned char key[MARU_KEY_MAX];

	for (unsigned no = 0; no < ENTRIES; no++) {
		size_t klen = fuzz_key(key, no);
		int rc = maru_store(p, key, klen, fuzz_value(), value_len(no));

		if (rc != 0)
			fuzz_fail("base: entry %u: %d", no, rc);
	}
}

/* Ten entries of one home: what does not fit lies outside it. */
static void crowd(struct maru_pool *p)
{
	struct room_key key[10];
	uint32_t idx[10];

	room_crowd(p, key, idx, TEST_LEN(key));
}

/* Of @q, which will be dead: holds, pins, a buffer, a claim, debts. */
static void busy(struct maru_pool *p, struct maru_pool *q)
{
	unsigned char key[MARU_KEY_MAX];
	struct maru_view view[2];
	struct maru_buf buf;

	for (unsigned i = 0; i < TEST_LEN(view); i++)
		maru_retrieve(q, key, fuzz_key(key, i), &view[i]);
	maru_pin(q, key, fuzz_key(key, 3), 5);
	maru_alloc(q, 5000, &buf);
	maru_reserve(q, key, fuzz_key(key, 90), 100, &buf);
	maru_reserve(q, key, fuzz_key(key, 95), 100, &buf);
	/* a zombie: deleted past its holder, as by a race */
	room_zombie(p, q, 1000);
}

static struct dir_key dir_key_of(struct maru_pool *p, unsigned char *key,
				 unsigned no)
{
	struct dir_key k;

	dir_key_init(&p->dir, &k, key, fuzz_key(key, no));
	return k;
}

/* What only a death between two steps leaves. */
static void halfway(struct maru_pool *p)
{
	unsigned char key[MARU_KEY_MAX];
	struct dir_key k;
	struct room_key live;
	struct extent e;

	k = dir_key_of(p, key, 80);
	room_died(p, &k, BLOCK_READY, ROOM_PENDING);
	k = dir_key_of(p, key, 81);
	room_died(p, &k, BLOCK_READY, ROOM_LINKED);
	k = dir_key_of(p, key, 82);
	room_died(p, &k, BLOCK_OWNED, ROOM_PENDING);
	k = dir_key_of(p, key, 83);
	room_died(p, &k, BLOCK_OWNED, ROOM_LINKED);
	room_key(p, &live, 1001);
	room_ghost_owes(p, room_live(p, &live.k));
	e = room_claim(p, 0, 1);
	room_slab_set(p, e.head,
		      slab_word_make(SLAB_RETIRING, 0, GHOST, 1, e.word >> 40));
	e = room_claim(p, SLAB_HUGE, 3);
	room_slab_set(p, e.head,
		      slab_word_make(SLAB_CLAIMED, SLAB_HUGE, GHOST, 3,
				     e.word >> 40));
}

/* Nobody lives, and nothing tells this run from the next. */
static void settle_clients(unsigned char *bytes, const struct media_super *sb)
{
	struct media_client *c =
		(void *)(bytes + sb->section[SECTION_CLIENTS].off);

	for (uint32_t i = 0; i < sb->client_nr; i++) {
		if (!c[i].word.v)
			continue;
		c[i].pid.v = i % 2 ? 0 : 1;
		c[i].start.v = 1;
		c[i].boot[0].v = c[i].boot[1].v = 7;
		c[i].pidns.v = 1;
		c[i].joined_ns.v = (CREATED + i) * 1000000000u;
	}
}

static void settle_times(unsigned char *bytes, const struct media_super *sb)
{
	struct media_block *b =
		(void *)(bytes + sb->section[SECTION_BLOCKS].off);

	for (uint32_t i = 0; i < sb->unit_nr; i++)
		if (b[i].birth.v)
			b[i].birth.v = 1000 + i % 5;
}

static bool zero(const unsigned char *p, size_t len)
{
	return p[0] == 0 && memcmp(p, p + 1, len - 1) == 0;
}

static void find_used(struct fuzz_image *im)
{
	for (unsigned s = 0; s < SECTION_NR; s++) {
		const struct media_section *sec = &im->sb.section[s];
		uint32_t size = fuzz_record(s);

		for (uint32_t i = 0; (i + 1ull) * size <= sec->len; i++)
			if (im->used_nr[s] < TEST_LEN(im->used[s]) &&
			    !zero(im->bytes + sec->off + i * size, size))
				im->used[s][im->used_nr[s]++] = i;
	}
}

static void find_pages(struct fuzz_image *im)
{
	im->meta = bits_round_up(im->sb.section[SECTION_BLOCKS].off +
					 im->sb.section[SECTION_BLOCKS].len,
				 MEDIA_PAGE);
	for (uint32_t i = (uint32_t)(im->meta / MEDIA_PAGE);
	     i < FUZZ_BYTES / MEDIA_PAGE; i++)
		if (!zero(im->bytes + i * MEDIA_PAGE, MEDIA_PAGE) &&
		    im->page_nr < TEST_LEN(im->pages)) {
			im->pages[im->page_nr++] = i;
			im->holds[i] = true;
		}
}

static uint32_t flags_of(unsigned base)
{
	if (base == FUZZ_DURABLE)
		return MARU_CREATE_DURABLE | MARU_CREATE_CRC |
		       MARU_CREATE_SIPHASH;
	return base == FUZZ_CRC ? MARU_CREATE_CRC : 0;
}

static struct maru_pool *join(int fd)
{
	struct maru_open_opts o = { .size = sizeof(o), .name = "base" };
	struct maru_pool *p;
	char target[32];

	snprintf(target, sizeof(target), "fd:%d", fd);
	if (maru_open(target, &o, &p) != 0)
		fuzz_fail("base: %s", maru_errmsg());
	return p;
}

/* Bring the pool to where the base's name says. */
static void populate(unsigned base, int fd, unsigned char *bytes,
		     struct fuzz_image *im)
{
	struct maru_pool *p = join(fd), *q;

	if (base != FUZZ_EMPTY) {
		fill(p);
		crowd(p);
	}
	if (base == FUZZ_DEAD) {
		q = join(fd);
		busy(p, q);
		halfway(p);
		memcpy(im->bytes, bytes, FUZZ_BYTES); /* while all is held */
		maru_close(q, MARU_CLOSE_FORCE);
	}
	maru_close(p, MARU_CLOSE_FORCE);
	if (base != FUZZ_DEAD)
		memcpy(im->bytes, bytes, FUZZ_BYTES);
}

static void make(unsigned base, struct fuzz_image *im)
{
	static const uint64_t exact[] = { EXACT };
	struct maru_create_opts o = {
		.size = sizeof(o),
		.bytes = FUZZ_BYTES,
		.unit = UNIT,
		.max_clients = GHOST + 1,
		.flags = flags_of(base) | MARU_CREATE_SPARSE,
		.label = "fuzz",
		.classes = exact,
		.class_nr = 1,
	};
	bool was_child = test_is_child;
	unsigned char *bytes;
	int fd;

	test_is_child = true; /* asserts of the helpers are for no runner */
	im->bytes = malloc(FUZZ_BYTES);
	if (im->bytes == NULL || maru_create_mem(&o, &fd) != 0)
		fuzz_fail("base: %s", maru_errmsg());
	bytes = mmap(NULL, FUZZ_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
		     0);
	if (bytes == MAP_FAILED)
		fuzz_fail("base: mmap");
	fix_super(bytes);
	populate(base, fd, bytes, im);
	test_is_child = was_child;
	munmap(bytes, FUZZ_BYTES);
	close(fd);
	memcpy(&im->sb, im->bytes, sizeof(im->sb));
	settle_clients(im->bytes, &im->sb);
	settle_times(im->bytes, &im->sb);
	find_used(im);
	find_pages(im);
}

const struct fuzz_image *fuzz_image(unsigned base)
{
	struct fuzz_image *im = &images[base % FUZZ_BASES];

	if (im->bytes == NULL)
		make(base % FUZZ_BASES, im);
	return im;
}
