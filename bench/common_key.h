/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Content-addressed keys: a tag for the model and the 16-byte hash of a
 * prompt up to and including a block, chained from block to block.
 */
#ifndef BENCH_COMMON_KEY_H
#define BENCH_COMMON_KEY_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define KEY_TAG_LEN 24
#define KEY_LEN (KEY_TAG_LEN + 16)

struct key_hash {
	uint64_t a, b;
};

static inline uint64_t key_mix(uint64_t x)
{
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
	return x ^ (x >> 31);
}

/** key_chain() - the hash of the prompt @h extended by block @id */
static inline struct key_hash key_chain(struct key_hash h, uint64_t id)
{
	const uint64_t a = key_mix(h.a + id * 0x9e3779b97f4a7c15u + 1);

	return (struct key_hash){ a, key_mix(h.b ^ id ^ (a << 17 | a >> 47)) };
}

/** key_put() - write the KEY_LEN bytes of a key */
static inline void key_put(unsigned char *out, const char *tag,
			   struct key_hash h)
{
	memcpy(out, tag, KEY_TAG_LEN);
	memcpy(out + KEY_TAG_LEN, &h, sizeof(h));
}

/** key_seed() - what the value under this key is made from */
static inline uint64_t key_seed(struct key_hash h)
{
	return h.a ^ (h.b << 1);
}

/** key_hex() - a hash for people */
static inline void key_hex(char out[33], struct key_hash h)
{
	unsigned char raw[16];

	memcpy(raw, &h, sizeof(raw));
	for (unsigned i = 0; i < 16; i++) {
		out[2 * i] = "0123456789abcdef"[raw[i] >> 4];
		out[2 * i + 1] = "0123456789abcdef"[raw[i] & 15];
	}
	out[32] = '\0';
}

#endif
