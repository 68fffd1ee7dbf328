/* SPDX-License-Identifier: BSD-3-Clause */
/* Key hashes and checksums, from libraries: xxHash, libsodium, ISA-L. */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

enum hash_alg {
	HASH_XXH3 = 1,	  /* XXH3-128, seeded: fast, keys of trusted writers */
	HASH_SIPHASH = 2, /* SipHash-2-4-128, keyed: keys of anybody */
};

struct hash128 {
	uint64_t h0, h1;
};

/** hash_key() - 128-bit keyed hash of @len bytes. */
struct hash128 hash_key(enum hash_alg alg, const uint64_t secret[2],
			const void *data, size_t len);

/** hash_crc32c() - CRC-32C of @len bytes, continuing from @crc (0 to start). */
uint32_t hash_crc32c(uint32_t crc, const void *data, size_t len);

/** hash_random() - @len bytes from the kernel; 0 or -errno. */
int hash_random(void *buf, size_t len);

#endif
