// SPDX-License-Identifier: BSD-3-Clause
/* Mapping a region and forgetting it. */
#include "media/media.h"

#include "base/bits.h"
#include "base/err.h"

#include <stdlib.h>
#include <string.h>
#include <urcu-bp.h>

int media_map(struct media *m, struct dev *dev, uint64_t window,
	      const struct media_super *sb)
{
	struct media_region *r = calloc(1, sizeof(*r));
	int rc;

	if (!r)
		return err_set(-ENOMEM, "%s: out of memory", dev->name);
	r->sb = *sb;
	r->window = window;
	r->lock.fd = -1;
	/* at another host's crash no battery writes back what was in caches */
	dev->eadr = dev->eadr && !sb->share;
	rc = dev_map(dev, window, sb->region_bytes, &r->map);
	if (rc) {
		free(r);
		return rc;
	}
	r->dev = dev;
	m->map[m->map_nr++] = &r->map;
	m->region_nr = (uint32_t)bits_max(sb->region_nr, 1);
	/* a host may be lost with what its caches held, so in order as well */
	m->durable = sb->create_flags & 0x02 || sb->share;
	/* M1 release, pairs with media_region() */
	rcu_set_pointer(&m->region[sb->region_no], r);
	return 0;
}

struct media_region *media_region(const struct media *m, uint32_t no)
{
	/* M1 acquire, pairs with media_map() */
	return no < MEDIA_REGION_MAX ? rcu_dereference(m->region[no]) : NULL;
}

void media_unmap(struct media *m, bool abandon)
{
	unsigned i;

	m->map_nr = 0;
	for (i = 0; i < MEDIA_REGION_MAX; i++) {
		/* no pair: the grace period below is the order */
		struct media_region *r = rcu_xchg_pointer(&m->region[i], NULL);

		if (!r)
			continue;
		synchronize_rcu();
		dev_unmap(&r->map);
		if (r->lock.fd >= 0)
			dev_lock_close(&r->lock);
		if (abandon)
			dev_abandon(r->dev);
		else
			dev_close(r->dev);
		free(r);
	}
}

int media_sync(const struct media *m)
{
	uint32_t i;
	int rc = 0;

	for (i = 0; i < m->region_nr && !rc; i++) {
		const struct media_region *r = media_region(m, i);

		if (r)
			rc = dev_sync(&r->map, 0,
				      r->map.granularity == DEV_PAGE ?
					      r->map.len :
					      r->sb.section[SECTION_DATA].off);
	}
	return rc;
}

void media_zero(struct media_region *r, bool known_zero)
{
	uint64_t head = r->sb.section[SECTION_DATA].off;

	if (!known_zero)
		memset(r->map.base, 0, head);
}
