// SPDX-License-Identifier: BSD-3-Clause
/* The calls that write, each to be stepped through. */
#include "common_step.h"

#include "common.h"

#include "cache/pool.h"

#include <string.h>

static size_t key_of(char key[STEP_KEY], unsigned no)
{
	return step_key(&step_scene, key, no);
}

/* What was there before ------------------------------------------------------ */

static void claim_by_other(struct step_scene *sc)
{
	char key[STEP_KEY];

	maru_reserve(sc->t, key, key_of(key, 1), STEP_LEN, &sc->buf[0]);
}

static void give_back_claim(struct step_scene *sc)
{
	if (sc->buf[0].ref.version)
		maru_abort(sc->t, &sc->buf[0]);
}

static void store_by_other(struct step_scene *sc)
{
	step_put(sc->s, 1);
}

/* All slots of a home and its three further buckets but @left. */
static void fill_home(struct step_scene *sc, unsigned left)
{
	for (unsigned i = 1; i < 29 - left; i++)
		step_put(sc->s, STEP_HOMED + i);
}

static void fill_home_all(struct step_scene *sc)
{
	fill_home(sc, 0);
}

static void fill_home_bucket(struct step_scene *sc)
{
	fill_home(sc, 21);
}

static void fill_home_pair(struct step_scene *sc)
{
	fill_home(sc, 14);
}

/* alloc, abort --------------------------------------------------------------- */

static int alloc_units(struct step_client *c, unsigned i, unsigned units)
{
	return maru_alloc(c->pool, units * step_unit() - 100, &c->buf[i]);
}

/* An extent to take blocks from is there afterwards. */
static int warm(struct step_client *c)
{
	int rc = alloc_units(c, 0, 1);

	return rc ? rc : maru_abort(c->pool, &c->buf[0]);
}

static int alloc_one(struct step_client *c)
{
	return alloc_units(c, 0, 1);
}

static int alloc_four(struct step_client *c)
{
	return alloc_units(c, 0, 4);
}

static int alloc_six(struct step_client *c)
{
	return alloc_units(c, 0, 6);
}

static int alloc_nine(struct step_client *c)
{
	return alloc_units(c, 0, 9);
}

static int abort_it(struct step_client *c)
{
	return maru_abort(c->pool, &c->buf[0]);
}

/* commit --------------------------------------------------------------------- */

static int written(struct step_client *c)
{
	int rc = maru_alloc(c->pool, STEP_LEN, &c->buf[0]);

	if (rc == 0)
		test_fill(c->buf[0].data, STEP_LEN, 1);
	return rc;
}

static int written_long(struct step_client *c)
{
	int rc = alloc_units(c, 0, 1);

	if (rc != 0)
		return rc;
	/* the value leaves no room for the key */
	c->buf[0].len = STEP_LEN;
	test_fill(c->buf[0].data, STEP_LEN, STEP_LONG + 1);
	return 0;
}

static int commit_no(struct step_client *c, unsigned no,
		     const struct maru_commit_opts *o)
{
	char key[STEP_KEY];

	return maru_commit(c->pool, &c->buf[0], key, key_of(key, no), o);
}

static int commit_it(struct step_client *c)
{
	return commit_no(c, 1, NULL);
}

static int commit_long(struct step_client *c)
{
	return commit_no(c, STEP_LONG + 1, NULL);
}

static int commit_and_pin(struct step_client *c)
{
	struct maru_commit_opts o = { .size = sizeof(o),
				      .pins = 3,
				      .view = &c->view[1] };

	return commit_no(c, 1, &o);
}

static void unpin_three(struct step_client *c)
{
	char key[STEP_KEY];

	if (step_scene.shared->rc >= 0)
		maru_unpin(c->pool, key, key_of(key, 1), 3);
}

static int claimed(struct step_client *c)
{
	char key[STEP_KEY];
	int rc = maru_reserve(c->pool, key, key_of(key, 1), STEP_LEN,
			      &c->buf[0]);

	if (rc == 0)
		test_fill(c->buf[0].data, STEP_LEN, 1);
	return rc;
}

static int commit_claim(struct step_client *c)
{
	return maru_commit(c->pool, &c->buf[0], NULL, 0, NULL);
}

static int commit_batch(struct step_client *c)
{
	const struct maru_keys *keys = TEST_KEYS(1, 2, 3);
	int res[3];

	return maru_commit_batch(c->pool, keys, c->buf, res);
}

static int written_three(struct step_client *c)
{
	for (unsigned i = 0; i < 3; i++) {
		int rc = maru_alloc(c->pool, STEP_LEN, &c->buf[i]);

		if (rc != 0)
			return rc;
		test_fill(c->buf[i].data, STEP_LEN, i + 1);
	}
	return 0;
}

/* reserve, store ------------------------------------------------------------- */

static int store_it(struct step_client *c)
{
	return step_put(c->pool, 1);
}

static int store_long(struct step_client *c)
{
	return step_put(c->pool, STEP_LONG + 1);
}

static int store_homed(struct step_client *c)
{
	return step_put(c->pool, STEP_HOMED);
}

static int store_batch(struct step_client *c)
{
	static unsigned char bytes[3][STEP_LEN];
	struct maru_value vals[3];
	int res[3];

	for (unsigned i = 0; i < 3; i++) {
		test_fill(bytes[i], STEP_LEN, i + 1);
		vals[i] = (struct maru_value){ bytes[i], STEP_LEN };
	}
	return maru_store_batch(c->pool, TEST_KEYS(1, 2, 3), vals, res);
}

static int alloc_batch(struct step_client *c)
{
	const size_t lens[3] = { STEP_LEN, STEP_LEN, 2 * step_unit() };

	return maru_alloc_batch(c->pool, lens, 3, c->buf);
}

static int reserve_batch(struct step_client *c)
{
	const size_t lens[3] = { STEP_LEN, STEP_LEN, STEP_LEN };
	int res[3];

	return maru_reserve_batch(c->pool, TEST_KEYS(1, 2, 3), lens, c->buf,
				  res);
}

static int reserve_it(struct step_client *c)
{
	char key[STEP_KEY];

	return maru_reserve(c->pool, key, key_of(key, 1), STEP_LEN, &c->buf[0]);
}

/* Two calls that find a block OWNED or a claim of the dead. */
static int store_and_delete(struct step_client *c)
{
	int rc = step_put(c->pool, 1);

	return rc < 0 ? rc : step_del(c->pool, 1);
}

#define NEW                                             \
	{                                               \
		{ 1, IMAGE_ABSENT, IMAGE_PRESENT },     \
		{                                       \
			2, IMAGE_PRESENT, IMAGE_PRESENT \
		}                                       \
	}
#define THERE                                           \
	{                                               \
		{                                       \
			1, IMAGE_PRESENT, IMAGE_PRESENT \
		}                                       \
	}
#define ABSENT                                        \
	{                                             \
		{                                     \
			1, IMAGE_ABSENT, IMAGE_ABSENT \
		}                                     \
	}
#define NONE                                            \
	{                                               \
		{ 1, IMAGE_ABSENT, IMAGE_ABSENT },      \
		{                                       \
			2, IMAGE_PRESENT, IMAGE_PRESENT \
		}                                       \
	}
#define THREE                                               \
	{                                                   \
		{ 1, IMAGE_ABSENT, IMAGE_PRESENT },         \
			{ 2, IMAGE_ABSENT, IMAGE_PRESENT }, \
		{                                           \
			3, IMAGE_ABSENT, IMAGE_PRESENT      \
		}                                           \
	}
#define HOMED                                                \
	{                                                    \
		{ STEP_HOMED, IMAGE_ABSENT, IMAGE_PRESENT }, \
		{                                            \
			2, IMAGE_EITHER, IMAGE_EITHER        \
		}                                            \
	}

const struct step_op step_ops_write[] = {
	{ .name = "alloc",
	  .also = STEP_WAITS,
	  .keys = NONE,
	  .prepare = warm,
	  .act = alloc_one,
	  .allowed = { -ENOSPC } },
	{ .name = "alloc, of a new slab",
	  .also = STEP_WAITS | STEP_LASTS,
	  .keys = NONE,
	  .act = alloc_one,
	  .allowed = { -ENOSPC } },
	{ .name = "alloc, of slabs in a row",
	  .also = STEP_WAITS | STEP_LASTS,
	  .keys = NONE,
	  .act = alloc_nine,
	  .allowed = { -ENOSPC } },
	{ .name = "alloc, of a class of two slabs",
	  .also = STEP_WAITS,
	  .keys = NONE,
	  .act = alloc_six,
	  .allowed = { -ENOSPC } },
	{ .name = "alloc, two slabs of another class",
	  .keys = ABSENT,
	  .setup = step_fill,
	  .act = alloc_six,
	  .flags = STEP_EVICTS | STEP_LONE,
	  .allowed = { -ENOSPC } },
	{ .name = "alloc, another class' slab",
	  .also = STEP_WAITS,
	  .keys = ABSENT,
	  .setup = step_fill,
	  .act = alloc_four,
	  .flags = STEP_EVICTS | STEP_LONE,
	  .allowed = { -ENOSPC } },
	{ .name = "alloc, other classes' slabs",
	  .keys = ABSENT,
	  .setup = step_fill,
	  .act = alloc_nine,
	  .flags = STEP_EVICTS | STEP_LONE,
	  .allowed = { -ENOSPC } },
	{ .name = "alloc, slow tick",
	  .keys = NONE,
	  .prepare = warm,
	  .act = alloc_one,
	  .flags = STEP_TICK | STEP_LONE,
	  .allowed = { -ENOSPC } },
	{ .name = "abort",
	  .also = STEP_WAITS,
	  .keys = NONE,
	  .prepare = alloc_one,
	  .act = abort_it },
	{ .name = "abort, of slabs in a row",
	  .also = STEP_WAITS,
	  .keys = NONE,
	  .prepare = alloc_nine,
	  .act = abort_it },
	{ .name = "abort, of a claim",
	  .also = STEP_WAITS,
	  .keys = NONE,
	  .prepare = claimed,
	  .act = abort_it },
	{ .name = "reserve",
	  .also = STEP_WAITS,
	  .keys = NONE,
	  .prepare = warm,
	  .act = reserve_it,
	  .allowed = { -ENOSPC, -EINPROGRESS } },
	{ .name = "reserve, it is there",
	  .keys = THERE,
	  .prepare = warm,
	  .act = reserve_it,
	  .allowed = { -ENOSPC, -EINPROGRESS } },
	{ .name = "reserve, another's claim",
	  .keys = NONE,
	  .prepare = warm,
	  .setup = claim_by_other,
	  .act = reserve_it,
	  .release = give_back_claim,
	  .flags = STEP_OTHERS,
	  .allowed = { -ENOSPC, -EINPROGRESS } },
	{ .name = "commit",
	  .also = STEP_WAITS | STEP_LASTS,
	  .keys = NEW,
	  .prepare = written,
	  .act = commit_it },
	{ .name = "commit, it is there",
	  .also = STEP_LASTS,
	  .keys = THERE,
	  .prepare = written,
	  .act = commit_it },
	{ .name = "commit and pin",
	  .also = STEP_WAITS,
	  .keys = NEW,
	  .prepare = written,
	  .act = commit_and_pin,
	  .finish = unpin_three },
	{ .name = "commit and pin, it is there",
	  .keys = THERE,
	  .prepare = written,
	  .act = commit_and_pin,
	  .finish = unpin_three },
	{ .name = "commit, of a long key",
	  .also = STEP_WAITS,
	  .keys = { { STEP_LONG + 1, IMAGE_ABSENT, IMAGE_PRESENT } },
	  .prepare = written_long,
	  .act = commit_long },
	{ .name = "commit, of a claim",
	  .also = STEP_WAITS | STEP_LASTS,
	  .keys = NEW,
	  .prepare = claimed,
	  .act = commit_claim },
	{ .name = "commit, of a claim overtaken",
	  .keys = THERE,
	  .prepare = claimed,
	  .meanwhile = store_by_other,
	  .act = commit_claim,
	  .flags = STEP_OWN_KEYS },
	{ .name = "store",
	  .also = STEP_WAITS | STEP_LASTS,
	  .keys = NEW,
	  .prepare = warm,
	  .act = store_it,
	  .allowed = { -ENOSPC } },
	{ .name = "store, of a new slab",
	  .also = STEP_WAITS | STEP_LASTS,
	  .keys = NEW,
	  .act = store_it,
	  .allowed = { -ENOSPC } },
	{ .name = "store, it is there",
	  .keys = THERE,
	  .prepare = warm,
	  .act = store_it,
	  .allowed = { -ENOSPC } },
	{ .name = "store, of a long key",
	  .also = STEP_LASTS,
	  .keys = { { STEP_LONG + 1, IMAGE_ABSENT, IMAGE_PRESENT } },
	  .prepare = warm,
	  .act = store_long,
	  .allowed = { -ENOSPC } },
	{ .name = "store, that evicts",
	  .also = STEP_WAITS | STEP_LASTS,
	  .keys = { { 1, IMAGE_ABSENT, IMAGE_PRESENT } },
	  .setup = step_fill,
	  .act = store_it,
	  .flags = STEP_EVICTS | STEP_LONE,
	  .allowed = { -ENOSPC } },
	{ .name = "store, into the buddy",
	  .keys = HOMED,
	  .prepare = warm,
	  .setup = fill_home_bucket,
	  .act = store_homed,
	  .flags = STEP_EVICTS,
	  .allowed = { -ENOSPC } },
	{ .name = "store, into the alternate",
	  .also = STEP_WAITS,
	  .keys = HOMED,
	  .prepare = warm,
	  .setup = fill_home_pair,
	  .act = store_homed,
	  .flags = STEP_EVICTS,
	  .allowed = { -ENOSPC } },
	{ .name = "store, no slot left",
	  .keys = HOMED,
	  .prepare = warm,
	  .setup = fill_home_all,
	  .act = store_homed,
	  .flags = STEP_EVICTS | STEP_LONE,
	  .allowed = { -ENOSPC } },
	{ .name = "store and delete",
	  .also = STEP_LASTS,
	  .keys = { { 1, IMAGE_EITHER, IMAGE_ABSENT } },
	  .prepare = warm,
	  .act = store_and_delete,
	  .flags = STEP_EVICTS,
	  .allowed = { -ENOSPC, -ENOENT, -EBUSY } },
	{ .name = "alloc_batch",
	  .also = STEP_WAITS,
	  .keys = NONE,
	  .act = alloc_batch,
	  .allowed = { -ENOSPC } },
	{ .name = "reserve_batch",
	  .also = STEP_WAITS,
	  .keys = { { 1, IMAGE_ABSENT, IMAGE_ABSENT },
		    { 2, IMAGE_PRESENT, IMAGE_PRESENT },
		    { 3, IMAGE_ABSENT, IMAGE_ABSENT } },
	  .prepare = warm,
	  .act = reserve_batch,
	  .allowed = { -ENOSPC } },
	{ .name = "commit_batch",
	  .also = STEP_WAITS | STEP_LASTS,
	  .keys = THREE,
	  .prepare = written_three,
	  .act = commit_batch },
	{ .name = "store_batch",
	  .also = STEP_WAITS,
	  .keys = THREE,
	  .prepare = warm,
	  .act = store_batch,
	  .allowed = { -ENOSPC } },
	{ .name = NULL },
};
