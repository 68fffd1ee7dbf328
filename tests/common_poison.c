// SPDX-License-Identifier: BSD-3-Clause
/* Pages that fail, and their healing. */
#include "common_poison.h"
#include "common.h"

#include "cache/pool.h"

#include <sys/mman.h>
#include <unistd.h>

static unsigned char *page_of(const void *at)
{
	return (unsigned char *)((uintptr_t)at & ~(uintptr_t)(POISON_PAGE - 1));
}

void poison_range(const void *at, size_t len)
{
	int fd = memfd_create("empty", MFD_CLOEXEC);
	void *page = page_of(at);

	ck_assert_int_ge(fd, 0);
	ck_assert_ptr_eq(mmap(page, len, PROT_READ | PROT_WRITE,
			      MAP_SHARED | MAP_FIXED, fd, 0),
			 page);
	close(fd);
}

void poison_page(const void *at)
{
	poison_range(at, POISON_PAGE);
}

void poison_heal(struct maru_pool *pool, const void *at, size_t len)
{
	const struct media_region *r = media_region(&pool->media, 0);
	unsigned char *page = page_of(at);
	int prot = PROT_READ | (pool->rdonly ? 0 : PROT_WRITE);

	ck_assert_ptr_eq(mmap(page, len, prot, MAP_SHARED | MAP_FIXED,
			      r->dev->fd, page - r->map.base),
			 page);
	/* as dev_map() has it */
	ck_assert_int_eq(madvise(page, len, MADV_DONTFORK), 0);
}
