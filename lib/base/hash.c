// SPDX-License-Identifier: BSD-3-Clause
/* Key hashes and checksums, from libraries: xxHash, libsodium, ISA-L. */
#include "base/hash.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/random.h>

#include <isa-l/crc.h>
#include <sodium/crypto_shorthash_siphash24.h>

/* Short keys cost more in the call than in the hash. */
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/bits.h"
#include "base/err.h"

static struct hash128 xxh3(const uint64_t secret[2], const void *data,
			   size_t len)
{
	uint64_t turned = secret[1] << 32 | secret[1] >> 32;
	XXH128_hash_t h;

	h = XXH3_128bits_withSeed(data, len, secret[0] ^ turned);
	return (struct hash128){ .h0 = h.low64, .h1 = h.high64 };
}

static struct hash128 siphash(const uint64_t secret[2], const void *data,
			      size_t len)
{
	unsigned char key[crypto_shorthash_siphashx24_KEYBYTES];
	struct hash128 h;

	memcpy(key, secret, sizeof(key));
	crypto_shorthash_siphashx24((unsigned char *)&h, data, len, key);
	return h;
}

struct hash128 hash_key(enum hash_alg alg, const uint64_t secret[2],
			const void *data, size_t len)
{
	if (likely(alg == HASH_XXH3))
		return xxh3(secret, data, len);
	return siphash(secret, data, len);
}

/* ISA-L inverts neither before nor after, and its length is an int. */
uint32_t hash_crc32c(uint32_t crc, const void *data, size_t len)
{
	unsigned char *p = (unsigned char *)(uintptr_t)data;
	const size_t most = INT_MAX & ~63;

	crc = ~crc;
	for (; len > most; len -= most, p += most)
		crc = crc32_iscsi(p, (int)most, crc);
	return ~crc32_iscsi(p, (int)len, crc);
}

int hash_random(void *buf, size_t len)
{
	unsigned char *p = buf;
	int interrupts = 0;
	ssize_t n;

	while (len) {
		n = getrandom(p, len, 0);
		if (n > 0) {
			p += n;
			len -= (size_t)n;
		} else if (n == 0 || errno != EINTR || ++interrupts > 100) {
			return err_sys("no random bytes from the kernel");
		}
	}
	return 0;
}
