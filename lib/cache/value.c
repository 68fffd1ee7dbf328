// SPDX-License-Identifier: BSD-3-Clause
/* Touching a value's bytes where the memory under them may have failed. */
#include "cache/value.h"

#include "arch/copy.h"
#include "base/err.h"
#include "dev/guard.h"

#include <string.h>

struct access {
	const struct maru_pool *pool;
	uint32_t idx;
	void *buf; /* the caller's; const where it is the source */
	size_t len;
	uint32_t crc;
};

static unsigned char *data(const struct access *a)
{
	return slab_data(&a->pool->slab, a->idx);
}

static void put(void *ctx)
{
	const struct access *a = ctx;

	copy_in(data(a), a->buf, a->len);
}

static void get(void *ctx)
{
	const struct access *a = ctx;

	if (a->len)
		memcpy(a->buf, data(a), a->len);
}

static void crc(void *ctx)
{
	struct access *a = ctx;

	a->crc = hash_crc32c(0, data(a), a->len);
}

static void flush(void *ctx)
{
	const struct access *a = ctx;

	slab_flush(&a->pool->slab, data(a), a->len);
}

static void touch(void *ctx)
{
	const struct access *a = ctx;
	const volatile unsigned char *p = data(a);
	size_t i;

	for (i = 0; i < a->len; i += MEDIA_PAGE)
		(void)p[i];
	if (a->len)
		(void)p[a->len - 1];
}

static int run_guarded(struct access *a, void (*fn)(void *ctx))
{
	const struct media_region *r =
		slab_region(&a->pool->slab, a->idx)->media;
	uint64_t off;

	if (guard_run(&r->map, fn, a, &off))
		return 0;
	if (r->sb.region_no)
		return err_set(
			-EIO,
			"value at address 0x%llx: memory error at byte %llu of region %u",
			(unsigned long long)slab_addr(a->idx),
			(unsigned long long)off, r->sb.region_no);
	return err_set(
		-EIO,
		"value at address 0x%llx: memory error at byte %llu of the pool",
		(unsigned long long)slab_addr(a->idx), (unsigned long long)off);
}

/* Inline, so that without the guard it is no more than the access. */
static inline int run(struct access *a, void (*fn)(void *ctx))
{
	if (unlikely(a->pool->guard))
		return run_guarded(a, fn);
	fn(a);
	return 0;
}

int value_put(const struct maru_pool *p, uint32_t idx, const void *src,
	      size_t len)
{
	struct access a = { p, idx, (void *)(uintptr_t)src, len, 0 };

	return run(&a, put);
}

int value_get(const struct maru_pool *p, uint32_t idx, void *dst, size_t len)
{
	struct access a = { p, idx, dst, len, 0 };

	return run(&a, get);
}

int value_crc(const struct maru_pool *p, uint32_t idx, size_t len,
	      uint32_t *out)
{
	struct access a = { p, idx, NULL, len, 0 };
	int rc = run(&a, crc);

	*out = a.crc;
	return rc;
}

int value_seal(const struct maru_pool *p, uint32_t idx, size_t len)
{
	struct access a = { p, idx, NULL, len, 0 };
	int rc = 0;

	if (p->dir.check_values)
		rc = run(&a, crc);
	/* relaxed: B1 orders it */
	if (!rc && p->dir.check_values)
		a32_store_rlx(&slab_block(&p->slab, idx)->crc_data, a.crc);
	return rc || !p->slab.durable ? rc : run(&a, flush);
}

int value_touch(const struct maru_pool *p, uint32_t idx, size_t len)
{
	struct access a = { p, idx, NULL, len, 0 };

	return run(&a, touch);
}

void value_retire(struct maru_pool *p, uint32_t idx)
{
	if (dir_retire(&p->dir, idx))
		pool_count(p, COUNT_bad, 1);
}
