// SPDX-License-Identifier: BSD-3-Clause
/* What happens to a pool of two hosts until one of them is lost. */
#include "common.h"
#include "common_power.h"

#include "cache/pool.h"

#include <errno.h>
#include <string.h>

static struct maru_pool *fresh(const struct maru_create_opts *opts)
{
	power_begin(opts);
	record_be(1, POWER_NEVER);
	return power_open();
}

/* Who lives on is there still when the other one is lost. */
static void live_on(struct maru_pool *survivor)
{
	record_stop();
	power_need(!maru_close(survivor, MARU_CLOSE_FORCE));
}

static void close_as(struct maru_pool *pool, unsigned who)
{
	record_be(who, POWER_NEVER);
	power_need(!maru_close(pool, MARU_CLOSE_FORCE));
}

/* Keys of one home, so that it overflows. */
static void move_home(struct maru_pool *pool, unsigned keys)
{
	char name[MARU_KEY_MAX];
	struct dir_key k;

	for (unsigned no = 0; no < keys; no++)
		for (;; power_story->salt[no]++) {
			size_t len = power_key(name, no);

			power_need(power_story->salt[no] < 400);
			dir_key_init(&pool->dir, &k, name, len);
			if (dir_home(&pool->dir, k.h.h0) == 0)
				break;
		}
}

/* Seven are in their home; others go, and come back elsewhere. */
static bool overflow(unsigned variant)
{
	struct maru_create_opts o = power_opts();
	struct maru_pool *a;

	(void)variant;
	o.unit = 65536;
	a = fresh(&o);
	move_home(a, 12);
	for (unsigned key = 0; key < 10; key++)
		power_need(!power_store(a, key, 20 + key));
	power_need(!power_delete(a, 8));
	power_need(!power_delete(a, 9));
	power_need(!power_delete(a, 7));
	power_need(!power_store(a, 10, 40));
	power_need(!power_write(a, 11, 50, true));
	power_need(!power_delete(a, 2));
	power_need(!power_store(a, 8, 60));
	close_as(a, 1);
	return true;
}

/* Extents of several slabs, given back, and others where they were. */
static bool runs(unsigned variant)
{
	struct maru_create_opts o = power_opts();
	struct maru_pool *a = fresh(&o);

	(void)variant;
	power_leave(a, 4);
	for (unsigned key = 0; key < 3; key++)
		power_need(power_place(a, key, 60, 40000) >= -ENOSPC);
	power_clear(a);
	for (unsigned key = 3; key < 8; key++)
		power_need(!power_store(a, key, 50));
	power_need(!power_place(a, 9, 60, 100000));
	power_clear(a);
	power_need(!power_place(a, 10, 60, 200000));
	power_clear(a);
	for (unsigned key = 11; key < 14; key++)
		power_need(!power_place(a, key, 70, 9000));
	close_as(a, 1);
	return true;
}

/* Buffers and claims, given up, committed and left. */
static bool buffers(unsigned variant)
{
	struct maru_create_opts o = power_opts();
	struct maru_pool *a = fresh(&o);
	struct maru_buf buf, claim;
	char name[MARU_KEY_MAX];
	size_t len = power_key(name, 20);

	(void)variant;
	power_need(!maru_alloc(a, 100, &buf));
	power_need(!maru_reserve(a, name, len, 100, &claim));
	power_need(!power_store(a, 0, 30));
	power_need(!maru_abort(a, &buf));
	power_need(!maru_abort(a, &claim));
	power_need(!power_write(a, 1, 30, true));
	power_need(power_write(a, 1, 50, false) == MARU_EXISTED);
	power_need(!maru_alloc(a, 200000, &buf));
	power_need(!maru_abort(a, &buf));
	power_need(!maru_reserve(a, name, len, 100, &claim));
	power_need(!maru_alloc(a, 100, &buf));
	power_need(!power_delete(a, 0));
	close_as(a, 1);
	return true;
}

static void step(struct maru_pool *pool, uint64_t *random)
{
	unsigned key = (unsigned)(test_random(random) % 8);
	size_t len = test_random(random) % 500;
	unsigned what = (unsigned)(test_random(random) % 8);

	if (power_story->version[key] + 2 > POWER_VERSIONS)
		what = 7;
	if (what < 3)
		power_store(pool, key, len);
	else if (what == 3)
		power_write(pool, key, len, true);
	else if (what == 4)
		power_place(pool, key, len, test_random(random) % 60000);
	else
		power_delete(pool, key);
}

void loss_random(uint64_t seed, unsigned steps)
{
	struct maru_create_opts o = power_opts();
	struct maru_pool *pool[2];

	pool[1] = fresh(&o);
	pool[0] = loss_survivor(pool[1]);
	if (seed & 1)
		power_leave(pool[0], 2 + seed % 3);
	while (steps--) {
		unsigned who = test_random(&seed) & 1;

		record_be(who, POWER_NEVER);
		step(pool[who], &seed);
	}
	close_as(pool[1], 1);
	live_on(pool[0]);
}

static bool in_turn(unsigned variant)
{
	loss_random(variant, 24);
	return true;
}

/* All that it had is given back when it leaves, and only then it is lost. */
static bool left(unsigned variant)
{
	struct maru_create_opts o = power_opts();
	struct maru_pool *a = fresh(&o), *b;
	struct maru_buf buf;
	struct maru_view view;
	char name[MARU_KEY_MAX];
	size_t len = power_key(name, 1);

	(void)variant;
	power_need(!power_store(a, 1, 100));
	power_need(!maru_retrieve(a, name, len, &view));
	power_need(!maru_alloc(a, 3000, &buf));
	b = loss_survivor(a);
	record_be(1, POWER_NEVER);
	power_need(!power_place(a, 2, 100, 40000));
	power_need(!power_delete(a, 2));
	power_need(!maru_alloc(a, 600000, &buf));
	power_need(!maru_abort(a, &buf));
	close_as(a, 1);
	record_be(0, POWER_NEVER);
	power_need(power_store(b, 1, 40) == MARU_EXISTED);
	power_need(!power_store(b, 3, 40));
	live_on(b);
	return true;
}

const struct power_scene loss_scenes[] = {
	{ "overflow", overflow, 0, false, true },
	{ "runs", runs, 0, false, true },
	{ "buffers", buffers, 0, false, true },
	{ "in turn", in_turn, 0, false, true },
	{ "left", left, 0, false, true },
};
const unsigned loss_scene_nr = TEST_LEN(loss_scenes);
