// SPDX-License-Identifier: BSD-3-Clause
/* The calls that hold, pin, release and remove, each to be stepped through. */
#include "common_step.h"

#include "common.h"

#include "cache/pool.h"

#include <string.h>

static size_t key_of(char key[STEP_KEY], unsigned no)
{
	return step_key(&step_scene, key, no);
}

/* retrieve, release ---------------------------------------------------------- */

static int hold_it(struct step_client *c)
{
	return step_hold(c->pool, 1, &c->view[0]);
}

static int read_it(struct step_client *c)
{
	return step_get(c->pool, 1);
}

static int touch_it(struct step_client *c)
{
	char key[STEP_KEY];

	return maru_touch(c->pool, key, key_of(key, 1));
}

static int release_it(struct step_client *c)
{
	return maru_release(c->pool, &c->view[0]);
}

static int hold_three(struct step_client *c)
{
	int res[3], n = maru_retrieve_batch(c->pool, TEST_KEYS(1, 2, 3),
					    c->view, res);

	return n == 3 ? 0 : -ENOENT;
}

static int hold_some(struct step_client *c)
{
	int res[3], n = maru_retrieve_batch(c->pool, TEST_KEYS(1, 2, 3),
					    c->view, res);

	return n < 0 ? n : 0;
}

static int release_three(struct step_client *c)
{
	int res[3];

	return maru_release_batch(c->pool, c->view, 3, res);
}

/* An entry that others are rid of already: this client is the last holder. */
static void others_debt(struct step_scene *sc)
{
	step_debt(sc->t, 1);
}

/* pins ----------------------------------------------------------------------- */

static int pin_it(struct step_client *c)
{
	char key[STEP_KEY];

	return maru_pin(c->pool, key, key_of(key, 1), 3);
}

static int unpin_it(struct step_client *c)
{
	char key[STEP_KEY];

	return maru_unpin(c->pool, key, key_of(key, 1), 3);
}

static void unpin_if(struct step_client *c)
{
	if (step_scene.shared->rc == 0)
		unpin_it(c);
}

static int pin_three(struct step_client *c)
{
	int res[3], n = maru_pin_batch(c->pool, TEST_KEYS(1, 2, 3), res);

	return n == 3 ? 0 : -ENOENT;
}

static int pin_some(struct step_client *c)
{
	static int res[3];
	int n = maru_pin_batch(c->pool, TEST_KEYS(1, 2, 3), res);

	for (unsigned i = 0; i < 3 && n > 0; i++)
		if (res[i] == 0)
			c->buf[3].len |= 1u << i; /* which */
	return n < 0 ? n : 0;
}

static void unpin_some(struct step_client *c)
{
	char key[STEP_KEY];

	for (unsigned i = 0; i < 3; i++)
		if (c->buf[3].len >> i & 1)
			maru_unpin(c->pool, key, key_of(key, i + 1), 1);
	c->buf[3].len = 0;
}

static int unpin_three(struct step_client *c)
{
	int res[3];

	return maru_unpin_batch(c->pool, TEST_KEYS(1, 2, 3), res);
}

static int have_ref(struct step_client *c)
{
	int rc = hold_it(c);

	c->ref = c->view[0].ref;
	return rc ? rc : release_it(c);
}

static int ref_pin_it(struct step_client *c)
{
	return maru_ref_pin(c->pool, &c->ref, 2);
}

static int have_ref_pin(struct step_client *c)
{
	int rc = have_ref(c);

	return rc ? rc : ref_pin_it(c);
}

static int ref_unpin_it(struct step_client *c)
{
	return maru_ref_unpin(c->pool, &c->ref, 2);
}

static void ref_unpin_if(struct step_client *c)
{
	if (step_scene.shared->rc == 0)
		ref_unpin_it(c);
}

/* delete, clear, evict, wait ------------------------------------------------- */

static int delete_it(struct step_client *c)
{
	return step_del(c->pool, 1);
}

static int delete_two(struct step_client *c)
{
	return step_del(c->pool, 2);
}

static int delete_three(struct step_client *c)
{
	int res[3];

	return maru_delete_batch(c->pool, TEST_KEYS(1, 2, 3), res);
}

static int delete_homed(struct step_client *c)
{
	return step_del(c->pool, STEP_HOMED + 8);
}

static void fill_home(struct step_scene *sc)
{
	for (unsigned i = 0; i < 8; i++)
		step_put(sc->s, STEP_HOMED + i);
}

static void other_holds(struct step_scene *sc)
{
	step_hold(sc->t, 1, &sc->view[0]);
}

static void other_releases(struct step_scene *sc)
{
	if (sc->view[0].ref.version && maru_release(sc->t, &sc->view[0]) != 0)
		step_bad("a survivor's hold was void");
}

/* The remover has set its own bit, the word does not say so yet. */
static bool about_to_remove(const struct step_scene *sc)
{
	const struct media_super *sb = (const void *)sc->pristine;
	const unsigned char *row = sc->map + sb->section[SECTION_LEDGER].off +
				   sc->client * sb->row_bytes;

	for (uint32_t i = 0; i < sb->unit_nr; i++)
		if (row[i * 2 + 1] & 0x80)
			return true;
	return false;
}

static int owe_one(struct step_client *c)
{
	step_debt(c->pool, 1);
	return 0;
}

static void store_one(struct step_scene *sc)
{
	step_put(sc->s, 1);
}

static void other_holds_one(struct step_scene *sc)
{
	store_one(sc);
	other_holds(sc);
}

static int clear_all(struct step_client *c)
{
	return maru_clear(c->pool, NULL);
}

static int evict_one(struct step_client *c)
{
	return maru_evict(c->pool, 1, NULL);
}

static int wait_for_it(struct step_client *c)
{
	char key[STEP_KEY];

	return maru_wait(c->pool, key, key_of(key, 1), 0);
}

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

#define THERE                                           \
	{                                               \
		{ 1, IMAGE_PRESENT, IMAGE_PRESENT },    \
		{                                       \
			2, IMAGE_PRESENT, IMAGE_PRESENT \
		}                                       \
	}
#define GONE                                            \
	{                                               \
		{ 1, IMAGE_PRESENT, IMAGE_ABSENT },     \
		{                                       \
			2, IMAGE_PRESENT, IMAGE_PRESENT \
		}                                       \
	}
#define NONE                                            \
	{                                               \
		{ 1, IMAGE_ABSENT, IMAGE_ABSENT },      \
		{                                       \
			2, IMAGE_PRESENT, IMAGE_PRESENT \
		}                                       \
	}
#define THREE                                                \
	{                                                    \
		{ 1, IMAGE_PRESENT, IMAGE_PRESENT },         \
			{ 2, IMAGE_PRESENT, IMAGE_PRESENT }, \
		{                                            \
			3, IMAGE_PRESENT, IMAGE_PRESENT      \
		}                                            \
	}
#define THREE_GONE                                          \
	{                                                   \
		{ 1, IMAGE_PRESENT, IMAGE_ABSENT },         \
			{ 2, IMAGE_PRESENT, IMAGE_ABSENT }, \
		{                                           \
			3, IMAGE_PRESENT, IMAGE_ABSENT      \
		}                                           \
	}

const struct step_op step_ops_read[] = {
	{ .name = "retrieve",
	  .keys = THERE,
	  .act = hold_it,
	  .allowed = { -ENOENT } },
	{ .name = "retrieve, a miss",
	  .keys = NONE,
	  .act = hold_it,
	  .allowed = { -ENOENT } },
	{ .name = "read",
	  .keys = THERE,
	  .act = read_it,
	  .allowed = { -ENOENT } },
	{ .name = "touch",
	  .keys = THERE,
	  .act = touch_it,
	  .allowed = { -ENOENT } },
	{ .name = "release",
	  .also = STEP_WAITS,
	  .keys = THERE,
	  .prepare = hold_it,
	  .act = release_it },
	{ .name = "release, of the last hold",
	  .keys = NONE,
	  .flags = STEP_OTHERS,
	  .setup = store_one,
	  .prepare = hold_it,
	  .meanwhile = others_debt,
	  .act = release_it },
	{ .name = "pin",
	  .keys = THERE,
	  .act = pin_it,
	  .finish = unpin_if,
	  .allowed = { -ENOENT } },
	{ .name = "unpin", .keys = THERE, .prepare = pin_it, .act = unpin_it },
	{ .name = "unpin, of the last pin",
	  .keys = NONE,
	  .flags = STEP_OTHERS,
	  .setup = store_one,
	  .prepare = pin_it,
	  .meanwhile = others_debt,
	  .act = unpin_it },
	{ .name = "ref_pin",
	  .keys = THERE,
	  .prepare = have_ref,
	  .act = ref_pin_it,
	  .finish = ref_unpin_if,
	  .allowed = { MARU_E_STALE } },
	{ .name = "ref_unpin",
	  .keys = THERE,
	  .prepare = have_ref_pin,
	  .act = ref_unpin_it },
	{ .name = "retrieve_batch", .keys = THREE, .act = hold_some },
	{ .name = "release_batch",
	  .keys = THREE,
	  .prepare = hold_three,
	  .act = release_three },
	{ .name = "pin_batch",
	  .keys = THREE,
	  .act = pin_some,
	  .finish = unpin_some },
	{ .name = "unpin_batch",
	  .keys = THREE,
	  .prepare = pin_three,
	  .act = unpin_three },
	{ .name = "delete",
	  .also = STEP_LASTS,
	  .keys = GONE,
	  .act = delete_it,
	  .allowed = { -ENOENT, -EBUSY, -EINPROGRESS } },
	{ .name = "delete, from the buddy",
	  .also = STEP_LASTS,
	  .keys = { { STEP_HOMED + 8, IMAGE_PRESENT, IMAGE_ABSENT } },
	  .setup = fill_home,
	  .act = delete_homed,
	  .flags = STEP_EVICTS,
	  .allowed = { -ENOENT, -EBUSY, -EINPROGRESS } },
	{ .name = "delete, it is held",
	  .keys = THERE,
	  .setup = other_holds,
	  .act = delete_it,
	  .release = other_releases,
	  .flags = STEP_OTHERS | STEP_LONE,
	  .allowed = { -ENOENT, -EBUSY } },
	{ .name = "delete, held meanwhile",
	  .keys = GONE,
	  .pause = about_to_remove,
	  .meanwhile = other_holds,
	  .act = delete_it,
	  .release = other_releases,
	  .flags = STEP_OTHERS,
	  .allowed = { -ENOENT, -EBUSY } },
	{ .name = "delete, with a debt",
	  .keys = { { 1, IMAGE_ABSENT, IMAGE_ABSENT },
		    { 2, IMAGE_PRESENT, IMAGE_ABSENT } },
	  .setup = other_holds_one,
	  .prepare = owe_one,
	  .act = delete_two,
	  .release = other_releases,
	  .flags = STEP_OTHERS,
	  .allowed = { -ENOENT, -EBUSY, -EINPROGRESS } },
	{ .name = "delete, with a debt that is settled",
	  .keys = { { 1, IMAGE_ABSENT, IMAGE_ABSENT },
		    { 2, IMAGE_PRESENT, IMAGE_ABSENT } },
	  .setup = other_holds_one,
	  .prepare = owe_one,
	  .meanwhile = other_releases,
	  .act = delete_two,
	  .allowed = { -ENOENT, -EBUSY, -EINPROGRESS } },
	{ .name = "delete_batch",
	  .also = STEP_LASTS,
	  .keys = THREE_GONE,
	  .act = delete_three },
	{ .name = "clear",
	  .keys = THREE_GONE,
	  .act = clear_all,
	  .flags = STEP_LONE },
	{ .name = "evict",
	  .also = STEP_LASTS,
	  .keys = { { 2, IMAGE_PRESENT, IMAGE_ABSENT } },
	  .act = evict_one,
	  .allowed = { -ENOSPC } },
	{ .name = "wait, it is there",
	  .keys = THERE,
	  .act = wait_for_it,
	  .allowed = { -ENOENT } },
	{ .name = "wait, another's claim",
	  .keys = NONE,
	  .setup = claim_by_other,
	  .release = give_back_claim,
	  .act = wait_for_it,
	  .flags = STEP_OTHERS,
	  .allowed = { -ETIMEDOUT, -ENOENT } },
	{ .name = NULL },
};
