// SPDX-License-Identifier: BSD-3-Clause
/* Where a region's pages are. */
#include "cache/pool.h"

#include "base/err.h"
#include "cache/guarded.h"
#include "dev/place.h"

#include <maru/device.h>
#include <string.h>

static_assert(MARU_NODES_MAX == PLACE_NODES, "nodes are counted alike");

static void fill(const struct media_region *r, struct maru_placement *out)
{
	struct place p;

	place_map(r->dev, &r->map, &p);
	out->numa_node = r->dev->numa_node;
	out->page_bytes = p.page_bytes;
	out->huge_bytes = p.huge_bytes;
	out->asked = p.asked;
	out->absent = p.absent;
	out->untold = p.untold;
	memcpy(out->node, p.node, sizeof(out->node));
}

int maru_placement(struct maru_pool *pool, uint32_t region,
		   struct maru_placement *out)
{
	struct maru_placement p = { 0 };
	const struct media_region *r;
	int rc = pool_enter(pool);
	size_t size;

	if (unlikely(rc == POOL_GUARDED))
		return guarded_placement(pool, region, out);
	if (rc)
		return rc;
	if (!out || out->size < sizeof(size_t) || out->size > 65536)
		return err_set(-EINVAL,
			       "size: set it to sizeof(struct maru_placement)");
	r = media_region(&pool->media, region);
	if (!r)
		return -ENOENT;
	size = out->size;
	fill(r, &p);
	p.size = size;
	memset(out, 0, size);
	memcpy(out, &p, bits_min(size, sizeof(p)));
	return 0;
}
