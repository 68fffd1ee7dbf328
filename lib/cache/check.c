// SPDX-License-Identifier: BSD-3-Clause
/* Looking for broken invariants, alone or while others are at work. */
#include "cache/check.h"

#include "base/err.h"
#include "cache/guarded.h"
#include "client/check.h"
#include "dev/guard.h"
#include "dir/check.h"
#include "media/check.h"
#include "slab/check.h"

#include <stdlib.h>
#include <time.h>

/* What persists that often, a while apart each time, is not on its way. */
#define LOOKS 4
#define PAUSE_NS 5000000

void check_all(struct maru_pool *p, struct fault_sink *sink)
{
	media_check(&p->media, sink);
	slab_check(&p->slab, sink);
	dir_check(&p->dir, sink);
	client_check(&p->client, sink);
}

bool check_others(struct maru_pool *p)
{
	struct client *c = &p->client;
	uint32_t slot;

	for (slot = 0; slot < c->slot_nr; slot++) {
		uint64_t w = client_word(c, slot);

		/* who waits is surely dead; a state that is none is nobody's,
		 * and told as a fault */
		if (slot == c->self || client_state(w) == CLIENT_FREE ||
		    client_state(w) > CLIENT_DEAD)
			continue;
		if (c->lock.fd < 0 || client_alive(c, slot))
			return true;
	}
	return false;
}

static void look(struct maru_pool *p, struct fault_sink *sink,
		 check_more_fn more)
{
	check_all(p, sink);
	if (more)
		more(p, sink);
}

/* Look on until nothing is left that was not there every time. */
static void confirm(struct maru_pool *p, struct fault_list *seen,
		    struct fault_list *again, check_more_fn more)
{
	const struct timespec pause = { 0, PAUSE_NS };
	int looks;

	for (looks = 1; looks < LOOKS && seen->nr; looks++) {
		struct fault_sink sink = { .list = again, .live = true };

		again->nr = 0;
		clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, NULL);
		look(p, &sink, more);
		fault_confirm(seen, again);
	}
}

struct looking {
	struct maru_pool *pool;
	struct fault_sink *sink;
	struct fault_list *list; /* two of them */
	check_more_fn more;
};

static void look_well(const struct looking *l)
{
	struct maru_pool *p = l->pool;
	uint64_t state = media_state(&p->media);

	look(p, l->sink, l->more);
	/* who comes says so in the state before he does anything */
	if (!l->sink->live && media_state(&p->media) != state) {
		l->sink->live = true;
		l->list[0].nr = 0;
		look(p, l->sink, l->more);
	}
	if (l->sink->live)
		confirm(p, &l->list[0], &l->list[1], l->more);
}

static int look_guarded(const struct looking *l)
{
	const struct media *m = &l->pool->media;
	struct guard g;

	if (GUARD_CATCH(&g))
		return guarded_error(l->pool, &g);
	guard_enter_all(&g, m->map, m->map_nr);
	look_well(l);
	guard_leave(&g);
	return 0;
}

int check_sure(struct maru_pool *p, struct fault_sink *sink, check_more_fn more)
{
	struct looking l = {
		.pool = p,
		.sink = sink,
		.list = calloc(2, sizeof(*l.list)),
		.more = more,
	};
	int rc = 0;

	if (!l.list)
		return err_set(-ENOMEM, "out of memory");
	sink->list = l.list;
	/* a recovery point of its own: nothing has been begun, and the lists
	 * are to be freed */
	if (!p->guard)
		look_well(&l);
	else
		rc = look_guarded(&l);
	if (rc && sink->live)
		l.list->nr = 0; /* not confirmed any more */
	fault_flush(sink);
	free(l.list);
	return rc;
}

int maru_check(struct maru_pool *pool, maru_fault_fn fn, void *ctx)
{
	struct fault_sink sink = { .fn = fn, .ctx = ctx };
	int rc = pool_enter(pool);

	if (unlikely(rc == POOL_GUARDED))
		return guarded_check(pool, fn, ctx);
	if (rc)
		return rc;
	/* this handle's own threads are others too */
	sink.live = !pool->rdonly || check_others(pool);
	rc = check_sure(pool, &sink, NULL);
	return rc ? rc : (int)bits_min(sink.faults, INT32_MAX);
}
