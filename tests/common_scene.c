// SPDX-License-Identifier: BSD-3-Clause
/* What happens to a pool until the power is lost. */
#include "common.h"
#include "common_power.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool shared;

void power_share(bool on)
{
	shared = on;
}

struct maru_create_opts power_opts(void)
{
	struct maru_create_opts o = { .size = sizeof(o),
				      .bytes = 8 << 20,
				      .unit = 4096,
				      .max_clients = 4,
				      .flags = MARU_CREATE_DURABLE,
				      .quarantine_ms = MARU_QUARANTINE_NONE };

	o.share = shared ? MARU_SHARE_FABRIC : 0;
	o.host_ms = shared ? POWER_HOST_MS : 0;
	return o;
}

static struct maru_pool *fresh_with(uint32_t flags)
{
	struct maru_create_opts o = power_opts();

	o.flags = flags;
	power_begin(&o);
	power_story->weak = !(flags & MARU_CREATE_DURABLE);
	/* whose host is to be lost */
	record_be(shared ? 1 : 0, POWER_NEVER);
	return power_open();
}

static struct maru_pool *fresh(void)
{
	return fresh_with(MARU_CREATE_DURABLE);
}

struct maru_buf power_leave(struct maru_pool *pool, unsigned slabs)
{
	struct maru_super sb;
	struct maru_buf hog;

	power_need(!maru_inspect_super(pool, &sb));
	power_need(!maru_alloc(
		pool, (sb.slabs - slabs) * sb.slab_pages * (size_t)sb.unit,
		&hog));
	return hog;
}

static void give_up(struct maru_pool *pool)
{
	power_need(!maru_close(pool, MARU_CLOSE_FORCE));
}

static bool all_verbs(unsigned variant)
{
	struct maru_pool *pool = fresh();
	struct maru_buf buf;

	(void)variant;
	for (unsigned key = 0; key < 6; key++)
		power_need(!power_store(pool, key, key * 37));
	power_need(!power_delete(pool, 1));
	power_need(!power_store(pool, 1, 500));
	power_need(!power_delete(pool, 4));
	power_need(!power_write(pool, 4, 77, true));
	power_need(!power_write(pool, 6, 200, false));
	power_need(power_store(pool, 6, 30) == MARU_EXISTED);
	power_need(!maru_alloc(pool, 100, &buf));
	power_need(!maru_abort(pool, &buf));
	power_sync(pool);
	power_need(!power_delete(pool, 0));
	power_close(pool);
	return true;
}

/* Blocks of one unit, of three, of one again, and of four, in one slab. */
static bool classes(unsigned variant)
{
	struct maru_pool *pool = fresh();
	struct maru_buf hog = power_leave(pool, 1);

	(void)variant;
	for (unsigned key = 0; key < 6; key++)
		power_need(!power_store(pool, key, 100 + key));
	power_clear(pool);
	for (unsigned key = 6; key < 8; key++)
		power_need(!power_store(pool, key, 9000 + key));
	power_clear(pool);
	power_need(!power_store(pool, 0, 300));
	power_need(!power_delete(pool, 0));
	power_need(!power_place(pool, 8, 300, 16000));
	power_need(!maru_abort(pool, &hog));
	power_close(pool);
	return true;
}

/*
 * The old value of key 3 lies in a block that had more lives than that of the
 * new one, and is not the first to be used again.
 */
static bool stored_anew(unsigned variant)
{
	struct maru_pool *pool = fresh();

	(void)variant;
	for (unsigned key = 0; key < 4; key++)
		power_need(!power_store(pool, key, 50));
	for (unsigned i = 0; i < 2; i++) {
		power_need(!power_delete(pool, 3));
		power_need(!power_store(pool, 3, 60 + i));
	}
	power_need(!power_delete(pool, 0));
	power_need(!power_delete(pool, 3));
	power_need(!power_store(pool, 3, 70));
	power_need(!power_store(pool, 5, 10));
	give_up(pool);
	return true;
}

/* One slab for twice as many keys as it has blocks. */
static bool evicting(unsigned variant)
{
	struct maru_pool *pool = fresh();

	(void)variant;
	power_leave(pool, 1);
	for (unsigned i = 0; i < 40; i++) {
		int rc = power_store(pool, i * 7 % POWER_KEYS, 20 + i);

		power_need(!rc || rc == MARU_EXISTED);
	}
	give_up(pool);
	return true;
}

/* Nothing is flushed, and only a value's own checksum proves it. */
static bool proven(unsigned variant)
{
	struct maru_pool *pool = fresh_with(MARU_CREATE_CRC);
	struct maru_buf hog;

	(void)variant;
	for (unsigned key = 0; key < 5; key++)
		power_need(!power_store(pool, key, key * 37));
	power_need(!power_delete(pool, 1));
	power_need(!power_store(pool, 1, 500));
	hog = power_leave(pool, 1);
	for (unsigned key = 0; key < 5; key++)
		power_need(!power_delete(pool, key));
	for (unsigned key = 6; key < 8; key++)
		power_need(!power_store(pool, key, 5000 + key));
	power_clear(pool);
	power_need(!power_store(pool, 4, 200));
	power_need(!maru_abort(pool, &hog));
	give_up(pool);
	return true;
}

/* A value by streaming stores, and one that fills an extent. */
static bool large(unsigned variant)
{
	struct maru_pool *pool = fresh();

	(void)variant;
	power_need(!power_store(pool, 0, (64 << 10) + 100));
	power_need(!power_delete(pool, 0));
	power_need(!power_place(pool, 3, 5000, 200 << 10));
	power_need(!power_store(pool, 0, 5));
	give_up(pool);
	return true;
}

/*
 * Some entries, and a value that is still being written; the log so far.
 */
static uint32_t some_entries(void)
{
	struct maru_pool *pool = fresh();
	struct maru_buf buf;
	uint32_t entries;

	for (unsigned key = 0; key < 8; key++)
		power_need(!power_store(pool, key, key * 700));
	power_need(!power_delete(pool, 5));
	power_need(!maru_alloc(pool, 50000, &buf));
	entries = record->nr;
	give_up(pool);
	return entries;
}

static void fsck(uint32_t flags)
{
	struct maru_fsck_opts o = { .size = sizeof(o), .flags = flags };

	power_watch(true);
	power_need(!maru_fsck(power_target(), &o, NULL));
}

static bool repair(unsigned variant)
{
	(void)variant;
	some_entries();
	fsck(MARU_FSCK_REPAIR | MARU_FSCK_REBUILD);
	return true;
}

/* All that was not made durable is lost, and the repair of it is recorded. */
static bool repair_after_loss(unsigned variant)
{
	(void)variant;
	power_lose(some_entries());
	fsck(MARU_FSCK_REPAIR);
	return true;
}

static void format(void)
{
	struct maru_create_opts o = power_opts();
	struct power_op *op;

	power_watch(true);
	op = power_op(POWER_SWEEP, 0);
	op->sweeps = true;
	o.flags |= MARU_CREATE_FORCE;
	power_need(!maru_create(power_target(), &o));
	power_done(NULL, op, 0);
}

static bool made(unsigned variant)
{
	(void)variant;
	power_begin_empty(8 << 20);
	format();
	return true;
}

static bool made_over(unsigned variant)
{
	(void)variant;
	some_entries();
	format();
	return true;
}

/* Clients that die ----------------------------------------------------------- */

static void store_2(struct maru_pool *pool)
{
	power_need(!power_store(pool, 2, 200));
}

static void replace_1(struct maru_pool *pool)
{
	power_need(!power_delete(pool, 1));
	power_need(!power_write(pool, 1, 130, true));
}

static void place_20(struct maru_pool *pool)
{
	power_need(!power_place(pool, 20, 50, 40000));
}

/* Who comes across what is half done, before the dead is cleaned up after. */
static bool after_writer(unsigned variant)
{
	struct maru_pool *pool = fresh();
	bool died;

	power_need(!power_store(pool, 1, 100));
	died = power_child(store_2, variant);
	power_need(power_store(pool, 2, 300) >= 0);
	power_need(maru_reap(pool) >= 0);
	power_sync(pool);
	power_need(!power_store(pool, 3, 400));
	power_need(!power_delete(pool, 2));
	power_need(!power_store(pool, 2, 310));
	give_up(pool);
	return died;
}

static bool after_remover(unsigned variant)
{
	struct maru_pool *pool = fresh();
	bool died;
	int rc;

	power_need(!power_store(pool, 1, 100));
	power_need(!power_store(pool, 0, 100));
	died = power_child(replace_1, variant);
	rc = power_store(pool, 1, 300);
	power_need(rc >= 0);
	power_need(!power_store(pool, 3, 400));
	power_need(maru_reap(pool) >= 0);
	power_need(!power_delete(pool, 1));
	power_need(!power_store(pool, 1, 310));
	give_up(pool);
	return died;
}

/* An extent of two slabs; at the end only the second one's block is used. */
static bool after_maker(unsigned variant)
{
	struct maru_pool *pool = fresh();
	struct maru_buf buf;
	bool died;

	power_need(!power_store(pool, 1, 100));
	power_leave(pool, 3);
	/* the first time that room is made, unused extents are given back */
	power_need(maru_alloc(pool, 1 << 20, &buf) == -ENOSPC);
	died = power_child(place_20, variant);
	for (unsigned key = 21; key < 24; key++)
		power_need(!power_place(pool, key, 60, 40000));
	power_need(maru_reap(pool) >= 0);
	for (unsigned key = 20; key < 23; key++)
		power_delete(pool, key);
	power_need(!power_delete(pool, 1));
	give_up(pool);
	return died;
}

/* At random ------------------------------------------------------------------- */

static void step(struct maru_pool *pool, uint64_t *random)
{
	unsigned key = (unsigned)(test_random(random) % 10);
	size_t len = test_random(random) % 700;
	unsigned what = (unsigned)(test_random(random) % 8);

	if (power_story->version[key] + 2 > POWER_VERSIONS)
		what = 7;
	if (what < 3)
		power_store(pool, key, len);
	else if (what == 3)
		power_write(pool, key, len, true);
	else if (what == 4)
		power_place(pool, key, len, test_random(random) % 60000);
	else if (what == 5 && test_random(random) % 8 == 0)
		power_clear(pool);
	else if (what == 6 && test_random(random) % 4 == 0)
		power_sync(pool);
	else
		power_delete(pool, key);
}

void power_random(uint64_t seed, unsigned steps)
{
	struct maru_create_opts o = power_opts();
	struct maru_pool *pool[2];

	o.flags |= seed & 1 ? MARU_CREATE_CRC : 0;
	power_begin(&o);
	pool[0] = power_open();
	pool[1] = power_open();
	if (seed & 2)
		power_leave(pool[0], 2 + seed % 3);
	while (steps--)
		step(pool[test_random(&seed) & 1], &seed);
	give_up(pool[0]);
	power_close(pool[1]);
}

const struct power_scene power_scenes[] = {
	{ "all verbs", all_verbs, 0, false, true },
	{ "classes", classes, 0, false, true },
	{ "stored anew", stored_anew, 0, false, true },
	{ "evicting", evicting, 0, false, true },
	{ "large", large, 0, false, true },
	{ "proven", proven, 0, false, false },
	{ "repair", repair, 1, false, false },
	{ "repair after loss", repair_after_loss, 1, false, false },
	{ "made", made, 8, false, false },
	{ "made over another", made_over, 8, false, false },
	{ "after a dead writer", after_writer, 0, true, true },
	{ "after a dead remover", after_remover, 0, true, true },
	{ "after a dead maker", after_maker, 0, true, true },
};
const unsigned power_scene_nr = TEST_LEN(power_scenes);

const struct power_scene *power_scene(const char *name)
{
	for (unsigned i = 0; i < power_scene_nr; i++)
		if (!strcmp(power_scenes[i].name, name))
			return &power_scenes[i];
	for (unsigned i = 0; i < loss_scene_nr; i++)
		if (!strcmp(loss_scenes[i].name, name))
			return &loss_scenes[i];
	return NULL;
}
