/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Values that prove themselves.
 *
 * Word i is mix(seed + i * STEP), a bijection of the counter, so no word
 * comes twice in a value.  Adds, shifts and xors only: any vector unit does
 * them as fast as memory delivers, which a multiplication would not allow.
 */
#include "common_value.h"

#include <string.h>

#define STEP 0x9e3779b97f4a7c15u
#define MIX(x) ((x) ^ ((x) >> 31))

/* What every vector unit has; four at a time keep it busy. */
typedef uint64_t pair __attribute__((vector_size(16)));

struct step {
	pair p[4];
};

static void step_start(struct step *s, uint64_t seed)
{
	for (unsigned i = 0; i < 4; i++)
		s->p[i] = (pair){ seed + 2 * i * STEP,
				  seed + (2 * i + 1) * STEP };
}

/* The word at @off; the last one may be cut short by the value's end. */
static uint64_t word_at(uint64_t seed, size_t off)
{
	return MIX(seed + off / 8 * STEP);
}

/* @len is a multiple of the step, here and in diff(). */
static void fill(unsigned char *out, size_t len, uint64_t seed)
{
	struct step s;

	step_start(&s, seed);
	for (size_t off = 0; off < len; off += sizeof(s)) {
		for (unsigned i = 0; i < 4; i++) {
			const pair word = MIX(s.p[i]);

			memcpy(out + off + 16 * i, &word, sizeof(word));
			s.p[i] += 8 * STEP;
		}
	}
}

void value_fill(void *data, size_t len, uint64_t seed)
{
	const size_t whole = len - len % sizeof(struct step);
	unsigned char *out = data;

	fill(out, whole, seed);
	for (size_t off = whole; off < len; off += 8) {
		const uint64_t word = word_at(seed, off);

		memcpy(out + off, &word, len - off < 8 ? len - off : 8);
	}
}

/* From @off on, word by word: the slow way, that knows where. */
static int find_fault(const unsigned char *in, size_t len, uint64_t seed,
		      struct value_fault *fault)
{
	for (size_t off = fault->off; off < len; off += 8) {
		uint64_t expected = word_at(seed, off), found = expected;

		memcpy(&found, in + off, len - off < 8 ? len - off : 8);
		if (found == expected)
			continue;
		*fault = (struct value_fault){ off, expected, found };
		return 1;
	}
	return 0;
}

/* Nonzero if any bit differs. */
static uint64_t diff(const unsigned char *in, size_t len, uint64_t seed)
{
	pair bad[4] = { { 0 } };
	struct step s;

	step_start(&s, seed);
	for (size_t off = 0; off < len; off += sizeof(s)) {
		for (unsigned i = 0; i < 4; i++) {
			pair word;

			memcpy(&word, in + off + 16 * i, sizeof(word));
			bad[i] |= word ^ MIX(s.p[i]);
			s.p[i] += 8 * STEP;
		}
	}
	bad[0] |= bad[1] | bad[2] | bad[3];
	return bad[0][0] | bad[0][1];
}

int value_check(const void *data, size_t len, uint64_t seed,
		struct value_fault *fault)
{
	const size_t whole = len - len % sizeof(struct step);
	const int bad = diff(data, whole, seed) != 0;

	*fault = (struct value_fault){ .off = bad ? 0 : whole };
	/* A fault that a second look does not find is one all the same. */
	return find_fault(data, len, seed, fault) | bad;
}
