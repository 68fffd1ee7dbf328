// SPDX-License-Identifier: BSD-3-Clause
/* Faulting a mapping in ahead of use, so that no call has to wait for it. */
#include "dev/dev.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "arch/atomic.h"
#include "base/bits.h"
#include "base/err.h"

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#define MADV_POPULATE_WRITE 23
#endif

#define TRIES 100 /* interrupted by signals, or short of memory for a while */

static int advise(void *at, uint64_t len, int advice)
{
	int tries = 0, rc;

	do
		rc = madvise(at, len, advice);
	while (rc && (errno == EINTR || errno == EAGAIN) && ++tries < TRIES);
	return rc;
}

/* Adding nothing is a write that no other client's store is lost by. */
static void touch(const struct dev_map *map, uint64_t from, uint64_t to)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);

	for (; from < to; from += page) {
		a64 *p = (a64 *)(void *)(map->base + from);

		/* relaxed: the page fault is all that is wanted */
		if (map->writable)
			a64_add_rlx(p, 0);
		else
			(void)a64_load_rlx(p);
	}
}

static const char *reason(int err)
{
	switch (err) {
	case EHWPOISON:
		return "memory has failed there; maru-fsck takes its blocks "
		       "out of use, and who reads needs MARU_OPEN_GUARD";
	case EFAULT:
		return "no memory is to be had there: the file system is "
		       "full, the file was cut short, or the device has gone";
	case ENOMEM:
		return "the system has no memory left for it";
	default:
		return NULL;
	}
}

static int explain(uint64_t off, uint64_t len, int err)
{
	const char *why = reason(err);

	if (!why)
		return err_sys("cannot prefault %llu bytes from %llu",
			       (unsigned long long)len,
			       (unsigned long long)off);
	return err_set(-err, "cannot prefault %llu bytes from %llu: %s",
		       (unsigned long long)len, (unsigned long long)off, why);
}

int dev_prefault(struct dev_map *map, uint64_t off, uint64_t len)
{
	int advice = map->writable ? MADV_POPULATE_WRITE : MADV_POPULATE_READ;
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	uint64_t from = bits_round_down(off, page);

	if (off > map->len || len > map->len - off)
		return err_set(-EINVAL, "prefault beyond the mapping");
	if (!len || !advise(map->base + from, off + len - from, advice))
		return 0;
	if (errno != EINVAL)
		return explain(off, len, errno);
	touch(map, from, off + len); /* before Linux 5.14 */
	return 0;
}
