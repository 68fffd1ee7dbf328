// SPDX-License-Identifier: BSD-3-Clause
/* Values whose memory fails: SIGBUS at the library's own accesses is -EIO. */
#include "common_poison.h"
#include "common_room.h"

#include <string.h>

static struct maru_pool *guarded(uint32_t create, uint32_t open)
{
	struct maru_create_opts o = test_opts();

	o.flags |= create;
	test_format(&o);
	return test_open(MARU_OPEN_GUARD | open);
}

static const void *value_at(struct maru_pool *p, unsigned no)
{
	struct maru_view view;
	const void *at;

	ck_assert_int_eq(test_hold(p, no, &view), 0);
	at = view.data;
	ck_assert_int_eq(maru_release(p, &view), 0);
	return at;
}

static void says(const char *what)
{
	ck_assert_msg(strstr(maru_errmsg(), what) != NULL, "%s", maru_errmsg());
}

/* One block is out of use, and nothing else has changed. */
static void one_is_bad(struct maru_pool *p)
{
	struct maru_stats st = test_stats(p);

	ck_assert_uint_eq(st.bad, 1);
	ck_assert_uint_eq(st.self.bad, 1);
	ck_assert_uint_eq(st.buffers, 0);
	ck_assert_uint_eq(st.pins, 0);
	test_sound(p);
}

/* The next block that a store of one unit gets. */
static const void *next_block(struct maru_pool *p)
{
	struct maru_buf buf;
	const void *at;

	ck_assert_int_eq(maru_alloc(p, 100, &buf), 0);
	at = buf.data;
	ck_assert_int_eq(maru_abort(p, &buf), 0);
	return at;
}

static void a_store_fails(uint32_t create)
{
	struct maru_pool *p = guarded(create, 0);

	poison_page(next_block(p));
	ck_assert_int_eq(test_put(p, 1, 100), -EIO);
	says("value at address 0x");
	says("memory error");
	one_is_bad(p);
	ck_assert_int_eq(test_has(p, 1), 0);
	ck_assert_int_eq(test_put(p, 1, 100), 0);
	ck_assert_int_eq(test_get(p, 1, 100), 0);
}

START_TEST(a_store_into_failed_memory_is_refused_and_the_next_one_is_not)
{
	a_store_fails(0);
}
END_TEST

START_TEST(a_store_into_failed_memory_of_a_durable_pool)
{
	a_store_fails(MARU_CREATE_DURABLE | MARU_CREATE_CRC);
}
END_TEST

/* Large values are streamed past the cache, by other instructions. */
START_TEST(a_large_store_fails_at_any_page)
{
	struct maru_pool *p = guarded(0, 0);
	struct maru_buf buf;

	ck_assert_int_eq(maru_alloc(p, 200000, &buf), 0);
	poison_page((char *)buf.data + 40 * POISON_PAGE);
	ck_assert_int_eq(maru_abort(p, &buf), 0);
	ck_assert_int_eq(test_put(p, 1, 200000), -EIO);
	one_is_bad(p);
	ck_assert_int_eq(test_put(p, 1, 200000), 0);
	ck_assert_int_eq(test_get(p, 1, 200000), 0);
}
END_TEST

START_TEST(a_commit_that_cannot_be_checksummed_is_refused)
{
	struct maru_pool *p = guarded(MARU_CREATE_CRC, 0);
	struct maru_buf buf;

	ck_assert_int_eq(maru_reserve(p, "key", 3, 100, &buf), 0);
	poison_page(buf.data);
	ck_assert_int_eq(maru_commit(p, &buf, NULL, 0, NULL), -EIO);
	one_is_bad(p);
	ck_assert_int_eq(maru_wait(p, "key", 3, 0), -ENOENT);
	ck_assert_int_eq(maru_store(p, "key", 3, "v", 1), 0);
}
END_TEST

START_TEST(a_long_key_that_cannot_be_written_is_refused)
{
	static char key[500] = "a long key";
	static char value[4096 - 520];
	struct maru_pool *p = guarded(0, 0);
	struct maru_buf buf;

	ck_assert_int_eq(maru_alloc(p, 100, &buf), 0);
	poison_page(buf.data);
	/* the value of no bytes is no access; its key is */
	buf.len = 0;
	ck_assert_int_eq(maru_commit(p, &buf, key, sizeof(key), NULL), -EIO);
	says("key at address 0x");
	one_is_bad(p);
	ck_assert_int_eq(maru_store(p, key, sizeof(key), value, sizeof(value)),
			 0);
	ck_assert_int_eq(maru_exists(p, key, sizeof(key)), 1);
}
END_TEST

START_TEST(an_entry_whose_long_key_has_failed_is_not_found)
{
	static char key[500] = "a long key";
	struct maru_pool *p = guarded(0, 0);
	struct maru_view view;

	ck_assert_int_eq(maru_store(p, key, sizeof(key), "v", 1), 0);
	ck_assert_int_eq(maru_retrieve(p, key, sizeof(key), &view), 0);
	poison_page(view.data);
	ck_assert_int_eq(maru_exists(p, key, sizeof(key)), 0);
	ck_assert_int_eq(maru_probe(p, &view), -EIO);
	ck_assert_int_eq(maru_release(p, &view), 0);
	one_is_bad(p);
}
END_TEST

START_TEST(a_verified_retrieve_finds_failed_memory_and_the_key_is_free)
{
	struct maru_pool *p = guarded(MARU_CREATE_CRC, MARU_OPEN_VERIFY);
	struct maru_view view;

	ck_assert_int_eq(test_put(p, 1, 5000), 0);
	poison_page((const char *)value_at(p, 1) + POISON_PAGE);
	ck_assert_int_eq(test_hold(p, 1, &view), -EIO);
	says("value at address 0x");
	ck_assert_ptr_null(view.data);
	one_is_bad(p);
	ck_assert_int_eq(test_has(p, 1), 0);
	ck_assert_int_eq(test_put(p, 1, 5000), 0);
	ck_assert_int_eq(test_get(p, 1, 5000), 0);
}
END_TEST

START_TEST(a_read_finds_failed_memory)
{
	struct maru_pool *p = guarded(0, 0);

	ck_assert_int_eq(test_put(p, 1, 5000), 0);
	poison_page((const char *)value_at(p, 1) + POISON_PAGE);
	ck_assert_int_eq(test_get(p, 1, 5000), -EIO);
	one_is_bad(p);
	ck_assert_int_eq(test_get(p, 1, 5000), -ENOENT);
}
END_TEST

/* Each key of a batch for itself. */
START_TEST(a_batch_goes_on_past_failed_memory)
{
	struct maru_pool *p = guarded(0, 0);
	struct maru_value val[3] = {
		{ "value", 5 },
		{ "value", 5 },
		{ "value", 5 },
	};
	struct maru_view view[3];
	int res[3];

	poison_page(next_block(p));
	ck_assert_int_eq(maru_store_batch(p, TEST_KEYS(1, 2, 3), val, res), 2);
	ck_assert_int_eq(res[0], -EIO);
	ck_assert_int_eq(res[1] + res[2], 0);
	one_is_bad(p);
	ck_assert_int_eq(maru_exists_batch(p, TEST_KEYS(1, 2, 3), res), 2);
	ck_assert_int_eq(maru_retrieve_batch(p, TEST_KEYS(1, 2, 3), view, res),
			 2);
	ck_assert_int_eq(res[0], -ENOENT);
	ck_assert_int_eq(maru_release_batch(p, view, 3, NULL), 2);
}
END_TEST

START_TEST(a_reader_that_writes_nothing_is_told_and_goes_on)
{
	struct maru_pool *p = guarded(0, 0);
	struct maru_pool *ro = test_open(MARU_OPEN_RDONLY | MARU_OPEN_GUARD);
	struct dir_hit hit;
	struct room_key k;

	ck_assert_int_eq(test_put(p, 1, 100), 0);
	ck_assert_int_eq(test_put(p, 2, 100), 0);
	room_key(p, &k, 1);
	ck_assert_int_eq(dir_peek(&p->dir, &k.k, &hit), 0);
	poison_page(slab_data(&ro->slab, hit.idx));
	ck_assert_int_eq(test_get(ro, 1, 100), -EIO);
	ck_assert_int_eq(test_get(ro, 2, 100), 0);
	ck_assert_int_eq(test_get(p, 1, 100), 0); /* its mapping is whole */
	ck_assert_uint_eq(test_stats(p).bad, 0);
}
END_TEST

START_TEST(a_probe_retires_the_block_and_the_hold_is_still_released)
{
	struct maru_pool *p = guarded(0, 0);
	struct maru_view view, again, other;

	ck_assert_int_eq(test_put(p, 1, 20000), 0);
	ck_assert_int_eq(test_put(p, 2, 20000), 0);
	ck_assert_int_eq(test_hold(p, 1, &view), 0);
	ck_assert_int_eq(test_hold(p, 1, &again), 0);
	ck_assert_int_eq(test_hold(p, 2, &other), 0);
	ck_assert_int_eq(maru_probe(p, &view), 0);
	poison_page((const char *)view.data + 4 * POISON_PAGE);
	ck_assert_int_eq(maru_probe(p, &view), -EIO);
	ck_assert_int_eq(test_has(p, 1), 0);
	ck_assert_int_eq(maru_probe(p, &again), -EIO);
	ck_assert_int_eq(maru_probe(p, &other), 0);
	ck_assert_int_eq(maru_release(p, &view), 0);
	ck_assert_int_eq(maru_probe(p, &view), MARU_E_STALE);
	ck_assert_int_eq(maru_release(p, &again), 0);
	ck_assert_int_eq(maru_release(p, &again), MARU_E_STALE);
	ck_assert_int_eq(maru_release(p, &other), 0);
	one_is_bad(p);
}
END_TEST

START_TEST(a_probe_without_the_guard_is_a_look_at_what_is_whole)
{
	struct maru_pool *p = test_pool(NULL);
	struct maru_view view, none = { 0 };

	ck_assert_int_eq(test_put(p, 1, 5000), 0);
	ck_assert_int_eq(test_hold(p, 1, &view), 0);
	ck_assert_int_eq(maru_probe(p, &view), 0);
	ck_assert_int_eq(maru_probe(p, &none), MARU_E_STALE);
	ck_assert_int_eq(maru_probe(p, NULL), -EINVAL);
	ck_assert_int_eq(maru_release(p, &view), 0);
}
END_TEST

START_TEST(a_hold_of_one_who_was_declared_dead_is_stale_under_the_guard_too)
{
	struct maru_pool *p = guarded(0, 0);
	a64 *word = &p->client.slots[p->client.self].word;
	uint64_t w = a64_load_full(word);
	struct maru_view view;

	ck_assert_int_eq(test_put(p, 1, 100), 0);
	ck_assert_int_eq(test_hold(p, 1, &view), 0);
	a64_store_full(word, client_make(CLIENT_DEAD, client_inc(w)));
	ck_assert_int_eq(maru_release(p, &view), MARU_E_STALE);
	a64_store_full(word, w);
	ck_assert_int_eq(maru_release(p, &view), 0);
}
END_TEST

/* Pins by key and by reference end as on an entry. */
START_TEST(pins_on_a_bad_block_are_given_back)
{
	struct maru_pool *p = guarded(0, 0);
	struct maru_view view;
	struct maru_ref ref;
	const void *data;
	size_t len;

	ck_assert_int_eq(test_put(p, 1, 100), 0);
	ck_assert_int_eq(test_hold(p, 1, &view), 0);
	ref = view.ref;
	ck_assert_int_eq(maru_ref_pin(p, &ref, 2), 0);
	poison_page(view.data);
	ck_assert_int_eq(maru_probe(p, &view), -EIO);
	ck_assert_int_eq(maru_ref_data(p, &ref, &data, &len), -EIO);
	ck_assert_int_eq(maru_ref_unpin(p, &ref, 1), 0);
	ck_assert_int_eq(maru_release(p, &view), 0);
	ck_assert_int_eq(maru_close(p, 0), -EBUSY);
	{
		char key[TEST_KEY];
		size_t klen = test_key(key, 1);

		ck_assert_int_eq(maru_unpin(p, key, klen, 1), 0);
		ck_assert_int_eq(maru_unpin(p, key, klen, 1), -ENOENT);
	}
	one_is_bad(p);
}
END_TEST

/* A zombie: it was deleted under the hold. */
START_TEST(a_deleted_entry_that_is_held_can_be_retired_too)
{
	struct maru_pool *p = guarded(0, 0);
	struct room_key k;
	struct dir_hit hit;
	struct maru_view view;

	ck_assert_int_eq(test_put(p, 1, 100), 0);
	ck_assert_int_eq(test_hold(p, 1, &view), 0);
	room_key(p, &k, 1);
	ck_assert_int_eq(dir_peek(&p->dir, &k.k, &hit), 0);
	room_set(p, hit.idx, BLOCK_DYING, 0);
	poison_page(view.data);
	ck_assert_int_eq(maru_probe(p, &view), -EIO);
	ck_assert_int_eq(room_state(p, hit.idx), BLOCK_BAD);
	ck_assert_int_eq(maru_release(p, &view), 0);
	ck_assert_int_eq(room_state(p, hit.idx), BLOCK_BAD);
	one_is_bad(p);
}
END_TEST

START_TEST(eviction_touches_no_values_and_finds_bad_blocks_no_room)
{
	struct maru_pool *p = guarded(0, 0);
	struct maru_stats st;
	const void *at;

	ck_assert_int_eq(test_put(p, 0, 100), 0);
	at = value_at(p, 0);
	poison_page(at);
	for (unsigned no = 1; no < 25000; no++) {
		int rc = test_put(p, no, 100);

		/* once, when the block that has failed is handed out again */
		if (rc == -EIO) {
			ck_assert_int_eq(test_put(p, no, 100), 0);
			continue;
		}
		ck_assert_int_eq(rc, 0);
	}
	one_is_bad(p);
	st = test_stats(p);
	ck_assert_uint_eq(st.entries, st.data_bytes / POISON_PAGE - 1);
}
END_TEST

/* Its extent serves its other blocks and cannot be given back. */
START_TEST(an_extent_with_a_bad_block_stays_of_its_class)
{
	struct maru_open_opts o = {
		.size = sizeof(o),
		.flags = MARU_OPEN_GUARD,
	};
	struct maru_buf buf;
	struct maru_view view;
	struct maru_pool *p;
	uint64_t units;
	unsigned nr = 0;

	test_format(NULL);
	ck_assert_int_eq(maru_open(test_target(), &o, &p), 0);

	ck_assert_int_eq(test_put(p, 1, 100), 0);
	ck_assert_int_eq(test_hold(p, 1, &view), 0);
	poison_page(view.data);
	ck_assert_int_eq(maru_probe(p, &view), -EIO);
	ck_assert_int_eq(maru_release(p, &view), 0);
	units = test_stats(p).data_bytes / POISON_PAGE;
	/* blocks of a whole slab: all slabs but the one can be had for them */
	while (!maru_alloc(p, 64 * POISON_PAGE, &buf))
		nr++;
	ck_assert_uint_eq(nr, units / 64 - 1);
	while (!maru_alloc(p, POISON_PAGE, &buf))
		nr++;
	ck_assert_uint_eq(nr, units / 64 - 1 + 63);
	ck_assert_int_eq(maru_close(p, MARU_CLOSE_FORCE), 0);
}
END_TEST

int main(void)
{
	const TTest *tests[] = {
		a_store_into_failed_memory_is_refused_and_the_next_one_is_not,
		a_store_into_failed_memory_of_a_durable_pool,
		a_large_store_fails_at_any_page,
		a_commit_that_cannot_be_checksummed_is_refused,
		a_long_key_that_cannot_be_written_is_refused,
		an_entry_whose_long_key_has_failed_is_not_found,
		a_verified_retrieve_finds_failed_memory_and_the_key_is_free,
		a_read_finds_failed_memory,
		a_batch_goes_on_past_failed_memory,
		a_reader_that_writes_nothing_is_told_and_goes_on,
		a_probe_retires_the_block_and_the_hold_is_still_released,
		a_probe_without_the_guard_is_a_look_at_what_is_whole,
		a_hold_of_one_who_was_declared_dead_is_stale_under_the_guard_too,
		pins_on_a_bad_block_are_given_back,
		a_deleted_entry_that_is_held_can_be_retired_too,
		eviction_touches_no_values_and_finds_bad_blocks_no_room,
		an_extent_with_a_bad_block_stays_of_its_class,
	};

	return test_run("memory that fails", TEST_MEM, tests, TEST_LEN(tests));
}
