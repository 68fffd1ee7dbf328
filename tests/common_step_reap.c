// SPDX-License-Identifier: BSD-3-Clause
/* Joining and leaving, and cleaning up after a first death of each kind. */
#include "common_step.h"

#include "common.h"

#include "cache/pool.h"

#include <string.h>

static size_t key_of(char key[STEP_KEY], unsigned no)
{
	return step_key(&step_scene, key, no);
}

/* What the first one was doing when it died ---------------------------------- */

static int hold_and_pin(struct step_client *c)
{
	char key[STEP_KEY];
	int rc = step_hold(c->pool, 1, &c->view[0]);

	return rc ? rc : maru_pin(c->pool, key, key_of(key, 1), 5);
}

static int alloc_one(struct step_client *c)
{
	return maru_alloc(c->pool, STEP_LEN, &c->buf[0]);
}

static int alloc_four(struct step_client *c)
{
	return maru_alloc(c->pool, 4 * step_unit(), &c->buf[0]);
}

static int alloc_nine(struct step_client *c)
{
	return maru_alloc(c->pool, 9 * step_unit(), &c->buf[0]);
}

static int abort_it(struct step_client *c)
{
	return maru_abort(c->pool, &c->buf[0]);
}

static int reserve_it(struct step_client *c)
{
	char key[STEP_KEY];

	return maru_reserve(c->pool, key, key_of(key, 1), STEP_LEN, &c->buf[0]);
}

static int written(struct step_client *c)
{
	int rc = alloc_one(c);

	if (rc == 0)
		test_fill(c->buf[0].data, STEP_LEN, 1);
	return rc;
}

static int commit_it(struct step_client *c)
{
	char key[STEP_KEY];

	return maru_commit(c->pool, &c->buf[0], key, key_of(key, 1), NULL);
}

static int delete_it(struct step_client *c)
{
	return step_del(c->pool, 1);
}

static int owe_one(struct step_client *c)
{
	step_debt(c->pool, 1);
	return 0;
}

static int nothing(struct step_client *c)
{
	(void)c;
	return 0;
}

static int open_it(struct step_client *c)
{
	return maru_open(c->target, NULL, &c->pool);
}

static int close_it(struct step_client *c)
{
	int rc = maru_close(c->pool, MARU_CLOSE_FORCE);

	if (rc != 0)
		return rc;
	c->pool = NULL;
	return 0;
}

static int have_all(struct step_client *c)
{
	int rc = hold_and_pin(c);

	if (rc == 0)
		rc = maru_alloc(c->pool, STEP_LEN, &c->buf[0]);
	return rc ? rc : maru_alloc(c->pool, 9 * step_unit(), &c->buf[1]);
}

/* What the others do meanwhile ----------------------------------------------- */

static void other_holds_one(struct step_scene *sc)
{
	step_put(sc->s, 1);
	step_hold(sc->t, 1, &sc->view[0]);
}

static void other_releases(struct step_scene *sc)
{
	if (sc->view[0].ref.version && maru_release(sc->t, &sc->view[0]) != 0)
		step_bad("a survivor's hold was void");
}

/* By which the pool's bytes show how far it has got -------------------------- */

static bool pending(const struct step_scene *sc)
{
	const struct media_super *sb = (const void *)sc->pristine;
	const unsigned char *b = sc->map + sb->section[SECTION_BUCKETS].off;
	uint32_t word;

	for (uint64_t i = 0; i < sb->bucket_nr; i++) {
		memcpy(&word, b + i * 64, sizeof(word));
		if (word != 0)
			return true;
	}
	return false;
}

static unsigned counted(const struct step_scene *sc)
{
	const struct media_super *sb = (const void *)sc->pristine;

	return (unsigned)__builtin_popcount(
		sc->map[sb->section[SECTION_ACTIVE].off]);
}

static bool asking(const struct step_scene *sc)
{
	return image_blocks(sc->map, BLOCK_OWNED, BLOCK_ASKING) > 0;
}

static bool asking_pending(const struct step_scene *sc)
{
	return asking(sc) && pending(sc);
}

static bool claimed_pending(const struct step_scene *sc)
{
	return image_blocks(sc->map, BLOCK_OWNED, BLOCK_CLAIMED) > 0;
}

static bool ready(const struct step_scene *sc)
{
	return image_blocks(sc->map, BLOCK_READY, 0) > 0;
}

static bool ready_pending(const struct step_scene *sc)
{
	return ready(sc) && pending(sc);
}

static bool live_pending(const struct step_scene *sc)
{
	return !ready(sc) && pending(sc);
}

static bool dying(const struct step_scene *sc)
{
	return image_blocks(sc->map, BLOCK_DYING, 0) > 0;
}

static bool retiring(const struct step_scene *sc)
{
	return image_slabs(sc->map, SLAB_RETIRING) > 0;
}

static bool claimed_slab(const struct step_scene *sc)
{
	return image_slabs(sc->map, SLAB_CLAIMED) > 0;
}

static bool one_tail(const struct step_scene *sc)
{
	return claimed_slab(sc) && image_slabs(sc->map, SLAB_TAIL) == 1;
}

static bool joining(const struct step_scene *sc)
{
	return image_clients(sc->map, CLIENT_JOINING) > 0;
}

static bool joined(const struct step_scene *sc)
{
	return image_clients(sc->map, CLIENT_ACTIVE) > counted(sc);
}

/* First deaths --------------------------------------------------------------- */

#define WRECK(id, text, ...) \
	static const struct step_op op_##id = { .name = text, __VA_ARGS__ };
#define FIRST(id, of, test, end)                              \
	static const struct step_wreck id = { .op = &op_##of, \
					      .when = test,   \
					      .at_end = end };
#define KEY_THERE .keys = { { 1, IMAGE_PRESENT, IMAGE_PRESENT } }

WRECK(pin, "hold and pin", .act = hold_and_pin, KEY_THERE)
WRECK(alloc, "alloc", .act = alloc_one)
WRECK(reserve, "reserve", .act = reserve_it)
WRECK(commit, "commit", .prepare = written, .act = commit_it)
WRECK(delete, "delete", .act = delete_it, KEY_THERE)
WRECK(owing, "a debt", .setup = other_holds_one, .prepare = owe_one,
      .act = nothing)
WRECK(retire, "alloc, another class' slab", .setup = step_fill,
      .act = alloc_four)
WRECK(row, "alloc, of slabs in a row", .act = alloc_nine)
WRECK(unrow, "abort, of slabs in a row", .prepare = alloc_nine, .act = abort_it)
WRECK(join, "open", .act = open_it, .flags = STEP_NO_POOL)
WRECK(leave, "close", .act = close_it, .prepare = have_all, KEY_THERE)
WRECK(leave_owing, "close with a debt", .setup = other_holds_one,
      .prepare = owe_one, .act = close_it)

FIRST(pins, pin, NULL, true)
FIRST(buffer, alloc, NULL, true)
FIRST(ask, reserve, asking, false)
FIRST(ask_named, reserve, asking_pending, false)
FIRST(claim_named, reserve, claimed_pending, false)
FIRST(claim, reserve, NULL, true)
FIRST(ready_alone, commit, ready, false)
FIRST(ready_named, commit, ready_pending, false)
FIRST(live_named, commit, live_pending, false)
FIRST(dying_one, delete, dying, false)
FIRST(debt, owing, NULL, true)
FIRST(retired, retire, retiring, false)
FIRST(slab_claimed, alloc, claimed_slab, false)
FIRST(row_claimed, row, one_tail, false)
FIRST(row_left, unrow, one_tail, false)
FIRST(join_begun, join, joining, false)
FIRST(join_done, join, joined, false)
FIRST(left, leave, joined, false)
FIRST(left_owing, leave_owing, NULL, true)

/* Then ------------------------------------------------------------------------ */

static int reap_it(struct step_client *c)
{
	return maru_reap(c->pool);
}

static int wait_for_it(struct step_client *c)
{
	char key[STEP_KEY];

	return maru_wait(c->pool, key, key_of(key, 1), 0);
}

static int store_it(struct step_client *c)
{
	return step_put(c->pool, 1);
}

#define KEY(before, after) .keys = { { 1, IMAGE_##before, IMAGE_##after } }
#define REAP(text, first, before, after, ...)                               \
	{                                                                   \
		.name = "reap: " text, .wreck = &first, KEY(before, after), \
		.act = reap_it, .flags = STEP_LONE __VA_ARGS__              \
	}
#define OTHERS | STEP_OTHERS, .release = other_releases
#define ALSO(kinds) | 0u, .also = kinds

const struct step_op step_ops_reap[] = {
	{ .name = "open",
	  KEY(PRESENT, PRESENT),
	  .act = open_it,
	  .flags = STEP_LONE | STEP_NO_POOL },
	{ .name = "close",
	  .also = STEP_WAITS,
	  KEY(PRESENT, PRESENT),
	  .prepare = nothing,
	  .act = close_it,
	  .flags = STEP_LONE },
	{ .name = "close, by force",
	  .also = STEP_WAITS | STEP_LASTS,
	  KEY(PRESENT, PRESENT),
	  .prepare = have_all,
	  .act = close_it,
	  .flags = STEP_LONE },
	{ .name = "close, with a debt",
	  KEY(ABSENT, ABSENT),
	  .setup = other_holds_one,
	  .prepare = owe_one,
	  .act = close_it,
	  .release = other_releases,
	  .flags = STEP_LONE | STEP_OTHERS },
	REAP("pins", pins, PRESENT, PRESENT),
	REAP("a buffer", buffer, ABSENT, ABSENT, ALSO(STEP_WAITS | STEP_LASTS)),
	REAP("a claim asked for", ask, ABSENT, ABSENT, ALSO(STEP_WAITS)),
	REAP("a claim named", ask_named, ABSENT, ABSENT, ALSO(STEP_WAITS)),
	REAP("a claim named and given", claim_named, ABSENT, ABSENT,
	     ALSO(STEP_WAITS)),
	REAP("a claim", claim, ABSENT, ABSENT, ALSO(STEP_WAITS)),
	REAP("READY", ready_alone, ABSENT, ABSENT,
	     ALSO(STEP_WAITS | STEP_LASTS)),
	REAP("READY, named", ready_named, EITHER, PRESENT,
	     ALSO(STEP_WAITS | STEP_LASTS)),
	REAP("LIVE, named", live_named, PRESENT, PRESENT,
	     ALSO(STEP_WAITS | STEP_LASTS)),
	REAP("DYING", dying_one, ABSENT, ABSENT, ALSO(STEP_WAITS | STEP_LASTS)),
	REAP("a debt", debt, ABSENT, ABSENT, OTHERS),
	REAP("a slab RETIRING", retired, ABSENT, ABSENT, | STEP_EVICTS),
	REAP("a slab CLAIMED", slab_claimed, ABSENT, ABSENT, ALSO(STEP_WAITS)),
	REAP("a slab and a TAIL", row_claimed, ABSENT, ABSENT,
	     ALSO(STEP_WAITS | STEP_LASTS)),
	REAP("a slab and its last TAIL", row_left, ABSENT, ABSENT,
	     ALSO(STEP_WAITS)),
	REAP("JOINING", join_begun, ABSENT, ABSENT, ALSO(STEP_WAITS)),
	REAP("joined, does not count", join_done, ABSENT, ABSENT),
	REAP("leaving", left, PRESENT, PRESENT, ALSO(STEP_WAITS)),
	REAP("left with a debt", left_owing, ABSENT, ABSENT, OTHERS),
	{ .name = "open: a dead client's pins",
	  .wreck = &pins,
	  KEY(PRESENT, PRESENT),
	  .act = open_it,
	  .flags = STEP_LONE | STEP_NO_POOL },
	{ .name = "reserve: a dead client's claim",
	  .also = STEP_WAITS,
	  .wreck = &claim,
	  KEY(ABSENT, ABSENT),
	  .act = reserve_it,
	  .flags = STEP_LONE,
	  .allowed = { -ENOSPC, -EINPROGRESS } },
	{ .name = "wait: a dead client's claim",
	  .also = STEP_WAITS,
	  .wreck = &claim,
	  KEY(ABSENT, ABSENT),
	  .act = wait_for_it,
	  .flags = STEP_LONE,
	  .allowed = { -ENOENT } },
	{ .name = "delete: a dead client's pins",
	  .also = STEP_LASTS,
	  .wreck = &pins,
	  KEY(PRESENT, ABSENT),
	  .act = delete_it,
	  .flags = STEP_LONE,
	  .allowed = { -ENOENT, -EBUSY, -EINPROGRESS } },
	{ .name = "store: a dead client's claim named",
	  .also = STEP_WAITS,
	  .wreck = &ask_named,
	  KEY(ABSENT, PRESENT),
	  .act = store_it,
	  .allowed = { -ENOSPC } },
	{ .name = "store: a dead client's READY named",
	  .also = STEP_WAITS | STEP_LASTS,
	  .wreck = &ready_named,
	  KEY(EITHER, PRESENT),
	  .act = store_it,
	  .allowed = { -ENOSPC } },
	{ .name = NULL },
};
