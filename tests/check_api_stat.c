// SPDX-License-Identifier: BSD-3-Clause
/* Looking on: the walk over the entries, the counters, the list of clients. */
#include "common.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* Walks the pool; how often each number below @nr was met, in @seen. */
static unsigned walk(struct maru_pool *pool, unsigned *seen, unsigned nr)
{
	struct maru_entry *e = malloc(sizeof(*e));
	struct maru_iter it = { 0 };
	unsigned met = 0;
	int rc;

	memset(seen, 0, nr * sizeof(*seen));
	while ((rc = maru_iter_next(pool, &it, e)) == 1) {
		unsigned no = 0;

		ck_assert_uint_lt(e->klen, TEST_KEY);
		e->key[e->klen] = '\0';
		ck_assert_int_eq(sscanf((char *)e->key, "number %u", &no), 1);
		ck_assert_uint_lt(no, nr);
		seen[no]++;
		met++;
	}
	ck_assert_int_eq(rc, 0);
	free(e);
	return met;
}

START_TEST(a_walk_sees_every_entry_once)
{
	struct maru_pool *pool = test_pool(NULL);
	unsigned seen[500];

	ck_assert_uint_eq(walk(pool, seen, TEST_LEN(seen)), 0);
	for (unsigned no = 0; no < TEST_LEN(seen); no++)
		ck_assert_int_eq(test_put(pool, no, no * 37), 0);
	ck_assert_uint_eq(walk(pool, seen, TEST_LEN(seen)), TEST_LEN(seen));
	for (unsigned no = 0; no < TEST_LEN(seen); no++)
		ck_assert_uint_eq(seen[no], 1);
}
END_TEST

START_TEST(a_walk_tells_what_an_entry_is)
{
	struct maru_pool *pool = test_pool(NULL);
	struct maru_entry e;
	struct maru_iter it = { 0 };
	struct maru_view view;

	ck_assert_int_eq(test_put(pool, 5, 4321), 0);
	ck_assert_int_eq(maru_pin(pool, S("number 5"), 2), 0);
	ck_assert_int_eq(test_hold(pool, 5, &view), 0);
	ck_assert_int_eq(maru_iter_next(pool, &it, &e), 1);
	ck_assert_uint_eq(e.len, 4321);
	ck_assert_uint_ge(e.block, e.len);
	ck_assert_uint_eq(e.pins, 3);
	ck_assert_uint_eq(e.klen, 8);
	ck_assert_mem_eq(e.key, "number 5", 8);
	ck_assert_uint_eq(e.ref.addr, view.ref.addr);
	ck_assert_uint_eq(e.ref.version, view.ref.version);
	ck_assert_uint_le(e.use, 3);
	ck_assert_int_eq(maru_iter_next(pool, &it, &e), 0);
	ck_assert_int_eq(maru_release(pool, &view), 0);
	ck_assert_int_eq(maru_unpin(pool, S("number 5"), 2), 0);
}
END_TEST

START_TEST(a_walk_tells_long_keys_in_full)
{
	struct maru_pool *pool = test_pool(NULL);
	unsigned char key[MARU_KEY_MAX];
	struct maru_entry *e = malloc(sizeof(*e));
	struct maru_iter it = { 0 };

	test_fill(key, sizeof(key), 1);
	ck_assert_int_eq(maru_store(pool, key, sizeof(key), S("v")), 0);
	ck_assert_int_eq(maru_iter_next(pool, &it, e), 1);
	ck_assert_uint_eq(e->klen, sizeof(key));
	ck_assert_mem_eq(e->key, key, sizeof(key));
	free(e);
}
END_TEST

START_TEST(a_walk_survives_deletes_under_it)
{
	struct maru_pool *pool = test_pool(NULL);
	struct maru_entry *e = malloc(sizeof(*e));
	struct maru_iter it = { 0 };
	unsigned met = 0;

	for (unsigned no = 0; no < 400; no++)
		ck_assert_int_eq(test_put(pool, no, 100), 0);
	while (maru_iter_next(pool, &it, e) == 1) {
		met++;
		ck_assert_int_eq(maru_delete(pool, e->key, e->klen), 0);
	}
	ck_assert_uint_eq(met, 400);
	ck_assert_uint_eq(test_stats(pool).entries, 0);
	free(e);
}
END_TEST

START_TEST(a_walk_sees_what_stays_while_the_rest_goes)
{
	struct maru_pool *pool = test_pool(NULL);
	struct maru_entry *e = malloc(sizeof(*e));
	struct maru_iter it = { 0 };
	unsigned stay = 0, victim = 1;

	for (unsigned no = 0; no < 400; no++)
		ck_assert_int_eq(test_put(pool, no, 100), 0);
	while (maru_iter_next(pool, &it, e) == 1) {
		/* Even numbers stay; odd ones go and others come. */
		stay += (e->key[e->klen - 1] - '0') % 2 == 0;
		if (victim < 400)
			ck_assert_int_eq(test_drop(pool, victim), 0);
		if (victim < 400)
			ck_assert_int_eq(test_put(pool, 1001 + victim * 2, 9),
					 0);
		victim += 2;
	}
	ck_assert_uint_eq(stay, 200);
	free(e);
}
END_TEST

START_TEST(an_unfinished_claim_is_no_entry)
{
	struct maru_pool *pool = test_pool(NULL);
	unsigned seen[4];
	struct maru_buf buf;

	ck_assert_int_eq(maru_reserve(pool, S("number 1"), 10, &buf), 0);
	ck_assert_uint_eq(walk(pool, seen, TEST_LEN(seen)), 0);
	ck_assert_uint_eq(test_stats(pool).entries, 0);
	ck_assert_int_eq(maru_abort(pool, &buf), 0);
}
END_TEST

START_TEST(the_pool_at_a_glance)
{
	struct maru_pool *pool = test_pool(NULL);
	struct maru_stats st = test_stats(pool);

	ck_assert_uint_eq(st.pool_bytes, 32u << 20);
	ck_assert_uint_gt(st.data_bytes, st.pool_bytes / 2);
	ck_assert_uint_lt(st.data_bytes, st.pool_bytes);
	ck_assert_uint_eq(st.used_bytes, 0);
	ck_assert_uint_eq(st.entries, 0);
	ck_assert_uint_eq(st.regions, 1);
	ck_assert_uint_eq(st.clients, 1);
	ck_assert_uint_eq(st.max_clients, 16);
	ck_assert_int_eq(test_put(pool, 1, 5000), 0);
	ck_assert_int_eq(test_put(pool, 2, 3), 0);
	test_open(0);
	st = test_stats(pool);
	ck_assert_uint_eq(st.entries, 2);
	ck_assert_uint_eq(st.value_bytes, 5003);
	ck_assert_uint_eq(st.clients, 2);
}
END_TEST

START_TEST(every_counter_counts_its_own)
{
	struct maru_pool *pool = test_pool(NULL);
	struct maru_counters c;
	struct maru_view view;
	struct maru_buf buf, no;
	size_t len;

	ck_assert_int_eq(test_put(pool, 1, 100), 0);
	ck_assert_int_eq(test_put(pool, 1, 100), MARU_EXISTED);
	ck_assert_int_eq(test_get(pool, 1, 100), 0);
	ck_assert_int_eq(test_get(pool, 2, 100), -ENOENT);
	ck_assert_int_eq(test_hold(pool, 1, &view), 0);
	ck_assert_int_eq(test_drop(pool, 1), -EBUSY);
	ck_assert_int_eq(maru_release(pool, &view), 0);
	ck_assert_int_eq(maru_release(pool, &view), MARU_E_STALE);
	ck_assert_int_eq(test_has(pool, 1), 1);
	ck_assert_int_eq(test_has(pool, 2), 0);
	ck_assert_int_eq(maru_reserve(pool, S("k"), 10, &buf), 0);
	ck_assert_int_eq(maru_reserve(pool, S("k"), 10, &no), -EINPROGRESS);
	ck_assert_int_eq(maru_abort(pool, &buf), 0);
	ck_assert_int_eq(test_drop(pool, 1), 0);
	ck_assert_int_eq(test_put(pool, 3, 10), 0);
	ck_assert_int_eq(maru_evict(pool, 1, NULL), 0);
	ck_assert_int_eq(maru_read(pool, S("k"), NULL, 0, &len), -ENOENT);
	c = test_stats(pool).self;
	ck_assert_uint_eq(c.stores, 2);
	ck_assert_uint_eq(c.store_bytes, 110);
	ck_assert_uint_eq(c.existed, 1);
	ck_assert_uint_eq(c.hits, 2);
	ck_assert_uint_eq(c.hit_bytes, 200);
	ck_assert_uint_eq(c.misses, 2);
	ck_assert_uint_eq(c.exists_hits, 1);
	ck_assert_uint_eq(c.exists_misses, 1);
	ck_assert_uint_eq(c.busy, 1);
	ck_assert_uint_eq(c.releases, 1);
	ck_assert_uint_eq(c.stale, 1);
	ck_assert_uint_eq(c.reserves, 1);
	ck_assert_uint_eq(c.in_progress, 1);
	ck_assert_uint_eq(c.aborts, 1);
	ck_assert_uint_eq(c.deletes, 1);
	ck_assert_uint_eq(c.evictions, 1);
	ck_assert_uint_eq(c.corrupt, 0);
}
END_TEST

static void put_ten_and_read_them(struct maru_pool *pool, unsigned first)
{
	for (unsigned no = first; no < first + 10; no++) {
		ck_assert_int_eq(test_put(pool, no, 50), 0);
		ck_assert_int_eq(test_get(pool, no, 50), 0);
	}
	test_scene->no[0] = (int64_t)test_stats(pool).self.stores;
}

START_TEST(counters_outlive_their_client)
{
	struct maru_pool *pool = test_pool(NULL);

	for (unsigned i = 1; i <= 3; i++) {
		test_ended(test_client(put_ten_and_read_them, i * 100));
		ck_assert_int_eq(test_scene->no[0], 10);
		ck_assert_uint_eq(test_stats(pool).total.stores, i * 10);
		ck_assert_uint_eq(test_stats(pool).total.hits, i * 10);
	}
	ck_assert_uint_eq(test_stats(pool).self.stores, 0);
}
END_TEST

START_TEST(counters_only_grow)
{
	struct maru_pool *pool = test_pool(NULL);
	struct maru_stats was = test_stats(pool), is;

	for (unsigned i = 0; i < 50; i++) {
		ck_assert_int_ge(test_put(pool, i % 7, 100), 0);
		test_get(pool, i % 11, 100);
		test_drop(pool, i % 5);
		if (i % 10 == 0)
			test_close(test_open(0));
		is = test_stats(pool);
#define MARU_X(name, text) ck_assert_uint_ge(is.total.name, was.total.name);
		MARU_COUNTERS(MARU_X)
#undef MARU_X
		was = is;
	}
}
END_TEST

START_TEST(stats_of_an_unknown_size_are_refused)
{
	struct maru_pool *pool = test_pool(NULL);
	struct maru_stats st = { .size = 0 };

	ck_assert_int_eq(maru_stats(pool, &st), -EINVAL);
}
END_TEST

START_TEST(stats_of_an_older_size_are_filled_so_far)
{
	struct maru_pool *pool = test_pool(NULL);
	struct maru_stats st;

	memset(&st, 0x5a, sizeof(st));
	st.size = offsetof(struct maru_stats, total);
	ck_assert_int_eq(maru_stats(pool, &st), 0);
	ck_assert_uint_eq(st.max_clients, 16);
	ck_assert_uint_eq(st.self.corrupt, 0x5a5a5a5a5a5a5a5au);
}
END_TEST

static uint64_t number(const json_t *object, const char *name)
{
	const json_t *value = json_object_get(object, name);

	ck_assert_msg(json_is_integer(value), "no number \"%s\"", name);
	return (uint64_t)json_integer_value(value);
}

static void counters_equal(const json_t *o, const struct maru_counters *c)
{
	ck_assert_ptr_nonnull(o);
#define MARU_X(name, text) ck_assert_uint_eq(number(o, #name), c->name);
	MARU_COUNTERS(MARU_X)
#undef MARU_X
}

START_TEST(the_json_says_what_the_struct_says)
{
	struct maru_pool *pool = test_pool(NULL);
	struct maru_stats st;
	char buf[16384];
	json_t *o;
	int len;

	ck_assert_int_eq(test_put(pool, 1, 100), 0);
	ck_assert_int_eq(test_get(pool, 1, 100), 0);
	ck_assert_int_eq(maru_pin(pool, S("number 1"), 2), 0);
	st = test_stats(pool);
	len = maru_stats_json(pool, buf, sizeof(buf));
	ck_assert_int_gt(len, 0);
	ck_assert_uint_eq(strlen(buf), (size_t)len);
	o = json_loads(buf, JSON_REJECT_DUPLICATES, NULL);
	ck_assert_ptr_nonnull(o);
	ck_assert_uint_eq(number(o, "pool_bytes"), st.pool_bytes);
	ck_assert_uint_eq(number(o, "data_bytes"), st.data_bytes);
	ck_assert_uint_eq(number(o, "used_bytes"), st.used_bytes);
	ck_assert_uint_eq(number(o, "value_bytes"), st.value_bytes);
	ck_assert_uint_eq(number(o, "entries"), st.entries);
	ck_assert_uint_eq(number(o, "buffers"), st.buffers);
	ck_assert_uint_eq(number(o, "claims"), st.claims);
	ck_assert_uint_eq(number(o, "pinned_entries"), st.pinned_entries);
	ck_assert_uint_eq(number(o, "pins"), st.pins);
	ck_assert_uint_eq(number(o, "regions"), st.regions);
	ck_assert_uint_eq(number(o, "clients"), st.clients);
	ck_assert_uint_eq(number(o, "max_clients"), st.max_clients);
	counters_equal(json_object_get(o, "total"), &st.total);
	counters_equal(json_object_get(o, "self"), &st.self);
	json_decref(o);
	ck_assert_int_eq(maru_unpin(pool, S("number 1"), 2), 0);
}
END_TEST

START_TEST(the_json_fits_any_buffer)
{
	struct maru_pool *pool = test_pool(NULL);
	char buf[10];
	int len = maru_stats_json(pool, NULL, 0);

	ck_assert_int_gt(len, 100);
	memset(buf, 'x', sizeof(buf));
	ck_assert_int_eq(maru_stats_json(pool, buf, 9), len);
	ck_assert_uint_eq(strlen(buf), 8);
	ck_assert_int_eq(buf[9], 'x');
}
END_TEST

START_TEST(clients_are_listed_with_what_they_hold)
{
	struct maru_open_opts o = { .size = sizeof(o), .name = "second one" };
	struct maru_pool *pool = test_pool(NULL), *second;
	struct maru_client c[4];
	struct maru_buf buf;

	ck_assert_int_eq(maru_open(test_target(), &o, &second), 0);
	ck_assert_int_eq(test_put(pool, 1, 10), 0);
	ck_assert_int_eq(maru_pin(second, S("number 1"), 3), 0);
	ck_assert_int_eq(maru_alloc(second, 10, &buf), 0);
	ck_assert_int_eq(maru_clients(pool, NULL, 0), 2);
	ck_assert_int_eq(maru_clients(pool, c, 1), 2);
	ck_assert_int_eq(maru_clients(pool, c, TEST_LEN(c)), 2);
	ck_assert_uint_ne(c[0].slot, c[1].slot);
	ck_assert_int_eq(c[0].state, MARU_CLIENT_ACTIVE);
	ck_assert_int_eq(c[0].pid, getpid());
	ck_assert_int_eq(c[0].alive, 1);
	ck_assert_uint_eq(c[0].pins, 0);
	ck_assert_uint_eq(c[0].counters.stores, 1);
	ck_assert_uint_le(c[0].joined_ns, c[1].joined_ns);
	ck_assert_str_eq(c[1].name, "second one");
	ck_assert_uint_eq(c[1].pins, 3);
	ck_assert_uint_eq(c[1].pinned_entries, 1);
	ck_assert_uint_eq(c[1].buffers, 1);
	ck_assert_int_eq(maru_abort(second, &buf), 0);
	ck_assert_int_eq(maru_unpin(second, S("number 1"), 3), 0);
	ck_assert_int_eq(maru_close(second, 0), 0);
	ck_assert_int_eq(maru_clients(pool, c, TEST_LEN(c)), 1);
}
END_TEST

START_TEST(a_client_is_named_after_its_program)
{
	struct maru_pool *pool = test_pool(NULL);
	struct maru_client c;

	ck_assert_int_eq(maru_clients(pool, &c, 1), 1);
	ck_assert_uint_gt(strlen(program_invocation_short_name), 0);
	ck_assert_mem_eq(c.name, program_invocation_short_name, strlen(c.name));
	ck_assert_str_ne(c.name, "");
}
END_TEST

START_TEST(a_long_name_of_a_client_is_refused_or_cut)
{
	struct maru_open_opts o = { .size = sizeof(o) };
	char name[100];
	struct maru_pool *pool = test_pool(NULL), *second;
	struct maru_client c[2];
	int rc;

	memset(name, 'n', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	o.name = name;
	rc = maru_open(test_target(), &o, &second);
	if (rc == 0) {
		ck_assert_int_eq(maru_clients(pool, c, 2), 2);
		ck_assert_uint_eq(strlen(c[1].name), MARU_NAME_MAX);
		ck_assert_int_eq(maru_close(second, 0), 0);
	} else {
		ck_assert_int_eq(rc, -EINVAL);
	}
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		a_walk_sees_every_entry_once,
		a_walk_tells_what_an_entry_is,
		a_walk_tells_long_keys_in_full,
		a_walk_survives_deletes_under_it,
		a_walk_sees_what_stays_while_the_rest_goes,
		an_unfinished_claim_is_no_entry,
		the_pool_at_a_glance,
		every_counter_counts_its_own,
		counters_outlive_their_client,
		counters_only_grow,
		stats_of_an_unknown_size_are_refused,
		stats_of_an_older_size_are_filled_so_far,
		the_json_says_what_the_struct_says,
		the_json_fits_any_buffer,
		clients_are_listed_with_what_they_hold,
		a_client_is_named_after_its_program,
		a_long_name_of_a_client_is_refused_or_cut,
	};

	return test_run("looking on", TEST_MEDIA, tests, TEST_LEN(tests));
}
