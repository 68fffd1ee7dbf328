// SPDX-License-Identifier: BSD-3-Clause
/*
 * What reaches the medium, and when.
 *
 *  PAGE  the page cache keeps what a dead process stored: nothing to flush;
 *	  only dev_sync() goes to the disk
 *  LINE  flush each line, then drain
 *  BYTE  power loss flushes the caches: drain only
 */
#include "dev/dev.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/bits.h"
#include "base/err.h"

void dev_flush(const struct dev_map *map, const void *p, size_t len)
{
	if (map->flush)
		map->flush(p, len);
}

void dev_drain(const struct dev_map *map)
{
	if (map->drain)
		map->drain();
}

/* libpmem2 would abort() where the disk fails, so msync() is ours. */
static int sync_pages(const struct dev_map *map, uint64_t off, uint64_t len)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	uint64_t from = bits_round_down(off, page);

	if (msync(map->base + from, off + len - from, MS_SYNC))
		return err_sys("cannot write %llu bytes from %llu back",
			       (unsigned long long)len,
			       (unsigned long long)off);
	return 0;
}

int dev_sync(const struct dev_map *map, uint64_t off, uint64_t len)
{
	if (off > map->len || len > map->len - off)
		return err_set(-EINVAL, "sync beyond the mapping");
	if (!map->writable || !len)
		return 0;
	if (map->granularity == DEV_PAGE)
		return sync_pages(map, off, len);
	map->persist(map->base + off, len);
	return 0;
}
