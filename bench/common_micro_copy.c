/* SPDX-License-Identifier: BSD-3-Clause */
/* Cases to compare with: bare copies into the very same mapping. */
#include "common.h"
#include "common_micro.h"

#include <string.h>
#ifdef __x86_64__
#include <immintrin.h>
#endif

/* Buffers over most of the pool, so that copies go where stores would. */
static void enter_buffers(struct micro_worker *w)
{
	const uint64_t share = w->data_bytes[w->now->pool] / w->now->bytes /
			       atomic_load(&w->shared->workers);
	int err = maru_clear(w->p, NULL);

	while (!err && w->buf_nr < share * 7 / 10 && w->buf_nr < MICRO_SPARE) {
		err = maru_alloc(w->p, w->now->bytes, &w->buf[w->buf_nr]);
		w->buf_nr += err == 0;
	}
	if (err || !w->buf_nr)
		micro_fail(w, "%s: buffer %u: %s", w->now->name, w->buf_nr,
			   bench_why(err));
	w->left = 0;
}

static void leave_buffers(struct micro_worker *w)
{
	while (w->buf_nr > 0) {
		const int err = maru_abort(w->p, &w->buf[--w->buf_nr]);

		if (err)
			micro_fail(w, "maru_abort: %s", bench_why(err));
	}
}

static uint64_t by_memcpy(struct micro_worker *w, uint32_t nr)
{
	const uint64_t start = bench_now();

	while (nr--)
		memcpy(w->buf[w->left++ % w->buf_nr].data, w->value,
		       w->now->bytes);
	return bench_now() - start;
}

#ifdef __x86_64__
static void stream(void *to, const void *from, size_t len)
{
	const __m128i *in = from;
	__m128i *out = to;

	for (size_t i = 0; i < len / sizeof(*in); i += 4) {
		const __m128i a = _mm_load_si128(in + i);
		const __m128i b = _mm_load_si128(in + i + 1);
		const __m128i c = _mm_load_si128(in + i + 2);
		const __m128i d = _mm_load_si128(in + i + 3);

		_mm_stream_si128(out + i, a);
		_mm_stream_si128(out + i + 1, b);
		_mm_stream_si128(out + i + 2, c);
		_mm_stream_si128(out + i + 3, d);
	}
	_mm_sfence();
}

static uint64_t by_stream(struct micro_worker *w, uint32_t nr)
{
	const uint64_t start = bench_now();

	while (nr--)
		stream(w->buf[w->left++ % w->buf_nr].data, w->value,
		       w->now->bytes);
	return bench_now() - start;
}
#endif

#define COPY(name_, pool_, group_, bytes_, run_, about_)                       \
	{                                                                      \
		.name = name_, .about = about_, .pool = pool_,                 \
		.group = group_, .keys = 1, .bytes = bytes_,                   \
		.workers = MICRO_WORKERS, .enter = enter_buffers, .run = run_, \
		.leave = leave_buffers                                         \
	}

const struct micro_case micro_copy_cases[] = {
	COPY("memcpy_64k", POOL_64K, 8, 65536, by_memcpy, "memcpy() alone"),
	COPY("memcpy_1m", POOL_1M, 1, 1048576, by_memcpy, "memcpy() alone"),
#ifdef __x86_64__
	COPY("stream_64k", POOL_64K, 8, 65536, by_stream,
	     "non-temporal stores alone"),
	COPY("stream_1m", POOL_1M, 1, 1048576, by_stream,
	     "non-temporal stores alone"),
#endif
	{ 0 },
};
