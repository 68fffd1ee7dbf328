// SPDX-License-Identifier: BSD-3-Clause
/* Non-temporal stores, the widest that this processor has. */
#include "arch/stream.h"

#include <immintrin.h>
#include <stdint.h>
#include <string.h>

#include "arch/copy.h"
#include "base/bits.h"

#define LINE 64u

/* Each copies @nr lines to an aligned destination. */
#define STREAM(NAME, ISA, VEC, LOAD, STORE)                                   \
	__attribute__((target(ISA))) static void NAME(                        \
		unsigned char *dst, const unsigned char *src, size_t nr)      \
	{                                                                     \
		const size_t per = LINE / sizeof(VEC);                        \
                                                                              \
		for (; nr; nr--, dst += LINE, src += LINE)                    \
			for (size_t i = 0; i < per; i++)                      \
				STORE((void *)(dst + i * sizeof(VEC)),        \
				      LOAD((const void *)(src +               \
							  i * sizeof(VEC)))); \
	}

STREAM(lines_sse2, "sse2", __m128i, _mm_loadu_si128, _mm_stream_si128)
STREAM(lines_avx, "avx", __m256i, _mm256_loadu_si256, _mm256_stream_si256)
STREAM(lines_avx512, "avx512f", __m512i, _mm512_loadu_si512,
       _mm512_stream_si512)

static void copy_lines(unsigned char *dst, const unsigned char *src, size_t nr)
{
	if (__builtin_cpu_supports("avx512f"))
		lines_avx512(dst, src, nr);
	else if (__builtin_cpu_supports("avx"))
		lines_avx(dst, src, nr);
	else
		lines_sse2(dst, src, nr);
}

void copy_stream(void *dst, const void *src, size_t len)
{
	unsigned char *d = dst;
	const unsigned char *s = src;
	size_t head = -(uintptr_t)d & (LINE - 1);
	size_t body;

#ifdef __SANITIZE_THREAD__
	/* It sees no streaming store; it shall see who writes values. */
	memcpy(dst, src, len);
	return;
#endif
	head = bits_min(head, len);
	memcpy(d, s, head);
	body = (len - head) / LINE;
	copy_lines(d + head, s + head, body);
	head += body * LINE;
	memcpy(d + head, s + head, len - head);
	copy_fence();
}

void copy_fence(void)
{
	_mm_sfence();
}
