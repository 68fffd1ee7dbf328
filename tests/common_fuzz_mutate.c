// SPDX-License-Identifier: BSD-3-Clause
/* New inputs for libFuzzer out of old ones, by what the format means. */
#include "common_fuzz.h"

#include <string.h>

/* libFuzzer's own, where it is linked. */
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max)
	__attribute__((weak));
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max,
			       unsigned seed);
size_t LLVMFuzzerCustomCrossOver(const uint8_t *a, size_t a_len,
				 const uint8_t *b, size_t b_len, uint8_t *out,
				 size_t max, unsigned seed);

static uint64_t state;

static uint32_t rnd(uint32_t n)
{
	return (uint32_t)(test_random(&state) % n);
}

#define PICK(array) ((array)[rnd(TEST_LEN(array))])

static uint64_t odd_number(void)
{
	static const uint64_t some[] = {
		0,
		1,
		2,
		3,
		7,
		8,
		9,
		63,
		64,
		65,
		127,
		128,
		191,
		192,
		193,
		255,
		256,
		1023,
		1024,
		1025,
		4095,
		4096,
		4097,
		65535,
		65536,
		0x7fff,
		0x8000,
		1u << 20,
		(1u << 26) - 1,
		1u << 26,
		1u << 31,
		UINT32_MAX,
		1ull << 32,
		1ull << 40,
		1ull << 48,
		1ull << 62,
		1ull << 63,
		UINT64_MAX,
		UINT64_MAX - 4095,
	};

	switch (rnd(4)) {
	case 0:
		return test_random(&state);
	case 1:
		return 1ull << rnd(64);
	case 2:
		return PICK(some) + rnd(5) - 2;
	default:
		return PICK(some);
	}
}

/* A unit: mostly of a block in use, or next to the end. */
static uint32_t some_idx(const struct fuzz_image *im)
{
	switch (rnd(6)) {
	case 0:
		return rnd(im->sb.unit_nr);
	case 1:
		return im->sb.unit_nr + rnd(4) - 2;
	case 2:
		return (uint32_t)odd_number();
	default:
		return im->used_nr[SECTION_BLOCKS] ?
			       im->used[SECTION_BLOCKS]
				       [rnd(im->used_nr[SECTION_BLOCKS])] :
			       rnd(16);
	}
}

static uint64_t some_block_word(void)
{
	return block_word((enum block_state)rnd(8), rnd(3) ? 0 : rnd(16) << 4,
			  rnd(4) ? rnd(9) : rnd(4096), rnd(3) ? 41 : rnd(4096),
			  rnd(4) ? rnd(4) : (uint32_t)odd_number());
}

static uint64_t some_slab_word(const struct fuzz_image *im)
{
	return slab_word_make((enum slab_state)rnd(6),
			      rnd(3) ? rnd(im->sb.class_nr + 2) : SLAB_HUGE,
			      rnd(4) ? rnd(9) : rnd(4096),
			      rnd(4) ? rnd(8) : (uint32_t)odd_number() & 0xffff,
			      rnd(8));
}

/* A field of a descriptor and something to be in it. */
static void edit_block(const struct fuzz_image *im, struct fuzz_edit *e)
{
	static const uint8_t at[] = { 0,  0,  0,  8,  16, 24, 24, 24,
				      32, 32, 36, 40, 44, 52, 64, 248 };

	e->off = some_idx(im) * 256 + PICK(at);
	e->width = 3;
	switch (e->off % 256) {
	case 0:
		e->value = some_block_word();
		break;
	case 24:
		e->value = (rnd(2) ? rnd(9000) : odd_number() >> 16) |
			   (uint64_t)(rnd(2) ? rnd(1030) :
					       (uint32_t)odd_number() & 0xffff)
				   << 48;
		break;
	case 32:
		e->width = 2;
		e->value = rnd(2) ? rnd(40) : odd_number();
		break;
	case 36:
		e->width = 0;
		e->value = rnd(256);
		break;
	case 40:
	case 44:
	case 52:
		e->width = 2;
		e->value = odd_number();
		break;
	default:
		e->value = odd_number();
	}
}

/* One of a bucket's words, mostly one that is not zero. */
static uint32_t some_slot(const struct fuzz_image *im, uint32_t bucket)
{
	const unsigned char *b =
		im->bytes + im->sb.section[SECTION_BUCKETS].off + bucket * 64;
	uint32_t slot = rnd(8), tries;

	for (tries = rnd(4) ? 8 : 0; tries > 0; tries--) {
		uint64_t w;

		memcpy(&w, b + 8 * slot, sizeof(w));
		if (w != 0)
			break;
		slot = (slot + 1) % 8;
	}
	return slot;
}

static void edit_bucket(const struct fuzz_image *im, struct fuzz_edit *e)
{
	uint32_t nr = im->used_nr[SECTION_BUCKETS];
	uint32_t bucket = nr && rnd(4) ? im->used[SECTION_BUCKETS][rnd(nr)] :
					 rnd((uint32_t)im->sb.bucket_nr);
	uint32_t idx = some_idx(im);

	e->off = bucket * 64 + 8 * some_slot(im, bucket);
	e->width = 3;
	if (e->off % 64 == 0)
		e->value = head_next(rnd(9), rnd(16), rnd(3) ? idx + 1 : 0);
	else if (rnd(2))
		e->value = odd_number() << 32 | (idx + 1);
	else /* another block behind the same tag and version */
		e->value = idx + 1, e->width = 2;
	if (rnd(6))
		return;
	e->op = FUZZ_COPY; /* a word twice, in another bucket perhaps */
	e->value = e->off / 64 * 64 + 8 * rnd(8);
}

static void edit_slab(const struct fuzz_image *im, struct fuzz_edit *e)
{
	uint32_t nr = im->used_nr[SECTION_SLABS];
	uint32_t slab = nr && rnd(3) ? im->used[SECTION_SLABS][rnd(nr)] :
				       rnd(im->sb.slab_nr);

	e->off = slab * 256 + (rnd(3) ? 0 : 64 + 8 * rnd(16));
	e->width = 3;
	e->value = e->off % 256 ? odd_number() : some_slab_word(im);
}

static void edit_client(struct fuzz_edit *e)
{
	static const uint8_t at[] = { 0, 0, 64, 72, 80, 96, 104, 112, 128, 152 };

	e->off = rnd(8) * 256 + PICK(at);
	e->width = 3;
	e->value = e->off % 256 ? odd_number() :
				  client_make((enum client_state)rnd(6),
					      rnd(3) ? 41 : rnd(3));
}

static void edit_ledger(const struct fuzz_image *im, struct fuzz_edit *e)
{
	e->off = (uint32_t)(rnd(8) * im->sb.row_bytes) + some_idx(im) * 2;
	e->width = 1;
	e->value = rnd(3) ? rnd(4) | (rnd(2) ? CELL_OWN : 0) : odd_number();
}

/* Superblock: a number, a section or a class, slightly or wildly off. */
static void edit_super(struct fuzz_edit *e)
{
	static const uint16_t at[] = { 8,   12,	 16,  24,  32,	80,  88,
				       96,  104, 120, 124, 128, 132, 136,
				       140, 144, 148, 152, 160, 168, 172 };

	e->width = 2 + rnd(2) % 2;
	switch (rnd(3)) {
	case 0:
		e->off = PICK(at);
		break;
	case 1:
		e->off = 240 + 8 * rnd(2 * SECTION_NR);
		break;
	default:
		e->off = 752 + 4 * rnd(64 * 8);
	}
	e->op = rnd(3) ? FUZZ_SET : FUZZ_ADD;
	e->value = odd_number();
	if (e->op == FUZZ_ADD)
		e->value = (uint64_t)(int64_t)((int)rnd(3) - 1) *
			   (rnd(2) ? 4096 : 1ull << rnd(24));
}

static void edit_new(const struct fuzz_image *im, struct fuzz_edit *e)
{
	static const uint8_t where[] = {
		SECTION_BLOCKS,	 SECTION_BLOCKS,   SECTION_BLOCKS,
		SECTION_BLOCKS,	 SECTION_BUCKETS,  SECTION_BUCKETS,
		SECTION_SLABS,	 SECTION_SLABS,	   SECTION_LEDGER,
		SECTION_CLIENTS, SECTION_SUPER_A,  SECTION_SLAB_MAPS,
		SECTION_HANDS,	 SECTION_ACTIVE,   SECTION_CONTROL,
		SECTION_DATA,	 SECTION_COUNTERS,
	};

	memset(e, 0, sizeof(*e));
	e->section = PICK(where);
	e->width = 3;
	e->value = odd_number();
	switch (e->section) {
	case SECTION_BLOCKS:
		edit_block(im, e);
		break;
	case SECTION_BUCKETS:
		edit_bucket(im, e);
		break;
	case SECTION_SLABS:
		edit_slab(im, e);
		break;
	case SECTION_LEDGER:
		edit_ledger(im, e);
		break;
	case SECTION_CLIENTS:
		edit_client(e);
		break;
	case SECTION_SUPER_A:
		edit_super(e);
		break;
	default:
		e->off = rnd(rnd(2) ? 512 : 1u << 20) & ~7u;
	}
	if (!rnd(8))
		e->op = rnd(FUZZ_OPS);
	if (!rnd(8)) {
		e->repeat = (uint8_t)rnd(256);
		e->width |= rnd(2) ? FUZZ_STRIDE : 0;
	}
}

void fuzz_edit_any(uint64_t *seed, const struct fuzz_image *im,
		   struct fuzz_edit *e)
{
	state = *seed;
	edit_new(im, e);
	*seed = state;
}

/* An edit of a descriptor that would be noticed at once is made good. */
static void add_edit(struct fuzz_input *in, const struct fuzz_image *im)
{
	struct fuzz_edit *e = &in->edit[in->edit_nr];

	if (in->edit_nr >= FUZZ_EDITS)
		return;
	edit_new(im, e);
	in->edit_nr++;
	if (e->section == SECTION_SUPER_A)
		in->flags |= FUZZ_RESEAL | (rnd(2) ? FUZZ_COPIES : 0);
	if (e->section != SECTION_BLOCKS || in->edit_nr >= FUZZ_EDITS ||
	    !rnd(3))
		return;
	if (rnd(2)) { /* a second field of the same block */
		uint32_t block = e->off / 256;

		e = &in->edit[in->edit_nr++];
		memset(e, 0, sizeof(*e));
		e->section = SECTION_BLOCKS;
		edit_block(im, e);
		e->off = block * 256 + e->off % 256;
		return;
	}
	in->edit[in->edit_nr++] = (struct fuzz_edit){
		.section = SECTION_BLOCKS,
		.op = FUZZ_SEAL,
		.off = e->off / 256,
	};
}

static void drop_edit(struct fuzz_input *in)
{
	unsigned at;

	if (!in->edit_nr)
		return;
	at = rnd(in->edit_nr--);
	memmove(&in->edit[at], &in->edit[at + 1],
		(in->edit_nr - at) * sizeof(in->edit[0]));
}

static void tweak_edit(struct fuzz_input *in)
{
	struct fuzz_edit *e;

	if (!in->edit_nr)
		return;
	e = &in->edit[rnd(in->edit_nr)];
	switch (rnd(5)) {
	case 0:
		e->value ^= 1ull << rnd(64);
		break;
	case 1:
		e->value += rnd(9) - 4u;
		break;
	case 2:
		e->value = odd_number();
		break;
	case 3:
		e->off += (rnd(9) - 4) * (rnd(2) ? 8 : 256);
		break;
	default:
		e->op = (uint8_t)rnd(FUZZ_OPS);
	}
}

static void tweak_calls(struct fuzz_input *in)
{
	unsigned at = in->call_nr ? rnd(in->call_nr) : 0;
	struct fuzz_call new = { (uint8_t)rnd(256), (uint8_t)rnd(FUZZ_KEYS),
				 (uint8_t)rnd(256), (uint8_t)rnd(256) };

	switch (rnd(4)) {
	case 0:
		if (!in->call_nr)
			return;
		in->call_nr--;
		memmove(&in->call[at], &in->call[at + 1],
			(in->call_nr - at) * sizeof(in->call[0]));
		return;
	case 1:
		if (in->call_nr)
			in->call[at] = new;
		return;
	default:
		if (in->call_nr < FUZZ_CALLS)
			in->call[in->call_nr++] = new;
	}
}

static void step(struct fuzz_input *in)
{
	switch (rnd(12)) {
	case 0:
		in->base = (uint8_t)rnd(FUZZ_BASES);
		break;
	case 1:
		in->what = (uint8_t)rnd(256);
		break;
	case 2:
		in->flags ^= (uint8_t)(1u << rnd(3));
		break;
	case 3:
		drop_edit(in);
		break;
	case 4:
	case 5:
		tweak_edit(in);
		break;
	case 6:
	case 7:
	case 8:
		tweak_calls(in);
		break;
	default:
		add_edit(in, fuzz_image(in->base));
	}
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max,
			       unsigned seed)
{
	struct fuzz_input in;
	unsigned steps;
	size_t len;

	state = seed;
	if (LLVMFuzzerMutate && !rnd(5)) {
		len = LLVMFuzzerMutate(data, size, max);
		return len;
	}
	fuzz_parse(&in, data, size);
	for (steps = 1 + rnd(5); steps; steps--)
		step(&in);
	len = fuzz_write(&in, data, max);
	return len ? len : size;
}

size_t LLVMFuzzerCustomCrossOver(const uint8_t *a, size_t a_len,
				 const uint8_t *b, size_t b_len, uint8_t *out,
				 size_t max, unsigned seed)
{
	struct fuzz_input x, y;

	state = seed;
	fuzz_parse(&x, a, a_len);
	fuzz_parse(&y, b, b_len);
	for (unsigned i = 0; i < y.edit_nr && x.edit_nr < FUZZ_EDITS; i++)
		if (rnd(2))
			x.edit[x.edit_nr++] = y.edit[i];
	for (unsigned i = 0; i < y.call_nr && x.call_nr < FUZZ_CALLS; i++)
		if (rnd(2))
			x.call[x.call_nr++] = y.call[i];
	return fuzz_write(&x, out, max);
}
