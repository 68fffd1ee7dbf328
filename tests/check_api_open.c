// SPDX-License-Identifier: BSD-3-Clause
/* Handles: opening, closing, several at once, read-only ones, and fork. */
#include "common.h"

#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

START_TEST(a_second_open_sees_the_entries_of_the_first)
{
	struct maru_pool *pool = test_pool(NULL), *second;

	ck_assert_int_eq(test_put(pool, 1, 5000), 0);
	second = test_open(0);
	ck_assert_int_eq(test_get(second, 1, 5000), 0);
	ck_assert_int_eq(test_put(second, 1, 10), MARU_EXISTED);
}
END_TEST

START_TEST(what_was_stored_stays_after_close)
{
	struct maru_pool *pool = test_pool(NULL);

	for (unsigned no = 0; no < 50; no++)
		ck_assert_int_eq(test_put(pool, no, no * 300), 0);
	test_close(pool);
	pool = test_open(0);
	ck_assert_uint_eq(test_stats(pool).entries, 50);
	for (unsigned no = 0; no < 50; no++)
		ck_assert_int_eq(test_get(pool, no, no * 300), 0);
}
END_TEST

static void put_fifty(struct maru_pool *pool, unsigned first)
{
	for (unsigned no = first; no < first + 50; no++)
		ck_assert_int_eq(test_put(pool, no, no * 30), 0);
}

START_TEST(the_cache_is_warm_after_all_processes_have_gone)
{
	struct maru_pool *pool;

	test_format(NULL);
	test_ended(test_client(put_fifty, 0));
	test_ended(test_client(put_fifty, 50));
	pool = test_open(0);
	ck_assert_uint_eq(test_stats(pool).clients, 1);
	ck_assert_uint_eq(test_stats(pool).entries, 100);
	for (unsigned no = 0; no < 100; no++)
		ck_assert_int_eq(test_get(pool, no, no * 30), 0);
	/* The teardown compares with what an empty pool uses. */
	ck_assert_int_eq(maru_clear(pool, NULL), 0);
	ck_assert_uint_eq(test_stats(pool).used_bytes, 0);
}
END_TEST

START_TEST(close_with_a_view_held_is_busy)
{
	struct maru_pool *pool = test_pool(NULL);
	struct maru_view view;

	ck_assert_int_eq(test_put(pool, 1, 10), 0);
	ck_assert_int_eq(test_hold(pool, 1, &view), 0);
	ck_assert_int_eq(maru_close(pool, 0), -EBUSY);
	ck_assert(test_verify(view.data, view.len, 1));
	ck_assert_int_eq(maru_release(pool, &view), 0);
	test_close(pool);
}
END_TEST

START_TEST(close_with_pins_is_busy)
{
	struct maru_pool *pool = test_pool(NULL);

	ck_assert_int_eq(maru_store(pool, S("k"), S("v")), 0);
	ck_assert_int_eq(maru_pin(pool, S("k"), 1), 0);
	ck_assert_int_eq(maru_close(pool, 0), -EBUSY);
	ck_assert_int_eq(maru_unpin(pool, S("k"), 1), 0);
	test_close(pool);
}
END_TEST

START_TEST(close_with_a_buffer_is_busy)
{
	struct maru_pool *pool = test_pool(NULL);
	struct maru_buf buf;

	ck_assert_int_eq(maru_alloc(pool, 10, &buf), 0);
	ck_assert_int_eq(maru_close(pool, 0), -EBUSY);
	ck_assert_int_eq(maru_abort(pool, &buf), 0);
	ck_assert_int_eq(maru_reserve(pool, S("k"), 10, &buf), 0);
	ck_assert_int_eq(maru_close(pool, 0), -EBUSY);
	ck_assert_int_eq(maru_commit(pool, &buf, NULL, 0, NULL), 0);
	test_close(pool);
}
END_TEST

START_TEST(a_forced_close_gives_everything_back)
{
	struct maru_pool *pool = test_pool(NULL), *other;
	struct maru_view view;
	struct maru_buf buf, claim;
	struct maru_stats st;

	ck_assert_int_eq(maru_open(test_target(), NULL, &other), 0);
	ck_assert_int_eq(test_put(pool, 1, 10), 0);
	ck_assert_int_eq(test_hold(other, 1, &view), 0);
	ck_assert_int_eq(maru_pin(other, S("number 1"), 7), 0);
	ck_assert_int_eq(maru_alloc(other, 99, &buf), 0);
	ck_assert_int_eq(maru_reserve(other, S("k"), 99, &claim), 0);
	ck_assert_int_eq(maru_close(other, MARU_CLOSE_FORCE), 0);
	st = test_stats(pool);
	ck_assert_uint_eq(st.clients, 1);
	ck_assert_uint_eq(st.pins, 0);
	ck_assert_uint_eq(st.buffers, 0);
	ck_assert_uint_eq(st.claims, 0);
	ck_assert_int_eq(test_drop(pool, 1), 0);
	ck_assert_int_eq(maru_store(pool, S("k"), S("v")), 0);
}
END_TEST

START_TEST(close_of_nothing_is_fine)
{
	ck_assert_int_eq(maru_close(NULL, 0), 0);
	ck_assert_int_eq(maru_close(NULL, MARU_CLOSE_FORCE), 0);
}
END_TEST

START_TEST(close_refuses_unknown_flags)
{
	struct maru_pool *pool = test_pool(NULL);

	ck_assert_int_eq(maru_close(pool, 0x80), -EINVAL);
	ck_assert_int_eq(test_put(pool, 1, 10), 0);
}
END_TEST

START_TEST(slots_come_back_with_close)
{
	struct maru_pool *pool = test_pool(NULL);

	for (unsigned i = 0; i < 100; i++)
		test_close(test_open(0));
	ck_assert_uint_eq(test_stats(pool).clients, 1);
}
END_TEST

START_TEST(a_pool_full_of_living_clients_says_so)
{
	struct maru_create_opts o = test_opts();
	struct maru_pool *last = NULL;
	int rc;

	o.max_clients = 3;
	test_pool(&o);
	test_open(0);
	test_open(0);
	rc = maru_open(test_target(), NULL, &last);
	ck_assert_int_eq(rc, -EUSERS);
	ck_assert_ptr_null(last);
	ck_assert_str_ne(maru_errmsg(), "");
}
END_TEST

START_TEST(open_options_of_a_wrong_size_are_refused)
{
	struct {
		struct maru_open_opts o;
		uint64_t more;
	} big = { .o.size = sizeof(big), .more = 1 };
	struct maru_pool *pool;

	test_pool(NULL);
	ck_assert_int_lt(maru_open(test_target(), &big.o, &pool), 0);
	ck_assert_ptr_null(pool);
	big.more = 0;
	ck_assert_int_eq(maru_open(test_target(), &big.o, &pool), 0);
	ck_assert_int_eq(maru_close(pool, 0), 0);
	big.o.size = 0;
	ck_assert_int_eq(maru_open(test_target(), &big.o, &pool), -EINVAL);
	big.o.size = sizeof(big.o);
	big.o.flags = 0x8000;
	ck_assert_int_eq(maru_open(test_target(), &big.o, &pool), -EINVAL);
	big.o.flags = 0;
	big.o.reserved = 1;
	ck_assert_int_eq(maru_open(test_target(), &big.o, &pool), -EINVAL);
}
END_TEST

START_TEST(open_can_fault_the_pool_in)
{
	struct maru_pool *pool = test_pool(NULL);

	ck_assert_int_eq(test_put(pool, 1, 5000), 0);
	ck_assert_int_eq(test_get(test_open(MARU_OPEN_PREFAULT_META), 1, 5000),
			 0);
	ck_assert_int_eq(test_get(test_open(MARU_OPEN_PREFAULT_ALL), 1, 5000),
			 0);
	pool = test_open(MARU_OPEN_PREFAULT_ALL | MARU_OPEN_RDONLY);
	ck_assert_int_eq(test_get(pool, 1, 5000), 0);
}
END_TEST

START_TEST(a_read_only_handle_reads)
{
	struct maru_pool *pool = test_pool(NULL), *reader;
	struct maru_entry e;
	struct maru_iter it = { 0 };
	struct maru_stats st;

	ck_assert_int_eq(test_put(pool, 1, 5000), 0);
	reader = test_open(MARU_OPEN_RDONLY);
	ck_assert_int_eq(test_get(reader, 1, 5000), 0);
	ck_assert_int_eq(test_get(reader, 2, 5000), -ENOENT);
	ck_assert_int_eq(test_has(reader, 1), 1);
	ck_assert_int_eq(test_has(reader, 2), 0);
	ck_assert_int_eq(maru_iter_next(reader, &it, &e), 1);
	ck_assert_uint_eq(e.len, 5000);
	st = test_stats(reader);
	ck_assert_uint_eq(st.entries, 1);
	ck_assert_uint_eq(st.self.hits, 0);
	ck_assert_int_eq(test_put(pool, 2, 77), 0);
	ck_assert_int_eq(test_get(reader, 2, 77), 0);
	test_sound(reader);
	test_close(reader);
}
END_TEST

START_TEST(a_read_only_handle_takes_no_slot)
{
	struct maru_pool *pool = test_pool(NULL);
	struct maru_client c[2];

	for (unsigned i = 0; i < 30; i++)
		test_open(MARU_OPEN_RDONLY);
	ck_assert_uint_eq(test_stats(pool).clients, 1);
	ck_assert_int_eq(maru_clients(pool, c, 2), 1);
}
END_TEST

START_TEST(a_read_only_handle_changes_nothing)
{
	struct maru_pool *pool = test_pool(NULL), *reader;
	struct maru_view view;
	struct maru_buf buf;
	struct maru_ref ref;

	ck_assert_int_eq(test_put(pool, 1, 100), 0);
	ck_assert_int_eq(test_hold(pool, 1, &view), 0);
	ref = view.ref;
	ck_assert_int_eq(maru_release(pool, &view), 0);
	reader = test_open(MARU_OPEN_RDONLY);
	ck_assert_int_eq(test_put(reader, 2, 10), -EROFS);
	ck_assert_int_eq(test_hold(reader, 1, &view), -EROFS);
	ck_assert_int_eq(test_drop(reader, 1), -EROFS);
	ck_assert_int_eq(maru_touch(reader, S("number 1")), -EROFS);
	ck_assert_int_eq(maru_pin(reader, S("number 1"), 1), -EROFS);
	ck_assert_int_eq(maru_unpin(reader, S("number 1"), 1), -EROFS);
	ck_assert_int_eq(maru_ref_pin(reader, &ref, 1), -EROFS);
	ck_assert_int_eq(maru_alloc(reader, 10, &buf), -EROFS);
	ck_assert_int_eq(maru_reserve(reader, S("k"), 10, &buf), -EROFS);
	ck_assert_int_eq(maru_clear(reader, NULL), -EROFS);
	ck_assert_int_eq(maru_evict(reader, 1, NULL), -EROFS);
	ck_assert_int_eq(maru_reap(reader), -EROFS);
	ck_assert_int_eq(test_get(pool, 1, 100), 0);
}
END_TEST

/* Writes where the read-only mapping says that the values are. */
static void write_through(struct maru_pool *none, unsigned no)
{
	struct maru_open_opts o = { .size = sizeof(o),
				    .flags = MARU_OPEN_RDONLY };
	struct maru_region r;

	(void)none;
	ck_assert_int_eq(maru_open(test_target(), &o, &none), 0);
	ck_assert_int_eq(maru_region(none, 0, &r), 0);
	signal(SIGSEGV, SIG_DFL);
	*(volatile char *)((uintptr_t)r.base + no * r.data_off) = 1;
}

START_TEST(a_write_through_a_read_only_mapping_faults)
{
	test_pool(NULL);
	test_died_of(test_fork(write_through, 0), SIGSEGV);
	test_died_of(test_fork(write_through, 1), SIGSEGV);
}
END_TEST

START_TEST(an_inspecting_handle_opens_too)
{
	struct maru_pool *pool = test_pool(NULL), *tool;
	struct maru_super super;

	ck_assert_int_eq(test_put(pool, 1, 100), 0);
	tool = test_open(MARU_OPEN_RDONLY | MARU_OPEN_INSPECT);
	ck_assert_int_eq(test_get(tool, 1, 100), 0);
	ck_assert_int_eq(maru_inspect_super(tool, &super), 0);
	ck_assert_uint_eq(super.unit, 4096);
	ck_assert_uint_eq(super.copies_ok, 7);
	ck_assert_uint_eq(super.max_clients, 16);
}
END_TEST

static struct maru_pool *inherited;

static void use_inherited(struct maru_pool *pool, unsigned no)
{
	struct maru_view view;
	struct maru_buf buf;
	struct maru_stats st = { .size = sizeof(st) };

	(void)no;
	pool = inherited;
	ck_assert_int_eq(test_put(pool, 2, 10), MARU_E_CLOSED);
	ck_assert_int_eq(test_get(pool, 1, 10), MARU_E_CLOSED);
	ck_assert_int_eq(test_hold(pool, 1, &view), MARU_E_CLOSED);
	ck_assert_int_eq(test_has(pool, 1), MARU_E_CLOSED);
	ck_assert_int_eq(test_drop(pool, 1), MARU_E_CLOSED);
	ck_assert_int_eq(maru_touch(pool, S("number 1")), MARU_E_CLOSED);
	ck_assert_int_eq(maru_pin(pool, S("number 1"), 1), MARU_E_CLOSED);
	ck_assert_int_eq(maru_unpin(pool, S("number 1"), 1), MARU_E_CLOSED);
	ck_assert_int_eq(maru_wait(pool, S("number 1"), 0), MARU_E_CLOSED);
	ck_assert_int_eq(maru_alloc(pool, 1, &buf), MARU_E_CLOSED);
	ck_assert_int_eq(maru_reserve(pool, S("k"), 1, &buf), MARU_E_CLOSED);
	ck_assert_int_eq(maru_clear(pool, NULL), MARU_E_CLOSED);
	ck_assert_int_eq(maru_evict(pool, 1, NULL), MARU_E_CLOSED);
	ck_assert_int_eq(maru_reap(pool), MARU_E_CLOSED);
	ck_assert_int_eq(maru_stats(pool, &st), MARU_E_CLOSED);
	ck_assert_int_eq(maru_clients(pool, NULL, 0), MARU_E_CLOSED);
	ck_assert_int_eq(maru_check(pool, NULL, NULL), MARU_E_CLOSED);
}

START_TEST(a_forked_child_cannot_use_the_handle)
{
	inherited = test_pool(NULL);
	ck_assert_int_eq(test_put(inherited, 1, 10), 0);
	ck_assert_int_eq(maru_pin(inherited, S("number 1"), 1), 0);
	test_ended(test_fork(use_inherited, 0));
	ck_assert_uint_eq(test_stats(inherited).pins, 1);
	ck_assert_int_eq(test_has(inherited, 2), 0);
	ck_assert_int_eq(maru_unpin(inherited, S("number 1"), 1), 0);
}
END_TEST

static struct maru_view inherited_view;
static struct maru_buf inherited_buf;

static void end_inherited(struct maru_pool *pool, unsigned force)
{
	(void)pool;
	ck_assert_int_eq(maru_release(inherited, &inherited_view),
			 MARU_E_CLOSED);
	ck_assert_int_eq(maru_abort(inherited, &inherited_buf), MARU_E_CLOSED);
	ck_assert_int_eq(maru_commit(inherited, &inherited_buf, S("k"), NULL),
			 MARU_E_CLOSED);
	ck_assert_int_eq(maru_close(inherited, force ? MARU_CLOSE_FORCE : 0),
			 0);
}

START_TEST(a_forked_childs_close_harms_nothing)
{
	inherited = test_pool(NULL);
	ck_assert_int_eq(test_put(inherited, 1, 10), 0);
	ck_assert_int_eq(test_hold(inherited, 1, &inherited_view), 0);
	ck_assert_int_eq(maru_alloc(inherited, 10, &inherited_buf), 0);
	test_ended(test_fork(end_inherited, 0));
	test_ended(test_fork(end_inherited, 1));
	ck_assert_uint_eq(test_stats(inherited).pins, 1);
	ck_assert_uint_eq(test_stats(inherited).buffers, 1);
	ck_assert_uint_eq(test_stats(inherited).clients, 1);
	ck_assert_int_eq(maru_reap(inherited), 0);
	ck_assert(test_verify(inherited_view.data, 10, 1));
	ck_assert_int_eq(maru_release(inherited, &inherited_view), 0);
	ck_assert_int_eq(maru_abort(inherited, &inherited_buf), 0);
}
END_TEST

static void open_own(struct maru_pool *pool, unsigned no)
{
	ck_assert_int_eq(test_get(pool, no, 10), 0);
	ck_assert_int_eq(maru_pin(pool, S("number 1"), 1), 0);
	ck_assert_int_eq(test_has(inherited, 1), MARU_E_CLOSED);
	ck_assert_int_eq(maru_unpin(pool, S("number 1"), 1), 0);
	ck_assert_int_eq(maru_close(inherited, 0), 0);
	ck_assert_int_eq(test_get(pool, no, 10), 0);
}

START_TEST(a_forked_child_opens_its_own)
{
	inherited = test_pool(NULL);
	ck_assert_int_eq(test_put(inherited, 1, 10), 0);
	test_ended(test_client(open_own, 1));
	ck_assert_uint_eq(test_stats(inherited).clients, 1);
}
END_TEST

/* Forks a child that outlives it; that one must not look like this client. */
static void leave_a_child_behind(struct maru_pool *pool, unsigned no)
{
	ck_assert_int_eq(maru_pin(pool, S("number 1"), no), 0);
	test_scene->no[0] = fork();
	if (test_scene->no[0] == 0)
		test_pass(&test_scene->go);
	else
		test_stay();
	_exit(0);
}

START_TEST(a_child_left_behind_does_not_keep_its_parents_slot)
{
	struct maru_pool *pool = test_pool(NULL);
	pid_t client;

	ck_assert_int_eq(test_put(pool, 1, 10), 0);
	client = test_staying(leave_a_child_behind, 3);
	ck_assert_uint_eq(test_stats(pool).pins, 3);
	test_kill(client);
	ck_assert_int_eq(maru_reap(pool), 1);
	ck_assert_uint_eq(test_stats(pool).pins, 0);
	test_post(&test_scene->go);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		a_second_open_sees_the_entries_of_the_first,
		what_was_stored_stays_after_close,
		the_cache_is_warm_after_all_processes_have_gone,
		close_with_a_view_held_is_busy,
		close_with_pins_is_busy,
		close_with_a_buffer_is_busy,
		a_forced_close_gives_everything_back,
		close_of_nothing_is_fine,
		close_refuses_unknown_flags,
		slots_come_back_with_close,
		a_pool_full_of_living_clients_says_so,
		open_options_of_a_wrong_size_are_refused,
		open_can_fault_the_pool_in,
		a_read_only_handle_reads,
		a_read_only_handle_takes_no_slot,
		a_read_only_handle_changes_nothing,
		a_write_through_a_read_only_mapping_faults,
		an_inspecting_handle_opens_too,
		a_forked_child_cannot_use_the_handle,
		a_forked_childs_close_harms_nothing,
		a_forked_child_opens_its_own,
		a_child_left_behind_does_not_keep_its_parents_slot,
	};

	return test_run("handles", TEST_MEDIA, tests, TEST_LEN(tests));
}
