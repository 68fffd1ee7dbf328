// SPDX-License-Identifier: BSD-3-Clause
/* Recovery points around whole verbs, and what is left to do when struck. */
#include "cache/guarded.h"

#include "base/err.h"
#include "cache/open.h"

#include <pthread.h>

static const char *section_of(const struct media_region *r, uint64_t off)
{
	unsigned i;

	for (i = 0; i < SECTION_NR; i++)
		if (off - r->sb.section[i].off < r->sb.section[i].len)
			return media_section_name(i);
	return "none";
}

static const struct media_region *region_of(const struct maru_pool *p,
					    const struct dev_map *map)
{
	const struct media_region *r = NULL;
	uint32_t i;

	for (i = 0; i < p->media.region_nr; i++) {
		r = media_region(&p->media, i);
		if (r && &r->map == map)
			return r;
	}
	return media_region(&p->media, 0);
}

int guarded_error(const struct maru_pool *p, const struct guard *g)
{
	const struct media_region *r = region_of(p, g->struck);
	unsigned long long off = g->off;

	if (!r->sb.region_no)
		return err_set(
			-EIO,
			"%s: memory error at byte %llu of the pool, in its %s",
			r->dev->name, off, section_of(r, off));
	return err_set(-EIO,
		       "%s: memory error at byte %llu of region %u, in its %s",
		       r->dev->name, off, r->sb.region_no, section_of(r, off));
}

static int struck(struct maru_pool *p, const struct guard *g)
{
	/* also of one that has no slot yet: who opens, or repairs, reaps */
	client_struck(&p->client);
	if (p->client.self != CLIENT_NONE)
		/* relaxed: as in pool_enter_guarded() */
		a32_store_rlx(&p->struck, 1);
	return guarded_error(p, g);
}

/* Not to be cancelled on the way, and so wherever it is led back from. */
static int begin(struct maru_pool *p, struct guard *g)
{
	int cancel;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
	guard_enter_all(g, p->media.map, p->media.map_nr);
	return cancel;
}

static int end(struct guard *g, int cancel, int rc)
{
	guard_leave(g);
	pthread_setcancelstate(cancel, NULL);
	return rc;
}

#define GUARDED(pool, call)                                   \
	do {                                                  \
		volatile int cancel = PTHREAD_CANCEL_ENABLE;  \
		struct guard g;                               \
                                                              \
		if (GUARD_CATCH(&g)) {                        \
			pthread_setcancelstate(cancel, NULL); \
			return struck(pool, &g);              \
		}                                             \
		cancel = begin(pool, &g);                     \
		return end(&g, cancel, call);                 \
	} while (0)

#define POOL_VERB(verb, params, args)            \
	int guarded_##verb params                \
	{                                        \
		GUARDED(pool, maru_##verb args); \
	}
POOL_VERBS(POOL_VERB)

int guarded_enter(struct maru_pool *p, const struct maru_open_opts *o,
		  int (*enter)(struct maru_pool *p,
			       const struct maru_open_opts *o))
{
	GUARDED(p, enter(p, o));
}

int guarded_leave(struct maru_pool *p, unsigned flags,
		  int (*leave)(struct maru_pool *p, unsigned flags))
{
	GUARDED(p, leave(p, flags));
}

int guarded_fsck(struct maru_pool *p, const struct maru_fsck_opts *o,
		 struct maru_fsck_result *res)
{
	GUARDED(p, pool_fsck(p, o, res));
}
