/* SPDX-License-Identifier: BSD-3-Clause */
/* Small arithmetic that every room needs. */
#ifndef BASE_BITS_H
#define BASE_BITS_H

#include <stddef.h>
#include <stdint.h>

#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

/* A power of two, @a, is what the rounding and the test are for. */
static inline uint64_t bits_round_up(uint64_t v, uint64_t a)
{
	return (v + a - 1) & ~(a - 1);
}

static inline uint64_t bits_round_down(uint64_t v, uint64_t a)
{
	return v & ~(a - 1);
}

static inline int bits_is_pow2(uint64_t v)
{
	return v && !(v & (v - 1));
}

static inline uint64_t bits_div_up(uint64_t v, uint64_t d)
{
	return v / d + !!(v % d);
}

/* Exponent of the largest power of two that is not above @v; @v is not 0. */
static inline unsigned bits_log2(uint64_t v)
{
	return 63u - (unsigned)__builtin_clzll(v);
}

static inline uint64_t bits_min(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static inline uint64_t bits_max(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

#endif
