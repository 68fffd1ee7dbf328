// SPDX-License-Identifier: BSD-3-Clause
/* Beginning and ending a quarantine, and the deaths of who does it. */
#include "common_step.h"

#include "common.h"

#include "cache/pool.h"

#include <string.h>

static size_t key_of(char key[STEP_KEY], unsigned no)
{
	return step_key(&step_scene, key, no);
}

/* The first one was writing all this ----------------------------------------- */

static int alloc_units(struct step_client *c, unsigned i, unsigned units)
{
	return maru_alloc(c->pool, units * step_unit() - 100, &c->buf[i]);
}

static int write_much(struct step_client *c)
{
	char key[STEP_KEY];
	int rc = step_hold(c->pool, 2, &c->view[0]);

	if (rc == 0)
		rc = alloc_units(c, 0, 1);
	if (rc == 0)
		rc = alloc_units(c, 1, 9);
	if (rc == 0)
		rc = alloc_units(c, 2, 1);
	return rc ? rc :
		    maru_reserve(c->pool, key, key_of(key, 1), STEP_LEN,
				 &c->buf[3]);
}

#define KEYS                                            \
	{                                               \
		{ 1, IMAGE_ABSENT, IMAGE_ABSENT },      \
		{                                       \
			2, IMAGE_PRESENT, IMAGE_PRESENT \
		}                                       \
	}

static const struct step_op op_writer = {
	.name = "alloc and reserve",
	.keys = KEYS,
	.act = write_much,
};

static const struct step_wreck writer = { .op = &op_writer, .at_end = true };

/* The others, then ------------------------------------------------------------ */

static void begin(struct step_scene *sc)
{
	int rc = maru_reap(sc->s);

	if (rc != 1)
		step_bad("the first phase: %d, %s", rc, maru_errmsg());
}

static void begin_and_wait(struct step_scene *sc)
{
	begin(sc);
	sc->shared->now_ns += STEP_DELAY_NS;
}

static void begin_and_wait_almost(struct step_scene *sc)
{
	begin_and_wait(sc);
	sc->shared->now_ns--;
}

/* For who is to open, and goes by the kernel's clock. */
static void begin_long_ago(struct step_scene *sc)
{
	struct client *c = &sc->s->client;

	begin(sc);
	for (uint32_t slot = 0; slot < c->slot_nr; slot++)
		if (client_state(client_word(c, slot)) == CLIENT_QUARANTINED)
			a64_store_rlx(&c->slots[slot].due, 1);
}

/* And the one that is stepped ------------------------------------------------ */

static int reap_it(struct step_client *c)
{
	return maru_reap(c->pool);
}

static int open_it(struct step_client *c)
{
	return maru_open(c->target, NULL, &c->pool);
}

static int store_it(struct step_client *c)
{
	return step_put(c->pool, 1);
}

static int reserve_it(struct step_client *c)
{
	char key[STEP_KEY];

	return maru_reserve(c->pool, key, key_of(key, 1), STEP_LEN, &c->buf[0]);
}

/* More than there is while something waits; there are entries besides. */
static int alloc_large(struct step_client *c)
{
	const struct media_super *sb = (const void *)step_scene.pristine;

	return maru_alloc(c->pool, (sb->unit_nr - 16ull) * step_unit(),
			  &c->buf[0]);
}

const struct step_op step_ops_wait[] = {
	{ .name = "reap: all that it was writing",
	  .kind = STEP_WAIT,
	  .wreck = &writer,
	  .keys = KEYS,
	  .act = reap_it },
	{ .name = "reap, not yet due",
	  .kind = STEP_WAIT,
	  .wreck = &writer,
	  .keys = KEYS,
	  .meanwhile = begin_and_wait_almost,
	  .act = reap_it },
	{ .name = "reap, due: all that it was writing",
	  .kind = STEP_WAIT,
	  .wreck = &writer,
	  .keys = KEYS,
	  .meanwhile = begin_and_wait,
	  .act = reap_it },
	{ .name = "alloc, due: all that there is",
	  .kind = STEP_WAIT,
	  .wreck = &writer,
	  .keys = { { 1, IMAGE_ABSENT, IMAGE_ABSENT } },
	  .meanwhile = begin_and_wait,
	  .act = alloc_large,
	  .flags = STEP_LONE | STEP_EVICTS,
	  .allowed = { -ENOSPC } },
	{ .name = "store: all that it was writing",
	  .kind = STEP_WAIT,
	  .wreck = &writer,
	  .keys = { { 1, IMAGE_ABSENT, IMAGE_PRESENT },
		    { 2, IMAGE_PRESENT, IMAGE_PRESENT } },
	  .act = store_it,
	  .allowed = { -ENOSPC } },
	{ .name = "reserve: all that it was writing",
	  .kind = STEP_WAIT,
	  .wreck = &writer,
	  .keys = KEYS,
	  .act = reserve_it,
	  .flags = STEP_LONE,
	  .allowed = { -ENOSPC, -EINPROGRESS } },
	{ .name = "open: all that it was writing",
	  .kind = STEP_WAIT,
	  .wreck = &writer,
	  .keys = KEYS,
	  .act = open_it,
	  .flags = STEP_LONE | STEP_NO_POOL },
	{ .name = "open, due: all that it was writing",
	  .kind = STEP_WAIT,
	  .wreck = &writer,
	  .keys = KEYS,
	  .meanwhile = begin_long_ago,
	  .act = open_it,
	  .flags = STEP_LONE | STEP_NO_POOL },
	{ .name = NULL },
};
