// SPDX-License-Identifier: BSD-3-Clause
/* Mapping a window of a device; libpmem2 says how to make it durable. */
#include "dev/backend.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <libpmem2.h>

#include "base/bits.h"
#include "base/err.h"

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#define MADV_POPULATE_WRITE 23
#endif

#define HUGE_PAGE (2ull << 20)

/* Its own codes begin where no errno is. */
static int pmem2_fail(const struct dev *dev, int rc)
{
	return err_set(rc > PMEM2_E_UNKNOWN ? rc : -EINVAL,
		       "%s: cannot be mapped: %s", dev->name, pmem2_errormsg());
}

/* msync() is for dev_sync(), which can tell of a failure. */
static void persist_page(const void *p, size_t len)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	uintptr_t from = bits_round_down((uintptr_t)p, page);
	int err = errno;

	if (msync((void *)from, (uintptr_t)p + len - from, MS_SYNC))
		errno = err;
}

/* The functions that libpmem2 chose for @pm; PAGE wants none. */
static void set_functions(struct dev_map *map, struct pmem2_map *pm)
{
	if (map->granularity == DEV_PAGE) {
		map->persist = persist_page;
		return;
	}
	map->persist = pmem2_get_persist_fn(pm);
	map->drain = pmem2_get_drain_fn(pm);
	if (map->granularity == DEV_LINE)
		map->flush = pmem2_get_flush_fn(pm);
}

static enum dev_granularity granularity_of(struct pmem2_map *pm)
{
	switch (pmem2_map_get_store_granularity(pm)) {
	case PMEM2_GRANULARITY_BYTE:
		return DEV_BYTE;
	case PMEM2_GRANULARITY_CACHE_LINE:
		return DEV_LINE;
	default:
		return DEV_PAGE;
	}
}

static int configure(struct pmem2_config *cfg, const struct dev *dev,
		     uint64_t off, uint64_t len)
{
	unsigned prot = PMEM2_PROT_READ;
	int rc;

	if (dev->writable)
		prot |= PMEM2_PROT_WRITE;
	rc = pmem2_config_set_required_store_granularity(
		cfg, PMEM2_GRANULARITY_PAGE);
	if (!rc)
		rc = pmem2_config_set_offset(cfg, off);
	if (!rc)
		rc = pmem2_config_set_length(cfg, len);
	if (!rc)
		rc = pmem2_config_set_protection(cfg, prot);
	return rc;
}

/*
 * What libpmem2 makes of a file: asked with a first, passing map.  The lasting
 * one is our own mmap(), since libpmem2 keeps a list of its maps by address,
 * and a forked child, whose addresses those are no more, would inherit it.
 */
static int ask_pmem2(struct dev *dev, uint64_t off,
		     enum dev_granularity *granularity)
{
	struct pmem2_source *src = NULL;
	struct pmem2_config *cfg = NULL;
	struct pmem2_map *pm;
	int rc;

	rc = pmem2_source_from_fd(&src, dev->fd);
	if (!rc)
		rc = pmem2_config_new(&cfg);
	if (!rc)
		rc = configure(cfg, dev, off, dev->align);
	if (!rc)
		rc = pmem2_map_new(&pm, cfg, src);
	if (!rc) {
		*granularity = granularity_of(pm);
		pmem2_map_delete(&pm);
	} else {
		rc = pmem2_fail(dev, rc);
	}
	if (cfg)
		pmem2_config_delete(&cfg);
	if (src)
		pmem2_source_delete(&src);
	return rc;
}

int dev_map_pmem2(struct dev *dev, uint64_t off, uint64_t len,
		  struct dev_map *map)
{
	enum dev_granularity granularity = DEV_PAGE;
	int rc = ask_pmem2(dev, off, &granularity);

	return rc ? rc : dev_map_own(dev, off, len, granularity, map);
}

/* A range of addresses that is aligned, at the price of trimming it. */
static void *reserve(uint64_t len, uint64_t align)
{
	unsigned char *p, *base;
	uint64_t head;

	p = mmap(NULL, len + align, PROT_NONE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (p == MAP_FAILED)
		return NULL;
	base = (unsigned char *)bits_round_up((uintptr_t)p, align);
	head = (uint64_t)(base - p);
	if (head)
		munmap(p, head);
	if (align - head)
		munmap(base + len, align - head);
	return base;
}

/* A file that is flushed from user space needs its extents to be on media. */
static int share_flags(const struct dev *dev, enum dev_granularity granularity)
{
	return dev->kind != DEV_DAX && granularity != DEV_PAGE ?
		       MAP_SHARED_VALIDATE | MAP_SYNC :
		       MAP_SHARED;
}

static void *map_fixed(struct dev *dev, uint64_t off, uint64_t len, int flags)
{
	int prot = PROT_READ | (dev->writable ? PROT_WRITE : 0);
	void *p, *base;

	base = reserve(len, bits_max(dev->align, HUGE_PAGE));
	if (!base)
		return NULL;
	p = mmap(base, len, prot, flags | MAP_FIXED, dev->fd, (off_t)off);
	if (p == MAP_FAILED && (flags & MAP_SYNC) && errno == EOPNOTSUPP)
		/* its granularity was set by hand, in the environment */
		p = mmap(base, len, prot, MAP_SHARED | MAP_FIXED, dev->fd,
			 (off_t)off);
	if (p == MAP_FAILED) {
		int err = errno;

		munmap(base, len);
		errno = err;
		return NULL;
	}
	return p;
}

/*
 * libpmem2 on memory that is mapped already.  One page for each granularity,
 * kept for good: pmem2_map_delete() of such a map leaks (1.12 does), and the
 * functions are the same for every map.
 */
static struct {
	pthread_once_t once;
	int rc;
	struct pmem2_map *pm[2]; /* DEV_BYTE, DEV_LINE */
} existing = { .once = PTHREAD_ONCE_INIT };

static int adopt_page(struct pmem2_map **pm, enum pmem2_granularity g)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	struct pmem2_source *src;
	void *p;
	int rc;

	p = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		 -1, 0);
	if (p == MAP_FAILED)
		return -errno;
	rc = pmem2_source_from_anon(&src, page);
	if (!rc) {
		rc = pmem2_map_from_existing(pm, src, p, page, g);
		pmem2_source_delete(&src);
	}
	if (rc)
		munmap(p, page);
	return rc;
}

static void adopt(void)
{
	existing.rc =
		adopt_page(&existing.pm[DEV_BYTE], PMEM2_GRANULARITY_BYTE);
	if (!existing.rc)
		existing.rc = adopt_page(&existing.pm[DEV_LINE],
					 PMEM2_GRANULARITY_CACHE_LINE);
}

int dev_map_own(struct dev *dev, uint64_t off, uint64_t len,
		enum dev_granularity granularity, struct dev_map *map)
{
	pthread_once(&existing.once, adopt);
	if (existing.rc)
		return pmem2_fail(dev, existing.rc);
	map->base = map_fixed(dev, off, len, share_flags(dev, granularity));
	if (!map->base)
		return err_sys("%s: cannot map %llu bytes from %llu", dev->name,
			       (unsigned long long)len,
			       (unsigned long long)off);
	map->granularity = granularity;
	set_functions(map, granularity == DEV_PAGE ? NULL :
						     existing.pm[granularity]);
	return 0;
}

int dev_map_check(struct dev *dev, uint64_t off, uint64_t len)
{
	if (!len || off % dev->align || len % dev->align)
		return err_set(-EINVAL,
			       "%s: offset %llu and length %llu must be "
			       "multiples of %llu, and the length not 0",
			       dev->name, (unsigned long long)off,
			       (unsigned long long)len,
			       (unsigned long long)dev->align);
	if (off > INT64_MAX || len > INT64_MAX - off)
		return err_set(-ENOSPC, "%s: no device is that large",
			       dev->name);
	return dev_ops(dev)->check_end(dev, off + len);
}

int dev_map(struct dev *dev, uint64_t off, uint64_t len, struct dev_map *map)
{
	int rc;

	memset(map, 0, sizeof(*map));
	rc = dev_map_check(dev, off, len);
	if (!rc)
		rc = dev_ops(dev)->map(dev, off, len, map);
	if (rc)
		return rc;
	map->len = len;
	map->writable = dev->writable;
	map->forks = dev_forks();
	/* A child must not write as the client that its parent is; and a core
	 * file is no place for a pool (best effort). */
	if (madvise(map->base, len, MADV_DONTFORK)) {
		rc = err_sys("%s: MADV_DONTFORK", dev->name);
		dev_unmap(map);
		return rc;
	}
	madvise(map->base, len, MADV_DONTDUMP);
	return 0;
}

void dev_unmap(struct dev_map *map)
{
	bool ours = map->base && map->forks == dev_forks();

	/* A child did not inherit it: something else may be at its place. */
	if (ours)
		munmap(map->base, map->len);
	memset(map, 0, sizeof(*map));
}

int dev_prefault(struct dev_map *map, uint64_t off, uint64_t len)
{
	int advice = map->writable ? MADV_POPULATE_WRITE : MADV_POPULATE_READ;
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	uint64_t from = bits_round_down(off, page);
	int tries = 0, rc;

	if (off > map->len || len > map->len - off)
		return err_set(-EINVAL, "prefault beyond the mapping");
	if (!len)
		return 0;
	do
		rc = madvise(map->base + from, off + len - from, advice);
	while (rc && (errno == EINTR || errno == EAGAIN) && ++tries < 100);
	return rc ? err_sys("cannot prefault %llu bytes from %llu",
			    (unsigned long long)len, (unsigned long long)off) :
		    0;
}
